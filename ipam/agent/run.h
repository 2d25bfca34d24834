/* SPDX-License-Identifier: Apache-2.0 */
/* One plugin run as a child, without the loop waiting for it. */
#pragma once

#include <bw/defs.h>
#include <bw/loop.h>

struct bw_err;

#define AGENT_RUN_MS 30000 /* then it is killed */
#define AGENT_RUN_STDIN_MAX 4096 /* bytes: below a pipe's own 64 KiB, so writing never waits */

/* Lives in its owner; zeroed it is idle. */
struct agent_run {
	struct bw_loop *loop;
	struct bw_loop_fd watch;
	struct bw_timer deadline;
	int pid; /* 0 = idle */
	int pidfd;
	void (*done)(int status, void *arg); /* of waitpid(2) */
	void *arg;
};

/**
 * agent_run_start() - run a program
 * @run: idle, with .loop, .done and .arg
 * @path: of the program
 * @env: NAME=VALUE, ended by NULL; nothing else is in its environment
 * @input: its standard input, at most AGENT_RUN_STDIN_MAX bytes
 *
 * Its standard output goes nowhere, its log where ours goes. Return: 0; -E2BIG; -errno.
 */
int agent_run_start(struct agent_run *run, const char *path, const char *const *env,
		    const char *input, struct bw_err *err);

/* Kills it; .done is not called. Harmless when idle. */
void agent_run_cancel(struct agent_run *run);
