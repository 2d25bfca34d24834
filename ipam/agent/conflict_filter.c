/* SPDX-License-Identifier: Apache-2.0 */
/* The classic BPF program that picks the frames which use one of a list of addresses. Pure. */
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <netinet/icmp6.h>
#include <netinet/ip6.h>
#include <string.h>

#include "conflict.h"

#define FRAME 256 /* bytes handed up */
#define ARP_SPA (ETH_HLEN + 14) /* RFC 826: sender protocol address, Ethernet and IPv4 */
#define ND_TYPE (ETH_HLEN + (int)sizeof(struct ip6_hdr))
#define ND_TARGET_END (ND_TYPE + 8 + 12) /* RFC 4861 section 4.4: the target's last 32 bits */

/* Frames for which the word at hand is the last of one of the addresses; all when there are too
 * many. */
static size_t put_words(const struct bw_ip *ips, size_t n, int family, struct sock_filter *f)
{
	size_t at = 0;
	uint32_t word;

	if (n > AGENT_CONFLICT_IPS_MAX) {
		f[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, FRAME);
		return at;
	}
	for (size_t i = 0; i < n; i++) {
		if (ips[i].family != family)
			continue;
		memcpy(&word, bw_ip_bytes(&ips[i]) + bw_ip_size(&ips[i]) - sizeof(word),
		       sizeof(word));
		f[at++] =
			(struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ntohl(word), 0, 1);
		f[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, FRAME);
	}
	f[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, 0);
	return at;
}

size_t agent_conflict_filter(const struct bw_ip *ips, size_t n, struct sock_filter *f)
{
	static const struct sock_filter head[] = {
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, offsetof(struct ethhdr, h_proto)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_ARP, 2, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IPV6, 2, 0),
		BPF_STMT(BPF_RET | BPF_K, 0),
		BPF_STMT(BPF_JMP | BPF_JA, 6), /* to the ARP part */
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, ETH_HLEN + offsetof(struct ip6_hdr, ip6_nxt)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_ICMPV6, 0, 3),
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, ND_TYPE),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ND_NEIGHBOR_ADVERT, 0, 1),
		BPF_STMT(BPF_JMP | BPF_JA, 0), /* to the part of advertisements, set below */
		BPF_STMT(BPF_RET | BPF_K, 0),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, ARP_SPA),
	};
	size_t at = BW_ARRAY_SIZE(head);

	memcpy(f, head, sizeof(head));
	at += put_words(ips, n, AF_INET, f + at);
	f[9].k = (uint32_t)(at - 10);
	f[at++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, ND_TARGET_END);
	return at + put_words(ips, n, AF_INET6, f + at);
}
