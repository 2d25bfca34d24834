/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an API server tells its readers, stated against the model: lists, streams, selectors,
 * replicas, and the faults between. Each line here is what a real 1.36 server answers.
 */
#include "server_bed.h"

static void make_claims(unsigned int n)
{
	char body[128];
	struct got g;

	for (unsigned int i = 0; i < n; i++) {
		(void)snprintf(body, sizeof(body),
			       "{\"metadata\":{\"name\":\"c%u\",\"labels\":{\"odd\":\"%u\"}},"
			       "\"spec\":{}}",
			       i, i % 2);
		create(claim, body, &g);
		done_with(g);
	}
}

static unsigned int count(const char *text, const char *what)
{
	unsigned int n = 0;

	for (const char *at = text; at && (at = strstr(at, what)); at++)
		n++;
	return n;
}

static void list_comes_in_pages_of_one_version(void **state)
{
	struct bw_kube_request r = { .verb = BW_KUBE_LIST, .kind = claim, .limit = 2 };
	struct got g;
	char cont[64], rv[32];

	(void)state;
	make_claims(3);
	run(r, &g);
	assert_int_equal(count(g.body.data, "\"uid\""), 2);
	(void)snprintf(cont, sizeof(cont), "%s", meta_of(&g, "continue"));
	(void)snprintf(rv, sizeof(rv), "%s", meta_of(&g, "resourceVersion"));
	assert_string_not_equal(cont, "");
	done_with(g);
	make_claims(0);
	create(claim, "{\"metadata\":{\"name\":\"d\"},\"spec\":{}}", &g);
	done_with(g);
	r.cont = cont;
	run(r, &g);
	assert_int_equal(count(g.body.data, "\"uid\""), 1);
	assert_string_equal(meta_of(&g, "resourceVersion"), rv);
	done_with(g);
	sim_store_compact(bed.store, sim_store_rv(bed.store));
	run(r, &g);
	assert_int_equal(g.result, BW_KUBE_GONE);
	done_with(g);
}

static void list_selects_by_labels_and_fields(void **state)
{
	static const struct {
		const char *labels, *fields;
		unsigned int n;
	} table[] = {
		{ "odd=1", NULL, 1 },
		{ "odd!=1", NULL, 2 },
		{ "odd in (0,1)", NULL, 3 },
		{ "odd notin (0)", NULL, 1 },
		{ "odd", NULL, 3 },
		{ "!odd", NULL, 0 },
		{ NULL, "metadata.name=c1", 1 },
		{ NULL, "metadata.name!=c1", 2 },
		{ NULL, "status.holder.node=n1", 0 },
	};
	struct got g;

	(void)state;
	make_claims(3);
	for (size_t i = 0; i < BW_ARRAY_SIZE(table); i++) {
		run((struct bw_kube_request){ .verb = BW_KUBE_LIST,
					      .kind = claim,
					      .label_selector = table[i].labels,
					      .field_selector = table[i].fields },
		    &g);
		assert_int_equal(count(g.body.data, "\"uid\""), table[i].n);
		done_with(g);
	}
	run((struct bw_kube_request){ .verb = BW_KUBE_LIST,
				      .kind = claim,
				      .field_selector = "spec.x=1" },
	    &g);
	assert_int_equal(g.http, 400);
	done_with(g);
}

static void list_of_a_version_to_come_is_too_new(void **state)
{
	struct got g;

	(void)state;
	run((struct bw_kube_request){ .verb = BW_KUBE_LIST,
				      .kind = claim,
				      .resource_version = "99999" },
	    &g);
	assert_int_equal(g.result, BW_KUBE_TOO_NEW);
	done_with(g);
}

static void stream_begins_with_what_there_is_and_a_bookmark(void **state)
{
	struct bw_kube_request r = { .verb = BW_KUBE_WATCH,
				     .kind = claim,
				     .flags = BW_KUBE_F_INITIAL | BW_KUBE_F_BOOKMARKS };
	struct got g, w;

	(void)state;
	make_claims(2);
	begin(&r, &g);
	run_for(S_NS);
	assert_int_equal(count(g.body.data, "\"ADDED\""), 2);
	assert_int_equal(count(g.body.data, "k8s.io/initial-events-end"), 1);
	create(claim, CLAIM, &w);
	done_with(w);
	merge("a", NULL, "{\"spec\":{\"stickyKey\":\"l\"}}", &w);
	done_with(w);
	drop("a", NULL, NULL, &w);
	done_with(w);
	run_for(S_NS);
	assert_int_equal(count(g.body.data, "\"ADDED\""), 3);
	assert_int_equal(count(g.body.data, "\"MODIFIED\""), 1);
	assert_int_equal(count(g.body.data, "\"DELETED\""), 1);
	run_for(70 * S_NS);
	assert_int_equal(count(g.body.data, "\"BOOKMARK\""), 2);
	bw_kube_cancel(&g.call);
	run_for(S_NS);
	assert_int_equal(g.done, 0);
	done_with(g);
}

static void an_object_that_leaves_the_selection_is_deleted_there(void **state)
{
	struct bw_kube_request r = { .verb = BW_KUBE_WATCH,
				     .kind = claim,
				     .flags = BW_KUBE_F_INITIAL,
				     .field_selector = "status.holder.node=n1" };
	struct got g, w;
	char rv[32], want[64];

	(void)state;
	make_claims(1);
	begin(&r, &g);
	merge("c0", "status", "{\"status\":{\"holder\":{\"node\":\"n1\",\"token\":1}}}", &w);
	done_with(w);
	merge("c0", "status", "{\"status\":{\"holder\":{\"node\":\"n2\",\"token\":2}}}", &w);
	(void)snprintf(rv, sizeof(rv), "%s", meta_of(&w, "resourceVersion"));
	done_with(w);
	run_for(S_NS);
	assert_int_equal(count(g.body.data, "\"ADDED\""), 1);
	assert_int_equal(count(g.body.data, "\"MODIFIED\""), 0);
	assert_int_equal(count(g.body.data, "\"DELETED\""), 1);
	assert_int_equal(count(g.body.data, "\"n2\""), 0); /* the last state of the selection */
	(void)snprintf(want, sizeof(want), "\"resourceVersion\":\"%s\"", rv);
	assert_int_equal(count(g.body.data, want), 1);
	bw_kube_cancel(&g.call);
	done_with(g);
}

static void stream_from_a_compacted_version_is_gone(void **state)
{
	struct bw_kube_request r = { .verb = BW_KUBE_WATCH,
				     .kind = claim,
				     .resource_version = "10001" };
	struct got g;

	(void)state;
	make_claims(3);
	sim_store_compact(bed.store, sim_store_rv(bed.store));
	begin(&r, &g);
	run_for(S_NS);
	assert_int_equal(g.done, 1);
	assert_int_equal(g.result, BW_KUBE_GONE);
	done_with(g);
}

static void stream_ends_in_time(void **state)
{
	struct bw_kube_request r = { .verb = BW_KUBE_WATCH, .kind = claim, .timeout_ms = 5000 };
	struct got g;

	(void)state;
	begin(&r, &g);
	run_for(4 * S_NS);
	assert_int_equal(g.done, 0);
	run_for(2 * S_NS);
	assert_int_equal(g.done, 1);
	assert_int_equal(g.result, BW_KUBE_OK);
	done_with(g);
}

static void a_slow_replica_shows_the_past(void **state)
{
	struct bw_kube_request r = { .verb = BW_KUBE_LIST, .kind = claim, .resource_version = "0" };
	struct got g;

	(void)state;
	bed.server.faults.stale = 1000;
	bed.server.replicas[1].lag_ns = 30 * S_NS;
	make_claims(2);
	run(r, &g);
	assert_int_equal(count(g.body.data, "\"uid\""), 0);
	done_with(g);
	r.resource_version = NULL; /* a consistent read */
	run(r, &g);
	assert_int_equal(count(g.body.data, "\"uid\""), 2);
	done_with(g);
	run_for(31 * S_NS);
	r.resource_version = "0";
	run(r, &g);
	assert_int_equal(count(g.body.data, "\"uid\""), 2);
	done_with(g);
}

static void a_lost_answer_leaves_the_write(void **state)
{
	struct got g;

	(void)state;
	bed.server.faults.lose_answer = 1000;
	create(claim, CLAIM, &g);
	assert_int_equal(g.result, BW_KUBE_UNKNOWN);
	assert_int_equal(g.http, 0);
	assert_non_null(sim_store_tree(bed.store, SIM_CLAIM, "db", "a"));
	done_with(g);
}

static void a_late_request_is_carried_out_after_its_time_out(void **state)
{
	struct bw_kube_request r = { .verb = BW_KUBE_CREATE,
				     .kind = claim,
				     .namespace = "db",
				     .body = CLAIM,
				     .body_size = strlen(CLAIM),
				     .timeout_ms = 1000 };
	struct got g;

	(void)state;
	bed.server.faults.late = 1000;
	bed.server.faults.late_ms = 60000;
	run(r, &g);
	assert_int_equal(g.result, BW_KUBE_UNKNOWN);
	assert_null(sim_store_tree(bed.store, SIM_CLAIM, "db", "a"));
	run_for(60 * S_NS);
	assert_non_null(sim_store_tree(bed.store, SIM_CLAIM, "db", "a"));
	done_with(g);
}

static void faults_before_the_commit_do_nothing(void **state)
{
	static const size_t offsets[] = { offsetof(struct sim_faults, refuse),
					  offsetof(struct sim_faults, throttle),
					  offsetof(struct sim_faults, fail_before),
					  offsetof(struct sim_faults, lose_request) };
	static const enum bw_kube_result results[] = { BW_KUBE_REFUSED, BW_KUBE_THROTTLED,
						       BW_KUBE_UNKNOWN, BW_KUBE_UNKNOWN };
	struct got g;

	(void)state;
	for (size_t i = 0; i < BW_ARRAY_SIZE(offsets); i++) {
		const unsigned int always = 1000;

		bed.server.faults = (struct sim_faults){ 0 };
		memcpy((char *)&bed.server.faults + offsets[i], &always, sizeof(always));
		create(claim, CLAIM, &g);
		assert_int_equal(g.result, results[i]);
		assert_null(sim_store_tree(bed.store, SIM_CLAIM, "db", "a"));
		done_with(g);
	}
}

static void a_restore_takes_back_what_came_later(void **state)
{
	struct got g;
	uint64_t rv;

	(void)state;
	make_claims(1);
	rv = sim_store_rv(bed.store);
	create(claim, CLAIM, &g);
	done_with(g);
	merge("c0", NULL, "{\"spec\":{\"stickyKey\":\"later\"}}", &g);
	done_with(g);
	sim_store_restore(bed.store, rv, 0);
	sim_server_break(&bed.server);
	assert_null(sim_store_tree(bed.store, SIM_CLAIM, "db", "a"));
	assert_null(
		strstr(cJSON_GetStringValue(cJSON_GetObjectItem(
			       cJSON_GetObjectItem(sim_store_tree(bed.store, SIM_CLAIM, "db", "c0"),
						   "metadata"),
			       "name")),
		       "later"));
	assert_int_equal(sim_store_rv(bed.store), rv);
	create(claim, CLAIM, &g);
	assert_int_equal(g.http, 201);
	done_with(g);
}

static void a_broken_connection_ends_a_stream(void **state)
{
	struct bw_kube_request r = { .verb = BW_KUBE_WATCH,
				     .kind = claim,
				     .flags = BW_KUBE_F_INITIAL };
	struct got g;

	(void)state;
	begin(&r, &g);
	run_for(S_NS);
	sim_server_break(&bed.server);
	run_for(S_NS);
	assert_int_equal(g.done, 1);
	assert_int_equal(g.result, BW_KUBE_UNKNOWN);
	done_with(g);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(list_comes_in_pages_of_one_version),
		TEST(list_selects_by_labels_and_fields),
		TEST(list_of_a_version_to_come_is_too_new),
		TEST(stream_begins_with_what_there_is_and_a_bookmark),
		TEST(an_object_that_leaves_the_selection_is_deleted_there),
		TEST(stream_from_a_compacted_version_is_gone),
		TEST(stream_ends_in_time),
		TEST(a_slow_replica_shows_the_past),
		TEST(a_lost_answer_leaves_the_write),
		TEST(a_late_request_is_carried_out_after_its_time_out),
		TEST(faults_before_the_commit_do_nothing),
		TEST(a_restore_takes_back_what_came_later),
		TEST(a_broken_connection_ends_a_stream),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
