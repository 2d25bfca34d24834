/* SPDX-License-Identifier: Apache-2.0 */
/* Gateways, default routes and DNS of a result, as the reference bridge plugin completes them.
 * Pure. */
#pragma once

#include <bw/cni_result.h>

#include "conf.h"
#include "segment.h"

struct bw_err;

/* Addresses the host is to have in the segment. */
struct bridge_gateways {
	struct bw_prefix at[BRIDGE_GATEWAYS_MAX];
	size_t n;
};

/**
 * bridge_layer3_complete() - what isGateway, isDefaultGateway and dns add to the IPAM's answer
 * @conf: configuration
 * @result: prevResult's content, then what the IPAM appended
 * @first_ip: index of the IPAM's first address
 * @first_route: index of the IPAM's first route
 * @ret: gateways the host is to carry; empty unless isGateway
 *
 * With isGateway an address without a gateway gets the first address of its subnet. With
 * isDefaultGateway a family gets a default route unless the IPAM gave one with a gateway.
 * Return: 0; -EINVAL class INVALID the IPAM gave no address, or too many gateways; -ENOMEM; -E2BIG.
 */
int bridge_layer3_complete(const struct bridge_conf *conf, struct bw_cni_result *result,
			   size_t first_ip, size_t first_route, struct bridge_gateways *ret,
			   struct bw_err *err);

/* dns of the configuration replaces the IPAM's when any member is set. 0; -ENOMEM. */
int bridge_layer3_dns(const struct bridge_conf *conf, struct bw_cni_result *result,
		      struct bw_err *err);

/* The gateway of a family among a result's addresses from @first_ip on; NULL = none. Borrowed. */
const struct bw_ip *bridge_layer3_gateway(const struct bw_cni_result *result, size_t first_ip,
					  int family);
