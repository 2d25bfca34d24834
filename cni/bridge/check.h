/* SPDX-License-Identifier: Apache-2.0 */
/* The state of one CHECK, and its parts beyond the links. */
#pragma once

#include <bw/cni_result.h>
#include <bw/link.h>
#include <bw/netns.h>

#include "alias.h"
#include "ctx.h"
#include "drift.h"

struct bw_err;
struct bw_nl;

/* Links with ifindex 0 are not there. */
struct bridge_check {
	struct bridge_ctx *ctx; /* borrowed */
	struct bw_cni_result prev;
	struct bw_netns ns;
	struct bw_nl *pod_nl;
	struct bw_link bridge;
	struct bridge_alias alias; /* what we noted of the bridge */
	struct bw_link uplink;
	struct bw_link host;
	struct bw_link pod;
	struct bridge_drift drift;
};

/* check_layer3.c: addresses and routes of prevResult in the container. 0; -errno. */
int bridge_check_layer3(struct bridge_check *c, struct bw_err *err);

/* check_layer3.c: whether an address of prevResult is this interface's, not another plugin's. */
int bridge_check_is_ours(const struct bridge_check *c, const struct bw_cni_ip *ip);

/* check_programs.c: VLAN membership of the port. 0; -errno. */
int bridge_check_vlans(struct bridge_check *c, struct bw_err *err);

/* check_programs.c: links, programs and map entries of the datapath. 0; -errno. */
int bridge_check_programs(struct bridge_check *c, struct bw_err *err);
