/* SPDX-License-Identifier: Apache-2.0 */
/* JSON strings (RFC 8259, 7): the two that must be escaped, control characters, and valid UTF-8. */
#include <string.h>

#include <bw/buf.h>
#include <bw/utf8.h>

#include "quote.h"

#define PRINTABLE_FIRST 0x20

static int special(struct bw_buf *out, unsigned char c)
{
	static const char from[] = "\"\\\n\t\r\b\f";
	static const char to[] = "\"\\ntrbf";
	const char *at = c ? strchr(from, c) : NULL;

	if (at)
		return bw_buf_printf(out, "\\%c", to[at - from]);
	return bw_buf_printf(out, "\\u%04x", c);
}

int bw_kube_quote(struct bw_buf *out, const char *s)
{
	const unsigned char *p = (const unsigned char *)s;
	int r = bw_buf_append(out, "\"", 1);

	while (r == 0 && *p) {
		size_t n = 0;

		while (p[n] >= PRINTABLE_FIRST && p[n] < 0x80 && p[n] != '"' && p[n] != '\\')
			n++;
		if (n) {
			r = bw_buf_append(out, p, n);
		} else if (*p < 0x80) {
			n = 1;
			r = special(out, *p);
		} else {
			n = bw_utf8_len(p, strnlen((const char *)p, BW_UTF8_MAX));
			r = n ? bw_buf_append(out, p, n) : bw_buf_append(out, "?", 1);
			n += !n;
		}
		p += n;
	}
	return r < 0 ? r : bw_buf_append(out, "\"", 1);
}
