/* SPDX-License-Identifier: Apache-2.0 */
/* The register of ports: claim a slot, find a record, take a port away whole. */
#pragma once

#include "attach.h"
#include "map.h"

/* Where a record was found. */
struct dp_found {
	uint32_t slot;
	struct dp_port port;
};

/**
 * dp_port_claim() - take a free slot with the record
 *
 * Starts looking at the ifindex, so parallel callers rarely meet. Return: 0; -ENOSPC class
 * BUSY, all slots are taken; -errno.
 */
int dp_port_claim(struct dp_dir *dir, const struct dp_port *port, uint32_t *ret_slot,
		  struct bw_err *err);

/**
 * dp_port_find() - a record by its device
 * @ifindex: > 0, or 0 for any
 * @host_if: name, or NULL for any
 * @ret: of several the last; untouched when there is none
 *
 * Return: 1 found; 0 not; -errno.
 */
int dp_port_find(struct dp_dir *dir, int ifindex, const char *host_if, struct dp_found *ret,
		 struct bw_err *err);

/* Takes one record; may remove the port. A negative return ends the walk with it. */
typedef int (*dp_port_fn)(const struct dp_found *found, void *arg, struct bw_err *err);
int dp_port_each(struct dp_dir *dir, dp_port_fn fn, void *arg, struct bw_err *err);

/**
 * dp_port_remove() - take away all of a port, in the order of I1, its record last
 * @at_once: as for dp_detach()
 *
 * Goes as far as it can; what was there already gone is no failure. Entries that have become
 * another port's stay. Needs the exclusive lock, or a record that nobody else can have.
 * Return: 0; the first -errno.
 */
int dp_port_remove(struct dp_dir *dir, const struct dp_found *found, int at_once,
		   struct bw_err *err);

/**
 * dp_port_remove_namesakes() - take away every port with this ifindex or this name
 * @port: what is about to be made
 *
 * Devices' names and numbers come again: these are earlier holders'. Needs the exclusive lock.
 * Return: 0; the first -errno.
 */
int dp_port_remove_namesakes(struct dp_dir *dir, const struct dp_port *port, struct bw_err *err);

/* 1 the device still has this ifindex and name in this namespace, 0 not. */
int dp_port_is_present(const struct dp_port *port);

/* A port's key in bw_fdb and bw_remote. */
struct bw_mac_key dp_port_key(const struct dp_port *port);
