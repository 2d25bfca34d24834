/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GC: VFs of this network's attachments that the runtime no longer knows are given back, and so are
 * VFs of any network whose container is no more.
 */
#include <string.h>

#include <bw/cni_delegate.h>
#include <bw/cni_valid.h>
#include <bw/err.h>
#include <bw/journal.h>
#include <bw/link.h>
#include <bw/log.h>
#include <bw/nl.h>

#include "alias.h"
#include "compare.h"
#include "ctx.h"
#include "restore.h"
#include "verbs.h"

struct gc {
	struct sriov_ctx *ctx;
	const struct bw_cni_valid *valid;
	char boot_id[BW_BOOT_ID_LEN + 1];
	int first; /* the first failure */
	struct bw_err err; /* its text */
};

/* One that cannot be collected does not keep the others. */
static void note(struct gc *gc, int r, const struct bw_err *why)
{
	if (r >= 0)
		return;
	bw_log_warn("collecting garbage", "error", why->msg);
	if (gc->first)
		return;
	gc->first = r;
	gc->err = *why;
}

/* Deleting the row of another program's attachment is right, its kernel side is not ours. */
static int finish(const struct bw_attachment *a, void *arg, struct bw_err *err)
{
	struct gc *gc = arg;

	if (strcmp(a->program, SRIOV_PROGRAM) != 0)
		return 0;
	return sriov_restore_all(gc->ctx, a->container_id, a->ifname, NULL, NULL, err);
}

static int collect_attachments(struct gc *gc, struct bw_err *err)
{
	unsigned int removed = 0;
	int r;

	r = sriov_ctx_journal(gc->ctx, err);
	if (r == -ENOENT)
		return 0;
	return r < 0 ? r : bw_ipam_gc(gc->ctx->ipam, gc->valid, finish, gc, &removed, err);
}

/* A hold without its attachment, of this network; or whose container is gone, of any. */
static int collect_hold(const struct bw_vf_hold *hold, void *arg, struct bw_err *err)
{
	struct gc *gc = arg;
	struct bw_err why = { 0 };
	int dead;

	(void)err;
	dead = strcmp(hold->network, gc->ctx->req->name) == 0 &&
	       !bw_cni_valid_has(gc->valid, hold->container_id, hold->ifname);
	if (!dead)
		dead = sriov_hold_is_dead(hold, gc->boot_id, &why);
	if (dead > 0)
		dead = sriov_restore(gc->ctx, hold, NULL, &why);
	note(gc, dead, &why);
	return 0;
}

static int collect_holds(struct gc *gc, struct bw_err *err)
{
	struct bw_journal *j = NULL;
	int r;

	r = sriov_ctx_holds(gc->ctx, &j, err);
	if (r == -ENOENT || (r == 0 && !j))
		return 0;
	if (r == 0)
		r = bw_boot_id(gc->boot_id, err);
	return r < 0 ? r : bw_journal_vf_each(j, collect_hold, gc, err);
}

/* Devices on the host that carry an alias of ours: the kernel has handed them back. */
#define LOST_MAX 256

struct lost {
	unsigned int n;
	struct bw_link links[LOST_MAX];
};

static void lost_reset(void *arg)
{
	((struct lost *)arg)->n = 0;
}

static int lost_visit(const struct bw_link *link, void *arg, struct bw_err *err)
{
	struct lost *lost = arg;
	struct sriov_alias alias;

	(void)err;
	if (lost->n < LOST_MAX && sriov_alias_parse(link->alias, &alias))
		lost->links[lost->n++] = *link;
	return 0;
}

/*
 * A VF back on the host with its alias has lost its container. One that is held was dealt with
 * before, or an ADD is at work on it; nobody else knows of the others.
 */
static int collect_lost(struct gc *gc, struct bw_err *err)
{
	bw_autofree struct lost *lost = calloc(1, sizeof(*lost));
	struct bw_link_visitor v = { .reset = lost_reset, .visit = lost_visit, .arg = lost };
	int r;

	if (!lost)
		return bw_fail(err, ENOMEM, "look for lost VFs");
	r = sriov_ctx_host(gc->ctx, err);
	if (r == 0)
		r = bw_link_list(gc->ctx->host, 0, &v, err);
	for (unsigned int i = 0; i < lost->n && r == 0; i++) {
		struct bw_err why = { 0 };

		note(gc, sriov_restore_link(gc->ctx, &lost->links[i], &why), &why);
	}
	return r;
}

static int forward(struct gc *gc, struct bw_err *err)
{
	const struct sriov_conf *conf = &gc->ctx->conf;

	if (!sriov_conf_is_foreign(conf))
		return 0;
	return bw_cni_delegate(gc->ctx->req, conf->ipam_type, BW_CNI_GC, NULL, err);
}

typedef int (*part_fn)(struct gc *gc, struct bw_err *err);

static const part_fn parts[] = { collect_attachments, collect_holds, collect_lost, forward };

int sriov_gc(const struct bw_cni_request *req, struct bw_cni_result *result, struct bw_err *err)
{
	sriov_autoctx struct sriov_ctx *ctx = NULL;
	struct bw_cni_valid valid = { 0 };
	struct gc gc = { .valid = &valid };
	int r;

	(void)result;
	r = bw_cni_valid_parse(req, &valid, err);
	if (r == 0)
		r = sriov_ctx_new(req, 1, &ctx, err);
	gc.ctx = ctx;
	for (size_t i = 0; i < BW_ARRAY_SIZE(parts) && ctx; i++) {
		struct bw_err why = { 0 };

		note(&gc, parts[i](&gc, &why), &why);
	}
	bw_cni_valid_done(&valid);
	if (r == 0 && gc.first && err)
		*err = gc.err;
	return r < 0 ? r : gc.first;
}
