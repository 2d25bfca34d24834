/* SPDX-License-Identifier: Apache-2.0 */
/* Server-sent events. Source: WHATWG HTML, section 9.2. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <bw/loop.h>

#include "stream.h"

#define NS_PER_S 1000000000LL
#define BLOCK 16384 /* bytes that are handed over at once */

struct page_stream {
	struct bw_list node;
	struct page_streams *all;
	struct MHD_Connection *conn;
	struct page_view view;
	struct page_shot seen; /* with .knows: what has been sent */
	struct page_html out; /* of which .sent has been taken */
	size_t sent;
	int64_t end_ns; /* INT64_MAX = never */
	uint8_t knows;
	uint8_t behind; /* something may be new */
	uint8_t suspended;
	uint8_t ending;
};

const char *page_streams_at(const struct page_streams *s, char out[PAGE_AT_MAX])
{
	(void)snprintf(out, PAGE_AT_MAX, "%016" PRIx64 "-%" PRIu64, s->boot,
		       s->model->version); /* fits, ignoring */
	return out;
}

static void wake(struct page_stream *t)
{
	if (!t->suspended)
		return;
	t->suspended = 0;
	bw_web_resume(t->all->web, t->conn);
}

/* What is new goes to .out, which is empty. */
static void compose(struct page_stream *t)
{
	BW_CLEANUP(page_shot_done) struct page_shot now = { 0 };
	struct page_html lines = { 0 };
	char at[PAGE_AT_MAX];
	size_t n;

	t->behind = 0;
	if (!t->all->model->loaded)
		return;
	if (page_shot_take(t->all->model, &t->view, &now) < 0) {
		t->ending = 1; /* it comes again */
		return;
	}
	n = page_shot_diff(&lines, t->knows ? &t->seen : NULL, &now);
	if (n) {
		page_put(&t->out, "id: ", page_streams_at(t->all, at), "\nevent: parts\n", NULL);
		if (lines.failed || bw_buf_append(&t->out.b, lines.b.data, lines.b.size) < 0)
			t->out.failed = 1;
		page_raw(&t->out, "\n");
	}
	bw_buf_done(&lines.b);
	page_shot_done(&t->seen);
	t->seen = now;
	memset(&now, 0, sizeof(now));
	t->knows = 1;
	t->ending |= t->out.failed;
}

/* The connection can take something. Source: libmicrohttpd, MHD_ContentReaderCallback. */
static ssize_t on_read(void *arg, uint64_t pos, char *buf, size_t max)
{
	struct page_stream *t = arg;
	size_t left;

	(void)pos;
	if (t->sent == t->out.b.size) {
		bw_buf_done(&t->out.b);
		t->sent = 0;
		if (t->behind && !t->ending)
			compose(t);
	}
	left = t->out.b.size - t->sent;
	if (t->ending && (!left || t->out.failed))
		return MHD_CONTENT_READER_END_OF_STREAM;
	if (!left) {
		t->suspended = 1;
		MHD_suspend_connection(t->conn);
		return 0;
	}
	if (left > max)
		left = max;
	memcpy(buf, t->out.b.data + t->sent, left);
	t->sent += left;
	return (ssize_t)left;
}

static void on_free(void *arg)
{
	struct page_stream *t = arg;

	bw_list_del(&t->node);
	t->all->n--;
	page_shot_done(&t->seen);
	bw_buf_done(&t->out.b);
	page_model_unuse(t->all->model);
	free(t);
}

void page_streams_feed(struct page_streams *s)
{
	bw_list_for_each (i, &s->list) {
		struct page_stream *t = bw_list_entry(i, struct page_stream, node);

		t->behind = 1;
		if (!t->suspended)
			continue; /* it takes what it has first */
		compose(t);
		if (t->out.b.size || t->ending)
			wake(t);
	}
}

/* What is shown may have become old without any change; and who waits hears that we live. */
static void on_beat(void *arg)
{
	struct page_streams *s = arg;
	int64_t now = bw_loop_now_ns(s->model->loop);

	page_model_touch(s->model);
	bw_list_for_each (i, &s->list) {
		struct page_stream *t = bw_list_entry(i, struct page_stream, node);

		t->ending |= now >= t->end_ns;
		if (t->suspended) {
			page_raw(&t->out, ":\n\n");
			wake(t);
		}
	}
	/* Without memory there are no more signs of life: visitors come again, ignoring. */
	if (s->n)
		(void)bw_timer_set(&s->beat, now + PAGE_BEAT_S * NS_PER_S);
}

struct MHD_Response *page_streams_open(struct page_streams *s, struct MHD_Connection *conn,
				       const struct page_view *v, const char *at)
{
	struct page_stream *t = s->n < PAGE_STREAMS_MAX ? calloc(1, sizeof(*t)) : NULL;
	struct MHD_Response *r;
	char now[PAGE_AT_MAX];

	if (!t)
		return NULL;
	t->all = s;
	t->conn = conn;
	t->view = *v;
	t->behind = 1;
	t->end_ns = s->term_s ? bw_loop_now_ns(s->model->loop) + s->term_s * NS_PER_S : INT64_MAX;
	/* Who has seen all this already need not be told again. */
	t->knows = at && strcmp(at, page_streams_at(s, now)) == 0 &&
		   page_shot_take(s->model, v, &t->seen) == 0;
	page_raw(&t->out, "retry: 3000\n\n");
	bw_list_add_tail(&s->list, &t->node);
	s->n++;
	page_model_use(s->model);
	r = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK, on_read, t, on_free);
	if (!r)
		on_free(t);
	else if (!bw_timer_is_set(&s->beat))
		/* as above, ignoring */
		(void)bw_timer_set(&s->beat,
				   bw_loop_now_ns(s->model->loop) + PAGE_BEAT_S * NS_PER_S);
	return r;
}

void page_streams_init(struct page_streams *s, struct page_model *m, uint64_t boot, int64_t term_s)
{
	s->model = m;
	s->boot = boot;
	s->term_s = term_s;
	bw_list_init(&s->list);
	bw_timer_init(&s->beat, m->loop, on_beat, s);
}

void page_streams_end(struct page_streams *s)
{
	bw_list_for_each (i, &s->list) {
		struct page_stream *t = bw_list_entry(i, struct page_stream, node);

		t->ending = 1;
		wake(t);
	}
}

void page_streams_done(struct page_streams *s)
{
	if (s->model)
		bw_timer_stop(&s->beat);
}
