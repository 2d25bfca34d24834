/* SPDX-License-Identifier: Apache-2.0 */
/* Being told of changes: the kernel's groups say that something changed, a new look says what. */
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <bw/err.h>
#include <bw/log.h>
#include <bw/loop.h>

#include "node.h"

#define SETTLE_NS 200000000LL /* changes come in bursts: one look for all within 200 ms */
#define DRAIN_MAX 256 /* messages taken in one round */
#define MSG_SIZE 512 /* the rest of a message is thrown away */

struct agent_node_watch {
	struct bw_loop *loop;
	struct bw_loop_fd watch;
	struct bw_timer settle;
	int fd;
};

/* What a message says does not matter, and neither does one that was lost (ENOBUFS). */
static void on_change(uint32_t events, void *arg)
{
	struct agent_node_watch *w = arg;
	char data[MSG_SIZE];

	(void)events; /* reading tells */
	for (int i = 0; i < DRAIN_MAX; i++)
		if (recv(w->fd, data, sizeof(data), MSG_DONTWAIT) < 0 && errno != ENOBUFS)
			break;
	if (bw_timer_is_set(&w->settle))
		return;
	if (bw_timer_set(&w->settle, bw_loop_now_ns(w->loop) + SETTLE_NS) < 0)
		bw_log_error("out of memory: a change of the devices is seen later");
}

static int open_groups(struct agent_node_watch *w, struct bw_err *err)
{
	const struct sockaddr_nl sa = {
		.nl_family = AF_NETLINK,
		.nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR,
	};

	w->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
	if (w->fd < 0 || bind(w->fd, (const struct sockaddr *)&sa, sizeof(sa)) < 0)
		return bw_fail(err, errno, "listen to changes of the devices");
	return bw_loop_fd_add(&w->watch, w->loop, w->fd, EPOLLIN, on_change, w, err);
}

int agent_node_watch_new(struct bw_loop *loop, void (*fn)(void *arg), void *arg,
			 struct agent_node_watch **ret, struct bw_err *err)
{
	struct agent_node_watch *w = calloc(1, sizeof(*w));
	int r;

	if (!w)
		return bw_fail(err, ENOMEM, "listen to changes of the devices");
	w->loop = loop;
	w->fd = -1;
	bw_timer_init(&w->settle, loop, fn, arg);
	r = open_groups(w, err);
	if (r < 0) {
		agent_node_watch_free(&w);
		return r;
	}
	*ret = w;
	return 0;
}

void agent_node_watch_free(struct agent_node_watch **w)
{
	if (!*w)
		return;
	bw_timer_stop(&(*w)->settle);
	bw_loop_fd_remove(&(*w)->watch);
	if ((*w)->fd >= 0)
		(void)close((*w)->fd); /* nothing to do about a failed close, ignoring */
	free(*w);
	*w = NULL;
}
