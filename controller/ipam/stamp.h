/* SPDX-License-Identifier: Apache-2.0 */
/* Times as the API writes them: RFC 3339 in UTC, to the second. */
#pragma once

#include <bw/defs.h>

#define CTL_STAMP_MAX 32 /* bytes */

/* @real_s since the epoch; returns @out. */
const char *ctl_stamp(int64_t real_s, char out[CTL_STAMP_MAX]);

/* 0; -EINVAL. Fractions are dropped, offsets other than Z are refused. */
int ctl_stamp_parse(const char *text, int64_t *ret_s);
