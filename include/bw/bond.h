/* SPDX-License-Identifier: Apache-2.0 */
/* Bonds: several devices as one. bw_bond_put_new() builds, bw_bond_parse() reads. */
#pragma once

#include <bw/defs.h>
#include <bw/ip.h>

struct bw_err;
struct bw_nl;
struct bw_nl_batch;
struct nlmsghdr;

/* Source: linux/if_bonding.h. */
#define BW_BOND_MODE_ACTIVE_BACKUP 1
#define BW_BOND_MODE_8023AD 4

/*
 * What a bond does with its ports' MACs: drivers/net/bonding, bond_option.c. "none" writes the
 * bond's to every port that joins; "active" writes none, the bond takes its active port's.
 */
#define BW_BOND_MAC_NONE 0
#define BW_BOND_MAC_ACTIVE 1

/* The options of a bond that we set or look at. */
struct bw_bond {
	uint8_t mode; /* BW_BOND_MODE_* */
	uint8_t fail_over_mac; /* BW_BOND_MAC_* */
	uint32_t miimon; /* ms between looks at the ports' carrier; 0 = never */
	int active; /* ifindex of the port in use, of active-backup; 0 = none. Only read */
};

/* A new one: it is down and has no port. */
struct bw_bond_new {
	const char *name;
	struct bw_mac mac;
	uint32_t mtu; /* 0 = the kernel's */
	struct bw_bond options;
};

/* Fails with EEXIST when the name is taken, EOPNOTSUPP where the kernel has no bonds. */
void bw_bond_put_new(struct bw_nl_batch *b, const struct bw_bond_new *n);

/* Reads the options out of one RTM_NEWLINK. 0; -EPROTO it is no bond. */
int bw_bond_parse(const struct nlmsghdr *nlh, struct bw_bond *ret);

/**
 * bw_bond_get() - read a bond's options
 * @nl: route socket
 * @ifindex: of the bond
 * @ret: untouched on failure
 *
 * Return: 0; -ENODEV; -EPROTO it is no bond; -errno.
 */
int bw_bond_get(struct bw_nl *nl, int ifindex, struct bw_bond *ret, struct bw_err *err);
