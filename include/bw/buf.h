/* SPDX-License-Identifier: Apache-2.0 */
/* A growable byte buffer that is always NUL-terminated. */
#pragma once

#include <bw/defs.h>

struct bw_err;

/* Owns @data. Zeroed is empty and valid. @size excludes the terminating NUL. */
struct bw_buf {
	char *data;
	size_t size;
	size_t cap;
};

#define bw_autobuf BW_CLEANUP(bw_buf_done)

/* Frees the contents; the buffer is empty and usable again. NULL-safe. */
void bw_buf_done(struct bw_buf *b);

/**
 * bw_buf_reserve() - make room for more bytes
 * @b: buffer
 * @more: bytes wanted beyond the present size, not counting the NUL
 *
 * Return: 0; -ENOMEM; -EOVERFLOW when the sum overflows.
 */
int bw_buf_reserve(struct bw_buf *b, size_t more);

/**
 * bw_buf_append() - append bytes
 * @b: buffer
 * @data: copied
 * @size: bytes
 *
 * Return: 0; -ENOMEM; -EOVERFLOW. The buffer is unchanged on failure.
 */
int bw_buf_append(struct bw_buf *b, const void *data, size_t size);

/**
 * bw_buf_printf() - append formatted text
 *
 * Return: 0; -ENOMEM; -EOVERFLOW; -EINVAL for a bad format. Unchanged on failure.
 */
int bw_buf_printf(struct bw_buf *b, const char *fmt, ...) BW_PRINTF(2, 3);

/* Hands the text on (caller frees); never NULL but when out of memory. The buffer is empty then. */
char *bw_buf_take(struct bw_buf *b);
