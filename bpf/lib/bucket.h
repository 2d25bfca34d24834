/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Token buckets, kept as a time: see struct bw_bucket_dir. */
#pragma once

#include "pkt.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, BW_SLOTS_MAX);
	__type(key, __u32);
	__type(value, struct bw_bucket);
} bw_bucket SEC(".maps");

/*
 * A sender whose whole window was dropped is silent until its retransmission timer fires (200 ms
 * at least, TCP_RTO_MIN). What the bucket earns meanwhile is the stream's, not lost: after a drop
 * it may fill beyond its burst by that much.
 */
#define BW_STALL_NS 300000000ULL
#define BW_CAS_TRIES 4

/* Bytes on the wire: a GSO frame's segments each have headers of their own. */
static __always_inline __u32 bw_wire_len(struct __sk_buff *skb)
{
	__u32 segs = skb->gso_segs;
	__u32 hdr = ETH_HLEN + sizeof(struct iphdr) + 32; /* TCP with timestamps */

	if (skb->protocol == bpf_htons(ETH_P_IPV6))
		hdr += sizeof(struct ipv6hdr) - sizeof(struct iphdr);
	return skb->len + (segs > 1 ? (segs - 1) * hdr : 0);
}

static __always_inline __u64 bw_bucket_cost(const struct bw_bucket_dir *b, __u32 size)
{
	return b->cost_q16 * size >> 16;
}

/* 0, or -BW_DROP_RATE. */
static __always_inline int bw_bucket_take(struct bw_bucket_dir *b, __u32 size, __u64 now)
{
	__u64 cost = bw_bucket_cost(b, size);
	__u64 depth = b->depth_ns;

	if (now - b->last_drop_ns < BW_STALL_NS)
		depth += BW_STALL_NS;
	for (int i = 0; i < BW_CAS_TRIES; i++) {
		__u64 old = b->tat_ns;
		__u64 tat = old + depth < now ? now - depth : old;

		if (tat >= now) {
			b->last_drop_ns = now;
			return -BW_DROP_RATE;
		}
		if (__sync_val_compare_and_swap(&b->tat_ns, old, tat + cost) == old)
			return 0;
	}
	/* Lost against other CPUs each time: passes, and is paid for all the same. */
	__sync_fetch_and_add(&b->tat_ns, cost);
	return 0;
}

/* A call, not inline: unlimited endpoints never come here. BW_NEXT or -BW_DROP_RATE. */
static __noinline int bw_bucket_charge(struct __sk_buff *skb, __u32 slot, enum bw_dir dir)
{
	struct bw_bucket *b = bpf_map_lookup_elem(&bw_bucket, &slot);

	if (!b || dir >= BW_DIR_MAX_)
		return BW_NEXT;
	return bw_bucket_take(&b->dir[dir], bw_wire_len(skb), bpf_ktime_get_ns());
}

/*
 * The receiver's bucket dropped what the sender's had let through: it is as if the sender's had
 * dropped it, else two equal limits in a row would give half of either.
 */
static __noinline int bw_bucket_refund(struct __sk_buff *skb, __u32 slot)
{
	struct bw_bucket *b = bpf_map_lookup_elem(&bw_bucket, &slot);
	struct bw_bucket_dir *d;

	if (!b)
		return 0;
	d = &b->dir[BW_DIR_TX];
	__sync_fetch_and_add(&d->tat_ns, -bw_bucket_cost(d, bw_wire_len(skb)));
	d->last_drop_ns = bpf_ktime_get_ns();
	return 0;
}
