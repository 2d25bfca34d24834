/* SPDX-License-Identifier: Apache-2.0 */
/* The end of a Unit: its pod, then its claim, then what the spec says of its volumes. */
#include <stdio.h>
#include <string.h>

#include "impl.h"

static void plan_delete(struct unit_run *k, const struct bw_kube_kind *kind,
			const struct bw_kube_meta *m)
{
	const struct bw_kube_request r = { .verb = BW_KUBE_DELETE,
					   .kind = kind,
					   .namespace = m->namespace,
					   .name = m->name,
					   .uid = m->uid };

	bw_plan_write(k->plan, &r, NULL, NULL);
}

/* Return: it is still there. */
static int end_pod(struct unit_run *k)
{
	if (k->pod_state == UNIT_POD_NONE || k->pod_state == UNIT_POD_FOREIGN)
		return 0;
	unit_wait(k, "Deleting", "waits for the pod to end");
	if (k->pod_o && !k->pod.meta.deleting)
		plan_delete(k, &bw_kind_pod, &k->pod.meta);
	return 1;
}

static int end_claim(struct unit_run *k)
{
	const struct bw_kube_condition *c;

	if (k->claim_state == UNIT_CLAIM_NONE || k->claim_state == UNIT_CLAIM_FOREIGN ||
	    k->claim_state == UNIT_CLAIM_EARLIER)
		return 0;
	c = bw_kube_condition_get(k->claim.status.conditions.items, k->claim.status.conditions.n,
				  "Bound");
	unit_wait(k, "Deleting", "waits for the claim to be released%s%s",
		  c && c->reason && c->message && strcmp(c->reason, "Releasing") == 0 ? ": " : "",
		  c && c->reason && c->message && strcmp(c->reason, "Releasing") == 0 ? c->message
										      : "");
	if (k->claim_state != UNIT_CLAIM_LEAVING)
		plan_delete(k, &bw_kind_networkclaim, &k->claim.meta);
	return 1;
}

static void plan_owner(struct unit_run *k, const struct bw_k_persistent_volume_claim *p)
{
	bw_autobuild struct bw_json_build b = { 0 };
	struct bw_kube_request r = { .verb = BW_KUBE_MERGE,
				     .kind = &bw_kind_persistentvolumeclaim,
				     .namespace = p->meta.namespace,
				     .name = p->meta.name };
	struct cJSON *meta;
	const struct cJSON *owners =
		bw_json_get(bw_json_get(p->doc, "metadata"), "ownerReferences");

	(void)ctl_body_cas(&b, p->meta.rv); /* the builder remembers a failure, ignoring */
	meta = (struct cJSON *)(uintptr_t)bw_json_get(b.root, "metadata");
	if (owners)
		bw_json_put_tree(&b, meta, "ownerReferences", owners);
	unit_put_owner(k, &b, meta, 0);
	ctl_write(k->plan, &r, &b, ctl_done_cas, NULL);
}

static int owned(const struct unit_run *k, const struct bw_kube_meta *m)
{
	for (size_t i = 0; i < m->owners.n; i++)
		if (m->owners.items[i].uid &&
		    strcmp(m->owners.items[i].uid, k->unit->meta.uid) == 0)
			return 1;
	return 0;
}

static int hand_over(struct bw_kube_object *o, void *arg)
{
	BW_CLEANUP(bw_k_persistent_volume_claim_done) struct bw_k_persistent_volume_claim p = { 0 };
	struct unit_run *k = arg;
	const char *unit;

	if (bw_k_persistent_volume_claim_decode(o->text, o->size, &p, NULL) < 0)
		return 0;
	unit = bw_kube_label(&p.meta, UNIT_LABEL);
	if (unit && strcmp(unit, k->unit->meta.name) == 0 &&
	    bw_kube_label(&p.meta, UNIT_LABEL_VOLUME) && !p.meta.deleting && !owned(k, &p.meta))
		plan_owner(k, &p);
	return 0;
}

void unit_end(struct unit_run *k)
{
	const struct bw_db_unit_spec *s = &k->unit->spec;

	if (!bw_kube_has_finalizer(&k->unit->meta, UNIT_FINALIZER))
		return;
	if (end_pod(k) || end_claim(k)) {
		unit_endpoints(k);
		unit_status(k);
		return;
	}
	/* The garbage collector has them when the Unit is gone, and not before. */
	if (s->has_volume_retain_policy &&
	    s->volume_retain_policy.when_deleted ==
		    BW_DB_UNIT_VOLUME_RETAIN_POLICY_WHEN_DELETED_DELETE)
		(void)bw_kube_store_each(k->c->st.volumes, k->unit->meta.namespace, hand_over,
					 k); /* never stops, ignoring */
	ctl_write_finalizer(k->plan, &bw_kind_unit, &k->unit->meta, UNIT_FINALIZER, 0);
}
