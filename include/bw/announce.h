/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Telling the segment who has an address now: gratuitous ARP and unsolicited neighbour
 * advertisements with the override flag. And the frames of probes, built purely.
 */
#pragma once

#include <bw/defs.h>
#include <bw/ip.h>

struct bw_err;
struct bw_netns;
struct bw_nl;
struct bw_nl_batch;

#define BW_ANNOUNCE_ADDRS_MAX 16
#define BW_FRAME_MAX                                                                               \
	128 /* bytes of the longest frame built here: 802.1Q, IPv6, ND with one option */

/* A frame under construction; @vlan is put in-band when not 0. */
struct bw_frame {
	size_t size;
	uint8_t data[BW_FRAME_MAX];
};

/* ARP; @op 1 request, 2 reply (RFC 826). @spa and @tpa are IPv4. @dst is the frame's destination.
 */
struct bw_frame_arp {
	struct bw_mac dst;
	struct bw_mac sha;
	struct bw_mac tha;
	struct bw_ip spa;
	struct bw_ip tpa;
	uint16_t op;
	uint16_t vlan;
};
void bw_frame_arp(struct bw_frame *f, const struct bw_frame_arp *a);

/* Unsolicited neighbour advertisement to all nodes: override, target link-layer option (RFC 4861).
 */
void bw_frame_na(struct bw_frame *f, const struct bw_mac *mac, const struct bw_ip *ip,
		 uint16_t vlan);

/* Neighbour solicitation from :: to the solicited-node group, as duplicate detection sends it. */
void bw_frame_ns_probe(struct bw_frame *f, const struct bw_mac *mac, const struct bw_ip *ip,
		       uint16_t vlan);

/* Internet checksum over an ICMPv6 message with its pseudo header (RFC 8200 section 8.1). */
uint16_t bw_frame_icmp6_sum(const uint8_t src[16], const uint8_t dst[16], const void *msg,
			    size_t size);

/*
 * Nothing here opens a packet socket: closing one waits for an RCU grace period, milliseconds at
 * the end of every ADD. Requests are the kernel's own, advertisements leave by a raw ICMPv6 socket.
 */

/**
 * bw_announce_open() - a socket for neighbour advertisements
 * @ns: where the device is; NULL = the caller's
 * @ret_fd: owned by the caller; raw ICMPv6; -1 on a kernel without IPv6
 *
 * Return: 0; -errno.
 */
int bw_announce_open(const struct bw_netns *ns, int *ret_fd, struct bw_err *err);

/**
 * bw_announce_put_arp() - have the kernel send a gratuitous ARP request for each IPv4 address
 * @b: batch of a route socket in the device's namespace
 * @ifindex: device that has the addresses and is up
 * @mac: the MAC it has: writing it anew is the event the kernel announces at
 *
 * Leaves arp_notify set on the device, as the reference plugins do.
 * Source: inetdev_event() in net/ipv4/devinet.c, NETDEV_CHANGEADDR; RFC 5227 section 2.3.
 */
void bw_announce_put_arp(struct bw_nl_batch *b, int ifindex, const struct bw_mac *mac);

/**
 * bw_announce_burst() - ARP for the device's IPv4 addresses, one NA per IPv6 address
 * @nl: route socket in the device's namespace, borrowed
 * @fd: of bw_announce_open()
 * @ifindex: device that has the addresses, in that namespace
 * @mac: its MAC
 * @ips: its addresses; IPv6 ones must be assigned and not tentative
 * @n: how many, at most BW_ANNOUNCE_ADDRS_MAX
 *
 * The kernel forgets the device's neighbours, permanent ones too: see bw_announce_again().
 * Return: 0; -ENETDOWN the device is down; -EINVAL an IPv6 address is not there; -errno.
 */
int bw_announce_burst(struct bw_nl *nl, int fd, int ifindex, const struct bw_mac *mac,
		      const struct bw_ip *ips, size_t n, struct bw_err *err);

/*
 * bw_announce_burst() for a device that is in use: its permanent neighbours, at most
 * BW_ANNOUNCE_KEEP_MAX of them, are put back at once. Return: as that.
 */
#define BW_ANNOUNCE_KEEP_MAX 32
int bw_announce_again(struct bw_nl *nl, int fd, int ifindex, const struct bw_mac *mac,
		      const struct bw_ip *ips, size_t n, struct bw_err *err);
