/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of the template engine: parse.c, names.c, render.c. */
#pragma once

#include <bw/defs.h>
#include <bw/tmpl.h>

enum tmpl_kind {
	TMPL_TEXT,
	TMPL_NAME,
	TMPL_SECTION, /* once an item, or once when the text is not empty */
	TMPL_INVERTED, /* once when there is no item, or no text */
	TMPL_KIND_MAX_,
};

/* A piece of a template. */
struct tmpl_node {
	enum tmpl_kind kind;
	unsigned int line;
	uint32_t at; /* TEXT: where in the source; else its name among .names */
	uint32_t size; /* TEXT: bytes */
	uint32_t end; /* sections: the first node behind them */
};

struct bw_tmpl {
	char *source;
	char *names; /* NUL-terminated, one behind the other */
	size_t names_size;
	size_t names_cap;
	struct tmpl_node *nodes;
	size_t n_nodes;
	size_t cap_nodes;
};

/* What a name stands for. */
struct tmpl_value {
	char *name;
	char *text; /* NULL = a list */
	unsigned int flags; /* BW_TMPL_F_* */
	char **fields; /* of a list: ended by NULL */
	struct bw_tmpl_names **items;
	size_t n_items;
};

/* Sorted by name. */
struct bw_tmpl_names {
	struct tmpl_value *values;
	size_t n;
	size_t cap;
};

/* Whether @name, of @len characters, can be one. */
int tmpl_name_valid(const char *name, size_t len);

/* NULL = not there. */
const struct tmpl_value *tmpl_find(const struct bw_tmpl_names *n, const char *name);
