/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A look at the attachments every ten seconds, and soon after devices have changed: what differs
 * from the kernel is reported, what is dead of those of claims is collected by the plugin's DEL.
 *
 * I1 An attachment is dead only when its recorded namespace is gone, by path and identity, in two
 *    looks at least AGENT_LOOK_MS apart; or when it is of another boot. No list of anybody's says
 *    so.
 * I2 What a look cannot find out counts as alive.
 */
#pragma once

#include <bw/defs.h>

struct agent;
struct agent_differences;
struct agent_look;
struct bw_err;

#define AGENT_DEAD_MAX 1024 /* suspects that are remembered between two looks */

int agent_look_new(struct agent *a, struct agent_look **ret, struct bw_err *err);
/* A plugin that runs is killed. NULL-safe. */
void agent_look_free(struct agent_look **look);

/* What the last look found to differ; NULL without looks. Borrowed. */
const struct agent_differences *agent_look_differences(const struct agent_look *look);

/* Devices have changed: the next look comes within a second. NULL-safe. */
void agent_look_soon(struct agent_look *look);

/* Suspects between looks: a pure memory, apart for its tests. */
struct agent_suspect {
	int64_t id; /* of the attachment's row */
	int64_t since_ns; /* of the first look that found it dead */
	int64_t seen_ns; /* of the last one */
};

struct agent_suspects {
	struct agent_suspect list[AGENT_DEAD_MAX];
	size_t n;
};

/* A look at @now_ns found @id's namespace gone. Return: 1 when that makes it dead (I1), else 0. */
int agent_suspects_note(struct agent_suspects *s, int64_t id, int64_t now_ns);
/* After the look at @now_ns: who was not found dead in it is no suspect any more. */
void agent_suspects_end(struct agent_suspects *s, int64_t now_ns);
