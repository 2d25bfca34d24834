/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* ARP of a checked pod: the sender pair is its own. */
#pragma once

#include "spoof.h"

/* linux/if_arp.h, which needs more than a BPF program has */
#define BW_ARPHRD_ETHER 1
#define BW_ARPOP_REQUEST 1

/* RFC 826 over Ethernet and IPv4. */
struct bw_arp {
	__be16 htype;
	__be16 ptype;
	__u8 hlen;
	__u8 plen;
	__be16 op;
	__u8 sha[ETH_ALEN];
	__u8 spa[4];
	__u8 tha[ETH_ALEN];
	__u8 tpa[4];
};
_Static_assert(sizeof(struct bw_arp) == 28, "bw_arp");

static __always_inline int bw_check_arp(struct __sk_buff *skb, const struct bw_ep *ep, __u32 off)
{
	struct bw_arp arp;
	__be32 spa;

	if (bpf_skb_load_bytes(skb, off, &arp, sizeof(arp)))
		return -BW_DROP_ARP;
	if (arp.htype != bpf_htons(BW_ARPHRD_ETHER) || arp.ptype != bpf_htons(ETH_P_IP) ||
	    arp.hlen != ETH_ALEN || arp.plen != sizeof(arp.spa))
		return -BW_DROP_ARP;
	if (!bw_mac_is(arp.sha, ep->mac))
		return -BW_DROP_ARP;
	__builtin_memcpy(&spa, arp.spa, sizeof(spa));
	if (bw_owns4(ep, spa))
		return BW_NEXT;
	/* A probe (RFC 5227, 2.1.1) asks before it has an address. */
	if (!spa && arp.op == bpf_htons(BW_ARPOP_REQUEST))
		return BW_NEXT;
	return -BW_DROP_ARP;
}
