/* SPDX-License-Identifier: Apache-2.0 */
/* The network between clients and the model server: one draw decides what becomes of a request. */
#include <bw/kube_client.h>

#include "server_impl.h"

static const char *const fates[] = {
	[SIM_PASS] = "pass",
	[SIM_REFUSE] = "refused",
	[SIM_THROTTLE] = "429",
	[SIM_FAIL_BEFORE] = "500-before",
	[SIM_FAIL_AFTER] = "500-after",
	[SIM_LOSE_REQUEST] = "request-lost",
	[SIM_LOSE_ANSWER] = "answer-lost",
	[SIM_LATE] = "late",
	[SIM_CUT_STREAM] = "stream-cut",
	[SIM_GONE] = "410",
	[SIM_STALE] = "stale",
	[SIM_RESTART] = "server-restart",
};
_Static_assert(BW_ARRAY_SIZE(fates) == SIM_FATE_MAX_, "a name for each");

const char *sim_fate_str(enum sim_fate fate)
{
	return fates[fate];
}

void sim_count_fault(struct sim_server *s, enum sim_fate fate)
{
	s->counts.faults++;
	s->counts.by_fault[fate]++;
}

int64_t sim_delay_ns(struct sim_server *s)
{
	int64_t us = sim_rng_between(&s->rng, 500, 4000);

	if (sim_rng_chance(&s->rng, s->faults.delay))
		us += (int64_t)sim_rng_below(&s->rng, (uint64_t)s->faults.delay_ms * 1000);
	return us * 1000;
}

enum sim_fate sim_fate_draw(struct sim_server *s, const struct sim_request *q)
{
	const struct sim_faults *f = &s->faults;
	const struct {
		unsigned int chance;
		enum sim_fate fate;
		uint8_t writes; /* means nothing for a read */
	} table[] = {
		{ f->refuse, SIM_REFUSE, 0 },
		{ f->throttle, SIM_THROTTLE, 0 },
		{ f->fail_before, SIM_FAIL_BEFORE, 0 },
		{ f->fail_after, SIM_FAIL_AFTER, 1 },
		{ f->lose_request, SIM_LOSE_REQUEST, 0 },
		{ f->lose_answer, SIM_LOSE_ANSWER, 1 },
		{ f->late, SIM_LATE, 1 },
	};
	int write = q->r.verb >= BW_KUBE_CREATE && q->r.verb <= BW_KUBE_DELETE;
	uint64_t draw = sim_rng_below(&s->rng, 1000);

	if (write && s->at_write && !--s->at_write)
		return (enum sim_fate)s->at_fate;
	if (s->down)
		return SIM_REFUSE;
	if (q->client->cut)
		return SIM_LOSE_REQUEST;
	for (size_t i = 0; i < BW_ARRAY_SIZE(table); i++) {
		if (draw < table[i].chance && (write || !table[i].writes))
			return table[i].fate;
		draw = draw < table[i].chance ? 1000 : draw - table[i].chance;
	}
	return SIM_PASS;
}

const char *sim_fault_name(size_t i)
{
	return i < SIM_FATE_MAX_ ? fates[i] : "?";
}
