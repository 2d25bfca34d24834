/* SPDX-License-Identifier: Apache-2.0 */
/* Errors collect context; the undo list runs backwards and once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <bw/err.h>
#include <bw/undo.h>

static void fail_appends_the_errno_text(void **state)
{
	struct bw_err err = { 0 };

	(void)state;
	assert_int_equal(bw_fail(&err, ENOENT, "open %s", "/x"), -ENOENT);
	assert_string_equal(err.msg, "open /x: No such file or directory");
	assert_int_equal(err.class, BW_ERR_INTERNAL);
	assert_int_equal(bw_fail(NULL, ENOENT, "open"), -ENOENT);
	assert_int_equal(bw_fail(&err, 0, "odd"), -EINVAL);
}

static void wrap_puts_context_before(void **state)
{
	struct bw_err err = { 0 };

	(void)state;
	assert_int_equal(
		bw_reject(&err, BW_ERR_INVALID, EINVAL, "vlan 4095: allowed are 0 to 4094"),
		-EINVAL);
	bw_err_details(&err, "remedy %d", 1);
	assert_int_equal(bw_wrap(&err, -EINVAL, "network %s", "lan"), -EINVAL);
	assert_string_equal(err.msg, "network lan: vlan 4095: allowed are 0 to 4094");
	assert_string_equal(err.details, "remedy 1");
	assert_int_equal(err.class, BW_ERR_INVALID);
	assert_int_equal(bw_wrap(NULL, -EIO, "x"), -EIO);
}

static void long_texts_are_cut_not_overrun(void **state)
{
	struct bw_err err = { 0 };
	char text[2 * BW_ERR_MSG_MAX];

	(void)state;
	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(bw_fail(&err, EIO, "%s", text), -EIO);
	assert_int_equal(strlen(err.msg), BW_ERR_MSG_MAX - 1);
	assert_int_equal(bw_wrap(&err, -EIO, "%s", text), -EIO);
	assert_int_equal(strlen(err.msg), BW_ERR_MSG_MAX - 1);
}

static void every_class_has_a_name(void **state)
{
	(void)state;
	for (int i = 0; i < BW_ERR_MAX_; i++)
		assert_string_not_equal(bw_err_class_str((enum bw_err_class)i), "unknown");
	assert_string_equal(bw_err_class_str(BW_ERR_MAX_), "unknown");
}

struct trace {
	char text[16];
	int fail;
};

static int undo_a(void *arg, struct bw_err *err)
{
	struct trace *t = arg;

	(void)err;
	strcat(t->text, "a");
	return 0;
}

static int undo_b(void *arg, struct bw_err *err)
{
	struct trace *t = arg;

	strcat(t->text, "b");
	return t->fail ? bw_fail(err, EIO, "b") : 0;
}

static void undo_runs_backwards_also_past_a_failure(void **state)
{
	struct trace t = { .fail = 1 };

	(void)state;
	{
		bw_autoundo struct bw_undo u = { .n = 0 };

		bw_undo_push(&u, undo_a, &t, "a");
		bw_undo_push(&u, undo_b, &t, "b");
		bw_undo_push(&u, undo_a, &t, "a again");
		bw_undo_run(&u);
		assert_string_equal(t.text, "aba");
	}
	assert_string_equal(t.text, "aba"); /* leaving the scope ran nothing twice */
}

static void undo_runs_when_the_scope_is_left_uncommitted(void **state)
{
	struct trace t = { .fail = 0 };

	(void)state;
	{
		bw_autoundo struct bw_undo u = { .n = 0 };

		bw_undo_push(&u, undo_a, &t, "a");
	}
	assert_string_equal(t.text, "a");
}

static void commit_forgets_everything(void **state)
{
	struct trace t = { .fail = 0 };

	(void)state;
	{
		bw_autoundo struct bw_undo u = { .n = 0 };

		bw_undo_push(&u, undo_a, &t, "a");
		bw_undo_commit(&u);
	}
	assert_string_equal(t.text, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fail_appends_the_errno_text),
		cmocka_unit_test(wrap_puts_context_before),
		cmocka_unit_test(long_texts_are_cut_not_overrun),
		cmocka_unit_test(every_class_has_a_name),
		cmocka_unit_test(undo_runs_backwards_also_past_a_failure),
		cmocka_unit_test(undo_runs_when_the_scope_is_left_uncommitted),
		cmocka_unit_test(commit_forgets_everything),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
