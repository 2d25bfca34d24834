/* SPDX-License-Identifier: Apache-2.0 */
/* Times as texts; they are told to people and never compared. */
#include <time.h>

#include "time.h"

static const struct tm *utc(int64_t real_s, struct tm *tm)
{
	time_t t = (time_t)real_s;

	return gmtime_r(&t, tm);
}

const char *bw_kube_time_str(int64_t real_s, char out[BW_KUBE_TIME_MAX])
{
	struct tm tm = { 0 };

	if (!utc(real_s, &tm) || !strftime(out, BW_KUBE_TIME_MAX, "%Y-%m-%dT%H:%M:%SZ", &tm))
		out[0] = '\0';
	return out;
}

const char *bw_kube_microtime_str(int64_t real_s, char out[BW_KUBE_TIME_MAX])
{
	struct tm tm = { 0 };

	if (!utc(real_s, &tm) || !strftime(out, BW_KUBE_TIME_MAX, "%Y-%m-%dT%H:%M:%S.000000Z", &tm))
		out[0] = '\0';
	return out;
}
