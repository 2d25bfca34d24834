/* SPDX-License-Identifier: Apache-2.0 */
/* The agent's socket: accept, a line in, a line out, and a deadline for each. */
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <bw/buf.h>
#include <bw/err.h>
#include <bw/io.h>
#include <bw/list.h>
#include <bw/log.h>
#include <bw/loop.h>

#include "sock.h"

#define NS_PER_MS 1000000LL
#define BACKLOG 256 /* connections the kernel keeps for us */
#define READ_SIZE 4096
#define DIR_MODE 0700

enum peer_state {
	PEER_READING, /* its line is not whole */
	PEER_WAITING, /* its line was given to .line */
	PEER_WRITING, /* the answer is not out */
};

struct agent_peer {
	struct bw_list node;
	struct agent_sock *sock;
	struct bw_loop_fd watch;
	struct bw_timer stall;
	struct bw_buf buf; /* the line, then the answer */
	size_t sent;
	int fd;
	enum peer_state state;
};

struct agent_sock {
	struct bw_loop *loop;
	const struct agent_sock_ops *ops;
	void *arg;
	struct bw_loop_fd watch;
	struct bw_list peers;
	unsigned int n_peers;
	uint64_t refused;
	uid_t uid;
	int fd;
	int paused; /* too many peers */
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	dev_t dev; /* of the socket's file: it may be another's by the time we go */
	ino_t ino;
};

static void resume(struct agent_sock *s)
{
	struct bw_err err = { 0 };

	if (!s->paused || s->n_peers >= AGENT_SOCK_PEERS_MAX)
		return;
	if (bw_loop_fd_change(&s->watch, EPOLLIN, &err) < 0)
		bw_log_error("cannot accept again", "err", err.msg);
	s->paused = 0;
}

static void pause_accept(struct agent_sock *s)
{
	struct bw_err err = { 0 };

	s->paused = 1;
	if (bw_loop_fd_change(&s->watch, 0, &err) < 0)
		bw_log_error("cannot pause the socket", "err", err.msg);
}

static void peer_free(struct agent_peer *p)
{
	struct agent_sock *s = p->sock;

	bw_timer_stop(&p->stall);
	bw_loop_fd_remove(&p->watch);
	if (p->fd >= 0)
		(void)close(p->fd); /* nothing to do about a failed close, ignoring */
	bw_list_del(&p->node);
	bw_buf_done(&p->buf);
	s->n_peers--;
	free(p);
	resume(s);
}

/* Its end comes from its own side, or from a deadline. */
static void peer_drop(struct agent_peer *p)
{
	struct agent_sock *s = p->sock;

	if (p->state == PEER_WAITING)
		s->ops->gone(p, s->arg);
	peer_free(p);
}

static void peer_refuse(struct agent_peer *p)
{
	p->sock->refused++;
	peer_drop(p);
}

static void on_stall(void *arg)
{
	peer_refuse(arg);
}

static int peer_deadline(struct agent_peer *p)
{
	return bw_timer_set(&p->stall,
			    bw_loop_now_ns(p->sock->loop) + AGENT_SOCK_STALL_MS * NS_PER_MS);
}

/* The line is whole: it is the handler's until it answers. The timer rests meanwhile. */
static void peer_line(struct agent_peer *p, size_t size)
{
	struct agent_sock *s = p->sock;
	struct bw_err err = { 0 };

	p->buf.data[size] = '\0';
	p->state = PEER_WAITING;
	bw_timer_stop(&p->stall);
	/* Only its end is of interest now: EPOLLHUP and EPOLLERR always come. */
	if (bw_loop_fd_change(&p->watch, EPOLLRDHUP, &err) < 0) {
		p->state = PEER_READING;
		peer_refuse(p);
		return;
	}
	s->ops->line(p, p->buf.data, size, s->arg);
}

static void peer_read(struct agent_peer *p)
{
	char data[READ_SIZE];
	const char *end;
	ssize_t n = recv(p->fd, data, sizeof(data), MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		peer_drop(p);
		return;
	}
	end = memchr(data, '\n', (size_t)n);
	if (bw_buf_append(&p->buf, data, end ? (size_t)(end - data) : (size_t)n) < 0 ||
	    p->buf.size >= AGENT_SOCK_LINE_MAX)
		peer_refuse(p);
	else if (end)
		peer_line(p, p->buf.size);
}

static void peer_write(struct agent_peer *p)
{
	ssize_t n = send(p->fd, p->buf.data + p->sent, p->buf.size - p->sent,
			 MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0) {
		peer_drop(p);
		return;
	}
	p->sent += (size_t)n;
	if (p->sent == p->buf.size)
		peer_free(p);
}

static void on_peer(uint32_t events, void *arg)
{
	struct agent_peer *p = arg;

	switch (p->state) {
	case PEER_READING:
		peer_read(p);
		break;
	case PEER_WAITING:
		if (events & (EPOLLHUP | EPOLLERR | EPOLLRDHUP))
			peer_drop(p);
		break;
	case PEER_WRITING:
		peer_write(p);
		break;
	}
}

void agent_peer_reply(struct agent_peer *p, const char *text, size_t size)
{
	struct bw_err err = { 0 };
	struct bw_buf out = { 0 };

	p->state = PEER_WRITING;
	if (size >= AGENT_SOCK_LINE_MAX || bw_buf_append(&out, text, size) < 0 ||
	    bw_buf_append(&out, "\n", 1) < 0) {
		bw_buf_done(&out);
		peer_refuse(p);
		return;
	}
	bw_buf_done(&p->buf);
	p->buf = out;
	p->sent = 0;
	if (bw_loop_fd_change(&p->watch, EPOLLOUT, &err) < 0 || peer_deadline(p) < 0)
		peer_refuse(p);
}

/* Who is at the other end? Only one user is heard, whatever the file's mode has become. */
static int is_allowed(int fd, uid_t uid)
{
	struct ucred cred = { .uid = (uid_t)-1 };
	socklen_t size = sizeof(cred);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &size) == 0 && cred.uid == uid;
}

static int peer_new(struct agent_sock *s, int fd)
{
	struct agent_peer *p = calloc(1, sizeof(*p));
	struct bw_err err = { 0 };

	if (!p)
		return -ENOMEM;
	p->sock = s;
	p->fd = fd;
	bw_timer_init(&p->stall, s->loop, on_stall, p);
	bw_list_add_tail(&s->peers, &p->node);
	s->n_peers++;
	if (bw_loop_fd_add(&p->watch, s->loop, fd, EPOLLIN, on_peer, p, &err) < 0 ||
	    peer_deadline(p) < 0)
		peer_refuse(p); /* closes fd */
	return 0;
}

static void on_accept(uint32_t events, void *arg)
{
	struct agent_sock *s = arg;
	int fd;

	(void)events; /* a listener has but one */
	if (s->n_peers >= AGENT_SOCK_PEERS_MAX) {
		pause_accept(s);
		return;
	}
	fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0)
		return; /* it hung up, or descriptors are short: the next round tries again */
	if (!is_allowed(fd, s->uid) || peer_new(s, fd) < 0) {
		s->refused++;
		(void)close(fd); /* nothing to do about a failed close, ignoring */
	}
}

/* The folder is the locks' too; whoever needs it first makes it. */
static int make_dir(const char *path, struct bw_err *err)
{
	char dir[sizeof(((struct sockaddr_un *)0)->sun_path)];
	char *slash;

	(void)snprintf(dir, sizeof(dir), "%s", path); /* fits: it was checked */
	slash = strrchr(dir, '/');
	if (!slash || slash == dir)
		return 0;
	*slash = '\0';
	return bw_io_mkdir_p(dir, DIR_MODE, err);
}

/* Bound beside its place, private from the first moment, then renamed into it. */
static int bind_at(struct agent_sock *s, struct bw_err *err)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct stat st;
	mode_t old;
	int r;

	if ((size_t)snprintf(un.sun_path, sizeof(un.sun_path), "%s.new", s->path) >=
	    sizeof(un.sun_path))
		return bw_reject(err, BW_ERR_INVALID, ENAMETOOLONG,
				 "the socket's path %.60s... is longer than a socket's can be",
				 s->path);
	if (unlink(un.sun_path) < 0 && errno != ENOENT)
		return bw_fail(err, errno, "remove %s", un.sun_path);
	old = umask(0177);
	r = bind(s->fd, (const struct sockaddr *)&un, sizeof(un)) < 0 ? -errno : 0;
	(void)umask(old);
	if (r < 0)
		return bw_fail(err, -r, "bind %s", un.sun_path);
	if (listen(s->fd, BACKLOG) < 0 || stat(un.sun_path, &st) < 0 ||
	    rename(un.sun_path, s->path) < 0)
		return bw_fail(err, errno, "listen at %s", s->path);
	s->dev = st.st_dev;
	s->ino = st.st_ino;
	return 0;
}

int agent_sock_open(struct bw_loop *loop, const char *path, uid_t uid,
		    const struct agent_sock_ops *ops, void *arg, struct agent_sock **ret,
		    struct bw_err *err)
{
	struct agent_sock *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return bw_fail(err, ENOMEM, "open the socket");
	*s = (struct agent_sock){ .loop = loop, .ops = ops, .arg = arg, .uid = uid, .fd = -1 };
	bw_list_init(&s->peers);
	if ((size_t)snprintf(s->path, sizeof(s->path), "%s", path) >= sizeof(s->path)) {
		free(s);
		return bw_reject(err, BW_ERR_INVALID, ENAMETOOLONG,
				 "the socket's path %.60s... is longer than a socket's can be",
				 path);
	}
	s->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	r = s->fd < 0 ? bw_fail(err, errno, "make a socket") : make_dir(s->path, err);
	if (r == 0)
		r = bind_at(s, err);
	if (r == 0)
		r = bw_loop_fd_add(&s->watch, loop, s->fd, EPOLLIN, on_accept, s, err);
	if (r < 0) {
		agent_sock_close(&s);
		return r;
	}
	*ret = s;
	return 0;
}

void agent_sock_close(struct agent_sock **sock)
{
	struct agent_sock *s = *sock;
	struct stat st;

	if (!s)
		return;
	s->paused = 0; /* nobody is let in any more */
	bw_list_for_each (node, &s->peers)
		peer_free(bw_list_entry(node, struct agent_peer, node));
	bw_loop_fd_remove(&s->watch);
	if (s->fd >= 0)
		(void)close(s->fd); /* nothing to do about a failed close, ignoring */
	if (s->ino && lstat(s->path, &st) == 0 && st.st_dev == s->dev && st.st_ino == s->ino)
		(void)unlink(s->path); /* the next agent replaces what is left, ignoring */
	free(s);
	*sock = NULL;
}

unsigned int agent_sock_peers(const struct agent_sock *sock)
{
	return sock->n_peers;
}

uint64_t agent_sock_refused(const struct agent_sock *sock)
{
	return sock->refused;
}
