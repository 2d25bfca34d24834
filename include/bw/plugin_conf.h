/* SPDX-License-Identifier: Apache-2.0 */
/* Keys that the interface plugins share: decoders, checks and the tables of their field tables. */
#pragma once

#include <bw/defs.h>
#include <bw/ip.h>
#include <bw/json.h>

struct bw_err;
struct cJSON;

#define BW_CONF_IPAM_OWN "barewire-ipam"
#define BW_CONF_MTU_MIN 68 /* RFC 791: what every IPv4 link carries */
#define BW_CONF_MTU_MAX 65535
#define BW_CONF_VLAN_MAX 4094

/* `probe`: what happens when somebody in the segment has the address already. */
enum bw_probe_mode {
	BW_PROBE_OFF,
	BW_PROBE_WARN,
	BW_PROBE_ENFORCE,
	BW_PROBE_MODE_MAX_,
};

/* "off", "warn", "enforce"; "unknown" outside the enum. */
const char *bw_probe_mode_str(enum bw_probe_mode mode);
extern const struct bw_json_enum bw_probe_mode_names[];

/* `dns`. Strings are borrowed from the request. */
struct bw_conf_dns {
	const char *domain;
	struct bw_json_list nameservers; /* of const char * */
	struct bw_json_list search;
	struct bw_json_list options;
};

extern const struct bw_json_table bw_conf_dns_table;

/* Whether any member is set: it replaces the IPAM's then. */
int bw_conf_has_dns(const struct bw_conf_dns *dns);
void bw_conf_dns_done(struct bw_conf_dns *dns);

/* `ipam` as a TREE: an object whose type, if any, is a name. 0; -EINVAL class INVALID. */
int bw_conf_ipam_check(const struct cJSON *json, const struct bw_json_path *path, void *member,
		       struct bw_err *err);

/* Its type; NULL when there is none: no addresses. Borrowed. */
const char *bw_conf_ipam_type(const struct cJSON *ipam);

/* Whether a foreign plugin gives the addresses; @ipam_type NULL = nobody does. */
int bw_conf_is_foreign(const char *ipam_type);

/*
 * A device's name: a const char * member. Return: 0; -EINVAL class INVALID.
 * Source: dev_valid_name() of Linux, and no '%'.
 */
int bw_conf_ifname_check(const struct cJSON *json, const struct bw_json_path *path, void *member,
			 struct bw_err *err);

/* 0 or BW_CONF_MTU_MIN and more: a uint32_t member. 0; -EINVAL class INVALID. */
int bw_conf_mtu_check(const struct cJSON *json, const struct bw_json_path *path, void *member,
		      struct bw_err *err);

/* `args` of the configuration: args.cni.mac into a const char * member, borrowed. 0; -EINVAL class
 * INVALID. */
int bw_conf_args_decode(const struct cJSON *json, const struct bw_json_path *path, void *member,
			struct bw_err *err);

/* A place where a MAC may be declared; an empty or missing text is not declared. */
struct bw_conf_mac_from {
	const char *where; /* for the error */
	const char *text;
};

/**
 * bw_conf_mac_pick() - the first declared MAC in the order of precedence
 * @from: the places; every one is checked
 * @n: how many
 * @ret: filled when one is declared
 *
 * Return: 1 there is one; 0 there is none; -EINVAL class INVALID naming the place.
 */
int bw_conf_mac_pick(const struct bw_conf_mac_from *from, size_t n, struct bw_mac *ret,
		     struct bw_err *err);
