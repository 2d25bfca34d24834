/* SPDX-License-Identifier: Apache-2.0 */
/* Streams of the model server: initial events, commits as a selection sees them, bookmarks, ends.
 */
#include <stdio.h>
#include <string.h>

#include "server_impl.h"
#include "store_impl.h"

#define INITIAL_END ",\"annotations\":{\"k8s.io/initial-events-end\":\"true\"}"

static void send_event(struct sim_request *q, const char *type, const char *text, size_t size)
{
	(void)bw_buf_printf(&q->body, "{\"type\":\"%s\",\"object\":", type);
	(void)bw_buf_append(&q->body, text, size); /* a lost line is a lost stream, see below */
	(void)bw_buf_append(&q->body, "}\n", 2);
}

static void send_bookmark(struct sim_request *q, uint64_t rv, const char *annotations)
{
	const struct bw_kube_kind *k = &q->kind->kind;

	(void)bw_buf_printf(&q->body,
			    "{\"type\":\"BOOKMARK\",\"object\":{\"kind\":\"%s\",\"apiVersion\":"
			    "\"%s%s%s\",\"metadata\":{\"resourceVersion\":\"%llu\"%s}}}\n",
			    k->kind, k->group, *k->group ? "/" : "", k->version,
			    (unsigned long long)rv, annotations);
}

static int selected(const struct sim_request *q, const struct sim_version *v)
{
	if (q->r.namespace && *q->r.namespace && *v->key->namespace &&
	    strcmp(v->key->namespace, q->r.namespace) != 0)
		return 0;
	if (q->r.name && *q->r.name && strcmp(v->key->name, q->r.name) != 0)
		return 0;
	return sim_select_fields(v, q->r.field_selector) > 0 &&
	       sim_select_labels(v, q->r.label_selector) > 0;
}

/* The last state an object had in a selection it leaves, with the version that made it leave. */
static void send_left(struct sim_request *q, const struct sim_version *was, uint64_t rv)
{
	char old[64], now[64];
	const char *at;
	size_t n, m;

	n = (size_t)snprintf(old, sizeof(old), "\"resourceVersion\":\"%llu\"",
			     (unsigned long long)was->rv);
	m = (size_t)snprintf(now, sizeof(now), "\"resourceVersion\":\"%llu\"",
			     (unsigned long long)rv);
	at = strstr(was->text, old);
	if (!at)
		abort();
	(void)bw_buf_printf(&q->body, "{\"type\":\"DELETED\",\"object\":");
	(void)bw_buf_append(&q->body, was->text, (size_t)(at - was->text));
	(void)bw_buf_append(&q->body, now, m); /* as send_event() */
	(void)bw_buf_append(&q->body, at + n, was->size - (size_t)(at - was->text) - n);
	(void)bw_buf_append(&q->body, "}\n", 2);
}

static void send_commit(struct sim_request *q, const struct sim_version *v)
{
	const struct sim_version *was = v->prev && !v->prev->deleted ? v->prev : NULL;
	int is = !v->deleted && selected(q, v);
	int did = was && selected(q, was);

	if (is)
		send_event(q, did ? "MODIFIED" : "ADDED", v->text, v->size);
	else if (did && v->deleted)
		send_event(q, "DELETED", v->text, v->size);
	else if (did)
		send_left(q, was, v->rv);
}

static void send_initial(struct sim_request *q)
{
	size_t n;
	struct sim_key *const *keys = sim_store_keys(q->server->store, q->kind, &n);

	for (size_t i = 0; i < n; i++) {
		const struct sim_version *v = sim_version_at(keys[i], q->cursor);

		if (v && selected(q, v))
			send_event(q, "ADDED", v->text, v->size);
	}
	if (q->r.flags & BW_KUBE_F_INITIAL)
		send_bookmark(q, q->cursor, INITIAL_END);
}

static void collect(struct sim_request *q)
{
	struct sim_store *store = q->server->store;
	uint64_t shown = q->server->replicas[q->replica].rv;
	size_t n = sim_store_log_size(store);

	if (!q->begun) {
		send_initial(q);
		q->begun = 1;
	}
	for (size_t i = sim_store_log_after(store, q->cursor); i < n; i++) {
		const struct sim_version *v = sim_store_log(store, i);

		if (v->rv > shown)
			break;
		q->cursor = v->rv;
		if (v->key->kind == q->kind)
			send_commit(q, v);
	}
	if (q->begun == 2) {
		/* After a restore the reader may be ahead: kube-apiserver keeps silent then. */
		if ((q->r.flags & BW_KUBE_F_BOOKMARKS) && shown >= q->cursor)
			send_bookmark(q, shown, "");
		q->begun = 1;
	}
}

void sim_stream_end(struct sim_request *q, enum bw_kube_result result)
{
	q->phase = SIM_PHASE_ANSWER;
	q->result = result;
	bw_buf_done(&q->body);
	bw_timer_stop(&q->bookmark);
	if (bw_timer_set(&q->timer, bw_loop_now_ns(q->server->loop)) < 0)
		abort();
}

/* Hands what was collected over, in pieces that end anywhere. -errno: the reader wants no more. */
static int hand_over(struct sim_request *q)
{
	struct bw_buf b = q->body;
	size_t cut = b.size ? sim_rng_below(&q->server->rng, b.size) : 0;
	int r = 0;

	q->body = (struct bw_buf){ 0 };
	q->busy = 1;
	if (cut)
		r = q->call->data(b.data, cut, q->call->arg);
	if (r >= 0 && q->call && b.size > cut)
		r = q->call->data(b.data + cut, b.size - cut, q->call->arg);
	q->busy = 0;
	bw_buf_done(&b);
	return r;
}

void sim_stream_deliver(struct sim_request *q)
{
	struct sim_server *s = q->server;
	int64_t now = bw_loop_now_ns(s->loop);
	int64_t later = sim_request_deliver(q);
	int r;

	if (q->gone) {
		sim_request_free(q);
		return;
	}
	if (later)
		return;
	if (q->client->cut) /* nothing passes; its reader will wonder in time */
		return;
	collect(q);
	r = hand_over(q);
	if (q->gone || !q->call) {
		sim_request_free(q);
		return;
	}
	if (r < 0) {
		sim_stream_end(q, BW_KUBE_UNKNOWN);
	} else if (now >= q->ends_ns) {
		sim_stream_end(q, BW_KUBE_OK);
	} else if (sim_rng_chance(&s->rng, s->faults.cut_stream)) {
		sim_count_fault(s, SIM_CUT_STREAM);
		sim_stream_end(q, BW_KUBE_UNKNOWN);
	} else if (!bw_timer_is_set(&q->timer) && bw_timer_set(&q->timer, q->ends_ns) < 0) {
		abort();
	}
}

void sim_stream_wake(struct sim_server *s, unsigned int replica)
{
	int64_t now = bw_loop_now_ns(s->loop);

	bw_list_for_each (node, &s->requests) {
		struct sim_request *q = bw_list_entry(node, struct sim_request, node);
		int64_t at;

		if (q->phase != SIM_PHASE_STREAM || q->replica != replica)
			continue;
		at = now + sim_delay_ns(s);
		if (bw_timer_is_set(&q->timer) && q->timer.at_ns <= at)
			continue;
		if (bw_timer_set(&q->timer, at) < 0)
			abort();
	}
}
