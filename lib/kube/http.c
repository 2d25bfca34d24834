/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libcurl's multi interface on the loop. Calls wait in lanes until their limit has room; handles
 * come and go only outside libcurl's own callbacks.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>

#include <bw/err.h>

#include "dial.h"
#include "http.h"
#include "podexec.h"

#define NS_PER_MS 1000000LL
#define CONNECTIONS_KEPT 128L /* all that may be in flight, and watches */
#define AGENT "barewire (linux)"

/* A descriptor of libcurl's, as long as it wants to hear of it. */
struct sock {
	struct bw_list node;
	struct kube_multi *multi;
	struct bw_loop_fd watch;
};

static void drain(struct kube_multi *m);

static void run_curl(struct kube_multi *m, curl_socket_t fd, int events)
{
	int running;

	m->http->in_curl++;
	(void)curl_multi_socket_action(m->m, fd, events, &running); /* told per handle, ignoring */
	m->http->in_curl--;
	drain(m);
}

int kube_curl_ready(uint32_t events)
{
	int bits = 0;

	if (events & EPOLLIN)
		bits |= CURL_CSELECT_IN;
	if (events & EPOLLOUT)
		bits |= CURL_CSELECT_OUT;
	if (events & (EPOLLERR | EPOLLHUP))
		bits |= CURL_CSELECT_ERR;
	return bits;
}

uint32_t kube_curl_wants(int what)
{
	uint32_t events = 0;

	if (what & CURL_POLL_IN)
		events |= EPOLLIN;
	if (what & CURL_POLL_OUT)
		events |= EPOLLOUT;
	return events;
}

static void on_ready(uint32_t events, void *arg)
{
	struct sock *s = arg;

	run_curl(s->multi, s->watch.fd, kube_curl_ready(events));
}

static void on_timer(void *arg)
{
	run_curl(arg, CURL_SOCKET_TIMEOUT, 0);
}

static void sock_free(struct sock *s)
{
	bw_loop_fd_remove(&s->watch);
	bw_list_del(&s->node);
	free(s);
}

static int on_curl_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
	struct kube_multi *m = arg;
	struct sock *s = socket_arg;
	uint32_t events;

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
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
	bw_list_init(&s->node);
	s->multi = m;
	if (bw_loop_fd_add(&s->watch, m->http->loop, fd, events, on_ready, s, NULL) < 0) {
		free(s);
		return -1;
	}
	bw_list_add_tail(&m->http->sockets, &s->node);
	return curl_multi_assign(m->m, fd, s) == CURLM_OK ? 0 : -1;
}

static int on_curl_timer(CURLM *multi, long ms, void *arg)
{
	struct kube_multi *m = arg;

	(void)multi;
	if (ms < 0) {
		bw_timer_stop(&m->timer);
		return 0;
	}
	return bw_timer_set(&m->timer, bw_loop_now_ns(m->http->loop) + ms * NS_PER_MS) < 0 ? -1 : 0;
}

static int multi_init(struct kube_multi *m, struct kube_http *h, struct bw_err *err)
{
	m->http = h;
	m->m = curl_multi_init();
	if (!m->m || curl_multi_setopt(m->m, CURLMOPT_SOCKETFUNCTION, on_curl_socket) != CURLM_OK ||
	    curl_multi_setopt(m->m, CURLMOPT_SOCKETDATA, m) != CURLM_OK ||
	    curl_multi_setopt(m->m, CURLMOPT_TIMERFUNCTION, on_curl_timer) != CURLM_OK ||
	    curl_multi_setopt(m->m, CURLMOPT_TIMERDATA, m) != CURLM_OK ||
	    curl_multi_setopt(m->m, CURLMOPT_MAXCONNECTS, CONNECTIONS_KEPT) != CURLM_OK)
		return bw_fail(err, ENOMEM, "start the HTTP client");
	return 0;
}

static void multi_done(struct kube_multi *m)
{
	if (m->m)
		(void)curl_multi_cleanup(m->m); /* frees what there is, ignoring */
	bw_timer_stop(&m->timer);
}

static CURLM *multi_of(const struct kube_transfer *t)
{
	return t->lane == KUBE_LANE_URGENT ? t->http->urgent.m : t->http->common.m;
}

/* Lanes. */

static int has_room(const struct kube_http *h, enum kube_lane lane)
{
	static const unsigned int limits[KUBE_LANE_MAX_] = {
		[KUBE_LANE_READ] = BW_KUBE_READS_MAX,
		[KUBE_LANE_WRITE] = BW_KUBE_WRITES_MAX,
		[KUBE_LANE_FREE] = UINT32_MAX,
		[KUBE_LANE_URGENT] = UINT32_MAX,
	};

	return h->in_flight[lane] < limits[lane];
}

static void move(struct kube_transfer *t, enum kube_transfer_state state)
{
	struct kube_http *h = t->http;
	struct bw_list *const lists[] = {
		[KUBE_TRANSFER_WAITING] = &h->waiting[t->lane],
		[KUBE_TRANSFER_FLYING] = &h->flying,
		[KUBE_TRANSFER_ENDED] = &h->ended,
		[KUBE_TRANSFER_DEAD] = &h->dead,
	};

	bw_list_del(&t->node);
	bw_list_add_tail(lists[state], &t->node);
	t->state = state;
}

/* Ends a transfer that was not sent; its call hears of it when nobody else is on the stack. */
static void end_unsent(struct kube_transfer *t, enum bw_kube_result result, const char *why)
{
	t->result = result;
	(void)snprintf(t->problem, sizeof(t->problem), "%s", why); /* cut is fine, ignoring */
	move(t, KUBE_TRANSFER_ENDED);
	bw_defer_call(&t->http->pump);
}

static void send_one(struct kube_http *h, struct kube_transfer *t,
		     const struct kube_cred_view *cred)
{
	struct bw_err err = { 0 };
	CURLMcode code;

	if (kube_transfer_prepare(t, cred, &err) < 0) {
		end_unsent(t, BW_KUBE_REFUSED, err.msg);
		return;
	}
	code = curl_multi_add_handle(multi_of(t), t->easy);
	if (code != CURLM_OK) {
		end_unsent(t, BW_KUBE_REFUSED, curl_multi_strerror(code));
		return;
	}
	h->in_flight[t->lane]++;
	move(t, KUBE_TRANSFER_FLYING);
}

/* Sends what its lane has room for. */
static void send_lane(struct kube_http *h, enum kube_lane lane, const struct kube_cred_view *cred)
{
	while (!bw_list_empty(&h->waiting[lane]) && has_room(h, lane)) {
		struct kube_transfer *t =
			bw_list_entry(h->waiting[lane].next, struct kube_transfer, node);

		h->n_waiting--;
		if (t->deadline_ns && t->deadline_ns <= bw_loop_now_ns(h->loop))
			end_unsent(t, BW_KUBE_REFUSED,
				   "the request was not sent: too many others were under way");
		else
			send_one(h, t, cred);
	}
}

static void refuse_all(struct kube_http *h, const char *why)
{
	for (int lane = 0; lane < KUBE_LANE_MAX_; lane++) {
		bw_list_for_each (node, &h->waiting[lane]) {
			h->n_waiting--;
			end_unsent(bw_list_entry(node, struct kube_transfer, node),
				   BW_KUBE_UNAUTHORIZED, why);
		}
	}
}

/* Takes the cancelled ones out of libcurl; not from inside it. */
static void bury(struct kube_http *h)
{
	while (!bw_list_empty(&h->dead)) {
		struct kube_transfer *t = bw_list_entry(h->dead.next, struct kube_transfer, node);

		(void)curl_multi_remove_handle(multi_of(t), t->easy); /* it goes anyway, ignoring */
		h->in_flight[t->lane]--;
		kube_transfer_free(&t);
	}
}

static void on_pump(void *arg)
{
	struct kube_http *h = arg;
	struct kube_cred_view cred;
	struct bw_err err = { 0 };
	int r;

	bury(h);
	if (!bw_list_empty(&h->ended)) {
		struct kube_transfer *t = bw_list_entry(h->ended.next, struct kube_transfer, node);

		/* One a turn: whoever is told may do anything with the others. */
		bw_list_del(&t->node);
		bw_defer_call(&h->pump);
		kube_transfer_refuse(t);
		kube_transfer_free(&t);
		return;
	}
	if (!h->n_waiting && bw_list_empty(&h->dials))
		return;
	r = kube_cred_get(&h->cred, &cred, &err);
	if (r < 0) {
		refuse_all(h, err.msg);
		kube_dial_refuse(h, err.msg);
	}
	if (r > 0)
		kube_dial_go(h, &cred);
	for (int lane = KUBE_LANE_MAX_ - 1; r > 0 && lane >= 0; lane--)
		send_lane(h, (enum kube_lane)lane, &cred);
}

/* Tells the calls whose handles are done. */
static void drain(struct kube_multi *m)
{
	struct kube_http *h = m->http;
	const CURLMsg *msg;
	int left;

	while ((msg = curl_multi_info_read(m->m, &left))) {
		struct kube_transfer *t = NULL;
		CURLcode code = msg->data.result;

		if (msg->msg != CURLMSG_DONE)
			continue;
		/* Cannot fail for a handle of ours, ignoring. */
		(void)curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, (char **)&t);
		/* @msg is gone after this; failing it would not be in the list, ignoring. */
		(void)curl_multi_remove_handle(m->m, t->easy);
		h->in_flight[t->lane]--;
		bw_list_del(&t->node);
		bw_defer_call(&h->pump);
		if (kube_transfer_finish(t, code)) {
			h->n_waiting++;
			move(t, KUBE_TRANSFER_WAITING);
		} else {
			kube_transfer_free(&t);
		}
	}
}

static int http_start(struct bw_kube_client *c, const struct bw_kube_request *r,
		      struct bw_kube_call *call, struct bw_err *err)
{
	struct kube_http *h = BW_CONTAINER_OF(c, struct kube_http, client);
	struct kube_transfer *t = NULL;
	int e;

	if (h->n_waiting >= BW_KUBE_QUEUE_MAX && !(r->flags & BW_KUBE_F_URGENT))
		return bw_reject(err, BW_ERR_BUSY, ENOMEM, "%u requests wait already",
				 BW_KUBE_QUEUE_MAX);
	e = kube_transfer_new(h, r, &t, err);
	if (e < 0)
		return e;
	t->call = call;
	call->impl = t;
	h->n_waiting++;
	move(t, KUBE_TRANSFER_WAITING);
	bw_defer_call(&h->pump);
	return 0;
}

static void http_cancel(struct bw_kube_call *call)
{
	struct kube_transfer *t = call->impl;
	struct kube_http *h = t->http;

	t->call = NULL;
	if (t->state == KUBE_TRANSFER_FLYING) {
		move(t, KUBE_TRANSFER_DEAD);
		bw_defer_call(&h->pump);
		if (!h->in_curl)
			bury(h);
		return;
	}
	if (t->state == KUBE_TRANSFER_WAITING)
		h->n_waiting--;
	kube_transfer_free(&t);
}

static void http_free(struct bw_kube_client *c)
{
	struct kube_http *h = BW_CONTAINER_OF(c, struct kube_http, client);
	struct bw_list *const lists[] = {
		&h->flying,
		&h->ended,
		&h->waiting[KUBE_LANE_READ],
		&h->waiting[KUBE_LANE_WRITE],
		&h->waiting[KUBE_LANE_FREE],
		&h->waiting[KUBE_LANE_URGENT],
	};

	/* Only when the caller broke its promise is anything left here: nobody hears of it. */
	for (size_t i = 0; i < BW_ARRAY_SIZE(lists); i++) {
		bw_list_for_each (node, lists[i]) {
			struct kube_transfer *t = bw_list_entry(node, struct kube_transfer, node);

			if (t->state == KUBE_TRANSFER_FLYING)
				move(t, KUBE_TRANSFER_DEAD);
			else
				kube_transfer_free(&t);
		}
	}
	bury(h);
	multi_done(&h->common);
	multi_done(&h->urgent);
	bw_list_for_each (node, &h->sockets)
		sock_free(bw_list_entry(node, struct sock, node));
	bw_defer_stop(&h->pump);
	curl_slist_free_all(h->connect_to);
	if (h->has_cred)
		kube_cred_done(&h->cred);
	free(h->base);
	free(h->host);
	free(h);
	curl_global_cleanup();
}

static const struct bw_kube_client_ops http_ops = {
	.start = http_start,
	.cancel = http_cancel,
	.free = http_free,
	.podexec_start = kube_http_podexec_start,
	.podexec_cancel = kube_http_podexec_cancel,
	.podexec_put = kube_http_podexec_put,
};

static void on_credentials(void *arg)
{
	struct kube_http *h = arg;

	bw_defer_call(&h->pump);
}

static void set_defaults(struct kube_http *h, const struct bw_kube_http_options *o)
{
	if (o)
		h->o = *o;
	if (!h->o.connect_ms)
		h->o.connect_ms = 5000;
	if (!h->o.call_ms)
		h->o.call_ms = 30000;
	if (!h->o.list_ms)
		h->o.list_ms = 120000;
	if (!h->o.idle_s)
		h->o.idle_s = 130;
	if (!h->o.reload_ms)
		h->o.reload_ms = 60000;
	(void)snprintf(h->agent, sizeof(h->agent), "%s",
		       h->o.agent ? h->o.agent : AGENT); /* cut is fine, ignoring */
	h->o.agent = h->agent;
}

/*
 * The name that the certificate has goes into the URL, the address into CONNECT_TO: libcurl has no
 * other way to check one name and connect to another.
 */
static CURLUcode use_name(struct kube_http *h, CURLU *url, const char *name)
{
	bw_autobuf struct bw_buf to = { 0 };
	char *host = NULL, *port = NULL;
	CURLUcode code = curl_url_get(url, CURLUPART_HOST, &host, 0);

	if (code == CURLUE_OK)
		code = curl_url_get(url, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT);
	if (code == CURLUE_OK && bw_buf_printf(&to, "%s:%s:%s:%s", name, port, host, port) == 0)
		h->connect_to = curl_slist_append(NULL, to.data);
	curl_free(port);
	curl_free(host);
	if (code == CURLUE_OK && !h->connect_to)
		code = CURLUE_OUT_OF_MEMORY;
	return code == CURLUE_OK ? curl_url_set(url, CURLUPART_HOST, name, 0) : code;
}

/* What is behind the scheme: metrics name the server by it, as client-go's do. */
static char *host_of(const char *url)
{
	const char *at = strstr(url, "://");

	at = at ? at + 3 : url;
	return strndup(at, strcspn(at, "/"));
}

static int set_base(struct kube_http *h, const struct bw_kube_config *c, struct bw_err *err)
{
	CURLU *url = curl_url();
	CURLUcode code = CURLUE_OUT_OF_MEMORY;
	char *text = NULL;
	size_t len;

	if (url)
		code = curl_url_set(url, CURLUPART_URL, c->server, 0);
	if (code == CURLUE_OK && c->tls_server_name)
		code = use_name(h, url, c->tls_server_name);
	if (code == CURLUE_OK)
		code = curl_url_get(url, CURLUPART_URL, &text, 0);
	h->base = text ? strdup(text) : NULL;
	h->host = text ? host_of(c->server) : NULL;
	curl_free(text);
	curl_url_cleanup(url);
	if (code == CURLUE_OUT_OF_MEMORY || (code == CURLUE_OK && (!h->base || !h->host)))
		return bw_fail(err, ENOMEM, "read the URL of the API server");
	if (code != CURLUE_OK)
		return bw_reject(err, BW_ERR_INVALID, EINVAL, "the API server's URL %s: %s",
				 c->server, curl_url_strerror(code));
	/* Paths begin with their own slash. */
	len = strlen(h->base);
	while (len && h->base[len - 1] == '/')
		h->base[--len] = '\0';
	return 0;
}

static void ignore_sigpipe(void)
{
	struct sigaction old;

	/* A handler of the program's own stays; a failure shows as a signal, ignoring. */
	if (sigaction(SIGPIPE, NULL, &old) == 0 && old.sa_handler == SIG_DFL)
		(void)signal(SIGPIPE, SIG_IGN);
}

static int setup(struct kube_http *h, struct bw_kube_config **config, struct bw_err *err)
{
	int r = set_base(h, *config, err);

	if (r < 0)
		return r;
	h->plain = h->base && strncmp(h->base, "http:", 5) == 0;
	h->has_cred = 1;
	r = kube_cred_init(&h->cred, h->loop, config, (int64_t)h->o.reload_ms * NS_PER_MS,
			   on_credentials, h, err);
	if (r < 0)
		return r;
	r = multi_init(&h->common, h, err);
	return r < 0 ? r : multi_init(&h->urgent, h, err);
}

int bw_kube_http_new(struct bw_loop *loop, struct bw_kube_config **config,
		     const struct bw_kube_http_options *o, struct bw_kube_client **ret,
		     struct bw_err *err)
{
	bw_autokubeconfig struct bw_kube_config *mine = BW_TAKE_PTR(*config);
	struct kube_http *h = calloc(1, sizeof(*h));
	struct bw_kube_client *c;
	int r;

	if (!h || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
		free(h);
		return bw_fail(err, ENOMEM, "start the HTTP client");
	}
	ignore_sigpipe();
	h->client.ops = &http_ops;
	h->loop = loop;
	bw_timer_init(&h->common.timer, loop, on_timer, &h->common);
	bw_timer_init(&h->urgent.timer, loop, on_timer, &h->urgent);
	bw_defer_init(&h->pump, loop, on_pump, h);
	for (int i = 0; i < KUBE_LANE_MAX_; i++)
		bw_list_init(&h->waiting[i]);
	bw_list_init(&h->flying);
	bw_list_init(&h->ended);
	bw_list_init(&h->dead);
	bw_list_init(&h->sockets);
	bw_list_init(&h->dials);
	set_defaults(h, o);
	c = &h->client;
	r = setup(h, &mine, err);
	if (r < 0) {
		bw_kube_client_free(&c);
		return r;
	}
	*ret = c;
	return 0;
}
