/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Unit's pod: made when everything it needs is there, replaced when its template changed or it
 * does not come up, and waited for by UID when it goes. One that is not ours is left alone.
 */
#include <stdio.h>
#include <string.h>

#include "impl.h"
#include "stamp.h"

#define FOREIGN "PodForeign"
#define UNSCHEDULABLE "NodeUnschedulable"
#define TAINT "node.kubernetes.io/"
#define OVER_MS                                                                                    \
	10000 /* a pod that ends at once is made again no sooner than that after it was made */
#define WAITS_FOR_NODE                                                                             \
	"waits for a node" /* the same from the plan to the scheduler's word: one write */
/*
 * With 0 the pod's name is free while its process may still run: two databases would write one
 * volume. One second is the least that the kubelet confirms.
 */
#define FORCE_S 1
#define RECOVERY_MIN_S 10 /* conf/crds: minimum of thresholdSeconds */

static const char *text_or(const char *s, const char *by_default)
{
	return s ? s : by_default;
}

/* WRITES */

/* The same before and after the server has heard of it: one write. */
static void say_ending(struct unit_run *k)
{
	unit_wait(k, "PodEnding", "waits for the pod to end on node %s",
		  text_or(k->pod.spec.node_name, "(none)"));
}

static void plan_delete(struct unit_run *k, const char *why)
{
	const struct bw_kube_meta *m = &k->pod.meta;
	const struct bw_kube_request r = { .verb = BW_KUBE_DELETE,
					   .kind = &bw_kind_pod,
					   .namespace = m->namespace,
					   .name = m->name,
					   .uid = m->uid,
					   .grace_s = k->act.acting && k->act.force ? FORCE_S : 0 };

	bw_plan_write(k->plan, &r, NULL, NULL);
	bw_plan_event(k->plan, k->o, BW_EVENT_NORMAL, "PodDeleted", "%s", why);
	say_ending(k);
	k->pod_state = UNIT_POD_LEAVING;
}

static void plan_create(struct unit_run *k)
{
	bw_autobuild struct bw_json_build b = { 0 };
	const struct bw_kube_meta *m = &k->unit->meta;
	struct unit_trial *t = unit_trial_new(k, 0);
	struct bw_kube_request r = { .verb = BW_KUBE_CREATE,
				     .kind = &bw_kind_pod,
				     .namespace = m->namespace,
				     .name = m->name };

	if (!t || !unit_build_pod(k, &b)) {
		(void)bw_plan_alloc(k->plan, SIZE_MAX); /* fails the plan */
		return;
	}
	unit_live_volumes(k);
	ctl_write(k->plan, &r, &b, unit_trial_done, t);
	k->created = 1;
}

/* THE NODE */

static const struct {
	const char *taint; /* behind TAINT */
	const char *reason;
	const char *text; /* behind "node NAME " */
} taints[] = {
	{ "out-of-service", "NodeOutOfService",
	  "is out of service: take the taint away when it is back, or move the Unit by an action Migrate" },
	{ "unschedulable", "NodeCordoned",
	  "is cordoned: uncordon it, or move the Unit by an action Migrate" },
	{ "unreachable", "NodeUnreachable",
	  "does not answer: bring it back, or move the Unit by an action Migrate" },
	{ "not-ready", "NodeNotReady",
	  "is not ready: bring it back, or move the Unit by an action Migrate" },
};

static int has_taint(const struct bw_k_node *n, const char *name)
{
	for (size_t i = 0; i < n->spec.taints.n; i++) {
		const char *key = n->spec.taints.items[i].key;

		if (strncmp(key, TAINT, strlen(TAINT)) == 0 &&
		    strcmp(key + strlen(TAINT), name) == 0)
			return 1;
	}
	return 0;
}

static void unschedulable(struct unit_run *k, const char *reason, const char *what)
{
	char text[BW_KUBE_COND_TEXT_MAX];

	(void)snprintf(text, sizeof(text), "node %s %s", k->place.node,
		       what); /* may be cut, ignoring */
	unit_warn(k, UNSCHEDULABLE, 1, reason, text);
	unit_wait(k, reason, "%s", text);
}

/* Whether the node that the Unit must be on takes no pods. */
static int look_at_node(struct unit_run *k)
{
	BW_CLEANUP(bw_k_node_done) struct bw_k_node n = { 0 };
	struct bw_kube_object *o = bw_kube_store_get(k->c->st.nodes, NULL, k->place.node);

	if (!o) {
		unschedulable(k, "NodeGone",
			      "is gone: bring it back, or move the Unit by an action Migrate");
		return 1;
	}
	if (bw_k_node_decode(o->text, o->size, &n, NULL) < 0)
		return 0;
	for (size_t i = 0; i < BW_ARRAY_SIZE(taints); i++) {
		if (!has_taint(&n, taints[i].taint))
			continue;
		unschedulable(k, taints[i].reason, taints[i].text);
		return 1;
	}
	return 0;
}

/* Only who is not on its node already cares whether that takes pods. */
static void judge_node(struct unit_run *k)
{
	int there = k->pod_o && k->pod.spec.node_name && !unit_pod_has_ended(&k->pod);

	if (there || !k->place.node[0] || k->place.never || !k->place.hard ||
	    !k->unit->spec.startup || !look_at_node(k))
		bw_kube_conds_clear(&k->conds, UNSCHEDULABLE);
}

/* RECOVERY */

static const struct bw_kube_condition *condition(const struct bw_k_pod *p, const char *type)
{
	return bw_kube_condition_get(p->status.conditions.items, p->status.conditions.n, type);
}

static const struct bw_k_pod_status_container_status *waiting_container(const struct bw_k_pod *p)
{
	for (size_t i = 0; i < p->status.container_statuses.n; i++) {
		const struct bw_k_pod_status_container_status *s =
			&p->status.container_statuses.items[i];

		if (s->has_state && s->state.has_waiting)
			return s;
	}
	return NULL;
}

/* Seconds since the pod stopped being what it should be; -1: it is, or nobody can say. */
static int64_t ill_for_s(const struct unit_run *k)
{
	const struct bw_kube_condition *ready = condition(&k->pod, "Ready");
	const char *since = k->pod.meta.creation_timestamp;
	int64_t at_s;

	/* What the scheduler cannot place, another pod would not be placed either. */
	if (!k->pod.spec.node_name || k->pod_state == UNIT_POD_READY)
		return -1;
	if (k->pod_state == UNIT_POD_RUNNING) {
		if (!waiting_container(&k->pod) || !ready)
			return -1;
		since = ready->last_transition_time;
	}
	if (!since || ctl_stamp_parse(since, &at_s) < 0)
		return -1;
	at_s = bw_loop_real_s(k->c->loop) - at_s;
	return at_s < 0 ? 0 : at_s;
}

/* Whether it is deleted for not coming up; else when to look again. */
static int recover(struct unit_run *k)
{
	const struct bw_db_unit_failed_pod_recovery_policy *p =
		&k->unit->spec.failed_pod_recovery_policy;
	int64_t threshold =
		p->threshold_seconds < RECOVERY_MIN_S ? RECOVERY_MIN_S : p->threshold_seconds;
	int64_t ill = ill_for_s(k);

	if (ill < 0 || !k->unit->spec.has_failed_pod_recovery_policy || !p->enabled)
		return 0;
	if (ill < threshold) {
		bw_plan_requeue_after(k->plan, (threshold - ill) * 1000);
		return 0;
	}
	plan_delete(k, k->pod_state == UNIT_POD_PENDING
			       ? "the pod did not start in time; another one is made"
			       : "the pod's container did not come up; another pod is made");
	return 1;
}

/* WHAT IS SAID OF A POD THAT IS THERE */

static void say_pending(struct unit_run *k)
{
	const struct bw_kube_condition *s = condition(&k->pod, "PodScheduled");
	const struct bw_k_pod_status_container_status *w = waiting_container(&k->pod);

	if (!k->pod.spec.node_name) {
		if (s && s->message && *s->message)
			unit_wait(k, "Scheduling", "waits for a node: %s", s->message);
		else
			unit_wait(k, "Scheduling", WAITS_FOR_NODE);
		return;
	}
	if (w && w->state.waiting.reason &&
	    strcmp(w->state.waiting.reason, "ContainerCreating") != 0 &&
	    strcmp(w->state.waiting.reason, "PodInitializing") != 0)
		unit_wait(k, "Starting", "container %s on node %s: %s", w->name,
			  k->pod.spec.node_name, w->state.waiting.reason);
	else
		unit_wait(k, "Starting", "starts on node %s", k->pod.spec.node_name);
}

static void say_running(struct unit_run *k)
{
	const struct bw_kube_condition *r = condition(&k->pod, "Ready");
	const struct bw_k_pod_status_container_status *w = waiting_container(&k->pod);

	if (r && r->status && strcmp(r->status, "Unknown") == 0) {
		unit_wait(k, "NodeUnreachable", "node %s does not answer",
			  text_or(k->pod.spec.node_name, "?"));
	} else if (w) {
		k->failed = 1;
		unit_wait(k, "ContainerFailing", "container %s: %s", w->name,
			  text_or(w->state.waiting.reason, "waits"));
	} else {
		unit_wait(k, "NotReady", "runs, and is not ready yet");
	}
}

/* THE STEP */

/* Made for an action that had been cancelled by then: on its node, with its volumes. */
static int is_of_cancelled(const struct unit_run *k)
{
	const char *is = bw_kube_annotation(&k->pod.meta, UNIT_ANN_ACTION);
	const char *cancelled = unit_action_cancelled(k);

	return is && cancelled && strcmp(is, cancelled) == 0;
}

/* Why the pod is not the one that there should be; NULL: it is. */
static const char *outdated(struct unit_run *k)
{
	if (k->act.acting && unit_action_is_done_with(k))
		return k->act.going_back ? "the action was cancelled; the Unit goes back"
					 : "an action makes the pod again";
	if (is_of_cancelled(k))
		return "the action that it was made for was cancelled; the pod is made again";
	/* One that has not begun could wait for it for ever. */
	if (k->pod_state == UNIT_POD_PENDING && k->unit->spec.has_config && k->config.settled &&
	    unit_config_is_elsewhere(k))
		return "the files of spec.config are in another object now; the pod is made again";
	if (unit_config_restarts(k))
		return "the files of spec.config have changed; the pod is made again";
	return unit_resize(k);
}

/* A pod that is ours and alive. Return: it was deleted. */
static int replace(struct unit_run *k)
{
	const struct bw_db_unit_spec *s = &k->unit->spec;
	const char *why;

	if (s->maintenance || k->act.hold)
		return 0;
	if (!s->startup) {
		/* What an action has begun with a pod it does with another one. */
		if (!k->act.acting && unit_stop(k))
			return 0;
		plan_delete(k, "goes offline; claim and volumes stay");
		return 1;
	}
	/* A claim that is no more bound cannot hold the address of another pod. */
	if (k->invalid || k->claim_state != UNIT_CLAIM_BOUND || unit_config_lacks(k)) {
		(void)unit_start(k); /* where that needs another pod it waits, ignoring */
		return 0;
	}
	why = outdated(k);
	if (!why && !unit_start(k))
		why = "the process is started by another pod";
	if (why) {
		plan_delete(k, why);
		return 1;
	}
	return recover(k);
}

static void step_over(struct unit_run *k)
{
	int64_t made_s = 0;
	int64_t ms;

	(void)ctl_stamp_parse(text_or(k->pod.meta.creation_timestamp, ""),
			      &made_s); /* 0: long ago */
	ms = (made_s - bw_loop_real_s(k->c->loop)) * 1000 + OVER_MS;
	unit_wait(k, "PodEnded", "the pod has ended (%s); another one is made",
		  text_or(k->pod.status.reason, text_or(k->pod.status.phase, "")));
	if (k->unit->spec.maintenance)
		return;
	if (ms > 0 && k->unit->spec.startup)
		bw_plan_requeue_after(k->plan, ms);
	else
		plan_delete(k, "the pod has ended; it is taken away");
}

static void step_none(struct unit_run *k)
{
	const struct bw_db_unit_spec *s = &k->unit->spec;

	if (!s->startup) {
		if (!k->reason[0])
			unit_wait(k, "Offline", "offline; claim and volumes are kept");
		return;
	}
	if (s->maintenance) {
		unit_wait(k, "Maintenance", "maintenance: no pod is made");
		return;
	}
	if (k->act.hold) {
		unit_wait(k, "Scheduling", WAITS_FOR_NODE);
		return;
	}
	/* Whether its node takes pods is the scheduler's business: it waits there. */
	if (k->reason[0] || k->invalid || k->claim_state != UNIT_CLAIM_BOUND ||
	    unit_config_waits(k))
		return;
	plan_create(k);
}

static void step_foreign(struct unit_run *k)
{
	char text[BW_KUBE_COND_TEXT_MAX];

	(void)snprintf(
		text, sizeof(text),
		"pod %s exists and is not this Unit's: delete it, or give the Unit another name",
		k->unit->meta.name); /* names are bounded, ignoring */
	unit_warn(k, FOREIGN, 1, FOREIGN, text);
	unit_wait(k, FOREIGN, "%s", text);
}

void unit_pod(struct unit_run *k)
{
	if (k->pod_state != UNIT_POD_FOREIGN)
		bw_kube_conds_clear(&k->conds, FOREIGN);
	if (k->pod_state != UNIT_POD_PENDING)
		unit_vfs(k);
	if (k->pod_state < UNIT_POD_PENDING && k->pod_state != UNIT_POD_UNSEEN)
		unit_process_gone(k);
	switch (k->pod_state) {
	case UNIT_POD_NONE:
		step_none(k);
		break;
	case UNIT_POD_FOREIGN:
		step_foreign(k);
		break;
	case UNIT_POD_UNSEEN:
		unit_wait(k, "Scheduling", WAITS_FOR_NODE);
		break;
	case UNIT_POD_LEAVING:
		say_ending(k);
		break;
	case UNIT_POD_OVER:
		step_over(k);
		break;
	case UNIT_POD_PENDING:
		if (!replace(k))
			judge_node(k);
		unit_vfs(k);
		if (k->pod_state == UNIT_POD_PENDING)
			say_pending(k);
		return;
	case UNIT_POD_RUNNING:
		if (!replace(k))
			say_running(k);
		break;
	case UNIT_POD_READY:
		(void)replace(k); /* says so itself, ignoring */
		break;
	}
	judge_node(k);
	if (k->created)
		unit_wait(k, "Scheduling", WAITS_FOR_NODE);
}
