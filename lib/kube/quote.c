/* SPDX-License-Identifier: Apache-2.0 */
/* JSON strings (RFC 8259, 7): the two that must be escaped, control characters, and valid UTF-8. */
#include <string.h>

#include <bw/buf.h>

#include "quote.h"

#define PRINTABLE_FIRST 0x20

/* Bytes of the UTF-8 sequence at @s (RFC 3629, 4); 0 = none stands there. */
static size_t sequence(const unsigned char *s)
{
	static const unsigned char second_min[] = { [0] = 0xa0, [4] = 0x90 };
	size_t n = *s < 0x80   ? 1
		   : *s < 0xc2 ? 0
		   : *s < 0xe0 ? 2
		   : *s < 0xf0 ? 3
		   : *s < 0xf5 ? 4
			       : 0;

	for (size_t i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if ((*s == 0xe0 && s[1] < second_min[0]) || (*s == 0xf0 && s[1] < second_min[4]) ||
	    (*s == 0xed && s[1] > 0x9f) || (*s == 0xf4 && s[1] > 0x8f))
		return 0;
	return n;
}

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
			n = sequence(p);
			r = n ? bw_buf_append(out, p, n) : bw_buf_append(out, "?", 1);
			n += !n;
		}
		p += n;
	}
	return r < 0 ? r : bw_buf_append(out, "\"", 1);
}
