/* SPDX-License-Identifier: Apache-2.0 */
/* Directed scenarios: one for each failure class of docs that a model server can provoke. */
#pragma once

#include "world.h"

struct sim_scenario {
	const char *name; /* says what is claimed; NULL ends a table */
	unsigned int procs;
	void (*run)(struct sim_world *w); /* NULL: .round */
	/* In a world of its own for 1, 2, ... until a round is beyond the last call or write. */
	void (*round)(struct sim_world *w, unsigned int round);
	int keeps; /* what it leaves is not to be waited for */
};

extern const struct sim_scenario sim_scenarios[];

/* The world that a scenario begins in: a perfect network, three nodes, nobody acts. */
void sim_scenario_begin(struct sim_world *w, const struct sim_scenario *s, uint64_t seed);

/* Runs for @ms; scenarios go on after something broke, and do nothing. */
void sim_for_ms(struct sim_world *w, int64_t ms);
/* Fails the scenario unless @ok. */
void sim_want(struct sim_world *w, int ok, const char *fmt, ...) BW_PRINTF(3, 4);

/* @spec is the inside of spec.interfaces. */
void sim_make_claim(struct sim_world *w, const char *namespace, const char *name, const char *spec);
/* A pod that names a claim, on @node ("" = the scheduler's choice). */
void sim_make_pod(struct sim_world *w, const char *namespace, const char *name, const char *claim,
		  const char *node);
void sim_delete(struct sim_world *w, enum sim_kind_id kind, const char *namespace, const char *name,
		int64_t grace_s);
/* Text at a path of a claim; "" = none. */
const char *sim_claim_text(struct sim_world *w, const char *namespace, const char *name,
			   const char *path);
/* The first address a claim lists; "" = none. */
const char *sim_claim_ip(struct sim_world *w, const char *namespace, const char *name);
unsigned int sim_count_bound(struct sim_world *w);
unsigned int sim_count(struct sim_world *w, enum sim_kind_id kind);
/* The node where a pod is live and not cut; "" = none. */
const char *sim_live_on(struct sim_world *w, const char *namespace, const char *pod);
/* Runs until the pod is live there, at most @ms. Returns the ms it took, -1 = it did not. */
int64_t sim_wait_live(struct sim_world *w, const char *namespace, const char *pod, const char *node,
		      int64_t ms);
/* Taints a Node out-of-service, or takes the taint away. */
void sim_fence_node(struct sim_world *w, const char *name, int on);
