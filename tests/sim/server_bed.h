/* SPDX-License-Identifier: Apache-2.0 */
/* A model server with one client, and the calls that its tests make. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <cmocka.h>

#include <bw/buf.h>
#include <bw/err.h>

#include "server.h"

#define S_NS 1000000000LL

struct bed {
	struct bw_loop *loop;
	struct sim_store *store;
	struct sim_trace trace;
	struct sim_server server;
	struct sim_client client;
};

/* One call and what came of it. */
struct got {
	struct bw_kube_call call;
	unsigned int done;
	enum bw_kube_result result;
	int http;
	struct bw_buf body;
	char reason[64];
};

static struct bed bed;

static inline void committed(const struct sim_version *v, const char *by, void *arg)
{
	(void)v;
	(void)by;
	sim_server_committed(arg);
}

static inline int set_up(void **state)
{
	(void)state;
	memset(&bed, 0, sizeof(bed));
	if (bw_loop_new_virtual(S_NS, 1700000000, &bed.loop, NULL) < 0)
		return -1;
	bed.trace.loop = bed.loop;
	bed.store = sim_store_new(bed.loop);
	sim_server_init(&bed.server, bed.loop, bed.store, &bed.trace, (struct sim_rng){ 1 });
	sim_store_on_commit(bed.store, committed, &bed.server);
	sim_client_init(&bed.client, &bed.server, "c");
	return 0;
}

static inline int tear_down(void **state)
{
	struct bw_kube_client *c = &bed.client.base;

	(void)state;
	bw_kube_client_free(&c);
	sim_server_done(&bed.server);
	sim_store_free(&bed.store);
	bw_loop_free(&bed.loop);
	return 0;
}

static inline void on_done(const struct bw_kube_answer *a, void *arg)
{
	struct got *g = arg;

	g->done++;
	g->result = a->result;
	g->http = a->http;
	(void)snprintf(g->reason, sizeof(g->reason), "%s", a->reason);
	if (a->body_size)
		assert_int_equal(bw_buf_append(&g->body, a->body, a->body_size), 0);
}

static inline int on_data(const char *data, size_t size, void *arg)
{
	struct got *g = arg;

	assert_int_equal(bw_buf_append(&g->body, data, size), 0);
	return 0;
}

static inline void run_for(int64_t ns)
{
	int64_t until = bw_loop_now_ns(bed.loop) + ns;

	while (bw_loop_step(bed.loop, 0, until, NULL) > 0)
		;
}

static inline void begin(const struct bw_kube_request *r, struct got *g)
{
	*g = (struct got){ .call = { .done = on_done, .data = NULL, .arg = g } };
	if (r->verb == BW_KUBE_WATCH)
		g->call.data = on_data;
	assert_int_equal(bw_kube_start(&bed.client.base, r, &g->call, NULL), 0);
	assert_int_equal(g->done, 0);
}

static inline void run(struct bw_kube_request r, struct got *g)
{
	r.body_size = r.body ? strlen(r.body) : 0;
	begin(&r, g);
	for (int i = 0; i < 100 && !g->done; i++)
		run_for(S_NS);
	assert_int_equal(g->done, 1);
}

static const struct bw_kube_kind *const claim = &sim_kinds[SIM_CLAIM].kind;
static const struct bw_kube_kind *const address = &sim_kinds[SIM_ADDRESS].kind;

static inline void create(const struct bw_kube_kind *kind, const char *body, struct got *g)
{
	run((struct bw_kube_request){ .verb = BW_KUBE_CREATE,
				      .kind = kind,
				      .namespace = kind->namespaced ? "db" : NULL,
				      .body = body },
	    g);
}

static inline void merge(const char *name, const char *sub, const char *body, struct got *g)
{
	run((struct bw_kube_request){ .verb = BW_KUBE_MERGE,
				      .kind = claim,
				      .namespace = "db",
				      .name = name,
				      .subresource = sub,
				      .body = body },
	    g);
}

static inline void drop(const char *name, const char *uid, const char *rv, struct got *g)
{
	run((struct bw_kube_request){ .verb = BW_KUBE_DELETE,
				      .kind = claim,
				      .namespace = "db",
				      .name = name,
				      .uid = uid,
				      .resource_version = rv,
				      .grace_s = -1 },
	    g);
}

/* Text of a member of the answer's object, by path; the caller's until the next call. */
static const char *text_of(const struct got *g, const char *object, const char *member)
{
	static char text[256];
	struct cJSON *tree = cJSON_Parse(g->body.data);
	const struct cJSON *o = cJSON_GetObjectItemCaseSensitive(tree, object);
	const struct cJSON *m = cJSON_GetObjectItemCaseSensitive(o, member);

	if (cJSON_IsNumber(m))
		(void)snprintf(text, sizeof(text), "%g", m->valuedouble);
	else
		(void)snprintf(text, sizeof(text), "%s", cJSON_IsString(m) ? m->valuestring : "");
	cJSON_Delete(tree);
	return text;
}

static const char *meta_of(const struct got *g, const char *member)
{
	return text_of(g, "metadata", member);
}

#define done_with(g) bw_buf_done(&(g).body)
#define CLAIM                                                                                      \
	"{\"metadata\":{\"name\":\"a\"},\"spec\":{\"stickyKey\":\"k\"},\"status\":{\"phase\":\"Bound\"}}"
