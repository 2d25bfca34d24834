/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The simulated cluster: a store behind a model server, controller processes, nodes with a kubelet
 * and an agent each, the rest of a control plane, and the people who use it. Everything runs in
 * steps of virtual loops, one callback at a time; after each the invariants are checked.
 */
#pragma once

#include <bw/defs.h>

#include "box.h"
#include "rng.h"
#include "server.h"
#include "store.h"
#include "trace.h"

struct cJSON;
struct sim_check;
struct sim_proc;

#define SIM_NODES_MAX 4
#define SIM_PROCS_MAX 3
#define SIM_PODS_MAX 24 /* of one node */
#define SIM_ROWS_MAX 64 /* of one node's journal */
#define SIM_ACKS_MAX 64
#define SIM_IPS_MAX 8 /* of one claim */
#define SIM_UID_MAX 40
#define SIM_NAME_MAX 64
#define SIM_UNITS_MAX 3
#define SIM_NS_PER_S 1000000000LL

/* An address of a claim as the checker numbers it: one number for (domain, address). */
typedef unsigned int sim_ip;

/* What a node's journal knows of a claim. */
struct sim_row {
	uint8_t used;
	uint8_t served; /* the node's watch selects it */
	uint8_t releasing; /* its phase */
	uint8_t mine; /* its holder is this very Node object */
	char namespace[SIM_NAME_MAX], name[SIM_NAME_MAX];
	char uid[SIM_UID_MAX];
	char owner_pod[SIM_UID_MAX]; /* UID of the pod that owns it; "" = none */
	uint64_t token;
	uint64_t spent; /* given back, or on its way to the cluster as such */
	uint64_t sent; /* that may have reached the cluster: it is not taken back */
	uint64_t boot; /* in which the cluster confirmed it last */
	uint64_t rv;
	sim_ip ips[SIM_IPS_MAX];
	unsigned int n_ips;
};

/* A pod that the kubelet knows, and what is in the kernel for it. */
struct sim_pod {
	uint8_t used;
	uint8_t deleting; /* or gone from the API */
	uint8_t reported; /* its status says that it runs */
	char namespace[SIM_NAME_MAX], name[SIM_NAME_MAX], claim[SIM_NAME_MAX];
	char uid[SIM_UID_MAX];
	uint8_t held; /* the journal has an attachment */
	uint8_t live; /* it is in the kernel */
	uint8_t cut; /* its traffic is dropped both ways */
	char claim_uid[SIM_UID_MAX];
	uint64_t token;
	sim_ip ips[SIM_IPS_MAX];
	unsigned int n_ips;
	struct sim_box box;
};

/* An acknowledgement that has to reach the cluster. */
struct sim_ack {
	uint8_t used;
	uint8_t attached; /* else: given back */
	uint8_t sending; /* it may have arrived: it is not taken back */
	char namespace[SIM_NAME_MAX], name[SIM_NAME_MAX], uid[SIM_UID_MAX];
	uint64_t token;
};

struct sim_node {
	struct sim_world *world;
	char name[SIM_NAME_MAX];
	char uid[SIM_UID_MAX]; /* of the Node object it registered as */
	uint8_t powered;
	uint8_t cut; /* from the API; its segment is untouched */
	uint8_t ghost; /* another machine has its name: it never speaks to the API again */
	uint8_t admin; /* an administrator is about to take it off or bring it back */
	int64_t admin_ns;
	uint64_t boot;
	uint64_t view; /* its watch has seen so much */
	uint64_t epoch; /* the highest it has seen */
	uint64_t first_epoch; /* since its agent's start */
	uint64_t said_live; /* what it has said of that */
	uint8_t suspects; /* that the store was restored; it has said what lives here */
	struct bw_timer timer;
	struct sim_pod pods[SIM_PODS_MAX];
	struct sim_row rows[SIM_ROWS_MAX];
	struct sim_ack acks[SIM_ACKS_MAX];
};

/* A Unit's pod that must stay what it is. */
struct sim_kept {
	char name[SIM_NAME_MAX]; /* of the Unit; "" = none */
	char uid[SIM_UID_MAX];
	unsigned int restarts;
};

/* What a run is made of; drawn from the seed, or set by a scenario. */
struct sim_setup {
	unsigned int nodes, procs;
	unsigned int pool_size; /* addresses of the main pool */
	unsigned int cooldown_s;
	unsigned int users; /* a person acts every so many ms at most; 0 = never */
	unsigned int restarts; /* of 1000 calls of a controller: it is killed there */
	unsigned int stops; /* of 1000 looks (one a second): a controller is stopped for a while */
	unsigned int breaks; /* of 1000 looks: the server breaks its connections or compacts */
	unsigned int outages; /* of 1000 looks: the server is away for a while */
	unsigned int nodes_fail; /* of 1000 looks: something happens to a node */
	unsigned int elections; /* of 1000 looks: who believes to lead changes */
	unsigned int skews; /* of 1000 looks: a controller's real time clock jumps */
	uint8_t two_leaders; /* all lead all the time */
	uint8_t retain; /* the main pool keeps addresses for sticky keys */
	uint8_t v6; /* a second family */
	uint8_t units; /* there are Units, and the controllers run theirs too */
	uint8_t exec; /* processes are stopped in their pods; else --no-exec */
	int64_t chaos_s; /* how long faults go on */
	struct sim_faults faults;
};

struct sim_world {
	struct bw_loop *loop;
	struct sim_store *store;
	struct sim_server server;
	struct sim_trace trace;
	struct sim_rng rng;
	struct sim_setup setup;
	struct sim_check *check;
	struct sim_proc *procs[SIM_PROCS_MAX];
	struct sim_node nodes[SIM_NODES_MAX * 2]; /* ghosts take new places */
	unsigned int n_nodes;
	struct bw_timer cluster; /* scheduler, owners, garbage collection */
	struct bw_timer users;
	struct bw_timer chaos;
	uint8_t calm; /* no faults any more */
	uint8_t frozen; /* a scenario moves pods and nodes by hand */
	uint8_t restores; /* the store will go back: agents watch the epoch */
	unsigned int generation; /* of names that are used once */
	int64_t down_until_ns;
	const char *mutant; /* of sim_mutants; NULL = none */
	struct bw_list execs; /* commands under way (exec.c) */
	uint64_t n_execs;
	struct sim_kept kept[SIM_UNITS_MAX]; /* pods that stay through a stop and a start */
	uint64_t steps;
	int64_t still_ns; /* the clock stands here */
	unsigned int still; /* for so many steps */
};

/* A world that stands and has not taken a step. */
void sim_world_init(struct sim_world *w, uint64_t seed, const struct sim_setup *setup);
/* Whether the world is broken in that way on purpose. */
int sim_world_mutant(const struct sim_world *w, const char *mutant);
void sim_world_done(struct sim_world *w);
/* Draws a setup from a seed. */
void sim_setup_draw(struct sim_setup *s, uint64_t seed);

/* Steps until @until_ns of the virtual clock. Return: 0; 1 an invariant is broken. */
int sim_world_run(struct sim_world *w, int64_t until_ns);
int64_t sim_world_now(const struct sim_world *w);
/* Ends all faults: nodes come back, connections hold, one controller leads. */
void sim_world_calm(struct sim_world *w);
/* Runs until nothing is left to do; checks that everything converged. 0; 1. */
int sim_world_settle(struct sim_world *w);

/*
 * The store as it was at @rv, whose next version is @bump later; connections break. Who watches
 * lists anew.
 */
void sim_world_restore(struct sim_world *w, uint64_t rv, uint64_t bump);

/* A tree from printf; the caller's. */
struct cJSON *sim_json(const char *fmt, ...) BW_PRINTF(1, 2);
/* Writes by actors, at once; @tree is taken. Return: whether it succeeded. */
int sim_world_create(struct sim_world *w, const char *by, enum sim_kind_id kind,
		     const char *namespace, struct cJSON *tree);
int sim_world_merge(struct sim_world *w, const char *by, enum sim_kind_id kind,
		    const char *namespace, const char *name, const char *sub, struct cJSON *tree);
int sim_world_delete(struct sim_world *w, const char *by, enum sim_kind_id kind,
		     const char *namespace, const char *name, const char *uid, int64_t grace_s);
/* Milliseconds an actor takes; longer while there are faults. */
int64_t sim_world_pace(struct sim_world *w, int64_t max_ms);
void sim_world_arm(struct sim_world *w, struct bw_timer *t, int64_t ms);
/* Something changed: actors look soon. */
void sim_world_wake(struct sim_world *w);

/* Nodes (node.c, node_agent.c). */
struct sim_node *sim_node_new(struct sim_world *w, const char *name);
void sim_node_register(struct sim_node *n);
void sim_node_wake(struct sim_node *n);
/* Whether it does that now; else it looks again soon. Always when all is calm. */
int sim_node_may(struct sim_node *n, unsigned int permille);
void sim_node_power(struct sim_node *n, int on);
struct sim_node *sim_node_of(struct sim_world *w, const char *name); /* not a ghost */
void sim_agent_step(struct sim_node *n);
void sim_agent_epoch(struct sim_node *n); /* restore.c */
struct sim_row *sim_agent_row(struct sim_node *n, const char *uid);
struct sim_row *sim_agent_find(struct sim_node *n, const char *namespace, const char *name);
int sim_agent_take(struct sim_node *n, struct sim_row *row);
void sim_agent_attached(struct sim_node *n, const struct sim_pod *p, const struct sim_row *row);
void sim_agent_left(struct sim_node *n, const struct sim_pod *p);

/* The rest (cluster.c, users.c, chaos.c). */
void sim_cluster_step(void *world);
void sim_users_step(void *world);
void sim_chaos_step(void *world);
void sim_users_begin(struct sim_world *w);
/* Somebody does something about Units; what is asked of them can be done (units.c). */
void sim_units_act(struct sim_world *w);
void sim_units_calm(struct sim_world *w);
/* Who runs is stopped, who is stopped runs; pods that can stay must. Return: whether any is. */
int sim_units_turn(struct sim_world *w);
/* The claim that a pod names, or the one that is made for it. */
const char *sim_pod_claim(const struct cJSON *pod, char out[SIM_NAME_MAX]);
/* An administrator's work on a node, step by step. */
void sim_admin_step(struct sim_world *w);
