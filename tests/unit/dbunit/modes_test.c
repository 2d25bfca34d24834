/* SPDX-License-Identifier: Apache-2.0 */
/* What a Unit's pod says to Multus, Calico and kube-OVN, and what is said of what they did. */
#include "story.h"

#include "storyfail.h"

#define NETWORKS "k8s.v1.cni.cncf.io/networks"
#define NETWORK_STATUS "k8s.v1.cni.cncf.io/network-status"
#define DEFAULT_NETWORK "v1.multus-cni.io/default-network"
#define CALICO_IPS "cni.projectcalico.org/ipAddrs"
#define ATTACHMENT "{\"net.barewire.dev/network-attachment\":\"infra/wire\"}"
#define MAC1 "02:00:00:00:00:05"
#define MAC2 "02:00:00:00:00:06"
#define FIRST "\"address\":\"10.99.2.5\",\"mac\":\"" MAC1 "\","
#define SECOND                                                                                     \
	"\"interfaces\":[{\"name\":\"net1\",\"network\":\"two\",\"addresses\":[\"10.98.0.6\"],"    \
	"\"mac\":\"" MAC2 "\"}],"
#define IN_DB "\"namespace\":\"db\""
#define PLAIN "{\"name\":\"two\"," IN_DB ",\"interface\":\"net1\"}"
#define ASKED                                                                                      \
	"\"ips\":[\"10.98.0.6/24\"],\"mac\":\"" MAC2 "\"" /* of an interface that others attach */

/* Two pools of these modes; @notes: annotations of the first, of the second in @more. */
static void pools(const char *first, const char *second, const char *notes, const char *more)
{
	char text[512];

	(void)snprintf(text, sizeof(text),
		       "{\"metadata\":{\"annotations\":%s},\"spec\":{\"mode\":\"%s\"}}", notes,
		       first);
	bed_merge(&u->bed, SIM_POOL, NULL, "lan", NULL, text);
	(void)snprintf(
		text, sizeof(text),
		"{\"kind\":\"NetworkPool\",\"metadata\":{\"name\":\"two\",\"annotations\":%s}"
		",\"spec\":{\"domain\":\"two\",\"prefix\":\"10.98.0.0/24\",\"ranges\":["
		"\"10.98.0.1-10.98.0.9\"],\"mode\":\"%s\"}}",
		more, second);
	bed_put(&u->bed, text);
	bed_run(&u->bed, 2000);
}

static void unit(const char *networking, const char *networks)
{
	char json[2048];
	char notes[1024] = "{}";

	if (networks)
		(void)snprintf(notes, sizeof(notes), "{\"" NETWORKS "\":\"%s\"}", networks);
	(void)snprintf(json, sizeof(json),
		       "{\"kind\":\"Unit\",\"metadata\":{\"name\":\"r\",\"namespace\":\"db\"},"
		       "\"spec\":{\"startup\":true,\"networking\":{\"network\":\"lan\",%s\"type\":"
		       "\"networkClaim\"},\"template\":{\"metadata\":{\"annotations\":%s},\"spec\":"
		       "{\"containers\":[{\"name\":\"redis\"}]}}}}",
		       networking, notes);
	bed_put(&u->bed, json);
	ubed_live(u, 8000);
}

/* An annotation of the pod; NULL: it has none such. */
static const char *note(const char *key)
{
	const struct cJSON *pod = sim_store_tree(u->bed.store, SIM_POD, "db", "r");

	assert_non_null(pod);
	return bw_json_get_str(bw_json_get(bw_json_get(pod, "metadata"), "annotations"), key);
}

static void note_is(const char *key, const char *want)
{
	const char *is = note(key);

	if (!want) {
		assert_null(is);
		return;
	}
	assert_non_null(is);
	assert_string_equal(is, want);
}

static void put_note(const char *key, const char *value)
{
	bw_autobuild struct bw_json_build b = { 0 };
	bw_autofree char *text = NULL;
	struct cJSON *meta = bw_json_put_object(&b, bw_json_build_object(&b), "metadata");

	bw_json_put_str(&b, bw_json_put_object(&b, meta, "annotations"), key, value);
	text = cJSON_PrintUnformatted(b.root);
	bed_merge(&u->bed, SIM_POD, "db", "r", NULL, text);
	ubed_live(u, 3000);
}

/* The golden table: modes of both pools, what the template selects, what the pod says. */
static const struct {
	const char *first, *second;
	const char *notes, *more; /* of the pools */
	const char *selects; /* the template; NULL = nothing */
	const char *key, *want; /* of the pod */
	const char *key2, *want2;
} golden[] = {
	{ "bridge", "bridge", "{}", "{}", NULL, NETWORKS, "[" PLAIN "]", DEFAULT_NETWORK, NULL },
	{ "sriov", "macvlan", "{}", "{}", NULL, NETWORKS, "[" PLAIN "]", CALICO_IPS, NULL },
	{ "bridge", "bridge", "{}", ATTACHMENT, NULL, NETWORKS,
	  "[{\"name\":\"wire\",\"namespace\":\"infra\",\"interface\":\"net1\"}]", DEFAULT_NETWORK,
	  NULL },
	{ "bridge", "external", "{}", "{}", NULL, NETWORKS,
	  "[{\"name\":\"two\"," IN_DB "," ASKED ",\"interface\":\"net1\"}]", DEFAULT_NETWORK,
	  NULL },
	{ "external", "bridge", ATTACHMENT, "{}", NULL, DEFAULT_NETWORK,
	  "[{\"name\":\"wire\",\"namespace\":\"infra\",\"ips\":[\"10.99.2.5/16\"],\"mac\":\"" MAC1
	  "\"}]",
	  NETWORKS, "[" PLAIN "]" },
	{ "external", "bridge", "{}", "{}", NULL, DEFAULT_NETWORK, NULL, NETWORKS, "[" PLAIN "]" },
	{ "calico", "bridge", "{}", "{}", NULL, CALICO_IPS, "[\"10.99.2.5\"]",
	  "cni.projectcalico.org/hwAddr", MAC1 },
	{ "kube-ovn", "bridge", "{}", "{}", NULL, "ovn.kubernetes.io/ip_address", "10.99.2.5",
	  "ovn.kubernetes.io/mac_address", MAC1 },
	{ "bridge", "kube-ovn", "{}", "{}", NULL, "two.db.ovn.kubernetes.io/ip_address",
	  "10.98.0.6", "two.db.ovn.kubernetes.io/mac_address", MAC2 },
	{ "bridge", "kube-ovn", "{}", ATTACHMENT, NULL, "wire.infra.ovn.kubernetes.io/ip_address",
	  "10.98.0.6", "ovn.kubernetes.io/ip_address", NULL },
	/* What the template selects stays, and an interface that it names has that network. */
	{ "bridge", "bridge", "{}", "{}", " backup , infra/tap@t0", NETWORKS,
	  "[{\"name\":\"backup\"},{\"namespace\":\"infra\",\"name\":\"tap\",\"interface\":\"t0\"}," PLAIN
	  "]",
	  DEFAULT_NETWORK, NULL },
	{ "bridge", "bridge", "{}", "{}", "infra/own@net1", NETWORKS,
	  "[{\"namespace\":\"infra\",\"name\":\"own\",\"interface\":\"net1\"}]", DEFAULT_NETWORK,
	  NULL },
	{ "bridge", "external", "{}", "{}",
	  "[{\\\"name\\\":\\\"own\\\",\\\"interface\\\":\\\"net1\\\",\\\"ips\\\":[\\\"1.2.3.4\\\"]}]",
	  NETWORKS, "[{\"name\":\"own\",\"interface\":\"net1\"," ASKED "}]", DEFAULT_NETWORK,
	  NULL },
};

static void the_first_version_says_what_each_plugin_reads(void **state)
{
	(void)state;
	for (size_t i = 0; i < BW_ARRAY_SIZE(golden); i++) {
		if (i)
			ubed_done(u), ubed_init(u);
		pools(golden[i].first, golden[i].second, golden[i].notes, golden[i].more);
		unit(FIRST SECOND, golden[i].selects);
		note_is(golden[i].key, golden[i].want);
		note_is(golden[i].key2, golden[i].want2);
	}
}

static void two_families_are_asked_for_together(void **state)
{
	(void)state;
	pools("external", "bridge", ATTACHMENT, "{}");
	bed_put(&u->bed, "{\"kind\":\"NetworkPool\",\"metadata\":{\"name\":\"six\"},\"spec\":{"
			 "\"domain\":\"lan\",\"prefix\":\"fd00:99::/64\",\"ranges\":["
			 "\"fd00:99::1-fd00:99::9\"],\"mode\":\"external\"}}");
	bed_run(&u->bed, 2000);
	bed_put(&u->bed,
		"{\"kind\":\"Unit\",\"metadata\":{\"name\":\"r\",\"namespace\":\"db\"},"
		"\"spec\":{\"startup\":true,\"networking\":{\"networks\":[\"lan\",\"six\"],"
		"\"addresses\":[\"10.99.2.5\",\"fd00:99::5\"],\"mac\":\"" MAC1
		"\"},\"template\":{\"spec\":{\"containers\":[{\"name\":\"redis\"}]}}}}");
	ubed_live(u, 8000);
	note_is(DEFAULT_NETWORK,
		"[{\"name\":\"wire\",\"namespace\":\"infra\",\"ips\":[\"10.99.2.5/16\","
		"\"fd00:99::5/64\"],\"mac\":\"" MAC1 "\"}]");
}

static void a_selection_that_nobody_can_read_makes_no_pod(void **state)
{
	static const char *const bad[] = { "[{",   "[{}]", "{\\\"name\\\":\\\"a\\\"}",
					   "a,,b", "a b",  "infra/",
					   "\\\"" };

	(void)state;
	for (size_t i = 0; i < BW_ARRAY_SIZE(bad); i++) {
		if (i)
			ubed_done(u), ubed_init(u);
		pools("bridge", "bridge", "{}", "{}");
		unit(FIRST SECOND, bad[i]);
		reason_is("SelectionInvalid", "SelectionInvalid");
		reason_is("Ready", "SelectionInvalid");
		assert_null(sim_store_tree(u->bed.store, SIM_POD, "db", "r"));
	}
	bed_merge(&u->bed, SIM_UNIT, "db", "r", NULL,
		  "{\"spec\":{\"template\":{\"metadata\":{\"annotations\":null}}}}");
	ubed_live(u, 8000);
	reason_is("SelectionInvalid", "");
	note_is(NETWORKS, "[" PLAIN "]");
}

/* The pod that runs stays, for what is wrong is in the text of the next one. */
static void a_bad_selection_touches_no_pod_that_runs(void **state)
{
	char before[256];

	(void)state;
	unit(FIRST, NULL);
	bed_get(&u->bed, SIM_POD, "db", "r", "metadata.uid", before);
	bed_merge(&u->bed, SIM_UNIT, "db", "r", NULL,
		  "{\"spec\":{\"template\":{\"metadata\":{\"annotations\":{\"" NETWORKS
		  "\":\"[\"}}}}}");
	ubed_live(u, 8000);
	reason_is("SelectionInvalid", "SelectionInvalid");
	ubed_expect(u, SIM_POD, "r", "metadata.uid", before);
}

static void an_interface_is_there_when_multus_says_so(void **state)
{
	(void)state;
	pools("bridge", "bridge", "{}", "{}");
	unit(FIRST SECOND, NULL);
	reason_is("InterfaceNotAttached", "InterfaceNotAttached");
	reason_is("Ready", "InterfaceNotAttached");
	put_note(NETWORK_STATUS, "[{\"interface\":\"eth0\",\"ips\":[\"10.99.2.5\"]}]");
	reason_is("InterfaceNotAttached", "InterfaceNotAttached");
	put_note(NETWORK_STATUS, "[{\"interface\":\"net1\",\"ips\":[\"10.98.0.7\"]}]");
	reason_is("InterfaceNotAttached", "");
	reason_is("AddressDiffers", "AddressDiffers");
	put_note(NETWORK_STATUS, "[{\"interface\":\"net1\",\"ips\":[\"10.98.0.6\"]}]");
	reason_is("AddressDiffers", "");
	reason_is("Ready", "Ready");
	put_note(NETWORK_STATUS, "no JSON");
	reason_is("InterfaceNotAttached", "InterfaceNotAttached");
}

static void another_address_and_another_annotation_are_said(void **state)
{
	(void)state;
	pools("calico", "bridge", "{}", "{}");
	unit(FIRST, NULL);
	reason_is("AddressDiffers", "");
	reason_is("AnnotationChanged", "");
	bed_merge(&u->bed, SIM_POD, "db", "r", "status",
		  "{\"status\":{\"podIPs\":[{\"ip\":\"10.99.2.7\"},{\"ip\":\"fd00::1\"}]}}");
	ubed_live(u, 3000);
	reason_is("AddressDiffers", "AddressDiffers");
	reason_is("Ready", "AddressDiffers");
	put_note(CALICO_IPS, "[\"10.99.2.7\"]");
	reason_is("AnnotationChanged", "AnnotationChanged");
	put_note(CALICO_IPS, "[\"10.99.2.5\"]");
	reason_is("AnnotationChanged", "");
	/* The next pod has neither. */
	bed_delete(&u->bed, SIM_POD, "db", "r");
	ubed_live(u, 8000);
	reason_is("AddressDiffers", "");
	reason_is("Ready", "Ready");
}

/* A pod without what its plugins read would get other addresses. */
static void no_pod_without_its_address(const char *plan)
{
	if (strstr(plan, "\"kind\":\"Pod\""))
		assert_non_null(strstr(plan, "10.98.0.6/24"));
}

static void a_failed_allocation_writes_nothing_wrong(void **state)
{
	bw_autofree char *want = NULL;
	int r;

	(void)state;
	pools("external", "external", ATTACHMENT, "{}");
	unit(FIRST SECOND, "backup,infra/own@net1");
	put_note(NETWORK_STATUS, "[{\"interface\":\"net1\",\"ips\":[\"10.98.0.7\"]}]");
	ctl_ipam_lead(u->bed.ipam, 0);
	bed_delete(&u->bed, SIM_POD, "db", "r");
	bed_run(&u->bed, 1000);
	want = story_plan(&r);
	assert_int_equal(r, 0);
	assert_non_null(strstr(want, "10.98.0.6/24"));
	story_fail_allocations(want, 100, no_pod_without_its_address);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORY(the_first_version_says_what_each_plugin_reads),
		STORY(two_families_are_asked_for_together),
		STORY(a_selection_that_nobody_can_read_makes_no_pod),
		STORY(a_bad_selection_touches_no_pod_that_runs),
		STORY(an_interface_is_there_when_multus_says_so),
		STORY(another_address_and_another_annotation_are_said),
		STORY(a_failed_allocation_writes_nothing_wrong),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
