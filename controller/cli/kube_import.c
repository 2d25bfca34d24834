/* SPDX-License-Identifier: Apache-2.0 */
/*
 * barewire import FILE: what another IPAM calls its pool, as a NetworkPool to look at and apply.
 * Nothing is written to the cluster. Input is JSON: a CNI configuration, or kubectl get -o json.
 */
#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>

#include <bw/buf.h>
#include <bw/err.h>
#include <bw/io.h>
#include <bw/ip.h>
#include <bw/json.h>

#include "kube_cli.h"

#define BITS_V4 32

/* One pool as it will be written. Texts are borrowed. */
struct pool {
	char name[64];
	const char *prefix;
	const char *gateway;
	char range[100];
	const struct cJSON *ranges; /* array of texts; NULL = .range, else the whole prefix */
	const struct cJSON *excludes;
	int vlan;
	const char *uplink;
};

struct import {
	struct bw_json_build build;
	struct cJSON *items; /* borrowed from build */
	unsigned int n;
};

static void put_list(struct bw_json_build *b, struct cJSON *to, const char *key,
		     const struct cJSON *from)
{
	struct cJSON *list;
	const struct cJSON *item;

	if (!cJSON_GetArraySize(from))
		return;
	list = bw_json_put_array(b, to, key);
	cJSON_ArrayForEach (item, from)
		if (cJSON_IsString(item))
			bw_json_put_str(b, list, NULL, item->valuestring);
}

/* "FIRST-LAST" of the hosts of a prefix. */
static void whole_range(const char *prefix, char out[100])
{
	char a[BW_IP_STR_MAX], z[BW_IP_STR_MAX];
	struct bw_ip first, last;
	struct bw_prefix p;

	if (bw_prefix_parse(prefix, &p) < 0)
		return;
	first = bw_prefix_first(&p);
	last = bw_prefix_last(&p);
	if (p.len + 2U <= bw_ip_bits(p.ip.family)) {
		/* a longer prefix has both, ignoring */
		(void)bw_ip_add(&first, 1);
		(void)bw_ip_add(&last, p.ip.family == AF_INET ? -1 : 0);
	}
	/* two addresses and a dash fit, ignoring */
	(void)snprintf(out, 100, "%s-%s", bw_ip_str(&first, a), bw_ip_str(&last, z));
}

static void put_pool(struct import *im, struct pool *p)
{
	struct bw_json_build *b = &im->build;
	struct cJSON *o = bw_json_put_object(b, im->items, NULL);
	struct cJSON *spec;

	bw_json_put_str(b, o, "apiVersion", "net.barewire.dev/v1alpha1");
	bw_json_put_str(b, o, "kind", "NetworkPool");
	bw_json_put_str(b, bw_json_put_object(b, o, "metadata"), "name", p->name);
	spec = bw_json_put_object(b, o, "spec");
	bw_json_put_str(b, spec, "domain", p->name);
	bw_json_put_str(b, spec, "prefix", p->prefix);
	if (p->ranges && cJSON_GetArraySize(p->ranges)) {
		put_list(b, spec, "ranges", p->ranges);
	} else {
		if (!p->range[0])
			whole_range(p->prefix, p->range);
		bw_json_put_str(b, bw_json_put_array(b, spec, "ranges"), NULL, p->range);
	}
	put_list(b, spec, "excludes", p->excludes);
	if (p->gateway && *p->gateway)
		bw_json_put_str(b, spec, "gateway", p->gateway);
	if (p->vlan)
		bw_json_put_int(b, spec, "vlan", p->vlan);
	if (p->uplink)
		bw_json_put_str(b, spec, "uplink", p->uplink);
	im->n++;
}

static int vlan_of(const struct cJSON *spec)
{
	const struct cJSON *v = bw_json_get(spec, "vlan");

	return cJSON_IsNumber(v) && v->valuedouble > 0 && v->valuedouble < 4095 ? v->valueint : 0;
}

static void name_it(struct pool *p, const char *name, unsigned int n)
{
	if (n)
		(void)snprintf(p->name, sizeof(p->name), "%.50s-%u", name, n); /* cut is fine */
	else
		(void)snprintf(p->name, sizeof(p->name), "%.60s", name); /* as above, ignoring */
}

static void one_range(struct import *im, const char *network, const struct cJSON *r,
		      const struct cJSON *top, unsigned int n)
{
	const char *first = bw_json_get_str(r, "rangeStart"),
		   *last = bw_json_get_str(r, "rangeEnd");
	struct pool p = { .prefix = bw_json_get_str(r, "subnet"),
			  .gateway = bw_json_get_str(r, "gateway"),
			  .vlan = vlan_of(top),
			  .uplink = bw_json_get_str(top, "master") };

	if (!p.prefix)
		return;
	name_it(&p, network, n);
	if (first && last)
		(void)snprintf(p.range, sizeof(p.range), "%.45s-%.45s", first, last); /* fits */
	put_pool(im, &p);
}

/* A CNI configuration with host-local: ipam.ranges, or the one range of older ones. */
static void host_local(struct import *im, const struct cJSON *doc, const char *name)
{
	const struct cJSON *ipam = bw_json_get(doc, "ipam");
	const struct cJSON *set, *r;
	unsigned int n = 0;

	if (bw_json_get_str(ipam, "subnet"))
		one_range(im, name, ipam, doc, n++);
	cJSON_ArrayForEach (set, bw_json_get(ipam, "ranges")) {
		cJSON_ArrayForEach (r, set) {
			one_range(im, name, r, doc, n++);
		}
	}
}

/* Network of DBScale: first, last and mask. The mask is bits, or four numbers. */
static void dbscale(struct import *im, const char *name, const struct cJSON *spec)
{
	const char *first = bw_json_get_str(spec, "startIP"),
		   *last = bw_json_get_str(spec, "endIP");
	const struct cJSON *mask = bw_json_get(spec, "mask");
	struct pool p = { .gateway = bw_json_get_str(spec, "route"), .vlan = vlan_of(spec) };
	char prefix[BW_PREFIX_STR_MAX];
	struct bw_prefix net = { .len = 24 };

	if (!first || !last || bw_ip_parse(first, &net.ip) < 0)
		return;
	if (cJSON_IsNumber(mask) && mask->valueint > 0 && mask->valueint <= BITS_V4)
		net.len = (uint8_t)mask->valueint;
	net.ip = bw_prefix_first(&net);
	p.prefix = bw_prefix_str(&net, prefix);
	p.excludes = bw_json_get(spec, "disabled_ip");
	name_it(&p, name, 0);
	(void)snprintf(p.range, sizeof(p.range), "%.45s-%.45s", first, last); /* fits */
	put_pool(im, &p);
}

/* One object of a cluster; what is no pool is passed over. */
static void object(struct import *im, const struct cJSON *doc)
{
	const struct cJSON *spec = bw_json_get(doc, "spec");
	const char *kind = bw_json_get_str(doc, "kind");
	const char *name = bw_json_get_str(bw_json_get(doc, "metadata"), "name");
	struct pool p = { .gateway = bw_json_get_str(spec, "gateway"), .vlan = vlan_of(spec) };

	if (!kind || !name)
		return;
	if (strcmp(kind, "Network") == 0) {
		dbscale(im, name, spec);
		return;
	}
	if (strcmp(kind, "SpiderIPPool") == 0) {
		p.prefix = bw_json_get_str(spec, "subnet");
		p.ranges = bw_json_get(spec, "ips");
		p.excludes = bw_json_get(spec, "excludeIPs");
	} else if (strcmp(kind, "IPPool") == 0) {
		/* Calico's has a cidr, Whereabouts' a range. */
		p.prefix = bw_json_get_str(spec, "cidr");
		if (!p.prefix)
			p.prefix = bw_json_get_str(spec, "range");
	}
	if (!p.prefix)
		return;
	name_it(&p, name, 0);
	put_pool(im, &p);
}

static void document(struct import *im, const struct cJSON *doc)
{
	const char *name = bw_json_get_str(doc, "name");
	const struct cJSON *item;

	if (bw_json_get(doc, "items")) {
		cJSON_ArrayForEach (item, bw_json_get(doc, "items")) {
			object(im, item);
		}
	} else if (bw_json_get(doc, "plugins")) {
		cJSON_ArrayForEach (item, bw_json_get(doc, "plugins")) {
			host_local(im, item, name ? name : "imported");
		}
	} else if (bw_json_get(doc, "ipam"))
		host_local(im, doc, name ? name : "imported");
	else
		object(im, doc);
}

int cli_kube_import(struct cli_session *s)
{
	bw_autojson struct cJSON *doc = NULL;
	struct import im = { .n = 0 };
	bw_autobuf struct bw_buf text = { 0 };
	struct bw_err err = { 0 };
	struct cJSON *root;
	int r = bw_io_read_file(s->args->words[0], BW_JSON_TEXT_MAX, &text, &err);

	if (r == 0)
		r = bw_json_parse(text.data ? text.data : "", text.size, &doc, &err);
	if (r < 0)
		return cli_fail(&err);
	root = bw_json_build_object(&im.build);
	bw_json_put_str(&im.build, root, "apiVersion", "v1");
	bw_json_put_str(&im.build, root, "kind", "List");
	im.items = bw_json_put_array(&im.build, root, "items");
	document(&im, doc);
	if (!im.n) {
		bw_json_build_done(&im.build);
		(void)fprintf(stderr,
			      "barewire: %s: no pool of host-local, Calico, Whereabouts, "
			      "Spiderpool or DBScale in it\n",
			      s->args->words[0]);
		return CLI_FOUND;
	}
	r = cli_print_json(&im.build);
	bw_json_build_done(&im.build);
	return r;
}
