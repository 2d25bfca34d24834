/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Segments: (bridge, VLAN). One without an uplink needs nothing of its own; one with an uplink
 * needs the uplink's programs and its entry, which are made once under the exclusive lock.
 */
#include <assert.h>
#include <net/if.h>
#include <string.h>

#include <bpf/bpf.h>

#include <bw/err.h>

#include "dp.h"

static int dev_exists(uint32_t ifindex)
{
	char name[IF_NAMESIZE];

	return if_indextoname(ifindex, name) != NULL;
}

/* 1 the entry serves this segment; 0 it must be written; -EBUSY it serves another. */
static int suits(const struct bw_uplink *up, const struct bw_dp_segment *seg, struct bw_err *err)
{
	int tagged = up->flags & BW_UPLINK_F_VLAN ? 1 : 0;

	if (up->bridge != (uint32_t)seg->bridge) {
		if (!dev_exists(up->bridge))
			return 0;
		return bw_reject(err, BW_ERR_UNSUPPORTED, EBUSY,
				 "the uplink (device %d) belongs to another bridge (device %u)",
				 seg->uplink, up->bridge);
	}
	if (tagged == !!seg->bpf_vlan && (!tagged || up->vid == seg->vlan))
		return 1;
	/* VLAN 0: untagged frames. */
	return bw_reject(err, BW_ERR_UNSUPPORTED, EBUSY,
			 "the kernel has no VLAN filtering, so a bridge with an uplink serves "
			 "exactly one VLAN: this one serves %u, not %u; give the network a bridge "
			 "and an uplink of its own, or run barewire net clean first",
			 tagged ? up->vid : 0U, seg->vlan);
}

static int put_uplink(struct dp_dir *dir, const struct bw_dp_segment *seg, uint32_t slot,
		      struct bw_err *err)
{
	const struct bw_uplink up = {
		.bridge = (uint32_t)seg->bridge,
		.slot = slot,
		.flags = seg->bpf_vlan ? BW_UPLINK_F_VLAN : 0,
		.vid = seg->bpf_vlan ? seg->vlan : 0,
	};
	uint32_t key = (uint32_t)seg->uplink;
	int r = dp_map_put(dir, DP_MAP_UPLINK, &key, &up, sizeof(up), BPF_ANY, err);

	if (r == -E2BIG)
		return bw_reject(err, BW_ERR_BUSY, ENOSPC,
				 "the datapath's tables are full: no room for another uplink");
	return r;
}

/*
 * The entry last: the programs do nothing for a device without one, and one that is there says
 * that they are attached.
 */
static int install(struct dp_dir *dir, const struct bw_dp_segment *seg, const struct dp_port *port,
		   struct bw_err *err)
{
	struct dp_found own = { .port = *port };
	struct bw_err later = { 0 };
	int r = dp_port_claim(dir, port, &own.slot, err);

	if (r)
		return r;
	r = dp_attach(dir, port, NULL, err);
	if (!r)
		r = put_uplink(dir, seg, own.slot, err);
	if (r)
		(void)dp_port_remove(dir, &own, 1, &later); /* the first error counts, ignoring */
	return r;
}

static int fill_port(struct bw_dp *dp, const struct bw_dp_segment *seg, struct dp_port *ret,
		     struct bw_err *err)
{
	enum bw_dp_hook hook;
	int r = dp_hook(dp, DP_PORT_UPLINK, &hook, err);

	if (r)
		return r;
	*ret = (struct dp_port){
		.ifindex = (uint32_t)seg->uplink,
		.bridge = (uint32_t)seg->bridge,
		.uplink = (uint32_t)seg->uplink,
		.dev = (uint32_t)seg->uplink,
		.vid = seg->bpf_vlan ? seg->vlan : 0,
		.kind = DP_PORT_UPLINK,
		.hook = (uint8_t)hook,
	};
	return dp_dev_name(seg->uplink, ret->host_if, err);
}

/* Under the exclusive lock: what is there may be half made by a killed process. */
static int make(struct bw_dp *dp, struct dp_dir *dir, const struct bw_dp_segment *seg,
		struct bw_err *err)
{
	uint32_t key = (uint32_t)seg->uplink;
	struct dp_port port;
	struct bw_uplink up;
	int r = fill_port(dp, seg, &port, err);

	if (!r)
		r = dp_map_get(dir, DP_MAP_UPLINK, &key, &up, sizeof(up), err);
	if (r == 1)
		r = suits(&up, seg, err);
	if (r < 0)
		return r;
	r = dp_port_remove_namesakes(dir, &port, err);
	if (!r)
		r = dp_detach(dir, &port, DP_SIDE_IN, 1, err);
	if (!r)
		r = dp_detach(dir, &port, DP_SIDE_OUT, 1, err);
	return r ? r : install(dir, seg, &port, err);
}

/* 1 all is there; 0 something must be made; -errno. */
static int is_made(struct dp_dir *dir, const struct bw_dp_segment *seg, struct bw_err *err)
{
	uint32_t key = (uint32_t)seg->uplink;
	struct bw_uplink up;
	int r = dp_map_get(dir, DP_MAP_UPLINK, &key, &up, sizeof(up), err);

	return r == 1 ? suits(&up, seg, err) : r;
}

int bw_dp_segment_ensure(struct bw_dp *dp, const struct bw_dp_segment *seg, struct bw_err *err)
{
	dp_autostay struct dp_stay stay = DP_STAY_NONE;
	dp_autostay struct dp_stay alone = DP_STAY_NONE;
	int r;

	if (!seg->uplink)
		return 0;
	r = dp_stay_begin(dp, LOCK_SH, &stay, err);
	if (!r)
		r = is_made(&stay.dir, seg, err);
	if (r)
		return r < 0 ? r : 0;
	dp_stay_end(&stay);
	r = dp_stay_begin(dp, LOCK_EX, &alone, err);
	return r ? r : make(dp, &alone.dir, seg, err);
}

struct remove_arg {
	uint32_t bridge;
	uint32_t uplink; /* 0 = only the bridge tells */
	unsigned int rest; /* ports that stay */
};

static int is_its(const struct dp_found *found, void *arg, struct bw_err *err)
{
	const struct remove_arg *a = arg;

	(void)err; /* comparing cannot fail */
	return found->port.bridge == a->bridge || (a->uplink && found->port.uplink == a->uplink);
}

static int count_port(const struct dp_found *found, void *arg, struct bw_err *err)
{
	struct remove_arg *a = arg;

	(void)found; /* any port keeps the directory */
	(void)err;
	a->rest++;
	return 0;
}

/* Flow and MAC keys both begin with the segment's device (bpf_abi.h). */
static_assert(offsetof(struct bw_mac_key, dev) == 0 && offsetof(struct bw_flow_key, dev) == 0,
	      "the segment's device is the first member of both keys");

struct forget_arg {
	struct dp_dir *dir;
	enum dp_map map;
	uint32_t dev;
};

static int forget(const void *key, const void *value, void *arg, struct bw_err *err)
{
	const struct forget_arg *f = arg;
	uint32_t dev;

	(void)value; /* the key says whose it is */
	memcpy(&dev, key, sizeof(dev));
	return dev == f->dev ? dp_map_del(f->dir, f->map, key, err) : 0;
}

static int forget_dev(struct dp_dir *dir, uint32_t dev, struct bw_err *err)
{
	struct forget_arg remote = { dir, DP_MAP_REMOTE, dev };
	struct forget_arg sticky = { dir, DP_MAP_STICKY, dev };
	int r = dp_map_each(dir, DP_MAP_REMOTE, sizeof(struct bw_remote), forget, &remote, err);

	if (!r)
		r = dp_map_each(dir, DP_MAP_STICKY, sizeof(struct bw_sticky), forget, &sticky, err);
	return r;
}

/* What is keyed by the segment goes; with the last port the directory goes too. */
static int forget_in(struct dp_dir *dir, void *arg, struct bw_err *err)
{
	struct remove_arg *a = arg;
	int r;

	a->rest = 0;
	r = dp_port_each(dir, count_port, a, err);
	if (r)
		return r;
	if (!a->rest)
		return dp_dir_remove(dir->name, err);
	r = forget_dev(dir, a->bridge, err);
	return r || !a->uplink ? r : forget_dev(dir, a->uplink, err);
}

int bw_dp_segment_remove(struct bw_dp *dp, int bridge, int uplink, struct bw_err *err)
{
	struct remove_arg a = { .bridge = (uint32_t)bridge, .uplink = (uint32_t)uplink };
	bw_autoclose int own = -1;
	int lock = dp ? dp->lock : -1;
	int r;

	if (access(BW_DP_PIN_ROOT, F_OK))
		return 0;
	if (lock < 0) {
		own = dp_lock_open(err);
		lock = own;
	}
	if (lock < 0)
		return lock;
	r = dp_lock_take(lock, LOCK_EX, err);
	if (r)
		return r;
	r = dp_remove_matching(is_its, &a, 1, NULL, err);
	if (!r)
		r = dp_each_dir(forget_in, &a, err);
	(void)rmdir(BW_DP_PIN_ROOT); /* stays where other segments are, ignoring */
	dp_lock_give(lock);
	return r;
}
