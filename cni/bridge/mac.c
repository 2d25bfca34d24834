/* SPDX-License-Identifier: Apache-2.0 */
/* Which MAC a pod gets, and whether the segment has it already. */
#include <stdio.h>
#include <sys/random.h>

#include <bw/err.h>
#include <bw/neigh.h>

#include "add.h"

#define MAC_LOCAL 0x02 /* IEEE 802: locally administered */
#define MAC_GROUP 0x01

static int random_mac(struct bw_mac *ret, struct bw_err *err)
{
	struct bw_mac mac;

	if (getrandom(mac.b, sizeof(mac.b), 0) != (ssize_t)sizeof(mac.b))
		return bw_fail(err, errno, "read random bytes for a MAC");
	mac.b[0] = (uint8_t)((mac.b[0] | MAC_LOCAL) & ~MAC_GROUP);
	*ret = mac;
	return 0;
}

/* The first IPv4 address, else the first IPv6 address; NULL without any. */
static const struct bw_ip *first_address(const struct bridge_add *add)
{
	const struct bw_ip *v6 = NULL;

	for (size_t i = add->first_ip; i < add->result->n_ips; i++) {
		const struct bw_ip *ip = &add->result->ips[i].address.ip;

		if (ip->family == AF_INET)
			return ip;
		if (!v6)
			v6 = ip;
	}
	return v6;
}

int bridge_mac_choose(struct bridge_add *add, struct bw_err *err)
{
	const struct bridge_conf *conf = &add->ctx->conf;
	const struct bw_mac *reserved = bw_ipam_conf_mac(add->ctx->ipam_conf);
	const struct bw_ip *ip = first_address(add);
	int r = 0;

	if (conf->has_mac)
		add->mac = conf->mac;
	else if (reserved)
		add->mac = *reserved;
	else if (conf->mac_from == BRIDGE_MAC_FROM_ADDRESS && ip)
		add->mac = bw_mac_from_ip(bw_ipam_conf_domain(add->ctx->ipam_conf), ip);
	else
		r = random_mac(&add->mac, err);
	add->ctx->att.mac = add->mac;
	return r;
}

static int refuse(const struct bridge_add *add, const char *where, struct bw_err *err)
{
	char mac[BW_MAC_STR_MAX];
	int r;

	r = bw_reject(err, BW_ERR_BUSY, EEXIST,
		      "MAC %s is present in the segment of %s already: %s",
		      bw_mac_str(&add->mac, mac), add->ctx->conf.bridge, where);
	bw_err_details(err, "give the pod another one (runtimeConfig.mac, a reservation's mac or "
			    "macFrom: random), or remove the other holder");
	return r;
}

int bridge_mac_is_pinned(const struct bridge_add *add)
{
	return add->programs || bridge_conf_checks_mac(&add->ctx->conf);
}

/* VLAN under which the port's untagged frames are learned; 0 = the bridge does not filter. */
static uint16_t port_vid(const struct bridge_add *add)
{
	if (!add->segment.filters_vlan)
		return 0;
	return add->ctx->conf.vlan ? add->ctx->conf.vlan : BRIDGE_NATIVE_VID;
}

int bridge_mac_check(struct bridge_add *add, struct bw_err *err)
{
	const struct bridge_segment *seg = &add->segment;
	struct bw_fdb entry = { 0 };
	struct bw_link port = { 0 };
	char where[64];
	int r;

	r = bw_fdb_get(add->ctx->host, seg->bridge, &add->mac, port_vid(add), &entry, err);
	if (r <= 0)
		return r;
	if (bw_mac_eq(&add->mac, &seg->mac))
		return refuse(add, "it is the bridge's own", err);
	/* The port learns (antiSpoof off), and the pod has spoken already. */
	if (add->host.ifindex && entry.ifindex == add->host.ifindex && !entry.is_local)
		return 0;
	/* Learned on the uplink: the pod was on another node and is coming here. */
	if (seg->uplink && entry.ifindex == seg->uplink && !entry.is_local && !entry.is_static)
		return 0;
	r = bw_link_get(add->ctx->host, entry.ifindex, NULL, &port, NULL);
	/* always fits, ignoring */
	(void)snprintf(where, sizeof(where), "at %s", r == 0 ? port.name : "a port that is gone");
	return refuse(add, where, err);
}
