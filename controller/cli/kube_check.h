/* SPDX-License-Identifier: Apache-2.0 */
/* One comparison of a cluster; its parts are files of their own. */
#pragma once

#include "kube_find.h"
#include "kube_view.h"

#include <gen/k8s.h>

#define CLI_SYSTEM_NAMESPACE "barewire-system"

/* A Node, what its agent published, and what of it is in use. */
struct cli_node {
	const char *name;
	const char *uid;
	const char *boot_id;
	const char *net_uid; /* of the Node, as the agent saw it; NULL = it published nothing */
	const char *net_boot_id;
	int32_t attachments; /* live, by its journal */
	uint8_t has_attachments;
	uint8_t agent_runs;
	unsigned int held; /* claims */
	unsigned int attached; /* likewise */
};

/* A NetworkPolicy and the pods of ours that it selects. */
struct cli_policy {
	struct bw_k_network_policy o;
	unsigned int n;
};

struct cli_check {
	struct cli_session *s;
	struct cli_view view;
	struct cli_rows nodes; /* struct cli_node, by name */
	struct cli_rows policies; /* struct cli_policy */
	struct cli_findings found;
	size_t pods; /* that were compared */
	int nodes_known; /* the caller may list Nodes */
	int pods_known; /* likewise */
	int local; /* this machine has a journal */
	int64_t epoch; /* of the API server; 0 = none */
	const char *cluster_id;
};

/**
 * cli_check_run() - compare, and compare again what differs
 * @s: session
 * @ret: cli_check_done() frees it, after a failure too
 *
 * The API server's lists are of different moments: only what two comparisons find, a moment apart,
 * is a finding. Return: 0; -errno.
 */
int cli_check_run(struct cli_session *s, struct cli_check *ret, struct bw_err *err);
void cli_check_done(struct cli_check *c);

/* The parts. Return: 0; -errno. */
int cli_check_read_nodes(struct cli_check *c, struct bw_err *err);
int cli_check_pods(struct cli_check *c, struct bw_err *err);
int cli_check_journal(struct cli_check *c, struct bw_err *err);
void cli_check_api(struct cli_check *c);
void cli_check_nodes(struct cli_check *c);

struct cli_node *cli_check_node(const struct cli_check *c, const char *name);
/* A refusal to list something becomes a warning. Return: 1 it was refused, 0; -errno. */
int cli_check_refused(struct cli_check *c, int r, const char *what, struct bw_err *err);
