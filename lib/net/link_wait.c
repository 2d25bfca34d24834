/* SPDX-License-Identifier: Apache-2.0 */
/* Network devices: waiting for the kernel's events, for a carrier or for a device to appear. */
#include <linux/rtnetlink.h>
#include <poll.h>
#include <sys/socket.h>

#include <libmnl/libmnl.h>

#include <bw/clock.h>
#include <bw/err.h>
#include <bw/link.h>
#include <bw/netns.h>
#include <bw/nl.h>

#define NS_PER_MS 1000000ULL

/*
 * Bound first: the kernel's own events carry the port 0, and a socket that has none yet is taken
 * for their sender, who gets no copy (do_one_broadcast(), net/netlink/af_netlink.c).
 */
static int join_link_group(const struct bw_nl *nl, struct bw_err *err)
{
	const struct sockaddr_nl any = { .nl_family = AF_NETLINK };
	int group = RTNLGRP_LINK;

	if (bind(nl->fd, (const struct sockaddr *)&any, sizeof(any)) < 0)
		return bw_fail(err, errno, "bind socket for device events");
	if (setsockopt(nl->fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) < 0)
		return bw_fail(err, errno, "subscribe to device events");
	return 0;
}

/* Reads the events that are there. 1 = @ifindex (0 = any device) is to be looked at again. */
static int drain_events(struct bw_nl *nl, int ifindex, struct bw_err *err)
{
	int look = 0;

	for (;;) {
		ssize_t n = recv(nl->fd, nl->rx, sizeof(nl->rx), MSG_DONTWAIT);
		const unsigned char *p = nl->rx;
		const struct nlmsghdr *nlh;
		size_t left = n > 0 ? (size_t)n : 0;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == ENOBUFS)
			return 1; /* events were lost: any of them may have been ours */
		if (n < 0)
			return errno == EAGAIN ? look
					       : bw_fail(err, errno, "receive device events");
		while ((nlh = bw_nl_next(&p, &left))) {
			const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(nlh);

			if (mnl_nlmsg_get_payload_len(nlh) >= sizeof(*ifi) &&
			    (!ifindex || ifi->ifi_index == ifindex))
				look = 1;
		}
	}
}

/* Waits for an event of @ifindex (0 = any device). 0 look again; -ETIMEDOUT; -errno. */
static int await_event(struct bw_nl *events, int ifindex, uint64_t deadline, struct bw_err *err)
{
	for (;;) {
		uint64_t now = bw_clock_boot_ns();
		struct pollfd p = { .fd = events->fd, .events = POLLIN };
		int r;

		if (now >= deadline)
			return -ETIMEDOUT; /* the caller says what it waited for */
		r = poll(&p, 1, (int)((deadline - now + NS_PER_MS - 1) / NS_PER_MS));
		if (r < 0 && errno != EINTR)
			return bw_fail(err, errno, "wait for device events");
		if (r <= 0)
			continue;
		r = drain_events(events, ifindex, err);
		if (r)
			return r < 0 ? r : 0;
	}
}

int bw_link_wait_carrier(const struct bw_netns *ns, int ifindex, int timeout_ms, struct bw_err *err)
{
	uint64_t deadline = bw_clock_boot_ns() + (uint64_t)timeout_ms * NS_PER_MS;
	bw_autonl struct bw_nl *events = NULL;
	bw_autonl struct bw_nl *nl = NULL;
	struct bw_link link;
	int r;

	/* Subscribed before the first look, so that no change falls between. */
	r = bw_nl_open(BW_NL_ROUTE, ns, &events, err);
	if (r >= 0)
		r = join_link_group(events, err);
	if (r >= 0)
		r = bw_nl_open(BW_NL_ROUTE, ns, &nl, err);
	while (r >= 0) {
		r = bw_link_get(nl, ifindex, NULL, &link, err);
		if (r < 0 || link.flags & BW_IFF_LOWER_UP)
			break;
		r = await_event(events, ifindex, deadline, err);
		if (r == -ETIMEDOUT)
			return bw_reject(err, BW_ERR_BUSY, ETIMEDOUT, "device %d has no carrier",
					 ifindex);
	}
	return r < 0 ? r : 0;
}

int bw_link_wait_pci(const struct bw_netns *ns, const char *pci, int timeout_ms,
		     struct bw_link *ret, struct bw_err *err)
{
	uint64_t deadline = bw_clock_boot_ns() + (uint64_t)timeout_ms * NS_PER_MS;
	bw_autonl struct bw_nl *events = NULL;
	bw_autonl struct bw_nl *nl = NULL;
	int r;

	/* Subscribed before the first look, so that no device comes between. */
	r = bw_nl_open(BW_NL_ROUTE, ns, &events, err);
	if (r >= 0)
		r = join_link_group(events, err);
	if (r >= 0)
		r = bw_nl_open(BW_NL_ROUTE, ns, &nl, err);
	while (r >= 0) {
		r = bw_link_find_pci(nl, pci, ret, err);
		if (r)
			break;
		r = await_event(events, 0, deadline, err);
		if (r == -ETIMEDOUT)
			return bw_reject(err, BW_ERR_BUSY, ETIMEDOUT,
					 "no network device of %s appeared within %d ms", pci,
					 timeout_ms);
	}
	return r < 0 ? r : 0;
}
