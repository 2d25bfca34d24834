/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Endpoints: one pod port. Adding goes register, slot, bucket, entry, programs, forwarding entry;
 * deleting goes back. Adds run side by side under the shared lock; only one that meets what a
 * killed process left takes the exclusive one, clears it away and tries again.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include <bpf/bpf.h>

#include <bw/err.h>

#include "dp.h"
#include "endpoint.h"

#define DP_COST_UNIT (8000000000ULL << 16) /* nanoseconds a byte at 1 bit/s, times 65536 */
#define DP_NS_PER_S 1000000000ULL
#define DP_BURST_DEFAULT_NS 20000000ULL /* where no burst is given: 20 ms at the rate */
#define DP_ETH_HLEN 14
/* Bits that a forwarding entry has at the place of its endpoint's (bpf_abi.h). */
#define DP_FDB_FLAGS                                                                               \
	(BW_FDB_F_ACCEL | BW_FDB_F_SLOW | BW_FDB_F_ISOLATED | BW_FDB_F_HAIRPIN | BW_FDB_F_RATE_RX)

__extension__ typedef unsigned __int128 dp_u128;

static struct bw_net4 net4_of(const struct bw_prefix *p)
{
	uint32_t mask = p->len ? htonl(~0U << (32 - p->len)) : 0;
	struct bw_net4 net;

	memcpy(&net.addr, bw_ip_bytes(&p->ip), sizeof(net.addr));
	net.addr &= mask;
	net.mask = mask;
	return net;
}

static struct bw_net6 net6_of(const struct bw_prefix *p)
{
	uint8_t addr[16];
	uint8_t mask[16] = { 0 };
	struct bw_net6 net;

	memcpy(addr, bw_ip_bytes(&p->ip), sizeof(addr));
	for (unsigned int i = 0; i < p->len && i < 128; i++)
		mask[i / 8] |= (uint8_t)(0x80 >> i % 8);
	for (size_t i = 0; i < sizeof(addr); i++)
		addr[i] &= mask[i];
	memcpy(net.addr, addr, sizeof(net.addr));
	memcpy(net.mask, mask, sizeof(net.mask));
	return net;
}

static struct bw_bucket_dir bucket_of(uint64_t bps, uint64_t burst_bits)
{
	struct bw_bucket_dir dir = { 0 };

	if (!bps)
		return dir;
	dir.cost_q16 = DP_COST_UNIT / bps;
	dir.depth_ns = burst_bits ? (uint64_t)((dp_u128)burst_bits * DP_NS_PER_S / bps)
				  : DP_BURST_DEFAULT_NS;
	return dir;
}

/* With kernel VLANs the bridge tags: what leaves fast would be untagged, so it does not. */
static uint32_t fast_uplink(const struct bw_dp_segment *seg)
{
	return !seg->vlan || seg->bpf_vlan ? (uint32_t)seg->uplink : 0;
}

static void fill_ep(const struct bw_dp_endpoint *in, uint32_t slot, struct bw_ep *ret)
{
	*ret = (struct bw_ep){
		.flags = in->flags & ~(BW_EP_F_RATE_TX | BW_EP_F_RATE_RX),
		.slot = slot,
		.dev = dp_segment_dev(&in->segment),
		.vid = in->segment.vlan,
		.uplink = fast_uplink(&in->segment),
		.max_len = in->uplink_mtu ? in->uplink_mtu + DP_ETH_HLEN : 0,
		.bridge = (uint32_t)in->segment.bridge,
		.n_v4 = (uint8_t)in->n_v4,
		.n_v6 = (uint8_t)in->n_v6,
	};
	if (in->tx_rate_bps)
		ret->flags |= BW_EP_F_RATE_TX;
	if (in->rx_rate_bps)
		ret->flags |= BW_EP_F_RATE_RX;
	if (in->netkit)
		ret->flags |= BW_EP_F_NETKIT;
	memcpy(ret->mac, in->mac.b, sizeof(ret->mac));
	for (unsigned int i = 0; i < in->n_v4; i++)
		ret->v4[i] = net4_of(&in->v4[i].prefix);
	for (unsigned int i = 0; i < in->n_v6; i++)
		ret->v6[i] = net6_of(&in->v6[i].prefix);
}

int dp_endpoint_fill(const struct bw_dp_endpoint *in, uint32_t slot, struct bw_ep *ret,
		     struct bw_err *err)
{
	if (in->n_v4 > BW_EP_ADDRS_MAX || in->n_v6 > BW_EP_ADDRS_MAX)
		return bw_reject(err, BW_ERR_INVALID, EINVAL,
				 "%u IPv4 and %u IPv6 addresses: the programs hold %d per family",
				 in->n_v4, in->n_v6, BW_EP_ADDRS_MAX);
	fill_ep(in, slot, ret);
	return 0;
}

static int fill_port(struct bw_dp *dp, const struct bw_dp_endpoint *in, struct dp_port *ret,
		     struct bw_err *err)
{
	enum bw_dp_hook hook = BW_DP_HOOK_NETKIT;
	int r = in->netkit ? 0 : dp_hook(dp, DP_PORT_ENDPOINT, &hook, err);

	if (r)
		return r;
	*ret = (struct dp_port){
		.ifindex = (uint32_t)in->ifindex,
		.bridge = (uint32_t)in->segment.bridge,
		.uplink = (uint32_t)in->segment.uplink,
		.dev = dp_segment_dev(&in->segment),
		.vid = in->segment.vlan,
		.kind = DP_PORT_ENDPOINT,
		.hook = (uint8_t)hook,
		.rx_rate_bps = in->rx_rate_bps,
		.tx_rate_bps = in->tx_rate_bps,
	};
	memcpy(ret->mac, in->mac.b, sizeof(ret->mac));
	if (!in->host_if)
		return dp_dev_name(in->ifindex, ret->host_if, err);
	(void)snprintf(ret->host_if, sizeof(ret->host_if), "%s", in->host_if);
	return 0;
}

/* The kernel's word for a full hash map is E2BIG. */
static int put_new(struct dp_dir *dir, enum dp_map map, const void *key, const void *value,
		   size_t size, struct bw_err *err)
{
	int r = dp_map_put(dir, map, key, value, size, BPF_NOEXIST, err);

	if (r == -E2BIG)
		return bw_reject(err, BW_ERR_BUSY, ENOSPC,
				 "the datapath's tables are full: no room in %s", dp_map_str(map));
	return r;
}

static int put_bucket(struct dp_dir *dir, const struct bw_dp_endpoint *in, uint32_t slot,
		      struct bw_err *err)
{
	const struct bw_bucket bucket = {
		.dir[BW_DIR_RX] = bucket_of(in->rx_rate_bps, in->rx_burst_bits),
		.dir[BW_DIR_TX] = bucket_of(in->tx_rate_bps, in->tx_burst_bits),
	};

	if (!in->rx_rate_bps && !in->tx_rate_bps)
		return 0;
	return dp_map_put(dir, DP_MAP_BUCKET, &slot, &bucket, sizeof(bucket), BPF_ANY, err);
}

/* A kernel with tcx and no clsact: links then, and the record says so before they are made. */
static int attach(struct dp_dir *dir, const struct bw_dp_endpoint *in, struct dp_port *port,
		  uint32_t slot, struct bw_err *err)
{
	int r = dp_attach(dir, port, in->nl, err);

	if (r != -EOPNOTSUPP || port->hook != BW_DP_HOOK_CLSACT)
		return r;
	port->hook = BW_DP_HOOK_TCX;
	r = dp_map_put(dir, DP_MAP_PORT, &slot, port, sizeof(*port), BPF_EXIST, err);
	return r ? r : dp_attach(dir, port, in->nl, err);
}

/* The slot is claimed. -EEXIST: something of a killed process is in the way. */
static int install(struct dp_dir *dir, const struct bw_dp_endpoint *in, struct dp_port *port,
		   uint32_t slot, struct bw_err *err)
{
	struct bw_mac_key key = dp_port_key(port);
	struct bw_slot gen = { 0 };
	struct bw_fdb fdb;
	struct bw_ep ep;
	int r = dp_endpoint_fill(in, slot, &ep, err);

	if (!r)
		r = dp_map_get(dir, DP_MAP_SLOT, &slot, &gen, sizeof(gen), err);
	if (r >= 0)
		r = put_bucket(dir, in, slot, err);
	if (!r)
		r = put_new(dir, DP_MAP_EP, &port->ifindex, &ep, sizeof(ep), err);
	if (!r)
		r = attach(dir, in, port, slot, err);
	if (r)
		return r;
	fdb = (struct bw_fdb){
		.ifindex = port->ifindex,
		.slot = slot,
		.gen = gen.gen,
		.flags = BW_FDB_F_LOCAL | (ep.flags & DP_FDB_FLAGS),
	};
	r = put_new(dir, DP_MAP_FDB, &key, &fdb, sizeof(fdb), err);
	/* MACs are learned on uplinks only. */
	return r || !port->uplink ? r : dp_map_del(dir, DP_MAP_REMOTE, &key, err);
}

/* All of it or nothing. */
static int add_to(struct dp_dir *dir, const struct bw_dp_endpoint *in, const struct dp_port *port,
		  struct bw_err *err)
{
	struct dp_found own = { .port = *port };
	struct bw_err later = { 0 };
	int r = dp_port_claim(dir, port, &own.slot, err);

	if (r)
		return r;
	r = install(dir, in, &own.port, own.slot, err);
	if (r)
		(void)dp_port_remove(dir, &own, 1, &later); /* the first error counts, ignoring */
	return r;
}

/* Whoever has our MAC in the segment: -EEXIST when alive, else it goes. */
static int bury_owner(struct dp_dir *dir, const struct dp_port *port, struct bw_err *err)
{
	struct bw_mac_key key = dp_port_key(port);
	char mac[BW_MAC_STR_MAX];
	struct dp_found owner;
	struct bw_mac m;
	struct bw_fdb fdb;
	int r = dp_map_get(dir, DP_MAP_FDB, &key, &fdb, sizeof(fdb), err);

	if (r <= 0)
		return r;
	owner.slot = fdb.slot;
	r = dp_map_get(dir, DP_MAP_PORT, &owner.slot, &owner.port, sizeof(owner.port), err);
	if (r < 0)
		return r;
	if (!r || owner.port.ifindex != fdb.ifindex)
		return dp_map_del(dir, DP_MAP_FDB, &key, err);
	if (!dp_port_is_present(&owner.port))
		return dp_port_remove(dir, &owner, 0, err);
	memcpy(m.b, key.mac, sizeof(m.b));
	return bw_reject(err, BW_ERR_INVALID, EEXIST,
			 "MAC %s is already that of %s in this segment", bw_mac_str(&m, mac),
			 owner.port.host_if);
}

/* What earlier holders of this name, index or MAC left. Needs the exclusive lock. */
static int bury_all(struct dp_dir *dir, const struct dp_port *port, struct bw_err *err)
{
	int r = dp_port_remove_namesakes(dir, port, err);

	if (!r)
		r = bury_owner(dir, port, err);
	if (!r)
		r = dp_map_del(dir, DP_MAP_EP, &port->ifindex, err);
	if (!r)
		r = dp_detach(dir, port, DP_SIDE_IN, 1, err);
	return r ? r : dp_detach(dir, port, DP_SIDE_OUT, 1, err);
}

int bw_dp_endpoint_add(struct bw_dp *dp, const struct bw_dp_endpoint *ep, struct bw_err *err)
{
	dp_autostay struct dp_stay stay = DP_STAY_NONE;
	dp_autostay struct dp_stay alone = DP_STAY_NONE;
	struct dp_port port;
	struct bw_ep checked;
	int r = dp_endpoint_fill(ep, 0, &checked, err);

	if (!r)
		r = fill_port(dp, ep, &port, err);
	if (!r)
		r = dp_stay_begin(dp, LOCK_SH, &stay, err);
	if (!r)
		r = add_to(&stay.dir, ep, &port, err);
	if (r != -EEXIST)
		return r;
	dp_stay_end(&stay);
	r = dp_stay_begin(dp, LOCK_EX, &alone, err);
	if (!r)
		r = bury_all(&alone.dir, &port, err);
	if (r)
		return r;
	r = add_to(&alone.dir, ep, &port, err);
	/* All that was ours is gone. */
	return r != -EEXIST ? r
			    : bw_reject(err, BW_ERR_UNSUPPORTED, EOPNOTSUPP,
					"attach programs to %s: the place of barewire's filters "
					"(clsact, priority 178) is another program's",
					port.host_if);
}

struct del_arg {
	int ifindex;
	const char *host_if;
};

static int is_it(const struct dp_found *found, void *arg, struct bw_err *err)
{
	const struct del_arg *d = arg;

	(void)err; /* comparing cannot fail */
	if (found->port.kind != DP_PORT_ENDPOINT)
		return 0;
	return d->host_if ? !strcmp(found->port.host_if, d->host_if)
			  : found->port.ifindex == (uint32_t)d->ifindex;
}

/* Links whose record is lost, by the name alone. */
static int drop_pins(struct dp_dir *dir, void *arg, struct bw_err *err)
{
	struct dp_port pins = { .hook = BW_DP_HOOK_TCX };
	const struct del_arg *d = arg;
	int r;

	(void)snprintf(pins.host_if, sizeof(pins.host_if), "%s", d->host_if); /* fits, ignoring */
	r = dp_detach(dir, &pins, DP_SIDE_IN, 0, err);
	return r ? r : dp_detach(dir, &pins, DP_SIDE_OUT, 0, err);
}

int bw_dp_endpoint_del(int ifindex, const char *host_if, struct bw_err *err)
{
	struct del_arg d = { ifindex, host_if };
	struct bw_err unlocked = { 0 };
	bw_autoclose int lock = -1;
	int r;

	if (access(BW_DP_PIN_ROOT, F_OK))
		return 0;
	/* Without the lock (a read-only /run) it still goes as far as it can. */
	lock = dp_lock_open(&unlocked);
	if (lock >= 0)
		(void)dp_lock_take(lock, LOCK_EX, &unlocked); /* as above, ignoring */
	r = dp_remove_matching(is_it, &d, 0, NULL, err);
	return r || !host_if ? r : dp_each_dir(drop_pins, &d, err);
}
