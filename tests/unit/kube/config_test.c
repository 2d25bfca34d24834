/* SPDX-License-Identifier: Apache-2.0 */
/* kubeconfig files, a pod's own account, what is read again; what plugins print. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include <bw/err.h>
#include <bw/kube_config.h>

#include "exec.h"
#include "failalloc.h"

static char dir[] = "/tmp/bw-config-test-XXXXXX";
static char path_a[64], path_b[64], path_list[256];

static void put(const char *name, const char *text)
{
	char path[128];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "we");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static int setup(void **state)
{
	char sub[64];

	(void)state;
	if (!mkdtemp(dir))
		return -1;
	(void)snprintf(path_a, sizeof(path_a), "%s/a", dir);
	(void)snprintf(path_b, sizeof(path_b), "%s/b", dir);
	(void)snprintf(path_list, sizeof(path_list), "%s/none:%s::%s", dir, path_a, path_b);
	(void)snprintf(sub, sizeof(sub), "%s/.kube", dir);
	return mkdir(sub, 0700);
}

static int teardown(void **state)
{
	static const char *const names[] = { "a",      "b",         "token",
					     "ca.crt", "namespace", ".kube/config",
					     "crt",    "key",       ".kube" };

	(void)state;
	for (size_t i = 0; i < BW_ARRAY_SIZE(names); i++) {
		char path[128];

		(void)snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		(void)remove(path);
	}
	return rmdir(dir);
}

#define CLUSTER_A "clusters:\n- name: c\n  cluster: {server: \"https://a:1/p/\"}\n"
#define USER_A "users:\n- name: u\n  user: {token: ta}\n"
#define CONTEXT_A                                                                                  \
	"contexts:\n- name: x\n  context: {cluster: c, user: u, namespace: n}\n"                   \
	"current-context: x\n"

static void whole_file_gives_a_configuration(void **state)
{
	bw_autokubeconfig struct bw_kube_config *c = NULL;

	(void)state;
	put("a", "apiVersion: v1\nkind: Config\npreferences: {}\n" CONTEXT_A
		 "clusters:\n- name: c\n  cluster:\n    server: https://h:6443\n"
		 "    certificate-authority-data: Y2E=\n    tls-server-name: t\n"
		 "    proxy-url: http://p:1\n    insecure-skip-tls-verify: true\n"
		 "users:\n- name: u\n  user:\n    client-certificate-data: Y3J0\n"
		 "    client-key-data: a2V5\n    username: me\n    password: pw\n");
	assert_int_equal(bw_kube_config_load(path_a, NULL, &c, NULL), 0);
	assert_string_equal(c->server, "https://h:6443");
	assert_string_equal(c->ca.data.data, "ca");
	assert_string_equal(c->cert.data.data, "crt");
	assert_string_equal(c->key.data.data, "key");
	assert_string_equal(c->tls_server_name, "t");
	assert_string_equal(c->proxy, "http://p:1");
	assert_string_equal(c->namespace, "n");
	assert_string_equal(c->context, "x");
	assert_string_equal(c->username, "me");
	assert_string_equal(c->password, "pw");
	assert_int_equal(c->insecure, 1);
	assert_null(c->token);
	assert_null(c->exec.command);
}

static void json_is_yaml_too(void **state)
{
	bw_autokubeconfig struct bw_kube_config *c = NULL;

	(void)state;
	put("a",
	    "{\"current-context\":\"x\",\"contexts\":[{\"name\":\"x\",\"context\":{\"cluster\":"
	    "\"c\"}}],\"clusters\":[{\"name\":\"c\",\"cluster\":{\"server\":\"http:\\/\\/h\"}}]}");
	assert_int_equal(bw_kube_config_load(path_a, NULL, &c, NULL), 0);
	assert_string_equal(c->server, "http://h");
	assert_null(c->token);
	assert_null(c->namespace);
}

static void first_of_several_files_counts(void **state)
{
	bw_autokubeconfig struct bw_kube_config *c = NULL;
	bw_autokubeconfig struct bw_kube_config *d = NULL;

	(void)state;
	put("a", CLUSTER_A "contexts:\n- name: x\n  context: {cluster: c, user: u}\n");
	put("b", "clusters:\n- name: c\n  cluster: {server: \"https://b\"}\n" USER_A
		 "contexts:\n- name: x\n  context: {cluster: none}\n"
		 "- name: y\n  context: {cluster: c}\ncurrent-context: x\n");
	/* One that is not there is passed over, and so is an empty name. */
	assert_int_equal(bw_kube_config_load(path_list, NULL, &c, NULL), 0);
	assert_string_equal(c->server, "https://a:1/p");
	assert_string_equal(c->token, "ta");
	assert_int_equal(bw_kube_config_load(path_list, "y", &d, NULL), 0);
	assert_string_equal(d->context, "y");
	assert_null(d->token);
}

static void paths_are_relative_to_their_file(void **state)
{
	bw_autokubeconfig struct bw_kube_config *c = NULL;
	char want[64];

	(void)state;
	put("token", "tt\n");
	put("ca.crt", "CA");
	put("a", CONTEXT_A "clusters:\n- name: c\n  cluster: {server: \"https://h\", "
			   "certificate-authority: ca.crt}\n"
			   "users:\n- name: u\n  user: {tokenFile: token, token: no}\n");
	assert_int_equal(bw_kube_config_load(path_a, NULL, &c, NULL), 0);
	assert_string_equal(c->token, "tt");
	assert_string_equal(c->ca.data.data, "CA");
	(void)snprintf(want, sizeof(want), "%s/token", dir);
	assert_string_equal(c->token_file, want);
}

static void exec_is_read_with_arguments_and_variables(void **state)
{
	bw_autokubeconfig struct bw_kube_config *c = NULL;
	char want[64];

	(void)state;
	put("a", CONTEXT_A CLUSTER_A
	    "users:\n- name: u\n  user:\n    exec:\n      command: ./bin/p\n"
	    "      apiVersion: client.authentication.k8s.io/v1beta1\n      args: [a, \"\", c]\n"
	    "      env:\n      - {name: A, value: b}\n      - {name: B}\n");
	assert_int_equal(bw_kube_config_load(path_a, NULL, &c, NULL), 0);
	(void)snprintf(want, sizeof(want), "%s/./bin/p", dir);
	assert_string_equal(c->exec.command, want);
	assert_string_equal(c->exec.args[0], "a");
	assert_string_equal(c->exec.args[1], "");
	assert_string_equal(c->exec.args[2], "c");
	assert_null(c->exec.args[3]);
	assert_string_equal(c->exec.env[0], "A=b");
	assert_string_equal(c->exec.env[1], "B=");
}

static void what_cannot_be_used_is_named(void **state)
{
	static const struct {
		const char *text;
		const char *says;
	} cases[] = {
		{ "a: [", "is no YAML: line" },
		{ "", "has no current-context" },
		{ "current-context: z\n", "has no context z" },
		{ CONTEXT_A, "names the cluster c, which no kubeconfig has" },
		{ CONTEXT_A CLUSTER_A, "names the user u, which no kubeconfig has" },
		{ CONTEXT_A "clusters:\n- name: c\n  cluster: {}\n", "must be a URL" },
		{ CONTEXT_A "clusters:\n- name: c\n  cluster: {server: \"h:1\"}\n",
		  "must be a URL with https://, got h:1" },
		{ CONTEXT_A "clusters:\n- name: c\n  cluster: {server: \"https://h\", "
			    "certificate-authority-data: \"*\"}\n",
		  "certificate-authority-data is no base64" },
		{ CONTEXT_A "clusters:\n- name: c\n  cluster: {server: \"https://h\", "
			    "certificate-authority: none.crt}\n",
		  "none.crt" },
		{ CONTEXT_A CLUSTER_A "users:\n- name: u\n  user: {client-key-data: a2V5}\n",
		  "need each other" },
		{ CONTEXT_A CLUSTER_A "users:\n- name: u\n  user: {token: \"a\\nb\"}\n",
		  "token has several lines" },
		{ CONTEXT_A CLUSTER_A "users:\n- name: u\n  user: {exec: {command: x}}\n",
		  "apiVersion must be" },
		{ CONTEXT_A CLUSTER_A "users:\n- name: u\n  user: {exec: {args: []}}\n",
		  "exec has no command" },
		{ CONTEXT_A CLUSTER_A "users:\n- name: u\n  user: {exec: {command: x, apiVersion: "
				      "client.authentication.k8s.io/v1, args: [[1]]}}\n",
		  "item 0 of args" },
		{ "- x\n", "has no current-context" },
		{ "a: &a [*a]\ncurrent-context: *a\n", "has no current-context" },
	};

	(void)state;
	for (size_t i = 0; i < BW_ARRAY_SIZE(cases); i++) {
		struct bw_kube_config *c = NULL;
		struct bw_err err = { 0 };

		put("a", cases[i].text);
		assert_true(bw_kube_config_load(path_a, NULL, &c, &err) < 0);
		assert_null(c);
		if (!strstr(err.msg, cases[i].says))
			fail_msg("%s: %s", cases[i].says, err.msg);
	}
}

static void secrets_are_in_no_error(void **state)
{
	struct bw_kube_config *c = NULL;
	struct bw_err err = { 0 };

	(void)state;
	put("a", CONTEXT_A CLUSTER_A "users:\n- name: u\n  user: {token: \"sec\\nret\", "
				     "password: hidden}\n");
	assert_int_equal(bw_kube_config_load(path_a, NULL, &c, &err), -EINVAL);
	assert_null(strstr(err.msg, "sec"));
	assert_null(strstr(err.msg, "hidden"));
}

static void nothing_there_is_said_so(void **state)
{
	struct bw_kube_config *c = NULL;
	struct bw_err err = { 0 };

	(void)state;
	assert_int_equal(bw_kube_config_load("/nonexistent/a:/nonexistent/b", NULL, &c, &err),
			 -ENOENT);
	assert_int_equal(err.class, BW_ERR_INVALID);
	assert_int_equal(unsetenv("KUBERNETES_SERVICE_HOST"), 0);
	assert_int_equal(bw_kube_config_in_cluster(dir, &c, &err), -ENOENT);
	assert_int_equal(setenv("HOME", "/nonexistent", 1), 0);
	assert_int_equal(unsetenv("KUBECONFIG"), 0);
	assert_int_equal(bw_kube_config_find(NULL, NULL, &c, &err), -ENOENT);
	assert_non_null(strstr(err.msg, "--kubeconfig"));
}

static void pod_has_an_account_of_its_own(void **state)
{
	bw_autokubeconfig struct bw_kube_config *c = NULL;
	bw_autokubeconfig struct bw_kube_config *d = NULL;

	(void)state;
	put("token", "tt");
	put("ca.crt", "CA");
	put("namespace", "ns\n");
	assert_int_equal(setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1", 1), 0);
	assert_int_equal(setenv("KUBERNETES_SERVICE_PORT", "443", 1), 0);
	assert_int_equal(bw_kube_config_in_cluster(dir, &c, NULL), 0);
	assert_string_equal(c->server, "https://10.0.0.1:443");
	assert_string_equal(c->token, "tt");
	assert_string_equal(c->ca.data.data, "CA");
	assert_string_equal(c->namespace, "ns");
	assert_int_equal(setenv("KUBERNETES_SERVICE_HOST", "fd00::1", 1), 0);
	assert_int_equal(bw_kube_config_in_cluster(dir, &d, NULL), 0);
	assert_string_equal(d->server, "https://[fd00::1]:443");
	assert_int_equal(unsetenv("KUBERNETES_SERVICE_HOST"), 0);
}

static void found_in_the_order_kubectl_has(void **state)
{
	bw_autokubeconfig struct bw_kube_config *c = NULL;
	bw_autokubeconfig struct bw_kube_config *d = NULL;
	bw_autokubeconfig struct bw_kube_config *e = NULL;

	(void)state;
	put(".kube/config",
	    "clusters:\n- name: c\n  cluster: {server: \"https://home\"}\n" USER_A CONTEXT_A);
	put("a", CLUSTER_A USER_A CONTEXT_A);
	put("b", "clusters:\n- name: c\n  cluster: {server: \"https://b\"}\n" USER_A CONTEXT_A);
	assert_int_equal(setenv("HOME", dir, 1), 0);
	assert_int_equal(bw_kube_config_find("", NULL, &c, NULL), 0);
	assert_string_equal(c->server, "https://home");
	assert_int_equal(setenv("KUBECONFIG", path_b, 1), 0);
	assert_int_equal(bw_kube_config_find(NULL, NULL, &d, NULL), 0);
	assert_string_equal(d->server, "https://b");
	assert_int_equal(bw_kube_config_find(path_a, NULL, &e, NULL), 0);
	assert_string_equal(e->server, "https://a:1/p");
	assert_int_equal(unsetenv("KUBECONFIG"), 0);
}

static void reload_tells_what_is_new(void **state)
{
	bw_autokubeconfig struct bw_kube_config *c = NULL;
	struct bw_err err = { 0 };

	(void)state;
	put("token", "t1");
	put("crt", "C1");
	put("key", "K1");
	put("a", CONTEXT_A CLUSTER_A "users:\n- name: u\n  user: {tokenFile: token, "
				     "client-certificate: crt, client-key: key}\n");
	assert_int_equal(bw_kube_config_load(path_a, NULL, &c, NULL), 0);
	assert_int_equal(bw_kube_config_reload(c, &err), 0);
	put("token", "t2");
	assert_int_equal(bw_kube_config_reload(c, &err), 1);
	assert_string_equal(c->token, "t2");
	put("crt", "C2");
	assert_int_equal(bw_kube_config_reload(c, &err), 1);
	assert_string_equal(c->cert.data.data, "C2");
	put("token", "");
	assert_int_equal(bw_kube_config_reload(c, &err), -EINVAL);
	assert_string_equal(c->token, "t2");
	assert_int_equal(bw_kube_config_reload(c, NULL), -EINVAL);
}

static void plugin_output_is_judged(void **state)
{
	static const struct {
		const char *text;
		int r;
		int64_t expires;
	} cases[] = {
		{ "{\"status\":{\"token\":\"t\"}}", 0, 0 },
		{ "status: {token: t, expirationTimestamp: \"2026-01-01T00:00:00Z\"}", 0,
		  1767225600 },
		{ "status: {token: t, expirationTimestamp: \"2026-01-01T02:00:00.5+02:00\"}", 0,
		  1767225600 },
		{ "status: {token: t, expirationTimestamp: \"2025-12-31T16:30:00-07:30\"}", 0,
		  1767225600 },
		{ "status: {token: t, expirationTimestamp: soon}", -EINVAL, 0 },
		{ "status: {token: t, expirationTimestamp: \"2026-01-01T00:00:00+2\"}", -EINVAL,
		  0 },
		{ "status: {}", -EINVAL, 0 },
		{ "", -EINVAL, 0 },
		{ "{", -EINVAL, 0 },
		{ "status: {token: \"a\\r\\nX: y\"}", -EINVAL, 0 },
		{ "status: {clientCertificateData: c}", -EINVAL, 0 },
		{ "status: {clientCertificateData: c, clientKeyData: k}", 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < BW_ARRAY_SIZE(cases); i++) {
		struct kube_exec_cred c = { 0 };

		assert_int_equal(kube_exec_parse(cases[i].text, strlen(cases[i].text), &c, NULL),
				 cases[i].r);
		assert_int_equal(c.expires_s, cases[i].expires);
		kube_exec_cred_done(&c);
	}
}

static void allocations_that_fail_are_told(void **state)
{
	long n = 0;
	int failed;

	(void)state;
	put("a", CONTEXT_A CLUSTER_A
	    "users:\n- name: u\n  user:\n    token: t\n    exec:\n      command: p\n"
	    "      apiVersion: client.authentication.k8s.io/v1\n      args: [a]\n");
	do {
		struct bw_kube_config *c = NULL;
		struct bw_err err = { 0 };
		int r;

		fail_alloc_start(n++);
		r = bw_kube_config_load(path_a, NULL, &c, &err);
		failed = fail_alloc_stop();
		if (r != (failed ? -ENOMEM : 0))
			fail_msg("allocation %ld: %d %s", n, r, err.msg);
		bw_kube_config_free(&c);
	} while (failed);
	assert_true(n > 20 || !FAIL_ALLOC_WORKS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_file_gives_a_configuration),
		cmocka_unit_test(json_is_yaml_too),
		cmocka_unit_test(first_of_several_files_counts),
		cmocka_unit_test(paths_are_relative_to_their_file),
		cmocka_unit_test(exec_is_read_with_arguments_and_variables),
		cmocka_unit_test(what_cannot_be_used_is_named),
		cmocka_unit_test(secrets_are_in_no_error),
		cmocka_unit_test(nothing_there_is_said_so),
		cmocka_unit_test(pod_has_an_account_of_its_own),
		cmocka_unit_test(found_in_the_order_kubectl_has),
		cmocka_unit_test(reload_tells_what_is_new),
		cmocka_unit_test(plugin_output_is_judged),
		cmocka_unit_test(allocations_that_fail_are_told),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, setup, teardown);
}
