/* SPDX-License-Identifier: Apache-2.0 */
/* Which cluster this is: its version, its epoch, and which Node it takes this one for. */
#pragma once

#include <bw/defs.h>

struct agent;
struct agent_cluster;
struct bw_err;

struct agent_cluster_ops {
	/* The server is older than what the product needs. */
	void (*too_old)(const char *why, void *arg);
	/* It is not: its release is 1.@minor. */
	void (*version)(unsigned int minor, void *arg);
};

/**
 * agent_cluster_new() - begin to ask, and to watch the epoch
 * @a: with its stores
 * @ops: what is told, once each; borrowed
 * @arg: for @ops
 * @ret: owned by the caller
 *
 * A server that does not answer is asked again: the journal serves meanwhile.
 * Return: 0; -ENOMEM; -errno of the journal.
 */
int agent_cluster_new(struct agent *a, const struct agent_cluster_ops *ops, void *arg,
		      struct agent_cluster **ret, struct bw_err *err);
/* Cancels what is in flight. NULL-safe. */
void agent_cluster_free(struct agent_cluster **c);
