/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which volumes are the Unit's. A rebuild labels those that it replaces as retained, and makes
 * others under other names; going back takes the label away again. A volume's label says it all, so
 * a crash in between is no other state. Deleted is only what was replaced while the spec said so,
 * when the rebuild has succeeded.
 */
#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "impl.h"

#define KEPT "VolumeKept"
#define GOES "Delete"
#define VOLUMES_MAX 64 /* conf/crds: maxItems of status.volumes */

#define NAMES_MAX 8 /* names that are tried for one that is to be made */

/* THE NAME */

struct search {
	const char *template;
	const char *cancelled; /* an action's id; NULL = none is */
	struct bw_kube_object *found;
};

/* @value: NULL = any. */
static int label_is(const struct bw_kube_object *o, const char *label, const char *value)
{
	char is[BW_KUBE_NAME_MAX + 1] = "";

	if (bw_kube_text_copy(o->text, o->size, is, sizeof(is), "metadata", "labels", label) < 0)
		return 0;
	return !value || strcmp(is, value) == 0;
}

/*
 * One that was made for the action that was cancelled, and comes late (another leader's, or a
 * request that took its time), is nobody's.
 */
static int is_late(const struct bw_kube_object *o, const char *cancelled)
{
	return cancelled && label_is(o, UNIT_LABEL_REBUILD, cancelled) &&
	       !label_is(o, UNIT_LABEL_RETAINED, NULL);
}

static int is_in_use(struct bw_kube_object *o, void *arg)
{
	struct search *s = arg;

	if (!label_is(o, UNIT_LABEL_VOLUME, s->template) ||
	    label_is(o, UNIT_LABEL_RETAINED, NULL) || is_late(o, s->cancelled))
		return 0;
	s->found = o;
	return 1;
}

static void each(const struct unit_run *k, bw_kube_object_fn fn, void *arg)
{
	const struct bw_kube_meta *m = &k->unit->meta;
	char key[CTL_KEY_MAX];

	(void)bw_kube_store_find(k->c->st.volumes, UNIT_INDEX_UNIT,
				 ctl_key(m->namespace, m->name, key), fn,
				 arg); /* what stopped it is in @arg, ignoring */
}

/* @o: may be NULL. */
static int is_kept(const struct unit_run *k, const char *template, const struct bw_kube_object *o)
{
	return o && label_is(o, UNIT_LABEL, k->unit->meta.name) &&
	       label_is(o, UNIT_LABEL_VOLUME, template) &&
	       (label_is(o, UNIT_LABEL_RETAINED, NULL) || is_late(o, unit_action_cancelled(k)));
}

void unit_volume_find(const struct unit_run *k, const char *template, struct unit_volume *v)
{
	const struct bw_kube_meta *m = &k->unit->meta;
	const char *id = k->unit->status.has_action ? k->unit->status.action.id : m->uid;
	struct search s = { .template = template, .cancelled = unit_action_cancelled(k) };

	each(k, is_in_use, &s);
	v->o = s.found;
	if (v->o) {
		(void)snprintf(v->claim, sizeof(v->claim), "%s", v->o->name); /* bounded */
		return;
	}
	/* All have at most 63 characters. */
	(void)snprintf(v->claim, sizeof(v->claim), "%s-%s", template, m->name);
	v->o = bw_kube_store_get(k->c->st.volumes, m->namespace, v->claim);
	for (unsigned int i = 0; i < NAMES_MAX && is_kept(k, template, v->o); i++) {
		(void)snprintf(v->claim, sizeof(v->claim), "%s-%s-%08x", template, m->name,
			       (unsigned int)bw_fnv64(BW_FNV64_BASIS, id, strlen(id)) +
				       i); /* fits */
		v->o = bw_kube_store_get(k->c->st.volumes, m->namespace, v->claim);
	}
}

struct coming {
	const struct unit_run *k;
	const char *id;
	const char *template;
	int found;
};

static int comes_back(struct bw_kube_object *o, void *arg)
{
	struct coming *c = arg;

	c->found = label_is(o, UNIT_LABEL_VOLUME, c->template) &&
		   label_is(o, UNIT_LABEL_RETAINED, c->id) &&
		   !label_is(o, UNIT_LABEL_REBUILD, c->id);
	return c->found;
}

int unit_volume_comes_back(const struct unit_run *k, const char *template)
{
	const struct bw_db_unit_status *s = &k->unit->status;
	struct coming c = { .id = s->action.id, .template = template };

	if (s->has_action && c.id && s->action.type == BW_DB_UNIT_STATUS_ACTION_TYPE_REBUILD &&
	    (s->action.phase == BW_DB_UNIT_STATUS_ACTION_PHASE_CANCELLING ||
	     s->action.phase == BW_DB_UNIT_STATUS_ACTION_PHASE_CANCELLED))
		each(k, comes_back, &c);
	return c.found;
}

static int is_news(struct bw_kube_object *o, void *arg)
{
	struct coming *c = arg;
	char id[BW_KUBE_NAME_MAX + 1];

	c->found = label_is(o, UNIT_LABEL_VOLUME, c->template) &&
		   bw_kube_text_copy(o->text, o->size, id, sizeof(id), "metadata", "labels",
				     UNIT_LABEL_RETAINED) >= 0 &&
		   !unit_action_is_told(c->k, id);
	return c->found;
}

int unit_volume_is_news(const struct unit_run *k, const char *template)
{
	struct coming c = { .k = k, .template = template };

	each(k, is_news, &c);
	return c.found;
}

/* THE LABELS */

static int are_deleted(const struct unit_run *k)
{
	const struct bw_db_unit_spec *s = &k->unit->spec;

	return s->has_volume_retain_policy &&
	       s->volume_retain_policy.when_rebuilt ==
		       BW_DB_UNIT_VOLUME_RETAIN_POLICY_WHEN_REBUILT_DELETE;
}

/* @id: NULL = it is the Unit's again; @goes: it is deleted when the rebuild has succeeded. */
static void plan_label(struct unit_run *k, const struct bw_kube_object *o, const char *id, int goes)
{
	bw_autobuild struct bw_json_build b = { 0 };
	struct bw_kube_request r = { .verb = BW_KUBE_MERGE,
				     .kind = &bw_kind_persistentvolumeclaim,
				     .namespace = o->namespace,
				     .name = o->name };
	struct cJSON *root = ctl_body_cas(&b, o->rv);
	struct cJSON *labels = bw_json_put_object(
		&b, cJSON_GetObjectItemCaseSensitive(root, "metadata"), "labels");

	if (id)
		bw_json_put_str(&b, labels, UNIT_LABEL_RETAINED, id);
	else if (!cJSON_AddNullToObject(labels, UNIT_LABEL_RETAINED))
		b.failed = 1;
	if (goes)
		bw_json_put_str(&b, labels, UNIT_LABEL_GOES, GOES);
	else if (label_is(o, UNIT_LABEL_GOES, NULL) &&
		 !cJSON_AddNullToObject(labels, UNIT_LABEL_GOES))
		b.failed = 1;
	ctl_write(k->plan, &r, &b, ctl_done_cas, NULL);
}

struct giving_back {
	struct unit_run *k;
	const char *id; /* of the action */
	const char *template; /* NULL = of all */
	unsigned int n;
};

/* One that the action had replaced. */
static int give_back(struct bw_kube_object *o, void *arg)
{
	struct giving_back *g = arg;

	if (!label_is(o, UNIT_LABEL_RETAINED, g->id) || label_is(o, UNIT_LABEL_REBUILD, g->id) ||
	    (g->template && !label_is(o, UNIT_LABEL_VOLUME, g->template)))
		return 0;
	plan_label(g->k, o, NULL, 0);
	g->n++;
	return 0;
}

static int retain_late(struct bw_kube_object *o, void *arg)
{
	struct giving_back *g = arg;

	if (is_late(o, g->id)) {
		plan_label(g->k, o, g->id, 0);
		g->n++;
	}
	return 0;
}

/*
 * An action is over as Cancelled by what one leader saw: with another view, or a write that comes
 * late, a volume of its own is left, and one that it had replaced. It goes back all the same.
 */
static void tidy_cancelled(struct unit_run *k)
{
	struct giving_back g = { .k = k, .id = unit_action_cancelled(k) };

	if (!g.id || k->unit->spec.maintenance)
		return;
	each(k, retain_late, &g);
	for (size_t i = 0; g.n == 0 && i < k->n_volumes; i++) {
		g.template = k->volumes[i].name;
		if (k->volumes[i].state == UNIT_VOLUME_NONE)
			each(k, give_back, &g);
	}
	if (g.n == 0)
		return;
	k->exchanging = 1;
	unit_wait(k, "VolumesExchanged", "its volumes are exchanged");
}

/* WHAT IS DELETED */

struct tidying {
	struct unit_run *k;
	const char *id; /* of the rebuild that has succeeded */
	int refused;
};

static void say_kept(struct unit_run *k, const char *name, const char *why)
{
	char text[BW_KUBE_COND_TEXT_MAX];

	(void)snprintf(text, sizeof(text), "volume claim %s is not deleted: %s", name,
		       why); /* may be cut, ignoring */
	unit_warn(k, KEPT, 1, KEPT, text);
}

static int tidy(struct bw_kube_object *o, void *arg)
{
	BW_CLEANUP(bw_k_persistent_volume_claim_done) struct bw_k_persistent_volume_claim p = { 0 };
	struct tidying *t = arg;
	const struct unit_refusal *refused;

	if (!label_is(o, UNIT_LABEL_RETAINED, t->id) || !label_is(o, UNIT_LABEL_GOES, GOES) ||
	    label_is(o, UNIT_LABEL_REBUILD, t->id) || o->deleting ||
	    bw_k_persistent_volume_claim_decode(o->text, o->size, &p, NULL) < 0)
		return 0;
	refused = unit_refused(t->k, &bw_kind_persistentvolumeclaim, o->name);
	if (refused) {
		t->refused = 1;
		say_kept(t->k, o->name, refused->text);
		return 0;
	}
	unit_unmake_seen(t->k, &bw_kind_persistentvolumeclaim, &p.meta);
	bw_plan_event(t->k->plan, t->k->o, BW_EVENT_NORMAL, "VolumeDeleted",
		      "volume claim %s was replaced by rebuild %s, which has succeeded", o->name,
		      t->id);
	return 0;
}

/* Before another action begins: its status is written behind these. */
static void delete_old(struct unit_run *k)
{
	const struct bw_db_unit_status *s = &k->unit->status;
	struct tidying t = { .k = k, .id = s->action.id };

	if (s->has_action && t.id && are_deleted(k) && !k->unit->spec.maintenance &&
	    s->action.type == BW_DB_UNIT_STATUS_ACTION_TYPE_REBUILD &&
	    s->action.phase == BW_DB_UNIT_STATUS_ACTION_PHASE_SUCCEEDED)
		each(k, tidy, &t);
	if (!t.refused)
		bw_kube_conds_clear(&k->conds, KEPT);
}

void unit_rebuild(struct unit_run *k)
{
	const struct unit_action *a = &k->act;
	struct giving_back g = { .k = k, .id = a->id };
	unsigned int n = 0;

	delete_old(k);
	tidy_cancelled(k);
	if (!a->acting || a->type != BW_DB_UNIT_ACTION_TYPE_REBUILD ||
	    k->pod_state != UNIT_POD_NONE)
		return;
	k->exchanging = 1;
	if (k->unit->spec.maintenance || (k->invalid && !a->going_back))
		return;
	for (size_t i = 0; i < k->n_volumes; i++) {
		struct unit_volume *v = &k->volumes[i];

		if ((v->state != UNIT_VOLUME_THERE && v->state != UNIT_VOLUME_LOST) ||
		    v->made != a->going_back)
			continue;
		plan_label(k, v->o, a->id, !a->going_back && are_deleted(k));
		n++;
	}
	/* Never two volumes of one template: those that come wait for those that go. */
	if (n == 0 && a->going_back)
		each(k, give_back, &g);
	k->exchanging = n + g.n > 0;
	if (k->exchanging)
		unit_wait(k, "VolumesExchanged", "its volumes are exchanged");
}

/* WHAT IS SAID */

struct kept {
	struct bw_json_build *b;
	struct cJSON *list;
};

static int put_kept(struct bw_kube_object *o, void *arg)
{
	const struct kept *s = arg;
	char name[64] = ""; /* conf/crds: maxLength 63 */
	struct cJSON *v;

	if (!label_is(o, UNIT_LABEL_RETAINED, NULL) || cJSON_GetArraySize(s->list) >= VOLUMES_MAX ||
	    bw_kube_text_copy(o->text, o->size, name, sizeof(name), "metadata", "labels",
			      UNIT_LABEL_VOLUME) < 0)
		return 0;
	v = bw_json_put_object(s->b, s->list, NULL);
	bw_json_put_str(s->b, v, "name", name);
	bw_json_put_str(s->b, v, "claimName", o->name);
	bw_json_put_bool(s->b, v, "retained", 1);
	return 0;
}

void unit_rebuild_put(const struct unit_run *k, struct bw_json_build *b, struct cJSON *list)
{
	struct kept s = { b, list };

	each(k, put_kept, &s);
}
