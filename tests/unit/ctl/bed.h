/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The address controllers over the model API server of tests/sim, on a virtual clock and without
 * faults. Include it in one file of a program.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <cmocka.h>

#include <bw/err.h>
#include <bw/json.h>

#include "ctl.h"
#include "server.h"

#define S_NS 1000000000LL

struct bed {
	struct bw_loop *loop;
	struct sim_store *store;
	struct sim_trace trace;
	struct sim_server server;
	struct sim_client client;
	struct bw_kube_runtime *rt;
	struct ctl_ipam *ipam;
	unsigned int restarts; /* asked for */
};

static inline void bed_on_restart(const char *why, void *arg)
{
	(void)why;
	((struct bed *)arg)->restarts++;
}

static inline void bed_committed(const struct sim_version *v, const char *by, void *arg)
{
	(void)v;
	(void)by;
	sim_server_committed(arg);
}

static inline void bed_run(struct bed *b, int64_t ms)
{
	int64_t until = bw_loop_now_ns(b->loop) + ms * 1000000;
	unsigned int steps = 0;

	while (bw_loop_step(b->loop, 0, until, NULL) > 0)
		assert_true(++steps < 5000000);
}

/* A controller process; its state is gone and made anew when it is called twice. */
static inline void bed_boot(struct bed *b)
{
	struct ctl_ipam_options o = {
		.loop = b->loop, .seed = 1, .cluster_id = "c-1", .restart = bed_on_restart, .arg = b
	};
	struct bw_err err = { 0 };

	bw_kube_runtime_free(&b->rt);
	ctl_ipam_free(&b->ipam);
	assert_int_equal(
		bw_kube_runtime_new(b->loop, &b->client.base, "barewire-controller", &b->rt, &err),
		0);
	bw_kube_runtime_seed(b->rt, 1);
	assert_int_equal(ctl_ipam_start(b->rt, &o, &b->ipam, &err), 0);
	bed_run(b, 1000);
}

static inline void bed_init(struct bed *b)
{
	memset(b, 0, sizeof(*b));
	assert_int_equal(bw_loop_new_virtual(S_NS, 1700000000, &b->loop, NULL), 0);
	b->trace.loop = b->loop;
	b->store = sim_store_new(b->loop);
	sim_server_init(&b->server, b->loop, b->store, &b->trace, (struct sim_rng){ 1 });
	b->server.lists = 1;
	sim_store_on_commit(b->store, bed_committed, &b->server);
	sim_client_init(&b->client, &b->server, "ctl");
	bed_boot(b);
}

static inline void bed_done(struct bed *b)
{
	struct bw_kube_client *c = &b->client.base;

	bw_kube_runtime_free(&b->rt);
	ctl_ipam_free(&b->ipam);
	bw_kube_client_free(&c);
	sim_server_done(&b->server);
	sim_store_free(&b->store);
	bw_loop_free(&b->loop);
}

static inline const struct sim_kind *bed_kind(const char *kind)
{
	for (int i = 0; i < SIM_KIND_MAX_; i++)
		if (strcmp(sim_kinds[i].kind.kind, kind) == 0)
			return &sim_kinds[i];
	fail_msg("no kind %s", kind);
	return NULL;
}

/* Creates an object from JSON; its status, which a creation drops, is written after it. */
static inline void bed_put(struct bed *b, const char *json)
{
	bw_autojson struct cJSON *o = cJSON_Parse(json);
	const struct cJSON *meta = cJSON_GetObjectItem(o, "metadata");
	const char *ns = bw_json_get_str(meta, "namespace");
	struct cJSON *status;
	struct sim_reply r = { 0 };

	if (!o)
		fail_msg("no JSON: %s", json);
	sim_store_by(b->store, "test");
	sim_store_create(b->store, bed_kind(bw_json_get_str(o, "kind")), ns, o, &r);
	if (r.http / 100 != 2)
		fail_msg("create: %s: %s", r.message, json);
	status = cJSON_GetObjectItem(o, "status");
	if (status) {
		bw_autojson struct cJSON *patch = cJSON_CreateObject();

		cJSON_AddItemToObject(patch, "status", cJSON_Duplicate(status, 1));
		sim_store_merge(b->store, bed_kind(bw_json_get_str(o, "kind")), ns,
				bw_json_get_str(meta, "name"), "status", patch, &r);
		if (r.http / 100 != 2)
			fail_msg("status: %s: %s", r.message, json);
	}
}

static inline void bed_merge(struct bed *b, enum sim_kind_id kind, const char *ns, const char *name,
			     const char *sub, const char *json)
{
	bw_autojson struct cJSON *patch = cJSON_Parse(json);
	struct sim_reply r = { 0 };

	assert_non_null(patch);
	sim_store_by(b->store, "test");
	sim_store_merge(b->store, &sim_kinds[kind], ns, name, sub, patch, &r);
	if (r.http / 100 != 2)
		fail_msg("merge: %s", r.message);
}

static inline void bed_delete(struct bed *b, enum sim_kind_id kind, const char *ns,
			      const char *name)
{
	const struct sim_delete opts = { .grace_s = 0 };
	struct sim_reply r = { 0 };

	sim_store_by(b->store, "test");
	sim_store_delete(b->store, &sim_kinds[kind], ns, name, &opts, &r);
	if (r.http / 100 != 2)
		fail_msg("delete: %s", r.message);
}

/* The text at a path such as "status.holder.node" or "status.interfaces.0.ips.0"; "" = none. */
static inline const char *bed_get(struct bed *b, enum sim_kind_id kind, const char *ns,
				  const char *name, const char *path, char out[256])
{
	const struct cJSON *at = sim_store_tree(b->store, kind, ns, name);
	char key[64];

	out[0] = '\0';
	while (at && *path) {
		size_t n = strcspn(path, ".");

		assert_true(n < sizeof(key));
		memcpy(key, path, n);
		key[n] = '\0';
		path += n + (path[n] == '.');
		at = cJSON_IsArray(at) ? cJSON_GetArrayItem(at, atoi(key))
				       : cJSON_GetObjectItemCaseSensitive(at, key);
	}
	if (!at)
		return out;
	if (cJSON_IsString(at))
		(void)snprintf(out, 256, "%s", at->valuestring);
	else if (cJSON_IsNumber(at))
		(void)snprintf(out, 256, "%.0f", at->valuedouble);
	return out;
}

/* How many objects of a kind there are. */
static inline size_t bed_count(struct bed *b, enum sim_kind_id kind)
{
	size_t n;
	size_t live = 0;
	struct sim_key *const *keys = sim_store_keys(b->store, &sim_kinds[kind], &n);

	for (size_t i = 0; i < n; i++)
		live += keys[i]->tree != NULL;
	return live;
}
