/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making, finishing and upgrading pins: one procedure. Whatever directories are there become one
 * named after this build's ABI, holding its programs, with every link moved over.
 *
 * U1 The new directory is <abi>-next until it is whole; the one being replaced under its own name
 *    is <abi>-prev. A map is pinned in -next only when it holds what it must.
 * U2 A map whose layout is the same in both versions is the same map, pinned twice: nothing to
 *    copy, nothing to lose. A changed one is a new map; entries are copied, values cut or filled
 *    with zeros at their end.
 * U3 A link is first updated, then renamed: before both it runs the old program, after either the
 *    new one.
 * U4 Where the maps of sticky flows are not the same one, each endpoint gets the new recorder
 *    (bw_pod_rx) beside the old one for the time of the switch: a flow that begins then is in both
 *    maps, so no reader of either misses it. Readers are switched before recorders.
 * U5 Each step may be done again: a process killed anywhere leaves work, never damage.
 *
 * The caller holds the exclusive lock.
 */
#pragma once

struct bw_err;

enum dp_upgrade {
	DP_UPGRADE_FINISH, /* nothing to do where <abi> is whole */
	DP_UPGRADE_RELOAD, /* replace the programs of <abi> too */
};

/**
 * dp_upgrade() - bring all pins to this build
 * @ret_n: links switched; may be NULL
 *
 * Return: 0; -EOPNOTSUPP class UNSUPPORTED: bpffs or the kernel refuses; -errno.
 */
int dp_upgrade(enum dp_upgrade how, unsigned int *ret_n, struct bw_err *err);

/**
 * dp_promote() - give the endpoints of this ABI that have filters tcx links instead
 * @lock: datapath.lock, not held; taken for each endpoint alone, since a link takes milliseconds
 * @ret_n: endpoints promoted are added
 *
 * First the link, then the record, then the filter goes: no frame passes unseen. Does nothing
 * where there is no tcx. Return: 0; -errno.
 */
int dp_promote(int lock, unsigned int *ret_n, struct bw_err *err);
