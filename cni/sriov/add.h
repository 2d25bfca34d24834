/* SPDX-License-Identifier: Apache-2.0 */
/* The state of one ADD: what its steps, each in its own file, share. */
#pragma once

#include <bw/foreign.h>
#include <bw/link.h>
#include <bw/own.h>
#include <bw/pod.h>
#include <bw/undo.h>

#include "ctx.h"
#include "find.h"
#include "original.h"

struct bw_err;
struct bw_nl;

#define SRIOV_VFS_MAX SRIOV_SLAVES

/* One VF of the attachment. */
struct sriov_vf {
	struct sriov_add *add; /* borrowed: for the undo list */
	unsigned int slot; /* 0, or 0 and 1 of a bond */
	char pci[SRIOV_PCI_STR_MAX];
	char pf_pci[SRIOV_PCI_STR_MAX];
	char pf_name[BW_LINK_NAME_MAX + 1];
	int pf_ifindex;
	uint32_t index; /* on its PF */
	uint8_t is_dpdk; /* its driver gives it no netdev: nothing is moved */
	int ifindex; /* of its netdev where it is now; 0 = none */
	struct bw_mac mac; /* in the pod */
	uint32_t mtu;
	int lock; /* its lock while it is held, -1 = not */
	int64_t hold; /* row of its hold; 0 = not held */
	struct sriov_original original; /* the record of the hold */
};

struct sriov_add {
	struct sriov_ctx *ctx; /* owned */
	struct bw_own own; /* of what ADD answers */
	struct bw_pod pod; /* .ifindex and .mac: of the VF, or of the bond; 0 = DPDK */
	struct bw_foreign foreign; /* the IPAM plugin that is to forget after a failure */
	struct sriov_vf vfs[SRIOV_VFS_MAX];
	unsigned int n_vfs; /* held */
	unsigned int n_wanted;
	struct sriov_found found[SRIOV_VFS_MAX]; /* how they were then */
	uint32_t mtu; /* of the pod's interface */
	struct bw_undo undo;
};

/*
 * select.c: the VFs that would do for one slot, best first.
 * A candidate is only an address: whether it is free is decided when its hold is taken.
 */
#define SRIOV_CANDIDATES_MAX 256

struct sriov_candidates {
	char pci[SRIOV_CANDIDATES_MAX][SRIOV_PCI_STR_MAX];
	unsigned int n;
};

/**
 * sriov_select() - which VFs may serve a slot of this attachment
 * @add: configuration; the journal is open; vfs[0] is filled when @slot is 1
 * @slot: 0, or 1 of a bond: then not on the PF of slot 0
 * @ret: with deviceID exactly that one, else those without a hold, best first
 *
 * Return: 0; -ENODEV class INVALID: there is no such VF, or none that fits; -EBUSY class BUSY: all
 * that fit are held; -errno.
 */
int sriov_select(struct sriov_add *add, unsigned int slot, struct sriov_candidates *ret,
		 struct bw_err *err);

/*
 * bond.c: makes the bond of the moved VFs (down) in the pod, up, its MAC that of slot 0; fills
 * pod.ifindex, pod.mac and mtu. 0; -errno naming bond.
 */
int sriov_bond_make(struct sriov_add *add, struct bw_err *err);

/* bond.c: deletes the bond of an attachment in its pod, if there is one. 0 also without; -errno. */
int sriov_bond_remove(struct bw_nl *pod, const char *ifname, struct bw_err *err);

/* dpdk.c: whether a driver gives a VF to user space. */
int sriov_dpdk_is(const char *driver);

/* rdma.c: moves the VF's RDMA device into the pod where the system is in exclusive mode. 0 also
 * without one; -errno. It comes back by sriov_rdma_return(), or by itself with the namespace. */
int sriov_rdma_move(struct sriov_add *add, struct sriov_vf *vf, struct bw_err *err);

/* rdma.c: brings a VF's RDMA device back from a pod to the host. 0 also without one; -errno. */
int sriov_rdma_return(const struct bw_netns *pod, const char *pci, struct bw_err *err);
