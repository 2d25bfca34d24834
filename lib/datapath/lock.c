/* SPDX-License-Identifier: Apache-2.0 */
/* flock(2) on a file below /run/barewire, with a bounded wait. */
#include <fcntl.h>
#include <sys/file.h>

#include <bw/err.h>
#include <bw/flock.h>
#include <bw/io.h>

#include "lock.h"

#define DP_LOCK_DIR "/run/barewire"
#define DP_LOCK_PATH DP_LOCK_DIR "/datapath.lock"

int dp_lock_open(struct bw_err *err)
{
	int fd = open(DP_LOCK_PATH, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	int r;

	if (fd < 0 && errno == ENOENT) {
		r = bw_io_mkdir_p(DP_LOCK_DIR, 0700, err);
		if (r)
			return r;
		fd = open(DP_LOCK_PATH, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	}
	return fd >= 0 ? fd : bw_fail(err, errno, "open %s", DP_LOCK_PATH);
}

int dp_lock_take(int fd, int how, struct bw_err *err)
{
	int r = bw_flock(fd, how, BW_FLOCK_WAIT_MS);

	if (r == -EAGAIN)
		return bw_reject(err, BW_ERR_BUSY, EBUSY,
				 "the datapath is locked by others for more than %d ms (%s)",
				 BW_FLOCK_WAIT_MS, DP_LOCK_PATH);
	return r < 0 ? bw_fail(err, -r, "lock %s", DP_LOCK_PATH) : 0;
}

void dp_lock_give(int fd)
{
	if (fd >= 0)
		(void)flock(fd, LOCK_UN); /* cannot fail on a lock that is held, ignoring */
}
