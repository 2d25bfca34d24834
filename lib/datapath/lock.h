/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The datapath's own lock: shared while something is added, exclusive while something is taken
 * away, made or upgraded. The kernel gives it back when its holder dies.
 */
#pragma once

#include <sys/file.h>

struct bw_err;

/* Opens the lock's file. Return: the descriptor, owned by the caller; -errno. */
int dp_lock_open(struct bw_err *err);

/* Waits for the lock. @how: LOCK_SH or LOCK_EX. 0; -EBUSY class BUSY after BW_FLOCK_WAIT_MS;
 * -errno. A held one is exchanged. */
int dp_lock_take(int fd, int how, struct bw_err *err);
void dp_lock_give(int fd);
