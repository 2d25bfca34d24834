/* SPDX-License-Identifier: Apache-2.0 */
/* Giving VFs back by their holds. */
#include <stdio.h>
#include <string.h>

#include <bw/clock.h>
#include <bw/err.h>
#include <bw/log.h>

#include "add.h"
#include "hold.h"
#include "put_back.h"
#include "restore.h"

static int drop_only(struct sriov_ctx *ctx, const struct bw_vf_hold *hold, struct bw_err *err)
{
	struct bw_journal *j = NULL;
	int r = sriov_ctx_holds(ctx, &j, err);

	if (r < 0 || !j)
		return r;
	r = sriov_hold_begin(j, err);
	if (r == 0)
		r = sriov_hold_end(j,
				   bw_journal_vf_drop(j, hold->pci, hold->container_id,
						      hold->ifname, hold->id, err),
				   err);
	return r < 0 ? r : 0;
}

static void add_lead(struct sriov_back *b, const char *path, uint64_t cookie)
{
	if (path && *path)
		b->leads[b->n_leads++] = (struct sriov_lead){ .path = path, .cookie = cookie };
}

static void fill(struct sriov_back *b, const struct bw_vf_hold *hold)
{
	b->id = hold->id;
	memcpy(b->pci, hold->pci, sizeof(b->pci));
	memcpy(b->container_id, hold->container_id, sizeof(b->container_id));
	memcpy(b->ifname, hold->ifname, sizeof(b->ifname));
}

int sriov_restore(struct sriov_ctx *ctx, const struct bw_vf_hold *hold, const char *netns,
		  struct bw_err *err)
{
	sriov_autoback struct sriov_back *b = sriov_back_new(ctx);
	char boot_id[BW_BOOT_ID_LEN + 1];
	struct bw_err why = { 0 };
	int r;

	if (!b)
		return bw_fail(err, ENOMEM, "give VF %s back", hold->pci);
	r = bw_boot_id(boot_id, err);
	if (r < 0)
		return r;
	r = sriov_original_parse(hold->record, &b->o, &why);
	if (r == -ENOMEM) {
		if (err)
			*err = why;
		return r;
	}
	/* A reboot has undone everything, and what is set now is somebody else's. */
	if (strcmp(hold->boot_id, boot_id) != 0 || (r == 0 && strcmp(b->o.boot_id, boot_id) != 0))
		return drop_only(ctx, hold, err);
	if (r < 0) /* the VF still has to come home */
		bw_log_warn("the record of a VF is damaged", "vf", hold->pci, "error", why.msg);
	fill(b, hold);
	add_lead(b, hold->netns, hold->netns_id);
	if (netns && strcmp(netns, hold->netns) != 0)
		add_lead(b, netns, hold->netns_id);
	return sriov_back_run(b, err);
}

struct all {
	struct sriov_ctx *ctx;
	const char *netns;
	unsigned int n;
	int first;
	struct bw_err *err;
};

static int restore_one(const struct bw_vf_hold *hold, void *arg, struct bw_err *err)
{
	struct all *all = arg;
	struct bw_err why = { 0 };
	int r = sriov_restore(all->ctx, hold, all->netns, &why);

	(void)err;
	all->n++;
	if (r < 0) {
		bw_log_warn("a VF was not given back", "vf", hold->pci, "error", why.msg);
		if (!all->first && all->err)
			*all->err = why;
		if (!all->first)
			all->first = r;
	}
	return 0;
}

int sriov_restore_all(struct sriov_ctx *ctx, const char *container_id, const char *ifname,
		      const char *netns, unsigned int *ret_n, struct bw_err *err)
{
	struct all all = { .ctx = ctx, .netns = netns, .err = err };
	struct bw_journal *j = NULL;
	int r = sriov_ctx_holds(ctx, &j, err);

	if (r == 0 && j)
		r = bw_journal_vf_of(j, container_id, ifname, restore_one, &all, err);
	if (ret_n)
		*ret_n = all.n;
	return r < 0 ? r : all.first;
}

int sriov_restore_own(struct sriov_vf *vf, struct bw_err *err)
{
	struct sriov_add *add = vf->add;
	const struct bw_attachment *a = &add->ctx->att;
	sriov_autoback struct sriov_back *b = sriov_back_new(add->ctx);

	if (!b)
		return bw_fail(err, ENOMEM, "give VF %s back", vf->pci);
	b->id = vf->hold;
	b->o = vf->original;
	(void)snprintf(b->pci, sizeof(b->pci), "%.16s", vf->pci); /* always fits, ignoring */
	memcpy(b->container_id, a->container_id, sizeof(b->container_id));
	memcpy(b->ifname, a->ifname, sizeof(b->ifname));
	/* The path may lead nowhere by now; our descriptor keeps the namespace alive. */
	b->leads[b->n_leads++] = (struct sriov_lead){ .ns = &add->pod.ns, .cookie = a->netns_id };
	return sriov_back_run(b, err);
}

int sriov_restore_stale(struct sriov_vf *vf, const struct bw_vf_hold *hold, struct bw_err *err)
{
	sriov_autoback struct sriov_back *b = sriov_back_new(vf->add->ctx);
	int r;

	if (!b)
		return bw_fail(err, ENOMEM, "take VF %s over", vf->pci);
	b->keeps = 1;
	b->o = vf->original;
	fill(b, hold);
	r = sriov_back_run(b, err);
	if (r == 0)
		vf->lock = BW_TAKE_FD(b->lock);
	return r;
}
