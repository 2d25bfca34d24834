/* SPDX-License-Identifier: Apache-2.0 */
/* What names stand for: texts, and lists of items that have names of their own. */
#include <string.h>

#include <bw/err.h>

#include "tmpl.h"

int bw_tmpl_names_new(struct bw_tmpl_names **ret, struct bw_err *err)
{
	struct bw_tmpl_names *n = calloc(1, sizeof(*n));

	if (!n)
		return bw_fail(err, ENOMEM, "prepare a template's names");
	*ret = n;
	return 0;
}

static void fields_free(char **fields)
{
	for (size_t i = 0; fields && fields[i]; i++)
		free(fields[i]);
	free(fields);
}

/* An item's values are texts: what lies below it is no deeper. */
static void value_done(struct tmpl_value *v)
{
	if (v->text && (v->flags & BW_TMPL_F_SECRET))
		explicit_bzero(v->text, strlen(v->text));
	free(v->text);
	free(v->name);
	fields_free(v->fields);
	for (size_t i = 0; i < v->n_items; i++)
		bw_tmpl_names_free(&v->items[i]);
	free(v->items);
}

void bw_tmpl_names_free(struct bw_tmpl_names **n) /* NOLINT(misc-no-recursion): items have none */
{
	struct bw_tmpl_names *x = n ? *n : NULL;

	if (!x)
		return;
	*n = NULL;
	for (size_t i = 0; i < x->n; i++)
		value_done(&x->values[i]);
	free(x->values);
	free(x);
}

/* Where @name is, or would be. */
static size_t place_of(const struct bw_tmpl_names *n, const char *name, int *ret_found)
{
	size_t low = 0, high = n->n;

	*ret_found = 0;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int c = strcmp(n->values[mid].name, name);

		if (c == 0) {
			*ret_found = 1;
			return mid;
		}
		if (c < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

const struct tmpl_value *tmpl_find(const struct bw_tmpl_names *n, const char *name)
{
	int found;
	size_t i = place_of(n, name, &found);

	return found ? &n->values[i] : NULL;
}

/* Puts what @name stands for in its place; what @v holds is the set's then. */
static int insert(struct bw_tmpl_names *n, const char *name, const struct tmpl_value *v,
		  struct bw_err *err)
{
	char *copy;
	int found;
	size_t i;

	if (!tmpl_name_valid(name, strlen(name)))
		return bw_reject(err, BW_ERR_INVALID, EINVAL,
				 "\"%.80s\" cannot be a name in a template", name);
	i = place_of(n, name, &found);
	if (found)
		return bw_reject(err, BW_ERR_INVALID, EEXIST, "the name %s is given twice", name);
	if (n->n == BW_TMPL_NAMES_MAX)
		return bw_reject(err, BW_ERR_INVALID, E2BIG, "more than %d names for a template",
				 BW_TMPL_NAMES_MAX);
	if (n->n == n->cap) {
		size_t cap = n->cap ? 2 * n->cap : 8;
		struct tmpl_value *more = reallocarray(n->values, cap, sizeof(*more));

		if (!more)
			return bw_fail(err, ENOMEM, "prepare a template's names");
		n->values = more;
		n->cap = cap;
	}
	copy = strdup(name);
	if (!copy)
		return bw_fail(err, ENOMEM, "prepare a template's names");
	memmove(&n->values[i + 1], &n->values[i], (n->n - i) * sizeof(*n->values));
	n->values[i] = *v;
	n->values[i].name = copy;
	n->n++;
	return 0;
}

int bw_tmpl_put(struct bw_tmpl_names *n, const char *name, const char *value, unsigned int flags,
		struct bw_err *err)
{
	struct tmpl_value v = { .text = strdup(value), .flags = flags };
	int r = v.text ? insert(n, name, &v, err)
		       : bw_fail(err, ENOMEM, "prepare a template's names");

	if (r < 0)
		value_done(&v);
	return r;
}

static char **copy_fields(const char *const *fields, size_t n)
{
	char **copy = calloc(n + 1, sizeof(char *));

	for (size_t i = 0; copy && i < n; i++) {
		copy[i] = strdup(fields[i]);
		if (!copy[i]) {
			fields_free(copy);
			return NULL;
		}
	}
	return copy;
}

int bw_tmpl_put_list(struct bw_tmpl_names *n, const char *name, const char *const *fields,
		     struct bw_err *err)
{
	struct tmpl_value v = { 0 };
	size_t k = 0;
	int r;

	for (; fields[k]; k++)
		if (!tmpl_name_valid(fields[k], strlen(fields[k])))
			return bw_reject(err, BW_ERR_INVALID, EINVAL,
					 "\"%.80s\" cannot be a name in a template", fields[k]);
	if (k > BW_TMPL_FIELDS_MAX)
		return bw_reject(err, BW_ERR_INVALID, E2BIG,
				 "the items of %s have more than %d names", name,
				 BW_TMPL_FIELDS_MAX);
	v.fields = copy_fields(fields, k);
	if (!v.fields)
		return bw_fail(err, ENOMEM, "prepare a template's names");
	r = insert(n, name, &v, err);
	if (r < 0)
		value_done(&v);
	return r;
}

int bw_tmpl_add_item(struct bw_tmpl_names *n, const char *list, struct bw_tmpl_names **ret,
		     struct bw_err *err)
{
	int found;
	size_t i = place_of(n, list, &found);
	struct tmpl_value *v = found ? &n->values[i] : NULL;
	struct bw_tmpl_names **more;
	int r;

	if (!v || v->text)
		return bw_reject(err, BW_ERR_INVALID, ENOENT, "%s is no list of a template", list);
	if (v->n_items == BW_TMPL_NAMES_MAX)
		return bw_reject(err, BW_ERR_INVALID, E2BIG, "the list %s has more than %d items",
				 list, BW_TMPL_NAMES_MAX);
	more = reallocarray(v->items, v->n_items + 1, sizeof(struct bw_tmpl_names *));
	if (!more)
		return bw_fail(err, ENOMEM, "prepare a template's names");
	v->items = more;
	r = bw_tmpl_names_new(&more[v->n_items], err);
	if (r < 0)
		return r;
	*ret = more[v->n_items++];
	return 0;
}
