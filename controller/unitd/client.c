/* SPDX-License-Identifier: Apache-2.0 */
/* The other end of launch.sock. */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <bw/err.h>
#include <bw/io.h>

#include "launch.h"

int launch_ask(const char *dir, const char *request, unsigned int wait_s, struct bw_buf *ret,
	       struct bw_err *err)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct timeval limit = { .tv_sec = wait_s };
	bw_autoclose int fd = -1;
	int n = snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/%s", dir, LAUNCH_SOCKET);
	int r;

	if (n < 0 || (size_t)n >= sizeof(addr.sun_path))
		return bw_fail(err, ENAMETOOLONG, "use the folder %s", dir);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return bw_fail(err, errno, "make a socket");
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) < 0)
		return bw_fail(err, errno, "limit the wait");
	if (connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0)
		return bw_fail(err, errno, "reach the process 1 that listens on %s", addr.sun_path);
	if (send(fd, request, strlen(request), MSG_NOSIGNAL) != (ssize_t)strlen(request))
		return bw_fail(err, errno ? errno : EIO, "ask process 1");
	r = bw_io_read_all(fd, LAUNCH_ANSWER_MAX, ret, err);
	if (r == -EAGAIN)
		return bw_reject(err, BW_ERR_BUSY, ETIMEDOUT,
				 "process 1 has not answered within %u seconds", wait_s);
	if (r < 0)
		return bw_wrap(err, r, "hear process 1");
	if (!ret->size || ret->data[ret->size - 1] != '\n')
		return bw_reject(err, BW_ERR_BUSY, ECONNRESET,
				 "process 1 ended before it answered");
	ret->data[--ret->size] = '\0';
	return 0;
}
