/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include <bw/buf.h>
#include <bw/cni_plugin.h>
#include <bw/cni_result.h>
#include <bw/cni_version.h>
#include <bw/err.h>
#include <bw/io.h>
#include <bw/json.h>

#include <cjson/cJSON.h>

#define CONF "{\"cniVersion\":\"1.0.0\",\"name\":\"n\"}"
#define CONF_11 "{\"cniVersion\":\"1.1.0\",\"name\":\"n\"}"

static int add(const struct bw_cni_request *req, struct bw_cni_result *result, struct bw_err *err)
{
	struct bw_cni_ip ip = { .interface = BW_CNI_NO_IF };

	(void)req;
	(void)bw_prefix_parse("10.0.0.7/8", &ip.address);
	return bw_cni_result_add_ip(result, &ip, err);
}

static int fail_busy(const struct bw_cni_request *req, struct bw_cni_result *result,
		     struct bw_err *err)
{
	int r = bw_reject(err, BW_ERR_BUSY, EBUSY, "held by \xff\x01 %s", req->container_id);

	(void)result;
	bw_err_details(err, "wait");
	return r;
}

static int fail_silently(const struct bw_cni_request *req, struct bw_cni_result *result,
			 struct bw_err *err)
{
	(void)req;
	(void)result;
	(void)err;
	return -EIO;
}

static const struct bw_cni_plugin plugin = {
	.name = "test-plugin",
	.about = "nothing",
	.verbs = { [BW_CNI_ADD] = add,
		   [BW_CNI_CHECK] = fail_busy,
		   [BW_CNI_STATUS] = fail_silently },
};

static void setup_child(const char *const *env, const char *in, int out, int err_fd)
{
	int fd = memfd_create("in", 0);

	(void)clearenv();
	for (; *env; env++)
		(void)putenv((char *)(uintptr_t)*env);
	if (in && fd >= 0 && write(fd, in, strlen(in)) >= 0 && lseek(fd, 0, SEEK_SET) == 0)
		(void)dup2(fd, STDIN_FILENO);
	else
		(void)close(STDIN_FILENO);
	(void)dup2(out, STDOUT_FILENO);
	(void)dup2(err_fd, STDERR_FILENO);
}

/* Runs the frame in a child. @in NULL: stdin is closed. Returns the exit code. */
static int run(const char *const *env, const char *in, struct bw_buf *ret_out,
	       struct bw_buf *ret_err)
{
	char *argv[] = { (char *)(uintptr_t) "test-plugin", NULL };
	int out = memfd_create("out", 0), err_fd = memfd_create("err", 0);
	int status = 0;
	pid_t pid;

	(void)fflush(NULL); /* or the child would print it again */
	pid = fork();
	assert_true(pid >= 0 && out >= 0 && err_fd >= 0);
	if (pid == 0) {
		int r;

		setup_child(env, in, out, err_fd);
		r = bw_cni_plugin_main(&plugin, 1, argv);
		exit(r); /* not _exit: coverage is written then */
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	(void)lseek(out, 0, SEEK_SET);
	(void)lseek(err_fd, 0, SEEK_SET);
	bw_buf_done(ret_out);
	bw_buf_done(ret_err);
	assert_int_equal(bw_io_read_all(out, 1 << 20, ret_out, NULL), 0);
	assert_int_equal(bw_io_read_all(err_fd, 1 << 20, ret_err, NULL), 0);
	(void)close(out);
	(void)close(err_fd);
	return WEXITSTATUS(status);
}

#define FULL(verb)                                                                                 \
	{                                                                                          \
		"CNI_COMMAND=" verb, "CNI_CONTAINERID=c1", "CNI_NETNS=/proc/self/ns/net",          \
			"CNI_IFNAME=eth0", "CNI_NETNS_OVERRIDE=1", NULL                            \
	}

static void answers_go_to_stdout_only(void **state)
{
	static const char *const add_env[] = FULL("ADD"), *const del_env[] = FULL("DEL");
	bw_autobuf struct bw_buf out = { 0 }, err = { 0 };

	(void)state;
	assert_int_equal(run(add_env, CONF, &out, &err), 0);
	assert_string_equal(out.data, "{\"cniVersion\":\"1.0.0\",\"ips\":[{\"address\":"
				      "\"10.0.0.7/8\"}],\"dns\":{}}\n");
	assert_int_equal(err.size, 0);
	assert_int_equal(run(del_env, CONF, &out, &err), 0);
	assert_int_equal(out.size, 0);
}

static void failures_are_one_object_and_one_line(void **state)
{
	static const char *const check_env[] = FULL("CHECK");
	static const char *const status_env[] = { "CNI_COMMAND=STATUS", NULL };
	bw_autobuf struct bw_buf out = { 0 }, err = { 0 };

	(void)state;
	assert_int_equal(run(check_env, CONF, &out, &err), 1);
	assert_string_equal(out.data, "{\"cniVersion\":\"1.0.0\",\"code\":11,\"msg\":\"held by ?? "
				      "c1\",\"details\":\"wait\"}\n");
	assert_ptr_equal(strchr(err.data, '\n'), err.data + err.size - 1);
	assert_non_null(strstr(err.data, "cmd=CHECK cid=c1 if=eth0 code=11"));
	assert_int_equal(run(status_env, CONF_11, &out, &err), 1);
	assert_string_equal(out.data, "{\"cniVersion\":\"1.1.0\",\"code\":999,\"msg\":\"serve the "
				      "request: Input/output error\"}\n");
}

static int code_of(const struct bw_buf *out)
{
	bw_autojson struct cJSON *json = NULL;

	if (bw_json_parse(out->data ? out->data : "", out->size, &json, NULL) < 0)
		return -1;
	assert_non_null(bw_json_get_str(json, "msg"));
	assert_true(bw_cni_version_known(bw_json_get_str(json, "cniVersion")));
	return (int)cJSON_GetNumberValue(bw_json_get(json, "code"));
}

static void early_failures_have_their_codes(void **state)
{
	static const struct {
		const char *env[6];
		const char *in;
		int code;
	} cases[] = {
		{ { "CNI_COMMAND=FOO" }, CONF, 4 },
		{ { "CNI_COMMAND=ADD" }, CONF, 4 },
		{ FULL("ADD"), NULL, 5 },
		{ FULL("DEL"), NULL, 5 },
		{ FULL("ADD"), "", 6 },
		{ FULL("DEL"), "{", 6 },
		{ FULL("ADD"), CONF "{}", 6 },
		{ FULL("ADD"), "{}", 7 },
		{ FULL("ADD"), "{\"name\":\"n\",\"logLevel\":\"loud\"}", 7 },
		{ FULL("ADD"), "{\"name\":\"n\",\"logFile\":\"barewire.log\"}", 7 },
		{ FULL("ADD"), "{\"name\":\"n\",\"logFile\":7}", 7 },
		{ FULL("ADD"), "{\"name\":\"n\",\"cniVersion\":\"2.0.0\"}", 1 },
		{ { "CNI_COMMAND=ADD", "CNI_CONTAINERID=c1", "CNI_NETNS=/proc/self/ns/net",
		    "CNI_IFNAME=eth0" },
		  CONF,
		  8 },
		{ { "CNI_COMMAND=ADD", "CNI_CONTAINERID=c1", "CNI_NETNS=/nowhere",
		    "CNI_IFNAME=eth0" },
		  CONF,
		  3 },
	};
	bw_autobuf struct bw_buf out = { 0 }, err = { 0 };

	(void)state;
	for (size_t i = 0; i < BW_ARRAY_SIZE(cases); i++) {
		assert_int_equal(run(cases[i].env, cases[i].in, &out, &err), 1);
		assert_int_equal(code_of(&out), cases[i].code);
	}
}

static void errors_speak_the_configurations_version(void **state)
{
	static const char *const env[] = FULL("ADD");
	bw_autobuf struct bw_buf out = { 0 }, err = { 0 };

	(void)state;
	assert_int_equal(run(env, "{\"cniVersion\":\"0.4.0\"}", &out, &err), 1);
	assert_non_null(strstr(out.data, "\"cniVersion\":\"0.4.0\""));
}

static void stdin_is_limited(void **state)
{
	static const char *const env[] = FULL("ADD");
	bw_autobuf struct bw_buf out = { 0 }, err = { 0 };
	bw_autofree char *big = malloc(BW_CNI_STDIN_MAX + 2);

	(void)state;
	assert_non_null(big);
	memset(big, ' ', BW_CNI_STDIN_MAX + 1);
	big[BW_CNI_STDIN_MAX + 1] = '\0';
	memcpy(big, CONF, strlen(CONF));
	assert_int_equal(run(env, big, &out, &err), 1);
	assert_int_equal(code_of(&out), 6);
	big[BW_CNI_STDIN_MAX] = '\0';
	assert_int_equal(run(env, big, &out, &err), 0);
}

static void version_answers_whatever_comes(void **state)
{
	static const char *const env[] = { "CNI_COMMAND=VERSION", NULL };
	static const struct {
		const char *in, *version;
	} cases[] = {
		{ NULL, "1.1.0" },
		{ "", "1.1.0" },
		{ "garbage", "1.1.0" },
		{ "{}", "1.1.0" },
		{ "{\"cniVersion\":\"0.4.0\"}", "0.4.0" },
		{ "{\"cniVersion\":\"2.0.0\"}", "1.1.0" },
		{ "{\"cniVersion\":5}", "1.1.0" },
	};
	bw_autobuf struct bw_buf out = { 0 }, err = { 0 };

	(void)state;
	for (size_t i = 0; i < BW_ARRAY_SIZE(cases); i++) {
		char expected[256];

		assert_int_equal(run(env, cases[i].in, &out, &err), 0);
		(void)snprintf(expected, sizeof(expected),
			       "{\"cniVersion\":\"%s\",\"supportedVersions\":[\"0.1.0\",\"0.2.0\","
			       "\"0.3.0\",\"0.3.1\",\"0.4.0\",\"1.0.0\",\"1.1.0\"]}\n",
			       cases[i].version);
		assert_string_equal(out.data, expected);
		assert_int_equal(err.size, 0);
	}
}

static void without_command_it_says_what_it_is(void **state)
{
	static const char *const env[] = { "CNI_COMMAND=", NULL };
	bw_autobuf struct bw_buf out = { 0 }, err = { 0 };

	(void)state;
	assert_int_equal(run(env, NULL, &out, &err), 0);
	assert_int_equal(out.size, 0);
	assert_non_null(strstr(err.data, "test-plugin"));
	assert_non_null(strstr(err.data, "0.1.0, 0.2.0, 0.3.0, 0.3.1, 0.4.0, 1.0.0, 1.1.0"));
}

static void every_class_has_its_code(void **state)
{
	struct bw_err err = { .class = BW_ERR_FOREIGN, .code = 142 };

	(void)state;
	assert_int_equal(bw_cni_err_code(&err), 142);
	err.code = 0;
	assert_int_equal(bw_cni_err_code(&err), 999);
	err.class = BW_ERR_MAX_;
	assert_int_equal(bw_cni_err_code(&err), 999);
	err.class = BW_ERR_LIMITED;
	assert_int_equal(bw_cni_err_code(&err), 51);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_go_to_stdout_only),
		cmocka_unit_test(failures_are_one_object_and_one_line),
		cmocka_unit_test(early_failures_have_their_codes),
		cmocka_unit_test(errors_speak_the_configurations_version),
		cmocka_unit_test(stdin_is_limited),
		cmocka_unit_test(version_answers_whatever_comes),
		cmocka_unit_test(without_command_it_says_what_it_is),
		cmocka_unit_test(every_class_has_its_code),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
