/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The segments that a claim is on, the virtual functions that it needs of them, and what is said
 * when the scheduler finds none: how many there are, and whose pods have them.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "impl.h"

#define MISSING "NoVirtualFunction"
#define KEY_MAX 128 /* bytes: UNIT_VF_RESOURCE and a domain */
#define NAMED_MAX 4 /* pods, and nodes, that are named; of others only how many */

/* THE SEGMENTS OF A CLAIM */

static int is_ours(enum bw_net_pool_mode mode)
{
	return mode == BW_NET_POOL_MODE_BRIDGE || mode == BW_NET_POOL_MODE_MACVLAN ||
	       mode == BW_NET_POOL_MODE_SRIOV;
}

static void add_domain(struct unit_domains *d, const struct bw_net_pool *pool, int new_interface)
{
	struct unit_domain *at = NULL;

	for (size_t i = 0; i < d->n; i++)
		if (strcmp(d->v[i].name, pool->spec.domain) == 0)
			at = &d->v[i];
	if (!at && d->n < UNIT_DOMAINS_MAX) {
		at = &d->v[d->n++];
		(void)snprintf(at->name, sizeof(at->name), "%s", pool->spec.domain); /* bounded */
	}
	if (!at)
		return;
	at->ours |= is_ours(pool->spec.mode);
	at->vfs += new_interface && pool->spec.mode == BW_NET_POOL_MODE_SRIOV;
}

/* Interfaces of two families are listed twice, one entry after the other. */
void unit_domains(const struct ctl_unit *c, const struct bw_net_claim *claim,
		  struct unit_domains *ret)
{
	const struct bw_net_claim_status *s = &claim->status;

	for (size_t i = 0; i < s->interfaces.n; i++) {
		BW_CLEANUP(bw_net_pool_done) struct bw_net_pool pool = { 0 };
		const char *name = s->interfaces.items[i].name;

		if (unit_pool(c, s->interfaces.items[i].pool, &pool) < 0)
			continue;
		add_domain(ret, &pool,
			   i == 0 || strcmp(s->interfaces.items[i - 1].name, name) != 0);
	}
}

/* WHO HAS THEM */

struct text {
	char buf[BW_KUBE_COND_TEXT_MAX];
	size_t len;
};

/* What does not fit is cut. */
static void BW_PRINTF(2, 3) add(struct text *t, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(t->buf + t->len, sizeof(t->buf) - t->len, fmt, ap);
	va_end(ap);
	if (n > 0)
		t->len += (size_t)n;
	if (t->len >= sizeof(t->buf))
		t->len = sizeof(t->buf) - 1;
}

/* A walk over the nodes, and over the pods of each. */
struct census {
	const struct unit_run *k;
	const char *domain;
	char key[KEY_MAX]; /* the resource */
	struct text text;
	unsigned int nodes; /* that have any */
	unsigned int holders; /* on the node that is looked at */
};

/* By the pod's annotation; a pod without one has the claim of its own name, if any. */
static unsigned int vfs_of_pod(const struct census *s, const struct bw_k_pod *p)
{
	BW_CLEANUP(bw_net_claim_done) struct bw_net_claim claim = { 0 };
	const char *note = bw_kube_annotation(&p->meta, CTL_ANN_CLAIM);
	struct bw_kube_object *o = bw_kube_store_get(s->k->c->st.claims, p->meta.namespace,
						     note ? note : p->meta.name);
	struct unit_domains d = { .n = 0 };

	if (!o || bw_net_claim_decode(o->text, o->size, &claim, NULL) < 0)
		return 0;
	unit_domains(s->k->c, &claim, &d);
	for (size_t i = 0; i < d.n; i++)
		if (strcmp(d.v[i].name, s->domain) == 0)
			return d.v[i].vfs;
	return 0;
}

static int add_holder(struct bw_kube_object *o, void *arg)
{
	BW_CLEANUP(bw_k_pod_done) struct bw_k_pod p = { 0 };
	struct census *s = arg;

	if (bw_k_pod_decode(o->text, o->size, &p, NULL) < 0 || unit_pod_has_ended(&p) ||
	    !vfs_of_pod(s, &p))
		return 0;
	if (s->holders++ < NAMED_MAX)
		add(&s->text, "%s %s/%s", s->holders == 1 ? ", in use by" : ",", p.meta.namespace,
		    p.meta.name);
	return 0;
}

/* Whether the Unit's pod may be there at all. */
static int may_be_on(const struct unit_run *k, const char *node)
{
	if (!k->place.node[0] || !k->place.hard)
		return 1;
	return (strcmp(k->place.node, node) == 0) != k->place.never;
}

static int add_node(struct bw_kube_object *o, void *arg)
{
	BW_CLEANUP(bw_k_node_done) struct bw_k_node n = { 0 };
	struct census *s = arg;
	const char *has;

	if (!may_be_on(s->k, o->name) || bw_k_node_decode(o->text, o->size, &n, NULL) < 0)
		return 0;
	has = bw_kube_pair_get(n.status.capacity.items, n.status.capacity.n, s->key);
	if (!has || strcmp(has, "0") == 0)
		return 0;
	if (s->nodes++ >= NAMED_MAX)
		return 0;
	add(&s->text, "; node %s has %s", o->name, has);
	s->holders = 0;
	(void)bw_kube_store_find(s->k->c->st.all_pods, CTL_INDEX_NODE, o->name, add_holder,
				 s); /* add_holder() returns 0 */
	if (s->holders > NAMED_MAX)
		add(&s->text, " and %u more", s->holders - NAMED_MAX);
	return 0;
}

/* WHAT IS SAID */

static void say(struct unit_run *k, const struct unit_domain *d, const char *scheduler)
{
	struct census s = { .k = k, .domain = d->name };
	const char *reason = "AllInUse";

	(void)snprintf(s.key, sizeof(s.key), UNIT_VF_RESOURCE "%s", d->name); /* fits */
	add(&s.text, "the pod needs %u of %s", d->vfs, s.key);
	(void)bw_kube_store_each(k->c->st.nodes, NULL, add_node, &s); /* add_node() returns 0 */
	if (s.nodes > NAMED_MAX)
		add(&s.text, "; and %u more nodes", s.nodes - NAMED_MAX);
	if (!s.nodes) {
		reason = "NoneOnNodes";
		if (k->place.node[0] && k->place.hard && !k->place.never)
			add(&s.text, "; node %s, where it has to be, has none", k->place.node);
		else
			add(&s.text, "; no node has any: make them on the uplink of segment %s",
			    d->name);
	} else if (!strstr(scheduler, s.key)) {
		return; /* it is something else that keeps it from a node */
	}
	unit_warn(k, MISSING, 1, reason, s.text.buf);
	unit_wait(k, MISSING, "waits for a virtual function: %s", s.text.buf);
	/* Pods of others come and go, and nothing of that changes ours. */
	bw_plan_requeue_after(k->plan, UNIT_RETRY_MS);
}

void unit_vfs(struct unit_run *k)
{
	struct unit_domains d = { .n = 0 };
	const struct bw_kube_condition *c = NULL;
	size_t i = 0;

	if (k->pod_o && k->pod_state == UNIT_POD_PENDING && !k->pod.spec.node_name)
		c = bw_kube_condition_get(k->pod.status.conditions.items,
					  k->pod.status.conditions.n, "PodScheduled");
	if (c && c->reason && strcmp(c->reason, "Unschedulable") == 0)
		unit_domains(k->c, &k->claim, &d);
	for (; i < d.n && !k->reason[0]; i++)
		if (d.v[i].vfs)
			say(k, &d.v[i], c->message ? c->message : "");
	if (strcmp(k->reason, MISSING) != 0)
		bw_kube_conds_clear(&k->conds, MISSING);
}
