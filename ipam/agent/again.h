/* SPDX-License-Identifier: Apache-2.0 */
/* Acknowledgements that the cluster had and, restored from a backup, has no more. */
#pragma once

#include <gen/net.h>

struct agent;

/*
 * Writes into the outbox what this node has acknowledged of the claim's token and the claim does
 * not say: without it a claim that was given back would wait for ever. What is written is true
 * whatever the age of @c; one that is behind costs a write that changes nothing.
 */
void agent_say_again(struct agent *a, const struct bw_net_claim *c);
