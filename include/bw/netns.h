/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Network namespaces: open by path, enter and come back, tell one from another.
 *
 * I1 Processes are single-threaded: enter and leave need no locking, and every enter has its leave
 *    in the same function.
 * I2 Identity is the cookie (SO_NETNS_COOKIE) within one boot, never the inode: those are reused.
 */
#pragma once

#include <bw/defs.h>

struct bw_err;

struct bw_netns {
	int fd; /* the namespace */
	int self; /* the caller's own, to come back to */
};

#define BW_NETNS_NONE ((struct bw_netns){ -1, -1 })
#define bw_autonetns BW_CLEANUP(bw_netns_close)

/**
 * bw_netns_open() - open a namespace by its path, and the caller's own
 * @path: e.g. /run/netns/x or /proc/PID/ns/net
 * @ret: BW_NETNS_NONE on input; owns two descriptors on success
 *
 * Return: 0; -ENOENT class NO_CONTAINER: nothing is there; -EINVAL class ENVIRONMENT: it is no
 * network namespace; -errno of open(2).
 * Source: ioctl_ns(2), NS_GET_NSTYPE.
 */
int bw_netns_open(const char *path, struct bw_netns *ret, struct bw_err *err);
void bw_netns_close(struct bw_netns *ns);

/**
 * bw_netns_enter() - make it the calling thread's namespace
 * bw_netns_leave() - come back
 *
 * /proc/sys/net follows; sockets opened in between stay there. Return: 0; -errno of setns(2).
 */
int bw_netns_enter(const struct bw_netns *ns, struct bw_err *err);
int bw_netns_leave(const struct bw_netns *ns, struct bw_err *err);

/* Return: 1 when it is the caller's own namespace, 0 when not; -errno of fstat(2). */
int bw_netns_is_own(const struct bw_netns *ns, struct bw_err *err);

/**
 * bw_netns_cookie() - its identity in this boot
 * @ns: open
 * @ret: never 0 on success
 *
 * Opens a socket in it for a moment; a struct bw_nl opened there has read it already.
 * Return: 0; -errno; -ENOPROTOOPT before Linux 5.14.
 */
int bw_netns_cookie(const struct bw_netns *ns, uint64_t *ret, struct bw_err *err);

/**
 * bw_netns_alive() - does this path still lead to that namespace
 * @path: as recorded
 * @cookie: as recorded in this boot; 0 = any namespace will do
 *
 * Return: 1 yes; 0 nothing is there, or no namespace, or another one; -errno when it cannot be
 * said.
 */
int bw_netns_alive(const char *path, uint64_t cookie, struct bw_err *err);
