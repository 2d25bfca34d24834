/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Giving a VF back as it was. DEL, a failed ADD, the takeover from a dead holder and GC all end
 * here.
 *
 * I1 It may be stopped at any point and started again: each step compares before it writes.
 * I2 A VF is touched only under its lock, while the hold says it is this attachment's, or, with the
 *    hold lost, while its alias does.
 * I3 No lock is held while it waits for the kernel to hand a VF back.
 */
#pragma once

#include <bw/defs.h>
#include <bw/link.h>

#include "ctx.h"

struct bw_err;
struct bw_vf_hold;
struct sriov_vf;

/**
 * sriov_restore() - bring one VF home, put everything back, drop its hold
 * @ctx: journal and host socket are opened when they are not
 * @hold: whose it is and its record; borrowed
 * @netns: CNI_NETNS of a DEL, where the recorded path is tried too; NULL or "" = not given
 *
 * A hold of another boot is only dropped; so is one whose VF is no more. A hold that is somebody
 * else's by now is left alone.
 * Return: 0; -ETIMEDOUT class BUSY: the kernel does not hand the VF back; -errno: the hold stays.
 */
int sriov_restore(struct sriov_ctx *ctx, const struct bw_vf_hold *hold, const char *netns,
		  struct bw_err *err);

/**
 * sriov_restore_all() - the same for every hold of one attachment
 * @ctx: see above
 * @container_id: of the attachment
 * @ifname: likewise
 * @netns: see above
 * @ret_n: how many holds there were; NULL = not wanted
 *
 * Goes on after a failure. Return: 0; the first -errno.
 */
int sriov_restore_all(struct sriov_ctx *ctx, const char *container_id, const char *ifname,
		      const char *netns, unsigned int *ret_n, struct bw_err *err);

/* Undo of an ADD: the same for a VF it holds, in the namespace it has open. 0; -errno. */
int sriov_restore_own(struct sriov_vf *vf, struct bw_err *err);

/**
 * sriov_restore_stale() - a takeover: put back what a dead holder has left
 * @vf: .original is the record; .lock is held afterwards
 * @hold: the row, which is this ADD's by now; it stays
 *
 * Return: 0; -ECANCELED class BUSY: a DEL came meanwhile; -EBUSY class BUSY: settings cannot be put
 * back now; -errno.
 */
int sriov_restore_stale(struct sriov_vf *vf, const struct bw_vf_hold *hold, struct bw_err *err);

/**
 * sriov_restore_lost() - the same with no hold to go by
 * @ctx: request and configuration say where to look: deviceID, prevResult's pciID, CNI_NETNS
 * @container_id: of the attachment
 * @ifname: likewise
 *
 * Only a VF whose alias names the attachment is touched: it gets its name back from there, loses
 * the alias, and VLAN, rates, spoof check and trust become the driver's defaults.
 * Return: 0, also when there is none; the first -errno.
 */
int sriov_restore_lost(struct sriov_ctx *ctx, const char *container_id, const char *ifname,
		       struct bw_err *err);

/**
 * sriov_restore_link() - likewise for one device on the host, of whatever attachment
 * @ctx: see above
 * @link: the device, whose alias is of ours
 *
 * For GC: the caller has read the alias and knows that its attachment is dead. A VF that somebody
 * holds is left alone. Return: 0, also when it carries no alias of ours; -errno.
 */
int sriov_restore_link(struct sriov_ctx *ctx, const struct bw_link *link, struct bw_err *err);
