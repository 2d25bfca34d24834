/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The eBPF datapath as user space sees it: pinned programs and maps under /sys/fs/bpf/barewire/<abi>,
 * one endpoint per pod port, one segment per (bridge, VLAN). No libbpf type shows here.
 *
 * I1 A forwarding entry is written last and removed first: a frame is only ever sent to a ready
 *    endpoint.
 * I2 With pins of our ABI present, opening them loads nothing (the ADD path stays a few bpf(2)).
 * I3 Making, upgrading and removing pins happens under the bridge's exclusive lock (cni/bridge).
 */
#pragma once

#include <bw/bpf_abi.h>
#include <bw/defs.h>
#include <bw/ip.h>

struct bw_err;
struct bw_dp;

#define BW_DP_PIN_ROOT "/sys/fs/bpf/barewire"

struct bw_dp_segment {
        int bridge;     /* ifindex */
        int uplink;     /* ifindex; 0 = none */
        uint16_t vlan;  /* VID of this segment; 0 = untagged */
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
        uint32_t flags;       /* BW_EP_F_* of bpf_abi.h */
        uint64_t rx_rate_bps; /* towards the pod, bits per second; 0 = no limit */
        uint64_t tx_rate_bps;
        uint64_t rx_burst_bits;
        uint64_t tx_burst_bits;
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

/* Detaches and forgets everything of a bridge (net clean). 0 also when there is nothing; -errno. */
int bw_dp_segment_remove(struct bw_dp *dp, int bridge, int uplink, struct bw_err *err);

/**
 * bw_dp_endpoint_add() - register the port, attach its programs, then make it reachable
 *
 * On failure nothing of it is left. Return: 0; -ENOSPC: the tables are full, nothing installed;
 * -EOPNOTSUPP the programs cannot be attached; -EEXIST its MAC is another endpoint's in the segment.
 */
int bw_dp_endpoint_add(struct bw_dp *dp, const struct bw_dp_endpoint *ep, struct bw_err *err);

/* Removes all of it by the host interface, whichever ABI made it; the device may be gone.
 * @host_if is the device's name, the key of its link pins. 0 also when there is nothing; -errno. */
int bw_dp_endpoint_del(int ifindex, const char *host_if, struct bw_err *err);
