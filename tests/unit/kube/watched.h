/* SPDX-License-Identifier: Apache-2.0 */
/* A store and its reflector before a scripted server. */
#pragma once

#include "fake.h"

#include <bw/kube_store.h>

#include "reflector.h"
#include "store.h"

#define UNUSED __attribute__((unused))

static const struct bw_kube_kind pods = { "", "v1", "pods", "Pod", 1 };

struct bed {
	struct fake f;
	struct bw_kube_store *store;
	struct bw_kube_reflector r;
	char log[512]; /* changes: +a ~a -a */
};

static inline void on_change(struct bw_kube_object *old, struct bw_kube_object *now, void *arg)
{
	struct bed *b = arg;
	size_t len = strlen(b->log);

	(void)snprintf(b->log + len, sizeof(b->log) - len, "%c%s ",
		       !old   ? '+'
		       : !now ? '-'
			      : '~',
		       now ? now->name : old->name);
}

static inline void make_with(struct bed *b, const struct bw_kube_watch_options *opts)
{
	struct bw_err err = { 0 };

	memset(b, 0, sizeof(*b));
	fake_init(&b->f);
	assert_int_equal(bw_kube_store_new(b->f.loop, &pods, &b->store, &err), 0);
	assert_int_equal(bw_kube_store_on_change(b->store, on_change, b, &err), 0);
	assert_int_equal(bw_kube_reflector_start(&b->r, b->f.loop, &b->f.client, b->store, opts, 3,
						 fake_now(&b->f), &err),
			 0);
}

static inline void unmake(struct bed *b)
{
	bw_kube_reflector_done(&b->r);
	bw_kube_store_free(&b->store);
	fake_done(&b->f);
}

static inline struct fake_call *watch(struct bed *b)
{
	return fake_next(&b->f, BW_KUBE_WATCH, "pods");
}

static inline struct fake_call *list(struct bed *b)
{
	return fake_next(&b->f, BW_KUBE_LIST, "pods");
}

/* Answers the question how far a server is that was away. */
static inline void probe(struct bed *b, unsigned int rv)
{
	struct fake_call *k = list(b);
	char text[128];

	assert_int_equal(k->limit, 1);
	assert_string_equal(k->rv, "");
	(void)snprintf(text, sizeof(text),
		       "{\"metadata\":{\"resourceVersion\":\"%u\",\"continue\":\"c\"},\"items\":["
		       "{\"any\":1}]}",
		       rv);
	assert_int_equal(fake_data(k, text), 0);
	fake_end(k, BW_KUBE_OK, 0, NULL);
}

/* A store with a and b at resourceVersion 20, the same stream going on. */
static inline struct fake_call *live(struct bed *b)
{
	struct fake_call *k;

	make_with(b, NULL);
	k = watch(b);
	assert_int_equal(fake_event(k, "ADDED", "db", "a", 11, ""), 0);
	assert_int_equal(fake_event(k, "ADDED", "db", "b", 7, ""), 0);
	assert_int_equal(fake_bookmark(k, 20, 1), 0);
	assert_string_equal(b->log, "+a +b ");
	b->log[0] = '\0';
	return k;
}

/* How long after now the next request of @verb goes out. */
static inline int64_t until_next(struct bed *b, enum bw_kube_verb verb)
{
	int64_t from = fake_now(&b->f);

	for (unsigned int i = 0; i < 20000 && !fake_peek(&b->f, verb, NULL); i++)
		fake_run(&b->f, 10 * MS);
	return fake_next(&b->f, verb, NULL)->at_ns - from;
}
