/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Latency of request and answer over TCP: an echo server, and a client that measures each round
 * trip into a histogram of 10 ns steps, over one or many connections, against the echo server or a
 * Redis (GET, SET). Prints JSON; all times are nanoseconds.
 */
#include <getopt.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tool.h"

#define STEP_NS 10
#define STEPS 2000000UL /* 20 ms; what is slower is counted in the last step */
#define CONNS_MAX 512
#define SIZE_MAX_BYTES 65536

struct options {
	const char *host, *port, *bind_addr;
	long size, count, warmup, conns;
	double seconds;
	int cpu;
	enum { MODE_ECHO, MODE_GET, MODE_SET } mode;
};

struct conn {
	int fd;
	size_t missing; /* bytes of the answer still to come */
	uint64_t sent_ns;
};

static struct addrinfo *resolve(const struct options *o, bool passive)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
				  .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV };
	struct addrinfo *res;
	int r;

	if (passive)
		hints.ai_flags |= AI_PASSIVE;
	r = getaddrinfo(passive ? o->bind_addr : o->host, o->port, &hints, &res);
	if (r)
		tool_die("%s port %s: %s", o->host ? o->host : "*", o->port, gai_strerror(r));
	return res;
}

static void no_delay(int fd)
{
	const int one = 1;

	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one,
			 sizeof(one)); /* slower without, not wrong */
}

static int listen_on(const struct options *o)
{
	struct addrinfo *ai = resolve(o, true);
	const int one = 1;
	int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) ||
	    bind(fd, ai->ai_addr, ai->ai_addrlen) || listen(fd, CONNS_MAX))
		tool_die("listen on port %s: %s", o->port, strerror(errno));
	freeaddrinfo(ai);
	return fd;
}

/* Echoes until the client closes; one process, poll over all connections. */
static void serve(const struct options *o)
{
	static struct pollfd fds[CONNS_MAX + 1];
	static char data[SIZE_MAX_BYTES];
	nfds_t n = 1;

	fds[0] = (struct pollfd){ .fd = listen_on(o), .events = POLLIN };
	printf("listening\n");
	(void)fflush(stdout);
	for (;;) {
		/* With one connection block in read() itself: that is what a server under test
		 * does. */
		if (n != 2 && poll(fds, n, -1) < 0)
			tool_die("poll: %s", strerror(errno));
		for (nfds_t i = 1; i < n; i++) {
			ssize_t got;

			if (n != 2 && !fds[i].revents)
				continue;
			got = read(fds[i].fd, data, sizeof(data));
			if (got > 0 && write(fds[i].fd, data, (size_t)got) == got)
				continue;
			close(fds[i].fd);
			fds[i] = fds[--n];
			i--;
		}
		if (n == 1 || (n < CONNS_MAX + 1 && poll(fds, 1, 0) == 1 && fds[0].revents)) {
			int fd = accept4(fds[0].fd, NULL, NULL, SOCK_CLOEXEC);

			if (fd < 0)
				continue;
			no_delay(fd);
			fds[n++] = (struct pollfd){ .fd = fd, .events = POLLIN };
		}
	}
}

static int connect_to(const struct addrinfo *ai)
{
	uint64_t deadline = tool_now_ns() + 5 * TOOL_NS_PER_S;

	for (;;) {
		int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

		if (fd < 0)
			tool_die("socket: %s", strerror(errno));
		if (!connect(fd, ai->ai_addr, ai->ai_addrlen)) {
			struct timeval limit = { .tv_sec = 10 };

			(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
			no_delay(fd);
			return fd;
		}
		if (tool_now_ns() > deadline)
			tool_die("connect: %s", strerror(errno));
		close(fd);
		(void)poll(NULL, 0, 5);
	}
}

/* The request and the length of its answer. */
static size_t make_request(const struct options *o, char *out, size_t out_size, size_t *ret_answer)
{
	size_t n;

	if (o->mode == MODE_ECHO) {
		memset(out, 'x', (size_t)o->size);
		*ret_answer = (size_t)o->size;
		return (size_t)o->size;
	}
	if (o->mode == MODE_GET) {
		char head[32];

		*ret_answer = (size_t)snprintf(head, sizeof(head), "$%ld\r\n", o->size) +
			      (size_t)o->size + 2;
		return (size_t)snprintf(out, out_size, "*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n");
	}
	n = (size_t)snprintf(out, out_size, "*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$%ld\r\n", o->size);
	memset(out + n, 'x', (size_t)o->size);
	memcpy(out + n + o->size, "\r\n", 2);
	*ret_answer = strlen("+OK\r\n");
	return n + (size_t)o->size + 2;
}

static void send_all(int fd, const char *data, size_t size)
{
	while (size) {
		ssize_t n = write(fd, data, size);

		if (n <= 0)
			tool_die("write: %s", strerror(errno));
		data += n;
		size -= (size_t)n;
	}
}

static void round_trip(int fd, const char *request, size_t request_size, size_t answer)
{
	static char data[SIZE_MAX_BYTES + 64];

	send_all(fd, request, request_size);
	while (answer) {
		ssize_t n = read(fd, data, sizeof(data));

		if (n <= 0)
			tool_die("read: %s", n ? strerror(errno) : "connection closed");
		answer -= (size_t)n < answer ? (size_t)n : answer;
	}
}

static uint64_t quantile(const uint32_t *hist, uint64_t n, double q)
{
	uint64_t want = (uint64_t)((double)n * q), seen = 0;

	for (size_t i = 0; i < STEPS; i++) {
		seen += hist[i];
		if (seen > want)
			return i * STEP_NS;
	}
	return STEPS * STEP_NS;
}

static void add_sample(uint32_t *hist, uint64_t ns)
{
	uint64_t step = ns / STEP_NS;

	hist[step < STEPS ? step : STEPS - 1]++;
}

static bool finished(const struct options *o, uint64_t n, uint64_t now, uint64_t end)
{
	return o->count ? n >= (uint64_t)o->count : now >= end;
}

static uint64_t run_one(const struct options *o, int fd, const char *req, size_t req_size,
			size_t answer, uint32_t *hist)
{
	uint64_t n = 0, now = tool_now_ns(), end = now + (uint64_t)(o->seconds * 1e9);

	while (!finished(o, n, now, end)) {
		uint64_t then = now;

		round_trip(fd, req, req_size, answer);
		now = tool_now_ns();
		add_sample(hist, now - then);
		n++;
	}
	return n;
}

static uint64_t run_many(const struct options *o, struct conn *conns, const char *req,
			 size_t req_size, size_t answer, uint32_t *hist)
{
	static char data[SIZE_MAX_BYTES + 64];
	struct epoll_event events[CONNS_MAX];
	uint64_t n = 0, now = tool_now_ns(), end = now + (uint64_t)(o->seconds * 1e9);
	int ep = epoll_create1(EPOLL_CLOEXEC);

	for (long i = 0; i < o->conns; i++) {
		struct epoll_event ev = { .events = EPOLLIN, .data.ptr = &conns[i] };

		if (ep < 0 || epoll_ctl(ep, EPOLL_CTL_ADD, conns[i].fd, &ev))
			tool_die("epoll: %s", strerror(errno));
		conns[i].sent_ns = tool_now_ns();
		conns[i].missing = answer;
		send_all(conns[i].fd, req, req_size);
	}
	while (!finished(o, n, now, end)) {
		int k = epoll_wait(ep, events, CONNS_MAX, 10000);

		if (k <= 0)
			tool_die("no answer within 10 s");
		for (int i = 0; i < k; i++) {
			struct conn *c = events[i].data.ptr;
			ssize_t got = read(c->fd, data, sizeof(data));

			if (got <= 0)
				tool_die("read: %s", got ? strerror(errno) : "connection closed");
			c->missing -= (size_t)got < c->missing ? (size_t)got : c->missing;
			if (c->missing)
				continue;
			now = tool_now_ns();
			add_sample(hist, now - c->sent_ns);
			n++;
			c->sent_ns = now;
			c->missing = answer;
			send_all(c->fd, req, req_size);
		}
	}
	close(ep);
	return n;
}

static void measure(const struct options *o)
{
	static char request[SIZE_MAX_BYTES + 64];
	static struct conn conns[CONNS_MAX];
	struct addrinfo *ai = resolve(o, false);
	uint32_t *hist = calloc(STEPS, sizeof(*hist));
	size_t answer, request_size;
	uint64_t n, start, took;
	double mean = 0;

	if (!hist)
		tool_die("no memory");
	for (long i = 0; i < o->conns; i++)
		conns[i].fd = connect_to(ai);
	freeaddrinfo(ai);
	if (o->mode == MODE_GET) {
		struct options set = *o;

		set.mode = MODE_SET;
		request_size = make_request(&set, request, sizeof(request), &answer);
		round_trip(conns[0].fd, request, request_size, answer);
	}
	request_size = make_request(o, request, sizeof(request), &answer);
	for (long i = 0; i < o->warmup; i++)
		round_trip(conns[i % o->conns].fd, request, request_size, answer);
	start = tool_now_ns();
	n = o->conns == 1 ? run_one(o, conns[0].fd, request, request_size, answer, hist)
			  : run_many(o, conns, request, request_size, answer, hist);
	took = tool_now_ns() - start;
	for (size_t i = 0; i < STEPS; i++)
		mean += (double)hist[i] * (double)(i * STEP_NS);
	printf("{\"n\": %llu, \"total\": %llu, \"seconds\": %.6f, \"tps\": %.1f, \"min\": %llu, \"p50\": %llu, "
	       "\"p90\": %llu, \"p99\": %llu, \"max\": %llu, \"mean\": %.0f}\n",
	       (unsigned long long)n, (unsigned long long)n + (unsigned long long)o->warmup,
	       (double)took / 1e9, (double)n * 1e9 / (double)took,
	       (unsigned long long)quantile(hist, n, 0), (unsigned long long)quantile(hist, n, 0.5),
	       (unsigned long long)quantile(hist, n, 0.9),
	       (unsigned long long)quantile(hist, n, 0.99),
	       (unsigned long long)quantile(hist, n - 1, 1), n ? mean / (double)n : 0);
	free(hist);
}

static void usage(void)
{
	tool_die(
		"usage: pingpong server PORT [-b ADDRESS] [-c CPU]\n"
		"       pingpong client ADDRESS PORT [-m echo|get|set] [-s SIZE] [-t SECONDS | -n COUNT]\n"
		"                [-w WARMUP] [-k CONNECTIONS] [-c CPU]");
}

static int mode_of(const char *name)
{
	static const char *const names[] = { "echo", "get", "set" };

	for (int i = 0; i < 3; i++)
		if (!strcmp(name, names[i]))
			return i;
	tool_die("%s: expected echo, get or set", name);
}

int main(int argc, char **argv)
{
	struct options o = { .size = 64, .seconds = 1, .warmup = 200, .conns = 1, .cpu = -1 };
	bool server = argc > 1 && !strcmp(argv[1], "server");
	int c;

	(void)signal(SIGPIPE, SIG_IGN);
	while ((c = getopt(argc, argv, "b:c:m:s:t:n:w:k:")) != -1) {
		switch (c) {
		case 'b':
			o.bind_addr = optarg;
			break;
		case 'c':
			o.cpu = (int)tool_number(optarg, 0, 1023);
			break;
		case 'm':
			o.mode = (unsigned int)mode_of(optarg);
			break;
		case 's':
			o.size = tool_number(optarg, 1, SIZE_MAX_BYTES);
			break;
		case 't':
			o.seconds = strtod(optarg, NULL);
			break;
		case 'n':
			o.count = tool_number(optarg, 1, 1000000000);
			break;
		case 'w':
			o.warmup = tool_number(optarg, 0, 1000000);
			break;
		case 'k':
			o.conns = tool_number(optarg, 1, CONNS_MAX);
			break;
		default:
			usage();
		}
	}
	argv += optind;
	argc -= optind;
	if (argc != (server ? 2 : 3) || (!server && strcmp(argv[0], "client")))
		usage();
	tool_pin(o.cpu);
	o.host = server ? NULL : argv[1];
	o.port = argv[argc - 1];
	if (server)
		serve(&o);
	else
		measure(&o);
	return 0;
}
