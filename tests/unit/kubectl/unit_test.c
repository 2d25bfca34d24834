/* SPDX-License-Identifier: Apache-2.0 */
/* barewire unit connect: the keys that leave a terminal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>

#include "kube_term.h"

/* Types the texts one after the other; returns 1 when it is left, with what was sent before. */
static int type(const char *const *texts, char sent[64])
{
	struct cli_term_keys k = { 0 };
	size_t at = 0;

	for (; *texts; texts++) {
		char out[CLI_TERM_KEYS_MAX + 1];
		size_t n = 0;

		if (cli_term_filter(&k, *texts, strlen(*texts), out, &n)) {
			assert_int_equal(n, 0);
			sent[at] = '\0';
			return 1;
		}
		assert_true(n <= strlen(*texts) + 1);
		memcpy(sent + at, out, n);
		at += n;
	}
	sent[at] = '\0';
	return 0;
}

static void enter_tilde_dot_leaves(void **state)
{
	static const struct {
		const char *texts[8];
		const char *sent;
		int left;
	} cases[] = {
		{ { "~." }, "", 1 },
		{ { "\r~." }, "", 1 },
		{ { "\n", "~", "." }, "\n", 1 },
		{ { "ls\r", "~", "." }, "ls\r", 1 },
		{ { "a~." }, "a~.", 0 },
		{ { "cd ~/x\r" }, "cd ~/x\r", 0 },
		{ { "~/bin/x\r" }, "~/bin/x\r", 0 },
		{ { "~", "x" }, "~x", 0 },
		{ { "~~", "." }, "~.", 0 },
		{ { "~", "\r", "~" }, "~\r", 0 },
		{ { "~", "\r", "~", "." }, "~\r", 1 },
		{ { "" }, "", 0 },
	};

	(void)state;
	for (size_t i = 0; i < BW_ARRAY_SIZE(cases); i++) {
		char sent[64];

		assert_int_equal(type(cases[i].texts, sent), cases[i].left);
		assert_string_equal(sent, cases[i].sent);
	}
}

static void a_full_buffer_of_keys_fits_behind_a_tilde(void **state)
{
	static char in[CLI_TERM_KEYS_MAX], out[CLI_TERM_KEYS_MAX + 1];
	struct cli_term_keys k = { 0 };
	size_t n = 0;

	(void)state;
	memset(in, 'x', sizeof(in));
	assert_int_equal(cli_term_filter(&k, "~", 1, out, &n), 0);
	assert_int_equal(n, 0);
	assert_int_equal(cli_term_filter(&k, in, sizeof(in), out, &n), 0);
	assert_int_equal(n, CLI_TERM_KEYS_MAX + 1);
	assert_int_equal(out[0], '~');
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(enter_tilde_dot_leaves),
		cmocka_unit_test(a_full_buffer_of_keys_fits_behind_a_tilde),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
