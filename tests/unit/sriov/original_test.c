/* SPDX-License-Identifier: Apache-2.0 */
/* The record of a hold survives its text; the alias names one attachment; damage is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include <string.h>

#include <bw/err.h>

#include "alias.h"
#include "failalloc.h"
#include "original.h"

static struct bw_err err;
static char text[BW_VF_RECORD_MAX + 1];

static const struct bw_mac mac_a = { { 2, 0, 0, 0, 0, 1 } };
static const struct bw_mac mac_b = { { 2, 0, 0, 0, 0, 2 } };

static void fill(struct sriov_original *o)
{
	memset(o, 0, sizeof(*o));
	o->was = (struct sriov_state){ .has_netdev = 1, .up = 1, .mtu = 1500, .mac = mac_a };
	o->was.pf = (struct bw_vf){ .has = BW_VF_ALL,
				    .mac = mac_a,
				    .vlan = 7,
				    .qos = 3,
				    .proto = BW_VF_PROTO_8021AD,
				    .spoofchk = 1,
				    .rss_query = 1,
				    .link_state = BW_VF_LINK_DISABLE,
				    .min_tx_rate = 10,
				    .max_tx_rate = UINT32_MAX };
	strcpy(o->was.name, "enp1s0f0v3");
	strcpy(o->was.driver, "igbvf");
	strcpy(o->was.altnames.names[0], "a \"quoted\" name");
	strcpy(o->was.altnames.names[1], "enxb2");
	o->was.altnames.n = 2;
	strcpy(o->boot_id, "38015108-7978-4ebe-9969-51b6baf19963");
	o->what = BW_VF_SET_VLAN | BW_VF_SET_TRUST | BW_VF_SET_MAC;
	o->want = (struct bw_vf){
		.has = o->what, .mac = mac_b, .vlan = 4094, .proto = BW_VF_PROTO_8021Q, .trust = 1
	};
	o->has_mac = 1;
	o->mac = mac_b;
	o->mtu = 9000;
	strcpy(o->pod_name, "net1");
	strcpy(o->alias, "barewire:enp1s0f0v3:28b5f6190c6:net1");
}

static void assert_same(const struct sriov_original *a, const struct sriov_original *b)
{
	assert_int_equal(bw_vf_diff(&a->was.pf, &b->was.pf, BW_VF_ALL), 0);
	assert_int_equal(a->was.pf.has, b->was.pf.has);
	assert_int_equal(bw_vf_diff(&a->want, &b->want, BW_VF_ALL), 0);
	assert_int_equal(a->want.has, b->want.has);
	assert_int_equal(a->what, b->what);
	assert_int_equal(a->was.has_netdev, b->was.has_netdev);
	assert_int_equal(a->was.up, b->was.up);
	assert_int_equal(a->was.mtu, b->was.mtu);
	assert_memory_equal(&a->was.mac, &b->was.mac, sizeof(a->was.mac));
	assert_string_equal(a->was.name, b->was.name);
	assert_string_equal(a->was.driver, b->was.driver);
	assert_memory_equal(&a->was.altnames, &b->was.altnames, sizeof(a->was.altnames));
	assert_string_equal(a->boot_id, b->boot_id);
	assert_int_equal(a->has_mac, b->has_mac);
	assert_memory_equal(&a->mac, &b->mac, sizeof(a->mac));
	assert_int_equal(a->mtu, b->mtu);
	assert_string_equal(a->pod_name, b->pod_name);
	assert_string_equal(a->alias, b->alias);
	assert_int_equal(a->rebind, b->rebind);
	assert_int_equal(a->pending, b->pending);
}

static void assert_survives(const struct sriov_original *o)
{
	static struct sriov_original back;

	memset(&back, 0xff, sizeof(back));
	assert_int_equal(sriov_original_text(o, text, &err), 0);
	assert_int_equal(sriov_original_parse(text, &back, &err), 0);
	assert_same(o, &back);
}

static void record_survives_its_text(void **state)
{
	struct sriov_original o;

	(void)state;
	fill(&o);
	assert_survives(&o);
	o.rebind = o.pending = 1;
	assert_survives(&o);
}

static void record_of_a_vf_without_netdev_survives(void **state)
{
	struct sriov_original o = { .boot_id = "x" };

	(void)state;
	strcpy(o.was.driver, "vfio-pci");
	o.was.pf =
		(struct bw_vf){ .has = BW_VF_HAS_MAC | BW_VF_HAS_VLAN, .proto = BW_VF_PROTO_8021Q };
	assert_survives(&o);
}

static void what_the_driver_does_not_report_stays_unreported(void **state)
{
	struct sriov_original o;

	(void)state;
	fill(&o);
	for (unsigned int bit = 1; bit & BW_VF_ALL; bit <<= 1) {
		o.was.pf = (struct bw_vf){ .has = BW_VF_ALL & ~bit, .proto = BW_VF_PROTO_8021Q };
		assert_survives(&o);
	}
}

static void longest_record_fits(void **state)
{
	struct sriov_original o;

	(void)state;
	fill(&o);
	o.was.altnames.n = BW_LINK_ALTNAMES_MAX;
	for (unsigned int i = 0; i < BW_LINK_ALTNAMES_MAX; i++)
		snprintf(o.was.altnames.names[i], sizeof(o.was.altnames.names[i]), "%0127u", i);
	memset(o.alias, 'a', BW_LINK_ALIAS_MAX);
	o.alias[BW_LINK_ALIAS_MAX] = '\0';
	assert_survives(&o);
}

static void record_that_cannot_fit_is_refused(void **state)
{
	struct sriov_original o;

	(void)state;
	fill(&o);
	o.was.altnames.n = BW_LINK_ALTNAMES_MAX;
	for (unsigned int i = 0; i < BW_LINK_ALTNAMES_MAX; i++)
		memset(o.was.altnames.names[i], '\001', BW_LINK_ALTNAME_MAX);
	assert_int_equal(sriov_original_text(&o, text, &err), -E2BIG);
}

static void damaged_records_are_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"{",
		"[]",
		"{\"was\":7}",
		"{\"was\":{\"mtu\":-1}}",
		"{\"was\":{\"mac\":\"no\"}}",
		"{\"was\":{\"name\":\"0123456789abcdef\"}}",
		"{\"was\":{\"pf\":{\"vlan\":65536}}}",
		"{\"was\":{\"pf\":{\"linkState\":3}}}",
		"{\"want\":{\"mac\":\"02:00\"}}",
		"{\"mac\":\"x\"}",
		"{\"boot\":\"0123456789012345678901234567890123456\"}",
		"{\"podName\":\"0123456789abcdef\"}",
	};
	struct sriov_original o;

	(void)state;
	for (size_t i = 0; i < BW_ARRAY_SIZE(bad); i++)
		assert_true(sriov_original_parse(bad[i], &o, &err) < 0);
}

static void later_programs_keys_are_ignored(void **state)
{
	struct sriov_original o;

	(void)state;
	assert_int_equal(sriov_original_parse("{\"new\":[1],\"what\":[\"vlan\",\"newer\"],"
					      "\"was\":{\"pf\":{\"speed\":1}}}",
					      &o, &err),
			 0);
	assert_int_equal(o.what, BW_VF_SET_VLAN);
	assert_int_equal(o.was.pf.has, 0);
	assert_int_equal(o.was.has_netdev, 0);
}

static void each_failed_allocation_is_told(void **state)
{
	static struct sriov_original o, back;
	long n = 0;
	int r, failed;

	(void)state;
	fill(&o);
	do {
		fail_alloc_start(n++);
		r = sriov_original_text(&o, text, &err);
		failed = fail_alloc_stop();
		assert_int_equal(r, failed ? -ENOMEM : 0);
	} while (failed);
	n = 0;
	do {
		fail_alloc_start(n++);
		r = sriov_original_parse(text, &back, &err);
		failed = fail_alloc_stop();
		assert_int_equal(r, failed ? -ENOMEM : 0);
	} while (failed);
	assert_same(&o, &back);
}

static void alias_names_one_attachment(void **state)
{
	char alias[BW_LINK_ALIAS_MAX + 1];
	struct sriov_alias a;

	(void)state;
	sriov_alias_make("eth5", "c1", "net1", alias);
	assert_true(sriov_alias_is(alias, "c1", "net1"));
	assert_false(sriov_alias_is(alias, "c2", "net1"));
	assert_false(sriov_alias_is(alias, "c1", "net2"));
	assert_int_equal(sriov_alias_parse(alias, &a), 1);
	assert_string_equal(a.host_name, "eth5");
	assert_string_equal(a.ifname, "net1");
}

static void other_aliases_are_not_ours(void **state)
{
	static const char *const bad[] = {
		"",
		"barewire",
		"barewire:",
		"barewire:eth0",
		"barewire:eth0:28b5f6190c6",
		"barewire:eth0:28b5f6190c6:",
		"barewire::28b5f6190c6:net1",
		"barewire:eth0:28b5f6190c:net1",
		"barewire:eth0:28B5F6190C6:net1",
		"barewire:eth0:28b5f6190cg:net1",
		"barewire:0123456789abcdef:28b5f6190c6:net1",
		"barewire:eth0:28b5f6190c6:0123456789abcdef",
		"somebody:eth0:28b5f6190c6:net1",
	};
	struct sriov_alias a;

	(void)state;
	for (size_t i = 0; i < BW_ARRAY_SIZE(bad); i++)
		assert_int_equal(sriov_alias_parse(bad[i], &a), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(record_survives_its_text),
		cmocka_unit_test(record_of_a_vf_without_netdev_survives),
		cmocka_unit_test(what_the_driver_does_not_report_stays_unreported),
		cmocka_unit_test(longest_record_fits),
		cmocka_unit_test(record_that_cannot_fit_is_refused),
		cmocka_unit_test(damaged_records_are_refused),
		cmocka_unit_test(later_programs_keys_are_ignored),
		cmocka_unit_test(each_failed_allocation_is_told),
		cmocka_unit_test(alias_names_one_attachment),
		cmocka_unit_test(other_aliases_are_not_ours),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
