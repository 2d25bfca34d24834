/* SPDX-License-Identifier: Apache-2.0 */
/* The reference of a kind for people, in Markdown: fields, rules, columns. */
#include <inttypes.h>
#include <string.h>

#include "kgen.h"

/* A cell of a table ends at a bar. */
static void emit_cell(FILE *out, const char *text)
{
	for (const char *p = text; *p; p++) {
		if (*p == '|')
			(void)fputc('\\', out);
		(void)fputc(*p == '\n' ? ' ' : *p, out);
	}
}

static void emit_type(FILE *out, const struct schema *s)
{
	static const char *const names[S_TYPE_MAX_] = {
		[S_STR] = "text",
		[S_ENUM] = "one of",
		[S_INT] = "integer",
		[S_BOOL] = "true, false",
		[S_MAP] = "texts by key",
		[S_TREE] = "anything",
		[S_OBJECT] = "object",
		[S_SELECTOR] = "label selector",
		[S_CONDITION] = "condition",
	};

	if (s->type == S_LIST) {
		(void)fprintf(out, "list of ");
		emit_type(out, s->items);
		return;
	}
	(void)fputs(names[s->type], out);
	for (size_t i = 0; i < s->n_values; i++)
		(void)fprintf(out, "%s`%s`", i ? ", " : " ", s->values[i]);
}

static void emit_bound(FILE *out, const struct schema *s)
{
	const char *what = s->type == S_LIST ? " items" : s->type == S_STR ? " characters" : "";

	if (s->type == S_ENUM || (!s->has_min && !s->has_max))
		return;
	if (s->has_min && s->has_max)
		(void)fprintf(out, "%" PRId64 " to %" PRId64 "%s", s->min, s->max, what);
	else if (s->has_max)
		(void)fprintf(out, "at most %" PRId64 "%s", s->max, what);
	else
		(void)fprintf(out, "at least %" PRId64 "%s", s->min, what);
}

static void emit_fields(FILE *out, const struct schema *s, const char *path)
{
	for (size_t i = 0; i < s->n_props; i++) {
		const struct schema *p = &s->props[i];
		const struct schema *below = p->type == S_LIST ? p->items : p;
		char *name = must_print("%s%s%s%s", path, *path ? "." : "", p->name,
					p->type == S_LIST ? "[]" : "");

		(void)fprintf(out, "| `%s` | ", name);
		emit_type(out, p);
		(void)fprintf(out, " | ");
		emit_bound(out, p);
		(void)fprintf(out, " | ");
		if (p->required)
			(void)fprintf(out, "required");
		else if (p->def)
			(void)fprintf(out, "`%s`", p->def);
		(void)fprintf(out, " | ");
		emit_cell(out, p->description);
		(void)fprintf(out, " |\n");
		if (below->type == S_OBJECT)
			emit_fields(out, below, name);
	}
}

/* What a rule says when it refuses: its literal texts, with what is put between as dots. */
static void emit_message(FILE *out, const char *expression)
{
	int inside = 0, dots = *expression != '"';

	for (const char *p = expression; *p; p++) {
		if (*p == '\\' && p[1] && inside) {
			(void)fputc(*++p, out);
		} else if (*p == '"') {
			if (!inside && dots)
				(void)fputs("...", out);
			inside = !inside;
			dots = 1;
		} else if (inside && *p == '%' && (p[1] == 's' || p[1] == 'd')) {
			(void)fputs("...", out);
			p++;
		} else if (inside) {
			(void)fputc(*p, out);
		} else if (strncmp(p, ".format(", 8) == 0) {
			break;
		}
	}
}

static void emit_rules(FILE *out, const struct schema *s, const char *path)
{
	struct yn rules = yn_get(s->at, "x-kubernetes-validations");

	for (size_t i = 0; i < yn_count(rules); i++) {
		struct yn rule = yn_item(rules, i);
		const char *expression = yn_opt(rule, "messageExpression", NULL);

		(void)fprintf(out, "- `%s`: ", *path ? path : "object");
		if (expression)
			emit_message(out, expression);
		else
			(void)fputs(yn_text(yn_get(rule, "message")), out);
		(void)fputc('\n', out);
	}
	for (size_t i = 0; i < s->n_props; i++)
		emit_rules(out, &s->props[i],
			   must_print("%s%s%s", path, *path ? "." : "", s->props[i].name));
	if (s->items)
		emit_rules(out, s->items, must_print("%s[]", path));
}

void emit_reference(FILE *out, const struct kind *k)
{
	(void)fprintf(out, "# %s\n\n%s\n\n", k->kind, k->root->description);
	(void)fprintf(out, "`apiVersion: %s/%s`, %s, short name `%s`.\n\n", k->group, k->version,
		      k->namespaced ? "in a namespace" : "of the cluster", k->short_name);
	(void)fprintf(out, "## Fields\n\n| field | type | bounds | default | meaning |\n"
			   "|---|---|---|---|---|\n");
	emit_fields(out, k->root, "");
	(void)fprintf(out, "\n## Rules\n\nWhat the API server refuses, and what it says then.\n\n");
	emit_rules(out, k->root, "");
	(void)fprintf(out, "\n## Columns of `kubectl get %s`\n\n| column | meaning |\n|---|---|\n",
		      k->short_name);
	for (size_t i = 0; i < yn_count(k->columns); i++) {
		struct yn c = yn_item(k->columns, i);

		(void)fprintf(out, "| %s%s | ", yn_text(yn_need(c, "name")),
			      yn_get(c, "priority").node ? " (`-o wide`)" : "");
		emit_cell(out, yn_opt(c, "description", ""));
		(void)fprintf(out, " |\n");
	}
	if (yn_count(k->selectable)) {
		(void)fprintf(out, "\nFound by field (`kubectl get %s --field-selector`):",
			      k->short_name);
		for (size_t i = 0; i < yn_count(k->selectable); i++)
			(void)fprintf(out, "%s `%s`", i ? "," : "",
				      yn_text(yn_need(yn_item(k->selectable, i), "jsonPath")) + 1);
		(void)fprintf(out, ".\n");
	}
}
