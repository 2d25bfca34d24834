/* SPDX-License-Identifier: Apache-2.0 */
/* Other cpu and memory for a pod that runs: in place, or told why not, or by way of another pod. */
#include "story.h"

#define UNIT(requests_, limits_, more_)                                                            \
	"{\"kind\":\"Unit\",\"metadata\":{\"name\":\"r\",\"namespace\":\"db\"},\"spec\":{"         \
	"\"mainContainerName\":\"redis\",\"startup\":true,\"nodePolicy\":\"Required\","            \
	"\"networking\":{\"network\":\"lan\"},\"template\":{\"spec\":{\"containers\":["            \
	"{\"name\":\"redis\",\"image\":\"redis\",\"resources\":{" requests_ "\"limits\":{" limits_ \
	"}}},{\"name\":\"other\",\"image\":\"other\"}]}}" more_ "}}"
#define CONTAINERS(image_, limits_)                                                                  \
	"{\"spec\":{\"template\":{\"spec\":{\"containers\":[{\"name\":\"redis\",\"image\":\"" image_ \
	"\",\"resources\":{\"limits\":{" limits_                                                     \
	"}}},{\"name\":\"other\",\"image\":\"other\"}]}}}}"
#define CPU1 "\"cpu\":\"1\","
#define SMALL CPU1 "\"memory\":\"128Mi\""
#define LARGE CPU1 "\"memory\":\"256Mi\""
#define CONFIG                                                                                     \
	",\"config\":{\"onChange\":\"None\",\"templates\":[{\"name\":\"conf\",\"template\":"       \
	"\"{{resources.memory}}\"}]}"
#define MEMORY "spec.containers.0.resources.limits.memory"

static char first[256]; /* UID of the pod */

static void change(const char *json, int64_t ms)
{
	bed_merge(&u->bed, SIM_UNIT, "db", "r", NULL, json);
	ubed_live(u, ms);
}

static void make(const char *json)
{
	bed_put(&u->bed, json);
	ubed_live(u, 8000);
	ubed_expect(u, SIM_UNIT, "r", "status.phase", "Ready");
	bed_get(&u->bed, SIM_POD, "db", "r", "metadata.uid", first);
}

static void expect_same_pod(int want)
{
	char uid[256];

	bed_get(&u->bed, SIM_POD, "db", "r", "metadata.uid", uid);
	assert_true(*uid);
	assert_int_equal(strcmp(uid, first) == 0, want);
}

/* What the kubelet says of the pod, beside that it is Ready. */
static void kubelet(const char *type, const char *reason, const char *message)
{
	char text[512];

	(void)snprintf(
		text, sizeof(text),
		"{\"status\":{\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\"}%s%s%s%s%s"
		"%s%s]}}",
		*type ? ",{\"type\":\"" : "", type,
		*type ? "\",\"status\":\"True\",\"reason\":\"" : "", reason,
		*type ? "\",\"message\":\"" : "", message, *type ? "\"}" : "");
	bed_merge(&u->bed, SIM_POD, "db", "r", "status", text);
	ubed_live(u, 3000);
}

static void amounts_change_in_place(void **state)
{
	unsigned int pods;
	unsigned int units;

	(void)state;
	make(UNIT("", SMALL, ""));
	pods = ubed_versions(u, SIM_POD);
	units = ubed_versions(u, SIM_UNIT);
	change(CONTAINERS("redis", LARGE), 5000);
	expect_same_pod(1);
	ubed_expect(u, SIM_POD, "r", MEMORY, "256Mi");
	/* A request that is not said is the limit, as it was when the pod was made. */
	ubed_expect(u, SIM_POD, "r", "spec.containers.0.resources.requests.memory", "256Mi");
	reason_is("Resizing", "");
	ubed_expect(u, SIM_UNIT, "r", "status.observedGeneration", "2");
	assert_int_equal(ubed_versions(u, SIM_POD) - pods, 2);
	assert_int_equal(ubed_versions(u, SIM_UNIT) - units, 3);
	/* Once. */
	pods = ubed_versions(u, SIM_POD);
	ubed_boot(u);
	ubed_live(u, 60000);
	assert_int_equal(ubed_versions(u, SIM_POD) - pods, 0);
	expect_same_pod(1);
	change(CONTAINERS("redis", SMALL), 5000);
	expect_same_pod(1);
	ubed_expect(u, SIM_POD, "r", MEMORY, "128Mi");
}

static void what_else_changes_is_another_pod(void **state)
{
	(void)state;
	make(UNIT("", SMALL, ""));
	change(CONTAINERS("redis:2", LARGE), 8000);
	expect_same_pod(0);
	ubed_expect(u, SIM_POD, "r", MEMORY, "256Mi");
	ubed_expect(u, SIM_UNIT, "r", "status.phase", "Ready");
}

static void a_bound_that_comes_or_goes_is_another_pod(void **state)
{
	(void)state;
	make(UNIT("", SMALL, ""));
	change(CONTAINERS("redis", "\"memory\":\"128Mi\""), 8000);
	expect_same_pod(0);
	bed_get(&u->bed, SIM_POD, "db", "r", "metadata.uid", first);
	change(CONTAINERS("redis", SMALL), 8000);
	expect_same_pod(0);
}

static void a_container_that_waits_is_another_pod(void **state)
{
	(void)state;
	make(UNIT("", SMALL, ""));
	bed_merge(&u->bed, SIM_POD, "db", "r", "status",
		  "{\"status\":{\"containerStatuses\":[{\"name\":\"redis\",\"state\":{\"waiting\":{"
		  "\"reason\":\"CrashLoopBackOff\"}}}],\"conditions\":[{\"type\":\"Ready\","
		  "\"status\":\"False\"}]}}");
	ubed_live(u, 1000);
	change(CONTAINERS("redis", LARGE), 8000);
	expect_same_pod(0);
}

static void what_the_server_refuses_is_another_pod(void **state)
{
	static const int answers[] = { 404, 422, 400 };

	(void)state;
	make(UNIT("", SMALL, ""));
	for (size_t i = 0; i < BW_ARRAY_SIZE(answers); i++) {
		sim_store_refuse_resize(u->bed.store, answers[i]);
		change(i % 2 ? CONTAINERS("redis", SMALL) : CONTAINERS("redis", LARGE), 8000);
		expect_same_pod(0);
		ubed_expect(u, SIM_POD, "r", MEMORY, i % 2 ? "128Mi" : "256Mi");
		ubed_expect(u, SIM_UNIT, "r", "status.phase", "Ready");
		reason_is("Resizing", "");
		bed_get(&u->bed, SIM_POD, "db", "r", "metadata.uid", first);
	}
}

static void what_the_server_forbids_is_waited_for(void **state)
{
	unsigned int before;

	(void)state;
	make(UNIT("", SMALL, ""));
	sim_store_refuse_resize(u->bed.store, 403);
	before = u->sent;
	change(CONTAINERS("redis", LARGE), 10000);
	expect_same_pod(1);
	reason_is("Resizing", "ResizeForbidden");
	reason_is("Ready", "Ready");
	ubed_expect(u, SIM_UNIT, "r", "status.phase", "Ready");
	ubed_live(u, 50000);
	assert_in_range(u->sent - before, 4, 8); /* asked again every half a minute */
	sim_store_refuse_resize(u->bed.store, 0);
	ubed_live(u, 40000);
	expect_same_pod(1);
	reason_is("Resizing", "");
	ubed_expect(u, SIM_POD, "r", MEMORY, "256Mi");
	/* Who takes it back is asked for nothing. */
	sim_store_refuse_resize(u->bed.store, 403);
	change(CONTAINERS("redis", SMALL), 5000);
	reason_is("Resizing", "ResizeForbidden");
	change(CONTAINERS("redis", LARGE), 5000);
	reason_is("Resizing", "");
	expect_same_pod(1);
}

static void a_kubelet_that_cannot_keeps_its_pod(void **state)
{
	static const struct {
		const char *type;
		const char *reason;
		const char *want;
	} all[] = {
		{ "PodResizePending", "Deferred", "ResizeDeferred" },
		{ "PodResizePending", "Infeasible", "ResizeInfeasible" },
		{ "PodResizeInProgress", "Error", "ResizeFailed" },
		{ "PodResizeInProgress", "", "InProgress" },
	};
	char text[256];

	(void)state;
	make(UNIT("", SMALL, ""));
	change(CONTAINERS("redis", LARGE), 5000);
	for (size_t i = 0; i < BW_ARRAY_SIZE(all); i++) {
		kubelet(all[i].type, all[i].reason, "Node didn't have enough capacity");
		reason_is("Resizing", all[i].want);
		expect_same_pod(1);
		reason_is("Ready", "Ready");
		assert_non_null(strstr(bed_get(&u->bed, SIM_UNIT, "db", "r", "status.task", text),
				       "node n1"));
	}
	kubelet("", "", "");
	reason_is("Resizing", "");
	ubed_expect(u, SIM_UNIT, "r", "status.task", "");
}

static void what_another_pod_on_the_node_may_have_is_another_pod(void **state)
{
	(void)state;
	make(UNIT("", SMALL, ""));
	change(CONTAINERS("redis", LARGE), 5000);
	expect_same_pod(1);
	kubelet("PodResizePending", "Infeasible",
		"Resize is infeasible for Guaranteed Pods alongside CPU Manager static policy");
	ubed_live(u, 5000);
	expect_same_pod(0);
	ubed_expect(u, SIM_POD, "r", MEMORY, "256Mi");
	ubed_expect(u, SIM_UNIT, "r", "status.phase", "Ready");
	reason_is("Resizing", "");
}

static void maintenance_touches_nothing(void **state)
{
	(void)state;
	make(UNIT("", SMALL, ""));
	change("{\"spec\":{\"maintenance\":true}}", 3000);
	change(CONTAINERS("redis", LARGE), 10000);
	ubed_expect(u, SIM_POD, "r", MEMORY, "128Mi");
	change("{\"spec\":{\"maintenance\":false}}", 3000);
	ubed_expect(u, SIM_POD, "r", MEMORY, "256Mi");
	expect_same_pod(1);
}

/* How much the container has by now, as its node says. */
static void has(const char *memory)
{
	char text[512];

	(void)snprintf(
		text, sizeof(text),
		"{\"status\":{\"containerStatuses\":[{\"name\":\"redis\",\"state\":{\"running\":{}},"
		"\"resources\":{\"limits\":{\"memory\":\"%s\"}}}]}}",
		memory);
	bed_merge(&u->bed, SIM_POD, "db", "r", "status", text);
	ubed_live(u, 3000);
}

static void files_say_no_more_than_the_process_may_use(void **state)
{
	(void)state;
	make(UNIT("", SMALL, CONFIG));
	has("128Mi");
	change(CONTAINERS("redis", LARGE), 5000);
	expect_same_pod(1);
	/* Not before the node has done it. */
	reason_is("Resizing", "InProgress");
	ubed_expect(u, SIM_CONFIGMAP, "r-config", "data.conf", "134217728");
	has("256Mi");
	reason_is("Resizing", "");
	ubed_expect(u, SIM_CONFIGMAP, "r-config", "data.conf", "268435456");
	/* At once, where it becomes less. */
	change(CONTAINERS("redis", SMALL), 5000);
	ubed_expect(u, SIM_CONFIGMAP, "r-config", "data.conf", "134217728");
	reason_is("Resizing", "InProgress");
	has("128Mi");
	reason_is("Resizing", "");
	expect_same_pod(1);
}

/* CRASHES */

static unsigned int born;

static void on_commit(const struct sim_version *v, const char *by, void *arg)
{
	(void)by;
	born += story_pod_is_born(v) != 0;
	sim_server_committed(arg);
}

/* Larger in place, smaller with an image that is another pod, larger again where the server has
 * none of it. */
static unsigned int life(unsigned int crash_at)
{
	unsigned int before = u->sent;

	born = 0;
	u->crash_at = crash_at ? before + crash_at : 0;
	bed_put(&u->bed, UNIT("", SMALL, ""));
	ubed_live(u, 15000);
	change(CONTAINERS("redis", LARGE), 15000);
	ubed_expect(u, SIM_POD, "r", MEMORY, "256Mi");
	assert_int_equal(born, 1);
	change(CONTAINERS("redis:2", SMALL), 15000);
	ubed_expect(u, SIM_POD, "r", MEMORY, "128Mi");
	assert_int_equal(born, 2);
	sim_store_refuse_resize(u->bed.store, 404);
	change(CONTAINERS("redis:2", LARGE), 20000);
	ubed_expect(u, SIM_POD, "r", MEMORY, "256Mi");
	assert_int_equal(born, 3);
	ubed_expect(u, SIM_UNIT, "r", "status.phase", "Ready");
	ubed_expect(u, SIM_UNIT, "r", "status.observedGeneration", "4");
	reason_is("Resizing", "");
	return u->sent - before;
}

static void a_crash_before_each_write_ends_the_same(void **state)
{
	(void)state;
	story_crash_everywhere(life, on_commit);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORY(amounts_change_in_place),
		STORY(what_else_changes_is_another_pod),
		STORY(a_bound_that_comes_or_goes_is_another_pod),
		STORY(a_container_that_waits_is_another_pod),
		STORY(what_the_server_refuses_is_another_pod),
		STORY(what_the_server_forbids_is_waited_for),
		STORY(a_kubelet_that_cannot_keeps_its_pod),
		STORY(what_another_pod_on_the_node_may_have_is_another_pod),
		STORY(maintenance_touches_nothing),
		STORY(files_say_no_more_than_the_process_may_use),
		STORY(a_crash_before_each_write_ends_the_same),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
