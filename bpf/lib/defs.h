/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What every program needs: verdicts, the note a frame carries between our programs, small macros.
 *
 * A step returns a verdict: BW_NEXT (not ours: the next program, then the bridge), BW_REDIRECT
 * (gone by the fast path) or -BW_DROP_*. bw_exit() in stat.h is the one place that turns it into
 * the kernel's value and counts.
 */
#pragma once

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include <bw/bpf_abi.h>

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

#define BW_NEXT 0
#define BW_REDIRECT TC_ACT_REDIRECT

/*
 * The note in skb->tc_index: slow for a reason of ours, not NAT's, so no ground to be sticky. The
 * kernel keeps it over bridge and veth; a lost one only makes a flow sticky. A pod could forge it,
 * so every entrance clears it.
 */
#define BW_NOTE_DIRECT 0xb701

/*
 * The mark in skb->cb[0], from a redirect to the egress of the very device: counted, charged and
 * checked already. Bridge and IP stack clear it, so nobody else can put it there.
 */
#define BW_MARK_FAST 0xb7fa5701
#define BW_MARK_FAST_UNTAGGED 0xb7fa5702 /* and the segment has no tag to push */

static __always_inline void bw_note_clear(struct __sk_buff *skb)
{
	if (unlikely(skb->tc_index))
		skb->tc_index = 0;
}

/* Nanoseconds since; below zero when another CPU, or a finer clock, was ahead of ours. */
static __always_inline __s64 bw_age(__u64 now, __u64 then)
{
	return (__s64)(now - then);
}
