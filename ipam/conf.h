/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration as values: pools, wishes, where the journal is. Private to ipam/. */
#pragma once

#include <bw/alloc.h>
#include <bw/cni_request.h>
#include <bw/ipam.h>
#include <bw/json.h>
#include <bw/range.h>

struct bw_cni_result;
struct bw_err;

#define IPAM_TYPE "barewire-ipam"
#define IPAM_COOLDOWN_MAX_S 86400 /* a day */
#define IPAM_RESERVATIONS_MAX 16384
#define IPAM_EXCLUDES_MAX 16384
#define IPAM_ROUTES_MAX 1024 /* BW_CNI_ROUTES_MAX */
#define IPAM_IPS_MAX 64

/* As written. Strings point into the request's document. */
struct ipam_range_in {
	struct bw_prefix subnet;
	uint8_t has_subnet;
	struct bw_ip first;
	struct bw_ip last;
	struct bw_ip gateway;
	struct bw_json_list exclude; /* struct bw_interval */
};

struct ipam_route_in {
	struct bw_prefix dst;
	struct bw_ip gw;
	uint32_t mtu;
	uint32_t advmss;
	int32_t priority;
	int32_t table;
	int32_t scope;
	uint8_t has_priority;
	uint8_t has_table;
	uint8_t has_scope;
};

struct ipam_reservation_in {
	const char *key;
	struct bw_json_list addresses; /* const char * */
	struct bw_mac mac;
	uint8_t has_mac;
};

/* The claim an attachment is made for: barewire-bridge fills it from the journal's binding. */
struct ipam_claim_in {
	const char *uid; /* NULL = no claim */
	const char *iface;
	const char *ns;
	const char *name;
	uint64_t token;
};

struct ipam_in {
	const char *type;
	struct ipam_claim_in claim;
	struct ipam_range_in legacy;
	struct bw_json_list ranges; /* lists of struct ipam_range_in */
	struct bw_json_list routes; /* struct ipam_route_in */
	const char *resolv_conf;
	const char *data_dir;
	const char *domain;
	enum bw_alloc_strategy strategy;
	uint32_t cooldown_s;
	struct bw_json_list reservations; /* struct ipam_reservation_in */
};

struct ipam_runtime_in {
	struct bw_json_list ips; /* const char * */
	struct bw_json_list ranges; /* lists of struct ipam_range_in */
};

struct ipam_args_cni_in {
	struct bw_json_list ips; /* const char * */
};

struct ipam_args_in {
	struct ipam_args_cni_in cni;
};

struct ipam_top_in {
	const char *data_dir;
	const struct cJSON *ipam;
	struct ipam_runtime_in runtime;
	struct ipam_args_in args;
};

extern const struct bw_json_table ipam_in_table;
extern const struct bw_json_table ipam_top_table;

/* What a set must give: family 0 = anything. */
struct ipam_wish {
	struct bw_ip ip;
	char from[64]; /* which channel said so first */
};

struct bw_ipam_conf {
	const struct bw_cni_request *req; /* borrowed */
	struct ipam_top_in top;
	struct ipam_in in;
	uint8_t has_sets; /* the addresses are ours to give */
	char domain[BW_JOURNAL_DOMAIN_MAX + 1];
	char dir[BW_JOURNAL_DIR_MAX + 1];
	char pod[BW_JOURNAL_KEY_MAX + 1]; /* "namespace/name"; "" = not said */
	struct bw_range_set sets[BW_RANGE_SETS_MAX];
	struct ipam_wish wishes[BW_RANGE_SETS_MAX]; /* by set */
	size_t n_sets;
	struct bw_interval *excludes; /* owned */
	size_t n_excludes;
	struct bw_mac mac; /* of a matching reservation */
	uint8_t has_mac;
};

/* conf_range.c: sets from all places, checked. Fills conf->sets and conf->excludes. */
int ipam_conf_ranges(struct bw_ipam_conf *conf, struct bw_err *err);

/* One reserved address. */
struct ipam_reserved {
	struct bw_ip ip;
	const char *text; /* as written */
	const struct ipam_reservation_in *of;
	size_t index; /* of the reservation */
	uint8_t mine; /* the request is who it is reserved for */
};

/* reservation.c: all reserved addresses, ascending. @ret is owned by the caller. */
int ipam_reserved_list(struct bw_ipam_conf *conf, struct ipam_reserved **ret, size_t *ret_n,
		       struct bw_err *err);
/* Who an address is reserved for; NULL = nobody. */
const struct ipam_reserved *ipam_reserved_find(const struct ipam_reserved *list, size_t n,
					       const struct bw_ip *ip);

/* wish.c: merges the wishes of all channels into conf->wishes. */
int ipam_conf_wishes(struct bw_ipam_conf *conf, const struct ipam_reserved *reserved,
		     size_t n_reserved, struct bw_err *err);

/* resolv.c: appends what a resolv.conf says to a result's dns. */
int ipam_resolv_conf(const char *path, struct bw_cni_result *result, struct bw_err *err);

/* The pod as the kubelet names it, "namespace/name"; untouched when it does not. */
void ipam_pod(const struct bw_cni_request *req, char ret[BW_JOURNAL_KEY_MAX + 1]);
