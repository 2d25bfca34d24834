/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <bw/cni_delegate.h>
#include <bw/cni_result.h>
#include <bw/err.h>
#include <bw/io.h>

#include "../failalloc.h"

static char folder[] = "/tmp/bw-delegate-XXXXXX";

/* A delegate is a shell script in the test's folder. */
static void script(const char *name, const char *body, unsigned int mode)
{
	bw_autoclose int fd = -1;
	char path[128], text[1024];

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	(void)snprintf(text, sizeof(text), "#!/bin/sh\n%s\n", body);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0700);
	assert_true(fd >= 0);
	assert_int_equal(bw_io_write_all(fd, text, strlen(text), NULL), 0);
	assert_int_equal(fchmod(fd, mode), 0);
}

static int delegate(const char *type, enum bw_cni_verb verb, struct bw_cni_result *result,
		    struct bw_err *err)
{
	static char conf[200000];
	char path[256];
	struct bw_cni_request req = { .version = "1.0.0" };

	/* larger than a pipe: the delegate may answer before it has read everything */
	memset(conf, ' ', sizeof(conf));
	memcpy(conf, "{}", 2);
	req.stdin_text = conf;
	req.stdin_size = sizeof(conf);
	(void)snprintf(path, sizeof(path), "/nowhere::%s/none:%s", folder, folder);
	req.cni_path = path;
	return bw_cni_delegate(&req, type, verb, result, err);
}

static void delegate_gets_stdin_and_the_whole_environment(void **state)
{
	struct bw_cni_result r = { 0 };
	struct bw_err err = { 0 };

	(void)state;
	script("env",
	       "test \"$(wc -c)\" = 200000 || exit 9\n"
	       "test \"$CNI_COMMAND\" = ADD && test \"$CNI_ARGS\" = IP=1 && test \"$MY_OWN\" = x ||"
	       " exit 8\n"
	       "echo '{\"cniVersion\":\"0.4.0\",\"ips\":[{\"version\":\"4\",\"address\":"
	       "\"10.0.0.9/8\"}]}'",
	       0700);
	assert_int_equal(setenv("CNI_COMMAND", "CHECK", 1), 0);
	assert_int_equal(setenv("CNI_ARGS", "IP=1", 1), 0);
	assert_int_equal(setenv("MY_OWN", "x", 1), 0);
	if (delegate("env", BW_CNI_ADD, &r, &err) != 0)
		fail_msg("%s", err.msg);
	assert_int_equal(r.n_ips, 1);
	bw_cni_result_done(&r);
	assert_string_equal(getenv("CNI_COMMAND"), "CHECK");
}

static void delegate_of_other_verbs_answers_nothing(void **state)
{
	struct bw_err err = { 0 };

	(void)state;
	script("del", "test \"$CNI_COMMAND\" = DEL; exit $?", 0700);
	assert_int_equal(delegate("del", BW_CNI_DEL, NULL, &err), 0);
	assert_int_equal(delegate("del", BW_CNI_GC, NULL, &err), -EREMOTEIO);
}

static void delegates_own_error_is_passed_on(void **state)
{
	struct bw_cni_result r = { 0 };
	struct bw_err err = { 0 };

	(void)state;
	script("fail",
	       "echo '{\"cniVersion\":\"1.0.0\",\"code\":11,\"msg\":\"try again\","
	       "\"details\":\"busy\"}'; exit 1",
	       0700);
	assert_int_equal(delegate("fail", BW_CNI_ADD, &r, &err), -EREMOTEIO);
	assert_int_equal(err.class, BW_ERR_FOREIGN);
	assert_int_equal(err.code, 11);
	assert_string_equal(err.msg, "try again");
	assert_string_equal(err.details, "busy");
	script("mute", "exit 3", 0700);
	assert_int_equal(delegate("mute", BW_CNI_ADD, &r, &err), -EREMOTEIO);
	assert_int_equal(err.code, 999);
	assert_string_equal(err.msg,
			    "IPAM plugin mute failed with exit code 3 and no error object");
	script("dies", "kill -9 $$", 0700);
	assert_int_equal(delegate("dies", BW_CNI_ADD, &r, &err), -EREMOTEIO);
	assert_string_equal(err.msg, "IPAM plugin dies was killed by signal 9");
	script("odd", "echo '{\"code\":\"x\",\"msg\":\"m\"}'; exit 1", 0700);
	assert_int_equal(delegate("odd", BW_CNI_ADD, &r, &err), -EREMOTEIO);
	assert_int_equal(err.code, 999);
	assert_string_equal(err.msg, "m");
}

static void delegate_that_answers_nonsense_is_refused(void **state)
{
	static const char *const bodies[] = {
		"echo hello",
		"true",
		"echo '{\"cniVersion\":\"1.0.0\",\"ips\":5}'",
		"echo '{\"cniVersion\":\"8.0.0\"}'",
		"echo '{}{}'",
	};

	(void)state;
	for (size_t i = 0; i < BW_ARRAY_SIZE(bodies); i++) {
		struct bw_cni_result r = { 0 };
		struct bw_err err = { 0 };

		script("odd", bodies[i], 0700);
		assert_int_equal(delegate("odd", BW_CNI_ADD, &r, &err), -EPROTO);
		assert_non_null(strstr(err.msg, "answer of the IPAM plugin odd to ADD: "));
		assert_int_equal(r.n_ips, 0);
	}
}

static void delegate_that_never_stops_talking_is_killed(void **state)
{
	struct bw_cni_result r = { 0 };
	struct bw_err err = { 0 };

	(void)state;
	script("loud", "exec cat /dev/zero", 0700);
	assert_int_equal(delegate("loud", BW_CNI_ADD, &r, &err), -EFBIG);
}

static void delegate_is_searched_in_cni_path(void **state)
{
	static const char *const bad[] = { "", "a/b", "..", "." };
	struct bw_cni_request req = { .stdin_text = "", .version = "1.0.0" };
	struct bw_err err = { 0 };

	(void)state;
	script("noexec", "exit 0", 0600);
	assert_int_equal(delegate("nothere", BW_CNI_DEL, NULL, &err), -ENOENT);
	assert_int_equal(err.class, BW_ERR_INVALID);
	assert_non_null(strstr(err.msg, folder));
	assert_int_equal(delegate("noexec", BW_CNI_DEL, NULL, &err), -ENOENT);
	for (size_t i = 0; i < BW_ARRAY_SIZE(bad); i++) {
		assert_int_equal(delegate(bad[i], BW_CNI_DEL, NULL, &err), -EINVAL);
		assert_int_equal(err.class, BW_ERR_INVALID);
	}
	assert_int_equal(bw_cni_delegate(&req, "x", BW_CNI_DEL, NULL, &err), -EINVAL);
	assert_int_equal(err.class, BW_ERR_ENVIRONMENT);
}

static void delegate_reports_out_of_memory(void **state)
{
	long n = 0;
	int failed;

	(void)state;
	script("mem", "echo '{\"cniVersion\":\"1.0.0\",\"ips\":[{\"address\":\"10.0.0.9/8\"}]}'",
	       0700);
	do {
		struct bw_cni_result r = { 0 };
		struct bw_err err = { 0 };
		int status;

		fail_alloc_start(n++);
		status = delegate("mem", BW_CNI_ADD, &r, &err);
		failed = fail_alloc_stop();
		assert_int_equal(status, failed ? -ENOMEM : 0);
		bw_cni_result_done(&r);
	} while (failed);
}

static void delegate_is_reaped_when_sigchld_is_ignored(void **state)
{
	struct bw_err err = { 0 };

	(void)state;
	script("del", "exit 0", 0700);
	assert_true(signal(SIGCHLD, SIG_IGN) != SIG_ERR);
	assert_int_equal(delegate("del", BW_CNI_DEL, NULL, &err), 0);
}

static int make_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
	static const char *const names[] = { "env", "del",  "fail",   "mute", "dies",
					     "odd", "loud", "noexec", "mem" };
	char path[128];

	(void)state;
	for (size_t i = 0; i < BW_ARRAY_SIZE(names); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
		(void)unlink(path); /* a failed test may not have made it, ignoring */
	}
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(delegate_gets_stdin_and_the_whole_environment),
		cmocka_unit_test(delegate_of_other_verbs_answers_nothing),
		cmocka_unit_test(delegates_own_error_is_passed_on),
		cmocka_unit_test(delegate_that_answers_nonsense_is_refused),
		cmocka_unit_test(delegate_that_never_stops_talking_is_killed),
		cmocka_unit_test(delegate_is_searched_in_cni_path),
		cmocka_unit_test(delegate_reports_out_of_memory),
		cmocka_unit_test(delegate_is_reaped_when_sigchld_is_ignored),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
