/* SPDX-License-Identifier: Apache-2.0 */
/* Time and the boot's identity. */
#include <fcntl.h>
#include <string.h>
#include <time.h>

#include <bw/clock.h>
#include <bw/err.h>

#define BOOT_ID_PATH "/proc/sys/kernel/random/boot_id" /* random(4) */
#define BOOT_ID_FILE_MAX 64
#define NS_PER_S 1000000000ULL

uint64_t bw_clock_boot_ns(void)
{
	struct timespec ts = { 0 };

	(void)clock_gettime(CLOCK_BOOTTIME, &ts); /* cannot fail since Linux 2.6.39, ignoring */
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

int64_t bw_clock_real_s(void)
{
	struct timespec ts = { 0 };

	(void)clock_gettime(CLOCK_REALTIME, &ts); /* cannot fail, ignoring */
	return ts.tv_sec;
}

int bw_boot_id(char ret[BW_BOOT_ID_LEN + 1], struct bw_err *err)
{
	const char *path = getenv("BAREWIRE_BOOT_ID_FILE");
	char buf[BOOT_ID_FILE_MAX + 1];
	bw_autoclose int fd = -1;
	ssize_t n;

	if (!path || !*path)
		path = BOOT_ID_PATH;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return bw_fail(err, errno, "open %s", path);
	/* It comes whole in one read, and every ADD does this. */
	n = read(fd, buf, BOOT_ID_FILE_MAX);
	if (n < 0)
		return bw_fail(err, errno, "read %s", path);
	buf[n] = '\0';
	if (strcspn(buf, "\n") != BW_BOOT_ID_LEN)
		return bw_fail(err, EPROTO, "read a boot id from %s", path);
	memcpy(ret, buf, BW_BOOT_ID_LEN);
	ret[BW_BOOT_ID_LEN] = '\0';
	return 0;
}
