/* SPDX-License-Identifier: Apache-2.0 */
/* Log lines: what they hold, and that no value can break one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include <bw/log.h>

static char text[4096];

/* The line that the last call wrote. */
static const char *line(int fd)
{
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

	assert_true(n > 0);
	text[n] = '\0';
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return text;
}

static int begin(int json)
{
	int fd = memfd_create("log", MFD_CLOEXEC);

	assert_true(fd >= 0);
	bw_log_setup(BW_LOG_INFO, fd, NULL, NULL, NULL);
	bw_log_json(json);
	return fd;
}

static void end(int fd)
{
	bw_log_setup(BW_LOG_INFO, 2, NULL, NULL, NULL);
	bw_log_json(0);
	(void)close(fd);
}

static void a_line_is_keys_and_values(void **state)
{
	int fd = begin(0);

	(void)state;
	bw_log_info("all is well", "claim", "db/a", "why", "a \"b\"");
	assert_non_null(
		strstr(line(fd), " lvl=info claim=db/a why=\"a \\\"b\\\"\" msg=\"all is well\"\n"));
	end(fd);
}

static void a_json_line_is_one_object(void **state)
{
	int fd = begin(1);

	(void)state;
	bw_log_warn("a \"quote\"", "controller", "claims", "err", "back\\slash\nline\ttab");
	assert_ptr_equal(strstr(line(fd), "{\"ts\":\"2"), text);
	assert_non_null(strstr(text, ",\"level\":\"warn\",\"msg\":\"a \\\"quote\\\"\","
				     "\"controller\":\"claims\","
				     "\"err\":\"back\\\\slash line tab\"}\n"));
	end(fd);
}

static void a_json_line_that_is_too_long_is_cut_between_characters(void **state)
{
	char value[5000];
	int fd = begin(1);
	size_t len;

	(void)state;
	for (unsigned int shift = 0; shift < 4; shift++) {
		(void)memset(value, 'x', shift);
		for (len = shift; len + 2 < sizeof(value); len += 2)
			(void)memcpy(value + len, "\xc3\xa9", 2); /* é */
		value[len] = '\0';
		bw_log_info("long", "v", value, "later", "is left out");
		len = strlen(line(fd));
		assert_true(len > 1900 && len <= 2048);
		assert_string_equal(text + len - 3, "\"}\n");
		assert_int_equal((unsigned char)text[len - 4], 0xa9);
		assert_null(strstr(text, "later"));
	}
	end(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_is_keys_and_values),
		cmocka_unit_test(a_json_line_is_one_object),
		cmocka_unit_test(a_json_line_that_is_too_long_is_cut_between_characters),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
