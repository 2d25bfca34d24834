/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON in and out: strict parsing into a cJSON tree, decoding of trees into structs by field
 * tables, builders that survive an allocation failure.
 *
 *     static const struct bw_json_field fields[] = {
 *             BW_JSON_FIELD(STR, struct conf, bridge, "bridge", .min = 1, .max = 15),
 *             BW_JSON_FIELD(INT, struct conf, vlan, "vlan", .max = 4094,
 *                           BW_JSON_HAS(struct conf, has_vlan)),
 *             BW_JSON_FIELD(ENUM, struct conf, accel, "accel", .names = accel_names),
 *             BW_JSON_FIELD(OBJECT, struct conf, ipam, "ipam", .table = &ipam_table),
 *             BW_JSON_FIELD(ARRAY, struct conf, trunk, "vlanTrunk", .item = &trunk_item),
 *     };
 *     static const struct bw_json_table conf_table = BW_JSON_TABLE(fields);
 *
 *     r = bw_json_decode(req->conf, &conf_table, NULL, &conf, err);
 *     ... bw_json_done(&conf_table, &conf);
 *
 * I1 Every text in an error names the path, what was expected and what came:
 *    "ipam.ranges[0][1].subnet: expected a subnet such as 10.1.0.0/24, got \"10.1.0.7/24\"".
 * I2 Unknown keys are ignored, a known key given twice is refused, null is the same as absent.
 * I3 Integers are exact: cJSON holds doubles, so fractions and what lies beyond 2^53 are refused.
 * I4 An absent key leaves its member as it was: defaults are set before decoding, by the caller or
 *    by the table's .init (the items of an array have no other).
 */
#pragma once

#include <bw/defs.h>

struct bw_err;
struct cJSON;

#define BW_JSON_TEXT_MAX (1U << 20) /* bytes of one document */
#define BW_JSON_DEPTH_MAX 32 /* nested objects and arrays */
#define BW_JSON_STR_MAX 4096 /* characters of a STR field without a bound of its own */
#define BW_JSON_ITEMS_MAX 4096 /* items of an ARRAY field without a bound of its own */
#define BW_JSON_PATH_STR_MAX 192 /* bytes of a printed path; longer ones are cut */
#define BW_JSON_INT_MAX (1LL << 53) /* every integer up to it is exact in a double */

/* Frees a tree and nulls the pointer. NULL-safe. */
void bw_json_free(struct cJSON **json);
#define bw_autojson BW_CLEANUP(bw_json_free)

/**
 * bw_json_scan() - check that a text is exactly one JSON document
 * @text: need not be NUL-terminated
 * @size: bytes, at most BW_JSON_TEXT_MAX
 * @err: names line and column, class DECODE
 *
 * Stricter than cJSON: numbers, escapes and UTF-8 are checked, the character U+0000 and unpaired
 * surrogates are refused (they would cut a string short), nothing but white space may follow.
 * Return: 0; -EBADMSG.
 * Source: RFC 8259.
 */
int bw_json_scan(const char *text, size_t size, struct bw_err *err);

/**
 * bw_json_parse() - bw_json_scan() a text and build its tree
 * @text: need not be NUL-terminated; not kept
 * @size: bytes
 * @ret: owned by the caller, freed by bw_json_free()
 *
 * Return: 0; -EBADMSG class DECODE; -ENOMEM.
 */
int bw_json_parse(const char *text, size_t size, struct cJSON **ret, struct bw_err *err);

/**
 * bw_json_print() - write a tree as text
 * @json: borrowed
 * @pretty: with tabs and newlines
 * @ret: owned by the caller, freed by free()
 *
 * Return: 0; -ENOMEM.
 */
int bw_json_print(const struct cJSON *json, int pretty, char **ret, struct bw_err *err);

/* Replaces what is no UTF-8 or is a control character by '?', in place: texts of unknown origin. */
void bw_json_clean(char *text);

/* Member of an object by exact name; NULL when absent, null or @json is no object. Borrowed. */
const struct cJSON *bw_json_get(const struct cJSON *json, const char *key);

/* Text of a string member; NULL when absent or no string. Borrowed. */
const char *bw_json_get_str(const struct cJSON *json, const char *key);

/* Where a value stands in its document; NULL is the root. Lives on the stack, links upward. */
struct bw_json_path {
	const struct bw_json_path *up;
	const char *key; /* NULL = an array's item */
	size_t index;
};

/* Prints "a.b[3].c" into @out, "document" for the root; returns @out. */
const char *bw_json_path_str(const struct bw_json_path *path, char out[BW_JSON_PATH_STR_MAX]);

/**
 * bw_json_expect() - refuse a value: "PATH: expected <fmt>, got <value>"
 * @json: the value; NULL prints "nothing"
 * @path: where it stands
 * @fmt: what is allowed, after "expected"
 *
 * Return: -EINVAL, class INVALID.
 */
int bw_json_expect(const struct cJSON *json, const struct bw_json_path *path, struct bw_err *err,
		   const char *fmt, ...) BW_PRINTF(4, 5);

/**
 * bw_json_refuse() - refuse for a reason: "PATH: <fmt>"
 *
 * Return: -EINVAL, class INVALID.
 */
int bw_json_refuse(const struct bw_json_path *path, struct bw_err *err, const char *fmt, ...)
	BW_PRINTF(3, 4);

enum bw_json_type {
	BW_JSON_BOOL, /* member: an integer of 1 to 8 bytes, 0 or 1 */
	BW_JSON_INT, /* member: an integer of 1 to 8 bytes; .min <= value <= .max */
	BW_JSON_ENUM, /* member: an enum or integer; .names */
	BW_JSON_STR, /* member: const char *, borrowed from the tree; .min/.max characters */
	BW_JSON_STRDUP, /* member: char *, owned */
	BW_JSON_IP, /* member: struct bw_ip */
	BW_JSON_PREFIX, /* member: struct bw_prefix, host bits allowed */
	BW_JSON_SUBNET, /* member: struct bw_prefix, no host bits */
	BW_JSON_MAC, /* member: struct bw_mac, neither zero nor multicast */
	BW_JSON_OBJECT, /* member: a struct in place; .table */
	BW_JSON_ARRAY, /* member: struct bw_json_list; .item, .min/.max items */
	BW_JSON_TREE, /* member: const struct cJSON *, borrowed: any value, unchecked */
	BW_JSON_CUSTOM, /* member: anything; .decode, and .done when it owns something */
	BW_JSON_MAX_,
};

/* Items of an ARRAY field: @n of them, each as large as the item's member. Owned. */
struct bw_json_list {
	void *items;
	size_t n;
};

struct bw_json_enum {
	const char *name; /* NULL ends the list */
	int value;
};

#define BW_JSON_F_REQUIRED (1U << 0)
#define BW_JSON_F_ONE (1U << 1) /* ARRAY: a single item may stand without its brackets */

/*
 * A check or a decoder of one value. @member is where it is kept. On failure a decoder leaves
 * nothing owned behind. Return 0, or -errno by bw_json_expect() or bw_json_refuse().
 */
typedef int (*bw_json_decode_fn)(const struct cJSON *json, const struct bw_json_path *path,
				 void *member, struct bw_err *err);

struct bw_json_field {
	const char *name; /* exact case but in an any_case table; NULL for the shape of an array's
			     items */
	enum bw_json_type type;
	unsigned int flags; /* BW_JSON_F_* */
	size_t offset;
	size_t size; /* of the member */
	size_t has_offset; /* BW_JSON_HAS(): a uint8_t that becomes 1 when the key is there; 0 =
			      none */
	int64_t min;
	int64_t max;
	const char *expected; /* replaces the type's own text after "expected" */
	const struct bw_json_enum *names;
	const struct bw_json_table *table;
	const struct bw_json_field *item;
	bw_json_decode_fn decode; /* CUSTOM */
	bw_json_decode_fn check; /* any type: runs after @member was filled */
	void (*done)(void *member); /* CUSTOM: frees what the decoder made; safe on zeroes */
};

struct bw_json_table {
	const struct bw_json_field *fields;
	size_t n; /* at most 64 */
	void (*init)(void *out); /* optional: sets defaults before any key is decoded */
	/*
	 * Keys in any case, as Go's encoding/json takes them: containerd writes capability
	 * arguments by the names of its structs (github.com/containerd/go-cni, BandWidth:
	 * "IngressRate").
	 */
	uint8_t any_case;
};

/* clang-format off */
#define BW_JSON_FIELD(type_, struct_, member_, name_, ...) \
        { .name = (name_), .type = BW_JSON_##type_, .offset = offsetof(struct_, member_), \
          .size = sizeof(((struct_ *)0)->member_), ##__VA_ARGS__ }
/* The shape of an array's items: @ctype_ is what one item is kept in. */
#define BW_JSON_ITEM(type_, ctype_, ...) \
        { .type = BW_JSON_##type_, .size = sizeof(ctype_), ##__VA_ARGS__ }
/* clang-format on */
#define BW_JSON_HAS(struct_, member_) .has_offset = (offsetof(struct_, member_) + 1)
#define BW_JSON_TABLE(array_)                                                                      \
	{                                                                                          \
		.fields = (array_), .n = BW_ARRAY_SIZE(array_)                                     \
	}
#define BW_JSON_TABLE_ANY_CASE(array_)                                                             \
	{                                                                                          \
		.fields = (array_), .n = BW_ARRAY_SIZE(array_), .any_case = 1                      \
	}

/**
 * bw_json_decode() - fill a struct from an object
 * @json: must be an object
 * @table: its fields
 * @at: where @json stands in its document; NULL = the root
 * @out: initialised by the caller (zeroes and defaults); strings point into @json's tree
 * @err: class INVALID, the path, what was expected and what came
 *
 * After a failure @out holds a part: bw_json_done() frees it.
 * Return: 0; -EINVAL; -ENOMEM.
 */
int bw_json_decode(const struct cJSON *json, const struct bw_json_table *table,
		   const struct bw_json_path *at, void *out, struct bw_err *err);

/**
 * bw_json_decode_lenient() - take what can be understood, for DEL and GC
 * @json: see bw_json_decode(); anything but an object counts as one skipped value
 * @table: its fields
 * @at: where @json stands
 * @out: initialised by the caller
 * @err: filled by the first thing that was skipped
 *
 * A bad value leaves its member as it was (a list or a copied string: empty), a bad item is left
 * out of its array, and so is one without a required key.
 * Return: how many values were skipped (0 = all is well); -ENOMEM.
 */
int bw_json_decode_lenient(const struct cJSON *json, const struct bw_json_table *table,
			   const struct bw_json_path *at, void *out, struct bw_err *err);

/* Frees what decoding made and zeroes those members; half-filled-safe. NULL-safe. */
void bw_json_done(const struct bw_json_table *table, void *out);

/*
 * Building a tree. A failed allocation is remembered: every later call does nothing and returns
 * NULL, and bw_json_build_take() reports it. A parent's NULL is such a failure, so calls nest
 * without checks.
 */
struct bw_json_build {
	struct cJSON *root; /* owned */
	int failed;
};

#define bw_autobuild BW_CLEANUP(bw_json_build_done)

/* Frees what was built; the builder is empty then. NULL-safe. */
void bw_json_build_done(struct bw_json_build *b);

/* The root, made on the first call; an object or an array. Borrowed. */
struct cJSON *bw_json_build_object(struct bw_json_build *b);
struct cJSON *bw_json_build_array(struct bw_json_build *b);

/*
 * Add to an object (@key) or an array (@key NULL). @key and text are copied; a byte that is no
 * UTF-8 becomes '?', so that what is printed is JSON whatever it was made of (RFC 8259, 8.1).
 */
struct cJSON *bw_json_put_object(struct bw_json_build *b, struct cJSON *parent, const char *key);
struct cJSON *bw_json_put_array(struct bw_json_build *b, struct cJSON *parent, const char *key);
void bw_json_put_str(struct bw_json_build *b, struct cJSON *parent, const char *key,
		     const char *value);
void bw_json_put_int(struct bw_json_build *b, struct cJSON *parent, const char *key, int64_t value);
void bw_json_put_uint(struct bw_json_build *b, struct cJSON *parent, const char *key,
		      uint64_t value);
void bw_json_put_bool(struct bw_json_build *b, struct cJSON *parent, const char *key, int value);
/* A copy of a whole tree. */
void bw_json_put_tree(struct bw_json_build *b, struct cJSON *parent, const char *key,
		      const struct cJSON *value);

/**
 * bw_json_build_take() - finish: hand the tree on
 * @b: emptied
 * @ret: owned by the caller
 *
 * Return: 0; -ENOMEM when any step failed; the builder is empty either way.
 */
int bw_json_build_take(struct bw_json_build *b, struct cJSON **ret, struct bw_err *err);
