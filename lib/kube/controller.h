/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A controller's inside: keys, the plan that a key runs, and what it waits for afterwards.
 * controller.c queues, run.c executes plans, gate.c waits until writes are visible.
 */
#pragma once

#include <bw/kube_controller.h>
#include <bw/kube_event.h>
#include <bw/kube_metrics.h>
#include <bw/list.h>
#include <bw/loop.h>

#include "plan.h"
#include "queue.h"
#include "reflector.h"

#define BW_CONTROLLER_RUNNING 8 /* keys at once */
#define BW_CONTROLLER_DEADLINE_MS 60000 /* for one run of a key */
#define BW_GATE_LIMIT_NS 10000000000LL /* KEP-5647's idea: then one live GET */
#define BW_STREAK_MAX 10 /* runs in a row that write before each one waits longer */

/* Something that must be visible in the cache before its key runs again. */
enum bw_gate_type {
	BW_GATE_RV, /* the store has seen .rv */
	BW_GATE_GONE, /* the object with .uid is gone or being deleted */
	BW_GATE_PRESENT, /* there is such an object */
	BW_GATE_CHANGED, /* the object is no longer at .rv */
};

struct bw_gate {
	enum bw_gate_type type;
	struct bw_kube_store *store;
	const char *namespace; /* texts are the key's, see bw_controller_key.gate_text */
	const char *name;
	char rv[BW_KUBE_RV_MAX + 1];
	char uid[BW_KUBE_UID_MAX + 1];
};

struct bw_controller_key {
	struct bw_kube_item item; /* first */
	struct bw_controller *c;
	struct bw_plan *plan; /* while it runs */
	struct bw_plan_step *step; /* the next one */
	struct bw_plan *gate_text; /* the plan before: the gates' texts are in it */
	struct bw_kube_call call; /* of a step, or of a gate's GET */
	struct bw_kube_podexec exec; /* of a step */
	struct bw_timer deadline;
	struct bw_list gated; /* in .c->gated */
	struct bw_gate *gates;
	size_t n_gates;
	size_t cap_gates;
	int64_t gate_at; /* when the gate has lasted too long */
	int64_t generation; /* of the object that the run, or the parking, was for */
	char uid[BW_KUBE_UID_MAX + 1];
	unsigned int streak; /* runs in a row that changed something */
	uint8_t calling;
	uint8_t getting; /* the call is a gate's */
	uint8_t deleting;
	uint8_t wrote; /* this run has changed something */
};

struct bw_controller_counters {
	struct bw_metric *success;
	struct bw_metric *error;
	struct bw_metric *requeue;
	struct bw_metric *requeue_after;
	struct bw_metric *errors;
	struct bw_metric *terminal;
	struct bw_metric *timeouts;
	struct bw_metric *gate_timeouts;
	struct bw_metric *time;
	struct bw_metric *queued;
	struct bw_metric *worked;
	struct bw_metric *gated;
};

struct bw_controller {
	struct bw_controller *next; /* of the runtime, in the order they were made */
	struct bw_kube_runtime *rt;
	char *name;
	struct bw_kube_store *primary;
	bw_reconcile_fn reconcile;
	void *arg;
	unsigned int max_running;
	int64_t deadline_ns;
	struct bw_kube_store **wait_for; /* NULL ends */
	struct bw_kube_queue queue;
	struct bw_list gated; /* keys that wait for the cache */
	uint8_t lost; /* a change could not be queued: all keys are asked for again */
	struct bw_defer pump;
	struct bw_timer timer; /* the queue's next */
	struct bw_timer gate_timer;
	struct bw_controller_counters count;
};

struct bw_kube_watcher {
	struct bw_kube_watcher *next;
	struct bw_kube_store *store;
	struct bw_kube_reflector reflector;
};

struct bw_kube_runtime {
	struct bw_loop *loop;
	struct bw_kube_client *client;
	char *manager;
	uint64_t seed;
	struct bw_kube_watcher *watchers;
	struct bw_controller *controllers;
	struct bw_metrics *metrics;
	struct bw_kube_events *events;
	struct bw_defer progress; /* gates are looked at */
	struct bw_defer resync;
	void (*resynced)(void *arg);
	void *resynced_arg;
	struct bw_timer stop_timer;
	struct bw_defer stop_defer;
	void (*stopped)(void *arg);
	void *stopped_arg;
	unsigned int n_watchers;
	unsigned int n_controllers;
	uint8_t leading;
	uint8_t stopping;
	uint8_t told;
	uint8_t resyncing; /* .resynced has not been told */
};

/* runtime.c */
/* Whether plans may run and go on. */
int bw_kube_runtime_may_run(const struct bw_kube_runtime *rt);
/* A key has ended: a runtime that stops may be done. */
void bw_kube_runtime_check_stop(struct bw_kube_runtime *rt);
/* The watcher of a kind whose store would show that object; NULL = none does. */
struct bw_kube_watcher *bw_kube_runtime_watcher(const struct bw_kube_runtime *rt,
						const struct bw_kube_watcher *after,
						const struct bw_kube_kind *kind,
						const char *namespace);

/* controller.c */
void bw_controller_free(struct bw_controller **c);
void bw_controller_pump(struct bw_controller *c);
/* Forgets the key when there is nothing to remember of it. */
void bw_controller_settle(struct bw_controller *c, struct bw_controller_key *k);

/* run.c */
void bw_controller_run(struct bw_controller_key *k);
/* Forgets what is in flight. */
void bw_controller_hang_up(struct bw_controller_key *k);
/* Ends a run that is under way, as when leadership was lost. */
void bw_controller_break_off(struct bw_controller_key *k);

/* gate.c */
/* Room for everything that @n writes could have to wait for. 0; -ENOMEM. */
int bw_gate_reserve(struct bw_controller_key *k, size_t n);
/* Remembers what the answer to a write must make visible. Returns whether it changed anything. */
int bw_gate_note(struct bw_controller_key *k, const struct bw_plan_step *s,
		 const struct bw_kube_answer *a);
/* After a run: holds the key until its gates are open. */
void bw_gate_close(struct bw_controller_key *k);
/* Something is visible: opens what can be opened. */
void bw_gate_look(struct bw_controller *c);
void bw_gate_on_time(void *arg);
