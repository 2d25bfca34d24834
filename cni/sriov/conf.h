/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration of a network of virtual functions as one value: every key, its default, its
 * bounds. What depends on the kernel (is there such a device, does its driver know the setting) is
 * not decided here.
 */
#pragma once

#include <bw/cni_request.h>
#include <bw/defs.h>
#include <bw/ip.h>
#include <bw/json.h>
#include <bw/plugin_conf.h>

struct bw_err;

#define SRIOV_QOS_MAX 7
#define SRIOV_RATE_MAX 2147483647LL /* Mbit/s: ndo_set_vf_rate() of linux/netdevice.h takes int */
#define SRIOV_NODE_MAX 1023 /* MAX_NUMNODES of the largest kernels */
#define SRIOV_PCI_STR_MAX 24 /* "00000000:00:00.0" and its NUL, with room */
#define SRIOV_PF_MAX 32 /* characters of a PF's name or address */
#define SRIOV_PFS_MAX 64
#define SRIOV_SELECTORS_MAX 64
#define SRIOV_NAMES_MAX 64 /* items of one list of a selector */
#define SRIOV_RANGES_MAX 32 /* of one name#ranges */
#define SRIOV_SLAVES 2 /* of a bond */
#define SRIOV_MIIMON_DEFAULT 100 /* ms */
#define SRIOV_MIIMON_MAX 60000

enum sriov_link_state {
	SRIOV_LINK_AUTO, /* values of IFLA_VF_LINK_STATE_* in linux/if_link.h */
	SRIOV_LINK_ENABLE,
	SRIOV_LINK_DISABLE,
	SRIOV_LINK_MAX_,
};

enum sriov_bond_mode {
	SRIOV_BOND_ACTIVE_BACKUP,
	SRIOV_BOND_8023AD,
	SRIOV_BOND_MAX_,
};

const char *sriov_link_state_str(enum sriov_link_state state);
const char *sriov_bond_mode_str(enum sriov_bond_mode mode);

/* A PCI address in lower case with its domain; "" = none. */
struct sriov_pci {
	char s[SRIOV_PCI_STR_MAX];
};

/* A PF by the name of its netdev or by its PCI address; both are names to look for. */
struct sriov_pf_name {
	char s[SRIOV_PF_MAX];
};

/* VF indices first..last, as in name#0-3. */
struct sriov_range {
	uint32_t first;
	uint32_t last;
};

/* One item of pfNames or rootDevices: a PF and which of its VFs; no ranges = all. */
struct sriov_pf_range {
	struct sriov_pf_name pf;
	struct sriov_range ranges[SRIOV_RANGES_MAX];
	unsigned int n_ranges;
};

/* The device plugin's selectors: a VF must match every list that is not empty. */
struct sriov_selector {
	struct bw_json_list pf_names; /* of struct sriov_pf_range; netdev names */
	struct bw_json_list root_devices; /* of struct sriov_pf_range; PCI addresses */
	struct bw_json_list pci_addresses; /* of struct sriov_pci */
	struct bw_json_list vendors; /* of uint16_t */
	struct bw_json_list devices; /* of uint16_t */
	struct bw_json_list drivers; /* of const char * */
};

/* Two VFs as one interface. */
struct sriov_bond {
	enum sriov_bond_mode mode;
	uint32_t miimon; /* ms between looks at the carrier */
	struct sriov_pci devices[SRIOV_SLAVES]; /* both "" = chosen among pfs */
	struct sriov_pf_name pfs[SRIOV_SLAVES];
	uint8_t has_devices;
	uint8_t has_pfs;
};

/*
 * A setting without its has_ bit was not given: the VF's own is left as it is. Strings are borrowed
 * from the request.
 */
struct sriov_conf {
	struct sriov_pci device; /* deviceID, or runtimeConfig.deviceID; "" = chosen */
	struct bw_json_list pfs; /* of struct sriov_pf_name; none = any */
	struct bw_json_list selectors; /* of struct sriov_selector: one must match; none = any */
	const char *ipam_type; /* NULL = no IPAM: pure layer 2 */
	uint8_t has_numa;
	uint8_t has_bond;
	uint8_t has_vlan; /* then qos and proto count too */
	uint8_t has_mac; /* wherever it was given */
	uint8_t has_spoofchk;
	uint8_t has_trust;
	uint8_t has_link_state;
	uint8_t has_rate; /* min_tx_rate, max_tx_rate or bandwidth: then both count */
	uint8_t has_dns; /* any member of dns is set: it replaces the IPAM's */
	uint8_t spoofchk;
	uint8_t trust;
	uint8_t announce;
	uint8_t qos;
	uint16_t vlan; /* 0 = no VLAN, actively */
	uint16_t proto; /* ETH_P_8021Q or ETH_P_8021AD, host order */
	uint16_t numa; /* preferred node */
	uint32_t min_tx_rate; /* Mbit/s, 0 = none */
	uint32_t max_tx_rate; /* Mbit/s, 0 = unlimited */
	uint32_t mtu; /* 0 = not given */
	enum sriov_link_state link_state;
	enum bw_probe_mode probe;
	struct bw_mac mac;
	struct sriov_bond bond;
	struct bw_conf_dns dns;
};

#define sriov_autoconf BW_CLEANUP(sriov_conf_done)

/**
 * sriov_conf_load() - read and check every key
 * @req: borrowed for the conf's life
 * @ret: filled, also in part after a failure; sriov_conf_done() frees it
 *
 * Without any way to a VF (deviceID, pf, resource, bond) it is refused for ADD; STATUS, CHECK and
 * VERSION need none.
 * Return: 0; -EINVAL class INVALID naming the key, the value and what is allowed; -EOPNOTSUPP class
 * UNSUPPORTED for what a VF cannot do; -ENOMEM.
 */
int sriov_conf_load(const struct bw_cni_request *req, struct sriov_conf *ret, struct bw_err *err);

/* For DEL and GC: what cannot be understood keeps its default and is logged. 0; -ENOMEM. */
int sriov_conf_load_lenient(const struct bw_cni_request *req, struct sriov_conf *ret,
			    struct bw_err *err);
void sriov_conf_done(struct sriov_conf *conf);

/* Whether a foreign plugin gives the addresses. */
int sriov_conf_is_foreign(const struct sriov_conf *conf);

/* How many VFs an attachment takes: 1, or SRIOV_SLAVES for a bond. */
unsigned int sriov_conf_n_vfs(const struct sriov_conf *conf);

/* Whether the configuration names its VFs; else they are chosen. */
int sriov_conf_is_named(const struct sriov_conf *conf);
