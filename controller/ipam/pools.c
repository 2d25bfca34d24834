/* SPDX-License-Identifier: Apache-2.0 */
/* Pools from their objects; pools are few, so a change of one reads all of them again. */
#include <stdio.h>
#include <string.h>

#include <bw/err.h>
#include <bw/kube_store.h>

#include "pools.h"
#include "stamp.h"

void ctl_pools_init(struct ctl_pools *p)
{
	bw_list_init(&p->list);
	p->next_expiry_s = 0;
}

static void free_pool(struct ctl_pool *pool)
{
	bw_net_pool_done(&pool->o);
	ctl_intervals_done(&pool->iv);
	free(pool);
}

void ctl_pools_done(struct ctl_pools *p)
{
	if (!p->list.next)
		return;
	bw_list_for_each (n, &p->list) {
		bw_list_del(n);
		free_pool(bw_list_entry(n, struct ctl_pool, node));
	}
}

struct ctl_pool *ctl_pools_find(const struct ctl_pools *p, const char *name)
{
	bw_list_for_each (n, (struct bw_list *)&p->list) {
		struct ctl_pool *pool = bw_list_entry(n, struct ctl_pool, node);

		if (strcmp(pool->o.meta.name, name) == 0)
			return pool;
	}
	return NULL;
}

/* Reserved intervals of all domains; grown by doubling. */
struct reserved {
	struct bw_interval *v; /* owned */
	char (*domain)[CTL_DOMAIN_MAX + 1]; /* owned */
	size_t n;
	size_t cap;
	int64_t real_s;
	int64_t next_s;
};

static void reserved_done(struct reserved *r)
{
	free(r->v);
	free(r->domain);
}

static int add_reserved(struct reserved *r, const char *domain, const struct bw_interval *i)
{
	if (strlen(domain) > CTL_DOMAIN_MAX)
		return 0;
	if (r->n == r->cap) {
		size_t cap = r->cap ? r->cap * 2 : 64;
		void *v = realloc(r->v, cap * sizeof(*r->v));
		void *d;

		if (!v)
			return -ENOMEM;
		r->v = v;
		d = realloc(r->domain, cap * sizeof(*r->domain));
		if (!d)
			return -ENOMEM;
		r->domain = d;
		r->cap = cap;
	}
	r->v[r->n] = *i;
	memcpy(r->domain[r->n], domain, strlen(domain) + 1);
	r->n++;
	return 0;
}

static int read_reservation(struct bw_kube_object *o, void *arg)
{
	BW_CLEANUP(bw_net_reservation_done) struct bw_net_reservation res = { 0 };
	struct reserved *r = arg;
	int64_t until;

	if (bw_net_reservation_decode(o->text, o->size, &res, NULL) < 0)
		return 0;
	if (res.spec.expires && ctl_stamp_parse(res.spec.expires, &until) == 0) {
		if (until <= r->real_s)
			return 0;
		if (!r->next_s || until < r->next_s)
			r->next_s = until;
	}
	for (size_t i = 0; i < res.spec.addresses.n; i++) {
		struct bw_interval v;

		if (bw_interval_parse(res.spec.addresses.items[i], &v) < 0)
			continue;
		if (add_reserved(r, res.spec.domain, &v) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int older(const struct ctl_pool *a, const struct ctl_pool *b)
{
	const char *x = a->o.meta.creation_timestamp ? a->o.meta.creation_timestamp : "";
	const char *y = b->o.meta.creation_timestamp ? b->o.meta.creation_timestamp : "";
	int c = strcmp(x, y);

	return c ? c < 0 : strcmp(a->o.meta.name, b->o.meta.name) < 0;
}

static void insert(struct ctl_pools *p, struct ctl_pool *pool)
{
	struct bw_list *at = p->list.next;

	while (at != &p->list && older(bw_list_entry(at, struct ctl_pool, node), pool))
		at = at->next;
	bw_list_add_tail(at, &pool->node);
}

static int build(struct ctl_pool *pool, const struct reserved *all)
{
	const struct bw_net_pool_spec *s = &pool->o.spec;
	bw_autofree struct bw_interval *mine = calloc(all->n + 1, sizeof(*mine));
	struct ctl_intervals_spec spec = { .prefix = s->prefix,
					   .gateway = s->gateway,
					   .ranges = s->ranges.items,
					   .n_ranges = s->ranges.n,
					   .excludes = s->excludes.items,
					   .n_excludes = s->excludes.n };
	struct bw_err err = { 0 };
	struct bw_prefix prefix;
	int r;

	if (!mine)
		return -ENOMEM;
	for (size_t i = 0; i < all->n; i++)
		if (strcmp(all->domain[i], s->domain) == 0)
			mine[spec.n_reserved++] = all->v[i];
	spec.reserved = mine;
	if (bw_prefix_parse(s->prefix, &prefix) == 0)
		pool->family = prefix.ip.family;
	r = ctl_intervals_build(&spec, &pool->iv, &err);
	if (r == -ENOMEM)
		return r;
	if (r < 0)
		(void)snprintf(pool->bad, sizeof(pool->bad), "%.250s", err.msg); /* may be cut */
	return 0;
}

struct load {
	struct ctl_pools new;
	const struct ctl_pools *old;
	const struct reserved *reserved;
};

static int read_pool(struct bw_kube_object *o, void *arg)
{
	struct load *l = arg;
	struct ctl_pool *pool = calloc(1, sizeof(*pool));
	const struct ctl_pool *before;
	int r;

	if (!pool)
		return -ENOMEM;
	r = bw_net_pool_decode(o->text, o->size, &pool->o, NULL);
	if (r == 0)
		r = build(pool, l->reserved);
	if (r < 0) {
		free_pool(pool);
		return r == -ENOMEM ? r : 0;
	}
	before = ctl_pools_find(l->old, o->name);
	if (before)
		pool->cursor = before->cursor;
	insert(&l->new, pool);
	return 0;
}

static const char *or_none(const char *s)
{
	return s ? s : "none";
}

/* What @old, the older pool of the same domain, says otherwise. */
static void compare(struct ctl_pool *pool, const struct ctl_pool *old)
{
	const struct bw_net_pool_spec *a = &old->o.spec;
	const struct bw_net_pool_spec *b = &pool->o.spec;
	struct bw_ip at;
	char s[BW_IP_STR_MAX];

	/* All of these may be cut, ignoring. */
	if (!pool->mismatch[0] && a->vlan != b->vlan)
		(void)snprintf(pool->mismatch, sizeof(pool->mismatch),
			       "pool %s of domain %s has vlan %d, this one %d", old->o.meta.name,
			       a->domain, a->vlan, b->vlan);
	if (!pool->mismatch[0] && a->mtu != b->mtu)
		(void)snprintf(pool->mismatch, sizeof(pool->mismatch),
			       "pool %s of domain %s has mtu %d, this one %d", old->o.meta.name,
			       a->domain, a->mtu, b->mtu);
	if (!pool->mismatch[0] && strcmp(or_none(a->uplink), or_none(b->uplink)) != 0)
		(void)snprintf(pool->mismatch, sizeof(pool->mismatch),
			       "pool %s of domain %s has uplink %s, this one %s", old->o.meta.name,
			       a->domain, or_none(a->uplink), or_none(b->uplink));
	if (!pool->overlap[0] && ctl_intervals_overlap(&pool->iv, &old->iv, &at))
		(void)snprintf(pool->overlap, sizeof(pool->overlap),
			       "pool %s may give %s, too; no address is given twice",
			       old->o.meta.name, bw_ip_str(&at, s));
}

static void compare_all(struct ctl_pools *p)
{
	bw_list_for_each (n, &p->list) {
		struct ctl_pool *pool = bw_list_entry(n, struct ctl_pool, node);

		bw_list_for_each (m, &p->list) {
			struct ctl_pool *old = bw_list_entry(m, struct ctl_pool, node);

			if (m == n)
				break;
			if (strcmp(old->o.spec.domain, pool->o.spec.domain) == 0)
				compare(pool, old);
		}
	}
}

int ctl_pools_load(struct ctl_pools *p, const struct bw_kube_store *pools,
		   const struct bw_kube_store *reservations, int64_t real_s, struct bw_err *err)
{
	BW_CLEANUP(reserved_done) struct reserved reserved = { .real_s = real_s };
	struct load l = { .old = p, .reserved = &reserved };
	int r;

	ctl_pools_init(&l.new);
	r = bw_kube_store_each(reservations, NULL, read_reservation, &reserved);
	if (r == 0)
		r = bw_kube_store_each(pools, NULL, read_pool, &l);
	if (r < 0) {
		ctl_pools_done(&l.new);
		return bw_fail(err, ENOMEM, "read the pools");
	}
	ctl_pools_done(p);
	ctl_pools_init(p);
	bw_list_for_each (n, &l.new.list) {
		bw_list_del(n);
		bw_list_add_tail(&p->list, n);
	}
	p->next_expiry_s = reserved.next_s;
	compare_all(p);
	return 0;
}

const char *ctl_pool_closed(const struct ctl_pool *pool, const char **ret_reason)
{
	if (pool->o.meta.deleting) {
		*ret_reason = "PoolDeleting";
		return "the pool is being deleted";
	}
	if (pool->bad[0]) {
		*ret_reason = "PoolInvalid";
		return pool->bad;
	}
	if (pool->mismatch[0]) {
		*ret_reason = "DomainMismatch";
		return pool->mismatch;
	}
	if (pool->o.spec.phase == BW_NET_POOL_PHASE_MAINTENANCE) {
		*ret_reason = "Maintenance";
		return "the pool is in maintenance";
	}
	return NULL;
}
