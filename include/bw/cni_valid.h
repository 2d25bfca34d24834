/* SPDX-License-Identifier: Apache-2.0 */
/* The list of attachments a runtime calls valid, for GC. */
#pragma once

#include <bw/cni_request.h>

struct bw_err;

#define BW_CNI_VALID_MAX 65536

struct bw_cni_valid_entry {
	const char *container_id; /* borrowed from the request's document */
	const char *ifname;
};

/* Sorted by (container_id, ifname). */
struct bw_cni_valid {
	struct bw_cni_valid_entry *entries; /* owned */
	size_t n;
};

/**
 * bw_cni_valid_parse() - read cni.dev/valid-attachments (or the old cni.dev/attachments)
 *
 * null is a list of none: libcni leaves the key out when its caller has no list, and writes null
 * for an empty one, after a DEL of every attachment it knows. Return: 0; -EINVAL class INVALID when
 * the key is missing or an item is malformed; -ENOMEM. Source: CNI specification 1.1.0 "GC"; libcni
 * wrote the second key until cni#1101.
 */
int bw_cni_valid_parse(const struct bw_cni_request *req, struct bw_cni_valid *ret,
		       struct bw_err *err);
void bw_cni_valid_done(struct bw_cni_valid *v);
int bw_cni_valid_has(const struct bw_cni_valid *v, const char *container_id, const char *ifname);
