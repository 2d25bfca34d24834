/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a pool may give: its ranges without excludes, reservations, the gateway and the addresses
 * that are no host's, as ascending disjoint intervals. Nothing depends on how long they are.
 */
#pragma once

#include <bw/range.h>

struct bw_err;

#define CTL_U128_MAX 40 /* bytes: 39 digits and NUL */

struct ctl_interval {
	unsigned __int128 first; /* bw_ip_value() */
	unsigned __int128 last;
};

/* Owns @v. Zeroed is empty. */
struct ctl_intervals {
	int family;
	struct ctl_interval *v;
	size_t n;
};

/* Texts of a pool's spec. Everything is borrowed. */
struct ctl_intervals_spec {
	const char *prefix;
	const char *gateway; /* NULL = none */
	const char *const *ranges;
	size_t n_ranges;
	const char *const *excludes;
	size_t n_excludes;
	const struct bw_interval *reserved; /* of any family */
	size_t n_reserved;
};

/**
 * ctl_intervals_build() - the intervals of a pool
 * @spec: as the pool says it
 * @ret: replaced; untouched on failure
 * @err: class INVALID names the text that cannot be understood
 *
 * Left out by themselves: network and broadcast address of an IPv4 prefix up to /30, the
 * subnet-router anycast address of an IPv6 prefix up to /126.
 * Return: 0; -EINVAL; -ENOMEM.
 * Source: RFC 4291 section 2.6.1, RFC 6164, RFC 3021.
 */
int ctl_intervals_build(const struct ctl_intervals_spec *spec, struct ctl_intervals *ret,
			struct bw_err *err);

/* NULL-safe. */
void ctl_intervals_done(struct ctl_intervals *iv);

/* Whether an address lies in one of them. */
int ctl_intervals_has(const struct ctl_intervals *iv, const struct bw_ip *ip);

/* How many addresses they hold; 2^128 - 1 when it is one more. */
unsigned __int128 ctl_intervals_total(const struct ctl_intervals *iv);

/* The first address both hold; 0 none, 1 @ret is one. */
int ctl_intervals_overlap(const struct ctl_intervals *a, const struct ctl_intervals *b,
			  struct bw_ip *ret);

/* In decimal; returns @out. */
const char *ctl_u128_str(unsigned __int128 n, char out[CTL_U128_MAX]);
