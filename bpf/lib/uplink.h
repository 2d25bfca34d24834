/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Uplinks: which VLAN the programs carry there. */
#pragma once

#include "defs.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, BW_UPLINKS_MAX);
	__type(key, __u32);
	__type(value, struct bw_uplink);
} bw_uplink SEC(".maps");

static __always_inline struct bw_uplink *bw_uplink_get(__u32 ifindex)
{
	return bpf_map_lookup_elem(&bw_uplink, &ifindex);
}
