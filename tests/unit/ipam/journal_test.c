/* SPDX-License-Identifier: Apache-2.0 */
/* The journal's file: made, opened, refused, damaged, repaired; its rows and runs. */
#include <sqlite3.h>

#include <fcntl.h>

#include "help.h"

static struct bw_journal *open_new(void **state)
{
	struct bw_journal *j = NULL;
	struct bw_err err = { 0 };

	if (bw_journal_open(*state, BW_JOURNAL_F_CREATE, &j, &err) < 0)
		fail_msg("%s", err.msg);
	return j;
}

static int64_t attach(struct bw_journal *j, const char *cid)
{
	struct bw_attachment *a = calloc(1, sizeof(*a));
	struct bw_err err = { 0 };
	int64_t id = 0;

	assert_non_null(a);
	(void)snprintf(a->container_id, sizeof(a->container_id), "%s", cid);
	strcpy(a->ifname, "eth0");
	strcpy(a->network, "n1");
	strcpy(a->program, "test");
	strcpy(a->boot_id, BOOT_A);
	if (bw_journal_attach_insert(j, a, &id, &err) < 0)
		fail_msg("%s", err.msg);
	free(a);
	return id;
}

static int hold(struct bw_journal *j, int64_t id, const char *ip)
{
	struct bw_journal_addr row = { .domain = "d", .prefix_len = 24, .attachment = id };
	struct bw_err err = { 0 };

	assert_int_equal(bw_ip_parse(ip, &row.ip), 0);
	strcpy(row.key, "k");
	return bw_journal_addr_insert(j, &row, &err);
}

static void note(const char *text, void *arg)
{
	char *out = arg;

	(void)snprintf(out + strlen(out), 1024 - strlen(out), "%s\n", text);
}

static void assert_sound(struct bw_journal *j)
{
	char findings[1024] = "";
	struct bw_err err = { 0 };
	int r = bw_journal_check(j, note, findings, &err);

	if (r)
		fail_msg("%d %s %s", r, findings, err.msg);
}

static void sql(void **state, const char *text)
{
	sqlite3 *db = NULL;
	char path[256];
	char *msg = NULL;
	int one = 1;

	(void)snprintf(path, sizeof(path), "%s/journal.db", (char *)*state);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	(void)sqlite3_file_control(db, "main", SQLITE_FCNTL_PERSIST_WAL, &one);
	if (sqlite3_exec(db, text, NULL, NULL, &msg) != SQLITE_OK)
		fail_msg("%s", msg);
	(void)sqlite3_close(db);
}

static void damage(void **state, off_t at, const char *bytes, size_t n)
{
	char path[256];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/journal.db", (char *)*state);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, bytes, n, at), n);
	close(fd);
}

static void file_is_made_whole_and_private(void **state)
{
	struct bw_journal *j = open_new(state);
	char path[256];
	struct stat st;

	assert_sound(j);
	(void)snprintf(path, sizeof(path), "%s/journal.db", (char *)*state);
	assert_string_equal(bw_journal_path(j), path);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	bw_journal_close(&j);
	bw_journal_close(&j);
	bw_journal_close(NULL);
}

static void missing_file_is_not_made_unasked(void **state)
{
	struct bw_journal *j = NULL;
	struct bw_err err = { 0 };

	assert_int_equal(bw_journal_open(*state, 0, &j, &err), -ENOENT);
	assert_non_null(strstr(err.msg, "there is no "));
	assert_int_equal(bw_journal_open("/nonexistent/x", 0, &j, &err), -ENOENT);
	assert_int_equal(bw_journal_open("relative", 0, &j, &err), -EINVAL);
	assert_int_equal(err.class, BW_ERR_INVALID);
	assert_null(j);
}

static void log_of_a_deleted_file_is_not_replayed(void **state)
{
	struct bw_journal *j = open_new(state);
	struct bw_err err = { 0 };
	struct bw_attachment *a = calloc(1, sizeof(*a));
	char path[256];

	attach(j, "c1");
	bw_journal_close(&j);
	(void)snprintf(path, sizeof(path), "%s/journal.db", (char *)*state);
	assert_int_equal(unlink(path), 0);
	j = open_new(state);
	assert_int_equal(bw_journal_attach_get(j, "c1", "eth0", a, &err), 0);
	assert_sound(j);
	bw_journal_close(&j);
	free(a);
}

static void log_stays_when_the_last_process_leaves(void **state)
{
	struct bw_journal *j = open_new(state);
	char path[256];
	struct stat st;

	attach(j, "c1");
	bw_journal_close(&j);
	(void)snprintf(path, sizeof(path), "%s/journal.db-wal", (char *)*state);
	assert_int_equal(stat(path, &st), 0);
	assert_true(st.st_size > 0);
}

/* One process after another, as a runtime starts them: the log must not grow without bound. */
static void log_stays_small(void **state)
{
	char path[256];
	struct stat st;
	off_t most = 0;

	for (int i = 0; i < 120; i++) {
		struct bw_journal *j = open_new(state);
		char cid[16];

		(void)snprintf(cid, sizeof(cid), "c%d", i);
		attach(j, cid);
		bw_journal_close(&j);
		(void)snprintf(path, sizeof(path), "%s/journal.db-wal", (char *)*state);
		assert_int_equal(stat(path, &st), 0);
		most = st.st_size > most ? st.st_size : most;
	}
	assert_true(most < 200 * 4120);
}

static void newer_major_is_refused_by_name(void **state)
{
	struct bw_journal *j = open_new(state);
	struct bw_journal_repair done;
	struct bw_err err = { 0 };

	bw_journal_close(&j);
	sql(state, "PRAGMA user_version=1651966464"); /* 0x62770200 */
	assert_int_equal(bw_journal_open(*state, BW_JOURNAL_F_CREATE, &j, &err), -EPROTONOSUPPORT);
	assert_non_null(strstr(err.msg, "journal.db has schema version 2.0, this program knows "
					"versions up to 1"));
	assert_int_equal(bw_journal_repair(*state, &done, &err), -EPROTONOSUPPORT);
	sql(state, "PRAGMA user_version=1651966215"); /* 0x62770107: a later minor */
	assert_int_equal(bw_journal_open(*state, 0, &j, &err), 0);
	bw_journal_close(&j);
}

static void later_minor_versions_work(void **state)
{
	struct bw_journal *j = open_new(state);
	struct call c = { .dir = *state, .cid = "c1", .ipam = "\"subnet\":\"10.1.0.0/24\"" };

	bw_journal_close(&j);
	sql(state, "CREATE TABLE later(x); ALTER TABLE attachment ADD COLUMN y; "
		   "ALTER TABLE address ADD COLUMN z TEXT; ALTER TABLE used ADD COLUMN w; "
		   "PRAGMA user_version=1651966217"); /* 0x62770109 */
	assert_ips(ipam_add(&c), "10.1.0.2/24");
	assert_int_equal(ipam_del(&c)->r, 1);
	j = open_new(state);
	assert_sound(j);
	bw_journal_close(&j);
}

static void other_files_are_refused_with_the_remedy(void **state)
{
	struct bw_journal *j = NULL;
	struct bw_err err = { 0 };

	damage(state, 0, "", 0);
	assert_int_equal(bw_journal_open(*state, BW_JOURNAL_F_CREATE, &j, &err), -EBADMSG);
	assert_non_null(strstr(err.msg, "is no barewire journal"));
	assert_non_null(strstr(err.details, "barewire ipam repair --dir "));
	damage(state, 0, "this is no database at all, but long enough to be looked at", 59);
	assert_int_equal(bw_journal_open(*state, BW_JOURNAL_F_CREATE, &j, &err), -EBADMSG);
	assert_int_equal(err.class, BW_ERR_INTERNAL);
}

static void damaged_page_is_reported_and_repair_saves_the_rest(void **state)
{
	static const char junk[512] = { 1 };
	struct bw_journal *j = open_new(state);
	struct bw_attachment *a = calloc(1, sizeof(*a));
	struct bw_journal_repair done = { 0 };
	struct bw_err err = { 0 };
	char cid[16];

	for (int i = 0; i < 200; i++) {
		char ip[32];

		(void)snprintf(cid, sizeof(cid), "c%d", i);
		(void)snprintf(ip, sizeof(ip), "10.0.0.%d", i);
		assert_int_equal(hold(j, attach(j, cid), ip), 0);
	}
	bw_journal_close(&j);
	sql(state, "PRAGMA wal_checkpoint(TRUNCATE)");
	/* The last page is a leaf of one of the tables that grew. */
	damage(state, 4096L * 27, junk, sizeof(junk));
	assert_int_equal(bw_journal_repair(*state, &done, &err), 0);
	assert_true(done.kept[0]);
	assert_int_equal(access(done.kept, R_OK), 0);
	assert_true(done.attachments >= 150);
	assert_true(done.addresses >= 100);
	j = open_new(state);
	assert_sound(j);
	assert_int_equal(bw_journal_attach_get(j, "c0", "eth0", a, &err), 1);
	bw_journal_close(&j);
	free(a);
}

static void repair_makes_a_missing_file_and_replaces_junk(void **state)
{
	struct bw_journal_repair done = { 0 };
	struct bw_journal *j;
	struct bw_err err = { 0 };

	assert_int_equal(bw_journal_repair(*state, &done, &err), 0);
	assert_string_equal(done.kept, "");
	damage(state, 0, "0123456789012345678901234567890123456789", 40);
	assert_int_equal(bw_journal_repair(*state, &done, &err), 0);
	assert_int_equal(done.attachments, 0);
	j = open_new(state);
	assert_sound(j);
	bw_journal_close(&j);
}

static void check_finds_and_repair_mends_broken_runs(void **state)
{
	struct bw_journal *j = open_new(state);
	struct bw_journal_repair done = { 0 };
	char findings[1024] = "";
	struct bw_err err = { 0 };

	assert_int_equal(hold(j, attach(j, "c1"), "10.0.0.1"), 0);
	bw_journal_close(&j);
	sql(state, "DELETE FROM used; INSERT INTO address(domain, ip, prefix_len, attachment, key) "
		   "VALUES('d', x'00000000000000000000ffff0a000002', 24, 4711, 'k')");
	assert_int_equal(bw_journal_open(*state, 0, &j, &err), 0);
	assert_int_equal(bw_journal_check(j, note, findings, &err), 2);
	assert_non_null(strstr(findings, "attachment that does not exist"));
	assert_non_null(strstr(findings, "run 10.0.0.1-10.0.0.2 of domain d"));
	bw_journal_close(&j);
	assert_int_equal(bw_journal_repair(*state, &done, &err), 0);
	assert_string_equal(done.kept, "");
	assert_int_equal(done.addresses, 1);
	assert_int_equal(done.lost, 1);
	j = open_new(state);
	assert_sound(j);
	bw_journal_close(&j);
}

static void runs_follow_addresses_at_the_edges(void **state)
{
	static const char *const ips[] = { "0.0.0.0",
					   "255.255.255.255",
					   "255.255.255.254",
					   "::",
					   "::1",
					   "::fffe:ffff:ffff",
					   "::1:0:0:0",
					   "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" };
	struct bw_journal *j = open_new(state);
	int64_t ids[BW_ARRAY_SIZE(ips)];
	struct bw_err err = { 0 };

	for (size_t i = 0; i < BW_ARRAY_SIZE(ips); i++) {
		ids[i] = attach(j, ips[i]);
		assert_int_equal(hold(j, ids[i], ips[i]), 0);
		assert_int_equal(hold(j, ids[i], ips[i]), -EEXIST);
	}
	assert_sound(j);
	for (size_t i = 0; i < BW_ARRAY_SIZE(ips); i++) {
		assert_int_equal(bw_journal_attach_remove(j, ids[i], 0, &err), 1);
		assert_int_equal(bw_journal_attach_remove(j, ids[i], 0, &err), 0);
	}
	assert_sound(j);
	bw_journal_close(&j);
}

/* Thousands of random changes; after each batch `used` is what `address` says. */
static void runs_follow_addresses_whatever_happens(void **state)
{
	struct bw_journal *j = open_new(state);
	int64_t ids[64] = { 0 };
	struct bw_err err = { 0 };
	unsigned int seed = 4711;

	for (int i = 0; i < 4000; i++) {
		int k;

		seed = seed * 1103515245 + 12345;
		k = (int)(seed >> 16) % 64;
		if (i % 100 == 0)
			assert_int_equal(bw_journal_begin(j, BW_JOURNAL_NORMAL, &err), 0);
		if (ids[k]) {
			assert_int_equal(bw_journal_attach_remove(j, ids[k], 0, &err), 1);
			ids[k] = 0;
		} else {
			char cid[32];
			char ip[32];

			(void)snprintf(cid, sizeof(cid), "c%d-%d", k, i);
			(void)snprintf(ip, sizeof(ip), "10.0.0.%d", k);
			ids[k] = attach(j, cid);
			assert_int_equal(hold(j, ids[k], ip), 0);
		}
		if (i % 100 == 99) {
			assert_int_equal(bw_journal_commit(j, &err), 0);
			assert_sound(j);
		}
	}
	bw_journal_close(&j);
}

static int count_attach(const struct bw_attachment *a, void *arg, struct bw_err *err)
{
	(void)a;
	(void)err;
	++*(int *)arg;
	return 0;
}

static int count_addr(const struct bw_journal_addr *a, void *arg, struct bw_err *err)
{
	(void)a;
	(void)err;
	++*(int *)arg;
	return 0;
}

static void walks_see_every_row_across_batches(void **state)
{
	struct bw_journal *j = open_new(state);
	struct bw_err err = { 0 };
	struct bw_ip ip;
	int n = 0;

	assert_int_equal(bw_journal_begin(j, BW_JOURNAL_NORMAL, &err), 0);
	for (int i = 0; i < 150; i++) {
		char text[32];

		(void)snprintf(text, sizeof(text), "10.0.0.%d", i);
		assert_int_equal(hold(j, attach(j, text), text), 0);
	}
	assert_int_equal(bw_journal_commit(j, &err), 0);
	assert_int_equal(bw_journal_attach_each(j, NULL, count_attach, &n, &err), 0);
	assert_int_equal(n, 150);
	n = 0;
	assert_int_equal(bw_journal_attach_each(j, "n1", count_attach, &n, &err), 0);
	assert_int_equal(n, 150);
	n = 0;
	assert_int_equal(bw_journal_attach_each(j, "n2", count_attach, &n, &err), 0);
	assert_int_equal(n, 0);
	assert_int_equal(bw_journal_addr_each(j, NULL, count_addr, &n, &err), 0);
	assert_int_equal(n, 150);
	n = 0;
	assert_int_equal(bw_journal_addr_each(j, "d", count_addr, &n, &err), 0);
	assert_int_equal(n, 150);
	n = 0;
	assert_int_equal(bw_journal_addr_each(j, "c", count_addr, &n, &err), 0);
	assert_int_equal(n, 0);
	assert_int_equal(bw_ip_parse("10.0.0.7", &ip), 0);
	assert_int_equal(bw_journal_addr_who(j, &ip, count_addr, &n, &err), 0);
	assert_int_equal(n, 1);
	bw_journal_close(&j);
}

static void state_changes_only_from_where_it_is_said(void **state)
{
	struct bw_journal *j = open_new(state);
	int64_t id = attach(j, "c1");
	struct bw_err err = { 0 };

	assert_int_equal(bw_journal_attach_state(j, "c1", "eth0", id, BW_ATTACH_LIVE,
						 BW_ATTACH_DELETING, &err),
			 0);
	assert_int_equal(bw_journal_attach_state(j, "c1", "eth0", id + 1, BW_ATTACH_ADDING,
						 BW_ATTACH_LIVE, &err),
			 0);
	assert_int_equal(
		bw_journal_attach_state(j, "c1", "eth0", 0, BW_ATTACH_ADDING, BW_ATTACH_LIVE, &err),
		1);
	assert_int_equal(bw_journal_attach_state(j, "c1", "eth1", 0, BW_ATTACH_MAX_,
						 BW_ATTACH_DELETING, &err),
			 0);
	assert_string_equal(bw_attach_state_str(BW_ATTACH_LIVE), "Live");
	assert_string_equal(bw_attach_state_str(BW_ATTACH_MAX_), "unknown");
	bw_journal_close(&j);
}

static int sum_vlan(const struct bw_segment *s, void *arg, struct bw_err *err)
{
	(void)err;
	*(unsigned int *)arg += s->vlan + 1000;
	return 0;
}

static void node_tables_keep_what_is_put(void **state)
{
	struct bw_journal *j = open_new(state);
	struct bw_segment s = { .bridge = "br0", .vlan = 5, .uplink = "eth1", .made = 1 };
	struct bw_uplink_original u = { .uplink = "eth1", .bridge = "br0", .step = 1 };
	struct bw_uplink_original got = { 0 };
	struct bw_err err = { 0 };
	unsigned int sum = 0;

	assert_int_equal(bw_journal_segment_put(j, &s, &err), 0);
	assert_int_equal(bw_journal_segment_put(j, &s, &err), 0);
	s.vlan = 0;
	assert_int_equal(bw_journal_segment_put(j, &s, &err), 0);
	assert_int_equal(bw_journal_segment_each(j, "br0", sum_vlan, &sum, &err), 0);
	assert_int_equal(sum, 2005);
	assert_int_equal(bw_journal_segment_remove(j, "br0", 5, &err), 0);
	sum = 0;
	assert_int_equal(bw_journal_segment_each(j, NULL, sum_vlan, &sum, &err), 0);
	assert_int_equal(sum, 1000);
	assert_int_equal(bw_journal_segment_remove(j, "br0", UINT32_MAX, &err), 0);

	u.data = (void *)(uintptr_t) "abc";
	u.size = 3;
	assert_int_equal(bw_journal_uplink_put(j, &u, &err), 0);
	assert_int_equal(bw_journal_uplink_step(j, "eth1", 7, &err), 0);
	assert_int_equal(bw_journal_uplink_step(j, "eth2", 7, &err), -ENOENT);
	assert_int_equal(bw_journal_uplink_get(j, "eth1", &got, &err), 1);
	assert_int_equal(got.step, 7);
	assert_int_equal(got.size, 3);
	assert_memory_equal(got.data, "abc", 3);
	bw_uplink_original_done(&got);
	assert_int_equal(bw_journal_uplink_get_bridge(j, "br0", &got, &err), 1);
	bw_uplink_original_done(&got);
	assert_int_equal(bw_journal_uplink_remove(j, "eth1", &err), 0);
	assert_int_equal(bw_journal_uplink_get(j, "eth1", &got, &err), 0);
	u.size = BW_UPLINK_ORIGINAL_MAX + 1;
	assert_int_equal(bw_journal_uplink_put(j, &u, &err), -E2BIG);
	bw_journal_close(&j);
}

#define in_dir(f) cmocka_unit_test_setup_teardown(f, make_dir, drop_dir)

int main(void)
{
	const struct CMUnitTest tests[] = {
		in_dir(file_is_made_whole_and_private),
		in_dir(missing_file_is_not_made_unasked),
		in_dir(log_of_a_deleted_file_is_not_replayed),
		in_dir(log_stays_when_the_last_process_leaves),
		in_dir(log_stays_small),
		in_dir(newer_major_is_refused_by_name),
		in_dir(later_minor_versions_work),
		in_dir(other_files_are_refused_with_the_remedy),
		in_dir(damaged_page_is_reported_and_repair_saves_the_rest),
		in_dir(repair_makes_a_missing_file_and_replaces_junk),
		in_dir(check_finds_and_repair_mends_broken_runs),
		in_dir(runs_follow_addresses_at_the_edges),
		in_dir(runs_follow_addresses_whatever_happens),
		in_dir(walks_see_every_row_across_batches),
		in_dir(state_changes_only_from_where_it_is_said),
		in_dir(node_tables_keep_what_is_put),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
