/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine of giving a VF back: look, do the one next thing, look again, until the VF is what its
 * record says it was. The invariants are those of restore.h.
 */
#pragma once

#include "find.h"
#include "original.h"

struct bw_err;
struct sriov_alias;

#define SRIOV_LEADS_MAX 3

/* One VF to be given back. 18 KiB: keep it on the heap. */
struct sriov_back {
	struct sriov_ctx *ctx; /* borrowed */
	char pci[BW_PCI_ADDR_MAX + 1];
	char container_id[BW_CNI_CID_MAX + 1]; /* whose it is in the journal */
	char ifname[BW_CNI_IFNAME_MAX + 1];
	int64_t id; /* row of the hold */
	struct sriov_lead leads[SRIOV_LEADS_MAX];
	size_t n_leads;
	uint8_t keeps; /* a takeover: the hold stays and so does the lock */
	uint8_t rebound; /* its driver was bound anew already */
	uint8_t driver_tried; /* its driver was brought back already, or refuses */
	int refused; /* first -errno of what cannot be put back now */
	int lock; /* -1 = not held; owned */
	struct sriov_original o; /* record */
	struct sriov_found found;
	struct sriov_place place; /* owned */
};

#define sriov_autoback BW_CLEANUP(sriov_back_free)

/* An empty one. NULL when memory is short; freed with its lock. */
struct sriov_back *sriov_back_new(struct sriov_ctx *ctx);
void sriov_back_free(struct sriov_back **back);

/**
 * sriov_back_run() - give it back
 * @b: whose, what and where to look
 *
 * When settings are refused by the PF's driver the rest is done, the hold stays, marked pending,
 * and that is logged; a takeover fails by it.
 * Return: 0, also when the row is no longer that one or the VF is no more; -ETIMEDOUT class BUSY:
 * the kernel does not hand the VF back; -EBUSY class BUSY: a takeover of what cannot be put back
 * now; -errno: the hold stays.
 */
int sriov_back_run(struct sriov_back *b, struct bw_err *err);

/**
 * sriov_back_lost() - give a VF back with no record to go by
 * @found: the VF
 * @place: where its netdev is; its alias is in .link
 * @alias: what that says
 *
 * Takes and frees the lock. A VF that somebody holds is left alone.
 * Return: 0; -errno.
 */
int sriov_back_lost(struct sriov_ctx *ctx, const struct sriov_found *found,
		    struct sriov_place *place, const struct sriov_alias *alias, struct bw_err *err);

/* Whether the journal has a hold of a VF, whoever's. 1; 0 also where no journal can be read;
 * -errno. */
int sriov_back_is_held(struct sriov_ctx *ctx, const char *pci, struct bw_err *err);
