/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entries of maps whose values may be another version's: what is read is the common prefix, the
 * rest is zero; what is written keeps the bytes this version does not know.
 */
#pragma once

#include "dir.h"

#define DP_KEY_SIZE_MAX 64
#define DP_VALUE_SIZE_MAX 4096 /* bytes; a per-CPU value: of one CPU */
#define DP_CPUS_MAX 8192

/* A map as copied or walked, whoever made it. */
struct dp_map_view {
	int fd;
	uint32_t id;
	uint32_t type;
	uint32_t key_size;
	uint32_t value_size; /* of one CPU */
	uint32_t max_entries;
	uint32_t flags;
	uint32_t btf_id;
	uint32_t key_type;
	uint32_t value_type;
	char name[16]; /* BPF_OBJ_NAME_LEN */
};

/* Reads what the kernel knows of a map. @fd is borrowed. 0; -EOVERFLOW its sizes are beyond ours;
 * -errno. */
int dp_map_view(int fd, struct dp_map_view *ret, struct bw_err *err);

/* Bytes of a value as the system call moves it: of all CPUs where it is per CPU. */
uint32_t dp_map_stride(const struct dp_map_view *v);

/* Takes one entry. A negative return ends the walk with it; the entry may be deleted. */
typedef int (*dp_entry_fn)(const void *key, const void *value, void *arg, struct bw_err *err);

/* Hands on every entry, in no order; those that come or go meanwhile may be missed. 0; -errno. */
int dp_map_walk(const struct dp_map_view *v, dp_entry_fn fn, void *arg, struct bw_err *err);

/**
 * dp_map_get() - read one entry
 * @ret_value: filled with @size bytes; what the map's values lack is zero
 *
 * Return: 1; 0 there is none, or the map is not pinned (a half made directory); -errno.
 */
int dp_map_get(struct dp_dir *dir, enum dp_map map, const void *key, void *ret_value, size_t size,
	       struct bw_err *err);

/**
 * dp_map_put() - write one entry
 * @value: @size bytes of our layout
 * @flags: BPF_ANY, BPF_NOEXIST, BPF_EXIST
 *
 * Return: 0; -EEXIST; -E2BIG the map is full; -errno; the text of the first two is the caller's.
 */
int dp_map_put(struct dp_dir *dir, enum dp_map map, const void *key, const void *value, size_t size,
	       uint64_t flags, struct bw_err *err);

/* Deletes one entry. 0 also when there is none; -errno. */
int dp_map_del(struct dp_dir *dir, enum dp_map map, const void *key, struct bw_err *err);

/* Walks a map of a directory; values are brought to @size bytes of our layout. */
int dp_map_each(struct dp_dir *dir, enum dp_map map, size_t size, dp_entry_fn fn, void *arg,
		struct bw_err *err);

/* Sums a slot's bw_stat over the CPUs. 0; -errno. */
int dp_stat_get(struct dp_dir *dir, uint32_t slot, struct bw_stat *ret, struct bw_err *err);

/* Zeroes a slot's bw_stat. 0; -errno. */
int dp_stat_clear(struct dp_dir *dir, uint32_t slot, struct bw_err *err);
