/* SPDX-License-Identifier: Apache-2.0 */
/* `barewire net clean BRIDGE`: taking a bridge's segment down for good. */
#pragma once

#include <bw/defs.h>

struct bw_err;

/* What was found and done, for a person. */
struct bw_segment_clean {
	uint8_t bridge_removed; /* it was made by barewire */
	uint8_t bridge_kept; /* it exists but was not made by barewire */
	uint8_t uplink_restored; /* its addresses and routes are back */
	uint8_t uplink_freed; /* it is no port of the bridge any more */
	char uplink[16]; /* "" = there was none */
};

/**
 * bw_segment_clean() - remove a bridge, its programs, maps, locks and rows; restore its uplink
 * @bridge: name; what a killed clean or ADD left of it is cleaned too, also without the device
 * @ret: filled on success
 *
 * Waits for running ADDs by the bridge's exclusive lock. Killed anywhere, running it again
 * completes it.
 * Return: 0, also when there was nothing; -EBUSY class BUSY: it has ports of containers or others,
 * named; -EINVAL class INVALID: it is no bridge; -errno.
 */
int bw_segment_clean(const char *bridge, struct bw_segment_clean *ret, struct bw_err *err);
