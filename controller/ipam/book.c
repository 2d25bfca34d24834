/* SPDX-License-Identifier: Apache-2.0 */
/* Records of addresses: a tree for each domain and family, chains by claim and by sticky key. */
#include <string.h>

#include <bw/err.h>

#include "book.h"

#define BUCKETS_MIN 256

static uint64_t hash(const char *s)
{
	return bw_fnv64(BW_FNV64_BASIS, s, strlen(s));
}

int ctl_book_init(struct ctl_book *b, struct bw_err *err)
{
	memset(b, 0, sizeof(*b));
	bw_list_init(&b->domains);
	bw_list_init(&b->pending);
	bw_list_init(&b->cooling);
	b->by_uid = calloc(BUCKETS_MIN, sizeof(struct ctl_addr *));
	b->by_sticky = calloc(BUCKETS_MIN, sizeof(struct ctl_addr *));
	b->n_buckets = BUCKETS_MIN;
	if (!b->by_uid || !b->by_sticky) {
		ctl_book_done(b);
		return bw_fail(err, ENOMEM, "make the book of addresses");
	}
	return 0;
}

static void free_tree(struct ctl_tree *t)
{
	while (t->root) {
		struct ctl_tree_node *n = ctl_tree_remove(t, t->root->key);
		struct ctl_addr *a = BW_CONTAINER_OF(n, struct ctl_addr, node);

		free(a->text);
		free(a);
	}
}

void ctl_book_done(struct ctl_book *b)
{
	if (b->domains.next)
		bw_list_for_each (n, &b->domains) {
			struct ctl_domain *d = bw_list_entry(n, struct ctl_domain, node);

			free_tree(&d->v4);
			free_tree(&d->v6);
			free(d);
		}
	free(b->by_uid);
	free(b->by_sticky);
	memset(b, 0, sizeof(*b));
}

static struct ctl_domain *find_domain(const struct ctl_book *b, const char *name)
{
	bw_list_for_each (n, (struct bw_list *)&b->domains) {
		struct ctl_domain *d = bw_list_entry(n, struct ctl_domain, node);

		if (strcmp(d->name, name) == 0)
			return d;
	}
	return NULL;
}

struct ctl_domain *ctl_book_domain(struct ctl_book *b, const char *name)
{
	struct ctl_domain *d = find_domain(b, name);
	size_t len = strlen(name);

	if (d || len == 0 || len > CTL_DOMAIN_MAX)
		return d;
	d = calloc(1, sizeof(*d));
	if (!d)
		return NULL;
	memcpy(d->name, name, len + 1);
	bw_list_add_tail(&b->domains, &d->node);
	return d;
}

struct ctl_tree *ctl_domain_tree(struct ctl_domain *d, int family)
{
	return family == AF_INET ? &d->v4 : &d->v6;
}

struct ctl_addr *ctl_book_find(const struct ctl_book *b, const char *domain, const struct bw_ip *ip)
{
	struct ctl_domain *d = find_domain(b, domain);
	struct ctl_tree_node *n =
		d ? ctl_tree_find(ctl_domain_tree(d, ip->family), bw_ip_value(ip)) : NULL;

	return n ? BW_CONTAINER_OF(n, struct ctl_addr, node) : NULL;
}

static struct ctl_addr *first_uid(struct ctl_addr *a, const char *uid)
{
	while (a && strcmp(a->claim_uid, uid) != 0)
		a = a->next_uid;
	return a;
}

static struct ctl_addr *first_sticky(struct ctl_addr *a, const char *key)
{
	while (a && strcmp(a->sticky, key) != 0)
		a = a->next_sticky;
	return a;
}

struct ctl_addr *ctl_book_of_claim(const struct ctl_book *b, const char *uid)
{
	return *uid ? first_uid(b->by_uid[hash(uid) % b->n_buckets], uid) : NULL;
}

struct ctl_addr *ctl_addr_next_of_claim(const struct ctl_addr *a)
{
	return first_uid(a->next_uid, a->claim_uid);
}

struct ctl_addr *ctl_book_of_sticky(const struct ctl_book *b, const char *key)
{
	return *key ? first_sticky(b->by_sticky[hash(key) % b->n_buckets], key) : NULL;
}

struct ctl_addr *ctl_addr_next_of_sticky(const struct ctl_addr *a)
{
	return first_sticky(a->next_sticky, a->sticky);
}

static void chain(struct ctl_book *b, struct ctl_addr *a)
{
	struct ctl_addr **u = &b->by_uid[hash(a->claim_uid) % b->n_buckets];
	struct ctl_addr **s = &b->by_sticky[hash(a->sticky) % b->n_buckets];

	if (*a->claim_uid) {
		a->next_uid = *u;
		*u = a;
	}
	if (*a->sticky) {
		a->next_sticky = *s;
		*s = a;
	}
}

static void unchain(struct ctl_book *b, struct ctl_addr *a)
{
	struct ctl_addr **u = &b->by_uid[hash(a->claim_uid) % b->n_buckets];
	struct ctl_addr **s = &b->by_sticky[hash(a->sticky) % b->n_buckets];

	while (*u && *u != a)
		u = &(*u)->next_uid;
	if (*u)
		*u = a->next_uid;
	while (*s && *s != a)
		s = &(*s)->next_sticky;
	if (*s)
		*s = a->next_sticky;
	a->next_uid = NULL;
	a->next_sticky = NULL;
}

static void rechain_tree(struct ctl_book *b, struct ctl_tree_node *n)
{
	struct ctl_addr *a;

	if (!n)
		return;
	a = BW_CONTAINER_OF(n, struct ctl_addr, node);
	a->next_uid = NULL;
	a->next_sticky = NULL;
	chain(b, a);
	rechain_tree(b, n->left);
	rechain_tree(b, n->right);
}

/* Longer chains are slower, not wrong: out of memory is no failure here. */
static void grow(struct ctl_book *b)
{
	size_t n = b->n_buckets * 2;
	struct ctl_addr **u = calloc(n, sizeof(struct ctl_addr *));
	struct ctl_addr **s = calloc(n, sizeof(struct ctl_addr *));

	if (!u || !s) {
		free(u);
		free(s);
		return;
	}
	free(b->by_uid);
	free(b->by_sticky);
	b->by_uid = u;
	b->by_sticky = s;
	b->n_buckets = n;
	bw_list_for_each (i, &b->domains) {
		struct ctl_domain *d = bw_list_entry(i, struct ctl_domain, node);

		rechain_tree(b, d->v4.root);
		rechain_tree(b, d->v6.root);
	}
}

enum { TEXTS = 7 };

static const char *or_empty(const char *s)
{
	return s ? s : "";
}

/* Makes the block of texts. Return: 0; -ENOMEM and nothing was changed. */
static int set_texts(struct ctl_addr *a, const struct ctl_addr_facts *f)
{
	const char *from[TEXTS] = { f->uid,       f->pool,  f->claim_ns, f->claim_name,
				    f->claim_uid, f->iface, f->sticky };
	const char **to[TEXTS] = { &a->uid,       &a->pool,  &a->claim_ns, &a->claim_name,
				   &a->claim_uid, &a->iface, &a->sticky };
	size_t size = 0;
	char *text;
	char *at;

	for (size_t i = 0; i < TEXTS; i++)
		size += strlen(or_empty(from[i])) + 1;
	text = malloc(size);
	if (!text)
		return -ENOMEM;
	at = text;
	for (size_t i = 0; i < TEXTS; i++) {
		size_t len = strlen(or_empty(from[i])) + 1;

		memcpy(at, or_empty(from[i]), len);
		*to[i] = at;
		at += len;
	}
	free(a->text);
	a->text = text;
	return 0;
}

static void set_known(struct ctl_book *b, struct ctl_addr *a, enum ctl_known known)
{
	a->known = known;
	bw_list_del(&a->pending);
	if (known != CTL_SEEN)
		bw_list_add_tail(&b->pending, &a->pending);
}

static void set_state(struct ctl_book *b, struct ctl_addr *a, enum bw_net_address_state state,
		      int64_t now_ns)
{
	int cools = state == BW_NET_ADDRESS_STATE_COOLING;

	if (a->state == state)
		return;
	a->state = state;
	a->state_seen_ns = now_ns;
	a->verdict = CTL_VERDICT_NONE;
	ctl_tree_mark(ctl_domain_tree(a->domain, a->ip.family), &a->node, cools);
	bw_list_del(&a->cooling);
	if (cools)
		bw_list_add_tail(&b->cooling, &a->cooling);
}

static int make(struct ctl_book *b, struct ctl_domain *d, const struct bw_ip *ip,
		struct ctl_addr **ret)
{
	struct ctl_addr *a = calloc(1, sizeof(*a));

	if (!a)
		return -ENOMEM;
	a->domain = d;
	a->ip = *ip;
	bw_list_init(&a->pending);
	bw_list_init(&a->cooling);
	if (b->n >= b->n_buckets)
		grow(b);
	(void)ctl_tree_insert(ctl_domain_tree(d, ip->family), &a->node, bw_ip_value(ip));
	b->n++;
	*ret = a;
	return 0;
}

int ctl_book_put(struct ctl_book *b, const char *domain, const struct bw_ip *ip,
		 const struct ctl_addr_facts *f, enum ctl_known known, int64_t now_ns,
		 struct ctl_addr **ret)
{
	struct ctl_domain *d = ctl_book_domain(b, domain);
	struct ctl_addr *a = d ? ctl_book_find(b, domain, ip) : NULL;
	int made = !a;
	int r;

	if (!d)
		return strlen(domain) - 1 < CTL_DOMAIN_MAX ? -ENOMEM : -EINVAL;
	if (a && known == CTL_ASSUMED)
		return -EEXIST;
	if (a && a->rv[0] && bw_kube_rv_cmp(or_empty(f->rv), a->rv) < 0)
		return 0;
	/* An answer to what the watch was faster to show. */
	if (a && a->known == CTL_SEEN && known == CTL_LIVE && strcmp(or_empty(f->rv), a->rv) == 0)
		known = CTL_SEEN;
	if (made) {
		r = make(b, d, ip, &a);
		if (r < 0)
			return r;
	} else {
		unchain(b, a);
	}
	r = set_texts(a, f);
	if (r < 0) {
		if (made)
			a->claim_uid = a->sticky = "";
		chain(b, a);
		if (made)
			ctl_book_drop(b, a);
		return r;
	}
	chain(b, a);
	set_known(b, a, known);
	set_state(b, a, f->state, now_ns);
	a->contested = 0;
	a->own |= known == CTL_ASSUMED;
	if (f->rv && strlen(f->rv) < sizeof(a->rv))
		memcpy(a->rv, f->rv, strlen(f->rv) + 1);
	if (ret)
		*ret = a;
	return 1;
}

int ctl_book_put_object(struct ctl_book *b, const struct bw_net_address *o, enum ctl_known known,
			int64_t now_ns, struct ctl_addr **ret)
{
	struct ctl_addr_facts f = { .uid = o->meta.uid,
				    .rv = o->meta.rv,
				    .pool = o->spec.pool,
				    .claim_ns = o->spec.claim.namespace,
				    .claim_name = o->spec.claim.name,
				    .claim_uid = o->spec.claim.uid,
				    .iface = o->spec.claim.interface,
				    .sticky = o->spec.sticky_key,
				    .state = o->spec.state };
	char domain[CTL_DOMAIN_MAX + 1];
	struct bw_ip ip;

	if (ctl_address_name_parse(o->meta.name, domain, &ip) < 0)
		return -EINVAL;
	return ctl_book_put(b, domain, &ip, &f, known, now_ns, ret);
}

void ctl_book_again(struct ctl_book *b, struct ctl_addr *a)
{
	set_known(b, a, CTL_ASSUMED);
	a->rv[0] = '\0';
	a->contested = 0;
}

void ctl_book_drop(struct ctl_book *b, struct ctl_addr *a)
{
	unchain(b, a);
	ctl_book_suspect(b, a, 0, 0);
	bw_list_del(&a->pending);
	bw_list_del(&a->cooling);
	(void)ctl_tree_remove(ctl_domain_tree(a->domain, a->ip.family), bw_ip_value(&a->ip));
	b->n--;
	free(a->text);
	free(a);
}

void ctl_book_suspect(struct ctl_book *b, struct ctl_addr *a, int suspect, int64_t now_ns)
{
	if (a->suspect == !!suspect)
		return;
	a->suspect = !!suspect;
	a->suspect_ns = now_ns;
	b->n_suspect += suspect ? 1 : (size_t)-1;
}
