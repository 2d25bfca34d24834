/* SPDX-License-Identifier: Apache-2.0 */
/* A pool as cells: one an address, or one for several where there are many. */
#pragma once

#include <bw/defs.h>
#include <bw/range.h>
#include <gen/net.h>

struct bw_err;

#define BW_MAP_RANGES_MAX 256

enum bw_map_state { /* of two in one cell the later wins */
		    BW_MAP_FREE,
		    BW_MAP_EXCLUDED,
		    BW_MAP_RESERVED,
		    BW_MAP_RETAINED,
		    BW_MAP_COOLING,
		    BW_MAP_BOUND,
		    BW_MAP_QUARANTINED,
		    BW_MAP_MAX_,
};

/* Owns @cells. Zeroed is empty. */
struct bw_map {
	struct bw_interval ranges[BW_MAP_RANGES_MAX];
	size_t n_ranges;
	uint64_t total; /* addresses; at most UINT64_MAX */
	uint64_t per_cell;
	uint8_t *cells; /* enum bw_map_state */
	size_t n_cells;
	uint64_t counts[BW_MAP_MAX_]; /* addresses, but FREE; one that is two things counts once as
					  each */
	uint64_t out_of_range; /* of this pool, held beyond its ranges */
};

/* "free", "bound", ...; "unknown" outside the enum. */
const char *bw_map_state_str(enum bw_map_state state);

/* Appends a range. Return: 0; -E2BIG class INVALID. */
int bw_map_add(struct bw_map *m, const struct bw_interval *iv, struct bw_err *err);
/* After the last range: room for at most @cells, > 0. 0; -ENOMEM. */
int bw_map_alloc(struct bw_map *m, size_t cells, struct bw_err *err);
void bw_map_done(struct bw_map *m);

/* Marks the part of [first, last] that is in the ranges; with @mine what is not counts as beyond.
 */
void bw_map_mark(struct bw_map *m, const struct bw_ip *first, const struct bw_ip *last,
		 enum bw_map_state state, int mine);

/* How many addresses cannot be given: every state but FREE. */
uint64_t bw_map_taken(const struct bw_map *m);

/* The @n-th address of the ranges, from 0; the last of all beyond them. */
struct bw_ip bw_map_address(const struct bw_map *m, uint64_t n);

/**
 * bw_map_begin() - the cells of a pool, with its excludes
 * @m: zeroed; bw_map_done() frees it, after a failure too
 * @p: the pool
 * @cells: at most so many, > 0
 *
 * Return: 0; -EINVAL class INVALID names a range nobody can read; -E2BIG; -ENOMEM.
 */
int bw_map_begin(struct bw_map *m, const struct bw_net_pool *p, size_t cells, struct bw_err *err);
/* Marks what of a reservation, or whether an address, is in the pool's domain and ranges. */
void bw_map_put_reservation(struct bw_map *m, const struct bw_net_pool *p,
			    const struct bw_net_reservation *v);
void bw_map_put_address(struct bw_map *m, const struct bw_net_pool *p,
			const struct bw_net_address *a);
/* The same of one address: who holds it and what it is. */
void bw_map_put(struct bw_map *m, const struct bw_net_pool *p, const struct bw_ip *ip,
		const char *pool, enum bw_net_address_state state);
