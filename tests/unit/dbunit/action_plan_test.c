/* SPDX-License-Identifier: Apache-2.0 */
/* One reconcile of a Unit with an action: what its plan says, and what a failed allocation does. */
#include "actbed.h"

#include "storyfail.h"

#define RUNNING(type_, step_)                                                                      \
	"{\"id\":\"1\",\"type\":\"" type_ "\",\"phase\":\"Running\",\"step\":\"" step_             \
	"\",\"fromNode\":\"n1\"}"
#define GOING_BACK                                                                                 \
	"{\"id\":\"1\",\"type\":\"Migrate\",\"phase\":\"Cancelling\",\"step\":\"Start\","          \
	"\"fromNode\":\"n1\"}"
#define DELETE_POD "{\"verb\":\"delete\",\"kind\":\"Pod\""
#define CREATE_POD "{\"verb\":\"create\",\"kind\":\"Pod\""

static const struct {
	const char *status; /* status.action */
	const char *pod; /* annotation of the pod; "" = none, NULL = no pod */
	const char *want; /* the plan says; NULL = nothing */
	const char *not_this; /* and not */
} cases[] = {
	/* The status first: nothing is touched by the plan that begins an action. */
	{ "null", "", "\"step\":\"Stop\"", DELETE_POD },
	{ "null", NULL, "\"step\":\"Start\"", CREATE_POD },
	{ RUNNING("Restart", "Prepare"), "", "\"step\":\"Stop\"", DELETE_POD },
	{ RUNNING("Restart", "Stop"), "", DELETE_POD, CREATE_POD },
	{ RUNNING("Restart", "Start"), "", DELETE_POD, CREATE_POD },
	{ RUNNING("Restart", "Start"), "0", DELETE_POD, CREATE_POD },
	{ RUNNING("Restart", "Stop"), "1", "\"phase\":\"Succeeded\"", DELETE_POD },
	{ RUNNING("Restart", "Stop"), NULL, "\"db.barewire.dev/action\":\"1\"", DELETE_POD },
	{ RUNNING("Restart", "Start"), NULL, "\"db.barewire.dev/action\":\"1\"", DELETE_POD },
	{ RUNNING("Migrate", "Start"), NULL, "\"operator\":\"NotIn\",\"values\":[\"n1\"]",
	  DELETE_POD },
	{ RUNNING("Rebuild", "Stop"), "", DELETE_POD, "retained" },
	{ RUNNING("Rebuild", "Stop"), NULL, "\"db.barewire.dev/retained\":\"1\"", CREATE_POD },
	{ RUNNING("Rebuild", "Prepare"), NULL, "\"step\":\"Start\"", "retained" },
	{ GOING_BACK, "1", DELETE_POD, "Cancelled" },
	{ GOING_BACK, "", "\"phase\":\"Cancelled\"", DELETE_POD },
	{ GOING_BACK, NULL, "\"phase\":\"Cancelled\"", CREATE_POD },
	{ RUNNING("Restart", "Tomorrow"), "", DELETE_POD, CREATE_POD },
	{ "{\"id\":\"1\",\"type\":\"Restart\",\"phase\":\"Succeeded\"}", "", NULL, DELETE_POD },
	{ "{\"id\":\"1\",\"phase\":\"Running\",\"step\":\"s\"}", "", NULL, DELETE_POD },
	{ "{\"id\":\"1\",\"type\":\"Restart\",\"phase\":\"Failed\"}", "", NULL, DELETE_POD },
};

/* What is done to the pod follows from the status and the pod alone. */
static void plans_follow_from_status_and_pod(void **state)
{
	(void)state;
	for (size_t i = 0; i < BW_ARRAY_SIZE(cases); i++) {
		bw_autofree char *plan = NULL;
		char text[512];
		int r;

		if (i) {
			action_begin_again(state);
		}
		make();
		ctl_ipam_lead(u->bed.ipam, 0);
		if (!cases[i].pod) {
			bed_delete(&u->bed, SIM_POD, "db", "r");
		} else if (*cases[i].pod) {
			(void)snprintf(text, sizeof(text),
				       "{\"metadata\":{\"annotations\":{\"db.barewire.dev/"
				       "action\":\"%s\"}}}",
				       cases[i].pod);
			bed_merge(&u->bed, SIM_POD, "db", "r", NULL, text);
		}
		change("{\"spec\":{\"action\":{\"id\":\"1\",\"type\":\"Restart\"}}}");
		(void)snprintf(text, sizeof(text),
			       "{\"status\":{\"observedGeneration\":2,\"action\":%s}}",
			       cases[i].status);
		bed_merge(&u->bed, SIM_UNIT, "db", "r", "status", text);
		bed_run(&u->bed, 1000);
		plan = story_plan(&r);
		assert_int_equal(r, 0);
		if (cases[i].want && !strstr(plan, cases[i].want))
			fail_msg("case %zu: no %s in\n%s", i, cases[i].want, plan);
		if (strstr(plan, cases[i].not_this))
			fail_msg("case %zu: %s in\n%s", i, cases[i].not_this, plan);
		if (!cases[i].want && strstr(plan, "\"action\":"))
			fail_msg("case %zu: an action in\n%s", i, plan);
	}
}

static void a_failed_allocation_plans_nothing_else(void **state)
{
	static const char *const steps[] = { "null", RUNNING("Migrate", "Stop"),
					     RUNNING("Migrate", "Start"),
					     RUNNING("Rebuild", "Start") };

	(void)state;
	make();
	ctl_ipam_lead(u->bed.ipam, 0);
	change("{\"spec\":{\"action\":{\"id\":\"1\",\"type\":\"Migrate\"}}}");
	for (size_t i = 0; i < BW_ARRAY_SIZE(steps); i++) {
		bw_autofree char *want = NULL;
		char text[512];
		int r;

		if (i == 2)
			bed_delete(&u->bed, SIM_POD, "db", "r");
		(void)snprintf(text, sizeof(text),
			       "{\"status\":{\"observedGeneration\":2,\"action\":%s}}", steps[i]);
		bed_merge(&u->bed, SIM_UNIT, "db", "r", "status", text);
		bed_run(&u->bed, 1000);
		want = story_plan(&r);
		assert_int_equal(r, 0);
		story_fail_allocations(want, 50, NULL);
	}
}

/*
 * Of three watches each may be behind the others: a rebuild that is cancelled gives its volume
 * back, whatever the pod's watch shows and whoever has done it already.
 */
static void who_gives_a_volume_back_makes_none(void **state)
{
	static const struct {
		const char *phase;
		int makes;
	} all[] = { { "Cancelling", 0 }, { "Cancelled", 0 }, { "Succeeded", 1 } };

	for (size_t i = 0; i < BW_ARRAY_SIZE(all); i++) {
		bw_autofree char *plan = NULL;
		char text[256];
		int r;

		action_begin_again(state);
		make();
		ctl_ipam_lead(u->bed.ipam, 0);
		bed_merge(&u->bed, SIM_VOLUME, "db", "data-r", NULL,
			  "{\"metadata\":{\"labels\":{\"db.barewire.dev/retained\":\"1\"}}}");
		change("{\"spec\":{\"action\":{\"id\":\"1\",\"type\":\"Rebuild\",\"cancel\":true}}}");
		(void)snprintf(
			text, sizeof(text),
			"{\"status\":{\"observedGeneration\":2,\"action\":{\"id\":\"1\",\"type\":"
			"\"Rebuild\",\"phase\":\"%s\",\"step\":\"Start\"}}}",
			all[i].phase);
		bed_merge(&u->bed, SIM_UNIT, "db", "r", "status", text);
		bed_run(&u->bed, 1000);
		plan = story_plan(&r);
		assert_int_equal(r, 0);
		assert_int_equal(
			strstr(plan, "{\"verb\":\"create\",\"kind\":\"PersistentVolumeClaim\"") !=
				NULL,
			all[i].makes);
	}
}

/* A volume that was replaced by an action of which this Unit's cache knows nothing yet. */
static void a_volume_is_made_only_for_the_unit_as_it_is(void **state)
{
	static const char create[] = "{\"verb\":\"create\",\"kind\":\"PersistentVolumeClaim\"";
	static const char look[] = "{\"verb\":\"get\",\"kind\":\"Unit\"";

	(void)state;
	for (int known = 0; known < 2; known++) {
		bw_autofree char *plan = NULL;
		const char *at;
		int r;

		action_begin_again(state);
		make();
		ctl_ipam_lead(u->bed.ipam, 0);
		bed_merge(&u->bed, SIM_VOLUME, "db", "data-r", NULL,
			  "{\"metadata\":{\"labels\":{\"db.barewire.dev/retained\":\"7\"}}}");
		if (known)
			bed_merge(&u->bed, SIM_UNIT, "db", "r", "status",
				  "{\"status\":{\"actionsDone\":[\"7\"]}}");
		bed_run(&u->bed, 1000);
		plan = story_plan(&r);
		assert_int_equal(r, 0);
		at = strstr(plan, create);
		assert_non_null(at);
		assert_int_equal(strstr(plan, look) != NULL, !known);
		assert_true(known || strstr(plan, look) < at);
	}
}

static void a_pod_gets_no_volume_that_was_not_looked_at(void **state)
{
	bw_autofree char *plan = NULL;
	const char *look, *at;
	int r;

	(void)state;
	make();
	ctl_ipam_lead(u->bed.ipam, 0);
	bed_delete(&u->bed, SIM_POD, "db", "r");
	bed_run(&u->bed, 1000);
	plan = story_plan(&r);
	assert_int_equal(r, 0);
	look = strstr(plan, "{\"verb\":\"get\",\"kind\":\"PersistentVolumeClaim\"");
	at = strstr(plan, "{\"verb\":\"create\",\"kind\":\"Pod\"");
	assert_non_null(look);
	assert_non_null(at);
	assert_true(look < at);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ACTION_STORY(plans_follow_from_status_and_pod),
		ACTION_STORY(a_failed_allocation_plans_nothing_else),
		ACTION_STORY(who_gives_a_volume_back_makes_none),
		ACTION_STORY(a_volume_is_made_only_for_the_unit_as_it_is),
		ACTION_STORY(a_pod_gets_no_volume_that_was_not_looked_at),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
