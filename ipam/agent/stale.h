/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attachments that outlived their right: the claim is held under a higher token, or by a Node that
 * is not this one any more. They are cut off first and reported after.
 *
 * I1 Only an answer of the API server about that very claim (its UID) cuts; silence never does.
 * I2 A claim that the API server does not know is no reason to cut: that is how a restore of an
 *    older state looks. It is reported as such.
 */
#pragma once

#include <bw/defs.h>

struct agent;
struct agent_stale;
struct bw_err;
struct bw_net_claim;

#define AGENT_STALE_ASK_MAX 64 /* claims asked for at once; more wait */

int agent_stale_new(struct agent *a, struct agent_stale **ret, struct bw_err *err);
/* Cancels what is in flight. NULL-safe. */
void agent_stale_free(struct agent_stale **s);

/* The API server says how this claim stands: its attachments here are judged by it. */
void agent_stale_claim(struct agent_stale *s, const struct bw_net_claim *c);

/* This claim is not held here any more, or is gone: asks which, and judges by the answer. */
void agent_stale_ask(struct agent_stale *s, const char *uid, const char *ns, const char *name);

/**
 * agent_stale_judge() - whether an attachment under @token may go on (pure)
 * @c: its claim
 * @node: this node's name
 * @node_uid: of its Node; "" = unknown
 * @token: of the attachment
 *
 * Return: NULL it may; else why not, one static sentence.
 */
const char *agent_stale_judge(const struct bw_net_claim *c, const char *node, const char *node_uid,
			      uint64_t token);
