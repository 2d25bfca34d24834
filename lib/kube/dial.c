/* SPDX-License-Identifier: Apache-2.0 */
/* libcurl with CURLOPT_CONNECT_ONLY on the loop. */
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>

#include <bw/kube_base64.h>

#include "dial.h"

#define NS_PER_MS 1000000LL

struct sock {
	struct bw_list node;
	struct kube_dial *dial;
	struct bw_loop_fd watch;
};

static void sock_free(struct sock *s)
{
	bw_loop_fd_remove(&s->watch);
	bw_list_del(&s->node);
	free(s);
}

static void forget_sockets(struct kube_dial *d)
{
	bw_list_for_each (node, &d->sockets)
		sock_free(bw_list_entry(node, struct sock, node));
}

static void fail(struct kube_dial *d, const char *why)
{
	char text[BW_ERR_MSG_MAX];

	(void)snprintf(text, sizeof(text), "connect to %s: %s", d->http->base,
		       why); /* cut is fine, ignoring */
	kube_dial_end(d);
	d->failed(BW_KUBE_REFUSED, text, d->arg);
}

static void on_ready(uint32_t events, void *arg)
{
	struct kube_dial *d = arg;

	d->ready(events, d->arg);
}

/* The connection stands: what libcurl watched for it is ours now. */
static void open_up(struct kube_dial *d)
{
	curl_socket_t fd = CURL_SOCKET_BAD;

	forget_sockets(d);
	bw_timer_stop(&d->timer);
	if (curl_easy_getinfo(d->easy, CURLINFO_ACTIVESOCKET, &fd) != CURLE_OK ||
	    fd == CURL_SOCKET_BAD ||
	    bw_loop_fd_add(&d->watch, d->http->loop, fd, EPOLLIN, on_ready, d, NULL) < 0) {
		fail(d, "no connection is left");
		return;
	}
	d->state = KUBE_DIAL_OPEN;
	d->opened(d->arg);
}

static void run(struct kube_dial *d, curl_socket_t fd, int events)
{
	const CURLMsg *m;
	CURLcode code;
	int n;

	(void)curl_multi_socket_action(d->multi, fd, events, &n); /* its message tells, ignoring */
	m = curl_multi_info_read(d->multi, &n);
	if (!m || m->msg != CURLMSG_DONE)
		return;
	code = m->data.result;
	if (code == CURLE_OK)
		open_up(d);
	else
		fail(d, d->problem[0] ? d->problem : curl_easy_strerror(code));
}

static void on_curl_ready(uint32_t events, void *arg)
{
	struct sock *s = arg;

	run(s->dial, s->watch.fd, kube_curl_ready(events));
}

static void on_timer(void *arg)
{
	run(arg, CURL_SOCKET_TIMEOUT, 0);
}

static int on_curl_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
	struct kube_dial *d = arg;
	struct sock *s = NULL;
	uint32_t events;

	(void)easy;
	(void)socket_arg;
	/* Those that were taken from libcurl are not found. */
	bw_list_for_each (node, &d->sockets)
		if (bw_list_entry(node, struct sock, node)->watch.fd == fd)
			s = bw_list_entry(node, struct sock, node);
	if (what == CURL_POLL_REMOVE || d->state != KUBE_DIAL_CONNECTING) {
		if (s)
			sock_free(s);
		return 0;
	}
	events = kube_curl_wants(what);
	if (s)
		return bw_loop_fd_change(&s->watch, events, NULL) < 0 ? -1 : 0;
	s = calloc(1, sizeof(*s));
	if (!s)
		return -1;
	s->dial = d;
	if (bw_loop_fd_add(&s->watch, d->http->loop, fd, events, on_curl_ready, s, NULL) < 0) {
		free(s);
		return -1;
	}
	bw_list_add_tail(&d->sockets, &s->node);
	return 0;
}

static int on_curl_timer(CURLM *multi, long ms, void *arg)
{
	struct kube_dial *d = arg;

	(void)multi;
	if (ms < 0) {
		bw_timer_stop(&d->timer);
		return 0;
	}
	return bw_timer_set(&d->timer, bw_loop_now_ns(d->http->loop) + ms * NS_PER_MS) < 0 ? -1 : 0;
}

/* Nothing of this goes over plain HTTP. */
static int set_auth(struct kube_dial *d, const struct kube_cred_view *cred)
{
	bw_autobuf struct bw_buf pair = { 0 };
	int r = 0;

	d->auth.size = 0;
	if (d->http->plain)
		return 0;
	if (cred->bearer)
		return bw_buf_printf(&d->auth, "Authorization: Bearer %s\r\n", cred->bearer);
	if (!cred->username)
		return 0;
	if (bw_buf_printf(&pair, "%s:%s", cred->username, cred->password ? cred->password : "") <
		    0 ||
	    bw_buf_printf(&d->auth, "Authorization: Basic ") < 0 ||
	    bw_kube_base64_encode(pair.data, pair.size, &d->auth) < 0)
		r = -ENOMEM;
	if (r == 0)
		r = bw_buf_append(&d->auth, "\r\n", 2);
	if (pair.data)
		explicit_bzero(pair.data, pair.cap);
	return r;
}

static int prepare(struct kube_dial *d, const struct kube_cred_view *cred)
{
	d->problem[0] = '\0';
	d->generation = d->http->cred.generation;
	d->easy = curl_easy_init();
	d->multi = curl_multi_init();
	if (!d->easy || !d->multi || set_auth(d, cred) < 0)
		return -ENOMEM;
	if (kube_easy_connect_only(d->easy, d->http, cred, d->problem) != CURLE_OK)
		return -ENOMEM;
	if (curl_multi_setopt(d->multi, CURLMOPT_SOCKETFUNCTION, on_curl_socket) != CURLM_OK ||
	    curl_multi_setopt(d->multi, CURLMOPT_SOCKETDATA, d) != CURLM_OK ||
	    curl_multi_setopt(d->multi, CURLMOPT_TIMERFUNCTION, on_curl_timer) != CURLM_OK ||
	    curl_multi_setopt(d->multi, CURLMOPT_TIMERDATA, d) != CURLM_OK)
		return -ENOMEM;
	return 0;
}

static void go(struct kube_dial *d, const struct kube_cred_view *cred)
{
	bw_list_del(&d->node);
	d->state = KUBE_DIAL_CONNECTING;
	if (prepare(d, cred) < 0 || curl_multi_add_handle(d->multi, d->easy) != CURLM_OK)
		fail(d, "out of memory");
}

void kube_dial_go(struct kube_http *h, const struct kube_cred_view *cred)
{
	while (!bw_list_empty(&h->dials))
		go(bw_list_entry(h->dials.next, struct kube_dial, node), cred);
}

void kube_dial_refuse(struct kube_http *h, const char *why)
{
	struct bw_list now;

	/* Who begins anew when it is told waits for the next turn. */
	bw_list_init(&now);
	bw_list_for_each (node, &h->dials) {
		bw_list_del(node);
		bw_list_add_tail(&now, node);
	}
	while (!bw_list_empty(&now)) {
		struct kube_dial *d = bw_list_entry(now.next, struct kube_dial, node);

		bw_list_del(&d->node);
		d->state = KUBE_DIAL_IDLE;
		d->failed(BW_KUBE_UNAUTHORIZED, why, d->arg);
	}
}

void kube_dial_init(struct kube_dial *d, struct kube_http *http, void *arg)
{
	d->http = http;
	d->arg = arg;
	d->state = KUBE_DIAL_IDLE;
	bw_list_init(&d->node);
	bw_list_init(&d->sockets);
	bw_timer_init(&d->timer, http->loop, on_timer, d);
}

void kube_dial_start(struct kube_dial *d)
{
	d->state = KUBE_DIAL_WAITING;
	bw_list_add_tail(&d->http->dials, &d->node);
	bw_defer_call(&d->http->pump);
}

void kube_dial_end(struct kube_dial *d)
{
	bw_list_del(&d->node);
	d->state = KUBE_DIAL_IDLE;
	bw_loop_fd_remove(&d->watch);
	if (d->multi && d->easy)
		(void)curl_multi_remove_handle(d->multi, d->easy); /* it goes anyway, ignoring */
	curl_easy_cleanup(d->easy);
	if (d->multi)
		(void)curl_multi_cleanup(d->multi); /* frees what there is, ignoring */
	d->easy = NULL;
	d->multi = NULL;
	forget_sockets(d);
	bw_timer_stop(&d->timer);
	if (d->auth.data)
		explicit_bzero(d->auth.data, d->auth.cap);
	bw_buf_done(&d->auth);
}

ssize_t kube_dial_recv(struct kube_dial *d, void *data, size_t size)
{
	size_t n = 0;
	CURLcode code = curl_easy_recv(d->easy, data, size, &n);

	if (code == CURLE_AGAIN)
		return -EAGAIN;
	return code == CURLE_OK ? (ssize_t)n : -EIO;
}

ssize_t kube_dial_send(struct kube_dial *d, const void *data, size_t size)
{
	size_t n = 0;
	CURLcode code = curl_easy_send(d->easy, data, size, &n);

	if (code == CURLE_AGAIN || (code == CURLE_OK && !n))
		return -EAGAIN;
	return code == CURLE_OK ? (ssize_t)n : -EIO;
}

int kube_dial_watch(struct kube_dial *d, uint32_t events)
{
	return d->watch.events == events ? 0 : bw_loop_fd_change(&d->watch, events, NULL);
}
