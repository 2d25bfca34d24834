/* SPDX-License-Identifier: Apache-2.0 */
/* The model server: requests on their way, writes, answers, replicas. */
#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>

#include <bw/err.h>

#include "server_impl.h"
#include "store_impl.h"

#define COPIED_TEXTS 11

/* The texts of a request, which are copied and freed alike. */
static void texts_of(struct bw_kube_request *r, const char **ret[COPIED_TEXTS])
{
	const char **all[COPIED_TEXTS] = { &r->namespace,
					   &r->name,
					   &r->subresource,
					   &r->path,
					   &r->field_selector,
					   &r->label_selector,
					   &r->resource_version,
					   &r->match,
					   &r->cont,
					   &r->uid,
					   &r->body };

	memcpy(ret, all, sizeof(all));
}

void sim_request_free(struct sim_request *q)
{
	const char **text[COPIED_TEXTS];

	if (q->busy) {
		q->gone = 1;
		return;
	}
	texts_of(&q->r, text);
	for (size_t i = 0; i < COPIED_TEXTS; i++)
		free((char *)*text[i]);
	bw_timer_stop(&q->timer);
	bw_timer_stop(&q->bookmark);
	bw_list_del(&q->node);
	bw_buf_done(&q->body);
	free(q);
}

/* Nobody waits any more; what was not carried out yet may still be. */
static void forget(struct sim_request *q)
{
	if (q->call) {
		q->call->impl = NULL;
		q->call->client = NULL;
	}
	q->call = NULL;
	q->client = NULL;
	if (q->phase != SIM_PHASE_SENT && q->phase != SIM_PHASE_LATE)
		sim_request_free(q);
}

static void arm(struct sim_request *q, int64_t in_ns)
{
	if (bw_timer_set(&q->timer, bw_loop_now_ns(q->server->loop) + in_ns) < 0)
		abort();
}

int64_t sim_request_deliver(struct sim_request *q)
{
	int64_t later = 0;

	q->busy = 1; /* the process may do what it had to do until now, and cancel this */
	if (q->client->deliver)
		later = q->client->deliver(q->client, q->client->arg);
	q->busy = 0;
	if (later && !q->gone && bw_timer_set(&q->timer, later) < 0)
		abort();
	return later;
}

/* A list comes as a stream when its caller can take it so; pieces end anywhere. */
static int hand_list(struct sim_request *q)
{
	size_t cut = q->body.size / 3;
	int r;

	q->busy = 1;
	r = q->call->data(q->body.data, cut, q->call->arg);
	if (r >= 0 && q->call)
		r = q->call->data(q->body.data + cut, q->body.size - cut, q->call->arg);
	q->busy = 0;
	return r;
}

void sim_request_answer(struct sim_request *q)
{
	struct bw_kube_answer a = { .result = q->result };
	struct sim_server *s = q->server;
	struct bw_kube_call *call;
	int64_t later = q->call ? sim_request_deliver(q) : 0;

	call = q->call;
	if (q->gone || !call) {
		sim_request_free(q);
		return;
	}
	if (later) /* its process is stopped */
		return;
	a.http = q->reply.http;
	a.retry_ms = q->retry_ms;
	a.reason = q->reply.reason ? q->reply.reason : "";
	a.message = *q->reply.message ? q->reply.message : "no answer";
	a.body = q->body.data ? q->body.data : "";
	a.body_size = q->body.size;
	if (s->lists && q->r.verb == BW_KUBE_LIST && call->data && q->result == BW_KUBE_OK) {
		if (hand_list(q) < 0)
			a.result = BW_KUBE_UNKNOWN; /* its reader wants no more */
		if (q->gone || !q->call) {
			sim_request_free(q);
			return;
		}
		a.body = "";
		a.body_size = 0;
	}
	sim_trace(s->trace, "%s #%llu = %s %d", q->client->name, (unsigned long long)q->id,
		  bw_kube_result_str(q->result), q->reply.http);
	call->client = NULL;
	call->impl = NULL;
	q->call = NULL;
	q->busy = 1;
	call->done(&a, call->arg);
	q->busy = 0;
	sim_request_free(q);
}

/* The answer goes back. */
static void send_back(struct sim_request *q)
{
	q->phase = SIM_PHASE_ANSWER;
	if (!q->client) {
		sim_request_free(q);
		return;
	}
	arm(q, sim_delay_ns(q->server));
}

static void carry_out_write(struct sim_request *q)
{
	struct sim_store *store = q->server->store;
	/* Of a request 0 is the object's own and -1 none at all. */
	struct sim_delete del = { q->r.uid, q->r.resource_version,
				  q->r.grace_s < 0 ? 0 : (q->r.grace_s ? q->r.grace_s : -1) };
	struct cJSON *body = q->r.body ? cJSON_ParseWithLength(q->r.body, q->r.body_size) : NULL;
	uint64_t before = sim_store_rv(store);

	sim_store_by(store, q->client ? q->client->name : "late");
	if (q->server->mutant)
		sim_mutate_request(q, body, &del);
	if (q->r.verb != BW_KUBE_DELETE && !cJSON_IsObject(body))
		sim_reply_status(&q->reply, 400, "BadRequest", "the body is no object");
	else if (q->r.verb == BW_KUBE_CREATE && q->r.flags & BW_KUBE_F_DRY_RUN)
		sim_store_try(store, q->kind, q->r.namespace, body, &q->reply);
	else if (q->r.verb == BW_KUBE_CREATE)
		sim_store_create(store, q->kind, q->r.namespace, body, &q->reply);
	else if (q->r.verb == BW_KUBE_MERGE)
		sim_store_merge(store, q->kind, q->r.namespace, q->r.name, q->r.subresource, body,
				&q->reply);
	else if (q->r.verb == BW_KUBE_STRATEGIC)
		sim_store_resize(store, q->kind, q->r.namespace, q->r.name, q->r.subresource, body,
				 &q->reply);
	else if (q->r.verb == BW_KUBE_UPDATE)
		sim_store_update(store, q->kind, q->r.namespace, q->r.name, q->r.subresource, body,
				 &q->reply);
	else if (q->r.verb == BW_KUBE_DELETE)
		sim_store_delete(store, q->kind, q->r.namespace, q->r.name, &del, &q->reply);
	else
		sim_reply_status(&q->reply, 415, "UnsupportedMediaType", "not in this model");
	q->server->counts.writes += sim_store_rv(store) - before;
	if (q->server->mutant)
		sim_mutate_reply(q);
	sim_store_by(store, "");
	cJSON_Delete(body);
}

static void carry_out_raw(struct sim_request *q)
{
	sim_reply_status(&q->reply, 200, "", "%s", "");
	(void)bw_buf_printf(
		&q->body, "%s",
		strcmp(q->r.path ? q->r.path : "", "/version")
			? "ok"
			: "{\"major\":\"1\",\"minor\":\"36\",\"gitVersion\":\"v1.36.4\"}");
	q->result = BW_KUBE_OK;
}

/* Return: 1 not yet. */
static int carry_out(struct sim_request *q)
{
	if (q->r.verb == BW_KUBE_LIST)
		return sim_read_list(q);
	if (q->r.verb == BW_KUBE_WATCH)
		return sim_read_watch(q);
	if (q->r.verb == BW_KUBE_RAW) {
		carry_out_raw(q);
		return 0;
	}
	if (q->r.verb == BW_KUBE_GET)
		sim_read_get(q);
	else
		carry_out_write(q);
	sim_body_of(q);
	q->result = sim_result_of(&q->reply);
	if (q->client && q->client->moment)
		q->client->moment(q->client, SIM_DONE, &q->r, q->client->arg);
	return 0;
}

/* The client gives up at its time-out, and does not know why. */
static void give_up(struct sim_request *q, int64_t in_ns)
{
	q->result = BW_KUBE_UNKNOWN;
	q->reply = (struct sim_reply){ 0 };
	bw_buf_done(&q->body);
	q->phase = SIM_PHASE_ANSWER;
	if (!q->client)
		sim_request_free(q);
	else
		arm(q, in_ns);
}

static void answer_plain(struct sim_request *q, int http, const char *reason,
			 enum bw_kube_result result)
{
	sim_reply_status(&q->reply, http, reason, "%s", sim_fate_str(q->fate));
	bw_buf_done(&q->body);
	sim_body_of(q);
	q->result = result;
	send_back(q);
}

/* What is left of a request whose client has given up. */
static void continue_late(const struct sim_request *q)
{
	struct sim_request *late = sim_alloc(sizeof(*late));
	const char **text[COPIED_TEXTS];

	*late = *q;
	late->call = NULL;
	late->client = NULL;
	late->fate = SIM_PASS;
	late->phase = SIM_PHASE_LATE;
	late->body = (struct bw_buf){ 0 };
	texts_of(&late->r, text);
	for (size_t i = 0; i < COPIED_TEXTS; i++)
		*text[i] = *text[i] ? sim_strdup(*text[i]) : NULL;
	bw_list_add_tail(&q->server->requests, &late->node);
	bw_timer_init(&late->timer, q->server->loop, q->timer.fn, late);
	bw_timer_init(&late->bookmark, q->server->loop, q->bookmark.fn, late);
	arm(late, sim_rng_between(&q->server->rng, 0,
				  (int64_t)q->server->faults.late_ms * SIM_NS_PER_MS));
}

static void arrive(struct sim_request *q)
{
	struct sim_server *s = q->server;
	int64_t wait_ns =
		(q->r.timeout_ms && q->r.verb != BW_KUBE_WATCH ? q->r.timeout_ms : SIM_CALL_MS) *
		SIM_NS_PER_MS;

	if (s->down && q->fate != SIM_LATE)
		q->fate = SIM_REFUSE;
	if (!q->client && q->r.verb < BW_KUBE_CREATE) { /* nobody waits for what it reads */
		sim_request_free(q);
		return;
	}
	switch (q->fate) {
	case SIM_REFUSE:
		q->result = BW_KUBE_REFUSED;
		send_back(q);
		return;
	case SIM_THROTTLE:
		q->retry_ms = 1000;
		answer_plain(q, 429, "TooManyRequests", BW_KUBE_THROTTLED);
		return;
	case SIM_FAIL_BEFORE:
		answer_plain(q, 500, "InternalError", BW_KUBE_UNKNOWN);
		return;
	case SIM_LOSE_REQUEST:
		give_up(q, wait_ns);
		return;
	case SIM_LATE:
		continue_late(q);
		give_up(q, wait_ns);
		return;
	case SIM_FAIL_AFTER:
	case SIM_LOSE_ANSWER:
	case SIM_PASS:
	case SIM_CUT_STREAM:
	case SIM_GONE:
	case SIM_STALE:
	case SIM_RESTART:
	case SIM_FATE_MAX_:
		break;
	}
	if (carry_out(q)) {
		arm(q, 100 * SIM_NS_PER_MS);
		return;
	}
	if (q->phase == SIM_PHASE_STREAM)
		return;
	if (q->fate == SIM_FAIL_AFTER)
		answer_plain(q, 500, "InternalError", BW_KUBE_UNKNOWN);
	else if (q->fate == SIM_LOSE_ANSWER)
		give_up(q, sim_rng_between(&s->rng, 0, wait_ns));
	else
		send_back(q);
}

static void on_timer(void *arg)
{
	struct sim_request *q = arg;

	switch (q->phase) {
	case SIM_PHASE_SENT:
		arrive(q);
		break;
	case SIM_PHASE_ANSWER:
		sim_request_answer(q);
		break;
	case SIM_PHASE_STREAM:
		sim_stream_deliver(q);
		break;
	case SIM_PHASE_LATE:
		sim_trace(q->server->trace, "late #%llu is carried out", (unsigned long long)q->id);
		if (!q->server->down)
			(void)carry_out(q); /* nobody asks what came of it, ignoring */
		sim_request_free(q);
		break;
	}
}

static void on_bookmark(void *arg)
{
	struct sim_request *q = arg;

	if (bw_timer_set(&q->bookmark, bw_loop_now_ns(q->server->loop) + SIM_BOOKMARK_NS) < 0)
		abort();
	q->begun = 2; /* the next delivery ends in a bookmark */
	arm(q, sim_delay_ns(q->server));
}

static void trace_request(const struct sim_client *c, const struct sim_request *q)
{
	sim_trace(c->server->trace, "%s #%llu %s %s %s/%s%s%s %s %.*s", c->name,
		  (unsigned long long)q->id, bw_kube_verb_str(q->r.verb),
		  q->kind ? q->kind->kind.plural : "-", q->r.namespace ? q->r.namespace : "",
		  q->r.name ? q->r.name : "", q->r.subresource ? "/" : "",
		  q->r.subresource ? q->r.subresource : "",
		  q->fate == SIM_PASS ? "" : sim_fate_str(q->fate),
		  q->r.body ? (int)q->r.body_size : 0, q->r.body ? q->r.body : "");
}

static int start(struct bw_kube_client *base, const struct bw_kube_request *r,
		 struct bw_kube_call *call, struct bw_err *err)
{
	struct sim_client *c = (struct sim_client *)base;
	struct sim_server *s = c->server;
	const char **text[COPIED_TEXTS];
	struct sim_request *q;

	if (r->verb != BW_KUBE_RAW && !sim_kind_find(r->kind))
		return bw_reject(err, BW_ERR_INVALID, EINVAL, "no kind %s",
				 r->kind ? r->kind->plural : "at all");
	call->client = base;
	call->impl = NULL;
	if (c->dead)
		return 0;
	q = sim_alloc(sizeof(*q));
	q->r = *r;
	texts_of(&q->r, text);
	for (size_t i = 0; i < COPIED_TEXTS - 1; i++)
		*text[i] = *text[i] ? sim_strdup(*text[i]) : NULL;
	if (r->body) {
		q->r.body = memcpy(sim_alloc(r->body_size + 1), r->body, r->body_size);
	}
	q->server = s;
	q->client = c;
	q->call = call;
	q->kind = sim_kind_find(r->kind);
	q->id = ++s->counts.requests;
	call->impl = q;
	bw_list_add_tail(&s->requests, &q->node);
	bw_timer_init(&q->timer, s->loop, on_timer, q);
	bw_timer_init(&q->bookmark, s->loop, on_bookmark, q);
	q->fate = sim_fate_draw(s, q);
	q->stale = (uint8_t)sim_rng_chance(&s->rng, s->faults.stale);
	if (q->fate != SIM_PASS)
		sim_count_fault(s, q->fate);
	trace_request(c, q);
	arm(q, sim_delay_ns(s));
	if (r->verb != BW_KUBE_WATCH)
		c->calls++;
	if (c->moment)
		c->moment(c, SIM_SEND, r, c->arg);
	return 0;
}

static void cancel(struct bw_kube_call *call)
{
	struct sim_request *q = call->impl;

	call->client = NULL;
	if (q)
		forget(q);
}

static void client_free(struct bw_kube_client *base)
{
	struct sim_client *c = (struct sim_client *)base;

	bw_list_for_each (node, &c->server->requests) {
		struct sim_request *q = bw_list_entry(node, struct sim_request, node);

		if (q->client == c)
			forget(q);
	}
	bw_list_del(&c->node);
}

static const struct bw_kube_client_ops ops = { .start = start,
					       .cancel = cancel,
					       .free = client_free };

void sim_client_init(struct sim_client *c, struct sim_server *s, const char *name)
{
	*c = (struct sim_client){ .base.ops = &ops, .server = s, .name = name };
	bw_list_add_tail(&s->clients, &c->node);
}

/* One connection breaks: a stream ends, an answer is lost, a request may or may not arrive. */
static void break_request(struct sim_request *q)
{
	struct sim_server *s = q->server;

	if (!q->client || q->busy)
		return;
	if (q->phase == SIM_PHASE_STREAM) {
		sim_stream_end(q, BW_KUBE_UNKNOWN);
		return;
	}
	if (q->phase == SIM_PHASE_SENT && sim_rng_chance(&s->rng, 500))
		continue_late(q);
	give_up(q, sim_delay_ns(s));
}

void sim_client_break(struct sim_client *c)
{
	bw_list_for_each (node, &c->server->requests) {
		struct sim_request *q = bw_list_entry(node, struct sim_request, node);

		if (q->client == c)
			break_request(q);
	}
}

void sim_server_break(struct sim_server *s)
{
	sim_count_fault(s, SIM_RESTART);
	bw_list_for_each (node, &s->requests)
		break_request(bw_list_entry(node, struct sim_request, node));
	for (unsigned int i = 0; i < SIM_REPLICAS; i++)
		s->replicas[i].rv = sim_store_rv(s->store);
}

static void on_replica(void *arg)
{
	struct sim_replica *p = arg;
	struct sim_server *s = p->server;
	int64_t now = bw_loop_now_ns(s->loop);
	size_t i = sim_store_log_after(s->store, p->rv), n = sim_store_log_size(s->store);

	while (i < n && sim_store_log(s->store, i)->at_ns + p->lag_ns <= now)
		p->rv = sim_store_log(s->store, i++)->rv;
	if (i < n && bw_timer_set(&p->timer, sim_store_log(s->store, i)->at_ns + p->lag_ns) < 0)
		abort();
	sim_stream_wake(s, (unsigned int)(p - s->replicas));
}

void sim_server_committed(struct sim_server *s)
{
	for (unsigned int i = 0; i < SIM_REPLICAS; i++)
		if (!bw_timer_is_set(&s->replicas[i].timer) &&
		    bw_timer_set(&s->replicas[i].timer,
				 bw_loop_now_ns(s->loop) + s->replicas[i].lag_ns) < 0)
			abort();
}

void sim_server_heal(struct sim_server *s)
{
	s->faults = (struct sim_faults){ 0 };
	s->down = 0;
	for (unsigned int i = 0; i < SIM_REPLICAS; i++) {
		s->replicas[i].lag_ns = 0;
		on_replica(&s->replicas[i]);
	}
}

void sim_server_init(struct sim_server *s, struct bw_loop *loop, struct sim_store *store,
		     struct sim_trace *trace, struct sim_rng rng)
{
	*s = (struct sim_server){ .loop = loop, .store = store, .trace = trace, .rng = rng };
	bw_list_init(&s->clients);
	bw_list_init(&s->requests);
	for (unsigned int i = 0; i < SIM_REPLICAS; i++) {
		s->replicas[i] = (struct sim_replica){ .server = s, .rv = sim_store_rv(store) };
		bw_timer_init(&s->replicas[i].timer, loop, on_replica, &s->replicas[i]);
	}
}

void sim_server_done(struct sim_server *s)
{
	bw_list_for_each (node, &s->requests)
		sim_request_free(bw_list_entry(node, struct sim_request, node));
	for (unsigned int i = 0; i < SIM_REPLICAS; i++)
		bw_timer_stop(&s->replicas[i].timer);
}
