/* SPDX-License-Identifier: Apache-2.0 */
/* From the embedded object to pinned maps and programs. The only place that needs libbpf's loader.
 */
#pragma once

#include "dir.h"

/**
 * dp_load() - fill a pin directory with this build's maps and programs
 * @next: directory made by dp_dir_make(); maps already pinned in it are used
 * @sources: directories of other versions, whose maps are shared or copied
 *
 * Does nothing where all programs are pinned. Return: 0; -EOPNOTSUPP class UNSUPPORTED: the kernel
 * refuses, with the verifier's last word; -ENOSPC; -errno.
 */
int dp_load(const char *next, const struct dp_dirs *sources, struct bw_err *err);
