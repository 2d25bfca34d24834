/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The controller of Units: a claim, volumes and a pod for each, kept together.
 * docs/design/unit.md tells the states, the order of the writes and what survives a crash.
 *
 * I1 A pod of a Unit is created only while the cache shows its claim Bound and nobody else's, and
 *    its predecessor gone by UID.
 * I2 Nothing of a volume's contents is ever deleted here: whenDeleted: Delete hands the volumes to
 *    the garbage collector, and only while the Unit itself is being deleted.
 * I3 No state but struct ctl_unit, which may be lost at any moment.
 */
#pragma once

#include <bw/defs.h>

struct bw_err;
struct bw_kube_runtime;
struct bw_loop;
struct ctl_ipam;
struct ctl_unit;

struct ctl_unit_options {
	struct bw_loop *loop; /* the runtime's; borrowed for the unit's life */
	struct ctl_ipam *ipam; /* whose stores are shared; borrowed for the unit's life */
};

/**
 * ctl_unit_start() - watch Units and what is theirs, and add their controller to a runtime
 * @rt: runtime without leadership; borrowed for the unit's life
 * @opts: see above; copied
 * @ret: owned by the caller, freed by ctl_unit_free() after the runtime
 *
 * Begins to list and watch; writes only while bw_kube_runtime_lead() says so.
 * Return: 0; -ENOMEM.
 */
int ctl_unit_start(struct bw_kube_runtime *rt, const struct ctl_unit_options *opts,
		   struct ctl_unit **ret, struct bw_err *err);

/* Call after bw_kube_runtime_free(). NULL-safe. */
void ctl_unit_free(struct ctl_unit **unit);
