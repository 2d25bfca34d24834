/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which pod this is. A command comes by the pod's name, and the pod of a name may be another one by
 * the time that it comes; the folder is a pod's own.
 */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include <bw/err.h>
#include <bw/io.h>

#include "launch.h"

static int path_in(const char *folder, char ret[PATH_MAX], struct bw_err *err)
{
	int n = snprintf(ret, PATH_MAX, "%s/%s", folder, LAUNCH_POD_FILE);

	return n < 0 || n >= PATH_MAX ? bw_fail(err, ENAMETOOLONG, "use the folder %s", folder) : 0;
}

int launch_pod_note(const char *folder, const char *uid, struct bw_err *err)
{
	char path[PATH_MAX];
	bw_autoclose int fd = -1;
	int r = path_in(folder, path, err);

	if (r < 0)
		return r;
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0)
		return bw_fail(err, errno, "make %s", path);
	return bw_io_write_all(fd, uid, strlen(uid), err);
}

int launch_pod_is(const char *folder, const char *uid, struct bw_err *err)
{
	bw_autobuf struct bw_buf is = { 0 };
	char path[PATH_MAX];
	int r = path_in(folder, path, err);

	if (r < 0)
		return r;
	r = bw_io_read_file(path, LAUNCH_LINE_MAX, &is, err);
	if (r < 0)
		return r == -ENOENT ? 1 : r; /* an older version made the folder */
	return is.size == strlen(uid) && memcmp(is.data, uid, is.size) == 0;
}
