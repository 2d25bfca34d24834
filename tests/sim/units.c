/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Units in the simulated cluster: people who declare, change, move, rebuild and delete them and
 * take away what belongs to them, and what must be so when everybody had time.
 *
 * U1 a Unit that is to run is Ready with a pod that its status names, unless its address is
 * somebody else's; no action is under way
 * U2 of each template exactly one volume is in use, the pod's, and no volume is lost
 * U3 its files, its Service and its slice are there, and none of a Unit that is gone
 */
#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "check_impl.h"
#include "store_impl.h"
#include "world.h"

#define BY "user"
#define NS "db"
#define UNITS 3
#define LABEL "db.barewire.dev/unit"

static const struct cJSON *member(const struct cJSON *tree, const char *key)
{
	return cJSON_GetObjectItemCaseSensitive(tree, key);
}

static const struct cJSON *label(const struct cJSON *tree, const char *key)
{
	return member(member(member(tree, "metadata"), "labels"), key);
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
	static const char *const on_change[] = { "None", "Restart" };

	out[0] = '\0';
	if (sim_rng_chance(&w->rng, 700))
		(void)snprintf(out, 300,
			       ",\"config\":{\"onChange\":\"%s\",\"templates\":[{\"name\":\"conf\","
			       "\"template\":\"%s\"}]}",
			       on_change[below(w, 2)], templates[below(w, n)]);
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
			"\"db\"}]}},\"volumeClaimTemplates\":[{\"metadata\":{\"name\":\"data\"},"
			"\"spec\":{\"accessModes\":[\"ReadWriteOnce\"],\"resources\":{\"requests\":{"
			"\"storage\":\"1Gi\"}}}}]%s}}",
			below(w, UNITS), sim_rng_chance(&w->rng, 700) ? "Required" : "Preferred",
			address, config(w, BW_ARRAY_SIZE(templates), files)));
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

	if (member(member(unit->tree, "spec"), "action") && sim_rng_chance(&w->rng, 300))
		change(w, unit, sim_json("{\"spec\":{\"action\":{\"cancel\":true}}}"));
	else if (sim_rng_chance(&w->rng, 300) && *config(w, BW_ARRAY_SIZE(templates), files))
		change(w, unit, sim_json("{\"spec\":{%s}}", files + 1));
	else
		change(w, unit, sim_json("%s", edits[below(w, BW_ARRAY_SIZE(edits))]));
}

/* What was made for Units is taken away or changed. */
static void meddle(struct sim_world *w)
{
	static const enum sim_kind_id kinds[] = { SIM_POD, SIM_POD, SIM_CONFIGMAP, SIM_SERVICE,
						  SIM_SLICE };
	enum sim_kind_id kind = kinds[below(w, BW_ARRAY_SIZE(kinds))];
	char name[SIM_NAME_MAX];

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

/* All shall run, and nothing is asked for that cannot be done. */
void sim_units_calm(struct sim_world *w)
{
	size_t n;

	(void)sim_store_keys(w->store, &sim_kinds[SIM_UNIT], &n);
	for (size_t i = 0; i < n; i++) {
		const struct sim_key *k = sim_store_keys(w->store, &sim_kinds[SIM_UNIT], &n)[i];

		if (!k->tree)
			continue;
		change(w, k,
		       sim_json("{\"spec\":{\"startup\":true,\"maintenance\":false,\"template\":{"
				"\"spec\":{\"dnsPolicy\":\"Default\"}}%s}}",
				member(member(k->tree, "spec"), "action")
					? ",\"action\":{\"cancel\":true}"
					: ""));
		if (member(member(k->tree, "spec"), "config"))
			change(w, k,
			       sim_json(
				       "{\"spec\":{\"config\":{\"onChange\":\"Restart\","
				       "\"templates\":[{\"name\":\"conf\",\"template\":\"%s\"}]}}}",
				       templates[below(w, 2)]));
	}
}

/* WHAT MUST BE SO */

static int says(const struct sim_key *unit, const char *path, const char *want)
{
	return strcmp(sim_text_at(member(unit->tree, "status"), path), want) == 0;
}

/* Volumes in use of the only template, and the last one's name. */
static unsigned int volumes_of(struct sim_world *w, const struct sim_key *unit, const char **ret)
{
	size_t n;
	struct sim_key *const *keys = sim_store_keys(w->store, &sim_kinds[SIM_VOLUME], &n);
	unsigned int used = 0;

	for (size_t i = 0; i < n; i++) {
		const char *of =
			keys[i]->tree ? cJSON_GetStringValue(label(keys[i]->tree, LABEL)) : NULL;

		if (!of || strcmp(keys[i]->namespace, unit->namespace) != 0 ||
		    strcmp(of, unit->name) != 0 || label(keys[i]->tree, "db.barewire.dev/retained"))
			continue;
		*ret = keys[i]->name;
		used++;
	}
	return used;
}

static int mounts(const struct cJSON *pod, const char *volume)
{
	const struct cJSON *v;

	cJSON_ArrayForEach (v, member(member(pod, "spec"), "volumes"))
		if (strcmp(sim_text_at(v, "persistentVolumeClaim.claimName"), volume) == 0)
			return 1;
	return 0;
}

/*
 * Nobody watches Secrets. What another leader or a request that comes late makes at last is found
 * by nobody, and goes with its Unit.
 */
static int secrets_are_known(const struct sim_world *w)
{
	const struct sim_setup *s = &w->setup;

	return !s->two_leaders && !s->elections && !s->faults.late && !s->faults.delay;
}

static const char *files_state(struct sim_world *w, const struct sim_key *unit)
{
	char name[SIM_NAME_MAX + 8];
	const struct cJSON *is;
	int has = member(member(unit->tree, "spec"), "config") != NULL;

	(void)snprintf(name, sizeof(name), "%s-config", unit->name);
	is = sim_store_tree(w->store, SIM_CONFIGMAP, unit->namespace, name);
	if (has != (is != NULL))
		return has ? "U3 has no files" : "U3 has files of before";
	if (secrets_are_known(w) && sim_store_tree(w->store, SIM_SECRET, unit->namespace, name))
		return "U3 has a Secret of before";
	if (has && strcmp(sim_text_at(member(unit->tree, "status"), "config.desired"),
			  sim_text_at(member(unit->tree, "status"), "config.delivered")) != 0)
		return "U3 runs with other files";
	return NULL;
}

const char *sim_unit_state(struct sim_check *c, const struct sim_key *unit)
{
	struct sim_world *w = c->world;
	const struct cJSON *pod = sim_store_tree(w->store, SIM_POD, unit->namespace, unit->name);
	const struct sim_key *claim =
		sim_key_find(w->store, &sim_kinds[SIM_CLAIM], unit->namespace, unit->name, 0);
	const struct sim_fact *f = claim ? claim->fact : NULL;
	char name[SIM_NAME_MAX + 8];
	const char *volume = "";

	if (*sim_meta(unit->tree, "deletionTimestamp"))
		return "L2 is still being deleted";
	if (volumes_of(w, unit, &volume) != 1)
		return "U2 has not one volume";
	if (f && f->exists && !f->bound && sim_check_blocked(c, claim))
		return NULL;
	if (f && f->exists && f->deleting && sim_check_live_token(w, claim))
		return NULL; /* somebody deleted it under a pod that runs */
	if (says(unit, "action.phase", "Running") || says(unit, "action.phase", "Cancelling"))
		return "U1 has an action under way";
	if (!says(unit, "phase", "Ready"))
		return "U1 is not Ready";
	if (!pod || !says(unit, "podUID", sim_meta(pod, "uid")))
		return "U1 names another pod";
	if (!mounts(pod, volume))
		return "U2 runs with another volume";
	(void)snprintf(name, sizeof(name), "%s-ipv4", unit->name);
	if (!sim_store_tree(w->store, SIM_SERVICE, unit->namespace, unit->name) ||
	    cJSON_GetArraySize(member(sim_store_tree(w->store, SIM_SLICE, unit->namespace, name),
				      "endpoints")) != 1)
		return "U3 has no Service that leads to it";
	return files_state(w, unit);
}

const char *sim_made_state(struct sim_check *c, const struct sim_key *made)
{
	const char *of = cJSON_GetStringValue(label(made->tree, LABEL));

	return of && !sim_store_tree(c->world->store, SIM_UNIT, made->namespace, of)
		       ? "U3 is of a Unit that is gone"
		       : NULL;
}
