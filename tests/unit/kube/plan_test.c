/* SPDX-License-Identifier: Apache-2.0 */
/* Plans as text, metrics as text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <bw/buf.h>
#include <bw/err.h>
#include <bw/kube_metrics.h>
#include <bw/kube_plan.h>

#include "failalloc.h"
#include "plan.h"

#define UNUSED __attribute__((unused))

static const struct bw_kube_kind claims = { "net.barewire.dev", "v1alpha1", "networkclaims",
					    "NetworkClaim", 1 };

static void fill(struct bw_plan *p)
{
	char name[] = "a";
	char body[] = "{\"status\":{\"phase\":\"Bound\"}}";
	struct bw_kube_request merge = { .verb = BW_KUBE_MERGE,
					 .kind = &claims,
					 .namespace = "db",
					 .name = name,
					 .subresource = "status",
					 .body = body,
					 .body_size = strlen(body),
					 .grace_s = -1 };
	struct bw_kube_request del = { .verb = BW_KUBE_DELETE,
				       .kind = &claims,
				       .namespace = "db",
				       .name = name,
				       .uid = "u-1" };

	bw_plan_write(p, &merge, NULL, NULL);
	bw_plan_write(p, &del, NULL, NULL);
	bw_plan_event(p, NULL, BW_EVENT_WARNING, "NoAddress", "the pool \"%s\" is full", "lan");
	bw_plan_requeue_after(p, 9000);
	bw_plan_requeue_after(p, 5000);
	/* The plan has copies. */
	name[0] = 'x';
	body[2] = 'x';
}

static void a_plan_is_printed_as_a_line_a_step(void **state UNUSED)
{
	struct bw_plan *p = NULL;
	bw_autofree char *text = NULL;
	struct bw_err err = { 0 };

	assert_int_equal(bw_plan_new(&p, &err), 0);
	fill(p);
	assert_int_equal(bw_plan_print(p, &text, &err), 0);
	assert_string_equal(
		text,
		"{\"verb\":\"merge\",\"kind\":\"NetworkClaim\",\"namespace\":\"db\",\"name\":"
		"\"a\",\"subresource\":\"status\",\"body\":{\"status\":{\"phase\":\"Bound\"}}"
		"}\n"
		"{\"verb\":\"delete\",\"kind\":\"NetworkClaim\",\"namespace\":\"db\",\"name\":"
		"\"a\",\"uid\":\"u-1\"}\n"
		"{\"event\":\"Warning\",\"reason\":\"NoAddress\",\"note\":\"the pool "
		"\\\"lan\\\" is full\"}\n"
		"{\"requeueAfterMs\":5000}\n");
	bw_plan_free(&p);
}

static void a_plan_that_wants_nothing_prints_nothing(void **state UNUSED)
{
	struct bw_plan *p = NULL;
	bw_autofree char *text = NULL;
	struct bw_err err = { 0 };

	assert_int_equal(bw_plan_new(&p, &err), 0);
	assert_int_equal(bw_plan_print(p, &text, &err), 0);
	assert_string_equal(text, "");
	bw_plan_free(&p);
	bw_plan_free(&p);
}

static void a_step_that_had_no_memory_is_reported_when_the_plan_is_used(void **state UNUSED)
{
	long n = 0;
	int failed;

	do {
		struct bw_plan *p = NULL;
		bw_autofree char *text = NULL;
		struct bw_err err = { 0 };
		int r;

		fail_alloc_start(n++);
		r = bw_plan_new(&p, &err);
		if (r == 0) {
			fill(p);
			r = bw_plan_print(p, &text, &err);
		}
		failed = fail_alloc_stop();
		assert_int_equal(r, failed ? -ENOMEM : 0);
		assert_int_equal(text != NULL, !failed);
		bw_plan_free(&p);
	} while (failed);
	assert_true(n > (FAIL_ALLOC_WORKS ? 10 : 0));
}

static void a_plan_has_a_bound(void **state UNUSED)
{
	struct bw_plan *p = NULL;
	bw_autofree char *text = NULL;
	struct bw_err err = { 0 };

	assert_int_equal(bw_plan_new(&p, &err), 0);
	for (unsigned int i = 0; i < BW_PLAN_STEPS_MAX; i++)
		bw_plan_event(p, NULL, BW_EVENT_NORMAL, "R", "n");
	assert_int_equal(p->failed, 0);
	bw_plan_event(p, NULL, BW_EVENT_NORMAL, "R", "n");
	assert_int_equal(bw_plan_print(p, &text, &err), -E2BIG);
	bw_plan_free(&p);
}

static const double buckets[] = { 0.1, 1 };
static const struct bw_metric_family requests = { "requests_total", "Requests", BW_METRIC_COUNTER,
						  NULL, 0 };
static const struct bw_metric_family seconds = { "seconds", "Time", BW_METRIC_HISTOGRAM, buckets,
						 BW_ARRAY_SIZE(buckets) };
static const struct bw_metric_family level = { "level", "Level", BW_METRIC_GAUGE, NULL, 0 };

static void on_text(void *arg)
{
	bw_metric_set(bw_metrics_get(arg, &level, NULL), 0.25);
}

static void metrics_are_written_in_order_with_escaped_labels(void **state UNUSED)
{
	bw_autobuf struct bw_buf text = { 0 };
	struct bw_metrics *m = NULL;
	struct bw_err err = { 0 };
	struct bw_metric *s;

	assert_int_equal(bw_metrics_new(&m, &err), 0);
	assert_int_equal(bw_metrics_on_text(m, on_text, m, &err), 0);
	s = bw_metrics_get(m, &seconds, "verb", "get", NULL);
	bw_metric_observe(s, 0.05);
	bw_metric_observe(s, 0.5);
	bw_metric_observe(s, 5);
	assert_true(bw_metric_value(s) == 3);
	bw_metric_add(bw_metrics_get(m, &requests, "code", "500", "q", "a\"b\\c\nd", NULL), 1);
	bw_metric_add(bw_metrics_get(m, &requests, "code", "200", NULL), 2);
	bw_metric_add(bw_metrics_get(m, &requests, "code", "200", NULL), 1234567);
	assert_int_equal(bw_metrics_text(m, &text), 0);
	assert_string_equal(text.data,
			    "# HELP level Level\n# TYPE level gauge\nlevel 0.25\n"
			    "# HELP requests_total Requests\n# TYPE requests_total counter\n"
			    "requests_total{code=\"200\"} 1234569\n"
			    "requests_total{code=\"500\",q=\"a\\\"b\\\\c\\nd\"} 1\n"
			    "# HELP seconds Time\n# TYPE seconds histogram\n"
			    "seconds_bucket{verb=\"get\",le=\"0.1\"} 1\n"
			    "seconds_bucket{verb=\"get\",le=\"1\"} 2\n"
			    "seconds_bucket{verb=\"get\",le=\"+Inf\"} 3\n"
			    "seconds_sum{verb=\"get\"} 5.55\nseconds_count{verb=\"get\"} 3\n");
	bw_metrics_free(&m);
}

static void a_metric_without_memory_is_null_and_harmless(void **state UNUSED)
{
	struct bw_metrics *m = NULL;
	struct bw_err err = { 0 };
	long n = 0;
	int failed;

	assert_int_equal(bw_metrics_new(&m, &err), 0);
	do {
		struct bw_metric *s;

		fail_alloc_start(n++);
		s = bw_metrics_get(m, &seconds, "a", "b", NULL);
		failed = fail_alloc_stop();
		assert_int_equal(s == NULL, failed);
		bw_metric_observe(s, 1);
		bw_metric_add(s, 0);
	} while (failed);
	assert_null(bw_metrics_get(NULL, &seconds, NULL));
	assert_true(bw_metric_value(NULL) == 0);
	bw_metrics_free(&m);
}

static void series_have_a_bound(void **state UNUSED)
{
	struct bw_metrics *m = NULL;
	struct bw_err err = { 0 };
	char value[16];

	assert_int_equal(bw_metrics_new(&m, &err), 0);
	for (unsigned int i = 0; i <= BW_METRIC_SERIES_MAX; i++) {
		(void)snprintf(value, sizeof(value), "%u", i);
		assert_int_equal(bw_metrics_get(m, &requests, "v", value, NULL) == NULL,
				 i == BW_METRIC_SERIES_MAX);
	}
	assert_non_null(bw_metrics_get(m, &requests, "v", "7", NULL));
	bw_metrics_free(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_plan_is_printed_as_a_line_a_step),
		cmocka_unit_test(a_plan_that_wants_nothing_prints_nothing),
		cmocka_unit_test(a_step_that_had_no_memory_is_reported_when_the_plan_is_used),
		cmocka_unit_test(a_plan_has_a_bound),
		cmocka_unit_test(metrics_are_written_in_order_with_escaped_labels),
		cmocka_unit_test(a_metric_without_memory_is_null_and_harmless),
		cmocka_unit_test(series_have_a_bound),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
