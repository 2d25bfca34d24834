/* SPDX-License-Identifier: Apache-2.0 */
/* The journal's inside: the connection, its prepared statements, SQLite's errors as ours. */
#pragma once

#include <sqlite3.h>

#include <bw/journal.h>

struct bw_err;

/* Statements are prepared when first used: an ADD needs about ten of them. */
enum bw_journal_stmt {
	BW_ST_BEGIN,
	BW_ST_COMMIT,
	BW_ST_ROLLBACK,
	BW_ST_ATTACH_INSERT,
	BW_ST_ATTACH_GET,
	BW_ST_ATTACH_GET_ID,
	BW_ST_ATTACH_UPDATE,
	BW_ST_ATTACH_STATE,
	BW_ST_ATTACH_REMOVE,
	BW_ST_ATTACH_EACH,
	BW_ST_ATTACH_EACH_NET,
	BW_ST_ADDR_INSERT,
	BW_ST_ADDR_WARM,
	BW_ST_ADDR_GET,
	BW_ST_ADDR_REMOVE,
	BW_ST_ADDR_COOL,
	BW_ST_ADDR_COOLED,
	BW_ST_ADDR_EACH,
	BW_ST_ADDR_OF,
	BW_ST_ADDR_WHO,
	BW_ST_USED_BELOW,
	BW_ST_USED_AT,
	BW_ST_USED_INSERT,
	BW_ST_USED_EXTEND,
	BW_ST_USED_REMOVE,
	BW_ST_CURSOR_GET,
	BW_ST_CURSOR_SET,
	BW_ST_SEGMENT_PUT,
	BW_ST_SEGMENT_REMOVE,
	BW_ST_SEGMENT_EACH,
	BW_ST_UPLINK_PUT,
	BW_ST_UPLINK_STEP,
	BW_ST_UPLINK_GET,
	BW_ST_UPLINK_GET_BRIDGE,
	BW_ST_UPLINK_REMOVE,
	BW_ST_VF_INSERT,
	BW_ST_VF_RETAKE,
	BW_ST_VF_RECORD,
	BW_ST_VF_STATE,
	BW_ST_VF_GET,
	BW_ST_VF_OF,
	BW_ST_VF_EACH,
	BW_ST_VF_DROP,
	BW_ST_CLAIM_PUT,
	BW_ST_CLAIM_GET,
	BW_ST_CLAIM_FIND,
	BW_ST_CLAIM_EACH,
	BW_ST_CLAIM_STALE,
	BW_ST_CLAIM_REMOVE,
	BW_ST_CLAIM_HELD,
	BW_ST_TOKEN_GET,
	BW_ST_TOKEN_PUT,
	BW_ST_TOKEN_FORGET,
	BW_ST_OUTBOX_PUT,
	BW_ST_OUTBOX_GET,
	BW_ST_OUTBOX_OF,
	BW_ST_OUTBOX_EACH,
	BW_ST_OUTBOX_SENDING,
	BW_ST_OUTBOX_UNSENT,
	BW_ST_OUTBOX_DROP,
	BW_ST_META_GET,
	BW_ST_META_PUT,
	BW_ST_MAX_,
};

struct bw_journal {
	sqlite3 *db;
	sqlite3_stmt *st[BW_ST_MAX_];
	char path[BW_JOURNAL_DIR_MAX + sizeof("/" BW_JOURNAL_FILE)];
	char dir[BW_JOURNAL_DIR_MAX + 1];
	uint64_t deadline_ns; /* CLOCK_BOOTTIME; other processes are waited for until then */
	int sync; /* enum bw_journal_sync in force; -1 = SQLite's default */
	int wal_frames; /* in the WAL after the last commit */
	unsigned int flags; /* BW_JOURNAL_F_* */
	uint8_t no_wait; /* while checkpointing */
	uint8_t minor; /* minor version of the file: below BW_JOURNAL_MINOR only when read only */
};

/* user_version: "bw", major, minor. One pragma tells a journal from another file, and its age. */
#define BW_JOURNAL_MAGIC 0x6277
#define BW_JOURNAL_VERSION (BW_JOURNAL_MAGIC << 16 | BW_JOURNAL_MAJOR << 8 | BW_JOURNAL_MINOR)

extern const char *const bw_journal_sql[BW_ST_MAX_];

/**
 * bw_journal_db_stmt() - a statement, reset and unbound
 * @ret: borrowed until the journal is closed
 *
 * Return: 0; -errno as bw_journal_db_fail().
 */
int bw_journal_db_stmt(struct bw_journal *j, enum bw_journal_stmt id, sqlite3_stmt **ret,
		       struct bw_err *err);

/* Steps once. 1 a row, 0 done (the statement is reset); -errno (reset too). */
int bw_journal_db_step(struct bw_journal *j, sqlite3_stmt *st, struct bw_err *err);

/* Runs a bound statement that gives no row, and resets it. 0; -EEXIST broken key; -errno. */
int bw_journal_db_run(struct bw_journal *j, sqlite3_stmt *st, struct bw_err *err);

/**
 * bw_journal_db_fail() - SQLite's result as an error
 * @rc: extended result code of the call that failed
 *
 * Return: -EBADMSG, -EBUSY, -ENOSPC, -EROFS, -EACCES, -EEXIST, -ENOMEM, -EIO; see
 * bw_journal_open().
 */
int bw_journal_db_fail(struct bw_journal *j, int rc, const char *what, struct bw_err *err);

/**
 * bw_journal_db_enter() - a write transaction for a function of its own, unless one is open
 *
 * Return: 1 began one, 0 works in the caller's; -errno.
 */
int bw_journal_db_enter(struct bw_journal *j, enum bw_journal_sync sync, struct bw_err *err);

/**
 * bw_journal_db_leave() - end what bw_journal_db_enter() began
 * @own: what it returned
 * @r: of the work: negative rolls an own transaction back
 *
 * Return: @r; -errno of the commit.
 */
int bw_journal_db_leave(struct bw_journal *j, int own, int r, struct bw_err *err);

/*
 * Binds an address as its 16-byte key; NUL-terminated text (NULL as ""). Neither is copied: it must
 * stay until the statement was stepped for the last time.
 */
void bw_journal_db_bind_ip(sqlite3_stmt *st, int pos, const struct bw_ip *ip);
void bw_journal_db_bind_text(sqlite3_stmt *st, int pos, const char *text);

/* Copies a text column, cut to @size - 1 characters. */
void bw_journal_db_text(sqlite3_stmt *st, int col, char *ret, size_t size);
/* Reads an address key. 0; -EBADMSG when it is no 16-byte blob. */
int bw_journal_db_ip(struct bw_journal *j, sqlite3_stmt *st, int col, struct bw_ip *ret,
		     struct bw_err *err);

/**
 * bw_journal_db_create() - make <dir>/journal.db, complete or not at all
 *
 * Return: 0 also when another process was quicker; -errno.
 */
int bw_journal_db_create(const char *dir, const char *path, struct bw_err *err);

/* Reads user_version, waiting for others. 0; -errno. */
int bw_journal_db_version(struct bw_journal *j, unsigned int *ret, struct bw_err *err);

/**
 * bw_journal_db_upgrade() - add what later minor versions have, in one transaction
 *
 * Programs of the older version go on with the file. Return: 0 also when another process was
 * quicker; -errno, the file is as it was.
 */
int bw_journal_db_upgrade(struct bw_journal *j, struct bw_err *err);

/* Opens the file and checks its version, without waiting for anything but locks. */
int bw_journal_db_open(struct bw_journal *j, struct bw_err *err);

/* Runs @sql of one or more statements without results. For schema, check and repair. */
int bw_journal_db_exec(struct bw_journal *j, const char *sql, struct bw_err *err);

extern const char bw_journal_schema[];
