/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Credential plugins: started without a shell, their output read in the loop, their end awaited by
 * a pidfd, so that a slow one holds nobody up.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include <bw/err.h>
#include <bw/json.h>
#include <bw/kube_base64.h>

#include "exec.h"
#include "yaml.h"

#define NS_PER_S 1000000000LL
#define READ_CHUNK 4096

extern char **environ;

void kube_exec_cred_done(struct kube_exec_cred *c)
{
	struct bw_kube_pem *const pems[] = { &c->cert, &c->key };

	if (c->token)
		explicit_bzero(c->token, strlen(c->token));
	free(c->token);
	for (size_t i = 0; i < BW_ARRAY_SIZE(pems); i++) {
		if (pems[i]->data.data)
			explicit_bzero(pems[i]->data.data, pems[i]->data.cap);
		bw_buf_done(&pems[i]->data);
	}
	*c = (struct kube_exec_cred){ 0 };
}

static int two_digits(const char *p)
{
	int tens = p[0] - '0', ones = p[0] ? p[1] - '0' : -1;

	return tens < 0 || tens > 9 || ones < 0 || ones > 9 ? -1 : tens * 10 + ones;
}

/* "+02:00", "-07:30" or "Z" in seconds east of Greenwich. */
static int parse_zone(const char *p, int64_t *ret)
{
	int hours, minutes;

	*ret = 0;
	if (strcmp(p, "Z") == 0)
		return 0;
	if (strlen(p) != 6 || (*p != '+' && *p != '-') || p[3] != ':')
		return -EINVAL;
	hours = two_digits(p + 1);
	minutes = two_digits(p + 4);
	if (hours < 0 || minutes < 0)
		return -EINVAL;
	*ret = (*p == '-' ? -1 : 1) * (hours * 3600LL + minutes * 60LL);
	return 0;
}

/* RFC 3339. -1 = it is none. */
static int64_t parse_time(const char *s)
{
	struct tm tm = { 0 };
	const char *p = strptime(s, "%Y-%m-%dT%H:%M:%S", &tm);
	int64_t zone;

	if (!p)
		return -1;
	if (*p == '.')
		p += 1 + strspn(p + 1, "0123456789");
	return parse_zone(p, &zone) < 0 ? -1 : timegm(&tm) - zone;
}

static int take_pem(struct kube_yaml *y, kube_yaml_node n, const char *key, struct bw_buf *ret)
{
	const char *s = kube_yaml_get_str(y, n, key);

	return s && bw_buf_append(ret, s, strlen(s)) < 0 ? -ENOMEM : 0;
}

static int take_status(struct kube_yaml *y, struct kube_exec_cred *c, struct bw_err *err)
{
	kube_yaml_node status = kube_yaml_get(y, kube_yaml_root(y), "status");
	const char *token = kube_yaml_get_str(y, status, "token");
	const char *expires = kube_yaml_get_str(y, status, "expirationTimestamp");

	if (token && strpbrk(token, "\r\n"))
		return bw_reject(err, BW_ERR_INVALID, EINVAL, "its token has several lines");
	if (token) {
		c->token = strdup(token);
		if (!c->token)
			return bw_fail(err, ENOMEM, "keep a token");
	}
	if (take_pem(y, status, "clientCertificateData", &c->cert.data) < 0 ||
	    take_pem(y, status, "clientKeyData", &c->key.data) < 0)
		return bw_fail(err, ENOMEM, "keep a certificate");
	if (!c->cert.data.size != !c->key.data.size)
		return bw_reject(err, BW_ERR_INVALID, EINVAL,
				 "certificate and key need each other");
	if (!c->token && !c->cert.data.size)
		return bw_reject(err, BW_ERR_INVALID, EINVAL,
				 "it printed neither a token nor a certificate");
	if (expires) {
		c->expires_s = parse_time(expires);
		if (c->expires_s < 0)
			return bw_reject(err, BW_ERR_INVALID, EINVAL,
					 "its expirationTimestamp is no time");
	}
	return 0;
}

int kube_exec_parse(const char *text, size_t size, struct kube_exec_cred *ret, struct bw_err *err)
{
	struct kube_exec_cred c = { 0 };
	struct kube_yaml y;
	int r;

	r = kube_yaml_load(&y, text, size, "what it printed", err);
	if (r == 0)
		r = take_status(&y, &c, err);
	kube_yaml_done(&y);
	if (r < 0) {
		kube_exec_cred_done(&c);
		return r;
	}
	*ret = c;
	return 0;
}

static int put_cluster(struct bw_json_build *b, struct cJSON *spec, const struct bw_kube_config *c)
{
	struct cJSON *cluster = bw_json_put_object(b, spec, "cluster");
	bw_autobuf struct bw_buf ca = { 0 };

	bw_json_put_str(b, cluster, "server", c->server);
	if (c->tls_server_name)
		bw_json_put_str(b, cluster, "tls-server-name", c->tls_server_name);
	if (c->proxy)
		bw_json_put_str(b, cluster, "proxy-url", c->proxy);
	if (c->insecure)
		bw_json_put_bool(b, cluster, "insecure-skip-tls-verify", 1);
	if (!c->ca.data.size)
		return 0;
	if (bw_kube_base64_encode(c->ca.data.data, c->ca.data.size, &ca) < 0)
		return -ENOMEM;
	bw_json_put_str(b, cluster, "certificate-authority-data", ca.data);
	return 0;
}

int kube_exec_info(const struct bw_kube_config *config, char **ret, struct bw_err *err)
{
	bw_autobuild struct bw_json_build b = { 0 };
	bw_autojson struct cJSON *json = NULL;
	struct cJSON *root = bw_json_build_object(&b);
	struct cJSON *spec;
	int r;

	bw_json_put_str(&b, root, "apiVersion", config->exec.api_version);
	bw_json_put_str(&b, root, "kind", "ExecCredential");
	spec = bw_json_put_object(&b, root, "spec");
	bw_json_put_bool(&b, spec, "interactive", 0);
	if (config->exec.cluster_info && put_cluster(&b, spec, config) < 0)
		return bw_fail(err, ENOMEM, "describe the cluster");
	r = bw_json_build_take(&b, &json, err);
	return r < 0 ? r : bw_json_print(json, 0, ret, err);
}

void kube_exec_run_init(struct kube_exec_run *r, struct bw_loop *loop, void (*done)(void *arg),
			void *arg)
{
	*r = (struct kube_exec_run){
		.loop = loop, .out = -1, .pidfd = -1, .done = done, .arg = arg
	};
}

/* Both ends are told by events; the run is over when both have come. */
static void finish_when_over(struct kube_exec_run *r)
{
	if (r->out >= 0 || r->pid)
		return;
	bw_timer_stop(&r->timeout);
	r->done(r->arg);
}

static void close_out(struct kube_exec_run *r)
{
	bw_loop_fd_remove(&r->out_watch);
	if (r->out >= 0)
		(void)close(r->out); /* nothing to do about a failed close, ignoring */
	r->out = -1;
}

static void on_output(uint32_t events, void *arg)
{
	struct kube_exec_run *r = arg;
	ssize_t n;

	(void)events;
	if (bw_buf_reserve(&r->text, READ_CHUNK) < 0)
		n = 0;
	else
		n = read(r->out, r->text.data + r->text.size, READ_CHUNK);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0) {
		r->text.size += (size_t)n;
		r->text.data[r->text.size] = '\0';
		if (r->text.size <= KUBE_EXEC_OUTPUT_MAX)
			return;
	}
	close_out(r);
	finish_when_over(r);
}

static void reap(struct kube_exec_run *r)
{
	bw_loop_fd_remove(&r->pid_watch);
	if (r->pidfd >= 0)
		(void)close(r->pidfd); /* nothing to do about a failed close, ignoring */
	r->pidfd = -1;
	while (r->pid && waitpid(r->pid, &r->status, 0) < 0 && errno == EINTR)
		;
	r->pid = 0;
}

static void on_exit_of_plugin(uint32_t events, void *arg)
{
	struct kube_exec_run *r = arg;

	(void)events;
	reap(r);
	finish_when_over(r);
}

/* A child of the plugin may hold the pipe open: what is there by now has to do. */
static void on_timeout(void *arg)
{
	struct kube_exec_run *r = arg;

	r->timed_out = 1;
	if (r->pid)
		(void)kill(r->pid, SIGKILL); /* it may have ended by itself, ignoring */
	reap(r);
	close_out(r);
	finish_when_over(r);
}

/* The plugin's environment: ours, what the kubeconfig adds, and who asks. Only the list is owned.
 */
static int make_env(const struct bw_kube_config *config, char *info, char ***ret)
{
	size_t n = 0, extra = 0, k = 0;
	char **const ours = environ;
	char **env;

	while (ours && ours[n])
		n++;
	while (config->exec.env && config->exec.env[extra])
		extra++;
	env = calloc(n + extra + 2, sizeof(*env));
	if (!env)
		return -ENOMEM;
	/* The first of a name counts. */
	env[k++] = info;
	for (size_t i = 0; i < extra; i++)
		env[k++] = config->exec.env[i];
	for (size_t i = 0; ours && i < n; i++)
		env[k++] = ours[i];
	*ret = env;
	return 0;
}

static int spawn(struct kube_exec_run *r, const struct bw_kube_config *config, int out, char **env,
		 struct bw_err *err)
{
	bw_autofree char **argv = calloc(BW_KUBE_EXEC_ARGS_MAX + 2, sizeof(*argv));
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t none;
	int e;

	if (!argv || posix_spawn_file_actions_init(&actions) != 0)
		return bw_fail(err, ENOMEM, "start %s", config->exec.command);
	if (posix_spawnattr_init(&attr) != 0) {
		(void)posix_spawn_file_actions_destroy(&actions); /* frees memory, ignoring */
		return bw_fail(err, ENOMEM, "start %s", config->exec.command);
	}
	argv[0] = config->exec.command;
	for (size_t i = 0; config->exec.args && config->exec.args[i]; i++)
		argv[i + 1] = config->exec.args[i];
	(void)sigemptyset(&none); /* cannot fail, ignoring */
	e = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	if (e == 0)
		e = posix_spawn_file_actions_adddup2(&actions, out, 1);
	if (e == 0)
		e = posix_spawnattr_setsigmask(&attr, &none);
	if (e == 0)
		e = posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK);
	if (e == 0)
		e = posix_spawnp(&r->pid, config->exec.command, &actions, &attr, argv, env);
	if (e != 0)
		r->pid = 0;
	(void)posix_spawnattr_destroy(&attr); /* frees memory, ignoring */
	(void)posix_spawn_file_actions_destroy(&actions); /* likewise, ignoring */
	return e ? bw_fail(err, e, "start %s", config->exec.command) : 0;
}

static int watch(struct kube_exec_run *r, struct bw_err *err)
{
	int e;

	r->pidfd = (int)syscall(SYS_pidfd_open, r->pid, 0U);
	if (r->pidfd < 0)
		return bw_fail(err, errno, "watch process %d", (int)r->pid);
	e = bw_loop_fd_add(&r->pid_watch, r->loop, r->pidfd, EPOLLIN, on_exit_of_plugin, r, err);
	if (e == 0)
		e = bw_loop_fd_add(&r->out_watch, r->loop, r->out, EPOLLIN, on_output, r, err);
	if (e < 0)
		return e;
	bw_timer_init(&r->timeout, r->loop, on_timeout, r);
	e = bw_timer_set(&r->timeout, bw_loop_now_ns(r->loop) + KUBE_EXEC_TIMEOUT_S * NS_PER_S);
	return e < 0 ? bw_fail(err, -e, "watch process %d", (int)r->pid) : 0;
}

int kube_exec_run_start(struct kube_exec_run *r, const struct bw_kube_config *config,
			struct bw_err *err)
{
	bw_autofree char *info = NULL;
	bw_autofree char *variable = NULL;
	bw_autofree char **env = NULL;
	bw_autoclose int out = -1;
	int fds[2];
	int e = kube_exec_info(config, &info, err);

	if (e < 0)
		return e;
	if (asprintf(&variable, "KUBERNETES_EXEC_INFO=%s", info) < 0 ||
	    make_env(config, variable, &env) < 0)
		return bw_fail(err, ENOMEM, "start %s", config->exec.command);
	if (pipe2(fds, O_CLOEXEC) < 0)
		return bw_fail(err, errno, "start %s", config->exec.command);
	r->out = fds[0];
	out = fds[1];
	bw_buf_done(&r->text);
	r->status = 0;
	r->timed_out = 0;
	e = fcntl(r->out, F_SETFL, O_NONBLOCK) < 0 ? bw_fail(err, errno, "set up a pipe")
						   : spawn(r, config, out, env, err);
	if (e == 0)
		e = watch(r, err);
	if (e < 0)
		kube_exec_run_done(r);
	return e;
}

void kube_exec_run_done(struct kube_exec_run *r)
{
	if (r->pid)
		(void)kill(r->pid, SIGKILL); /* it may have ended by itself, ignoring */
	reap(r);
	close_out(r);
	bw_timer_stop(&r->timeout);
	if (r->text.data)
		explicit_bzero(r->text.data, r->text.cap);
	bw_buf_done(&r->text);
}
