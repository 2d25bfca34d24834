/* SPDX-License-Identifier: Apache-2.0 */
/* Making a bridge as it is wanted, and taking it down. */
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include <bw/addr.h>
#include <bw/bridge_port.h>
#include <bw/clock.h>
#include <bw/datapath.h>
#include <bw/err.h>
#include <bw/journal.h>
#include <bw/nl.h>
#include <bw/sysctl.h>

#include "segment.h"
#include "segment_look.h"
#include "segment_make.h"
#include "uplink.h"

#define VLAN_DEFAULT 1 /* default_pvid of every bridge, net/bridge/br_vlan.c */
#define NO_DEVICE (-1) /* an ifindex nothing has */
#define MAC_LOCAL 0x02 /* locally administered, IEEE 802 */

/* A unicast address of our own making: the bridge must be unique on a real network. */
static int random_mac(struct bw_mac *ret, struct bw_err *err)
{
	if (getrandom(ret->b, BW_MAC_SIZE, 0) != BW_MAC_SIZE)
		return bw_fail(err, errno, "draw a random MAC");
	ret->b[0] = MAC_LOCAL;
	return 0;
}

/*
 * THE BRIDGE
 */

static void put_alias(struct bw_nl_batch *b, const char *bridge, const struct bridge_alias *a)
{
	char text[BRIDGE_ALIAS_MAX];
	struct bw_link_set set = { .what = BW_LINK_SET_ALIAS, .alias = text };

	if (!a->ours)
		return;
	(void)bridge_alias_str(a, text);
	bw_link_put_set(b, 0, bridge, &set);
}

static int create_once(struct bw_nl *nl, const struct bridge_segment_want *want,
		       struct bridge_look *look, int8_t filtering, struct bw_err *err)
{
	struct bw_link_bridge_new n = { .name = want->bridge,
					.mtu = want->mtu ? want->mtu : look->uplink.mtu,
					.vlan_filtering = filtering,
					.default_pvid = -1 };
	struct bw_nl_batch *b = bw_nl_begin(nl);
	struct bw_mac mac;
	int r;

	r = random_mac(&mac, err);
	if (r < 0)
		return r;
	n.mac = &mac;
	look->alias = (struct bridge_alias){ .ours = 1, .known = 1, .made = 1, .is_new = 1 };
	bw_link_put_bridge(b, &n);
	put_alias(b, want->bridge, &look->alias);
	bw_link_put_get(b, 0, want->bridge, &look->bridge);
	return bw_nl_talk(nl, b, err);
}

static int create(struct bw_nl *nl, const struct bridge_segment_want *want,
		  struct bridge_look *look, struct bw_err *err)
{
	struct bw_err first = { 0 };
	int r;

	r = create_once(nl, want, look, bridge_look_wants_vlans(want) ? 1 : -1, &first);
	if (r == -EOPNOTSUPP && bridge_look_wants_vlans(want)) {
		/* The kernel has no VLAN filtering: only the programs may carry a tag. */
		if (want->trunk || !look->uplink.ifindex)
			return bw_reject(err, BW_ERR_UNSUPPORTED, EOPNOTSUPP,
					 "%s: this kernel's bridges do not filter VLANs "
					 "(CONFIG_BRIDGE_VLAN_FILTERING)%s",
					 want->trunk ? "vlanTrunk" : "vlan",
					 want->trunk ? ""
						     : "; with an uplink the programs carry one");
		r = create_once(nl, want, look, -1, &first);
	}
	if (r < 0 && err)
		*err = first;
	return r;
}

static int write_ipv6(const char *bridge, const char *key, const char *value, struct bw_err *err)
{
	int r = bw_sysctl_set(err, value, "ipv6/conf/%s/%s", bridge, key);

	return r == -ENOENT ? 0 : r; /* no IPv6 in this kernel: nothing to forbid */
}

static int wants_ipv6(const struct bridge_segment_want *want)
{
	if (want->reach_v6)
		return 1;
	for (size_t i = 0; i < want->n_gateways; i++)
		if (want->gateways[i].ip.family == AF_INET6)
			return 1;
	return 0;
}

static int see_global(const struct bw_addr *a, void *arg, struct bw_err *err)
{
	(void)err;
	if (a->scope == RT_SCOPE_UNIVERSE)
		*(int *)arg = 1;
	return 0;
}

static void global_reset(void *arg)
{
	*(int *)arg = 0;
}

/* Whether IPv6 may be switched off: nobody has given the bridge an address. 1, 0; -errno. */
static int is_without_ipv6(struct bw_nl *nl, const struct bridge_look *look, struct bw_err *err)
{
	int has = 0;
	struct bw_addr_visitor v = { global_reset, see_global, &has };
	int r = bw_addr_list(nl, look->bridge.ifindex, AF_INET6, &v, err);

	return r < 0 ? r : !has;
}

/* I4, and as the reference: whoever makes the bridge owns its routes. */
static int set_ipv6(struct bw_nl *nl, const struct bridge_segment_want *want,
		    const struct bridge_look *look, struct bw_err *err)
{
	int r;

	r = write_ipv6(want->bridge, "accept_ra", "0", err);
	if (r < 0 || !look->uplink.ifindex)
		return r;
	r = write_ipv6(want->bridge, "autoconf", "0", err);
	if (r < 0)
		return r;
	if (wants_ipv6(want))
		return write_ipv6(want->bridge, "disable_ipv6", "0", err);
	/* Decided once, when the uplink comes: later networks may bring IPv6 gateways. */
	if (look->alias.uplink[0] || want->move_addresses)
		return 0;
	r = is_without_ipv6(nl, look, err);
	return r <= 0 ? r : write_ipv6(want->bridge, "disable_ipv6", "1", err);
}

/* A VLAN for the programs, on a bridge that serves untagged ports already: refused. */
static int claim_vlan(struct bw_nl *nl, const struct bridge_segment_want *want,
		      struct bridge_look *look, struct bw_err *err)
{
	struct bridge_ports ports;
	int r;

	if (!bridge_look_wants_bpf_vlan(want, look) || look->alias.vlan == want->vlan)
		return 0;
	r = bridge_look_ports(nl, look, &ports, err);
	if (r < 0)
		return r;
	if (ports.n) {
		(void)bw_reject(
			err, BW_ERR_UNSUPPORTED, EOPNOTSUPP,
			"vlan: bridge %s has ports without VLAN (%s); this kernel's bridges "
			"do not filter VLANs, so one bridge serves one VLAN",
			want->bridge, ports.first);
		bw_err_details(err, "give VLAN %u a bridge and an uplink of its own", want->vlan);
		return -EOPNOTSUPP;
	}
	look->alias.vlan = want->vlan;
	return 0;
}

/* Up, pinned MAC, promiscuous, filtering: what the bridge alone needs, in one message or two. */
static int set_bridge(struct bw_nl *nl, const struct bridge_segment_want *want,
		      struct bridge_look *look, struct bw_err *err)
{
	struct bw_link *br = &look->bridge;
	struct bw_link_set set = { .what = BW_LINK_SET_UP, .mac = br->mac };
	struct bw_link_set quiet = { .what = BW_LINK_SET_NO_LINK_LOCAL };
	struct bw_nl_batch *b;
	int r = 0;

	if (want->promisc)
		set.what |= BW_LINK_SET_PROMISC_ON;
	/* Writing the MAC pins it, also the one it has. A bridge of others may have lost its own.
	 */
	if (bw_mac_is_zero(&br->mac))
		r = random_mac(&set.mac, err);
	if (r < 0)
		return r;
	if (!look->alias.known || bw_mac_is_zero(&br->mac))
		set.what |= BW_LINK_SET_MAC;
	look->alias.known = look->alias.ours;
	b = bw_nl_begin(nl);
	if (bridge_look_wants_vlans(want) && br->bridge.has_vlan_filtering &&
	    !br->bridge.vlan_filtering)
		bw_bridge_put_vlan_filtering(b, br->ifindex, br->name, 1);
	put_alias(b, want->bridge, &look->alias);
	/* A message of its own, before: the kernel sets a device up first, its IPv6 mode last. */
	if (look->uplink.ifindex)
		bw_link_put_set(b, br->ifindex, br->name, &quiet);
	bw_link_put_set(b, br->ifindex, br->name, &set);
	bw_link_put_get(b, br->ifindex, NULL, br);
	return bw_nl_talk(nl, b, err);
}

/*
 * THE UPLINK
 */

static void put_vlans(struct bw_nl_batch *b, const struct bridge_segment_want *want, int port)
{
	if (want->vlan)
		bw_port_put_vlan_add(b, port, 0, want->vlan, want->vlan, 0);
	for (unsigned int vid = 1; want->trunk && vid <= BW_VLAN_MAX; vid++) {
		unsigned int last = vid;

		if (!bw_port_vlans_has(want->trunk, (uint16_t)vid))
			continue;
		while (last < BW_VLAN_MAX && bw_port_vlans_has(want->trunk, (uint16_t)(last + 1)))
			last++;
		bw_port_put_vlan_add(b, port, 0, (uint16_t)vid, (uint16_t)last, 0);
		vid = last;
	}
}

static int set_uplink(struct bw_nl *nl, const struct bridge_segment_want *want,
		      struct bridge_look *look, int raised, struct bw_err *err)
{
	struct bw_link *u = &look->uplink;
	struct bw_link_set set = { .what = BW_LINK_SET_MASTER | BW_LINK_SET_UP,
				   .master = look->bridge.ifindex };
	struct bw_nl_batch *b;
	int r = 0;

	if (!want->uplink)
		return 0;
	if (!u->master) {
		memcpy(look->alias.uplink, u->name, sizeof(look->alias.uplink));
		look->alias.raised = raised || !(u->flags & IFF_UP);
	}
	/* Noted before it is done: a killed ADD leaves a note without an effect, never the reverse.
	 */
	b = bw_nl_begin(nl);
	put_alias(b, want->bridge, &look->alias);
	if (!want->move_addresses) {
		if (u->master != look->bridge.ifindex || !(u->flags & IFF_UP))
			bw_link_put_set(b, u->ifindex, u->name, &set);
	} else {
		r = bw_nl_talk(nl, b, err);
		if (r >= 0)
			r = bridge_uplink_move(nl, want->journal, u, &look->bridge, err);
		if (r < 0)
			return r;
		look->alias.moved = 1;
		b = bw_nl_begin(nl);
		put_alias(b, want->bridge, &look->alias);
	}
	if (look->bridge.bridge.has_vlan_filtering)
		put_vlans(b, want, u->ifindex);
	bw_link_put_get(b, u->ifindex, NULL, u);
	bw_link_put_get(b, look->bridge.ifindex, NULL, &look->bridge);
	return bw_nl_talk(nl, b, err);
}

/*
 * GATEWAY ADDRESSES
 */

/* The device of an access VLAN's gateway: a veth pair whose other end is a port of the bridge. */
static int make_gateway_device(struct bw_nl *nl, const struct bridge_segment_want *want,
			       struct bridge_look *look, const char *name, struct bw_err *err)
{
	char port[IFNAMSIZ];
	struct bw_link_veth_new n = { .name = port,
				      .master = look->bridge.ifindex,
				      .up = 1,
				      .mtu = want->mtu ? want->mtu : look->uplink.mtu,
				      .peer_name = name };
	struct bw_link_set up = { .what = BW_LINK_SET_UP };
	struct bw_link_set plug = { .what = BW_LINK_SET_MASTER, .master = look->bridge.ifindex };
	struct bw_link host = { 0 };
	struct bw_nl_batch *b;
	int r;

	bridge_gateway_port_name(name, port);
	for (int create = 0; create < 2 && !host.ifindex; create++) {
		b = bw_nl_begin(nl);
		if (create)
			bw_link_put_veth(b, &n);
		bw_link_put_get(b, 0, port, &host);
		bw_link_put_get(b, 0, name, &look->gateway);
		r = bw_nl_talk(nl, b, err);
		if (r < 0)
			return r;
		if (look->gateway.ifindex)
			break;
	}
	if (!host.ifindex || look->gateway.peer != host.ifindex ||
	    (host.master && host.master != look->bridge.ifindex))
		return bw_reject(err, BW_ERR_INVALID, EINVAL,
				 "vlan: the name %s of the gateway's device is taken", name);
	b = bw_nl_begin(nl);
	/* One that outlived its bridge is as good as new. */
	if (!host.master)
		bw_link_put_set(b, host.ifindex, port, &plug);
	bw_port_put_vlan_add(b, host.ifindex, 0, want->vlan, want->vlan,
			     BW_VLAN_F_PVID | BW_VLAN_F_UNTAGGED);
	if (want->vlan != VLAN_DEFAULT)
		bw_port_put_vlan_del(b, host.ifindex, 0, VLAN_DEFAULT, VLAN_DEFAULT);
	bw_link_put_set(b, look->gateway.ifindex, name, &up);
	return bw_nl_talk(nl, b, err);
}

struct conflicts {
	const struct bridge_segment_want *want;
	struct bw_nl_batch *removals; /* those that are in the way go (forceAddress) */
};

static int is_wanted(const struct bridge_segment_want *want, const struct bw_addr *a)
{
	for (size_t i = 0; i < want->n_gateways; i++)
		if (bw_ip_eq(&a->prefix.ip, &want->gateways[i].ip) &&
		    a->prefix.len == want->gateways[i].len)
			return 1;
	return 0;
}

/* As the reference: any other IPv4 address, but only an overlapping IPv6 one, is in the way. */
static const struct bw_prefix *in_the_way_of(const struct bridge_segment_want *want,
					     const struct bw_addr *a)
{
	for (size_t i = 0; i < want->n_gateways; i++) {
		const struct bw_prefix *g = &want->gateways[i];

		if (g->ip.family != a->prefix.ip.family)
			continue;
		if (g->ip.family == AF_INET || bw_prefix_contains(g, &a->prefix.ip) ||
		    bw_prefix_contains(&a->prefix, &g->ip))
			return g;
	}
	return NULL;
}

static int see_conflict(const struct bw_addr *a, void *arg, struct bw_err *err)
{
	struct conflicts *c = arg;
	const struct bw_prefix *g;
	char has[BW_PREFIX_STR_MAX], wants[BW_PREFIX_STR_MAX];

	if (is_wanted(c->want, a))
		return 0;
	g = in_the_way_of(c->want, a);
	if (!g)
		return 0;
	if (c->want->force_address) {
		bw_addr_put_del(c->removals, a);
		return 0;
	}
	(void)bw_reject(err, BW_ERR_INVALID, EINVAL,
			"bridge: \"%s\" already has an IP address different from %s: %s",
			c->want->bridge, bw_prefix_str(g, wants), bw_prefix_str(&a->prefix, has));
	bw_err_details(err, "set \"forceAddress\": true to replace it, or use another bridge");
	return -EINVAL;
}

static void conflicts_reset(void *arg)
{
	bw_nl_batch_init(((struct conflicts *)arg)->removals);
}

/*
 * An IPv6 gateway needs a link-local address like any router (RFC 4861, 6.1.2), and without one the
 * kernel's bridge drops what br_netfilter translates to another port. A bridge with an uplink makes
 * none by itself: this is the one EUI-64 gives its MAC (RFC 4291, appendix A).
 */
static void put_link_local(struct bw_nl_batch *b, const struct bridge_look *look)
{
	const uint8_t *m = look->bridge.mac.b;
	const uint8_t bytes[16] = { 0xfe,     0x80, 0,    0,    0,    0,    0,    0,
				    m[0] ^ 2, m[1], m[2], 0xff, 0xfe, m[3], m[4], m[5] };
	struct bw_prefix p = { bw_ip_from_bytes(AF_INET6, bytes), 64 };
	struct bw_addr a = bw_addr_plain(look->bridge.ifindex, &p);

	a.scope = RT_SCOPE_LINK;
	bw_addr_put_replace(b, &a);
}

static int set_gateways(struct bw_nl *nl, const struct bridge_segment_want *want,
			struct bridge_look *look, struct bw_err *err)
{
	struct conflicts c = { .want = want, .removals = &nl->batch };
	struct bw_addr_visitor v = { conflicts_reset, see_conflict, &c };
	char name[IFNAMSIZ];
	int r;

	if (!want->n_gateways && !want->reach)
		return 0;
	r = bridge_look_gateway_name(want, look, name, err);
	if (r < 0)
		return r;
	if (strcmp(name, want->bridge) == 0)
		look->gateway = look->bridge;
	else
		r = make_gateway_device(nl, want, look, name, err);
	(void)bw_nl_begin(nl);
	/* Addresses that moved here with the uplink are the node's: they are in nobody's way. */
	if (r >= 0 && want->n_gateways &&
	    !(look->alias.moved && look->gateway.ifindex == look->bridge.ifindex))
		r = bw_addr_list(nl, look->gateway.ifindex, AF_UNSPEC, &v, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < want->n_gateways; i++) {
		struct bw_addr a = bw_addr_plain(look->gateway.ifindex, &want->gateways[i]);

		bw_addr_put_replace(&nl->batch, &a);
	}
	if (wants_ipv6(want) && look->uplink.ifindex &&
	    look->gateway.ifindex == look->bridge.ifindex)
		put_link_local(&nl->batch, look);
	return bw_nl_talk(nl, &nl->batch, err);
}

/*
 * ALL OF IT
 */

static int note_row(const struct bridge_segment_want *want, const struct bridge_look *look,
		    struct bw_err *err)
{
	struct bw_segment s = { .vlan = want->vlan, .since_s = bw_clock_real_s() };
	int r;

	if (!want->journal)
		return 0;
	r = bw_boot_id(s.boot_id, err);
	if (r < 0)
		return r;
	/* Names have at most 15 characters, ignoring. */
	(void)snprintf(s.bridge, sizeof(s.bridge), "%s", want->bridge);
	(void)snprintf(s.uplink, sizeof(s.uplink), "%s", look->uplink.name);
	s.made = look->alias.made;
	s.enslaved = look->alias.uplink[0] != '\0';
	s.bpf_vlan = look->alias.vlan != 0;
	return bw_journal_segment_put(want->journal, &s, err);
}

int bridge_make(struct bw_nl *nl, const struct bridge_segment_want *want, struct bridge_look *look,
		int raised, struct bw_err *err)
{
	int r = 0;

	if (!look->bridge.ifindex)
		r = create(nl, want, look, err);
	if (r >= 0)
		r = claim_vlan(nl, want, look, err);
	if (r >= 0)
		r = set_ipv6(nl, want, look, err);
	if (r >= 0)
		r = set_bridge(nl, want, look, err);
	if (r >= 0)
		r = set_uplink(nl, want, look, raised, err);
	if (r >= 0)
		r = note_row(want, look, err);
	return r < 0 ? r : set_gateways(nl, want, look, err);
}

/*
 * DOWN
 */

int bridge_forget_datapath(const struct bridge_look *look, struct bw_err *err)
{
	int r;

	if (look->bridge.ifindex)
		return bw_dp_segment_remove(NULL, look->bridge.ifindex, look->uplink.ifindex, err);
	/* Without the bridge: what belongs to devices that are gone, and to nobody. */
	r = bw_dp_sweep(NULL, err);
	return r < 0 ? r : bw_dp_segment_remove(NULL, NO_DEVICE, look->uplink.ifindex, err);
}

/* The gateways' devices of VLANs would outlive the bridge: each pair goes with its port. */
static int remove_gateways(struct bw_nl *nl, const struct bridge_look *look, struct bw_err *err)
{
	struct bridge_ports ports;
	int r;

	do {
		struct bw_nl_batch *b;

		r = bridge_look_ports(nl, look, &ports, err);
		if (r < 0 || !ports.n_gateways)
			return r;
		b = bw_nl_begin(nl);
		for (unsigned int i = 0; i < ports.n_gateways; i++)
			bw_link_put_del(b, ports.gateways[i], "gateway");
		r = bw_nl_talk(nl, b, err);
	} while (r >= 0 && ports.n_gateways == BRIDGE_PORTS_MAX);
	return r;
}

int bridge_unmake(struct bw_nl *nl, const struct bridge_look *look, struct bw_err *err)
{
	const struct bw_link *br = &look->bridge, *u = &look->uplink;
	struct bw_link_set release = { .what = BW_LINK_SET_MASTER };
	struct bw_link_set forget = { .what = BW_LINK_SET_ALIAS, .alias = "" };
	struct bw_nl_batch *b;
	int r;

	if (!br->ifindex)
		return 0;
	r = bridge_forget_datapath(look, err);
	if (r >= 0)
		r = remove_gateways(nl, look, err);
	if (r < 0)
		return r;
	if (look->alias.raised)
		release.what |= BW_LINK_SET_DOWN;
	b = bw_nl_begin(nl);
	if (look->alias.uplink[0] && u->ifindex && u->master == br->ifindex)
		bw_link_put_set(b, u->ifindex, u->name, &release);
	if (look->alias.made)
		bw_link_put_del(b, br->ifindex, br->name);
	else if (look->alias.known)
		bw_link_put_set(b, br->ifindex, br->name, &forget);
	return bw_nl_talk(nl, b, err);
}
