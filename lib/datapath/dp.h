/* SPDX-License-Identifier: Apache-2.0 */
/* The handle, and how a call enters the datapath: lock first, then pins that are whole. */
#pragma once

#include "lock.h"
#include "port.h"
#include "upgrade.h"

struct bw_dp {
	int lock; /* datapath.lock */
	enum bw_dp_hook hook; /* NONE = not asked yet */
};

/* One call's stay: the lock is given back and the pins are closed when it leaves scope. */
struct dp_stay {
	int lock; /* borrowed */
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
 * Where the directory is missing, another version has upgraded meanwhile: it is made (upgrade.h).
 * Return: 0; -errno.
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

/* Calls @fn for every pin directory, of whatever version; the first failure is returned last. */
int dp_each_dir(dp_dir_fn fn, void *arg, struct bw_err *err);
