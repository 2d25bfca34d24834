/* SPDX-License-Identifier: Apache-2.0 */
/* HTML as text: what others have written becomes harmless by where it stands in a call. */
#pragma once

#include <bw/buf.h>
#include <bw/defs.h>

#define PAGE_TEXT_MAX 600 /* bytes of one text of others; the rest is left out */

/* Zeroed is empty; bw_buf_done(&h->b) frees it. */
struct page_html {
	struct bw_buf b;
	uint8_t failed; /* without memory: what there is is no page */
};

/* A literal of ours, as it is. */
void page_raw(struct page_html *h, const char *html);

/*
 * A text of anybody: &, <, >, " and ' become entities, control characters blanks, bytes that are no
 * UTF-8 '?'. No line break comes out: a line is one piece of an event. NULL is "".
 */
void page_text(struct page_html *h, const char *text);

/* @first as page_raw(), and then in turn as page_text() and page_raw(), ended by NULL. */
void page_put(struct page_html *h, const char *first, ...) __attribute__((sentinel));

/* A number as page_raw(). */
void page_number(struct page_html *h, uint64_t n);

/* "" for NULL: a text of page_put() must not end it. */
static inline const char *page_or(const char *s, const char *by_default)
{
	return s && *s ? s : by_default;
}
