/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A scripted API server on a virtual loop: it remembers what was asked and answers when the test
 * says so, with what the test says. Include it in one file of a program.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <bw/buf.h>
#include <bw/err.h>
#include <bw/kube_client.h>
#include <bw/loop.h>

#define FAKE_CALLS_MAX 512
#define FAKE_TEXT_MAX 512
#define FAKE_START_NS 1000000000000LL
#define FAKE_REAL_S 1790000000LL
#define MS 1000000LL
#define S 1000000000LL

enum fake_state {
	FAKE_FREE,
	FAKE_WAITING,
	FAKE_ANSWERED,
	FAKE_CANCELLED,
};

struct fake_call {
	struct bw_kube_call *call;
	enum fake_state state;
	enum bw_kube_verb verb;
	unsigned int flags;
	unsigned int limit;
	unsigned int timeout_ms;
	int64_t at_ns;
	char plural[64];
	char namespace[64];
	char name[254];
	char sub[32];
	char rv[32];
	char match[32];
	char cont[64];
	char uid[64];
	char field[128];
	char body[2 * FAKE_TEXT_MAX];
};

struct fake {
	struct bw_kube_client client; /* first */
	struct bw_loop *loop;
	struct fake_call *calls; /* FAKE_CALLS_MAX of them */
	size_t n;
	int fail_start; /* -errno of the next starts; 0 = they work */
};

static inline void fake_copy(char *to, size_t size, const char *from)
{
	(void)snprintf(to, size, "%s", from ? from : "");
}

static inline int fake_start(struct bw_kube_client *c, const struct bw_kube_request *r,
			     struct bw_kube_call *call, struct bw_err *err)
{
	struct fake *f = (struct fake *)c;
	struct fake_call *k;

	if (f->fail_start)
		return bw_fail(err, -f->fail_start, "start a call");
	assert_true(f->n < FAKE_CALLS_MAX);
	k = &f->calls[f->n++];
	*k = (struct fake_call){ .call = call,
				 .state = FAKE_WAITING,
				 .verb = r->verb,
				 .flags = r->flags,
				 .limit = r->limit,
				 .timeout_ms = r->timeout_ms,
				 .at_ns = bw_loop_now_ns(f->loop) };
	fake_copy(k->plural, sizeof(k->plural), r->kind ? r->kind->plural : NULL);
	fake_copy(k->namespace, sizeof(k->namespace), r->namespace);
	fake_copy(k->name, sizeof(k->name), r->name);
	fake_copy(k->sub, sizeof(k->sub), r->subresource);
	fake_copy(k->rv, sizeof(k->rv), r->resource_version);
	fake_copy(k->match, sizeof(k->match), r->match);
	fake_copy(k->cont, sizeof(k->cont), r->cont);
	fake_copy(k->uid, sizeof(k->uid), r->uid);
	fake_copy(k->field, sizeof(k->field), r->field_selector);
	fake_copy(k->body, sizeof(k->body), r->body);
	return 0;
}

static inline void fake_cancel(struct bw_kube_call *call)
{
	struct fake *f = (struct fake *)call->client;

	for (size_t i = 0; i < f->n; i++)
		if (f->calls[i].call == call && f->calls[i].state == FAKE_WAITING)
			f->calls[i].state = FAKE_CANCELLED;
}

static inline void fake_free(struct bw_kube_client *c)
{
	(void)c;
}

static const struct bw_kube_client_ops fake_ops = { .start = fake_start,
						    .cancel = fake_cancel,
						    .free = fake_free };

static inline void fake_init(struct fake *f)
{
	struct bw_err err = { 0 };

	memset(f, 0, sizeof(*f));
	f->client.ops = &fake_ops;
	f->calls = calloc(FAKE_CALLS_MAX, sizeof(*f->calls));
	assert_non_null(f->calls);
	assert_int_equal(bw_loop_new_virtual(FAKE_START_NS, FAKE_REAL_S, &f->loop, &err), 0);
}

static inline void fake_done(struct fake *f)
{
	bw_loop_free(&f->loop);
	free(f->calls);
	f->calls = NULL;
}

static inline int64_t fake_now(const struct fake *f)
{
	return bw_loop_now_ns(f->loop);
}

/* Runs what is due within @ns from now; the clock stands there afterwards. */
static inline void fake_run(struct fake *f, int64_t ns)
{
	int64_t until = fake_now(f) + ns;
	unsigned int steps = 0;

	while (bw_loop_step(f->loop, 0, until, NULL) == 1)
		assert_true(++steps < 1000000);
}

/* The oldest call of @verb and @plural (NULL = any) that waits for an answer; NULL = none. */
static inline struct fake_call *fake_peek(struct fake *f, enum bw_kube_verb verb,
					  const char *plural)
{
	for (size_t i = 0; i < f->n; i++)
		if (f->calls[i].state == FAKE_WAITING && f->calls[i].verb == verb &&
		    (!plural || !strcmp(f->calls[i].plural, plural)))
			return &f->calls[i];
	return NULL;
}

/* The same, after what is due now has run; there must be one. */
static inline struct fake_call *fake_next(struct fake *f, enum bw_kube_verb verb,
					  const char *plural)
{
	struct fake_call *k;

	fake_run(f, 0);
	k = fake_peek(f, verb, plural);
	if (!k) {
		fail_msg("no %s of %s is waiting", bw_kube_verb_str(verb), plural ? plural : "any");
		abort(); /* fail_msg() does not return, which the compiler does not know */
	}
	return k;
}

static inline size_t fake_waiting(const struct fake *f)
{
	size_t n = 0;

	for (size_t i = 0; i < f->n; i++)
		n += f->calls[i].state == FAKE_WAITING;
	return n;
}

/* As a client does it: the call is idle when .done runs. */
static inline void fake_say(struct fake_call *k, enum bw_kube_result result, unsigned int retry_ms,
			    const char *message, const char *body)
{
	struct bw_kube_answer a = { .result = result,
				    .retry_ms = retry_ms,
				    .reason = "",
				    .message = message,
				    .body = body ? body : "",
				    .body_size = body ? strlen(body) : 0 };
	struct bw_kube_call *call;

	if (!k)
		abort(); /* fake_peek() has found none */
	call = k->call;
	assert_int_equal(k->state, FAKE_WAITING);
	k->state = FAKE_ANSWERED;
	call->client = NULL;
	call->done(&a, call->arg);
}

static inline void fake_end(struct fake_call *k, enum bw_kube_result result, unsigned int retry_ms,
			    const char *body)
{
	fake_say(k, result, retry_ms, bw_kube_result_str(result), body);
}

/* A piece of a stream; an error of the reader ends the call as a client would. */
static inline int fake_data(struct fake_call *k, const char *text)
{
	int r;

	assert_int_equal(k->state, FAKE_WAITING);
	r = k->call->data(text, strlen(text), k->call->arg);
	if (r < 0)
		fake_end(k, BW_KUBE_UNKNOWN, 0, NULL);
	return r;
}

/* One object of the test's kinds as the server writes it. */
static inline const char *fake_object(char *out, size_t size, const char *namespace,
				      const char *name, unsigned int rv, const char *rest)
{
	char ns[128] = "";

	if (*namespace)
		(void)snprintf(ns, sizeof(ns), "\"namespace\":\"%s\",", namespace);
	(void)snprintf(out, size,
		       "{\"metadata\":{%s\"name\":\"%s\",\"uid\":\"uid-%s\","
		       "\"resourceVersion\":\"%u\",\"generation\":1}%s}",
		       ns, name, name, rv, rest);
	return out;
}

static inline int fake_event(struct fake_call *k, const char *type, const char *namespace,
			     const char *name, unsigned int rv, const char *rest)
{
	char object[FAKE_TEXT_MAX];
	char line[2 * FAKE_TEXT_MAX];

	(void)snprintf(line, sizeof(line), "{\"type\":\"%s\",\"object\":%s}\n", type,
		       fake_object(object, sizeof(object), namespace, name, rv, rest));
	return fake_data(k, line);
}

static inline int fake_bookmark(struct fake_call *k, unsigned int rv, int last)
{
	char line[FAKE_TEXT_MAX];

	(void)snprintf(line, sizeof(line),
		       "{\"type\":\"BOOKMARK\",\"object\":{\"metadata\":{\"resourceVersion\":\"%u\""
		       "%s}}}\n",
		       rv, last ? ",\"annotations\":{\"k8s.io/initial-events-end\":\"true\"}" : "");
	return fake_data(k, line);
}

/* Answers a write with the object it made. */
static inline void fake_wrote(struct fake_call *k, const char *name, unsigned int rv)
{
	char object[FAKE_TEXT_MAX];

	fake_end(k, BW_KUBE_OK, 0, fake_object(object, sizeof(object), k->namespace, name, rv, ""));
}
