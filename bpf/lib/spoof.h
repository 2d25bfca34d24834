/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Whose address is it: what all checks of a pod's frame share. */
#pragma once

#include "ep.h"
#include "pkt.h"

static __always_inline int bw_owns4(const struct bw_ep *ep, __be32 addr)
{
	for (int i = 0; i < BW_EP_ADDRS_MAX; i++)
		if (i < ep->n_v4 && (addr & ep->v4[i].mask) == ep->v4[i].addr)
			return 1;
	return 0;
}

/* The allowed prefixes alone; @addr is 16 bytes. */
static __always_inline int bw_owns6(const struct bw_ep *ep, const void *addr)
{
	const __u64 *a = addr;

	for (int i = 0; i < BW_EP_ADDRS_MAX; i++)
		if (i < ep->n_v6 && (a[0] & ep->v6[i].mask[0]) == ep->v6[i].addr[0] &&
		    (a[1] & ep->v6[i].mask[1]) == ep->v6[i].addr[1])
			return 1;
	return 0;
}

/* fe80::/64 with the EUI-64 of the pod's MAC (RFC 4291, appendix A): always its own. */
static __always_inline int bw_is_own_ll(const struct bw_ep *ep, const void *addr)
{
	const __u64 *a = addr;
	const __u8 *m = ep->mac;
	union {
		__u8 byte[8];
		__u64 word;
	} id = { .byte = { m[0] ^ 2, m[1], m[2], 0xff, 0xfe, m[3], m[4], m[5] } };

	return a[0] == bpf_cpu_to_be64(0xfe80ULL << 48) && a[1] == id.word;
}

static __always_inline int bw_owns6_or_ll(const struct bw_ep *ep, const void *addr)
{
	return bw_owns6(ep, addr) || bw_is_own_ll(ep, addr);
}

static __always_inline int bw_is_zero6(const void *addr)
{
	const __u64 *a = addr;

	return !(a[0] | a[1]);
}
