/* SPDX-License-Identifier: Apache-2.0 */
/* CHECK: the kernel and the journal against prevResult and the records of the holds. */
#include <string.h>

#include <bw/check.h>
#include <bw/err.h>
#include <bw/journal.h>
#include <bw/nl.h>
#include <bw/rdma.h>

#include "bond.h"
#include "compare.h"
#include "ctx.h"
#include "verbs.h"

struct check {
	struct sriov_ctx *ctx; /* borrowed */
	struct bw_check base;
	uint64_t netns_id; /* of the container; 0 = the kernel does not say */
	unsigned int n; /* holds of the attachment */
	uint8_t is_dpdk;
};

/* Our interface in prevResult; NULL when there is none. */
static const struct bw_cni_if *our_if(const struct check *c)
{
	const struct bw_cni_result *prev = &c->base.prev;

	for (size_t i = 0; i < prev->n_ifs; i++)
		if (prev->ifs[i].sandbox && *prev->ifs[i].sandbox &&
		    strcmp(prev->ifs[i].name, c->ctx->req->ifname) == 0)
			return &prev->ifs[i];
	return NULL;
}

/* The hold itself: Live, of this container as it is now, of the VF that ADD has answered. */
static void check_hold(struct check *c, const struct bw_vf_hold *hold)
{
	const struct bw_cni_if *want = our_if(c);
	struct bw_drift *d = &c->base.drift;

	if (hold->state != BW_VF_HOLD_LIVE)
		bw_drift_add(d, "the hold of %s is %s, expected Live", hold->pci,
			     bw_vf_hold_state_str(hold->state));
	if (hold->netns_id && c->netns_id && hold->netns_id != c->netns_id)
		bw_drift_add(d, "%s is held for another network namespace", hold->pci);
	if (want && want->pci_id && !c->ctx->conf.has_bond && strcmp(want->pci_id, hold->pci) != 0)
		bw_drift_add(d, "prevResult has PCI device %.32s, the journal %s", want->pci_id,
			     hold->pci);
}

/* Where a VF is that should be in the container. */
static int report_missing(struct check *c, const struct bw_vf_hold *hold, struct bw_err *err)
{
	struct bw_link link = { 0 };
	int r = bw_link_find_pci(c->ctx->host, hold->pci, &link, err);

	if (r > 0)
		bw_drift_add(&c->base.drift, "%s is not in the container but on the host, as %s",
			     hold->pci, link.name);
	else if (r == 0)
		bw_drift_add(&c->base.drift, "%s is not in the container", hold->pci);
	return r < 0 ? r : 0;
}

/* What prevResult says of the interface is compared with it, once. */
static unsigned int skipped(const struct check *c)
{
	const struct bw_cni_if *want = our_if(c);

	if (c->ctx->conf.has_bond || !want)
		return 0;
	return SRIOV_SKIP_UP | (want->has_mac ? SRIOV_SKIP_MAC : 0) |
	       (want->mtu ? SRIOV_SKIP_MTU : 0);
}

static int check_netdev(struct check *c, const struct bw_vf_hold *hold,
			const struct sriov_original *o, struct bw_err *err)
{
	struct bw_link link = { 0 };
	int r = bw_link_find_pci(c->base.nl, hold->pci, &link, err);

	if (r <= 0)
		return r < 0 ? r : report_missing(c, hold, err);
	sriov_compare_netdev(hold, o, &link, skipped(c), &c->base.drift);
	if (c->ctx->conf.has_bond && c->base.pod.ifindex && link.master != c->base.pod.ifindex)
		bw_drift_add(&c->base.drift, "%s is not a member of %s", link.name,
			     c->ctx->req->ifname);
	return 0;
}

/* In exclusive mode an RDMA device that the host sees is of no use to the container. */
static int check_rdma(struct check *c, const struct sriov_now *now, struct bw_err *err)
{
	bw_autonl struct bw_nl *nl = NULL;
	int exclusive = 0;
	int r;

	if (!now->sys.dev.n_rdma)
		return 0;
	r = bw_nl_open(BW_NL_RDMA, NULL, &nl, err);
	if (r == 0)
		r = bw_rdma_exclusive(nl, &exclusive, err);
	if (r == 0 && exclusive)
		bw_drift_add(&c->base.drift, "RDMA device %s of %s is on the host",
			     now->sys.dev.rdma[0], now->sys.dev.pci);
	return r == -EPROTONOSUPPORT ? 0 : r;
}

static int check_vf(const struct bw_vf_hold *hold, void *arg, struct bw_err *err)
{
	struct check *c = arg;
	bw_autofree struct sriov_original *o = calloc(1, sizeof(*o));
	struct bw_err why = { 0 };
	struct sriov_now now;
	int r;

	if (!o)
		return bw_fail(err, ENOMEM, "check %s", hold->pci);
	c->n++;
	check_hold(c, hold);
	r = sriov_original_parse(hold->record, o, &why);
	if (r < 0) {
		bw_drift_add(&c->base.drift, "the record of %s cannot be read: %.100s", hold->pci,
			     why.msg);
		return r == -ENOMEM ? r : 0;
	}
	r = sriov_now_read("", c->ctx->host, hold->pci, &now, err);
	if (r < 0)
		return r;
	sriov_compare_host(hold, o, &now, &c->base.drift);
	c->is_dpdk |= sriov_is_dpdk(o) != 0;
	if (sriov_is_dpdk(o) || !now.exists)
		return 0;
	r = check_netdev(c, hold, o, err);
	return r < 0 ? r : check_rdma(c, &now, err);
}

static int check_vfs(struct check *c, struct bw_err *err)
{
	const struct bw_cni_request *req = c->ctx->req;
	unsigned int want = sriov_conf_n_vfs(&c->ctx->conf);
	struct bw_journal *j = NULL;
	int r;

	r = sriov_ctx_holds(c->ctx, &j, err);
	if (r == 0 && j)
		r = bw_journal_vf_of(j, req->container_id, req->ifname, check_vf, c, err);
	if (r == 0 && c->n != want)
		bw_drift_add(&c->base.drift, "the journal has %u VFs of it, expected %u", c->n,
			     want);
	return r;
}

static int check_pod(struct check *c, struct bw_err *err)
{
	const struct bw_link *pod = &c->base.pod;
	int r = 0;

	if (c->is_dpdk)
		return 0;
	bw_check_if(&c->base, pod, c->ctx->req->ifname, 1, 0);
	if (!pod->ifindex)
		return 0;
	if (c->ctx->conf.has_bond)
		r = sriov_bond_check(c->base.nl, &c->ctx->conf.bond, pod, &c->base.drift, err);
	return r < 0 ? r : bw_check_layer3(&c->base, err);
}

static int run(struct check *c, struct bw_err *err)
{
	struct sriov_ctx *ctx = c->ctx;
	int r;

	r = bw_check_open(&c->base, ctx->req, err);
	if (r == 0)
		r = bw_nl_netns_cookie(c->base.nl, &c->netns_id, err);
	if (r == 0 || r == -ENOPROTOOPT)
		r = sriov_ctx_host(ctx, err);
	if (r == 0)
		r = sriov_ctx_journal(ctx, err);
	if (r == 0)
		r = bw_check_ipam(&c->base, ctx->ipam, &ctx->att,
				  sriov_conf_is_foreign(&ctx->conf) ? ctx->conf.ipam_type : NULL,
				  err);
	if (r == 0)
		r = bw_check_read_pod(&c->base, err);
	if (r == 0)
		r = check_vfs(c, err);
	if (r == 0)
		r = check_pod(c, err);
	return r < 0 ? r : bw_drift_result(&c->base.drift, err);
}

int sriov_check(const struct bw_cni_request *req, struct bw_cni_result *result, struct bw_err *err)
{
	sriov_autoctx struct sriov_ctx *ctx = NULL;
	struct check c = { .base = BW_CHECK_NONE };
	int r;

	(void)result;
	r = sriov_ctx_new(req, 0, &ctx, err);
	if (r < 0)
		return r;
	c.ctx = ctx;
	r = run(&c, err);
	bw_check_done(&c.base);
	return r;
}
