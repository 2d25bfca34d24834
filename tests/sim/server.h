/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A model API server behind struct bw_kube_client: two replicas over one store, and between them
 * and a client a network that delays, loses and breaks as the faults say.
 *
 * V1 A write is decided by the store at one instant. Its answer may be lost, and so may the
 * request. V2 A replica shows the store as it was some time ago, and within one replica only
 * forward. V3 A stream shows every commit of its selection in order, or ends.
 */
#pragma once

#include <bw/defs.h>
#include <bw/kube_client.h>
#include <bw/list.h>
#include <bw/loop.h>

#include "rng.h"
#include "store.h"
#include "trace.h"

#define SIM_REPLICAS 2

/* Chances are of 1000 requests; 0 = never. A zeroed struct is a perfect network. */
struct sim_faults {
	unsigned int delay; /* a request or its answer takes up to .delay_ms instead of 1..4 */
	unsigned int delay_ms;
	unsigned int refuse; /* no connection */
	unsigned int throttle; /* 429 with Retry-After */
	unsigned int fail_before; /* 500, nothing was done */
	unsigned int fail_after; /* 500, it was done */
	unsigned int lose_request; /* it never came, and nobody says so */
	unsigned int lose_answer; /* it was done, and nobody says so */
	unsigned int late; /* no answer in time, and it is done later */
	unsigned int late_ms;
	unsigned int gone; /* a list or watch from a version: 410 */
	unsigned int cut_stream; /* after a delivery */
	unsigned int stale; /* a list that allows it, or a new watch, goes to the slowest replica */
	unsigned int lag_ms; /* how far replicas may be behind */
};

struct sim_client;
struct sim_server;

struct sim_replica {
	struct sim_server *server;
	uint64_t rv; /* what it shows */
	int64_t lag_ns;
	struct bw_timer timer;
};

struct sim_counts {
	uint64_t requests;
	uint64_t writes; /* commits by clients */
	uint64_t faults; /* answers that were not the plain truth at once */
	uint64_t by_fault[16];
};

struct sim_server {
	struct bw_loop *loop;
	struct sim_store *store;
	struct sim_trace *trace;
	struct sim_rng rng;
	struct sim_faults faults;
	uint8_t down; /* refuses everybody */
	struct sim_replica replicas[SIM_REPLICAS];
	struct bw_list clients;
	struct bw_list requests; /* all, in the order they were sent */
	struct sim_counts counts;
	/* For scenarios that go through every write: this one, counted from now, meets .at_fate. */
	uint64_t at_write; /* 0 = none */
	int at_fate; /* enum sim_fate */
	const char *mutant; /* a broken client, see mutant.c; NULL = none */
	uint8_t lists; /* given to .data when the caller has it, as lib/kube does */
};

/* What may happen around a call, in this order. */
enum sim_moment {
	SIM_SEND, /* the process has sent it; nothing was decided */
	SIM_DONE, /* it was carried out; the answer is under way */
};

struct sim_client {
	struct bw_kube_client base; /* first */
	struct bw_list node;
	struct sim_server *server;
	const char *name; /* in the trace */
	uint8_t dead; /* what it starts goes nowhere: its process is being killed */
	uint8_t cut; /* no packet passes, either way */
	uint64_t calls; /* started, watches left out */
	/*
	 * Before an answer or a piece of a stream is handed over: 0 = go on, else when to try again
	 * (the process is stopped). NULL = always go on.
	 */
	int64_t (*deliver)(struct sim_client *c, void *arg);
	void (*moment)(struct sim_client *c, enum sim_moment m, const struct bw_kube_request *r,
		       void *arg);
	void *arg;
};

void sim_server_init(struct sim_server *s, struct bw_loop *loop, struct sim_store *store,
		     struct sim_trace *trace, struct sim_rng rng);
/* Forgets what is under way. */
void sim_server_done(struct sim_server *s);

/* Told of every commit by whoever listens to the store. */
void sim_server_committed(struct sim_server *s);
/* Breaks every connection; what is under way is lost, its outcome unknown. */
void sim_server_break(struct sim_server *s);
/* No faults any more: replicas catch up, what is under way goes on. */
void sim_server_heal(struct sim_server *s);

/* Name of an index of by_fault. */
const char *sim_fault_name(size_t i);

void sim_client_init(struct sim_client *c, struct sim_server *s, const char *name);
/* Breaks the connections of one client. */
void sim_client_break(struct sim_client *c);

/* Selectors as the server takes them. Return: 1 selected, 0 not, -EINVAL a bad selector. */
int sim_select_fields(const struct sim_version *v, const char *selector);
int sim_select_labels(const struct sim_version *v, const char *selector);
