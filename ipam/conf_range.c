/* SPDX-License-Identifier: Apache-2.0 */
/* Range sets from runtimeConfig.ipRanges, the legacy keys and ipam.ranges, in this order. */
#include <stdio.h>
#include <string.h>

#include <bw/cni_version.h>
#include <bw/err.h>

#include "conf.h"

#define PATH_MAX_ 64

static int add_excludes(struct bw_ipam_conf *conf, const struct bw_json_list *list,
			struct bw_err *err)
{
	struct bw_interval *more;

	if (!list->n)
		return 0;
	if (conf->n_excludes + list->n > BW_RANGE_HOLES_MAX / 2)
		return bw_reject(err, BW_ERR_INVALID, E2BIG, "exclude: expected at most %d items",
				 BW_RANGE_HOLES_MAX / 2);
	more = reallocarray(conf->excludes, conf->n_excludes + list->n, sizeof(*more));
	if (!more)
		return bw_fail(err, ENOMEM, "read excludes");
	conf->excludes = more;
	memcpy(more + conf->n_excludes, list->items, list->n * sizeof(*more));
	conf->n_excludes += list->n;
	return 0;
}

/* A router elsewhere is fine when a route of the configuration leads to it. */
static int check_gateway(const struct bw_ipam_conf *conf, const struct bw_range *r,
			 const char *path, struct bw_err *err)
{
	const struct ipam_route_in *routes = conf->in.routes.items;
	char p[BW_PREFIX_STR_MAX];
	char s[BW_IP_STR_MAX];

	if (bw_prefix_contains(&r->subnet, &r->gateway))
		return 0;
	for (size_t i = 0; i < conf->in.routes.n; i++)
		if (routes[i].dst.len > 0 && bw_prefix_contains(&routes[i].dst, &r->gateway) &&
		    (!routes[i].gw.family || bw_prefix_contains(&r->subnet, &routes[i].gw)))
			return 0;
	return bw_reject(err, BW_ERR_INVALID, EINVAL,
			 "%s.gateway: expected an address in %s, or a route in ipam.routes that "
			 "leads to it, got %s",
			 path, bw_prefix_str(&r->subnet, p), bw_ip_str(&r->gateway, s));
}

static int add_range(struct bw_ipam_conf *conf, struct bw_range_set *set,
		     const struct ipam_range_in *in, const char *path, struct bw_err *err)
{
	struct bw_range *r = &set->ranges[set->n];
	int rc;

	*r = (struct bw_range){ in->subnet, in->first, in->last, in->gateway };
	rc = bw_range_complete(r, path, err);
	if (rc == 0)
		rc = check_gateway(conf, r, path, err);
	/* A claim's address was chosen by who knows the segment's router: none is made up. */
	if (rc == 0 && conf->in.claim.uid && !in->gateway.family)
		memset(&r->gateway, 0, sizeof(r->gateway));
	if (rc == 0)
		rc = add_excludes(conf, &in->exclude, err);
	set->n += rc == 0;
	return rc;
}

/* @path is a set's; with @legacy it is the ipam object itself. */
static int add_set(struct bw_ipam_conf *conf, const struct ipam_range_in *in, size_t n,
		   const char *path, int legacy, struct bw_err *err)
{
	struct bw_range_set *set = &conf->sets[conf->n_sets];

	if (conf->n_sets == BW_RANGE_SETS_MAX)
		return bw_reject(err, BW_ERR_INVALID, E2BIG,
				 "%s: expected at most %d range sets in all", path,
				 BW_RANGE_SETS_MAX);
	set->ranges = calloc(n, sizeof(*set->ranges));
	if (!set->ranges)
		return bw_fail(err, ENOMEM, "read %s", path);
	conf->n_sets++;
	for (size_t i = 0; i < n; i++) {
		char item[PATH_MAX_];
		int r;

		/* fits, ignoring */
		(void)snprintf(item, sizeof(item), legacy ? "%s" : "%s[%zu]", path, i);
		r = add_range(conf, set, &in[i], item, err);
		if (r < 0)
			return r;
	}
	return bw_range_set_check(set, path, err);
}

static int add_sets(struct bw_ipam_conf *conf, const struct bw_json_list *sets, const char *path,
		    struct bw_err *err)
{
	for (size_t i = 0; i < sets->n; i++) {
		const struct bw_json_list *set = (const struct bw_json_list *)sets->items + i;
		char item[PATH_MAX_];
		int r;

		(void)snprintf(item, sizeof(item), "%s[%zu]", path, i); /* fits, ignoring */
		r = add_set(conf, set->items, set->n, item, 0, err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* CNI 0.1.0 and 0.2.0 results have room for one address of each family. */
static int check_version(const struct bw_ipam_conf *conf, struct bw_err *err)
{
	unsigned int v6 = 0;

	if (!conf->req->version || bw_cni_version_at_least(conf->req->version, "0.3.0"))
		return 0;
	for (size_t i = 0; i < conf->n_sets; i++)
		v6 += conf->sets[i].ranges[0].subnet.ip.family == AF_INET6;
	if (v6 <= 1 && conf->n_sets - v6 <= 1)
		return 0;
	return bw_reject(err, BW_ERR_INVALID, EINVAL,
			 "ipam.ranges: expected at most one range set a family with cniVersion %s, "
			 "got %zu sets",
			 conf->req->version, conf->n_sets);
}

static int check_sets(const struct bw_ipam_conf *conf, struct bw_err *err)
{
	for (size_t i = 1; i < conf->n_sets; i++)
		for (size_t k = 0; k < i; k++) {
			const struct bw_range *a;
			const struct bw_range *b;
			char sa[BW_RANGE_STR_MAX];
			char sb[BW_RANGE_STR_MAX];

			if (bw_range_set_overlap(&conf->sets[k], &conf->sets[i], &a, &b))
				return bw_reject(err, BW_ERR_INVALID, EINVAL,
						 "ipam.ranges: range set %zu overlaps with %zu: %s "
						 "and %s",
						 k, i, bw_range_str(a, sa), bw_range_str(b, sb));
		}
	return check_version(conf, err);
}

static int check_routes(const struct bw_ipam_conf *conf, struct bw_err *err)
{
	const struct ipam_route_in *routes = conf->in.routes.items;

	for (size_t i = 0; i < conf->in.routes.n; i++) {
		char d[BW_PREFIX_STR_MAX];
		char s[BW_IP_STR_MAX];

		if (!routes[i].gw.family || routes[i].gw.family == routes[i].dst.ip.family)
			continue;
		return bw_reject(err, BW_ERR_INVALID, EINVAL,
				 "ipam.routes[%zu].gw: expected an address of the family of %s, "
				 "got %s",
				 i, bw_prefix_str(&routes[i].dst, d), bw_ip_str(&routes[i].gw, s));
	}
	return 0;
}

int ipam_conf_ranges(struct bw_ipam_conf *conf, struct bw_err *err)
{
	int r = check_routes(conf, err);

	if (r == 0)
		r = add_sets(conf, &conf->top.runtime.ranges, "runtimeConfig.ipRanges", err);
	if (r == 0 && conf->in.legacy.has_subnet)
		r = add_set(conf, &conf->in.legacy, 1, "ipam", 1, err);
	else if (r == 0)
		r = add_excludes(conf, &conf->in.legacy.exclude, err);
	if (r == 0)
		r = add_sets(conf, &conf->in.ranges, "ipam.ranges", err);
	if (r < 0)
		return r;
	if (conf->n_sets == 0)
		return bw_reject(err, BW_ERR_INVALID, EINVAL,
				 "ipam.ranges: expected at least one range set, got none");
	return check_sets(conf, err);
}
