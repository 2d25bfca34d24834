/* SPDX-License-Identifier: Apache-2.0 */
/* A credential plugin: one run of it, and what it printed. Source: KEP-541. */
#pragma once

#include <bw/buf.h>
#include <bw/defs.h>
#include <bw/kube_config.h>
#include <bw/loop.h>

struct bw_err;

#define KUBE_EXEC_OUTPUT_MAX (1U << 20) /* bytes a plugin may print */
#define KUBE_EXEC_TIMEOUT_S 60

/* status of an ExecCredential. Owned. */
struct kube_exec_cred {
	char *token;
	struct bw_kube_pem cert;
	struct bw_kube_pem key;
	int64_t expires_s; /* since the epoch; 0 = never */
};
void kube_exec_cred_done(struct kube_exec_cred *c);

/* Reads what a plugin printed, JSON or YAML. 0; -EINVAL class INVALID; -ENOMEM. */
int kube_exec_parse(const char *text, size_t size, struct kube_exec_cred *ret, struct bw_err *err);

/* KUBERNETES_EXEC_INFO for a plugin; freed by free(). 0; -ENOMEM. */
int kube_exec_info(const struct bw_kube_config *config, char **ret, struct bw_err *err);

struct kube_exec_run {
	struct bw_loop *loop;
	pid_t pid; /* 0 = not running */
	int out; /* read end; -1 = closed */
	int pidfd;
	struct bw_loop_fd out_watch;
	struct bw_loop_fd pid_watch;
	struct bw_timer timeout;
	struct bw_buf text;
	int status; /* of waitpid(2) */
	int timed_out;
	void (*done)(void *arg);
	void *arg;
};

void kube_exec_run_init(struct kube_exec_run *r, struct bw_loop *loop, void (*done)(void *arg),
			void *arg);
/* Starts the plugin; .done comes when it has ended and all it printed is read. 0; -errno. */
int kube_exec_run_start(struct kube_exec_run *r, const struct bw_kube_config *config,
			struct bw_err *err);
/* Ends a running plugin and waits for it. */
void kube_exec_run_done(struct kube_exec_run *r);
