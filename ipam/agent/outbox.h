/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The journal's acknowledgements on their way to the cluster: a merge patch of the claim's status
 * for each, in the order they were made, one at a time.
 *
 * I1 A row leaves the journal only when the cluster has it or can never take it.
 * I2 A patch names the claim's UID and writes the node's own two fields alone: sent twice it
 *    changes nothing, and it never meets another claim of the same name.
 * I3 "Given back" waits a moment, for a pod that is made again where it was takes it back; not when
 *    somebody waits for it.
 * I4 Nothing is sent unless the API server has just said that it is ready: once "given back" may
 *    have arrived no pod can be made again under its token, and an outage would keep the pod away.
 * I5 A "given back" that the policy refuses is dropped when a live read shows the claim held under
 *    a higher token: a fence has let it go, and nobody waits for this node's word.
 */
#pragma once

#include <bw/defs.h>

struct agent_outbox;
struct bw_err;
struct bw_journal;
struct bw_kube_client;
struct bw_loop;

#define AGENT_OUTBOX_HOLD_MS 2000 /* how long "given back" waits (I3) */
#define AGENT_OUTBOX_FRESH_MS 1000 /* how long "ready" counts (I4) */
#define AGENT_OUTBOX_BACKOFF_MIN_MS 200
#define AGENT_OUTBOX_BACKOFF_MAX_MS 15000
#define AGENT_OUTBOX_REFUSED_MS 5000 /* a row that was refused */
#define AGENT_OUTBOX_AGAIN_MS 60000 /* a look without being told */

/* Everything is borrowed for the outbox's life. */
struct agent_outbox_env {
	struct bw_loop *loop;
	struct bw_kube_client *client;
	struct bw_journal *journal;
	const char *node;
	/* Whether somebody waits for this claim's node to give it back: it is not held then. */
	int (*is_wanted)(const char *ns, const char *name, const char *uid, void *arg);
	void *arg;
};

/* For the metrics. */
struct agent_outbox_stat {
	uint64_t sent;
	uint64_t dropped; /* claims that are gone, tokens that are past */
	uint64_t failed; /* tries that will be repeated */
	unsigned int waiting; /* rows seen by the last look and not sent */
};

int agent_outbox_new(const struct agent_outbox_env *env, struct agent_outbox **ret,
		     struct bw_err *err);
/* Cancels what is in flight. NULL-safe. */
void agent_outbox_free(struct agent_outbox **o);

/* There may be something to send. Cheap; may come as often as one likes. */
void agent_outbox_kick(struct agent_outbox *o);

/* The cluster answers again: a back-off ends. */
void agent_outbox_online(struct agent_outbox *o);

const struct agent_outbox_stat *agent_outbox_stat(const struct agent_outbox *o);
