/* SPDX-License-Identifier: Apache-2.0 */
/* Differences as a list of texts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "differ.h"

static void a_full_list_takes_no_more(void **state)
{
	static struct agent_differences d;

	(void)state;
	for (int i = 0; i < AGENT_DIFFERENCES_MAX + 3; i++)
		agent_differ_add(&d, AGENT_DIFFER_MISSING, "db/redis-0", "the %dth", i);
	assert_int_equal(d.n, AGENT_DIFFERENCES_MAX);
	assert_string_equal(d.list[2].message, "the 2th");
}

static void long_texts_are_cut(void **state)
{
	static struct agent_differences d;
	char text[2000];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	agent_differ_add(&d, AGENT_DIFFER_CUT, text, "%s", text);
	assert_int_equal(strlen(d.list[0].pod), sizeof(d.list[0].pod) - 1);
	assert_int_equal(strlen(d.list[0].message), sizeof(d.list[0].message) - 1);
}

static void lists_differ_by_reason_pod_and_text(void **state)
{
	static struct agent_differences a, b;

	(void)state;
	assert_true(agent_differ_same(&a, &b));
	agent_differ_add(&a, AGENT_DIFFER_CUT, "db/a", "x");
	assert_false(agent_differ_same(&a, &b));
	agent_differ_add(&b, AGENT_DIFFER_CUT, "db/a", "x");
	assert_true(agent_differ_same(&a, &b));
	b.list[0].reason = AGENT_DIFFER_MOVED;
	assert_false(agent_differ_same(&a, &b));
	b.n = 0;
	agent_differ_add(&b, AGENT_DIFFER_CUT, "db/b", "x");
	assert_false(agent_differ_same(&a, &b));
	b.n = 0;
	agent_differ_add(&b, AGENT_DIFFER_CUT, "db/a", "y");
	assert_false(agent_differ_same(&a, &b));
}

static void every_reason_is_a_word(void **state)
{
	(void)state;
	for (int i = 0; i < AGENT_DIFFER_MAX_; i++)
		assert_int_equal(strspn(agent_differ_str(i), "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
							     "abcdefghijklmnopqrstuvwxyz"),
				 strlen(agent_differ_str(i)));
	assert_string_equal(agent_differ_str(AGENT_DIFFER_MAX_), "Unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_full_list_takes_no_more),
		cmocka_unit_test(long_texts_are_cut),
		cmocka_unit_test(lists_differ_by_reason_pod_and_text),
		cmocka_unit_test(every_reason_is_a_word),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
