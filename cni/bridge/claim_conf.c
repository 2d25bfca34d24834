/* SPDX-License-Identifier: Apache-2.0 */
/* A claim's binding as the configuration of the program that serves its mode. Pure. */
#include <string.h>

#include <cjson/cJSON.h>

#include <bw/err.h>
#include <bw/json.h>
#include <bw/plugin_conf.h>

#include "claim.h"
#include "ctx.h"

#define BITS_PER_MBIT 1000000LL
#define BURST_DIVISOR 10 /* a tenth of a second at full rate, at least */
#define BURST_MIN_BITS 1000000LL

/* Which program serves a mode; NULL = none of this node. */
static const char *const programs[BW_BINDING_MODE_MAX_] = {
	[BW_BINDING_BRIDGE] = BRIDGE_PROGRAM,
	[BW_BINDING_SRIOV] = "barewire-sriov",
	[BW_BINDING_MACVLAN] = "macvlan",
};

/* What the claim says, and what only a person's own network may say. */
static const char *const replaced[] = {
	"type",
	"claims",
	"waitSeconds",
	"ipam",
	"runtimeConfig",
	"args",
	"bridge",
	"uplink",
	"vlan",
	"vlanTrunk",
	"mtu",
	"probe",
	"moveUplinkAddresses",
	"dataDir",
	"capabilities",
	"bandwidth",
	"isGateway",
	"isDefaultGateway",
	"ipMasq",
	"reach",
	"hairpinMode",
	"promiscMode",
};

static int is_replaced(const char *key)
{
	for (size_t i = 0; i < BW_ARRAY_SIZE(replaced); i++)
		if (strcmp(key, replaced[i]) == 0)
			return 1;
	return 0;
}

/* The network's own keys, and the type. */
static struct cJSON *begin(struct bw_json_build *build, const struct bw_cni_request *req,
			   const char *type)
{
	struct cJSON *o = bw_json_build_object(build);
	const struct cJSON *item;

	cJSON_ArrayForEach (item, req->conf)
		if (item->string && !is_replaced(item->string))
			bw_json_put_tree(build, o, item->string, item);
	bw_json_put_str(build, o, "type", type);
	return o;
}

static void put_ip(struct bw_json_build *build, struct cJSON *o, const char *key,
		   const struct bw_ip *ip)
{
	char s[BW_IP_STR_MAX];

	bw_json_put_str(build, o, key, bw_ip_str(ip, s));
}

static void put_prefix(struct bw_json_build *build, struct cJSON *o, const char *key,
		       const struct bw_prefix *p)
{
	char s[BW_PREFIX_STR_MAX];

	bw_json_put_str(build, o, key, bw_prefix_str(p, s));
}

/* One range of one address each: there is nothing to choose. */
static void put_ranges(struct bw_json_build *build, struct cJSON *ipam, const struct bw_binding *b)
{
	struct cJSON *sets = bw_json_put_array(build, ipam, "ranges");
	const struct bw_binding_ip *ips = b->ips.items;

	for (size_t i = 0; i < b->ips.n; i++) {
		struct cJSON *o =
			bw_json_put_object(build, bw_json_put_array(build, sets, NULL), NULL);
		struct bw_prefix net = { bw_prefix_first(&ips[i].address), ips[i].address.len };

		put_prefix(build, o, "subnet", &net);
		put_ip(build, o, "rangeStart", &ips[i].address.ip);
		put_ip(build, o, "rangeEnd", &ips[i].address.ip);
		/* A router by its link-local address stands in the routes alone. */
		if (ips[i].gateway.family && bw_prefix_contains(&net, &ips[i].gateway))
			put_ip(build, o, "gateway", &ips[i].gateway);
	}
}

static void put_route(struct bw_json_build *build, struct cJSON *list, const struct bw_prefix *dst,
		      const struct bw_ip *gw)
{
	struct cJSON *o = bw_json_put_object(build, list, NULL);

	put_prefix(build, o, "dst", dst);
	if (gw->family)
		put_ip(build, o, "gw", gw);
}

static int has_default(const struct bw_binding *b, int family)
{
	const struct bw_binding_route *routes = b->routes.items;

	for (size_t i = 0; i < b->routes.n; i++)
		if (routes[i].dst.ip.family == family && routes[i].dst.len == 0)
			return 1;
	return 0;
}

static void put_routes(struct bw_json_build *build, struct cJSON *ipam, const struct bw_binding *b)
{
	static const uint8_t zero[16];
	const struct bw_binding_route *routes = b->routes.items;
	const struct bw_binding_ip *ips = b->ips.items;
	struct cJSON *list = bw_json_put_array(build, ipam, "routes");

	for (size_t i = 0; i < b->routes.n; i++)
		put_route(build, list, &routes[i].dst, &routes[i].gw);
	for (size_t i = 0; i < b->ips.n && b->first; i++) {
		int family = ips[i].gateway.family;
		struct bw_prefix all = { .len = 0 };

		if (!family || has_default(b, family))
			continue;
		all.ip = bw_ip_from_bytes(family, zero);
		put_route(build, list, &all, &ips[i].gateway);
	}
}

static void put_ipam(struct bw_json_build *build, struct cJSON *o, const struct bw_binding *b)
{
	struct cJSON *ipam = bw_json_put_object(build, o, "ipam");
	struct cJSON *claim;

	bw_json_put_str(build, ipam, "type", BW_CONF_IPAM_OWN);
	bw_json_put_str(build, ipam, "domain", b->domain);
	put_ranges(build, ipam, b);
	put_routes(build, ipam, b);
	claim = bw_json_put_object(build, ipam, "claim");
	bw_json_put_str(build, claim, "uid", b->uid);
	bw_json_put_str(build, claim, "interface", b->iface);
	bw_json_put_str(build, claim, "namespace", b->ns);
	bw_json_put_str(build, claim, "name", b->claim);
	bw_json_put_uint(build, claim, "token", b->token);
}

/* As wishes too: who holds an address of the claim is named then, not "exhausted". */
static void put_args(struct bw_json_build *build, struct cJSON *o, const struct bw_binding *b)
{
	struct cJSON *cni = bw_json_put_object(build, bw_json_put_object(build, o, "args"), "cni");
	struct cJSON *list = bw_json_put_array(build, cni, "ips");
	const struct bw_binding_ip *ips = b->ips.items;
	char mac[BW_MAC_STR_MAX];

	for (size_t i = 0; i < b->ips.n; i++)
		put_ip(build, list, NULL, &ips[i].address.ip);
	if (b->has_mac)
		bw_json_put_str(build, cni, "mac", bw_mac_str(&b->mac, mac));
}

static void put_rate(struct bw_json_build *build, struct cJSON *o, const char *rate,
		     const char *burst, uint32_t mbps)
{
	int64_t bits = mbps * BITS_PER_MBIT;

	if (!mbps)
		return;
	bw_json_put_int(build, o, rate, bits);
	bw_json_put_int(build, o, burst,
			bits / BURST_DIVISOR > BURST_MIN_BITS ? bits / BURST_DIVISOR
							      : BURST_MIN_BITS);
}

/* The pod's own annotation goes before the claim's. */
static void put_bandwidth(struct bw_json_build *build, struct cJSON *o,
			  const struct bw_cni_request *req, const struct bw_binding *b)
{
	const struct cJSON *runtime =
		bw_json_get(bw_json_get(req->conf, "runtimeConfig"), "bandwidth");
	struct cJSON *bw;

	if (runtime) {
		bw_json_put_tree(build, bw_json_put_object(build, o, "runtimeConfig"), "bandwidth",
				 runtime);
		return;
	}
	if (!b->ingress_mbps && !b->egress_mbps)
		return;
	bw = bw_json_put_object(build, o, "bandwidth");
	put_rate(build, bw, "ingressRate", "ingressBurst", b->ingress_mbps);
	put_rate(build, bw, "egressRate", "egressBurst", b->egress_mbps);
}

static const char *const probe_words[BW_BINDING_PROBE_MAX_] = { "off", "warn", "enforce" };

static void put_bridge(struct bw_json_build *build, struct cJSON *o, const struct bw_binding *b)
{
	char bridge[BW_CNI_IFNAME_MAX + 1];

	if (*bw_binding_bridge_of(b, bridge))
		bw_json_put_str(build, o, "bridge", bridge);
	if (b->uplink)
		bw_json_put_str(build, o, "uplink", b->uplink);
	if (b->vlan)
		bw_json_put_uint(build, o, "vlan", b->vlan);
	if (b->move_uplink_addresses && b->uplink)
		bw_json_put_bool(build, o, "moveUplinkAddresses", 1);
	bw_json_put_str(build, o, "probe", probe_words[b->probe]);
}

static void put_reach(struct bw_json_build *build, struct cJSON *o, const struct bw_binding *b)
{
	const struct bw_prefix *services = b->services.items;
	const struct bw_ip *ips = b->node_ips.items;
	struct cJSON *reach, *list;

	if (!b->first)
		return;
	/* Where br_netfilter is on a pod reaches its own Service by its own port again. */
	if (b->services.n)
		bw_json_put_bool(build, o, "hairpinMode", 1);
	reach = bw_json_put_object(build, o, "reach");
	list = bw_json_put_array(build, reach, "services");
	for (size_t i = 0; i < b->services.n; i++)
		put_prefix(build, list, NULL, &services[i]);
	list = bw_json_put_array(build, reach, "node");
	for (size_t i = 0; i < b->node_ips.n; i++)
		put_ip(build, list, NULL, &ips[i]);
}

static void put_sriov(struct bw_json_build *build, struct cJSON *o, const struct bw_binding *b)
{
	if (b->uplink)
		bw_json_put_str(build, o, "pf", b->uplink);
	if (b->vlan)
		bw_json_put_uint(build, o, "vlan", b->vlan);
	bw_json_put_str(build, o, "probe", probe_words[b->probe]);
}

/* It reads no args.cni. */
static void put_macvlan(struct bw_json_build *build, struct cJSON *o, const struct bw_binding *b)
{
	char mac[BW_MAC_STR_MAX];

	if (b->has_mac)
		bw_json_put_str(build, o, "mac", bw_mac_str(&b->mac, mac));
	if (b->uplink)
		bw_json_put_str(build, o, "master", b->uplink);
	bw_json_put_str(build, o, "mode", "bridge");
}

static void put_link(struct bw_json_build *build, struct cJSON *o, const struct bw_cni_request *req,
		     const struct bw_binding *b)
{
	if (b->mtu)
		bw_json_put_uint(build, o, "mtu", b->mtu);
	switch (b->mode) {
	case BW_BINDING_BRIDGE:
		put_bridge(build, o, b);
		put_bandwidth(build, o, req, b);
		put_reach(build, o, b);
		break;
	case BW_BINDING_SRIOV:
		put_sriov(build, o, b);
		break;
	case BW_BINDING_MACVLAN:
		put_macvlan(build, o, b);
		break;
	case BW_BINDING_CALICO:
	case BW_BINDING_KUBE_OVN:
	case BW_BINDING_EXTERNAL:
	case BW_BINDING_MODE_MAX_:
		break; /* refused before */
	}
}

static int take(struct bw_json_build *build, char **ret, struct bw_err *err)
{
	bw_autojson struct cJSON *tree = NULL;
	int r = bw_json_build_take(build, &tree, err);

	return r < 0 ? r : bw_json_print(tree, 0, ret, err);
}

static int refuse_mode(const struct bw_binding *b, struct bw_err *err)
{
	(void)bw_reject(
		err, BW_ERR_INVALID, EINVAL,
		"claim %.63s/%.200s: pool %.120s is of mode %s, which this network does not "
		"serve",
		b->ns, b->claim, b->pool ? b->pool : "", bw_binding_mode_str(b->mode));
	bw_err_details(err,
		       "give the pod a network of that CNI, or the claim a pool of mode bridge, "
		       "sriov or macvlan");
	return -EINVAL;
}

/* Macvlan knows no VLANs and no uplink is no master. */
static int check_binding(const struct bw_binding *b, struct bw_err *err)
{
	if (b->mode >= BW_BINDING_MODE_MAX_ || !programs[b->mode])
		return refuse_mode(b, err);
	if (b->mode != BW_BINDING_BRIDGE && !b->uplink)
		return bw_reject(err, BW_ERR_INVALID, EINVAL,
				 "claim %.63s/%.200s: mode %s needs an uplink, and neither pool "
				 "%.120s nor this node's NodeNetwork names one",
				 b->ns, b->claim, bw_binding_mode_str(b->mode),
				 b->pool ? b->pool : "");
	if (b->mode == BW_BINDING_MACVLAN && b->vlan)
		return bw_reject(
			err, BW_ERR_INVALID, EINVAL,
			"claim %.63s/%.200s: mode macvlan carries no VLAN (%u): name a VLAN "
			"device as uplink",
			b->ns, b->claim, b->vlan);
	return 0;
}

int bridge_claim_conf(const struct bw_cni_request *req, const struct bw_binding *b,
		      const char *bridge, char **ret, struct bw_err *err)
{
	bw_autobuild struct bw_json_build build = { 0 };
	struct cJSON *o;
	int r = b ? check_binding(b, err) : 0;

	if (r < 0)
		return r;
	o = begin(&build, req, b ? programs[b->mode] : BRIDGE_PROGRAM);
	if (b) {
		put_link(&build, o, req, b);
		put_args(&build, o, b);
		put_ipam(&build, o, b);
		return take(&build, ret, err);
	}
	if (bridge)
		bw_json_put_str(&build, o, "bridge", bridge);
	/* STATUS reads strictly, and there are no ranges to read. */
	if (req->verb != BW_CNI_STATUS)
		bw_json_put_str(&build, bw_json_put_object(&build, o, "ipam"), "type",
				BW_CONF_IPAM_OWN);
	return take(&build, ret, err);
}

int bridge_claim_conf_for(const struct bw_cni_request *req, const char *type, char **ret,
			  struct bw_err *err)
{
	bw_autobuild struct bw_json_build build = { 0 };
	struct cJSON *o = begin(&build, req, type);

	bw_json_put_str(&build, bw_json_put_object(&build, o, "ipam"), "type", BW_CONF_IPAM_OWN);
	return take(&build, ret, err);
}
