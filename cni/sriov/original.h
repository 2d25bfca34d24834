/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The record of a hold: how the VF was before the first change, and what this attachment makes of
 * it. It is committed before anything changes; undo, DEL, GC, CHECK and `barewire sriov show` all
 * read it. Pure.
 *
 * I1 .was is the first original: a takeover from a dead holder keeps it.
 * I2 Only what .what names is ever written back to the PF.
 */
#pragma once

#include <bw/clock.h>
#include <bw/defs.h>
#include <bw/ip.h>
#include <bw/journal.h>
#include <bw/link.h>
#include <bw/pci.h>
#include <bw/vf.h>

struct bw_err;

/* A VF as it can be seen: its settings on the PF and its netdev. */
struct sriov_state {
	struct bw_vf pf;
	uint8_t has_netdev; /* else the rest but the driver is zero */
	uint8_t up;
	uint32_t mtu;
	struct bw_mac mac;
	char name[BW_LINK_NAME_MAX + 1];
	struct bw_link_altnames altnames;
	char driver[BW_PCI_DRIVER_MAX + 1]; /* "" = none is bound */
};

struct sriov_original {
	struct sriov_state was;
	char boot_id[BW_BOOT_ID_LEN + 1]; /* .was was seen in this boot */
	unsigned int what; /* BW_VF_SET_* this attachment writes; _MAC: the administrator's */
	struct bw_vf want; /* their values */
	uint8_t has_mac;
	struct bw_mac mac; /* the netdev's MAC in the pod, when it was asked for */
	uint32_t mtu; /* likewise; 0 = as it was */
	char pod_name[BW_LINK_NAME_MAX + 1]; /* of the VF's own netdev in the pod */
	char alias[BW_LINK_ALIAS_MAX + 1]; /* what its alias is there */
	uint8_t rebind; /* giving back: the zero MAC needs the driver bound anew */
	uint8_t pending; /* given back but for settings the PF refuses: the next holder tries */
};

/**
 * sriov_original_text() - write a record as JSON
 * @o: record
 * @ret: its text; untouched on failure
 *
 * Return: 0; -ENOMEM; -E2BIG it does not fit.
 */
int sriov_original_text(const struct sriov_original *o, char ret[BW_VF_RECORD_MAX + 1],
			struct bw_err *err);

/**
 * sriov_original_parse() - read one back
 * @text: of a hold
 * @ret: filled on success
 *
 * Unknown keys are ignored, absent ones are "not seen": a record of a later program is read.
 * Return: 0; -EBADMSG; -EINVAL naming the key; -ENOMEM.
 */
int sriov_original_parse(const char *text, struct sriov_original *ret, struct bw_err *err);

/* Whether @name is among other names of a device. */
int sriov_altnames_has(const struct bw_link_altnames *names, const char *name);
