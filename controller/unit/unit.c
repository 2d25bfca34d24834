/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Unit's reconcile: look at what there is, let each step add to the plan, and say in the status
 * what was found. Steps only ever look at the cache; what they build on is checked by the server
 * (names, UIDs, resourceVersions), so a pass that ends anywhere is repeated without harm.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <bw/err.h>

#include "impl.h"

#define NOT_FOLLOWED "NotFollowed"

void unit_wait(struct unit_run *k, const char *reason, const char *fmt, ...)
{
	va_list ap;

	if (k->reason[0])
		return;
	(void)snprintf(k->reason, sizeof(k->reason), "%s", reason); /* fits, ignoring */
	va_start(ap, fmt);
	(void)vsnprintf(k->task, sizeof(k->task), fmt, ap); /* a longer text is cut, ignoring */
	va_end(ap);
}

void unit_warn(struct unit_run *k, const char *type, int status, const char *reason,
	       const char *text)
{
	const struct bw_kube_cond *was = bw_kube_conds_get(&k->conds, type);
	int news = !was || was->status != status || strcmp(was->reason, reason) != 0;

	bw_kube_conds_set(&k->conds, type, status, reason, k->unit->meta.generation, "%s", text);
	for (size_t i = 0; i < k->conds.n; i++) {
		struct bw_kube_cond *c = &k->conds.v[i];

		/* That the same holds of a newer spec is worth a write. */
		if (strcmp(c->type, type) == 0 && c->generation != k->unit->meta.generation) {
			c->generation = k->unit->meta.generation;
			k->conds.changed = 1;
		}
	}
	if (news)
		bw_plan_event(k->plan, k->o, BW_EVENT_WARNING, reason, "%s", text);
}

/* What the kind has and this version does not do: who asks for it is told so. */
static void tell_what_is_not_done(struct unit_run *k)
{
	if (unit_signal_is_followed(k))
		bw_kube_conds_clear(&k->conds, NOT_FOLLOWED);
	else
		unit_warn(k, NOT_FOLLOWED, 1, NOT_FOLLOWED,
			  "this version of barewire does not follow spec.config.onChange: Signal");
}

enum bw_plan_next unit_done_create(const struct bw_kube_answer *a, void *arg)
{
	(void)arg;
	if (a->result == BW_KUBE_INVALID)
		return BW_PLAN_PARK;
	if (a->result == BW_KUBE_EXISTS)
		return BW_PLAN_AGAIN;
	return a->result == BW_KUBE_OK ? BW_PLAN_GO_ON : BW_PLAN_FAIL;
}

static void decide(struct unit_run *k)
{
	const struct bw_kube_meta *m = &k->unit->meta;

	if (m->deleting) {
		unit_end(k);
		return;
	}
	if (!bw_kube_has_finalizer(m, UNIT_FINALIZER)) {
		ctl_write_finalizer(k->plan, &bw_kind_unit, m, UNIT_FINALIZER, 1);
		return;
	}
	unit_check(k);
	unit_claim(k);
	unit_rebuild(k);
	unit_volumes(k);
	unit_modes(k);
	unit_config(k);
	tell_what_is_not_done(k);
	unit_action(k);
	unit_pod(k);
	unit_resize_say(k);
	unit_service(k);
	unit_endpoints(k);
	unit_signal(k);
	unit_status(k);
}

int unit_reconcile(const char *ns, const char *name, struct bw_kube_object *o, struct bw_plan *plan,
		   void *ctl, struct bw_err *err)
{
	BW_CLEANUP(bw_db_unit_done) struct bw_db_unit unit = { 0 };
	bw_autofree struct unit_run *k = NULL;
	struct bw_err bad = { 0 };
	int r;

	if (!o)
		return 0;
	if (bw_db_unit_decode(o->text, o->size, &unit, &bad) < 0) {
		/* Nothing will help but a change of the object, which asks again. */
		bw_plan_event(plan, o, BW_EVENT_WARNING, "UnitInvalid", "%s", bad.msg);
		return 0;
	}
	k = calloc(1, sizeof(*k));
	if (!k)
		return bw_fail(err, ENOMEM, "reconcile Unit %s/%s", ns, name);
	k->c = ctl;
	k->o = o;
	k->unit = &unit;
	k->plan = plan;
	bw_kube_conds_load(&k->conds, unit.status.conditions.items, unit.status.conditions.n);
	r = unit_look(k, err);
	if (r == 0)
		decide(k);
	unit_look_done(k);
	return r;
}
