/* SPDX-License-Identifier: Apache-2.0 */
/* Events: what is posted, what becomes a series, what is dropped, and that nothing blocks. */
#include "failalloc.h"
#include "fake.h"

#include <bw/kube_event.h>
#include <bw/kube_metrics.h>

#define UNUSED __attribute__((unused))

static const struct bw_kube_kind claims = { "net.barewire.dev", "v1alpha1", "networkclaims",
					    "NetworkClaim", 1 };
static const struct bw_kube_kind nodes = { "", "v1", "nodes", "Node", 0 };

struct bed {
	struct fake f;
	struct bw_metrics *m;
	struct bw_kube_events *ev;
	unsigned int idle;
};

static const struct bw_kube_about claim = { &claims, "db", "a", "uid-a", "7" };

static void on_idle(void *arg)
{
	struct bed *b = arg;

	b->idle++;
}

static void make(struct bed *b)
{
	struct bw_err err = { 0 };

	memset(b, 0, sizeof(*b));
	fake_init(&b->f);
	assert_int_equal(bw_metrics_new(&b->m, &err), 0);
	assert_int_equal(bw_kube_events_new(b->f.loop, &b->f.client, b->m, "barewire-controller",
					    "host-1", 5, &b->ev, &err),
			 0);
	bw_kube_events_on_idle(b->ev, on_idle, b);
}

static void unmake(struct bed *b)
{
	bw_kube_events_free(&b->ev);
	bw_metrics_free(&b->m);
	fake_done(&b->f);
}

static void tell(struct bed *b, const char *note)
{
	bw_kube_events_tell(b->ev, &claim, BW_EVENT_WARNING, "NoAddress", note);
}

static double dropped(struct bed *b)
{
	static const struct bw_metric_family f = { "kube_events_total", "", BW_METRIC_COUNTER, NULL,
						   0 };

	return bw_metric_value(bw_metrics_get(b->m, &f, "result", "dropped", NULL));
}

static void an_event_is_posted_beside_its_object(void **state UNUSED)
{
	struct fake_call *k;
	struct bed b;

	make(&b);
	tell(&b, "the pool \"lan\" is full");
	k = fake_next(&b.f, BW_KUBE_CREATE, "events");
	assert_string_equal(k->namespace, "db");
	assert_non_null(strstr(k->body, "\"apiVersion\":\"events.k8s.io/v1\",\"kind\":\"Event\""));
	assert_non_null(strstr(k->body, "\"namespace\":\"db\",\"name\":\"a."));
	assert_non_null(strstr(k->body, "\"eventTime\":\"2026-09-21T14:13:20.000000Z\""));
	assert_non_null(strstr(k->body,
			       "\"regarding\":{\"apiVersion\":\"net.barewire.dev/v1alpha1\""
			       ",\"kind\":\"NetworkClaim\",\"namespace\":\"db\","
			       "\"name\":\"a\",\"uid\":\"uid-a\","
			       "\"resourceVersion\":\"7\"}"));
	assert_non_null(strstr(k->body, "\"reportingController\":\"barewire-controller\","
					"\"reportingInstance\":\"host-1\",\"action\":\"Reconcile\","
					"\"reason\":\"NoAddress\","
					"\"note\":\"the pool \\\"lan\\\" is full\","
					"\"type\":\"Warning\"}"));
	assert_int_equal(bw_kube_events_pending(b.ev), 1);
	fake_end(k, BW_KUBE_OK, 0, "{}");
	fake_run(&b.f, 0);
	assert_int_equal(b.idle, 1);
	unmake(&b);
}

static void events_of_what_has_no_namespace_go_to_default(void **state UNUSED)
{
	static const struct bw_kube_about node = { &nodes, NULL, "n1", "u", NULL };
	struct fake_call *k;
	struct bed b;

	make(&b);
	bw_kube_events_tell(b.ev, &node, BW_EVENT_NORMAL, "R", "n");
	k = fake_next(&b.f, BW_KUBE_CREATE, "events");
	assert_string_equal(k->namespace, "default");
	assert_non_null(strstr(k->body, "\"regarding\":{\"apiVersion\":\"v1\",\"kind\":\"Node\","
					"\"name\":\"n1\",\"uid\":\"u\"}"));
	unmake(&b);
}

static void the_same_told_again_becomes_a_series_once_a_minute(void **state UNUSED)
{
	struct fake_call *k;
	struct bed b;

	make(&b);
	tell(&b, "x");
	tell(&b, "x");
	fake_end(fake_next(&b.f, BW_KUBE_CREATE, "events"), BW_KUBE_OK, 0, "{}");
	for (unsigned int i = 0; i < 58; i++) {
		fake_run(&b.f, 1 * S);
		tell(&b, "x");
	}
	assert_null(fake_peek(&b.f, BW_KUBE_MERGE, NULL));
	fake_run(&b.f, 2 * S);
	k = fake_next(&b.f, BW_KUBE_MERGE, "events");
	assert_non_null(strstr(k->body, "{\"series\":{\"count\":60,\"lastObservedTime\":\""));
	assert_ptr_equal(strstr(k->name, "a."), k->name);
	fake_end(k, BW_KUBE_OK, 0, "{}");
	fake_run(&b.f, 600 * S);
	assert_int_equal(b.f.n, 2);
	/* Long after it is another Event. */
	tell(&b, "x");
	(void)fake_next(&b.f, BW_KUBE_CREATE, "events");
	unmake(&b);
}

static void a_series_whose_event_has_expired_is_forgotten(void **state UNUSED)
{
	struct bed b;

	make(&b);
	tell(&b, "x");
	fake_end(fake_next(&b.f, BW_KUBE_CREATE, "events"), BW_KUBE_OK, 0, "{}");
	tell(&b, "x");
	fake_run(&b.f, 61 * S);
	fake_end(fake_next(&b.f, BW_KUBE_MERGE, "events"), BW_KUBE_NOT_FOUND, 0, NULL);
	fake_run(&b.f, 0);
	tell(&b, "x");
	(void)fake_next(&b.f, BW_KUBE_CREATE, "events");
	unmake(&b);
}

static void one_request_is_in_flight(void **state UNUSED)
{
	struct bed b;

	make(&b);
	tell(&b, "1");
	tell(&b, "2");
	tell(&b, "3");
	fake_run(&b.f, 60 * S);
	assert_int_equal(fake_waiting(&b.f), 1);
	assert_int_equal(bw_kube_events_pending(b.ev), 3);
	for (unsigned int i = 0; i < 3; i++)
		fake_end(fake_next(&b.f, BW_KUBE_CREATE, NULL), BW_KUBE_OK, 0, "{}");
	fake_run(&b.f, 0);
	assert_int_equal(bw_kube_events_pending(b.ev), 0);
	unmake(&b);
}

static void a_lost_answer_is_no_second_event(void **state UNUSED)
{
	struct fake_call *k;
	char first[2 * FAKE_TEXT_MAX];
	struct bed b;

	make(&b);
	tell(&b, "x");
	k = fake_next(&b.f, BW_KUBE_CREATE, NULL);
	memcpy(first, k->body, sizeof(first));
	fake_end(k, BW_KUBE_UNKNOWN, 0, NULL);
	fake_run(&b.f, 10 * S);
	k = fake_next(&b.f, BW_KUBE_CREATE, NULL);
	assert_string_equal(k->body, first); /* the same name: 409 when it was done */
	fake_end(k, BW_KUBE_EXISTS, 0, NULL);
	fake_run(&b.f, 60 * S);
	assert_int_equal(fake_waiting(&b.f), 0);
	assert_true(dropped(&b) == 0);
	unmake(&b);
}

static void what_cannot_be_sent_is_dropped_after_a_dozen_tries(void **state UNUSED)
{
	struct bed b;
	unsigned int n = 0;

	make(&b);
	tell(&b, "x");
	for (unsigned int i = 0; i < 1000; i++) {
		struct fake_call *k = fake_peek(&b.f, BW_KUBE_CREATE, NULL);

		if (k) {
			n++;
			fake_end(k, BW_KUBE_REFUSED, 0, NULL);
		}
		fake_run(&b.f, 1 * S);
	}
	assert_int_equal(n, 12);
	assert_true(dropped(&b) == 1);
	assert_int_equal(bw_kube_events_pending(b.ev), 0);
	unmake(&b);
}

static void what_the_server_forbids_is_dropped_at_once(void **state UNUSED)
{
	struct bed b;

	make(&b);
	tell(&b, "x");
	fake_end(fake_next(&b.f, BW_KUBE_CREATE, NULL), BW_KUBE_FORBIDDEN, 0, NULL);
	fake_run(&b.f, 60 * S);
	assert_int_equal(b.f.n, 1);
	assert_true(dropped(&b) == 1);
	unmake(&b);
}

static void one_object_may_not_flood(void **state UNUSED)
{
	char note[32];
	struct bed b;

	make(&b);
	for (unsigned int i = 0; i < 100; i++) {
		(void)snprintf(note, sizeof(note), "n%u", i);
		tell(&b, note);
	}
	assert_int_equal(bw_kube_events_pending(b.ev), BW_KUBE_EVENT_BURST);
	assert_true(dropped(&b) == 75);
	fake_run(&b.f, 301 * S);
	tell(&b, "later");
	tell(&b, "too soon");
	assert_int_equal(bw_kube_events_pending(b.ev), BW_KUBE_EVENT_BURST + 1);
	unmake(&b);
}

static void a_server_that_is_away_does_not_fill_the_memory(void **state UNUSED)
{
	char name[16];
	struct bed b;

	make(&b);
	for (unsigned int i = 0; i < 3000; i++) {
		struct bw_kube_about o = { &claims, "db", name, name, "1" };

		(void)snprintf(name, sizeof(name), "c%u", i);
		bw_kube_events_tell(b.ev, &o, BW_EVENT_NORMAL, "R", "n");
	}
	assert_int_equal(bw_kube_events_pending(b.ev), BW_KUBE_EVENTS_MAX);
	assert_true(dropped(&b) == 2000);
	/* The oldest that was sent makes room. */
	fake_end(fake_next(&b.f, BW_KUBE_CREATE, NULL), BW_KUBE_OK, 0, "{}");
	tell(&b, "x");
	assert_int_equal(bw_kube_events_pending(b.ev), BW_KUBE_EVENTS_MAX);
	assert_true(dropped(&b) == 2000);
	unmake(&b);
}

static void a_note_that_is_no_utf8_is_still_json(void **state UNUSED)
{
	struct bed b;

	make(&b);
	tell(&b, "a\xff\xc3\xa9\xed\xa0\x80\x01\n");
	assert_non_null(strstr(fake_next(&b.f, BW_KUBE_CREATE, NULL)->body,
			       "\"note\":\"a?\xc3\xa9???\\u0001\\n\""));
	unmake(&b);
}

static void telling_without_memory_drops_and_goes_on(void **state UNUSED)
{
	struct bed b;
	long n = 0;
	int failed;

	make(&b);
	do {
		char note[32];

		(void)snprintf(note, sizeof(note), "n%ld", n);
		fail_alloc_start(n++);
		tell(&b, note);
		failed = fail_alloc_stop();
	} while (failed);
	assert_int_equal(bw_kube_events_pending(b.ev), 1);
	assert_true(n > (FAIL_ALLOC_WORKS ? 3 : 0));
	fake_end(fake_next(&b.f, BW_KUBE_CREATE, NULL), BW_KUBE_OK, 0, "{}");
	unmake(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_event_is_posted_beside_its_object),
		cmocka_unit_test(events_of_what_has_no_namespace_go_to_default),
		cmocka_unit_test(the_same_told_again_becomes_a_series_once_a_minute),
		cmocka_unit_test(a_series_whose_event_has_expired_is_forgotten),
		cmocka_unit_test(one_request_is_in_flight),
		cmocka_unit_test(a_lost_answer_is_no_second_event),
		cmocka_unit_test(what_cannot_be_sent_is_dropped_after_a_dozen_tries),
		cmocka_unit_test(what_the_server_forbids_is_dropped_at_once),
		cmocka_unit_test(one_object_may_not_flood),
		cmocka_unit_test(a_server_that_is_away_does_not_fill_the_memory),
		cmocka_unit_test(a_note_that_is_no_utf8_is_still_json),
		cmocka_unit_test(telling_without_memory_drops_and_goes_on),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
