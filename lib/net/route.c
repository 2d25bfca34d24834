/* SPDX-License-Identifier: Apache-2.0 */
/* Routes: plain ones as values, foreign ones as whole messages. */
#include <linux/rtnetlink.h>
#include <string.h>

#include <libmnl/libmnl.h>

#include <bw/err.h>
#include <bw/nl.h>
#include <bw/route.h>

#define ROUTE_NEXTHOPS_MAX 256 /* of one multipath route; the message's own limit is near */

static int read_ip(const struct nlattr *a, int family, struct bw_ip *ret)
{
	uint8_t b[16];

	if (!bw_nl_bytes(a, b, family == AF_INET ? 4 : 16))
		return 0;
	*ret = bw_ip_from_bytes(family, b);
	return 1;
}

/* The first next hop of a multipath route stands for it. */
static void read_first_hop(const struct nlattr *mp, int family, struct bw_route *r)
{
	const struct nlattr *tb[RTA_GATEWAY + 1];
	struct rtnexthop nh;

	if (!bw_nl_bytes(mp, &nh, sizeof(nh)))
		return;
	r->ifindex = nh.rtnh_ifindex;
	r->onlink = (nh.rtnh_flags & RTNH_F_ONLINK) != 0;
	bw_nl_attrs_nested(mp, sizeof(nh), tb, RTA_GATEWAY);
	(void)read_ip(tb[RTA_GATEWAY], family, &r->gw); /* a hop without gateway, ignoring */
}

int bw_route_parse(const struct nlmsghdr *nlh, struct bw_route *ret)
{
	const struct nlattr *tb[RTA_TABLE + 1], *metrics[RTAX_MAX + 1];
	struct bw_route r = { 0 };
	struct rtmsg rtm;

	if (nlh->nlmsg_type != RTM_NEWROUTE || mnl_nlmsg_get_payload_len(nlh) < sizeof(rtm))
		return -EPROTO;
	memcpy(&rtm, mnl_nlmsg_get_payload(nlh), sizeof(rtm));
	if ((rtm.rtm_family != AF_INET && rtm.rtm_family != AF_INET6) ||
	    rtm.rtm_dst_len > bw_ip_bits(rtm.rtm_family))
		return -EPROTO;
	bw_nl_attrs(nlh, sizeof(rtm), tb, RTA_TABLE);
	r.dst.ip = bw_ip_from_bytes(rtm.rtm_family, (const uint8_t[16]){ 0 });
	r.dst.len = rtm.rtm_dst_len;
	(void)read_ip(tb[RTA_DST], rtm.rtm_family, &r.dst.ip); /* absent = default, ignoring */
	(void)read_ip(tb[RTA_GATEWAY], rtm.rtm_family, &r.gw); /* absent = on link, ignoring */
	(void)read_ip(tb[RTA_PREFSRC], rtm.rtm_family, &r.src); /* absent = none, ignoring */
	r.ifindex = (int)bw_nl_u32(tb[RTA_OIF], 0);
	r.table = bw_nl_u32(tb[RTA_TABLE], rtm.rtm_table);
	r.metric = bw_nl_u32(tb[RTA_PRIORITY], 0);
	r.scope = rtm.rtm_scope;
	r.proto = rtm.rtm_protocol;
	r.type = rtm.rtm_type;
	r.onlink = (rtm.rtm_flags & RTNH_F_ONLINK) != 0;
	bw_nl_attrs_nested(tb[RTA_METRICS], 0, metrics, RTAX_MAX);
	r.mtu = bw_nl_u32(metrics[RTAX_MTU], 0);
	r.advmss = bw_nl_u32(metrics[RTAX_ADVMSS], 0);
	if (!r.ifindex && tb[RTA_MULTIPATH])
		read_first_hop(tb[RTA_MULTIPATH], rtm.rtm_family, &r);
	*ret = r;
	return 0;
}

static void put_metrics(struct bw_nl_batch *b, const struct bw_route *r)
{
	uint32_t nest;

	if (!r->mtu && !r->advmss)
		return;
	nest = bw_nl_nest(b, RTA_METRICS | NLA_F_NESTED);
	if (r->mtu)
		bw_nl_put_u32(b, RTAX_MTU, r->mtu);
	if (r->advmss)
		bw_nl_put_u32(b, RTAX_ADVMSS, r->advmss);
	bw_nl_nest_end(b, nest);
}

static void put_ip(struct bw_nl_batch *b, uint16_t type, const struct bw_ip *ip)
{
	if (ip->family)
		bw_nl_put(b, type, bw_ip_bytes(ip), bw_ip_size(ip));
}

static uint8_t scope_of(const struct bw_route *r)
{
	if (r->scope >= 0)
		return (uint8_t)r->scope;
	return r->gw.family || r->dst.ip.family == AF_INET6 ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
}

static void put_route(struct bw_nl_batch *b, uint16_t type, uint16_t flags,
		      const struct bw_route *r, const char *verb)
{
	uint32_t table = r->table ? r->table : RT_TABLE_MAIN;
	struct rtmsg rtm = { .rtm_family = r->dst.ip.family,
			     .rtm_dst_len = r->dst.len,
			     .rtm_table = table < 256 ? (uint8_t)table : RT_TABLE_UNSPEC,
			     .rtm_protocol = r->proto ? r->proto : RTPROT_BOOT,
			     .rtm_scope = scope_of(r),
			     .rtm_type = r->type ? r->type : RTN_UNICAST,
			     .rtm_flags = r->onlink ? RTNH_F_ONLINK : 0 };
	char text[BW_PREFIX_STR_MAX];

	if (type == RTM_DELROUTE && r->scope < 0)
		rtm.rtm_scope = RT_SCOPE_NOWHERE; /* any scope: fib_table_delete() */
	if (type == RTM_DELROUTE && !r->proto)
		rtm.rtm_protocol = RTPROT_UNSPEC;
	bw_nl_msg(b, type, flags, &rtm, sizeof(rtm), "%s route %s", verb,
		  bw_prefix_str(&r->dst, text));
	if (r->dst.len)
		put_ip(b, RTA_DST, &r->dst.ip);
	put_ip(b, RTA_GATEWAY, &r->gw);
	put_ip(b, RTA_PREFSRC, &r->src);
	if (r->ifindex)
		bw_nl_put_u32(b, RTA_OIF, (uint32_t)r->ifindex);
	bw_nl_put_u32(b, RTA_TABLE, table);
	if (r->metric)
		bw_nl_put_u32(b, RTA_PRIORITY, r->metric);
	put_metrics(b, r);
}

void bw_route_put_add(struct bw_nl_batch *b, const struct bw_route *r)
{
	put_route(b, RTM_NEWROUTE, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, r, "add");
}

void bw_route_put_replace(struct bw_nl_batch *b, const struct bw_route *r)
{
	put_route(b, RTM_NEWROUTE, NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE, r, "replace");
}

void bw_route_put_beside(struct bw_nl_batch *b, const struct bw_route *r)
{
	put_route(b, RTM_NEWROUTE, NLM_F_ACK | NLM_F_CREATE, r, "add");
}

void bw_route_put_del(struct bw_nl_batch *b, const struct bw_route *r)
{
	put_route(b, RTM_DELROUTE, NLM_F_ACK, r, "remove");
	bw_nl_tolerate(b, ESRCH);
}

/* Whether any next hop of a multipath attribute leaves by this device. */
static int hops_use(const struct nlattr *mp, int ifindex)
{
	const unsigned char *p;
	size_t left;

	if (!mp)
		return 0;
	p = mnl_attr_get_payload(mp);
	left = mnl_attr_get_payload_len(mp);
	for (int i = 0; i < ROUTE_NEXTHOPS_MAX && left >= sizeof(struct rtnexthop); i++) {
		struct rtnexthop nh;

		memcpy(&nh, p, sizeof(nh));
		if (nh.rtnh_len < sizeof(nh) || nh.rtnh_len > left)
			return 0;
		if (nh.rtnh_ifindex == ifindex)
			return 1;
		if (RTNH_ALIGN((size_t)nh.rtnh_len) >= left)
			return 0;
		p += RTNH_ALIGN(nh.rtnh_len);
		left -= RTNH_ALIGN((size_t)nh.rtnh_len);
	}
	return 0;
}

static int leaves_by(const struct nlmsghdr *nlh, const struct bw_route *r, int ifindex)
{
	const struct nlattr *tb[RTA_MULTIPATH + 1];

	if (!ifindex || r->ifindex == ifindex)
		return 1;
	bw_nl_attrs(nlh, sizeof(struct rtmsg), tb, RTA_MULTIPATH);
	return hops_use(tb[RTA_MULTIPATH], ifindex);
}

static int on_route(const struct nlmsghdr *nlh, void *arg, struct bw_err *err)
{
	int r = bw_route_parse(nlh, arg);

	return r < 0 ? bw_fail(err, -r, "read route") : 0;
}

void bw_route_put_get(struct bw_nl_batch *b, const struct bw_ip *ip, struct bw_route *ret)
{
	struct rtmsg rtm = { .rtm_family = ip->family, .rtm_dst_len = bw_ip_bits(ip->family) };
	char text[BW_IP_STR_MAX];

	bw_nl_msg(b, RTM_GETROUTE, 0, &rtm, sizeof(rtm), "get route to %s", bw_ip_str(ip, text));
	put_ip(b, RTA_DST, ip);
	bw_nl_on_reply(b, on_route, ret);
	bw_nl_tolerate(b, ENETUNREACH);
	bw_nl_tolerate(b, EHOSTUNREACH);
}

struct list {
	const struct bw_route_visitor *v;
	int ifindex;
};

static int on_listed(const struct nlmsghdr *nlh, void *arg, struct bw_err *err)
{
	const struct list *l = arg;
	const struct rtmsg *rtm;
	struct bw_route route;

	if (!nlh) {
		if (l->v->reset)
			l->v->reset(l->v->arg);
		return 0;
	}
	if (bw_route_parse(nlh, &route) < 0)
		return 0;
	rtm = mnl_nlmsg_get_payload(nlh);
	if (rtm->rtm_flags & RTM_F_CLONED || !leaves_by(nlh, &route, l->ifindex))
		return 0;
	return l->v->visit(nlh, &route, l->v->arg, err);
}

static int list_family(struct bw_nl *nl, int family, struct list *l, struct bw_err *err)
{
	struct rtmsg rtm = { .rtm_family = (uint8_t)family };

	/* No filter by device in the kernel: it would leave out multipath routes. */
	bw_nl_batch_init(&nl->once);
	bw_nl_msg(&nl->once, RTM_GETROUTE, 0, &rtm, sizeof(rtm), "list routes");
	return bw_nl_dump(nl, &nl->once, on_listed, l, err);
}

int bw_route_list(struct bw_nl *nl, int ifindex, int family, const struct bw_route_visitor *v,
		  struct bw_err *err)
{
	struct list l = { v, ifindex };

	return list_family(nl, family, &l, err);
}

/* Next hops with the device replaced and the kernel's state bits cleared. */
static int put_moved_hops(struct bw_nl_batch *b, const struct nlattr *mp, int from, int to)
{
	_Alignas(RTNH_ALIGNTO) unsigned char copy[BW_ROUTE_MSG_MAX];
	size_t size = mnl_attr_get_payload_len(mp);
	size_t at = 0;

	if (size > sizeof(copy))
		return -EPROTO;
	memcpy(copy, mnl_attr_get_payload(mp), size);
	for (int i = 0; i < ROUTE_NEXTHOPS_MAX && size - at >= sizeof(struct rtnexthop); i++) {
		struct rtnexthop *nh = (void *)(copy + at);

		if (nh->rtnh_len < sizeof(*nh) || nh->rtnh_len > size - at)
			return -EPROTO;
		if (nh->rtnh_ifindex == from)
			nh->rtnh_ifindex = to;
		nh->rtnh_flags &= RTNH_F_ONLINK;
		at += RTNH_ALIGN((size_t)nh->rtnh_len);
		if (at >= size)
			break;
	}
	bw_nl_put(b, RTA_MULTIPATH, copy, size);
	return 0;
}

/* How a recorded route is written again. */
enum form {
	FORM_RECORD, /* all but what only the kernel sets */
	FORM_PLAIN, /* a nexthop object is replaced by what it stands for */
	FORM_NEXTHOP, /* by its nexthop object alone: the kernel takes no device and gateway beside
			 it */
};

/* Attributes that a form leaves out. */
static const struct {
	uint16_t type;
	unsigned int forms; /* bit enum form */
} left_out[] = {
	{ RTA_CACHEINFO, ~0U },
	{ RTA_EXPIRES, ~0U },
	{ RTA_PAD, ~0U },
	{ RTA_IIF, ~0U },
	{ RTA_NH_ID, 1U << FORM_PLAIN },
	{ RTA_OIF, 1U << FORM_NEXTHOP },
	{ RTA_GATEWAY, 1U << FORM_NEXTHOP },
	{ RTA_VIA, 1U << FORM_NEXTHOP },
	{ RTA_MULTIPATH, 1U << FORM_NEXTHOP },
	{ RTA_ENCAP, 1U << FORM_NEXTHOP },
	{ RTA_ENCAP_TYPE, 1U << FORM_NEXTHOP },
};

static int is_left_out(uint16_t type, enum form form)
{
	for (size_t i = 0; i < BW_ARRAY_SIZE(left_out); i++)
		if (left_out[i].type == type && left_out[i].forms >> form & 1)
			return 1;
	return 0;
}

static int put_attrs(struct bw_nl_batch *b, const struct nlmsghdr *nlh, enum form form, int from,
		     int to)
{
	size_t left;
	const unsigned char *p = bw_nl_attrs_of(nlh, sizeof(struct rtmsg), &left);
	const struct nlattr *a;
	int r = 0;

	while ((a = bw_nl_next_attr(&p, &left))) {
		uint16_t type = mnl_attr_get_type(a);

		if (is_left_out(type, form))
			continue;
		if (type == RTA_OIF && (int)bw_nl_u32(a, 0) == from)
			bw_nl_put_u32(b, RTA_OIF, (uint32_t)to);
		else if (type == RTA_MULTIPATH)
			r = put_moved_hops(b, a, from, to);
		else
			bw_nl_put(b, a->nla_type, mnl_attr_get_payload(a),
				  mnl_attr_get_payload_len(a));
		if (r < 0)
			return r;
	}
	return 0;
}

/* What becomes of a recorded route. */
struct again {
	uint16_t type;
	uint16_t flags;
	enum form form;
	int from, to;
};

static int put_recorded(struct bw_nl_batch *b, const struct nlmsghdr *nlh, const struct again *how)
{
	uint32_t n = b->n, size = b->size;
	char text[BW_PREFIX_STR_MAX];
	struct bw_route route;
	struct rtmsg rtm;
	int r;

	if (bw_route_parse(nlh, &route) < 0 || nlh->nlmsg_len > BW_ROUTE_MSG_MAX)
		return -EPROTO;
	memcpy(&rtm, mnl_nlmsg_get_payload(nlh), sizeof(rtm));
	rtm.rtm_flags &= RTNH_F_ONLINK;
	bw_nl_msg(b, how->type, how->flags, &rtm, sizeof(rtm), "move route %s",
		  bw_prefix_str(&route.dst, text));
	r = put_attrs(b, nlh, how->form, how->from, how->to);
	if (r < 0) {
		b->n = n;
		b->size = size;
	}
	return r;
}

/* Whether the route goes by a nexthop object, which leaves by the device it was recorded with. */
static int is_by_nexthop(const struct nlmsghdr *nlh, int from, int to)
{
	const struct nlattr *tb[RTA_NH_ID + 1];

	bw_nl_attrs(nlh, sizeof(struct rtmsg), tb, RTA_NH_ID);
	return from == to && tb[RTA_NH_ID];
}

int bw_route_put_record(struct bw_nl_batch *b, const struct nlmsghdr *nlh)
{
	struct again how = { RTM_NEWROUTE, 0, FORM_RECORD, 0, 0 };

	return put_recorded(b, nlh, &how);
}

int bw_route_put_moved(struct bw_nl_batch *b, const struct nlmsghdr *nlh, int from, int to)
{
	struct again how = { RTM_NEWROUTE, NLM_F_ACK | NLM_F_CREATE | NLM_F_APPEND, FORM_PLAIN,
			     from, to };
	int r;

	if (is_by_nexthop(nlh, from, to)) {
		how.form = FORM_NEXTHOP;
		r = put_recorded(b, nlh, &how);
		if (r < 0)
			return r;
		bw_nl_tolerate(b, EEXIST);
		/* The object may be gone: then the plain one takes its place. */
		bw_nl_tolerate(b, EINVAL);
		bw_nl_tolerate(b, ENOENT);
		how.form = FORM_PLAIN;
		how.flags = NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL;
	}
	r = put_recorded(b, nlh, &how);
	if (r >= 0)
		bw_nl_tolerate(b, EEXIST);
	return r;
}

int bw_route_put_del_recorded(struct bw_nl_batch *b, const struct nlmsghdr *nlh, int from, int to)
{
	struct again how = { RTM_DELROUTE, NLM_F_ACK, FORM_PLAIN, from, to };
	int r;

	if (is_by_nexthop(nlh, from, to))
		how.form = FORM_NEXTHOP;
	r = put_recorded(b, nlh, &how);
	if (r < 0)
		return r;
	bw_nl_tolerate(b, ESRCH);
	/* An object that is gone took its routes along. */
	bw_nl_tolerate(b, EINVAL);
	return 0;
}

int bw_route_is_kernels(const struct bw_route *r)
{
	return r->proto == RTPROT_KERNEL && r->table == RT_TABLE_LOCAL;
}
