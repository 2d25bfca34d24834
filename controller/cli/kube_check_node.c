/* SPDX-License-Identifier: Apache-2.0 */
/* barewire check: nodes, and what their agents publish of journal and kernel. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <bw/err.h>
#include <bw/loop.h>

#include "kube_check.h"
#include "kube_cli.h"

#define LEASE "barewire-controller"
#define NAMES_SHOWN 200 /* characters */

static int no_memory(struct bw_err *err)
{
	return bw_fail(err, ENOMEM, "read the nodes");
}

static int cmp_node(const void *a, const void *b)
{
	return strcmp(((const struct cli_node *)a)->name, ((const struct cli_node *)b)->name);
}

struct cli_node *cli_check_node(const struct cli_check *c, const char *name)
{
	struct cli_node key = { .name = name };

	return c->nodes.n ? bsearch(&key, c->nodes.v, c->nodes.n, c->nodes.size, cmp_node) : NULL;
}

static int read_node(const char *text, size_t size, void *arg, struct bw_err *err)
{
	BW_CLEANUP(bw_k_node_done) struct bw_k_node o = { 0 };
	struct cli_check *c = arg;
	int r = bw_k_node_decode(text, size, &o, err);
	struct cli_node *n;

	if (r < 0)
		return r;
	n = cli_rows_add(&c->nodes);
	if (!n)
		return no_memory(err);
	n->name = cli_view_keep(&c->view, o.meta.name);
	n->uid = cli_view_keep(&c->view, o.meta.uid);
	n->boot_id = cli_view_keep(&c->view, o.status.node_info.boot_id);
	return n->name && n->uid ? 0 : no_memory(err);
}

/* WHAT THE AGENT PUBLISHED */

static void check_conditions(struct cli_check *c, const struct bw_net_node *o)
{
	for (size_t i = 0; i < o->status.conditions.n; i++) {
		const struct bw_kube_condition *k = &o->status.conditions.items[i];
		const char *message = k->message && *k->message ? k->message : k->type;

		if (strcmp(k->type, "Ready") == 0 && strcmp(k->status, "False") == 0)
			cli_find(&c->found, CLI_JOURNAL_UNREADABLE, o->meta.name, "%s", message);
		if (strcmp(k->type, "RestoreSuspected") == 0 && strcmp(k->status, "True") == 0)
			cli_find(&c->found, CLI_RESTORE_SUSPECTED, o->meta.name, "%s", message);
	}
}

static void check_epoch(struct cli_check *c, const struct bw_net_node *o)
{
	if (c->epoch && o->status.has_epoch && o->status.epoch > c->epoch)
		cli_find(&c->found, CLI_RESTORE_SUSPECTED, o->meta.name,
			 "has seen epoch %" PRId64 ", the API server is at %" PRId64,
			 o->status.epoch, c->epoch);
	if (c->cluster_id && o->status.cluster_id && o->status.cluster_id[0] &&
	    strcmp(c->cluster_id, o->status.cluster_id) != 0)
		cli_find(&c->found, CLI_RESTORE_SUSPECTED, o->meta.name,
			 "has seen cluster %s, this one is %s", o->status.cluster_id,
			 c->cluster_id);
}

/* Parts "namespace/name" for a cure that needs the pod. */
static void name_pod(struct cli_finding *f, const char *pod)
{
	const char *slash = pod ? strchr(pod, '/') : NULL;

	if (!slash || (size_t)(slash - pod) >= sizeof(f->ns))
		return;
	memcpy(f->ns, pod, (size_t)(slash - pod));
	f->ns[slash - pod] = '\0';
	(void)snprintf(f->name, sizeof(f->name), "%s", slash + 1); /* fits, ignoring */
}

static void check_differences(struct cli_check *c, const struct bw_net_node *o)
{
	for (size_t i = 0; i < o->status.differences.n; i++) {
		const struct bw_net_node_status_difference *d = &o->status.differences.items[i];
		enum cli_kind kind = cli_kind_of(d->reason);
		struct cli_finding *f = cli_find(
			&c->found, kind, o->meta.name, "%s%s%s%s",
			kind == CLI_NODE_OTHER ? d->reason : "", kind == CLI_NODE_OTHER ? ": " : "",
			d->pod && *d->pod ? d->pod : "", d->pod && *d->pod ? ": " : "");
		size_t len = strlen(f->text);

		/* may be cut, ignoring */
		(void)snprintf(f->text + len, sizeof(f->text) - len, "%s", d->message);
		name_pod(f, d->pod);
	}
}

/* What lives on the node and the API server does not know, after a restore. */
static void check_live(struct cli_check *c, const struct bw_net_node *o)
{
	for (size_t i = 0; i < o->status.live.n; i++) {
		const struct bw_net_node_status_live *l = &o->status.live.items[i];
		const struct cli_claim *k = cli_view_claim(&c->view, l->namespace, l->name);

		if (!k || strcmp(k->uid, l->uid) != 0)
			cli_find(
				&c->found, CLI_RESTORE_SUSPECTED, o->meta.name,
				"claim %s/%s (uid %s) with %s lives there, and the API server does "
				"not have it",
				l->namespace, l->name, l->uid, l->ips.n ? l->ips.items[0] : "-");
		else if (l->token > k->token)
			cli_find(&c->found, CLI_RESTORE_SUSPECTED, o->meta.name,
				 "claim %s/%s lives there under token %" PRId64
				 ", the API server has %" PRId64,
				 l->namespace, l->name, l->token, k->token);
	}
}

static void check_segments(struct cli_check *c, const struct bw_net_node *o)
{
	for (size_t i = 0; i < o->status.domains.n; i++) {
		const struct bw_net_node_status_domain *d = &o->status.domains.items[i];

		if (!d->ready)
			cli_find(&c->found, CLI_WARN_SEGMENT, o->meta.name, "domain %s: %s",
				 d->domain, d->message && *d->message ? d->message : "not ready");
	}
}

static int read_network(const char *text, size_t size, void *arg, struct bw_err *err)
{
	BW_CLEANUP(bw_net_node_done) struct bw_net_node o = { 0 };
	struct cli_check *c = arg;
	int r = bw_net_node_decode(text, size, &o, err);
	struct cli_node *n;

	if (r < 0)
		return r;
	check_conditions(c, &o);
	check_epoch(c, &o);
	check_differences(c, &o);
	check_live(c, &o);
	check_segments(c, &o);
	n = cli_check_node(c, o.meta.name);
	if (!n)
		return 0;
	n->net_uid = cli_view_keep(&c->view, o.status.node_uid);
	n->net_boot_id = cli_view_keep(&c->view, o.status.boot_id);
	n->has_attachments = o.status.has_attachments;
	n->attachments = o.status.attachments;
	return 0;
}

/* THE CLUSTER'S OWN */

static int read_epoch(struct cli_check *c, struct bw_err *err)
{
	BW_CLEANUP(bw_net_epoch_done) struct bw_net_epoch o = { 0 };
	bw_autobuf struct bw_buf text = { 0 };
	int r = cli_session_get(c->s, &bw_kind_networkepoch, NULL, "cluster", &text, err);

	if (r == 1)
		r = bw_net_epoch_decode(text.data, text.size, &o, err);
	if (r < 0)
		return r;
	c->epoch = o.spec.epoch;
	c->cluster_id = cli_view_keep(&c->view, o.spec.cluster_id);
	return 0;
}

static int read_lease(struct cli_check *c, struct bw_err *err)
{
	BW_CLEANUP(bw_k_lease_done) struct bw_k_lease o = { 0 };
	bw_autobuf struct bw_buf text = { 0 };
	int r = cli_session_get(c->s, &bw_kind_lease, CLI_SYSTEM_NAMESPACE, LEASE, &text, err);
	int64_t heard_s = 0;

	if (r == 1)
		r = bw_k_lease_decode(text.data, text.size, &o, err);
	if (r < 0)
		return cli_check_refused(c, r, "the controller's Lease", err);
	if (!o.spec.holder_identity || !o.spec.holder_identity[0])
		cli_find(&c->found, CLI_WARN_NO_LEADER, NULL, "no controller leads");
	else if (cli_time_parse(o.spec.renew_time, &heard_s) == 0 &&
		 bw_loop_real_s(c->s->loop) - heard_s > 2LL * o.spec.lease_duration_seconds + 15)
		cli_find(&c->found, CLI_WARN_NO_LEADER, NULL,
			 "%s led and was heard last at %s, if this machine's clock is right",
			 o.spec.holder_identity, o.spec.renew_time);
	return 0;
}

int cli_check_read_nodes(struct cli_check *c, struct bw_err *err)
{
	int r = cli_session_list(c->s, &bw_kind_node, NULL, read_node, c, err);

	c->nodes_known = r == 0;
	r = cli_check_refused(c, r, "nodes", err);
	if (c->nodes.n)
		qsort(c->nodes.v, c->nodes.n, c->nodes.size, cmp_node);
	if (r >= 0)
		r = read_epoch(c, err);
	if (r >= 0) {
		r = cli_session_list(c->s, &bw_kind_nodenetwork, NULL, read_network, c, err);
		r = cli_check_refused(c, r, "NodeNetworks", err);
	}
	if (r >= 0)
		r = read_lease(c, err);
	return r < 0 ? r : 0;
}

/* Why nothing can be said of a node's journal; NULL = it can. */
static const char *silence(const struct cli_check *c, const struct cli_node *n)
{
	if (!n->net_uid)
		return "its agent has published nothing";
	if (strcmp(n->net_uid, n->uid) != 0)
		return "what was published is of an earlier Node of that name";
	if (n->boot_id && n->net_boot_id && strcmp(n->boot_id, n->net_boot_id) != 0)
		return "it has started anew, and its agent has published nothing since";
	if (c->pods_known && !n->agent_runs)
		return "its agent does not run";
	return NULL;
}

static void count_claims(struct cli_check *c)
{
	for (size_t i = 0; i < c->view.claims.n; i++) {
		const struct cli_claim *k = BW_CLI_ROW(&c->view.claims, struct cli_claim, i);
		struct cli_node *n = k->holder ? cli_check_node(c, k->holder) : NULL;

		if (n)
			n->held++;
		n = cli_claim_is_attached(k) ? cli_check_node(c, k->attached) : NULL;
		if (n)
			n->attached++;
	}
}

void cli_check_nodes(struct cli_check *c)
{
	char names[NAMES_SHOWN] = "";
	size_t len = 0;
	unsigned int bare = 0;

	count_claims(c);
	for (size_t i = 0; i < c->nodes.n; i++) {
		const struct cli_node *n = BW_CLI_ROW(&c->nodes, struct cli_node, i);
		const char *why = silence(c, n);

		if (why && n->held) {
			cli_find(&c->found, CLI_NODE_SILENT, n->name, "%s; it holds %u claim%s",
				 why, n->held, n->held == 1 ? "" : "s");
		} else if (why) {
			bare++;
			len += (size_t)snprintf(names + len, sizeof(names) - len, "%s%s",
						len ? ", " : "", n->name);
			if (len >= sizeof(names))
				len = sizeof(names) - 1;
		} else if (n->has_attachments && (unsigned int)n->attachments < n->attached) {
			cli_find(&c->found, CLI_ATTACHMENTS_MISSING, n->name,
				 "%u claims are attached there, its journal has %d attachments",
				 n->attached, n->attachments);
		}
	}
	if (bare)
		cli_find(&c->found, CLI_WARN_NO_AGENT, NULL, "%u node%s: %s", bare,
			 bare == 1 ? "" : "s", names);
}
