/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Process 1: runs the command, forwards signals to it, reaps what was left to it, and lets the
 * stop file decide whether the container ends with the command.
 */
#include <assert.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <bw/clock.h>
#include <bw/err.h>
#include <bw/io.h>

#include "launch.h"

#define NS_PER_S 1000000000LL
#define SIGNALS_END 65 /* signal(7): 1..64 */
#define KILL_AGAIN_NS NS_PER_S /* who is forked while others are killed dies in the next round */

static const char *const state_names[] = {
	[LAUNCH_RUNNING] = "Running",
	[LAUNCH_STOPPING] = "Stopping",
	[LAUNCH_STOPPED] = "Stopped",
};
static_assert(BW_ARRAY_SIZE(state_names) == LAUNCH_STATE_MAX_, "a state without a name");

const char *launch_state_str(enum launch_state state)
{
	return (unsigned int)state < LAUNCH_STATE_MAX_ ? state_names[state] : "unknown";
}

static void say(const char *text)
{
	char line[BW_ERR_MSG_MAX + 32];
	int n = snprintf(line, sizeof(line), "barewire-launch: %s\n", text);

	/* Nobody can be told that nobody can be told, ignoring. */
	(void)bw_io_write_all(STDERR_FILENO, line, n > 0 ? (size_t)n : 0, NULL);
}

static int path_of(const struct launch *l, const char *name, char ret[PATH_MAX], struct bw_err *err)
{
	int n = snprintf(ret, PATH_MAX, "%s/%s", l->dir, name);

	return n < 0 || n >= PATH_MAX ? bw_fail(err, ENAMETOOLONG, "use the folder %s", l->dir) : 0;
}

static int is_stop_wanted(const struct launch *l)
{
	char path[PATH_MAX];

	return path_of(l, LAUNCH_STOP_FILE, path, NULL) == 0 && access(path, F_OK) == 0;
}

static void enter(struct launch *l, enum launch_state state)
{
	l->state = state;
	l->since_ns = bw_loop_now_ns(l->loop);
}

static void leave(struct launch *l, int status)
{
	l->exit_status = status;
	bw_loop_stop(l->loop);
}

/* For probes, which do not ask us: when the command was started last. */
static void note_start(const struct launch *l)
{
	char path[PATH_MAX], text[32];
	bw_autoclose int fd = -1;
	int n = snprintf(text, sizeof(text), "%llu\n",
			 (unsigned long long)bw_clock_boot_ns() / NS_PER_S);

	if (path_of(l, LAUNCH_START_FILE, path, NULL) < 0)
		return;
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	/* Without it a probe has no grace, ignoring. */
	if (fd >= 0)
		(void)bw_io_write_all(fd, text, (size_t)n, NULL);
}

static int spawn(struct launch *l, struct bw_err *err)
{
	int r = launch_spawn(l->argv, &l->pid, err);

	if (r < 0)
		return r;
	l->starts++;
	l->killing = 0;
	bw_timer_stop(&l->kill_timer);
	note_start(l);
	enter(l, LAUNCH_RUNNING);
	return 0;
}

static void spawn_or_leave(struct launch *l)
{
	struct bw_err err = { 0 };
	int r = spawn(l, &err);

	if (r == 0)
		return;
	say(err.msg);
	leave(l, r == -ENOENT ? LAUNCH_NOT_FOUND : LAUNCH_CANNOT_RUN);
}

/* Nobody is left: the stop file says what comes. */
static void settle(struct launch *l)
{
	if (l->leaving) {
		leave(l, l->ended ? launch_exit_status(l->status) : 0);
		return;
	}
	bw_timer_stop(&l->kill_timer);
	l->killing = 0;
	if (is_stop_wanted(l))
		enter(l, LAUNCH_STOPPED);
	else
		spawn_or_leave(l);
	launch_serve_tell(l);
}

static void kill_all(struct launch *l)
{
	pid_t pids[LAUNCH_TOLD_MAX];
	size_t n = launch_children(pids, BW_ARRAY_SIZE(pids));

	if (l->pid) {
		/* Nobody has reaped it, so its group is still its own. */
		(void)kill(-l->pid, SIGKILL); /* it may have ended just now, ignoring */
		(void)kill(l->pid, SIGKILL); /* likewise, ignoring */
	}
	for (size_t i = 0; i < n; i++)
		(void)kill(pids[i], SIGKILL); /* likewise, ignoring */
}

static int was_told(const struct launch *l, pid_t pid)
{
	for (size_t i = 0; i < l->n_told; i++)
		if (l->told[i] == pid)
			return 1;
	return 0;
}

/*
 * The command is gone and has left us others, and they may leave us theirs. Nobody gets the signal
 * twice: to some engines a second one means "at once".
 */
static void tell_others(struct launch *l)
{
	pid_t pids[LAUNCH_TOLD_MAX];
	size_t n = launch_children(pids, BW_ARRAY_SIZE(pids));

	for (size_t i = 0; i < n; i++) {
		if (was_told(l, pids[i]) || l->n_told == BW_ARRAY_SIZE(l->told))
			continue;
		l->told[l->n_told++] = pids[i];
		(void)kill(pids[i], l->o->stop_signal); /* it may have ended just now, ignoring */
	}
}

static void forget(struct launch *l, pid_t pid)
{
	for (size_t i = 0; i < l->n_told; i++)
		if (l->told[i] == pid)
			l->told[i] = l->told[--l->n_told];
}

static void on_grace_over(void *arg)
{
	struct launch *l = arg;

	l->killing = 1;
	kill_all(l);
	/* A timer that cannot be set: whoever ends lets us kill again, ignoring. */
	(void)bw_timer_set(&l->kill_timer, bw_loop_now_ns(l->loop) + KILL_AGAIN_NS);
}

static void on_command_ended(struct launch *l, int status)
{
	l->pid = 0;
	l->status = status;
	l->ended = 1;
	if (l->state == LAUNCH_STOPPING)
		return;
	if (l->leaving || !is_stop_wanted(l)) {
		leave(l, launch_exit_status(status));
		return;
	}
	/* It ended by itself while somebody put the stop file there. */
	enter(l, LAUNCH_STOPPING);
	(void)bw_timer_set(&l->kill_timer,
			   bw_loop_now_ns(l->loop) +
				   (int64_t)l->o->seconds * NS_PER_S); /* as above, ignoring */
}

static void on_child(int signo, void *arg)
{
	struct launch *l = arg;
	int status;
	pid_t pid;

	(void)signo;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		forget(l, pid);
		if (pid == l->pid)
			on_command_ended(l, status);
	}
	if (l->state != LAUNCH_STOPPING || l->pid)
		return;
	if (pid < 0 && errno == ECHILD) {
		settle(l);
		return;
	}
	if (l->killing)
		kill_all(l);
	else
		tell_others(l);
}

static int ends_container(const struct launch *l, int signo)
{
	return signo == SIGTERM || signo == SIGINT || signo == SIGQUIT ||
	       signo == l->o->stop_signal;
}

static void on_signal(int signo, void *arg)
{
	struct launch *l = arg;

	if (signo == SIGTTIN || signo == SIGTTOU)
		return;
	if (l->state != LAUNCH_RUNNING && ends_container(l, signo)) {
		l->leaving = 1;
		if (l->state == LAUNCH_STOPPED) {
			leave(l, 0);
			return;
		}
	}
	if (l->pid)
		(void)kill(l->pid, signo); /* it may have ended just now, ignoring */
}

/* Every signal but those that a fault of our own raises. */
static int watch_signals(struct launch *l, struct bw_err *err)
{
	static const int not_forwarded[] = { SIGKILL, SIGSTOP, SIGSEGV, SIGBUS, SIGFPE,
					     SIGILL,  SIGTRAP, SIGABRT, SIGSYS };
	int r = 0;

	for (int signo = 1; r == 0 && signo < SIGNALS_END; signo++) {
		int skip = signo > SIGSYS && signo < SIGRTMIN;

		for (size_t i = 0; i < BW_ARRAY_SIZE(not_forwarded); i++)
			skip |= signo == not_forwarded[i];
		if (!skip)
			r = bw_loop_signal(l->loop, signo, signo == SIGCHLD ? on_child : on_signal,
					   l, err);
	}
	return r;
}

int launch_stop(struct launch *l, unsigned int grace_s, int signo, struct bw_err *err)
{
	char path[PATH_MAX];
	bw_autoclose int fd = -1;
	int r = path_of(l, LAUNCH_STOP_FILE, path, err);

	if (r < 0)
		return r;
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0)
		return bw_fail(err, errno, "make the stop file %s", path);
	if (l->state == LAUNCH_STOPPED)
		return 1;
	r = bw_timer_set(&l->kill_timer, bw_loop_now_ns(l->loop) + (int64_t)grace_s * NS_PER_S);
	if (r < 0)
		return bw_fail(err, -r, "stop the command");
	if (l->state == LAUNCH_RUNNING) {
		enter(l, LAUNCH_STOPPING);
		(void)kill(l->pid, signo ? signo : l->o->stop_signal); /* it ended, ignoring */
	}
	return 0;
}

int launch_start(struct launch *l, struct bw_err *err)
{
	char path[PATH_MAX];
	int r = path_of(l, LAUNCH_STOP_FILE, path, err);

	if (r < 0)
		return r;
	if (unlink(path) < 0 && errno != ENOENT)
		return bw_fail(err, errno, "remove the stop file %s", path);
	if (l->state == LAUNCH_STOPPED)
		spawn_or_leave(l);
	return l->state == LAUNCH_RUNNING;
}

int launch_signal(struct launch *l, int signo)
{
	if (l->state == LAUNCH_RUNNING)
		(void)kill(l->pid, signo); /* it may have ended just now, ignoring */
	return 1;
}

void launch_describe(const struct launch *l, struct bw_buf *b)
{
	int64_t s = (bw_loop_now_ns(l->loop) - l->since_ns) / NS_PER_S;

	/* An answer that does not fit into memory is empty, ignoring. */
	(void)bw_buf_printf(b, "{\"state\":\"%s\",\"pid\":%d,\"starts\":%u,\"seconds\":%lld",
			    launch_state_str(l->state), (int)l->pid, l->starts, (long long)s);
	if (l->ended)
		(void)bw_buf_printf(b, ",\"lastExit\":{\"code\":%d,\"signal\":%d}", /* likewise */
				    WIFEXITED(l->status) ? WEXITSTATUS(l->status) : -1,
				    WIFSIGNALED(l->status) ? WTERMSIG(l->status) : 0);
	(void)bw_buf_append(b, "}", 1); /* likewise, ignoring */
}

static int run(struct launch *l, struct bw_err *err)
{
	int r = bw_loop_new(&l->loop, err);

	if (r < 0)
		return r;
	bw_timer_init(&l->kill_timer, l->loop, on_grace_over, l);
	r = watch_signals(l, err);
	if (r == 0)
		r = launch_serve(l, err);
	if (r < 0)
		return r;
	/* Not process 1 where containers share their processes: orphans are ours nevertheless. */
	if (getpid() != 1 && prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0)
		return bw_fail(err, errno, "become the parent of orphans");
	if (is_stop_wanted(l)) {
		enter(l, LAUNCH_STOPPED);
		return bw_loop_run(l->loop, err);
	}
	r = spawn(l, err);
	if (r < 0) {
		l->exit_status = r == -ENOENT ? LAUNCH_NOT_FOUND : LAUNCH_CANNOT_RUN;
		return r;
	}
	return bw_loop_run(l->loop, err);
}

int launch_run(const struct launch_options *o, const char *dir, char *const *argv)
{
	bw_autofree char *copy = strdup(dir);
	struct launch l = {
		.o = o, .dir = copy, .argv = argv, .listener = -1, .exit_status = LAUNCH_FAILED
	};
	struct bw_err err = { 0 };
	int r;

	for (size_t i = 0; i < LAUNCH_CLIENTS_MAX; i++)
		l.clients[i].fd = -1;
	r = copy ? run(&l, &err) : bw_fail(&err, ENOMEM, "start");
	if (r < 0)
		say(err.msg);
	launch_serve_done(&l);
	bw_loop_free(&l.loop);
	return l.exit_status;
}
