/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What of the cluster's own objects is looked at. Nothing else is cached, and nothing else can make
 * one unreadable: a pod's environment may hold what no decoder of ours takes.
 */
#include <bw/err.h>
#include <bw/kube_text.h>

#include "ctl.h"

#define END                                                                                        \
	{                                                                                          \
		NULL, NULL                                                                         \
	}

static const struct bw_kube_keep notes[] = { { CTL_PREFIX "*", NULL }, END };

const struct bw_kube_keep ctl_keep_owner[] = { { "apiVersion", NULL }, { "kind", NULL },
					       { "name", NULL },       { "uid", NULL },
					       { "controller", NULL }, END };

static const struct bw_kube_keep meta[] = {
	{ "namespace", NULL },
	{ "name", NULL },
	{ "uid", NULL },
	{ "resourceVersion", NULL },
	{ "creationTimestamp", NULL },
	{ "deletionTimestamp", NULL },
	{ "labels", NULL },
	{ "annotations", notes },
	{ "ownerReferences", ctl_keep_owner },
	END,
};

static const struct bw_kube_keep pod_spec[] = { { "nodeName", NULL },
						{ "hostNetwork", NULL },
						END };
static const struct bw_kube_keep pod_status[] = { { "phase", NULL }, { "podIP", NULL }, END };
static const struct bw_kube_keep node_spec[] = { { "taints", NULL }, END };
static const struct bw_kube_keep node_status[] = { { "capacity", notes }, END };
static const struct bw_kube_keep policy_spec[] = { { "podSelector", NULL }, END };

const struct bw_kube_keep ctl_keep_pod[] = {
	{ "metadata", meta }, { "spec", pod_spec }, { "status", pod_status }, END
};
const struct bw_kube_keep ctl_keep_node[] = {
	{ "metadata", meta }, { "spec", node_spec }, { "status", node_status }, END
};
const struct bw_kube_keep ctl_keep_namespace[] = { { "metadata", meta }, END };
const struct bw_kube_keep ctl_keep_policy[] = { { "metadata", meta },
						{ "spec", policy_spec },
						END };

int ctl_live(const struct bw_kube_kind *kind, const struct bw_kube_keep *keep,
	     const struct bw_kube_answer *a, struct bw_kube_object **ret)
{
	bw_autobuf struct bw_buf text = { 0 };
	int r = bw_kube_text_keep(a->body, a->body_size, keep, &text, NULL);

	return r < 0 ? r : bw_kube_object_new(kind, text.data, text.size, ret, NULL);
}
