/* SPDX-License-Identifier: Apache-2.0 */
/* The runtime: who owns the stores, reflectors and controllers, who leads, how it stops. */
#include <stdio.h>
#include <string.h>

#include <bw/err.h>

#include "controller.h"

#define NS_PER_MS 1000000LL
#define NS_PER_S 1e9
#define SPREAD_NS 20000000LL /* between the first requests of two watches */
#define STALE_NS 300000000000LL /* five bookmarks are missing */

static const struct bw_metric_family depth = { "workqueue_depth", "Keys that are due",
					       BW_METRIC_GAUGE, NULL, 0 };
static const struct bw_metric_family adds = { "workqueue_adds_total", "Keys that were asked for",
					      BW_METRIC_COUNTER, NULL, 0 };
static const struct bw_metric_family retries = { "workqueue_retries_total",
						 "Runs that will be tried again", BW_METRIC_COUNTER,
						 NULL, 0 };
static const struct bw_metric_family unfinished = {
	"workqueue_unfinished_work_seconds",
	"How long the keys that run have been running, together", BW_METRIC_GAUGE, NULL, 0
};
static const struct bw_metric_family longest = { "workqueue_longest_running_processor_seconds",
						 "How long the slowest of them has been",
						 BW_METRIC_GAUGE, NULL, 0 };
static const struct bw_metric_family active = { "controller_runtime_active_workers",
						"Keys that run now", BW_METRIC_GAUGE, NULL, 0 };
static const struct bw_metric_family most = { "controller_runtime_max_concurrent_reconciles",
					      "Keys that may run at once", BW_METRIC_GAUGE, NULL,
					      0 };
static const struct bw_metric_family lag = { "kube_watch_lag_seconds",
					     "Since the store was last known to be up to date",
					     BW_METRIC_GAUGE, NULL, 0 };
static const struct bw_metric_family relists = { "kube_relists_total",
						 "How often everything was asked for, and why",
						 BW_METRIC_COUNTER, NULL, 0 };
static const struct bw_metric_family objects = { "kube_cache_objects", "Objects in the store",
						 BW_METRIC_GAUGE, NULL, 0 };
static const struct bw_metric_family bytes = { "kube_cache_bytes", "Bytes of the objects' texts",
					       BW_METRIC_GAUGE, NULL, 0 };

static void set(struct bw_metrics *m, const struct bw_metric_family *f, const char *name,
		double value)
{
	bw_metric_set(bw_metrics_get(m, f, "controller", name, "name", name, NULL), value);
}

/* Priorities as controller-runtime has them: what a first list brings is the less urgent. */
static void set_depth(struct bw_metrics *m, const char *name, const char *priority, size_t n)
{
	bw_metric_set(bw_metrics_get(m, &depth, "controller", name, "name", name, "priority",
				     priority, NULL),
		      (double)n);
}

static void measure_controllers(struct bw_kube_runtime *rt)
{
	struct bw_metrics *m = rt->metrics;

	for (struct bw_controller *c = rt->controllers; c; c = c->next) {
		struct bw_kube_queue_stat s;

		bw_kube_queue_look(&c->queue, bw_loop_now_ns(rt->loop), &s);
		set_depth(m, c->name, "0", s.due);
		set_depth(m, c->name, "-100", s.due_initial);
		set(m, &adds, c->name, (double)c->queue.adds);
		set(m, &retries, c->name, (double)c->queue.retries);
		set(m, &unfinished, c->name, (double)s.unfinished_ns / NS_PER_S);
		set(m, &longest, c->name, (double)s.longest_ns / NS_PER_S);
		bw_metric_set(bw_metrics_get(m, &active, "controller", c->name, NULL),
			      (double)c->queue.running);
		bw_metric_set(bw_metrics_get(m, &most, "controller", c->name, NULL),
			      (double)c->max_running);
	}
}

/* Several stores of one kind are one resource: its values are sums, its lag is the longest. */
enum measure {
	MEASURE_BEGIN,
	MEASURE_ADD,
};

static void measure_one(struct bw_metric *m, double value, enum measure how)
{
	bw_metric_set(m, how == MEASURE_BEGIN ? 0 : bw_metric_value(m) + value);
}

static void measure_watch(struct bw_kube_runtime *rt, const struct bw_kube_watcher *w,
			  enum measure how)
{
	const struct bw_kube_watch *watch = &w->reflector.watch;
	const char *kind = bw_kube_store_kind(w->store)->plural;
	struct bw_metric *late = bw_metrics_get(rt->metrics, &lag, "resource", kind, NULL);
	double s = (double)(bw_loop_now_ns(rt->loop) - watch->fresh_at) / NS_PER_S;

	if (how == MEASURE_BEGIN || s > bw_metric_value(late))
		bw_metric_set(late, how == MEASURE_BEGIN ? 0 : s);
	measure_one(bw_metrics_get(rt->metrics, &objects, "resource", kind, NULL),
		    (double)bw_kube_store_count(w->store), how);
	measure_one(bw_metrics_get(rt->metrics, &bytes, "resource", kind, NULL),
		    (double)bw_kube_store_bytes(w->store), how);
	for (unsigned int i = 0; i < BW_KUBE_SYNC_CAUSE_MAX_; i++)
		measure_one(bw_metrics_get(rt->metrics, &relists, "resource", kind, "reason",
					   bw_kube_sync_cause_str(i), NULL),
			    (double)watch->syncs[i], how);
}

static void measure(void *arg)
{
	struct bw_kube_runtime *rt = arg;

	measure_controllers(rt);
	for (struct bw_kube_watcher *w = rt->watchers; w; w = w->next)
		measure_watch(rt, w, MEASURE_BEGIN);
	for (struct bw_kube_watcher *w = rt->watchers; w; w = w->next)
		measure_watch(rt, w, MEASURE_ADD);
}

/* A store that was never read is no reason to wait: what comes of it is new anyway. */
static int owes_list(const struct bw_kube_runtime *rt)
{
	for (const struct bw_kube_watcher *w = rt->watchers; w; w = w->next)
		if (w->reflector.watch.forced && w->reflector.watch.synced)
			return 1;
	return 0;
}

static void on_progress(void *arg)
{
	struct bw_kube_runtime *rt = arg;

	for (struct bw_controller *c = rt->controllers; c; c = c->next)
		bw_gate_look(c);
	if (!rt->resyncing || owes_list(rt))
		return;
	rt->resyncing = 0;
	if (rt->resynced)
		rt->resynced(rt->resynced_arg);
}

/* Not where it is asked for: that may be what a watch has just told. */
static void on_resync(void *arg)
{
	struct bw_kube_runtime *rt = arg;

	for (struct bw_kube_watcher *w = rt->watchers; w; w = w->next)
		bw_kube_reflector_force(&w->reflector);
	rt->resyncing = 1;
}

void bw_kube_runtime_resync(struct bw_kube_runtime *rt, void (*fn)(void *arg), void *arg)
{
	rt->resyncing = 0;
	rt->resynced = fn;
	rt->resynced_arg = arg;
	bw_defer_call(&rt->resync);
}

/* One of the watches has found the server again: the others need not wait their back-offs out. */
static void on_found(struct bw_kube_reflector *f, void *arg)
{
	struct bw_kube_runtime *rt = arg;

	for (struct bw_kube_watcher *w = rt->watchers; w; w = w->next)
		if (&w->reflector != f)
			bw_kube_reflector_wake(&w->reflector);
}

static void on_piece(void *arg)
{
	struct bw_kube_runtime *rt = arg;

	bw_defer_call(&rt->progress);
}

static void on_stopped(void *arg)
{
	struct bw_kube_runtime *rt = arg;

	if (rt->told)
		return;
	rt->told = 1;
	bw_timer_stop(&rt->stop_timer);
	if (rt->stopped)
		rt->stopped(rt->stopped_arg);
}

static void on_events_idle(void *arg)
{
	bw_kube_runtime_check_stop(arg);
}

int bw_kube_runtime_new(struct bw_loop *loop, struct bw_kube_client *client, const char *manager,
			struct bw_kube_runtime **ret, struct bw_err *err)
{
	struct bw_kube_runtime *rt = calloc(1, sizeof(*rt));
	struct bw_kube_rand rand = { (uint64_t)bw_loop_now_ns(loop) };
	int r;

	if (!rt)
		return bw_fail(err, ENOMEM, "make the runtime");
	rand.state ^= (uint64_t)bw_loop_real_s(loop) << 32;
	rt->seed = bw_kube_rand_u64(&rand);
	rt->loop = loop;
	rt->client = client;
	bw_defer_init(&rt->progress, loop, on_progress, rt);
	bw_defer_init(&rt->resync, loop, on_resync, rt);
	bw_defer_init(&rt->stop_defer, loop, on_stopped, rt);
	bw_timer_init(&rt->stop_timer, loop, on_stopped, rt);
	rt->manager = strdup(manager);
	r = rt->manager ? bw_metrics_new(&rt->metrics, err)
			: bw_fail(err, ENOMEM, "make the runtime");
	if (r == 0)
		r = bw_metrics_on_text(rt->metrics, measure, rt, err);
	if (r == 0)
		r = bw_kube_events_new(loop, client, rt->metrics, manager, manager, rt->seed,
				       &rt->events, err);
	if (r < 0) {
		bw_kube_runtime_free(&rt);
		return r;
	}
	bw_kube_events_on_idle(rt->events, on_events_idle, rt);
	bw_kube_client_measure(client, rt->metrics);
	*ret = rt;
	return 0;
}

void bw_kube_runtime_free(struct bw_kube_runtime **runtime)
{
	struct bw_kube_runtime *rt = *runtime;

	if (!rt)
		return;
	while (rt->controllers) {
		struct bw_controller *c = rt->controllers;

		rt->controllers = c->next;
		bw_controller_free(&c);
	}
	while (rt->watchers) {
		struct bw_kube_watcher *w = rt->watchers;

		rt->watchers = w->next;
		bw_kube_reflector_done(&w->reflector);
		bw_kube_store_free(&w->store);
		free(w);
	}
	bw_defer_stop(&rt->progress);
	bw_defer_stop(&rt->resync);
	bw_defer_stop(&rt->stop_defer);
	bw_timer_stop(&rt->stop_timer);
	bw_kube_events_free(&rt->events);
	if (rt->client->metrics == rt->metrics)
		bw_kube_client_measure(rt->client, NULL);
	bw_metrics_free(&rt->metrics);
	free(rt->manager);
	free(rt);
	*runtime = NULL;
}

void bw_kube_runtime_seed(struct bw_kube_runtime *rt, uint64_t seed)
{
	rt->seed = seed;
}

struct bw_metrics *bw_kube_runtime_metrics(struct bw_kube_runtime *rt)
{
	return rt->metrics;
}

struct bw_kube_events *bw_kube_runtime_events(struct bw_kube_runtime *rt)
{
	return rt->events;
}

struct bw_loop *bw_kube_runtime_loop(const struct bw_kube_runtime *rt)
{
	return rt->loop;
}

struct bw_kube_client *bw_kube_runtime_client(const struct bw_kube_runtime *rt)
{
	return rt->client;
}

int bw_kube_runtime_watch(struct bw_kube_runtime *rt, const struct bw_kube_kind *kind,
			  const struct bw_kube_watch_options *opts, struct bw_kube_store **ret,
			  struct bw_err *err)
{
	struct bw_kube_watcher **end = &rt->watchers;
	struct bw_kube_watcher *w = calloc(1, sizeof(*w));
	int r;

	if (!w)
		return bw_fail(err, ENOMEM, "watch %s", kind->plural);
	r = bw_kube_store_new(rt->loop, kind, &w->store, err);
	if (r == 0)
		r = bw_kube_reflector_start(&w->reflector, rt->loop, rt->client, w->store, opts,
					    rt->seed + 0x20003 * (uint64_t)rt->n_watchers,
					    bw_loop_now_ns(rt->loop) + SPREAD_NS * rt->n_watchers,
					    err);
	if (r < 0) {
		bw_kube_reflector_done(&w->reflector);
		bw_kube_store_free(&w->store);
		free(w);
		return r;
	}
	w->reflector.progress = on_piece;
	w->reflector.found = on_found;
	w->reflector.arg = rt;
	rt->n_watchers++;
	while (*end)
		end = &(*end)->next;
	*end = w;
	*ret = w->store;
	return 0;
}

int bw_kube_runtime_may_run(const struct bw_kube_runtime *rt)
{
	return rt->leading && !rt->stopping;
}

void bw_kube_runtime_lead(struct bw_kube_runtime *rt, int leading)
{
	rt->leading = leading != 0;
	for (struct bw_controller *c = rt->controllers; c; c = c->next)
		bw_controller_pump(c);
}

int bw_kube_runtime_idle(const struct bw_kube_runtime *rt)
{
	int64_t now = bw_loop_now_ns(rt->loop);

	for (struct bw_controller *c = rt->controllers; c; c = c->next)
		if (c->queue.running || !bw_list_empty(&c->gated) || c->lost ||
		    bw_kube_queue_next(&c->queue, now) <= now)
			return 0;
	return bw_kube_events_pending(rt->events) == 0;
}

int bw_kube_runtime_ready(const struct bw_kube_runtime *rt, char *ret_why, size_t size)
{
	int64_t now = bw_loop_now_ns(rt->loop);

	for (struct bw_kube_watcher *w = rt->watchers; w; w = w->next) {
		const char *what = !bw_kube_store_synced(w->store) ? "not read yet"
				   : now - w->reflector.watch.fresh_at > STALE_NS
					   ? "not heard of for five minutes"
					   : NULL;

		if (!what)
			continue;
		(void)snprintf(ret_why, size, "%s: %s%s%s", bw_kube_store_kind(w->store)->plural,
			       what, *w->reflector.message ? ": " : "",
			       w->reflector.message); /* a longer one is cut, ignoring */
		return 0;
	}
	if (size)
		*ret_why = '\0';
	return 1;
}

void bw_kube_runtime_check_stop(struct bw_kube_runtime *rt)
{
	if (!rt->stopping || rt->told)
		return;
	for (struct bw_controller *c = rt->controllers; c; c = c->next)
		if (c->queue.running)
			return;
	if (bw_kube_events_pending(rt->events) == 0)
		bw_defer_call(&rt->stop_defer);
}

void bw_kube_runtime_stop(struct bw_kube_runtime *rt, int64_t deadline_ms, void (*fn)(void *arg),
			  void *arg)
{
	rt->stopping = 1;
	rt->told = 0;
	rt->stopped = fn;
	rt->stopped_arg = arg;
	if (bw_timer_set(&rt->stop_timer, bw_loop_now_ns(rt->loop) + deadline_ms * NS_PER_MS) < 0)
		bw_defer_call(&rt->stop_defer); /* no memory to wait with */
	bw_kube_runtime_check_stop(rt);
}
