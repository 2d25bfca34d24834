/* SPDX-License-Identifier: Apache-2.0 */
/* The strategies. Each is a walk over the set's intervals from some address on. */
#include <assert.h>
#include <string.h>

#include <bw/alloc.h>
#include <bw/err.h>

static const char *const strategy_names[] = {
	[BW_ALLOC_NEXT] = "next",
	[BW_ALLOC_LOWEST] = "lowest",
	[BW_ALLOC_RANDOM] = "random",
};
static_assert(BW_ARRAY_SIZE(strategy_names) == BW_ALLOC_MAX_, "a strategy without a name");

const char *bw_alloc_strategy_str(enum bw_alloc_strategy strategy)
{
	return (unsigned int)strategy < BW_ALLOC_MAX_ ? strategy_names[strategy] : "unknown";
}

/* A walk over intervals and the run of used addresses that was seen last. */
struct walk {
	const struct bw_alloc *a;
	struct bw_interval run;
	int has_run;
};

/*
 * The first free address of [@at, @last]. A run is maximal, so the address after it is free.
 * Return: 1 found, 0 none; -errno.
 */
static int first_free(struct walk *w, const struct bw_ip *at, const struct bw_ip *last,
		      struct bw_ip *ret, struct bw_err *err)
{
	struct bw_ip next;

	if (!w->has_run || !bw_interval_has(&w->run, at)) {
		int r = w->a->run(w->a->arg, at, &w->run.first, &w->run.last, err);

		w->has_run = r > 0;
		if (r < 0)
			return r;
		if (r == 0) {
			*ret = *at;
			return 1;
		}
	}
	next = w->run.last;
	if (bw_ip_cmp(&next, last) >= 0 || bw_ip_add(&next, 1) < 0)
		return 0;
	*ret = next;
	return 1;
}

/* From @at in list[@from] to the list's end, then from its beginning to before @at. */
static int walk_from(const struct bw_alloc *a, const struct bw_interval *list, size_t from,
		     const struct bw_ip *at, struct bw_ip *ret, struct bw_err *err)
{
	size_t n = a->set->n_free;
	struct walk w = { .a = a };

	for (size_t k = 0; k <= n; k++) {
		const struct bw_interval *i = &list[(from + k) % n];
		struct bw_ip last = i->last;
		int r;

		if (k == n) {
			/* The part of the first interval before @at. */
			if (bw_ip_eq(at, &i->first))
				break;
			last = *at;
			if (bw_ip_add(&last, -1) < 0)
				break;
		}
		r = first_free(&w, k == 0 ? at : &i->first, &last, ret, err);
		if (r)
			return r;
	}
	return 0;
}

/* The range of @cursor within the set, n when it is in none. */
static size_t cursor_range(const struct bw_range_set *set, const struct bw_ip *cursor)
{
	const struct bw_range *r = cursor->family ? bw_range_set_find(set, cursor) : NULL;

	return r ? (size_t)(r - set->ranges) : set->n;
}

/* Where `next` goes on: after the cursor, in the order the ranges are written in. */
static size_t after_cursor(const struct bw_alloc *a, struct bw_ip *ret_at)
{
	const struct bw_range_set *set = a->set;
	size_t range = cursor_range(set, &a->cursor);

	for (size_t i = 0; range < set->n && i < set->n_free; i++) {
		const struct bw_interval *f = &set->free[i];

		if (set->range_of[i] < range ||
		    (set->range_of[i] == range && bw_ip_cmp(&f->last, &a->cursor) <= 0))
			continue;
		*ret_at = f->first;
		if (set->range_of[i] == range && bw_ip_cmp(&f->first, &a->cursor) <= 0) {
			*ret_at = a->cursor;
			(void)bw_ip_add(ret_at, 1); /* below the interval's last */
		}
		return i;
	}
	*ret_at = set->free[0].first;
	return 0;
}

/* A uniformly chosen address of the set. Lengths are counted less one: ::/0 would overflow. */
static size_t random_start(const struct bw_alloc *a, struct bw_ip *ret_at)
{
	const struct bw_range_set *set = a->set;
	unsigned __int128 total = set->n_free - 1;
	struct bw_ip seed = { 0 };
	unsigned __int128 k;

	for (size_t i = 0; i < set->n_free; i++)
		total += bw_ip_value(&set->free[i].last) - bw_ip_value(&set->free[i].first);
	memcpy(seed.b, a->seed, sizeof(a->seed));
	k = bw_ip_value(&seed);
	/* total + 1 overflows to 0 when every address there is may be given. */
	if (total + 1 != 0)
		k %= total + 1;
	for (size_t i = 0; i < set->n_free; i++) {
		unsigned __int128 len1 =
			bw_ip_value(&set->free[i].last) - bw_ip_value(&set->free[i].first);

		if (k <= len1) {
			*ret_at = bw_ip_from_value(set->free[i].first.family,
						   bw_ip_value(&set->free[i].first) + k);
			return i;
		}
		k -= len1 + 1;
	}
	*ret_at = set->free[0].first;
	return 0;
}

int bw_alloc_pick(const struct bw_alloc *a, struct bw_ip *ret, struct bw_err *err)
{
	struct bw_ip at;
	struct bw_ip found;
	size_t from = 0;
	int r = 0;

	if (a->set->n_free > 0) {
		switch (a->strategy) {
		case BW_ALLOC_NEXT:
			from = after_cursor(a, &at);
			r = walk_from(a, a->set->free, from, &at, &found, err);
			break;
		case BW_ALLOC_LOWEST:
			r = walk_from(a, a->set->sorted, 0, &a->set->sorted[0].first, &found, err);
			break;
		case BW_ALLOC_RANDOM:
			from = random_start(a, &at);
			r = walk_from(a, a->set->free, from, &at, &found, err);
			break;
		case BW_ALLOC_MAX_:
			break;
		}
	}
	if (r < 0)
		return r;
	if (r == 0) {
		char first[BW_RANGE_STR_MAX];

		return bw_reject(err, BW_ERR_BUSY, ENOSPC, "no address is free in range set %s%s",
				 bw_range_str(&a->set->ranges[0], first),
				 a->set->n > 1 ? ", ..." : "");
	}
	*ret = found;
	return 0;
}
