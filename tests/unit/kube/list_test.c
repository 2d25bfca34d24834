/* SPDX-License-Identifier: Apache-2.0 */
/* The first sync: everything as a watch, or as a list in pages. One test a rule. */
#include "failalloc.h"
#include "watched.h"

static void the_first_sync_asks_for_everything_as_a_watch(void **state UNUSED)
{
	struct bed b;
	struct fake_call *k;

	make_with(&b, NULL);
	k = watch(&b);
	assert_int_equal(k->flags, BW_KUBE_F_BOOKMARKS | BW_KUBE_F_INITIAL);
	assert_string_equal(k->rv, "");
	assert_string_equal(k->match, "NotOlderThan");
	assert_in_range(k->timeout_ms, 300000, 600000);
	assert_int_equal(fake_event(k, "ADDED", "db", "b", 11, ""), 0);
	assert_int_equal(fake_event(k, "ADDED", "db", "a", 7, ""), 0);
	/* Nothing is shown of a list that is not complete. */
	assert_int_equal(bw_kube_store_count(b.store), 0);
	assert_int_equal(bw_kube_store_synced(b.store), 0);
	assert_string_equal(bw_kube_store_rv(b.store), "");
	assert_int_equal(fake_bookmark(k, 20, 1), 0);
	assert_int_equal(bw_kube_store_synced(b.store), 1);
	assert_string_equal(bw_kube_store_rv(b.store), "20");
	assert_string_equal(b.log, "+a +b ");
	/* The same stream goes on. */
	assert_int_equal(fake_event(k, "MODIFIED", "db", "a", 21, ",\"x\":1"), 0);
	assert_int_equal(fake_event(k, "DELETED", "db", "b", 22, ""), 0);
	assert_string_equal(b.log, "+a +b ~a -b ");
	assert_string_equal(bw_kube_store_rv(b.store), "22");
	assert_int_equal(fake_waiting(&b.f), 1);
	unmake(&b);
}

static void what_changes_during_the_first_events_is_taken_in(void **state UNUSED)
{
	struct bed b;
	struct fake_call *k;

	make_with(&b, NULL);
	k = watch(&b);
	assert_int_equal(fake_event(k, "ADDED", "db", "a", 7, ""), 0);
	assert_int_equal(fake_event(k, "ADDED", "db", "b", 8, ""), 0);
	assert_int_equal(fake_event(k, "MODIFIED", "db", "a", 9, ""), 0);
	assert_int_equal(fake_event(k, "DELETED", "db", "b", 10, ""), 0);
	assert_int_equal(fake_bookmark(k, 20, 1), 0);
	assert_string_equal(b.log, "+a ");
	assert_string_equal(bw_kube_store_get(b.store, "db", "a")->rv, "9");
	unmake(&b);
}

static void a_server_that_does_not_know_it_is_listed_in_pages(void **state UNUSED)
{
	struct bed b;
	struct fake_call *k;

	make_with(&b, NULL);
	fake_end(watch(&b), BW_KUBE_INVALID, 0, NULL);
	k = list(&b);
	assert_int_equal(k->limit, 500);
	assert_string_equal(k->rv, "");
	assert_string_equal(k->match, "");
	assert_int_equal(fake_data(k, "{\"metadata\":{\"resourceVersion\":\"30\",\"continue\":\"c1"
				      "\"},\"items\":[{\"metadata\":{\"namespace\":\"db\",\"na"),
			 0);
	assert_int_equal(fake_data(k, "me\":\"a\",\"uid\":\"1\",\"resourceVersion\":\"5\"}}]}"), 0);
	fake_end(k, BW_KUBE_OK, 0, NULL);
	assert_int_equal(bw_kube_store_count(b.store), 0);
	k = list(&b);
	assert_string_equal(k->cont, "c1");
	assert_int_equal(k->limit, 500);
	assert_int_equal(fake_data(k, "{\"items\":[{\"metadata\":{\"namespace\":\"db\",\"name\":"
				      "\"b\",\"uid\":\"2\",\"resourceVersion\":\"6\"}}],"
				      "\"metadata\":{\"resourceVersion\":\"33\"}}"),
			 0);
	fake_end(k, BW_KUBE_OK, 0, NULL);
	assert_string_equal(b.log, "+a +b ");
	/* The first page's version counts, and the watch begins there. */
	assert_string_equal(bw_kube_store_rv(b.store), "30");
	k = watch(&b);
	assert_string_equal(k->rv, "30");
	assert_int_equal(k->flags, BW_KUBE_F_BOOKMARKS);
	assert_string_equal(k->match, "");
	/* It is remembered: the next sync is a list at once. */
	fake_end(k, BW_KUBE_GONE, 0, NULL);
	(void)until_next(&b, BW_KUBE_LIST);
	assert_null(fake_peek(&b.f, BW_KUBE_WATCH, NULL));
	unmake(&b);
}

static void a_list_that_breaks_off_changes_nothing(void **state UNUSED)
{
	struct bed b;
	struct fake_call *k;

	make_with(&b, NULL);
	fake_end(watch(&b), BW_KUBE_NOT_FOUND, 0, NULL);
	k = list(&b);
	assert_int_equal(fake_data(k, "{\"metadata\":{\"resourceVersion\":\"30\"},\"items\":["), 0);
	fake_end(k, BW_KUBE_OK, 0, NULL); /* "complete", says the transport */
	assert_int_equal(bw_kube_store_synced(b.store), 0);
	assert_in_range(until_next(&b, BW_KUBE_LIST), 800 * MS, 1600 * MS);
	k = list(&b);
	assert_int_equal(fake_data(k, "{\"items\":[]}"), 0); /* no list of a server */
	fake_end(k, BW_KUBE_OK, 0, NULL);
	assert_int_equal(bw_kube_store_synced(b.store), 0);
	unmake(&b);
}

static void a_page_that_is_too_old_starts_over_in_one_piece(void **state UNUSED)
{
	struct bed b;
	struct fake_call *k;

	make_with(&b, NULL);
	fake_end(watch(&b), BW_KUBE_INVALID, 0, NULL);
	k = list(&b);
	assert_int_equal(fake_data(k, "{\"metadata\":{\"resourceVersion\":\"30\",\"continue\":\"c1"
				      "\"},\"items\":[{\"metadata\":{\"namespace\":\"db\",\"name\":"
				      "\"gone\",\"uid\":\"1\",\"resourceVersion\":\"5\"}}]}"),
			 0);
	fake_end(k, BW_KUBE_OK, 0, NULL);
	fake_end(list(&b), BW_KUBE_GONE, 0, NULL);
	k = list(&b);
	assert_int_equal(k->limit, 0);
	assert_string_equal(k->cont, "");
	assert_int_equal(fake_data(k, "{\"metadata\":{\"resourceVersion\":\"40\"},\"items\":[]}"),
			 0);
	fake_end(k, BW_KUBE_OK, 0, NULL);
	assert_int_equal(bw_kube_store_count(b.store), 0);
	assert_string_equal(bw_kube_store_rv(b.store), "40");
	unmake(&b);
}

static void a_throttled_page_is_asked_for_again_not_the_whole_list(void **state UNUSED)
{
	struct bed b;
	struct fake_call *k;

	make_with(&b, NULL);
	fake_end(watch(&b), BW_KUBE_INVALID, 0, NULL);
	k = list(&b);
	assert_int_equal(fake_data(k, "{\"metadata\":{\"resourceVersion\":\"30\",\"continue\":\"c1"
				      "\"},\"items\":[{\"metadata\":{\"namespace\":\"db\",\"name\":"
				      "\"a\",\"uid\":\"1\",\"resourceVersion\":\"5\"}}]}"),
			 0);
	fake_end(k, BW_KUBE_OK, 0, NULL);
	fake_end(list(&b), BW_KUBE_THROTTLED, 1000, NULL);
	assert_in_range(until_next(&b, BW_KUBE_LIST), 1000 * MS, 1500 * MS);
	k = list(&b);
	assert_string_equal(k->cont, "c1");
	assert_int_equal(fake_data(k, "{\"metadata\":{\"resourceVersion\":\"31\"},\"items\":[]}"),
			 0);
	fake_end(k, BW_KUBE_OK, 0, NULL);
	assert_string_equal(b.log, "+a ");
	unmake(&b);
}

static void initial_events_without_an_end_lead_to_lists(void **state UNUSED)
{
	struct bed b;

	make_with(&b, NULL);
	for (unsigned int i = 0; i < 2; i++) {
		(void)until_next(&b, BW_KUBE_WATCH);
		assert_int_equal(fake_event(watch(&b), "ADDED", "db", "a", 7, ""), 0);
		fake_end(watch(&b), BW_KUBE_OK, 0, NULL);
	}
	(void)until_next(&b, BW_KUBE_LIST);
	assert_int_equal(bw_kube_store_count(b.store), 0);
	unmake(&b);
}

static const struct bw_kube_keep uid_alone[] = { { "uid", NULL }, { NULL, NULL } };
static const struct bw_kube_keep keep[] = { { "metadata", uid_alone }, { NULL, NULL } };

static void the_options_reach_the_server_and_the_store(void **state UNUSED)
{
	struct bw_kube_watch_options o = { .namespace = "db",
					   .field_selector = "status.holder.node=n1",
					   .keep = keep };
	struct fake_call *k;
	struct bed b;

	make_with(&b, &o);
	k = watch(&b);
	assert_string_equal(k->namespace, "db");
	assert_string_equal(k->field, "status.holder.node=n1");
	assert_int_equal(fake_event(k, "ADDED", "db", "a", 7, ""), 0);
	assert_int_equal(fake_bookmark(k, 20, 1), 0);
	assert_string_equal(bw_kube_store_get(b.store, "db", "a")->text,
			    "{\"metadata\":{\"uid\":\"uid-a\"}}");
	assert_string_equal(bw_kube_store_get(b.store, "db", "a")->uid, "uid-a");
	unmake(&b);
}

/* Whatever allocation fails, the store gets there by asking again. */
static void every_allocation_may_fail_once(void **state UNUSED)
{
	long n = 0;
	int failed;

	do {
		struct fake_call *k;
		struct bed b;

		make_with(&b, NULL);
		k = watch(&b);
		fail_alloc_start(n++);
		if (fake_event(k, "ADDED", "db", "a", 7, "") == 0)
			(void)fake_bookmark(k, 20, 1);
		failed = fail_alloc_stop();
		if (!bw_kube_store_synced(b.store)) {
			(void)until_next(&b, BW_KUBE_WATCH);
			k = watch(&b);
			assert_true(k->flags & BW_KUBE_F_INITIAL);
			assert_int_equal(fake_event(k, "ADDED", "db", "a", 7, ""), 0);
			assert_int_equal(fake_bookmark(k, 20, 1), 0);
		}
		assert_int_equal(bw_kube_store_synced(b.store), 1);
		assert_string_equal(b.log, "+a ");
		fail_alloc_start(n - 1);
		(void)fake_event(k, "MODIFIED", "db", "a", 21, ",\"x\":1");
		failed |= fail_alloc_stop();
		if (k->state == FAKE_ANSWERED) {
			(void)until_next(&b, BW_KUBE_WATCH);
			k = watch(&b);
			assert_string_equal(k->rv, "20");
			assert_int_equal(fake_event(k, "MODIFIED", "db", "a", 21, ",\"x\":1"), 0);
		}
		assert_string_equal(b.log, "+a ~a ");
		unmake(&b);
	} while (failed);
	assert_true(n > (FAIL_ALLOC_WORKS ? 3 : 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_sync_asks_for_everything_as_a_watch),
		cmocka_unit_test(what_changes_during_the_first_events_is_taken_in),
		cmocka_unit_test(a_server_that_does_not_know_it_is_listed_in_pages),
		cmocka_unit_test(a_list_that_breaks_off_changes_nothing),
		cmocka_unit_test(a_page_that_is_too_old_starts_over_in_one_piece),
		cmocka_unit_test(a_throttled_page_is_asked_for_again_not_the_whole_list),
		cmocka_unit_test(initial_events_without_an_end_lead_to_lists),
		cmocka_unit_test(the_options_reach_the_server_and_the_store),
		cmocka_unit_test(every_allocation_may_fail_once),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
