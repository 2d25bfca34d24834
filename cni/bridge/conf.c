/* SPDX-License-Identifier: Apache-2.0 */
/* The field table of a bridge network's configuration and the rules between its keys. */
#include <assert.h>
#include <ctype.h>
#include <string.h>

#include <cjson/cJSON.h>

#include <bw/err.h>
#include <bw/log.h>

#include "claim.h"
#include "conf.h"
#include "conf_fields.h"

static const struct bw_json_enum accel_names[] = {
	{ "auto", BRIDGE_ACCEL_AUTO },
	{ "ebpf", BRIDGE_ACCEL_EBPF },
	{ "off", BRIDGE_ACCEL_OFF },
	{ NULL, 0 },
};
static_assert(BW_ARRAY_SIZE(accel_names) == BRIDGE_ACCEL_MAX_ + 1, "accel without a name");

static const struct bw_json_enum mac_from_names[] = {
	{ "address", BRIDGE_MAC_FROM_ADDRESS },
	{ "random", BRIDGE_MAC_FROM_RANDOM },
	{ NULL, 0 },
};

static const struct bw_json_enum link_names[] = {
	{ "veth", BRIDGE_LINK_VETH },
	{ "netkit", BRIDGE_LINK_NETKIT },
	{ "auto", BRIDGE_LINK_AUTO },
	{ NULL, 0 },
};
static_assert(BW_ARRAY_SIZE(link_names) == BRIDGE_LINK_MAX_ + 1, "link without a name");

/* Both are the same nf_tables rules here; the name is checked and then has done its work. */
static const struct bw_json_enum masq_backend_names[] = {
	{ "iptables", 0 },
	{ "nftables", 1 },
	{ NULL, 0 },
};

const char *bridge_accel_str(enum bridge_accel accel)
{
	return accel < BRIDGE_ACCEL_MAX_ ? accel_names[accel].name : "unknown";
}

const char *bridge_link_str(enum bridge_link link)
{
	return link < BRIDGE_LINK_MAX_ ? link_names[link].name : "unknown";
}

/* Keys that stand inside other objects, before they are merged into the configuration. */
struct keys {
	struct bridge_conf conf;
	const struct cJSON *ipam;
	int masq_backend;
	uint8_t claims; /* true never comes here: claim.c */
	uint32_t wait_s;
	const char *runtime_mac;
	const char *args_mac;
	struct bridge_bandwidth runtime_bandwidth;
	uint8_t has_runtime_bandwidth;
};

static const struct bw_json_field runtime_fields[] = {
	BW_JSON_FIELD(STR, struct keys, runtime_mac, "mac"),
	BW_JSON_FIELD(CUSTOM, struct keys, runtime_bandwidth, "bandwidth",
		      .decode = bridge_bandwidth_decode,
		      BW_JSON_HAS(struct keys, has_runtime_bandwidth)),
};
static const struct bw_json_table runtime_table = BW_JSON_TABLE(runtime_fields);

/* Members of nested objects are kept beside the others: the nested struct is the whole. */
static int decode_runtime(const struct cJSON *json, const struct bw_json_path *path, void *member,
			  struct bw_err *err)
{
	struct keys *keys = BW_CONTAINER_OF(member, struct keys, runtime_mac);

	return bw_json_decode(json, &runtime_table, path, keys, err);
}

#define FLAG(member_, name_) BW_JSON_FIELD(BOOL, struct keys, conf.member_, name_)
static const struct bw_json_field fields[] = {
	BW_JSON_FIELD(STR, struct keys, conf.bridge, "bridge", .check = bw_conf_ifname_check),
	BW_JSON_FIELD(STR, struct keys, conf.uplink, "uplink", .check = bw_conf_ifname_check),
	FLAG(is_gateway, "isGateway"),
	FLAG(is_default_gateway, "isDefaultGateway"),
	FLAG(force_address, "forceAddress"),
	FLAG(ip_masq, "ipMasq"),
	BW_JSON_FIELD(ENUM, struct keys, masq_backend, "ipMasqBackend",
		      .names = masq_backend_names),
	FLAG(hairpin, "hairpinMode"),
	FLAG(promisc, "promiscMode"),
	BW_JSON_FIELD(INT, struct keys, conf.vlan, "vlan", .max = BRIDGE_VLAN_MAX),
	BW_JSON_FIELD(CUSTOM, struct keys, conf.trunk, "vlanTrunk", .decode = bridge_trunk_decode),
	FLAG(preserve_default_vlan, "preserveDefaultVlan"),
	FLAG(macspoofchk, "macspoofchk"),
	FLAG(enable_dad, "enabledad"),
	FLAG(no_container_if, "disableContainerInterface"),
	FLAG(isolated, "portIsolation"),
	FLAG(announce, "announce"),
	FLAG(move_uplink_addresses, "moveUplinkAddresses"),
	BW_JSON_FIELD(INT, struct keys, conf.mtu, "mtu", .max = BW_CONF_MTU_MAX,
		      .check = bw_conf_mtu_check),
	BW_JSON_FIELD(ENUM, struct keys, conf.accel, "accel", .names = accel_names),
	BW_JSON_FIELD(ENUM, struct keys, conf.mac_from, "macFrom", .names = mac_from_names),
	BW_JSON_FIELD(ENUM, struct keys, conf.probe, "probe", .names = bw_probe_mode_names),
	BW_JSON_FIELD(ENUM, struct keys, conf.link, "link", .names = link_names),
	BW_JSON_FIELD(CUSTOM, struct keys, conf.antispoof, "antiSpoof",
		      .decode = bridge_antispoof_decode),
	BW_JSON_FIELD(CUSTOM, struct keys, conf.bandwidth, "bandwidth",
		      .decode = bridge_bandwidth_decode),
	BW_JSON_FIELD(OBJECT, struct keys, conf.reach, "reach", .table = &bridge_reach_table,
		      BW_JSON_HAS(struct keys, conf.has_reach)),
	BW_JSON_FIELD(BOOL, struct keys, claims, "claims"),
	BW_JSON_FIELD(INT, struct keys, wait_s, "waitSeconds", .max = BRIDGE_CLAIM_WAIT_MAX_S,
		      .expected = "seconds, 0 to 300"),
	BW_JSON_FIELD(OBJECT, struct keys, conf.dns, "dns", .table = &bw_conf_dns_table),
	BW_JSON_FIELD(TREE, struct keys, ipam, "ipam", .check = bw_conf_ipam_check),
	BW_JSON_FIELD(CUSTOM, struct keys, runtime_mac, "runtimeConfig", .decode = decode_runtime),
	BW_JSON_FIELD(CUSTOM, struct keys, args_mac, "args", .decode = bw_conf_args_decode),
};
static const struct bw_json_table table = BW_JSON_TABLE(fields);

/* A text is declared when it is not empty. */
static int choose_mac(const struct bw_cni_request *req, struct keys *k, struct bw_err *err)
{
	const struct bw_conf_mac_from from[] = {
		{ "runtimeConfig.mac", k->runtime_mac },
		{ "args.cni.mac", k->args_mac },
		{ "MAC in CNI_ARGS", bw_cni_request_arg(req, "MAC") },
	};
	int r = bw_conf_mac_pick(from, BW_ARRAY_SIZE(from), &k->conf.mac, err);

	k->conf.has_mac = r > 0;
	return r;
}

static void settle(struct keys *k)
{
	struct bridge_conf *c = &k->conf;

	c->ipam_type = bw_conf_ipam_type(k->ipam);
	c->is_gateway |= c->is_default_gateway;
	if (k->has_runtime_bandwidth)
		c->bandwidth = k->runtime_bandwidth;
}

/* What two keys may not say together. */
static int check_together(const struct bridge_conf *c, struct bw_err *err)
{
	const struct {
		int broken;
		const char *text;
	} rules[] = {
		{ c->hairpin && c->promisc,
		  "hairpinMode and promiscMode: both are true, expected at most one of them" },
		{ c->no_container_if && c->ipam_type,
		  "disableContainerInterface: true needs an empty ipam: an interface that stays "
		  "down can have no address" },
		{ c->has_reach && (!c->ipam_type || c->trunk.n),
		  "reach: needs an address (ipam) on an access port (no vlanTrunk)" },
		{ c->move_uplink_addresses && !c->uplink,
		  "moveUplinkAddresses: true needs uplink: nothing to move addresses from" },
		{ c->uplink && strcmp(c->uplink, c->bridge) == 0,
		  "uplink: is the bridge itself, expected another interface" },
	};

	for (size_t i = 0; i < BW_ARRAY_SIZE(rules); i++)
		if (rules[i].broken)
			return bw_reject(err, BW_ERR_INVALID, EINVAL, "%s", rules[i].text);
	return 0;
}

static const struct keys defaults = {
	.conf = {
		.bridge = BRIDGE_NAME_DEFAULT,
		.announce = 1,
	},
};

int bridge_conf_load(const struct bw_cni_request *req, struct bridge_conf *ret, struct bw_err *err)
{
	struct keys k = defaults;
	int r;

	r = bw_json_decode(req->conf, &table, NULL, &k, err);
	if (r >= 0)
		r = choose_mac(req, &k, err);
	settle(&k);
	if (r >= 0)
		r = check_together(&k.conf, err);
	*ret = k.conf;
	return r;
}

int bridge_conf_load_lenient(const struct bw_cni_request *req, struct bridge_conf *ret,
			     struct bw_err *err)
{
	struct bw_err why = { 0 };
	struct keys k = defaults;
	int skipped;

	skipped = bw_json_decode_lenient(req->conf, &table, NULL, &k, &why);
	if (skipped < 0) {
		if (err)
			*err = why;
		bw_json_done(&table, &k);
		return skipped;
	}
	if (skipped > 0)
		bw_log_warn("ignoring bad configuration", "error", why.msg);
	if (!k.conf.bridge)
		k.conf.bridge = BRIDGE_NAME_DEFAULT;
	settle(&k);
	*ret = k.conf;
	return 0;
}

void bridge_conf_done(struct bridge_conf *conf)
{
	if (!conf)
		return;
	bw_conf_dns_done(&conf->dns);
	bw_json_done(&bridge_reach_table, &conf->reach);
}

int bridge_conf_is_foreign(const struct bridge_conf *conf)
{
	return bw_conf_is_foreign(conf->ipam_type);
}

int bridge_conf_checks_ip(const struct bridge_conf *conf)
{
	switch (conf->antispoof.mode) {
	case BRIDGE_SPOOF_DEFAULT:
		return !conf->no_container_if && !conf->trunk.n;
	case BRIDGE_SPOOF_ON:
		return 1;
	case BRIDGE_SPOOF_OFF:
	case BRIDGE_SPOOF_MAX_:
		break;
	}
	return 0;
}

int bridge_conf_checks_mac(const struct bridge_conf *conf)
{
	return conf->macspoofchk || bridge_conf_checks_ip(conf);
}

int bridge_conf_is_limited(const struct bridge_conf *conf)
{
	return conf->bandwidth.ingress_rate > 0 || conf->bandwidth.egress_rate > 0;
}

const char *bridge_conf_needs_programs(const struct bridge_conf *conf)
{
	if (conf->accel == BRIDGE_ACCEL_EBPF)
		return "accel";
	if (bridge_conf_checks_ip(conf))
		return "antiSpoof";
	if (conf->macspoofchk)
		return "macspoofchk";
	return bridge_conf_is_limited(conf) ? "bandwidth" : NULL;
}

int bridge_conf_wants_programs(const struct bridge_conf *conf)
{
	return conf->accel != BRIDGE_ACCEL_OFF || bridge_conf_needs_programs(conf) != NULL;
}

unsigned int bridge_trunk_next(const struct bridge_trunk *t, unsigned int vid,
			       unsigned int *ret_last)
{
	unsigned int first = vid ? vid : 1;
	unsigned int last;

	while (first <= BRIDGE_VLAN_MAX && !bridge_trunk_has(t, first))
		first++;
	if (first > BRIDGE_VLAN_MAX)
		return 0;
	for (last = first; bridge_trunk_has(t, last + 1); last++)
		;
	*ret_last = last;
	return first;
}
