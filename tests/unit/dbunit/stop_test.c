/* SPDX-License-Identifier: Apache-2.0 */
/* Stories of Units whose process is stopped and started while their pod stays. */
#include "stopbed.h"

#define POD(more_)                                                                                 \
	"{\"kind\":\"Unit\",\"metadata\":{\"name\":\"r\",\"namespace\":\"db\"},\"spec\":{"         \
	"\"mainContainerName\":\"redis\",\"startup\":true,\"networking\":{\"network\":\"lan\"},"   \
	"\"template\":{\"spec\":{\"containers\":[{\"name\":\"redis\",\"image\":\"redis\"" more_    \
	"}]}}}}"
#define COMMAND ",\"command\":[\"redis-server\"]"

static struct ubed *const u = &sb.u;

static void unit_is(const char *path, const char *want)
{
	ubed_expect(u, SIM_UNIT, "r", path, want);
}

static void stopped_is(const char *reason)
{
	char got[256];

	assert_string_equal(ubed_reason(u, "r", "Stopped", got), reason);
}

static void ready_is(const char *reason)
{
	char got[256];

	assert_string_equal(ubed_reason(u, "r", "Ready", got), reason);
}

/* The message of the condition Stopped. */
static const char *message(char out[256])
{
	char path[64];
	char is[256];

	for (int i = 0; i < 16; i++) {
		(void)snprintf(path, sizeof(path), "status.conditions.%d.type", i);
		if (strcmp(bed_get(&u->bed, SIM_UNIT, "db", "r", path, is), "Stopped") != 0)
			continue;
		(void)snprintf(path, sizeof(path), "status.conditions.%d.message", i);
		return bed_get(&u->bed, SIM_UNIT, "db", "r", path, out);
	}
	out[0] = '\0';
	return out;
}

static void pod_uid(char out[256])
{
	bed_get(&u->bed, SIM_POD, "db", "r", "metadata.uid", out);
}

static void change(const char *json, int64_t ms)
{
	bed_merge(&u->bed, SIM_UNIT, "db", "r", NULL, json);
	stopbed_live(ms);
}

static void want(int startup, int64_t ms)
{
	change(startup ? "{\"spec\":{\"startup\":true}}" : "{\"spec\":{\"startup\":false}}", ms);
}

static void make(const char *json, char uid[256])
{
	bed_put(&u->bed, json);
	stopbed_live(5000);
	unit_is("status.phase", "Ready");
	pod_uid(uid);
	assert_true(*uid);
}

static void is_stopped(const char *uid)
{
	char is[256];

	unit_is("status.phase", "Stopped");
	unit_is("status.processState", "Stopped");
	unit_is("status.podUID", uid);
	stopped_is("Stopped");
	ready_is("Stopped");
	pod_uid(is);
	assert_string_equal(is, uid);
	assert_int_equal(sb.stop_file, 1);
}

static void is_ready(const char *uid)
{
	char is[256];

	unit_is("status.phase", "Ready");
	unit_is("status.processState", "Running");
	stopped_is("");
	ready_is("Ready");
	pod_uid(is);
	assert_string_equal(is, uid);
	assert_int_equal(sb.stop_file, 0);
}

/* exec goes by the pod's name: who has it meanwhile says that another one was meant. */
static void another_pod_of_the_name_is_not_stopped(void **state)
{
	char uid[256];
	char is[256];

	(void)state;
	make(POD(COMMAND), uid);
	sb.replaced = 1;
	want(0, 15000);
	assert_true(sb.n > 2);
	assert_int_equal(sb.stop_file, 0);
	assert_string_equal(ubed_reason(u, "r", "Stopped", is), "Stopping");
	sb.replaced = 0;
	stopbed_live(40000);
	is_stopped(uid);
}

static void the_process_stops_and_starts_and_the_pod_stays(void **state)
{
	char uid[256];
	unsigned int units;

	(void)state;
	make(POD(COMMAND), uid);
	ubed_expect(u, SIM_POD, "r", "spec.containers.0.command.0", "/barewire/barewire-launch");
	assert_int_equal(sb.n, 0);
	units = ubed_versions(u, SIM_UNIT);
	want(0, 5000);
	is_stopped(uid);
	assert_int_equal(sb.n, 1);
	assert_string_equal(sb.log[0], "stop -t 30");
	/* The test's own, Stopping, Stopped. */
	assert_int_equal(ubed_versions(u, SIM_UNIT) - units, 3);
	/* At rest nobody is asked and nothing is written. */
	stopbed_live(600000);
	is_stopped(uid);
	assert_int_equal(sb.n, 1);
	assert_int_equal(ubed_versions(u, SIM_UNIT) - units, 3);
	want(1, 5000);
	is_ready(uid);
	assert_int_equal(sb.n, 2);
	assert_string_equal(sb.log[1], "start");
	assert_int_equal(sb.starts, 1);
	/* The test's own, Starting, not stopped, Ready. */
	assert_in_range(ubed_versions(u, SIM_UNIT) - units, 5, 7);
	stopbed_live(600000);
	assert_int_equal(sb.n, 2);
}

/* By hand in the container, or by a command that was given up and came late. */
static void what_nobody_declared_stopped_is_started(void **state)
{
	char uid[256];

	(void)state;
	make(POD(COMMAND), uid);
	(void)snprintf(sb.uid, sizeof(sb.uid), "%s", uid);
	sb.stop_file = 1;
	stopbed_live(25000);
	stopped_is("");
	unit_is("status.phase", "Running");
	assert_int_equal(sb.n, 0);
	stopbed_live(10000);
	is_ready(uid);
	assert_string_equal(sb.log[0], "status");
	assert_string_equal(sb.log[1], "start");
	assert_int_equal(sb.starts, 1);
	stopbed_live(600000);
	is_ready(uid);
	assert_int_equal(sb.n, 2);
}

static void a_database_that_takes_its_time_is_only_looked_at(void **state)
{
	char uid[256];
	char now[CTL_STAMP_MAX];
	char text[256];
	unsigned int units;

	(void)state;
	make(POD(COMMAND), uid);
	(void)snprintf(text, sizeof(text),
		       "{\"status\":{\"conditions\":[{\"type\":\"Ready\",\"status\":\"False\","
		       "\"lastTransitionTime\":\"%s\"}]}}",
		       ctl_stamp(bw_loop_real_s(u->bed.loop), now));
	bed_merge(&u->bed, SIM_POD, "db", "r", "status", text);
	ubed_live(u, 25000);
	units = ubed_versions(u, SIM_UNIT);
	ubed_live(u, 300000);
	unit_is("status.phase", "Running");
	stopped_is("");
	assert_in_range(sb.n, 8, 12);
	for (size_t i = 0; i < sb.n; i++)
		assert_string_equal(sb.log[i], "status");
	assert_int_equal(ubed_versions(u, SIM_UNIT), units);
}

static void who_names_no_command_is_refused_and_runs_on(void **state)
{
	char uid[256];
	char text[256];

	(void)state;
	make(POD(""), uid);
	ubed_expect(u, SIM_POD, "r", "spec.containers.0.command.0", "");
	ubed_expect(u, SIM_POD, "r", "spec.initContainers.0.name", "");
	want(0, 5000);
	stopped_is("NoCommand");
	ready_is("Ready");
	unit_is("status.phase", "Ready");
	assert_non_null(strstr(message(text), "write command into the template"));
	bed_get(&u->bed, SIM_UNIT, "db", "r", "status.task", text);
	assert_non_null(strstr(text, "is not stopped"));
	pod_uid(text);
	assert_string_equal(text, uid);
	want(1, 5000);
	stopped_is("");
	unit_is("status.task", "");
	assert_int_equal(sb.n, 0);
}

static void a_probe_that_would_end_the_container_refuses_the_stop(void **state)
{
	char uid[256];

	(void)state;
	make(POD(COMMAND ",\"livenessProbe\":{\"grpc\":{\"port\":1}}"), uid);
	ubed_expect(u, SIM_POD, "r", "spec.containers.0.command.0", "redis-server");
	want(0, 5000);
	stopped_is("ProbeNotSupported");
	unit_is("status.phase", "Ready");
}

static void a_process_that_takes_its_time_is_asked_again(void **state)
{
	char uid[256];

	(void)state;
	make(POD(COMMAND), uid);
	sb.slow = 1;
	want(0, 10000);
	stopped_is("Stopping");
	unit_is("status.processState", "Running");
	assert_string_equal(sb.log[0], "stop -t 30");
	assert_string_equal(sb.log[1], "status");
	assert_in_range(sb.n, 3, 7);
	sb.slow = 0;
	stopbed_live(10000);
	is_stopped(uid);
	for (size_t i = 1; i < sb.n; i++)
		assert_string_equal(sb.log[i], "status");
}

static void a_command_that_fails_is_told_of_and_tried_again(void **state)
{
	static const struct {
		enum exec_fate fate;
		const char *text;
	} all[] = {
		{ EXEC_FORBIDDEN, "barewire-controller-exec" },
		{ EXEC_BROKEN, "no such \"file\"" },
	};
	char uid[256];
	char text[256];
	size_t n;

	(void)state;
	make(POD(COMMAND), uid);
	for (size_t i = 0; i < BW_ARRAY_SIZE(all); i++) {
		sb.fate = all[i].fate;
		n = sb.n;
		want(0, 20000);
		stopped_is("StopFailed");
		if (!strstr(message(text), all[i].text))
			fail_msg("%s", text);
		assert_int_equal(sb.n, n + 1);
		sb.fate = EXEC_PASS;
		stopbed_live(40000);
		is_stopped(uid);
		sb.fate = all[i].fate;
		want(1, 20000);
		stopped_is("StartFailed");
		assert_non_null(strstr(message(text), all[i].text));
		sb.fate = EXEC_PASS;
		stopbed_live(40000);
		is_ready(uid);
	}
}

static void an_answer_that_is_lost_is_asked_for(void **state)
{
	char uid[256];

	(void)state;
	make(POD(COMMAND), uid);
	sb.fate = EXEC_LOST;
	want(0, 1000);
	sb.fate = EXEC_PASS;
	stopbed_live(10000);
	is_stopped(uid);
	assert_string_equal(sb.log[1], "status");
	sb.fate = EXEC_LOST;
	want(1, 1000);
	sb.fate = EXEC_PASS;
	stopbed_live(60000);
	is_ready(uid);
}

static void who_loses_a_stopped_pod_is_offline_until_started(void **state)
{
	char uid[256];
	char other[256];

	(void)state;
	make(POD(COMMAND), uid);
	want(0, 5000);
	is_stopped(uid);
	bed_delete(&u->bed, SIM_POD, "db", "r");
	stopbed_live(5000);
	pod_uid(other);
	assert_string_equal(other, "");
	unit_is("status.phase", "Stopped");
	ready_is("Offline");
	stopped_is("");
	want(1, 5000);
	pod_uid(other);
	assert_string_not_equal(other, uid);
	unit_is("status.phase", "Ready");
	stopped_is("");
	assert_int_equal(sb.n, 1);
}

static void another_template_waits_for_the_start(void **state)
{
	char uid[256];
	char other[256];

	(void)state;
	make(POD(COMMAND), uid);
	want(0, 5000);
	change("{\"spec\":{\"template\":{\"spec\":{\"containers\":[{\"name\":\"redis\",\"image\":"
	       "\"redis:2\",\"command\":[\"redis-server\"]}]}}}}",
	       5000);
	is_stopped(uid);
	want(1, 5000);
	pod_uid(other);
	assert_string_not_equal(other, uid);
	ubed_expect(u, SIM_POD, "r", "spec.containers.0.image", "redis:2");
	unit_is("status.phase", "Ready");
	stopped_is("");
}

static void who_is_started_by_hand_is_stopped_again(void **state)
{
	char uid[256];

	(void)state;
	make(POD(COMMAND), uid);
	want(0, 5000);
	is_stopped(uid);
	sb.stop_file = 0;
	stopbed_live(60000);
	is_stopped(uid);
	assert_int_equal(sb.starts, 1);
	assert_string_equal(sb.log[1], "status");
	assert_string_equal(sb.log[2], "stop -t 30");
}

static void a_node_that_does_not_answer_is_not_asked(void **state)
{
	char uid[256];

	(void)state;
	make(POD(COMMAND), uid);
	bed_merge(&u->bed, SIM_POD, "db", "r", "status",
		  "{\"status\":{\"conditions\":[{\"type\":\"Ready\",\"status\":\"Unknown\"}]}}");
	want(0, 60000);
	assert_int_equal(sb.n, 0);
	ready_is("NodeUnreachable");
	bed_merge(&u->bed, SIM_POD, "db", "r", "status",
		  "{\"status\":{\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\"}]}}");
	stopbed_live(5000);
	is_stopped(uid);
}

static void a_container_that_does_not_run_is_waited_for(void **state)
{
	char uid[256];

	(void)state;
	make(POD(COMMAND), uid);
	bed_merge(&u->bed, SIM_POD, "db", "r", "status",
		  "{\"status\":{\"containerStatuses\":[{\"name\":\"redis\",\"state\":{\"waiting\":{"
		  "\"reason\":\"CrashLoopBackOff\"}}}]}}");
	want(0, 60000);
	stopped_is("Stopping");
	assert_int_equal(sb.n, 0);
	bed_merge(
		&u->bed, SIM_POD, "db", "r", "status",
		"{\"status\":{\"containerStatuses\":[{\"name\":\"redis\",\"state\":{\"running\":{}}}]"
		"}}");
	stopbed_live(5000);
	is_stopped(uid);
	/* Its file is there: a container that comes up again stays without the process. */
	bed_merge(&u->bed, SIM_POD, "db", "r", "status",
		  "{\"status\":{\"containerStatuses\":[{\"name\":\"redis\",\"state\":{\"waiting\":{"
		  "\"reason\":\"CrashLoopBackOff\"}}}]}}");
	stopbed_live(5000);
	is_stopped(uid);
	assert_int_equal(sb.n, 1);
}

static void a_pod_that_has_not_begun_goes(void **state)
{
	char uid[256];

	(void)state;
	bed_put(&u->bed, "{\"kind\":\"Node\",\"metadata\":{\"name\":\"n2\"}}");
	bed_put(&u->bed, POD(COMMAND));
	bed_run(&u->bed, 3000); /* no kubelet */
	want(0, 5000);
	pod_uid(uid);
	assert_string_equal(uid, "");
	unit_is("status.phase", "Stopped");
	assert_int_equal(sb.n, 0);
}

static void maintenance_leaves_the_process_as_it_is(void **state)
{
	char uid[256];

	(void)state;
	make(POD(COMMAND), uid);
	change("{\"spec\":{\"maintenance\":true,\"startup\":false}}", 5000);
	assert_int_equal(sb.n, 0);
	change("{\"spec\":{\"maintenance\":false}}", 5000);
	is_stopped(uid);
	change("{\"spec\":{\"maintenance\":true,\"startup\":true}}", 5000);
	assert_int_equal(sb.n, 1);
	change("{\"spec\":{\"maintenance\":false}}", 5000);
	is_ready(uid);
}

static void without_the_right_a_stopped_unit_starts_by_another_pod(void **state)
{
	char uid[256];
	char other[256];

	(void)state;
	make(POD(COMMAND), uid);
	want(0, 5000);
	is_stopped(uid);
	u->launch_image = NULL;
	ubed_boot(u);
	stopbed_live(5000);
	/* It goes offline, as every stop does then. */
	pod_uid(other);
	assert_string_equal(other, "");
	want(1, 5000);
	unit_is("status.phase", "Ready");
	ubed_expect(u, SIM_POD, "r", "spec.containers.0.command.0", "redis-server");
	assert_int_equal(sb.n, 1);
}

static void who_changes_their_mind_gets_what_was_said_last(void **state)
{
	char uid[256];

	(void)state;
	make(POD(COMMAND), uid);
	for (int i = 0; i < 24; i++) {
		want(i & 1, 20 * i);
		sb.slow = i % 5 == 0;
	}
	sb.slow = 0;
	stopbed_live(60000);
	is_ready(uid);
	for (int i = 0; i < 25; i++) {
		bed_merge(&u->bed, SIM_UNIT, "db", "r", NULL,
			  i & 1 ? "{\"spec\":{\"startup\":true}}"
				: "{\"spec\":{\"startup\":false}}");
		bed_run(&u->bed, 7 * i);
	}
	stopbed_live(60000);
	is_stopped(uid);
}

/* Made, stopped, started, stopped, deleted. Return: calls that it took. */
static unsigned int life(unsigned int crash_at)
{
	const struct sim_delete opts = { .grace_s = -1 };
	struct sim_reply r = { 0 };
	unsigned int before;
	char uid[256];

	assert_int_equal(stopbed_set_up(NULL), 0);
	before = u->sent;
	u->crash_at = crash_at ? before + crash_at : 0;
	bed_put(&u->bed, POD(COMMAND));
	stopbed_live(20000);
	pod_uid(uid);
	unit_is("status.phase", "Ready");
	want(0, 45000);
	is_stopped(uid);
	want(1, 45000);
	is_ready(uid);
	want(0, 45000);
	is_stopped(uid);
	assert_int_equal(sb.starts, 1);
	sim_store_delete(u->bed.store, &sim_kinds[SIM_UNIT], "db", "r", &opts, &r);
	stopbed_live(60000);
	assert_int_equal(bed_count(&u->bed, SIM_UNIT), 0);
	assert_int_equal(bed_count(&u->bed, SIM_POD), 0);
	before = u->sent - before;
	assert_int_equal(stopbed_tear_down(NULL), 0);
	return before;
}

static void a_crash_before_any_call_changes_nothing_of_the_end(void **state)
{
	(void)state;
	stopbed_crash_everywhere(life, 20, 80);
}

#define TEST(name_) cmocka_unit_test_setup_teardown(name_, stopbed_set_up, stopbed_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_process_stops_and_starts_and_the_pod_stays),
		TEST(another_pod_of_the_name_is_not_stopped),
		TEST(what_nobody_declared_stopped_is_started),
		TEST(a_database_that_takes_its_time_is_only_looked_at),
		TEST(who_names_no_command_is_refused_and_runs_on),
		TEST(a_probe_that_would_end_the_container_refuses_the_stop),
		TEST(a_process_that_takes_its_time_is_asked_again),
		TEST(a_command_that_fails_is_told_of_and_tried_again),
		TEST(an_answer_that_is_lost_is_asked_for),
		TEST(who_loses_a_stopped_pod_is_offline_until_started),
		TEST(another_template_waits_for_the_start),
		TEST(who_is_started_by_hand_is_stopped_again),
		TEST(a_node_that_does_not_answer_is_not_asked),
		TEST(a_container_that_does_not_run_is_waited_for),
		TEST(a_pod_that_has_not_begun_goes),
		TEST(maintenance_leaves_the_process_as_it_is),
		TEST(without_the_right_a_stopped_unit_starts_by_another_pod),
		TEST(who_changes_their_mind_gets_what_was_said_last),
		TEST(a_crash_before_any_call_changes_nothing_of_the_end),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
