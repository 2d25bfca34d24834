/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Counters, and the one exit of every program. */
#pragma once

#include "defs.h"

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, BW_SLOTS_MAX);
	__type(key, __u32);
	__type(value, struct bw_stat);
} bw_stat SEC(".maps");

static __always_inline struct bw_stat *bw_stat_get(__u32 slot)
{
	return bpf_map_lookup_elem(&bw_stat, &slot);
}

static __always_inline void bw_stat_add(struct bw_stat *s, enum bw_path path, __u32 size)
{
	s->packets[path]++;
	s->bytes[path] += size;
}

static __always_inline void bw_count(__u32 slot, enum bw_path path, __u32 size)
{
	struct bw_stat *s = bw_stat_get(slot);

	if (s)
		bw_stat_add(s, path, size);
}

_Static_assert((BW_DROPS_MAX & (BW_DROPS_MAX - 1)) == 0, "a mask");

static __always_inline void bw_count_drop(__u32 slot, __u32 reason)
{
	struct bw_stat *s = bpf_map_lookup_elem(&bw_stat, &slot);

	/* a mask and not a comparison: Linux 6.1's verifier loses the bound of a negated word */
	if (s)
		s->drops[reason & (BW_DROPS_MAX - 1)]++;
}

/*
 * The one exit: a drop is counted at @slot. BW_NEXT becomes TCX_NEXT, never TC_ACT_OK, which
 * would end the chain and starve every other program on the device.
 */
static __always_inline int bw_exit(int verdict, __u32 slot)
{
	if (likely(verdict == BW_REDIRECT))
		return verdict;
	if (verdict == BW_NEXT)
		return TC_ACT_UNSPEC;
	bw_count_drop(slot, -verdict);
	return TC_ACT_SHOT;
}
