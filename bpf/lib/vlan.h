/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A VLAN carried by the programs: the tag exists only between bw_up_tx and the wire. Where the
 * device took the tag off (vlan_present) the frame's own ethertype is the payload's.
 */
#pragma once

#include "pkt.h"
#include "uplink.h"

#define BW_VID_MASK 0x0fff
#define BW_PCP_MASK 0xe000

/* 01:80:c2:00:00:0x, addressed to the next bridge and never forwarded (802.1Q table 8-1). */
static __always_inline int bw_is_link_local(const struct ethhdr *eth)
{
	return bw_mac_hi(eth->h_dest) == bpf_htons(0x0180) &&
	       (bw_mac_lo(eth->h_dest) & bpf_htonl(0xfffffff0)) == bpf_htonl(0xc2000000);
}

static __always_inline int bw_is_tagged(struct __sk_buff *skb, const struct ethhdr *eth)
{
	return skb->vlan_present || bw_is_vlan(eth->h_proto);
}

/* After one pop: is there another tag? */
static __always_inline int bw_is_still_tagged(struct __sk_buff *skb)
{
	return skb->vlan_present || bw_is_vlan(skb->protocol);
}

/* The outer tag's VID and priority; -1: it is not 802.1Q. */
static __always_inline int bw_vlan_tci(struct __sk_buff *skb, const struct ethhdr *eth)
{
	__be16 tci;

	if (skb->vlan_present)
		return skb->vlan_proto == bpf_htons(ETH_P_8021Q) ? (int)skb->vlan_tci : -1;
	if (eth->h_proto != bpf_htons(ETH_P_8021Q) ||
	    bpf_skb_load_bytes(skb, ETH_HLEN, &tci, sizeof(tci)))
		return -1;
	return bpf_ntohs(tci);
}

/* A frame from the wire of @up, not for the fast path: only its own VLAN gets in, and untagged. */
static __always_inline int bw_vlan_in(struct __sk_buff *skb, const struct bw_uplink *up,
				      const struct ethhdr *eth)
{
	int tci;

	if (!(up->flags & BW_UPLINK_F_VLAN) || bw_is_link_local(eth))
		return BW_NEXT;
	tci = bw_is_tagged(skb, eth) ? bw_vlan_tci(skb, eth) : -1;
	if (tci < 0 || (tci & BW_VID_MASK) != up->vid)
		return -BW_DROP_VLAN;
	if (bpf_skb_vlan_pop(skb))
		return -BW_DROP_PARSE;
	return bw_is_still_tagged(skb) ? -BW_DROP_VLAN : BW_NEXT;
}

/* A frame to the wire of @up. A priority tag becomes the tag's priority; no other tag leaves. */
static __always_inline int bw_vlan_out(struct __sk_buff *skb, const struct bw_uplink *up,
				       const struct ethhdr *eth)
{
	int tci = 0;

	if (!(up->flags & BW_UPLINK_F_VLAN) || bw_is_link_local(eth))
		return BW_NEXT;
	if (unlikely(bw_is_tagged(skb, eth))) {
		tci = bw_vlan_tci(skb, eth);
		if (tci < 0 || tci & BW_VID_MASK || bpf_skb_vlan_pop(skb) ||
		    bw_is_still_tagged(skb))
			return -BW_DROP_VLAN;
	}
	if (bpf_skb_vlan_push(skb, bpf_htons(ETH_P_8021Q), (tci & BW_PCP_MASK) | up->vid))
		return -BW_DROP_PARSE;
	return BW_NEXT;
}
