/* SPDX-License-Identifier: Apache-2.0 */
/* A pool's reconcile: counters, conditions, and its finalizer as long as it has addresses. */
#include <stdio.h>
#include <string.h>

#include <bw/err.h>

#include "ctl.h"

#define HOLDERS_SHOWN 5

struct tally {
	const struct ctl_pool *pool;
	size_t held; /* of this pool, wherever they lie */
	size_t out_of_range;
	size_t quarantined;
	size_t shown;
	char holders[256];
};

static void tally_tree(const struct ctl_tree_node *n, struct tally *t)
{
	const struct ctl_addr *a;
	size_t len = strlen(t->holders);

	if (!n)
		return;
	tally_tree(n->left, t);
	a = BW_CONTAINER_OF(n, struct ctl_addr, node);
	if (strcmp(a->pool, t->pool->o.meta.name) == 0) {
		t->held++;
		t->quarantined += a->state == BW_NET_ADDRESS_STATE_QUARANTINED;
		t->out_of_range += !ctl_intervals_has(&t->pool->iv, &a->ip);
		if (t->shown++ < HOLDERS_SHOWN && len < sizeof(t->holders))
			(void)snprintf(t->holders + len, sizeof(t->holders) - len, "%s%s/%s",
				       len ? ", " : "", a->claim_ns, a->claim_name);
	}
	tally_tree(n->right, t);
}

struct counts {
	char total[CTL_U128_MAX];
	char used[CTL_U128_MAX];
	char cooling[CTL_U128_MAX];
	char out_of_range[CTL_U128_MAX];
	char conflicts[CTL_U128_MAX];
	unsigned __int128 n_free;
};

static void count(struct ctl_ipam *c, const struct ctl_pool *pool, struct tally *t,
		  struct counts *ret)
{
	struct ctl_domain *d = ctl_book_domain(&c->book, pool->o.spec.domain);
	const struct ctl_tree *tree = d ? ctl_domain_tree(d, pool->family) : NULL;
	size_t used = 0;
	size_t cooling = 0;

	if (tree)
		tally_tree(tree->root, t);
	for (size_t i = 0; tree && i < pool->iv.n; i++) {
		used += ctl_tree_count(tree, pool->iv.v[i].first, pool->iv.v[i].last);
		cooling += ctl_tree_count_marked(tree, pool->iv.v[i].first, pool->iv.v[i].last);
	}
	ret->n_free = tree ? ctl_pick_free(&pool->iv, tree) : 0;
	(void)ctl_u128_str(ctl_intervals_total(&pool->iv), ret->total);
	(void)ctl_u128_str(used - cooling, ret->used);
	(void)ctl_u128_str(cooling, ret->cooling);
	(void)ctl_u128_str(t->out_of_range, ret->out_of_range);
	(void)ctl_u128_str(t->quarantined, ret->conflicts);
}

static void set_or_clear(struct bw_kube_conds *conds, const char *type, const char *why,
			 int64_t generation)
{
	if (why[0])
		bw_kube_conds_set(conds, type, 1, type, generation, "%s", why);
	else
		bw_kube_conds_clear(conds, type);
}

static void judge(struct ctl_ipam *c, const struct ctl_pool *pool, const struct tally *t,
		  const struct counts *n, struct bw_kube_conds *conds)
{
	int64_t generation = pool->o.meta.generation;
	const char *reason = "";
	const char *closed = ctl_pool_closed(pool, &reason);
	char more[48] = "";
	char left[CTL_U128_MAX];

	if (c->quarantined)
		bw_kube_conds_set(conds, "Allocatable", 0, "RestoreSuspected", generation, "%s%s%s",
				  c->quarantine, c->heal_waits[0] ? "; " : "", c->heal_waits);
	else if (closed)
		bw_kube_conds_set(conds, "Allocatable", 0, reason, generation, "%s", closed);
	else
		bw_kube_conds_set(conds, "Allocatable", 1, "Serving", generation,
				  "addresses are given");
	if (n->n_free == 0 && !closed)
		bw_kube_conds_set(conds, "Exhausted", 1, "NoFreeAddress", generation,
				  "0 of %s free, %s cooling", n->total, n->cooling);
	else
		bw_kube_conds_set(conds, "Exhausted", 0, "FreeAddresses", generation,
				  "%s of %s free", ctl_u128_str(n->n_free, left), n->total);
	set_or_clear(conds, "Overlapping", pool->overlap, generation);
	set_or_clear(conds, "DomainMismatch", pool->mismatch, generation);
	set_or_clear(conds, "SweepStopped",
		     c->breaker ? "more addresses than usual have no claim; nothing is swept "
				  "before the pool is annotated net.barewire.dev/sweep=allow"
				: "",
		     generation);
	if (!pool->o.meta.deleting)
		return;
	if (t->shown > HOLDERS_SHOWN)
		(void)snprintf(more, sizeof(more), " and %zu more", t->shown - HOLDERS_SHOWN);
	bw_kube_conds_set(conds, "Deleting", 1, "InUse", generation,
			  "%zu addresses are held, by %s%s; the pool goes with the last of them",
			  t->held, t->holders, more);
}

static int same(const char *a, const char *b)
{
	return a && strcmp(a, b) == 0;
}

static void plan_status(struct ctl_ipam *c, const struct ctl_pool *pool, const struct counts *n,
			const struct bw_kube_conds *conds, struct bw_plan *plan)
{
	const struct bw_net_pool_status *old = &pool->o.status;
	bw_autobuild struct bw_json_build b = { 0 };
	struct bw_kube_request r = { .verb = BW_KUBE_MERGE,
				     .kind = &bw_kind_networkpool,
				     .name = pool->o.meta.name,
				     .subresource = "status" };
	struct cJSON *status;

	if (!conds->changed && same(old->total, n->total) && same(old->used, n->used) &&
	    same(old->cooling, n->cooling) && same(old->out_of_range, n->out_of_range) &&
	    same(old->conflicts, n->conflicts) &&
	    old->observed_generation == pool->o.meta.generation)
		return;
	status = bw_json_put_object(&b, ctl_body_cas(&b, pool->o.meta.rv), "status");
	bw_json_put_int(&b, status, "observedGeneration", pool->o.meta.generation);
	bw_json_put_str(&b, status, "total", n->total);
	bw_json_put_str(&b, status, "used", n->used);
	bw_json_put_str(&b, status, "cooling", n->cooling);
	bw_json_put_str(&b, status, "outOfRange", n->out_of_range);
	bw_json_put_str(&b, status, "conflicts", n->conflicts);
	bw_kube_conds_put(conds, &b, status, ctl_real_s(c));
	ctl_write(plan, &r, &b, ctl_done_cas, NULL);
}

/* Reservations that end are no event of the API. */
static void watch_expiry(struct ctl_ipam *c, struct bw_plan *plan)
{
	int64_t left_s = c->pools.next_expiry_s - ctl_real_s(c);

	if (!c->pools.next_expiry_s)
		return;
	if (left_s <= 0)
		ctl_reload_pools(c);
	else
		bw_plan_requeue_after(plan, left_s < 86400 ? left_s * 1000 : 86400000);
}

int ctl_pool_reconcile(const char *ns, const char *name, struct bw_kube_object *o,
		       struct bw_plan *plan, void *ipam, struct bw_err *err)
{
	bw_autofree struct bw_kube_conds *conds = calloc(1, sizeof(*conds));
	struct ctl_ipam *c = ipam;
	struct tally tally = { 0 };
	struct counts counts;
	struct ctl_pool *pool;
	struct bw_err bad = { 0 };

	(void)ns;
	if (!conds)
		return bw_fail(err, ENOMEM, "reconcile pool %s", name);
	if (!o || (!c->ready && !c->quarantined))
		return 0;
	watch_expiry(c, plan);
	pool = ctl_pools_find(&c->pools, name);
	if (!pool) {
		struct bw_net_pool p = { 0 };

		if (bw_net_pool_decode(o->text, o->size, &p, &bad) < 0)
			bw_plan_event(plan, o, BW_EVENT_WARNING, "PoolInvalid", "%s", bad.msg);
		bw_net_pool_done(&p);
		return 0;
	}
	tally.pool = pool;
	count(c, pool, &tally, &counts);
	if (pool->o.meta.deleting && tally.held == 0) {
		if (bw_kube_has_finalizer(&pool->o.meta, CTL_POOL_FINALIZER))
			ctl_write_finalizer(plan, &bw_kind_networkpool, &pool->o.meta,
					    CTL_POOL_FINALIZER, 0);
		return 0;
	}
	if (!pool->o.meta.deleting && !bw_kube_has_finalizer(&pool->o.meta, CTL_POOL_FINALIZER)) {
		ctl_write_finalizer(plan, &bw_kind_networkpool, &pool->o.meta, CTL_POOL_FINALIZER,
				    1);
		return 0;
	}
	bw_kube_conds_load(conds, pool->o.status.conditions.items, pool->o.status.conditions.n);
	judge(c, pool, &tally, &counts, conds);
	plan_status(c, pool, &counts, conds, plan);
	return 0;
}
