/* SPDX-License-Identifier: Apache-2.0 */
/* The plugin's side of the daemon's socket: one line there, one line back, a deadline. */
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <bw/agent_sock.h>
#include <bw/buf.h>
#include <bw/clock.h>
#include <bw/err.h>

#define NS_PER_MS 1000000ULL
#define MS_PER_S 1000
#define US_PER_MS 1000
#define NUDGE_MS 100 /* nobody waits longer for a daemon that is busy */
#define READ_STEP 4096

static const char *sock_path(const char *path)
{
	const char *env = path ? NULL : getenv(BW_AGENT_SOCK_ENV);

	return path ? path : env && *env ? env : BW_AGENT_SOCK;
}

/* Nobody listens: the daemon is not there, or is being replaced. */
static int is_away(int errnum)
{
	return errnum == ENOENT || errnum == ECONNREFUSED || errnum == ENOTDIR;
}

/* Waits while the daemon's queue is full: unix(7), SO_SNDTIMEO. */
static int connect_to(const char *path, uint64_t wait_ms, int *ret_fd, struct bw_err *err)
{
	struct timeval tv = { .tv_sec = (time_t)(wait_ms / MS_PER_S),
			      .tv_usec = (suseconds_t)(wait_ms % MS_PER_S * US_PER_MS) };
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	bw_autoclose int fd = -1;

	if (strlen(path) >= sizeof(sa.sun_path))
		return bw_fail(err, ENAMETOOLONG, "connect to %.120s", path);
	memcpy(sa.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv)) < 0)
		return bw_fail(err, errno, "make a socket");
	if (connect(fd, (const struct sockaddr *)&sa, sizeof(sa)) < 0) {
		if (is_away(errno))
			return bw_reject(err, BW_ERR_BUSY, ENOENT,
					 "barewire-agent does not listen on %s", path);
		if (errno == EAGAIN || errno == EINPROGRESS)
			return bw_reject(err, BW_ERR_BUSY, ETIMEDOUT,
					 "barewire-agent is too busy to listen");
		return bw_fail(err, errno, "connect to %s", path);
	}
	*ret_fd = BW_TAKE_FD(fd);
	return 0;
}

/* 0 it is ready; -ETIMEDOUT; -errno. */
static int wait_for(int fd, short events, uint64_t deadline_ns, struct bw_err *err)
{
	for (;;) {
		struct pollfd p = { .fd = fd, .events = events };
		uint64_t now = bw_clock_boot_ns();
		uint64_t ms = now < deadline_ns ? (deadline_ns - now) / NS_PER_MS + 1 : 0;
		int n = poll(&p, 1, (int)ms);

		if (n > 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return bw_fail(err, errno, "wait for barewire-agent");
		if (n == 0)
			return bw_reject(err, BW_ERR_BUSY, ETIMEDOUT,
					 "barewire-agent did not answer in time");
	}
}

static int send_line(int fd, const char *line, uint64_t deadline_ns, struct bw_err *err)
{
	size_t left = strlen(line);

	while (left) {
		ssize_t n = send(fd, line, left, MSG_NOSIGNAL | MSG_DONTWAIT);
		int r;

		if (n >= 0) {
			line += n;
			left -= (size_t)n;
			continue;
		}
		if (errno == EPIPE || errno == ECONNRESET)
			return bw_reject(err, BW_ERR_BUSY, EPIPE,
					 "barewire-agent went away before it was asked");
		if (errno != EAGAIN && errno != EINTR)
			return bw_fail(err, errno, "ask barewire-agent");
		r = wait_for(fd, POLLOUT, deadline_ns, err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Until the newline, which is cut off. */
static int read_line(int fd, uint64_t deadline_ns, struct bw_buf *ret, struct bw_err *err)
{
	char buf[READ_STEP];

	while (ret->size < BW_AGENT_LINE_MAX) {
		int r = wait_for(fd, POLLIN, deadline_ns, err);
		ssize_t n = r < 0 ? 0 : recv(fd, buf, sizeof(buf), MSG_DONTWAIT);
		const char *end;

		if (r < 0)
			return r;
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n == 0 || (n < 0 && errno == ECONNRESET))
			return bw_reject(err, BW_ERR_BUSY, EPIPE,
					 "barewire-agent went away without an answer");
		if (n < 0)
			return bw_fail(err, errno, "hear barewire-agent");
		end = memchr(buf, '\n', (size_t)n);
		r = bw_buf_append(ret, buf, end ? (size_t)(end - buf) : (size_t)n);
		if (r < 0)
			return bw_fail(err, -r, "hear barewire-agent");
		if (end)
			return 0;
	}
	return bw_reject(err, BW_ERR_BUSY, EBADMSG,
			 "barewire-agent answered with more than %d bytes", BW_AGENT_LINE_MAX);
}

int bw_agent_call(const char *path, const struct bw_agent_request *req, struct bw_agent_reply *ret,
		  struct bw_err *err)
{
	uint64_t wait_ms = (req->op == BW_AGENT_CLAIM ? req->wait_ms : 0) + BW_AGENT_GRACE_MS;
	uint64_t deadline_ns = bw_clock_boot_ns() + wait_ms * NS_PER_MS;
	bw_autobuf struct bw_buf line = { 0 };
	bw_autofree char *text = NULL;
	bw_autoclose int fd = -1;
	int r;

	r = bw_agent_request_encode(req, &text, err);
	if (r == 0)
		r = connect_to(sock_path(path), wait_ms, &fd, err);
	if (r == 0)
		r = send_line(fd, text, deadline_ns, err);
	if (r == 0)
		r = read_line(fd, deadline_ns, &line, err);
	if (r == 0)
		r = bw_agent_reply_decode(line.data ? line.data : "", line.size, ret, err);
	return r < 0 ? bw_wrap(err, r, "ask for the %s", bw_agent_op_str(req->op)) : 0;
}

void bw_agent_nudge(const char *path)
{
	static const char line[] = "{\"op\":\"nudge\"}\n";
	bw_autoclose int fd = -1;

	if (connect_to(sock_path(path), NUDGE_MS, &fd, NULL) == 0)
		(void)send(fd, line, sizeof(line) - 1,
			   MSG_NOSIGNAL | MSG_DONTWAIT); /* it looks by itself too, ignoring */
}
