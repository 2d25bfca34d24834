/* SPDX-License-Identifier: Apache-2.0 */
/* Kinds and their schemas out of YAML: what is not understood or not bounded is refused. */
#include <stdlib.h>
#include <string.h>

#include "kgen.h"

static const char *const schema_keys[] = {
	"type",
	"description",
	"properties",
	"required",
	"items",
	"enum",
	"default",
	"format",
	"minimum",
	"maximum",
	"minLength",
	"maxLength",
	"pattern",
	"minItems",
	"maxItems",
	"maxProperties",
	"additionalProperties",
	"x-kubernetes-list-type",
	"x-kubernetes-list-map-keys",
	"x-kubernetes-map-type",
	"x-kubernetes-validations",
	"x-kubernetes-preserve-unknown-fields",
	"x-kubernetes-int-or-string",
	NULL,
};

static void read_schema(struct schema *s, struct yn at, const char *prefix, int crd);

static void read_bounds(struct schema *s, const char *min, const char *max)
{
	struct yn lo = yn_get(s->at, min), hi = yn_get(s->at, max);

	s->has_min = lo.node != NULL;
	s->has_max = hi.node != NULL;
	s->min = lo.node ? yn_int(lo) : 0;
	s->max = hi.node ? yn_int(hi) : 0;
	if (lo.node && hi.node && s->min > s->max)
		die(lo, "%s is above %s", min, max);
}

static void check_rules(struct schema *s)
{
	static const char *const keys[] = { "rule",   "message",   "messageExpression",
					    "reason", "fieldPath", "optionalOldSelf",
					    NULL };
	struct yn rules = yn_get(s->at, "x-kubernetes-validations");

	for (size_t i = 0; i < yn_count(rules); i++) {
		struct yn rule = yn_item(rules, i);

		yn_only(rule, keys, "a rule");
		(void)yn_need(rule, "rule");
		if (!yn_get(rule, "message").node && !yn_get(rule, "messageExpression").node)
			die(rule, "a rule without a message helps nobody");
	}
}

static void read_string(struct schema *s, const char *prefix, int crd)
{
	struct yn values = yn_get(s->at, "enum");
	const char *format = yn_opt(s->at, "format", "");

	read_bounds(s, "minLength", "maxLength");
	s->pattern = yn_opt(s->at, "pattern", NULL);
	if (*format && strcmp(format, "date-time") != 0 && strcmp(format, "byte") != 0)
		die(s->at, "the format %s of a string is not understood", format);
	if (values.node) {
		s->type = S_ENUM;
		s->cname = must_print("%s_%s", prefix, s->c ? s->c : "item");
		s->n_values = yn_count(values);
		s->values = must_alloc(s->n_values, sizeof(*s->values));
		for (size_t i = 0; i < s->n_values; i++)
			s->values[i] = yn_text(yn_item(values, i));
	} else if (crd && !s->has_max) {
		die(s->at, "a string needs maxLength");
	}
}

static void read_integer(struct schema *s)
{
	struct yn format = yn_need(s->at, "format");

	read_bounds(s, "minimum", "maximum");
	s->wide = strcmp(yn_text(format), "int64") == 0;
	if (!s->wide && strcmp(yn_text(format), "int32") != 0)
		die(format, "the format %s of an integer is not understood", yn_text(format));
}

static int is_required(struct yn list, const char *name)
{
	for (size_t i = 0; i < yn_count(list); i++)
		if (strcmp(yn_text(yn_item(list, i)), name) == 0)
			return 1;
	return 0;
}

static const struct schema *find_prop(const struct schema *s, const char *name)
{
	for (size_t i = 0; i < s->n_props; i++)
		if (strcmp(s->props[i].name, name) == 0)
			return &s->props[i];
	return NULL;
}

/* The prefix of what is below: of "spec" that of its owner, for most fields are there. */
static void read_props(struct schema *s, struct yn props, int crd)
{
	size_t len = strlen(s->cname);
	const char *below = len > 5 && strcmp(s->cname + len - 5, "_spec") == 0
				    ? must_print("%.*s", (int)len - 5, s->cname)
				    : s->cname;
	struct yn required = yn_get(s->at, "required");

	s->n_props = yn_count(props);
	s->props = must_alloc(s->n_props, sizeof(*s->props));
	for (size_t i = 0; i < s->n_props; i++) {
		struct schema *p = &s->props[i];

		p->name = yn_key(props, i);
		p->c = c_name(p->name);
		p->required = (uint8_t)is_required(required, p->name);
		read_schema(p, yn_value(props, i), below, crd);
	}
	for (size_t i = 0; i < yn_count(required); i++)
		if (!find_prop(s, yn_text(yn_item(required, i))))
			die(required, "%s is required but not a property",
			    yn_text(yn_item(required, i)));
}

/* Shapes that every API shares have a struct of their own. */
static enum schema_type known_shape(const struct schema *s)
{
	if (s->n_props == 2 && find_prop(s, "matchLabels") && find_prop(s, "matchExpressions"))
		return S_SELECTOR;
	if (s->n_props == 6 && find_prop(s, "lastTransitionTime") && find_prop(s, "reason") &&
	    find_prop(s, "type") && find_prop(s, "status") && find_prop(s, "message") &&
	    find_prop(s, "observedGeneration"))
		return S_CONDITION;
	return S_OBJECT;
}

static void read_object(struct schema *s, const char *prefix, int crd)
{
	struct yn props = yn_get(s->at, "properties");
	struct yn more = yn_get(s->at, "additionalProperties");
	struct yn keep = yn_get(s->at, "x-kubernetes-preserve-unknown-fields");

	if (more.node) {
		if (props.node || strcmp(yn_text(yn_need(more, "type")), "string") != 0)
			die(more, "an object has properties, or additionalProperties of strings");
		if (crd && !yn_get(s->at, "maxProperties").node)
			die(s->at, "a map needs maxProperties");
		if (crd && !yn_get(more, "maxLength").node)
			die(more, "a string needs maxLength");
		s->type = S_MAP;
		return;
	}
	if (!props.node) {
		if (!keep.node || !yn_bool(keep))
			die(s->at, "an object has properties, or keeps unknown fields");
		s->type = S_TREE;
		return;
	}
	s->cname = must_print("%s_%s", prefix, s->c);
	s->open = keep.node && yn_bool(keep);
	read_props(s, props, crd);
	s->type = s->open ? S_OBJECT : known_shape(s);
}

static void read_list(struct schema *s, const char *prefix, int crd)
{
	struct yn keys = yn_get(s->at, "x-kubernetes-list-map-keys");
	int map;

	s->type = S_LIST;
	read_bounds(s, "minItems", "maxItems");
	s->list_type = yn_opt(s->at, "x-kubernetes-list-type", NULL);
	if (crd && !s->has_max)
		die(s->at, "a list needs maxItems");
	if (crd && !s->list_type)
		die(s->at, "a list needs x-kubernetes-list-type");
	s->items = must_alloc(1, sizeof(*s->items));
	s->items->c = c_singular(s->c);
	read_schema(s->items, yn_need(s->at, "items"), prefix, crd);
	map = s->list_type && strcmp(s->list_type, "map") == 0;
	if (map != (keys.node != NULL))
		die(s->at, "a list of the type map has x-kubernetes-list-map-keys, no other has");
	for (size_t i = 0; i < yn_count(keys); i++) {
		const char *key = yn_text(yn_item(keys, i));
		const struct schema *p = find_prop(s->items, key);

		if (!p || (!p->required && !p->def))
			die(keys, "the key %s must be required or have a default", key);
	}
}

static void read_default(struct schema *s)
{
	struct yn def = yn_get(s->at, "default");
	size_t i = 0;

	if (!def.node)
		return;
	if (s->type == S_OBJECT && !yn_count(def))
		return; /* {}: that defaults below it are seen */
	if (s->type != S_STR && s->type != S_ENUM && s->type != S_INT && s->type != S_BOOL)
		die(def, "a default of this type is not understood");
	s->def = yn_text(def);
	if (s->type == S_BOOL)
		(void)yn_bool(def);
	if (s->type == S_INT)
		(void)yn_int(def);
	while (s->type == S_ENUM && i < s->n_values && strcmp(s->values[i], s->def) != 0)
		i++;
	if (s->type == S_ENUM && i == s->n_values)
		die(def, "the default %s is not among the values", s->def);
}

static void read_schema(struct schema *s, struct yn at, const char *prefix, int crd)
{
	const char *type;

	s->at = at;
	yn_only(at, schema_keys, "a schema");
	check_rules(s);
	s->description = yn_opt(at, "description", "");
	if (yn_get(at, "x-kubernetes-int-or-string").node) {
		s->type = S_TREE;
		return;
	}
	type = yn_text(yn_need(at, "type"));
	if (strcmp(type, "string") == 0)
		read_string(s, prefix, crd);
	else if (strcmp(type, "boolean") == 0)
		s->type = S_BOOL;
	else if (strcmp(type, "object") == 0)
		read_object(s, prefix, crd);
	else if (strcmp(type, "array") == 0)
		read_list(s, prefix, crd);
	else if (strcmp(type, "integer") == 0)
		s->type = S_INT, read_integer(s);
	else
		die(at, "the type %s is not understood", type);
	read_default(s);
}

/* The root holds what every object has, and the kind's own properties. */
static struct schema *read_root(struct kind *k, struct yn schema)
{
	static const char *const common[] = { "apiVersion", "kind", "metadata" };
	struct schema *root = must_alloc(1, sizeof(*root));
	struct yn props = yn_need(schema, "properties");
	size_t n = 0;

	yn_only(schema, schema_keys, "a schema");
	root->at = schema;
	root->type = S_OBJECT;
	root->cname = k->c;
	root->description = yn_opt(schema, "description", "");
	check_rules(root);
	root->props = must_alloc(yn_count(props), sizeof(*root->props));
	for (size_t i = 0; i < yn_count(props); i++) {
		const char *name = yn_key(props, i);
		struct schema *p = &root->props[n];
		size_t c = 0;

		while (c < BW_ARRAY_SIZE(common) && strcmp(common[c], name) != 0)
			c++;
		if (c < BW_ARRAY_SIZE(common))
			continue;
		p->name = name;
		p->c = c_name(name);
		p->required = (uint8_t)is_required(yn_get(schema, "required"), name);
		read_schema(p, yn_value(props, i), k->c, k->crd);
		root->n_props = ++n;
	}
	return root;
}

static void read_crd(struct kind *k, struct yn doc)
{
	static const char *const spec_keys[] = { "group", "scope", "names", "versions", NULL };
	static const char *const version_keys[] = { "name",
						    "served",
						    "storage",
						    "schema",
						    "subresources",
						    "selectableFields",
						    "additionalPrinterColumns",
						    NULL };
	struct yn spec = yn_need(doc, "spec"), names = yn_need(spec, "names");
	struct yn versions = yn_need(spec, "versions"), v;
	const char *scope = yn_text(yn_need(spec, "scope"));

	yn_only(spec, spec_keys, "spec");
	if (yn_count(versions) != 1)
		die(versions, "one version is understood, not %zu", yn_count(versions));
	v = yn_item(versions, 0);
	yn_only(v, version_keys, "a version");
	k->crd = 1;
	k->group = yn_text(yn_need(spec, "group"));
	k->version = yn_text(yn_need(v, "name"));
	k->plural = yn_text(yn_need(names, "plural"));
	k->kind = yn_text(yn_need(names, "kind"));
	k->short_name = yn_text(yn_item(yn_need(names, "shortNames"), 0));
	k->namespaced = strcmp(scope, "Namespaced") == 0;
	if (!k->namespaced && strcmp(scope, "Cluster") != 0)
		die(spec, "the scope %s is not understood", scope);
	k->c = c_kind(k->group, k->kind);
	k->columns = yn_get(v, "additionalPrinterColumns");
	k->selectable = yn_get(v, "selectableFields");
	k->root = read_root(k, yn_need(yn_need(v, "schema"), "openAPIV3Schema"));
}

static void read_builtin(struct kind *k, struct yn doc)
{
	static const char *const keys[] = { "kind",       "group",  "version", "plural",
					    "namespaced", "schema", NULL };

	yn_only(doc, keys, "a kind");
	k->group = yn_text(yn_need(doc, "group"));
	k->version = yn_text(yn_need(doc, "version"));
	k->plural = yn_text(yn_need(doc, "plural"));
	k->kind = yn_text(yn_need(doc, "kind"));
	k->namespaced = yn_bool(yn_need(doc, "namespaced"));
	k->c = must_print("bw_k_%s", c_name(k->kind));
	k->root = read_root(k, yn_need(doc, "schema"));
}

struct kind *kinds_read(const char *file, size_t *ret_n)
{
	struct kind *kinds = NULL;
	struct yaml_file f;
	struct yn doc;
	size_t n = 0;

	yaml_open(&f, file);
	while (yaml_next(&f, &doc)) {
		kinds = realloc(kinds, (n + 1) * sizeof(*kinds));
		if (!kinds)
			exit(3);
		kinds[n] = (struct kind){ .at = doc };
		if (strcmp(yn_opt(doc, "kind", ""), "CustomResourceDefinition") == 0)
			read_crd(&kinds[n++], doc);
		else
			read_builtin(&kinds[n++], doc);
	}
	if (!n)
		die(doc, "holds no kind");
	*ret_n = n;
	return kinds;
}
