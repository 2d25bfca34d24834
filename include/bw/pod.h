/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pod's side of an ADD: its namespace, the sockets in it, and the interface that gets the
 * addresses. Whoever makes or moves the interface fills in ifindex and mac.
 */
#pragma once

#include <bw/defs.h>
#include <bw/ip.h>
#include <bw/netns.h>
#include <bw/plugin_conf.h>

struct bw_err;
struct bw_ipam_conf;
struct bw_nl;
struct bw_own;
struct bw_probe;

struct bw_pod {
	struct bw_netns ns; /* owned */
	struct bw_nl *nl; /* route socket there, owned; it knows the namespace's cookie */
	int announce_fd; /* of bw_announce_open() there, owned; -1 = none */
	const char *ifname; /* borrowed */
	int ifindex;
	struct bw_mac mac;
	uint8_t enable_dad; /* addresses are used when duplicate detection has ended */
};

#define BW_POD_NONE ((struct bw_pod){ .ns = BW_NETNS_NONE, .announce_fd = -1 })

/**
 * bw_pod_open() - open the namespace and, in one visit to it, the sockets there
 * @pod: BW_POD_NONE; bw_pod_close() frees it also after a failure
 * @path: of the namespace
 * @announces: whether bw_pod_announce() will be called
 *
 * Return: 0; -errno of bw_netns_open(), bw_nl_open().
 */
int bw_pod_open(struct bw_pod *pod, const char *path, int announces, struct bw_err *err);

/* Closes what is open. */
void bw_pod_close(struct bw_pod *pod);

/* Before the process ends: the kernel closes what is open in no system call. */
void bw_pod_leave(struct bw_pod *pod);

/* The interface up, with no address yet. 0; -errno. */
int bw_pod_up(struct bw_pod *pod, struct bw_err *err);

/**
 * bw_pod_configure() - the interface up, its own addresses and routes
 * @pod: with ifindex, mac
 * @own: what it is given; no addresses is fine
 *
 * One batch; a second one only where IPv6 was disabled in the namespace: it is enabled then. A
 * route without a gateway takes that of the first address of its family.
 * Return: 0; -errno.
 */
int bw_pod_configure(struct bw_pod *pod, const struct bw_own *own, struct bw_err *err);

/**
 * bw_pod_dad_wait() - wait until no address is tentative
 * @pod: configured
 * @segment: for the error: where the addresses are
 *
 * No lock may be held. Waits for the kernel's events.
 * Return: 0; -EADDRINUSE class BUSY naming the address; -ETIMEDOUT class BUSY after 10 s; -errno.
 */
int bw_pod_dad_wait(const struct bw_pod *pod, const char *segment, struct bw_err *err);

/**
 * bw_pod_local_wait() - wait until packets to its own addresses are taken
 * @pod: configured
 * @own: the addresses; nothing is asked without an IPv6 one
 *
 * The kernel makes the local route of an IPv6 address from a work queue, also without duplicate
 * detection; what comes before it is dropped. No lock may be held.
 * Return: 0; -ETIMEDOUT class BUSY after 10 s; -errno.
 * Source: linux net/ipv6/addrconf.c, addrconf_dad_start(), addrconf_dad_completed().
 */
int bw_pod_local_wait(const struct bw_pod *pod, const struct bw_own *own, struct bw_err *err);

/**
 * bw_pod_probe() - ask the segment for its own addresses before they are used
 * @pod: the interface is up
 * @own: the addresses; without any nothing is asked
 * @mode: BW_PROBE_WARN logs, BW_PROBE_ENFORCE refuses, BW_PROBE_OFF does not ask
 * @segment: for the error
 * @outside: asks side by side, from a MAC and a device of the host's: who has the address with the
 * pod's own MAC, since it moved here, is found only so; .ips is not looked at; NULL = nothing
 *
 * Waits for answers: no lock may be held.
 * Return: 0; -EADDRINUSE class BUSY naming address and MAC; -errno.
 */
int bw_pod_probe(const struct bw_pod *pod, const struct bw_own *own, enum bw_probe_mode mode,
		 const char *segment, const struct bw_probe *outside, struct bw_err *err);

/* Tells the segment who has its own addresses now. 0, also without any; -errno. */
int bw_pod_announce(const struct bw_pod *pod, const struct bw_own *own, struct bw_err *err);

/**
 * bw_pod_mac_choose() - which MAC a made interface gets
 * @declared: NULL = none
 * @conf: a reservation may bring one, and it names the domain
 * @own: its first address makes the MAC; NULL = a random one is wanted
 * @ret: the declared one, else the reserved one, else the address's, else a random one
 *
 * Return: 0; -errno of the random source.
 */
int bw_pod_mac_choose(const struct bw_mac *declared, const struct bw_ipam_conf *conf,
		      const struct bw_own *own, struct bw_mac *ret, struct bw_err *err);
