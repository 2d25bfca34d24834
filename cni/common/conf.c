/* SPDX-License-Identifier: Apache-2.0 */
/* Keys that the interface plugins share. */
#include <assert.h>
#include <ctype.h>
#include <string.h>

#include <cjson/cJSON.h>

#include <bw/cni_request.h>
#include <bw/err.h>
#include <bw/plugin_conf.h>

#define DNS_ITEMS_MAX 64

const struct bw_json_enum bw_probe_mode_names[] = {
	{ "off", BW_PROBE_OFF },
	{ "warn", BW_PROBE_WARN },
	{ "enforce", BW_PROBE_ENFORCE },
	{ NULL, 0 },
};
static_assert(BW_ARRAY_SIZE(bw_probe_mode_names) == BW_PROBE_MODE_MAX_ + 1, "mode without a name");

const char *bw_probe_mode_str(enum bw_probe_mode mode)
{
	return mode < BW_PROBE_MODE_MAX_ ? bw_probe_mode_names[mode].name : "unknown";
}

static const struct bw_json_field name_item = BW_JSON_ITEM(STR, const char *);
static const struct bw_json_field dns_fields[] = {
	BW_JSON_FIELD(STR, struct bw_conf_dns, domain, "domain"),
	BW_JSON_FIELD(ARRAY, struct bw_conf_dns, nameservers, "nameservers", .item = &name_item,
		      .max = DNS_ITEMS_MAX),
	BW_JSON_FIELD(ARRAY, struct bw_conf_dns, search, "search", .item = &name_item,
		      .max = DNS_ITEMS_MAX),
	BW_JSON_FIELD(ARRAY, struct bw_conf_dns, options, "options", .item = &name_item,
		      .max = DNS_ITEMS_MAX),
};
const struct bw_json_table bw_conf_dns_table = BW_JSON_TABLE(dns_fields);

int bw_conf_has_dns(const struct bw_conf_dns *dns)
{
	return dns->nameservers.n || dns->search.n || dns->options.n ||
	       (dns->domain && *dns->domain);
}

void bw_conf_dns_done(struct bw_conf_dns *dns)
{
	bw_json_done(&bw_conf_dns_table, dns);
}

int bw_conf_ipam_check(const struct cJSON *json, const struct bw_json_path *path, void *member,
		       struct bw_err *err)
{
	struct bw_json_path below = { .up = path, .key = "type" };
	const struct cJSON *type = bw_json_get(json, "type");
	const char *text = cJSON_GetStringValue(type);

	(void)member;
	if (!cJSON_IsObject(json))
		return bw_json_expect(json, path, err, "an object");
	if (type && (!text || strchr(text, '/')))
		return bw_json_expect(type, &below, err, "the name of an IPAM plugin");
	return 0;
}

const char *bw_conf_ipam_type(const struct cJSON *ipam)
{
	const char *type = bw_json_get_str(ipam, "type");

	return type && *type ? type : NULL;
}

int bw_conf_is_foreign(const char *ipam_type)
{
	return ipam_type && strcmp(ipam_type, BW_CONF_IPAM_OWN) != 0;
}

int bw_conf_ifname_check(const struct cJSON *json, const struct bw_json_path *path, void *member,
			 struct bw_err *err)
{
	const char *name = *(const char **)member;
	size_t len = strlen(name);
	int bad = len < 1 || len > BW_CNI_IFNAME_MAX || strcmp(name, ".") == 0 ||
		  strcmp(name, "..") == 0;

	for (const char *p = name; *p && !bad; p++)
		bad = *p == '/' || *p == ':' || *p == '%' || isspace((unsigned char)*p) ||
		      iscntrl((unsigned char)*p);
	if (!bad)
		return 0;
	return bw_json_expect(json, path, err,
			      "an interface name of 1 to %d characters without blanks, '/', ':' "
			      "and '%%'",
			      BW_CNI_IFNAME_MAX);
}

int bw_conf_mtu_check(const struct cJSON *json, const struct bw_json_path *path, void *member,
		      struct bw_err *err)
{
	uint32_t mtu;

	memcpy(&mtu, member, sizeof(mtu));
	if (!mtu || mtu >= BW_CONF_MTU_MIN)
		return 0;
	return bw_json_expect(json, path, err, "0 or an integer from %d to %d", BW_CONF_MTU_MIN,
			      BW_CONF_MTU_MAX);
}

/* `args.cni` as far as every plugin of interfaces reads it. */
struct args_cni {
	const char *mac;
};

static const struct bw_json_field args_cni_fields[] = {
	BW_JSON_FIELD(STR, struct args_cni, mac, "mac"),
};
static const struct bw_json_table args_cni_table = BW_JSON_TABLE(args_cni_fields);

int bw_conf_args_decode(const struct cJSON *json, const struct bw_json_path *path, void *member,
			struct bw_err *err)
{
	struct bw_json_path below = { .up = path, .key = "cni" };
	const struct cJSON *cni = bw_json_get(json, "cni");
	struct args_cni args = { 0 };
	int r;

	if (!cJSON_IsObject(json))
		return bw_json_expect(json, path, err, "an object");
	r = cni ? bw_json_decode(cni, &args_cni_table, &below, &args, err) : 0;
	if (r == 0)
		memcpy(member, &args.mac, sizeof(args.mac));
	return r;
}

int bw_conf_mac_pick(const struct bw_conf_mac_from *from, size_t n, struct bw_mac *ret,
		     struct bw_err *err)
{
	int found = 0;

	for (size_t i = 0; i < n; i++) {
		struct bw_mac mac;

		if (!from[i].text || !*from[i].text)
			continue;
		if (bw_mac_parse(from[i].text, &mac) < 0 || bw_mac_is_zero(&mac) ||
		    bw_mac_is_multicast(&mac))
			return bw_reject(
				err, BW_ERR_INVALID, EINVAL,
				"%s: expected a unicast MAC such as 02:00:00:00:00:01, got "
				"\"%.64s\"",
				from[i].where, from[i].text);
		if (!found)
			*ret = mac;
		found = 1;
	}
	return found;
}
