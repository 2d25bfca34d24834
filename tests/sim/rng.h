/* SPDX-License-Identifier: Apache-2.0 */
/* Random numbers of one seed: equal seeds give equal runs on every machine. */
#pragma once

#include <bw/defs.h>

struct sim_rng {
	uint64_t state;
};

static inline uint64_t sim_rng_next(struct sim_rng *r)
{
	uint64_t z = r->state += 0x9e3779b97f4a7c15ULL; /* splitmix64, Steele and others 2014 */

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

/* 0 <= result < @n; 0 for 0. */
static inline uint64_t sim_rng_below(struct sim_rng *r, uint64_t n)
{
	return n ? sim_rng_next(r) % n : 0;
}

/* @lo <= result <= @hi */
static inline int64_t sim_rng_between(struct sim_rng *r, int64_t lo, int64_t hi)
{
	return hi <= lo ? lo : lo + (int64_t)sim_rng_below(r, (uint64_t)(hi - lo + 1));
}

/* True @permille times of 1000. A draw is made even when @permille is 0. */
static inline int sim_rng_chance(struct sim_rng *r, unsigned int permille)
{
	return sim_rng_below(r, 1000) < permille;
}

/* A stream of its own, so that more draws in one place do not move those of another. */
static inline struct sim_rng sim_rng_fork(struct sim_rng *r)
{
	return (struct sim_rng){ sim_rng_next(r) };
}
