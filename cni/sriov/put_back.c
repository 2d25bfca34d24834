/* SPDX-License-Identifier: Apache-2.0 */
/* The engine of giving a VF back. */
#include <stdio.h>
#include <string.h>

#include <bw/err.h>
#include <bw/log.h>
#include <bw/nl.h>
#include <bw/pci.h>

#include "add.h"
#include "alias.h"
#include "hold.h"
#include "move.h"
#include "pfside.h"
#include "put_back.h"

#define SYSFS ""
#define AGAIN 1 /* a round's result: look anew */
#define ROUNDS_MAX 16 /* each does one thing that cannot be needed often */
#define RETURN_MS 10000 /* the kernel takes a dead namespace apart from a work queue */
#define DRIVER_MS 10000 /* a driver's probe; some ask their PF over a slow mailbox */

struct sriov_back *sriov_back_new(struct sriov_ctx *ctx)
{
	struct sriov_back *b = calloc(1, sizeof(*b));

	if (!b)
		return NULL;
	b->ctx = ctx;
	b->lock = -1;
	b->place = SRIOV_PLACE_NONE;
	return b;
}

void sriov_back_free(struct sriov_back **back)
{
	if (!back || !*back)
		return;
	sriov_place_done(&(*back)->place);
	bw_autoclose_fn(&(*back)->lock);
	free(*back);
	*back = NULL;
}

static void unlock(struct sriov_back *b)
{
	bw_autoclose_fn(&b->lock);
	b->lock = -1;
}

/* What cannot be put back now is remembered, not fatal. */
static void note(struct sriov_back *b, int r, const struct bw_err *why)
{
	if (r >= 0)
		return;
	bw_log_warn("a VF is not as it was", "vf", b->pci, "error", why->msg);
	if (!b->refused)
		b->refused = r;
}

/* 1 the row is still that of this hold; 0 it is not; -errno. */
static int is_ours(struct sriov_back *b, struct bw_err *err)
{
	bw_autofree struct bw_vf_hold *h = malloc(sizeof(*h));
	struct bw_journal *j = NULL;
	int r;

	if (!h)
		return bw_fail(err, ENOMEM, "read the hold of a VF");
	r = sriov_ctx_holds(b->ctx, &j, err);
	if (r < 0 || !j)
		return r;
	r = bw_journal_vf_get(j, b->pci, h, err);
	return r == 1 ? h->id == b->id : r;
}

/* Stores the record: what it says is about to be true. */
static int store(struct sriov_back *b, struct bw_err *err)
{
	bw_autofree struct bw_vf_hold *h = calloc(1, sizeof(*h));
	struct bw_journal *j = NULL;
	int r;

	if (!h)
		return bw_fail(err, ENOMEM, "store the record of a VF");
	h->id = b->id;
	memcpy(h->pci, b->pci, sizeof(h->pci));
	r = sriov_original_text(&b->o, h->record, err);
	if (r == 0)
		r = sriov_ctx_holds(b->ctx, &j, err);
	if (r == 0)
		r = sriov_hold_begin(j, err);
	if (r == 0)
		r = sriov_hold_end(j, bw_journal_vf_record(j, h, err), err);
	return r < 0 ? r : 0;
}

static int drop(struct sriov_back *b, struct bw_err *err)
{
	struct bw_journal *j = NULL;
	int r = sriov_ctx_holds(b->ctx, &j, err);

	if (r < 0 || !j)
		return r;
	r = sriov_hold_begin(j, err);
	if (r == 0)
		r = sriov_hold_end(
			j, bw_journal_vf_drop(j, b->pci, b->container_id, b->ifname, b->id, err),
			err);
	return r < 0 ? r : 0;
}

/* The VF is somewhere we cannot see: nobody may be kept waiting by us while the kernel works. */
static int wait_for_it(struct sriov_back *b, struct bw_err *err)
{
	struct bw_link link;
	int r;

	unlock(b);
	r = bw_link_wait_pci(NULL, b->pci, RETURN_MS, &link, err);
	return r < 0 ? bw_wrap(err, r, "wait for VF %s to come back", b->pci) : AGAIN;
}

/* The MTU to write before a VF is closed; 0 = its driver can be closed at any time. */
static uint32_t settle_mtu(const struct sriov_found *found, uint32_t mtu)
{
	const unsigned int runs = IFF_UP | BW_IFF_LOWER_UP;

	if (!sriov_move_needs_relearn(found->pci.dev.driver) || (found->pf.flags & runs) == runs)
		return 0;
	return mtu;
}

static int bring_home(struct sriov_back *b, struct bw_err *err)
{
	struct sriov_place *place = &b->place;
	char name[BW_LINK_NAME_MAX + 1];
	struct bw_err why = { 0 };
	int r = sriov_bond_remove(place->pod, b->ifname, &why);

	memcpy(name, b->o.was.name[0] ? b->o.was.name : place->link.name, sizeof(name));
	if (r < 0) /* a slave leaves its bond on the move */
		bw_log_warn("a bond was not removed", "if", b->ifname, "error", why.msg);
	r = sriov_rdma_return(&place->ns, b->pci, &why);
	if (r < 0)
		bw_log_warn("an RDMA device was not brought back", "vf", b->pci, "error", why.msg);
	r = sriov_move_home(place, name,
			    settle_mtu(&b->found, b->o.was.mtu ? b->o.was.mtu : place->link.mtu),
			    err);
	if (r < 0)
		return bw_wrap(err, r, "bring VF %s home", b->pci);
	sriov_place_done(place);
	/* Where it has its name all the rest is known; else another look tells. */
	if (bw_link_get(b->ctx->host, 0, name, &place->link, NULL) < 0 ||
	    strcmp(place->link.parent, b->pci) != 0)
		return AGAIN;
	place->where = SRIOV_ON_HOST;
	return 0;
}

/* The driver it had, where it is another now: only that brings the netdev back. */
static int bring_driver(struct sriov_back *b, struct bw_err *err)
{
	struct bw_err why = { 0 };
	int r;

	b->driver_tried = 1;
	r = bw_pci_unbind(SYSFS, b->pci, &why);
	if (r == 0 && b->found.pci.dev.driver_override[0])
		r = bw_pci_override(SYSFS, b->pci, "", &why);
	if (r == 0)
		r = bw_pci_bind(SYSFS, b->pci, b->o.was.driver, DRIVER_MS, &why);
	note(b, r, &why);
	(void)err;
	return AGAIN;
}

/* The administrator's MAC. AGAIN when the netdev is a new one now. */
static int put_mac_back(struct sriov_back *b, const struct bw_vf *now, struct bw_err *err)
{
	int has_netdev = b->place.where == SRIOV_ON_HOST;
	enum sriov_mac_step step = sriov_pfside_mac(&b->o, now, has_netdev);
	struct bw_err why = { 0 };
	int r = 0;

	if (step == SRIOV_MAC_KEEP || b->rebound)
		return 0;
	if (step == SRIOV_MAC_WRITE_REBIND && !b->o.rebind) {
		b->o.rebind = 1;
		r = store(b, err);
		if (r < 0)
			return r;
	}
	if (step != SRIOV_MAC_REBIND)
		r = sriov_pfside_revert(b->ctx->host, b->found.pf.ifindex, now, &b->o.was.pf,
					BW_VF_SET_MAC, &why);
	if (r < 0 || step == SRIOV_MAC_WRITE) {
		note(b, r, &why);
		return 0;
	}
	b->rebound = 1;
	r = bw_pci_rebind(SYSFS, b->pci, DRIVER_MS, &why);
	note(b, r, &why);
	return AGAIN;
}

static int put_pf_side_back(struct sriov_back *b, struct bw_err *err)
{
	const unsigned int what = b->o.what & ~BW_VF_SET_MAC;
	struct bw_err why = { 0 };
	struct bw_vf now = { 0 };
	int r;

	if (!b->o.what)
		return 0;
	if (!b->found.pf.ifindex) {
		r = bw_reject(&why, BW_ERR_BUSY, ENODEV, "the PF's interface is not here");
		note(b, r, &why);
		return 0;
	}
	r = bw_vf_get(b->ctx->host, b->found.pf.ifindex, b->found.pci.index, &now, &why);
	if (r == 0)
		r = sriov_pfside_revert(b->ctx->host, b->found.pf.ifindex, &now, &b->o.was.pf, what,
					&why);
	note(b, r, &why);
	return put_mac_back(b, &now, err);
}

static void tidy(struct sriov_back *b)
{
	struct bw_err why = { 0 };

	if (b->place.where == SRIOV_ON_HOST && b->o.was.has_netdev)
		note(b, sriov_move_tidy(b->ctx->host, &b->place.link, &b->o.was, &why), &why);
}

static int is_other_driver(const struct sriov_back *b)
{
	return !b->driver_tried && b->o.was.driver[0] &&
	       strcmp(b->o.was.driver, b->found.pci.dev.driver) != 0;
}

/* One look and what follows from it, under the lock. 0 done; AGAIN; -errno. */
static int work(struct sriov_back *b, struct bw_err *err)
{
	int r;

	sriov_place_done(&b->place);
	r = sriov_find_place(&b->found, b->leads, b->n_leads, b->o.alias, &b->place, err);
	if (r < 0)
		return r;
	if (b->place.where == SRIOV_IN_POD)
		r = bring_home(b, err);
	if (r)
		return r;
	if (is_other_driver(b))
		return bring_driver(b, err);
	if (b->place.where == SRIOV_AWAY)
		return wait_for_it(b, err);
	r = put_pf_side_back(b, err);
	if (r == 0)
		tidy(b);
	return r;
}

/* The hold ends here, unless something is left for the next holder to try. */
static int finish(struct sriov_back *b, struct bw_err *err)
{
	int r;

	if (b->refused && b->keeps)
		return bw_reject(err, BW_ERR_BUSY, EBUSY,
				 "VF %s still has settings of its last holder: its driver refuses "
				 "to change them",
				 b->pci);
	if (!b->refused)
		return b->keeps ? 0 : drop(b, err);
	b->o.pending = 1;
	r = store(b, err);
	unlock(b);
	return r;
}

static int cancelled(const struct sriov_back *b, struct bw_err *err)
{
	return bw_reject(err, BW_ERR_BUSY, ECANCELED, "%s %s was deleted while it was being added",
			 b->container_id, b->ifname);
}

int sriov_back_run(struct sriov_back *b, struct bw_err *err)
{
	struct bw_err why = { 0 };
	int r = AGAIN;

	for (int i = 0; i < ROUNDS_MAX && r == AGAIN; i++) {
		if (b->lock < 0) {
			r = sriov_lock_take(b->pci, &b->lock, err);
			if (r == 0)
				r = is_ours(b, err);
			if (r <= 0)
				return r == 0 && b->keeps ? cancelled(b, err) : r;
		}
		r = sriov_find_look(b->ctx, b->pci, &b->found, NULL, &why);
		if ((r == -ENODEV || r == -ENXIO) && !b->keeps)
			return drop(b, err);
		if (r < 0) {
			if (err)
				*err = why;
			return r;
		}
		r = work(b, err);
	}
	if (r == AGAIN)
		return bw_reject(err, BW_ERR_BUSY, EBUSY, "VF %s does not come to rest", b->pci);
	return r < 0 ? r : finish(b, err);
}

/* The driver's defaults of what an attachment may have set. */
static int defaults(struct sriov_ctx *ctx, const struct sriov_found *found, struct bw_err *err)
{
	const struct bw_vf fresh = { .has = BW_VF_ALL, .proto = BW_VF_PROTO_8021Q, .spoofchk = 1 };
	struct bw_vf now = { 0 };
	int r;

	if (!found->pf.ifindex)
		return 0;
	r = bw_vf_get(ctx->host, found->pf.ifindex, found->pci.index, &now, err);
	if (r < 0)
		return r;
	return sriov_pfside_revert(
		ctx->host, found->pf.ifindex, &now, &fresh,
		BW_VF_SET_VLAN | BW_VF_SET_RATE | BW_VF_SET_SPOOFCHK | BW_VF_SET_TRUST, err);
}

/* Name first, alias last: killed in between, the next one finds it by its alias again. */
static int rename_home(struct bw_nl *host, const struct bw_link *link, const char *name,
		       struct bw_err *err)
{
	struct bw_link_set down = { .what = BW_LINK_SET_DOWN };
	struct bw_link_set rename = { .what = BW_LINK_SET_NAME, .name = name };
	struct bw_link_set alias = { .what = BW_LINK_SET_ALIAS, .alias = "" };
	struct bw_nl_batch *b = bw_nl_begin(host);

	bw_link_put_set(b, link->ifindex, link->name, &down);
	if (strcmp(link->name, name) != 0) {
		bw_link_put_set(b, link->ifindex, link->name, &rename);
		bw_nl_tolerate(b, EEXIST);
	}
	bw_link_put_set(b, link->ifindex, link->name, &alias);
	return bw_nl_talk(host, b, err);
}

int sriov_back_is_held(struct sriov_ctx *ctx, const char *pci, struct bw_err *err)
{
	bw_autofree struct bw_vf_hold *h = malloc(sizeof(*h));
	struct bw_journal *j = NULL;

	if (!h)
		return bw_fail(err, ENOMEM, "read the hold of a VF");
	/* No journal, no holds: what can be read elsewhere has to do. */
	if (sriov_ctx_holds(ctx, &j, NULL) < 0 || !j)
		return 0;
	return bw_journal_vf_get(j, pci, h, err);
}

/* Whether the netdev is where it was seen, and carries the alias. 1, 0; -errno. */
static int is_still(struct sriov_ctx *ctx, struct sriov_place *place, struct bw_err *err)
{
	struct bw_nl *nl = place->where == SRIOV_IN_POD ? place->pod : ctx->host;
	struct bw_link now = { 0 };
	int r = bw_link_get(nl, place->link.ifindex, place->link.name, &now, err);

	if (r < 0)
		return r == -ENODEV ? 0 : r;
	return strcmp(now.alias, place->link.alias) == 0;
}

int sriov_back_lost(struct sriov_ctx *ctx, const struct sriov_found *found,
		    struct sriov_place *place, const struct sriov_alias *alias, struct bw_err *err)
{
	struct bw_link_set down = { .what = BW_LINK_SET_DOWN };
	const char *pci = found->pci.dev.pci;
	bw_autoclose int lock = -1;
	struct bw_err why = { 0 };
	int r = sriov_lock_take(pci, &lock, err);

	if (r == 0)
		r = sriov_back_is_held(ctx, pci, err);
	if (r)
		return r < 0 ? r : 0;
	r = is_still(ctx, place, err);
	if (r <= 0)
		return r;
	r = 0;
	/* Nothing may leave the pod by the VF once its VLAN is gone. */
	if (place->where == SRIOV_IN_POD)
		r = bw_link_set(place->pod, place->link.ifindex, place->link.name, &down, err);
	if (r < 0)
		return r;
	r = defaults(ctx, found, &why);
	if (r < 0)
		bw_log_warn("a VF is not reset", "vf", pci, "error", why.msg);
	if (place->where != SRIOV_IN_POD)
		return rename_home(ctx->host, &place->link, alias->host_name, err);
	(void)sriov_bond_remove(place->pod, alias->ifname, NULL); /* the move frees it, ignoring */
	(void)sriov_rdma_return(&place->ns, pci, NULL); /* may have none, ignoring */
	return sriov_move_home(place, alias->host_name, settle_mtu(found, place->link.mtu), err);
}
