/* SPDX-License-Identifier: Apache-2.0 */
/* The procedure of upgrade.h. */
#include <linux/membarrier.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

#include <bpf/bpf.h>

#include <bw/err.h>

#include "clsact.h"
#include "copy.h"
#include "load.h"
#include "port.h"
#include "upgrade.h"

struct names {
	char whole[BW_DP_ABI_MAX];
	char next[BW_DP_ABI_MAX];
	char prev[BW_DP_ABI_MAX];
};

static struct names names_of(const char *abi)
{
	struct names n;

	(void)snprintf(n.whole, sizeof(n.whole), "%s", abi);
	(void)snprintf(n.next, sizeof(n.next), "%s" DP_SUFFIX_NEXT, abi);
	(void)snprintf(n.prev, sizeof(n.prev), "%s" DP_SUFFIX_PREV, abi);
	return n;
}

static int list_sources(const struct names *n, struct dp_dirs *ret, struct bw_err *err)
{
	struct dp_dirs all;
	int r = dp_dirs_list(&all, err);

	if (r)
		return r;
	ret->n = 0;
	for (unsigned int i = 0; i < all.n; i++)
		if (strcmp(all.names[i], n->next))
			memcpy(ret->names[ret->n++], all.names[i], BW_DP_ABI_MAX);
	return 0;
}

/* Waits until no CPU runs a program that has just been replaced: the command waits for RCU. */
static void wait_for_cpus(void)
{
	(void)syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0); /* best effort, ignoring */
}

struct move {
	const char *from;
	struct dp_dir *to;
	enum dp_side side;
	unsigned int n;
};

static int prog_by_name(struct dp_dir *dir, const char *name, struct bw_err *err)
{
	for (int i = 0; i < DP_PROG_MAX_; i++)
		if (!strcmp(name, dp_prog_str((enum dp_prog)i)))
			return dp_dir_prog(dir, (enum dp_prog)i, err);
	return -ENOENT;
}

static int switch_link(struct move *m, const char *path, const char *name, struct bw_err *err)
{
	bw_autoclose int link = bpf_obj_get(path);
	int prog = prog_by_name(m->to, name, err);

	if (link < 0)
		return bw_fail(err, errno, "open the pin %s", path);
	if (prog < 0)
		return prog;
	return bpf_link_update(link, prog, NULL) ? bw_fail(err, errno, "switch the link %s", path)
						 : 0;
}

/* U3. A link whose device is gone, or whose program this version has not, ends here. */
static int move_link(const char *pin, void *arg, struct bw_err *err)
{
	const char *end = strrchr(pin, ':');
	struct move *m = arg;
	char from[DP_PATH_MAX];
	char to[DP_PATH_MAX];
	char name[16] = "";
	struct dp_link link;
	int r;

	if (!end || (m->side == DP_SIDE_OUT) != !strcmp(end, ":out"))
		return 0;
	dp_dir_path(m->from, "links", pin, from);
	dp_dir_path(m->to->name, "links", pin, to);
	r = dp_link_get(m->from, pin, &link, err);
	if (!r)
		r = link.ifindex ? dp_prog_name(link.prog_id, name, err) : -ENOLINK;
	if (!r)
		r = switch_link(m, from, name, err);
	if (r == -ENOLINK || r == -ENOENT)
		return unlink(from) && errno != ENOENT ? bw_fail(err, errno, "unlink %s", from) : 0;
	if (r)
		return r;
	m->n++;
	return rename(from, to) ? bw_fail(err, errno, "rename %s to %s", from, to) : 0;
}

static int reattach(const struct dp_found *found, void *arg, struct bw_err *err)
{
	struct move *m = arg;
	int r;

	if (found->port.hook != BW_DP_HOOK_CLSACT || !dp_port_is_present(&found->port))
		return 0;
	r = dp_refilter(m->to, &found->port, m->side, err);
	m->n += !r;
	return r;
}

static int move_side(const struct dp_dirs *sources, struct move *m, struct bw_err *err)
{
	int r = 0;

	for (unsigned int i = 0; i < sources->n && !r; i++) {
		m->from = sources->names[i];
		r = dp_pins_walk(m->from, "links", move_link, m, err);
	}
	return r ? r : dp_port_each(m->to, reattach, m, err);
}

static int copy_all(const struct dp_dirs *sources, struct dp_dir *to, enum dp_copy why,
		    struct bw_err *err)
{
	int r = 0;

	for (unsigned int i = 0; i < sources->n && !r; i++) {
		dp_autodir struct dp_dir from;

		dp_dir_init(&from, sources->names[i]);
		r = dp_copy_dir(&from, to, why, err);
	}
	return r;
}

/* 1 a flow that becomes sticky would be known to one version's programs alone; 0; -errno. */
static int parts_flows(const struct dp_dirs *sources, struct dp_dir *next, struct bw_err *err)
{
	int r = 0;

	for (unsigned int i = 0; i < sources->n && !r; i++) {
		dp_autodir struct dp_dir from;

		dp_dir_init(&from, sources->names[i]);
		r = dp_copy_needed(&from, next, DP_MAP_STICKY, err);
		if (!r)
			r = dp_copy_needed(&from, next, DP_MAP_SLOT, err);
	}
	return r;
}

static int shadow(const struct dp_found *found, void *arg, struct bw_err *err)
{
	struct dp_dir *next = arg;
	int prog;

	if (found->port.kind != DP_PORT_ENDPOINT || !dp_port_is_present(&found->port))
		return 0;
	prog = dp_dir_prog(next, DP_PROG_POD_RX, err);
	return prog < 0 ? prog
			: dp_clsact_shadow((int)found->port.ifindex, prog,
					   dp_prog_str(DP_PROG_POD_RX), err);
}

static int unshadow(const struct dp_found *found, void *arg, struct bw_err *err)
{
	(void)arg; /* the device says it all */
	if (found->port.kind != DP_PORT_ENDPOINT)
		return 0;
	return dp_clsact_unshadow((int)found->port.ifindex, err);
}

/* Links of one side, then what old programs wrote while they still ran. */
static int switch_side(const struct dp_dirs *sources, struct move *m, enum dp_side side,
		       struct bw_err *err)
{
	int r;

	m->side = side;
	r = move_side(sources, m, err);
	if (r || !sources->n)
		return r;
	wait_for_cpus();
	return copy_all(sources, m->to, DP_COPY_AGAIN, err);
}

static int switch_over(const struct dp_dirs *sources, struct dp_dir *next, unsigned int *ret_n,
		       struct bw_err *err)
{
	struct move m = { .to = next };
	struct bw_err none = { 0 };
	int parted = parts_flows(sources, next, err);
	int r = parted < 0 ? parted : 0;

	/* Without clsact there is no shadow: then flows that begin within this moment may suffer.
	 */
	if (parted > 0 && !dp_port_each(next, shadow, next, &none)) {
		wait_for_cpus();
		r = copy_all(sources, next, DP_COPY_AGAIN, err);
	}
	if (!r)
		r = switch_side(sources, &m, DP_SIDE_IN, err);
	if (!r)
		r = switch_side(sources, &m, DP_SIDE_OUT, err);
	/* Also where an earlier run was killed and what it found is gone. */
	if (!r)
		r = dp_port_each(next, unshadow, NULL, err);
	if (!r && ret_n)
		*ret_n += m.n;
	return r;
}

static int found_one(const char *name, void *arg, struct bw_err *err)
{
	(void)name; /* any will do */
	(void)err;
	*(int *)arg = 1;
	return 0;
}

/* Nothing has been switched yet: as it was before. */
static void take_back(const struct names *n)
{
	struct bw_err later = { 0 };
	int links = 0;

	(void)dp_pins_walk(n->next, "links", found_one, &links, &later); /* none is none */
	if (links)
		return;
	(void)dp_dir_remove(n->next, &later); /* the next try finishes it, ignoring */
	if (dp_dir_exists(n->prev) && !dp_dir_exists(n->whole))
		(void)dp_dir_rename(n->prev, n->whole, &later); /* likewise */
}

static int prepare(const struct names *n, const struct dp_dirs *sources, struct dp_dir *next,
		   struct bw_err *err)
{
	int r = dp_dir_make(n->next, err);

	if (!r)
		r = dp_load(n->next, sources, err);
	return r ? r : copy_all(sources, next, DP_COPY_MERGE, err);
}

/* Everything that is there becomes <abi>. */
static int converge(const struct names *n, unsigned int *ret_n, struct bw_err *err)
{
	dp_autodir struct dp_dir next;
	struct dp_dirs sources;
	int r;

	dp_dir_init(&next, n->next);
	r = list_sources(n, &sources, err);
	if (r)
		return r;
	r = prepare(n, &sources, &next, err);
	if (r) {
		take_back(n);
		return bw_wrap(err, r, "prepare the datapath's pins in %s/%s", BW_DP_PIN_ROOT,
			       n->whole);
	}
	r = switch_over(&sources, &next, ret_n, err);
	for (unsigned int i = 0; i < sources.n && !r; i++)
		r = dp_dir_remove(sources.names[i], err);
	if (!r)
		r = dp_dir_rename(n->next, n->whole, err);
	return r ? bw_wrap(err, r, "switch the datapath to %s/%s", BW_DP_PIN_ROOT, n->whole) : 0;
}

static int refuse(struct bw_err *err, int r)
{
	int unsupported = r == -EPERM || r == -ENODEV || r == -ENOENT || r == -ENOSYS;

	if (!unsupported || !err)
		return r;
	err->class = BW_ERR_UNSUPPORTED;
	return -EOPNOTSUPP;
}

int dp_upgrade(enum dp_upgrade how, unsigned int *ret_n, struct bw_err *err)
{
	struct names n = names_of(bw_dp_abi());
	struct dp_dirs all;
	int r;

	if (how == DP_UPGRADE_FINISH && dp_dir_exists(n.whole))
		return 0;
	r = refuse(err, dp_bpffs_ensure(err));
	if (r || how == DP_UPGRADE_FINISH)
		return r ? r : converge(&n, ret_n, err);
	r = dp_dirs_list(&all, err);
	if (r || !all.n)
		return r;
	/* A half one may hold programs of an earlier build: finished first, then replaced. */
	if (dp_dir_exists(n.next))
		r = converge(&n, ret_n, err);
	if (!r && dp_dir_exists(n.whole))
		r = dp_dir_rename(n.whole, n.prev, err);
	return r ? r : converge(&n, ret_n, err);
}
