/* SPDX-License-Identifier: Apache-2.0 */
/* What a reflector asks for after what came, what the store has then, and when. One test a rule. */
#include "watched.h"

static void a_watch_that_ends_goes_on_at_once_from_where_it_was(void **state UNUSED)
{
	struct bed b;
	struct fake_call *k = live(&b);

	fake_run(&b.f, 2 * S);
	fake_end(k, BW_KUBE_OK, 0, NULL);
	k = watch(&b);
	assert_int_equal(k->at_ns, fake_now(&b.f));
	assert_string_equal(k->rv, "20");
	assert_int_equal(k->flags, BW_KUBE_F_BOOKMARKS);
	assert_int_equal(bw_kube_store_count(b.store), 2);
	unmake(&b);
}

static void very_short_watches_back_off(void **state UNUSED)
{
	struct bed b;
	int64_t min = 800 * MS;

	fake_end(live(&b), BW_KUBE_OK, 0, NULL);
	for (unsigned int i = 0; i < 8; i++) {
		fake_end(watch(&b), BW_KUBE_OK, 0, NULL);
		assert_in_range(until_next(&b, BW_KUBE_WATCH), min, 2 * min);
		min = min * 2 < 30 * S ? min * 2 : 30 * S;
	}
	unmake(&b);
}

static void a_back_off_is_forgotten_after_two_minutes_without(void **state UNUSED)
{
	struct bed b;

	fake_end(live(&b), BW_KUBE_REFUSED, 0, NULL);
	for (unsigned int i = 0; i < 5; i++) {
		(void)until_next(&b, BW_KUBE_LIST);
		fake_end(list(&b), BW_KUBE_REFUSED, 0, NULL);
	}
	assert_true(until_next(&b, BW_KUBE_LIST) > 20 * S);
	probe(&b, 20);
	(void)watch(&b);
	fake_run(&b.f, 121 * S);
	fake_end(watch(&b), BW_KUBE_REFUSED, 0, NULL);
	assert_in_range(until_next(&b, BW_KUBE_LIST), 800 * MS, 1600 * MS);
	unmake(&b);
}

static void bookmarks_move_the_version(void **state UNUSED)
{
	struct bed b;
	struct fake_call *k = live(&b);

	assert_int_equal(fake_bookmark(k, 500, 0), 0);
	assert_string_equal(bw_kube_store_rv(b.store), "500");
	assert_string_equal(b.log, "");
	fake_run(&b.f, 2 * S);
	fake_end(k, BW_KUBE_OK, 0, NULL);
	assert_string_equal(watch(&b)->rv, "500");
	unmake(&b);
}

static void a_version_that_is_gone_resyncs_and_the_store_stays_readable(void **state UNUSED)
{
	struct bed b;
	struct fake_call *k = live(&b);

	fake_run(&b.f, 2 * S);
	fake_end(k, BW_KUBE_GONE, 0, NULL);
	assert_int_equal(bw_kube_store_count(b.store), 2);
	/* First with what we have seen; and when that is gone too, with whatever there is. */
	k = watch(&b);
	assert_true(k->flags & BW_KUBE_F_INITIAL);
	assert_string_equal(k->rv, "20");
	fake_end(k, BW_KUBE_GONE, 0, NULL);
	k = watch(&b);
	assert_true(k->flags & BW_KUBE_F_INITIAL);
	assert_string_equal(k->rv, "");
	assert_int_equal(fake_event(k, "ADDED", "db", "b", 25, ",\"x\":1"), 0);
	assert_int_equal(fake_event(k, "ADDED", "db", "c", 26, ""), 0);
	assert_string_equal(b.log, "");
	assert_int_equal(fake_bookmark(k, 30, 1), 0);
	assert_string_equal(b.log, "-a ~b +c ");
	assert_int_equal(b.r.watch.syncs[BW_KUBE_SYNC_EXPIRED], 1);
	unmake(&b);
}

static void an_error_line_of_410_is_the_same_as_an_answer_of_410(void **state UNUSED)
{
	struct bed b;
	struct fake_call *k = live(&b);

	fake_run(&b.f, 2 * S);
	assert_true(fake_data(k, "{\"type\":\"ERROR\",\"object\":{\"kind\":\"Status\",\"code\":410,"
				 "\"reason\":\"Expired\",\"message\":\"too old resource version\"}}"
				 "\n") < 0);
	k = watch(&b);
	assert_true(k->flags & BW_KUBE_F_INITIAL);
	assert_string_equal(k->rv, "20");
	unmake(&b);
}

static void error_lines_of_500_keep_the_version_for_a_minute(void **state UNUSED)
{
	struct bed b;
	struct fake_call *k = live(&b);
	int64_t since = fake_now(&b.f);

	for (;;) {
		assert_true(fake_data(k, "{\"type\":\"ERROR\",\"object\":{\"code\":500}}\n") < 0);
		(void)until_next(&b, BW_KUBE_WATCH);
		k = watch(&b);
		if (k->flags & BW_KUBE_F_INITIAL)
			break;
		assert_string_equal(k->rv, "20");
		assert_true(fake_now(&b.f) - since < 180 * S);
	}
	assert_true(fake_now(&b.f) - since > 60 * S);
	assert_int_equal(bw_kube_store_count(b.store), 2);
	unmake(&b);
}

static void a_server_that_is_away_costs_no_list_but_of_one_object(void **state UNUSED)
{
	struct bed b;

	fake_end(live(&b), BW_KUBE_REFUSED, 0, NULL);
	for (unsigned int i = 0; i < 30; i++) {
		assert_true(until_next(&b, BW_KUBE_LIST) >= 800 * MS);
		if (i % 3 == 0) {
			probe(&b, 20 + i);
			assert_string_equal(watch(&b)->rv, "20");
			assert_false(watch(&b)->flags & BW_KUBE_F_INITIAL);
			fake_end(watch(&b), BW_KUBE_REFUSED, 0, NULL);
		} else {
			fake_end(list(&b), i & 1 ? BW_KUBE_UNKNOWN : BW_KUBE_REFUSED, 0, NULL);
		}
	}
	assert_int_equal(bw_kube_store_count(b.store), 2);
	assert_string_equal(b.log, "");
	unmake(&b);
}

struct went_back {
	const struct bed *b;
	int n;
	char log[512]; /* what had been told by then */
};

static void on_back(void *arg)
{
	struct went_back *w = arg;

	w->n++;
	(void)snprintf(w->log, sizeof(w->log), "%s", w->b->log); /* cut is fine, ignoring */
}

static void a_server_that_went_back_is_read_anew(void **state UNUSED)
{
	struct fake_call *k;
	struct bed b;
	struct went_back w = { .b = &b, .log = "none" };
	struct fake_call *first = live(&b);

	assert_int_equal(bw_kube_store_on_back(b.store, on_back, &w, NULL), 0);
	fake_end(first, BW_KUBE_UNKNOWN, 0, NULL);
	(void)until_next(&b, BW_KUBE_LIST);
	probe(&b, 19);
	k = watch(&b);
	assert_true(k->flags & BW_KUBE_F_INITIAL);
	assert_string_equal(k->rv, "");
	assert_int_equal(bw_kube_store_count(b.store), 2);
	assert_int_equal(fake_event(k, "ADDED", "db", "a", 5, ""), 0);
	assert_int_equal(fake_bookmark(k, 9, 1), 0);
	assert_string_equal(b.log, "-b ");
	assert_string_equal(bw_kube_store_rv(b.store), "9");
	assert_int_equal(b.r.watch.syncs[BW_KUBE_SYNC_TOO_NEW], 1);
	/* Told once, and before anything of the older state was. */
	assert_int_equal(w.n, 1);
	assert_string_equal(w.log, "");
	unmake(&b);
}

/* The server has caught up with what was seen, so nothing else would show that it went back. */
static void what_is_forced_is_the_newest_there_is_and_nothing_of_before(void **state UNUSED)
{
	struct bed b;
	struct fake_call *first = live(&b);
	struct fake_call *k;

	assert_true(fake_data(first, "{\"type\":\"MODIFIED\",") >= 0);
	bw_kube_reflector_force(&b.r);
	assert_int_equal(first->state, FAKE_CANCELLED);
	assert_int_equal(bw_kube_store_count(b.store), 2);
	assert_in_range(until_next(&b, BW_KUBE_WATCH), 0, 510 * MS);
	k = watch(&b);
	assert_true(k->flags & BW_KUBE_F_INITIAL);
	assert_string_equal(k->rv, "");
	assert_string_equal(k->match, "NotOlderThan");
	assert_int_equal(fake_event(k, "ADDED", "db", "b", 21, ",\"x\":1"), 0);
	assert_int_equal(fake_event(k, "ADDED", "db", "c", 22, ""), 0);
	assert_true(b.r.watch.forced);
	assert_string_equal(b.log, "");
	assert_int_equal(fake_bookmark(k, 30, 1), 0);
	assert_string_equal(b.log, "-a ~b +c ");
	assert_false(b.r.watch.forced);
	assert_int_equal(b.r.watch.syncs[BW_KUBE_SYNC_FORCED], 1);
	/* From here as ever: a watch that ends goes on. */
	fake_run(&b.f, 2 * S);
	fake_end(k, BW_KUBE_OK, 0, NULL);
	assert_string_equal(watch(&b)->rv, "30");
	unmake(&b);
}

/* In whatever state it is found, and whatever comes between, it ends with such a list. */
static void what_is_forced_outlives_every_trouble(void **state UNUSED)
{
	static const enum bw_kube_result troubles[] = { BW_KUBE_REFUSED,      BW_KUBE_UNKNOWN,
							BW_KUBE_GONE,         BW_KUBE_TOO_NEW,
							BW_KUBE_THROTTLED,    BW_KUBE_FORBIDDEN,
							BW_KUBE_UNAUTHORIZED, BW_KUBE_OK };
	struct bed b;
	struct fake_call *k = live(&b);

	/* While it waits to ask how far the server is. */
	fake_end(k, BW_KUBE_REFUSED, 0, NULL);
	bw_kube_reflector_force(&b.r);
	for (size_t i = 0; i < BW_ARRAY_SIZE(troubles); i++) {
		(void)until_next(&b, BW_KUBE_WATCH);
		k = watch(&b);
		assert_true(k->flags & BW_KUBE_F_INITIAL);
		assert_string_equal(k->rv, "");
		fake_end(k, troubles[i], troubles[i] == BW_KUBE_THROTTLED ? 1000 : 0, NULL);
		assert_true(b.r.watch.forced);
	}
	/* While it lists anew already: that may have begun before. */
	(void)until_next(&b, BW_KUBE_WATCH);
	assert_int_equal(fake_event(watch(&b), "ADDED", "db", "never", 9, ""), 0);
	bw_kube_reflector_force(&b.r);
	(void)until_next(&b, BW_KUBE_WATCH);
	/* A server without such watches is asked for a list, which is consistent without a version.
	 */
	fake_end(watch(&b), BW_KUBE_INVALID, 0, NULL);
	k = list(&b);
	assert_string_equal(k->rv, "");
	assert_int_equal(fake_data(k, "{\"metadata\":{\"resourceVersion\":\"25\"},\"items\":[]}"),
			 0);
	fake_end(k, BW_KUBE_OK, 0, NULL);
	assert_false(b.r.watch.forced);
	assert_string_equal(b.log, "-a -b ");
	assert_string_equal(watch(&b)->rv, "25");
	unmake(&b);
}

/* How long the question would have waited that goes out after a wake. */
static int64_t woken_after(struct bed *b)
{
	bw_kube_reflector_wake(&b->r);
	return until_next(b, BW_KUBE_LIST);
}

static void who_waits_for_a_server_that_is_found_waits_no_longer(void **state UNUSED)
{
	struct bed b;

	fake_end(live(&b), BW_KUBE_REFUSED, 0, NULL);
	for (unsigned int i = 0; i < 8; i++) {
		(void)until_next(&b, BW_KUBE_LIST);
		fake_end(list(&b), i & 1 ? BW_KUBE_UNKNOWN : BW_KUBE_REFUSED, 0, NULL);
	}
	assert_in_range(woken_after(&b), 0, 510 * MS);
	/* It goes on as if the time had come: who fails again waits as long as before. */
	fake_end(list(&b), BW_KUBE_REFUSED, 0, NULL);
	assert_true(until_next(&b, BW_KUBE_LIST) >= 30 * S);
	/* What is under way is left alone, and so is what the server itself has put off. */
	bw_kube_reflector_wake(&b.r);
	probe(&b, 20);
	fake_end(watch(&b), BW_KUBE_THROTTLED, 20000, NULL);
	bw_kube_reflector_wake(&b.r);
	assert_in_range(until_next(&b, BW_KUBE_WATCH), 20 * S, 30 * S);
	unmake(&b);
}

static void a_version_that_is_too_new_lists_whatever_there_is(void **state UNUSED)
{
	struct bed b;
	struct fake_call *k = live(&b);

	fake_run(&b.f, 2 * S);
	fake_end(k, BW_KUBE_OK, 0, NULL);
	fake_end(watch(&b), BW_KUBE_TOO_NEW, 1000, NULL);
	assert_in_range(until_next(&b, BW_KUBE_WATCH), 800 * MS, 1600 * MS);
	k = watch(&b);
	assert_true(k->flags & BW_KUBE_F_INITIAL);
	assert_string_equal(k->rv, "");
	/* A restored server has gone back; what it has counts. */
	assert_int_equal(fake_event(k, "ADDED", "db", "a", 5, ""), 0);
	assert_int_equal(fake_bookmark(k, 9, 1), 0);
	assert_string_equal(b.log, "-b ");
	assert_string_equal(bw_kube_store_rv(b.store), "9");
	assert_string_equal(bw_kube_store_get(b.store, "db", "a")->rv, "5");
	unmake(&b);
}

static void throttling_waits_as_the_server_says(void **state UNUSED)
{
	struct bed b;

	fake_end(live(&b), BW_KUBE_THROTTLED, 7000, NULL);
	assert_in_range(until_next(&b, BW_KUBE_WATCH), 7 * S, 10500 * MS);
	fake_end(watch(&b), BW_KUBE_REFUSED, 0, NULL);
	/* It was no failure: the first back-off is the first one. */
	assert_in_range(until_next(&b, BW_KUBE_LIST), 800 * MS, 1600 * MS);
	unmake(&b);
}

static void a_watch_of_which_nothing_is_heard_is_dead(void **state UNUSED)
{
	struct bed b;
	struct fake_call *k = live(&b);

	fake_run(&b.f, 60 * S);
	assert_int_equal(fake_bookmark(k, 21, 0), 0);
	fake_run(&b.f, 129 * S);
	assert_int_equal(k->state, FAKE_WAITING);
	fake_run(&b.f, 1 * S);
	assert_int_equal(k->state, FAKE_CANCELLED);
	assert_in_range(until_next(&b, BW_KUBE_LIST), 0, 1600 * MS);
	probe(&b, 21);
	assert_string_equal(watch(&b)->rv, "21");
	unmake(&b);
}

static void without_bookmarks_a_watch_may_be_silent_until_its_end(void **state UNUSED)
{
	struct bed b;
	struct fake_call *k;

	make_with(&b, NULL);
	fake_end(watch(&b), BW_KUBE_INVALID, 0, NULL);
	k = list(&b);
	assert_int_equal(fake_data(k, "{\"metadata\":{\"resourceVersion\":\"30\"},\"items\":[]}"),
			 0);
	fake_end(k, BW_KUBE_OK, 0, NULL);
	k = watch(&b);
	fake_run(&b.f, (int64_t)k->timeout_ms * MS + 4 * S);
	assert_int_equal(k->state, FAKE_WAITING);
	fake_run(&b.f, 1 * S);
	assert_int_equal(k->state, FAKE_CANCELLED);
	unmake(&b);
}

static void a_missed_deletion_is_told_when_the_name_comes_back(void **state UNUSED)
{
	struct bed b;
	struct fake_call *k = live(&b);

	assert_int_equal(fake_data(k, "{\"type\":\"MODIFIED\",\"object\":{\"metadata\":{"
				      "\"namespace\":\"db\",\"name\":\"a\",\"uid\":\"another\","
				      "\"resourceVersion\":\"22\"}}}\n"),
			 0);
	assert_string_equal(b.log, "-a +a ");
	assert_string_equal(bw_kube_store_get(b.store, "db", "a")->uid, "another");
	unmake(&b);
}

static void added_and_modified_are_taken_as_what_they_are(void **state UNUSED)
{
	struct bed b;
	struct fake_call *k = live(&b);

	assert_int_equal(fake_event(k, "ADDED", "db", "a", 21, ",\"x\":1"), 0);
	assert_int_equal(fake_event(k, "MODIFIED", "db", "n", 22, ""), 0);
	assert_int_equal(fake_event(k, "DELETED", "db", "unknown", 23, ""), 0);
	assert_int_equal(fake_event(k, "LATER", "db", "unknown", 24, ""), 0);
	assert_string_equal(b.log, "~a +n ");
	unmake(&b);
}

static void a_change_of_the_version_alone_is_not_told(void **state UNUSED)
{
	struct bed b;
	struct fake_call *k = live(&b);

	assert_int_equal(fake_event(k, "MODIFIED", "db", "a", 21, ""), 0);
	assert_string_equal(b.log, "");
	assert_string_equal(bw_kube_store_get(b.store, "db", "a")->rv, "21");
	unmake(&b);
}

static void a_line_that_is_no_json_is_a_fault_and_loses_nothing(void **state UNUSED)
{
	struct bed b;
	struct fake_call *k = live(&b);

	assert_true(fake_data(k, "{\"type\":\"ADDED\",\"object\":{\"metadata\":{}}}\n") < 0);
	assert_in_range(until_next(&b, BW_KUBE_WATCH), 800 * MS, 1600 * MS);
	assert_string_equal(watch(&b)->rv, "20");
	assert_int_equal(fake_data(watch(&b), "{\"type\":\"MOD"), 0);
	assert_true(fake_data(watch(&b), "IFIED\"}\n") < 0);
	(void)until_next(&b, BW_KUBE_WATCH);
	assert_true(fake_data(watch(&b), "no json at all\n") < 0);
	assert_int_equal(bw_kube_store_count(b.store), 2);
	unmake(&b);
}

static void equal_seeds_ask_at_equal_times(void **state UNUSED)
{
	int64_t at[2][20];

	for (unsigned int run = 0; run < 2; run++) {
		struct bed b;

		make_with(&b, NULL);
		for (unsigned int i = 0; i < 20; i++) {
			(void)until_next(&b, BW_KUBE_WATCH);
			at[run][i] = watch(&b)->at_ns;
			fake_end(watch(&b), BW_KUBE_REFUSED, 0, NULL);
		}
		unmake(&b);
	}
	assert_memory_equal(at[0], at[1], sizeof(at[0]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_watch_that_ends_goes_on_at_once_from_where_it_was),
		cmocka_unit_test(very_short_watches_back_off),
		cmocka_unit_test(a_back_off_is_forgotten_after_two_minutes_without),
		cmocka_unit_test(bookmarks_move_the_version),
		cmocka_unit_test(a_version_that_is_gone_resyncs_and_the_store_stays_readable),
		cmocka_unit_test(an_error_line_of_410_is_the_same_as_an_answer_of_410),
		cmocka_unit_test(error_lines_of_500_keep_the_version_for_a_minute),
		cmocka_unit_test(a_server_that_is_away_costs_no_list_but_of_one_object),
		cmocka_unit_test(a_server_that_went_back_is_read_anew),
		cmocka_unit_test(what_is_forced_is_the_newest_there_is_and_nothing_of_before),
		cmocka_unit_test(what_is_forced_outlives_every_trouble),
		cmocka_unit_test(who_waits_for_a_server_that_is_found_waits_no_longer),
		cmocka_unit_test(a_version_that_is_too_new_lists_whatever_there_is),
		cmocka_unit_test(throttling_waits_as_the_server_says),
		cmocka_unit_test(a_watch_of_which_nothing_is_heard_is_dead),
		cmocka_unit_test(without_bookmarks_a_watch_may_be_silent_until_its_end),
		cmocka_unit_test(a_missed_deletion_is_told_when_the_name_comes_back),
		cmocka_unit_test(added_and_modified_are_taken_as_what_they_are),
		cmocka_unit_test(a_change_of_the_version_alone_is_not_told),
		cmocka_unit_test(a_line_that_is_no_json_is_a_fault_and_loses_nothing),
		cmocka_unit_test(equal_seeds_ask_at_equal_times),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
