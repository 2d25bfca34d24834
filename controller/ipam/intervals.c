/* SPDX-License-Identifier: Apache-2.0 */
/* The texts of a pool to intervals; cutting holes out of ranges is bw_range_set_build()'s work. */
#include <stdio.h>
#include <string.h>

#include <bw/err.h>

#include "intervals.h"

#define TEXT_MAX 128 /* conf/crds: 91 */
#define RIGHT_MAX 256

/* Whether "LAST-FIRST" stands where "FIRST-LAST" should: the schema cannot compare addresses. */
static int is_backwards(const char *text, char ret_right[RIGHT_MAX])
{
	const char *dash = strchr(text, '-');
	char first[TEXT_MAX];
	struct bw_interval iv;

	if (!dash || strlen(text) >= TEXT_MAX)
		return 0;
	memcpy(first, text, (size_t)(dash - text));
	first[dash - text] = '\0';
	(void)snprintf(ret_right, RIGHT_MAX, "%s-%s", dash + 1, first); /* as long as @text */
	return bw_interval_parse(ret_right, &iv) == 0;
}

/* @at < 0: the field is no list. */
static int parse(const char *text, const char *key, int at, int family, struct bw_interval *ret,
		 struct bw_err *err)
{
	char right[RIGHT_MAX];
	char path[32];

	/* a field's name fits, ignoring */
	if (at < 0)
		(void)snprintf(path, sizeof(path), "spec.%s", key);
	else
		(void)snprintf(path, sizeof(path), "spec.%s[%d]", key, at);
	if (bw_interval_parse(text, ret) < 0) {
		if (is_backwards(text, right))
			return bw_reject(err, BW_ERR_INVALID, EINVAL,
					 "%s: \"%s\" ends before it begins: write %s", path, text,
					 right);
		return bw_reject(err, BW_ERR_INVALID, EINVAL,
				 "%s: expected an address, first-last or a prefix, got \"%s\"",
				 path, text);
	}
	if (family && ret->first.family != family)
		return bw_reject(err, BW_ERR_INVALID, EINVAL,
				 "%s: %s is not of the family of the prefix", path, text);
	return 0;
}

static int cmp_range(const void *a, const void *b)
{
	const struct bw_range *x = a;
	const struct bw_range *y = b;

	return bw_ip_cmp(&x->first, &y->first);
}

/* Sorts, and joins what overlaps. */
static void join(struct bw_range_set *set)
{
	size_t n = 0;

	qsort(set->ranges, set->n, sizeof(*set->ranges), cmp_range);
	for (size_t i = 0; i < set->n; i++) {
		struct bw_range *r = &set->ranges[i];

		if (n == 0 || bw_ip_cmp(&r->first, &set->ranges[n - 1].last) > 0)
			set->ranges[n++] = *r;
		else if (bw_ip_cmp(&r->last, &set->ranges[n - 1].last) > 0)
			set->ranges[n - 1].last = r->last;
	}
	set->n = n;
}

/* Network, broadcast and anycast address. Return: how many. */
static size_t no_hosts(const struct bw_prefix *p, struct bw_interval out[2])
{
	struct bw_ip first = bw_prefix_first(p);
	struct bw_ip last = bw_prefix_last(p);

	if (p->len + 2U > bw_ip_bits(p->ip.family))
		return 0;
	out[0] = (struct bw_interval){ first, first };
	out[1] = (struct bw_interval){ last, last };
	return p->ip.family == AF_INET ? 2 : 1;
}

static int holes_of(const struct ctl_intervals_spec *spec, const struct bw_prefix *prefix,
		    struct bw_interval *holes, size_t *ret_n, struct bw_err *err)
{
	size_t n = no_hosts(prefix, holes);

	for (size_t i = 0; i < spec->n_excludes; i++, n++) {
		int r = parse(spec->excludes[i], "excludes", (int)i, 0, &holes[n], err);

		if (r < 0)
			return r;
	}
	if (spec->gateway) {
		int r = parse(spec->gateway, "gateway", -1, 0, &holes[n], err);

		if (r < 0)
			return r;
		n++;
	}
	if (spec->n_reserved)
		memcpy(&holes[n], spec->reserved, spec->n_reserved * sizeof(*holes));
	*ret_n = n + spec->n_reserved;
	return 0;
}

static int take(const struct bw_range_set *set, int family, struct ctl_intervals *ret,
		struct bw_err *err)
{
	struct ctl_interval *v = calloc(set->n_free + 1, sizeof(*v));

	if (!v)
		return bw_fail(err, ENOMEM, "keep %zu intervals", set->n_free);
	for (size_t i = 0; i < set->n_free; i++) {
		v[i].first = bw_ip_value(&set->sorted[i].first);
		v[i].last = bw_ip_value(&set->sorted[i].last);
	}
	ctl_intervals_done(ret);
	*ret = (struct ctl_intervals){ family, v, set->n_free };
	return 0;
}

int ctl_intervals_build(const struct ctl_intervals_spec *spec, struct ctl_intervals *ret,
			struct bw_err *err)
{
	BW_CLEANUP(bw_range_set_done) struct bw_range_set set = { 0 };
	bw_autofree struct bw_interval *holes =
		calloc(spec->n_excludes + spec->n_reserved + 3, sizeof(*holes));
	struct bw_prefix prefix;
	size_t n_holes;
	int r;

	set.ranges = calloc(spec->n_ranges + 1, sizeof(*set.ranges));
	if (!holes || !set.ranges)
		return bw_fail(err, ENOMEM, "read %zu ranges", spec->n_ranges);
	if (bw_prefix_parse(spec->prefix, &prefix) < 0)
		return bw_reject(err, BW_ERR_INVALID, EINVAL,
				 "prefix: expected one such as 10.99.0.0/16, got \"%s\"",
				 spec->prefix);
	for (; set.n < spec->n_ranges; set.n++) {
		struct bw_interval i;

		r = parse(spec->ranges[set.n], "ranges", (int)set.n, prefix.ip.family, &i, err);
		if (r < 0)
			return r;
		set.ranges[set.n].first = i.first;
		set.ranges[set.n].last = i.last;
	}
	r = holes_of(spec, &prefix, holes, &n_holes, err);
	if (r < 0)
		return r;
	join(&set);
	r = bw_range_set_build(&set, holes, n_holes, err);
	return r < 0 ? r : take(&set, prefix.ip.family, ret, err);
}

void ctl_intervals_done(struct ctl_intervals *iv)
{
	if (!iv)
		return;
	free(iv->v);
	memset(iv, 0, sizeof(*iv));
}

int ctl_intervals_has(const struct ctl_intervals *iv, const struct bw_ip *ip)
{
	unsigned __int128 key = bw_ip_value(ip);
	size_t low = 0;
	size_t high = iv->n;

	if (ip->family != iv->family)
		return 0;
	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (iv->v[mid].last < key)
			low = mid + 1;
		else
			high = mid;
	}
	return low < iv->n && iv->v[low].first <= key;
}

unsigned __int128 ctl_intervals_total(const struct ctl_intervals *iv)
{
	unsigned __int128 total = 0;

	for (size_t i = 0; i < iv->n; i++) {
		unsigned __int128 less_one = iv->v[i].last - iv->v[i].first;

		/* Only ::/0 as a whole holds one more than fits. */
		if (less_one == -(unsigned __int128)1)
			return less_one;
		total += less_one + 1;
	}
	return total;
}

int ctl_intervals_overlap(const struct ctl_intervals *a, const struct ctl_intervals *b,
			  struct bw_ip *ret)
{
	size_t i = 0;
	size_t k = 0;

	if (a->family != b->family)
		return 0;
	while (i < a->n && k < b->n) {
		const struct ctl_interval *x = &a->v[i];
		const struct ctl_interval *y = &b->v[k];

		if (x->last < y->first) {
			i++;
		} else if (y->last < x->first) {
			k++;
		} else {
			*ret = bw_ip_from_value(a->family,
						x->first > y->first ? x->first : y->first);
			return 1;
		}
	}
	return 0;
}

const char *ctl_u128_str(unsigned __int128 n, char out[CTL_U128_MAX])
{
	char digits[CTL_U128_MAX];
	size_t len = 0;

	do {
		digits[len++] = (char)('0' + (int)(n % 10));
		n /= 10;
	} while (n);
	for (size_t i = 0; i < len; i++)
		out[i] = digits[len - 1 - i];
	out[len] = '\0';
	return out;
}
