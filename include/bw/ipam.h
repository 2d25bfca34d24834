/* SPDX-License-Identifier: Apache-2.0 */
/*
 * barewire-ipam as a library: what the plugins call in their own process.
 *
 *     bw_ipam_conf_parse -> bw_ipam_open -> bw_ipam_add | del | check | gc | status -> close
 *
 * ADD inserts the attachment (Adding) and its addresses in one transaction, and commits before it
 * returns; the caller builds the kernel side and then calls bw_ipam_live(), or bw_ipam_abort().
 */
#pragma once

#include <bw/cni_request.h>
#include <bw/defs.h>
#include <bw/ip.h>
#include <bw/journal.h>

struct bw_cni_result;
struct bw_cni_valid;
struct bw_err;
struct bw_ipam_conf;
struct bw_ipam;

/**
 * bw_ipam_conf_parse() - read and check the `ipam` object, the wishes and runtimeConfig of a
 * request
 * @req: borrowed for the conf's life
 * @lenient: for DEL and GC: keep what can be understood (dataDir, domain), never fail on bad values
 * @ret: owned by the caller
 *
 * A configuration without `ipam` (or with an empty one) gives a conf without range sets: the
 * attachment is journalled, no address is picked.
 * Return: 0; -EINVAL class INVALID; -EOPNOTSUPP class UNSUPPORTED; -ENOMEM.
 */
int bw_ipam_conf_parse(const struct bw_cni_request *req, int lenient, struct bw_ipam_conf **ret,
		       struct bw_err *err);
void bw_ipam_conf_free(struct bw_ipam_conf **conf);

/*
 * The same for barewire-ipam itself: `ipam` is its own whatever ipam.type is called. Return: as
 * bw_ipam_conf_parse().
 */
int bw_ipam_conf_parse_delegate(const struct bw_cni_request *req, int lenient,
				struct bw_ipam_conf **ret, struct bw_err *err);

/* The L2 domain: `domain`, else the network's name. Borrowed. */
const char *bw_ipam_conf_domain(const struct bw_ipam_conf *conf);

/* The MAC a matching reservation brings; NULL when none does. Borrowed. */
const struct bw_mac *bw_ipam_conf_mac(const struct bw_ipam_conf *conf);

/**
 * bw_ipam_open() - open the journals the configuration names
 * @conf: borrowed for the handle's life
 * @ret: owned by the caller
 *
 * ADD makes the file when there is none, the other verbs do not. With STATUS every failure is of
 * class UNAVAILABLE.
 * Return: 0; -errno: class BUSY when locked for too long, INTERNAL with the repair command when
 * corrupt (-EBADMSG) or of a newer major version (-EPROTONOSUPPORT).
 */
int bw_ipam_open(const struct bw_ipam_conf *conf, struct bw_ipam **ret, struct bw_err *err);
void bw_ipam_close(struct bw_ipam **ipam);

/*
 * The journal that holds this network's attachments, and the node's own. Borrowed; may be equal.
 * NULL where there is no file and the verb makes none; every function here takes that as empty.
 */
struct bw_journal *bw_ipam_journal(struct bw_ipam *ipam);
struct bw_journal *bw_ipam_node_journal(struct bw_ipam *ipam);

/**
 * bw_ipam_node_journal_open() - the same, opened when first asked for
 * @ipam: open handle
 * @ret: borrowed; NULL where there is no file and the verb makes none
 *
 * bw_ipam_node_journal() gives NULL where this fails. Return: 0; -errno as bw_journal_open().
 */
int bw_ipam_node_journal_open(struct bw_ipam *ipam, struct bw_journal **ret, struct bw_err *err);

/**
 * bw_ipam_who() - what a request says of its attachment
 * @req: of ADD: it has container, namespace and interface
 * @program: "barewire-bridge", ...
 * @ret: zeroed first; the namespace's cookie and what the kernel side adds is the caller's
 *
 * Return: 0; -errno of bw_boot_id(); -ENAMETOOLONG class ENVIRONMENT for CNI_NETNS.
 */
int bw_ipam_who(const struct bw_cni_request *req, const char *program, struct bw_attachment *ret,
		struct bw_err *err);

/* What the takeover of a stale holder needs from the plugin that owns the kernel side. */
typedef int (*bw_ipam_finish_fn)(const struct bw_attachment *stale, void *arg, struct bw_err *err);

/**
 * bw_ipam_add() - journal an attachment and give it its addresses
 * @ipam: open handle
 * @who: the attachment; .state is ignored, the row is written as Adding
 * @finish: called, outside any transaction, for each stale holder of a wanted address; NULL = none
 * @arg: for @finish
 * @result: ips (interface BW_CNI_NO_IF), routes and dns are appended
 *
 * Return: 0; -EEXIST class INVALID: (container, ifname) is attached already; -EBUSY class BUSY: an
 * address is held or cooling for somebody else, named; -ENOSPC class BUSY: a range set is
 * exhausted; -EINVAL class INVALID: a wish cannot be met; -errno of the journal.
 */
int bw_ipam_add(struct bw_ipam *ipam, const struct bw_attachment *who, bw_ipam_finish_fn finish,
		void *arg, struct bw_cni_result *result, struct bw_err *err);

/* Stores host_if, bridge, vlan, mac, flags of an Adding row. 0; -ENOENT; -errno. */
int bw_ipam_update(struct bw_ipam *ipam, const struct bw_attachment *who, struct bw_err *err);

/* Adding -> Live. 0; -ECANCELED class BUSY: a DEL came meanwhile, undo; -errno. */
int bw_ipam_live(struct bw_ipam *ipam, const char *container_id, const char *ifname,
		 struct bw_err *err);

/**
 * bw_ipam_update_live() - bw_ipam_update() and bw_ipam_live() in one transaction
 * @ipam: open handle
 * @who: as it is now
 *
 * Return: 0; -ECANCELED class BUSY: a DEL came meanwhile, nothing was stored, undo; -ENOENT;
 * -errno.
 */
int bw_ipam_update_live(struct bw_ipam *ipam, const struct bw_attachment *who, struct bw_err *err);

/*
 * Undo of bw_ipam_add(): removes the Adding (or Deleting) row and its addresses, no cooldown.
 * Return: 0; -errno.
 */
int bw_ipam_abort(struct bw_ipam *ipam, const char *container_id, const char *ifname,
		  struct bw_err *err);

/**
 * bw_ipam_del_begin() - mark an attachment Deleting and read it
 * @ipam: open handle
 * @container_id: as the runtime names it
 * @ifname: likewise
 * @ret: filled when there is one
 * Return: 1 there is one, 0 there is none; -errno.
 */
int bw_ipam_del_begin(struct bw_ipam *ipam, const char *container_id, const char *ifname,
		      struct bw_attachment *ret, struct bw_err *err);

/*
 * Removes the row; its addresses are freed or start to cool. Return: 0 also when there is none;
 * -errno.
 */
int bw_ipam_del_finish(struct bw_ipam *ipam, const char *container_id, const char *ifname,
		       struct bw_err *err);

/**
 * bw_ipam_check() - compare the journal with the result of the ADD
 * @ipam: open handle
 * @container_id: as the runtime names it
 * @ifname: likewise
 * @prev: prevResult
 *
 * Every address held by the attachment is in @prev, and those of @prev that lie in a range set are
 * held by it.
 * Return: 0; -ENOENT class INVALID: no such attachment, or not Live; -EINVAL class INVALID.
 */
int bw_ipam_check(struct bw_ipam *ipam, const char *container_id, const char *ifname,
		  const struct bw_cni_result *prev, struct bw_err *err);

/**
 * bw_ipam_gc() - remove every attachment of this network that is not valid
 * @ipam: open handle
 * @valid: what the runtime still knows
 * @finish: takes the kernel side of one down first; NULL = none; a row whose @finish fails stays
 * @arg: for @finish
 * @ret_removed: how many rows went; NULL = not wanted
 *
 * Goes on after a failure. Return: 0; the first -errno, with how many failed in the details.
 */
int bw_ipam_gc(struct bw_ipam *ipam, const struct bw_cni_valid *valid, bw_ipam_finish_fn finish,
	       void *arg, unsigned int *ret_removed, struct bw_err *err);

/**
 * bw_ipam_status() - could an ADD use the journal
 *
 * Changes nothing. An exhausted pool is no failure: a runtime would take the node out of service.
 * Return: 0; -errno class UNAVAILABLE.
 */
int bw_ipam_status(struct bw_ipam *ipam, struct bw_err *err);

/**
 * bw_ipam_stale() - has the container of a row ceased to exist
 * @a: row of a journal
 * @boot_id: this boot's
 *
 * Return: 1 when the row is of another boot or its network namespace is gone; 0 when it lives or
 * it cannot be said.
 */
int bw_ipam_stale(const struct bw_attachment *a, const char *boot_id);
