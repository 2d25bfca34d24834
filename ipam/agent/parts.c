/* SPDX-License-Identifier: Apache-2.0 */
/* The agent's parts in the order of their making. */
#include <stdio.h>
#include <string.h>

#include <gen/k8s.h>

#include <bw/err.h>
#include <bw/kube_controller.h>
#include <bw/log.h>
#include <bw/nl.h>

#include "agent.h"
#include "announce.h"
#include "cluster.h"
#include "conflict.h"
#include "guard.h"
#include "inventory.h"
#include "look.h"
#include "monitor.h"
#include "parts.h"
#include "roster.h"
#include "stale.h"

#define SELECTOR_MAX 320
#define SERVICECIDR_MINOR 33 /* of Kubernetes 1: networking.k8s.io/v1 ServiceCIDR, KEP-1880 */

static int open_journal(struct agent *a, struct bw_err *err)
{
	int r = bw_boot_id(a->boot_id, err);

	if (r == 0)
		r = bw_journal_open(a->conf->journal_dir, BW_JOURNAL_F_CREATE, &a->journal, err);
	return r;
}

static int open_node(struct agent *a, struct bw_err *err)
{
	return bw_nl_open(BW_NL_ROUTE, NULL, &a->nl, err);
}

static int watch_named(struct agent *a, const struct bw_kube_kind *kind, const char *namespace,
		       const char *field, const char *value, struct bw_kube_store **ret,
		       struct bw_err *err)
{
	char selector[SELECTOR_MAX];
	const struct bw_kube_watch_options o = { .namespace = namespace,
						 .field_selector = selector };

	(void)snprintf(selector, sizeof(selector), "%s=%s", field, value); /* names are bounded */
	return bw_kube_runtime_watch(a->rt, kind, &o, ret, err);
}

static void on_daemonset(struct bw_kube_object *old, struct bw_kube_object *now, void *arg)
{
	struct agent *a = arg;

	(void)old;
	if (a->daemonset_deleted || (now && !now->deleting))
		return;
	a->daemonset_deleted = 1;
	bw_log_warn("this daemon's own DaemonSet is deleted: what it installed goes at its end");
}

static void on_resynced(void *arg)
{
	struct agent *a = arg;

	a->resyncing = 0;
	bw_log_info("all that is watched was listed anew");
	agent_claims_compare(a);
	agent_claims_rebind(a);
	agent_outbox_online(a->outbox);
	agent_inventory_again(a->inventory);
}

static void on_restored(void *arg)
{
	struct agent *a = arg;

	bw_log_warn("the API server was restored from a backup: all that is watched is listed "
		    "anew");
	a->resyncing = 1;
	bw_kube_runtime_resync(a->rt, on_resynced, a);
}

/* One watch shows that the server has gone back: the others may find it when it has caught up. */
static void on_back(void *arg)
{
	struct agent *a = arg;

	if (!a->resyncing)
		on_restored(a);
}

static int hear_of_restores(struct agent *a, struct bw_err *err)
{
	struct bw_kube_store *const all[] = { a->claims, a->pools, a->mapping, a->epochs };
	int r = 0;

	for (size_t i = 0; i < BW_ARRAY_SIZE(all) && r == 0; i++)
		r = bw_kube_store_on_back(all[i], on_back, a, err);
	return r;
}

static int open_runtime(struct agent *a, struct bw_err *err)
{
	int r = bw_kube_runtime_new(a->loop, a->client, AGENT_MANAGER, &a->rt, err);

	if (r == 0)
		r = watch_named(a, &bw_kind_networkclaim, NULL, "status.holder.node", a->conf->node,
				&a->claims, err);
	if (r == 0)
		r = bw_kube_runtime_watch(a->rt, &bw_kind_networkpool, NULL, &a->pools, err);
	if (r == 0)
		r = watch_named(a, &bw_kind_nodenetwork, NULL, "metadata.name", a->conf->node,
				&a->mapping, err);
	if (r == 0)
		r = bw_kube_runtime_watch(a->rt, &bw_kind_networkepoch, NULL, &a->epochs, err);
	if (r == 0)
		r = hear_of_restores(a, err);
	if (r < 0 || !a->conf->daemonset[0])
		return r;
	r = watch_named(a, &bw_kind_daemonset, a->conf->namespace, "metadata.name",
			a->conf->daemonset, &a->daemonsets, err);
	return r < 0 ? r : bw_kube_store_on_change(a->daemonsets, on_daemonset, a, err);
}

void agent_watch_over(struct agent *a)
{
	agent_roster_look(a->roster);
	agent_conflict_look(a->conflict);
	agent_guard_look(a->guard);
}

/* The outbox has something, or an attachment is new. */
static void nudge(void *arg)
{
	struct agent *a = arg;

	agent_outbox_kick(a->outbox);
	agent_announce_look(a->announce);
	agent_watch_over(a);
	agent_inventory_look(a->inventory);
	agent_serve_look(a->serve); /* who waits for a DEL */
}

static int status(void *arg, struct bw_err *err)
{
	(void)arg;
	(void)err; /* who gets an answer has a daemon that serves */
	return 0;
}

static int open_outbox(struct agent *a, struct bw_err *err)
{
	const struct agent_outbox_env env = { .loop = a->loop,
					      .client = a->client,
					      .journal = a->journal,
					      .node = a->conf->node,
					      .is_wanted = agent_claims_wanted,
					      .arg = a };

	return agent_outbox_new(&env, &a->outbox, err);
}

static int open_serve(struct agent *a, struct bw_err *err)
{
	const struct agent_serve_env env = { .loop = a->loop,
					     .client = a->client,
					     .node = a->conf->node,
					     .judge = agent_claims_judge,
					     .status = status,
					     .nudge = nudge,
					     .arg = a };

	return agent_serve_new(&env, &a->serve, err);
}

static int open_sock(struct agent *a, struct bw_err *err)
{
	return agent_sock_open(a->loop, a->conf->sock, 0, &agent_serve_ops, a->serve, &a->sock,
			       err);
}

/*
 * Once the API server is known to be one that we work with: the configuration, which comes last,
 * makes the runtime take the node for ready. Until then what an earlier start installed stands.
 */
static int install(struct agent *a, struct bw_err *err)
{
	int r;

	if (!a->conf->install.from[0])
		return 0;
	r = agent_install_programs(&a->conf->install, NULL, err);
	return r < 0 ? r : agent_install_conf(&a->conf->install, NULL, err);
}

static int open_roster(struct agent *a, struct bw_err *err)
{
	return agent_roster_new(a, &a->roster, err);
}

static int open_conflict(struct agent *a, struct bw_err *err)
{
	return agent_conflict_new(a, &a->conflict, err);
}

static int open_guard(struct agent *a, struct bw_err *err)
{
	return agent_guard_new(a, &a->guard, err);
}

static int open_stale(struct agent *a, struct bw_err *err)
{
	return agent_stale_new(a, &a->stale, err);
}

static int open_inventory(struct agent *a, struct bw_err *err)
{
	return agent_inventory_new(a, &a->inventory, err);
}

static int open_announce(struct agent *a, struct bw_err *err)
{
	return agent_announce_new(a, &a->announce, err);
}

static int open_monitor(struct agent *a, struct bw_err *err)
{
	return agent_monitor_new(a, a->conf->metrics, a->conf->health, &a->monitor, err);
}

static int open_look(struct agent *a, struct bw_err *err)
{
	return agent_look_new(a, &a->look, err);
}

static int start_outbox(struct agent *a, struct bw_err *err)
{
	(void)err; /* it cannot fail */
	agent_outbox_kick(a->outbox);
	return 0;
}

typedef int (*start_fn)(struct agent *a, struct bw_err *err);

/* Who comes later uses who comes before. */
static const start_fn starts[] = {
	open_journal,  open_node,    open_runtime,      open_outbox,        open_serve,
	open_roster,   open_guard,   open_stale,        open_inventory,     open_announce,
	open_conflict, open_look,    agent_facts_start, agent_claims_start, open_sock,
	start_outbox,  open_monitor,
};

static void on_version(unsigned int minor, void *arg)
{
	struct agent *a = arg;
	struct bw_err err = { 0 };

	if (install(a, &err) < 0) {
		a->failed(err.msg, a->failed_arg);
		return;
	}
	if (minor < SERVICECIDR_MINOR || a->cidrs)
		return;
	if (bw_kube_runtime_watch(a->rt, &bw_kind_servicecidr, NULL, &a->cidrs, &err) < 0 ||
	    agent_facts_watch_services(a, &err) < 0)
		bw_log_error("cannot watch the ranges of Services", "err", err.msg);
}

static void on_too_old(const char *why, void *arg)
{
	struct agent *a = arg;

	a->failed(why, a->failed_arg);
}

static void on_renamed(void *arg)
{
	struct agent *a = arg;

	agent_claims_rebind(a);
	agent_inventory_look(a->inventory);
}

static void on_suspects(void *arg)
{
	struct agent *a = arg;

	if (!a->restore_suspected)
		agent_claims_compare(a);
	agent_inventory_look(a->inventory);
}

static const struct agent_cluster_ops cluster_ops = {
	.too_old = on_too_old,
	.version = on_version,
	.renamed = on_renamed,
	.suspects = on_suspects,
	.restored = on_restored,
};

int agent_parts_start(struct agent *a, void (*failed)(const char *why, void *arg), void *arg,
		      struct bw_err *err)
{
	int r = 0;

	a->failed = failed;
	a->failed_arg = arg;
	for (size_t i = 0; i < BW_ARRAY_SIZE(starts) && r == 0; i++)
		r = starts[i](a, err);
	return r < 0 ? r : agent_cluster_new(a, &cluster_ops, a, &a->cluster_ask, err);
}

void agent_parts_stop(struct agent *a)
{
	agent_monitor_free(&a->monitor);
	agent_sock_close(&a->sock);
	agent_cluster_free(&a->cluster_ask);
	agent_look_free(&a->look);
	agent_conflict_free(&a->conflict);
	agent_guard_free(&a->guard);
	agent_announce_free(&a->announce);
	agent_inventory_free(&a->inventory);
	agent_stale_free(&a->stale);
	agent_roster_free(&a->roster);
	agent_serve_free(&a->serve);
	agent_outbox_free(&a->outbox);
	agent_facts_stop(a);
	bw_kube_runtime_free(&a->rt);
	bw_nl_close(&a->nl);
	bw_journal_close(&a->journal);
}
