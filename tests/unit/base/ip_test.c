/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <bw/ip.h>

static void add_carries_and_borrows(void **state)
{
        struct bw_ip ip;
        char s[BW_IP_STR_MAX];

        (void)state;
        assert_int_equal(bw_ip_parse("10.0.0.255", &ip), 0);
        assert_int_equal(bw_ip_add(&ip, 1), 0);
        assert_string_equal(bw_ip_str(&ip, s), "10.0.1.0");
        assert_int_equal(bw_ip_add(&ip, -257), 0);
        assert_string_equal(bw_ip_str(&ip, s), "9.255.255.255");
        assert_int_equal(bw_ip_parse("255.255.255.255", &ip), 0);
        assert_int_equal(bw_ip_add(&ip, 1), -EOVERFLOW);
        assert_int_equal(bw_ip_parse("0.0.0.0", &ip), 0);
        assert_int_equal(bw_ip_add(&ip, -1), -EOVERFLOW);
        assert_int_equal(bw_ip_parse("fd00::ffff:ffff:ffff:ffff", &ip), 0);
        assert_int_equal(bw_ip_add(&ip, 1), 0);
        assert_string_equal(bw_ip_str(&ip, s), "fd00:0:0:1::");
}

static void prefix_has_first_and_last(void **state)
{
        struct bw_prefix p;
        struct bw_ip a, b;
        char s[BW_IP_STR_MAX];

        (void)state;
        assert_int_equal(bw_prefix_parse("10.1.2.77/27", &p), 0);
        a = bw_prefix_first(&p);
        b = bw_prefix_last(&p);
        assert_string_equal(bw_ip_str(&a, s), "10.1.2.64");
        assert_string_equal(bw_ip_str(&b, s), "10.1.2.95");
        assert_int_equal(bw_ip_distance(&a, &b), 31);
        assert_true(bw_prefix_has_host_bits(&p));
        assert_int_equal(bw_prefix_parse("::/0", &p), 0);
        a = bw_prefix_first(&p);
        b = bw_prefix_last(&p);
        assert_int_equal(bw_ip_distance(&a, &b), UINT64_MAX);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(add_carries_and_borrows),
                cmocka_unit_test(prefix_has_first_and_last),
        };

        cmocka_set_message_output(CM_OUTPUT_TAP);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
