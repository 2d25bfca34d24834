/* SPDX-License-Identifier: Apache-2.0 */
/* The state of one CHECK, and its parts beyond the links. */
#pragma once

#include <bw/check.h>
#include <bw/link.h>

#include "alias.h"
#include "ctx.h"

struct bw_err;

/* Links with ifindex 0 are not there. */
struct bridge_check {
	struct bridge_ctx *ctx; /* borrowed */
	struct bw_check base;
	struct bw_link bridge;
	struct bridge_alias alias; /* what we noted of the bridge */
	struct bw_link uplink;
	struct bw_link host;
};

/* check_programs.c: VLAN membership of the port. 0; -errno. */
int bridge_check_vlans(struct bridge_check *c, struct bw_err *err);

/* check_programs.c: links, programs and map entries of the datapath. 0; -errno. */
int bridge_check_programs(struct bridge_check *c, struct bw_err *err);
