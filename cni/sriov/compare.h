/* SPDX-License-Identifier: Apache-2.0 */
/* A held VF as it is, against the record of its hold: for CHECK and `barewire sriov show`. */
#pragma once

#include <bw/drift.h>
#include <bw/pci.h>
#include <bw/vf.h>

#include "original.h"

struct bw_err;
struct bw_link;
struct bw_nl;
struct bw_vf_hold;

/* What the host says of a VF. */
struct sriov_now {
	struct bw_pci_vf sys;
	struct bw_vf pf; /* as its PF has it */
	uint8_t exists; /* else nothing else is filled */
	uint8_t has_pf; /* .pf is filled */
};

/**
 * sriov_now_read() - look at a VF from the host
 * @root: before /sys: "" but in tests
 * @host: route socket of the host's namespace
 * @pci: of the VF
 * @ret: filled on success; what cannot be seen is marked so
 *
 * Return: 0, also when there is no such VF, or its PF is not to be seen; -errno.
 */
int sriov_now_read(const char *root, struct bw_nl *host, const char *pci, struct sriov_now *ret,
		   struct bw_err *err);

/* "0000:01:10.2 (VF 1 of eth1)"; returns @out. */
#define SRIOV_LABEL_MAX 80
const char *sriov_label(const struct bw_vf_hold *hold, const struct sriov_now *now,
			char out[SRIOV_LABEL_MAX]);

/* Existence, place, driver and every setting of the PF's side that the attachment has written. */
void sriov_compare_host(const struct bw_vf_hold *hold, const struct sriov_original *o,
			const struct sriov_now *now, struct bw_drift *d);

/* What of the device in the pod somebody else compares. */
#define SRIOV_SKIP_MAC 0x1U
#define SRIOV_SKIP_MTU 0x2U
#define SRIOV_SKIP_UP 0x4U

/* Name, alias, MAC, MTU, up of the device in the pod. Pure. */
void sriov_compare_netdev(const struct bw_vf_hold *hold, const struct sriov_original *o,
			  const struct bw_link *link, unsigned int skip, struct bw_drift *d);

/* Whether the record is of a VF without a netdev, given to user space: nothing is in the pod. */
int sriov_is_dpdk(const struct sriov_original *o);

/*
 * Whether a hold's container has ceased to exist, as bw_ipam_stale(), or it was given back but for
 * what the PF refused. Return: 1; 0; -ENOMEM.
 */
int sriov_hold_is_dead(const struct bw_vf_hold *hold, const char *boot_id, struct bw_err *err);
