/* SPDX-License-Identifier: Apache-2.0 */
/* Looking at a bridge and its uplink; what is refused, what is right. */
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>

#include <bw/addr.h>
#include <bw/bridge_port.h>
#include <bw/err.h>
#include <bw/ip.h>
#include <bw/nl.h>

#include "segment.h"
#include "segment_look.h"
#include "uplink.h"

#define GATEWAY_PORT_PREFIX "bwv"

int bridge_look_wants_vlans(const struct bridge_segment_want *want)
{
	return want->vlan || want->trunk;
}

int bridge_look_wants_bpf_vlan(const struct bridge_segment_want *want,
			       const struct bridge_look *look)
{
	return want->vlan && look->uplink.ifindex && look->bridge.ifindex &&
	       !look->bridge.bridge.has_vlan_filtering;
}

void bridge_gateway_port_name(const char *gateway, char out[IFNAMSIZ])
{
	uint64_t h = bw_fnv64(BW_FNV64_BASIS, gateway, strlen(gateway));

	/* 3 + 11 characters fit, ignoring. */
	(void)snprintf(out, IFNAMSIZ, GATEWAY_PORT_PREFIX "%011llx",
		       (unsigned long long)(h & 0xfffffffffffULL));
}

int bridge_look_gateway_name(const struct bridge_segment_want *want, const struct bridge_look *look,
			     char out[IFNAMSIZ], struct bw_err *err)
{
	int n;

	/* As the reference: an access VLAN of a filtering bridge has a gateway device of its own.
	 */
	if (want->vlan && look->bridge.bridge.has_vlan_filtering)
		n = snprintf(out, IFNAMSIZ, "%s.%u", want->bridge, want->vlan);
	else
		n = snprintf(out, IFNAMSIZ, "%s", want->bridge);
	if (n < 0 || n >= IFNAMSIZ)
		return bw_reject(err, BW_ERR_INVALID, EINVAL,
				 "bridge: %s is too long for its gateway's name %s.%u, which may "
				 "have 15 characters",
				 want->bridge, want->bridge, want->vlan);
	return 0;
}

/*
 * LOOKING
 */

struct wanted_addrs {
	const struct bridge_segment_want *want;
	uint8_t found[BRIDGE_GATEWAYS_MAX];
	uint8_t has_link_local; /* IPv6 */
};

static void addrs_reset(void *arg)
{
	struct wanted_addrs *w = arg;

	memset(w->found, 0, sizeof(w->found));
	w->has_link_local = 0;
}

static int see_addr(const struct bw_addr *a, void *arg, struct bw_err *err)
{
	struct wanted_addrs *w = arg;

	(void)err;
	w->has_link_local |= a->prefix.ip.family == AF_INET6 && a->scope == RT_SCOPE_LINK;
	for (size_t i = 0; i < w->want->n_gateways; i++)
		if (bw_ip_eq(&a->prefix.ip, &w->want->gateways[i].ip) &&
		    a->prefix.len == w->want->gateways[i].len)
			w->found[i] = 1;
	return 0;
}

static int look_gateways(struct bw_nl *nl, const struct bridge_segment_want *want,
			 struct bridge_look *look, struct bw_err *err)
{
	struct wanted_addrs w = { .want = want };
	struct bw_addr_visitor v = { addrs_reset, see_addr, &w };
	char name[IFNAMSIZ];
	int r;

	look->has_gateways = want->n_gateways == 0 && !want->reach;
	if (look->has_gateways || !look->bridge.ifindex)
		return 0;
	r = bridge_look_gateway_name(want, look, name, err);
	if (r < 0)
		return r;
	look->gateway = look->bridge;
	if (strcmp(name, look->bridge.name) != 0) {
		memset(&look->gateway, 0, sizeof(look->gateway));
		bw_nl_batch_init(&nl->once);
		bw_link_put_get(&nl->once, 0, name, &look->gateway);
		r = bw_nl_talk(nl, &nl->once, err);
	}
	if (r < 0 || !look->gateway.ifindex)
		return r;
	r = bw_addr_list(nl, look->gateway.ifindex, AF_UNSPEC, &v, err);
	if (r < 0)
		return r;
	look->has_gateways = 1;
	for (size_t i = 0; i < want->n_gateways; i++)
		look->has_gateways &= w.found[i];
	if (want->reach_v6)
		look->has_gateways &= w.has_link_local;
	return 0;
}

static int look_vlans(struct bw_nl *nl, const struct bridge_segment_want *want,
		      struct bridge_look *look, struct bw_err *err)
{
	struct bw_port_vlans v;
	int r;

	look->has_vlans = 1;
	if (!bridge_look_wants_vlans(want) || !look->bridge.bridge.has_vlan_filtering ||
	    !look->uplink.ifindex)
		return 0;
	r = bw_port_vlans(nl, look->uplink.ifindex, &v, err);
	if (r < 0)
		return r;
	if (want->vlan && !bw_port_vlans_has(v.member, want->vlan))
		look->has_vlans = 0;
	for (size_t i = 0; want->trunk && i < sizeof(v.member); i++)
		if (want->trunk[i] & ~v.member[i])
			look->has_vlans = 0;
	return 0;
}

int bridge_look(struct bw_nl *nl, const struct bridge_segment_want *want, struct bridge_look *ret,
		struct bw_err *err)
{
	struct bridge_look look = { .has_vlans = 1 };
	struct bw_nl_batch *b = bw_nl_begin(nl);
	int r;

	bw_link_put_get(b, 0, want->bridge, &look.bridge);
	if (want->uplink)
		bw_link_put_get(b, 0, want->uplink, &look.uplink);
	r = bw_nl_talk(nl, b, err);
	if (r < 0)
		return r;
	bridge_alias_parse(look.bridge.alias, &look.alias);
	/* A network that does not name the uplink shares the segment of one that does. */
	if (!want->uplink && look.alias.uplink[0]) {
		b = bw_nl_begin(nl);
		bw_link_put_get(b, 0, look.alias.uplink, &look.uplink);
		r = bw_nl_talk(nl, b, err);
		if (look.uplink.master != look.bridge.ifindex)
			memset(&look.uplink, 0, sizeof(look.uplink));
	}
	if (r >= 0)
		r = look_gateways(nl, want, &look, err);
	if (r >= 0)
		r = look_vlans(nl, want, &look, err);
	if (r >= 0)
		*ret = look;
	return r;
}

struct ports {
	const struct bridge_look *look;
	struct bridge_ports found;
};

static void ports_reset(void *arg)
{
	((struct ports *)arg)->found = (struct bridge_ports){ 0 };
}

static int see_port(const struct bw_link *link, void *arg, struct bw_err *err)
{
	struct ports *p = arg;

	(void)err;
	if (link->ifindex == p->look->uplink.ifindex)
		return 0;
	if (strncmp(link->name, GATEWAY_PORT_PREFIX, strlen(GATEWAY_PORT_PREFIX)) == 0) {
		if (p->found.n_gateways < BRIDGE_PORTS_MAX)
			p->found.gateways[p->found.n_gateways++] = link->ifindex;
		return 0;
	}
	if (!p->found.n++)
		memcpy(p->found.first, link->name, sizeof(p->found.first));
	return 0;
}

int bridge_look_ports(struct bw_nl *nl, const struct bridge_look *look, struct bridge_ports *ret,
		      struct bw_err *err)
{
	struct ports p = { .look = look };
	struct bw_link_visitor v = { ports_reset, see_port, &p };
	int r = bw_link_list(nl, look->bridge.ifindex, &v, err);

	if (r >= 0)
		*ret = p.found;
	return r;
}

/*
 * REFUSING
 */

static int check_bridge(const struct bridge_look *look, struct bw_err *err)
{
	if (!look->bridge.ifindex || look->bridge.is_bridge)
		return 0;
	return bw_reject(err, BW_ERR_INVALID, EINVAL,
			 "bridge: \"%s\" already exists but is not a bridge", look->bridge.name);
}

static int check_master(struct bw_nl *nl, const struct bridge_look *look, struct bw_err *err)
{
	struct bw_link master = { .name = "another device" };

	if (!look->uplink.master || look->uplink.master == look->bridge.ifindex)
		return 0;
	(void)bw_link_get(nl, look->uplink.master, NULL, &master,
			  NULL); /* only its name, ignoring */
	return bw_reject(err, BW_ERR_INVALID, EINVAL,
			 "uplink: %s belongs to %s already, and an uplink belongs to exactly one "
			 "bridge",
			 look->uplink.name, master.name);
}

static int check_uplink(struct bw_nl *nl, const struct bridge_segment_want *want,
			const struct bridge_look *look, struct bw_err *err)
{
	const struct bw_link *u = &look->uplink;
	int r;

	if (!want->uplink)
		return 0;
	if (!u->ifindex)
		return bw_reject(err, BW_ERR_INVALID, EINVAL,
				 "uplink: there is no interface %s on this node", want->uplink);
	if (u->flags & IFF_LOOPBACK || u->is_bridge || strcmp(want->uplink, want->bridge) == 0)
		return bw_reject(err, BW_ERR_INVALID, EINVAL,
				 "uplink: %s is %s, which cannot be a port of a bridge",
				 want->uplink, u->is_bridge ? "a bridge" : "the loopback device");
	r = check_master(nl, look, err);
	if (r < 0)
		return r;
	if (look->alias.uplink[0] && strcmp(look->alias.uplink, want->uplink) != 0)
		return bw_reject(err, BW_ERR_INVALID, EINVAL,
				 "uplink: bridge %s has the uplink %s already, not %s",
				 want->bridge, look->alias.uplink, want->uplink);
	if (u->master || want->move_addresses)
		return 0;
	return bridge_uplink_is_bare(nl, u, err);
}

/* A bridge that cannot filter carries one VLAN, by its programs, on its uplink. */
static int check_vlan(const struct bridge_segment_want *want, const struct bridge_look *look,
		      struct bw_err *err)
{
	if (look->alias.vlan && (want->trunk || want->vlan != look->alias.vlan)) {
		(void)bw_reject(err, BW_ERR_UNSUPPORTED, EOPNOTSUPP,
				"vlan %u: bridge %s carries VLAN %u and no other: this kernel's "
				"bridges do not filter VLANs, so its programs carry the tag",
				want->vlan, want->bridge, look->alias.vlan);
		bw_err_details(err,
			       "give the other VLAN a bridge and an uplink of its own, or run a "
			       "kernel with CONFIG_BRIDGE_VLAN_FILTERING");
		return -EOPNOTSUPP;
	}
	if (!bridge_look_wants_vlans(want) || !look->bridge.ifindex ||
	    look->bridge.bridge.has_vlan_filtering)
		return 0;
	if (want->trunk)
		return bw_reject(err, BW_ERR_UNSUPPORTED, EOPNOTSUPP,
				 "vlanTrunk: this kernel's bridges do not filter VLANs "
				 "(CONFIG_BRIDGE_VLAN_FILTERING)");
	if (look->uplink.ifindex)
		return 0;
	return bw_reject(err, BW_ERR_UNSUPPORTED, EOPNOTSUPP,
			 "vlan: %u: this kernel's bridges do not filter VLANs "
			 "(CONFIG_BRIDGE_VLAN_FILTERING); with an uplink the programs carry one",
			 want->vlan);
}

int bridge_look_check(struct bw_nl *nl, const struct bridge_segment_want *want,
		      const struct bridge_look *look, struct bw_err *err)
{
	int r;

	r = check_bridge(look, err);
	if (r >= 0)
		r = check_uplink(nl, want, look, err);
	if (r < 0)
		return r;
	if (look->uplink.ifindex && want->mtu > look->uplink.mtu)
		return bw_reject(err, BW_ERR_INVALID, EINVAL,
				 "mtu: %u is more than the %u of uplink %s", want->mtu,
				 look->uplink.mtu, look->uplink.name);
	return check_vlan(want, look, err);
}

/*
 * RIGHT
 */

static int is_bridge_right(const struct bridge_segment_want *want, const struct bridge_look *look,
			   int made)
{
	const struct bw_link *br = &look->bridge;

	if (!br->ifindex || !(br->flags & IFF_UP) || bw_mac_is_zero(&br->mac))
		return 0;
	if (want->promisc && !(br->flags & IFF_PROMISC))
		return 0;
	if (look->alias.ours && !look->alias.known)
		return 0;
	if (!bridge_look_wants_vlans(want))
		return 1;
	if (br->bridge.has_vlan_filtering)
		return br->bridge.vlan_filtering;
	/* With somebody else's alias the VLAN cannot be noted there. */
	return look->alias.vlan == want->vlan || (!look->alias.ours && made);
}

static int is_uplink_right(const struct bridge_segment_want *want, const struct bridge_look *look,
			   int made)
{
	const struct bw_link *u = &look->uplink;

	if (!want->uplink)
		return 1;
	if (u->master != look->bridge.ifindex || !(u->flags & IFF_UP) || !look->has_vlans)
		return 0;
	if (!look->alias.ours)
		return made || !want->move_addresses;
	return look->alias.uplink[0] && (!want->move_addresses || look->alias.moved);
}

int bridge_look_is_right(const struct bridge_segment_want *want, const struct bridge_look *look,
			 int made)
{
	return is_bridge_right(want, look, made) && is_uplink_right(want, look, made) &&
	       look->has_gateways;
}
