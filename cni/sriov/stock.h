/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The VFs of this node as far as choosing one is concerned: what sysfs says of them and who holds
 * them. stock.c looks, pick.c chooses from what was seen.
 */
#pragma once

#include <bw/pci.h>

#include "add.h"

struct bw_err;
struct bw_journal;
struct bw_vf_hold;

#define SRIOV_STOCK_PFS_MAX 256

/* Whose a VF is. */
enum sriov_use {
	SRIOV_FREE,
	SRIOV_STALE, /* held, but the holder's namespace or boot is gone: it can be taken over */
	SRIOV_HELD,
	SRIOV_USE_MAX_,
};

struct sriov_stock_pf {
	struct bw_pci_pf pf;
	unsigned int holds; /* of its VFs, by any network */
};

struct sriov_stock_vf {
	struct bw_pci_dev dev;
	uint32_t index; /* in its PF */
	unsigned int pf; /* in sriov_stock.pfs */
	enum sriov_use use;
	char holder[64]; /* for people: container and interface; "" = none */
};

/* Owned; all zero is empty. */
struct sriov_stock {
	struct sriov_stock_pf *pfs;
	unsigned int n_pfs;
	struct sriov_stock_vf *vfs;
	unsigned int n_vfs;
	unsigned int room; /* of .vfs */
};

#define sriov_autostock BW_CLEANUP(sriov_stock_done)

void sriov_stock_done(struct sriov_stock *stock);

/**
 * sriov_stock_load() - look at PFs and their VFs
 * @root: before "/sys": "" but in tests
 * @holds: journal of the holds; NULL = nobody holds anything
 * @pfs: by name or address; those that are no PF are left out
 * @n_pfs: how many; 0 = all of the node
 * @with_held: also VFs that somebody holds; without them a busy node is looked at faster
 * @ret: empty on input; owned by the caller, also after a failure
 *
 * Return: 0; -errno.
 */
int sriov_stock_load(const char *root, struct bw_journal *holds, const struct sriov_pf_name *pfs,
		     size_t n_pfs, int with_held, struct sriov_stock *ret, struct bw_err *err);

/* What a slot's VF must be; pointers are borrowed. */
struct sriov_want {
	const char *key; /* of the configuration, for errors: "pf", "resource", "bond.pfs[0]" */
	const struct sriov_pf_name *pfs; /* in their order; none = any */
	size_t n_pfs;
	const struct sriov_selector *selectors; /* one must match; none = any */
	size_t n_selectors;
	const char *not_pf; /* address of a PF that is taken by the other slot; NULL = none */
	int numa; /* preferred node; -1 = none */
	uint8_t needs_netdev; /* a VF of user space will not do, whatever a selector names */
};

/**
 * sriov_pick() - the VFs of a stock that would do, best first (pure)
 * @stock: what is there
 * @want: what is wanted
 * @ret: free ones; only when there is none, those whose holder is dead
 *
 * The order is: preferred node, PF with the fewest holds, PF in the configuration's order or the
 * stock's, index. A VF that a driver gives to user space is only taken by a selector that names the
 * driver; one whose interface is in another namespace is somebody else's. Return: how many; at most
 * SRIOV_CANDIDATES_MAX.
 */
unsigned int sriov_pick(const struct sriov_stock *stock, const struct sriov_want *want,
			struct sriov_candidates *ret);

/**
 * sriov_pick_explain() - why sriov_pick() found nothing (pure)
 * @stock: of the whole node, with the held ones
 * @want: see above
 *
 * Return: -ENODEV class INVALID: no such PF, no VFs, none that matches or has a driver, saying what
 * is there; -EBUSY class BUSY: all that fit are held or in use, saying by whom.
 */
int sriov_pick_explain(const struct sriov_stock *stock, const struct sriov_want *want,
		       struct bw_err *err);
