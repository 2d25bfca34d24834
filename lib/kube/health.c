/* SPDX-License-Identifier: Apache-2.0 */
/* libmicrohttpd without its threads: its epoll descriptor is one of the loop's. */
#include <assert.h>
#include <netdb.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <microhttpd.h>

#include <bw/buf.h>
#include <bw/err.h>
#include <bw/kube_controller.h>
#include <bw/kube_health.h>
#include <bw/kube_metrics.h>
#include <bw/loop.h>

#include "process.h"

#define PATHS_MAX 8
#define ADDRESS_MAX 128
#define WHY_MAX 512
#define NS_PER_MS 1000000LL
#define HTTP_MEMORY                                                                                \
	8192 /* bytes of a connection's buffers: requests are a line and few headers               \
	      */

struct path {
	const char *path;
	bw_kube_health_fn fn;
	void *arg;
};

struct bw_kube_health {
	struct bw_loop *loop;
	struct MHD_Daemon *daemon;
	struct bw_loop_fd fd;
	struct bw_timer timer;
	struct bw_defer again;
	struct path paths[PATHS_MAX];
	size_t n;
	unsigned int port;
};

static void run(struct bw_kube_health *h)
{
	MHD_UNSIGNED_LONG_LONG ms = 0;

	(void)MHD_run(h->daemon); /* one connection's trouble is not ours, ignoring */
	if (MHD_get_timeout(h->daemon, &ms) != MHD_YES)
		bw_timer_stop(&h->timer);
	else if (bw_timer_set(&h->timer, bw_loop_now_ns(h->loop) + (int64_t)ms * NS_PER_MS) < 0)
		bw_defer_call(&h->again);
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

static enum MHD_Result reply(struct MHD_Connection *conn, unsigned int status, struct bw_buf *text)
{
	struct MHD_Response *response;
	enum MHD_Result r = MHD_NO;

	response = MHD_create_response_from_buffer(text->size, text->data ? text->data : (char *)"",
						   MHD_RESPMEM_MUST_COPY);
	if (!response)
		return MHD_NO;
	if (MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE,
				    "text/plain; version=0.0.4; charset=utf-8") == MHD_YES)
		r = MHD_queue_response(conn, status, response);
	MHD_destroy_response(response);
	return r;
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *conn, const char *url,
				  const char *method, const char *version, const char *upload,
				  size_t *upload_size, void **state)
{
	bw_autobuf struct bw_buf text = { 0 };
	struct bw_kube_health *h = arg;
	int status = MHD_HTTP_NOT_FOUND;

	(void)version;
	(void)upload;
	(void)state;
	if (*upload_size) {
		*upload_size = 0; /* a body is read and forgotten */
		return MHD_YES;
	}
	if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
		return reply(conn, MHD_HTTP_METHOD_NOT_ALLOWED, &text);
	for (size_t i = 0; i < h->n; i++)
		if (!strcmp(url, h->paths[i].path))
			status = h->paths[i].fn(&text, h->paths[i].arg);
	return reply(conn, status < 0 ? MHD_HTTP_INTERNAL_SERVER_ERROR : (unsigned int)status,
		     &text);
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

static int listen_on(const char *address, int *ret_fd, unsigned int *ret_port, struct bw_err *err)
{
	struct sockaddr_storage bound = { 0 };
	socklen_t size = sizeof(bound);
	struct addrinfo *list = NULL;
	bw_autoclose int fd = -1;
	char port[NI_MAXSERV];
	int one = 1;
	int r = resolve(address, &list, err);

	if (r < 0 || !list)
		return r;
	fd = socket(list->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
	    bind(fd, list->ai_addr, list->ai_addrlen) < 0 ||
	    listen(fd, BW_KUBE_HEALTH_CONNECTIONS) < 0 ||
	    getsockname(fd, (struct sockaddr *)&bound, &size) < 0)
		r = bw_fail(err, errno, "listen on %s", address);
	freeaddrinfo(list);
	if (r < 0)
		return r;
	if (getnameinfo((struct sockaddr *)&bound, size, NULL, 0, port, sizeof(port),
			NI_NUMERICSERV) != 0)
		return bw_fail(err, EINVAL, "read the port of %s", address);
	*ret_port = (unsigned int)strtoul(port, NULL, 10);
	*ret_fd = BW_TAKE_FD(fd);
	return 0;
}

int bw_kube_health_new(struct bw_loop *loop, const char *address, struct bw_kube_health **ret,
		       struct bw_err *err)
{
	struct bw_kube_health *h = calloc(1, sizeof(*h));
	const union MHD_DaemonInfo *info = NULL;
	int fd = -1;
	int r;

	if (!h)
		return bw_fail(err, ENOMEM, "listen on %s", address);
	h->loop = loop;
	bw_timer_init(&h->timer, loop, on_time, h);
	bw_defer_init(&h->again, loop, on_time, h);
	r = listen_on(address, &fd, &h->port, err);
	if (r == 0) {
		/* From here on the socket is the daemon's, also when it could not be made. */
		h->daemon = MHD_start_daemon(
			MHD_USE_EPOLL, 0, NULL, NULL, on_request, h, MHD_OPTION_LISTEN_SOCKET, fd,
			MHD_OPTION_CONNECTION_LIMIT, (unsigned int)BW_KUBE_HEALTH_CONNECTIONS,
			MHD_OPTION_CONNECTION_TIMEOUT, (unsigned int)BW_KUBE_HEALTH_IDLE_S,
			MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HTTP_MEMORY, MHD_OPTION_END);
		if (h->daemon)
			info = MHD_get_daemon_info(h->daemon, MHD_DAEMON_INFO_EPOLL_FD);
		r = info ? bw_loop_fd_add(&h->fd, loop, info->epoll_fd, EPOLLIN, on_fd, h, err)
			 : bw_fail(err, ENOMEM, "serve %s", address);
	}
	if (r < 0) {
		bw_kube_health_free(&h);
		return r;
	}
	*ret = h;
	return 0;
}

int bw_kube_health_add(struct bw_kube_health *h, const char *path, bw_kube_health_fn fn, void *arg)
{
	if (h->n == PATHS_MAX)
		return -E2BIG;
	h->paths[h->n++] = (struct path){ path, fn, arg };
	return 0;
}

unsigned int bw_kube_health_port(const struct bw_kube_health *h)
{
	return h->port;
}

void bw_kube_health_free(struct bw_kube_health **health)
{
	struct bw_kube_health *h = *health;

	if (!h)
		return;
	bw_loop_fd_remove(&h->fd);
	bw_timer_stop(&h->timer);
	bw_defer_stop(&h->again);
	if (h->daemon)
		MHD_stop_daemon(h->daemon);
	free(h);
	*health = NULL;
}

int bw_kube_health_live(struct bw_buf *out, void *arg)
{
	(void)arg;
	return bw_buf_append(out, "ok\n", 3) < 0 ? -ENOMEM : MHD_HTTP_OK;
}

int bw_kube_health_ready(struct bw_buf *out, void *arg)
{
	char why[WHY_MAX];

	if (bw_kube_runtime_ready(arg, why, sizeof(why)))
		return bw_kube_health_live(out, NULL);
	return bw_buf_printf(out, "%s\n", why) < 0 ? -ENOMEM : MHD_HTTP_SERVICE_UNAVAILABLE;
}

int bw_kube_health_metrics(struct bw_buf *out, void *arg)
{
	if (bw_metrics_text(arg, out) < 0 || bw_process_text(out) < 0)
		return -ENOMEM;
	return MHD_HTTP_OK;
}
