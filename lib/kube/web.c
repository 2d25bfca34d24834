/* SPDX-License-Identifier: Apache-2.0 */
/* libmicrohttpd without its threads: its epoll descriptor is one of the loop's. */
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <bw/err.h>
#include <bw/kube_web.h>
#include <bw/loop.h>

#define ADDRESS_MAX 128
#define NS_PER_MS 1000000LL

struct bw_web {
	struct bw_loop *loop;
	struct bw_web_options o;
	struct MHD_Daemon *daemon;
	struct bw_loop_fd fd;
	struct bw_timer timer;
	struct bw_defer again;
	unsigned int port;
};

static void run(struct bw_web *w)
{
	MHD_UNSIGNED_LONG_LONG ms = 0;

	(void)MHD_run(w->daemon); /* one connection's trouble is not ours, ignoring */
	if (MHD_get_timeout(w->daemon, &ms) != MHD_YES)
		bw_timer_stop(&w->timer);
	else if (bw_timer_set(&w->timer, bw_loop_now_ns(w->loop) + (int64_t)ms * NS_PER_MS) < 0)
		bw_defer_call(&w->again);
}

static void on_time(void *arg)
{
	run(arg);
}

static void on_fd(uint32_t events, void *arg)
{
	(void)events;
	run(arg);
}

/* Parts "host:port"; the host may stand in brackets or be missing. */
static int resolve(const char *address, struct addrinfo **ret, struct bw_err *err)
{
	struct addrinfo hints = { .ai_family = AF_UNSPEC,
				  .ai_socktype = SOCK_STREAM,
				  .ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV };
	char text[ADDRESS_MAX];
	char *host = text;
	char *port;
	size_t len = strnlen(address, sizeof(text));

	if (len < sizeof(text)) {
		memcpy(text, address, len + 1);
		port = strrchr(text, ':');
		if (port && port[1]) {
			*port++ = '\0';
			if (*host == '[' && port[-2] == ']') {
				port[-2] = '\0';
				host++;
			}
			if (getaddrinfo(*host ? host : NULL, port, &hints, ret) == 0)
				return 0;
		}
	}
	return bw_reject(err, BW_ERR_INVALID, EINVAL,
			 "address \"%.128s\": expected an address and a port such as "
			 "127.0.0.1:8081 or :8081",
			 address);
}

int bw_web_is_local(const char *address, int *ret, struct bw_err *err)
{
	struct sockaddr_storage a = { 0 };
	struct addrinfo *list = NULL;
	int r = resolve(address, &list, err);

	if (r < 0 || !list)
		return r;
	memcpy(&a, list->ai_addr, list->ai_addrlen);
	freeaddrinfo(list);
	if (a.ss_family == AF_INET)
		*ret = ntohl(((struct sockaddr_in *)&a)->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
	else
		*ret = IN6_IS_ADDR_LOOPBACK(&((struct sockaddr_in6 *)&a)->sin6_addr);
	return 0;
}

static int listen_on(const struct bw_web_options *o, int *ret_fd, unsigned int *ret_port,
		     struct bw_err *err)
{
	struct sockaddr_storage bound = { 0 };
	socklen_t size = sizeof(bound);
	struct addrinfo *list = NULL;
	bw_autoclose int fd = -1;
	char port[NI_MAXSERV];
	int one = 1;
	int r = resolve(o->address, &list, err);

	if (r < 0 || !list)
		return r;
	fd = socket(list->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
	    bind(fd, list->ai_addr, list->ai_addrlen) < 0 || listen(fd, (int)o->connections) < 0 ||
	    getsockname(fd, (struct sockaddr *)&bound, &size) < 0)
		r = bw_fail(err, errno, "listen on %s", o->address);
	freeaddrinfo(list);
	if (r < 0)
		return r;
	if (getnameinfo((struct sockaddr *)&bound, size, NULL, 0, port, sizeof(port),
			NI_NUMERICSERV) != 0)
		return bw_fail(err, EINVAL, "read the port of %s", o->address);
	*ret_port = (unsigned int)strtoul(port, NULL, 10);
	*ret_fd = BW_TAKE_FD(fd);
	return 0;
}

/* The socket becomes the daemon's, also when that could not be made. NULL = it could not. */
static struct MHD_Daemon *start(const struct bw_web_options *o, int fd)
{
	struct MHD_OptionItem tls[] = {
		{ MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)(uintptr_t)o->cert },
		{ MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)(uintptr_t)o->key },
		{ MHD_OPTION_END, 0, NULL },
	};
	struct MHD_OptionItem none[] = { { MHD_OPTION_END, 0, NULL } };
	unsigned int flags = MHD_USE_EPOLL;

	if (o->cert)
		flags |= MHD_USE_TLS;
	if (o->suspend)
		flags |= MHD_ALLOW_SUSPEND_RESUME;
	return MHD_start_daemon(flags, 0, NULL, NULL, o->handler, o->arg, MHD_OPTION_LISTEN_SOCKET,
				fd, MHD_OPTION_CONNECTION_LIMIT, o->connections,
				MHD_OPTION_CONNECTION_TIMEOUT, o->idle_s,
				MHD_OPTION_CONNECTION_MEMORY_LIMIT, o->memory,
				MHD_OPTION_NOTIFY_COMPLETED, o->completed, o->arg, MHD_OPTION_ARRAY,
				o->cert ? tls : none, MHD_OPTION_END);
}

/* Takes @daemon in, or stops it. */
static int attach(struct bw_web *w, struct MHD_Daemon *daemon, struct bw_err *err)
{
	const union MHD_DaemonInfo *info =
		daemon ? MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_EPOLL_FD) : NULL;
	int r;

	if (!info)
		return w->o.cert ? bw_reject(err, BW_ERR_INVALID, EINVAL,
					     "serve %s: the certificate and the key do not fit",
					     w->o.address)
				 : bw_fail(err, ENOMEM, "serve %s", w->o.address);
	r = bw_loop_fd_add(&w->fd, w->loop, info->epoll_fd, EPOLLIN, on_fd, w, err);
	if (r < 0)
		MHD_stop_daemon(daemon);
	else
		w->daemon = daemon;
	return r;
}

static void detach(struct bw_web *w)
{
	bw_loop_fd_remove(&w->fd);
	bw_timer_stop(&w->timer);
	bw_defer_stop(&w->again);
	if (w->daemon)
		MHD_stop_daemon(w->daemon);
	w->daemon = NULL;
}

int bw_web_new(struct bw_loop *loop, const struct bw_web_options *o, struct bw_web **ret,
	       struct bw_err *err)
{
	struct bw_web *w = calloc(1, sizeof(*w));
	int fd = -1;
	int r;

	if (!w)
		return bw_fail(err, ENOMEM, "listen on %s", o->address);
	w->loop = loop;
	w->o = *o;
	bw_timer_init(&w->timer, loop, on_time, w);
	bw_defer_init(&w->again, loop, on_time, w);
	r = listen_on(o, &fd, &w->port, err);
	if (r == 0)
		r = attach(w, start(o, fd), err);
	/* They are their owner's, and may be gone by the time of another start. */
	w->o.address = "its address";
	w->o.cert = NULL;
	w->o.key = NULL;
	if (r < 0) {
		bw_web_free(&w);
		return r;
	}
	*ret = w;
	return 0;
}

int bw_web_renew(struct bw_web *w, const char *cert, const char *key, struct bw_err *err)
{
	const union MHD_DaemonInfo *info =
		MHD_get_daemon_info(w->daemon, MHD_DAEMON_INFO_LISTEN_FD);
	struct bw_web_options o = w->o;
	struct MHD_Daemon *fresh;
	int old;
	int r;
	int fd = info ? fcntl(info->listen_fd, F_DUPFD_CLOEXEC, 3) : -1;

	if (fd < 0)
		return bw_fail(err, info ? errno : EBADF, "serve with another certificate");
	o.cert = cert;
	o.key = key;
	fresh = start(&o, fd);
	if (!fresh)
		return bw_reject(err, BW_ERR_INVALID, EINVAL,
				 "serve with another certificate: it and the key do not fit");
	/* Taken back first: a daemon that stops may shut its socket down, which is the other's. */
	old = MHD_quiesce_daemon(w->daemon);
	detach(w);
	r = attach(w, fresh, err);
	if (old >= 0)
		(void)close(old); /* the other one listens, ignoring */
	return r;
}

void bw_web_resume(struct bw_web *w, struct MHD_Connection *conn)
{
	MHD_resume_connection(conn);
	bw_defer_call(&w->again); /* nothing becomes readable by it */
}

unsigned int bw_web_port(const struct bw_web *w)
{
	return w->port;
}

void bw_web_free(struct bw_web **web)
{
	struct bw_web *w = *web;

	if (!w)
		return;
	detach(w);
	free(w);
	*web = NULL;
}
