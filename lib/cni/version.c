/* SPDX-License-Identifier: Apache-2.0 */
/* The versions of the CNI protocol as one ordered list. */
#include <stdio.h>
#include <string.h>

#include <bw/cni_version.h>
#include <bw/err.h>

/* Source: the CNI project's SPEC.md, "Released versions". */
const char *const bw_cni_versions[] = {
	"0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0", NULL,
};

/* Position in the list; -1 when unknown. */
static int rank(const char *version)
{
	for (int i = 0; version && bw_cni_versions[i]; i++)
		if (strcmp(bw_cni_versions[i], version) == 0)
			return i;
	return -1;
}

int bw_cni_version_known(const char *version)
{
	return rank(version) >= 0;
}

int bw_cni_version_at_least(const char *version, const char *min)
{
	return rank(version) >= rank(min);
}

int bw_cni_version_check(const char *version, const char *where, struct bw_err *err)
{
	char list[128] = "";
	size_t used = 0;
	int r;

	if (bw_cni_version_known(version))
		return 0;
	for (size_t i = 0; bw_cni_versions[i]; i++) {
		int n = snprintf(list + used, sizeof(list) - used, "%s%s", used ? ", " : "",
				 bw_cni_versions[i]);

		used += n > 0 && (size_t)n < sizeof(list) - used ? (size_t)n : 0;
	}
	r = bw_reject(err, BW_ERR_VERSION, EPROTONOSUPPORT,
		      "%s: incompatible CNI version: expected one of %s, got \"%.64s\"", where,
		      list, version);
	bw_err_details(err, "config is \"%.64s\", plugin supports %s", version, list);
	return r;
}
