/* SPDX-License-Identifier: Apache-2.0 */
/* GC: what belongs to attachments of this network that the runtime no longer knows goes. */
#include <string.h>

#include <bw/cni_delegate.h>
#include <bw/cni_valid.h>
#include <bw/datapath.h>
#include <bw/err.h>
#include <bw/log.h>
#include <bw/nft.h>
#include <bw/nl.h>

#include "ctx.h"
#include "teardown.h"
#include "verbs.h"

struct gc {
	struct bridge_ctx *ctx;
	const struct bw_cni_valid *valid;
};

static int finish(const struct bw_attachment *a, void *arg, struct bw_err *err)
{
	struct gc *gc = arg;

	int r = bridge_reach_del(gc->ctx->host, bw_ipam_journal(gc->ctx->ipam), a, err);

	return r < 0 ? r : bridge_teardown(gc->ctx->host, a, err);
}

static int collect_journal(struct gc *gc, struct bw_err *err)
{
	unsigned int removed = 0;
	int r;

	r = bridge_ctx_host(gc->ctx, err);
	if (r == 0)
		r = bridge_ctx_journal(gc->ctx, err);
	if (r == -ENOENT)
		return 0;
	return r < 0 ? r : bw_ipam_gc(gc->ctx->ipam, gc->valid, finish, gc, &removed, err);
}

/* Rules carry their owner: they are found with no journal too. */
static int judge_rule(const struct bw_nft_rule *rule, void *arg, struct bw_err *err)
{
	struct gc *gc = arg;
	char part[BW_NFT_PART_MAX + 1];

	(void)err;
	if (strcmp(rule->network, bw_nft_part(gc->ctx->req->name, part)) != 0)
		return 0;
	for (size_t i = 0; i < gc->valid->n; i++) {
		const struct bw_cni_valid_entry *e = &gc->valid->entries[i];

		if (strcmp(rule->ifname, e->ifname) == 0 &&
		    strcmp(rule->container_id, bw_nft_part(e->container_id, part)) == 0)
			return 0;
	}
	return 1;
}

static int collect_rules(struct gc *gc, struct bw_err *err)
{
	struct bw_nft_visitor v = { .visit = judge_rule, .arg = gc };
	bw_autonl struct bw_nl *nl = NULL;
	int r;

	r = bw_nl_open(BW_NL_NETFILTER, NULL, &nl, err);
	return r < 0 ? r : bw_nft_masq_sweep(nl, &v, err);
}

/* Pins and map entries of devices that are gone, whoever they belonged to. */
static int collect_programs(struct gc *gc, struct bw_err *err)
{
	(void)gc;
	return bw_dp_sweep(NULL, err);
}

static int forward(struct gc *gc, struct bw_err *err)
{
	const struct bridge_conf *conf = &gc->ctx->conf;

	if (!bridge_conf_is_foreign(conf))
		return 0;
	return bw_cni_delegate(gc->ctx->req, conf->ipam_type, BW_CNI_GC, NULL, err);
}

typedef int (*part_fn)(struct gc *gc, struct bw_err *err);

static const part_fn parts[] = { collect_journal, collect_rules, collect_programs, forward };

int bridge_gc(const struct bw_cni_request *req, struct bw_cni_result *result, struct bw_err *err)
{
	bridge_autoctx struct bridge_ctx *ctx = NULL;
	struct bw_cni_valid valid = { 0 };
	struct gc gc = { .valid = &valid };
	int first = 0;
	int r;

	(void)result;
	r = bw_cni_valid_parse(req, &valid, err);
	if (r == 0)
		r = bridge_ctx_new(req, 1, &ctx, err);
	gc.ctx = ctx;
	for (size_t i = 0; i < BW_ARRAY_SIZE(parts) && ctx; i++) {
		struct bw_err why = { 0 };
		int p = parts[i](&gc, &why);

		if (p < 0 && first == 0 && err)
			*err = why;
		else if (p < 0)
			bw_log_warn("collecting garbage", "error", why.msg);
		first = first ? first : p;
	}
	bw_cni_valid_done(&valid);
	return r < 0 ? r : first;
}
