/* SPDX-License-Identifier: Apache-2.0 */
/* The file lock of a bridge, with a bounded wait. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <bw/err.h>
#include <bw/flock.h>
#include <bw/io.h>

#include "lock.h"

#define PATH_LEN_MAX 64
#define LOCK_TRIES 64 /* files that vanished under us, each by another process's clean */

static const int operations[BRIDGE_LOCK_MAX_] = {
	[BRIDGE_LOCK_SHARED] = LOCK_SH,
	[BRIDGE_LOCK_EXCLUSIVE] = LOCK_EX,
};

static void path_of(const char *bridge, char out[PATH_LEN_MAX])
{
	/* A bridge's name has at most 15 characters, so it fits, ignoring. */
	(void)snprintf(out, PATH_LEN_MAX, "%s/%.15s.lock", BRIDGE_LOCK_DIR, bridge);
}

static int open_file(const char *path, struct bw_err *err)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0 && errno == ENOENT) {
		int r = bw_io_mkdir_p(BRIDGE_LOCK_DIR, 0755, err);

		if (r < 0)
			return r;
		fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	}
	return fd < 0 ? bw_fail(err, errno, "open lock %s", path) : fd;
}

int bridge_lock_take(const char *bridge, enum bridge_lock_mode mode, int *fd, struct bw_err *err)
{
	bw_autoclose int held = BW_TAKE_FD(*fd);
	char path[PATH_LEN_MAX];

	path_of(bridge, path);
	for (int i = 0; i < LOCK_TRIES; i++) {
		struct stat st;
		int r;

		if (held < 0)
			held = open_file(path, err);
		if (held < 0)
			return held;
		r = bw_flock(held, operations[mode], BRIDGE_LOCK_WAIT_MS);
		if (r == -EAGAIN)
			return bw_reject(err, BW_ERR_BUSY, EBUSY,
					 "bridge %s is locked by others for more than %d ms (%s)",
					 bridge, BRIDGE_LOCK_WAIT_MS, path);
		if (r < 0)
			return bw_fail(err, -r, "lock %s", path);
		if (fstat(held, &st) < 0)
			return bw_fail(err, errno, "look at lock %s", path);
		if (st.st_nlink > 0) {
			*fd = BW_TAKE_FD(held);
			return 0;
		}
		/* A clean removed the file while we waited: others lock a new one. */
		bw_autoclose_fn(&held);
		held = -1;
	}
	return bw_reject(err, BW_ERR_BUSY, EBUSY, "lock %s is being removed again and again", path);
}

void bridge_lock_remove(const char *bridge)
{
	char path[PATH_LEN_MAX];

	path_of(bridge, path);
	(void)unlink(path); /* an empty file may stay, ignoring */
}
