/* SPDX-License-Identifier: Apache-2.0 */
/* A picture of a pool: one cell an address, or one for several where there are many. No I/O but to
 * the stream that is given. */
#pragma once

#include <stdio.h>

#include <bw/defs.h>
#include <bw/range.h>

struct bw_err;

#define CLI_MAP_RANGES_MAX 256
#define CLI_MAP_CELLS_MAX 4096

enum cli_map_state { /* of two in one cell the later wins */
		     CLI_MAP_FREE,
		     CLI_MAP_EXCLUDED,
		     CLI_MAP_RESERVED,
		     CLI_MAP_RETAINED,
		     CLI_MAP_COOLING,
		     CLI_MAP_BOUND,
		     CLI_MAP_QUARANTINED,
		     CLI_MAP_MAX_,
};

/* Owns @cells. Zeroed is empty. */
struct cli_map {
	struct bw_interval ranges[CLI_MAP_RANGES_MAX];
	size_t n_ranges;
	uint64_t total; /* addresses; at most UINT64_MAX */
	uint64_t per_cell;
	uint8_t *cells; /* enum cli_map_state */
	size_t n_cells;
	uint64_t counts[CLI_MAP_MAX_]; /* addresses, but FREE; one that is two things counts once as
					  each */
	uint64_t out_of_range; /* of this pool, held beyond its ranges */
};

/* Appends a range. 0; -E2BIG class INVALID. */
int cli_map_add(struct cli_map *m, const struct bw_interval *iv, struct bw_err *err);
/* After the last range: room for the cells. 0; -ENOMEM. */
int cli_map_alloc(struct cli_map *m, struct bw_err *err);
void cli_map_done(struct cli_map *m);

/* Marks the part of [first, last] that is in the ranges; with @mine what is not counts as beyond.
 */
void cli_map_mark(struct cli_map *m, const struct bw_ip *first, const struct bw_ip *last,
		  enum cli_map_state state, int mine);

/* How many addresses cannot be given: every state but FREE. */
uint64_t cli_map_taken(const struct cli_map *m);

/* Prints the first @n free addresses; one cell an address. */
void cli_map_first_free(const struct cli_map *m, uint64_t n, FILE *to);

void cli_map_text(const struct cli_map *m, const char *name, FILE *to);
void cli_map_svg(const struct cli_map *m, const char *name, FILE *to);
