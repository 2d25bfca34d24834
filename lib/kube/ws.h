/* SPDX-License-Identifier: Apache-2.0 */
/*
 * WebSocket, the client's half of RFC 6455, without a connection: frames of bytes, bytes of frames,
 * and the handshake. Whoever has the connection feeds it and sends what it makes.
 *
 * I1 A message is handed on whole and has at most KUBE_WS_MESSAGE_MAX bytes, however it came.
 * I2 What a server must not do ends the connection: masked frames, reserved bits, lengths that
 *    could be shorter, fragments of control frames, extensions and protocols nobody asked for.
 */
#pragma once

#include <bw/buf.h>
#include <bw/defs.h>

struct bw_err;

#define KUBE_WS_MESSAGE_MAX (16U << 20)
#define KUBE_WS_CONTROL_MAX 125 /* bytes in a control frame: RFC 6455, 5.5 */
#define KUBE_WS_HEADER_MAX 14 /* bytes before a frame's payload */
#define KUBE_WS_HEAD_MAX 65536U /* bytes of the handshake's answer before its body */
#define KUBE_WS_REFUSAL_MAX (256U << 10) /* bytes of its body */
#define KUBE_WS_KEY_LEN 24 /* characters of 16 bytes in base64 */
#define KUBE_WS_PROTOCOL_MAX 63

/* RFC 6455, 11.8. */
enum kube_ws_opcode {
	KUBE_WS_CONTINUATION = 0x0,
	KUBE_WS_TEXT = 0x1,
	KUBE_WS_BINARY = 0x2,
	KUBE_WS_CLOSE = 0x8,
	KUBE_WS_PING = 0x9,
	KUBE_WS_PONG = 0xa,
};

/* RFC 6455, 7.4.1: why a connection is closed. */
#define KUBE_WS_NORMAL 1000
#define KUBE_WS_PROTOCOL_ERROR 1002
#define KUBE_WS_TOO_BIG 1009

struct kube_ws_reader {
	/*
	 * A whole message, or a control frame; the data is the reader's. Not 0 ends the feeding and
	 * is what it returns. The bytes behind a close are dropped.
	 */
	int (*frame)(enum kube_ws_opcode opcode, const char *data, size_t size, void *arg);
	void *arg;
	uint8_t header[KUBE_WS_HEADER_MAX];
	size_t n_header;
	int in_payload;
	uint64_t left; /* of the payload */
	int fin;
	enum kube_ws_opcode opcode;
	enum kube_ws_opcode message; /* of the fragments so far; CONTINUATION = none */
	struct bw_buf text; /* the message so far */
	char control[KUBE_WS_CONTROL_MAX];
	size_t n_control;
	int closed;
};

void kube_ws_reader_done(struct kube_ws_reader *r);

/**
 * kube_ws_feed() - bytes that the server has sent
 * @r: reader; of no use after an error
 * @data: cut anywhere
 *
 * Texts are not checked for UTF-8.
 * Return: 0; -EBADMSG class DECODE the server breaks the rules; -EFBIG class DECODE a message is
 * too large; -ENOMEM; what .frame returned.
 */
int kube_ws_feed(struct kube_ws_reader *r, const char *data, size_t size, struct bw_err *err);

/* Appends one whole masked frame. @mask is 4 bytes that nobody can guess. 0; -ENOMEM. */
int kube_ws_put(struct bw_buf *b, enum kube_ws_opcode opcode, const uint8_t mask[4],
		const void *data, size_t size);

/* 1000, say, of a close frame's payload; 1005 (none) when there is none. RFC 6455, 7.1.5. */
int kube_ws_close_code(const char *data, size_t size);

/* The key of a handshake as text with NUL. @random is 16 bytes. 0; -ENOMEM. */
int kube_ws_key(const uint8_t random[16], char ret[KUBE_WS_KEY_LEN + 1]);
/* What the server must answer to it, appended. 0; -ENOMEM. */
int kube_ws_accept(const char *key, struct bw_buf *b);

/* The answer to a handshake. */
struct kube_ws_shake {
	const char *key; /* borrowed */
	const char *const *protocols; /* those that were offered, ended by NULL; borrowed */
	struct bw_buf text; /* head, then a refusal's body as it came */
	size_t head; /* bytes of the head with the empty line; 0 = it is not whole */
	int http;
	const char *protocol; /* which one the server took */
	unsigned int retry_ms; /* Retry-After in seconds */
	int chunked;
	int64_t length; /* of the body; -1 = until the end */
};

void kube_ws_shake_done(struct kube_ws_shake *s);

/**
 * kube_ws_shake_feed() - bytes of the answer
 * @s: .key and .protocols are set
 * @ret_used: how many were taken; those behind a successful answer are frames
 *
 * Return: 1 it is whole: .http is 101 and everything is in order, or a refusal's number, with what
 * came of its body; 0 more is needed; -EBADMSG class DECODE the server does not speak as it must;
 * -EFBIG class DECODE; -ENOMEM.
 */
int kube_ws_shake_feed(struct kube_ws_shake *s, const char *data, size_t size, size_t *ret_used,
		       struct bw_err *err);

/* A refusal's body, without the marks of chunks; appended. 0; -ENOMEM. Half of one is enough. */
int kube_ws_shake_body(const struct kube_ws_shake *s, struct bw_buf *b);
