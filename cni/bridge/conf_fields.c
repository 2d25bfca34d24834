/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of a bridge network that are more than a number, a name or a switch. */
#include <ctype.h>
#include <string.h>

#include <cjson/cJSON.h>

#include <bw/err.h>
#include <bw/json.h>

#include "conf.h"
#include "conf_fields.h"

/* One item of vlanTrunk; -1 = not said. */
struct trunk_item {
	int32_t id;
	int32_t min;
	int32_t max;
};

static const struct bw_json_field trunk_fields[] = {
	BW_JSON_FIELD(INT, struct trunk_item, id, "id", .min = 1, .max = BRIDGE_VLAN_MAX),
	BW_JSON_FIELD(INT, struct trunk_item, min, "minID", .min = 1, .max = BRIDGE_VLAN_MAX),
	BW_JSON_FIELD(INT, struct trunk_item, max, "maxID", .min = 1, .max = BRIDGE_VLAN_MAX),
};
static const struct bw_json_table trunk_table = BW_JSON_TABLE(trunk_fields);

static void trunk_put(struct bridge_trunk *t, int first, int last)
{
	for (unsigned int vid = (unsigned int)first; vid <= (unsigned int)last; vid++) {
		t->n += !bridge_trunk_has(t, vid);
		t->vids[vid / 8] |= (uint8_t)(1U << (vid % 8));
	}
}

static int trunk_decode_item(const struct cJSON *json, const struct bw_json_path *path,
			     struct bridge_trunk *t, struct bw_err *err)
{
	struct trunk_item item = { -1, -1, -1 };
	int r;

	r = bw_json_decode(json, &trunk_table, path, &item, err);
	if (r < 0)
		return r;
	if ((item.min < 0) != (item.max < 0))
		return bw_json_refuse(path, err, "minID and maxID: expected both or none of them");
	if (item.id < 0 && item.min < 0)
		return bw_json_refuse(path, err, "names no VLAN: expected id, or minID and maxID");
	if (item.min > item.max)
		return bw_json_refuse(path, err,
				      "minID: expected at most maxID, got %d with maxID %d",
				      item.min, item.max);
	if (item.id > 0)
		trunk_put(t, item.id, item.id);
	if (item.min > 0)
		trunk_put(t, item.min, item.max);
	return 0;
}

int bridge_trunk_decode(const struct cJSON *json, const struct bw_json_path *path, void *member,
			struct bw_err *err)
{
	struct bridge_trunk t = { .n = 0 };
	const struct cJSON *item;
	size_t i = 0;

	if (!cJSON_IsArray(json) || cJSON_GetArraySize(json) > BRIDGE_TRUNK_ITEMS_MAX)
		return bw_json_expect(json, path, err, "a list of at most %d VLAN ranges",
				      BRIDGE_TRUNK_ITEMS_MAX);
	cJSON_ArrayForEach (item, json) {
		struct bw_json_path at = { .up = path, .index = i++ };
		int r = trunk_decode_item(item, &at, &t, err);

		if (r < 0)
			return r;
	}
	*(struct bridge_trunk *)member = t;
	return 0;
}

static int allow_item(const struct cJSON *json, const struct bw_json_path *path,
		      struct bridge_antispoof *a, struct bw_err *err)
{
	const char *text = cJSON_GetStringValue(json);
	struct bw_prefix p;
	int has_len, v6;
	unsigned int *n;

	if (!text || bw_ip_or_prefix_parse(text, &p, &has_len) < 0 || bw_prefix_has_host_bits(&p))
		return bw_json_expect(json, path, err,
				      "an address or a subnet such as 10.1.0.7 or 10.1.0.0/28");
	v6 = p.ip.family == AF_INET6;
	n = v6 ? &a->n_v6 : &a->n_v4;
	if (*n == BRIDGE_EP_ADDRS_MAX)
		return bw_json_refuse(path, err, "is one too many: at most %d per family",
				      BRIDGE_EP_ADDRS_MAX);
	(v6 ? a->v6 : a->v4)[(*n)++] = p;
	return 0;
}

int bridge_antispoof_decode(const struct cJSON *json, const struct bw_json_path *path, void *member,
			    struct bw_err *err)
{
	struct bridge_antispoof a = { .mode = BRIDGE_SPOOF_ON };
	struct bw_json_path list = { .up = path, .key = "allow" };
	const struct cJSON *allow = bw_json_get(json, "allow");
	const struct cJSON *item;
	size_t i = 0;

	if (cJSON_IsBool(json)) {
		a.mode = cJSON_IsTrue(json) ? BRIDGE_SPOOF_ON : BRIDGE_SPOOF_OFF;
		*(struct bridge_antispoof *)member = a;
		return 0;
	}
	if (!cJSON_IsObject(json))
		return bw_json_expect(json, path, err,
				      "true, false or {\"allow\": [\"10.1.0.9/32\"]}");
	if (!allow || !cJSON_IsArray(allow))
		return bw_json_expect(allow, &list, err, "a list of addresses and subnets");
	cJSON_ArrayForEach (item, allow) {
		struct bw_json_path at = { .up = &list, .index = i++ };
		int r = allow_item(item, &at, &a, err);

		if (r < 0)
			return r;
	}
	*(struct bridge_antispoof *)member = a;
	return 0;
}

static const struct bw_json_field bandwidth_fields[] = {
	BW_JSON_FIELD(INT, struct bridge_bandwidth, ingress_rate, "ingressRate",
		      .max = BW_JSON_INT_MAX),
	BW_JSON_FIELD(INT, struct bridge_bandwidth, ingress_burst, "ingressBurst",
		      .max = BRIDGE_BURST_BITS_MAX),
	BW_JSON_FIELD(INT, struct bridge_bandwidth, egress_rate, "egressRate",
		      .max = BW_JSON_INT_MAX),
	BW_JSON_FIELD(INT, struct bridge_bandwidth, egress_burst, "egressBurst",
		      .max = BRIDGE_BURST_BITS_MAX),
};
static const struct bw_json_table bandwidth_table = BW_JSON_TABLE_ANY_CASE(bandwidth_fields);

int bridge_bandwidth_decode(const struct cJSON *json, const struct bw_json_path *path, void *member,
			    struct bw_err *err)
{
	struct bridge_bandwidth b = { 0 };
	int r;

	r = bw_json_decode(json, &bandwidth_table, path, &b, err);
	if (r < 0)
		return r;
	if (!b.ingress_rate != !b.ingress_burst)
		return bw_json_refuse(
			path, err, "ingressRate and ingressBurst: expected both or none of them");
	if (!b.egress_rate != !b.egress_burst)
		return bw_json_refuse(path, err,
				      "egressRate and egressBurst: expected both or none of them");
	*(struct bridge_bandwidth *)member = b;
	return 0;
}
