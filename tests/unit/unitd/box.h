/* SPDX-License-Identifier: Apache-2.0 */
/*
 * barewire-launch as process 1 of namespaces of its own, in a folder of its own. What the command
 * prints comes back as lines; every wait has a deadline.
 */
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <bw/err.h>

#include "launch.h"

#define BOX_WAIT_MS 30000

struct box {
	char dir[64];
	pid_t pid; /* process 1, as seen from here */
	int out; /* read end of what the command prints */
	struct launch_options o;
};

static inline void box_init(struct box *b)
{
	*b = (struct box){ .out = -1, .o = { .stop_signal = SIGTERM, .seconds = 1000 } };
	(void)snprintf(b->dir, sizeof(b->dir), "/tmp/bw-launch-XXXXXX");
	assert_non_null(mkdtemp(b->dir));
}

/* Runs in the child: never returns. */
static inline void box_child(const struct box *b, int out, int numbers, char *const *argv)
{
	pid_t pid;
	int status = 0;

	if (unshare(CLONE_NEWPID | CLONE_NEWNS) < 0)
		_exit(99);
	pid = fork();
	if (pid == 0) {
		if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
		    mount("proc", "/proc", "proc", 0, NULL) < 0 || dup2(out, 1) < 0)
			_exit(98);
		_exit(launch_run(&b->o, b->dir, argv));
	}
	/* Its number as seen from the test, then its status as our own. */
	(void)!write(numbers, &pid, sizeof(pid));
	(void)close(out);
	(void)waitpid(pid, &status, 0);
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

/* The outer process, to be waited for. */
static inline pid_t box_start(struct box *b, char *const *argv)
{
	int fds[2], numbers[2];
	pid_t outer;

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_int_equal(pipe2(numbers, O_CLOEXEC), 0);
	outer = fork();
	assert_true(outer >= 0);
	if (outer == 0)
		box_child(b, fds[1], numbers[1], argv);
	(void)close(fds[1]);
	(void)close(numbers[1]);
	b->out = fds[0];
	assert_int_equal(read(numbers[0], &b->pid, sizeof(b->pid)), sizeof(b->pid));
	(void)close(numbers[0]);
	return outer;
}

/* A shell's script as the command. */
static inline pid_t box_shell(struct box *b, const char *script)
{
	char sh[] = "/bin/sh", c[] = "-c";
	bw_autofree char *copy = strdup(script);
	char *argv[] = { sh, c, copy, NULL };

	return box_start(b, argv);
}

/* Whether the next line of the command is @line. */
static inline void box_expect(const struct box *b, const char *line)
{
	char text[256] = "";
	size_t n = 0;

	while (n < sizeof(text) - 1) {
		struct pollfd p = { .fd = b->out, .events = POLLIN };

		assert_int_equal(poll(&p, 1, BOX_WAIT_MS), 1);
		if (read(b->out, &text[n], 1) != 1 || text[n] == '\n')
			break;
		n++;
	}
	text[n] = '\0';
	assert_string_equal(text, line);
}

static inline int box_wait(struct box *b, pid_t outer)
{
	int status = 0;

	assert_int_equal(waitpid(outer, &status, 0), outer);
	assert_true(WIFEXITED(status));
	(void)close(b->out);
	b->out = -1;
	return WEXITSTATUS(status);
}

/* Connects; process 1 may only just begin to listen. */
static inline int box_connect(const struct box *b)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/" LAUNCH_SOCKET, b->dir);
	assert_true(fd >= 0);
	for (int ms = 0; connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0; ms++) {
		assert_true(ms < BOX_WAIT_MS);
		(void)poll(NULL, 0, 1);
	}
	return fd;
}

static inline void box_send(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* Everything until the end of the connection; "" when it was dropped. */
static inline void box_answer(int fd, char *ret, size_t size)
{
	size_t n = 0;

	while (n < size - 1) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		ssize_t k;

		assert_int_equal(poll(&p, 1, BOX_WAIT_MS), 1);
		k = read(fd, ret + n, size - 1 - n);
		if (k <= 0)
			break;
		n += (size_t)k;
	}
	ret[n] = '\0';
	(void)close(fd);
}

static inline void box_ask(const struct box *b, const char *request, char *ret, size_t size)
{
	int fd = box_connect(b);

	box_send(fd, request);
	box_answer(fd, ret, size);
}

/* Asks, and looks for @part in the answer. */
static inline void box_ask_expect(const struct box *b, const char *request, const char *part)
{
	char text[LAUNCH_ANSWER_MAX];

	box_ask(b, request, text, sizeof(text));
	if (!strstr(text, part))
		print_message("%s: %s lacks %s\n", request, text, part);
	assert_non_null(strstr(text, part));
}

static inline void box_done(const struct box *b)
{
	static const char *const names[] = { LAUNCH_STOP_FILE, LAUNCH_START_FILE, LAUNCH_SOCKET,
					     "file" };
	char path[128];

	for (size_t i = 0; i < BW_ARRAY_SIZE(names); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", b->dir, names[i]);
		(void)unlink(path);
	}
	assert_int_equal(rmdir(b->dir), 0);
}

static inline int box_setup(void **state)
{
	struct box *b = malloc(sizeof(*b));

	if (!b)
		return -1;
	box_init(b);
	*state = b;
	return 0;
}

static inline int box_teardown(void **state)
{
	box_done(*state);
	free(*state);
	return 0;
}

/* A test whose state is a box of its own. */
#define box_unit_test(f) cmocka_unit_test_setup_teardown(f, box_setup, box_teardown)

static inline int box_has(const struct box *b, const char *name)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/%s", b->dir, name);
	return access(path, F_OK) == 0;
}
