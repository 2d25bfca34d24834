/* SPDX-License-Identifier: Apache-2.0 */
/*
 * launch.sock: one request a connection, one line each way. A stop is answered when it is over;
 * everybody else at once. Only root and our own user are heard.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <bw/err.h>

#include "launch.h"

#define BACKLOG 8

/* A number in [0, @max], up to a blank or the end; behind it @p is. -1 = none. */
static long number(const char **p, long max)
{
	long n = 0;

	if (!isdigit((unsigned char)**p))
		return -1;
	for (; isdigit((unsigned char)**p); ++*p) {
		n = n * 10 + (**p - '0');
		if (n > max)
			return -1;
	}
	if (**p && **p != ' ')
		return -1;
	while (**p == ' ')
		++*p;
	return n;
}

int launch_request_parse(const char *line, struct launch_request *ret, struct bw_err *err)
{
	struct launch_request r = { .verb = LAUNCH_VERB_STOP };
	const char *p = line + 5;
	long seconds, signo;

	if (strncmp(line, "signal ", 7) == 0) {
		p = line + 7;
		signo = number(&p, 64);
		if (signo < 1 || *p)
			return bw_reject(err, BW_ERR_INVALID, EINVAL, "signal needs a signal");
		*ret = (struct launch_request){ .verb = LAUNCH_VERB_SIGNAL, .signo = (int)signo };
		return 0;
	}
	if (strcmp(line, "status") == 0 || strcmp(line, "start") == 0) {
		*ret = (struct launch_request){ .verb = line[4] == 'u' ? LAUNCH_VERB_STATUS
								       : LAUNCH_VERB_START };
		return 0;
	}
	if (strncmp(line, "stop ", 5) != 0)
		return bw_reject(err, BW_ERR_INVALID, EINVAL, "unknown request");
	seconds = number(&p, LAUNCH_GRACE_MAX_S);
	signo = number(&p, 64);
	if (seconds < 0 || signo < 0 || *p)
		return bw_reject(err, BW_ERR_INVALID, EINVAL, "stop needs seconds and a signal");
	r.seconds = (unsigned int)seconds;
	r.signo = (int)signo;
	*ret = r;
	return 0;
}

static void drop(struct launch_client *c)
{
	bw_loop_fd_remove(&c->watch);
	if (c->fd >= 0)
		(void)close(c->fd); /* nothing to do about a failed close, ignoring */
	c->fd = -1;
	c->waits = 0;
	c->size = 0;
}

static void reply(struct launch_client *c, const struct bw_buf *text)
{
	/* A few hundred bytes fit into any socket; who does not read has gone, ignoring. */
	if (text->size)
		(void)send(c->fd, text->data, text->size, MSG_NOSIGNAL | MSG_DONTWAIT);
	drop(c);
}

static void reply_state(struct launch_client *c)
{
	bw_autobuf struct bw_buf b = { 0 };

	launch_describe(c->launch, &b);
	(void)bw_buf_append(&b, "\n", 1); /* without memory there is no answer, ignoring */
	reply(c, &b);
}

/* Our own texts hold file names; a quote in one must not end the string. */
static void reply_error(struct launch_client *c, const struct bw_err *err)
{
	bw_autobuf struct bw_buf b = { 0 };

	(void)bw_buf_append(&b, "{\"error\":\"", 10); /* as above, ignoring */
	for (const char *p = err->msg; *p; p++) {
		char safe = (unsigned char)*p < ' ' || *p == '"' || *p == '\\' ? '?' : *p;

		(void)bw_buf_append(&b, &safe, 1); /* as above, ignoring */
	}
	(void)bw_buf_append(&b, "\"}\n", 3); /* as above, ignoring */
	reply(c, &b);
}

static void serve_line(struct launch_client *c)
{
	struct launch_request q = { 0 };
	struct bw_err err = { 0 };
	int r = launch_request_parse(c->line, &q, &err);

	if (r == 0) {
		switch (q.verb) {
		case LAUNCH_VERB_STATUS:
			r = 1;
			break;
		case LAUNCH_VERB_START:
			r = launch_start(c->launch, &err);
			break;
		case LAUNCH_VERB_STOP:
			r = launch_stop(c->launch, q.seconds, q.signo, &err);
			break;
		case LAUNCH_VERB_SIGNAL:
			r = launch_signal(c->launch, q.signo);
			break;
		case LAUNCH_VERB_MAX_:
			break;
		}
	}
	if (r < 0)
		reply_error(c, &err);
	else if (r > 0)
		reply_state(c);
	else
		c->waits = 1;
}

static void on_client(uint32_t events, void *arg)
{
	struct launch_client *c = arg;
	ssize_t n = recv(c->fd, c->line + c->size, LAUNCH_LINE_MAX - c->size, MSG_DONTWAIT);
	char *end;

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	/* Whoever hangs up, or says more than a line while he waits, gets no answer. */
	if (n <= 0 || c->waits) {
		drop(c);
		return;
	}
	c->size += (size_t)n;
	end = memchr(c->line, '\n', c->size);
	if (end) {
		*end = '\0';
		serve_line(c);
	} else if (c->size == LAUNCH_LINE_MAX) {
		drop(c);
	}
}

static int is_ours(int fd)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 &&
	       (peer.uid == 0 || peer.uid == geteuid());
}

/* Who says nothing must not keep others out: the first that waits for no stop goes. */
static struct launch_client *free_client(struct launch *l)
{
	for (size_t i = 0; i < LAUNCH_CLIENTS_MAX; i++)
		if (l->clients[i].fd < 0)
			return &l->clients[i];
	for (size_t i = 0; i < LAUNCH_CLIENTS_MAX; i++) {
		if (!l->clients[i].waits) {
			drop(&l->clients[i]);
			return &l->clients[i];
		}
	}
	return NULL;
}

static void on_connection(uint32_t events, void *arg)
{
	struct launch *l = arg;
	bw_autoclose int fd = accept4(l->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct launch_client *c = fd >= 0 && is_ours(fd) ? free_client(l) : NULL;

	(void)events;
	if (!c || bw_loop_fd_add(&c->watch, l->loop, fd, EPOLLIN, on_client, c, NULL) < 0)
		return;
	c->launch = l;
	c->fd = BW_TAKE_FD(fd);
}

void launch_serve_tell(struct launch *l)
{
	for (size_t i = 0; i < LAUNCH_CLIENTS_MAX; i++)
		if (l->clients[i].fd >= 0 && l->clients[i].waits)
			reply_state(&l->clients[i]);
}

int launch_serve(struct launch *l, struct bw_err *err)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int n = snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/%s", l->dir, LAUNCH_SOCKET);
	mode_t old;
	int r;

	if (n < 0 || (size_t)n >= sizeof(addr.sun_path))
		return bw_fail(err, ENAMETOOLONG, "listen in %s", l->dir);
	l->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (l->listener < 0)
		return bw_fail(err, errno, "make a socket");
	/* What is there is a former process 1's. */
	if (unlink(addr.sun_path) < 0 && errno != ENOENT)
		return bw_fail(err, errno, "remove %s", addr.sun_path);
	old = umask(0177);
	r = bind(l->listener, (const struct sockaddr *)&addr, sizeof(addr)) < 0 ||
			    listen(l->listener, BACKLOG) < 0
		    ? bw_fail(err, errno, "listen on %s", addr.sun_path)
		    : 0;
	(void)umask(old); /* cannot fail, ignoring */
	if (r < 0)
		return r;
	return bw_loop_fd_add(&l->listen_watch, l->loop, l->listener, EPOLLIN, on_connection, l,
			      err);
}

void launch_serve_done(struct launch *l)
{
	launch_serve_tell(l);
	for (size_t i = 0; i < LAUNCH_CLIENTS_MAX; i++)
		drop(&l->clients[i]);
	if (l->listener < 0)
		return;
	bw_loop_fd_remove(&l->listen_watch);
	(void)close(l->listener); /* nothing to do about a failed close, ignoring */
	l->listener = -1;
}
