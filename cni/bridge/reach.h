/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reaching the node and Services from a pod whose default route is a router of the real network:
 * routes by way of the node, a next hop that nobody has to ask for, and the way back.
 *
 * I1 The next hop exists in the pods' neighbour tables alone: no interface carries it, so no frame
 *    of a kernel ever asks for it or answers for it, on the uplink least of all.
 * I2 The node knows the pod's MAC as the pod knows the bridge's: by permanent entries.
 */
#pragma once

#include <bw/ip.h>
#include <bw/json.h>

struct bw_attachment;
struct bw_err;
struct bw_journal;
struct bw_nl;
struct bridge_add;

#define BRIDGE_REACH_MAX 64 /* networks, and addresses of the node */
#define BRIDGE_REACH_V4 "169.254.1.1" /* RFC 3927: never forwarded */
#define BRIDGE_REACH_V6 "fe80::1"
#define BRIDGE_REACH_V6_OTHER "fe80::a9fe:101" /* where the pod's router is fe80::1 itself */
#define BRIDGE_REACH_PROTO                                                                         \
	98 /* rtm_protocol of the node's routes: not among the reserved ones of                    \
	      linux/rtnetlink.h */
#define BRIDGE_REACH_METRIC                                                                        \
	4242 /* of the segment's route: whatever else leads there goes first                       \
	      */

/* `reach`. The lists are owned. */
struct bridge_reach {
	struct bw_json_list services; /* struct bw_prefix: networks behind the node */
	struct bw_json_list node; /* struct bw_ip: the node's own addresses, its first of a family
				     is the source of what it sends to the pod */
};

extern const struct bw_json_table bridge_reach_table;

/* reach.c: with `reach` makes both ways. The segment is held. 0; -errno. */
int bridge_reach_add(struct bridge_add *add, struct bw_err *err);

/*
 * reach.c: the pod's neighbours once more. An announcement sets the interface's MAC anew, and the
 * kernel forgets all neighbours then, permanent ones too (neigh_changeaddr()). Failures are logged.
 */
void bridge_reach_again(struct bridge_add *add);

/**
 * bridge_reach_del() - the node's routes and neighbours of an attachment
 * @host: route socket of the host's namespace
 * @j: journal that has its addresses; NULL = nothing is done
 * @a: its row
 *
 * Nothing to do for a row without BW_ATTACH_F_REACH. Return: 0; -errno.
 */
int bridge_reach_del(struct bw_nl *host, struct bw_journal *j, const struct bw_attachment *a,
		     struct bw_err *err);
