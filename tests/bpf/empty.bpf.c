/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What calling a program costs at all: the zero of BPF_PROG_TEST_RUN comparisons. */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <linux/types.h>

#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("tc")
int bw_empty(struct __sk_buff *skb)
{
	(void)skb;
	return TC_ACT_UNSPEC;
}
