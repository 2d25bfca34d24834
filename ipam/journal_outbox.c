/* SPDX-License-Identifier: Apache-2.0 */
/* Acknowledgements that have to reach the cluster: written once, sent in order, remembered. */
#include <assert.h>
#include <string.h>

#include <bw/clock.h>
#include <bw/err.h>
#include <bw/journal_claim.h>

#include "journal_claim_db.h"
#include "journal_db.h"

static const char *const kind_names[] = {
	[BW_OUTBOX_ATTACHED] = "attached",
	[BW_OUTBOX_DETACHED] = "detached",
};
static_assert(BW_ARRAY_SIZE(kind_names) == BW_OUTBOX_KIND_MAX_, "a kind without a name");

const char *bw_outbox_kind_str(enum bw_outbox_kind kind)
{
	return (unsigned int)kind < BW_OUTBOX_KIND_MAX_ ? kind_names[kind] : "unknown";
}

/* Columns in the order of OUTBOX_COLUMNS, but the body. */
static void read_row(sqlite3_stmt *st, struct bw_outbox_row *ret)
{
	char kind[16];

	memset(ret, 0, sizeof(*ret));
	ret->seq = sqlite3_column_int64(st, 0);
	bw_journal_db_text(st, 1, ret->uid, sizeof(ret->uid));
	ret->token = (uint64_t)sqlite3_column_int64(st, 2);
	bw_journal_db_text(st, 3, kind, sizeof(kind));
	ret->kind = strcmp(kind, kind_names[BW_OUTBOX_DETACHED]) == 0 ? BW_OUTBOX_DETACHED
								      : BW_OUTBOX_ATTACHED;
	ret->sending = sqlite3_column_int(st, 4) != 0;
	ret->since_s = sqlite3_column_int64(st, 5);
}

int bw_journal_outbox_of(struct bw_journal *j, const char *uid, uint64_t token,
			 enum bw_outbox_kind kind, struct bw_outbox_row *ret, struct bw_err *err)
{
	sqlite3_stmt *st;
	int r = bw_journal_db_stmt(j, BW_ST_OUTBOX_OF, &st, err);

	if (r < 0)
		return r;
	bw_journal_db_bind_text(st, 1, uid);
	(void)sqlite3_bind_int64(st, 2, (int64_t)token); /* cannot fail, ignoring */
	bw_journal_db_bind_text(st, 3, bw_outbox_kind_str(kind));
	r = bw_journal_db_step(j, st, err);
	if (r == 1) {
		read_row(st, ret);
		(void)sqlite3_reset(st); /* the row was read, ignoring */
	}
	return r;
}

/* In the open transaction. */
static int insert(struct bw_journal *j, const struct bw_outbox_row *row, struct bw_err *err)
{
	sqlite3_stmt *st;
	int r = bw_journal_db_stmt(j, BW_ST_OUTBOX_PUT, &st, err);

	if (r < 0)
		return r;
	bw_journal_db_bind_text(st, 1, row->uid);
	/* Integers cannot fail to bind, ignoring. */
	(void)sqlite3_bind_int64(st, 2, (int64_t)row->token);
	bw_journal_db_bind_text(st, 3, bw_outbox_kind_str(row->kind));
	bw_journal_db_bind_text(st, 4, row->body);
	(void)sqlite3_bind_int64(st, 5, bw_clock_real_s());
	r = bw_journal_db_run(j, st, err);
	return r < 0 ? r : sqlite3_changes(j->db) > 0;
}

/* In the open transaction. */
static int put(struct bw_journal *j, const struct bw_outbox_row *row, struct bw_err *err)
{
	struct bw_journal_token t = { 0 };
	int r = bw_journal_token_get(j, row->uid, &t, err);

	if (r < 0)
		return r;
	if (row->token <= (row->kind == BW_OUTBOX_ATTACHED ? t.attached : t.detached))
		return 0;
	return insert(j, row, err);
}

static int put_checked(struct bw_journal *j, const struct bw_outbox_row *row,
		       int (*fn)(struct bw_journal *, const struct bw_outbox_row *,
				 struct bw_err *),
		       struct bw_err *err)
{
	int own;

	if (row->body && strlen(row->body) > BW_OUTBOX_BODY_MAX)
		return bw_reject(err, BW_ERR_INVALID, E2BIG,
				 "acknowledgement of claim %.63s: %zu bytes, expected at most %d",
				 row->uid, strlen(row->body), BW_OUTBOX_BODY_MAX);
	own = bw_journal_db_enter(j, BW_JOURNAL_NORMAL, err);
	return bw_journal_db_leave(j, own, own < 0 ? own : fn(j, row, err), err);
}

int bw_journal_outbox_put(struct bw_journal *j, const struct bw_outbox_row *row, struct bw_err *err)
{
	return put_checked(j, row, put, err);
}

int bw_journal_outbox_again(struct bw_journal *j, const struct bw_outbox_row *row,
			    struct bw_err *err)
{
	return put_checked(j, row, insert, err);
}

/* The row after @after; @ret_body is owned by the caller. 1, 0; -errno. */
static int read_next(struct bw_journal *j, enum bw_journal_stmt id, int64_t key,
		     struct bw_outbox_row *ret, char **ret_body, struct bw_err *err)
{
	const void *text;
	size_t size;
	sqlite3_stmt *st;
	int r = bw_journal_db_stmt(j, id, &st, err);

	if (r < 0)
		return r;
	(void)sqlite3_bind_int64(st, 1, key); /* cannot fail, ignoring */
	r = bw_journal_db_step(j, st, err);
	if (r <= 0)
		return r;
	read_row(st, ret);
	text = sqlite3_column_blob(st, 6);
	size = text ? (size_t)sqlite3_column_bytes(st, 6) : 0;
	*ret_body = malloc(size + 1);
	if (*ret_body) {
		if (size)
			memcpy(*ret_body, text, size);
		(*ret_body)[size] = '\0';
	} else {
		r = bw_fail(err, ENOMEM, "read an acknowledgement");
	}
	(void)sqlite3_reset(st); /* the row was read, ignoring */
	return r;
}

int bw_journal_outbox_each(struct bw_journal *j, int64_t after, bw_journal_outbox_fn fn, void *arg,
			   struct bw_err *err)
{
	if (!bw_journal_claim_known(j))
		return 0;
	for (;;) {
		struct bw_outbox_row row = { 0 };
		bw_autofree char *body = NULL;
		int r = read_next(j, BW_ST_OUTBOX_EACH, after, &row, &body, err);

		if (r <= 0)
			return r;
		after = row.seq;
		row.body = body;
		r = fn(&row, arg, err);
		if (r)
			return r;
	}
}

/* A change of one row. 1 there was one, 0 there was none; -errno. */
static int change(struct bw_journal *j, enum bw_journal_stmt id, int64_t seq, struct bw_err *err)
{
	sqlite3_stmt *st;
	int r = bw_journal_db_stmt(j, id, &st, err);

	if (r < 0)
		return r;
	(void)sqlite3_bind_int64(st, 1, seq); /* cannot fail, ignoring */
	r = bw_journal_db_run(j, st, err);
	return r < 0 ? r : sqlite3_changes(j->db) > 0;
}

static int change_durably(struct bw_journal *j, enum bw_journal_stmt id, int64_t seq,
			  struct bw_err *err)
{
	int own = bw_journal_db_enter(j, BW_JOURNAL_FULL, err);

	return bw_journal_db_leave(j, own, own < 0 ? own : change(j, id, seq, err), err);
}

int bw_journal_outbox_sending(struct bw_journal *j, int64_t seq, struct bw_err *err)
{
	return change_durably(j, BW_ST_OUTBOX_SENDING, seq, err);
}

int bw_journal_outbox_unsent(struct bw_journal *j, int64_t seq, struct bw_err *err)
{
	return change_durably(j, BW_ST_OUTBOX_UNSENT, seq, err);
}

int bw_journal_outbox_drop(struct bw_journal *j, int64_t seq, struct bw_err *err)
{
	return change_durably(j, BW_ST_OUTBOX_DROP, seq, err);
}

/* In the open transaction. */
static int sent(struct bw_journal *j, int64_t seq, struct bw_err *err)
{
	struct bw_journal_token t = { 0 };
	struct bw_outbox_row row = { 0 };
	bw_autofree char *body = NULL;
	int r = read_next(j, BW_ST_OUTBOX_GET, seq, &row, &body, err);

	if (r <= 0)
		return r;
	*(row.kind == BW_OUTBOX_ATTACHED ? &t.attached : &t.detached) = row.token;
	r = bw_journal_token_raise(j, row.uid, &t, err);
	return r < 0 ? r : change(j, BW_ST_OUTBOX_DROP, seq, err);
}

int bw_journal_outbox_sent(struct bw_journal *j, int64_t seq, struct bw_err *err)
{
	int own = bw_journal_db_enter(j, BW_JOURNAL_FULL, err);

	return bw_journal_db_leave(j, own, own < 0 ? own : sent(j, seq, err), err);
}
