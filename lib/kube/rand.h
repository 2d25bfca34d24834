/* SPDX-License-Identifier: Apache-2.0 */
/* Chance for jitter alone: a seeded sequence (splitmix64), equal for equal seeds on all machines.
 */
#pragma once

#include <bw/defs.h>

struct bw_kube_rand {
	uint64_t state;
};

static inline uint64_t bw_kube_rand_u64(struct bw_kube_rand *r)
{
	uint64_t z = (r->state += 0x9e3779b97f4a7c15ULL); /* the golden ratio's fraction */

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

/* 0 <= result < @n; 0 for @n <= 0. */
static inline int64_t bw_kube_rand_below(struct bw_kube_rand *r, int64_t n)
{
	return n > 0 ? (int64_t)(bw_kube_rand_u64(r) % (uint64_t)n) : 0;
}
