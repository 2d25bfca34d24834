/* SPDX-License-Identifier: Apache-2.0 */
/* Settings under /proc/sys/net. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <bw/buf.h>
#include <bw/err.h>
#include <bw/io.h>
#include <bw/sysctl.h>

#define ROOT "/proc/sys/net/"
#define PATH_LEN_MAX 256

__attribute__((format(printf, 2, 0))) static int path_of(char out[PATH_LEN_MAX], const char *fmt,
							 va_list ap, struct bw_err *err)
{
	size_t len = strlen(ROOT);
	int n;

	memcpy(out, ROOT, len + 1);
	n = vsnprintf(out + len, PATH_LEN_MAX - len, fmt, ap);
	if (n < 0 || (size_t)n >= PATH_LEN_MAX - len)
		return bw_fail(err, ENAMETOOLONG, "name sysctl %s", fmt);
	return 0;
}

int bw_sysctl_set(struct bw_err *err, const char *value, const char *fmt, ...)
{
	char path[PATH_LEN_MAX];
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = path_of(path, fmt, ap, err);
	va_end(ap);
	return r < 0 ? r : bw_io_write_file(path, value, err);
}

int bw_sysctl_get(struct bw_err *err, char ret[BW_SYSCTL_VALUE_MAX], const char *fmt, ...)
{
	BW_CLEANUP(bw_buf_done) struct bw_buf text = { 0 };
	char path[PATH_LEN_MAX];
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = path_of(path, fmt, ap, err);
	va_end(ap);
	if (r >= 0)
		r = bw_io_read_file(path, BW_SYSCTL_VALUE_MAX - 1, &text, err);
	if (r < 0)
		return r;
	if (text.size && text.data[text.size - 1] == '\n')
		text.data[--text.size] = '\0';
	memcpy(ret, text.data ? text.data : "", text.size + 1);
	return 0;
}
