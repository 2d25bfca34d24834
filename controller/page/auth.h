/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may see the page: bearer tokens, by TokenReview and SubjectAccessReview. What the server said
 * is remembered for a short time by the token's SHA-256; a token itself is kept nowhere and never
 * logged.
 */
#pragma once

#include <bw/defs.h>
#include <bw/list.h>

struct bw_err;
struct bw_kube_client;
struct bw_loop;
struct bw_metrics;
struct page_auth;

#define PAGE_TOKEN_MAX 16384 /* bytes */
#define PAGE_ALLOWED_MAX 128 /* tokens that are remembered, with those that are refused apart: */
#define PAGE_REFUSED_MAX 256 /* whoever sends garbage pushes nobody out */
#define PAGE_REVIEWS_MAX 8 /* at once */
#define PAGE_ALLOWED_S 60
#define PAGE_REFUSED_S 10

enum page_verdict {
	PAGE_ASKING, /* the waiter's .decided comes */
	PAGE_ALLOWED,
	PAGE_UNKNOWN, /* 401: no token, or none that the server knows */
	PAGE_FORBIDDEN, /* 403: may not get Units */
	PAGE_BUSY, /* 503: too many reviews at once */
	PAGE_UNDECIDED, /* 503: no review could be made */
	PAGE_VERDICT_MAX_,
};
const char *page_verdict_str(enum page_verdict v);

/* Lives in its owner. */
struct page_waiter {
	struct bw_list node;
	void (*decided)(enum page_verdict v, void *arg);
	void *arg;
};

/* An empty memory. 0; -ENOMEM. */
int page_auth_new(struct bw_loop *loop, struct bw_kube_client *client, struct bw_metrics *metrics,
		  struct page_auth **ret, struct bw_err *err);
/* Cancels reviews; nobody waits any more. NULL-safe. */
void page_auth_free(struct page_auth **a);

/**
 * page_auth_ask() - whether a request may be answered
 * @header: of Authorization; NULL = none
 * @w: initialised list node; used when the answer is PAGE_ASKING
 *
 * One review is made for all that come with one token meanwhile.
 */
enum page_verdict page_auth_ask(struct page_auth *a, const char *header, struct page_waiter *w);

/* Everyone who waits is told PAGE_UNDECIDED. NULL-safe. */
void page_auth_end(struct page_auth *a);

/* Nobody waits for it any more. */
static inline void page_waiter_stop(struct page_waiter *w)
{
	bw_list_del(&w->node);
}
