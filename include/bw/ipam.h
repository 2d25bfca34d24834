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
 * bw_ipam_conf_parse() - read and check the `ipam` object, the wishes and runtimeConfig of a request
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

/* The L2 domain: `domain`, else the network's name. Borrowed. */
const char *bw_ipam_conf_domain(const struct bw_ipam_conf *conf);

/* The MAC a matching reservation brings; NULL when none does. Borrowed. */
const struct bw_mac *bw_ipam_conf_mac(const struct bw_ipam_conf *conf);

/**
 * bw_ipam_open() - open the journals the configuration names
 * @conf: borrowed for the handle's life
 *
 * Return: 0; -errno: class BUSY when locked for too long, INTERNAL with the repair command when
 * corrupt or of a newer major version.
 */
int bw_ipam_open(const struct bw_ipam_conf *conf, struct bw_ipam **ret, struct bw_err *err);
void bw_ipam_close(struct bw_ipam **ipam);

/* The journal that holds this network's attachments, and the node's own. Borrowed; may be equal. */
struct bw_journal *bw_ipam_journal(struct bw_ipam *ipam);
struct bw_journal *bw_ipam_node_journal(struct bw_ipam *ipam);

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

/* Undo of bw_ipam_add(): removes the Adding (or Deleting) row and its addresses, no cooldown. */
int bw_ipam_abort(struct bw_ipam *ipam, const char *container_id, const char *ifname,
                  struct bw_err *err);

/**
 * bw_ipam_del_begin() - mark an attachment Deleting and read it
 * @ret: filled when there is one
 * Return: 1 there is one, 0 there is none; -errno.
 */
int bw_ipam_del_begin(struct bw_ipam *ipam, const char *container_id, const char *ifname,
                      struct bw_attachment *ret, struct bw_err *err);

/* Removes the row; its addresses are freed or start to cool. 0 also when there is none; -errno. */
int bw_ipam_del_finish(struct bw_ipam *ipam, const char *container_id, const char *ifname,
                       struct bw_err *err);
