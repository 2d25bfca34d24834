/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A world of objects for the targets that fuzz reconcilers. Each line of an input is an object
 * whose first byte says which store it goes into, '-' before it takes it away again. The server
 * never answers. Include it in one file of a program.
 */
#pragma once

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <bw/err.h>
#include <bw/json.h>
#include <bw/log.h>

#include "controller.h"
#include "object.h"
#include "plan.h"
#include "store.h"

#define WORLD_START_NS 1000000000LL
#define WORLD_START_S 1700000000
#define WORLD_LINES_MAX 64
#define WORLD_STEPS_MAX 4096 /* of one plan */
#define WORLD_STORES_MAX 32

struct world {
	struct bw_loop *loop;
	struct bw_kube_client client;
	struct bw_kube_runtime *rt;
	struct bw_kube_store *stores[WORLD_STORES_MAX]; /* by letter; NULL ends */
	char letters[WORLD_STORES_MAX + 1];
};

static int world_start(struct bw_kube_client *c, const struct bw_kube_request *r,
		       struct bw_kube_call *call, struct bw_err *err)
{
	(void)c;
	(void)r;
	(void)call;
	(void)err;
	return 0;
}

static void world_cancel(struct bw_kube_call *call)
{
	(void)call;
}

static inline void world_make(struct world *w)
{
	static const struct bw_kube_client_ops silent = { .start = world_start,
							  .cancel = world_cancel };

	bw_log_setup(BW_LOG_ERROR, -1, "fuzz", NULL, NULL);
	w->client.ops = &silent;
	assert(bw_loop_new_virtual(WORLD_START_NS, WORLD_START_S, &w->loop, NULL) == 0);
	assert(bw_kube_runtime_new(w->loop, &w->client, "fuzz", &w->rt, NULL) == 0);
	bw_kube_runtime_seed(w->rt, 1);
}

/* Lines with @letter are of @store, which counts as listed. */
static inline void world_add(struct world *w, char letter, struct bw_kube_store *store)
{
	size_t n = strlen(w->letters);

	assert(n < WORLD_STORES_MAX && letter != '-');
	w->letters[n] = letter;
	w->stores[n] = store;
	bw_kube_store_set_synced(store);
}

/* What the store's watch leaves of an object. */
static inline const struct bw_kube_keep *world_keep(const struct world *w,
						    const struct bw_kube_store *store)
{
	const struct bw_kube_watcher *i = w->rt->watchers;

	while (i && i->store != store)
		i = i->next;
	assert(i);
	return i->reflector.keep;
}

static inline void world_line(struct world *w, const char *text, size_t size)
{
	int gone = size && *text == '-';
	struct bw_kube_object *o = NULL;
	struct bw_kube_store *store;
	const char *letter;

	text += gone;
	size -= (size_t)gone;
	letter = size ? memchr(w->letters, *text, strlen(w->letters)) : NULL;
	if (!letter)
		return;
	store = w->stores[letter - w->letters];
	if (bw_kube_object_make(bw_kube_store_kind(store), text + 1, size - 1, world_keep(w, store),
				&o, NULL) < 0)
		return;
	/* The server gives every object a UID, and a namespace where its kind has one. */
	if (*o->uid && !*o->namespace == !o->kind->namespaced) {
		if (gone)
			bw_kube_store_remove(store, o->namespace, o->name);
		else
			assert(bw_kube_store_put(store, o) == 0);
	}
	bw_kube_object_unref(&o);
}

static inline void world_read(struct world *w, const uint8_t *data, size_t size)
{
	const char *at = (const char *)data;
	const char *end = at + size;

	for (size_t n = 0; at < end && n < WORLD_LINES_MAX; n++) {
		const char *stop = memchr(at, '\n', (size_t)(end - at));

		world_line(w, at, (size_t)((stop ? stop : end) - at));
		at = stop ? stop + 1 : end;
	}
}

/* One reconcile. It ends, with a plan of sound requests or an error that says something. */
static inline void world_reconcile(bw_reconcile_fn fn, struct bw_kube_object *o, void *ctl,
				   void (*look)(const struct bw_kube_request *r, void *arg),
				   void *arg)
{
	bw_autofree char *text = NULL;
	struct bw_plan *plan = NULL;
	struct bw_err err = { 0 };
	size_t n = 0;
	int r;

	assert(bw_plan_new(&plan, &err) == 0);
	r = fn(o->namespace, o->name, o, plan, ctl, &err);
	assert(r == 0 || *err.msg);
	for (const struct bw_plan_step *s = plan->first; r == 0 && s; s = s->next) {
		const struct bw_kube_request *q = &s->request;
		bw_autojson struct cJSON *body = NULL;

		assert(++n < WORLD_STEPS_MAX);
		if (s->is_event || s->is_exec)
			continue;
		assert(!q->body || bw_json_parse(q->body, q->body_size, &body, NULL) == 0);
		look(q, arg);
	}
	/* One that has failed on purpose is an error too: a pool that cannot be read, say. */
	if (r == 0 && !plan->failed)
		assert(bw_plan_print(plan, &text, NULL) == 0);
	bw_plan_free(&plan);
}
