/* SPDX-License-Identifier: Apache-2.0 */
/* Forwarding entries of bridges, and permanent neighbours. */
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include <libmnl/libmnl.h>

#include <bw/err.h>
#include <bw/neigh.h>
#include <bw/nl.h>

static void put_entry(struct bw_nl_batch *b, uint16_t type, uint16_t flags, int port,
		      const struct bw_mac *mac, uint16_t vlan, const char *verb)
{
	struct ndmsg ndm = { .ndm_family = AF_BRIDGE,
			     .ndm_ifindex = port,
			     .ndm_state = NUD_NOARP, /* static: does not age */
			     .ndm_flags = NTF_MASTER };
	char text[BW_MAC_STR_MAX];

	/* A static entry goes where a frame with its MAC comes in, and stays there when it is to be
	 * removed here; a sticky one does not. */
	if (type == RTM_NEWNEIGH)
		ndm.ndm_flags |= NTF_STICKY;
	bw_nl_msg(b, type, flags, &ndm, sizeof(ndm), "%s forwarding entry %s", verb,
		  bw_mac_str(mac, text));
	bw_nl_put(b, NDA_LLADDR, mac->b, BW_MAC_SIZE);
	if (vlan)
		bw_nl_put_u16(b, NDA_VLAN, vlan);
}

void bw_fdb_put_add(struct bw_nl_batch *b, int port, const struct bw_mac *mac, uint16_t vlan)
{
	put_entry(b, RTM_NEWNEIGH, NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE, port, mac, vlan,
		  "add");
}

void bw_fdb_put_new(struct bw_nl_batch *b, int port, const struct bw_mac *mac, uint16_t vlan)
{
	put_entry(b, RTM_NEWNEIGH, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, port, mac, vlan, "add");
}

void bw_fdb_put_del(struct bw_nl_batch *b, int port, const struct bw_mac *mac, uint16_t vlan)
{
	put_entry(b, RTM_DELNEIGH, NLM_F_ACK, port, mac, vlan, "remove");
	bw_nl_tolerate(b, ENOENT);
}

int bw_fdb_parse(const struct nlmsghdr *nlh, struct bw_fdb *ret)
{
	const struct nlattr *tb[NDA_MASTER + 1];
	struct bw_fdb e = { 0 };
	struct ndmsg ndm;

	if (nlh->nlmsg_type != RTM_NEWNEIGH || mnl_nlmsg_get_payload_len(nlh) < sizeof(ndm))
		return -EPROTO;
	memcpy(&ndm, mnl_nlmsg_get_payload(nlh), sizeof(ndm));
	bw_nl_attrs(nlh, sizeof(ndm), tb, NDA_MASTER);
	if (ndm.ndm_family != AF_BRIDGE || !bw_nl_bytes(tb[NDA_LLADDR], e.mac.b, BW_MAC_SIZE))
		return -EPROTO;
	e.ifindex = ndm.ndm_ifindex;
	e.master = (int)bw_nl_u32(tb[NDA_MASTER], 0);
	e.vlan = bw_nl_u16(tb[NDA_VLAN], 0);
	e.is_static = (ndm.ndm_state & NUD_NOARP) != 0;
	e.is_local = (ndm.ndm_state & NUD_PERMANENT) != 0;
	*ret = e;
	return 0;
}

struct one {
	struct bw_fdb *ret;
	int found;
};

static int on_entry(const struct nlmsghdr *nlh, void *arg, struct bw_err *err)
{
	struct one *o = arg;
	int r = bw_fdb_parse(nlh, o->ret);

	if (r < 0)
		return bw_fail(err, -r, "read forwarding entry");
	o->found = 1;
	return 0;
}

int bw_fdb_get(struct bw_nl *nl, int bridge, const struct bw_mac *mac, uint16_t vlan,
	       struct bw_fdb *ret, struct bw_err *err)
{
	struct ndmsg ndm = { .ndm_family = AF_BRIDGE };
	struct bw_nl_batch *b = &nl->once;
	struct bw_fdb entry = { 0 };
	struct one o = { &entry, 0 };
	char text[BW_MAC_STR_MAX];
	int r;

	bw_nl_batch_init(b);
	bw_nl_msg(b, RTM_GETNEIGH, 0, &ndm, sizeof(ndm), "get forwarding entry %s",
		  bw_mac_str(mac, text));
	bw_nl_put_u32(b, NDA_MASTER, (uint32_t)bridge);
	bw_nl_put(b, NDA_LLADDR, mac->b, BW_MAC_SIZE);
	if (vlan)
		bw_nl_put_u16(b, NDA_VLAN, vlan);
	bw_nl_on_reply(b, on_entry, &o);
	bw_nl_tolerate(b, ENOENT);
	r = bw_nl_talk(nl, b, err);
	if (r < 0)
		return r;
	if (o.found)
		*ret = entry;
	return o.found;
}

struct list {
	const struct bw_fdb_visitor *v;
	int bridge;
};

static int on_listed(const struct nlmsghdr *nlh, void *arg, struct bw_err *err)
{
	const struct list *l = arg;
	struct bw_fdb entry;

	if (!nlh) {
		if (l->v->reset)
			l->v->reset(l->v->arg);
		return 0;
	}
	if (bw_fdb_parse(nlh, &entry) < 0 ||
	    (entry.master != l->bridge && entry.ifindex != l->bridge))
		return 0;
	return l->v->visit(&entry, l->v->arg, err);
}

int bw_fdb_list(struct bw_nl *nl, int bridge, const struct bw_fdb_visitor *v, struct bw_err *err)
{
	struct ndmsg ndm = { .ndm_family = AF_BRIDGE };
	struct list l = { v, bridge };

	bw_nl_batch_init(&nl->once);
	bw_nl_msg(&nl->once, RTM_GETNEIGH, 0, &ndm, sizeof(ndm), "list forwarding entries");
	bw_nl_put_u32(&nl->once, NDA_MASTER, (uint32_t)bridge);
	return bw_nl_dump(nl, &nl->once, on_listed, &l, err);
}

static void put_neigh(struct bw_nl_batch *b, uint16_t type, uint16_t flags, int ifindex,
		      const struct bw_ip *ip, const char *verb)
{
	struct ndmsg ndm = { .ndm_family = ip->family,
			     .ndm_ifindex = ifindex,
			     .ndm_state = NUD_PERMANENT };
	char text[BW_IP_STR_MAX];

	bw_nl_msg(b, type, flags, &ndm, sizeof(ndm), "%s neighbour %s", verb, bw_ip_str(ip, text));
	bw_nl_put(b, NDA_DST, bw_ip_bytes(ip), bw_ip_size(ip));
}

void bw_neigh_put_permanent(struct bw_nl_batch *b, int ifindex, const struct bw_ip *ip,
			    const struct bw_mac *mac)
{
	put_neigh(b, RTM_NEWNEIGH, NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE, ifindex, ip, "add");
	bw_nl_put(b, NDA_LLADDR, mac->b, BW_MAC_SIZE);
}

void bw_neigh_put_del(struct bw_nl_batch *b, int ifindex, const struct bw_ip *ip)
{
	put_neigh(b, RTM_DELNEIGH, NLM_F_ACK, ifindex, ip, "remove");
	bw_nl_tolerate(b, ENOENT);
}

struct neigh_list {
	const struct bw_neigh_visitor *v;
	int ifindex;
};

static int on_neigh(const struct nlmsghdr *nlh, void *arg, struct bw_err *err)
{
	const struct neigh_list *l = arg;
	const struct nlattr *tb[NDA_LLADDR + 1];
	uint8_t bytes[16] = { 0 };
	struct bw_mac mac;
	struct bw_ip ip;
	struct ndmsg ndm;

	if (!nlh) {
		if (l->v->reset)
			l->v->reset(l->v->arg);
		return 0;
	}
	if (nlh->nlmsg_type != RTM_NEWNEIGH || mnl_nlmsg_get_payload_len(nlh) < sizeof(ndm))
		return 0;
	memcpy(&ndm, mnl_nlmsg_get_payload(nlh), sizeof(ndm));
	bw_nl_attrs(nlh, sizeof(ndm), tb, NDA_LLADDR);
	if (ndm.ndm_ifindex != l->ifindex || !(ndm.ndm_state & NUD_PERMANENT) ||
	    (ndm.ndm_family != AF_INET && ndm.ndm_family != AF_INET6) ||
	    !bw_nl_bytes(tb[NDA_LLADDR], mac.b, BW_MAC_SIZE) ||
	    !bw_nl_bytes(tb[NDA_DST], bytes, ndm.ndm_family == AF_INET ? 4 : 16))
		return 0;
	ip = bw_ip_from_bytes(ndm.ndm_family, bytes);
	return l->v->visit(&ip, &mac, l->v->arg, err);
}

int bw_neigh_list_permanent(struct bw_nl *nl, int ifindex, const struct bw_neigh_visitor *v,
			    struct bw_err *err)
{
	struct ndmsg ndm = { .ndm_family = AF_UNSPEC };
	struct neigh_list l = { v, ifindex };

	bw_nl_batch_init(&nl->once);
	bw_nl_msg(&nl->once, RTM_GETNEIGH, 0, &ndm, sizeof(ndm), "list neighbours");
	bw_nl_put_u32(&nl->once, NDA_IFINDEX, (uint32_t)ifindex);
	return bw_nl_dump(nl, &nl->once, on_neigh, &l, err);
}
