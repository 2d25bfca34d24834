/* SPDX-License-Identifier: Apache-2.0 */
/* Units that need a virtual function: what is said while there is none for them. */
#include "story.h"

#include "storyfail.h"

#define MISSING "NoVirtualFunction"
#define RESOURCE "net.barewire.dev/vf-lan"
#define SCHEDULER "0/1 nodes are available: 1 Insufficient " RESOURCE "."

/* The node's agent finds so many on the uplink of the pool; -1: it finds no card. */
static void functions(int total)
{
	char text[512];
	char vfs[128] = "";

	bed_merge(&u->bed, SIM_POOL, NULL, "lan", NULL, "{\"spec\":{\"mode\":\"sriov\"}}");
	if (!*bed_get(&u->bed, SIM_NODENETWORK, NULL, "n1", "metadata.name", text))
		bed_put(&u->bed, "{\"kind\":\"NodeNetwork\",\"metadata\":{\"name\":\"n1\"}}");
	if (total >= 0)
		(void)snprintf(vfs, sizeof(vfs), "{\"domain\":\"lan\",\"total\":%d,\"free\":%d}",
			       total, total);
	(void)snprintf(text, sizeof(text),
		       "{\"status\":{\"domains\":[{\"domain\":\"lan\",\"uplink\":\"data0\","
		       "\"ready\":true}],\"vfs\":[%s]}}",
		       vfs);
	bed_merge(&u->bed, SIM_NODENETWORK, NULL, "n1", "status", text);
	bed_run(&u->bed, 2000);
}

/* The Unit r, whose pod the scheduler finds no node for. */
static void refused(const char *words)
{
	char text[512];

	bed_put(&u->bed, UNIT_JSON("r", "\"address\":\"10.99.2.9\",", ""));
	bed_run(&u->bed, 5000);
	(void)snprintf(text, sizeof(text),
		       "{\"status\":{\"phase\":\"Pending\",\"conditions\":[{\"type\":"
		       "\"PodScheduled\",\"status\":\"False\",\"reason\":\"Unschedulable\","
		       "\"message\":\"%s\"}]}}",
		       words);
	bed_merge(&u->bed, SIM_POD, "db", "r", "status", text);
	bed_run(&u->bed, 2000);
}

/* The Node's own text, which has the resource or has it not. */
static int published(const char *number)
{
	char want[64];
	bw_autofree char *text =
		cJSON_PrintUnformatted(sim_store_tree(u->bed.store, SIM_NODE, "", "n1"));

	(void)snprintf(want, sizeof(want), "\"" RESOURCE "\":\"%s\"", number ? number : "");
	return number ? strstr(text, want) != NULL : strstr(text, RESOURCE) == NULL;
}

static void the_node_has_what_its_inventory_says(void **state)
{
	unsigned int writes;

	(void)state;
	assert_true(published(NULL));
	functions(4);
	assert_true(published("4"));
	writes = ubed_versions(u, SIM_NODE);
	bed_run(&u->bed, 3600000);
	assert_int_equal(ubed_versions(u, SIM_NODE), writes);
	/* As a kubelet does that begins with an empty folder. */
	bed_merge(&u->bed, SIM_NODE, NULL, "n1", "status",
		  "{\"status\":{\"capacity\":{\"" RESOURCE "\":\"0\"}}}");
	bed_run(&u->bed, 1000);
	assert_true(published("4"));
	bed_delete(&u->bed, SIM_NODE, NULL, "n1");
	bed_put(&u->bed, "{\"kind\":\"Node\",\"metadata\":{\"name\":\"n1\"}}");
	bed_run(&u->bed, 2000);
	assert_true(published("4"));
	functions(7);
	assert_true(published("7"));
	functions(-1);
	assert_true(published(NULL));
}

static void who_has_them_is_said(void **state)
{
	unsigned int writes;

	(void)state;
	functions(1);
	bed_put(&u->bed, UNIT_JSON("a", "", ""));
	ubed_live(u, 5000);
	ubed_expect(u, SIM_UNIT, "a", "status.phase", "Ready");
	refused(SCHEDULER);
	reason_is(MISSING, "AllInUse");
	reason_is("Ready", MISSING);
	ubed_expect(u, SIM_UNIT, "r", "status.task",
		    "waits for a virtual function: the pod needs 1 of " RESOURCE
		    "; node n1 has 1, in use by db/a");
	ubed_expect(u, SIM_UNIT, "r", "status.claim.phase", "Bound");
	writes = ubed_versions(u, SIM_UNIT) + ubed_versions(u, SIM_POD);
	bed_run(&u->bed, 300000);
	assert_int_equal(ubed_versions(u, SIM_UNIT) + ubed_versions(u, SIM_POD), writes);
	ubed_live(u, 5000);
	reason_is(MISSING, "");
	ubed_expect(u, SIM_UNIT, "r", "status.phase", "Ready");
}

static void of_many_only_some_are_named(void **state)
{
	static const char *const units[] = { UNIT_JSON("a", "", ""), UNIT_JSON("b", "", ""),
					     UNIT_JSON("c", "", ""), UNIT_JSON("d", "", ""),
					     UNIT_JSON("e", "", ""), UNIT_JSON("f", "", "") };

	(void)state;
	functions(6);
	for (size_t i = 0; i < BW_ARRAY_SIZE(units); i++)
		bed_put(&u->bed, units[i]);
	ubed_live(u, 5000);
	refused(SCHEDULER);
	ubed_expect(u, SIM_UNIT, "r", "status.task",
		    "waits for a virtual function: the pod needs 1 of " RESOURCE
		    "; node n1 has 6, in use by db/a, db/b, db/c, db/d and 2 more");
}

static void a_node_without_any_is_said(void **state)
{
	(void)state;
	functions(-1);
	refused("0/1 nodes are available: 1 Insufficient cpu.");
	reason_is(MISSING, "NoneOnNodes");
	ubed_expect(u, SIM_UNIT, "r", "status.task",
		    "waits for a virtual function: the pod needs 1 of " RESOURCE
		    "; no node has any: make them on the uplink of segment lan");
	functions(0);
	bed_run(&u->bed, 60000);
	reason_is(MISSING, "NoneOnNodes");
	/* Then the scheduler says something else. */
	functions(2);
	bed_run(&u->bed, 60000);
	reason_is(MISSING, "");
	reason_is("Ready", "Scheduling");
}

static void the_node_it_has_to_be_on_is_named(void **state)
{
	(void)state;
	functions(1);
	bed_put(&u->bed, UNIT_JSON("r", "\"address\":\"10.99.2.9\",", ""));
	ubed_live(u, 5000);
	ubed_expect(u, SIM_UNIT, "r", "status.nodeName", "n1");
	functions(-1);
	bed_delete(&u->bed, SIM_POD, "db", "r");
	bed_run(&u->bed, 5000);
	bed_merge(&u->bed, SIM_POD, "db", "r", "status",
		  "{\"status\":{\"phase\":\"Pending\",\"conditions\":[{\"type\":\"PodScheduled\","
		  "\"status\":\"False\",\"reason\":\"Unschedulable\",\"message\":\"x\"}]}}");
	bed_run(&u->bed, 2000);
	ubed_expect(u, SIM_UNIT, "r", "status.task",
		    "waits for a virtual function: the pod needs 1 of " RESOURCE
		    "; node n1, where it has to be, has none");
	/* Once the pod goes there is nothing that waits for one. */
	bed_merge(&u->bed, SIM_UNIT, "db", "r", NULL, "{\"spec\":{\"startup\":false}}");
	ubed_live(u, 5000);
	reason_is(MISSING, "");
}

static void other_modes_need_none(void **state)
{
	(void)state;
	refused(SCHEDULER);
	reason_is(MISSING, "");
	reason_is("Ready", "Scheduling");
}

static void a_failed_allocation_writes_nothing_wrong(void **state)
{
	bw_autofree char *want = NULL;
	int r;

	(void)state;
	functions(1);
	refused(SCHEDULER);
	ctl_ipam_lead(u->bed.ipam, 0);
	bed_merge(&u->bed, SIM_NODE, NULL, "n1", "status",
		  "{\"status\":{\"capacity\":{\"" RESOURCE "\":\"3\"}}}");
	bed_run(&u->bed, 1000);
	want = story_plan(&r);
	assert_int_equal(r, 0);
	assert_non_null(strstr(want, "node n1 has 3"));
	story_fail_allocations(want, 100, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORY(the_node_has_what_its_inventory_says),
		STORY(who_has_them_is_said),
		STORY(of_many_only_some_are_named),
		STORY(a_node_without_any_is_said),
		STORY(the_node_it_has_to_be_on_is_named),
		STORY(other_modes_need_none),
		STORY(a_failed_allocation_writes_nothing_wrong),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
