/* SPDX-License-Identifier: Apache-2.0 */
/* The kinds of actions: what each needs before it begins, and what is said of it. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "impl.h"
#include "stamp.h"

#define DONE_MAX 32 /* conf/crds: maxItems */
#define MESSAGE_MAX (BW_KUBE_COND_TEXT_MAX + 128) /* what is done, and what that waits for */

static const char *const steps[] = {
	[UNIT_STEP_PREPARE] = "Prepare",
	[UNIT_STEP_STOP] = "Stop",
	[UNIT_STEP_START] = "Start",
};
static_assert(BW_ARRAY_SIZE(steps) == UNIT_STEP_MAX_, "a name for every step");

const char *unit_step_str(enum unit_step step)
{
	return step < UNIT_STEP_MAX_ ? steps[step] : "";
}

/* WHAT IT NEEDS */

static void fail(struct unit_run *k, const char *reason, const char *text)
{
	unit_action_end(k, BW_DB_UNIT_STATUS_ACTION_PHASE_FAILED, reason, "%s", text);
}

static int may_restart(struct unit_run *k)
{
	(void)k;
	return 1;
}

static int may_rebuild(struct unit_run *k)
{
	const struct unit_action *a = &k->act;
	char text[BW_KUBE_COND_TEXT_MAX];

	if (!a->to[0] || bw_kube_store_get(k->c->st.nodes, NULL, a->to))
		return 1;
	(void)snprintf(text, sizeof(text), "there is no node %s", a->to); /* fits */
	fail(k, "NodeUnknown", text);
	return 0;
}

static int may_migrate(struct unit_run *k)
{
	const struct unit_action *a = &k->act;
	char text[BW_KUBE_COND_TEXT_MAX];

	if (a->to[0] && strcmp(a->to, a->from) == 0) {
		unit_action_end(k, BW_DB_UNIT_STATUS_ACTION_PHASE_SUCCEEDED, NULL,
				"the Unit lives on node %s already", a->to);
		return 0;
	}
	if (!may_rebuild(k))
		return 0;
	for (size_t i = 0; i < k->n_volumes; i++) {
		const struct unit_volume *v = &k->volumes[i];

		if (!v->node[0] || strcmp(v->node, a->to) == 0)
			continue;
		(void)snprintf(text, sizeof(text),
			       "volume claim %s is bound to node %s and its data cannot follow: "
			       "type: Rebuild begins with an empty one and keeps it",
			       v->claim, v->node); /* may be cut, ignoring */
		fail(k, "NodeBoundVolume", text);
		return 0;
	}
	return 1;
}

static const struct {
	int (*may)(struct unit_run *k); /* NULL: this version does not do it */
	enum unit_step last_reversible;
} kinds[BW_DB_UNIT_ACTION_TYPE_MAX_] = {
	[BW_DB_UNIT_ACTION_TYPE_RESTART] = { may_restart, UNIT_STEP_PREPARE },
	[BW_DB_UNIT_ACTION_TYPE_REBUILD] = { may_rebuild, UNIT_STEP_START },
	[BW_DB_UNIT_ACTION_TYPE_MIGRATE] = { may_migrate, UNIT_STEP_START },
};

int unit_action_is_known(enum bw_db_unit_action_type type)
{
	return kinds[type].may != NULL;
}

int unit_action_may(struct unit_run *k)
{
	return kinds[k->act.type].may(k);
}

/* WHAT IS SAID */

static const char *compose(const struct unit_run *k, char out[MESSAGE_MAX])
{
	const struct unit_action *a = &k->act;
	const char *what = "";

	if (a->message[0])
		return a->message;
	if (a->going_back || a->phase == BW_DB_UNIT_STATUS_ACTION_PHASE_CANCELLING)
		what = "goes back to the node where it was";
	else if (a->step == UNIT_STEP_PREPARE)
		what = "nothing is touched yet";
	else if (a->step == UNIT_STEP_STOP)
		what = "the pod that was there has to end";
	else if (a->type == BW_DB_UNIT_ACTION_TYPE_RESTART)
		what = "the new pod has to become Ready";
	else
		what = "the new pod has to become Ready; spec.action.cancel: true goes back";
	(void)snprintf(out, MESSAGE_MAX, "%s%s%s", what, k->task[0] ? ": " : "",
		       k->task); /* fits */
	return out;
}

static void put_running(const struct unit_run *k, struct bw_json_build *b, struct cJSON *to)
{
	const struct unit_action *a = &k->act;
	char text[MESSAGE_MAX];
	char now[CTL_STAMP_MAX];

	bw_json_put_str(b, to, "id", a->id);
	bw_json_put_str(b, to, "type", bw_db_unit_action_type_str(a->type));
	bw_json_put_str(b, to, "phase", bw_db_unit_status_action_phase_str(a->phase));
	bw_json_put_str(b, to, "step", unit_step_str(a->step));
	bw_json_put_str(b, to, "lastReversibleStep", unit_step_str(kinds[a->type].last_reversible));
	if (a->to[0])
		bw_json_put_str(b, to, "nodeName", a->to);
	if (a->from[0])
		bw_json_put_str(b, to, "fromNode", a->from);
	if (a->force)
		bw_json_put_bool(b, to, "force", 1);
	bw_json_put_str(b, to, "message", compose(k, text));
	if (a->start[0])
		bw_json_put_str(b, to, "startTime", a->start);
	if (a->over)
		bw_json_put_str(b, to, "completionTime",
				ctl_stamp(bw_loop_real_s(k->c->loop), now));
}

/* The oldest goes. */
static void put_done(const struct unit_run *k, struct bw_json_build *b, struct cJSON *st)
{
	const struct bw_db_unit_status *s = &k->unit->status;
	size_t n = s->actions_done.n;
	struct cJSON *list;

	if (n == 0 && !k->act.over)
		return;
	list = bw_json_put_array(b, st, "actionsDone");
	for (size_t i = k->act.over && n >= DONE_MAX ? n - DONE_MAX + 1 : 0; i < n; i++)
		bw_json_put_str(b, list, NULL, s->actions_done.items[i]);
	if (k->act.over)
		bw_json_put_str(b, list, NULL, k->act.id);
}

void unit_action_put(const struct unit_run *k, struct bw_json_build *b, struct cJSON *st)
{
	const struct cJSON *is = bw_json_get(bw_json_get(k->unit->doc, "status"), "action");

	if (k->act.running)
		put_running(k, b, bw_json_put_object(b, st, "action"));
	else if (is)
		bw_json_put_tree(b, st, "action", is);
	put_done(k, b, st);
}
