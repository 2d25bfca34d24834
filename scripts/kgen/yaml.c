/* SPDX-License-Identifier: Apache-2.0 */
/* Documents as libyaml loads them, with the line in every complaint. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "kgen.h"

void die(struct yn at, const char *fmt, ...)
{
	va_list ap;

	(void)fprintf(stderr, "%s:%zu: ", at.file, at.node ? at.node->start_mark.line + 1 : 0);
	va_start(ap, fmt);
	(void)vfprintf(stderr, fmt, ap);
	va_end(ap);
	(void)fputc('\n', stderr);
	exit(1);
}

void *must_alloc(size_t n, size_t size)
{
	void *p = calloc(n ? n : 1, size);

	if (!p)
		exit(3);
	return p;
}

char *must_print(const char *fmt, ...)
{
	char *out = NULL;
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = vasprintf(&out, fmt, ap);
	va_end(ap);
	if (r < 0)
		exit(3);
	return out;
}

void yaml_open(struct yaml_file *f, const char *name)
{
	*f = (struct yaml_file){ .name = name, .in = fopen(name, "re") };
	if (!f->in || !yaml_parser_initialize(&f->parser)) {
		(void)fprintf(stderr, "%s: cannot be read\n", name);
		exit(1);
	}
	yaml_parser_set_input_file(&f->parser, f->in);
}

int yaml_next(struct yaml_file *f, struct yn *ret)
{
	yaml_document_t *doc = must_alloc(1, sizeof(*doc));

	if (!yaml_parser_load(&f->parser, doc)) {
		(void)fprintf(stderr, "%s:%zu: %s\n", f->name, f->parser.problem_mark.line + 1,
			      f->parser.problem ? f->parser.problem : "no YAML");
		exit(1);
	}
	*ret = (struct yn){ doc, yaml_document_get_root_node(doc), f->name };
	return ret->node != NULL;
}

static struct yn at(struct yn n, int index)
{
	return (struct yn){ n.doc, yaml_document_get_node(n.doc, index), n.file };
}

size_t yn_count(struct yn n)
{
	if (!n.node)
		return 0;
	if (n.node->type == YAML_SEQUENCE_NODE)
		return (size_t)(n.node->data.sequence.items.top -
				n.node->data.sequence.items.start);
	if (n.node->type == YAML_MAPPING_NODE)
		return (size_t)(n.node->data.mapping.pairs.top - n.node->data.mapping.pairs.start);
	die(n, "expected a list or a mapping");
}

struct yn yn_item(struct yn list, size_t i)
{
	if (list.node->type != YAML_SEQUENCE_NODE)
		die(list, "expected a list");
	return at(list, list.node->data.sequence.items.start[i]);
}

struct yn yn_value(struct yn map, size_t i)
{
	if (map.node->type != YAML_MAPPING_NODE)
		die(map, "expected a mapping");
	return at(map, map.node->data.mapping.pairs.start[i].value);
}

const char *yn_key(struct yn map, size_t i)
{
	if (map.node->type != YAML_MAPPING_NODE)
		die(map, "expected a mapping");
	return yn_text(at(map, map.node->data.mapping.pairs.start[i].key));
}

struct yn yn_get(struct yn map, const char *key)
{
	for (size_t i = 0; i < yn_count(map); i++)
		if (strcmp(yn_key(map, i), key) == 0)
			return yn_value(map, i);
	return (struct yn){ map.doc, NULL, map.file };
}

struct yn yn_need(struct yn map, const char *key)
{
	struct yn n = yn_get(map, key);

	if (!n.node)
		die(map, "%s is missing", key);
	return n;
}

const char *yn_text(struct yn n)
{
	if (!n.node || n.node->type != YAML_SCALAR_NODE)
		die(n, "expected a text");
	return (const char *)n.node->data.scalar.value;
}

const char *yn_opt(struct yn map, const char *key, const char *absent)
{
	struct yn n = yn_get(map, key);

	return n.node ? yn_text(n) : absent;
}

int64_t yn_int(struct yn n)
{
	const char *text = yn_text(n);
	char *end;
	long long v;

	errno = 0;
	v = strtoll(text, &end, 10);
	if (!*text || *end || errno)
		die(n, "expected an integer, got \"%s\"", text);
	return v;
}

int yn_bool(struct yn n)
{
	const char *text = yn_text(n);

	if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
		die(n, "expected true or false, got \"%s\"", text);
	return text[0] == 't';
}

void yn_only(struct yn map, const char *const *known, const char *what)
{
	for (size_t i = 0; i < yn_count(map); i++) {
		const char *key = yn_key(map, i);
		size_t k = 0;

		while (known[k] && strcmp(known[k], key) != 0)
			k++;
		if (!known[k])
			die(yn_value(map, i), "%s: the key %s is not understood", what, key);
		for (size_t j = 0; j < i; j++)
			if (strcmp(yn_key(map, j), key) == 0)
				die(yn_value(map, i), "%s: the key %s is given twice", what, key);
	}
}
