/* SPDX-License-Identifier: Apache-2.0 */
/* barewire sriov: what its files share. */
#pragma once

struct bw_json_build;
struct bw_sriov_pf;
struct bw_sriov_vf;
struct cJSON;

/* "free", "live", "changing" (a plugin is at work or was killed), "gone" (so is its container). */
const char *cli_vf_state(const struct bw_sriov_vf *vf);

/* Appends a PF to @list. Returns its list of VFs, borrowed. */
struct cJSON *cli_sriov_put_pf(struct bw_json_build *b, struct cJSON *list,
			       const struct bw_sriov_pf *pf);

/* Appends a VF to @list. */
void cli_sriov_put_vf(struct bw_json_build *b, struct cJSON *list, const struct bw_sriov_vf *vf);
