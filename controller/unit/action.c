/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spec.action: something that is done once. What comes next follows from status.action and from the
 * pod: one that is made for an action carries its id, any other is one that has to go.
 *
 * A1 The pod is touched for an action only when the status, as the cache has it, says that the
 *    action is past Prepare.
 * A2 An id is written to status.actionsDone in the same write as the phase that ends it.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "impl.h"
#include "stamp.h"

#define FAILED "ActionFailed"
#define WAITING "ActionWaiting"

static const char *text_or(const char *s, const char *by_default)
{
	return s ? s : by_default;
}

/* WHAT THE STATUS SAYS */

static enum bw_db_unit_action_type type_of(const char *text)
{
	for (int t = 0; t < BW_DB_UNIT_ACTION_TYPE_MAX_; t++)
		if (strcmp(bw_db_unit_action_type_str(t), text) == 0)
			return t;
	return BW_DB_UNIT_ACTION_TYPE_NONE;
}

/* A step of a newer version is one that has touched the pod. */
static enum unit_step step_of(const char *text)
{
	for (int s = 0; s < UNIT_STEP_MAX_; s++)
		if (strcmp(unit_step_str(s), text_or(text, "")) == 0)
			return s;
	return UNIT_STEP_STOP;
}

void unit_action_load(struct unit_run *k)
{
	const struct bw_db_unit_status_action *s = &k->unit->status.action;
	struct unit_action *a = &k->act;

	if (!k->unit->status.has_action || (s->phase != BW_DB_UNIT_STATUS_ACTION_PHASE_RUNNING &&
					    s->phase != BW_DB_UNIT_STATUS_ACTION_PHASE_CANCELLING))
		return;
	a->type = type_of(bw_db_unit_status_action_type_str(s->type));
	/* A newer version began it: it stays as it is. */
	if (!unit_action_is_known(a->type))
		return;
	/* All are bounded by conf/crds, ignoring. */
	(void)snprintf(a->id, sizeof(a->id), "%s", s->id);
	(void)snprintf(a->from, sizeof(a->from), "%s", text_or(s->from_node, ""));
	(void)snprintf(a->to, sizeof(a->to), "%s", text_or(s->node_name, ""));
	(void)snprintf(a->start, sizeof(a->start), "%s", text_or(s->start_time, ""));
	a->phase = s->phase;
	a->step = step_of(s->step);
	a->force = s->force;
	a->running = 1;
	a->going_back = s->phase == BW_DB_UNIT_STATUS_ACTION_PHASE_CANCELLING;
	a->acting = a->going_back || a->step != UNIT_STEP_PREPARE;
}

/* Where the next pod may be. */
static void place(struct unit_run *k)
{
	const struct unit_action *a = &k->act;
	const char *node = k->node;
	int moves = a->acting && !a->going_back && a->type != BW_DB_UNIT_ACTION_TYPE_RESTART;

	k->place.hard = a->acting || k->unit->spec.node_policy == BW_DB_UNIT_NODE_POLICY_REQUIRED;
	if (moves && a->to[0])
		node = a->to;
	else if (a->acting)
		node = a->from;
	k->place.never = moves && !a->to[0];
	(void)snprintf(k->place.node, sizeof(k->place.node), "%s", node); /* bounded, ignoring */
}

void unit_action_look(struct unit_run *k)
{
	const struct unit_action *a = &k->act;

	/* It has left the node where it was to go, and will not come back there. */
	if (a->going_back && a->from[0] && !(k->pod_o && k->pod.spec.node_name))
		(void)snprintf(k->node, sizeof(k->node), "%s", a->from); /* bounded, ignoring */
	place(k);
}

int unit_action_is_done_with(const struct unit_run *k)
{
	const char *is = bw_kube_annotation(&k->pod.meta, UNIT_ANN_ACTION);

	/* Going back: one that the action has made. Else: one that it has not. */
	return (is && strcmp(is, k->act.id) == 0) == k->act.going_back;
}

const char *unit_action_cancelled(const struct unit_run *k)
{
	const struct bw_db_unit_status *s = &k->unit->status;

	return s->has_action && s->action.phase == BW_DB_UNIT_STATUS_ACTION_PHASE_CANCELLED
		       ? s->action.id
		       : NULL;
}

int unit_action_is_told(const struct unit_run *k, const char *id)
{
	const struct bw_db_unit_status *s = &k->unit->status;

	for (size_t i = 0; i < s->actions_done.n; i++)
		if (strcmp(s->actions_done.items[i], id) == 0)
			return 1;
	return s->has_action && strcmp(s->action.id, id) == 0;
}

/* WHAT BECOMES OF IT */

void unit_action_end(struct unit_run *k, enum bw_db_unit_status_action_phase phase,
		     const char *reason, const char *fmt, ...)
{
	struct unit_action *a = &k->act;
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(a->message, sizeof(a->message), fmt, ap); /* may be cut, ignoring */
	va_end(ap);
	a->phase = phase;
	a->over = 1;
	a->hold = 1;
	if (phase == BW_DB_UNIT_STATUS_ACTION_PHASE_FAILED)
		unit_warn(k, FAILED, 1, reason, a->message);
	else
		bw_plan_event(k->plan, k->o, BW_EVENT_NORMAL,
			      phase == BW_DB_UNIT_STATUS_ACTION_PHASE_SUCCEEDED ? "ActionSucceeded"
										: "ActionCancelled",
			      "%s %s: %s", bw_db_unit_action_type_str(a->type), a->id, a->message);
}

/* A volume that is lost is what a rebuild is for. */
static int is_remedy(const struct unit_run *k)
{
	return k->act.type == BW_DB_UNIT_ACTION_TYPE_REBUILD &&
	       strcmp(k->reason, "VolumeLost") == 0;
}

/* Nothing is touched before all that a pod needs is there. */
static void prepare(struct unit_run *k)
{
	struct unit_action *a = &k->act;

	a->step = UNIT_STEP_PREPARE;
	if (k->unit->spec.maintenance)
		(void)snprintf(a->message, sizeof(a->message),
			       "nothing is touched as long as spec.maintenance is true"); /* fits */
	else if (unit_config_lacks(k))
		(void)snprintf(
			a->message, sizeof(a->message),
			"nothing is touched before the next pod's files are written"); /* fits */
	if (a->message[0] || (k->reason[0] && !is_remedy(k)))
		return;
	a->step = k->pod_state == UNIT_POD_NONE ? UNIT_STEP_START : UNIT_STEP_STOP;
	a->hold = 1;
}

static void begin(struct unit_run *k)
{
	const struct bw_db_unit_action *s = &k->unit->spec.action;
	struct unit_action *a = &k->act;

	/* All are bounded by conf/crds, ignoring. */
	(void)snprintf(a->id, sizeof(a->id), "%s", s->id);
	(void)snprintf(a->from, sizeof(a->from), "%s", k->node);
	(void)snprintf(a->to, sizeof(a->to), "%s",
		       s->in_place ? k->node : text_or(s->node_name, ""));
	(void)ctl_stamp(bw_loop_real_s(k->c->loop), a->start);
	a->type = s->type;
	a->phase = BW_DB_UNIT_STATUS_ACTION_PHASE_RUNNING;
	a->force = s->force;
	a->running = 1;
	bw_kube_conds_clear(&k->conds, FAILED);
	if (s->cancel)
		unit_action_end(k, BW_DB_UNIT_STATUS_ACTION_PHASE_CANCELLED, NULL,
				"it was cancelled before it began");
	else if (!k->unit->spec.startup)
		unit_action_end(k, BW_DB_UNIT_STATUS_ACTION_PHASE_FAILED, "UnitOffline",
				"the Unit is offline: set startup: true first");
	else if (unit_action_may(k))
		prepare(k);
	if (!a->over)
		bw_plan_event(k->plan, k->o, BW_EVENT_NORMAL, "ActionStarted", "%s %s begins",
			      bw_db_unit_action_type_str(a->type), a->id);
}

static int is_cancelled(const struct unit_run *k)
{
	const struct bw_db_unit_spec *s = &k->unit->spec;

	return s->has_action && s->action.cancel && strcmp(s->action.id, k->act.id) == 0;
}

static void cancel(struct unit_run *k)
{
	struct unit_action *a = &k->act;

	if (!a->acting) {
		unit_action_end(k, BW_DB_UNIT_STATUS_ACTION_PHASE_CANCELLED, NULL,
				"it was cancelled before anything was touched");
	} else if (a->type != BW_DB_UNIT_ACTION_TYPE_RESTART) {
		a->phase = BW_DB_UNIT_STATUS_ACTION_PHASE_CANCELLING;
		a->hold = 1;
	} else {
		unit_action_end(
			k, BW_DB_UNIT_STATUS_ACTION_PHASE_FAILED, "CancelledTooLate",
			"it was cancelled after the step Prepare: the pod that was there is "
			"gone or ends, and the Unit goes on without the action");
	}
}

/* Not when it is Ready again: the node where it was may be what is wrong. */
static int is_back(const struct unit_run *k)
{
	if (k->pod_state == UNIT_POD_NONE)
		return !k->exchanging;
	return k->pod_o && k->pod_state != UNIT_POD_LEAVING && !unit_action_is_done_with(k);
}

static void carry_on(struct unit_run *k)
{
	struct unit_action *a = &k->act;
	int old = k->pod_o && unit_action_is_done_with(k);

	if (is_cancelled(k) && !a->going_back) {
		cancel(k);
		return;
	}
	if (!a->acting) {
		prepare(k);
		return;
	}
	a->step = old || k->pod_state == UNIT_POD_FOREIGN ? UNIT_STEP_STOP : UNIT_STEP_START;
	if (a->going_back && is_back(k))
		unit_action_end(k, BW_DB_UNIT_STATUS_ACTION_PHASE_CANCELLED, NULL,
				"all is as it was: what comes next is the Unit's own matter");
	else if (!a->going_back && !old && k->pod_state == UNIT_POD_READY)
		unit_action_end(k, BW_DB_UNIT_STATUS_ACTION_PHASE_SUCCEEDED, NULL,
				"the new pod is Ready on node %s", k->node);
}

/* One that is asked for and not begun. */
static void say_waiting(struct unit_run *k, const char *id)
{
	if (k->act.running && !k->act.over)
		bw_kube_conds_set(&k->conds, WAITING, 1, "ActionRunning", k->unit->meta.generation,
				  "action %s waits for action %s to end", id, k->act.id);
	else
		bw_kube_conds_set(&k->conds, WAITING, 1, "Maintenance", k->unit->meta.generation,
				  "action %s waits until spec.maintenance is false", id);
}

void unit_action(struct unit_run *k)
{
	const struct bw_db_unit_spec *s = &k->unit->spec;
	int asked = s->has_action && unit_action_is_known(s->action.type) &&
		    !unit_action_is_told(k, s->action.id);

	if (k->act.running) {
		carry_on(k);
	} else if (asked && !s->maintenance) {
		begin(k);
		asked = 0;
	}
	if (asked)
		say_waiting(k, s->action.id);
	else
		bw_kube_conds_clear(&k->conds, WAITING);
}
