/* SPDX-License-Identifier: Apache-2.0 */
/* A plan's inside, for the controller that runs it. */
#pragma once

#include <bw/kube_event.h>
#include <bw/kube_plan.h>
#include <bw/kube_store.h>

#define BW_PLAN_STEPS_MAX 4096
#define BW_PLAN_NOTE_MAX 1024 /* bytes of an event's note; events.k8s.io/v1 */

struct bw_plan_block;

struct bw_plan_step {
	struct bw_plan_step *next;
	uint8_t is_event;
	uint8_t is_exec;
	struct bw_kube_podexec_request exec; /* a command; texts are the plan's */
	bw_plan_exec_fn exec_done;
	struct bw_kube_request request; /* a write; texts are the plan's */
	bw_plan_done_fn done;
	void *arg;
	char seen_rv[BW_KUBE_RV_MAX + 1]; /* what the cache had of the object; "" = nothing */
	struct bw_kube_about about; /* .kind NULL = the object that is reconciled */
	enum bw_event_type type;
	const char *reason;
	const char *note;
};

struct bw_plan {
	struct bw_plan_block *blocks;
	struct bw_plan_step *first;
	struct bw_plan_step **end;
	size_t steps;
	size_t writes;
	size_t execs;
	int64_t requeue_ms; /* -1 = not asked for */
	int failed; /* -errno of what could not be appended */
};

const char *bw_event_type_str(enum bw_event_type type);
