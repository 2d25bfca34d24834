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
 * I5 The file appears complete or not at all: it is built in memory, synced and linked.
 */
#pragma once

#include <bw/clock.h>
#include <bw/cni_request.h>
#include <bw/defs.h>
#include <bw/ip.h>
#include <bw/pci.h>

struct bw_err;
struct bw_journal;

#define BW_JOURNAL_DIR_DEFAULT "/var/lib/barewire"
#define BW_JOURNAL_FILE "journal.db"
#define BW_JOURNAL_PATH_MAX 4096
#define BW_JOURNAL_DIR_MAX                                                                         \
	400 /* characters; SQLite opens paths of up to 512 (sqlite3 os_unix.c)                     \
	     */
#define BW_JOURNAL_MAJOR 1 /* a file of a newer one is refused */
#define BW_JOURNAL_MINOR 2 /* later ones only add tables and nullable columns */
#define BW_JOURNAL_BUSY_MS 10000U /* longest wait for other processes */
#define BW_JOURNAL_DOMAIN_MAX 63 /* characters */
#define BW_JOURNAL_KEY_MAX 511 /* characters */

enum bw_attach_state {
	BW_ATTACH_ADDING, /* an ADD is under way or was killed */
	BW_ATTACH_LIVE, /* the ADD answered with success */
	BW_ATTACH_DELETING, /* a DEL or GC is under way or was killed */
	BW_ATTACH_MAX_,
};

/* "Adding", "Live", "Deleting"; "unknown" outside the enum. */
const char *bw_attach_state_str(enum bw_attach_state state);

/* One (containerID, ifname) in the kernel of this node. Strings are NUL-terminated, "" = unknown.
 */
struct bw_attachment {
	char container_id[BW_CNI_CID_MAX + 1];
	char ifname[BW_CNI_IFNAME_MAX + 1];
	char network[BW_CNI_NAME_MAX + 1];
	char program[32]; /* "barewire-bridge", "barewire-ipam", ... */
	char pod[BW_JOURNAL_KEY_MAX + 1]; /* namespace/name from CNI_ARGS, for people; "" when not
					     given */
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

	int64_t id; /* of the row, never used twice; 0 = not from a journal */
};

#define BW_ATTACH_F_MASQ 1U /* masquerade rules were made for it */
#define BW_ATTACH_F_DATAPATH 2U /* eBPF state was made for it */
#define BW_ATTACH_F_DELEGATE 4U /* a foreign IPAM was asked for it */
#define BW_ATTACH_F_CUT 8U /* nothing of it passes: the daemon cut it off */
#define BW_ATTACH_F_REACH 16U /* the node has routes and neighbours for it */

/* Row of `address`. */
struct bw_journal_addr {
	char domain[BW_JOURNAL_DOMAIN_MAX + 1];
	struct bw_ip ip;
	uint8_t prefix_len; /* of its range's subnet */
	char container_id[BW_CNI_CID_MAX + 1]; /* "" = cooling */
	char ifname[BW_CNI_IFNAME_MAX + 1];
	int64_t cooling_until_s; /* CLOCK_REALTIME; 0 = held */
	char key[BW_JOURNAL_KEY_MAX + 1]; /* who it was last given to: the pod, else the container;
					     for the cooling rule */
	int64_t attachment; /* row id; 0 = cooling */
};

/*
 * OPENING
 */

#define BW_JOURNAL_F_CREATE 1U /* make folder and file when there is none */
#define BW_JOURNAL_F_READ 2U /* read only: nothing is ever written, not even a checkpoint */

/**
 * bw_journal_open() - open <dir>/journal.db
 * @dir: absolute, at most BW_JOURNAL_DIR_MAX characters
 * @flags: BW_JOURNAL_F_*
 * @ret: owned by the caller
 *
 * Waits at most BW_JOURNAL_BUSY_MS for other processes.
 * Return: 0; -ENOENT there is none and none is to be made; -EBADMSG it is damaged or no journal,
 * with the repair command in the details; -EPROTONOSUPPORT its major version is newer; -EBUSY class
 * BUSY; -ENOSPC class BUSY; -EROFS, -EACCES; -EIO.
 */
int bw_journal_open(const char *dir, unsigned int flags, struct bw_journal **ret,
		    struct bw_err *err);

/* Closes without a checkpoint but when the WAL has grown; rolls an open transaction back. */
void bw_journal_close(struct bw_journal **j);
#define bw_autojournal BW_CLEANUP(bw_journal_close)

/* Path of the file, for messages. Borrowed. */
const char *bw_journal_path(const struct bw_journal *j);

/*
 * TRANSACTIONS: every function below works in the open one, or in one of its own.
 */

enum bw_journal_sync {
	BW_JOURNAL_NORMAL, /* survives SIGKILL; a power cut may take the last ones back */
	BW_JOURNAL_FULL, /* survives a power cut */
};

/**
 * bw_journal_begin() - begin a write transaction
 * @j: open journal
 * @sync: how durable its commit is
 *
 * Return: 0; -EBUSY class BUSY after BW_JOURNAL_BUSY_MS; -errno as bw_journal_open().
 */
int bw_journal_begin(struct bw_journal *j, enum bw_journal_sync sync, struct bw_err *err);

/* Return: 0; -ENOSPC class BUSY the disk is full; -errno: nothing of it happened. */
int bw_journal_commit(struct bw_journal *j, struct bw_err *err);

/* Harmless without one. */
void bw_journal_rollback(struct bw_journal *j);

/*
 * ATTACHMENTS
 */

/* Inserts @a and stores its row id in @ret_id. 0; -EEXIST (container, ifname) is there; -errno. */
int bw_journal_attach_insert(struct bw_journal *j, const struct bw_attachment *a, int64_t *ret_id,
			     struct bw_err *err);

/* By name, or by row id. Return: 1 found and @ret filled, 0 none; -errno. */
int bw_journal_attach_get(struct bw_journal *j, const char *container_id, const char *ifname,
			  struct bw_attachment *ret, struct bw_err *err);
int bw_journal_attach_get_id(struct bw_journal *j, int64_t id, struct bw_attachment *ret,
			     struct bw_err *err);

/* Stores host_if, bridge, vlan, mac and flags. 0; -ENOENT; -errno. */
int bw_journal_attach_update(struct bw_journal *j, const struct bw_attachment *a,
			     struct bw_err *err);

/**
 * bw_journal_attach_state() - change a row's state
 * @j: open journal
 * @container_id: of the row
 * @ifname: of the row
 * @id: row; 0 = whatever row (container_id, ifname) has
 * @from: only from this state; BW_ATTACH_MAX_ = from any
 * @to: the new one
 *
 * Return: 1 changed, 0 no such row in that state; -errno.
 */
int bw_journal_attach_state(struct bw_journal *j, const char *container_id, const char *ifname,
			    int64_t id, enum bw_attach_state from, enum bw_attach_state to,
			    struct bw_err *err);

/**
 * bw_journal_attach_remove() - delete a row and free its addresses
 * @j: open journal
 * @id: row
 * @cool_until_s: its addresses cool until then; 0 = they are free at once
 *
 * Return: 1 removed, 0 there was none; -errno.
 */
int bw_journal_attach_remove(struct bw_journal *j, int64_t id, int64_t cool_until_s,
			     struct bw_err *err);

/* @a is borrowed. Return 0 to go on, anything else stops the walk and is its result. */
typedef int (*bw_journal_attach_fn)(const struct bw_attachment *a, void *arg, struct bw_err *err);

/**
 * bw_journal_attach_each() - walk attachments in the order they were made
 * @j: open journal
 * @network: only this network's; NULL = all
 * @fn: called for each
 * @arg: for @fn
 *
 * Rows are read in batches; no transaction is open while @fn runs, so it may take its time, change
 * and remove rows.
 * Return: 0; what @fn returned; -errno.
 */
int bw_journal_attach_each(struct bw_journal *j, const char *network, bw_journal_attach_fn fn,
			   void *arg, struct bw_err *err);

/*
 * ADDRESSES
 */

/**
 * bw_journal_addr_insert() - give a free address to an attachment
 * @j: open journal
 * @a: domain, ip, prefix_len, attachment, key; the rest is ignored
 *
 * Keeps I2. Return: 0; -EEXIST it has a row; -errno.
 */
int bw_journal_addr_insert(struct bw_journal *j, const struct bw_journal_addr *a,
			   struct bw_err *err);

/* Gives a cooling address to an attachment. 0; -ENOENT it is not cooling; -errno. */
int bw_journal_addr_warm(struct bw_journal *j, const struct bw_journal_addr *a, struct bw_err *err);

/* Return: 1 found, 0 none; -errno. */
int bw_journal_addr_get(struct bw_journal *j, const char *domain, const struct bw_ip *ip,
			struct bw_journal_addr *ret, struct bw_err *err);

/* Deletes up to @max rows of @domain that have cooled. Return: how many; -errno. */
int bw_journal_addr_expire(struct bw_journal *j, const char *domain, int64_t now_s,
			   unsigned int max, struct bw_err *err);

typedef int (*bw_journal_addr_fn)(const struct bw_journal_addr *a, void *arg, struct bw_err *err);

/*
 * Walks addresses by (domain, ip), in batches as bw_journal_attach_each(). @domain NULL = all.
 * Return: 0; what @fn returned; -errno. So do the two below.
 */
int bw_journal_addr_each(struct bw_journal *j, const char *domain, bw_journal_addr_fn fn, void *arg,
			 struct bw_err *err);

/* Walks the addresses of one attachment, at most BW_JOURNAL_ADDRS_MAX. Return: as above. */
#define BW_JOURNAL_ADDRS_MAX 64
int bw_journal_addr_of(struct bw_journal *j, int64_t attachment, bw_journal_addr_fn fn, void *arg,
		       struct bw_err *err);

/* Walks the rows an address has, one a domain. Return: as above. */
int bw_journal_addr_who(struct bw_journal *j, const struct bw_ip *ip, bw_journal_addr_fn fn,
			void *arg, struct bw_err *err);

/**
 * bw_journal_used_run() - the run of used addresses around one
 * @j: open journal
 * @domain: L2 domain
 * @ip: any address
 * @ret_first: first address of the run; untouched when there is none
 * @ret_last: its last address, likewise
 *
 * One index look-up, whatever is used. Return: 1 @ip is used, 0 it is free; -errno.
 */
int bw_journal_used_run(struct bw_journal *j, const char *domain, const struct bw_ip *ip,
			struct bw_ip *ret_first, struct bw_ip *ret_last, struct bw_err *err);

/*
 * Where `next` goes on: the address of a set that was given last. Return: 1, 0 there is none (or it
 * was stored); -errno.
 */
int bw_journal_cursor_get(struct bw_journal *j, const char *domain, const struct bw_ip *set,
			  struct bw_ip *ret, struct bw_err *err);
int bw_journal_cursor_set(struct bw_journal *j, const char *domain, const struct bw_ip *set,
			  const struct bw_ip *ip, struct bw_err *err);

/*
 * THE NODE: only in BW_JOURNAL_DIR_DEFAULT's journal. Commits are BW_JOURNAL_FULL.
 */

/* What was made of a bridge. */
struct bw_segment {
	char bridge[BW_CNI_IFNAME_MAX + 1];
	uint32_t vlan; /* 0 = untagged */
	char uplink[BW_CNI_IFNAME_MAX + 1]; /* "" = none */
	uint8_t made; /* the bridge is ours: `net clean` removes it */
	uint8_t enslaved; /* the uplink was enslaved by us: `net clean` frees it */
	uint8_t bpf_vlan; /* the programs carry the tag, not the bridge */
	char boot_id[BW_BOOT_ID_LEN + 1]; /* a row of another boot describes nothing that exists */
	int64_t since_s;
};

/* Inserts or replaces the row of (bridge, vlan). Return: 0; -errno. */
int bw_journal_segment_put(struct bw_journal *j, const struct bw_segment *s, struct bw_err *err);
/* Removes one, or with @vlan UINT32_MAX all of a bridge. Return: 0 also when there is none; -errno.
 */
int bw_journal_segment_remove(struct bw_journal *j, const char *bridge, uint32_t vlan,
			      struct bw_err *err);
typedef int (*bw_journal_segment_fn)(const struct bw_segment *s, void *arg, struct bw_err *err);
/*
 * Walks segments; @bridge NULL = all. No transaction is open while @fn runs.
 * Return: 0; what @fn returned; -errno.
 */
int bw_journal_segment_each(struct bw_journal *j, const char *bridge, bw_journal_segment_fn fn,
			    void *arg, struct bw_err *err);

#define BW_UPLINK_ORIGINAL_MAX (1U << 20) /* bytes */

/* What an uplink carried before its addresses and routes went to the bridge. */
struct bw_uplink_original {
	char uplink[BW_CNI_IFNAME_MAX + 1];
	char bridge[BW_CNI_IFNAME_MAX + 1];
	char boot_id[BW_BOOT_ID_LEN + 1];
	uint32_t step; /* how far the move went; the mover's own numbers */
	struct bw_mac mac; /* of the bridge before it took the uplink's */
	void *data; /* addresses and routes in the mover's own form; owned after a get */
	size_t size;
};

/* Frees what a get filled; empty then. */
void bw_uplink_original_done(struct bw_uplink_original *u);
/* Inserts or replaces. @u is borrowed. Return: 0; -E2BIG class INVALID; -errno. */
int bw_journal_uplink_put(struct bw_journal *j, const struct bw_uplink_original *u,
			  struct bw_err *err);
/* Stores .step alone. 0; -ENOENT; -errno. */
int bw_journal_uplink_step(struct bw_journal *j, const char *uplink, uint32_t step,
			   struct bw_err *err);
/* Return: 1 found and @ret filled (free with bw_uplink_original_done()), 0 none; -errno. */
int bw_journal_uplink_get(struct bw_journal *j, const char *uplink, struct bw_uplink_original *ret,
			  struct bw_err *err);
/* The same by the bridge that has them now. Return: as above. */
int bw_journal_uplink_get_bridge(struct bw_journal *j, const char *bridge,
				 struct bw_uplink_original *ret, struct bw_err *err);
/* Return: 0 also when there is none; -errno. */
int bw_journal_uplink_remove(struct bw_journal *j, const char *uplink, struct bw_err *err);

/*
 * VF HOLDS: only in BW_JOURNAL_DIR_DEFAULT's journal, whatever the attachment's dataDir is. Commits
 * are BW_JOURNAL_FULL. A PCI address has at most one row, so two ADDs never both have a VF.
 */

#define BW_VF_RECORD_MAX 8192 /* characters */

enum bw_vf_hold_state {
	BW_VF_HOLD_INTENT, /* an ADD, DEL or GC is under way or was killed */
	BW_VF_HOLD_LIVE, /* the ADD answered with success */
	BW_VF_HOLD_MAX_,
};

/* "Intent", "Live"; "unknown" outside the enum. */
const char *bw_vf_hold_state_str(enum bw_vf_hold_state state);

/* Who has a VF, and what it was like before. 13 KiB: keep it on the heap. */
struct bw_vf_hold {
	char pci[BW_PCI_ADDR_MAX + 1];
	char container_id[BW_CNI_CID_MAX + 1];
	char ifname[BW_CNI_IFNAME_MAX + 1];
	uint32_t slot; /* which of the attachment's VFs: 0, 1 */
	char network[BW_CNI_NAME_MAX + 1];
	char boot_id[BW_BOOT_ID_LEN + 1]; /* of the holder's ADD */
	char netns[BW_JOURNAL_PATH_MAX];
	uint64_t netns_id; /* SO_NETNS_COOKIE; 0 = unknown */
	char pf[BW_PCI_ADDR_MAX + 1];
	uint32_t vf; /* index in the PF */
	enum bw_vf_hold_state state;
	int64_t since_s; /* CLOCK_REALTIME; 0 in a take = now */
	int64_t id; /* of this holder's row, never used twice; 0 = not from a journal */
	char record[BW_VF_RECORD_MAX + 1]; /* the originals, text in the plugin's own form */
};

/**
 * bw_journal_vf_take() - hold a VF nobody holds
 * @j: open journal
 * @h: the new row; .id is filled on success
 * @ret_holder: filled when somebody holds it (-EEXIST); may be NULL
 *
 * Return: 0; -EEXIST class BUSY; -E2BIG class INVALID the record is too long; -errno.
 */
int bw_journal_vf_take(struct bw_journal *j, struct bw_vf_hold *h, struct bw_vf_hold *ret_holder,
		       struct bw_err *err);

/**
 * bw_journal_vf_retake() - take a VF over from a dead holder
 * @j: open journal
 * @stale_id: .id of the row as it was read
 * @h: the new holder of h->pci; its record is filled from the row: the first originals stay. .id is
 * filled too
 *
 * Compare and swap: of several who find a dead holder exactly one succeeds.
 * Return: 1 it is ours, 0 the row is no longer that one; -errno.
 */
int bw_journal_vf_retake(struct bw_journal *j, int64_t stale_id, struct bw_vf_hold *h,
			 struct bw_err *err);

/* Stores h->record in the row h->id of h->pci. 1 stored, 0 no such row; -E2BIG; -errno. */
int bw_journal_vf_record(struct bw_journal *j, const struct bw_vf_hold *h, struct bw_err *err);

/* Changes the state of the row @id of @pci. 1 changed, 0 no such row; -errno. */
int bw_journal_vf_state(struct bw_journal *j, const char *pci, int64_t id, enum bw_vf_hold_state to,
			struct bw_err *err);

/* Who holds a VF. Return: 1 found and @ret filled, 0 nobody; -errno. */
int bw_journal_vf_get(struct bw_journal *j, const char *pci, struct bw_vf_hold *ret,
		      struct bw_err *err);

/* @h is borrowed. Return 0 to go on; anything else stops the walk and is its result. */
typedef int (*bw_journal_vf_fn)(const struct bw_vf_hold *h, void *arg, struct bw_err *err);

/*
 * Walks the VFs an attachment holds, by slot; all of them, by PCI address. No transaction is open
 * while @fn runs: it may take its time and drop rows. Return: 0; what @fn returned; -errno.
 */
int bw_journal_vf_of(struct bw_journal *j, const char *container_id, const char *ifname,
		     bw_journal_vf_fn fn, void *arg, struct bw_err *err);
int bw_journal_vf_each(struct bw_journal *j, bw_journal_vf_fn fn, void *arg, struct bw_err *err);

/**
 * bw_journal_vf_drop() - hold a VF no longer
 * @j: open journal
 * @pci: VF
 * @container_id: of the holder
 * @ifname: of the holder
 * @id: its row; 0 = whichever row that holder has
 *
 * Return: 1 dropped, 0 this holder does not hold it; -errno.
 */
int bw_journal_vf_drop(struct bw_journal *j, const char *pci, const char *container_id,
		       const char *ifname, int64_t id, struct bw_err *err);

/*
 * CHECK AND REPAIR
 */

/* One finding of bw_journal_check(); @text is borrowed. */
typedef void (*bw_journal_finding_fn)(const char *text, void *arg);

/**
 * bw_journal_check() - compare the file with itself: structure, I1, I2, orphans
 * @j: open journal
 * @fn: called for each finding
 * @arg: for @fn
 *
 * Return: number of findings; -errno.
 */
int bw_journal_check(struct bw_journal *j, bw_journal_finding_fn fn, void *arg, struct bw_err *err);

/* What a repair did. */
struct bw_journal_repair {
	char kept[BW_JOURNAL_DIR_MAX + 96]; /* where the damaged file is now; "" = none was there */
	unsigned int attachments; /* rows saved */
	unsigned int addresses;
	unsigned int vf_holds;
	unsigned int lost; /* rows that could not be read or contradicted others */
};

/**
 * bw_journal_repair() - save what can be read into a new journal
 * @dir: as bw_journal_open()
 * @ret: what it did; untouched on failure
 *
 * A sound file is left alone but for `used`, which is built anew when I2 does not hold. A damaged
 * one is kept beside the new one under another name. A file of a newer major version is refused.
 * Return: 0; -errno.
 */
int bw_journal_repair(const char *dir, struct bw_journal_repair *ret, struct bw_err *err);
