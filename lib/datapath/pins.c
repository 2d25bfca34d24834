/* SPDX-License-Identifier: Apache-2.0 */
/* Pin directories as such: bpffs, list, make, walk, rename, remove. */
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <bw/err.h>
#include <bw/io.h>

#include "dir.h"

#define DP_BPFFS_MAGIC 0xcafe4a11 /* linux/magic.h, BPF_FS_MAGIC */
#define DP_PINS_MAX 65536

static const char *const folders[] = { "links", "progs", "maps" };

static void closedir_fn(DIR *const *d)
{
	int saved = errno;

	if (*d)
		(void)closedir(*d); /* read only, ignoring */
	errno = saved;
}

int dp_bpffs_ensure(struct bw_err *err)
{
	struct statfs fs;

	if (statfs(DP_BPFFS, &fs))
		return bw_fail(err, errno, "find %s", DP_BPFFS);
	if ((unsigned long)fs.f_type != DP_BPFFS_MAGIC &&
	    mount("bpf", DP_BPFFS, "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700"))
		return bw_fail(err, errno, "mount bpffs at %s", DP_BPFFS);
	return bw_io_mkdir_p(BW_DP_PIN_ROOT, 0700, err);
}

int dp_dir_exists(const char *name)
{
	char path[DP_PATH_MAX];

	dp_dir_path(name, NULL, NULL, path);
	return !access(path, F_OK);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(a, b);
}

static int add_dir(struct dp_dirs *dirs, const char *name, struct bw_err *err)
{
	size_t len = strlen(name);

	if (len >= BW_DP_ABI_MAX)
		return 0; /* none of ours */
	if (dirs->n == DP_DIRS_MAX)
		return bw_fail(err, E2BIG, "list the pins in %s", BW_DP_PIN_ROOT);
	memcpy(dirs->names[dirs->n++], name, len + 1);
	return 0;
}

int dp_dirs_list(struct dp_dirs *ret, struct bw_err *err)
{
	BW_CLEANUP(closedir_fn) DIR *d = opendir(BW_DP_PIN_ROOT);
	struct dp_dirs dirs = { 0 };
	int r = 0;

	if (!d && errno != ENOENT && errno != ENOTDIR)
		return bw_fail(err, errno, "open %s", BW_DP_PIN_ROOT);
	for (struct dirent *e = d ? readdir(d) : NULL; e && !r; e = readdir(d))
		if (e->d_name[0] != '.')
			r = add_dir(&dirs, e->d_name, err);
	if (r)
		return r;
	qsort(dirs.names, dirs.n, sizeof(dirs.names[0]), by_name);
	*ret = dirs;
	return 0;
}

/* The names first, then the calls: a walker may take entries away. */
int dp_pins_walk(const char *dir, const char *sub, dp_pin_fn fn, void *arg, struct bw_err *err)
{
	char path[DP_PATH_MAX];
	struct dirent **list = NULL;
	int r = 0;
	int n;

	dp_dir_path(dir, sub, NULL, path);
	n = scandir(path, &list, NULL, alphasort);
	if (n < 0)
		return errno == ENOENT ? 0 : bw_fail(err, errno, "open %s", path);
	for (int i = 0; i < n; i++) {
		if (!r && i < DP_PINS_MAX && list[i]->d_name[0] != '.')
			r = fn(list[i]->d_name, arg, err);
		free(list[i]);
	}
	free(list);
	return r;
}

int dp_dir_make(const char *name, struct bw_err *err)
{
	char path[DP_PATH_MAX];
	int r = 0;

	for (size_t i = 0; i < BW_ARRAY_SIZE(folders) && !r; i++) {
		dp_dir_path(name, folders[i], NULL, path);
		r = bw_io_mkdir_p(path, 0700, err);
	}
	return r;
}

struct unlink_arg {
	const char *dir;
	const char *sub;
};

static int unlink_pin(const char *name, void *arg, struct bw_err *err)
{
	const struct unlink_arg *u = arg;
	char path[DP_PATH_MAX];

	dp_dir_path(u->dir, u->sub, name, path);
	return unlink(path) && errno != ENOENT ? bw_fail(err, errno, "unlink %s", path) : 0;
}

int dp_dir_rename(const char *from, const char *to, struct bw_err *err)
{
	char a[DP_PATH_MAX];
	char b[DP_PATH_MAX];

	dp_dir_path(from, NULL, NULL, a);
	dp_dir_path(to, NULL, NULL, b);
	return rename(a, b) ? bw_fail(err, errno, "rename %s to %s", a, b) : 0;
}

static int remove_half(const char *name, struct bw_err *err)
{
	char path[DP_PATH_MAX];
	int r;

	for (size_t i = 0; i < BW_ARRAY_SIZE(folders); i++) {
		struct unlink_arg arg = { name, folders[i] };

		r = dp_pins_walk(name, folders[i], unlink_pin, &arg, err);
		if (r)
			return r;
		dp_dir_path(name, folders[i], NULL, path);
		if (rmdir(path) && errno != ENOENT)
			return bw_fail(err, errno, "remove %s", path);
	}
	dp_dir_path(name, NULL, NULL, path);
	return rmdir(path) && errno != ENOENT ? bw_fail(err, errno, "remove %s", path) : 0;
}

/* A whole one loses its name first: half removed, it must not be taken for whole. */
int dp_dir_remove(const char *name, struct bw_err *err)
{
	char prev[BW_DP_ABI_MAX];
	int r;

	if (strchr(name, '-') || !dp_dir_exists(name))
		return remove_half(name, err);
	(void)snprintf(prev, sizeof(prev), "%.*s" DP_SUFFIX_PREV,
		       (int)(sizeof(prev) - sizeof(DP_SUFFIX_PREV)), name);
	r = remove_half(prev, err);
	if (!r)
		r = dp_dir_rename(name, prev, err);
	return r ? r : remove_half(prev, err);
}
