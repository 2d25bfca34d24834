/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A template and its names become a text. The same walk runs three times: to check the names, to
 * count the bytes, and to write them into a buffer that never moves.
 */
#include <string.h>

#include <bw/err.h>

#include "tmpl.h"

#define LIKE_MAX 2 /* letters that may differ between what was written and what was meant */
#define LIKE_LEN_MAX 64 /* characters of names that are compared so */

/* Where names are looked for: the innermost first. */
struct scope {
	const struct scope *outer; /* NULL = this is the whole set */
	const struct tmpl_value *list; /* whose item we are in */
	const struct bw_tmpl_names *names; /* the item's, or the set's; NULL = fields alone count */
	size_t item;
};

struct walk {
	const struct bw_tmpl *t;
	struct bw_err *err;
	char *out; /* NULL = only counting, or checking */
	size_t size;
	unsigned int steps;
	int checking;
	int secret;
};

static int has_field(const struct tmpl_value *list, const char *name)
{
	for (size_t i = 0; list && list->fields[i]; i++)
		if (strcmp(list->fields[i], name) == 0)
			return 1;
	return 0;
}

/* How many letters differ, counted up to more than LIKE_MAX; both at most LIKE_LEN_MAX long. */
static unsigned int distance(const char *a, const char *b)
{
	unsigned int row[LIKE_LEN_MAX + 1];
	size_t na = strlen(a), nb = strlen(b);

	if (na > LIKE_LEN_MAX || nb > LIKE_LEN_MAX)
		return LIKE_MAX + 1;
	for (size_t j = 0; j <= nb; j++)
		row[j] = (unsigned int)j;
	for (size_t i = 1; i <= na; i++) {
		unsigned int diagonal = row[0];

		row[0] = (unsigned int)i;
		for (size_t j = 1; j <= nb; j++) {
			unsigned int best = diagonal + (a[i - 1] != b[j - 1]);

			diagonal = row[j];
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
		}
	}
	return row[nb];
}

static void prefer(const char *name, const char *known, const char **best, unsigned int *score)
{
	unsigned int d = distance(name, known);

	/* Of a short name little must differ. */
	if (d < *score && (size_t)d * 2 < strlen(name)) {
		*score = d;
		*best = known;
	}
}

static int unknown(const struct walk *w, const struct scope *s, const struct tmpl_node *node)
{
	const char *name = w->t->names + node->at;
	unsigned int score = LIKE_MAX + 1;
	const char *best = NULL;

	for (; s; s = s->outer) {
		for (size_t i = 0; s->list && s->list->fields[i]; i++)
			prefer(name, s->list->fields[i], &best, &score);
		for (size_t i = 0; !s->outer && s->names && i < s->names->n; i++)
			prefer(name, s->names->values[i].name, &best, &score);
	}
	return bw_reject(w->err, BW_ERR_INVALID, EINVAL, "line %u: unknown name %.200s%s%s%s",
			 node->line, name, best ? "; is " : "", best ? best : "",
			 best ? " meant?" : "");
}

/*
 * What a name stands for here. While names are checked a field is known without a value: @ret is
 * NULL then.
 */
static int look_up(const struct walk *w, const struct scope *s, const struct tmpl_node *node,
		   const struct tmpl_value **ret)
{
	const char *name = w->t->names + node->at;
	const struct scope *innermost = s;

	for (; s; s = s->outer) {
		*ret = s->names ? tmpl_find(s->names, name) : NULL;
		if (*ret)
			return 0;
		if (!has_field(s->list, name))
			continue;
		if (w->checking)
			return 0;
		return bw_reject(w->err, BW_ERR_INVALID, EINVAL,
				 "line %u: item %zu of %s has no %.200s", node->line, s->item + 1,
				 s->list->name, name);
	}
	return unknown(w, innermost, node);
}

static int put(struct walk *w, const char *text, size_t size)
{
	if (size > BW_TMPL_OUTPUT_MAX - w->size)
		return bw_reject(w->err, BW_ERR_INVALID, E2BIG,
				 "what the template makes is larger than %u bytes",
				 BW_TMPL_OUTPUT_MAX);
	if (w->out)
		memcpy(w->out + w->size, text, size);
	w->size += size;
	return 0;
}

static int step(struct walk *w)
{
	if (w->steps++ < BW_TMPL_STEPS_MAX)
		return 0;
	return bw_reject(w->err, BW_ERR_INVALID, E2BIG,
			 "the template's lists inside lists make more than %u pieces",
			 BW_TMPL_STEPS_MAX);
}

static int walk(struct walk *w, const struct scope *s, size_t from, size_t to);

static int put_name(struct walk *w, const struct scope *s, const struct tmpl_node *node)
{
	const struct tmpl_value *v;
	const char *name = w->t->names + node->at;
	int r = look_up(w, s, node, &v);

	if (r < 0 || !v)
		return r;
	if (!v->text)
		return bw_reject(
			w->err, BW_ERR_INVALID, EINVAL,
			"line %u: %s is a list: write {{#%s}} before and {{/%s}} after what "
			"each item is to become",
			node->line, name, name, name);
	if (w->checking)
		return 0;
	w->secret |= (v->flags & BW_TMPL_F_SECRET) != 0;
	return put(w, v->text, strlen(v->text));
}

/* A section of a list: once for each item. NOLINTNEXTLINE(misc-no-recursion): bounded depth */
static int put_items(struct walk *w, const struct scope *s, const struct tmpl_value *list, size_t i)
{
	struct scope inner = { .outer = s, .list = list };
	int r = 0;

	if (w->checking)
		return walk(w, &inner, i + 1, w->t->nodes[i].end);
	for (inner.item = 0; r == 0 && inner.item < list->n_items; inner.item++) {
		inner.names = list->items[inner.item];
		r = step(w);
		if (r == 0)
			r = walk(w, &inner, i + 1, w->t->nodes[i].end);
	}
	return r;
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the parser lets sections be */
static int put_section(struct walk *w, const struct scope *s, size_t i)
{
	const struct tmpl_node *node = &w->t->nodes[i];
	const struct tmpl_value *v;
	int r = look_up(w, s, node, &v);
	int has;

	if (r < 0)
		return r;
	if (v && !v->text && node->kind == TMPL_SECTION)
		return put_items(w, s, v, i);
	has = v && (v->text ? v->text[0] != '\0' : v->n_items > 0);
	/* Whether a secret is empty is told by what the output has. */
	if (v && !w->checking)
		w->secret |= (v->flags & BW_TMPL_F_SECRET) != 0;
	if (w->checking || has == (node->kind == TMPL_SECTION))
		return walk(w, s, i + 1, node->end);
	return 0;
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the parser lets sections be */
static int walk(struct walk *w, const struct scope *s, size_t from, size_t to)
{
	int r = 0;

	for (size_t i = from; r == 0 && i < to; i++) {
		const struct tmpl_node *node = &w->t->nodes[i];

		r = step(w);
		if (r < 0)
			break;
		switch (node->kind) {
		case TMPL_TEXT:
			r = w->checking ? 0 : put(w, w->t->source + node->at, node->size);
			break;
		case TMPL_NAME:
			r = put_name(w, s, node);
			break;
		case TMPL_SECTION:
		case TMPL_INVERTED:
			r = put_section(w, s, i);
			i = node->end - 1;
			break;
		case TMPL_KIND_MAX_:
			break;
		}
	}
	return r;
}

static int run(struct walk *w, const struct bw_tmpl_names *n)
{
	struct scope all = { .names = n };

	w->size = 0;
	w->steps = 0;
	return walk(w, &all, 0, w->t->n_nodes);
}

int bw_tmpl_check(const struct bw_tmpl *t, const struct bw_tmpl_names *n, struct bw_err *err)
{
	struct walk w = { .t = t, .err = err, .checking = 1 };

	return run(&w, n);
}

void bw_tmpl_out_done(struct bw_tmpl_out *o)
{
	if (o->secret && o->text.data)
		explicit_bzero(o->text.data, o->text.cap);
	bw_buf_done(&o->text);
	o->secret = 0;
}

int bw_tmpl_render(const struct bw_tmpl *t, const struct bw_tmpl_names *n, struct bw_tmpl_out *ret,
		   struct bw_err *err)
{
	struct walk w = { .t = t, .err = err };
	struct bw_tmpl_out out = { 0 };
	int r = bw_tmpl_check(t, n, err);

	if (r == 0)
		r = run(&w, n);
	if (r < 0)
		return r;
	if (bw_buf_reserve(&out.text, w.size) < 0)
		return bw_fail(err, ENOMEM, "make a text of a template");
	w.out = out.text.data;
	r = run(&w, n);
	out.text.size = w.size;
	out.text.data[w.size] = '\0';
	out.secret = w.secret;
	if (r < 0) {
		bw_tmpl_out_done(&out);
		return r;
	}
	*ret = out;
	return 0;
}
