/* SPDX-License-Identifier: Apache-2.0 */
/* The state of one ADD: what its steps, each in its own file, share. */
#pragma once

#include <bw/cni_result.h>
#include <bw/link.h>
#include <bw/netns.h>
#include <bw/undo.h>

#include "ctx.h"
#include "original.h"

struct bw_err;
struct bw_nl;
struct sriov_add;

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
	int lock; /* its file lock while it is held, -1 = not */
	int ifindex; /* of its netdev where it is now; 0 = none */
	struct bw_mac mac; /* in the pod */
	uint32_t mtu;
	struct sriov_original original; /* the record of its hold */
};

struct sriov_add {
	struct sriov_ctx *ctx; /* owned */
	struct bw_cni_result *result; /* borrowed: what ADD answers */
	struct bw_netns ns; /* the pod's */
	struct bw_nl *pod; /* route socket there */
	int announce_fd; /* raw ICMPv6 socket there; -1 = none */
	size_t first_if; /* of the result: what stands before is prevResult's */
	size_t first_ip;
	size_t first_route;
	struct sriov_vf vfs[SRIOV_VFS_MAX];
	unsigned int n_vfs;
	int ifindex; /* in the pod: of the VF, or of the bond; 0 = DPDK */
	struct bw_mac mac; /* of it */
	uint32_t mtu;
	struct bw_undo undo;
};

#define sriov_own_ips(add) ((add)->result->n_ips - (add)->first_ip)

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

/* bond.c: makes the bond in the pod of the moved VFs (down), up; fills ifindex, mac, mtu. 0;
 * -errno naming bond. */
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
