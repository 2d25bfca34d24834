/* SPDX-License-Identifier: Apache-2.0 */
/* enabledad: an ADD ends when duplicate address detection has ended, as the reference plugins'. */
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <sys/socket.h>

#include <bw/addr.h>
#include <bw/clock.h>
#include <bw/err.h>
#include <bw/nl.h>
#include <bw/pod.h>

#define DAD_WAIT_MS 10000 /* settle timeout of the reference's ConfigureIface() */
#define NS_PER_MS 1000000ULL

struct look {
	unsigned int tentative;
	int failed;
	struct bw_ip ip; /* the one that failed */
};

static void look_reset(void *arg)
{
	*(struct look *)arg = (struct look){ 0 };
}

static int look_one(const struct bw_addr *addr, void *arg, struct bw_err *err)
{
	struct look *look = arg;

	(void)err;
	if (addr->flags & IFA_F_DADFAILED) {
		look->failed = 1;
		look->ip = addr->prefix.ip;
	} else if (addr->flags & IFA_F_TENTATIVE) {
		look->tentative++;
	}
	return 0;
}

/* A socket in the pod that hears of every change of an IPv6 address. */
static int open_events(const struct bw_pod *pod, int *ret_fd, struct bw_err *err)
{
	struct sockaddr_nl self = { .nl_family = AF_NETLINK, .nl_groups = RTMGRP_IPV6_IFADDR };
	bw_autoclose int fd = -1;
	int r, back;

	r = bw_netns_enter(&pod->ns, err);
	if (r < 0)
		return r;
	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
	if (fd < 0 || bind(fd, (const struct sockaddr *)&self, sizeof(self)) < 0)
		r = bw_fail(err, errno, "listen for address events in the container");
	back = bw_netns_leave(&pod->ns, r < 0 ? NULL : err);
	if (r < 0 || back < 0)
		return r < 0 ? r : back;
	*ret_fd = BW_TAKE_FD(fd);
	return 0;
}

/* Empties what has come; the addresses themselves are looked at anew. */
static void drain(int fd)
{
	char buf[4096];

	for (int i = 0; i < 64 && recv(fd, buf, sizeof(buf), 0) > 0; i++)
		;
}

int bw_pod_dad_wait(const struct bw_pod *pod, const char *segment, struct bw_err *err)
{
	uint64_t end = bw_clock_boot_ns() + DAD_WAIT_MS * NS_PER_MS;
	bw_autoclose int fd = -1;
	struct look look = { 0 };
	struct bw_addr_visitor v = { .reset = look_reset, .visit = look_one, .arg = &look };
	char ip[BW_IP_STR_MAX];
	int r;

	r = open_events(pod, &fd, err);
	while (r == 0) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		uint64_t now = bw_clock_boot_ns();

		r = bw_addr_list(pod->nl, pod->ifindex, AF_INET6, &v, err);
		if (r < 0 || look.failed || !look.tentative || now >= end)
			break;
		(void)poll(&p, 1, (int)((end - now) / NS_PER_MS) + 1); /* looked at anew anyway */
		drain(fd);
	}
	if (r < 0)
		return r;
	if (look.failed)
		return bw_reject(err, BW_ERR_BUSY, EADDRINUSE,
				 "duplicate address detection: %s is in use in the segment of %s",
				 bw_ip_str(&look.ip, ip), segment);
	if (look.tentative)
		return bw_reject(err, BW_ERR_BUSY, ETIMEDOUT,
				 "duplicate address detection did not end within %d ms",
				 DAD_WAIT_MS);
	return 0;
}
