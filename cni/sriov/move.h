/* SPDX-License-Identifier: Apache-2.0 */
/* A VF's netdev: into the pod, home again, and as it was. */
#pragma once

#include "find.h"
#include "original.h"

struct bw_err;
struct bw_nl;
struct sriov_vf;

/**
 * sriov_move_relearn() - have the VF take over the MAC its PF's driver holds for it
 * @host: route socket
 * @link: the VF there; filled anew
 * @mtu: what its MTU is afterwards
 *
 * Drivers that ask their PF only on a reset refuse any other MAC until then. An MTU written while
 * down is one; the VF stays down.
 * Return: 0; -errno.
 */
int sriov_move_relearn(struct bw_nl *host, struct bw_link *link, uint32_t mtu, struct bw_err *err);

/* Whether a driver asks its PF for the MAC on a reset alone. */
int sriov_move_needs_relearn(const char *driver);

/**
 * sriov_move_in() - move a VF to its pod: name, MAC, MTU, alias and up in the same message
 * @vf: its record says what is wanted; ifindex, mac and mtu are filled
 * @link: the VF on the host
 * @pod: route socket in the pod
 * @ns_fd: the pod's namespace
 * @up: 0 = it stays down (a bond's)
 *
 * Not atomic: after a failure the VF may be in the pod under either name, or here.
 * Return: 0; -EEXIST class INVALID the name is taken in the pod; -errno naming mac or mtu.
 */
int sriov_move_in(struct bw_nl *host, struct sriov_vf *vf, const struct bw_link *link,
		  struct bw_nl *pod, int ns_fd, int up, struct bw_err *err);

/**
 * sriov_move_home() - bring a VF back to the host, down and with no alias
 * @place: SRIOV_IN_POD
 * @name: what it is to be called; where that is taken it gets a name of the kernel's
 * @mtu: written first; 0 = not. igbvf resets itself again and again while its PF is down, and never
 *       returns from a reset that meets the device's closing; an MTU waits for the reset to end
 *
 * Return: 0, also when something took it away meanwhile; -errno.
 */
int sriov_move_home(struct sriov_place *place, const char *name, uint32_t mtu, struct bw_err *err);

/**
 * sriov_move_tidy() - make a VF's netdev what it was: name, other names, MAC, MTU, alias, up
 * @host: route socket
 * @link: the VF on the host
 * @was: as it is to be
 *
 * Writes only what differs, goes on after a refusal. A VF that is as it was costs one look.
 * Return: 0; the first -errno.
 */
int sriov_move_tidy(struct bw_nl *host, const struct bw_link *link, const struct sriov_state *was,
		    struct bw_err *err);
