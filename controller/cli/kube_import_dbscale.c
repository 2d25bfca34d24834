/* SPDX-License-Identifier: Apache-2.0 */
/*
 * barewire import: Network and NetworkClaim of DBScale (networking.upm.io). A Network is a pool; a
 * claim that is bound becomes ours with its address declared, so that the Unit keeps it. Units are
 * read in kube_import_unit.c.
 */
#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "kube_cli.h"
#include "kube_import.h"

#define PHASE "network.alloc.phase" /* annotation: serving or maintenance */
#define BITS_V4 32
#define MODES_MAX 3

/* Both call them alike; what is missing here is somebody else's affair there. */
static const char *const modes[MODES_MAX] = { "sriov", "macvlan", "calico" };

static const char *mode_of(const struct cJSON *spec)
{
	const char *mode = bw_json_get_str(spec, "mode");

	for (size_t i = 0; mode && i < MODES_MAX; i++)
		if (strcmp(modes[i], mode) == 0)
			return modes[i];
	return NULL;
}

/* The mask is a number of bits. */
static int network(struct cli_import *im, const struct cJSON *meta, const struct cJSON *spec)
{
	const char *first = bw_json_get_str(spec, "startIP"),
		   *last = bw_json_get_str(spec, "endIP");
	const struct cJSON *mask = bw_json_get(spec, "mask");
	const char *phase = bw_json_get_str(bw_json_get(meta, "annotations"), PHASE);
	struct cli_import_pool p = { .gateway = bw_json_get_str(spec, "route"),
				     .excludes = bw_json_get(spec, "disabled_ip"),
				     .vlan = bw_json_get(spec, "vlan"),
				     .mode = mode_of(spec),
				     .maintenance = phase && strcmp(phase, "maintenance") == 0 };
	char prefix[BW_PREFIX_STR_MAX];
	struct bw_prefix net = { .len = 24 };

	if (!first || !last || bw_ip_parse(first, &net.ip) < 0)
		return 0;
	cli_import_name(p.name, bw_json_get_str(meta, "name"), 0);
	if (cJSON_IsNumber(mask) && mask->valueint > 0 && mask->valueint <= BITS_V4)
		net.len = (uint8_t)mask->valueint;
	else
		cli_import_note(p.name, "it has no mask: /24 is taken, look whether it is right");
	net.ip = bw_prefix_first(&net);
	p.prefix = bw_prefix_str(&net, prefix);
	(void)snprintf(p.range, sizeof(p.range), "%.45s-%.45s", first, last); /* fits */
	cli_import_pool(im, &p);
	return 1;
}

/* "namespace/pod" of status.used. */
static void put_owner(struct cli_import *im, struct cJSON *meta, struct cJSON *spec,
		      const char *name, const char *used)
{
	const char *slash = used ? strchr(used, '/') : NULL;
	char ns[64];

	if (!slash || (size_t)(slash - used) >= sizeof(ns)) {
		cli_import_note(name, "its namespace is not known, since no pod uses it: apply it "
				      "with kubectl apply -n NAMESPACE");
		return;
	}
	memcpy(ns, used, (size_t)(slash - used));
	ns[slash - used] = '\0';
	bw_json_put_str(&im->build, meta, "namespace", ns);
	bw_json_put_str(&im->build, bw_json_put_object(&im->build, spec, "unitRef"), "name",
			slash + 1);
}

void cli_import_bandwidth(struct cli_import *im, struct cJSON *iface, const struct cJSON *spec)
{
	const struct cJSON *mbps = bw_json_get(spec, "bandwidth");
	struct cJSON *o;

	if (!cJSON_IsNumber(mbps) || mbps->valueint <= 0)
		return;
	o = bw_json_put_object(&im->build, iface, "bandwidth");
	bw_json_put_int(&im->build, o, "ingressMbps", mbps->valueint);
	bw_json_put_int(&im->build, o, "egressMbps", mbps->valueint);
}

static int claim(struct cli_import *im, const struct cJSON *doc, const struct cJSON *meta,
		 const struct cJSON *spec)
{
	struct bw_json_build *b = &im->build;
	const struct cJSON *status = bw_json_get(doc, "status");
	const char *name = bw_json_get_str(meta, "name");
	const char *ip = bw_json_get_str(status, "bindIP");
	const char *pool = bw_json_get_str(spec, "network");
	char pool_name[CLI_IMPORT_NAME_MAX + 1];
	struct cJSON *o, *to, *iface;
	struct bw_ip parsed;

	if (!pool)
		return 0;
	cli_import_name(pool_name, pool, 0);
	o = bw_json_put_object(b, im->items, NULL);
	bw_json_put_str(b, o, "apiVersion", "net.barewire.dev/v1alpha1");
	bw_json_put_str(b, o, "kind", "NetworkClaim");
	to = bw_json_put_object(b, o, "metadata");
	bw_json_put_str(b, to, "name", name);
	o = bw_json_put_object(b, o, "spec");
	iface = bw_json_put_object(b, bw_json_put_array(b, o, "interfaces"), NULL);
	bw_json_put_str(b, iface, "name", "eth0");
	bw_json_put_str(b, iface, "network", pool_name);
	if (ip && bw_ip_parse(ip, &parsed) == 0)
		bw_json_put_str(b, bw_json_put_array(b, iface, "requestedIPs"), NULL, ip);
	else
		cli_import_note(name, "it has no address: ours will be given any");
	cli_import_bandwidth(im, iface, spec);
	put_owner(im, to, o, name, bw_json_get_str(status, "used"));
	im->n++;
	return 1;
}

int cli_import_dbscale(struct cli_import *im, const struct cJSON *doc)
{
	const char *kind = bw_json_get_str(doc, "kind");
	const char *api = bw_json_get_str(doc, "apiVersion");
	const struct cJSON *meta = bw_json_get(doc, "metadata");
	const struct cJSON *spec = bw_json_get(doc, "spec");

	if (strcmp(kind, "Network") == 0)
		return network(im, meta, spec);
	if (strcmp(kind, "Unit") == 0)
		return cli_import_unit(im, doc);
	/* Ours has the same kind. */
	if (strcmp(kind, "NetworkClaim") == 0 && (!api || !strstr(api, "barewire.dev")))
		return claim(im, doc, meta, spec);
	return 0;
}
