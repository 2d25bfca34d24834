/* SPDX-License-Identifier: Apache-2.0 */
/* Stories of Units with a leader: what is there afterwards, and how many writes it took. */
#include "story.h"

static void make(const char *json)
{
	bed_put(&u->bed, json);
	ubed_live(u, 5000);
}

static void change(const char *json)
{
	bed_merge(&u->bed, SIM_UNIT, "db", "r", NULL, json);
	ubed_live(u, 5000);
}

static void end_unit(void)
{
	const struct sim_delete opts = { .grace_s = -1 };
	struct sim_reply r = { 0 };

	sim_store_delete(u->bed.store, &sim_kinds[SIM_UNIT], "db", "r", &opts, &r);
	assert_int_equal(r.http / 100, 2);
	ubed_live(u, 60000);
}

struct counts {
	unsigned int unit, claim, volume, pod, service, slice;
};

static struct counts versions(void)
{
	return (struct counts){ ubed_versions(u, SIM_UNIT),    ubed_versions(u, SIM_CLAIM),
				ubed_versions(u, SIM_VOLUME),  ubed_versions(u, SIM_POD),
				ubed_versions(u, SIM_SERVICE), ubed_versions(u, SIM_SLICE) };
}

static void a_unit_gets_claim_volume_pod_and_address(void **state)
{
	(void)state;
	make(UNIT_JSON("r", "\"address\":\"10.99.2.5\",", ""));
	ubed_expect(u, SIM_CLAIM, "r", "spec.interfaces.0.requestedIPs.0", "10.99.2.5");
	ubed_expect(u, SIM_CLAIM, "r", "spec.unitRef.name", "r");
	ubed_expect(u, SIM_CLAIM, "r", "metadata.ownerReferences.0.kind", "Unit");
	ubed_expect(u, SIM_VOLUME, "data-r", "metadata.ownerReferences.0.kind", "");
	ubed_expect(u, SIM_POD, "r", "spec.volumes.0.persistentVolumeClaim.claimName", "data-r");
	ubed_expect(u, SIM_POD, "r", "spec.containers.0.env.0.name", "POD_IP");
	ubed_expect(u, SIM_UNIT, "r", "status.phase", "Ready");
	ubed_expect(u, SIM_UNIT, "r", "status.podIPs.0", "10.99.2.5");
	ubed_expect(u, SIM_UNIT, "r", "status.nodeName", "n1");
	ubed_expect(u, SIM_UNIT, "r", "status.volumes.0.claimName", "data-r");
	ubed_expect(u, SIM_UNIT, "r", "status.processState", "Running");
	ubed_expect(u, SIM_UNIT, "r", "status.task", "");
	reason_is("Ready", "Ready");
}

/* The writes of the test itself: the Unit, and of its pod the node and the status. */
static void creation_restart_and_rest_cost_what_the_manual_says(void **state)
{
	struct counts a = versions();
	struct counts b;

	(void)state;
	make(UNIT_JSON("r", "", ""));
	b = versions();
	print_message("# creation: Unit %u, claim %u (address controllers' included), volume %u, "
		      "pod %u, Service %u, slice %u\n",
		      b.unit - a.unit - 1, b.claim - a.claim, b.volume - a.volume,
		      b.pod - a.pod - 2, b.service - a.service, b.slice - a.slice);
	assert_int_equal(b.service - a.service, 1);
	assert_int_equal(b.slice - a.slice, 1);
	assert_in_range(b.unit - a.unit - 1, 1, 5);
	assert_int_equal(b.volume - a.volume, 1);
	assert_int_equal(b.pod - a.pod - 2, 1);
	a = b;
	bed_delete(&u->bed, SIM_POD, "db", "r");
	ubed_live(u, 5000);
	ubed_expect(u, SIM_UNIT, "r", "status.phase", "Ready");
	b = versions();
	print_message("# a pod that was deleted: Unit %u, claim %u, pod %u, slice %u\n",
		      b.unit - a.unit, b.claim - a.claim, b.pod - a.pod - 3, b.slice - a.slice);
	assert_int_equal(b.service - a.service, 0);
	assert_in_range(b.slice - a.slice, 1, 2);
	assert_in_range(b.unit - a.unit, 1, 3);
	assert_int_equal(b.volume - a.volume, 0);
	assert_int_equal(b.pod - a.pod - 3, 1);
	a = b;
	ubed_live(u, 600000);
	b = versions();
	assert_memory_equal(&a, &b, sizeof(a));
}

static void a_pod_comes_back_at_its_address_and_node(void **state)
{
	char first[256];
	char now[256];

	(void)state;
	make(UNIT_JSON("r", "", ""));
	bed_get(&u->bed, SIM_POD, "db", "r", "metadata.uid", first);
	for (int i = 0; i < 3; i++) {
		bed_delete(&u->bed, SIM_POD, "db", "r");
		ubed_live(u, 3000);
		bed_get(&u->bed, SIM_POD, "db", "r", "metadata.uid", now);
		assert_string_not_equal(first, now);
		ubed_expect(u, SIM_UNIT, "r", "status.podUID", now);
		ubed_expect(u, SIM_UNIT, "r", "status.podIPs.0", "10.99.2.1");
		ubed_expect(u, SIM_POD, "r",
			    "spec.affinity.nodeAffinity."
			    "requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms.0."
			    "matchFields.0.values.0",
			    "n1");
	}
}

static void no_pod_without_its_address(void **state)
{
	(void)state;
	bed_put(&u->bed,
		"{\"kind\":\"NetworkClaim\",\"metadata\":{\"name\":\"other\",\"namespace\":\"db\","
		"\"finalizers\":[\"net.barewire.dev/claim\"]},\"spec\":{\"interfaces\":[{\"name\":"
		"\"eth0\",\"network\":\"lan\",\"requestedIPs\":[\"10.99.2.5\"]}]}}");
	bed_run(&u->bed, 1000);
	make(UNIT_JSON("r", "\"address\":\"10.99.2.5\",", ""));
	ubed_expect(u, SIM_POD, "r", "metadata.name", "");
	reason_is("ClaimBound", "AddressInUse");
	reason_is("Ready", "AddressInUse");
	ubed_expect(u, SIM_UNIT, "r", "status.phase", "Pending");
	bed_delete(&u->bed, SIM_CLAIM, "db", "other");
	ubed_live(u, 60000);
	ubed_expect(u, SIM_UNIT, "r", "status.podIPs.0", "10.99.2.5");
	reason_is("ClaimBound", "Bound");
}

static void an_offline_unit_keeps_claim_and_volume(void **state)
{
	char uid[256];

	(void)state;
	make(UNIT_JSON("r", "", ""));
	bed_get(&u->bed, SIM_CLAIM, "db", "r", "metadata.uid", uid);
	change("{\"spec\":{\"startup\":false}}");
	ubed_expect(u, SIM_POD, "r", "metadata.name", "");
	ubed_expect(u, SIM_UNIT, "r", "status.phase", "Stopped");
	ubed_expect(u, SIM_CLAIM, "r", "metadata.uid", uid);
	ubed_expect(u, SIM_VOLUME, "data-r", "metadata.name", "data-r");
	change("{\"spec\":{\"startup\":true}}");
	ubed_expect(u, SIM_UNIT, "r", "status.phase", "Ready");
	ubed_expect(u, SIM_CLAIM, "r", "metadata.uid", uid);
}

static void addresses_are_exchanged_only_offline(void **state)
{
	(void)state;
	make(UNIT_JSON("r", "\"address\":\"10.99.2.5\",", ""));
	change("{\"spec\":{\"networking\":{\"address\":\"10.99.2.6\"}}}");
	reason_is("ClaimDiffers", "ClaimDiffers");
	ubed_expect(u, SIM_UNIT, "r", "status.podIPs.0", "10.99.2.5");
	change("{\"spec\":{\"startup\":false}}");
	ubed_live(u, 5000);
	reason_is("ClaimDiffers", "");
	ubed_expect(u, SIM_CLAIM, "r", "status.interfaces.0.ips.0", "10.99.2.6");
	change("{\"spec\":{\"startup\":true}}");
	ubed_expect(u, SIM_UNIT, "r", "status.podIPs.0", "10.99.2.6");
}

static void deletion_ends_pod_then_claim_and_keeps_the_volume(void **state)
{
	(void)state;
	make(UNIT_JSON("r", "", ""));
	end_unit();
	ubed_expect(u, SIM_UNIT, "r", "metadata.name", "");
	ubed_expect(u, SIM_POD, "r", "metadata.name", "");
	ubed_expect(u, SIM_CLAIM, "r", "metadata.name", "");
	ubed_expect(u, SIM_VOLUME, "data-r", "metadata.name", "data-r");
	ubed_expect(u, SIM_VOLUME, "data-r", "metadata.ownerReferences.0.name", "");
}

static void volumes_go_when_the_unit_says_so(void **state)
{
	(void)state;
	make(UNIT_JSON("r", "", ",\"volumeRetainPolicy\":{\"whenDeleted\":\"Delete\"}"));
	ubed_expect(u, SIM_VOLUME, "data-r", "metadata.ownerReferences.0.name", "");
	end_unit();
	ubed_expect(u, SIM_UNIT, "r", "metadata.name", "");
	ubed_expect(u, SIM_VOLUME, "data-r", "metadata.ownerReferences.0.name", "r");
}

static void a_refused_template_touches_nothing(void **state)
{
	char uid[256];
	struct counts before;
	struct counts after;

	(void)state;
	make(UNIT_JSON("r", "", ""));
	bed_get(&u->bed, SIM_POD, "db", "r", "metadata.uid", uid);
	change("{\"spec\":{\"template\":{\"spec\":{\"dnsPolicy\":\"Nowhere\"}}}}");
	reason_is("TemplateInvalid", "TemplateInvalid");
	ubed_expect(u, SIM_POD, "r", "metadata.uid", uid);
	ubed_expect(u, SIM_UNIT, "r", "status.observedGeneration", "1");
	before = versions();
	ubed_live(u, 120000);
	after = versions();
	assert_memory_equal(&before, &after, sizeof(before));
	change("{\"spec\":{\"template\":{\"spec\":{\"dnsPolicy\":\"Default\"}}}}");
	reason_is("TemplateInvalid", "");
	ubed_expect(u, SIM_POD, "r", "spec.dnsPolicy", "Default");
	ubed_expect(u, SIM_UNIT, "r", "status.observedGeneration", "3");
}

static void a_new_unit_with_a_refused_template_gets_nothing(void **state)
{
	(void)state;
	bed_put(&u->bed,
		"{\"kind\":\"Unit\",\"metadata\":{\"name\":\"r\",\"namespace\":\"db\"},\"spec\":{"
		"\"networking\":{\"network\":\"lan\"},\"template\":{\"spec\":{\"dnsPolicy\":"
		"\"Nowhere\",\"containers\":[{\"name\":\"redis\"}]}}}}");
	ubed_live(u, 5000);
	reason_is("TemplateInvalid", "TemplateInvalid");
	ubed_expect(u, SIM_UNIT, "r", "status.phase", "Failed");
	ubed_expect(u, SIM_CLAIM, "r", "metadata.name", "");
	ubed_expect(u, SIM_POD, "r", "metadata.name", "");
}

static void in_maintenance_nothing_is_written_but_the_status(void **state)
{
	struct counts before;
	struct counts after;

	(void)state;
	make(UNIT_JSON("r", "", ""));
	change("{\"spec\":{\"maintenance\":true}}");
	before = versions();
	bed_delete(&u->bed, SIM_POD, "db", "r");
	ubed_live(u, 5000);
	reason_is("Ready", "Maintenance");
	after = versions();
	assert_int_equal(after.volume, before.volume);
	assert_int_equal(after.pod, before.pod + 1);
	ubed_expect(u, SIM_POD, "r", "metadata.name", "");
	change("{\"spec\":{\"maintenance\":false}}");
	ubed_expect(u, SIM_UNIT, "r", "status.phase", "Ready");
}

static void what_is_somebody_elses_is_left_alone(void **state)
{
	char uid[256];

	(void)state;
	bed_put(&u->bed,
		"{\"kind\":\"Pod\",\"metadata\":{\"name\":\"r\",\"namespace\":\"db\",\"labels\":{"
		"\"db.barewire.dev/unit\":\"r\"},\"annotations\":{\"net.barewire.dev/claim\":"
		"\"x\"}},\"spec\":{}}");
	bed_put(&u->bed, "{\"kind\":\"PersistentVolumeClaim\",\"metadata\":{\"name\":\"data-r\","
			 "\"namespace\":\"db\"},\"spec\":{}}");
	bed_get(&u->bed, SIM_POD, "db", "r", "metadata.uid", uid);
	make(UNIT_JSON("r", "", ""));
	reason_is("PodForeign", "PodForeign");
	reason_is("VolumesReady", "VolumeForeign");
	end_unit();
	ubed_expect(u, SIM_UNIT, "r", "metadata.name", "");
	ubed_expect(u, SIM_POD, "r", "metadata.uid", uid);
	ubed_expect(u, SIM_VOLUME, "data-r", "metadata.ownerReferences.0.name", "");
}

static void a_cordoned_node_is_waited_for(void **state)
{
	(void)state;
	make(UNIT_JSON("r", "", ""));
	bed_merge(&u->bed, SIM_NODE, NULL, "n1", NULL,
		  "{\"spec\":{\"taints\":[{\"key\":\"node.kubernetes.io/unschedulable\","
		  "\"effect\":\"NoSchedule\"}]}}");
	bed_delete(&u->bed, SIM_POD, "db", "r");
	bed_run(&u->bed, 1000);
	reason_is("NodeUnschedulable", "NodeCordoned");
	bed_merge(&u->bed, SIM_NODE, NULL, "n1", NULL, "{\"spec\":{\"taints\":null}}");
	ubed_live(u, 3000);
	reason_is("NodeUnschedulable", "");
	ubed_expect(u, SIM_UNIT, "r", "status.phase", "Ready");
}

static void a_mode_that_is_not_the_pools_makes_nothing(void **state)
{
	(void)state;
	make(UNIT_JSON("r", "\"mode\":\"sriov\",", ""));
	reason_is("ModeMismatch", "ModeMismatch");
	ubed_expect(u, SIM_CLAIM, "r", "metadata.name", "");
	change("{\"spec\":{\"networking\":{\"mode\":\"bridge\"}}}");
	reason_is("ModeMismatch", "");
	ubed_expect(u, SIM_UNIT, "r", "status.phase", "Ready");
}

static void a_pod_that_does_not_come_up_is_made_again(void **state)
{
	char first[256];
	char now[256];

	(void)state;
	bed_put(&u->bed, UNIT_JSON("r", "",
				   ",\"failedPodRecoveryPolicy\":{\"enabled\":true,"
				   "\"thresholdSeconds\":60}"));
	bed_run(&u->bed, 5000);
	bed_get(&u->bed, SIM_POD, "db", "r", "metadata.uid", first);
	assert_true(*first);
	/* Nobody finds a node for it: another pod would find none either. */
	bed_run(&u->bed, 120000);
	ubed_expect(u, SIM_POD, "r", "metadata.uid", first);
	bed_merge(&u->bed, SIM_POD, "db", "r", NULL, "{\"spec\":{\"nodeName\":\"n1\"}}");
	bed_run(&u->bed, 120000);
	ubed_live(u, 3000);
	bed_get(&u->bed, SIM_POD, "db", "r", "metadata.uid", now);
	assert_string_not_equal(first, now);
	ubed_expect(u, SIM_UNIT, "r", "status.phase", "Ready");
}

static void what_ended_is_made_again(void **state)
{
	char first[256];
	char now[256];

	(void)state;
	make(UNIT_JSON("r", "", ""));
	bed_get(&u->bed, SIM_POD, "db", "r", "metadata.uid", first);
	bed_merge(&u->bed, SIM_POD, "db", "r", "status",
		  "{\"status\":{\"phase\":\"Failed\",\"reason\":\"Evicted\"}}");
	bed_run(&u->bed, 20000);
	ubed_live(u, 5000);
	bed_get(&u->bed, SIM_POD, "db", "r", "metadata.uid", now);
	assert_string_not_equal(first, now);
	ubed_expect(u, SIM_UNIT, "r", "status.phase", "Ready");
}

/* CRASHES */

/* A whole life; returns how many writes its controllers sent. */
static unsigned int live_once(unsigned int crash_at)
{
	char ip[256];

	u->crash_at = crash_at;
	u->sent = 0;
	make(UNIT_JSON("r", "", ""));
	ubed_live(u, 15000);
	ubed_expect(u, SIM_UNIT, "r", "status.phase", "Ready");
	bed_get(&u->bed, SIM_UNIT, "db", "r", "status.podIPs.0", ip);
	bed_delete(&u->bed, SIM_POD, "db", "r");
	ubed_live(u, 15000);
	ubed_expect(u, SIM_UNIT, "r", "status.phase", "Ready");
	ubed_expect(u, SIM_UNIT, "r", "status.podIPs.0", ip);
	change("{\"spec\":{\"startup\":false}}");
	ubed_live(u, 15000);
	ubed_expect(u, SIM_UNIT, "r", "status.phase", "Stopped");
	change("{\"spec\":{\"startup\":true,\"template\":{\"spec\":{\"dnsPolicy\":\"Default\"}}}}");
	ubed_live(u, 15000);
	ubed_expect(u, SIM_UNIT, "r", "status.phase", "Ready");
	ubed_expect(u, SIM_UNIT, "r", "status.podIPs.0", ip);
	end_unit();
	ubed_expect(u, SIM_UNIT, "r", "metadata.name", "");
	ubed_expect(u, SIM_CLAIM, "r", "metadata.name", "");
	ubed_expect(u, SIM_VOLUME, "data-r", "metadata.name", "data-r");
	return u->sent;
}

/* I1, after each commit: a pod of a Unit is born only to a claim that is bound. */
static void on_commit(const struct sim_version *v, const char *by, void *arg)
{
	const struct sim_key *k = v->key;
	char text[256];

	(void)by;
	sim_server_committed(arg);
	if (!story_pod_is_born(v))
		return;
	assert_string_equal(
		bed_get(&u->bed, SIM_CLAIM, k->namespace, k->name, "status.phase", text), "Bound");
	assert_true(*bed_get(&u->bed, SIM_CLAIM, k->namespace, k->name, "status.interfaces.0.ips.0",
			     text));
}

static void a_crash_before_any_write_changes_nothing_in_the_end(void **state)
{
	(void)state;
	story_crash_everywhere(live_once, on_commit);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORY(a_unit_gets_claim_volume_pod_and_address),
		STORY(creation_restart_and_rest_cost_what_the_manual_says),
		STORY(a_pod_comes_back_at_its_address_and_node),
		STORY(no_pod_without_its_address),
		STORY(an_offline_unit_keeps_claim_and_volume),
		STORY(addresses_are_exchanged_only_offline),
		STORY(deletion_ends_pod_then_claim_and_keeps_the_volume),
		STORY(volumes_go_when_the_unit_says_so),
		STORY(a_refused_template_touches_nothing),
		STORY(a_new_unit_with_a_refused_template_gets_nothing),
		STORY(in_maintenance_nothing_is_written_but_the_status),
		STORY(what_is_somebody_elses_is_left_alone),
		STORY(a_cordoned_node_is_waited_for),
		STORY(a_mode_that_is_not_the_pools_makes_nothing),
		STORY(a_pod_that_does_not_come_up_is_made_again),
		STORY(what_ended_is_made_again),
		STORY(a_crash_before_any_write_changes_nothing_in_the_end),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
