/* SPDX-License-Identifier: Apache-2.0 */
/* Gateway addresses on a bridge that has an uplink: is somebody out there the gateway already? */
#pragma once

#include <bw/defs.h>
#include <bw/ip.h>

struct bw_err;
struct bw_link;
struct bw_nl;

#define BRIDGE_GATEWAY_PROBE_MS 200 /* routers answer ARP and ND in software, some slowly */
#define BRIDGE_GATEWAY_CARRIER_MS 5000 /* a copper port negotiates for 3 s */

/* What is to be asked, where. */
struct bridge_gateway {
	const struct bw_link *uplink;
	const struct bw_prefix *gateways;
	size_t n;
	uint16_t vlan; /* 0 = untagged */
	uint8_t tagged_by_programs; /* the uplink's egress puts the tag on by itself */
};

/**
 * bridge_gateway_probe() - ask for the addresses on the uplink, by ARP and ND
 *
 * Sets an uplink up that is down, and down again on failure. No lock may be held.
 * Return: 0 nobody answered; -EINVAL class INVALID: somebody did, the text has address and MAC;
 * -ETIMEDOUT class BUSY: the uplink has no carrier; -errno.
 */
int bridge_gateway_probe(struct bw_nl *nl, const struct bridge_gateway *g, struct bw_err *err);
