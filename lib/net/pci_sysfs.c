/* SPDX-License-Identifier: Apache-2.0 */
/* One folder of sysfs and what is in it. */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include <bw/err.h>
#include <bw/pci.h>

#include "pci_sysfs.h"

int bw_pci_open(const char *root, const char *pci, struct bw_err *err)
{
	char path[BW_PCI_PATH_MAX];
	char norm[BW_PCI_ADDR_MAX + 1];
	int n;
	int fd;

	/* What is no address could lead anywhere. */
	if (bw_pci_parse(pci, norm) < 0)
		return bw_reject(err, BW_ERR_INVALID, EINVAL, "\"%.64s\" is no PCI address", pci);
	n = snprintf(path, sizeof(path), "%s/sys/bus/pci/devices/%s", root, norm);
	if (n < 0 || (size_t)n >= sizeof(path))
		return bw_fail(err, ENAMETOOLONG, "look at PCI device %s", norm);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return bw_fail(err, ENODEV, "look at PCI device %s", norm);
	return fd < 0 ? bw_fail(err, errno, "open %s", path) : fd;
}

int bw_pci_read(int dirfd, const char *name, char *ret, size_t size)
{
	bw_autoclose int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	ret[0] = '\0';
	if (fd < 0)
		return -errno;
	do {
		n = read(fd, ret, size - 1);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	ret[n] = '\0';
	ret[strcspn(ret, "\n")] = '\0';
	return 0;
}

int bw_pci_readlink(int dirfd, const char *name, char *ret, size_t size)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(dirfd, name, target, sizeof(target) - 1);
	const char *base;

	ret[0] = '\0';
	if (n < 0)
		return -errno;
	target[n] = '\0';
	base = strrchr(target, '/');
	base = base ? base + 1 : target;
	if (strlen(base) >= size)
		return -ENAMETOOLONG;
	memcpy(ret, base, strlen(base) + 1);
	return 0;
}

int bw_pci_name_ok(const char *name, size_t max)
{
	size_t len = strnlen(name, max + 1);

	return len && len <= max && !memchr(name, '/', len) && strcmp(name, ".") != 0 &&
	       strcmp(name, "..") != 0;
}
