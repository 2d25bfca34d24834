/* SPDX-License-Identifier: Apache-2.0 */
/* The pair of interfaces and the bridge's port: one message makes both, a second batch tunes it. */
#include <linux/if_bridge.h>
#include <string.h>

#include <bw/bridge_port.h>
#include <bw/err.h>
#include <bw/neigh.h>
#include <bw/nl.h>

#include "add.h"

#define SETTLE_TRIES 4
#define CARRIER_MS 2000 /* the reference plugin gives a port 2.55 s */

static int undo_link(void *arg, struct bw_err *err)
{
	struct bridge_add *add = arg;

	return bw_link_del(add->ctx->host, 0, add->ctx->att.host_if, err);
}

/* With antiSpoof the only MAC behind a port is known: nothing is learned or flooded there. */
static int is_closed(const struct bridge_add *add)
{
	return bridge_conf_checks_mac(&add->ctx->conf) && !add->ctx->conf.trunk.n;
}

static struct bw_port_flags port_flags(const struct bridge_add *add)
{
	const struct bridge_conf *conf = &add->ctx->conf;
	int8_t open = is_closed(add) ? 0 : -1;

	return (struct bw_port_flags){ .hairpin = (int8_t)conf->hairpin,
				       .isolated = (int8_t)conf->isolated,
				       .learning = open,
				       .flood = open };
}

static void describe_pair(const struct bridge_add *add, struct bw_link_veth_new *n)
{
	const struct bridge_segment *seg = &add->segment;

	*n = (struct bw_link_veth_new){ .name = add->ctx->att.host_if,
					.master = seg->bridge,
					.up = 1,
					.mtu = seg->mtu,
					.gso_max_size = seg->gso_max_size,
					.gso_ipv4_max_size = seg->gso_ipv4_max_size,
					.peer_name = add->ctx->req->ifname,
					.peer_mac = &add->pod.mac,
					.peer_ns = &add->pod.ns };
}

/* Which of the two names is taken: the kernel does not say. */
static int explain_taken(const struct bridge_add *add, struct bw_err *err)
{
	const struct bw_cni_request *req = add->ctx->req;
	struct bw_link there = { 0 };

	if (bw_link_get(add->pod.nl, 0, req->ifname, &there, NULL) == 0)
		return bw_reject(err, BW_ERR_INVALID, EEXIST,
				 "CNI_IFNAME: interface %s exists in the container already",
				 req->ifname);
	return bw_reject(err, BW_ERR_INVALID, EEXIST,
			 "host interface %s of container %s exists already: DEL it first",
			 add->ctx->att.host_if, req->container_id);
}

static int make_pair(struct bridge_add *add, int netkit, struct bw_err *err)
{
	struct bw_nl_batch *b = bw_nl_begin(add->ctx->host);
	struct bw_port_flags flags = port_flags(add);
	struct bw_link_veth_new n;
	int r;

	describe_pair(add, &n);
	if (netkit)
		bw_link_put_netkit(b, &n);
	else
		bw_link_put_veth(b, &n);
	bw_port_put_flags(b, 0, n.name, &flags);
	bw_link_put_get(b, 0, n.name, &add->host);
	bridge_forwarding_put_look(add, b);
	r = bw_nl_talk(add->ctx->host, b, err);
	if (b->n && b->ops[0].result == 0)
		bw_undo_push(&add->undo, undo_link, add, "delete the interfaces");
	if (b->n && b->ops[0].result == -EEXIST)
		return explain_taken(add, err);
	add->is_netkit = netkit;
	add->pod.ifindex = add->host.peer;
	return r;
}

static int plug_pair(struct bridge_add *add, struct bw_err *err)
{
	int r;

	if (add->ctx->conf.link == BRIDGE_LINK_VETH)
		return make_pair(add, 0, err);
	r = make_pair(add, 1, err);
	if (r != -EOPNOTSUPP)
		return r;
	if (add->ctx->conf.link == BRIDGE_LINK_AUTO)
		return make_pair(add, 0, err);
	r = bw_reject(err, BW_ERR_UNSUPPORTED, EOPNOTSUPP,
		      "link: \"netkit\" needs a kernel with netkit devices (Linux 6.7)");
	bw_err_details(err, "use link: veth, or link: auto to take netkit where it is there");
	return r;
}

/* Membership of the port, as the reference plugin sets it. */
static int put_vlans(struct bridge_add *add, struct bw_nl_batch *b, struct bw_err *err)
{
	const struct bridge_conf *conf = &add->ctx->conf;
	unsigned int native = BW_VLAN_F_PVID | BW_VLAN_F_UNTAGGED;
	uint16_t vid = conf->vlan ? conf->vlan : BRIDGE_NATIVE_VID;
	struct bw_port_vlans inherited = { 0 };
	unsigned int first, last = 0;
	int port = add->host.ifindex;
	int r;

	r = conf->preserve_default_vlan ? 0 : bw_port_vlans(add->ctx->host, port, &inherited, err);
	if (r < 0)
		return r;
	for (uint16_t v = 1; v <= BRIDGE_VLAN_MAX; v++)
		if (v != vid && bw_port_vlans_has(inherited.member, v))
			bw_port_put_vlan_del(b, port, 0, v, v);
	for (first = bridge_trunk_next(&conf->trunk, 1, &last); first;
	     first = bridge_trunk_next(&conf->trunk, last + 1, &last))
		bw_port_put_vlan_add(b, port, 0, (uint16_t)first, (uint16_t)last, 0);
	bw_port_put_vlan_add(b, port, 0, vid, vid, native);
	return 0;
}

int bridge_port_plug(struct bridge_add *add, struct bw_err *err)
{
	const struct bridge_conf *conf = &add->ctx->conf;
	struct bw_nl_batch *b;
	int r;

	r = bridge_mac_is_pinned(add) ? 0 : bridge_mac_check(add, err);
	if (r == 0)
		r = plug_pair(add, err);
	if (r < 0 || (!conf->vlan && !conf->trunk.n) || add->segment.bpf_vlan)
		return r;
	b = bw_nl_begin(add->ctx->host);
	r = put_vlans(add, b, err);
	return r < 0 ? r : bw_nl_talk(add->ctx->host, b, err);
}

/*
 * The entry is made only where there is none, so of two that want one MAC at the same time one
 * fails. What was learned on the uplink is the pod itself, on another node until now.
 */
int bridge_port_pin(struct bridge_add *add, struct bw_err *err)
{
	struct bw_nl_batch *b = bw_nl_begin(add->ctx->host);
	struct bw_link *link = &add->host;
	int r;

	if (!bridge_mac_is_pinned(add))
		return 0;
	bw_fdb_put_new(b, link->ifindex, &add->pod.mac, 0);
	bw_nl_tolerate(b, EEXIST);
	bw_link_put_get(b, link->ifindex, link->name, link);
	r = bw_nl_talk(add->ctx->host, b, err);
	if (r < 0 || b->ops[0].result == 0)
		return r;
	r = bridge_mac_check(add, err);
	if (r < 0)
		return r;
	b = bw_nl_begin(add->ctx->host);
	bw_fdb_put_add(b, link->ifindex, &add->pod.mac, 0);
	return bw_nl_talk(add->ctx->host, b, err);
}

int bridge_port_settle(struct bridge_add *add, struct bw_err *err)
{
	struct bw_link *link = &add->host;
	int r;

	/* bridge_port_pin() may have seen it already. */
	if (link->port.state != BR_STATE_DISABLED)
		return 0;
	for (int tries = 0; tries < SETTLE_TRIES; tries++) {
		r = bw_link_get(add->ctx->host, link->ifindex, link->name, link, err);
		if (r < 0 || link->port.state != BR_STATE_DISABLED)
			return r;
		/* The bridge takes its port on the carrier's event: seen here, it is through. */
		r = bw_link_wait_carrier(NULL, link->ifindex, CARRIER_MS, err);
		if (r < 0)
			return r;
	}
	return bw_reject(err, BW_ERR_BUSY, ETIMEDOUT, "bridge %s does not forward to %s",
			 add->ctx->conf.bridge, add->host.name);
}
