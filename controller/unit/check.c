/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The template, judged by the server: the pod is created for a trial before anything is touched.
 * What was found of a generation is in the status; a refusal on its way there is a verdict.
 */
#include <stdio.h>
#include <string.h>

#include <bw/err.h>

#include "impl.h"

#define INVALID "TemplateInvalid"
#define FORBIDDEN "PodForbidden"

/* VERDICTS */

static void drop(struct ctl_unit *c, struct unit_verdict *v)
{
	bw_list_del(&v->node);
	free(v);
	c->n_verdicts--;
}

void unit_verdicts_free(struct ctl_unit *c)
{
	bw_list_for_each (i, &c->verdicts)
		drop(c, bw_list_entry(i, struct unit_verdict, node));
}

static struct unit_verdict *verdict_of(const struct ctl_unit *c, const char *uid)
{
	bw_list_for_each (i, (struct bw_list *)&c->verdicts) {
		struct unit_verdict *v = bw_list_entry(i, struct unit_verdict, node);

		if (strcmp(v->uid, uid) == 0)
			return v;
	}
	return NULL;
}

/* Return: 0; -ENOMEM. */
static int remember(const struct unit_trial *t, const struct bw_kube_answer *a)
{
	struct unit_verdict *v = verdict_of(t->c, t->uid);

	if (v)
		drop(t->c, v);
	if (t->c->n_verdicts == UNIT_VERDICTS_MAX)
		drop(t->c, bw_list_entry(t->c->verdicts.next, struct unit_verdict, node));
	v = calloc(1, sizeof(*v));
	if (!v)
		return -ENOMEM;
	/* Both are bounded or may be cut, ignoring. */
	(void)snprintf(v->uid, sizeof(v->uid), "%s", t->uid);
	(void)snprintf(v->text, sizeof(v->text), "%s", a->message ? a->message : "");
	bw_json_clean(v->text);
	v->generation = t->generation;
	v->forbidden = a->result == BW_KUBE_FORBIDDEN;
	bw_list_add_tail(&t->c->verdicts, &v->node);
	t->c->n_verdicts++;
	return 0;
}

struct unit_trial *unit_trial_new(struct unit_run *k, int dry)
{
	struct unit_trial *t = bw_plan_alloc(k->plan, sizeof(*t));

	if (!t)
		return NULL;
	t->c = k->c;
	t->generation = k->unit->meta.generation;
	t->dry = dry != 0;
	(void)snprintf(t->uid, sizeof(t->uid), "%s", k->unit->meta.uid); /* bounded, ignoring */
	return t;
}

/* That a pod of the name exists is said after it was judged. */
enum bw_plan_next unit_trial_done(const struct bw_kube_answer *a, void *arg)
{
	const struct unit_trial *t = arg;

	if (a->result == BW_KUBE_OK)
		return BW_PLAN_GO_ON;
	if (a->result == BW_KUBE_EXISTS)
		return t->dry ? BW_PLAN_GO_ON : BW_PLAN_AGAIN;
	if (a->result != BW_KUBE_INVALID && a->result != BW_KUBE_FORBIDDEN)
		return BW_PLAN_FAIL;
	return remember(t, a) < 0 ? BW_PLAN_FAIL : BW_PLAN_AGAIN;
}

/* THE STEP */

static void refuse(struct unit_run *k, const char *reason, const char *text)
{
	k->invalid = 1;
	k->failed = 1;
	unit_warn(k, INVALID, 1, reason, text);
	unit_wait(k, reason, "the server refuses the pod: %s", text);
	if (strcmp(reason, FORBIDDEN) == 0)
		bw_plan_requeue_after(k->plan, UNIT_RETRY_MS);
}

static void plan_trial(struct unit_run *k)
{
	bw_autobuild struct bw_json_build b = { 0 };
	const struct bw_kube_meta *m = &k->unit->meta;
	struct unit_trial *t = unit_trial_new(k, 1);
	struct bw_kube_request r = { .verb = BW_KUBE_CREATE,
				     .flags = BW_KUBE_F_DRY_RUN,
				     .kind = &bw_kind_pod,
				     .namespace = m->namespace,
				     .name = m->name };

	if (t && unit_build_pod(k, &b))
		ctl_write(k->plan, &r, &b, unit_trial_done, t);
	else
		(void)bw_plan_alloc(k->plan, SIZE_MAX); /* fails the plan */
}

static int is_known(const struct unit_run *k, const struct bw_kube_cond *c)
{
	return c && c->status && c->generation == k->unit->meta.generation &&
	       strcmp(c->reason, INVALID) == 0;
}

void unit_check(struct unit_run *k)
{
	const struct bw_kube_cond *c = bw_kube_conds_get(&k->conds, INVALID);
	struct unit_verdict *v = verdict_of(k->c, k->unit->meta.uid);
	struct unit_verdict told;

	if (!unit_main(k->unit)) {
		refuse(k, INVALID, "mainContainerName names no container of the template");
		return;
	}
	if (v) {
		told = *v;
		drop(k->c, v);
		if (told.generation == k->unit->meta.generation) {
			refuse(k, told.forbidden ? FORBIDDEN : INVALID, told.text);
			return;
		}
	}
	if (is_known(k, c)) {
		k->invalid = 1;
		k->failed = 1;
		unit_wait(k, INVALID, "the server refuses the pod: %s", c->message);
		return;
	}
	if (c || !k->unit->status.has_observed_generation ||
	    k->unit->status.observed_generation != k->unit->meta.generation)
		plan_trial(k);
	bw_kube_conds_clear(&k->conds, INVALID);
}
