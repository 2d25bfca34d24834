/* SPDX-License-Identifier: Apache-2.0 */
/* One request of the HTTP client: its handle's options, its body, what its answer means. */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <bw/err.h>
#include <bw/kube_status.h>

#include "http.h"
#include "rest.h"
#include "url.h"

#define NS_PER_MS 1000000LL
#define MS_PER_S 1000U
#define USER_TIMEOUT_MS 30000 /* tcp(7): sent data that is not acknowledged ends a connection */
#define KEEPIDLE_S 15L
#define KEEPINTVL_S 5L
#define BUFFER_SIZE 65536L
#define REFUSAL_MAX (256U << 10) /* bytes of a body that is no success */
#define WATCH_GRACE_MS 5000 /* a watch without bookmarks lives longer than it asked for */

static void count(const struct kube_transfer *t, int http)
{
	int64_t now = bw_loop_now_ns(t->http->loop);
	struct bw_kube_rest r = {
		.method = kube_url_method(t->verb),
		.host = t->http->host,
		.http = http,
		.wait_ns = (t->sent_ns ? t->sent_ns : now) - t->start_ns,
		.ns = t->sent_ns ? now - t->sent_ns : 0,
		.sent = t->send.size,
		.received = t->received,
		.watch = t->verb == BW_KUBE_WATCH,
	};

	bw_kube_rest_count(t->http->client.metrics, &r);
}

static void refusal(const struct kube_transfer *t, enum bw_kube_result result, const char *message)
{
	struct bw_kube_answer a = {
		.result = result, .reason = "", .message = message, .body = ""
	};

	count(t, 0);
	bw_kube_finish(t->call, &a);
}

void kube_transfer_refuse(struct kube_transfer *t)
{
	if (t->call)
		refusal(t, t->result, t->problem);
}

static enum kube_lane lane_of(const struct bw_kube_request *r)
{
	if (r->flags & BW_KUBE_F_URGENT)
		return KUBE_LANE_URGENT;
	if (r->verb == BW_KUBE_WATCH)
		return KUBE_LANE_FREE;
	return kube_url_is_write(r->verb) ? KUBE_LANE_WRITE : KUBE_LANE_READ;
}

/* Milliseconds a call may take; 0 = a watch that bookmarks keep alive. */
static int64_t limit_ms(const struct kube_http *h, const struct bw_kube_request *r)
{
	if (r->verb == BW_KUBE_WATCH)
		return (r->flags & BW_KUBE_F_BOOKMARKS) || !r->timeout_ms
			       ? 0
			       : (int64_t)r->timeout_ms + WATCH_GRACE_MS;
	if (r->timeout_ms)
		return r->timeout_ms;
	return r->verb == BW_KUBE_LIST ? h->o.list_ms : h->o.call_ms;
}

int kube_transfer_new(struct kube_http *h, const struct bw_kube_request *r,
		      struct kube_transfer **ret, struct bw_err *err)
{
	struct kube_transfer *t = calloc(1, sizeof(*t));
	bw_autobuf struct bw_buf url = { 0 };
	int64_t ms = limit_ms(h, r);
	int failed;

	if (!t)
		return bw_fail(err, ENOMEM, "prepare a request");
	bw_list_init(&t->node);
	t->http = h;
	t->verb = r->verb;
	t->flags = r->flags;
	t->lane = lane_of(r);
	t->accept = kube_url_accept(r);
	t->start_ns = bw_loop_now_ns(h->loop);
	t->deadline_ns = ms ? t->start_ns + ms * NS_PER_MS : 0;
	failed = bw_buf_append(&url, h->base, strlen(h->base)) < 0 || kube_url_build(r, &url) < 0;
	if (r->verb == BW_KUBE_DELETE)
		failed = failed || kube_url_delete_options(r, &t->send) < 0;
	else if (r->body)
		failed = failed || bw_buf_append(&t->send, r->body,
						 r->body_size ? r->body_size : strlen(r->body)) < 0;
	t->url = failed ? NULL : bw_buf_take(&url);
	if (!t->url) {
		kube_transfer_free(&t);
		return bw_fail(err, ENOMEM, "prepare a request");
	}
	*ret = t;
	return 0;
}

void kube_transfer_free(struct kube_transfer **t)
{
	struct kube_transfer *x = t ? *t : NULL;

	if (!x)
		return;
	*t = NULL;
	bw_list_del(&x->node);
	curl_easy_cleanup(x->easy);
	curl_slist_free_all(x->headers);
	bw_buf_done(&x->send);
	bw_buf_done(&x->body);
	free(x->url);
	free(x);
}

static long response_code(const struct kube_transfer *t)
{
	long code = 0;

	(void)curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &code); /* stays 0, ignoring */
	return code;
}

/* libcurl hands over a piece of the answer's body. */
static size_t on_body(char *data, size_t one, size_t size, void *arg)
{
	struct kube_transfer *t = arg;
	long code = response_code(t);
	int ok = code >= 200 && code <= 299;
	size_t max = ok ? BW_KUBE_BODY_MAX : REFUSAL_MAX;

	(void)one; /* is always 1 */
	t->received += size;
	if (!t->call)
		return CURL_WRITEFUNC_ERROR;
	if (ok && t->call->data) {
		t->data_error = t->call->data(data, size, t->call->arg);
		/* The call may have been cancelled by what it was told. */
		return t->data_error < 0 || !t->call ? CURL_WRITEFUNC_ERROR : size;
	}
	if (size > max - t->body.size)
		t->data_error = -EFBIG;
	else
		t->data_error = bw_buf_append(&t->body, data, size);
	return t->data_error < 0 ? CURL_WRITEFUNC_ERROR : size;
}

static size_t on_send(char *data, size_t one, size_t n, void *arg)
{
	struct kube_transfer *t = arg;
	size_t left = t->send.size - t->sent;
	size_t size = one * n < left ? one * n : left;

	memcpy(data, t->send.data + t->sent, size);
	t->sent += size;
	return size;
}

/* libcurl sends a body once more on another connection. */
static int on_seek(void *arg, curl_off_t offset, int origin)
{
	struct kube_transfer *t = arg;

	if (origin != SEEK_SET || offset < 0 || (size_t)offset > t->send.size)
		return CURL_SEEKFUNC_CANTSEEK;
	t->sent = (size_t)offset;
	return CURL_SEEKFUNC_OK;
}

static int on_socket(void *arg, curl_socket_t fd, curlsocktype purpose)
{
	unsigned int ms = USER_TIMEOUT_MS;

	(void)arg;
	(void)purpose;
	/* Without it a dead peer is found later, by a deadline, ignoring. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof(ms));
	return CURL_SOCKOPT_OK;
}

/* Collects whether any option was refused. */
struct setup {
	CURL *easy;
	CURLcode code;
};
#define set(s_, option_, value_)                                                                   \
	do {                                                                                       \
		if ((s_)->code == CURLE_OK)                                                        \
			(s_)->code = curl_easy_setopt((s_)->easy, (option_), (value_));            \
	} while (0)

static void set_blob(struct setup *s, CURLoption option, const struct bw_buf *b)
{
	struct curl_blob blob = { b->data, b->size, CURL_BLOB_COPY };

	set(s, option, &blob);
}

/* What every connection to the server has. */
static void set_connection(struct setup *s, const struct kube_http *h, char *problem)
{
	set(s, CURLOPT_ERRORBUFFER, problem);
	set(s, CURLOPT_NOSIGNAL, 1L);
	set(s, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	set(s, CURLOPT_PROTOCOLS_STR, "http,https");
	set(s, CURLOPT_TCP_KEEPALIVE, 1L);
	set(s, CURLOPT_TCP_KEEPIDLE, KEEPIDLE_S);
	set(s, CURLOPT_TCP_KEEPINTVL, KEEPINTVL_S);
	set(s, CURLOPT_SOCKOPTFUNCTION, on_socket);
	set(s, CURLOPT_CONNECTTIMEOUT_MS, (long)h->o.connect_ms);
	if (h->connect_to)
		set(s, CURLOPT_CONNECT_TO, h->connect_to);
	if (h->cred.config->proxy)
		set(s, CURLOPT_PROXY, h->cred.config->proxy);
}

static void set_transport(struct setup *s, struct kube_transfer *t)
{
	set_connection(s, t->http, t->problem);
	set(s, CURLOPT_URL, t->url);
	set(s, CURLOPT_PRIVATE, t);
	set(s, CURLOPT_FOLLOWLOCATION, 0L);
	set(s, CURLOPT_BUFFERSIZE, BUFFER_SIZE);
	set(s, CURLOPT_USERAGENT, t->http->agent);
	set(s, CURLOPT_WRITEFUNCTION, on_body);
	set(s, CURLOPT_WRITEDATA, t);
	/* The server compresses lists alone; watches must come at once. */
	if (t->verb == BW_KUBE_LIST)
		set(s, CURLOPT_ACCEPT_ENCODING, "gzip");
}

static void set_time(struct setup *s, const struct kube_transfer *t)
{
	int64_t left = t->deadline_ns - bw_loop_now_ns(t->http->loop);

	if (t->deadline_ns) {
		set(s, CURLOPT_TIMEOUT_MS, (long)(left > NS_PER_MS ? left / NS_PER_MS : 1));
		return;
	}
	set(s, CURLOPT_LOW_SPEED_LIMIT, 1L);
	set(s, CURLOPT_LOW_SPEED_TIME, (long)t->http->o.idle_s);
}

static void set_tls(struct setup *s, const struct kube_http *h, const struct kube_cred_view *cred)
{
	const struct bw_kube_config *k = h->cred.config;

	if (k->insecure) {
		set(s, CURLOPT_SSL_VERIFYPEER, 0L);
		set(s, CURLOPT_SSL_VERIFYHOST, 0L);
	} else if (k->ca.data.size) {
		set_blob(s, CURLOPT_CAINFO_BLOB, &k->ca.data);
		/* The machine's own authorities have nothing to say then. */
		set(s, CURLOPT_CAPATH, NULL);
	}
	if (cred->cert && cred->key) {
		set_blob(s, CURLOPT_SSLCERT_BLOB, &cred->cert->data);
		set_blob(s, CURLOPT_SSLKEY_BLOB, &cred->key->data);
	}
}

CURLcode kube_easy_connect_only(CURL *easy, const struct kube_http *h,
				const struct kube_cred_view *cred, char *problem)
{
	struct setup s = { .easy = easy, .code = CURLE_OK };

	set_connection(&s, h, problem);
	set(&s, CURLOPT_URL, h->base);
	set(&s, CURLOPT_CONNECT_ONLY, 1L);
	/* A proxy knows no more of it than where it goes, also for http. */
	set(&s, CURLOPT_HTTPPROXYTUNNEL, 1L);
	set_tls(&s, h, cred);
	return s.code;
}

static int header(struct kube_transfer *t, const char *name, const char *value)
{
	bw_autobuf struct bw_buf b = { 0 };
	struct curl_slist *more;

	if (bw_buf_printf(&b, "%s: %s", name, value) < 0)
		return -ENOMEM;
	more = curl_slist_append(t->headers, b.data);
	explicit_bzero(b.data, b.size);
	if (!more)
		return -ENOMEM;
	t->headers = more;
	return 0;
}

static int set_headers(struct setup *s, struct kube_transfer *t, const struct kube_cred_view *cred)
{
	const char *type = kube_url_content_type(t->verb);
	bw_autobuf struct bw_buf bearer = { 0 };
	struct curl_slist *more;

	curl_slist_free_all(t->headers);
	t->headers = NULL;
	if (header(t, "Accept", t->accept) < 0 || (type && header(t, "Content-Type", type) < 0))
		return -ENOMEM;
	/* Without a value: not sent. Else a body of more than 1 MiB waits a second. */
	more = curl_slist_append(t->headers, "Expect:");
	if (!more)
		return -ENOMEM;
	t->headers = more;
	if (!t->http->plain && cred->bearer) {
		int r = bw_buf_printf(&bearer, "Bearer %s", cred->bearer);

		if (r == 0)
			r = header(t, "Authorization", bearer.data);
		if (bearer.data)
			explicit_bzero(bearer.data, bearer.cap);
		if (r < 0)
			return -ENOMEM;
	} else if (!t->http->plain && cred->username) {
		set(s, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
		set(s, CURLOPT_USERNAME, cred->username);
		set(s, CURLOPT_PASSWORD, cred->password ? cred->password : "");
	}
	set(s, CURLOPT_HTTPHEADER, t->headers);
	return 0;
}

static void set_body(struct setup *s, struct kube_transfer *t)
{
	const char *method = kube_url_method(t->verb);

	if (!kube_url_is_write(t->verb))
		return;
	t->sent = 0;
	set(s, CURLOPT_POST, 1L);
	set(s, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)t->send.size);
	set(s, CURLOPT_READFUNCTION, on_send);
	set(s, CURLOPT_READDATA, t);
	set(s, CURLOPT_SEEKFUNCTION, on_seek);
	set(s, CURLOPT_SEEKDATA, t);
	if (strcmp(method, "POST") != 0)
		set(s, CURLOPT_CUSTOMREQUEST, method);
}

int kube_transfer_prepare(struct kube_transfer *t, const struct kube_cred_view *cred,
			  struct bw_err *err)
{
	struct setup s = { .code = CURLE_OK };

	if (!t->easy)
		t->easy = curl_easy_init();
	else
		curl_easy_reset(t->easy);
	if (!t->easy)
		return bw_fail(err, ENOMEM, "prepare a request");
	s.easy = t->easy;
	t->problem[0] = '\0';
	t->body.size = 0;
	t->received = 0;
	t->data_error = 0;
	t->generation = t->http->cred.generation;
	t->tries++;
	t->sent_ns = bw_loop_now_ns(t->http->loop);
	set_transport(&s, t);
	set_time(&s, t);
	set_tls(&s, t->http, cred);
	set_body(&s, t);
	if (set_headers(&s, t, cred) < 0 || s.code == CURLE_OUT_OF_MEMORY)
		return bw_fail(err, ENOMEM, "prepare a request");
	if (s.code != CURLE_OK)
		return bw_reject(err, BW_ERR_INTERNAL, EINVAL, "prepare a request: %s",
				 curl_easy_strerror(s.code));
	return 0;
}

/* The server's wish, of the header; libcurl reads seconds and dates. */
static unsigned int retry_after_ms(const struct kube_transfer *t)
{
	curl_off_t s = 0;

	(void)curl_easy_getinfo(t->easy, CURLINFO_RETRY_AFTER, &s); /* stays 0, ignoring */
	if (s <= 0)
		return 0;
	return s > BW_KUBE_RETRY_MAX_MS / MS_PER_S ? BW_KUBE_RETRY_MAX_MS
						   : (unsigned int)s * MS_PER_S;
}

/* libcurl gave up before the answer was whole. */
static enum bw_kube_result broken(const struct kube_transfer *t, CURLcode code, char *ret,
				  size_t cap)
{
	const char *why = t->problem[0] ? t->problem : curl_easy_strerror(code);
	long sent = 0;

	(void)curl_easy_getinfo(t->easy, CURLINFO_REQUEST_SIZE, &sent); /* stays 0, ignoring */
	if (t->data_error == -EFBIG)
		(void)snprintf(ret, cap, "the API server's answer is larger than %u bytes",
			       BW_KUBE_BODY_MAX); /* cut is fine, ignoring */
	else if (t->data_error < 0)
		(void)snprintf(ret, cap, "the API server's answer cannot be taken: %s",
			       strerror(-t->data_error)); /* likewise, ignoring */
	else
		(void)snprintf(ret, cap, "%s %s: %s", kube_url_method(t->verb), t->http->base,
			       why); /* likewise, ignoring */
	return sent > 0 ? BW_KUBE_UNKNOWN : BW_KUBE_REFUSED;
}

static void answer(struct kube_transfer *t, CURLcode code, long http)
{
	char text[BW_KUBE_MESSAGE_MAX + 1] = "";
	struct bw_kube_status s = { 0 };
	struct bw_kube_answer a = { .http = (int)http, .reason = "", .message = text, .body = "" };

	if (t->body.size) {
		a.body = t->body.data;
		a.body_size = t->body.size;
	}
	/* What a refusal's number says does not depend on whether its body came whole. */
	if (code != CURLE_OK && (http < 300 || http > 599)) {
		a.result = broken(t, code, text, sizeof(text));
		a.body = "";
		a.body_size = 0;
	} else {
		unsigned int ms = retry_after_ms(t);

		if (http > 299)
			(void)bw_kube_status_decode(a.body, a.body_size, &s); /* zeroes, ignoring */
		a.result = bw_kube_status_result((int)http, &s, ms);
		a.retry_ms = ms ? ms : s.retry_ms;
		a.reason = s.reason;
		if (s.message[0])
			a.message = s.message;
		else if (http > 299)
			(void)snprintf(text, sizeof(text), "the API server answered with HTTP %ld",
				       http); /* fits, ignoring */
	}
	bw_kube_finish(t->call, &a);
}

int kube_transfer_finish(struct kube_transfer *t, CURLcode code)
{
	struct kube_http *h = t->http;
	long http = response_code(t);

	if (!t->call)
		return 0;
	count(t, (int)http);
	if (http == 401 && t->tries == 1 && kube_cred_rejected(&h->cred, t->generation))
		return 1;
	answer(t, code, http);
	return 0;
}
