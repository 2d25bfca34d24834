/* SPDX-License-Identifier: Apache-2.0 */
/* What the long-running programs have in common: flags, signals, the way to the API server. */
#pragma once

#include <bw/defs.h>

struct bw_err;
struct bw_kube_client;
struct bw_loop;

#define BW_DAEMON_FLAGS_MAX 32
#define BW_DAEMON_EXIT_USAGE 2 /* of a process that was started wrongly */

/* A flag with a value, --name VALUE or --name=VALUE, or with none. One of .text, .add, .set. */
struct bw_daemon_flag {
	const char *name; /* without its dashes; NULL ends the table */
	const char **text; /* gets the value, which lives as long as argv; the last one counts */
	/* May come several times. Return: 0; -errno with what is expected in @err. */
	int (*add)(const char *value, void *arg, struct bw_err *err);
	void *arg;
	uint8_t *set; /* it takes no value: becomes 1 */
};

struct bw_daemon_about {
	const char *program;
	const char *version;
	const char *usage; /* lines, each ended */
	const struct bw_daemon_flag *flags;
};

/**
 * bw_daemon_parse() - read the command line
 * @argc: of main()
 * @argv: of main()
 * @about: at most BW_DAEMON_FLAGS_MAX flags; --help and --version are known beside them
 *
 * What is wrong is said on stderr in one line that names the flag and the value.
 * Return: 0 go on; 1 --help or --version was answered; -EINVAL.
 */
int bw_daemon_parse(int argc, char **argv, const struct bw_daemon_about *about);

/* Says on stderr what is wrong with the start: "<program>: <why>", and where help is. */
void bw_daemon_refuse(const struct bw_daemon_about *about, const char *why);

/**
 * bw_daemon_loop() - a loop that hears SIGTERM and SIGINT
 * @on_signal: called for both
 * @arg: for @on_signal
 * @ret: owned by the caller, also after a failure; NULL when there is none
 *
 * Return: 0; -errno of bw_loop_new() and bw_loop_signal().
 */
int bw_daemon_loop(void (*on_signal)(int signo, void *arg), void *arg, struct bw_loop **ret,
		   struct bw_err *err);

/**
 * bw_daemon_connect() - a client of the API server that a kubeconfig or the pod names
 * @loop: must outlive the client
 * @kubeconfig: a file; NULL or "" = KUBECONFIG, ~/.kube/config or the pod's own
 * @context: NULL or "" = the current one
 * @agent: program/version, for the server's log
 * @ret: owned by the caller
 *
 * Nothing is sent yet. Return: 0; -errno of bw_kube_config_find() and bw_kube_http_new().
 */
int bw_daemon_connect(struct bw_loop *loop, const char *kubeconfig, const char *context,
		      const char *agent, struct bw_kube_client **ret, struct bw_err *err);
