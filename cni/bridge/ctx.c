/* SPDX-License-Identifier: Apache-2.0 */
/* What every verb of the bridge plugin starts from. */
#include <stdio.h>

#include <bw/attach.h>
#include <bw/err.h>
#include <bw/nl.h>

#include "ctx.h"

static void fill_attachment(struct bridge_ctx *ctx)
{
	const struct bw_cni_request *req = ctx->req;
	struct bw_attachment *a = &ctx->att;

	bw_attach_fill(req, BRIDGE_PROGRAM, a);
	/* an interface's name always fits, ignoring */
	(void)snprintf(a->bridge, sizeof(a->bridge), "%s", ctx->conf.bridge);
	a->vlan = ctx->conf.vlan;
	if (req->container_id && req->ifname)
		bw_attach_host_name(req->container_id, req->ifname, a->host_if);
	if (ctx->conf.ip_masq && ctx->conf.ipam_type)
		a->flags |= BW_ATTACH_F_MASQ;
	if (bridge_conf_wants_programs(&ctx->conf))
		a->flags |= BW_ATTACH_F_DATAPATH;
	if (bridge_conf_is_foreign(&ctx->conf))
		a->flags |= BW_ATTACH_F_DELEGATE;
	if (ctx->conf.has_reach)
		a->flags |= BW_ATTACH_F_REACH;
}

int bridge_ctx_new(const struct bw_cni_request *req, int lenient, struct bridge_ctx **ret,
		   struct bw_err *err)
{
	bridge_autoctx struct bridge_ctx *ctx = calloc(1, sizeof(*ctx));
	int r;

	if (!ctx)
		return bw_fail(err, ENOMEM, "serve %s", bw_cni_verb_str(req->verb));
	ctx->req = req;
	r = lenient ? bridge_conf_load_lenient(req, &ctx->conf, err)
		    : bridge_conf_load(req, &ctx->conf, err);
	if (r == 0)
		r = bw_ipam_conf_parse(req, lenient, &ctx->ipam_conf, err);
	if (r < 0)
		return r;
	fill_attachment(ctx);
	*ret = BW_TAKE_PTR(ctx);
	return 0;
}

void bridge_ctx_free(struct bridge_ctx **ctx)
{
	if (!ctx || !*ctx)
		return;
	bw_nl_close(&(*ctx)->host);
	bw_ipam_close(&(*ctx)->ipam);
	bw_ipam_conf_free(&(*ctx)->ipam_conf);
	bridge_conf_done(&(*ctx)->conf);
	free(*ctx);
	*ctx = NULL;
}

int bridge_ctx_journal(struct bridge_ctx *ctx, struct bw_err *err)
{
	return ctx->ipam ? 0 : bw_ipam_open(ctx->ipam_conf, &ctx->ipam, err);
}

int bridge_ctx_host(struct bridge_ctx *ctx, struct bw_err *err)
{
	return ctx->host ? 0 : bw_nl_open(BW_NL_ROUTE, NULL, &ctx->host, err);
}
