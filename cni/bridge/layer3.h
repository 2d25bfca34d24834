/* SPDX-License-Identifier: Apache-2.0 */
/* Gateways and default routes of a result, as the reference bridge plugin completes them. Pure. */
#pragma once

#include <bw/own.h>

#include "conf.h"
#include "segment.h"

struct bw_err;

/* Addresses the host is to have in the segment. */
struct bridge_gateways {
	struct bw_prefix at[BRIDGE_GATEWAYS_MAX];
	size_t n;
};

/**
 * bridge_layer3_complete() - what isGateway and isDefaultGateway add to the IPAM's answer
 * @conf: configuration
 * @own: the IPAM's answer
 * @ret: gateways the host is to carry; empty unless isGateway
 *
 * With isGateway an address without a gateway gets the first address of its subnet. With
 * isDefaultGateway a family gets a default route unless the IPAM gave one with a gateway.
 * Return: 0; -EINVAL class INVALID the IPAM gave no address, or too many gateways; -ENOMEM; -E2BIG.
 */
int bridge_layer3_complete(const struct bridge_conf *conf, struct bw_own *own,
			   struct bridge_gateways *ret, struct bw_err *err);
