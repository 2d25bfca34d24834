/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of `ipam`, `runtimeConfig` and `args.cni` as field tables. */
#include <cjson/cJSON.h>

#include <bw/journal_claim.h>

#include "conf.h"

/* Go's net.IP takes "" as absent, and so do configurations written for host-local. */
static int decode_ip_or_empty(const struct cJSON *json, const struct bw_json_path *path,
			      void *member, struct bw_err *err)
{
	const char *s = cJSON_GetStringValue(json);

	if (s && (!*s || bw_ip_parse(s, member) == 0))
		return 0;
	return bw_json_expect(json, path, err, "an address such as 10.1.0.7 or fd00::7");
}

static int decode_interval(const struct cJSON *json, const struct bw_json_path *path, void *member,
			   struct bw_err *err)
{
	const char *s = cJSON_GetStringValue(json);

	if (s && bw_interval_parse(s, member) == 0)
		return 0;
	return bw_json_expect(json, path, err,
			      "an address, a subnet or FIRST-LAST such as 10.1.0.8-10.1.0.15");
}

static const struct bw_json_field interval_item =
	BW_JSON_ITEM(CUSTOM, struct bw_interval, .decode = decode_interval);
static const struct bw_json_field text_item =
	BW_JSON_ITEM(STR, const char *, .min = 1, .max = 64,
		     .expected = "an address such as 10.1.0.7 or 10.1.0.7/24");

static const struct bw_json_field range_fields[] = {
	BW_JSON_FIELD(PREFIX, struct ipam_range_in, subnet, "subnet", .flags = BW_JSON_F_REQUIRED,
		      BW_JSON_HAS(struct ipam_range_in, has_subnet)),
	BW_JSON_FIELD(CUSTOM, struct ipam_range_in, first, "rangeStart",
		      .decode = decode_ip_or_empty),
	BW_JSON_FIELD(CUSTOM, struct ipam_range_in, last, "rangeEnd", .decode = decode_ip_or_empty),
	BW_JSON_FIELD(CUSTOM, struct ipam_range_in, gateway, "gateway",
		      .decode = decode_ip_or_empty),
	BW_JSON_FIELD(ARRAY, struct ipam_range_in, exclude, "exclude", .item = &interval_item,
		      .flags = BW_JSON_F_ONE, .max = IPAM_EXCLUDES_MAX),
};
static const struct bw_json_table range_table = BW_JSON_TABLE(range_fields);
static const struct bw_json_field range_item =
	BW_JSON_ITEM(OBJECT, struct ipam_range_in, .table = &range_table);
static const struct bw_json_field set_item = BW_JSON_ITEM(
	ARRAY, struct bw_json_list, .item = &range_item, .min = 1, .max = BW_RANGES_MAX);

static const struct bw_json_field route_fields[] = {
	BW_JSON_FIELD(SUBNET, struct ipam_route_in, dst, "dst", .flags = BW_JSON_F_REQUIRED),
	BW_JSON_FIELD(CUSTOM, struct ipam_route_in, gw, "gw", .decode = decode_ip_or_empty),
	BW_JSON_FIELD(INT, struct ipam_route_in, mtu, "mtu", .max = UINT32_MAX),
	BW_JSON_FIELD(INT, struct ipam_route_in, advmss, "advmss", .max = UINT32_MAX),
	BW_JSON_FIELD(INT, struct ipam_route_in, priority, "priority", .max = INT32_MAX,
		      BW_JSON_HAS(struct ipam_route_in, has_priority)),
	BW_JSON_FIELD(INT, struct ipam_route_in, table, "table", .max = INT32_MAX,
		      BW_JSON_HAS(struct ipam_route_in, has_table)),
	/* rtm_scope is one byte: linux/rtnetlink.h, struct rtmsg. */
	BW_JSON_FIELD(INT, struct ipam_route_in, scope, "scope", .max = UINT8_MAX,
		      BW_JSON_HAS(struct ipam_route_in, has_scope)),
};
static const struct bw_json_table route_table = BW_JSON_TABLE(route_fields);
static const struct bw_json_field route_item =
	BW_JSON_ITEM(OBJECT, struct ipam_route_in, .table = &route_table);

static const struct bw_json_field reservation_fields[] = {
	BW_JSON_FIELD(STR, struct ipam_reservation_in, key, "key", .flags = BW_JSON_F_REQUIRED,
		      .min = 1, .max = BW_JOURNAL_KEY_MAX),
	BW_JSON_FIELD(ARRAY, struct ipam_reservation_in, addresses, "address", .item = &text_item,
		      .flags = BW_JSON_F_ONE, .max = IPAM_IPS_MAX),
	BW_JSON_FIELD(MAC, struct ipam_reservation_in, mac, "mac",
		      BW_JSON_HAS(struct ipam_reservation_in, has_mac)),
};
static const struct bw_json_table reservation_table = BW_JSON_TABLE(reservation_fields);
static const struct bw_json_field reservation_item =
	BW_JSON_ITEM(OBJECT, struct ipam_reservation_in, .table = &reservation_table);

static const struct bw_json_enum strategy_names[] = {
	{ "next", BW_ALLOC_NEXT },
	{ "lowest", BW_ALLOC_LOWEST },
	{ "random", BW_ALLOC_RANDOM },
	{ NULL, 0 },
};

static const struct bw_json_field claim_fields[] = {
	BW_JSON_FIELD(STR, struct ipam_claim_in, uid, "uid", .flags = BW_JSON_F_REQUIRED, .min = 1,
		      .max = BW_CLAIM_UID_MAX),
	BW_JSON_FIELD(STR, struct ipam_claim_in, iface, "interface", .flags = BW_JSON_F_REQUIRED,
		      .min = 1, .max = BW_CNI_IFNAME_MAX),
	BW_JSON_FIELD(STR, struct ipam_claim_in, ns, "namespace", .flags = BW_JSON_F_REQUIRED,
		      .min = 1, .max = BW_CLAIM_NS_MAX),
	BW_JSON_FIELD(STR, struct ipam_claim_in, name, "name", .flags = BW_JSON_F_REQUIRED,
		      .min = 1, .max = BW_CLAIM_NAME_MAX),
	BW_JSON_FIELD(INT, struct ipam_claim_in, token, "token", .flags = BW_JSON_F_REQUIRED,
		      .min = 1, .max = BW_JSON_INT_MAX),
};
static const struct bw_json_table claim_table = BW_JSON_TABLE(claim_fields);

static const struct bw_json_field ipam_fields[] = {
	BW_JSON_FIELD(OBJECT, struct ipam_in, claim, "claim", .table = &claim_table),
	BW_JSON_FIELD(STR, struct ipam_in, type, "type"),
	BW_JSON_FIELD(PREFIX, struct ipam_in, legacy.subnet, "subnet",
		      BW_JSON_HAS(struct ipam_in, legacy.has_subnet)),
	BW_JSON_FIELD(CUSTOM, struct ipam_in, legacy.first, "rangeStart",
		      .decode = decode_ip_or_empty),
	BW_JSON_FIELD(CUSTOM, struct ipam_in, legacy.last, "rangeEnd",
		      .decode = decode_ip_or_empty),
	BW_JSON_FIELD(CUSTOM, struct ipam_in, legacy.gateway, "gateway",
		      .decode = decode_ip_or_empty),
	BW_JSON_FIELD(ARRAY, struct ipam_in, legacy.exclude, "exclude", .item = &interval_item,
		      .flags = BW_JSON_F_ONE, .max = IPAM_EXCLUDES_MAX),
	BW_JSON_FIELD(ARRAY, struct ipam_in, ranges, "ranges", .item = &set_item,
		      .max = BW_RANGE_SETS_MAX),
	BW_JSON_FIELD(ARRAY, struct ipam_in, routes, "routes", .item = &route_item,
		      .max = IPAM_ROUTES_MAX),
	BW_JSON_FIELD(STR, struct ipam_in, resolv_conf, "resolvConf"),
	BW_JSON_FIELD(STR, struct ipam_in, data_dir, "dataDir"),
	BW_JSON_FIELD(STR, struct ipam_in, domain, "domain"),
	BW_JSON_FIELD(ENUM, struct ipam_in, strategy, "strategy", .names = strategy_names),
	BW_JSON_FIELD(INT, struct ipam_in, cooldown_s, "cooldown", .max = IPAM_COOLDOWN_MAX_S,
		      .expected = "seconds, 0 to 86400"),
	BW_JSON_FIELD(ARRAY, struct ipam_in, reservations, "reservations",
		      .item = &reservation_item, .max = IPAM_RESERVATIONS_MAX),
};
const struct bw_json_table ipam_in_table = BW_JSON_TABLE(ipam_fields);

static const struct bw_json_field runtime_fields[] = {
	BW_JSON_FIELD(ARRAY, struct ipam_runtime_in, ips, "ips", .item = &text_item,
		      .flags = BW_JSON_F_ONE, .max = IPAM_IPS_MAX),
	BW_JSON_FIELD(ARRAY, struct ipam_runtime_in, ranges, "ipRanges", .item = &set_item,
		      .max = BW_RANGE_SETS_MAX),
};
static const struct bw_json_table runtime_table = BW_JSON_TABLE(runtime_fields);

static const struct bw_json_field args_cni_fields[] = {
	BW_JSON_FIELD(ARRAY, struct ipam_args_cni_in, ips, "ips", .item = &text_item,
		      .flags = BW_JSON_F_ONE, .max = IPAM_IPS_MAX),
};
static const struct bw_json_table args_cni_table = BW_JSON_TABLE(args_cni_fields);

static const struct bw_json_field args_fields[] = {
	BW_JSON_FIELD(OBJECT, struct ipam_args_in, cni, "cni", .table = &args_cni_table),
};
static const struct bw_json_table args_table = BW_JSON_TABLE(args_fields);

static const struct bw_json_field top_fields[] = {
	BW_JSON_FIELD(STR, struct ipam_top_in, data_dir, "dataDir"),
	BW_JSON_FIELD(TREE, struct ipam_top_in, ipam, "ipam"),
	BW_JSON_FIELD(OBJECT, struct ipam_top_in, runtime, "runtimeConfig",
		      .table = &runtime_table),
	BW_JSON_FIELD(OBJECT, struct ipam_top_in, args, "args", .table = &args_table),
};
const struct bw_json_table ipam_top_table = BW_JSON_TABLE(top_fields);
