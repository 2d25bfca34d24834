/* SPDX-License-Identifier: Apache-2.0 */
/* Where JSON tokens end. Source of the grammar: RFC 8259. */
#include <string.h>

#include <bw/err.h>
#include <bw/kube_text.h>

#include "text_lex.h"

static int is_digit(const struct lex *l)
{
	return l->p < l->end && *l->p >= '0' && *l->p <= '9';
}

static int is_hex(char c)
{
	return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

static int lex_escape(struct lex *l)
{
	char c;

	if (l->p == l->end)
		return -EBADMSG;
	c = *l->p++;
	if (c != 'u')
		return c && strchr("\"\\/bfnrt", c) ? 0 : -EBADMSG;
	for (int i = 0; i < 4; i++) {
		if (l->p == l->end || !is_hex(*l->p))
			return -EBADMSG;
		l->p++;
	}
	return 0;
}

int lex_string(struct lex *l)
{
	if (!lex_take(l, '"'))
		return -EBADMSG;
	while (l->p < l->end) {
		unsigned char c = (unsigned char)*l->p++;

		if (c == '"')
			return 0;
		if (c < ' ' || (c == '\\' && lex_escape(l) < 0))
			return -EBADMSG;
	}
	return -EBADMSG;
}

static int lex_digits(struct lex *l)
{
	if (!is_digit(l))
		return -EBADMSG;
	while (is_digit(l))
		l->p++;
	return 0;
}

static int lex_number(struct lex *l)
{
	(void)lex_take(l, '-'); /* there or not, ignoring */
	if (!lex_take(l, '0') && lex_digits(l) < 0)
		return -EBADMSG;
	if (lex_take(l, '.') && lex_digits(l) < 0)
		return -EBADMSG;
	if (!lex_take(l, 'e') && !lex_take(l, 'E'))
		return 0;
	if (!lex_take(l, '+'))
		(void)lex_take(l, '-'); /* there or not, ignoring */
	return lex_digits(l);
}

int lex_scalar(struct lex *l)
{
	static const char *const words[] = { "true", "false", "null" };

	for (size_t i = 0; i < BW_ARRAY_SIZE(words); i++) {
		size_t len = strlen(words[i]);

		if ((size_t)(l->end - l->p) >= len && memcmp(l->p, words[i], len) == 0) {
			l->p += len;
			return 0;
		}
	}
	return lex_number(l);
}

int lex_key(struct lex *l, const char **ret_start, size_t *ret_size)
{
	lex_space(l);
	*ret_start = l->p;
	if (lex_string(l) < 0)
		return -EBADMSG;
	*ret_size = (size_t)(l->p - *ret_start);
	lex_space(l);
	return lex_take(l, ':') ? 0 : -EBADMSG;
}

/* The containers that have begun, outermost first: one bit each, 1 = an object. */
struct nest {
	unsigned int depth;
	uint64_t is_object[BW_KUBE_TEXT_DEPTH_MAX / 64];
};
_Static_assert(BW_KUBE_TEXT_DEPTH_MAX % 64 == 0, "whole words of bits");

static void put(char **out, const char *start, size_t size)
{
	if (!out)
		return;
	memcpy(*out, start, size);
	*out += size;
}

static int push(struct lex *l, struct nest *n, char **out)
{
	uint64_t bit = 1ULL << (n->depth % 64);

	if (n->depth == BW_KUBE_TEXT_DEPTH_MAX)
		return -EBADMSG;
	if (*l->p == '{')
		n->is_object[n->depth / 64] |= bit;
	else
		n->is_object[n->depth / 64] &= ~bit;
	n->depth++;
	put(out, l->p++, 1);
	return 0;
}

static int in_object(const struct nest *n)
{
	return n->is_object[(n->depth - 1) / 64] >> ((n->depth - 1) % 64) & 1;
}

/* Ends containers as long as they end here. Returns whether one did. */
static int pop(struct lex *l, struct nest *n, char **out)
{
	unsigned int before = n->depth;

	while (n->depth) {
		lex_space(l);
		if (!lex_take(l, in_object(n) ? '}' : ']'))
			break;
		put(out, l->p - 1, 1);
		n->depth--;
	}
	return n->depth < before;
}

static int member(struct lex *l, const struct nest *n, char **out)
{
	const char *key;
	size_t size;

	if (!n->depth || !in_object(n))
		return 0;
	if (lex_key(l, &key, &size) < 0)
		return -EBADMSG;
	put(out, key, size);
	put(out, ":", 1);
	return 0;
}

/* From a value to what follows it: another one, in the same container or in one further out. */
static int after(struct lex *l, struct nest *n, char **out)
{
	(void)pop(l, n, out); /* none need end here, ignoring */
	if (!n->depth)
		return 0;
	if (!lex_take(l, ','))
		return -EBADMSG;
	put(out, ",", 1);
	return member(l, n, out);
}

static int container(struct lex *l, char **out)
{
	struct nest n = { 0 };
	int r = 0;

	do {
		const char *start;

		lex_space(l);
		start = l->p;
		if (start == l->end)
			return -EBADMSG;
		if (*start == '{' || *start == '[') {
			r = push(l, &n, out);
			if (r == 0)
				r = pop(l, &n, out) ? after(l, &n, out) : member(l, &n, out);
			continue;
		}
		r = *start == '"' ? lex_string(l) : lex_scalar(l);
		if (r < 0)
			return r;
		put(out, start, (size_t)(l->p - start));
		r = after(l, &n, out);
	} while (r == 0 && n.depth);
	return r;
}

static int value(struct lex *l, char **out)
{
	const char *start;

	lex_space(l);
	start = l->p;
	if (start == l->end)
		return -EBADMSG;
	if (*start == '{' || *start == '[')
		return container(l, out);
	if ((*start == '"' ? lex_string(l) : lex_scalar(l)) < 0)
		return -EBADMSG;
	put(out, start, (size_t)(l->p - start));
	return 0;
}

int lex_value(struct lex *l)
{
	return value(l, NULL);
}

int lex_compact(struct lex *l, char **out)
{
	return value(l, out);
}

int lex_copy_begin(struct lex_copy *c, const char *text, size_t size, struct bw_buf *ret,
		   struct bw_err *err)
{
	if (size > BW_KUBE_OBJECT_MAX)
		return bw_reject(err, BW_ERR_DECODE, EFBIG,
				 "an object has %zu bytes, at most %u are allowed", size,
				 BW_KUBE_OBJECT_MAX);
	if (bw_buf_reserve(ret, size) < 0)
		return bw_fail(err, ENOMEM, "keep an object of %zu bytes", size);
	*c = (struct lex_copy){ { text, text + size }, ret->data + ret->size };
	return 0;
}

int lex_copy_end(struct lex_copy *c, int r, const char *text, size_t size, struct bw_buf *ret,
		 struct bw_err *err)
{
	lex_space(&c->l);
	if (r < 0 || c->l.p != c->l.end) {
		ret->data[ret->size] = '\0';
		return bw_reject(err, BW_ERR_DECODE, EBADMSG, "no valid JSON at byte %zu of %zu",
				 (size_t)(c->l.p - text), size);
	}
	*c->out = '\0';
	ret->size = (size_t)(c->out - ret->data);
	return 0;
}
