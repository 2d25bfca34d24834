/* SPDX-License-Identifier: Apache-2.0 */
/* A growable, NUL-terminated byte buffer. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <bw/buf.h>

#define BUF_FIRST_CAP 256

void bw_buf_done(struct bw_buf *b)
{
	if (!b)
		return;
	free(b->data);
	*b = (struct bw_buf){ 0 };
}

int bw_buf_reserve(struct bw_buf *b, size_t more)
{
	size_t need;
	size_t cap = b->cap ? b->cap : BUF_FIRST_CAP;
	char *grown;

	if (__builtin_add_overflow(b->size, more, &need) || need > SIZE_MAX / 2 - 1)
		return -EOVERFLOW;
	if (need + 1 <= b->cap)
		return 0;
	while (cap < need + 1)
		cap *= 2;
	grown = realloc(b->data, cap);
	if (!grown)
		return -ENOMEM;
	b->data = grown;
	b->cap = cap;
	b->data[b->size] = '\0';
	return 0;
}

int bw_buf_append(struct bw_buf *b, const void *data, size_t size)
{
	int r = bw_buf_reserve(b, size);

	if (r < 0)
		return r;
	if (size)
		memcpy(b->data + b->size, data, size);
	b->size += size;
	b->data[b->size] = '\0';
	return 0;
}

int bw_buf_printf(struct bw_buf *b, const char *fmt, ...)
{
	va_list ap;
	int n;
	int r;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0)
		return -EINVAL;
	r = bw_buf_reserve(b, (size_t)n);
	if (r < 0)
		return r;
	va_start(ap, fmt);
	(void)vsnprintf(b->data + b->size, (size_t)n + 1, fmt, ap); /* measured above, ignoring */
	va_end(ap);
	b->size += (size_t)n;
	return 0;
}

char *bw_buf_take(struct bw_buf *b)
{
	char *data;

	if (bw_buf_reserve(b, 0) < 0)
		return NULL;
	data = BW_TAKE_PTR(b->data);
	*b = (struct bw_buf){ 0 };
	return data;
}
