/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A node's machine and kubelet: pods that are bound to it get a sandbox when the agent serves their
 * claim, and lose it when they are deleted. Power, boots, registration.
 */
#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "check.h"
#include "store_impl.h"
#include "world.h"

static void on_timer(void *arg);

struct sim_node *sim_node_of(struct sim_world *w, const char *name)
{
	for (unsigned int i = 0; i < w->n_nodes; i++)
		if (!w->nodes[i].ghost && !strcmp(w->nodes[i].name, name))
			return &w->nodes[i];
	return NULL;
}

struct sim_node *sim_node_new(struct sim_world *w, const char *name)
{
	struct sim_node *n;

	if (w->n_nodes == BW_ARRAY_SIZE(w->nodes))
		return NULL;
	n = &w->nodes[w->n_nodes++];
	*n = (struct sim_node){ .world = w, .powered = 1, .boot = 1 };
	(void)snprintf(n->name, sizeof(n->name), "%s", name);
	bw_timer_init(&n->timer, w->loop, on_timer, n);
	sim_node_register(n);
	return n;
}

/* The kubelet makes its Node when there is none, and knows it by its UID. */
void sim_node_register(struct sim_node *n)
{
	struct sim_world *w = n->world;

	if (!sim_store_tree(w->store, SIM_NODE, NULL, n->name))
		(void)sim_world_create(w, n->name, SIM_NODE, NULL,
				       sim_json("{\"metadata\":{\"name\":\"%s\",\"labels\":{"
						"\"kubernetes.io/hostname\":\"%s\"}},\"spec\":{}}",
						n->name, n->name));
	(void)snprintf(n->uid, sizeof(n->uid), "%s",
		       sim_meta(sim_store_tree(w->store, SIM_NODE, NULL, n->name), "uid"));
	sim_node_wake(n);
}

void sim_node_wake(struct sim_node *n)
{
	if (n->powered && !bw_timer_is_set(&n->timer))
		sim_world_arm(n->world, &n->timer, sim_world_pace(n->world, 400));
}

void sim_node_power(struct sim_node *n, int on)
{
	if (n->powered == (on != 0))
		return;
	sim_trace(&n->world->trace, "%s power %s", n->name, on ? "on" : "off");
	n->powered = on != 0;
	if (!on) { /* what was in the kernel is gone, the journal's file stays */
		for (size_t i = 0; i < SIM_PODS_MAX; i++)
			n->pods[i].live = n->pods[i].cut = 0;
		bw_timer_stop(&n->timer);
		return;
	}
	n->boot++;
	sim_node_wake(n);
}

int sim_node_may(struct sim_node *n, unsigned int permille)
{
	if (n->world->calm || sim_rng_chance(&n->world->rng, permille))
		return 1;
	sim_world_arm(n->world, &n->timer, sim_world_pace(n->world, 2000));
	return 0;
}

static struct sim_pod *pod_find(struct sim_node *n, const char *uid)
{
	for (size_t i = 0; i < SIM_PODS_MAX; i++)
		if (n->pods[i].used && !strcmp(n->pods[i].uid, uid))
			return &n->pods[i];
	return NULL;
}

static void pod_add(struct sim_node *n, const struct sim_key *key)
{
	struct sim_pod *p = NULL;

	for (size_t i = 0; i < SIM_PODS_MAX && !p; i++)
		if (!n->pods[i].used)
			p = &n->pods[i];
	if (!p)
		return;
	*p = (struct sim_pod){ .used = 1 };
	(void)snprintf(p->namespace, sizeof(p->namespace), "%s", key->namespace);
	(void)snprintf(p->name, sizeof(p->name), "%s", key->name);
	(void)snprintf(p->uid, sizeof(p->uid), "%s", sim_meta(key->tree, "uid"));
	(void)sim_pod_claim(key->tree, p->claim);
	sim_box_begin(p, key->tree);
}

/* What the kubelet's watch shows it. */
static void kubelet_sync(struct sim_node *n)
{
	size_t count;
	struct sim_key *const *keys = sim_store_keys(n->world->store, &sim_kinds[SIM_POD], &count);

	for (size_t i = 0; i < SIM_PODS_MAX; i++) {
		struct sim_pod *p = &n->pods[i];
		const struct cJSON *pod;

		if (!p->used)
			continue;
		pod = sim_store_tree(n->world->store, SIM_POD, p->namespace, p->name);
		if (!pod || strcmp(sim_meta(pod, "uid"), p->uid) != 0 ||
		    *sim_meta(pod, "deletionTimestamp"))
			p->deleting = 1;
	}
	for (size_t i = 0; i < count; i++)
		if (keys[i]->tree && !strcmp(keys[i]->last->field, n->name) &&
		    !*sim_meta(keys[i]->tree, "deletionTimestamp") &&
		    !pod_find(n, sim_meta(keys[i]->tree, "uid")))
			pod_add(n, keys[i]);
		else if (keys[i]->tree && !strcmp(keys[i]->last->field, n->name) &&
			 *sim_meta(keys[i]->tree, "deletionTimestamp") &&
			 !pod_find(n, sim_meta(keys[i]->tree, "uid")))
			(void)sim_world_delete(n->world, n->name, SIM_POD, keys[i]->namespace,
					       keys[i]->name, sim_meta(keys[i]->tree, "uid"), 0);
}

/* ADD: the plugin waits for the agent, then the address is in the kernel. */
static void pod_attach(struct sim_node *n, struct sim_pod *p)
{
	struct sim_row *row = sim_agent_find(n, p->namespace, p->claim);

	if (!row || !row->served || !row->mine || row->boot != n->boot)
		return;
	if (*row->owner_pod && strcmp(row->owner_pod, p->uid) != 0)
		return;
	for (size_t i = 0; i < SIM_PODS_MAX; i++)
		if (n->pods[i].used && n->pods[i].live && !strcmp(n->pods[i].claim_uid, row->uid))
			return; /* the journal's unique index of live addresses */
	if (!sim_agent_take(n, row))
		return;
	p->held = p->live = 1;
	p->cut = 0;
	p->token = row->token;
	p->n_ips = row->n_ips;
	memcpy(p->ips, row->ips, sizeof(p->ips));
	(void)snprintf(p->claim_uid, sizeof(p->claim_uid), "%s", row->uid);
	sim_trace(&n->world->trace, "%s ADD %s/%s claim %s token %llu", n->name, p->namespace,
		  p->name, row->uid + 24, (unsigned long long)row->token);
	sim_agent_attached(n, p, row);
	sim_check_nodes(n->world);
}

static void pod_detach(struct sim_node *n, struct sim_pod *p)
{
	if (!p->held)
		return;
	sim_trace(&n->world->trace, "%s DEL %s/%s token %llu", n->name, p->namespace, p->name,
		  (unsigned long long)p->token);
	p->held = p->live = p->cut = 0;
	sim_agent_left(n, p);
	sim_check_nodes(n->world);
}

static void pod_report(struct sim_node *n, struct sim_pod *p)
{
	const char *ip = sim_check_ip(n->world->check, p->n_ips ? p->ips[0] : 0);

	p->reported = (uint8_t)sim_world_merge(
		n->world, n->name, SIM_POD, p->namespace, p->name, "status",
		sim_json(
			"{\"metadata\":{\"uid\":\"%s\"},\"status\":{\"phase\":\"Running\","
			"\"podIPs\":[{\"ip\":\"%s\"}],\"conditions\":[{\"type\":\"Ready\",\"status\":"
			"\"True\"}]}}",
			p->uid, strchr(ip, '/') ? strchr(ip, '/') + 1 : ""));
}

static void pod_step(struct sim_node *n, struct sim_pod *p, int online)
{
	if (p->deleting) {
		if (!sim_node_may(n, 700))
			return;
		pod_detach(n, p);
		if (!online || !sim_node_may(n, 700))
			return;
		(void)sim_world_delete(n->world, n->name, SIM_POD, p->namespace, p->name, p->uid,
				       0);
		p->used = 0;
		return;
	}
	if (p->live && (p->cut || (!n->world->calm && sim_rng_chance(&n->world->rng, 20))))
		pod_detach(n, p); /* the sandbox dies: it is made again */
	if (!p->live && p->held && sim_node_may(n, 300))
		pod_detach(n, p); /* what a boot has ended */
	if (!p->live && sim_node_may(n, 800))
		pod_attach(n, p);
	if (p->box.unit)
		sim_box_step(n, p, online);
	else if (p->live && online && !p->reported && sim_node_may(n, 800))
		pod_report(n, p);
}

static void on_timer(void *arg)
{
	struct sim_node *n = arg;
	int online = n->powered && !n->cut && !n->ghost && !n->world->server.down;

	if (!n->powered)
		return;
	if (online && !sim_store_tree(n->world->store, SIM_NODE, NULL, n->name) &&
	    sim_node_may(n, 100))
		sim_node_register(n);
	if (online && sim_node_may(n, 800))
		kubelet_sync(n);
	if (online && sim_node_may(n, 800))
		sim_agent_step(n);
	for (size_t i = 0; i < SIM_PODS_MAX; i++)
		if (n->pods[i].used)
			pod_step(n, &n->pods[i], online);
}
