/* SPDX-License-Identifier: Apache-2.0 */
/* Making a bridge as it is wanted, and taking it down. Both under its exclusive lock. */
#pragma once

#include <bw/defs.h>

struct bridge_look;
struct bridge_segment_want;
struct bw_err;
struct bw_nl;

/**
 * bridge_make() - make or mend the bridge
 * @look: taken under the exclusive lock and checked; refreshed as things come to be
 * @raised: the uplink was down and was set up for a probe
 *
 * Each step may be repeated. Return: 0; -EINVAL class INVALID; -EOPNOTSUPP class UNSUPPORTED;
 * -errno.
 */
int bridge_make(struct bw_nl *nl, const struct bridge_segment_want *want, struct bridge_look *look,
		int raised, struct bw_err *err);

/**
 * bridge_unmake() - take the programs off, free the uplink, remove the bridge if it is ours
 * @look: taken under the exclusive lock; the bridge has no ports of others, or does not exist
 *
 * Moved addresses are not its business. Return: 0; -errno.
 */
int bridge_unmake(struct bw_nl *nl, const struct bridge_look *look, struct bw_err *err);

/* Detaches and forgets the programs' state of the bridge and its uplink. 0 also without any;
 * -errno. */
int bridge_forget_datapath(const struct bridge_look *look, struct bw_err *err);
