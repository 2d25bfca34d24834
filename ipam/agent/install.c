/* SPDX-License-Identifier: Apache-2.0 */
/* Programs and configuration on the host: beside their place, synced, then renamed into it. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <bw/buf.h>
#include <bw/err.h>
#include <bw/io.h>
#include <bw/log.h>

#include "install.h"

#define MODE_PROGRAM 0755
#define MODE_CONF 0644
#define INSTALL_PATH_MAX 1024 /* characters */

static const char *const programs[] = { "barewire-bridge", "barewire-sriov", "barewire-ipam" };

static int join(const char *dir, const char *prefix, const char *name, const char *suffix,
		char ret[INSTALL_PATH_MAX], struct bw_err *err)
{
	if (snprintf(ret, INSTALL_PATH_MAX, "%s/%s%s%s", dir, prefix, name, suffix) >=
	    INSTALL_PATH_MAX)
		return bw_reject(err, BW_ERR_INVALID, ENAMETOOLONG,
				 "the path of %s in %.200s... "
				 "is too long",
				 name, dir);
	return 0;
}

static const char *base_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* Whether @path holds exactly @want, with this mode. */
static int is_same(const char *path, const struct bw_buf *want, mode_t mode)
{
	bw_autobuf struct bw_buf have = { 0 };
	struct bw_err err = { 0 };
	struct stat st;

	if (lstat(path, &st) < 0 || !S_ISREG(st.st_mode) || (st.st_mode & 07777) != mode ||
	    (size_t)st.st_size != want->size)
		return 0;
	return bw_io_read_file(path, AGENT_INSTALL_FILE_MAX, &have, &err) == 0 &&
	       have.size == want->size && have.data && want->data &&
	       memcmp(have.data, want->data, want->size) == 0;
}

static int write_new(const char *path, const struct bw_buf *text, mode_t mode, struct bw_err *err)
{
	bw_autoclose int fd =
		open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
	int r;

	if (fd < 0)
		return bw_fail(err, errno, "create %s", path);
	r = bw_io_write_all(fd, text->data, text->size, err);
	if (r == 0 && (fchmod(fd, mode) < 0 || fsync(fd) < 0))
		r = bw_fail(err, errno, "write %s", path);
	return r;
}

static int sync_dir(const char *dir, struct bw_err *err)
{
	bw_autoclose int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || fsync(fd) < 0)
		return bw_fail(err, errno, "sync %s", dir);
	return 0;
}

/*
 * A name no runtime takes for a program or a configuration: it begins with a dot and ends in .new.
 * What a killed agent left under it is of no use to anybody.
 */
static int put_file(const char *from, const char *dir, const char *name, mode_t mode,
		    unsigned int *n, struct bw_err *err)
{
	bw_autobuf struct bw_buf text = { 0 };
	char path[INSTALL_PATH_MAX], made[INSTALL_PATH_MAX];
	int r = join(dir, "", name, "", path, err);

	if (r == 0)
		r = join(dir, ".", name, ".new", made, err);
	if (r == 0)
		r = bw_io_read_file(from, AGENT_INSTALL_FILE_MAX, &text, err);
	if (r < 0 || is_same(path, &text, mode))
		return r;
	r = bw_io_mkdir_p(dir, 0755, err);
	if (r < 0)
		return r;
	if (unlink(made) < 0 && errno != ENOENT)
		return bw_fail(err, errno, "remove %s", made);
	r = write_new(made, &text, mode, err);
	if (r == 0 && rename(made, path) < 0)
		r = bw_fail(err, errno, "rename %s to %s", made, path);
	if (r < 0) {
		(void)unlink(made); /* the next try removes it first, ignoring */
		return r;
	}
	*n += 1;
	bw_log_info("installed", "file", path);
	return sync_dir(dir, err);
}

int agent_install_programs(const struct agent_install *in, unsigned int *ret_n, struct bw_err *err)
{
	unsigned int n = 0;
	char from[INSTALL_PATH_MAX];
	int r = 0;

	for (size_t i = 0; i < BW_ARRAY_SIZE(programs) && r == 0; i++) {
		r = join(in->from, "", programs[i], "", from, err);
		if (r == 0)
			r = put_file(from, in->bin_dir, programs[i], MODE_PROGRAM, &n, err);
	}
	if (ret_n)
		*ret_n = n;
	return r < 0 ? bw_wrap(err, r, "install the plugins") : 0;
}

int agent_install_conf(const struct agent_install *in, unsigned int *ret_n, struct bw_err *err)
{
	unsigned int n = 0;
	int r = put_file(in->conf, in->conf_dir, base_of(in->conf), MODE_CONF, &n, err);

	if (ret_n)
		*ret_n = n;
	return r < 0 ? bw_wrap(err, r, "install the configuration") : 0;
}

static int remove_file(const char *dir, const char *name, struct bw_err *err)
{
	char path[INSTALL_PATH_MAX];
	int r = join(dir, "", name, "", path, err);

	if (r == 0 && unlink(path) < 0 && errno != ENOENT)
		r = bw_fail(err, errno, "remove %s", path);
	return r;
}

int agent_install_remove(const struct agent_install *in, struct bw_err *err)
{
	int r = remove_file(in->conf_dir, base_of(in->conf), err);

	for (size_t i = 0; i < BW_ARRAY_SIZE(programs) && r == 0; i++)
		r = remove_file(in->bin_dir, programs[i], err);
	return r;
}
