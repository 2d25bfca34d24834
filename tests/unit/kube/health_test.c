/* SPDX-License-Identifier: Apache-2.0 */
/* Probes and scrapes over a real socket on loopback, answered by the loop alone. */
#include "fake.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <bw/kube_controller.h>
#include <bw/kube_health.h>
#include <bw/kube_metrics.h>

#define UNUSED __attribute__((unused))
#define STEPS_MAX 2000

static char answer[65536];

/* One request; the loop runs until the server has closed. */
static const char *ask(struct bw_loop *loop, unsigned int port, const char *method,
		       const char *path)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons((uint16_t)port),
				  .sin_addr = { htonl(INADDR_LOOPBACK) } };
	bw_autoclose int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char request[256];
	size_t size = 0;
	ssize_t n = -1;

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	(void)snprintf(request, sizeof(request),
		       "%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", method, path);
	assert_int_equal(send(fd, request, strlen(request), 0), strlen(request));
	for (unsigned int i = 0; i < STEPS_MAX && n != 0; i++) {
		assert_true(bw_loop_step(loop, 10, 0, NULL) >= 0);
		n = recv(fd, answer + size, sizeof(answer) - size - 1, MSG_DONTWAIT);
		size += n > 0 ? (size_t)n : 0;
	}
	assert_int_equal(n, 0);
	answer[size] = '\0';
	return answer;
}

static void probes_and_scrapes_are_answered(void **state UNUSED)
{
	static const struct bw_metric_family family = { "a_total", "A", BW_METRIC_COUNTER, NULL,
							0 };
	struct bw_kube_health *h = NULL;
	struct bw_metrics *m = NULL;
	struct bw_loop *loop = NULL;
	struct bw_err err = { 0 };
	unsigned int port;

	assert_int_equal(bw_loop_new(&loop, &err), 0);
	assert_int_equal(bw_metrics_new(&m, &err), 0);
	bw_metric_add(bw_metrics_get(m, &family, "b", "c", NULL), 3);
	assert_int_equal(bw_kube_health_new(loop, "127.0.0.1:0", &h, &err), 0);
	assert_int_equal(bw_kube_health_add(h, "/healthz", bw_kube_health_live, NULL), 0);
	assert_int_equal(bw_kube_health_add(h, "/metrics", bw_kube_health_metrics, m), 0);
	port = bw_kube_health_port(h);
	assert_non_null(strstr(ask(loop, port, "GET", "/healthz"), "HTTP/1.1 200 OK\r\n"));
	assert_non_null(strstr(answer, "\r\n\r\nok\n"));
	assert_non_null(strstr(ask(loop, port, "GET", "/metrics"), "a_total{b=\"c\"} 3\n"));
	assert_non_null(strstr(answer, "text/plain; version=0.0.4"));
	assert_non_null(strstr(ask(loop, port, "GET", "/else"), "HTTP/1.1 404 "));
	assert_non_null(strstr(ask(loop, port, "POST", "/healthz"), "HTTP/1.1 405 "));
	bw_kube_health_free(&h);
	bw_metrics_free(&m);
	bw_loop_free(&loop);
}

static void readiness_names_what_is_not_read_yet(void **state UNUSED)
{
	static const struct bw_kube_kind pods = { "", "v1", "pods", "Pod", 1 };
	struct bw_kube_runtime *rt = NULL;
	struct bw_kube_store *store = NULL;
	struct bw_err err = { 0 };
	struct bw_buf text = { 0 };
	struct fake_call *k;
	struct fake f;

	fake_init(&f);
	assert_int_equal(bw_kube_runtime_new(f.loop, &f.client, "m", &rt, &err), 0);
	assert_int_equal(bw_kube_runtime_watch(rt, &pods, NULL, &store, &err), 0);
	assert_int_equal(bw_kube_health_ready(&text, rt), 503);
	assert_string_equal(text.data, "pods: not read yet\n");
	k = fake_next(&f, BW_KUBE_WATCH, "pods");
	assert_int_equal(fake_bookmark(k, 5, 1), 0);
	bw_buf_done(&text);
	assert_int_equal(bw_kube_health_ready(&text, rt), 200);
	bw_buf_done(&text);
	fake_run(&f, 301 * S);
	assert_int_equal(bw_kube_health_ready(&text, rt), 503);
	assert_non_null(strstr(text.data, "pods: not heard of for five minutes"));
	bw_buf_done(&text);
	bw_kube_runtime_free(&rt);
	fake_done(&f);
}

static void an_address_that_is_none_is_refused(void **state UNUSED)
{
	static const char *const bad[] = { "",           "8081",      "localhost:1",
					   "127.0.0.1:", "1.2.3.4:x", "[::1:5" };
	struct bw_kube_health *h = NULL;
	struct bw_loop *loop = NULL;
	struct bw_err err = { 0 };

	assert_int_equal(bw_loop_new(&loop, &err), 0);
	for (size_t i = 0; i < BW_ARRAY_SIZE(bad); i++) {
		assert_int_equal(bw_kube_health_new(loop, bad[i], &h, &err), -EINVAL);
		assert_int_equal(err.class, BW_ERR_INVALID);
		assert_null(h);
	}
	assert_int_equal(bw_kube_health_new(loop, "[::1]:0", &h, &err), 0);
	bw_kube_health_free(&h);
	bw_loop_free(&loop);
}

static int has_loopback(void)
{
	struct ifreq ifr = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	bw_autoclose int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	return fd >= 0 && ioctl(fd, SIOCSIFFLAGS, &ifr) == 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(probes_and_scrapes_are_answered),
		cmocka_unit_test(readiness_names_what_is_not_read_yet),
		cmocka_unit_test(an_address_that_is_none_is_refused),
	};

	if (unshare(CLONE_NEWNET) < 0 || !has_loopback()) {
		(void)puts("1..0 # SKIP no network namespace of its own");
		return 0;
	}
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
