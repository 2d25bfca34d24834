/* SPDX-License-Identifier: Apache-2.0 */
/* What an import makes: pools, reservations, claims, Units; who reads which IPAM's objects. */
#pragma once

#include <bw/defs.h>
#include <bw/ip.h>
#include <bw/json.h>

struct bw_err;
struct cJSON;
struct cli_kube_args;

#define CLI_IMPORT_NAME_MAX 60 /* characters: a domain's, conf/crds */
#define CLI_IMPORT_TAKEN_MAX 65536 /* addresses of one source's pool that are in use */

/* A pool that was written, for what names its addresses later. */
struct cli_import_known {
	struct bw_prefix prefix;
	char domain[CLI_IMPORT_NAME_MAX + 1];
};

struct cli_import {
	const struct cli_kube_args *args;
	struct bw_json_build build;
	struct cJSON *items; /* borrowed from build */
	struct cli_import_known *known; /* owned */
	size_t n_known;
	unsigned int n; /* objects */
	int failed; /* out of memory */
};

/* One pool as it will be written. Zeroed has nothing but a name and a prefix to be set. */
struct cli_import_pool {
	char name[CLI_IMPORT_NAME_MAX + 1];
	char domain[CLI_IMPORT_NAME_MAX + 1]; /* "" = the name */
	const char *prefix;
	const char *gateway;
	char range[100]; /* "" = .ranges */
	const struct cJSON *ranges; /* array of texts; none at all = the whole prefix */
	const struct cJSON *excludes;
	const struct cJSON *routes; /* array of {dst, gw?} */
	const struct cJSON *vlan; /* number; NULL = none */
	const struct cJSON *mtu;
	const char *uplink;
	const char *mode; /* NULL = bridge */
	uint8_t maintenance;
	uint8_t is_default;
};

/* A name that the API takes: lower case, digits and dashes; @n > 0 is appended. */
void cli_import_name(char out[CLI_IMPORT_NAME_MAX + 1], const char *from, unsigned int n);

/* Writes the pool; one without a readable prefix is left out with a note. */
void cli_import_pool(struct cli_import *im, struct cli_import_pool *p);

/* Addresses that the other IPAM has given. Zeroed is empty, .ips is freed by cli_taken_done(). */
struct cli_taken {
	struct bw_ip *ips;
	size_t n;
};
void cli_taken_add(struct cli_import *im, struct cli_taken *t, const struct bw_ip *ip);
void cli_taken_done(struct cli_taken *t);
/* A NetworkReservation of them, so that nobody is given one before its pod has moved. */
void cli_import_reserve(struct cli_import *im, const char *domain, const char *name,
			const char *reason, struct cli_taken *t);
/* The same of a list of texts: addresses, ranges, prefixes. */
void cli_import_reserve_texts(struct cli_import *im, const char *domain, const char *name,
			      const char *reason, const struct cJSON *list);
/* The domain of a pool that was written before and has the address; NULL = none. */
const char *cli_import_domain(const struct cli_import *im, const struct bw_ip *ip);

/* To stderr: what a person should look at. */
void cli_import_note(const char *what, const char *text);

/* The readers: each takes one document of its kind, and says 0 when it is none. */
int cli_import_cni(struct cli_import *im, const struct cJSON *doc, const char *name);
int cli_import_object(struct cli_import *im, const struct cJSON *doc);
int cli_import_dbscale(struct cli_import *im, const struct cJSON *doc);
int cli_import_unit(struct cli_import *im, const struct cJSON *doc);
/* A number of Mbit/s as limits of both directions. */
void cli_import_bandwidth(struct cli_import *im, struct cJSON *iface, const struct cJSON *spec);
/* After the last document: Units get the addresses of the claims that were read with them. */
void cli_import_units_end(struct cli_import *im);
