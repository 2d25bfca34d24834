/* SPDX-License-Identifier: Apache-2.0 */
/* One reconcile by itself: what its plan says, and what a failed allocation does to it. */
#include "story.h"

#include "storyfail.h"

#define CREATE_POD "{\"verb\":\"create\",\"kind\":\"Pod\""

static void says(const char *plan, const char *what)
{
	if (!strstr(plan, what))
		fail_msg("the plan has no %s:\n%s", what, plan);
}

static void says_not(const char *plan, const char *what)
{
	if (strstr(plan, what))
		fail_msg("the plan has %s:\n%s", what, plan);
}

/* Everything at once: two families, a second interface, affinity, volumes and labels of its own. */
#define RICH                                                                                        \
	"{\"kind\":\"Unit\",\"metadata\":{\"name\":\"r\",\"namespace\":\"db\",\"labels\":{\"app\":" \
	"\"redis\"},\"finalizers\":[\"db.barewire.dev/unit\"]},\"spec\":{\"mainContainerName\":"    \
	"\"b\",\"startup\":true,\"nodePolicy\":\"Required\",\"networking\":{\"network\":\"lan\","   \
	"\"addresses\":[\"10.99.2.5\"],\"mac\":\"02:00:00:00:00:05\",\"bandwidth\":{"               \
	"\"egressMbps\":100},\"interfaces\":[{\"name\":\"eth1\",\"network\":\"lan\","               \
	"\"addresses\":[\"10.99.2.6\"]}]},\"template\":{\"metadata\":{\"annotations\":{"            \
	"\"net.barewire.dev/network\":\"other\",\"a\":\"b\"}},\"spec\":{\"nodeName\":\"x\","        \
	"\"affinity\":{\"nodeAffinity\":{\"requiredDuringSchedulingIgnoredDuringExecution\":{"      \
	"\"nodeSelectorTerms\":[{\"matchExpressions\":[{\"key\":\"k\",\"operator\":\"Exists\"}]},"  \
	"{\"matchExpressions\":[{\"key\":\"l\",\"operator\":\"Exists\"}]}]}}},\"containers\":[{"    \
	"\"name\":\"a\"},{\"name\":\"b\"}],\"volumes\":[{\"name\":\"data\",\"emptyDir\":{}},{"      \
	"\"name\":\"tmp\",\"emptyDir\":{}}]}},\"volumeClaimTemplates\":[{\"metadata\":{\"name\":"   \
	"\"data\"},\"spec\":{\"accessModes\":[\"ReadWriteOnce\"],\"resources\":{\"requests\":{"     \
	"\"storage\":\"1Gi\"}}}}]}}"

static void the_first_plan_tries_the_pod_and_makes_no_real_one(void **state)
{
	bw_autofree char *plan = NULL;
	int r;

	(void)state;
	ctl_ipam_lead(u->bed.ipam, 0);
	bed_put(&u->bed, RICH);
	bed_run(&u->bed, 1000);
	plan = story_plan(&r);
	assert_int_equal(r, 0);
	says(plan, "NetworkClaim");
	says(plan, "\"requestedIPs\":[\"10.99.2.5\"],\"mac\":\"02:00:00:00:00:05\"");
	says(plan, "\"name\":\"eth1\",\"network\":\"lan\",\"requestedIPs\":[\"10.99.2.6\"]");
	says(plan, "\"egressMbps\":100");
	says(plan, "data-r");
	/* The first of all, and the only one. */
	assert_memory_equal(plan, CREATE_POD, sizeof(CREATE_POD) - 1);
	assert_null(strstr(plan + 1, CREATE_POD));
}

static void the_pod_is_the_template_and_what_a_unit_needs(void **state)
{
	char want[512];
	bw_autofree char *text = NULL;
	const struct cJSON *pod;

	(void)state;
	bed_put(&u->bed, RICH);
	ubed_live(u, 5000);
	bed_delete(&u->bed, SIM_POD, "db", "r");
	ubed_live(u, 5000);
	pod = sim_store_tree(u->bed.store, SIM_POD, "db", "r");
	assert_non_null(pod);
	text = cJSON_PrintUnformatted(pod);
	says(text, "\"labels\":{\"app\":\"redis\",\"db.barewire.dev/unit\":\"r\"}");
	says(text, "\"annotations\":{\"a\":\"b\",\"net.barewire.dev/claim\":\"r\"");
	says_not(text, "net.barewire.dev/network");
	says_not(text, "\"nodeName\":\"x\"");
	for (const char *key = "kl"; *key; key++) {
		(void)snprintf(want, sizeof(want),
			       "{\"matchExpressions\":[{\"key\":\"%c\",\"operator\":\"Exists\"},{"
			       "\"key\":\"domain.net.barewire.dev/lan\",\"operator\":\"In\","
			       "\"values\":[\"ready\"]}],\"matchFields\":[{\"key\":"
			       "\"metadata.name\",\"operator\":\"In\",\"values\":[\"n1\"]}]}",
			       *key);
		says(text, want);
	}
	says(text, "\"volumes\":[{\"name\":\"tmp\",\"emptyDir\":{}},{\"name\":\"data\","
		   "\"persistentVolumeClaim\":{\"claimName\":\"data-r\"}}]");
	says(text, "{\"name\":\"a\"},{\"name\":\"b\",\"env\":[{\"name\":\"POD_IP\",\"valueFrom\":{"
		   "\"fieldRef\":{\"fieldPath\":\"status.podIP\"}}}]}");
}

static void other_networks_read_their_annotations_in_the_first_version(void **state)
{
	static const struct {
		const char *mode;
		const char *want;
	} all[] = {
		{ "calico", "\"cni.projectcalico.org/ipAddrs\":\"[\\\"10.99.2.5\\\"]\"" },
		{ "kube-ovn", "\"ovn.kubernetes.io/ip_address\":\"10.99.2.5\","
			      "\"ovn.kubernetes.io/mac_address\":" },
		{ "sriov", "\"resources\":{\"limits\":{\"net.barewire.dev/vf-lan\":\"1\"},"
			   "\"requests\":{\"net.barewire.dev/vf-lan\":\"1\"}}" },
	};

	(void)state;
	for (size_t i = 0; i < BW_ARRAY_SIZE(all); i++) {
		bw_autofree char *text = NULL;
		char mode[64];

		if (i)
			ubed_done(u), ubed_init(u);
		(void)snprintf(mode, sizeof(mode), "{\"spec\":{\"mode\":\"%s\"}}", all[i].mode);
		bed_merge(&u->bed, SIM_POOL, NULL, "lan", NULL, mode);
		bed_put(&u->bed, UNIT_JSON("r", "\"address\":\"10.99.2.5\",", ""));
		ubed_live(u, 5000);
		text = cJSON_PrintUnformatted(sim_store_tree(u->bed.store, SIM_POD, "db", "r"));
		assert_non_null(text);
		says(text, all[i].want);
		if (strcmp(all[i].mode, "sriov") != 0)
			says_not(text, "domain.net.barewire.dev");
	}
}

static void a_failed_allocation_writes_nothing_wrong(void **state)
{
	bw_autofree char *want = NULL;
	int r;

	(void)state;
	ctl_ipam_lead(u->bed.ipam, 0);
	bed_put(&u->bed, RICH);
	bed_run(&u->bed, 1000);
	want = story_plan(&r);
	assert_int_equal(r, 0);
	story_fail_allocations(want, 100, NULL);
}

static void deletes_nothing(const char *plan)
{
	says_not(plan, "\"verb\":\"delete\"");
}

/* Offline it may exchange its claim: what cannot be compared must not pass for another address. */
static void a_failed_allocation_never_costs_the_claim(void **state)
{
	bw_autofree char *want = NULL;
	int r;

	(void)state;
	bed_put(&u->bed, UNIT_JSON("r", "\"address\":\"10.99.2.5\",", ""));
	ubed_live(u, 5000);
	bed_merge(&u->bed, SIM_UNIT, "db", "r", NULL, "{\"spec\":{\"startup\":false}}");
	ubed_live(u, 60000);
	ctl_ipam_lead(u->bed.ipam, 0);
	bed_merge(&u->bed, SIM_UNIT, "db", "r", NULL,
		  "{\"spec\":{\"networking\":{\"bandwidth\":{\"egressMbps\":100}}}}");
	bed_run(&u->bed, 1000);
	want = story_plan(&r);
	assert_int_equal(r, 0);
	says(want, "\"verb\":\"merge\",\"kind\":\"NetworkClaim\"");
	story_fail_allocations(want, 100, deletes_nothing);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORY(the_first_plan_tries_the_pod_and_makes_no_real_one),
		STORY(the_pod_is_the_template_and_what_a_unit_needs),
		STORY(other_networks_read_their_annotations_in_the_first_version),
		STORY(a_failed_allocation_writes_nothing_wrong),
		STORY(a_failed_allocation_never_costs_the_claim),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
