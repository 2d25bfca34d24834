/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the node's journal knows of claims: their bindings, the acknowledgements that still have to
 * reach the cluster, and which cluster it is. Only in BW_JOURNAL_DIR_DEFAULT's journal. Since minor
 * version 2 of the file; an older one that is only read looks empty.
 *
 * I1 A binding is served only while its row says so: this boot, not stale, its token above every
 *    one given back.
 * I2 A token that was given back, or is on its way to the cluster as such, is never attached again.
 * I3 An acknowledgement exists at most once per (uid, token, kind); writing it again changes
 *    nothing.
 * I4 The rows of a claim are put by the daemon alone; plugins only read them, and write
 *    acknowledgements in the transaction of the attachment they are about.
 */
#pragma once

#include <bw/cni_request.h>
#include <bw/defs.h>
#include <bw/journal.h>

struct bw_err;
struct bw_journal;

#define BW_CLAIM_UID_MAX 63 /* characters, as in struct bw_attachment */
#define BW_CLAIM_NS_MAX 63 /* RFC 1123 label */
#define BW_CLAIM_NAME_MAX 253 /* RFC 1123 subdomain */
#define BW_CLAIM_RV_MAX 63
#define BW_CLAIM_BINDING_MAX 65536 /* bytes; BW_BINDING_TEXT_MAX */
#define BW_OUTBOX_BODY_MAX 4096 /* bytes */

/* Row of `claim_cache`: one interface of a claim that is bound to this node. */
struct bw_journal_claim {
	char uid[BW_CLAIM_UID_MAX + 1];
	char iface[BW_CNI_IFNAME_MAX + 1];
	char ns[BW_CLAIM_NS_MAX + 1];
	char name[BW_CLAIM_NAME_MAX + 1];
	uint64_t token;
	uint64_t epoch;
	char resource_version[BW_CLAIM_RV_MAX + 1];
	char boot_id[BW_BOOT_ID_LEN + 1]; /* in which the cluster confirmed it last */
	uint8_t stale; /* an answer of the cluster contradicts it */
	char *binding; /* JSON; owned after a get, borrowed in a put */
};

/* Frees what a get filled and zeroes it. NULL-safe. */
void bw_journal_claim_done(struct bw_journal_claim *c);
#define bw_autoclaim BW_CLEANUP(bw_journal_claim_done)

/**
 * bw_journal_claim_put() - store the binding of one interface
 * @j: open journal
 * @c: every member; a row that is the same is not written again
 *
 * Return: 1 stored, 0 it was there already; -ESTALE class BUSY its token is below one this node has
 * seen or has given back; -E2BIG class INVALID; -errno.
 */
int bw_journal_claim_put(struct bw_journal *j, const struct bw_journal_claim *c,
			 struct bw_err *err);

/* By uid and interface. 1 found and @ret filled (bw_journal_claim_done()), 0 none; -errno. */
int bw_journal_claim_get(struct bw_journal *j, const char *uid, const char *iface,
			 struct bw_journal_claim *ret, struct bw_err *err);

/*
 * By the claim's namespace and name, and interface. Of two (one deleted, one new) the later.
 * Return: 1 found, 0 none; -errno.
 */
int bw_journal_claim_find(struct bw_journal *j, const char *ns, const char *name, const char *iface,
			  struct bw_journal_claim *ret, struct bw_err *err);

/* @c is borrowed. Return 0 to go on; anything else stops the walk and is its result. */
typedef int (*bw_journal_claim_fn)(const struct bw_journal_claim *c, void *arg, struct bw_err *err);

/*
 * Walks all rows by (uid, iface), or those of @uid. No transaction is open while @fn runs. Return:
 * 0; what @fn returned; -errno.
 */
int bw_journal_claim_each(struct bw_journal *j, const char *uid, bw_journal_claim_fn fn, void *arg,
			  struct bw_err *err);

/* Marks the rows of a claim stale, or sound again. Return: how many changed; -errno. */
int bw_journal_claim_stale(struct bw_journal *j, const char *uid, int stale, struct bw_err *err);

/* Removes one interface's row, or with @iface NULL all of a claim. Return: how many; -errno. */
int bw_journal_claim_remove(struct bw_journal *j, const char *uid, const char *iface,
			    struct bw_err *err);

/*
 * TOKENS: what this node has seen and given back of a claim, kept when its rows go.
 */

struct bw_journal_token {
	uint64_t seen; /* highest one stored */
	uint64_t attached; /* highest one acknowledged to the cluster as attached */
	uint64_t detached; /* highest one acknowledged as given back */
	char ns[BW_CLAIM_NS_MAX + 1]; /* of the claim; "" = unknown */
	char name[BW_CLAIM_NAME_MAX + 1];
};

/* Return: 1 found, 0 this node knows nothing of that claim (@ret is zeroed); -errno. */
int bw_journal_token_get(struct bw_journal *j, const char *uid, struct bw_journal_token *ret,
			 struct bw_err *err);

/* Removes it: the claim is gone for good, and no attachment names it. 0; -errno. */
int bw_journal_token_forget(struct bw_journal *j, const char *uid, struct bw_err *err);

/**
 * bw_journal_claim_take() - may an attachment be made for (uid, token)?
 * @j: open journal, in the transaction that inserts the attachment
 * @uid: of the claim
 * @iface: of the claim
 * @token: of the binding it was read from
 * @boot_id: this boot's
 *
 * An acknowledgement that this token is given back and has not left the node is taken back: the pod
 * was made again where it was.
 * Return: 0; -ESTALE class BUSY: the row is gone, is stale, is of another boot or has another
 * token, or the token is given back; the text says which; -errno.
 */
int bw_journal_claim_take(struct bw_journal *j, const char *uid, const char *iface, uint64_t token,
			  const char *boot_id, struct bw_err *err);

/**
 * bw_journal_claim_leave() - the attachment's row is gone: write that its token is given back
 * @j: open journal, in the transaction that removed the row
 * @uid: of the claim
 * @token: of the row
 * @body: JSON, at most BW_OUTBOX_BODY_MAX bytes; NULL = namespace and name of the claim
 *
 * Nothing is written while another attachment of this node is for that claim: the last one leaves.
 * Return: 1 written, 0 not needed; -errno.
 */
int bw_journal_claim_leave(struct bw_journal *j, const char *uid, uint64_t token, const char *body,
			   struct bw_err *err);

/*
 * OUTBOX: acknowledgements for the cluster, in the order they were made.
 */

enum bw_outbox_kind {
	BW_OUTBOX_ATTACHED, /* the token's attachment is live here */
	BW_OUTBOX_DETACHED, /* the token has no attachment here and gets none any more */
	BW_OUTBOX_KIND_MAX_,
};

/* "attached", "detached"; "unknown" outside the enum. */
const char *bw_outbox_kind_str(enum bw_outbox_kind kind);

struct bw_outbox_row {
	int64_t seq;
	char uid[BW_CLAIM_UID_MAX + 1];
	uint64_t token;
	enum bw_outbox_kind kind;
	uint8_t sending; /* it may have reached the cluster: it is not taken back any more */
	int64_t since_s; /* CLOCK_REALTIME */
	char *body; /* JSON: namespace, name, interface, mac, container; borrowed in a walk */
};

/**
 * bw_journal_outbox_put() - write an acknowledgement once
 * @j: open journal
 * @row: uid, token, kind, body
 *
 * An "attached" that the cluster has already, by bw_journal_token_get(), is not written again.
 * Return: 1 written, 0 it was there; -E2BIG class INVALID; -errno.
 */
int bw_journal_outbox_put(struct bw_journal *j, const struct bw_outbox_row *row,
			  struct bw_err *err);

/*
 * The same for one that the cluster had, and has no more: it was restored from a backup. What the
 * node knows of its tokens stays as it is (I2). Return: 1 written, 0 it waits already; -errno.
 */
int bw_journal_outbox_again(struct bw_journal *j, const struct bw_outbox_row *row,
			    struct bw_err *err);

/* @row is borrowed. Return 0 to go on; anything else stops the walk and is its result. */
typedef int (*bw_journal_outbox_fn)(const struct bw_outbox_row *row, void *arg, struct bw_err *err);

/*
 * Walks the outbox by seq from @after (0 = the start). No transaction is open while @fn runs.
 * Return: 0; what @fn returned; -errno.
 */
int bw_journal_outbox_each(struct bw_journal *j, int64_t after, bw_journal_outbox_fn fn, void *arg,
			   struct bw_err *err);

/*
 * Before a row is sent: from then on it is not taken back (I2). Commit is BW_JOURNAL_FULL. Return:
 * 1 it is there, 0 it was taken back meanwhile; -errno.
 */
int bw_journal_outbox_sending(struct bw_journal *j, int64_t seq, struct bw_err *err);

/* It certainly did not reach the cluster: it may be taken back again. Return: 1, 0; -errno. */
int bw_journal_outbox_unsent(struct bw_journal *j, int64_t seq, struct bw_err *err);

/* The cluster has it: the row goes and its token is remembered. 1, 0 there was none; -errno. */
int bw_journal_outbox_sent(struct bw_journal *j, int64_t seq, struct bw_err *err);

/* The cluster will never take it (the claim is gone): the row goes. 1, 0; -errno. */
int bw_journal_outbox_drop(struct bw_journal *j, int64_t seq, struct bw_err *err);

/*
 * THE CLUSTER
 */

#define BW_CLUSTER_ID_MAX 127 /* characters */

struct bw_journal_cluster {
	uint64_t epoch; /* highest one seen */
	char id[BW_CLUSTER_ID_MAX + 1]; /* "" = none seen yet */
	char node_uid[BW_CLAIM_UID_MAX + 1]; /* of this node's Node object; "" = unknown */
};

/* Return: 1 found, 0 no cluster was ever seen (@ret is zeroed); -errno. */
int bw_journal_cluster_get(struct bw_journal *j, struct bw_journal_cluster *ret,
			   struct bw_err *err);
/* Stores it, durably. 0; -errno. */
int bw_journal_cluster_put(struct bw_journal *j, const struct bw_journal_cluster *c,
			   struct bw_err *err);

/*
 * AN UPLINK: how often its carrier had gone when the daemon looked last, in boot @boot_id.
 * Return: 1 found, 0 nothing is known of that boot; -errno.
 */
int bw_journal_carrier_get(struct bw_journal *j, const char *uplink, const char *boot_id,
			   uint32_t *ret, struct bw_err *err);
/* Stores it; a power cut may take it back, and is another boot. 0; -errno. */
int bw_journal_carrier_put(struct bw_journal *j, const char *uplink, const char *boot_id,
			   uint32_t downs, struct bw_err *err);
