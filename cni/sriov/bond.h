/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bond above two VFs in a pod: DBScale's way to survive a NIC, a cable or a switch.
 *
 * I1 Both VFs have the bond's MAC before they join, so that a VF whose driver lets nobody change
 *    it can join all the same.
 * I2 The bond is ours by its alias; one without an alias is ours only while it is down: an ADD that
 *    was killed between making and naming it leaves such a one.
 */
#pragma once

#include "conf.h"

struct bw_drift;
struct bw_err;
struct bw_link;
struct bw_nl;

/* What a bond's ports are, in their order. */
struct sriov_bond_port {
	int ifindex; /* down */
	const char *name; /* for errors */
};

struct sriov_bond_plan {
	const char *container_id;
	const char *ifname; /* the bond's */
	const struct sriov_bond *conf;
	struct bw_mac mac; /* of both ports and of the bond */
	uint32_t mtu;
	struct sriov_bond_port ports[SRIOV_SLAVES];
};

/**
 * sriov_bond_build() - make a bond, let its ports join, set it up
 * @pod: route socket in the pod
 * @plan: borrowed
 * @ret_ifindex: of the bond; filled as soon as there is one, also when a later step fails
 *
 * Return: 0; -EEXIST class INVALID: the name is taken; -EOPNOTSUPP class UNSUPPORTED: the kernel
 * has no bonds; -errno naming bond.
 */
int sriov_bond_build(struct bw_nl *pod, const struct sriov_bond_plan *plan, int *ret_ifindex,
		     struct bw_err *err);

/**
 * sriov_bond_check() - is a bond as it is configured
 * @pod: route socket in the pod
 * @conf: what it is to be
 * @link: the interface that is to be the bond
 * @drift: gets what differs
 *
 * Which of its ports carries the traffic is no difference. Return: 0; -errno.
 */
int sriov_bond_check(struct bw_nl *pod, const struct sriov_bond *conf, const struct bw_link *link,
		     struct bw_drift *drift, struct bw_err *err);
