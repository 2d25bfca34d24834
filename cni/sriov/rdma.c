/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The RDMA device of a VF. In exclusive mode a network namespace owns its RDMA devices, and one
 * that stays behind is of no use to the pod; in shared mode every namespace sees all.
 */
#include <stdio.h>
#include <string.h>

#include <bw/err.h>
#include <bw/link.h>
#include <bw/nl.h>
#include <bw/pci.h>
#include <bw/rdma.h>

#include "add.h"

#define PATH_LEN_MAX 64
#define RDMA_DEVS_MAX 32 /* of one pod */

/*
 * Whether the VF has one here. Asked of sysfs by one call, as nearly no VF has: opening the netlink
 * family alone would have the kernel load modules.
 */
static int has_rdma(const char *pci)
{
	char path[PATH_LEN_MAX];

	/* always fits, ignoring */
	(void)snprintf(path, sizeof(path), "/sys/bus/pci/devices/%.16s/infiniband", pci);
	return access(path, F_OK) == 0;
}

/* 1 @nl is open and devices can be moved; 0 there is nothing to move; -errno. */
static int open_exclusive(const struct bw_netns *ns, struct bw_nl **ret, struct bw_err *err)
{
	struct bw_err why = { 0 };
	int exclusive = 0;
	int r = bw_nl_open(BW_NL_RDMA, ns, ret, &why);

	if (r == -EPROTONOSUPPORT) /* a kernel without RDMA */
		return 0;
	if (r == 0)
		r = bw_rdma_exclusive(*ret, &exclusive, &why);
	if (r < 0 && err)
		*err = why;
	return r < 0 ? r : exclusive;
}

int sriov_rdma_move(struct sriov_add *add, struct sriov_vf *vf, struct bw_err *err)
{
	bw_autonl struct bw_nl *host = NULL;
	struct bw_pci_dev dev;
	int r;

	if (!has_rdma(vf->pci))
		return 0;
	r = open_exclusive(NULL, &host, err);
	if (r <= 0)
		return r;
	r = bw_pci_look("", vf->pci, &dev, err);
	for (unsigned int i = 0; r == 0 && i < dev.n_rdma; i++) {
		struct bw_rdma_dev rdma;

		r = bw_rdma_find(host, dev.rdma[i], &rdma, err);
		if (r == 1)
			r = bw_rdma_set_netns(host, &rdma, add->pod.ns.fd, err);
	}
	return r < 0 ? bw_wrap(err, r, "move the RDMA device of VF %s", vf->pci) : 0;
}

/* Devices of a pod: few, collected first, as the socket answers one question at a time. */
struct devs {
	struct bw_rdma_dev items[RDMA_DEVS_MAX];
	unsigned int n;
};

static int collect(const struct bw_rdma_dev *dev, void *arg, struct bw_err *err)
{
	struct devs *devs = arg;

	(void)err;
	if (devs->n < RDMA_DEVS_MAX)
		devs->items[devs->n++] = *dev;
	return 0;
}

static int return_of(struct bw_nl *nl, int netdev, int home_fd, struct bw_err *err)
{
	struct devs devs = { .n = 0 };
	int r = bw_rdma_list(nl, collect, &devs, err);

	for (unsigned int i = 0; r == 0 && i < devs.n; i++) {
		int ifindex = 0;

		r = bw_rdma_netdev(nl, &devs.items[i], &ifindex, err);
		if (r == 0 && ifindex == netdev)
			r = bw_rdma_set_netns(nl, &devs.items[i], home_fd, err);
	}
	return r;
}

/* Whether RDMA was ever used here: without its class in sysfs no device can have moved. */
static int is_used(void)
{
	return access("/sys/class/infiniband", F_OK) == 0;
}

int sriov_rdma_return(const struct bw_netns *pod, const char *pci, struct bw_err *err)
{
	bw_autonl struct bw_nl *rdma = NULL;
	bw_autonl struct bw_nl *route = NULL;
	struct bw_link link = { 0 };
	int r;

	if (!is_used())
		return 0;
	r = open_exclusive(pod, &rdma, err);
	if (r <= 0)
		return r;
	r = bw_nl_open(BW_NL_ROUTE, pod, &route, err);
	if (r == 0)
		r = bw_link_find_pci(route, pci, &link, err);
	if (r == 1)
		r = return_of(rdma, link.ifindex, pod->self, err);
	return r < 0 ? bw_wrap(err, r, "bring the RDMA device of VF %s back", pci) : 0;
}
