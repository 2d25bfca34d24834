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
};

/* Until when addresses that are given back now cool; 0 = they do not. */
int64_t ipam_cool_until(const struct bw_ipam *ipam);

/* "container ID IFNAME (pod POD, network NETWORK)" */
#define IPAM_HOLDER_MAX 512
const char *ipam_holder_str(const struct bw_attachment *a, char out[IPAM_HOLDER_MAX]);
