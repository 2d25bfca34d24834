/* SPDX-License-Identifier: Apache-2.0 */
/* CHECK of what every interface plugin has made: its interface in the container, addresses, routes.
 */
#pragma once

#include <bw/cni_request.h>
#include <bw/cni_result.h>
#include <bw/drift.h>
#include <bw/link.h>
#include <bw/netns.h>

struct bw_attachment;
struct bw_err;
struct bw_ipam;
struct bw_nl;

struct bw_check {
	const struct bw_cni_request *req; /* borrowed */
	struct bw_cni_result prev;
	struct bw_netns ns; /* the container's */
	struct bw_nl *nl; /* route socket there */
	struct bw_link pod; /* req->ifname there; ifindex 0 = it is not there */
	struct bw_drift drift;
};

#define BW_CHECK_NONE ((struct bw_check){ .ns = BW_NETNS_NONE })

/**
 * bw_check_open() - read prevResult and open the container's namespace
 * @c: BW_CHECK_NONE; bw_check_done() frees it also after a failure
 * @req: borrowed
 *
 * Return: 0; -EINVAL class INVALID without a prevResult; -errno of bw_netns_open().
 */
int bw_check_open(struct bw_check *c, const struct bw_cni_request *req, struct bw_err *err);

/* Frees what there is. */
void bw_check_done(struct bw_check *c);

/* Reads the container's interface into .pod. 0, also when it is not there; -errno. */
int bw_check_read_pod(struct bw_check *c, struct bw_err *err);

/**
 * bw_check_if() - compare what prevResult says of an interface with what is there
 * @c: .drift gets what differs
 * @link: as it is; ifindex 0 = missing
 * @name: as prevResult calls it
 * @in_sandbox: whether it is the container's
 * @may_be_down: that it is down is no difference
 *
 * The MTU of a bridge is not compared: it follows its ports'.
 */
void bw_check_if(struct bw_check *c, const struct bw_link *link, const char *name, int in_sandbox,
		 int may_be_down);

/* Whether an address of prevResult is the container interface's, not another plugin's. */
int bw_check_is_ours(const struct bw_check *c, const struct bw_cni_ip *ip);

/* Addresses and routes of prevResult; what others added is none of our business. 0; -errno. */
int bw_check_layer3(struct bw_check *c, struct bw_err *err);

/**
 * bw_check_ipam() - the IPAM's word: it knows who holds the addresses
 * @c: .drift gets what the journal finds
 * @ipam: open
 * @att: as the request names it
 * @foreign: a foreign IPAM plugin to be asked too; NULL = none
 *
 * Return: 0; the delegate's own error; -errno of the journal.
 */
int bw_check_ipam(struct bw_check *c, struct bw_ipam *ipam, const struct bw_attachment *att,
		  const char *foreign, struct bw_err *err);
