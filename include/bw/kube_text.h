/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Objects of the API server as text: streams cut into objects while they come, objects made small
 * for the cache, single values read without building a tree.
 *
 * I1 No function trusts its text: what is no JSON is an error, never a read behind the end.
 * I2 Nothing recurses with its input, nothing grows beyond its bound: whatever the server itself
 * can hold can be held here, so that no object stands in another one's way. I3 Numbers and strings
 * are copied as they stand: nothing passes through a double.
 */
#pragma once

#include <bw/buf.h>
#include <bw/defs.h>

struct bw_err;

/* Nested objects and arrays; the server's decoder takes 10,000 (sigs.k8s.io/json, maxNestingDepth).
 */
#define BW_KUBE_TEXT_DEPTH_MAX 10048
#define BW_KUBE_OBJECT_MAX (8U << 20) /* bytes of one object or watch line; etcd takes 1.5 MiB */
#define BW_KUBE_REST_MAX (256U << 10) /* bytes of a list document without its items */

/* A piece of somebody else's text; not NUL-terminated. */
struct bw_kube_slice {
	const char *p;
	size_t size;
};

enum bw_kube_cut_mode {
	BW_KUBE_CUT_LINES, /* a watch: one document a line */
	BW_KUBE_CUT_ITEMS, /* a list: each element of items[] */
	BW_KUBE_CUT_MAX_,
};

/* One document or item, borrowed for the call. Return 0; -errno ends the feeding. */
typedef int (*bw_kube_cut_fn)(const char *text, size_t size, void *arg);

/* Cuts a stream that comes in pieces of any size. Initialised by bw_kube_cut_init(). */
struct bw_kube_cut {
	enum bw_kube_cut_mode mode;
	bw_kube_cut_fn fn;
	void *arg;
	struct bw_buf part; /* of the line or item that has begun */
	struct bw_buf rest; /* ITEMS: the document without its items */
	unsigned int state; /* ITEMS: where in the document */
	unsigned int depth;
	uint8_t in_string;
	uint8_t escaped;
	char key[8]; /* the member's name, cut */
	uint8_t key_len;
};

/* @fn gets the pieces. Nothing is owned yet. */
void bw_kube_cut_init(struct bw_kube_cut *c, enum bw_kube_cut_mode mode, bw_kube_cut_fn fn,
		      void *arg);

/* Frees what is held; the cutter may be initialised again. NULL-safe. */
void bw_kube_cut_done(struct bw_kube_cut *c);

/**
 * bw_kube_cut_feed() - take the next bytes of a stream
 * @c: cutter; must not be freed by its function
 * @data: borrowed
 * @size: bytes, any number
 * @err: filled on failure but when the function failed
 *
 * Only brackets and strings are looked at: whether a piece is JSON, its reader finds out.
 * Return: 0; -EBADMSG class DECODE no list; -EFBIG class DECODE a bound; -ENOMEM; what the
 * function returned.
 */
int bw_kube_cut_feed(struct bw_kube_cut *c, const char *data, size_t size, struct bw_err *err);

/**
 * bw_kube_cut_end() - the stream is over
 * @c: cutter
 *
 * Return: 0 at a border; -EBADMSG class DECODE in the middle of a document, which is lost.
 */
int bw_kube_cut_end(struct bw_kube_cut *c, struct bw_err *err);

/* ITEMS, after the end: the document with its items taken out. Borrowed. */
struct bw_kube_slice bw_kube_cut_rest(const struct bw_kube_cut *c);

/**
 * bw_kube_text_strip() - what of an object is worth keeping
 * @text: one JSON document
 * @size: bytes, at most BW_KUBE_OBJECT_MAX
 * @ret: the text is appended, NUL-terminated; unchanged on failure
 *
 * Takes out white space, metadata.managedFields and the annotation
 * kubectl.kubernetes.io/last-applied-configuration; everything else stays byte for byte, in order.
 * The text is checked as JSON on the way, but for UTF-8. What it makes must never be sent back.
 * Return: 0; -EBADMSG class DECODE; -EFBIG class DECODE; -ENOMEM.
 */
int bw_kube_text_strip(const char *text, size_t size, struct bw_buf *ret, struct bw_err *err);

/* Names of members that are worth keeping; an entry without name ends them. */
struct bw_kube_keep {
	const char *name; /* as it stands in the text; "x*" = every name that begins with x */
	const struct bw_kube_keep *in; /* of the value, or of the objects it lists; NULL = all */
};

/**
 * bw_kube_text_keep() - nothing of an object but what somebody reads
 * @text: one JSON document
 * @size: bytes, at most BW_KUBE_OBJECT_MAX
 * @what: names of the document's members
 * @ret: the text is appended, NUL-terminated; unchanged on failure
 *
 * As bw_kube_text_strip() but that only what is named stays. Strings that nobody reads may hold
 * what a decoder would refuse. Return: 0; -EBADMSG class DECODE; -EFBIG class DECODE; -ENOMEM.
 */
int bw_kube_text_keep(const char *text, size_t size, const struct bw_kube_keep *what,
		      struct bw_buf *ret, struct bw_err *err);

/**
 * bw_kube_text_get() - find a value by its path
 * @in: a JSON value
 * @ret: the value's text, strings with their quotes; borrowed from @in
 * @...: names of members as const char *, ended by NULL
 *
 * Of members given twice the first counts. Stops at the value: what follows is not looked at.
 * Return: 0; -ENOENT a member is missing, null, or not in an object; -EBADMSG no JSON.
 */
int bw_kube_text_get(struct bw_kube_slice in, struct bw_kube_slice *ret, ...)
	__attribute__((sentinel));

/**
 * bw_kube_text_str() - a string value without quotes and escapes
 * @in: as bw_kube_text_get() gives it
 * @ret: NUL-terminated; untouched on failure
 * @cap: bytes of @ret
 *
 * Return: 0; -EINVAL no string, or one with the character U+0000; -ENAMETOOLONG; -EBADMSG.
 */
int bw_kube_text_str(struct bw_kube_slice in, char *ret, size_t cap);

/* The same into memory of its own, freed by free(). Return: 0; -EINVAL; -ENOMEM; -EBADMSG. */
int bw_kube_text_strdup(struct bw_kube_slice in, char **ret);

/* Whether @in is a string that says @text. */
int bw_kube_text_is(struct bw_kube_slice in, const char *text);

/* An integer, exact. Return: 0; -EINVAL no number or one with fraction or exponent; -ERANGE. */
int bw_kube_text_int(struct bw_kube_slice in, int64_t *ret);

/* true or false. Return: 0; -EINVAL. */
int bw_kube_text_bool(struct bw_kube_slice in, int *ret);

/* bw_kube_text_get() and bw_kube_text_str() for a NUL-terminated document; "" on any failure. */
#define bw_kube_text_copy(text_, size_, ret_, cap_, ...)                                           \
	__extension__({                                                                            \
		struct bw_kube_slice bw_slice_ = { (text_), (size_) };                             \
		char *bw_ret_ = (ret_);                                                            \
		int bw_r_ = bw_kube_text_get(bw_slice_, &bw_slice_, __VA_ARGS__, NULL);            \
		if (bw_r_ == 0)                                                                    \
			bw_r_ = bw_kube_text_str(bw_slice_, bw_ret_, (cap_));                      \
		if (bw_r_ < 0)                                                                     \
			bw_ret_[0] = '\0';                                                         \
		bw_r_;                                                                             \
	})

/* A walk over the members of an object or the elements of an array. */
struct bw_kube_iter {
	const char *p;
	const char *end;
	char close; /* '}' or ']'; 0 = over */
	uint8_t started;
};

/* Return: 0; -EINVAL @in is neither object nor array. */
int bw_kube_iter_init(struct bw_kube_iter *it, struct bw_kube_slice in);

/**
 * bw_kube_iter_next() - the next member or element
 * @it: walk
 * @ret_key: a member's name with its quotes; empty in an array; may be NULL
 * @ret_value: borrowed
 *
 * Return: 1; 0 at the end; -EBADMSG.
 */
int bw_kube_iter_next(struct bw_kube_iter *it, struct bw_kube_slice *ret_key,
		      struct bw_kube_slice *ret_value);
