/* SPDX-License-Identifier: Apache-2.0 */
/* Buffers, whole reads and writes, folders, the boot's identity, the log's line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include <bw/buf.h>
#include <bw/clock.h>
#include <bw/err.h>
#include <bw/io.h>
#include <bw/list.h>
#include <bw/log.h>

static void make_pipe(int fds[2], const char *text)
{
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(write(fds[1], text, strlen(text)), strlen(text));
	close(fds[1]);
}

static void read_all_stops_at_the_bound(void **state)
{
	bw_autobuf struct bw_buf buf = { 0 };
	struct bw_err err = { 0 };
	int fds[2];

	(void)state;
	make_pipe(fds, "12345678");
	assert_int_equal(bw_io_read_all(fds[0], 8, &buf, &err), 0);
	assert_string_equal(buf.data, "12345678");
	close(fds[0]);
	bw_buf_done(&buf);
	make_pipe(fds, "123456789");
	assert_int_equal(bw_io_read_all(fds[0], 8, &buf, &err), -EFBIG);
	assert_non_null(strstr(err.msg, "8 bytes"));
	close(fds[0]);
	assert_int_equal(bw_io_read_all(fds[0], 8, &buf, &err), -EBADF);
}

static void read_of_nothing_is_an_empty_text(void **state)
{
	bw_autobuf struct bw_buf buf = { 0 };
	struct bw_err err = { 0 };

	(void)state;
	assert_int_equal(bw_io_read_file("/dev/null", 8, &buf, &err), 0);
	assert_int_equal(buf.size, 0);
	assert_string_equal(buf.data, "");
	assert_int_equal(bw_io_read_file("/nonexistent/x", 8, &buf, &err), -ENOENT);
	assert_non_null(strstr(err.msg, "/nonexistent/x"));
}

static void write_file_never_creates(void **state)
{
	char dir[] = "/tmp/bw-io-test-XXXXXX";
	char path[64];
	struct bw_err err = { 0 };

	(void)state;
	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/x", dir);
	assert_int_equal(bw_io_write_file(path, "1", &err), -ENOENT);
	assert_int_equal(bw_io_write_file("/dev/full", "1", &err), -ENOSPC);
	assert_int_equal(rmdir(dir), 0);
}

static void mkdir_p_makes_parents_and_is_idempotent(void **state)
{
	char dir[] = "/tmp/bw-io-test-XXXXXX";
	char path[64];
	struct bw_err err = { 0 };
	struct stat st;

	(void)state;
	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/a/b", dir);
	assert_int_equal(bw_io_mkdir_p(path, 0700, &err), 0);
	assert_int_equal(bw_io_mkdir_p(path, 0700, &err), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	assert_int_equal(bw_io_mkdir_p("a/b", 0700, &err), -EINVAL);
	assert_int_equal(bw_io_mkdir_p("/dev/null/x", 0700, &err), -ENOTDIR);
	assert_int_equal(rmdir(path), 0);
	(void)snprintf(path, sizeof(path), "%s/a", dir);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(rmdir(dir), 0);
}

static void buf_grows_and_is_handed_on(void **state)
{
	bw_autobuf struct bw_buf buf = { 0 };
	bw_autofree char *text = NULL;

	(void)state;
	for (int i = 0; i < 1000; i++)
		assert_int_equal(bw_buf_printf(&buf, "%d,", i % 10), 0);
	assert_int_equal(buf.size, 2000);
	assert_int_equal(bw_buf_append(&buf, "x\0y", 3), 0);
	assert_int_equal(buf.size, 2003);
	assert_int_equal(buf.data[buf.size], '\0');
	assert_int_equal(bw_buf_reserve(&buf, SIZE_MAX), -EOVERFLOW);
	assert_int_equal(bw_buf_reserve(&buf, SIZE_MAX / 2), -EOVERFLOW);
	text = bw_buf_take(&buf);
	assert_non_null(text);
	assert_null(buf.data);
	bw_buf_done(NULL);
}

static void boot_id_comes_from_the_named_file(void **state)
{
	char path[] = "/tmp/bw-boot-XXXXXX";
	char id[BW_BOOT_ID_LEN + 1] = "";
	struct bw_err err = { 0 };
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(bw_boot_id(id, &err), 0);
	assert_int_equal(strlen(id), BW_BOOT_ID_LEN);
	assert_int_equal(setenv("BAREWIRE_BOOT_ID_FILE", path, 1), 0);
	assert_int_equal(bw_boot_id(id, &err), -EPROTO);
	assert_int_equal(write(fd, "00000000-0000-4000-8000-000000000001\n", 37), 37);
	assert_int_equal(bw_boot_id(id, &err), 0);
	assert_string_equal(id, "00000000-0000-4000-8000-000000000001");
	assert_int_equal(unsetenv("BAREWIRE_BOOT_ID_FILE"), 0);
	close(fd);
	assert_int_equal(unlink(path), 0);
}

static void log_line_is_one_line_whatever_comes_in(void **state)
{
	char line[4096];
	int fds[2];
	ssize_t n;

	(void)state;
	assert_int_equal(pipe(fds), 0);
	bw_log_setup(BW_LOG_INFO, fds[1], "ADD", "c1", "eth0");
	bw_log_debug("not shown");
	bw_log_info("a \"quoted\"\nsentence", "key", "two words", "none", NULL, "plain", "x");
	n = read(fds[0], line, sizeof(line) - 1);
	assert_true(n > 0);
	line[n] = '\0';
	assert_ptr_equal(strchr(line, '\n'), line + n - 1);
	assert_non_null(strstr(line,
			       " lvl=info cmd=ADD cid=c1 if=eth0 key=\"two words\" none=- plain=x "
			       "msg=\"a \\\"quoted\\\" sentence\"\n"));
	bw_log_setup(BW_LOG_INFO, STDERR_FILENO, NULL, NULL, NULL);
	close(fds[0]);
	close(fds[1]);
}

static void log_levels_have_names(void **state)
{
	enum bw_log_level level = BW_LOG_ERROR;

	(void)state;
	for (int i = 0; i < BW_LOG_MAX_; i++) {
		assert_int_equal(bw_log_level_parse(bw_log_level_str((enum bw_log_level)i), &level),
				 0);
		assert_int_equal(level, i);
	}
	assert_int_equal(bw_log_level_parse("warning", &level), 0);
	assert_int_equal(level, BW_LOG_WARN);
	assert_int_equal(bw_log_level_parse("panic", &level), 0);
	assert_int_equal(level, BW_LOG_ERROR);
	assert_int_equal(bw_log_level_parse("INFO", &level), -EINVAL);
	assert_int_equal(bw_log_level_parse("", &level), -EINVAL);
	assert_string_equal(bw_log_level_str(BW_LOG_MAX_), "unknown");
}

struct item {
	int v;
	struct bw_list node;
};

static void list_survives_removal_while_walking(void **state)
{
	struct bw_list head = BW_LIST_INIT(head);
	struct item items[3] = { { .v = 1 }, { .v = 2 }, { .v = 3 } };
	int sum = 0;

	(void)state;
	for (size_t i = 0; i < 3; i++)
		bw_list_add_tail(&head, &items[i].node);
	bw_list_for_each (n, &head) {
		struct item *it = bw_list_entry(n, struct item, node);

		sum = sum * 10 + it->v;
		bw_list_del(n);
	}
	assert_int_equal(sum, 123);
	assert_true(bw_list_empty(&head));
}

static void boot_clock_runs_forward(void **state)
{
	uint64_t a = bw_clock_boot_ns();

	(void)state;
	assert_true(bw_clock_boot_ns() >= a);
	assert_true(bw_clock_real_s() > 1600000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(read_all_stops_at_the_bound),
		cmocka_unit_test(read_of_nothing_is_an_empty_text),
		cmocka_unit_test(write_file_never_creates),
		cmocka_unit_test(mkdir_p_makes_parents_and_is_idempotent),
		cmocka_unit_test(buf_grows_and_is_handed_on),
		cmocka_unit_test(boot_id_comes_from_the_named_file),
		cmocka_unit_test(log_line_is_one_line_whatever_comes_in),
		cmocka_unit_test(log_levels_have_names),
		cmocka_unit_test(list_survives_removal_while_walking),
		cmocka_unit_test(boot_clock_runs_forward),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
