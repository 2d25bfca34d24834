/* SPDX-License-Identifier: Apache-2.0 */
/* CHECK's findings: every difference is named, and all of them are one error. */
#pragma once

#include <bw/buf.h>
#include <bw/defs.h>

struct bw_err;

#define BW_DRIFT_TEXT_MAX 4096 /* bytes of findings kept */

/* Zeroed is "no drift". Owned by the caller; bw_buf_done(&text) frees it. */
struct bw_drift {
	struct bw_buf text;
	unsigned int n;
};

/* Adds one finding. Memory that runs out costs its text, never its count. */
void bw_drift_add(struct bw_drift *d, const char *fmt, ...) BW_PRINTF(2, 3);

/* 0 without findings; -ESTALE class INVALID, the text holds them all as far as they fit. */
int bw_drift_result(const struct bw_drift *d, struct bw_err *err);
