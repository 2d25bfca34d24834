/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What arrives on the uplink: straight into the pod, or untagged to the bridge; and learned. */
#pragma once

#include "fdb.h"
#include "remote.h"
#include "sticky.h"
#include "vlan.h"

/*
 * The sender's MAC is a local pod's. Alive: a loop, or somebody else has the pod's MAC. Dead: the
 * pod was killed with no DEL and its MAC now lives elsewhere, so the entry must not outlive it.
 */
static __always_inline int bw_is_loop(struct __sk_buff *skb, const struct bw_mac_key *key,
				      __u32 *slot)
{
	const struct bw_fdb *e = bw_fdb_get(key);

	if (!e || !(e->flags & BW_FDB_F_LOCAL))
		return 0;
	if (bw_fdb_is_dead(skb, e)) {
		bpf_map_delete_elem(&bw_fdb, key);
		return 0;
	}
	*slot = e->slot;
	return 1;
}

/* The sender lives on the uplink's side. 0, or -BW_DROP_LOOP; checked and written once a second. */
static __always_inline int bw_learn(struct __sk_buff *skb, const struct bw_mac_key *key,
				    struct bw_slot *own, __u64 now, __u32 *slot)
{
	struct bw_remote *r = bpf_map_lookup_elem(&bw_remote, key);
	struct bw_remote fresh = { .seen_ns = now };

	if (r && bw_age(now, r->seen_ns) < (__s64)BW_REMOTE_REFRESH_NS)
		return 0;
	if (bw_is_loop(skb, key, slot))
		return -BW_DROP_LOOP;
	if (r)
		r->seen_ns = now;
	else
		bpf_map_update_elem(&bw_remote, key, &fresh, BPF_ANY);
	*(__u16 *)own->learned = bw_mac_hi(key->mac);
	*(__u32 *)(own->learned + sizeof(__u16)) = bw_mac_lo(key->mac);
	own->learned_ns = now;
	return 0;
}

/* The receiver's last sender, written within the second: no need to look. */
static __always_inline int bw_is_learned(const struct bw_slot *own, const __u8 *mac, __u64 now)
{
	return bw_mac_equal(mac, own->learned) &&
	       bw_age(now, own->learned_ns) < (__s64)BW_REMOTE_REFRESH_NS;
}

/* Not for the fast path. A call, not inline: misses and broadcasts only. */
static __noinline int bw_up_rx_other(struct __sk_buff *skb, __u32 *slot)
{
	struct bw_uplink *up = bw_uplink_get(skb->ifindex);
	struct bw_mac_key src;
	__u32 unused;
	struct bw_pkt p;

	if (!up || !slot)
		return BW_NEXT;
	*slot = up->slot;
	if (bw_pkt_open(&p, skb))
		return up->flags & BW_UPLINK_F_VLAN ? -BW_DROP_PARSE : BW_NEXT;
	/* Only to bury the dead: a broadcast with a local MAC may be a duplicate's probe. */
	bw_mac_key_set(&src, skb->ifindex, up->vid, p.eth->h_source);
	(void)bw_is_loop(skb, &src, &unused);
	return bw_vlan_in(skb, up, p.eth);
}

/* The VLAN id the forwarding table knows the frame by; -1: no such (priority tag, double tag). */
static __always_inline int bw_up_vid(struct __sk_buff *skb, const struct ethhdr *eth)
{
	int vid;

	if (bw_is_vlan(eth->h_proto))
		return -1;
	if (likely(!skb->vlan_present))
		return 0;
	vid = skb->vlan_tci & BW_VID_MASK;
	return vid && skb->vlan_proto == bpf_htons(ETH_P_8021Q) ? vid : -1;
}

/* Addressed to @e, a local pod. BW_REDIRECT, BW_NEXT or -BW_DROP_*. */
static __always_inline int bw_up_rx_local(struct __sk_buff *skb, const struct bw_fdb *e,
					  const struct bw_slot *own, int vid, __be16 proto,
					  __u32 *slot)
{
	int state;

	if (!bw_is_ip(proto))
		return BW_NEXT;
	if (unlikely(!bw_fdb_is_fast(e))) {
		skb->tc_index = BW_NOTE_DIRECT;
		return BW_NEXT;
	}
	if (unlikely(own->sticky)) {
		state = bw_sticky_find(skb, skb->ifindex, vid, proto);
		if (state == BW_STICKY_UNKNOWN)
			skb->tc_index = BW_NOTE_DIRECT;
		if (state != BW_STICKY_NO)
			return BW_NEXT;
	}
	if (unlikely(vid) && bpf_skb_vlan_pop(skb))
		return -BW_DROP_PARSE;
	*slot = e->slot;
	return bw_deliver(skb, e);
}

/* The entry of a living pod; everything else is for bw_up_rx_other(). */
static __always_inline struct bw_slot *bw_up_rx_slot(const struct bw_fdb *e)
{
	struct bw_slot *own;

	if (!e || !(e->flags & BW_FDB_F_LOCAL))
		return NULL;
	own = bw_slot_get(e->slot);
	return own && own->gen == e->gen ? own : NULL;
}

static __always_inline int bw_up_rx_run(struct __sk_buff *skb, __u32 *slot)
{
	__u64 now = bpf_ktime_get_coarse_ns();
	const struct bw_fdb *e;
	struct bw_mac_key key;
	struct bw_slot *own;
	struct bw_pkt p;
	__be16 proto;
	int vid, r;

	bw_note_clear(skb);
	if (unlikely(bw_pkt_open(&p, skb)) || bw_is_multicast(p.eth))
		return bw_up_rx_other(skb, slot);
	proto = p.eth->h_proto;
	vid = bw_up_vid(skb, p.eth);
	if (unlikely(vid < 0))
		return bw_up_rx_other(skb, slot);
	bw_mac_key_set(&key, skb->ifindex, vid, p.eth->h_dest);
	e = bw_fdb_get(&key);
	own = bw_up_rx_slot(e);
	if (!own)
		return bw_up_rx_other(skb, slot);
	if (unlikely(!bw_is_learned(own, p.eth->h_source, now))) {
		bw_mac_key_set(&key, skb->ifindex, vid, p.eth->h_source);
		r = bw_learn(skb, &key, own, now, slot);
		if (unlikely(r))
			return r;
	}
	r = bw_up_rx_local(skb, e, own, vid, proto, slot);
	return likely(r != BW_NEXT) ? r : bw_up_rx_other(skb, slot);
}
