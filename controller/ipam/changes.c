/* SPDX-License-Identifier: Apache-2.0 */
/* What a change of one kind means for the keys of others. */
#include <stdio.h>
#include <string.h>

#include <bw/err.h>

#include "ctl.h"

/* Out of memory: the object's next change or the retry asks again. */
static void ask(struct bw_controller *c, const char *ns, const char *name, enum bw_key_cause cause)
{
	(void)bw_controller_enqueue(c, ns, name, cause);
}

/* ADDRESSES */

static void touch_pool(struct ctl_ipam *c, const char *name)
{
	(void)bw_controller_enqueue_after(c->pools_ctl, NULL, name, c->opts.status_ms);
}

void ctl_touch_pools(struct ctl_ipam *c)
{
	bw_list_for_each (i, &c->pools.list)
		touch_pool(c, bw_list_entry(i, struct ctl_pool, node)->o.meta.name);
}

void ctl_free_address(struct ctl_ipam *c, struct ctl_addr *a)
{
	struct ctl_domain *d = a->domain;
	struct bw_ip ip = a->ip;
	char quota[CTL_KEY_MAX + 8];
	char key[CTL_KEY_MAX];

	touch_pool(c, a->pool);
	(void)snprintf(quota, sizeof(quota), "quota:%s", ctl_key(a->pool, a->claim_ns, key));
	ctl_book_drop(&c->book, a);
	ctl_wake_address(c, d->name, &ip);
	ctl_wait_wake(&c->wait, quota, 1, ctl_wake_claim, c);
}

/* A live answer that the watch has overtaken: the object was deleted meanwhile. */
void ctl_settle(struct ctl_ipam *c)
{
	const char *rv = bw_kube_store_rv(c->st.addresses);

	bw_list_for_each (i, &c->book.pending) {
		struct ctl_addr *a = bw_list_entry(i, struct ctl_addr, pending);
		char name[CTL_NAME_MAX];

		if (a->known != CTL_LIVE || bw_kube_rv_cmp(rv, a->rv) < 0 ||
		    ctl_address_name(a->domain->name, &a->ip, name) < 0)
			continue;
		if (bw_kube_store_get(c->st.addresses, NULL, name))
			continue; /* its event comes */
		ctl_free_address(c, a);
	}
}

static void address_gone(struct ctl_ipam *c, const struct bw_kube_object *old)
{
	char domain[CTL_DOMAIN_MAX + 1];
	struct ctl_addr *a;
	struct bw_ip ip;

	if (ctl_address_name_parse(old->name, domain, &ip) < 0)
		return;
	a = ctl_book_find(&c->book, domain, &ip);
	/* A create under way, or one that a live answer has shown since. */
	if (!a || a->known == CTL_ASSUMED ||
	    (a->known == CTL_LIVE && bw_kube_rv_cmp(old->rv, a->rv) < 0))
		return;
	if (*a->claim_ns)
		ask(c->claims, a->claim_ns, a->claim_name, BW_KEY_DEPENDENT);
	ctl_free_address(c, a);
}

static void on_address(struct bw_kube_object *old, struct bw_kube_object *now, void *arg)
{
	BW_CLEANUP(bw_net_address_done) struct bw_net_address o = { 0 };
	enum bw_net_address_state was = BW_NET_ADDRESS_STATE_NONE;
	struct ctl_ipam *c = arg;
	char domain[CTL_DOMAIN_MAX + 1];
	char owner[BW_KUBE_UID_MAX + 1] = "";
	struct ctl_addr *a = NULL;
	struct bw_ip ip;

	bw_defer_call(&c->settle); /* once for all that came together */
	if (!now) {
		if (old)
			address_gone(c, old);
		return;
	}
	/* What cannot be read is used nevertheless: its name says by which address. */
	if (ctl_address_name_parse(now->name, domain, &ip) < 0)
		return;
	a = ctl_book_find(&c->book, domain, &ip);
	if (a) {
		was = a->state;
		(void)snprintf(owner, sizeof(owner), "%s", a->claim_uid); /* bounded, ignoring */
	}
	if (bw_net_address_decode(now->text, now->size, &o, NULL) < 0) {
		struct ctl_addr_facts f = { .uid = now->uid,
					    .rv = now->rv,
					    .state = BW_NET_ADDRESS_STATE_QUARANTINED };

		(void)ctl_book_put(&c->book, domain, &ip, &f, CTL_SEEN, ctl_now_ns(c), &a);
	} else {
		(void)ctl_book_put_object(&c->book, &o, CTL_SEEN, ctl_now_ns(c), &a);
	}
	if (a)
		touch_pool(c, a->pool);
	if (a && was != a->state && a->state == BW_NET_ADDRESS_STATE_COOLING)
		ctl_tell_cooling(c, a);
	/* New to us, or another owner: whoever it names may wait for it, or complain of another. */
	if (a && *a->claim_ns && (was != a->state || strcmp(owner, a->claim_uid) != 0))
		ask(c->claims, a->claim_ns, a->claim_name, BW_KEY_DEPENDENT);
}

static void on_settle(void *arg)
{
	ctl_settle(arg);
}

/* CLAIMS AND PODS */

static void ask_unit_pod(struct ctl_ipam *c, const struct bw_kube_object *o)
{
	BW_CLEANUP(bw_net_claim_done) struct bw_net_claim claim = { 0 };
	struct ctl_addr *next;
	struct ctl_addr *a;
	char name[CTL_NAME_MAX];

	/* A pod that was made again waits for its predecessor's claim to go. */
	ask(c->pods, o->namespace, o->name, BW_KEY_FACT);
	if (bw_net_claim_decode(o->text, o->size, &claim, NULL) == 0 && claim.spec.has_unit_ref &&
	    strcmp(claim.spec.unit_ref.name, o->name) != 0)
		ask(c->pods, o->namespace, claim.spec.unit_ref.name, BW_KEY_FACT);
	for (a = ctl_book_of_claim(&c->book, o->uid); a; a = next) {
		next = ctl_addr_next_of_claim(a);
		/* What was to be created is not any more; should a create land late, it is swept.
		 */
		if (a->known == CTL_ASSUMED)
			ctl_free_address(c, a);
		else if (ctl_address_name(a->domain->name, &a->ip, name) == 0)
			ask(c->addresses, NULL, name, BW_KEY_DEPENDENT);
	}
}

static void on_claim(struct bw_kube_object *old, struct bw_kube_object *now, void *arg)
{
	if (old && (!now || strcmp(old->uid, now->uid) != 0))
		ask_unit_pod(arg, old);
}

struct to_claims {
	struct ctl_ipam *c;
	enum bw_key_cause cause;
};

static int ask_claim(struct bw_kube_object *o, void *arg)
{
	struct to_claims *t = arg;

	ask(t->c->claims, o->namespace, o->name, t->cause);
	return 0;
}

static void ask_claims_of_pod(struct ctl_ipam *c, const struct bw_kube_object *o,
			      enum bw_key_cause cause)
{
	BW_CLEANUP(bw_k_pod_done) struct bw_k_pod p = { 0 };
	struct to_claims t = { c, cause };
	char claim[BW_KUBE_NAME_MAX + 1];
	char key[CTL_KEY_MAX];

	if (bw_k_pod_decode(o->text, o->size, &p, NULL) == 0 && ctl_pod_claim(&p.meta, claim) > 0) {
		ask(c->claims, o->namespace, claim, cause);
		return;
	}
	(void)bw_kube_store_find(c->st.claims, CTL_INDEX_UNIT, ctl_key(o->namespace, o->name, key),
				 ask_claim, &t);
}

static void on_pod(struct bw_kube_object *old, struct bw_kube_object *now, void *arg)
{
	const struct bw_kube_object *o = now ? now : old;
	struct ctl_ipam *c = arg;

	if (o && !(old && now && old->hash == now->hash))
		ask_claims_of_pod(c, o, now && old ? BW_KEY_DEPENDENT : BW_KEY_FACT);
}

/* POOLS, RESERVATIONS, NODES AND THE REST */

struct all_of {
	struct bw_controller *ctl;
};

static int ask_each(struct bw_kube_object *o, void *arg)
{
	ask(((struct all_of *)arg)->ctl, o->namespace, o->name, BW_KEY_INITIAL);
	return 0;
}

static void ask_all(struct bw_controller *ctl, const struct bw_kube_store *s, const char *ns)
{
	struct all_of all = { ctl };

	(void)bw_kube_store_each(s, ns, ask_each, &all); /* never stops, ignoring */
}

void ctl_enqueue_all(struct ctl_ipam *c)
{
	ask_all(c->claims, c->st.claims, NULL);
	ask_all(c->pods, c->st.pods, NULL);
	ask_all(c->addresses, c->st.addresses, NULL);
	ctl_touch_pools(c);
}

void ctl_reload_pools(struct ctl_ipam *c)
{
	char thing[CTL_KEY_MAX];

	/* Out of memory: the old ones stay until the next change, ignoring. */
	(void)ctl_pools_load(&c->pools, c->st.pools, c->st.reservations, ctl_real_s(c), NULL);
	bw_list_for_each (i, &c->pools.list) {
		struct ctl_pool *p = bw_list_entry(i, struct ctl_pool, node);

		(void)snprintf(thing, sizeof(thing), "config:%s", p->o.meta.name); /* fits */
		ctl_wait_wake(&c->wait, thing, SIZE_MAX, ctl_wake_claim, c);
		ctl_wake_pool(c, p);
	}
	ctl_touch_pools(c);
}

/* Whether more changed than the status that we write. */
static int config_changed(const struct bw_kube_object *old, const struct bw_kube_object *now)
{
	return !old || !now || old->generation != now->generation || old->deleting != now->deleting;
}

/* Another cooldown counts for what cools already: a shorter one at once. */
static void ask_cooling(struct ctl_ipam *c, const char *pool)
{
	char name[CTL_NAME_MAX];

	bw_list_for_each (i, &c->book.cooling) {
		const struct ctl_addr *a = bw_list_entry(i, struct ctl_addr, cooling);

		if (strcmp(a->pool, pool) == 0 &&
		    ctl_address_name(a->domain->name, &a->ip, name) == 0)
			ask(c->addresses, NULL, name, BW_KEY_DEPENDENT);
	}
}

static void on_pool(struct bw_kube_object *old, struct bw_kube_object *now, void *arg)
{
	struct ctl_ipam *c = arg;
	int changed = config_changed(old, now);

	/* The decoded copy has the status, too, and its version. */
	if (!changed) {
		ctl_refresh_pool(c, now);
		return;
	}
	ctl_reload_pools(c);
	ask_all(c->pods, c->st.pods, NULL);
	if (now)
		ask_cooling(c, now->name);
	if (now && now->deleting)
		ask_all(c->addresses, c->st.addresses, NULL);
}

static void on_reservation(struct bw_kube_object *old, struct bw_kube_object *now, void *arg)
{
	(void)old;
	(void)now;
	ctl_reload_pools(arg);
}

static void on_node(struct bw_kube_object *old, struct bw_kube_object *now, void *arg)
{
	const struct bw_kube_object *o = now ? now : old;
	struct ctl_ipam *c = arg;
	struct to_claims t = { c, BW_KEY_FACT };

	if (!o)
		return;
	/* The kubelet's heartbeat says nothing of taints: most changes are that. */
	if (old && now && strcmp(old->uid, now->uid) == 0 && !ctl_node_changed(old, now))
		return;
	(void)bw_kube_store_find(c->st.claims, CTL_INDEX_HOLDER, o->name, ask_claim, &t);
	if (!old) {
		struct all_of pods = { c->pods };

		(void)bw_kube_store_find(c->st.pods, CTL_INDEX_NODE, o->name, ask_each, &pods);
		(void)bw_kube_store_find(c->st.pods, CTL_INDEX_NODE, o->name, ctl_ask_pods_claims,
					 c);
	}
}

int ctl_ask_pods_claims(struct bw_kube_object *o, void *ipam)
{
	ask_claims_of_pod(ipam, o, BW_KEY_DEPENDENT);
	return 0;
}

static void on_node_network(struct bw_kube_object *old, struct bw_kube_object *now, void *arg)
{
	const struct bw_kube_object *o = now ? now : old;
	struct ctl_ipam *c = arg;

	if (!o)
		return;
	ask(c->nodes, NULL, o->name, BW_KEY_DEPENDENT);
	ctl_epoch_node_seen(c, o);
}

static void on_epoch(struct bw_kube_object *old, struct bw_kube_object *now, void *arg)
{
	(void)old;
	(void)now;
	ctl_epoch_seen(arg);
}

static void on_namespace(struct bw_kube_object *old, struct bw_kube_object *now, void *arg)
{
	struct ctl_ipam *c = arg;

	if (!now || (old && old->hash == now->hash))
		return;
	if (strcmp(now->name, "kube-system") == 0)
		ask(c->epoch_ctl, NULL, "cluster", BW_KEY_FACT);
	ask_all(c->pods, c->st.pods, now->name);
	ask_all(c->claims, c->st.claims, now->name);
}

static void on_policy(struct bw_kube_object *old, struct bw_kube_object *now, void *arg)
{
	struct ctl_ipam *c = arg;

	if (now && (!old || old->hash != now->hash))
		ask_all(c->pods, c->st.pods, now->namespace);
}

int ctl_hear_changes(struct ctl_ipam *c, struct bw_err *err)
{
	const struct {
		struct bw_kube_store *store;
		bw_kube_change_fn fn;
	} all[] = {
		{ c->st.addresses, on_address },
		{ c->st.claims, on_claim },
		{ c->st.pods, on_pod },
		{ c->st.pools, on_pool },
		{ c->st.reservations, on_reservation },
		{ c->st.nodes, on_node },
		{ c->st.node_networks, on_node_network },
		{ c->st.epochs, on_epoch },
		{ c->st.namespaces, on_namespace },
		{ c->st.policies, on_policy },
	};

	bw_defer_init(&c->settle, c->loop, on_settle, c);
	for (size_t i = 0; i < BW_ARRAY_SIZE(all); i++) {
		int r = bw_kube_store_on_change(all[i].store, all[i].fn, c, err);

		if (r == 0)
			r = bw_kube_store_on_back(all[i].store, ctl_epoch_went_back, c, err);
		if (r < 0)
			return r;
	}
	return 0;
}
