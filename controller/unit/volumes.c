/* SPDX-License-Identifier: Apache-2.0 */
/* The Unit's volumes: made when they are missing, never deleted, never taken from somebody. */
#include <stdio.h>
#include <string.h>

#include "impl.h"

#define CONDITION "VolumesReady"

/* THE NODE */

/* Labels whose value is one node's. */
static const char *const node_keys[] = { "/hostname", "/node" };

static int is_node_key(const char *key)
{
	size_t len = strlen(key);

	for (size_t i = 0; i < BW_ARRAY_SIZE(node_keys); i++) {
		size_t n = strlen(node_keys[i]);

		if (len >= n && strcmp(key + len - n, node_keys[i]) == 0)
			return 1;
	}
	return 0;
}

/* The node of one alternative; NULL: it names none, or several. */
static const char *node_of(
	const struct bw_k_persistent_volume_node_affinity_required_node_selector_term *t)
{
	for (size_t i = 0; i < t->match_expressions.n; i++)
		if (t->match_expressions.items[i].key &&
		    is_node_key(t->match_expressions.items[i].key) &&
		    t->match_expressions.items[i].operator&&
			    strcmp(t->match_expressions.items[i].operator, "In") == 0 &&
		    t->match_expressions.items[i].values.n == 1)
			return t->match_expressions.items[i].values.items[0];
	for (size_t i = 0; i < t->match_fields.n; i++)
		if (t->match_fields.items[i].operator&&
			    strcmp(t->match_fields.items[i].operator, "In") == 0 &&
		    t->match_fields.items[i].values.n == 1)
			return t->match_fields.items[i].values.items[0];
	return NULL;
}

void unit_volume_node(const struct ctl_unit *c, const char *pv, struct unit_volume *v)
{
	BW_CLEANUP(bw_k_persistent_volume_done) struct bw_k_persistent_volume p = { 0 };
	struct bw_kube_object *o = pv ? bw_kube_store_get(c->st.pvs, NULL, pv) : NULL;
	const char *node = NULL;

	if (!o || bw_k_persistent_volume_decode(o->text, o->size, &p, NULL) < 0)
		return;
	for (size_t i = 0; i < p.spec.node_affinity.required.node_selector_terms.n; i++) {
		const char *is =
			node_of(&p.spec.node_affinity.required.node_selector_terms.items[i]);

		if (!is || (node && strcmp(node, is) != 0))
			return;
		node = is;
	}
	(void)snprintf(v->node, sizeof(v->node), "%s", node ? node : ""); /* bounded, ignoring */
}

/* THE CLAIM */

static void put_pairs(struct bw_json_build *b, struct cJSON *to, const struct bw_kube_pair *pairs,
		      size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strncmp(pairs[i].key, UNIT_PREFIX, strlen(UNIT_PREFIX)) != 0)
			bw_json_put_str(b, to, pairs[i].key, pairs[i].value);
}

static void plan_create(struct unit_run *k, const struct unit_volume *v,
			const struct bw_db_unit_volume_claim_template *t)
{
	bw_autobuild struct bw_json_build b = { 0 };
	const struct bw_kube_meta *m = &k->unit->meta;
	struct cJSON *root = bw_json_build_object(&b);
	struct bw_kube_request r = { .verb = BW_KUBE_CREATE,
				     .kind = &bw_kind_persistentvolumeclaim,
				     .namespace = m->namespace,
				     .name = v->claim };
	struct cJSON *meta;
	struct cJSON *labels;

	bw_json_put_str(&b, root, "apiVersion", "v1");
	bw_json_put_str(&b, root, "kind", "PersistentVolumeClaim");
	meta = bw_json_put_object(&b, root, "metadata");
	bw_json_put_str(&b, meta, "name", v->claim);
	bw_json_put_str(&b, meta, "namespace", m->namespace);
	labels = bw_json_put_object(&b, meta, "labels");
	put_pairs(&b, labels, t->metadata.labels.items, t->metadata.labels.n);
	bw_json_put_str(&b, labels, UNIT_LABEL, m->name);
	bw_json_put_str(&b, labels, UNIT_LABEL_VOLUME, v->name);
	if (k->act.acting && !k->act.going_back && k->act.type == BW_DB_UNIT_ACTION_TYPE_REBUILD)
		bw_json_put_str(&b, labels, UNIT_LABEL_REBUILD, k->act.id);
	if (t->metadata.annotations.n)
		put_pairs(&b, bw_json_put_object(&b, meta, "annotations"),
			  t->metadata.annotations.items, t->metadata.annotations.n);
	bw_json_put_tree(&b, root, "spec", t->spec.raw);
	ctl_write(k->plan, &r, &b, unit_done_create, NULL);
}

static const struct {
	const char *reason; /* NULL: nothing is wrong */
	const char *text; /* behind "volume claim NAME " */
} wrong[] = {
	[UNIT_VOLUME_NONE] = { "Creating", "is being made" },
	[UNIT_VOLUME_FOREIGN] = { "VolumeForeign",
				  "exists and is not labelled as this Unit's: label it "
				  "with " UNIT_LABEL " and " UNIT_LABEL_VOLUME
				  " to let the Unit have it" },
	[UNIT_VOLUME_LEAVING] = { "VolumeLeaving",
				  "is being deleted; another one is made when it is gone" },
	[UNIT_VOLUME_LOST] = { "VolumeLost", "has lost its volume" },
	[UNIT_VOLUME_THERE] = { NULL, NULL },
};

void unit_volumes(struct unit_run *k)
{
	const struct bw_db_unit_spec *s = &k->unit->spec;
	const struct unit_volume *bad = NULL;
	char text[BW_KUBE_COND_TEXT_MAX] = "";

	if (k->n_volumes == 0) {
		bw_kube_conds_clear(&k->conds, CONDITION);
		return;
	}
	for (size_t i = 0; i < k->n_volumes; i++) {
		struct unit_volume *v = &k->volumes[i];

		if (v->state == UNIT_VOLUME_NONE && !k->exchanging && !k->invalid &&
		    !s->maintenance && !unit_volume_comes_back(k, v->name)) {
			if (unit_volume_is_news(k, v->name))
				unit_live_unit(k);
			plan_create(k, v, &s->volume_claim_templates.items[i]);
			v->state = UNIT_VOLUME_THERE;
			v->phase = BW_DB_UNIT_STATUS_VOLUME_PHASE_PENDING;
		}
		if (!bad && wrong[v->state].reason)
			bad = v;
	}
	if (!bad) {
		bw_kube_conds_set(&k->conds, CONDITION, 1, "Ready", k->unit->meta.generation,
				  "every volume has its claim");
		return;
	}
	(void)snprintf(text, sizeof(text), "volume claim %s %s", bad->claim,
		       wrong[bad->state].text); /* may be cut, ignoring */
	if (bad->state == UNIT_VOLUME_FOREIGN || bad->state == UNIT_VOLUME_LOST)
		unit_warn(k, CONDITION, 0, wrong[bad->state].reason, text);
	else
		bw_kube_conds_set(&k->conds, CONDITION, 0, wrong[bad->state].reason,
				  k->unit->meta.generation, "%s", text);
	unit_wait(k, wrong[bad->state].reason, "%s", text);
}
