/* SPDX-License-Identifier: Apache-2.0 */
/* barewire check: claims against locks, pods, nodes and journals; and the API against itself. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <bw/err.h>
#include <bw/json.h>
#include <bw/loop.h>

#include "kube_check.h"
#include "kube_cli.h"

#define NS_PER_MS 1000000LL
#define SETTLE_MS 400 /* between two comparisons */

static const struct cli_claim *claim_at(const struct cli_check *c, size_t i)
{
	return BW_CLI_ROW(&c->view.claims, struct cli_claim, i);
}

/* CLAIMS AGAINST LOCKS */

static void check_addr(struct cli_check *c, const struct cli_addr *a, const struct cli_addr *before)
{
	const struct cli_claim *claim = claim_at(c, a->claim);
	const struct cli_lock *lock = cli_view_lock(&c->view, a->domain, &a->ip);
	char ip[BW_IP_STR_MAX];

	bw_ip_str(&a->ip, ip);
	if (before && before->claim != a->claim && bw_ip_eq(&before->ip, &a->ip) &&
	    strcmp(before->domain, a->domain) == 0) {
		const struct cli_claim *other = claim_at(c, before->claim);

		cli_find(&c->found, CLI_ADDRESS_TWICE, NULL,
			 "%s in domain %s: claims %s/%s and %s/%s both have it", ip, a->domain,
			 other->ns, other->name, claim->ns, claim->name);
	}
	if (!a->domain[0])
		cli_find(&c->found, CLI_POOL_MISSING, NULL,
			 "%s: claim %s/%s has it of pool %s, which does not exist", ip, claim->ns,
			 claim->name, a->pool);
	else if (!lock)
		cli_find(&c->found, CLI_ADDRESS_UNLOCKED, NULL,
			 "%s: claim %s/%s has it, but no NetworkAddress locks it in domain %s", ip,
			 claim->ns, claim->name, a->domain);
	else if (strcmp(lock->uid, claim->uid) != 0)
		cli_find(&c->found, CLI_ADDRESS_UNLOCKED, NULL,
			 "%s: claim %s/%s has it, but its NetworkAddress in domain %s is for claim "
			 "%s/%s (uid %s)",
			 ip, claim->ns, claim->name, a->domain, lock->ns, lock->claim, lock->uid);
}

/* Whether the claim that a lock names lists the address. */
static int is_listed(const struct cli_check *c, const struct cli_lock *l)
{
	const struct cli_claim *claim = cli_view_claim(&c->view, l->ns, l->claim);
	size_t i = cli_view_addr(&c->view, &l->ip);

	if (!claim || strcmp(claim->uid, l->uid) != 0)
		return 0;
	for (; i < c->view.addrs.n; i++) {
		const struct cli_addr *a = BW_CLI_ROW(&c->view.addrs, struct cli_addr, i);

		if (!bw_ip_eq(&a->ip, &l->ip))
			return 0;
		if (claim_at(c, a->claim) == claim)
			return 1;
	}
	return 0;
}

static void check_lock(struct cli_check *c, const struct cli_lock *l)
{
	char ip[BW_IP_STR_MAX];

	bw_ip_str(&l->ip, ip);
	if (!cli_view_pool(&c->view, l->pool))
		cli_find(&c->found, CLI_POOL_MISSING, NULL,
			 "%s in domain %s: of pool %s, which does not exist", ip, l->domain,
			 l->pool);
	if (l->state == BW_NET_ADDRESS_STATE_QUARANTINED)
		cli_find(&c->found, CLI_WARN_QUARANTINED, NULL, "%s in domain %s", ip, l->domain);
	if (l->state == BW_NET_ADDRESS_STATE_BOUND && !is_listed(c, l))
		cli_find(&c->found, CLI_ADDRESS_ORPHANED, NULL,
			 "%s in domain %s: bound to claim %s/%s (uid %s), which does not have it",
			 ip, l->domain, l->ns, l->claim, l->uid);
}

/* CLAIMS AGAINST THEMSELVES */

static void check_claim(struct cli_check *c, const struct cli_claim *k)
{
	const struct cli_node *n = k->holder ? cli_check_node(c, k->holder) : NULL;

	if (k->holder && c->nodes_known && (!n || strcmp(n->uid, k->holder_uid) != 0))
		cli_find(&c->found, CLI_HOLDER_GONE, NULL,
			 "claim %s/%s is held by node %s (uid %s) under token %" PRId64 "; %s",
			 k->ns, k->name, k->holder, k->holder_uid, k->token,
			 n ? "the Node of that name is another" : "there is no such Node");
	if (cli_claim_is_attached(k) &&
	    (!k->holder || strcmp(k->holder, k->attached) != 0 || k->attached_token != k->token))
		cli_find(&c->found, CLI_ATTACHED_ELSEWHERE, NULL,
			 "claim %s/%s is attached on node %s under token %" PRId64
			 ", and held by %s%s under token %" PRId64,
			 k->ns, k->name, k->attached, k->attached_token,
			 k->holder ? "node " : "nobody", k->holder ? k->holder : "", k->token);
	else if (k->detached_token > k->token)
		cli_find(&c->found, CLI_ATTACHED_ELSEWHERE, NULL,
			 "claim %s/%s: token %" PRId64 " was given back, it is held under %" PRId64
			 ": was the API server restored?",
			 k->ns, k->name, k->detached_token, k->token);
}

/* Bound locks of a pool that no claim has. */
static int has_orphans(const struct cli_check *c, const char *pool)
{
	for (size_t i = 0; i < c->view.locks.n; i++) {
		const struct cli_lock *l = BW_CLI_ROW(&c->view.locks, struct cli_lock, i);

		if (l->state == BW_NET_ADDRESS_STATE_BOUND && strcmp(l->pool, pool) == 0 &&
		    !is_listed(c, l))
			return 1;
	}
	return 0;
}

static void check_pool(struct cli_check *c, const struct cli_pool *p)
{
	struct cli_finding *f = NULL;

	if (p->trouble)
		cli_find(&c->found, CLI_WARN_POOL, NULL, "pool %s: %s", p->name, p->trouble);
	if (p->sweep_stopped && !p->sweep_allowed && has_orphans(c, p->name))
		f = cli_find(&c->found, CLI_SWEEP_STOPPED, NULL,
			     "pool %s: more addresses than usual have no claim, none is taken back",
			     p->name);
	else if (p->sweep_allowed && !has_orphans(c, p->name))
		f = cli_find(&c->found, CLI_SWEEP_LEFT_OPEN, NULL,
			     "pool %s carries net.barewire.dev/sweep=allow, and nothing is left to "
			     "sweep",
			     p->name);
	if (f)
		/* A pool's name fits, ignoring. */
		(void)snprintf(f->name, sizeof(f->name), "%s", p->name);
}

void cli_check_api(struct cli_check *c)
{
	const struct cli_addr *before = NULL;

	for (size_t i = 0; i < c->view.addrs.n; i++) {
		const struct cli_addr *a = BW_CLI_ROW(&c->view.addrs, struct cli_addr, i);

		check_addr(c, a, before);
		before = a;
	}
	for (size_t i = 0; i < c->view.locks.n; i++)
		check_lock(c, BW_CLI_ROW(&c->view.locks, struct cli_lock, i));
	for (size_t i = 0; i < c->view.claims.n; i++)
		check_claim(c, claim_at(c, i));
	for (size_t i = 0; i < c->view.pools.n; i++)
		check_pool(c, BW_CLI_ROW(&c->view.pools, struct cli_pool, i));
}

/* THE COMMAND */

int cli_check_refused(struct cli_check *c, int r, const char *what, struct bw_err *err)
{
	if (r != -EACCES)
		return r;
	cli_find(&c->found, CLI_WARN_NOT_COMPARED, NULL, "%s: %s", what, err->msg);
	memset(err, 0, sizeof(*err));
	return 1;
}

void cli_check_done(struct cli_check *c)
{
	for (size_t i = 0; i < c->policies.n; i++)
		bw_k_network_policy_done(&BW_CLI_ROW(&c->policies, struct cli_policy, i)->o);
	free(c->policies.v);
	free(c->nodes.v);
	cli_view_done(&c->view);
	cli_findings_done(&c->found);
	memset(c, 0, sizeof(*c));
}

static int once(struct cli_session *s, struct cli_check *c, struct bw_err *err)
{
	int r;

	memset(c, 0, sizeof(*c));
	c->s = s;
	c->nodes.size = sizeof(struct cli_node);
	c->policies.size = sizeof(struct cli_policy);
	r = cli_view_load(s, &c->view, err);
	if (r == 0)
		r = cli_check_read_nodes(c, err);
	if (r == 0)
		r = cli_check_pods(c, err);
	if (r < 0)
		return r;
	cli_check_api(c);
	cli_check_nodes(c);
	r = cli_check_journal(c, err);
	if (r == 0 && c->found.failed)
		r = bw_fail(err, ENOMEM, "note what differs");
	cli_findings_sort(&c->found);
	return r;
}

static void set_flag(void *arg)
{
	*(int *)arg = 1;
}

static int settle(struct cli_session *s, struct bw_err *err)
{
	struct bw_timer t = { 0 };
	int over = 0;
	int r;

	bw_timer_init(&t, s->loop, set_flag, &over);
	r = bw_timer_set(&t, bw_loop_now_ns(s->loop) + SETTLE_MS * NS_PER_MS);
	if (r < 0)
		return bw_fail(err, -r, "wait a moment");
	while (!over && r >= 0)
		r = bw_loop_step(s->loop, -1, INT64_MAX, err);
	bw_timer_stop(&t);
	return r < 0 ? r : 0;
}

int cli_check_run(struct cli_session *s, struct cli_check *ret, struct bw_err *err)
{
	struct cli_check first;
	int r = once(s, &first, err);

	if (r < 0 || !cli_findings_differences(&first.found)) {
		*ret = first;
		return r;
	}
	r = settle(s, err);
	if (r == 0)
		r = once(s, ret, err);
	else
		memset(ret, 0, sizeof(*ret));
	if (r == 0)
		cli_findings_keep(&ret->found, &first.found);
	cli_check_done(&first);
	return r;
}

static size_t agents(const struct cli_check *c)
{
	size_t n = 0;

	for (size_t i = 0; i < c->nodes.n; i++)
		n += BW_CLI_ROW(&c->nodes, struct cli_node, i)->agent_runs;
	return n;
}

static int print_tree(const struct cli_kube_args *args, const struct cli_check *c)
{
	bw_autobuild struct bw_json_build b = { 0 };
	struct cJSON *root = bw_json_build_object(&b);
	struct cJSON *n;

	cli_findings_json(&c->found, &b, root);
	n = bw_json_put_object(&b, root, "compared");
	bw_json_put_uint(&b, n, "claims", c->view.claims.n);
	bw_json_put_uint(&b, n, "addresses", c->view.addrs.n);
	bw_json_put_uint(&b, n, "locks", c->view.locks.n);
	bw_json_put_uint(&b, n, "pods", c->pods);
	bw_json_put_uint(&b, n, "nodes", c->nodes.n);
	bw_json_put_uint(&b, n, "agents", agents(c));
	bw_json_put_bool(&b, n, "localJournal", c->local);
	return cli_out_build(args, &b);
}

int cli_kube_check(struct cli_session *s)
{
	struct cli_check c = { 0 };
	struct bw_err err = { 0 };
	int r = cli_check_run(s, &c, &err);
	size_t n = cli_findings_differences(&c.found);
	int code = n ? CLI_FOUND : CLI_OK;

	if (r < 0)
		code = cli_fail(&err);
	else if (cli_wants_tree(s->args))
		code = print_tree(s->args, &c) != CLI_OK ? CLI_FAILED : code;
	else {
		cli_findings_print(&c.found);
		/* Nobody reads what cannot be printed, ignoring. */
		(void)printf("%zu difference%s, %zu warning%s; compared: %zu addresses of %zu "
			     "claims, %zu locks, %zu pods, the journals of %zu of %zu nodes%s\n",
			     n, n == 1 ? "" : "s", c.found.n - n, c.found.n - n == 1 ? "" : "s",
			     c.view.addrs.n, c.view.claims.n, c.view.locks.n, c.pods, agents(&c),
			     c.nodes.n, c.local ? ", this machine's journal" : "");
	}
	cli_check_done(&c);
	return code;
}
