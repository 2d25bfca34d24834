/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A runtime whose stores hold what a test says, on a real loop or a virtual one: a client that
 * answers watches with the objects it is fed, and reviews of tokens by what the token is called.
 * Include it in one file of a program.
 */
#pragma once

#include <stdio.h>
#include <string.h>

#include <bw/buf.h>
#include <bw/err.h>
#include <bw/kube_client.h>
#include <bw/kube_controller.h>
#include <bw/loop.h>
#include <bw/view_map.h>
#include <gen/db.h>
#include <gen/k8s.h>
#include <gen/net.h>

#include "page.h"

#define FEED_STORES 7
#define FEED_REVIEWS_MAX 32

struct feed_review {
	struct bw_kube_call *call;
	char *body;
	char plural[32];
};

struct feed {
	struct bw_kube_client client; /* first */
	struct bw_loop *loop;
	struct bw_kube_runtime *rt;
	struct bw_kube_call *watches[FEED_STORES];
	struct feed_review reviews[FEED_REVIEWS_MAX]; /* that wait for an answer */
	size_t n_reviews;
	unsigned int asked; /* calls but the watches, ever */
	uint8_t hold; /* reviews are not answered */
	uint8_t deny; /* we may not review */
	struct bw_defer answer;
	struct bw_kube_store *st[FEED_STORES];
	unsigned int rv;
};

static const struct bw_kube_kind *const feed_kinds[FEED_STORES] = {
	&bw_kind_unit,           &bw_kind_networkclaim,       &bw_kind_networkpool,
	&bw_kind_networkaddress, &bw_kind_networkreservation, &bw_kind_node,
	&bw_kind_nodenetwork,
};

static inline size_t feed_index(const char *plural)
{
	for (size_t i = 0; i < FEED_STORES; i++)
		if (strcmp(feed_kinds[i]->plural, plural) == 0)
			return i;
	return FEED_STORES;
}

static inline int feed_start(struct bw_kube_client *c, const struct bw_kube_request *r,
			     struct bw_kube_call *call, struct bw_err *err)
{
	struct feed *f = (struct feed *)c;
	size_t i = r->kind ? feed_index(r->kind->plural) : FEED_STORES;

	if (r->verb == BW_KUBE_WATCH && i < FEED_STORES) {
		f->watches[i] = call;
		return 0;
	}
	f->asked++;
	if (r->verb != BW_KUBE_CREATE || f->n_reviews == FEED_REVIEWS_MAX)
		return bw_fail(err, EIO, "not fed");
	f->reviews[f->n_reviews].body = strdup(r->body);
	if (!f->reviews[f->n_reviews].body)
		return bw_fail(err, ENOMEM, "ask");
	f->reviews[f->n_reviews].call = call;
	(void)snprintf(f->reviews[f->n_reviews].plural, 32, "%s", r->kind->plural);
	f->n_reviews++;
	bw_defer_call(&f->answer);
	return 0;
}

static inline void feed_cancel(struct bw_kube_call *call)
{
	struct feed *f = (struct feed *)call->client;

	for (size_t i = 0; i < FEED_STORES; i++)
		if (f->watches[i] == call)
			f->watches[i] = NULL;
	for (size_t i = 0; i < f->n_reviews; i++)
		if (f->reviews[i].call == call)
			f->reviews[i].call = NULL;
}

static inline void feed_free_client(struct bw_kube_client *c)
{
	(void)c;
}

static const struct bw_kube_client_ops feed_ops = { .start = feed_start,
						    .cancel = feed_cancel,
						    .free = feed_free_client };

/* Tokens: good..., weak... (without the right); all others are nobody's. */
static inline const char *feed_verdict(const struct feed_review *r)
{
	if (strcmp(r->plural, "tokenreviews") != 0)
		return strstr(r->body, "\"user\":\"weak\"") ? "{\"status\":{\"allowed\":false}}"
							    : "{\"status\":{\"allowed\":true}}";
	if (strstr(r->body, "\"token\":\"good"))
		return "{\"status\":{\"authenticated\":true,\"user\":{\"username\":\"good\","
		       "\"groups\":[\"a\",\"b\"],\"extra\":{\"k\":[\"v\"]}}}}";
	if (strstr(r->body, "\"token\":\"weak"))
		return "{\"status\":{\"authenticated\":true,\"user\":{\"username\":\"weak\"}}}";
	return "{\"status\":{\"authenticated\":false,\"error\":\"not known\"}}";
}

static inline void feed_answer(void *arg)
{
	struct feed *f = arg;

	while (f->n_reviews && !f->hold) {
		struct feed_review r = f->reviews[0];
		const char *body = f->deny ? "{}" : feed_verdict(&r);
		struct bw_kube_answer a = { .result = f->deny ? BW_KUBE_FORBIDDEN : BW_KUBE_OK,
					    .http = f->deny ? 403 : 201,
					    .reason = "",
					    .message = "",
					    .body = body,
					    .body_size = strlen(body) };

		memmove(f->reviews, f->reviews + 1, --f->n_reviews * sizeof(r));
		if (r.call) {
			r.call->client = NULL;
			r.call->done(&a, r.call->arg);
		}
		free(r.body);
	}
}

/* One object comes, changes or goes: @type as in a watch. 0; -ENOENT nobody watches that. */
static inline int feed_event(struct feed *f, const char *plural, const char *type,
			     const char *object)
{
	bw_autobuf struct bw_buf line = { 0 };
	size_t i = feed_index(plural);

	if (i == FEED_STORES || !f->watches[i])
		return -ENOENT;
	if (bw_buf_printf(&line, "{\"type\":\"%s\",\"object\":", type) < 0 ||
	    bw_buf_append(&line, object, strlen(object)) < 0 || bw_buf_append(&line, "}\n", 2) < 0)
		return -ENOMEM;
	return f->watches[i]->data(line.data, line.size, f->watches[i]->arg);
}

/* All that was there has come. */
static inline void feed_sync(struct feed *f)
{
	char line[256];

	for (size_t i = 0; i < FEED_STORES; i++) {
		(void)snprintf(line, sizeof(line),
			       "{\"type\":\"BOOKMARK\",\"object\":{\"metadata\":{"
			       "\"resourceVersion\":\"%u\",\"annotations\":{"
			       "\"k8s.io/initial-events-end\":\"true\"}}}}\n",
			       1000000 + f->rv++);
		if (f->watches[i])
			(void)f->watches[i]->data(line, strlen(line), f->watches[i]->arg);
	}
}

static inline int feed_ready(const struct feed *f)
{
	for (size_t i = 0; i < FEED_STORES; i++)
		if (!f->watches[i])
			return 0;
	return 1;
}

/* Steps until everything is watched. */
static inline int feed_wait(struct feed *f)
{
	for (unsigned int i = 0; i < 10000 && !feed_ready(f); i++)
		if (bw_loop_step(f->loop, 100, INT64_MAX, NULL) < 0)
			return -EIO;
	return feed_ready(f) ? 0 : -EIO;
}

static inline int feed_init(struct feed *f, struct bw_err *err)
{
	int r;

	f->client.ops = &feed_ops;
	bw_defer_init(&f->answer, f->loop, feed_answer, f);
	r = bw_kube_runtime_new(f->loop, &f->client, "page", &f->rt, err);
	for (size_t i = 0; r == 0 && i < FEED_STORES; i++)
		r = bw_kube_runtime_watch(f->rt, feed_kinds[i], NULL, &f->st[i], err);
	return r;
}

static inline void feed_done(struct feed *f)
{
	bw_kube_runtime_free(&f->rt);
	bw_defer_stop(&f->answer);
	for (size_t i = 0; i < f->n_reviews; i++)
		free(f->reviews[i].body);
	bw_loop_free(&f->loop);
}

struct feed_fill {
	struct bw_map *map;
	const struct bw_net_pool *pool;
};

static inline int feed_mark(struct bw_kube_object *o, void *arg)
{
	BW_CLEANUP(bw_net_address_done) struct bw_net_address a = { 0 };
	const struct feed_fill *f = arg;

	if (bw_net_address_decode(o->text, o->size, &a, NULL) == 0)
		bw_map_put_address(f->map, f->pool, &a);
	return 0;
}

static inline int feed_reserve(struct bw_kube_object *o, void *arg)
{
	BW_CLEANUP(bw_net_reservation_done) struct bw_net_reservation v = { 0 };
	const struct feed_fill *f = arg;

	if (bw_net_reservation_decode(o->text, o->size, &v, NULL) == 0)
		bw_map_put_reservation(f->map, f->pool, &v);
	return 0;
}

static inline void feed_fill(struct bw_map *map, const struct bw_net_pool *pool, void *arg)
{
	struct feed *f = arg;
	struct feed_fill to = { map, pool };

	(void)bw_kube_store_each(f->st[4], NULL, feed_reserve, &to);
	(void)bw_kube_store_each(f->st[3], NULL, feed_mark, &to);
}

static inline struct page_options feed_options(struct feed *f)
{
	return (struct page_options){ .loop = f->loop,
				      .rt = f->rt,
				      .client = &f->client,
				      .st = { f->st[0], f->st[1], f->st[2], f->st[3], f->st[4],
					      f->st[5], f->st[6] },
				      .address = "127.0.0.1:0",
				      .self = "barewire-controller-0",
				      .fill = feed_fill,
				      .arg = f };
}
