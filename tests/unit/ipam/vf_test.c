/* SPDX-License-Identifier: Apache-2.0 */
/* VF holds: one holder at a time, taken over from the dead by compare and swap. */
#include "failalloc.h"
#include "vf.h"

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

/* Everything an ADD and its DEL do with a hold; the n-th allocation of it fails. */
static int all_of_it(const char *dir, struct bw_vf_hold *a, struct bw_vf_hold *b)
{
	struct bw_journal *j = NULL;
	char got[1024] = "";
	int r = bw_journal_open(dir, 0, &j, &err);

	if (r == 0)
		r = bw_journal_vf_take(j, a, NULL, &err);
	if (r == 0)
		r = bw_journal_vf_record(j, a, &err);
	if (r >= 0)
		r = bw_journal_vf_of(j, a->container_id, "eth0", list, got, &err);
	if (r == 0)
		r = bw_journal_vf_retake(j, a->id, b, &err);
	if (r == 1)
		r = bw_journal_vf_state(j, b->pci, b->id, BW_VF_HOLD_LIVE, &err);
	if (r == 1)
		r = bw_journal_vf_drop(j, b->pci, b->container_id, "eth0", b->id, &err);
	bw_journal_close(&j);
	return r;
}

static void every_failed_allocation_is_said(void **state)
{
	struct bw_vf_hold *a = new_hold(VF_A, "c1");
	struct bw_vf_hold *b = new_hold(VF_A, "c2");
	struct bw_journal *j = open_new(state);
	unsigned int refused = 0;
	int failed = FAIL_ALLOC_WORKS;

	for (long n = 0; failed; n++) {
		int r;

		bw_journal_close(&j);
		if (n % 2)
			make_old(*state);
		memset(&err, 0, sizeof(err));
		fail_alloc_start(n);
		r = all_of_it(*state, a, b);
		failed = fail_alloc_stop();
		/* SQLite does without some. */
		assert_true(r == 1 || (failed && r == -ENOMEM && err.msg[0]));
		refused += r < 0;
		j = open_new(state);
		assert_findings(j, 0, "");
		assert_true(bw_journal_vf_drop(j, VF_A, "c1", "eth0", 0, &err) >= 0);
		assert_true(bw_journal_vf_drop(j, VF_A, "c2", "eth0", 0, &err) >= 0);
		assert_all(j, "");
	}
	assert_true(refused > 20 || !FAIL_ALLOC_WORKS);
	bw_journal_close(&j);
	free(b);
	free(a);
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
		in_dir(every_failed_allocation_is_said),
		in_dir(check_finds_holds_that_make_no_sense),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
