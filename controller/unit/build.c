/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pod, made of the template's own text: what the template says stays as it stands, and what a
 * Unit needs is put beside it. The claim's annotation decides which address the pod gets.
 */
#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "impl.h"
#include "launch.h"

#define CONFIG_VOLUME "barewire-config" /* conf/crds: a template's volumes are named otherwise */
#define CONFIG_PATH "/etc/barewire"

void unit_put_owner(const struct unit_run *k, struct bw_json_build *b, struct cJSON *meta,
		    int controller)
{
	struct cJSON *list = cJSON_GetObjectItemCaseSensitive(meta, "ownerReferences");
	struct cJSON *o;

	if (!list)
		list = bw_json_put_array(b, meta, "ownerReferences");
	o = bw_json_put_object(b, list, NULL);
	bw_json_put_str(b, o, "apiVersion", UNIT_API);
	bw_json_put_str(b, o, "kind", "Unit");
	bw_json_put_str(b, o, "name", k->unit->meta.name);
	bw_json_put_str(b, o, "uid", k->unit->meta.uid);
	if (controller)
		bw_json_put_bool(b, o, "controller", 1);
}

/* TREES */

static struct cJSON *object_in(struct bw_json_build *b, struct cJSON *in, const char *key)
{
	struct cJSON *at = cJSON_GetObjectItemCaseSensitive(in, key);

	if (cJSON_IsObject(at))
		return at;
	if (at)
		cJSON_DeleteItemFromObjectCaseSensitive(in, key);
	return bw_json_put_object(b, in, key);
}

static struct cJSON *array_in(struct bw_json_build *b, struct cJSON *in, const char *key)
{
	struct cJSON *at = cJSON_GetObjectItemCaseSensitive(in, key);

	if (cJSON_IsArray(at))
		return at;
	if (at)
		cJSON_DeleteItemFromObjectCaseSensitive(in, key);
	return bw_json_put_array(b, in, key);
}

static void put_once(struct bw_json_build *b, struct cJSON *in, const char *key, const char *value)
{
	cJSON_DeleteItemFromObjectCaseSensitive(in, key);
	bw_json_put_str(b, in, key, value);
}

/* The item of a list of objects by its name. */
static struct cJSON *named(const struct cJSON *list, const char *name)
{
	struct cJSON *i;

	cJSON_ArrayForEach (i, list) {
		const char *is = bw_json_get_str(i, "name");

		if (is && strcmp(is, name) == 0)
			return i;
	}
	return NULL;
}

/* METADATA */

static void put_pairs(struct bw_json_build *b, struct cJSON *to, const struct bw_kube_pair *pairs,
		      size_t n)
{
	for (size_t i = 0; i < n; i++)
		put_once(b, to, pairs[i].key, pairs[i].value);
}

static void put_labels(const struct unit_run *k, struct bw_json_build *b, struct cJSON *meta)
{
	const struct bw_db_unit *u = k->unit;
	struct cJSON *labels = bw_json_put_object(b, meta, "labels");

	put_pairs(b, labels, u->meta.labels.items, u->meta.labels.n);
	put_pairs(b, labels, u->spec.template.metadata.labels.items,
		  u->spec.template.metadata.labels.n);
	put_once(b, labels, UNIT_LABEL, u->meta.name);
}

/* Whether the main container runs under barewire-launch. */
static int is_launched(const struct unit_run *k)
{
	struct launch_refusal r;

	launch_judge(k->unit, &r);
	return k->c->launch_image && !r.reason && unit_main(k->unit);
}

static void put_annotations(const struct unit_run *k, struct bw_json_build *b, struct cJSON *meta)
{
	const struct bw_db_unit *u = k->unit;
	struct cJSON *notes = bw_json_put_object(b, meta, "annotations");

	for (size_t i = 0; i < u->spec.template.metadata.annotations.n; i++) {
		const struct bw_kube_pair *p = &u->spec.template.metadata.annotations.items[i];

		/* The claim says it all. */
		if (strncmp(p->key, CTL_PREFIX, strlen(CTL_PREFIX)) != 0)
			put_once(b, notes, p->key, p->value);
	}
	put_once(b, notes, CTL_ANN_CLAIM, u->meta.name);
	put_once(b, notes, UNIT_ANN_REVISION, k->revision);
	put_once(b, notes, UNIT_ANN_SHAPE, k->shape);
	if (k->act.acting && !k->act.going_back)
		put_once(b, notes, UNIT_ANN_ACTION, k->act.id);
	if (k->unit->spec.has_config)
		put_once(b, notes, UNIT_ANN_CONFIG, k->config.hash);
	if (is_launched(k)) {
		put_once(b, notes, UNIT_ANN_LAUNCH, unit_main(k->unit)->name);
		put_once(b, notes, UNIT_ANN_LAUNCH_ASKS, "pod-uid");
	}
	unit_put_modes(k, b, notes);
}

/* THE NODE */

static void put_requirement(struct bw_json_build *b, struct cJSON *list, const char *key,
			    const char *operator, const char * value)
{
	struct cJSON *e = bw_json_put_object(b, list, NULL);

	bw_json_put_str(b, e, "key", key);
	bw_json_put_str(b, e, "operator", operator);
	bw_json_put_str(b, bw_json_put_array(b, e, "values"), NULL, value);
}

static void put_term(const struct unit_run *k, struct bw_json_build *b, struct cJSON *term,
		     const struct unit_domains *d, int sticky)
{
	char label[128];

	for (size_t i = 0; i < d->n; i++) {
		if (!d->v[i].ours)
			continue;
		(void)snprintf(label, sizeof(label), CTL_NODE_LABEL "%s", d->v[i].name); /* fits */
		put_requirement(b, array_in(b, term, "matchExpressions"), label, "In", "ready");
	}
	if (sticky)
		put_requirement(b, array_in(b, term, "matchFields"), "metadata.name",
				k->place.never ? "NotIn" : "In", k->place.node);
}

/* The terms of a selector are alternatives: what holds for all is put into each. */
static void put_required(const struct unit_run *k, struct bw_json_build *b, struct cJSON *node,
			 const struct unit_domains *d, int sticky)
{
	struct cJSON *terms =
		array_in(b, object_in(b, node, "requiredDuringSchedulingIgnoredDuringExecution"),
			 "nodeSelectorTerms");
	struct cJSON *t;

	if (cJSON_GetArraySize(terms) == 0)
		(void)bw_json_put_object(b, terms, NULL); /* the builder remembers, ignoring */
	cJSON_ArrayForEach (t, terms)
		put_term(k, b, t, d, sticky);
}

static void put_affinity(const struct unit_run *k, struct bw_json_build *b, struct cJSON *spec,
			 const struct unit_domains *d)
{
	int sticky = k->place.node[0] && k->place.hard;
	int any = sticky;
	struct cJSON *node;
	struct cJSON *p;

	for (size_t i = 0; i < d->n; i++)
		any |= d->v[i].ours;
	cJSON_DeleteItemFromObjectCaseSensitive(spec, "nodeName");
	if (!any && !k->place.node[0])
		return;
	node = object_in(b, object_in(b, spec, "affinity"), "nodeAffinity");
	if (any)
		put_required(k, b, node, d, sticky);
	if (sticky || !k->place.node[0])
		return;
	p = bw_json_put_object(
		b, array_in(b, node, "preferredDuringSchedulingIgnoredDuringExecution"), NULL);
	bw_json_put_int(b, p, "weight", 100);
	put_requirement(b,
			bw_json_put_array(b, bw_json_put_object(b, p, "preference"), "matchFields"),
			"metadata.name", "In", k->place.node);
}

/* THE CONTAINERS */

static void put_volumes(const struct unit_run *k, struct bw_json_build *b, struct cJSON *spec)
{
	for (size_t i = 0; i < k->n_volumes; i++) {
		struct cJSON *list = array_in(b, spec, "volumes");
		struct cJSON *old = named(list, k->volumes[i].name);
		struct cJSON *v;

		if (old)
			cJSON_Delete(cJSON_DetachItemViaPointer(list, old));
		v = bw_json_put_object(b, list, NULL);
		bw_json_put_str(b, v, "name", k->volumes[i].name);
		bw_json_put_str(b, bw_json_put_object(b, v, "persistentVolumeClaim"), "claimName",
				k->volumes[i].claim);
	}
}

/* What the Unit announces: the annotation of old, where the field says nothing. */
const char *unit_address_type(const struct bw_db_unit *u)
{
	const char *note = bw_kube_annotation(&u->meta, UNIT_ANN_ADDRESS_TYPE);

	if (u->spec.networking.address_type != BW_DB_UNIT_NETWORKING_ADDRESS_TYPE_NONE)
		return bw_db_unit_networking_address_type_str(u->spec.networking.address_type);
	return note ? note : "pod_ip";
}

/* The files of spec.config; that there are any is looked to before. */
static void put_files(const struct unit_run *k, struct bw_json_build *b, struct cJSON *spec,
		      struct cJSON *container)
{
	char object[BW_KUBE_NAME_MAX + 1];
	struct cJSON *v;

	unit_config_object(k, object);
	v = bw_json_put_object(b, array_in(b, spec, "volumes"), NULL);
	bw_json_put_str(b, v, "name", CONFIG_VOLUME);
	if (k->config.secret)
		bw_json_put_str(b, bw_json_put_object(b, v, "secret"), "secretName", object);
	else
		bw_json_put_str(b, bw_json_put_object(b, v, "configMap"), "name", object);
	v = bw_json_put_object(b, array_in(b, container, "volumeMounts"), NULL);
	bw_json_put_str(b, v, "name", CONFIG_VOLUME);
	bw_json_put_str(b, v, "mountPath", CONFIG_PATH);
	bw_json_put_bool(b, v, "readOnly", 1);
}

static void put_pod_ip(struct bw_json_build *b, struct cJSON *container)
{
	struct cJSON *list = array_in(b, container, "env");
	struct cJSON *e;

	if (named(list, "POD_IP"))
		return;
	e = bw_json_put_object(b, list, NULL);
	bw_json_put_str(b, e, "name", "POD_IP");
	bw_json_put_str(b, bw_json_put_object(b, bw_json_put_object(b, e, "valueFrom"), "fieldRef"),
			"fieldPath", "status.podIP");
}

static void put_vfs(struct bw_json_build *b, struct cJSON *container, const struct unit_domains *d)
{
	char key[128];
	char count[16];

	for (size_t i = 0; i < d->n; i++) {
		if (!d->v[i].vfs)
			continue;
		(void)snprintf(key, sizeof(key), UNIT_VF_RESOURCE "%s", d->v[i].name); /* fits */
		(void)snprintf(count, sizeof(count), "%u", d->v[i].vfs); /* fits */
		put_once(b, object_in(b, object_in(b, container, "resources"), "limits"), key,
			 count);
		put_once(b, object_in(b, object_in(b, container, "resources"), "requests"), key,
			 count);
	}
}

static void put_main(const struct unit_run *k, struct bw_json_build *b, struct cJSON *spec,
		     const struct unit_domains *d)
{
	const struct bw_db_unit_template_container *main = unit_main(k->unit);
	struct cJSON *c =
		main ? named(cJSON_GetObjectItemCaseSensitive(spec, "containers"), main->name)
		     : NULL;

	if (!c)
		return;
	if (strcmp(unit_address_type(k->unit), "pod_ip") == 0)
		put_pod_ip(b, c);
	if (k->unit->spec.has_config)
		put_files(k, b, spec, c);
	put_vfs(b, c, d);
	if (is_launched(k))
		launch_put(b, spec, c, k->c->launch_image);
}

struct cJSON *unit_build_pod(const struct unit_run *k, struct bw_json_build *b)
{
	struct unit_domains d = { .n = 0 };
	struct cJSON *root = bw_json_build_object(b);
	struct cJSON *meta;
	struct cJSON *spec;

	if (k->claim_state == UNIT_CLAIM_BOUND)
		unit_domains(k->c, &k->claim, &d);
	bw_json_put_str(b, root, "apiVersion", "v1");
	bw_json_put_str(b, root, "kind", "Pod");
	meta = bw_json_put_object(b, root, "metadata");
	bw_json_put_str(b, meta, "name", k->unit->meta.name);
	bw_json_put_str(b, meta, "namespace", k->unit->meta.namespace);
	put_labels(k, b, meta);
	put_annotations(k, b, meta);
	unit_put_owner(k, b, meta, 1);
	bw_json_put_tree(b, root, "spec", k->unit->spec.template.spec.raw);
	spec = cJSON_GetObjectItemCaseSensitive(root, "spec");
	if (!spec)
		return NULL;
	put_affinity(k, b, spec, &d);
	put_volumes(k, b, spec);
	put_main(k, b, spec, &d);
	return b->failed ? NULL : root;
}
