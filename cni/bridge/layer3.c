/* SPDX-License-Identifier: Apache-2.0 */
/* Gateways, default routes and DNS of a result. */
#include <string.h>

#include <bw/err.h>

#include "layer3.h"

const struct bw_ip *bridge_layer3_gateway(const struct bw_cni_result *result, size_t first_ip,
					  int family)
{
	for (size_t i = first_ip; i < result->n_ips; i++)
		if (result->ips[i].gateway.family == family)
			return &result->ips[i].gateway;
	return NULL;
}

/* The first address of a subnet behind its network address. */
static struct bw_ip default_gateway(const struct bw_prefix *p)
{
	struct bw_ip ip = bw_prefix_first(p);

	(void)bw_ip_add(&ip, 1); /* a subnet that ends the address space keeps its own, ignoring */
	return ip;
}

static int has_default(const struct bw_cni_result *r, size_t first_route, int family)
{
	for (size_t i = first_route; i < r->n_routes; i++)
		if (r->routes[i].dst.ip.family == family && r->routes[i].dst.len == 0 &&
		    r->routes[i].gw.family)
			return 1;
	return 0;
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

int bridge_layer3_complete(const struct bridge_conf *conf, struct bw_cni_result *result,
			   size_t first_ip, size_t first_route, struct bridge_gateways *ret,
			   struct bw_err *err)
{
	int r = 0;

	if (result->n_ips == first_ip)
		return bw_reject(err, BW_ERR_INVALID, EINVAL,
				 "ipam.type: \"%s\" returned no address", conf->ipam_type);
	for (size_t i = first_ip; i < result->n_ips && r == 0; i++) {
		struct bw_cni_ip *ip = &result->ips[i];
		int family = ip->address.ip.family;

		if (!ip->gateway.family && conf->is_gateway)
			ip->gateway = default_gateway(&ip->address);
		if (conf->is_default_gateway && !has_default(result, first_route, family))
			r = add_default(result, &ip->gateway, err);
		if (r == 0 && conf->is_gateway)
			r = put_gateway(ret, ip, err);
	}
	return r;
}

/* Appends copies of @from to a list of a result's DNS. */
static int copy_list(const struct bw_json_list *from, char ***list, size_t *n)
{
	const char *const *items = from->items;

	if (!from->n)
		return 0;
	*list = calloc(from->n, sizeof(**list));
	if (!*list)
		return -ENOMEM;
	for (size_t i = 0; i < from->n; i++) {
		(*list)[i] = strdup(items[i]);
		if (!(*list)[i])
			return -ENOMEM;
		*n = i + 1;
	}
	return 0;
}

int bridge_layer3_dns(const struct bridge_conf *conf, struct bw_cni_result *result,
		      struct bw_err *err)
{
	struct bw_cni_result old = { .dns = result->dns };
	struct bw_cni_dns *dns = &result->dns;

	if (!conf->has_dns)
		return 0;
	memset(dns, 0, sizeof(*dns));
	bw_cni_result_done(&old);
	if (conf->dns.domain && *conf->dns.domain) {
		dns->domain = strdup(conf->dns.domain);
		if (!dns->domain)
			return bw_fail(err, ENOMEM, "copy dns");
	}
	if (copy_list(&conf->dns.nameservers, &dns->nameservers, &dns->n_nameservers) < 0 ||
	    copy_list(&conf->dns.search, &dns->search, &dns->n_search) < 0 ||
	    copy_list(&conf->dns.options, &dns->options, &dns->n_options) < 0)
		return bw_fail(err, ENOMEM, "copy dns");
	return 0;
}
