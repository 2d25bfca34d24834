/* SPDX-License-Identifier: Apache-2.0 */
/* Flags of bridge ports, attributes of bridges, VLAN membership. */
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include <libmnl/libmnl.h>

#include <bw/bridge_port.h>
#include <bw/err.h>
#include <bw/nl.h>

_Static_assert(BW_VLAN_F_PVID == BRIDGE_VLAN_INFO_PVID, "linux/if_bridge.h");
_Static_assert(BW_VLAN_F_UNTAGGED == BRIDGE_VLAN_INFO_UNTAGGED, "linux/if_bridge.h");

/* A change of an existing device that carries IFLA_LINKINFO: only RTM_NEWLINK takes that. */
static uint32_t begin_info(struct bw_nl_batch *b, int ifindex, const char *name, const char *what)
{
	struct ifinfomsg ifi = { .ifi_family = AF_UNSPEC, .ifi_index = ifindex };

	bw_nl_msg(b, RTM_NEWLINK, NLM_F_ACK, &ifi, sizeof(ifi), "set %s of %s", what,
		  name ? name : "device");
	if (!ifindex)
		bw_nl_put_str(b, IFLA_IFNAME, name);
	return bw_nl_nest(b, IFLA_LINKINFO | NLA_F_NESTED);
}

void bw_port_put_flags(struct bw_nl_batch *b, int ifindex, const char *name,
		       const struct bw_port_flags *f)
{
	const struct {
		uint16_t type;
		int8_t value;
	} flags[] = {
		{ IFLA_BRPORT_MODE, f->hairpin },
		{ IFLA_BRPORT_LEARNING, f->learning },
		{ IFLA_BRPORT_UNICAST_FLOOD, f->flood },
		{ IFLA_BRPORT_ISOLATED, f->isolated },
	};
	uint32_t info = begin_info(b, ifindex, name, "port flags");
	uint32_t data;

	bw_nl_put_str(b, IFLA_INFO_SLAVE_KIND, "bridge");
	data = bw_nl_nest(b, IFLA_INFO_SLAVE_DATA | NLA_F_NESTED);
	for (size_t i = 0; i < BW_ARRAY_SIZE(flags); i++)
		if (flags[i].value >= 0)
			bw_nl_put_u8(b, flags[i].type, (uint8_t)flags[i].value);
	bw_nl_nest_end(b, data);
	bw_nl_nest_end(b, info);
}

void bw_bridge_put_vlan_filtering(struct bw_nl_batch *b, int ifindex, const char *name, int on)
{
	uint32_t info = begin_info(b, ifindex, name, "VLAN filtering");
	uint32_t data;

	bw_nl_put_str(b, IFLA_INFO_KIND, "bridge");
	data = bw_nl_nest(b, IFLA_INFO_DATA | NLA_F_NESTED);
	bw_nl_put_u8(b, IFLA_BR_VLAN_FILTERING, on != 0);
	bw_nl_nest_end(b, data);
	bw_nl_nest_end(b, info);
}

void bw_bridge_put_default_pvid(struct bw_nl_batch *b, int ifindex, const char *name, uint16_t pvid)
{
	uint32_t info = begin_info(b, ifindex, name, "default VLAN");
	uint32_t data;

	bw_nl_put_str(b, IFLA_INFO_KIND, "bridge");
	data = bw_nl_nest(b, IFLA_INFO_DATA | NLA_F_NESTED);
	bw_nl_put_u16(b, IFLA_BR_VLAN_DEFAULT_PVID, pvid);
	bw_nl_nest_end(b, data);
	bw_nl_nest_end(b, info);
}

static void put_vlan_info(struct bw_nl_batch *b, uint16_t flags, uint16_t vid)
{
	struct bridge_vlan_info v = { .flags = flags, .vid = vid };

	bw_nl_put(b, IFLA_BRIDGE_VLAN_INFO, &v, sizeof(v));
}

static void put_vlans(struct bw_nl_batch *b, uint16_t type, int ifindex, int self, uint16_t first,
		      uint16_t last, unsigned int flags)
{
	struct ifinfomsg ifi = { .ifi_family = AF_BRIDGE, .ifi_index = ifindex };
	uint16_t f = (uint16_t)flags;
	uint32_t spec;

	bw_nl_msg(b, type, NLM_F_ACK, &ifi, sizeof(ifi), "%s VLAN %u of port %d",
		  type == RTM_SETLINK ? "set" : "remove", first, ifindex);
	spec = bw_nl_nest(b, IFLA_AF_SPEC | NLA_F_NESTED);
	bw_nl_put_u16(b, IFLA_BRIDGE_FLAGS, self ? BRIDGE_FLAGS_SELF : BRIDGE_FLAGS_MASTER);
	if (first == last) {
		put_vlan_info(b, f, first);
	} else {
		put_vlan_info(b, f | BRIDGE_VLAN_INFO_RANGE_BEGIN, first);
		put_vlan_info(b, f | BRIDGE_VLAN_INFO_RANGE_END, last);
	}
	bw_nl_nest_end(b, spec);
}

void bw_port_put_vlan_add(struct bw_nl_batch *b, int ifindex, int self, uint16_t first,
			  uint16_t last, unsigned int flags)
{
	put_vlans(b, RTM_SETLINK, ifindex, self, first, last, flags);
}

void bw_port_put_vlan_del(struct bw_nl_batch *b, int ifindex, int self, uint16_t first,
			  uint16_t last)
{
	put_vlans(b, RTM_DELLINK, ifindex, self, first, last, 0);
}

struct vlans {
	int ifindex;
	struct bw_port_vlans v;
};

static void mark(struct bw_port_vlans *v, uint16_t first, uint16_t last, uint16_t flags)
{
	for (unsigned int vid = first; vid <= last && vid <= BW_VLAN_MAX; vid++) {
		v->member[vid / 8] |= (uint8_t)(1U << (vid % 8));
		if (flags & BRIDGE_VLAN_INFO_UNTAGGED)
			v->untagged[vid / 8] |= (uint8_t)(1U << (vid % 8));
		if (flags & BRIDGE_VLAN_INFO_PVID)
			v->pvid = (uint16_t)vid;
	}
}

static void read_vlans(const struct nlattr *spec, struct bw_port_vlans *v)
{
	const unsigned char *p = mnl_attr_get_payload(spec);
	size_t left = mnl_attr_get_payload_len(spec);
	const struct nlattr *a;
	uint16_t begin = 0;

	while ((a = bw_nl_next_attr(&p, &left))) {
		struct bridge_vlan_info i;

		if (mnl_attr_get_type(a) != IFLA_BRIDGE_VLAN_INFO || !bw_nl_bytes(a, &i, sizeof(i)))
			continue;
		if (i.flags & BRIDGE_VLAN_INFO_RANGE_BEGIN)
			begin = i.vid;
		else if (i.flags & BRIDGE_VLAN_INFO_RANGE_END)
			mark(v, begin, i.vid, i.flags);
		else
			mark(v, i.vid, i.vid, i.flags);
	}
}

static int on_vlans(const struct nlmsghdr *nlh, void *arg, struct bw_err *err)
{
	const struct nlattr *tb[IFLA_AF_SPEC + 1];
	const struct ifinfomsg *ifi;
	struct vlans *d = arg;

	(void)err;
	if (!nlh) {
		memset(&d->v, 0, sizeof(d->v));
		return 0;
	}
	if (nlh->nlmsg_type != RTM_NEWLINK || mnl_nlmsg_get_payload_len(nlh) < sizeof(*ifi))
		return 0;
	ifi = mnl_nlmsg_get_payload(nlh);
	if (ifi->ifi_index != d->ifindex)
		return 0;
	bw_nl_attrs(nlh, sizeof(*ifi), tb, IFLA_AF_SPEC);
	if (tb[IFLA_AF_SPEC])
		read_vlans(tb[IFLA_AF_SPEC], &d->v);
	return 0;
}

int bw_port_vlans(struct bw_nl *nl, int ifindex, struct bw_port_vlans *ret, struct bw_err *err)
{
	struct ifinfomsg ifi = { .ifi_family = AF_BRIDGE };
	struct vlans d = { .ifindex = ifindex };
	int r;

	/* The kernel has no GET of one port's VLANs, only the dump of all. */
	bw_nl_batch_init(&nl->once);
	bw_nl_msg(&nl->once, RTM_GETLINK, 0, &ifi, sizeof(ifi), "list VLANs of bridge ports");
	bw_nl_put_u32(&nl->once, IFLA_EXT_MASK, RTEXT_FILTER_BRVLAN_COMPRESSED);
	r = bw_nl_dump(nl, &nl->once, on_vlans, &d, err);
	if (r < 0)
		return r;
	*ret = d.v;
	return 0;
}
