/* SPDX-License-Identifier: Apache-2.0 */
/* The handle behind bw_ipam_*(). Private to ipam/. */
#pragma once

#include <bw/ipam.h>

#include "conf.h"

struct bw_ipam {
	const struct bw_ipam_conf *conf; /* borrowed */
	struct bw_journal *data; /* owned; NULL = there is no file */
	struct bw_journal *node; /* owned; NULL = not opened, or the same as data */
	unsigned int flags; /* BW_JOURNAL_F_* */
	int64_t add_id; /* row this handle's ADD made; 0 = none */
	int64_t del_id; /* row this handle's DEL marked; 0 = none */
	char del_uid[64]; /* of its claim; "" = none */
	uint64_t del_token;
};

/*
 * claim.c: what a claim asks of an attachment's life. Without one they do nothing.
 */

/* In the transaction that inserts the row: may it be made? Fills the row's claim. 0; -ESTALE. */
int ipam_claim_take(const struct bw_ipam *ipam, struct bw_attachment *row, struct bw_err *err);

/* In the transaction that makes the row Live: write that its token is attached. 0; -errno. */
int ipam_claim_live(const struct bw_ipam *ipam, const struct bw_attachment *who,
		    struct bw_err *err);

/**
 * ipam_remove() - bw_journal_attach_remove(), and a claim's token is given back with its last row
 * @uid: of the row's claim; "" = none
 *
 * One transaction, of its own unless one is open. Return: as bw_journal_attach_remove().
 */
int ipam_remove(struct bw_journal *j, int64_t id, int64_t cool_until_s, const char *uid,
		uint64_t token, struct bw_err *err);

/* Until when addresses that are given back now cool; 0 = they do not. */
int64_t ipam_cool_until(const struct bw_ipam *ipam);

/* "container ID IFNAME (pod POD, network NETWORK)" */
#define IPAM_HOLDER_MAX 512
const char *ipam_holder_str(const struct bw_attachment *a, char out[IPAM_HOLDER_MAX]);
