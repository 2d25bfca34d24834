/* SPDX-License-Identifier: Apache-2.0 */
/* Credentials kept fresh. */
#include <string.h>
#include <sys/wait.h>

#include <bw/err.h>

#include "cred.h"
#include "exec.h"

#define NS_PER_S 1000000000LL
#define EARLY_S 60 /* a plugin is asked this long before its credentials run out */
#define AGAIN_NS NS_PER_S /* a plugin that failed is not asked more often */

struct kube_exec {
	struct kube_exec_run run;
	struct kube_exec_cred cred;
	int has;
	int wanted; /* what there is was rejected */
	int64_t got_ns; /* when it was printed */
	int64_t failed_ns; /* when it failed last; 0 = it has not */
	struct bw_err err;
};

/* What became of a run, as credentials or as an error. */
static int judge(struct kube_cred *c, struct kube_exec_cred *ret, struct bw_err *err)
{
	const struct kube_exec_run *r = &c->exec->run;
	const struct bw_kube_exec *e = &c->config->exec;

	if (r->timed_out)
		return bw_reject(err, BW_ERR_INTERNAL, ETIMEDOUT,
				 "it did not end within %d seconds", KUBE_EXEC_TIMEOUT_S);
	if (!WIFEXITED(r->status) || WEXITSTATUS(r->status) != 0)
		return bw_reject(
			err, BW_ERR_INTERNAL, EACCES, "it failed with status %d%s%s",
			WIFEXITED(r->status) ? WEXITSTATUS(r->status) : 128 + WTERMSIG(r->status),
			e->install_hint ? "; " : "", e->install_hint ? e->install_hint : "");
	if (r->text.size > KUBE_EXEC_OUTPUT_MAX)
		return bw_reject(err, BW_ERR_INVALID, EFBIG, "it printed more than %u bytes",
				 KUBE_EXEC_OUTPUT_MAX);
	return kube_exec_parse(r->text.data ? r->text.data : "", r->text.size, ret, err);
}

static void on_plugin(void *arg)
{
	struct kube_cred *c = arg;
	struct kube_exec *e = c->exec;
	struct kube_exec_cred now = { 0 };
	int r = judge(c, &now, &e->err);

	kube_exec_run_done(&e->run);
	if (r < 0) {
		(void)bw_wrap(&e->err, r, "credential plugin %s", c->config->exec.command);
		e->failed_ns = bw_loop_now_ns(c->loop);
	} else {
		kube_exec_cred_done(&e->cred);
		e->cred = now;
		e->has = 1;
		e->wanted = 0;
		e->got_ns = bw_loop_now_ns(c->loop);
		e->failed_ns = 0;
		c->generation++;
	}
	c->on_ready(c->arg);
}

int kube_cred_init(struct kube_cred *c, struct bw_loop *loop, struct bw_kube_config **config,
		   int64_t reload_ns, void (*on_ready)(void *arg), void *arg, struct bw_err *err)
{
	*c = (struct kube_cred){
		.loop = loop,
		.config = BW_TAKE_PTR(*config),
		.reload_ns = reload_ns,
		.looked_ns = bw_loop_now_ns(loop),
		.on_ready = on_ready,
		.arg = arg,
	};
	/* A plugin is for those who have nothing else. */
	if (!c->config->exec.command || c->config->token || c->config->username)
		return 0;
	c->exec = calloc(1, sizeof(*c->exec));
	if (!c->exec)
		return bw_fail(err, ENOMEM, "prepare a credential plugin");
	kube_exec_run_init(&c->exec->run, loop, on_plugin, c);
	return 0;
}

void kube_cred_done(struct kube_cred *c)
{
	if (c->exec) {
		kube_exec_run_done(&c->exec->run);
		kube_exec_cred_done(&c->exec->cred);
	}
	free(c->exec);
	c->exec = NULL;
	bw_kube_config_free(&c->config);
}

/* Whether anything is other than before. A file that cannot be read now leaves what there is. */
static int look(struct kube_cred *c)
{
	int r = bw_kube_config_reload(c->config, NULL);

	c->looked_ns = bw_loop_now_ns(c->loop);
	if (r != 0)
		c->generation++;
	return r > 0;
}

static int is_fresh(const struct kube_cred *c)
{
	const struct kube_exec *e = c->exec;

	if (!e->has)
		return 0;
	/* What a plugin prints may have run out already: it is tried before it is asked again. */
	if (bw_loop_now_ns(c->loop) - e->got_ns < AGAIN_NS)
		return 1;
	if (e->wanted)
		return 0;
	return !e->cred.expires_s || bw_loop_real_s(c->loop) < e->cred.expires_s - EARLY_S;
}

/* 1 = the plugin's credentials can be used. */
static int get_exec(struct kube_cred *c, struct bw_err *err)
{
	struct kube_exec *e = c->exec;
	int r;

	if (is_fresh(c))
		return 1;
	if (e->run.pid || e->run.out >= 0)
		return 0;
	if (e->failed_ns && bw_loop_now_ns(c->loop) - e->failed_ns < AGAIN_NS) {
		if (err)
			*err = e->err;
		return -EACCES;
	}
	r = kube_exec_run_start(&e->run, c->config, &e->err);
	if (r == 0)
		return 0;
	(void)bw_wrap(&e->err, r, "credential plugin");
	if (c->config->exec.install_hint)
		bw_err_details(&e->err, "%s", c->config->exec.install_hint);
	e->failed_ns = bw_loop_now_ns(c->loop);
	if (err)
		*err = e->err;
	return -EACCES;
}

int kube_cred_get(struct kube_cred *c, struct kube_cred_view *ret, struct bw_err *err)
{
	const struct bw_kube_config *k = c->config;

	if (bw_loop_now_ns(c->loop) - c->looked_ns >= c->reload_ns)
		(void)look(c); /* the generation tells, ignoring */
	*ret = (struct kube_cred_view){
		.bearer = k->token,
		.cert = k->cert.data.size ? &k->cert : NULL,
		.key = k->key.data.size ? &k->key : NULL,
		.username = k->token ? NULL : k->username,
		.password = k->password,
	};
	if (c->exec) {
		int r = get_exec(c, err);

		if (r <= 0)
			return r;
		ret->bearer = c->exec->cred.token;
		if (c->exec->cred.cert.data.size) {
			ret->cert = &c->exec->cred.cert;
			ret->key = &c->exec->cred.key;
		}
	}
	return 1;
}

int kube_cred_rejected(struct kube_cred *c, unsigned int generation)
{
	if (generation != c->generation)
		return 1;
	if (!c->exec)
		return look(c);
	c->exec->wanted = 1;
	return 1;
}
