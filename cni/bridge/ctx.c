/* SPDX-License-Identifier: Apache-2.0 */
/* What every verb of the bridge plugin starts from. */
#include <stdio.h>
#include <string.h>

#include <bw/clock.h>
#include <bw/err.h>
#include <bw/nl.h>

#include "ctx.h"

#define HOST_NAME_BITS 44 /* 11 hex digits */

void bridge_host_name(const char *container_id, const char *ifname, char out[BW_CNI_IFNAME_MAX + 1])
{
	uint64_t h = bw_fnv64(BW_FNV64_BASIS, container_id, strlen(container_id) + 1);

	h = bw_fnv64(h, ifname, strlen(ifname)) & ((1ULL << HOST_NAME_BITS) - 1);
	/* always fits, ignoring */
	(void)snprintf(out, BW_CNI_IFNAME_MAX + 1, "bw%011llx", (unsigned long long)h);
}

/* Copies as much as fits: what is cut is for people's eyes, or checked elsewhere. */
static void copy(char *out, size_t size, const char *text)
{
	(void)snprintf(out, size, "%s", text ? text : ""); /* cut is fine, ignoring */
}

static void fill_attachment(struct bridge_ctx *ctx)
{
	const struct bw_cni_request *req = ctx->req;
	struct bw_attachment *a = &ctx->att;
	const char *space = bw_cni_request_arg(req, "K8S_POD_NAMESPACE");
	const char *pod = bw_cni_request_arg(req, "K8S_POD_NAME");

	copy(a->container_id, sizeof(a->container_id), req->container_id);
	copy(a->ifname, sizeof(a->ifname), req->ifname);
	copy(a->network, sizeof(a->network), req->name);
	copy(a->program, sizeof(a->program), BRIDGE_PROGRAM);
	copy(a->netns, sizeof(a->netns), req->netns);
	copy(a->bridge, sizeof(a->bridge), ctx->conf.bridge);
	if (space && pod) /* cut is fine, ignoring */
		(void)snprintf(a->pod, sizeof(a->pod), "%s/%s", space, pod);
	a->vlan = ctx->conf.vlan;
	if (req->container_id && req->ifname)
		bridge_host_name(req->container_id, req->ifname, a->host_if);
	if (ctx->conf.ip_masq && ctx->conf.ipam_type)
		a->flags |= BW_ATTACH_F_MASQ;
	if (bridge_conf_wants_programs(&ctx->conf))
		a->flags |= BW_ATTACH_F_DATAPATH;
	if (bridge_conf_is_foreign(&ctx->conf))
		a->flags |= BW_ATTACH_F_DELEGATE;
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
