/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DEL goes as far as it can. It ends with an error only for a delegate's own failure, or when the
 * journal cannot be written now; the kernel side is down by then.
 */
#include <string.h>

#include <bw/attach.h>
#include <bw/clock.h>
#include <bw/err.h>
#include <bw/foreign.h>
#include <bw/link.h>
#include <bw/log.h>
#include <bw/netns.h>
#include <bw/nl.h>

#include "ctx.h"
#include "teardown.h"
#include "verbs.h"

/* Reads the attachment, or makes one up from what the request says. */
static int find_attachment(struct bridge_ctx *ctx, struct bw_err *err)
{
	struct bw_attachment *a = &ctx->att;
	struct bw_err why = { 0 };
	int r;

	r = bridge_ctx_journal(ctx, &why);
	if (r == 0)
		r = bw_ipam_del_begin(ctx->ipam, a->container_id, a->ifname, a, &why);
	if (r == 1)
		return 0;
	/* Whatever could have been made may be there. */
	a->flags |= BW_ATTACH_F_DATAPATH | (a->network[0] ? BW_ATTACH_F_MASQ : 0);
	return bw_attach_judge(r, &why, err);
}

/*
 * The host's end is not under its name, so somebody renamed or moved it: the container's end goes,
 * if this is the very namespace that ADD has seen.
 */
static int delete_pod_end(struct bridge_ctx *ctx, struct bw_err *err)
{
	bw_autonetns struct bw_netns ns = BW_NETNS_NONE;
	const struct bw_attachment *a = &ctx->att;
	char boot_id[BW_BOOT_ID_LEN + 1] = "";
	bw_autonl struct bw_nl *pod = NULL;
	struct bw_link link = { 0 };
	uint64_t cookie = 0;
	int r;

	if (!ctx->req->netns || !*ctx->req->netns || !a->netns_id)
		return 0;
	r = bw_netns_open(ctx->req->netns, &ns, err);
	if (r == -ENOENT || r == -EINVAL)
		return 0;
	if (r == 0)
		r = bw_boot_id(boot_id, err);
	if (r == 0)
		r = bw_nl_open(BW_NL_ROUTE, &ns, &pod, err);
	if (r == 0)
		r = bw_nl_netns_cookie(pod, &cookie, err);
	if (r < 0)
		return r;
	if (cookie != a->netns_id || strcmp(boot_id, a->boot_id) != 0)
		return 0;
	r = bw_link_get(pod, 0, a->ifname, &link, err);
	if (r == -ENODEV)
		return 0;
	if (r < 0 || (strcmp(link.kind, "veth") != 0 && strcmp(link.kind, "netkit") != 0))
		return r;
	return bw_link_del(pod, link.ifindex, a->ifname, err);
}

static void take_down(struct bridge_ctx *ctx)
{
	struct bw_err why = { 0 };
	int r;

	r = bridge_ctx_host(ctx, &why);
	if (r == 0)
		r = bridge_teardown(ctx->host, &ctx->att, &why);
	if (r == 0 && ctx->ipam)
		r = bridge_reach_del(ctx->host, bw_ipam_journal(ctx->ipam), &ctx->att, &why);
	if (r == 0)
		r = delete_pod_end(ctx, &why);
	if (r < 0)
		bw_log_warn("the kernel side was not taken down whole", "error", why.msg);
}

static int del_delegate(struct bridge_ctx *ctx, struct bw_err *err)
{
	const struct bw_foreign f = { .req = ctx->req, .type = ctx->conf.ipam_type };

	return bridge_conf_is_foreign(&ctx->conf) ? bw_foreign_del(&f, err) : 0;
}

int bridge_del(const struct bw_cni_request *req, struct bw_cni_result *result, struct bw_err *err)
{
	bridge_autoctx struct bridge_ctx *ctx = NULL;
	struct bw_err journal = { 0 }, delegate = { 0 };
	int rj, rd, r;

	(void)result;
	r = bridge_ctx_new(req, 1, &ctx, err);
	if (r < 0)
		return r;
	rj = find_attachment(ctx, &journal);
	take_down(ctx);
	rd = del_delegate(ctx, &delegate);
	if (rj == 0 && ctx->ipam) {
		r = bw_ipam_del_finish(ctx->ipam, ctx->att.container_id, ctx->att.ifname, &journal);
		rj = bw_attach_judge(r, &journal, NULL);
	}
	if (err && (rd < 0 || rj < 0))
		*err = rd < 0 ? delegate : journal;
	return rd < 0 ? rd : rj;
}
