/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Repair. `used` is derived, so it is simply built anew. A file SQLite cannot read is read table by
 * table as far as that goes into a new one, which takes its place only when it is complete.
 */
#include <stdio.h>
#include <string.h>

#include <bw/err.h>

#include "journal_db.h"
#include "journal_fix.h"

void bw_runs_done(struct bw_runs *r)
{
	free(r->runs);
	memset(r, 0, sizeof(*r));
}

static int grow(struct bw_runs *r, struct bw_err *err)
{
	size_t cap = r->cap ? r->cap * 2 : 64;
	struct bw_run *more;

	if (r->n < r->cap)
		return 0;
	more = reallocarray(r->runs, cap, sizeof(*more));
	if (!more)
		return bw_fail(err, ENOMEM, "read the runs of used addresses");
	r->runs = more;
	r->cap = cap;
	return 0;
}

static int add_address(const struct bw_journal_addr *a, void *arg, struct bw_err *err)
{
	struct bw_runs *r = arg;
	int rc = grow(r, err);
	struct bw_run *last;

	if (rc < 0)
		return rc;
	last = &r->runs[r->n];
	if (r->n && strcmp(last[-1].domain, a->domain) == 0) {
		struct bw_ip next = last[-1].last;

		if (bw_ip_add(&next, 1) == 0 && bw_ip_eq(&next, &a->ip)) {
			last[-1].last = a->ip;
			return 0;
		}
	}
	r->n++;
	memcpy(last->domain, a->domain, sizeof(last->domain));
	last->first = a->ip;
	last->last = a->ip;
	return 0;
}

int bw_runs_of_addresses(struct bw_journal *j, struct bw_runs *ret, struct bw_err *err)
{
	return bw_journal_addr_each(j, NULL, add_address, ret, err);
}

int bw_runs_of_used(struct bw_journal *j, struct bw_runs *ret, struct bw_err *err)
{
	sqlite3_stmt *st = NULL;
	int rc = sqlite3_prepare_v2(j->db,
				    "SELECT domain, first, last FROM used ORDER BY domain, first",
				    -1, &st, NULL);
	int r = 0;

	while (r == 0 && (rc == SQLITE_OK || rc == SQLITE_ROW)) {
		rc = sqlite3_step(st);
		if (rc != SQLITE_ROW)
			break;
		r = grow(ret, err);
		if (r < 0)
			break;
		bw_journal_db_text(st, 0, ret->runs[ret->n].domain,
				   sizeof(ret->runs[ret->n].domain));
		r = bw_journal_db_ip(j, st, 1, &ret->runs[ret->n].first, err);
		if (r == 0)
			r = bw_journal_db_ip(j, st, 2, &ret->runs[ret->n].last, err);
		ret->n += r == 0;
	}
	(void)sqlite3_finalize(st); /* repeats what step said, ignoring */
	if (r == 0 && rc != SQLITE_DONE)
		r = bw_journal_db_fail(j, rc, "read the runs of used addresses", err);
	return r;
}

/* Writes `used` anew from `address`, in the open transaction. */
static int rebuild_used(struct bw_journal *j, struct bw_err *err)
{
	struct bw_runs want = { 0 };
	int r = bw_runs_of_addresses(j, &want, err);

	if (r == 0)
		r = bw_journal_db_exec(j, "DELETE FROM used", err);
	for (size_t i = 0; i < want.n && r == 0; i++) {
		sqlite3_stmt *st;

		r = bw_journal_db_stmt(j, BW_ST_USED_INSERT, &st, err);
		if (r < 0)
			break;
		bw_journal_db_bind_text(st, 1, want.runs[i].domain);
		bw_journal_db_bind_ip(st, 2, &want.runs[i].first);
		bw_journal_db_bind_ip(st, 3, &want.runs[i].last);
		r = bw_journal_db_run(j, st, err);
	}
	bw_runs_done(&want);
	return r;
}

static const char count_rows[] =
	"SELECT (SELECT count(*) FROM attachment), (SELECT count(*) FROM address), "
	"(SELECT count(*) FROM vf_hold)";

static int count(struct bw_journal *j, struct bw_journal_repair *ret, struct bw_err *err)
{
	sqlite3_stmt *st = NULL;
	int rc = sqlite3_prepare_v2(j->db, count_rows, -1, &st, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_step(st);
	if (rc == SQLITE_ROW) {
		ret->attachments = (unsigned int)sqlite3_column_int64(st, 0);
		ret->addresses = (unsigned int)sqlite3_column_int64(st, 1);
		ret->vf_holds = (unsigned int)sqlite3_column_int64(st, 2);
	}
	(void)sqlite3_finalize(st); /* repeats what step said, ignoring */
	return rc == SQLITE_ROW ? 0 : bw_journal_db_fail(j, rc, "repair the journal", err);
}

/* A sound file: drop what points to nothing, derive what is derived. */
static int tidy(struct bw_journal *j, struct bw_journal_repair *ret, struct bw_err *err)
{
	int r = bw_journal_begin(j, BW_JOURNAL_FULL, err);

	if (r < 0)
		return r;
	r = bw_journal_db_exec(j,
			       "DELETE FROM address WHERE attachment IS NOT NULL AND attachment "
			       "NOT IN (SELECT id FROM attachment)",
			       err);
	if (r == 0)
		ret->lost += (unsigned int)sqlite3_changes(j->db);
	if (r == 0)
		r = rebuild_used(j, err);
	if (r == 0)
		r = count(j, ret, err);
	if (r < 0) {
		bw_journal_rollback(j);
		return r;
	}
	return bw_journal_commit(j, err);
}

/* What is carried over, row by row; a table that is not there or breaks off ends there. */
static const struct salvage {
	const char *read;
	const char *write;
	int columns;
	unsigned int minor; /* older files have no such table */
} salvages[] = {
	{ "SELECT id, container_id, ifname, network, program, pod, netns, netns_id, boot_id, "
	  "state, claim_uid, token, since_s, host_if, bridge, vlan, mac, flags FROM attachment",
	  "INSERT INTO attachment(id, container_id, ifname, network, program, pod, netns, "
	  "netns_id, boot_id, state, claim_uid, token, since_s, host_if, bridge, vlan, mac, flags) "
	  "VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18)",
	  18, 0 },
	{ "SELECT domain, ip, prefix_len, attachment, cooling_until_s, key FROM address",
	  "INSERT INTO address(domain, ip, prefix_len, attachment, cooling_until_s, key) "
	  "VALUES(?1,?2,?3,?4,?5,?6)",
	  6, 0 },
	{ "SELECT domain, range_set, ip FROM cursor",
	  "INSERT INTO cursor(domain, range_set, ip) VALUES(?1,?2,?3)", 3, 0 },
	{ "SELECT bridge, vlan, uplink, made, enslaved, bpf_vlan, boot_id, since_s FROM segment",
	  "INSERT INTO segment(bridge, vlan, uplink, made, enslaved, bpf_vlan, boot_id, since_s) "
	  "VALUES(?1,?2,?3,?4,?5,?6,?7,?8)",
	  8, 0 },
	{ "SELECT uplink, bridge, boot_id, step, mac, data FROM uplink_original",
	  "INSERT INTO uplink_original(uplink, bridge, boot_id, step, mac, data) "
	  "VALUES(?1,?2,?3,?4,?5,?6)",
	  6, 0 },
	/* Before minor version 2 nothing was written to these. */
	{ "SELECT uid, iface, namespace, name, token, epoch, resource_version, boot_id, stale, "
	  "binding, put_ns FROM claim_cache",
	  "INSERT INTO claim_cache(uid, iface, namespace, name, token, epoch, resource_version, "
	  "boot_id, stale, binding, put_ns) VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11)",
	  11, 2 },
	{ "SELECT uid, seen, attached, detached, namespace, name FROM claim_token",
	  "INSERT INTO claim_token(uid, seen, attached, detached, namespace, name) "
	  "VALUES(?1,?2,?3,?4,?5,?6)",
	  6, 2 },
	{ "SELECT seq, uid, token, kind, body, sending, since_s FROM outbox",
	  "INSERT INTO outbox(seq, uid, token, kind, body, sending, since_s) "
	  "VALUES(?1,?2,?3,?4,?5,?6,?7)",
	  7, 2 },
	{ "SELECT key, value FROM meta WHERE key <> 'schema'",
	  "INSERT INTO meta(key, value) VALUES(?1,?2)", 2, 0 },
	{ "SELECT pci, id, container_id, ifname, slot, network, boot_id, netns, netns_id, pf, vf, "
	  "state, since_s, record FROM vf_hold",
	  "INSERT INTO vf_hold(pci, id, container_id, ifname, slot, network, boot_id, netns, "
	  "netns_id, pf, vf, state, since_s, record) "
	  "VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14)",
	  14, 1 },
};

static int bind_row(sqlite3_stmt *in, sqlite3_stmt *out, int columns)
{
	int rc = SQLITE_OK;

	for (int i = 0; i < columns && rc == SQLITE_OK; i++)
		rc = sqlite3_bind_value(out, i + 1, sqlite3_column_value(in, i));
	return rc;
}

/* The minor version a damaged file claims; this program's when it does not say. */
static unsigned int minor_of(sqlite3 *from)
{
	sqlite3_stmt *st = NULL;
	unsigned int v = BW_JOURNAL_VERSION;

	if (sqlite3_prepare_v2(from, "PRAGMA user_version", -1, &st, NULL) == SQLITE_OK &&
	    sqlite3_step(st) == SQLITE_ROW)
		v = (unsigned int)sqlite3_column_int64(st, 0);
	(void)sqlite3_finalize(st); /* repeats what step said, ignoring */
	return v >> 16 == BW_JOURNAL_MAGIC ? v & 0xff : BW_JOURNAL_MINOR;
}

/* A row that contradicts another is lost; a table that cannot be read further ends. */
static int copy_table(sqlite3 *from, struct bw_journal *to, const struct salvage *s,
		      struct bw_journal_repair *ret, struct bw_err *err)
{
	sqlite3_stmt *in = NULL;
	sqlite3_stmt *out = NULL;
	int rc = sqlite3_prepare_v2(to->db, s->write, -1, &out, NULL);
	int r = rc == SQLITE_OK ? 0 : bw_journal_db_fail(to, rc, "repair the journal", err);

	if (r == 0 && sqlite3_prepare_v2(from, s->read, -1, &in, NULL) != SQLITE_OK)
		ret->lost++;
	while (r == 0 && in && (rc = sqlite3_step(in)) == SQLITE_ROW) {
		rc = bind_row(in, out, s->columns);
		if (rc == SQLITE_OK)
			rc = sqlite3_step(out);
		if ((rc & 0xff) == SQLITE_CONSTRAINT)
			ret->lost++;
		else if (rc != SQLITE_DONE)
			r = bw_journal_db_fail(to, rc, "repair the journal", err);
		(void)sqlite3_reset(out); /* repeats what step said, ignoring */
	}
	if (r == 0 && in && rc != SQLITE_DONE)
		ret->lost++;
	(void)sqlite3_finalize(in); /* as above, ignoring */
	(void)sqlite3_finalize(out);
	return r;
}

static int copy_all(const char *old, struct bw_journal *to, struct bw_journal_repair *ret,
		    struct bw_err *err)
{
	sqlite3 *from = NULL;
	unsigned int minor;
	int one = 1;
	int r = 0;

	if (sqlite3_open_v2(old, &from, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) !=
	    SQLITE_OK) {
		ret->lost++;
	} else {
		/* Reads past what it can; the old file stays as it is. None can fail, ignoring. */
		(void)sqlite3_db_config(from, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
		(void)sqlite3_file_control(from, "main", SQLITE_FCNTL_PERSIST_WAL, &one);
		(void)sqlite3_exec(from, "PRAGMA writable_schema=ON; PRAGMA cell_size_check=ON",
				   NULL, NULL, NULL);
		minor = minor_of(from);
		for (size_t i = 0; i < BW_ARRAY_SIZE(salvages) && r == 0; i++)
			if (salvages[i].minor <= minor)
				r = copy_table(from, to, &salvages[i], ret, err);
	}
	(void)sqlite3_close(from); /* read only, ignoring */
	return r;
}

/* "<dir>/<name><suffix>"; dirs are bounded by BW_JOURNAL_DIR_MAX. */
#define PATH_SIZE (BW_JOURNAL_DIR_MAX + 96)
#define NAME_SIZE 64
#define KEPT_MAX 1000 /* repairs within one second */

static const char *join(char out[PATH_SIZE], const char *dir, const char *name, const char *suffix)
{
	/* a folder has at most 411 characters and a name 63, ignoring */
	(void)snprintf(out, PATH_SIZE, "%.412s/%.64s%s", dir, name, suffix);
	return out;
}

static const char *const suffixes[] = { "", "-wal", "-shm" };

static void remove_files(const char *dir, const char *name)
{
	char path[PATH_SIZE];

	for (size_t i = 0; i < BW_ARRAY_SIZE(suffixes); i++)
		(void)unlink(join(path, dir, name, suffixes[i])); /* may not be there, ignoring */
}

/* The damaged file and its log get a second name. 0; -EEXIST it is taken; -errno. */
static int keep_as(const char *dir, const char *name, struct bw_err *err)
{
	char old[PATH_SIZE];
	char kept[PATH_SIZE];

	for (size_t i = 0; i < 2; i++) {
		join(old, dir, BW_JOURNAL_FILE, suffixes[i]);
		join(kept, dir, name, suffixes[i]);
		if (link(old, kept) < 0 && errno != ENOENT)
			return bw_fail(err, errno, "keep %s as %s", old, kept);
	}
	return 0;
}

/* Whatever happens afterwards, nothing is lost. Fills @name, which is new. */
static int keep(const char *dir, char name[NAME_SIZE], struct bw_err *err)
{
	int r = -EEXIST;

	for (int i = 0; i < KEPT_MAX && r == -EEXIST; i++) {
		/* fits, ignoring */
		(void)snprintf(name, NAME_SIZE, "journal.damaged-%lld-%d.db",
			       (long long)bw_clock_real_s(), i);
		r = keep_as(dir, name, err);
	}
	return r;
}

/* Fills a journal of its own in <dir>/repair.tmp, all of it in the one file. */
static int fill(const char *tmp, const char *kept, struct bw_journal_repair *ret,
		struct bw_err *err)
{
	bw_autojournal struct bw_journal *j = NULL;
	int r = bw_journal_open(tmp, BW_JOURNAL_F_CREATE, &j, err);

	if (r == 0)
		r = bw_journal_begin(j, BW_JOURNAL_FULL, err);
	if (r == 0)
		r = copy_all(kept, j, ret, err);
	if (r == 0)
		r = bw_journal_commit(j, err);
	if (r == 0)
		r = tidy(j, ret, err);
	if (r == 0)
		r = bw_journal_db_exec(j, "PRAGMA wal_checkpoint(TRUNCATE)", err);
	return r;
}

/* A damaged file is replaced in one rename, by a new one that is complete. */
static int rescue(const char *dir, struct bw_journal_repair *ret, struct bw_err *err)
{
	char tmp[PATH_SIZE];
	char from[PATH_SIZE];
	char to[PATH_SIZE];
	char name[NAME_SIZE];
	int r;

	join(tmp, dir, "repair.tmp", "");
	remove_files(tmp, BW_JOURNAL_FILE); /* of a repair that was killed */
	r = keep(dir, name, err);
	join(ret->kept, dir, name, "");
	if (r == 0)
		r = fill(tmp, ret->kept, ret, err);
	if (r < 0)
		return r;
	/* The old log must not be replayed into the new file. */
	(void)unlink(join(to, dir, BW_JOURNAL_FILE, "-wal")); /* may not be there, ignoring */
	(void)unlink(join(to, dir, BW_JOURNAL_FILE, "-shm"));
	if (rename(join(from, tmp, BW_JOURNAL_FILE, ""), join(to, dir, BW_JOURNAL_FILE, "")) < 0)
		return bw_fail(err, errno, "put %s in place", to);
	remove_files(tmp, BW_JOURNAL_FILE);
	(void)rmdir(tmp); /* an empty folder is left, ignoring */
	return 0;
}

static void count_finding(const char *text, void *arg)
{
	/* Runs and orphans are put right in place; SQLite's own complaints are not. */
	if (strncmp(text, "file: ", strlen("file: ")) == 0)
		++*(int *)arg;
}

int bw_journal_repair(const char *dir, struct bw_journal_repair *ret, struct bw_err *err)
{
	bw_autojournal struct bw_journal *j = NULL;
	struct bw_journal_repair done = { 0 };
	int broken = 0;
	int r = bw_journal_open(dir, 0, &j, err);

	if (r == 0) {
		r = bw_journal_check(j, count_finding, &broken, err);
		if (r >= 0 && !broken)
			r = tidy(j, &done, err);
		else if (r >= 0)
			r = -EBADMSG;
	} else if (r == -ENOENT) {
		r = bw_journal_open(dir, BW_JOURNAL_F_CREATE, &j, err);
	}
	if (r == -EBADMSG) {
		bw_journal_close(&j);
		memset(&done, 0, sizeof(done));
		r = rescue(dir, &done, err);
	}
	if (r < 0)
		return r;
	*ret = done;
	return 0;
}
