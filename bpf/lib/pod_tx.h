/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a pod sends: checked, then to a neighbour on this node, to the uplink, or to the bridge. */
#pragma once

#include "check.h"
#include "fdb.h"
#include "sticky.h"
#include "via.h"

/* To the bridge, for a reason that is ours alone: the flow is not sticky for it. */
static __always_inline int bw_next_direct(struct __sk_buff *skb)
{
	skb->tc_index = BW_NOTE_DIRECT;
	return BW_NEXT;
}

/* BW_REDIRECT as "go on": a sticky flow is slow, and so is what no flow can be told of. */
static __always_inline int bw_sticky_verdict(struct __sk_buff *skb, const struct bw_ep *ep,
					     __be16 proto)
{
	int state = bw_sticky_find(skb, ep->dev, ep->vid, proto);

	if (state == BW_STICKY_NO)
		return BW_REDIRECT;
	return state == BW_STICKY_YES ? BW_NEXT : bw_next_direct(skb);
}

/* To a pod on this node, whose MAC is known. */
static __always_inline int bw_tx_local(struct __sk_buff *skb, const struct bw_ep *ep,
				       const struct bw_fdb *e, const struct bw_slot *own,
				       __be16 proto, __u32 *slot)
{
	const struct bw_slot *peer = bw_slot_get(e->slot);
	int r;

	if (!peer || peer->gen != e->gen || !bw_is_ip(proto))
		return BW_NEXT;
	if (bw_ep_is_slow(ep) || !bw_fdb_is_fast(e))
		return bw_next_direct(skb);
	if (unlikely(own->sticky | peer->sticky)) {
		r = bw_sticky_verdict(skb, ep, proto);
		if (r != BW_REDIRECT)
			return r;
	}
	*slot = e->slot;
	return ep->flags & BW_EP_F_NETKIT ? bw_deliver_by_port(skb, e) : bw_deliver(skb, e);
}

/* A MAC of the table: may the frame go there at all? */
static __always_inline int bw_tx_known(struct __sk_buff *skb, const struct bw_ep *ep,
				       const struct bw_fdb *e, const struct bw_slot *own,
				       __be16 proto, __u32 *slot)
{
	if (e->flags & BW_FDB_F_BLOCK)
		return -BW_DROP_POLICY;
	if (!(e->flags & BW_FDB_F_LOCAL) || e->ifindex == skb->ifindex)
		return BW_NEXT; /* the host's, or its own (hairpin): the bridge decides */
	if (e->flags & ep->flags & BW_EP_F_ISOLATED)
		return -BW_DROP_ISOLATED;
	return bw_tx_local(skb, ep, e, own, proto, slot);
}

/* Not local: fast only to a MAC that was seen on the uplink; else a tap, a VM: the bridge knows. */
static __always_inline int bw_tx_remote(struct __sk_buff *skb, const struct bw_ep *ep,
					const struct bw_slot *own, __be16 proto)
{
	if (!ep->uplink || bw_ep_is_slow(ep) || !bw_is_ip(proto))
		return BW_NEXT;
	if (unlikely(skb->len > ep->max_len) && ep->max_len &&
	    (!skb->gso_size || skb->gso_size > ep->max_len))
		return BW_NEXT; /* the bridge has the verdict on a frame over the MTU */
	if (unlikely(own->sticky) && bw_sticky_verdict(skb, ep, proto) != BW_REDIRECT)
		return BW_NEXT;
	skb->cb[0] = ep->vid ? BW_MARK_FAST : BW_MARK_FAST_UNTAGGED;
	return bpf_redirect(ep->uplink, 0);
}

static __always_inline int bw_tx_forward(struct __sk_buff *skb, const struct bw_pkt *p,
					 const struct bw_ep *ep, struct bw_via *via, __u32 *slot)
{
	__u64 now = bpf_ktime_get_coarse_ns();
	__be16 proto = p->eth->h_proto;
	const struct bw_slot *own;
	struct bw_mac_key key;
	int kind = via->kind;

	if (bw_is_multicast(p->eth) || bw_is_tagged(skb, p->eth))
		return BW_NEXT;
	own = bw_slot_get(ep->slot);
	if (!own)
		return BW_NEXT;
	if (unlikely(!bw_via_is(via, p->eth->h_dest, now))) {
		bw_mac_key_set(&key, ep->dev, ep->vid, p->eth->h_dest);
		kind = bw_via_find(via, &key, now);
	}
	if (kind == BW_VIA_TABLE)
		return bw_tx_known(skb, ep, &via->e, own, proto, slot);
	if (kind == BW_VIA_REMOTE)
		return bw_tx_remote(skb, ep, own, proto);
	return BW_NEXT;
}

/* Check, charge, send: in this order, so that nothing forged costs a pod its rate. */
static __always_inline int bw_pod_tx_run(struct __sk_buff *skb, const struct bw_ep *ep, __u32 *slot)
{
	struct bw_stat *stat;
	struct bw_pkt p;
	int r;

	bw_note_clear(skb);
	if (unlikely(ep->flags & BW_EP_F_CUT))
		return -BW_DROP_CUT;
	if (unlikely(bw_pkt_open(&p, skb)))
		return ep->flags & BW_EP_F_CHECK_IP ? -BW_DROP_PARSE : BW_NEXT;
	r = bw_check(skb, &p, ep);
	if (unlikely(r))
		return r;
	if (unlikely(ep->flags & BW_EP_F_RATE_TX)) {
		r = bw_bucket_charge(skb, ep->slot, BW_DIR_TX);
		if (r)
			return r;
	}
	stat = bw_stat_get(ep->slot);
	if (!stat)
		return BW_NEXT;
	r = bw_tx_forward(skb, &p, ep, &stat->via, slot);
	if (unlikely(r == -BW_DROP_RATE) && ep->flags & BW_EP_F_RATE_TX)
		bw_bucket_refund(skb, ep->slot);
	if (r >= 0)
		bw_stat_add(stat, r == BW_REDIRECT ? BW_PATH_TX_FAST : BW_PATH_TX_SLOW, skb->len);
	return r;
}
