/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Probes of a container whose command may be stopped on purpose: then it is alive and not ready.
 * Otherwise the probe is what the manifest asked for: a command, a connection, an HTTP answer.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <bw/clock.h>
#include <bw/err.h>
#include <bw/io.h>

#include "launch.h"

#define NS_PER_S 1000000000ULL
#define HTTP_LINE_MAX 256 /* bytes of an answer that are looked at */

static void say(int fd, const char *text)
{
	char line[BW_ERR_MSG_MAX + 2];
	int n = snprintf(line, sizeof(line), "%s\n", text);

	(void)bw_io_write_all(fd, line, n > 0 ? (size_t)n : 0,
			      NULL); /* the status tells, ignoring */
}

static int is_stopped(const char *dir)
{
	char path[PATH_MAX];
	int n = snprintf(path, sizeof(path), "%s/%s", dir, LAUNCH_STOP_FILE);

	return n > 0 && n < PATH_MAX && access(path, F_OK) == 0;
}

/* Whether the command was started less than @grace_s ago. */
static int is_young(const char *dir, unsigned int grace_s)
{
	bw_autobuf struct bw_buf text = { 0 };
	char path[PATH_MAX];
	int n = snprintf(path, sizeof(path), "%s/%s", dir, LAUNCH_START_FILE);
	unsigned long long started;
	uint64_t now = bw_clock_boot_ns() / NS_PER_S;

	if (!grace_s || n < 0 || n >= PATH_MAX || bw_io_read_file(path, 64, &text, NULL) < 0 ||
	    !text.size)
		return 0;
	started = strtoull(text.data, NULL, 10);
	return started <= now && now - started < grace_s;
}

static int parse_port(const char *text, uint16_t *ret)
{
	char *end;
	long n;

	if (!isdigit((unsigned char)text[0]))
		return -EINVAL;
	errno = 0;
	n = strtol(text, &end, 10);
	if (errno || *end || n < 1 || n > UINT16_MAX)
		return -EINVAL;
	*ret = (uint16_t)n;
	return 0;
}

int launch_target_parse(const char *text, int is_url, struct launch_target *ret, struct bw_err *err)
{
	struct launch_target t = { .port = 80, .path = "/" };
	char rest[sizeof(t.host) + 16];
	const char *at = text;
	size_t len;
	char *port;

	if (is_url && strncmp(text, "http://", 7) != 0)
		return bw_reject(err, BW_ERR_INVALID, EINVAL,
				 "%.200s: only http:// is known; use a command for others", text);
	at += is_url ? 7 : 0;
	len = is_url ? strcspn(at, "/") : strlen(at);
	if (len >= sizeof(rest) || (is_url && strlen(at + len) >= sizeof(t.path)))
		return bw_reject(err, BW_ERR_INVALID, EINVAL, "%.200s: too long", text);
	memcpy(rest, at, len);
	rest[len] = '\0';
	if (at[len])
		memcpy(t.path, at + len, strlen(at + len) + 1);
	if (strpbrk(t.path, " \t\r\n"))
		return bw_reject(err, BW_ERR_INVALID, EINVAL, "%.200s: a blank in the path", text);
	port = strrchr(rest, ':');
	if (port && (rest[0] != '[' || port[-1] == ']')) {
		*port++ = '\0';
		if (parse_port(port, &t.port) < 0)
			return bw_reject(err, BW_ERR_INVALID, EINVAL, "%.200s: no such port", text);
	} else if (!is_url) {
		return bw_reject(err, BW_ERR_INVALID, EINVAL, "%.200s: HOST:PORT is wanted", text);
	}
	/* The kubelet expands no $(POD_IP) in a probe; the variable itself is there. */
	if (!rest[0]) {
		const char *own = getenv("POD_IP");

		(void)snprintf(rest, sizeof(rest), "%s",
			       own && *own ? own : "127.0.0.1"); /* what is cut is none, ignoring */
	}
	len = strlen(rest);
	if (rest[0] == '[' && len > 2 && rest[len - 1] == ']') {
		memmove(rest, rest + 1, len - 2);
		rest[len - 2] = '\0';
	}
	if (strlen(rest) >= sizeof(t.host))
		return bw_reject(err, BW_ERR_INVALID, EINVAL, "%.200s: too long", text);
	memcpy(t.host, strcmp(rest, "localhost") == 0 ? "127.0.0.1" : rest,
	       strcmp(rest, "localhost") == 0 ? sizeof("127.0.0.1") : strlen(rest) + 1);
	*ret = t;
	return 0;
}

static int dial(const struct launch_target *t, unsigned int seconds, int *ret, struct bw_err *err)
{
	struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_port = htons(t->port) };
	struct sockaddr_in four = { .sin_family = AF_INET, .sin_port = htons(t->port) };
	struct timeval limit = { .tv_sec = seconds };
	int is_six = inet_pton(AF_INET6, t->host, &six.sin6_addr) == 1;
	const struct sockaddr *to = is_six ? (const void *)&six : (const void *)&four;
	bw_autoclose int fd = -1;

	if (!is_six && inet_pton(AF_INET, t->host, &four.sin_addr) != 1)
		return bw_reject(err, BW_ERR_INVALID, EINVAL, "%s is no address", t->host);
	fd = socket(to->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return bw_fail(err, errno, "make a socket");
	/* The limit of sending is that of connecting too: socket(7). */
	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) < 0)
		return bw_fail(err, errno, "limit the wait");
	if (connect(fd, to, is_six ? sizeof(six) : sizeof(four)) < 0)
		return bw_fail(err, errno == EINPROGRESS ? ETIMEDOUT : errno,
			       "connect to %s port %u", t->host, t->port);
	*ret = BW_TAKE_FD(fd);
	return 0;
}

int launch_http_status(const char *line, size_t size)
{
	if (size < 13 || memcmp(line, "HTTP/1.", 7) != 0 || !isdigit((unsigned char)line[7]) ||
	    line[8] != ' ')
		return -1;
	for (int i = 9; i < 12; i++)
		if (!isdigit((unsigned char)line[i]))
			return -1;
	if (line[12] != ' ' && line[12] != '\r' && line[12] != '\n')
		return -1;
	return (line[9] - '0') * 100 + (line[10] - '0') * 10 + (line[11] - '0');
}

static int put_request(const struct launch_options *o, const struct launch_target *t,
		       struct bw_buf *b)
{
	int own_host = 0;
	int r = bw_buf_printf(b, "GET %s HTTP/1.1\r\nConnection: close\r\n", t->path);

	for (size_t i = 0; r == 0 && i < o->n_headers; i++) {
		own_host |= strncasecmp(o->headers[i], "Host:", 5) == 0;
		r = bw_buf_printf(b, "%s\r\n", o->headers[i]);
	}
	if (r == 0 && !own_host)
		r = bw_buf_printf(b, strchr(t->host, ':') ? "Host: [%s]:%u\r\n" : "Host: %s:%u\r\n",
				  t->host, t->port);
	return r < 0 ? r : bw_buf_append(b, "\r\n", 2);
}

static int probe_http(const struct launch_options *o, const struct launch_target *t, int fd,
		      struct bw_err *err)
{
	bw_autobuf struct bw_buf request = { 0 };
	char line[HTTP_LINE_MAX];
	size_t size = 0;
	ssize_t n = 0;
	int status;

	if (put_request(o, t, &request) < 0)
		return bw_fail(err, ENOMEM, "ask %s", t->host);
	if (bw_io_write_all(fd, request.data, request.size, err) < 0)
		return bw_wrap(err, -EIO, "ask %s port %u", t->host, t->port);
	while (size < sizeof(line) && !memchr(line, '\n', size)) {
		n = read(fd, line + size, sizeof(line) - size);
		if (n <= 0)
			break;
		size += (size_t)n;
	}
	if (n < 0)
		return bw_fail(err, errno == EAGAIN ? ETIMEDOUT : errno, "hear %s port %u", t->host,
			       t->port);
	status = launch_http_status(line, size);
	if (status >= 200 && status < 400)
		return 0;
	return status < 0 ? bw_reject(err, BW_ERR_INVALID, EPROTO,
				      "%s port %u does not speak HTTP/1.1", t->host, t->port)
			  : bw_reject(err, BW_ERR_INVALID, EPROTO, "HTTP status %d", status);
}

/* What is asked of a command that is not stopped. Return: exit status. */
static int check(const struct launch_options *o, char *const *args, struct bw_err *err)
{
	struct launch_target t;
	bw_autoclose int fd = -1;
	int is_url = args[0] && strcmp(args[0], "http") == 0;
	int r;

	if (!args[0])
		return 0;
	if (strcmp(args[0], "--") == 0 && args[1])
		return launch_become(args + 1, err);
	if ((!is_url && strcmp(args[0], "tcp") != 0) || !args[1] || args[2]) {
		(void)bw_reject(err, BW_ERR_INVALID, EINVAL,
				"a probe is -- COMMAND, tcp HOST:PORT or http URL");
		return LAUNCH_USAGE;
	}
	r = launch_target_parse(args[1], is_url, &t, err);
	if (r < 0)
		return LAUNCH_USAGE;
	r = dial(&t, o->seconds ? o->seconds : 1, &fd, err);
	if (r == 0 && is_url)
		r = probe_http(o, &t, fd, err);
	return r < 0 ? LAUNCH_FAILED : 0;
}

int launch_probe(const struct launch_options *o, const char *dir, char *const *args)
{
	struct bw_err err = { 0 };
	int readiness = args[0] && strcmp(args[0], "readiness") == 0;
	int liveness = args[0] && strcmp(args[0], "liveness") == 0;
	int r;

	if (!readiness && !liveness && (!args[0] || strcmp(args[0], "startup") != 0)) {
		say(STDERR_FILENO, "probe needs liveness, readiness or startup");
		return LAUNCH_USAGE;
	}
	if (is_stopped(dir)) {
		say(STDOUT_FILENO, "stopped on purpose");
		return readiness ? LAUNCH_FAILED : 0;
	}
	/* The kubelet runs a startup probe once a container: nobody else waits for a start. */
	if (liveness && is_young(dir, o->start_grace_s))
		return 0;
	r = check(o, args + 1, &err);
	if (r != 0)
		say(STDERR_FILENO, err.msg);
	return r;
}
