/* SPDX-License-Identifier: Apache-2.0 */
/* Declared addresses are checked, others chosen; what is chosen is in the book before it is sent.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <bw/err.h>

#include "claim_pick.h"

/* Adds a sentence; the first one gives the reason. */
static void because(struct ctl_why *w, const char *reason, int hopeless, const char *fmt, ...)
	BW_PRINTF(4, 5);
static void because(struct ctl_why *w, const char *reason, int hopeless, const char *fmt, ...)
{
	size_t len = strlen(w->text);
	va_list ap;

	w->hopeless = w->reason ? w->hopeless && hopeless : hopeless != 0;
	if (!w->reason)
		w->reason = reason;
	/* A text that is too long is cut, ignoring. */
	if (len && len + 3 < sizeof(w->text)) {
		(void)snprintf(w->text + len, sizeof(w->text) - len, "; ");
		len += 2;
	}
	va_start(ap, fmt);
	(void)vsnprintf(w->text + len, sizeof(w->text) - len, fmt, ap);
	va_end(ap);
}

/* WHICH POOLS MAY SERVE */

static int labels_match(const struct bw_kube_selector *s, struct bw_kube_object *o)
{
	BW_CLEANUP(bw_k_namespace_done) struct bw_k_namespace any = { 0 };

	/* A Namespace's struct is metadata and little else: it reads the labels of any kind. */
	return o && bw_k_namespace_decode(o->text, o->size, &any, NULL) == 0 &&
	       bw_kube_selector_match(s, any.meta.labels.items, any.meta.labels.n);
}

/* Why the pool does not serve this claim; NULL = it does. */
static const char *selected(struct ctl_claim *k, const struct ctl_pool *p)
{
	const struct bw_net_pool_selectors *s = &p->o.spec.selectors;
	const struct bw_kube_meta *m = &k->claim->meta;

	if (!p->o.spec.has_selectors)
		return NULL;
	if (s->has_namespace && !labels_match(&s->namespace, bw_kube_store_get(k->c->st.namespaces,
									       NULL, m->namespace)))
		return "the pool is not for this namespace";
	if (s->has_unit && !bw_kube_selector_match(&s->unit, m->labels.items, m->labels.n))
		return "the pool is not for claims with these labels";
	if (s->has_node && k->pod_node[0] &&
	    !labels_match(&s->node, bw_kube_store_get(k->c->st.nodes, NULL, k->pod_node)))
		return "the pool does not reach the node of the pod";
	return NULL;
}

struct count {
	const char *pool;
	const char *ns;
	size_t n;
};

static void count_tree(const struct ctl_tree_node *n, struct count *c)
{
	const struct ctl_addr *a;

	if (!n)
		return;
	a = BW_CONTAINER_OF(n, struct ctl_addr, node);
	c->n += a->state != BW_NET_ADDRESS_STATE_COOLING && strcmp(a->pool, c->pool) == 0 &&
		strcmp(a->claim_ns, c->ns) == 0;
	count_tree(n->left, c);
	count_tree(n->right, c);
}

/* Whether the namespace has used up its share of the pool. */
static int over_quota(struct ctl_claim *k, const struct ctl_pool *p, int64_t *ret_quota)
{
	struct ctl_domain *d = ctl_book_domain(&k->c->book, p->o.spec.domain);
	const struct bw_net_pool_quota *q = NULL;
	struct count c = { p->o.meta.name, k->claim->meta.namespace, 0 };

	for (size_t i = 0; i < p->o.spec.quotas.n; i++) {
		const struct bw_net_pool_quota *v = &p->o.spec.quotas.items[i];

		if (strcmp(v->namespace, c.ns) == 0 || (!q && strcmp(v->namespace, "*") == 0))
			q = v;
		if (strcmp(v->namespace, c.ns) == 0)
			break;
	}
	if (!q || !d)
		return 0;
	count_tree(ctl_domain_tree(d, p->family)->root, &c);
	*ret_quota = q->addresses;
	return c.n >= (uint64_t)q->addresses;
}

/* Whether the pool may give this claim an address at all. 1; 0 and says why; -ENOMEM. */
static int may_give(struct ctl_claim *k, const struct ctl_pool *p, struct ctl_why *w)
{
	const char *reason = "PoolNotSelected";
	const char *why = ctl_pool_closed(p, &reason);
	char key[CTL_KEY_MAX];
	int64_t quota;

	if (!why)
		why = selected(k, p);
	if (why) {
		because(w, reason, 0, "pool %s: %s", p->o.meta.name, why);
		return ctl_claim_wait(k, "config", p->o.meta.name);
	}
	if (over_quota(k, p, &quota)) {
		because(w, "QuotaExceeded", 0, "pool %s: namespace %s has its %lld addresses",
			p->o.meta.name, k->claim->meta.namespace, (long long)quota);
		/* Both ways: an address of the namespace is freed, or the quota is raised. */
		if (ctl_claim_wait(k, "quota",
				   ctl_key(p->o.meta.name, k->claim->meta.namespace, key)) < 0)
			return -ENOMEM;
		return ctl_claim_wait(k, "config", p->o.meta.name);
	}
	return 1;
}

/* THE CHOICE */

static int assume(struct ctl_claim *k, struct ctl_need *n, struct ctl_pool *p,
		  const struct bw_ip *ip)
{
	const struct bw_kube_meta *m = &k->claim->meta;
	struct ctl_addr_facts f = { .pool = p->o.meta.name,
				    .claim_ns = m->namespace,
				    .claim_name = m->name,
				    .claim_uid = m->uid,
				    .iface = n->iface->name,
				    .sticky = k->claim->spec.sticky_key,
				    .state = BW_NET_ADDRESS_STATE_BOUND };
	int r = ctl_book_put(&k->c->book, p->o.spec.domain, ip, &f, CTL_ASSUMED, ctl_now_ns(k->c),
			     &n->addr);

	if (r < 0)
		return r;
	n->ip = *ip;
	n->pool = p;
	n->picked = 1;
	return 1;
}

static size_t to_size(unsigned __int128 n)
{
	return n > SIZE_MAX ? SIZE_MAX : (size_t)n;
}

/* Seconds until the first address of the pool has cooled; -1 none does. */
static int64_t next_s(const struct ctl_ipam *c, const struct ctl_pool *p)
{
	int64_t best = -1;

	bw_list_for_each (i, (struct bw_list *)&c->book.cooling) {
		const struct ctl_addr *a = bw_list_entry(i, struct ctl_addr, cooling);
		int64_t left;

		if (strcmp(a->domain->name, p->o.spec.domain) != 0 ||
		    !ctl_intervals_has(&p->iv, &a->ip))
			continue;
		left = p->o.spec.cooldown_seconds - (ctl_now_ns(c) - a->state_seen_ns) / 1000000000;
		if (left < 0)
			left = 0;
		if (best < 0 || left < best)
			best = left;
	}
	return best;
}

static void explain(struct ctl_claim *k, const struct ctl_pool *p, unsigned __int128 n_free,
		    size_t ahead, struct ctl_why *w)
{
	struct ctl_domain *d = ctl_book_domain(&k->c->book, p->o.spec.domain);
	int64_t next = next_s(k->c, p);
	char total[CTL_U128_MAX];
	char free_n[CTL_U128_MAX];
	char after[40] = "";
	char before[64] = "";
	size_t cooling = 0;

	for (size_t i = 0; d && i < p->iv.n; i++)
		cooling += ctl_tree_count_marked(ctl_domain_tree(d, p->family), p->iv.v[i].first,
						 p->iv.v[i].last);
	/* All fit, ignoring. */
	if (next >= 0)
		(void)snprintf(after, sizeof(after), ", next in %lld s", (long long)next);
	if (ahead)
		(void)snprintf(before, sizeof(before), ", %zu older claims wait", ahead);
	because(w, "PoolExhausted", 0, "pool %s: %s of %s free, %zu cooling%s%s", p->o.meta.name,
		ctl_u128_str(n_free, free_n), ctl_u128_str(ctl_intervals_total(&p->iv), total),
		cooling, before, after);
}

/* From one pool. 1 picked; 0 not, and says why; -errno. */
static int from_pool(struct ctl_claim *k, struct ctl_need *n, struct ctl_pool *p, struct ctl_why *w)
{
	const struct bw_kube_meta *m = &k->claim->meta;
	struct ctl_domain *d = ctl_book_domain(&k->c->book, p->o.spec.domain);
	static const enum ctl_strategy strategies[] = {
		[BW_NET_POOL_STRATEGY_NONE] = CTL_LOWEST_FREE,
		[BW_NET_POOL_STRATEGY_LOWEST_FREE] = CTL_LOWEST_FREE,
		[BW_NET_POOL_STRATEGY_RANDOM] = CTL_RANDOM,
		[BW_NET_POOL_STRATEGY_ROUND_ROBIN] = CTL_ROUND_ROBIN,
	};
	struct ctl_pick pick = { .iv = &p->iv,
				 .strategy = strategies[p->o.spec.strategy],
				 .cursor = p->cursor };
	char thing[CTL_KEY_MAX];
	unsigned __int128 n_free;
	struct bw_ip ip;
	size_t ahead;

	if (!d)
		return -ENOMEM;
	pick.used = ctl_domain_tree(d, p->family);
	n_free = ctl_pick_free(&p->iv, pick.used);
	(void)snprintf(thing, sizeof(thing), "pool:%s", p->o.meta.name); /* fits, ignoring */
	ahead = ctl_wait_ahead(&k->c->wait, thing,
			       m->creation_timestamp ? m->creation_timestamp : "", m->namespace,
			       m->name, to_size(n_free));
	if (n_free == ahead) {
		explain(k, p, n_free, ahead, w);
		return ctl_claim_wait(k, "pool", p->o.meta.name);
	}
	if (pick.strategy == CTL_RANDOM)
		pick.random = ctl_random(k->c);
	if (ctl_pick(&pick, &ip) < 0)
		return -EIO; /* the tree and its counts disagree */
	p->cursor = ip;
	return assume(k, n, p, &ip);
}

static int pick_any(struct ctl_claim *k, struct ctl_need *n, struct ctl_why *w)
{
	for (size_t i = 0; i < n->n_pools; i++) {
		int r = may_give(k, n->pools[i], w);

		if (r > 0)
			r = from_pool(k, n, n->pools[i], w);
		if (r != 0)
			return r < 0 ? r : 0;
	}
	return 0;
}

/* A declared address that cools is taken back by who had it: the same name, or the same key. */
static int is_own_old(const struct ctl_claim *k, const struct ctl_addr *a)
{
	const char *key = k->claim->spec.sticky_key;
	int kept = a->state == BW_NET_ADDRESS_STATE_RETAINED;

	if (strcmp(a->claim_ns, k->claim->meta.namespace) != 0 ||
	    (!kept && a->state != BW_NET_ADDRESS_STATE_COOLING) || a->known == CTL_ASSUMED)
		return 0;
	return (key && strcmp(a->sticky, key) == 0) ||
	       (!kept && strcmp(a->claim_name, k->claim->meta.name) == 0);
}

/* The address is used: by whom, and what would help. */
static int occupied(struct ctl_claim *k, struct ctl_need *n, struct ctl_pool *p, struct ctl_addr *a,
		    struct ctl_why *w)
{
	char name[CTL_NAME_MAX];
	char s[BW_IP_STR_MAX];

	(void)bw_ip_str(&n->ip, s);
	if (is_own_old(k, a)) {
		n->addr = a;
		n->pool = p;
		n->take_over = 1;
		return 0;
	}
	if (a->state == BW_NET_ADDRESS_STATE_COOLING)
		because(w, "AddressCooling", 0, "%s was released by %s/%s and cools", s,
			a->claim_ns, a->claim_name);
	else if (a->state == BW_NET_ADDRESS_STATE_RETAINED)
		because(w, "AddressRetained", 0, "%s is kept for sticky key %s", s, a->sticky);
	else if (a->state == BW_NET_ADDRESS_STATE_QUARANTINED)
		because(w, "AddressQuarantined", 0, "%s is quarantined: its holder is not known",
			s);
	else
		because(w, "AddressInUse", 0, "%s is held by claim %s/%s", s, a->claim_ns,
			a->claim_name);
	if (ctl_address_name(p->o.spec.domain, &n->ip, name) < 0)
		return -EINVAL;
	return ctl_claim_wait(k, "addr", name);
}

static int pick_declared(struct ctl_claim *k, struct ctl_need *n, struct ctl_why *w)
{
	char s[BW_IP_STR_MAX];

	for (size_t i = 0; i < n->n_pools; i++) {
		struct ctl_pool *p = n->pools[i];
		struct ctl_addr *a = ctl_book_find(&k->c->book, p->o.spec.domain, &n->ip);
		int r;

		if (!ctl_intervals_has(&p->iv, &n->ip))
			continue;
		r = may_give(k, p, w);
		if (r <= 0)
			return r;
		if (a)
			return occupied(k, n, p, a, w);
		r = assume(k, n, p, &n->ip);
		return r < 0 ? r : 0;
	}
	because(w, "AddressOutOfPool", 1,
		"%s is in no range of the pools of interface %s, or reserved", bw_ip_str(&n->ip, s),
		n->iface->name);
	for (size_t i = 0; i < n->n_pools; i++)
		if (ctl_claim_wait(k, "config", n->pools[i]->o.meta.name) < 0)
			return -ENOMEM;
	return 0;
}

int ctl_claim_pick(struct ctl_claim *k, struct ctl_need *n, struct ctl_why *ret_why)
{
	memset(ret_why, 0, sizeof(*ret_why));
	if (n->n_pools == 0) {
		const char *name = n->missing;

		if (name) {
			because(ret_why, "PoolNotFound", 0, "there is no pool %s", name);
			return ctl_claim_wait(k, "config", name);
		}
		because(ret_why, "AddressOutOfPool", 1,
			"interface %s names no pool of the family of its declared address",
			n->iface->name);
		return 0;
	}
	return n->declared ? pick_declared(k, n, ret_why) : pick_any(k, n, ret_why);
}
