/* SPDX-License-Identifier: Apache-2.0 */
/* What of the node itself was changed: segments, and what uplinks carried before. */
#include <stdio.h>
#include <string.h>

#include <bw/err.h>

#include "journal_db.h"

#define BATCH 32

int bw_journal_segment_put(struct bw_journal *j, const struct bw_segment *s, struct bw_err *err)
{
	int own = bw_journal_db_enter(j, BW_JOURNAL_FULL, err);
	sqlite3_stmt *st;
	int r = own < 0 ? own : bw_journal_db_stmt(j, BW_ST_SEGMENT_PUT, &st, err);

	if (r == 0) {
		bw_journal_db_bind_text(st, 1, s->bridge);
		/* Integers cannot fail to bind, ignoring. */
		(void)sqlite3_bind_int64(st, 2, s->vlan);
		bw_journal_db_bind_text(st, 3, s->uplink);
		(void)sqlite3_bind_int(st, 4, s->made);
		(void)sqlite3_bind_int(st, 5, s->enslaved);
		(void)sqlite3_bind_int(st, 6, s->bpf_vlan);
		bw_journal_db_bind_text(st, 7, s->boot_id);
		(void)sqlite3_bind_int64(st, 8, s->since_s ? s->since_s : bw_clock_real_s());
		r = bw_journal_db_run(j, st, err);
	}
	return bw_journal_db_leave(j, own, r, err);
}

int bw_journal_segment_remove(struct bw_journal *j, const char *bridge, uint32_t vlan,
			      struct bw_err *err)
{
	int own = bw_journal_db_enter(j, BW_JOURNAL_FULL, err);
	sqlite3_stmt *st;
	int r = own < 0 ? own : bw_journal_db_stmt(j, BW_ST_SEGMENT_REMOVE, &st, err);

	if (r == 0) {
		bw_journal_db_bind_text(st, 1, bridge);
		/* cannot fail, ignoring */
		(void)sqlite3_bind_int64(st, 2, vlan == UINT32_MAX ? -1 : (int64_t)vlan);
		r = bw_journal_db_run(j, st, err);
	}
	return bw_journal_db_leave(j, own, r, err);
}

/* Columns in the order of BW_ST_SEGMENT_EACH. */
static void read_segment(sqlite3_stmt *st, struct bw_segment *ret)
{
	memset(ret, 0, sizeof(*ret));
	bw_journal_db_text(st, 0, ret->bridge, sizeof(ret->bridge));
	ret->vlan = (uint32_t)sqlite3_column_int64(st, 1);
	bw_journal_db_text(st, 2, ret->uplink, sizeof(ret->uplink));
	ret->made = sqlite3_column_int(st, 3) != 0;
	ret->enslaved = sqlite3_column_int(st, 4) != 0;
	ret->bpf_vlan = sqlite3_column_int(st, 5) != 0;
	bw_journal_db_text(st, 6, ret->boot_id, sizeof(ret->boot_id));
	ret->since_s = sqlite3_column_int64(st, 7);
}

static int read_segments(struct bw_journal *j, const char *bridge, const struct bw_segment *after,
			 struct bw_segment *rows, struct bw_err *err)
{
	sqlite3_stmt *st;
	int n = 0;
	int r = bw_journal_db_stmt(j, BW_ST_SEGMENT_EACH, &st, err);

	if (r < 0)
		return r;
	bw_journal_db_bind_text(st, 1, bridge);
	bw_journal_db_bind_text(st, 2, after ? after->bridge : "");
	/* Integers cannot fail to bind, ignoring. */
	(void)sqlite3_bind_int64(st, 3, after ? (int64_t)after->vlan : -1);
	(void)sqlite3_bind_int(st, 4, BATCH);
	while (n < BATCH && (r = bw_journal_db_step(j, st, err)) == 1)
		read_segment(st, &rows[n++]);
	(void)sqlite3_reset(st); /* repeats what step said, ignoring */
	return r < 0 ? r : n;
}

int bw_journal_segment_each(struct bw_journal *j, const char *bridge, bw_journal_segment_fn fn,
			    void *arg, struct bw_err *err)
{
	struct bw_segment rows[BATCH];
	struct bw_segment after;
	int started = 0;
	int n;

	do {
		n = read_segments(j, bridge, started ? &after : NULL, rows, err);
		for (int i = 0; i < n; i++) {
			int r = fn(&rows[i], arg, err);

			if (r)
				return r;
		}
		if (n > 0)
			after = rows[n - 1];
		started = 1;
	} while (n == BATCH);
	return n < 0 ? n : 0;
}

void bw_uplink_original_done(struct bw_uplink_original *u)
{
	free(u->data);
	memset(u, 0, sizeof(*u));
}

int bw_journal_uplink_put(struct bw_journal *j, const struct bw_uplink_original *u,
			  struct bw_err *err)
{
	int own;
	sqlite3_stmt *st;
	int r;

	if (u->size > BW_UPLINK_ORIGINAL_MAX)
		return bw_reject(err, BW_ERR_INVALID, E2BIG,
				 "uplink %s carries more addresses and routes than can be moved "
				 "(%zu bytes of at most %u)",
				 u->uplink, u->size, BW_UPLINK_ORIGINAL_MAX);
	own = bw_journal_db_enter(j, BW_JOURNAL_FULL, err);
	r = own < 0 ? own : bw_journal_db_stmt(j, BW_ST_UPLINK_PUT, &st, err);
	if (r == 0) {
		bw_journal_db_bind_text(st, 1, u->uplink);
		bw_journal_db_bind_text(st, 2, u->bridge);
		bw_journal_db_bind_text(st, 3, u->boot_id);
		/* Nothing is copied, so binding cannot fail, ignoring. */
		(void)sqlite3_bind_int64(st, 4, u->step);
		(void)sqlite3_bind_blob(st, 5, u->mac.b, sizeof(u->mac.b), SQLITE_STATIC);
		if (u->size)
			(void)sqlite3_bind_blob64(st, 6, u->data, u->size, SQLITE_STATIC);
		else
			(void)sqlite3_bind_zeroblob(st, 6, 0);
		r = bw_journal_db_run(j, st, err);
	}
	return bw_journal_db_leave(j, own, r, err);
}

int bw_journal_uplink_step(struct bw_journal *j, const char *uplink, uint32_t step,
			   struct bw_err *err)
{
	int own = bw_journal_db_enter(j, BW_JOURNAL_FULL, err);
	sqlite3_stmt *st;
	int r = own < 0 ? own : bw_journal_db_stmt(j, BW_ST_UPLINK_STEP, &st, err);

	if (r == 0) {
		bw_journal_db_bind_text(st, 1, uplink);
		(void)sqlite3_bind_int64(st, 2, step); /* cannot fail, ignoring */
		r = bw_journal_db_run(j, st, err);
		if (r == 0 && sqlite3_changes(j->db) == 0)
			r = bw_reject(err, BW_ERR_INTERNAL, ENOENT,
				      "journal: nothing was recorded of uplink %s", uplink);
	}
	return bw_journal_db_leave(j, own, r, err);
}

/* Columns in the order of UPLINK_COLUMNS. */
static int read_uplink(struct bw_journal *j, enum bw_journal_stmt id, const char *key,
		       struct bw_uplink_original *ret, struct bw_err *err)
{
	struct bw_uplink_original u = { 0 };
	const void *mac;
	sqlite3_stmt *st;
	int r = bw_journal_db_stmt(j, id, &st, err);

	if (r < 0)
		return r;
	bw_journal_db_bind_text(st, 1, key);
	r = bw_journal_db_step(j, st, err);
	if (r <= 0)
		return r;
	bw_journal_db_text(st, 0, u.uplink, sizeof(u.uplink));
	bw_journal_db_text(st, 1, u.bridge, sizeof(u.bridge));
	bw_journal_db_text(st, 2, u.boot_id, sizeof(u.boot_id));
	u.step = (uint32_t)sqlite3_column_int64(st, 3);
	mac = sqlite3_column_blob(st, 4);
	if (mac && sqlite3_column_bytes(st, 4) == BW_MAC_SIZE)
		memcpy(u.mac.b, mac, BW_MAC_SIZE);
	u.size = (size_t)sqlite3_column_bytes(st, 5);
	u.data = malloc(u.size + 1);
	if (u.data && u.size)
		memcpy(u.data, sqlite3_column_blob(st, 5), u.size);
	(void)sqlite3_reset(st); /* the row was read, ignoring */
	if (!u.data)
		return bw_fail(err, ENOMEM, "read what uplink %s carried", key);
	*ret = u;
	return 1;
}

int bw_journal_uplink_get(struct bw_journal *j, const char *uplink, struct bw_uplink_original *ret,
			  struct bw_err *err)
{
	return read_uplink(j, BW_ST_UPLINK_GET, uplink, ret, err);
}

int bw_journal_uplink_get_bridge(struct bw_journal *j, const char *bridge,
				 struct bw_uplink_original *ret, struct bw_err *err)
{
	return read_uplink(j, BW_ST_UPLINK_GET_BRIDGE, bridge, ret, err);
}

int bw_journal_uplink_remove(struct bw_journal *j, const char *uplink, struct bw_err *err)
{
	int own = bw_journal_db_enter(j, BW_JOURNAL_FULL, err);
	sqlite3_stmt *st;
	int r = own < 0 ? own : bw_journal_db_stmt(j, BW_ST_UPLINK_REMOVE, &st, err);

	if (r == 0) {
		bw_journal_db_bind_text(st, 1, uplink);
		r = bw_journal_db_run(j, st, err);
	}
	return bw_journal_db_leave(j, own, r, err);
}
