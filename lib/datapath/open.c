/* SPDX-License-Identifier: Apache-2.0 */
/* Opening the datapath, the stay inside it, and which hook it uses. */
#include <assert.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <bpf/bpf.h>

#include <bw/err.h>

#include "clsact.h"
#include "dp.h"
#include "embed.h"

#define DP_TCX_INGRESS 46 /* linux/bpf.h of 6.6, BPF_TCX_INGRESS */
#define DP_LO 1 /* ifindex of lo in every network namespace */
#define DP_HOOK_ENV "BAREWIRE_DATAPATH_HOOK"
#define DP_ENTER_TRIES 4 /* other versions may take the pins away again meanwhile */

static const char *const hook_names[] = {
	[BW_DP_HOOK_NONE] = "none",
	[BW_DP_HOOK_TCX] = "tcx",
	[BW_DP_HOOK_CLSACT] = "clsact",
	[BW_DP_HOOK_NETKIT] = "netkit",
};
static_assert(BW_ARRAY_SIZE(hook_names) == BW_DP_HOOK_MAX_, "a name per hook");

const char *bw_dp_hook_str(enum bw_dp_hook hook)
{
	return hook < BW_DP_HOOK_MAX_ ? hook_names[hook] : "unknown";
}

const char *bw_dp_abi(void)
{
	return dp_object_abi;
}

static void caps_set(struct bw_dp_caps *caps, enum bw_dp_hook hook, const char *fmt, ...)
	BW_PRINTF(3, 4);

static void caps_set(struct bw_dp_caps *caps, enum bw_dp_hook hook, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	caps->hook = hook;
	(void)vsnprintf(caps->why, sizeof(caps->why), fmt, ap);
	va_end(ap);
}

/* Our own pins prove it: they are made only where programs could be attached. */
static void probe_clsact(struct bw_dp_caps *caps, const char *why)
{
	struct bw_err err = { 0 };

	if (dp_dir_exists(bw_dp_abi()) || !dp_clsact_try(&err))
		caps_set(caps, BW_DP_HOOK_CLSACT, "%s, so filters of clsact are used", why);
	else
		caps_set(caps, BW_DP_HOOK_NONE, "%s, and clsact cannot be used: %.160s", why,
			 err.msg);
}

static int wished(enum bw_dp_hook hook)
{
	const char *wish = getenv(DP_HOOK_ENV);

	return wish && !strcmp(wish, hook_names[hook]);
}

int bw_dp_probe(struct bw_dp_caps *ret_caps, struct bw_err *err)
{
	struct bw_dp_caps caps = { 0 };
	uint32_t n = 0;

	(void)err; /* so far every doubt is an answer: no hook, and why */
	if (wished(BW_DP_HOOK_CLSACT))
		probe_clsact(&caps, DP_HOOK_ENV " asks for it");
	else if (!bpf_prog_query(DP_LO, (enum bpf_attach_type)DP_TCX_INGRESS, 0, NULL, NULL, &n))
		caps_set(&caps, BW_DP_HOOK_TCX, "the kernel has tcx");
	else if (errno == EINVAL)
		probe_clsact(&caps, "the kernel has no tcx (Linux 6.6)");
	else
		caps_set(&caps, BW_DP_HOOK_NONE, "bpf(2) is refused: %s", strerror(errno));
	*ret_caps = caps;
	return 0;
}

static int ask_hook(struct bw_dp *dp, struct bw_err *err)
{
	struct bw_dp_caps caps;
	int r = bw_dp_probe(&caps, err);

	if (r)
		return r;
	if (caps.hook == BW_DP_HOOK_NONE)
		return bw_reject(err, BW_ERR_UNSUPPORTED, EOPNOTSUPP, "attach programs: %s",
				 caps.why);
	dp->hook = caps.hook;
	return 0;
}

int dp_hook(struct bw_dp *dp, enum dp_port_kind kind, enum bw_dp_hook *ret, struct bw_err *err)
{
	int r = 0;

	if (kind == DP_PORT_ENDPOINT && !wished(BW_DP_HOOK_TCX)) {
		*ret = BW_DP_HOOK_CLSACT;
		return 0;
	}
	if (dp->hook == BW_DP_HOOK_NONE)
		r = ask_hook(dp, err);
	if (!r)
		*ret = dp->hook;
	return r;
}

int bw_dp_open(int create, struct bw_dp **ret, struct bw_err *err)
{
	struct dp_stay stay = DP_STAY_NONE;
	struct bw_dp *dp = NULL;
	int r = 0;

	if (!create && !dp_dir_exists(bw_dp_abi()))
		return bw_reject(err, BW_ERR_INTERNAL, ENOENT, "nothing is pinned in %s/%s",
				 BW_DP_PIN_ROOT, bw_dp_abi());
	dp = calloc(1, sizeof(*dp));
	if (!dp)
		return bw_fail(err, ENOMEM, "open the datapath");
	dp->lock = dp_lock_open(err);
	if (dp->lock < 0)
		r = dp->lock;
	else if (create && !dp_dir_exists(bw_dp_abi()))
		r = dp_stay_begin(dp, LOCK_SH, &stay, err);
	dp_stay_end(&stay);
	if (r)
		bw_dp_close(&dp);
	else
		*ret = dp;
	return r;
}

void bw_dp_close(struct bw_dp **dp)
{
	int saved = errno;

	if (*dp && (*dp)->lock >= 0)
		(void)close((*dp)->lock); /* gives the lock back, ignoring */
	free(*dp);
	*dp = NULL;
	errno = saved;
}

int dp_stay_begin(struct bw_dp *dp, int how, struct dp_stay *ret, struct bw_err *err)
{
	enum bw_dp_hook hook;
	int r;

	ret->lock = dp->lock >= 0 ? BW_TAKE_FD(dp->lock) : dp_lock_open(err);
	if (ret->lock < 0)
		return ret->lock;
	dp_dir_init(&ret->dir, bw_dp_abi());
	r = dp_lock_take(ret->lock, how, err);
	if (r)
		return r;
	for (int i = 0; i < DP_ENTER_TRIES; i++) {
		dp_dir_init(&ret->dir, bw_dp_abi());
		r = dp_dir_map(&ret->dir, DP_MAP_PORT, err);
		if (r != -ENOENT)
			return r < 0 ? r : 0;
		r = dp_hook(dp, DP_PORT_UPLINK, &hook, err);
		if (!r)
			r = dp_lock_take(ret->lock, LOCK_EX, err);
		if (!r)
			r = dp_upgrade(DP_UPGRADE_FINISH, NULL, err);
		if (!r && how != LOCK_EX)
			r = dp_lock_take(ret->lock, how, err);
		if (r)
			return r;
	}
	return bw_reject(err, BW_ERR_BUSY, EAGAIN,
			 "another version of barewire takes the datapath's pins away again");
}

void dp_stay_end(struct dp_stay *stay)
{
	if (stay->lock < 0)
		return;
	dp_dir_done(&stay->dir);
	bw_autoclose_fn(&stay->lock); /* gives the lock back */
	stay->lock = -1;
}

uint32_t dp_segment_dev(const struct bw_dp_segment *seg)
{
	return (uint32_t)(seg->uplink ? seg->uplink : seg->bridge);
}

int dp_dev_name(int ifindex, char ret[DP_PORT_NAME_SIZE], struct bw_err *err)
{
	char name[IF_NAMESIZE] = "";

	if (ifindex <= 0 || !if_indextoname((unsigned int)ifindex, name))
		return bw_fail(err, ENODEV, "find the device with index %d", ifindex);
	(void)snprintf(ret, DP_PORT_NAME_SIZE, "%s", name);
	return 0;
}

int dp_each_dir(dp_dir_fn fn, void *arg, struct bw_err *err)
{
	struct bw_err later = { 0 };
	struct dp_dirs dirs;
	int first = dp_dirs_list(&dirs, err);

	if (first)
		return first;
	for (unsigned int i = 0; i < dirs.n; i++) {
		dp_autodir struct dp_dir dir;
		int r;

		dp_dir_init(&dir, dirs.names[i]);
		r = fn(&dir, arg, first ? &later : err);
		if (r && !first)
			first = r;
	}
	return first;
}
