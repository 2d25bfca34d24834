/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Anti-spoofing: may this pod send this frame? A short inline test lets ordinary TCP and UDP
 * through; whatever it does not know goes to one full check, which alone may drop. What cannot be
 * read is dropped: it never fails open.
 */
#pragma once

#include "spoof.h"
#include "spoof_arp.h"
#include "spoof_ip4.h"
#include "spoof_ip6.h"
#include "vlan.h"

#define BW_VLANS_MAX 2 /* tags in the frame itself; the device has taken one more off already */

struct bw_vlan_hdr {
	__be16 tci;
	__be16 proto;
};

/*
 * Steps over the tags in the frame: *proto and *off become those of the payload. 0; -BW_DROP_VLAN:
 * a tag that is not allowed here. A priority tag (802.1Q, VID 0) names no VLAN and is allowed,
 * once.
 */
static __always_inline int bw_check_tags(struct __sk_buff *skb, const struct bw_ep *ep,
					 __be16 *proto, __u32 *off)
{
	int is_trunk = !!(ep->flags & BW_EP_F_TRUNK), has_tag = 0;
	struct bw_vlan_hdr h;

	if (skb->vlan_present) {
		if (!is_trunk &&
		    (skb->vlan_proto != bpf_htons(ETH_P_8021Q) || skb->vlan_tci & BW_VID_MASK))
			return -BW_DROP_VLAN;
		has_tag = 1;
	}
	for (int i = 0; i < BW_VLANS_MAX && bw_is_vlan(*proto); i++) {
		if (bpf_skb_load_bytes(skb, *off, &h, sizeof(h)))
			return -BW_DROP_VLAN;
		if (!is_trunk &&
		    (has_tag || *proto != bpf_htons(ETH_P_8021Q) || h.tci & bpf_htons(BW_VID_MASK)))
			return -BW_DROP_VLAN;
		has_tag = 1;
		*proto = h.proto;
		*off += sizeof(h);
	}
	return bw_is_vlan(*proto) ? -BW_DROP_VLAN : 0;
}

static __always_inline int bw_check_l3(struct __sk_buff *skb, const struct bw_ep *ep, __be16 proto,
				       __u32 off)
{
	if (proto == bpf_htons(ETH_P_ARP))
		return bw_check_arp(skb, ep, off);
	if (proto == bpf_htons(ETH_P_IP))
		return bw_check_ip4(skb, ep, off);
	if (proto == bpf_htons(ETH_P_IPV6))
		return bw_check_ip6(skb, ep, off);
	return ep->flags & BW_EP_F_ANY_PROTO ? BW_NEXT : -BW_DROP_PROTO;
}

/* The full check, by copying loads: right for any layout of the frame, and rare. */
static __noinline int bw_check_full(struct __sk_buff *skb, const struct bw_ep *ep)
{
	__u32 off = ETH_HLEN;
	struct ethhdr eth __attribute__((aligned(8)));
	__be16 proto;
	int r;

	if (!ep || bpf_skb_load_bytes(skb, 0, &eth, sizeof(eth)))
		return -BW_DROP_PARSE;
	/* In netkit the sender's word for the protocol is what the bridge would go by. */
	if (ep->flags & BW_EP_F_NETKIT && skb->protocol != eth.h_proto)
		return -BW_DROP_PARSE;
	if (ep->flags & BW_EP_F_CHECK_MAC && !bw_mac_is(eth.h_source, ep->mac))
		return -BW_DROP_MAC;
	proto = eth.h_proto;
	r = bw_check_tags(skb, ep, &proto, &off);
	if (r || !(ep->flags & BW_EP_F_CHECK_IP))
		return r;
	return bw_check_l3(skb, ep, proto, off);
}

/* TCP needs no look inside, and neither does UDP between ports no DHCP speaks on. */
static __always_inline int bw_is_plain_l4(const struct bw_pkt *p, __u8 proto, const void *l4,
					  __u16 server, __u16 client)
{
	const struct bw_ports *ports = l4;

	if (likely(proto == IPPROTO_TCP))
		return 1;
	return proto == IPPROTO_UDP && (const void *)(ports + 1) <= p->end &&
	       ports->src != bpf_htons(server) && ports->dst != bpf_htons(client);
}

static __always_inline int bw_is_plain4(const struct bw_pkt *p, const struct bw_ep *ep)
{
	const struct iphdr *ip = (const void *)(p->eth + 1);

	/* version 4 and no options in one byte */
	if (*(const __u8 *)ip != 0x45 || ip->frag_off & bpf_htons(BW_IP_FRAG))
		return 0;
	return bw_owns4(ep, ip->saddr) &&
	       bw_is_plain_l4(p, ip->protocol, ip + 1, BW_DHCP_SERVER_PORT, BW_DHCP_CLIENT_PORT);
}

static __always_inline int bw_is_plain6(const struct bw_pkt *p, const struct bw_ep *ep)
{
	const struct ipv6hdr *ip = (const void *)(p->eth + 1);

	if ((const void *)(ip + 1) > p->end || ip->version != 6)
		return 0;
	return bw_owns6(ep, &ip->saddr) &&
	       bw_is_plain_l4(p, ip->nexthdr, ip + 1, BW_DHCP6_SERVER_PORT, BW_DHCP6_CLIENT_PORT);
}

/* Untagged, with the pod's MAC; and where addresses are checked, TCP or UDP with one of its own. */
static __always_inline int bw_is_plain(struct __sk_buff *skb, const struct bw_pkt *p,
				       const struct bw_ep *ep)
{
	__be16 proto = p->eth->h_proto;

	if (skb->vlan_present || !bw_mac_equal(p->eth->h_source, ep->mac))
		return 0;
	if (!(ep->flags & BW_EP_F_CHECK_IP))
		return !bw_is_vlan(proto);
	if (skb->protocol != proto)
		return 0;
	if (likely(proto == bpf_htons(ETH_P_IP)))
		return bw_is_plain4(p, ep);
	return proto == bpf_htons(ETH_P_IPV6) && bw_is_plain6(p, ep);
}

/* 0, or -BW_DROP_* */
static __always_inline int bw_check(struct __sk_buff *skb, const struct bw_pkt *p,
				    const struct bw_ep *ep)
{
	if (!(ep->flags & (BW_EP_F_CHECK_MAC | BW_EP_F_CHECK_IP)) ||
	    likely(bw_is_plain(skb, p, ep)))
		return 0;
	return bw_check_full(skb, ep);
}
