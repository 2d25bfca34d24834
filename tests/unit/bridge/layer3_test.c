/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include <bw/err.h>
#include <bw/own.h>

#include "layer3.h"

static void add_ip(struct bw_cni_result *r, const char *address, const char *gateway)
{
	struct bw_cni_ip ip = { .interface = BW_CNI_NO_IF };

	assert_int_equal(bw_prefix_parse(address, &ip.address), 0);
	if (gateway)
		assert_int_equal(bw_ip_parse(gateway, &ip.gateway), 0);
	assert_int_equal(bw_cni_result_add_ip(r, &ip, NULL), 0);
}

static void add_default(struct bw_cni_result *r, const char *dst, const char *gw)
{
	struct bw_cni_route route = { .priority = -1, .table = -1, .scope = -1 };

	assert_int_equal(bw_prefix_parse(dst, &route.dst), 0);
	if (gw)
		assert_int_equal(bw_ip_parse(gw, &route.gw), 0);
	assert_int_equal(bw_cni_result_add_route(r, &route, NULL), 0);
}

static void expect_prefix(const struct bw_prefix *p, const char *text)
{
	char s[BW_PREFIX_STR_MAX];

	assert_string_equal(bw_prefix_str(p, s), text);
}

static void expect_ip(const struct bw_ip *ip, const char *text)
{
	char s[BW_IP_STR_MAX];

	assert_string_equal(bw_ip_str(ip, s), text);
}

static void without_isgateway_nothing_is_added(void **state)
{
	struct bridge_conf conf = { .ipam_type = "x" };
	struct bridge_gateways g = { .n = 0 };
	struct bw_cni_result r = { 0 };

	(void)state;
	add_ip(&r, "10.1.0.7/24", NULL);
	assert_int_equal(bridge_layer3_complete(&conf, &(struct bw_own){ .result = &r }, &g, NULL),
			 0);
	assert_int_equal(g.n, 0);
	assert_int_equal(r.n_routes, 0);
	assert_int_equal(r.ips[0].gateway.family, 0);
	bw_cni_result_done(&r);
}

static void a_gateway_is_the_first_address_of_the_subnet(void **state)
{
	struct bridge_conf conf = { .ipam_type = "x", .is_gateway = 1 };
	struct bridge_gateways g = { .n = 0 };
	struct bw_cni_result r = { 0 };

	(void)state;
	add_ip(&r, "10.1.0.7/24", NULL);
	add_ip(&r, "fd00::7/64", NULL);
	add_ip(&r, "10.2.0.7/16", "10.2.9.9");
	add_ip(&r, "10.2.0.8/16", "10.2.9.9");
	assert_int_equal(bridge_layer3_complete(&conf, &(struct bw_own){ .result = &r }, &g, NULL),
			 0);
	assert_int_equal(g.n, 3);
	expect_prefix(&g.at[0], "10.1.0.1/24");
	expect_prefix(&g.at[1], "fd00::1/64");
	expect_prefix(&g.at[2], "10.2.9.9/16");
	assert_int_equal(r.n_routes, 0);
	expect_ip(bw_own_gateway(&r, 0, AF_INET6), "fd00::1");
	assert_null(bw_own_gateway(&r, 4, AF_INET));
	bw_cni_result_done(&r);
}

static void a_default_route_a_family_unless_the_ipam_gave_one(void **state)
{
	struct bridge_conf conf = { .ipam_type = "x", .is_gateway = 1, .is_default_gateway = 1 };
	struct bridge_gateways g = { .n = 0 };
	struct bw_cni_result r = { 0 };

	(void)state;
	add_ip(&r, "10.1.0.7/24", NULL);
	add_ip(&r, "10.1.0.8/24", NULL);
	add_ip(&r, "fd00::7/64", NULL);
	add_default(&r, "0.0.0.0/0", NULL); /* without a gateway it does not count */
	add_default(&r, "::/0", "fd00::9");
	assert_int_equal(bridge_layer3_complete(&conf, &(struct bw_own){ .result = &r }, &g, NULL),
			 0);
	assert_int_equal(r.n_routes, 3);
	expect_prefix(&r.routes[2].dst, "0.0.0.0/0");
	expect_ip(&r.routes[2].gw, "10.1.0.1");
	bw_cni_result_done(&r);
}

static void what_prevresult_brought_is_left_alone(void **state)
{
	struct bridge_conf conf = { .ipam_type = "x", .is_gateway = 1, .is_default_gateway = 1 };
	struct bridge_gateways g = { .n = 0 };
	struct bw_cni_result r = { 0 };

	(void)state;
	add_ip(&r, "10.9.0.7/24", NULL);
	add_default(&r, "0.0.0.0/0", "10.9.0.1");
	add_ip(&r, "10.1.0.7/24", NULL);
	assert_int_equal(bridge_layer3_complete(
				 &conf,
				 &(struct bw_own){ .result = &r, .first_ip = 1, .first_route = 1 },
				 &g, NULL),
			 0);
	assert_int_equal(g.n, 1);
	assert_int_equal(r.ips[0].gateway.family, 0);
	assert_int_equal(r.n_routes, 2);
	bw_cni_result_done(&r);
}

static void no_address_and_too_many_gateways_are_refused(void **state)
{
	struct bridge_conf conf = { .ipam_type = "x", .is_gateway = 1 };
	struct bridge_gateways g = { .n = 0 };
	struct bw_cni_result r = { 0 };
	struct bw_err err = { 0 };

	(void)state;
	assert_int_equal(bridge_layer3_complete(&conf, &(struct bw_own){ .result = &r }, &g, &err),
			 -EINVAL);
	assert_int_equal(err.class, BW_ERR_INVALID);
	for (int i = 0; i <= BRIDGE_GATEWAYS_MAX; i++) {
		char text[32];

		(void)snprintf(text, sizeof(text), "10.%d.0.7/24", i);
		add_ip(&r, text, NULL);
	}
	assert_int_equal(bridge_layer3_complete(&conf, &(struct bw_own){ .result = &r }, &g, &err),
			 -E2BIG);
	bw_cni_result_done(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_isgateway_nothing_is_added),
		cmocka_unit_test(a_gateway_is_the_first_address_of_the_subnet),
		cmocka_unit_test(a_default_route_a_family_unless_the_ipam_gave_one),
		cmocka_unit_test(what_prevresult_brought_is_left_alone),
		cmocka_unit_test(no_address_and_too_many_gateways_are_refused),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
