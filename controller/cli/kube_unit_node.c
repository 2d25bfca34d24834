/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a node takes a Unit, told before anything is asked for. */
#include <stdio.h>
#include <string.h>

#include <bw/err.h>
#include <gen/k8s.h>
#include <gen/net.h>

#include "kube_cli.h"
#include "kube_story.h"
#include "kube_unit_act.h"

#define LABEL "domain.net.barewire.dev/" /* as controller/ipam writes it */

/* In these modes nodes are labelled by the segments that they reach. */
static int is_labelled(enum bw_net_pool_mode mode)
{
	return mode == BW_NET_POOL_MODE_BRIDGE || mode == BW_NET_POOL_MODE_MACVLAN ||
	       mode == BW_NET_POOL_MODE_SRIOV;
}

/* The segment of the Unit's first pool; "" = it cannot be told, or is not ours to tell. */
static void find_domain(struct cli_session *s, const struct bw_db_unit *u, char out[64])
{
	BW_CLEANUP(bw_net_pool_done) struct bw_net_pool p = { 0 };
	bw_autobuf struct bw_buf text = { 0 };
	const char *pool = u->spec.networking.network;

	out[0] = '\0';
	if (pool && cli_session_get(s, &bw_kind_networkpool, NULL, pool, &text, NULL) == 1 &&
	    bw_net_pool_decode(text.data, text.size, &p, NULL) == 0 && is_labelled(p.spec.mode))
		(void)snprintf(out, 64, "%s", p.spec.domain); /* bounded by conf/crds, ignoring */
}

static int reaches(struct cli_session *s, const struct bw_db_unit *u, const struct bw_k_node *n,
		   char why[CLI_WHY_MAX])
{
	char domain[64], key[sizeof(LABEL) + 64];
	const char *is;

	find_domain(s, u, domain);
	(void)snprintf(key, sizeof(key), LABEL "%s", domain); /* fits, ignoring: here and below */
	is = bw_kube_label(&n->meta, key);
	if (!domain[0] || (is && strcmp(is, "ready") == 0))
		return 1;
	(void)snprintf(why, CLI_WHY_MAX,
		       "node %s does not reach segment %s, where its address lives: kubectl get "
		       "nodenet %s says why",
		       n->meta.name, domain, n->meta.name);
	return 0;
}

int cli_node_takes(struct cli_session *s, const struct bw_db_unit *u, const char *node,
		   char why[CLI_WHY_MAX])
{
	BW_CLEANUP(bw_k_node_done) struct bw_k_node n = { 0 };
	bw_autobuf struct bw_buf text = { 0 };
	struct bw_err err = { 0 };
	int r = cli_session_get(s, &bw_kind_node, NULL, node, &text, &err);

	why[0] = '\0';
	if (r == -EACCES)
		return 1;
	if (r > 0)
		r = bw_k_node_decode(text.data, text.size, &n, &err);
	if (r < 0) {
		(void)snprintf(why, CLI_WHY_MAX, "%.500s", err.msg);
		return 0;
	}
	if (!text.size)
		(void)snprintf(why, CLI_WHY_MAX,
			       "there is no node %.253s: kubectl get nodes lists them", node);
	else if (n.spec.unschedulable)
		(void)snprintf(why, CLI_WHY_MAX,
			       "node %s is cordoned and takes no pods: kubectl uncordon %s first",
			       node, node);
	else if (!cli_node_is_ready(&n))
		(void)snprintf(why, CLI_WHY_MAX,
			       "node %s is not Ready: bring it back, or name "
			       "another",
			       node);
	return !why[0] && reaches(s, u, &n, why);
}
