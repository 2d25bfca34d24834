/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attachments whose pool says `fencing: Available`: their claim may go elsewhere when this node's
 * Node object is deleted and a probe finds nobody. The probe finds nobody only while this node's
 * cable is out, so that is when they are held: cut off, until the cluster confirms them.
 *
 * I1 Held is who has neither carrier nor, since then, an answer of the API server. Whoever has a
 *    carrier is not held because the API server is silent, and Strict ones are never held.
 * I2 A hold outlives the return of the carrier. It ends when a live read of the claim says that
 *    nothing changed (stale.h); or, while no answer comes, when the segment was asked for the
 *    addresses in three rounds and nobody had them.
 *    A carrier that went while no agent ran, which the kernel's count tells the next one, counts
 *    as I3 does.
 * I3 Somebody else's frame with an address of such an attachment counts as the loss of the carrier.
 */
#pragma once

#include <bw/defs.h>

struct agent;
struct agent_guard;
struct agent_member;
struct bw_err;

#define AGENT_GUARD_ANSWER_MS 1500 /* an API server that does not answer so soon is not there */
#define AGENT_GUARD_ASK_MS 2000 /* between two questions while there is no carrier */
#define AGENT_GUARD_ROUND_MS 12000 /* three of them: longer than a switch's forward delay, 30 s */
#define AGENT_GUARD_ROUNDS 3
#define AGENT_GUARD_LISTEN_MS 1000

int agent_guard_new(struct agent *a, struct agent_guard **ret, struct bw_err *err);
/* Cancels what is in flight; what is held stays so. NULL-safe. */
void agent_guard_free(struct agent_guard **g);

/* A carrier, or an attachment, may be another than before. */
void agent_guard_look(struct agent_guard *g);

/* Somebody else uses an address of @m, whose fencing is Available (I3). */
void agent_guard_doubt(struct agent_guard *g, struct agent_member *m);

/**
 * agent_guard_may_mend() - whether an attachment that is cut off may speak again
 * @id: its row
 * @live: the claim was read from the API server just now, no copy of it
 *
 * Return: 1; 0 it is held, and this is no answer that ends it.
 */
int agent_guard_may_mend(struct agent_guard *g, int64_t id, int live);

/* A live answer has settled how it stands: it is no longer held. 1 it was; 0. */
int agent_guard_settle(struct agent_guard *g, int64_t id);
