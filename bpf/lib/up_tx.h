/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What leaves by the uplink of a VLAN that the programs carry: the one place that pushes the tag.
 */
#pragma once

#include "remote.h"
#include "vlan.h"

static __always_inline int bw_up_tx_run(struct __sk_buff *skb, const struct bw_uplink *up)
{
	struct bw_pkt p;

	bw_note_clear(skb);
	if (bw_pkt_open(&p, skb))
		return up->flags & BW_UPLINK_F_VLAN ? -BW_DROP_PARSE : BW_NEXT;
	if (skb->cb[0] != BW_MARK_FAST && skb->ingress_ifindex != skb->ifindex)
		bw_remote_forget(skb->ifindex, up->vid, p.eth->h_source);
	return bw_vlan_out(skb, up, p.eth);
}
