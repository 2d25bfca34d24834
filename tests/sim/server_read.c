/* SPDX-License-Identifier: Apache-2.0 */
/* The model server's reads and what answers look like. */
#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "server_impl.h"
#include "store_impl.h"

#define TOO_NEW_NS (3000 * SIM_NS_PER_MS) /* how long kube-apiserver waits for a later version */

enum bw_kube_result sim_result_of(const struct sim_reply *r)
{
	static const struct {
		int http;
		const char *reason; /* NULL = any */
		enum bw_kube_result result;
	} table[] = {
		{ 409, "AlreadyExists", BW_KUBE_EXISTS }, { 409, NULL, BW_KUBE_CONFLICT },
		{ 404, NULL, BW_KUBE_NOT_FOUND },         { 410, NULL, BW_KUBE_GONE },
		{ 504, NULL, BW_KUBE_TOO_NEW },           { 400, NULL, BW_KUBE_INVALID },
		{ 415, NULL, BW_KUBE_INVALID },           { 422, NULL, BW_KUBE_INVALID },
		{ 403, NULL, BW_KUBE_FORBIDDEN },         { 429, NULL, BW_KUBE_THROTTLED },
	};

	if (r->http >= 200 && r->http < 300)
		return BW_KUBE_OK;
	for (size_t i = 0; i < BW_ARRAY_SIZE(table); i++)
		if (table[i].http == r->http &&
		    (!table[i].reason || !strcmp(table[i].reason, r->reason)))
			return table[i].result;
	return BW_KUBE_UNKNOWN;
}

static void append_status(struct bw_buf *b, const struct sim_reply *r)
{
	struct cJSON *s = cJSON_CreateObject();
	char *text;

	cJSON_AddStringToObject(s, "kind", "Status");
	cJSON_AddStringToObject(s, "apiVersion", "v1");
	cJSON_AddItemToObject(s, "metadata", cJSON_CreateObject());
	cJSON_AddStringToObject(s, "status", r->http < 300 ? "Success" : "Failure");
	cJSON_AddStringToObject(s, "message", r->message);
	cJSON_AddStringToObject(s, "reason", r->reason);
	cJSON_AddNumberToObject(s, "code", r->http);
	text = cJSON_PrintUnformatted(s);
	(void)bw_buf_append(b, text, strlen(text)); /* a lost body is one more bad network */
	free(text);
	cJSON_Delete(s);
}

void sim_body_of(struct sim_request *q)
{
	const struct sim_version *v = q->reply.version;

	/* A DELETE that ends an object answers with a Status, but for Pods. */
	if (v && !(v->deleted && q->r.verb == BW_KUBE_DELETE && !v->key->kind->graceful))
		(void)bw_buf_append(&q->body, v->text, v->size); /* as above */
	else
		append_status(&q->body, &q->reply);
}

void sim_read_get(struct sim_request *q)
{
	sim_store_get(q->server->store, q->kind, q->r.namespace, q->r.name, &q->reply);
}

/* Where a read that may be old is served. */
static unsigned int pick_replica(const struct sim_request *q)
{
	const struct sim_replica *p = q->server->replicas;
	unsigned int slow = p[0].rv <= p[1].rv ? 0 : 1;

	return q->stale ? slow : 1 - slow;
}

static void fail(struct sim_request *q, int http, const char *reason, const char *message)
{
	sim_reply_status(&q->reply, http, reason, "%s", message);
	bw_buf_done(&q->body);
	sim_body_of(q);
	q->result = sim_result_of(&q->reply);
}

static int selected(const struct sim_request *q, const struct sim_version *v)
{
	int f = sim_select_fields(v, q->r.field_selector);
	int l = sim_select_labels(v, q->r.label_selector);

	return f < 0 || l < 0 ? -EINVAL : f && l;
}

static int too_new(const struct sim_request *q, uint64_t rv)
{
	return rv > sim_store_rv(q->server->store);
}

/* The version a read is served at; 0 = answered already, -1 = wait. */
static int64_t version_for(struct sim_request *q)
{
	const char *text = q->r.resource_version ? q->r.resource_version : "";
	uint64_t rv = strtoull(text, NULL, 10);
	uint64_t shown = q->server->replicas[q->replica].rv;

	if (!*text)
		return (int64_t)sim_store_rv(q->server->store);
	if (q->r.match && !strcmp(q->r.match, "Exact") && rv) {
		if (rv > sim_store_compacted(q->server->store))
			return (int64_t)rv;
		fail(q, 410, "Expired", "the provided resource version is too old");
		return 0;
	}
	if (!too_new(q, rv))
		return (int64_t)(rv > shown ? rv : shown);
	if (!q->ends_ns)
		q->ends_ns = bw_loop_now_ns(q->server->loop) + TOO_NEW_NS;
	if (bw_loop_now_ns(q->server->loop) < q->ends_ns)
		return -1;
	fail(q, 504, "Timeout", "Too large resource version");
	q->retry_ms = 1000;
	return 0;
}

static int append_item(struct sim_request *q, const struct sim_version *v, int first)
{
	return bw_buf_append(&q->body, ",", !first) < 0 ||
	       bw_buf_append(&q->body, v->text, v->size) < 0;
}

/* Splits "RV/INDEX" of our own continue tokens. 0 = it cannot be served any more. */
static uint64_t continue_from(struct sim_request *q, size_t *ret_index)
{
	char *end;
	uint64_t rv = strtoull(q->r.cont, &end, 10);

	*ret_index = *end == '/' ? strtoull(end + 1, NULL, 10) : 0;
	if (rv > sim_store_compacted(q->server->store) && rv <= sim_store_rv(q->server->store))
		return rv;
	fail(q, 410, "Expired", "The provided continue parameter is too old");
	return 0;
}

static void list_at(struct sim_request *q, uint64_t rv, size_t from, unsigned int limit)
{
	size_t n, i, left = 0;
	struct sim_key *const *keys = sim_store_keys(q->server->store, q->kind, &n);
	unsigned int taken = 0;
	char next[48] = "";

	(void)bw_buf_printf(&q->body, "{\"kind\":\"%sList\",\"apiVersion\":\"%s%s%s\",\"items\":[",
			    q->kind->kind.kind, q->kind->kind.group,
			    *q->kind->kind.group ? "/" : "", q->kind->kind.version);
	for (i = from; i < n; i++) {
		const struct sim_version *v = sim_version_at(keys[i], rv);
		int s = v ? selected(q, v) : 0;

		if (v && *keys[i]->namespace && q->r.namespace && *q->r.namespace &&
		    strcmp(keys[i]->namespace, q->r.namespace) != 0)
			continue;
		if (s < 0) {
			fail(q, 400, "BadRequest", "unable to parse the selector");
			return;
		}
		if (!s)
			continue;
		if (limit && taken == limit) {
			left++;
			if (!*next)
				(void)snprintf(next, sizeof(next), "%llu/%zu",
					       (unsigned long long)rv, i);
			continue;
		}
		(void)append_item(q, v, !taken); /* as append_status() */
		taken++;
	}
	(void)bw_buf_printf(&q->body, "],\"metadata\":{\"resourceVersion\":\"%llu\"",
			    (unsigned long long)rv);
	if (left)
		(void)bw_buf_printf(&q->body, ",\"continue\":\"%s\",\"remainingItemCount\":%zu",
				    next, left);
	(void)bw_buf_printf(&q->body, "}}");
	sim_reply_status(&q->reply, 200, "", "%s", "");
	q->result = BW_KUBE_OK;
}

int sim_read_list(struct sim_request *q)
{
	const char *rv = q->r.resource_version;
	unsigned int limit = q->r.limit;
	size_t from = 0;
	int64_t at;

	q->replica = pick_replica(q);
	if (((rv && *rv) || q->r.cont) && sim_rng_chance(&q->server->rng, q->server->faults.gone)) {
		sim_count_fault(q->server, SIM_GONE);
		fail(q, 410, "Expired", "too old resource version");
		return 0;
	}
	if (q->r.cont && *q->r.cont) {
		at = (int64_t)continue_from(q, &from);
	} else {
		at = version_for(q);
		if (rv && !strcmp(rv, "0"))
			limit = 0; /* served from the watch cache, which has no pages */
	}
	if (at < 0)
		return 1;
	if (at > 0)
		list_at(q, (uint64_t)at, from, limit);
	return 0;
}

int sim_read_watch(struct sim_request *q)
{
	struct sim_server *s = q->server;
	const char *text = q->r.resource_version ? q->r.resource_version : "";
	uint64_t rv = strtoull(text, NULL, 10);
	unsigned int ms = q->r.timeout_ms ? q->r.timeout_ms : 300000;
	int64_t at = 0;

	if (!q->begun)
		q->replica = pick_replica(q);
	if (rv && (sim_rng_chance(&s->rng, s->faults.gone) ||
		   (!(q->r.flags & BW_KUBE_F_INITIAL) && rv < sim_store_compacted(s->store)))) {
		sim_count_fault(s, SIM_GONE);
		fail(q, 410, "Expired", "too old resource version");
		return 0;
	}
	if (!rv || (q->r.flags & BW_KUBE_F_INITIAL)) {
		at = version_for(q);
		if (at <= 0)
			return at < 0;
	}
	q->cursor = at ? (uint64_t)at : rv;
	q->begun = at == 0; /* else what there is comes first */
	q->phase = SIM_PHASE_STREAM;
	q->result = BW_KUBE_OK;
	sim_reply_status(&q->reply, 200, "", "%s", "");
	q->ends_ns = bw_loop_now_ns(s->loop) + ms * SIM_NS_PER_MS;
	if (bw_timer_set(&q->timer, bw_loop_now_ns(s->loop) + sim_delay_ns(s)) < 0 ||
	    bw_timer_set(&q->bookmark,
			 bw_loop_now_ns(s->loop) + sim_rng_between(&s->rng, SIM_BOOKMARK_NS / 2,
								   SIM_BOOKMARK_NS)) < 0)
		abort();
	return 0;
}
