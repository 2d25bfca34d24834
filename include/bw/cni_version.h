/* SPDX-License-Identifier: Apache-2.0 */
/* The versions of the CNI protocol: which there are, and which is older. */
#pragma once

#include <bw/defs.h>

struct bw_err;

#define BW_CNI_VERSION_NEWEST "1.1.0"
#define BW_CNI_VERSION_ABSENT "0.1.0" /* what a configuration without cniVersion means */

/* Supported versions, oldest first, NULL-ended. */
extern const char *const bw_cni_versions[];

/* Whether @version is supported; false for NULL. */
int bw_cni_version_known(const char *version);

/* Whether supported @version is @min (supported) or newer. */
int bw_cni_version_at_least(const char *version, const char *min);

/**
 * bw_cni_version_check() - refuse what is not supported
 * @version: as written in a document
 * @where: key it was read from, e.g. "cniVersion"
 *
 * Return: 0; -EPROTONOSUPPORT class VERSION, with both sides named in the details.
 */
int bw_cni_version_check(const char *version, const char *where, struct bw_err *err);
