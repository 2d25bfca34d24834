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
#include <bw/link.h>
#include <bw/vf.h>

#include "conf.h"

struct bw_err;

#define SRIOV_ALTNAMES_MAX 8
#define SRIOV_ALTNAME_MAX 127 /* ALTIFNAMSIZ - 1, linux/if.h */
#define SRIOV_DRIVER_MAX 31
#define SRIOV_RECORD_MAX 8192 /* bytes of its text */

/* A VF as it can be seen: its settings on the PF and its netdev. */
struct sriov_state {
	struct bw_vf pf;
	uint8_t has_netdev; /* else the rest but the driver is zero */
	uint8_t up;
	uint32_t mtu;
	struct bw_mac mac;
	char name[BW_LINK_NAME_MAX + 1];
	char altnames[SRIOV_ALTNAMES_MAX][SRIOV_ALTNAME_MAX + 1];
	unsigned int n_altnames;
	char driver[SRIOV_DRIVER_MAX + 1];
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
};

/**
 * sriov_original_text() - write a record as JSON
 * @o: record
 * @ret: owned by the caller, at most SRIOV_RECORD_MAX bytes
 *
 * Return: 0; -ENOMEM; -E2BIG.
 */
int sriov_original_text(const struct sriov_original *o, char **ret, struct bw_err *err);

/**
 * sriov_original_parse() - read one back
 * @text: of a hold
 * @ret: filled on success
 *
 * Unknown keys are ignored, absent ones are "not seen": a record of a later program is read.
 * Return: 0; -EBADMSG; -EINVAL naming the key; -ENOMEM.
 */
int sriov_original_parse(const char *text, struct sriov_original *ret, struct bw_err *err);

/* Whether @name is among the alternative names. */
int sriov_state_has_altname(const struct sriov_state *s, const char *name);
