/* SPDX-License-Identifier: Apache-2.0 */
/* barewire sriov show -o json: the words a program relies on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <net/if.h>
#include <string.h>

#include <cjson/cJSON.h>

#include <bw/json.h>
#include <bw/sriov.h>

#include "sriov.h"

struct world {
	struct bw_sriov_pf pf;
	struct bw_sriov_vf vf;
	struct bw_json_build build;
	struct cJSON *doc;
};

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	if (!w)
		return -1;
	strcpy(w->pf.sys.dev.pci, "0000:01:00.0");
	strcpy(w->pf.sys.dev.driver, "igb");
	strcpy(w->pf.sys.dev.netdevs[0], "eth1");
	w->pf.sys.dev.n_netdevs = 1;
	w->pf.sys.numvfs = 3;
	w->pf.sys.totalvfs = 7;
	w->pf.has_link = 1;
	w->pf.link.flags = IFF_UP;
	strcpy(w->vf.pci, "0000:01:10.2");
	w->vf.index = 1;
	w->vf.exists = 1;
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	bw_buf_done(&w->vf.drift.text);
	bw_json_build_done(&w->build);
	bw_json_free(&w->doc);
	free(w);
	return 0;
}

/* The VF as it is printed. */
static const struct cJSON *printed(struct world *w)
{
	struct cJSON *list = bw_json_build_array(&w->build);

	cli_sriov_put_vf(&w->build, list, &w->vf);
	assert_int_equal(bw_json_build_take(&w->build, &w->doc, NULL), 0);
	return cJSON_GetArrayItem(w->doc, 0);
}

static void the_state_follows_from_hold_and_holder(void **state)
{
	struct world *w = *state;

	assert_string_equal(cli_vf_state(&w->vf), "free");
	w->vf.hold.id = 1;
	w->vf.hold.state = BW_VF_HOLD_INTENT;
	assert_string_equal(cli_vf_state(&w->vf), "changing");
	w->vf.hold.state = BW_VF_HOLD_LIVE;
	assert_string_equal(cli_vf_state(&w->vf), "live");
	w->vf.is_dead = 1;
	assert_string_equal(cli_vf_state(&w->vf), "gone");
}

static void a_pf_has_its_link_and_a_list_of_vfs(void **state)
{
	struct world *w = *state;
	struct cJSON *list = bw_json_build_array(&w->build);
	struct cJSON *vfs = cli_sriov_put_pf(&w->build, list, &w->pf);
	const struct cJSON *o;

	cli_sriov_put_vf(&w->build, vfs, &w->vf);
	assert_int_equal(bw_json_build_take(&w->build, &w->doc, NULL), 0);
	o = cJSON_GetArrayItem(w->doc, 0);
	assert_string_equal(bw_json_get_str(o, "pci"), "0000:01:00.0");
	assert_string_equal(bw_json_get_str(o, "device"), "eth1");
	assert_int_equal(bw_json_get(o, "numVfs")->valueint, 3);
	assert_true(cJSON_IsTrue(bw_json_get(o, "up")));
	assert_true(cJSON_IsFalse(bw_json_get(o, "carrier")));
	assert_int_equal(cJSON_GetArraySize(bw_json_get(o, "vfs")), 1);
}

static void only_settings_the_driver_reports_are_printed(void **state)
{
	struct world *w = *state;
	const struct cJSON *s;

	w->vf.has_settings = 1;
	w->vf.settings = (struct bw_vf){ .has = BW_VF_HAS_VLAN | BW_VF_HAS_TRUST,
					 .vlan = 100,
					 .qos = 2,
					 .proto = BW_VF_PROTO_8021AD,
					 .trust = 1 };
	s = bw_json_get(printed(w), "settings");
	assert_int_equal(bw_json_get(s, "vlan")->valueint, 100);
	assert_int_equal(bw_json_get(s, "vlanQoS")->valueint, 2);
	assert_string_equal(bw_json_get_str(s, "vlanProto"), "802.1ad");
	assert_true(cJSON_IsTrue(bw_json_get(s, "trust")));
	assert_null(bw_json_get(s, "spoofchk"));
	assert_null(bw_json_get(s, "linkState"));
	assert_null(bw_json_get(s, "maxTxRate"));
	assert_null(bw_json_get(s, "mac"));
}

static void a_free_vf_has_no_holder_and_no_drift(void **state)
{
	const struct cJSON *o = printed(*state);

	assert_string_equal(bw_json_get_str(o, "state"), "free");
	assert_null(bw_json_get(o, "holder"));
	assert_null(bw_json_get(o, "settings"));
	assert_int_equal(cJSON_GetArraySize(bw_json_get(o, "drift")), 0);
}

static void each_drift_is_an_item(void **state)
{
	struct world *w = *state;
	const struct cJSON *o, *list;

	w->vf.hold.id = 1;
	w->vf.hold.state = BW_VF_HOLD_LIVE;
	strcpy(w->vf.hold.container_id, "abc");
	strcpy(w->vf.hold.ifname, "net1");
	strcpy(w->vf.pod, "default/pg-0");
	bw_drift_add(&w->vf.drift, "net1 is down");
	bw_drift_add(&w->vf.drift, "trust is on, expected off");
	o = printed(w);
	list = bw_json_get(o, "drift");
	assert_int_equal(cJSON_GetArraySize(list), 2);
	assert_string_equal(cJSON_GetArrayItem(list, 0)->valuestring, "net1 is down");
	assert_string_equal(cJSON_GetArrayItem(list, 1)->valuestring, "trust is on, expected off");
	o = bw_json_get(o, "holder");
	assert_string_equal(bw_json_get_str(o, "pod"), "default/pg-0");
	assert_string_equal(bw_json_get_str(o, "container"), "abc");
}

#define WORLD_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(the_state_follows_from_hold_and_holder),
		WORLD_TEST(a_pf_has_its_link_and_a_list_of_vfs),
		WORLD_TEST(only_settings_the_driver_reports_are_printed),
		WORLD_TEST(a_free_vf_has_no_holder_and_no_drift),
		WORLD_TEST(each_drift_is_an_item),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
