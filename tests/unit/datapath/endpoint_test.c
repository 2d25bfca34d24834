/* SPDX-License-Identifier: Apache-2.0 */
/* What an endpoint becomes in map bw_ep. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include <bw/err.h>

#include "endpoint.h"

static struct bw_dp_cidr cidr(const char *s)
{
	struct bw_dp_cidr c;
	int has_len;

	assert_int_equal(bw_ip_or_prefix_parse(s, &c.prefix, &has_len), 0);
	return c;
}

static struct bw_ep fill(const struct bw_dp_endpoint *in)
{
	struct bw_err err = { 0 };
	struct bw_ep ep;

	assert_int_equal(dp_endpoint_fill(in, 7, &ep, &err), 0);
	return ep;
}

static void a_host_address_has_a_full_mask(void **state)
{
	const struct bw_dp_endpoint in = {
		.n_v4 = 1, .n_v6 = 1, .v4 = { cidr("10.1.0.7") }, .v6 = { cidr("fd00::7") }
	};
	struct bw_ep ep = fill(&in);

	(void)state;
	assert_int_equal(ep.slot, 7);
	assert_int_equal(ep.v4[0].addr, inet_addr("10.1.0.7"));
	assert_int_equal(ep.v4[0].mask, 0xffffffff);
	assert_true(ep.v6[0].mask[0] == UINT64_MAX && ep.v6[0].mask[1] == UINT64_MAX);
}

static void a_prefix_loses_its_host_bits(void **state)
{
	const struct bw_dp_endpoint in = {
		.n_v4 = 1, .n_v6 = 1, .v4 = { cidr("10.1.2.3/20") }, .v6 = { cidr("fd00::1:2/65") }
	};
	struct in6_addr want;
	struct bw_ep ep = fill(&in);

	(void)state;
	assert_int_equal(ep.v4[0].addr, inet_addr("10.1.0.0"));
	assert_int_equal(ep.v4[0].mask, inet_addr("255.255.240.0"));
	assert_int_equal(inet_pton(AF_INET6, "fd00::", &want), 1);
	assert_memory_equal(ep.v6[0].addr, &want, sizeof(want));
	assert_int_equal(inet_pton(AF_INET6, "ffff:ffff:ffff:ffff:8000::", &want), 1);
	assert_memory_equal(ep.v6[0].mask, &want, sizeof(want));
}

static void length_zero_allows_everything(void **state)
{
	const struct bw_dp_endpoint in = {
		.n_v4 = 1, .n_v6 = 1, .v4 = { cidr("0.0.0.0/0") }, .v6 = { cidr("::/0") }
	};
	struct bw_ep ep = fill(&in);

	(void)state;
	assert_int_equal(ep.v4[0].mask, 0);
	assert_true(ep.v6[0].mask[0] == 0 && ep.v6[0].mask[1] == 0);
}

static void a_segment_is_its_uplink_else_its_bridge(void **state)
{
	struct bw_dp_endpoint in = { .segment = { .bridge = 3, .uplink = 9 } };

	(void)state;
	assert_int_equal(fill(&in).dev, 9);
	assert_int_equal(fill(&in).uplink, 9);
	in.segment.uplink = 0;
	assert_int_equal(fill(&in).dev, 3);
	assert_int_equal(fill(&in).uplink, 0);
	assert_int_equal(fill(&in).bridge, 3);
}

static void where_the_bridge_tags_nothing_leaves_fast(void **state)
{
	struct bw_dp_endpoint in = { .segment = { .bridge = 3, .uplink = 9, .vlan = 5 } };

	(void)state;
	assert_int_equal(fill(&in).uplink, 0);
	assert_int_equal(fill(&in).vid, 5);
	in.segment.bpf_vlan = 1;
	assert_int_equal(fill(&in).uplink, 9);
}

static void rates_set_their_flags_and_nothing_else_does(void **state)
{
	struct bw_dp_endpoint in = { .flags = BW_EP_F_RATE_RX | BW_EP_F_ACCEL };

	(void)state;
	assert_int_equal(fill(&in).flags, BW_EP_F_ACCEL);
	in.tx_rate_bps = 1;
	assert_int_equal(fill(&in).flags, BW_EP_F_ACCEL | BW_EP_F_RATE_TX);
	in.rx_rate_bps = 1;
	in.netkit = 1;
	assert_int_equal(fill(&in).flags,
			 BW_EP_F_ACCEL | BW_EP_F_RATE_TX | BW_EP_F_RATE_RX | BW_EP_F_NETKIT);
}

static void one_address_too_many_is_refused_by_number(void **state)
{
	struct bw_dp_endpoint in = { .n_v4 = BW_EP_ADDRS_MAX + 1 };
	struct bw_err err = { 0 };
	struct bw_ep ep = { .slot = 1 };

	(void)state;
	assert_int_equal(dp_endpoint_fill(&in, 7, &ep, &err), -EINVAL);
	assert_int_equal(err.class, BW_ERR_INVALID);
	assert_non_null(strstr(err.msg, "5 IPv4"));
	assert_int_equal(ep.slot, 1);
	in = (struct bw_dp_endpoint){ .n_v6 = BW_EP_ADDRS_MAX + 1 };
	assert_int_equal(dp_endpoint_fill(&in, 7, &ep, &err), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_host_address_has_a_full_mask),
		cmocka_unit_test(a_prefix_loses_its_host_bits),
		cmocka_unit_test(length_zero_allows_everything),
		cmocka_unit_test(a_segment_is_its_uplink_else_its_bridge),
		cmocka_unit_test(where_the_bridge_tags_nothing_leaves_fast),
		cmocka_unit_test(rates_set_their_flags_and_nothing_else_does),
		cmocka_unit_test(one_address_too_many_is_refused_by_number),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("endpoint", tests, NULL, NULL);
}
