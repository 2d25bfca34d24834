/* SPDX-License-Identifier: Apache-2.0 */
/* Network devices: reading, listing and changing them. */
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include <libmnl/libmnl.h>

#include <bw/err.h>
#include <bw/link.h>
#include <bw/nl.h>

#include "link_attrs.h"

#define LINK_ATTR_MAX LINK_GSO_IPV4_MAX_SIZE

static void parse_bridge(const struct nlattr *data, struct bw_link_bridge *b)
{
	const struct nlattr *tb[IFLA_BR_MAX + 1];

	bw_nl_attrs_nested(data, 0, tb, IFLA_BR_MAX);
	b->vlan_filtering = bw_nl_u8(tb[IFLA_BR_VLAN_FILTERING], 0);
	/* The flag itself is always reported; this one only by kernels that can filter. */
	b->has_vlan_filtering = tb[IFLA_BR_VLAN_DEFAULT_PVID] != NULL;
	b->default_pvid = bw_nl_u16(tb[IFLA_BR_VLAN_DEFAULT_PVID], 0);
	b->stp = bw_nl_u32(tb[IFLA_BR_STP_STATE], 0) != 0;
}

static void parse_port(const struct nlattr *data, struct bw_link_port *p)
{
	const struct nlattr *tb[IFLA_BRPORT_ISOLATED + 1];

	bw_nl_attrs_nested(data, 0, tb, IFLA_BRPORT_ISOLATED);
	p->state = bw_nl_u8(tb[IFLA_BRPORT_STATE], 0);
	p->hairpin = bw_nl_u8(tb[IFLA_BRPORT_MODE], 0);
	p->learning = bw_nl_u8(tb[IFLA_BRPORT_LEARNING], 0);
	p->flood = bw_nl_u8(tb[IFLA_BRPORT_UNICAST_FLOOD], 0);
	p->isolated = bw_nl_u8(tb[IFLA_BRPORT_ISOLATED], 0);
}

static void parse_info(const struct nlattr *info, struct bw_link *l)
{
	const struct nlattr *tb[IFLA_INFO_SLAVE_DATA + 1];

	bw_nl_attrs_nested(info, 0, tb, IFLA_INFO_SLAVE_DATA);
	bw_nl_str(tb[IFLA_INFO_KIND], l->kind, sizeof(l->kind));
	bw_nl_str(tb[IFLA_INFO_SLAVE_KIND], l->port_kind, sizeof(l->port_kind));
	l->is_bridge = strcmp(l->kind, "bridge") == 0;
	l->is_port = strcmp(l->port_kind, "bridge") == 0;
	if (l->is_bridge)
		parse_bridge(tb[IFLA_INFO_DATA], &l->bridge);
	if (l->is_port)
		parse_port(tb[IFLA_INFO_SLAVE_DATA], &l->port);
}

static void parse_ipv6(const struct nlattr *af_spec, struct bw_link *l)
{
	const struct nlattr *af[AF_INET6 + 1];
	const struct nlattr *tb[IFLA_INET6_ADDR_GEN_MODE + 1];

	bw_nl_attrs_nested(af_spec, 0, af, AF_INET6);
	bw_nl_attrs_nested(af[AF_INET6], 0, tb, IFLA_INET6_ADDR_GEN_MODE);
	l->addr_gen_mode = bw_nl_u8(tb[IFLA_INET6_ADDR_GEN_MODE], 0);
}

int bw_link_parse(const struct nlmsghdr *nlh, struct bw_link *ret)
{
	const struct nlattr *tb[LINK_ATTR_MAX + 1];
	struct bw_link l = { 0 };
	struct ifinfomsg ifi;

	if (nlh->nlmsg_type != RTM_NEWLINK || mnl_nlmsg_get_payload_len(nlh) < sizeof(ifi))
		return -EPROTO;
	memcpy(&ifi, mnl_nlmsg_get_payload(nlh), sizeof(ifi));
	bw_nl_attrs(nlh, sizeof(ifi), tb, LINK_ATTR_MAX);
	l.ifindex = ifi.ifi_index;
	l.flags = ifi.ifi_flags;
	l.type = ifi.ifi_type;
	l.master = (int)bw_nl_u32(tb[IFLA_MASTER], 0);
	l.peer = (int)bw_nl_u32(tb[IFLA_LINK], 0);
	l.mtu = bw_nl_u32(tb[IFLA_MTU], 0);
	l.max_mtu = bw_nl_u32(tb[IFLA_MAX_MTU], 0);
	l.gso_max_size = bw_nl_u32(tb[IFLA_GSO_MAX_SIZE], 0);
	l.gso_ipv4_max_size = bw_nl_u32(tb[LINK_GSO_IPV4_MAX_SIZE], 0);
	l.carrier_downs = bw_nl_u32(tb[IFLA_CARRIER_DOWN_COUNT], 0);
	l.promiscuity = bw_nl_u32(tb[IFLA_PROMISCUITY], 0);
	l.operstate = bw_nl_u8(tb[IFLA_OPERSTATE], 0);
	l.has_mac = bw_nl_bytes(tb[IFLA_ADDRESS], l.mac.b, BW_MAC_SIZE) != 0;
	(void)bw_nl_bytes(tb[IFLA_PERM_ADDRESS], l.perm_mac.b, BW_MAC_SIZE); /* zero says absent */
	bw_nl_str(tb[IFLA_IFNAME], l.name, sizeof(l.name));
	bw_nl_str(tb[IFLA_IFALIAS], l.alias, sizeof(l.alias));
	bw_nl_str(tb[IFLA_PARENT_DEV_NAME], l.parent, sizeof(l.parent));
	bw_nl_str(tb[IFLA_PARENT_DEV_BUS_NAME], l.parent_bus, sizeof(l.parent_bus));
	parse_info(tb[IFLA_LINKINFO], &l);
	parse_ipv6(tb[IFLA_AF_SPEC], &l);
	*ret = l;
	return 0;
}

static int on_link(const struct nlmsghdr *nlh, void *arg, struct bw_err *err)
{
	int r = bw_link_parse(nlh, arg);

	return r < 0 ? bw_fail(err, -r, "read description of a device") : 0;
}

static void put_get(struct bw_nl_batch *b, int ifindex, const char *name, struct bw_link *ret)
{
	struct ifinfomsg ifi = { .ifi_family = AF_UNSPEC, .ifi_index = ifindex };

	if (ifindex)
		bw_nl_msg(b, RTM_GETLINK, 0, &ifi, sizeof(ifi), "get device %d", ifindex);
	else
		bw_nl_msg(b, RTM_GETLINK, 0, &ifi, sizeof(ifi), "get device %s", name);
	if (!ifindex)
		bw_nl_put_str(b, IFLA_IFNAME, name);
	bw_nl_put_u32(b, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	bw_nl_on_reply(b, on_link, ret);
}

void bw_link_put_get(struct bw_nl_batch *b, int ifindex, const char *name, struct bw_link *ret)
{
	put_get(b, ifindex, name, ret);
	bw_nl_tolerate(b, ENODEV);
}

int bw_link_get(struct bw_nl *nl, int ifindex, const char *name, struct bw_link *ret,
		struct bw_err *err)
{
	bw_nl_batch_init(&nl->once);
	put_get(&nl->once, ifindex, name, ret);
	return bw_nl_talk(nl, &nl->once, err);
}

struct list {
	const struct bw_link_visitor *v;
	int master;
};

static int on_listed(const struct nlmsghdr *nlh, void *arg, struct bw_err *err)
{
	const struct list *l = arg;
	struct bw_link link;

	if (!nlh) {
		if (l->v->reset)
			l->v->reset(l->v->arg);
		return 0;
	}
	if (bw_link_parse(nlh, &link) < 0)
		return 0;
	/* The kernel's filter is advice: it is ignored by some versions for unknown masters. */
	if (l->master && link.master != l->master)
		return 0;
	return l->v->visit(&link, l->v->arg, err);
}

int bw_link_list(struct bw_nl *nl, int master, const struct bw_link_visitor *v, struct bw_err *err)
{
	struct ifinfomsg ifi = { .ifi_family = AF_UNSPEC };
	struct list l = { v, master };

	bw_nl_batch_init(&nl->once);
	bw_nl_msg(&nl->once, RTM_GETLINK, 0, &ifi, sizeof(ifi), "list devices");
	if (master)
		bw_nl_put_u32(&nl->once, IFLA_MASTER, (uint32_t)master);
	bw_nl_put_u32(&nl->once, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	return bw_nl_dump(nl, &nl->once, on_listed, &l, err);
}

int bw_link_set(struct bw_nl *nl, int ifindex, const char *name, const struct bw_link_set *s,
		struct bw_err *err)
{
	bw_nl_batch_init(&nl->once);
	bw_link_put_set(&nl->once, ifindex, name, s);
	return bw_nl_talk(nl, &nl->once, err);
}

int bw_link_del(struct bw_nl *nl, int ifindex, const char *name, struct bw_err *err)
{
	bw_nl_batch_init(&nl->once);
	bw_link_put_del(&nl->once, ifindex, name);
	return bw_nl_talk(nl, &nl->once, err);
}

struct find {
	const char *pci;
	int found;
	struct bw_link link;
};

static void on_again(void *arg)
{
	struct find *f = arg;

	f->found = 0;
}

static int on_candidate(const struct bw_link *link, void *arg, struct bw_err *err)
{
	struct find *f = arg;

	(void)err;
	/* A PF with several ports has several: the first one is taken. */
	if (f->found || strcmp(link->parent_bus, "pci") != 0 || strcmp(link->parent, f->pci) != 0)
		return 0;
	f->found = 1;
	f->link = *link;
	return 0;
}

int bw_link_find_pci(struct bw_nl *nl, const char *pci, struct bw_link *ret, struct bw_err *err)
{
	struct find f = { .pci = pci };
	struct bw_link_visitor v = { on_again, on_candidate, &f };
	int r = bw_link_list(nl, 0, &v, err);

	if (r < 0)
		return r;
	if (f.found)
		*ret = f.link;
	return f.found;
}

int bw_link_parse_altnames(const struct nlmsghdr *nlh, struct bw_link_altnames *ret)
{
	const struct nlattr *tb[IFLA_PROP_LIST + 1];
	const unsigned char *p;
	const struct nlattr *a;
	unsigned int n = 0;
	size_t left;

	if (nlh->nlmsg_type != RTM_NEWLINK ||
	    mnl_nlmsg_get_payload_len(nlh) < sizeof(struct ifinfomsg))
		return -EPROTO;
	bw_nl_attrs(nlh, sizeof(struct ifinfomsg), tb, IFLA_PROP_LIST);
	p = tb[IFLA_PROP_LIST] ? mnl_attr_get_payload(tb[IFLA_PROP_LIST]) : NULL;
	left = p ? mnl_attr_get_payload_len(tb[IFLA_PROP_LIST]) : 0;
	while (left && (a = bw_nl_next_attr(&p, &left))) {
		if (mnl_attr_get_type(a) != IFLA_ALT_IFNAME)
			continue;
		if (n == BW_LINK_ALTNAMES_MAX)
			return -E2BIG;
		bw_nl_str(a, ret->names[n++], sizeof(ret->names[0]));
	}
	if (left)
		return -EPROTO;
	ret->n = n;
	return 0;
}

static int on_altnames(const struct nlmsghdr *nlh, void *arg, struct bw_err *err)
{
	int r = bw_link_parse_altnames(nlh, arg);

	return r < 0 ? bw_fail(err, -r, "read other names of a device") : 0;
}

int bw_link_altnames(struct bw_nl *nl, int ifindex, struct bw_link_altnames *ret,
		     struct bw_err *err)
{
	struct ifinfomsg ifi = { .ifi_family = AF_UNSPEC, .ifi_index = ifindex };
	struct bw_link_altnames names;
	int r;

	bw_nl_batch_init(&nl->once);
	bw_nl_msg(&nl->once, RTM_GETLINK, 0, &ifi, sizeof(ifi), "get other names of device %d",
		  ifindex);
	bw_nl_put_u32(&nl->once, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	bw_nl_on_reply(&nl->once, on_altnames, &names);
	/* A device may carry more names than an ordinary answer has room for. */
	r = bw_nl_talk_big(nl, &nl->once, err);
	if (r == 0)
		*ret = names;
	return r;
}
