/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agent's socket: root's programs on this node send one line and get one line. A peer that is
 * slow, too long or not root costs a descriptor for a moment and nothing else.
 *
 * I1 A peer gets exactly one answer, or is closed without one; .gone tells the second for a peer
 *    whose line was taken.
 * I2 No peer holds up another: reads and writes never block, and each has a deadline of its own.
 */
#pragma once

#include <bw/defs.h>

struct agent_peer;
struct agent_sock;
struct bw_err;
struct bw_loop;

#define AGENT_SOCK_LINE_MAX 65536U /* bytes of a request or an answer, newline included */
#define AGENT_SOCK_PEERS_MAX 512U /* at once; more wait in the kernel's queue */
#define AGENT_SOCK_STALL_MS 2000 /* for a whole line to come, or to be taken */

struct agent_sock_ops {
	/*
	 * A request of @size bytes without its newline, NUL-terminated, borrowed. Answered by
	 * agent_peer_reply(), in the call or later.
	 */
	void (*line)(struct agent_peer *peer, const char *line, size_t size, void *arg);
	/* It hung up before it was answered: forget it. */
	void (*gone)(struct agent_peer *peer, void *arg);
};

/**
 * agent_sock_open() - listen
 * @loop: real; borrowed for the socket's life
 * @path: put in place by a rename, so that no connection meets half a server
 * @uid: the only user who is heard: 0 but in tests
 * @ops: borrowed for the socket's life
 * @arg: for @ops
 * @ret: owned by the caller
 *
 * Return: 0; -ENAMETOOLONG class INVALID; -ENOMEM; -errno.
 */
int agent_sock_open(struct bw_loop *loop, const char *path, uid_t uid,
		    const struct agent_sock_ops *ops, void *arg, struct agent_sock **ret,
		    struct bw_err *err);

/* Closes every peer (without .gone) and takes the path away if it is still this one. NULL-safe. */
void agent_sock_close(struct agent_sock **sock);

/**
 * agent_peer_reply() - answer and let go
 * @peer: not to be used again
 * @text: one line without its newline; one longer than AGENT_SOCK_LINE_MAX - 1 closes the peer
 * @size: bytes
 */
void agent_peer_reply(struct agent_peer *peer, const char *text, size_t size);

/* How many peers there are, answered or not; how many were refused since the start. */
unsigned int agent_sock_peers(const struct agent_sock *sock);
uint64_t agent_sock_refused(const struct agent_sock *sock);
