/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a claim needs: one address for each interface and family, from which pools, and which of
 * them it holds already. No I/O, no choice yet.
 */
#include <string.h>

#include "ctl.h"

static void add_pool(struct ctl_need *n, struct ctl_pool *p)
{
	if (!n)
		return; /* more needs than there may be */
	for (size_t i = 0; i < n->n_pools; i++)
		if (n->pools[i] == p)
			return;
	if (n->n_pools < CTL_POOLS_MAX)
		n->pools[n->n_pools++] = p;
}

static struct ctl_need *need_of(struct ctl_claim *k, const struct bw_net_claim_interface *i,
				int family)
{
	struct ctl_need *n;

	for (size_t at = 0; at < k->n_needs; at++)
		if (k->needs[at].iface == i && k->needs[at].family == family)
			return &k->needs[at];
	if (k->n_needs == CTL_NEEDS_MAX)
		return NULL;
	n = &k->needs[k->n_needs++];
	n->iface = i;
	n->family = family;
	return n;
}

/* Names of pools of an interface: network, or networks. */
static size_t names_of(const struct bw_net_claim_interface *i, const char *const **ret)
{
	*ret = i->network ? &i->network : i->networks.items;
	return i->network ? 1 : i->networks.n;
}

static void add_pools(struct ctl_claim *k, const struct bw_net_claim_interface *i)
{
	const char *const *names;
	size_t n = names_of(i, &names);

	for (size_t at = 0; at < n; at++) {
		struct ctl_pool *p = ctl_pools_find(&k->c->pools, names[at]);
		struct ctl_need *need = need_of(k, i, p ? p->family : 0);

		if (!need)
			return;
		if (!p)
			need->missing = names[at];
		else
			add_pool(need, p);
	}
	/* Fallbacks of all come after all that are named. */
	for (size_t at = 0; at < n; at++) {
		struct ctl_pool *p = ctl_pools_find(&k->c->pools, names[at]);

		for (size_t f = 0; p && f < p->o.spec.fallback.n; f++) {
			struct ctl_pool *q =
				ctl_pools_find(&k->c->pools, p->o.spec.fallback.items[f]);

			if (q && q->family == p->family)
				add_pool(need_of(k, i, p->family), q);
		}
	}
}

/* A pool that does not exist matters only where no other serves: one of a list may be missing. */
static void drop_missing(struct ctl_claim *k)
{
	size_t n = 0;

	for (size_t at = 0; at < k->n_needs; at++) {
		int served = 0;

		for (size_t o = 0; o < k->n_needs; o++)
			served |= o != at && k->needs[o].iface == k->needs[at].iface;
		if (k->needs[at].family != 0 || !served)
			k->needs[n++] = k->needs[at];
	}
	k->n_needs = n;
}

static void add_declared(struct ctl_claim *k, const struct bw_net_claim_interface *i)
{
	for (size_t at = 0; at < i->requested_ips.n; at++) {
		struct ctl_need *need;
		struct bw_ip ip;

		if (bw_ip_parse(i->requested_ips.items[at], &ip) < 0)
			continue;
		need = need_of(k, i, ip.family);
		if (need) {
			need->declared = 1;
			need->ip = ip;
		}
	}
}

/* What the status says that an interface has. */
static void add_listed(struct ctl_claim *k, const struct bw_net_claim_interface *i)
{
	const struct bw_net_claim_status *s = &k->claim->status;

	for (size_t at = 0; at < s->interfaces.n; at++) {
		const struct bw_net_claim_status_interface *has = &s->interfaces.items[at];

		if (strcmp(has->name, i->name) != 0)
			continue;
		for (size_t v = 0; v < has->ips.n; v++) {
			struct ctl_need *need;
			struct bw_ip ip;

			if (bw_ip_parse(has->ips.items[v], &ip) < 0)
				continue;
			need = need_of(k, i, ip.family);
			if (!need)
				continue;
			need->listed = 1;
			need->ip = ip;
			need->pool_name = has->pool;
			need->pool = ctl_pools_find(&k->c->pools, has->pool);
		}
	}
}

static int is_used(const struct ctl_claim *k, const struct ctl_addr *a)
{
	for (size_t i = 0; i < k->n_needs; i++)
		if (k->needs[i].addr == a)
			return 1;
	return 0;
}

/* The pool among the need's own that an address came from, or could. */
static struct ctl_pool *pool_of(const struct ctl_need *n, const struct ctl_addr *a)
{
	struct ctl_pool *fits = NULL;

	for (size_t i = 0; i < n->n_pools; i++) {
		struct ctl_pool *p = n->pools[i];

		if (strcmp(p->o.spec.domain, a->domain->name) != 0)
			continue;
		if (strcmp(p->o.meta.name, a->pool) == 0)
			return p;
		if (!fits && ctl_intervals_has(&p->iv, &a->ip))
			fits = p;
	}
	return fits;
}

static int fits(const struct ctl_claim *k, const struct ctl_need *n, const struct ctl_addr *a)
{
	return !is_used(k, a) && a->ip.family == n->family &&
	       (!*a->iface || strcmp(a->iface, n->iface->name) == 0) &&
	       (!n->declared || bw_ip_eq(&a->ip, &n->ip)) && pool_of(n, a);
}

static void hold(struct ctl_need *n, struct ctl_addr *a, int take_over)
{
	n->addr = a;
	n->ip = a->ip;
	n->pool = pool_of(n, a);
	n->take_over = take_over != 0;
}

/* An address that was created for this claim and is not in its status yet. */
static void find_held(struct ctl_claim *k, struct ctl_need *n)
{
	struct ctl_addr *a = ctl_book_of_claim(&k->c->book, k->claim->meta.uid);

	for (; a && !n->addr; a = ctl_addr_next_of_claim(a))
		if (a->state == BW_NET_ADDRESS_STATE_BOUND && fits(k, n, a))
			hold(n, a, 0);
}

static void find_sticky(struct ctl_claim *k, struct ctl_need *n)
{
	const char *key = k->claim->spec.sticky_key;
	struct ctl_addr *a = key ? ctl_book_of_sticky(&k->c->book, key) : NULL;

	for (; a && !n->addr; a = ctl_addr_next_of_sticky(a))
		if ((a->state == BW_NET_ADDRESS_STATE_RETAINED ||
		     a->state == BW_NET_ADDRESS_STATE_COOLING) &&
		    strcmp(a->claim_ns, k->claim->meta.namespace) == 0 && fits(k, n, a))
			hold(n, a, 1);
}

/* The record of an address that the status lists; of a pool that is gone only our own is found. */
static struct ctl_addr *listed_record(const struct ctl_claim *k, const struct ctl_need *n)
{
	struct ctl_addr *a = ctl_book_of_claim(&k->c->book, k->claim->meta.uid);

	if (n->pool)
		return ctl_book_find(&k->c->book, n->pool->o.spec.domain, &n->ip);
	while (a && !bw_ip_eq(&a->ip, &n->ip))
		a = ctl_addr_next_of_claim(a);
	return a;
}

int ctl_claim_needs(struct ctl_claim *k)
{
	const struct bw_net_claim_spec *s = &k->claim->spec;

	for (size_t i = 0; i < s->interfaces.n; i++) {
		add_pools(k, &s->interfaces.items[i]);
		add_declared(k, &s->interfaces.items[i]);
		add_listed(k, &s->interfaces.items[i]);
	}
	drop_missing(k);
	for (size_t i = 0; i < k->n_needs; i++) {
		struct ctl_need *n = &k->needs[i];

		if (n->listed)
			n->addr = listed_record(k, n);
	}
	for (size_t i = 0; i < k->n_needs; i++)
		if (!k->needs[i].listed)
			find_held(k, &k->needs[i]);
	for (size_t i = 0; i < k->n_needs; i++)
		if (!k->needs[i].listed && !k->needs[i].addr)
			find_sticky(k, &k->needs[i]);
	return 0;
}
