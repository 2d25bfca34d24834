/* SPDX-License-Identifier: Apache-2.0 */
/* Conditions: what counts as a change, and when the time moves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <bw/kube_conds.h>

#define UNUSED __attribute__((unused))
#define NOW 1700000000 /* 2023-11-14T22:13:20Z */
#define BEFORE "2020-01-01T00:00:00Z"

static const struct bw_kube_condition bound = { .type = "Bound",
						.status = "True",
						.reason = "Bound",
						.message = "10.0.0.1",
						.observed_generation = 3,
						.last_transition_time = BEFORE };

static void expect(const struct bw_kube_conds *c, const char *want)
{
	bw_autobuild struct bw_json_build b = { 0 };
	bw_autojson struct cJSON *json = NULL;
	bw_autofree char *text = NULL;

	bw_kube_conds_put(c, &b, bw_json_build_object(&b), NOW);
	assert_int_equal(bw_json_build_take(&b, &json, NULL), 0);
	assert_int_equal(bw_json_print(json, 0, &text, NULL), 0);
	assert_string_equal(text, want);
}

static void what_is_said_again_is_no_change(void **state UNUSED)
{
	static struct bw_kube_conds c;

	bw_kube_conds_load(&c, &bound, 1);
	bw_kube_conds_set(&c, "Bound", 1, "Bound", 4, "10.0.0.%d", 1);
	assert_int_equal(c.changed, 0);
	bw_kube_conds_set(&c, "Bound", 1, "Bound", 4, "10.0.0.2");
	assert_int_equal(c.changed, 1);
	assert_string_equal(bw_kube_conds_get(&c, "Bound")->message, "10.0.0.2");
	assert_null(bw_kube_conds_get(&c, "bound"));
}

static void a_part_that_counts_down_is_no_change(void **state UNUSED)
{
	static struct bw_kube_conds c;
	struct bw_kube_condition waits = bound;

	waits.message = "0 of 3 free, next in 20 s";
	bw_kube_conds_load(&c, &waits, 1);
	bw_kube_conds_set(&c, "Bound", 1, "Bound", 4, "0 of 3 free, next in 10 s");
	assert_int_equal(c.changed, 0);
	bw_kube_conds_set(&c, "Bound", 1, "Bound", 4, "1 of 3 free, next in 10 s");
	assert_int_equal(c.changed, 1);
}

static void the_time_moves_with_the_status_alone(void **state UNUSED)
{
	static struct bw_kube_conds c;

	bw_kube_conds_load(&c, &bound, 1);
	bw_kube_conds_set(&c, "Bound", 1, "Other", 4, "m");
	expect(&c, "{\"conditions\":[{\"type\":\"Bound\",\"status\":\"True\",\"reason\":\"Other\","
		   "\"message\":\"m\",\"observedGeneration\":4,\"lastTransitionTime\":\"" BEFORE
		   "\"}]}");
	bw_kube_conds_set(&c, "Bound", 0, "Other", 4, "m");
	expect(&c, "{\"conditions\":[{\"type\":\"Bound\",\"status\":\"False\",\"reason\":\"Other\","
		   "\"message\":\"m\",\"observedGeneration\":4,\"lastTransitionTime\":"
		   "\"2023-11-14T22:13:20Z\"}]}");
}

static void what_no_server_takes_is_not_given_back(void **state UNUSED)
{
	static struct bw_kube_conds c;
	const struct bw_kube_condition all[] = {
		{ .type = "", .status = "True" },
		{ .type = "Odd", .status = "?", .reason = "", .last_transition_time = BEFORE },
		{ .type = NULL },
	};

	bw_kube_conds_load(&c, all, BW_ARRAY_SIZE(all));
	expect(&c, "{\"conditions\":[{\"type\":\"Odd\",\"status\":\"False\",\"reason\":"
		   "\"Unknown\",\"message\":\"\",\"observedGeneration\":0,"
		   "\"lastTransitionTime\":\"" BEFORE "\"}]}");
}

static void there_is_room_for_so_many(void **state UNUSED)
{
	static struct bw_kube_conds c;
	char type[2] = "A";

	bw_kube_conds_load(&c, NULL, 0);
	for (unsigned int i = 0; i < BW_KUBE_CONDS_MAX; i++, type[0]++)
		bw_kube_conds_set(&c, type, 1, "R", 1, "m");
	assert_int_equal(c.n, BW_KUBE_CONDS_MAX);
	bw_kube_conds_set(&c, "Z", 1, "R", 1, "m");
	assert_null(bw_kube_conds_get(&c, "Z"));
	bw_kube_conds_clear(&c, "A");
	bw_kube_conds_clear(&c, "A");
	assert_int_equal(c.n, BW_KUBE_CONDS_MAX - 1);
	bw_kube_conds_set(&c, "Z", 1, "R", 1, "m");
	assert_non_null(bw_kube_conds_get(&c, "Z"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_said_again_is_no_change),
		cmocka_unit_test(a_part_that_counts_down_is_no_change),
		cmocka_unit_test(the_time_moves_with_the_status_alone),
		cmocka_unit_test(what_no_server_takes_is_not_given_back),
		cmocka_unit_test(there_is_room_for_so_many),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
