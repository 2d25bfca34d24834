/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Masquerading by nf_tables, in messages of our own: per family one table "barewire" with one chain
 * at the postrouting hook and one rule per attachment and address.
 *
 * I1 A rule's owner is in its user data as a comment, so `nft list ruleset` shows it and GC finds
 *    it: "NETWORK CONTAINER IFNAME". A network or container longer than BW_NFT_PART_MAX characters
 *    is "#" and 16 hex digits of its 64-bit FNV-1a.
 * I2 Adding only appends, in one transaction that reads nothing, so its cost does not grow with the
 *    node. The caller knows that the owner has no rules yet: its row in the journal is its own.
 *    Should a row have been lost, a rule is there twice; removing takes every rule of the owner.
 */
#pragma once

#include <bw/defs.h>
#include <bw/ip.h>

struct bw_err;
struct bw_nl;
struct nlmsghdr;

#define BW_NFT_TABLE "barewire"
#define BW_NFT_CHAIN "postrouting"
#define BW_NFT_PART_MAX 64
#define BW_NFT_COMMENT_MAX 160 /* two parts, an interface, blanks */
#define BW_NFT_ADDRS_MAX 16

struct bw_nft_owner {
	const char *network;
	const char *container_id;
	const char *ifname;
};

/**
 * bw_nft_masq_add() - masquerade what an endpoint sends beyond its own subnet
 * @nl: netfilter socket in the host's namespace
 * @owner: whose rules they are
 * @addrs: addresses with the prefix length of their subnet
 *
 * Traffic to the subnet itself and to multicast groups keeps its source. See I2.
 * Return: 0; -EOPNOTSUPP class UNSUPPORTED: the kernel has no nf_tables NAT; -errno.
 */
int bw_nft_masq_add(struct bw_nl *nl, const struct bw_nft_owner *owner,
		    const struct bw_prefix *addrs, size_t n, struct bw_err *err);

/* Removes every rule of an owner. Return: 0 also when there are none, or no table; -errno. */
int bw_nft_masq_del(struct bw_nl *nl, const struct bw_nft_owner *owner, struct bw_err *err);

/* For CHECK. Return: how many rules of this owner there are, both families; -errno. */
int bw_nft_masq_count(struct bw_nl *nl, const struct bw_nft_owner *owner, struct bw_err *err);

/* One rule as GC sees it. Parts are as in the comment: compare with bw_nft_part(). */
struct bw_nft_rule {
	int family; /* AF_INET, AF_INET6 */
	uint64_t handle;
	char network[BW_NFT_PART_MAX + 1];
	char container_id[BW_NFT_PART_MAX + 1];
	char ifname[16];
};

/* Reads one NFT_MSG_NEWRULE. 1 it has an owner; 0 it is not ours. */
int bw_nft_rule_parse(const struct nlmsghdr *nlh, struct bw_nft_rule *ret);

/* Walks every rule with an owner. @visit returns 1 to have the rule deleted, 0 to keep it, -errno
 * to stop. */
struct bw_nft_visitor {
	int (*visit)(const struct bw_nft_rule *rule, void *arg, struct bw_err *err);
	void *arg;
};
int bw_nft_masq_sweep(struct bw_nl *nl, const struct bw_nft_visitor *v, struct bw_err *err);

/* A network name or container ID as it stands in comments: itself, or its hash when long. */
const char *bw_nft_part(const char *s, char out[BW_NFT_PART_MAX + 1]);
