/* SPDX-License-Identifier: Apache-2.0 */
/* Forwarding entries of bridges, and neighbours that nobody has to ask for. */
#pragma once

#include <bw/defs.h>
#include <bw/ip.h>

struct bw_err;
struct bw_nl;
struct bw_nl_batch;
struct nlmsghdr;

/* An entry of a bridge's forwarding table. */
struct bw_fdb {
	int ifindex; /* the port it leads to; the bridge itself for its own addresses */
	int master; /* the bridge */
	struct bw_mac mac;
	uint16_t vlan; /* 0 = none */
	uint8_t is_static; /* does not age (NUD_NOARP) */
	uint8_t is_local; /* delivered to the host (NUD_PERMANENT) */
};

/* Reads one RTM_NEWNEIGH of a bridge. 0; -EPROTO. */
int bw_fdb_parse(const struct nlmsghdr *nlh, struct bw_fdb *ret);

/* A static entry at a port of a bridge, wherever its MAC speaks; replaces a learned one. @vlan 0 =
 * none. */
void bw_fdb_put_add(struct bw_nl_batch *b, int port, const struct bw_mac *mac, uint16_t vlan);

/* The same where there is none yet; fails with EEXIST, for a learned one too. */
void bw_fdb_put_new(struct bw_nl_batch *b, int port, const struct bw_mac *mac, uint16_t vlan);

/* Removes; ENOENT is tolerated. */
void bw_fdb_put_del(struct bw_nl_batch *b, int port, const struct bw_mac *mac, uint16_t vlan);

/**
 * bw_fdb_get() - where a bridge would send a MAC
 * @nl: route socket
 * @bridge: its ifindex
 * @mac: looked for
 * @vlan: 0 = none
 * @ret: untouched when there is none
 *
 * Return: 1 there is an entry, @ret is filled; 0 there is none; -errno.
 */
int bw_fdb_get(struct bw_nl *nl, int bridge, const struct bw_mac *mac, uint16_t vlan,
	       struct bw_fdb *ret, struct bw_err *err);

/* Takes entries one by one; @reset comes before each try of the dump. */
struct bw_fdb_visitor {
	void (*reset)(void *arg);
	int (*visit)(const struct bw_fdb *entry, void *arg, struct bw_err *err);
	void *arg;
};
/* All entries of a bridge. Return: 0; what @visit returned; -errno. */
int bw_fdb_list(struct bw_nl *nl, int bridge, const struct bw_fdb_visitor *v, struct bw_err *err);

/* A permanent neighbour: @ip is at @mac, whoever says otherwise. Replaces any other. */
void bw_neigh_put_permanent(struct bw_nl_batch *b, int ifindex, const struct bw_ip *ip,
			    const struct bw_mac *mac);

/* Removes a neighbour; ENOENT is tolerated. */
void bw_neigh_put_del(struct bw_nl_batch *b, int ifindex, const struct bw_ip *ip);

/* Takes neighbours one by one; @reset comes before each try of the dump. */
struct bw_neigh_visitor {
	void (*reset)(void *arg);
	int (*visit)(const struct bw_ip *ip, const struct bw_mac *mac, void *arg,
		     struct bw_err *err);
	void *arg;
};
/* Permanent neighbours of a device. Return: 0; what @visit returned; -errno. */
int bw_neigh_list_permanent(struct bw_nl *nl, int ifindex, const struct bw_neigh_visitor *v,
			    struct bw_err *err);
