/* SPDX-License-Identifier: Apache-2.0 */
/* A cursor over JSON text that knows where strings and values end. */
#pragma once

#include <bw/defs.h>

struct bw_buf;
struct bw_err;

struct lex {
	const char *p;
	const char *end;
};

static inline int lex_is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static inline void lex_space(struct lex *l)
{
	while (l->p < l->end && lex_is_space(*l->p))
		l->p++;
}

/* Whether @c is what comes next; then it is taken. */
static inline int lex_take(struct lex *l, char c)
{
	if (l->p == l->end || *l->p != c)
		return 0;
	l->p++;
	return 1;
}

/* From the opening to behind the closing quote. 0; -EBADMSG. */
int lex_string(struct lex *l);

/* A number or a word. 0; -EBADMSG. */
int lex_scalar(struct lex *l);

/* Any value, with space before it. 0; -EBADMSG also when deeper than BW_KUBE_TEXT_DEPTH_MAX. */
int lex_value(struct lex *l);
/* The same, copied to *@out without space between the tokens; *@out moves behind the copy. */
int lex_compact(struct lex *l, char **out);

/* A member's name and its colon, space around them too. 0; -EBADMSG. */
int lex_key(struct lex *l, const char **ret_start, size_t *ret_size);

/* A walk over one document that copies what it keeps into a buffer as large as the text. */
struct lex_copy {
	struct lex l;
	char *out;
};

/* Makes room behind what @ret has. 0; -EFBIG class DECODE; -ENOMEM. */
int lex_copy_begin(struct lex_copy *c, const char *text, size_t size, struct bw_buf *ret,
		   struct bw_err *err);
/* @r: how the walk went. @ret gets the copy, NUL-terminated, or stays. 0; -EBADMSG class DECODE. */
int lex_copy_end(struct lex_copy *c, int r, const char *text, size_t size, struct bw_buf *ret,
		 struct bw_err *err);
