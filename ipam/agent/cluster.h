/* SPDX-License-Identifier: Apache-2.0 */
/* Which cluster this is: its version, its epoch, and which Node it takes this one for. */
#pragma once

#include <stdint.h>

#include <bw/defs.h>

struct agent;
struct agent_cluster;
struct bw_err;

struct agent_cluster_ops {
	/* The server is older than what the product needs. Once, as the next. */
	void (*too_old)(const char *why, void *arg);
	/* It is not: its release is 1.@minor. */
	void (*version)(unsigned int minor, void *arg);
	/* The Node of this agent's token is known now, or another one: a->node_uid. */
	void (*renamed)(void *arg);
	/* The epoch went back, or has gone on since: a->restore_suspected. */
	void (*suspects)(void *arg);
	/*
	 * What was watched until now may be of a future that never was. Once for each restore that
	 * the epoch's object tells of, be it long over.
	 */
	void (*restored)(void *arg);
};

/**
 * agent_cluster_new() - begin to ask, and to watch the epoch
 * @a: with its stores
 * @ops: what is told; borrowed
 * @arg: for @ops
 * @ret: owned by the caller
 *
 * A server that does not answer is asked again: the journal serves meanwhile.
 * Return: 0; -ENOMEM; -errno of the journal.
 */
int agent_cluster_new(struct agent *a, const struct agent_cluster_ops *ops, void *arg,
		      struct agent_cluster **ret, struct bw_err *err);
/**
 * agent_cluster_doubt() - a claim is held by another Node of this node's name
 * @c: asks who it is sooner, for a while: the kubelet may have a newer token for it already
 *
 * Where a Node was deleted and its kubelet registered again, only a token that was made after that
 * has the new Node's UID. NULL-safe.
 */
void agent_cluster_doubt(struct agent_cluster *c);
/*
 * What the node publishes: the first epoch since the agent's start; once it knows of a later one
 * than the API server, the highest of all, which tells a leader how far it was.
 */
uint64_t agent_cluster_epoch(const struct agent *a);
/* Cancels what is in flight. NULL-safe. */
void agent_cluster_free(struct agent_cluster **c);
