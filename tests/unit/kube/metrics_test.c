/* SPDX-License-Identifier: Apache-2.0 */
/* The metrics that every client of Kubernetes has: names, labels, buckets. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include <bw/kube_metrics.h>

#include "fakeserver.h"
#include "process.h"
#include "rest.h"

#define UNUSED __attribute__((unused))

static const struct bw_kube_kind pods = { "", "v1", "pods", "Pod", 1 };
static const struct bw_kube_request get_x = {
	.verb = BW_KUBE_GET, .kind = &pods, .namespace = "d", .name = "x"
};
static const struct bw_kube_request create_x = {
	.verb = BW_KUBE_CREATE, .kind = &pods, .namespace = "d", .body = "{\"a\":1}", .manager = "m"
};

static void has(struct bw_metrics *m, const char *line)
{
	bw_autobuf struct bw_buf text = { 0 };

	assert_int_equal(bw_metrics_text(m, &text), 0);
	if (!strstr(text.data, line))
		fail_msg("no \"%s\" in\n%s", line, text.data);
}

static void has_not(struct bw_metrics *m, const char *part)
{
	bw_autobuf struct bw_buf text = { 0 };

	assert_int_equal(bw_metrics_text(m, &text), 0);
	if (strstr(text.data, part))
		fail_msg("\"%s\" in\n%s", part, text.data);
}

static void requests_are_counted_as_client_go_does(void **state UNUSED)
{
	struct bw_kube_rest r = { .method = "GET",
				  .host = "10.96.0.1:443",
				  .http = 200,
				  .ns = 30000000,
				  .wait_ns = 3000000,
				  .sent = 0,
				  .received = 300 };
	struct bw_metrics *m = NULL;

	assert_int_equal(bw_metrics_new(&m, NULL), 0);
	bw_kube_rest_count(m, &r);
	r.http = 0;
	r.ns = 90000000000LL;
	bw_kube_rest_count(m, &r);
	r.watch = 1;
	r.http = 410;
	bw_kube_rest_count(m, &r);
	bw_kube_rest_count(NULL, &r);
	has(m,
	    "rest_client_requests_total{code=\"200\",method=\"GET\",host=\"10.96.0.1:443\"} 1\n");
	has(m,
	    "rest_client_requests_total{code=\"<error>\",method=\"GET\",host=\"10.96.0.1:443\"} 1\n");
	has(m,
	    "rest_client_requests_total{code=\"410\",method=\"GET\",host=\"10.96.0.1:443\"} 1\n");
	has(m,
	    "rest_client_request_duration_seconds_bucket{verb=\"GET\",host=\"10.96.0.1:443\",le=\"0.025\"} 0\n");
	has(m,
	    "rest_client_request_duration_seconds_bucket{verb=\"GET\",host=\"10.96.0.1:443\",le=\"0.1\"} 1\n");
	has(m,
	    "rest_client_request_duration_seconds_bucket{verb=\"GET\",host=\"10.96.0.1:443\",le=\"60\"} 1\n");
	has(m,
	    "rest_client_request_duration_seconds_count{verb=\"GET\",host=\"10.96.0.1:443\"} 2\n");
	has(m,
	    "rest_client_rate_limiter_duration_seconds_bucket{verb=\"GET\",host=\"10.96.0.1:443\",le=\"0.005\"} 2\n");
	has(m,
	    "rest_client_request_size_bytes_bucket{verb=\"GET\",host=\"10.96.0.1:443\",le=\"64\"} 2\n");
	has(m,
	    "rest_client_response_size_bytes_bucket{verb=\"GET\",host=\"10.96.0.1:443\",le=\"256\"} 0\n");
	has(m,
	    "rest_client_response_size_bytes_bucket{verb=\"GET\",host=\"10.96.0.1:443\",le=\"512\"} 2\n");
	has(m,
	    "rest_client_response_size_bytes_bucket{verb=\"GET\",host=\"10.96.0.1:443\",le=\"1.6777216e+07\"} 2\n");
	bw_metrics_free(&m);
}

/* Texts as strconv.FormatFloat(v, 'g', -1, 64) has them. */
static void bounds_are_the_texts_of_go(void **state UNUSED)
{
	static const double bounds[] = { 1e-8,   1e-5,   1e-4,    0.001, 0.005,    0.025,
					 0.5,    1,      2.5,     10,    60,       1000,
					 1234.5, 262144, 1048576, 1e15,  0.1 + 0.2 };
	static const char *const texts[] = { "1e-08",
					     "1e-05",
					     "0.0001",
					     "0.001",
					     "0.005",
					     "0.025",
					     "0.5",
					     "1",
					     "2.5",
					     "10",
					     "60",
					     "1000",
					     "1234.5",
					     "262144",
					     "1.048576e+06",
					     "1e+15",
					     "0.30000000000000004" };
	static const struct bw_metric_family f = { "b", "b", BW_METRIC_HISTOGRAM, bounds,
						   BW_ARRAY_SIZE(bounds) };
	struct bw_metrics *m = NULL;

	assert_int_equal(bw_metrics_new(&m, NULL), 0);
	bw_metric_observe(bw_metrics_get(m, &f, NULL), 1);
	for (size_t i = 0; i < BW_ARRAY_SIZE(texts); i++) {
		char want[64];

		(void)snprintf(want, sizeof(want), "b_bucket{le=\"%s\"} %d\n", texts[i],
			       bounds[i] >= 1); /* fits */
		has(m, want);
	}
	bw_metrics_free(&m);
}

static void a_family_is_forgotten_and_no_other(void **state UNUSED)
{
	static const struct bw_metric_family a = { "a", "a", BW_METRIC_GAUGE, NULL, 0 };
	static const struct bw_metric_family b = { "aa", "b", BW_METRIC_GAUGE, NULL, 0 };
	struct bw_metrics *m = NULL;

	assert_int_equal(bw_metrics_new(&m, NULL), 0);
	bw_metrics_forget(NULL, &a);
	bw_metrics_forget(m, &a);
	bw_metric_set(bw_metrics_get(m, &a, "x", "1", NULL), 1);
	bw_metric_set(bw_metrics_get(m, &a, "x", "2", NULL), 2);
	bw_metric_set(bw_metrics_get(m, &b, "x", "1", NULL), 3);
	bw_metrics_forget(m, &a);
	has_not(m, "\na{");
	has(m, "aa{x=\"1\"} 3\n");
	assert_true(bw_metric_value(bw_metrics_get(m, &a, "x", "1", NULL)) == 0);
	bw_metrics_free(&m);
}

static void a_client_counts_where_it_is_told(void **state UNUSED)
{
	static struct fake server;
	bw_autocall struct call first = { 0 };
	bw_autocall struct call second = { 0 };
	struct bw_metrics *m = NULL;
	char line[200];

	fake_start(&server, NULL);
	fake_client(&server, fake_config(&server, "http"), NULL);
	assert_int_equal(bw_metrics_new(&m, NULL), 0);
	fake_say(&server, "{\"body\":\"{\\\"kind\\\":\\\"Pod\\\"}\"}");
	call_whole(&server, &first, &get_x);
	bw_kube_client_measure(server.client, m);
	fake_say(&server, "{\"status\":422,\"body\":\"{}\"}");
	call_whole(&server, &second, &create_x);
	bw_kube_client_measure(server.client, NULL);
	has_not(m, "method=\"GET\"");
	(void)snprintf(
		line, sizeof(line),
		"rest_client_requests_total{code=\"422\",method=\"POST\",host=\"127.0.0.1:%u\"} 1\n",
		server.port); /* fits */
	has(m, line);
	(void)snprintf(
		line, sizeof(line),
		"rest_client_request_size_bytes_sum{verb=\"POST\",host=\"127.0.0.1:%u\"} 7\n",
		server.port); /* fits */
	has(m, line);
	(void)snprintf(
		line, sizeof(line),
		"rest_client_response_size_bytes_sum{verb=\"POST\",host=\"127.0.0.1:%u\"} 2\n",
		server.port); /* fits */
	has(m, line);
	fake_forget(&server);
	bw_metrics_free(&m);
	fake_stop(&server);
}

static double value_of(const char *text, const char *name)
{
	const char *at = text;
	size_t len = strlen(name);

	while ((at = strstr(at, name)) != NULL) {
		if ((at == text || at[-1] == '\n') && at[len] == ' ')
			return strtod(at + len, NULL);
		at += len;
	}
	fail_msg("no %s in\n%s", name, text);
	return -1;
}

static void a_process_knows_what_it_costs(void **state UNUSED)
{
	static const char *const names[] = { "process_cpu_seconds_total",
					     "process_max_fds",
					     "process_open_fds",
					     "process_resident_memory_bytes",
					     "process_start_time_seconds",
					     "process_virtual_memory_bytes",
					     "process_virtual_memory_max_bytes" };
	bw_autobuf struct bw_buf text = { 0 };
	bw_autobuf struct bw_buf more = { 0 };
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	time_t now = time(NULL);

	assert_true(fd >= 0);
	assert_int_equal(bw_process_text(&more), 0);
	(void)close(fd);
	assert_int_equal(bw_process_text(&text), 0);
	for (size_t i = 0; i < BW_ARRAY_SIZE(names); i++)
		assert_true(value_of(text.data, names[i]) >= 0);
	assert_true(value_of(more.data, "process_open_fds") ==
		    value_of(text.data, "process_open_fds") + 1);
	assert_true(value_of(text.data, "process_resident_memory_bytes") > 100000);
	assert_true(value_of(text.data, "process_resident_memory_bytes") <
		    value_of(text.data, "process_virtual_memory_bytes"));
	/* The clock may have been set since the boot: only that it is a time of today or so. */
	assert_true(value_of(text.data, "process_start_time_seconds") > (double)now - 1e6 &&
		    value_of(text.data, "process_start_time_seconds") < (double)now + 1e6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_are_counted_as_client_go_does),
		cmocka_unit_test(bounds_are_the_texts_of_go),
		cmocka_unit_test(a_family_is_forgotten_and_no_other),
		cmocka_unit_test(a_client_counts_where_it_is_told),
		cmocka_unit_test(a_process_knows_what_it_costs),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
