/* SPDX-License-Identifier: Apache-2.0 */
/* The generated source: the field tables that lib/json interprets. */
#include <ctype.h>
#include <inttypes.h>
#include <string.h>

#include "kgen.h"

static void emit_text(FILE *out, const char *text)
{
	(void)fputc('"', out);
	for (const char *p = text; *p; p++) {
		if (*p == '"' || *p == '\\')
			(void)fputc('\\', out);
		(void)fputc(*p, out);
	}
	(void)fputc('"', out);
}

static void emit_enum(FILE *out, const struct schema *s)
{
	char *upper = c_upper(s->cname);

	(void)fprintf(out, "static const struct bw_json_enum %s_names[] = {\n", s->cname);
	for (size_t i = 0; i < s->n_values; i++) {
		(void)fprintf(out, "\t{ ");
		emit_text(out, s->values[i]);
		(void)fprintf(out, ", %s_%s },\n", upper, c_upper(s->values[i]));
	}
	(void)fprintf(out, "\t{ 0 },\n};\n\n");
	(void)fprintf(out,
		      "const char *%s_str(enum %s value)\n{\n"
		      "\treturn value > 0 && value < %s_MAX_ ? %s_names[value - 1].name : \"\";\n"
		      "}\n\n",
		      s->cname, s->cname, upper, s->cname);
}

/*
 * Bounds of the server are those of the decoder; without a pattern a text may be any UTF-8, of
 * which a character has up to four bytes. Texts of others (@crd 0) may be as long as annotations.
 */
static void emit_bounds(FILE *out, const struct schema *s, int crd)
{
	int64_t max = s->max;

	if (s->type == S_INT) {
		(void)fprintf(out, ", .min = %s, .max = %s",
			      s->has_min ? must_print("%" PRId64 "LL", s->min)
			      : s->wide  ? "-BW_JSON_INT_MAX"
					 : "INT32_MIN",
			      s->has_max ? must_print("%" PRId64 "LL", s->max)
			      : s->wide  ? "BW_JSON_INT_MAX"
					 : "INT32_MAX");
		return;
	}
	if (s->has_min && s->min)
		(void)fprintf(out, ", .min = %" PRId64, s->min);
	if (s->type == S_STR && s->has_max && !s->pattern)
		max *= 4;
	if (s->has_max)
		(void)fprintf(out, ", .max = %" PRId64, max);
	else if (s->type == S_STR && !crd)
		(void)fprintf(out, ", .max = 1 << 18");
}

static const char *table_of(const struct schema *s)
{
	if (s->type == S_SELECTOR)
		return "bw_kube_selector_table";
	if (s->type == S_CONDITION)
		return "bw_kube_condition_table";
	return must_print("%s_table", s->cname);
}

/* Everything of a field behind its member; @list names the constant of a list's items. */
static void emit_shape(FILE *out, const struct schema *s, const char *list, int crd)
{
	switch (s->type) {
	case S_STR:
	case S_INT:
		emit_bounds(out, s, crd);
		break;
	case S_ENUM:
		(void)fprintf(out, ", .names = %s_names", s->cname);
		break;
	case S_MAP:
		(void)fprintf(out, ", .decode = bw_kube_pairs_decode, .done = bw_kube_pairs_done");
		break;
	case S_SELECTOR:
	case S_CONDITION:
	case S_OBJECT:
		(void)fprintf(out, ", .table = &%s", table_of(s));
		if (s->open)
			(void)fprintf(out, ", .check = %s_raw", s->cname);
		break;
	case S_LIST:
		emit_bounds(out, s, crd);
		(void)fprintf(out, ", .item = &%s", list);
		break;
	case S_BOOL:
	case S_TREE:
	case S_TYPE_MAX_:
		break;
	}
}

static const char *const json_types[S_TYPE_MAX_] = {
	[S_STR] = "STR",       [S_ENUM] = "ENUM",       [S_INT] = "INT",
	[S_BOOL] = "BOOL",     [S_MAP] = "CUSTOM",      [S_TREE] = "TREE",
	[S_OBJECT] = "OBJECT", [S_SELECTOR] = "OBJECT", [S_CONDITION] = "OBJECT",
	[S_LIST] = "ARRAY",
};

static void emit_item(FILE *out, const struct schema *owner, const struct schema *s, int crd)
{
	if (s->items->type == S_LIST)
		die(s->at, "a list of lists is not understood");
	(void)fprintf(out, "static const struct bw_json_field %s_%s_item = BW_JSON_ITEM(%s, ",
		      owner->cname, s->c, json_types[s->items->type]);
	(void)fprintf(out, "__typeof__(*((struct %s *)0)->%s.items)", owner->cname, s->c);
	emit_shape(out, s->items, NULL, crd);
	(void)fprintf(out, ");\n\n");
}

static void emit_field(FILE *out, const struct schema *owner, const struct schema *s, int crd)
{
	(void)fprintf(out, "\tBW_JSON_FIELD(%s, struct %s, %s, ", json_types[s->type], owner->cname,
		      s->c);
	emit_text(out, s->name);
	emit_shape(out, s, must_print("%s_%s_item", owner->cname, s->c), crd);
	if (s->required)
		(void)fprintf(out, ", .flags = BW_JSON_F_REQUIRED");
	if (has_flag(s))
		(void)fprintf(out, ", BW_JSON_HAS(struct %s, has_%s)", owner->cname, s->c);
	(void)fprintf(out, "),\n");
}

static int has_default(const struct schema *s)
{
	for (size_t i = 0; i < s->n_props; i++)
		if (s->props[i].def || (s->props[i].type == S_OBJECT && has_default(&s->props[i])))
			return 1;
	return 0;
}

static void emit_init(FILE *out, const struct schema *s)
{
	(void)fprintf(out, "static void %s_init(void *out)\n{\n\tstruct %s *o = out;\n\n", s->cname,
		      s->cname);
	for (size_t i = 0; i < s->n_props; i++) {
		const struct schema *p = &s->props[i];

		if (p->type == S_OBJECT && has_default(p))
			(void)fprintf(out, "\t%s_init(&o->%s);\n", p->cname, p->c);
		if (!p->def)
			continue;
		(void)fprintf(out, "\to->%s = ", p->c);
		if (p->type == S_STR)
			emit_text(out, p->def);
		else if (p->type == S_ENUM)
			(void)fprintf(out, "%s_%s", c_upper(p->cname), c_upper(p->def));
		else if (p->type == S_BOOL)
			(void)fputc(p->def[0] == 't' ? '1' : '0', out);
		else
			(void)fputs(p->def, out);
		(void)fprintf(out, ";\n");
	}
	(void)fprintf(out, "}\n\n");
}

/* What runs after the members were read: keeps the tree. */
static void emit_raw(FILE *out, const struct schema *s)
{
	(void)fprintf(
		out,
		"static int %s_raw(const struct cJSON *json, const struct bw_json_path *path, "
		"void *member, struct bw_err *err)\n{\n"
		"\tstruct %s *o = member;\n\n\t(void)path;\n\t(void)err;\n"
		"\to->raw = json;\n\treturn 0;\n}\n\n",
		s->cname, s->cname);
}

static void emit_table(FILE *out, const struct schema *s, int root, int crd)
{
	for (size_t i = 0; i < s->n_props; i++) {
		const struct schema *p = &s->props[i];

		while (p->type == S_LIST)
			p = p->items;
		if (p->type == S_OBJECT)
			emit_table(out, p, 0, crd);
		else if (p->type == S_ENUM)
			emit_enum(out, p);
	}
	for (size_t i = 0; i < s->n_props; i++)
		if (s->props[i].type == S_LIST)
			emit_item(out, s, &s->props[i], crd);
	if (has_default(s))
		emit_init(out, s);
	if (s->open)
		emit_raw(out, s);
	(void)fprintf(out, "static const struct bw_json_field %s_fields[] = {\n", s->cname);
	if (root)
		(void)fprintf(out,
			      "\tBW_JSON_FIELD(OBJECT, struct %s, meta, \"metadata\", .table = "
			      "&bw_kube_meta_table, .flags = BW_JSON_F_REQUIRED),\n",
			      s->cname);
	for (size_t i = 0; i < s->n_props; i++)
		emit_field(out, s, &s->props[i], crd);
	(void)fprintf(out,
		      "};\nstatic_assert(BW_ARRAY_SIZE(%s_fields) <= 64, \"what a table holds\");\n"
		      "const struct bw_json_table %s_table = {\n"
		      "\t.fields = %s_fields, .n = BW_ARRAY_SIZE(%s_fields),",
		      s->cname, s->cname, s->cname, s->cname);
	if (has_default(s))
		(void)fprintf(out, " .init = %s_init,", s->cname);
	(void)fprintf(out, "\n};\n\n");
}

static char *var_of(const struct kind *k)
{
	char *var = must_print("bw_kind_%s", k->kind);

	for (char *p = var; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	return var;
}

static void emit_kind(FILE *out, const struct kind *k)
{
	emit_table(out, k->root, 1, k->crd);
	(void)fprintf(out,
		      "const struct bw_kube_kind %s = {\n\t.group = \"%s\", .version = \"%s\", "
		      ".plural = \"%s\", .kind = \"%s\", .namespaced = %d,\n};\n\n",
		      var_of(k), k->group, k->version, k->plural, k->kind, k->namespaced);
	(void)fprintf(out,
		      "int %s_decode(const char *text, size_t size, struct %s *ret, struct bw_err "
		      "*err)\n{\n\tint r = bw_kube_object_decode(text, size, &%s_table, &ret->doc, "
		      "ret, err);\n\n"
		      "\tif (r < 0)\n\t\t*ret = (struct %s){ 0 };\n\treturn r;\n}\n\n",
		      k->c, k->c, k->c, k->c);
	(void)fprintf(out,
		      "void %s_done(struct %s *o)\n{\n\tif (!o)\n\t\treturn;\n"
		      "\tbw_json_done(&%s_table, o);\n\tbw_json_free(&o->doc);\n"
		      "\t*o = (struct %s){ 0 };\n}\n\n",
		      k->c, k->c, k->c, k->c);
}

void emit_source(FILE *out, const char *unit, const struct kind *kinds, size_t n)
{
	(void)fprintf(out,
		      "/* SPDX-License-Identifier: Apache-2.0 */\n"
		      "/* Generated by scripts/kgen: the kinds of %s. */\n"
		      "#include <assert.h>\n\n#include <bw/err.h>\n#include <gen/%s.h>\n\n",
		      unit, unit);
	for (size_t i = 0; i < n; i++)
		emit_kind(out, &kinds[i]);
	(void)fprintf(out, "const struct bw_kube_kind *const bw_kinds_%s[] = {\n", unit);
	for (size_t i = 0; i < n; i++)
		(void)fprintf(out, "\t&%s,\n", var_of(&kinds[i]));
	(void)fprintf(out, "\tNULL,\n};\n");
}
