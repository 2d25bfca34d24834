/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Slots: what the programs themselves write about an endpoint. */
#pragma once

#include "defs.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE); /* values begin at a page: none lies across two lines */
	__uint(max_entries, BW_SLOTS_MAX);
	__type(key, __u32);
	__type(value, struct bw_slot);
} bw_slot SEC(".maps");

static __always_inline struct bw_slot *bw_slot_get(__u32 slot)
{
	return bpf_map_lookup_elem(&bw_slot, &slot);
}
