/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The runtime: one loop, one client, a store for each kind that is watched, and controllers, each a
 * work queue over the keys of one kind and a reconcile.
 *
 * I1 A key is never reconciled twice at once; what comes meanwhile runs it once more.
 * I2 "Ready at" and "failure back-off" are two things: an event never shortens a back-off, but a
 *    change of the object's own spec or a fact (BW_KEY_FACT) ends it once.
 * I3 Without leadership stores are filled and queues stand still; safety never depends on it.
 */
#pragma once

#include <bw/defs.h>
#include <bw/kube_plan.h>
#include <bw/kube_store.h>

struct bw_err;
struct bw_controller;
struct bw_kube_events;
struct bw_kube_keep;
struct bw_kube_runtime;
struct bw_loop;
struct bw_metrics;

/**
 * bw_kube_runtime_new() - a runtime without stores and controllers
 * @loop: borrowed for the runtime's life, as @client
 * @manager: field manager, and who tells Events; copied
 * @ret: owned by the caller, freed by bw_kube_runtime_free()
 *
 * Return: 0; -ENOMEM.
 */
int bw_kube_runtime_new(struct bw_loop *loop, struct bw_kube_client *client, const char *manager,
			struct bw_kube_runtime **ret, struct bw_err *err);
/* Cancels what is in flight. NULL-safe. */
void bw_kube_runtime_free(struct bw_kube_runtime **rt);
/*
 * What all jitter comes from: equal seeds and inputs give equal runs. To be called before watches
 * and controllers are added; without it the seed is made of the loop's clocks.
 */
void bw_kube_runtime_seed(struct bw_kube_runtime *rt, uint64_t seed);
/* The runtime's own; borrowed. */
struct bw_metrics *bw_kube_runtime_metrics(struct bw_kube_runtime *rt);
struct bw_kube_events *bw_kube_runtime_events(struct bw_kube_runtime *rt);
struct bw_loop *bw_kube_runtime_loop(const struct bw_kube_runtime *rt);
struct bw_kube_client *bw_kube_runtime_client(const struct bw_kube_runtime *rt);
/* Of the calls and plans: nothing runs, nothing is due, no write waits to become visible. */
int bw_kube_runtime_idle(const struct bw_kube_runtime *rt);
/*
 * Whether every store is synced and was fresh within five minutes (a bookmark a minute); the
 * first that was not is named in @ret_why (at most @size bytes, "" when all are), with what the
 * server said last.
 */
int bw_kube_runtime_ready(const struct bw_kube_runtime *rt, char *ret_why, size_t size);

struct bw_kube_watch_options {
	const char *namespace; /* NULL = all */
	const char *field_selector;
	const char *label_selector;
	/*
	 * What of each object the cache has; static. NULL keeps everything but managedFields and
	 * last-applied. A change of anything else is none: no handler hears of it.
	 */
	const struct bw_kube_keep *keep;
};

/**
 * bw_kube_runtime_watch() - begin to list and watch a kind
 * @rt: runtime
 * @kind: static
 * @opts: copied; NULL = all objects, whole
 * @ret: the runtime's; indexes and handlers are to be added before the loop runs
 *
 * The first request goes out 20 ms after that of the watch before it.
 * Return: 0; -ENOMEM.
 */
int bw_kube_runtime_watch(struct bw_kube_runtime *rt, const struct bw_kube_kind *kind,
			  const struct bw_kube_watch_options *opts, struct bw_kube_store **ret,
			  struct bw_err *err);

/**
 * bw_kube_runtime_resync() - list every kind anew, as the newest there is
 * @rt: runtime
 * @fn: called once, from the loop, when every store that had been read shows a list that was begun
 *	after this; NULL = nobody waits for it. A later call takes its place.
 *
 * For who is told that etcd was restored: a watch that finds the server again when its revisions
 * have caught up goes on, and its store keeps what never was. Until then stores stay readable (I1
 *of <bw/kube_store.h>); the lists begin within half a second. May be called from any callback.
 */
void bw_kube_runtime_resync(struct bw_kube_runtime *rt, void (*fn)(void *arg), void *arg);

/* @o is NULL when the object is gone. Fills @plan; -errno counts as a failure of the key. */
typedef int (*bw_reconcile_fn)(const char *namespace, const char *name, struct bw_kube_object *o,
			       struct bw_plan *plan, void *arg, struct bw_err *err);

struct bw_controller_options {
	const char *name; /* in metrics and logs */
	struct bw_kube_store *primary;
	bw_reconcile_fn reconcile;
	void *arg;
	unsigned int max_running; /* keys at once; 0 = 8 */
	unsigned int deadline_ms; /* for one run of a key with its writes; 0 = 60,000 */
	/* Stores that must be synced before the first reconcile, besides the primary; NULL ends. */
	struct bw_kube_store *const *wait_for;
};
/**
 * bw_controller_new() - a work queue over the keys of one store
 * @rt: runtime
 * @opts: copied, but the stores and .arg are borrowed for the runtime's life
 * @ret: the runtime's
 *
 * Return: 0; -ENOMEM.
 */
int bw_controller_new(struct bw_kube_runtime *rt, const struct bw_controller_options *opts,
		      struct bw_controller **ret, struct bw_err *err);

enum bw_key_cause {
	BW_KEY_INITIAL, /* first list, resync: the least urgent */
	BW_KEY_DEPENDENT, /* something it depends on changed */
	BW_KEY_OBJECT, /* the object changed */
	BW_KEY_FACT, /* what it waited for has come: ends a back-off once */
};
/* Asks for a reconcile. -ENOMEM. */
int bw_controller_enqueue(struct bw_controller *c, const char *namespace, const char *name,
			  enum bw_key_cause cause);
int bw_controller_enqueue_after(struct bw_controller *c, const char *namespace, const char *name,
				int64_t ms);

/*
 * Queues run only while leading; a runtime begins without. Plans under way end with the request
 * that is in flight: what is left of them is done by the next leader.
 */
void bw_kube_runtime_lead(struct bw_kube_runtime *rt, int leading);
/*
 * Stops intake; @fn when running plans have ended and events are sent, or @deadline_ms passed. The
 * Lease is given up after that, never before.
 */
void bw_kube_runtime_stop(struct bw_kube_runtime *rt, int64_t deadline_ms, void (*fn)(void *arg),
			  void *arg);
