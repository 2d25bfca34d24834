/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Where a pod's frame is to go: local table first, then remote MACs, remembered for a moment. */
#pragma once

#include "fdb.h"
#include "remote.h"

static __always_inline int bw_via_is(const struct bw_via *via, const __u8 *mac, __u64 now)
{
	return bw_mac_equal(mac, via->mac) && bw_age(now, via->until_ns) < 0;
}

/* A call, not inline: once in BW_VIA_NS of a conversation. Unknown MACs are not remembered. */
static __noinline int bw_via_find(struct bw_via *via, const struct bw_mac_key *key, __u64 now)
{
	const struct bw_fdb *e;

	if (!via || !key)
		return BW_VIA_NONE;
	e = bw_fdb_get(key);
	via->kind = BW_VIA_NONE;
	if (e) {
		via->kind = BW_VIA_TABLE;
		via->e = *e;
	} else if (bw_remote_is_fresh(key, now)) {
		via->kind = BW_VIA_REMOTE;
	}
	*(__u16 *)via->mac = bw_mac_hi(key->mac);
	*(__u32 *)(via->mac + sizeof(__u16)) = bw_mac_lo(key->mac);
	via->until_ns = via->kind == BW_VIA_NONE ? 0 : now + BW_VIA_NS;
	return via->kind;
}
