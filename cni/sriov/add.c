/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ADD, as a table of steps. The record of every VF is committed before its first change; whatever
 * step fails, the VFs are given back by that record and the addresses are freed.
 */
#include <string.h>

#include <bw/clock.h>
#include <bw/err.h>
#include <bw/log.h>
#include <bw/nl.h>

#include "add.h"
#include "find.h"
#include "hold.h"
#include "move.h"
#include "pfside.h"
#include "restore.h"
#include "verbs.h"

#define CHOICES_MAX 4 /* the last one tells who holds what */
#define CARRIER_MS 500 /* an announcement without carrier is lost; sriov-cni waits for 200 */

/* The namespace and its identity, before anything changes. */
static int step_open(struct sriov_add *add, struct bw_err *err)
{
	struct sriov_ctx *ctx = add->ctx;
	int r;

	add->n_wanted = sriov_conf_n_vfs(&ctx->conf);
	add->pod.ifname = ctx->req->ifname;
	r = bw_pod_open(&add->pod, ctx->req->netns, ctx->conf.announce && ctx->conf.ipam_type, err);
	if (r == 0)
		r = sriov_ctx_host(ctx, err);
	if (r == 0)
		r = bw_boot_id(ctx->att.boot_id, err);
	if (r == 0)
		r = bw_nl_netns_cookie(add->pod.nl, &ctx->att.netns_id, err);
	ctx->att.since_s = bw_clock_real_s();
	return r;
}

static int step_prev_result(struct sriov_add *add, struct bw_err *err)
{
	return bw_own_begin(&add->own, add->ctx->req, err);
}

static int undo_journal(void *arg, struct bw_err *err)
{
	struct sriov_ctx *ctx = arg;

	return bw_ipam_abort(ctx->ipam, ctx->att.container_id, ctx->att.ifname, err);
}

/* The container of @stale is gone: its VFs come back, then its addresses are free. */
static int finish_stale(const struct bw_attachment *stale, void *arg, struct bw_err *err)
{
	if (strcmp(stale->program, SRIOV_PROGRAM) != 0)
		return 0;
	return sriov_restore_all(arg, stale->container_id, stale->ifname, NULL, NULL, err);
}

static int step_journal(struct sriov_add *add, struct bw_err *err)
{
	struct sriov_ctx *ctx = add->ctx;
	int r = sriov_ctx_journal(ctx, err);

	if (r == 0)
		r = bw_ipam_add(ctx->ipam, &ctx->att, finish_stale, ctx, add->own.result, err);
	if (r == 0)
		bw_undo_push(&add->undo, undo_journal, ctx,
			     "remove the attachment from the journal");
	return r;
}

/* Of several that would do, the first that nobody takes before us. */
static int hold_one(struct sriov_add *add, const struct sriov_candidates *c,
		    struct sriov_found *found, struct bw_err *err)
{
	struct sriov_vf *vf = &add->vfs[add->n_vfs];
	unsigned int slot = add->n_vfs;
	int r = -EBUSY;

	for (unsigned int i = 0; i < c->n && r == -EBUSY; i++) {
		memset(vf, 0, sizeof(*vf));
		vf->add = add;
		vf->slot = slot;
		vf->lock = -1;
		memcpy(vf->pci, c->pci[i], sizeof(vf->pci));
		r = sriov_hold_take(vf, found, err);
		if (vf->hold) /* taken over, and then it failed: it is given back as this one */
			break;
	}
	if (r == 0)
		add->n_vfs++;
	return r;
}

/* Others choose too: what was free may be held when it is tried, and then the choice is another. */
static int hold_slot(struct sriov_add *add, unsigned int slot, struct sriov_candidates *c,
		     struct bw_err *err)
{
	int r = -EBUSY;

	for (int i = 0; i < CHOICES_MAX && r == -EBUSY; i++) {
		c->n = 0;
		r = sriov_select(add, slot, c, err);
		if (r < 0)
			break;
		r = hold_one(add, c, &add->found[slot], err);
		if (sriov_conf_is_named(&add->ctx->conf) || add->vfs[slot].hold)
			break;
	}
	return r;
}

static int step_hold(struct sriov_add *add, struct bw_err *err)
{
	bw_autofree struct sriov_candidates *c = calloc(1, sizeof(*c));
	int r = 0;

	if (!c)
		return bw_fail(err, ENOMEM, "choose a VF");
	for (unsigned int slot = 0; slot < add->n_wanted && r == 0; slot++)
		r = hold_slot(add, slot, c, err);
	return r;
}

/* A foreign IPAM runs with no lock held. */
static int step_delegate(struct sriov_add *add, struct bw_err *err)
{
	struct sriov_ctx *ctx = add->ctx;

	if (!sriov_conf_is_foreign(&ctx->conf))
		return 0;
	sriov_hold_unlock(add);
	add->foreign = (struct bw_foreign){ .req = ctx->req, .type = ctx->conf.ipam_type };
	return bw_foreign_add(&add->foreign, &add->undo, &add->own, err);
}

static int step_layer3(struct sriov_add *add, struct bw_err *err)
{
	const struct sriov_conf *conf = &add->ctx->conf;

	if (conf->ipam_type && !bw_own_n_ips(&add->own))
		return bw_reject(err, BW_ERR_INVALID, EINVAL,
				 "ipam.type: \"%s\" returned no address", conf->ipam_type);
	return bw_own_dns(&add->own, &conf->dns, err);
}

static int step_pf_side(struct sriov_add *add, struct bw_err *err)
{
	int r = sriov_hold_lock(add, err);

	for (unsigned int i = 0; i < add->n_vfs && r == 0; i++) {
		const struct sriov_vf *vf = &add->vfs[i];
		const struct sriov_original *o = &vf->original;

		if (o->what)
			r = sriov_pfside_apply(add->ctx->host, vf->pf_ifindex, &o->was.pf, &o->want,
					       o->what, err);
	}
	return r;
}

/* Has the VF ask its PF for the MAC, where its driver does that on a reset alone. */
static int learn_mac(struct sriov_add *add, struct sriov_vf *vf, struct bw_link *link,
		     struct bw_err *err)
{
	const struct sriov_original *o = &vf->original;

	if (!o->has_mac || bw_mac_eq(&link->mac, &o->mac) ||
	    !sriov_move_needs_relearn(o->was.driver))
		return 0;
	return sriov_move_relearn(add->ctx->host, link, o->mtu ? o->mtu : link->mtu, err);
}

static int move_one(struct sriov_add *add, unsigned int slot, struct bw_err *err)
{
	struct sriov_vf *vf = &add->vfs[slot];
	struct bw_link *link = &add->found[slot].link;
	int r;

	if (vf->is_dpdk)
		return 0;
	r = learn_mac(add, vf, link, err);
	if (r == 0)
		r = sriov_move_in(add->ctx->host, vf, link, add->pod.nl, add->pod.ns.fd,
				  !add->ctx->conf.has_bond, err);
	return r < 0 ? bw_wrap(err, r, "give VF %s to the container", vf->pci) : 0;
}

/* The pod's interface is the VF's own, or none, or the bond that a later step makes. */
static int step_move(struct sriov_add *add, struct bw_err *err)
{
	const struct sriov_vf *vf = &add->vfs[0];
	int r = 0;

	for (unsigned int i = 0; i < add->n_vfs && r == 0; i++)
		r = move_one(add, i, err);
	if (r < 0)
		return r;
	add->pod.ifindex = vf->is_dpdk ? 0 : vf->ifindex;
	add->pod.mac = vf->is_dpdk && vf->original.has_mac ? vf->original.mac : vf->mac;
	if (vf->is_dpdk && !vf->original.has_mac)
		add->pod.mac = vf->original.was.pf.mac;
	add->mtu = vf->mtu;
	return 0;
}

static int step_bond(struct sriov_add *add, struct bw_err *err)
{
	return add->ctx->conf.has_bond ? sriov_bond_make(add, err) : 0;
}

/* Asking the segment is a wait: no lock is held meanwhile, the holds keep the VFs ours. */
static int step_probe(struct sriov_add *add, struct bw_err *err)
{
	const enum bw_probe_mode mode = add->ctx->conf.probe;
	int r;

	if (mode == BW_PROBE_OFF || !bw_own_n_ips(&add->own) || !add->pod.ifindex)
		return 0;
	sriov_hold_unlock(add);
	r = bw_link_wait_carrier(&add->pod.ns, add->pod.ifindex, CARRIER_MS, err);
	if (r == 0 || r == -ETIMEDOUT)
		r = bw_pod_probe(&add->pod, &add->own, mode, add->vfs[0].pf_name, NULL, err);
	return r < 0 ? r : sriov_hold_lock(add, err);
}

static int step_pod(struct sriov_add *add, struct bw_err *err)
{
	return add->pod.ifindex ? bw_pod_configure(&add->pod, &add->own, err) : 0;
}

static int step_rdma(struct sriov_add *add, struct bw_err *err)
{
	int r = 0;

	for (unsigned int i = 0; i < add->n_vfs && r == 0; i++)
		if (!add->vfs[i].is_dpdk)
			r = sriov_rdma_move(add, &add->vfs[i], err);
	return r;
}

/* The pod's interface first: the addresses are its own. A bond's VFs follow, for their pciID. */
static int put_if(struct sriov_add *add, const char *name, const char *pci, uint32_t mtu,
		  struct bw_err *err)
{
	/* the result copies the texts */
	struct bw_cni_if i = { .name = (char *)(uintptr_t)name,
			       .sandbox = (char *)(uintptr_t)add->ctx->req->netns,
			       .pci_id = (char *)(uintptr_t)pci,
			       .mac = add->pod.mac,
			       .has_mac = !bw_mac_is_zero(&add->pod.mac),
			       .mtu = mtu };

	return bw_cni_result_add_if(add->own.result, &i, err);
}

static int step_result(struct sriov_add *add, struct bw_err *err)
{
	const int is_bond = add->ctx->conf.has_bond;
	int r = put_if(add, add->ctx->req->ifname, is_bond ? NULL : add->vfs[0].pci, add->mtu, err);

	for (unsigned int i = 0; is_bond && i < add->n_vfs && r == 0; i++)
		r = put_if(add, add->vfs[i].original.pod_name, add->vfs[i].pci, add->vfs[i].mtu,
			   err);
	bw_own_bind(&add->own, 0);
	add->ctx->att.mac = add->pod.mac;
	return r;
}

static int hold_live(struct sriov_add *add, struct bw_journal *j, struct bw_err *err)
{
	const struct bw_attachment *a = &add->ctx->att;

	for (unsigned int i = 0; i < add->n_vfs; i++) {
		int r = bw_journal_vf_state(j, add->vfs[i].pci, add->vfs[i].hold, BW_VF_HOLD_LIVE,
					    err);

		if (r == 0)
			return bw_reject(err, BW_ERR_BUSY, ECANCELED,
					 "container %.80s %s was deleted while it was being added",
					 a->container_id, a->ifname);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Adding becomes Live unless a DEL came meanwhile. One transaction where one file has both. */
static int step_live(struct sriov_add *add, struct bw_err *err)
{
	struct sriov_ctx *ctx = add->ctx;
	struct bw_journal *j = NULL;
	int r = sriov_ctx_holds(ctx, &j, err);

	if (r == 0)
		r = sriov_hold_begin(j, err);
	if (r < 0)
		return r;
	r = hold_live(add, j, err);
	if (r >= 0 && j == bw_ipam_journal(ctx->ipam)) {
		r = bw_ipam_update_live(ctx->ipam, &ctx->att, err);
		r = sriov_hold_end(j, r, err);
	} else {
		r = sriov_hold_end(j, r, err);
		if (r >= 0)
			r = bw_ipam_update_live(ctx->ipam, &ctx->att, err);
	}
	if (r == 0)
		sriov_hold_unlock(add);
	return r;
}

typedef int (*step_fn)(struct sriov_add *add, struct bw_err *err);

static const step_fn steps[] = {
	step_open,   step_prev_result, step_journal, step_hold, step_delegate,
	step_layer3, step_pf_side,     step_move,    step_bond, step_probe,
	step_pod,    step_rdma,        step_result,  step_live,
};

/* What is said while nobody can hear it is lost: the carrier comes first. */
static void announce(struct sriov_add *add)
{
	struct bw_err why = { 0 };
	int r;

	if (!add->pod.ifindex || !bw_own_n_ips(&add->own))
		return;
	r = bw_pod_local_wait(&add->pod, &add->own, &why);
	if (!add->ctx->conf.announce)
		return;
	if (r == 0)
		r = bw_link_wait_carrier(&add->pod.ns, add->pod.ifindex, CARRIER_MS, &why);
	if (r == 0)
		r = bw_pod_announce(&add->pod, &add->own, &why);
	if (r < 0)
		bw_log_warn("the addresses were not announced", "error", why.msg);
}

static void add_free(struct sriov_add *add)
{
	bw_undo_run(&add->undo);
	sriov_hold_unlock(add);
	bw_pod_close(&add->pod);
	sriov_ctx_free(&add->ctx);
	free(add);
}

int sriov_add(const struct bw_cni_request *req, struct bw_cni_result *result, struct bw_err *err)
{
	struct sriov_add *add = calloc(1, sizeof(*add));
	int r;

	if (!add)
		return bw_fail(err, ENOMEM, "serve ADD");
	add->own.result = result;
	add->pod = BW_POD_NONE;
	r = sriov_ctx_new(req, 0, &add->ctx, err);
	for (size_t i = 0; i < BW_ARRAY_SIZE(steps) && r == 0; i++)
		r = steps[i](add, err);
	if (r == 0) {
		bw_undo_commit(&add->undo);
		announce(add);
		bw_pod_leave(&add->pod);
		add->ctx->host->fd = -1;
	}
	add_free(add);
	return r;
}
