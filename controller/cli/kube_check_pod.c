/* SPDX-License-Identifier: Apache-2.0 */
/* barewire check: pods against claims and locks, and which of them a NetworkPolicy selects. */
#include <stdio.h>
#include <string.h>

#include <bw/err.h>

#include "kube_check.h"
#include "kube_cli.h"

#define CLAIM "net.barewire.dev/claim" /* as controller/ipam reads it */
#define POD_NAME "$(POD_NAME)"

static int read_policy(const char *text, size_t size, void *arg, struct bw_err *err)
{
	struct cli_check *c = arg;
	struct cli_policy *p = cli_rows_add(&c->policies);

	return p ? bw_k_network_policy_decode(text, size, &p->o, err)
		 : bw_fail(err, ENOMEM, "read the NetworkPolicies");
}

/* The claim a pod goes by; NULL = it has none. */
static const struct cli_claim *claim_of(const struct cli_check *c, const struct bw_k_pod *p)
{
	const char *want = bw_kube_annotation(&p->meta, CLAIM);
	const struct cli_claim *k;
	const char *at;
	char name[BW_KUBE_NAME_MAX + 1];

	if (!want) {
		k = cli_view_unit(&c->view, p->meta.namespace, p->meta.name);
		return k ? k : cli_view_claim(&c->view, p->meta.namespace, p->meta.name);
	}
	at = strstr(want, POD_NAME);
	/* A longer name is no claim's, ignoring. */
	if (at)
		(void)snprintf(name, sizeof(name), "%.*s%s%s", (int)(at - want), want, p->meta.name,
			       at + strlen(POD_NAME));
	else
		(void)snprintf(name, sizeof(name), "%s", want);
	return cli_view_claim(&c->view, p->meta.namespace, name);
}

static int lists(const struct cli_check *c, const struct cli_claim *k, const struct bw_ip *ip)
{
	for (size_t i = cli_view_addr(&c->view, ip); i < c->view.addrs.n; i++) {
		const struct cli_addr *a = BW_CLI_ROW(&c->view.addrs, struct cli_addr, i);

		if (!bw_ip_eq(&a->ip, ip))
			return 0;
		if (BW_CLI_ROW(&c->view.claims, struct cli_claim, a->claim) == k)
			return 1;
	}
	return 0;
}

static void check_ip(struct cli_check *c, const struct bw_k_pod *p, const struct cli_claim *k,
		     const char *text)
{
	const char *node = p->spec.node_name;
	const struct cli_lock *lock;
	struct cli_finding *f;
	struct bw_ip ip;

	if (bw_ip_parse(text, &ip) < 0)
		return;
	if (k && k->has_eth0) {
		if (lists(c, k, &ip))
			return;
		f = cli_find(&c->found, CLI_POD_ADDRESS, node,
			     "pod %s/%s runs with %s, which its claim %s does not have",
			     p->meta.namespace, p->meta.name, text, k->name);
	} else {
		lock = cli_view_lock(&c->view, NULL, &ip);
		if (k || !lock || lock->state != BW_NET_ADDRESS_STATE_BOUND)
			return;
		f = cli_find(&c->found, CLI_POD_ADDRESS, node,
			     "pod %s/%s runs with %s, which is locked for claim %s/%s",
			     p->meta.namespace, p->meta.name, text, lock->ns, lock->claim);
	}
	/* Names of a server fit, ignoring. */
	(void)snprintf(f->ns, sizeof(f->ns), "%s", p->meta.namespace);
	(void)snprintf(f->name, sizeof(f->name), "%s", p->meta.name);
	(void)snprintf(f->uid, sizeof(f->uid), "%s", p->meta.uid);
}

static void count_policies(struct cli_check *c, const struct bw_k_pod *p)
{
	for (size_t i = 0; i < c->policies.n; i++) {
		struct cli_policy *k = BW_CLI_ROW(&c->policies, struct cli_policy, i);

		if (strcmp(k->o.meta.namespace, p->meta.namespace) == 0 &&
		    bw_kube_selector_match(&k->o.spec.pod_selector, p->meta.labels.items,
					   p->meta.labels.n))
			k->n++;
	}
}

static int is_ready(const struct bw_k_pod *p)
{
	const struct bw_kube_condition *k =
		bw_kube_condition_get(p->status.conditions.items, p->status.conditions.n, "Ready");

	return k && strcmp(k->status, "True") == 0 && !p->meta.deleting;
}

static void note_agent(struct cli_check *c, const struct bw_k_pod *p)
{
	const char *app = bw_kube_label(&p->meta, "app.kubernetes.io/name");
	struct cli_node *n = p->spec.node_name ? cli_check_node(c, p->spec.node_name) : NULL;

	if (n && app && strcmp(app, "barewire-agent") == 0 &&
	    strcmp(p->meta.namespace, CLI_SYSTEM_NAMESPACE) == 0 && is_ready(p))
		n->agent_runs = 1;
}

static int check_pod(const char *text, size_t size, void *arg, struct bw_err *err)
{
	BW_CLEANUP(bw_k_pod_done) struct bw_k_pod p = { 0 };
	struct cli_check *c = arg;
	const struct cli_claim *k;
	int r = bw_k_pod_decode(text, size, &p, err);

	if (r < 0)
		return r;
	note_agent(c, &p);
	if (p.spec.host_network || p.meta.deleting || !p.status.phase ||
	    strcmp(p.status.phase, "Running") != 0)
		return 0;
	k = claim_of(c, &p);
	for (size_t i = 0; i < p.status.pod_ips.n; i++)
		check_ip(c, &p, k, p.status.pod_ips.items[i].ip);
	if (k) {
		c->pods++;
		count_policies(c, &p);
	}
	return 0;
}

int cli_check_pods(struct cli_check *c, struct bw_err *err)
{
	int r = cli_session_list(c->s, &bw_kind_networkpolicy, NULL, read_policy, c, err);

	r = cli_check_refused(c, r, "NetworkPolicies", err);
	if (r >= 0) {
		r = cli_session_list(c->s, &bw_kind_pod, NULL, check_pod, c, err);
		c->pods_known = r == 0;
		r = cli_check_refused(c, r, "pods", err);
	}
	for (size_t i = 0; r >= 0 && i < c->policies.n; i++) {
		const struct cli_policy *p = BW_CLI_ROW(&c->policies, struct cli_policy, i);

		if (p->n)
			cli_find(&c->found, CLI_WARN_POLICY, NULL,
				 "NetworkPolicy %s/%s selects %u pod%s of barewire's",
				 p->o.meta.namespace, p->o.meta.name, p->n, p->n == 1 ? "" : "s");
	}
	return r < 0 ? r : 0;
}
