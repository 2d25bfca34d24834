/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of `attachment`: insert, read, change, walk. Removal is with the addresses. */
#include <string.h>
#include <time.h>

#include <bw/err.h>

#include "journal_db.h"

#define NS_PER_S 1000000000LL
#define BATCH 32

static int64_t real_ns(void)
{
	struct timespec ts = { 0 };

	(void)clock_gettime(CLOCK_REALTIME, &ts); /* cannot fail, ignoring */
	return (int64_t)ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

int bw_journal_attach_insert(struct bw_journal *j, const struct bw_attachment *a, int64_t *ret_id,
			     struct bw_err *err)
{
	int own = bw_journal_db_enter(j, BW_JOURNAL_NORMAL, err);
	sqlite3_stmt *st;
	int64_t id = 0;
	int r = own < 0 ? own : bw_journal_db_stmt(j, BW_ST_ATTACH_INSERT, &st, err);

	if (r == 0) {
		const char *const texts[] = { a->container_id, a->ifname, a->network,
					      a->program,      a->pod,    a->netns };

		/* Nothing is copied, so binding cannot fail, ignoring. */
		(void)sqlite3_bind_int64(st, 1, real_ns());
		for (size_t i = 0; i < BW_ARRAY_SIZE(texts); i++)
			bw_journal_db_bind_text(st, (int)i + 2, texts[i]);
		(void)sqlite3_bind_int64(st, 8, (int64_t)a->netns_id);
		bw_journal_db_bind_text(st, 9, a->boot_id);
		(void)sqlite3_bind_int(st, 10, (int)a->state);
		bw_journal_db_bind_text(st, 11, a->claim_uid);
		(void)sqlite3_bind_int64(st, 12, (int64_t)a->token);
		(void)sqlite3_bind_int64(st, 13, a->since_s ? a->since_s : bw_clock_real_s());
		bw_journal_db_bind_text(st, 14, a->host_if);
		bw_journal_db_bind_text(st, 15, a->bridge);
		(void)sqlite3_bind_int64(st, 16, a->vlan);
		(void)sqlite3_bind_blob(st, 17, a->mac.b, sizeof(a->mac.b), SQLITE_STATIC);
		(void)sqlite3_bind_int64(st, 18, a->flags);
		r = bw_journal_db_run(j, st, err);
		id = sqlite3_last_insert_rowid(j->db);
	}
	r = bw_journal_db_leave(j, own, r, err);
	if (r == 0)
		*ret_id = id;
	return r;
}

/* Columns in the order of ATTACH_COLUMNS. */
static void read_row(sqlite3_stmt *st, struct bw_attachment *ret)
{
	const void *mac = sqlite3_column_blob(st, 16);
	int state = sqlite3_column_int(st, 9);

	memset(ret, 0, sizeof(*ret));
	ret->id = sqlite3_column_int64(st, 0);
	bw_journal_db_text(st, 1, ret->container_id, sizeof(ret->container_id));
	bw_journal_db_text(st, 2, ret->ifname, sizeof(ret->ifname));
	bw_journal_db_text(st, 3, ret->network, sizeof(ret->network));
	bw_journal_db_text(st, 4, ret->program, sizeof(ret->program));
	bw_journal_db_text(st, 5, ret->pod, sizeof(ret->pod));
	bw_journal_db_text(st, 6, ret->netns, sizeof(ret->netns));
	ret->netns_id = (uint64_t)sqlite3_column_int64(st, 7);
	bw_journal_db_text(st, 8, ret->boot_id, sizeof(ret->boot_id));
	ret->state = state >= 0 && state < BW_ATTACH_MAX_ ? (enum bw_attach_state)state
							  : BW_ATTACH_DELETING;
	bw_journal_db_text(st, 10, ret->claim_uid, sizeof(ret->claim_uid));
	ret->token = (uint64_t)sqlite3_column_int64(st, 11);
	ret->since_s = sqlite3_column_int64(st, 12);
	bw_journal_db_text(st, 13, ret->host_if, sizeof(ret->host_if));
	bw_journal_db_text(st, 14, ret->bridge, sizeof(ret->bridge));
	ret->vlan = (uint32_t)sqlite3_column_int64(st, 15);
	if (mac && sqlite3_column_bytes(st, 16) == BW_MAC_SIZE)
		memcpy(ret->mac.b, mac, BW_MAC_SIZE);
	ret->flags = (uint32_t)sqlite3_column_int64(st, 17);
}

static int read_one(struct bw_journal *j, sqlite3_stmt *st, struct bw_attachment *ret,
		    struct bw_err *err)
{
	int r = bw_journal_db_step(j, st, err);

	if (r == 1) {
		read_row(st, ret);
		(void)sqlite3_reset(st); /* the row was read, ignoring */
	}
	return r;
}

int bw_journal_attach_get(struct bw_journal *j, const char *container_id, const char *ifname,
			  struct bw_attachment *ret, struct bw_err *err)
{
	sqlite3_stmt *st;
	int r = bw_journal_db_stmt(j, BW_ST_ATTACH_GET, &st, err);

	if (r < 0)
		return r;
	bw_journal_db_bind_text(st, 1, container_id);
	bw_journal_db_bind_text(st, 2, ifname);
	return read_one(j, st, ret, err);
}

int bw_journal_attach_get_id(struct bw_journal *j, int64_t id, struct bw_attachment *ret,
			     struct bw_err *err)
{
	sqlite3_stmt *st;
	int r = bw_journal_db_stmt(j, BW_ST_ATTACH_GET_ID, &st, err);

	if (r < 0)
		return r;
	(void)sqlite3_bind_int64(st, 1, id); /* cannot fail, ignoring */
	return read_one(j, st, ret, err);
}

int bw_journal_attach_update(struct bw_journal *j, const struct bw_attachment *a,
			     struct bw_err *err)
{
	int own = bw_journal_db_enter(j, BW_JOURNAL_NORMAL, err);
	sqlite3_stmt *st;
	int r = own < 0 ? own : bw_journal_db_stmt(j, BW_ST_ATTACH_UPDATE, &st, err);

	if (r == 0) {
		bw_journal_db_bind_text(st, 1, a->container_id);
		bw_journal_db_bind_text(st, 2, a->ifname);
		bw_journal_db_bind_text(st, 3, a->host_if);
		bw_journal_db_bind_text(st, 4, a->bridge);
		/* Nothing is copied, so binding cannot fail, ignoring. */
		(void)sqlite3_bind_int64(st, 5, a->vlan);
		(void)sqlite3_bind_blob(st, 6, a->mac.b, sizeof(a->mac.b), SQLITE_STATIC);
		(void)sqlite3_bind_int64(st, 7, a->flags);
		r = bw_journal_db_run(j, st, err);
		if (r == 0 && sqlite3_changes(j->db) == 0)
			r = bw_reject(err, BW_ERR_INTERNAL, ENOENT,
				      "journal: %s %s has no attachment", a->container_id,
				      a->ifname);
	}
	return bw_journal_db_leave(j, own, r, err);
}

int bw_journal_attach_state(struct bw_journal *j, const char *container_id, const char *ifname,
			    int64_t id, enum bw_attach_state from, enum bw_attach_state to,
			    struct bw_err *err)
{
	int own = bw_journal_db_enter(j, BW_JOURNAL_NORMAL, err);
	sqlite3_stmt *st;
	int r = own < 0 ? own : bw_journal_db_stmt(j, BW_ST_ATTACH_STATE, &st, err);

	if (r == 0) {
		bw_journal_db_bind_text(st, 1, container_id);
		bw_journal_db_bind_text(st, 2, ifname);
		/* Integers cannot fail to bind, ignoring. */
		(void)sqlite3_bind_int64(st, 3, id);
		(void)sqlite3_bind_int(st, 4, from == BW_ATTACH_MAX_ ? -1 : (int)from);
		(void)sqlite3_bind_int(st, 5, (int)to);
		r = bw_journal_db_run(j, st, err);
		if (r == 0)
			r = sqlite3_changes(j->db) > 0;
	}
	return bw_journal_db_leave(j, own, r, err);
}

/* Reads up to BATCH rows after @after into @rows. Return: how many; -errno. */
static int read_batch(struct bw_journal *j, const char *network, int64_t after,
		      struct bw_attachment *rows, struct bw_err *err)
{
	sqlite3_stmt *st;
	int n = 0;
	int r = bw_journal_db_stmt(j, network ? BW_ST_ATTACH_EACH_NET : BW_ST_ATTACH_EACH, &st,
				   err);

	if (r < 0)
		return r;
	/* Integers cannot fail to bind, ignoring. */
	(void)sqlite3_bind_int64(st, 1, after);
	(void)sqlite3_bind_int(st, 2, BATCH);
	if (network)
		bw_journal_db_bind_text(st, 3, network);
	while (n < BATCH && (r = bw_journal_db_step(j, st, err)) == 1)
		read_row(st, &rows[n++]);
	(void)sqlite3_reset(st); /* repeats what step said, ignoring */
	return r < 0 ? r : n;
}

int bw_journal_attach_each(struct bw_journal *j, const char *network, bw_journal_attach_fn fn,
			   void *arg, struct bw_err *err)
{
	bw_autofree struct bw_attachment *rows = calloc(BATCH, sizeof(*rows));
	int64_t after = 0;
	int n;

	if (!rows)
		return bw_fail(err, ENOMEM, "read attachments");
	do {
		n = read_batch(j, network, after, rows, err);
		for (int i = 0; i < n; i++) {
			int r = fn(&rows[i], arg, err);

			if (r)
				return r;
		}
		if (n > 0)
			after = rows[n - 1].id;
	} while (n == BATCH);
	return n < 0 ? n : 0;
}
