/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets by one line of text, so that a table of them reads as what is on the wire:
 *
 *   "A>B ip 10.1.0.2>10.1.0.3 tcp 4000>80"
 *
 * First the MACs: a letter is 02:00:00:00:00:letter, * broadcast, M a multicast, S
 * 01:80:c2:00:00:00. Then any of: vlan=VID, prio=PCP (802.1Q, VID 0), ad=VID (802.1ad),
 * type=0xNNNN, llc=LEN, arp=OP SENDER_MAC@IP>TARGET_IP (htype=, hlen= change the last arp), ip
 * SRC>DST, opt (4 bytes of options), frag=OFF or OFF+ (bytes; + = more follow), proto=N, ver=N, ip6
 * SRC>DST, hbh dst rt ah esp (extension headers), frag6=OFF[+], next=N, tcp|udp|sctp SPORT>DPORT,
 * icmp=TYPE, icmp6=TYPE, ns|na=TARGET, rs, sll=MAC, tll=MAC, olen=N, pad=N (N zero bytes), cut=N
 * (the frame ends after N bytes).
 */
#pragma once

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PK_MAX 2048
#define PK_TOKENS_MAX 64

struct pk {
	uint8_t b[PK_MAX];
	size_t len;
	size_t ethertype; /* where the last ethertype lies */
	size_t l3; /* where the IP header starts; 0 = none */
	size_t next; /* where the byte lies that names the next header */
	size_t opt; /* last option or arp */
	int is6, is_cut;
};

static inline void pk_die(const char *token, const char *spec)
{
	fprintf(stderr, "packet: cannot read \"%s\" in \"%s\"\n", token, spec);
	exit(2);
}

static inline uint8_t *pk_add(struct pk *p, size_t n)
{
	uint8_t *at = p->b + p->len;

	if (p->len + n > PK_MAX)
		pk_die("length", "");
	p->len += n;
	return at;
}

static inline void pk_put16(uint8_t *at, unsigned int v)
{
	at[0] = (uint8_t)(v >> 8);
	at[1] = (uint8_t)v;
}

static inline void pk_mac(uint8_t *at, char name)
{
	static const uint8_t multicast[6] = { 0x33, 0x33, 0, 0, 0, 1 };
	static const uint8_t stp[6] = { 0x01, 0x80, 0xc2, 0, 0, 0 };
	const uint8_t plain[6] = { 2, 0, 0, 0, 0, (uint8_t)name };

	if (name == '*')
		memset(at, 0xff, 6);
	else
		memcpy(at, name == 'M' ? multicast : name == 'S' ? stp : plain, 6);
}

/* "SRC>DST" into two places; 0 or -1. */
static inline int pk_pair(int family, const char *text, void *src, void *dst)
{
	char a[128];
	char *sep;

	snprintf(a, sizeof(a), "%s", text);
	sep = strchr(a, '>');
	if (!sep)
		return -1;
	*sep = '\0';
	return inet_pton(family, a, src) == 1 && inet_pton(family, sep + 1, dst) == 1 ? 0 : -1;
}

static inline void pk_type(struct pk *p, unsigned int type)
{
	pk_put16(p->b + p->ethertype, type);
}

static inline void pk_tag(struct pk *p, unsigned int type, unsigned int tci)
{
	uint8_t *at;

	pk_type(p, type);
	at = pk_add(p, 4);
	pk_put16(at, tci);
	p->ethertype = p->len - 2;
}

static inline int pk_arp(struct pk *p, unsigned int op, const char *who)
{
	uint8_t *at;

	pk_type(p, 0x0806);
	p->opt = p->len;
	at = pk_add(p, 28);
	pk_put16(at, 1);
	pk_put16(at + 2, 0x0800);
	at[4] = 6;
	at[5] = 4;
	pk_put16(at + 6, op);
	pk_mac(at + 8, who[0]);
	return who[1] == '@' ? pk_pair(AF_INET, who + 2, at + 14, at + 24) : -1;
}

static inline int pk_ip(struct pk *p, const char *pair)
{
	uint8_t *at;

	pk_type(p, 0x0800);
	p->l3 = p->len;
	p->is6 = 0;
	at = pk_add(p, 20);
	at[0] = 0x45;
	at[8] = 64;
	p->next = p->l3 + 9;
	return pk_pair(AF_INET, pair, at + 12, at + 16);
}

static inline int pk_ip6(struct pk *p, const char *pair)
{
	uint8_t *at;

	pk_type(p, 0x86dd);
	p->l3 = p->len;
	p->is6 = 1;
	at = pk_add(p, 40);
	at[0] = 0x60;
	at[6] = 59; /* no next header */
	at[7] = 255;
	p->next = p->l3 + 6;
	return pk_pair(AF_INET6, pair, at + 8, at + 24);
}

/* An extension header of @size bytes, whose own next header is "none" for now. */
static inline uint8_t *pk_ext(struct pk *p, uint8_t proto, size_t size, uint8_t len)
{
	uint8_t *at;

	p->b[p->next] = proto;
	p->next = p->len;
	at = pk_add(p, size);
	at[0] = 59;
	at[1] = len;
	return at;
}

static inline uint8_t *pk_l4(struct pk *p, uint8_t proto, size_t size)
{
	p->b[p->next] = proto;
	p->opt = p->len;
	return pk_add(p, size);
}

static inline int pk_ports(struct pk *p, uint8_t proto, size_t size, const char *ports)
{
	unsigned int s, d;
	uint8_t *at = pk_l4(p, proto, size);

	if (sscanf(ports, "%u>%u", &s, &d) != 2)
		return -1;
	pk_put16(at, s);
	pk_put16(at + 2, d);
	if (proto == 6)
		at[12] = 0x50;
	return 0;
}

static inline void pk_frag6(struct pk *p, const char *v)
{
	unsigned int off = (unsigned int)strtoul(v, NULL, 10);
	uint8_t *at = pk_ext(p, 44, 8, 0);

	pk_put16(at + 2, (off & ~7U) | (strchr(v, '+') != NULL));
}

static inline void pk_frag4(struct pk *p, const char *v)
{
	unsigned int off = (unsigned int)strtoul(v, NULL, 10);

	pk_put16(p->b + p->l3 + 6, (off / 8) | (strchr(v, '+') ? 0x2000U : 0));
}

static inline void pk_nd_opt(struct pk *p, uint8_t type, char mac)
{
	uint8_t *at;

	p->opt = p->len;
	at = pk_add(p, 8);
	at[0] = type;
	at[1] = 1;
	pk_mac(at + 2, mac);
}

static inline int pk_nd(struct pk *p, uint8_t type, const char *target)
{
	uint8_t *at = pk_l4(p, 58, 24);

	at[0] = type;
	return inet_pton(AF_INET6, target, at + 8) == 1 ? 0 : -1;
}

/* What follows "name=" when @token begins with it. */
static inline const char *pk_value(const char *token, const char *name)
{
	size_t n = strlen(name);

	return !strncmp(token, name, n) && token[n] == '=' ? token + n + 1 : NULL;
}

/* Words of the link layer; 1: taken. */
static inline int pk_word2(struct pk *p, const char *t)
{
	const char *v;

	if ((v = pk_value(t, "vlan")))
		pk_tag(p, 0x8100, (unsigned int)atoi(v));
	else if ((v = pk_value(t, "prio")))
		pk_tag(p, 0x8100, (unsigned int)atoi(v) << 13);
	else if ((v = pk_value(t, "ad")))
		pk_tag(p, 0x88a8, (unsigned int)atoi(v));
	else if ((v = pk_value(t, "type")))
		pk_type(p, (unsigned int)strtoul(v, NULL, 16));
	else if ((v = pk_value(t, "llc")))
		pk_type(p, (unsigned int)atoi(v));
	else if ((v = pk_value(t, "htype")))
		pk_put16(p->b + p->opt, (unsigned int)atoi(v));
	else if ((v = pk_value(t, "hlen")))
		p->b[p->opt + 4] = (uint8_t)atoi(v);
	else if ((v = pk_value(t, "pad")))
		(void)pk_add(p, (size_t)atoi(v));
	else
		return 0;
	return 1;
}

/* Words inside IP; 1: taken. */
static inline int pk_word3(struct pk *p, const char *t)
{
	const char *v;

	if (!strcmp(t, "opt")) {
		memset(pk_add(p, 4), 1, 4); /* four times "no operation" */
		p->b[p->l3]++;
	} else if ((v = pk_value(t, "frag")))
		pk_frag4(p, v);
	else if ((v = pk_value(t, "ver")))
		p->b[p->l3] = (uint8_t)((p->b[p->l3] & 0xf) | atoi(v) << 4);
	else if ((v = pk_value(t, "proto")) || (v = pk_value(t, "next")))
		p->b[p->next] = (uint8_t)atoi(v);
	else if (!strcmp(t, "hbh"))
		(void)pk_ext(p, 0, 8, 0);
	else if (!strcmp(t, "dst"))
		(void)pk_ext(p, 60, 8, 0);
	else if (!strcmp(t, "rt"))
		(void)pk_ext(p, 43, 24, 2);
	else if (!strcmp(t, "ah"))
		(void)pk_ext(p, 51, 24, 4);
	else if ((v = pk_value(t, "frag6")))
		pk_frag6(p, v);
	else
		return 0;
	return 1;
}

/* Words of the upper layer; 1: taken. */
static inline int pk_word4(struct pk *p, const char *t)
{
	const char *v;

	if ((v = pk_value(t, "icmp")))
		*pk_l4(p, 1, 8) = (uint8_t)atoi(v);
	else if ((v = pk_value(t, "icmp6")))
		*pk_l4(p, 58, 8) = (uint8_t)atoi(v);
	else if (!strcmp(t, "rs"))
		*pk_l4(p, 58, 8) = 133;
	else if ((v = pk_value(t, "sll")))
		pk_nd_opt(p, 1, *v);
	else if ((v = pk_value(t, "tll")))
		pk_nd_opt(p, 2, *v);
	else if ((v = pk_value(t, "olen")))
		p->b[p->opt + 1] = (uint8_t)atoi(v);
	else
		return 0;
	return 1;
}

/* Words that take the next token too; -1: not so, or that token cannot be read. */
static inline int pk_word_pair(struct pk *p, const char *t, const char *arg)
{
	const char *v;

	if ((v = pk_value(t, "arp")))
		return pk_arp(p, (unsigned int)atoi(v), arg);
	if (!strcmp(t, "ip"))
		return pk_ip(p, arg);
	if (!strcmp(t, "ip6"))
		return pk_ip6(p, arg);
	if (!strcmp(t, "tcp"))
		return pk_ports(p, 6, 20, arg);
	if (!strcmp(t, "udp"))
		return pk_ports(p, 17, 8, arg);
	return strcmp(t, "sctp") ? -1 : pk_ports(p, 132, 12, arg);
}

/* RFC 1071 over the IPv4 header: the bridge's netfilter drops a wrong one. */
static inline unsigned int pk_checksum(const uint8_t *ip)
{
	unsigned int sum = 0, size = (ip[0] & 0xfU) * 4;

	for (unsigned int i = 0; i < size; i += 2)
		sum += (unsigned int)ip[i] << 8 | ip[i + 1];
	sum = (sum >> 16) + (sum & 0xffff);
	return ~(sum + (sum >> 16)) & 0xffff;
}

static inline void pk_finish(struct pk *p)
{
	uint8_t *ip = p->b + p->l3;

	if (p->l3 && p->is6)
		pk_put16(ip + 4, (unsigned int)(p->len - p->l3 - 40));
	if (!p->l3 || p->is6)
		return;
	pk_put16(ip + 2, (unsigned int)(p->len - p->l3));
	pk_put16(ip + 10, pk_checksum(ip));
}

/* Builds @spec into @p; a mistake in it ends the test program. */
static inline void pk_build(struct pk *p, const char *spec)
{
	char text[512];
	char *tokens[PK_TOKENS_MAX + 1] = { NULL };
	size_t n = 0, cut = 0;
	const char *v;
	uint8_t *at;
	char *save = NULL;

	memset(p, 0, sizeof(*p));
	snprintf(text, sizeof(text), "%s", spec);
	for (char *t = strtok_r(text, " ", &save); t && n < PK_TOKENS_MAX;
	     t = strtok_r(NULL, " ", &save))
		tokens[n++] = t;
	if (!n || strlen(tokens[0]) != 3)
		pk_die("the MACs", spec);
	at = pk_add(p, 14);
	pk_mac(at + 6, tokens[0][0]);
	pk_mac(at, tokens[0][2]);
	p->ethertype = 12;
	for (size_t i = 1; i < n; i++) {
		if ((v = pk_value(tokens[i], "cut")))
			cut = (size_t)atoi(v);
		else if ((v = pk_value(tokens[i], "ns")) || (v = pk_value(tokens[i], "na"))) {
			if (pk_nd(p, tokens[i][1] == 's' ? 135 : 136, v))
				pk_die(tokens[i], spec);
		} else if (pk_word2(p, tokens[i]) || pk_word3(p, tokens[i]) ||
			   pk_word4(p, tokens[i])) {
			continue;
		} else if (!tokens[i + 1] || pk_word_pair(p, tokens[i], tokens[i + 1])) {
			pk_die(tokens[i], spec);
		} else {
			i++;
		}
	}
	pk_finish(p);
	if (cut && cut < p->len)
		p->len = cut;
}
