/* SPDX-License-Identifier: Apache-2.0 */
/* Is the gateway out there already: ask before the bridge takes its address. */
#include <bw/err.h>
#include <bw/link.h>
#include <bw/nl.h>
#include <bw/probe.h>

#include "gateway.h"
#include "segment.h"

static int set_flag(struct bw_nl *nl, const struct bw_link *link, unsigned int what,
		    struct bw_err *err)
{
	struct bw_link_set set = { .what = what };

	return bw_link_set(nl, link->ifindex, link->name, &set, err);
}

static int ask(const struct bridge_gateway *g, struct bw_err *err)
{
	struct bw_ip ips[BRIDGE_GATEWAYS_MAX];
	struct bw_probe p = { .ifindex = g->uplink->ifindex,
			      .mac = g->uplink->mac,
			      .vlan = g->vlan,
			      .untagged_out = g->tagged_by_programs,
			      .ips = ips,
			      .n_ips = g->n,
			      .listen_ms = BRIDGE_GATEWAY_PROBE_MS };
	char ip[BW_IP_STR_MAX], mac[BW_MAC_STR_MAX];
	struct bw_probe_answer who;
	int r;

	if (g->n > BRIDGE_GATEWAYS_MAX)
		return bw_fail(err, E2BIG, "probe for %zu gateways", g->n);
	for (size_t i = 0; i < g->n; i++)
		ips[i] = g->gateways[i].ip;
	r = bw_link_wait_carrier(NULL, g->uplink->ifindex, BRIDGE_GATEWAY_CARRIER_MS, err);
	if (r == -ETIMEDOUT)
		return bw_reject(err, BW_ERR_BUSY, ETIMEDOUT,
				 "uplink %s has no carrier: whether the gateway is out there "
				 "already cannot be probed",
				 g->uplink->name);
	if (r >= 0)
		r = bw_probe_run(&p, &who, err);
	if (r < 0)
		return bw_wrap(err, r, "probe for the gateway on %s", g->uplink->name);
	if (!r)
		return 0;
	(void)bw_reject(err, BW_ERR_INVALID, EINVAL,
			"isGateway: %s answers on uplink %s already, with MAC %s",
			bw_ip_str(&who.ip, ip), g->uplink->name, bw_mac_str(&who.mac, mac));
	bw_err_details(err, "the gateway of this pool is a router of the real network: remove "
			    "isGateway and isDefaultGateway, and give the route by ipam.routes and "
			    "the range's gateway");
	return -EINVAL;
}

int bridge_gateway_probe(struct bw_nl *nl, const struct bridge_gateway *g, struct bw_err *err)
{
	int was_up = (g->uplink->flags & IFF_UP) != 0;
	int r;

	if (!was_up) {
		r = set_flag(nl, g->uplink, BW_LINK_SET_UP, err);
		if (r < 0)
			return r;
	}
	r = ask(g, err);
	if (!was_up && r < 0)
		(void)set_flag(nl, g->uplink, BW_LINK_SET_DOWN, NULL); /* it stays up, ignoring */
	return r;
}
