/* SPDX-License-Identifier: Apache-2.0 */
/* Read your writes: a key runs again when the cache shows what its plan has done, and not sooner.
 */
#include "bed.h"

static void the_whole_way_from_a_watch_to_a_bound_claim(void **state UNUSED)
{
	struct bed b;

	start(&b, 1);
	b.plan = plan_allocate;
	fake_wrote(fake_next(&b.f, BW_KUBE_CREATE, "networkaddresses"), "lan.10-0-0-1", 21);
	fake_wrote(fake_next(&b.f, BW_KUBE_MERGE, "networkclaims"), "a", 22);
	fake_run(&b.f, 0);
	/* Nothing more before both writes are visible. */
	assert_int_equal(b.runs, 1);
	assert_int_equal(fake_event(b.claim_watch, "MODIFIED", "db", "a", 22,
				    ",\"status\":{\"phase\":\"Bound\"}"),
			 0);
	fake_run(&b.f, 0);
	assert_int_equal(b.runs, 1);
	assert_int_equal(fake_event(b.address_watch, "ADDED", "", "lan.10-0-0-1", 21, ""), 0);
	fake_run(&b.f, 0);
	assert_int_equal(b.runs, 2);
	/* The event is told once all writes are done, of the claim. */
	assert_non_null(strstr(fake_next(&b.f, BW_KUBE_CREATE, "events")->body,
			       "\"reason\":\"Bound\",\"note\":\"has 10.0.0.1\""));
	assert_int_equal(fake_waiting(&b.f), 3); /* two watches and the event: no more writes */
	unmake(&b);
}

static void an_event_before_the_answer_opens_the_gate_too(void **state UNUSED)
{
	struct bed b;
	struct fake_call *w;

	start(&b, 1);
	b.plan = plan_write_once;
	w = fake_next(&b.f, BW_KUBE_MERGE, NULL);
	assert_int_equal(fake_event(b.claim_watch, "MODIFIED", "db", "a", 22, ",\"x\":1"), 0);
	fake_run(&b.f, 0);
	assert_int_equal(b.runs, 1); /* never twice at once */
	fake_wrote(w, "a", 22);
	fake_run(&b.f, 0);
	assert_int_equal(b.runs, 2);
	unmake(&b);
}

static void a_bookmark_opens_the_gate(void **state UNUSED)
{
	struct bed b;

	start(&b, 1);
	b.plan = plan_write_once;
	fake_wrote(fake_next(&b.f, BW_KUBE_MERGE, NULL), "a", 22);
	fake_run(&b.f, 0);
	assert_int_equal(b.runs, 1);
	assert_int_equal(fake_bookmark(b.claim_watch, 30, 0), 0);
	fake_run(&b.f, 0);
	assert_int_equal(b.runs, 2);
	unmake(&b);
}

static void a_gate_that_stays_shut_ends_with_a_live_get(void **state UNUSED)
{
	struct bed b;

	start(&b, 1);
	b.plan = plan_write_once;
	fake_wrote(fake_next(&b.f, BW_KUBE_MERGE, NULL), "a", 22);
	fake_run(&b.f, 9999 * MS);
	assert_null(fake_peek(&b.f, BW_KUBE_GET, NULL));
	fake_run(&b.f, 1 * MS);
	/* A GET that finds nobody does not open it. */
	fake_end(fake_next(&b.f, BW_KUBE_GET, "networkclaims"), BW_KUBE_REFUSED, 0, NULL);
	fake_run(&b.f, 10 * S);
	assert_int_equal(b.runs, 1);
	fake_wrote(fake_next(&b.f, BW_KUBE_GET, "networkclaims"), "a", 22);
	fake_run(&b.f, 0);
	assert_int_equal(b.runs, 2);
	assert_true(counter(&b, "stale_cache_gate_timeouts_total{controller=\"claims\"} ") == 1);
	unmake(&b);
}

static void a_write_that_changes_nothing_is_not_looked_at_again(void **state UNUSED)
{
	struct bed b;

	start(&b, 1);
	b.plan = plan_write;
	fake_wrote(fake_next(&b.f, BW_KUBE_MERGE, NULL), "a", 10);
	fake_run(&b.f, 60 * S);
	assert_int_equal(b.runs, 1);
	unmake(&b);
}

static int plan_delete_once(struct bed *b, const char *name UNUSED, struct bw_kube_object *o UNUSED,
			    struct bw_plan *p)
{
	struct bw_kube_request r = { .verb = BW_KUBE_DELETE,
				     .kind = &addresses,
				     .name = "lan.10-0-0-1",
				     .uid = "uid-lan.10-0-0-1",
				     .grace_s = -1 };

	if (b->runs == 1)
		bw_plan_write(p, &r, NULL, NULL);
	return 0;
}

static void a_delete_waits_until_the_object_has_gone(void **state UNUSED)
{
	struct bed b;

	make(&b, 0);
	sync_stores(&b, 1);
	assert_int_equal(fake_event(b.address_watch, "ADDED", "", "lan.10-0-0-1", 21, ""), 0);
	b.plan = plan_delete_once;
	bw_kube_runtime_lead(b.rt, 1);
	fake_end(fake_next(&b.f, BW_KUBE_DELETE, NULL), BW_KUBE_OK, 0,
		 "{\"kind\":\"Status\",\"status\":\"Success\"}");
	fake_run(&b.f, 1 * S);
	assert_int_equal(b.runs, 1);
	assert_int_equal(fake_event(b.address_watch, "DELETED", "", "lan.10-0-0-1", 25, ""), 0);
	fake_run(&b.f, 0);
	assert_int_equal(b.runs, 2);
	unmake(&b);
}

static void deleting_what_is_not_there_is_no_failure(void **state UNUSED)
{
	struct bed b;

	start(&b, 1);
	b.plan = plan_delete_once;
	fake_end(fake_next(&b.f, BW_KUBE_DELETE, NULL), BW_KUBE_NOT_FOUND, 0, NULL);
	fake_run(&b.f, 60 * S);
	assert_int_equal(b.runs, 1);
	unmake(&b);
}

static int plan_create(struct bed *b, const char *name UNUSED, struct bw_kube_object *o UNUSED,
		       struct bw_plan *p)
{
	if (!bw_kube_store_get(b->addresses, NULL, "lan.10-0-0-1"))
		create_address(p, "lan.10-0-0-1", judge, b);
	return 0;
}

static void a_name_that_is_taken_is_waited_for(void **state UNUSED)
{
	struct bed b;

	start(&b, 1);
	b.plan = plan_create;
	b.next = BW_PLAN_AGAIN;
	fake_end(fake_next(&b.f, BW_KUBE_CREATE, NULL), BW_KUBE_EXISTS, 0, NULL);
	fake_run(&b.f, 1 * S);
	assert_int_equal(b.runs, 1); /* no storm of 409s against a cache that is behind */
	assert_int_equal(fake_event(b.address_watch, "ADDED", "", "lan.10-0-0-1", 21, ""), 0);
	fake_run(&b.f, 0);
	assert_int_equal(b.runs, 2);
	assert_int_equal(b.judged, 1);
	unmake(&b);
}

static void a_conflict_waits_for_the_newer_object(void **state UNUSED)
{
	struct bed b;

	start(&b, 1);
	b.plan = plan_write_once;
	fake_end(fake_next(&b.f, BW_KUBE_MERGE, NULL), BW_KUBE_CONFLICT, 0, NULL);
	fake_run(&b.f, 5 * S);
	assert_int_equal(b.runs, 1);
	assert_int_equal(fake_event(b.claim_watch, "MODIFIED", "db", "a", 23, ",\"x\":1"), 0);
	fake_run(&b.f, 0);
	assert_int_equal(b.runs, 2);
	unmake(&b);
}

/* A new object that a store by label will show is waited for; one that it will not is not. */
static void a_store_by_label_is_waited_for_where_the_label_is(void **state UNUSED)
{
	static const struct {
		const char *selector;
		const char *labels;
		unsigned int runs; /* before the store shows it */
	} all[] = {
		{ "barewire.dev/unit", "{\"barewire.dev/unit\":\"r\"}", 1 },
		{ "barewire.dev/unit", "{\"barewire.dev/other\":\"r\"}", 2 },
		{ "barewire.dev/unit", "{}", 2 },
		{ "barewire.dev/unit=r", "{\"barewire.dev/unit\":\"r\"}", 2 },
	};
	char object[256];
	struct bed b;

	for (size_t i = 0; i < BW_ARRAY_SIZE(all); i++) {
		make_with(&b, 0,
			  &(struct bw_kube_watch_options){ .label_selector = all[i].selector });
		sync_stores(&b, 1);
		bw_kube_runtime_lead(b.rt, 1);
		b.plan = plan_allocate;
		(void)snprintf(
			object, sizeof(object), /* fits, ignoring */
			"{\"metadata\":{\"name\":\"lan.10-0-0-1\",\"resourceVersion\":\"21\","
			"\"labels\":%s}}",
			all[i].labels);
		fake_end(fake_next(&b.f, BW_KUBE_CREATE, "networkaddresses"), BW_KUBE_OK, 0,
			 object);
		fake_wrote(fake_next(&b.f, BW_KUBE_MERGE, "networkclaims"), "a", 22);
		assert_int_equal(fake_event(b.claim_watch, "MODIFIED", "db", "a", 22, ",\"x\":1"),
				 0);
		fake_run(&b.f, 0);
		assert_int_equal(b.runs, all[i].runs);
		assert_int_equal(fake_event(b.address_watch, "ADDED", "", "lan.10-0-0-1", 21, ""),
				 0);
		fake_run(&b.f, 0);
		assert_int_equal(b.runs, 2);
		unmake(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_whole_way_from_a_watch_to_a_bound_claim),
		cmocka_unit_test(an_event_before_the_answer_opens_the_gate_too),
		cmocka_unit_test(a_bookmark_opens_the_gate),
		cmocka_unit_test(a_gate_that_stays_shut_ends_with_a_live_get),
		cmocka_unit_test(a_write_that_changes_nothing_is_not_looked_at_again),
		cmocka_unit_test(a_delete_waits_until_the_object_has_gone),
		cmocka_unit_test(deleting_what_is_not_there_is_no_failure),
		cmocka_unit_test(a_name_that_is_taken_is_waited_for),
		cmocka_unit_test(a_conflict_waits_for_the_newer_object),
		cmocka_unit_test(a_store_by_label_is_waited_for_where_the_label_is),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
