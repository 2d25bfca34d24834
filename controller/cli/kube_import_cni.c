/* SPDX-License-Identifier: Apache-2.0 */
/* barewire import: CNI configurations with host-local or Whereabouts. */
#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "kube_import.h"

/* One range of either IPAM; they differ in the names of the keys. */
struct range {
	const char *prefix;
	const char *first;
	const char *last;
	const char *gateway;
	const struct cJSON *excludes;
};

struct conf {
	struct cli_import *im;
	const struct cJSON *doc; /* the plugin's object */
	const struct cJSON *ipam;
	const char *name;
	unsigned int n; /* ranges so far */
};

static void put_range(struct conf *c, const struct range *r)
{
	const char *uplink = bw_json_get_str(c->doc, "master");
	struct cli_import_pool p = { .prefix = r->prefix,
				     .gateway = r->gateway,
				     .excludes = r->excludes,
				     .routes = bw_json_get(c->ipam, "routes"),
				     .vlan = bw_json_get(c->doc, "vlan"),
				     .mtu = bw_json_get(c->doc, "mtu"),
				     .uplink = uplink };
	struct bw_prefix prefix;
	struct bw_ip first, last;
	char a[BW_IP_STR_MAX], z[BW_IP_STR_MAX];

	if (!r->prefix)
		return;
	cli_import_name(p.name, c->name, c->n++);
	cli_import_name(p.domain, c->name, 0);
	if ((r->first || r->last) && bw_prefix_parse(r->prefix, &prefix) == 0) {
		/* What is left out is the prefix's first or last host. */
		first = bw_prefix_first(&prefix);
		last = bw_prefix_last(&prefix);
		(void)bw_ip_add(&first, 1); /* a prefix of one has none, ignoring */
		if (prefix.ip.family == AF_INET)
			(void)bw_ip_add(&last, -1); /* likewise */
		/* two addresses and a dash fit, ignoring */
		(void)snprintf(p.range, sizeof(p.range), "%.45s-%.45s",
			       r->first ? r->first : bw_ip_str(&first, a),
			       r->last ? r->last : bw_ip_str(&last, z));
	}
	cli_import_pool(c->im, &p);
}

static void host_local_range(struct conf *c, const struct cJSON *r)
{
	const struct range one = { .prefix = bw_json_get_str(r, "subnet"),
				   .first = bw_json_get_str(r, "rangeStart"),
				   .last = bw_json_get_str(r, "rangeEnd"),
				   .gateway = bw_json_get_str(r, "gateway") };

	put_range(c, &one);
}

static void host_local(struct conf *c)
{
	const struct cJSON *set, *r;

	host_local_range(c, c->ipam); /* as older ones have it */
	cJSON_ArrayForEach (set, bw_json_get(c->ipam, "ranges")) {
		cJSON_ArrayForEach (r, set) {
			host_local_range(c, r);
		}
	}
}

/* "range" is a prefix, or FIRST-LAST/LENGTH. */
static void whereabouts_range(struct conf *c, const struct cJSON *r)
{
	const char *text = bw_json_get_str(r, "range");
	const char *dash = text ? strchr(text, '-') : NULL;
	const char *slash = text ? strchr(text, '/') : NULL;
	struct range one = { .prefix = text,
			     .first = bw_json_get_str(r, "range_start"),
			     .last = bw_json_get_str(r, "range_end"),
			     .gateway = bw_json_get_str(r, "gateway"),
			     .excludes = bw_json_get(r, "exclude") };
	char first[64], last[64], prefix[128];

	if (dash && slash && dash < slash) {
		/* Longer ones are no addresses, ignoring. */
		(void)snprintf(first, sizeof(first), "%.*s", (int)(dash - text), text);
		(void)snprintf(last, sizeof(last), "%.*s", (int)(slash - dash - 1), dash + 1);
		(void)snprintf(prefix, sizeof(prefix), "%.60s%.8s", first, slash);
		one.prefix = prefix;
		one.first = first;
		one.last = last;
	}
	put_range(c, &one);
}

static void whereabouts(struct conf *c)
{
	const struct cJSON *r;

	whereabouts_range(c, c->ipam);
	cJSON_ArrayForEach (r, bw_json_get(c->ipam, "ipRanges")) {
		whereabouts_range(c, r);
	}
}

static int one_plugin(struct cli_import *im, const struct cJSON *doc, const char *name)
{
	struct conf c = { .im = im, .doc = doc, .ipam = bw_json_get(doc, "ipam"), .name = name };
	const char *type = bw_json_get_str(c.ipam, "type");

	if (!c.ipam)
		return 0;
	if (type && strcmp(type, "whereabouts") == 0)
		whereabouts(&c);
	else if (!type || strcmp(type, "host-local") == 0)
		host_local(&c);
	else
		cli_import_note(name, "its ipam is neither host-local nor whereabouts: import that "
				      "one's own pools");
	return 1;
}

int cli_import_cni(struct cli_import *im, const struct cJSON *doc, const char *name)
{
	const char *own = bw_json_get_str(doc, "name");
	const struct cJSON *plugin;
	int n = 0;

	if (own && *own)
		name = own;
	if (!bw_json_get(doc, "plugins"))
		return one_plugin(im, doc, name);
	cJSON_ArrayForEach (plugin, bw_json_get(doc, "plugins")) {
		n += one_plugin(im, plugin, name);
	}
	return n > 0;
}
