/* SPDX-License-Identifier: Apache-2.0 */
/* What is there, and small changes to it: list, slow, MACs, sweep, reload. */
#include <stdio.h>
#include <string.h>

#include <bpf/bpf.h>

#include <bw/err.h>

#include "dp.h"

struct list_arg {
	struct dp_dir *dir;
	bw_dp_port_fn fn;
	void *arg;
};

static uint8_t bits_of(const void *mask, size_t size)
{
	const uint8_t *b = mask;
	uint8_t n = 0;

	for (size_t i = 0; i < size; i++)
		n = (uint8_t)(n + __builtin_popcount(b[i]));
	return n;
}

static void fill_addrs(const struct bw_ep *ep, struct bw_dp_port *ret)
{
	ret->n_v4 = ep->n_v4 < BW_EP_ADDRS_MAX ? ep->n_v4 : BW_EP_ADDRS_MAX;
	ret->n_v6 = ep->n_v6 < BW_EP_ADDRS_MAX ? ep->n_v6 : BW_EP_ADDRS_MAX;
	for (unsigned int i = 0; i < ret->n_v4; i++) {
		ret->v4[i].prefix.ip = bw_ip_from_bytes(AF_INET, &ep->v4[i].addr);
		ret->v4[i].prefix.len = bits_of(&ep->v4[i].mask, sizeof(ep->v4[i].mask));
	}
	for (unsigned int i = 0; i < ret->n_v6; i++) {
		ret->v6[i].prefix.ip = bw_ip_from_bytes(AF_INET6, ep->v6[i].addr);
		ret->v6[i].prefix.len = bits_of(ep->v6[i].mask, sizeof(ep->v6[i].mask));
	}
}

static int fill_flags(struct dp_dir *dir, const struct dp_found *found, struct bw_dp_port *ret,
		      struct bw_err *err)
{
	struct bw_uplink up = { 0 };
	struct bw_slot slot = { 0 };
	struct bw_ep ep = { 0 };
	int r;

	if (ret->is_uplink) {
		r = dp_map_get(dir, DP_MAP_UPLINK, &found->port.ifindex, &up, sizeof(up), err);
		ret->flags = up.flags;
		return r < 0 ? r : 0;
	}
	r = dp_map_get(dir, DP_MAP_EP, &found->port.ifindex, &ep, sizeof(ep), err);
	if (r == 1 && ep.slot == found->slot) {
		ret->flags = ep.flags;
		ret->fast_uplink = ep.uplink != 0;
		fill_addrs(&ep, ret);
	}
	if (r >= 0)
		r = dp_map_get(dir, DP_MAP_SLOT, &found->slot, &slot, sizeof(slot), err);
	ret->sticky = slot.sticky != 0;
	return r < 0 ? r : 0;
}

static int list_port(const struct dp_found *found, void *arg, struct bw_err *err)
{
	const struct list_arg *l = arg;
	struct bw_dp_port port = {
		.ifindex = (int)found->port.ifindex,
		.present = dp_port_is_present(&found->port),
		.is_uplink = found->port.kind == DP_PORT_UPLINK,
		.bridge = (int)found->port.bridge,
		.uplink = (int)found->port.uplink,
		.vlan = found->port.vid,
		.hook = (enum bw_dp_hook)found->port.hook,
		.rx_rate_bps = found->port.rx_rate_bps,
		.tx_rate_bps = found->port.tx_rate_bps,
	};
	int r = fill_flags(l->dir, found, &port, err);

	if (!r)
		r = dp_stat_get(l->dir, found->slot, &port.stat, err);
	if (r)
		return r;
	memcpy(port.host_if, found->port.host_if, sizeof(port.host_if));
	memcpy(port.mac.b, found->port.mac, sizeof(port.mac.b));
	memcpy(port.abi, l->dir->name, sizeof(port.abi));
	return l->fn(&port, l->arg, err);
}

static int list_dir(struct dp_dir *dir, void *arg, struct bw_err *err)
{
	struct list_arg *l = arg;

	l->dir = dir;
	return dp_port_each(dir, list_port, l, err);
}

int bw_dp_list(bw_dp_port_fn fn, void *arg, struct bw_err *err)
{
	struct list_arg l = { NULL, fn, arg };
	struct bw_err unlocked = { 0 };
	bw_autoclose int lock = -1;

	if (access(BW_DP_PIN_ROOT, F_OK))
		return 0;
	/* A list is worth something without the lock too (a read-only /run). */
	lock = dp_lock_open(&unlocked);
	if (lock >= 0)
		(void)dp_lock_take(lock, LOCK_SH, &unlocked); /* as above, ignoring */
	return dp_each_dir(list_dir, &l, err);
}

/* One flag of one endpoint, set or cleared. */
struct flag_arg {
	uint32_t ifindex;
	uint32_t flag;
	int on;
	int n;
};

/* Whatever keeps an endpoint off the fast path, senders are told by its forwarding entry. */
static int mark_fdb(struct dp_dir *dir, const struct bw_ep *ep, struct bw_err *err)
{
	struct bw_mac_key key = { .dev = ep->dev, .vid = ep->vid };
	struct bw_fdb fdb;
	int r;

	memcpy(key.mac, ep->mac, sizeof(key.mac));
	r = dp_map_get(dir, DP_MAP_FDB, &key, &fdb, sizeof(fdb), err);
	if (r <= 0 || fdb.slot != ep->slot)
		return r < 0 ? r : 0;
	fdb.flags &= ~BW_FDB_F_SLOW;
	if (ep->flags & (BW_EP_F_SLOW | BW_EP_F_CUT))
		fdb.flags |= BW_FDB_F_SLOW;
	return dp_map_put(dir, DP_MAP_FDB, &key, &fdb, sizeof(fdb), BPF_EXIST, err);
}

static int mark_in(struct dp_dir *dir, void *arg, struct bw_err *err)
{
	struct flag_arg *f = arg;
	struct bw_ep ep;
	int r = dp_map_get(dir, DP_MAP_EP, &f->ifindex, &ep, sizeof(ep), err);

	if (r <= 0)
		return r == -ENOENT ? 0 : r;
	f->n++;
	ep.flags = f->on ? ep.flags | f->flag : ep.flags & ~f->flag;
	r = dp_map_put(dir, DP_MAP_EP, &f->ifindex, &ep, sizeof(ep), BPF_EXIST, err);
	return r ? r : mark_fdb(dir, &ep, err);
}

static int mark(int ifindex, uint32_t flag, int on, struct bw_err *err)
{
	struct flag_arg f = { (uint32_t)ifindex, flag, on, 0 };
	bw_autoclose int lock = dp_lock_open(err);
	int r = lock < 0 ? lock : dp_lock_take(lock, LOCK_EX, err);

	if (!r)
		r = dp_each_dir(mark_in, &f, err);
	if (r || f.n)
		return r;
	return bw_reject(err, BW_ERR_INVALID, ENOENT, "device %d is no endpoint of barewire",
			 ifindex);
}

int bw_dp_endpoint_slow(int ifindex, int on, struct bw_err *err)
{
	return mark(ifindex, BW_EP_F_SLOW, on, err);
}

int bw_dp_endpoint_cut(int ifindex, int on, struct bw_err *err)
{
	return mark(ifindex, BW_EP_F_CUT, on, err);
}

static struct bw_mac_key mac_key(const struct bw_dp_segment *seg, const struct bw_mac *mac)
{
	struct bw_mac_key key = { .dev = dp_segment_dev(seg), .vid = seg->vlan };

	memcpy(key.mac, mac->b, sizeof(key.mac));
	return key;
}

int bw_dp_mac_present(struct bw_dp *dp, const struct bw_dp_segment *seg, const struct bw_mac *mac,
		      int *ret_ifindex, struct bw_err *err)
{
	dp_autostay struct dp_stay stay = DP_STAY_NONE;
	struct bw_mac_key key = mac_key(seg, mac);
	struct dp_port port = { 0 };
	struct bw_fdb fdb;
	int r = dp_stay_begin(dp, LOCK_SH, &stay, err);

	if (!r)
		r = dp_map_get(&stay.dir, DP_MAP_FDB, &key, &fdb, sizeof(fdb), err);
	if (r == 1)
		r = dp_map_get(&stay.dir, DP_MAP_PORT, &fdb.slot, &port, sizeof(port), err);
	if (r < 0)
		return r;
	port.host_if[DP_PORT_NAME_SIZE - 1] = '\0';
	*ret_ifindex = r && port.ifindex == fdb.ifindex && dp_port_is_present(&port)
			       ? (int)port.ifindex
			       : 0;
	return 0;
}

int bw_dp_mac_forget(struct bw_dp *dp, const struct bw_dp_segment *seg, const struct bw_mac *mac,
		     struct bw_err *err)
{
	dp_autostay struct dp_stay stay = DP_STAY_NONE;
	struct bw_mac_key key = mac_key(seg, mac);
	int r = dp_stay_begin(dp, LOCK_SH, &stay, err);

	return r ? r : dp_map_del(&stay.dir, DP_MAP_REMOTE, &key, err);
}

struct sweep_arg {
	struct dp_dir *dir;
	unsigned int n;
};

static int is_gone(const struct dp_found *found, void *arg, struct bw_err *err)
{
	(void)arg; /* the kernel is asked */
	(void)err;
	return !dp_port_is_present(&found->port);
}

/* A link whose device is gone reads back ifindex 0; its pin would hold program and maps for ever.
 */
static int sweep_link(const char *pin, void *arg, struct bw_err *err)
{
	struct sweep_arg *s = arg;
	char path[DP_PATH_MAX];
	struct dp_link link;
	int r = dp_link_get(s->dir->name, pin, &link, err);

	if (r || link.ifindex)
		return r == -ENOENT ? 0 : r;
	s->n++;
	dp_dir_path(s->dir->name, "links", pin, path);
	return unlink(path) && errno != ENOENT ? bw_fail(err, errno, "unlink %s", path) : 0;
}

static int sweep_dir(struct dp_dir *dir, void *arg, struct bw_err *err)
{
	struct sweep_arg *s = arg;

	s->dir = dir;
	return dp_pins_walk(dir->name, "links", sweep_link, s, err);
}

int bw_dp_sweep(unsigned int *ret_n, struct bw_err *err)
{
	struct sweep_arg s = { NULL, 0 };
	bw_autoclose int lock = -1;
	int r = 0;

	if (!access(BW_DP_PIN_ROOT, F_OK)) {
		lock = dp_lock_open(err);
		r = lock < 0 ? lock : dp_lock_take(lock, LOCK_EX, err);
		if (!r)
			r = dp_remove_matching(is_gone, NULL, 0, &s.n, err);
		if (!r)
			r = dp_each_dir(sweep_dir, &s, err);
	}
	if (!r && ret_n)
		*ret_n = s.n;
	return r;
}

int bw_dp_reload(unsigned int *ret_n, struct bw_err *err)
{
	struct bw_dp_caps caps = { 0 };
	bw_autoclose int lock = -1;
	unsigned int n = 0;
	int r;

	if (access(BW_DP_PIN_ROOT, F_OK))
		return 0;
	lock = dp_lock_open(err);
	r = lock < 0 ? lock : dp_lock_take(lock, LOCK_EX, err);
	if (!r)
		r = dp_upgrade(DP_UPGRADE_RELOAD, &n, err);
	dp_lock_give(lock);
	if (!r)
		r = bw_dp_probe(&caps, err);
	if (!r && caps.hook == BW_DP_HOOK_TCX)
		r = dp_promote(lock, &n, err);
	if (!r && ret_n)
		*ret_n = n;
	return r;
}
