/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Objects beside the pod: the configuration's, the Service, its slices. One that cannot be made
 * stands in nobody's way: what the server said is remembered for half a minute, and told. One that
 * exists already and that no watch has shown is read: it may be ours, and its watch behind.
 */
#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "impl.h"

#define REFUSALS_MAX 1024 /* the oldest goes: it is asked again */

struct making {
	struct ctl_unit *c;
	const struct bw_kube_kind *kind;
	char ns[BW_KUBE_NS_MAX + 1];
	char name[BW_KUBE_NAME_MAX + 1];
	char unit[BW_KUBE_NAME_MAX + 1];
	char uid[BW_KUBE_UID_MAX + 1]; /* of the Unit */
};

static void drop(struct ctl_unit *c, struct unit_refusal *r)
{
	bw_list_del(&r->node);
	free(r);
	c->n_refusals--;
}

void unit_refusals_free(struct ctl_unit *c)
{
	bw_list_for_each (i, &c->refusals)
		drop(c, bw_list_entry(i, struct unit_refusal, node));
}

static struct unit_refusal *find(const struct ctl_unit *c, const struct bw_kube_kind *kind,
				 const char *ns, const char *name)
{
	bw_list_for_each (i, (struct bw_list *)&c->refusals) {
		struct unit_refusal *r = bw_list_entry(i, struct unit_refusal, node);

		if (r->kind == kind && strcmp(r->ns, ns) == 0 && strcmp(r->name, name) == 0)
			return r;
	}
	return NULL;
}

const struct unit_refusal *unit_refused(struct unit_run *k, const struct bw_kube_kind *kind,
					const char *name)
{
	struct unit_refusal *r = find(k->c, kind, k->unit->meta.namespace, name);
	int64_t left_ns;

	if (!r)
		return NULL;
	left_ns = r->until_ns - bw_loop_now_ns(k->c->loop);
	if (left_ns <= 0) {
		drop(k->c, r);
		return NULL;
	}
	bw_plan_requeue_after(k->plan, left_ns / 1000000 + 1);
	return r;
}

/* What the server says of a Secret may quote it. */
static const char *words_of(const struct making *m, const struct bw_kube_answer *a)
{
	if (m->kind == &bw_kind_secret)
		return a->result == BW_KUBE_FORBIDDEN ? "the controller may not write it"
						      : "the server refuses it";
	return a->message ? a->message : "";
}

/* Return: 0; -ENOMEM. */
static int remember(const struct making *m, const struct bw_kube_answer *a)
{
	struct unit_refusal *r = find(m->c, m->kind, m->ns, m->name);

	if (r)
		drop(m->c, r);
	if (m->c->n_refusals == REFUSALS_MAX)
		drop(m->c, bw_list_entry(m->c->refusals.next, struct unit_refusal, node));
	r = calloc(1, sizeof(*r));
	if (!r)
		return -ENOMEM;
	r->kind = m->kind;
	r->exists = a->result == BW_KUBE_EXISTS;
	/* Secrets are read as it is, whatever came of the write. */
	r->whose = m->kind == &bw_kind_secret ? UNIT_SOMEBODYS : UNIT_NOBODYS;
	r->until_ns = bw_loop_now_ns(m->c->loop) + UNIT_RETRY_MS * 1000000LL;
	/* All are bounded or may be cut, ignoring. */
	(void)snprintf(r->ns, sizeof(r->ns), "%s", m->ns);
	(void)snprintf(r->name, sizeof(r->name), "%s", m->name);
	(void)snprintf(r->text, sizeof(r->text), "%s", words_of(m, a));
	bw_json_clean(r->text);
	bw_list_add_tail(&m->c->refusals, &r->node);
	m->c->n_refusals++;
	return 0;
}

static enum bw_plan_next done(const struct bw_kube_answer *a, void *arg)
{
	const struct making *m = arg;

	/* Nobody watches Secrets: the answer is what is known of it. */
	if (m->kind == &bw_kind_secret)
		unit_secret_answer(m->c, m->ns, m->name, a);
	if (a->result == BW_KUBE_OK)
		return m->kind == &bw_kind_secret ? BW_PLAN_AGAIN : BW_PLAN_GO_ON;
	if (a->result == BW_KUBE_NOT_FOUND)
		return BW_PLAN_AGAIN;
	if (a->result != BW_KUBE_EXISTS && a->result != BW_KUBE_INVALID &&
	    a->result != BW_KUBE_FORBIDDEN)
		return BW_PLAN_FAIL;
	return remember(m, a) < 0 ? BW_PLAN_FAIL : BW_PLAN_AGAIN;
}

static struct making *making_new(struct unit_run *k, const struct bw_kube_kind *kind,
				 const char *name)
{
	struct making *m = bw_plan_alloc(k->plan, sizeof(*m));

	if (!m)
		return NULL;
	m->c = k->c;
	m->kind = kind;
	/* Both are bounded, ignoring. */
	(void)snprintf(m->ns, sizeof(m->ns), "%s", k->unit->meta.namespace);
	(void)snprintf(m->name, sizeof(m->name), "%s", name);
	(void)snprintf(m->unit, sizeof(m->unit), "%s", k->unit->meta.name);
	(void)snprintf(m->uid, sizeof(m->uid), "%s", k->unit->meta.uid);
	return m;
}

/* Whose it is. What is ours without our label no watch ever shows: it is as good as another's. */
static enum unit_whose judge(const struct making *m, const struct bw_kube_meta *is)
{
	enum unit_whose whose = unit_whose_by_uid(m->uid, is);
	const char *label = bw_kube_label(is, UNIT_LABEL);

	return whose == UNIT_OURS && (!label || strcmp(label, m->unit) != 0) ? UNIT_SOMEBODYS
									     : whose;
}

/* Return: 0; -EINVAL it is no object; -ENOMEM. */
static int whose_is(const struct making *m, const struct bw_kube_answer *a, enum unit_whose *ret)
{
	struct cJSON *root = NULL;
	struct bw_kube_meta is = { 0 };
	int r = a->body ? bw_json_parse(a->body, a->body_size, &root, NULL) : -EINVAL;

	if (r == 0)
		r = bw_json_decode(bw_json_get(root, "metadata"), &bw_kube_meta_table, NULL, &is,
				   NULL);
	if (r == 0)
		*ret = judge(m, &is);
	bw_json_done(&bw_kube_meta_table, &is);
	cJSON_Delete(root);
	return r;
}

static enum bw_plan_next looked(const struct bw_kube_answer *a, void *arg)
{
	const struct making *m = arg;
	struct unit_refusal *r = find(m->c, m->kind, m->ns, m->name);
	enum unit_whose whose = UNIT_NOBODYS;

	if (a->result == BW_KUBE_NOT_FOUND && r)
		drop(m->c, r);
	if (a->result == BW_KUBE_NOT_FOUND || !r)
		return BW_PLAN_AGAIN;
	if (a->result != BW_KUBE_OK || whose_is(m, a, &whose) < 0)
		return BW_PLAN_FAIL;
	r->whose = (uint8_t)whose;
	return BW_PLAN_AGAIN;
}

static void plan_look(struct unit_run *k, const struct bw_kube_kind *kind, const char *name)
{
	struct making *m = making_new(k, kind, name);
	const struct bw_kube_request r = { .verb = BW_KUBE_GET,
					   .kind = kind,
					   .namespace = k->unit->meta.namespace,
					   .name = name };

	if (m)
		bw_plan_write(k->plan, &r, looked, m);
}

void unit_make(struct unit_run *k, enum bw_kube_verb verb, const struct bw_kube_kind *kind,
	       const char *name, struct bw_json_build *b)
{
	struct making *m = making_new(k, kind, name);
	struct bw_kube_request r = {
		.verb = verb, .kind = kind, .namespace = k->unit->meta.namespace, .name = name
	};

	if (m)
		ctl_write(k->plan, &r, b, done, m);
}

/* @rv: NULL = whatever it has become. */
static void unmake(struct unit_run *k, const struct bw_kube_kind *kind,
		   const struct bw_kube_meta *m, const char *rv)
{
	struct making *d = making_new(k, kind, m->name);
	const struct bw_kube_request r = { .verb = BW_KUBE_DELETE,
					   .kind = kind,
					   .namespace = m->namespace,
					   .name = m->name,
					   .uid = m->uid,
					   .resource_version = rv,
					   .grace_s = -1 };

	if (d)
		bw_plan_write(k->plan, &r, done, d);
}

void unit_unmake(struct unit_run *k, const struct bw_kube_kind *kind, const struct bw_kube_meta *m)
{
	unmake(k, kind, m, NULL);
}

void unit_unmake_seen(struct unit_run *k, const struct bw_kube_kind *kind,
		      const struct bw_kube_meta *m)
{
	unmake(k, kind, m, m->rv);
}

struct cJSON *unit_put_head(const struct unit_run *k, struct bw_json_build *b, const char *api,
			    const char *kind, const char *name)
{
	struct cJSON *root = bw_json_build_object(b);
	struct cJSON *meta;

	bw_json_put_str(b, root, "apiVersion", api);
	bw_json_put_str(b, root, "kind", kind);
	meta = bw_json_put_object(b, root, "metadata");
	bw_json_put_str(b, meta, "name", name);
	bw_json_put_str(b, meta, "namespace", k->unit->meta.namespace);
	bw_json_put_str(b, bw_json_put_object(b, meta, "labels"), UNIT_LABEL, k->unit->meta.name);
	unit_put_owner(k, b, meta, 1);
	return root;
}

int unit_say_foreign(struct unit_run *k, const char *type, const char *what, const char *name,
		     enum unit_whose whose, const struct unit_refusal *refused)
{
	char text[BW_KUBE_COND_TEXT_MAX];

	if (whose == UNIT_OURS && refused && refused->exists)
		refused = NULL; /* it was seen since */
	if (whose == UNIT_NOBODYS && refused && refused->exists) {
		whose = (enum unit_whose)refused->whose;
		if (whose == UNIT_NOBODYS)
			plan_look(k, refused->kind, name);
		if (whose <= UNIT_OURS)
			return 1; /* nobody can say yet, or its watch will show it */
	}
	if (whose <= UNIT_OURS && !refused)
		return 0;
	if (whose == UNIT_EARLIER)
		(void)snprintf(text, sizeof(text), "waits for %s %s of an earlier Unit to go", what,
			       name);
	else if (refused && !refused->exists)
		(void)snprintf(text, sizeof(text), "%s %s cannot be written: %s", what, name,
			       refused->text);
	else
		(void)snprintf(text, sizeof(text),
			       "%s %s exists and is not this Unit's: delete it, or give the Unit "
			       "another name",
			       what, name);
	/* All may be cut, ignoring. */
	unit_warn(k, type, 1,
		  whose == UNIT_EARLIER         ? "Leaving"
		  : refused && !refused->exists ? "Refused"
						: "Foreign",
		  text);
	return 1;
}
