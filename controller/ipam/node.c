/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Node's reconcile: a label for each domain that its agent says is ready, and its virtual
 * functions as an extended resource, so that the scheduler knows what the network knows.
 */
#include <stdio.h>
#include <string.h>

#include <bw/err.h>

#include "ctl.h"

#define LABEL_MAX 320 /* bytes: prefix and a label's name */
#define VF_RESOURCE "net.barewire.dev/vf-"

static int is_ready(const struct bw_net_node *n, const char *domain)
{
	for (size_t i = 0; i < n->status.domains.n; i++)
		if (n->status.domains.items[i].ready &&
		    strcmp(n->status.domains.items[i].domain, domain) == 0)
			return 1;
	return 0;
}

static void plan_labels(const struct bw_k_node *node, const struct bw_net_node *n,
			struct bw_plan *plan)
{
	bw_autobuild struct bw_json_build b = { 0 };
	bw_autojson struct cJSON *null = NULL;
	struct cJSON *labels = bw_json_put_object(
		&b, bw_json_put_object(&b, bw_json_build_object(&b), "metadata"), "labels");
	struct bw_kube_request r = { .verb = BW_KUBE_MERGE,
				     .kind = &bw_kind_node,
				     .name = node->meta.name };
	size_t changes = 0;

	if (bw_json_parse("null", 4, &null, NULL) < 0)
		return;
	for (size_t i = 0; i < n->status.domains.n; i++) {
		char key[LABEL_MAX];
		const char *has;

		if (!n->status.domains.items[i].ready)
			continue;
		(void)snprintf(key, sizeof(key), "%s%s", CTL_NODE_LABEL,
			       n->status.domains.items[i].domain); /* bounded, ignoring */
		has = bw_kube_label(&node->meta, key);
		if (has && strcmp(has, "ready") == 0)
			continue;
		bw_json_put_str(&b, labels, key, "ready");
		changes++;
	}
	for (size_t i = 0; i < node->meta.labels.n; i++) {
		const char *key = node->meta.labels.items[i].key;
		size_t len = strlen(CTL_NODE_LABEL);

		if (strncmp(key, CTL_NODE_LABEL, len) != 0 || is_ready(n, key + len))
			continue;
		bw_json_put_tree(&b, labels, key, null);
		changes++;
	}
	if (changes)
		ctl_write(plan, &r, &b, NULL, NULL);
}

static int has_functions(const struct bw_net_node *n, const char *domain)
{
	for (size_t i = 0; i < n->status.vfs.n; i++)
		if (strcmp(n->status.vfs.items[i].domain, domain) == 0)
			return 1;
	return 0;
}

/* Resources of domains that the node has no more. Returns how many. */
static size_t drop_resources(struct bw_json_build *b, struct cJSON *capacity,
			     const struct bw_k_node *node, const struct bw_net_node *n)
{
	bw_autojson struct cJSON *null = NULL;
	size_t changes = 0, len = strlen(VF_RESOURCE);

	if (bw_json_parse("null", 4, &null, NULL) < 0)
		return 0;
	for (size_t i = 0; i < node->status.capacity.n; i++) {
		const char *key = node->status.capacity.items[i].key;

		if (strncmp(key, VF_RESOURCE, len) != 0 || has_functions(n, key + len))
			continue;
		bw_json_put_tree(b, capacity, key, null);
		changes++;
	}
	return changes;
}

static void plan_resources(const struct bw_k_node *node, const struct bw_net_node *n,
			   struct bw_plan *plan)
{
	bw_autobuild struct bw_json_build b = { 0 };
	struct cJSON *capacity = bw_json_put_object(
		&b, bw_json_put_object(&b, bw_json_build_object(&b), "status"), "capacity");
	struct bw_kube_request r = { .verb = BW_KUBE_MERGE,
				     .kind = &bw_kind_node,
				     .name = node->meta.name,
				     .subresource = "status" };
	size_t changes = 0;

	for (size_t i = 0; i < n->status.vfs.n; i++) {
		const struct bw_net_node_status_vf *v = &n->status.vfs.items[i];
		char key[LABEL_MAX];
		char total[16];
		const char *has;

		/* Both fit, ignoring. */
		(void)snprintf(key, sizeof(key), "%s%s", VF_RESOURCE, v->domain);
		(void)snprintf(total, sizeof(total), "%d", v->total);
		has = bw_kube_pair_get(node->status.capacity.items, node->status.capacity.n, key);
		if (has && strcmp(has, total) == 0)
			continue;
		bw_json_put_str(&b, capacity, key, total);
		changes++;
	}
	changes += drop_resources(&b, capacity, node, n);
	if (changes)
		ctl_write(plan, &r, &b, NULL, NULL);
}

int ctl_node_reconcile(const char *ns, const char *name, struct bw_kube_object *o,
		       struct bw_plan *plan, void *ipam, struct bw_err *err)
{
	BW_CLEANUP(bw_k_node_done) struct bw_k_node node = { 0 };
	BW_CLEANUP(bw_net_node_done) struct bw_net_node net = { 0 };
	struct ctl_ipam *c = ipam;
	struct bw_kube_object *nn;
	struct bw_err bad = { 0 };

	(void)ns;
	(void)err;
	nn = bw_kube_store_get(c->st.node_networks, NULL, name);
	if (!o || bw_k_node_decode(o->text, o->size, &node, NULL) < 0)
		return 0;
	if (nn && bw_net_node_decode(nn->text, nn->size, &net, &bad) < 0) {
		bw_plan_event(plan, nn, BW_EVENT_WARNING, "NodeNetworkInvalid", "%s", bad.msg);
		return 0;
	}
	plan_labels(&node, &net, plan);
	plan_resources(&node, &net, plan);
	return 0;
}
