/* SPDX-License-Identifier: Apache-2.0 */
/* barewire uninstall --check: what is in use, and what would hang without a controller. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <bw/err.h>
#include <bw/json.h>
#include <gen/db.h>

#include "kube_cli.h"
#include "kube_view.h"

struct left {
	struct cli_view view;
	struct cli_rows nodes; /* struct node */
	struct cli_rows units; /* struct unit */
	size_t leaving; /* Units that are being deleted */
	size_t attached; /* claims */
	size_t waiting; /* claims that are being deleted */
	size_t states[BW_NET_ADDRESS_STATE_MAX_];
	int64_t attachments;
};

struct node {
	const char *name;
	int32_t attachments;
};

struct unit {
	const char *ns, *name, *phase;
};

static void left_done(struct left *l)
{
	free(l->nodes.v);
	free(l->units.v);
	cli_view_done(&l->view);
}

static int read_network(const char *text, size_t size, void *arg, struct bw_err *err)
{
	BW_CLEANUP(bw_net_node_done) struct bw_net_node o = { 0 };
	struct left *l = arg;
	int r = bw_net_node_decode(text, size, &o, err);
	struct node *n;

	if (r < 0 || !o.status.attachments)
		return r;
	n = cli_rows_add(&l->nodes);
	if (n)
		n->name = cli_view_keep(&l->view, o.meta.name);
	if (!n || !n->name)
		return bw_fail(err, ENOMEM, "read the nodes");
	n->attachments = o.status.attachments;
	l->attachments += n->attachments;
	return 0;
}

static int read_unit(const char *text, size_t size, void *arg, struct bw_err *err)
{
	BW_CLEANUP(bw_db_unit_done) struct bw_db_unit o = { 0 };
	struct left *l = arg;
	int r = bw_db_unit_decode(text, size, &o, err);
	struct unit *u;

	if (r < 0)
		return r;
	u = cli_rows_add(&l->units);
	if (!u)
		return bw_fail(err, ENOMEM, "read the Units");
	u->ns = cli_view_keep(&l->view, o.meta.namespace);
	u->name = cli_view_keep(&l->view, o.meta.name);
	u->phase = bw_db_unit_status_phase_str(o.status.phase);
	l->leaving += o.meta.deleting;
	return u->ns && u->name ? 0 : bw_fail(err, ENOMEM, "read the Units");
}

/* A cluster that was installed before there were Units does not have the kind. */
static int load_units(struct cli_session *s, struct left *l, struct bw_err *err)
{
	int r = cli_session_list(s, &bw_kind_unit, NULL, read_unit, l, err);

	return r == -ENOENT ? 0 : r;
}

static int load(struct cli_session *s, struct left *l, struct bw_err *err)
{
	int r = cli_view_load(s, &l->view, err);

	l->nodes.size = sizeof(struct node);
	l->units.size = sizeof(struct unit);
	if (r == 0)
		r = cli_session_list(s, &bw_kind_nodenetwork, NULL, read_network, l, err);
	if (r == 0)
		r = load_units(s, l, err);
	for (size_t i = 0; i < l->view.claims.n; i++) {
		const struct cli_claim *c = BW_CLI_ROW(&l->view.claims, struct cli_claim, i);

		l->attached += cli_claim_is_attached(c);
		l->waiting += c->phase == BW_NET_CLAIM_STATUS_PHASE_RELEASING;
	}
	for (size_t i = 0; i < l->view.locks.n; i++)
		l->states[BW_CLI_ROW(&l->view.locks, struct cli_lock, i)->state]++;
	return r;
}

static const char *one_ip(const struct left *l, size_t claim, char out[BW_IP_STR_MAX])
{
	for (size_t i = 0; i < l->view.addrs.n; i++) {
		const struct cli_addr *a = BW_CLI_ROW(&l->view.addrs, struct cli_addr, i);

		if (a->claim == claim)
			return bw_ip_str(&a->ip, out);
	}
	return memcpy(out, "-", 2);
}

static void print_claims(const struct left *l)
{
	char ip[BW_IP_STR_MAX];

	/* Nobody reads what cannot be printed, ignoring: here and below. */
	for (size_t i = 0; i < l->view.claims.n; i++) {
		const struct cli_claim *c = BW_CLI_ROW(&l->view.claims, struct cli_claim, i);

		(void)printf("claim %s/%s  %s  %s%s%s\n", c->ns, c->name, one_ip(l, i, ip),
			     bw_net_claim_status_phase_str(c->phase),
			     cli_claim_is_attached(c) ? ", on node " : "",
			     cli_claim_is_attached(c) ? c->attached : "");
	}
	for (size_t i = 0; i < l->nodes.n; i++) {
		const struct node *n = BW_CLI_ROW(&l->nodes, struct node, i);

		(void)printf("node %s  %d attachment%s\n", n->name, n->attachments,
			     n->attachments == 1 ? "" : "s");
	}
}

static void print_units(const struct left *l)
{
	for (size_t i = 0; i < l->units.n; i++) {
		const struct unit *u = BW_CLI_ROW(&l->units, struct unit, i);

		(void)printf("Unit %s/%s  %s\n", u->ns, u->name, *u->phase ? u->phase : "-");
	}
	if (l->units.n)
		(void)printf("left: %zu Units (%zu being deleted)\n", l->units.n, l->leaving);
	if (l->leaving)
		(void)printf("NOT YET: %zu Units are being deleted and would stay Terminating "
			     "without a controller; their conditions say what they wait for\n",
			     l->leaving);
}

static void print_text(const struct left *l, int any)
{
	print_units(l);
	print_claims(l);
	(void)printf("left: %zu claims (%zu attached, %zu being deleted), %zu addresses, %zu "
		     "pools, %" PRId64 " attachments on %zu nodes\n",
		     l->view.claims.n, l->attached, l->waiting, l->view.locks.n, l->view.pools.n,
		     l->attachments, l->nodes.n);
	if (l->waiting)
		(void)printf("NOT YET: %zu claims are being deleted and would stay Terminating "
			     "without a controller; barewire claim -A says what they wait for\n",
			     l->waiting);
	if (any)
		(void)printf("kubectl delete -k conf/deploy/uninstall leaves all of it where it "
			     "is: pods that run keep their addresses, and kubectl apply -k "
			     "conf/deploy finds them.\nTo remove the addresses, too, delete Units "
			     "and pods, then claims, then pools while the controller runs.\n");
	else
		(void)printf("nothing uses barewire\n");
}

static int print_tree(const struct cli_session *s, const struct left *l)
{
	bw_autobuild struct bw_json_build b = { 0 };
	struct cJSON *root = bw_json_build_object(&b);
	struct cJSON *list = bw_json_put_array(&b, root, "claims");

	for (size_t i = 0; i < l->view.claims.n; i++) {
		const struct cli_claim *c = BW_CLI_ROW(&l->view.claims, struct cli_claim, i);
		struct cJSON *o = bw_json_put_object(&b, list, NULL);

		bw_json_put_str(&b, o, "namespace", c->ns);
		bw_json_put_str(&b, o, "name", c->name);
		bw_json_put_str(&b, o, "phase", bw_net_claim_status_phase_str(c->phase));
		if (cli_claim_is_attached(c))
			bw_json_put_str(&b, o, "attached", c->attached);
	}
	list = bw_json_put_array(&b, root, "units");
	for (size_t i = 0; i < l->units.n; i++) {
		const struct unit *u = BW_CLI_ROW(&l->units, struct unit, i);
		struct cJSON *o = bw_json_put_object(&b, list, NULL);

		bw_json_put_str(&b, o, "namespace", u->ns);
		bw_json_put_str(&b, o, "name", u->name);
		bw_json_put_str(&b, o, "phase", u->phase);
	}
	bw_json_put_uint(&b, root, "addresses", l->view.locks.n);
	bw_json_put_uint(&b, root, "pools", l->view.pools.n);
	bw_json_put_int(&b, root, "attachments", l->attachments);
	return cli_out_build(s->args, &b);
}

int cli_kube_uninstall(struct cli_session *s)
{
	BW_CLEANUP(left_done) struct left l = { .attached = 0 };
	struct bw_err err = { 0 };
	int any, code;

	if (!s->args->check)
		return cli_usage("uninstall", "expected --check; programs are removed by kubectl "
					      "delete -k conf/deploy/uninstall");
	if (load(s, &l, &err) < 0)
		return cli_fail(&err);
	any = l.units.n || l.view.claims.n || l.view.locks.n || l.view.pools.n || l.attachments;
	code = any ? CLI_FOUND : CLI_OK;
	if (cli_wants_tree(s->args))
		return print_tree(s, &l) != CLI_OK ? CLI_FAILED : code;
	print_text(&l, any);
	return code;
}
