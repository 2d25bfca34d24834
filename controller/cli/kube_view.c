/* SPDX-License-Identifier: Apache-2.0 */
/* Pools, claims and locks of a cluster, read once. */
#include <string.h>

#include <bw/err.h>

#include "kube_cli.h"
#include "kube_view.h"

#define CHUNK 65536 /* bytes of texts */
#define SWEEP "net.barewire.dev/sweep" /* as controller/ipam reads it */

void *cli_rows_add(struct cli_rows *rows)
{
	if (rows->n == rows->cap) {
		size_t cap = rows->cap ? rows->cap * 2 : 64;
		void *more = reallocarray(rows->v, cap, rows->size);

		if (!more)
			return NULL;
		rows->v = more;
		rows->cap = cap;
	}
	return memset((char *)rows->v + rows->n++ * rows->size, 0, rows->size);
}

static char *new_chunk(struct cli_view *v, size_t size)
{
	char **more = reallocarray(v->chunks, v->n_chunks + 1, sizeof(*more));

	if (!more)
		return NULL;
	v->chunks = more;
	more[v->n_chunks] = malloc(size);
	return more[v->n_chunks] ? more[v->n_chunks++] : NULL;
}

const char *cli_view_keep(struct cli_view *v, const char *text)
{
	size_t n = text ? strlen(text) + 1 : 0;
	char *to;

	if (!text)
		return NULL;
	if (n > CHUNK)
		return NULL; /* no name is so long */
	if (!v->n_chunks || v->used + n > CHUNK) {
		if (!new_chunk(v, CHUNK))
			return NULL;
		v->used = 0;
	}
	to = v->chunks[v->n_chunks - 1] + v->used;
	memcpy(to, text, n);
	v->used += n;
	return to;
}

/* Never NULL but without memory. */
static const char *keep(struct cli_view *v, const char *text)
{
	return cli_view_keep(v, text ? text : "");
}

struct load {
	struct cli_view *v;
};

static int no_memory(struct bw_err *err)
{
	return bw_fail(err, ENOMEM, "read the cluster's objects");
}

/* What stops it from giving addresses, or says that it is wrong. */
static const char *trouble(struct cli_view *v, const struct bw_net_pool *p)
{
	for (size_t i = 0; i < p->status.conditions.n; i++) {
		const struct bw_kube_condition *c = &p->status.conditions.items[i];
		int good = strcmp(c->type, "Allocatable") == 0;

		if (strcmp(c->type, "SweepStopped") != 0 &&
		    strcmp(c->status, good ? "False" : "True") == 0)
			return keep(v, c->message && *c->message ? c->message : c->type);
	}
	return NULL;
}

static int read_pool(const char *text, size_t size, void *arg, struct bw_err *err)
{
	BW_CLEANUP(bw_net_pool_done) struct bw_net_pool o = { 0 };
	struct cli_view *v = ((struct load *)arg)->v;
	int r = bw_net_pool_decode(text, size, &o, err);
	const struct bw_kube_condition *stopped;
	const char *allow;
	struct cli_pool *p;

	if (r < 0)
		return r;
	p = cli_rows_add(&v->pools);
	if (!p)
		return no_memory(err);
	stopped = bw_kube_condition_get(o.status.conditions.items, o.status.conditions.n,
					"SweepStopped");
	allow = bw_kube_annotation(&o.meta, SWEEP);
	*p = (struct cli_pool){ .name = keep(v, o.meta.name),
				.domain = keep(v, o.spec.domain),
				.trouble = trouble(v, &o),
				.sweep_stopped = stopped && strcmp(stopped->status, "True") == 0,
				.sweep_allowed = allow && strcmp(allow, "allow") == 0 };
	return p->name && p->domain ? 0 : no_memory(err);
}

static int read_addrs(struct cli_view *v, const struct bw_net_claim_status_interface *f,
		      size_t claim)
{
	const struct cli_pool *pool = cli_view_pool(v, f->pool);

	for (size_t i = 0; i < f->ips.n; i++) {
		struct cli_addr *a = cli_rows_add(&v->addrs);

		if (!a)
			return -ENOMEM;
		/* An address that nobody can read belongs to nobody, ignoring. */
		(void)bw_ip_parse(f->ips.items[i], &a->ip);
		a->domain = pool ? pool->domain : "";
		a->pool = keep(v, f->pool);
		a->claim = claim;
		a->eth0 = strcmp(f->name, "eth0") == 0;
	}
	return 0;
}

static int read_claim(const char *text, size_t size, void *arg, struct bw_err *err)
{
	BW_CLEANUP(bw_net_claim_done) struct bw_net_claim o = { 0 };
	struct cli_view *v = ((struct load *)arg)->v;
	int r = bw_net_claim_decode(text, size, &o, err);
	struct cli_claim *c;

	if (r < 0)
		return r;
	c = cli_rows_add(&v->claims);
	if (!c)
		return no_memory(err);
	*c = (struct cli_claim){
		.ns = keep(v, o.meta.namespace),
		.name = keep(v, o.meta.name),
		.uid = keep(v, o.meta.uid),
		.phase = o.status.phase,
		.token = o.status.has_holder ? o.status.holder.token : 0,
		.attached_token = o.status.has_attached ? o.status.attached.token : 0,
		.detached_token = o.status.has_detached_token ? o.status.detached_token : -1
	};
	if (o.spec.has_unit_ref)
		c->unit = keep(v, o.spec.unit_ref.name);
	if (o.status.has_holder) {
		c->holder = keep(v, o.status.holder.node);
		c->holder_uid = keep(v, o.status.holder.node_uid);
	}
	if (o.status.has_attached)
		c->attached = keep(v, o.status.attached.node);
	for (size_t i = 0; i < o.spec.interfaces.n; i++)
		c->has_eth0 |= strcmp(o.spec.interfaces.items[i].name, "eth0") == 0;
	for (size_t i = 0; r == 0 && i < o.status.interfaces.n; i++)
		r = read_addrs(v, &o.status.interfaces.items[i], v->claims.n - 1);
	c = BW_CLI_ROW(&v->claims, struct cli_claim, v->claims.n - 1);
	return r < 0 || !c->ns || !c->name || !c->uid ? no_memory(err) : 0;
}

static int read_lock(const char *text, size_t size, void *arg, struct bw_err *err)
{
	BW_CLEANUP(bw_net_address_done) struct bw_net_address o = { 0 };
	struct cli_view *v = ((struct load *)arg)->v;
	int r = bw_net_address_decode(text, size, &o, err);
	struct cli_lock *l;

	if (r < 0)
		return r;
	l = cli_rows_add(&v->locks);
	if (!l)
		return no_memory(err);
	*l = (struct cli_lock){ .domain = keep(v, o.spec.domain),
				.pool = keep(v, o.spec.pool),
				.ns = keep(v, o.spec.has_claim ? o.spec.claim.namespace : ""),
				.claim = keep(v, o.spec.has_claim ? o.spec.claim.name : ""),
				.uid = keep(v, o.spec.has_claim ? o.spec.claim.uid : ""),
				.state = o.spec.state };
	(void)bw_ip_parse(o.spec.address, &l->ip); /* as above, ignoring */
	return l->domain && l->pool && l->ns && l->claim && l->uid ? 0 : no_memory(err);
}

/* ORDER */

static int cmp_pool(const void *a, const void *b)
{
	return strcmp(((const struct cli_pool *)a)->name, ((const struct cli_pool *)b)->name);
}

static int cmp_addr(const void *a, const void *b)
{
	const struct cli_addr *x = a, *y = b;
	int r = bw_ip_cmp(&x->ip, &y->ip);

	if (!r)
		r = strcmp(x->domain, y->domain);
	return r ? r : (x->claim > y->claim) - (x->claim < y->claim);
}

static int cmp_lock(const void *a, const void *b)
{
	const struct cli_lock *x = a, *y = b;
	int r = bw_ip_cmp(&x->ip, &y->ip);

	return r ? r : strcmp(x->domain, y->domain);
}

static int cmp_ip(const void *a, const void *b)
{
	return bw_ip_cmp(&((const struct cli_lock *)a)->ip, &((const struct cli_lock *)b)->ip);
}

static int cmp_claim(const void *a, const void *b)
{
	const struct cli_claim *x = *(const struct cli_claim *const *)a;
	const struct cli_claim *y = *(const struct cli_claim *const *)b;
	int r = strcmp(x->ns, y->ns);

	return r ? r : strcmp(x->name, y->name);
}

static int cmp_unit(const void *a, const void *b)
{
	const struct cli_claim *x = *(const struct cli_claim *const *)a;
	const struct cli_claim *y = *(const struct cli_claim *const *)b;
	int r = strcmp(x->ns, y->ns);

	return r ? r : strcmp(x->unit, y->unit);
}

static void sort(struct cli_rows *rows, int (*cmp)(const void *a, const void *b))
{
	if (rows->n)
		qsort(rows->v, rows->n, rows->size, cmp);
}

static const void *find(const struct cli_rows *rows, const void *key,
			int (*cmp)(const void *a, const void *b))
{
	return rows->n ? bsearch(key, rows->v, rows->n, rows->size, cmp) : NULL;
}

const struct cli_pool *cli_view_pool(const struct cli_view *v, const char *name)
{
	struct cli_pool key = { .name = name };

	return find(&v->pools, &key, cmp_pool);
}

const struct cli_claim *cli_view_claim(const struct cli_view *v, const char *ns, const char *name)
{
	struct cli_claim key = { .ns = ns, .name = name };
	const struct cli_claim *at = &key;
	const struct cli_claim *const *p = find(&v->by_name, &at, cmp_claim);

	return p ? *p : NULL;
}

const struct cli_claim *cli_view_unit(const struct cli_view *v, const char *ns, const char *pod)
{
	struct cli_claim key = { .ns = ns, .unit = pod };
	const struct cli_claim *at = &key;
	const struct cli_claim *const *p = find(&v->by_unit, &at, cmp_unit);

	return p ? *p : NULL;
}

const struct cli_lock *cli_view_lock(const struct cli_view *v, const char *domain,
				     const struct bw_ip *ip)
{
	struct cli_lock key = { .ip = *ip, .domain = domain };

	return find(&v->locks, &key, domain ? cmp_lock : cmp_ip);
}

size_t cli_view_addr(const struct cli_view *v, const struct bw_ip *ip)
{
	size_t low = 0;
	size_t high = v->addrs.n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (bw_ip_cmp(&BW_CLI_ROW(&v->addrs, struct cli_addr, mid)->ip, ip) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static int index_claims(struct cli_view *v, struct bw_err *err)
{
	for (size_t i = 0; i < v->claims.n; i++) {
		const struct cli_claim *c = BW_CLI_ROW(&v->claims, struct cli_claim, i);
		const struct cli_claim **to = cli_rows_add(&v->by_name);

		if (!to)
			return no_memory(err);
		*to = c;
		if (!c->unit)
			continue;
		to = cli_rows_add(&v->by_unit);
		if (!to)
			return no_memory(err);
		*to = c;
	}
	sort(&v->by_name, cmp_claim);
	sort(&v->by_unit, cmp_unit);
	sort(&v->addrs, cmp_addr);
	sort(&v->locks, cmp_lock);
	return 0;
}

int cli_view_load(struct cli_session *s, struct cli_view *ret, struct bw_err *err)
{
	struct load l = { ret };
	int r;

	memset(ret, 0, sizeof(*ret));
	ret->pools.size = sizeof(struct cli_pool);
	ret->claims.size = sizeof(struct cli_claim);
	ret->addrs.size = sizeof(struct cli_addr);
	ret->locks.size = sizeof(struct cli_lock);
	ret->by_name.size = sizeof(struct cli_claim *);
	ret->by_unit.size = sizeof(struct cli_claim *);
	r = cli_session_list(s, &bw_kind_networkpool, NULL, read_pool, &l, err);
	sort(&ret->pools, cmp_pool); /* claims look their domain up */
	if (r == 0)
		r = cli_session_list(s, &bw_kind_networkclaim, NULL, read_claim, &l, err);
	if (r == 0)
		r = cli_session_list(s, &bw_kind_networkaddress, NULL, read_lock, &l, err);
	return r < 0 ? r : index_claims(ret, err);
}

void cli_view_done(struct cli_view *v)
{
	struct cli_rows *const rows[] = { &v->pools, &v->claims,  &v->addrs,
					  &v->locks, &v->by_name, &v->by_unit };

	for (size_t i = 0; i < BW_ARRAY_SIZE(rows); i++)
		free(rows[i]->v);
	for (size_t i = 0; i < v->n_chunks; i++)
		free(v->chunks[i]);
	free(v->chunks);
	memset(v, 0, sizeof(*v));
}
