/* SPDX-License-Identifier: Apache-2.0 */
/* Which part of a result an attachment itself brings: what stands before is prevResult's. */
#pragma once

#include <bw/cni_request.h>
#include <bw/cni_result.h>

struct bw_conf_dns;
struct bw_err;

struct bw_own {
	struct bw_cni_result *result; /* borrowed: what ADD answers */
	size_t first_if;
	size_t first_ip;
	size_t first_route;
};

/* How many addresses are the attachment's own. */
static inline size_t bw_own_n_ips(const struct bw_own *own)
{
	return own->result->n_ips - own->first_ip;
}

/**
 * bw_own_begin() - take over prevResult: what is appended from now on is the attachment's
 * @own: .result is set and empty
 * @req: the request
 *
 * Return: 0; -errno of bw_cni_prevresult().
 */
int bw_own_begin(struct bw_own *own, const struct bw_cni_request *req, struct bw_err *err);

/* Copies its own addresses, at most @max of them. Returns how many. */
size_t bw_own_ips(const struct bw_own *own, struct bw_ip *out, size_t max);

/* The first IPv4 address, else the first IPv6 address; NULL without any. Borrowed. */
const struct bw_ip *bw_own_first(const struct bw_own *own);

/* The gateway of a family among a result's addresses from @first_ip on; NULL = none. Borrowed. */
const struct bw_ip *bw_own_gateway(const struct bw_cni_result *result, size_t first_ip, int family);

/* Whether there is a default route of that family with a gateway among its own routes. */
int bw_own_has_default(const struct bw_own *own, int family);

/**
 * bw_own_append() - append what a delegate has answered
 * @own: .result gets addresses (with no interface) and routes; its DNS is replaced
 * @answer: its DNS is the old one afterwards; still the caller's to free
 *
 * Interfaces are left out: IPAM plugins have none.
 * Return: 0; -ENOMEM; -E2BIG.
 */
int bw_own_append(struct bw_own *own, struct bw_cni_result *answer, struct bw_err *err);

/* dns of the configuration replaces the IPAM's when any member is set. 0; -ENOMEM. */
int bw_own_dns(struct bw_own *own, const struct bw_conf_dns *dns, struct bw_err *err);

/* Says that the attachment's own addresses are on interface @index of its own ones. */
void bw_own_bind(struct bw_own *own, size_t index);
