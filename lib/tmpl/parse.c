/* SPDX-License-Identifier: Apache-2.0 */
/* A template's text as a list of pieces; a section knows where it ends. */
#include <ctype.h>
#include <string.h>

#include <bw/err.h>

#include "tmpl.h"

#define TAG_OPEN "{{"
#define TAG_CLOSE "}}"
#define TAG_MARK 2 /* characters of either */

struct parser {
	struct bw_tmpl *t;
	size_t size;
	size_t at; /* what is before it has been read */
	size_t counted; /* lines up to here are in .line */
	unsigned int line;
	size_t open[BW_TMPL_DEPTH_MAX]; /* nodes of the sections that are open */
	size_t depth;
};

/* One tag: its sign ('\0' = a name, '"' = a literal) and what is in it, without blanks. */
struct tag {
	char sign;
	size_t start;
	size_t body;
	size_t body_size;
	size_t end; /* behind the closing mark */
	unsigned int line;
};

int tmpl_name_valid(const char *name, size_t len)
{
	if (!len || len > BW_TMPL_NAME_MAX)
		return 0;
	if (!isalnum((unsigned char)name[0]) && name[0] != '_')
		return 0;
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)name[i]) && !strchr("_.-", name[i]))
			return 0;
	return name[len - 1] != '.';
}

static unsigned int line_at(struct parser *p, size_t at)
{
	for (; p->counted < at; p->counted++)
		p->line += p->t->source[p->counted] == '\n';
	return p->line;
}

static int is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static int refuse(const struct tag *tag, struct bw_err *err, const char *what)
{
	return bw_reject(err, BW_ERR_INVALID, EINVAL, "line %u: %s", tag->line, what);
}

static int add_node(struct parser *p, const struct tmpl_node *node, struct bw_err *err)
{
	struct bw_tmpl *t = p->t;

	if (t->n_nodes >= 2 * (size_t)BW_TMPL_TAGS_MAX)
		return bw_reject(err, BW_ERR_INVALID, E2BIG, "line %u: more than %u tags",
				 node->line, BW_TMPL_TAGS_MAX);
	if (t->n_nodes == t->cap_nodes) {
		size_t cap = t->cap_nodes ? 2 * t->cap_nodes : 32;
		struct tmpl_node *more = reallocarray(t->nodes, cap, sizeof(*more));

		if (!more)
			return bw_fail(err, ENOMEM, "read a template");
		t->nodes = more;
		t->cap_nodes = cap;
	}
	t->nodes[t->n_nodes++] = *node;
	return 0;
}

static int add_text(struct parser *p, size_t from, size_t to, struct bw_err *err)
{
	struct tmpl_node node = { .kind = TMPL_TEXT,
				  .line = p->line,
				  .at = (uint32_t)from,
				  .size = (uint32_t)(to - from) };

	return to > from ? add_node(p, &node, err) : 0;
}

/* Keeps a name; where it is goes into @ret. */
static int keep_name(struct bw_tmpl *t, const char *name, size_t len, uint32_t *ret,
		     struct bw_err *err)
{
	if (t->names_cap - t->names_size < len + 1) {
		size_t cap = 2 * t->names_cap + len + 64;
		char *more = realloc(t->names, cap);

		if (!more)
			return bw_fail(err, ENOMEM, "read a template");
		t->names = more;
		t->names_cap = cap;
	}
	*ret = (uint32_t)t->names_size;
	memcpy(t->names + t->names_size, name, len);
	t->names[t->names_size + len] = '\0';
	t->names_size += len + 1;
	return 0;
}

/* Where the tag's inside ends: before the closing mark, which a literal may hold too. */
static int find_close(const struct parser *p, struct tag *tag, struct bw_err *err)
{
	const char *s = p->t->source;
	size_t i = tag->body;

	if (tag->sign == '"') {
		const char *quote = memchr(s + i, '"', p->size - i);

		if (!quote)
			return refuse(tag, err, "a literal {{\" has no second quote");
		tag->body_size = (size_t)(quote - s) - i;
		for (i += tag->body_size + 1; i < p->size && is_blank(s[i]); i++)
			;
		if (p->size - i < TAG_MARK || memcmp(s + i, TAG_CLOSE, TAG_MARK) != 0)
			return refuse(tag, err, "a literal must end with \"}}");
		tag->end = i + TAG_MARK;
		return 0;
	}
	for (; i + TAG_MARK <= p->size; i++) {
		if (memcmp(s + i, TAG_CLOSE, TAG_MARK) == 0) {
			tag->body_size = i - tag->body;
			tag->end = i + TAG_MARK;
			return 0;
		}
		if (s[i] == '\n' && tag->sign != '!')
			break;
	}
	return refuse(tag, err, "a {{ has no }} on its line; write {{\"{{\"}} for the text {{");
}

static int read_tag(struct parser *p, size_t start, struct tag *ret, struct bw_err *err)
{
	const char *s = p->t->source;
	struct tag tag = { .start = start, .body = start + TAG_MARK, .line = line_at(p, start) };
	int r;

	if (tag.body < p->size && s[tag.body] == '{')
		return refuse(&tag, err,
			      "{{{ is not known: values are never escaped, {{name}} is enough");
	while (tag.body < p->size && is_blank(s[tag.body]))
		tag.body++;
	if (tag.body < p->size && s[tag.body] && strchr("#^/!\"&>=", s[tag.body]))
		tag.sign = s[tag.body++];
	if (tag.sign && strchr("&>=", tag.sign))
		return bw_reject(err, BW_ERR_INVALID, EINVAL,
				 "line %u: tags of the kind {{%c are not known", tag.line,
				 tag.sign);
	r = find_close(p, &tag, err);
	if (r < 0)
		return r;
	while (tag.sign != '"' && tag.body_size && is_blank(s[tag.body])) {
		tag.body++;
		tag.body_size--;
	}
	while (tag.sign != '"' && tag.body_size && is_blank(s[tag.body + tag.body_size - 1]))
		tag.body_size--;
	*ret = tag;
	return 0;
}

/*
 * A section's or comment's tag that is alone on its line: the text before it ends where the line
 * begins, and what follows begins with the next line.
 */
static void take_line(const struct parser *p, const struct tag *tag, size_t *before, size_t *after)
{
	const char *s = p->t->source;
	size_t from = tag->start;
	size_t to = tag->end;

	while (from > p->at && is_blank(s[from - 1]))
		from--;
	if (from && s[from - 1] != '\n')
		return;
	while (to < p->size && is_blank(s[to]))
		to++;
	if (to + 1 < p->size && s[to] == '\r' && s[to + 1] == '\n')
		to++;
	if (to < p->size && s[to] != '\n')
		return;
	*before = from;
	*after = to < p->size ? to + 1 : to;
}

static int open_section(struct parser *p, const struct tag *tag, struct tmpl_node *node,
			struct bw_err *err)
{
	if (p->depth == BW_TMPL_DEPTH_MAX)
		return bw_reject(err, BW_ERR_INVALID, E2BIG,
				 "line %u: more than %d sections inside each other", tag->line,
				 BW_TMPL_DEPTH_MAX);
	node->kind = tag->sign == '#' ? TMPL_SECTION : TMPL_INVERTED;
	p->open[p->depth++] = p->t->n_nodes;
	return add_node(p, node, err);
}

static int close_section(struct parser *p, const struct tag *tag, struct bw_err *err)
{
	struct bw_tmpl *t = p->t;
	struct tmpl_node *node = p->depth ? &t->nodes[p->open[p->depth - 1]] : NULL;
	const char *name = node ? t->names + node->at : NULL;

	if (!node)
		return bw_reject(err, BW_ERR_INVALID, EINVAL, "line %u: {{/%.*s}} ends no section",
				 tag->line, (int)tag->body_size, t->source + tag->body);
	if (strlen(name) != tag->body_size || memcmp(name, t->source + tag->body, tag->body_size))
		return bw_reject(err, BW_ERR_INVALID, EINVAL,
				 "line %u: {{/%.*s}} where the section %s of line %u is open",
				 tag->line, (int)tag->body_size, t->source + tag->body, name,
				 node->line);
	node->end = (uint32_t)t->n_nodes;
	p->depth--;
	return 0;
}

static int take_tag(struct parser *p, const struct tag *tag, struct bw_err *err)
{
	const char *name = p->t->source + tag->body;
	struct tmpl_node node = { .kind = TMPL_NAME, .line = tag->line };
	int r;

	if (tag->sign == '!')
		return 0;
	if (tag->sign == '"')
		return add_text(p, tag->body, tag->body + tag->body_size, err);
	if (!tmpl_name_valid(name, tag->body_size))
		return bw_reject(err, BW_ERR_INVALID, EINVAL, "line %u: \"%.*s\" is no name",
				 tag->line, tag->body_size < 80 ? (int)tag->body_size : 80, name);
	if (tag->sign == '/')
		return close_section(p, tag, err);
	r = keep_name(p->t, name, tag->body_size, &node.at, err);
	if (r < 0)
		return r;
	return tag->sign ? open_section(p, tag, &node, err) : add_node(p, &node, err);
}

/* The text up to the next tag, and the tag. Return: 1 there is more; 0; -errno. */
static int parse_one(struct parser *p, struct bw_err *err)
{
	const char *s = p->t->source;
	const char *open = memmem(s + p->at, p->size - p->at, TAG_OPEN, TAG_MARK);
	struct tag tag = { 0 };
	size_t before, after;
	int r;

	if (!open) {
		r = add_text(p, p->at, p->size, err);
		p->at = p->size;
		return r;
	}
	r = read_tag(p, (size_t)(open - s), &tag, err);
	if (r < 0)
		return r;
	before = tag.start;
	after = tag.end;
	if (tag.sign && tag.sign != '"')
		take_line(p, &tag, &before, &after);
	r = add_text(p, p->at, before, err);
	if (r == 0)
		r = take_tag(p, &tag, err);
	p->at = after;
	return r < 0 ? r : 1;
}

static int parse(struct parser *p, struct bw_err *err)
{
	const struct bw_tmpl *t = p->t;
	int r;

	do
		r = parse_one(p, err);
	while (r > 0);
	if (r < 0 || !p->depth)
		return r;
	return bw_reject(err, BW_ERR_INVALID, EINVAL, "line %u: the section %s is never closed",
			 t->nodes[p->open[p->depth - 1]].line,
			 t->names + t->nodes[p->open[p->depth - 1]].at);
}

void bw_tmpl_free(struct bw_tmpl **t)
{
	struct bw_tmpl *x = t ? *t : NULL;

	if (!x)
		return;
	*t = NULL;
	free(x->source);
	free(x->names);
	free(x->nodes);
	free(x);
}

int bw_tmpl_parse(const char *text, size_t size, struct bw_tmpl **ret, struct bw_err *err)
{
	bw_autotmpl struct bw_tmpl *t = NULL;
	struct parser p = { .size = size, .line = 1 };
	int r;

	if (size > BW_TMPL_TEXT_MAX)
		return bw_reject(err, BW_ERR_INVALID, E2BIG,
				 "a template of %zu bytes; at most %u are allowed", size,
				 BW_TMPL_TEXT_MAX);
	t = calloc(1, sizeof(*t));
	if (!t)
		return bw_fail(err, ENOMEM, "read a template");
	t->source = malloc(size + 1);
	if (!t->source)
		return bw_fail(err, ENOMEM, "read a template");
	if (size)
		memcpy(t->source, text, size);
	t->source[size] = '\0';
	p.t = t;
	r = parse(&p, err);
	if (r < 0)
		return r;
	*ret = BW_TAKE_PTR(t);
	return 0;
}

int bw_tmpl_each_name(const struct bw_tmpl *t, int (*fn)(const char *name, void *arg), void *arg)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < t->n_nodes; i++)
		if (t->nodes[i].kind != TMPL_TEXT)
			r = fn(t->names + t->nodes[i].at, arg);
	return r;
}
