/* SPDX-License-Identifier: Apache-2.0 */
/* The Service of a Unit and where it leads. */
#include "story.h"

#define SERVED(ports_, networking_)                                                                \
	"{\"kind\":\"Unit\",\"metadata\":{\"name\":\"r\",\"namespace\":\"db\"},\"spec\":{"         \
	"\"startup\":true,\"networking\":{\"network\":\"lan\"" networking_                         \
	"},\"template\":{\"spec\":{\"containers\":[{\"name\":\"redis\",\"image\":\"redis\","       \
	"\"ports\":[" ports_ "]}]}}}}"
#define ONE "{\"containerPort\":6379}"
#define TWO                                                                                        \
	"{\"name\":\"db\",\"containerPort\":6379},{\"containerPort\":53,\"protocol\":\"UDP\"},"    \
	"{\"name\":\"again\",\"containerPort\":6379,\"protocol\":\"TCP\"}"

static void make(const char *json)
{
	bed_put(&u->bed, json);
	ubed_live(u, 8000);
}

/* "rst": ready, serving, terminating; "" no endpoint. */
static void conditions_are(const char *want)
{
	const struct cJSON *slice = sim_store_tree(u->bed.store, SIM_SLICE, "db", "r-ipv4");
	const struct cJSON *e = cJSON_GetArrayItem(bw_json_get(slice, "endpoints"), 0);
	const struct cJSON *c = bw_json_get(e, "conditions");
	char got[4] = "";

	assert_non_null(slice);
	if (c)
		(void)snprintf(got, sizeof(got), "%s%s%s",
			       cJSON_IsTrue(bw_json_get(c, "ready")) ? "r" : "",
			       cJSON_IsTrue(bw_json_get(c, "serving")) ? "s" : "",
			       cJSON_IsTrue(bw_json_get(c, "terminating")) ? "t" : "");
	assert_string_equal(got, want);
}

static void a_unit_has_a_service_and_its_address_behind_it(void **state)
{
	const struct cJSON *labels;

	(void)state;
	make(SERVED(TWO, ""));
	ubed_expect(u, SIM_SERVICE, "r", "spec.type", "ClusterIP");
	ubed_expect(u, SIM_SERVICE, "r", "spec.clusterIP", "");
	ubed_expect(u, SIM_SERVICE, "r", "spec.ipFamilies.0", "IPv4");
	ubed_expect(u, SIM_SERVICE, "r", "spec.ports.0.name", "db");
	ubed_expect(u, SIM_SERVICE, "r", "spec.ports.1.name", "udp-53");
	ubed_expect(u, SIM_SERVICE, "r", "spec.ports.2.name", "");
	ubed_expect(u, SIM_SERVICE, "r", "metadata.ownerReferences.0.kind", "Unit");
	ubed_expect(u, SIM_SLICE, "r-ipv4", "addressType", "IPv4");
	ubed_expect(u, SIM_SLICE, "r-ipv4", "endpoints.0.addresses.0", "10.99.2.1");
	ubed_expect(u, SIM_SLICE, "r-ipv4", "endpoints.0.nodeName", "n1");
	ubed_expect(u, SIM_SLICE, "r-ipv4", "endpoints.0.targetRef.kind", "Pod");
	ubed_expect(u, SIM_SLICE, "r-ipv4", "ports.1.name", "udp-53");
	ubed_expect(u, SIM_SLICE, "r-ipv4", "ports.1.port", "53");
	ubed_expect(u, SIM_SLICE, "r-ipv6", "addressType", "");
	conditions_are("rs");
	labels = bw_json_get(
		bw_json_get(sim_store_tree(u->bed.store, SIM_SLICE, "db", "r-ipv4"), "metadata"),
		"labels");
	assert_string_equal(bw_json_get_str(labels, "kubernetes.io/service-name"), "r");
}

static void the_pod_says_what_holds(void **state)
{
	const struct sim_delete grace = { .grace_s = 30 };
	struct sim_reply r = { 0 };
	unsigned int slices;

	(void)state;
	make(SERVED(ONE, ""));
	bed_merge(&u->bed, SIM_POD, "db", "r", "status",
		  "{\"status\":{\"conditions\":[{\"type\":\"Ready\",\"status\":\"False\"}]}}");
	bed_run(&u->bed, 3000);
	conditions_are("");
	ubed_expect(u, SIM_SLICE, "r-ipv4", "endpoints.0.addresses.0", "10.99.2.1");
	bed_merge(&u->bed, SIM_POD, "db", "r", "status",
		  "{\"status\":{\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\"}]}}");
	bed_run(&u->bed, 3000);
	conditions_are("rs");
	slices = ubed_versions(u, SIM_SLICE);
	sim_store_delete(u->bed.store, &sim_kinds[SIM_POD], "db", "r", &grace, &r);
	bed_run(&u->bed, 3000);
	conditions_are("st");
	bed_delete(&u->bed, SIM_POD, "db", "r");
	bed_run(&u->bed, 3000);
	ubed_expect(u, SIM_SLICE, "r-ipv4", "endpoints.0.addresses.0", "");
	ubed_live(u, 8000);
	conditions_are("rs");
	print_message("# a restart: %u writes of the slice\n",
		      ubed_versions(u, SIM_SLICE) - slices);
	assert_in_range(ubed_versions(u, SIM_SLICE) - slices, 3, 4);
	slices = ubed_versions(u, SIM_SLICE) + ubed_versions(u, SIM_SERVICE);
	ubed_live(u, 600000);
	assert_int_equal(ubed_versions(u, SIM_SLICE) + ubed_versions(u, SIM_SERVICE), slices);
}

static void ports_are_followed_and_none_is_headless(void **state)
{
	char first[256];
	char now[256];

	(void)state;
	make(SERVED("", ""));
	ubed_expect(u, SIM_SERVICE, "r", "spec.clusterIP", "None");
	bed_get(&u->bed, SIM_SERVICE, "db", "r", "metadata.uid", first);
	bed_merge(&u->bed, SIM_UNIT, "db", "r", NULL,
		  "{\"spec\":{\"template\":{\"spec\":{\"containers\":[{\"name\":\"redis\","
		  "\"ports\":[" ONE "]}]}}}}");
	ubed_live(u, 8000);
	ubed_expect(u, SIM_SERVICE, "r", "spec.ports.0.name", "tcp-6379");
	ubed_expect(u, SIM_SERVICE, "r", "spec.clusterIP", "");
	ubed_expect(u, SIM_SLICE, "r-ipv4", "ports.0.name", "tcp-6379");
	bed_get(&u->bed, SIM_SERVICE, "db", "r", "metadata.uid", now);
	assert_string_not_equal(first, now);
	bed_merge(&u->bed, SIM_UNIT, "db", "r", NULL,
		  "{\"spec\":{\"template\":{\"spec\":{\"containers\":[{\"name\":\"redis\","
		  "\"ports\":[" TWO "]}]}}}}");
	ubed_live(u, 8000);
	bed_get(&u->bed, SIM_SERVICE, "db", "r", "metadata.uid", first);
	assert_string_equal(first, now);
	ubed_expect(u, SIM_SERVICE, "r", "spec.ports.1.name", "udp-53");
}

static void the_interface_that_is_named_is_led_to(void **state)
{
	(void)state;
	make(SERVED(ONE, ",\"serviceInterface\":\"net1\",\"interfaces\":[{\"name\":\"net1\","
			 "\"network\":\"lan\",\"addresses\":[\"10.99.2.8\"]}]"));
	ubed_expect(u, SIM_SLICE, "r-ipv4", "endpoints.0.addresses.0", "10.99.2.8");
	ubed_expect(u, SIM_SLICE, "r-ipv4", "endpoints.0.addresses.1", "");
}

static void what_is_taken_away_is_made_again(void **state)
{
	(void)state;
	make(SERVED(ONE, ""));
	bed_delete(&u->bed, SIM_SERVICE, "db", "r");
	bed_delete(&u->bed, SIM_SLICE, "db", "r-ipv4");
	bed_run(&u->bed, 3000);
	ubed_expect(u, SIM_SERVICE, "r", "spec.ports.0.port", "6379");
	conditions_are("rs");
	bed_merge(&u->bed, SIM_SLICE, "db", "r-ipv4", NULL, "{\"endpoints\":[]}");
	bed_run(&u->bed, 3000);
	conditions_are("rs");
}

static void what_is_somebody_elses_is_left_alone(void **state)
{
	char got[256];

	(void)state;
	bed_put(&u->bed, "{\"kind\":\"Service\",\"metadata\":{\"name\":\"r\",\"namespace\":\"db\","
			 "\"labels\":{\"db.barewire.dev/unit\":\"r\"}},\"spec\":{\"mine\":\"1\"}}");
	bed_put(&u->bed, "{\"kind\":\"EndpointSlice\",\"metadata\":{\"name\":\"r-ipv4\","
			 "\"namespace\":\"db\"},\"addressType\":\"IPv4\",\"mine\":\"1\"}");
	make(SERVED(ONE, ""));
	assert_string_equal(ubed_reason(u, "r", "ServiceForeign", got), "Foreign");
	assert_string_equal(ubed_reason(u, "r", "EndpointsForeign", got), "Foreign");
	ubed_expect(u, SIM_SERVICE, "r", "spec.mine", "1");
	ubed_expect(u, SIM_SLICE, "r-ipv4", "mine", "1");
	/* The database does not care. */
	ubed_expect(u, SIM_UNIT, "r", "status.phase", "Ready");
	assert_string_equal(ubed_reason(u, "r", "Ready", got), "Ready");
	bed_delete(&u->bed, SIM_SERVICE, "db", "r");
	bed_delete(&u->bed, SIM_SLICE, "db", "r-ipv4");
	ubed_live(u, 40000);
	assert_string_equal(ubed_reason(u, "r", "ServiceForeign", got), "");
	assert_string_equal(ubed_reason(u, "r", "EndpointsForeign", got), "");
	conditions_are("rs");
}

static void who_is_being_deleted_serves_until_its_pod_ends(void **state)
{
	const struct sim_delete opts = { .grace_s = -1 };
	const struct sim_delete grace = { .grace_s = 30 };
	struct sim_reply r = { 0 };

	(void)state;
	make(SERVED(ONE, ""));
	sim_store_delete(u->bed.store, &sim_kinds[SIM_POD], "db", "r", &grace, &r);
	sim_store_delete(u->bed.store, &sim_kinds[SIM_UNIT], "db", "r", &opts, &r);
	bed_run(&u->bed, 3000);
	conditions_are("st");
	bed_delete(&u->bed, SIM_POD, "db", "r");
	bed_run(&u->bed, 3000);
	ubed_expect(u, SIM_SLICE, "r-ipv4", "endpoints.0.addresses.0", "");
	ubed_live(u, 20000);
	ubed_expect(u, SIM_UNIT, "r", "metadata.name", "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORY(a_unit_has_a_service_and_its_address_behind_it),
		STORY(the_pod_says_what_holds),
		STORY(ports_are_followed_and_none_is_headless),
		STORY(the_interface_that_is_named_is_led_to),
		STORY(what_is_taken_away_is_made_again),
		STORY(what_is_somebody_elses_is_left_alone),
		STORY(who_is_being_deleted_serves_until_its_pod_ends),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
