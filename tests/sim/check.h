/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The invariants of docs/design/ipam.md, seen from the store's and the nodes' truth; no cache, no
 * controller is asked.
 *
 * I1 in one domain an address belongs to at most one claim
 * I2 a claim has at most one address per interface and family, and keeps it
 * I3 an address is live on at most one node, and changes hands only when that is confirmed
 * I4 a release carries claim and token, and is refused when either is stale
 * I5 nothing that is in use is released
 * L1 when faults have ended, everything that can be bound is bound and every pod runs
 * L2 nothing leaks
 * L3 writes cease
 */
#pragma once

#include <bw/defs.h>

#include "world.h"

struct sim_check;

struct sim_check *sim_check_new(struct sim_world *w);
void sim_check_free(struct sim_check **c);

/* After each commit, and after each change of what is in the nodes' kernels. */
void sim_check_commit(struct sim_check *c, const struct sim_version *v, const char *by);
void sim_check_nodes(struct sim_world *w);
/* What is broken: "I3 text"; NULL = nothing. */
const char *sim_check_broken(const struct sim_check *c);
/* Breaks an invariant by name: for what the world itself finds. */
void sim_check_fail(struct sim_check *c, const char *fmt, ...) BW_PRINTF(2, 3);

/* The out-of-service taint of a Node comes or goes. */
void sim_check_fence(struct sim_check *c, const char *node_uid, int on);
/* The store went back in time: what was given away since then is unknown to it. */
void sim_check_restored(struct sim_check *c);

/* "domain/address" of a number. */
const char *sim_check_ip(const struct sim_check *c, sim_ip ip);
/* Numbers of the addresses that a claim's status lists; returns how many. */
unsigned int sim_check_ips(struct sim_world *w, const struct cJSON *claim, sim_ip ips[SIM_IPS_MAX]);
/* Whether a claim has a holder whose token nobody has given back. */
int sim_check_unspent(const struct sim_check *c, const struct sim_key *claim);
/* Whether an attachment with the claim's present token speaks on some node. */
int sim_check_live_token(struct sim_world *w, const struct sim_key *claim);

/* Why the cluster has not converged: "L1 text"; NULL = it has. */
const char *sim_check_converged(struct sim_check *c);
/* Commits that were neither a Lease nor the epoch nor an Event. */
uint64_t sim_check_writes(const struct sim_check *c);
