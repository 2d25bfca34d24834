/* SPDX-License-Identifier: Apache-2.0 */
/* The file that has VF holds: old ones brought up, full disks, damage, many processes, kills. */
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include "vf.h"
#include "vfs.h"

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
		assert_non_null(strstr(err.msg, "bring the journal up to version 1.2"));
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
		in_dir(old_journal_gets_the_table_when_it_is_opened_for_writing),
		in_dir(full_disk_leaves_an_old_journal_old),
		in_dir(full_disk_at_every_write_of_a_hold_leaves_it_whole),
		in_dir(repair_keeps_holds),
		in_dir(a_damaged_old_journal_loses_nothing_by_having_no_holds),
		in_dir(of_many_processes_exactly_one_gets_it),
		in_dir(killed_anywhere_leaves_whole_rows),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
