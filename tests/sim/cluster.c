/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rest of a control plane, as far as addresses depend on it: the scheduler, the StatefulSet
 * controller, the garbage collector of owners, the collector of pods without a node.
 */
#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "check.h"
#include "store_impl.h"
#include "world.h"

static const struct cJSON *member(const struct cJSON *tree, const char *key)
{
	return cJSON_GetObjectItemCaseSensitive(tree, key);
}

static int tainted(const struct cJSON *node)
{
	const struct cJSON *t;

	cJSON_ArrayForEach (t, member(member(node, "spec"), "taints"))
		if (!strcmp(sim_text_at(t, "key"), "node.kubernetes.io/out-of-service"))
			return 1;
	return 0;
}

const char *sim_pod_claim(const struct cJSON *pod, char out[SIM_NAME_MAX])
{
	const struct cJSON *annotations = member(member(pod, "metadata"), "annotations");
	const char *claim = cJSON_GetStringValue(member(annotations, "net.barewire.dev/claim"));

	(void)snprintf(out, SIM_NAME_MAX, "%s", claim ? claim : sim_meta(pod, "name"));
	return out;
}

/* By the pod's affinity to names: terms are alternatives. */
static int is_allowed(const struct cJSON *pod, const char *node)
{
	const struct cJSON *affinity =
		member(member(member(pod, "spec"), "affinity"), "nodeAffinity");
	const struct cJSON *terms =
		member(member(affinity, "requiredDuringSchedulingIgnoredDuringExecution"),
		       "nodeSelectorTerms");
	const struct cJSON *t;

	cJSON_ArrayForEach (t, terms) {
		const struct cJSON *field = cJSON_GetArrayItem(member(t, "matchFields"), 0);
		const char *name =
			cJSON_GetStringValue(cJSON_GetArrayItem(member(field, "values"), 0));
		int in = !strcmp(sim_text_at(field, "operator"), "In");

		if (!name || (strcmp(name, node) == 0) == in)
			return 1;
	}
	return cJSON_GetArraySize(terms) == 0;
}

/* Nodes that take a pod; returns how many. */
static unsigned int fit(struct sim_world *w, const struct cJSON *pod,
			const char *names[SIM_NODES_MAX * 2])
{
	size_t count;
	struct sim_key *const *keys = sim_store_keys(w->store, &sim_kinds[SIM_NODE], &count);
	unsigned int n = 0;

	for (size_t i = 0; i < count; i++)
		if (keys[i]->tree && !tainted(keys[i]->tree) &&
		    !cJSON_IsTrue(member(member(keys[i]->tree, "spec"), "unschedulable")) &&
		    is_allowed(pod, keys[i]->name) && n < SIM_NODES_MAX * 2)
			names[n++] = keys[i]->name;
	return n;
}

static void schedule(struct sim_world *w, const struct sim_key *key)
{
	const char *names[SIM_NODES_MAX * 2];
	unsigned int n = fit(w, key->tree, names);

	if (!n || *key->last->field || *sim_meta(key->tree, "deletionTimestamp"))
		return;
	(void)sim_world_merge(
		w, "scheduler", SIM_POD, key->namespace, key->name, NULL,
		sim_json("{\"spec\":{\"nodeName\":\"%s\"}}", names[sim_rng_below(&w->rng, n)]));
}

/* Pods on a node that is out of service, or that is no more. */
static void collect_pod(struct sim_world *w, const struct sim_key *key)
{
	const struct cJSON *node =
		*key->last->field ? sim_store_tree(w->store, SIM_NODE, NULL, key->last->field)
				  : NULL;

	if (!*key->last->field || (node && !tainted(node)))
		return;
	(void)sim_world_delete(w, "podgc", SIM_POD, key->namespace, key->name,
			       sim_meta(key->tree, "uid"), 0);
}

static int owner_is_there(struct sim_world *w, const char *namespace, const struct cJSON *owner)
{
	const char *text = sim_text_at(owner, "kind");
	enum sim_kind_id kind = !strcmp(text, "Pod")    ? SIM_POD
				: !strcmp(text, "Unit") ? SIM_UNIT
							: SIM_STATEFULSET;
	const struct cJSON *is =
		sim_store_tree(w->store, kind, namespace, sim_text_at(owner, "name"));

	return is && !strcmp(sim_meta(is, "uid"), sim_text_at(owner, "uid"));
}

static void collect_owned(struct sim_world *w, enum sim_kind_id kind, const struct sim_key *key)
{
	const struct cJSON *owners = member(member(key->tree, "metadata"), "ownerReferences");
	const struct cJSON *o;

	if (!cJSON_GetArraySize(owners) || *sim_meta(key->tree, "deletionTimestamp"))
		return;
	cJSON_ArrayForEach (o, owners)
		if (owner_is_there(w, key->namespace, o))
			return;
	(void)sim_world_delete(w, "gc", kind, key->namespace, key->name, sim_meta(key->tree, "uid"),
			       -1);
}

static void make_member(struct sim_world *w, const struct sim_key *set, int ordinal)
{
	const struct cJSON *template;
	struct cJSON *pod, *a;
	char name[SIM_NAME_MAX];

	(void)snprintf(name, sizeof(name), "%.40s-%d", set->name, ordinal);
	if (sim_store_tree(w->store, SIM_POD, set->namespace, name))
		return;
	pod = sim_json("{\"metadata\":{\"name\":\"%s\",\"ownerReferences\":[{\"apiVersion\":"
		       "\"apps/v1\",\"kind\":\"StatefulSet\",\"name\":\"%s\",\"uid\":\"%s\","
		       "\"controller\":true}]},\"spec\":{}}",
		       name, set->name, sim_meta(set->tree, "uid"));
	template = member(member(member(set->tree, "spec"), "template"), "metadata");
	a = cJSON_Duplicate(member(template, "annotations"), 1);
	if (a)
		cJSON_AddItemToObject(cJSON_GetObjectItemCaseSensitive(pod, "metadata"),
				      "annotations", a);
	(void)sim_world_create(w, "statefulset", SIM_POD, set->namespace, pod);
}

static void step_set(struct sim_world *w, const struct sim_key *key)
{
	int want = (int)cJSON_GetNumberValue(member(member(key->tree, "spec"), "replicas"));
	char name[SIM_NAME_MAX];

	for (int i = 0; i < 4; i++) {
		(void)snprintf(name, sizeof(name), "%.40s-%d", key->name, i);
		if (!key->tree)
			return;
		if (i < want)
			make_member(w, key, i);
		else
			(void)sim_world_delete(w, "statefulset", SIM_POD, key->namespace, name,
					       NULL, 30);
	}
}

static void step_kind(struct sim_world *w, enum sim_kind_id kind)
{
	size_t count;

	(void)sim_store_keys(w->store, &sim_kinds[kind], &count);
	for (size_t i = 0; i < count; i++) {
		/* A step may make names of this kind: look again. */
		const struct sim_key *key = sim_store_keys(w->store, &sim_kinds[kind], &count)[i];

		if (!key->tree)
			continue;
		if (!w->calm && sim_rng_chance(&w->rng, 300)) { /* later */
			sim_world_arm(w, &w->cluster, sim_world_pace(w, 3000));
			continue;
		}
		if (kind == SIM_STATEFULSET)
			step_set(w, key);
		else
			collect_owned(w, kind, key);
		if (kind == SIM_POD && key->tree)
			collect_pod(w, key);
		if (kind == SIM_POD && key->tree)
			schedule(w, key);
	}
}

/* What Units own. */
static const enum sim_kind_id made[] = { SIM_CONFIGMAP, SIM_SECRET, SIM_SERVICE, SIM_SLICE };

void sim_cluster_step(void *world)
{
	struct sim_world *w = world;

	if (w->server.down)
		return;
	step_kind(w, SIM_STATEFULSET);
	step_kind(w, SIM_POD);
	step_kind(w, SIM_CLAIM);
	for (size_t i = 0; w->setup.units && i < BW_ARRAY_SIZE(made); i++)
		step_kind(w, made[i]);
	sim_admin_step(w);
}
