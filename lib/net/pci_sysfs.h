/* SPDX-License-Identifier: Apache-2.0 */
/* One folder of sysfs and what is in it, for the files about PCI devices. */
#pragma once

#include <bw/defs.h>

struct bw_err;

#define BW_PCI_PATH_MAX 512 /* of a root, a fixed part and a name */

/**
 * bw_pci_open() - open a device's folder
 * @root: stands before "/sys"
 * @pci: address as bw_pci_parse() gives it
 *
 * Return: a descriptor, owned by the caller; -ENODEV there is none; -EINVAL class INVALID it is no
 * address; -errno.
 */
int bw_pci_open(const char *root, const char *pci, struct bw_err *err);

/* Reads a one-line file, without its newline, cut to @size - 1. 0; -errno; @ret is "" then. */
int bw_pci_read(int dirfd, const char *name, char *ret, size_t size);

/* The last part of a link's target. 0; -ENAMETOOLONG it does not fit; -errno; @ret is "" then. */
int bw_pci_readlink(int dirfd, const char *name, char *ret, size_t size);

/* Whether it may stand as one part of a path. */
int bw_pci_name_ok(const char *name, size_t max);
