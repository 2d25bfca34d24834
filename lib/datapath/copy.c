/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The layout rule: keys never change; members of values are added and removed at the end only. So a
 * copied value is the common prefix of both, and zeros behind it.
 */
#include <stdio.h>
#include <string.h>

#include <bpf/bpf.h>

#include <bw/err.h>

#include "copy.h"

#define DP_NEVER UINT64_MAX

/* The update flag of each occasion: BPF_ANY, BPF_NOEXIST, or not copied then. */
static const uint64_t rules[DP_MAP_MAX_][3] = {
	[DP_MAP_EP] = { BPF_ANY, BPF_ANY, DP_NEVER },
	[DP_MAP_FDB] = { BPF_ANY, BPF_ANY, DP_NEVER },
	[DP_MAP_UPLINK] = { BPF_ANY, BPF_ANY, DP_NEVER },
	[DP_MAP_PORT] = { BPF_ANY, BPF_ANY, DP_NEVER },
	[DP_MAP_SLOT] = { BPF_ANY, BPF_ANY, BPF_ANY },
	[DP_MAP_REMOTE] = { BPF_ANY, BPF_NOEXIST, BPF_NOEXIST },
	[DP_MAP_STICKY] = { BPF_ANY, BPF_NOEXIST, BPF_NOEXIST },
	[DP_MAP_BUCKET] = { BPF_ANY, BPF_ANY, BPF_ANY },
	/* Counters run on in the new map; a second copy would set them back. */
	[DP_MAP_STAT] = { BPF_ANY, DP_NEVER, DP_NEVER },
};

struct copy {
	enum dp_map map;
	const struct dp_map_view *from;
	const struct dp_map_view *to;
	uint64_t flags;
	char *value; /* of the new map, whole stride */
};

static uint32_t padded(uint32_t size)
{
	return (size + 7) / 8 * 8;
}

/* CPU by CPU where the map is per CPU; one round elsewhere. */
static void convert(const struct copy *c, const char *old)
{
	uint32_t common =
		c->from->value_size < c->to->value_size ? c->from->value_size : c->to->value_size;
	uint32_t total = dp_map_stride(c->from);
	uint32_t step = total > c->from->value_size ? padded(c->from->value_size) : total;
	uint32_t out = total > c->from->value_size ? padded(c->to->value_size) : 0;

	memset(c->value, 0, dp_map_stride(c->to));
	for (uint32_t at = 0, cpu = 0; at < total; at += step, cpu++)
		memcpy(c->value + (size_t)cpu * out, old + at, common);
}

/* A flow that became sticky in the new map stays so. */
static void keep_sticky(const struct copy *c, const void *key)
{
	char raw[DP_VALUE_SIZE_MAX];
	struct bw_slot slot;
	struct bw_slot now;

	if (bpf_map_lookup_elem(c->to->fd, key, raw))
		return;
	memcpy(&now, raw, sizeof(now));
	memcpy(&slot, c->value, sizeof(slot));
	slot.sticky |= now.sticky;
	memcpy(c->value, &slot, sizeof(slot));
}

static int is_zero(const char *value, uint32_t size)
{
	for (uint32_t i = 0; i < size; i++)
		if (value[i])
			return 0;
	return 1;
}

static int is_array(const struct dp_map_view *v)
{
	return v->type == BPF_MAP_TYPE_ARRAY || v->type == BPF_MAP_TYPE_PERCPU_ARRAY;
}

static int copy_entry(const void *key, const void *value, void *arg, struct bw_err *err)
{
	struct copy *c = arg;
	uint32_t index;

	memcpy(&index, key, sizeof(index));
	if (c->map == DP_MAP_PORT && index >= c->to->max_entries)
		return bw_reject(err, BW_ERR_BUSY, ENOSPC,
				 "a port has slot %u, and this version's tables end at %u", index,
				 c->to->max_entries);
	/* Slots beyond a smaller map have no owner, or the register would not have fitted. */
	if (is_array(c->to) &&
	    (index >= c->to->max_entries || is_zero(value, dp_map_stride(c->from))))
		return 0;
	convert(c, value);
	if (c->map == DP_MAP_SLOT)
		keep_sticky(c, key);
	if (!bpf_map_update_elem(c->to->fd, key, c->value, c->flags) || errno == EEXIST)
		return 0;
	if (errno == E2BIG)
		return bw_reject(err, BW_ERR_BUSY, ENOSPC,
				 "map %s of this version holds %u entries, and there are more",
				 c->to->name, c->to->max_entries);
	return bw_fail(err, errno, "copy map %s", c->to->name);
}

int dp_copy_map(enum dp_map map, const struct dp_map_view *from, const struct dp_map_view *to,
		enum dp_copy why, struct bw_err *err)
{
	bw_autofree char *value = NULL;
	struct copy c = { map, from, to, rules[map][why], NULL };

	if (c.flags == DP_NEVER || from->id == to->id || from->key_size != to->key_size)
		return 0;
	value = calloc(1, dp_map_stride(to));
	if (!value)
		return bw_fail(err, ENOMEM, "copy map %s", to->name);
	c.value = value;
	return dp_map_walk(from, copy_entry, &c, err);
}

/* A map that either side lacks: a killed process made it so far, or a version has none. */
static int view_of(struct dp_dir *dir, enum dp_map map, struct dp_map_view *ret, struct bw_err *err)
{
	int fd = dp_dir_map(dir, map, err);

	return fd < 0 ? fd : dp_map_view(fd, ret, err);
}

int dp_copy_dir(struct dp_dir *from, struct dp_dir *to, enum dp_copy why, struct bw_err *err)
{
	struct dp_map_view old;
	struct dp_map_view new;
	int r = 0;

	for (int map = 0; map < DP_MAP_MAX_; map++) {
		r = view_of(from, (enum dp_map)map, &old, err);
		if (!r)
			r = view_of(to, (enum dp_map)map, &new, err);
		if (!r)
			r = dp_copy_map((enum dp_map)map, &old, &new, why, err);
		if (r && r != -ENOENT)
			return r;
	}
	return 0;
}

int dp_copy_needed(struct dp_dir *from, struct dp_dir *to, enum dp_map map, struct bw_err *err)
{
	struct dp_map_view old;
	struct dp_map_view new;
	int r = view_of(from, map, &old, err);

	if (!r)
		r = view_of(to, map, &new, err);
	if (r)
		return r == -ENOENT ? 0 : r;
	return old.id != new.id;
}
