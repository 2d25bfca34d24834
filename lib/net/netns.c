/* SPDX-License-Identifier: Apache-2.0 */
/* Network namespaces by descriptor; identity by socket cookie. */
#include <fcntl.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <bw/err.h>
#include <bw/netns.h>

#define SELF_PATH "/proc/thread-self/ns/net"

static int open_ns(const char *path, int *ret_fd, struct bw_err *err)
{
	/* A FIFO in this place must not hang us. */
	bw_autoclose int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return bw_reject(err, BW_ERR_NO_CONTAINER, ENOENT,
				 "network namespace %s does not exist", path);
	if (fd < 0 && (errno == ENAMETOOLONG || errno == ELOOP))
		return bw_reject(err, BW_ERR_ENVIRONMENT, EINVAL,
				 "network namespace %s is no usable path", path);
	if (fd < 0)
		return bw_fail(err, errno, "open network namespace %s", path);
	if (ioctl(fd, NS_GET_NSTYPE) != CLONE_NEWNET)
		return bw_reject(err, BW_ERR_ENVIRONMENT, EINVAL, "%s is no network namespace",
				 path);
	*ret_fd = BW_TAKE_FD(fd);
	return 0;
}

int bw_netns_open(const char *path, struct bw_netns *ret, struct bw_err *err)
{
	bw_autoclose int fd = -1;
	int self;
	int r;

	r = open_ns(path, &fd, err);
	if (r < 0)
		return r;
	self = open(SELF_PATH, O_RDONLY | O_CLOEXEC);
	if (self < 0)
		return bw_fail(err, errno, "open %s", SELF_PATH);
	ret->fd = BW_TAKE_FD(fd);
	ret->self = self;
	return 0;
}

void bw_netns_close(struct bw_netns *ns)
{
	if (!ns)
		return;
	bw_autoclose_fn(&ns->fd);
	bw_autoclose_fn(&ns->self);
	*ns = BW_NETNS_NONE;
}

int bw_netns_enter(const struct bw_netns *ns, struct bw_err *err)
{
	if (setns(ns->fd, CLONE_NEWNET) < 0)
		return bw_fail(err, errno, "enter network namespace");
	return 0;
}

int bw_netns_leave(const struct bw_netns *ns, struct bw_err *err)
{
	if (setns(ns->self, CLONE_NEWNET) < 0)
		return bw_fail(err, errno, "return to own network namespace");
	return 0;
}

int bw_netns_is_own(const struct bw_netns *ns, struct bw_err *err)
{
	struct stat a, b;

	/* Both are held open, so neither inode can be reused meanwhile. */
	if (fstat(ns->fd, &a) < 0 || fstat(ns->self, &b) < 0)
		return bw_fail(err, errno, "compare network namespaces");
	return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

static int read_cookie(uint64_t *ret, struct bw_err *err)
{
	bw_autoclose int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	socklen_t size = sizeof(*ret);

	if (fd < 0)
		return bw_fail(err, errno, "open socket in network namespace");
	if (getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, ret, &size) < 0)
		return bw_fail(err, errno, "read network namespace cookie");
	return 0;
}

int bw_netns_cookie(const struct bw_netns *ns, uint64_t *ret, struct bw_err *err)
{
	uint64_t cookie = 0;
	int r, back;

	r = bw_netns_enter(ns, err);
	if (r < 0)
		return r;
	r = read_cookie(&cookie, err);
	back = bw_netns_leave(ns, r < 0 ? NULL : err);
	if (r < 0 || back < 0)
		return r < 0 ? r : back;
	*ret = cookie;
	return 0;
}

int bw_netns_alive(const char *path, uint64_t cookie, struct bw_err *err)
{
	bw_autonetns struct bw_netns ns = BW_NETNS_NONE;
	struct bw_err why = { 0 };
	uint64_t now = 0;
	int r;

	r = bw_netns_open(path, &ns, &why);
	if (r == -ENOENT || r == -EINVAL)
		return 0;
	if (r >= 0 && !cookie)
		return 1;
	if (r >= 0)
		r = bw_netns_cookie(&ns, &now, &why);
	if (r < 0) {
		if (err)
			*err = why;
		return r;
	}
	return now == cookie;
}
