/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Results of 0.1.0 and 0.2.0: {"ip4": {"ip", "gateway", "routes"}, "ip6": ..., "dns"}. One address
 * per family is all they can say: the first of each is written, the others are left out.
 */
#include <string.h>

#include <bw/err.h>

#include "result.h"

struct raw_family {
	struct bw_prefix ip;
	struct bw_ip gateway;
	struct bw_json_list routes; /* of struct bw_cni_raw_route */
};

struct raw_old {
	struct raw_family ip4, ip6;
	uint8_t has_ip4, has_ip6;
	struct bw_cni_raw_dns dns;
};

static const struct bw_json_field family_fields[] = {
	BW_JSON_FIELD(PREFIX, struct raw_family, ip, "ip", .flags = BW_JSON_F_REQUIRED),
	BW_JSON_FIELD(CUSTOM, struct raw_family, gateway, "gateway", .decode = bw_cni_raw_gateway),
	BW_JSON_FIELD(ARRAY, struct raw_family, routes, "routes", .item = &bw_cni_raw_route_item,
		      .max = BW_CNI_ROUTES_MAX / 2),
};
static const struct bw_json_table family_table = BW_JSON_TABLE(family_fields);

static const struct bw_json_field old_fields[] = {
	BW_JSON_FIELD(OBJECT, struct raw_old, ip4, "ip4", .table = &family_table,
		      BW_JSON_HAS(struct raw_old, has_ip4)),
	BW_JSON_FIELD(OBJECT, struct raw_old, ip6, "ip6", .table = &family_table,
		      BW_JSON_HAS(struct raw_old, has_ip6)),
	BW_JSON_FIELD(OBJECT, struct raw_old, dns, "dns", .table = &bw_cni_raw_dns_table),
};
static const struct bw_json_table old_table = BW_JSON_TABLE(old_fields);

static int take_family(const struct raw_family *raw, int family, const struct bw_json_path *at,
		       struct bw_cni_result *ret, struct bw_err *err)
{
	struct bw_cni_ip ip = { raw->ip, raw->gateway, BW_CNI_NO_IF };
	char shown[BW_PREFIX_STR_MAX];
	int r;

	if (raw->ip.ip.family != family)
		return bw_json_refuse(at, err, "expected an IPv%c address, got %s",
				      family == AF_INET ? '4' : '6',
				      bw_prefix_str(&raw->ip, shown));
	r = bw_cni_result_add_ip(ret, &ip, err);
	return r < 0 ? r : bw_cni_raw_take_routes(&raw->routes, ret, err);
}

int bw_cni_result_old_parse(const struct cJSON *json, const struct bw_json_path *at,
			    struct bw_cni_result *ret, struct bw_err *err)
{
	struct bw_json_path at4 = { .up = at, .key = "ip4" };
	struct bw_json_path at6 = { .up = at, .key = "ip6" };
	struct raw_old raw = { 0 };
	int r = bw_json_decode(json, &old_table, at, &raw, err);

	if (r == 0 && raw.has_ip4)
		r = take_family(&raw.ip4, AF_INET, &at4, ret, err);
	if (r == 0 && raw.has_ip6)
		r = take_family(&raw.ip6, AF_INET6, &at6, ret, err);
	if (r == 0)
		r = bw_cni_raw_take_dns(&raw.dns, ret, err);
	bw_json_done(&old_table, &raw);
	return r;
}

static void write_family(const struct bw_cni_result *r, int family, const char *key,
			 struct bw_json_build *b, struct cJSON *root)
{
	const struct bw_cni_ip *ip = NULL;
	struct cJSON *out, *list = NULL;
	char prefix[BW_PREFIX_STR_MAX], gateway[BW_IP_STR_MAX];

	for (size_t i = 0; i < r->n_ips && !ip; i++)
		if (r->ips[i].address.ip.family == family)
			ip = &r->ips[i];
	if (!ip)
		return;
	out = bw_json_put_object(b, root, key);
	bw_json_put_str(b, out, "ip", bw_prefix_str(&ip->address, prefix));
	if (ip->gateway.family)
		bw_json_put_str(b, out, "gateway", bw_ip_str(&ip->gateway, gateway));
	for (size_t i = 0; i < r->n_routes; i++) {
		if (r->routes[i].dst.ip.family != family)
			continue;
		if (!list)
			list = bw_json_put_array(b, out, "routes");
		bw_cni_route_write(&r->routes[i], 0, b, list);
	}
}

void bw_cni_result_old_write(const struct bw_cni_result *r, struct bw_json_build *b,
			     struct cJSON *root)
{
	write_family(r, AF_INET, "ip4", b, root);
	write_family(r, AF_INET6, "ip6", b, root);
}
