/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim: the real controllers in a simulated cluster.
 *
 *     sim --seed N [--trace] [--twice]   one seed, the same every time
 *     sim --seeds M [--from N]           many, in two processes; --units: of those that have Units
 *     sim --scenarios [PART]             the directed ones, as TAP
 *     sim --mutants                      the checker finds what is broken on purpose, as TAP
 *     sim --tap --seeds M                many seeds as TAP
 *
 * Prints what is broken and the last steps.
 */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#include <bw/log.h>

#include "check.h"
#include "mutant.h"
#include "proc.h"
#include "scenario.h"
#include "world.h"

#define ROUNDS_MAX 1000
#define MUTANT_SEEDS 400 /* one of so many must show a mutant */
#define REPLAYS 20 /* seeds that are run twice */

#define JOBS_MAX 16

struct totals {
	uint64_t seeds, failed, steps, requests, writes, faults, kills;
	uint64_t by_fault[16];
	uint64_t hash;
	char broken[300];
};

struct options {
	uint64_t seed, from, seeds;
	unsigned int jobs;
	int one, trace, twice, tap, scenarios, mutants, quiet, units;
	const char *mutant, *part;
};

/* What there is at the end, for whoever looks for the reason. */
static void print_objects(const struct sim_world *w)
{
	static const enum sim_kind_id kinds[] = { SIM_NODE,    SIM_POOL,      SIM_POD,
						  SIM_CLAIM,   SIM_ADDRESS,   SIM_UNIT,
						  SIM_VOLUME,  SIM_CONFIGMAP, SIM_SECRET,
						  SIM_SERVICE, SIM_SLICE };

	for (size_t k = 0; k < BW_ARRAY_SIZE(kinds); k++) {
		size_t n;
		struct sim_key *const *keys = sim_store_keys(w->store, &sim_kinds[kinds[k]], &n);

		for (size_t i = 0; i < n; i++)
			if (keys[i]->tree)
				printf("%s %s/%s %s\n", keys[i]->kind->kind.kind,
				       keys[i]->namespace, keys[i]->name, keys[i]->last->text);
	}
}

static int run_seed(uint64_t seed, const struct options *o, struct totals *t)
{
	static struct sim_world w; /* large; one at a time */
	struct sim_setup setup;
	int bad;

	memset(&w, 0, sizeof(w));
	sim_setup_draw(&setup, seed);
	w.trace.out = o->trace ? stdout : NULL;
	w.mutant = o->mutant;
	sim_world_init(&w, seed, &setup);
	bad = sim_world_run(&w, sim_world_now(&w) + setup.chaos_s * SIM_NS_PER_S);
	if (!bad) {
		sim_world_calm(&w);
		bad = sim_world_settle(&w);
	}
	if (!bad && setup.units && sim_units_turn(&w))
		bad = sim_world_settle(&w);
	if (bad && !o->quiet) {
		if (!o->trace)
			sim_trace_print(&w.trace, stdout, "# ");
		printf("# seed %llu: %s\n# again with: make test-sim SEED=%llu\n",
		       (unsigned long long)seed, sim_check_broken(w.check),
		       (unsigned long long)seed);
	}
	if (o->trace)
		print_objects(&w);
	t->seeds++;
	t->failed += bad != 0;
	t->steps += w.steps;
	t->requests += w.server.counts.requests;
	t->writes += w.server.counts.writes;
	t->faults += w.server.counts.faults;
	for (size_t i = 0; i < BW_ARRAY_SIZE(t->by_fault); i++)
		t->by_fault[i] += w.server.counts.by_fault[i];
	for (unsigned int i = 0; i < setup.procs; i++)
		t->kills += sim_proc_kills(w.procs[i]);
	t->hash = w.trace.hash;
	if (bad)
		(void)snprintf(t->broken, sizeof(t->broken), "%s", sim_check_broken(w.check));
	sim_world_done(&w);
	return bad;
}

static void print_totals(const struct totals *t)
{
	printf("# %llu seeds, %llu failed; %llu steps, %llu requests, %llu writes by controllers, "
	       "%llu faults, %llu kills\n",
	       (unsigned long long)t->seeds, (unsigned long long)t->failed,
	       (unsigned long long)t->steps, (unsigned long long)t->requests,
	       (unsigned long long)t->writes, (unsigned long long)t->faults,
	       (unsigned long long)t->kills);
	for (size_t i = 0; i < BW_ARRAY_SIZE(t->by_fault); i++)
		if (t->by_fault[i])
			printf("#   %-14s %llu\n", sim_fault_name(i),
			       (unsigned long long)t->by_fault[i]);
	fflush(stdout);
}

static int run_one(const struct options *o)
{
	struct totals t = { 0 };
	int bad = run_seed(o->seed, o, &t);
	uint64_t hash = t.hash;

	printf("# seed %llu hash %016llx\n", (unsigned long long)o->seed, (unsigned long long)hash);
	if (o->twice) {
		(void)run_seed(o->seed, o, &t);
		printf("# again hash %016llx\n", (unsigned long long)t.hash);
		if (t.hash != hash)
			return 3;
	}
	print_totals(&t);
	return bad;
}

/* Unless --units asks for others. */
static int run_wanted(uint64_t seed, const struct options *o, struct totals *t)
{
	struct sim_setup setup;

	sim_setup_draw(&setup, seed);
	return o->units && !setup.units ? 0 : run_seed(seed, o, t);
}

/* Seeds first, first + jobs, ...; ends at the tenth that fails. */
static int run_share(const struct options *o, unsigned int first, struct totals *t)
{
	for (uint64_t s = first; s < o->seeds && t->failed < 10; s += o->jobs)
		(void)run_wanted(o->from + s, o, t);
	return t->failed != 0;
}

static int run_many(const struct options *o)
{
	double rate;
	struct timespec began = { 0 }, ended = { 0 };

	struct totals sum = { 0 }, t;
	int pipes[JOBS_MAX][2];
	pid_t pids[JOBS_MAX];

	fflush(stdout);
	(void)clock_gettime(CLOCK_MONOTONIC, &began); /* cannot fail, ignoring */
	for (unsigned int j = 0; j < o->jobs; j++) {
		if (pipe(pipes[j]) < 0)
			return 2;
		pids[j] = fork();
		if (pids[j] < 0)
			return 2;
		if (!pids[j]) {
			/* Nobody reads what an orphan finds; without it one ends later, ignoring.
			 */
			(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
			t = (struct totals){ 0 };
			(void)run_share(o, j, &t);
			fflush(stdout);
			_exit(write(pipes[j][1], &t, sizeof(t)) != sizeof(t));
		}
		(void)close(pipes[j][1]);
	}
	for (unsigned int j = 0; j < o->jobs; j++) {
		int status;

		if (read(pipes[j][0], &t, sizeof(t)) != sizeof(t))
			sum.failed++;
		else
			for (size_t i = 0; i < offsetof(struct totals, hash) / sizeof(uint64_t);
			     i++)
				((uint64_t *)&sum)[i] += ((uint64_t *)&t)[i];
		(void)close(pipes[j][0]);
		if (waitpid(pids[j], &status, 0) < 0 || status)
			sum.failed++;
	}
	(void)clock_gettime(CLOCK_MONOTONIC, &ended); /* as above */
	rate = (double)(ended.tv_sec - began.tv_sec) +
	       (double)(ended.tv_nsec - began.tv_nsec) / 1e9;
	print_totals(&sum);
	printf("# %.1f s, %.0f seeds/s in %u processes\n", rate, (double)sum.seeds / rate, o->jobs);
	return sum.failed != 0;
}

/* One world of a scenario. Return: 1 broken; 2 the round is beyond the scenario's end. */
static int run_scenario_once(const struct sim_scenario *s, unsigned int round,
			     const struct options *o, struct totals *t)
{
	static struct sim_world w; /* large; one at a time */
	uint64_t before;
	int bad, beyond = 0;

	memset(&w, 0, sizeof(w));
	w.trace.out = o->trace ? stdout : NULL;
	w.mutant = o->mutant;
	sim_scenario_begin(&w, s, 1);
	before = sim_proc_calls(w.procs[0]);
	if (s->run) {
		s->run(&w);
	} else {
		s->round(&w, round);
		beyond = w.server.at_write || (!sim_proc_kills(w.procs[0]) && !w.server.at_fate &&
					       sim_proc_calls(w.procs[0]) - before < round);
	}
	bad = sim_check_broken(w.check) != NULL;
	if (!bad && !s->keeps) {
		sim_world_calm(&w);
		bad = sim_world_settle(&w);
	}
	t->seeds++;
	if (bad)
		(void)snprintf(t->broken, sizeof(t->broken), "%s",
			       sim_check_broken(w.check)); /* cut is fine */
	if (bad && !o->quiet) {
		sim_trace_print(&w.trace, stdout, "# ");
		printf("# %s, round %u: %s\n", s->name, round, sim_check_broken(w.check));
	}
	sim_world_done(&w);
	return bad ? 1 : beyond ? 2 : 0;
}

static int run_scenario(const struct sim_scenario *s, const struct options *o,
			unsigned int *ret_rounds)
{
	struct totals t = { 0 };
	unsigned int round = 1;
	int r = run_scenario_once(s, round, o, &t);

	while (!s->run && !r && round < ROUNDS_MAX)
		r = run_scenario_once(s, ++round, o, &t);
	*ret_rounds = round;
	return r == 1;
}

static int run_scenarios(const struct options *o)
{
	unsigned int n = 0, rounds;
	int failed = 0;

	for (const struct sim_scenario *s = sim_scenarios; s->name; s++)
		n += !o->part || strstr(s->name, o->part) != NULL;
	printf("1..%u\n", n);
	n = 0;
	for (const struct sim_scenario *s = sim_scenarios; s->name; s++) {
		int bad;

		if (o->part && !strstr(s->name, o->part))
			continue;
		bad = run_scenario(s, o, &rounds);
		printf("%sok %u - %s", bad ? "not " : "", ++n, s->name);
		printf(rounds > 1 ? " (%u rounds)\n" : "\n", rounds);
		fflush(stdout);
		failed |= bad;
	}
	return failed;
}

static int is_found(const struct sim_mutant *m, const struct totals *t)
{
	const char *rule = m->rule ? m->rule : "I";

	return strncmp(t->broken, rule, strlen(rule)) == 0;
}

/* Each mutant must be found by some seed, soon. */
static int run_mutants(const struct options *o)
{
	struct options one = *o;
	unsigned int n = 0;
	int failed = 0;

	for (const struct sim_mutant *m = sim_mutants; m->name; m++)
		n++;
	printf("1..%u\n", n);
	n = 0;
	one.quiet = 1;
	for (const struct sim_mutant *m = sim_mutants; m->name; m++) {
		struct totals t = { 0 };

		one.mutant = m->name;
		/* What does not converge may have another reason: one rule counts. */
		one.units = m->rule != NULL;
		for (uint64_t s = 1; !m->scenario && s <= MUTANT_SEEDS && !is_found(m, &t); s++)
			(void)run_wanted(s, &one, &t); /* told in t */
		for (const struct sim_scenario *s = sim_scenarios; m->scenario && s->name; s++)
			if (strstr(s->name, m->scenario))
				(void)run_scenario_once(s, 1, &one, &t); /* as above */
		t.failed = is_found(m, &t);
		printf("%sok %u - found after %llu seeds: %s\n# %s\n", t.failed ? "" : "not ", ++n,
		       (unsigned long long)t.seeds, m->what, t.broken);
		fflush(stdout);
		failed |= !t.failed;
	}
	return failed;
}

static int run_tap(const struct options *o)
{
	struct options one = *o;
	int bad, same = 1;

	printf("1..2\n");
	one.quiet = 1;
	for (uint64_t s = 1; s <= REPLAYS; s++) {
		struct totals a = { 0 }, b = { 0 };

		(void)run_seed(s * 37, &one, &a); /* only the hashes count */
		(void)run_seed(s * 37, &one, &b);
		if (a.hash != b.hash)
			printf("# seed %llu: %016llx, %016llx\n", (unsigned long long)s * 37,
			       (unsigned long long)a.hash, (unsigned long long)b.hash);
		same &= a.hash == b.hash;
	}
	printf("%sok 1 - a seed replays exactly\n", same ? "" : "not ");
	bad = run_many(o);
	printf("%sok 2 - I1 to I5 hold and everything converges in %llu seeds\n", bad ? "not " : "",
	       (unsigned long long)o->seeds);
	return bad || !same;
}

/* Return: 0; 2 no such option. */
static int take_options(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {
		{ "seed", 1, NULL, 's' },    { "seeds", 1, NULL, 'n' },
		{ "from", 1, NULL, 'f' },    { "jobs", 1, NULL, 'j' },
		{ "trace", 0, NULL, 't' },   { "twice", 0, NULL, '2' },
		{ "mutant", 1, NULL, 'm' },  { "tap", 0, NULL, 'p' },
		{ "mutants", 0, NULL, 'u' }, { "scenarios", 2, NULL, 'c' },
		{ "units", 0, NULL, 'U' },   { NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (c) {
		case 's':
			o->one = 1;
			o->seed = strtoull(optarg, NULL, 10);
			break;
		case 'n':
			o->seeds = strtoull(optarg, NULL, 10);
			break;
		case 'f':
			o->from = strtoull(optarg, NULL, 10);
			break;
		case 'j':
			o->jobs = (unsigned int)strtoul(optarg, NULL, 10);
			break;
		case 't':
			o->trace = 1;
			break;
		case '2':
			o->twice = 1;
			break;
		case 'm':
			o->mutant = optarg;
			break;
		case 'p':
			o->tap = 1;
			break;
		case 'u':
			o->mutants = 1;
			break;
		case 'U':
			o->units = 1;
			break;
		case 'c':
			o->scenarios = 1;
			o->part = optarg;
			break;
		default:
			return 2;
		}
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct options o = { .seeds = 100, .from = 1, .jobs = 2 };

	if (take_options(argc, argv, &o))
		return 2;
	bw_log_setup(BW_LOG_ERROR, STDERR_FILENO, "sim", NULL, NULL);
	if (!o.jobs || o.jobs > JOBS_MAX)
		return 2;
	if (o.scenarios)
		return run_scenarios(&o);
	if (o.mutants)
		return run_mutants(&o);
	if (o.tap)
		return run_tap(&o);
	return o.one ? run_one(&o) : run_many(&o);
}
