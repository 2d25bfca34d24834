/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A store that goes back in time, and what a node's agent makes of it: it remembers the highest
 * epoch it has seen, and says what lives on the node when the store has a lower one
 * (docs/design/ipam.md).
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cjson/cJSON.h>

#include <bw/ip.h>

#include "check.h"
#include "proc.h"
#include "store_impl.h"
#include "world.h"

static uint64_t epoch_of(const struct sim_world *w)
{
	const struct cJSON *e = sim_store_tree(w->store, SIM_EPOCH, NULL, "cluster");
	const struct cJSON *spec = cJSON_GetObjectItemCaseSensitive(e, "spec");
	const struct cJSON *n = cJSON_GetObjectItemCaseSensitive(spec, "epoch");

	return cJSON_IsNumber(n) ? (uint64_t)n->valuedouble : 0;
}

/* A leader has noticed and wants to know what lives on each node. */
static uint8_t is_asked(const struct sim_world *w)
{
	const struct cJSON *e = sim_store_tree(w->store, SIM_EPOCH, NULL, "cluster");
	const struct cJSON *meta = cJSON_GetObjectItemCaseSensitive(e, "metadata");
	const struct cJSON *notes = cJSON_GetObjectItemCaseSensitive(meta, "annotations");

	return cJSON_IsString(
		cJSON_GetObjectItemCaseSensitive(notes, "net.barewire.dev/restored-from"));
}

/* An attachment with its addresses, as "lan/10.99.0.10" has them. */
static void put_live(struct cJSON *list, struct sim_node *n, const struct sim_pod *p)
{
	const struct sim_row *row = sim_agent_row(n, p->claim_uid);
	struct cJSON *o, *ips;

	if (!row)
		return;
	o = sim_json("{\"namespace\":\"%s\",\"name\":\"%s\",\"uid\":\"%s\",\"interface\":\"eth0\","
		     "\"token\":%llu,\"pool\":\"lan\",\"domain\":\"lan\"}",
		     row->namespace, row->name, row->uid, (unsigned long long)p->token);
	ips = cJSON_AddArrayToObject(o, "ips");
	for (unsigned int i = 0; i < p->n_ips; i++) {
		const char *text = strchr(sim_check_ip(n->world->check, p->ips[i]), '/');

		if (text)
			cJSON_AddItemToArray(ips, cJSON_CreateString(text + 1));
	}
	cJSON_AddItemToArray(list, o);
}

static void publish(struct sim_node *n)
{
	struct sim_world *w = n->world;
	struct cJSON *patch = sim_json(
		"{\"status\":{\"nodeUID\":\"%s\",\"epoch\":%llu,\"clusterID\":\"cluster-1\","
		"\"conditions\":[{\"type\":\"RestoreSuspected\",\"status\":\"%s\",\"reason\":"
		"\"EpochWentBack\",\"message\":\"\",\"lastTransitionTime\":"
		"\"2027-01-15T08:00:00Z\"}]}}",
		n->uid, (unsigned long long)(n->suspects ? n->epoch : n->first_epoch),
		n->suspects ? "True" : "False");
	struct cJSON *live =
		cJSON_AddArrayToObject(cJSON_GetObjectItemCaseSensitive(patch, "status"), "live");

	for (size_t i = 0; i < SIM_PODS_MAX && n->suspects; i++)
		if (n->pods[i].used && n->pods[i].live)
			put_live(live, n, &n->pods[i]);
	if (!sim_store_tree(w->store, SIM_NODENETWORK, NULL, n->name))
		(void)sim_world_create(w, n->name, SIM_NODENETWORK, NULL,
				       sim_json("{\"metadata\":{\"name\":\"%s\"}}", n->name));
	(void)sim_world_merge(w, n->name, SIM_NODENETWORK, NULL, n->name, "status", patch);
}

/* Another number when something else lives here. */
static uint64_t live_now(const struct sim_node *n)
{
	uint64_t h = BW_FNV64_BASIS;

	for (size_t i = 0; i < SIM_PODS_MAX; i++)
		if (n->pods[i].used && n->pods[i].live)
			h = bw_fnv64(h, n->pods[i].uid, strlen(n->pods[i].uid));
	return h;
}

void sim_agent_epoch(struct sim_node *n)
{
	uint64_t now = n->world->restores ? epoch_of(n->world) : 0;
	uint8_t suspects = now < n->epoch || is_asked(n->world);
	uint64_t live;

	if (!now || (now == n->epoch && !n->suspects && !suspects))
		return;
	if (!n->first_epoch)
		n->first_epoch = now;
	live = suspects ? live_now(n) : 0;
	if (suspects && n->suspects && live == n->said_live)
		return;
	n->said_live = live;
	if (now > n->epoch)
		n->epoch = now;
	n->suspects = suspects;
	publish(n);
}

/* What a leader goes by who must not give anything yet. */
static void forge_raised(struct sim_world *w)
{
	time_t now = (time_t)bw_loop_real_s(w->loop);
	char text[32];
	struct tm tm;

	if (!gmtime_r(&now, &tm) || !strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm))
		abort();
	(void)sim_world_merge(w, "mutant", SIM_EPOCH, NULL, "cluster", NULL,
			      sim_json("{\"metadata\":{\"annotations\":{"
				       "\"net.barewire.dev/raised\":\"%s\"}}}",
				       text));
}

void sim_world_restore(struct sim_world *w, uint64_t rv, uint64_t bump)
{
	sim_trace(&w->trace, "the store goes back from %llu to %llu, and on from %llu",
		  (unsigned long long)sim_store_rv(w->store), (unsigned long long)rv,
		  (unsigned long long)(rv + bump));
	sim_store_restore(w->store, rv, bump);
	sim_check_restored(w->check);
	if (sim_world_mutant(w, "deaf-leader"))
		forge_raised(w);
	sim_server_break(&w->server);
	for (unsigned int i = 0; i < w->n_nodes; i++) {
		struct sim_node *n = &w->nodes[i];

		/* Its watch begins with a list of what there is. */
		n->view = 0;
		for (size_t k = 0; k < SIM_ROWS_MAX; k++)
			n->rows[k].rv = 0;
	}
	sim_world_wake(w);
}
