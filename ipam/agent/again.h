/* SPDX-License-Identifier: Apache-2.0 */
/* Acknowledgements that the cluster had and, restored from a backup, has no more. */
#pragma once

struct agent;
struct bw_kube_object;

/*
 * A claim of this node is new to us (@old NULL) or changed. What this node has acknowledged of its
 * token and the claim does not say, any more, goes into the outbox again: without it a claim that
 * was given back would wait for ever. It is true whatever the age of @now; should that be behind,
 * it costs a write that changes nothing.
 */
void agent_again_seen(struct agent *a, const struct bw_kube_object *old,
		      const struct bw_kube_object *now);
