/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 3339 both ways. */
#include <string.h>
#include <time.h>

#include "stamp.h"

const char *ctl_stamp(int64_t real_s, char out[CTL_STAMP_MAX])
{
	time_t t = (time_t)real_s;
	struct tm tm;

	if (!gmtime_r(&t, &tm) || strftime(out, CTL_STAMP_MAX, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		memcpy(out, "1970-01-01T00:00:00Z", 21);
	return out;
}

int ctl_stamp_parse(const char *text, int64_t *ret_s)
{
	struct tm tm = { 0 };
	const char *end = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);

	if (!end)
		return -EINVAL;
	if (*end == '.')
		end += 1 + strspn(end + 1, "0123456789");
	if (strcmp(end, "Z") != 0)
		return -EINVAL;
	*ret_s = timegm(&tm);
	return 0;
}
