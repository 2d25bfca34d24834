/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * IPv6 of a checked pod: its source address, and behind any extension headers no router, no
 * redirect, no DHCPv6 server, and neighbour discovery for itself only.
 */
#pragma once

#include "ext6.h"
#include "spoof.h"
#include "sticky.h"

/* RFC 8415, 7.2 */
#define BW_DHCP6_CLIENT_PORT 546
#define BW_DHCP6_SERVER_PORT 547

/* ICMPv6 types: RFC 4861, 4; RFC 2710, 3; RFC 3810, 5.2. */
enum {
	BW_ICMP6_MLD_REPORT = 131,
	BW_ICMP6_MLD_DONE = 132,
	BW_ICMP6_RS = 133,
	BW_ICMP6_RA = 134,
	BW_ICMP6_NS = 135,
	BW_ICMP6_NA = 136,
	BW_ICMP6_REDIRECT = 137,
	BW_ICMP6_MLD2_REPORT = 143,
};

/* NS and NA alike; an RS ends before the target. */
struct bw_nd {
	__u8 type;
	__u8 code;
	__be16 checksum;
	__be32 flags;
	__u64 target[2];
};

/* Source (1) or target (2) link-layer address, RFC 4861, 4.6.1. */
struct bw_nd_opt {
	__u8 type;
	__u8 len; /* in 8 bytes */
	__u8 mac[ETH_ALEN];
};
#define BW_ND_OPT_SOURCE_LL 1
#define BW_ND_OPT_TARGET_LL 2
#define BW_ND_OPTS_MAX 6
#define BW_ND_RS_SIZE 8

/* Each link-layer address in the options up to @end is the pod's own. */
static __always_inline int bw_check_nd_opts(struct __sk_buff *skb, const struct bw_ep *ep,
					    __u32 off, __u32 end)
{
	struct bw_nd_opt opt;

	for (int i = 0; i < BW_ND_OPTS_MAX; i++) {
		if (off == end)
			return BW_NEXT;
		if (bpf_skb_load_bytes(skb, off, &opt, sizeof(opt)) || !opt.len)
			return -BW_DROP_ND;
		if ((opt.type == BW_ND_OPT_SOURCE_LL || opt.type == BW_ND_OPT_TARGET_LL) &&
		    (opt.len != 1 || !bw_mac_is(opt.mac, ep->mac)))
			return -BW_DROP_ND;
		off += opt.len * 8;
	}
	return off == end ? BW_NEXT : -BW_DROP_ND;
}

static __always_inline int bw_check_nd(struct __sk_buff *skb, const struct bw_ep *ep,
				       const struct bw_upper6 *up, __u32 end, int is_unspecified)
{
	struct bw_nd nd;

	if (up->is_fragment) /* RFC 6980 forbids it, and its options could hide in the rest */
		return -BW_DROP_ND;
	if (bpf_skb_load_bytes(skb, up->off, &nd, BW_ND_RS_SIZE))
		return -BW_DROP_ND;
	if (nd.type == BW_ICMP6_RS)
		return bw_check_nd_opts(skb, ep, up->off + BW_ND_RS_SIZE, end);
	if (bpf_skb_load_bytes(skb, up->off, &nd, sizeof(nd)))
		return -BW_DROP_ND;
	/* A solicitation may ask for anybody, but with no source (DAD) only for itself. */
	if ((nd.type == BW_ICMP6_NA || is_unspecified) && !bw_owns6_or_ll(ep, nd.target))
		return -BW_DROP_ND;
	return bw_check_nd_opts(skb, ep, up->off + sizeof(nd), end);
}

static __always_inline int bw_check_icmp6(struct __sk_buff *skb, const struct bw_ep *ep,
					  const struct bw_upper6 *up, __u32 end, int is_unspecified)
{
	__u8 type;

	if (bpf_skb_load_bytes(skb, up->off, &type, sizeof(type)))
		return -BW_DROP_PARSE;
	if (type == BW_ICMP6_RA)
		return -BW_DROP_RA;
	if (type == BW_ICMP6_REDIRECT)
		return -BW_DROP_REDIRECT;
	if (type == BW_ICMP6_NS)
		return bw_check_nd(skb, ep, up, end, is_unspecified);
	/* Before its link-local is tentative no more, a host reports its groups from :: (RFC 3590).
	 */
	if (is_unspecified)
		return type == BW_ICMP6_MLD_REPORT || type == BW_ICMP6_MLD_DONE ||
				       type == BW_ICMP6_MLD2_REPORT
			       ? BW_NEXT
			       : -BW_DROP_IP6;
	return type == BW_ICMP6_NA || type == BW_ICMP6_RS ? bw_check_nd(skb, ep, up, end, 0)
							  : BW_NEXT;
}

static __always_inline int bw_check_udp6(struct __sk_buff *skb, __u32 off)
{
	struct bw_ports ports;

	if (bpf_skb_load_bytes(skb, off, &ports, sizeof(ports)))
		return -BW_DROP_PARSE;
	if (ports.src == bpf_htons(BW_DHCP6_SERVER_PORT) ||
	    ports.dst == bpf_htons(BW_DHCP6_CLIENT_PORT))
		return -BW_DROP_DHCP;
	return BW_NEXT;
}

static __always_inline int bw_check_ip6(struct __sk_buff *skb, const struct bw_ep *ep, __u32 off)
{
	struct bw_upper6 up = {};
	struct ipv6hdr ip;
	int is_unspecified;
	__u32 end;

	if (bpf_skb_load_bytes(skb, off, &ip, sizeof(ip)) || ip.version != 6)
		return -BW_DROP_PARSE;
	is_unspecified = bw_is_zero6(&ip.saddr);
	if (!is_unspecified && !bw_owns6_or_ll(ep, &ip.saddr))
		return -BW_DROP_IP6;
	end = off + sizeof(ip) + bpf_ntohs(ip.payload_len);
	up.off = off + sizeof(ip);
	up.proto = ip.nexthdr;
	if (bw_ext6_walk(skb, &up))
		return -BW_DROP_PARSE;
	if (up.is_later)
		return is_unspecified ? -BW_DROP_IP6 : BW_NEXT;
	if (up.proto == IPPROTO_ICMPV6)
		return bw_check_icmp6(skb, ep, &up, end, is_unspecified);
	if (is_unspecified)
		return -BW_DROP_IP6;
	return up.proto == IPPROTO_UDP ? bw_check_udp6(skb, up.off) : BW_NEXT;
}
