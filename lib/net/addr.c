/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses of devices. */
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include <libmnl/libmnl.h>

#include <bw/addr.h>
#include <bw/err.h>
#include <bw/nl.h>

/* linux/if_addr.h since 5.18. */
#define ADDR_PROTO 11
#define ADDR_ATTR_MAX ADDR_PROTO

/* What may be asked for; the rest is state the kernel keeps (ip-address(8)). */
#define ADDR_FLAGS_SETTABLE                                                                        \
	(IFA_F_NODAD | IFA_F_OPTIMISTIC | IFA_F_HOMEADDRESS | IFA_F_MANAGETEMPADDR |               \
	 IFA_F_NOPREFIXROUTE | IFA_F_MCAUTOJOIN | IFA_F_STABLE_PRIVACY)

struct bw_addr bw_addr_plain(int ifindex, const struct bw_prefix *prefix)
{
	return (struct bw_addr){ .ifindex = ifindex,
				 .prefix = *prefix,
				 .scope = RT_SCOPE_UNIVERSE,
				 .flags = prefix->ip.family == AF_INET6 ? IFA_F_NODAD : 0,
				 .valid_s = BW_ADDR_FOREVER,
				 .preferred_s = BW_ADDR_FOREVER };
}

static int read_ip(const struct nlattr *a, int family, struct bw_ip *ret)
{
	uint8_t b[16];

	if (!bw_nl_bytes(a, b, family == AF_INET ? 4 : 16))
		return 0;
	*ret = bw_ip_from_bytes(family, b);
	return 1;
}

static void read_lifetimes(const struct nlattr *a, struct bw_addr *ret)
{
	struct ifa_cacheinfo ci;

	ret->valid_s = BW_ADDR_FOREVER;
	ret->preferred_s = BW_ADDR_FOREVER;
	if (!bw_nl_bytes(a, &ci, sizeof(ci)))
		return;
	ret->valid_s = ci.ifa_valid;
	ret->preferred_s = ci.ifa_prefered;
}

int bw_addr_parse(const struct nlmsghdr *nlh, struct bw_addr *ret)
{
	const struct nlattr *tb[ADDR_ATTR_MAX + 1];
	struct bw_addr a = { 0 };
	struct bw_ip address;
	struct ifaddrmsg ifa;

	if (nlh->nlmsg_type != RTM_NEWADDR || mnl_nlmsg_get_payload_len(nlh) < sizeof(ifa))
		return -EPROTO;
	memcpy(&ifa, mnl_nlmsg_get_payload(nlh), sizeof(ifa));
	if (ifa.ifa_family != AF_INET && ifa.ifa_family != AF_INET6)
		return -EPROTO;
	bw_nl_attrs(nlh, sizeof(ifa), tb, ADDR_ATTR_MAX);
	if (!read_ip(tb[IFA_ADDRESS], ifa.ifa_family, &address) ||
	    ifa.ifa_prefixlen > bw_ip_bits(ifa.ifa_family))
		return -EPROTO;
	/* IFA_LOCAL is ours; IFA_ADDRESS is the other side's where they differ. */
	if (!read_ip(tb[IFA_LOCAL], ifa.ifa_family, &a.prefix.ip))
		a.prefix.ip = address;
	else if (!bw_ip_eq(&a.prefix.ip, &address))
		a.peer = address;
	a.prefix.len = ifa.ifa_prefixlen;
	a.ifindex = (int)ifa.ifa_index;
	a.scope = ifa.ifa_scope;
	a.flags = bw_nl_u32(tb[IFA_FLAGS], ifa.ifa_flags);
	a.metric = bw_nl_u32(tb[IFA_RT_PRIORITY], 0);
	a.proto = bw_nl_u8(tb[ADDR_PROTO], 0);
	(void)read_ip(tb[IFA_BROADCAST], ifa.ifa_family, &a.broadcast); /* absent stays zero */
	bw_nl_str(tb[IFA_LABEL], a.label, sizeof(a.label));
	read_lifetimes(tb[IFA_CACHEINFO], &a);
	*ret = a;
	return 0;
}

static void put_addr(struct bw_nl_batch *b, uint16_t type, uint16_t flags, const struct bw_addr *a,
		     const char *verb)
{
	struct ifaddrmsg ifa = { .ifa_family = a->prefix.ip.family,
				 .ifa_prefixlen = a->prefix.len,
				 .ifa_scope = a->scope,
				 .ifa_index = (uint32_t)a->ifindex };
	const struct bw_ip *address = a->peer.family ? &a->peer : &a->prefix.ip;
	char text[BW_PREFIX_STR_MAX];

	bw_nl_msg(b, type, flags, &ifa, sizeof(ifa), "%s address %s", verb,
		  bw_prefix_str(&a->prefix, text));
	bw_nl_put(b, IFA_LOCAL, bw_ip_bytes(&a->prefix.ip), bw_ip_size(&a->prefix.ip));
	bw_nl_put(b, IFA_ADDRESS, bw_ip_bytes(address), bw_ip_size(address));
}

static void put_new(struct bw_nl_batch *b, uint16_t flags, const struct bw_addr *a)
{
	uint32_t settable = a->flags & ADDR_FLAGS_SETTABLE;

	put_addr(b, RTM_NEWADDR, flags, a, "add");
	if (settable)
		bw_nl_put_u32(b, IFA_FLAGS, settable);
	if (a->broadcast.family == AF_INET)
		bw_nl_put(b, IFA_BROADCAST, bw_ip_bytes(&a->broadcast), 4);
	if (a->label[0] && a->prefix.ip.family == AF_INET)
		bw_nl_put_str(b, IFA_LABEL, a->label);
	if (a->metric)
		bw_nl_put_u32(b, IFA_RT_PRIORITY, a->metric);
	if (a->proto)
		bw_nl_put_u8(b, ADDR_PROTO, a->proto);
	if (a->valid_s != BW_ADDR_FOREVER || a->preferred_s != BW_ADDR_FOREVER) {
		struct ifa_cacheinfo ci = { .ifa_valid = a->valid_s,
					    .ifa_prefered = a->preferred_s };

		bw_nl_put(b, IFA_CACHEINFO, &ci, sizeof(ci));
	}
}

void bw_addr_put_add(struct bw_nl_batch *b, const struct bw_addr *a)
{
	put_new(b, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, a);
}

void bw_addr_put_replace(struct bw_nl_batch *b, const struct bw_addr *a)
{
	put_new(b, NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE, a);
}

void bw_addr_put_del(struct bw_nl_batch *b, const struct bw_addr *a)
{
	put_addr(b, RTM_DELADDR, NLM_F_ACK, a, "remove");
	bw_nl_tolerate(b, EADDRNOTAVAIL);
}

struct list {
	const struct bw_addr_visitor *v;
	int ifindex;
};

static int on_listed(const struct nlmsghdr *nlh, void *arg, struct bw_err *err)
{
	const struct list *l = arg;
	struct bw_addr addr;

	if (!nlh) {
		if (l->v->reset)
			l->v->reset(l->v->arg);
		return 0;
	}
	if (bw_addr_parse(nlh, &addr) < 0 || (l->ifindex && addr.ifindex != l->ifindex))
		return 0;
	return l->v->visit(&addr, l->v->arg, err);
}

int bw_addr_list(struct bw_nl *nl, int ifindex, int family, const struct bw_addr_visitor *v,
		 struct bw_err *err)
{
	struct ifaddrmsg ifa = { .ifa_family = (uint8_t)family, .ifa_index = (uint32_t)ifindex };
	struct list l = { v, ifindex };

	bw_nl_batch_init(&nl->once);
	bw_nl_msg(&nl->once, RTM_GETADDR, 0, &ifa, sizeof(ifa), "list addresses");
	/* A device that is gone has none. */
	bw_nl_tolerate(&nl->once, ENODEV);
	return bw_nl_dump(nl, &nl->once, on_listed, &l, err);
}
