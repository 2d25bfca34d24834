/* SPDX-License-Identifier: Apache-2.0 */
/* Which MAC a pod gets, and whether the segment has it already. */
#include <stdio.h>

#include <bw/err.h>
#include <bw/neigh.h>

#include "add.h"

int bridge_mac_choose(struct bridge_add *add, struct bw_err *err)
{
	const struct bridge_conf *conf = &add->ctx->conf;
	int r;

	r = bw_pod_mac_choose(conf->has_mac ? &conf->mac : NULL, add->ctx->ipam_conf,
			      conf->mac_from == BRIDGE_MAC_FROM_ADDRESS ? &add->own : NULL,
			      &add->pod.mac, err);
	add->ctx->att.mac = add->pod.mac;
	return r;
}

static int refuse(const struct bridge_add *add, const char *where, struct bw_err *err)
{
	char mac[BW_MAC_STR_MAX];
	int r;

	r = bw_reject(err, BW_ERR_BUSY, EEXIST,
		      "MAC %s is present in the segment of %s already: %s",
		      bw_mac_str(&add->pod.mac, mac), add->ctx->conf.bridge, where);
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

	r = bw_fdb_get(add->ctx->host, seg->bridge, &add->pod.mac, port_vid(add), &entry, err);
	if (r <= 0)
		return r;
	if (bw_mac_eq(&add->pod.mac, &seg->mac))
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
