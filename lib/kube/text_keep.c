/* SPDX-License-Identifier: Apache-2.0 */
/* An object's text with nothing but what somebody reads: a walk along a tree of names. */
#include <string.h>

#include <bw/err.h>
#include <bw/kube_text.h>

#include "text_lex.h"

static void put(struct lex_copy *k, const char *start, size_t size)
{
	memcpy(k->out, start, size);
	k->out += size;
}

/* @key has its quotes. */
static const struct bw_kube_keep *find(const struct bw_kube_keep *in, const char *key, size_t size)
{
	for (; in->name; in++) {
		size_t len = strlen(in->name);
		int prefix = len && in->name[len - 1] == '*';

		len -= (size_t)prefix;
		if ((prefix ? size - 2 >= len : size - 2 == len) &&
		    memcmp(in->name, key + 1, len) == 0)
			return in;
	}
	return NULL;
}

static int keep_value(struct lex_copy *k, const struct bw_kube_keep *in);

/* One member. Returns 1 when it was left out. */
static int keep_member(struct lex_copy *k, const struct bw_kube_keep *in, int first)
{
	const struct bw_kube_keep *found;
	const char *key;
	size_t size;

	if (lex_key(&k->l, &key, &size) < 0)
		return -EBADMSG;
	found = find(in, key, size);
	if (!found)
		return lex_value(&k->l) < 0 ? -EBADMSG : 1;
	if (!first)
		put(k, ",", 1);
	put(k, key, size);
	put(k, ":", 1);
	return keep_value(k, found->in);
}

static int keep_object(struct lex_copy *k, const struct bw_kube_keep *in)
{
	int first = 1;

	put(k, k->l.p++, 1);
	lex_space(&k->l);
	if (lex_take(&k->l, '}')) {
		put(k, "}", 1);
		return 0;
	}
	do {
		int r = keep_member(k, in, first);

		if (r < 0)
			return r;
		first &= r;
		lex_space(&k->l);
	} while (lex_take(&k->l, ','));
	if (!lex_take(&k->l, '}'))
		return -EBADMSG;
	put(k, "}", 1);
	return 0;
}

/* Lists of lists are nobody's shape: they are copied, so that nothing recurses with its input. */
static int keep_item(struct lex_copy *k, const struct bw_kube_keep *in)
{
	lex_space(&k->l);
	return k->l.p < k->l.end && *k->l.p == '{' ? keep_object(k, in)
						   : lex_compact(&k->l, &k->out);
}

static int keep_list(struct lex_copy *k, const struct bw_kube_keep *in)
{
	int r;

	put(k, k->l.p++, 1);
	lex_space(&k->l);
	if (lex_take(&k->l, ']')) {
		put(k, "]", 1);
		return 0;
	}
	for (;;) {
		r = keep_item(k, in);
		if (r < 0)
			return r;
		lex_space(&k->l);
		if (!lex_take(&k->l, ','))
			break;
		put(k, ",", 1);
	}
	if (!lex_take(&k->l, ']'))
		return -EBADMSG;
	put(k, "]", 1);
	return 0;
}

/* What has another type than was thought stays as it is: its reader says that it is wrong. */
static int keep_value(struct lex_copy *k, const struct bw_kube_keep *in)
{
	lex_space(&k->l);
	if (in && k->l.p < k->l.end && *k->l.p == '{')
		return keep_object(k, in);
	if (in && k->l.p < k->l.end && *k->l.p == '[')
		return keep_list(k, in);
	return lex_compact(&k->l, &k->out);
}

int bw_kube_text_keep(const char *text, size_t size, const struct bw_kube_keep *what,
		      struct bw_buf *ret, struct bw_err *err)
{
	struct lex_copy k;
	int r = lex_copy_begin(&k, text, size, ret, err);

	return r < 0 ? r : lex_copy_end(&k, keep_value(&k, what), text, size, ret, err);
}
