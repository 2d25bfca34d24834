/* SPDX-License-Identifier: Apache-2.0 */
/* Errors as values: fill, refuse, wrap. No I/O. */
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <bw/err.h>

static const char *const class_names[] = {
	[BW_ERR_INTERNAL] = "internal",
	[BW_ERR_INVALID] = "invalid",
	[BW_ERR_UNSUPPORTED] = "unsupported",
	[BW_ERR_VERSION] = "version",
	[BW_ERR_NO_CONTAINER] = "no-container",
	[BW_ERR_ENVIRONMENT] = "environment",
	[BW_ERR_IO] = "io",
	[BW_ERR_DECODE] = "decode",
	[BW_ERR_NETNS] = "netns",
	[BW_ERR_BUSY] = "busy",
	[BW_ERR_UNAVAILABLE] = "unavailable",
	[BW_ERR_LIMITED] = "limited",
	[BW_ERR_FOREIGN] = "foreign",
};
static_assert(BW_ARRAY_SIZE(class_names) == BW_ERR_MAX_, "a class without a name");

const char *bw_err_class_str(enum bw_err_class class)
{
	return (unsigned int)class < BW_ERR_MAX_ ? class_names[class] : "unknown";
}

__attribute__((format(printf, 4, 0))) static void vset(struct bw_err *err, enum bw_err_class class,
						       int errnum, const char *fmt, va_list ap)
{
	err->class = class;
	err->code = 0;
	err->errnum = errnum;
	err->details[0] = '\0';
	(void)vsnprintf(err->msg, sizeof(err->msg), fmt,
			ap); /* a cut message still helps, ignoring */
}

int bw_fail(struct bw_err *err, int errnum, const char *fmt, ...)
{
	int code = errnum > 0 ? errnum : EINVAL;

	if (err) {
		va_list ap;
		size_t len;

		va_start(ap, fmt);
		vset(err, BW_ERR_INTERNAL, code, fmt, ap);
		va_end(ap);
		len = strlen(err->msg);
		/* a cut message still helps, ignoring */
		(void)snprintf(err->msg + len, sizeof(err->msg) - len, ": %s", strerror(code));
	}
	return -code;
}

int bw_reject(struct bw_err *err, enum bw_err_class class, int errnum, const char *fmt, ...)
{
	int code = errnum > 0 ? errnum : EINVAL;

	if (err) {
		va_list ap;

		va_start(ap, fmt);
		vset(err, class, code, fmt, ap);
		va_end(ap);
	}
	return -code;
}

int bw_wrap(struct bw_err *err, int r, const char *fmt, ...)
{
	if (err) {
		char old[BW_ERR_MSG_MAX];
		va_list ap;
		size_t len;

		memcpy(old, err->msg, sizeof(old));
		va_start(ap, fmt);
		(void)vsnprintf(err->msg, sizeof(err->msg), fmt, ap); /* cut is fine, ignoring */
		va_end(ap);
		len = strlen(err->msg);
		/* a cut message still helps, ignoring */
		(void)snprintf(err->msg + len, sizeof(err->msg) - len, ": %s", old);
	}
	return r;
}

void bw_err_details(struct bw_err *err, const char *fmt, ...)
{
	va_list ap;

	if (!err)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(err->details, sizeof(err->details), fmt, ap); /* cut is fine, ignoring */
	va_end(ap);
}
