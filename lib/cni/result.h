/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the result share: the shapes before 0.3.0, and reading at a path. */
#pragma once

#include <bw/cni_result.h>
#include <bw/json.h>

/* An address and a route as they are read; absent numbers are told apart from zeroes. */
struct bw_cni_raw_ip {
	struct bw_cni_ip ip;
	const char *version; /* "4", "6" or NULL */
	uint8_t has_interface;
};

struct bw_cni_raw_route {
	struct bw_cni_route route;
	uint8_t has_priority, has_table, has_scope;
};

struct bw_cni_raw_dns {
	const char *domain;
	struct bw_json_list nameservers, search, options; /* of const char * */
};

extern const struct bw_json_table bw_cni_raw_dns_table;
extern const struct bw_json_field bw_cni_raw_route_item;

/* A gateway's member: an address, or "" for none. */
int bw_cni_raw_gateway(const struct cJSON *json, const struct bw_json_path *path, void *member,
		       struct bw_err *err);

/* 0; -ENOMEM; -E2BIG. */
int bw_cni_raw_take_routes(const struct bw_json_list *list, struct bw_cni_result *ret,
			   struct bw_err *err);
int bw_cni_raw_take_dns(const struct bw_cni_raw_dns *raw, struct bw_cni_result *ret,
			struct bw_err *err);

/* bw_cni_result_parse() of a document that stands at @at. */
int bw_cni_result_parse_at(const struct cJSON *json, const char *version,
			   const struct bw_json_path *at, struct bw_cni_result *ret,
			   struct bw_err *err);

/* The shape of 0.1.0 and 0.2.0: one address per family, no interfaces. */
int bw_cni_result_old_parse(const struct cJSON *json, const struct bw_json_path *at,
			    struct bw_cni_result *ret, struct bw_err *err);
void bw_cni_result_old_write(const struct bw_cni_result *r, struct bw_json_build *b,
			     struct cJSON *root);

/* {"dst", "gw"} and with @full what 1.1.0 adds. */
void bw_cni_route_write(const struct bw_cni_route *route, int full, struct bw_json_build *b,
			struct cJSON *list);
