/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A controller process: a clock, a client, the runtime and the address controllers, all real. It is
 * killed between any two calls, stopped while the others go on, and its clock jumps.
 */
#pragma once

#include <bw/defs.h>

#include "world.h"

struct sim_proc;

struct sim_proc *sim_proc_new(struct sim_world *w, unsigned int index);
void sim_proc_free(struct sim_proc **p);
/* Kills it; it starts again in @restart_ns. */
void sim_proc_kill(struct sim_proc *p, int64_t restart_ns);
/* The next call, counted from now, is its last: 1 = the very next. It goes out. */
void sim_proc_kill_at(struct sim_proc *p, uint64_t calls);
void sim_proc_pause(struct sim_proc *p, int64_t for_ns);
void sim_proc_skew(struct sim_proc *p, int64_t seconds);
/* What it believes. */
void sim_proc_lead(struct sim_proc *p, int leading);

/* When it has something to do; INT64_MAX = nothing, or it is stopped. */
int64_t sim_proc_next_ns(const struct sim_proc *p);
/* One callback of it. */
void sim_proc_step(struct sim_proc *p);
/* Kills it if its last callback was its end. */
void sim_proc_reap(struct sim_proc *p);
uint64_t sim_proc_calls(const struct sim_proc *p);
unsigned int sim_proc_kills(const struct sim_proc *p);
struct sim_client *sim_proc_client(struct sim_proc *p);
/* Whether it has stopped giving and taking: a restore is in doubt, or too much would go. */
int sim_proc_halted(const struct sim_proc *p);
