/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who we are to the API server, kept fresh: files are read again, a credential plugin is run when
 * what it printed runs out.
 *
 * I1 .generation moves whenever something a request sends has changed.
 */
#pragma once

#include <bw/kube_config.h>
#include <bw/loop.h>

struct kube_exec;

struct kube_cred {
	struct bw_loop *loop;
	struct bw_kube_config *config; /* owned */
	int64_t reload_ns; /* between two looks at the files */
	int64_t looked_ns;
	unsigned int generation;
	struct kube_exec *exec; /* NULL = no plugin */
	void (*on_ready)(void *arg); /* a plugin has ended, well or not */
	void *arg;
};

/* What a request sends; borrowed until the loop's next round. */
struct kube_cred_view {
	const char *bearer; /* NULL = none */
	const struct bw_kube_pem *cert; /* NULL = none */
	const struct bw_kube_pem *key;
	const char *username; /* NULL = none */
	const char *password;
};

/* Takes @config, also on failure. @on_ready never comes from inside another function of this. */
int kube_cred_init(struct kube_cred *c, struct bw_loop *loop, struct bw_kube_config **config,
		   int64_t reload_ns, void (*on_ready)(void *arg), void *arg, struct bw_err *err);
void kube_cred_done(struct kube_cred *c);

/*
 * Looks at files and expiry. Return: 1 @ret is filled; 0 wait for .on_ready; -EACCES @err says why
 * the plugin gave nothing (asked again at the next call, a second after the last at the soonest).
 */
int kube_cred_get(struct kube_cred *c, struct kube_cred_view *ret, struct bw_err *err);

/*
 * A request sent with @generation was answered by 401. Return: 1 sending it again may help (after
 * kube_cred_get()); 0 it will not.
 */
int kube_cred_rejected(struct kube_cred *c, unsigned int generation);
