/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The node's own addresses on an uplink: refused, or moved to the bridge and back.
 *
 * I1 What is moved was recorded in the node's journal before (FULL), and the record stays until
 *    everything is back.
 * I2 Every step may be repeated: killed anywhere, the next ADD or `net clean` completes it.
 * I3 What fits one batch (about 25 addresses and routes) changes hands in one system call.
 */
#pragma once

#include <bw/defs.h>

struct bw_err;
struct bw_journal;
struct bw_link;
struct bw_nl;

#define BRIDGE_UPLINK_ITEMS_MAX 1024 /* addresses and routes that are moved */

/**
 * bridge_uplink_is_bare() - may this device become a port without harm to the node
 * @link: the device
 *
 * IPv6 link-local addresses do not count.
 * Return: 0; -EINVAL class INVALID: it carries an address or a default route, named, with the ways
 * out in the details; -errno.
 */
int bridge_uplink_is_bare(struct bw_nl *nl, const struct bw_link *link, struct bw_err *err);

/**
 * bridge_uplink_move() - its addresses and routes go to the bridge, which takes its MAC
 * @journal: the node's
 * @uplink: a port of @bridge afterwards, up
 * @bridge: exists; up afterwards
 *
 * Holds the bridge's exclusive lock. Completes an earlier move that was killed.
 * Return: 0; -E2BIG class INVALID: more than BRIDGE_UPLINK_ITEMS_MAX routes; -errno.
 */
int bridge_uplink_move(struct bw_nl *nl, struct bw_journal *journal, const struct bw_link *uplink,
		       const struct bw_link *bridge, struct bw_err *err);

/**
 * bridge_uplink_restore() - everything goes back, as it was recorded
 * @bridge: name; the device may be gone already
 *
 * Holds the bridge's exclusive lock. The uplink is free of the bridge afterwards.
 * Return: 1 it was restored, 0 nothing was recorded for this boot; -ENODEV the uplink is gone, the
 * record is dropped; -errno.
 */
int bridge_uplink_restore(struct bw_nl *nl, struct bw_journal *journal, const char *bridge,
			  struct bw_err *err);

/**
 * bridge_uplink_salvage() - the same without a record: all that the bridge carries goes to the
 * uplink
 *
 * For a bridge that has the uplink's addresses while the journal was lost: deleting it would take
 * them along. Return: 0; -errno.
 */
int bridge_uplink_salvage(struct bw_nl *nl, const struct bw_link *uplink,
			  const struct bw_link *bridge, struct bw_err *err);
