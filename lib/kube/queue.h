/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A work queue over keys (namespace, name): when a key is ready and how long it is held back after
 * failures are two things. No clock of its own: every call says what time it is.
 *
 * I1 A key that runs is not taken again; what is asked for meanwhile runs once more afterwards.
 * I2 Asking never shortens a back-off. bw_kube_queue_fact() ends one, and the failures stay
 *    counted: they rise only when an attempt after the whole back-off has failed.
 * I3 No key starves: one less urgent is taken when it has waited BW_KUBE_QUEUE_*_LATER_NS longer.
 */
#pragma once

#include <bw/defs.h>
#include <bw/kube_controller.h>

#include "rand.h"
#include "tree.h"

#define BW_KUBE_QUEUE_BASE_NS 10000000LL /* the first back-off */
#define BW_KUBE_QUEUE_CAP_NS 300000000000LL /* the longest, before the jitter of a fifth */
#define BW_KUBE_QUEUE_DEPENDENT_LATER_NS 1000000000LL
#define BW_KUBE_QUEUE_INITIAL_LATER_NS 10000000000LL
#define BW_KUBE_NEVER INT64_MAX

/* First member of a key's owner, who allocates it. Zeroed, then bw_kube_queue_join(). */
struct bw_kube_item {
	struct bw_kube_node node;
	const char *namespace; /* "" = cluster-scoped */
	const char *name;
	int64_t ready_at; /* asked for; BW_KUBE_NEVER = nobody asks */
	int64_t not_before; /* held back after failures until then */
	int64_t backoff_until; /* what not_before was before a fact ended it */
	int64_t started_at;
	int64_t due_at;
	int64_t order; /* among those that wait or that are due: smallest first, then seq */
	uint64_t seq;
	size_t place; /* in its heap + 1; 0 = in none */
	struct bw_kube_heap *heap;
	enum bw_key_cause cause; /* the most urgent one that was asked with */
	unsigned int failures;
	uint8_t running;
	uint8_t held; /* not to be taken until bw_kube_queue_release() */
	uint8_t parked; /* a terminal error: not to be taken until bw_kube_queue_unpark() */
	uint8_t fresh; /* a fact came while it ran */
};

struct bw_kube_heap {
	struct bw_kube_item **items;
	size_t n;
	size_t cap;
};

struct bw_kube_queue {
	struct bw_kube_tree keys;
	struct bw_kube_heap waiting; /* by the time they become due */
	struct bw_kube_heap due; /* by due_at and what their cause adds */
	struct bw_kube_rand rand;
	uint64_t seq;
	uint64_t adds;
	uint64_t retries;
	unsigned int running;
};

enum bw_kube_queue_end {
	BW_KUBE_QUEUE_OK, /* the failures are forgotten */
	BW_KUBE_QUEUE_FAILED, /* once more after the back-off */
	BW_KUBE_QUEUE_BROKEN_OFF, /* once more at once; neither a success nor a failure */
	BW_KUBE_QUEUE_END_MAX_,
};

void bw_kube_queue_init(struct bw_kube_queue *q, uint64_t seed);
/* Forgets all keys; their owner frees them, by bw_kube_queue_first() and bw_kube_queue_leave(). */
void bw_kube_queue_done(struct bw_kube_queue *q);

/* NULL = no such key. */
struct bw_kube_item *bw_kube_queue_find(const struct bw_kube_queue *q, const char *namespace,
					const char *name);
struct bw_kube_item *bw_kube_queue_first(const struct bw_kube_queue *q);

/* @item->namespace and ->name are set and live as long as it does. 0; -ENOMEM; -EEXIST. */
int bw_kube_queue_join(struct bw_kube_queue *q, struct bw_kube_item *item);
void bw_kube_queue_leave(struct bw_kube_queue *q, struct bw_kube_item *item);

/* Whether nothing is remembered of the key that a new one would not have. */
int bw_kube_queue_idle(const struct bw_kube_item *item);

/* Asks for a run at @at or sooner, when somebody asked for that. */
void bw_kube_queue_ask(struct bw_kube_queue *q, struct bw_kube_item *item, enum bw_key_cause cause,
		       int64_t at, int64_t now);
/* What the key waited for has come: a back-off ends, once. */
void bw_kube_queue_fact(struct bw_kube_queue *q, struct bw_kube_item *item, int64_t now);

/* The most urgent key that is due, running from now on; NULL = none is. */
struct bw_kube_item *bw_kube_queue_take(struct bw_kube_queue *q, int64_t now);
void bw_kube_queue_end(struct bw_kube_queue *q, struct bw_kube_item *item,
		       enum bw_kube_queue_end end, int64_t now);

void bw_kube_queue_hold(struct bw_kube_queue *q, struct bw_kube_item *item);
void bw_kube_queue_release(struct bw_kube_queue *q, struct bw_kube_item *item, int64_t now);
void bw_kube_queue_park(struct bw_kube_queue *q, struct bw_kube_item *item);
void bw_kube_queue_unpark(struct bw_kube_queue *q, struct bw_kube_item *item, int64_t now);

/* When bw_kube_queue_take() will have one; @now = at once, BW_KUBE_NEVER = nobody waits. */
int64_t bw_kube_queue_next(struct bw_kube_queue *q, int64_t now);
/* How many are due. */
size_t bw_kube_queue_depth(struct bw_kube_queue *q, int64_t now);

/* What a scrape asks. */
struct bw_kube_queue_stat {
	size_t due; /* but those of a first list */
	size_t due_initial; /* those */
	int64_t unfinished_ns; /* how long all that run have been running, together */
	int64_t longest_ns; /* the one that runs longest */
};
void bw_kube_queue_look(struct bw_kube_queue *q, int64_t now, struct bw_kube_queue_stat *ret);
