/* SPDX-License-Identifier: Apache-2.0 */
/*
 * barewire import: Units of DBScale and of unit-operator (kind Unit of other groups) become Units
 * of db.barewire.dev. What the template holds stays as it is; the address comes of the claim of the
 * same name, when that is read together with them.
 */
#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "kube_cli.h"
#include "kube_import.h"

#define API "db.barewire.dev/v1alpha1"
#define ADDRESS_TYPE "config.addr.type"
#define ROUND_S 10 /* unit-operator looks so often */
#define ROUNDS_MAX 8640 /* a day; conf/crds */

static const char *str_of(const struct cJSON *o, const char *key)
{
	return bw_json_get_str(o, key);
}

/* METADATA */

/* What belongs to who wrote the object, and not to the Unit. */
static int is_foreign(const char *key)
{
	static const char *const prefixes[] = {
		"kubectl.kubernetes.io/", "unit-operator/",     "upm.",          "bsgchina.",
		"cni.projectcalico.org/", "ovn.kubernetes.io/", "endpoint.mode",
	};

	for (size_t i = 0; i < BW_ARRAY_SIZE(prefixes); i++)
		if (strncmp(key, prefixes[i], strlen(prefixes[i])) == 0)
			return 1;
	return 0;
}

static void put_pairs(struct cli_import *im, struct cJSON *to, const char *key,
		      const struct cJSON *from)
{
	const struct cJSON *item;
	struct cJSON *o = NULL;

	cJSON_ArrayForEach (item, from) {
		if (!item->string || !cJSON_IsString(item) || is_foreign(item->string))
			continue;
		if (!o)
			o = bw_json_put_object(&im->build, to, key);
		bw_json_put_str(&im->build, o, item->string, item->valuestring);
	}
}

static void put_meta(struct cli_import *im, struct cJSON *unit, const struct cJSON *from)
{
	struct cJSON *to = bw_json_put_object(&im->build, unit, "metadata");
	const struct cJSON *notes = bw_json_get(from, "annotations");
	const char *mode = str_of(notes, "endpoint.mode");
	struct cJSON *out;

	bw_json_put_str(&im->build, to, "name", str_of(from, "name"));
	if (str_of(from, "namespace"))
		bw_json_put_str(&im->build, to, "namespace", str_of(from, "namespace"));
	put_pairs(im, to, "labels", bw_json_get(from, "labels"));
	put_pairs(im, to, "annotations", notes);
	if (!mode || bw_json_get(notes, ADDRESS_TYPE))
		return;
	out = cJSON_GetObjectItemCaseSensitive(to, "annotations");
	bw_json_put_str(&im->build, out ? out : bw_json_put_object(&im->build, to, "annotations"),
			ADDRESS_TYPE, mode);
}

/* NETWORKING */

static const struct {
	const char *theirs;
	const char *ours;
} modes[] = {
	{ "sriov", "sriov" },       { "macvlan", "macvlan" },   { "calico", "calico" },
	{ "kube-ovn", "kube-ovn" }, { "external", "external" }, { "raven", "external" },
	{ "bridge", "bridge" },     { "ebpf", "bridge" },
};

static void put_mode(struct cli_import *im, struct cJSON *net, const char *name, const char *mode)
{
	for (size_t i = 0; mode && i < BW_ARRAY_SIZE(modes); i++)
		if (strcmp(modes[i].theirs, mode) == 0) {
			bw_json_put_str(&im->build, net, "mode", modes[i].ours);
			return;
		}
	if (mode)
		cli_import_note(name, "its mode is none of ours: the pool's counts");
}

static void put_networking(struct cli_import *im, struct cJSON *spec, const char *name,
			   const struct cJSON *from)
{
	struct cJSON *net = bw_json_put_object(&im->build, spec, "networking");
	const char *network = str_of(from, "network");
	const char *type = str_of(from, "type");
	char pool[CLI_IMPORT_NAME_MAX + 1];

	put_mode(im, net, name, str_of(from, "mode"));
	if (network && *network) {
		cli_import_name(pool, network, 0);
		bw_json_put_str(&im->build, net, "network", pool);
	} else {
		cli_import_note(name, "it names no network: write one, no pool is chosen for it");
	}
	bw_json_put_str(&im->build, net, "type", "networkClaim");
	if (type && strstr(type, "external"))
		cli_import_note(name, "its claim was one of a second card: see "
				      "spec.networking.interfaces");
	cli_import_bandwidth(im, net, from);
}

/* TEMPLATE */

static void clean_pod(struct cJSON *template, const char *name)
{
	struct cJSON *pod = cJSON_GetObjectItemCaseSensitive(template, "spec");
	struct cJSON *notes = cJSON_GetObjectItemCaseSensitive(
		cJSON_GetObjectItemCaseSensitive(template, "metadata"), "annotations");
	struct cJSON *item = notes ? notes->child : NULL;

	if (cJSON_GetObjectItemCaseSensitive(pod, "nodeName")) {
		cJSON_DeleteItemFromObjectCaseSensitive(pod, "nodeName");
		cli_import_note(name, "its template's nodeName is left out: the node that it gets "
				      "first is kept");
	}
	while (item) {
		struct cJSON *next = item->next;

		if (item->string && is_foreign(item->string))
			cJSON_Delete(cJSON_DetachItemViaPointer(notes, item));
		item = next;
	}
}

/* Containers may stand beside networking, without a template around them. */
static void put_template(struct cli_import *im, struct cJSON *to, const char *name,
			 const struct cJSON *doc, const struct cJSON *spec)
{
	const struct cJSON *containers = bw_json_get(spec, "containers");
	const struct cJSON *template = bw_json_get(spec, "template");
	struct cJSON *out;

	if (!template)
		template = bw_json_get(doc, "template");
	if (!containers)
		containers = bw_json_get(doc, "containers");
	if (template) {
		bw_json_put_tree(&im->build, to, "template", template);
		clean_pod(cJSON_GetObjectItemCaseSensitive(to, "template"), name);
		return;
	}
	out = bw_json_put_object(&im->build, to, "template");
	out = bw_json_put_object(&im->build, out, "spec");
	if (containers)
		bw_json_put_tree(&im->build, out, "containers", containers);
	else
		cli_import_note(name, "it has no template: write spec.template.spec.containers");
}

/* VOLUMES */

static void put_volume(struct cli_import *im, struct cJSON *list, const char *unit,
		       const struct cJSON *from)
{
	struct bw_json_build *b = &im->build;
	const char *name = str_of(from, "name"), *class = str_of(from, "storageClassName");
	const char *size = str_of(bw_json_get(from, "storage"), "request");
	const struct cJSON *modes_of = bw_json_get(from, "accessModes");
	struct cJSON *o, *spec;

	if (!name)
		return;
	o = bw_json_put_object(b, list, NULL);
	bw_json_put_str(b, bw_json_put_object(b, o, "metadata"), "name", name);
	spec = bw_json_put_object(b, o, "spec");
	if (cJSON_IsArray(modes_of) && modes_of->child)
		bw_json_put_tree(b, spec, "accessModes", modes_of);
	else
		bw_json_put_str(b, bw_json_put_array(b, spec, "accessModes"), NULL,
				"ReadWriteOnce");
	if (class)
		bw_json_put_str(b, spec, "storageClassName", class);
	o = bw_json_put_object(b, bw_json_put_object(b, spec, "resources"), "requests");
	if (size)
		bw_json_put_str(b, o, "storage", size);
	else
		cli_import_note(unit, "a volume has no size: write resources.requests.storage");
}

static void put_volumes(struct cli_import *im, struct cJSON *to, const char *name,
			const struct cJSON *spec)
{
	const struct cJSON *claims = bw_json_get(spec, "claims");
	const struct cJSON *whole = bw_json_get(spec, "volumeClaimTemplates");
	const struct cJSON *item;
	struct cJSON *list;

	if (!claims && !whole)
		return;
	cli_import_note(name, "its volumes have other names here (data-UNIT): make the "
			      "PersistentVolumeClaims beforehand, or copy the data");
	if (whole) {
		bw_json_put_tree(&im->build, to, "volumeClaimTemplates", whole);
		return;
	}
	list = bw_json_put_array(&im->build, to, "volumeClaimTemplates");
	cJSON_ArrayForEach (item, claims) {
		put_volume(im, list, name, item);
	}
}

/* HOW IT IS RUN */

static void put_recovery(struct cli_import *im, struct cJSON *to, const struct cJSON *from)
{
	const struct cJSON *rounds = bw_json_get(from, "reconcileThreshold");
	const struct cJSON *enabled = bw_json_get(from, "enabled");
	struct cJSON *o;

	if (!from)
		return;
	o = bw_json_put_object(&im->build, to, "failedPodRecoveryPolicy");
	if (cJSON_IsBool(enabled))
		bw_json_put_bool(&im->build, o, "enabled", cJSON_IsTrue(enabled));
	if (cJSON_IsNumber(rounds) && rounds->valuedouble >= 1 && rounds->valuedouble <= ROUNDS_MAX)
		bw_json_put_int(&im->build, o, "thresholdSeconds",
				(int64_t)rounds->valuedouble * ROUND_S);
}

static void put_state(struct cli_import *im, struct cJSON *to, const char *name,
		      const struct cJSON *meta, const struct cJSON *spec)
{
	const char *maintenance =
		str_of(bw_json_get(meta, "annotations"), "unit-operator/maintenance");

	if (cJSON_IsTrue(bw_json_get(spec, "unservice")) ||
	    cJSON_IsFalse(bw_json_get(spec, "startup")))
		bw_json_put_bool(&im->build, to, "startup", 0);
	if (maintenance && strcmp(maintenance, "true") == 0)
		bw_json_put_bool(&im->build, to, "maintenance", 1);
	put_recovery(im, to, bw_json_get(spec, "failedPodRecoveryPolicy"));
	if (bw_json_get(spec, "action"))
		cli_import_note(name, "its action is not taken over: it was for the other "
				      "controller");
	if (bw_json_get(spec, "mainImageVersion"))
		cli_import_note(name, "mainImageVersion is not taken over: the image of the "
				      "template counts");
}

int cli_import_unit(struct cli_import *im, const struct cJSON *doc)
{
	const struct cJSON *meta = bw_json_get(doc, "metadata"), *spec = bw_json_get(doc, "spec");
	const struct cJSON *net = bw_json_get(spec, "networking");
	const char *api = str_of(doc, "apiVersion"), *name = str_of(meta, "name");
	const char *main_name = str_of(spec, "mainContainerName");
	struct cJSON *o, *to;

	if (api && strstr(api, "barewire.dev"))
		return 0;
	o = bw_json_put_object(&im->build, im->items, NULL);
	bw_json_put_str(&im->build, o, "apiVersion", API);
	bw_json_put_str(&im->build, o, "kind", "Unit");
	put_meta(im, o, meta);
	to = bw_json_put_object(&im->build, o, "spec");
	if (main_name)
		bw_json_put_str(&im->build, to, "mainContainerName", main_name);
	put_networking(im, to, name, net ? net : bw_json_get(doc, "networking"));
	put_state(im, to, name, meta, spec);
	put_template(im, to, name, doc, spec);
	put_volumes(im, to, name, spec);
	im->n++;
	return 1;
}

/* THE CLAIM'S ADDRESS */

static struct cJSON *claim_of(const struct cli_import *im, const char *ns, const char *name)
{
	struct cJSON *item;

	cJSON_ArrayForEach (item, im->items) {
		const struct cJSON *meta = bw_json_get(item, "metadata");
		const char *other = str_of(meta, "namespace");

		if (strcmp(str_of(item, "kind"), "NetworkClaim") == 0 &&
		    strcmp(str_of(meta, "name"), name) == 0 &&
		    (!ns || !other || strcmp(ns, other) == 0))
			return item;
	}
	return NULL;
}

/* The Unit's own claim is made of what the Unit declares: only one of them can have the address. */
static void settle(struct cli_import *im, const struct cJSON *unit)
{
	const struct cJSON *meta = bw_json_get(unit, "metadata");
	const char *name = str_of(meta, "name");
	struct cJSON *claim = claim_of(im, str_of(meta, "namespace"), name);
	const struct cJSON *iface =
		cJSON_GetArrayItem(bw_json_get(bw_json_get(claim, "spec"), "interfaces"), 0);
	const struct cJSON *ip = cJSON_GetArrayItem(bw_json_get(iface, "requestedIPs"), 0);
	struct cJSON *net = cJSON_GetObjectItemCaseSensitive(
		cJSON_GetObjectItemCaseSensitive(unit, "spec"), "networking");

	if (!cJSON_IsString(ip)) {
		cli_import_note(name, "its address is not known: read its NetworkClaim in the same "
				      "import, or write spec.networking.address");
		return;
	}
	bw_json_put_str(&im->build, net, "address", ip->valuestring);
	cJSON_Delete(cJSON_DetachItemViaPointer(im->items, claim));
	im->n--;
}

void cli_import_units_end(struct cli_import *im)
{
	const struct cJSON *item;

	if (im->build.failed)
		return;
	cJSON_ArrayForEach (item, im->items) {
		if (strcmp(str_of(item, "kind"), "Unit") == 0)
			settle(im, item);
	}
}
