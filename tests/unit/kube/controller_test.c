/* SPDX-License-Identifier: Apache-2.0 */
/* Which keys run when: leadership, back-off, parking, priorities, deadlines, the stop. */
#include "bed.h"

static void a_failure_backs_off_and_events_do_not_shorten_it(void **state UNUSED)
{
	struct bed b;

	start(&b, 1);
	b.plan = plan_fail;
	for (unsigned int i = 0; i < 60; i++)
		fake_run(&b.f, 1 * S);
	/* 10 ms doubled: a minute has room for 13 tries or 14. */
	assert_in_range(b.runs, 12, 15);
	b.runs = 0;
	for (unsigned int i = 0; i < 10; i++) {
		assert_int_equal(fake_event(b.claim_watch, "MODIFIED", "db", "a", 30 + i,
					    i & 1 ? ",\"x\":1" : ",\"x\":2"),
				 0);
		fake_run(&b.f, 1 * S);
	}
	assert_in_range(b.runs, 0, 1);
	unmake(&b);
}

static void a_change_of_the_spec_ends_a_back_off_once(void **state UNUSED)
{
	struct bed b;
	const char *line = "{\"type\":\"MODIFIED\",\"object\":{\"metadata\":{\"namespace\":\"db\","
			   "\"name\":\"a\",\"uid\":\"uid-a\",\"resourceVersion\":\"40\","
			   "\"generation\":2}}}\n";

	start(&b, 1);
	b.plan = plan_fail;
	fake_run(&b.f, 60 * S);
	b.runs = 0;
	assert_int_equal(fake_data(b.claim_watch, line), 0);
	fake_run(&b.f, 0);
	assert_int_equal(b.runs, 1);
	assert_int_equal(fake_event(b.claim_watch, "MODIFIED", "db", "a", 41, ""), 0);
	unmake(&b);
}

static void a_fact_ends_a_back_off(void **state UNUSED)
{
	struct bed b;

	start(&b, 1);
	b.plan = plan_fail;
	fake_run(&b.f, 60 * S);
	b.runs = 0;
	assert_int_equal(bw_controller_enqueue(b.c, "db", "a", BW_KEY_DEPENDENT), 0);
	fake_run(&b.f, 0);
	assert_int_equal(b.runs, 0);
	assert_int_equal(bw_controller_enqueue(b.c, "db", "a", BW_KEY_FACT), 0);
	fake_run(&b.f, 0);
	assert_int_equal(b.runs, 1);
	unmake(&b);
}

static void a_terminal_error_parks_until_the_generation_changes(void **state UNUSED)
{
	struct fake_call *w;
	struct bed b;
	const char *line = "{\"type\":\"MODIFIED\",\"object\":{\"metadata\":{\"namespace\":\"db\","
			   "\"name\":\"a\",\"uid\":\"uid-a\",\"resourceVersion\":\"40\","
			   "\"generation\":2}}}\n";

	start(&b, 1);
	b.plan = plan_write;
	fake_end(fake_next(&b.f, BW_KUBE_MERGE, NULL), BW_KUBE_INVALID, 0, NULL);
	fake_run(&b.f, 3600 * S);
	/* An hour without a bookmark: the watch was cancelled, the server is asked how far it is.
	 */
	w = fake_next(&b.f, BW_KUBE_LIST, "networkclaims");
	assert_int_equal(fake_data(w, "{\"metadata\":{\"resourceVersion\":\"20\"},\"items\":[]}"),
			 0);
	fake_end(w, BW_KUBE_OK, 0, NULL);
	assert_int_equal(b.runs, 1);
	assert_non_null(strstr(fake_next(&b.f, BW_KUBE_CREATE, "events")->body, "WriteRejected"));
	assert_int_equal(bw_controller_enqueue(b.c, "db", "a", BW_KEY_OBJECT), 0);
	fake_run(&b.f, 60 * S);
	assert_int_equal(b.runs, 1);
	assert_true(counter(&b, "controller_runtime_terminal_reconcile_errors_total"
				"{controller=\"claims\"} ") == 1);
	b.claim_watch = fake_next(&b.f, BW_KUBE_WATCH, "networkclaims");
	assert_int_equal(fake_data(b.claim_watch, line), 0);
	fake_run(&b.f, 0);
	assert_int_equal(b.runs, 2);
	unmake(&b);
}

static void throttling_is_no_failure(void **state UNUSED)
{
	struct bed b;

	start(&b, 1);
	b.plan = plan_write_once;
	fake_end(fake_next(&b.f, BW_KUBE_MERGE, NULL), BW_KUBE_THROTTLED, 2000, NULL);
	fake_run(&b.f, 1999 * MS);
	assert_int_equal(b.runs, 1);
	fake_run(&b.f, 1001 * MS); /* at most half as much on top */
	assert_int_equal(b.runs, 2);
	assert_true(counter(&b, "controller_runtime_reconcile_errors_total"
				"{controller=\"claims\"} ") == 0);
	unmake(&b);
}

static void again_runs_at_once_and_done_leaves_the_rest_out(void **state UNUSED)
{
	struct bed b;

	start(&b, 1);
	b.plan = plan_write_once;
	b.next = BW_PLAN_AGAIN;
	fake_wrote(fake_next(&b.f, BW_KUBE_MERGE, NULL), "a", 10);
	fake_run(&b.f, 0);
	assert_int_equal(b.runs, 2);
	unmake(&b);
	start(&b, 1);
	b.plan = plan_write_once;
	b.next = BW_PLAN_DONE;
	fake_end(fake_next(&b.f, BW_KUBE_MERGE, NULL), BW_KUBE_UNKNOWN, 0, NULL);
	fake_run(&b.f, 60 * S);
	assert_int_equal(b.runs, 1);
	unmake(&b);
}

static void a_plan_that_takes_too_long_is_cut_and_its_judge_learns_of_it(void **state UNUSED)
{
	struct bed b;
	struct fake_call *w;

	start(&b, 1);
	b.plan = plan_write_once;
	b.next = BW_PLAN_FAIL;
	w = fake_next(&b.f, BW_KUBE_MERGE, NULL);
	fake_run(&b.f, 60 * S);
	assert_int_equal(w->state, FAKE_CANCELLED);
	assert_int_equal(b.judged, 1);
	assert_int_equal(b.last, BW_KUBE_UNKNOWN);
	fake_run(&b.f, 1 * S);
	assert_int_equal(b.runs, 2);
	unmake(&b);
}

static void nothing_runs_without_leadership(void **state UNUSED)
{
	struct bed b;

	make(&b, 0);
	sync_stores(&b, 3);
	fake_run(&b.f, 60 * S);
	assert_int_equal(b.runs, 0);
	bw_kube_runtime_lead(b.rt, 1);
	fake_run(&b.f, 0);
	assert_int_equal(b.runs, 3);
	unmake(&b);
}

static int plan_two_writes(struct bed *b, const char *name, struct bw_kube_object *o,
			   struct bw_plan *p)
{
	(void)plan_write(b, name, o, p);
	return plan_write(b, name, o, p);
}

static void lost_leadership_ends_a_plan_with_the_request_in_flight(void **state UNUSED)
{
	struct bed b;
	struct fake_call *w;

	start(&b, 1);
	b.plan = plan_two_writes;
	w = fake_next(&b.f, BW_KUBE_MERGE, NULL);
	bw_kube_runtime_lead(b.rt, 0);
	fake_wrote(w, "a", 22);
	fake_run(&b.f, 5 * S);
	assert_null(fake_peek(&b.f, BW_KUBE_MERGE, NULL));
	assert_int_equal(b.runs, 1);
	unmake(&b);
}

static void nothing_runs_before_all_stores_are_synced(void **state UNUSED)
{
	struct bed b;

	make(&b, 0);
	bw_kube_runtime_lead(b.rt, 1);
	fake_run(&b.f, 100 * MS);
	b.claim_watch = fake_next(&b.f, BW_KUBE_WATCH, "networkclaims");
	assert_int_equal(fake_event(b.claim_watch, "ADDED", "db", "a", 10, ""), 0);
	assert_int_equal(fake_bookmark(b.claim_watch, 20, 1), 0);
	fake_run(&b.f, 1 * S);
	assert_int_equal(b.runs, 0);
	assert_int_equal(fake_bookmark(fake_next(&b.f, BW_KUBE_WATCH, "networkaddresses"), 20, 1),
			 0);
	fake_run(&b.f, 0);
	assert_int_equal(b.runs, 1);
	unmake(&b);
}

static void only_so_many_keys_run_at_once(void **state UNUSED)
{
	struct bed b;

	make(&b, 2);
	sync_stores(&b, 5);
	b.plan = plan_write;
	bw_kube_runtime_lead(b.rt, 1);
	fake_run(&b.f, 0);
	assert_int_equal(b.runs, 2);
	fake_wrote(fake_next(&b.f, BW_KUBE_MERGE, NULL), "a", 10);
	fake_run(&b.f, 0);
	assert_int_equal(b.runs, 3);
	assert_string_equal(b.keys, "a b c ");
	unmake(&b);
}

static void what_changed_goes_before_the_initial_list(void **state UNUSED)
{
	struct bed b;

	make(&b, 1);
	sync_stores(&b, 3);
	assert_int_equal(fake_event(b.claim_watch, "ADDED", "db", "z", 30, ""), 0);
	bw_kube_runtime_lead(b.rt, 1);
	fake_run(&b.f, 0);
	assert_string_equal(b.keys, "z a b c ");
	unmake(&b);
}

static void a_key_that_always_writes_slows_down(void **state UNUSED)
{
	struct bed b;
	unsigned int rv = 100;

	start(&b, 1);
	b.plan = plan_write;
	for (int64_t end = fake_now(&b.f) + 60 * S; fake_now(&b.f) < end;) {
		struct fake_call *w = fake_peek(&b.f, BW_KUBE_MERGE, NULL);

		if (!w) {
			assert_int_equal(fake_bookmark(b.claim_watch, rv, 0), 0);
			fake_run(&b.f, 10 * MS);
			continue;
		}
		fake_wrote(w, "a", ++rv);
	}
	assert_in_range(b.runs, 20, 100);
	unmake(&b);
}

static int plan_later(struct bed *b UNUSED, const char *name UNUSED,
		      struct bw_kube_object *o UNUSED, struct bw_plan *p)
{
	bw_plan_requeue_after(p, 30000);
	bw_plan_requeue_after(p, 60000);
	return 0;
}

static void requeue_after_is_kept(void **state UNUSED)
{
	struct bed b;

	start(&b, 1);
	b.plan = plan_later;
	fake_run(&b.f, 29999 * MS);
	assert_int_equal(b.runs, 1);
	fake_run(&b.f, 1 * MS);
	assert_int_equal(b.runs, 2);
	assert_true(counter(&b, "controller_runtime_reconcile_total{controller=\"claims\","
				"result=\"requeue_after\"} ") == 2);
	unmake(&b);
}

static void on_stopped(void *arg)
{
	struct bed *b = arg;

	b->stopped++;
}

static void a_stop_waits_for_what_runs_and_takes_nothing_new(void **state UNUSED)
{
	struct bed b;
	struct fake_call *w;

	start(&b, 1);
	b.plan = plan_write_once;
	w = fake_next(&b.f, BW_KUBE_MERGE, NULL);
	bw_kube_runtime_stop(b.rt, 20000, on_stopped, &b);
	assert_int_equal(bw_controller_enqueue(b.c, "db", "q", BW_KEY_FACT), 0);
	fake_run(&b.f, 5 * S);
	assert_int_equal(b.stopped, 0);
	fake_wrote(w, "a", 22);
	fake_run(&b.f, 0);
	assert_int_equal(b.stopped, 1);
	assert_int_equal(b.runs, 1);
	fake_run(&b.f, 60 * S);
	assert_int_equal(b.stopped, 1);
	unmake(&b);
}

static void a_stop_does_not_wait_for_ever(void **state UNUSED)
{
	struct bed b;

	start(&b, 1);
	b.plan = plan_write_once;
	(void)fake_next(&b.f, BW_KUBE_MERGE, NULL);
	bw_kube_runtime_stop(b.rt, 20000, on_stopped, &b);
	fake_run(&b.f, 20 * S);
	assert_int_equal(b.stopped, 1);
	unmake(&b);
}

static void keys_that_need_nothing_are_forgotten(void **state UNUSED)
{
	struct bed b;

	start(&b, 3);
	fake_run(&b.f, 1 * S);
	assert_int_equal(b.runs, 3);
	assert_null(bw_kube_queue_first(&b.c->queue));
	assert_int_equal(bw_kube_runtime_idle(b.rt), 1);
	unmake(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_failure_backs_off_and_events_do_not_shorten_it),
		cmocka_unit_test(a_change_of_the_spec_ends_a_back_off_once),
		cmocka_unit_test(a_fact_ends_a_back_off),
		cmocka_unit_test(a_terminal_error_parks_until_the_generation_changes),
		cmocka_unit_test(throttling_is_no_failure),
		cmocka_unit_test(again_runs_at_once_and_done_leaves_the_rest_out),
		cmocka_unit_test(a_plan_that_takes_too_long_is_cut_and_its_judge_learns_of_it),
		cmocka_unit_test(nothing_runs_without_leadership),
		cmocka_unit_test(lost_leadership_ends_a_plan_with_the_request_in_flight),
		cmocka_unit_test(nothing_runs_before_all_stores_are_synced),
		cmocka_unit_test(only_so_many_keys_run_at_once),
		cmocka_unit_test(what_changed_goes_before_the_initial_list),
		cmocka_unit_test(a_key_that_always_writes_slows_down),
		cmocka_unit_test(requeue_after_is_kept),
		cmocka_unit_test(a_stop_waits_for_what_runs_and_takes_nothing_new),
		cmocka_unit_test(a_stop_does_not_wait_for_ever),
		cmocka_unit_test(keys_that_need_nothing_are_forgotten),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
