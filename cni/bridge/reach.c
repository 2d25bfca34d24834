/* SPDX-License-Identifier: Apache-2.0 */
/* Services and the node from a pod on a physical segment, and the node to the pod. */
#include <stdio.h>
#include <string.h>

#include <bw/err.h>
#include <bw/journal.h>
#include <bw/link.h>
#include <bw/log.h>
#include <bw/neigh.h>
#include <bw/nl.h>
#include <bw/route.h>

#include "add.h"
#include "reach.h"

static const struct bw_json_field net_item = BW_JSON_ITEM(SUBNET, struct bw_prefix);
static const struct bw_json_field addr_item = BW_JSON_ITEM(IP, struct bw_ip);
static const struct bw_json_field fields_of_reach[] = {
	BW_JSON_FIELD(ARRAY, struct bridge_reach, services, "services", .item = &net_item,
		      .max = BRIDGE_REACH_MAX),
	BW_JSON_FIELD(ARRAY, struct bridge_reach, node, "node", .item = &addr_item,
		      .max = BRIDGE_REACH_MAX),
};
const struct bw_json_table bridge_reach_table = BW_JSON_TABLE(fields_of_reach);

static struct bw_ip parse(const char *text)
{
	struct bw_ip ip = { 0 };

	(void)bw_ip_parse(text, &ip); /* a constant, ignoring */
	return ip;
}

static int is_gateway(const struct bridge_add *add, const struct bw_ip *ip)
{
	const struct bw_cni_result *r = add->own.result;

	for (size_t i = add->own.first_ip; i < r->n_ips; i++)
		if (bw_ip_eq(&r->ips[i].gateway, ip))
			return 1;
	for (size_t i = add->own.first_route; i < r->n_routes; i++)
		if (bw_ip_eq(&r->routes[i].gw, ip))
			return 1;
	return 0;
}

/* What the pod sends to, for the node's stack to take. */
static struct bw_ip next_hop(const struct bridge_add *add, int family)
{
	struct bw_ip hop = parse(family == AF_INET ? BRIDGE_REACH_V4 : BRIDGE_REACH_V6);

	return family == AF_INET6 && is_gateway(add, &hop) ? parse(BRIDGE_REACH_V6_OTHER) : hop;
}

static void put_via(const struct bridge_add *add, struct bw_nl_batch *b,
		    const struct bw_prefix *dst, const struct bw_ip *hop)
{
	struct bw_route r = {
		.dst = *dst, .gw = *hop, .ifindex = add->pod.ifindex, .scope = -1, .onlink = 1
	};

	bw_route_put_replace(b, &r);
}

/* In the pod: all of one family. */
static void put_pod(const struct bridge_add *add, struct bw_nl_batch *b, int family)
{
	const struct bridge_reach *reach = &add->ctx->conf.reach;
	const struct bw_prefix *nets = reach->services.items;
	const struct bw_ip *node = reach->node.items;
	struct bw_ip hop = next_hop(add, family);

	for (size_t i = 0; i < reach->services.n; i++)
		if (nets[i].ip.family == family)
			put_via(add, b, &nets[i], &hop);
	for (size_t i = 0; i < reach->node.n; i++) {
		struct bw_prefix one = { node[i], (uint8_t)bw_ip_bits(family) };

		if (node[i].family == family)
			put_via(add, b, &one, &hop);
	}
}

static const struct bw_ip *node_ip(const struct bridge_add *add, int family)
{
	const struct bw_ip *node = add->ctx->conf.reach.node.items;

	for (size_t i = 0; i < add->ctx->conf.reach.node.n; i++)
		if (node[i].family == family)
			return &node[i];
	return NULL;
}

static struct bw_route host_route(const struct bw_ip *ip, int ifindex)
{
	return (struct bw_route){ .dst = { *ip, (uint8_t)bw_ip_bits(ip->family) },
				  .ifindex = ifindex,
				  .scope = -1,
				  .proto = BRIDGE_REACH_PROTO };
}

/*
 * On the node, for one address. Where the pods of a Service are on other nodes of the segment the
 * node's proxy sends to them: so the segment gets a route that any other one goes before.
 */
static void put_host(const struct bridge_add *add, struct bw_nl_batch *b,
		     const struct bw_prefix *address, int with_source)
{
	const struct bw_ip *src = with_source ? node_ip(add, address->ip.family) : NULL;
	struct bw_route one = host_route(&address->ip, add->segment.gateway);
	struct bw_route all = one;

	if (src)
		one.src = *src;
	bw_neigh_put_permanent(b, add->segment.gateway, &address->ip, &add->pod.mac);
	bw_route_put_replace(b, &one);
	if (!add->ctx->conf.reach.services.n)
		return;
	all.dst = (struct bw_prefix){ bw_prefix_first(address), address->len };
	all.metric = BRIDGE_REACH_METRIC;
	all.src = one.src;
	bw_route_put_replace(b, &all);
}

static int reach_host(const struct bridge_add *add, int with_source, struct bw_err *err)
{
	const struct bw_cni_result *r = add->own.result;
	struct bw_nl_batch *b = bw_nl_begin(add->ctx->host);

	for (size_t i = add->own.first_ip; i < r->n_ips; i++)
		put_host(add, b, &r->ips[i].address, with_source);
	return bw_nl_talk(add->ctx->host, b, err);
}

static int undo_reach(void *arg, struct bw_err *err)
{
	struct bridge_add *add = arg;

	return bridge_reach_del(add->ctx->host, bw_ipam_journal(add->ctx->ipam), &add->ctx->att,
				err);
}

static int has_family(const struct bridge_add *add, int family)
{
	const struct bw_cni_result *r = add->own.result;

	for (size_t i = add->own.first_ip; i < r->n_ips; i++)
		if (r->ips[i].address.ip.family == family)
			return 1;
	return 0;
}

static const int families[] = { AF_INET, AF_INET6 };

static void put_hops(const struct bridge_add *add, struct bw_nl_batch *b)
{
	for (size_t i = 0; i < BW_ARRAY_SIZE(families); i++) {
		struct bw_ip hop = next_hop(add, families[i]);

		if (has_family(add, families[i]))
			bw_neigh_put_permanent(b, add->pod.ifindex, &hop,
					       &add->segment.gateway_mac);
	}
}

void bridge_reach_again(struct bridge_add *add)
{
	struct bw_nl_batch *b;
	struct bw_err why = { 0 };

	if (!add->ctx->conf.has_reach || !bw_own_n_ips(&add->own))
		return;
	b = bw_nl_begin(add->pod.nl);
	put_hops(add, b);
	if (bw_nl_talk(add->pod.nl, b, &why) < 0)
		bw_log_warn("the node is not reached from the pod", "error", why.msg);
}

int bridge_reach_add(struct bridge_add *add, struct bw_err *err)
{
	struct bw_nl_batch *b;
	int r;

	if (!add->ctx->conf.has_reach || !bw_own_n_ips(&add->own))
		return 0;
	b = bw_nl_begin(add->pod.nl);
	put_hops(add, b);
	for (size_t i = 0; i < BW_ARRAY_SIZE(families); i++)
		if (has_family(add, families[i]))
			put_pod(add, b, families[i]);
	r = bw_nl_talk(add->pod.nl, b, err);
	if (r < 0)
		return bw_wrap(err, r, "reach: lead %s to the node", add->pod.ifname);
	bw_undo_push(&add->undo, undo_reach, add, "remove the node's routes to the pod");
	r = reach_host(add, 1, err);
	/* The address named as the node's is not on it (now): the kernel chooses the source. */
	if (r == -EINVAL)
		r = reach_host(add, 0, err);
	return r < 0 ? bw_wrap(err, r, "reach: lead the node to %s", add->pod.ifname) : 0;
}

struct del {
	struct bw_nl_batch *b;
	int ifindex;
};

static int del_one(const struct bw_journal_addr *row, void *arg, struct bw_err *err)
{
	struct del *d = arg;
	struct bw_route r = host_route(&row->ip, d->ifindex);

	(void)err;
	bw_route_put_del(d->b, &r);
	bw_neigh_put_del(d->b, d->ifindex, &row->ip);
	return 0;
}

/* The device they were made on is the bridge, or the VLAN's own. */
int bridge_reach_del(struct bw_nl *host, struct bw_journal *j, const struct bw_attachment *a,
		     struct bw_err *err)
{
	char names[2][BW_CNI_IFNAME_MAX + 1];
	int r = 0;

	if (!(a->flags & BW_ATTACH_F_REACH) || !j || !a->bridge[0])
		return 0;
	memcpy(names[0], a->bridge, sizeof(names[0]));
	if (snprintf(names[1], sizeof(names[1]), "%s.%u", a->bridge, a->vlan) >=
	    (int)sizeof(names[1]))
		names[1][0] = '\0';
	for (size_t i = 0; i < BW_ARRAY_SIZE(names) && r == 0; i++) {
		struct del d = { 0 };
		struct bw_link link = { 0 };

		if (!names[i][0])
			continue; /* too long: it was never made */

		r = bw_link_get(host, 0, names[i], &link, err);
		if (r < 0) {
			r = r == -ENODEV ? 0 : r;
			continue;
		}
		d = (struct del){ bw_nl_begin(host), link.ifindex };
		r = bw_journal_addr_of(j, a->id, del_one, &d, err);
		if (r == 0)
			r = bw_nl_talk(host, d.b, err);
	}
	return r;
}
