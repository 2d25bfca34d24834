/* SPDX-License-Identifier: Apache-2.0 */
/* The trace of a run; two runs of one seed must have the same hash. */
#include <stdarg.h>
#include <string.h>

#include <bw/loop.h>

#include "trace.h"

#define FNV64_PRIME 0x100000001b3ULL /* RFC 9923 */
#define FNV64_OFFSET 0xcbf29ce484222325ULL

void sim_trace(struct sim_trace *t, const char *fmt, ...)
{
	char *line = t->last[t->steps % SIM_TRACE_LINES];
	int64_t ms = t->loop ? bw_loop_now_ns(t->loop) / 1000000 : 0;
	va_list ap;
	int n;

	n = snprintf(line, SIM_TRACE_WIDTH, "%6lld.%03lld ", (long long)(ms / 1000),
		     (long long)(ms % 1000));
	va_start(ap, fmt);
	(void)vsnprintf(line + n, (size_t)(SIM_TRACE_WIDTH - n), fmt, ap); /* long lines are cut */
	va_end(ap);
	if (!t->steps++)
		t->hash = FNV64_OFFSET;
	for (const char *c = line; *c; c++)
		t->hash = (t->hash ^ (unsigned char)*c) * FNV64_PRIME;
	if (t->out)
		fprintf(t->out, "%s\n", line);
}

void sim_trace_print(const struct sim_trace *t, FILE *out, const char *prefix)
{
	uint64_t from = t->steps > SIM_TRACE_LINES ? t->steps - SIM_TRACE_LINES : 0;

	for (uint64_t i = from; i < t->steps; i++)
		fprintf(out, "%s%s\n", prefix, t->last[i % SIM_TRACE_LINES]);
}
