/* SPDX-License-Identifier: Apache-2.0 */
/* The handle, and how a call enters the datapath: lock first, then pins that are whole. */
#pragma once

#include "lock.h"
#include "port.h"
#include "upgrade.h"

struct bw_dp {
	int lock; /* datapath.lock, open and not held; -1 = a stay took it along */
	enum bw_dp_hook hook; /* NONE = not asked yet */
};

/* One call's stay: the lock is given back and the pins are closed when it leaves scope. */
struct dp_stay {
	int lock; /* owned */
	struct dp_dir dir;
};

#define DP_STAY_NONE                                                                               \
	{                                                                                          \
		.lock = -1                                                                         \
	}
#define dp_autostay BW_CLEANUP(dp_stay_end)

/**
 * dp_stay_begin() - take the lock and open this ABI's directory
 * @how: LOCK_SH or LOCK_EX
 * @ret: DP_STAY_NONE on input; also ended properly after a failure
 *
 * The handle's descriptor of the lock goes with the stay, whose end closes it; the next one opens
 * its own. Where the directory is missing, another version has upgraded meanwhile: it is made
 * (upgrade.h). Return: 0; -errno.
 */
int dp_stay_begin(struct bw_dp *dp, int how, struct dp_stay *ret, struct bw_err *err);
void dp_stay_end(struct dp_stay *stay);

/**
 * dp_hook() - where programs of a kind of port go, unless it is a netkit
 *
 * Uplinks: tcx, else clsact; asked once per handle. Endpoints: clsact, which the kernel attaches at
 * once; a tcx link waits for an RCU grace period each (15 ms, with the network's lock held), ten
 * times what all the rest of an ADD takes. bw_dp_reload() gives them their links later.
 * Return: 0; -EOPNOTSUPP class UNSUPPORTED; -errno.
 */
int dp_hook(struct bw_dp *dp, enum dp_port_kind kind, enum bw_dp_hook *ret, struct bw_err *err);

/* What a segment is keyed by in the tables: its uplink, else its bridge. */
uint32_t dp_segment_dev(const struct bw_dp_segment *seg);

/* Device name of @ifindex in this namespace; 0; -ENODEV. */
int dp_dev_name(int ifindex, char ret[DP_PORT_NAME_SIZE], struct bw_err *err);

typedef int (*dp_dir_fn)(struct dp_dir *dir, void *arg, struct bw_err *err);

/* Whether to take this port: 1 yes, 0 no, or -errno. */
typedef int (*dp_match_fn)(const struct dp_found *found, void *arg, struct bw_err *err);

/**
 * dp_remove_matching() - take ports away, from every directory
 * @match: asked about each record of each directory
 * @at_once: as for dp_port_remove()
 * @ret_n: how many were found; may be NULL
 *
 * Directories of an unfinished upgrade share some maps, the register perhaps, and not others: so
 * what one of them knows is removed from all. Needs the exclusive lock.
 * Return: 0; the first -errno, after the rest was tried.
 */
int dp_remove_matching(dp_match_fn match, void *arg, int at_once, unsigned int *ret_n,
		       struct bw_err *err);

/* Calls @fn for every pin directory, of whatever version; the first failure is returned last. */
int dp_each_dir(dp_dir_fn fn, void *arg, struct bw_err *err);
