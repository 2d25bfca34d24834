/* SPDX-License-Identifier: Apache-2.0 */
/* CHECK's findings. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <bw/drift.h>
#include <bw/err.h>

void bw_drift_add(struct bw_drift *d, const char *fmt, ...)
{
	char one[256];
	va_list ap;

	d->n++;
	if (d->text.size > BW_DRIFT_TEXT_MAX)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(one, sizeof(one), fmt, ap); /* cut is fine, ignoring */
	va_end(ap);
	/* the count is what must not be lost, ignoring */
	(void)bw_buf_printf(&d->text, "%s%s", d->text.size ? "; " : "", one);
}

int bw_drift_result(const struct bw_drift *d, struct bw_err *err)
{
	int r;

	if (!d->n)
		return 0;
	r = bw_reject(err, BW_ERR_INVALID, ESTALE, "%u %s: %s", d->n,
		      d->n == 1 ? "difference" : "differences", d->text.data ? d->text.data : "");
	bw_err_details(err, "the container's network is not what ADD has made; delete and add the "
			    "attachment again");
	return r;
}
