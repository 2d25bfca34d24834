/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Secrets, read by name and only those that a template names: nobody lists or watches them. What
 * was read is good for a while, is never put anywhere but into files, and is overwritten before it
 * is freed.
 */
#include <stdio.h>
#include <string.h>

#include <bw/loop.h>

#include "impl.h"

#define READS_MAX 4096 /* the oldest goes: it is read again */
#define FRESH_NS (300 * 1000000000LL) /* what changes is seen by then */
#define FRESH_MISSING_NS (25 * 1000000000LL) /* less than UNIT_RETRY_MS */
#define KEPT_NS (900 * 1000000000LL) /* what nobody asked for again is forgotten */

struct unit_read {
	struct bw_list node;
	char ns[BW_KUBE_NS_MAX + 1];
	char name[BW_KUBE_NAME_MAX + 1];
	int64_t at_ns;
	enum unit_read_state state;
	struct bw_k_secret secret;
};

struct reading {
	struct ctl_unit *c;
	char ns[BW_KUBE_NS_MAX + 1];
	char name[BW_KUBE_NAME_MAX + 1];
	uint8_t again; /* it is known already, and may have changed */
};

void unit_secret_wipe(struct bw_k_secret *s)
{
	for (size_t i = 0; i < s->data.n; i++) {
		char *value = (char *)(uintptr_t)s->data.items[i].value; /* of .doc, ours */

		explicit_bzero(value, strlen(value));
	}
	bw_k_secret_done(s);
}

static void drop(struct ctl_unit *c, struct unit_read *r)
{
	bw_list_del(&r->node);
	unit_secret_wipe(&r->secret);
	free(r);
	c->n_reads--;
}

void unit_secrets_free(struct ctl_unit *c)
{
	bw_list_for_each (i, &c->reads)
		drop(c, bw_list_entry(i, struct unit_read, node));
}

static struct unit_read *find(const struct ctl_unit *c, const char *ns, const char *name)
{
	bw_list_for_each (i, (struct bw_list *)&c->reads) {
		struct unit_read *r = bw_list_entry(i, struct unit_read, node);

		if (strcmp(r->ns, ns) == 0 && strcmp(r->name, name) == 0)
			return r;
	}
	return NULL;
}

static void drop_old(struct ctl_unit *c, int64_t now)
{
	bw_list_for_each (i, &c->reads) {
		struct unit_read *r = bw_list_entry(i, struct unit_read, node);

		if (now - r->at_ns > KEPT_NS || c->n_reads >= READS_MAX)
			drop(c, r);
	}
}

static enum unit_read_state state_of(const struct bw_kube_answer *a, struct bw_k_secret *ret)
{
	if (a->result == BW_KUBE_NOT_FOUND)
		return UNIT_READ_MISSING;
	if (a->result == BW_KUBE_FORBIDDEN)
		return UNIT_READ_FORBIDDEN;
	if (a->result != BW_KUBE_OK || !a->body ||
	    bw_k_secret_decode(a->body, a->body_size, ret, NULL) < 0 || !*ret->meta.rv)
		return UNIT_READ_ASKED;
	return UNIT_READ_THERE;
}

/* Return: 0; -EIO nothing can be said; -ENOMEM. @ret_news: it is not what was known. */
static int learn(struct ctl_unit *c, const char *ns, const char *name,
		 const struct bw_kube_answer *a, int *ret_news)
{
	int64_t now = bw_loop_now_ns(c->loop);
	struct bw_k_secret secret = { 0 };
	enum unit_read_state state = state_of(a, &secret);
	struct unit_read *old = find(c, ns, name);
	struct unit_read *r;

	*ret_news = 0;
	if (state == UNIT_READ_ASKED)
		return -EIO;
	*ret_news = !old || old->state != state ||
		    (state == UNIT_READ_THERE && strcmp(old->secret.meta.rv, secret.meta.rv) != 0);
	if (old)
		drop(c, old);
	drop_old(c, now);
	r = calloc(1, sizeof(*r));
	if (!r) {
		unit_secret_wipe(&secret);
		return -ENOMEM;
	}
	r->at_ns = now;
	r->state = state;
	r->secret = secret;
	/* Both are bounded, ignoring. */
	(void)snprintf(r->ns, sizeof(r->ns), "%s", ns);
	(void)snprintf(r->name, sizeof(r->name), "%s", name);
	bw_list_add_tail(&c->reads, &r->node);
	c->n_reads++;
	return 0;
}

void unit_secret_answer(struct ctl_unit *c, const char *ns, const char *name,
			const struct bw_kube_answer *a)
{
	struct unit_read *old = find(c, ns, name);
	int news;

	if (learn(c, ns, name, a, &news) < 0 && old)
		drop(c, old); /* read again */
}

static enum bw_plan_next done(const struct bw_kube_answer *a, void *arg)
{
	const struct reading *g = arg;
	struct unit_read *old;
	int news;

	if (learn(g->c, g->ns, g->name, a, &news) == 0)
		return news ? BW_PLAN_AGAIN : BW_PLAN_GO_ON;
	/* A server that cannot read Secrets now takes nothing away from who has them. */
	old = g->again ? find(g->c, g->ns, g->name) : NULL;
	if (!old)
		return BW_PLAN_FAIL;
	old->at_ns = bw_loop_now_ns(g->c->loop) - FRESH_NS + UNIT_RETRY_MS * 1000000LL;
	return BW_PLAN_GO_ON;
}

static void plan_read(struct unit_run *k, const char *name, int again)
{
	struct reading *g = bw_plan_alloc(k->plan, sizeof(*g));
	const struct bw_kube_request r = { .verb = BW_KUBE_GET,
					   .kind = &bw_kind_secret,
					   .namespace = k->unit->meta.namespace,
					   .name = name };

	if (!g)
		return;
	g->c = k->c;
	g->again = again != 0;
	/* Both are bounded, ignoring. */
	(void)snprintf(g->ns, sizeof(g->ns), "%s", k->unit->meta.namespace);
	(void)snprintf(g->name, sizeof(g->name), "%s", name);
	bw_plan_write(k->plan, &r, done, g);
}

enum unit_read_state unit_secret(struct unit_run *k, const char *name,
				 const struct bw_k_secret **ret)
{
	struct unit_read *r = find(k->c, k->unit->meta.namespace, name);
	int64_t fresh;
	int64_t left;

	*ret = NULL;
	if (!r) {
		plan_read(k, name, 0);
		return UNIT_READ_ASKED;
	}
	fresh = r->state == UNIT_READ_THERE ? FRESH_NS : FRESH_MISSING_NS;
	left = r->at_ns + fresh - bw_loop_now_ns(k->c->loop);
	if (left <= 0)
		plan_read(k, name, 1);
	bw_plan_requeue_after(k->plan, (left > 0 ? left : fresh) / 1000000 + 1);
	if (r->state == UNIT_READ_THERE)
		*ret = &r->secret;
	return r->state;
}
