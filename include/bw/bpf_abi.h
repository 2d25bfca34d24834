/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only OR BSD-2-Clause */
/*
 * What kernel and user space share: map keys and values, flags, drop reasons.
 * The only header both compilers read. Fixed width, explicit padding, sizes asserted.
 * A changed layout changes the ABI's hash and with it the pin directory.
 *
 * I1 Zeroed memory permits nothing: an endpoint with CHECK_IP and n_v4 = n_v6 = 0 may send no IP.
 * I2 What the programs themselves write (bw_slot but for gen, tat, last_drop, last seen) lives in
 * maps of its own, so that user space may replace a whole bw_ep or bw_fdb value at any time. I3
 * Slots are given by user space from one range for endpoints and uplinks; a slot's generation is
 * raised whenever it is given anew, before any bw_ep or bw_fdb value names it. I4 Order of ADD:
 * bw_slot (gen, sticky 0), bw_stat (zero), bw_bucket, bw_ep, programs, bw_fdb; and then delete the
 * MAC from bw_remote. Order of DEL: bw_fdb, programs, bw_ep.
 */
#pragma once

#include <linux/types.h>

#define BW_EP_ADDRS_MAX 4 /* addresses (or allowed prefixes) per family and endpoint */

/* Capacities; each is max_entries of its map. */
#define BW_SLOTS_MAX 4096
#define BW_EPS_MAX 4096
#define BW_FDB_MAX 8192
#define BW_UPLINKS_MAX 256
#define BW_REMOTES_MAX 16384
#define BW_STICKIES_MAX 131072 /* one entry is both directions of a flow */

/* Ages of a learned remote MAC, in nanoseconds of CLOCK_MONOTONIC (coarse). */
#define BW_REMOTE_AGE_NS 300000000000ULL /* a bridge's own ageing time, 802.1D table 7-5 */
#define BW_REMOTE_REFRESH_NS 1000000000ULL /* how often a live one is written and checked */

/* Flags of an endpoint. */
#define BW_EP_F_CHECK_MAC (1U << 0) /* source MAC must be its own */
#define BW_EP_F_CHECK_IP (1U << 1) /* source addresses, ARP, ND must be its own */
#define BW_EP_F_DHCP_CLIENT (1U << 2) /* 0.0.0.0 may be a source of a DHCP request */
#define BW_EP_F_ACCEL (1U << 3) /* may use the fast path */
#define BW_EP_F_SLOW (1U << 4) /* an operator sent it through the bridge (net slow) */
#define BW_EP_F_ISOLATED (1U << 5) /* bridge port: isolated ones do not reach each other */
#define BW_EP_F_TRUNK (1U << 6) /* may send VLAN tags */
#define BW_EP_F_HAIRPIN (1U << 7) /* informational: frames to the own MAC are the bridge's */
#define BW_EP_F_RATE_TX (1U << 8) /* bw_bucket.dir[BW_DIR_TX] limits what it sends */
#define BW_EP_F_RATE_RX (1U << 9) /* bw_bucket.dir[BW_DIR_RX] limits what reaches it */
#define BW_EP_F_ANY_PROTO (1U << 10) /* with CHECK_IP: other ethertypes than ARP, IP, IPv6 pass */
#define BW_EP_F_NETKIT (1U << 11) /* bw_pod_tx runs in netkit: no redirect_peer from there */
#define BW_EP_F_CUT (1U << 12) /* nothing passes either way: its address lives elsewhere */

/* Flags of a forwarding entry; none of them = nothing is known, the bridge decides. */
#define BW_FDB_F_LOCAL (1U << 0) /* a pod's MAC; ifindex, slot and gen are valid */
#define BW_FDB_F_HOST (1U << 1) /* the host's own MAC (the bridge): always through the bridge */
#define BW_FDB_F_BLOCK (1U << 2) /* frames to this MAC are dropped, reason POLICY */
#define BW_FDB_F_ACCEL (1U << 3) /* as BW_EP_F_ACCEL of the endpoint behind it */
#define BW_FDB_F_SLOW (1U << 4) /* as BW_EP_F_SLOW */
#define BW_FDB_F_ISOLATED (1U << 5) /* as BW_EP_F_ISOLATED */
#define BW_FDB_F_HAIRPIN (1U << 7) /* as BW_EP_F_HAIRPIN */
#define BW_FDB_F_RATE_RX (1U << 9) /* as BW_EP_F_RATE_RX */

/* Flags of an uplink. */
#define BW_UPLINK_F_VLAN (1U << 0) /* the programs carry the tag of bw_uplink.vid */

/*
 * Drop reasons, append-only: X(NAME, word for tables and JSON, sentence for people).
 * The number is the index into bw_stat.drops.
 */
#define BW_DROP_TABLE(X)                                                                           \
	X(NONE, "none", "not dropped")                                                             \
	X(MAC, "mac", "source MAC is not the pod's")                                               \
	X(IP4, "ip4", "IPv4 source address is not the pod's")                                      \
	X(IP6, "ip6", "IPv6 source address is not the pod's")                                      \
	X(ARP, "arp", "ARP sender is not the pod")                                                 \
	X(ND, "nd", "neighbour discovery for an address that is not the pod's")                    \
	X(RA, "ra", "router advertisement from a pod")                                             \
	X(REDIRECT, "redirect", "ICMP or ICMPv6 redirect from a pod")                              \
	X(DHCP, "dhcp", "DHCP or DHCPv6 server reply from a pod")                                  \
	X(PROTO, "proto", "ethertype other than ARP, IPv4 and IPv6 from a checked pod")            \
	X(VLAN, "vlan", "VLAN tag missing, foreign or not allowed here")                           \
	X(PARSE, "parse", "headers cannot be read, so they cannot be checked")                     \
	X(RATE, "rate", "over the endpoint's rate")                                                \
	X(LOOP, "loop", "a local pod's MAC arrived from outside")                                  \
	X(POLICY, "policy", "a blocked pair")                                                      \
	X(ISOLATED, "isolated", "both ports are isolated")                                         \
	X(CUT, "cut", "the endpoint is cut off: its address lives elsewhere")

enum bw_drop {
#define BW_DROP_ENUM_(name, word, text) BW_DROP_##name,
	BW_DROP_TABLE(BW_DROP_ENUM_)
#undef BW_DROP_ENUM_
		BW_DROP_MAX_
};

#define BW_DROPS_MAX 32 /* room in bw_stat, so that a new reason does not change the ABI */

/* Directions are the pod's: tx is what the pod sends. */
enum bw_dir { BW_DIR_RX, BW_DIR_TX, BW_DIR_MAX_ };

/* Which way a frame took. */
enum bw_path { BW_PATH_RX_FAST, BW_PATH_RX_SLOW, BW_PATH_TX_FAST, BW_PATH_TX_SLOW, BW_PATH_MAX_ };

/* An IPv4 prefix in network order; addr has no bit outside mask. */
struct bw_net4 {
	__be32 addr;
	__be32 mask;
};

/* An IPv6 prefix as it lies in a packet, seen as two words; addr has no bit outside mask. */
struct bw_net6 {
	__u64 addr[2];
	__u64 mask[2];
};

/* Map bw_ep: HASH, key: ifindex of the host end. */
struct bw_ep {
	__u32 flags; /* BW_EP_F_* */
	__u32 slot; /* index into bw_slot, bw_stat, bw_bucket */
	__u32 dev; /* segment: ifindex of the uplink, or of the bridge where there is none */
	__u16 vid; /* segment: VLAN id, 0 = untagged */
	__u8 mac[6]; /* own MAC */
	__u32 uplink; /* where unicast to remote MACs leaves fast; 0 = by the bridge only */
	__u32 max_len; /* longest frame without GSO that leaves fast: MTU + ETH_HLEN; 0 = any */
	__u32 bridge; /* ifindex, for user space */
	__u8 n_v4;
	__u8 n_v6;
	__u8 pad[6]; /* 0 */
	struct bw_net4 v4[BW_EP_ADDRS_MAX]; /* up to here: two cache lines with the key */
	struct bw_net6 v6[BW_EP_ADDRS_MAX];
};

/* Key of bw_fdb and bw_remote: a MAC in a segment. */
struct bw_mac_key {
	__u32 dev; /* as in bw_ep */
	__u16 vid; /* as in bw_ep */
	__u8 mac[6];
};

/* Map bw_fdb: HASH, key bw_mac_key: local MACs, written by user space only. */
struct bw_fdb {
	__u32 ifindex; /* host end */
	__u32 slot;
	__u32 gen; /* must be bw_slot[slot].gen, else the entry is a dead pod's */
	__u32 flags; /* BW_FDB_F_* */
};

/* Map bw_remote: LRU_HASH, key bw_mac_key: MACs seen arriving on the uplink. */
struct bw_remote {
	__u64 seen_ns; /* CLOCK_MONOTONIC, coarse */
};

/* Map bw_uplink: HASH, key: ifindex of the uplink. */
struct bw_uplink {
	__u32 bridge; /* ifindex, for user space */
	__u32 slot; /* its own slot: drops with no endpoint are counted there */
	__u32 flags; /* BW_UPLINK_F_* */
	__u16 vid; /* the one VLAN of BW_UPLINK_F_VLAN, 1..4094 */
	__u16 pad; /* 0 */
};

/* Map bw_slot: ARRAY, key: slot. */
struct bw_slot {
	__u32 gen;
	__u32 sticky; /* 1 = some flow of this endpoint is in bw_sticky; set by bw_pod_rx */
	__u64 learned_ns; /* when bw_up_rx last wrote the sender below to bw_remote; 0 = never */
	__u8 learned[6];
	__u8 pad[10]; /* 0 */
};

/* What bw_pod_tx found for a destination MAC. */
enum bw_via_kind {
	BW_VIA_NONE, /* nothing: the bridge decides */
	BW_VIA_TABLE, /* an entry of bw_fdb */
	BW_VIA_REMOTE, /* a fresh one of bw_remote */
	BW_VIA_MAX_,
};

/*
 * The last destination of an endpoint on this CPU, so that a conversation costs two lookups and
 * their cache lines once in BW_VIA_NS, not with every frame. Written by bw_pod_tx alone; lies with
 * the counters because that line is touched anyway.
 */
struct bw_via {
	__u64 until_ns; /* CLOCK_MONOTONIC, coarse */
	__u8 mac[6];
	__u16 kind; /* enum bw_via_kind */
	struct bw_fdb e; /* of BW_VIA_TABLE */
};

#define BW_VIA_NS 2000000ULL /* how long a changed table may go unnoticed, or one tick */

/* Map bw_stat: PERCPU_ARRAY, key: slot. */
struct bw_stat {
	__u64 packets[BW_PATH_MAX_];
	__u64 bytes[BW_PATH_MAX_];
	struct bw_via via; /* for the programs; zero in a slot given anew */
	__u64 drops[BW_DROPS_MAX];
};

/*
 * Map bw_sticky: LRU_HASH. One entry is a flow in both directions: the end with the lower
 * (port, address) is end 0. IPv4 addresses are v4-mapped. Ports in network order.
 */
struct bw_flow_key {
	__u32 dev;
	__u16 vid;
	__u8 proto; /* IPPROTO_* */
	__u8 pad; /* 0 */
	__be16 port[2];
	__be32 addr[2][4];
};

struct bw_sticky {
	__u64 seen_ns; /* last slow arrival, CLOCK_MONOTONIC, coarse; written at most once a second
			*/
};

/*
 * One token bucket, kept as a time (virtual scheduling): tat is when all that was let through is
 * paid for. A frame passes while tat < now; it may go into debt by one frame, so that a burst
 * smaller than a GSO frame works.
 */
struct bw_bucket_dir {
	__u64 cost_q16; /* nanoseconds a byte costs, times 65536: 8e9 * 65536 / bits per second */
	__u64 depth_ns; /* burst, as the time it takes at the rate */
	__u64 tat_ns; /* CLOCK_MONOTONIC; 0 = full */
	__u64 last_drop_ns; /* CLOCK_MONOTONIC; 0 = never */
};

/* Map bw_bucket: ARRAY, key: slot. */
struct bw_bucket {
	struct bw_bucket_dir dir[BW_DIR_MAX_];
};

_Static_assert(sizeof(struct bw_net4) == 8, "bw_net4");
_Static_assert(sizeof(struct bw_net6) == 32, "bw_net6");
_Static_assert(sizeof(struct bw_ep) == 200, "bw_ep");
_Static_assert(sizeof(struct bw_mac_key) == 12, "bw_mac_key");
_Static_assert(sizeof(struct bw_fdb) == 16, "bw_fdb");
_Static_assert(sizeof(struct bw_remote) == 8, "bw_remote");
_Static_assert(sizeof(struct bw_uplink) == 16, "bw_uplink");
_Static_assert(sizeof(struct bw_slot) == 32, "bw_slot");
_Static_assert(sizeof(struct bw_via) == 32, "bw_via");
_Static_assert(sizeof(struct bw_stat) == 96 + 8 * BW_DROPS_MAX, "bw_stat");
_Static_assert(sizeof(struct bw_flow_key) == 44, "bw_flow_key");
_Static_assert(sizeof(struct bw_sticky) == 8, "bw_sticky");
_Static_assert(sizeof(struct bw_bucket) == 64, "bw_bucket");
_Static_assert(BW_DROP_MAX_ <= BW_DROPS_MAX, "a drop reason without a counter");

#ifndef __bpf__
/**
 * bw_drop_str() - the reason as one word, for JSON and tables
 * @reason: enum bw_drop, or an index of bw_stat.drops this version does not know
 *
 * Return: static text, "unknown" outside the table.
 */
static inline const char *bw_drop_str(unsigned int reason)
{
#define BW_DROP_WORD_(name, word, text) word,
	static const char *const words[] = { BW_DROP_TABLE(BW_DROP_WORD_) };
#undef BW_DROP_WORD_
	_Static_assert(sizeof(words) / sizeof(words[0]) == BW_DROP_MAX_, "a word per reason");

	return reason < BW_DROP_MAX_ ? words[reason] : "unknown";
}

/**
 * bw_drop_text() - the reason as a sentence for people
 * @reason: as for bw_drop_str()
 *
 * Return: static text, "unknown reason" outside the table.
 */
static inline const char *bw_drop_text(unsigned int reason)
{
#define BW_DROP_TEXT_(name, word, text) text,
	static const char *const texts[] = { BW_DROP_TABLE(BW_DROP_TEXT_) };
#undef BW_DROP_TEXT_
	_Static_assert(sizeof(texts) / sizeof(texts[0]) == BW_DROP_MAX_, "a text per reason");

	return reason < BW_DROP_MAX_ ? texts[reason] : "unknown reason";
}
#endif
