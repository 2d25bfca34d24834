/* SPDX-License-Identifier: Apache-2.0 */
/* Range sets: defaults, checks, and the intervals that are left when the holes are cut out. */
#include <stdio.h>
#include <string.h>

#include <bw/err.h>
#include <bw/range.h>

void bw_range_set_done(struct bw_range_set *set)
{
	if (!set)
		return;
	free(set->ranges);
	free(set->free);
	free(set->sorted);
	free(set->range_of);
	memset(set, 0, sizeof(*set));
}

/* An end of the range that was given must lie in the subnet. */
static int check_end(const struct bw_range *r, const struct bw_ip *ip, const char *path,
		     const char *key, struct bw_err *err)
{
	char p[BW_PREFIX_STR_MAX];
	char s[BW_IP_STR_MAX];

	if (bw_prefix_contains(&r->subnet, ip))
		return 0;
	return bw_reject(err, BW_ERR_INVALID, EINVAL, "%s.%s: expected an address in %s, got %s",
			 path, key, bw_prefix_str(&r->subnet, p), bw_ip_str(ip, s));
}

static int check_subnet(const struct bw_prefix *subnet, const char *path, struct bw_err *err)
{
	unsigned int bits = bw_ip_bits(subnet->ip.family);
	char p[BW_PREFIX_STR_MAX];

	if (bw_prefix_has_host_bits(subnet)) {
		struct bw_prefix net = { bw_prefix_first(subnet), subnet->len };
		char want[BW_PREFIX_STR_MAX];

		return bw_reject(err, BW_ERR_INVALID, EINVAL,
				 "%s.subnet: expected a network's address, got %s; did you mean %s",
				 path, bw_prefix_str(subnet, p), bw_prefix_str(&net, want));
	}
	if (subnet->len + 2U > bits)
		return bw_reject(
			err, BW_ERR_INVALID, EINVAL,
			"%s.subnet: expected a subnet of at most %u bits, got %s, which is "
			"too small to allocate from",
			path, bits - 2, bw_prefix_str(subnet, p));
	return 0;
}

int bw_range_complete(struct bw_range *r, const char *path, struct bw_err *err)
{
	struct bw_range full = *r;
	int rc = check_subnet(&r->subnet, path, err);

	if (rc < 0)
		return rc;
	/* At least four addresses: neither step leaves the subnet. */
	if (!full.gateway.family) {
		full.gateway = bw_prefix_first(&r->subnet);
		(void)bw_ip_add(&full.gateway, 1);
	} else if (full.gateway.family != r->subnet.ip.family) {
		char p[BW_PREFIX_STR_MAX];
		char s[BW_IP_STR_MAX];

		return bw_reject(err, BW_ERR_INVALID, EINVAL,
				 "%s.gateway: expected an address of the family of %s, got %s",
				 path, bw_prefix_str(&r->subnet, p), bw_ip_str(&full.gateway, s));
	}
	if (!full.first.family) {
		full.first = bw_prefix_first(&r->subnet);
		(void)bw_ip_add(&full.first, 1);
	}
	if (!full.last.family) {
		full.last = bw_prefix_last(&r->subnet);
		if (full.last.family == AF_INET)
			(void)bw_ip_add(&full.last, -1);
	}
	rc = check_end(&full, &full.first, path, "rangeStart", err);
	if (rc == 0)
		rc = check_end(&full, &full.last, path, "rangeEnd", err);
	if (rc < 0)
		return rc;
	if (bw_ip_cmp(&full.first, &full.last) > 0) {
		char a[BW_IP_STR_MAX];
		char b[BW_IP_STR_MAX];

		return bw_reject(err, BW_ERR_INVALID, EINVAL,
				 "%s.rangeEnd: expected an address not below rangeStart %s, got %s",
				 path, bw_ip_str(&full.first, a), bw_ip_str(&full.last, b));
	}
	*r = full;
	return 0;
}

static int ranges_overlap(const struct bw_range *a, const struct bw_range *b)
{
	return a->first.family == b->first.family && bw_ip_cmp(&a->first, &b->last) <= 0 &&
	       bw_ip_cmp(&b->first, &a->last) <= 0;
}

int bw_range_set_check(const struct bw_range_set *set, const char *path, struct bw_err *err)
{
	char a[BW_RANGE_STR_MAX];
	char b[BW_RANGE_STR_MAX];

	for (size_t i = 1; i < set->n; i++) {
		if (set->ranges[i].first.family != set->ranges[0].first.family)
			return bw_reject(err, BW_ERR_INVALID, EINVAL,
					 "%s: expected ranges of one family, got %s and %s; put "
					 "each family in a set of its own",
					 path, bw_range_str(&set->ranges[0], a),
					 bw_range_str(&set->ranges[i], b));
		for (size_t k = 0; k < i; k++)
			if (ranges_overlap(&set->ranges[i], &set->ranges[k]))
				return bw_reject(err, BW_ERR_INVALID, EINVAL,
						 "%s: ranges %s and %s overlap", path,
						 bw_range_str(&set->ranges[k], a),
						 bw_range_str(&set->ranges[i], b));
	}
	return 0;
}

int bw_range_set_overlap(const struct bw_range_set *a, const struct bw_range_set *b,
			 const struct bw_range **ret_a, const struct bw_range **ret_b)
{
	for (size_t i = 0; i < a->n; i++)
		for (size_t k = 0; k < b->n; k++)
			if (ranges_overlap(&a->ranges[i], &b->ranges[k])) {
				*ret_a = &a->ranges[i];
				*ret_b = &b->ranges[k];
				return 1;
			}
	return 0;
}

static int cmp_interval(const void *a, const void *b)
{
	const struct bw_interval *x = a;
	const struct bw_interval *y = b;
	int c = bw_ip_cmp(&x->first, &y->first);

	return c ? c : bw_ip_cmp(&x->last, &y->last);
}

/* All holes of one set, sorted: the caller's and the gateways. */
static struct bw_interval *sorted_holes(const struct bw_range_set *set,
					const struct bw_interval *holes, size_t n)
{
	struct bw_interval *all = calloc(n + set->n + 1, sizeof(*all));

	if (!all)
		return NULL;
	if (n)
		memcpy(all, holes, n * sizeof(*all));
	for (size_t i = 0; i < set->n; i++)
		all[n + i] = (struct bw_interval){ set->ranges[i].gateway, set->ranges[i].gateway };
	qsort(all, n + set->n, sizeof(*all), cmp_interval);
	return all;
}

static void push_free(struct bw_range_set *set, size_t range, const struct bw_ip *first,
		      const struct bw_ip *last)
{
	set->free[set->n_free] = (struct bw_interval){ *first, *last };
	set->range_of[set->n_free] = range;
	set->n_free++;
}

/* Cuts the sorted holes out of one range. */
static void cut(struct bw_range_set *set, size_t range, const struct bw_interval *holes, size_t n)
{
	const struct bw_range *r = &set->ranges[range];
	struct bw_ip at = r->first;

	for (size_t i = 0; i < n; i++) {
		struct bw_ip before = holes[i].first;

		if (holes[i].first.family != at.family || bw_ip_cmp(&holes[i].last, &at) < 0)
			continue;
		if (bw_ip_cmp(&holes[i].first, &r->last) > 0)
			break;
		if (bw_ip_cmp(&holes[i].first, &at) > 0 && bw_ip_add(&before, -1) == 0)
			push_free(set, range, &at, &before);
		at = holes[i].last;
		/* The hole reaches the end of the range, or of all addresses. */
		if (bw_ip_cmp(&at, &r->last) >= 0 || bw_ip_add(&at, 1) < 0)
			return;
	}
	push_free(set, range, &at, &r->last);
}

int bw_range_set_build(struct bw_range_set *set, const struct bw_interval *holes, size_t n,
		       struct bw_err *err)
{
	/* Each hole parts one range in two at most, but may lie across several. */
	size_t most = n + 2 * set->n + 1;
	bw_autofree struct bw_interval *all = sorted_holes(set, holes, n);
	bw_autofree struct bw_interval *list = calloc(most, sizeof(*list));
	bw_autofree struct bw_interval *sorted = calloc(most, sizeof(*sorted));
	bw_autofree size_t *range_of = calloc(most, sizeof(*range_of));

	if (!all || !list || !sorted || !range_of)
		return bw_fail(err, ENOMEM, "build a range set of %zu ranges", set->n);
	free(set->free);
	free(set->sorted);
	free(set->range_of);
	set->free = BW_TAKE_PTR(list);
	set->sorted = BW_TAKE_PTR(sorted);
	set->range_of = BW_TAKE_PTR(range_of);
	set->n_free = 0;
	for (size_t i = 0; i < set->n; i++)
		cut(set, i, all, n + set->n);
	memcpy(set->sorted, set->free, set->n_free * sizeof(*set->free));
	qsort(set->sorted, set->n_free, sizeof(*set->sorted), cmp_interval);
	return 0;
}

const struct bw_range *bw_range_set_find(const struct bw_range_set *set, const struct bw_ip *ip)
{
	for (size_t i = 0; i < set->n; i++) {
		const struct bw_range *r = &set->ranges[i];

		if (r->first.family == ip->family && bw_ip_cmp(&r->first, ip) <= 0 &&
		    bw_ip_cmp(ip, &r->last) <= 0)
			return r;
	}
	return NULL;
}

int bw_range_set_is_gateway(const struct bw_range_set *set, const struct bw_ip *ip)
{
	for (size_t i = 0; i < set->n; i++)
		if (bw_ip_eq(&set->ranges[i].gateway, ip))
			return 1;
	return 0;
}

const char *bw_range_str(const struct bw_range *r, char out[BW_RANGE_STR_MAX])
{
	char a[BW_IP_STR_MAX];
	char b[BW_IP_STR_MAX];

	/* fits, ignoring */
	(void)snprintf(out, BW_RANGE_STR_MAX, "%s-%s", bw_ip_str(&r->first, a),
		       bw_ip_str(&r->last, b));
	return out;
}

int bw_interval_parse(const char *s, struct bw_interval *ret)
{
	const char *dash = strchr(s, '-');
	char head[BW_IP_STR_MAX];
	struct bw_interval i;
	struct bw_prefix p;
	int has_len;

	if (!dash) {
		if (bw_ip_or_prefix_parse(s, &p, &has_len) < 0)
			return -EINVAL;
		ret->first = has_len ? bw_prefix_first(&p) : p.ip;
		ret->last = has_len ? bw_prefix_last(&p) : p.ip;
		return 0;
	}
	if ((size_t)(dash - s) >= sizeof(head))
		return -EINVAL;
	memcpy(head, s, (size_t)(dash - s));
	head[dash - s] = '\0';
	if (bw_ip_parse(head, &i.first) < 0 || bw_ip_parse(dash + 1, &i.last) < 0 ||
	    i.first.family != i.last.family || bw_ip_cmp(&i.first, &i.last) > 0)
		return -EINVAL;
	*ret = i;
	return 0;
}

int bw_interval_has(const struct bw_interval *i, const struct bw_ip *ip)
{
	return i->first.family == ip->family && bw_ip_cmp(&i->first, ip) <= 0 &&
	       bw_ip_cmp(ip, &i->last) <= 0;
}
