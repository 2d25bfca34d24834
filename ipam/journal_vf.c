/* SPDX-License-Identifier: Apache-2.0 */
/* Who holds which VF, with what the VF was like before. */
#include <assert.h>
#include <string.h>
#include <time.h>

#include <bw/err.h>

#include "journal_db.h"

#define NS_PER_S 1000000000LL
#define VF_MINOR 1 /* version of the file that has the table */

static const char *const state_names[] = {
	[BW_VF_HOLD_INTENT] = "Intent",
	[BW_VF_HOLD_LIVE] = "Live",
};
static_assert(BW_ARRAY_SIZE(state_names) == BW_VF_HOLD_MAX_, "a state without a name");

const char *bw_vf_hold_state_str(enum bw_vf_hold_state state)
{
	return (unsigned int)state < BW_VF_HOLD_MAX_ ? state_names[state] : "unknown";
}

/* An old file that is only read has no such table: nobody holds anything. */
static int has_table(const struct bw_journal *j)
{
	return j->minor >= VF_MINOR;
}

static int check_record(const struct bw_vf_hold *h, struct bw_err *err)
{
	if (strnlen(h->record, sizeof(h->record)) > BW_VF_RECORD_MAX)
		return bw_reject(err, BW_ERR_INVALID, E2BIG,
				 "VF %s was like more than can be recorded (at most %d characters)",
				 h->pci, BW_VF_RECORD_MAX);
	return 0;
}

/* Columns in the order of VF_COLUMNS. */
static void read_row(sqlite3_stmt *st, struct bw_vf_hold *ret)
{
	int state = sqlite3_column_int(st, 11);

	memset(ret, 0, sizeof(*ret));
	bw_journal_db_text(st, 0, ret->pci, sizeof(ret->pci));
	ret->id = sqlite3_column_int64(st, 1);
	bw_journal_db_text(st, 2, ret->container_id, sizeof(ret->container_id));
	bw_journal_db_text(st, 3, ret->ifname, sizeof(ret->ifname));
	ret->slot = (uint32_t)sqlite3_column_int64(st, 4);
	bw_journal_db_text(st, 5, ret->network, sizeof(ret->network));
	bw_journal_db_text(st, 6, ret->boot_id, sizeof(ret->boot_id));
	bw_journal_db_text(st, 7, ret->netns, sizeof(ret->netns));
	ret->netns_id = (uint64_t)sqlite3_column_int64(st, 8);
	bw_journal_db_text(st, 9, ret->pf, sizeof(ret->pf));
	ret->vf = (uint32_t)sqlite3_column_int64(st, 10);
	ret->state = state == BW_VF_HOLD_LIVE ? BW_VF_HOLD_LIVE : BW_VF_HOLD_INTENT;
	ret->since_s = sqlite3_column_int64(st, 12);
	bw_journal_db_text(st, 13, ret->record, sizeof(ret->record));
}

/* Steps a bound SELECT of one row. 1 @ret is filled, 0 there is none; -errno. */
static int read_one(struct bw_journal *j, sqlite3_stmt *st, struct bw_vf_hold *ret,
		    struct bw_err *err)
{
	int r = bw_journal_db_step(j, st, err);

	if (r == 1) {
		read_row(st, ret);
		(void)sqlite3_reset(st); /* the row was read, ignoring */
	}
	return r;
}

/* Parameters 1 to 13 of BW_ST_VF_INSERT and BW_ST_VF_RETAKE: all but the record. */
static void bind_holder(sqlite3_stmt *st, const struct bw_vf_hold *h)
{
	struct timespec now = { 0 };

	(void)clock_gettime(CLOCK_REALTIME, &now); /* cannot fail, ignoring */
	/* Nothing is copied, so binding cannot fail, ignoring. */
	(void)sqlite3_bind_int64(st, 1, (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec);
	bw_journal_db_bind_text(st, 2, h->pci);
	bw_journal_db_bind_text(st, 3, h->container_id);
	bw_journal_db_bind_text(st, 4, h->ifname);
	(void)sqlite3_bind_int64(st, 5, h->slot);
	bw_journal_db_bind_text(st, 6, h->network);
	bw_journal_db_bind_text(st, 7, h->boot_id);
	bw_journal_db_bind_text(st, 8, h->netns);
	(void)sqlite3_bind_int64(st, 9, (int64_t)h->netns_id);
	bw_journal_db_bind_text(st, 10, h->pf);
	(void)sqlite3_bind_int64(st, 11, h->vf);
	(void)sqlite3_bind_int(st, 12, (int)h->state);
	(void)sqlite3_bind_int64(st, 13, h->since_s ? h->since_s : (int64_t)now.tv_sec);
}

/* Inserts in the open transaction. */
static int insert(struct bw_journal *j, const struct bw_vf_hold *h, int64_t *ret_id,
		  struct bw_err *err)
{
	sqlite3_stmt *st;
	int r = bw_journal_db_stmt(j, BW_ST_VF_INSERT, &st, err);

	if (r < 0)
		return r;
	bind_holder(st, h);
	bw_journal_db_bind_text(st, 14, h->record);
	r = bw_journal_db_step(j, st, err);
	if (r <= 0)
		return r;
	*ret_id = sqlite3_column_int64(st, 0);
	(void)sqlite3_reset(st); /* the row is in, ignoring */
	return 0;
}

static int take(struct bw_journal *j, const struct bw_vf_hold *h, struct bw_vf_hold *ret_holder,
		int64_t *ret_id, struct bw_err *err)
{
	bw_autofree struct bw_vf_hold *holder = calloc(1, sizeof(*holder));
	int r;

	if (!holder)
		return bw_fail(err, ENOMEM, "hold VF %s", h->pci);
	r = bw_journal_vf_get(j, h->pci, holder, err);
	if (r == 0)
		return insert(j, h, ret_id, err);
	if (r < 0)
		return r;
	if (ret_holder)
		*ret_holder = *holder;
	return bw_reject(err, BW_ERR_BUSY, EEXIST, "VF %s is held by container %s interface %s",
			 h->pci, holder->container_id, holder->ifname);
}

int bw_journal_vf_take(struct bw_journal *j, struct bw_vf_hold *h, struct bw_vf_hold *ret_holder,
		       struct bw_err *err)
{
	int64_t id = 0;
	int r = check_record(h, err);
	int own;

	if (r < 0)
		return r;
	own = bw_journal_db_enter(j, BW_JOURNAL_FULL, err);
	r = own < 0 ? own : take(j, h, ret_holder, &id, err);
	r = bw_journal_db_leave(j, own, r, err);
	if (r == 0)
		h->id = id;
	return r;
}

/* In the open transaction. @record has room for the longest. */
static int retake(struct bw_journal *j, int64_t stale_id, const struct bw_vf_hold *h, char *record,
		  int64_t *ret_id, struct bw_err *err)
{
	sqlite3_stmt *st;
	int r = bw_journal_db_stmt(j, BW_ST_VF_RETAKE, &st, err);

	if (r < 0)
		return r;
	bind_holder(st, h);
	(void)sqlite3_bind_int64(st, 14, stale_id); /* cannot fail, ignoring */
	r = bw_journal_db_step(j, st, err);
	if (r <= 0)
		return r;
	*ret_id = sqlite3_column_int64(st, 0);
	bw_journal_db_text(st, 1, record, sizeof(h->record));
	(void)sqlite3_reset(st); /* the row was read, ignoring */
	return 1;
}

int bw_journal_vf_retake(struct bw_journal *j, int64_t stale_id, struct bw_vf_hold *h,
			 struct bw_err *err)
{
	bw_autofree char *record = malloc(sizeof(h->record));
	int64_t id = 0;
	int own, r;

	if (!record)
		return bw_fail(err, ENOMEM, "hold VF %s", h->pci);
	own = bw_journal_db_enter(j, BW_JOURNAL_FULL, err);
	r = own < 0 ? own : retake(j, stale_id, h, record, &id, err);
	r = bw_journal_db_leave(j, own, r, err);
	if (r == 1) {
		h->id = id;
		memcpy(h->record, record, sizeof(h->record));
	}
	return r;
}

int bw_journal_vf_record(struct bw_journal *j, const struct bw_vf_hold *h, struct bw_err *err)
{
	int r = check_record(h, err);
	sqlite3_stmt *st;
	int own;

	if (r < 0)
		return r;
	own = bw_journal_db_enter(j, BW_JOURNAL_FULL, err);
	r = own < 0 ? own : bw_journal_db_stmt(j, BW_ST_VF_RECORD, &st, err);
	if (r == 0) {
		bw_journal_db_bind_text(st, 1, h->pci);
		(void)sqlite3_bind_int64(st, 2, h->id); /* cannot fail, ignoring */
		bw_journal_db_bind_text(st, 3, h->record);
		r = bw_journal_db_run(j, st, err);
		if (r == 0)
			r = sqlite3_changes(j->db) > 0;
	}
	return bw_journal_db_leave(j, own, r, err);
}

int bw_journal_vf_state(struct bw_journal *j, const char *pci, int64_t id, enum bw_vf_hold_state to,
			struct bw_err *err)
{
	int own = bw_journal_db_enter(j, BW_JOURNAL_FULL, err);
	sqlite3_stmt *st;
	int r = own < 0 ? own : bw_journal_db_stmt(j, BW_ST_VF_STATE, &st, err);

	if (r == 0) {
		bw_journal_db_bind_text(st, 1, pci);
		/* Integers cannot fail to bind, ignoring. */
		(void)sqlite3_bind_int64(st, 2, id);
		(void)sqlite3_bind_int(st, 3, (int)to);
		r = bw_journal_db_run(j, st, err);
		if (r == 0)
			r = sqlite3_changes(j->db) > 0;
	}
	return bw_journal_db_leave(j, own, r, err);
}

int bw_journal_vf_get(struct bw_journal *j, const char *pci, struct bw_vf_hold *ret,
		      struct bw_err *err)
{
	sqlite3_stmt *st;
	int r;

	if (!has_table(j))
		return 0;
	r = bw_journal_db_stmt(j, BW_ST_VF_GET, &st, err);
	if (r < 0)
		return r;
	bw_journal_db_bind_text(st, 1, pci);
	return read_one(j, st, ret, err);
}

/* The row after @h of one attachment, or of all when @container_id is NULL. 1, 0; -errno. */
static int read_next(struct bw_journal *j, const char *container_id, const char *ifname,
		     struct bw_vf_hold *h, struct bw_err *err)
{
	char after[sizeof(h->pci)];
	int64_t slot = h->pci[0] ? (int64_t)h->slot : -1;
	sqlite3_stmt *st;
	int r = bw_journal_db_stmt(j, container_id ? BW_ST_VF_OF : BW_ST_VF_EACH, &st, err);

	if (r < 0)
		return r;
	memcpy(after, h->pci, sizeof(after));
	if (container_id) {
		bw_journal_db_bind_text(st, 1, container_id);
		bw_journal_db_bind_text(st, 2, ifname);
		(void)sqlite3_bind_int64(st, 3, slot); /* cannot fail, ignoring */
		bw_journal_db_bind_text(st, 4, after);
	} else {
		bw_journal_db_bind_text(st, 1, after);
	}
	return read_one(j, st, h, err);
}

static int walk(struct bw_journal *j, const char *container_id, const char *ifname,
		bw_journal_vf_fn fn, void *arg, struct bw_err *err)
{
	bw_autofree struct bw_vf_hold *h = calloc(1, sizeof(*h));
	int r;

	if (!has_table(j))
		return 0;
	if (!h)
		return bw_fail(err, ENOMEM, "read VF holds");
	while ((r = read_next(j, container_id, ifname, h, err)) == 1) {
		r = fn(h, arg, err);
		if (r)
			return r;
	}
	return r;
}

int bw_journal_vf_of(struct bw_journal *j, const char *container_id, const char *ifname,
		     bw_journal_vf_fn fn, void *arg, struct bw_err *err)
{
	return walk(j, container_id, ifname, fn, arg, err);
}

int bw_journal_vf_each(struct bw_journal *j, bw_journal_vf_fn fn, void *arg, struct bw_err *err)
{
	return walk(j, NULL, NULL, fn, arg, err);
}

int bw_journal_vf_drop(struct bw_journal *j, const char *pci, const char *container_id,
		       const char *ifname, int64_t id, struct bw_err *err)
{
	int own = bw_journal_db_enter(j, BW_JOURNAL_FULL, err);
	sqlite3_stmt *st;
	int r = own < 0 ? own : bw_journal_db_stmt(j, BW_ST_VF_DROP, &st, err);

	if (r == 0) {
		bw_journal_db_bind_text(st, 1, pci);
		bw_journal_db_bind_text(st, 2, container_id);
		bw_journal_db_bind_text(st, 3, ifname);
		(void)sqlite3_bind_int64(st, 4, id); /* cannot fail, ignoring */
		r = bw_journal_db_run(j, st, err);
		if (r == 0)
			r = sqlite3_changes(j->db) > 0;
	}
	return bw_journal_db_leave(j, own, r, err);
}
