/* SPDX-License-Identifier: Apache-2.0 */
/* What every verb of the SR-IOV plugin starts from. */
#include <bw/attach.h>
#include <bw/err.h>
#include <bw/nl.h>

#include "ctx.h"

int sriov_ctx_new(const struct bw_cni_request *req, int lenient, struct sriov_ctx **ret,
		  struct bw_err *err)
{
	sriov_autoctx struct sriov_ctx *ctx = calloc(1, sizeof(*ctx));
	int r;

	if (!ctx)
		return bw_fail(err, ENOMEM, "serve %s", bw_cni_verb_str(req->verb));
	ctx->req = req;
	r = lenient ? sriov_conf_load_lenient(req, &ctx->conf, err)
		    : sriov_conf_load(req, &ctx->conf, err);
	if (r == 0)
		r = bw_ipam_conf_parse(req, lenient, &ctx->ipam_conf, err);
	if (r < 0)
		return r;
	bw_attach_fill(req, SRIOV_PROGRAM, &ctx->att);
	ctx->att.vlan = ctx->conf.vlan;
	if (sriov_conf_is_foreign(&ctx->conf))
		ctx->att.flags |= BW_ATTACH_F_DELEGATE;
	*ret = BW_TAKE_PTR(ctx);
	return 0;
}

void sriov_ctx_free(struct sriov_ctx **ctx)
{
	if (!ctx || !*ctx)
		return;
	bw_nl_close(&(*ctx)->host);
	bw_ipam_close(&(*ctx)->ipam);
	bw_ipam_conf_free(&(*ctx)->ipam_conf);
	sriov_conf_done(&(*ctx)->conf);
	free(*ctx);
	*ctx = NULL;
}

int sriov_ctx_journal(struct sriov_ctx *ctx, struct bw_err *err)
{
	return ctx->ipam ? 0 : bw_ipam_open(ctx->ipam_conf, &ctx->ipam, err);
}

int sriov_ctx_host(struct sriov_ctx *ctx, struct bw_err *err)
{
	return ctx->host ? 0 : bw_nl_open(BW_NL_ROUTE, NULL, &ctx->host, err);
}

int sriov_ctx_holds(struct sriov_ctx *ctx, struct bw_journal **ret, struct bw_err *err)
{
	int r = sriov_ctx_journal(ctx, err);

	return r < 0 ? r : bw_ipam_node_journal_open(ctx->ipam, ret, err);
}
