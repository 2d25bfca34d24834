/* SPDX-License-Identifier: Apache-2.0 */
/* Processes: start one, name signals, find the children that were left to us. */
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include <bw/err.h>

#include "launch.h"

#define STAT_MAX 512 /* bytes of /proc/PID/stat that are read: the parent is the fourth field */

extern char **environ;

/* Signals by name, as of signal(7). */
static const struct {
	const char *name;
	int signo;
} signals[] = {
	{ "HUP", SIGHUP },   { "INT", SIGINT },   { "QUIT", SIGQUIT }, { "USR1", SIGUSR1 },
	{ "USR2", SIGUSR2 }, { "TERM", SIGTERM }, { "KILL", SIGKILL }, { "WINCH", SIGWINCH },
	{ "ALRM", SIGALRM }, { "ABRT", SIGABRT }, { "CONT", SIGCONT },
};

int launch_signal_number(const char *name)
{
	char *end;
	long n;

	if (strncasecmp(name, "SIG", 3) == 0)
		name += 3;
	for (size_t i = 0; i < BW_ARRAY_SIZE(signals); i++)
		if (strcasecmp(name, signals[i].name) == 0)
			return signals[i].signo;
	if (!isdigit((unsigned char)name[0]))
		return 0;
	errno = 0;
	n = strtol(name, &end, 10);
	return errno || *end || n < 1 || n > SIGRTMAX ? 0 : (int)n;
}

int launch_exit_status(int status)
{
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : LAUNCH_FAILED;
}

static int cannot_start(const char *program, int errnum, struct bw_err *err)
{
	return bw_fail(err, errnum, "start %s", program);
}

int launch_spawn(char *const *argv, pid_t *ret, struct bw_err *err)
{
	posix_spawnattr_t attr;
	sigset_t none;
	pid_t pid = 0;
	int e = posix_spawnattr_init(&attr);

	if (e != 0)
		return cannot_start(argv[0], e, err);
	(void)sigemptyset(&none); /* cannot fail, ignoring */
	e = posix_spawnattr_setsigmask(&attr, &none);
	if (e == 0)
		e = posix_spawnattr_setpgroup(&attr, 0);
	if (e == 0)
		e = posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
	if (e == 0)
		e = posix_spawnp(&pid, argv[0], NULL, &attr, argv, environ);
	(void)posix_spawnattr_destroy(&attr); /* frees memory, ignoring */
	if (e != 0)
		return cannot_start(argv[0], e, err);
	/* A terminal's keys are the command's; SIGTTOU is blocked here. */
	if (isatty(STDIN_FILENO))
		(void)tcsetpgrp(STDIN_FILENO, pid); /* it may be another session's, ignoring */
	*ret = pid;
	return 0;
}

int launch_become(char *const *argv, struct bw_err *err)
{
	int errnum;

	(void)execvp(argv[0], argv); /* returns only when it failed, ignoring */
	errnum = errno;
	(void)cannot_start(argv[0], errnum, err); /* it is told by the status, ignoring */
	return errnum == ENOENT ? LAUNCH_NOT_FOUND : LAUNCH_CANNOT_RUN;
}

pid_t launch_stat_parent(const char *line)
{
	/* The name in parentheses can hold anything, but nothing behind it has one. */
	const char *p = strrchr(line, ')');
	char *end;
	long parent;

	if (!p || p[1] != ' ' || !isupper((unsigned char)p[2]) || p[3] != ' ' ||
	    !isdigit((unsigned char)p[4]))
		return -1;
	errno = 0;
	parent = strtol(p + 4, &end, 10);
	return errno || *end != ' ' || parent > INT32_MAX ? -1 : (pid_t)parent;
}

static pid_t parent_of(int proc, const char *pid)
{
	char name[300];
	char line[STAT_MAX + 1];
	bw_autoclose int fd = -1;
	ssize_t n;

	(void)snprintf(name, sizeof(name), "%s/stat", pid); /* fits, ignoring */
	fd = openat(proc, name, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, line, STAT_MAX);
	if (n < 0)
		return -1;
	line[n] = '\0';
	return launch_stat_parent(line);
}

size_t launch_children(pid_t *ret, size_t max)
{
	DIR *proc = opendir("/proc");
	const struct dirent *e;
	pid_t self = getpid();
	size_t n = 0;

	/* Without /proc nobody is found: the command alone is signalled then. */
	while (proc && n < max && (e = readdir(proc)))
		if (isdigit((unsigned char)e->d_name[0]) &&
		    parent_of(dirfd(proc), e->d_name) == self)
			ret[n++] = (pid_t)strtol(e->d_name, NULL, 10);
	if (proc)
		(void)closedir(proc); /* nothing to do about it, ignoring */
	return n;
}
