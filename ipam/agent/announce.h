/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Announcing an address again after the plugin has announced it once: a switch or a neighbour that
 * missed the first frame learns of the move within a second. Never before the attachment is live,
 * never for one that is cut off.
 */
#pragma once

#include <bw/defs.h>

struct agent;
struct agent_announce;
struct bw_err;

#define AGENT_ANNOUNCE_MAX 512 /* attachments that are being announced */
#define AGENT_ANNOUNCE_TIMES 3 /* after 1, 3 and 7 seconds */

int agent_announce_new(struct agent *a, struct agent_announce **ret, struct bw_err *err);
/* NULL-safe. */
void agent_announce_free(struct agent_announce **n);

/* There may be new attachments: those made since the last look are announced. */
void agent_announce_look(struct agent_announce *n);

/* The addresses of one attachment once more, now: somebody else uses one. */
void agent_announce_defend(struct agent_announce *n, int64_t id);
