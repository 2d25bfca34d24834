/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Remote MACs, learned from what arrives on the uplink. A map of its own and an LRU one: a flood
 * of foreign MACs costs old ones their entry, never a local pod's.
 */
#pragma once

#include "pkt.h"

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, BW_REMOTES_MAX);
	__type(key, struct bw_mac_key);
	__type(value, struct bw_remote);
} bw_remote SEC(".maps");

static __always_inline int bw_remote_is_fresh(const struct bw_mac_key *key, __u64 now)
{
	const struct bw_remote *r = bpf_map_lookup_elem(&bw_remote, key);

	return r && bw_age(now, r->seen_ns) < (__s64)BW_REMOTE_AGE_NS;
}

/* The MAC was seen arriving from elsewhere: it has moved to this side. */
static __always_inline void bw_remote_forget(__u32 dev, __u16 vid, const __u8 *mac)
{
	struct bw_mac_key key;

	bw_mac_key_set(&key, dev, vid, mac);
	if (bpf_map_lookup_elem(&bw_remote, &key))
		bpf_map_delete_elem(&bw_remote, &key);
}
