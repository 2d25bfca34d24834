/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The recorder: equal tellings are one entry, entries wait in a ring for the one request that is in
 * flight. An entry is posted once and patched when it has become a series.
 */
#include <stdio.h>
#include <string.h>

#include <bw/buf.h>
#include <bw/err.h>
#include <bw/ip.h>
#include <bw/kube_client.h>
#include <bw/kube_event.h>
#include <bw/kube_metrics.h>
#include <bw/list.h>
#include <bw/loop.h>

#include "plan.h"
#include "quote.h"
#include "rand.h"
#include "time.h"
#include "tree.h"

#define NS_PER_S 1000000000LL
#define SERIES_NS (360 * NS_PER_S) /* what is told again later is a new Event */
#define PATCH_NS (60 * NS_PER_S)
#define RETRY_NS (1 * NS_PER_S)
#define RETRY_DOUBLINGS_MAX 5 /* 32 s */
#define TRIES_MAX 12
#define SLOTS 1024 /* of the limit by object: equal hashes share one */
#define NAME_OBJECT_MAX 200 /* characters of the object's name in the Event's */

static const struct bw_kube_kind event_kind = { "events.k8s.io", "v1", "events", "Event", 1 };

static const struct bw_metric_family told_total = { "kube_events_total",
						    "Events told, by what became of them",
						    BW_METRIC_COUNTER, NULL, 0 };

struct entry {
	struct bw_kube_node node; /* by .key */
	struct bw_list age; /* oldest first */
	struct bw_list wait; /* to be sent; alone = not waiting */
	char *key; /* type, reason, uid, namespace, name, note */
	char *post; /* body of the POST, without its series; NULL once it is posted */
	char namespace[BW_KUBE_NS_MAX + 1]; /* the Event's */
	char name[BW_KUBE_NAME_MAX + 1];
	int64_t told_at;
	int64_t real_s;
	int64_t patch_at; /* not sooner */
	unsigned int count;
	unsigned int sent; /* the count that the server has */
	unsigned int sending;
	unsigned int tries;
};

struct bucket {
	int64_t full_at; /* when it will be full again; past = is full */
};

struct bw_kube_events {
	struct bw_loop *loop;
	struct bw_kube_client *client;
	struct bw_metric *sent;
	struct bw_metric *dropped;
	char *component;
	char *instance;
	struct bw_kube_rand rand;
	struct bw_kube_tree entries;
	struct bw_list ages;
	struct bw_list waiting;
	struct entry *in_flight;
	struct bw_kube_call call;
	struct bw_timer timer;
	struct bw_defer send;
	struct bw_defer idle;
	int64_t retry_at;
	struct bucket buckets[SLOTS];
};

static struct entry *entry_of(const struct bw_kube_node *n)
{
	return n ? BW_CONTAINER_OF(n, struct entry, node) : NULL;
}

static int entry_cmp(const void *key, const struct bw_kube_node *n)
{
	return strcmp(key, entry_of(n)->key);
}

static void entry_free(struct bw_kube_events *ev, struct entry *e)
{
	(void)bw_kube_tree_remove(&ev->entries, entry_cmp, e->key); /* e itself, ignoring */
	bw_list_del(&e->age);
	bw_list_del(&e->wait);
	free(e->post);
	free(e->key);
	free(e);
}

static void drop(struct bw_kube_events *ev, struct entry *e)
{
	bw_metric_add(ev->dropped, 1);
	if (e)
		entry_free(ev, e);
}

static void check_idle(struct bw_kube_events *ev)
{
	if (ev->idle.fn && !bw_kube_events_pending(ev))
		bw_defer_call(&ev->idle);
}

static void arm(struct bw_kube_events *ev, int64_t at)
{
	if (bw_timer_set(&ev->timer, at) < 0)
		bw_defer_call(&ev->send);
}

/* What became of the one in flight decides about it and about the pace. */
static void settle(struct bw_kube_events *ev, const struct bw_kube_answer *a)
{
	struct entry *e = BW_TAKE_PTR(ev->in_flight);
	int64_t now = bw_loop_now_ns(ev->loop);
	unsigned int n;

	switch (a->result) {
	case BW_KUBE_OK:
	case BW_KUBE_EXISTS: /* ours: the answer to an earlier try was lost */
		free(e->post);
		e->post = NULL;
		e->sent = e->sending;
		e->tries = 0;
		e->patch_at = now + PATCH_NS;
		bw_metric_add(ev->sent, 1);
		if (e->count > e->sent)
			bw_list_add_tail(&ev->waiting, &e->wait);
		break;
	case BW_KUBE_NOT_FOUND: /* the Event has expired, or its namespace is gone */
	case BW_KUBE_GONE:
	case BW_KUBE_CONFLICT:
	case BW_KUBE_INVALID:
	case BW_KUBE_FORBIDDEN:
		drop(ev, e);
		break;
	case BW_KUBE_TOO_NEW:
	case BW_KUBE_UNAUTHORIZED:
	case BW_KUBE_THROTTLED:
	case BW_KUBE_REFUSED:
	case BW_KUBE_UNKNOWN:
	case BW_KUBE_RESULT_MAX_:
		if (++e->tries == TRIES_MAX) {
			drop(ev, e);
			break;
		}
		n = e->tries < RETRY_DOUBLINGS_MAX ? e->tries : RETRY_DOUBLINGS_MAX;
		ev->retry_at = now + (RETRY_NS << n) + bw_kube_rand_below(&ev->rand, RETRY_NS);
		bw_list_add_tail(&ev->waiting, &e->wait);
		break;
	}
}

static void on_answer(const struct bw_kube_answer *a, void *arg)
{
	struct bw_kube_events *ev = arg;

	settle(ev, a);
	bw_defer_call(&ev->send);
	check_idle(ev);
}

static int start(struct bw_kube_events *ev, struct entry *e)
{
	char t[BW_KUBE_TIME_MAX];
	char patch[160];
	int patch_len;
	struct bw_kube_request q = { .verb = BW_KUBE_CREATE,
				     .kind = &event_kind,
				     .namespace = e->namespace,
				     .manager = ev->component,
				     .body = e->post,
				     .grace_s = -1 };

	if (e->post) {
		e->sending = 1;
		q.body_size = strlen(e->post);
	} else {
		e->sending = e->count;
		patch_len = snprintf(patch, sizeof(patch),
				     "{\"series\":{\"count\":%u,\"lastObservedTime\":\"%s\"}}",
				     e->count, bw_kube_microtime_str(e->real_s, t));
		q.verb = BW_KUBE_MERGE;
		q.name = e->name;
		q.body = patch;
		q.body_size = (size_t)patch_len;
	}
	ev->call = (struct bw_kube_call){ .done = on_answer, .arg = ev };
	return bw_kube_start(ev->client, &q, &ev->call, NULL);
}

/* The first that may be sent now; or NULL and when one may. */
static struct entry *next(struct bw_kube_events *ev, int64_t now, int64_t *ret_at)
{
	int64_t at = INT64_MAX;

	bw_list_for_each (n, &ev->waiting) {
		struct entry *e = bw_list_entry(n, struct entry, wait);
		int64_t e_at = e->post || e->patch_at < ev->retry_at ? ev->retry_at : e->patch_at;

		if (e_at <= now)
			return e;
		if (e_at < at)
			at = e_at;
	}
	*ret_at = at;
	return NULL;
}

static void on_send(void *arg)
{
	struct bw_kube_events *ev = arg;
	int64_t now = bw_loop_now_ns(ev->loop);
	int64_t at = INT64_MAX;
	struct entry *e;

	if (ev->in_flight)
		return;
	e = next(ev, now, &at);
	if (!e) {
		if (at != INT64_MAX)
			arm(ev, at);
		return;
	}
	bw_list_del(&e->wait);
	if (start(ev, e) < 0) {
		drop(ev, e);
		bw_defer_call(&ev->send);
		check_idle(ev);
		return;
	}
	ev->in_flight = e;
}

int bw_kube_events_new(struct bw_loop *loop, struct bw_kube_client *client,
		       struct bw_metrics *metrics, const char *component, const char *instance,
		       uint64_t seed, struct bw_kube_events **ret, struct bw_err *err)
{
	struct bw_kube_events *ev = calloc(1, sizeof(*ev));

	if (!ev)
		return bw_fail(err, ENOMEM, "make a recorder of events");
	ev->loop = loop;
	ev->client = client;
	ev->rand.state = seed ^ bw_fnv64(BW_FNV64_BASIS, instance, strlen(instance));
	bw_list_init(&ev->ages);
	bw_list_init(&ev->waiting);
	bw_timer_init(&ev->timer, loop, on_send, ev);
	bw_defer_init(&ev->send, loop, on_send, ev);
	bw_defer_init(&ev->idle, loop, NULL, NULL);
	ev->component = strdup(component);
	ev->instance = strdup(instance);
	if (!ev->component || !ev->instance) {
		bw_kube_events_free(&ev);
		return bw_fail(err, ENOMEM, "make a recorder of events");
	}
	ev->sent = bw_metrics_get(metrics, &told_total, "result", "sent", NULL);
	ev->dropped = bw_metrics_get(metrics, &told_total, "result", "dropped", NULL);
	*ret = ev;
	return 0;
}

void bw_kube_events_free(struct bw_kube_events **events)
{
	struct bw_kube_events *ev = *events;

	if (!ev)
		return;
	if (ev->in_flight)
		bw_kube_cancel(&ev->call);
	while (!bw_list_empty(&ev->ages))
		entry_free(ev, bw_list_entry(ev->ages.next, struct entry, age));
	bw_timer_stop(&ev->timer);
	bw_defer_stop(&ev->send);
	bw_defer_stop(&ev->idle);
	free(ev->component);
	free(ev->instance);
	free(ev);
	*events = NULL;
}

size_t bw_kube_events_pending(const struct bw_kube_events *ev)
{
	size_t n = ev->in_flight != NULL;

	/* A series that waits for its minute is nothing that a stop waits for. */
	bw_list_for_each (node, &ev->waiting)
		n += bw_list_entry(node, struct entry, wait)->post != NULL;
	return n;
}

void bw_kube_events_on_idle(struct bw_kube_events *ev, void (*fn)(void *arg), void *arg)
{
	bw_defer_stop(&ev->idle);
	bw_defer_init(&ev->idle, ev->loop, fn, arg);
}

/* A burst of new Events of one object, then one each five minutes. */
static int allowed(struct bw_kube_events *ev, const struct bw_kube_about *about)
{
	const char *id = about->uid && *about->uid ? about->uid : about->name;
	struct bucket *b =
		&ev->buckets[bw_fnv64(BW_FNV64_BASIS, id, strlen(id)) % BW_ARRAY_SIZE(ev->buckets)];
	int64_t now = bw_loop_now_ns(ev->loop);
	int64_t one = BW_KUBE_EVENT_REFILL_S * NS_PER_S;

	if (b->full_at < now)
		b->full_at = now;
	if (b->full_at + one > now + BW_KUBE_EVENT_BURST * one)
		return 0;
	b->full_at += one;
	return 1;
}

/* Makes room; whether there is some. */
static int room(struct bw_kube_events *ev)
{
	if (ev->entries.count < BW_KUBE_EVENTS_MAX)
		return 1;
	bw_list_for_each (n, &ev->ages) {
		struct entry *e = bw_list_entry(n, struct entry, age);

		if (e != ev->in_flight && bw_list_empty(&e->wait)) {
			entry_free(ev, e);
			return 1;
		}
	}
	return 0;
}

static const char *or_empty(const char *s)
{
	return s ? s : "";
}

static int put(struct bw_buf *b, const char *key, const char *value)
{
	int r = bw_buf_printf(b, ",\"%s\":", key);

	return r < 0 ? r : bw_kube_quote(b, value);
}

static int write_post(struct bw_kube_events *ev, struct entry *e, const struct bw_kube_about *o,
		      enum bw_event_type type, const char *reason, const char *note)
{
	bw_autobuf struct bw_buf b = { 0 };
	char t[BW_KUBE_TIME_MAX];
	const struct {
		const char *key;
		const char *value;
	} about[] = {
		{ "namespace", or_empty(o->namespace) },
		{ "name", o->name },
		{ "uid", or_empty(o->uid) },
		{ "resourceVersion", or_empty(o->rv) },
	}, event[] = {
		{ "reportingController", ev->component },
		{ "reportingInstance", ev->instance },
		{ "action", "Reconcile" },
		{ "reason", reason },
		{ "note", note },
		{ "type", bw_event_type_str(type) },
	};
	int r = bw_buf_printf(
		&b,
		"{\"apiVersion\":\"events.k8s.io/v1\",\"kind\":\"Event\",\"metadata\":"
		"{\"namespace\":\"%s\",\"name\":\"%s\"},\"eventTime\":\"%s\","
		"\"regarding\":{\"apiVersion\":\"%s%s%s\",\"kind\":\"%s\"",
		e->namespace, e->name, bw_kube_microtime_str(e->real_s, t), o->kind->group,
		*o->kind->group ? "/" : "", o->kind->version, o->kind->kind);

	for (size_t i = 0; r == 0 && i < BW_ARRAY_SIZE(about); i++)
		if (*about[i].value)
			r = put(&b, about[i].key, about[i].value);
	if (r == 0)
		r = bw_buf_append(&b, "}", 1);
	for (size_t i = 0; r == 0 && i < BW_ARRAY_SIZE(event); i++)
		r = put(&b, event[i].key, event[i].value);
	if (r == 0)
		r = bw_buf_append(&b, "}", 1);
	e->post = r == 0 ? bw_buf_take(&b) : NULL;
	return e->post ? 0 : -ENOMEM;
}

static char *make_key(const struct bw_kube_about *o, enum bw_event_type type, const char *reason,
		      const char *note)
{
	bw_autobuf struct bw_buf b = { 0 };

	/* \x1f parts what no name and no reason contains. */
	if (bw_buf_printf(&b, "%s\x1f%s\x1f%s\x1f%s\x1f%s\x1f%s", bw_event_type_str(type), reason,
			  or_empty(o->uid), or_empty(o->namespace), o->name, note) < 0)
		return NULL;
	return bw_buf_take(&b);
}

static void add(struct bw_kube_events *ev, char *key, const struct bw_kube_about *o,
		enum bw_event_type type, const char *reason, const char *note)
{
	struct entry *e = NULL;

	if (allowed(ev, o) && room(ev))
		e = calloc(1, sizeof(*e));
	if (!e) {
		free(key);
		drop(ev, NULL);
		return;
	}
	bw_list_init(&e->age);
	bw_list_init(&e->wait);
	e->key = key;
	e->count = 1;
	e->told_at = bw_loop_now_ns(ev->loop);
	e->real_s = bw_loop_real_s(ev->loop);
	(void)snprintf(e->namespace, sizeof(e->namespace), "%s",
		       o->namespace && *o->namespace ? o->namespace : "default"); /* fits */
	(void)snprintf(e->name, sizeof(e->name), "%.*s.%016llx", NAME_OBJECT_MAX, o->name,
		       (unsigned long long)bw_kube_rand_u64(&ev->rand)); /* fits, ignoring */
	(void)bw_kube_tree_insert(&ev->entries, entry_cmp, e->key, &e->node); /* is new */
	bw_list_add_tail(&ev->ages, &e->age);
	if (write_post(ev, e, o, type, reason, note) < 0) {
		drop(ev, e);
		return;
	}
	bw_list_add_tail(&ev->waiting, &e->wait);
	bw_defer_call(&ev->send);
}

static void once_more(struct bw_kube_events *ev, struct entry *e)
{
	e->count++;
	e->told_at = bw_loop_now_ns(ev->loop);
	e->real_s = bw_loop_real_s(ev->loop);
	bw_list_del(&e->age);
	bw_list_add_tail(&ev->ages, &e->age);
	if (e != ev->in_flight && bw_list_empty(&e->wait))
		bw_list_add_tail(&ev->waiting, &e->wait);
	bw_defer_call(&ev->send);
}

void bw_kube_events_tell(struct bw_kube_events *ev, const struct bw_kube_about *about,
			 enum bw_event_type type, const char *reason, const char *note)
{
	char cut[BW_PLAN_NOTE_MAX];
	struct entry *e;
	char *key;

	if (!ev)
		return;
	(void)snprintf(cut, sizeof(cut), "%s", note); /* a longer note is cut, ignoring */
	key = make_key(about, type, reason, cut);
	if (!key) {
		drop(ev, NULL);
		return;
	}
	e = entry_of(bw_kube_tree_find(&ev->entries, entry_cmp, key));
	if (e && e != ev->in_flight && bw_list_empty(&e->wait) &&
	    bw_loop_now_ns(ev->loop) - e->told_at > SERIES_NS) {
		entry_free(ev, e);
		e = NULL;
	}
	if (!e) {
		add(ev, key, about, type, reason, cut);
		return;
	}
	free(key);
	once_more(ev, e);
}
