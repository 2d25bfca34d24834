/* SPDX-License-Identifier: Apache-2.0 */
/* Bindings of claims: JSON in and out, by one field table. */
#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>

#include <bw/binding.h>
#include <bw/err.h>

#define MTU_MIN 68 /* RFC 791: what every IPv4 link carries */
#define MTU_MAX 65535
#define VLAN_MAX 4094 /* IEEE 802.1Q: 0 and 4095 are no VLANs */
#define BRIDGE_PREFIX "bw-"
#define BRIDGE_KEEP 6 /* characters of an uplink's name that is too long */

const struct bw_json_enum bw_binding_mode_names[] = {
	{ "bridge", BW_BINDING_BRIDGE },
	{ "sriov", BW_BINDING_SRIOV },
	{ "macvlan", BW_BINDING_MACVLAN },
	{ "calico", BW_BINDING_CALICO },
	{ "kube-ovn", BW_BINDING_KUBE_OVN },
	{ "external", BW_BINDING_EXTERNAL },
	{ NULL, 0 },
};
static_assert(BW_ARRAY_SIZE(bw_binding_mode_names) == BW_BINDING_MODE_MAX_ + 1,
	      "a mode without a name");

const struct bw_json_enum bw_binding_probe_names[] = {
	{ "Off", BW_BINDING_PROBE_OFF },
	{ "Warn", BW_BINDING_PROBE_WARN },
	{ "Enforce", BW_BINDING_PROBE_ENFORCE },
	{ NULL, 0 },
};
static_assert(BW_ARRAY_SIZE(bw_binding_probe_names) == BW_BINDING_PROBE_MAX_ + 1,
	      "a probe without a name");

const struct bw_json_enum bw_binding_fencing_names[] = {
	{ "Strict", BW_BINDING_STRICT },
	{ "Available", BW_BINDING_AVAILABLE },
	{ NULL, 0 },
};
static_assert(BW_ARRAY_SIZE(bw_binding_fencing_names) == BW_BINDING_FENCING_MAX_ + 1,
	      "a fencing without a name");

const char *bw_binding_mode_str(enum bw_binding_mode mode)
{
	return mode < BW_BINDING_MODE_MAX_ ? bw_binding_mode_names[mode].name : "unknown";
}

const char *bw_binding_probe_str(enum bw_binding_probe probe)
{
	return probe < BW_BINDING_PROBE_MAX_ ? bw_binding_probe_names[probe].name : "unknown";
}

const char *bw_binding_fencing_str(enum bw_binding_fencing fencing)
{
	return fencing < BW_BINDING_FENCING_MAX_ ? bw_binding_fencing_names[fencing].name
						 : "unknown";
}

/* Source: dev_valid_name() of Linux, and no '%'. */
static int check_ifname(const struct cJSON *json, const struct bw_json_path *path, void *member,
			struct bw_err *err)
{
	const char *name = *(const char **)member;
	int bad = !*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0;

	for (const char *p = name; *p && !bad; p++)
		bad = strchr("/:%", *p) || isspace((unsigned char)*p) || iscntrl((unsigned char)*p);
	return bad ? bw_json_expect(json, path, err, "an interface name of 1 to %d characters",
				    BW_CNI_IFNAME_MAX)
		   : 0;
}

/* Names of the cluster end up in logs, messages and file names of people. */
static int check_name(const struct cJSON *json, const struct bw_json_path *path, void *member,
		      struct bw_err *err)
{
	const char *name = *(const char **)member;

	for (const char *p = name; *p; p++)
		if (!isalnum((unsigned char)*p) && !strchr("-._", *p))
			return bw_json_expect(json, path, err,
					      "a name of letters, digits, '-', '.' and '_'");
	return 0;
}

static int check_mtu(const struct cJSON *json, const struct bw_json_path *path, void *member,
		     struct bw_err *err)
{
	uint32_t mtu;

	memcpy(&mtu, member, sizeof(mtu));
	return mtu && mtu < MTU_MIN
		       ? bw_json_expect(json, path, err, "0 or an integer from %d to %d", MTU_MIN,
					MTU_MAX)
		       : 0;
}

static const struct bw_json_field ip_fields[] = {
	BW_JSON_FIELD(PREFIX, struct bw_binding_ip, address, "address",
		      .flags = BW_JSON_F_REQUIRED),
	BW_JSON_FIELD(IP, struct bw_binding_ip, gateway, "gateway"),
	BW_JSON_FIELD(STR, struct bw_binding_ip, pool, "pool", .min = 1, .max = BW_BINDING_NAME_MAX,
		      .check = check_name),
};
static const struct bw_json_table ip_table = BW_JSON_TABLE(ip_fields);
static const struct bw_json_field ip_item =
	BW_JSON_ITEM(OBJECT, struct bw_binding_ip, .table = &ip_table);

static const struct bw_json_field route_fields[] = {
	BW_JSON_FIELD(SUBNET, struct bw_binding_route, dst, "dst", .flags = BW_JSON_F_REQUIRED),
	BW_JSON_FIELD(IP, struct bw_binding_route, gw, "gw"),
};
static const struct bw_json_table route_table = BW_JSON_TABLE(route_fields);
static const struct bw_json_field route_item =
	BW_JSON_ITEM(OBJECT, struct bw_binding_route, .table = &route_table);

static const struct bw_json_field net_item = BW_JSON_ITEM(SUBNET, struct bw_prefix);
static const struct bw_json_field addr_item = BW_JSON_ITEM(IP, struct bw_ip);

#define NAME(member_, name_, ...)                                                                  \
	BW_JSON_FIELD(STR, struct bw_binding, member_, name_, .min = 1,                            \
		      .max = BW_BINDING_NAME_MAX, .check = check_name, ##__VA_ARGS__)
#define IFNAME(member_, name_, ...)                                                                \
	BW_JSON_FIELD(STR, struct bw_binding, member_, name_, .min = 1, .max = BW_CNI_IFNAME_MAX,  \
		      .check = check_ifname, ##__VA_ARGS__)
#define FLAG(member_, name_) BW_JSON_FIELD(BOOL, struct bw_binding, member_, name_)
#define REQUIRED .flags = BW_JSON_F_REQUIRED

static const struct bw_json_field fields[] = {
	BW_JSON_FIELD(STR, struct bw_binding, ns, "namespace", .min = 1, .max = 63,
		      .check = check_name, REQUIRED),
	NAME(claim, "claim", REQUIRED),
	BW_JSON_FIELD(STR, struct bw_binding, uid, "uid", .min = 1, .max = BW_BINDING_UID_MAX,
		      .check = check_name, REQUIRED),
	BW_JSON_FIELD(INT, struct bw_binding, token, "token", .min = 1, .max = BW_JSON_INT_MAX,
		      REQUIRED),
	BW_JSON_FIELD(INT, struct bw_binding, epoch, "epoch", .max = BW_JSON_INT_MAX),
	IFNAME(iface, "interface", REQUIRED),
	FLAG(first, "first"),
	FLAG(stale, "stale"),
	BW_JSON_FIELD(ENUM, struct bw_binding, mode, "mode", .names = bw_binding_mode_names),
	BW_JSON_FIELD(STR, struct bw_binding, domain, "domain", .min = 1,
		      .max = BW_JOURNAL_DOMAIN_MAX, .check = check_name, REQUIRED),
	NAME(pool, "pool"),
	IFNAME(uplink, "uplink"),
	IFNAME(bridge, "bridge"),
	BW_JSON_FIELD(INT, struct bw_binding, vlan, "vlan", .max = VLAN_MAX),
	BW_JSON_FIELD(INT, struct bw_binding, mtu, "mtu", .max = MTU_MAX, .check = check_mtu),
	BW_JSON_FIELD(MAC, struct bw_binding, mac, "mac", BW_JSON_HAS(struct bw_binding, has_mac)),
	FLAG(move_uplink_addresses, "moveUplinkAddresses"),
	BW_JSON_FIELD(ENUM, struct bw_binding, probe, "probe", .names = bw_binding_probe_names),
	BW_JSON_FIELD(ENUM, struct bw_binding, fencing, "fencing",
		      .names = bw_binding_fencing_names),
	BW_JSON_FIELD(INT, struct bw_binding, ingress_mbps, "ingressMbps",
		      .max = BW_BINDING_RATE_MAX),
	BW_JSON_FIELD(INT, struct bw_binding, egress_mbps, "egressMbps",
		      .max = BW_BINDING_RATE_MAX),
	BW_JSON_FIELD(ARRAY, struct bw_binding, ips, "ips", .item = &ip_item, .min = 1,
		      .max = BW_BINDING_IPS_MAX, REQUIRED),
	BW_JSON_FIELD(ARRAY, struct bw_binding, routes, "routes", .item = &route_item,
		      .max = BW_BINDING_ROUTES_MAX),
	BW_JSON_FIELD(ARRAY, struct bw_binding, services, "serviceCIDRs", .item = &net_item,
		      .max = BW_BINDING_NETS_MAX),
	BW_JSON_FIELD(ARRAY, struct bw_binding, node_ips, "nodeAddresses", .item = &addr_item,
		      .max = BW_BINDING_NETS_MAX),
};
static const struct bw_json_table table = BW_JSON_TABLE(fields);

static int other_family(const struct bw_ip *gw, const struct bw_ip *ip)
{
	return gw->family && gw->family != ip->family;
}

/* Two addresses are one of each family, and a gateway is of its address's. */
static int check_families(const struct bw_binding *b, struct bw_err *err)
{
	const struct bw_binding_ip *ip = b->ips.items;
	const struct bw_binding_route *route = b->routes.items;

	if (b->ips.n == 2 && ip[0].address.ip.family == ip[1].address.ip.family)
		return bw_reject(err, BW_ERR_INVALID, EINVAL,
				 "ips: expected at most one address of each family");
	for (size_t i = 0; i < b->ips.n; i++)
		if (other_family(&ip[i].gateway, &ip[i].address.ip))
			return bw_reject(err, BW_ERR_INVALID, EINVAL,
					 "ips[%zu].gateway: expected the address's family", i);
	for (size_t i = 0; i < b->routes.n; i++)
		if (other_family(&route[i].gw, &route[i].dst.ip))
			return bw_reject(err, BW_ERR_INVALID, EINVAL,
					 "routes[%zu].gw: expected the family of dst", i);
	return 0;
}

int bw_binding_decode(const char *text, size_t size, struct bw_binding *ret, struct bw_err *err)
{
	int r;

	memset(ret, 0, sizeof(*ret));
	if (size > BW_BINDING_TEXT_MAX)
		return bw_reject(err, BW_ERR_INVALID, E2BIG,
				 "binding: %zu bytes, expected at most %d", size,
				 BW_BINDING_TEXT_MAX);
	r = bw_json_parse(text, size, &ret->tree, err);
	if (r == 0)
		r = bw_json_decode(ret->tree, &table, NULL, ret, err);
	return r < 0 ? r : check_families(ret, err);
}

void bw_binding_done(struct bw_binding *b)
{
	if (!b)
		return;
	bw_json_done(&table, b);
	bw_json_free(&b->tree);
	memset(b, 0, sizeof(*b));
}

static void put_str(struct bw_json_build *build, struct cJSON *to, const char *key, const char *s)
{
	if (s && *s)
		bw_json_put_str(build, to, key, s);
}

static void put_num(struct bw_json_build *build, struct cJSON *to, const char *key, uint64_t n)
{
	if (n)
		bw_json_put_uint(build, to, key, n);
}

static void put_flag(struct bw_json_build *build, struct cJSON *to, const char *key, int on)
{
	if (on)
		bw_json_put_bool(build, to, key, 1);
}

static void put_ip(struct bw_json_build *build, struct cJSON *to, const char *key,
		   const struct bw_ip *ip)
{
	char s[BW_IP_STR_MAX];

	if (ip->family)
		bw_json_put_str(build, to, key, bw_ip_str(ip, s));
}

static void put_prefix(struct bw_json_build *build, struct cJSON *to, const char *key,
		       const struct bw_prefix *p)
{
	char s[BW_PREFIX_STR_MAX];

	bw_json_put_str(build, to, key, bw_prefix_str(p, s));
}

static void put_ips(struct bw_json_build *build, struct cJSON *root, const struct bw_binding *b)
{
	const struct bw_binding_ip *ips = b->ips.items;
	struct cJSON *list = bw_json_put_array(build, root, "ips");

	for (size_t i = 0; i < b->ips.n; i++) {
		struct cJSON *o = bw_json_put_object(build, list, NULL);

		put_prefix(build, o, "address", &ips[i].address);
		put_ip(build, o, "gateway", &ips[i].gateway);
		put_str(build, o, "pool", ips[i].pool);
	}
}

static void put_routes(struct bw_json_build *build, struct cJSON *root, const struct bw_binding *b)
{
	const struct bw_binding_route *routes = b->routes.items;
	struct cJSON *list;

	if (!b->routes.n)
		return;
	list = bw_json_put_array(build, root, "routes");
	for (size_t i = 0; i < b->routes.n; i++) {
		struct cJSON *o = bw_json_put_object(build, list, NULL);

		put_prefix(build, o, "dst", &routes[i].dst);
		put_ip(build, o, "gw", &routes[i].gw);
	}
}

static void put_nets(struct bw_json_build *build, struct cJSON *root, const struct bw_binding *b)
{
	const struct bw_prefix *nets = b->services.items;
	const struct bw_ip *ips = b->node_ips.items;
	struct cJSON *list;

	list = b->services.n ? bw_json_put_array(build, root, "serviceCIDRs") : NULL;
	for (size_t i = 0; i < b->services.n; i++)
		put_prefix(build, list, NULL, &nets[i]);
	list = b->node_ips.n ? bw_json_put_array(build, root, "nodeAddresses") : NULL;
	for (size_t i = 0; i < b->node_ips.n; i++)
		put_ip(build, list, NULL, &ips[i]);
}

static void put_link(struct bw_json_build *build, struct cJSON *o, const struct bw_binding *b)
{
	char mac[BW_MAC_STR_MAX];

	put_str(build, o, "uplink", b->uplink);
	put_str(build, o, "bridge", b->bridge);
	put_num(build, o, "vlan", b->vlan);
	put_num(build, o, "mtu", b->mtu);
	if (b->has_mac)
		bw_json_put_str(build, o, "mac", bw_mac_str(&b->mac, mac));
	put_flag(build, o, "moveUplinkAddresses", b->move_uplink_addresses);
	bw_json_put_str(build, o, "probe", bw_binding_probe_str(b->probe));
	bw_json_put_str(build, o, "fencing", bw_binding_fencing_str(b->fencing));
	put_num(build, o, "ingressMbps", b->ingress_mbps);
	put_num(build, o, "egressMbps", b->egress_mbps);
}

static void put_all(struct bw_json_build *build, const struct bw_binding *b)
{
	struct cJSON *o = bw_json_build_object(build);

	put_str(build, o, "namespace", b->ns);
	put_str(build, o, "claim", b->claim);
	put_str(build, o, "uid", b->uid);
	put_num(build, o, "token", b->token);
	put_num(build, o, "epoch", b->epoch);
	put_str(build, o, "interface", b->iface);
	put_flag(build, o, "first", b->first);
	put_flag(build, o, "stale", b->stale);
	bw_json_put_str(build, o, "mode", bw_binding_mode_str(b->mode));
	put_str(build, o, "domain", b->domain);
	put_str(build, o, "pool", b->pool);
	put_link(build, o, b);
	put_ips(build, o, b);
	put_routes(build, o, b);
	put_nets(build, o, b);
}

int bw_binding_encode(const struct bw_binding *b, char **ret, struct bw_err *err)
{
	bw_autobuild struct bw_json_build build = { 0 };
	bw_autojson struct cJSON *tree = NULL;
	bw_autofree char *text = NULL;
	int r;

	put_all(&build, b);
	r = bw_json_build_take(&build, &tree, err);
	if (r == 0)
		r = bw_json_print(tree, 0, &text, err);
	if (r < 0 || !text)
		return r;
	if (strlen(text) > BW_BINDING_TEXT_MAX)
		return bw_reject(err, BW_ERR_INVALID, E2BIG,
				 "binding of claim %.120s: %zu bytes, expected at most %d",
				 b->claim ? b->claim : "", strlen(text), BW_BINDING_TEXT_MAX);
	*ret = BW_TAKE_PTR(text);
	return 0;
}

const char *bw_binding_bridge(const char *uplink, char ret[BW_CNI_IFNAME_MAX + 1])
{
	size_t len = strlen(uplink);

	if (sizeof(BRIDGE_PREFIX) - 1 + len <= BW_CNI_IFNAME_MAX)
		/* fits, as was just counted, ignoring */
		(void)snprintf(ret, BW_CNI_IFNAME_MAX + 1, BRIDGE_PREFIX "%s", uplink);
	else
		/* 3 + 6 + 6 characters, ignoring */
		(void)snprintf(ret, BW_CNI_IFNAME_MAX + 1, BRIDGE_PREFIX "%.*s%06x", BRIDGE_KEEP,
			       uplink, bw_fnv32(BW_FNV32_BASIS, uplink, len) & 0xffffff);
	return ret;
}

const char *bw_binding_bridge_of(const struct bw_binding *b, char ret[BW_CNI_IFNAME_MAX + 1])
{
	ret[0] = '\0';
	if (b->bridge)
		(void)snprintf(ret, BW_CNI_IFNAME_MAX + 1, "%s", b->bridge); /* fits, ignoring */
	else if (b->uplink)
		return bw_binding_bridge(b->uplink, ret);
	return ret;
}
