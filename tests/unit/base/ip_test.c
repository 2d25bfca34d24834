/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses, prefixes, MACs: parsing at the bounds, arithmetic, the MAC an address brings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include <bw/ip.h>

#include "addrs.h"

static void assert_ip(const struct bw_ip *got, const char *want)
{
	char s[BW_IP_STR_MAX];

	assert_string_equal(bw_ip_str(got, s), want);
}

static void parse_refuses_what_is_no_address(void **state)
{
	static const char *const bad[] = {
		"",          "10.0.0",    "10.0.0.256",     "010.0.0.1",         "10.0.0.1 ",
		"10.0.0.1/", "fe80::1%e", "::ffff:1.2.3.4", "1:2:3:4:5:6:7:8:9", "g::",
	};
	struct bw_ip r = { .family = 77 };

	(void)state;
	for (size_t i = 0; i < BW_ARRAY_SIZE(bad); i++) {
		assert_int_equal(bw_ip_parse(bad[i], &r), -EINVAL);
		assert_int_equal(r.family, 77);
	}
}

static void parse_prints_canonically(void **state)
{
	struct bw_ip r = ip("FD00:0:0:0:0:0:0:0001");
	struct bw_ip none = { 0 };

	(void)state;
	assert_ip(&r, "fd00::1");
	assert_ip(&none, "-");
}

static void prefix_length_has_bounds(void **state)
{
	static const char *const bad[] = { "10.0.0.1",     "10.0.0.1/",   "10.0.0.1/33",
					   "10.0.0.1/08",  "10.0.0.1/-1", "10.0.0.1/+8",
					   "::1/129",      "::1/0128",    "/24",
					   "10.0.0.1/2 4", "10.0.0.1/24/" };
	struct bw_prefix p;
	int has_len;

	(void)state;
	for (size_t i = 0; i < BW_ARRAY_SIZE(bad); i++)
		assert_int_equal(bw_prefix_parse(bad[i], &p), -EINVAL);
	assert_int_equal(prefix("0.0.0.0/0").len, 0);
	assert_int_equal(prefix("10.0.0.1/32").len, 32);
	assert_int_equal(prefix("::1/128").len, 128);
	assert_int_equal(bw_ip_or_prefix_parse("::1", &p, &has_len), 0);
	assert_false(has_len);
	assert_int_equal(p.len, 128);
	assert_int_equal(bw_ip_or_prefix_parse("10.0.0.1/8", &p, &has_len), 0);
	assert_true(has_len);
}

static void add_carries_and_borrows(void **state)
{
	struct bw_ip r = ip("10.0.0.255");

	(void)state;
	assert_int_equal(bw_ip_add(&r, 1), 0);
	assert_ip(&r, "10.0.1.0");
	assert_int_equal(bw_ip_add(&r, -257), 0);
	assert_ip(&r, "9.255.255.255");
	r = ip("255.255.255.255");
	assert_int_equal(bw_ip_add(&r, 1), -EOVERFLOW);
	assert_ip(&r, "255.255.255.255");
	r = ip("0.0.0.0");
	assert_int_equal(bw_ip_add(&r, -1), -EOVERFLOW);
	r = ip("fd00::ffff:ffff:ffff:ffff");
	assert_int_equal(bw_ip_add(&r, 1), 0);
	assert_ip(&r, "fd00:0:0:1::");
	assert_int_equal(bw_ip_add(&r, INT64_MIN), 0);
	assert_ip(&r, "fd00::8000:0:0:0");
	r = ip("::");
	assert_int_equal(bw_ip_add(&r, INT64_MAX), 0);
	assert_ip(&r, "::7fff:ffff:ffff:ffff");
}

static void prefix_has_first_and_last(void **state)
{
	struct bw_prefix p = prefix("10.1.2.77/27");
	struct bw_ip a = bw_prefix_first(&p);
	struct bw_ip b = bw_prefix_last(&p);
	struct bw_ip v6 = ip("::1");

	(void)state;
	assert_ip(&a, "10.1.2.64");
	assert_ip(&b, "10.1.2.95");
	assert_int_equal(bw_ip_distance(&a, &b), 31);
	assert_true(bw_prefix_has_host_bits(&p));
	assert_true(bw_prefix_contains(&p, &a));
	assert_true(bw_prefix_contains(&p, &b));
	assert_int_equal(bw_ip_add(&b, 1), 0);
	assert_false(bw_prefix_contains(&p, &b));
	p = prefix("::/0");
	a = bw_prefix_first(&p);
	b = bw_prefix_last(&p);
	assert_int_equal(bw_ip_distance(&a, &b), UINT64_MAX);
	p = prefix("0.0.0.0/0");
	assert_false(bw_prefix_contains(&p, &v6));
}

static void order_is_by_family_then_value(void **state)
{
	struct bw_ip v4 = ip("255.255.255.255");
	struct bw_ip v4b = ip("10.0.0.1");
	struct bw_ip v6 = ip("::");

	(void)state;
	assert_true(bw_ip_cmp(&v4, &v6) < 0);
	assert_true(bw_ip_cmp(&v4b, &v4) < 0);
	assert_true(bw_ip_eq(&v4, &v4));
}

static void mac_parses_both_separators_and_nothing_else(void **state)
{
	static const char *const bad[] = { "",
					   "02:00:00:00:00",
					   "02:00:00:00:00:0",
					   "02:00:00:00:00:00:",
					   "0200.0000.0000",
					   "02:00:00:00:00:0g",
					   "2:0:0:0:0:1" };
	struct bw_mac m;
	char s[BW_MAC_STR_MAX];

	(void)state;
	for (size_t i = 0; i < BW_ARRAY_SIZE(bad); i++)
		assert_int_equal(bw_mac_parse(bad[i], &m), -EINVAL);
	assert_int_equal(bw_mac_parse("02-AB-cd-00-00-01", &m), 0);
	assert_string_equal(bw_mac_str(&m, s), "02:ab:cd:00:00:01");
	assert_false(bw_mac_is_multicast(&m));
	assert_false(bw_mac_is_zero(&m));
}

/* The vectors of docs/reference/mac.md, computed with a second implementation. */
static void mac_follows_the_address(void **state)
{
	static const struct {
		const char *domain, *ip, *mac;
	} vectors[] = {
		{ "lan", "10.99.2.77", "02:90:0a:63:02:4d" },
		{ "lan", "fd00::7", "06:09:c1:4a:0b:68" },
		{ "prod.db", "192.168.0.1", "02:b8:c0:a8:00:01" },
		{ "prod.db", "2001:db8::1", "06:55:f8:5a:5b:4d" },
	};
	char s[BW_MAC_STR_MAX];

	(void)state;
	for (size_t i = 0; i < BW_ARRAY_SIZE(vectors); i++) {
		struct bw_ip a = ip(vectors[i].ip);
		struct bw_mac m = bw_mac_from_ip(vectors[i].domain, &a);

		assert_string_equal(bw_mac_str(&m, s), vectors[i].mac);
	}
}

/* Published FNV-1a vectors: the empty string and "foobar". */
static void fnv_matches_the_draft(void **state)
{
	(void)state;
	assert_int_equal(bw_fnv32(BW_FNV32_BASIS, "", 0), 0x811c9dc5U);
	assert_int_equal(bw_fnv32(BW_FNV32_BASIS, "foobar", 6), 0xbf9cf968U);
	assert_true(bw_fnv64(BW_FNV64_BASIS, "foobar", 6) == 0x85944171f73967e8ULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parse_refuses_what_is_no_address),
		cmocka_unit_test(parse_prints_canonically),
		cmocka_unit_test(prefix_length_has_bounds),
		cmocka_unit_test(add_carries_and_borrows),
		cmocka_unit_test(prefix_has_first_and_last),
		cmocka_unit_test(order_is_by_family_then_value),
		cmocka_unit_test(mac_parses_both_separators_and_nothing_else),
		cmocka_unit_test(mac_follows_the_address),
		cmocka_unit_test(fnv_matches_the_draft),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
