/* SPDX-License-Identifier: Apache-2.0 */
/* A child and its end. */
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <bw/err.h>
#include <bw/io.h>

#include "run.h"

#define NS_PER_MS 1000000LL

static int reap(struct agent_run *run)
{
	int status = 0;

	bw_timer_stop(&run->deadline);
	bw_loop_fd_remove(&run->watch);
	if (run->pidfd >= 0)
		(void)close(run->pidfd); /* nothing to do about a failed close, ignoring */
	while (waitpid(run->pid, &status, 0) < 0 && errno == EINTR)
		;
	run->pid = 0;
	return status;
}

static void on_end(uint32_t events, void *arg)
{
	struct agent_run *run = arg;

	(void)events; /* a pidfd has but one */
	run->done(reap(run), run->arg);
}

static void on_deadline(void *arg)
{
	struct agent_run *run = arg;

	(void)kill(run->pid, SIGKILL); /* its end is what comes next, ignoring */
}

static int spawn(struct agent_run *run, const char *path, const char *const *env, int in,
		 struct bw_err *err)
{
	char *const argv[] = { (char *)path, NULL };
	posix_spawn_file_actions_t fa;
	pid_t pid;
	int r = posix_spawn_file_actions_init(&fa);

	if (r)
		return bw_fail(err, r, "run %s", path);
	r = posix_spawn_file_actions_adddup2(&fa, in, STDIN_FILENO);
	if (!r)
		r = posix_spawn_file_actions_addopen(&fa, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	if (!r)
		r = posix_spawn(&pid, path, &fa, NULL, argv, (char *const *)env);
	(void)posix_spawn_file_actions_destroy(&fa); /* cannot fail once initialised */
	if (r)
		return bw_fail(err, r, "run %s", path);
	run->pid = pid;
	return 0;
}

static int watch(struct agent_run *run, struct bw_err *err)
{
	run->pidfd = (int)syscall(SYS_pidfd_open, run->pid, 0);
	if (run->pidfd < 0)
		return bw_fail(err, errno, "watch a child");
	bw_timer_init(&run->deadline, run->loop, on_deadline, run);
	if (bw_timer_set(&run->deadline, bw_loop_now_ns(run->loop) + AGENT_RUN_MS * NS_PER_MS) < 0)
		return bw_fail(err, ENOMEM, "watch a child");
	return bw_loop_fd_add(&run->watch, run->loop, run->pidfd, EPOLLIN, on_end, run, err);
}

int agent_run_start(struct agent_run *run, const char *path, const char *const *env,
		    const char *input, struct bw_err *err)
{
	size_t size = strlen(input);
	int fds[2];
	int r;

	if (size > AGENT_RUN_STDIN_MAX)
		return bw_fail(err, E2BIG, "run %s", path);
	if (pipe2(fds, O_CLOEXEC) < 0)
		return bw_fail(err, errno, "run %s", path);
	r = bw_io_write_all(fds[1], input, size, err);
	(void)close(fds[1]); /* nothing to do about a failed close, ignoring */
	if (r == 0)
		r = spawn(run, path, env, fds[0], err);
	(void)close(fds[0]); /* likewise */
	if (r < 0)
		return r;
	r = watch(run, err);
	if (r < 0)
		agent_run_cancel(run);
	return r;
}

void agent_run_cancel(struct agent_run *run)
{
	if (!run->pid)
		return;
	(void)kill(run->pid, SIGKILL); /* it is ours and not reaped, ignoring */
	(void)reap(run);
}
