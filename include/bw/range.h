/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Range sets as host-local knows them: each attachment gets one address of every set. A set is a
 * list of ranges of one family, each within a subnet; what may be given is kept as disjoint
 * intervals, so nothing depends on how many addresses they hold. No I/O.
 */
#pragma once

#include <bw/ip.h>

struct bw_err;

#define BW_RANGE_SETS_MAX 16
#define BW_RANGES_MAX 256 /* of one set */
#define BW_RANGE_HOLES_MAX 65536 /* excludes, gateways and reservations of one configuration */
#define BW_RANGE_STR_MAX 92 /* two addresses and a dash */

struct bw_range {
	struct bw_prefix subnet;
	struct bw_ip first; /* rangeStart; family 0 before bw_range_complete() = by default */
	struct bw_ip last; /* rangeEnd, likewise */
	struct bw_ip gateway; /* likewise */
};

struct bw_interval {
	struct bw_ip first;
	struct bw_ip last; /* not below first, same family */
};

struct bw_range_set {
	struct bw_range *ranges; /* owned */
	size_t n;
	struct bw_interval *free; /* owned: what may be picked, by range, ascending within one */
	struct bw_interval *sorted; /* owned: the same, ascending */
	size_t *range_of; /* owned: index into ranges of each of free */
	size_t n_free;
};

/* Frees what a set owns; NULL-safe, half-built-safe. */
void bw_range_set_done(struct bw_range_set *set);

/**
 * bw_range_complete() - check one range and fill what it leaves out
 * @r: subnet is set; on success every member is
 * @path: where it stands, for the text, e.g. "ipam.ranges[0][1]"
 * @err: class INVALID
 *
 * By default the gateway is the first address after the network's, the range begins there too and
 * ends before the broadcast address (IPv4) or at the subnet's last address (IPv6).
 * Return: 0; -EINVAL.
 * Source: host-local's documentation, "Supported arguments"; RFC 4291 2.6.1 (the network address
 * is the subnet-router anycast address).
 */
int bw_range_complete(struct bw_range *r, const char *path, struct bw_err *err);

/**
 * bw_range_set_check() - ranges of a set are of one family and do not overlap
 * @set: complete ranges
 * @path: of the set
 *
 * Return: 0; -EINVAL class INVALID.
 */
int bw_range_set_check(const struct bw_range_set *set, const char *path, struct bw_err *err);

/* Whether two sets have an address in common; @ret_a and @ret_b are the ranges then. */
int bw_range_set_overlap(const struct bw_range_set *a, const struct bw_range_set *b,
			 const struct bw_range **ret_a, const struct bw_range **ret_b);

/**
 * bw_range_set_build() - the intervals that may be picked: the ranges without the holes
 * @set: complete ranges
 * @holes: any order, may overlap and lie anywhere; of either family
 * @n: at most BW_RANGE_HOLES_MAX
 *
 * The gateways of the set are holes by themselves. Return: 0; -ENOMEM.
 */
int bw_range_set_build(struct bw_range_set *set, const struct bw_interval *holes, size_t n,
		       struct bw_err *err);

/* The range that holds an address between its first and last; NULL when none does. Borrowed. */
const struct bw_range *bw_range_set_find(const struct bw_range_set *set, const struct bw_ip *ip);

/* Whether @ip is one of the set's gateways. */
int bw_range_set_is_gateway(const struct bw_range_set *set, const struct bw_ip *ip);

/* Prints "first-last" of a range, or of the first and last range of a set; returns @out. */
const char *bw_range_str(const struct bw_range *r, char out[BW_RANGE_STR_MAX]);

/**
 * bw_interval_parse() - read "ADDRESS", "ADDRESS/LENGTH" or "FIRST-LAST"
 *
 * Return: 0; -EINVAL: none of these, mixed families, first above last.
 */
int bw_interval_parse(const char *s, struct bw_interval *ret);

/* Whether an address lies in it; false for the other family. */
int bw_interval_has(const struct bw_interval *i, const struct bw_ip *ip);
