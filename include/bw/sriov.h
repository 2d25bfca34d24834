/* SPDX-License-Identifier: Apache-2.0 */
/* `barewire sriov show`: the PFs and VFs of this node, as sysfs, the kernel and the journal say. */
#pragma once

#include <bw/drift.h>
#include <bw/ip.h>
#include <bw/journal.h>
#include <bw/link.h>
#include <bw/pci.h>
#include <bw/vf.h>

struct bw_err;

struct bw_sriov_pf {
	struct bw_pci_pf sys;
	uint8_t has_link; /* its device is in this namespace; else .link is zero */
	struct bw_link link;
};

/* Large: some 30 KiB. */
struct bw_sriov_vf {
	char pci[BW_PCI_ADDR_MAX + 1];
	uint32_t index;
	uint8_t exists; /* 0: it is held, and there is no such VF any more: .sys is zero */
	struct bw_pci_dev sys; /* .netdevs: only while it is on the host */
	uint8_t has_settings; /* its PF's driver describes it */
	struct bw_vf settings;
	struct bw_vf_hold hold; /* .id 0 = nobody's */
	uint8_t is_dead; /* the holder's container is gone: the next ADD or GC takes the VF back */
	uint8_t has_link; /* its device was found in the holder's namespace */
	struct bw_link link;
	char pod[BW_JOURNAL_KEY_MAX + 1]; /* namespace/name of the holder; "" = unknown */
	struct bw_drift drift; /* from what the holder's ADD set */
};

/*
 * What is found, borrowed for the call: a PF, then its VFs; at the end, with @pf NULL, held VFs
 * that are no more. Return 0 to go on; anything else ends the walk and is its result.
 */
struct bw_sriov_visitor {
	int (*pf)(const struct bw_sriov_pf *pf, void *arg, struct bw_err *err);
	int (*vf)(const struct bw_sriov_pf *pf, const struct bw_sriov_vf *vf, void *arg,
		  struct bw_err *err);
	void *arg;
};

/**
 * bw_sriov_walk() - look at every PF and VF
 * @root: before /sys: "" but in tests
 * @dir: folder of the node's journal, which is only read; without a file nobody holds anything
 * @v: is told
 *
 * Enters the namespaces of holders to look at their devices. Changes nothing.
 * Return: 0; what a visitor returned; -errno.
 */
int bw_sriov_walk(const char *root, const char *dir, const struct bw_sriov_visitor *v,
		  struct bw_err *err);
