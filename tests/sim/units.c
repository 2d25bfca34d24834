/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Units in the simulated cluster: people who declare, change, stop and start, move, rebuild and
 * delete them and take away what belongs to them. What must be so in the end: units_check.c.
 */
#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "check_impl.h"
#include "store_impl.h"
#include "world.h"

#define BY "user"
#define NS "db"
#define UNITS SIM_UNITS_MAX
#define SECRET_TEMPLATE 2

static const struct cJSON *member(const struct cJSON *tree, const char *key)
{
	return cJSON_GetObjectItemCaseSensitive(tree, key);
}

static unsigned int below(struct sim_world *w, unsigned int n)
{
	return (unsigned int)sim_rng_below(&w->rng, n);
}

/* WHAT PEOPLE DO */

static const char *const templates[] = {
	"bind {{unit.address}}",
	"{{#members}}{{name}}={{address}} {{/members}}",
	"pass {{secret.auth.word}} {{unit.address}}",
	"{{nothing}}",
};

/* "" or a config of so many templates of those above. */
static const char *config(struct sim_world *w, unsigned int n, char out[300])
{
	static const char *const on_change[] = { "None", "Restart", "Signal" };

	out[0] = '\0';
	if (sim_rng_chance(&w->rng, 700))
		(void)snprintf(out, 300,
			       ",\"config\":{\"onChange\":\"%s\",\"templates\":[{\"name\":\"conf\","
			       "\"template\":\"%s\"}]}",
			       on_change[below(w, 3)], templates[below(w, n)]);
	return out;
}

static void make(struct sim_world *w)
{
	char address[64] = "";
	char files[300];

	if (sim_rng_chance(&w->rng, 300))
		(void)snprintf(address, sizeof(address), ",\"address\":\"10.99.0.%u\"",
			       10 + below(w, 3));
	(void)sim_world_create(
		w, BY, SIM_UNIT, NS,
		sim_json(
			"{\"metadata\":{\"name\":\"d%u\",\"labels\":{\"app\":\"db\"}},\"spec\":{"
			"\"startup\":true,\"nodePolicy\":\"%s\",\"networking\":{\"network\":"
			"\"lan\"%s},\"peers\":{\"selector\":{\"matchLabels\":{\"app\":\"db\"}}},"
			"\"template\":{\"spec\":{\"containers\":[{\"name\":\"db\",\"image\":"
			"\"db\"%s}],\"dnsPolicy\":\"Default\"}},\"volumeClaimTemplates\":[{\"metadata\":{\"name\":\"data\"},"
			"\"spec\":{\"accessModes\":[\"ReadWriteOnce\"],\"resources\":{\"requests\":{"
			"\"storage\":\"1Gi\"}}}}]%s}}",
			below(w, UNITS), sim_rng_chance(&w->rng, 700) ? "Required" : "Preferred",
			address, sim_rng_chance(&w->rng, 850) ? ",\"command\":[\"db\"]" : "",
			config(w, BW_ARRAY_SIZE(templates), files)));
}

/* One that is there; NULL = none. */
static const struct sim_key *some(struct sim_world *w)
{
	size_t n;
	struct sim_key *const *keys = sim_store_keys(w->store, &sim_kinds[SIM_UNIT], &n);
	size_t from = sim_rng_below(&w->rng, n);

	for (size_t i = 0; i < n; i++)
		if (keys[(from + i) % n]->tree &&
		    !*sim_meta(keys[(from + i) % n]->tree, "deletionTimestamp"))
			return keys[(from + i) % n];
	return NULL;
}

static void change(struct sim_world *w, const struct sim_key *unit, struct cJSON *patch)
{
	(void)sim_world_merge(w, BY, SIM_UNIT, unit->namespace, unit->name, NULL, patch);
}

static void act(struct sim_world *w, const struct sim_key *unit)
{
	static const char *const types[] = { "Restart", "Migrate", "Rebuild" };
	char node[48] = "null";

	if (sim_rng_chance(&w->rng, 400))
		(void)snprintf(node, sizeof(node), "\"n%u\"", below(w, w->setup.nodes));
	change(w, unit,
	       sim_json("{\"spec\":{\"action\":{\"id\":\"a%u\",\"type\":\"%s\",\"cancel\":false,"
			"\"force\":%s,\"nodeName\":%s}}}",
			++w->generation, types[below(w, 3)],
			sim_rng_chance(&w->rng, 200) ? "true" : "false", node));
}

static void edit(struct sim_world *w, const struct sim_key *unit)
{
	static const char *const edits[] = {
		"{\"spec\":{\"startup\":false}}",
		"{\"spec\":{\"startup\":true}}",
		"{\"spec\":{\"maintenance\":true}}",
		"{\"spec\":{\"maintenance\":false}}",
		"{\"spec\":{\"template\":{\"spec\":{\"dnsPolicy\":\"Default\"}}}}",
		"{\"spec\":{\"template\":{\"spec\":{\"dnsPolicy\":\"ClusterFirst\"}}}}",
		"{\"spec\":{\"template\":{\"spec\":{\"dnsPolicy\":\"Nowhere\"}}}}",
		"{\"spec\":{\"config\":null}}",
	};
	char files[300];

	if (sim_rng_chance(&w->rng, 200)) /* stop and start, the commonest of all */
		change(w, unit,
		       sim_json("{\"spec\":{\"startup\":%s}}", below(w, 2) ? "true" : "false"));
	else if (member(member(unit->tree, "spec"), "action") && sim_rng_chance(&w->rng, 300))
		change(w, unit, sim_json("{\"spec\":{\"action\":{\"cancel\":true}}}"));
	else if (sim_rng_chance(&w->rng, 300) && *config(w, BW_ARRAY_SIZE(templates), files))
		change(w, unit, sim_json("{\"spec\":{%s}}", files + 1));
	else
		change(w, unit, sim_json("%s", edits[below(w, BW_ARRAY_SIZE(edits))]));
}

/* A process that was stopped is started in its container, behind the controller's back. */
static void by_hand(struct sim_world *w, const char *name)
{
	const struct cJSON *unit = sim_store_tree(w->store, SIM_UNIT, NS, name);

	if (unit && cJSON_IsFalse(member(member(unit, "spec"), "startup")))
		sim_exec_by_hand(w, NS, name, "start");
}

/* What was made for Units is taken away or changed. */
static void meddle(struct sim_world *w)
{
	static const enum sim_kind_id kinds[] = { SIM_POD, SIM_POD, SIM_CONFIGMAP, SIM_SERVICE,
						  SIM_SLICE };
	enum sim_kind_id kind = kinds[below(w, BW_ARRAY_SIZE(kinds))];
	char name[SIM_NAME_MAX];

	if (sim_rng_chance(&w->rng, 200)) {
		(void)snprintf(name, sizeof(name), "d%u", below(w, UNITS));
		by_hand(w, name);
		return;
	}
	(void)snprintf(name, sizeof(name), "d%u%s", below(w, UNITS),
		       kind == SIM_CONFIGMAP ? "-config"
		       : kind == SIM_SLICE   ? "-ipv4"
					     : "");
	(void)sim_world_delete(w, BY, kind, NS, name, NULL, kind == SIM_POD ? 30 : -1);
}

/* The secret that templates name comes, changes and goes. */
static void rotate(struct sim_world *w)
{
	char word[32];

	(void)snprintf(word, sizeof(word), "%s", below(w, 2) ? "b25l" : "dHdv");
	if (!sim_store_tree(w->store, SIM_SECRET, NS, "auth"))
		(void)sim_world_create(w, BY, SIM_SECRET, NS,
				       sim_json("{\"metadata\":{\"name\":\"auth\"},\"data\":{"
						"\"word\":\"%s\"}}",
						word));
	else if (sim_rng_chance(&w->rng, 300))
		(void)sim_world_delete(w, BY, SIM_SECRET, NS, "auth", NULL, -1);
	else
		(void)sim_world_merge(w, BY, SIM_SECRET, NS, "auth", NULL,
				      sim_json("{\"data\":{\"word\":\"%s\"}}", word));
}

void sim_units_act(struct sim_world *w)
{
	const struct sim_key *unit = some(w);
	unsigned int what = below(w, 12);

	if (!unit || what < 2)
		make(w);
	else if (what < 5)
		act(w, unit);
	else if (what < 8)
		edit(w, unit);
	else if (what < 10)
		meddle(w);
	else if (what < 11)
		rotate(w);
	else
		(void)sim_world_delete(w, BY, SIM_UNIT, unit->namespace, unit->name, NULL, -1);
}

/* Most shall run, and nothing is asked for that cannot be done. */
void sim_units_calm(struct sim_world *w)
{
	static const char *const on_change[] = { "None", "Restart", "Signal" };
	size_t n;

	if (!w->setup.units)
		return;
	if (!sim_store_tree(w->store, SIM_SECRET, NS, "auth"))
		rotate(w);
	(void)sim_store_keys(w->store, &sim_kinds[SIM_UNIT], &n);
	for (size_t i = 0; i < n; i++) {
		const struct sim_key *k = sim_store_keys(w->store, &sim_kinds[SIM_UNIT], &n)[i];

		if (!k->tree)
			continue;
		change(w, k,
		       sim_json("{\"spec\":{\"startup\":%s,\"maintenance\":false,\"template\":{"
				"\"spec\":{\"dnsPolicy\":\"Default\"}}%s}}",
				sim_rng_chance(&w->rng, 650) ? "true" : "false",
				member(member(k->tree, "spec"), "action")
					? ",\"action\":{\"cancel\":true}"
					: ""));
		if (member(member(k->tree, "spec"), "config"))
			change(w, k,
			       sim_json(
				       "{\"spec\":{\"config\":{\"onChange\":\"%s\",\"templates\":[{"
				       "\"name\":\"conf\",\"template\":\"%s\"}]}}}",
				       on_change[below(w, 3)],
				       templates[below(w, SECRET_TEMPLATE + 1)]));
	}
}

static int has_files(const struct cJSON *pod)
{
	const struct cJSON *v;

	cJSON_ArrayForEach (v, member(member(pod, "spec"), "volumes"))
		if (!strcmp(sim_text_at(v, "name"), "barewire-config"))
			return 1;
	return 0;
}

/* A pod that need not be made again for what is asked of its Unit. */
static int stays(const struct sim_world *w, const struct sim_key *unit, const struct cJSON *pod,
		 const struct sim_pod *p)
{
	const struct cJSON *config = member(member(unit->tree, "status"), "config");
	int starts = cJSON_IsFalse(member(member(unit->tree, "spec"), "startup"));

	if (!w->setup.exec || !p || (starts && !p->box.launcher) ||
	    !strcmp(sim_text_at(unit->tree, "status.action.phase"), "Running") ||
	    !strcmp(sim_text_at(unit->tree, "status.action.phase"), "Cancelling"))
		return 0;
	/* It was stopped before its template changed. */
	if (strcmp(sim_text_at(pod, "spec.dnsPolicy"), "Default") != 0 ||
	    has_files(pod) != (member(member(unit->tree, "spec"), "config") != NULL))
		return 0;
	return !starts ||
	       strcmp(sim_text_at(config, "desired"), sim_text_at(config, "delivered")) == 0 ||
	       strcmp(sim_text_at(unit->tree, "spec.config.onChange"), "Restart") != 0;
}

int sim_units_turn(struct sim_world *w)
{
	size_t n;

	(void)sim_store_keys(w->store, &sim_kinds[SIM_UNIT], &n);
	for (size_t i = 0; i < n; i++) {
		const struct sim_key *k = sim_store_keys(w->store, &sim_kinds[SIM_UNIT], &n)[i];
		const struct cJSON *pod = sim_store_tree(w->store, SIM_POD, k->namespace, k->name);
		const struct sim_pod *p = pod ? sim_box_of(w, sim_meta(pod, "uid"), NULL) : NULL;
		struct sim_kept *kept = &w->kept[i % SIM_UNITS_MAX];

		if (!k->tree)
			continue;
		if (stays(w, k, pod, p)) {
			(void)snprintf(kept->name, sizeof(kept->name), "%s", k->name);
			(void)snprintf(kept->uid, sizeof(kept->uid), "%s", p->uid);
			kept->restarts = p->box.restarts;
		}
		change(w, k,
		       sim_json("{\"spec\":{\"startup\":%s}}",
				cJSON_IsTrue(member(member(k->tree, "spec"), "startup")) ? "false"
											 : "true"));
	}
	return n > 0;
}
