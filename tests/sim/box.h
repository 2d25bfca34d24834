/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The main container of a Unit's pod, the barewire-launch in it, and the commands that controllers
 * run there. docs/design/launch.md has the rules that this keeps: the stop file outlives the
 * container, a stop is answered when it is over, a start during a stop is done after it.
 */
#pragma once

#include <bw/defs.h>

struct sim_client;
struct sim_node;
struct sim_pod;
struct sim_world;
struct cJSON;

#define SIM_LAUNCH_ANN "db.barewire.dev/launch" /* the container that runs under it */
#define SIM_HASH_MAX 24

/* What is in a node for the container; the pod's folder outlives it. */
struct sim_box {
	uint8_t unit; /* the pod is a Unit's: only those have a box */
	uint8_t launcher; /* its command runs under barewire-launch */
	uint8_t up; /* the container runs */
	uint8_t begun; /* it has run before */
	uint8_t stop_file;
	uint8_t runs; /* the process */
	uint8_t ending; /* it was told to stop and takes its time */
	int64_t ends_ns; /* until then */
	unsigned int restarts; /* of the container */
	unsigned int starts; /* of the process */
	unsigned int signals;
	char files[SIM_HASH_MAX]; /* what the kubelet has brought; "" = none are mounted */
	char has[SIM_HASH_MAX]; /* what the process has read */
	uint64_t said; /* hash of the status that was reported */
};

/* A pod came to a node: what it is. */
void sim_box_begin(struct sim_pod *p, const struct cJSON *pod);
/* The kubelet's look at a Unit's pod. */
void sim_box_step(struct sim_node *n, struct sim_pod *p, int online);
/* Nothing of it is in the kernel any more. */
void sim_box_end(struct sim_pod *p);

/* Hash of the files of an object of that kind, as barewire-launch takes it; "" = it is not there.
 */
const char *sim_files_hash(const struct cJSON *object, int secret, char out[SIM_HASH_MAX]);
/* The pod with that UID where it is; NULL = no node has it. */
struct sim_pod *sim_box_of(struct sim_world *w, const char *uid, struct sim_node **ret_node);

/* Commands in containers: lets a client run them. */
void sim_exec_serve(struct sim_client *c);
/* Its process has ended: nobody hears what came of its commands. */
void sim_exec_forget(struct sim_client *c);
void sim_exec_init(struct sim_world *w);
void sim_exec_done(struct sim_world *w);
/* Somebody types a command into the pod of that name. */
void sim_exec_by_hand(struct sim_world *w, const char *namespace, const char *name,
		      const char *word);
