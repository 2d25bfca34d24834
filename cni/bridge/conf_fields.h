/* SPDX-License-Identifier: Apache-2.0 */
/* Decoders and checks of single keys, for the field table of conf.c. */
#pragma once

struct bw_err;
struct bw_json_path;
struct cJSON;

/* vlanTrunk: a struct bridge_trunk. */
int bridge_trunk_decode(const struct cJSON *json, const struct bw_json_path *path, void *member,
			struct bw_err *err);

/* antiSpoof: a struct bridge_antispoof. */
int bridge_antispoof_decode(const struct cJSON *json, const struct bw_json_path *path, void *member,
			    struct bw_err *err);

/* bandwidth: a struct bridge_bandwidth. */
int bridge_bandwidth_decode(const struct cJSON *json, const struct bw_json_path *path, void *member,
			    struct bw_err *err);
