/* SPDX-License-Identifier: Apache-2.0 */
/* Map entries across versions: get, put, delete, walk. */
#include <stdio.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <bw/err.h>

#include "map.h"

#define DP_BATCH 256
#define DP_BATCH_MAX 65536
#define DP_ENOTSUPP 524 /* include/linux/errno.h: not for user space, yet some maps say so */

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

int dp_map_view(int fd, struct dp_map_view *ret, struct bw_err *err)
{
	struct bpf_map_info info = { 0 };
	uint32_t size = sizeof(info);

	if (bpf_obj_get_info_by_fd(fd, &info, &size))
		return bw_fail(err, errno, "read what a map is");
	if (info.key_size > DP_KEY_SIZE_MAX || info.value_size > DP_VALUE_SIZE_MAX)
		return bw_fail(err, EOVERFLOW, "read map %s", info.name);
	*ret = (struct dp_map_view){
		.fd = fd,
		.id = info.id,
		.type = info.type,
		.key_size = info.key_size,
		.value_size = info.value_size,
		.max_entries = info.max_entries,
		.flags = info.map_flags,
		.btf_id = info.btf_id,
		.key_type = info.btf_key_type_id,
		.value_type = info.btf_value_type_id,
	};
	(void)snprintf(ret->name, sizeof(ret->name), "%s", info.name);
	return 0;
}

static int is_per_cpu(uint32_t type)
{
	return type == BPF_MAP_TYPE_PERCPU_ARRAY || type == BPF_MAP_TYPE_PERCPU_HASH ||
	       type == BPF_MAP_TYPE_LRU_PERCPU_HASH;
}

/* Per-CPU values are moved in multiples of eight bytes: kernel/bpf/syscall.c, bpf_map_value_size().
 */
static uint32_t stride_of(uint32_t type, uint32_t value_size)
{
	int cpus = is_per_cpu(type) ? libbpf_num_possible_cpus() : 1;

	if (!is_per_cpu(type))
		return value_size;
	return (value_size + 7) / 8 * 8 * (uint32_t)(cpus > 0 && cpus < DP_CPUS_MAX ? cpus : 1);
}

uint32_t dp_map_stride(const struct dp_map_view *v)
{
	return stride_of(v->type, v->value_size);
}

/* One key at a time, for maps without batches. The next key is taken before @fn may delete this. */
static int walk_keys(const struct dp_map_view *v, dp_entry_fn fn, void *arg, struct bw_err *err)
{
	bw_autofree char *value = malloc(dp_map_stride(v));
	char key[DP_KEY_SIZE_MAX];
	char next[DP_KEY_SIZE_MAX];
	int more = !bpf_map_get_next_key(v->fd, NULL, key);
	int r = 0;

	if (!value)
		return bw_fail(err, ENOMEM, "walk map %s", v->name);
	for (uint64_t i = 0; more && !r && i < 2ULL * v->max_entries + 2; i++) {
		int found = !bpf_map_lookup_elem(v->fd, key, value);

		more = !bpf_map_get_next_key(v->fd, key, next);
		if (found)
			r = fn(key, value, arg, err);
		memcpy(key, next, v->key_size);
	}
	return r;
}

struct batch {
	uint32_t n; /* room */
	uint32_t stride;
	char *keys;
	char *values;
};

static void batch_done(struct batch *b)
{
	free(b->keys);
	free(b->values);
	b->keys = NULL;
	b->values = NULL;
}

static int batch_init(struct batch *b, const struct dp_map_view *v, uint32_t n, struct bw_err *err)
{
	batch_done(b);
	b->n = n;
	b->stride = dp_map_stride(v);
	b->keys = calloc(n, v->key_size);
	b->values = calloc(n, b->stride);
	return b->keys && b->values ? 0 : bw_fail(err, ENOMEM, "walk map %s", v->name);
}

static int batch_hand_on(const struct batch *b, const struct dp_map_view *v, uint32_t n,
			 dp_entry_fn fn, void *arg, struct bw_err *err)
{
	int r = 0;

	for (uint32_t i = 0; i < n && !r; i++)
		r = fn(b->keys + (size_t)i * v->key_size, b->values + (size_t)i * b->stride, arg,
		       err);
	return r;
}

/* -ENOENT is the end, -ENOSPC a hash bucket larger than the batch. */
int dp_map_walk(const struct dp_map_view *v, dp_entry_fn fn, void *arg, struct bw_err *err)
{
	BW_CLEANUP(batch_done) struct batch b = { 0 };
	char token[2][DP_KEY_SIZE_MAX];
	const char *in = NULL;
	int r = batch_init(&b, v, DP_BATCH, err);
	int e = 0;

	for (uint64_t i = 0; !r && e != -ENOENT && i <= v->max_entries; i++) {
		uint32_t n = b.n;

		e = bpf_map_lookup_batch(v->fd, in ? token[i % 2] : NULL, token[(i + 1) % 2],
					 b.keys, b.values, &n, NULL);
		if (e == -ENOSPC && b.n < DP_BATCH_MAX) {
			memcpy(token[(i + 1) % 2], token[i % 2], sizeof(token[0]));
			r = batch_init(&b, v, b.n * 4, err);
			continue;
		}
		if (!in && (e == -EINVAL || e == -DP_ENOTSUPP || e == -EOPNOTSUPP))
			return walk_keys(v, fn, arg, err);
		if (e && e != -ENOENT)
			return bw_fail(err, -e, "walk map %s", v->name);
		in = token[0];
		r = batch_hand_on(&b, v, n, fn, arg, err);
	}
	return r;
}

int dp_map_get(struct dp_dir *dir, enum dp_map map, const void *key, void *ret_value, size_t size,
	       struct bw_err *err)
{
	char raw[DP_VALUE_SIZE_MAX];
	struct dp_map_fd m;
	int fd = dp_dir_map(dir, map, err);
	int r;

	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	if (dir->is_own) {
		r = bpf_map_lookup_elem(fd, key, ret_value);
	} else {
		r = dp_dir_map_info(dir, map, &m, err);
		if (r || m.value_size > sizeof(raw))
			return r ? r : bw_fail(err, EOVERFLOW, "read map %s", dp_map_str(map));
		r = bpf_map_lookup_elem(fd, key, raw);
		if (!r) {
			memset(ret_value, 0, size);
			memcpy(ret_value, raw, smaller(size, m.value_size));
		}
	}
	if (r && errno != ENOENT)
		return bw_fail(err, errno, "read map %s", dp_map_str(map));
	return !r;
}

int dp_map_put(struct dp_dir *dir, enum dp_map map, const void *key, const void *value, size_t size,
	       uint64_t flags, struct bw_err *err)
{
	char raw[DP_VALUE_SIZE_MAX] = { 0 };
	struct dp_map_fd m;
	int fd = dp_dir_map(dir, map, err);
	int r;

	if (fd < 0)
		return fd;
	if (!dir->is_own) {
		r = dp_dir_map_info(dir, map, &m, err);
		if (r || m.value_size > sizeof(raw))
			return r ? r : bw_fail(err, EOVERFLOW, "write map %s", dp_map_str(map));
		if (bpf_map_lookup_elem(fd, key, raw))
			memset(raw, 0, sizeof(raw));
		memcpy(raw, value, smaller(size, m.value_size));
		value = raw;
	}
	if (bpf_map_update_elem(fd, key, value, flags))
		return bw_fail(err, errno, "write map %s", dp_map_str(map));
	return 0;
}

int dp_map_del(struct dp_dir *dir, enum dp_map map, const void *key, struct bw_err *err)
{
	int fd = dp_dir_map(dir, map, err);

	if (fd < 0)
		return fd;
	if (bpf_map_delete_elem(fd, key) && errno != ENOENT)
		return bw_fail(err, errno, "delete from map %s", dp_map_str(map));
	return 0;
}

struct each_arg {
	dp_entry_fn fn;
	void *arg;
	char *value;
	size_t size;
	size_t common;
};

static int each_entry(const void *key, const void *value, void *arg, struct bw_err *err)
{
	struct each_arg *e = arg;

	memset(e->value, 0, e->size);
	memcpy(e->value, value, e->common);
	return e->fn(key, e->value, e->arg, err);
}

int dp_map_each(struct dp_dir *dir, enum dp_map map, size_t size, dp_entry_fn fn, void *arg,
		struct bw_err *err)
{
	bw_autofree char *value = malloc(size);
	struct each_arg e = { fn, arg, value, size, 0 };
	struct dp_map_view v;
	int fd = dp_dir_map(dir, map, err);
	int r;

	if (fd < 0)
		return fd;
	if (!value)
		return bw_fail(err, ENOMEM, "walk map %s", dp_map_str(map));
	r = dp_map_view(fd, &v, err);
	if (r)
		return r;
	e.common = smaller(size, v.value_size);
	return dp_map_walk(&v, each_entry, &e, err);
}

int dp_stat_get(struct dp_dir *dir, uint32_t slot, struct bw_stat *ret, struct bw_err *err)
{
	bw_autofree char *values = NULL;
	struct bw_stat sum = { 0 };
	struct dp_map_view v;
	size_t words;
	int fd = dp_dir_map(dir, DP_MAP_STAT, err);
	int r = fd < 0 ? fd : dp_map_view(fd, &v, err);

	if (fd == -ENOENT)
		*ret = sum;
	if (r)
		return r == -ENOENT ? 0 : r;
	values = calloc(1, dp_map_stride(&v));
	if (!values)
		return bw_fail(err, ENOMEM, "read map %s", v.name);
	if (bpf_map_lookup_elem(fd, &slot, values))
		return bw_fail(err, errno, "read map %s", v.name);
	words = smaller(sizeof(sum), v.value_size) / sizeof(uint64_t);
	for (size_t at = 0; at < dp_map_stride(&v); at += (v.value_size + 7UL) / 8 * 8) {
		for (size_t w = 0; w < words; w++) {
			uint64_t one;

			memcpy(&one, values + at + w * sizeof(one), sizeof(one));
			((uint64_t *)&sum)[w] += one;
		}
	}
	*ret = sum;
	return 0;
}

int dp_stat_clear(struct dp_dir *dir, uint32_t slot, struct bw_err *err)
{
	bw_autofree char *zero = NULL;
	struct dp_map_fd m;
	int r = dp_dir_map_info(dir, DP_MAP_STAT, &m, err);

	if (r)
		return r;
	zero = calloc(1, stride_of(BPF_MAP_TYPE_PERCPU_ARRAY, m.value_size));
	if (!zero)
		return bw_fail(err, ENOMEM, "clear map bw_stat");
	return bpf_map_update_elem(m.fd, &slot, zero, BPF_ANY)
		       ? bw_fail(err, errno, "clear map bw_stat")
		       : 0;
}
