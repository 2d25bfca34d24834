/* SPDX-License-Identifier: Apache-2.0 */
/* A controller: which keys there are, what asks for them, and how many run at once. */
#include <string.h>

#include <bw/err.h>

#include "controller.h"

#define NS_PER_MS 1000000LL

static const double time_buckets[] = { 0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3,
				       0.35,  0.4,  0.45,  0.5,  0.6, 0.7,  0.8, 0.9,  1,
				       1.25,  1.5,  2,     3,    5,   10,   30,  60 };
/* controller-runtime's: prometheus.ExponentialBuckets(10e-9, 10, 12). */
static const double queue_buckets[] = { 1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3,
					0.01, 0.1,  1,    10,   100,  1000 };

static const struct bw_metric_family reconcile_total = { "controller_runtime_reconcile_total",
							 "Reconciles by their result",
							 BW_METRIC_COUNTER, NULL, 0 };
static const struct bw_metric_family reconcile_errors = {
	"controller_runtime_reconcile_errors_total", "Reconciles that failed", BW_METRIC_COUNTER,
	NULL, 0
};
static const struct bw_metric_family terminal_errors = {
	"controller_runtime_terminal_reconcile_errors_total",
	"Reconciles that wait for a change of the spec", BW_METRIC_COUNTER, NULL, 0
};
static const struct bw_metric_family reconcile_timeouts = {
	"controller_runtime_reconcile_timeouts_total", "Reconciles that took too long",
	BW_METRIC_COUNTER, NULL, 0
};
static const struct bw_metric_family reconcile_time = { "controller_runtime_reconcile_time_seconds",
							"From the reconcile to its last answer",
							BW_METRIC_HISTOGRAM, time_buckets,
							BW_ARRAY_SIZE(time_buckets) };
static const struct bw_metric_family queue_duration = { "workqueue_queue_duration_seconds",
							"How long keys waited after they were due",
							BW_METRIC_HISTOGRAM, queue_buckets,
							BW_ARRAY_SIZE(queue_buckets) };
static const struct bw_metric_family work_duration = { "workqueue_work_duration_seconds",
						       "How long a key's run took",
						       BW_METRIC_HISTOGRAM, queue_buckets,
						       BW_ARRAY_SIZE(queue_buckets) };
static const struct bw_metric_family gated_total = {
	"stale_cache_gates_total", "Runs whose writes the cache had not seen when they ended",
	BW_METRIC_COUNTER, NULL, 0
};
static const struct bw_metric_family gate_timeouts = { "stale_cache_gate_timeouts_total",
						       "Writes the cache did not show in time",
						       BW_METRIC_COUNTER, NULL, 0 };

static struct bw_controller_key *key_of(struct bw_kube_item *item)
{
	return item ? BW_CONTAINER_OF(item, struct bw_controller_key, item) : NULL;
}

static struct bw_controller_key *key_new(struct bw_controller *c, const char *namespace,
					 const char *name)
{
	size_t ns_size = strlen(namespace) + 1;
	size_t name_size = strlen(name) + 1;
	struct bw_controller_key *k = calloc(1, sizeof(*k) + ns_size + name_size);
	char *text;

	if (!k)
		return NULL;
	text = (char *)(k + 1);
	memcpy(text, namespace, ns_size);
	memcpy(text + ns_size, name, name_size);
	k->c = c;
	k->item.namespace = text;
	k->item.name = text + ns_size;
	bw_list_init(&k->gated);
	if (bw_kube_queue_join(&c->queue, &k->item) < 0) {
		free(k);
		return NULL;
	}
	return k;
}

static void key_free(struct bw_controller_key *k)
{
	bw_controller_hang_up(k);
	bw_timer_stop(&k->deadline);
	bw_list_del(&k->gated);
	bw_kube_queue_leave(&k->c->queue, &k->item);
	bw_plan_free(&k->plan);
	bw_plan_free(&k->gate_text);
	free(k->gates);
	free(k);
}

void bw_controller_settle(struct bw_controller *c, struct bw_controller_key *k)
{
	(void)c;
	if (bw_kube_queue_idle(&k->item) && !k->n_gates && !k->streak)
		key_free(k);
}

static struct bw_controller_key *key_get(struct bw_controller *c, const char *namespace,
					 const char *name)
{
	struct bw_controller_key *k;

	if (!namespace)
	namespace = "";
	k = key_of(bw_kube_queue_find(&c->queue, namespace, name));
	return k ? k : key_new(c, namespace, name);
}

static int ask(struct bw_controller *c, const char *namespace, const char *name,
	       enum bw_key_cause cause, int64_t after_ns)
{
	int64_t now = bw_loop_now_ns(c->rt->loop);
	struct bw_controller_key *k;

	k = key_get(c, namespace, name);
	if (!k)
		return -ENOMEM;
	bw_kube_queue_ask(&c->queue, &k->item, cause, now + after_ns, now);
	if (cause == BW_KEY_FACT) {
		bw_kube_queue_fact(&c->queue, &k->item, now);
		bw_kube_queue_unpark(&c->queue, &k->item, now);
	}
	bw_controller_pump(c);
	return 0;
}

int bw_controller_enqueue(struct bw_controller *c, const char *namespace, const char *name,
			  enum bw_key_cause cause)
{
	return ask(c, namespace, name, cause, 0);
}

int bw_controller_enqueue_after(struct bw_controller *c, const char *namespace, const char *name,
				int64_t ms)
{
	return ask(c, namespace, name, BW_KEY_DEPENDENT, ms > 0 ? ms * NS_PER_MS : 0);
}

/* Whether a person or an owner has changed what is wanted; kinds without generation: anything. */
static int spec_changed(const struct bw_kube_object *old, const struct bw_kube_object *now)
{
	if (!old || !now || old->deleting != now->deleting)
		return 1;
	return now->generation ? old->generation != now->generation : old->hash != now->hash;
}

static void on_change(struct bw_kube_object *old, struct bw_kube_object *now, void *arg)
{
	struct bw_controller *c = arg;
	const struct bw_kube_object *o = now ? now : old;
	int first = !bw_kube_store_synced(c->primary);
	struct bw_controller_key *k = key_get(c, o->namespace, o->name);
	int64_t at = bw_loop_now_ns(c->rt->loop);

	if (!k) {
		/* No memory for a key: everything is looked at once more when there is some. */
		c->lost = 1;
		bw_controller_pump(c);
		return;
	}
	bw_kube_queue_ask(&c->queue, &k->item, first ? BW_KEY_INITIAL : BW_KEY_OBJECT, at, at);
	if (spec_changed(old, now)) {
		bw_kube_queue_fact(&c->queue, &k->item, at);
		bw_kube_queue_unpark(&c->queue, &k->item, at);
	}
	bw_controller_pump(c);
}

static int ask_again(struct bw_kube_object *o, void *arg)
{
	return ask(arg, o->namespace, o->name, BW_KEY_INITIAL, 0);
}

static int ready(const struct bw_controller *c)
{
	if (!bw_kube_store_synced(c->primary))
		return 0;
	for (size_t i = 0; c->wait_for && c->wait_for[i]; i++)
		if (!bw_kube_store_synced(c->wait_for[i]))
			return 0;
	return bw_kube_runtime_may_run(c->rt);
}

void bw_controller_pump(struct bw_controller *c)
{
	bw_defer_call(&c->pump);
}

/* Starts at most one key, so that no callback lasts long; asks for the next one. */
static void on_pump(void *arg)
{
	struct bw_controller *c = arg;
	int64_t now = bw_loop_now_ns(c->rt->loop);
	struct bw_kube_item *item;
	int64_t at;

	if (c->lost) {
		c->lost = 0;
		c->lost = bw_kube_store_each(c->primary, NULL, ask_again, c) != 0;
	}
	if (!ready(c))
		return;
	if (c->queue.running < c->max_running) {
		item = bw_kube_queue_take(&c->queue, now);
		if (item)
			bw_controller_run(key_of(item));
	}
	at = bw_kube_queue_next(&c->queue, now);
	if (at == BW_KUBE_NEVER)
		bw_timer_stop(&c->timer);
	else if (at > now) {
		if (bw_timer_set(&c->timer, at) < 0)
			bw_controller_pump(c);
	} else if (c->queue.running < c->max_running) {
		bw_controller_pump(c);
	}
}

static void count(struct bw_controller *c)
{
	struct bw_metrics *m = c->rt->metrics;
	const char *l = "controller";
	struct bw_controller_counters *n = &c->count;

	n->success = bw_metrics_get(m, &reconcile_total, l, c->name, "result", "success", NULL);
	n->error = bw_metrics_get(m, &reconcile_total, l, c->name, "result", "error", NULL);
	n->requeue = bw_metrics_get(m, &reconcile_total, l, c->name, "result", "requeue", NULL);
	n->requeue_after =
		bw_metrics_get(m, &reconcile_total, l, c->name, "result", "requeue_after", NULL);
	n->errors = bw_metrics_get(m, &reconcile_errors, l, c->name, NULL);
	n->terminal = bw_metrics_get(m, &terminal_errors, l, c->name, NULL);
	n->timeouts = bw_metrics_get(m, &reconcile_timeouts, l, c->name, NULL);
	n->time = bw_metrics_get(m, &reconcile_time, l, c->name, NULL);
	n->worked = bw_metrics_get(m, &work_duration, l, c->name, "name", c->name, NULL);
	n->queued = bw_metrics_get(m, &queue_duration, l, c->name, "name", c->name, NULL);
	n->gated = bw_metrics_get(m, &gated_total, l, c->name, NULL);
	n->gate_timeouts = bw_metrics_get(m, &gate_timeouts, l, c->name, NULL);
}

static int copy_stores(struct bw_kube_store *const *from, struct bw_kube_store ***ret)
{
	struct bw_kube_store **to;
	size_t n = 0;

	while (from && from[n])
		n++;
	to = calloc(n + 1, sizeof(struct bw_kube_store *));
	if (!to)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		to[i] = from[i];
	*ret = to;
	return 0;
}

/* A store that is ready may be what the controller has waited for. */
static void on_sync(void *arg)
{
	bw_controller_pump(arg);
}

static int hear(struct bw_controller *c, struct bw_err *err)
{
	int r = bw_kube_store_on_change(c->primary, on_change, c, err);

	if (r == 0)
		r = bw_kube_store_on_sync(c->primary, on_sync, c, err);
	for (size_t i = 0; r == 0 && c->wait_for[i]; i++)
		r = bw_kube_store_on_sync(c->wait_for[i], on_sync, c, err);
	return r;
}

int bw_controller_new(struct bw_kube_runtime *rt, const struct bw_controller_options *opts,
		      struct bw_controller **ret, struct bw_err *err)
{
	struct bw_controller **end = &rt->controllers;
	struct bw_controller *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return bw_fail(err, ENOMEM, "make the controller %s", opts->name);
	c->rt = rt;
	c->primary = opts->primary;
	c->reconcile = opts->reconcile;
	c->arg = opts->arg;
	c->max_running = opts->max_running ? opts->max_running : BW_CONTROLLER_RUNNING;
	c->deadline_ns =
		NS_PER_MS * (opts->deadline_ms ? opts->deadline_ms : BW_CONTROLLER_DEADLINE_MS);
	bw_list_init(&c->gated);
	bw_defer_init(&c->pump, rt->loop, on_pump, c);
	bw_timer_init(&c->timer, rt->loop, on_pump, c);
	bw_timer_init(&c->gate_timer, rt->loop, bw_gate_on_time, c);
	bw_kube_queue_init(&c->queue, rt->seed + 0x10001 * (uint64_t)++rt->n_controllers);
	c->name = strdup(opts->name);
	if (!c->name || copy_stores(opts->wait_for, &c->wait_for) < 0) {
		bw_controller_free(&c);
		return bw_fail(err, ENOMEM, "make the controller %s", opts->name);
	}
	count(c);
	/* From here on stores know it: it lives as long as the runtime, also when it failed. */
	while (*end)
		end = &(*end)->next;
	*end = c;
	r = hear(c, err);
	if (r < 0)
		return r;
	c->lost = 1; /* what the store had before */
	bw_controller_pump(c);
	*ret = c;
	return 0;
}

void bw_controller_free(struct bw_controller **controller)
{
	struct bw_controller *c = *controller;
	struct bw_kube_item *item;

	if (!c)
		return;
	while ((item = bw_kube_queue_first(&c->queue)) != NULL)
		key_free(key_of(item));
	bw_kube_queue_done(&c->queue);
	bw_defer_stop(&c->pump);
	bw_timer_stop(&c->timer);
	bw_timer_stop(&c->gate_timer);
	free(c->wait_for);
	free(c->name);
	free(c);
	*controller = NULL;
}
