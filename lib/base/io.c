/* SPDX-License-Identifier: Apache-2.0 */
/* Whole reads and writes, with bounds. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include <bw/buf.h>
#include <bw/err.h>
#include <bw/io.h>

#define READ_CHUNK 16384

int bw_io_read_all(int fd, size_t max, struct bw_buf *ret_buf, struct bw_err *err)
{
	size_t start = ret_buf->size;

	for (;;) {
		ssize_t n;

		if (bw_buf_reserve(ret_buf, READ_CHUNK) < 0)
			return bw_fail(err, ENOMEM, "read descriptor %d", fd);
		n = read(fd, ret_buf->data + ret_buf->size, READ_CHUNK);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return bw_fail(err, errno, "read descriptor %d", fd);
		if (n == 0)
			return 0;
		ret_buf->size += (size_t)n;
		ret_buf->data[ret_buf->size] = '\0';
		if (ret_buf->size - start > max)
			return bw_reject(err, BW_ERR_INTERNAL, EFBIG,
					 "input is larger than %zu bytes", max);
	}
}

int bw_io_write_all(int fd, const void *data, size_t size, struct bw_err *err)
{
	const char *p = data;

	while (size > 0) {
		ssize_t n = write(fd, p, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return bw_fail(err, errno, "write %zu bytes to descriptor %d", size, fd);
		p += n;
		size -= (size_t)n;
	}
	return 0;
}

int bw_io_read_file(const char *path, size_t max, struct bw_buf *ret_buf, struct bw_err *err)
{
	bw_autoclose int fd = -1;
	int r;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return bw_fail(err, errno, "open %s", path);
	r = bw_io_read_all(fd, max, ret_buf, err);
	return r < 0 ? bw_wrap(err, r, "read %s", path) : 0;
}

int bw_io_write_file(const char *path, const char *text, struct bw_err *err)
{
	bw_autoclose int fd = -1;
	size_t size = strlen(text);
	ssize_t n;

	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return bw_fail(err, errno, "open %s", path);
	do {
		n = write(fd, text, size);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return bw_fail(err, errno, "write %s to %s", text, path);
	if ((size_t)n != size)
		return bw_fail(err, EIO, "write %s to %s", text, path);
	return 0;
}

int bw_io_mkdir_p(const char *path, unsigned int mode, struct bw_err *err)
{
	char part[4096]; /* PATH_MAX */
	size_t len = strlen(path);

	if (path[0] != '/')
		return bw_reject(err, BW_ERR_INVALID, EINVAL, "folder %s is not an absolute path",
				 path);
	if (len >= sizeof(part))
		return bw_fail(err, ENAMETOOLONG, "make folder %s", path);
	if (mkdir(path, mode) == 0 || errno == EEXIST)
		return 0;
	for (size_t i = 1; i <= len; i++) {
		if (path[i] != '/' && path[i] != '\0')
			continue;
		memcpy(part, path, i);
		part[i] = '\0';
		if (mkdir(part, mode) < 0 && errno != EEXIST)
			return bw_fail(err, errno, "make folder %s", part);
	}
	return 0;
}
