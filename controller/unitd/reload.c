/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A signal to the command when its files have come: a kubelet brings what a ConfigMap holds some
 * time after it was written, and only the container can see when.
 */
#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <bw/err.h>
#include <bw/io.h>
#include <bw/ip.h>

#include "launch.h"

#define FILE_SIZE_MAX (1U << 20) /* bytes: a ConfigMap has at most as many */
#define FILES_MAX 1024

static int add_file(const char *folder, const char *name, uint64_t *hash, struct bw_err *err)
{
	bw_autobuf struct bw_buf text = { 0 };
	char path[PATH_MAX];
	struct stat st;
	uint64_t h;
	int n = snprintf(path, sizeof(path), "%s/%s", folder, name);
	int r;

	if (n < 0 || n >= PATH_MAX)
		return bw_fail(err, ENAMETOOLONG, "read the files of %s", folder);
	if (stat(path, &st) < 0)
		return bw_fail(err, errno, "look at %s", path);
	if (!S_ISREG(st.st_mode))
		return 0;
	r = bw_io_read_file(path, FILE_SIZE_MAX, &text, err);
	if (r < 0)
		return r;
	h = bw_fnv64(BW_FNV64_BASIS, name, strlen(name) + 1);
	*hash += text.size ? bw_fnv64(h, text.data, text.size) : h;
	return 0;
}

/* A folder with secrets has a mark instead: a hash of those could be guessed from. */
int launch_folder_is(const char *folder, const char *want, int *ret, struct bw_err *err)
{
	bw_autobuf struct bw_buf text = { 0 };
	char path[PATH_MAX];
	uint64_t hash;
	int n = snprintf(path, sizeof(path), "%s/" LAUNCH_MARK, folder);
	int r;

	*ret = 0;
	if (n < 0 || n >= PATH_MAX)
		return bw_fail(err, ENAMETOOLONG, "read the files of %s", folder);
	if (strncmp(want, LAUNCH_MARKED, strlen(LAUNCH_MARKED)) == 0) {
		r = bw_io_read_file(path, LAUNCH_LINE_MAX, &text, err);
		/* It has not come yet: the files are those of before there was one. */
		if (r == -ENOENT)
			return 0;
		*ret = r == 0 && text.size == strlen(want) &&
		       memcmp(text.data, want, text.size) == 0;
		return r;
	}
	r = launch_folder_hash(folder, &hash, err);
	*ret = r == 0 && hash == strtoull(want, NULL, 16);
	return r;
}

int launch_folder_hash(const char *folder, uint64_t *ret, struct bw_err *err)
{
	DIR *dir = opendir(folder);
	struct dirent *e = NULL;
	unsigned int files = 0;
	uint64_t hash = 0;
	int r = 0;

	if (!dir)
		return bw_fail(err, errno, "open the folder %s", folder);
	while (r == 0 && (errno = 0, e = readdir(dir)) != NULL) {
		/* What begins with two dots is how a kubelet exchanges all files at once. */
		if (strcmp(e->d_name, ".") == 0 || strncmp(e->d_name, "..", 2) == 0)
			continue;
		r = ++files > FILES_MAX ? bw_fail(err, E2BIG, "read the files of %s", folder)
					: add_file(folder, e->d_name, &hash, err);
	}
	if (r == 0 && !e && errno)
		r = bw_fail(err, errno, "read the folder %s", folder);
	(void)closedir(dir); /* it was only read, ignoring */
	if (r == 0)
		*ret = hash;
	return r;
}
