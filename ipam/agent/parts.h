/* SPDX-License-Identifier: Apache-2.0 */
/* Building the agent out of its parts, and taking it apart. */
#pragma once

struct agent;
struct bw_err;
struct bw_loop;

/**
 * agent_parts_start() - make every part, in order
 * @a: zeroed but for .conf, .loop and .client
 * @failed: called once when the agent cannot go on (a server that is too old)
 *
 * After a failure agent_parts_stop() frees what there is. Return: 0; -errno.
 */
int agent_parts_start(struct agent *a, void (*failed)(const char *why, void *arg), void *arg,
		      struct bw_err *err);

/* Frees every part that was made; the loop and the client stay. */
void agent_parts_stop(struct agent *a);
