/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RDMA devices over nldev (NETLINK_RDMA): find one, move it to another network namespace. Which
 * RDMA device belongs to a VF is said by bw_pci_dev.rdma. bw_rdma_put_*() build, bw_rdma_parse_*()
 * read, the others also talk.
 */
#pragma once

#include <bw/defs.h>

struct bw_err;
struct bw_nl;
struct bw_nl_batch;
struct nlmsghdr;

#define BW_RDMA_NAME_MAX 63 /* IB_DEVICE_NAME_MAX - 1, rdma/ib_verbs.h */

struct bw_rdma_dev {
	uint32_t index;
	char name[BW_RDMA_NAME_MAX + 1];
};

/* Reads one device out of an answer to GET. 0; -EPROTO. */
int bw_rdma_parse(const struct nlmsghdr *nlh, struct bw_rdma_dev *ret);

/* Reads the answer to SYS_GET: 1 exclusive, 0 shared. Return: 0; -EPROTO. */
int bw_rdma_parse_mode(const struct nlmsghdr *nlh, int *ret_exclusive);

/**
 * bw_rdma_exclusive() - does a network namespace own its RDMA devices
 * @nl: socket of BW_NL_RDMA
 * @ret: 1 exclusive: devices can be moved; 0 shared: every namespace sees all
 *
 * Return: 0; -EPROTO; -errno. Where the kernel has no RDMA, bw_nl_open() fails with
 * -EPROTONOSUPPORT.
 */
int bw_rdma_exclusive(struct bw_nl *nl, int *ret, struct bw_err *err);

/* @dev is borrowed. Return 0 to go on; anything else ends the walk and is its result. */
typedef int (*bw_rdma_fn)(const struct bw_rdma_dev *dev, void *arg, struct bw_err *err);

/* Walks the devices of the socket's namespace. Return: 0; what @fn returned; -errno. */
int bw_rdma_list(struct bw_nl *nl, bw_rdma_fn fn, void *arg, struct bw_err *err);

/* Return: 1 found and @ret filled, 0 there is none in the socket's namespace; -errno. */
int bw_rdma_find(struct bw_nl *nl, const char *name, struct bw_rdma_dev *ret, struct bw_err *err);

/* Moves a device of the socket's namespace into another. @name names it in errors. */
void bw_rdma_put_netns(struct bw_nl_batch *b, uint32_t index, const char *name, int ns_fd);

/**
 * bw_rdma_set_netns() - move a device into another network namespace
 * @nl: socket of BW_NL_RDMA in the namespace that has it
 * @dev: as found there
 * @ns_fd: where to
 *
 * Return: 0; -ENODEV; -EOPNOTSUPP, -EINVAL the system is in shared mode; -EPERM; -errno.
 */
int bw_rdma_set_netns(struct bw_nl *nl, const struct bw_rdma_dev *dev, int ns_fd,
		      struct bw_err *err);

/* Reads the answer to PORT_GET: the netdev of a port, 0 = none in this namespace. 0; -EPROTO. */
int bw_rdma_parse_netdev(const struct nlmsghdr *nlh, int *ret_ifindex);

/**
 * bw_rdma_netdev() - which netdev belongs to a device
 * @nl: socket of BW_NL_RDMA in the namespace that has both
 * @dev: as found there; its first port is asked
 * @ret_ifindex: 0 = none
 *
 * sysfs does not show what is in another namespace: there a VF's RDMA device is known by its
 * netdev. Return: 0; -ENODEV, -EINVAL no such device or port; -EPROTO; -errno.
 */
int bw_rdma_netdev(struct bw_nl *nl, const struct bw_rdma_dev *dev, int *ret_ifindex,
		   struct bw_err *err);
