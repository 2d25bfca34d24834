/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PCI devices in sysfs: which VF belongs to which PF, their netdevs and drivers.
 *
 * @root stands before "/sys" in every path: "" in production, a made tree in tests. netdev and RDMA
 * names are those of the namespace the sysfs mount belongs to: a VF's vanish while it is in a pod.
 */
#pragma once

#include <net/if.h>

#include <bw/defs.h>

struct bw_err;

#define BW_PCI_ADDR_MAX 16 /* characters of "0000:01:10.0"; a domain has up to 8 digits */
#define BW_PCI_DRIVER_MAX 63 /* characters */
#define BW_PCI_NETDEVS_MAX 8 /* of one function: ports of one PF */
#define BW_PCI_RDMA_MAX 4
#define BW_PCI_RDMA_NAME_MAX 63 /* IB_DEVICE_NAME_MAX - 1, rdma/ib_verbs.h */
#define BW_PCI_VFS_MAX 65535U /* NumVFs is 16 bits wide */

/* What sysfs says of one function. */
struct bw_pci_dev {
	char pci[BW_PCI_ADDR_MAX + 1];
	char driver[BW_PCI_DRIVER_MAX + 1]; /* "" = none is bound */
	char driver_override[BW_PCI_DRIVER_MAX + 1]; /* "" = none */
	uint16_t vendor; /* 0 = not said */
	uint16_t device;
	int numa_node; /* -1 = not said */
	int iommu_group; /* -1 = none */
	unsigned int n_netdevs;
	unsigned int n_rdma;
	char netdevs[BW_PCI_NETDEVS_MAX][IFNAMSIZ];
	char rdma[BW_PCI_RDMA_MAX][BW_PCI_RDMA_NAME_MAX + 1];
};

struct bw_pci_vf {
	struct bw_pci_dev dev;
	struct bw_pci_dev pf; /* .netdevs is empty while the PF is in another namespace */
	uint32_t index; /* of the VF in its PF */
};

struct bw_pci_pf {
	struct bw_pci_dev dev;
	uint32_t numvfs; /* made now */
	uint32_t totalvfs; /* at most */
};

/**
 * bw_pci_parse() - is this a PCI address (pure)
 * @text: "0000:01:10.0": domain of 4 to 8 hex digits, bus, device, function; either case
 * @ret: the same as sysfs writes it, lower case
 *
 * Return: 0; -EINVAL.
 */
int bw_pci_parse(const char *text, char ret[BW_PCI_ADDR_MAX + 1]);

/* What sysfs says of any function. Return: 0; -ENODEV there is none; -EINVAL no address; -errno. */
int bw_pci_look(const char *root, const char *pci, struct bw_pci_dev *ret, struct bw_err *err);

/**
 * bw_pci_vf_look() - a VF and its PF
 * @root: see above
 * @pci: the VF's address as bw_pci_parse() gives it
 * @ret: untouched on failure
 *
 * Return: 0; -ENODEV there is no such device; -ENXIO class INVALID it is no VF; -EINVAL; -errno.
 */
int bw_pci_vf_look(const char *root, const char *pci, struct bw_pci_vf *ret, struct bw_err *err);

/* The same for a PF. Return: 0; -ENODEV; -ENXIO class INVALID it cannot have VFs; -EINVAL; -errno.
 */
int bw_pci_pf_look(const char *root, const char *pci, struct bw_pci_pf *ret, struct bw_err *err);

/**
 * bw_pci_pf_find() - a PF by whatever names it
 * @root: see above
 * @name: netdev name in this namespace, or PCI address
 * @ret: untouched on failure
 *
 * Return: 0; -ENODEV there is no such device; -ENXIO class INVALID it cannot have VFs; -errno.
 */
int bw_pci_pf_find(const char *root, const char *name, struct bw_pci_pf *ret, struct bw_err *err);

/* PCI address of a netdev's device. Return: 0; -ENODEV no netdev; -ENXIO no PCI device has it. */
int bw_pci_of_netdev(const char *root, const char *netdev, char ret[BW_PCI_ADDR_MAX + 1],
		     struct bw_err *err);

/* Return 0 to go on; anything else ends the walk and is its result. */
typedef int (*bw_pci_vf_fn)(const char *pci, uint32_t index, void *arg, struct bw_err *err);
typedef int (*bw_pci_pf_fn)(const char *pci, void *arg, struct bw_err *err);

/**
 * bw_pci_vfs() - walk the VFs of a PF by index
 * @root: see above
 * @pf: PCI address of the PF
 * @fn: called for each VF
 * @arg: for @fn
 *
 * Return: 0; -ENODEV the PF is gone; what @fn returned; -errno. VFs that go meanwhile are left out.
 */
int bw_pci_vfs(const char *root, const char *pf, bw_pci_vf_fn fn, void *arg, struct bw_err *err);

/* Walks all devices that can have VFs, by address. Return: 0; what @fn returned; -errno. */
int bw_pci_pfs(const char *root, bw_pci_pf_fn fn, void *arg, struct bw_err *err);

/*
 * DRIVERS. The kernel unbinds and binds within the write; what follows later (a netdev that is
 * registered from a work queue) is waited for with bw_link_wait_pci().
 */

/* Whether this driver is loaded. Return: 1, 0. */
int bw_pci_has_driver(const char *root, const char *driver);

/*
 * Takes the driver away. Return: 0 also when none is bound; -ENODEV; -EBUSY class BUSY a program
 * has the device open through vfio-pci, whose unbind would wait for it; -errno.
 */
int bw_pci_unbind(const char *root, const char *pci, struct bw_err *err);

/* Which driver alone may take the device; "" = any. Return: 0; -ENODEV; -errno. */
int bw_pci_override(const char *root, const char *pci, const char *driver, struct bw_err *err);

/**
 * bw_pci_bind() - give the device to a driver and wait until it has it
 * @root: see above
 * @pci: address
 * @driver: its name; "" = whichever the kernel finds
 * @timeout_ms: the driver may be slow to say so; 0 only looks
 *
 * Waits for the kernel's event, never polls by time.
 * Return: 0 also when it has it already; -ENODEV; -ENOENT class UNSUPPORTED the driver is not
 * loaded; -EBUSY class BUSY another driver has it; -ETIMEDOUT class BUSY; -errno of the probe.
 */
int bw_pci_bind(const char *root, const char *pci, const char *driver, int timeout_ms,
		struct bw_err *err);

/* Unbinds and binds the same driver: the VF starts anew. Return: as bw_pci_bind(); -ENXIO none. */
int bw_pci_rebind(const char *root, const char *pci, int timeout_ms, struct bw_err *err);
