/* SPDX-License-Identifier: Apache-2.0 */
/* The field table of a network of virtual functions and the rules between its keys. */
#include <assert.h>
#include <linux/if_ether.h>
#include <string.h>

#include <cjson/cJSON.h>

#include <bw/err.h>
#include <bw/log.h>

#include "conf.h"
#include "conf_fields.h"

#define BITS_PER_MBIT 1000000ULL

static const char *const link_state_names[] = {
	[SRIOV_LINK_AUTO] = "auto",
	[SRIOV_LINK_ENABLE] = "enable",
	[SRIOV_LINK_DISABLE] = "disable",
};
static_assert(BW_ARRAY_SIZE(link_state_names) == SRIOV_LINK_MAX_, "a link state without a name");

const char *sriov_link_state_str(enum sriov_link_state state)
{
	return (unsigned int)state < SRIOV_LINK_MAX_ ? link_state_names[state] : "unknown";
}

/* Keys that stand inside other objects, before they are merged into the configuration. */
struct keys {
	struct sriov_conf conf;
	const struct cJSON *ipam;
	struct sriov_pci runtime_device;
	const char *mac;
	const char *runtime_mac;
	const char *args_mac;
	uint64_t bandwidth; /* bits per second */
	uint64_t runtime_bandwidth;
	int link_state;
	uint8_t has_qos;
	uint8_t has_proto;
	uint8_t has_min;
	uint8_t has_max;
	uint8_t has_runtime_bandwidth;
};

static const struct bw_json_field runtime_fields[] = {
	BW_JSON_FIELD(STR, struct keys, runtime_mac, "mac"),
	BW_JSON_FIELD(CUSTOM, struct keys, runtime_device, "deviceID", .decode = sriov_pci_decode),
	BW_JSON_FIELD(CUSTOM, struct keys, runtime_bandwidth, "bandwidth",
		      .decode = sriov_bandwidth_decode,
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

#define HAS(member_) BW_JSON_HAS(struct keys, member_)
static const struct bw_json_field fields[] = {
	BW_JSON_FIELD(CUSTOM, struct keys, conf.device, "deviceID", .decode = sriov_pci_decode),
	BW_JSON_FIELD(CUSTOM, struct keys, conf.pfs, "pf", .decode = sriov_pfs_decode,
		      .done = sriov_list_done),
	BW_JSON_FIELD(CUSTOM, struct keys, conf.selectors, "resource",
		      .decode = sriov_resource_decode, .done = sriov_resource_done),
	BW_JSON_FIELD(INT, struct keys, conf.numa, "numaNode", .max = SRIOV_NODE_MAX,
		      HAS(conf.has_numa)),
	BW_JSON_FIELD(CUSTOM, struct keys, conf.bond, "bond", .decode = sriov_bond_decode,
		      HAS(conf.has_bond)),
	BW_JSON_FIELD(INT, struct keys, conf.vlan, "vlan", .max = BW_CONF_VLAN_MAX,
		      HAS(conf.has_vlan)),
	BW_JSON_FIELD(INT, struct keys, conf.qos, "vlanQoS", .max = SRIOV_QOS_MAX, HAS(has_qos)),
	BW_JSON_FIELD(CUSTOM, struct keys, conf.proto, "vlanProto", .decode = sriov_proto_decode,
		      HAS(has_proto)),
	BW_JSON_FIELD(STR, struct keys, mac, "mac"),
	BW_JSON_FIELD(CUSTOM, struct keys, conf.spoofchk, "spoofchk", .decode = sriov_onoff_decode,
		      HAS(conf.has_spoofchk)),
	BW_JSON_FIELD(CUSTOM, struct keys, conf.trust, "trust", .decode = sriov_onoff_decode,
		      HAS(conf.has_trust)),
	BW_JSON_FIELD(CUSTOM, struct keys, link_state, "link_state",
		      .decode = sriov_link_state_decode),
	BW_JSON_FIELD(INT, struct keys, conf.min_tx_rate, "min_tx_rate", .max = SRIOV_RATE_MAX,
		      HAS(has_min)),
	BW_JSON_FIELD(INT, struct keys, conf.max_tx_rate, "max_tx_rate", .max = SRIOV_RATE_MAX,
		      HAS(has_max)),
	BW_JSON_FIELD(INT, struct keys, conf.mtu, "mtu", .max = BW_CONF_MTU_MAX,
		      .check = bw_conf_mtu_check),
	BW_JSON_FIELD(BOOL, struct keys, conf.announce, "announce"),
	BW_JSON_FIELD(ENUM, struct keys, conf.probe, "probe", .names = bw_probe_mode_names),
	BW_JSON_FIELD(CUSTOM, struct keys, bandwidth, "bandwidth",
		      .decode = sriov_bandwidth_decode),
	BW_JSON_FIELD(OBJECT, struct keys, conf.dns, "dns", .table = &bw_conf_dns_table),
	BW_JSON_FIELD(TREE, struct keys, ipam, "ipam", .check = bw_conf_ipam_check),
	BW_JSON_FIELD(CUSTOM, struct keys, runtime_mac, "runtimeConfig", .decode = decode_runtime),
	BW_JSON_FIELD(CUSTOM, struct keys, args_mac, "args", .decode = bw_conf_args_decode),
};
static const struct bw_json_table table = BW_JSON_TABLE(fields);

static const struct keys defaults = {
	.conf = {
		.announce = 1,
		.proto = ETH_P_8021Q,
	},
	.link_state = -1,
};

/* The first declared MAC in the order of precedence. */
static int choose_mac(const struct bw_cni_request *req, struct keys *k, struct bw_err *err)
{
	const struct bw_conf_mac_from from[] = {
		{ "runtimeConfig.mac", k->runtime_mac },
		{ "args.cni.mac", k->args_mac },
		{ "MAC in CNI_ARGS", bw_cni_request_arg(req, "MAC") },
		{ "mac", k->mac },
	};
	int r = bw_conf_mac_pick(from, BW_ARRAY_SIZE(from), &k->conf.mac, err);

	k->conf.has_mac = r == 1;
	return r < 0 ? r : 0;
}

/* The runtime's device and the network's are one, or one of them is missing. */
static int choose_device(struct keys *k, struct bw_err *err)
{
	if (k->runtime_device.s[0] && k->conf.device.s[0] &&
	    strcmp(k->runtime_device.s, k->conf.device.s) != 0)
		return bw_reject(err, BW_ERR_INVALID, EINVAL,
				 "runtimeConfig.deviceID: expected the network's deviceID %s or "
				 "none, got \"%s\"",
				 k->conf.device.s, k->runtime_device.s);
	if (k->runtime_device.s[0])
		k->conf.device = k->runtime_device;
	return 0;
}

/* bandwidth.egressRate is max_tx_rate in another unit. */
static int choose_rate(struct keys *k, struct bw_err *err)
{
	const char *where = k->has_runtime_bandwidth ? "runtimeConfig.bandwidth" : "bandwidth";
	uint64_t bits = k->has_runtime_bandwidth ? k->runtime_bandwidth : k->bandwidth;
	uint64_t mbit = bits / BITS_PER_MBIT + (bits % BITS_PER_MBIT != 0);

	if (bits && k->has_max && k->conf.max_tx_rate != mbit)
		return bw_reject(err, BW_ERR_INVALID, EINVAL,
				 "%s.egressRate: %llu bit/s is max_tx_rate %llu, expected the "
				 "max_tx_rate given, which is %u, or only one of the two keys",
				 where, (unsigned long long)bits, (unsigned long long)mbit,
				 k->conf.max_tx_rate);
	if (bits)
		k->conf.max_tx_rate = (uint32_t)mbit;
	k->conf.has_rate = k->has_min || k->has_max || bits;
	return 0;
}

static void settle(struct keys *k)
{
	struct sriov_conf *c = &k->conf;

	c->ipam_type = bw_conf_ipam_type(k->ipam);
	c->has_link_state = k->link_state >= 0;
	c->link_state = c->has_link_state ? (enum sriov_link_state)k->link_state : SRIOV_LINK_AUTO;
	c->has_dns = (uint8_t)bw_conf_has_dns(&c->dns);
}

static int in_bond(const struct sriov_conf *c)
{
	for (size_t i = 0; i < SRIOV_SLAVES; i++)
		if (strcmp(c->bond.devices[i].s, c->device.s) == 0)
			return 1;
	return 0;
}

/* What two keys may not say together. */
static int check_together(const struct keys *k, struct bw_err *err)
{
	const struct sriov_conf *c = &k->conf;
	const struct {
		int broken;
		const char *text;
	} rules[] = {
		{ k->has_qos && !c->has_vlan,
		  "vlanQoS: is given without vlan, expected both or no vlanQoS" },
		{ k->has_proto && !c->has_vlan,
		  "vlanProto: is given without vlan, expected both or no vlanProto" },
		{ c->qos && !c->vlan,
		  "vlanQoS: a priority needs a VLAN, expected vlan from 1 to 4094 or vlanQoS 0" },
		{ c->proto == ETH_P_8021AD && !c->vlan,
		  "vlanProto: \"802.1ad\" needs a VLAN, expected vlan from 1 to 4094" },
		{ c->has_bond && c->pfs.n,
		  "pf: a bond names its PFs in bond.pfs, expected pf or bond, got both" },
		{ c->has_bond && c->device.s[0] && !in_bond(c),
		  "deviceID: a bond names its VFs in bond.deviceIDs, expected one of them, or no "
		  "deviceID" },
	};

	for (size_t i = 0; i < BW_ARRAY_SIZE(rules); i++)
		if (rules[i].broken)
			return bw_reject(err, BW_ERR_INVALID, EINVAL, "%s", rules[i].text);
	if (c->max_tx_rate && c->min_tx_rate > c->max_tx_rate)
		return bw_reject(err, BW_ERR_INVALID, EINVAL,
				 "min_tx_rate: expected at most max_tx_rate %u, got %u",
				 c->max_tx_rate, c->min_tx_rate);
	return 0;
}

static int check_way(const struct bw_cni_request *req, const struct sriov_conf *c,
		     struct bw_err *err)
{
	if (req->verb != BW_CNI_ADD || c->device.s[0] || c->pfs.n || c->selectors.n || c->has_bond)
		return 0;
	return bw_reject(err, BW_ERR_INVALID, EINVAL,
			 "deviceID: missing, expected a VF's PCI address such as 0000:01:10.0, or "
			 "pf, resource or bond to choose one by");
}

int sriov_conf_load(const struct bw_cni_request *req, struct sriov_conf *ret, struct bw_err *err)
{
	struct keys k = defaults;
	int r;

	r = bw_json_decode(req->conf, &table, NULL, &k, err);
	if (r >= 0)
		r = choose_mac(req, &k, err);
	if (r >= 0)
		r = choose_device(&k, err);
	if (r >= 0)
		r = choose_rate(&k, err);
	settle(&k);
	if (r >= 0)
		r = check_together(&k, err);
	if (r >= 0)
		r = check_way(req, &k.conf, err);
	*ret = k.conf;
	return r;
}

/* A DEL looks for the device by whatever name is left; the other rules are for ADD to keep. */
int sriov_conf_load_lenient(const struct bw_cni_request *req, struct sriov_conf *ret,
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
	if (choose_mac(req, &k, &why) < 0 || choose_device(&k, &why) < 0)
		bw_log_warn("ignoring bad configuration", "error", why.msg);
	settle(&k);
	*ret = k.conf;
	return 0;
}

void sriov_conf_done(struct sriov_conf *conf)
{
	if (!conf)
		return;
	bw_conf_dns_done(&conf->dns);
	sriov_list_done(&conf->pfs);
	sriov_resource_done(&conf->selectors);
}

int sriov_conf_is_foreign(const struct sriov_conf *conf)
{
	return bw_conf_is_foreign(conf->ipam_type);
}

unsigned int sriov_conf_n_vfs(const struct sriov_conf *conf)
{
	return conf->has_bond ? SRIOV_SLAVES : 1;
}

int sriov_conf_is_named(const struct sriov_conf *conf)
{
	return conf->has_bond ? conf->bond.has_devices : conf->device.s[0] != '\0';
}
