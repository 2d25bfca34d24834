/* SPDX-License-Identifier: Apache-2.0 */
/* The journal's connection: open, statements, transactions, bounded waiting, errors, close. */
#include <assert.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <bw/err.h>

#include "journal_db.h"

#define NS_PER_MS 1000000ULL
/* Frames in the WAL after which it is written back: the first opener reads all of them. */
#define CHECKPOINT_FRAMES 128
/* The same for a process that lives on: once in a while between two commits. */
#define CHECKPOINT_FRAMES_OPEN 1024

static const char *const state_names[] = {
	[BW_ATTACH_ADDING] = "Adding",
	[BW_ATTACH_LIVE] = "Live",
	[BW_ATTACH_DELETING] = "Deleting",
};
static_assert(BW_ARRAY_SIZE(state_names) == BW_ATTACH_MAX_, "a state without a name");

const char *bw_attach_state_str(enum bw_attach_state state)
{
	return (unsigned int)state < BW_ATTACH_MAX_ ? state_names[state] : "unknown";
}

/* What SQLite says, what it is to us, what a person does about it. Primary codes. */
static const struct sqlite_error {
	int rc;
	int errnum;
	enum bw_err_class class;
	const char *text;
} sqlite_errors[] = {
	{ SQLITE_BUSY, EBUSY, BW_ERR_BUSY, "is locked by another process" },
	{ SQLITE_LOCKED, EBUSY, BW_ERR_BUSY, "is locked by another process" },
	{ SQLITE_PROTOCOL, EBUSY, BW_ERR_BUSY, "is locked by another process" },
	{ SQLITE_FULL, ENOSPC, BW_ERR_BUSY, "cannot grow: no space left on its disk" },
	{ SQLITE_CORRUPT, EBADMSG, BW_ERR_INTERNAL, "is damaged" },
	{ SQLITE_NOTADB, EBADMSG, BW_ERR_INTERNAL, "is no database" },
	{ SQLITE_READONLY, EROFS, BW_ERR_BUSY, "cannot be written" },
	{ SQLITE_CANTOPEN, EIO, BW_ERR_BUSY, "cannot be opened" },
	{ SQLITE_PERM, EACCES, BW_ERR_BUSY, "cannot be opened" },
	{ SQLITE_AUTH, EACCES, BW_ERR_BUSY, "cannot be opened" },
	{ SQLITE_NOMEM, ENOMEM, BW_ERR_INTERNAL, "cannot be used: out of memory" },
	{ SQLITE_CONSTRAINT, EEXIST, BW_ERR_INTERNAL, "has such a row already" },
	{ SQLITE_IOERR, EIO, BW_ERR_BUSY, "cannot be read or written" },
	/* A table or column is missing: the version said it is there. */
	{ SQLITE_ERROR, EBADMSG, BW_ERR_INTERNAL, "is damaged" },
};

static void add_remedy(const struct bw_journal *j, struct bw_err *err)
{
	if (strcmp(j->dir, BW_JOURNAL_DIR_DEFAULT) == 0)
		bw_err_details(err, "run: barewire ipam repair");
	else
		bw_err_details(err, "run: barewire ipam repair --dir %s", j->dir);
}

int bw_journal_db_fail(struct bw_journal *j, int rc, const char *what, struct bw_err *err)
{
	const struct sqlite_error *e = &sqlite_errors[BW_ARRAY_SIZE(sqlite_errors) - 1];
	int sys = j->db ? sqlite3_system_errno(j->db) : 0;

	for (size_t i = 0; i < BW_ARRAY_SIZE(sqlite_errors); i++)
		if (sqlite_errors[i].rc == (rc & 0xff)) {
			e = &sqlite_errors[i];
			break;
		}
	if ((e->rc == SQLITE_IOERR || e->rc == SQLITE_CANTOPEN) &&
	    (sys == ENOSPC || sys == EDQUOT || rc == SQLITE_IOERR_SHMSIZE))
		return bw_reject(err, BW_ERR_BUSY, ENOSPC,
				 "%s: %s cannot grow: no space left on its disk", what, j->path);
	if (e->rc == SQLITE_BUSY)
		return bw_reject(err, BW_ERR_BUSY, EBUSY,
				 "%s: %s is locked by another process for more than %u ms", what,
				 j->path, BW_JOURNAL_BUSY_MS);
	(void)bw_reject(err, e->class, e->errnum, "%s: %s %s (%s)", what, j->path, e->text,
			j->db ? sqlite3_errmsg(j->db) : sqlite3_errstr(rc));
	if (e->errnum == EBADMSG)
		add_remedy(j, err);
	return -e->errnum;
}

/* Waits for the other process in small uneven steps, so that a hundred of them do not march. */
static int wait_busy(void *arg, int times)
{
	const struct bw_journal *j = arg;
	uint64_t now = bw_clock_boot_ns();
	struct timespec ts = { 0 };
	long ms = times < 4 ? 1 : times < 16 ? 2 : 5;

	if (j->no_wait || now >= j->deadline_ns)
		return 0;
	ts.tv_nsec = ms * (long)NS_PER_MS / 2 + (long)(now % (uint64_t)(ms * (long)NS_PER_MS));
	(void)ppoll(NULL, 0, &ts, NULL); /* shorter is fine, ignoring */
	return 1;
}

static void set_deadline(struct bw_journal *j)
{
	j->deadline_ns = bw_clock_boot_ns() + BW_JOURNAL_BUSY_MS * NS_PER_MS;
}

/*
 * Everything goes back to the file and the log is cut to nothing: what an opener finds there it
 * must read, and it cannot know what of it was written back before.
 */
static void checkpoint(struct bw_journal *j)
{
	j->no_wait = 1;
	/* Readers are in the way or the disk is full: the next one does it, ignoring. */
	(void)sqlite3_wal_checkpoint_v2(j->db, "main", SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
	j->no_wait = 0;
	j->wal_frames = 0;
}

static int count_frames(void *arg, sqlite3 *db, const char *name, int frames)
{
	struct bw_journal *j = arg;

	(void)db;
	(void)name;
	j->wal_frames = frames;
	if (frames >= CHECKPOINT_FRAMES_OPEN)
		checkpoint(j);
	return SQLITE_OK;
}

int bw_journal_db_version(struct bw_journal *j, unsigned int *ret, struct bw_err *err)
{
	sqlite3_stmt *st = NULL;
	unsigned int v = 0;
	int rc = sqlite3_prepare_v2(j->db, "PRAGMA user_version", -1, &st, NULL);

	while (rc == SQLITE_OK) {
		rc = sqlite3_step(st);
		if (rc == SQLITE_ROW)
			v = (unsigned int)sqlite3_column_int64(st, 0);
		(void)sqlite3_reset(st); /* repeats what step said, ignoring */
		/* Another opener recovers the log: SQLite does not ask the handler then. */
		if (((rc & 0xff) == SQLITE_BUSY || rc == SQLITE_PROTOCOL) && wait_busy(j, 16))
			rc = SQLITE_OK;
	}
	(void)sqlite3_finalize(st); /* repeats what step said, ignoring */
	if (rc != SQLITE_ROW)
		return bw_journal_db_fail(j, rc, "open the journal", err);
	*ret = v;
	return 0;
}

/* What kind of file is it? The first statement that touches it. */
static int check_version(struct bw_journal *j, struct bw_err *err)
{
	unsigned int v = 0;
	int r = bw_journal_db_version(j, &v, err);

	if (r < 0)
		return r;
	if (v >> 16 != BW_JOURNAL_MAGIC) {
		(void)bw_reject(err, BW_ERR_INTERNAL, EBADMSG,
				"open the journal: %s is no barewire journal", j->path);
		add_remedy(j, err);
		return -EBADMSG;
	}
	if ((v >> 8 & 0xff) > BW_JOURNAL_MAJOR)
		return bw_reject(
			err, BW_ERR_INTERNAL, EPROTONOSUPPORT,
			"open the journal: %s has schema version %u.%u, this program knows "
			"versions up to %d; use the barewire that wrote it, or a newer one",
			j->path, v >> 8 & 0xff, v & 0xff, BW_JOURNAL_MAJOR);
	j->minor = v & 0xff;
	if (j->minor < BW_JOURNAL_MINOR && !(j->flags & BW_JOURNAL_F_READ))
		return bw_journal_db_upgrade(j, err);
	return 0;
}

/*
 * SQLite opens what it cannot open for writing once more for reading alone. A file that another
 * process makes between the two tries is such a one, and must not stay read-only.
 */
static int open_file(struct bw_journal *j)
{
	int mode = j->flags & BW_JOURNAL_F_READ ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
	int rc = sqlite3_open_v2(j->path, &j->db, mode | SQLITE_OPEN_NOMUTEX, NULL);

	if (rc != SQLITE_OK || mode == SQLITE_OPEN_READONLY ||
	    sqlite3_db_readonly(j->db, "main") != 1)
		return rc;
	(void)sqlite3_close(j->db); /* nothing was done with it, ignoring */
	j->db = NULL;
	return sqlite3_open_v2(j->path, &j->db, mode | SQLITE_OPEN_NOMUTEX, NULL);
}

int bw_journal_db_open(struct bw_journal *j, struct bw_err *err)
{
	int one = 1;
	int rc = open_file(j);

	if (rc != SQLITE_OK) {
		int sys = j->db ? sqlite3_system_errno(j->db) : 0;

		if (rc == SQLITE_CANTOPEN && (sys == ENOENT || sys == ENOTDIR))
			return bw_reject(err, BW_ERR_INTERNAL, ENOENT,
					 "open the journal: there is no %s", j->path);
		if (rc == SQLITE_CANTOPEN && sys == EACCES)
			return bw_fail(err, EACCES, "open the journal: %s", j->path);
		return bw_journal_db_fail(j, rc, "open the journal", err);
	}
	set_deadline(j);
	/* None of these can fail on an open connection, ignoring. */
	(void)sqlite3_extended_result_codes(j->db, 1);
	(void)sqlite3_busy_handler(j->db, wait_busy, j);
	(void)sqlite3_wal_hook(j->db, count_frames, j);
	(void)sqlite3_file_control(j->db, "main", SQLITE_FCNTL_PERSIST_WAL, &one);
	(void)sqlite3_db_config(j->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	return check_version(j, err);
}

static void close_db(struct bw_journal *j)
{
	for (size_t i = 0; i < BW_ST_MAX_; i++) {
		(void)sqlite3_finalize(j->st[i]); /* repeats an old error, ignoring */
		j->st[i] = NULL;
	}
	(void)sqlite3_close(j->db); /* nothing is left open in it, ignoring */
	j->db = NULL;
}

int bw_journal_open(const char *dir, unsigned int flags, struct bw_journal **ret,
		    struct bw_err *err)
{
	bw_autojournal struct bw_journal *j = NULL;
	int r;

	if (dir[0] != '/' || strlen(dir) > BW_JOURNAL_DIR_MAX)
		return bw_reject(err, BW_ERR_INVALID, EINVAL,
				 "dataDir: expected an absolute path of at most %d characters, "
				 "got \"%.64s\"",
				 BW_JOURNAL_DIR_MAX, dir);
	j = calloc(1, sizeof(*j));
	if (!j)
		return bw_fail(err, ENOMEM, "open the journal in %s", dir);
	j->sync = -1;
	j->flags = flags;
	memcpy(j->dir, dir, strlen(dir) + 1);
	(void)snprintf(j->path, sizeof(j->path), "%s/%s", dir,
		       BW_JOURNAL_FILE); /* fits, ignoring */
	r = bw_journal_db_open(j, err);
	if (r == -ENOENT && flags & BW_JOURNAL_F_CREATE) {
		close_db(j);
		r = bw_journal_db_create(dir, j->path, err);
		if (r == 0)
			r = bw_journal_db_open(j, err);
	}
	if (r < 0)
		return r;
	*ret = BW_TAKE_PTR(j);
	return 0;
}

void bw_journal_close(struct bw_journal **j)
{
	if (!j || !*j)
		return;
	if ((*j)->db) {
		bw_journal_rollback(*j);
		if ((*j)->wal_frames >= CHECKPOINT_FRAMES)
			checkpoint(*j);
	}
	close_db(*j);
	free(*j);
	*j = NULL;
}

const char *bw_journal_path(const struct bw_journal *j)
{
	return j->path;
}

int bw_journal_db_stmt(struct bw_journal *j, enum bw_journal_stmt id, sqlite3_stmt **ret,
		       struct bw_err *err)
{
	if (sqlite3_get_autocommit(j->db))
		set_deadline(j);
	if (!j->st[id]) {
		int rc;

		do
			rc = sqlite3_prepare_v2(j->db, bw_journal_sql[id], -1, &j->st[id], NULL);
		while ((rc & 0xff) == SQLITE_BUSY && wait_busy(j, 16));
		if (rc != SQLITE_OK)
			return bw_journal_db_fail(j, rc, "use the journal", err);
	} else {
		(void)sqlite3_reset(j->st[id]); /* repeats an old error, ignoring */
		(void)sqlite3_clear_bindings(j->st[id]); /* cannot fail, ignoring */
	}
	*ret = j->st[id];
	return 0;
}

int bw_journal_db_step(struct bw_journal *j, sqlite3_stmt *st, struct bw_err *err)
{
	int rc = sqlite3_step(st);
	int r;

	if (rc == SQLITE_ROW)
		return 1;
	r = rc == SQLITE_DONE ? 0 : bw_journal_db_fail(j, rc, "use the journal", err);
	(void)sqlite3_reset(st); /* repeats what step said, ignoring */
	return r;
}

int bw_journal_db_run(struct bw_journal *j, sqlite3_stmt *st, struct bw_err *err)
{
	int r = bw_journal_db_step(j, st, err);

	assert(r <= 0);
	return r;
}

int bw_journal_db_exec(struct bw_journal *j, const char *sql, struct bw_err *err)
{
	int rc = sqlite3_exec(j->db, sql, NULL, NULL, NULL);

	return rc == SQLITE_OK ? 0 : bw_journal_db_fail(j, rc, "use the journal", err);
}

static int set_sync(struct bw_journal *j, enum bw_journal_sync sync, struct bw_err *err)
{
	int r;

	if (j->sync == (int)sync)
		return 0;
	r = bw_journal_db_exec(j,
			       sync == BW_JOURNAL_FULL ? "PRAGMA synchronous=FULL"
						       : "PRAGMA synchronous=NORMAL",
			       err);
	if (r == 0)
		j->sync = (int)sync;
	return r;
}

int bw_journal_begin(struct bw_journal *j, enum bw_journal_sync sync, struct bw_err *err)
{
	sqlite3_stmt *st;
	int r;

	assert(sqlite3_get_autocommit(j->db));
	set_deadline(j);
	r = set_sync(j, sync, err);
	if (r == 0)
		r = bw_journal_db_stmt(j, BW_ST_BEGIN, &st, err);
	while (r == 0) {
		r = bw_journal_db_run(j, st, err);
		if (r == 0)
			return 0;
		/* A snapshot that was overtaken, a log being recovered: the handler is not asked.
		 */
		if (r == -EBUSY && wait_busy(j, 16))
			r = 0;
	}
	return r;
}

int bw_journal_commit(struct bw_journal *j, struct bw_err *err)
{
	sqlite3_stmt *st;
	int r = bw_journal_db_stmt(j, BW_ST_COMMIT, &st, err);

	if (r == 0)
		r = bw_journal_db_run(j, st, err);
	if (r < 0)
		bw_journal_rollback(j);
	return r;
}

void bw_journal_rollback(struct bw_journal *j)
{
	sqlite3_stmt *st;

	/* SQLite rolls back by itself on some errors, and closing does it too: ignoring. */
	if (!sqlite3_get_autocommit(j->db) && bw_journal_db_stmt(j, BW_ST_ROLLBACK, &st, NULL) == 0)
		(void)bw_journal_db_run(j, st, NULL);
}

int bw_journal_db_enter(struct bw_journal *j, enum bw_journal_sync sync, struct bw_err *err)
{
	int r;

	if (!sqlite3_get_autocommit(j->db))
		return 0;
	r = bw_journal_begin(j, sync, err);
	return r < 0 ? r : 1;
}

int bw_journal_db_leave(struct bw_journal *j, int own, int r, struct bw_err *err)
{
	int c;

	if (own != 1)
		return r;
	if (r < 0) {
		bw_journal_rollback(j);
		return r;
	}
	c = bw_journal_commit(j, err);
	return c < 0 ? c : r;
}

void bw_journal_db_bind_ip(sqlite3_stmt *st, int pos, const struct bw_ip *ip)
{
	/* Not copied, so it cannot fail, ignoring. */
	(void)sqlite3_bind_blob(st, pos, ip->b, sizeof(ip->b), SQLITE_STATIC);
}

void bw_journal_db_bind_text(sqlite3_stmt *st, int pos, const char *text)
{
	/* Not copied, so it cannot fail, ignoring. */
	(void)sqlite3_bind_text(st, pos, text ? text : "", -1, SQLITE_STATIC);
}

/* As bytes: sqlite3_column_text() makes a copy, and when that fails the text is silently empty. */
void bw_journal_db_text(sqlite3_stmt *st, int col, char *ret, size_t size)
{
	const void *text = sqlite3_column_blob(st, col);
	size_t n = text ? (size_t)sqlite3_column_bytes(st, col) : 0;

	/* Longer text than was ever written is cut. */
	if (n >= size)
		n = size - 1;
	if (text && n)
		memcpy(ret, text, n);
	ret[n] = '\0';
}

static const uint8_t v4_mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

int bw_journal_db_ip(struct bw_journal *j, sqlite3_stmt *st, int col, struct bw_ip *ret,
		     struct bw_err *err)
{
	const uint8_t *b = sqlite3_column_blob(st, col);

	if (!b || sqlite3_column_bytes(st, col) != (int)sizeof(ret->b))
		return bw_journal_db_fail(j, SQLITE_CORRUPT, "read an address", err);
	memcpy(ret->b, b, sizeof(ret->b));
	ret->family = memcmp(b, v4_mapped, sizeof(v4_mapped)) == 0 ? AF_INET : AF_INET6;
	return 0;
}
