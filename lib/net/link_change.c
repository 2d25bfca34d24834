/* SPDX-License-Identifier: Apache-2.0 */
/* Network devices: messages that create, change and delete them. Pure. */
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <string.h>
#include <sys/socket.h>

#include <bw/link.h>
#include <bw/netns.h>
#include <bw/nl.h>

#include "link_attrs.h"

#define MSG_ACK NLM_F_ACK
#define MSG_NEW (NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL)

static uint32_t open_info(struct bw_nl_batch *b, const char *kind, uint32_t *ret_data)
{
	uint32_t info = bw_nl_nest(b, IFLA_LINKINFO | NLA_F_NESTED);

	bw_nl_put_str(b, IFLA_INFO_KIND, kind);
	*ret_data = bw_nl_nest(b, IFLA_INFO_DATA | NLA_F_NESTED);
	return info;
}

static void close_info(struct bw_nl_batch *b, uint32_t info, uint32_t data)
{
	bw_nl_nest_end(b, data);
	bw_nl_nest_end(b, info);
}

/* How IPv6 link-local addresses come to be: IN6_ADDR_GEN_MODE_*. */
static void put_addr_gen_mode(struct bw_nl_batch *b, uint8_t mode)
{
	uint32_t spec = bw_nl_nest(b, IFLA_AF_SPEC | NLA_F_NESTED);
	uint32_t inet6 = bw_nl_nest(b, AF_INET6 | NLA_F_NESTED);

	bw_nl_put_u8(b, IFLA_INET6_ADDR_GEN_MODE, mode);
	bw_nl_nest_end(b, inet6);
	bw_nl_nest_end(b, spec);
}

void bw_link_put_bridge(struct bw_nl_batch *b, const struct bw_link_bridge_new *n)
{
	struct ifinfomsg ifi = { .ifi_family = AF_UNSPEC };
	uint32_t info, data;

	bw_nl_msg(b, RTM_NEWLINK, MSG_NEW, &ifi, sizeof(ifi), "create bridge %s", n->name);
	bw_nl_put_str(b, IFLA_IFNAME, n->name);
	if (n->mac)
		bw_nl_put(b, IFLA_ADDRESS, n->mac->b, BW_MAC_SIZE);
	if (n->mtu)
		bw_nl_put_u32(b, IFLA_MTU, n->mtu);
	info = open_info(b, "bridge", &data);
	if (n->vlan_filtering >= 0)
		bw_nl_put_u8(b, IFLA_BR_VLAN_FILTERING, (uint8_t)n->vlan_filtering);
	if (n->default_pvid >= 0)
		bw_nl_put_u16(b, IFLA_BR_VLAN_DEFAULT_PVID, (uint16_t)n->default_pvid);
	close_info(b, info, data);
}

/*
 * One queue from the start: a device made with more is cut down to one by its driver, and that
 * waits for a grace period of RCU with the network's lock held.
 */
static void put_sizes(struct bw_nl_batch *b, const struct bw_link_veth_new *n)
{
	bw_nl_put_u32(b, IFLA_NUM_TX_QUEUES, 1);
	bw_nl_put_u32(b, IFLA_NUM_RX_QUEUES, 1);
	if (n->mtu)
		bw_nl_put_u32(b, IFLA_MTU, n->mtu);
	if (n->gso_max_size)
		bw_nl_put_u32(b, IFLA_GSO_MAX_SIZE, n->gso_max_size);
	if (n->gso_ipv4_max_size)
		bw_nl_put_u32(b, LINK_GSO_IPV4_MAX_SIZE, n->gso_ipv4_max_size);
}

static void put_host_end(struct bw_nl_batch *b, const struct bw_link_veth_new *n, const char *kind)
{
	struct ifinfomsg ifi = { .ifi_family = AF_UNSPEC };

	if (n->up) {
		ifi.ifi_flags = IFF_UP;
		ifi.ifi_change = IFF_UP;
	}
	bw_nl_msg(b, RTM_NEWLINK, MSG_NEW, &ifi, sizeof(ifi), "create %s %s", kind, n->name);
	bw_nl_put_str(b, IFLA_IFNAME, n->name);
	if (n->master)
		bw_nl_put_u32(b, IFLA_MASTER, (uint32_t)n->master);
	if (n->mac)
		bw_nl_put(b, IFLA_ADDRESS, n->mac->b, BW_MAC_SIZE);
	put_sizes(b, n);
}

/* The peer's own ifinfomsg and attributes, as they stand in VETH_INFO_PEER. */
static void put_peer(struct bw_nl_batch *b, uint16_t type, const struct bw_link_veth_new *n)
{
	struct ifinfomsg ifi = { .ifi_family = AF_UNSPEC };
	uint32_t peer = bw_nl_nest(b, type | NLA_F_NESTED);

	bw_nl_put_raw(b, &ifi, sizeof(ifi));
	bw_nl_put_str(b, IFLA_IFNAME, n->peer_name);
	if (n->peer_mac)
		bw_nl_put(b, IFLA_ADDRESS, n->peer_mac->b, BW_MAC_SIZE);
	if (n->peer_ns)
		bw_nl_put_u32(b, IFLA_NET_NS_FD, (uint32_t)n->peer_ns->fd);
	put_sizes(b, n);
	bw_nl_nest_end(b, peer);
}

void bw_link_put_veth(struct bw_nl_batch *b, const struct bw_link_veth_new *n)
{
	uint32_t info, data;

	put_host_end(b, n, "veth");
	info = open_info(b, "veth", &data);
	put_peer(b, VETH_INFO_PEER, n);
	close_info(b, info, data);
}

void bw_link_put_netkit(struct bw_nl_batch *b, const struct bw_link_veth_new *n)
{
	uint32_t info, data;

	put_host_end(b, n, "netkit");
	info = open_info(b, "netkit", &data);
	bw_nl_put_u32(b, LINK_NETKIT_MODE, LINK_NETKIT_L2);
	put_peer(b, LINK_NETKIT_PEER_INFO, n);
	close_info(b, info, data);
}

/* The flags word of a change: each bit that is asked for is both in the mask and in the value. */
static const struct {
	unsigned int what;
	unsigned int mask;
	unsigned int value;
} set_flags[] = {
	{ BW_LINK_SET_UP, IFF_UP, IFF_UP },
	{ BW_LINK_SET_DOWN, IFF_UP, 0 },
	{ BW_LINK_SET_PROMISC_ON, IFF_PROMISC, IFF_PROMISC },
	{ BW_LINK_SET_PROMISC_OFF, IFF_PROMISC, 0 },
};

static void put_set_attrs(struct bw_nl_batch *b, const struct bw_link_set *s)
{
	if (s->what & BW_LINK_SET_MTU)
		bw_nl_put_u32(b, IFLA_MTU, s->mtu);
	if (s->what & BW_LINK_SET_MAC)
		bw_nl_put(b, IFLA_ADDRESS, s->mac.b, BW_MAC_SIZE);
	if (s->what & BW_LINK_SET_MASTER)
		bw_nl_put_u32(b, IFLA_MASTER, (uint32_t)s->master);
	if (s->what & BW_LINK_SET_ALIAS)
		bw_nl_put(b, IFLA_IFALIAS, s->alias, strlen(s->alias));
	if (s->what & BW_LINK_SET_GSO && s->gso_max_size)
		bw_nl_put_u32(b, IFLA_GSO_MAX_SIZE, s->gso_max_size);
	if (s->what & BW_LINK_SET_GSO && s->gso_ipv4_max_size)
		bw_nl_put_u32(b, LINK_GSO_IPV4_MAX_SIZE, s->gso_ipv4_max_size);
	if (s->what & BW_LINK_SET_NETNS)
		bw_nl_put_u32(b, IFLA_NET_NS_FD, (uint32_t)s->ns_fd);
	if (s->what & BW_LINK_SET_NO_LINK_LOCAL)
		put_addr_gen_mode(b, IN6_ADDR_GEN_MODE_NONE);
	if (s->what & BW_LINK_SET_EUI64)
		put_addr_gen_mode(b, IN6_ADDR_GEN_MODE_EUI64);
}

void bw_link_put_set(struct bw_nl_batch *b, int ifindex, const char *name,
		     const struct bw_link_set *s)
{
	struct ifinfomsg ifi = { .ifi_family = AF_UNSPEC, .ifi_index = ifindex };

	for (size_t i = 0; i < BW_ARRAY_SIZE(set_flags); i++) {
		if (!(s->what & set_flags[i].what))
			continue;
		ifi.ifi_change |= set_flags[i].mask;
		ifi.ifi_flags |= set_flags[i].value;
	}
	bw_nl_msg(b, RTM_SETLINK, MSG_ACK, &ifi, sizeof(ifi), "change device %s",
		  name ? name : "by index");
	/* With an index, a name in the message is the new one. */
	if (ifindex && s->what & BW_LINK_SET_NAME)
		bw_nl_put_str(b, IFLA_IFNAME, s->name);
	else if (!ifindex)
		bw_nl_put_str(b, IFLA_IFNAME, name);
	put_set_attrs(b, s);
}

void bw_link_put_del(struct bw_nl_batch *b, int ifindex, const char *name)
{
	struct ifinfomsg ifi = { .ifi_family = AF_UNSPEC, .ifi_index = ifindex };

	bw_nl_msg(b, RTM_DELLINK, MSG_ACK, &ifi, sizeof(ifi), "delete device %s",
		  name ? name : "by index");
	if (!ifindex)
		bw_nl_put_str(b, IFLA_IFNAME, name);
	bw_nl_tolerate(b, ENODEV);
}

static void put_altname(struct bw_nl_batch *b, uint16_t type, int ifindex, const char *altname)
{
	struct ifinfomsg ifi = { .ifi_family = AF_UNSPEC, .ifi_index = ifindex };
	uint32_t list;

	bw_nl_msg(b, type, type == RTM_NEWLINKPROP ? MSG_ACK | NLM_F_CREATE | NLM_F_EXCL : MSG_ACK,
		  &ifi, sizeof(ifi), "%s name %s", type == RTM_NEWLINKPROP ? "add" : "remove",
		  altname);
	list = bw_nl_nest(b, IFLA_PROP_LIST | NLA_F_NESTED);
	bw_nl_put_str(b, IFLA_ALT_IFNAME, altname);
	bw_nl_nest_end(b, list);
}

void bw_link_put_altname_add(struct bw_nl_batch *b, int ifindex, const char *altname)
{
	put_altname(b, RTM_NEWLINKPROP, ifindex, altname);
}

void bw_link_put_altname_del(struct bw_nl_batch *b, int ifindex, const char *altname)
{
	put_altname(b, RTM_DELLINKPROP, ifindex, altname);
	bw_nl_tolerate(b, ENOENT);
}
