/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Sticky slow flows: what netfilter translated on its way to a pod must come back through
 * netfilter. Every slow arrival of a flow at a pod keeps it slow in both directions; direct pairs
 * never arrive slowly and so cost nothing.
 */
#pragma once

#include "ep.h"
#include "ext6.h"
#include "pkt.h"
#include "slot.h"

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, BW_STICKIES_MAX);
	__type(key, struct bw_flow_key);
	__type(value, struct bw_sticky);
} bw_sticky SEC(".maps");

#define BW_STICKY_REFRESH_NS 1000000000ULL
#define BW_IP_OFFSET 0x1fff /* fragment offset, RFC 791 */
#define BW_IP_FRAG 0x3fff /* offset and MF */

struct bw_ports {
	__be16 src;
	__be16 dst;
};

/* End 0 is the lower one, so that both directions have one key. */
static __always_inline int bw_flow_swapped(const struct bw_ports *ports, const __be32 *src,
					   const __be32 *dst)
{
	if (ports->src != ports->dst)
		return ports->src > ports->dst;
	for (int i = 0; i < 4; i++)
		if (src[i] != dst[i])
			return src[i] > dst[i];
	return 0;
}

static __always_inline void bw_flow_set(struct bw_flow_key *key, const struct bw_ports *ports,
					const __be32 *src, const __be32 *dst)
{
	int s = bw_flow_swapped(ports, src, dst);

	key->port[0] = s ? ports->dst : ports->src;
	key->port[1] = s ? ports->src : ports->dst;
	for (int i = 0; i < 4; i++) {
		key->addr[0][i] = s ? dst[i] : src[i];
		key->addr[1][i] = s ? src[i] : dst[i];
	}
}

static __always_inline int bw_has_ports(__u8 proto)
{
	return proto == IPPROTO_TCP || proto == IPPROTO_UDP || proto == IPPROTO_SCTP;
}

/* 0; -1: no ports can be read (other protocol, later fragment, extension header). */
static __always_inline int bw_flow_parse4(struct bw_flow_key *key, struct __sk_buff *skb)
{
	__be32 src[4] = { 0, 0, bpf_htonl(0xffff), 0 };
	__be32 dst[4] = { 0, 0, bpf_htonl(0xffff), 0 };
	struct bw_ports ports;
	struct iphdr ip;

	if (bpf_skb_load_bytes(skb, ETH_HLEN, &ip, sizeof(ip)) || !bw_has_ports(ip.protocol) ||
	    ip.frag_off & bpf_htons(BW_IP_OFFSET))
		return -1;
	if (bpf_skb_load_bytes(skb, ETH_HLEN + ip.ihl * 4, &ports, sizeof(ports)))
		return -1;
	key->proto = ip.protocol;
	src[3] = ip.saddr;
	dst[3] = ip.daddr;
	bw_flow_set(key, &ports, src, dst);
	return 0;
}

static __always_inline int bw_flow_parse6(struct bw_flow_key *key, struct __sk_buff *skb)
{
	struct {
		struct ipv6hdr ip;
		struct bw_ports ports;
	} h;

	if (bpf_skb_load_bytes(skb, ETH_HLEN, &h, sizeof(h)) || !bw_has_ports(h.ip.nexthdr))
		return -1;
	key->proto = h.ip.nexthdr;
	bw_flow_set(key, &h.ports, h.ip.saddr.in6_u.u6_addr32, h.ip.daddr.in6_u.u6_addr32);
	return 0;
}

static __always_inline int bw_flow_parse(struct bw_flow_key *key, struct __sk_buff *skb,
					 __be16 proto)
{
	if (proto == bpf_htons(ETH_P_IP))
		return bw_flow_parse4(key, skb);
	if (proto == bpf_htons(ETH_P_IPV6))
		return bw_flow_parse6(key, skb);
	return -1;
}

/* What a frame of an endpoint with sticky flows must do. */
enum bw_sticky_state {
	BW_STICKY_NO, /* a flow of its own: fast */
	BW_STICKY_YES, /* slow, as its flow */
	BW_STICKY_UNKNOWN, /* no ports to look for: slow, and no ground to be sticky */
};

static __always_inline int bw_is_fragment4(struct __sk_buff *skb, __be16 proto)
{
	struct iphdr ip;

	return proto == bpf_htons(ETH_P_IP) &&
	       !bpf_skb_load_bytes(skb, ETH_HLEN, &ip, sizeof(ip)) &&
	       ip.frag_off & bpf_htons(BW_IP_FRAG);
}

/*
 * A call, not inline: an endpoint without sticky flows never comes here. The fragments of one
 * datagram take one way, else conntrack's reassembly would wait for those that went fast.
 */
static __noinline int bw_sticky_find(struct __sk_buff *skb, __u32 dev, __u16 vid, __be16 proto)
{
	struct bw_flow_key key = { .dev = dev, .vid = vid };

	if (bw_flow_parse(&key, skb, proto))
		return BW_STICKY_UNKNOWN;
	if (bpf_map_lookup_elem(&bw_sticky, &key))
		return BW_STICKY_YES;
	return bw_is_fragment4(skb, proto) ? BW_STICKY_UNKNOWN : BW_STICKY_NO;
}

static __always_inline int bw_is_extended6(struct __sk_buff *skb, __be16 proto)
{
	__u8 next;

	return proto == bpf_htons(ETH_P_IPV6) &&
	       !bpf_skb_load_bytes(skb, ETH_HLEN + offsetof(struct ipv6hdr, nexthdr), &next, 1) &&
	       bw_is_ext6(next);
}

/*
 * A frame of a socket of this host never entered by a device. Nothing translated it on the way
 * (its answers have the host's MAC and take the bridge), so it is no ground to be sticky: without
 * this each health probe of the node would cost its pod a lookup a frame for ever. SYNPROXY's own
 * frames have no socket and do count.
 */
static __always_inline int bw_is_hosts(struct __sk_buff *skb)
{
	return !skb->ingress_ifindex && skb->sk;
}

/* A slow arrival at @ep: its flow is slow from now on, in both directions. */
static __always_inline void bw_sticky_record(struct __sk_buff *skb, const struct bw_ep *ep,
					     __be16 proto)
{
	struct bw_flow_key key = { .dev = ep->dev, .vid = ep->vid };
	struct bw_sticky now = { .seen_ns = bpf_ktime_get_coarse_ns() };
	struct bw_slot *slot = bw_slot_get(ep->slot);
	struct bw_sticky *seen;

	if (bw_flow_parse(&key, skb, proto)) {
		/* Behind an IPv6 extension header: such frames of this pod all stay slow. */
		if (slot && bw_is_extended6(skb, proto))
			slot->sticky = 1;
		return;
	}
	seen = bpf_map_lookup_elem(&bw_sticky, &key);
	if (!seen)
		bpf_map_update_elem(&bw_sticky, &key, &now, BPF_ANY);
	else if (bw_age(now.seen_ns, seen->seen_ns) > (__s64)BW_STICKY_REFRESH_NS)
		seen->seen_ns = now.seen_ns;
	if (slot && !slot->sticky)
		slot->sticky = 1;
}
