/* SPDX-License-Identifier: Apache-2.0 */
/* Names, intervals, strategies and declared addresses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <bw/err.h>

#include "names.h"
#include "pick.h"
#include "wish.h"

static struct bw_ip ip(const char *s)
{
	struct bw_ip r = { 0 };

	assert_int_equal(bw_ip_parse(s, &r), 0);
	return r;
}

static void an_address_has_one_name(void **state)
{
	static const struct {
		const char *ip;
		const char *name;
	} cases[] = {
		{ "10.99.2.77", "lan.10-99-2-77" },
		{ "0.0.0.0", "lan.0-0-0-0" },
		{ "fd00:99::77", "lan.fd00-0099-0000-0000-0000-0000-0000-0077" },
		{ "::", "lan.0000-0000-0000-0000-0000-0000-0000-0000" },
	};
	static const char *const bad[] = {
		"lan",
		"lan.",
		".10-99-2-77",
		"lan.10-99-2-077",
		"lan.10.99.2.77",
		"lan.fd00-99--77",
		"lan.FD00-0099-0000-0000-0000-0000-0000-0077",
		"lan.0000-0000-0000-0000-0000-ffff-0a63-024d",
		"lan.10-99-2-77-1",
		"a234567890123456789012345678901234567890123456789012345678901.10-99-2-77",
	};
	char name[CTL_NAME_MAX];
	char domain[CTL_DOMAIN_MAX + 1];
	struct bw_ip got;

	(void)state;
	for (size_t i = 0; i < BW_ARRAY_SIZE(cases); i++) {
		struct bw_ip want = ip(cases[i].ip);

		assert_int_equal(ctl_address_name("lan", &want, name), 0);
		assert_string_equal(name, cases[i].name);
		assert_int_equal(ctl_address_name_parse(name, domain, &got), 0);
		assert_string_equal(domain, "lan");
		assert_true(bw_ip_eq(&got, &want));
	}
	got = ip("10.0.0.1");
	for (size_t i = 0; i < BW_ARRAY_SIZE(bad); i++)
		assert_int_equal(ctl_address_name_parse(bad[i], domain, &got), -EINVAL);
	assert_int_equal(ctl_address_name("", &got, name), -EINVAL);
}

static struct ctl_intervals build(const char *prefix, const char *range, const char *exclude,
				  const char *gateway)
{
	const char *ranges[] = { range };
	const char *excludes[] = { exclude };
	struct ctl_intervals_spec spec = {
		.prefix = prefix,
		.gateway = gateway,
		.ranges = ranges,
		.n_ranges = 1,
		.excludes = excludes,
		.n_excludes = exclude != NULL,
	};
	struct ctl_intervals iv = { 0 };
	struct bw_err err = { 0 };

	if (ctl_intervals_build(&spec, &iv, &err) < 0)
		fail_msg("%s", err.msg);
	return iv;
}

static void what_is_no_hosts_is_left_out(void **state)
{
	static const struct {
		const char *prefix;
		const char *range;
		const char *exclude;
		const char *gateway;
		const char *total;
		size_t n;
	} cases[] = {
		{ "10.0.0.0/24", "10.0.0.0/24", NULL, NULL, "254", 1 },
		{ "10.0.0.0/24", "10.0.0.0/24", NULL, "10.0.0.1", "253", 1 },
		{ "10.0.0.0/24", "10.0.0.0/24", "10.0.0.100-10.0.0.109", "10.0.0.200", "243", 3 },
		{ "10.0.0.0/31", "10.0.0.0/31", NULL, NULL, "2", 1 },
		{ "10.0.0.0/16", "10.0.1.0/24", NULL, NULL, "256", 1 },
		{ "10.0.0.0/24", "10.0.0.7", "10.0.0.0/24", NULL, "0", 0 },
		{ "fd00::/64", "fd00::/64", NULL, "fe80::1", "18446744073709551615", 1 },
		{ "fd00::/127", "fd00::/127", NULL, NULL, "2", 1 },
		/* Without IPv4-mapped addresses the whole of IPv6 would be one more. */
		{ "::/0", "::/0", NULL, NULL, "340282366920938463463374607431768211455", 1 },
	};

	(void)state;
	for (size_t i = 0; i < BW_ARRAY_SIZE(cases); i++) {
		struct ctl_intervals iv =
			build(cases[i].prefix, cases[i].range, cases[i].exclude, cases[i].gateway);
		char total[CTL_U128_MAX];

		assert_string_equal(ctl_u128_str(ctl_intervals_total(&iv), total), cases[i].total);
		assert_int_equal(iv.n, cases[i].n);
		ctl_intervals_done(&iv);
	}
}

static void ranges_that_overlap_count_once(void **state)
{
	const char *ranges[] = { "10.0.0.20-10.0.0.30", "10.0.0.10-10.0.0.22", "10.0.0.21" };
	struct bw_interval reserved = { ip("10.0.0.25"), ip("10.0.0.25") };
	struct ctl_intervals_spec spec = { .prefix = "10.0.0.0/24",
					   .ranges = ranges,
					   .n_ranges = 3,
					   .reserved = &reserved,
					   .n_reserved = 1 };
	struct ctl_intervals iv = { 0 };
	struct bw_ip in = ip("10.0.0.22");
	struct bw_ip out = ip("10.0.0.25");

	(void)state;
	assert_int_equal(ctl_intervals_build(&spec, &iv, NULL), 0);
	assert_true(ctl_intervals_total(&iv) == 20);
	assert_int_equal(ctl_intervals_has(&iv, &in), 1);
	assert_int_equal(ctl_intervals_has(&iv, &out), 0);
	ctl_intervals_done(&iv);
}

static void bad_texts_are_named(void **state)
{
	const char *ranges[] = { "10.0.0.9-10.0.0.1" };
	struct ctl_intervals_spec spec = { .prefix = "10.0.0.0/24",
					   .ranges = ranges,
					   .n_ranges = 1 };
	struct ctl_intervals iv = { 0 };
	struct bw_err err = { 0 };

	(void)state;
	assert_int_equal(ctl_intervals_build(&spec, &iv, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "10.0.0.9-10.0.0.1"));
	ranges[0] = "fd00::1";
	assert_int_equal(ctl_intervals_build(&spec, &iv, &err), -EINVAL);
	spec.prefix = "10.0.0.0";
	assert_int_equal(ctl_intervals_build(&spec, &iv, &err), -EINVAL);
	assert_null(iv.v);
}

static void pools_overlap_where_both_give(void **state)
{
	struct ctl_intervals a = build("10.0.0.0/24", "10.0.0.10-10.0.0.20", NULL, NULL);
	struct ctl_intervals b = build("10.0.0.0/24", "10.0.0.0/24", "10.0.0.0-10.0.0.19", NULL);
	struct ctl_intervals c = build("fd00::/64", "fd00::/64", NULL, NULL);
	struct bw_ip at;
	struct bw_ip want = ip("10.0.0.20");

	(void)state;
	assert_int_equal(ctl_intervals_overlap(&a, &b, &at), 1);
	assert_true(bw_ip_eq(&at, &want));
	assert_int_equal(ctl_intervals_overlap(&a, &c, &at), 0);
	ctl_intervals_done(&a);
	ctl_intervals_done(&b);
	ctl_intervals_done(&c);
}

static void every_strategy_gives_each_address_once(void **state)
{
	(void)state;
	for (int s = 0; s < CTL_STRATEGY_MAX_; s++) {
		struct ctl_intervals iv = build("10.0.0.0/24", "10.0.0.0/24", "10.0.0.64/26", NULL);
		struct ctl_tree_node *nodes = calloc(190, sizeof(*nodes));
		struct ctl_tree used = { 0 };
		struct ctl_pick p = { .iv = &iv, .used = &used, .strategy = s };
		struct bw_ip got;

		for (size_t i = 0; i < 190; i++) {
			assert_non_null(nodes);
			assert_true(ctl_pick_free(&iv, &used) == 190 - i);
			p.random = p.random * 6364136223846793005U + 1442695040888963407U;
			assert_int_equal(ctl_pick(&p, &got), 0);
			assert_int_equal(ctl_intervals_has(&iv, &got), 1);
			assert_int_equal(ctl_tree_insert(&used, &nodes[i], bw_ip_value(&got)), 0);
			p.cursor = got;
		}
		assert_int_equal(ctl_pick(&p, &got), -ENOSPC);
		assert_true(ctl_pick_free(&iv, &used) == 0);
		free(nodes);
		ctl_intervals_done(&iv);
	}
}

static void round_robin_rests_an_address_longest(void **state)
{
	struct ctl_intervals iv = build("10.0.0.0/24", "10.0.0.1-10.0.0.3", NULL, NULL);
	struct ctl_tree used = { 0 };
	struct ctl_pick p = { .iv = &iv, .used = &used, .strategy = CTL_ROUND_ROBIN };
	static const char *const want[] = { "10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.1" };

	(void)state;
	for (size_t i = 0; i < BW_ARRAY_SIZE(want); i++) {
		struct bw_ip w = ip(want[i]);

		assert_int_equal(ctl_pick(&p, &p.cursor), 0);
		assert_true(bw_ip_eq(&p.cursor, &w));
	}
	ctl_intervals_done(&iv);
}

static void random_picks_in_all_of_a_64(void **state)
{
	struct ctl_intervals iv = build("fd00::/64", "fd00::/64", NULL, NULL);
	struct ctl_tree used = { 0 };
	struct ctl_pick p = { .iv = &iv,
			      .used = &used,
			      .strategy = CTL_RANDOM,
			      .random = (unsigned __int128)1 << 64 | (1ULL << 63) };
	struct bw_ip got;
	char s[BW_IP_STR_MAX];

	(void)state;
	assert_int_equal(ctl_pick(&p, &got), 0);
	assert_string_equal(bw_ip_str(&got, s), "fd00::8000:0:0:2");
	ctl_intervals_done(&iv);
}

static void declared_addresses_go_by_ordinal(void **state)
{
	static const struct {
		const char *text;
		int64_t ordinal;
		int r;
		const char *want;
		const char *want6;
	} cases[] = {
		{ "10.0.0.7", -1, 0, "10.0.0.7", NULL },
		{ "10.0.0.7", 0, 0, "10.0.0.7", NULL },
		{ "10.0.0.7", 1, -ERANGE, NULL, NULL },
		{ " 10.0.0.7 , fd00::7 ", -1, 0, "10.0.0.7", "fd00::7" },
		{ "10.0.0.7,10.0.0.8", -1, -EINVAL, NULL, NULL },
		{ "10.0.0.7,", -1, -EINVAL, NULL, NULL },
		{ "10.0.0.7,fd00::7,fd00::8", -1, -EINVAL, NULL, NULL },
		{ "10.0.0.7;10.0.0.9,fd00::9", 1, 0, "10.0.0.9", "fd00::9" },
		{ "10.0.0.7;10.0.0.9", 2, -ERANGE, NULL, NULL },
		{ "10.0.0.7;10.0.0.9", -1, -EINVAL, NULL, NULL },
		{ "10.0.0.7;;10.0.0.9", 1, -EINVAL, NULL, NULL },
		{ "10.0.0.7-10.0.0.9", 2, 0, "10.0.0.9", NULL },
		{ "10.0.0.7-10.0.0.9", 3, -ERANGE, NULL, NULL },
		{ "10.0.0.7-10.0.0.9", -1, -EINVAL, NULL, NULL },
		{ "10.0.0.9-10.0.0.7", 0, -EINVAL, NULL, NULL },
		{ "10.0.0.7-10.0.0.9,fd00::7-fd00::9", 1, 0, "10.0.0.8", "fd00::8" },
		{ "", -1, -EINVAL, NULL, NULL },
		{ "ten", -1, -EINVAL, NULL, NULL },
	};
	char s[BW_IP_STR_MAX];

	(void)state;
	for (size_t i = 0; i < BW_ARRAY_SIZE(cases); i++) {
		struct bw_ip got[CTL_WISH_FAMILIES];
		struct bw_err err = { 0 };
		size_t n = 0;
		int r = ctl_wish_parse(cases[i].text, cases[i].ordinal, got, &n, &err);

		if (r != cases[i].r)
			fail_msg("%s of %lld: %d %s", cases[i].text, (long long)cases[i].ordinal, r,
				 err.msg);
		if (r < 0)
			continue;
		assert_int_equal(n, cases[i].want6 ? 2 : 1);
		assert_string_equal(bw_ip_str(&got[0], s), cases[i].want);
		if (cases[i].want6)
			assert_string_equal(bw_ip_str(&got[1], s), cases[i].want6);
	}
}

static void the_ordinal_ends_the_pods_name(void **state)
{
	(void)state;
	assert_int_equal(ctl_pod_ordinal("redis-0"), 0);
	assert_int_equal(ctl_pod_ordinal("redis-a-17"), 17);
	assert_int_equal(ctl_pod_ordinal("redis"), -1);
	assert_int_equal(ctl_pod_ordinal("redis-"), -1);
	assert_int_equal(ctl_pod_ordinal("redis-01"), -1);
	assert_int_equal(ctl_pod_ordinal("redis-x1"), -1);
	assert_int_equal(ctl_pod_ordinal("redis-99999999999999999999"), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_address_has_one_name),
		cmocka_unit_test(what_is_no_hosts_is_left_out),
		cmocka_unit_test(ranges_that_overlap_count_once),
		cmocka_unit_test(bad_texts_are_named),
		cmocka_unit_test(pools_overlap_where_both_give),
		cmocka_unit_test(every_strategy_gives_each_address_once),
		cmocka_unit_test(round_robin_rests_an_address_longest),
		cmocka_unit_test(random_picks_in_all_of_a_64),
		cmocka_unit_test(declared_addresses_go_by_ordinal),
		cmocka_unit_test(the_ordinal_ends_the_pods_name),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
