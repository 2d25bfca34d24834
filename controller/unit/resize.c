/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Other cpu and memory for the containers of a pod that runs. The server and the kubelet change
 * them in place; the pod then gets the revision that it is. What neither does is done by way of
 * another pod where that helps, and is told where it does not: a database that runs is not given up
 * for one that its node can never have.
 *
 * R1 A pod whose shape is the template's differs from it in these amounts alone.
 * R2 The revision is written after the server has taken them: a crash in between sends them once
 *    more, which changes nothing.
 */
#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>

#include <bw/err.h>

#include "impl.h"
#include "told.h"

#define RESIZING "Resizing"
#define IN_PROGRESS "InProgress"
#define PENDING "PodResizePending" /* Source: Kubernetes API, conditions of a pod */
#define PROGRESS "PodResizeInProgress"
#define INFEASIBLE "Infeasible" /* reasons of these */
#define ERROR "Error"
#define QUOTA_MIN_M 10 /* thousandths: a kubelet bounds no container by less */
#define PAGE 4096 /* what a kernel may round a bound by */

static const char *const kinds[] = { "limits", "requests" };
static const char *const amounts[] = { "cpu", "memory" };

static const char *text_or(const char *s, const char *by_default)
{
	return s && *s ? s : by_default;
}

/* THE SHAPE */

/* An init container that stays as long as the others: the only kind that the server resizes. */
static int stays(const struct cJSON *container)
{
	const char *policy = bw_json_get_str(container, "restartPolicy");

	return policy && strcmp(policy, "Always") == 0;
}

/* The values alone: a bound that comes or goes may be another class of service. */
static int blank(struct cJSON *container)
{
	struct cJSON *resources = cJSON_GetObjectItemCaseSensitive(container, "resources");

	for (size_t i = 0; i < BW_ARRAY_SIZE(kinds); i++)
		for (size_t x = 0; x < BW_ARRAY_SIZE(amounts); x++) {
			struct cJSON *list = cJSON_GetObjectItemCaseSensitive(resources, kinds[i]);
			struct cJSON *none;

			if (!bw_json_get(list, amounts[x]))
				continue;
			none = cJSON_CreateNull();
			if (!none ||
			    !cJSON_ReplaceItemInObjectCaseSensitive(list, amounts[x], none)) {
				cJSON_Delete(none);
				return -ENOMEM;
			}
		}
	return 0;
}

static int blank_all(struct cJSON *list, int init)
{
	struct cJSON *c;

	cJSON_ArrayForEach (c, list) {
		int r = !init || stays(c) ? blank(c) : 0;

		if (r < 0)
			return r;
	}
	return 0;
}

int unit_resize_shape(const struct cJSON *template, char **ret, struct bw_err *err)
{
	bw_autojson struct cJSON *copy = cJSON_Duplicate(template, 1);
	struct cJSON *spec = cJSON_GetObjectItemCaseSensitive(copy, "spec");

	if (!copy || blank_all(cJSON_GetObjectItemCaseSensitive(spec, "containers"), 0) < 0 ||
	    blank_all(cJSON_GetObjectItemCaseSensitive(spec, "initContainers"), 1) < 0)
		return bw_fail(err, ENOMEM, "compare the template of a Unit");
	return bw_json_print(copy, 0, ret, err);
}

static int is(const struct unit_run *k, const char *annotation, const char *want)
{
	const char *said = bw_kube_annotation(&k->pod.meta, annotation);

	return said && strcmp(said, want) == 0;
}

/* One whose container waits to be tried again is made anew: nobody waits for the back-off. */
static int runs(const struct unit_run *k)
{
	if (k->pod_state != UNIT_POD_RUNNING && k->pod_state != UNIT_POD_READY)
		return 0;
	for (size_t i = 0; i < k->pod.status.container_statuses.n; i++)
		if (!k->pod.status.container_statuses.items[i].state.has_running)
			return 0;
	return 1;
}

/* WRITING */

/* As the server fills them in when a pod is made: a request that is not said is the limit. */
static void put_container(struct bw_json_build *b, struct cJSON *list, const struct cJSON *c)
{
	const struct cJSON *has = bw_json_get(c, "resources");
	const struct cJSON *limits = bw_json_get(has, "limits");
	struct cJSON *resources = NULL;

	for (size_t i = 0; i < BW_ARRAY_SIZE(kinds); i++) {
		struct cJSON *to = NULL;

		for (size_t x = 0; x < BW_ARRAY_SIZE(amounts); x++) {
			const struct cJSON *v = bw_json_get(bw_json_get(has, kinds[i]), amounts[x]);

			if (!v)
				v = bw_json_get(limits, amounts[x]);
			if (!v)
				continue;
			if (!resources) {
				struct cJSON *o = bw_json_put_object(b, list, NULL);

				bw_json_put_str(b, o, "name", bw_json_get_str(c, "name"));
				resources = bw_json_put_object(b, o, "resources");
			}
			if (!to)
				to = bw_json_put_object(b, resources, kinds[i]);
			bw_json_put_tree(b, to, amounts[x], v);
		}
	}
}

static void put_containers(const struct unit_run *k, struct bw_json_build *b, struct cJSON *spec,
			   const char *key, int init)
{
	const struct cJSON *all = bw_json_get(k->unit->spec.template.spec.raw, key);
	struct cJSON *list = NULL;
	const struct cJSON *c;

	cJSON_ArrayForEach (c, all) {
		if (init && !stays(c))
			continue;
		if (!list)
			list = bw_json_put_array(b, spec, key);
		put_container(b, list, c);
	}
}

struct call {
	struct ctl_unit *c;
	char uid[BW_KUBE_UID_MAX + 1]; /* of the pod */
	char revision[UNIT_REVISION_MAX];
};

/* A server that knows nothing of it says the same as one that has no such pod. */
static enum bw_plan_next on_resize(const struct bw_kube_answer *a, void *arg)
{
	const struct call *call = arg;
	struct unit_told *t;

	if (a->result != BW_KUBE_INVALID && a->result != BW_KUBE_NOT_FOUND &&
	    a->result != BW_KUBE_FORBIDDEN)
		return a->result == BW_KUBE_OK ? BW_PLAN_GO_ON : BW_PLAN_FAIL;
	t = unit_told_put(call->c, call->uid, UNIT_AIM_RESIZE);
	if (!t)
		return BW_PLAN_FAIL;
	t->forbidden = a->result == BW_KUBE_FORBIDDEN;
	/* Fits, and may be cut, ignoring. */
	(void)snprintf(t->about, sizeof(t->about), "%s", call->revision);
	(void)snprintf(t->text, sizeof(t->text), "%s",
		       a->result == BW_KUBE_NOT_FOUND
			       ? "it has no sub-resource resize: Kubernetes 1.33 has"
			       : text_or(a->message, "it did not say why"));
	bw_json_clean(t->text);
	return BW_PLAN_AGAIN;
}

/* Another pod of the name by now is refused, too: what there is shows the next pass. */
static enum bw_plan_next on_record(const struct bw_kube_answer *a, void *arg)
{
	(void)arg;
	return a->result == BW_KUBE_OK ? BW_PLAN_GO_ON : BW_PLAN_FAIL;
}

static void plan_record(struct unit_run *k)
{
	bw_autobuild struct bw_json_build b = { 0 };
	const struct bw_kube_meta *m = &k->pod.meta;
	struct bw_kube_request r = { .verb = BW_KUBE_MERGE,
				     .kind = &bw_kind_pod,
				     .namespace = m->namespace,
				     .name = m->name };
	struct cJSON *meta = bw_json_put_object(&b, bw_json_build_object(&b), "metadata");

	bw_json_put_str(&b, meta, "uid", m->uid);
	bw_json_put_str(&b, bw_json_put_object(&b, meta, "annotations"), UNIT_ANN_REVISION,
			k->revision);
	ctl_write(k->plan, &r, &b, on_record, NULL);
}

static void plan_resize(struct unit_run *k)
{
	bw_autobuild struct bw_json_build b = { 0 };
	const struct bw_kube_meta *m = &k->pod.meta;
	struct call *call = bw_plan_alloc(k->plan, sizeof(*call));
	struct bw_kube_request r = { .verb = BW_KUBE_STRATEGIC,
				     .kind = &bw_kind_pod,
				     .namespace = m->namespace,
				     .name = m->name,
				     .subresource = "resize" };
	struct cJSON *root;
	struct cJSON *spec;

	if (!call)
		return;
	call->c = k->c;
	/* Both are bounded, ignoring. */
	(void)snprintf(call->uid, sizeof(call->uid), "%s", m->uid);
	(void)snprintf(call->revision, sizeof(call->revision), "%s", k->revision);
	root = ctl_body_cas(&b, m->rv);
	spec = bw_json_put_object(&b, root, "spec");
	put_containers(k, &b, spec, "containers", 0);
	put_containers(k, &b, spec, "initContainers", 1);
	ctl_write(k->plan, &r, &b, on_resize, call);
	bw_plan_event(k->plan, k->o, BW_EVENT_NORMAL, "ResizeStarted",
		      "cpu and memory are changed in place; the pod stays");
	plan_record(k);
	k->resizing = 1;
}

/* THE KUBELET */

static const struct bw_kube_condition *holds(const struct unit_run *k, const char *type)
{
	const struct bw_kube_condition *c = bw_kube_condition_get(k->pod.status.conditions.items,
								  k->pod.status.conditions.n, type);

	return c && c->status && strcmp(c->status, "True") == 0 ? c : NULL;
}

static int because(const struct bw_kube_condition *c, const char *reason)
{
	return c && c->reason && strcmp(c->reason, reason) == 0;
}

/*
 * Of what a kubelet calls infeasible: another pod may have it on the same node. All else, the room
 * that the node has first of all, is the same for another pod, which would wait in vain.
 */
static int another_pod_can(const struct bw_kube_condition *c)
{
	static const char *const words[] = { "static policy", "static CPU", "static memory",
					     "swap" };

	for (size_t i = 0; c->message && i < BW_ARRAY_SIZE(words); i++)
		if (strcasestr(c->message, words[i]))
			return 1;
	return 0;
}

/* Thousandths of a processor, or bytes. 0; -errno: it is written in a way that is not read here. */
static int amount(const char *text, int cpu, int64_t *ret)
{
	char with[64];
	size_t len = strlen(text);

	if (len + 2 > sizeof(with))
		return -ERANGE;
	(void)snprintf(with, sizeof(with), "%sk", text); /* fits */
	if (cpu && len && text[len - 1] == 'm')
		with[len - 1] = '\0';
	return unit_quantity_bytes(cpu ? with : text, ret);
}

static int differ(const char *asked, const char *has, int cpu)
{
	int64_t a;
	int64_t b;

	if (!asked || !has || amount(asked, cpu, &a) < 0 || amount(has, cpu, &b) < 0)
		return 0;
	return cpu ? a >= QUOTA_MIN_M && a != b : a - b >= PAGE || b - a >= PAGE;
}

/* Whether a container has not what its pod asks for. What a node does not say it has. */
static int container_lags(const struct bw_k_pod_container *c,
			  const struct bw_k_pod_status_container_status *s)
{
	for (size_t x = 0; x < BW_ARRAY_SIZE(amounts); x++) {
		int cpu = strcmp(amounts[x], "cpu") == 0;
		const char *limit = bw_kube_pair_get(c->resources.limits.items,
						     c->resources.limits.n, amounts[x]);
		const char *request = bw_kube_pair_get(c->resources.requests.items,
						       c->resources.requests.n, amounts[x]);

		if (differ(limit,
			   bw_kube_pair_get(s->resources.limits.items, s->resources.limits.n,
					    amounts[x]),
			   cpu) ||
		    differ(request,
			   bw_kube_pair_get(s->allocated_resources.items, s->allocated_resources.n,
					    amounts[x]),
			   cpu))
			return 1;
	}
	return 0;
}

/* Between two of its conditions a kubelet says nothing for a moment. */
static int lags(const struct unit_run *k)
{
	const struct bw_k_pod *p = &k->pod;

	if (p->status.has_observed_generation && p->status.observed_generation < p->meta.generation)
		return 1;
	for (size_t i = 0; i < p->spec.containers.n; i++)
		for (size_t x = 0; x < p->status.container_statuses.n; x++)
			if (strcmp(p->spec.containers.items[i].name,
				   p->status.container_statuses.items[x].name) == 0 &&
			    container_lags(&p->spec.containers.items[i],
					   &p->status.container_statuses.items[x]))
				return 1;
	return 0;
}

/* THE STEP */

static const struct unit_told *refusal(const struct unit_run *k)
{
	const struct unit_told *t = unit_told(k, UNIT_AIM_RESIZE);

	return t && strcmp(t->about, k->revision) == 0 ? t : NULL;
}

const char *unit_resize(struct unit_run *k)
{
	const struct bw_kube_condition *pending = holds(k, PENDING);
	const struct unit_told *t = refusal(k);

	if (is(k, UNIT_ANN_REVISION, k->revision)) {
		if (!because(pending, INFEASIBLE) || !another_pod_can(pending))
			return NULL;
		(void)snprintf(k->why, sizeof(k->why),
			       "the kubelet cannot resize the pod in place (%s); it is made again",
			       pending->message); /* may be cut, ignoring */
		return k->why;
	}
	if (!is(k, UNIT_ANN_SHAPE, k->shape) || !runs(k))
		return "the template has changed; the pod is made again";
	if (t && !t->forbidden) {
		(void)snprintf(k->why, sizeof(k->why),
			       "the server does not resize the pod in place (%s); it is made again",
			       t->text); /* may be cut, ignoring */
		return k->why;
	}
	if (!t || unit_told_is_due(k, t, UNIT_RETRY_MS))
		plan_resize(k);
	return NULL;
}

/* WHAT IS SAID */

/* The database runs and may be Ready: that is no matter of Ready. */
static void say(struct unit_run *k, const char *reason, const char *text)
{
	if (strcmp(reason, IN_PROGRESS) == 0)
		bw_kube_conds_set(&k->conds, RESIZING, 1, reason, k->unit->meta.generation, "%s",
				  text);
	else
		unit_warn(k, RESIZING, 1, reason, text);
	if (!k->task[0])
		(void)snprintf(k->task, sizeof(k->task), "%s", text); /* fits, ignoring */
}

static void say_over(struct unit_run *k)
{
	const char *uid = k->unit->status.pod_uid;

	if (bw_kube_conds_get(&k->conds, RESIZING) && k->pod_o && uid &&
	    strcmp(uid, k->pod.meta.uid) == 0 && is(k, UNIT_ANN_REVISION, k->revision))
		bw_plan_event(k->plan, k->o, BW_EVENT_NORMAL, "Resized",
			      "the pod has the cpu and memory of the template");
	bw_kube_conds_clear(&k->conds, RESIZING);
}

/* What its node has not: @what behind "node NAME ", @then is what becomes of the pod. */
static void say_room(struct unit_run *k, const char *reason, const char *what, const char *words,
		     const char *then)
{
	char text[BW_KUBE_COND_TEXT_MAX];

	(void)snprintf(
		text, sizeof(text),
		"node %s %s (%s); %s: declare less, or move the Unit by barewire unit migrate",
		text_or(k->pod.spec.node_name, "?"), what, text_or(words, "it does not say why"),
		then); /* may be cut, ignoring */
	say(k, reason, text);
}

static void say_infeasible(struct unit_run *k, const char *words)
{
	say_room(k, "ResizeInfeasible", "can never have it", words,
		 "the pod runs on with what it has");
}

static void say_deferred(struct unit_run *k, const char *words)
{
	say_room(k, "ResizeDeferred", "has no room for it now", words,
		 "it is done when others make room");
}

/* The server knows the node's size, too: from 1.36 on it does not even take the wish. */
static void say_forbidden(struct unit_run *k, const char *words)
{
	char text[BW_KUBE_COND_TEXT_MAX];

	if (strstr(words, "enough allocatable resources")) {
		say_infeasible(k, words);
		return;
	}
	(void)snprintf(text, sizeof(text),
		       "the server forbids it (%s); the pod runs on with what it has: declare what "
		       "it allows, or have that changed",
		       words); /* may be cut, ignoring */
	say(k, "ResizeForbidden", text);
}

static void say_progress(struct unit_run *k, const struct bw_kube_condition *c)
{
	const char *node = text_or(k->pod.spec.node_name, "?");
	char text[BW_KUBE_COND_TEXT_MAX];

	if (because(c, ERROR)) {
		(void)snprintf(text, sizeof(text),
			       "node %s could not do it yet and tries again (%s): wait, or make "
			       "another pod by barewire unit restart",
			       node, text_or(c->message, "it does not say why")); /* may be cut */
		say(k, "ResizeFailed", text);
		return;
	}
	(void)snprintf(text, sizeof(text), "cpu and memory are changed in place on node %s",
		       node); /* fits, ignoring */
	say(k, IN_PROGRESS, text);
}

/* It comes when what it waits for has: the files are written first. */
static int is_to_come(const struct unit_run *k)
{
	const struct bw_db_unit_spec *s = &k->unit->spec;

	return s->startup && !s->maintenance && !k->invalid && runs(k) &&
	       is(k, UNIT_ANN_SHAPE, k->shape) && !is(k, UNIT_ANN_REVISION, k->revision);
}

void unit_resize_say(struct unit_run *k)
{
	const struct bw_kube_condition *pending;
	const struct unit_told *t;

	if (!k->pod_o || (k->pod_state != UNIT_POD_RUNNING && k->pod_state != UNIT_POD_READY)) {
		say_over(k);
		return;
	}
	t = refusal(k);
	pending = holds(k, PENDING);
	if (t && t->forbidden && !k->resizing && is_to_come(k))
		say_forbidden(k, t->text);
	else if (is_to_come(k))
		say_progress(k, NULL);
	else if (because(pending, INFEASIBLE))
		say_infeasible(k, pending->message);
	else if (pending)
		say_deferred(k, pending->message);
	else if (holds(k, PROGRESS) || (bw_kube_conds_get(&k->conds, RESIZING) && lags(k)))
		say_progress(k, holds(k, PROGRESS));
	else
		say_over(k);
}

/* WHAT THE PROCESS MAY USE */

int64_t unit_resize_memory(const struct unit_run *k, const char *kind, int64_t declared)
{
	const struct bw_db_unit_template_container *main = unit_main(k->unit);
	int64_t has;

	if (k->pod_state != UNIT_POD_RUNNING && k->pod_state != UNIT_POD_READY)
		return declared;
	for (size_t i = 0; main && i < k->pod.status.container_statuses.n; i++) {
		const struct bw_k_pod_status_container_status *s =
			&k->pod.status.container_statuses.items[i];
		const char *said;

		if (strcmp(s->name, main->name) != 0)
			continue;
		said = strcmp(kind, "limits") == 0
			       ? bw_kube_pair_get(s->resources.limits.items, s->resources.limits.n,
						  "memory")
			       : bw_kube_pair_get(s->resources.requests.items,
						  s->resources.requests.n, "memory");
		if (said && unit_quantity_bytes(said, &has) == 0 && has < declared - PAGE)
			return has;
	}
	return declared;
}
