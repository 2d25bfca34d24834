/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The datapath: four programs of one type, each the same for tcx, clsact and netkit. They return
 * TCX_NEXT (= TC_ACT_UNSPEC) for what is not theirs; take them away and the bridge does it all.
 */
#include "pod_rx.h"
#include "pod_tx.h"
#include "up_rx.h"
#include "up_tx.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Ingress of a pod's host end (netkit: the peer's transmit side): all that the pod sends. */
SEC("tc")
int bw_pod_tx(struct __sk_buff *skb)
{
	const struct bw_ep *ep = bw_ep_get(skb->ifindex);
	__u32 slot;

	if (!ep)
		return TC_ACT_UNSPEC;
	slot = ep->slot;
	return bw_exit(bw_pod_tx_run(skb, ep, &slot), slot);
}

/* Egress of a pod's host end: what comes to it the slow way. */
SEC("tc")
int bw_pod_rx(struct __sk_buff *skb)
{
	const struct bw_ep *ep = bw_ep_get(skb->ifindex);

	if (!ep)
		return TC_ACT_UNSPEC;
	return bw_exit(bw_pod_rx_run(skb, ep), ep->slot);
}

/* Ingress of the uplink: all that comes from outside. */
SEC("tc")
int bw_up_rx(struct __sk_buff *skb)
{
	__u32 slot = BW_SLOTS_MAX;

	return bw_exit(bw_up_rx_run(skb, &slot), slot);
}

/* Egress of the uplink: pushes the tag of a VLAN that the programs carry. */
SEC("tc")
int bw_up_tx(struct __sk_buff *skb)
{
	const struct bw_uplink *up;

	if (skb->cb[0] == BW_MARK_FAST_UNTAGGED)
		return TC_ACT_UNSPEC;
	up = bw_uplink_get(skb->ifindex);
	if (!up)
		return TC_ACT_UNSPEC;
	return bw_exit(bw_up_tx_run(skb, up), up->slot);
}
