/* SPDX-License-Identifier: Apache-2.0 */
/* VF holds: one holder at a time, taken over from the dead by compare and swap, old journals. */
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include "help.h"
#include "vfs.h"

#define VF_A "0000:01:10.0"
#define VF_B "0000:01:10.2"

static struct bw_err err;

#define assert_ok(e)                                                                               \
	do {                                                                                       \
		int r_ = (e);                                                                      \
		if (r_ < 0)                                                                        \
			fail_msg("%s: %d: %s", #e, r_, err.msg);                                   \
	} while (0)

static struct bw_journal *open_new(void **state)
{
	struct bw_journal *j = NULL;

	assert_ok(bw_journal_open(*state, BW_JOURNAL_F_CREATE, &j, &err));
	return j;
}

static struct bw_journal *open_read(void **state)
{
	struct bw_journal *j = NULL;

	assert_ok(bw_journal_open(*state, BW_JOURNAL_F_READ, &j, &err));
	return j;
}

static void note(const char *text, void *arg)
{
	char *out = arg;

	(void)snprintf(out + strlen(out), 1024 - strlen(out), "%s\n", text);
}

static void assert_findings(struct bw_journal *j, int n, const char *want)
{
	char findings[1024] = "";
	int r = bw_journal_check(j, note, findings, &err);

	if (r != n || !strstr(findings, want))
		fail_msg("%d findings:\n%s%s", r, findings, r < 0 ? err.msg : "");
}

/* "pci cid slot, ..." of a walk. */
static int list(const struct bw_vf_hold *h, void *arg, struct bw_err *e)
{
	char *out = arg;

	(void)e;
	(void)snprintf(out + strlen(out), 1024 - strlen(out), "%s%s %s %u", *out ? ", " : "",
		       h->pci, h->container_id, h->slot);
	return 0;
}

static void assert_all(struct bw_journal *j, const char *want)
{
	char got[1024] = "";

	assert_ok(bw_journal_vf_each(j, list, got, &err));
	assert_string_equal(got, want);
}

/* The whole row, but for what the journal gives itself. */
static void assert_row(struct bw_journal *j, const struct bw_vf_hold *want)
{
	struct bw_vf_hold *got = calloc(1, sizeof(*got));

	assert_non_null(got);
	assert_int_equal(bw_journal_vf_get(j, want->pci, got, &err), 1);
	assert_string_equal(got->pci, want->pci);
	assert_string_equal(got->container_id, want->container_id);
	assert_string_equal(got->ifname, want->ifname);
	assert_int_equal(got->slot, want->slot);
	assert_string_equal(got->network, want->network);
	assert_string_equal(got->boot_id, want->boot_id);
	assert_string_equal(got->netns, want->netns);
	assert_true(got->netns_id == want->netns_id);
	assert_string_equal(got->pf, want->pf);
	assert_int_equal(got->vf, want->vf);
	assert_int_equal(got->state, want->state);
	assert_string_equal(got->record, want->record);
	assert_true(got->id == want->id && got->id > 0);
	assert_true(got->since_s > 0);
	free(got);
}

static void a_vf_has_one_holder(void **state)
{
	struct bw_vf_hold *a = new_hold(VF_A, "c1");
	struct bw_vf_hold *b = new_hold(VF_A, "c2");
	struct bw_vf_hold *holder = new_hold("", "");
	struct bw_journal *j = open_new(state);

	assert_int_equal(bw_journal_vf_get(j, VF_A, holder, &err), 0);
	assert_int_equal(bw_journal_vf_take(j, a, holder, &err), 0);
	assert_row(j, a);
	assert_int_equal(bw_journal_vf_take(j, b, holder, &err), -EEXIST);
	assert_int_equal(err.class, BW_ERR_BUSY);
	assert_string_equal(err.msg, "VF " VF_A " is held by container c1 interface eth0");
	assert_string_equal(holder->container_id, "c1");
	assert_true(holder->id == a->id);
	/* Also for the holder itself, and without asking who it is. */
	assert_int_equal(bw_journal_vf_take(j, a, NULL, &err), -EEXIST);
	assert_row(j, a);
	assert_findings(j, 0, "");
	bw_journal_close(&j);
	free(holder);
	free(b);
	free(a);
}

static void a_refused_take_leaves_the_callers_transaction_open(void **state)
{
	struct bw_vf_hold *a = new_hold(VF_A, "c1");
	struct bw_vf_hold *b = new_hold(VF_B, "c1");
	struct bw_journal *j = open_new(state);

	assert_ok(bw_journal_vf_take(j, a, NULL, &err));
	assert_ok(bw_journal_begin(j, BW_JOURNAL_FULL, &err));
	assert_ok(bw_journal_vf_take(j, b, NULL, &err));
	assert_int_equal(bw_journal_vf_take(j, a, NULL, &err), -EEXIST);
	bw_journal_rollback(j);
	assert_all(j, VF_A " c1 0");
	assert_ok(bw_journal_begin(j, BW_JOURNAL_FULL, &err));
	assert_ok(bw_journal_vf_take(j, b, NULL, &err));
	assert_int_equal(bw_journal_vf_take(j, a, NULL, &err), -EEXIST);
	assert_ok(bw_journal_commit(j, &err));
	assert_all(j, VF_A " c1 0, " VF_B " c1 0");
	bw_journal_close(&j);
	free(b);
	free(a);
}

static void a_dead_holder_is_replaced_once_and_the_first_originals_stay(void **state)
{
	struct bw_vf_hold *dead = new_hold(VF_A, "dead");
	struct bw_vf_hold *a = new_hold(VF_A, "c1");
	struct bw_vf_hold *b = new_hold(VF_A, "c2");
	struct bw_journal *j = open_new(state);

	assert_ok(bw_journal_vf_take(j, dead, NULL, &err));
	a->vf = 7;
	a->state = BW_VF_HOLD_LIVE;
	strcpy(a->boot_id, BOOT_B);
	assert_int_equal(bw_journal_vf_retake(j, dead->id, a, &err), 1);
	assert_true(a->id > dead->id);
	assert_string_equal(a->record, "{\"of\":\"dead\"}");
	assert_row(j, a);
	/* Who comes later with the same reading of it is told. */
	assert_int_equal(bw_journal_vf_retake(j, dead->id, b, &err), 0);
	assert_string_equal(b->record, "{\"of\":\"c2\"}");
	assert_int_equal(b->id, 0);
	/* So is the dead one, should it live after all. */
	assert_int_equal(bw_journal_vf_record(j, dead, &err), 0);
	assert_int_equal(bw_journal_vf_state(j, VF_A, dead->id, BW_VF_HOLD_LIVE, &err), 0);
	assert_int_equal(bw_journal_vf_drop(j, VF_A, "dead", "eth0", 0, &err), 0);
	assert_row(j, a);
	strcpy(b->pci, VF_B);
	assert_int_equal(bw_journal_vf_retake(j, dead->id, b, &err), 0);
	bw_journal_close(&j);
	free(b);
	free(a);
	free(dead);
}

static void record_and_state_are_stored(void **state)
{
	struct bw_vf_hold *a = new_hold(VF_A, "c1");
	struct bw_journal *j = open_new(state);

	assert_ok(bw_journal_vf_take(j, a, NULL, &err));
	memset(a->record, 'x', BW_VF_RECORD_MAX);
	a->record[BW_VF_RECORD_MAX] = '\0';
	assert_int_equal(bw_journal_vf_record(j, a, &err), 1);
	assert_int_equal(bw_journal_vf_state(j, VF_A, a->id, BW_VF_HOLD_LIVE, &err), 1);
	a->state = BW_VF_HOLD_LIVE;
	assert_row(j, a);
	assert_int_equal(bw_journal_vf_state(j, VF_B, a->id, BW_VF_HOLD_LIVE, &err), 0);
	a->record[BW_VF_RECORD_MAX] = 'x';
	assert_int_equal(bw_journal_vf_record(j, a, &err), -E2BIG);
	assert_int_equal(err.class, BW_ERR_INVALID);
	strcpy(a->pci, VF_B);
	assert_int_equal(bw_journal_vf_take(j, a, NULL, &err), -E2BIG);
	bw_journal_close(&j);
	free(a);
}

static void only_the_holder_drops(void **state)
{
	struct bw_vf_hold *a = new_hold(VF_A, "c1");
	struct bw_journal *j = open_new(state);
	int64_t first;

	assert_ok(bw_journal_vf_take(j, a, NULL, &err));
	first = a->id;
	assert_int_equal(bw_journal_vf_drop(j, VF_A, "c2", "eth0", 0, &err), 0);
	assert_int_equal(bw_journal_vf_drop(j, VF_A, "c1", "eth1", 0, &err), 0);
	assert_int_equal(bw_journal_vf_drop(j, VF_B, "c1", "eth0", 0, &err), 0);
	assert_int_equal(bw_journal_vf_drop(j, VF_A, "c1", "eth0", first, &err), 1);
	assert_int_equal(bw_journal_vf_drop(j, VF_A, "c1", "eth0", first, &err), 0);
	/* A late one does not touch a later attachment of the same name. */
	assert_ok(bw_journal_vf_take(j, a, NULL, &err));
	assert_true(a->id > first);
	assert_int_equal(bw_journal_vf_drop(j, VF_A, "c1", "eth0", first, &err), 0);
	assert_int_equal(bw_journal_vf_drop(j, VF_A, "c1", "eth0", 0, &err), 1);
	assert_all(j, "");
	bw_journal_close(&j);
	free(a);
}

struct dropper {
	struct bw_journal *j;
	int n;
};

static int drop_it(const struct bw_vf_hold *h, void *arg, struct bw_err *e)
{
	struct dropper *d = arg;

	d->n++;
	return bw_journal_vf_drop(d->j, h->pci, h->container_id, h->ifname, h->id, e) == 1 ? 0 : -1;
}

static int stop(const struct bw_vf_hold *h, void *arg, struct bw_err *e)
{
	(void)h;
	(void)e;
	++*(int *)arg;
	return 7;
}

static void walks_are_in_order_and_survive_drops(void **state)
{
	struct bw_vf_hold *h = new_hold(VF_B, "c1");
	struct bw_journal *j = open_new(state);
	struct dropper d = { .j = j };
	char got[1024] = "";
	char pci[BW_PCI_ADDR_MAX + 1];
	int n = 0;

	/* The bond's second VF has the lower address. */
	h->slot = 0;
	assert_ok(bw_journal_vf_take(j, h, NULL, &err));
	strcpy(h->pci, VF_A);
	h->slot = 1;
	assert_ok(bw_journal_vf_take(j, h, NULL, &err));
	assert_ok(bw_journal_vf_of(j, "c1", "eth0", list, got, &err));
	assert_string_equal(got, VF_B " c1 0, " VF_A " c1 1");
	got[0] = '\0';
	assert_ok(bw_journal_vf_of(j, "c1", "eth1", list, got, &err));
	assert_string_equal(got, "");
	assert_all(j, VF_A " c1 1, " VF_B " c1 0");
	assert_int_equal(bw_journal_vf_each(j, stop, &n, &err), 7);
	assert_int_equal(n, 1);
	for (int i = 0; i < 300; i++) {
		(void)snprintf(pci, sizeof(pci), "0000:02:%02x.%x", i / 8 % 32, i % 8);
		(void)snprintf(h->pci, sizeof(h->pci), "%04x%s", i / 256, pci + 4);
		assert_ok(bw_journal_vf_take(j, h, NULL, &err));
	}
	assert_ok(bw_journal_vf_each(j, drop_it, &d, &err));
	assert_int_equal(d.n, 302);
	assert_all(j, "");
	bw_journal_close(&j);
	free(h);
}

static void old_journal_gets_the_table_when_it_is_opened_for_writing(void **state)
{
	struct call c = { .dir = *state, .cid = "c1", .ipam = "\"subnet\":\"10.1.0.0/24\"" };
	struct bw_vf_hold *a = new_hold(VF_A, "c1");
	struct bw_journal *j = open_new(state);
	struct bw_journal *older;

	bw_journal_close(&j);
	assert_ips(ipam_add(&c), "10.1.0.2/24");
	make_old(*state);
	/* Read only it looks empty, and stays as it is. */
	older = open_read(state);
	assert_int_equal(bw_journal_vf_get(older, VF_A, a, &err), 0);
	assert_all(older, "");
	assert_int_equal(bw_journal_vf_of(older, "c1", "eth0", drop_it, NULL, &err), 0);
	assert_findings(older, 0, "");
	j = open_new(state);
	assert_ok(bw_journal_vf_take(j, a, NULL, &err));
	assert_row(j, a);
	assert_findings(j, 0, "");
	/* One that was open before goes on. */
	assert_int_equal(bw_journal_vf_get(older, VF_A, a, &err), 0);
	assert_findings(older, 0, "");
	bw_journal_close(&older);
	bw_journal_close(&j);
	older = open_read(state);
	assert_row(older, a);
	bw_journal_close(&older);
	assert_int_equal(ipam_del(&c)->r, 1);
	free(a);
}

static void full_disk_leaves_an_old_journal_old(void **state)
{
	struct bw_vf_hold *a = new_hold(VF_A, "c1");
	struct bw_journal *j = open_new(state);
	unsigned int refused = 0;

	bw_journal_close(&j);
	make_old(*state);
	rec_install();
	for (int budget = 0; budget < 100; budget++) {
		int r;

		rec.budget = budget;
		r = bw_journal_open(*state, 0, &j, &err);
		rec.budget = -1;
		if (r == 0)
			break;
		refused++;
		assert_int_equal(r, -ENOSPC);
		assert_int_equal(err.class, BW_ERR_BUSY);
		assert_non_null(strstr(err.msg, "bring the journal up to version 1.1"));
		assert_non_null(strstr(err.msg, "no space left"));
		j = open_read(state);
		assert_all(j, "");
		assert_findings(j, 0, "");
		bw_journal_close(&j);
	}
	assert_true(refused > 2);
	assert_ok(bw_journal_vf_take(j, a, NULL, &err));
	assert_row(j, a);
	bw_journal_close(&j);
	rec_remove();
	free(a);
}

static void full_disk_at_every_write_of_a_hold_leaves_it_whole(void **state)
{
	struct bw_vf_hold *a = new_hold(VF_A, "c1");
	struct bw_journal *j = NULL;
	unsigned int refused = 0;

	rec_install();
	j = open_new(state);
	memset(a->record, 'x', 6000);
	for (int i = 0; i < 40; i++) {
		int r;

		rec.budget = i % 10;
		r = bw_journal_vf_take(j, a, NULL, &err);
		rec.budget = -1;
		if (r < 0) {
			refused++;
			assert_int_equal(r, -ENOSPC);
			assert_int_equal(err.class, BW_ERR_BUSY);
			assert_int_equal(bw_journal_vf_get(j, VF_A, a, &err), 0);
			assert_ok(bw_journal_vf_take(j, a, NULL, &err));
		}
		assert_row(j, a);
		rec.budget = i % 10;
		r = bw_journal_vf_drop(j, VF_A, "c1", "eth0", a->id, &err);
		rec.budget = -1;
		if (r < 0) {
			refused++;
			assert_int_equal(r, -ENOSPC);
			assert_row(j, a);
			assert_int_equal(bw_journal_vf_drop(j, VF_A, "c1", "eth0", a->id, &err), 1);
		}
		assert_findings(j, 0, "");
	}
	assert_true(refused > 8);
	bw_journal_close(&j);
	rec_remove();
	free(a);
}

/* Reads the journal's page size times and size, then spoils its last page. */
static void spoil_last_page(const char *dir)
{
	static const char junk[512] = { 1 };
	char path[256];
	off_t size;
	int fd;

	(void)snprintf(path, sizeof(path), "%s/journal.db", dir);
	fd = open(path, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	size = lseek(fd, 0, SEEK_END);
	assert_int_equal(pwrite(fd, junk, sizeof(junk), size - 4096), sizeof(junk));
	close(fd);
}

static void write_back(const char *dir)
{
	sqlite3 *db = NULL;
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/journal.db", dir);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "PRAGMA wal_checkpoint(TRUNCATE)", NULL, NULL, NULL),
			 SQLITE_OK);
	(void)sqlite3_close(db);
}

static void repair_keeps_holds(void **state)
{
	struct bw_vf_hold *h = new_hold(VF_A, "c1");
	struct bw_journal_repair done = { 0 };
	struct bw_journal *j = open_new(state);

	memset(h->record, 'x', 1000);
	for (int i = 0; i < 64; i++) {
		(void)snprintf(h->pci, sizeof(h->pci), "0000:01:%02x.%x", i / 8, i % 8);
		assert_ok(bw_journal_vf_take(j, h, NULL, &err));
	}
	bw_journal_close(&j);
	assert_ok(bw_journal_repair(*state, &done, &err));
	assert_int_equal(done.vf_holds, 64);
	assert_string_equal(done.kept, "");
	write_back(*state);
	spoil_last_page(*state);
	assert_ok(bw_journal_repair(*state, &done, &err));
	assert_true(done.kept[0]);
	/* Three rows a page: the page and perhaps what stands behind it is lost, no more. */
	assert_true(done.vf_holds >= 55 && done.vf_holds < 64);
	assert_true(done.lost >= 1);
	j = open_new(state);
	assert_findings(j, 0, "");
	bw_journal_close(&j);
	free(h);
}

static void a_damaged_old_journal_loses_nothing_by_having_no_holds(void **state)
{
	struct call c = { .dir = *state, .cid = "c1", .ipam = "\"subnet\":\"10.1.0.0/24\"" };
	struct bw_journal_repair done = { 0 };
	struct bw_journal *j;
	sqlite3 *db = NULL;
	char path[256];

	assert_ips(ipam_add(&c), "10.1.0.2/24");
	make_old(*state);
	/* An index that contradicts its table is what SQLite complains of, and costs no row. */
	(void)snprintf(path, sizeof(path), "%s/journal.db", (char *)*state);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db,
				      "PRAGMA writable_schema=ON; DELETE FROM sqlite_schema WHERE "
				      "name = 'address_cooling'",
				      NULL, NULL, NULL),
			 SQLITE_OK);
	(void)sqlite3_close(db);
	assert_ok(bw_journal_repair(*state, &done, &err));
	assert_true(done.kept[0]);
	assert_int_equal(done.attachments, 1);
	assert_int_equal(done.addresses, 1);
	assert_int_equal(done.vf_holds, 0);
	assert_int_equal(done.lost, 0);
	j = open_new(state);
	assert_findings(j, 0, "");
	bw_journal_close(&j);
}

static void check_finds_holds_that_make_no_sense(void **state)
{
	struct bw_vf_hold *a = new_hold(VF_A, "c1");
	struct bw_journal *j = open_new(state);

	a->state = (enum bw_vf_hold_state)9;
	assert_ok(bw_journal_vf_take(j, a, NULL, &err));
	strcpy(a->pci, VF_B);
	a->state = BW_VF_HOLD_LIVE;
	a->container_id[0] = '\0';
	assert_ok(bw_journal_vf_take(j, a, NULL, &err));
	assert_findings(j, 2,
			"VF " VF_A " of c1 eth0 has state 9\nVF " VF_B " of  eth0 has no holder");
	assert_string_equal(bw_vf_hold_state_str(BW_VF_HOLD_INTENT), "Intent");
	assert_string_equal(bw_vf_hold_state_str(BW_VF_HOLD_LIVE), "Live");
	assert_string_equal(bw_vf_hold_state_str(BW_VF_HOLD_MAX_), "unknown");
	bw_journal_close(&j);
	free(a);
}

static void reap(const pid_t *pids, int n, int *ret_won)
{
	for (int i = 0; i < n; i++) {
		int status = 0;

		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) <= 1);
		*ret_won += WEXITSTATUS(status);
	}
}

/* 1 it is ours, 0 another was quicker, 2 something failed. */
static int race(const char *dir, int who, int64_t stale_id)
{
	struct bw_vf_hold *h = new_hold(VF_A, "c");
	struct bw_journal *j = NULL;
	struct bw_err e = { 0 };
	int r = bw_journal_open(dir, 0, &j, &e);

	(void)snprintf(h->container_id, sizeof(h->container_id), "c%d", who);
	if (r == 0)
		r = stale_id ? bw_journal_vf_retake(j, stale_id, h, &e)
			     : bw_journal_vf_take(j, h, NULL, &e);
	if (!stale_id)
		r = r == 0 ? 1 : r == -EEXIST ? 0 : r;
	if (r < 0)
		print_error("%d %s\n", r, e.msg);
	bw_journal_close(&j);
	free(h);
	return r < 0 ? 2 : r;
}

/* Twelve processes at once; how many of them got the VF. */
static int race_all(const char *dir, int64_t stale_id)
{
	pid_t pids[12];
	int go[2];
	int won = 0;

	assert_int_equal(pipe(go), 0);
	for (int i = 0; i < 12; i++) {
		pids[i] = fork();
		assert_true(pids[i] >= 0);
		if (pids[i] == 0) {
			char byte;

			close(go[1]);
			(void)!read(go[0], &byte, 1); /* until the parent closes */
			_exit(race(dir, i, stale_id));
		}
	}
	close(go[0]);
	close(go[1]);
	reap(pids, 12, &won);
	return won;
}

/* Each round an old journal, a free VF, a dead holder: all come at once. */
static void of_many_processes_exactly_one_gets_it(void **state)
{
	struct bw_vf_hold *h = new_hold(VF_A, "");
	struct bw_journal *j = open_new(state);

	bw_journal_close(&j);
	for (int round = 0; round < 10; round++) {
		make_old(*state);
		assert_int_equal(race_all(*state, 0), 1);
		j = open_new(state);
		assert_int_equal(bw_journal_vf_get(j, VF_A, h, &err), 1);
		bw_journal_close(&j);
		assert_int_equal(race_all(*state, h->id), 1);
		j = open_new(state);
		assert_findings(j, 0, "");
		bw_journal_close(&j);
	}
	free(h);
}

static void churn(const char *dir, int who)
{
	struct bw_vf_hold *h = new_hold(VF_A, "c");
	struct bw_journal *j = NULL;

	(void)snprintf(h->container_id, sizeof(h->container_id), "c%d", who);
	for (int i = 0;; i++) {
		(void)snprintf(h->pci, sizeof(h->pci), "0000:01:10.%d", i % 8);
		if (bw_journal_open(dir, 0, &j, NULL) < 0)
			_exit(1);
		if (bw_journal_vf_take(j, h, NULL, NULL) == 0) {
			(void)bw_journal_vf_record(j, h, NULL);
			(void)bw_journal_vf_state(j, h->pci, h->id, BW_VF_HOLD_LIVE, NULL);
			(void)bw_journal_vf_drop(j, h->pci, h->container_id, "eth0", h->id, NULL);
		}
		bw_journal_close(&j);
	}
}

static void killed_anywhere_leaves_whole_rows(void **state)
{
	struct bw_journal *j = open_new(state);
	struct dropper d = { 0 };
	unsigned int seed = 5;

	bw_journal_close(&j);
	for (int round = 0; round < 40; round++) {
		struct timespec ts = { 0 };
		pid_t pids[2];

		if (round % 4 == 0)
			make_old(*state);
		for (int i = 0; i < 2; i++) {
			pids[i] = fork();
			assert_true(pids[i] >= 0);
			if (pids[i] == 0)
				churn(*state, i);
		}
		seed = seed * 1103515245 + 12345;
		/* The point of the kill is what is random here. */
		ts.tv_nsec = (long)((seed >> 8) % 12000000);
		(void)nanosleep(&ts, NULL);
		for (int i = 0; i < 2; i++) {
			assert_int_equal(kill(pids[i], SIGKILL), 0);
			assert_int_equal(waitpid(pids[i], NULL, 0), pids[i]);
		}
		j = open_new(state);
		assert_findings(j, 0, "");
		d.j = j;
		assert_ok(bw_journal_vf_each(j, drop_it, &d, &err));
		assert_all(j, "");
		bw_journal_close(&j);
	}
	assert_true(d.n > 0);
}

#define in_dir(f) cmocka_unit_test_setup_teardown(f, make_dir, drop_dir)

int main(void)
{
	const struct CMUnitTest tests[] = {
		in_dir(a_vf_has_one_holder),
		in_dir(a_refused_take_leaves_the_callers_transaction_open),
		in_dir(a_dead_holder_is_replaced_once_and_the_first_originals_stay),
		in_dir(record_and_state_are_stored),
		in_dir(only_the_holder_drops),
		in_dir(walks_are_in_order_and_survive_drops),
		in_dir(old_journal_gets_the_table_when_it_is_opened_for_writing),
		in_dir(full_disk_leaves_an_old_journal_old),
		in_dir(full_disk_at_every_write_of_a_hold_leaves_it_whole),
		in_dir(repair_keeps_holds),
		in_dir(a_damaged_old_journal_loses_nothing_by_having_no_holds),
		in_dir(check_finds_holds_that_make_no_sense),
		in_dir(of_many_processes_exactly_one_gets_it),
		in_dir(killed_anywhere_leaves_whole_rows),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
