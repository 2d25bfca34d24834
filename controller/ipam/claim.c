/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A claim's reconcile: what state it is in decides which of taking, placing and releasing is next.
 * Each plan ends with one compare-and-swap of the claim, so none builds on what another leader
 * changed.
 */
#include <stdio.h>
#include <string.h>

#include <bw/err.h>

#include "ctl.h"

/* The status as it is, for a write that changes a part: lists are replaced as a whole. */
void ctl_claim_status(struct ctl_claim *k, enum bw_net_claim_status_phase phase)
{
	bw_autobuild struct bw_json_build b = { 0 };
	struct bw_kube_request r = { .verb = BW_KUBE_MERGE,
				     .kind = &bw_kind_networkclaim,
				     .namespace = k->claim->meta.namespace,
				     .name = k->claim->meta.name,
				     .subresource = "status" };
	struct cJSON *status;

	if (!k->conds.changed && k->claim->status.phase == phase)
		return;
	status = bw_json_put_object(&b, ctl_body_cas(&b, k->claim->meta.rv), "status");
	bw_json_put_str(&b, status, "phase", bw_net_claim_status_phase_str(phase));
	bw_json_put_int(&b, status, "observedGeneration", k->claim->meta.generation);
	bw_kube_conds_put(&k->conds, &b, status, ctl_real_s(k->c));
	ctl_write(k->plan, &r, &b, ctl_done_cas, NULL);
}

int ctl_claim_wait(struct ctl_claim *k, const char *kind, const char *what)
{
	const struct bw_kube_meta *m = &k->claim->meta;
	char thing[CTL_KEY_MAX + 8];

	(void)snprintf(thing, sizeof(thing), "%s:%s", kind, what); /* names are bounded */
	return ctl_wait_add(&k->c->wait, thing, m->creation_timestamp ? m->creation_timestamp : "",
			    m->namespace, m->name);
}

void ctl_claim_wait_pools(struct ctl_claim *k)
{
	const struct bw_net_claim_status *s = &k->claim->status;

	/* Out of memory: the next change of the claim or its node looks again, ignoring. */
	for (size_t i = 0; i < s->interfaces.n; i++)
		(void)ctl_claim_wait(k, "config", s->interfaces.items[i].pool);
}

/* PODS */

static int pod_is_live(const struct bw_k_pod *p)
{
	const char *phase = p->status.phase ? p->status.phase : "";

	return !p->spec.host_network && strcmp(phase, "Succeeded") != 0 &&
	       strcmp(phase, "Failed") != 0;
}

/* Whether a claim that a pod owns is another pod's of the same name. */
static int owned_by_another(const struct bw_net_claim *claim, const char *pod_uid)
{
	for (size_t i = 0; i < claim->meta.owners.n; i++) {
		const struct bw_kube_owner *o = &claim->meta.owners.items[i];

		if (o->kind && strcmp(o->kind, "Pod") == 0 && o->uid &&
		    strcmp(o->uid, pod_uid) != 0)
			return 1;
	}
	return 0;
}

static const char *created_of(const struct bw_kube_meta *m)
{
	return m->creation_timestamp ? m->creation_timestamp : "";
}

static int consider(struct bw_kube_object *o, void *arg)
{
	BW_CLEANUP(bw_k_pod_done) struct bw_k_pod p = { 0 };
	struct ctl_claim *k = arg;
	int older;

	if (bw_k_pod_decode(o->text, o->size, &p, NULL) < 0 || !pod_is_live(&p) ||
	    owned_by_another(k->claim, p.meta.uid))
		return 0;
	/* It keeps what it has and gets nothing: its kubelet makes no sandbox for it any more. */
	if (p.meta.deleting) {
		k->leaving = o;
		return 0;
	}
	older = !k->pod || strcmp(created_of(&p.meta), k->pod_created) < 0;
	if (!older) {
		if (!k->second)
			k->second = o;
		return 0;
	}
	k->second = k->pod;
	k->pod = o;
	/* Bounded by the API server; a longer one finds no node, ignoring. */
	(void)snprintf(k->pod_node, sizeof(k->pod_node), "%s",
		       p.spec.node_name ? p.spec.node_name : "");
	(void)snprintf(k->pod_created, sizeof(k->pod_created), "%s", created_of(&p.meta));
	return 0;
}

void ctl_claim_pods(struct ctl_claim *k)
{
	const struct bw_kube_meta *m = &k->claim->meta;
	const char *unit = k->claim->spec.has_unit_ref ? k->claim->spec.unit_ref.name : NULL;
	struct bw_kube_object *node;
	char key[CTL_KEY_MAX];

	(void)bw_kube_store_find(k->c->st.pods, CTL_INDEX_CLAIM,
				 ctl_key(m->namespace, m->name, key), consider,
				 k); /* consider() never stops, ignoring */
	if (unit) {
		struct bw_kube_object *o = bw_kube_store_get(k->c->st.pods, m->namespace, unit);
		BW_CLEANUP(bw_k_pod_done) struct bw_k_pod p = { 0 };

		/* A pod that names a claim by annotation was found above, if it names this one. */
		if (o && bw_k_pod_decode(o->text, o->size, &p, NULL) == 0 &&
		    !bw_kube_annotation(&p.meta, CTL_ANN_CLAIM))
			(void)consider(o, k);
	}
	node = k->pod_node[0] ? bw_kube_store_get(k->c->st.nodes, NULL, k->pod_node) : NULL;
	if (node)
		(void)snprintf(k->pod_node_uid, sizeof(k->pod_node_uid), "%s", node->uid);
}

/* THE RECONCILE */

static int all_listed(const struct ctl_claim *k)
{
	for (size_t i = 0; i < k->n_needs; i++)
		if (!k->needs[i].listed)
			return 0;
	return 1;
}

/* Whether the status lists everything, and every lock is there and ours. */
static int all_taken(const struct ctl_claim *k)
{
	for (size_t i = 0; i < k->n_needs; i++) {
		const struct ctl_need *n = &k->needs[i];

		if (!n->listed)
			return 0;
		/* Of a pool that is gone without a trace nobody can say more. */
		if (!n->addr && !n->pool)
			continue;
		if (!n->addr || strcmp(n->addr->claim_uid, k->claim->meta.uid) != 0 ||
		    n->addr->state != BW_NET_ADDRESS_STATE_BOUND || n->addr->known == CTL_ASSUMED)
			return 0;
	}
	return 1;
}

static void warn_second(struct ctl_claim *k)
{
	const struct bw_net_claim_status *s = &k->claim->status;
	/* One that leaves is in the way as long as it has the token. */
	int leaving = k->leaving && k->pod && s->has_holder && !ctl_claim_is_spent(s);
	struct bw_kube_object *first = leaving ? k->leaving : k->pod;
	struct bw_kube_object *second = leaving ? k->pod : k->second;
	char said[CTL_KEY_MAX + BW_KUBE_UID_MAX + 16];

	if (!first || !second)
		return;
	(void)snprintf(said, sizeof(said), "in-use %s", second->uid);
	if (ctl_said_before(k->c, said))
		return;
	bw_plan_event(k->plan, second, BW_EVENT_WARNING, "ClaimInUse",
		      "claim %s is used by pod %s; this pod waits until that one is gone",
		      k->claim->meta.name, first->name);
}

/*
 * Addresses of the claim that its status does not list, although it lists all it needs: of another
 * leader, or of a create whose answer was lost. The address's own reconcile sweeps them.
 */
void ctl_claim_look_at_spare(struct ctl_claim *k)
{
	struct ctl_addr *a = ctl_book_of_claim(&k->c->book, k->claim->meta.uid);
	char name[CTL_NAME_MAX];

	for (; a; a = ctl_addr_next_of_claim(a)) {
		int needed = 0;

		for (size_t i = 0; i < k->n_needs; i++)
			needed |= k->needs[i].addr == a;
		if (needed || ctl_address_name(a->domain->name, &a->ip, name) < 0)
			continue;
		if (a->known == CTL_ASSUMED) {
			ctl_read_spare(k->c, k->plan, a);
			continue;
		}
		a->spare = a->own && a->state == BW_NET_ADDRESS_STATE_BOUND;
		if (!a->suspect)
			(void)bw_controller_enqueue(k->c->addresses, NULL, name,
						    BW_KEY_DEPENDENT); /* else later */
	}
}

static int decide(struct ctl_claim *k, struct bw_err *err)
{
	const struct bw_kube_meta *m = &k->claim->meta;
	int r;

	ctl_claim_pods(k);
	if (m->deleting)
		return bw_kube_has_finalizer(m, CTL_FINALIZER) ? ctl_claim_release(k, err) : 0;
	if (!bw_kube_has_finalizer(m, CTL_FINALIZER)) {
		ctl_write_finalizer(k->plan, &bw_kind_networkclaim, m, CTL_FINALIZER, 1);
		return 0;
	}
	r = ctl_claim_needs(k);
	if (r < 0)
		return r;
	warn_second(k);
	/* Also while a lock has not been seen yet: nobody looks again when it has. */
	if (all_listed(k))
		ctl_claim_look_at_spare(k);
	if (!all_taken(k))
		return ctl_claim_take(k, err);
	return ctl_claim_place(k, err);
}

/* What a claim had waited for: at most one address and one pool matter. */
struct waited {
	char pool[CTL_KEY_MAX];
	char addr[CTL_KEY_MAX];
};

static void note(const char *thing, void *arg)
{
	struct waited *w = arg;

	/* Both fit, ignoring. */
	if (strncmp(thing, "pool:", 5) == 0)
		(void)snprintf(w->pool, sizeof(w->pool), "%s", thing);
	else if (strncmp(thing, "addr:", 5) == 0)
		(void)snprintf(w->addr, sizeof(w->addr), "%s", thing);
}

/*
 * One that waited is served or has given up its place: the next may try. Who waits on keeps its
 * place: one free address may not be enough for it.
 */
static void pass_on(struct ctl_ipam *c, const struct waited *w, const char *ns, const char *name)
{
	char domain[CTL_DOMAIN_MAX + 1];
	struct ctl_pool *pool;
	struct bw_ip ip;

	if (w->pool[0] && !ctl_wait_has(&c->wait, w->pool, ns, name)) {
		pool = ctl_pools_find(&c->pools, w->pool + strlen("pool:"));
		if (pool)
			ctl_wake_pool(c, pool);
	}
	if (w->addr[0] && !ctl_wait_has(&c->wait, w->addr, ns, name) &&
	    ctl_address_name_parse(w->addr + strlen("addr:"), domain, &ip) == 0 &&
	    !ctl_book_find(&c->book, domain, &ip))
		ctl_wait_wake(&c->wait, w->addr, 1, ctl_wake_claim, c);
}

int ctl_claim_reconcile(const char *ns, const char *name, struct bw_kube_object *o,
			struct bw_plan *plan, void *ipam, struct bw_err *err)
{
	BW_CLEANUP(bw_net_claim_done) struct bw_net_claim claim = { 0 };
	bw_autofree struct ctl_claim *k = calloc(1, sizeof(*k));
	struct ctl_ipam *c = ipam;
	struct waited waited = { 0 };
	struct bw_err bad = { 0 };
	int r = 0;

	if (!k)
		return bw_fail(err, ENOMEM, "reconcile claim %s/%s", ns, name);
	ctl_wait_forget(&c->wait, ns, name, note, &waited);
	if (!c->ready)
		return 0; /* asked for again when it is */
	if (o && bw_net_claim_decode(o->text, o->size, &claim, &bad) < 0) {
		/* Nothing will help but a change of the object, which asks again. */
		bw_plan_event(plan, o, BW_EVENT_WARNING, "ClaimInvalid", "%s", bad.msg);
		o = NULL;
	}
	if (o) {
		k->c = c;
		k->o = o;
		k->claim = &claim;
		k->plan = plan;
		bw_kube_conds_load(&k->conds, claim.status.conditions.items,
				   claim.status.conditions.n);
		r = decide(k, err);
	}
	pass_on(c, &waited, ns, name);
	return r;
}
