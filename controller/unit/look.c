/* SPDX-License-Identifier: Apache-2.0 */
/* What there is of a Unit: its claim, its volumes, its pod, as the cache has them. */
#include <stdio.h>
#include <string.h>

#include <bw/err.h>
#include <bw/ip.h>

#include "impl.h"

static int owns(const char *uid, const struct bw_kube_meta *m)
{
	const struct bw_kube_owner *o = bw_kube_controller_of(m);

	return o && o->uid && strcmp(o->uid, uid) == 0;
}

int unit_owns(const struct unit_run *k, const struct bw_kube_meta *m)
{
	return owns(k->unit->meta.uid, m);
}

/* Of a Unit that had this name before. */
static int was_ours(const struct bw_kube_meta *m)
{
	const struct bw_kube_owner *o = bw_kube_controller_of(m);

	return o && o->kind && strcmp(o->kind, "Unit") == 0 && o->api_version &&
	       strncmp(o->api_version, UNIT_PREFIX, strlen(UNIT_PREFIX)) == 0;
}

enum unit_whose unit_whose_by_uid(const char *uid, const struct bw_kube_meta *m)
{
	if (owns(uid, m))
		return UNIT_OURS;
	return was_ours(m) ? UNIT_EARLIER : UNIT_SOMEBODYS;
}

enum unit_whose unit_whose(const struct unit_run *k, const struct bw_kube_meta *m)
{
	return m ? unit_whose_by_uid(k->unit->meta.uid, m) : UNIT_NOBODYS;
}

static const char *text_or(const char *s, const char *by_default)
{
	return s ? s : by_default;
}

const struct bw_db_unit_template_container *unit_main(const struct bw_db_unit *unit)
{
	const char *name = unit->spec.main_container_name;

	if (!name && unit->spec.template.spec.containers.n == 1)
		return &unit->spec.template.spec.containers.items[0];
	for (size_t i = 0; name && i < unit->spec.template.spec.containers.n; i++)
		if (strcmp(unit->spec.template.spec.containers.items[i].name, name) == 0)
			return &unit->spec.template.spec.containers.items[i];
	return NULL;
}

int unit_pool(const struct ctl_unit *c, const char *name, struct bw_net_pool *ret)
{
	struct bw_kube_object *o = name ? bw_kube_store_get(c->st.pools, NULL, name) : NULL;

	if (!o || bw_net_pool_decode(o->text, o->size, ret, NULL) < 0)
		return -ENOENT;
	return 0;
}

/* THE CLAIM */

static int has_all_addresses(const struct bw_net_claim *claim)
{
	const struct bw_kube_condition *bound = bw_kube_condition_get(
		claim->status.conditions.items, claim->status.conditions.n, "Bound");

	return bound && bound->status && strcmp(bound->status, "True") == 0 &&
	       claim->status.interfaces.n > 0;
}

static void look_at_claim(struct unit_run *k)
{
	const struct bw_kube_meta *m = &k->unit->meta;
	struct bw_kube_object *o = bw_kube_store_get(k->c->st.claims, m->namespace, m->name);

	if (!o)
		return;
	/* What cannot be read is not ours to touch. */
	k->claim_state = UNIT_CLAIM_FOREIGN;
	if (bw_net_claim_decode(o->text, o->size, &k->claim, NULL) < 0)
		return;
	if (!unit_owns(k, &k->claim.meta))
		k->claim_state = was_ours(&k->claim.meta) ? UNIT_CLAIM_EARLIER : UNIT_CLAIM_FOREIGN;
	else if (k->claim.meta.deleting)
		k->claim_state = UNIT_CLAIM_LEAVING;
	else if (has_all_addresses(&k->claim))
		k->claim_state = UNIT_CLAIM_BOUND;
	else
		k->claim_state = UNIT_CLAIM_WAITING;
}

/* THE VOLUMES */

static enum bw_db_unit_status_volume_phase phase_of(const char *text)
{
	if (text && strcmp(text, "Bound") == 0)
		return BW_DB_UNIT_STATUS_VOLUME_PHASE_BOUND;
	if (text && strcmp(text, "Lost") == 0)
		return BW_DB_UNIT_STATUS_VOLUME_PHASE_LOST;
	return BW_DB_UNIT_STATUS_VOLUME_PHASE_PENDING;
}

static void look_at_volume(const struct unit_run *k, const char *template, struct unit_volume *v)
{
	BW_CLEANUP(bw_k_persistent_volume_claim_done) struct bw_k_persistent_volume_claim p = { 0 };
	const struct bw_kube_meta *m = &k->unit->meta;
	const char *made;
	const char *unit;
	const char *of;

	v->name = template;
	unit_volume_find(k, template, v);
	if (!v->o)
		return;
	v->state = UNIT_VOLUME_FOREIGN;
	if (bw_k_persistent_volume_claim_decode(v->o->text, v->o->size, &p, NULL) < 0)
		return;
	v->phase = phase_of(p.status.phase);
	(void)snprintf(
		v->capacity, sizeof(v->capacity), "%s",
		text_or(bw_kube_pair_get(p.status.capacity.items, p.status.capacity.n, "storage"),
			"")); /* a longer one is cut, ignoring */
	unit_volume_node(k->c, p.spec.volume_name, v);
	made = bw_kube_label(&p.meta, UNIT_LABEL_REBUILD);
	v->made = made && k->act.acting && strcmp(made, k->act.id) == 0;
	unit = bw_kube_label(&p.meta, UNIT_LABEL);
	of = bw_kube_label(&p.meta, UNIT_LABEL_VOLUME);
	/* "a-b" of unit "c" and "a" of unit "b-c" have one name. */
	if (!unit || strcmp(unit, m->name) != 0 || !of || strcmp(of, template) != 0)
		return;
	if (p.meta.deleting)
		v->state = UNIT_VOLUME_LEAVING;
	else if (v->phase == BW_DB_UNIT_STATUS_VOLUME_PHASE_LOST)
		v->state = UNIT_VOLUME_LOST;
	else
		v->state = UNIT_VOLUME_THERE;
}

static void look_at_volumes(struct unit_run *k)
{
	const struct bw_db_unit_spec *s = &k->unit->spec;

	for (size_t i = 0; i < s->volume_claim_templates.n && i < UNIT_VOLUMES_MAX; i++)
		look_at_volume(k, s->volume_claim_templates.items[i].metadata.name,
			       &k->volumes[k->n_volumes++]);
}

/* THE POD */

static int says(const struct bw_k_pod *p, const char *type)
{
	const struct bw_kube_condition *c =
		bw_kube_condition_get(p->status.conditions.items, p->status.conditions.n, type);

	return c && c->status && strcmp(c->status, "True") == 0;
}

int unit_pod_has_ended(const struct bw_k_pod *p)
{
	const char *phase = text_or(p->status.phase, "");

	return strcmp(phase, "Succeeded") == 0 || strcmp(phase, "Failed") == 0;
}

static enum unit_pod_state state_of(const struct bw_k_pod *p)
{
	const char *phase = text_or(p->status.phase, "");

	if (p->meta.deleting)
		return UNIT_POD_LEAVING;
	if (unit_pod_has_ended(p))
		return UNIT_POD_OVER;
	if (strcmp(phase, "Running") != 0)
		return UNIT_POD_PENDING;
	return says(p, "Ready") ? UNIT_POD_READY : UNIT_POD_RUNNING;
}

/*
 * A pod that only the store of all pods has: somebody else's, or the store of the Units' pods is
 * behind. One whose label was taken away never comes there.
 */
static enum unit_pod_state state_of_lean(const struct unit_run *k, const struct bw_kube_object *o)
{
	BW_CLEANUP(bw_k_pod_done) struct bw_k_pod p = { 0 };

	if (bw_k_pod_decode(o->text, o->size, &p, NULL) < 0 || !bw_kube_label(&p.meta, UNIT_LABEL))
		return UNIT_POD_FOREIGN;
	return unit_owns(k, &p.meta) ? UNIT_POD_UNSEEN : UNIT_POD_FOREIGN;
}

static void look_at_pod(struct unit_run *k)
{
	const struct bw_kube_meta *m = &k->unit->meta;
	struct bw_kube_object *whole = bw_kube_store_get(k->c->st.pods, m->namespace, m->name);
	struct bw_kube_object *lean = bw_kube_store_get(k->c->st.all_pods, m->namespace, m->name);

	if (lean && (!whole || strcmp(whole->uid, lean->uid) != 0)) {
		k->pod_state = state_of_lean(k, lean);
		return;
	}
	if (!whole)
		return;
	k->pod_state = UNIT_POD_FOREIGN;
	if (bw_k_pod_decode(whole->text, whole->size, &k->pod, NULL) < 0 ||
	    !unit_owns(k, &k->pod.meta))
		return;
	k->pod_o = whole;
	k->pod_state = state_of(&k->pod);
}

/* THE NODE */

/*
 * Where it lives: the pod knows first, then the status, and the claim's holder if a crash came
 * between the pod's scheduling and the status.
 */
static void look_at_node(struct unit_run *k)
{
	const char *node = k->unit->status.node_name;

	if (k->pod_o && k->pod.spec.node_name)
		node = k->pod.spec.node_name;
	else if (!node && k->claim_state == UNIT_CLAIM_BOUND && k->claim.status.has_holder)
		node = k->claim.status.holder.node;
	(void)snprintf(k->node, sizeof(k->node), "%s", text_or(node, "")); /* bounded, ignoring */
}

/* THE REVISION */

static uint64_t add_text(uint64_t h, const char *s)
{
	return bw_fnv64(h, text_or(s, ""), strlen(text_or(s, "")) + 1);
}

/* Of what a person declares, not of what is made of it: a newer controller replaces no pod. */
static void hash_with(const struct unit_run *k, const char *template, char out[UNIT_REVISION_MAX])
{
	const struct bw_db_unit_spec *s = &k->unit->spec;
	uint64_t h = add_text(BW_FNV64_BASIS, template);

	h = add_text(h, s->main_container_name);
	h = add_text(h, bw_db_unit_networking_mode_str(s->networking.mode));
	h = add_text(h, bw_db_unit_networking_address_type_str(s->networking.address_type));
	for (size_t i = 0; i < k->n_volumes; i++)
		h = add_text(h, k->volumes[i].name);
	if (s->has_config)
		h = add_text(h, "config"); /* it is mounted */
	(void)snprintf(out, UNIT_REVISION_MAX, "%016llx",
		       (unsigned long long)h); /* fits, ignoring */
}

static int find_revision(struct unit_run *k, struct bw_err *err)
{
	const struct cJSON *template = bw_json_get(bw_json_get(k->unit->doc, "spec"), "template");
	bw_autofree char *text = NULL;
	bw_autofree char *shape = NULL;
	int r = bw_json_print(template, 0, &text, err);

	if (r == 0)
		r = unit_resize_shape(template, &shape, err);
	if (r < 0)
		return r;
	hash_with(k, text, k->revision);
	hash_with(k, shape, k->shape);
	return 0;
}

int unit_look(struct unit_run *k, struct bw_err *err)
{
	unit_action_load(k);
	look_at_claim(k);
	look_at_volumes(k);
	look_at_pod(k);
	look_at_node(k);
	unit_action_look(k);
	return find_revision(k, err);
}

void unit_look_done(struct unit_run *k)
{
	bw_net_claim_done(&k->claim);
	bw_k_pod_done(&k->pod);
}
