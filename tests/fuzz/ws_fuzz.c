/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes of a WebSocket's server: what is cut in two places gives what it gives in one piece, no
 * message is larger than allowed, and what we make of a payload is read back as it was. The first
 * two bytes say where it is cut.
 * fuzz seconds: 4
 */
#include <assert.h>
#include <string.h>

#include <bw/err.h>

#include "../../lib/kube/podexec.h"
#include "../../lib/kube/ws.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int note(enum kube_ws_opcode opcode, const char *data, size_t size, void *arg)
{
	struct bw_buf *b = arg;

	assert(size <= KUBE_WS_MESSAGE_MAX &&
	       (opcode < KUBE_WS_CLOSE || size <= KUBE_WS_CONTROL_MAX));
	assert(opcode != KUBE_WS_CONTINUATION);
	assert(bw_buf_printf(b, "%x:%zu:", (unsigned int)opcode, size) == 0);
	assert(bw_buf_append(b, data, size) == 0);
	return 0;
}

static int feed(const char *text, size_t size, size_t a, size_t b, struct bw_buf *seen)
{
	const size_t borders[] = { 0, a < b ? a : b, a < b ? b : a, size };
	struct kube_ws_reader r = { .frame = note, .arg = seen };
	int e = 0;

	for (int i = 0; e == 0 && i < 3; i++)
		e = kube_ws_feed(&r, text + borders[i], borders[i + 1] - borders[i], NULL);
	kube_ws_reader_done(&r);
	return e;
}

static void check_frames(const char *text, size_t size, size_t a, size_t b)
{
	bw_autobuf struct bw_buf one = { 0 }, three = { 0 };

	assert(feed(text, size, 0, 0, &one) == feed(text, size, a, b, &three));
	assert(one.size == three.size &&
	       (!one.size || memcmp(one.data, three.data, one.size) == 0));
}

/* Ours without the mask is a server's. */
static void check_ours(const char *text, size_t size)
{
	static const uint8_t no_mask[4] = { 0 };
	bw_autobuf struct bw_buf frame = { 0 }, seen = { 0 }, expected = { 0 };
	size_t head = size < 126 ? 2 : size <= UINT16_MAX ? 4 : 10;

	assert(kube_ws_put(&frame, KUBE_WS_BINARY, no_mask, text, size) == 0);
	frame.data[1] = (char)(frame.data[1] & 0x7f);
	memmove(frame.data + head, frame.data + head + 4, size);
	assert(feed(frame.data, head + size, head, head + size / 2, &seen) == 0);
	assert(note(KUBE_WS_BINARY, text, size, &expected) == 0);
	assert(seen.size == expected.size && memcmp(seen.data, expected.data, seen.size) == 0);
}

static int shake(const char *text, size_t size, size_t a, struct kube_ws_shake *s)
{
	static const char *const protocols[] = { "v5.channel.k8s.io", "v4.channel.k8s.io", NULL };
	size_t used = 0;
	int r;

	*s = (struct kube_ws_shake){ .key = "dGhlIHNhbXBsZSBub25jZQ==", .protocols = protocols };
	r = kube_ws_shake_feed(s, text, a, &used, NULL);
	assert(used <= a);
	if (r == 0)
		r = kube_ws_shake_feed(s, text + a, size - a, &used, NULL);
	assert(r != 1 || (s->http >= 101 && s->http <= 599));
	assert(r != 1 || s->http != 101 || s->protocol);
	return r;
}

static void check_shake(const char *text, size_t size, size_t a)
{
	bw_autobuf struct bw_buf one = { 0 }, two = { 0 };
	struct kube_ws_shake s, t;
	int r = shake(text, size, size, &s);

	assert(shake(text, size, a, &t) == r && s.http == t.http && s.head == t.head);
	if (r >= 0) {
		assert(kube_ws_shake_body(&s, &one) == 0 && kube_ws_shake_body(&t, &two) == 0);
		assert(one.size <= KUBE_WS_REFUSAL_MAX);
	}
	kube_ws_shake_done(&s);
	kube_ws_shake_done(&t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data + 2;
	struct kube_podexec_end end;
	size_t a, b;

	if (size < 3)
		return 0;
	size -= 2;
	a = data[0] % (size + 1);
	b = data[1] * 7U % (size + 1);
	check_frames(text, size, a, b);
	check_ours(text, size);
	check_shake(text, size, a);
	if (kube_podexec_end(text, size, &end) == 0)
		assert(end.exit_code >= -1 && end.exit_code <= 255);
	return 0;
}
