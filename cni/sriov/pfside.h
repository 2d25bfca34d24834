/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A VF's settings on its PF: made in the order that finds a refusal first, and taken back. The
 * kernel applies several one after another and undoes none, so each is a message of its own.
 */
#pragma once

#include "original.h"

struct bw_err;
struct bw_nl;

/* What one write of a plan sets: as the configuration calls it. */
const char *sriov_pfside_key(unsigned int bit, const struct bw_vf *want);

/**
 * sriov_pfside_check() - could each of these settings be put back later (pure)
 * @now: as the driver reports the VF
 * @want: the values, for the text
 * @what: BW_VF_SET_*
 *
 * Return: 0; -EOPNOTSUPP class UNSUPPORTED naming the key: the driver does not report it.
 */
int sriov_pfside_check(const struct bw_vf *now, const struct bw_vf *want, unsigned int what,
		       struct bw_err *err);

/**
 * sriov_pfside_apply() - make the settings that differ
 * @host: route socket in the PF's namespace
 * @pf_ifindex: the PF
 * @now: as the VF is; its index counts
 * @want: the values
 * @what: BW_VF_SET_*
 *
 * First what can be tried by writing its present value, then what only a write can test, the
 * administrator's MAC last and alone. After a failure some are made: the caller puts back.
 * Return: 0; -errno naming the key, class INVALID or UNSUPPORTED as the driver says.
 */
int sriov_pfside_apply(struct bw_nl *host, int pf_ifindex, const struct bw_vf *now,
		       const struct bw_vf *want, unsigned int what, struct bw_err *err);

/**
 * sriov_pfside_revert() - put settings back
 * @host: route socket in the PF's namespace
 * @pf_ifindex: the PF
 * @now: as the VF is; its index counts
 * @was: as it is to be
 * @what: BW_VF_SET_*; those that are so already are left alone
 *
 * Goes on after a refusal. Return: 0; the first -errno, naming the key.
 */
int sriov_pfside_revert(struct bw_nl *host, int pf_ifindex, const struct bw_vf *now,
			const struct bw_vf *was, unsigned int what, struct bw_err *err);

/**
 * sriov_pfside_mac() - what giving back does about the administrator's MAC (pure)
 * @o: record of the hold
 * @now: as the VF is
 * @has_netdev: its driver makes an interface of it
 *
 * A zero one leaves the VF deaf until its driver is bound anew; afterwards some PFs show the VF's
 * own, so the caller asks once.
 */
enum sriov_mac_step {
	SRIOV_MAC_KEEP, /* nothing to do */
	SRIOV_MAC_WRITE, /* the original */
	SRIOV_MAC_WRITE_REBIND, /* the original, which is zero, then bind anew */
	SRIOV_MAC_REBIND, /* written already */
	SRIOV_MAC_MAX_,
};
enum sriov_mac_step sriov_pfside_mac(const struct sriov_original *o, const struct bw_vf *now,
				     int has_netdev);
