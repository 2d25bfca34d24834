/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kubeconfig files: several of them merged, one context of it taken out. Relative paths are
 * relative to the file that names them. Source: kubectl's "Organizing Cluster Access Using
 * kubeconfig Files".
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include <bw/err.h>
#include <bw/io.h>
#include <bw/kube_base64.h>
#include <bw/kube_config.h>

#include "yaml.h"

/* One file, as long as the configuration is made. */
struct file {
	char *path;
	char *dir;
	struct kube_yaml yaml;
};

struct files {
	struct file list[BW_KUBE_CONFIG_FILES_MAX];
	size_t n;
};

static void files_done(struct files *f)
{
	for (size_t i = 0; i < f->n; i++) {
		free(f->list[i].path);
		free(f->list[i].dir);
		kube_yaml_done(&f->list[i].yaml);
	}
}

static void wipe(char **s)
{
	if (*s)
		explicit_bzero(*s, strlen(*s));
	free(*s);
	*s = NULL;
}

static void pem_done(struct bw_kube_pem *p)
{
	free(p->file);
	if (p->data.data)
		explicit_bzero(p->data.data, p->data.cap);
	bw_buf_done(&p->data);
}

static void list_free(char **list)
{
	for (char **s = list; s && *s; s++)
		wipe(s);
	free(list);
}

void bw_kube_config_free(struct bw_kube_config **c)
{
	struct bw_kube_config *k = c ? *c : NULL;

	if (!k)
		return;
	*c = NULL;
	free(k->server);
	free(k->tls_server_name);
	wipe(&k->proxy);
	free(k->namespace);
	free(k->context);
	pem_done(&k->ca);
	pem_done(&k->cert);
	pem_done(&k->key);
	wipe(&k->token);
	free(k->token_file);
	free(k->username);
	wipe(&k->password);
	free(k->exec.command);
	list_free(k->exec.args);
	list_free(k->exec.env);
	free(k->exec.api_version);
	free(k->exec.install_hint);
	free(k);
}

static int oom(struct bw_err *err)
{
	return bw_fail(err, ENOMEM, "read the kubeconfig");
}

/* A copy of a scalar; NULL stays NULL. */
static int copy(const char *s, char **ret, struct bw_err *err)
{
	char *text = s ? strdup(s) : NULL;

	if (s && !text)
		return oom(err);
	free(*ret);
	*ret = text;
	return 0;
}

/* The same of a path. */
static int copy_path(const struct file *f, const char *s, char **ret, struct bw_err *err)
{
	char *text = NULL;

	if (!s || s[0] == '/')
		return copy(s, ret, err);
	if (asprintf(&text, "%s/%s", f->dir, s) < 0)
		return oom(err);
	free(*ret);
	*ret = text;
	return 0;
}

static int read_pem(struct bw_kube_pem *p, struct bw_err *err)
{
	bw_buf_done(&p->data);
	return bw_io_read_file(p->file, BW_KUBE_SECRET_MAX, &p->data, err);
}

/* KEY-data as base64, or KEY as a file; data wins. */
static int load_pem(struct file *f, kube_yaml_node n, const char *key, struct bw_kube_pem *ret,
		    struct bw_err *err)
{
	char data_key[64];
	const char *text;
	int r;

	(void)snprintf(data_key, sizeof(data_key), "%s-data", key); /* fits, ignoring */
	text = kube_yaml_get_str(&f->yaml, n, data_key);
	if (text) {
		r = bw_kube_base64_decode(text, strlen(text), &ret->data);
		if (r == -ENOMEM)
			return oom(err);
		return r < 0 ? bw_reject(err, BW_ERR_INVALID, EINVAL, "%s: %s is no base64",
					 f->path, data_key)
			     : 0;
	}
	text = kube_yaml_get_str(&f->yaml, n, key);
	if (!text)
		return 0;
	r = copy_path(f, text, &ret->file, err);
	return r < 0 ? r : read_pem(ret, err);
}

static int load_cluster(struct file *f, kube_yaml_node n, struct bw_kube_config *c,
			struct bw_err *err)
{
	struct kube_yaml *y = &f->yaml;
	const char *server = kube_yaml_get_str(y, n, "server");
	size_t len;
	int r;

	if (!server || (strncmp(server, "https://", 8) != 0 && strncmp(server, "http://", 7) != 0))
		return bw_reject(err, BW_ERR_INVALID, EINVAL,
				 "%s: server of the cluster must be a URL with https://, got %s",
				 f->path, server ? server : "nothing");
	r = copy(server, &c->server, err);
	if (r < 0)
		return r;
	len = strlen(c->server);
	while (len && c->server[len - 1] == '/')
		c->server[--len] = '\0';
	r = copy(kube_yaml_get_str(y, n, "tls-server-name"), &c->tls_server_name, err);
	if (r == 0)
		r = copy(kube_yaml_get_str(y, n, "proxy-url"), &c->proxy, err);
	c->insecure = (uint8_t)kube_yaml_get_bool(y, n, "insecure-skip-tls-verify");
	return r < 0 ? r : load_pem(f, n, "certificate-authority", &c->ca, err);
}

/* A list of scalars, or of {name, value} as NAME=VALUE. */
static int load_list(struct file *f, kube_yaml_node n, int pairs, char ***ret, struct bw_err *err)
{
	char **list = calloc(BW_KUBE_EXEC_ARGS_MAX + 1, sizeof(*list));
	kube_yaml_node item;
	size_t i;

	if (!list)
		return oom(err);
	*ret = list;
	for (i = 0; (item = kube_yaml_at(&f->yaml, n, i)); i++) {
		const char *name = kube_yaml_get_str(&f->yaml, item, "name");
		const char *value = kube_yaml_get_str(&f->yaml, item, "value");

		if (i == BW_KUBE_EXEC_ARGS_MAX || (pairs && !name) ||
		    (!pairs && item->type != YAML_SCALAR_NODE))
			return bw_reject(err, BW_ERR_INVALID, EINVAL,
					 "%s: exec: item %zu of %s cannot be used", f->path, i,
					 pairs ? "env" : "args");
		if (!pairs)
			list[i] = strdup(kube_yaml_str(item) ? kube_yaml_str(item) : "");
		else if (asprintf(&list[i], "%s=%s", name, value ? value : "") < 0)
			list[i] = NULL;
		if (!list[i])
			return oom(err);
	}
	return 0;
}

#define EXEC_API_V1 "client.authentication.k8s.io/v1"
#define EXEC_API_V1BETA1 "client.authentication.k8s.io/v1beta1"

static int load_exec(struct file *f, kube_yaml_node n, struct bw_kube_exec *e, struct bw_err *err)
{
	struct kube_yaml *y = &f->yaml;
	const char *command = kube_yaml_get_str(y, n, "command");
	const char *api = kube_yaml_get_str(y, n, "apiVersion");
	int r;

	if (!n)
		return 0;
	if (!command)
		return bw_reject(err, BW_ERR_INVALID, EINVAL, "%s: exec has no command", f->path);
	if (!api || (strcmp(api, EXEC_API_V1) != 0 && strcmp(api, EXEC_API_V1BETA1) != 0))
		return bw_reject(err, BW_ERR_INVALID, EINVAL,
				 "%s: exec: apiVersion must be %s, got %s", f->path, EXEC_API_V1,
				 api ? api : "nothing");
	/* A bare name is looked for in PATH. */
	r = strchr(command, '/') ? copy_path(f, command, &e->command, err)
				 : copy(command, &e->command, err);
	if (r == 0)
		r = copy(api, &e->api_version, err);
	if (r == 0)
		r = copy(kube_yaml_get_str(y, n, "installHint"), &e->install_hint, err);
	if (r == 0)
		r = load_list(f, kube_yaml_get(y, n, "args"), 0, &e->args, err);
	if (r == 0)
		r = load_list(f, kube_yaml_get(y, n, "env"), 1, &e->env, err);
	e->cluster_info = (uint8_t)kube_yaml_get_bool(y, n, "provideClusterInfo");
	return r;
}

static void trim(struct bw_buf *b)
{
	while (b->size && strchr(" \t\r\n", b->data[b->size - 1]))
		b->data[--b->size] = '\0';
}

/* A token as a line of its own would end the header it goes into. */
static int read_token(const char *path, char **ret, struct bw_err *err)
{
	bw_autobuf struct bw_buf text = { 0 };
	int r = bw_io_read_file(path, BW_KUBE_SECRET_MAX, &text, err);

	if (r < 0)
		return r;
	trim(&text);
	if (!text.size || strlen(text.data) != text.size || strpbrk(text.data, "\r\n"))
		return bw_reject(err, BW_ERR_INVALID, EINVAL, "%s holds no token", path);
	wipe(ret);
	*ret = bw_buf_take(&text);
	return *ret ? 0 : oom(err);
}

static int load_user(struct file *f, kube_yaml_node n, struct bw_kube_config *c, struct bw_err *err)
{
	struct kube_yaml *y = &f->yaml;
	int r = load_pem(f, n, "client-certificate", &c->cert, err);

	if (r == 0)
		r = load_pem(f, n, "client-key", &c->key, err);
	if (r == 0)
		r = copy(kube_yaml_get_str(y, n, "token"), &c->token, err);
	if (r == 0)
		r = copy_path(f, kube_yaml_get_str(y, n, "tokenFile"), &c->token_file, err);
	if (r == 0 && c->token_file)
		r = read_token(c->token_file, &c->token, err);
	if (r == 0)
		r = copy(kube_yaml_get_str(y, n, "username"), &c->username, err);
	if (r == 0)
		r = copy(kube_yaml_get_str(y, n, "password"), &c->password, err);
	if (r == 0)
		r = load_exec(f, kube_yaml_get(y, n, "exec"), &c->exec, err);
	if (r < 0)
		return r;
	if (c->token && strpbrk(c->token, "\r\n"))
		return bw_reject(err, BW_ERR_INVALID, EINVAL, "%s: token has several lines",
				 f->path);
	if (!c->cert.data.size != !c->key.data.size)
		return bw_reject(err, BW_ERR_INVALID, EINVAL,
				 "%s: client-certificate and client-key need each other", f->path);
	return 0;
}

/* The first file that has @name in its list: {name: NAME, KEY: what is found}. */
static struct file *find(struct files *files, const char *list, const char *name, const char *key,
			 kube_yaml_node *ret)
{
	for (size_t i = 0; i < files->n; i++) {
		struct kube_yaml *y = &files->list[i].yaml;
		kube_yaml_node all = kube_yaml_get(y, kube_yaml_root(y), list);
		kube_yaml_node item;

		for (size_t k = 0; (item = kube_yaml_at(y, all, k)); k++) {
			const char *has = kube_yaml_get_str(y, item, "name");

			if (!has || strcmp(has, name) != 0)
				continue;
			*ret = kube_yaml_get(y, item, key);
			return &files->list[i];
		}
	}
	return NULL;
}

static const char *current_context(struct files *files)
{
	const char *name = NULL;

	for (size_t i = 0; !name && i < files->n; i++) {
		struct kube_yaml *y = &files->list[i].yaml;

		name = kube_yaml_get_str(y, kube_yaml_root(y), "current-context");
	}
	return name;
}

static int resolve(struct files *files, const char *context, struct bw_kube_config *c,
		   struct bw_err *err)
{
	const char *cluster, *user;
	kube_yaml_node n = NULL;
	struct file *f;
	int r;

	if (!context || !*context)
		context = current_context(files);
	if (!context)
		return bw_reject(err, BW_ERR_INVALID, EINVAL, "%s has no current-context",
				 files->list[0].path);
	f = find(files, "contexts", context, "context", &n);
	if (!f)
		return bw_reject(err, BW_ERR_INVALID, EINVAL, "%s has no context %s",
				 files->list[0].path, context);
	cluster = kube_yaml_get_str(&f->yaml, n, "cluster");
	user = kube_yaml_get_str(&f->yaml, n, "user");
	r = copy(context, &c->context, err);
	if (r == 0)
		r = copy(kube_yaml_get_str(&f->yaml, n, "namespace"), &c->namespace, err);
	if (r < 0)
		return r;
	f = cluster ? find(files, "clusters", cluster, "cluster", &n) : NULL;
	if (!f)
		return bw_reject(err, BW_ERR_INVALID, EINVAL,
				 "context %s names the cluster %s, which no kubeconfig has",
				 context, cluster ? cluster : "\"\"");
	r = load_cluster(f, n, c, err);
	if (r < 0 || !user)
		return r;
	f = find(files, "users", user, "user", &n);
	if (!f)
		return bw_reject(err, BW_ERR_INVALID, EINVAL,
				 "context %s names the user %s, which no kubeconfig has", context,
				 user);
	return load_user(f, n, c, err);
}

static int open_file(struct files *files, const char *path, size_t len, struct bw_err *err)
{
	bw_autobuf struct bw_buf text = { 0 };
	struct file *f = &files->list[files->n];
	const char *slash;
	int r;

	if (files->n == BW_KUBE_CONFIG_FILES_MAX)
		return bw_reject(err, BW_ERR_INVALID, EINVAL, "more than %d kubeconfig files",
				 BW_KUBE_CONFIG_FILES_MAX);
	*f = (struct file){ .path = strndup(path, len) };
	files->n++;
	if (!f->path)
		return oom(err);
	slash = strrchr(f->path, '/');
	f->dir = slash ? strndup(f->path, (size_t)(slash - f->path)) : strdup(".");
	if (!f->dir)
		return oom(err);
	r = bw_io_read_file(f->path, BW_KUBE_CONFIG_MAX, &text, err);
	if (r == 0)
		r = kube_yaml_load(&f->yaml, text.data ? text.data : "", text.size, f->path, err);
	if (text.data)
		explicit_bzero(text.data, text.cap);
	if (r == -ENOENT) {
		/* One of several that is not there is passed over. */
		files->n--;
		free(f->path);
		free(f->dir);
	}
	return r == -ENOENT ? 0 : r;
}

static int load(struct files *files, const char *names, const char *context,
		struct bw_kube_config *c, struct bw_err *err)
{
	for (const char *p = names; *p;) {
		size_t len = strcspn(p, ":");
		int r = len ? open_file(files, p, len, err) : 0;

		if (r < 0)
			return r;
		p += len;
		p += *p == ':';
	}
	if (!files->n)
		return bw_reject(err, BW_ERR_INVALID, ENOENT, "there is no kubeconfig file %s",
				 names);
	return resolve(files, context, c, err);
}

int bw_kube_config_load(const char *files, const char *context, struct bw_kube_config **ret,
			struct bw_err *err)
{
	bw_autokubeconfig struct bw_kube_config *c = calloc(1, sizeof(*c));
	bw_autofree struct files *list = calloc(1, sizeof(*list));
	int r;

	if (!c || !list)
		return oom(err);
	r = load(list, files, context, c, err);
	files_done(list);
	if (r < 0)
		return r;
	*ret = BW_TAKE_PTR(c);
	return 0;
}

#define IN_CLUSTER_DIR "/var/run/secrets/kubernetes.io/serviceaccount"

static int in_cluster(const char *dir, const char *host, const char *port, struct bw_kube_config *c,
		      struct bw_err *err)
{
	bw_autobuf struct bw_buf ns = { 0 };
	bw_autofree char *ns_file = NULL;
	int r;

	if (asprintf(&c->server, strchr(host, ':') ? "https://[%s]:%s" : "https://%s:%s", host,
		     port) < 0 ||
	    asprintf(&c->token_file, "%s/token", dir) < 0 ||
	    asprintf(&c->ca.file, "%s/ca.crt", dir) < 0 ||
	    asprintf(&ns_file, "%s/namespace", dir) < 0)
		return oom(err);
	r = read_token(c->token_file, &c->token, err);
	if (r == 0)
		r = read_pem(&c->ca, err);
	if (r < 0)
		return r;
	/* Only for those who ask in which namespace they are. */
	if (bw_io_read_file(ns_file, BW_KUBE_SECRET_MAX, &ns, NULL) == 0) {
		trim(&ns);
		c->namespace = bw_buf_take(&ns);
		if (!c->namespace)
			return oom(err);
	}
	return 0;
}

int bw_kube_config_in_cluster(const char *dir, struct bw_kube_config **ret, struct bw_err *err)
{
	bw_autokubeconfig struct bw_kube_config *c = calloc(1, sizeof(*c));
	const char *host = getenv("KUBERNETES_SERVICE_HOST");
	const char *port = getenv("KUBERNETES_SERVICE_PORT");
	int r;

	if (!c)
		return oom(err);
	if (!host || !*host || !port || !*port)
		return bw_reject(err, BW_ERR_INVALID, ENOENT,
				 "this is no pod: KUBERNETES_SERVICE_HOST is not set");
	r = in_cluster(dir ? dir : IN_CLUSTER_DIR, host, port, c, err);
	if (r < 0)
		return r;
	*ret = BW_TAKE_PTR(c);
	return 0;
}

int bw_kube_config_find(const char *file, const char *context, struct bw_kube_config **ret,
			struct bw_err *err)
{
	bw_autofree char *at_home = NULL;
	const char *files = file && *file ? file : getenv("KUBECONFIG");
	const char *home = getenv("HOME");
	int r;

	if (files && *files)
		return bw_kube_config_load(files, context, ret, err);
	if (home && *home) {
		if (asprintf(&at_home, "%s/.kube/config", home) < 0)
			return oom(err);
		r = bw_kube_config_load(at_home, context, ret, err);
		if (r != -ENOENT)
			return r;
	}
	r = bw_kube_config_in_cluster(NULL, ret, err);
	if (r == -ENOENT)
		return bw_reject(
			err, BW_ERR_INVALID, ENOENT,
			"no kubeconfig: give --kubeconfig, set KUBECONFIG, or run in a pod");
	return r;
}

static int reload_pem(struct bw_kube_pem *p, struct bw_err *err)
{
	bw_autobuf struct bw_buf now = { 0 };
	int r;

	if (!p->file)
		return 0;
	r = bw_io_read_file(p->file, BW_KUBE_SECRET_MAX, &now, err);
	if (r < 0)
		return r;
	/* Half a file is what a writer has just begun: the next look sees the rest. */
	if (!now.size ||
	    (now.size == p->data.size && memcmp(now.data, p->data.data, now.size) == 0))
		return 0;
	bw_buf_done(&p->data);
	p->data = now;
	now = (struct bw_buf){ 0 };
	return 1;
}

static int reload_token(struct bw_kube_config *c, struct bw_err *err)
{
	char *now = NULL;
	int changed;
	int r;

	if (!c->token_file)
		return 0;
	r = read_token(c->token_file, &now, err);
	if (r < 0 || !now)
		return r;
	changed = !c->token || strcmp(c->token, now) != 0;
	wipe(changed ? &c->token : &now);
	if (changed)
		c->token = now;
	return changed;
}

int bw_kube_config_reload(struct bw_kube_config *c, struct bw_err *err)
{
	struct bw_kube_pem *const pems[] = { &c->ca, &c->cert, &c->key };
	int changed = reload_token(c, err);
	int failed = changed < 0 ? changed : 0;

	changed = changed > 0;
	for (size_t i = 0; i < BW_ARRAY_SIZE(pems); i++) {
		int r = reload_pem(pems[i], failed ? NULL : err);

		if (r < 0 && !failed)
			failed = r;
		changed |= r > 0;
	}
	return failed ? failed : changed;
}
