/* SPDX-License-Identifier: Apache-2.0 */
/* Drivers of PCI devices: bind, unbind, override, and the wait for the kernel's word. */
#include <fcntl.h>
#include <linux/netlink.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <bw/clock.h>
#include <bw/err.h>
#include <bw/io.h>
#include <bw/pci.h>

#include "pci_sysfs.h"

#define NS_PER_MS 1000000ULL
#define UEVENT_GROUP_KERNEL 1 /* lib/kobject_uevent.c; 2 is udev's */

/* Name of the driver that is bound, "" = none. 0; -ENODEV; -errno. */
static int driver_of(const char *root, const char *pci, char ret[BW_PCI_DRIVER_MAX + 1],
		     struct bw_err *err)
{
	bw_autoclose int fd = bw_pci_open(root, pci, err);
	int r;

	if (fd < 0)
		return fd;
	r = bw_pci_readlink(fd, "driver", ret, BW_PCI_DRIVER_MAX + 1);
	return r < 0 && r != -ENOENT ? bw_fail(err, -r, "read driver of PCI device %s", pci) : 0;
}

/* Writes @text to a file below /sys/bus/pci. @name and @file may not both be from outside. */
static int write_sysfs(const char *root, const char *dir, const char *name, const char *file,
		       const char *text, struct bw_err *err)
{
	char path[BW_PCI_PATH_MAX];
	int n = snprintf(path, sizeof(path), "%s/sys/bus/pci/%s/%s/%s", root, dir, name, file);

	if (n < 0 || (size_t)n >= sizeof(path))
		return bw_fail(err, ENAMETOOLONG, "write %s of %s", file, name);
	return bw_io_write_file(path, text, err);
}

int bw_pci_has_driver(const char *root, const char *driver)
{
	char path[BW_PCI_PATH_MAX];
	int n = snprintf(path, sizeof(path), "%s/sys/bus/pci/drivers/%s", root, driver);

	return bw_pci_name_ok(driver, BW_PCI_DRIVER_MAX) && n > 0 && (size_t)n < sizeof(path) &&
	       access(path, F_OK) == 0;
}

/*
 * The kernel's unbind of vfio-pci waits for the program that has the device, for as long as that
 * takes. A group can be open once: vfio_group_fops_open() of drivers/vfio/group.c.
 */
static int refuse_in_use(const char *root, const char *pci, struct bw_err *err)
{
	bw_autoclose int group = -1;
	char path[BW_PCI_PATH_MAX];
	struct bw_pci_dev d;
	int n;
	int r = bw_pci_look(root, pci, &d, err);

	if (r < 0 || d.iommu_group < 0)
		return r;
	n = snprintf(path, sizeof(path), "%s/dev/vfio/%d", root, d.iommu_group);
	if (n < 0 || (size_t)n >= sizeof(path))
		return bw_fail(err, ENAMETOOLONG, "look at PCI device %s", pci);
	group = open(path, O_RDWR | O_CLOEXEC);
	/* Whatever else is wrong with it, the kernel's own answer is better. */
	if (group < 0 && errno == EBUSY)
		return bw_reject(err, BW_ERR_BUSY, EBUSY,
				 "PCI device %s is used by a program that has %s open", pci, path);
	return 0;
}

int bw_pci_unbind(const char *root, const char *pci, struct bw_err *err)
{
	char driver[BW_PCI_DRIVER_MAX + 1];
	struct bw_err why = { 0 };
	int w;
	int r = driver_of(root, pci, driver, err);

	if (r < 0 || !driver[0])
		return r;
	if (strcmp(driver, "vfio-pci") == 0)
		r = refuse_in_use(root, pci, err);
	if (r < 0)
		return r;
	w = write_sysfs(root, "drivers", driver, "unbind", pci, &why);
	if (w == 0)
		return 0;
	/* Somebody else may have been quicker. */
	r = driver_of(root, pci, driver, err);
	if (r < 0 || !driver[0])
		return r;
	if (err)
		*err = why;
	return bw_wrap(err, w, "take driver %s from PCI device %s", driver, pci);
}

int bw_pci_override(const char *root, const char *pci, const char *driver, struct bw_err *err)
{
	char text[BW_PCI_DRIVER_MAX + 2];
	bw_autoclose int fd = -1;
	int r;

	if (driver[0] && !bw_pci_name_ok(driver, BW_PCI_DRIVER_MAX))
		return bw_reject(err, BW_ERR_INVALID, EINVAL, "\"%.64s\" is no name of a driver",
				 driver);
	fd = bw_pci_open(root, pci, err);
	if (fd < 0)
		return fd;
	/* An empty line takes it away; nothing at all would change nothing. */
	(void)snprintf(text, sizeof(text), "%s\n", driver); /* fits, ignoring */
	r = write_sysfs(root, "devices", pci, "driver_override", text, err);
	return r < 0 ? bw_wrap(err, r, "set driver of PCI device %s", pci) : 0;
}

static int open_uevents(struct bw_err *err)
{
	struct sockaddr_nl at = { .nl_family = AF_NETLINK, .nl_groups = UEVENT_GROUP_KERNEL };
	bw_autoclose int fd = -1;

	fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT);
	if (fd < 0)
		return bw_fail(err, errno, "open socket for device events");
	if (bind(fd, (const struct sockaddr *)&at, sizeof(at)) < 0)
		return bw_fail(err, errno, "subscribe to device events");
	return BW_TAKE_FD(fd);
}

/* Waits for any event and empties the socket. 0; -ETIMEDOUT; -errno. */
static int await_uevent(int fd, uint64_t deadline, struct bw_err *err)
{
	char text[2048]; /* what it says does not matter */

	for (;;) {
		uint64_t now = bw_clock_boot_ns();
		struct pollfd p = { .fd = fd, .events = POLLIN };
		int r;

		if (now >= deadline)
			return -ETIMEDOUT;
		r = poll(&p, 1, (int)((deadline - now + NS_PER_MS - 1) / NS_PER_MS));
		if (r < 0 && errno != EINTR)
			return bw_fail(err, errno, "wait for device events");
		if (r > 0)
			break;
	}
	/* ENOBUFS says that events were lost: look again then too. */
	while (recv(fd, text, sizeof(text), MSG_DONTWAIT) >= 0 || errno == EINTR)
		;
	return 0;
}

/* Whether the driver that is wanted has the device. 1, 0; -EBUSY another has it; -errno. */
static int has_it(const char *root, const char *pci, const char *driver, struct bw_err *err)
{
	char now[BW_PCI_DRIVER_MAX + 1];
	int r = driver_of(root, pci, now, err);

	if (r < 0 || !now[0])
		return r;
	if (driver[0] && strcmp(now, driver) != 0)
		return bw_reject(err, BW_ERR_BUSY, EBUSY, "PCI device %s has driver %s, not %s",
				 pci, now, driver);
	return 1;
}

static int await_driver(const char *root, const char *pci, const char *driver, int events,
			int timeout_ms, struct bw_err *err)
{
	uint64_t deadline = bw_clock_boot_ns() + (uint64_t)timeout_ms * NS_PER_MS;

	for (;;) {
		int r = has_it(root, pci, driver, err);

		if (r)
			return r < 0 ? r : 0;
		r = await_uevent(events, deadline, err);
		if (r == -ETIMEDOUT)
			return bw_reject(err, BW_ERR_BUSY, ETIMEDOUT,
					 "driver %s did not take PCI device %s within %d ms",
					 driver[0] ? driver : "of any kind", pci, timeout_ms);
		if (r < 0)
			return r;
	}
}

int bw_pci_bind(const char *root, const char *pci, const char *driver, int timeout_ms,
		struct bw_err *err)
{
	bw_autoclose int events = -1;
	int r = has_it(root, pci, driver, err);

	if (r)
		return r < 0 ? r : 0;
	if (driver[0] && !bw_pci_has_driver(root, driver))
		return bw_reject(err, BW_ERR_UNSUPPORTED, ENOENT,
				 "there is no PCI driver %.64s: load its module", driver);
	/* Subscribed before the write, so that no event falls between. */
	events = open_uevents(err);
	if (events < 0)
		return events;
	r = driver[0] ? write_sysfs(root, "drivers", driver, "bind", pci, err)
		      : write_sysfs(root, ".", ".", "drivers_probe", pci, err);
	/* Busy: somebody else was quicker, perhaps with the same driver. */
	if (r < 0 && r != -EBUSY)
		return bw_wrap(err, r, "give PCI device %s to driver %s", pci,
			       driver[0] ? driver : "of any kind");
	return await_driver(root, pci, driver, events, timeout_ms, err);
}

int bw_pci_rebind(const char *root, const char *pci, int timeout_ms, struct bw_err *err)
{
	char driver[BW_PCI_DRIVER_MAX + 1];
	int r = driver_of(root, pci, driver, err);

	if (r < 0)
		return r;
	if (!driver[0])
		return bw_reject(err, BW_ERR_INTERNAL, ENXIO, "PCI device %s has no driver", pci);
	r = bw_pci_unbind(root, pci, err);
	return r < 0 ? r : bw_pci_bind(root, pci, driver, timeout_ms, err);
}
