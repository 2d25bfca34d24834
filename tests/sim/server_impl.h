/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the model server share. */
#pragma once

#include <bw/buf.h>

#include "server.h"

#define SIM_NS_PER_MS 1000000LL
#define SIM_CALL_MS 30000 /* a client waits so long, lib/kube's own time-out of a call */
#define SIM_BOOKMARK_NS (60 * 1000 * SIM_NS_PER_MS) /* kube-apiserver: about once a minute */

/* What the network makes of a request. */
enum sim_fate {
	SIM_PASS,
	SIM_REFUSE,
	SIM_THROTTLE,
	SIM_FAIL_BEFORE,
	SIM_FAIL_AFTER,
	SIM_LOSE_REQUEST,
	SIM_LOSE_ANSWER,
	SIM_LATE,
	SIM_CUT_STREAM, /* counted only */
	SIM_GONE,
	SIM_STALE,
	SIM_RESTART,
	SIM_FATE_MAX_,
};
const char *sim_fate_str(enum sim_fate fate);

enum sim_phase {
	SIM_PHASE_SENT, /* on its way to the server */
	SIM_PHASE_ANSWER, /* on its way back */
	SIM_PHASE_STREAM, /* an open watch */
	SIM_PHASE_LATE, /* the client has given up, it will be carried out */
};

struct sim_request {
	struct bw_list node;
	struct sim_server *server;
	struct sim_client *client; /* NULL once nobody waits */
	struct bw_kube_call *call;
	const struct sim_kind *kind;
	struct bw_kube_request r; /* its texts are owned */
	enum sim_phase phase;
	enum sim_fate fate;
	uint8_t busy; /* its callback runs: it is freed afterwards */
	uint8_t gone; /* to be freed */
	uint8_t stale; /* may be served by the slowest replica */
	uint64_t id;
	struct bw_timer timer;
	struct bw_timer bookmark;
	int64_t ends_ns; /* of a stream */
	/* The answer. */
	enum bw_kube_result result;
	struct sim_reply reply;
	unsigned int retry_ms;
	struct bw_buf body;
	/* A stream. */
	unsigned int replica;
	uint64_t cursor; /* shown up to this version */
	uint8_t begun;
};

/* Draws what becomes of a request that was just sent. */
enum sim_fate sim_fate_draw(struct sim_server *s, const struct sim_request *q);
/* Nanoseconds one way takes. */
int64_t sim_delay_ns(struct sim_server *s);
void sim_count_fault(struct sim_server *s, enum sim_fate fate);

enum bw_kube_result sim_result_of(const struct sim_reply *r);
/* Makes the Status, or the object, the body of the answer. */
void sim_body_of(struct sim_request *q);

/* Carry out a read: fill .reply and .body, or open the stream. 0; 1 = not yet, try again later. */
void sim_read_get(struct sim_request *q);
int sim_read_list(struct sim_request *q);
int sim_read_watch(struct sim_request *q);
/* An open stream: sends what its replica shows. */
void sim_stream_deliver(struct sim_request *q);
/* Every stream of a replica looks soon. */
void sim_stream_wake(struct sim_server *s, unsigned int replica);
/* Ends a stream: .done comes with @result. */
void sim_stream_end(struct sim_request *q, enum bw_kube_result result);

/* Deliberately broken clients (mutant.c). */
struct cJSON;
void sim_mutate_request(struct sim_request *q, struct cJSON *body, struct sim_delete *del);
void sim_mutate_reply(struct sim_request *q);

void sim_request_free(struct sim_request *q);
/*
 * Lets the process of a request catch up. Return: 0 go on, else it is stopped until then. The
 * request may be .gone afterwards.
 */
int64_t sim_request_deliver(struct sim_request *q);
/* Gives the answer to the caller, unless nobody waits; frees the request. */
void sim_request_answer(struct sim_request *q);
