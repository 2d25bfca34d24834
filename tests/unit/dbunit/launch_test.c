/* SPDX-License-Identifier: Apache-2.0 */
/* The shape of a pod whose process can be stopped while it stays, and who cannot have it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <cmocka.h>

#include <bw/err.h>
#include <bw/json.h>
#include <gen/db.h>

#include "failalloc.h"
#include "launch.h"

#define HEAD                                                                                       \
	"{\"kind\":\"Unit\",\"metadata\":{\"name\":\"r\",\"namespace\":\"db\"},\"spec\":{"         \
	"\"networking\":{\"network\":\"lan\"},\"template\":{\"spec\":{"
#define TAIL "}}}}"
#define MAIN(more_) "\"containers\":[{\"name\":\"redis\",\"image\":\"r\"" more_ "}]"
#define COMMAND ",\"command\":[\"redis-server\",\"/data/r.conf\"],\"args\":[\"--port\",\"1\"]"

#define L "\"/barewire/barewire-launch\","
#define READINESS                                                                                  \
	"\"readinessProbe\":{\"exec\":{\"command\":[" L                                            \
	"\"probe\",\"readiness\"]},\"periodSeconds\":5,\"failureThreshold\":1}"

static void load(struct bw_db_unit *unit, const char *json)
{
	struct bw_err err = { 0 };

	if (bw_db_unit_decode(json, strlen(json), unit, &err) < 0)
		fail_msg("%s: %s", err.msg, json);
}

/* The spec of the pod that comes of a template; NULL = out of memory. */
static char *pod_of(const struct bw_db_unit *unit)
{
	bw_autobuild struct bw_json_build b = { 0 };
	struct cJSON *root = bw_json_build_object(&b);
	struct cJSON *spec;
	struct cJSON *main;
	char *text = NULL;

	bw_json_put_tree(&b, root, "spec", unit->spec.template.spec.raw);
	spec = cJSON_GetObjectItemCaseSensitive(root, "spec");
	main = cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(spec, "containers"), 0);
	if (!main)
		return NULL;
	launch_put(&b, spec, main, "barewire.dev/barewire:1");
	return b.failed || bw_json_print(spec, 0, &text, NULL) < 0 ? NULL : text;
}

static void has(const char *text, const char *what)
{
	if (!strstr(text, what))
		fail_msg("there is no %s in %s", what, text);
}

static void has_not(const char *text, const char *what)
{
	if (strstr(text, what))
		fail_msg("there is %s in %s", what, text);
}

static void the_command_runs_under_the_launcher(void **state)
{
	BW_CLEANUP(bw_db_unit_done) struct bw_db_unit unit = { 0 };
	bw_autofree char *text = NULL;

	(void)state;
	load(&unit,
	     HEAD MAIN(COMMAND) ",\"initContainers\":[{\"name\":\"a\",\"image\":\"b\"}]" TAIL);
	text = pod_of(&unit);
	assert_non_null(text);
	has(text, "\"command\":[" L "\"run\",\"--\",\"redis-server\",\"/data/r.conf\"]");
	has(text, "\"args\":[\"--port\",\"1\"]");
	has(text, READINESS);
	has(text, "\"volumeMounts\":[{\"name\":\"barewire-launch\",\"mountPath\":\"/barewire\"}]");
	has(text, "\"volumes\":[{\"name\":\"barewire-launch\",\"emptyDir\":{}}]");
	has(text,
	    "\"initContainers\":[{\"name\":\"a\",\"image\":\"b\"},{\"name\":\"barewire-launch\",\"image\":"
	    "\"barewire.dev/barewire:1\",\"imagePullPolicy\":\"IfNotPresent\",\"command\":["
	    "\"/usr/bin/barewire-launch\",\"install\",\"/barewire\"],\"env\":[{\"name\":"
	    "\"BAREWIRE_POD_UID\",\"valueFrom\":{\"fieldRef\":{\"fieldPath\":\"metadata.uid\"}}}]");
	has(text, "\"securityContext\":{\"allowPrivilegeEscalation\":false,"
		  "\"readOnlyRootFilesystem\":true,\"capabilities\":{\"drop\":[\"ALL\"]}}}]");
	has_not(text, "POD_IP");
	has_not(text, "resources");
}

static void what_a_container_is_allowed_its_installer_is_allowed(void **state)
{
	static const struct {
		const char *more; /* of the container */
		const char *pod;
		const char *want;
	} all[] = {
		{ ",\"securityContext\":{\"runAsUser\":999,\"runAsGroup\":998,\"runAsNonRoot\":true,"
		  "\"privileged\":true,\"seccompProfile\":{\"type\":\"RuntimeDefault\"}}",
		  "",
		  "{\"runAsUser\":999,\"runAsGroup\":998,\"runAsNonRoot\":true,\"seccompProfile\":{"
		  "\"type\":\"RuntimeDefault\"},\"allowPrivilegeEscalation\":false" },
		{ ",\"securityContext\":{\"runAsNonRoot\":true}", "",
		  "{\"runAsNonRoot\":true,\"runAsUser\":65532,\"allowPrivilegeEscalation\":false" },
		{ "", ",\"securityContext\":{\"runAsNonRoot\":true}",
		  "{\"runAsUser\":65532,\"allowPrivilegeEscalation\":false" },
		{ "", ",\"securityContext\":{\"runAsNonRoot\":true,\"runAsUser\":5}",
		  "{\"allowPrivilegeEscalation\":false" },
		{ ",\"resources\":{\"requests\":{\"cpu\":1,\"memory\":\"4Gi\"},\"limits\":{\"cpu\":1,"
		  "\"memory\":\"4Gi\",\"other/vf\":1}}",
		  "",
		  "\"resources\":{\"requests\":{\"cpu\":\"50m\",\"memory\":\"32Mi\"},\"limits\":{"
		  "\"cpu\":\"50m\",\"memory\":\"32Mi\"}}" },
		{ ",\"resources\":{\"limits\":{\"memory\":\"4Gi\"}}", "",
		  "\"resources\":{\"limits\":{\"memory\":\"32Mi\"}}" },
		{ ",\"lifecycle\":{\"stopSignal\":\"SIGINT\"}", "",
		  "\"run\",\"-s\",\"SIGINT\",\"--\",\"redis-server\"" },
		{ ",\"lifecycle\":{\"stopSignal\":\"SIGRTMIN+3\"}", "",
		  "\"run\",\"--\",\"redis-server\"" },
	};

	(void)state;
	for (size_t i = 0; i < BW_ARRAY_SIZE(all); i++) {
		BW_CLEANUP(bw_db_unit_done) struct bw_db_unit unit = { 0 };
		bw_autofree char *text = NULL;
		char json[2048];

		(void)snprintf(json, sizeof(json), HEAD MAIN(COMMAND "%s") "%s" TAIL, all[i].more,
			       all[i].pod);
		load(&unit, json);
		text = pod_of(&unit);
		assert_non_null(text);
		has(text, all[i].want);
	}
}

#define PROBE(kind_, handler_) ",\"" kind_ "\":{" handler_ "}"
#define PORTS                                                                                      \
	",\"ports\":[{\"name\":\"x\",\"containerPort\":1},{\"name\":\"db\",\"containerPort\":6379}]"

static void probes_go_through_the_launcher(void **state)
{
	static const struct {
		const char *more;
		const char *want;
		uint8_t pod_ip;
	} all[] = {
		{ PROBE("livenessProbe",
			"\"exec\":{\"command\":[\"redis-cli\",\"ping\"]},\"periodSeconds\":7"),
		  "\"livenessProbe\":{\"periodSeconds\":7,\"exec\":{\"command\":[" L
		  "\"probe\",\"liveness\",\"--\",\"redis-cli\",\"ping\"]}}",
		  0 },
		{ PROBE("livenessProbe", "\"tcpSocket\":{\"port\":6379},\"timeoutSeconds\":4"),
		  "\"command\":[" L "\"probe\",\"-t\",\"4\",\"liveness\",\"tcp\",\":6379\"]", 1 },
		{ PROBE("readinessProbe", "\"tcpSocket\":{\"port\":\"db\"}") PORTS,
		  "\"command\":[" L "\"probe\",\"-t\",\"1\",\"readiness\",\"tcp\",\":6379\"]", 1 },
		{ PROBE("readinessProbe", "\"tcpSocket\":{\"port\":1,\"host\":\"fd00::1\"}"),
		  "\"readiness\",\"tcp\",\"[fd00::1]:1\"]", 0 },
		{ PROBE("startupProbe",
			"\"httpGet\":{\"port\":80,\"path\":\"/h?a=b\",\"scheme\":\"HTTP\","
			"\"host\":\"127.0.0.1\",\"httpHeaders\":[{\"name\":\"A\",\"value\":\"b c\"}]}"),
		  "\"startupProbe\":{\"exec\":{\"command\":[" L "\"probe\",\"-t\",\"1\",\"-H\","
		  "\"A: b c\",\"startup\",\"http\",\"http://127.0.0.1:80/h?a=b\"]}}",
		  0 },
		{ PROBE("livenessProbe", "\"httpGet\":{\"port\":80}"),
		  "\"liveness\",\"http\",\"http://:80/\"]", 1 },
		/* After a start in place nobody else waits for what these waited for. */
		{ PROBE("livenessProbe", "\"tcpSocket\":{\"port\":1},\"initialDelaySeconds\":20")
			  PROBE("startupProbe",
				"\"tcpSocket\":{\"port\":1},\"failureThreshold\":30,"
				"\"periodSeconds\":2,\"initialDelaySeconds\":5"),
		  "\"probe\",\"-g\",\"85\",\"-t\",\"1\",\"liveness\"", 1 },
		/* It fails while the process is away: that is all it has to do. */
		{ PROBE("readinessProbe", "\"grpc\":{\"port\":1}"),
		  "\"readinessProbe\":{\"grpc\":{\"port\":1}}", 0 },
		{ PROBE("readinessProbe", "\"httpGet\":{\"port\":1,\"scheme\":\"HTTPS\"}"),
		  "\"readinessProbe\":{\"httpGet\":{\"port\":1,\"scheme\":\"HTTPS\"}}", 0 },
	};

	(void)state;
	for (size_t i = 0; i < BW_ARRAY_SIZE(all); i++) {
		BW_CLEANUP(bw_db_unit_done) struct bw_db_unit unit = { 0 };
		bw_autofree char *text = NULL;
		struct launch_refusal r;
		char json[2048];

		(void)snprintf(json, sizeof(json), HEAD MAIN(COMMAND "%s") TAIL, all[i].more);
		load(&unit, json);
		launch_judge(&unit, &r);
		assert_null(r.reason);
		text = pod_of(&unit);
		assert_non_null(text);
		has(text, all[i].want);
		if (all[i].pod_ip)
			has(text, "{\"name\":\"POD_IP\",\"valueFrom\":{\"fieldRef\":{\"fieldPath\":"
				  "\"status.podIP\"}}}");
		else
			has_not(text, "POD_IP");
	}
}

static void who_cannot_be_stopped_in_place_is_left_alone(void **state)
{
	static const struct {
		const char *more;
		const char *reason;
	} all[] = {
		{ "", "NoCommand" },
		{ ",\"args\":[\"a\"]", "NoCommand" },
		{ ",\"command\":[]", "NoCommand" },
		{ ",\"command\":[\"/x/barewire-launch\",\"run\",\"a\"]", "LaunchesItself" },
		{ COMMAND ",\"volumeMounts\":[{\"name\":\"d\",\"mountPath\":\"/barewire/x\"}]",
		  "FolderTaken" },
		{ COMMAND PROBE("livenessProbe", "\"grpc\":{\"port\":1}"), "ProbeNotSupported" },
		{ COMMAND PROBE("startupProbe", "\"httpGet\":{\"port\":1,\"scheme\":\"HTTPS\"}"),
		  "ProbeNotSupported" },
		{ COMMAND PROBE("livenessProbe", "\"httpGet\":{\"port\":1,\"path\":\"/a b\"}"),
		  "ProbeNotSupported" },
		{ COMMAND PROBE("livenessProbe", "\"tcpSocket\":{\"port\":\"nowhere\"}"),
		  "ProbeNotSupported" },
		{ COMMAND PROBE("livenessProbe",
				"\"tcpSocket\":{\"port\":1,\"host\":\"db.local\"}"),
		  "ProbeNotSupported" },
		{ COMMAND PROBE("livenessProbe", "\"exec\":{\"command\":[]}"),
		  "ProbeNotSupported" },
		{ COMMAND PROBE(
			  "livenessProbe",
			  "\"httpGet\":{\"port\":1,\"httpHeaders\":[{\"name\":\"A\",\"value\":"
			  "\"b\\r\\nC: d\"}]}"),
		  "ProbeNotSupported" },
		{ COMMAND ",\"volumeMounts\":[{\"name\":\"d\",\"mountPath\":\"/barewire2\"}]",
		  NULL },
		{ COMMAND, NULL },
	};

	(void)state;
	for (size_t i = 0; i < BW_ARRAY_SIZE(all); i++) {
		BW_CLEANUP(bw_db_unit_done) struct bw_db_unit unit = { 0 };
		struct launch_refusal r;
		char json[2048];

		(void)snprintf(json, sizeof(json), HEAD MAIN("%s") TAIL, all[i].more);
		load(&unit, json);
		launch_judge(&unit, &r);
		if (!all[i].reason) {
			assert_null(r.reason);
			continue;
		}
		if (!r.reason || strcmp(r.reason, all[i].reason) != 0)
			fail_msg("%s for %s", r.reason ? r.reason : "no refusal", json);
		assert_true(strlen(r.text) > 20);
	}
}

static void the_grace_is_the_pod_s(void **state)
{
	static const struct {
		const char *said;
		int64_t want;
	} all[] = {
		{ "", 30 },
		{ ",\"terminationGracePeriodSeconds\":90", 90 },
		{ ",\"terminationGracePeriodSeconds\":0", 30 },
		{ ",\"terminationGracePeriodSeconds\":86400", 86400 },
	};

	(void)state;
	for (size_t i = 0; i < BW_ARRAY_SIZE(all); i++) {
		BW_CLEANUP(bw_db_unit_done) struct bw_db_unit unit = { 0 };
		char json[1024];

		(void)snprintf(json, sizeof(json), HEAD MAIN(COMMAND) "%s" TAIL, all[i].said);
		load(&unit, json);
		assert_int_equal(launch_grace_s(&unit), all[i].want);
	}
}

static void a_failed_allocation_makes_no_half_pod(void **state)
{
	BW_CLEANUP(bw_db_unit_done) struct bw_db_unit unit = { 0 };
	bw_autofree char *whole = NULL;
	int failed;
	long n = 0;

	(void)state;
	load(&unit,
	     HEAD MAIN(COMMAND PROBE(
		     "livenessProbe",
		     "\"httpGet\":{\"port\":1,\"httpHeaders\":[{\"name\":\"A\",\"value\":\"b\"}]}"))
		     TAIL);
	whole = pod_of(&unit);
	assert_non_null(whole);
	do {
		char *text;

		fail_alloc_start(n++);
		text = pod_of(&unit);
		failed = fail_alloc_stop();
		if (text)
			assert_string_equal(text, whole);
		else
			assert_true(failed);
		free(text);
	} while (failed);
	assert_true(n > 50 || !FAIL_ALLOC_WORKS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_command_runs_under_the_launcher),
		cmocka_unit_test(what_a_container_is_allowed_its_installer_is_allowed),
		cmocka_unit_test(probes_go_through_the_launcher),
		cmocka_unit_test(who_cannot_be_stopped_in_place_is_left_alone),
		cmocka_unit_test(the_grace_is_the_pod_s),
		cmocka_unit_test(a_failed_allocation_makes_no_half_pod),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
