/* SPDX-License-Identifier: Apache-2.0 */
/* Each drift of a held VF is named, and nothing else is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <net/if.h>
#include <string.h>
#include <unistd.h>

#include <bw/err.h>
#include <bw/journal.h>

#include "compare.h"

#define PF "0000:01:00.0"
#define VF "0000:01:10.2"

struct world {
	struct bw_vf_hold hold;
	struct sriov_original o;
	struct sriov_now now;
	struct bw_link link;
	struct bw_drift d;
};

static const struct bw_mac mac = { { 2, 0, 0, 0, 0, 1 } };
static const struct bw_mac other = { { 2, 0, 0, 0, 0, 2 } };

/* A VF in its pod with all that an ADD may have set, and everything as it set it. */
static void sound(struct world *w)
{
	const struct bw_vf vf = { .index = 1,
				  .has = BW_VF_ALL,
				  .mac = mac,
				  .vlan = 100,
				  .qos = 3,
				  .proto = BW_VF_PROTO_8021Q,
				  .spoofchk = 1,
				  .max_tx_rate = 1000 };

	bw_buf_done(&w->d.text);
	memset(w, 0, sizeof(*w));
	strcpy(w->hold.pci, VF);
	strcpy(w->hold.pf, PF);
	w->hold.vf = 1;
	w->o.was.has_netdev = 1;
	strcpy(w->o.was.driver, "igbvf");
	w->o.what = BW_VF_ALL & ~BW_VF_SET_RSS_QUERY;
	w->o.want = vf;
	w->o.has_mac = 1;
	w->o.mac = mac;
	w->o.mtu = 1400;
	strcpy(w->o.pod_name, "net1");
	strcpy(w->o.alias, "barewire:eth5:3ec05b00505:net1");
	w->now.exists = w->now.has_pf = 1;
	w->now.pf = vf;
	w->now.sys.index = 1;
	strcpy(w->now.sys.dev.driver, "igbvf");
	strcpy(w->now.sys.pf.pci, PF);
	strcpy(w->now.sys.pf.netdevs[0], "eth1");
	w->now.sys.pf.n_netdevs = 1;
	w->link = (struct bw_link){ .ifindex = 7, .flags = IFF_UP, .mtu = 1400, .mac = mac };
	strcpy(w->link.name, "net1");
	memcpy(w->link.alias, w->o.alias, sizeof(w->o.alias));
}

static void expect_one(struct world *w, const char *text)
{
	sriov_compare_host(&w->hold, &w->o, &w->now, &w->d);
	sriov_compare_netdev(&w->hold, &w->o, &w->link, 0, &w->d);
	if (!text) {
		assert_int_equal(w->d.n, 0);
		return;
	}
	assert_int_equal(w->d.n, 1);
	assert_string_equal(w->d.text.data, text);
}

static void what_is_as_add_left_it_is_no_drift(void **state)
{
	struct world *w = *state;

	sound(w);
	expect_one(w, NULL);
}

static void each_setting_of_the_pf_is_compared(void **state)
{
	struct world *w = *state;

	sound(w);
	w->now.pf.vlan = 0;
	expect_one(w, VF " (VF 1 of eth1): VLAN is 0 QoS 3, expected 100 QoS 3");
	sound(w);
	w->now.pf.proto = BW_VF_PROTO_8021AD;
	expect_one(w, VF " (VF 1 of eth1): VLAN is 100 QoS 3 802.1ad, expected 100 QoS 3");
	sound(w);
	w->now.pf.mac = other;
	expect_one(w, VF " (VF 1 of eth1): administrator's MAC is 02:00:00:00:00:02, expected "
			 "02:00:00:00:00:01");
	sound(w);
	w->now.pf.max_tx_rate = 0;
	expect_one(w, VF " (VF 1 of eth1): rate is 0 to 0 Mbit/s, expected 0 to 1000 Mbit/s");
	sound(w);
	w->now.pf.spoofchk = 0;
	expect_one(w, VF " (VF 1 of eth1): spoof check is off, expected on");
	sound(w);
	w->now.pf.trust = 1;
	expect_one(w, VF " (VF 1 of eth1): trust is on, expected off");
	sound(w);
	w->now.pf.link_state = BW_VF_LINK_DISABLE;
	expect_one(w, VF " (VF 1 of eth1): link state is disable, expected auto");
}

static void what_add_did_not_set_is_not_compared(void **state)
{
	struct world *w = *state;

	sound(w);
	w->o.what = BW_VF_SET_VLAN;
	w->now.pf.trust = 1;
	w->now.pf.mac = other;
	expect_one(w, NULL);
	w->now.pf.has &= ~BW_VF_HAS_VLAN; /* a driver that does not say */
	w->now.pf.vlan = 0;
	expect_one(w, NULL);
}

static void a_vf_that_is_gone_moved_or_has_another_driver_is_named(void **state)
{
	struct world *w = *state;

	sound(w);
	w->now.exists = 0;
	expect_one(w, VF " (VF 1 of " PF ") is gone");
	sound(w);
	w->now.sys.index = 2;
	expect_one(w, VF " (VF 1 of eth1) is VF 2 of " PF " now");
	sound(w);
	strcpy(w->now.sys.dev.driver, "vfio-pci");
	expect_one(w, VF " (VF 1 of eth1): driver is vfio-pci, expected igbvf");
	sound(w);
	w->now.has_pf = 0;
	w->now.sys.pf.n_netdevs = 0;
	expect_one(w,
		   VF " (VF 1 of " PF "): its settings cannot be read: the PF is not on the host");
}

static void the_device_in_the_pod_is_compared(void **state)
{
	struct world *w = *state;

	sound(w);
	strcpy(w->link.name, "eth9");
	expect_one(w, VF " is called eth9 in the container, expected net1");
	sound(w);
	w->link.alias[0] = '\0';
	expect_one(w, "net1 has alias \"\", expected \"barewire:eth5:3ec05b00505:net1\"");
	sound(w);
	w->link.mac = other;
	expect_one(w, "net1 has MAC 02:00:00:00:00:02, expected 02:00:00:00:00:01");
	sound(w);
	w->link.mtu = 1500;
	expect_one(w, "net1 has MTU 1500, expected 1400");
	sound(w);
	w->link.flags = 0;
	expect_one(w, "net1 is down");
}

static void what_prevresult_says_is_left_to_it(void **state)
{
	struct world *w = *state;

	sound(w);
	w->link.mac = other;
	w->link.mtu = 9000;
	w->link.flags = 0;
	sriov_compare_netdev(&w->hold, &w->o, &w->link,
			     SRIOV_SKIP_MAC | SRIOV_SKIP_MTU | SRIOV_SKIP_UP, &w->d);
	assert_int_equal(w->d.n, 0);
	w->o.has_mac = 0;
	w->o.mtu = 0;
	w->link.flags = IFF_UP;
	expect_one(w, NULL);
}

static void a_hold_is_dead_with_its_boot_or_its_namespace(void **state)
{
	struct world *w = *state;

	sound(w);
	strcpy(w->hold.boot_id, "a");
	strcpy(w->hold.netns, "/proc/self/ns/net");
	assert_int_equal(sriov_hold_is_dead(&w->hold, "a", NULL), 0);
	assert_int_equal(sriov_hold_is_dead(&w->hold, "b", NULL), 1);
	strcpy(w->hold.netns, "/nowhere/netns");
	assert_int_equal(sriov_hold_is_dead(&w->hold, "a", NULL), 1);
}

static int setup(void **state)
{
	*state = calloc(1, sizeof(struct world));
	return *state ? 0 : -1;
}

static int teardown(void **state)
{
	struct world *w = *state;

	bw_buf_done(&w->d.text);
	free(w);
	return 0;
}

#define WORLD_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(what_is_as_add_left_it_is_no_drift),
		WORLD_TEST(each_setting_of_the_pf_is_compared),
		WORLD_TEST(what_add_did_not_set_is_not_compared),
		WORLD_TEST(a_vf_that_is_gone_moved_or_has_another_driver_is_named),
		WORLD_TEST(the_device_in_the_pod_is_compared),
		WORLD_TEST(what_prevresult_says_is_left_to_it),
		WORLD_TEST(a_hold_is_dead_with_its_boot_or_its_namespace),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
