/* SPDX-License-Identifier: Apache-2.0 */
/* The simulated cluster as a whole: clocks side by side, what a seed means, calm and settling. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "check.h"
#include "proc.h"
#include "store_impl.h"
#include "world.h"

#define START_NS (1000 * SIM_NS_PER_S)
#define START_REAL_S 1800000000
#define SETTLE_S 1500 /* everything must have converged by then */
#define SLICE_S 20
#define STILL_MAX 200000U
#define QUIET_S 200 /* so long nothing may be written */

struct cJSON *sim_json(const char *fmt, ...)
{
	char text[4096];
	struct cJSON *tree;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	tree = n > 0 && (size_t)n < sizeof(text) ? cJSON_Parse(text) : NULL;
	if (!tree)
		abort();
	return tree;
}

int64_t sim_world_now(const struct sim_world *w)
{
	return bw_loop_now_ns(w->loop);
}

void sim_world_arm(struct sim_world *w, struct bw_timer *t, int64_t ms)
{
	int64_t at = sim_world_now(w) + ms * 1000000;

	if (bw_timer_is_set(t) && t->at_ns <= at)
		return;
	if (bw_timer_set(t, at) < 0)
		abort();
}

int64_t sim_world_pace(struct sim_world *w, int64_t max_ms)
{
	return sim_rng_between(&w->rng, 1, w->calm ? 20 : max_ms);
}

void sim_world_wake(struct sim_world *w)
{
	sim_world_arm(w, &w->cluster, sim_world_pace(w, 500));
	for (unsigned int i = 0; i < w->n_nodes; i++)
		sim_node_wake(&w->nodes[i]);
}

static int wrote(struct sim_world *w, struct cJSON *tree, const struct sim_reply *r)
{
	cJSON_Delete(tree);
	sim_store_by(w->store, "");
	return r->http < 300;
}

int sim_world_create(struct sim_world *w, const char *by, enum sim_kind_id kind,
		     const char *namespace, struct cJSON *tree)
{
	struct sim_reply r;

	sim_store_by(w->store, by);
	sim_store_create(w->store, &sim_kinds[kind], namespace, tree, &r);
	return wrote(w, tree, &r);
}

int sim_world_merge(struct sim_world *w, const char *by, enum sim_kind_id kind,
		    const char *namespace, const char *name, const char *sub, struct cJSON *tree)
{
	struct sim_reply r;

	sim_store_by(w->store, by);
	sim_store_merge(w->store, &sim_kinds[kind], namespace, name, sub, tree, &r);
	return wrote(w, tree, &r);
}

int sim_world_delete(struct sim_world *w, const char *by, enum sim_kind_id kind,
		     const char *namespace, const char *name, const char *uid, int64_t grace_s)
{
	struct sim_delete opts = { .uid = uid, .grace_s = grace_s };
	struct sim_reply r;

	sim_store_by(w->store, by);
	sim_store_delete(w->store, &sim_kinds[kind], namespace, name, &opts, &r);
	return wrote(w, NULL, &r);
}

static void committed(const struct sim_version *v, const char *by, void *arg)
{
	struct sim_world *w = arg;
	const struct sim_kind *kind = v->key->kind;

	sim_trace(&w->trace, "%s: %s %s %s/%s %.*s", by, v->deleted ? "removes" : "writes",
		  kind->kind.kind, v->key->namespace, v->key->name, 140,
		  strstr(v->text, "\"spec\"") ? strstr(v->text, "\"spec\"") : v->text);
	sim_server_committed(&w->server);
	sim_check_commit(w->check, v, by);
	if (kind == &sim_kinds[SIM_POD] || kind == &sim_kinds[SIM_CLAIM] ||
	    kind == &sim_kinds[SIM_NODE] || kind == &sim_kinds[SIM_STATEFULSET] ||
	    kind == &sim_kinds[SIM_CONFIGMAP] || kind == &sim_kinds[SIM_SECRET] ||
	    (kind == &sim_kinds[SIM_EPOCH] && w->restores))
		sim_world_wake(w);
}

int sim_world_mutant(const struct sim_world *w, const char *mutant)
{
	return w->mutant && !strcmp(w->mutant, mutant);
}

static unsigned int some(struct sim_rng *r, unsigned int likely, unsigned int max)
{
	return sim_rng_chance(r, likely) ? 1 + (unsigned int)sim_rng_below(r, max) : 0;
}

/* Each seed has its own mixture: what is off altogether lets the rest go further. */
void sim_setup_draw(struct sim_setup *s, uint64_t seed)
{
	struct sim_rng r = { seed * 0x2545f4914f6cdd1dULL + 7 };
	struct sim_faults *f = &s->faults;

	*s = (struct sim_setup){ 0 };
	s->nodes = 2 + (unsigned int)sim_rng_below(&r, 2);
	s->procs = 2 + (unsigned int)sim_rng_below(&r, 2);
	s->pool_size = 3 + (unsigned int)sim_rng_below(&r, 8);
	s->cooldown_s = sim_rng_chance(&r, 300) ? 0 : 1 + (unsigned int)sim_rng_below(&r, 30);
	s->users = 2000 + (unsigned int)sim_rng_below(&r, 6000);
	s->restarts = some(&r, 500, 25);
	s->stops = some(&r, 400, 20);
	s->breaks = some(&r, 400, 30);
	s->outages = some(&r, 300, 10);
	s->nodes_fail = some(&r, 600, 40);
	s->elections = some(&r, 500, 30);
	s->skews = some(&r, 300, 20);
	s->two_leaders = (uint8_t)sim_rng_chance(&r, 500);
	s->retain = (uint8_t)sim_rng_chance(&r, 400);
	s->v6 = (uint8_t)sim_rng_chance(&r, 400);
	s->chaos_s = 60 + (int64_t)sim_rng_below(&r, 120);
	f->delay = some(&r, 600, 300);
	f->delay_ms = 100 + (unsigned int)sim_rng_below(&r, 20000);
	f->refuse = some(&r, 300, 60);
	f->throttle = some(&r, 300, 60);
	f->fail_before = some(&r, 300, 60);
	f->fail_after = some(&r, 400, 80);
	f->lose_request = some(&r, 300, 40);
	f->lose_answer = some(&r, 500, 100);
	f->late = some(&r, 400, 60);
	f->late_ms = 1000 + (unsigned int)sim_rng_below(&r, 40000);
	f->gone = some(&r, 300, 100);
	f->cut_stream = some(&r, 400, 60);
	f->stale = some(&r, 500, 500);
	f->lag_ms = sim_rng_chance(&r, 500) ? (unsigned int)sim_rng_below(&r, 30000) : 0;
	s->units = (uint8_t)sim_rng_chance(&r, 120); /* they cost several times as much */
	s->exec = (uint8_t)sim_rng_chance(&r, 850);
}

void sim_world_init(struct sim_world *w, uint64_t seed, const struct sim_setup *setup)
{
	struct sim_rng base = { seed };

	w->setup = *setup;
	if (bw_loop_new_virtual(START_NS, START_REAL_S, &w->loop, NULL) < 0)
		abort();
	w->trace.loop = w->loop;
	w->store = sim_store_new(w->loop);
	w->rng = sim_rng_fork(&base);
	sim_exec_init(w);
	w->check = sim_check_new(w);
	sim_server_init(&w->server, w->loop, w->store, &w->trace, sim_rng_fork(&base));
	sim_store_on_commit(w->store, committed, w);
	bw_timer_init(&w->cluster, w->loop, sim_cluster_step, w);
	bw_timer_init(&w->users, w->loop, sim_users_step, w);
	bw_timer_init(&w->chaos, w->loop, sim_chaos_step, w);
	sim_users_begin(w);
	w->server.faults = setup->faults;
	w->server.mutant = w->mutant;
	w->server.lists = 1;
	for (unsigned int i = 0; i < setup->procs; i++)
		w->procs[i] = sim_proc_new(w, i);
	if (setup->users)
		sim_world_arm(w, &w->users, 1000);
	sim_world_arm(w, &w->chaos, 2000);
}

void sim_world_done(struct sim_world *w)
{
	for (unsigned int i = 0; i < w->setup.procs; i++)
		sim_proc_free(&w->procs[i]);
	sim_exec_done(w);
	sim_server_done(&w->server);
	sim_check_free(&w->check);
	sim_store_free(&w->store);
	bw_loop_free(&w->loop);
}

/* One callback, of whoever is first. Return: 0 nothing is left before @until_ns. */
static int step(struct sim_world *w, int64_t until_ns)
{
	struct sim_proc *first = NULL;
	int64_t next = bw_loop_next_ns(w->loop);

	for (unsigned int i = 0; i < w->setup.procs; i++) {
		int64_t at = sim_proc_next_ns(w->procs[i]);

		if (at < next || (at == next && !first && at != INT64_MAX)) {
			next = at;
			first = w->procs[i];
		}
	}
	if (next > until_ns)
		return 0;
	w->steps++;
	if (next > w->still_ns) {
		w->still_ns = next;
		w->still = 0;
	} else if (++w->still == STILL_MAX) {
		sim_check_fail(w->check, "L3 %u steps without a tick of the clock", STILL_MAX);
	}
	if (!first) {
		(void)bw_loop_step(w->loop, 0, next, NULL);
		for (unsigned int i = 0; i < w->setup.procs; i++)
			sim_proc_reap(w->procs[i]);
		return 1;
	}
	if (next > sim_world_now(w)) /* nothing of the world is due: its clock alone moves */
		(void)bw_loop_step(w->loop, 0, next, NULL);
	sim_proc_step(first);
	return 1;
}

int sim_world_run(struct sim_world *w, int64_t until_ns)
{
	while (!sim_check_broken(w->check) && step(w, until_ns))
		;
	if (!sim_check_broken(w->check) && until_ns > sim_world_now(w))
		(void)bw_loop_step(w->loop, 0, until_ns, NULL);
	return sim_check_broken(w->check) != NULL;
}

void sim_world_calm(struct sim_world *w)
{
	static const char *const pools[] = { "lan", "lan-b" };

	sim_trace(&w->trace, "calm");
	w->calm = 1;
	w->server.down = 0;
	sim_server_heal(&w->server);
	for (unsigned int i = 0; i < w->setup.procs; i++) {
		sim_proc_pause(w->procs[i], 0);
		sim_proc_lead(w->procs[i], i == 0);
	}
	for (unsigned int i = 0; i < w->n_nodes; i++)
		if (!w->nodes[i].ghost && !w->nodes[i].admin)
			w->nodes[i].cut = 0;
	/* Room for everybody, so that what is pending then has no excuse. */
	for (size_t i = 0; i < BW_ARRAY_SIZE(pools); i++)
		(void)sim_world_merge(w, "admin", SIM_POOL, NULL, pools[i], NULL,
				      sim_json("{\"spec\":{\"phase\":\"Serving\",\"ranges\":["
					       "\"10.99.0.10-10.99.0.120\"]}}"));
	(void)sim_world_delete(w, "admin", SIM_RESERVATION, NULL, "r", NULL, -1);
	sim_units_calm(w);
	sim_world_wake(w);
}

int sim_world_settle(struct sim_world *w)
{
	int64_t until = sim_world_now(w) + SETTLE_S * SIM_NS_PER_S;
	const char *why = "L1 not looked";

	while (why && sim_world_now(w) < until) {
		if (sim_world_run(w, sim_world_now(w) + SLICE_S * SIM_NS_PER_S))
			return 1;
		sim_world_arm(w, &w->cluster, 1);
		why = sim_check_converged(w->check);
		if (!why) {
			uint64_t before = sim_check_writes(w->check) + w->n_execs;

			if (sim_world_run(w, sim_world_now(w) + QUIET_S * SIM_NS_PER_S))
				return 1;
			why = sim_check_converged(w->check);
			if (!why && sim_check_writes(w->check) + w->n_execs != before)
				why = "L3 something is still written";
		}
	}
	if (why)
		sim_check_fail(w->check, "%s", why);
	return why != NULL;
}
