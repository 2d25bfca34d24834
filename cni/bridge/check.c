/* SPDX-License-Identifier: Apache-2.0 */
/* CHECK: the kernel and the journal against prevResult and the configuration. */
#include <net/if.h>
#include <string.h>

#include <bw/err.h>
#include <bw/log.h>
#include <bw/nft.h>
#include <bw/nl.h>

#include "check.h"
#include "verbs.h"

static void check_bridge(struct bridge_check *c)
{
	const struct bridge_conf *conf = &c->ctx->conf;
	int promisc = (c->bridge.flags & IFF_PROMISC) != 0;

	bw_check_if(&c->base, &c->bridge, conf->bridge, 0, 0);
	if (c->bridge.ifindex && !c->bridge.is_bridge)
		bw_drift_add(&c->base.drift, "%s is not a bridge", conf->bridge);
	if (c->bridge.ifindex && promisc != conf->promisc)
		bw_drift_add(&c->base.drift, "%s is %sin promiscuous mode", conf->bridge,
			     promisc ? "" : "not ");
	if (!conf->uplink)
		return;
	if (!c->uplink.ifindex)
		bw_drift_add(&c->base.drift, "uplink %s is missing", conf->uplink);
	else if (c->uplink.master != c->bridge.ifindex)
		bw_drift_add(&c->base.drift, "uplink %s is not a port of %s", conf->uplink,
			     conf->bridge);
	else if (!(c->uplink.flags & IFF_UP))
		bw_drift_add(&c->base.drift, "uplink %s is down", conf->uplink);
}

static void check_flag(struct bridge_check *c, const char *what, int got, int want)
{
	if (!got != !want)
		bw_drift_add(&c->base.drift, "port %s: %s is %s, expected %s", c->host.name, what,
			     got ? "on" : "off", want ? "on" : "off");
}

static void check_port(struct bridge_check *c)
{
	const struct bridge_conf *conf = &c->ctx->conf;
	const struct bw_link *h = &c->host;

	bw_check_if(&c->base, h, c->ctx->att.host_if, 0, 0);
	if (!h->ifindex)
		return;
	if (h->master != c->bridge.ifindex || !h->is_port) {
		bw_drift_add(&c->base.drift, "%s is not a port of %s", h->name, conf->bridge);
		return;
	}
	if (c->base.pod.ifindex && h->peer != c->base.pod.ifindex)
		bw_drift_add(&c->base.drift, "%s and %s of the container are not a pair", h->name,
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
	return bw_check_read_pod(&c->base, err);
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
		bw_drift_add(&c->base.drift, "its masquerade rules are missing");
	return r < 0 ? r : 0;
}

static int check_ipam(struct bridge_check *c, struct bw_err *err)
{
	const struct bridge_conf *conf = &c->ctx->conf;
	int r = bridge_ctx_journal(c->ctx, err);

	return r < 0 ? r
		     : bw_check_ipam(&c->base, c->ctx->ipam, &c->ctx->att,
				     bridge_conf_is_foreign(conf) ? conf->ipam_type : NULL, err);
}

static int open_all(struct bridge_check *c, struct bw_err *err)
{
	int r = bw_check_open(&c->base, c->ctx->req, err);

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
	bw_check_if(&c->base, &c->base.pod, c->ctx->req->ifname, 1, c->ctx->conf.no_container_if);
	if (c->base.pod.ifindex)
		r = bw_check_layer3(&c->base, err);
	if (r == 0 && c->host.ifindex)
		r = bridge_check_vlans(c, err);
	if (r == 0 && c->host.ifindex)
		r = bridge_check_programs(c, err);
	if (r == 0)
		r = check_masq(c, err);
	return r < 0 ? r : bw_drift_result(&c->base.drift, err);
}

int bridge_check(const struct bw_cni_request *req, struct bw_cni_result *result, struct bw_err *err)
{
	bridge_autoctx struct bridge_ctx *ctx = NULL;
	struct bridge_check c = { .base = BW_CHECK_NONE };
	int r;

	(void)result;
	r = bridge_ctx_new(req, 0, &ctx, err);
	if (r < 0)
		return r;
	c.ctx = ctx;
	r = run(&c, err);
	bw_check_done(&c.base);
	return r;
}
