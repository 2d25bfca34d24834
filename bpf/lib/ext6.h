/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* IPv6 extension headers: the walk to the upper layer, bounded. */
#pragma once

#include "pkt.h"

#define BW_EXT6_MAX 8 /* more extension headers than any sane frame has: it cannot be checked */

/* What the walk found. */
struct bw_upper6 {
	__u32 off; /* of the upper-layer header, from the frame's start */
	__u8 proto; /* IPPROTO_* */
	__u8 is_fragment; /* a fragment header was passed */
	__u8 is_later; /* not the first fragment: there is no upper-layer header */
};

/* The first bytes of each extension header; for a fragment header, all of it (RFC 8200, 4.5). */
struct bw_ext6_hdr {
	__u8 next;
	__u8 len;
	__be16 frag_off;
};

#define BW_FRAG6_OFFSET 0xfff8

static __always_inline int bw_is_ext6(__u8 proto)
{
	return proto == IPPROTO_HOPOPTS || proto == IPPROTO_ROUTING || proto == IPPROTO_FRAGMENT ||
	       proto == IPPROTO_DSTOPTS || proto == IPPROTO_AH;
}

static __always_inline __u32 bw_ext6_size(__u8 proto, __u8 len)
{
	if (proto == IPPROTO_FRAGMENT)
		return 8; /* RFC 8200, 4.5: fixed */
	if (proto == IPPROTO_AH)
		return (len + 2) * 4; /* RFC 4302, 2.2: in words, less two */
	return (len + 1) * 8; /* RFC 8200, 4.2: in 8 bytes, less one */
}

/*
 * Walks from @up->off, @up->proto to the upper layer. 0; -1: the chain is cut off or too long,
 * also by ending in a first fragment (RFC 7112 forbids that: it hides what it carries).
 */
static __always_inline int bw_ext6_walk(struct __sk_buff *skb, struct bw_upper6 *up)
{
	struct bw_ext6_hdr h;

	for (int i = 0; i < BW_EXT6_MAX; i++) {
		if (!bw_is_ext6(up->proto))
			return 0;
		if (bpf_skb_load_bytes(skb, up->off, &h, sizeof(h)))
			return -1;
		if (up->proto == IPPROTO_FRAGMENT) {
			up->is_fragment = 1;
			if (h.frag_off & bpf_htons(BW_FRAG6_OFFSET)) {
				up->is_later = 1;
				return 0;
			}
		}
		up->off += bw_ext6_size(up->proto, h.len);
		up->proto = h.next;
	}
	return bw_is_ext6(up->proto) ? -1 : 0;
}
