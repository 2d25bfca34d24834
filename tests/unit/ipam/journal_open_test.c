/* SPDX-License-Identifier: Apache-2.0 */
/* A journal that appears while it is being opened. */
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <cmocka.h>

#include <bw/err.h>
#include <bw/journal.h>

static int not_there; /* so many opens for writing still find no journal */

static int open_now(const char *path, int flags, mode_t mode)
{
	size_t len = strlen(path);

	if (not_there > 0 && (flags & O_ACCMODE) == O_RDWR && len > strlen(BW_JOURNAL_FILE) &&
	    strcmp(path + len - strlen(BW_JOURNAL_FILE), BW_JOURNAL_FILE) == 0) {
		not_there--;
		errno = ENOENT;
		return -1;
	}
	return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

#define TAKE_MODE(mode, flags)                                                                     \
	do {                                                                                       \
		va_list ap_;                                                                       \
		va_start(ap_, flags);                                                              \
		if ((flags)&O_CREAT)                                                               \
			mode = va_arg(ap_, mode_t);                                                \
		va_end(ap_);                                                                       \
	} while (0)

/* What SQLite opens its files by. */
int open64(const char *path, int flags, ...)
{
	mode_t mode = 0;

	TAKE_MODE(mode, flags);
	return open_now(path, flags, mode);
}

static int rm(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void one_that_appears_between_two_tries_can_be_written(void **state)
{
	char dir[] = "/tmp/bw-open-XXXXXX";
	const struct bw_segment row = { .bridge = "br0" };
	bw_autojournal struct bw_journal *j = NULL;
	struct bw_err err = { 0 };

	(void)state;
	assert_non_null(mkdtemp(dir));
	assert_int_equal(bw_journal_open(dir, BW_JOURNAL_F_CREATE, &j, &err), 0);
	bw_journal_close(&j);
	not_there = 1;
	assert_int_equal(bw_journal_open(dir, BW_JOURNAL_F_CREATE, &j, &err), 0);
	assert_int_equal(not_there, 0);
	if (bw_journal_segment_put(j, &row, &err) < 0)
		fail_msg("%s", err.msg);
	bw_journal_close(&j);
	assert_int_equal(nftw(dir, rm, 16, FTW_DEPTH | FTW_PHYS), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_that_appears_between_two_tries_can_be_written),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
