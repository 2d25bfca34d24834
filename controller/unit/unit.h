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
struct bw_kube_client;
struct bw_kube_runtime;
struct bw_kube_store;
struct bw_loop;
struct ctl_ipam;
struct ctl_unit;

struct ctl_unit_options {
	struct bw_loop *loop; /* the runtime's; borrowed for the unit's life */
	struct ctl_ipam *ipam; /* whose stores are shared; borrowed for the unit's life */
	/*
	 * The image that barewire-launch is taken from. NULL: startup: false deletes the pod, and
	 * no command is run in any.
	 */
	const char *launch_image;
};

struct ctl_unit_self {
	const char *namespace; /* of our own pod */
	const char *pod; /* NULL or "" = we run in none */
	const char *image; /* asked for by name; NULL = that of our own pod's first container */
};

/**
 * ctl_unit_image() - the image that pods of Units take barewire-launch from
 * @loop: runs meanwhile
 * @client: on @loop
 * @self: who we are; borrowed for the call
 * @ret: owned by the caller, freed by free(); NULL when nobody says one
 *
 * Return: 0, also when we run in no pod or may not read it; -errno of bw_kube_do().
 */
int ctl_unit_image(struct bw_loop *loop, struct bw_kube_client *client,
		   const struct ctl_unit_self *self, char **ret, struct bw_err *err);

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

/* The Units; as long as the runtime lives. */
struct bw_kube_store *ctl_unit_store(const struct ctl_unit *unit);

/* Call after bw_kube_runtime_free(). NULL-safe. */
void ctl_unit_free(struct ctl_unit **unit);
