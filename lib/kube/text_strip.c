/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An object's text without white space, managedFields and the last applied configuration: one walk
 * that copies tokens into a buffer as large as the text.
 */
#include <string.h>

#include <bw/err.h>
#include <bw/kube_text.h>

#include "text_lex.h"

/* Where the walk is, as far as anything is taken out there. */
enum place {
	ELSEWHERE,
	ROOT,
	METADATA,
	ANNOTATIONS,
};

static const struct {
	enum place place;
	const char *key; /* with its quotes */
	enum place next; /* inside the value; ELSEWHERE: the value is taken out when .drop */
	int drop;
} rules[] = {
	{ ROOT, "\"metadata\"", METADATA, 0 },
	{ METADATA, "\"annotations\"", ANNOTATIONS, 0 },
	{ METADATA, "\"managedFields\"", ELSEWHERE, 1 },
	{ ANNOTATIONS, "\"kubectl.kubernetes.io/last-applied-configuration\"", ELSEWHERE, 1 },
};

static void copy(struct lex_copy *s, const char *start, size_t size)
{
	memcpy(s->out, start, size);
	s->out += size;
}

static int strip_object(struct lex_copy *s, enum place place);

/* Only the objects on the way to what is taken out are looked into. */
static int strip_value(struct lex_copy *s, enum place place)
{
	lex_space(&s->l);
	if (place == ELSEWHERE || s->l.p == s->l.end || *s->l.p != '{')
		return lex_compact(&s->l, &s->out);
	return strip_object(s, place);
}

/* One member of an object. Returns 1 when it was taken out. */
static int strip_member(struct lex_copy *s, enum place place, int first)
{
	enum place next = ELSEWHERE;
	const char *key;
	size_t size;

	if (lex_key(&s->l, &key, &size) < 0)
		return -EBADMSG;
	for (size_t i = 0; i < BW_ARRAY_SIZE(rules); i++) {
		if (rules[i].place != place || strlen(rules[i].key) != size ||
		    memcmp(rules[i].key, key, size) != 0)
			continue;
		if (rules[i].drop)
			return lex_value(&s->l) < 0 ? -EBADMSG : 1;
		next = rules[i].next;
	}
	if (!first)
		*s->out++ = ',';
	copy(s, key, size);
	*s->out++ = ':';
	return strip_value(s, next);
}

static int strip_object(struct lex_copy *s, enum place place)
{
	int first = 1;

	*s->out++ = *s->l.p++;
	lex_space(&s->l);
	if (lex_take(&s->l, '}')) {
		*s->out++ = '}';
		return 0;
	}
	for (;;) {
		int r = strip_member(s, place, first);

		if (r < 0)
			return r;
		first &= r;
		lex_space(&s->l);
		if (lex_take(&s->l, '}'))
			break;
		if (!lex_take(&s->l, ','))
			return -EBADMSG;
	}
	*s->out++ = '}';
	return 0;
}

int bw_kube_text_strip(const char *text, size_t size, struct bw_buf *ret, struct bw_err *err)
{
	struct lex_copy s;
	int r = lex_copy_begin(&s, text, size, ret, err);

	return r < 0 ? r : lex_copy_end(&s, strip_value(&s, ROOT), text, size, ret, err);
}
