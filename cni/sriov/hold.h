/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Holding a VF: the row in the node's journal says whose it is, the file lock who works on it now.
 *
 * I1 A VF is changed only under its lock, by whoever the row names.
 * I2 The record is in the row before the first change.
 * I3 The lock is taken after the journal was written, never across a delegate, a probe or a wait;
 *    two are taken in the order of their addresses.
 */
#pragma once

#include "add.h"

struct bw_err;
struct sriov_found;

#define SRIOV_LOCK_DIR "/run/barewire"

/**
 * sriov_lock_take() - work on a VF alone
 * @pci: its address
 * @ret_fd: owned by the caller; closing it frees the lock, so does the end of the process
 *
 * Return: 0; -EBUSY class BUSY after BW_FLOCK_WAIT_MS; -errno.
 */
int sriov_lock_take(const char *pci, int *ret_fd, struct bw_err *err);

/**
 * sriov_hold_begin() - begin a change of the holds
 * sriov_hold_end() - commit it; with @r negative take it back
 *
 * A power cut takes what was set of a VF with it, so its rows have to survive a kill and no more:
 * nothing waits for the disk. Return: 0; @r; -errno of the journal.
 */
int sriov_hold_begin(struct bw_journal *j, struct bw_err *err);
int sriov_hold_end(struct bw_journal *j, int r, struct bw_err *err);

/**
 * sriov_hold_take() - hold one VF, of whatever its holder has left of it
 * @vf: pci and slot are set; the rest is filled, the lock is held afterwards
 * @found: the VF as it is then
 *
 * A VF of a dead holder is taken over and put back first, with the first originals.
 * The hold's end is on add->undo. Return: 0; -EBUSY class BUSY: somebody alive holds it;
 * -errno: nothing is held.
 */
int sriov_hold_take(struct sriov_vf *vf, struct sriov_found *found, struct bw_err *err);

/* Lets go of the locks of all VFs: before a delegate or a wait. */
void sriov_hold_unlock(struct sriov_add *add);

/**
 * sriov_hold_lock() - take the locks again
 *
 * Return: 0; -ECANCELED class BUSY: a DEL came meanwhile and the VFs are no longer ours; -errno.
 */
int sriov_hold_lock(struct sriov_add *add, struct bw_err *err);
