/* SPDX-License-Identifier: Apache-2.0 */
/* The handshake of RFC 6455, section 4: what the server's answer must say, and what a refusal is.
 */
#include <ctype.h>
#include <string.h>

#include <bw/err.h>
#include <bw/kube_base64.h>

#include "sha1.h"
#include "ws.h"

#define GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11" /* RFC 6455, 1.3 */
#define SWITCHING 101
#define RETRY_MAX_S 600

/* What the head says; NULL = nothing. Ends of lines are NUL by then. */
struct head {
	const char *upgrade;
	const char *connection;
	const char *accept;
	const char *protocol;
	const char *extensions;
	const char *length;
	const char *encoding;
	const char *retry;
};

void kube_ws_shake_done(struct kube_ws_shake *s)
{
	bw_buf_done(&s->text);
}

int kube_ws_key(const uint8_t random[16], char ret[KUBE_WS_KEY_LEN + 1])
{
	bw_autobuf struct bw_buf b = { 0 };

	if (bw_kube_base64_encode(random, 16, &b) < 0)
		return -ENOMEM;
	memcpy(ret, b.data, KUBE_WS_KEY_LEN + 1);
	return 0;
}

int kube_ws_accept(const char *key, struct bw_buf *b)
{
	bw_autobuf struct bw_buf text = { 0 };
	uint8_t digest[KUBE_SHA1_SIZE];

	if (bw_buf_printf(&text, "%s" GUID, key) < 0)
		return -ENOMEM;
	kube_sha1(text.data, text.size, digest);
	return bw_kube_base64_encode(digest, sizeof(digest), b);
}

static int broken(struct bw_err *err, const char *why)
{
	return bw_reject(err, BW_ERR_DECODE, EBADMSG, "the server's answer to a WebSocket: %s",
			 why);
}

/* Whether a list of words parted by commas has @word; case does not count. */
static int has_word(const char *list, const char *word)
{
	size_t len = strlen(word);

	while (list && *list) {
		size_t n;

		list += strspn(list, " \t,");
		n = strcspn(list, " \t,");
		if (n == len && strncasecmp(list, word, n) == 0)
			return 1;
		list += n;
	}
	return 0;
}

/* A number of at most 9 digits; -1 = it is none. */
static int64_t number(const char *s)
{
	int64_t n = 0;
	size_t i = 0;

	for (; i < 10 && isdigit((unsigned char)s[i]); i++)
		n = n * 10 + (s[i] - '0');
	return i && i < 10 && !s[i] ? n : -1;
}

static int take_header(struct head *h, char *line, struct bw_err *err)
{
	const struct {
		const char *name;
		const char **value;
	} known[] = {
		{ "Upgrade", &h->upgrade },
		{ "Connection", &h->connection },
		{ "Sec-WebSocket-Accept", &h->accept },
		{ "Sec-WebSocket-Protocol", &h->protocol },
		{ "Sec-WebSocket-Extensions", &h->extensions },
		{ "Content-Length", &h->length },
		{ "Transfer-Encoding", &h->encoding },
		{ "Retry-After", &h->retry },
	};
	char *value = strchr(line, ':');
	size_t len;

	if (!value || value == line)
		return broken(err, "a line without a name");
	*value++ = '\0';
	value += strspn(value, " \t");
	len = strlen(value);
	while (len && strchr(" \t\r", value[len - 1]))
		value[--len] = '\0';
	for (size_t i = 0; i < BW_ARRAY_SIZE(known); i++) {
		if (strcasecmp(line, known[i].name) != 0)
			continue;
		if (*known[i].value && strcmp(*known[i].value, value) != 0)
			return broken(err, "a header twice");
		*known[i].value = value;
	}
	return 0;
}

static int check_accepted(struct kube_ws_shake *s, const struct head *h, struct bw_err *err)
{
	bw_autobuf struct bw_buf accept = { 0 };

	if (!has_word(h->upgrade, "websocket") || !has_word(h->connection, "upgrade"))
		return broken(err, "it switches to something else");
	if (kube_ws_accept(s->key, &accept) < 0)
		return bw_fail(err, ENOMEM, "check a WebSocket's key");
	if (!h->accept || strcmp(h->accept, accept.data) != 0)
		return broken(err, "it answers another key");
	if (h->extensions && *h->extensions)
		return broken(err, "it uses an extension that was not offered");
	for (size_t i = 0; h->protocol && s->protocols[i]; i++)
		if (strcmp(h->protocol, s->protocols[i]) == 0)
			s->protocol = s->protocols[i];
	return s->protocol ? 0 : broken(err, "it takes none of the protocols that were offered");
}

static int read_status(struct kube_ws_shake *s, const char *line, struct bw_err *err)
{
	size_t len = strlen(line);

	if (len < 12 || strncmp(line, "HTTP/1.1 ", 9) != 0 || !isdigit((unsigned char)line[9]) ||
	    !isdigit((unsigned char)line[10]) || !isdigit((unsigned char)line[11]) ||
	    (line[12] && line[12] != ' ' && line[12] != '\r'))
		return broken(err, "it is no HTTP/1.1");
	s->http = (line[9] - '0') * 100 + (line[10] - '0') * 10 + (line[11] - '0');
	return s->http < 100 || s->http > 599 ? broken(err, "it is no HTTP/1.1") : 0;
}

static int read_head(struct kube_ws_shake *s, struct bw_err *err)
{
	bw_autofree char *head = strndup(s->text.data, s->head);
	struct head h = { 0 };
	char *line = head;
	char *next;
	int64_t retry;
	int r = 0;

	if (!head)
		return bw_fail(err, ENOMEM, "read a WebSocket's answer");
	if (strlen(head) != s->head)
		return broken(err, "a NUL in its head");
	for (size_t i = 0; r == 0 && line && *line; i++, line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		if (i == 0)
			r = read_status(s, line, err);
		else if (*line && strcmp(line, "\r") != 0)
			r = take_header(&h, line, err);
	}
	if (r < 0)
		return r;
	if (s->http == SWITCHING)
		return check_accepted(s, &h, err);
	retry = h.retry ? number(h.retry) : 0;
	s->retry_ms =
		retry > 0 ? (unsigned int)(retry < RETRY_MAX_S ? retry : RETRY_MAX_S) * 1000 : 0;
	s->chunked = has_word(h.encoding, "chunked");
	s->length = h.length ? number(h.length) : -1;
	return s->http < 200 ? broken(err, "it only announces another one") : 0;
}

/*
 * Takes chunks apart: their data is appended to @b when there is one. Return: 1 the last was there;
 * 0 more is to come, or what is there is none; -ENOMEM.
 */
static int unchunk(const char *p, size_t size, struct bw_buf *b)
{
	for (;;) {
		const char *nl = memchr(p, '\n', size);
		uint64_t n = 0;
		size_t used = nl ? (size_t)(nl - p) + 1 : 0;

		if (!nl || !isxdigit((unsigned char)*p))
			return 0;
		for (const char *c = p; isxdigit((unsigned char)*c) && n <= KUBE_WS_REFUSAL_MAX;
		     c++)
			n = n * 16 + (unsigned int)(isdigit((unsigned char)*c)
							    ? *c - '0'
							    : (*c | 0x20) - 'a' + 10);
		if (!n)
			return 1;
		p += used;
		size -= used;
		if (b && bw_buf_append(b, p, n < size ? (size_t)n : size) < 0)
			return -ENOMEM;
		if (size < n + 2)
			return 0;
		p += n + 2;
		size -= n + 2;
	}
}

static int is_whole(const struct kube_ws_shake *s)
{
	size_t have = s->text.size - s->head;

	if (s->http == SWITCHING || have >= KUBE_WS_REFUSAL_MAX)
		return 1;
	if (s->chunked)
		return unchunk(s->text.data + s->head, have, NULL);
	return s->length >= 0 && have >= (uint64_t)s->length;
}

/* Takes bytes up to the empty line. Return: 1 it is there; 0; -errno. */
static int feed_head(struct kube_ws_shake *s, const char *data, size_t size, size_t *ret_used,
		     struct bw_err *err)
{
	size_t had = s->text.size;
	size_t from = had > 3 ? had - 3 : 0;
	const char *end;

	if (bw_buf_append(&s->text, data, size) < 0)
		return bw_fail(err, ENOMEM, "keep a WebSocket's answer");
	end = memmem(s->text.data + from, s->text.size - from, "\r\n\r\n", 4);
	if (end && (size_t)(end - s->text.data) <= KUBE_WS_HEAD_MAX) {
		s->head = (size_t)(end - s->text.data) + 4;
		s->text.size = s->head;
		*ret_used = s->head - had;
		return 1;
	}
	*ret_used = size;
	return s->text.size > KUBE_WS_HEAD_MAX
		       ? bw_reject(err, BW_ERR_DECODE, EFBIG,
				   "the server's answer to a WebSocket has no end")
		       : 0;
}

int kube_ws_shake_feed(struct kube_ws_shake *s, const char *data, size_t size, size_t *ret_used,
		       struct bw_err *err)
{
	size_t used = 0, room;
	int r;

	if (!s->head) {
		r = feed_head(s, data, size, &used, err);
		if (r > 0) {
			r = read_head(s, err);
			r = r < 0 ? r : 1;
		}
		if (r <= 0) {
			*ret_used = used;
			return r;
		}
	}
	*ret_used = size;
	if (s->http == SWITCHING) {
		*ret_used = used;
		return 1;
	}
	room = KUBE_WS_REFUSAL_MAX - (s->text.size - s->head);
	if (bw_buf_append(&s->text, data + used, size - used < room ? size - used : room) < 0)
		return bw_fail(err, ENOMEM, "keep a WebSocket's answer");
	return is_whole(s);
}

int kube_ws_shake_body(const struct kube_ws_shake *s, struct bw_buf *b)
{
	const char *body = s->text.data + s->head;
	size_t size = s->text.size - s->head;
	int r;

	if (!s->head)
		return 0;
	if (!s->chunked)
		return bw_buf_append(
			b, body,
			s->length >= 0 && (uint64_t)s->length < size ? (size_t)s->length : size);
	r = unchunk(body, size, b);
	return r < 0 ? r : 0;
}
