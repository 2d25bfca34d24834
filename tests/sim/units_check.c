/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What must be so of Units when everybody had time, by the store and by what is in the containers.
 *
 * U1 a Unit that is to run is Ready with a pod that its status names, unless its address is
 * somebody else's; no action is under way
 * U2 of each template exactly one volume is in use, the pod's, and no volume is lost
 * U3 its files, its Service and its slices are there and say what is; none of a Unit that is gone
 * U4 the process runs where the Unit is to run, and does not where it is not; a pod whose process
 * is stopped and started stays, with its container
 * U5 the files are those of the templates, in the object, on the node and, unless onChange is None,
 * in the process
 */
#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>

#include <bw/buf.h>
#include <bw/kube_base64.h>

#include "check_impl.h"
#include "store_impl.h"
#include "world.h"

#define LABEL "db.barewire.dev/unit"

static const struct cJSON *member(const struct cJSON *tree, const char *key)
{
	return cJSON_GetObjectItemCaseSensitive(tree, key);
}

static const struct cJSON *label(const struct cJSON *tree, const char *key)
{
	return member(member(member(tree, "metadata"), "labels"), key);
}

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

/* FILES */

static int has_secret(const struct sim_key *unit)
{
	const struct cJSON *t = cJSON_GetArrayItem(
		member(member(member(unit->tree, "spec"), "config"), "templates"), 0);

	return strstr(sim_text_at(t, "template"), "{{secret.") != NULL;
}

/* What the file must say, as far as it is simple to know; "" = not known here. */
static const char *expected(struct sim_world *w, const struct sim_key *unit, char out[120])
{
	const struct cJSON *t = cJSON_GetArrayItem(
		member(member(member(unit->tree, "spec"), "config"), "templates"), 0);
	const struct cJSON *claim =
		sim_store_tree(w->store, SIM_CLAIM, unit->namespace, unit->name);
	const struct cJSON *iface =
		cJSON_GetArrayItem(member(member(claim, "status"), "interfaces"), 0);
	const char *ip = cJSON_GetStringValue(cJSON_GetArrayItem(member(iface, "ips"), 0));
	const char *word = sim_text_at(
		sim_store_tree(w->store, SIM_SECRET, unit->namespace, "auth"), "data.word");

	out[0] = '\0';
	if (has_secret(unit))
		(void)snprintf(out, 120, "pass %s %s", !strcmp(word, "b25l") ? "one" : "two",
			       ip ? ip : "");
	else if (strncmp(sim_text_at(t, "template"), "bind", 4) == 0)
		(void)snprintf(out, 120, "bind %s", ip ? ip : "");
	return out;
}

static int says_what_it_should(struct sim_world *w, const struct sim_key *unit,
			       const struct cJSON *object, int secret)
{
	const char *text = sim_text_at(member(object, "data"), "conf");
	struct bw_buf plain = { 0 };
	char want[120];
	int same;

	if (!*expected(w, unit, want))
		return 1;
	if (!secret)
		return strcmp(text, want) == 0;
	same = bw_kube_base64_decode(text, strlen(text), &plain) == 0 &&
	       plain.size == strlen(want) && memcmp(plain.data, want, plain.size) == 0;
	bw_buf_done(&plain);
	return same;
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

static const char *made_with(const struct cJSON *pod)
{
	const char *hash = cJSON_GetStringValue(
		member(member(member(pod, "metadata"), "annotations"), "db.barewire.dev/config"));

	return hash ? hash : "";
}

/* What its container and its process have. */
static const char *delivered_state(const struct sim_key *unit, const struct cJSON *pod,
				   const struct sim_pod *p, const char *hash, int secret)
{
	const char *on_change = sim_text_at(unit->tree, "spec.config.onChange");
	const struct cJSON *said = member(member(unit->tree, "status"), "config");
	int none = strcmp(on_change, "None") == 0;

	if (!secret && strcmp(sim_text_at(said, "desired"), hash) != 0)
		return "U5 wants other files than there are";
	if (!p || !p->box.up)
		return NULL;
	if (strcmp(p->box.files, hash) != 0)
		return "U5 has other files on its node";
	/* One that is stopped reads them when it starts. */
	if (!p->box.runs || none ||
	    (strcmp(on_change, "Signal") == 0 && (secret || !p->box.launcher)))
		return NULL;
	if (cJSON_IsFalse(member(member(unit->tree, "spec"), "startup")))
		return NULL; /* it was to be stopped, and could not: it is left alone */
	/*
	 * Files that changed while the pod began, and changed back, are those that it was made
	 * with: nobody knows that the process read others between.
	 */
	if (strcmp(p->box.has, hash) != 0 && strcmp(made_with(pod), hash) != 0)
		return "U5 has a process that was not told of its files";
	return strcmp(sim_text_at(said, "desired"), sim_text_at(said, "delivered")) != 0
		       ? "U3 runs with other files"
		       : NULL;
}

static int mounts_files(const struct cJSON *pod, const char *kind)
{
	const struct cJSON *v;

	cJSON_ArrayForEach (v, member(member(pod, "spec"), "volumes"))
		if (!strcmp(sim_text_at(v, "name"), "barewire-config") && member(v, kind))
			return 1;
	return 0;
}

static const char *files_state(struct sim_world *w, const struct sim_key *unit,
			       const struct cJSON *pod, const struct sim_pod *p)
{
	int has = member(member(unit->tree, "spec"), "config") != NULL;
	int secret = has && has_secret(unit);
	const struct cJSON *map, *hidden, *is;
	char name[SIM_NAME_MAX + 8];
	char hash[SIM_HASH_MAX];

	(void)snprintf(name, sizeof(name), "%s-config", unit->name);
	map = sim_store_tree(w->store, SIM_CONFIGMAP, unit->namespace, name);
	hidden = sim_store_tree(w->store, SIM_SECRET, unit->namespace, name);
	is = secret ? hidden : map;
	if (has && !is)
		return "U3 has no files";
	if (has && !says_what_it_should(w, unit, is, secret))
		return "U5 has files that say something else";
	/* A pod that need not be made again keeps what it mounts. */
	if (map && (!has || secret) && !mounts_files(pod, "configMap"))
		return "U3 has a ConfigMap of before";
	if (hidden && !secret && !mounts_files(pod, "secret") && secrets_are_known(w))
		return "U3 has a Secret of before";
	if (!has || (pod && !mounts_files(pod, secret ? "secret" : "configMap")))
		return NULL;
	return delivered_state(unit, pod, p, sim_files_hash(is, secret, hash), secret);
}

/* THE SERVICE */

static const char *slice_state(struct sim_world *w, const struct sim_key *unit,
			       const struct cJSON *pod)
{
	const struct cJSON *claim =
		sim_store_tree(w->store, SIM_CLAIM, unit->namespace, unit->name);
	const struct cJSON *iface =
		cJSON_GetArrayItem(member(member(claim, "status"), "interfaces"), 0);
	const char *ip = cJSON_GetStringValue(cJSON_GetArrayItem(member(iface, "ips"), 0));
	char name[SIM_NAME_MAX + 8];
	const struct cJSON *slice, *end, *ready, *is;
	int want;

	(void)snprintf(name, sizeof(name), "%s-ipv4", unit->name);
	slice = sim_store_tree(w->store, SIM_SLICE, unit->namespace, name);
	end = cJSON_GetArrayItem(member(slice, "endpoints"), 0);
	if (!sim_store_tree(w->store, SIM_SERVICE, unit->namespace, unit->name))
		return "U3 has no Service";
	if (!pod)
		return end ? "U3 has a Service that leads to no pod" : NULL;
	if (cJSON_GetArraySize(member(slice, "endpoints")) != 1)
		return "U3 has no Service that leads to it";
	is = cJSON_GetArrayItem(member(end, "addresses"), 0);
	if (!ip || !cJSON_IsString(is) || strcmp(is->valuestring, ip) != 0)
		return "U3 has a Service that leads elsewhere";
	ready = cJSON_GetArrayItem(member(member(pod, "status"), "conditions"), 0);
	want = strcmp(sim_text_at(ready, "status"), "True") == 0;
	if (cJSON_IsTrue(member(member(end, "conditions"), "ready")) != want ||
	    cJSON_IsTrue(member(member(end, "conditions"), "serving")) != want ||
	    cJSON_IsTrue(member(member(end, "conditions"), "terminating")))
		return "U3 has a Service that does not say what its pod is";
	return NULL;
}

/* THE PROCESS */

static const char *condition(const struct sim_key *unit, const char *type)
{
	const struct cJSON *c;

	cJSON_ArrayForEach (c, member(member(unit->tree, "status"), "conditions"))
		if (strcmp(sim_text_at(c, "type"), type) == 0)
			return sim_text_at(c, "status");
	return "";
}

static const char *kept_state(struct sim_world *w, const struct sim_key *unit)
{
	for (size_t i = 0; i < SIM_UNITS_MAX; i++) {
		const struct sim_kept *k = &w->kept[i];
		const struct sim_pod *p;

		if (strcmp(k->name, unit->name) != 0)
			continue;
		p = sim_box_of(w, k->uid, NULL);
		if (!p || p->deleting)
			return "U4 has lost the pod in which it was to stop or start";
		if (p->box.restarts != k->restarts)
			return "U4 has a container that was restarted";
	}
	return NULL;
}

static const char *running_state(const struct sim_key *unit, const struct cJSON *pod,
				 const struct sim_pod *p)
{
	if (!says(unit, "phase", "Ready"))
		return "U1 is not Ready";
	if (!pod || !says(unit, "podUID", sim_meta(pod, "uid")))
		return "U1 names another pod";
	if (!p || !p->box.up || !p->box.runs || p->box.stop_file || p->box.ending)
		return "U4 has no process that runs";
	return *condition(unit, "Stopped") ? "U4 says that it is stopped" : NULL;
}

static const char *stopped_state(const struct sim_world *w, const struct sim_key *unit,
				 const struct cJSON *pod, const struct sim_pod *p)
{
	if (!pod)
		return says(unit, "phase", "Stopped") ? NULL : "U4 is offline and does not say so";
	if (!w->setup.exec)
		return "U4 is offline and has a pod";
	if (p && !p->box.launcher)
		return strcmp(condition(unit, "Stopped"), "False") == 0 &&
				       says(unit, "phase", "Ready")
			       ? NULL
			       : "U4 cannot be stopped and does not say so";
	if (!p || !p->box.stop_file || p->box.runs)
		return "U4 has a process that is not stopped";
	if (!says(unit, "podUID", sim_meta(pod, "uid")))
		return "U1 names another pod";
	return says(unit, "phase", "Stopped") && strcmp(condition(unit, "Stopped"), "True") == 0
		       ? NULL
		       : "U4 is stopped and does not say so";
}

/* ALL OF IT */

static int has_action(const struct sim_key *unit)
{
	return says(unit, "action.phase", "Running") || says(unit, "action.phase", "Cancelling");
}

const char *sim_unit_state(struct sim_check *c, const struct sim_key *unit)
{
	struct sim_world *w = c->world;
	const struct cJSON *pod = sim_store_tree(w->store, SIM_POD, unit->namespace, unit->name);
	const struct sim_pod *p = pod ? sim_box_of(w, sim_meta(pod, "uid"), NULL) : NULL;
	const struct sim_key *claim =
		sim_key_find(w->store, &sim_kinds[SIM_CLAIM], unit->namespace, unit->name, 0);
	const struct sim_fact *f = claim ? claim->fact : NULL;
	int startup = cJSON_IsTrue(member(member(unit->tree, "spec"), "startup"));
	const char *volume = "";
	const char *why;

	if (*sim_meta(unit->tree, "deletionTimestamp"))
		return "L2 is still being deleted";
	if (volumes_of(w, unit, &volume) != 1)
		return "U2 has not one volume";
	if (f && f->exists && !f->bound && sim_check_blocked(c, claim))
		return NULL;
	if (f && f->exists && f->deleting && sim_check_live_token(w, claim))
		return NULL; /* somebody deleted it under a pod that runs */
	if (has_action(unit)) /* one that is offline keeps it until it runs */
		return startup ? "U1 has an action under way" : NULL;
	if (pod && !mounts(pod, volume))
		return "U2 runs with another volume";
	why = startup ? running_state(unit, pod, p) : stopped_state(w, unit, pod, p);
	if (!why)
		why = kept_state(w, unit);
	if (!why)
		why = slice_state(w, unit, pod);
	return why ? why : files_state(w, unit, pod, p);
}

const char *sim_made_state(struct sim_check *c, const struct sim_key *made)
{
	const char *of = cJSON_GetStringValue(label(made->tree, LABEL));

	return of && !sim_store_tree(c->world->store, SIM_UNIT, made->namespace, of)
		       ? "U3 is of a Unit that is gone"
		       : NULL;
}
