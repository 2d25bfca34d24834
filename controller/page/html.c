/* SPDX-License-Identifier: Apache-2.0 */
/* HTML as text. */
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include <bw/utf8.h>

#include "html.h"

static void append(struct page_html *h, const char *data, size_t size)
{
	if (bw_buf_append(&h->b, data, size) < 0)
		h->failed = 1;
}

void page_raw(struct page_html *h, const char *html)
{
	append(h, html, strlen(html));
}

static const char *entity(char c)
{
	switch (c) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '"':
		return "&#34;";
	case '\'':
		return "&#39;";
	default:
		return NULL;
	}
}

void page_text(struct page_html *h, const char *text)
{
	size_t size = text ? strlen(text) : 0;
	size_t i = 0;

	while (i < size) {
		size_t n = bw_utf8_len(text + i, size - i);
		const char *e = entity(text[i]);

		if (i + n > PAGE_TEXT_MAX) {
			page_raw(h, "…");
			return;
		}
		if (e)
			page_raw(h, e);
		else if (!n)
			page_raw(h, "?");
		else if (n == 1 && ((unsigned char)text[i] < 0x20 || text[i] == 0x7f))
			page_raw(h, " ");
		else
			append(h, text + i, n);
		i += n ? n : 1;
	}
}

void page_put(struct page_html *h, const char *first, ...)
{
	const char *s = first;
	va_list ap;

	va_start(ap, first);
	for (unsigned int i = 0; s; i++) {
		if (i % 2)
			page_text(h, s);
		else
			page_raw(h, s);
		s = va_arg(ap, const char *);
	}
	va_end(ap);
}

void page_number(struct page_html *h, uint64_t n)
{
	if (bw_buf_printf(&h->b, "%" PRIu64, n) < 0)
		h->failed = 1;
}
