/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables of the journal, and how the file comes into being. Later versions add tables and nullable
 * columns, nothing else; statements name their columns.
 */
#include <assert.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <bw/err.h>
#include <bw/io.h>

#include "journal_db.h"

/*
 * Only what ADD and DEL look up has an index: each costs an ADD a page. GC and people may scan.
 * An attachment's id is its birth in nanoseconds: a row made again is told from its
 * predecessor.
 */
#define SCHEMA_VF_HOLD                                                                             \
	"CREATE TABLE vf_hold("                                                                    \
	" pci TEXT PRIMARY KEY NOT NULL, id INTEGER NOT NULL,"                                     \
	" container_id TEXT NOT NULL, ifname TEXT NOT NULL, slot INTEGER NOT NULL,"                \
	" network TEXT NOT NULL, boot_id TEXT NOT NULL,"                                           \
	" netns TEXT NOT NULL, netns_id INTEGER NOT NULL,"                                         \
	" pf TEXT NOT NULL, vf INTEGER NOT NULL, state INTEGER NOT NULL,"                          \
	" since_s INTEGER NOT NULL, record TEXT NOT NULL);"                                        \
	"CREATE INDEX vf_hold_holder ON vf_hold(container_id, ifname);"

/*
 * Claims: whose binding it is in words, when it was confirmed, and what is known of a claim's
 * tokens beyond the life of its rows. The first tables of both were never written before.
 */
#define SCHEMA_CLAIM                                                                               \
	"ALTER TABLE claim_cache ADD COLUMN namespace TEXT;"                                       \
	"ALTER TABLE claim_cache ADD COLUMN name TEXT;"                                            \
	"ALTER TABLE claim_cache ADD COLUMN boot_id TEXT;"                                         \
	"ALTER TABLE claim_cache ADD COLUMN stale INTEGER;"                                        \
	"ALTER TABLE claim_cache ADD COLUMN put_ns INTEGER;"                                       \
	"CREATE INDEX claim_cache_name ON claim_cache(namespace, name);"                           \
	"ALTER TABLE outbox ADD COLUMN sending INTEGER;"                                           \
	"ALTER TABLE outbox ADD COLUMN since_s INTEGER;"                                           \
	"CREATE TABLE claim_token("                                                                \
	" uid TEXT PRIMARY KEY NOT NULL, seen INTEGER NOT NULL,"                                   \
	" attached INTEGER NOT NULL, detached INTEGER NOT NULL,"                                   \
	" namespace TEXT NOT NULL, name TEXT NOT NULL) WITHOUT ROWID;"                             \
	"CREATE INDEX attachment_claim ON attachment(claim_uid) WHERE claim_uid <> '';"

const char bw_journal_schema[] =
	"CREATE TABLE meta(key TEXT PRIMARY KEY NOT NULL, value) WITHOUT ROWID;"
	"CREATE TABLE attachment("
	" id INTEGER PRIMARY KEY,"
	" container_id TEXT NOT NULL, ifname TEXT NOT NULL,"
	" network TEXT NOT NULL, program TEXT NOT NULL, pod TEXT NOT NULL,"
	" netns TEXT NOT NULL, netns_id INTEGER NOT NULL, boot_id TEXT NOT NULL,"
	" state INTEGER NOT NULL, claim_uid TEXT NOT NULL, token INTEGER NOT NULL,"
	" since_s INTEGER NOT NULL,"
	" host_if TEXT NOT NULL, bridge TEXT NOT NULL, vlan INTEGER NOT NULL, mac BLOB NOT NULL,"
	" flags INTEGER NOT NULL,"
	" UNIQUE(container_id, ifname));"
	"CREATE TABLE address("
	" domain TEXT NOT NULL, ip BLOB NOT NULL, prefix_len INTEGER NOT NULL,"
	" attachment INTEGER, cooling_until_s INTEGER, key TEXT NOT NULL,"
	" PRIMARY KEY(domain, ip),"
	" CHECK((attachment IS NULL) <> (cooling_until_s IS NULL)),"
	" CHECK(length(ip) = 16)) WITHOUT ROWID;"
	"CREATE INDEX address_attachment ON address(attachment) WHERE attachment IS NOT NULL;"
	"CREATE INDEX address_cooling ON address(domain, cooling_until_s)"
	" WHERE cooling_until_s IS NOT NULL;"
	"CREATE TABLE used("
	" domain TEXT NOT NULL, first BLOB NOT NULL, last BLOB NOT NULL,"
	" PRIMARY KEY(domain, first)) WITHOUT ROWID;"
	"CREATE TABLE cursor("
	" domain TEXT NOT NULL, range_set BLOB NOT NULL, ip BLOB NOT NULL,"
	" PRIMARY KEY(domain, range_set)) WITHOUT ROWID;"
	"CREATE TABLE claim_cache("
	" uid TEXT NOT NULL, iface TEXT NOT NULL, token INTEGER NOT NULL, epoch INTEGER NOT NULL,"
	" resource_version TEXT NOT NULL, binding TEXT NOT NULL,"
	" PRIMARY KEY(uid, iface)) WITHOUT ROWID;"
	"CREATE TABLE outbox("
	" seq INTEGER PRIMARY KEY AUTOINCREMENT,"
	" uid TEXT NOT NULL, token INTEGER NOT NULL, kind TEXT NOT NULL, body TEXT NOT NULL,"
	" UNIQUE(uid, token, kind));"
	"CREATE TABLE segment("
	" bridge TEXT NOT NULL, vlan INTEGER NOT NULL, uplink TEXT NOT NULL,"
	" made INTEGER NOT NULL, enslaved INTEGER NOT NULL, bpf_vlan INTEGER NOT NULL,"
	" boot_id TEXT NOT NULL, since_s INTEGER NOT NULL,"
	" PRIMARY KEY(bridge, vlan)) WITHOUT ROWID;"
	"CREATE TABLE uplink_original("
	" uplink TEXT PRIMARY KEY NOT NULL, bridge TEXT NOT NULL, boot_id TEXT NOT NULL,"
	" step INTEGER NOT NULL, mac BLOB NOT NULL, data BLOB NOT NULL) WITHOUT ROWID;"
	/* minor version 1 */
	SCHEMA_VF_HOLD
		/* minor version 2 */
		SCHEMA_CLAIM;

/* What each minor version added, for files that older programs made. */
static const char *const upgrades[] = {
	[1] = SCHEMA_VF_HOLD,
	[2] = SCHEMA_CLAIM,
};
static_assert(BW_ARRAY_SIZE(upgrades) == BW_JOURNAL_MINOR + 1, "a minor version without its SQL");

/* SQLite file format 1.3.3 "File format version numbers": bytes 18 and 19, 2 = WAL. */
#define HEADER_WRITE_VERSION 18
#define HEADER_READ_VERSION 19
#define HEADER_WAL 2
#define LOCK_STEP_MS 5

#define VERSION_SQL_SIZE 160

/* What the file says of itself, in the words of this program. */
static void version_sql(char out[VERSION_SQL_SIZE])
{
	(void)snprintf(out, VERSION_SQL_SIZE,
		       "PRAGMA user_version=%d;"
		       "REPLACE INTO meta(key, value) VALUES('schema', '%d.%d')",
		       BW_JOURNAL_VERSION, BW_JOURNAL_MAJOR, BW_JOURNAL_MINOR); /* fits, ignoring */
}

static void auto_db(sqlite3 **db)
{
	(void)sqlite3_close(*db); /* in memory, ignoring */
}

static void auto_sqlite_free(unsigned char **p)
{
	sqlite3_free(*p);
}

/* The bytes of an empty journal. */
static int build_image(unsigned char **ret, size_t *ret_size, struct bw_err *err)
{
	BW_CLEANUP(auto_db) sqlite3 *db = NULL;
	char sql[VERSION_SQL_SIZE];
	sqlite3_int64 size = 0;
	unsigned char *image;

	version_sql(sql);
	if (sqlite3_open_v2(":memory:", &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) !=
		    SQLITE_OK ||
	    sqlite3_exec(db, bw_journal_schema, NULL, NULL, NULL) != SQLITE_OK ||
	    sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		return bw_fail(err, db && sqlite3_errcode(db) != SQLITE_NOMEM ? EINVAL : ENOMEM,
			       "build an empty journal: %s", db ? sqlite3_errmsg(db) : "no memory");
	image = sqlite3_serialize(db, "main", &size, 0);
	if (!image || size <= HEADER_READ_VERSION) {
		sqlite3_free(image);
		return bw_fail(err, ENOMEM, "build an empty journal");
	}
	image[HEADER_WRITE_VERSION] = HEADER_WAL;
	image[HEADER_READ_VERSION] = HEADER_WAL;
	*ret = image;
	*ret_size = (size_t)size;
	return 0;
}

/* An unnamed file where the filesystem knows them: a kill leaves nothing behind. */
static int open_unnamed(int dirfd, const char *tmp, int *ret_named)
{
	int fd = openat(dirfd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	*ret_named = 0;
	if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL))
		return fd < 0 ? -errno : fd;
	(void)unlinkat(dirfd, tmp, 0); /* of a killed process, ignoring */
	fd = openat(dirfd, tmp, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	*ret_named = 1;
	return fd < 0 ? -errno : fd;
}

static int give_name(int dirfd, int fd, const char *tmp, int named)
{
	char self[64];

	if (named) {
		int r = linkat(dirfd, tmp, dirfd, BW_JOURNAL_FILE, 0) < 0 ? -errno : 0;

		(void)unlinkat(dirfd, tmp, 0); /* the other name stays, ignoring */
		return r;
	}
	if (linkat(fd, "", dirfd, BW_JOURNAL_FILE, AT_EMPTY_PATH) == 0)
		return 0;
	if (errno != ENOENT && errno != EPERM)
		return -errno;
	(void)snprintf(self, sizeof(self), "/proc/self/fd/%d", fd); /* fits, ignoring */
	return linkat(AT_FDCWD, self, dirfd, BW_JOURNAL_FILE, AT_SYMLINK_FOLLOW) < 0 ? -errno : 0;
}

/*
 * The log of a journal that was deleted must not be replayed into the new one. The folder's lock
 * keeps two creators apart, so nobody writes a log of the new file while the old one is removed.
 */
static int place_image(int dirfd, const unsigned char *image, size_t size, const char *path,
		       struct bw_err *err)
{
	static const char tmp[] = BW_JOURNAL_FILE ".new";
	bw_autoclose int fd = -1;
	int named;
	int r;

	fd = open_unnamed(dirfd, tmp, &named);
	if (fd < 0)
		return bw_fail(err, -fd, "create %s", path);
	r = bw_io_write_all(fd, image, size, err);
	if (r == 0 && fsync(fd) < 0)
		r = bw_fail(err, errno, "sync %s", path);
	if (r < 0) {
		if (named)
			(void)unlinkat(dirfd, tmp, 0); /* the error counts, ignoring */
		return bw_wrap(err, r, "create %s", path);
	}
	if ((unlinkat(dirfd, BW_JOURNAL_FILE "-wal", 0) < 0 && errno != ENOENT) ||
	    (unlinkat(dirfd, BW_JOURNAL_FILE "-shm", 0) < 0 && errno != ENOENT))
		return bw_fail(err, errno, "remove the log of a journal that is gone from %s",
			       path);
	r = give_name(dirfd, fd, tmp, named);
	if (r < 0 && r != -EEXIST)
		return bw_fail(err, -r, "create %s", path);
	if (fsync(dirfd) < 0)
		return bw_fail(err, errno, "sync the folder of %s", path);
	return 0;
}

/* Creators keep the lock for the time of one sync. */
static int lock_dir(int dirfd, const char *dir, struct bw_err *err)
{
	for (unsigned int ms = 0; flock(dirfd, LOCK_EX | LOCK_NB) < 0; ms += LOCK_STEP_MS) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return bw_fail(err, errno, "lock %s", dir);
		if (ms >= BW_JOURNAL_BUSY_MS)
			return bw_reject(err, BW_ERR_BUSY, EBUSY,
					 "%s is locked by another process for more than %u ms", dir,
					 BW_JOURNAL_BUSY_MS);
		(void)poll(NULL, 0, LOCK_STEP_MS); /* shorter is fine, ignoring */
	}
	return 0;
}

int bw_journal_db_create(const char *dir, const char *path, struct bw_err *err)
{
	BW_CLEANUP(auto_sqlite_free) unsigned char *image = NULL;
	bw_autoclose int dirfd = -1;
	size_t size = 0;
	struct stat st;
	int r;

	r = bw_io_mkdir_p(dir, 0700, err);
	if (r < 0)
		return r;
	dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dirfd < 0)
		return bw_fail(err, errno, "open %s", dir);
	r = build_image(&image, &size, err);
	if (r < 0)
		return r;
	r = lock_dir(dirfd, dir, err);
	if (r < 0)
		return r;
	if (fstatat(dirfd, BW_JOURNAL_FILE, &st, 0) == 0)
		return 0;
	r = place_image(dirfd, image, size, path, err);
	if (r == -ENOSPC && err)
		err->class = BW_ERR_BUSY;
	return r;
}

/* In the open transaction; another opener may have been quicker. */
static int upgrade(struct bw_journal *j, struct bw_err *err)
{
	char sql[VERSION_SQL_SIZE];
	unsigned int v = 0;
	int r = bw_journal_db_version(j, &v, err);

	if (r < 0 || (v & 0xff) >= BW_JOURNAL_MINOR)
		return r;
	for (unsigned int i = (v & 0xff) + 1; i < BW_ARRAY_SIZE(upgrades) && r == 0; i++)
		r = bw_journal_db_exec(j, upgrades[i], err);
	if (r < 0)
		return r;
	version_sql(sql);
	return bw_journal_db_exec(j, sql, err);
}

int bw_journal_db_upgrade(struct bw_journal *j, struct bw_err *err)
{
	int own = bw_journal_db_enter(j, BW_JOURNAL_FULL, err);
	int r = bw_journal_db_leave(j, own, own < 0 ? own : upgrade(j, err), err);

	if (r == 0)
		j->minor = BW_JOURNAL_MINOR;
	return r < 0 ? bw_wrap(err, r, "bring the journal up to version %d.%d", BW_JOURNAL_MAJOR,
			       BW_JOURNAL_MINOR)
		     : 0;
}
