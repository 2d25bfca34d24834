/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One pin directory below BW_DP_PIN_ROOT: {maps,progs,links}/. Descriptors are opened when first
 * asked for and closed together.
 */
#pragma once

#include <net/if.h>

#include <bw/datapath.h>
#include <bw/defs.h>

#include "port_abi.h"

struct bw_err;

#define DP_BPFFS "/sys/fs/bpf"
#define DP_PATH_MAX 160
#define DP_DIRS_MAX 16 /* versions and halves of upgrades at once */
#define DP_SUFFIX_NEXT "-next"
#define DP_SUFFIX_PREV "-prev"

enum dp_map {
	DP_MAP_EP,
	DP_MAP_FDB,
	DP_MAP_REMOTE,
	DP_MAP_UPLINK,
	DP_MAP_SLOT,
	DP_MAP_STAT,
	DP_MAP_STICKY,
	DP_MAP_BUCKET,
	DP_MAP_PORT,
	DP_MAP_MAX_,
};

enum dp_prog {
	DP_PROG_POD_TX,
	DP_PROG_POD_RX,
	DP_PROG_UP_RX,
	DP_PROG_UP_TX,
	DP_PROG_MAX_,
};

/* Sides of a device, as the host sees it. */
enum dp_side {
	DP_SIDE_IN,
	DP_SIDE_OUT,
	DP_SIDE_MAX_,
};

/* An opened map. @value_size is the kernel's: another version's may differ from ours. */
struct dp_map_fd {
	int fd;
	uint32_t value_size; /* 0 = not asked yet */
	uint32_t max_entries;
};

struct dp_dir {
	char name[BW_DP_ABI_MAX];
	int is_own; /* made by this build: value sizes are ours */
	struct dp_map_fd maps[DP_MAP_MAX_];
	int progs[DP_PROG_MAX_];
};

struct dp_dirs {
	unsigned int n;
	char names[DP_DIRS_MAX][BW_DP_ABI_MAX];
};

#define dp_autodir BW_CLEANUP(dp_dir_done)

const char *dp_map_str(enum dp_map map);
const char *dp_prog_str(enum dp_prog prog);

/* Which program runs on that side of that kind of port. */
enum dp_prog dp_prog_of(enum dp_port_kind kind, enum dp_side side);

/* Whether the port has a program there: an uplink's egress only pushes the tag of its VLAN. */
int dp_port_has_side(const struct dp_port *port, enum dp_side side);

/* Starts a directory; nothing is opened. */
void dp_dir_init(struct dp_dir *dir, const char *name);

/* Closes what was opened, a run of neighbouring descriptors by one call. */
void dp_dir_done(struct dp_dir *dir);

/**
 * dp_dir_path() - a path inside a pin directory
 * @dir: its name, below BW_DP_PIN_ROOT
 * @sub: "maps", "progs", "links", or NULL for the directory itself
 * @name: pin, or NULL for the folder
 */
void dp_dir_path(const char *dir, const char *sub, const char *name, char ret[DP_PATH_MAX]);

/* The pin of a link: the device's name with its dots as colons, then :in or :out. */
void dp_link_pin(const char *dev, enum dp_side side, char ret[DP_PORT_NAME_SIZE + 8]);

/**
 * dp_dir_map() - an open map
 *
 * Return: the descriptor, borrowed; -ENOENT it is not pinned; -errno.
 */
int dp_dir_map(struct dp_dir *dir, enum dp_map map, struct bw_err *err);
int dp_dir_prog(struct dp_dir *dir, enum dp_prog prog, struct bw_err *err);

/* The map's own sizes. Return: 0; as dp_dir_map(). */
int dp_dir_map_info(struct dp_dir *dir, enum dp_map map, struct dp_map_fd *ret, struct bw_err *err);

/**
 * dp_dirs_list() - the pin directories that are there, in the order of their names
 *
 * Return: 0, also when there is none or no bpffs; -errno.
 */
int dp_dirs_list(struct dp_dirs *ret, struct bw_err *err);

/* 1 the directory is there, 0 it is not. */
int dp_dir_exists(const char *name);

/* Called for each pin of a folder. A negative return ends the walk with it. */
typedef int (*dp_pin_fn)(const char *name, void *arg, struct bw_err *err);

/* Walks dir/sub; 0 also when the folder is not there. The folder may change meanwhile. */
int dp_pins_walk(const char *dir, const char *sub, dp_pin_fn fn, void *arg, struct bw_err *err);

/* Makes the directory and its folders; what is there stays. 0; -errno. */
int dp_dir_make(const char *name, struct bw_err *err);

/* Unlinks every pin, links first, and the folders. Renamed to -prev before. 0 also when absent. */
int dp_dir_remove(const char *name, struct bw_err *err);

int dp_dir_rename(const char *from, const char *to, struct bw_err *err);

/* Mounts bpffs at DP_BPFFS when none is there, and makes BW_DP_PIN_ROOT. 0; -errno. */
int dp_bpffs_ensure(struct bw_err *err);
