/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The node's journal: <dir>/journal.db, SQLite, WAL. Who is attached, who holds which address, and
 * what of the node itself was changed.
 *
 * I1 In one domain an address row exists at most once (unique index), and it belongs to one
 *    attachment or is cooling.
 * I2 `used` holds the merged runs of exactly the addresses in `address`; both change in one
 *    transaction.
 * I3 Adding -> Live only while the row still says Adding: an ADD and a DEL never both succeed.
 * I4 No transaction is open across a delegate, a wait or a netlink call.
 */
#pragma once

#include <bw/clock.h>
#include <bw/cni_request.h>
#include <bw/defs.h>
#include <bw/ip.h>

struct bw_err;
struct bw_journal;

#define BW_JOURNAL_DIR_DEFAULT "/var/lib/barewire"
#define BW_JOURNAL_FILE "journal.db"
#define BW_JOURNAL_PATH_MAX 4096

enum bw_attach_state {
        BW_ATTACH_ADDING,   /* an ADD is under way or was killed */
        BW_ATTACH_LIVE,     /* the ADD answered with success */
        BW_ATTACH_DELETING, /* a DEL or GC is under way or was killed */
        BW_ATTACH_MAX_,
};

const char *bw_attach_state_str(enum bw_attach_state state);

/* One (containerID, ifname) in the kernel of this node. Strings are NUL-terminated, "" = unknown. */
struct bw_attachment {
        char container_id[BW_CNI_CID_MAX + 1];
        char ifname[BW_CNI_IFNAME_MAX + 1];
        char network[BW_CNI_NAME_MAX + 1];
        char program[32]; /* "barewire-bridge", "barewire-ipam", ... */
        char pod[512];    /* namespace/name from CNI_ARGS, for people; "" when not given */
        char netns[BW_JOURNAL_PATH_MAX];
        uint64_t netns_id; /* SO_NETNS_COOKIE; 0 = unknown */
        char boot_id[BW_BOOT_ID_LEN + 1];
        enum bw_attach_state state;
        char claim_uid[64];
        uint64_t token;
        int64_t since_s; /* CLOCK_REALTIME */

        /* Of the bridge plugin; zero for others. */
        char host_if[BW_CNI_IFNAME_MAX + 1];
        char bridge[BW_CNI_IFNAME_MAX + 1];
        uint32_t vlan;
        struct bw_mac mac;
        uint32_t flags; /* BW_ATTACH_F_* */
};

#define BW_ATTACH_F_MASQ 1U     /* masquerade rules were made for it */
#define BW_ATTACH_F_DATAPATH 2U /* eBPF state was made for it */
#define BW_ATTACH_F_DELEGATE 4U /* a foreign IPAM was asked for it */

/* Row of `address`. */
struct bw_journal_addr {
        char domain[64];
        struct bw_ip ip;
        uint8_t prefix_len; /* of its range's subnet */
        char container_id[BW_CNI_CID_MAX + 1]; /* "" = cooling */
        char ifname[BW_CNI_IFNAME_MAX + 1];
        int64_t cooling_until_s; /* CLOCK_REALTIME; 0 = held */
        char key[512]; /* who it was last given to: the pod, else the container; for the cooling rule */
};
