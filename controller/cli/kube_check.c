/* SPDX-License-Identifier: Apache-2.0 */
/* barewire check: claims against addresses, and where there is one the node's journal and kernel
 * against both. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <bw/err.h>
#include <bw/ip.h>
#include <bw/ipam.h>
#include <bw/journal_claim.h>
#include <gen/net.h>

#include "kube_cli.h"

/* One address: of a claim's status, or locked by a NetworkAddress. */
struct entry {
	struct bw_ip ip;
	char uid[BW_KUBE_UID_MAX + 1]; /* of the claim */
	char what[BW_KUBE_NS_MAX + BW_KUBE_NAME_MAX + 2]; /* namespace/name of it */
	char domain[64]; /* of locks alone */
	int64_t token; /* of claims: the holder's */
	uint8_t bound;
};

struct table {
	struct entry *rows; /* owned */
	size_t n;
	size_t cap;
};

struct check {
	struct table claims;
	struct table locks;
	unsigned int n; /* differences */
};

static void differ(struct check *c, const char *fmt, ...) BW_PRINTF(2, 3);
static void differ(struct check *c, const char *fmt, ...)
{
	va_list ap;

	c->n++;
	va_start(ap, fmt);
	(void)vprintf(fmt, ap); /* nobody reads what cannot be printed, ignoring */
	va_end(ap);
	(void)putchar('\n');
}

/* A zeroed row at the end; NULL = out of memory. */
static struct entry *grow(struct table *t)
{
	if (t->n == t->cap) {
		size_t cap = t->cap ? t->cap * 2 : 256;
		struct entry *more = reallocarray(t->rows, cap, sizeof(*more));

		if (!more)
			return NULL;
		t->rows = more;
		t->cap = cap;
	}
	memset(&t->rows[t->n], 0, sizeof(t->rows[t->n]));
	return &t->rows[t->n++];
}

static int put_ip(struct table *t, const struct bw_net_claim *o, const char *ip, struct bw_err *err)
{
	struct entry *e = grow(t);

	if (!e)
		return bw_fail(err, ENOMEM, "read the claims");
	/* Names of a server fit, ignoring. */
	(void)snprintf(e->uid, sizeof(e->uid), "%s", o->meta.uid);
	(void)snprintf(e->what, sizeof(e->what), "%s/%s", o->meta.namespace, o->meta.name);
	e->token = o->status.has_holder ? o->status.holder.token : 0;
	/* An address nobody can read belongs to nobody, ignoring. */
	(void)bw_ip_parse(ip, &e->ip);
	return 0;
}

static int read_claim(const char *text, size_t size, void *arg, struct bw_err *err)
{
	struct bw_net_claim o = { 0 };
	struct check *c = arg;
	int r = bw_net_claim_decode(text, size, &o, err);

	for (size_t i = 0; r == 0 && i < o.status.interfaces.n; i++)
		for (size_t k = 0; r == 0 && k < o.status.interfaces.items[i].ips.n; k++)
			r = put_ip(&c->claims, &o, o.status.interfaces.items[i].ips.items[k], err);
	bw_net_claim_done(&o);
	return r;
}

static int read_lock(const char *text, size_t size, void *arg, struct bw_err *err)
{
	struct bw_net_address o = { 0 };
	struct check *c = arg;
	int r = bw_net_address_decode(text, size, &o, err);
	struct entry *e = r == 0 ? grow(&c->locks) : NULL;

	if (r == 0 && !e)
		r = bw_fail(err, ENOMEM, "read the addresses");
	if (e) {
		/* as above, ignoring */
		(void)snprintf(e->domain, sizeof(e->domain), "%s", o.spec.domain);
		if (o.spec.has_claim) {
			(void)snprintf(e->uid, sizeof(e->uid), "%s", o.spec.claim.uid);
			(void)snprintf(e->what, sizeof(e->what), "%s/%s", o.spec.claim.namespace,
				       o.spec.claim.name);
		}
		e->bound = o.spec.state == BW_NET_ADDRESS_STATE_BOUND;
		(void)bw_ip_parse(o.spec.address, &e->ip);
	}
	bw_net_address_done(&o);
	return r;
}

static int compare(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	int r = bw_ip_cmp(&x->ip, &y->ip);

	return r ? r : strcmp(x->uid, y->uid);
}

static void sort(struct table *t)
{
	if (t->n)
		qsort(t->rows, t->n, sizeof(*t->rows), compare);
}

static const struct entry *find(const struct table *t, const struct entry *key)
{
	return t->n ? bsearch(key, t->rows, t->n, sizeof(*t->rows), compare) : NULL;
}

static void compare_api(struct check *c)
{
	char ip[BW_IP_STR_MAX];

	sort(&c->claims);
	sort(&c->locks);
	for (size_t i = 0; i < c->claims.n; i++) {
		const struct entry *e = &c->claims.rows[i];

		if (!find(&c->locks, e))
			differ(c,
			       "%s: claim %s has it, but no NetworkAddress locks it for that "
			       "claim",
			       bw_ip_str(&e->ip, ip), e->what);
	}
	for (size_t i = 0; i < c->locks.n; i++) {
		const struct entry *e = &c->locks.rows[i];

		if (e->bound && !find(&c->claims, e))
			differ(c,
			       "%s in domain %s: bound to claim %s (uid %s), which does not have "
			       "it; the controller sweeps it up, or barewire who %s",
			       bw_ip_str(&e->ip, ip), e->domain, e->what, e->uid, ip);
	}
}

/* The claim of an attachment; NULL = the cluster has none. */
static const struct entry *claim_of(const struct check *c, const char *uid)
{
	for (size_t i = 0; i < c->claims.n; i++)
		if (strcmp(c->claims.rows[i].uid, uid) == 0)
			return &c->claims.rows[i];
	return NULL;
}

struct node {
	struct check *c;
	char boot_id[BW_BOOT_ID_LEN + 1];
};

/* A row of the node's journal: its claim, its token, its container. */
static int check_row(const struct bw_attachment *a, void *arg, struct bw_err *err)
{
	const struct node *n = arg;
	const struct entry *e;

	(void)err;
	if (bw_ipam_stale(a, n->boot_id))
		differ(n->c,
		       "node: container %s %s (%s) is gone, its row is left; barewire ipam "
		       "show, or the runtime's GC",
		       a->container_id, a->ifname, a->pod);
	if (!a->claim_uid[0])
		return 0;
	e = claim_of(n->c, a->claim_uid);
	if (!e)
		differ(n->c,
		       "node: container %s %s (%s) is attached for claim uid %s, which the "
		       "cluster does not have",
		       a->container_id, a->ifname, a->pod, a->claim_uid);
	else if (e->token && (uint64_t)e->token != a->token)
		differ(n->c,
		       "node: container %s %s (%s) is attached with token %" PRIu64
		       ", claim %s has %" PRId64,
		       a->container_id, a->ifname, a->pod, a->token, e->what, e->token);
	return 0;
}

static int check_ack(const struct bw_outbox_row *row, void *arg, struct bw_err *err)
{
	const struct node *n = arg;

	(void)err;
	differ(n->c, "node: the cluster was not told yet that claim uid %s token %" PRIu64 " is %s",
	       row->uid, row->token, bw_outbox_kind_str(row->kind));
	return 0;
}

/* A machine without a journal is no node, or has no pods of ours. */
static int check_node(struct cli_session *s, struct check *c, struct bw_err *err)
{
	bw_autojournal struct bw_journal *j = NULL;
	struct node n = { .c = c };
	int r = bw_journal_open(s->args->dir ? s->args->dir : BW_JOURNAL_DIR_DEFAULT,
				BW_JOURNAL_F_READ, &j, err);

	if (r == -ENOENT)
		return 0;
	if (r == 0)
		r = bw_boot_id(n.boot_id, err);
	if (r == 0)
		r = bw_journal_attach_each(j, NULL, check_row, &n, err);
	return r < 0 ? r : bw_journal_outbox_each(j, 0, check_ack, &n, err);
}

int cli_kube_check(struct cli_session *s)
{
	struct check c = { .n = 0 };
	struct bw_err err = { 0 };
	int r;

	/* Locks first: a claim that is bound meanwhile has its lock already. */
	r = cli_session_list(s, &bw_kind_networkaddress, NULL, read_lock, &c, &err);
	if (r == 0)
		r = cli_session_list(s, &bw_kind_networkclaim, NULL, read_claim, &c, &err);
	if (r == 0)
		compare_api(&c);
	if (r == 0)
		r = check_node(s, &c, &err);
	free(c.claims.rows);
	free(c.locks.rows);
	if (r < 0)
		return cli_fail(&err);
	(void)printf("%u difference%s; %zu addresses of claims, %zu locks\n", c.n,
		     c.n == 1 ? "" : "s", c.claims.n, c.locks.n);
	return c.n ? CLI_FOUND : CLI_OK;
}
