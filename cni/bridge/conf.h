/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration of a bridge network as one value: every key, its default, its bounds. What
 * depends on the kernel (does the uplink exist, may programs be attached) is not decided here.
 */
#pragma once

#include <bw/cni_request.h>
#include <bw/defs.h>
#include <bw/ip.h>
#include <bw/json.h>
#include <bw/plugin_conf.h>

#include "reach.h"

struct bw_cni_dns;
struct bw_err;

#define BRIDGE_NAME_DEFAULT "cni0"
#define BRIDGE_VLAN_MAX BW_CONF_VLAN_MAX
#define BRIDGE_NATIVE_VID 1 /* untagged on a trunk without vlan, as the reference plugin */
#define BRIDGE_EP_ADDRS_MAX 4 /* BW_EP_ADDRS_MAX of bpf_abi.h: what the programs hold */
#define BRIDGE_TRUNK_ITEMS_MAX 256
#define BRIDGE_BURST_BITS_MAX (8LL * 0xffffffffLL) /* as the reference bandwidth plugin */

enum bridge_accel {
	BRIDGE_ACCEL_AUTO, /* eBPF where the kernel takes it, else the bridge alone */
	BRIDGE_ACCEL_EBPF,
	BRIDGE_ACCEL_OFF,
	BRIDGE_ACCEL_MAX_,
};

enum bridge_spoof {
	BRIDGE_SPOOF_DEFAULT, /* key absent: on, but off for trunks and without a container
				 interface */
	BRIDGE_SPOOF_ON, /* asked for */
	BRIDGE_SPOOF_OFF,
	BRIDGE_SPOOF_MAX_,
};

enum bridge_mac_from {
	BRIDGE_MAC_FROM_ADDRESS,
	BRIDGE_MAC_FROM_RANDOM,
	BRIDGE_MAC_FROM_MAX_,
};

enum bridge_link {
	BRIDGE_LINK_VETH,
	BRIDGE_LINK_NETKIT,
	BRIDGE_LINK_AUTO,
	BRIDGE_LINK_MAX_,
};

const char *bridge_accel_str(enum bridge_accel accel);
const char *bridge_link_str(enum bridge_link link);

struct bridge_antispoof {
	enum bridge_spoof mode;
	struct bw_prefix v4[BRIDGE_EP_ADDRS_MAX];
	struct bw_prefix v6[BRIDGE_EP_ADDRS_MAX];
	unsigned int n_v4;
	unsigned int n_v6;
};

/* Bits and bits per second; rate 0 = no limit. Ingress is towards the pod. */
struct bridge_bandwidth {
	int64_t ingress_rate;
	int64_t ingress_burst;
	int64_t egress_rate;
	int64_t egress_burst;
};

/* VIDs a trunk port carries tagged. */
struct bridge_trunk {
	uint8_t vids[512]; /* bit VID */
	unsigned int n; /* how many */
};

/* Strings are borrowed from the request. */
struct bridge_conf {
	const char *bridge;
	const char *uplink; /* NULL = none */
	const char *ipam_type; /* NULL = no IPAM: pure layer 2 */
	uint8_t is_gateway; /* also set by isDefaultGateway */
	uint8_t is_default_gateway;
	uint8_t force_address;
	uint8_t ip_masq;
	uint8_t hairpin;
	uint8_t promisc;
	uint8_t preserve_default_vlan;
	uint8_t macspoofchk;
	uint8_t enable_dad;
	uint8_t no_container_if;
	uint8_t isolated;
	uint8_t announce;
	uint8_t move_uplink_addresses;
	uint8_t has_reach;
	uint8_t has_mac; /* declared by runtimeConfig, args.cni or CNI_ARGS */
	uint16_t vlan; /* 0 = none */
	uint32_t mtu; /* 0 = the kernel's, or the uplink's */
	enum bridge_accel accel;
	enum bridge_mac_from mac_from;
	enum bw_probe_mode probe;
	enum bridge_link link;
	struct bridge_antispoof antispoof;
	struct bridge_bandwidth bandwidth;
	struct bridge_trunk trunk;
	struct bw_conf_dns dns;
	struct bridge_reach reach;
	struct bw_mac mac;
};

#define bridge_autoconf BW_CLEANUP(bridge_conf_done)

/**
 * bridge_conf_load() - read and check every key
 * @req: borrowed for the conf's life
 * @ret: filled, also in part after a failure; bridge_conf_done() frees it
 *
 * Return: 0; -EINVAL class INVALID naming the key, the value and what is allowed; -ENOMEM.
 */
int bridge_conf_load(const struct bw_cni_request *req, struct bridge_conf *ret, struct bw_err *err);

/* For DEL and GC: what cannot be understood keeps its default and is logged. 0; -ENOMEM. */
int bridge_conf_load_lenient(const struct bw_cni_request *req, struct bridge_conf *ret,
			     struct bw_err *err);
void bridge_conf_done(struct bridge_conf *conf);

/* Whether a foreign plugin gives the addresses. */
int bridge_conf_is_foreign(const struct bridge_conf *conf);

/* Whether the whole anti-spoofing is on: asked for, or by default for this kind of port. */
int bridge_conf_checks_ip(const struct bridge_conf *conf);

/* Whether a source MAC is checked: antiSpoof or macspoofchk. */
int bridge_conf_checks_mac(const struct bridge_conf *conf);

/* Whether any rate is limited. */
int bridge_conf_is_limited(const struct bridge_conf *conf);

/* Whether programs are wanted at all, and whether an ADD must fail without them (the key why). */
int bridge_conf_wants_programs(const struct bridge_conf *conf);
const char *bridge_conf_needs_programs(const struct bridge_conf *conf);

/* Whether @vid is in the trunk. */
static inline int bridge_trunk_has(const struct bridge_trunk *t, unsigned int vid)
{
	return vid <= BRIDGE_VLAN_MAX && (t->vids[vid / 8] >> (vid % 8) & 1);
}

/**
 * bridge_trunk_next() - walk a trunk as runs of VIDs
 * @vid: where to look from, 1 for the first run
 * @ret_last: last VID of the run found
 *
 * Return: first VID of the next run, 0 when there is none.
 */
unsigned int bridge_trunk_next(const struct bridge_trunk *t, unsigned int vid,
			       unsigned int *ret_last);
