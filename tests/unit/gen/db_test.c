/* SPDX-License-Identifier: Apache-2.0 */
/* What is generated from conf/crds/unit.yaml: a Unit as a server sends it becomes a struct. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <bw/err.h>
#include <bw/kube_text.h>
#include <cjson/cJSON.h>
#include <gen/db.h>

#include "failalloc.h"

#define META "\"metadata\":{\"name\":\"db-0\",\"uid\":\"u-1\",\"resourceVersion\":\"7\"}"

static const char text[] =
	"{\"apiVersion\":\"db.barewire.dev/v1alpha1\",\"kind\":\"Unit\"," META
	",\"spec\":{\"mainContainerName\":\"redis\",\"networking\":{\"network\":\"lan\","
	"\"mode\":\"kube-ovn\",\"addressType\":\"pod_ip\",\"address\":\"10.99.2.77\"},"
	"\"template\":{\"metadata\":{\"labels\":{\"app\":\"r\"}},\"spec\":{\"containers\":["
	"{\"name\":\"redis\",\"image\":\"redis:8\",\"tty\":true}],\"affinity\":{\"a\":[1]}}},"
	"\"config\":{\"templates\":[{\"name\":\"redis.conf\",\"template\":\"bind "
	"{{unit.address}}\"}]},"
	"\"peers\":{\"selector\":{\"matchLabels\":{\"a\":\"b\"}}},"
	"\"action\":{\"id\":\"r1\",\"type\":\"Rebuild\",\"inPlace\":true}},"
	"\"status\":{\"phase\":\"Ready\",\"podIPs\":[\"10.99.2.77\"],\"claim\":{\"name\":\"db-0\"}}}";

static void unit_decodes_with_its_defaults(void **state)
{
	struct bw_db_unit u = { 0 };
	struct bw_err err = { 0 };

	(void)state;
	assert_int_equal(bw_db_unit_decode(text, strlen(text), &u, &err), 0);
	assert_string_equal(u.spec.main_container_name, "redis");
	assert_true(u.spec.startup);
	assert_false(u.spec.maintenance);
	assert_int_equal(u.spec.node_policy, BW_DB_UNIT_NODE_POLICY_REQUIRED);
	assert_int_equal(u.spec.networking.mode, BW_DB_UNIT_NETWORKING_MODE_KUBE_OVN);
	assert_int_equal(u.spec.networking.address_type, BW_DB_UNIT_NETWORKING_ADDRESS_TYPE_POD_IP);
	assert_string_equal(u.spec.networking.service_interface, "eth0");
	assert_int_equal(u.spec.volume_retain_policy.when_deleted,
			 BW_DB_UNIT_VOLUME_RETAIN_POLICY_WHEN_DELETED_RETAIN);
	assert_true(u.spec.failed_pod_recovery_policy.enabled);
	assert_int_equal(u.spec.failed_pod_recovery_policy.threshold_seconds, 300);
	assert_int_equal(u.spec.config.on_change, BW_DB_UNIT_CONFIG_ON_CHANGE_NONE);
	assert_string_equal(bw_db_unit_config_on_change_str(u.spec.config.on_change), "None");
	assert_string_equal(bw_db_unit_config_on_change_str(BW_DB_UNIT_CONFIG_ON_CHANGE_ABSENT),
			    "");
	assert_string_equal(u.spec.peers.selector.labels.items[0].value, "b");
	assert_true(u.spec.has_action && u.spec.action.in_place);
	assert_int_equal(u.status.phase, BW_DB_UNIT_STATUS_PHASE_READY);
	bw_db_unit_done(&u);
}

/* What the schema does not name is there all the same: it goes into the pod. */
static void the_template_is_kept_whole(void **state)
{
	struct bw_kube_slice in = { text, strlen(text) }, out;
	const struct bw_db_unit_template_spec *pod;
	struct bw_db_unit u = { 0 };

	(void)state;
	assert_int_equal(bw_db_unit_decode(text, strlen(text), &u, NULL), 0);
	pod = &u.spec.template.spec;
	assert_string_equal(pod->containers.items[0].image, "redis:8");
	assert_true(cJSON_IsTrue(bw_json_get(pod->containers.items[0].raw, "tty")));
	assert_ptr_equal(bw_json_get(bw_json_get(bw_json_get(u.doc, "spec"), "template"), "spec"),
			 pod->raw);
	assert_non_null(bw_json_get(pod->raw, "affinity"));
	bw_db_unit_done(&u);
	assert_int_equal(bw_kube_text_get(in, &out, "spec", "template", "spec", "affinity", NULL),
			 0);
	assert_memory_equal(out.p, "{\"a\":[1]}", out.size);
}

static void wrong_types_name_their_path(void **state)
{
	static const char bad[] = "{" META ",\"spec\":{\"networking\":{},\"template\":{\"spec\":"
				  "{\"containers\":[{\"name\":7}]}}}}";
	struct bw_db_unit u = { 0 };
	struct bw_err err = { 0 };

	(void)state;
	assert_int_equal(bw_db_unit_decode(bad, strlen(bad), &u, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "spec.template.spec.containers[0].name"));
	assert_null(u.doc);
}

static void every_failed_allocation_leaves_nothing_behind(void **state)
{
	long n = 0;
	int failed;

	(void)state;
	do {
		struct bw_db_unit u = { 0 };
		int r;

		fail_alloc_start(n++);
		r = bw_db_unit_decode(text, strlen(text), &u, NULL);
		failed = fail_alloc_stop();
		assert_int_equal(r, failed ? -ENOMEM : 0);
		bw_db_unit_done(&u);
	} while (failed);
}

static void kinds_are_listed_with_their_paths(void **state)
{
	(void)state;
	assert_ptr_equal(bw_kinds_db[0], &bw_kind_unit);
	assert_null(bw_kinds_db[1]);
	assert_string_equal(bw_kind_unit.plural, "units");
	assert_string_equal(bw_kind_unit.group, "db.barewire.dev");
	assert_int_equal(bw_kind_unit.namespaced, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unit_decodes_with_its_defaults),
		cmocka_unit_test(the_template_is_kept_whole),
		cmocka_unit_test(wrong_types_name_their_path),
		cmocka_unit_test(every_failed_allocation_leaves_nothing_behind),
		cmocka_unit_test(kinds_are_listed_with_their_paths),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
