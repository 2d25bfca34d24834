/* SPDX-License-Identifier: Apache-2.0 */
/* Requests of plugins over the real socket: served, kept waiting, explained. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cmocka.h>

#include <bw/kube_client.h>
#include <bw/loop.h>

#include "serve.h"
#include "sock.h"

#define STEPS_MAX 2000 /* of 5 ms: a deadline, not a wait */
#define ASK(ms)                                                                                    \
	"{\"op\":\"claim\",\"containerID\":\"c1\",\"ifname\":\"eth0\",\"namespace\":\"db\","       \
	"\"name\":\"redis-0\",\"waitMs\":" ms "}\n"

struct bed {
	struct bw_kube_client client;
	struct bw_loop *loop;
	struct agent_serve *serve;
	struct agent_sock *sock;
	struct agent_verdict verdict; /* what the next judgement says */
	struct bw_kube_call *call; /* the last look at the claim */
	unsigned int judged;
	unsigned int nudged;
	int fd;
	char path[64];
};

static struct bed bed;

static int start_call(struct bw_kube_client *c, const struct bw_kube_request *r,
		      struct bw_kube_call *call, struct bw_err *err)
{
	(void)c;
	(void)err;
	assert_int_equal(r->verb, BW_KUBE_GET);
	assert_string_equal(r->name, "redis-0");
	bed.call = call;
	return 0;
}

static void cancel_call(struct bw_kube_call *call)
{
	(void)call;
	bed.call = NULL;
}

static void free_client(struct bw_kube_client *c)
{
	(void)c;
}

static const struct bw_kube_client_ops client_ops = { .start = start_call,
						      .cancel = cancel_call,
						      .free = free_client };

static void judge(const struct bw_agent_request *req, struct agent_verdict *ret, void *arg)
{
	(void)arg;
	assert_string_equal(req->ifname, "eth0");
	*ret = bed.verdict;
	bed.judged++;
}

static int status(void *arg, struct bw_err *err)
{
	(void)arg;
	(void)err;
	return 0;
}

static void nudge(void *arg)
{
	(void)arg;
	bed.nudged++;
}

static int setup(void **state)
{
	struct agent_serve_env env = {
		.node = "n1", .judge = judge, .status = status, .nudge = nudge
	};
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct bw_err err = { 0 };

	(void)state;
	memset(&bed, 0, sizeof(bed));
	bed.client.ops = &client_ops;
	(void)snprintf(bed.path, sizeof(bed.path), "/tmp/bw-serve-%d", (int)getpid());
	assert_int_equal(bw_loop_new(&bed.loop, &err), 0);
	env.loop = bed.loop;
	env.client = &bed.client;
	assert_int_equal(agent_serve_new(&env, &bed.serve, &err), 0);
	assert_int_equal(agent_sock_open(bed.loop, bed.path, getuid(), &agent_serve_ops, bed.serve,
					 &bed.sock, &err),
			 0);
	bed.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	(void)snprintf(un.sun_path, sizeof(un.sun_path), "%s", bed.path);
	assert_int_equal(connect(bed.fd, (const struct sockaddr *)&un, sizeof(un)), 0);
	bed.verdict =
		(struct agent_verdict){ .what = AGENT_NOT_YET, .ns = "db", .name = "redis-0" };
	(void)bw_reject(&bed.verdict.err, BW_ERR_BUSY, EAGAIN, "not held here");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	(void)close(bed.fd);
	agent_sock_close(&bed.sock);
	agent_serve_free(&bed.serve);
	bw_loop_free(&bed.loop);
	return 0;
}

static void step(void)
{
	struct bw_err err = { 0 };

	assert_true(bw_loop_step(bed.loop, 5, INT64_MAX, &err) >= 0);
}

static void say(const char *text)
{
	assert_int_equal(send(bed.fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static const char *hear(void)
{
	static char buf[4096];

	for (int i = 0; i < STEPS_MAX; i++) {
		ssize_t n = recv(bed.fd, buf, sizeof(buf) - 1, MSG_DONTWAIT);

		if (n > 0) {
			buf[n] = '\0';
			return buf;
		}
		step();
	}
	fail_msg("no answer in ten seconds");
	return "";
}

static void expect(const char *part)
{
	const char *got = hear();

	if (!strstr(got, part))
		fail_msg("expected %s, got %s", part, got);
}

static void wait_for(const unsigned int *counter, unsigned int want)
{
	for (int i = 0; i < STEPS_MAX && *counter < want; i++)
		step();
	assert_int_equal(*counter, want);
}

static void a_served_claim_is_answered_at_once(void **state)
{
	(void)state;
	bed.verdict.what = AGENT_SERVED;
	(void)snprintf(bed.verdict.uid, sizeof(bed.verdict.uid), "u-1");
	bed.verdict.token = 4;
	say(ASK("30000"));
	expect("{\"ok\":true,\"uid\":\"u-1\",\"interface\":\"eth0\",\"token\":4}");
	assert_int_equal(agent_serve_stat(bed.serve)->served, 1);
}

static void a_claim_that_comes_later_is_answered_then(void **state)
{
	(void)state;
	say(ASK("30000"));
	wait_for(&bed.judged, 1);
	agent_serve_look(bed.serve);
	wait_for(&bed.judged, 2);
	assert_int_equal(agent_serve_stat(bed.serve)->waiting, 1);
	bed.verdict.what = AGENT_SERVED;
	bed.verdict.token = 1;
	(void)snprintf(bed.verdict.uid, sizeof(bed.verdict.uid), "u-1");
	agent_serve_look(bed.serve);
	expect("\"ok\":true");
	assert_int_equal(agent_serve_stat(bed.serve)->waiting, 0);
}

static void the_end_of_the_wait_explains(void **state)
{
	static const char claim[] =
		"{\"metadata\":{\"namespace\":\"db\",\"name\":\"redis-0\",\"resourceVersion\":\"1\"},"
		"\"spec\":{\"interfaces\":[{\"name\":\"eth0\",\"network\":\"lan\"}]},\"status\":{\"phase\":\"Pending\",\"conditions\":[{"
		"\"type\":\"Bound\",\"status\":\"False\",\"reason\":\"PoolExhausted\","
		"\"message\":\"0 of 254 free\",\"lastTransitionTime\":\"2026-01-01T00:00:00Z\"}]}}";
	struct bw_kube_answer a = { .result = BW_KUBE_OK,
				    .body = claim,
				    .body_size = sizeof(claim) - 1 };

	(void)state;
	say(ASK("20"));
	for (int i = 0; i < STEPS_MAX && !bed.call; i++)
		step();
	assert_non_null(bed.call);
	bed.call->client = NULL;
	bed.call->done(&a, bed.call->arg);
	expect("\"code\":11,\"msg\":\"claim db/redis-0 is Pending: 0 of 254 free\"");
}

static void a_pod_that_nothing_names_a_pool_for_is_told_both_remedies(void **state)
{
	struct bw_kube_answer a = { .result = BW_KUBE_NOT_FOUND, .body = "" };
	const char *got;

	(void)state;
	bed.verdict.no_pool = 1;
	say(ASK("20"));
	for (int i = 0; i < STEPS_MAX && !bed.call; i++)
		step();
	assert_non_null(bed.call);
	bed.call->client = NULL;
	bed.call->done(&a, bed.call->arg);
	got = hear();
	assert_non_null(strstr(got, "\"code\":7"));
	assert_non_null(strstr(got, "net.barewire.dev/network"));
	assert_non_null(strstr(got, "default: true"));
}

static void what_waiting_does_not_help_is_refused_at_once(void **state)
{
	(void)state;
	bed.verdict.what = AGENT_NEVER;
	(void)bw_reject(&bed.verdict.err, BW_ERR_INVALID, EINVAL, "no interface eth0");
	say(ASK("30000"));
	expect("\"code\":7");
	assert_int_equal(agent_serve_stat(bed.serve)->refused, 1);
}

static void nudges_and_enquiries_are_answered(void **state)
{
	(void)state;
	say("{\"op\":\"nudge\"}\n");
	expect("\"ok\":true");
	assert_int_equal(bed.nudged, 1);
}

static void nonsense_is_refused(void **state)
{
	(void)state;
	say("{\"op\":\"dance\"}\n");
	expect("\"ok\":false");
}

static void who_hangs_up_waits_no_more(void **state)
{
	unsigned int n = 0;

	(void)state;
	say(ASK("30000"));
	wait_for(&bed.judged, 1);
	(void)shutdown(bed.fd, SHUT_RDWR);
	for (int i = 0; i < STEPS_MAX && !n; i++) {
		step();
		n = (unsigned int)agent_serve_stat(bed.serve)->gave_up;
	}
	assert_int_equal(n, 1);
	assert_int_equal(agent_serve_stat(bed.serve)->waiting, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_served_claim_is_answered_at_once),
		TEST(a_claim_that_comes_later_is_answered_then),
		TEST(the_end_of_the_wait_explains),
		TEST(a_pod_that_nothing_names_a_pool_for_is_told_both_remedies),
		TEST(what_waiting_does_not_help_is_refused_at_once),
		TEST(nudges_and_enquiries_are_answered),
		TEST(nonsense_is_refused),
		TEST(who_hangs_up_waits_no_more),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
