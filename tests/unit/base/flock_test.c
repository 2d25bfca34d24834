/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/wait.h>

#include <bw/clock.h>
#include <bw/defs.h>
#include <bw/flock.h>

static char path[] = "/tmp/bw-flock-XXXXXX";

static int open_again(void)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static void flock_takes_a_free_lock_and_exchanges_it(void **state)
{
	bw_autoclose int a = open_again(), b = open_again();

	(void)state;
	assert_int_equal(bw_flock(a, LOCK_EX, 0), 0);
	assert_int_equal(bw_flock(b, LOCK_SH, 0), -EAGAIN);
	assert_int_equal(bw_flock(a, LOCK_SH, 0), 0);
	assert_int_equal(bw_flock(b, LOCK_SH, 0), 0);
	assert_int_equal(bw_flock(-1, LOCK_SH, 10), -EBADF);
}

static void flock_gives_up_in_time(void **state)
{
	bw_autoclose int a = open_again(), b = open_again();
	uint64_t start = bw_clock_boot_ns();

	(void)state;
	assert_int_equal(bw_flock(a, LOCK_EX, 0), 0);
	assert_int_equal(bw_flock(b, LOCK_EX, 100), -EAGAIN);
	assert_true(bw_clock_boot_ns() - start >= 100000000ULL);
}

static void flock_waits_for_the_holder(void **state)
{
	bw_autoclose int b = open_again();
	int ready[2], status;
	char byte = 0;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(ready), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		int a = open(path, O_RDWR | O_CLOEXEC);

		if (a < 0 || flock(a, LOCK_EX) < 0 || write(ready[1], "x", 1) != 1)
			_exit(1);
		(void)poll(NULL, 0, 50); /* long enough for the other to wait, ignoring */
		_exit(0); /* the kernel gives the lock back */
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	assert_int_equal(bw_flock(b, LOCK_EX, 10000), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	(void)close(ready[0]);
	(void)close(ready[1]);
}

static int make_file(void **state)
{
	int fd = mkstemp(path);

	(void)state;
	return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state)
{
	(void)state;
	return unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(flock_takes_a_free_lock_and_exchanges_it),
		cmocka_unit_test(flock_gives_up_in_time),
		cmocka_unit_test(flock_waits_for_the_holder),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, make_file, remove_file);
}
