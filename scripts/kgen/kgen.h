/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kgen, a program that only the build runs: kinds of objects from YAML (conf/crds, conf/kinds)
 * become C structs, field tables and the reference. It ends with file and line at the first thing
 * it does not understand, and frees nothing: it lives for milliseconds.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <yaml.h>

#include <bw/defs.h>

/* A node of a document, with what an error must say. .node NULL = absent. */
struct yn {
	yaml_document_t *doc;
	yaml_node_t *node;
	const char *file;
};

void die(struct yn at, const char *fmt, ...) BW_PRINTF(2, 3) __attribute__((noreturn));
void *must_alloc(size_t n, size_t size);
char *must_print(const char *fmt, ...) BW_PRINTF(1, 2);

/* Documents of a file, one after the other; 0 at its end. */
struct yaml_file {
	const char *name;
	FILE *in;
	yaml_parser_t parser;
};
void yaml_open(struct yaml_file *f, const char *name);
int yaml_next(struct yaml_file *f, struct yn *ret);

struct yn yn_get(struct yn map, const char *key);
struct yn yn_need(struct yn map, const char *key);
/* Item or pair @i; n of them by yn_count(). Key and value of a map's pair. */
size_t yn_count(struct yn n);
struct yn yn_item(struct yn list, size_t i);
struct yn yn_value(struct yn map, size_t i);
const char *yn_key(struct yn map, size_t i);
/* Text of a scalar; dies where it is none. */
const char *yn_text(struct yn n);
/* The same or @absent. */
const char *yn_opt(struct yn map, const char *key, const char *absent);
int64_t yn_int(struct yn n);
int yn_bool(struct yn n);
/* Dies at a key that is not in the list, which ends with NULL. */
void yn_only(struct yn map, const char *const *known, const char *what);

enum schema_type {
	S_STR,
	S_ENUM,
	S_INT,
	S_BOOL,
	S_MAP, /* an object of strings */
	S_TREE, /* anything */
	S_SELECTOR, /* a label selector */
	S_CONDITION,
	S_OBJECT,
	S_LIST,
	S_TYPE_MAX_,
};

struct schema {
	struct yn at;
	enum schema_type type;
	const char *name; /* as in JSON; NULL = items */
	const char *c; /* the member */
	const char *cname; /* struct of an OBJECT, enum of an ENUM: without "struct " */
	const char *description; /* "" */
	const char *pattern; /* NULL */
	const char *def; /* default as text; NULL */
	uint8_t required;
	uint8_t wide; /* INT: format int64 */
	uint8_t open; /* OBJECT: keeps members that are not named; raw has them all */
	uint8_t has_min, has_max;
	int64_t min, max; /* of the value, the characters, or the items */
	const char **values; /* ENUM */
	size_t n_values;
	const char *list_type;
	struct schema *props;
	size_t n_props;
	struct schema *items;
};

struct kind {
	struct yn at;
	const char *group, *version, *plural, *kind, *singular, *short_name;
	const char *c; /* bw_net_pool */
	int namespaced;
	int crd; /* must be bounded */
	struct yn columns, selectable;
	struct schema *root;
};

/* Reads the kinds of a file: CustomResourceDefinitions, or those of conf/kinds. */
struct kind *kinds_read(const char *file, size_t *ret_n);

/* fooBarIPs -> foo_bar_ips; with the underscore that a word of C needs. */
char *c_name(const char *json);
/* in capitals */
char *c_upper(const char *text);
/* routes -> route, policies -> policy */
char *c_singular(const char *name);
/* NetworkPool -> bw_net_pool */
char *c_kind(const char *group, const char *kind);

/* Whether a member has_... says that the key was given. */
int has_flag(const struct schema *s);

void emit_header(FILE *out, const char *unit, const struct kind *kinds, size_t n);
void emit_source(FILE *out, const char *unit, const struct kind *kinds, size_t n);
void emit_reference(FILE *out, const struct kind *k);
