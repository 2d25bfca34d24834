/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One message that moves a device and sets more: one of its parts becomes what the kernel refuses,
 * after the move. The kernel does not undo the rest.
 */
#pragma once

#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

#define SPOIL_MESSAGE_MAX 4096 /* bytes looked at */

static inline bool spoil_copy(pid_t pid, uint64_t at, void *data, size_t size, bool write)
{
	struct iovec here = { data, size }, there = { (void *)(uintptr_t)at, size };

	return (write ? process_vm_writev(pid, &here, 1, &there, 1, 0)
		      : process_vm_readv(pid, &here, 1, &there, 1, 0)) == (ssize_t)size;
}

/* A value the kernel refuses: a group's MAC, or an MTU no device has. */
static inline bool spoil_value(pid_t pid, uint64_t at, int attr)
{
	unsigned char mac[6] = { 0x01, 0, 0x5e, 0, 0, 1 };
	unsigned int mtu = 0x7ffffff0;

	return attr == IFLA_ADDRESS ? spoil_copy(pid, at, mac, sizeof(mac), true)
				    : spoil_copy(pid, at, &mtu, sizeof(mtu), true);
}

/* Looks through one netlink message at @at of the process; true when it was spoilt. */
static inline bool spoil_message(pid_t pid, uint64_t at, size_t size, int attr)
{
	const size_t head = NLMSG_LENGTH(sizeof(struct ifinfomsg));
	_Alignas(8) unsigned char data[SPOIL_MESSAGE_MAX];
	const struct nlmsghdr *nlh = (const void *)data;
	uint64_t found = 0;
	bool moves = false;

	if (size < head || size > sizeof(data) || !spoil_copy(pid, at, data, size, false))
		return false;
	if (nlh->nlmsg_len > size ||
	    (nlh->nlmsg_type != RTM_NEWLINK && nlh->nlmsg_type != RTM_SETLINK))
		return false;
	for (size_t i = head; i + sizeof(struct rtattr) <= nlh->nlmsg_len;) {
		const struct rtattr *a = (const void *)(data + i);

		if (a->rta_len < sizeof(*a))
			break;
		if (a->rta_type == IFLA_NET_NS_FD)
			moves = true;
		else if (a->rta_type == attr)
			found = at + i + RTA_LENGTH(0);
		i += RTA_ALIGN(a->rta_len);
	}
	return moves && found && spoil_value(pid, found, attr);
}

/* The same for the msghdr of a sendmsg(2). */
static inline bool spoil_msghdr(pid_t pid, uint64_t at, int attr)
{
	struct msghdr m;
	struct iovec iov;

	return spoil_copy(pid, at, &m, sizeof(m), false) && m.msg_iovlen == 1 &&
	       spoil_copy(pid, (uint64_t)(uintptr_t)m.msg_iov, &iov, sizeof(iov), false) &&
	       spoil_message(pid, (uint64_t)(uintptr_t)iov.iov_base, iov.iov_len, attr);
}
