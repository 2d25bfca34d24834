/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls lib/net/pci.c, lib/net/rdma.c and what of lib/net/link.c finds devices by PCI address, one
 * verb a process.
 *
 *     pcidrive vf PCI | pf NAME | vfs PF | pfs
 *     pcidrive unbind PCI | bind PCI DRIVER MS | override PCI DRIVER | rebind PCI MS
 *     pcidrive find NETNS PCI | wait NETNS PCI MS      NETNS is a path
 *     pcidrive rdma-mode | rdma-list NETNS | rdma-move NETNS NAME TO
 *
 * A failure is one line "-errno text" and exit code 1.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bw/err.h>
#include <bw/link.h>
#include <bw/netns.h>
#include <bw/nl.h>
#include <bw/pci.h>
#include <bw/rdma.h>

static void print_dev(const char *what, const struct bw_pci_dev *d)
{
	(void)printf("%s %s driver=%s override=%s id=%04x:%04x iommu=%d", what, d->pci, d->driver,
		     d->driver_override, d->vendor, d->device, d->iommu_group);
	for (unsigned int i = 0; i < d->n_netdevs; i++)
		(void)printf(" %s", d->netdevs[i]);
	(void)printf("\n");
}

static int show_vf(char **a, struct bw_err *err)
{
	struct bw_pci_vf v;
	int r = bw_pci_vf_look("", a[0], &v, err);

	if (r < 0)
		return r;
	(void)printf("index %u\n", v.index);
	print_dev("vf", &v.dev);
	print_dev("pf", &v.pf);
	return 0;
}

static int show_pf(char **a, struct bw_err *err)
{
	struct bw_pci_pf p;
	int r = bw_pci_pf_find("", a[0], &p, err);

	if (r < 0)
		return r;
	(void)printf("%u of %u\n", p.numvfs, p.totalvfs);
	print_dev("pf", &p.dev);
	return 0;
}

static int print_vf(const char *pci, uint32_t index, void *arg, struct bw_err *err)
{
	(void)arg;
	(void)err;
	(void)printf("%u %s\n", index, pci);
	return 0;
}

static int show_vfs(char **a, struct bw_err *err)
{
	return bw_pci_vfs("", a[0], print_vf, NULL, err);
}

static int print_pf(const char *pci, void *arg, struct bw_err *err)
{
	(void)arg;
	(void)err;
	(void)printf("%s\n", pci);
	return 0;
}

static int show_pfs(char **a, struct bw_err *err)
{
	(void)a;
	return bw_pci_pfs("", print_pf, NULL, err);
}

static int do_unbind(char **a, struct bw_err *err)
{
	return bw_pci_unbind("", a[0], err);
}

static int do_bind(char **a, struct bw_err *err)
{
	return bw_pci_bind("", a[0], a[1], atoi(a[2]), err);
}

static int do_override(char **a, struct bw_err *err)
{
	return bw_pci_override("", a[0], a[1], err);
}

static int do_rebind(char **a, struct bw_err *err)
{
	return bw_pci_rebind("", a[0], atoi(a[1]), err);
}

static int do_find(char **a, struct bw_err *err)
{
	bw_autonetns struct bw_netns ns = BW_NETNS_NONE;
	bw_autonl struct bw_nl *nl = NULL;
	struct bw_link link = { 0 };
	int r = bw_netns_open(a[0], &ns, err);

	if (r == 0)
		r = bw_nl_open(BW_NL_ROUTE, &ns, &nl, err);
	if (r == 0)
		r = bw_link_find_pci(nl, a[1], &link, err);
	if (r >= 0)
		(void)printf("%d %s\n", r, link.name);
	return r < 0 ? r : 0;
}

static int do_wait(char **a, struct bw_err *err)
{
	bw_autonetns struct bw_netns ns = BW_NETNS_NONE;
	struct bw_link link;
	int r = bw_netns_open(a[0], &ns, err);

	if (r == 0)
		r = bw_link_wait_pci(&ns, a[1], atoi(a[2]), &link, err);
	if (r == 0)
		(void)printf("%s\n", link.name);
	return r;
}

static int rdma_mode(char **a, struct bw_err *err)
{
	bw_autonl struct bw_nl *nl = NULL;
	int exclusive = 0;
	int r = bw_nl_open(BW_NL_RDMA, NULL, &nl, err);

	(void)a;
	if (r == 0)
		r = bw_rdma_exclusive(nl, &exclusive, err);
	if (r == 0)
		(void)printf("%s\n", exclusive ? "exclusive" : "shared");
	return r;
}

static int print_rdma(const struct bw_rdma_dev *dev, void *arg, struct bw_err *err)
{
	(void)arg;
	(void)err;
	(void)printf("%s\n", dev->name);
	return 0;
}

static int open_rdma(const char *path, struct bw_nl **ret, struct bw_err *err)
{
	bw_autonetns struct bw_netns ns = BW_NETNS_NONE;
	int r = bw_netns_open(path, &ns, err);

	return r < 0 ? r : bw_nl_open(BW_NL_RDMA, &ns, ret, err);
}

static int rdma_list(char **a, struct bw_err *err)
{
	bw_autonl struct bw_nl *nl = NULL;
	int r = open_rdma(a[0], &nl, err);

	return r < 0 ? r : bw_rdma_list(nl, print_rdma, NULL, err);
}

static int rdma_move(char **a, struct bw_err *err)
{
	bw_autonetns struct bw_netns to = BW_NETNS_NONE;
	bw_autonl struct bw_nl *nl = NULL;
	struct bw_rdma_dev dev = { 0 };
	int r = bw_netns_open(a[2], &to, err);

	if (r == 0)
		r = open_rdma(a[0], &nl, err);
	if (r == 0)
		r = bw_rdma_find(nl, a[1], &dev, err);
	if (r == 0)
		r = bw_fail(err, ENODEV, "find RDMA device %s", a[1]);
	return r < 0 ? r : bw_rdma_set_netns(nl, &dev, to.fd, err);
}

static const struct verb {
	const char *name;
	int args;
	int (*run)(char **args, struct bw_err *err);
} verbs[] = {
	{ "vf", 1, show_vf },          { "pf", 1, show_pf },
	{ "vfs", 1, show_vfs },        { "pfs", 0, show_pfs },
	{ "unbind", 1, do_unbind },    { "bind", 3, do_bind },
	{ "find", 2, do_find },        { "override", 2, do_override },
	{ "rebind", 2, do_rebind },    { "wait", 3, do_wait },
	{ "rdma-mode", 0, rdma_mode }, { "rdma-list", 1, rdma_list },
	{ "rdma-move", 3, rdma_move },
};

int main(int argc, char **argv)
{
	struct bw_err err = { 0 };
	int r = -EINVAL;

	for (size_t i = 0; i < BW_ARRAY_SIZE(verbs); i++)
		if (argc == verbs[i].args + 2 && strcmp(argv[1], verbs[i].name) == 0)
			r = verbs[i].run(argv + 2, &err);
	if (r < 0)
		(void)printf("%d %s\n", r, err.msg);
	return r < 0;
}
