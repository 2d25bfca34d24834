/* SPDX-License-Identifier: Dual BSD/GPL */
/*
 * The floor of the benches: a redirect that checks nothing. What a program with checks, tables and
 * counters costs is its distance from this one.
 */
#include <linux/bpf.h>
#include <linux/if_packet.h>

#include <bpf/bpf_helpers.h>

#define NEXT (-1)

const volatile __u32 target; /* ifindex */

SEC("tc")
int to_peer(struct __sk_buff *skb)
{
	if (skb->pkt_type == PACKET_BROADCAST || skb->pkt_type == PACKET_MULTICAST)
		return NEXT;
	if (skb->pkt_type != PACKET_HOST)
		bpf_skb_change_type(skb, PACKET_HOST);
	return (int)bpf_redirect_peer(target, 0);
}

SEC("tc")
int to_wire(struct __sk_buff *skb)
{
	if (skb->pkt_type == PACKET_BROADCAST || skb->pkt_type == PACKET_MULTICAST)
		return NEXT;
	return (int)bpf_redirect(target, 0);
}

char floor_license[] SEC("license") = "Dual BSD/GPL";
