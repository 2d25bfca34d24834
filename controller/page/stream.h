/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Server-sent events: each visitor has what was sent, and gets what is another by now. Who does not
 * take what was sent gets nothing more until it is taken: one batch is all that is ever held for
 * anybody.
 */
#pragma once

#include <bw/kube_web.h>

#include "view.h"

#define PAGE_BEAT_S 15 /* between two signs of life */
#define PAGE_TERM_S                                                                                \
	300 /* where tokens are asked for a stream ends after this: who may come again does */

struct page_streams {
	struct page_model *model; /* borrowed */
	struct bw_web *web; /* whose connections they have; borrowed */
	struct bw_list list; /* struct page_stream */
	size_t n;
	struct bw_timer beat;
	uint64_t boot; /* tells one process's versions from another's */
	int64_t term_s; /* 0 = for ever */
};

void page_streams_init(struct page_streams *s, struct page_model *m, uint64_t boot, int64_t term_s);
/* Ends all of them: what is suspended goes on, and to its end. */
void page_streams_end(struct page_streams *s);
/* After the server is gone. */
void page_streams_done(struct page_streams *s);

/* "BOOT-VERSION" of what is shown now; returns @out. */
#define PAGE_AT_MAX 40
const char *page_streams_at(const struct page_streams *s, char out[PAGE_AT_MAX]);

/* Everyone gets what is new. */
void page_streams_feed(struct page_streams *s);

/**
 * page_streams_open() - a response that goes on
 * @conn: whose it is
 * @v: copied
 * @at: what the visitor has seen, as page_streams_at() said; NULL or "" = nothing
 *
 * The model is used until the response is freed. NULL = too many, or no memory.
 */
struct MHD_Response *page_streams_open(struct page_streams *s, struct MHD_Connection *conn,
				       const struct page_view *v, const char *at);
