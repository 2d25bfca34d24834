/* SPDX-License-Identifier: Apache-2.0 */
/* File locks with a bounded wait. */
#pragma once

#include <bw/defs.h>

#define BW_FLOCK_WAIT_MS 20000 /* longest wait for a lock; holders need a few milliseconds */

/**
 * bw_flock() - take a lock by flock(2), or give up
 * @fd: open file, borrowed
 * @op: LOCK_SH or LOCK_EX; a lock held by @fd is exchanged
 * @timeout_ms: 0 = do not wait
 *
 * One system call when the lock is free. While it waits, SIGALRM and the real-time interval timer
 * are its own; both are put back.
 * Return: 0; -EAGAIN held by others all the time; -errno of flock(2).
 */
int bw_flock(int fd, int op, unsigned int timeout_ms);
