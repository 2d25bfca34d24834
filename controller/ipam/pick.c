/* SPDX-License-Identifier: Apache-2.0 */
/* Strategies: each is a number k, and the k-th free address is what the tree finds. */
#include <assert.h>

#include "pick.h"

static const char *const strategy_names[] = {
	[CTL_LOWEST_FREE] = "LowestFree",
	[CTL_RANDOM] = "Random",
	[CTL_ROUND_ROBIN] = "RoundRobin",
};
static_assert(BW_ARRAY_SIZE(strategy_names) == CTL_STRATEGY_MAX_, "a strategy without a name");

const char *ctl_strategy_str(enum ctl_strategy strategy)
{
	return (unsigned int)strategy < CTL_STRATEGY_MAX_ ? strategy_names[strategy] : "unknown";
}

static unsigned __int128 free_of(const struct ctl_interval *i, const struct ctl_tree *used)
{
	unsigned __int128 n = i->last - i->first;
	size_t taken = ctl_tree_count(used, i->first, i->last);

	/* n + 1 overflows for ::/0 alone, and fits again as soon as one address is taken. */
	if (taken == 0)
		return n == -(unsigned __int128)1 ? n : n + 1;
	return n - (taken - 1);
}

unsigned __int128 ctl_pick_free(const struct ctl_intervals *iv, const struct ctl_tree *used)
{
	unsigned __int128 n = 0;

	for (size_t i = 0; i < iv->n; i++)
		n += free_of(&iv->v[i], used);
	return n;
}

/* The k-th free address of the pool. */
static int kth(const struct ctl_pick *p, unsigned __int128 k, struct bw_ip *ret)
{
	for (size_t i = 0; i < p->iv->n; i++) {
		const struct ctl_interval *v = &p->iv->v[i];
		unsigned __int128 n = free_of(v, p->used);
		unsigned __int128 key;

		if (k >= n) {
			k -= n;
			continue;
		}
		if (ctl_tree_kth_free(p->used, v->first, v->last, k, &key) < 0)
			return -ENOSPC;
		*ret = bw_ip_from_value(p->iv->family, key);
		return 0;
	}
	return -ENOSPC;
}

/* How many free addresses lie at or below @key. */
static unsigned __int128 free_up_to(const struct ctl_pick *p, unsigned __int128 key)
{
	unsigned __int128 n = 0;

	for (size_t i = 0; i < p->iv->n && p->iv->v[i].first <= key; i++) {
		struct ctl_interval v = p->iv->v[i];

		if (v.last > key)
			v.last = key;
		n += free_of(&v, p->used);
	}
	return n;
}

int ctl_pick(const struct ctl_pick *p, struct bw_ip *ret)
{
	unsigned __int128 n;
	unsigned __int128 k;

	switch (p->strategy) {
	case CTL_LOWEST_FREE:
	case CTL_STRATEGY_MAX_:
		break;
	case CTL_RANDOM:
		n = ctl_pick_free(p->iv, p->used);
		return n == 0 ? -ENOSPC : kth(p, p->random % n, ret);
	case CTL_ROUND_ROBIN:
		if (p->cursor.family != p->iv->family)
			break;
		n = ctl_pick_free(p->iv, p->used);
		k = free_up_to(p, bw_ip_value(&p->cursor));
		return n == 0 ? -ENOSPC : kth(p, k < n ? k : 0, ret);
	}
	return kth(p, 0, ret);
}
