/* SPDX-License-Identifier: Apache-2.0 */
/* CHECK: the kernel and the journal against prevResult and the configuration. */
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include <bw/cni_delegate.h>
#include <bw/cni_prevresult.h>
#include <bw/err.h>
#include <bw/log.h>
#include <bw/nft.h>
#include <bw/nl.h>

#include "check.h"
#include "verbs.h"

/* The result's interface of that name, on the host or in a sandbox. */
static const struct bw_cni_if *find_if(const struct bw_cni_result *r, const char *name,
				       int in_sandbox)
{
	for (size_t i = 0; i < r->n_ifs; i++)
		if (strcmp(r->ifs[i].name, name) == 0 &&
		    (r->ifs[i].sandbox && *r->ifs[i].sandbox) == in_sandbox)
			return &r->ifs[i];
	return NULL;
}

/* Compares what the result says of an interface with what is there. */
static void check_if(struct bridge_check *c, const struct bw_link *link, const char *name,
		     int in_sandbox)
{
	const struct bw_cni_if *want = find_if(&c->prev, name, in_sandbox);
	char got[BW_MAC_STR_MAX], mac[BW_MAC_STR_MAX];

	if (!link->ifindex) {
		bridge_drift_add(&c->drift, "interface %s is missing%s", name,
				 in_sandbox ? " in the container" : "");
		return;
	}
	if (!want && !c->prev.n_ifs)
		return; /* results before 0.3.0 have no interfaces */
	if (!want) {
		bridge_drift_add(&c->drift, "prevResult has no interface %s", name);
		return;
	}
	if (want->has_mac && !bw_mac_eq(&want->mac, &link->mac))
		bridge_drift_add(&c->drift, "%s has MAC %s, expected %s", name,
				 bw_mac_str(&link->mac, got), bw_mac_str(&want->mac, mac));
	if (want->mtu && want->mtu != link->mtu)
		bridge_drift_add(&c->drift, "%s has MTU %u, expected %u", name, link->mtu,
				 want->mtu);
	if (!(link->flags & IFF_UP) && !(in_sandbox && c->ctx->conf.no_container_if))
		bridge_drift_add(&c->drift, "%s is down", name);
}

static void check_bridge(struct bridge_check *c)
{
	const struct bridge_conf *conf = &c->ctx->conf;
	int promisc = (c->bridge.flags & IFF_PROMISC) != 0;

	check_if(c, &c->bridge, conf->bridge, 0);
	if (c->bridge.ifindex && !c->bridge.is_bridge)
		bridge_drift_add(&c->drift, "%s is not a bridge", conf->bridge);
	if (c->bridge.ifindex && promisc != conf->promisc)
		bridge_drift_add(&c->drift, "%s is %sin promiscuous mode", conf->bridge,
				 promisc ? "" : "not ");
	if (!conf->uplink)
		return;
	if (!c->uplink.ifindex)
		bridge_drift_add(&c->drift, "uplink %s is missing", conf->uplink);
	else if (c->uplink.master != c->bridge.ifindex)
		bridge_drift_add(&c->drift, "uplink %s is not a port of %s", conf->uplink,
				 conf->bridge);
	else if (!(c->uplink.flags & IFF_UP))
		bridge_drift_add(&c->drift, "uplink %s is down", conf->uplink);
}

static void check_flag(struct bridge_check *c, const char *what, int got, int want)
{
	if (!got != !want)
		bridge_drift_add(&c->drift, "port %s: %s is %s, expected %s", c->host.name, what,
				 got ? "on" : "off", want ? "on" : "off");
}

static void check_port(struct bridge_check *c)
{
	const struct bridge_conf *conf = &c->ctx->conf;
	const struct bw_link *h = &c->host;

	check_if(c, h, c->ctx->att.host_if, 0);
	if (!h->ifindex)
		return;
	if (h->master != c->bridge.ifindex || !h->is_port) {
		bridge_drift_add(&c->drift, "%s is not a port of %s", h->name, conf->bridge);
		return;
	}
	if (c->pod.ifindex && h->peer != c->pod.ifindex)
		bridge_drift_add(&c->drift, "%s and %s of the container are not a pair", h->name,
				 c->ctx->req->ifname);
	check_flag(c, "hairpin mode", h->port.hairpin, conf->hairpin);
	check_flag(c, "isolation", h->port.isolated, conf->isolated);
	if (bridge_conf_checks_mac(conf) && !conf->trunk.n) {
		check_flag(c, "learning", h->port.learning, 0);
		check_flag(c, "flooding", h->port.flood, 0);
	}
}

/* Everything that is looked at, in one batch a namespace. */
static int read_links(struct bridge_check *c, struct bw_err *err)
{
	const struct bridge_conf *conf = &c->ctx->conf;
	struct bw_nl_batch *b = bw_nl_begin(c->ctx->host);
	int r;

	bw_link_put_get(b, 0, conf->bridge, &c->bridge);
	bw_link_put_get(b, 0, c->ctx->att.host_if, &c->host);
	if (conf->uplink)
		bw_link_put_get(b, 0, conf->uplink, &c->uplink);
	r = bw_nl_talk(c->ctx->host, b, err);
	if (r < 0)
		return r;
	bridge_alias_parse(c->bridge.alias, &c->alias);
	/* A network that does not name the uplink shares the segment of one that does. */
	if (!conf->uplink && c->alias.uplink[0]) {
		b = bw_nl_begin(c->ctx->host);
		bw_link_put_get(b, 0, c->alias.uplink, &c->uplink);
		r = bw_nl_talk(c->ctx->host, b, err);
	}
	if (c->uplink.master != c->bridge.ifindex && !conf->uplink)
		memset(&c->uplink, 0, sizeof(c->uplink));
	if (r < 0)
		return r;
	b = bw_nl_begin(c->pod_nl);
	bw_link_put_get(b, 0, c->ctx->req->ifname, &c->pod);
	return bw_nl_talk(c->pod_nl, b, err);
}

static int check_masq(struct bridge_check *c, struct bw_err *err)
{
	struct bw_nft_owner owner = { .network = c->ctx->att.network,
				      .container_id = c->ctx->att.container_id,
				      .ifname = c->ctx->att.ifname };
	bw_autonl struct bw_nl *nl = NULL;
	int r;

	if (!(c->ctx->att.flags & BW_ATTACH_F_MASQ))
		return 0;
	r = bw_nl_open(BW_NL_NETFILTER, NULL, &nl, err);
	if (r == 0)
		r = bw_nft_masq_count(nl, &owner, err);
	if (r == 0)
		bridge_drift_add(&c->drift, "its masquerade rules are missing");
	return r < 0 ? r : 0;
}

/* The IPAM's word comes first: it knows who holds the addresses. */
static int check_ipam(struct bridge_check *c, struct bw_err *err)
{
	struct bridge_ctx *ctx = c->ctx;
	struct bw_err why = { 0 };
	int r;

	r = bridge_ctx_journal(ctx, err);
	if (r < 0)
		return r;
	r = bw_ipam_check(ctx->ipam, ctx->att.container_id, ctx->att.ifname, &c->prev, &why);
	if (r < 0 && why.class == BW_ERR_INVALID)
		bridge_drift_add(&c->drift, "%s", why.msg);
	else if (r < 0 && err)
		*err = why;
	if (r < 0 && why.class != BW_ERR_INVALID)
		return r;
	if (!bridge_conf_is_foreign(&ctx->conf))
		return 0;
	return bw_cni_delegate(ctx->req, ctx->conf.ipam_type, BW_CNI_CHECK, NULL, err);
}

static int open_all(struct bridge_check *c, struct bw_err *err)
{
	int r;

	r = bw_cni_prevresult_need(c->ctx->req, &c->prev, err);
	if (r == 0)
		r = bw_netns_open(c->ctx->req->netns, &c->ns, err);
	if (r == 0)
		r = bw_nl_open(BW_NL_ROUTE, &c->ns, &c->pod_nl, err);
	return r < 0 ? r : bridge_ctx_host(c->ctx, err);
}

static int run(struct bridge_check *c, struct bw_err *err)
{
	int r;

	r = open_all(c, err);
	if (r == 0)
		r = check_ipam(c, err);
	if (r == 0)
		r = read_links(c, err);
	if (r < 0)
		return r;
	check_bridge(c);
	check_port(c);
	check_if(c, &c->pod, c->ctx->req->ifname, 1);
	if (c->pod.ifindex)
		r = bridge_check_layer3(c, err);
	if (r == 0 && c->host.ifindex)
		r = bridge_check_vlans(c, err);
	if (r == 0 && c->host.ifindex)
		r = bridge_check_programs(c, err);
	if (r == 0)
		r = check_masq(c, err);
	return r < 0 ? r : bridge_drift_result(&c->drift, err);
}

int bridge_check(const struct bw_cni_request *req, struct bw_cni_result *result, struct bw_err *err)
{
	bridge_autoctx struct bridge_ctx *ctx = NULL;
	struct bridge_check c = { .ns = BW_NETNS_NONE };
	int r;

	(void)result;
	r = bridge_ctx_new(req, 0, &ctx, err);
	if (r < 0)
		return r;
	c.ctx = ctx;
	r = run(&c, err);
	bw_buf_done(&c.drift.text);
	bw_cni_result_done(&c.prev);
	bw_nl_close(&c.pod_nl);
	bw_netns_close(&c.ns);
	return r;
}
