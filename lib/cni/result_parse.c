/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a result of 0.3.0 or newer; older ones go to result_old.c. */
#include <ctype.h>
#include <limits.h>
#include <string.h>

#include <cjson/cJSON.h>

#include <bw/cni_version.h>
#include <bw/err.h>

#include "result.h"

struct raw_result {
	struct bw_json_list ifs; /* of struct bw_cni_if; texts borrowed */
	struct bw_json_list ips; /* of struct bw_cni_raw_ip */
	struct bw_json_list routes; /* of struct bw_cni_raw_route */
	struct bw_cni_raw_dns dns;
};

/* Hex pairs of any length pass: an InfiniBand address has twenty, and we only keep Ethernet's six.
 */
static int decode_mac(const struct cJSON *json, const struct bw_json_path *path, void *member,
		      struct bw_err *err)
{
	const char *text = cJSON_GetStringValue(json);

	if (text && !*text)
		return 0;
	if (text && bw_mac_parse(text, member) == 0)
		return 0;
	for (const char *s = text; s && *s; s++)
		if (!isxdigit((unsigned char)*s) && *s != ':' && *s != '-')
			text = NULL;
	return text ? 0 : bw_json_expect(json, path, err, "a MAC such as 02:00:0a:01:00:07");
}

int bw_cni_raw_gateway(const struct cJSON *json, const struct bw_json_path *path, void *member,
		       struct bw_err *err)
{
	const char *text = cJSON_GetStringValue(json);

	if (text && (!*text || bw_ip_parse(text, member) == 0))
		return 0;
	return bw_json_expect(json, path, err, "an address such as 10.1.0.1 or fd00::1");
}

static int check_ip_version(const struct cJSON *json, const struct bw_json_path *path, void *member,
			    struct bw_err *err)
{
	const char *text = cJSON_GetStringValue(json);

	(void)member;
	if (text && (strcmp(text, "4") == 0 || strcmp(text, "6") == 0))
		return 0;
	return bw_json_expect(json, path, err, "\"4\" or \"6\"");
}

static const struct bw_json_field if_fields[] = {
	BW_JSON_FIELD(STR, struct bw_cni_if, name, "name", .min = 1, .max = 255,
		      .flags = BW_JSON_F_REQUIRED),
	BW_JSON_FIELD(CUSTOM, struct bw_cni_if, mac, "mac", .decode = decode_mac),
	BW_JSON_FIELD(INT, struct bw_cni_if, mtu, "mtu", .max = INT_MAX),
	BW_JSON_FIELD(STR, struct bw_cni_if, sandbox, "sandbox"),
	BW_JSON_FIELD(STR, struct bw_cni_if, socket_path, "socketPath"),
	BW_JSON_FIELD(STR, struct bw_cni_if, pci_id, "pciID", .max = 255),
};
static const struct bw_json_table if_table = BW_JSON_TABLE(if_fields);
static const struct bw_json_field if_item =
	BW_JSON_ITEM(OBJECT, struct bw_cni_if, .table = &if_table);

static const struct bw_json_field ip_fields[] = {
	BW_JSON_FIELD(STR, struct bw_cni_raw_ip, version, "version", .check = check_ip_version),
	BW_JSON_FIELD(INT, struct bw_cni_raw_ip, ip.interface, "interface",
		      .max = BW_CNI_IFS_MAX - 1, BW_JSON_HAS(struct bw_cni_raw_ip, has_interface)),
	BW_JSON_FIELD(PREFIX, struct bw_cni_raw_ip, ip.address, "address",
		      .flags = BW_JSON_F_REQUIRED),
	BW_JSON_FIELD(CUSTOM, struct bw_cni_raw_ip, ip.gateway, "gateway",
		      .decode = bw_cni_raw_gateway),
};
static const struct bw_json_table ip_table = BW_JSON_TABLE(ip_fields);
static const struct bw_json_field ip_item =
	BW_JSON_ITEM(OBJECT, struct bw_cni_raw_ip, .table = &ip_table);

static const struct bw_json_field route_fields[] = {
	BW_JSON_FIELD(PREFIX, struct bw_cni_raw_route, route.dst, "dst",
		      .flags = BW_JSON_F_REQUIRED),
	BW_JSON_FIELD(CUSTOM, struct bw_cni_raw_route, route.gw, "gw",
		      .decode = bw_cni_raw_gateway),
	BW_JSON_FIELD(INT, struct bw_cni_raw_route, route.mtu, "mtu", .max = INT_MAX),
	BW_JSON_FIELD(INT, struct bw_cni_raw_route, route.advmss, "advmss", .max = INT_MAX),
	BW_JSON_FIELD(INT, struct bw_cni_raw_route, route.priority, "priority", .max = INT_MAX,
		      BW_JSON_HAS(struct bw_cni_raw_route, has_priority)),
	BW_JSON_FIELD(INT, struct bw_cni_raw_route, route.table, "table", .max = INT_MAX,
		      BW_JSON_HAS(struct bw_cni_raw_route, has_table)),
	BW_JSON_FIELD(INT, struct bw_cni_raw_route, route.scope, "scope", .max = 255,
		      BW_JSON_HAS(struct bw_cni_raw_route, has_scope)),
};
static const struct bw_json_table route_table = BW_JSON_TABLE(route_fields);
const struct bw_json_field bw_cni_raw_route_item =
	BW_JSON_ITEM(OBJECT, struct bw_cni_raw_route, .table = &route_table);

static const struct bw_json_field text_item = BW_JSON_ITEM(STR, const char *);
static const struct bw_json_field dns_fields[] = {
	BW_JSON_FIELD(STR, struct bw_cni_raw_dns, domain, "domain", .max = 255),
	BW_JSON_FIELD(ARRAY, struct bw_cni_raw_dns, nameservers, "nameservers", .item = &text_item,
		      .max = BW_CNI_DNS_MAX),
	BW_JSON_FIELD(ARRAY, struct bw_cni_raw_dns, search, "search", .item = &text_item,
		      .max = BW_CNI_DNS_MAX),
	BW_JSON_FIELD(ARRAY, struct bw_cni_raw_dns, options, "options", .item = &text_item,
		      .max = BW_CNI_DNS_MAX),
};
const struct bw_json_table bw_cni_raw_dns_table = BW_JSON_TABLE(dns_fields);

static const struct bw_json_field result_fields[] = {
	BW_JSON_FIELD(ARRAY, struct raw_result, ifs, "interfaces", .item = &if_item,
		      .max = BW_CNI_IFS_MAX),
	BW_JSON_FIELD(ARRAY, struct raw_result, ips, "ips", .item = &ip_item,
		      .max = BW_CNI_IPS_MAX),
	BW_JSON_FIELD(ARRAY, struct raw_result, routes, "routes", .item = &bw_cni_raw_route_item,
		      .max = BW_CNI_ROUTES_MAX),
	BW_JSON_FIELD(OBJECT, struct raw_result, dns, "dns", .table = &bw_cni_raw_dns_table),
};
static const struct bw_json_table result_table = BW_JSON_TABLE(result_fields);

int bw_cni_raw_take_routes(const struct bw_json_list *list, struct bw_cni_result *ret,
			   struct bw_err *err)
{
	const struct bw_cni_raw_route *raw = list->items;

	for (size_t i = 0; i < list->n; i++) {
		struct bw_cni_route route = raw[i].route;
		int r;

		route.priority = raw[i].has_priority ? route.priority : -1;
		route.table = raw[i].has_table ? route.table : -1;
		route.scope = raw[i].has_scope ? route.scope : -1;
		r = bw_cni_result_add_route(ret, &route, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int take_strings(const struct bw_json_list *list, char ***ret, size_t *n, struct bw_err *err)
{
	const char *const *texts = list->items;

	for (size_t i = 0; i < list->n; i++) {
		int r = bw_cni_dns_add(ret, n, texts[i], err);

		if (r < 0)
			return r;
	}
	return 0;
}

int bw_cni_raw_take_dns(const struct bw_cni_raw_dns *raw, struct bw_cni_result *ret,
			struct bw_err *err)
{
	struct bw_cni_dns *dns = &ret->dns;
	int r;

	if (raw->domain && *raw->domain) {
		dns->domain = strdup(raw->domain);
		if (!dns->domain)
			return bw_fail(err, ENOMEM, "read a result's dns");
	}
	r = take_strings(&raw->nameservers, &dns->nameservers, &dns->n_nameservers, err);
	if (r == 0)
		r = take_strings(&raw->search, &dns->search, &dns->n_search, err);
	if (r == 0)
		r = take_strings(&raw->options, &dns->options, &dns->n_options, err);
	return r;
}

static int take_ifs(const struct raw_result *raw, struct bw_cni_result *ret, struct bw_err *err)
{
	const struct bw_cni_if *ifs = raw->ifs.items;

	for (size_t i = 0; i < raw->ifs.n; i++) {
		struct bw_cni_if one = ifs[i];
		int r;

		one.has_mac = (uint8_t)!bw_mac_is_zero(&one.mac);
		if (one.sandbox && !*one.sandbox)
			one.sandbox = NULL;
		r = bw_cni_result_add_if(ret, &one, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int take_ips(const struct raw_result *raw, const struct bw_json_path *at,
		    struct bw_cni_result *ret, struct bw_err *err)
{
	const struct bw_cni_raw_ip *ips = raw->ips.items;

	for (size_t i = 0; i < raw->ips.n; i++) {
		struct bw_json_path list = { .up = at, .key = "ips" };
		struct bw_json_path item = { .up = &list, .index = i };
		struct bw_cni_ip one = ips[i].ip;
		char family = one.address.ip.family == AF_INET ? '4' : '6';
		int r;

		if (ips[i].version && ips[i].version[0] != family)
			return bw_json_refuse(&item, err,
					      "version is \"%s\" but the address is IPv%c",
					      ips[i].version, family);
		if (ips[i].has_interface && (size_t)one.interface >= raw->ifs.n)
			return bw_json_refuse(&item, err,
					      "interface is %d, but there are %zu interfaces",
					      one.interface, raw->ifs.n);
		if (!ips[i].has_interface)
			one.interface = BW_CNI_NO_IF;
		r = bw_cni_result_add_ip(ret, &one, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int parse_new(const struct cJSON *json, const struct bw_json_path *at,
		     struct bw_cni_result *ret, struct bw_err *err)
{
	struct raw_result raw = { 0 };
	int r = bw_json_decode(json, &result_table, at, &raw, err);

	if (r == 0)
		r = take_ifs(&raw, ret, err);
	if (r == 0)
		r = take_ips(&raw, at, ret, err);
	if (r == 0)
		r = bw_cni_raw_take_routes(&raw.routes, ret, err);
	if (r == 0)
		r = bw_cni_raw_take_dns(&raw.dns, ret, err);
	bw_json_done(&result_table, &raw);
	return r;
}

int bw_cni_result_parse_at(const struct cJSON *json, const char *version,
			   const struct bw_json_path *at, struct bw_cni_result *ret,
			   struct bw_err *err)
{
	const char *own = bw_json_get_str(json, "cniVersion");
	struct bw_json_path key = { .up = at, .key = "cniVersion" };
	struct bw_cni_result result = { 0 };
	char where[BW_JSON_PATH_STR_MAX];
	int r;

	if (!cJSON_IsObject(json))
		return bw_json_expect(json, at, err, "a CNI result, which is an object");
	if (!own && bw_json_get(json, "cniVersion"))
		return bw_json_expect(bw_json_get(json, "cniVersion"), &key, err, "a string");
	if (own)
		version = own;
	r = bw_cni_version_check(version, bw_json_path_str(&key, where), err);
	if (r < 0)
		return r;
	if (bw_cni_version_at_least(version, "0.3.0"))
		r = parse_new(json, at, &result, err);
	else
		r = bw_cni_result_old_parse(json, at, &result, err);
	if (r < 0) {
		bw_cni_result_done(&result);
		return r;
	}
	*ret = result;
	return 0;
}

int bw_cni_result_parse(const struct cJSON *json, const char *version, struct bw_cni_result *ret,
			struct bw_err *err)
{
	return bw_cni_result_parse_at(json, version, NULL, ret, err);
}
