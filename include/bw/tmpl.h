/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Templates without logic: {{name}}, {{#section}} ... {{/section}}, {{^section}} ... {{/section}},
 * {{! a comment}} and {{"literal text"}}. A service's configuration is made of one, with its
 * address in it.
 *
 * I1 A name that nobody knows is an error that says so, also inside a section that stands for
 *    nothing: what renders today renders with the first peer too.
 * I2 What is put in place of a name is never read again: no value can become a tag.
 * I3 No value is in an error's text. A text that holds a secret is overwritten before it is freed.
 * I4 Whatever the template says, work and output are bounded.
 */
#pragma once

#include <bw/buf.h>
#include <bw/defs.h>

struct bw_err;
struct bw_tmpl;
struct bw_tmpl_names;

#define BW_TMPL_TEXT_MAX (1U << 20) /* bytes of a template; a ConfigMap holds no more */
#define BW_TMPL_OUTPUT_MAX (1U << 20) /* bytes of what is made of it */
#define BW_TMPL_NAME_MAX 520 /* characters: secret., a name and a key of 253 each */
#define BW_TMPL_NAMES_MAX 4096 /* names of one set, items of one list */
#define BW_TMPL_FIELDS_MAX 32 /* names that the items of a list have */
#define BW_TMPL_TAGS_MAX 65536
#define BW_TMPL_DEPTH_MAX 8 /* sections inside each other */
#define BW_TMPL_STEPS_MAX 4000000U /* pieces put out, lists inside lists multiplied out */

/**
 * bw_tmpl_parse() - read a template
 * @text: need not end with NUL; copied
 * @size: bytes
 * @ret: owned by the caller
 *
 * A tag of a section or a comment that stands alone on its line takes the line with it.
 * Return: 0; -EINVAL class INVALID what is wrong, with its line; -E2BIG class INVALID more than the
 * bounds above; -ENOMEM.
 */
int bw_tmpl_parse(const char *text, size_t size, struct bw_tmpl **ret, struct bw_err *err);

/* NULL-safe; nulls the pointer. */
void bw_tmpl_free(struct bw_tmpl **t);
#define bw_autotmpl BW_CLEANUP(bw_tmpl_free)

/**
 * bw_tmpl_each_name() - which names a template uses, to fetch what they stand for
 * @t: template
 * @fn: called in the text's order, for each use; what it returns but 0 ends the walk
 *
 * Return: 0; what @fn returned.
 */
int bw_tmpl_each_name(const struct bw_tmpl *t, int (*fn)(const char *name, void *arg), void *arg);

/* An empty set of names and what they stand for, owned by the caller. 0; -ENOMEM. */
int bw_tmpl_names_new(struct bw_tmpl_names **ret, struct bw_err *err);
/* NULL-safe; nulls the pointer; secrets are overwritten. */
void bw_tmpl_names_free(struct bw_tmpl_names **n);
#define bw_autotmplnames BW_CLEANUP(bw_tmpl_names_free)

#define BW_TMPL_F_SECRET (1U << 0) /* the output is no longer for everybody's eyes */

/**
 * bw_tmpl_put() - say what a name stands for
 * @n: the set, or one item of a list
 * @name: letters, digits, '_', '-' and '.'; begins with a letter, a digit or '_'
 * @value: copied; "" counts as absent in {{#name}} and {{^name}}
 * @flags: BW_TMPL_F_*
 *
 * Return: 0; -EINVAL class INVALID no such name can be; -EEXIST class INVALID it is there already;
 * -E2BIG class INVALID; -ENOMEM.
 */
int bw_tmpl_put(struct bw_tmpl_names *n, const char *name, const char *value, unsigned int flags,
		struct bw_err *err);

/**
 * bw_tmpl_put_list() - say that a name is a list, without items yet
 * @n: the set; not an item
 * @name: as of bw_tmpl_put()
 * @fields: names that every item has, ended by NULL; copied
 *
 * Return: as bw_tmpl_put().
 */
int bw_tmpl_put_list(struct bw_tmpl_names *n, const char *name, const char *const *fields,
		     struct bw_err *err);

/**
 * bw_tmpl_add_item() - one more item of a list
 * @n: the set
 * @list: a name put by bw_tmpl_put_list()
 * @ret: for bw_tmpl_put() of each field; the set's
 *
 * Return: 0; -ENOENT class INVALID no such list; -E2BIG class INVALID; -ENOMEM.
 */
int bw_tmpl_add_item(struct bw_tmpl_names *n, const char *list, struct bw_tmpl_names **ret,
		     struct bw_err *err);

/* What a template has become. Zeroed is empty. */
struct bw_tmpl_out {
	struct bw_buf text;
	int secret; /* a secret is in it */
};
/* Overwrites and frees. */
void bw_tmpl_out_done(struct bw_tmpl_out *o);
#define bw_autotmplout BW_CLEANUP(bw_tmpl_out_done)

/**
 * bw_tmpl_check() - whether every name of a template is known
 * @t: template
 * @n: names; the items of lists do not count, their fields do
 *
 * Return: 0; -EINVAL class INVALID the first unknown name with its line, and the known name that
 * looks like it; or a list where a text is wanted.
 */
int bw_tmpl_check(const struct bw_tmpl *t, const struct bw_tmpl_names *n, struct bw_err *err);

/**
 * bw_tmpl_render() - put values in the place of names
 * @t: template
 * @n: names
 * @ret: empty; untouched on failure
 *
 * Inside a list's section a name is looked for in the item first, then outside. Checks first.
 * Return: 0; as bw_tmpl_check(); -EINVAL class INVALID an item lacks a field; -E2BIG class INVALID
 * the output or the work would be too large; -ENOMEM.
 */
int bw_tmpl_render(const struct bw_tmpl *t, const struct bw_tmpl_names *n, struct bw_tmpl_out *ret,
		   struct bw_err *err);
