/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One file lock per bridge: /run/barewire/BRIDGE.lock, by flock(2), so the kernel frees it with the
 * process.
 *
 * I1 Shared: from the first look at a bridge until the port is enslaved and entered. Exclusive:
 *    making, numbering, undoing, upgrading, cleaning.
 * I2 Never held across a delegate, a probe or any other wait; taken after the address is resolved.
 * I3 No other lock is taken while waiting for this one.
 */
#pragma once

#include <bw/defs.h>

struct bw_err;

#define BRIDGE_LOCK_DIR "/run/barewire"
#define BRIDGE_LOCK_WAIT_MS                                                                        \
	20000 /* what the runtime's own patience allows, kubelet's is minutes                      \
	       */

enum bridge_lock_mode {
	BRIDGE_LOCK_SHARED,
	BRIDGE_LOCK_EXCLUSIVE,
	BRIDGE_LOCK_MAX_,
};

/**
 * bridge_lock_take() - take or change the lock of a bridge
 * @bridge: its name
 * @mode: wanted
 * @fd: -1 = not held yet; else the descriptor of an earlier take, whose mode changes. Others may
 *      hold the lock in between: look again afterwards
 *
 * Return: 0 and @fd owned by the caller (bw_autoclose); -EBUSY class BUSY after
 * BRIDGE_LOCK_WAIT_MS, and what was held is lost; -errno.
 */
int bridge_lock_take(const char *bridge, enum bridge_lock_mode mode, int *fd, struct bw_err *err);

/* Removes the lock's file while it is held exclusively: who waits for it notices and starts anew.
 */
void bridge_lock_remove(const char *bridge);
