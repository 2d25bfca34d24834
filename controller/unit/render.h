/* SPDX-License-Identifier: Apache-2.0 */
/* The files that a Unit's templates make. */
#pragma once

#include <bw/tmpl.h>

#include "impl.h"

/* In the order of spec.config.templates. Zeroed is empty. */
struct unit_files {
	struct bw_tmpl_out v[UNIT_FILES_MAX];
	size_t n;
	int secret; /* a secret is in one of them */
};

/**
 * unit_files_render() - the files as they should be now
 * @k: with spec.config
 * @ret: zeroed; untouched on failure
 * @err: which file and what is wrong with it, no value
 *
 * Return: 0; -EAGAIN the plan reads Secrets first; -EINVAL class INVALID the templates cannot be
 * followed; -ENOMEM.
 */
int unit_files_render(struct unit_run *k, struct unit_files *ret, struct bw_err *err);
/* Overwrites and frees. NULL-safe for empty ones. */
void unit_files_done(struct unit_files *f);
/* NUL-terminated. */
const char *unit_file_text(const struct unit_files *f, size_t i);
