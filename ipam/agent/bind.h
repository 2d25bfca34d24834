/* SPDX-License-Identifier: Apache-2.0 */
/* From what the cluster says to what this node does: segments, and the binding of an interface.
 * Pure. */
#pragma once

#include <gen/net.h>

#include <bw/binding.h>
#include <bw/defs.h>
#include <bw/ip.h>

#include "node.h"

struct bw_err;

#define AGENT_DOMAIN_MAX 63 /* characters */
#define AGENT_WHY_MAX 256

/* Everything a binding is made of besides the claim. Borrowed. */
struct agent_facts {
	const struct bw_net_pool *pools; /* by name */
	size_t n_pools;
	const struct bw_net_node *mapping; /* NULL = the administrator maps nothing */
	const struct agent_node *node;
	const struct bw_prefix *services;
	size_t n_services; /* at most BW_BINDING_NETS_MAX */
	uint64_t epoch;
};

/* How this node reaches a domain. */
struct agent_segment {
	char domain[AGENT_DOMAIN_MAX + 1];
	char uplink[BW_LINK_NAME_MAX + 1]; /* "" = none */
	char bridge[BW_LINK_NAME_MAX + 1]; /* "" = none */
	uint16_t vlan;
	uint8_t move_uplink_addresses;
	uint8_t needs_uplink; /* some pool of it attaches pods by us */
	uint8_t ready;
	const char *reason; /* not ready: one word, static */
	char message[AGENT_WHY_MAX]; /* not ready: for people */
};

/* The pool of that name; NULL = there is none. Borrowed. */
const struct bw_net_pool *agent_pool(const struct agent_facts *f, const char *name);

/* Fills @ret for a domain of one of the pools. */
void agent_segment(const struct agent_facts *f, const char *domain, struct agent_segment *ret);

/* A binding with room for what it refers to. Large: keep it on the heap. */
struct agent_bound {
	struct bw_binding b;
	struct agent_segment segment;
	struct bw_binding_ip ips[BW_BINDING_IPS_MAX];
	struct bw_binding_route routes[BW_BINDING_ROUTES_MAX];
	struct bw_prefix services[BW_BINDING_NETS_MAX];
	struct bw_ip node_ips[BW_BINDING_NETS_MAX];
};

/**
 * agent_bind() - the binding of one interface of a claim
 * @f: facts
 * @claim: with a holder; must outlive @ret
 * @iface: as the pod sees it
 * @ret: filled on success
 *
 * Return: 0; -EAGAIN class BUSY: no address yet, its pool is unknown here, the uplink is missing;
 * -EINVAL class INVALID: the claim has no such interface, or the cluster's values make no sense.
 */
int agent_bind(const struct agent_facts *f, const struct bw_net_claim *claim, const char *iface,
	       struct agent_bound *ret, struct bw_err *err);
