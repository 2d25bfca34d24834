/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses, prefixes, MACs: parse, print, order, count. No I/O.
 *
 * An address is 16 bytes in network order whatever its family; an IPv4 one is held in its last
 * four bytes as ::ffff:a.b.c.d, so a journal key is one 16-byte blob and both families never mix
 * (RFC 4291 section 2.5.5.2). Text that is not canonical on input is accepted as inet_pton(3) does
 * (no leading zeros in IPv4); what is printed is canonical (RFC 5952).
 */
#pragma once

#include <sys/socket.h>

#include <bw/defs.h>

struct bw_err;

#define BW_IP_STR_MAX 46 /* INET6_ADDRSTRLEN */
#define BW_PREFIX_STR_MAX 50 /* address, slash, three digits */
#define BW_MAC_STR_MAX 18
#define BW_MAC_SIZE 6

struct bw_ip {
	uint8_t family; /* AF_INET, AF_INET6; 0 = none */
	uint8_t b[16];
};

struct bw_prefix {
	struct bw_ip ip;
	uint8_t len; /* bits: 0..32 or 0..128, by the address's own family */
};

struct bw_mac {
	uint8_t b[BW_MAC_SIZE];
};

/**
 * bw_ip_parse() - read an address without prefix
 * @s: "10.1.0.7" or "fd00::7"; a zone (%eth0) is refused, so is an IPv4-mapped IPv6 address
 * @ret: untouched on failure
 *
 * Return: 0; -EINVAL.
 */
int bw_ip_parse(const char *s, struct bw_ip *ret);

/**
 * bw_prefix_parse() - read ADDRESS/LENGTH
 * @s: host bits may be set
 * @ret: untouched on failure
 *
 * Return: 0; -EINVAL, also when there is no length or it is too long.
 */
int bw_prefix_parse(const char *s, struct bw_prefix *ret);

/**
 * bw_ip_or_prefix_parse() - read an address with or without /LENGTH
 * @s: text
 * @ret: .len is the full width when @ret_has_len is false; untouched on failure
 * @ret_has_len: whether a length was given
 *
 * Return: 0; -EINVAL.
 */
int bw_ip_or_prefix_parse(const char *s, struct bw_prefix *ret, int *ret_has_len);

/* Prints canonically into @out; returns @out. A zero family prints "-". */
const char *bw_ip_str(const struct bw_ip *ip, char out[BW_IP_STR_MAX]);
const char *bw_prefix_str(const struct bw_prefix *p, char out[BW_PREFIX_STR_MAX]);

/* Makes an address from kernel or wire bytes: 4 bytes for AF_INET, 16 for AF_INET6. */
struct bw_ip bw_ip_from_bytes(int family, const void *bytes);

/* The wire bytes: the last four of .b for AF_INET, all sixteen for AF_INET6. */
const uint8_t *bw_ip_bytes(const struct bw_ip *ip);

/* Bytes on the wire: 4 or 16. */
size_t bw_ip_size(const struct bw_ip *ip);

/* Bits of an address of this family: 32 or 128. */
unsigned int bw_ip_bits(int family);

/* Orders by family, then by value: <0, 0, >0. */
int bw_ip_cmp(const struct bw_ip *a, const struct bw_ip *b);
int bw_ip_eq(const struct bw_ip *a, const struct bw_ip *b);

/**
 * bw_ip_add() - add a small number within the family's width
 * @ip: changed in place; untouched on failure
 * @n: may be negative
 *
 * Return: 0; -EOVERFLOW past the family's first or last address.
 */
int bw_ip_add(struct bw_ip *ip, int64_t n);

/**
 * bw_ip_distance() - addresses from @a up to @b
 * @a: not above @b, same family
 * @b: see @a
 *
 * Return: b - a, UINT64_MAX when it does not fit.
 */
uint64_t bw_ip_distance(const struct bw_ip *a, const struct bw_ip *b);

/* The sixteen bytes as one number, and back; IPv4 addresses lie at ::ffff:0:0. */
unsigned __int128 bw_ip_value(const struct bw_ip *ip);
struct bw_ip bw_ip_from_value(int family, unsigned __int128 value);

/* First (network) and last address of a prefix. */
struct bw_ip bw_prefix_first(const struct bw_prefix *p);
struct bw_ip bw_prefix_last(const struct bw_prefix *p);

/* Whether @ip lies in @p; false for different families. */
int bw_prefix_contains(const struct bw_prefix *p, const struct bw_ip *ip);

/* Whether host bits are set, e.g. 10.1.0.7/24. */
int bw_prefix_has_host_bits(const struct bw_prefix *p);

/**
 * bw_mac_parse() - read six pairs of hex digits parted by ':' or '-'
 *
 * Multicast and zero addresses parse; whether they are allowed is the caller's question.
 * Return: 0; -EINVAL.
 */
int bw_mac_parse(const char *s, struct bw_mac *ret);

/* Prints lower-case with colons; returns @out. */
const char *bw_mac_str(const struct bw_mac *m, char out[BW_MAC_STR_MAX]);
int bw_mac_eq(const struct bw_mac *a, const struct bw_mac *b);
int bw_mac_is_zero(const struct bw_mac *m);
int bw_mac_is_multicast(const struct bw_mac *m);

/**
 * bw_mac_from_ip() - the MAC an address brings with it (macFrom: address)
 * @domain: the L2 domain, 1..63 characters
 * @ip: the endpoint's first IPv4 address, else its first IPv6 address
 *
 * IPv4: 02, the 8-bit FNV-1a of the domain, then the four address bytes.
 * IPv6: 06, then the low 40 bits of the 64-bit FNV-1a over domain, NUL and the 16 address bytes.
 * 8 bits are the 32-bit hash h folded as ((h >> 8) ^ h) & 0xff, the folding FNV's authors give for
 * sizes below 16 bits. Test vectors: docs/reference/mac.md.
 * Source: FNV draft-eastlake-fnv, "FNV hash parameters" and "xor folding".
 */
struct bw_mac bw_mac_from_ip(const char *domain, const struct bw_ip *ip);

/* 64-bit and 32-bit FNV-1a, continued from @h; start with the offset basis. */
#define BW_FNV64_BASIS 0xcbf29ce484222325ULL
#define BW_FNV32_BASIS 0x811c9dc5U
uint64_t bw_fnv64(uint64_t h, const void *data, size_t size);
uint32_t bw_fnv32(uint32_t h, const void *data, size_t size);
