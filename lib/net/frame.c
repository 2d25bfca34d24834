/* SPDX-License-Identifier: Apache-2.0 */
/* Frames that announce an address or ask for it. Pure. */
#include <arpa/inet.h>
#include <linux/if_arp.h>
#include <linux/if_ether.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip6.h>
#include <string.h>

#include <bw/announce.h>

#define ND_HOP_LIMIT 255 /* RFC 4861 section 7.1: anything else is dropped by the receiver */
#define ND_OPT_UNITS 1 /* an Ethernet address option is one unit of 8 bytes */

/* RFC 826 over Ethernet and IPv4. */
struct arp_packet {
	uint16_t hrd, pro;
	uint8_t hln, pln;
	uint16_t op;
	uint8_t sha[6], spa[4], tha[6], tpa[4];
} __attribute__((packed));

/* RFC 4861 section 4.3, 4.4: NS and NA differ only in type and flags. */
struct nd_packet {
	uint8_t type, code;
	uint16_t sum;
	uint32_t flags;
	uint8_t target[16];
	uint8_t opt_type, opt_units, opt_mac[6];
} __attribute__((packed));

static const uint8_t all_nodes[16] = { 0xff, 0x02, [15] = 1 };

static void put(struct bw_frame *f, const void *data, size_t size)
{
	memcpy(f->data + f->size, data, size);
	f->size += size;
}

static void put16(struct bw_frame *f, uint16_t v)
{
	v = htons(v);
	put(f, &v, sizeof(v));
}

static void put_ethernet(struct bw_frame *f, const uint8_t dst[6], const uint8_t src[6],
			 uint16_t vlan, uint16_t proto)
{
	f->size = 0;
	put(f, dst, ETH_ALEN);
	put(f, src, ETH_ALEN);
	if (vlan) {
		put16(f, ETH_P_8021Q);
		put16(f, vlan);
	}
	put16(f, proto);
}

void bw_frame_arp(struct bw_frame *f, const struct bw_frame_arp *a)
{
	struct arp_packet p = { .hrd = htons(ARPHRD_ETHER),
				.pro = htons(ETH_P_IP),
				.hln = ETH_ALEN,
				.pln = 4,
				.op = htons(a->op) };

	memcpy(p.sha, a->sha.b, sizeof(p.sha));
	memcpy(p.tha, a->tha.b, sizeof(p.tha));
	memcpy(p.spa, bw_ip_bytes(&a->spa), sizeof(p.spa));
	memcpy(p.tpa, bw_ip_bytes(&a->tpa), sizeof(p.tpa));
	put_ethernet(f, a->dst.b, a->sha.b, a->vlan, ETH_P_ARP);
	put(f, &p, sizeof(p));
}

static uint32_t sum16(uint32_t sum, const uint8_t *p, size_t size)
{
	for (size_t i = 0; i + 1 < size; i += 2)
		sum += (uint32_t)(p[i] << 8 | p[i + 1]);
	if (size % 2)
		sum += (uint32_t)p[size - 1] << 8;
	return sum;
}

uint16_t bw_frame_icmp6_sum(const uint8_t src[16], const uint8_t dst[16], const void *msg,
			    size_t size)
{
	uint32_t sum = sum16(sum16(sum16(0, src, 16), dst, 16), msg, size);

	sum += (uint32_t)size + IPPROTO_ICMPV6;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

static void put_nd(struct bw_frame *f, const uint8_t src[16], const uint8_t dst[16],
		   struct nd_packet *p, size_t size)
{
	struct ip6_hdr ip = { 0 };

	ip.ip6_flow = htonl(6U << 28);
	ip.ip6_plen = htons((uint16_t)size);
	ip.ip6_nxt = IPPROTO_ICMPV6;
	ip.ip6_hlim = ND_HOP_LIMIT;
	memcpy(&ip.ip6_src, src, 16);
	memcpy(&ip.ip6_dst, dst, 16);
	p->sum = bw_frame_icmp6_sum(src, dst, p, size);
	put(f, &ip, sizeof(ip));
	put(f, p, size);
}

void bw_frame_na(struct bw_frame *f, const struct bw_mac *mac, const struct bw_ip *ip,
		 uint16_t vlan)
{
	static const uint8_t dst_mac[6] = { 0x33, 0x33, 0, 0, 0, 1 };
	struct nd_packet p = { .type = ND_NEIGHBOR_ADVERT,
			       .flags = ND_NA_FLAG_OVERRIDE,
			       .opt_type = ND_OPT_TARGET_LINKADDR,
			       .opt_units = ND_OPT_UNITS };

	memcpy(p.target, bw_ip_bytes(ip), sizeof(p.target));
	memcpy(p.opt_mac, mac->b, sizeof(p.opt_mac));
	put_ethernet(f, dst_mac, mac->b, vlan, ETH_P_IPV6);
	put_nd(f, p.target, all_nodes, &p, sizeof(p));
}

void bw_frame_ns_probe(struct bw_frame *f, const struct bw_mac *mac, const struct bw_ip *ip,
		       uint16_t vlan)
{
	/* Solicited-node group: ff02::1:ffXX:XXXX (RFC 4291 section 2.7.1). */
	uint8_t group[16] = { 0xff, 0x02, [11] = 1, [12] = 0xff };
	uint8_t dst_mac[6] = { 0x33, 0x33, 0xff };
	static const uint8_t unspecified[16];
	struct nd_packet p = { .type = ND_NEIGHBOR_SOLICIT };

	memcpy(p.target, bw_ip_bytes(ip), sizeof(p.target));
	memcpy(group + 13, p.target + 13, 3);
	memcpy(dst_mac + 3, p.target + 13, 3);
	put_ethernet(f, dst_mac, mac->b, vlan, ETH_P_IPV6);
	/* From :: there must be no source link-layer option (RFC 4861 section 4.3). */
	put_nd(f, unspecified, group, &p, offsetof(struct nd_packet, opt_type));
}
