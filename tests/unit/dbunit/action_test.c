/* SPDX-License-Identifier: Apache-2.0 */
/* Actions of Units: each runs once, is told, can be cancelled, and survives a crash at any write.
 */
#include "actbed.h"

static void a_restart_makes_the_pod_again_where_it_was(void **state)
{
	char first[256];
	char now[256];
	unsigned int units;
	unsigned int pods;

	(void)state;
	make();
	pod_uid(first);
	units = ubed_versions(u, SIM_UNIT);
	pods = ubed_versions(u, SIM_POD);
	change("{\"spec\":{\"action\":{\"id\":\"1\",\"type\":\"Restart\"}}}");
	ubed_live(u, 5000);
	/* Those of the test: the action, and of the pod its node, its status and its end. */
	units = ubed_versions(u, SIM_UNIT) - units - 1;
	pods = ubed_versions(u, SIM_POD) - pods - 3;
	print_message("# a restart: Unit %u, pod %u\n", units, pods);
	assert_in_range(units, 2, 5);
	assert_int_equal(pods, 2);
	pod_uid(now);
	assert_string_not_equal(first, now);
	ended("1", "Succeeded");
	unit_is("status.action.lastReversibleStep", "Prepare");
	unit_is("status.actionsDone.0", "1");
	unit_is("status.podIPs.0", "10.99.2.1");
	unit_is("status.nodeName", "n1");
	unit_is("status.phase", "Ready");
	reason_is("NotFollowed", "");
	assert_int_equal(marked, 1);
}

static void an_id_runs_once_ever(void **state)
{
	char first[256];
	char now[256];

	(void)state;
	make();
	change("{\"spec\":{\"action\":{\"id\":\"1\",\"type\":\"Restart\"}}}");
	ubed_live(u, 5000);
	change("{\"spec\":{\"action\":{\"id\":\"2\",\"type\":\"Restart\"}}}");
	ubed_live(u, 5000);
	ended("2", "Succeeded");
	unit_is("status.actionsDone.0", "1");
	unit_is("status.actionsDone.1", "2");
	pod_uid(first);
	change("{\"spec\":{\"action\":null}}");
	ubed_live(u, 2000);
	change("{\"spec\":{\"action\":{\"id\":\"2\",\"type\":\"Restart\"}}}");
	ubed_live(u, 2000);
	/* The server's rules refuse this one; if they were not there, nothing comes of it. */
	change("{\"spec\":{\"action\":{\"id\":\"1\",\"type\":\"Restart\"}}}");
	ubed_live(u, 5000);
	bed_delete(&u->bed, SIM_POD, "db", "r");
	ubed_live(u, 5000);
	pod_uid(now);
	assert_string_not_equal(first, now);
	ended("2", "Succeeded");
	assert_int_equal(marked, 2);
}

static void thirty_two_ids_are_remembered(void **state)
{
	char text[256];

	(void)state;
	make();
	for (int i = 0; i < 34; i++) {
		(void)snprintf(text, sizeof(text),
			       "{\"spec\":{\"action\":{\"id\":\"a%d\",\"type\":\"Restart\","
			       "\"cancel\":true}}}",
			       i);
		change(text);
		ubed_live(u, 500);
		ended(bed_get(&u->bed, SIM_UNIT, "db", "r", "spec.action.id", text), "Cancelled");
	}
	unit_is("status.actionsDone.0", "a2");
	unit_is("status.actionsDone.31", "a33");
	unit_is("status.actionsDone.32", "");
	assert_int_equal(marked, 0);
}

static void another_id_waits_for_the_one_that_runs(void **state)
{
	(void)state;
	make();
	change("{\"spec\":{\"action\":{\"id\":\"1\",\"type\":\"Restart\"}}}");
	bed_run(&u->bed, 2000); /* nobody plays kubelet */
	unit_is("status.action.phase", "Running");
	unit_is("status.action.step", "Stop");
	change("{\"spec\":{\"action\":{\"id\":\"2\",\"type\":\"Migrate\"}}}");
	bed_run(&u->bed, 2000);
	unit_is("status.action.id", "1");
	reason_is("ActionWaiting", "ActionRunning");
	ubed_live(u, 10000);
	ended("2", "Succeeded");
	reason_is("ActionWaiting", "");
	unit_is("status.actionsDone.0", "1");
	unit_is("status.nodeName", "n2");
	assert_int_equal(marked, 2);
}

static void in_maintenance_an_action_waits(void **state)
{
	char first[256];

	(void)state;
	make();
	pod_uid(first);
	change("{\"spec\":{\"maintenance\":true,\"action\":{\"id\":\"1\",\"type\":\"Restart\"}}}");
	ubed_live(u, 5000);
	reason_is("ActionWaiting", "Maintenance");
	ubed_expect(u, SIM_POD, "r", "metadata.uid", first);
	unit_is("status.action.id", "");
	change("{\"spec\":{\"maintenance\":false}}");
	ubed_live(u, 5000);
	ended("1", "Succeeded");
}

static void a_refused_template_keeps_the_action_before_its_first_step(void **state)
{
	char first[256];

	(void)state;
	make();
	pod_uid(first);
	change("{\"spec\":{\"template\":{\"spec\":{\"dnsPolicy\":\"Nowhere\"}},\"action\":{"
	       "\"id\":\"1\",\"type\":\"Restart\"}}}");
	ubed_live(u, 5000);
	unit_is("status.action.step", "Prepare");
	ubed_expect(u, SIM_POD, "r", "metadata.uid", first);
	change("{\"spec\":{\"action\":{\"cancel\":true}}}");
	ubed_live(u, 5000);
	ended("1", "Cancelled");
	ubed_expect(u, SIM_POD, "r", "metadata.uid", first);
}

static void a_restart_that_is_cancelled_late_says_so(void **state)
{
	char first[256];
	char now[256];

	(void)state;
	make();
	pod_uid(first);
	change("{\"spec\":{\"action\":{\"id\":\"1\",\"type\":\"Restart\"}}}");
	bed_run(&u->bed, 2000);
	change("{\"spec\":{\"action\":{\"cancel\":true}}}");
	ubed_live(u, 10000);
	ended("1", "Failed");
	reason_is("ActionFailed", "CancelledTooLate");
	pod_uid(now);
	assert_string_not_equal(first, now);
	unit_is("status.phase", "Ready");
}

static void force_does_not_wait(void **state)
{
	(void)state;
	make();
	change("{\"spec\":{\"action\":{\"id\":\"1\",\"type\":\"Restart\",\"force\":true}}}");
	bed_run(&u->bed, 2000);
	ubed_expect(u, SIM_POD, "r", "metadata.deletionGracePeriodSeconds", "1");
	ubed_live(u, 5000);
	ended("1", "Succeeded");
}

/* MIGRATE */

static void a_migration_keeps_address_and_volume(void **state)
{
	char uid[256];

	(void)state;
	make();
	bed_get(&u->bed, SIM_VOLUME, "db", "data-r", "metadata.uid", uid);
	change("{\"spec\":{\"action\":{\"id\":\"1\",\"type\":\"Migrate\",\"nodeName\":\"n2\"}}}");
	ubed_live(u, 8000);
	ended("1", "Succeeded");
	unit_is("status.action.fromNode", "n1");
	unit_is("status.action.nodeName", "n2");
	unit_is("status.nodeName", "n2");
	unit_is("status.podIPs.0", "10.99.2.1");
	ubed_expect(u, SIM_VOLUME, "data-r", "metadata.uid", uid);
	/* And it stays there. */
	bed_delete(&u->bed, SIM_POD, "db", "r");
	ubed_live(u, 5000);
	unit_is("status.nodeName", "n2");
	unit_is("status.phase", "Ready");
	assert_int_equal(marked, 1);
}

static void a_migration_leaves_a_cordoned_node(void **state)
{
	(void)state;
	make();
	bed_merge(&u->bed, SIM_NODE, NULL, "n1", NULL,
		  "{\"spec\":{\"taints\":[{\"key\":\"node.kubernetes.io/unschedulable\","
		  "\"effect\":\"NoSchedule\"}]}}");
	bed_delete(&u->bed, SIM_POD, "db", "r");
	ubed_live(u, 5000);
	reason_is("NodeUnschedulable", "NodeCordoned");
	change("{\"spec\":{\"action\":{\"id\":\"1\",\"type\":\"Migrate\"}}}");
	ubed_live(u, 8000);
	ended("1", "Succeeded");
	reason_is("NodeUnschedulable", "");
	unit_is("status.nodeName", "n2");
}

static void cordon_n2(void)
{
	bed_merge(&u->bed, SIM_NODE, NULL, "n2", NULL,
		  "{\"spec\":{\"taints\":[{\"key\":\"node.kubernetes.io/unschedulable\","
		  "\"effect\":\"NoSchedule\"}]}}");
}

static void a_migration_that_does_not_get_there_can_go_back(void **state)
{
	(void)state;
	make();
	cordon_n2();
	change("{\"spec\":{\"action\":{\"id\":\"1\",\"type\":\"Migrate\",\"nodeName\":\"n2\"}}}");
	ubed_live(u, 60000);
	unit_is("status.action.phase", "Running");
	unit_is("status.action.step", "Start");
	unit_is("status.action.lastReversibleStep", "Start");
	reason_is("NodeUnschedulable", "NodeCordoned");
	change("{\"spec\":{\"action\":{\"cancel\":true}}}");
	ubed_live(u, 10000);
	ended("1", "Cancelled");
	unit_is("status.nodeName", "n1");
	unit_is("status.phase", "Ready");
	unit_is("status.podIPs.0", "10.99.2.1");
	reason_is("NodeUnschedulable", "");
}

/* What is wrong may be the node where it was: going back is over, and another node can be named. */
static void a_cancelled_migration_does_not_wait_for_the_old_node(void **state)
{
	(void)state;
	make();
	cordon_n2();
	bed_merge(&u->bed, SIM_NODE, NULL, "n1", NULL,
		  "{\"spec\":{\"taints\":[{\"key\":\"node.kubernetes.io/unschedulable\","
		  "\"effect\":\"NoSchedule\"}]}}");
	change("{\"spec\":{\"action\":{\"id\":\"1\",\"type\":\"Migrate\",\"nodeName\":\"n2\"}}}");
	ubed_live(u, 5000);
	unit_is("status.action.phase", "Running");
	change("{\"spec\":{\"action\":{\"cancel\":true}}}");
	ubed_live(u, 5000);
	ended("1", "Cancelled");
	unit_is("status.phase", "Pending");
	unit_is("status.nodeName", "n1");
	bed_merge(&u->bed, SIM_NODE, NULL, "n2", NULL, "{\"spec\":{\"taints\":null}}");
	change("{\"spec\":{\"action\":{\"id\":\"2\",\"type\":\"Migrate\",\"cancel\":false}}}");
	ubed_live(u, 8000);
	ended("2", "Succeeded");
	unit_is("status.nodeName", "n2");
}

/* Cancelled after the pod has a node and before it is Ready there. */
static void a_migration_goes_back_from_its_new_node(void **state)
{
	char node[256] = "";

	(void)state;
	make();
	change("{\"spec\":{\"action\":{\"id\":\"1\",\"type\":\"Migrate\",\"nodeName\":\"n2\"}}}");
	for (int i = 0; i < 100 && strcmp(node, "n2") != 0; i++) {
		ubed_live(u, 100);
		bed_get(&u->bed, SIM_POD, "db", "r", "spec.nodeName", node);
	}
	assert_string_equal(node, "n2");
	change("{\"spec\":{\"action\":{\"cancel\":true}}}");
	bed_run(&u->bed, 1000);
	unit_is("status.action.phase", "Cancelling");
	ubed_live(u, 10000);
	ended("1", "Cancelled");
	unit_is("status.nodeName", "n1");
	unit_is("status.phase", "Ready");
}

static void a_migration_that_has_not_begun_to_move_goes_back_with_its_pod(void **state)
{
	char first[256];

	(void)state;
	make();
	pod_uid(first);
	/* Written by a leader that ended before it deleted the pod. */
	ctl_ipam_lead(u->bed.ipam, 0);
	change("{\"spec\":{\"action\":{\"id\":\"1\",\"type\":\"Migrate\",\"cancel\":true}}}");
	bed_merge(&u->bed, SIM_UNIT, "db", "r", "status",
		  "{\"status\":{\"action\":{\"id\":\"1\",\"type\":\"Migrate\",\"phase\":"
		  "\"Running\",\"step\":\"Stop\",\"fromNode\":\"n1\"}}}");
	ubed_boot(u);
	ubed_live(u, 5000);
	ended("1", "Cancelled");
	ubed_expect(u, SIM_POD, "r", "metadata.uid", first);
}

#define PV(terms_)                                                                                 \
	"{\"kind\":\"PersistentVolume\",\"metadata\":{\"name\":\"pv\"},\"spec\":{\"claimRef\":{"   \
	"\"namespace\":\"db\",\"name\":\"data-r\"},\"nodeAffinity\":{\"required\":{"               \
	"\"nodeSelectorTerms\":[" terms_ "]}}}}"
#define ON(key_, values_)                                                                          \
	"{\"matchExpressions\":[{\"key\":\"" key_ "\",\"operator\":\"In\",\"values\":[" values_    \
	"]}]}"

/* What is refused before anything is touched, and what is not. */
static void what_a_migration_needs(void **state)
{
	static const struct {
		const char *what;
		const char *pv; /* NULL = none */
		const char *action; /* behind the type */
		const char *phase;
		const char *reason; /* of ActionFailed */
		const char *node; /* of the volume */
	} all[] = {
		{ "a local volume", PV(ON("kubernetes.io/hostname", "\"n1\"")), "", "Failed",
		  "NodeBoundVolume", "n1" },
		{ "another driver's key", PV(ON("topology.example.org/node", "\"n1\"")), "",
		  "Failed", "NodeBoundVolume", "n1" },
		{ "a local volume and a node", PV(ON("kubernetes.io/hostname", "\"n1\"")),
		  ",\"nodeName\":\"n2\"", "Failed", "NodeBoundVolume", "n1" },
		{ "two nodes see it", PV(ON("kubernetes.io/hostname", "\"n1\",\"n2\"")), "",
		  "Succeeded", "", "" },
		{ "two nodes, two alternatives",
		  PV(ON("kubernetes.io/hostname", "\"n1\"") "," ON("kubernetes.io/hostname",
								   "\"n2\"")),
		  "", "Succeeded", "", "" },
		{ "a zone", PV(ON("topology.kubernetes.io/zone", "\"a\"")), "", "Succeeded", "",
		  "" },
		{ "no such node", NULL, ",\"nodeName\":\"n9\"", "Failed", "NodeUnknown", "" },
		{ "there already", NULL, ",\"nodeName\":\"n1\"", "Succeeded", "", "" },
	};

	for (size_t i = 0; i < BW_ARRAY_SIZE(all); i++) {
		char text[256];

		if (i) {
			action_begin_again(state);
		}
		print_message("# %s\n", all[i].what);
		make();
		if (all[i].pv) {
			bed_merge(&u->bed, SIM_VOLUME, "db", "data-r", NULL,
				  "{\"spec\":{\"volumeName\":\"pv\"}}");
			bed_put(&u->bed, all[i].pv);
			ubed_live(u, 1000);
		}
		unit_is("status.volumes.0.nodeName", all[i].node);
		(void)snprintf(text, sizeof(text),
			       "{\"spec\":{\"action\":{\"id\":\"1\",\"type\":\"Migrate\"%s}}}",
			       all[i].action);
		change(text);
		ubed_live(u, 8000);
		ended("1", all[i].phase);
		reason_is("ActionFailed", all[i].reason);
		unit_is("status.phase", "Ready");
		assert_int_equal(marked, !*all[i].reason && !strstr(all[i].action, "n1"));
	}
}

static void an_offline_unit_is_told(void **state)
{
	(void)state;
	make();
	change("{\"spec\":{\"startup\":false}}");
	ubed_live(u, 5000);
	change("{\"spec\":{\"action\":{\"id\":\"1\",\"type\":\"Restart\"}}}");
	ubed_live(u, 2000);
	ended("1", "Failed");
	reason_is("ActionFailed", "UnitOffline");
	change("{\"spec\":{\"startup\":true,\"action\":{\"id\":\"2\",\"type\":\"Restart\"}}}");
	ubed_live(u, 5000);
	ended("2", "Succeeded");
	reason_is("ActionFailed", "");
}

/* CRASHES */

/* Each action and a way back; returns how many writes the controllers sent. */
static unsigned int live_once(unsigned int crash_at)
{
	u->crash_at = crash_at;
	u->sent = 0;
	make();
	change("{\"spec\":{\"action\":{\"id\":\"1\",\"type\":\"Restart\"}}}");
	ubed_live(u, 15000);
	ended("1", "Succeeded");
	unit_is("status.nodeName", "n1");
	change("{\"spec\":{\"action\":{\"id\":\"2\",\"type\":\"Migrate\"}}}");
	ubed_live(u, 15000);
	ended("2", "Succeeded");
	unit_is("status.nodeName", "n2");
	/* Exactly one pod each, whenever the controller ended. */
	assert_int_equal(marked, 2);
	bed_merge(&u->bed, SIM_NODE, NULL, "n1", NULL,
		  "{\"spec\":{\"taints\":[{\"key\":\"x\",\"effect\":\"NoSchedule\"}]}}");
	change("{\"spec\":{\"action\":{\"id\":\"3\",\"type\":\"Migrate\",\"nodeName\":\"n1\"}}}");
	ubed_live(u, 15000);
	unit_is("status.action.phase", "Running");
	change("{\"spec\":{\"action\":{\"cancel\":true}}}");
	ubed_live(u, 15000);
	ended("3", "Cancelled");
	assert_int_equal(marked, 3);
	unit_is("status.nodeName", "n2");
	unit_is("status.phase", "Ready");
	unit_is("status.podIPs.0", "10.99.2.1");
	unit_is("status.actionsDone.2", "3");
	unit_is("status.actionsDone.3", "");
	return u->sent;
}

static void a_crash_before_any_write_of_an_action_changes_nothing_in_the_end(void **state)
{
	action_crash_everywhere(state, live_once, "three actions");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ACTION_STORY(a_restart_makes_the_pod_again_where_it_was),
		ACTION_STORY(an_id_runs_once_ever),
		ACTION_STORY(thirty_two_ids_are_remembered),
		ACTION_STORY(another_id_waits_for_the_one_that_runs),
		ACTION_STORY(in_maintenance_an_action_waits),
		ACTION_STORY(a_refused_template_keeps_the_action_before_its_first_step),
		ACTION_STORY(a_restart_that_is_cancelled_late_says_so),
		ACTION_STORY(force_does_not_wait),
		ACTION_STORY(a_migration_keeps_address_and_volume),
		ACTION_STORY(a_migration_leaves_a_cordoned_node),
		ACTION_STORY(a_migration_that_does_not_get_there_can_go_back),
		ACTION_STORY(a_cancelled_migration_does_not_wait_for_the_old_node),
		ACTION_STORY(a_migration_goes_back_from_its_new_node),
		ACTION_STORY(a_migration_that_has_not_begun_to_move_goes_back_with_its_pod),
		ACTION_STORY(what_a_migration_needs),
		ACTION_STORY(an_offline_unit_is_told),
		ACTION_STORY(a_crash_before_any_write_of_an_action_changes_nothing_in_the_end),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
