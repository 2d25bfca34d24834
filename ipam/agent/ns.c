/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a recorded network namespace still is there, as the daemon's own mounts show it. */
#include <unistd.h>

#include <bw/err.h>
#include <bw/netns.h>

#include "ns.h"

int agent_netns_lives(const struct bw_attachment *att, struct bw_err *err)
{
	char path[BW_JOURNAL_PATH_MAX];
	char *slash;
	int r;

	(void)agent_netns_path(att, path); /* its return is @path */
	if (strncmp(path, "/proc/", 6) == 0)
		return bw_reject(err, BW_ERR_INTERNAL, ENOTSUP, "%.200s is a process's", path);
	r = bw_netns_alive(path, att->netns_id, err);
	if (r != 0)
		return r;
	slash = strrchr(path, '/');
	if (!slash || slash == path)
		return 0;
	*slash = '\0';
	return access(path, F_OK) < 0 ? bw_fail(err, errno, "look into %.200s", path) : 0;
}
