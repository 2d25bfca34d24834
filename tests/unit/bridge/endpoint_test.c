/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>

#include <bw/err.h>
#include <bw/link.h>

#include "endpoint.h"

static const struct bw_mac mac = { { 2, 0, 0, 0, 0, 1 } };
static const struct bw_link host = { .ifindex = 7, .name = "bw0" };
static const struct bridge_segment segment = { .lock = -1, .bridge = 3, .uplink = 4 };

static int build(const struct bridge_conf *conf, const char *const *ips, size_t n,
		 struct bw_dp_endpoint *ret, struct bw_err *err)
{
	struct bw_cni_result result = { 0 };
	struct bridge_endpoint_from from = { .conf = conf,
					     .segment = &segment,
					     .host = &host,
					     .mac = &mac,
					     .result = &result,
					     .accel = 1 };
	int r;

	for (size_t i = 0; i < n; i++) {
		struct bw_cni_ip ip = { .interface = BW_CNI_NO_IF };

		assert_int_equal(bw_prefix_parse(ips[i], &ip.address), 0);
		assert_int_equal(bw_cni_result_add_ip(&result, &ip, NULL), 0);
	}
	r = bridge_endpoint_build(&from, ret, err);
	bw_cni_result_done(&result);
	return r;
}

static const char *const five[] = { "10.1.0.1/24", "10.2.0.1/24", "10.3.0.1/24", "10.4.0.1/24",
				    "10.5.0.1/24" };

static void flags_follow_from_the_configuration(void **state)
{
	static const struct {
		struct bridge_conf conf;
		uint32_t flags;
	} rows[] = {
		{ { .ipam_type = "barewire-ipam" },
		  BW_EP_F_CHECK_MAC | BW_EP_F_CHECK_IP | BW_EP_F_ACCEL },
		{ { .ipam_type = NULL }, BW_EP_F_CHECK_MAC | BW_EP_F_ACCEL },
		{ { .ipam_type = "dhcp" },
		  BW_EP_F_CHECK_MAC | BW_EP_F_CHECK_IP | BW_EP_F_ACCEL | BW_EP_F_DHCP_CLIENT },
		{ { .ipam_type = "x", .antispoof = { .mode = BRIDGE_SPOOF_OFF } }, BW_EP_F_ACCEL },
		{ { .ipam_type = "x", .macspoofchk = 1, .antispoof = { .mode = BRIDGE_SPOOF_OFF } },
		  BW_EP_F_ACCEL | BW_EP_F_CHECK_MAC },
		{ { .trunk = { .n = 1 } }, BW_EP_F_TRUNK },
		{ { .no_container_if = 1 }, 0 },
		{ { .promisc = 1, .antispoof = { .mode = BRIDGE_SPOOF_OFF } }, 0 },
		{ { .isolated = 1, .hairpin = 1, .antispoof = { .mode = BRIDGE_SPOOF_OFF } },
		  BW_EP_F_ACCEL | BW_EP_F_ISOLATED | BW_EP_F_HAIRPIN },
	};

	(void)state;
	for (size_t i = 0; i < BW_ARRAY_SIZE(rows); i++) {
		struct bw_dp_endpoint ep;

		assert_int_equal(build(&rows[i].conf, five, 1, &ep, NULL), 0);
		if (ep.flags != rows[i].flags)
			fail_msg("row %zu: expected %#x, actual %#x", i, rows[i].flags, ep.flags);
	}
}

static void addresses_are_host_addresses_and_then_the_allowed(void **state)
{
	struct bridge_conf conf = { .ipam_type = "x", .vlan = 9 };
	struct bw_dp_endpoint ep;
	char s[BW_PREFIX_STR_MAX];

	(void)state;
	conf.antispoof.mode = BRIDGE_SPOOF_ON;
	conf.antispoof.n_v4 = 1;
	assert_int_equal(bw_prefix_parse("10.9.0.0/28", &conf.antispoof.v4[0]), 0);
	assert_int_equal(build(&conf, five, 2, &ep, NULL), 0);
	assert_int_equal(ep.n_v4, 3);
	assert_int_equal(ep.n_v6, 0);
	assert_string_equal(bw_prefix_str(&ep.v4[0].prefix, s), "10.1.0.1/32");
	assert_string_equal(bw_prefix_str(&ep.v4[2].prefix, s), "10.9.0.0/28");
	assert_int_equal(ep.ifindex, 7);
	assert_int_equal(ep.segment.bridge, 3);
	assert_int_equal(ep.segment.uplink, 4);
	assert_int_equal(ep.segment.vlan, 9);
}

static void four_addresses_fit_and_five_are_refused(void **state)
{
	struct bridge_conf conf = { .ipam_type = "x" };
	struct bw_dp_endpoint ep;
	struct bw_err err = { 0 };

	(void)state;
	assert_int_equal(build(&conf, five, 4, &ep, NULL), 0);
	assert_int_equal(build(&conf, five, 5, &ep, &err), -E2BIG);
	assert_int_equal(err.class, BW_ERR_INVALID);
	assert_non_null(strstr(err.msg, "antiSpoof: false"));
	conf.antispoof.mode = BRIDGE_SPOOF_OFF;
	assert_int_equal(build(&conf, five, 5, &ep, NULL), 0);
}

static void rates_are_the_pods_directions(void **state)
{
	struct bridge_conf conf = { .bandwidth = { 1, 2, 3, 4 } };
	struct bw_dp_endpoint ep;

	(void)state;
	assert_int_equal(build(&conf, five, 0, &ep, NULL), 0);
	assert_int_equal(ep.rx_rate_bps, 1);
	assert_int_equal(ep.rx_burst_bits, 2);
	assert_int_equal(ep.tx_rate_bps, 3);
	assert_int_equal(ep.tx_burst_bits, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(flags_follow_from_the_configuration),
		cmocka_unit_test(addresses_are_host_addresses_and_then_the_allowed),
		cmocka_unit_test(four_addresses_fit_and_five_are_refused),
		cmocka_unit_test(rates_are_the_pods_directions),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
