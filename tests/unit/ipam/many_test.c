/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many processes at one journal: none gets an address another one has, none is lost, none fails for
 * the others' sake; also when they are killed wherever they happen to be.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <time.h>

#include "help.h"

#define POOL "\"ranges\":[[{\"subnet\":\"10.1.0.0/24\"}],[{\"subnet\":\"fd00::/120\"}]]"
#define N 256

/* Shared by parent and children: who has which address, counted by the last byte. */
struct shared {
	int owner[2][N];
	int duplicates;
	int failures;
	int done;
	char text[256];
};

static struct shared *share(void)
{
	struct shared *s =
		mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	assert_true(s != MAP_FAILED);
	return s;
}

static void note_failure(struct shared *s, const struct outcome *out)
{
	if (!__atomic_fetch_add(&s->failures, 1, __ATOMIC_SEQ_CST))
		(void)snprintf(s->text, sizeof(s->text), "%d %.200s", out->r, out->err.msg);
}

/* Marks both addresses of an ADD as @who's; counts those that were somebody's. */
static void claim(struct shared *s, const struct outcome *out, int who, int at[2])
{
	unsigned int v4 = 0;
	unsigned int v6 = 0;

	if (sscanf(out->ips, "10.1.0.%u/24 fd00::%x/120", &v4, &v6) != 2 || v4 >= N || v6 >= N) {
		note_failure(s, out);
		return;
	}
	at[0] = (int)v4;
	at[1] = (int)v6;
	for (int f = 0; f < 2; f++) {
		int nobody = 0;

		if (!__atomic_compare_exchange_n(&s->owner[f][at[f]], &nobody, who, 0,
						 __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
			__atomic_fetch_add(&s->duplicates, 1, __ATOMIC_SEQ_CST);
	}
}

static void let_go(struct shared *s, const int at[2])
{
	for (int f = 0; f < 2; f++)
		__atomic_store_n(&s->owner[f][at[f]], 0, __ATOMIC_SEQ_CST);
}

static void turn(struct shared *s, const char *dir, int who, int i, const char *pool)
{
	struct call c = { .dir = dir, .ipam = pool };
	const struct outcome *out;
	char cid[32];
	int at[2] = { 0, 0 };

	(void)snprintf(cid, sizeof(cid), "c%d-%d", who, i);
	c.cid = cid;
	out = ipam_add(&c);
	if (out->r < 0) {
		note_failure(s, out);
		return;
	}
	claim(s, out, who, at);
	/* Given back before the journal knows: the other way round would race with the next. */
	let_go(s, at);
	out = ipam_del(&c);
	if (out->r != 1)
		note_failure(s, out);
}

static void note(const char *text, void *arg)
{
	(void)snprintf(arg, 512, "%s", text);
}

static int count_addr(const struct bw_journal_addr *a, void *arg, struct bw_err *err)
{
	(void)a;
	(void)err;
	++*(int *)arg;
	return 0;
}

static void assert_sound(const char *dir, int addresses)
{
	struct bw_journal *j = NULL;
	struct bw_err err = { 0 };
	char text[512] = "";
	int n = 0;

	if (bw_journal_open(dir, 0, &j, &err) < 0)
		fail_msg("%s", err.msg);
	if (bw_journal_check(j, note, text, &err) != 0)
		fail_msg("%s %s", text, err.msg);
	assert_int_equal(bw_journal_addr_each(j, NULL, count_addr, &n, &err), 0);
	if (addresses >= 0)
		assert_int_equal(n, addresses);
	bw_journal_close(&j);
}

static void reap(pid_t *pids, int n)
{
	for (int i = 0; i < n; i++) {
		int status = 0;

		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_int_equal(status, 0);
	}
}

static void look(const char *dir)
{
	struct bw_journal *j = NULL;
	struct bw_err err = { 0 };
	char text[512] = "";
	int r = bw_journal_open(dir, BW_JOURNAL_F_READ, &j, &err);

	if (r == 0 && bw_journal_check(j, note, text, &err) != 0)
		fail_msg("%s %s", text, err.msg);
	if (r < 0 && r != -ENOENT)
		fail_msg("%s", err.msg);
	bw_journal_close(&j);
}

static void hammer(void **state, const char *pool)
{
	struct shared *s = share();
	pid_t pids[8];

	for (int i = 0; i < 8; i++) {
		pids[i] = fork();
		assert_true(pids[i] >= 0);
		if (pids[i] == 0) {
			for (int k = 0; k < 25; k++)
				turn(s, *state, i + 1, k, pool);
			_exit(0);
		}
	}
	/* Looked at while they are at work, it is sound as well. */
	for (int i = 0; i < 20; i++)
		look(*state);
	reap(pids, 8);
	if (s->duplicates || s->failures)
		fail_msg("%d duplicates, %d failures: %s", s->duplicates, s->failures, s->text);
	assert_sound(*state, 0);
	munmap(s, sizeof(*s));
}

static void eight_processes_never_share_an_address(void **state)
{
	hammer(state, POOL);
}

static void eight_processes_with_lowest_and_random(void **state)
{
	hammer(state, POOL ",\"strategy\":\"lowest\"");
	hammer(state, POOL ",\"strategy\":\"random\"");
}

static void hundred_adds_at_once_all_work(void **state)
{
	struct shared *s = share();
	pid_t pids[100];
	int go[2];
	char byte;

	assert_int_equal(pipe(go), 0);
	for (int i = 0; i < 100; i++) {
		pids[i] = fork();
		assert_true(pids[i] >= 0);
		if (pids[i] == 0) {
			struct call c = { .dir = *state, .ipam = POOL };
			const struct outcome *out;
			char cid[32];
			int at[2] = { 0, 0 };

			close(go[1]);
			(void)!read(go[0], &byte, 1); /* until the parent closes */
			(void)snprintf(cid, sizeof(cid), "c%d", i);
			c.cid = cid;
			out = ipam_add(&c);
			if (out->r < 0)
				note_failure(s, out);
			else
				claim(s, out, i + 1, at);
			_exit(0);
		}
	}
	close(go[0]);
	close(go[1]);
	reap(pids, 100);
	if (s->duplicates || s->failures)
		fail_msg("%d duplicates, %d failures: %s", s->duplicates, s->failures, s->text);
	assert_sound(*state, 200);
	munmap(s, sizeof(*s));
}

static void churn_until_killed(const char *dir, int who, struct shared *s)
{
	for (int i = 0;; i++) {
		struct call c = { .dir = dir, .ipam = POOL };
		char cid[32];

		(void)snprintf(cid, sizeof(cid), "k%d-%d", who, i % 10);
		c.cid = cid;
		(void)ipam_add(&c);
		/* Said only after the ADD answered: from now on it must be there. */
		__atomic_fetch_add(&s->done, 1, __ATOMIC_SEQ_CST);
		if (i % 3)
			(void)ipam_del(&c);
	}
}

static void killed_anywhere_leaves_a_sound_journal(void **state)
{
	struct shared *s = share();
	struct call c = { .dir = *state, .ipam = POOL, .cid = "kept", .args = "IP=10.1.0.77" };
	unsigned int seed = 9;

	assert_int_equal(ipam_add(&c)->r, 0);
	for (int round = 0; round < 60; round++) {
		pid_t pids[2];
		struct timespec ts = { 0 };

		for (int i = 0; i < 2; i++) {
			pids[i] = fork();
			assert_true(pids[i] >= 0);
			if (pids[i] == 0)
				churn_until_killed(*state, i, s);
		}
		seed = seed * 1103515245 + 12345;
		/* The point of the kill is what is random here. */
		ts.tv_nsec = (long)((seed >> 8) % 12000000);
		(void)nanosleep(&ts, NULL);
		for (int i = 0; i < 2; i++) {
			assert_int_equal(kill(pids[i], SIGKILL), 0);
			assert_int_equal(waitpid(pids[i], NULL, 0), pids[i]);
		}
		assert_sound(*state, -1);
	}
	/* What had answered is still there, and every dead ADD can be deleted. */
	for (int i = 0; i < 20; i++) {
		char cid[32];

		(void)snprintf(cid, sizeof(cid), "k%d-%d", i / 10, i % 10);
		c.cid = cid;
		assert_true(ipam_del(&c)->r >= 0);
	}
	assert_true(s->done > 20);
	c.cid = "kept";
	assert_int_equal(ipam_del(&c)->r, 1);
	assert_sound(*state, 0);
	munmap(s, sizeof(*s));
}

/* In a child of its own, for the mount goes with it. */
static int first_add_on_a_full_disk(const char *dir)
{
	struct call c = { .dir = dir, .ipam = POOL, .cid = "c1" };
	const struct outcome *out;
	char path[512];

	if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("none", dir, "tmpfs", 0, "size=16k") < 0)
		return 10;
	out = ipam_add(&c);
	if (out->r != -ENOSPC || out->err.class != BW_ERR_BUSY) {
		print_error("%d %s %s\n", out->r, bw_err_class_str(out->err.class), out->err.msg);
		return 1;
	}
	(void)snprintf(path, sizeof(path), "%s/journal.db", dir);
	if (access(path, F_OK) == 0)
		return 2;
	if (mount("none", dir, "tmpfs", MS_REMOUNT, "size=1m") < 0)
		return 3;
	return ipam_add(&c)->r == 0 ? 0 : 4;
}

static void full_disk_leaves_no_half_a_file(void **state)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(first_add_on_a_full_disk(*state));
	reap(&pid, 1);
}

static void locked_for_too_long_is_busy(void **state)
{
	struct bw_journal *a = NULL;
	struct bw_journal *b = NULL;
	struct bw_err err = { 0 };
	uint64_t before;

	assert_int_equal(bw_journal_open(*state, BW_JOURNAL_F_CREATE, &a, &err), 0);
	assert_int_equal(bw_journal_open(*state, 0, &b, &err), 0);
	assert_int_equal(bw_journal_begin(a, BW_JOURNAL_NORMAL, &err), 0);
	before = bw_clock_boot_ns();
	assert_int_equal(bw_journal_begin(b, BW_JOURNAL_NORMAL, &err), -EBUSY);
	assert_int_equal(err.class, BW_ERR_BUSY);
	assert_non_null(strstr(err.msg, "is locked by another process for more than 10000 ms"));
	assert_true(bw_clock_boot_ns() - before < 12ULL * 1000000000ULL);
	bw_journal_rollback(a);
	assert_int_equal(bw_journal_begin(b, BW_JOURNAL_NORMAL, &err), 0);
	bw_journal_close(&b);
	bw_journal_close(&a);
}

#define in_dir(f) cmocka_unit_test_setup_teardown(f, make_dir, drop_dir)

int main(void)
{
	const struct CMUnitTest tests[] = {
		in_dir(eight_processes_never_share_an_address),
		in_dir(eight_processes_with_lowest_and_random),
		in_dir(hundred_adds_at_once_all_work),
		in_dir(killed_anywhere_leaves_a_sound_journal),
		in_dir(full_disk_leaves_no_half_a_file),
		in_dir(locked_for_too_long_is_busy),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
