/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS and credentials: who the server is, who we are, and what happens when either changes while
 * we run. The server is told what to answer; its certificates are made once per run.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/stat.h>

#include <cmocka.h>

#include <bw/io.h>

#include "fakeserver.h"

static const struct bw_kube_kind pods = { "", "v1", "pods", "Pod", 1 };

static struct fake server;
static struct fake plain; /* without TLS, one a test */
static char dir[] = "/tmp/bw-auth-test-XXXXXX";

static const struct bw_kube_request get_x = {
	.verb = BW_KUBE_GET, .kind = &pods, .namespace = "d", .name = "x"
};

static void write_file(const char *name, const char *text, mode_t mode)
{
	bw_autofree char *path = NULL;
	bw_autofree char *tmp = NULL;
	FILE *f;

	assert_true(asprintf(&path, "%s/%s", dir, name) > 0);
	assert_true(asprintf(&tmp, "%s.new", path) > 0);
	f = fopen(tmp, "we");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(tmp, mode), 0);
	assert_int_equal(rename(tmp, path), 0);
}

static void copy_file(const char *from, const char *to)
{
	bw_autobuf struct bw_buf text = { 0 };
	bw_autofree char *path = NULL;

	assert_true(asprintf(&path, "%s/%s", dir, from) > 0);
	assert_int_equal(bw_io_read_file(path, 65536, &text, NULL), 0);
	write_file(to, text.data, 0600);
}

/* Connects as a kubeconfig says; @cluster and @user are lines of YAML. */
static void connect_as(const char *host, const char *cluster, const char *user,
		       const struct bw_kube_http_options *o)
{
	struct bw_kube_config *config = NULL;
	bw_autobuf struct bw_buf text = { 0 };
	bw_autofree char *path = NULL;
	struct bw_err err = { 0 };

	assert_int_equal(
		bw_buf_printf(&text,
			      "clusters:\n- name: c\n  cluster:\n    server: https://%s:%d\n"
			      "%s"
			      "users:\n- name: u\n  user:\n%s"
			      "contexts:\n- name: x\n  context: {cluster: c, user: u}\n"
			      "current-context: x\n",
			      host, server.port, cluster, user),
		0);
	write_file("config", text.data, 0600);
	assert_true(asprintf(&path, "%s/config", dir) > 0);
	if (bw_kube_config_load(path, NULL, &config, &err) < 0)
		fail_msg("%s", err.msg);
	fake_client(&server, config, o);
}

#define CA "    certificate-authority: ca.crt\n"

static int teardown(void **state)
{
	(void)state;
	fake_forget(&server);
	return 0;
}

static void expect_result(enum bw_kube_result want)
{
	bw_autocall struct call c = { 0 };

	call_whole(&server, &c, &get_x);
	assert_int_equal(c.reply.result, want);
}

/* One call that succeeds, with this header of authorization. */
static void expect_authorization(const char *want)
{
	bw_autoseen struct seen s = { 0 };

	fake_say(&server, "{\"body\":\"{}\"}");
	expect_result(BW_KUBE_OK);
	s = fake_seen(&server);
	assert_header(&s, "authorization", want);
}

static void client_certificate_says_who_we_are(void **state)
{
	bw_autoseen struct seen s = { 0 };

	(void)state;
	connect_as("127.0.0.1", CA,
		   "    client-certificate: client.crt\n    client-key: client.key\n", NULL);
	fake_say(&server, "{\"body\":\"{}\"}");
	expect_result(BW_KUBE_OK);
	s = fake_seen(&server);
	assert_seen(&s, "cert", "tester");
	assert_header(&s, "authorization", "");
}

static void certificate_of_another_authority_is_refused(void **state)
{
	bw_autocall struct call c = { 0 };

	(void)state;
	connect_as("127.0.0.1", "    certificate-authority: other/ca.crt\n", "    token: t\n",
		   NULL);
	call_whole(&server, &c, &get_x);
	assert_int_equal(c.reply.result, BW_KUBE_REFUSED);
	assert_non_null(strstr(c.reply.message, "certificate"));
}

static void system_authorities_do_not_count_beside_a_given_one(void **state)
{
	bw_autofree char *at = NULL;

	(void)state;
	/* What libcurl takes by default would trust it. */
	assert_true(asprintf(&at, "%s/ca.crt", dir) > 0);
	assert_int_equal(setenv("SSL_CERT_FILE", at, 1), 0);
	connect_as("127.0.0.1", "    certificate-authority: other/ca.crt\n", "    token: t\n",
		   NULL);
	expect_result(BW_KUBE_REFUSED);
	assert_int_equal(unsetenv("SSL_CERT_FILE"), 0);
}

static void insecure_connection_must_be_asked_for(void **state)
{
	(void)state;
	connect_as("127.0.0.1", "    insecure-skip-tls-verify: true\n", "    token: t\n", NULL);
	expect_authorization("Bearer t");
	connect_as("127.0.0.1", "", "    token: t\n", NULL);
	expect_result(BW_KUBE_REFUSED);
}

static void tls_server_name_is_what_is_checked(void **state)
{
	(void)state;
	connect_as("127.0.0.1", CA "    tls-server-name: kube.test\n", "    token: t\n", NULL);
	expect_authorization("Bearer t");
	connect_as("127.0.0.1", CA "    tls-server-name: other.test\n", "    token: t\n", NULL);
	expect_result(BW_KUBE_REFUSED);
}

static void new_authority_is_read_while_we_run(void **state)
{
	struct bw_kube_http_options o = { .reload_ms = 1 };

	(void)state;
	copy_file("ca.crt", "now.crt");
	connect_as("127.0.0.1", "    certificate-authority: now.crt\n", "    token: t\n", &o);
	fake_say(&server,
		 "{\"body\":\"{}\",\"headers\":{\"Connection\":\"close\"},\"after\":\"close\"}");
	expect_result(BW_KUBE_OK);
	assert_true(fake_sees(&server, 5000));
	fake_say(&server, "{\"restart\":\"other\"}");
	assert_true(fake_sees(&server, 15000));
	expect_result(BW_KUBE_REFUSED);
	copy_file("other/ca.crt", "now.crt");
	while (fake_sees(&server, 50))
		;
	expect_authorization("Bearer t");
}

static void password_goes_as_basic(void **state)
{
	(void)state;
	connect_as("127.0.0.1", CA, "    username: u\n    password: p\n", NULL);
	expect_authorization("Basic dTpw");
}

static void token_file_is_read_again_after_its_time(void **state)
{
	struct bw_kube_http_options o = { .reload_ms = 1 };

	(void)state;
	write_file("token", "one\n", 0600);
	connect_as("127.0.0.1", CA, "    tokenFile: token\n    token: given\n", &o);
	expect_authorization("Bearer one");
	write_file("token", "two\n", 0600);
	expect_authorization("Bearer two");
	/* One that is gone, or half written, leaves what there is. */
	write_file("token", "", 0600);
	expect_authorization("Bearer two");
}

static void unauthorized_is_tried_once_with_the_new_token(void **state)
{
	bw_autocall struct call c = { 0 };
	bw_autoseen struct seen s = { 0 };
	bw_autoseen struct seen s2 = { 0 };

	(void)state;
	write_file("token", "one", 0600);
	connect_as("127.0.0.1", CA, "    tokenFile: token\n", NULL);
	write_file("token", "two", 0600);
	fake_say(&server, "{\"status\":401}");
	fake_say(&server, "{\"body\":\"{}\"}");
	call_whole(&server, &c, &get_x);
	assert_int_equal(c.reply.result, BW_KUBE_OK);
	s = fake_seen(&server);
	s2 = fake_seen(&server);
	assert_header(&s, "authorization", "Bearer one");
	assert_header(&s2, "authorization", "Bearer two");
	/* Nothing new: nothing is tried. */
	fake_say(&server, "{\"status\":401}");
	expect_result(BW_KUBE_UNAUTHORIZED);
	assert_true(fake_sees(&server, 5000));
	/* Twice is enough. */
	write_file("token", "three", 0600);
	fake_say(&server, "{\"status\":401}");
	fake_say(&server, "{\"status\":401}");
	expect_result(BW_KUBE_UNAUTHORIZED);
}

/* A plugin that counts its runs in its token. */
#define PLUGIN                                                                                     \
	"#!/bin/sh\ncd \"$(dirname \"$0\")\" || exit 1\n"                                          \
	"echo \"$KUBERNETES_EXEC_INFO $MORE $1\" >plugin.saw\necho x >>plugin.runs\n"              \
	"n=$(wc -l <plugin.runs)\n"
#define PLUGIN_USER                                                                                \
	"    exec:\n      apiVersion: client.authentication.k8s.io/v1\n      command: ./plugin\n"  \
	"      args: [login]\n      env:\n      - {name: MORE, value: more}\n"                     \
	"      provideClusterInfo: true\n      installHint: buy one\n"

static void write_plugin(const char *rest)
{
	bw_autofree char *text = NULL;

	assert_true(asprintf(&text, "%s%s", PLUGIN, rest) > 0);
	write_file("plugin", text, 0700);
	write_file("plugin.runs", "", 0600);
}

static void plugin_is_asked_once_and_again_on_401(void **state)
{
	bw_autobuf struct bw_buf saw = { 0 };
	bw_autofree char *path = NULL;
	bw_autocall struct call c = { 0 };
	bw_autoseen struct seen s = { 0 };
	bw_autoseen struct seen s2 = { 0 };
	int64_t start;

	(void)state;
	write_plugin("echo '{\"status\":{\"token\":\"t'$n'\","
		     "\"expirationTimestamp\":\"2099-01-01T00:00:00Z\"}}'\n");
	connect_as("127.0.0.1", CA, PLUGIN_USER, NULL);
	expect_authorization("Bearer t1");
	expect_authorization("Bearer t1");
	assert_true(asprintf(&path, "%s/plugin.saw", dir) > 0);
	assert_int_equal(bw_io_read_file(path, 65536, &saw, NULL), 0);
	assert_non_null(strstr(saw.data, "\"kind\":\"ExecCredential\""));
	assert_non_null(strstr(saw.data, "\"certificate-authority-data\":\""));
	assert_non_null(strstr(saw.data, " more login"));
	/* Not within a second of its last run. */
	start = bw_loop_now_ns(server.loop);
	while (bw_loop_now_ns(server.loop) < start + 1100 * MS)
		(void)fake_sees(&server, 100);
	fake_say(&server, "{\"status\":401}");
	fake_say(&server, "{\"body\":\"{}\"}");
	call_whole(&server, &c, &get_x);
	assert_int_equal(c.reply.result, BW_KUBE_OK);
	s = fake_seen(&server);
	s2 = fake_seen(&server);
	assert_header(&s2, "authorization", "Bearer t2");
}

static void plugin_that_fails_is_named_with_its_remedy(void **state)
{
	bw_autocall struct call c = { 0 };
	bw_autocall struct call d = { 0 };

	(void)state;
	write_plugin("exit 3\n");
	connect_as("127.0.0.1", CA, PLUGIN_USER, NULL);
	call_start(&server, &c, &get_x);
	call_start(&server, &d, &get_x);
	fake_until(&server, &c.done, 1);
	fake_until(&server, &d.done, 1);
	assert_int_equal(c.reply.result, BW_KUBE_UNAUTHORIZED);
	assert_non_null(strstr(c.reply.message, "plugin: it failed with status 3; buy one"));
	assert_string_equal(c.reply.message, d.reply.message);
}

static void plugin_that_cannot_be_started_is_named(void **state)
{
	bw_autocall struct call c = { 0 };

	(void)state;
	connect_as(
		"127.0.0.1", CA,
		"    exec: {apiVersion: client.authentication.k8s.io/v1, command: no-such-plugin}\n",
		NULL);
	call_whole(&server, &c, &get_x);
	assert_int_equal(c.reply.result, BW_KUBE_UNAUTHORIZED);
	assert_non_null(strstr(c.reply.message, "no-such-plugin"));
}

static void plugin_may_give_a_certificate_as_yaml(void **state)
{
	bw_autoseen struct seen s = { 0 };

	(void)state;
	write_plugin("echo 'kind: ExecCredential'\necho 'status:'\n"
		     "echo '  clientCertificateData: |'\nsed 's/^/    /' client.crt\n"
		     "echo '  clientKeyData: |'\nsed 's/^/    /' client.key\n");
	connect_as("127.0.0.1", CA, PLUGIN_USER, NULL);
	fake_say(&server, "{\"body\":\"{}\"}");
	expect_result(BW_KUBE_OK);
	s = fake_seen(&server);
	assert_seen(&s, "cert", "tester");
}

static void client_that_goes_takes_its_plugin_with_it(void **state)
{
	bw_autocall struct call c = { 0 };

	(void)state;
	write_plugin("exec sleep 600\n");
	connect_as("127.0.0.1", CA, PLUGIN_USER, NULL);
	call_start(&server, &c, &get_x);
	assert_false(fake_sees(&server, 100));
	call_end(&c);
	bw_kube_client_free(&server.client);
	/* The server is the only child left, and it lives. */
	assert_int_equal(waitpid(-1, NULL, WNOHANG), 0);
}

static void no_credentials_go_over_plain_http(void **state)
{
	struct bw_kube_config *config = fake_config(&plain, "http");
	bw_autocall struct call c = { 0 };
	bw_autoseen struct seen s = { 0 };

	(void)state;
	config->token = strdup("secret");
	config->username = strdup("u");
	config->password = strdup("p");
	fake_client(&plain, config, NULL);
	fake_say(&plain, "{\"body\":\"{}\"}");
	call_whole(&plain, &c, &get_x);
	s = fake_seen(&plain);
	assert_header(&s, "authorization", "");
}

static void proxy_is_asked_instead(void **state)
{
	struct bw_kube_config *config = calloc(1, sizeof(*config));
	bw_autocall struct call c = { 0 };
	bw_autoseen struct seen s = { 0 };

	(void)state;
	assert_non_null(config);
	config->server = strdup("http://kube.test/prefix/");
	assert_true(asprintf(&config->proxy, "http://127.0.0.1:%d", plain.port) > 0);
	fake_client(&plain, config, NULL);
	fake_say(&plain, "{\"body\":\"{}\"}");
	call_whole(&plain, &c, &get_x);
	s = fake_seen(&plain);
	assert_seen(&s, "target", "http://kube.test/prefix/api/v1/namespaces/d/pods/x");
}

static void too_old_server_is_refused_in_one_sentence(void **state)
{
	static const struct {
		const char *say;
		int r;
		const char *message;
	} cases[] = {
		{ "{\"body\":\"{\\\"major\\\":\\\"1\\\",\\\"minor\\\":\\\"30\\\",\\\"gitVersion\\\":"
		  "\\\"v1.30.14\\\"}\"}",
		  -EPROTONOSUPPORT,
		  "the API server is Kubernetes v1.30.14, barewire needs 1.31 or newer" },
		{ "{\"body\":\"{\\\"major\\\":\\\"1\\\",\\\"minor\\\":\\\"31+\\\"}\"}", 0, NULL },
		{ "{\"body\":\"{\\\"major\\\":\\\"2\\\",\\\"minor\\\":\\\"0\\\"}\"}", 0, NULL },
		{ "{\"body\":\"<html>\"}", -EBADMSG, "the API server does not say its version" },
		{ "{\"status\":403}", -EACCES,
		  "ask the API server for its version: the API server answered with HTTP 403" },
	};

	(void)state;
	for (size_t i = 0; i < BW_ARRAY_SIZE(cases); i++) {
		struct bw_err err = { 0 };

		fake_say(&plain, cases[i].say);
		assert_int_equal(bw_kube_require_version(plain.loop, plain.client, &err),
				 cases[i].r);
		if (cases[i].message)
			assert_string_equal(err.msg, cases[i].message);
		assert_true(fake_sees(&plain, 5000));
	}
}

static int plain_setup(void **state)
{
	(void)state;
	fake_start(&plain, NULL);
	fake_client(&plain, fake_config(&plain, "http"), NULL);
	return 0;
}

static int plain_teardown(void **state)
{
	(void)state;
	fake_stop(&plain);
	return 0;
}

static int start_tls(void **state)
{
	(void)state;
	if (!mkdtemp(dir))
		return -1;
	fake_start(&server, dir);
	return 0;
}

static int stop_tls(void **state)
{
	char *const argv[] = { (char[]){ "rm" }, (char[]){ "-rf" }, dir, NULL };
	pid_t pid;

	(void)state;
	fake_stop(&server);
	if (posix_spawnp(&pid, "rm", NULL, NULL, argv, environ) != 0)
		return -1;
	return waitpid(pid, NULL, 0) == pid ? 0 : -1;
}

#define tls_test(f) cmocka_unit_test_teardown(f, teardown)
#define plain_test(f) cmocka_unit_test_setup_teardown(f, plain_setup, plain_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		tls_test(client_certificate_says_who_we_are),
		tls_test(certificate_of_another_authority_is_refused),
		tls_test(system_authorities_do_not_count_beside_a_given_one),
		tls_test(insecure_connection_must_be_asked_for),
		tls_test(tls_server_name_is_what_is_checked),
		tls_test(new_authority_is_read_while_we_run),
		tls_test(password_goes_as_basic),
		tls_test(token_file_is_read_again_after_its_time),
		tls_test(unauthorized_is_tried_once_with_the_new_token),
		tls_test(plugin_is_asked_once_and_again_on_401),
		tls_test(plugin_that_fails_is_named_with_its_remedy),
		tls_test(plugin_that_cannot_be_started_is_named),
		tls_test(plugin_may_give_a_certificate_as_yaml),
		tls_test(client_that_goes_takes_its_plugin_with_it),
		plain_test(no_credentials_go_over_plain_http),
		plain_test(proxy_is_asked_instead),
		plain_test(too_old_server_is_refused_in_one_sentence),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, start_tls, stop_tls);
}
