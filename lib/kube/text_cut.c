/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cuts streams into documents: lines of a watch by their newline, items of a list by counting
 * brackets outside strings. What is whole in one piece of input is handed on without a copy.
 */
#include <string.h>

#include <bw/err.h>
#include <bw/kube_text.h>

#include "text_lex.h"

/* Where in a list document the next byte stands. */
enum state {
	BEFORE, /* the document's { */
	KEY, /* before a member's name, or in it */
	COLON, /* behind the name */
	VALUE, /* behind the colon */
	OTHER, /* in a value that is not items[] */
	BETWEEN, /* in items[], outside its elements */
	ITEM, /* in an element */
	AFTER, /* the document */
};

#define ITEMS_KEY "items"

void bw_kube_cut_init(struct bw_kube_cut *c, enum bw_kube_cut_mode mode, bw_kube_cut_fn fn,
		      void *arg)
{
	*c = (struct bw_kube_cut){ .mode = mode, .fn = fn, .arg = arg, .state = BEFORE };
}

void bw_kube_cut_done(struct bw_kube_cut *c)
{
	if (!c)
		return;
	bw_buf_done(&c->part);
	bw_buf_done(&c->rest);
}

static int keep(struct bw_buf *b, const char *data, size_t size, size_t max, struct bw_err *err)
{
	if (size > max || b->size > max - size)
		return bw_reject(err, BW_ERR_DECODE, EFBIG,
				 "the API server sent a document of more than %zu bytes", max);
	if (bw_buf_append(b, data, size) < 0)
		return bw_fail(err, ENOMEM, "keep %zu bytes of a document", size);
	return 0;
}

/* Hands on what was kept before and @size bytes of @data. */
static int emit(struct bw_kube_cut *c, const char *data, size_t size, struct bw_err *err)
{
	int r;

	if (!c->part.size && size <= BW_KUBE_OBJECT_MAX)
		return c->fn(data, size, c->arg);
	r = keep(&c->part, data, size, BW_KUBE_OBJECT_MAX, err);
	if (r < 0)
		return r;
	r = c->fn(c->part.data, c->part.size, c->arg);
	c->part.size = 0;
	return r;
}

static int is_blank(const char *p, size_t size)
{
	while (size && lex_is_space(p[size - 1]))
		size--;
	return !size;
}

static int feed_lines(struct bw_kube_cut *c, const char *p, size_t size, struct bw_err *err)
{
	const char *end = p + size;

	while (p < end) {
		const char *nl;
		int r;

		if (!c->part.size && lex_is_space(*p)) {
			p++;
			continue;
		}
		nl = memchr(p, '\n', (size_t)(end - p));
		if (!nl)
			return keep(&c->part, p, (size_t)(end - p), BW_KUBE_OBJECT_MAX, err);
		r = emit(c, p, (size_t)(nl - p), err);
		if (r < 0)
			return r;
		p = nl + 1;
	}
	return 0;
}

/*
 * Walks @p over one value from wherever the last piece stopped, down to @floor brackets. Returns 1
 * when it stands behind the bracket that reached it, 0 at the end of the data.
 */
static int walk(struct bw_kube_cut *c, const char **p, const char *end, unsigned int floor)
{
	while (*p < end) {
		char ch = *(*p)++;

		if (c->escaped) {
			c->escaped = 0;
		} else if (c->in_string) {
			c->escaped = ch == '\\';
			c->in_string = ch != '"';
		} else if (ch == '"') {
			c->in_string = 1;
		} else if (ch == '{' || ch == '[') {
			c->depth++;
		} else if ((ch == '}' || ch == ']') && --c->depth == floor) {
			return 1;
		}
	}
	return 0;
}

static int no_list(struct bw_err *err)
{
	return bw_reject(err, BW_ERR_DECODE, EBADMSG, "the API server sent no list");
}

/* In the name of a member of the document; one byte. */
static void take_key(struct bw_kube_cut *c, char ch)
{
	if (c->escaped) {
		c->escaped = 0;
	} else if (ch == '\\') {
		c->escaped = 1;
		c->key_len = sizeof(c->key); /* no name that is looked for has one */
	} else if (ch == '"') {
		c->in_string = 0;
		c->state = COLON;
	} else if (c->key_len < sizeof(c->key)) {
		c->key[c->key_len++] = ch;
	}
}

/* One byte of the document outside items[] and outside nested values. */
static int take_outer(struct bw_kube_cut *c, char ch, struct bw_err *err)
{
	if (c->state == KEY && c->in_string) {
		take_key(c, ch);
		return 0;
	}
	if (lex_is_space(ch))
		return 0;
	if (c->state == BEFORE && ch == '{') {
		c->depth = 1;
		c->state = KEY;
	} else if (c->state == KEY && ch == '"') {
		c->in_string = 1;
		c->key_len = 0;
	} else if (c->state == KEY && ch == '}') {
		c->state = AFTER;
	} else if (c->state == COLON && ch == ':') {
		c->state = VALUE;
	} else if (c->state == VALUE && ch == '[' && c->key_len == strlen(ITEMS_KEY) &&
		   memcmp(c->key, ITEMS_KEY, c->key_len) == 0) {
		c->state = BETWEEN;
	} else {
		return no_list(err);
	}
	return 0;
}

/* A value of another member: walks to the comma or bracket that ends it. Returns its last byte. */
static const char *take_other(struct bw_kube_cut *c, const char *p, const char *end)
{
	while (p < end) {
		if (c->in_string || c->depth > 1 || *p == '"' || *p == '{' || *p == '[') {
			const char *one = p + 1;

			(void)walk(c, &p, one, 1); /* the next byte decides, ignoring */
			continue;
		}
		if (*p == ',' || *p == '}') {
			c->state = *p == ',' ? KEY : AFTER;
			return p + 1;
		}
		p++;
	}
	return p;
}

static int take_between(struct bw_kube_cut *c, const char **p, struct bw_err *err)
{
	char ch = **p;

	if (ch == '{') {
		c->state = ITEM;
		return 0;
	}
	if (ch != ']' && ch != ',' && !lex_is_space(ch))
		return no_list(err);
	(*p)++;
	if (ch != ']')
		return 0;
	c->state = OTHER;
	return keep(&c->rest, "]", 1, BW_KUBE_REST_MAX, err);
}

static int take_item(struct bw_kube_cut *c, const char **p, const char *end, struct bw_err *err)
{
	const char *start = *p;

	if (!walk(c, p, end, 1))
		return keep(&c->part, start, (size_t)(*p - start), BW_KUBE_OBJECT_MAX, err);
	c->state = BETWEEN;
	return emit(c, start, (size_t)(*p - start), err);
}

/* Whether the byte behind a colon begins a value that is walked over as a whole. */
static int begins_other(const struct bw_kube_cut *c, char ch)
{
	if (c->state != VALUE || lex_is_space(ch))
		return 0;
	return ch != '[' || c->key_len != strlen(ITEMS_KEY) ||
	       memcmp(c->key, ITEMS_KEY, c->key_len) != 0;
}

static int feed_items(struct bw_kube_cut *c, const char *p, size_t size, struct bw_err *err)
{
	const char *end = p + size;
	int r = 0;

	while (r >= 0 && p < end) {
		const char *start = p;

		if (begins_other(c, *p))
			c->state = OTHER;
		if (c->state == ITEM) {
			r = take_item(c, &p, end, err);
		} else if (c->state == BETWEEN) {
			r = take_between(c, &p, err);
		} else if (c->state == AFTER) {
			r = is_blank(p, (size_t)(end - p)) ? 0 : no_list(err);
			p = end;
		} else {
			if (c->state == OTHER)
				p = take_other(c, p, end);
			else
				r = take_outer(c, *p++, err);
			if (r == 0)
				r = keep(&c->rest, start, (size_t)(p - start), BW_KUBE_REST_MAX,
					 err);
		}
	}
	return r;
}

int bw_kube_cut_feed(struct bw_kube_cut *c, const char *data, size_t size, struct bw_err *err)
{
	return c->mode == BW_KUBE_CUT_LINES ? feed_lines(c, data, size, err)
					    : feed_items(c, data, size, err);
}

int bw_kube_cut_end(struct bw_kube_cut *c, struct bw_err *err)
{
	int whole = c->mode == BW_KUBE_CUT_LINES ? !c->part.size : c->state == AFTER;

	return whole ? 0
		     : bw_reject(err, BW_ERR_DECODE, EBADMSG,
				 "the API server's answer ends in the middle of a document");
}

struct bw_kube_slice bw_kube_cut_rest(const struct bw_kube_cut *c)
{
	return (struct bw_kube_slice){ c->rest.data ? c->rest.data : "", c->rest.size };
}
