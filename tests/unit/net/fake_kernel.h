/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A kernel of the test's own behind every netlink socket: it sees each request and answers with
 * constructed or recorded bytes. The socket calls are taken over at link time: include it in
 * exactly one file of a program.
 */
#pragma once

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>

#include <cmocka.h>
#include <linux/netlink.h>

#define FAKE_SOCKETS 1024
#define FAKE_QUEUE 16

/* Datagrams that wait at one socket. */
struct fake_socket {
	int protocol;
	int group; /* of events */
	int bound; /* has a port: without one it gets no event of the kernel's own */
	unsigned int n;
	struct {
		void *data;
		size_t size;
		uint32_t from; /* 0 = the kernel */
		int errnum; /* instead of a datagram */
	} queue[FAKE_QUEUE];
};

static struct {
	struct fake_socket sockets[FAKE_SOCKETS];
	int fd; /* the request came from */
	uint32_t seq; /* of the request */
	/* Answers one request with fake_*(). */
	void (*on_request)(const struct nlmsghdr *nlh);
	/* Called when a program waits and nothing is there; may let events arrive. */
	void (*on_wait)(void);
	unsigned int requests;
} fake;

static inline void fake_queue(int fd, const void *data, size_t size, uint32_t from, int errnum)
{
	struct fake_socket *s = &fake.sockets[fd];

	assert_true(s->n < FAKE_QUEUE);
	s->queue[s->n].data = NULL;
	s->queue[s->n].size = size;
	s->queue[s->n].from = from;
	s->queue[s->n].errnum = errnum;
	if (size) {
		/* An allocation the test lets fail is none of the fake's. */
		s->queue[s->n].data = mmap(NULL, size, PROT_READ | PROT_WRITE,
					   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		assert_true(s->queue[s->n].data != MAP_FAILED);
		memcpy(s->queue[s->n].data, data, size);
	}
	s->n++;
}

/* Answers the present request with a message, whose sequence number it sets. */
static inline void fake_reply(struct nlmsghdr *nlh)
{
	nlh->nlmsg_seq = fake.seq;
	fake_queue(fake.fd, nlh, nlh->nlmsg_len, 0, 0);
}

/* 0 = acknowledged, else a positive errno. */
static inline void fake_ack(const struct nlmsghdr *request, int errnum)
{
	struct {
		struct nlmsghdr h;
		struct nlmsgerr e;
	} m = { .h = { .nlmsg_len = sizeof(m), .nlmsg_type = NLMSG_ERROR },
		.e = { .error = -errnum, .msg = *request } };

	fake_reply(&m.h);
}

/* Ends a dump. */
static inline void fake_done(void)
{
	struct {
		struct nlmsghdr h;
		int result;
	} m = { .h = { .nlmsg_len = sizeof(m),
		       .nlmsg_type = NLMSG_DONE,
		       .nlmsg_flags = NLM_F_MULTI } };

	fake_reply(&m.h);
}

/* An event at every socket that subscribed; @errnum instead of it when not 0. */
static inline void fake_event(const struct nlmsghdr *nlh, int errnum)
{
	for (int fd = 0; fd < FAKE_SOCKETS; fd++)
		if (fake.sockets[fd].group && fake.sockets[fd].bound)
			fake_queue(fd, nlh, errnum ? 0 : nlh->nlmsg_len, 0, errnum);
}

static inline void fake_drop_first(struct fake_socket *s)
{
	if (s->queue[0].data)
		(void)munmap(s->queue[0].data, s->queue[0].size);
	memmove(&s->queue[0], &s->queue[1], (FAKE_QUEUE - 1) * sizeof(s->queue[0]));
	s->n--;
}

static inline void fake_reset(void)
{
	for (int fd = 0; fd < FAKE_SOCKETS; fd++)
		while (fake.sockets[fd].n)
			fake_drop_first(&fake.sockets[fd]);
	memset(&fake, 0, sizeof(fake));
}

int socket(int domain, int type, int protocol)
{
	int fd = eventfd(0, EFD_CLOEXEC);

	(void)type;
	assert_int_equal(domain, AF_NETLINK);
	assert_in_range(fd, 0, FAKE_SOCKETS - 1);
	while (fake.sockets[fd].n)
		fake_drop_first(&fake.sockets[fd]);
	memset(&fake.sockets[fd], 0, sizeof(fake.sockets[fd]));
	fake.sockets[fd].protocol = protocol;
	return fd;
}

int bind(int fd, const struct sockaddr *at, socklen_t size)
{
	(void)at;
	(void)size;
	fake.sockets[fd].bound = 1;
	return 0;
}

int setsockopt(int fd, int level, int name, const void *value, socklen_t size)
{
	(void)size;
	if (level == SOL_NETLINK && name == NETLINK_ADD_MEMBERSHIP)
		memcpy(&fake.sockets[fd].group, value, sizeof(int));
	return 0;
}

int getsockopt(int fd, int level, int name, void *restrict value, socklen_t *restrict size)
{
	(void)fd;
	(void)level;
	(void)name;
	memset(value, 1, *size);
	return 0;
}

ssize_t sendmsg(int fd, const struct msghdr *msg, int flags)
{
	const unsigned char *p = msg->msg_iov->iov_base;
	size_t left = msg->msg_iov->iov_len;

	(void)flags;
	while (left >= sizeof(struct nlmsghdr)) {
		const struct nlmsghdr *nlh = (const void *)p;

		assert_in_range(nlh->nlmsg_len, sizeof(*nlh), left);
		fake.fd = fd;
		fake.seq = nlh->nlmsg_seq;
		fake.requests++;
		fake.on_request(nlh);
		p += NLMSG_ALIGN(nlh->nlmsg_len);
		left -= NLMSG_ALIGN(nlh->nlmsg_len);
	}
	return (ssize_t)msg->msg_iov->iov_len;
}

static inline ssize_t fake_receive(int fd, void *buf, size_t size, int flags,
				   struct sockaddr_nl *from, int *ret_flags)
{
	struct fake_socket *s = &fake.sockets[fd];
	size_t n;

	if (!s->n) {
		errno = EAGAIN;
		return -1;
	}
	if (s->queue[0].errnum) {
		errno = s->queue[0].errnum;
		fake_drop_first(s);
		return -1;
	}
	n = s->queue[0].size;
	if (from)
		*from = (struct sockaddr_nl){ .nl_family = AF_NETLINK, .nl_pid = s->queue[0].from };
	if (ret_flags)
		*ret_flags = n > size ? MSG_TRUNC : 0;
	if (buf && size)
		memcpy(buf, s->queue[0].data, n < size ? n : size);
	if (!(flags & MSG_PEEK))
		fake_drop_first(s);
	return (ssize_t)(n > size && !(flags & MSG_TRUNC) ? size : n);
}

ssize_t recvfrom(int fd, void *restrict buf, size_t size, int flags, struct sockaddr *restrict from,
		 socklen_t *restrict from_size)
{
	struct sockaddr_nl nl;
	ssize_t n = fake_receive(fd, buf, size, flags, &nl, NULL);

	if (n >= 0 && from) {
		memcpy(from, &nl, sizeof(nl));
		*from_size = sizeof(nl);
	}
	return n;
}

ssize_t recv(int fd, void *buf, size_t size, int flags)
{
	return fake_receive(fd, buf, size, flags, NULL, NULL);
}

/* What the C library's checks of buffer sizes call instead. */
ssize_t __recv_chk(int fd, void *buf, size_t size, size_t room, int flags);
ssize_t __recv_chk(int fd, void *buf, size_t size, size_t room, int flags)
{
	assert_true(size <= room);
	return recv(fd, buf, size, flags);
}

ssize_t __recvfrom_chk(int fd, void *buf, size_t size, size_t room, int flags,
		       struct sockaddr *from, socklen_t *from_size);
ssize_t __recvfrom_chk(int fd, void *buf, size_t size, size_t room, int flags,
		       struct sockaddr *from, socklen_t *from_size)
{
	assert_true(size <= room);
	return recvfrom(fd, buf, size, flags, from, from_size);
}

int recvmmsg(int fd, struct mmsghdr *m, unsigned int n, int flags, struct timespec *timeout)
{
	unsigned int got = 0;

	(void)timeout;
	while (got < n) {
		struct msghdr *h = &m[got].msg_hdr;
		ssize_t size = fake_receive(fd, h->msg_iov->iov_base, h->msg_iov->iov_len, flags,
					    h->msg_name, &h->msg_flags);

		if (size < 0)
			break;
		h->msg_namelen = sizeof(struct sockaddr_nl);
		m[got++].msg_len = (unsigned int)size;
	}
	return got ? (int)got : -1;
}

int poll(struct pollfd *p, nfds_t n, int timeout_ms)
{
	struct timespec ts = { .tv_sec = timeout_ms / 1000,
			       .tv_nsec = timeout_ms % 1000 * 1000000L };

	assert_int_equal(n, 1);
	if (!fake.sockets[p->fd].n && fake.on_wait)
		fake.on_wait();
	p->revents = fake.sockets[p->fd].n ? POLLIN : 0;
	if (!p->revents && timeout_ms > 0)
		(void)nanosleep(&ts, NULL); /* nothing will come: time passes, ignoring */
	return p->revents ? 1 : 0;
}

int __poll_chk(struct pollfd *p, nfds_t n, int timeout_ms, size_t room);
int __poll_chk(struct pollfd *p, nfds_t n, int timeout_ms, size_t room)
{
	(void)room;
	return poll(p, n, timeout_ms);
}
