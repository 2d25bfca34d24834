/* SPDX-License-Identifier: Apache-2.0 */
/* Where a VF and its netdev are, and how they look. */
#pragma once

#include <bw/link.h>
#include <bw/netns.h>
#include <bw/pci.h>

#include "ctx.h"
#include "original.h"

struct bw_err;
struct bw_nl;

/* A VF as it was found. */
struct sriov_found {
	struct bw_pci_vf pci;
	struct bw_link pf; /* ifindex 0: its netdev is not in this namespace */
	struct bw_link link; /* the VF's on the host; ifindex 0: it is not here */
};

/**
 * sriov_find_look() - read a VF, its PF and all that an ADD may change
 * @ctx: host socket is opened when it is not
 * @pci: address
 * @found: filled
 * @was: filled; NULL = only @found is wanted
 *
 * Return: 0; -ENODEV class INVALID: there is no such device; -ENXIO class INVALID: it is no VF;
 * -errno.
 */
int sriov_find_look(struct sriov_ctx *ctx, const char *pci, struct sriov_found *found,
		    struct sriov_state *was, struct bw_err *err);

enum sriov_where {
	SRIOV_ON_HOST,
	SRIOV_IN_POD,
	SRIOV_NO_NETDEV, /* no driver that makes one has it */
	SRIOV_AWAY, /* its netdev is in no place we know: perhaps on its way back */
	SRIOV_WHERE_MAX_,
};

/* Where to look for it beside the host: a path, and which namespace that has to be. */
struct sriov_lead {
	const char *path; /* NULL or "" = none */
	const struct bw_netns *ns; /* open already, instead of a path; borrowed */
	uint64_t cookie; /* 0 = not known: then the alias must be the record's */
};

struct sriov_place {
	enum sriov_where where;
	struct bw_netns ns; /* of SRIOV_IN_POD, owned */
	struct bw_nl *pod; /* route socket there, owned */
	struct bw_link link; /* there, or on the host */
};

#define SRIOV_PLACE_NONE ((struct sriov_place){ .where = SRIOV_AWAY, .ns = BW_NETNS_NONE })

/* Closes what is open; the place is none then. */
void sriov_place_done(struct sriov_place *place);

/**
 * sriov_find_place() - where a VF's netdev is now
 * @found: of sriov_find_look()
 * @leads: tried in turn, when it is not on the host
 * @n: how many
 * @alias: what its alias must be where a lead has no cookie
 * @place: SRIOV_PLACE_NONE; filled
 *
 * Return: 0; -errno.
 */
int sriov_find_place(const struct sriov_found *found, const struct sriov_lead *leads, size_t n,
		     const char *alias, struct sriov_place *place, struct bw_err *err);

/* Whether a driver makes a netdev of a VF: there is one, and it gives nothing to user space. */
int sriov_find_makes_netdev(const char *driver);
