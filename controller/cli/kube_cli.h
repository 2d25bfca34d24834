/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kubectl-barewire, also reached as `barewire pool`, `barewire who` and so on: the cluster's part
 * of the command line. A session is a connection to the API server; commands are a table.
 */
#pragma once

#include <bw/buf.h>
#include <bw/defs.h>
#include <bw/kube_client.h>

#include "cli.h"

struct bw_err;
struct bw_loop;

/* What was asked for. Texts are argv's. */
struct cli_kube_args {
	const char *kubeconfig;
	const char *context;
	const char *namespace; /* -n; NULL = the context's */
	const char *token; /* --token */
	const char *reason; /* --reason */
	const char *dir; /* --dir: a node's journal */
	const char *output; /* -o; NULL = text */
	uint8_t all; /* -A */
	uint8_t confirm; /* --confirm-powered-off */
	char **words;
	int n_words;
};

struct cli_session {
	struct bw_loop *loop;
	struct bw_kube_client *client;
	const struct cli_kube_args *args;
	char namespace[64]; /* that commands without -A mean */
	char user[128]; /* for records: the context's name */
};

struct cli_command {
	const char *name;
	const char *usage;
	const char *about;
	int min_words;
	int max_words;
	int (*run)(struct cli_session *s); /* returns an exit code */
	uint8_t offline; /* needs no server */
};

extern const struct cli_command cli_kube_commands[];
extern const size_t cli_kube_n_commands;

/* Connects to what kubectl would. 0; -errno. */
int cli_session_open(const struct cli_kube_args *args, struct cli_session *ret, struct bw_err *err);
void cli_session_close(struct cli_session *s);

/* One object as text, borrowed for the call. Return 0 to go on; -errno ends the walk. */
typedef int (*cli_object_fn)(const char *text, size_t size, void *arg, struct bw_err *err);

/**
 * cli_session_list() - walk all objects of a kind
 * @kind: what to list
 * @namespace: NULL = all
 * @fn: called for each
 *
 * Return: 0; what @fn returned; -errno of the server's answer.
 */
int cli_session_list(struct cli_session *s, const struct bw_kube_kind *kind, const char *namespace,
		     cli_object_fn fn, void *arg, struct bw_err *err);

/* Reads one object. Return: 1 @ret has its text, 0 there is none; -errno. */
int cli_session_get(struct cli_session *s, const struct bw_kube_kind *kind, const char *namespace,
		    const char *name, struct bw_buf *ret, struct bw_err *err);

/* Merges @body into an object. Return: 0; -errno. */
int cli_session_merge(struct cli_session *s, const struct bw_kube_kind *kind, const char *namespace,
		      const char *name, const char *body, struct bw_err *err);

/* The commands. Each returns an exit code. */
int cli_kube_pool(struct cli_session *s);
int cli_kube_map(struct cli_session *s);
int cli_kube_simulate(struct cli_session *s);
int cli_kube_claim(struct cli_session *s);
int cli_kube_who(struct cli_session *s);
int cli_kube_check(struct cli_session *s);
int cli_kube_release(struct cli_session *s);
int cli_kube_import(struct cli_session *s);
