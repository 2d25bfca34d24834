/* SPDX-License-Identifier: Apache-2.0 */
/* Pools, the administrator's mapping, Service ranges and devices: decoded once a change. */
#include <stdio.h>
#include <string.h>

#include <gen/k8s.h>

#include <bw/err.h>
#include <bw/log.h>

#include "agent.h"
#include "inventory.h"
#include "look.h"

static void drop_pools(struct agent *a)
{
	for (size_t i = 0; i < a->n_pools; i++)
		bw_net_pool_done(&a->pool_list[i]);
	free(a->pool_list);
	a->pool_list = NULL;
	a->n_pools = 0;
}

/* One that cannot be read stands in nobody's way. */
static int add_pool(struct bw_kube_object *o, void *arg)
{
	struct agent *a = arg;
	struct bw_err err = { 0 };
	int r;

	r = bw_net_pool_decode(o->text, o->size, &a->pool_list[a->n_pools], &err);
	if (r == 0)
		a->n_pools++;
	else
		bw_log_warn("cannot read a pool, ignoring it", "pool", o->name, "err", err.msg);
	return 0;
}

static void read_pools(struct agent *a)
{
	size_t n = bw_kube_store_count(a->pools);

	drop_pools(a);
	if (!n)
		return;
	a->pool_list = calloc(n, sizeof(*a->pool_list));
	if (!a->pool_list)
		bw_log_error("out of memory: pools cannot be read");
	else
		(void)bw_kube_store_each(a->pools, NULL, add_pool, a); /* add_pool() returns 0 */
}

static void read_mapping(struct agent *a)
{
	struct bw_kube_object *o = bw_kube_store_get(a->mapping, NULL, a->conf->node);
	struct bw_net_node next = { 0 };
	struct bw_err err = { 0 };

	if (o && bw_net_node_decode(o->text, o->size, &next, &err) < 0) {
		bw_log_warn("cannot read this node's NodeNetwork, keeping the last", "err",
			    err.msg);
		return;
	}
	if (a->has_mapping)
		bw_net_node_done(&a->mapping_now);
	a->mapping_now = next;
	a->has_mapping = o != NULL;
}

static void add_service(struct agent *a, const char *text)
{
	struct bw_prefix p;

	if (a->n_services == BW_BINDING_NETS_MAX || bw_prefix_parse(text, &p) < 0)
		return;
	for (size_t i = 0; i < a->n_services; i++)
		if (bw_ip_eq(&a->services[i].ip, &p.ip) && a->services[i].len == p.len)
			return;
	a->services[a->n_services++] = p;
}

static int add_cidr(struct bw_kube_object *o, void *arg)
{
	struct bw_k_service_cidr cidr = { 0 };
	struct bw_err err = { 0 };

	if (bw_k_service_cidr_decode(o->text, o->size, &cidr, &err) < 0) {
		bw_log_warn("cannot read a ServiceCIDR, ignoring it", "err", err.msg);
		return 0;
	}
	for (size_t i = 0; i < cidr.spec.cidrs.n; i++)
		add_service(arg, cidr.spec.cidrs.items[i]);
	bw_k_service_cidr_done(&cidr);
	return 0;
}

/* Flags first: they are for servers that have no ServiceCIDRs. */
static void read_services(struct agent *a)
{
	a->n_services = a->conf->n_services;
	memcpy(a->services, a->conf->services, sizeof(a->services));
	if (a->cidrs)
		(void)bw_kube_store_each(a->cidrs, NULL, add_cidr, a); /* add_cidr() returns 0 */
}

static void read_node(struct agent *a)
{
	struct bw_err err = { 0 };

	if (!a->node_changed)
		return;
	a->node_changed = 0;
	if (agent_node_read(a->conf->root, a->nl, a->journal, &a->node, &err) < 0)
		bw_log_warn("cannot look at the node's devices", "err", err.msg);
	agent_look_soon(a->look);
}

static void refresh(void *arg)
{
	struct agent *a = arg;

	read_node(a);
	read_pools(a);
	read_mapping(a);
	read_services(a);
	agent_watch_over(a);
	agent_claims_rebind(a);
	agent_inventory_look(a->inventory);
}

static void on_object(struct bw_kube_object *old, struct bw_kube_object *now, void *arg)
{
	struct agent *a = arg;

	(void)old;
	(void)now;
	bw_defer_call(&a->refresh);
}

/* An empty store tells nobody of a change, and yet says something. */
static void on_synced(void *arg)
{
	bw_defer_call(&((struct agent *)arg)->refresh);
}

static void on_devices(void *arg)
{
	struct agent *a = arg;

	a->node_changed = 1;
	bw_defer_call(&a->refresh);
}

int agent_facts_start(struct agent *a, struct bw_err *err)
{
	struct bw_kube_store *const stores[] = { a->pools, a->mapping };
	int r;

	bw_defer_init(&a->refresh, a->loop, refresh, a);
	read_services(a);
	a->node_changed = 1;
	read_node(a);
	r = agent_node_watch_new(a->loop, on_devices, a, &a->watch, err);
	for (size_t i = 0; i < BW_ARRAY_SIZE(stores) && r == 0; i++)
		r = bw_kube_store_on_change(stores[i], on_object, a, err);
	for (size_t i = 0; i < BW_ARRAY_SIZE(stores) && r == 0; i++)
		r = bw_kube_store_on_sync(stores[i], on_synced, a, err);
	return r;
}

int agent_facts_watch_services(struct agent *a, struct bw_err *err)
{
	return bw_kube_store_on_change(a->cidrs, on_object, a, err);
}

void agent_facts_stop(struct agent *a)
{
	agent_node_watch_free(&a->watch);
	if (a->refresh.loop)
		bw_defer_stop(&a->refresh);
	drop_pools(a);
	if (a->has_mapping)
		bw_net_node_done(&a->mapping_now);
	a->has_mapping = 0;
	agent_node_done(&a->node);
}

struct agent_facts agent_facts(const struct agent *a)
{
	return (struct agent_facts){
		.pools = a->pool_list,
		.n_pools = a->n_pools,
		.mapping = a->has_mapping ? &a->mapping_now : NULL,
		.node = &a->node,
		.services = a->services,
		.n_services = a->n_services,
		.epoch = a->bind_epoch,
	};
}
