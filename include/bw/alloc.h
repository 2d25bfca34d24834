/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Picks a free address of a range set. What is used is asked run by run, and a run is jumped over
 * at once: the work depends on how many holes of the configuration lie among used addresses, not on
 * how many addresses there are or are used. No I/O but the caller's.
 */
#pragma once

#include <bw/range.h>

struct bw_err;

enum bw_alloc_strategy {
	BW_ALLOC_NEXT, /* the one after the last given, as host-local: an address rests longest */
	BW_ALLOC_LOWEST,
	BW_ALLOC_RANDOM,
	BW_ALLOC_MAX_,
};

/* "next", "lowest", "random"; "unknown" outside the enum. */
const char *bw_alloc_strategy_str(enum bw_alloc_strategy strategy);

/*
 * The maximal run of used addresses around @ip. Return: 1 and the run; 0 @ip is free; -errno.
 */
typedef int (*bw_alloc_run_fn)(void *arg, const struct bw_ip *ip, struct bw_ip *ret_first,
			       struct bw_ip *ret_last, struct bw_err *err);

struct bw_alloc {
	const struct bw_range_set *set; /* built */
	enum bw_alloc_strategy strategy;
	struct bw_ip cursor; /* NEXT: given last; family 0 = none was */
	uint8_t seed[16]; /* RANDOM: fresh random bytes */
	bw_alloc_run_fn run;
	void *arg;
};

/**
 * bw_alloc_pick() - choose a free address
 * @a: what to choose from and how
 * @ret: untouched on failure
 *
 * RANDOM takes a random address of the set, or the first free one after it.
 * Return: 0; -ENOSPC class BUSY: none is free; what @run returned.
 */
int bw_alloc_pick(const struct bw_alloc *a, struct bw_ip *ret, struct bw_err *err);
