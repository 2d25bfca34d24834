/* SPDX-License-Identifier: Apache-2.0 */
/* What an attachment makes of a VF: decided from the configuration and a look, before any change.
 */
#pragma once

struct bw_err;
struct sriov_found;
struct sriov_vf;

/**
 * sriov_plan() - decide, and refuse what cannot work (pure)
 * @vf: .original.was is how the VF is; the rest of .original and what names the VF are filled
 * @found: the VF, its PF
 *
 * The second VF of a bond takes the MAC of the first.
 * Return: 0; -ERANGE class INVALID naming mtu; -EOPNOTSUPP class UNSUPPORTED naming a setting its
 * driver does not know; -ENODEV class BUSY: its netdev is in another namespace.
 */
int sriov_plan(struct sriov_vf *vf, const struct sriov_found *found, struct bw_err *err);
