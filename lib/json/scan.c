/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A strict reader of JSON text that builds nothing: it walks the document once with a bit per open
 * bracket, so cJSON only ever sees text that is well formed and not too deep.
 */
#include <string.h>

#include <bw/err.h>
#include <bw/json.h>
#include <bw/utf8.h>

struct scan {
	const unsigned char *p;
	const unsigned char *end;
	const unsigned char *start;
	const char *problem;
};

static int problem(struct scan *s, const char *text)
{
	s->problem = text;
	return -EBADMSG;
}

static void skip_space(struct scan *s)
{
	while (s->p < s->end && (*s->p == ' ' || *s->p == '\t' || *s->p == '\n' || *s->p == '\r'))
		s->p++;
}

static int is_digit(const struct scan *s)
{
	return s->p < s->end && *s->p >= '0' && *s->p <= '9';
}

static int scan_digits(struct scan *s)
{
	if (!is_digit(s))
		return problem(s, "a digit is missing in a number");
	while (is_digit(s))
		s->p++;
	return 0;
}

static int scan_number(struct scan *s)
{
	int r;

	if (*s->p == '-')
		s->p++;
	if (s->p < s->end && *s->p == '0') {
		s->p++;
		if (is_digit(s))
			return problem(s, "a number starts with 0");
	} else {
		r = scan_digits(s);
		if (r < 0)
			return r;
	}
	if (s->p < s->end && *s->p == '.') {
		s->p++;
		r = scan_digits(s);
		if (r < 0)
			return r;
	}
	if (s->p < s->end && (*s->p == 'e' || *s->p == 'E')) {
		s->p++;
		if (s->p < s->end && (*s->p == '+' || *s->p == '-'))
			s->p++;
		return scan_digits(s);
	}
	return 0;
}

/* Four hex digits; -1 when they are not. */
static int hex4(struct scan *s)
{
	int value = 0;

	if (s->end - s->p < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		unsigned char c = *s->p++;
		int digit;

		if (c >= '0' && c <= '9')
			digit = c - '0';
		else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
			digit = (c | 0x20) - 'a' + 10;
		else
			return -1;
		value = value * 16 + digit;
	}
	return value;
}

/* After the backslash and the u. Surrogates: RFC 8259 section 7. */
static int scan_unicode(struct scan *s)
{
	int code = hex4(s);

	if (code < 0)
		return problem(s, "\\u needs four hex digits");
	if (code == 0)
		return problem(s, "the character U+0000 is not allowed");
	if (code >= 0xdc00 && code <= 0xdfff)
		return problem(s, "an unpaired surrogate");
	if (code < 0xd800 || code > 0xdbff)
		return 0;
	if (s->end - s->p < 6 || s->p[0] != '\\' || s->p[1] != 'u')
		return problem(s, "an unpaired surrogate");
	s->p += 2;
	code = hex4(s);
	return code >= 0xdc00 && code <= 0xdfff ? 0 : problem(s, "an unpaired surrogate");
}

static int scan_escape(struct scan *s)
{
	s->p++;
	if (s->p == s->end)
		return problem(s, "a string does not end");
	if (*s->p == 'u') {
		s->p++;
		return scan_unicode(s);
	}
	if (*s->p == '\0' || !strchr("\"\\/bfnrt", *s->p))
		return problem(s, "an unknown escape in a string");
	s->p++;
	return 0;
}

static int scan_utf8(struct scan *s)
{
	size_t n = bw_utf8_len(s->p, (size_t)(s->end - s->p));

	if (n == 0)
		return problem(s, "bytes that are no UTF-8");
	s->p += n;
	return 0;
}

static int scan_string(struct scan *s)
{
	for (s->p++; s->p < s->end;) {
		int r = 0;

		if (*s->p == '"') {
			s->p++;
			return 0;
		}
		if (*s->p < ' ')
			return problem(s, "a control character in a string");
		if (*s->p == '\\')
			r = scan_escape(s);
		else if (*s->p >= 0x80)
			r = scan_utf8(s);
		else
			s->p++;
		if (r < 0)
			return r;
	}
	return problem(s, "a string does not end");
}

static int scan_word(struct scan *s)
{
	static const char *const words[] = { "true", "false", "null" };

	for (size_t i = 0; i < BW_ARRAY_SIZE(words); i++) {
		size_t len = strlen(words[i]);

		if ((size_t)(s->end - s->p) >= len && memcmp(s->p, words[i], len) == 0) {
			s->p += len;
			return 0;
		}
	}
	return problem(s, "a value is missing or misspelt");
}

/* "key": up to its value. */
static int scan_key(struct scan *s)
{
	int r;

	skip_space(s);
	if (s->p == s->end || *s->p != '"')
		return problem(s, "a key in quotes is missing");
	r = scan_string(s);
	if (r < 0)
		return r;
	skip_space(s);
	if (s->p == s->end || *s->p != ':')
		return problem(s, "a colon is missing after a key");
	s->p++;
	return 0;
}

/* After a value: commas go on, brackets close. Returns 1 when another value follows. */
static int scan_after(struct scan *s, uint64_t objects, unsigned int *depth)
{
	while (*depth > 0) {
		int object = (int)(objects >> (*depth - 1) & 1);

		skip_space(s);
		if (s->p == s->end)
			return problem(s, object ? "a } is missing" : "a ] is missing");
		if (*s->p == ',') {
			int r;

			s->p++;
			r = object ? scan_key(s) : 0;
			return r < 0 ? r : 1;
		}
		if (*s->p != (object ? '}' : ']'))
			return problem(s, object ? "expected , or }" : "expected , or ]");
		s->p++;
		(*depth)--;
	}
	return 0;
}

/* An opening bracket. Returns 1 when a value follows, 0 when it closed at once. */
static int scan_open(struct scan *s, uint64_t *objects, unsigned int *depth)
{
	int object = *s->p == '{';
	int r;

	if (*depth == BW_JSON_DEPTH_MAX)
		return problem(s, "objects and arrays are nested too deep");
	s->p++;
	skip_space(s);
	if (s->p < s->end && *s->p == (object ? '}' : ']')) {
		s->p++;
		return 0;
	}
	if (object)
		*objects |= 1ULL << *depth;
	else
		*objects &= ~(1ULL << *depth);
	(*depth)++;
	r = object ? scan_key(s) : 0;
	return r < 0 ? r : 1;
}

static int scan_document(struct scan *s)
{
	uint64_t objects = 0; /* bit n: the bracket at depth n + 1 is an object's */
	unsigned int depth = 0;
	int more = 1;

	while (more > 0) {
		skip_space(s);
		if (s->p == s->end)
			return problem(s, "a value is missing");
		if (*s->p == '{' || *s->p == '[') {
			more = scan_open(s, &objects, &depth);
			if (more != 0)
				continue;
		} else if (*s->p == '"') {
			more = scan_string(s);
		} else if (*s->p == '-' || is_digit(s)) {
			more = scan_number(s);
		} else {
			more = scan_word(s);
		}
		if (more == 0)
			more = scan_after(s, objects, &depth);
	}
	if (more < 0)
		return more;
	skip_space(s);
	return s->p == s->end ? 0 : problem(s, "something follows the document");
}

int bw_json_scan(const char *text, size_t size, struct bw_err *err)
{
	struct scan s = { 0 };
	size_t line = 1, column = 1;
	int r;

	if (size > BW_JSON_TEXT_MAX)
		return bw_reject(err, BW_ERR_DECODE, EBADMSG,
				 "JSON document has %zu bytes, at most %u are allowed", size,
				 BW_JSON_TEXT_MAX);
	s.start = s.p = (const unsigned char *)text;
	s.end = s.start + size;
	r = scan_document(&s);
	if (r == 0)
		return 0;
	for (const unsigned char *p = s.start; p < s.p && p < s.end; p++) {
		column = *p == '\n' ? 1 : column + 1;
		line += *p == '\n';
	}
	return bw_reject(err, BW_ERR_DECODE, EBADMSG, "no valid JSON: line %zu, column %zu: %s",
			 line, column, s.problem);
}

void bw_json_clean(char *text)
{
	struct scan s = { .p = (const unsigned char *)text };

	s.end = s.p + strlen(text);
	for (char *p = text; *p; p = text + ((const char *)s.p - text)) {
		if ((unsigned char)*p >= 0x80 && scan_utf8(&s) == 0)
			continue;
		if ((unsigned char)*p >= 0x80 || (unsigned char)*p < ' ' || *p == 0x7f)
			*p = '?';
		s.p++;
	}
}
