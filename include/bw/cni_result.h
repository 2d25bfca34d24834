/* SPDX-License-Identifier: Apache-2.0 */
/* A CNI result as a value, in the newest shape (1.1.0); versions are converted at the edges. */
#pragma once

#include <bw/defs.h>
#include <bw/ip.h>

struct bw_err;
struct cJSON;

#define BW_CNI_IFS_MAX 64
#define BW_CNI_IPS_MAX 64
#define BW_CNI_ROUTES_MAX 1024
#define BW_CNI_DNS_MAX 64
#define BW_CNI_NO_IF (-1)

struct bw_cni_if {
	char *name; /* owned */
	char *sandbox; /* owned; NULL = on the host */
	char *socket_path; /* owned or NULL */
	char *pci_id; /* owned or NULL */
	struct bw_mac mac;
	uint8_t has_mac;
	uint32_t mtu; /* 0 = not said */
};

struct bw_cni_ip {
	struct bw_prefix address;
	struct bw_ip gateway; /* family 0 = none */
	int interface; /* index into ifs, BW_CNI_NO_IF = none */
};

struct bw_cni_route {
	struct bw_prefix dst;
	struct bw_ip gw; /* family 0 = none */
	uint32_t mtu; /* 0 = not said */
	uint32_t advmss; /* 0 = not said */
	int32_t priority; /* -1 = not said */
	int32_t table; /* -1 = not said */
	int32_t scope; /* -1 = not said */
};

struct bw_cni_dns {
	char *domain; /* owned or NULL */
	char **nameservers;
	char **search;
	char **options;
	size_t n_nameservers, n_search, n_options;
};

struct bw_cni_result {
	struct bw_cni_if *ifs;
	struct bw_cni_ip *ips;
	struct bw_cni_route *routes;
	size_t n_ifs, n_ips, n_routes;
	struct bw_cni_dns dns;
};

/* Frees the contents; NULL-safe, half-built-safe; the result is empty then. */
void bw_cni_result_done(struct bw_cni_result *r);

/* Append a copy (strings are duplicated). 0; -ENOMEM; -E2BIG past the BW_CNI_*_MAX. */
int bw_cni_result_add_if(struct bw_cni_result *r, const struct bw_cni_if *i, struct bw_err *err);
int bw_cni_result_add_ip(struct bw_cni_result *r, const struct bw_cni_ip *i, struct bw_err *err);
int bw_cni_result_add_route(struct bw_cni_result *r, const struct bw_cni_route *i,
			    struct bw_err *err);

/* Append a copy of @text to one of a dns's lists. 0; -ENOMEM; -E2BIG past BW_CNI_DNS_MAX. */
int bw_cni_dns_add(char ***list, size_t *n, const char *text, struct bw_err *err);

/* Frees the contents; NULL-safe; the dns is empty then. */
void bw_cni_dns_done(struct bw_cni_dns *dns);

/**
 * bw_cni_result_parse() - read a result of any supported version
 * @json: a result document; its own cniVersion decides, @version when it has none
 * @version: version of the configuration it came in
 * @ret: empty on input, filled on success, empty on failure
 *
 * Return: 0; -EINVAL, class INVALID, naming the path; -EPROTONOSUPPORT class VERSION; -ENOMEM.
 */
int bw_cni_result_parse(const struct cJSON *json, const char *version, struct bw_cni_result *ret,
			struct bw_err *err);

/**
 * bw_cni_result_to_json() - write a result in the version that was asked for
 * @version: a supported one: what the request was written in
 * @ret: a new tree, owned by the caller
 *
 * Return: 0; -ENOMEM.
 */
int bw_cni_result_to_json(const struct bw_cni_result *r, const char *version, struct cJSON **ret,
			  struct bw_err *err);
