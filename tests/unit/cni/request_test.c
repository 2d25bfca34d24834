/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <sched.h>
#include <stdio.h>
#include <string.h>

#include <bw/cni_request.h>
#include <bw/cni_version.h>
#include <bw/err.h>
#include <bw/log.h>

#include "../failalloc.h"

#define CONF "{\"cniVersion\":\"1.0.0\",\"name\":\"net\",\"type\":\"x\"}"

static const struct bw_cni_env good_env = {
	.command = "ADD",
	.container_id = "c1",
	.netns = "/run/netns/a",
	.ifname = "eth0",
};

static void env_names_every_missing_variable(void **state)
{
	static const struct {
		struct bw_cni_env env;
		const char *msg;
	} cases[] = {
		{ { .command = "ADD" },
		  "ADD needs environment variables that are missing: "
		  "CNI_CONTAINERID,CNI_NETNS,CNI_IFNAME" },
		{ { .command = "CHECK", .container_id = "c" },
		  "CHECK needs environment variables that are missing: CNI_NETNS,CNI_IFNAME" },
		{ { .command = "DEL", .netns = "/x", .ifname = "" },
		  "DEL needs environment variables that are missing: CNI_CONTAINERID,CNI_IFNAME" },
		{ { .command = "FOO" },
		  "CNI_COMMAND: expected ADD, DEL, CHECK, GC, STATUS or VERSION, got \"FOO\"" },
		{ { .command = "add" },
		  "CNI_COMMAND: expected ADD, DEL, CHECK, GC, STATUS or VERSION, got \"add\"" },
	};

	(void)state;
	for (size_t i = 0; i < BW_ARRAY_SIZE(cases); i++) {
		enum bw_cni_verb verb = BW_CNI_MAX_;
		struct bw_err err = { 0 };

		assert_int_equal(bw_cni_env_check(&cases[i].env, &verb, &err), -EINVAL);
		assert_string_equal(err.msg, cases[i].msg);
		assert_int_equal(err.class, BW_ERR_ENVIRONMENT);
		assert_int_equal(verb, BW_CNI_MAX_);
	}
}

static void env_accepts_what_each_verb_needs(void **state)
{
	static const char *const bare[] = { "GC", "STATUS", "VERSION" };
	struct bw_cni_env env = { .command = "DEL", .container_id = "c", .ifname = "eth0" };
	enum bw_cni_verb verb = BW_CNI_MAX_;

	(void)state;
	assert_int_equal(bw_cni_env_check(&env, &verb, NULL), 0);
	assert_int_equal(verb, BW_CNI_DEL);
	for (size_t i = 0; i < BW_ARRAY_SIZE(bare); i++) {
		env = (struct bw_cni_env){ .command = bare[i], .container_id = "../x" };
		assert_int_equal(bw_cni_env_check(&env, &verb, NULL), 0);
		assert_string_equal(bw_cni_verb_str(verb), bare[i]);
	}
	assert_string_equal(bw_cni_verb_str(BW_CNI_MAX_), "unknown");
}

static void env_checks_container_id_and_ifname(void **state)
{
	static const char *const bad_ids[] = { "../x", "a/b", ".a",  "-a",
					       "_a",   "a b", "a\n", "\xc3\xa9" };
	static const char *const bad_ifs[] = { ".",     "..",   "a/b",
					       "a:b",   "a b",  "a\tb",
					       "eth%d", "\x7f", "0123456789abcdef" };
	static const char *const good_ifs[] = { "a", "...", "0123456789abcde", "eth0.5-x_y@z" };
	char id[BW_CNI_CID_MAX + 2];
	enum bw_cni_verb verb;
	struct bw_err err = { 0 };

	(void)state;
	for (size_t i = 0; i < BW_ARRAY_SIZE(bad_ids); i++) {
		struct bw_cni_env env = good_env;

		env.container_id = bad_ids[i];
		assert_int_equal(bw_cni_env_check(&env, &verb, &err), -EINVAL);
		assert_non_null(strstr(err.msg, "CNI_CONTAINERID: expected"));
	}
	for (size_t i = 0; i < BW_ARRAY_SIZE(bad_ifs); i++) {
		struct bw_cni_env env = good_env;

		env.ifname = bad_ifs[i];
		assert_int_equal(bw_cni_env_check(&env, &verb, &err), -EINVAL);
		assert_non_null(strstr(err.msg, "CNI_IFNAME: expected"));
	}
	for (size_t i = 0; i < BW_ARRAY_SIZE(good_ifs); i++) {
		struct bw_cni_env env = good_env;

		env.ifname = good_ifs[i];
		assert_int_equal(bw_cni_env_check(&env, &verb, &err), 0);
	}
	for (size_t len = BW_CNI_CID_MAX; len <= BW_CNI_CID_MAX + 1; len++) {
		struct bw_cni_env env = good_env;

		memset(id, 'a', len);
		id[len] = '\0';
		env.container_id = id;
		assert_int_equal(bw_cni_env_check(&env, &verb, &err),
				 len <= BW_CNI_CID_MAX ? 0 : -EINVAL);
	}
}

static void env_is_read_and_empty_is_absent(void **state)
{
	struct bw_cni_env env;

	(void)state;
	assert_int_equal(setenv("CNI_COMMAND", "GC", 1), 0);
	assert_int_equal(setenv("CNI_NETNS", "", 1), 0);
	assert_int_equal(setenv("CNI_NETNS_OVERRIDE", "True", 1), 0);
	bw_cni_env_read(&env);
	assert_string_equal(env.command, "GC");
	assert_null(env.netns);
	assert_int_equal(env.netns_override, 1);
	assert_int_equal(setenv("CNI_NETNS_OVERRIDE", "0", 1), 0);
	assert_int_equal(unsetenv("CNI_COMMAND"), 0);
	bw_cni_env_read(&env);
	assert_int_equal(env.netns_override, 0);
	assert_null(env.command);
}

static int request(enum bw_cni_verb verb, const char *conf, const char *args,
		   struct bw_cni_request **ret, struct bw_err *err)
{
	static const char *const known[] = { "IP", "MAC", NULL };
	struct bw_cni_env env = good_env;

	env.args = args;
	env.path = "/opt/cni/bin";
	return bw_cni_request_new(&env, verb, conf, strlen(conf), known, ret, err);
}

static void request_holds_what_was_given(void **state)
{
	bw_autorequest struct bw_cni_request *req = NULL;
	const char *conf = "{\"name\":\"net.1_-\", \"type\":\"t\"}\n";

	(void)state;
	assert_int_equal(
		request(BW_CNI_ADD, conf, "IP=10.0.0.1;K8S_POD_NAME=p;;MAC=a=b;", &req, NULL), 0);
	assert_string_equal(req->version, "0.1.0");
	assert_string_equal(req->name, "net.1_-");
	assert_string_equal(req->type, "t");
	assert_string_equal(req->container_id, "c1");
	assert_string_equal(req->ifname, "eth0");
	assert_string_equal(req->cni_path, "/opt/cni/bin");
	assert_int_equal(req->stdin_size, strlen(conf));
	assert_string_equal(req->stdin_text, conf);
	assert_int_equal(req->n_args, 3);
	assert_string_equal(bw_cni_request_arg(req, "MAC"), "a=b");
	assert_null(bw_cni_request_arg(req, "mac"));
	bw_cni_request_free(&req);
	assert_null(req);
	bw_cni_request_free(&req);
	bw_cni_request_free(NULL);
	assert_int_equal(request(BW_CNI_STATUS, "{\"cniVersion\":\"1.1.0\",\"name\":\"n\"}", NULL,
				 &req, NULL),
			 0);
	assert_null(req->container_id);
	assert_null(req->netns);
	assert_null(req->type);
}

static void request_refuses_by_class(void **state)
{
	static const struct {
		enum bw_cni_verb verb;
		const char *conf, *args;
		int r;
		enum bw_err_class class;
		const char *part;
	} bad[] = {
		{ BW_CNI_ADD, "", "", -EBADMSG, BW_ERR_DECODE, "line 1, column 1" },
		{ BW_CNI_ADD, "{", "", -EBADMSG, BW_ERR_DECODE, "network configuration" },
		{ BW_CNI_ADD, "[]", "", -EBADMSG, BW_ERR_DECODE, "JSON object" },
		{ BW_CNI_DEL, "{", "", -EBADMSG, BW_ERR_DECODE, "" },
		{ BW_CNI_DEL, "5", "", -EBADMSG, BW_ERR_DECODE, "JSON object" },
		{ BW_CNI_ADD, CONF "x", "", -EBADMSG, BW_ERR_DECODE, "follows" },
		{ BW_CNI_ADD, "{}", "", -EINVAL, BW_ERR_INVALID, "name: missing" },
		{ BW_CNI_ADD, "{\"name\":\"\"}", "", -EINVAL, BW_ERR_INVALID, "got \"\"" },
		{ BW_CNI_ADD, "{\"name\":\"a/b\"}", "", -EINVAL, BW_ERR_INVALID, "\"a/b\"" },
		{ BW_CNI_ADD, "{\"name\":\"-a\"}", "", -EINVAL, BW_ERR_INVALID, "\"-a\"" },
		{ BW_CNI_ADD, "{\"name\":5}", "", -EINVAL, BW_ERR_INVALID, "got 5" },
		{ BW_CNI_ADD, "{\"name\":\"a\",\"name\":\"b\"}", "", -EINVAL, BW_ERR_INVALID,
		  "twice" },
		{ BW_CNI_ADD, "{\"name\":\"a\",\"type\":[]}", "", -EINVAL, BW_ERR_INVALID,
		  "type:" },
		{ BW_CNI_ADD, "{\"name\":\"a\",\"cniVersion\":1}", "", -EINVAL, BW_ERR_INVALID,
		  "cniVersion" },
		{ BW_CNI_ADD, "{\"name\":\"a\",\"cniVersion\":\"2.0.0\"}", "", -EPROTONOSUPPORT,
		  BW_ERR_VERSION, "got \"2.0.0\"" },
		{ BW_CNI_ADD, "{\"name\":\"a\",\"cniVersion\":\"1.0\"}", "", -EPROTONOSUPPORT,
		  BW_ERR_VERSION, "1.1.0" },
		{ BW_CNI_ADD, "{\"name\":\"a\",\"cniVersion\":\"\"}", "", -EPROTONOSUPPORT,
		  BW_ERR_VERSION, "" },
		{ BW_CNI_CHECK, "{\"name\":\"a\",\"cniVersion\":\"0.3.1\"}", "", -EPROTONOSUPPORT,
		  BW_ERR_VERSION, "CHECK needs version 0.4.0" },
		{ BW_CNI_GC, "{\"name\":\"a\",\"cniVersion\":\"1.0.0\"}", "", -EPROTONOSUPPORT,
		  BW_ERR_VERSION, "GC needs version 1.1.0" },
		{ BW_CNI_STATUS, "{\"name\":\"a\",\"cniVersion\":\"1.0.0\"}", "", -EPROTONOSUPPORT,
		  BW_ERR_VERSION, "STATUS needs version 1.1.0" },
		{ BW_CNI_ADD, CONF, "IP", -EINVAL, BW_ERR_ENVIRONMENT, "got \"IP\"" },
		{ BW_CNI_ADD, CONF, "=x", -EINVAL, BW_ERR_ENVIRONMENT, "got \"=x\"" },
		{ BW_CNI_ADD, CONF, "FOO=1", -EINVAL, BW_ERR_ENVIRONMENT, "unknown key FOO" },
		{ BW_CNI_ADD, CONF, "FOO=1;IgnoreUnknown=0", -EINVAL, BW_ERR_ENVIRONMENT, "FOO" },
		{ BW_CNI_CHECK, CONF, "FOO=1", -EINVAL, BW_ERR_ENVIRONMENT, "FOO" },
		{ BW_CNI_ADD, CONF, "IgnoreUnknown=x", -EINVAL, BW_ERR_ENVIRONMENT,
		  "true or false" },
		{ BW_CNI_ADD, CONF, "IP=10.0.0.1;IP=10.0.0.2", -EINVAL, BW_ERR_ENVIRONMENT,
		  "twice" },
	};

	(void)state;
	for (size_t i = 0; i < BW_ARRAY_SIZE(bad); i++) {
		struct bw_cni_request *req = NULL;
		struct bw_err err = { 0 };

		assert_int_equal(request(bad[i].verb, bad[i].conf, bad[i].args, &req, &err),
				 bad[i].r);
		assert_int_equal(err.class, bad[i].class);
		if (!strstr(err.msg, bad[i].part))
			fail_msg("%s lacks %s", err.msg, bad[i].part);
		assert_null(req);
	}
}

static void request_of_args_is_bounded(void **state)
{
	bw_autorequest struct bw_cni_request *req = NULL;
	struct bw_err err = { 0 };
	char args[2048] = "IgnoreUnknown=true";
	size_t used = strlen(args);

	(void)state;
	for (int i = 0; i < BW_CNI_ARGS_MAX; i++)
		used += (size_t)snprintf(args + used, sizeof(args) - used, ";K%d=v", i);
	assert_int_equal(request(BW_CNI_ADD, CONF, args, &req, &err), 0);
	assert_int_equal(req->n_args, BW_CNI_ARGS_MAX);
	bw_cni_request_free(&req);
	(void)snprintf(args + used, sizeof(args) - used, ";K0=v;MORE=v");
	assert_int_equal(request(BW_CNI_ADD, CONF, args, &req, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "MORE"));
	assert_int_equal(request(BW_CNI_DEL, CONF, args, &req, &err), 0);
	assert_int_equal(req->n_args, BW_CNI_ARGS_MAX);
}

static void request_of_del_takes_any_object(void **state)
{
	static const char *const confs[] = {
		"{}",
		"{\"name\":7,\"type\":false,\"cniVersion\":[]}",
		"{\"name\":\"../x\",\"cniVersion\":\"9.9.9\"}",
	};

	(void)state;
	for (size_t i = 0; i < BW_ARRAY_SIZE(confs); i++) {
		bw_autorequest struct bw_cni_request *req = NULL;

		assert_int_equal(request(BW_CNI_DEL, confs[i], "bad;FOO=1;IP=1", &req, NULL), 0);
		assert_null(req->name);
		assert_true(bw_cni_version_known(req->version));
		assert_string_equal(bw_cni_request_arg(req, "IP"), "1");
	}
}

static void request_reports_out_of_memory(void **state)
{
	long n = 0;
	int failed;

	(void)state;
	do {
		bw_autorequest struct bw_cni_request *req = NULL;
		struct bw_err err = { 0 };
		int r;

		fail_alloc_start(n++);
		r = request(n % 2 ? BW_CNI_ADD : BW_CNI_DEL, CONF, "IP=1", &req, &err);
		failed = fail_alloc_stop();
		assert_int_equal(r, failed ? -ENOMEM : 0);
	} while (failed);
}

static int netns(enum bw_cni_verb verb, const char *path, int override, const char **ret_left,
		 struct bw_err *err)
{
	struct bw_cni_request req = { .verb = verb, .netns = path };
	int r = bw_cni_request_check_netns(&req, override, err);

	*ret_left = req.netns;
	return r;
}

static void netns_is_checked_before_any_change(void **state)
{
	const char *own = "/proc/self/ns/net", *left;
	struct bw_err err = { 0 };

	(void)state;
	assert_int_equal(netns(BW_CNI_ADD, "/nowhere/x", 0, &left, &err), -ENOENT);
	assert_int_equal(err.class, BW_ERR_NO_CONTAINER);
	assert_int_equal(netns(BW_CNI_ADD, "/etc/passwd", 0, &left, &err), -EINVAL);
	assert_int_equal(err.class, BW_ERR_ENVIRONMENT);
	assert_int_equal(netns(BW_CNI_ADD, own, 0, &left, &err), -EEXIST);
	assert_int_equal(err.class, BW_ERR_NETNS);
	assert_int_equal(netns(BW_CNI_ADD, own, 1, &left, &err), 0);
	assert_int_equal(netns(BW_CNI_STATUS, NULL, 0, &left, &err), 0);
	assert_int_equal(netns(BW_CNI_DEL, "/nowhere/x", 0, &left, &err), 0);
	assert_string_equal(left, "/nowhere/x");
	assert_int_equal(netns(BW_CNI_DEL, "/etc/passwd", 0, &left, &err), 0);
	assert_null(left);
	assert_int_equal(netns(BW_CNI_DEL, own, 0, &left, &err), 0);
	assert_null(left);
}

static void versions_are_ordered(void **state)
{
	struct bw_err err = { 0 };

	(void)state;
	assert_true(bw_cni_version_known("0.1.0"));
	assert_true(bw_cni_version_known("1.1.0"));
	assert_false(bw_cni_version_known("0.5.0"));
	assert_false(bw_cni_version_known(NULL));
	assert_true(bw_cni_version_at_least("0.4.0", "0.4.0"));
	assert_true(bw_cni_version_at_least("1.0.0", "0.4.0"));
	assert_false(bw_cni_version_at_least("0.3.1", "0.4.0"));
	assert_int_equal(bw_cni_version_check("1.0.0", "x", &err), 0);
	assert_int_equal(bw_cni_version_check("1.2.0", "x", &err), -EPROTONOSUPPORT);
	assert_string_equal(err.details,
			    "config is \"1.2.0\", plugin supports 0.1.0, 0.2.0, 0.3.0, "
			    "0.3.1, 0.4.0, 1.0.0, 1.1.0");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(env_names_every_missing_variable),
		cmocka_unit_test(env_accepts_what_each_verb_needs),
		cmocka_unit_test(env_checks_container_id_and_ifname),
		cmocka_unit_test(env_is_read_and_empty_is_absent),
		cmocka_unit_test(request_holds_what_was_given),
		cmocka_unit_test(request_refuses_by_class),
		cmocka_unit_test(request_of_args_is_bounded),
		cmocka_unit_test(request_of_del_takes_any_object),
		cmocka_unit_test(request_reports_out_of_memory),
		cmocka_unit_test(netns_is_checked_before_any_change),
		cmocka_unit_test(versions_are_ordered),
	};

	bw_log_setup(BW_LOG_ERROR, STDERR_FILENO, NULL, NULL, NULL);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
