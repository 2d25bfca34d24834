/* SPDX-License-Identifier: Apache-2.0 */
/* Values of a text by their path, without a tree. */
#include <stdarg.h>
#include <string.h>

#include <bw/kube_text.h>

#include "text_lex.h"

int bw_kube_iter_init(struct bw_kube_iter *it, struct bw_kube_slice in)
{
	struct lex l = { in.p, in.p + in.size };

	lex_space(&l);
	if (l.p == l.end || (*l.p != '{' && *l.p != '['))
		return -EINVAL;
	*it = (struct bw_kube_iter){
		.p = l.p + 1,
		.end = l.end,
		.close = *l.p == '{' ? '}' : ']',
	};
	return 0;
}

int bw_kube_iter_next(struct bw_kube_iter *it, struct bw_kube_slice *ret_key,
		      struct bw_kube_slice *ret_value)
{
	struct lex l = { it->p, it->end };
	struct bw_kube_slice key = { l.p, 0 };
	const char *start;

	if (!it->close)
		return 0;
	lex_space(&l);
	if (lex_take(&l, it->close)) {
		it->p = l.p;
		it->close = 0;
		return 0;
	}
	if (it->started && !lex_take(&l, ','))
		return -EBADMSG;
	if (it->close == '}' && lex_key(&l, &key.p, &key.size) < 0)
		return -EBADMSG;
	lex_space(&l);
	start = l.p;
	if (lex_value(&l) < 0)
		return -EBADMSG;
	it->p = l.p;
	it->started = 1;
	if (ret_key)
		*ret_key = key;
	*ret_value = (struct bw_kube_slice){ start, (size_t)(l.p - start) };
	return 1;
}

static int get_member(struct bw_kube_slice *in, const char *name)
{
	struct bw_kube_iter it;
	struct bw_kube_slice key, value;
	int r;

	if (bw_kube_iter_init(&it, *in) < 0 || it.close != '}')
		return -ENOENT;
	while ((r = bw_kube_iter_next(&it, &key, &value)) > 0) {
		if (!bw_kube_text_is(key, name))
			continue;
		if (value.size == 4 && memcmp(value.p, "null", 4) == 0)
			return -ENOENT;
		*in = value;
		return 0;
	}
	return r < 0 ? r : -ENOENT;
}

int bw_kube_text_get(struct bw_kube_slice in, struct bw_kube_slice *ret, ...)
{
	const char *name;
	va_list ap;
	int r = 0;

	va_start(ap, ret);
	while (r == 0 && (name = va_arg(ap, const char *)))
		r = get_member(&in, name);
	va_end(ap);
	if (r == 0)
		*ret = in;
	return r;
}

/* Unescaping: characters one by one, so that a string can be compared without a copy. */

static unsigned int hex4(const char *p)
{
	unsigned int v = 0;

	for (int i = 0; i < 4; i++) {
		unsigned char c = (unsigned char)p[i];

		v = v * 16 + (unsigned int)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
	}
	return v;
}

/* UTF-8 of @code. Source: RFC 3629 section 3. */
static size_t put_utf8(unsigned int code, char out[4])
{
	size_t n = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
	static const unsigned char lead[] = { 0, 0, 0xc0, 0xe0, 0xf0 };

	for (size_t i = n; i-- > 1;) {
		out[i] = (char)(0x80 | (code & 0x3f));
		code >>= 6;
	}
	out[0] = (char)(lead[n] | code);
	return n;
}

#define REPLACEMENT 0xfffdU /* U+FFFD, for half a surrogate pair */

/* Behind "\u", whose digits lex_string() has checked. Returns bytes written. */
static size_t take_unicode(const char **p, const char *end, char out[4])
{
	unsigned int code = hex4(*p);

	*p += 4;
	if (code >= 0xdc00 && code <= 0xdfff)
		code = REPLACEMENT;
	if (code >= 0xd800 && code <= 0xdbff) {
		unsigned int low = 0;

		if (end - *p >= 6 && (*p)[0] == '\\' && (*p)[1] == 'u')
			low = hex4(*p + 2);
		if (low >= 0xdc00 && low <= 0xdfff) {
			code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
			*p += 6;
		} else {
			code = REPLACEMENT;
		}
	}
	return put_utf8(code, out);
}

/* The next character of a checked string into @out; returns its bytes. */
static size_t take_char(const char **p, const char *end, char out[4])
{
	static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
	const char *known;
	char c = *(*p)++;

	if (c != '\\') {
		out[0] = c;
		return 1;
	}
	c = *(*p)++;
	if (c == 'u')
		return take_unicode(p, end, out);
	known = memchr(from, c, sizeof(from) - 1);
	out[0] = known ? to[known - from] : c;
	return 1;
}

/* The text between the quotes of a whole string. */
static int string_body(struct bw_kube_slice in, const char **ret_p, const char **ret_end)
{
	struct lex l = { in.p, in.p + in.size };
	const char *start;

	lex_space(&l);
	if (l.p == l.end || *l.p != '"')
		return -EINVAL;
	start = l.p;
	if (lex_string(&l) < 0)
		return -EBADMSG;
	*ret_p = start + 1;
	*ret_end = l.p - 1;
	return 0;
}

int bw_kube_text_str(struct bw_kube_slice in, char *ret, size_t cap)
{
	const char *p, *end;
	size_t size = 0;
	char one[4];
	int r = string_body(in, &p, &end);

	if (r < 0)
		return r;
	/* Measured first: what is not taken leaves @ret as it was. */
	for (const char *q = p; q < end;) {
		size_t n = take_char(&q, end, one);

		if (n == 1 && one[0] == '\0')
			return -EINVAL;
		size += n;
	}
	if (size >= cap)
		return -ENAMETOOLONG;
	while (p < end) {
		size_t n = take_char(&p, end, one);

		memcpy(ret, one, n);
		ret += n;
	}
	*ret = '\0';
	return 0;
}

int bw_kube_text_strdup(struct bw_kube_slice in, char **ret)
{
	bw_autofree char *copy = NULL;
	int r;

	/* Unescaping never makes a text longer. */
	copy = malloc(in.size + 1);
	if (!copy)
		return -ENOMEM;
	r = bw_kube_text_str(in, copy, in.size + 1);
	if (r < 0)
		return r;
	*ret = BW_TAKE_PTR(copy);
	return 0;
}

int bw_kube_text_is(struct bw_kube_slice in, const char *text)
{
	const char *p, *end;
	char one[4];

	if (string_body(in, &p, &end) < 0)
		return 0;
	while (p < end) {
		size_t n = take_char(&p, end, one);

		if (strncmp(text, one, n) != 0 || one[0] == '\0')
			return 0;
		text += n;
	}
	return *text == '\0';
}

int bw_kube_text_int(struct bw_kube_slice in, int64_t *ret)
{
	struct lex l = { in.p, in.p + in.size };
	uint64_t limit = INT64_MAX;
	uint64_t v = 0;
	int negative;

	lex_space(&l);
	negative = lex_take(&l, '-');
	limit += (unsigned int)negative;
	if (l.p == l.end)
		return -EINVAL;
	for (; l.p < l.end && !lex_is_space(*l.p); l.p++) {
		unsigned int digit = (unsigned int)(unsigned char)*l.p - '0';

		if (digit > 9)
			return -EINVAL;
		if (v > (limit - digit) / 10)
			return -ERANGE;
		v = v * 10 + digit;
	}
	*ret = negative ? (int64_t)(0 - v) : (int64_t)v;
	return 0;
}

int bw_kube_text_bool(struct bw_kube_slice in, int *ret)
{
	if (in.size == 4 && memcmp(in.p, "true", 4) == 0)
		*ret = 1;
	else if (in.size == 5 && memcmp(in.p, "false", 5) == 0)
		*ret = 0;
	else
		return -EINVAL;
	return 0;
}
