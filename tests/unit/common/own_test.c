/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>

#include <bw/err.h>
#include <bw/own.h>
#include <bw/plugin_conf.h>

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

static void dns_replaces_the_ipams_as_soon_as_one_member_is_set(void **state)
{
	const char *servers[] = { "10.0.0.53", "10.0.0.54" };
	struct bw_conf_dns conf = { .domain = "" };
	struct bw_cni_result r = { 0 };
	struct bw_own own = { .result = &r };

	(void)state;
	r.dns.domain = strdup("from.ipam");
	assert_int_equal(bw_own_dns(&own, &conf, NULL), 0);
	assert_string_equal(r.dns.domain, "from.ipam");
	conf.nameservers = (struct bw_json_list){ servers, 2 };
	assert_int_equal(bw_own_dns(&own, &conf, NULL), 0);
	assert_null(r.dns.domain);
	assert_int_equal(r.dns.n_nameservers, 2);
	assert_string_equal(r.dns.nameservers[1], "10.0.0.54");
	bw_cni_result_done(&r);
}

static void a_delegates_answer_is_appended_without_its_interfaces(void **state)
{
	struct bw_cni_result r = { 0 }, answer = { 0 };
	struct bw_own own = { .result = &r };

	(void)state;
	add_ip(&r, "10.9.0.7/24", NULL);
	own.first_ip = 1;
	add_ip(&answer, "fd00::7/64", "fd00::1");
	add_ip(&answer, "10.1.0.7/24", NULL);
	answer.ips[0].interface = 3;
	add_default(&answer, "::/0", "fd00::1");
	answer.dns.domain = strdup("from.ipam");
	assert_int_equal(bw_own_append(&own, &answer, NULL), 0);
	assert_int_equal(bw_own_n_ips(&own), 2);
	assert_int_equal(r.ips[1].interface, BW_CNI_NO_IF);
	assert_string_equal(r.dns.domain, "from.ipam");
	assert_null(answer.dns.domain);
	assert_int_equal(bw_own_first(&own)->family, AF_INET);
	assert_true(bw_own_has_default(&own, AF_INET6));
	assert_false(bw_own_has_default(&own, AF_INET));
	own.first_if = 2;
	bw_own_bind(&own, 1);
	assert_int_equal(r.ips[0].interface, BW_CNI_NO_IF);
	assert_int_equal(r.ips[2].interface, 3);
	bw_cni_result_done(&answer);
	bw_cni_result_done(&r);
}

static void an_answer_that_is_too_long_is_an_error(void **state)
{
	struct bw_cni_result r = { 0 }, answer = { 0 };
	struct bw_own own = { .result = &r };
	struct bw_err err = { 0 };

	(void)state;
	for (int i = 0; i < BW_CNI_IPS_MAX; i++)
		add_ip(&r, "10.9.0.7/24", NULL);
	add_ip(&answer, "10.1.0.7/24", NULL);
	assert_int_equal(bw_own_append(&own, &answer, &err), -E2BIG);
	bw_cni_result_done(&answer);
	bw_cni_result_done(&r);
}

static void own_addresses_are_cut_at_what_the_caller_holds(void **state)
{
	struct bw_cni_result r = { 0 };
	struct bw_own own = { .result = &r, .first_ip = 1 };
	struct bw_ip out[1];

	(void)state;
	add_ip(&r, "10.9.0.7/24", NULL);
	assert_null(bw_own_first(&own));
	add_ip(&r, "fd00::7/64", NULL);
	add_ip(&r, "fd00::8/64", NULL);
	assert_int_equal(bw_own_ips(&own, out, 1), 1);
	assert_true(bw_ip_eq(&out[0], &r.ips[1].address.ip));
	assert_true(bw_ip_eq(bw_own_first(&own), &r.ips[1].address.ip));
	bw_cni_result_done(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dns_replaces_the_ipams_as_soon_as_one_member_is_set),
		cmocka_unit_test(a_delegates_answer_is_appended_without_its_interfaces),
		cmocka_unit_test(an_answer_that_is_too_long_is_an_error),
		cmocka_unit_test(own_addresses_are_cut_at_what_the_caller_holds),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
