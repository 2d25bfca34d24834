/* SPDX-License-Identifier: Apache-2.0 */
/* Times as the API writes them (RFC 3339, UTC). */
#pragma once

#include <bw/defs.h>

#define BW_KUBE_TIME_MAX 32 /* bytes with the NUL */

/* "2026-11-21T15:54:39Z"; "" for a time that no year has. Returns @out. */
const char *bw_kube_time_str(int64_t real_s, char out[BW_KUBE_TIME_MAX]);
/* The same as MicroTime: "2026-11-21T15:54:39.000000Z". */
const char *bw_kube_microtime_str(int64_t real_s, char out[BW_KUBE_TIME_MAX]);
