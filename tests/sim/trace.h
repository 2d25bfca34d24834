/* SPDX-License-Identifier: Apache-2.0 */
/* What happened in a run: a hash over every line, the last lines, all of them when asked for. */
#pragma once

#include <bw/defs.h>
#include <stdio.h>

struct bw_loop;

#define SIM_TRACE_LINES 80
#define SIM_TRACE_WIDTH 240

struct sim_trace {
	const struct bw_loop *loop;
	FILE *out; /* NULL = only the hash and the last lines */
	uint64_t hash;
	uint64_t steps;
	char last[SIM_TRACE_LINES][SIM_TRACE_WIDTH];
};

void sim_trace(struct sim_trace *t, const char *fmt, ...) BW_PRINTF(2, 3);
/* The last lines, oldest first, each after @prefix. */
void sim_trace_print(const struct sim_trace *t, FILE *out, const char *prefix);
