/* SPDX-License-Identifier: Apache-2.0 */
/* Where JSON tokens end. Source of the grammar: RFC 8259. */
#include <string.h>

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

static int lex_nested(struct lex *l, unsigned int depth);

static int lex_container(struct lex *l, unsigned int depth)
{
	char close = *l->p == '{' ? '}' : ']';
	const char *key;
	size_t size;

	if (depth == BW_KUBE_TEXT_DEPTH_MAX)
		return -EBADMSG;
	l->p++;
	lex_space(l);
	if (lex_take(l, close))
		return 0;
	for (;;) {
		if (close == '}' && lex_key(l, &key, &size) < 0)
			return -EBADMSG;
		if (lex_nested(l, depth + 1) < 0)
			return -EBADMSG;
		lex_space(l);
		if (lex_take(l, close))
			return 0;
		if (!lex_take(l, ','))
			return -EBADMSG;
	}
}

static int lex_nested(struct lex *l, unsigned int depth)
{
	lex_space(l);
	if (l->p == l->end)
		return -EBADMSG;
	if (*l->p == '{' || *l->p == '[')
		return lex_container(l, depth);
	return *l->p == '"' ? lex_string(l) : lex_scalar(l);
}

int lex_value(struct lex *l)
{
	return lex_nested(l, 0);
}
