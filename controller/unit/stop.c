/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process of a pod that stays: startup: false stops it in place, true starts it again. Both are
 * commands of barewire-launch in the pod's main container, which may be repeated.
 *
 * S1 A stop is sent only when the status, as the cache has it, says Stopping of this very pod: who
 *    finds the condition Stopped there starts the process, whatever a crash left of the stop.
 * S2 What a command answered is remembered by the pod's UID and may be forgotten: it is asked
 * again.
 */
#include <stdio.h>
#include <string.h>

#include <bw/err.h>

#include "impl.h"
#include "launch.h"

#define STOPPED "Stopped"
#define STOPPING "Stopping"
#define STARTING "Starting"
#define STOP_FAILED "StopFailed"
#define START_FAILED "StartFailed"
#define NO_LAUNCHER "PodWithoutLauncher"

#define CALL_MS 10000 /* for one command; what takes longer is asked for again */
#define POLL_MS 2000 /* a process that takes its time to end */
#define NS_PER_MS 1000000LL
#define WORDS_MAX 5

/* MEMORY */

enum seen {
	SEEN_NOTHING, /* the last command failed; .text says how */
	SEEN_LITTLE, /* it may have been carried out */
	SEEN_RUNNING,
	SEEN_STOPPING,
	SEEN_STOPPED,
};

/* What the last command in a pod said. */
struct unit_told {
	struct bw_list node;
	char uid[BW_KUBE_UID_MAX + 1]; /* of the pod */
	uint8_t stop; /* it was for a stop, else for a start */
	enum seen seen;
	int64_t at_ns;
	char text[256];
};

static struct unit_told *told_of(const struct ctl_unit *c, const char *uid)
{
	bw_list_for_each (i, (struct bw_list *)&c->told) {
		struct unit_told *t = bw_list_entry(i, struct unit_told, node);

		if (strcmp(t->uid, uid) == 0)
			return t;
	}
	return NULL;
}

static void forget(struct ctl_unit *c, struct unit_told *t)
{
	bw_list_del(&t->node);
	free(t);
	c->n_told--;
}

void unit_told_free(struct ctl_unit *c)
{
	bw_list_for_each (i, &c->told)
		forget(c, bw_list_entry(i, struct unit_told, node));
}

static struct unit_told *remember(struct ctl_unit *c, const char *uid)
{
	struct unit_told *t = told_of(c, uid);

	if (t)
		forget(c, t);
	if (c->n_told == UNIT_TOLD_MAX)
		forget(c, bw_list_entry(c->told.next, struct unit_told, node));
	t = calloc(1, sizeof(*t));
	if (!t)
		return NULL;
	(void)snprintf(t->uid, sizeof(t->uid), "%s", uid); /* bounded, ignoring */
	t->at_ns = bw_loop_now_ns(c->loop);
	bw_list_add_tail(&c->told, &t->node);
	c->n_told++;
	return t;
}

/* COMMANDS */

struct call {
	struct ctl_unit *c;
	char uid[BW_KUBE_UID_MAX + 1]; /* of the pod */
	uint8_t stop; /* what is wanted */
	uint8_t stopping; /* the command was stop itself */
};

/* barewire-launch says {"state":"Running",...}. */
static enum seen state_of(const char *out)
{
	static const struct {
		const char *text;
		enum seen seen;
	} all[] = {
		{ "{\"state\":\"Running\"", SEEN_RUNNING },
		{ "{\"state\":\"Stopping\"", SEEN_STOPPING },
		{ "{\"state\":\"Stopped\"", SEEN_STOPPED },
	};

	for (size_t i = 0; i < BW_ARRAY_SIZE(all); i++)
		if (strncmp(out, all[i].text, strlen(all[i].text)) == 0)
			return all[i].seen;
	return SEEN_NOTHING;
}

/* One line for people out of what a command or the server has said. */
static void explain(struct unit_told *t, const struct bw_kube_podexec_answer *a)
{
	const char *said = a->errout_size ? a->errout : a->out_size ? a->out : a->message;

	if (a->result == BW_KUBE_FORBIDDEN)
		(void)snprintf(
			t->text, sizeof(t->text),
			"barewire-controller may not run commands in containers: create the "
			"ClusterRoleBinding barewire-controller-exec, or run it with --no-exec"); /* fits */
	else
		(void)snprintf(t->text, sizeof(t->text), "%s",
			       said && *said ? said : "it did not say why"); /* may be cut */
	t->text[strcspn(t->text, "\n")] = '\0';
	bw_json_clean(t->text);
}

static enum bw_plan_next on_answer(const struct bw_kube_podexec_answer *a, void *arg)
{
	const struct call *call = arg;
	struct unit_told *t = remember(call->c, call->uid);

	if (!t)
		return BW_PLAN_FAIL;
	t->stop = call->stop;
	if (a->result == BW_KUBE_OK)
		t->seen = state_of(a->out);
	/* A process that takes longer than the call: it was told, or it is told again. */
	else if (a->result == BW_KUBE_UNKNOWN && call->stopping)
		t->seen = SEEN_LITTLE;
	if (t->seen == SEEN_NOTHING)
		explain(t, a);
	return BW_PLAN_AGAIN;
}

static void plan_exec(struct unit_run *k, const char *const *argv, int stop, int stopping)
{
	struct call *call = bw_plan_alloc(k->plan, sizeof(*call));
	const struct bw_kube_podexec_request r = {
		.namespace = k->unit->meta.namespace,
		.pod = k->unit->meta.name,
		.container = bw_kube_annotation(&k->pod.meta, UNIT_ANN_LAUNCH),
		.argv = argv,
		.output_max = 4096,
		.timeout_ms = CALL_MS,
	};

	if (!call)
		return;
	call->c = k->c;
	call->stop = stop != 0;
	call->stopping = stopping != 0;
	(void)snprintf(call->uid, sizeof(call->uid), "%s", k->pod.meta.uid); /* bounded */
	bw_plan_exec(k->plan, &r, on_answer, call);
}

static void plan_stop(struct unit_run *k)
{
	char seconds[24];
	const char *const argv[WORDS_MAX + 1] = { LAUNCH_PROGRAM, "stop", "-t", seconds, NULL };

	(void)snprintf(seconds, sizeof(seconds), "%lld",
		       (long long)launch_grace_s(k->unit)); /* fits */
	plan_exec(k, argv, 1, 1);
}

static void plan_word(struct unit_run *k, const char *word, int stop)
{
	const char *const argv[] = { LAUNCH_PROGRAM, word, NULL };

	plan_exec(k, argv, stop, 0);
}

/* WHAT THERE IS */

/* What the status, as the cache has it, says of this pod's process; NULL: nothing. */
static const struct bw_kube_condition *written(const struct unit_run *k)
{
	const struct bw_db_unit_status *s = &k->unit->status;

	if (!s->pod_uid || strcmp(s->pod_uid, k->pod.meta.uid) != 0)
		return NULL;
	return bw_kube_condition_get(s->conditions.items, s->conditions.n, STOPPED);
}

static int is_written(const struct unit_run *k, const char *reason, const char *or_reason)
{
	const struct bw_kube_condition *c = written(k);

	return c && c->reason &&
	       (strcmp(c->reason, reason) == 0 || strcmp(c->reason, or_reason) == 0);
}

static int was_stopped(const struct unit_run *k)
{
	const struct bw_kube_condition *c = written(k);

	return c && c->status && strcmp(c->status, "True") == 0;
}

int unit_is_stopped(const struct unit_run *k)
{
	const struct bw_kube_cond *c = bw_kube_conds_get(&k->conds, STOPPED);

	return k->pod_o && c && c->status;
}

static int has_launcher(const struct unit_run *k)
{
	return bw_kube_annotation(&k->pod.meta, UNIT_ANN_LAUNCH) != NULL;
}

static int is_unreachable(const struct unit_run *k)
{
	const struct bw_kube_condition *r = bw_kube_condition_get(
		k->pod.status.conditions.items, k->pod.status.conditions.n, "Ready");

	return r && r->status && strcmp(r->status, "Unknown") == 0;
}

/* A command needs a container that runs; one that crashes again and again runs now and then. */
static int runs(const struct unit_run *k)
{
	const char *name = bw_kube_annotation(&k->pod.meta, UNIT_ANN_LAUNCH);

	for (size_t i = 0; name && i < k->pod.status.container_statuses.n; i++) {
		const struct bw_k_pod_status_container_status *s =
			&k->pod.status.container_statuses.items[i];

		if (strcmp(s->name, name) == 0)
			return s->has_state && s->state.has_running;
	}
	return 0;
}

/* WHAT IS SAID */

static void say(struct unit_run *k, int status, const char *reason, const char *text)
{
	bw_kube_conds_set(&k->conds, STOPPED, status, reason, k->unit->meta.generation, "%s", text);
	unit_wait(k, reason, "%s", text);
}

static void say_failed(struct unit_run *k, const char *reason, const struct unit_told *t)
{
	char text[BW_KUBE_COND_TEXT_MAX];

	(void)snprintf(text, sizeof(text), "the process could not be %s: %s",
		       t->stop ? "stopped" : "started", t->text); /* may be cut, ignoring */
	unit_warn(k, STOPPED, 0, reason, text);
	unit_wait(k, reason, "%s", text);
}

/* The database runs on, and that is what its readiness says. */
static void say_refused(struct unit_run *k)
{
	struct launch_refusal r;
	char text[BW_KUBE_COND_TEXT_MAX];

	launch_judge(k->unit, &r);
	if (!r.reason)
		launch_refuse(&r, NO_LAUNCHER,
			      "its pod was made without barewire-launch: make it again by an "
			      "action Restart while startup is true");
	(void)snprintf(text, sizeof(text),
		       "the process is not stopped: %s; or delete the pod, and none is made "
		       "while startup is false",
		       r.text); /* may be cut, ignoring */
	unit_warn(k, STOPPED, 0, r.reason, text);
	if (!k->reason[0])
		(void)snprintf(k->task, sizeof(k->task), "%s", text); /* fits, ignoring */
}

void unit_process_gone(struct unit_run *k)
{
	bw_kube_conds_clear(&k->conds, STOPPED);
}

/* THE STEPS */

/* Whether @ms have passed since the pod's process was asked; else the key comes again then. */
static int is_due(struct unit_run *k, const struct unit_told *t, int64_t ms)
{
	int64_t left_ms = ms - (bw_loop_now_ns(k->c->loop) - t->at_ns) / NS_PER_MS;

	if (left_ms <= 0)
		return 1;
	bw_plan_requeue_after(k->plan, left_ms);
	return 0;
}

static void say_stopped(struct unit_run *k)
{
	if (!was_stopped(k))
		bw_plan_event(k->plan, k->o, BW_EVENT_NORMAL, "ProcessStopped",
			      "the process is stopped; its pod stays");
	say(k, 1, STOPPED, "the process is stopped; pod, volumes and address stay");
}

/* One that was stopped, and whose pod is Ready: its probe is to come, or somebody has started it.
 */
static void look_again(struct unit_run *k, const struct unit_told *t)
{
	say_stopped(k);
	if (k->pod_state == UNIT_POD_READY && was_stopped(k) && (!t || is_due(k, t, UNIT_RETRY_MS)))
		plan_word(k, "status", 1);
}

static void stop(struct unit_run *k, const struct unit_told *t)
{
	if (t && !t->stop)
		t = NULL; /* of the start before */
	if (t ? t->seen == SEEN_STOPPED : was_stopped(k)) {
		look_again(k, t);
		return;
	}
	if (t && t->seen == SEEN_NOTHING)
		say_failed(k, STOP_FAILED, t);
	else
		say(k, 0, STOPPING, "the process is being stopped; its pod stays");
	if (!is_written(k, STOPPING, STOP_FAILED))
		return;
	if (t && !is_due(k, t, t->seen == SEEN_NOTHING ? UNIT_RETRY_MS : POLL_MS))
		return;
	if (!t || t->seen == SEEN_RUNNING)
		plan_stop(k);
	else
		plan_word(k, "status", 1);
}

int unit_stop(struct unit_run *k)
{
	if (!k->c->launch_image || k->pod_state == UNIT_POD_PENDING)
		return 0;
	if (!has_launcher(k)) {
		say_refused(k);
		return 1;
	}
	if (is_unreachable(k))
		return 1; /* it is said elsewhere */
	if (!runs(k) && was_stopped(k))
		say_stopped(k); /* its file is there: what comes up stays stopped */
	else if (!runs(k))
		say(k, 0, STOPPING, "waits for the container to run, to stop its process");
	else
		stop(k, told_of(k->c, k->pod.meta.uid));
	return 1;
}

static void start(struct unit_run *k, const struct unit_told *t)
{
	if (t && t->stop)
		t = NULL; /* of the stop before */
	if (t && t->seen == SEEN_RUNNING) {
		bw_kube_conds_clear(&k->conds, STOPPED);
		bw_plan_event(k->plan, k->o, BW_EVENT_NORMAL, "ProcessStarted",
			      "the process was started in its pod");
		return;
	}
	if (t && t->seen == SEEN_NOTHING)
		say_failed(k, START_FAILED, t);
	else
		say(k, 0, STARTING, "the process is being started in its pod");
	if (!is_written(k, STARTING, START_FAILED))
		return;
	if (!t || is_due(k, t, t->seen == SEEN_NOTHING ? UNIT_RETRY_MS : POLL_MS))
		plan_word(k, "start", 0);
}

int unit_start(struct unit_run *k)
{
	/* Of another pod, or refused: there is nothing to start. */
	if (!written(k) || !has_launcher(k)) {
		bw_kube_conds_clear(&k->conds, STOPPED);
		return 1;
	}
	if (!k->c->launch_image)
		return 0;
	if (is_unreachable(k))
		return 1; /* it is said elsewhere */
	if (!runs(k))
		say(k, 0, STARTING, "waits for the container to run, to start its process");
	else
		start(k, told_of(k->c, k->pod.meta.uid));
	return 1;
}
