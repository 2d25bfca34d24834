/* SPDX-License-Identifier: Apache-2.0 */
/* Which VFs may serve an attachment: the one that is named, or a choice out of what is there. */
#include <string.h>

#include <bw/err.h>

#include "stock.h"

/* What the configuration wants of a slot. */
static struct sriov_want want_of(const struct sriov_add *add, unsigned int slot)
{
	static const char *const bond_keys[SRIOV_SLAVES] = { "bond.pfs[0]", "bond.pfs[1]" };
	const struct sriov_conf *c = &add->ctx->conf;
	struct sriov_want want = {
		.key = c->pfs.n ? "pf" : "resource",
		.pfs = c->pfs.items,
		.n_pfs = c->pfs.n,
		.selectors = c->selectors.items,
		.n_selectors = c->selectors.n,
		.numa = c->has_numa ? c->numa : -1,
	};

	if (c->has_bond) {
		want.key = bond_keys[slot];
		want.pfs = &c->bond.pfs[slot];
		want.n_pfs = 1;
		want.needs_netdev = 1;
		want.not_pf = slot ? add->vfs[0].pf_pci : NULL;
	}
	return want;
}

/* A VF that is named: for a bond's second one its PF must be another. */
static int named(const struct sriov_add *add, unsigned int slot, struct sriov_candidates *ret,
		 struct bw_err *err)
{
	const struct sriov_conf *c = &add->ctx->conf;
	const struct sriov_pci *pci = c->has_bond ? &c->bond.devices[slot] : &c->device;
	struct bw_pci_vf vf;
	int r;

	if (slot) {
		r = bw_pci_vf_look("", pci->s, &vf, err);
		if (r == -ENODEV)
			return bw_reject(err, BW_ERR_INVALID, ENODEV,
					 "bond.deviceIDs[1]: there is no VF %s on this node",
					 pci->s);
		if (r < 0)
			return r;
		if (strcmp(vf.pf.pci, add->vfs[0].pf_pci) == 0)
			return bw_reject(err, BW_ERR_INVALID, EINVAL,
					 "bond.deviceIDs: expected VFs of two PFs, got %s and %s, "
					 "both of %s",
					 c->bond.devices[0].s, pci->s, vf.pf.pci);
	}
	memcpy(ret->pci[0], pci->s, sizeof(pci->s));
	ret->n = 1;
	return 0;
}

int sriov_select(struct sriov_add *add, unsigned int slot, struct sriov_candidates *ret,
		 struct bw_err *err)
{
	const struct sriov_conf *c = &add->ctx->conf;
	struct sriov_want want = want_of(add, slot);
	struct bw_journal *holds = NULL;
	sriov_autostock struct sriov_stock stock = { .pfs = NULL };
	sriov_autostock struct sriov_stock all = { .pfs = NULL };
	int r;

	if (sriov_conf_is_named(c))
		return named(add, slot, ret, err);
	r = sriov_ctx_holds(add->ctx, &holds, err);
	if (r < 0)
		return r;
	r = sriov_stock_load("", holds, want.pfs, want.n_pfs, 0, &stock, err);
	if (r < 0)
		return r;
	if (sriov_pick(&stock, &want, ret))
		return 0;
	/* Nothing is free: the rare case that is worth a look at everything. */
	r = sriov_stock_load("", holds, NULL, 0, 1, &all, err);
	if (r < 0)
		return r;
	return sriov_pick(&all, &want, ret) ? 0 : sriov_pick_explain(&all, &want, err);
}
