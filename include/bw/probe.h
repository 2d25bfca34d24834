/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asking the segment whether an address is in use, without having it: ARP probe from 0.0.0.0
 * (RFC 5227 section 2.1.1), neighbour solicitation from :: (RFC 4862 section 5.4).
 */
#pragma once

#include <bw/defs.h>
#include <bw/ip.h>

struct bw_err;
struct bw_netns;

#define BW_PROBE_ADDRS_MAX 16
#define BW_PROBE_MS_DEFAULT 100 /* an answer on a LAN comes within 20 to 50 ms */
#define BW_PROBE_MS_MAX 10000
#define BW_PROBES_MAX 2 /* side by side */

/* What to ask, where. */
struct bw_probe {
	const struct bw_netns *ns; /* of the device; NULL = the caller's */
	int ifindex; /* must be up */
	struct bw_mac mac; /* the frames' source; answers and probes from it are our own */
	struct bw_mac also; /* another MAC of ours: its probes are our own; zero = none */
	uint16_t vlan; /* tag put on the frames and wanted on answers; 0 = untagged */
	uint8_t untagged_out; /* send untagged: the device's egress puts the tag on by itself */
	const struct bw_ip *ips;
	size_t n_ips; /* at most BW_PROBE_ADDRS_MAX */
	int listen_ms; /* 1..BW_PROBE_MS_MAX; 0 = BW_PROBE_MS_DEFAULT */
};

/* Who answered. */
struct bw_probe_answer {
	struct bw_ip ip;
	struct bw_mac mac;
};

/**
 * bw_probe_run() - send one probe per address, twice, and listen
 * @p: what to ask
 * @ret: filled with the first conflict
 *
 * Somebody else probing for the same address at the same time counts as an answer. Returns early on
 * a conflict, else after listen_ms.
 * Return: 1 an address is in use; 0 nobody answered; -ENETDOWN; -errno.
 */
int bw_probe_run(const struct bw_probe *p, struct bw_probe_answer *ret, struct bw_err *err);

/**
 * bw_probe_run_all() - several probes side by side, in the time of the longest
 * @ps: what to ask, where
 * @n: 1..BW_PROBES_MAX
 * @ret: filled with the first conflict
 *
 * Who moves an address with its MAC asks from another MAC too: the answer to the address's own MAC
 * goes nowhere, since a switch never sends a frame back to where its source is.
 * Return: as bw_probe_run().
 */
int bw_probe_run_all(const struct bw_probe *ps, size_t n, struct bw_probe_answer *ret,
		     struct bw_err *err);

/**
 * bw_probe_match() - does this frame say that somebody has one of the addresses (pure)
 * @p: what was asked
 * @frame: from the Ethernet header on, tag removed
 * @size: its bytes
 * @ret: filled on a match
 *
 * Return: 1 and @ret filled; 0.
 */
int bw_probe_match(const struct bw_probe *p, const void *frame, size_t size,
		   struct bw_probe_answer *ret);
