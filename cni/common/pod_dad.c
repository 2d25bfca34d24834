/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When the pod's addresses work: enabledad's wait for duplicate address detection, as the reference
 * plugins', and the wait for the kernel's local routes.
 */
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <sys/socket.h>

#include <bw/addr.h>
#include <bw/announce.h>
#include <bw/clock.h>
#include <bw/err.h>
#include <bw/nl.h>
#include <bw/own.h>
#include <bw/pod.h>
#include <bw/route.h>

#define DAD_WAIT_MS 10000 /* settle timeout of the reference's ConfigureIface() */
#define LOCAL_WAIT_MS 10000
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

/* From now on the pod's route socket hears of every change of an IPv6 address. */
static int hear_addresses(const struct bw_pod *pod, struct bw_err *err)
{
	const int group = RTNLGRP_IPV6_IFADDR;

	if (setsockopt(pod->nl->fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) < 0)
		return bw_fail(err, errno, "listen for address events in the container");
	return 0;
}

/*
 * Until something has changed, or @end. Answers and events come by one socket: what came with the
 * answers of the last look (@events before it) may be newer than they are.
 */
static void await_change(const struct bw_pod *pod, unsigned int events, uint64_t now, uint64_t end)
{
	struct pollfd p = { .fd = pod->nl->fd, .events = POLLIN };

	if (pod->nl->events != events)
		return;
	(void)poll(&p, 1, (int)((end - now) / NS_PER_MS) + 1); /* looked at anew anyway */
}

int bw_pod_dad_wait(const struct bw_pod *pod, const char *segment, struct bw_err *err)
{
	uint64_t end = bw_clock_boot_ns() + DAD_WAIT_MS * NS_PER_MS;
	struct look look = { 0 };
	struct bw_addr_visitor v = { .reset = look_reset, .visit = look_one, .arg = &look };
	char ip[BW_IP_STR_MAX];
	int r;

	r = hear_addresses(pod, err);
	while (r == 0) {
		uint64_t now = bw_clock_boot_ns();
		unsigned int events = pod->nl->events;

		r = bw_addr_list(pod->nl, pod->ifindex, AF_INET6, &v, err);
		if (r < 0 || look.failed || !look.tentative || now >= end)
			break;
		await_change(pod, events, now, end);
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

/* How many of the IPv6 addresses have no local route yet; -errno. */
static int count_missing(const struct bw_pod *pod, const struct bw_ip *ips, size_t n,
			 const struct bw_ip **ret_first, struct bw_err *err)
{
	struct bw_route routes[BW_ANNOUNCE_ADDRS_MAX] = { 0 };
	struct bw_nl_batch *b = bw_nl_begin(pod->nl);
	int missing = 0;
	int r;

	for (size_t i = 0; i < n; i++)
		bw_route_put_get(b, &ips[i], &routes[i]);
	r = bw_nl_talk(pod->nl, b, err);
	for (size_t i = n; i > 0 && r == 0; i--)
		if (routes[i - 1].type != RTN_LOCAL) {
			*ret_first = &ips[i - 1];
			missing++;
		}
	return r < 0 ? r : missing;
}

/* The event of an address comes after its route (__ipv6_ifa_notify()). */
static int await_local(const struct bw_pod *pod, const struct bw_ip *ips, size_t n,
		       struct bw_err *err)
{
	uint64_t end = bw_clock_boot_ns() + LOCAL_WAIT_MS * NS_PER_MS;
	const struct bw_ip *first = NULL;
	char ip[BW_IP_STR_MAX];
	int r;

	r = hear_addresses(pod, err);
	while (r == 0) {
		uint64_t now = bw_clock_boot_ns();
		unsigned int events = pod->nl->events;

		r = count_missing(pod, ips, n, &first, err);
		if (r <= 0)
			return r;
		if (now >= end)
			return bw_reject(err, BW_ERR_BUSY, ETIMEDOUT,
					 "%s does not work within %d ms", bw_ip_str(first, ip),
					 LOCAL_WAIT_MS);
		r = 0;
		await_change(pod, events, now, end);
	}
	return r;
}

int bw_pod_local_wait(const struct bw_pod *pod, const struct bw_own *own, struct bw_err *err)
{
	struct bw_ip all[BW_ANNOUNCE_ADDRS_MAX];
	size_t n = bw_own_ips(own, all, BW_ANNOUNCE_ADDRS_MAX);
	const struct bw_ip *first;
	size_t n6 = 0;
	int r;

	for (size_t i = 0; i < n; i++)
		if (all[i].family == AF_INET6)
			all[n6++] = all[i];
	if (!n6)
		return 0;
	r = count_missing(pod, all, n6, &first, err);
	return r <= 0 ? r : await_local(pod, all, n6, err);
}
