/* SPDX-License-Identifier: Apache-2.0 */
/* The state of one ADD, and its steps beyond the order in add.c. */
#pragma once

#include <bw/foreign.h>
#include <bw/link.h>
#include <bw/own.h>
#include <bw/pod.h>
#include <bw/undo.h>

#include "ctx.h"
#include "layer3.h"
#include "lock.h"
#include "segment.h"

struct bw_dp;
struct bw_err;
struct bw_nl;
struct bw_nl_batch;

struct bridge_add {
	struct bridge_ctx *ctx; /* owned */
	struct bw_own own; /* of what ADD answers */
	struct bw_pod pod;
	struct bw_foreign foreign; /* the IPAM plugin that is to forget after a failure */
	struct bw_nl *nft; /* netfilter socket on the host, with ipMasq */
	struct bridge_gateways gateways;
	struct bridge_segment_want want;
	struct bridge_segment segment; /* the lock, while it is held */
	struct bw_link host; /* host end */
	uint8_t forwards[2]; /* the host forwards already: IPv4, IPv6 */
	int is_netkit;
	int programs; /* eBPF programs are to be attached */
	int accel; /* ... and may take the fast path */
	struct bw_dp *dp;
	struct bw_undo undo;
};

/* mac.c: decides the pod's MAC. 0; -errno of the random source. */
int bridge_mac_choose(struct bridge_add *add, struct bw_err *err);

/* mac.c: whether the pod's MAC gets a static entry in the bridge's table. */
int bridge_mac_is_pinned(const struct bridge_add *add);

/* mac.c: refuses a MAC that the segment has already. 0; -EEXIST class BUSY naming where; -errno. */
int bridge_mac_check(struct bridge_add *add, struct bw_err *err);

/**
 * bridge_port_plug() - make the pair of interfaces and configure the bridge's port
 *
 * Effects are on add->undo. Return: 0; -EEXIST class INVALID: a name is taken, named;
 * -EOPNOTSUPP class UNSUPPORTED: no netkit here; -errno.
 */
int bridge_port_plug(struct bridge_add *add, struct bw_err *err);

/* port.c: the static entry of the pod's MAC. 0; -EEXIST class BUSY; -errno. */
int bridge_port_pin(struct bridge_add *add, struct bw_err *err);

/* port.c: waits until the bridge forwards to the port. No lock is held. 0; -errno. */
int bridge_port_settle(struct bridge_add *add, struct bw_err *err);

/* probe.c: asks the segment for the addresses if wanted. 0; -EADDRINUSE class BUSY; -errno. */
int bridge_probe_run(struct bridge_add *add, struct bw_err *err);

/* probe.c: tells the segment who has the addresses now. Failures are logged. */
void bridge_announce_run(struct bridge_add *add);

/* dad.c: with enabledad waits until no address is tentative. 0; -EADDRINUSE class BUSY; -errno. */
int bridge_dad_wait(struct bridge_add *add, struct bw_err *err);

/* programs.c: decides on programs before anything changes. 0; -EOPNOTSUPP class UNSUPPORTED. */
int bridge_programs_decide(struct bridge_add *add, struct bw_err *err);

/* programs.c: opens the datapath, makes it when it is the first. The lock is held. 0; -errno. */
int bridge_programs_open(struct bridge_add *add, struct bw_err *err);

/* programs.c: registers the port with the datapath; from then on frames take it. 0; -errno. */
int bridge_programs_attach(struct bridge_add *add, struct bw_err *err);

/* forwarding.c: asks, in a batch of the host's, which families are forwarded. */
void bridge_forwarding_put_look(struct bridge_add *add, struct bw_nl_batch *b);

/* forwarding.c: with isGateway switches forwarding on, for the families of the gateways. */
int bridge_forwarding_set(struct bridge_add *add, struct bw_err *err);

/* masq.c: masquerades the attachment's addresses. 0; -errno. */
int bridge_masq_add(struct bridge_add *add, struct bw_err *err);
