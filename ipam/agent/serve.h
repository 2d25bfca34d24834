/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What plugins ask over the socket: a claim's interface, the state, a nudge. A claim that is not
 * served yet waits here, without holding up anybody, until it is or its time is over.
 */
#pragma once

#include <bw/agent_sock.h>
#include <bw/defs.h>
#include <bw/err.h>

struct agent_serve;
struct agent_sock_ops;
struct bw_kube_client;
struct bw_loop;

#define AGENT_EXPLAIN_MS 1500 /* for the last look at the claim; below BW_AGENT_GRACE_MS */

/* How things stand with a request. */
struct agent_verdict {
	enum {
		AGENT_SERVED, /* its binding is in the journal */
		AGENT_NOT_YET, /* .err says what is missing; waiting may help */
		AGENT_NEVER, /* .err says what has to be changed; waiting does not help */
	} what;
	char ns[64]; /* of the claim that was looked for */
	char name[254];
	char uid[64];
	uint64_t token;
	struct bw_err err;
	uint8_t no_pool; /* as far as this node can tell nothing names a pool for the pod */
};

/* Everything is borrowed for the server's life. */
struct agent_serve_env {
	struct bw_loop *loop;
	struct bw_kube_client *client;
	const char *node;
	/* Fills a zeroed verdict; puts the binding into the journal when it is served. */
	void (*judge)(const struct bw_agent_request *req, struct agent_verdict *ret, void *arg);
	/* 0 when ADDs can work here; -errno and why. */
	int (*status)(void *arg, struct bw_err *err);
	void (*nudge)(void *arg);
	void *arg;
};

struct agent_serve_stat {
	uint64_t served;
	uint64_t refused; /* answers that were not ok */
	uint64_t gave_up; /* plugins that hung up first */
	unsigned int waiting;
	uint64_t wait_ms; /* summed over all that were answered */
};

int agent_serve_new(const struct agent_serve_env *env, struct agent_serve **ret,
		    struct bw_err *err);
/* The socket must be closed first. NULL-safe. */
void agent_serve_free(struct agent_serve **s);

/* For agent_sock_open(), with the server as the argument. */
extern const struct agent_sock_ops agent_serve_ops;

/* Something changed: every request that waits is judged again, soon. */
void agent_serve_look(struct agent_serve *s);

const struct agent_serve_stat *agent_serve_stat(const struct agent_serve *s);

/* Why a claim is not served on @node, from its text: phase, conditions, holder (pure). */
void agent_explain(const char *text, size_t size, const char *node, struct agent_verdict *v);
