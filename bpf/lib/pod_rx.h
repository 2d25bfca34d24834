/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What reaches a pod the slow way: counted, charged, and the ground for being sticky. */
#pragma once

#include "bucket.h"
#include "ep.h"
#include "remote.h"
#include "stat.h"
#include "sticky.h"
#include "vlan.h"

/* Translated on its way, as far as anybody can tell from here. */
static __always_inline int bw_makes_sticky(struct __sk_buff *skb, const struct bw_ep *ep,
					   const struct ethhdr *eth)
{
	if (bw_is_multicast(eth) || bw_is_tagged(skb, eth) || !bw_is_ip(eth->h_proto))
		return 0;
	if (ep->flags & BW_EP_F_CHECK_MAC && !bw_mac_equal(eth->h_dest, ep->mac))
		return 0; /* flooded by the bridge, meant for somebody else */
	return !bw_is_hosts(skb);
}

static __always_inline int bw_pod_rx_run(struct __sk_buff *skb, const struct bw_ep *ep)
{
	__u32 note = skb->tc_index;
	struct bw_pkt p;
	int r;

	if (unlikely(ep->flags & BW_EP_F_CUT))
		return -BW_DROP_CUT;
	if (skb->cb[0] == BW_MARK_FAST)
		return BW_NEXT;
	bw_note_clear(skb);
	if (ep->flags & BW_EP_F_RATE_RX) {
		r = bw_bucket_charge(skb, ep->slot, BW_DIR_RX);
		if (r)
			return r;
	}
	if (bw_pkt_open(&p, skb)) {
		bw_count(ep->slot, BW_PATH_RX_SLOW, skb->len);
		return BW_NEXT;
	}
	/* The bridge took the port's own tag off: there was another one below it. */
	if (unlikely(ep->vid && !(ep->flags & BW_EP_F_TRUNK) && bw_is_tagged(skb, p.eth)))
		return -BW_DROP_VLAN;
	bw_count(ep->slot, BW_PATH_RX_SLOW, skb->len);
	if (skb->ingress_ifindex != ep->dev)
		bw_remote_forget(ep->dev, ep->vid, p.eth->h_source);
	if (ep->flags & BW_EP_F_ACCEL && note != BW_NOTE_DIRECT && bw_makes_sticky(skb, ep, p.eth))
		bw_sticky_record(skb, ep, p.eth->h_proto);
	return BW_NEXT;
}
