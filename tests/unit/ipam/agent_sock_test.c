/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon's socket: lines in and out, and a client that waits no longer than it said. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <cmocka.h>

#include <bw/agent_sock.h>
#include <bw/clock.h>
#include <bw/err.h>

#include "failalloc.h"

static const char claim_line[] =
	"{\"op\":\"claim\",\"containerID\":\"c1\",\"ifname\":\"eth0\",\"namespace\":\"db\","
	"\"name\":\"redis-0\",\"uid\":\"u1\","
	"\"annotations\":{\"net.barewire.dev/claim\":\"redis-0\"},\"waitMs\":30000}\n";
static const char ok_line[] = "{\"ok\":true,\"uid\":\"u1\",\"interface\":\"eth0\",\"token\":3}\n";
static const char no_line[] =
	"{\"ok\":false,\"code\":11,\"msg\":\"claim db/redis-0 is Pending\",\"details\":\"wait\"}\n";

static void a_request_is_read_as_it_was_written(void **state)
{
	struct bw_agent_request req = { 0 };
	bw_autofree char *text = NULL;
	struct bw_err err = { 0 };

	(void)state;
	assert_int_equal(bw_agent_request_decode(claim_line, strlen(claim_line) - 1, &req, &err),
			 0);
	assert_int_equal(req.op, BW_AGENT_CLAIM);
	assert_string_equal(req.container_id, "c1");
	assert_string_equal(req.ifname, "eth0");
	assert_string_equal(req.ns, "db");
	assert_string_equal(req.name, "redis-0");
	assert_string_equal(req.uid, "u1");
	assert_true(req.has_annotations && req.n_annotations == 1 && req.wait_ms == 30000);
	assert_string_equal(bw_agent_request_annotation(&req, "claim"), "redis-0");
	assert_null(bw_agent_request_annotation(&req, "network"));
	assert_int_equal(bw_agent_request_encode(&req, &text, &err), 0);
	assert_string_equal(text, claim_line);
	bw_agent_request_done(&req);
}

static void a_reply_is_read_as_it_was_written(void **state)
{
	static const char *const lines[] = { ok_line, no_line };

	(void)state;
	for (size_t i = 0; i < BW_ARRAY_SIZE(lines); i++) {
		struct bw_agent_reply reply = { 0 };
		bw_autofree char *text = NULL;
		struct bw_err err = { 0 };

		assert_int_equal(
			bw_agent_reply_decode(lines[i], strlen(lines[i]) - 1, &reply, &err), 0);
		assert_int_equal(bw_agent_reply_encode(&reply, &text, &err), 0);
		assert_string_equal(text, lines[i]);
		bw_agent_reply_done(&reply);
	}
}

static void bad_requests_are_refused(void **state)
{
	static const struct {
		const char *line;
		int r;
		const char *says;
	} bad[] = {
		{ "", -EBADMSG, "" },
		{ "{}", -EINVAL, "op" },
		{ "[]", -EINVAL, "" },
		{ "{\"op\":\"launch\"}", -EOPNOTSUPP, "\"launch\" is not known" },
		{ "{\"op\":\"claim\"}", -EINVAL, "containerID: expected" },
		{ "{\"op\":\"claim\",\"containerID\":\"c\",\"ifname\":\"eth0\",\"name\":\"p\"}",
		  -EINVAL, "namespace: expected" },
		{ "{\"op\":\"status\",\"waitMs\":300001}", -EINVAL, "waitMs" },
		{ "{\"op\":\"status\",\"annotations\":[]}", -EINVAL, "annotations" },
		{ "{\"op\":\"status\",\"annotations\":{\"a\":1}}", -EINVAL, "annotations.a" },
	};

	(void)state;
	for (size_t i = 0; i < BW_ARRAY_SIZE(bad); i++) {
		struct bw_agent_request req = { 0 };
		struct bw_err err = { 0 };
		int r = bw_agent_request_decode(bad[i].line, strlen(bad[i].line), &req, &err);

		if (r != bad[i].r || !strstr(err.msg, bad[i].says))
			fail_msg("%zu: expected %d %s, got %d \"%s\"", i, bad[i].r, bad[i].says, r,
				 err.msg);
		bw_agent_request_done(&req);
	}
}

static void bounds_are_kept(void **state)
{
	bw_autofree char *big = malloc(BW_AGENT_LINE_MAX + 1);
	struct bw_agent_request req = { .op = BW_AGENT_STATUS };
	bw_autofree char *text = NULL;
	struct bw_err err = { 0 };

	(void)state;
	if (!big)
		abort();
	memset(big, ' ', BW_AGENT_LINE_MAX);
	big[BW_AGENT_LINE_MAX] = '\0';
	assert_int_equal(bw_agent_request_decode(big, BW_AGENT_LINE_MAX, &req, &err), -EBADMSG);
	memset(big, 'a', BW_AGENT_LINE_MAX);
	req = (struct bw_agent_request){ .op = BW_AGENT_CLAIM, .name = big };
	assert_int_equal(bw_agent_request_encode(&req, &text, &err), -E2BIG);
	assert_string_equal(bw_agent_op_str(BW_AGENT_OP_MAX_), "unknown");
}

static void errors_become_codes(void **state)
{
	struct bw_agent_reply reply;
	struct bw_err err = { 0 };

	(void)state;
	(void)bw_reject(&err, BW_ERR_INVALID, EINVAL, "no such pool");
	bw_err_details(&err, "do this");
	bw_agent_reply_from_err(&err, &reply);
	assert_int_equal(reply.code, BW_AGENT_CODE_INVALID);
	assert_string_equal(reply.details, "do this");
	(void)bw_reject(&err, BW_ERR_BUSY, EBUSY, "is Pending");
	bw_agent_reply_from_err(&err, &reply);
	assert_int_equal(reply.code, BW_AGENT_CODE_AGAIN);
	assert_string_equal(reply.msg, "is Pending");
}

/* A daemon that answers one line with @answer, or goes away without one (NULL). */
static pid_t serve(const char *path, const char *answer)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	pid_t pid;

	(void)snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", path);
	(void)unlink(path);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_int_equal(listen(fd, 4), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		int c = accept(fd, NULL, NULL);
		char buf[4096];
		ssize_t n = recv(c, buf, sizeof(buf), 0);

		if (n > 0 && answer)
			(void)!write(c, answer, strlen(answer));
		_exit(n > 0 && buf[n - 1] == '\n' ? 0 : 1);
	}
	close(fd);
	return pid;
}

static int call(const char *path, const char *answer, struct bw_agent_reply *ret,
		struct bw_err *err)
{
	struct bw_agent_request req = { .op = BW_AGENT_STATUS };
	pid_t pid = serve(path, answer);
	int r = bw_agent_call(path, &req, ret, err);
	int status = 0;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	(void)unlink(path);
	return r;
}

static void the_client_hears_the_answer(void **state)
{
	char dir[] = "/tmp/bw-sock-XXXXXX";
	struct bw_agent_request req = { .op = BW_AGENT_STATUS };
	struct bw_agent_reply reply = { 0 };
	struct bw_err err = { 0 };
	char path[64];

	(void)state;
	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/s", dir);
	assert_int_equal(bw_agent_call(path, &req, &reply, &err), -ENOENT);
	assert_int_equal(err.class, BW_ERR_BUSY);
	assert_non_null(strstr(err.msg, "barewire-agent does not listen on"));
	assert_int_equal(call(path, ok_line, &reply, &err), 0);
	assert_true(reply.ok && reply.token == 3);
	assert_string_equal(reply.uid, "u1");
	bw_agent_reply_done(&reply);
	assert_int_equal(call(path, no_line, &reply, &err), 0);
	assert_true(!reply.ok && reply.code == 11);
	bw_agent_reply_done(&reply);
	assert_int_equal(call(path, NULL, &reply, &err), -EPIPE);
	assert_int_equal(err.class, BW_ERR_BUSY);
	assert_int_equal(call(path, "nonsense\n", &reply, &err), -EBADMSG);
	bw_agent_reply_done(&reply);
	assert_int_equal(call(path, "{\"ok\":false}\n", &reply, &err), -EINVAL);
	bw_agent_reply_done(&reply);
	assert_int_equal(rmdir(dir), 0);
}

/* Somebody listens and says nothing. */
static void the_client_gives_up_in_time(void **state)
{
	struct bw_agent_request req = { .op = BW_AGENT_STATUS };
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	struct bw_agent_reply reply = { 0 };
	char dir[] = "/tmp/bw-sock-XXXXXX";
	struct bw_err err = { 0 };
	uint64_t before;
	int fd;

	(void)state;
	assert_non_null(mkdtemp(dir));
	(void)snprintf(sa.sun_path, sizeof(sa.sun_path), "%s/s", dir);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_int_equal(listen(fd, 1), 0);
	before = bw_clock_boot_ns();
	assert_int_equal(bw_agent_call(sa.sun_path, &req, &reply, &err), -ETIMEDOUT);
	assert_int_equal(err.class, BW_ERR_BUSY);
	assert_true(bw_clock_boot_ns() - before >= BW_AGENT_GRACE_MS * 1000000ULL);
	bw_agent_nudge(sa.sun_path);
	close(fd);
	(void)unlink(sa.sun_path);
	assert_int_equal(rmdir(dir), 0);
}

static void failed_allocations_are_reported(void **state)
{
	long n = 0;
	int failed;

	(void)state;
	do {
		struct bw_agent_request req = { 0 };
		struct bw_err err = { 0 };
		char *text = NULL;
		int r;

		fail_alloc_start(n++);
		r = bw_agent_request_decode(claim_line, strlen(claim_line) - 1, &req, &err);
		if (r == 0)
			r = bw_agent_request_encode(&req, &text, &err);
		failed = fail_alloc_stop();
		assert_int_equal(r, failed ? -ENOMEM : 0);
		bw_agent_request_done(&req);
		free(text);
	} while (failed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_is_read_as_it_was_written),
		cmocka_unit_test(a_reply_is_read_as_it_was_written),
		cmocka_unit_test(bad_requests_are_refused),
		cmocka_unit_test(bounds_are_kept),
		cmocka_unit_test(errors_become_codes),
		cmocka_unit_test(the_client_hears_the_answer),
		cmocka_unit_test(the_client_gives_up_in_time),
		cmocka_unit_test(failed_allocations_are_reported),
	};

	(void)signal(SIGPIPE, SIG_IGN); /* of the test's daemon alone, ignoring */
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
