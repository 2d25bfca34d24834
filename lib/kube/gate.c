/* SPDX-License-Identifier: Apache-2.0 */
/* Read your writes: a key rests until the cache shows what its last plan has done. */
#include <string.h>

#include <bw/kube_text.h>

#include "controller.h"

static void open_all(struct bw_controller_key *k)
{
	struct bw_controller *c = k->c;

	if (k->getting) {
		bw_kube_cancel(&k->call);
		k->getting = 0;
		k->calling = 0;
	}
	k->n_gates = 0;
	bw_list_del(&k->gated);
	bw_plan_free(&k->gate_text);
	bw_kube_queue_release(&c->queue, &k->item, bw_loop_now_ns(c->rt->loop));
	bw_controller_settle(c, k);
	bw_controller_pump(c);
}

static int same_kind(const struct bw_kube_kind *a, const struct bw_kube_kind *b)
{
	return a == b || (!strcmp(a->group, b->group) && !strcmp(a->plural, b->plural));
}

struct bw_kube_watcher *bw_kube_runtime_watcher(const struct bw_kube_runtime *rt,
						const struct bw_kube_watcher *after,
						const struct bw_kube_kind *kind,
						const char *namespace)
{
	struct bw_kube_watcher *w = after ? after->next : rt->watchers;

	for (; w; w = w->next) {
		const char *only = w->reflector.namespace;

		if (same_kind(bw_kube_store_kind(w->store), kind) &&
		    (!only || (namespace && !strcmp(only, namespace))))
			return w;
	}
	return NULL;
}

int bw_gate_reserve(struct bw_controller_key *k, size_t n)
{
	size_t cap = n * (k->c->rt->n_watchers ? k->c->rt->n_watchers : 1);
	struct bw_gate *gates;

	if (cap <= k->cap_gates)
		return 0;
	gates = reallocarray(k->gates, cap, sizeof(*gates));
	if (!gates)
		return -ENOMEM;
	k->gates = gates;
	k->cap_gates = cap;
	return 0;
}

static void copy(char *to, size_t cap, const char *from)
{
	size_t len = from ? strnlen(from, cap - 1) : 0;

	if (len)
		memcpy(to, from, len);
	to[len] = '\0';
}

/* Whether a selector that is the key of a label, no more, takes what the server has answered. */
static int has_label(const char *selector, const struct bw_kube_answer *a)
{
	char value[BW_KUBE_NAME_MAX + 1];

	return a->result == BW_KUBE_OK && a->body && !strpbrk(selector, "=!(, ") &&
	       bw_kube_text_copy(a->body, a->body_size, value, sizeof(value), "metadata", "labels",
				 selector) == 0;
}

/*
 * Whether the store will show it. What is not selected never comes; an object that is there leaves
 * with an event.
 */
static int shows(const struct bw_kube_watcher *w, const struct bw_gate *g,
		 const struct bw_kube_answer *a)
{
	const struct bw_kube_reflector *f = &w->reflector;

	if (!f->field_selector && !f->label_selector)
		return 1;
	if (g->name && bw_kube_store_get(w->store, g->namespace, g->name))
		return 1;
	return !f->field_selector && has_label(f->label_selector, a);
}

/* One gate for each store that will show the object. */
static void add(struct bw_controller_key *k, const struct bw_gate *g,
		const struct bw_kube_kind *kind, const struct bw_kube_answer *a)
{
	struct bw_kube_watcher *w = NULL;

	while ((w = bw_kube_runtime_watcher(k->c->rt, w, kind, g->namespace)) != NULL) {
		if (!shows(w, g, a))
			continue;
		if (k->n_gates == k->cap_gates)
			return;
		k->gates[k->n_gates] = *g;
		k->gates[k->n_gates++].store = w->store;
	}
}

/* The name of what a write was about: a POST has it in its body alone. */
static const char *name_of(struct bw_controller_key *k, const struct bw_kube_request *q)
{
	char name[BW_KUBE_NAME_MAX + 1];
	char *kept;

	if (q->name)
		return q->name;
	if (!q->body ||
	    bw_kube_text_copy(q->body, q->body_size, name, sizeof(name), "metadata", "name") < 0)
		return NULL;
	kept = bw_plan_alloc(k->plan, strlen(name) + 1);
	if (kept)
		memcpy(kept, name, strlen(name) + 1);
	return kept;
}

static int note_write(struct bw_controller_key *k, struct bw_gate *g, const struct bw_plan_step *s,
		      const struct bw_kube_answer *a)
{
	const char *sub = s->request.subresource;

	/* A token or an eviction answers with something else than the object. */
	if (sub && strcmp(sub, "status") != 0 && strcmp(sub, "scale") != 0)
		return 1;
	if (!a->body || bw_kube_text_copy(a->body, a->body_size, g->rv, sizeof(g->rv), "metadata",
					  "resourceVersion") < 0)
		return 1;
	if (!strcmp(g->rv, s->seen_rv))
		return 0; /* it was so already */
	g->type = BW_GATE_RV;
	add(k, g, s->request.kind, a);
	return 1;
}

static int note_delete(struct bw_controller_key *k, struct bw_gate *g, const struct bw_plan_step *s,
		       const struct bw_kube_answer *a)
{
	g->type = BW_GATE_GONE;
	copy(g->uid, sizeof(g->uid), s->request.uid);
	add(k, g, s->request.kind, a);
	return 1;
}

int bw_gate_note(struct bw_controller_key *k, const struct bw_plan_step *s,
		 const struct bw_kube_answer *a)
{
	const struct bw_kube_request *q = &s->request;
	struct bw_gate g = { .namespace = q->namespace };
	enum bw_kube_verb verb = q->verb;

	if (verb == BW_KUBE_GET || verb == BW_KUBE_LIST || verb == BW_KUBE_RAW || !q->kind ||
	    q->flags & BW_KUBE_F_DRY_RUN)
		return 0;
	g.name = name_of(k, q);
	if (verb == BW_KUBE_DELETE) {
		if (a->result != BW_KUBE_OK && a->result != BW_KUBE_NOT_FOUND)
			return 0;
		return note_delete(k, &g, s, a) && a->result == BW_KUBE_OK;
	}
	if (a->result == BW_KUBE_OK)
		return note_write(k, &g, s, a);
	if (a->result == BW_KUBE_EXISTS && verb == BW_KUBE_CREATE && g.name) {
		g.type = BW_GATE_PRESENT;
		add(k, &g, q->kind, a);
	} else if (a->result == BW_KUBE_CONFLICT && *s->seen_rv) {
		g.type = BW_GATE_CHANGED;
		copy(g.rv, sizeof(g.rv), s->seen_rv);
		add(k, &g, q->kind, a);
	}
	return 0;
}

static int is_open(const struct bw_gate *g)
{
	const struct bw_kube_object *o =
		g->name ? bw_kube_store_get(g->store, g->namespace, g->name) : NULL;

	switch (g->type) {
	case BW_GATE_RV:
		return bw_kube_rv_cmp(bw_kube_store_rv(g->store), g->rv) >= 0;
	case BW_GATE_GONE:
		return !o || o->deleting || (*g->uid && strcmp(o->uid, g->uid) != 0);
	case BW_GATE_PRESENT:
		return o != NULL;
	case BW_GATE_CHANGED:
		return !o || strcmp(o->rv, g->rv) != 0;
	}
	return 1;
}

/* Drops what is open; whether anything is left. */
static int shut(struct bw_controller_key *k)
{
	size_t left = 0;

	for (size_t i = 0; i < k->n_gates; i++)
		if (!is_open(&k->gates[i]))
			k->gates[left++] = k->gates[i];
	k->n_gates = left;
	return left != 0;
}

static void arm(struct bw_controller *c)
{
	int64_t at = BW_KUBE_NEVER;

	bw_list_for_each (n, &c->gated) {
		const struct bw_controller_key *k =
			bw_list_entry(n, struct bw_controller_key, gated);

		if (!k->getting && k->gate_at < at)
			at = k->gate_at;
	}
	if (at == BW_KUBE_NEVER)
		bw_timer_stop(&c->gate_timer);
	else if (bw_timer_set(&c->gate_timer, at) < 0)
		bw_defer_call(&c->rt->progress); /* looks again, and arms again */
}

void bw_gate_close(struct bw_controller_key *k)
{
	struct bw_controller *c = k->c;

	if (!shut(k))
		return;
	k->gate_at = bw_loop_now_ns(c->rt->loop) + BW_GATE_LIMIT_NS;
	k->gate_text = BW_TAKE_PTR(k->plan);
	bw_kube_queue_hold(&c->queue, &k->item);
	bw_list_add_tail(&c->gated, &k->gated);
	bw_metric_add(c->count.gated, 1);
	arm(c);
}

void bw_gate_look(struct bw_controller *c)
{
	bw_list_for_each (n, &c->gated) {
		struct bw_controller_key *k = bw_list_entry(n, struct bw_controller_key, gated);

		if (!shut(k))
			open_all(k);
	}
	arm(c);
}

static void on_got(const struct bw_kube_answer *a, void *arg)
{
	struct bw_controller_key *k = arg;
	struct bw_controller *c = k->c;
	int64_t now = bw_loop_now_ns(c->rt->loop);

	k->getting = 0;
	k->calling = 0;
	if (a->result != BW_KUBE_OK && a->result != BW_KUBE_NOT_FOUND) {
		k->gate_at = now + BW_GATE_LIMIT_NS;
	} else {
		/* The write is where it belongs; only the cache is late. Its old view is safe, for
		 * writes compare, but it must not stand still for ever. */
		bw_metric_add(c->count.gate_timeouts, 1);
		k->gates[0] = k->gates[--k->n_gates];
		k->gate_at = now;
		if (!shut(k)) {
			open_all(k);
			arm(c);
			return;
		}
	}
	arm(c);
}

static void get(struct bw_controller_key *k)
{
	struct bw_controller *c = k->c;
	const struct bw_gate *g = &k->gates[0];
	struct bw_kube_request q = { .verb = BW_KUBE_GET,
				     .kind = bw_kube_store_kind(g->store),
				     .namespace = g->namespace,
				     .name = g->name,
				     .grace_s = -1 };

	k->call = (struct bw_kube_call){ .done = on_got, .arg = k };
	if (g->name && bw_kube_start(c->rt->client, &q, &k->call, NULL) == 0) {
		k->getting = 1;
		k->calling = 1;
		return;
	}
	k->gate_at = bw_loop_now_ns(c->rt->loop) + BW_GATE_LIMIT_NS;
}

void bw_gate_on_time(void *arg)
{
	struct bw_controller *c = arg;
	int64_t now = bw_loop_now_ns(c->rt->loop);

	bw_list_for_each (n, &c->gated) {
		struct bw_controller_key *k = bw_list_entry(n, struct bw_controller_key, gated);

		if (!k->getting && k->gate_at <= now)
			get(k);
	}
	arm(c);
}
