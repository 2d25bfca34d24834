/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The forwarding table: the local MACs of each segment, filled by user space. */
#pragma once

#include "bucket.h"
#include "pkt.h"
#include "slot.h"
#include "stat.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, BW_FDB_MAX);
	__type(key, struct bw_mac_key);
	__type(value, struct bw_fdb);
} bw_fdb SEC(".maps");

#define BW_PACKET_HOST 0 /* linux/if_packet.h, which needs more than a BPF program has */
#define BW_ENODEV 19

static __always_inline struct bw_fdb *bw_fdb_get(const struct bw_mac_key *key)
{
	return bpf_map_lookup_elem(&bw_fdb, key);
}

/* A pod's, and neither it nor an operator wants it carried by the bridge. */
static __always_inline int bw_fdb_is_fast(const struct bw_fdb *e)
{
	return (e->flags & (BW_FDB_F_LOCAL | BW_FDB_F_ACCEL | BW_FDB_F_SLOW)) ==
	       (BW_FDB_F_LOCAL | BW_FDB_F_ACCEL);
}

/*
 * Its pod died with no DEL: the slot was given anew, or the device is gone. A redirect to it
 * would be a black hole where the bridge has long forgotten the port.
 */
static __always_inline int bw_fdb_is_dead(struct __sk_buff *skb, const struct bw_fdb *e)
{
	const struct bw_slot *slot = bw_slot_get(e->slot);
	__u32 mtu = 0;

	if (!slot || slot->gen != e->gen)
		return 1;
	return bpf_check_mtu(skb, e->ifindex, &mtu, 0, 0) == -BW_ENODEV;
}

/* Charged and counted as fast; 0, or -BW_DROP_RATE. */
static __always_inline int bw_arrive(struct __sk_buff *skb, const struct bw_fdb *e)
{
	int r;

	if (e->flags & BW_FDB_F_RATE_RX) {
		r = bw_bucket_charge(skb, e->slot, BW_DIR_RX);
		if (r)
			return r;
	}
	bw_count(e->slot, BW_PATH_RX_FAST, skb->len);
	return 0;
}

/*
 * Into the pod without bridge, netfilter and backlog. The frame is addressed to the pod's MAC, so
 * this device classed it as another host's; kernels before 6.15 would drop it in the pod's ip_rcv.
 */
static __always_inline int bw_deliver(struct __sk_buff *skb, const struct bw_fdb *e)
{
	int r = bw_arrive(skb, e);

	if (r)
		return r;
	if (skb->pkt_type != BW_PACKET_HOST)
		bpf_skb_change_type(skb, BW_PACKET_HOST);
	return bpf_redirect_peer(e->ifindex, 0);
}

/* The same from netkit's transmit side, where there is no redirect_peer: bw_pod_rx sees the note.
 */
static __always_inline int bw_deliver_by_port(struct __sk_buff *skb, const struct bw_fdb *e)
{
	int r = bw_arrive(skb, e);

	if (r)
		return r;
	skb->cb[0] = BW_MARK_FAST;
	return bpf_redirect(e->ifindex, 0);
}
