/* SPDX-License-Identifier: Apache-2.0 */
/* Decoders and checks of single keys, for the field table of conf.c. */
#pragma once

#include <bw/json.h>

#include "conf.h"

struct bw_err;
struct cJSON;

/**
 * sriov_pci_parse() - read DDDD:BB:DD.F
 * @s: the domain has 4 to 8 hex digits; upper case is taken
 * @ret: in lower case; untouched on failure
 *
 * Return: 0; -EINVAL.
 */
int sriov_pci_parse(const char *s, struct sriov_pci *ret);

/* deviceID: a struct sriov_pci; an empty text is not given. */
int sriov_pci_decode(const struct cJSON *json, const struct bw_json_path *path, void *member,
		     struct bw_err *err);

/* pf: a struct bw_json_list of struct sriov_pf_name; one may stand without brackets. */
int sriov_pfs_decode(const struct cJSON *json, const struct bw_json_path *path, void *member,
		     struct bw_err *err);
void sriov_list_done(void *member);

/* resource: a struct bw_json_list of struct sriov_selector. */
int sriov_resource_decode(const struct cJSON *json, const struct bw_json_path *path, void *member,
			  struct bw_err *err);
void sriov_resource_done(void *member);

/* bond: a struct sriov_bond. */
int sriov_bond_decode(const struct cJSON *json, const struct bw_json_path *path, void *member,
		      struct bw_err *err);

/* spoofchk and trust: a uint8_t; "on", "off", "true", "false" or the JSON words. */
int sriov_onoff_decode(const struct cJSON *json, const struct bw_json_path *path, void *member,
		       struct bw_err *err);

/* vlanProto: a uint16_t, ETH_P_8021Q or ETH_P_8021AD. */
int sriov_proto_decode(const struct cJSON *json, const struct bw_json_path *path, void *member,
		       struct bw_err *err);

/* link_state: an int, enum sriov_link_state; -1 for an empty text, which is not given. */
int sriov_link_state_decode(const struct cJSON *json, const struct bw_json_path *path, void *member,
			    struct bw_err *err);

/* bandwidth: a uint64_t, bits per second the VF may send, 0 = no limit. */
int sriov_bandwidth_decode(const struct cJSON *json, const struct bw_json_path *path, void *member,
			   struct bw_err *err);
