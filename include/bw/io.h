/* SPDX-License-Identifier: Apache-2.0 */
/* Whole reads and writes on descriptors and files, with bounds. */
#pragma once

#include <bw/defs.h>

struct bw_buf;
struct bw_err;

/**
 * bw_io_read_all() - read a descriptor to its end
 * @fd: readable
 * @max: most bytes accepted
 * @ret_buf: appended to; may hold a part after a failure
 * @err: filled on failure
 *
 * Return: 0; -EFBIG when more than @max bytes come; -ENOMEM; -errno of read(2).
 */
int bw_io_read_all(int fd, size_t max, struct bw_buf *ret_buf, struct bw_err *err);

/**
 * bw_io_write_all() - write every byte, over short writes and EINTR
 *
 * Return: 0; -errno of write(2).
 */
int bw_io_write_all(int fd, const void *data, size_t size, struct bw_err *err);

/**
 * bw_io_read_file() - read a small file whole
 * @path: file
 * @max: most bytes accepted
 * @ret_buf: as bw_io_read_all()
 *
 * Return: 0; -errno of open(2), read(2); -EFBIG.
 */
int bw_io_read_file(const char *path, size_t max, struct bw_buf *ret_buf, struct bw_err *err);

/**
 * bw_io_write_file() - open an existing file, write it in one write(2), close it
 * @path: e.g. a sysctl; never created
 *
 * Return: 0; -errno.
 */
int bw_io_write_file(const char *path, const char *text, struct bw_err *err);

/**
 * bw_io_mkdir_p() - make a folder and its parents
 * @path: absolute
 * @mode: for those it makes
 *
 * Return: 0 also when it exists; -EINVAL for a relative path; -ENAMETOOLONG; -errno of mkdir(2).
 */
int bw_io_mkdir_p(const char *path, unsigned int mode, struct bw_err *err);
