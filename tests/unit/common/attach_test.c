/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>

#include <bw/attach.h>
#include <bw/drift.h>
#include <bw/err.h>

static void host_names_are_13_characters_and_follow_from_both_parts(void **state)
{
	char a[BW_CNI_IFNAME_MAX + 1], b[BW_CNI_IFNAME_MAX + 1];

	(void)state;
	bw_attach_host_name("a", "eth0", a);
	assert_string_equal(a, "bw3ec05b00505");
	assert_int_equal(strlen(a), 13);
	bw_attach_hash("a", "eth0", b);
	assert_string_equal(b, a + 2);
	bw_attach_host_name("ae", "th0", b);
	assert_string_not_equal(a, b);
	bw_attach_host_name("a", "eth1", b);
	assert_string_not_equal(a, b);
}

static void a_lost_journal_does_not_stop_del_and_a_locked_one_does(void **state)
{
	const int lost[] = { -ENOENT, -EBADMSG, -EPROTONOSUPPORT };
	struct bw_err why = { 0 }, err = { 0 };

	(void)state;
	assert_int_equal(bw_attach_judge(1, &why, &err), 0);
	for (size_t i = 0; i < BW_ARRAY_SIZE(lost); i++) {
		(void)bw_fail(&why, -lost[i], "open the journal");
		assert_true(bw_attach_is_lost(lost[i]));
		assert_int_equal(bw_attach_judge(lost[i], &why, &err), 0);
		assert_int_equal(err.errnum, 0);
	}
	(void)bw_fail(&why, EIO, "open the journal");
	assert_int_equal(bw_attach_judge(-EIO, &why, &err), -EIO);
	assert_int_equal(err.class, BW_ERR_BUSY);
}

static void drifts_are_counted_and_one_error(void **state)
{
	struct bw_drift d = { .n = 0 };
	struct bw_err err = { 0 };

	(void)state;
	assert_int_equal(bw_drift_result(&d, &err), 0);
	bw_drift_add(&d, "%s is missing", "eth0");
	bw_drift_add(&d, "route %d", 7);
	assert_int_equal(bw_drift_result(&d, &err), -ESTALE);
	assert_string_equal(err.msg, "2 differences: eth0 is missing; route 7");
	for (int i = 0; i < 1000; i++)
		bw_drift_add(&d, "one more difference of many, the %d.", i);
	assert_int_equal(bw_drift_result(&d, &err), -ESTALE);
	assert_non_null(strstr(err.msg, "1002 differences"));
	bw_buf_done(&d.text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(host_names_are_13_characters_and_follow_from_both_parts),
		cmocka_unit_test(a_lost_journal_does_not_stop_del_and_a_locked_one_does),
		cmocka_unit_test(drifts_are_counted_and_one_error),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
