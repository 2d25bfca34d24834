/* SPDX-License-Identifier: Apache-2.0 */
/*
 * STATUS: could an ADD work here? Never about exhaustion: a runtime takes the whole node out of
 * service on an error, and the databases on it with it.
 */
#include <string.h>

#include <bw/attach.h>
#include <bw/cni_delegate.h>
#include <bw/datapath.h>
#include <bw/err.h>
#include <bw/link.h>
#include <bw/nl.h>

#include "ctx.h"
#include "segment.h"
#include "verbs.h"

static int check_journal(struct bridge_ctx *ctx, struct bw_err *err)
{
	int r = bridge_ctx_journal(ctx, err);

	return r < 0 ? r : bw_ipam_status(ctx->ipam, err);
}

static int check_programs(struct bridge_ctx *ctx, struct bw_err *err)
{
	const char *key = bridge_conf_needs_programs(&ctx->conf);
	struct bw_dp_caps caps = { 0 };
	int r;

	if (!key)
		return 0;
	r = bw_dp_probe(&caps, err);
	if (r < 0 || caps.hook != BW_DP_HOOK_NONE)
		return r;
	return bw_reject(err, BW_ERR_UNAVAILABLE, EOPNOTSUPP,
			 "%s: needs eBPF programs, and they cannot be attached here: %.200s", key,
			 caps.why);
}

static int count_port(const struct bw_link *link, void *arg, struct bw_err *err)
{
	(void)link;
	(void)err;
	++*(unsigned int *)arg;
	return 0;
}

static void count_reset(void *arg)
{
	*(unsigned int *)arg = 0;
}

/* Whether somebody lives on the bridge: what hurts an ADD hurts them too. */
static int is_in_use(struct bridge_ctx *ctx)
{
	unsigned int n = 0;
	struct bw_link_visitor v = { .reset = count_reset, .visit = count_port, .arg = &n };
	struct bw_link bridge = { 0 };

	return bw_link_get(ctx->host, 0, ctx->conf.bridge, &bridge, NULL) == 0 &&
	       bw_link_list(ctx->host, bridge.ifindex, &v, NULL) == 0 && n > 0;
}

static int check_segment(struct bridge_ctx *ctx, struct bw_err *err)
{
	const struct bridge_conf *conf = &ctx->conf;
	struct bridge_segment_want want = { .bridge = conf->bridge,
					    .uplink = conf->uplink,
					    .vlan = conf->vlan,
					    .trunk = conf->trunk.n ? conf->trunk.vids : NULL,
					    .mtu = conf->mtu,
					    .promisc = conf->promisc,
					    .move_addresses = conf->move_uplink_addresses,
					    .force_address = conf->force_address };
	int r;

	r = bridge_ctx_host(ctx, err);
	if (r == 0)
		r = bridge_segment_check(ctx->host, &want, err);
	if (r < 0 && err && conf->uplink && is_in_use(ctx))
		err->class = BW_ERR_LIMITED;
	return r;
}

static int ask_delegate(struct bridge_ctx *ctx, struct bw_err *err)
{
	if (!bridge_conf_is_foreign(&ctx->conf))
		return 0;
	return bw_cni_delegate(ctx->req, ctx->conf.ipam_type, BW_CNI_STATUS, NULL, err);
}

typedef int (*part_fn)(struct bridge_ctx *ctx, struct bw_err *err);

static const part_fn parts[] = { check_journal, check_programs, check_segment, ask_delegate };

int bridge_status(const struct bw_cni_request *req, struct bw_cni_result *result,
		  struct bw_err *err)
{
	bridge_autoctx struct bridge_ctx *ctx = NULL;
	struct bw_err why = { 0 };
	int r;

	(void)result;
	r = bridge_ctx_new(req, 0, &ctx, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < BW_ARRAY_SIZE(parts) && r == 0; i++)
		r = parts[i](ctx, &why);
	return bw_attach_judge_status(r, &why, err);
}
