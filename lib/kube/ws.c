/* SPDX-License-Identifier: Apache-2.0 */
/* Frames of RFC 6455, section 5. */
#include <string.h>

#include <bw/err.h>

#include "ws.h"

#define FIN 0x80U
#define RESERVED 0x70U
#define OPCODE 0x0fU
#define MASKED 0x80U
#define LENGTH 0x7fU
#define LENGTH_16 126U
#define LENGTH_64 127U
#define NO_CODE 1005 /* RFC 6455, 7.4.1: there was none */

void kube_ws_reader_done(struct kube_ws_reader *r)
{
	bw_buf_done(&r->text);
}

static int broken(struct bw_err *err, const char *why)
{
	return bw_reject(err, BW_ERR_DECODE, EBADMSG, "the server breaks the WebSocket: %s", why);
}

static int is_control(enum kube_ws_opcode opcode)
{
	return opcode >= KUBE_WS_CLOSE;
}

/* Bytes of the header, as far as the first two tell. */
static size_t header_size(const struct kube_ws_reader *r)
{
	unsigned int length = r->header[1] & LENGTH;

	if (r->n_header < 2)
		return 2;
	return length == LENGTH_64 ? 10 : length == LENGTH_16 ? 4 : 2;
}

static uint64_t payload_size(const struct kube_ws_reader *r, size_t header)
{
	uint64_t n = 0;

	if (header == 2)
		return r->header[1] & LENGTH;
	for (size_t i = 2; i < header; i++)
		n = n << 8 | r->header[i];
	return n;
}

static int check_opcode(const struct kube_ws_reader *r, unsigned int opcode, struct bw_err *err)
{
	switch (opcode) {
	case KUBE_WS_CONTINUATION:
		return r->message == KUBE_WS_CONTINUATION ? broken(err, "nothing to continue") : 0;
	case KUBE_WS_TEXT:
	case KUBE_WS_BINARY:
		return r->message == KUBE_WS_CONTINUATION
			       ? 0
			       : broken(err, "a message inside another one");
	case KUBE_WS_CLOSE:
	case KUBE_WS_PING:
	case KUBE_WS_PONG:
		return 0;
	default:
		return broken(err, "unknown kind of frame");
	}
}

static int begin(struct kube_ws_reader *r, struct bw_err *err)
{
	size_t header = header_size(r);
	uint64_t size = payload_size(r, header);
	unsigned int opcode = r->header[0] & OPCODE;
	int e;

	if (r->header[0] & RESERVED)
		return broken(err, "reserved bits are set");
	if (r->header[1] & MASKED)
		return broken(err, "a masked frame");
	if ((header == 4 && size < LENGTH_16) || (header == 10 && size <= UINT16_MAX))
		return broken(err, "a length that is not the shortest");
	e = check_opcode(r, opcode, err);
	if (e < 0)
		return e;
	r->fin = (r->header[0] & FIN) != 0;
	r->opcode = (enum kube_ws_opcode)opcode;
	if (is_control(r->opcode) && (!r->fin || size > KUBE_WS_CONTROL_MAX))
		return broken(err, "a control frame that is long or in pieces");
	if (!is_control(r->opcode) && size > KUBE_WS_MESSAGE_MAX - r->text.size)
		return bw_reject(err, BW_ERR_DECODE, EFBIG,
				 "the server sends a message of more than %u bytes",
				 KUBE_WS_MESSAGE_MAX);
	if (!is_control(r->opcode) && r->opcode != KUBE_WS_CONTINUATION)
		r->message = r->opcode;
	r->left = size;
	r->n_header = 0;
	r->n_control = 0;
	r->in_payload = 1;
	return 0;
}

/* The frame's payload is whole. */
static int end(struct kube_ws_reader *r, struct bw_err *err)
{
	enum kube_ws_opcode opcode = r->message;
	int e;

	r->in_payload = 0;
	if (r->opcode == KUBE_WS_CLOSE) {
		if (r->n_control == 1)
			return broken(err, "half a reason to close");
		r->closed = 1;
	}
	if (is_control(r->opcode))
		return r->frame(r->opcode, r->control, r->n_control, r->arg);
	if (!r->fin)
		return 0;
	r->message = KUBE_WS_CONTINUATION;
	e = r->frame(opcode, r->text.size ? r->text.data : "", r->text.size, r->arg);
	r->text.size = 0;
	return e;
}

static int take_payload(struct kube_ws_reader *r, const char *data, size_t size, struct bw_err *err)
{
	if (is_control(r->opcode)) {
		memcpy(r->control + r->n_control, data, size);
		r->n_control += size;
	} else if (bw_buf_append(&r->text, data, size) < 0) {
		return bw_fail(err, ENOMEM, "keep a message");
	}
	r->left -= size;
	return 0;
}

int kube_ws_feed(struct kube_ws_reader *r, const char *data, size_t size, struct bw_err *err)
{
	int e = 0;

	while (e == 0 && size && !r->closed) {
		size_t n = 1;

		if (r->in_payload) {
			n = size < r->left ? size : (size_t)r->left;
			e = take_payload(r, data, n, err);
		} else {
			r->header[r->n_header++] = (uint8_t)*data;
			if (r->n_header >= 2 && r->n_header == header_size(r))
				e = begin(r, err);
		}
		data += n;
		size -= n;
		if (e == 0 && r->in_payload && !r->left)
			e = end(r, err);
	}
	return e;
}

int kube_ws_put(struct bw_buf *b, enum kube_ws_opcode opcode, const uint8_t mask[4],
		const void *data, size_t size)
{
	const uint8_t *p = data;
	uint8_t head[KUBE_WS_HEADER_MAX] = { (uint8_t)(FIN | (unsigned int)opcode) };
	size_t n = size < LENGTH_16 ? 2 : size <= UINT16_MAX ? 4 : 10;

	if (bw_buf_reserve(b, size + KUBE_WS_HEADER_MAX) < 0)
		return -ENOMEM;
	head[1] = (uint8_t)(MASKED | (n == 2   ? (unsigned int)size
				      : n == 4 ? LENGTH_16
					       : LENGTH_64));
	for (size_t i = 2; i < n; i++)
		head[i] = (uint8_t)((uint64_t)size >> 8 * (n - 1 - i));
	memcpy(head + n, mask, 4);
	memcpy(b->data + b->size, head, n + 4);
	b->size += n + 4;
	for (size_t i = 0; i < size; i++)
		b->data[b->size + i] = (char)(p[i] ^ mask[i % 4]);
	b->size += size;
	b->data[b->size] = '\0';
	return 0;
}

int kube_ws_close_code(const char *data, size_t size)
{
	return size < 2 ? NO_CODE : (uint8_t)data[0] << 8 | (uint8_t)data[1];
}
