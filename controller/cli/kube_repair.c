/* SPDX-License-Identifier: Apache-2.0 */
/*
 * barewire repair: what check found and no person must decide. It says what it will do, asks, and
 * does it; each step names an object by its UID, so what changed meanwhile is left alone.
 */
#include <stdio.h>
#include <string.h>

#include <bw/err.h>
#include <bw/json.h>

#include "kube_check.h"
#include "kube_cli.h"

#define SWEEP "net.barewire.dev/sweep"

/* One thing to do. */
struct step {
	const struct cli_finding *why; /* borrowed from the check */
	enum cli_cure cure;
	char uid[BW_KUBE_UID_MAX + 1];
	char owner[BW_KUBE_NAME_MAX + 64]; /* "StatefulSet redis" */
};

struct repair {
	struct cli_session *s;
	struct cli_check check;
	struct step *steps; /* owned; as many as differences */
	size_t n;
	size_t left; /* differences that a person decides */
	size_t failed;
};

static void repair_done(struct repair *r)
{
	cli_check_done(&r->check);
	free(r->steps);
}

/* PLANNING */

static int is_planned(const struct repair *r, const struct cli_finding *f)
{
	for (size_t i = 0; i < r->n; i++) {
		const struct cli_finding *why = r->steps[i].why;

		if (why && r->steps[i].cure == cli_kind_cure(f->kind) &&
		    strcmp(why->ns, f->ns) == 0 && strcmp(why->name, f->name) == 0)
			return 1;
	}
	return 0;
}

static void leave(struct repair *r, const struct cli_finding *f, const char *remedy)
{
	r->left++;
	/* Nobody reads what cannot be printed, ignoring: here and below. */
	(void)printf("left to you: %s%s%s%s%s\n  %s\n", cli_kind_str(f->kind),
		     f->where[0] ? " on " : "", f->where, ": ", f->text, remedy);
}

/* A pod that nothing makes again is not ours to end. Return: 1 planned, 0 not; -errno. */
static int plan_pod(struct repair *r, const struct cli_finding *f, struct step *step,
		    struct bw_err *err)
{
	BW_CLEANUP(bw_k_pod_done) struct bw_k_pod p = { 0 };
	bw_autobuf struct bw_buf text = { 0 };
	const struct bw_kube_owner *owner;
	int e = cli_session_get(r->s, &bw_kind_pod, f->ns, f->name, &text, err);

	if (e <= 0)
		return e; /* gone: the agent collects what is left */
	if (bw_k_pod_decode(text.data, text.size, &p, err) < 0 || !p.meta.uid)
		return -EBADMSG;
	if (p.meta.deleting || (f->uid[0] && strcmp(f->uid, p.meta.uid) != 0))
		return 0;
	owner = bw_kube_controller_of(&p.meta);
	if (!owner) {
		leave(r, f, "nothing makes this pod again: save its manifest, delete it, apply it");
		return 0;
	}
	/* A server's names and UIDs fit, ignoring. */
	(void)snprintf(step->uid, sizeof(step->uid), "%s", p.meta.uid);
	(void)snprintf(step->owner, sizeof(step->owner), "%s %s", owner->kind, owner->name);
	(void)printf("delete pod %s/%s of %s\n  %s: %s\n", f->ns, f->name, step->owner,
		     cli_kind_str(f->kind), f->text);
	return 1;
}

static int plan_one(struct repair *r, const struct cli_finding *f, struct bw_err *err)
{
	struct step step = { .why = f, .cure = cli_kind_cure(f->kind) };
	int e = 1;

	switch (step.cure) {
	case CLI_CURE_NONE:
		leave(r, f, cli_kind_remedy(f->kind));
		return 0;
	case CLI_CURE_POD:
		if (!f->name[0]) {
			leave(r, f, "the pod is not known: delete it by hand");
			return 0;
		}
		e = plan_pod(r, f, &step, err);
		break;
	case CLI_CURE_SWEEP:
		(void)printf("annotate pool %s with " SWEEP "=allow\n  %s\n", f->name, f->text);
		break;
	case CLI_CURE_SWEEP_END:
		(void)printf("remove the annotation " SWEEP " from pool %s\n  %s\n", f->name,
			     f->text);
		break;
	}
	if (e == 1)
		r->steps[r->n++] = step;
	return e < 0 ? e : 0;
}

static int plan(struct repair *r, struct bw_err *err)
{
	size_t n = cli_findings_differences(&r->check.found);
	int e = 0;

	r->steps = calloc(n + 1, sizeof(*r->steps));
	if (!r->steps)
		return bw_fail(err, ENOMEM, "plan a repair");
	for (size_t i = 0; i < n && e == 0; i++)
		if (!is_planned(r, &r->check.found.list[i]))
			e = plan_one(r, &r->check.found.list[i], err);
	return e;
}

/* DOING */

static int annotate(struct cli_session *s, const char *pool, const char *value, struct bw_err *err)
{
	bw_autobuild struct bw_json_build b = { 0 };
	bw_autojson struct cJSON *tree = NULL;
	bw_autofree char *body = NULL;
	struct cJSON *meta = bw_json_put_object(&b, bw_json_build_object(&b), "metadata");
	struct cJSON *notes = bw_json_put_object(&b, meta, "annotations");
	int r;

	bw_json_put_str(&b, notes, SWEEP, value ? value : "");
	r = bw_json_build_take(&b, &tree, err);
	if (r == 0)
		r = bw_json_print(tree, 0, &body, err);
	if (r < 0)
		return r;
	if (!value)
		return cli_session_merge(s, &bw_kind_networkpool, NULL, pool,
					 "{\"metadata\":{\"annotations\":{\"" SWEEP "\":null}}}",
					 err);
	return cli_session_merge(s, &bw_kind_networkpool, NULL, pool, body, err);
}

static int do_step(struct repair *r, const struct step *step, struct bw_err *err)
{
	const struct cli_finding *f = step->why;
	int e = 0;

	switch (step->cure) {
	case CLI_CURE_NONE:
		break;
	case CLI_CURE_POD:
		e = cli_session_delete(r->s, &bw_kind_pod, f->ns, f->name, step->uid, err);
		if (e >= 0)
			(void)printf("pod %s/%s: %s\n", f->ns, f->name,
				     e ? "deleted" : "is another meanwhile, left alone");
		break;
	case CLI_CURE_SWEEP:
		e = annotate(r->s, f->name, "allow", err);
		if (e == 0)
			(void)printf("pool %s: the sweep goes on; barewire repair in two minutes "
				     "removes the annotation\n",
				     f->name);
		break;
	case CLI_CURE_SWEEP_END:
		e = annotate(r->s, f->name, NULL, err);
		if (e == 0)
			(void)printf("pool %s: the annotation is removed\n", f->name);
		break;
	}
	return e < 0 ? e : 0;
}

static int carry_out(struct repair *r)
{
	for (size_t i = 0; i < r->n; i++) {
		struct bw_err err = { 0 };

		if (do_step(r, &r->steps[i], &err) < 0) {
			r->failed++;
			(void)cli_fail(&err); /* counted above, ignoring */
		}
	}
	return r->failed ? CLI_FAILED : r->left ? CLI_FOUND : CLI_OK;
}

int cli_kube_repair(struct cli_session *s)
{
	BW_CLEANUP(repair_done) struct repair r = { .s = s };
	struct bw_err err = { 0 };
	int e = cli_check_run(s, &r.check, &err);

	if (e == 0)
		e = plan(&r, &err);
	if (e < 0)
		return cli_fail(&err);
	if (!r.n) {
		(void)printf("%s\n", r.left ? "nothing that can be done here" : "nothing differs");
		return r.left ? CLI_FOUND : CLI_OK;
	}
	if (s->args->dry_run) {
		(void)printf("dry run: nothing was done\n");
		return CLI_FOUND;
	}
	return cli_ask(s->args, "repair", "--yes does it, --dry-run only says what") ? carry_out(&r)
										     : CLI_FOUND;
}
