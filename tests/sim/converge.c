/* SPDX-License-Identifier: Apache-2.0 */
/* What must be so when faults have ended and everybody had time. */
#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "check_impl.h"
#include "store_impl.h"

static const struct cJSON *member(const struct cJSON *tree, const char *key)
{
	return cJSON_GetObjectItemCaseSensitive(tree, key);
}

int sim_check_blocked(struct sim_check *c, const struct sim_key *claim)
{
	const struct cJSON *iface, *ip;

	cJSON_ArrayForEach (iface, member(member(claim->tree, "spec"), "interfaces"))
		cJSON_ArrayForEach (ip, member(iface, "requestedIPs")) {
			const struct sim_fact *f = sim_fact_of_ip(
				c,
				sim_ip_number(c, "lan", cJSON_IsString(ip) ? ip->valuestring : ""));

			if (f && f->exists && strcmp(f->uid, sim_meta(claim->tree, "uid")) != 0)
				return 1;
		}
	return 0;
}

static const struct sim_pod *kernel_of(const struct sim_world *w, const char *pod_uid)
{
	for (unsigned int i = 0; i < w->n_nodes; i++)
		for (size_t k = 0; k < SIM_PODS_MAX && w->nodes[i].powered; k++)
			if (w->nodes[i].pods[k].used && w->nodes[i].pods[k].live &&
			    !w->nodes[i].pods[k].cut && !strcmp(w->nodes[i].pods[k].uid, pod_uid))
				return &w->nodes[i].pods[k];
	return NULL;
}

/* Whether another pod of that claim is older, or whether one is live at all. */
static int waits_for_another(const struct sim_world *w, const struct sim_key *pod,
			     const char *claim)
{
	size_t n;
	struct sim_key *const *keys = sim_store_keys(w->store, &sim_kinds[SIM_POD], &n);
	char name[SIM_NAME_MAX];

	for (size_t i = 0; i < n; i++)
		if (keys[i] != pod && keys[i]->tree &&
		    !strcmp(keys[i]->namespace, pod->namespace) &&
		    !strcmp(sim_pod_claim(keys[i]->tree, name), claim))
			return 1;
	return 0;
}

static const char *pod_state(struct sim_check *c, const struct sim_key *key)
{
	struct sim_world *w = c->world;
	const struct sim_key *claim;
	const struct sim_fact *f;
	char name[SIM_NAME_MAX];

	if (*sim_meta(key->tree, "deletionTimestamp"))
		return "L1 is still being deleted";
	if (!*key->last->field)
		return "L1 has no node";
	if (kernel_of(w, sim_meta(key->tree, "uid")))
		return NULL;
	claim = sim_key_find(w->store, &sim_kinds[SIM_CLAIM], key->namespace,
			     sim_pod_claim(key->tree, name), 0);
	f = claim ? claim->fact : NULL;
	if (!f || !f->exists)
		return strncmp(name, "c", 1) != 0 ? "L1 has no claim" : NULL; /* nobody made it */
	if (f->deleting && *name == 'c')
		return NULL; /* a claim that was deleted under its pod gives nothing more */
	if (!f->bound && sim_check_blocked(c, claim))
		return NULL;
	return waits_for_another(w, key, name) ? NULL : "L1 does not run";
}

static const char *claim_state(struct sim_check *c, const struct sim_key *key)
{
	const struct sim_fact *f = key->fact;

	if (f->deleting)
		return sim_check_live_token(c->world, key) ? NULL : "L2 is still being deleted";
	if (!f->bound && !sim_check_blocked(c, key))
		return "L1 is not bound";
	return NULL;
}

static const char *address_state(struct sim_check *c, const struct sim_key *key)
{
	const struct sim_fact *f = key->fact, *claim = sim_fact_of_claim(c, f->uid);

	if (f->state == SIM_STATE_RETAINED)
		return NULL;
	if (f->state != SIM_STATE_BOUND)
		return "L2 is neither bound nor free";
	if (!claim || !claim->exists)
		return "L2 is bound to a claim that is gone";
	if (claim->deleting)
		return NULL; /* given back with the rest, once its pod is gone */
	for (unsigned int i = 0; i < claim->n_ips; i++)
		if (claim->ips[i] == f->ip)
			return NULL;
	return "L2 is bound to a claim that does not list it";
}

const char *sim_check_converged(struct sim_check *c)
{
	static const struct {
		enum sim_kind_id kind;
		const char *(*state)(struct sim_check *c, const struct sim_key *key);
	} table[] = { { SIM_CLAIM, claim_state },
		      { SIM_ADDRESS, address_state },
		      { SIM_POD, pod_state },
		      { SIM_UNIT, sim_unit_state },
		      { SIM_CONFIGMAP, sim_made_state },
		      { SIM_SECRET, sim_made_state },
		      { SIM_SERVICE, sim_made_state },
		      { SIM_SLICE, sim_made_state } };
	size_t n;

	for (size_t t = 0; t < BW_ARRAY_SIZE(table); t++) {
		struct sim_key *const *keys =
			sim_store_keys(c->world->store, &sim_kinds[table[t].kind], &n);

		for (size_t i = 0; i < n; i++) {
			const char *why = keys[i]->tree ? table[t].state(c, keys[i]) : NULL;

			if (!why)
				continue;
			(void)snprintf(c->why, sizeof(c->why), "%.2s %s %s/%s%s: %.300s", why,
				       sim_kinds[table[t].kind].kind.kind, keys[i]->namespace,
				       keys[i]->name, why + 2, keys[i]->last->text);
			return c->why;
		}
	}
	return NULL;
}
