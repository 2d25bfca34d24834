/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The cursor: the Ethernet header, and the promise how much of the frame may be touched. */
#pragma once

#include <linux/ip.h>
#include <linux/ipv6.h>

#include "defs.h"

#define BW_HDR_MIN (ETH_HLEN + sizeof(struct iphdr)) /* no ARP, IPv4 or IPv6 frame is shorter */
#define BW_HDR_IP6 (ETH_HLEN + sizeof(struct ipv6hdr))

struct bw_pkt {
	struct ethhdr *eth;
	void *end;
};

static __always_inline int bw_pkt_fits(const struct bw_pkt *p, __u32 size)
{
	return (void *)p->eth + size <= p->end;
}

static __always_inline void bw_pkt_set(struct bw_pkt *p, struct __sk_buff *skb)
{
	p->eth = (void *)(long)skb->data;
	p->end = (void *)(long)skb->data_end;
}

/*
 * Makes BW_HDR_MIN bytes readable; 0 or -1: the frame is shorter. The pull happens only for a
 * frame whose headers lie in fragments: it un-clones, which costs a TCP frame 3 to 4 % of a round
 * trip.
 */
static __always_inline int bw_pkt_open(struct bw_pkt *p, struct __sk_buff *skb)
{
	bw_pkt_set(p, skb);
	if (likely(bw_pkt_fits(p, BW_HDR_MIN)))
		return 0;
	if (bpf_skb_pull_data(skb, skb->len < BW_HDR_IP6 ? skb->len : BW_HDR_IP6))
		return -1;
	bw_pkt_set(p, skb);
	return bw_pkt_fits(p, BW_HDR_MIN) ? 0 : -1;
}

static __always_inline int bw_is_vlan(__be16 proto)
{
	return proto == bpf_htons(ETH_P_8021Q) || proto == bpf_htons(ETH_P_8021AD);
}

static __always_inline int bw_is_ip(__be16 proto)
{
	return proto == bpf_htons(ETH_P_IP) || proto == bpf_htons(ETH_P_IPV6);
}

static __always_inline int bw_is_multicast(const struct ethhdr *eth)
{
	return eth->h_dest[0] & 1;
}

/* The two halves of a MAC, as it lies in memory: cheaper to compare and copy than six bytes. */
static __always_inline __u16 bw_mac_hi(const __u8 *mac)
{
	return *(const __u16 *)mac;
}

static __always_inline __u32 bw_mac_lo(const __u8 *mac)
{
	return *(const __u32 *)(mac + sizeof(__u16));
}

static __always_inline int bw_mac_equal(const __u8 *a, const __u8 *b)
{
	return bw_mac_hi(a) == bw_mac_hi(b) && bw_mac_lo(a) == bw_mac_lo(b);
}

/* For a copy on the stack, where the verifier wants each access aligned. */
static __always_inline int bw_mac_is(const __u8 *copy, const __u8 *mac)
{
	const __u16 *a = (const void *)copy, *b = (const void *)mac;

	return a[0] == b[0] && a[1] == b[1] && a[2] == b[2];
}

static __always_inline void bw_mac_key_set(struct bw_mac_key *key, __u32 dev, __u16 vid,
					   const __u8 *mac)
{
	key->dev = dev;
	key->vid = vid;
	*(__u16 *)key->mac = bw_mac_hi(mac);
	*(__u32 *)(key->mac + sizeof(__u16)) = bw_mac_lo(mac);
}
