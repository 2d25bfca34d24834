/* SPDX-License-Identifier: Apache-2.0 */
/* PCI devices in sysfs: addresses, VFs and their PFs, netdevs. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include <bw/err.h>
#include <bw/pci.h>

#include "pci_sysfs.h"

#define DOMAIN_DIGITS_MIN 4
#define DOMAIN_DIGITS_MAX 8
#define DEVICE_MAX 0x1f /* PCI: 5 bits of device, 3 of function */
#define FUNCTION_MAX 7

/* Where a function sits on its segment: bus, device, function in 16 bits. */
struct place {
	uint32_t domain;
	uint32_t rid;
};

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20; /* lower case */
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Reads @min to @max hex digits. Moves @p behind them. 0; -EINVAL. */
static int hex_number(const char **p, unsigned int min, unsigned int max, uint32_t *ret)
{
	unsigned int n = 0;
	uint32_t v = 0;

	while (n < max && hex_digit(**p) >= 0) {
		v = v << 4 | (uint32_t)hex_digit(**p);
		++*p;
		n++;
	}
	if (n < min)
		return -EINVAL;
	*ret = v;
	return 0;
}

static int parse_place(const char *text, struct place *ret)
{
	uint32_t domain, bus, device, function;
	const char *p = text;

	if (hex_number(&p, DOMAIN_DIGITS_MIN, DOMAIN_DIGITS_MAX, &domain) < 0 || *p++ != ':' ||
	    hex_number(&p, 2, 2, &bus) < 0 || *p++ != ':' || hex_number(&p, 2, 2, &device) < 0 ||
	    *p++ != '.' || hex_number(&p, 1, 1, &function) < 0 || *p)
		return -EINVAL;
	if (device > DEVICE_MAX || function > FUNCTION_MAX)
		return -EINVAL;
	*ret = (struct place){ domain, bus << 8 | device << 3 | function };
	return 0;
}

int bw_pci_parse(const char *text, char ret[BW_PCI_ADDR_MAX + 1])
{
	struct place at;

	if (parse_place(text, &at) < 0)
		return -EINVAL;
	/* As the kernel's pci_setup_device(): four digits of domain or as many as needed. */
	(void)snprintf(ret, BW_PCI_ADDR_MAX + 1, "%04x:%02x:%02x.%x", at.domain, at.rid >> 8 & 0xff,
		       at.rid >> 3 & DEVICE_MAX, at.rid & FUNCTION_MAX); /* fits, ignoring */
	return 0;
}

static int parse_u32(const char *text, int base, uint32_t *ret)
{
	unsigned long v;
	char *end;

	errno = 0;
	v = strtoul(text, &end, base);
	if (errno || end == text || *end || v > UINT32_MAX || text[0] == '-')
		return -EINVAL;
	*ret = (uint32_t)v;
	return 0;
}

static int read_u32(int dirfd, const char *name, int base, uint32_t *ret)
{
	char text[32];
	int r = bw_pci_read(dirfd, name, text, sizeof(text));

	return r < 0 ? r : parse_u32(text, base, ret);
}

static void auto_dir(DIR **d)
{
	if (*d)
		(void)closedir(*d); /* read only, ignoring */
}

static int by_name(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* The entries of a folder by name, at most @max, each in @size bytes. Return: how many. */
static unsigned int read_names(int dirfd, const char *name, char *names, unsigned int max,
			       size_t size)
{
	BW_CLEANUP(auto_dir) DIR *d = NULL;
	int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	unsigned int n = 0;
	struct dirent *e;

	if (fd < 0)
		return 0;
	d = fdopendir(fd);
	if (!d) {
		(void)close(fd); /* nothing was read, ignoring */
		return 0;
	}
	while (n < max && (e = readdir(d)))
		if (e->d_name[0] != '.' && strlen(e->d_name) < size) {
			memcpy(names + n * size, e->d_name, strlen(e->d_name) + 1);
			n++;
		}
	qsort(names, n, size, by_name);
	return n;
}

/* A number the PCI header gives 16 bits; 0 when it is not there. */
static uint16_t read_id(int dirfd, const char *name)
{
	uint32_t v;

	return read_u32(dirfd, name, 16, &v) == 0 && v <= UINT16_MAX ? (uint16_t)v : 0;
}

static void read_dev(int fd, const char *pci, struct bw_pci_dev *ret)
{
	struct bw_pci_dev d = { .numa_node = -1, .iommu_group = -1 };
	char text[BW_PCI_DRIVER_MAX + 1];
	uint32_t v;

	(void)bw_pci_parse(pci, d.pci); /* the caller opened it by this name, ignoring */
	/* What a device has not stays empty, ignoring. */
	(void)bw_pci_readlink(fd, "driver", d.driver, sizeof(d.driver));
	(void)bw_pci_read(fd, "driver_override", d.driver_override, sizeof(d.driver_override));
	if (strcmp(d.driver_override, "(null)") == 0)
		d.driver_override[0] = '\0';
	d.vendor = read_id(fd, "vendor");
	d.device = read_id(fd, "device");
	if (read_u32(fd, "numa_node", 10, &v) == 0 && v <= INT32_MAX)
		d.numa_node = (int)v;
	if (bw_pci_readlink(fd, "iommu_group", text, sizeof(text)) == 0 &&
	    parse_u32(text, 10, &v) == 0 && v <= INT32_MAX)
		d.iommu_group = (int)v;
	d.n_netdevs = read_names(fd, "net", d.netdevs[0], BW_PCI_NETDEVS_MAX, sizeof(d.netdevs[0]));
	d.n_rdma = read_names(fd, "infiniband", d.rdma[0], BW_PCI_RDMA_MAX, sizeof(d.rdma[0]));
	*ret = d;
}

int bw_pci_look(const char *root, const char *pci, struct bw_pci_dev *ret, struct bw_err *err)
{
	bw_autoclose int fd = bw_pci_open(root, pci, err);

	if (fd < 0)
		return fd;
	read_dev(fd, pci, ret);
	return 0;
}

/* Whether VF @index of the PF is @pci. */
static int is_vf(int pf_fd, uint32_t index, const char *pci)
{
	char name[32];
	char target[BW_PCI_ADDR_MAX + 1];

	(void)snprintf(name, sizeof(name), "virtfn%u", index); /* fits, ignoring */
	return bw_pci_readlink(pf_fd, name, target, sizeof(target)) == 0 &&
	       strcmp(target, pci) == 0;
}

/*
 * A VF's number follows from its place: first VF offset and stride of the SR-IOV capability. The
 * link says whether it is true; without these files the links are walked.
 */
static int find_index(int pf_fd, const char *pf, const char *pci, uint32_t *ret)
{
	uint32_t offset = 0, stride = 0, num = 0;
	struct place p, v;

	if (read_u32(pf_fd, "sriov_offset", 10, &offset) == 0 &&
	    read_u32(pf_fd, "sriov_stride", 10, &stride) == 0 && parse_place(pf, &p) == 0 &&
	    parse_place(pci, &v) == 0 && v.rid >= p.rid + offset) {
		uint32_t index = stride ? (v.rid - p.rid - offset) / stride : 0;

		if (is_vf(pf_fd, index, pci)) {
			*ret = index;
			return 0;
		}
	}
	(void)read_u32(pf_fd, "sriov_totalvfs", 10, &num); /* 0 finds none, ignoring */
	for (uint32_t i = 0; i < num && i < BW_PCI_VFS_MAX; i++)
		if (is_vf(pf_fd, i, pci)) {
			*ret = i;
			return 0;
		}
	return -ENOENT;
}

int bw_pci_vf_look(const char *root, const char *pci, struct bw_pci_vf *ret, struct bw_err *err)
{
	bw_autoclose int fd = -1;
	bw_autoclose int pf_fd = -1;
	char pf[BW_PCI_ADDR_MAX + 1];
	struct bw_pci_vf v;

	fd = bw_pci_open(root, pci, err);
	if (fd < 0)
		return fd;
	if (bw_pci_readlink(fd, "physfn", pf, sizeof(pf)) < 0)
		return bw_reject(err, BW_ERR_INVALID, ENXIO, "PCI device %s is no virtual function",
				 pci);
	read_dev(fd, pci, &v.dev);
	pf_fd = bw_pci_open(root, pf, err);
	if (pf_fd < 0)
		return pf_fd;
	read_dev(pf_fd, pf, &v.pf);
	/* The VF count may change under us: then this one is about to go. */
	if (find_index(pf_fd, v.pf.pci, v.dev.pci, &v.index) < 0)
		return bw_fail(err, ENODEV, "find virtual function %s in its PF %s", v.dev.pci,
			       v.pf.pci);
	*ret = v;
	return 0;
}

int bw_pci_pf_look(const char *root, const char *pci, struct bw_pci_pf *ret, struct bw_err *err)
{
	bw_autoclose int fd = bw_pci_open(root, pci, err);
	struct bw_pci_pf p;

	if (fd < 0)
		return fd;
	if (read_u32(fd, "sriov_totalvfs", 10, &p.totalvfs) < 0 ||
	    read_u32(fd, "sriov_numvfs", 10, &p.numvfs) < 0)
		return bw_reject(err, BW_ERR_INVALID, ENXIO,
				 "PCI device %s has no SR-IOV: it cannot have virtual functions",
				 pci);
	read_dev(fd, pci, &p.dev);
	*ret = p;
	return 0;
}

int bw_pci_of_netdev(const char *root, const char *netdev, char ret[BW_PCI_ADDR_MAX + 1],
		     struct bw_err *err)
{
	char path[BW_PCI_PATH_MAX];
	char base[BW_PCI_PATH_MAX];
	int n, r;

	if (!bw_pci_name_ok(netdev, IFNAMSIZ - 1))
		return bw_reject(err, BW_ERR_INVALID, ENODEV, "\"%.64s\" is no name of a device",
				 netdev);
	n = snprintf(path, sizeof(path), "%s/sys/class/net/%s", root, netdev);
	if (n < 0 || (size_t)n >= sizeof(path) - sizeof("/device"))
		return bw_fail(err, ENAMETOOLONG, "look at device %s", netdev);
	if (access(path, F_OK) < 0)
		return bw_fail(err, errno == ENOENT ? ENODEV : errno, "look at device %s", netdev);
	memcpy(path + n, "/device", sizeof("/device"));
	r = bw_pci_readlink(AT_FDCWD, path, base, sizeof(base));
	if (r < 0 || bw_pci_parse(base, ret) < 0)
		return bw_reject(err, BW_ERR_INVALID, ENXIO, "device %s is no PCI device", netdev);
	return 0;
}

int bw_pci_pf_find(const char *root, const char *name, struct bw_pci_pf *ret, struct bw_err *err)
{
	char pci[BW_PCI_ADDR_MAX + 1];
	int r = 0;

	if (bw_pci_parse(name, pci) < 0)
		r = bw_pci_of_netdev(root, name, pci, err);
	return r < 0 ? r : bw_pci_pf_look(root, pci, ret, err);
}

int bw_pci_vfs(const char *root, const char *pf, bw_pci_vf_fn fn, void *arg, struct bw_err *err)
{
	bw_autoclose int fd = bw_pci_open(root, pf, err);
	uint32_t num = 0;

	if (fd < 0)
		return fd;
	if (read_u32(fd, "sriov_numvfs", 10, &num) < 0)
		return bw_reject(err, BW_ERR_INVALID, ENXIO,
				 "PCI device %s has no SR-IOV: it cannot have virtual functions",
				 pf);
	for (uint32_t i = 0; i < num && i < BW_PCI_VFS_MAX; i++) {
		char name[32];
		char pci[BW_PCI_ADDR_MAX + 1];
		int r;

		(void)snprintf(name, sizeof(name), "virtfn%u", i); /* fits, ignoring */
		if (bw_pci_readlink(fd, name, pci, sizeof(pci)) < 0)
			continue;
		r = fn(pci, i, arg, err);
		if (r)
			return r;
	}
	return 0;
}

struct names {
	struct dirent **e;
	int n;
};

static void auto_names(struct names *l)
{
	for (int i = 0; i < l->n; i++)
		free(l->e[i]);
	free(l->e);
}

int bw_pci_pfs(const char *root, bw_pci_pf_fn fn, void *arg, struct bw_err *err)
{
	BW_CLEANUP(auto_names) struct names l = { NULL, 0 };
	char path[BW_PCI_PATH_MAX];
	int n = snprintf(path, sizeof(path), "%s/sys/bus/pci/devices", root);

	if (n < 0 || (size_t)n >= sizeof(path))
		return bw_fail(err, ENAMETOOLONG, "list PCI devices");
	l.n = scandir(path, &l.e, NULL, alphasort);
	if (l.n < 0 && errno == ENOENT)
		return 0; /* a machine without PCI */
	if (l.n < 0)
		return bw_fail(err, errno, "list PCI devices");
	for (int i = 0; i < l.n; i++) {
		char pci[BW_PCI_ADDR_MAX + 1];
		bw_autoclose int fd = -1;
		int r;

		if (bw_pci_parse(l.e[i]->d_name, pci) < 0)
			continue;
		fd = bw_pci_open(root, pci, NULL);
		if (fd < 0 || faccessat(fd, "sriov_totalvfs", F_OK, 0) < 0)
			continue; /* gone meanwhile, or no PF */
		r = fn(pci, arg, err);
		if (r)
			return r;
	}
	return 0;
}
