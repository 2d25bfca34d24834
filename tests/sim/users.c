/* SPDX-License-Identifier: Apache-2.0 */
/*
 * People: an administrator who declares pools and reservations and changes them, and users who
 * make, delete, force-delete, move and make again pods, claims and StatefulSets.
 */
#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "store_impl.h"
#include "world.h"

#define BY "user"

static const char *const namespaces[] = { "db", "other" };

static void pool(struct sim_world *w, const char *name, const char *domain, const char *prefix,
		 const char *range, int is_default)
{
	(void)sim_world_create(
		w, "admin", SIM_POOL, NULL,
		sim_json("{\"metadata\":{\"name\":\"%s\"},\"spec\":{\"domain\":\"%s\",\"prefix\":"
			 "\"%s\",\"ranges\":[\"%s\"],\"uplink\":\"data0\",\"mode\":\"bridge\","
			 "\"strategy\":\"%s\",\"cooldownSeconds\":%u,\"reclaim\":\"%s\","
			 "\"fencing\":\"Strict\",\"phase\":\"Serving\",\"default\":%s}}",
			 name, domain, prefix, range,
			 sim_rng_chance(&w->rng, 500) ? "LowestFree" : "Random",
			 w->setup.cooldown_s, w->setup.retain ? "Retain" : "Delete",
			 is_default ? "true" : "false"));
}

void sim_users_begin(struct sim_world *w)
{
	char range[64];

	for (size_t i = 0; i < 2; i++)
		(void)sim_world_create(w, "admin", SIM_NAMESPACE, NULL,
				       sim_json("{\"metadata\":{\"name\":\"%s\"}}", namespaces[i]));
	(void)sim_world_create(w, "admin", SIM_NAMESPACE, NULL,
			       sim_json("{\"metadata\":{\"name\":\"kube-system\"}}"));
	(void)sim_world_create(w, "admin", SIM_NAMESPACE, NULL,
			       sim_json("{\"metadata\":{\"name\":\"barewire-system\"}}"));
	(void)snprintf(range, sizeof(range), "10.99.0.10-10.99.0.%u", 9 + w->setup.pool_size);
	pool(w, "lan", "lan", "10.99.0.0/24", range, 1);
	/* Overlaps by half, in the same domain. */
	(void)snprintf(range, sizeof(range), "10.99.0.%u-10.99.0.%u", 10 + w->setup.pool_size / 2,
		       12 + w->setup.pool_size);
	pool(w, "lan-b", "lan", "10.99.0.0/24", range, 0);
	if (w->setup.v6)
		pool(w, "lan6", "lan", "fd00:99::/64", "fd00:99::10-fd00:99::ffff:ffff", 0);
	for (unsigned int i = 0; i < w->setup.nodes; i++) {
		char name[16];

		(void)snprintf(name, sizeof(name), "n%u", i);
		(void)sim_node_new(w, name);
	}
}

static const char *some_ns(struct sim_world *w)
{
	return namespaces[sim_rng_chance(&w->rng, 250)];
}

static void make_claim(struct sim_world *w)
{
	char iface[400], ip[64] = "", sticky[48] = "";
	unsigned int which = (unsigned int)sim_rng_below(&w->rng, 4);

	if (sim_rng_chance(&w->rng, 400)) /* a declared address, now and then one of another */
		(void)snprintf(ip, sizeof(ip), ",\"requestedIPs\":[\"10.99.0.%u\"]",
			       10 + which + (unsigned int)sim_rng_chance(&w->rng, 200));
	if (w->setup.v6 && sim_rng_chance(&w->rng, 500))
		(void)snprintf(iface, sizeof(iface),
			       "{\"name\":\"eth0\",\"networks\":[\"lan\",\"lan6\"]},"
			       "{\"name\":\"eth1\",\"networks\":[\"lan6\",\"lan-b\"]}");
	else
		(void)snprintf(iface, sizeof(iface), "{\"name\":\"eth0\",\"network\":\"%s\"%s}",
			       *ip || sim_rng_chance(&w->rng, 700) ? "lan" : "lan-b", ip);
	if (w->setup.retain && sim_rng_chance(&w->rng, 500))
		(void)snprintf(sticky, sizeof(sticky), ",\"stickyKey\":\"k%u\"", which);
	(void)sim_world_create(w, BY, SIM_CLAIM, some_ns(w),
			       sim_json("{\"metadata\":{\"name\":\"c%u\"},\"spec\":{\"interfaces\":"
					"[%s]%s}}",
					which, iface, sticky));
}

static void make_claim_pod(struct sim_world *w)
{
	(void)sim_world_create(w, BY, SIM_POD, some_ns(w),
			       sim_json("{\"metadata\":{\"name\":\"u%u\",\"annotations\":{"
					"\"net.barewire.dev/claim\":\"c%u\"}},\"spec\":{}}",
					++w->generation, (unsigned int)sim_rng_below(&w->rng, 4)));
}

static void make_bare_pod(struct sim_world *w)
{
	static const char *const annotations[] = {
		"",
		",\"annotations\":{\"net.barewire.dev/network\":\"lan\"}",
		",\"annotations\":{\"net.barewire.dev/network\":\"lan-b\"}",
		",\"annotations\":{\"net.barewire.dev/network\":\"lan\","
		"\"net.barewire.dev/address\":\"10.99.0.11\"}",
	};

	/* Few names: they come again and again. */
	(void)sim_world_create(
		w, BY, SIM_POD, some_ns(w),
		sim_json("{\"metadata\":{\"name\":\"p%u\"%s},\"spec\":{}}",
			 (unsigned int)sim_rng_below(&w->rng, 3),
			 annotations[sim_rng_below(&w->rng, BW_ARRAY_SIZE(annotations))]));
}

static void make_set(struct sim_world *w)
{
	const char *address = sim_rng_chance(&w->rng, 500)
				      ? ",\"net.barewire.dev/address\":\"10.99.0.10-10.99.0.11\""
				      : "";

	(void)sim_world_create(
		w, BY, SIM_STATEFULSET, "db",
		sim_json("{\"metadata\":{\"name\":\"s%u\"},\"spec\":{\"replicas\":%u,\"template\":{"
			 "\"metadata\":{\"annotations\":{\"net.barewire.dev/network\":\"lan\","
			 "\"net.barewire.dev/retain\":\"ordinal\"%s}}}}}",
			 (unsigned int)sim_rng_below(&w->rng, 2),
			 1 + (unsigned int)sim_rng_below(&w->rng, 2), address));
}

/* One of a kind that is there and not being deleted; NULL = none. */
static const struct sim_key *some(struct sim_world *w, enum sim_kind_id kind)
{
	size_t count;
	struct sim_key *const *keys = sim_store_keys(w->store, &sim_kinds[kind], &count);
	size_t from = sim_rng_below(&w->rng, count);

	for (size_t i = 0; i < count; i++) {
		const struct sim_key *k = keys[(from + i) % count];

		if (k->tree && !*sim_meta(k->tree, "deletionTimestamp"))
			return k;
	}
	return NULL;
}

static void delete_some(struct sim_world *w, enum sim_kind_id kind, int64_t grace_s)
{
	const struct sim_key *key = some(w, kind);

	if (key)
		(void)sim_world_delete(w, BY, kind, key->namespace, key->name, NULL, grace_s);
}

static void scale(struct sim_world *w)
{
	const struct sim_key *key = some(w, SIM_STATEFULSET);

	if (key)
		(void)sim_world_merge(w, BY, SIM_STATEFULSET, key->namespace, key->name, NULL,
				      sim_json("{\"spec\":{\"replicas\":%u}}",
					       (unsigned int)sim_rng_below(&w->rng, 3)));
}

static void edit_pool(struct sim_world *w)
{
	unsigned int n = w->setup.pool_size;
	struct cJSON *patch;

	switch (sim_rng_below(&w->rng, 4)) {
	case 0:
		patch = sim_json("{\"spec\":{\"phase\":\"Maintenance\"}}");
		break;
	case 1:
		patch = sim_json("{\"spec\":{\"ranges\":[\"10.99.0.%u-10.99.0.%u\"]}}", 12, 9 + n);
		break;
	default:
		patch = sim_json("{\"spec\":{\"phase\":\"Serving\",\"ranges\":[\"10.99.0.10-"
				 "10.99.0.%u\"]}}",
				 9 + n + (unsigned int)sim_rng_below(&w->rng, 3));
		break;
	}
	(void)sim_world_merge(w, "admin", SIM_POOL, NULL, "lan", NULL, patch);
}

static void reserve(struct sim_world *w)
{
	const struct sim_key *key = some(w, SIM_RESERVATION);

	if (key)
		(void)sim_world_delete(w, "admin", SIM_RESERVATION, NULL, key->name, NULL, -1);
	else
		(void)sim_world_create(
			w, "admin", SIM_RESERVATION, NULL,
			sim_json("{\"metadata\":{\"name\":\"r\"},\"spec\":{\"domain\":\"lan\","
				 "\"addresses\":[\"10.99.0.%u\"],\"reason\":\"router\"}}",
				 10 + (unsigned int)sim_rng_below(&w->rng, w->setup.pool_size)));
}

void sim_users_step(void *world)
{
	struct sim_world *w = world;

	if (w->calm)
		return;
	sim_world_arm(w, &w->users, sim_rng_between(&w->rng, 50, w->setup.users));
	if (w->server.down)
		return;
	if (w->setup.units && sim_rng_chance(&w->rng, 600)) {
		sim_units_act(w);
		return;
	}
	switch (sim_rng_below(&w->rng, 16)) {
	case 0:
	case 1:
		make_claim(w);
		break;
	case 2:
	case 3:
	case 4:
		make_claim_pod(w);
		break;
	case 5:
	case 6:
		make_bare_pod(w);
		break;
	case 7:
		make_set(w);
		break;
	case 8:
	case 9:
	case 10:
		delete_some(w, SIM_POD, 30);
		break;
	case 11:
		delete_some(w, SIM_POD, 0); /* by force: its container may still run */
		break;
	case 12:
		delete_some(w, SIM_CLAIM, -1);
		break;
	case 13:
		delete_some(w, SIM_STATEFULSET, -1);
		break;
	case 14:
		scale(w);
		break;
	default:
		if (sim_rng_chance(&w->rng, 500))
			edit_pool(w);
		else
			reserve(w);
		break;
	}
}
