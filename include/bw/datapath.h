/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The eBPF datapath as user space sees it: pinned programs and maps under
 * /sys/fs/bpf/barewire/<abi>, one endpoint per pod port, one segment per (bridge, VLAN). No libbpf
 * type shows here.
 *
 * I1 A forwarding entry is written last and removed first: a frame is only ever sent to a ready
 *    endpoint.
 * I2 With pins of our ABI present, opening them loads nothing (the ADD path stays a few bpf(2)).
 * I3 Making, upgrading and removing pins happens under the bridge's exclusive lock (cni/bridge) and
 *    under the datapath's own, /run/barewire/datapath.lock, which every call here takes and gives
 *    back by itself: shared to add, exclusive to take away, create and upgrade. Order: the bridge's
 *    first; nothing below waits for a bridge's lock.
 * I4 A pin directory named <abi> is whole. One being made or left is named <abi>-next, <abi>-prev:
 *    who finds none of its own name finishes what a killed process began.
 * I5 Layouts grow and shrink at their end only, keys never change: any version reads the common
 *    prefix of any other's values (docs/reference/datapath.md).
 *
 * bpffs refuses names with a dot, so links are pinned as <device>:in and <device>:out, a dot in the
 * device's name written as a colon.
 */
#pragma once

#include <bw/bpf_abi.h>
#include <bw/defs.h>
#include <bw/ip.h>

struct bw_err;
struct bw_netns;
struct bw_nl;
struct bw_dp;

#define BW_DP_PIN_ROOT "/sys/fs/bpf/barewire"
#define BW_DP_ABI_MAX 32 /* bytes of a pin directory's name */

struct bw_dp_segment {
	int bridge; /* ifindex */
	int uplink; /* ifindex; 0 = none */
	uint16_t vlan; /* VID of this segment; 0 = untagged */
	uint8_t bpf_vlan; /* the programs push and pop the tag on the uplink (no VLAN filtering) */
};

struct bw_dp_cidr {
	struct bw_prefix prefix; /* a host address has full length */
};

/* What one pod port is allowed and how it is carried. */
struct bw_dp_endpoint {
	int ifindex; /* host end of the veth (or netkit primary) */
	struct bw_dp_segment segment;
	struct bw_mac mac;
	struct bw_dp_cidr v4[BW_EP_ADDRS_MAX];
	struct bw_dp_cidr v6[BW_EP_ADDRS_MAX];
	unsigned int n_v4, n_v6;
	uint32_t flags; /* BW_EP_F_* of bpf_abi.h */
	uint64_t rx_rate_bps; /* towards the pod, bits per second; 0 = no limit */
	uint64_t tx_rate_bps;
	uint64_t rx_burst_bits;
	uint64_t tx_burst_bits;
	const char *host_if; /* its name, borrowed; NULL = asked from the kernel (3 more calls) */
	uint32_t uplink_mtu; /* longer frames without GSO leave by the bridge; 0 = unknown */
	uint8_t netkit; /* @ifindex is a netkit primary */
	struct bw_nl
		*nl; /* open route socket in this namespace, borrowed; NULL = one more is made */
};

/* Where programs are attached. */
enum bw_dp_hook {
	BW_DP_HOOK_NONE, /* nowhere: this kernel or these rights do not allow it */
	BW_DP_HOOK_TCX, /* links, Linux 6.6 */
	BW_DP_HOOK_CLSACT, /* filters of a clsact qdisc */
	BW_DP_HOOK_NETKIT, /* links of a netkit device, Linux 6.7 */
	BW_DP_HOOK_MAX_,
};

#define BW_DP_WHY_MAX 256

/* What bw_dp_probe() found. */
struct bw_dp_caps {
	enum bw_dp_hook hook;
	char why[BW_DP_WHY_MAX]; /* a clause for a log line or an error */
};

/* One port as `net show` prints it. */
struct bw_dp_port {
	char host_if[16]; /* IFNAMSIZ */
	int ifindex;
	int present; /* the device exists under this name and ifindex */
	int is_uplink;
	int bridge, uplink;
	uint16_t vlan;
	struct bw_mac mac;
	struct bw_dp_cidr v4[BW_EP_ADDRS_MAX];
	struct bw_dp_cidr v6[BW_EP_ADDRS_MAX];
	unsigned int n_v4, n_v6;
	uint32_t flags; /* BW_EP_F_*; of an uplink: BW_UPLINK_F_* */
	uint8_t sticky; /* some of its flows stay on the bridge: netfilter translates them */
	uint8_t fast_uplink; /* unicast to known MACs behind the uplink leaves fast */
	enum bw_dp_hook hook;
	uint64_t rx_rate_bps, tx_rate_bps;
	char abi[BW_DP_ABI_MAX];
	struct bw_stat stat; /* summed over CPUs */
};

/**
 * bw_dp_open() - open the pinned programs and maps of this ABI
 * @create: mount bpffs where missing, load and pin when absent (caller holds the exclusive lock)
 * @ret: owned by the caller
 *
 * Return: 0; -ENOENT nothing is pinned and !@create; -EOPNOTSUPP class UNSUPPORTED: the kernel
 * refuses (text says which step); -errno.
 */
int bw_dp_open(int create, struct bw_dp **ret, struct bw_err *err);
void bw_dp_close(struct bw_dp **dp);

/**
 * bw_dp_segment_ensure() - make the segment known and attach the uplink's programs (idempotent)
 * Return: 0; -ENOSPC; -EBUSY class UNSUPPORTED: the uplink serves another VLAN by BPF; -errno.
 */
int bw_dp_segment_ensure(struct bw_dp *dp, const struct bw_dp_segment *seg, struct bw_err *err);

/**
 * bw_dp_segment_remove() - detach and forget everything of a bridge (net clean)
 * @dp: open handle, or NULL where there is none
 * @bridge: ifindex; its device may be gone
 * @uplink: ifindex; 0 = none
 *
 * The last segment's end takes the pins with it, of whatever ABI. Return: 0 also when there is
 * nothing; -errno.
 */
int bw_dp_segment_remove(struct bw_dp *dp, int bridge, int uplink, struct bw_err *err);

/**
 * bw_dp_endpoint_add() - register the port, attach its programs, then make it reachable
 *
 * On failure nothing of it is left. Return: 0; -ENOSPC: the tables are full, nothing installed;
 * -EOPNOTSUPP the programs cannot be attached; -EEXIST its MAC is another endpoint's in the
 * segment.
 */
int bw_dp_endpoint_add(struct bw_dp *dp, const struct bw_dp_endpoint *ep, struct bw_err *err);

/**
 * bw_dp_endpoint_del() - remove all of an endpoint, whichever ABI made it
 * @ifindex: of the host end; 0 where the name is given
 * @host_if: the device's name, the key of its link pins; NULL = by @ifindex alone
 *
 * The device may be gone. Return: 0 also when there is nothing; the first -errno, after the rest
 * was tried.
 */
int bw_dp_endpoint_del(int ifindex, const char *host_if, struct bw_err *err);

/* Name of a hook; "unknown" outside the enum. */
const char *bw_dp_hook_str(enum bw_dp_hook hook);

/* The map definitions' hash of this build: the name of its pin directory. */
const char *bw_dp_abi(void);

/**
 * bw_dp_probe() - which hook would be used here, and why
 *
 * Changes nothing. One bpf(2) on a kernel with tcx; without, clsact is tried in a network namespace
 * of its own unless our pins prove it. BAREWIRE_DATAPATH_HOOK=clsact in the environment asks for
 * clsact where tcx would do. .hook is BW_DP_HOOK_NONE when programs cannot be attached.
 * Return: 0; -errno only when it could not be found out.
 */
int bw_dp_probe(struct bw_dp_caps *ret_caps, struct bw_err *err);

/**
 * bw_dp_mac_present() - whether a MAC is a local endpoint's in the segment
 * @dp: open handle
 * @seg: segment
 * @mac: address
 * @ret_ifindex: the endpoint's host end, 0 = nobody's
 *
 * Entries of endpoints whose device is gone do not count. Return: 0; -errno.
 */
int bw_dp_mac_present(struct bw_dp *dp, const struct bw_dp_segment *seg, const struct bw_mac *mac,
		      int *ret_ifindex, struct bw_err *err);

/**
 * bw_dp_mac_forget() - forget that a MAC was seen on the uplink: it may be anywhere now
 * @dp: open handle
 * @seg: segment
 * @mac: address
 *
 * Return: 0 also when it is unknown; -errno.
 */
int bw_dp_mac_forget(struct bw_dp *dp, const struct bw_dp_segment *seg, const struct bw_mac *mac,
		     struct bw_err *err);

/* Told of one drift: a clause such as "no program at the ingress of bw01". */
typedef void (*bw_dp_drift_fn)(const char *what, void *arg);

/**
 * bw_dp_endpoint_check() - compare the kernel with what the endpoint should be
 * @ep: as given to bw_dp_endpoint_add(); flag BW_EP_F_SLOW is not compared
 * @fn: called for each difference: links, programs, map entries, uplink
 * @arg: handed to @fn
 *
 * Finds it whichever ABI made it. Return: the number of differences; -errno.
 */
int bw_dp_endpoint_check(const struct bw_dp_endpoint *ep, bw_dp_drift_fn fn, void *arg,
			 struct bw_err *err);

/**
 * bw_dp_endpoint_slow() - send one endpoint through the bridge, or let it be fast again
 * @ifindex: host end
 * @on: 1 = by the bridge, 0 = as configured
 *
 * Return: 0; -ENOENT no endpoint of any ABI; -errno.
 */
int bw_dp_endpoint_slow(int ifindex, int on, struct bw_err *err);

/**
 * bw_dp_endpoint_cut() - drop all of an endpoint's traffic, both ways, or let it pass again
 * @ifindex: host end
 * @on: 1 = nothing passes, 0 = as configured
 *
 * Holds from the next frame on; what neighbours on this node remember lasts BW_VIA_NS longer.
 * Return: 0; -ENOENT no endpoint of any ABI; -errno.
 */
int bw_dp_endpoint_cut(int ifindex, int on, struct bw_err *err);

/**
 * bw_dp_silence() - drop all that a device sends and receives, or stop doing so
 * @ns: where the device is
 * @ifname: its name there; one that has none of our programs: a VF or a macvlan in a pod
 * @on: 1 = nothing passes
 *
 * By filters of clsact; link, addresses and routes stay as they are. Doing it twice changes
 * nothing, and the filters go with the device when it changes its namespace.
 * Return: 0; -ENODEV; -EOPNOTSUPP class UNSUPPORTED the kernel has no clsact; -errno.
 */
int bw_dp_silence(const struct bw_netns *ns, const char *ifname, int on, struct bw_err *err);

/* Takes one port; a negative return ends the list with it. */
typedef int (*bw_dp_port_fn)(const struct bw_dp_port *port, void *arg, struct bw_err *err);

/* Every endpoint and uplink of every ABI. 0 also when nothing is pinned; -errno; what @fn returned.
 */
int bw_dp_list(bw_dp_port_fn fn, void *arg, struct bw_err *err);

/**
 * bw_dp_sweep() - remove what belongs to devices that are gone (GC)
 * @ret_n: how many ports and links were removed; may be NULL
 *
 * Return: 0; -errno of the first failure, after the rest was tried.
 */
int bw_dp_sweep(unsigned int *ret_n, struct bw_err *err);

/**
 * bw_dp_reload() - put this build's programs in place of whatever runs, losing no frame
 * @ret_n: programs switched; may be NULL
 *
 * Finishes an upgrade that was killed, moves the endpoints of other ABIs here, then replaces the
 * programs of this ABI. Where there is tcx, endpoints that an ADD gave filters get links instead.
 * Return: 0 also when nothing was pinned; -EOPNOTSUPP; -errno.
 */
int bw_dp_reload(unsigned int *ret_n, struct bw_err *err);
