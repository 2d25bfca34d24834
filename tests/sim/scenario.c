/* SPDX-License-Identifier: Apache-2.0 */
/* What directed scenarios are written with. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "check.h"
#include "scenario.h"
#include "store_impl.h"

#define POLL_MS 10

void sim_scenario_begin(struct sim_world *w, const struct sim_scenario *s, uint64_t seed)
{
	struct sim_setup setup = { .nodes = 3, .procs = s->procs, .pool_size = 20, .v6 = 1 };

	setup.two_leaders = 1;
	setup.cooldown_s = 5;
	sim_world_init(w, seed, &setup);
	sim_for_ms(w, 5000);
}

void sim_for_ms(struct sim_world *w, int64_t ms)
{
	(void)sim_world_run(w, sim_world_now(w) + ms * 1000000); /* asked for at the end */
}

void sim_want(struct sim_world *w, int ok, const char *fmt, ...)
{
	char text[300];
	va_list ap;

	if (ok)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap); /* long texts are cut */
	va_end(ap);
	sim_check_fail(w->check, "wanted: %s", text);
}

void sim_make_claim(struct sim_world *w, const char *namespace, const char *name, const char *spec)
{
	(void)sim_world_create(w, "user", SIM_CLAIM, namespace,
			       sim_json("{\"metadata\":{\"name\":\"%s\"},\"spec\":{\"interfaces\":"
					"[%s]}}",
					name, spec));
}

void sim_make_pod(struct sim_world *w, const char *namespace, const char *name, const char *claim,
		  const char *node)
{
	(void)sim_world_create(w, "user", SIM_POD, namespace,
			       sim_json("{\"metadata\":{\"name\":\"%s\",\"annotations\":{"
					"\"net.barewire.dev/claim\":\"%s\"}},\"spec\":{%s%s%s}}",
					name, claim, *node ? "\"nodeName\":\"" : "", node,
					*node ? "\"" : ""));
}

void sim_delete(struct sim_world *w, enum sim_kind_id kind, const char *namespace, const char *name,
		int64_t grace_s)
{
	(void)sim_world_delete(w, "user", kind, namespace, name, NULL, grace_s);
}

const char *sim_claim_text(struct sim_world *w, const char *namespace, const char *name,
			   const char *path)
{
	const struct cJSON *claim = sim_store_tree(w->store, SIM_CLAIM, namespace, name);

	return claim ? sim_text_at(claim, path) : "";
}

const char *sim_claim_ip(struct sim_world *w, const char *namespace, const char *name)
{
	const struct cJSON *claim = sim_store_tree(w->store, SIM_CLAIM, namespace, name);
	const struct cJSON *at = cJSON_GetObjectItemCaseSensitive(claim, "status");

	at = cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(at, "interfaces"), 0);
	at = cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(at, "ips"), 0);
	return cJSON_IsString(at) ? at->valuestring : "";
}

unsigned int sim_count(struct sim_world *w, enum sim_kind_id kind)
{
	size_t n;
	struct sim_key *const *keys = sim_store_keys(w->store, &sim_kinds[kind], &n);
	unsigned int count = 0;

	for (size_t i = 0; i < n; i++)
		count += keys[i]->tree != NULL;
	return count;
}

unsigned int sim_count_bound(struct sim_world *w)
{
	size_t n;
	struct sim_key *const *keys = sim_store_keys(w->store, &sim_kinds[SIM_CLAIM], &n);
	unsigned int count = 0;

	for (size_t i = 0; i < n; i++)
		count += keys[i]->tree &&
			 (!strcmp(sim_text_at(keys[i]->tree, "status.phase"), "Bound") ||
			  !strcmp(sim_text_at(keys[i]->tree, "status.phase"), "Attached"));
	return count;
}

const char *sim_live_on(struct sim_world *w, const char *namespace, const char *pod)
{
	for (unsigned int i = 0; i < w->n_nodes; i++)
		for (size_t k = 0; k < SIM_PODS_MAX && w->nodes[i].powered; k++) {
			const struct sim_pod *p = &w->nodes[i].pods[k];

			if (p->used && p->live && !p->cut && !p->deleting &&
			    !strcmp(p->namespace, namespace) && !strcmp(p->name, pod))
				return w->nodes[i].name;
		}
	return "";
}

int64_t sim_wait_live(struct sim_world *w, const char *namespace, const char *pod, const char *node,
		      int64_t ms)
{
	for (int64_t at = 0; at <= ms && !sim_check_broken(w->check); at += POLL_MS) {
		const char *on = sim_live_on(w, namespace, pod);

		if (*on && (!*node || !strcmp(on, node)))
			return at;
		sim_for_ms(w, POLL_MS);
	}
	return -1;
}

void sim_fence_node(struct sim_world *w, const char *name, int on)
{
	struct sim_node *n = sim_node_of(w, name);

	(void)sim_world_merge(w, "admin", SIM_NODE, NULL, name, NULL,
			      sim_json(on ? "{\"spec\":{\"taints\":[{\"key\":\"node.kubernetes.io/"
					    "out-of-service\",\"effect\":\"NoExecute\"}]}}"
					  : "{\"spec\":{\"taints\":null}}"));
	sim_check_fence(w->check, n->uid, on);
}
