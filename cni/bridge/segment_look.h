/* SPDX-License-Identifier: Apache-2.0 */
/* What there is of a bridge, compared with what is wanted. Reads only. */
#pragma once

#include <bw/link.h>

#include "alias.h"

struct bridge_segment_want;
struct bw_err;
struct bw_nl;

/* One look. An ifindex of 0 says that the device does not exist. */
struct bridge_look {
	struct bw_link bridge;
	struct bw_link uplink; /* the one wanted, else the one the alias names */
	struct bridge_alias alias;
	uint8_t has_gateways; /* all that are wanted */
	uint8_t has_vlans; /* the uplink carries the tags that are wanted */
	struct bw_link gateway; /* BRIDGE.VLAN, only looked at when it is needed */
};

/* Reads it. 0; -errno. */
int bridge_look(struct bw_nl *nl, const struct bridge_segment_want *want, struct bridge_look *ret,
		struct bw_err *err);

/* Refuses what must not be: 0; -EINVAL class INVALID; -EOPNOTSUPP class UNSUPPORTED; -errno. */
int bridge_look_check(struct bw_nl *nl, const struct bridge_segment_want *want,
		      const struct bridge_look *look, struct bw_err *err);

/* Whether everything is as wanted. @made: an exclusive pass has just been through. */
int bridge_look_is_right(const struct bridge_segment_want *want, const struct bridge_look *look,
			 int made);

/* Whether the bridge is to filter VLANs, and whether the kernel's can. */
int bridge_look_wants_vlans(const struct bridge_segment_want *want);

/* Whether the programs are to carry the tag (the bridge exists). */
int bridge_look_wants_bpf_vlan(const struct bridge_segment_want *want,
			       const struct bridge_look *look);

/* Name of the device that has the gateway addresses: the bridge, or BRIDGE.VLAN. 0; -EINVAL. */
int bridge_look_gateway_name(const struct bridge_segment_want *want, const struct bridge_look *look,
			     char out[IFNAMSIZ], struct bw_err *err);

#define BRIDGE_PORTS_MAX 16 /* gateways' ports of one look */

/* Ports that are neither the uplink nor our own gateways', and some of those. */
struct bridge_ports {
	unsigned int n;
	char first[IFNAMSIZ];
	unsigned int n_gateways;
	int gateways[BRIDGE_PORTS_MAX];
};
int bridge_look_ports(struct bw_nl *nl, const struct bridge_look *look, struct bridge_ports *ret,
		      struct bw_err *err);

/* Name of our port behind BRIDGE.VLAN: "bwv" and hex digits of its hash. */
void bridge_gateway_port_name(const char *gateway, char out[IFNAMSIZ]);
