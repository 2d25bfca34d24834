/* SPDX-License-Identifier: Apache-2.0 */
/* Interfaces that other network plugins attach: modes.c writes for them, modes_check.c looks. */
#pragma once

#include "impl.h"

#define UNIT_ANN_NETWORKS "k8s.v1.cni.cncf.io/networks" /* of pods: Multus' selection */
#define UNIT_ANN_NETWORK_STATUS "k8s.v1.cni.cncf.io/network-status" /* what it attached */
#define UNIT_ANN_DEFAULT_NETWORK "v1.multus-cni.io/default-network"

#define UNIT_INTERFACES_MAX 8 /* conf/crds: eth0 and maxItems */
#define UNIT_INTERFACE_IPS_MAX 4 /* conf/crds: one of each family, twice in reserve */

/* An interface of the claim, and who attaches it. */
struct unit_attached {
	const char *name;
	enum bw_net_pool_mode mode;
	uint8_t named; /* the pool names the network */
	char ns[64]; /* of the NetworkAttachmentDefinition; conf/crds: maxLength 63 */
	char network[BW_KUBE_NAME_MAX + 1]; /* its name */
	const char *mac; /* NULL: none */
	struct {
		const char *text;
		unsigned int len; /* of the pool's prefix */
	} ips[UNIT_INTERFACE_IPS_MAX];
	size_t n;
};

struct unit_attachments {
	struct unit_attached v[UNIT_INTERFACES_MAX];
	size_t n;
};

/*
 * What the claim holds, interface by interface; strings are the claim's. Return: 0; -ENOENT a pool
 * of it cannot be read, nothing is known of what follows.
 */
int unit_find_attachments(const struct unit_run *k, struct unit_attachments *ret);
/*
 * A selection as Multus takes it, words or JSON, into an empty builder's array. NULL or "" is none.
 * Return: 0; -EINVAL it cannot be read.
 */
int unit_read_networks(const char *text, struct bw_json_build *b);
