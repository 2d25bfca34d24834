/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What check and uninstall know of a cluster: pools, claims with their addresses, locks, nodes; the
 * fields that they compare, as texts of one arena.
 *
 * I1 Pointers into the tables are taken only after cli_view_load().
 */
#pragma once

#include <bw/defs.h>
#include <bw/ip.h>

#include <gen/net.h>

struct bw_err;
struct cli_session;

/* A growing array of rows of one size. Zeroed with .size set is empty. */
struct cli_rows {
	void *v; /* owned */
	size_t size; /* of a row */
	size_t n;
	size_t cap;
};

struct cli_pool {
	const char *name;
	const char *domain;
	const char *trouble; /* why it is not sound; NULL = it is */
	uint8_t sweep_stopped;
	uint8_t sweep_allowed; /* by annotation */
};

struct cli_claim {
	const char *ns;
	const char *name;
	const char *uid;
	const char *unit; /* name of the pod it is for; NULL = none is named */
	const char *holder; /* node; NULL = nobody */
	const char *holder_uid;
	const char *attached; /* node; NULL = nowhere */
	int64_t token;
	int64_t attached_token;
	int64_t detached_token; /* -1 = none */
	enum bw_net_claim_status_phase phase;
	uint8_t has_eth0;
};

/* One address that a claim's status lists. */
struct cli_addr {
	struct bw_ip ip;
	const char *domain; /* "" = its pool does not exist */
	const char *pool;
	size_t claim; /* row */
	uint8_t eth0;
};

/* One NetworkAddress. */
struct cli_lock {
	struct bw_ip ip;
	const char *domain;
	const char *pool;
	const char *ns; /* of the claim; "" = none */
	const char *claim;
	const char *uid;
	enum bw_net_address_state state;
};

struct cli_view {
	struct cli_rows pools; /* struct cli_pool, by name */
	struct cli_rows claims; /* struct cli_claim, as listed */
	struct cli_rows addrs; /* struct cli_addr, by address, domain */
	struct cli_rows locks; /* struct cli_lock, likewise */
	struct cli_rows by_name; /* const struct cli_claim *, by namespace and name */
	struct cli_rows by_unit; /* likewise, those that name a pod */
	char **chunks; /* owned, with the texts */
	size_t n_chunks;
	size_t used; /* of the last chunk */
};

#define BW_CLI_ROW(rows, type, i) (&((type *)(rows)->v)[i])

/* Zeroes a row at the end; NULL = out of memory. */
void *cli_rows_add(struct cli_rows *rows);

/* A copy that lives as long as the view; NULL stays NULL, and comes when memory is out. */
const char *cli_view_keep(struct cli_view *v, const char *text);

/**
 * cli_view_load() - read pools, claims and locks
 * @s: session
 * @ret: cli_view_done() frees it, after a failure too
 *
 * Return: 0; -errno of the server's answer.
 */
int cli_view_load(struct cli_session *s, struct cli_view *ret, struct bw_err *err);
void cli_view_done(struct cli_view *v);

/* By name; NULL = there is none. Borrowed, as the next three. */
const struct cli_pool *cli_view_pool(const struct cli_view *v, const char *name);
const struct cli_claim *cli_view_claim(const struct cli_view *v, const char *ns, const char *name);
/* The claim whose unitRef is the pod's name. */
const struct cli_claim *cli_view_unit(const struct cli_view *v, const char *ns, const char *pod);
/* The lock of an address; @domain NULL = the first of any. */
const struct cli_lock *cli_view_lock(const struct cli_view *v, const char *domain,
				     const struct bw_ip *ip);

/* The first row of .addrs with that address, or the one behind where it would be. */
size_t cli_view_addr(const struct cli_view *v, const struct bw_ip *ip);

/* Whether its node still says that it is attached there. */
static inline int cli_claim_is_attached(const struct cli_claim *c)
{
	return c->attached && c->attached_token > c->detached_token;
}
