/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DEL marks the attachment first, so that an ADD that still runs fails; then the VFs come back. It
 * ends with an error only where trying again helps, or by a delegate's own failure.
 */
#include <bw/attach.h>
#include <bw/err.h>
#include <bw/foreign.h>
#include <bw/log.h>

#include "ctx.h"
#include "restore.h"
#include "verbs.h"

/* Marks the attachment Deleting. 1 there is one, 0 the journal knows of none or is lost; -errno. */
static int mark(struct sriov_ctx *ctx, struct bw_err *err)
{
	struct bw_attachment *a = &ctx->att;
	struct bw_err why = { 0 };
	int r = sriov_ctx_journal(ctx, &why);

	if (r == 0)
		r = bw_ipam_del_begin(ctx->ipam, a->container_id, a->ifname, a, &why);
	return r > 0 ? r : bw_attach_judge(r, &why, err);
}

/* The VFs by their holds; without any trace of the attachment by what the devices themselves say.
 */
static int give_back(struct sriov_ctx *ctx, int is_known, struct bw_err *err)
{
	const char *cid = ctx->req->container_id, *ifname = ctx->req->ifname;
	struct bw_err why = { 0 };
	unsigned int n = 0;
	int r = sriov_restore_all(ctx, cid, ifname, ctx->req->netns, &n, &why);

	if (r < 0 && !n)
		r = bw_attach_judge(r, &why, err);
	else if (r < 0 && err)
		*err = why;
	if (r < 0 || n || is_known)
		return r;
	r = sriov_restore_lost(ctx, cid, ifname, &why);
	if (r < 0)
		bw_log_warn("a VF was not given back", "error", why.msg);
	return 0;
}

static int del_delegate(struct sriov_ctx *ctx, struct bw_err *err)
{
	const struct bw_foreign f = { .req = ctx->req, .type = ctx->conf.ipam_type };

	return sriov_conf_is_foreign(&ctx->conf) ? bw_foreign_del(&f, err) : 0;
}

/* Addresses are free only when no VF can speak for them any more. */
static int finish(struct sriov_ctx *ctx, struct bw_err *err)
{
	struct bw_err why = { 0 };
	int r;

	if (!ctx->ipam)
		return 0;
	r = bw_ipam_del_finish(ctx->ipam, ctx->req->container_id, ctx->req->ifname, &why);
	return bw_attach_judge(r, &why, err);
}

int sriov_del(const struct bw_cni_request *req, struct bw_cni_result *result, struct bw_err *err)
{
	sriov_autoctx struct sriov_ctx *ctx = NULL;
	struct bw_err first = { 0 }, delegate = { 0 };
	int marked, r, rd;

	(void)result;
	r = sriov_ctx_new(req, 1, &ctx, err);
	if (r < 0)
		return r;
	marked = mark(ctx, &first);
	r = marked < 0 ? marked : 0;
	if (r == 0)
		r = give_back(ctx, marked, &first);
	rd = del_delegate(ctx, &delegate);
	if (r == 0)
		r = finish(ctx, &first);
	if (err && (r < 0 || rd < 0))
		*err = rd < 0 ? delegate : first;
	return rd < 0 ? rd : r;
}
