/* SPDX-License-Identifier: Apache-2.0 */
/* Entries from one version's maps to another's (upgrade.h, U2). */
#pragma once

#include "map.h"

enum dp_copy {
	DP_COPY_NEW, /* into a map that was just made and is not in use */
	DP_COPY_MERGE, /* what user space owns, as it is in the old one */
	DP_COPY_AGAIN, /* what programs wrote while links were being switched */
};

/* Copies one map's entries. 0, also where keys differ: then nothing can be copied; -ENOSPC; -errno.
 */
int dp_copy_map(enum dp_map map, const struct dp_map_view *from, const struct dp_map_view *to,
		enum dp_copy why, struct bw_err *err);

/* Copies every map that the directories do not share. 0; -errno. */
int dp_copy_dir(struct dp_dir *from, struct dp_dir *to, enum dp_copy why, struct bw_err *err);

/* Whether both directories have the map and it is not the same one. 1; 0; -errno. */
int dp_copy_needed(struct dp_dir *from, struct dp_dir *to, enum dp_map map, struct bw_err *err);
