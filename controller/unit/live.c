/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a plan must not believe of a cache: watches are behind each other by as long as they like,
 * and a pod on another volume, or a volume that nobody needs, is no write that a server refuses. It
 * is read live, in the plan, before the write that builds on it.
 */
#include <stdio.h>
#include <string.h>

#include "impl.h"

struct live {
	char uid[BW_KUBE_UID_MAX + 1];
	char rv[BW_KUBE_RV_MAX + 1];
};

static struct live *live_of(struct unit_run *k, const char *uid, const char *rv)
{
	struct live *l = bw_plan_alloc(k->plan, sizeof(*l));

	if (!l)
		return NULL;
	(void)snprintf(l->uid, sizeof(l->uid), "%s", uid); /* bounded, ignoring */
	(void)snprintf(l->rv, sizeof(l->rv), "%s", rv); /* bounded, ignoring */
	return l;
}

static int says(const struct bw_kube_answer *a, const char *member, const char *want)
{
	char is[BW_KUBE_UID_MAX + BW_KUBE_RV_MAX] = "";

	return a->body &&
	       bw_kube_text_copy(a->body, a->body_size, is, sizeof(is), "metadata", member) >= 0 &&
	       strcmp(is, want) == 0;
}

/* Of another version the event comes, and with it another plan. */
static enum bw_plan_next done_unit(const struct bw_kube_answer *a, void *arg)
{
	const struct live *l = arg;

	if (a->result == BW_KUBE_NOT_FOUND)
		return BW_PLAN_DONE;
	if (a->result != BW_KUBE_OK)
		return BW_PLAN_FAIL;
	return says(a, "uid", l->uid) && says(a, "resourceVersion", l->rv) ? BW_PLAN_GO_ON
									   : BW_PLAN_DONE;
}

void unit_live_unit(struct unit_run *k)
{
	const struct bw_kube_meta *m = &k->unit->meta;
	const struct bw_kube_request r = { .verb = BW_KUBE_GET,
					   .kind = &bw_kind_unit,
					   .namespace = m->namespace,
					   .name = m->name };
	struct live *l = live_of(k, m->uid, m->rv);

	if (l)
		bw_plan_write(k->plan, &r, done_unit, l);
}

static enum bw_plan_next done_volume(const struct bw_kube_answer *a, void *arg)
{
	const struct live *l = arg;
	char retained[BW_KUBE_NAME_MAX + 1];

	if (a->result == BW_KUBE_NOT_FOUND)
		return BW_PLAN_DONE;
	if (a->result != BW_KUBE_OK || !a->body)
		return BW_PLAN_FAIL;
	if (!says(a, "uid", l->uid) ||
	    bw_kube_text_copy(a->body, a->body_size, retained, sizeof(retained), "metadata",
			      "labels", UNIT_LABEL_RETAINED) >= 0)
		return BW_PLAN_DONE;
	return BW_PLAN_GO_ON;
}

void unit_live_volumes(struct unit_run *k)
{
	for (size_t i = 0; i < k->n_volumes; i++) {
		const struct bw_kube_object *o = k->volumes[i].o;
		struct bw_kube_request r = { .verb = BW_KUBE_GET,
					     .kind = &bw_kind_persistentvolumeclaim };
		struct live *l;

		if (!o)
			continue; /* this plan makes it */
		r.namespace = o->namespace;
		r.name = o->name;
		l = live_of(k, o->uid, "");
		if (l)
			bw_plan_write(k->plan, &r, done_volume, l);
	}
}
