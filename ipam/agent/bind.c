/* SPDX-License-Identifier: Apache-2.0 */
/* Segments and bindings, out of claim, pools and the node's own settings. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <bw/err.h>

#include "bind.h"

/* A pool's mode as a binding has it, and whether this node attaches the pod itself. */
static const struct {
	enum bw_binding_mode mode;
	uint8_t ours;
} modes[] = {
	[BW_NET_POOL_MODE_NONE] = { BW_BINDING_BRIDGE, 1 },
	[BW_NET_POOL_MODE_BRIDGE] = { BW_BINDING_BRIDGE, 1 },
	[BW_NET_POOL_MODE_SRIOV] = { BW_BINDING_SRIOV, 1 },
	[BW_NET_POOL_MODE_MACVLAN] = { BW_BINDING_MACVLAN, 1 },
	[BW_NET_POOL_MODE_CALICO] = { BW_BINDING_CALICO, 0 },
	[BW_NET_POOL_MODE_KUBE_OVN] = { BW_BINDING_KUBE_OVN, 0 },
	[BW_NET_POOL_MODE_EXTERNAL] = { BW_BINDING_EXTERNAL, 0 },
};
_Static_assert(BW_ARRAY_SIZE(modes) == BW_NET_POOL_MODE_MAX_, "a mode without a binding");

static const enum bw_binding_probe probes[] = {
	[BW_NET_POOL_PROBE_NONE] = BW_BINDING_PROBE_WARN,
	[BW_NET_POOL_PROBE_OFF] = BW_BINDING_PROBE_OFF,
	[BW_NET_POOL_PROBE_WARN] = BW_BINDING_PROBE_WARN,
	[BW_NET_POOL_PROBE_ENFORCE] = BW_BINDING_PROBE_ENFORCE,
};
_Static_assert(BW_ARRAY_SIZE(probes) == BW_NET_POOL_PROBE_MAX_, "a probe without a binding");

static const enum bw_binding_fencing fencings[] = {
	[BW_NET_POOL_FENCING_NONE] = BW_BINDING_STRICT,
	[BW_NET_POOL_FENCING_STRICT] = BW_BINDING_STRICT,
	[BW_NET_POOL_FENCING_AVAILABLE] = BW_BINDING_AVAILABLE,
};
_Static_assert(BW_ARRAY_SIZE(fencings) == BW_NET_POOL_FENCING_MAX_, "a fencing without a binding");

const struct bw_net_pool *agent_pool(const struct agent_facts *f, const char *name)
{
	for (size_t i = 0; i < f->n_pools; i++)
		if (strcmp(f->pools[i].meta.name, name) == 0)
			return &f->pools[i];
	return NULL;
}

static const struct bw_net_node_domain *mapped(const struct agent_facts *f, const char *domain)
{
	if (!f->mapping || !f->mapping->has_spec)
		return NULL;
	for (size_t i = 0; i < f->mapping->spec.domains.n; i++)
		if (strcmp(f->mapping->spec.domains.items[i].domain, domain) == 0)
			return &f->mapping->spec.domains.items[i];
	return NULL;
}

/*
 * The pool that speaks for its domain: the oldest, as the controller has it (a younger one that
 * differs gets DomainMismatch).
 */
static const struct bw_net_pool *speaker(const struct agent_facts *f, const char *domain)
{
	const struct bw_net_pool *best = NULL;

	for (size_t i = 0; i < f->n_pools; i++) {
		const struct bw_net_pool *p = &f->pools[i];
		const char *a = p->meta.creation_timestamp;
		const char *b = best ? best->meta.creation_timestamp : NULL;

		if (strcmp(p->spec.domain, domain) != 0)
			continue;
		if (!best || (a && b && strcmp(a, b) < 0))
			best = p;
	}
	return best;
}

static int is_ours(const struct bw_net_pool *p)
{
	return modes[p->spec.mode].ours;
}

static void BW_PRINTF(3, 4)
	not_ready(struct agent_segment *s, const char *reason, const char *fmt, ...)
{
	va_list ap;

	s->ready = 0;
	s->reason = reason;
	va_start(ap, fmt);
	(void)vsnprintf(s->message, sizeof(s->message), fmt, ap); /* may be cut, ignoring */
	va_end(ap);
}

static void find_uplink(const struct agent_facts *f, const char *patterns, struct agent_segment *s)
{
	const struct agent_dev *d = agent_node_match(f->node, patterns);
	char bridge[BW_CNI_IFNAME_MAX + 1];

	if (!d) {
		not_ready(s, "UplinkMissing", "no device of this node is called %.128s", patterns);
		return;
	}
	(void)snprintf(s->uplink, sizeof(s->uplink), "%s", d->name); /* fits */
	if (!s->bridge[0])
		(void)snprintf(s->bridge, sizeof(s->bridge), "%s",
			       bw_binding_bridge(d->name, bridge)); /* fits */
	if (!d->up)
		not_ready(s, "UplinkDown", "%.15s is down or has no carrier", d->name);
}

void agent_segment(const struct agent_facts *f, const char *domain, struct agent_segment *ret)
{
	const struct bw_net_node_domain *map = mapped(f, domain);
	const struct bw_net_pool *pool = speaker(f, domain);
	const char *patterns = map ? map->uplink : pool ? pool->spec.uplink : NULL;

	*ret = (struct agent_segment){ .ready = 1 };
	(void)snprintf(ret->domain, sizeof(ret->domain), "%s", domain); /* fits */
	for (size_t i = 0; i < f->n_pools; i++)
		if (strcmp(f->pools[i].spec.domain, domain) == 0)
			ret->needs_uplink |= (uint8_t)is_ours(&f->pools[i]);
	if (pool && pool->spec.has_vlan)
		ret->vlan = (uint16_t)pool->spec.vlan;
	if (map) {
		if (map->has_vlan)
			ret->vlan = (uint16_t)map->vlan;
		if (map->bridge)
			(void)snprintf(ret->bridge, sizeof(ret->bridge), "%s", map->bridge);
		ret->move_uplink_addresses = map->move_uplink_addresses;
	}
	if (!ret->needs_uplink)
		return;
	if (patterns)
		find_uplink(f, patterns, ret);
	else
		not_ready(ret, "NoUplink",
			  "no pool of domain %.63s names an uplink and the NodeNetwork maps none",
			  domain);
}

static const struct bw_net_claim_interface *wanted(const struct bw_net_claim *c, const char *iface)
{
	for (size_t i = 0; i < c->spec.interfaces.n; i++)
		if (strcmp(c->spec.interfaces.items[i].name, iface) == 0)
			return &c->spec.interfaces.items[i];
	return NULL;
}

static const struct bw_net_claim_status_interface *given(const struct bw_net_claim *c,
							 const char *iface)
{
	for (size_t i = 0; i < c->status.interfaces.n; i++)
		if (strcmp(c->status.interfaces.items[i].name, iface) == 0)
			return &c->status.interfaces.items[i];
	return NULL;
}

static int has_ip(const struct bw_net_pool *p, const struct bw_ip *ip, struct bw_prefix *ret)
{
	return bw_prefix_parse(p->spec.prefix, ret) == 0 && bw_prefix_contains(ret, ip);
}

/* The pool an address is of: the interface's own, else one of the same domain (two families). */
static const struct bw_net_pool *pool_of_ip(const struct agent_facts *f,
					    const struct bw_net_pool *own, const struct bw_ip *ip,
					    struct bw_prefix *ret)
{
	if (has_ip(own, ip, ret))
		return own;
	for (size_t i = 0; i < f->n_pools; i++)
		if (strcmp(f->pools[i].spec.domain, own->spec.domain) == 0 &&
		    has_ip(&f->pools[i], ip, ret))
			return &f->pools[i];
	return NULL;
}

static int put_routes(struct agent_bound *to, const struct bw_net_pool *p, struct bw_err *err)
{
	for (size_t i = 0; i < p->spec.routes.n; i++) {
		const struct bw_net_pool_route *r = &p->spec.routes.items[i];
		struct bw_binding_route *out = &to->routes[to->b.routes.n];

		if (to->b.routes.n == BW_BINDING_ROUTES_MAX)
			return bw_reject(err, BW_ERR_INVALID, EINVAL,
					 "pool %.63s: more than %d routes", p->meta.name,
					 BW_BINDING_ROUTES_MAX);
		*out = (struct bw_binding_route){ 0 };
		if (bw_prefix_parse(r->dst, &out->dst) < 0 ||
		    (r->gw && bw_ip_parse(r->gw, &out->gw) < 0))
			return bw_reject(err, BW_ERR_INVALID, EINVAL,
					 "pool %.63s: a route to %.49s by %.45s makes no sense",
					 p->meta.name, r->dst, r->gw ? r->gw : "nobody");
		out->dst.ip = bw_prefix_first(&out->dst);
		to->b.routes.n++;
	}
	return 0;
}

static int put_ip(const struct agent_facts *f, const struct bw_net_pool *own, const char *text,
		  struct agent_bound *to, struct bw_err *err)
{
	struct bw_binding_ip *out = &to->ips[to->b.ips.n];
	const struct bw_net_pool *p;
	struct bw_prefix prefix;
	struct bw_ip ip;

	if (to->b.ips.n == BW_BINDING_IPS_MAX || bw_ip_parse(text, &ip) < 0)
		return bw_reject(err, BW_ERR_INVALID, EINVAL,
				 "\"%.45s\" in the claim's status is no address, or one too many",
				 text);
	p = pool_of_ip(f, own, &ip, &prefix);
	if (!p)
		return bw_reject(err, BW_ERR_BUSY, EAGAIN,
				 "no pool of domain %.63s has a prefix with %.45s: this node does "
				 "not know its pool yet",
				 own->spec.domain, text);
	*out = (struct bw_binding_ip){ .address = { .ip = ip, .len = prefix.len } };
	out->pool = p->meta.name == to->b.pool ? NULL : p->meta.name;
	if (p->spec.gateway && bw_ip_parse(p->spec.gateway, &out->gateway) < 0)
		return bw_reject(err, BW_ERR_INVALID, EINVAL,
				 "pool %.63s: gateway \"%.45s\" is no address", p->meta.name,
				 p->spec.gateway);
	to->b.ips.n++;
	return put_routes(to, p, err);
}

/* What only the claim's first interface has: the way to Services and to the node itself. */
static void put_reach(const struct agent_facts *f, struct agent_bound *to)
{
	for (size_t i = 0; i < f->n_services && i < BW_BINDING_NETS_MAX; i++)
		to->services[to->b.services.n++] = f->services[i];
	for (size_t i = 0; i < f->node->n_ips && i < BW_BINDING_NETS_MAX; i++)
		to->node_ips[to->b.node_ips.n++] = f->node->ips[i];
}

static void put_limits(const struct bw_net_claim_interface *w, struct bw_binding *b)
{
	if (!w->has_bandwidth)
		return;
	b->ingress_mbps = w->bandwidth.has_ingress_mbps ? (uint32_t)w->bandwidth.ingress_mbps : 0;
	b->egress_mbps = w->bandwidth.has_egress_mbps ? (uint32_t)w->bandwidth.egress_mbps : 0;
}

static int put_segment(const struct agent_facts *f, const struct bw_net_pool *p,
		       struct agent_bound *to, struct bw_err *err)
{
	struct agent_segment *s = &to->segment;

	agent_segment(f, p->spec.domain, s);
	if (!is_ours(p))
		return 0;
	if (!s->uplink[0])
		return bw_reject(err, BW_ERR_BUSY, EAGAIN, "domain %.63s: %s", p->spec.domain,
				 s->message);
	to->b.uplink = s->uplink;
	to->b.bridge = s->bridge;
	to->b.vlan = s->vlan;
	to->b.move_uplink_addresses = s->move_uplink_addresses;
	return 0;
}

/* An interface of two families has an entry for each: the first speaks for the link. */
static int put_ips(const struct agent_facts *f, const struct bw_net_claim *c, const char *iface,
		   struct agent_bound *to, struct bw_err *err)
{
	int r = 0;

	for (size_t i = 0; i < c->status.interfaces.n && r == 0; i++) {
		const struct bw_net_claim_status_interface *g = &c->status.interfaces.items[i];
		const struct bw_net_pool *p;

		if (strcmp(g->name, iface) != 0)
			continue;
		p = agent_pool(f, g->pool);
		if (!p)
			return bw_reject(err, BW_ERR_BUSY, EAGAIN,
					 "this node knows no pool %.63s yet", g->pool);
		for (size_t x = 0; x < g->ips.n && r == 0; x++)
			r = put_ip(f, p, g->ips.items[x], to, err);
	}
	return r;
}

static int fill(const struct agent_facts *f, const struct bw_net_claim *c,
		const struct bw_net_claim_interface *w,
		const struct bw_net_claim_status_interface *g, struct agent_bound *to,
		struct bw_err *err)
{
	const struct bw_net_pool *p = agent_pool(f, g->pool);
	struct bw_binding *b = &to->b;
	int r;

	if (!p)
		return bw_reject(err, BW_ERR_BUSY, EAGAIN, "this node knows no pool %.63s yet",
				 g->pool);
	*b = (struct bw_binding){
		.ns = c->meta.namespace,
		.claim = c->meta.name,
		.uid = c->meta.uid,
		.token = (uint64_t)c->status.holder.token,
		.epoch = f->epoch,
		.iface = g->name,
		.first = w == &c->spec.interfaces.items[0],
		.mode = modes[p->spec.mode].mode,
		.domain = p->spec.domain,
		.pool = p->meta.name,
		.mtu = (uint32_t)(g->has_mtu        ? g->mtu
				  : p->spec.has_mtu ? p->spec.mtu
						    : 0),
		.probe = probes[p->spec.probe],
		.fencing = fencings[p->spec.fencing],
		.ips = { .items = to->ips },
		.routes = { .items = to->routes },
		.services = { .items = to->services },
		.node_ips = { .items = to->node_ips },
	};
	if (g->mac && g->mac[0]) {
		if (bw_mac_parse(g->mac, &b->mac) < 0)
			return bw_reject(err, BW_ERR_INVALID, EINVAL, "\"%.17s\" is no MAC",
					 g->mac);
		b->has_mac = 1;
	}
	put_limits(w, b);
	r = put_ips(f, c, g->name, to, err);
	if (r == 0)
		r = put_segment(f, p, to, err);
	if (r == 0 && b->first)
		put_reach(f, to);
	return r;
}

static const char *why_unbound(const struct bw_net_claim *c)
{
	const struct bw_kube_condition *k =
		bw_kube_condition_get(c->status.conditions.items, c->status.conditions.n, "Bound");

	return k && k->message && k->message[0] ? k->message
						: "the controller has not given it an address yet";
}

int agent_bind(const struct agent_facts *f, const struct bw_net_claim *claim, const char *iface,
	       struct agent_bound *ret, struct bw_err *err)
{
	const struct bw_net_claim_interface *w = wanted(claim, iface);
	const struct bw_net_claim_status_interface *g = given(claim, iface);
	const char *name = claim->meta.name;

	if (!w)
		return bw_reject(err, BW_ERR_INVALID, EINVAL,
				 "claim %.63s/%.200s has no interface %.15s: add it to "
				 "spec.interfaces",
				 claim->meta.namespace, name, iface);
	if (!g || !g->ips.n)
		return bw_reject(err, BW_ERR_BUSY, EAGAIN, "claim %.63s/%.150s is Pending: %.200s",
				 claim->meta.namespace, name, why_unbound(claim));
	return fill(f, claim, w, g, ret, err);
}
