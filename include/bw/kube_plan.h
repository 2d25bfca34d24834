/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a reconcile wants done: writes and commands in an order, events, and when to look again. A
 * reconcile does no I/O; the controller runs its plan and calls it again when the writes are
 * visible.
 *
 * I1 Steps run in order, one at a time; the first that fails ends the plan, unless its own .done
 *    says otherwise. Plans of different keys run side by side.
 * I2 A key is not reconciled before the store has seen every resourceVersion its plan's writes
 *    returned (read your writes), at most 10 s; then one live GET.
 */
#pragma once

#include <bw/defs.h>
#include <bw/kube_client.h>
#include <bw/kube_podexec.h>

struct bw_err;
struct bw_plan;

enum bw_plan_next {
	BW_PLAN_GO_ON, /* the next step */
	BW_PLAN_DONE, /* leave the rest out; the plan succeeded */
	BW_PLAN_AGAIN, /* leave the rest out; reconcile again at once, no back-off */
	BW_PLAN_FAIL, /* leave the rest out; reconcile again after the back-off */
	BW_PLAN_PARK, /* leave the rest out; reconcile again when the spec changes or a fact comes
		       */
};

/*
 * Decides what an answer means. NULL: OK goes on, NOT_FOUND of a DELETE too, INVALID parks the key
 * until its object's spec changes or a fact comes, else FAIL. THROTTLED is never shown to it: the
 * server has done nothing, the plan is made again after the server's wish and that is no failure.
 */
typedef enum bw_plan_next (*bw_plan_done_fn)(const struct bw_kube_answer *a, void *arg);

/**
 * bw_plan_write() - append a write
 * @p: plan
 * @r: copied, texts and body too
 * @done: judges the answer; may be NULL
 * @arg: for @done; must outlive the plan (a key's own state, or memory of bw_plan_alloc())
 *
 * A failed allocation is remembered and reported when the plan is run.
 */
void bw_plan_write(struct bw_plan *p, const struct bw_kube_request *r, bw_plan_done_fn done,
		   void *arg);

/* As bw_plan_done_fn, of a command: NULL goes on after status 0 and fails otherwise. */
typedef enum bw_plan_next (*bw_plan_exec_fn)(const struct bw_kube_podexec_answer *a, void *arg);

/**
 * bw_plan_exec() - append a command in a container
 * @p: plan
 * @r: copied, with its texts; it has no input and wants none (no .input, no flags)
 * @done: judges the answer; may be NULL
 * @arg: as of bw_plan_write()
 *
 * It is no write: nothing has to become visible before the key runs again. Whoever wants the answer
 * to count asks for another run (BW_PLAN_AGAIN) and remembers it until then. A crash forgets it, so
 * the command must be one that can be repeated.
 */
void bw_plan_exec(struct bw_plan *p, const struct bw_kube_podexec_request *r, bw_plan_exec_fn done,
		  void *arg);

/* Zeroed memory that lives as long as the plan; NULL when out of memory. */
void *bw_plan_alloc(struct bw_plan *p, size_t size);

enum bw_event_type {
	BW_EVENT_NORMAL,
	BW_EVENT_WARNING,
};

/*
 * A step that tells of the object that is reconciled, or of @o: an Event, when all steps before it
 * went on. Equal ones are merged; never blocks.
 */
struct bw_kube_object;
void bw_plan_event(struct bw_plan *p, const struct bw_kube_object *o, enum bw_event_type type,
		   const char *reason, const char *fmt, ...) BW_PRINTF(5, 6);

/* Look again in @ms, whatever else happens; the soonest of several counts. */
void bw_plan_requeue_after(struct bw_plan *p, int64_t ms);

/**
 * bw_plan_print() - the plan as one JSON line a step, for golden tests and dry runs
 * @p: plan
 * @ret: owned by the caller, freed by free(); "" for a plan that wants nothing
 *
 * Return: 0; -ENOMEM; -E2BIG a plan of too many steps.
 */
int bw_plan_print(const struct bw_plan *p, char **ret, struct bw_err *err);

/* An empty plan, owned by the caller. 0; -ENOMEM. */
int bw_plan_new(struct bw_plan **ret, struct bw_err *err);
/* With all that bw_plan_alloc() gave. NULL-safe. */
void bw_plan_free(struct bw_plan **p);
