/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The node's daemon: what its parts share. Claims of this node go from the API server into the
 * journal; plugins ask over a socket; acknowledgements go back; the kernel is compared with both.
 *
 * I1 No part waits: whatever takes time is a call, a timer or a descriptor of the loop.
 * I2 What the agent cannot find out changes nothing: nothing is cut, collected or forgotten because
 *    an answer did not come.
 */
#pragma once

#include <gen/net.h>

#include <bw/clock.h>
#include <bw/defs.h>
#include <bw/ip.h>
#include <bw/journal.h>
#include <bw/journal_claim.h>
#include <bw/kube_store.h>
#include <bw/loop.h>

#include "bind.h"
#include "install.h"
#include "node.h"
#include "outbox.h"
#include "serve.h"
#include "sock.h"

struct bw_kube_client;
struct bw_kube_runtime;
struct bw_nl;

#define AGENT_MANAGER "barewire-agent"
#define AGENT_LOOK_MS 10000 /* between two looks at attachments */

/* How the program was called. Borrowed for its life. */
struct agent_conf {
	const char *node;
	const char *node_uid; /* "" = as the API server knows the caller */
	const char *journal_dir;
	const char *sock;
	const char *root; /* before /sys: "" but in tests */
	const char *namespace; /* of the daemon's own objects */
	const char *daemonset; /* its own; "" = none */
	const char *version;
	const char *metrics; /* addresses; "" = none */
	const char *health;
	struct agent_install install; /* .from "" = nothing is installed */
	struct bw_prefix services[BW_BINDING_NETS_MAX]; /* by flag */
	size_t n_services;
};

/* For the metrics. */
struct agent_stat {
	uint64_t bindings_put;
	uint64_t cut; /* attachments that were cut off */
	uint64_t held; /* of Available pools, while the node was cut off */
	uint64_t collected; /* dead attachments that were removed */
	uint64_t drift; /* differences that looks found */
	uint64_t announced; /* bursts sent */
	uint64_t conflicts; /* frames of others that use an address of ours */
	uint64_t status_writes;
	unsigned int claims;
	unsigned int attachments;
	unsigned int stale; /* attachments that are cut off now */
};

struct agent_announce;
struct agent_cluster;
struct agent_conflict;
struct agent_guard;
struct agent_inventory;
struct agent_look;
struct agent_monitor;
struct agent_roster;
struct agent_stale;

struct agent {
	const struct agent_conf *conf;
	struct bw_loop *loop; /* borrowed, as the next two */
	struct bw_kube_client *client;
	struct bw_kube_runtime *rt;
	struct bw_journal *journal;
	struct bw_nl *nl; /* route socket of the node's namespace */
	char boot_id[BW_BOOT_ID_LEN + 1];
	char node_uid[BW_CLAIM_UID_MAX + 1]; /* "" = not known yet */
	uint64_t bind_epoch; /* of new bindings: the first that was seen */
	struct bw_journal_cluster cluster; /* as the journal has it */
	int restore_suspected; /* the API server's past does not fit the journal's */
	int resyncing; /* the stores are listed anew after a restore */
	int contact; /* the API server has answered since the start */
	int promote; /* there may be programs to bring up to date */

	/* Of the runtime. */
	struct bw_kube_store *claims; /* held by this node */
	struct bw_kube_store *pools;
	struct bw_kube_store *mapping; /* this node's NodeNetwork */
	struct bw_kube_store *epochs;
	struct bw_kube_store *cidrs; /* NULL = the server has no ServiceCIDRs */
	struct bw_kube_store *daemonsets; /* NULL = none is named */
	int daemonset_deleted;

	/* Decoded; kept up to date by facts.c. */
	struct agent_node node;
	struct agent_node_watch *watch;
	struct bw_net_pool *pool_list;
	size_t n_pools;
	struct bw_net_node mapping_now;
	int has_mapping;
	struct bw_prefix services[BW_BINDING_NETS_MAX];
	size_t n_services;
	struct bw_defer refresh;
	int node_changed;

	void (*failed)(const char *why, void *arg);
	void *failed_arg;
	struct agent_cluster *cluster_ask;
	struct agent_sock *sock;
	struct agent_serve *serve;
	struct agent_outbox *outbox;
	struct agent_stale *stale;
	struct agent_look *look;
	struct agent_monitor *monitor;
	struct agent_announce *announce;
	struct agent_roster *roster;
	struct agent_conflict *conflict;
	struct agent_guard *guard;
	struct agent_inventory *inventory;
	struct agent_stat stat;
};

/* parts.c: live attachments against carriers and frames of others. */
void agent_watch_over(struct agent *a);

/* facts.c: what bindings are made of besides claims. */

/* Watches stores and devices; later changes rebind by themselves. 0; -errno. */
int agent_facts_start(struct agent *a, struct bw_err *err);
/* The same for .cidrs, which came later. */
int agent_facts_watch_services(struct agent *a, struct bw_err *err);
/* Frees what was decoded. Harmless when it never began. */
void agent_facts_stop(struct agent *a);
struct agent_facts agent_facts(const struct agent *a);

/* claims.c: claims of this node into the journal. */

int agent_claims_start(struct agent *a, struct bw_err *err);
/* Makes every binding anew: a fact has changed. */
void agent_claims_rebind(struct agent *a);
/*
 * What the journal has and the API server has not: is asked for, claim by claim; and what the API
 * server has not of our acknowledgements is said again.
 */
void agent_claims_compare(struct agent *a);
/* For struct agent_serve_env. */
void agent_claims_judge(const struct bw_agent_request *req, struct agent_verdict *ret, void *arg);
/* Whether this claim waits for its node to give it back: no reason to hold that. */
int agent_claims_wanted(const char *ns, const char *name, const char *uid, void *arg);

/* The UID of this node's Node, once it is known, against a holder's; "" never differs. */
static inline int agent_is_other_node(const struct agent *a, const char *node_uid)
{
	return a->node_uid[0] && node_uid && node_uid[0] && strcmp(a->node_uid, node_uid) != 0;
}
