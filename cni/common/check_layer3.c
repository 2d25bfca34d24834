/* SPDX-License-Identifier: Apache-2.0 */
/* CHECK: addresses and routes of prevResult. What others added is none of our business. */
#include <linux/rtnetlink.h>
#include <string.h>

#include <bw/addr.h>
#include <bw/check.h>
#include <bw/err.h>
#include <bw/nl.h>
#include <bw/own.h>
#include <bw/route.h>

#define FOUND_MAX (BW_CNI_IPS_MAX > BW_CNI_ROUTES_MAX ? BW_CNI_IPS_MAX : BW_CNI_ROUTES_MAX)

struct look {
	const struct bw_check *c;
	uint8_t found[FOUND_MAX]; /* by index in prevResult */
};

static void look_reset(void *arg)
{
	struct look *look = arg;

	memset(look->found, 0, sizeof(look->found));
}

int bw_check_is_ours(const struct bw_check *c, const struct bw_cni_ip *ip)
{
	const struct bw_cni_if *i;

	if (ip->interface < 0)
		return 1;
	if ((size_t)ip->interface >= c->prev.n_ifs)
		return 0;
	i = &c->prev.ifs[ip->interface];
	return i->sandbox && *i->sandbox && strcmp(i->name, c->req->ifname) == 0;
}

static int look_addr(const struct bw_addr *addr, void *arg, struct bw_err *err)
{
	struct look *look = arg;
	const struct bw_cni_result *prev = &look->c->prev;

	(void)err;
	for (size_t i = 0; i < prev->n_ips; i++)
		if (bw_ip_eq(&prev->ips[i].address.ip, &addr->prefix.ip) &&
		    prev->ips[i].address.len == addr->prefix.len)
			look->found[i] = 1;
	return 0;
}

static int check_addresses(struct bw_check *c, struct look *look, struct bw_err *err)
{
	struct bw_addr_visitor v = { .reset = look_reset, .visit = look_addr, .arg = look };
	char text[BW_PREFIX_STR_MAX];
	int r;

	r = bw_addr_list(c->nl, c->pod.ifindex, AF_UNSPEC, &v, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < c->prev.n_ips; i++)
		if (!look->found[i] && bw_check_is_ours(c, &c->prev.ips[i]))
			bw_drift_add(&c->drift, "address %s is missing on %s",
				     bw_prefix_str(&c->prev.ips[i].address, text), c->req->ifname);
	return 0;
}

/* Whether a next hop's attributes have this gateway. */
static int hop_has(const uint8_t *p, size_t left, const struct bw_ip *gw)
{
	while (left >= NLA_HDRLEN) {
		struct nlattr a;

		memcpy(&a, p, sizeof(a));
		if (a.nla_len < NLA_HDRLEN || a.nla_len > left)
			return 0;
		if ((a.nla_type & NLA_TYPE_MASK) == RTA_GATEWAY &&
		    (size_t)(a.nla_len - NLA_HDRLEN) == bw_ip_size(gw) &&
		    memcmp(p + NLA_HDRLEN, bw_ip_bytes(gw), bw_ip_size(gw)) == 0)
			return 1;
		if ((size_t)NLA_ALIGN(a.nla_len) >= left)
			return 0;
		p += NLA_ALIGN(a.nla_len);
		left -= NLA_ALIGN(a.nla_len);
	}
	return 0;
}

/* IPv6 default routes of two interfaces are one route with two next hops. */
static int hops_have(const struct nlmsghdr *nlh, const struct bw_ip *gw)
{
	const struct nlattr *tb[RTA_MULTIPATH + 1];
	const uint8_t *p;
	size_t left;

	bw_nl_attrs(nlh, sizeof(struct rtmsg), tb, RTA_MULTIPATH);
	if (!tb[RTA_MULTIPATH])
		return 0;
	p = (const uint8_t *)tb[RTA_MULTIPATH] + NLA_HDRLEN;
	left = tb[RTA_MULTIPATH]->nla_len - NLA_HDRLEN;
	while (left >= sizeof(struct rtnexthop)) {
		struct rtnexthop hop;

		memcpy(&hop, p, sizeof(hop));
		if (hop.rtnh_len < sizeof(hop) || hop.rtnh_len > left)
			return 0;
		if (hop_has(p + sizeof(hop), hop.rtnh_len - sizeof(hop), gw))
			return 1;
		if ((size_t)RTNH_ALIGN(hop.rtnh_len) >= left)
			return 0;
		p += RTNH_ALIGN(hop.rtnh_len);
		left -= RTNH_ALIGN(hop.rtnh_len);
	}
	return 0;
}

static int matches(const struct bw_check *c, const struct bw_cni_route *want,
		   const struct bw_route *got, const struct nlmsghdr *nlh)
{
	const struct bw_ip *gw =
		want->gw.family ? &want->gw : bw_own_gateway(&c->prev, 0, want->dst.ip.family);
	struct bw_ip first = bw_prefix_first(&want->dst);
	uint32_t table = want->table > 0 ? (uint32_t)want->table : RT_TABLE_MAIN;

	if (got->dst.len != want->dst.len || got->dst.ip.family != want->dst.ip.family ||
	    !bw_ip_eq(&got->dst.ip, &first))
		return 0;
	if ((got->table ? got->table : RT_TABLE_MAIN) != table)
		return 0;
	return !gw || bw_ip_eq(gw, &got->gw) || hops_have(nlh, gw);
}

static int look_route(const struct nlmsghdr *nlh, const struct bw_route *route, void *arg,
		      struct bw_err *err)
{
	struct look *look = arg;
	const struct bw_cni_result *prev = &look->c->prev;

	(void)err;
	for (size_t i = 0; i < prev->n_routes; i++)
		if (!look->found[i] && matches(look->c, &prev->routes[i], route, nlh))
			look->found[i] = 1;
	return 0;
}

/* By any device: a later plugin of the chain may have added routes of its own. */
static int check_routes(struct bw_check *c, struct look *look, struct bw_err *err)
{
	struct bw_route_visitor v = { .reset = look_reset, .visit = look_route, .arg = look };
	char text[BW_PREFIX_STR_MAX];
	int r;

	r = bw_route_list(c->nl, 0, AF_UNSPEC, &v, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < c->prev.n_routes; i++)
		if (!look->found[i])
			bw_drift_add(&c->drift, "route %s is missing in the container",
				     bw_prefix_str(&c->prev.routes[i].dst, text));
	return 0;
}

int bw_check_layer3(struct bw_check *c, struct bw_err *err)
{
	struct look look = { .c = c };
	int r = 0;

	if (c->prev.n_ips)
		r = check_addresses(c, &look, err);
	if (r == 0 && c->prev.n_routes)
		r = check_routes(c, &look, err);
	return r;
}
