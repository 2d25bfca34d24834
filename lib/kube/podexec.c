/* SPDX-License-Identifier: Apache-2.0 */
/* A command in a container over a connection of the HTTP client: handshake, channels, end. */
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>

#include "dial.h"
#include "podexec.h"
#include "rest.h"
#include "ws.h"

#define NS_PER_MS 1000000LL
#define READ_CHUNK 65536U
#define READS_IN_A_ROW 16 /* before others get their turn */
#define SEND_CHUNK 32768U /* bytes of input in one message */
#define LINGER_MS 5000 /* the command has ended: so long may its output and the close take */
#define V5 "v5.channel.k8s.io"
#define V4 "v4.channel.k8s.io"

static const char *const protocols[] = { V5, V4, NULL };

struct podexec {
	struct kube_dial dial;
	struct kube_http *http;
	struct bw_kube_podexec *x; /* NULL = it is over: goes when nobody is inside */
	int busy;
	unsigned int flags;
	unsigned int timeout_ms;
	unsigned int tries;
	int64_t start_ns;
	struct bw_timer deadline;
	struct bw_defer again; /* there may be more to read */
	char *path;
	char *input;
	size_t input_size;
	int has_input;
	int input_ended;
	struct bw_buf send;
	size_t sent;
	int asked; /* the server may have heard of the command */
	int shaken;
	char key[KUBE_WS_KEY_LEN + 1];
	struct kube_ws_shake shake;
	struct kube_ws_reader reader;
	struct bw_buf out[2];
	size_t output_max;
	int cut;
	int has_end;
	struct kube_podexec_end end;
};

static void podexec_free(struct podexec *p)
{
	kube_dial_end(&p->dial);
	bw_timer_stop(&p->deadline);
	bw_defer_stop(&p->again);
	kube_ws_shake_done(&p->shake);
	kube_ws_reader_done(&p->reader);
	bw_buf_done(&p->send);
	bw_buf_done(&p->out[0]);
	bw_buf_done(&p->out[1]);
	free(p->path);
	free(p->input);
	free(p);
}

static void enter(struct podexec *p)
{
	p->busy++;
}

static void leave(struct podexec *p)
{
	if (--p->busy == 0 && !p->x)
		podexec_free(p);
}

/* Tells the call; it is over then. */
static void tell(struct podexec *p, struct bw_kube_podexec_answer *a)
{
	struct bw_kube_podexec *x = p->x;

	if (!x)
		return;
	a->reason = a->reason ? a->reason : "";
	a->out = p->out[0].size ? p->out[0].data : "";
	a->out_size = p->out[0].size;
	a->errout = p->out[1].size ? p->out[1].data : "";
	a->errout_size = p->out[1].size;
	a->cut = p->cut;
	kube_dial_end(&p->dial);
	p->x = NULL;
	x->client = NULL;
	x->impl = NULL;
	x->done(a, x->arg);
}

static void tell_failure(struct podexec *p, enum bw_kube_result result, const char *why)
{
	struct bw_kube_podexec_answer a = { .result = result, .exit_code = -1, .message = why };

	tell(p, &a);
}

/* The connection broke, or time ran out: what is known now counts. */
static void tell_broken(struct podexec *p, const char *why)
{
	tell_failure(p, p->asked ? BW_KUBE_UNKNOWN : BW_KUBE_REFUSED, why);
}

/* The connection has come to its end in order. */
static void tell_end(struct podexec *p)
{
	const struct bw_kube_status *s = &p->end.status;
	struct bw_kube_podexec_answer a = { .exit_code = p->end.exit_code,
					    .reason = s->reason,
					    .message = s->message };

	if (!p->has_end) {
		tell_broken(p, "the connection ended before the command's status came");
		return;
	}
	/* It was to run and could not, or nobody knows: with a number of the server's if it has
	 * one. */
	if (a.exit_code < 0) {
		a.result = bw_kube_status_result(s->code ? s->code : 500, s, 0);
		a.http = s->code;
	}
	tell(p, &a);
}

static int put_frame(struct podexec *p, enum kube_ws_opcode opcode, const void *data, size_t size)
{
	uint8_t mask[4];

	if (getrandom(mask, sizeof(mask), 0) != sizeof(mask))
		return -ENOMEM;
	return kube_ws_put(&p->send, opcode, mask, data, size);
}

static int put_message(struct podexec *p, unsigned int channel, const char *data, size_t size)
{
	bw_autobuf struct bw_buf b = { 0 };
	char first = (char)channel;

	if (bw_buf_append(&b, &first, 1) < 0 || bw_buf_append(&b, data, size) < 0)
		return -ENOMEM;
	return put_frame(p, KUBE_WS_BINARY, b.data, b.size);
}

/* Sends what waits. What breaks here shows when it is read, with what the server still says. */
static void flush(struct podexec *p)
{
	int waits = 0;

	if (!p->send.size)
		return;
	while (p->sent < p->send.size && !waits) {
		ssize_t n =
			kube_dial_send(&p->dial, p->send.data + p->sent, p->send.size - p->sent);

		if (n > 0)
			p->sent += (size_t)n;
		else
			waits = 1;
		p->asked |= n != -EAGAIN;
	}
	/* Who we are was in it. */
	explicit_bzero(p->send.data, p->sent);
	memmove(p->send.data, p->send.data + p->sent, p->send.size - p->sent);
	p->send.size -= p->sent;
	p->sent = 0;
	/* Without the descriptor nothing more comes: the deadline ends it, ignoring. */
	(void)kube_dial_watch(&p->dial, p->send.size ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

/* All that was given at the start. 0; -ENOMEM; -ENOTSUP. */
static int put_input(struct podexec *p)
{
	static const char end[] = { KUBE_PODEXEC_STDIN };
	int r = 0;

	for (size_t at = 0; r == 0 && at < p->input_size; at += SEND_CHUNK) {
		size_t left = p->input_size - at;

		r = put_message(p, KUBE_PODEXEC_STDIN, p->input + at,
				left < SEND_CHUNK ? left : SEND_CHUNK);
	}
	if (r < 0 || !p->has_input || (p->flags & BW_KUBE_PODEXEC_F_STDIN))
		return r;
	if (strcmp(p->shake.protocol, V5) != 0)
		return -ENOTSUP;
	p->input_ended = 1;
	return put_message(p, KUBE_PODEXEC_END, end, 1);
}

static void take_output(struct podexec *p, int fd, const char *data, size_t size)
{
	struct bw_buf *b = &p->out[fd - 1];
	size_t room = p->output_max - b->size;

	if (p->x->data) {
		if (size)
			p->x->data(fd, data, size, p->x->arg);
		return;
	}
	if (size > room || bw_buf_append(b, data, size) < 0) {
		p->cut = 1;
		(void)bw_buf_append(b, data, size < room ? size : room); /* it is cut, ignoring */
	}
}

static int take_message(struct podexec *p, const char *data, size_t size)
{
	int channel = size ? (uint8_t)data[0] : -1;

	if (channel == KUBE_PODEXEC_STDOUT || channel == KUBE_PODEXEC_STDERR)
		take_output(p, channel, data + 1, size - 1);
	/* Empty at the start: the server shows that it is there. */
	if (channel != KUBE_PODEXEC_STATUS || size == 1)
		return 0;
	if (kube_podexec_end(data + 1, size - 1, &p->end) < 0) {
		tell_broken(p, "the server's status of the command is none");
		return 0;
	}
	p->has_end = 1;
	/* A timer that is set moves: this cannot fail, ignoring. */
	(void)bw_timer_set(&p->deadline, bw_loop_now_ns(p->http->loop) + LINGER_MS * NS_PER_MS);
	return 0;
}

/* Return: 0; -ECANCELED the call is over. */
static int on_frame(enum kube_ws_opcode opcode, const char *data, size_t size, void *arg)
{
	struct podexec *p = arg;

	switch (opcode) {
	case KUBE_WS_BINARY:
		(void)take_message(p, data, size); /* always 0, ignoring */
		break;
	case KUBE_WS_PING:
		/* Without memory the server closes, ignoring. */
		(void)put_frame(p, KUBE_WS_PONG, data, size);
		break;
	case KUBE_WS_CLOSE:
		(void)put_frame(p, KUBE_WS_CLOSE, data, size < 2 ? 0 : 2); /* likewise, ignoring */
		flush(p);
		if (!p->has_end && kube_ws_close_code(data, size) != KUBE_WS_NORMAL && size > 2) {
			char text[KUBE_WS_CONTROL_MAX + 1];

			memcpy(text, data + 2, size - 2);
			text[size - 2] = '\0';
			tell_broken(p, text);
		} else {
			tell_end(p);
		}
		break;
	case KUBE_WS_TEXT:
		tell_broken(p, "the server answers in texts where bytes were agreed on");
		break;
	case KUBE_WS_PONG:
	case KUBE_WS_CONTINUATION:
		break;
	}
	return p->x ? 0 : -ECANCELED;
}

/* The server refuses. Once more with other credentials, if there are any. */
static void on_refusal(struct podexec *p)
{
	bw_autobuf struct bw_buf body = { 0 };
	struct bw_kube_podexec_answer a = { .exit_code = -1, .http = p->shake.http };
	struct bw_kube_status s = { 0 };
	char text[64];

	if (a.http == 401 && p->tries == 1 &&
	    kube_cred_rejected(&p->http->cred, p->dial.generation)) {
		kube_dial_end(&p->dial);
		kube_ws_shake_done(&p->shake);
		p->asked = 0;
		p->sent = p->send.size = 0;
		kube_dial_start(&p->dial);
		return;
	}
	if (kube_ws_shake_body(&p->shake, &body) == 0 && body.size)
		(void)bw_kube_status_decode(body.data, body.size, &s); /* zeroes, ignoring */
	a.result = bw_kube_status_result(a.http, &s, p->shake.retry_ms);
	/* A success that switches to nothing is none. */
	if (a.result == BW_KUBE_OK)
		a.result = BW_KUBE_UNKNOWN;
	a.retry_ms = p->shake.retry_ms ? p->shake.retry_ms : s.retry_ms;
	a.reason = s.reason;
	(void)snprintf(text, sizeof(text), "the API server answered with HTTP %d",
		       a.http); /* fits, ignoring */
	a.message = s.message[0] ? s.message : text;
	tell(p, &a);
}

/* Until the server has switched it is a request like others. */
static void count(const struct podexec *p)
{
	struct bw_kube_rest r = {
		.method = "GET",
		.host = p->http->host,
		.http = p->shake.http,
		.ns = bw_loop_now_ns(p->http->loop) - p->start_ns,
		.received = p->shake.text.size,
	};

	bw_kube_rest_count(p->http->client.metrics, &r);
}

static void on_shaken(struct podexec *p)
{
	int r;

	count(p);
	if (p->shake.http != 101) {
		on_refusal(p);
		return;
	}
	p->shaken = 1;
	r = put_input(p);
	if (r == -ENOTSUP)
		tell_broken(p, "the server speaks v4.channel.k8s.io alone, which cannot end a "
			       "command's standard input");
	else if (r < 0)
		tell_broken(p, "out of memory");
	else
		flush(p);
	if (p->x && p->x->writable && (p->flags & BW_KUBE_PODEXEC_F_STDIN))
		p->x->writable(p->x->arg);
}

static void take_bytes(struct podexec *p, const char *data, size_t size)
{
	struct bw_err err = { 0 };
	size_t used = 0;
	int r = 1;

	if (!p->shaken) {
		r = kube_ws_shake_feed(&p->shake, data, size, &used, &err);
		if (r > 0)
			on_shaken(p);
	}
	if (r > 0 && p->shaken && p->x)
		r = kube_ws_feed(&p->reader, data + used, size - used, &err);
	if (r < 0 && p->x) {
		if (p->shaken && p->dial.state == KUBE_DIAL_OPEN) {
			const uint16_t why = r == -EFBIG ? KUBE_WS_TOO_BIG : KUBE_WS_PROTOCOL_ERROR;
			const char code[2] = { (char)(why >> 8), (char)(why & 0xff) };

			/* A courtesy, ignoring. */
			(void)put_frame(p, KUBE_WS_CLOSE, code, sizeof(code));
			flush(p);
		}
		tell_broken(p, err.msg);
	}
}

static void read_some(struct podexec *p)
{
	bw_autofree char *data = malloc(READ_CHUNK);
	ssize_t n = 1;

	if (!data) {
		tell_broken(p, "out of memory");
		return;
	}
	for (int i = 0; i < READS_IN_A_ROW && p->x && p->dial.state == KUBE_DIAL_OPEN; i++) {
		n = kube_dial_recv(&p->dial, data, READ_CHUNK);
		if (n <= 0)
			break;
		take_bytes(p, data, (size_t)n);
	}
	if (!p->x || p->dial.state != KUBE_DIAL_OPEN || n == -EAGAIN)
		return;
	if (n > 0)
		/* What TLS has read already is told by no event. */
		bw_defer_call(&p->again);
	else if (!p->shaken && p->shake.head && p->shake.http != 101)
		on_refusal(p);
	else
		tell_end(p);
}

static void on_ready(uint32_t events, void *arg)
{
	struct podexec *p = arg;

	enter(p);
	if (events & EPOLLOUT) {
		flush(p);
		if (!p->send.size && p->shaken && p->x->writable &&
		    (p->flags & BW_KUBE_PODEXEC_F_STDIN))
			p->x->writable(p->x->arg);
	}
	if (p->x && p->dial.state == KUBE_DIAL_OPEN)
		read_some(p);
	if (p->x && p->dial.state == KUBE_DIAL_OPEN)
		flush(p);
	leave(p);
}

static void on_again(void *arg)
{
	on_ready(EPOLLIN, arg);
}

/* The API server's name and port, and a path before all others, of the URL. */
static void split_base(const char *base, const char **host, int *host_len, const char **prefix)
{
	const char *p = strstr(base, "://");

	*host = p ? p + 3 : base;
	*host_len = (int)strcspn(*host, "/");
	*prefix = *host + *host_len;
}

static int put_handshake(struct podexec *p)
{
	const char *host, *prefix;
	uint8_t random[16];
	int len;

	if (getrandom(random, sizeof(random), 0) != sizeof(random) ||
	    kube_ws_key(random, p->key) < 0)
		return -ENOMEM;
	split_base(p->http->base, &host, &len, &prefix);
	return bw_buf_printf(&p->send,
			     "GET %s%s HTTP/1.1\r\nHost: %.*s\r\nUser-Agent: %s\r\n"
			     "Accept: application/json, */*\r\nConnection: Upgrade\r\n"
			     "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
			     "Sec-WebSocket-Key: %s\r\n"
			     "Sec-WebSocket-Protocol: " V5 ", " V4 "\r\n%s\r\n",
			     prefix, p->path, len, host, p->http->agent, p->key,
			     p->dial.auth.size ? p->dial.auth.data : "");
}

static void on_opened(void *arg)
{
	struct podexec *p = arg;

	enter(p);
	p->tries++;
	p->shake = (struct kube_ws_shake){ .key = p->key, .protocols = protocols };
	if (put_handshake(p) < 0)
		tell_broken(p, "out of memory");
	else
		flush(p);
	leave(p);
}

static void on_failed(enum bw_kube_result result, const char *why, void *arg)
{
	struct podexec *p = arg;

	enter(p);
	tell_failure(p, result, why);
	leave(p);
}

static void on_deadline(void *arg)
{
	struct podexec *p = arg;
	char text[64];

	enter(p);
	(void)snprintf(text, sizeof(text), "the command has not ended within %u ms",
		       p->timeout_ms); /* fits, ignoring */
	if (p->has_end)
		tell_end(p);
	else
		tell_broken(p, text);
	leave(p);
}

static int fill(struct podexec *p, const struct bw_kube_podexec_request *r, struct bw_err *err)
{
	bw_autobuf struct bw_buf path = { 0 };
	int e = kube_podexec_path(r, &path, err);

	if (e < 0)
		return e;
	p->path = bw_buf_take(&path);
	p->flags = r->flags;
	p->timeout_ms = r->timeout_ms ? r->timeout_ms : BW_KUBE_PODEXEC_MS;
	p->output_max = r->output_max ? r->output_max : BW_KUBE_PODEXEC_OUTPUT;
	p->has_input = r->input != NULL;
	p->input_size = r->input ? r->input_size : 0;
	p->input = malloc(p->input_size + 1);
	if (!p->path || !p->input ||
	    bw_timer_set(&p->deadline, p->start_ns + p->timeout_ms * NS_PER_MS) < 0)
		return bw_fail(err, ENOMEM, "prepare a command in a container");
	if (r->input && p->input_size)
		memcpy(p->input, r->input, p->input_size);
	return 0;
}

int kube_http_podexec_start(struct bw_kube_client *c, const struct bw_kube_podexec_request *r,
			    struct bw_kube_podexec *x, struct bw_err *err)
{
	struct kube_http *h = BW_CONTAINER_OF(c, struct kube_http, client);
	struct podexec *p = calloc(1, sizeof(*p));
	int e;

	if (!p)
		return bw_fail(err, ENOMEM, "prepare a command in a container");
	p->http = h;
	p->start_ns = bw_loop_now_ns(h->loop);
	p->reader.frame = on_frame;
	p->reader.arg = p;
	bw_timer_init(&p->deadline, h->loop, on_deadline, p);
	bw_defer_init(&p->again, h->loop, on_again, p);
	kube_dial_init(&p->dial, h, p);
	p->dial.opened = on_opened;
	p->dial.failed = on_failed;
	p->dial.ready = on_ready;
	e = fill(p, r, err);
	if (e < 0) {
		podexec_free(p);
		return e;
	}
	p->x = x;
	x->impl = p;
	kube_dial_start(&p->dial);
	return 0;
}

void kube_http_podexec_cancel(struct bw_kube_podexec *x)
{
	struct podexec *p = x->impl;

	p->x = NULL;
	if (!p->busy)
		podexec_free(p);
}

int kube_http_podexec_put(struct bw_kube_podexec *x, int channel, const void *data, size_t size,
			  int end)
{
	struct podexec *p = x->impl;
	const char which = (char)channel;
	const char *at = data;
	int r = 0;

	if (channel == KUBE_PODEXEC_STDIN &&
	    (p->input_ended || !(p->flags & BW_KUBE_PODEXEC_F_STDIN)))
		return -EPIPE;
	if (!p->shaken || size > BW_KUBE_PODEXEC_INPUT_MAX ||
	    (size && p->send.size - p->sent > BW_KUBE_PODEXEC_INPUT_MAX - size))
		return -EAGAIN;
	if (end && strcmp(p->shake.protocol, V5) != 0)
		return -ENOTSUP;
	for (size_t done = 0; r == 0 && done < size; done += SEND_CHUNK)
		r = put_message(p, (unsigned int)channel, at + done,
				size - done < SEND_CHUNK ? size - done : SEND_CHUNK);
	if (r == 0 && end) {
		r = put_message(p, KUBE_PODEXEC_END, &which, 1);
		p->input_ended |= r == 0;
	}
	flush(p);
	return r;
}
