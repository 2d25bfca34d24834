/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* IPv4 of a checked pod: its source address, no redirect, no router, no DHCP server. */
#pragma once

#include "spoof.h"
#include "sticky.h"

/* RFC 2131, 4.1 */
#define BW_DHCP_SERVER_PORT 67
#define BW_DHCP_CLIENT_PORT 68
#define BW_ICMP_REDIRECT 5 /* RFC 792 */
#define BW_ICMP_ROUTER_ADV 9 /* RFC 1256 */

static __always_inline int bw_check_icmp4(struct __sk_buff *skb, __u32 off)
{
	__u8 type;

	if (bpf_skb_load_bytes(skb, off, &type, sizeof(type)))
		return -BW_DROP_PARSE;
	if (type == BW_ICMP_REDIRECT)
		return -BW_DROP_REDIRECT;
	return type == BW_ICMP_ROUTER_ADV ? -BW_DROP_RA : BW_NEXT;
}

/* The client listens on its port alone, so a server is known by either. */
static __always_inline int bw_check_udp4(struct __sk_buff *skb, __u32 off, int is_unaddressed)
{
	struct bw_ports ports;

	if (bpf_skb_load_bytes(skb, off, &ports, sizeof(ports)))
		return -BW_DROP_PARSE;
	if (is_unaddressed)
		return ports.src == bpf_htons(BW_DHCP_CLIENT_PORT) &&
				       ports.dst == bpf_htons(BW_DHCP_SERVER_PORT)
			       ? BW_NEXT
			       : -BW_DROP_IP4;
	if (ports.src == bpf_htons(BW_DHCP_SERVER_PORT) ||
	    ports.dst == bpf_htons(BW_DHCP_CLIENT_PORT))
		return -BW_DROP_DHCP;
	return BW_NEXT;
}

static __always_inline int bw_check_ip4(struct __sk_buff *skb, const struct bw_ep *ep, __u32 off)
{
	struct iphdr ip;
	int is_unaddressed = 0;

	if (bpf_skb_load_bytes(skb, off, &ip, sizeof(ip)) || ip.version != 4 || ip.ihl < 5)
		return -BW_DROP_PARSE;
	if (!bw_owns4(ep, ip.saddr)) {
		is_unaddressed = !ip.saddr && ep->flags & BW_EP_F_DHCP_CLIENT;
		if (!is_unaddressed || ip.protocol != IPPROTO_UDP ||
		    ip.frag_off & bpf_htons(BW_IP_FRAG))
			return -BW_DROP_IP4;
	}
	if (ip.frag_off & bpf_htons(BW_IP_OFFSET))
		return BW_NEXT; /* its first fragment was checked, and nothing overlaps that */
	if (ip.protocol == IPPROTO_ICMP)
		return bw_check_icmp4(skb, off + ip.ihl * 4);
	if (ip.protocol == IPPROTO_UDP)
		return bw_check_udp4(skb, off + ip.ihl * 4, is_unaddressed);
	return BW_NEXT;
}
