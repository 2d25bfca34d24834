/* SPDX-License-Identifier: Apache-2.0 */
/* Gateways and default routes of a result. */
#include <bw/err.h>

#include "layer3.h"

/* The first address of a subnet behind its network address. */
static struct bw_ip default_gateway(const struct bw_prefix *p)
{
	struct bw_ip ip = bw_prefix_first(p);

	(void)bw_ip_add(&ip, 1); /* a subnet that ends the address space keeps its own, ignoring */
	return ip;
}

static int add_default(struct bw_cni_result *r, const struct bw_ip *gw, struct bw_err *err)
{
	static const uint8_t zero[16];
	struct bw_cni_route route = {
		.dst = { .ip = bw_ip_from_bytes(gw->family, zero), .len = 0 },
		.gw = *gw,
		.priority = -1,
		.table = -1,
		.scope = -1,
	};

	return bw_cni_result_add_route(r, &route, err);
}

static int put_gateway(struct bridge_gateways *g, const struct bw_cni_ip *ip, struct bw_err *err)
{
	struct bw_prefix at = { .ip = ip->gateway, .len = ip->address.len };

	for (size_t i = 0; i < g->n; i++)
		if (bw_ip_eq(&g->at[i].ip, &at.ip) && g->at[i].len == at.len)
			return 0;
	if (g->n == BRIDGE_GATEWAYS_MAX)
		return bw_reject(err, BW_ERR_INVALID, E2BIG,
				 "isGateway: at most %d gateways can be set on a bridge",
				 BRIDGE_GATEWAYS_MAX);
	g->at[g->n++] = at;
	return 0;
}

int bridge_layer3_complete(const struct bridge_conf *conf, struct bw_own *own,
			   struct bridge_gateways *ret, struct bw_err *err)
{
	struct bw_cni_result *result = own->result;
	int r = 0;

	if (!bw_own_n_ips(own))
		return bw_reject(err, BW_ERR_INVALID, EINVAL,
				 "ipam.type: \"%s\" returned no address", conf->ipam_type);
	for (size_t i = own->first_ip; i < result->n_ips && r == 0; i++) {
		struct bw_cni_ip *ip = &result->ips[i];
		int family = ip->address.ip.family;

		if (!ip->gateway.family && conf->is_gateway)
			ip->gateway = default_gateway(&ip->address);
		if (conf->is_default_gateway && !bw_own_has_default(own, family))
			r = add_default(result, &ip->gateway, err);
		if (r == 0 && conf->is_gateway)
			r = put_gateway(ret, ip, err);
	}
	return r;
}
