/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A power cut at every write: whatever the disk kept of what was not synced, the journal opens, is
 * sound (I1, I2), and has every commit that was FULL. And a disk that is full at every write.
 */
#include <fcntl.h>

#include "help.h"
#include "vfs.h"

#define SECTOR 512 /* bytes a disk writes whole */
#define POOL                                                                                       \
	"\"ranges\":[[{\"subnet\":\"10.1.0.0/24\"}],[{\"subnet\":\"fd00::/64\"}]],\"cooldown\":600"

/* A file as the disk would have it. */
struct image {
	unsigned char *data;
	size_t size;
	size_t cap;
	int exists;
};

static void image_size(struct image *im, size_t size)
{
	if (size > im->cap) {
		im->cap = size * 2;
		im->data = realloc(im->data, im->cap);
		assert_non_null(im->data);
	}
	if (size > im->size)
		memset(im->data + im->size, 0, size - im->size);
	im->size = size;
}

static void image_apply(struct image *im, const struct rec_op *op, int from, int to)
{
	im->exists = 1;
	if (op->kind == REC_TRUNCATE) {
		image_size(im, (size_t)op->at);
	} else if (op->kind == REC_WRITE && to > from) {
		if ((size_t)(op->at + to) > im->size)
			image_size(im, (size_t)(op->at + to));
		memcpy(im->data + op->at + from, op->data + from, (size_t)(to - from));
	}
}

static void image_copy(struct image *to, const struct image *from)
{
	to->size = 0;
	image_size(to, from->size);
	if (from->size)
		memcpy(to->data, from->data, from->size);
	to->exists = from->exists;
}

static void image_load(struct image *im, const char *dir, const char *name)
{
	char path[512];
	int fd;
	off_t size;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	im->exists = fd >= 0;
	if (fd < 0)
		return;
	size = lseek(fd, 0, SEEK_END);
	image_size(im, (size_t)size);
	assert_int_equal(pread(fd, im->data, (size_t)size, 0), size);
	close(fd);
}

static const char *const names[] = { [REC_DB] = "journal.db", [REC_WAL] = "journal.db-wal" };

static void image_store(const struct image *im, const char *dir, const char *name)
{
	char path[512];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	if (!im->exists) {
		(void)unlink(path);
		return;
	}
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, im->data, im->size), im->size);
	close(fd);
}

/* When a FULL commit had returned, and how many segments and VF holds there were then. */
struct ack {
	size_t at;
	unsigned int n;
};

static struct ack acks[256];
static size_t n_acks;
static struct image durable[REC_FILES_]; /* what was synced */
static struct image seen[REC_FILES_]; /* what one power cut leaves */
static unsigned int seed = 3;

static unsigned int rnd(unsigned int n)
{
	seed = seed * 1103515245 + 12345;
	return (seed >> 16) % n;
}

/* What becomes of one write that was not synced. */
enum fate {
	ALL, /* everything reached the disk */
	NONE,
	LAST_LOST, /* all but the last one */
	LAST_TORN, /* of the last one only some sectors */
	ONE_LOST, /* any one of them */
	ONE_TORN,
	ANY, /* each by the toss of a coin, torn or whole */
	FATES_,
};

static void apply_torn(struct image *im, const struct rec_op *op)
{
	for (int from = 0; from < op->size; from += SECTOR)
		if (rnd(2))
			image_apply(im, op, from,
				    from + SECTOR < op->size ? from + SECTOR : op->size);
}

/* Ops [from, to) of one file that were not synced, as @fate has it. */
static void cut(enum rec_which file, size_t from, size_t to, enum fate fate)
{
	static size_t list[4096];
	size_t n = 0;
	size_t victim;

	for (size_t i = from; i < to; i++)
		if (rec.ops[i].file == file && rec.ops[i].kind != REC_SYNC && n < 4096)
			list[n++] = i;
	if (!n || fate == NONE)
		return;
	victim = fate == LAST_LOST || fate == LAST_TORN ? n - 1 : rnd((unsigned int)n);
	for (size_t i = 0; i < n; i++) {
		const struct rec_op *op = &rec.ops[list[i]];
		int torn = fate == ANY ? rnd(3) == 0
				       : i == victim && (fate == LAST_TORN || fate == ONE_TORN);
		int lost = fate == ANY ? rnd(3) == 0
				       : i == victim && (fate == LAST_LOST || fate == ONE_LOST);

		if (torn && op->kind == REC_WRITE)
			apply_torn(&seen[file], op);
		else if (!torn && !lost)
			image_apply(&seen[file], op, 0, op->size);
	}
}

static int count_segment(const struct bw_segment *s, void *arg, struct bw_err *err)
{
	(void)s;
	(void)err;
	++*(unsigned int *)arg;
	return 0;
}

static int count_hold(const struct bw_vf_hold *h, void *arg, struct bw_err *err)
{
	(void)err;
	/* What is there is whole. */
	assert_true(h->record[0] == '{' && h->record[strlen(h->record) - 1] == '}');
	++*(unsigned int *)arg;
	return 0;
}

static void finding(const char *text, void *arg)
{
	(void)snprintf(arg, 512, "%s", text);
}

static void verify(const char *dir, size_t at, enum fate fate)
{
	struct bw_journal *j = NULL;
	struct bw_err err = { 0 };
	char text[512] = "";
	unsigned int got = 0;
	unsigned int holds = 0;
	unsigned int want = 0;
	char path[512];

	(void)snprintf(path, sizeof(path), "%s/journal.db-shm", dir);
	(void)unlink(path);
	for (size_t i = 0; i < REC_FILES_; i++)
		image_store(&seen[i], dir, names[i]);
	for (size_t i = 0; i < n_acks; i++)
		if (acks[i].at <= at)
			want = acks[i].n;
	if (bw_journal_open(dir, 0, &j, &err) < 0)
		fail_msg("cut at %zu, fate %d: %s", at, fate, err.msg);
	if (bw_journal_check(j, finding, text, &err) != 0)
		fail_msg("cut at %zu, fate %d: %s %s", at, fate, text, err.msg);
	if (bw_journal_segment_each(j, NULL, count_segment, &got, &err) < 0 || got < want)
		fail_msg("cut at %zu, fate %d: %u of %u FULL commits survived", at, fate, got,
			 want);
	if (bw_journal_vf_each(j, count_hold, &holds, &err) < 0 || holds < want)
		fail_msg("cut at %zu, fate %d: %u of %u VF holds survived", at, fate, holds, want);
	bw_journal_close(&j);
}

static void put_segment(const char *dir, unsigned int n)
{
	struct bw_segment s = { .bridge = "br0", .vlan = n };
	struct bw_vf_hold *h = new_hold("", "c1");
	struct bw_journal *j = NULL;
	struct bw_err err = { 0 };

	assert_int_equal(bw_journal_open(dir, 0, &j, &err), 0);
	assert_int_equal(bw_journal_segment_put(j, &s, &err), 0);
	(void)snprintf(h->pci, sizeof(h->pci), "0000:01:10.%u", n);
	assert_int_equal(bw_journal_vf_take(j, h, NULL, &err), 0);
	acks[n_acks].at = rec.n;
	acks[n_acks++].n = n;
	bw_journal_close(&j);
	free(h);
}

/* ADDs and DELs as a runtime starts them, with a FULL commit now and then, over two checkpoints. */
static void work(const char *dir)
{
	struct call c = { .dir = dir, .ipam = POOL };
	char cid[16];
	unsigned int full = 0;

	c.cid = cid;
	for (int i = 0; i < 24; i++) {
		(void)snprintf(cid, sizeof(cid), "c%d", i);
		if (ipam_add(&c)->r < 0)
			fail_msg("ADD %d", i);
		if (i % 3 == 2) {
			(void)snprintf(cid, sizeof(cid), "c%d", i - 1);
			assert_int_equal(ipam_del(&c)->r, 1);
		}
		if (i % 4 == 1)
			put_segment(dir, ++full);
	}
}

/* Cuts the power at every write of what was recorded. Return: how many syncs there were. */
static size_t cut_everywhere(const char *other)
{
	size_t synced[REC_FILES_] = { 0 };
	size_t syncs = 0;

	for (size_t k = 0; k <= rec.n; k++) {
		for (int fate = 0; fate < FATES_; fate++) {
			for (int f = 0; f < REC_FILES_; f++) {
				image_copy(&seen[f], &durable[f]);
				cut((enum rec_which)f, synced[f], k, (enum fate)fate);
			}
			verify(other, k, (enum fate)fate);
		}
		if (k < rec.n && rec.ops[k].kind == REC_SYNC) {
			enum rec_which f = rec.ops[k].file;

			for (size_t i = synced[f]; i < k; i++)
				if (rec.ops[i].file == f)
					image_apply(&durable[f], &rec.ops[i], 0, rec.ops[i].size);
			synced[f] = k;
			syncs++;
		}
	}
	print_message("# %zu writes, %zu syncs, %zu power cuts\n", rec.n, syncs,
		      (rec.n + 1) * FATES_);
	return syncs;
}

/* Makes the folder the cuts are looked at in. */
static void begin(const char *dir, char other[256])
{
	(void)snprintf(other, 256, "%s/cut", dir);
	assert_int_equal(mkdir(other, 0700), 0);
	n_acks = 0;
	for (int f = 0; f < REC_FILES_; f++)
		image_load(&durable[f], dir, names[f]);
	rec_install();
	rec.recording = 1;
}

static void power_cut_at_every_write_leaves_a_sound_journal(void **state)
{
	const char *dir = *state;
	char other[256];
	struct bw_journal *j = NULL;
	struct bw_err err = { 0 };

	assert_int_equal(bw_journal_open(dir, BW_JOURNAL_F_CREATE, &j, &err), 0);
	bw_journal_close(&j);
	begin(dir, other);
	work(dir);
	rec.recording = 0;
	assert_true(cut_everywhere(other) >= 8);
	assert_true(rec.n > 300);
	rec_remove();
}

/* The table for VFs comes whole or not at all, and what an old program wrote stays. */
static void power_cut_while_an_old_journal_is_brought_up(void **state)
{
	const char *dir = *state;
	struct call c = { .dir = dir, .ipam = POOL, .cid = "old" };
	char other[256];

	assert_int_equal(ipam_add(&c)->r, 0);
	make_old(dir);
	begin(dir, other);
	c.cid = "new";
	assert_int_equal(ipam_add(&c)->r, 0);
	put_segment(dir, 1);
	put_segment(dir, 2);
	rec.recording = 0;
	assert_true(cut_everywhere(other) >= 3);
	c.dir = other;
	c.cid = "old";
	assert_int_equal(ipam_del(&c)->r, 1);
	rec_remove();
}

static size_t count_syncs(void)
{
	size_t n = 0;

	for (size_t i = 0; i < rec.n; i++)
		n += rec.ops[i].kind == REC_SYNC;
	return n;
}

/* The two kinds of commit are what they are called. */
static void only_full_commits_sync(void **state)
{
	const char *dir = *state;
	struct bw_segment s = { .bridge = "br0" };
	struct bw_journal *j = NULL;
	struct bw_err err = { 0 };

	rec_install();
	assert_int_equal(bw_journal_open(dir, BW_JOURNAL_F_CREATE, &j, &err), 0);
	/* The log's header is synced when it is written first. */
	assert_int_equal(bw_journal_segment_put(j, &s, &err), 0);
	rec.recording = 1;
	assert_int_equal(bw_journal_begin(j, BW_JOURNAL_NORMAL, &err), 0);
	assert_int_equal(bw_journal_segment_put(j, &s, &err), 0);
	assert_int_equal(bw_journal_commit(j, &err), 0);
	assert_int_equal(count_syncs(), 0);
	assert_int_equal(bw_journal_begin(j, BW_JOURNAL_FULL, &err), 0);
	assert_int_equal(bw_journal_segment_put(j, &s, &err), 0);
	assert_int_equal(bw_journal_commit(j, &err), 0);
	assert_int_equal(count_syncs(), 1);
	bw_journal_close(&j);
	rec_remove();
}

static void assert_sound(const char *dir)
{
	struct bw_journal *j = NULL;
	struct bw_err err = { 0 };
	char text[512] = "";

	assert_int_equal(bw_journal_open(dir, 0, &j, &err), 0);
	if (bw_journal_check(j, finding, text, &err) != 0)
		fail_msg("%s %s", text, err.msg);
	bw_journal_close(&j);
}

static void full_disk_at_every_write_leaves_nothing_half_done(void **state)
{
	struct call c = { .dir = *state, .ipam = POOL, .cid = "first" };
	unsigned int refused = 0;
	char cid[16];

	assert_int_equal(ipam_add(&c)->r, 0);
	rec_install();
	c.cid = cid;
	for (int i = 0; i < 60; i++) {
		const struct outcome *out;

		(void)snprintf(cid, sizeof(cid), "c%d", i);
		rec.budget = i % 30;
		out = ipam_add(&c);
		rec.budget = -1;
		if (out->r < 0) {
			refused++;
			assert_int_equal(out->r, -ENOSPC);
			assert_int_equal(out->err.class, BW_ERR_BUSY);
			assert_non_null(strstr(out->err.msg, "no space left"));
		}
		assert_sound(*state);
		/* DEL copes with whatever there is; with no room at all it says try again. */
		rec.budget = 0;
		out = ipam_del(&c);
		rec.budget = -1;
		if (out->r < 0)
			assert_int_equal(out->err.class, BW_ERR_BUSY);
		out = ipam_del(&c);
		assert_true(out->r >= 0);
		assert_sound(*state);
	}
	assert_true(refused > 10);
	rec_remove();
	c.cid = "last";
	c.args = "IP=10.1.0.200";
	assert_non_null(strstr(ipam_add(&c)->ips, "10.1.0.200/24 fd00::"));
}

#define in_dir(f) cmocka_unit_test_setup_teardown(f, make_dir, drop_dir)

int main(void)
{
	const struct CMUnitTest tests[] = {
		in_dir(power_cut_at_every_write_leaves_a_sound_journal),
		in_dir(power_cut_while_an_old_journal_is_brought_up),
		in_dir(only_full_commits_sync),
		in_dir(full_disk_at_every_write_leaves_nothing_half_done),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
