/* SPDX-License-Identifier: Apache-2.0 */
/* One pin directory: its descriptors. What is done to directories as such is in pins.c. */
#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

#include <bpf/bpf.h>

#include <bw/err.h>

#include "dir.h"

static const char *const map_names[] = {
	[DP_MAP_EP] = "bw_ep",         [DP_MAP_FDB] = "bw_fdb",       [DP_MAP_REMOTE] = "bw_remote",
	[DP_MAP_UPLINK] = "bw_uplink", [DP_MAP_SLOT] = "bw_slot",     [DP_MAP_STAT] = "bw_stat",
	[DP_MAP_STICKY] = "bw_sticky", [DP_MAP_BUCKET] = "bw_bucket", [DP_MAP_PORT] = DP_PORT_MAP,
};
static_assert(BW_ARRAY_SIZE(map_names) == DP_MAP_MAX_, "a name per map");

static const char *const prog_names[] = {
	[DP_PROG_POD_TX] = "bw_pod_tx",
	[DP_PROG_POD_RX] = "bw_pod_rx",
	[DP_PROG_UP_RX] = "bw_up_rx",
	[DP_PROG_UP_TX] = "bw_up_tx",
};
static_assert(BW_ARRAY_SIZE(prog_names) == DP_PROG_MAX_, "a name per program");

static const char *const side_names[] = {
	[DP_SIDE_IN] = "in",
	[DP_SIDE_OUT] = "out",
};
static_assert(BW_ARRAY_SIZE(side_names) == DP_SIDE_MAX_, "a name per side");

static const enum dp_prog progs_of[][DP_SIDE_MAX_] = {
	[DP_PORT_ENDPOINT] = { DP_PROG_POD_TX, DP_PROG_POD_RX },
	[DP_PORT_UPLINK] = { DP_PROG_UP_RX, DP_PROG_UP_TX },
};

const char *dp_map_str(enum dp_map map)
{
	return map_names[map];
}

const char *dp_prog_str(enum dp_prog prog)
{
	return prog_names[prog];
}

enum dp_prog dp_prog_of(enum dp_port_kind kind, enum dp_side side)
{
	return progs_of[kind][side];
}

int dp_port_has_side(const struct dp_port *port, enum dp_side side)
{
	return port->kind != DP_PORT_UPLINK || side != DP_SIDE_OUT || port->vid;
}

void dp_dir_init(struct dp_dir *dir, const char *name)
{
	*dir = (struct dp_dir){ 0 };
	(void)snprintf(dir->name, sizeof(dir->name), "%s", name);
	dir->is_own = !strncmp(name, bw_dp_abi(), strlen(bw_dp_abi()));
	for (int i = 0; i < DP_MAP_MAX_; i++)
		dir->maps[i].fd = -1;
	for (int i = 0; i < DP_PROG_MAX_; i++)
		dir->progs[i] = -1;
}

static int by_value(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

/* close_range(2) is Linux 5.9; glibc's wrapper falls back on nothing. */
static void close_run(int first, int last)
{
	if (first != last && !syscall(SYS_close_range, first, last, 0))
		return;
	for (int fd = first; fd <= last; fd++)
		(void)close(fd); /* nothing was written through it, ignoring */
}

void dp_dir_done(struct dp_dir *dir)
{
	int fds[DP_MAP_MAX_ + DP_PROG_MAX_];
	int saved = errno;
	int n = 0;

	for (int i = 0; i < DP_MAP_MAX_; i++)
		if (dir->maps[i].fd >= 0)
			fds[n++] = dir->maps[i].fd;
	for (int i = 0; i < DP_PROG_MAX_; i++)
		if (dir->progs[i] >= 0)
			fds[n++] = dir->progs[i];
	qsort(fds, (size_t)n, sizeof(fds[0]), by_value);
	for (int i = 0, run = 0; i < n; i++) {
		if (i + 1 < n && fds[i + 1] == fds[i] + 1)
			continue;
		close_run(fds[run], fds[i]);
		run = i + 1;
	}
	dp_dir_init(dir, "");
	errno = saved;
}

void dp_dir_path(const char *dir, const char *sub, const char *name, char ret[DP_PATH_MAX])
{
	(void)snprintf(ret, DP_PATH_MAX, BW_DP_PIN_ROOT "/%s%s%s%s%s", dir, sub ? "/" : "",
		       sub ? sub : "", name ? "/" : "", name ? name : "");
}

void dp_link_pin(const char *dev, enum dp_side side, char ret[DP_PORT_NAME_SIZE + 8])
{
	int n = snprintf(ret, DP_PORT_NAME_SIZE + 8, "%.*s:%s", DP_PORT_NAME_SIZE - 1, dev,
			 side_names[side]);

	for (int i = 0; i < n; i++)
		if (ret[i] == '.')
			ret[i] = ':';
}

static int open_pin(const char *dir, const char *sub, const char *name, struct bw_err *err)
{
	char path[DP_PATH_MAX];
	int fd;

	dp_dir_path(dir, sub, name, path);
	fd = bpf_obj_get(path);
	return fd >= 0 ? fd : bw_fail(err, errno, "open the pin %s", path);
}

int dp_dir_map(struct dp_dir *dir, enum dp_map map, struct bw_err *err)
{
	struct dp_map_fd *m = &dir->maps[map];
	int fd;

	if (m->fd >= 0)
		return m->fd;
	fd = open_pin(dir->name, "maps", map_names[map], err);
	if (fd >= 0)
		m->fd = fd;
	return fd;
}

int dp_dir_prog(struct dp_dir *dir, enum dp_prog prog, struct bw_err *err)
{
	int fd;

	if (dir->progs[prog] >= 0)
		return dir->progs[prog];
	fd = open_pin(dir->name, "progs", prog_names[prog], err);
	if (fd >= 0)
		dir->progs[prog] = fd;
	return fd;
}

int dp_dir_map_info(struct dp_dir *dir, enum dp_map map, struct dp_map_fd *ret, struct bw_err *err)
{
	struct dp_map_fd *m = &dir->maps[map];
	struct bpf_map_info info = { 0 };
	uint32_t size = sizeof(info);
	int fd = dp_dir_map(dir, map, err);

	if (fd < 0)
		return fd;
	if (!m->value_size) {
		if (bpf_obj_get_info_by_fd(fd, &info, &size))
			return bw_fail(err, errno, "read the size of map %s", map_names[map]);
		m->value_size = info.value_size;
		m->max_entries = info.max_entries;
	}
	*ret = *m;
	return 0;
}
