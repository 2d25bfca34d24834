/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process of a pod that stays: startup: false stops it in place, true starts it again. Both are
 * commands of barewire-launch in the pod's main container, which may be repeated.
 *
 * S1 A stop is sent only when the status, as the cache has it, says Stopping of this very pod: who
 *    finds the condition Stopped there starts the process, whatever a crash left of the stop.
 * S2 What a command answered is remembered by the pod's UID and may be forgotten: it is asked
 * again.
 * S3 What is declared holds: a pod that was stopped and is Ready is asked whether it still is, and
 *    one that nobody wants stopped and that is not Ready for a while whether it is.
 */
#include <stdio.h>
#include <string.h>

#include <bw/err.h>

#include "impl.h"
#include "launch.h"
#include "stamp.h"
#include "told.h"

#define STOPPED "Stopped"
#define STOPPING "Stopping"
#define STARTING "Starting"
#define STOP_FAILED "StopFailed"
#define START_FAILED "StartFailed"
#define NO_LAUNCHER "PodWithoutLauncher"

#define POLL_MS 2000 /* a process that takes its time to end */
#define WORDS_MAX 5

/* COMMANDS */

static void plan_stop(struct unit_run *k)
{
	char seconds[24];
	const char *const argv[WORDS_MAX + 1] = { LAUNCH_PROGRAM, "stop", "-t", seconds, NULL };

	(void)snprintf(seconds, sizeof(seconds), "%lld",
		       (long long)launch_grace_s(k->unit)); /* fits */
	unit_tell(k, UNIT_AIM_STOP, argv, 1);
}

static void plan_word(struct unit_run *k, const char *word, enum unit_aim aim)
{
	const char *const argv[] = { LAUNCH_PROGRAM, word, NULL };

	unit_tell(k, aim, argv, 0);
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

int unit_is_halted(const struct unit_run *k)
{
	return written(k) && unit_may_be_told(k);
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
		       t->aim == UNIT_AIM_STOP ? "stopped" : "started",
		       t->text); /* may be cut, ignoring */
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
	if (k->pod_state == UNIT_POD_READY && was_stopped(k) &&
	    (!t || unit_told_is_due(k, t, UNIT_RETRY_MS)))
		plan_word(k, "status", UNIT_AIM_STOP);
}

static void stop(struct unit_run *k, const struct unit_told *t)
{
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
	if (t && !unit_told_is_due(k, t, t->seen == SEEN_NOTHING ? UNIT_RETRY_MS : POLL_MS))
		return;
	if (!t || t->seen == SEEN_RUNNING)
		plan_stop(k);
	else
		plan_word(k, "status", UNIT_AIM_STOP);
}

int unit_stop(struct unit_run *k)
{
	if (!k->c->launch_image || k->pod_state == UNIT_POD_PENDING)
		return 0;
	if (!unit_may_be_told(k)) {
		say_refused(k);
		return 1;
	}
	if (unit_is_unreachable(k))
		return 1; /* it is said elsewhere */
	if (!unit_can_be_told(k) && was_stopped(k))
		say_stopped(k); /* its file is there: what comes up stays stopped */
	else if (!unit_can_be_told(k))
		say(k, 0, STOPPING, "waits for the container to run, to stop its process");
	else
		stop(k, unit_told(k, UNIT_AIM_STOP));
	return 1;
}

static void start(struct unit_run *k, const struct unit_told *t)
{
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
	if (!t || unit_told_is_due(k, t, t->seen == SEEN_NOTHING ? UNIT_RETRY_MS : POLL_MS))
		plan_word(k, "start", UNIT_AIM_START);
}

/* How long the pod runs without being Ready; -1: it does not, or nobody can say. */
static int64_t unready_for_ms(const struct unit_run *k)
{
	const struct bw_kube_condition *c = bw_kube_condition_get(
		k->pod.status.conditions.items, k->pod.status.conditions.n, "Ready");
	int64_t at_s;

	if (k->pod_state != UNIT_POD_RUNNING || !c || !c->last_transition_time ||
	    ctl_stamp_parse(c->last_transition_time, &at_s) < 0)
		return -1;
	at_s = bw_loop_real_s(k->c->loop) - at_s;
	return at_s < 0 ? 0 : at_s * 1000;
}

/*
 * Nobody wants it stopped; it may have been stopped in the container by hand, or by a command that
 * was carried out long after it was given up.
 */
static void look_for_stopped(struct unit_run *k)
{
	const struct unit_told *t = unit_told(k, UNIT_AIM_LOOK);
	int64_t unready_ms = unready_for_ms(k);

	if (!t)
		t = unit_told(k, UNIT_AIM_START); /* one that was just started needs its time */
	bw_kube_conds_clear(&k->conds, STOPPED);
	if (unready_ms < 0 || !k->c->launch_image || !unit_may_be_told(k) || !unit_can_be_told(k) ||
	    unit_is_unreachable(k))
		return;
	if (unready_ms < UNIT_RETRY_MS)
		bw_plan_requeue_after(k->plan, UNIT_RETRY_MS - unready_ms);
	else if (!t || unit_told_is_due(k, t, UNIT_RETRY_MS))
		plan_word(k, "status", UNIT_AIM_LOOK);
	else if (t->seen == SEEN_STOPPED)
		say(k, 0, STARTING,
		    "the process was stopped in its container, which nobody declared; it is started");
}

int unit_start(struct unit_run *k)
{
	/* Of another pod, or refused: there is nothing to start. */
	if (!written(k) || !unit_may_be_told(k)) {
		look_for_stopped(k);
		return 1;
	}
	if (!k->c->launch_image)
		return 0;
	if (unit_is_unreachable(k))
		return 1; /* it is said elsewhere */
	if (!unit_can_be_told(k))
		say(k, 0, STARTING, "waits for the container to run, to start its process");
	else
		start(k, unit_told(k, UNIT_AIM_START));
	return 1;
}
