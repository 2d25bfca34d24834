/* SPDX-License-Identifier: Apache-2.0 */
/* Loads the embedded object over maps that are shared, copied or new. */
#include <stdio.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include <bw/err.h>

#include "copy.h"
#include "embed.h"
#include "layout.h"
#include "load.h"

#define DP_LOG_SIZE 65536 /* of the verifier's words; only the last line is shown */
#define DP_LOG_LINE 200

/* Of one run of the loader. */
struct load {
	const char *next;
	const struct dp_dirs *sources;
	struct bpf_object *obj;
	char *log;
};

static void load_done(struct load *l)
{
	bpf_object__close(l->obj);
	free(l->log);
}

/* The last line that says something: the summary behind it is the same for all. */
static void last_words(const char *log, char ret[DP_LOG_LINE])
{
	const char *end = strstr(log, "\nprocessed ");
	const char *line;

	if (!end)
		end = log + strlen(log);
	for (line = end; line > log && line[-1] != '\n'; line--)
		;
	(void)snprintf(ret, DP_LOG_LINE, "%.*s", (int)(end - line), line);
}

static enum dp_map map_of(const char *name)
{
	int map = 0;

	while (map < DP_MAP_MAX_ && strcmp(name, dp_map_str((enum dp_map)map)))
		map++;
	return (enum dp_map)map;
}

static int get_pin(const char *dir, const char *name)
{
	char path[DP_PATH_MAX];

	dp_dir_path(dir, "maps", name, path);
	return bpf_obj_get(path);
}

static int pin(const char *dir, const char *sub, const char *name, int fd, struct bw_err *err)
{
	char path[DP_PATH_MAX];

	dp_dir_path(dir, sub, name, path);
	return bpf_obj_pin(fd, path) ? bw_fail(err, errno, "pin %s", path) : 0;
}

static void btf_done(struct btf **btf)
{
	btf__free(*btf);
}

/* A kernel map's layout; 0 when it cannot be said, which equals no other. */
static uint64_t kernel_hash(const struct dp_map_view *v)
{
	BW_CLEANUP(btf_done)
	struct btf *btf = v->btf_id ? btf__load_from_kernel_by_id(v->btf_id) : NULL;
	const struct dp_layout l = {
		.name = v->name,
		.type = v->type,
		.key_size = v->key_size,
		.value_size = v->value_size,
		.max_entries = v->max_entries,
		.flags = v->flags,
		.key_type = v->key_type,
		.value_type = v->value_type,
	};

	return v->btf_id && !btf ? 0 : dp_layout_hash(&l, btf);
}

/* -next's own pin, or the first source's of the same layout, now pinned here too. -ENOENT: none. */
static int find_map(const struct load *l, const char *name, uint64_t hash, struct bw_err *err)
{
	bw_autoclose int fd = get_pin(l->next, name);
	struct dp_map_view v;
	int r;

	if (fd >= 0)
		return BW_TAKE_FD(fd);
	for (unsigned int i = 0; i < l->sources->n; i++) {
		bw_autoclose int old = get_pin(l->sources->names[i], name);

		if (old < 0 || dp_map_view(old, &v, err) || kernel_hash(&v) != hash)
			continue;
		r = pin(l->next, "maps", name, old, err);
		return r ? r : BW_TAKE_FD(old);
	}
	return -ENOENT;
}

/* A new map gets what the sources hold, and only then its name. */
static int fill_and_pin(const struct load *l, const char *name, int fd, struct bw_err *err)
{
	enum dp_map map = map_of(name);
	struct dp_map_view to;
	struct dp_map_view from;
	int r = dp_map_view(fd, &to, err);

	for (unsigned int i = 0; i < l->sources->n && !r && map != DP_MAP_MAX_; i++) {
		bw_autoclose int old = get_pin(l->sources->names[i], name);

		if (old < 0)
			continue;
		r = dp_map_view(old, &from, err);
		if (!r)
			r = dp_copy_map(map, &from, &to, DP_COPY_NEW, err);
	}
	return r ? r : pin(l->next, "maps", name, fd, err);
}

/* The register of ports is user space's alone: the object does not know it. */
static int load_register(const struct load *l, struct bw_err *err)
{
	const struct dp_layout layout = {
		.name = DP_PORT_MAP,
		.type = BPF_MAP_TYPE_HASH,
		.key_size = sizeof(uint32_t),
		.value_size = sizeof(struct dp_port),
		.max_entries = BW_SLOTS_MAX,
		.flags = BPF_F_NO_PREALLOC,
	};
	const struct bpf_map_create_opts opts = {
		.sz = sizeof(opts),
		.map_flags = BPF_F_NO_PREALLOC,
	};
	bw_autoclose int fd = find_map(l, DP_PORT_MAP, dp_layout_hash(&layout, NULL), err);

	if (fd != -ENOENT)
		return fd < 0 ? fd : 0;
	fd = bpf_map_create(BPF_MAP_TYPE_HASH, DP_PORT_MAP, layout.key_size, layout.value_size,
			    layout.max_entries, &opts);
	if (fd < 0)
		return bw_fail(err, errno, "make map %s", DP_PORT_MAP);
	return fill_and_pin(l, DP_PORT_MAP, fd, err);
}

/* Bit @i of @ret_is_new: the map's @i-th is libbpf's to make. */
static int share_maps(const struct load *l, uint64_t *ret_is_new, struct bw_err *err)
{
	struct bpf_map *map = NULL;
	int i = 0;

	bpf_object__for_each_map(map, l->obj)
	{
		bw_autoclose int fd = -1;

		if (!bpf_map__is_internal(map))
			fd = find_map(l, bpf_map__name(map),
				      dp_layout_of_map(map, bpf_object__btf(l->obj)), err);
		if (fd < -1 && fd != -ENOENT)
			return fd;
		if (fd < 0)
			*ret_is_new |= 1ULL << i;
		else if (bpf_map__reuse_fd(map, fd))
			return bw_fail(err, errno, "use map %s", bpf_map__name(map));
		i++;
	}
	return 0;
}

static int pin_maps(const struct load *l, uint64_t is_new, struct bw_err *err)
{
	struct bpf_map *map = NULL;
	int r = 0;
	int i = 0;

	bpf_object__for_each_map(map, l->obj)
	{
		if (!r && is_new >> i & 1 && !bpf_map__is_internal(map))
			r = fill_and_pin(l, bpf_map__name(map), bpf_map__fd(map), err);
		i++;
	}
	return r;
}

/* A killed process may have pinned some of them, loaded over other maps. */
static int pin_programs(const struct load *l, struct bw_err *err)
{
	struct bpf_program *prog = NULL;
	char path[DP_PATH_MAX];
	int r = 0;

	bpf_object__for_each_program(prog, l->obj)
	{
		dp_dir_path(l->next, "progs", bpf_program__name(prog), path);
		(void)unlink(path); /* mostly there is none, ignoring */
		r = pin(l->next, "progs", bpf_program__name(prog), bpf_program__fd(prog), err);
		if (r)
			return r;
	}
	return 0;
}

static int open_object(struct load *l, struct bw_err *err)
{
	struct bpf_object_open_opts opts = {
		.sz = sizeof(opts),
		.object_name = "barewire",
		.kernel_log_size = DP_LOG_SIZE,
	};

	l->log = calloc(1, DP_LOG_SIZE);
	if (!l->log)
		return bw_fail(err, ENOMEM, "load the programs");
	opts.kernel_log_buf = l->log;
	(void)libbpf_set_print(NULL); /* it would write to stderr by itself */
	l->obj = bpf_object__open_mem(dp_object_start, (size_t)(dp_object_end - dp_object_start),
				      &opts);
	return l->obj ? 0 : bw_fail(err, errno, "read the embedded BPF object");
}

static int is_loaded(const char *next)
{
	char path[DP_PATH_MAX];

	for (int i = 0; i < DP_PROG_MAX_; i++) {
		dp_dir_path(next, "progs", dp_prog_str((enum dp_prog)i), path);
		if (access(path, F_OK))
			return 0;
	}
	return 1;
}

int dp_load(const char *next, const struct dp_dirs *sources, struct bw_err *err)
{
	BW_CLEANUP(load_done) struct load l = { .next = next, .sources = sources };
	char line[DP_LOG_LINE];
	uint64_t is_new = 0;
	int r;

	if (is_loaded(next))
		return 0;
	r = open_object(&l, err);
	if (!r)
		r = load_register(&l, err);
	if (!r)
		r = share_maps(&l, &is_new, err);
	if (r)
		return r;
	r = bpf_object__load(l.obj);
	if (r) {
		last_words(l.log, line);
		return bw_reject(err, BW_ERR_UNSUPPORTED, EOPNOTSUPP,
				 "load the BPF programs: the kernel refuses (%s)%s%s", strerror(-r),
				 *line ? ": " : "", line);
	}
	r = pin_maps(&l, is_new, err);
	return r ? r : pin_programs(&l, err);
}
