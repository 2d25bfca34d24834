/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an API server does with writes, stated against the model: names, versions, preconditions,
 * finalizers. Each line here is what a real 1.36 server answers.
 */
#include "server_bed.h"

static void create_gives_uid_version_and_generation_and_drops_status(void **state)
{
	struct got g;

	(void)state;
	create(claim, CLAIM, &g);
	assert_int_equal(g.http, 201);
	assert_int_equal(strlen(meta_of(&g, "uid")), 36);
	assert_string_equal(meta_of(&g, "generation"), "1");
	assert_string_equal(meta_of(&g, "namespace"), "db");
	assert_string_equal(text_of(&g, "status", "phase"), "");
	done_with(g);
}

static void create_of_a_name_that_is_there_is_already_exists(void **state)
{
	struct got g;

	(void)state;
	create(claim, CLAIM, &g);
	done_with(g);
	create(claim, CLAIM, &g);
	assert_int_equal(g.result, BW_KUBE_EXISTS);
	assert_string_equal(g.reason, "AlreadyExists");
	done_with(g);
}

static void create_with_a_resource_version_is_refused(void **state)
{
	struct got g;

	(void)state;
	create(claim, "{\"metadata\":{\"name\":\"a\",\"resourceVersion\":\"7\"}}", &g);
	assert_int_equal(g.http, 500);
	done_with(g);
}

static void an_address_is_named_by_what_it_is(void **state)
{
	struct got g;

	(void)state;
	create(address,
	       "{\"metadata\":{\"name\":\"lan.10-0-0-7\"},\"spec\":{\"domain\":\"lan\",\"address\":"
	       "\"10.0.0.8\"}}",
	       &g);
	assert_int_equal(g.result, BW_KUBE_INVALID);
	assert_int_equal(g.http, 422);
	done_with(g);
}

static void merge_with_a_version_is_a_compare_and_swap(void **state)
{
	struct got g;
	char body[128], rv[32];

	(void)state;
	create(claim, CLAIM, &g);
	(void)snprintf(rv, sizeof(rv), "%s", meta_of(&g, "resourceVersion"));
	done_with(g);
	(void)snprintf(
		body, sizeof(body),
		"{\"metadata\":{\"resourceVersion\":\"%s\"},\"status\":{\"phase\":\"Bound\"}}", rv);
	merge("a", "status", body, &g);
	assert_int_equal(g.http, 200);
	assert_string_not_equal(meta_of(&g, "resourceVersion"), rv);
	done_with(g);
	merge("a", "status", body, &g);
	assert_int_equal(g.result, BW_KUBE_CONFLICT);
	assert_string_equal(g.reason, "Conflict");
	done_with(g);
}

static void merge_with_another_uid_is_a_conflict(void **state)
{
	struct got g;

	(void)state;
	create(claim, CLAIM, &g);
	done_with(g);
	merge("a", "status", "{\"metadata\":{\"uid\":\"x\"},\"status\":{\"phase\":\"Bound\"}}", &g);
	assert_int_equal(g.result, BW_KUBE_CONFLICT);
	done_with(g);
}

static void each_path_writes_its_own_half(void **state)
{
	struct got g;

	(void)state;
	create(claim, CLAIM, &g);
	done_with(g);
	merge("a", "status",
	      "{\"metadata\":{\"labels\":{\"x\":\"y\"}},\"spec\":{\"stickyKey\":\"l\"},\"status\":{"
	      "\"phase\":\"Bound\"}}",
	      &g);
	assert_string_equal(text_of(&g, "status", "phase"), "Bound");
	assert_string_equal(text_of(&g, "spec", "stickyKey"), "k");
	assert_string_equal(meta_of(&g, "generation"), "1");
	assert_null(strstr(g.body.data, "labels"));
	done_with(g);
	merge("a", NULL, "{\"spec\":{\"stickyKey\":\"l\"},\"status\":{\"phase\":\"Failed\"}}", &g);
	assert_string_equal(text_of(&g, "status", "phase"), "Bound");
	assert_string_equal(meta_of(&g, "generation"), "2");
	done_with(g);
}

static void a_write_that_changes_nothing_is_none(void **state)
{
	struct got g;
	uint64_t rv;

	(void)state;
	create(claim, CLAIM, &g);
	done_with(g);
	rv = sim_store_rv(bed.store);
	merge("a", NULL, "{\"spec\":{\"stickyKey\":\"k\"}}", &g);
	assert_int_equal(g.http, 200);
	assert_int_equal(sim_store_rv(bed.store), rv);
	done_with(g);
}

static void null_in_a_merge_deletes_and_lists_are_replaced(void **state)
{
	struct got g;

	(void)state;
	create(claim,
	       "{\"metadata\":{\"name\":\"a\",\"finalizers\":[\"x/y\",\"x/z\"]},\"spec\":{"
	       "\"stickyKey\":\"k\"}}",
	       &g);
	done_with(g);
	merge("a", NULL, "{\"metadata\":{\"finalizers\":[\"x/z\"]},\"spec\":{\"stickyKey\":null}}",
	      &g);
	assert_string_equal(text_of(&g, "spec", "stickyKey"), "");
	assert_null(strstr(g.body.data, "x/y"));
	assert_non_null(strstr(g.body.data, "x/z"));
	done_with(g);
}

static void delete_waits_for_finalizers(void **state)
{
	struct got g;

	(void)state;
	create(claim, "{\"metadata\":{\"name\":\"a\",\"finalizers\":[\"x/y\"]},\"spec\":{}}", &g);
	done_with(g);
	drop("a", NULL, NULL, &g);
	assert_int_equal(g.http, 200);
	assert_string_not_equal(meta_of(&g, "deletionTimestamp"), "");
	assert_string_equal(meta_of(&g, "generation"), "2");
	done_with(g);
	assert_non_null(sim_store_tree(bed.store, SIM_CLAIM, "db", "a"));
	merge("a", NULL, "{\"metadata\":{\"finalizers\":[]}}", &g);
	assert_int_equal(g.http, 200);
	assert_null(sim_store_tree(bed.store, SIM_CLAIM, "db", "a"));
	done_with(g);
}

static void delete_holds_its_preconditions(void **state)
{
	struct got g;
	char uid[64];

	(void)state;
	create(claim, CLAIM, &g);
	(void)snprintf(uid, sizeof(uid), "%s", meta_of(&g, "uid"));
	done_with(g);
	drop("a", "other", NULL, &g);
	assert_int_equal(g.result, BW_KUBE_CONFLICT);
	done_with(g);
	drop("a", uid, "1", &g);
	assert_int_equal(g.result, BW_KUBE_CONFLICT);
	done_with(g);
	drop("a", uid, NULL, &g);
	assert_int_equal(g.http, 200);
	assert_non_null(strstr(g.body.data, "\"Success\""));
	done_with(g);
	drop("a", uid, NULL, &g);
	assert_int_equal(g.result, BW_KUBE_NOT_FOUND);
	done_with(g);
}

static void a_pod_on_a_node_goes_in_two_steps(void **state)
{
	struct bw_kube_request r = { .verb = BW_KUBE_DELETE,
				     .kind = &sim_kinds[SIM_POD].kind,
				     .namespace = "db",
				     .name = "p" };
	struct got g;

	(void)state;
	create(&sim_kinds[SIM_POD].kind,
	       "{\"metadata\":{\"name\":\"p\"},\"spec\":{\"nodeName\":\"n1\"}}", &g);
	done_with(g);
	run(r, &g);
	assert_string_not_equal(meta_of(&g, "deletionTimestamp"), "");
	assert_non_null(sim_store_tree(bed.store, SIM_POD, "db", "p"));
	done_with(g);
	r.grace_s = -1;
	run(r, &g);
	assert_null(sim_store_tree(bed.store, SIM_POD, "db", "p"));
	done_with(g);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(create_gives_uid_version_and_generation_and_drops_status),
		TEST(create_of_a_name_that_is_there_is_already_exists),
		TEST(create_with_a_resource_version_is_refused),
		TEST(an_address_is_named_by_what_it_is),
		TEST(merge_with_a_version_is_a_compare_and_swap),
		TEST(merge_with_another_uid_is_a_conflict),
		TEST(each_path_writes_its_own_half),
		TEST(a_write_that_changes_nothing_is_none),
		TEST(null_in_a_merge_deletes_and_lists_are_replaced),
		TEST(delete_waits_for_finalizers),
		TEST(delete_holds_its_preconditions),
		TEST(a_pod_on_a_node_goes_in_two_steps),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
