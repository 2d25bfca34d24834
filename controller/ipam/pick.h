/* SPDX-License-Identifier: Apache-2.0 */
/* Which free address of a pool is given next. */
#pragma once

#include "intervals.h"
#include "tree.h"

enum ctl_strategy {
	CTL_LOWEST_FREE,
	CTL_RANDOM,
	CTL_ROUND_ROBIN, /* the next one after the last given */
	CTL_STRATEGY_MAX_,
};
const char *ctl_strategy_str(enum ctl_strategy strategy);

struct ctl_pick {
	const struct ctl_intervals *iv; /* borrowed, as all */
	const struct ctl_tree *used; /* of the same family */
	enum ctl_strategy strategy;
	struct bw_ip cursor; /* ROUND_ROBIN: given last; family 0 = none was */
	unsigned __int128 random; /* RANDOM: fresh random bits */
};

/* How many of the pool's addresses are free; saturates as ctl_intervals_total(). */
unsigned __int128 ctl_pick_free(const struct ctl_intervals *iv, const struct ctl_tree *used);

/**
 * ctl_pick() - choose a free address
 * @ret: untouched on failure
 *
 * Return: 0; -ENOSPC none is free.
 */
int ctl_pick(const struct ctl_pick *p, struct bw_ip *ret);
