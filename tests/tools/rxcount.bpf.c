/* SPDX-License-Identifier: Dual BSD/GPL */
/* Counts net:netif_rx (a packet handed to a stack's backlog) per network namespace. */
#include <linux/bpf.h>
#include <linux/types.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

/* The few members that lead from a packet to its namespace; offsets come from the kernel's BTF. */
struct ns_common {
	unsigned int inum;
} __attribute__((preserve_access_index));

struct net {
	struct ns_common ns;
} __attribute__((preserve_access_index));

typedef struct {
	struct net *net;
} __attribute__((preserve_access_index)) possible_net_t;

struct net_device {
	possible_net_t nd_net;
} __attribute__((preserve_access_index));

struct sk_buff {
	struct net_device *dev;
} __attribute__((preserve_access_index));

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, __u32); /* inode number of the namespace */
	__type(value, __u64);
} counts SEC(".maps");

SEC("raw_tp/netif_rx")
int count_rx(struct bpf_raw_tracepoint_args *ctx)
{
	struct sk_buff *skb = (struct sk_buff *)ctx->args[0];
	__u32 ns = BPF_CORE_READ(skb, dev, nd_net.net, ns.inum);
	__u64 one = 1, *n = bpf_map_lookup_elem(&counts, &ns);

	if (n)
		__sync_fetch_and_add(n, 1);
	else
		bpf_map_update_elem(&counts, &ns, &one, BPF_NOEXIST);
	return 0;
}

char rx_license[] SEC("license") = "Dual BSD/GPL";
