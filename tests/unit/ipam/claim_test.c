/* SPDX-License-Identifier: Apache-2.0 */
/* Claims in the journal: rows, tokens, acknowledgements, old files, failed allocations. */
#include <bw/journal_claim.h>

#include "failalloc.h"
#include "vf.h"

#define UID "5f1c0000-0000-4000-8000-000000000001"

static struct bw_journal_claim claim(uint64_t token)
{
	struct bw_journal_claim c = { .token = token, .epoch = 7 };

	strcpy(c.uid, UID);
	strcpy(c.iface, "eth0");
	strcpy(c.ns, "db");
	strcpy(c.name, "redis-0");
	strcpy(c.resource_version, "1234");
	strcpy(c.boot_id, BOOT_A);
	c.binding = (char *)(uintptr_t) "{\"a\":1}";
	return c;
}

/* An attachment of the claim, as ADD makes it. */
static int64_t attach(struct bw_journal *j, const char *cid, uint64_t token)
{
	struct bw_attachment *a = calloc(1, sizeof(*a));
	int64_t id = 0;

	if (!a)
		abort();
	strcpy(a->container_id, cid);
	strcpy(a->ifname, "eth0");
	strcpy(a->claim_uid, UID);
	a->token = token;
	assert_ok(bw_journal_attach_insert(j, a, &id, &err));
	free(a);
	return id;
}

static int list_outbox(const struct bw_outbox_row *row, void *arg, struct bw_err *e)
{
	char *out = arg;

	(void)e;
	(void)snprintf(out + strlen(out), 256 - strlen(out), "%s%s %llu%s %s", *out ? ", " : "",
		       bw_outbox_kind_str(row->kind), (unsigned long long)row->token,
		       row->sending ? " sending" : "", row->body);
	return 0;
}

static void assert_outbox(struct bw_journal *j, const char *want)
{
	char got[256] = "";

	assert_ok(bw_journal_outbox_each(j, 0, list_outbox, got, &err));
	assert_string_equal(got, want);
}

static int first_seq(const struct bw_outbox_row *row, void *arg, struct bw_err *e)
{
	(void)e;
	*(int64_t *)arg = row->seq;
	return 1;
}

static int64_t seq_of(struct bw_journal *j)
{
	int64_t seq = 0;

	assert_int_equal(bw_journal_outbox_each(j, 0, first_seq, &seq, &err), 1);
	return seq;
}

static void a_row_is_found_by_uid_and_by_name(void **state)
{
	bw_autoclaim struct bw_journal_claim got = { 0 };
	struct bw_journal *j = open_new(state);
	struct bw_journal_claim c = claim(1);
	struct bw_journal_claim newer = claim(1);

	assert_int_equal(bw_journal_claim_get(j, UID, "eth0", &got, &err), 0);
	assert_int_equal(bw_journal_claim_put(j, &c, &err), 1);
	assert_int_equal(bw_journal_claim_put(j, &c, &err), 0);
	assert_int_equal(bw_journal_claim_get(j, UID, "eth0", &got, &err), 1);
	assert_string_equal(got.ns, "db");
	assert_string_equal(got.name, "redis-0");
	assert_string_equal(got.resource_version, "1234");
	assert_string_equal(got.boot_id, BOOT_A);
	assert_string_equal(got.binding, "{\"a\":1}");
	assert_true(got.token == 1 && got.epoch == 7 && !got.stale);
	bw_journal_claim_done(&got);
	assert_int_equal(bw_journal_claim_get(j, UID, "eth1", &got, &err), 0);
	/* A claim that was made again under the same name is the one that is meant. */
	strcpy(newer.uid, "another");
	assert_int_equal(bw_journal_claim_put(j, &newer, &err), 1);
	assert_int_equal(bw_journal_claim_find(j, "db", "redis-0", "eth0", &got, &err), 1);
	assert_string_equal(got.uid, "another");
	bw_journal_claim_done(&got);
	assert_int_equal(bw_journal_claim_find(j, "other", "redis-0", "eth0", &got, &err), 0);
	assert_int_equal(bw_journal_claim_remove(j, "another", NULL, &err), 1);
	assert_int_equal(bw_journal_claim_remove(j, UID, "eth1", &err), 0);
	assert_int_equal(bw_journal_claim_remove(j, UID, "eth0", &err), 1);
	assert_findings(j, 0, "");
	bw_journal_close(&j);
}

static int count_rows(const struct bw_journal_claim *c, void *arg, struct bw_err *e)
{
	struct bw_journal *j = arg;

	/* A walk may change what it walks. */
	return bw_journal_claim_remove(j, c->uid, c->iface, e) == 1 ? 0 : -1;
}

static void a_walk_sees_each_row_once(void **state)
{
	struct bw_journal *j = open_new(state);
	struct bw_journal_claim c = claim(1);
	bw_autoclaim struct bw_journal_claim got = { 0 };

	for (int i = 0; i < 20; i++) {
		(void)snprintf(c.uid, sizeof(c.uid), "u%d", i / 2);
		(void)snprintf(c.iface, sizeof(c.iface), "eth%d", i % 2);
		assert_int_equal(bw_journal_claim_put(j, &c, &err), 1);
	}
	assert_ok(bw_journal_claim_each(j, "u3", count_rows, j, &err));
	assert_int_equal(bw_journal_claim_get(j, "u3", "eth0", &got, &err), 0);
	assert_int_equal(bw_journal_claim_get(j, "u4", "eth0", &got, &err), 1);
	assert_ok(bw_journal_claim_each(j, NULL, count_rows, j, &err));
	bw_journal_claim_done(&got);
	assert_int_equal(bw_journal_claim_get(j, "u4", "eth0", &got, &err), 0);
	bw_journal_close(&j);
}

static void tokens_never_go_back(void **state)
{
	struct bw_journal *j = open_new(state);
	struct bw_journal_claim c = claim(3);
	struct bw_journal_token t;

	assert_int_equal(bw_journal_claim_put(j, &c, &err), 1);
	c.token = 2;
	assert_int_equal(bw_journal_claim_put(j, &c, &err), -ESTALE);
	assert_int_equal(err.class, BW_ERR_BUSY);
	assert_string_equal(err.msg, "claim db/redis-0: token 2 is older than 3, which this node "
				     "has seen");
	/* Not even when the row went in between. */
	assert_int_equal(bw_journal_claim_remove(j, UID, NULL, &err), 1);
	assert_int_equal(bw_journal_claim_put(j, &c, &err), -ESTALE);
	assert_int_equal(bw_journal_token_get(j, UID, &t, &err), 1);
	assert_true(t.seen == 3 && !t.attached && !t.detached);
	assert_ok(bw_journal_token_forget(j, UID, &err));
	assert_int_equal(bw_journal_token_get(j, UID, &t, &err), 0);
	assert_int_equal(bw_journal_claim_put(j, &c, &err), 1);
	bw_journal_close(&j);
}

static void only_what_is_served_is_taken(void **state)
{
	static const struct {
		uint64_t token;
		const char *boot;
		const char *why;
	} refused[] = {
		{ 2, BOOT_A, "another token" },
		{ 1, BOOT_B, "since this node was started" },
	};
	struct bw_journal *j = open_new(state);
	struct bw_journal_claim c = claim(1);

	assert_int_equal(bw_journal_claim_take(j, UID, "eth0", 1, BOOT_A, &err), -ESTALE);
	assert_non_null(strstr(err.msg, "no longer this node's"));
	assert_int_equal(bw_journal_claim_put(j, &c, &err), 1);
	assert_ok(bw_journal_claim_take(j, UID, "eth0", 1, BOOT_A, &err));
	for (size_t i = 0; i < BW_ARRAY_SIZE(refused); i++) {
		assert_int_equal(bw_journal_claim_take(j, UID, "eth0", refused[i].token,
						       refused[i].boot, &err),
				 -ESTALE);
		assert_int_equal(err.class, BW_ERR_BUSY);
		assert_non_null(strstr(err.msg, refused[i].why));
	}
	assert_int_equal(bw_journal_claim_stale(j, UID, 1, &err), 1);
	assert_int_equal(bw_journal_claim_stale(j, UID, 1, &err), 0);
	assert_int_equal(bw_journal_claim_take(j, UID, "eth0", 1, BOOT_A, &err), -ESTALE);
	assert_non_null(strstr(err.msg, "the cluster has said"));
	assert_int_equal(bw_journal_claim_stale(j, UID, 0, &err), 1);
	assert_ok(bw_journal_claim_take(j, UID, "eth0", 1, BOOT_A, &err));
	bw_journal_close(&j);
}

static void a_token_given_back_is_never_attached_again(void **state)
{
	struct bw_journal *j = open_new(state);
	struct bw_journal_claim c = claim(1);
	int64_t id;

	assert_int_equal(bw_journal_claim_put(j, &c, &err), 1);
	id = attach(j, "c1", 1);
	assert_int_equal(bw_journal_claim_leave(j, UID, 1, "{}", &err), 0); /* c1 is there */
	assert_outbox(j, "");
	assert_int_equal(bw_journal_attach_remove(j, id, 0, &err), 1);
	assert_int_equal(bw_journal_claim_leave(j, UID, 1, "{}", &err), 1);
	assert_int_equal(bw_journal_claim_leave(j, UID, 1, "{}", &err), 0);
	assert_outbox(j, "detached 1 {}");
	/* Made again where it was: nothing has left the node. */
	assert_ok(bw_journal_claim_take(j, UID, "eth0", 1, BOOT_A, &err));
	assert_outbox(j, "");
	assert_int_equal(bw_journal_claim_leave(j, UID, 1, "{}", &err), 1);
	assert_int_equal(bw_journal_outbox_sending(j, seq_of(j), &err), 1);
	assert_outbox(j, "detached 1 sending {}");
	assert_int_equal(bw_journal_claim_take(j, UID, "eth0", 1, BOOT_A, &err), -ESTALE);
	assert_non_null(strstr(err.msg, "is giving it back"));
	assert_int_equal(bw_journal_outbox_sent(j, seq_of(j), &err), 1);
	assert_outbox(j, "");
	assert_int_equal(bw_journal_claim_take(j, UID, "eth0", 1, BOOT_A, &err), -ESTALE);
	assert_non_null(strstr(err.msg, "has given it back"));
	c.epoch++;
	assert_int_equal(bw_journal_claim_put(j, &c, &err), -ESTALE);
	assert_int_equal(bw_journal_claim_leave(j, UID, 1, "{}", &err), 0);
	c.token = 2;
	assert_int_equal(bw_journal_claim_put(j, &c, &err), 1);
	assert_ok(bw_journal_claim_take(j, UID, "eth0", 2, BOOT_A, &err));
	bw_journal_close(&j);
}

static void an_acknowledgement_is_sent_once(void **state)
{
	struct bw_outbox_row row = { .token = 1, .kind = BW_OUTBOX_ATTACHED };
	struct bw_journal *j = open_new(state);
	struct bw_journal_token t;
	char big[BW_OUTBOX_BODY_MAX + 2];

	strcpy(row.uid, UID);
	row.body = (char *)(uintptr_t) "{\"m\":1}";
	assert_int_equal(bw_journal_outbox_put(j, &row, &err), 1);
	assert_int_equal(bw_journal_outbox_put(j, &row, &err), 0);
	assert_outbox(j, "attached 1 {\"m\":1}");
	assert_int_equal(bw_journal_outbox_sent(j, seq_of(j), &err), 1);
	assert_int_equal(bw_journal_outbox_sent(j, 99, &err), 0);
	/* A restart on the same node writes nothing. */
	assert_int_equal(bw_journal_outbox_put(j, &row, &err), 0);
	assert_outbox(j, "");
	assert_int_equal(bw_journal_token_get(j, UID, &t, &err), 1);
	assert_true(t.attached == 1 && !t.detached);
	/* Unless the cluster has lost it. */
	assert_int_equal(bw_journal_outbox_again(j, &row, &err), 1);
	assert_int_equal(bw_journal_outbox_again(j, &row, &err), 0);
	assert_outbox(j, "attached 1 {\"m\":1}");
	assert_int_equal(bw_journal_outbox_sent(j, seq_of(j), &err), 1);
	row.token = 2;
	assert_int_equal(bw_journal_outbox_put(j, &row, &err), 1);
	assert_int_equal(bw_journal_outbox_drop(j, seq_of(j), &err), 1);
	assert_int_equal(bw_journal_outbox_drop(j, 99, &err), 0);
	assert_int_equal(bw_journal_outbox_sending(j, 99, &err), 0);
	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	row.body = big;
	assert_int_equal(bw_journal_outbox_put(j, &row, &err), -E2BIG);
	assert_string_equal(bw_outbox_kind_str(BW_OUTBOX_KIND_MAX_), "unknown");
	bw_journal_close(&j);
}

static void a_binding_that_is_too_long_is_refused(void **state)
{
	struct bw_journal *j = open_new(state);
	struct bw_journal_claim c = claim(1);
	char *big = malloc(BW_CLAIM_BINDING_MAX + 2);

	if (!big)
		abort();
	memset(big, 'x', BW_CLAIM_BINDING_MAX + 1);
	big[BW_CLAIM_BINDING_MAX + 1] = '\0';
	c.binding = big;
	assert_int_equal(bw_journal_claim_put(j, &c, &err), -E2BIG);
	big[BW_CLAIM_BINDING_MAX] = '\0';
	assert_int_equal(bw_journal_claim_put(j, &c, &err), 1);
	bw_journal_close(&j);
	free(big);
}

static void the_cluster_is_remembered(void **state)
{
	struct bw_journal_cluster c = { .epoch = 0xfffffffffffffff0U }, got = { 0 };
	struct bw_journal *j = open_new(state);

	assert_int_equal(bw_journal_cluster_get(j, &got, &err), 0);
	strcpy(c.id, "cluster-1");
	strcpy(c.node_uid, "node-1");
	assert_ok(bw_journal_cluster_put(j, &c, &err));
	bw_journal_close(&j);
	j = open_read(state);
	assert_int_equal(bw_journal_cluster_get(j, &got, &err), 1);
	assert_true(got.epoch == c.epoch);
	assert_string_equal(got.id, "cluster-1");
	assert_string_equal(got.node_uid, "node-1");
	bw_journal_close(&j);
}

static void the_carrier_of_an_uplink_is_remembered_for_one_boot(void **state)
{
	static const char boot[] = "6f1c2f5e-2b61-4b8f-9c0d-0a1b2c3d4e5f";
	struct bw_journal *j = open_new(state);
	uint32_t n = 7;

	assert_int_equal(bw_journal_carrier_get(j, "data0", boot, &n, &err), 0);
	assert_ok(bw_journal_carrier_put(j, "data0", boot, 3, &err));
	assert_ok(bw_journal_carrier_put(j, "data0", boot, 4294967295U, &err));
	bw_journal_close(&j);
	j = open_read(state);
	assert_int_equal(bw_journal_carrier_get(j, "data0", boot, &n, &err), 1);
	assert_true(n == 4294967295U);
	assert_int_equal(bw_journal_carrier_get(j, "data1", boot, &n, &err), 0);
	assert_int_equal(bw_journal_carrier_get(j, "data0", "another-boot", &n, &err), 0);
	bw_journal_close(&j);
}

static void an_old_journal_has_no_claims_until_it_is_written(void **state)
{
	bw_autoclaim struct bw_journal_claim got = { 0 };
	struct bw_journal *j = open_new(state);
	struct bw_journal_claim c = claim(1);
	struct bw_journal_token t;

	bw_journal_close(&j);
	make_old(*state);
	j = open_read(state);
	assert_int_equal(bw_journal_claim_get(j, UID, "eth0", &got, &err), 0);
	assert_int_equal(bw_journal_claim_find(j, "db", "redis-0", "eth0", &got, &err), 0);
	assert_int_equal(bw_journal_token_get(j, UID, &t, &err), 0);
	assert_outbox(j, "");
	assert_findings(j, 0, "");
	bw_journal_close(&j);
	j = open_new(state);
	assert_int_equal(bw_journal_claim_put(j, &c, &err), 1);
	assert_int_equal(bw_journal_claim_find(j, "db", "redis-0", "eth0", &got, &err), 1);
	assert_findings(j, 0, "");
	bw_journal_close(&j);
}

static void repair_keeps_claims_and_acknowledgements(void **state)
{
	struct bw_outbox_row row = { .token = 2, .kind = BW_OUTBOX_DETACHED };
	bw_autoclaim struct bw_journal_claim got = { 0 };
	struct bw_journal_repair done = { 0 };
	struct bw_journal *j = open_new(state);
	struct bw_journal_claim c = claim(3);
	struct bw_journal_token t;
	sqlite3 *db = NULL;
	char path[256];

	assert_int_equal(bw_journal_claim_put(j, &c, &err), 1);
	strcpy(row.uid, UID);
	row.body = (char *)(uintptr_t) "{}";
	assert_int_equal(bw_journal_outbox_put(j, &row, &err), 1);
	bw_journal_close(&j);
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
	assert_int_equal(done.lost, 0);
	j = open_new(state);
	assert_int_equal(bw_journal_claim_get(j, UID, "eth0", &got, &err), 1);
	assert_outbox(j, "detached 2 {}");
	assert_int_equal(bw_journal_token_get(j, UID, &t, &err), 1);
	assert_true(t.seen == 3);
	bw_journal_close(&j);
}

static void check_finds_an_acknowledgement_that_lies(void **state)
{
	struct bw_outbox_row row = { .token = 1, .kind = BW_OUTBOX_DETACHED };
	struct bw_journal *j = open_new(state);

	strcpy(row.uid, UID);
	row.body = (char *)(uintptr_t) "{}";
	assert_int_equal(bw_journal_outbox_put(j, &row, &err), 1);
	assert_findings(j, 0, "");
	(void)attach(j, "c1", 1);
	assert_findings(j, 1, "contradicts a live attachment");
	bw_journal_close(&j);
}

static void failed_allocations_are_reported(void **state)
{
	struct bw_journal *j = open_new(state);
	struct bw_journal_claim c = claim(1);
	long n = 0;
	int failed;

	assert_int_equal(bw_journal_claim_put(j, &c, &err), 1);
	do {
		struct bw_journal_claim got = { 0 };
		int r;

		fail_alloc_start(n++);
		r = bw_journal_claim_get(j, UID, "eth0", &got, &err);
		failed = fail_alloc_stop();
		assert_int_equal(r, failed ? -ENOMEM : 1);
		bw_journal_claim_done(&got);
	} while (failed);
	bw_journal_close(&j);
}

#define in_dir(f) cmocka_unit_test_setup_teardown(f, make_dir, drop_dir)

int main(void)
{
	const struct CMUnitTest tests[] = {
		in_dir(a_row_is_found_by_uid_and_by_name),
		in_dir(a_walk_sees_each_row_once),
		in_dir(tokens_never_go_back),
		in_dir(only_what_is_served_is_taken),
		in_dir(a_token_given_back_is_never_attached_again),
		in_dir(an_acknowledgement_is_sent_once),
		in_dir(a_binding_that_is_too_long_is_refused),
		in_dir(the_cluster_is_remembered),
		in_dir(the_carrier_of_an_uplink_is_remembered_for_one_boot),
		in_dir(an_old_journal_has_no_claims_until_it_is_written),
		in_dir(repair_keeps_claims_and_acknowledgements),
		in_dir(check_finds_an_acknowledgement_that_lies),
		in_dir(failed_allocations_are_reported),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
