/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Telling the segment who has an address now: gratuitous ARP (request and reply) and unsolicited
 * neighbour advertisements with the override flag. Frames are built purely; one burst sends them.
 */
#pragma once

#include <bw/defs.h>
#include <bw/ip.h>

struct bw_err;
struct bw_netns;

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

/**
 * bw_announce_open() - a socket to announce with
 * @ns: where the device is; NULL = the caller's
 * @ret_fd: owned by the caller; AF_PACKET, receives nothing
 *
 * Return: 0; -errno.
 */
int bw_announce_open(const struct bw_netns *ns, int *ret_fd, struct bw_err *err);

/**
 * bw_announce_burst() - two ARP frames per IPv4 address, one NA per IPv6 address, in one
 * sendmmsg(2)
 * @fd: of bw_announce_open()
 * @ifindex: device that has the addresses, in that namespace
 * @mac: its MAC
 * @ips: its addresses
 * @n: how many, at most BW_ANNOUNCE_ADDRS_MAX
 *
 * Return: 0; -ENETDOWN the device is down; -errno.
 */
int bw_announce_burst(int fd, int ifindex, const struct bw_mac *mac, const struct bw_ip *ips,
		      size_t n, struct bw_err *err);
