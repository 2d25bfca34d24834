/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Endpoints: one per pod port, found by the ifindex of the host end. */
#pragma once

#include "defs.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, BW_EPS_MAX);
	__type(key, __u32);
	__type(value, struct bw_ep);
} bw_ep SEC(".maps");

static __always_inline struct bw_ep *bw_ep_get(__u32 ifindex)
{
	return bpf_map_lookup_elem(&bw_ep, &ifindex);
}

/* Goes by the bridge although its peer may be near: an operator's or a configuration's wish. */
static __always_inline int bw_ep_is_slow(const struct bw_ep *ep)
{
	return (ep->flags & (BW_EP_F_ACCEL | BW_EP_F_SLOW)) != BW_EP_F_ACCEL;
}
