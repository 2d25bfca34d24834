/* SPDX-License-Identifier: Apache-2.0 */
/* WebSocket without a connection: the handshake, frames, and everything a server must not do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <bw/err.h>

#include "podexec.h"
#include "sha1.h"
#include "ws.h"

#include "failalloc.h"

static void sha1_is_that_of_the_standard(void **state)
{
	/* FIPS 180-4's examples, and lengths around a block's border against coreutils. */
	static const struct {
		size_t n; /* that many 'a' */
		const char *hex;
	} cases[] = {
		{ 0, "da39a3ee5e6b4b0d3255bfef95601890afd80709" },
		{ 1, "86f7e437faa5a7fce15d1ddcb9eaeaea377667b8" },
		{ 55, "c1c8bbdc22796e28c0e15163d20899b65621d65a" },
		{ 56, "c2db330f6083854c99d4b5bfb6e8f29f201be699" },
		{ 63, "03f09f5b158a7a8cdad920bddc29b81c18a551f5" },
		{ 64, "0098ba824b5c16427bd7a1122a5a442a25ec644d" },
		{ 1000000, "34aa973cd4c4daa4f61eeb2bdbad27316534016f" },
	};
	static char text[1000000];

	(void)state;
	memset(text, 'a', sizeof(text));
	for (size_t i = 0; i < BW_ARRAY_SIZE(cases); i++) {
		uint8_t digest[KUBE_SHA1_SIZE];
		char hex[2 * KUBE_SHA1_SIZE + 1];

		kube_sha1(text, cases[i].n, digest);
		for (size_t k = 0; k < sizeof(digest); k++)
			(void)snprintf(hex + 2 * k, 3, "%02x", digest[k]);
		assert_string_equal(hex, cases[i].hex);
	}
}

/* RFC 6455, 1.3. */
static const char key[] = "dGhlIHNhbXBsZSBub25jZQ==";
#define ACCEPT "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
#define SWITCH "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
static const char *const protocols[] = { "v5.channel.k8s.io", "v4.channel.k8s.io", NULL };

static int shake(struct kube_ws_shake *s, const char *text, size_t piece, size_t *used,
		 struct bw_err *err)
{
	size_t size = strlen(text);
	int r = 0;

	*s = (struct kube_ws_shake){ .key = key, .protocols = protocols };
	*used = 0;
	while (r == 0 && *used < size) {
		size_t n = size - *used < piece ? size - *used : piece;

		r = kube_ws_shake_feed(s, text + *used, n, &n, err);
		*used += n;
	}
	return r;
}

static void handshake_is_accepted_in_pieces_of_any_size(void **state)
{
	static const char text[] = SWITCH ACCEPT
		"sec-websocket-PROTOCOL:v4.channel.k8s.io \r\nX-Other: a: b\r\n\r\nFRAMES";

	(void)state;
	for (size_t piece = 1; piece < sizeof(text); piece++) {
		struct kube_ws_shake s;
		size_t used;

		assert_int_equal(shake(&s, text, piece, &used, NULL), 1);
		assert_int_equal(s.http, 101);
		assert_string_equal(s.protocol, "v4.channel.k8s.io");
		/* What follows is not the handshake's. */
		assert_string_equal(text + used, "FRAMES");
		kube_ws_shake_done(&s);
	}
}

static void wrong_handshake_is_named(void **state)
{
	static const struct {
		const char *text;
		const char *says;
	} cases[] = {
		{ SWITCH "Sec-WebSocket-Accept: AAAA\r\n\r\n", "it answers another key" },
		{ SWITCH "\r\n", "it answers another key" },
		{ SWITCH ACCEPT "\r\n", "it takes none of the protocols that were offered" },
		{ SWITCH ACCEPT "Sec-WebSocket-Protocol: v3.channel.k8s.io\r\n\r\n",
		  "it takes none of the protocols that were offered" },
		{ SWITCH ACCEPT "Sec-WebSocket-Protocol: v5.channel.k8s.io\r\n"
				"Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n",
		  "it uses an extension that was not offered" },
		{ SWITCH ACCEPT "Sec-WebSocket-Protocol: v5.channel.k8s.io\r\n"
				"Sec-WebSocket-Protocol: v4.channel.k8s.io\r\n\r\n",
		  "a header twice" },
		{ "HTTP/1.1 101 OK\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n" ACCEPT "\r\n",
		  "it switches to something else" },
		{ "HTTP/1.1 101 OK\r\nUpgrade: websocket\r\nConnection: close\r\n" ACCEPT "\r\n",
		  "it switches to something else" },
		{ "HTTP/1.0 101 OK\r\n\r\n", "it is no HTTP/1.1" },
		{ "HTTP/1.1 1O1 OK\r\n\r\n", "it is no HTTP/1.1" },
		{ "HTTP/1.1 999 OK\r\n\r\n", "it is no HTTP/1.1" },
		{ "SSH-2.0-x\r\n\r\n", "it is no HTTP/1.1" },
		{ "HTTP/1.1 100 Continue\r\n\r\n", "it only announces another one" },
		{ SWITCH "nocolon\r\n\r\n", "a line without a name" },
	};

	(void)state;
	for (size_t i = 0; i < BW_ARRAY_SIZE(cases); i++) {
		struct kube_ws_shake s;
		struct bw_err err = { 0 };
		char text[256];
		size_t used;

		assert_int_equal(shake(&s, cases[i].text, 4096, &used, &err), -EBADMSG);
		(void)snprintf(text, sizeof(text), "the server's answer to a WebSocket: %s",
			       cases[i].says);
		assert_string_equal(err.msg, text);
		kube_ws_shake_done(&s);
	}
}

static void refusal_has_its_body(void **state)
{
	static const struct {
		const char *text;
		int r;
		int http;
		unsigned int retry_ms;
		const char *body;
	} cases[] = {
		{ "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nbody", 1, 404, 0, "body" },
		{ "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nbo", 0, 404, 0, "bo" },
		{ "HTTP/1.1 429 Slow\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n", 1, 429, 7000,
		  "" },
		{ "HTTP/1.1 429 Slow\r\nRetry-After: 9999\r\nContent-Length: 0\r\n\r\n", 1, 429,
		  600000, "" },
		{ "HTTP/1.1 403 No\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nbod\r\n1;x=y\r\ny\r\n0\r\n\r\n",
		  1, 403, 0, "body" },
		{ "HTTP/1.1 403 No\r\nTransfer-Encoding: chunked\r\n\r\nA\r\nbod", 0, 403, 0,
		  "bod" },
		{ "HTTP/1.1 500 Oops\r\n\r\nuntil the end", 0, 500, 0, "until the end" },
		{ "HTTP/1.1 500 Oops\r\nContent-Length: x\r\n\r\nuntil", 0, 500, 0, "until" },
	};

	(void)state;
	for (size_t i = 0; i < BW_ARRAY_SIZE(cases); i++) {
		bw_autobuf struct bw_buf body = { 0 };
		struct kube_ws_shake s;
		size_t used;

		assert_int_equal(shake(&s, cases[i].text, 3, &used, NULL), cases[i].r);
		assert_int_equal(s.http, cases[i].http);
		assert_int_equal(s.retry_ms, cases[i].retry_ms);
		assert_int_equal(kube_ws_shake_body(&s, &body), 0);
		assert_string_equal(body.size ? body.data : "", cases[i].body);
		kube_ws_shake_done(&s);
	}
}

static void head_and_body_are_bounded(void **state)
{
	static char text[2 * KUBE_WS_REFUSAL_MAX];
	struct kube_ws_shake s = { .key = key, .protocols = protocols };
	bw_autobuf struct bw_buf body = { 0 };
	size_t used;

	(void)state;
	memset(text, 'x', sizeof(text));
	assert_int_equal(kube_ws_shake_feed(&s, text, sizeof(text), &used, NULL), -EFBIG);
	kube_ws_shake_done(&s);
	s = (struct kube_ws_shake){ .key = key, .protocols = protocols };
	memcpy(text, "HTTP/1.1 500 x\r\n\r\n", 18);
	assert_int_equal(kube_ws_shake_feed(&s, text, sizeof(text), &used, NULL), 1);
	assert_int_equal(kube_ws_shake_body(&s, &body), 0);
	assert_int_equal(body.size, KUBE_WS_REFUSAL_MAX);
	kube_ws_shake_done(&s);
}

/* What came, as text: opcode and size, and the data when it is short. */
static int note(enum kube_ws_opcode opcode, const char *data, size_t size, void *arg)
{
	struct bw_buf *b = arg;

	return bw_buf_printf(b, "%x:%zu:%.*s|", (unsigned int)opcode, size,
			     size < 64 ? (int)size : 0, data);
}

static int feed(const char *data, size_t size, size_t piece, struct bw_buf *seen,
		struct bw_err *err)
{
	struct kube_ws_reader r = { .frame = note, .arg = seen };
	int e = 0;

	for (size_t i = 0; e == 0 && i < size; i += piece)
		e = kube_ws_feed(&r, data + i, size - i < piece ? size - i : piece, err);
	kube_ws_reader_done(&r);
	return e;
}

static void frames_become_messages_however_they_are_cut(void **state)
{
	/* A message in three fragments with a ping between, a short one, an empty one, a close. */
	static const char text[] = "\x02\x02"
				   "ab\x89\x01p\x00\x00\x80\x01"
				   "c\x82\x01x\x81\x00\x8a\x00\x88\x04\x03\xe8ok\x82\x01z";

	(void)state;
	for (size_t piece = 1; piece < sizeof(text); piece++) {
		bw_autobuf struct bw_buf seen = { 0 };

		assert_int_equal(feed(text, sizeof(text) - 1, piece, &seen, NULL), 0);
		/* Nothing is heard behind a close. */
		assert_string_equal(seen.data, "9:1:p|2:3:abc|2:1:x|1:0:|a:0:|8:4:\x03\xe8ok|");
	}
	assert_int_equal(kube_ws_close_code("\x03\xe8ok", 4), 1000);
	assert_int_equal(kube_ws_close_code("", 0), 1005);
}

#define F(s) s, sizeof(s) - 1
static void what_a_server_must_not_do_is_named(void **state)
{
	static const struct {
		const char *text;
		size_t size;
		int r;
		const char *says;
	} cases[] = {
		{ F("\xc2\x00"), -EBADMSG, "reserved bits are set" },
		{ F("\x82\x81"), -EBADMSG, "a masked frame" },
		{ F("\x83\x00"), -EBADMSG, "unknown kind of frame" },
		{ F("\x8f\x00"), -EBADMSG, "unknown kind of frame" },
		{ F("\x80\x00"), -EBADMSG, "nothing to continue" },
		{ F("\x02\x00\x82\x00"), -EBADMSG, "a message inside another one" },
		{ F("\x09\x00"), -EBADMSG, "a control frame that is long or in pieces" },
		{ F("\x89\x7e\x00\x7e"), -EBADMSG, "a control frame that is long or in pieces" },
		{ F("\x88\x01x"), -EBADMSG, "half a reason to close" },
		{ F("\x82\x7e\x00\x7d"), -EBADMSG, "a length that is not the shortest" },
		{ F("\x82\x7f\0\0\0\0\0\0\xff\xff"), -EBADMSG,
		  "a length that is not the shortest" },
		{ F("\x82\x7f\0\0\0\0\x01\0\0\x01"), -EFBIG, NULL },
		{ F("\x82\x7f\xff\xff\xff\xff\xff\xff\xff\xff"), -EFBIG, NULL },
		{ F("\x02\x01x\x80\x7f\0\0\0\0\x01\0\0\0"), -EFBIG, NULL },
	};

	(void)state;
	for (size_t i = 0; i < BW_ARRAY_SIZE(cases); i++) {
		bw_autobuf struct bw_buf seen = { 0 };
		struct bw_err err = { 0 };
		char text[256];

		assert_int_equal(feed(cases[i].text, cases[i].size, 1, &seen, &err), cases[i].r);
		(void)snprintf(text, sizeof(text), "the server breaks the WebSocket: %s",
			       cases[i].says ? cases[i].says : "");
		assert_string_equal(
			err.msg, cases[i].says ? text
					       : "the server sends a message of more than 16777216 "
						 "bytes");
	}
}

/* What we send, read as a server would. */
static void our_frames_are_masked_and_shortest(void **state)
{
	static const size_t sizes[] = { 0, 1, 125, 126, 65535, 65536, 70000 };
	static const size_t heads[] = { 2, 2, 2, 4, 4, 10, 10 };
	static const uint8_t mask[4] = { 1, 2, 3, 0xff };
	static char data[70000];

	(void)state;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (char)(i * 7);
	for (size_t i = 0; i < BW_ARRAY_SIZE(sizes); i++) {
		bw_autobuf struct bw_buf b = { 0 };
		uint64_t n = 0;

		assert_int_equal(kube_ws_put(&b, KUBE_WS_BINARY, mask, data, sizes[i]), 0);
		assert_int_equal(b.size, heads[i] + 4 + sizes[i]);
		assert_int_equal((uint8_t)b.data[0], 0x82);
		assert_true((uint8_t)b.data[1] & 0x80);
		for (size_t k = 2; k < heads[i]; k++)
			n = n << 8 | (uint8_t)b.data[k];
		assert_int_equal(heads[i] == 2 ? (uint8_t)b.data[1] & 0x7f : n, sizes[i]);
		assert_memory_equal(b.data + heads[i], mask, 4);
		for (size_t k = 0; k < sizes[i]; k++)
			if ((char)((uint8_t)b.data[heads[i] + 4 + k] ^ mask[k % 4]) != data[k])
				fail_msg("byte %zu of %zu", k, sizes[i]);
	}
}

static void path_names_pod_and_command(void **state)
{
	static const char *const argv[] = { "sh", "-c", "a b&c=\xc3\xa4/", NULL };
	static const char *const none[] = { NULL };
	const char *many[BW_KUBE_PODEXEC_ARGS_MAX + 2];
	struct bw_kube_podexec_request r = { .namespace = "db", .pod = "redis-0", .argv = argv };
	bw_autobuf struct bw_buf b = { 0 };

	(void)state;
	assert_int_equal(kube_podexec_path(&r, &b, NULL), 0);
	assert_string_equal(b.data,
			    "/api/v1/namespaces/db/pods/redis-0/exec?stdout=true&stderr=true&"
			    "stdin=false&tty=false&command=sh&command=-c&command=a%20b%26c%3D"
			    "%C3%A4%2F");
	b.size = 0;
	r.container = "main";
	r.flags = BW_KUBE_PODEXEC_F_TTY | BW_KUBE_PODEXEC_F_STDIN;
	assert_int_equal(kube_podexec_path(&r, &b, NULL), 0);
	assert_non_null(
		strstr(b.data, "stdout=true&stderr=false&stdin=true&tty=true&container=main&"));
	r.pod = "a/b";
	assert_int_equal(kube_podexec_path(&r, &b, NULL), -EINVAL);
	r.pod = "..";
	assert_int_equal(kube_podexec_path(&r, &b, NULL), -EINVAL);
	r.pod = "p";
	r.namespace = NULL;
	assert_int_equal(kube_podexec_path(&r, &b, NULL), -EINVAL);
	r.namespace = "n";
	r.argv = none;
	assert_int_equal(kube_podexec_path(&r, &b, NULL), -EINVAL);
	for (size_t i = 0; i < BW_ARRAY_SIZE(many); i++)
		many[i] = "x";
	many[BW_KUBE_PODEXEC_ARGS_MAX + 1] = NULL;
	r.argv = many;
	assert_int_equal(kube_podexec_path(&r, &b, NULL), -EINVAL);
	many[BW_KUBE_PODEXEC_ARGS_MAX] = NULL;
	assert_int_equal(kube_podexec_path(&r, &b, NULL), 0);
}

static void status_of_a_command_is_read(void **state)
{
	static const struct {
		const char *text;
		int r;
		int code;
	} cases[] = {
		{ "{\"metadata\":{},\"status\":\"Success\"}", 0, 0 },
		{ "{\"status\":\"Failure\",\"reason\":\"NonZeroExitCode\",\"details\":{\"causes\":[{"
		  "\"reason\":\"ExitCode\",\"message\":\"137\"}]}}",
		  0, 137 },
		{ "{\"status\":\"Failure\",\"details\":{\"causes\":[{\"reason\":\"Other\"},{\"reason\":"
		  "\"ExitCode\",\"message\":\"3\"}]}}",
		  0, 3 },
		{ "{\"status\":\"Failure\",\"details\":{\"causes\":[{\"reason\":\"ExitCode\",\"message\":"
		  "\"256\"}]}}",
		  0, -1 },
		{ "{\"status\":\"Failure\",\"details\":{\"causes\":[{\"reason\":\"ExitCode\",\"message\":"
		  "7}]}}",
		  0, -1 },
		{ "{\"status\":\"Failure\",\"message\":\"no such file\"}", 0, -1 },
		{ "{\"status\":\"Other\"}", -EBADMSG, -1 },
		{ "{\"status\":1}", -EBADMSG, -1 },
		{ "{}", -EBADMSG, -1 },
		{ "", -EBADMSG, -1 },
	};

	(void)state;
	for (size_t i = 0; i < BW_ARRAY_SIZE(cases); i++) {
		struct kube_podexec_end end;

		assert_int_equal(kube_podexec_end(cases[i].text, strlen(cases[i].text), &end),
				 cases[i].r);
		assert_int_equal(end.exit_code, cases[i].code);
	}
}

static int all_of_it(void)
{
	static const char text[] =
		SWITCH ACCEPT "Sec-WebSocket-Protocol: v5.channel.k8s.io\r\n\r\n";
	static const uint8_t bytes[16] = { 0 };
	bw_autobuf struct bw_buf b = { 0 };
	struct kube_ws_shake s;
	char made[KUBE_WS_KEY_LEN + 1];
	size_t used;
	int r = kube_ws_key(bytes, made);

	if (r == 0)
		r = kube_ws_put(&b, KUBE_WS_BINARY, bytes, "x", 1);
	if (r < 0)
		return r;
	r = shake(&s, text, 1000, &used, NULL);
	kube_ws_shake_done(&s);
	if (r == 1)
		r = feed("\x82\x01x", 3, 3, &b, NULL);
	return r;
}

static void no_memory_is_an_error_everywhere(void **state)
{
	(void)state;
	fail_alloc_everywhere(all_of_it);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sha1_is_that_of_the_standard),
		cmocka_unit_test(handshake_is_accepted_in_pieces_of_any_size),
		cmocka_unit_test(wrong_handshake_is_named),
		cmocka_unit_test(refusal_has_its_body),
		cmocka_unit_test(head_and_body_are_bounded),
		cmocka_unit_test(frames_become_messages_however_they_are_cut),
		cmocka_unit_test(what_a_server_must_not_do_is_named),
		cmocka_unit_test(our_frames_are_masked_and_shortest),
		cmocka_unit_test(path_names_pod_and_command),
		cmocka_unit_test(status_of_a_command_is_read),
		cmocka_unit_test(no_memory_is_an_error_everywhere),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("ws", tests, NULL, NULL);
}
