/* SPDX-License-Identifier: Apache-2.0 */
/* Routes: plain ones as values; foreign ones moved from device to device with all they carry. */
#pragma once

#include <bw/defs.h>
#include <bw/ip.h>

struct bw_err;
struct bw_nl;
struct bw_nl_batch;
struct nlmsghdr;

#define BW_ROUTE_MSG_MAX 2048 /* bytes of one route message; with 32 next hops it is below 1200 */

/* What a plugin itself sets. 0 (or family 0) means not said, but for .scope. */
struct bw_route {
	struct bw_prefix dst;
	struct bw_ip gw;
	struct bw_ip src; /* preferred source */
	int ifindex; /* 0 = none (a blackhole) */
	uint32_t table; /* 0 = main */
	uint32_t metric;
	uint32_t mtu;
	uint32_t advmss;
	int16_t scope; /* RT_SCOPE_*; -1 = link without a gateway, else universe */
	uint8_t proto; /* RTPROT_*; 0 = boot */
	uint8_t type; /* RTN_*; 0 = unicast */
	uint8_t onlink; /* the gateway is reachable though no route says so */
};

/* Reads one RTM_NEWROUTE; of several next hops the first. 0; -EPROTO. */
int bw_route_parse(const struct nlmsghdr *nlh, struct bw_route *ret);

/* Adds; fails with EEXIST. */
void bw_route_put_add(struct bw_nl_batch *b, const struct bw_route *r);

/* Adds, or replaces the one with the same destination, table and metric. */
void bw_route_put_replace(struct bw_nl_batch *b, const struct bw_route *r);

/* Adds, IPv4: before others of the same destination and metric, IPv6: beside them. Fails with
 * EEXIST for the very same route only. */
void bw_route_put_beside(struct bw_nl_batch *b, const struct bw_route *r);

/* Removes; ESRCH is tolerated. */
void bw_route_put_del(struct bw_nl_batch *b, const struct bw_route *r);

/**
 * bw_route_put_get() - ask which route a packet to an address would take
 * @b: batch
 * @ip: the destination
 * @ret: filled by the batch's talk; untouched when there is none. Lives until then
 *
 * No route is no failure of the batch. An address of the namespace's own says RTN_LOCAL in .type.
 */
void bw_route_put_get(struct bw_nl_batch *b, const struct bw_ip *ip, struct bw_route *ret);

/*
 * Routes of one family (AF_UNSPEC = both), all tables, that leave by one device (0 = any), next
 * hops of multipath routes included; cached and cloned ones left out. @nlh is the whole message.
 */
struct bw_route_visitor {
	void (*reset)(void *arg);
	int (*visit)(const struct nlmsghdr *nlh, const struct bw_route *route, void *arg,
		     struct bw_err *err);
	void *arg;
};
/* Return: 0; what @visit returned; -errno. */
int bw_route_list(struct bw_nl *nl, int ifindex, int family, const struct bw_route_visitor *v,
		  struct bw_err *err);

/**
 * bw_route_put_record() - a route as it is to be recorded: without what only the kernel sets
 * @b: batch; the message is not to be sent
 * @nlh: RTM_NEWROUTE as the kernel gave it
 *
 * The same route gives the same bytes. Return: 0; -EPROTO it is malformed or too long.
 */
int bw_route_put_record(struct bw_nl_batch *b, const struct nlmsghdr *nlh);

/**
 * bw_route_put_moved() - add a recorded route again, by another device
 * @b: batch
 * @nlh: RTM_NEWROUTE as it was recorded; every attribute is kept but read-only ones
 * @from: ifindex that is replaced, in RTA_OIF and in every next hop
 * @to: ifindex put in its place; may equal @from
 *
 * It is appended after routes of the same destination and metric, as it was. A nexthop object
 * (RTA_NH_ID) is bound to its device: by another device it is replaced by what it stands for; by
 * the same one it is used again if it is still there, which takes a second message. An expiry is
 * dropped: the route stays. EEXIST is tolerated: it was there already.
 * Return: 0; -EPROTO the message is malformed, nothing was put.
 */
int bw_route_put_moved(struct bw_nl_batch *b, const struct nlmsghdr *nlh, int from, int to);

/**
 * bw_route_put_del_recorded() - remove a route exactly as it was recorded
 * @b: batch
 * @nlh: RTM_NEWROUTE
 * @from: ifindex in the record
 * @to: ifindex it has now
 *
 * ESRCH is tolerated. Return: 0; -EPROTO the message is malformed, nothing was put.
 */
int bw_route_put_del_recorded(struct bw_nl_batch *b, const struct nlmsghdr *nlh, int from, int to);

/* Whether the kernel makes this route from an address, in its own table: never to be moved. */
int bw_route_is_kernels(const struct bw_route *r);
