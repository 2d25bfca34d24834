/* SPDX-License-Identifier: Apache-2.0 */
/* The address controllers put together: stores, indexes, queues, and the term of a leader. */
#include <stdio.h>
#include <string.h>

#include <bw/err.h>
#include <bw/kube_metrics.h>

#include "ctl.h"

#define TOLD_MAX 16 /* claims whose condition says when the next address is free */
#define CLAIMS_RUNNING 64 /* claims at once: one request each in flight */

int64_t ctl_now_ns(const struct ctl_ipam *c)
{
	return bw_loop_now_ns(c->loop);
}

int64_t ctl_real_s(const struct ctl_ipam *c)
{
	return bw_loop_real_s(c->loop);
}

/* Source: Vigna, "splitmix64". */
static uint64_t next_random(struct ctl_ipam *c)
{
	uint64_t z = c->random += 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

unsigned __int128 ctl_random(struct ctl_ipam *c)
{
	unsigned __int128 high = next_random(c);

	return high << 64 | next_random(c);
}

const char *ctl_key(const char *ns, const char *name, char out[CTL_KEY_MAX])
{
	(void)snprintf(out, CTL_KEY_MAX, "%s/%s", ns, name); /* names are bounded, ignoring */
	return out;
}

int ctl_said_before(struct ctl_ipam *c, const char *text)
{
	size_t size = strlen(text) + 1;
	struct bw_list *list = &c->said[bw_fnv64(BW_FNV64_BASIS, text, size) % CTL_SAID_BUCKETS];
	struct ctl_said *s;

	bw_list_for_each (i, list)
		if (strcmp(bw_list_entry(i, struct ctl_said, node)->text, text) == 0)
			return 1;
	s = c->n_said < CTL_SAID_MAX ? calloc(1, sizeof(*s) + size) : NULL;
	if (!s)
		return 1;
	memcpy(s->text, text, size);
	bw_list_add_tail(list, &s->node);
	c->n_said++;
	return 0;
}

static void forget_said(struct ctl_ipam *c)
{
	for (size_t i = 0; i < CTL_SAID_BUCKETS; i++)
		bw_list_for_each (n, &c->said[i]) {
			bw_list_del(n);
			free(bw_list_entry(n, struct ctl_said, node));
		}
	c->n_said = 0;
}

/* WHO WAITS */

void ctl_wake_claim(const char *ns, const char *name, void *ipam)
{
	struct ctl_ipam *c = ipam;

	/* Out of memory: it is asked again with the next change, ignoring. */
	(void)bw_controller_enqueue(c->claims, ns, name, BW_KEY_FACT);
}

void ctl_wake_pool(struct ctl_ipam *c, struct ctl_pool *pool)
{
	struct ctl_domain *d = ctl_book_domain(&c->book, pool->o.spec.domain);
	unsigned __int128 n = d ? ctl_pick_free(&pool->iv, ctl_domain_tree(d, pool->family)) : 0;
	char thing[CTL_KEY_MAX];

	(void)snprintf(thing, sizeof(thing), "pool:%s", pool->o.meta.name); /* fits, ignoring */
	ctl_wait_wake(&c->wait, thing, n > SIZE_MAX ? SIZE_MAX : (size_t)n, ctl_wake_claim, c);
}

static void tell_claim(const char *ns, const char *name, void *ipam)
{
	struct ctl_ipam *c = ipam;

	(void)bw_controller_enqueue(c->claims, ns, name, BW_KEY_DEPENDENT); /* a text, ignoring */
}

void ctl_tell_cooling(struct ctl_ipam *c, const struct ctl_addr *a)
{
	char thing[CTL_KEY_MAX];

	bw_list_for_each (i, &c->pools.list) {
		struct ctl_pool *p = bw_list_entry(i, struct ctl_pool, node);

		if (strcmp(p->o.spec.domain, a->domain->name) != 0 ||
		    !ctl_intervals_has(&p->iv, &a->ip))
			continue;
		(void)snprintf(thing, sizeof(thing), "pool:%s", p->o.meta.name); /* fits */
		ctl_wait_tell(&c->wait, thing, TOLD_MAX, tell_claim, c);
	}
}

void ctl_wake_address(struct ctl_ipam *c, const char *domain, const struct bw_ip *ip)
{
	char thing[CTL_NAME_MAX + 8];
	char name[CTL_NAME_MAX];

	if (ctl_address_name(domain, ip, name) < 0)
		return;
	(void)snprintf(thing, sizeof(thing), "addr:%s", name); /* fits, ignoring */
	ctl_wait_wake(&c->wait, thing, 1, ctl_wake_claim, c);
	bw_list_for_each (i, &c->pools.list) {
		struct ctl_pool *p = bw_list_entry(i, struct ctl_pool, node);

		if (strcmp(p->o.spec.domain, domain) == 0 && ctl_intervals_has(&p->iv, ip))
			ctl_wake_pool(c, p);
	}
}

void ctl_refresh_pool(struct ctl_ipam *c, const struct bw_kube_object *o)
{
	struct ctl_pool *p = ctl_pools_find(&c->pools, o->name);
	struct bw_net_pool fresh = { 0 };

	if (!p || bw_net_pool_decode(o->text, o->size, &fresh, NULL) < 0)
		return;
	bw_net_pool_done(&p->o);
	p->o = fresh;
}

/* INDEXES */

int ctl_pod_claim(const struct bw_kube_meta *m, char out[BW_KUBE_NAME_MAX + 1])
{
	static const char var[] = "$(POD_NAME)";
	const char *a = bw_kube_annotation(m, CTL_ANN_CLAIM);
	const char *at = a ? strstr(a, var) : NULL;
	int n;

	if (!a)
		return 0;
	if (at)
		n = snprintf(out, BW_KUBE_NAME_MAX + 1, "%.*s%s%s", (int)(at - a), a, m->name,
			     at + sizeof(var) - 1);
	else
		n = snprintf(out, BW_KUBE_NAME_MAX + 1, "%s", a);
	return n > 0 && n <= BW_KUBE_NAME_MAX ? 1 : -EINVAL;
}

static void pod_by_claim(const struct bw_kube_object *o, bw_kube_index_put put, void *to)
{
	BW_CLEANUP(bw_k_pod_done) struct bw_k_pod p = { 0 };
	char claim[BW_KUBE_NAME_MAX + 1];
	char key[CTL_KEY_MAX];

	if (bw_k_pod_decode(o->text, o->size, &p, NULL) == 0 && ctl_pod_claim(&p.meta, claim) > 0)
		put(to, ctl_key(o->namespace, claim, key));
}

static void pod_by_node(const struct bw_kube_object *o, bw_kube_index_put put, void *to)
{
	BW_CLEANUP(bw_k_pod_done) struct bw_k_pod p = { 0 };

	if (bw_k_pod_decode(o->text, o->size, &p, NULL) == 0 && p.spec.node_name)
		put(to, p.spec.node_name);
}

static void claim_by_holder(const struct bw_kube_object *o, bw_kube_index_put put, void *to)
{
	BW_CLEANUP(bw_net_claim_done) struct bw_net_claim claim = { 0 };

	if (bw_net_claim_decode(o->text, o->size, &claim, NULL) == 0 && claim.status.has_holder)
		put(to, claim.status.holder.node);
}

static void claim_by_unit(const struct bw_kube_object *o, bw_kube_index_put put, void *to)
{
	BW_CLEANUP(bw_net_claim_done) struct bw_net_claim claim = { 0 };
	char key[CTL_KEY_MAX];

	if (bw_net_claim_decode(o->text, o->size, &claim, NULL) == 0 && claim.spec.has_unit_ref)
		put(to, ctl_key(o->namespace, claim.spec.unit_ref.name, key));
}

/* What of a Node matters to claims: its taints and labels, not its heartbeat. */
int ctl_node_changed(const struct bw_kube_object *old, const struct bw_kube_object *now)
{
	BW_CLEANUP(bw_k_node_done) struct bw_k_node a = { 0 };
	BW_CLEANUP(bw_k_node_done) struct bw_k_node b = { 0 };

	if (bw_k_node_decode(old->text, old->size, &a, NULL) < 0 ||
	    bw_k_node_decode(now->text, now->size, &b, NULL) < 0 ||
	    a.spec.taints.n != b.spec.taints.n || a.meta.labels.n != b.meta.labels.n)
		return 1;
	for (size_t i = 0; i < a.spec.taints.n; i++)
		if (strcmp(a.spec.taints.items[i].key, b.spec.taints.items[i].key) != 0)
			return 1;
	return 0;
}

/* START */

static int watch_all(struct ctl_ipam *c, struct bw_err *err)
{
	const struct {
		const struct bw_kube_kind *kind;
		struct bw_kube_store **store;
		const struct bw_kube_keep *keep; /* NULL = ours: everything is bounded and read */
	} all[] = {
		{ &bw_kind_networkpool, &c->st.pools, NULL },
		{ &bw_kind_networkreservation, &c->st.reservations, NULL },
		{ &bw_kind_networkaddress, &c->st.addresses, NULL },
		{ &bw_kind_networkclaim, &c->st.claims, NULL },
		{ &bw_kind_nodenetwork, &c->st.node_networks, NULL },
		{ &bw_kind_networkepoch, &c->st.epochs, NULL },
		{ &bw_kind_pod, &c->st.pods, ctl_keep_pod },
		{ &bw_kind_node, &c->st.nodes, ctl_keep_node },
		{ &bw_kind_namespace, &c->st.namespaces, ctl_keep_namespace },
		{ &bw_kind_networkpolicy, &c->st.policies, ctl_keep_policy },
	};

	for (size_t i = 0; i < BW_ARRAY_SIZE(all); i++) {
		const struct bw_kube_watch_options o = { .keep = all[i].keep };
		int r = bw_kube_runtime_watch(c->rt, all[i].kind, &o, all[i].store, err);

		if (r < 0)
			return r;
	}
	return 0;
}

static int index_all(struct ctl_ipam *c, struct bw_err *err)
{
	const struct {
		struct bw_kube_store *store;
		const char *name;
		bw_kube_index_fn fn;
	} all[] = {
		{ c->st.pods, CTL_INDEX_CLAIM, pod_by_claim },
		{ c->st.pods, CTL_INDEX_NODE, pod_by_node },
		{ c->st.claims, CTL_INDEX_HOLDER, claim_by_holder },
		{ c->st.claims, CTL_INDEX_UNIT, claim_by_unit },
	};

	for (size_t i = 0; i < BW_ARRAY_SIZE(all); i++) {
		int r = bw_kube_store_index(all[i].store, all[i].name, all[i].fn, err);

		if (r < 0)
			return r;
	}
	return 0;
}

static int add_controllers(struct ctl_ipam *c, struct bw_err *err)
{
	/* Nothing is decided before everything was listed: an empty cache is not an empty world. */
	struct bw_kube_store *const all_stores[] = {
		c->st.pools,  c->st.reservations,  c->st.addresses,
		c->st.claims, c->st.node_networks, c->st.epochs,
		c->st.pods,   c->st.nodes,         c->st.namespaces,
		NULL,
	};
	const struct {
		const char *name;
		struct bw_kube_store *primary;
		bw_reconcile_fn fn;
		unsigned int running;
		struct bw_controller **ret;
	} all[] = {
		{ "epoch", c->st.epochs, ctl_epoch_reconcile, 1, &c->epoch_ctl },
		{ "pool", c->st.pools, ctl_pool_reconcile, 0, &c->pools_ctl },
		{ "address", c->st.addresses, ctl_address_reconcile, 32, &c->addresses },
		{ "claim", c->st.claims, ctl_claim_reconcile, CLAIMS_RUNNING, &c->claims },
		{ "pod", c->st.pods, ctl_pod_reconcile, 32, &c->pods },
		{ "node", c->st.nodes, ctl_node_reconcile, 0, &c->nodes },
	};

	for (size_t i = 0; i < BW_ARRAY_SIZE(all); i++) {
		struct bw_controller_options o = { .name = all[i].name,
						   .primary = all[i].primary,
						   .reconcile = all[i].fn,
						   .arg = c,
						   .max_running = all[i].running,
						   .wait_for = all_stores };
		int r = bw_controller_new(c->rt, &o, all[i].ret, err);

		if (r < 0)
			return r;
	}
	return 0;
}

static int64_t or_default(int64_t value, int64_t by_default)
{
	return value > 0 ? value : by_default;
}

static void set_options(struct ctl_ipam *c, const struct ctl_ipam_options *opts)
{
	c->opts = *opts;
	c->opts.epoch_ms = or_default(opts->epoch_ms, 60000);
	c->opts.sweep_ms = or_default(opts->sweep_ms, 60000);
	c->opts.status_ms = or_default(opts->status_ms, 1000);
	c->opts.retry_ms = or_default(opts->retry_ms, 30000);
	if (!opts->breaker_min)
		c->opts.breaker_min = 20;
	if (opts->cluster_id)
		(void)snprintf(c->cluster_id, sizeof(c->cluster_id), "%s",
			       opts->cluster_id); /* a longer one is cut, ignoring */
	c->opts.cluster_id = NULL;
}

int ctl_ipam_start(struct bw_kube_runtime *rt, const struct ctl_ipam_options *opts,
		   struct ctl_ipam **ret, struct bw_err *err)
{
	BW_CLEANUP(ctl_ipam_free) struct ctl_ipam *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return bw_fail(err, ENOMEM, "start the address controllers");
	c->rt = rt;
	c->loop = opts->loop;
	c->random = opts->seed;
	set_options(c, opts);
	bw_list_init(&c->gone_nodes);
	for (size_t i = 0; i < CTL_SAID_BUCKETS; i++)
		bw_list_init(&c->said[i]);
	ctl_pools_init(&c->pools);
	ctl_wait_init(&c->wait);
	r = ctl_book_init(&c->book, err);
	if (r == 0)
		r = watch_all(c, err);
	if (r == 0)
		r = index_all(c, err);
	if (r == 0)
		r = ctl_hear_changes(c, err);
	if (r == 0)
		r = add_controllers(c, err);
	if (r == 0)
		r = bw_metrics_on_text(bw_kube_runtime_metrics(rt), ctl_measure, c, err);
	if (r < 0)
		return r;
	*ret = BW_TAKE_PTR(c);
	return 0;
}

void ctl_ipam_lead(struct ctl_ipam *c, int leading)
{
	c->leading = leading != 0;
	c->ready = 0;
	c->term_epoch = 0;
	c->raise_at_ns = 0;
	c->weighed = 0;
	c->listen_until_ns = 0;
	forget_said(c);
	if (c->leading)
		(void)bw_controller_enqueue(c->epoch_ctl, NULL, "cluster", BW_KEY_FACT);
	bw_kube_runtime_lead(c->rt, leading);
}

void ctl_ipam_stats(const struct ctl_ipam *c, struct ctl_ipam_stats *ret)
{
	*ret = (struct ctl_ipam_stats){ .addresses = c->book.n,
					.waiting = c->wait.n,
					.quarantined = c->quarantined,
					.breaker = c->breaker };
	bw_list_for_each (i, (struct bw_list *)&c->book.pending)
		ret->assumed++;
}

void ctl_ipam_free(struct ctl_ipam **ipam)
{
	struct ctl_ipam *c = *ipam;

	if (!c)
		return;
	bw_defer_stop(&c->settle);
	ctl_wait_done(&c->wait);
	ctl_pools_done(&c->pools);
	ctl_book_done(&c->book);
	if (c->gone_nodes.next) {
		bw_list_for_each (i, &c->gone_nodes)
			free(bw_list_entry(i, struct ctl_gone_node, node));
		forget_said(c);
	}
	free(c);
	*ipam = NULL;
}
