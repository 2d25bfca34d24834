/* SPDX-License-Identifier: Apache-2.0 */
/* Commands of barewire-launch in a Unit's pod, and what the last one said: by the pod's UID. */
#include <stdio.h>
#include <string.h>

#include <bw/err.h>

#include "impl.h"
#include "launch.h"
#include "told.h"

#define CALL_MS 10000 /* for one command; what takes longer is asked for again */
#define NS_PER_MS 1000000LL
#define ANOTHER_POD 4 /* barewire-launch(8): nothing was done */
#define WORDS_MAX 10

/* Of commands that want something the last alone counts; the others are remembered each. */
static enum unit_aim place_of(enum unit_aim aim)
{
	return aim == UNIT_AIM_LOOK || aim == UNIT_AIM_RESIZE ? aim : UNIT_AIM_STOP;
}

static struct unit_told *told_of(const struct ctl_unit *c, const char *uid, enum unit_aim aim)
{
	bw_list_for_each (i, (struct bw_list *)&c->told) {
		struct unit_told *t = bw_list_entry(i, struct unit_told, node);

		if (strcmp(t->uid, uid) == 0 && place_of(t->aim) == place_of(aim))
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

struct unit_told *unit_told_put(struct ctl_unit *c, const char *uid, enum unit_aim aim)
{
	struct unit_told *t = told_of(c, uid, aim);

	if (t)
		forget(c, t);
	if (c->n_told == UNIT_TOLD_MAX)
		forget(c, bw_list_entry(c->told.next, struct unit_told, node));
	t = calloc(1, sizeof(*t));
	if (!t)
		return NULL;
	(void)snprintf(t->uid, sizeof(t->uid), "%s", uid); /* bounded, ignoring */
	t->aim = aim;
	t->at_ns = bw_loop_now_ns(c->loop);
	bw_list_add_tail(&c->told, &t->node);
	c->n_told++;
	return t;
}

/* COMMANDS */

struct call {
	struct ctl_unit *c;
	char uid[BW_KUBE_UID_MAX + 1]; /* of the pod */
	enum unit_aim aim;
	char about[UNIT_CONFIG_HASH_MAX];
	uint8_t slow; /* it may take longer than a call */
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
	struct unit_told *t = unit_told_put(call->c, call->uid, call->aim);
	struct unit_told *before = told_of(call->c, call->uid, UNIT_AIM_LOOK);

	if (!t)
		return BW_PLAN_FAIL;
	/* What was found before a start is so no more. */
	if (before && call->aim == UNIT_AIM_START)
		forget(call->c, before);
	(void)snprintf(t->about, sizeof(t->about), "%s", call->about); /* fits */
	t->exit_code = a->exit_code;
	if (a->result == BW_KUBE_OK)
		t->seen = state_of(a->out);
	/* A process that takes longer than the call: it was told, or it is told again. */
	else if (a->result == BW_KUBE_UNKNOWN && call->slow)
		t->seen = SEEN_LITTLE;
	/* The pod of the name is another one: the cache will see it. */
	if (a->result == BW_KUBE_OK && a->exit_code == ANOTHER_POD)
		t->seen = SEEN_LITTLE;
	if (t->seen == SEEN_NOTHING)
		explain(t, a);
	return BW_PLAN_AGAIN;
}

/* The words, and which pod is meant, where its launcher asks: exec goes by the pod's name. */
static void name_pod(const struct unit_run *k, const char *const *argv,
		     const char *ret[WORDS_MAX + 1])
{
	size_t n = 0;

	for (size_t i = 0; argv[i] && n < WORDS_MAX; i++) {
		ret[n++] = argv[i];
		if (i == 1 && bw_kube_annotation(&k->pod.meta, UNIT_ANN_LAUNCH_ASKS)) {
			ret[n++] = "--pod-uid";
			ret[n++] = k->pod.meta.uid;
		}
	}
	ret[n] = NULL;
}

void unit_tell(struct unit_run *k, enum unit_aim aim, const char *const *argv, int slow)
{
	const char *words[WORDS_MAX + 1];
	struct call *call = bw_plan_alloc(k->plan, sizeof(*call));
	const struct bw_kube_podexec_request r = {
		.namespace = k->unit->meta.namespace,
		.pod = k->unit->meta.name,
		.container = bw_kube_annotation(&k->pod.meta, UNIT_ANN_LAUNCH),
		.argv = words,
		.output_max = 4096,
		.timeout_ms = CALL_MS,
	};

	if (!call)
		return;
	name_pod(k, argv, words);
	call->c = k->c;
	call->aim = aim;
	/* Words of our own, ignoring. */
	(void)snprintf(call->about, sizeof(call->about), "%s", argv[2] ? argv[2] : "");
	call->slow = slow != 0;
	(void)snprintf(call->uid, sizeof(call->uid), "%s", k->pod.meta.uid); /* bounded */
	bw_plan_exec(k->plan, &r, on_answer, call);
}

const struct unit_told *unit_told(const struct unit_run *k, enum unit_aim aim)
{
	const struct unit_told *t = told_of(k->c, k->pod.meta.uid, aim);

	return t && t->aim == aim ? t : NULL;
}

int unit_told_is_due(struct unit_run *k, const struct unit_told *t, int64_t ms)
{
	int64_t left_ms = ms - (bw_loop_now_ns(k->c->loop) - t->at_ns) / NS_PER_MS;

	if (left_ms <= 0)
		return 1;
	bw_plan_requeue_after(k->plan, left_ms);
	return 0;
}

/* THE POD */

int unit_may_be_told(const struct unit_run *k)
{
	return bw_kube_annotation(&k->pod.meta, UNIT_ANN_LAUNCH) != NULL;
}

int unit_is_unreachable(const struct unit_run *k)
{
	const struct bw_kube_condition *r = bw_kube_condition_get(
		k->pod.status.conditions.items, k->pod.status.conditions.n, "Ready");

	return r && r->status && strcmp(r->status, "Unknown") == 0;
}

int unit_can_be_told(const struct unit_run *k)
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
