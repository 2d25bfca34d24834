/* SPDX-License-Identifier: Apache-2.0 */
/* The choice of an address for one need of a claim, and why there is none. */
#pragma once

#include "ctl.h"

struct ctl_why {
	const char *reason; /* of the condition; NULL = picked */
	uint8_t hopeless; /* only a change of an object helps: phase Failed */
	char text[BW_KUBE_COND_TEXT_MAX];
};

/*
 * Picks and assumes an address: need->addr is its record then, or one that is kept for the claim
 * (.take_over). Otherwise says why not, and lets the claim wait for what would help. 0; -ENOMEM.
 */
int ctl_claim_pick(struct ctl_claim *k, struct ctl_need *n, struct ctl_why *ret_why);
