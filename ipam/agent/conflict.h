/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Listening for somebody else who uses an address of a live attachment: ARP frames whose sender is
 * that address and neighbour advertisements of it, as they arrive by the uplink. Probes are no use
 * of an address. The kernel hands up such frames alone.
 *
 * From another MAC it is told as an event on the claim and as a condition of the node, once in ten
 * seconds; the claim is asked for, and the address is defended by one announcement (RFC 5227
 * section 2.4, b).
 */
#pragma once

#include <bw/defs.h>

#include <linux/filter.h>

#include <bw/ip.h>

struct agent;
struct agent_conflict;
struct agent_member;
struct bw_err;

#define AGENT_CONFLICT_TELL_MS 10000 /* DEFEND_INTERVAL of RFC 5227 */
#define AGENT_CONFLICT_DOUBT_MS 1000 /* between two questions about one attachment */
#define AGENT_CONFLICT_LAST_MS 300000 /* how long the node's condition outlives the last frame */
#define AGENT_CONFLICT_IPS_MAX 1900 /* of a filter; with more every ARP frame is looked at */
#define AGENT_CONFLICT_INSNS_MAX 4096 /* BPF_MAXINSNS */

int agent_conflict_new(struct agent *a, struct agent_conflict **ret, struct bw_err *err);
/* NULL-safe. */
void agent_conflict_free(struct agent_conflict **c);

/* Attachments or devices may be others than before. NULL-safe. */
void agent_conflict_look(struct agent_conflict *c);

/* Asks the segment for a member's addresses, from 0.0.0.0 and ::. 0; -errno. */
int agent_conflict_probe(struct agent_conflict *c, const struct agent_member *m);

/* The last one as a sentence for people; NULL = none lately. Borrowed. */
const char *agent_conflict_last(struct agent_conflict *c);

/**
 * agent_conflict_filter() - the program that lets only frames about these addresses through (pure)
 * @ips: addresses, at most AGENT_CONFLICT_IPS_MAX; the last 32 bits of IPv6 ones count
 * @ret: room for AGENT_CONFLICT_INSNS_MAX instructions
 *
 * Return: how many instructions there are.
 */
size_t agent_conflict_filter(const struct bw_ip *ips, size_t n, struct sock_filter *ret);
