/* SPDX-License-Identifier: Apache-2.0 */
/* A made sysfs tree in a temporary folder: PFs, their VFs, drivers and devices. */
#pragma once

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define SYSFS_PATH_MAX 256

static char sysfs_root[SYSFS_PATH_MAX]; /* of the running test */

#define SYSFS_PATH(path, ...)                                                                      \
	do {                                                                                       \
		int n_ = snprintf(path, sizeof(path), __VA_ARGS__);                                \
		assert_true(n_ > 0 && (size_t)n_ < sizeof(path));                                  \
	} while (0)

static void sysfs_mkdirs(const char *path)
{
	char part[SYSFS_PATH_MAX];

	for (const char *p = path + 1; (p = strchr(p, '/')); p++) {
		SYSFS_PATH(part, "%.*s", (int)(p - path), path);
		(void)mkdir(part, 0755); /* it may be there, ignoring */
	}
	(void)mkdir(path, 0755); /* likewise */
	assert_int_equal(access(path, W_OK), 0);
}

static void sysfs_write(const char *dir, const char *name, const char *text)
{
	char path[SYSFS_PATH_MAX];
	int fd;

	SYSFS_PATH(path, "%s/%s", dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	(void)close(fd); /* written, ignoring */
}

static void sysfs_link(const char *target, const char *dir, const char *name)
{
	char path[SYSFS_PATH_MAX];

	SYSFS_PATH(path, "%s/%s", dir, name);
	assert_int_equal(symlink(target, path), 0);
}

static void sysfs_new(void)
{
	char path[SYSFS_PATH_MAX];

	SYSFS_PATH(sysfs_root, "%s", "/tmp/barewire-sysfs-XXXXXX");
	assert_non_null(mkdtemp(sysfs_root));
	SYSFS_PATH(path, "%s/sys/bus/pci/devices", sysfs_root);
	sysfs_mkdirs(path);
	SYSFS_PATH(path, "%s/sys/class/net", sysfs_root);
	sysfs_mkdirs(path);
}

static int sysfs_rm(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void sysfs_remove(void)
{
	assert_int_equal(nftw(sysfs_root, sysfs_rm, 16, FTW_DEPTH | FTW_PHYS), 0);
}

/* A device with a driver and, unless NULL, a netdev. */
static void sysfs_dev(const char *pci, const char *driver, const char *netdev)
{
	char dir[SYSFS_PATH_MAX], text[SYSFS_PATH_MAX];

	SYSFS_PATH(dir, "%s/sys/bus/pci/devices/%s", sysfs_root, pci);
	sysfs_mkdirs(dir);
	sysfs_write(dir, "vendor", "0x8086\n");
	sysfs_write(dir, "device", "0x10ca\n");
	sysfs_write(dir, "numa_node", "-1\n");
	SYSFS_PATH(text, "../../drivers/%s", driver);
	sysfs_link(text, dir, "driver");
	if (!netdev)
		return;
	SYSFS_PATH(text, "%s/net/%s", dir, netdev);
	sysfs_mkdirs(text);
	SYSFS_PATH(text, "%s/sys/class/net/%s", sysfs_root, netdev);
	sysfs_mkdirs(text);
	sysfs_link(dir, text, "device");
}

static void sysfs_pf(const char *pci, const char *netdev, unsigned int numvfs)
{
	char dir[SYSFS_PATH_MAX], text[16];

	sysfs_dev(pci, "igb", netdev);
	SYSFS_PATH(dir, "%s/sys/bus/pci/devices/%s", sysfs_root, pci);
	SYSFS_PATH(text, "%u\n", numvfs);
	sysfs_write(dir, "sriov_numvfs", text);
	sysfs_write(dir, "sriov_totalvfs", "7\n");
}

static void sysfs_vf(const char *pf, unsigned int index, const char *pci, const char *driver,
		     const char *netdev)
{
	char dir[SYSFS_PATH_MAX], text[SYSFS_PATH_MAX], name[32];

	sysfs_dev(pci, driver, netdev);
	SYSFS_PATH(dir, "%s/sys/bus/pci/devices/%s", sysfs_root, pci);
	SYSFS_PATH(text, "../%s", pf);
	sysfs_link(text, dir, "physfn");
	SYSFS_PATH(dir, "%s/sys/bus/pci/devices/%s", sysfs_root, pf);
	SYSFS_PATH(text, "../%s", pci);
	SYSFS_PATH(name, "virtfn%u", index);
	sysfs_link(text, dir, name);
}
