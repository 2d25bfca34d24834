/* SPDX-License-Identifier: Apache-2.0 */
/* A second network namespace, held by a child that waits for its pipe to close. */
#pragma once

#include <sched.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <bw/err.h>
#include <bw/netns.h>

static struct bw_err err;

#define assert_ok(e)                                                                               \
	do {                                                                                       \
		int r_ = (e);                                                                      \
		if (r_ < 0)                                                                        \
			fail_msg("%s: %d: %s", #e, r_, err.msg);                                   \
	} while (0)

struct neighbour {
	struct bw_netns ns;
	char path[64];
	pid_t child;
	int hold;
};

static inline void neighbour_make(struct neighbour *n)
{
	int ready[2], hold[2];
	char c;

	assert_int_equal(pipe(ready), 0);
	assert_int_equal(pipe(hold), 0);
	n->child = fork();
	if (n->child == 0) {
		close(hold[1]);
		if (unshare(CLONE_NEWNET) < 0)
			_exit(1);
		(void)!write(ready[1], "x", 1);
		(void)!read(hold[0], &c, 1);
		_exit(0);
	}
	close(hold[0]);
	close(ready[1]);
	assert_int_equal(read(ready[0], &c, 1), 1);
	close(ready[0]);
	n->hold = hold[1];
	snprintf(n->path, sizeof(n->path), "/proc/%d/ns/net", (int)n->child);
	n->ns = BW_NETNS_NONE;
	assert_ok(bw_netns_open(n->path, &n->ns, &err));
}

static inline void neighbour_drop(struct neighbour *n)
{
	bw_netns_close(&n->ns);
	close(n->hold);
	waitpid(n->child, NULL, 0);
}
