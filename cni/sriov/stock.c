/* SPDX-License-Identifier: Apache-2.0 */
/* Looks at the node's VFs: holds out of the journal first, then sysfs, PF by PF. */
#include <stdio.h>
#include <string.h>

#include <bw/clock.h>
#include <bw/err.h>
#include <bw/journal.h>
#include <bw/netns.h>

#include "stock.h"

#define GROW_MIN 16

/* A hold as far as the stock needs it. */
struct held {
	char pci[BW_PCI_ADDR_MAX + 1];
	char pf[BW_PCI_ADDR_MAX + 1];
	char holder[64];
	enum sriov_use use;
};

struct holds {
	struct held *items; /* owned */
	size_t n;
	size_t room;
	char boot_id[BW_BOOT_ID_LEN + 1];
};

static void holds_done(struct holds *h)
{
	free(h->items);
	h->items = NULL;
}

void sriov_stock_done(struct sriov_stock *stock)
{
	if (!stock)
		return;
	free(stock->pfs);
	free(stock->vfs);
	*stock = (struct sriov_stock){ .pfs = NULL };
}

/* A holder is dead when its boot or its namespace is gone; who cannot be judged lives. */
static enum sriov_use judge(const struct bw_vf_hold *h, const char *boot_id)
{
	if (h->boot_id[0] && strcmp(h->boot_id, boot_id) != 0)
		return SRIOV_STALE;
	if (h->netns[0] && bw_netns_alive(h->netns, h->netns_id, NULL) == 0)
		return SRIOV_STALE;
	return SRIOV_HELD;
}

static int take_hold(const struct bw_vf_hold *h, void *arg, struct bw_err *err)
{
	struct holds *holds = arg;
	struct held *item;

	if (holds->n == holds->room) {
		size_t room = holds->room ? holds->room * 2 : GROW_MIN;
		struct held *more = reallocarray(holds->items, room, sizeof(*more));

		if (!more)
			return bw_fail(err, ENOMEM, "read the holds of VFs");
		holds->items = more;
		holds->room = room;
	}
	item = &holds->items[holds->n++];
	memset(item, 0, sizeof(*item));
	memcpy(item->pci, h->pci, sizeof(item->pci));
	memcpy(item->pf, h->pf, sizeof(item->pf));
	/* for people: cut is fine, ignoring */
	(void)snprintf(item->holder, sizeof(item->holder), "%.40s/%s", h->container_id, h->ifname);
	item->use = judge(h, holds->boot_id);
	return 0;
}

static const struct held *find_hold(const struct holds *holds, const char *pci)
{
	for (size_t i = 0; i < holds->n; i++)
		if (strcmp(holds->items[i].pci, pci) == 0)
			return &holds->items[i];
	return NULL;
}

/* What a walk over a PF's VFs carries. */
struct walk {
	const char *root;
	const struct holds *holds;
	struct sriov_stock *stock;
	int with_held;
};

static int grow(struct sriov_stock *stock, struct bw_err *err)
{
	unsigned int room = stock->room ? stock->room * 2 : GROW_MIN;
	struct sriov_stock_vf *more;

	if (stock->n_vfs < stock->room)
		return 0;
	more = reallocarray(stock->vfs, room, sizeof(*more));
	if (!more)
		return bw_fail(err, ENOMEM, "look at the VFs");
	stock->vfs = more;
	stock->room = room;
	return 0;
}

static int take_vf(const char *pci, uint32_t index, void *arg, struct bw_err *err)
{
	struct walk *w = arg;
	struct sriov_stock *stock = w->stock;
	const struct held *hold = find_hold(w->holds, pci);
	struct sriov_stock_vf *vf;
	int r;

	if (hold && !w->with_held)
		return 0;
	r = grow(stock, err);
	if (r < 0)
		return r;
	vf = &stock->vfs[stock->n_vfs];
	memset(vf, 0, sizeof(*vf));
	r = bw_pci_look(w->root, pci, &vf->dev, err);
	if (r == -ENODEV) /* it went meanwhile: VFs are made and taken away at any time */
		return 0;
	if (r < 0)
		return r;
	vf->index = index;
	vf->pf = stock->n_pfs - 1;
	vf->use = hold ? hold->use : SRIOV_FREE;
	if (hold)
		memcpy(vf->holder, hold->holder, sizeof(vf->holder));
	stock->n_vfs++;
	return 0;
}

static int has_pf(const struct sriov_stock *stock, const char *pci)
{
	for (unsigned int i = 0; i < stock->n_pfs; i++)
		if (strcmp(stock->pfs[i].pf.dev.pci, pci) == 0)
			return 1;
	return 0;
}

/* One PF and its VFs; a PF named twice counts once. */
static int take_pf(const struct bw_pci_pf *pf, struct walk *w, struct bw_err *err)
{
	struct sriov_stock *stock = w->stock;
	struct sriov_stock_pf *to;
	int r;

	if (stock->n_pfs == SRIOV_STOCK_PFS_MAX || has_pf(stock, pf->dev.pci))
		return 0;
	to = &stock->pfs[stock->n_pfs];
	to->pf = *pf;
	stock->n_pfs++;
	for (size_t i = 0; i < w->holds->n; i++)
		to->holds += strcmp(w->holds->items[i].pf, pf->dev.pci) == 0;
	r = bw_pci_vfs(w->root, pf->dev.pci, take_vf, w, err);
	return r == -ENODEV ? 0 : r;
}

static int take_pf_address(const char *pci, void *arg, struct bw_err *err)
{
	struct walk *w = arg;
	struct bw_pci_pf pf;
	int r = bw_pci_pf_look(w->root, pci, &pf, err);

	if (r == -ENODEV || r == -ENXIO)
		return 0;
	return r < 0 ? r : take_pf(&pf, w, err);
}

static int load_named(const struct sriov_pf_name *pfs, size_t n, struct walk *w, struct bw_err *err)
{
	for (size_t i = 0; i < n; i++) {
		struct bw_pci_pf pf;
		int r = bw_pci_pf_find(w->root, pfs[i].s, &pf, err);

		if (r == -ENODEV || r == -ENXIO)
			continue;
		if (r == 0)
			r = take_pf(&pf, w, err);
		if (r < 0)
			return r;
	}
	return 0;
}

int sriov_stock_load(const char *root, struct bw_journal *holds, const struct sriov_pf_name *pfs,
		     size_t n_pfs, int with_held, struct sriov_stock *ret, struct bw_err *err)
{
	BW_CLEANUP(holds_done) struct holds held = { .items = NULL };
	struct walk w = { root, &held, ret, with_held };
	struct bw_err why = { 0 }; /* what was left out is no error */
	int r;

	r = bw_boot_id(held.boot_id, err);
	if (r == 0 && holds)
		r = bw_journal_vf_each(holds, take_hold, &held, err);
	if (r < 0)
		return r;
	ret->pfs = calloc(SRIOV_STOCK_PFS_MAX, sizeof(*ret->pfs));
	if (!ret->pfs)
		return bw_fail(err, ENOMEM, "look at the PFs");
	r = n_pfs ? load_named(pfs, n_pfs, &w, &why) : bw_pci_pfs(root, take_pf_address, &w, &why);
	if (r < 0 && err)
		*err = why;
	return r;
}
