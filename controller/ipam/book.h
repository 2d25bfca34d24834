/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The addresses the controller knows: those the store has shown, those it has just created, and
 * those it means to create. One record each, found by address, by claim and by sticky key.
 *
 * I1 A record is in its domain's tree from the moment its address is picked.
 * I2 What a live answer said is not undone by an older event of the watch.
 */
#pragma once

#include <bw/ip.h>
#include <bw/list.h>
#include <gen/net.h>

#include "names.h"
#include "tree.h"

struct bw_err;
struct bw_kube_object;
struct bw_kube_store;

enum ctl_known {
	CTL_SEEN, /* the store has it */
	CTL_ASSUMED, /* to be created, or the answer was lost */
	CTL_LIVE, /* an answer has shown it, the store has not yet */
};

/* What a live read of the claim said of an address that cools or looks like an orphan. */
enum ctl_verdict {
	CTL_VERDICT_NONE,
	CTL_VERDICT_GONE, /* no such claim, or it is being deleted */
	CTL_VERDICT_LISTED, /* the claim lists the address */
	CTL_VERDICT_UNLISTED, /* the claim is there and does not */
};

struct ctl_domain {
	struct bw_list node;
	struct ctl_tree v4;
	struct ctl_tree v6;
	char name[CTL_DOMAIN_MAX + 1];
};

struct ctl_addr {
	struct ctl_tree_node node; /* marked = cools */
	struct ctl_domain *domain;
	struct bw_ip ip;
	struct ctl_addr *next_uid; /* chains of the hashes */
	struct ctl_addr *next_sticky;
	struct bw_list pending; /* in the book's list unless CTL_SEEN */
	struct bw_list cooling; /* in the book's list while it cools */
	enum ctl_known known;
	enum bw_net_address_state state;
	enum ctl_verdict verdict;
	uint8_t own; /* picked by this process: whoever lists it does so because of us */
	uint8_t spare; /* and another leader has bound the claim without it */
	uint8_t contested; /* CREATE said that it exists: read it */
	uint8_t suspect; /* counted as a possible orphan */
	int64_t state_seen_ns; /* since when this process knows the state */
	int64_t suspect_ns;
	char rv[BW_KUBE_RV_MAX + 1];
	char claim_rv[BW_KUBE_RV_MAX + 1]; /* of the verdict */
	/* One block: */
	char *text; /* owned */
	const char *uid; /* of the NetworkAddress; "" before it is known */
	const char *pool;
	const char *claim_ns;
	const char *claim_name;
	const char *claim_uid;
	const char *iface;
	const char *sticky;
};

struct ctl_book {
	struct bw_list domains;
	struct bw_list pending;
	struct bw_list cooling;
	struct ctl_addr **by_uid;
	struct ctl_addr **by_sticky;
	size_t n_buckets;
	size_t n;
	size_t n_suspect;
};

/* What a record says; texts are copied, NULL counts as "". */
struct ctl_addr_facts {
	const char *uid;
	const char *rv;
	const char *pool;
	const char *claim_ns;
	const char *claim_name;
	const char *claim_uid;
	const char *iface;
	const char *sticky;
	enum bw_net_address_state state;
};

int ctl_book_init(struct ctl_book *b, struct bw_err *err);
void ctl_book_done(struct ctl_book *b);

/* The domain of a name, made when it is new; NULL out of memory or a bad name. Borrowed. */
struct ctl_domain *ctl_book_domain(struct ctl_book *b, const char *name);
struct ctl_tree *ctl_domain_tree(struct ctl_domain *d, int family);

/* The record of an address; NULL it is free. Borrowed until the record is dropped. */
struct ctl_addr *ctl_book_find(const struct ctl_book *b, const char *domain,
			       const struct bw_ip *ip);
/* The first record of a claim's UID, or of a sticky key; the rest by ctl_addr_next_..(). */
struct ctl_addr *ctl_book_of_claim(const struct ctl_book *b, const char *uid);
struct ctl_addr *ctl_addr_next_of_claim(const struct ctl_addr *a);
struct ctl_addr *ctl_book_of_sticky(const struct ctl_book *b, const char *key);
struct ctl_addr *ctl_addr_next_of_sticky(const struct ctl_addr *a);

/**
 * ctl_book_put() - enter or change a record
 * @known: where the facts come from; CTL_ASSUMED only where there is no record
 * @now_ns: of the loop; the state is as old as this when it is new
 * @ret: borrowed; may be NULL
 *
 * Return: 1 entered or changed, 0 an older event that says nothing new; -EEXIST CTL_ASSUMED and the
 * address is used; -EINVAL a bad domain; -ENOMEM.
 */
int ctl_book_put(struct ctl_book *b, const char *domain, const struct bw_ip *ip,
		 const struct ctl_addr_facts *f, enum ctl_known known, int64_t now_ns,
		 struct ctl_addr **ret);

/* The same from the text of a NetworkAddress. -EINVAL it is none of ours. */
int ctl_book_put_object(struct ctl_book *b, const struct bw_net_address *o, enum ctl_known known,
			int64_t now_ns, struct ctl_addr **ret);

/* What the record says is not there (any more): it is to be created, by the same claim. */
void ctl_book_again(struct ctl_book *b, struct ctl_addr *a);

/* Removes a record: the address is free. */
void ctl_book_drop(struct ctl_book *b, struct ctl_addr *a);

/* Marks a record as a possible orphan, or not; @now_ns is when it was first. */
void ctl_book_suspect(struct ctl_book *b, struct ctl_addr *a, int suspect, int64_t now_ns);
