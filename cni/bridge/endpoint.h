/* SPDX-License-Identifier: Apache-2.0 */
/* The datapath's view of an attachment: what may it send, how is it carried. Pure. */
#pragma once

#include <bw/cni_result.h>
#include <bw/datapath.h>

#include "conf.h"
#include "segment.h"

struct bw_err;
struct bw_link;

/* What an endpoint is made of. Everything is borrowed. */
struct bridge_endpoint_from {
	const struct bridge_conf *conf;
	const struct bridge_segment *segment;
	const struct bw_link *host;
	const struct bw_mac *mac;
	const struct bw_cni_result *result;
	size_t first_ip; /* of the result: the attachment's own addresses start here */
	int accel;
	int is_netkit;
};

/**
 * bridge_endpoint_build() - fill an endpoint
 * @ret: filled on success
 *
 * Return: 0; -E2BIG class INVALID: more addresses of a family than the programs hold.
 */
int bridge_endpoint_build(const struct bridge_endpoint_from *from, struct bw_dp_endpoint *ret,
			  struct bw_err *err);

/* Why such a port takes the bridge even with acceleration; NULL = it may be fast. Static text. */
const char *bridge_endpoint_why_slow(const struct bridge_conf *conf);

/* Whether addresses can be checked: asked for, and there is an IPAM that says which. */
int bridge_endpoint_checks_ip(const struct bridge_conf *conf);
