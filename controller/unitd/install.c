/* SPDX-License-Identifier: Apache-2.0 */
/* Copies this program to where a pod's containers share a folder: images of databases lack it. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

#include <bw/err.h>

#include "launch.h"

#define NAME "barewire-launch"
#define CHUNK (1U << 20)

static int copy(int to, int from, const char *path, struct bw_err *err)
{
	ssize_t n;

	do
		n = sendfile(to, from, NULL, CHUNK);
	while (n > 0 || (n < 0 && errno == EINTR));
	if (n < 0 || fchmod(to, 0755) < 0 || fsync(to) < 0)
		return bw_fail(err, errno, "write %s", path);
	return 0;
}

int launch_install(const char *path, struct bw_err *err)
{
	bw_autofree char *whole = NULL;
	bw_autofree char *temp = NULL;
	bw_autoclose int from = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	bw_autoclose int to = -1;
	const char *uid = getenv(LAUNCH_POD_ENV);
	struct stat st;
	int is_dir = stat(path, &st) == 0 && S_ISDIR(st.st_mode);
	int r;

	if (from < 0)
		return bw_fail(err, errno, "open /proc/self/exe");
	if (asprintf(&whole, "%s%s", path, is_dir ? "/" NAME : "") < 0 ||
	    asprintf(&temp, "%s.new", whole) < 0)
		return bw_fail(err, ENOMEM, "install to %s", path);
	/* A container of the same pod may run the present one: it is replaced, not overwritten. */
	if (unlink(temp) < 0 && errno != ENOENT)
		return bw_fail(err, errno, "remove %s", temp);
	to = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0700);
	if (to < 0)
		return bw_fail(err, errno, "make %s", temp);
	r = copy(to, from, temp, err);
	if (r == 0 && rename(temp, whole) < 0)
		r = bw_fail(err, errno, "rename %s to %s", temp, whole);
	if (r < 0)
		(void)unlink(temp); /* what is left is replaced the next time, ignoring */
	else if (is_dir && uid && *uid)
		r = launch_pod_note(path, uid, err);
	return r;
}
