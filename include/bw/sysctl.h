/* SPDX-License-Identifier: Apache-2.0 */
/* Settings under /proc/sys/net of the calling thread's network namespace. */
#pragma once

#include <bw/defs.h>

struct bw_err;

#define BW_SYSCTL_VALUE_MAX 64

/**
 * bw_sysctl_set() - write one setting
 * @value: text without newline
 * @fmt: path below /proc/sys/net, e.g. "ipv6/conf/%s/accept_ra"
 *
 * Return: 0; -ENOENT no such setting (family or module absent); -EROFS; -errno.
 */
int bw_sysctl_set(struct bw_err *err, const char *value, const char *fmt, ...) BW_PRINTF(3, 4);

/**
 * bw_sysctl_get() - read one setting
 * @ret: text without newline
 * @fmt: as bw_sysctl_set()
 *
 * Return: 0; -errno.
 */
int bw_sysctl_get(struct bw_err *err, char ret[BW_SYSCTL_VALUE_MAX], const char *fmt, ...)
	BW_PRINTF(3, 4);
