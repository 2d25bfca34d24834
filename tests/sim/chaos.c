/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What goes wrong: controllers are killed and stopped, leadership wanders, the server restarts or
 * is away, nodes die, are cut off, are fenced, deleted and replaced. And the administrator who
 * brings nodes back by the book: what is off and fenced stays off until nothing waits for it any
 * more.
 */
#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "check.h"
#include "proc.h"
#include "store_impl.h"
#include "world.h"

#define LOOK_MS 1000
#define FENCE "node.kubernetes.io/out-of-service"

enum admin {
	ADMIN_NONE,
	ADMIN_OFF, /* a plain power cut: back after a while */
	ADMIN_CUT, /* cut off: reachable after a while */
	ADMIN_FENCE, /* off, to be fenced */
	ADMIN_FENCED, /* stays off while a claim waits to leave it */
};

static const struct cJSON *holder_of(const struct sim_key *claim)
{
	return cJSON_GetObjectItemCaseSensitive(
		cJSON_GetObjectItemCaseSensitive(claim->tree, "status"), "holder");
}

static void fence(struct sim_world *w, struct sim_node *n)
{
	(void)sim_world_merge(w, "admin", SIM_NODE, NULL, n->name, NULL,
			      sim_json("{\"spec\":{\"taints\":[{\"key\":\"%s\",\"value\":"
				       "\"nodeshutdown\",\"effect\":\"NoExecute\"}]}}",
				       FENCE));
	sim_check_fence(w->check, n->uid, 1);
}

/* Whether a claim is still at home there and its token is not spent. */
static int claims_left(struct sim_world *w, const char *node_uid)
{
	size_t count;
	struct sim_key *const *keys = sim_store_keys(w->store, &sim_kinds[SIM_CLAIM], &count);

	for (size_t i = 0; i < count; i++)
		if (keys[i]->tree &&
		    !strcmp(sim_text_at(holder_of(keys[i]), "nodeUID"), node_uid) &&
		    sim_check_unspent(w->check, keys[i]))
			return 1;
	return 0;
}

static void bring_back(struct sim_world *w, struct sim_node *n)
{
	if (n->admin == ADMIN_FENCED && sim_store_tree(w->store, SIM_NODE, NULL, n->name))
		(void)sim_world_merge(w, "admin", SIM_NODE, NULL, n->name, NULL,
				      sim_json("{\"spec\":{\"taints\":null}}"));
	if (n->admin == ADMIN_FENCED)
		sim_check_fence(w->check, n->uid, 0);
	n->admin = ADMIN_NONE;
	n->cut = 0;
	sim_node_power(n, 1);
	sim_node_wake(n);
	sim_check_nodes(w);
}

/* Tokens of a Node object that is no more, by hand: what held them is off or has let go. */
static void release_by_hand(struct sim_world *w)
{
	size_t count;
	struct sim_key *const *keys = sim_store_keys(w->store, &sim_kinds[SIM_CLAIM], &count);

	for (size_t i = 0; i < count; i++) {
		const struct cJSON *h = keys[i]->tree ? holder_of(keys[i]) : NULL;
		const struct cJSON *node =
			h ? sim_store_tree(w->store, SIM_NODE, NULL, sim_text_at(h, "node")) : NULL;

		if (!h || !sim_check_unspent(w->check, keys[i]) ||
		    (!sim_world_mutant(w, "false-release") && node &&
		     !strcmp(sim_meta(node, "uid"), sim_text_at(h, "nodeUID"))))
			continue;
		for (unsigned int k = 0; k < w->n_nodes; k++)
			if (w->nodes[k].ghost)
				sim_node_power(&w->nodes[k], 0);
		if (sim_check_live_token(w, keys[i]) && !sim_world_mutant(w, "false-release"))
			continue; /* its agent cuts it first */
		(void)sim_world_merge(
			w, "admin", SIM_CLAIM, keys[i]->namespace, keys[i]->name, NULL,
			sim_json("{\"metadata\":{\"annotations\":{"
				 "\"net.barewire.dev/release-token\":\"%lld\"}}}",
				 (long long)cJSON_GetNumberValue(
					 cJSON_GetObjectItemCaseSensitive(h, "token"))));
	}
}

void sim_admin_step(struct sim_world *w)
{
	int64_t now = sim_world_now(w);

	for (unsigned int i = 0; i < w->n_nodes; i++) {
		struct sim_node *n = &w->nodes[i];

		if (!n->admin || n->ghost)
			continue;
		if (n->admin == ADMIN_FENCE && sim_store_tree(w->store, SIM_NODE, NULL, n->name)) {
			fence(w, n);
			n->admin = ADMIN_FENCED;
		}
		/* A fence is lifted when nothing is held there and no request can be on its way. */
		if (n->admin == ADMIN_FENCED && claims_left(w, n->uid) && !w->calm)
			n->admin_ns = now + 120 * SIM_NS_PER_S;
		if (now >= n->admin_ns)
			bring_back(w, n);
		else
			sim_world_arm(w, &w->cluster, 5000);
	}
	if (w->calm)
		release_by_hand(w);
}

static void replace(struct sim_world *w, struct sim_node *n)
{
	char name[SIM_NAME_MAX];

	(void)snprintf(name, sizeof(name), "%s", n->name);
	if (w->n_nodes == BW_ARRAY_SIZE(w->nodes))
		return;
	sim_trace(&w->trace, "%s is cut off and replaced", name);
	n->ghost = n->cut = 1;
	(void)sim_world_delete(w, "admin", SIM_NODE, NULL, name, NULL, -1);
	(void)sim_node_new(w, name);
}

static void node_trouble(struct sim_world *w)
{
	struct sim_node *n = &w->nodes[sim_rng_below(&w->rng, w->n_nodes)];

	if (n->admin || n->ghost)
		return;
	n->admin_ns = sim_world_now(w) + sim_rng_between(&w->rng, 1, 90) * SIM_NS_PER_S;
	switch (sim_rng_below(&w->rng, 9)) {
	case 0:
	case 1:
		n->admin = ADMIN_OFF;
		sim_node_power(n, 0);
		break;
	case 2:
	case 3:
		n->admin = ADMIN_CUT;
		n->cut = 1;
		sim_trace(&w->trace, "%s is cut off", n->name);
		break;
	case 4:
	case 5:
		n->admin = ADMIN_FENCE;
		if (sim_world_mutant(w, "false-fence"))
			n->cut = 1; /* only cut off */
		else
			sim_node_power(n, 0);
		break;
	case 6:
		(void)sim_world_delete(w, "admin", SIM_NODE, NULL, n->name, NULL, -1);
		break;
	case 7:
		replace(w, n);
		break;
	default: /* a reboot */
		sim_node_power(n, 0);
		sim_node_power(n, 1);
		break;
	}
	sim_world_arm(w, &w->cluster, sim_world_pace(w, 5000));
}

static void proc_trouble(struct sim_world *w)
{
	const struct sim_setup *s = &w->setup;
	struct sim_proc *p = w->procs[sim_rng_below(&w->rng, s->procs)];

	if (sim_rng_chance(&w->rng, s->stops))
		sim_proc_pause(p, sim_rng_between(&w->rng, 1, 90) * SIM_NS_PER_S);
	if (sim_rng_chance(&w->rng, s->skews))
		sim_proc_skew(p, sim_rng_between(&w->rng, -600, 600));
	if (sim_rng_chance(&w->rng, s->elections))
		for (unsigned int i = 0; i < s->procs; i++)
			sim_proc_lead(w->procs[i], (int)sim_rng_below(&w->rng, 2));
}

void sim_chaos_step(void *world)
{
	struct sim_world *w = world;
	int64_t now = sim_world_now(w);

	if (w->calm)
		return;
	sim_world_arm(w, &w->chaos, LOOK_MS);
	if (w->server.down && now >= w->down_until_ns) {
		w->server.down = 0;
		sim_world_wake(w);
	}
	if (sim_rng_chance(&w->rng, w->setup.outages)) {
		w->server.down = 1;
		w->down_until_ns = now + sim_rng_between(&w->rng, 1, 60) * SIM_NS_PER_S;
		sim_trace(&w->trace, "the server is away");
		sim_server_break(&w->server);
	} else if (sim_rng_chance(&w->rng, w->setup.breaks)) {
		if (sim_rng_chance(&w->rng, 500))
			sim_store_compact(w->store, sim_store_rv(w->store));
		sim_server_break(&w->server);
	}
	for (unsigned int i = 0; i < SIM_REPLICAS; i++)
		if (sim_rng_chance(&w->rng, 50))
			w->server.replicas[i].lag_ns =
				(int64_t)sim_rng_below(&w->server.rng, w->setup.faults.lag_ms + 1) *
				1000000;
	if (sim_rng_chance(&w->rng, w->setup.nodes_fail))
		node_trouble(w);
	proc_trouble(w);
}
