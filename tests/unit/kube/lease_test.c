/* SPDX-License-Identifier: Apache-2.0 */
/* Leader election: who leads when, against a scripted server on a virtual clock. */
#include "fake.h"

#include <bw/kube_lease.h>
#include <bw/kube_metrics.h>

#define UNUSED __attribute__((unused))

struct bed {
	struct fake f;
	struct bw_metrics *metrics;
	struct bw_kube_lease *l;
	int leading; /* by the callback */
	unsigned int changes;
	unsigned int released;
	char holder[64];
};

static void on_lead(int leading, void *arg)
{
	struct bed *b = arg;

	b->leading = leading;
	b->changes++;
}

static void on_holder(const char *identity, void *arg)
{
	struct bed *b = arg;

	(void)snprintf(b->holder, sizeof(b->holder), "%s", identity);
}

static void on_released(void *arg)
{
	struct bed *b = arg;

	b->released++;
}

static void make(struct bed *b)
{
	struct bw_kube_lease_options o = { .namespace = "barewire-system",
					   .name = "barewire-controller",
					   .identity = "me",
					   .seed = 7,
					   .lead = on_lead,
					   .holder = on_holder,
					   .arg = b };
	struct bw_err err = { 0 };

	memset(b, 0, sizeof(*b));
	fake_init(&b->f);
	assert_int_equal(bw_metrics_new(&b->metrics, &err), 0);
	assert_int_equal(bw_kube_lease_new(b->f.loop, &b->f.client, b->metrics, &o, &b->l, &err),
			 0);
}

static void unmake(struct bed *b)
{
	bw_kube_lease_free(&b->l);
	bw_metrics_free(&b->metrics);
	fake_done(&b->f);
}

/* Answers with a Lease. */
static void answer(struct fake_call *k, const char *holder, unsigned int rv)
{
	char text[FAKE_TEXT_MAX];

	(void)snprintf(
		text, sizeof(text),
		"{\"metadata\":{\"name\":\"barewire-controller\",\"resourceVersion\":\"%u\"},"
		"\"spec\":{\"holderIdentity\":\"%s\",\"leaseDurationSeconds\":30,"
		"\"acquireTime\":\"2026-01-02T03:04:05.000000Z\",\"leaseTransitions\":4}}",
		rv, holder);
	fake_end(k, BW_KUBE_OK, 0, text);
}

/* The Lease is held since its PUT was sent, now. */
static void acquire(struct bed *b)
{
	make(b);
	answer(fake_next(&b->f, BW_KUBE_GET, "leases"), "", 5);
	answer(fake_next(&b->f, BW_KUBE_UPDATE, "leases"), "me", 6);
	fake_run(&b->f, 0);
	assert_int_equal(b->leading, 1);
}

static void a_lease_that_does_not_exist_is_made(void **state UNUSED)
{
	struct bed b;
	struct fake_call *k;

	make(&b);
	k = fake_next(&b.f, BW_KUBE_GET, "leases");
	assert_true(k->flags & BW_KUBE_F_URGENT);
	assert_int_equal(k->timeout_ms, 10000);
	fake_end(k, BW_KUBE_NOT_FOUND, 0, NULL);
	k = fake_next(&b.f, BW_KUBE_CREATE, "leases");
	assert_non_null(strstr(k->body, "\"holderIdentity\":\"me\",\"leaseDurationSeconds\":30"));
	assert_non_null(strstr(k->body, "\"leaseTransitions\":0"));
	assert_null(strstr(k->body, "resourceVersion"));
	assert_int_equal(b.leading, 0);
	answer(k, "me", 6);
	assert_int_equal(b.leading, 1);
	assert_string_equal(b.holder, "me");
	unmake(&b);
}

static void a_free_lease_is_taken_by_compare_and_swap(void **state UNUSED)
{
	struct bed b;
	struct fake_call *k;

	make(&b);
	answer(fake_next(&b.f, BW_KUBE_GET, "leases"), "", 5);
	k = fake_next(&b.f, BW_KUBE_UPDATE, "leases");
	assert_non_null(strstr(k->body, "\"resourceVersion\":\"5\""));
	assert_non_null(strstr(k->body, "\"leaseTransitions\":5"));
	/* Another one was faster. */
	fake_end(k, BW_KUBE_CONFLICT, 0, NULL);
	answer(fake_next(&b.f, BW_KUBE_GET, "leases"), "other", 6);
	fake_run(&b.f, 0);
	assert_int_equal(b.changes, 0);
	assert_string_equal(b.holder, "other");
	assert_null(fake_peek(&b.f, BW_KUBE_UPDATE, NULL));
	unmake(&b);
}

/* Looks until @ns have passed; the record's version is @rv, or new each time when 0. */
static void follow(struct bed *b, int64_t ns, unsigned int rv)
{
	static unsigned int fresh = 1000;

	for (int64_t end = fake_now(&b->f) + ns; fake_now(&b->f) < end;) {
		struct fake_call *k = fake_peek(&b->f, BW_KUBE_GET, NULL);

		if (k)
			answer(k, "other", rv ? rv : ++fresh);
		fake_run(&b->f, 100 * MS);
	}
}

static void a_lease_that_changes_is_never_taken(void **state UNUSED)
{
	struct bed b;

	make(&b);
	follow(&b, 300 * S, 0);
	assert_null(fake_peek(&b.f, BW_KUBE_UPDATE, NULL));
	assert_int_equal(b.changes, 0);
	unmake(&b);
}

static void a_lease_that_has_not_changed_for_its_duration_is_taken(void **state UNUSED)
{
	struct bed b;

	make(&b);
	bw_loop_skew(b.f.loop, 86400); /* a clock that is a day ahead changes nothing */
	follow(&b, 29 * S, 9);
	assert_null(fake_peek(&b.f, BW_KUBE_UPDATE, NULL));
	follow(&b, 11 * S, 9);
	answer(fake_next(&b.f, BW_KUBE_UPDATE, NULL), "me", 10);
	assert_int_equal(b.leading, 1);
	unmake(&b);
}

static void a_leader_renews_every_four_seconds(void **state UNUSED)
{
	struct bed b;
	struct fake_call *k;
	int64_t at;

	acquire(&b);
	for (unsigned int rv = 7; rv < 100; rv++) {
		at = fake_now(&b.f);
		fake_run(&b.f, 4 * S);
		k = fake_next(&b.f, BW_KUBE_UPDATE, NULL);
		assert_int_equal(k->at_ns, at + 4 * S);
		assert_non_null(strstr(k->body, "\"acquireTime\":\"2026-01-02T03:04:05.000000Z\""));
		assert_non_null(strstr(k->body, "\"leaseTransitions\":4"));
		answer(k, "me", rv);
	}
	assert_int_equal(b.changes, 1);
	unmake(&b);
}

static void leadership_ends_at_the_deadline_whatever_is_in_flight(void **state UNUSED)
{
	struct bed b;
	struct fake_call *k;

	acquire(&b);
	fake_run(&b.f, 4 * S);
	k = fake_next(&b.f, BW_KUBE_UPDATE, NULL);
	fake_run(&b.f, 16 * S - 1);
	assert_int_equal(b.leading, 1);
	fake_run(&b.f, 1);
	assert_int_equal(b.leading, 0);
	assert_int_equal(k->state, FAKE_CANCELLED);
	assert_int_equal(bw_kube_lease_is_held(b.l), 0);
	unmake(&b);
}

static void refused_renewals_end_leadership_at_the_deadline_too(void **state UNUSED)
{
	struct bed b;
	int64_t since;

	acquire(&b);
	since = fake_now(&b.f);
	while (b.leading && fake_now(&b.f) < since + 60 * S) {
		struct fake_call *k = fake_peek(&b.f, BW_KUBE_UPDATE, NULL);

		if (!k)
			k = fake_peek(&b.f, BW_KUBE_GET, NULL);
		if (k)
			fake_end(k, BW_KUBE_REFUSED, 0, NULL);
		fake_run(&b.f, 100 * MS);
	}
	assert_int_equal(fake_now(&b.f) - since, 20 * S);
	unmake(&b);
}

static void a_lost_answer_is_looked_up(void **state UNUSED)
{
	struct bed b;

	acquire(&b);
	fake_run(&b.f, 4 * S);
	fake_end(fake_next(&b.f, BW_KUBE_UPDATE, NULL), BW_KUBE_UNKNOWN, 0, NULL);
	fake_run(&b.f, 4 * S);
	answer(fake_next(&b.f, BW_KUBE_GET, NULL), "me", 8);
	answer(fake_next(&b.f, BW_KUBE_UPDATE, NULL), "me", 9);
	fake_run(&b.f, 19 * S);
	assert_int_equal(b.leading, 1);
	unmake(&b);
}

static void somebody_elses_name_ends_leadership_at_once(void **state UNUSED)
{
	struct bed b;

	acquire(&b);
	fake_run(&b.f, 4 * S);
	fake_end(fake_next(&b.f, BW_KUBE_UPDATE, NULL), BW_KUBE_CONFLICT, 0, NULL);
	answer(fake_next(&b.f, BW_KUBE_GET, NULL), "other", 8);
	assert_int_equal(b.leading, 0);
	assert_int_equal(b.changes, 2);
	unmake(&b);
}

static void a_lease_is_given_up_at_the_end(void **state UNUSED)
{
	struct bed b;
	struct fake_call *k;

	acquire(&b);
	bw_kube_lease_release(b.l, on_released, &b);
	assert_int_equal(b.leading, 0);
	k = fake_next(&b.f, BW_KUBE_UPDATE, NULL);
	assert_non_null(strstr(k->body, "\"holderIdentity\":\"\",\"leaseDurationSeconds\":1"));
	assert_non_null(strstr(k->body, "\"resourceVersion\":\"6\""));
	assert_int_equal(b.released, 0);
	answer(k, "", 7);
	fake_run(&b.f, 60 * S);
	assert_int_equal(b.released, 1);
	assert_int_equal(fake_waiting(&b.f), 0);
	unmake(&b);
}

static void a_renewal_in_flight_is_waited_for_before_the_lease_is_given_up(void **state UNUSED)
{
	struct bed b;
	struct fake_call *k;

	acquire(&b);
	fake_run(&b.f, 4 * S);
	k = fake_next(&b.f, BW_KUBE_UPDATE, NULL);
	bw_kube_lease_release(b.l, on_released, &b);
	answer(k, "me", 7);
	k = fake_next(&b.f, BW_KUBE_UPDATE, NULL);
	assert_non_null(strstr(k->body, "\"resourceVersion\":\"7\""));
	assert_non_null(strstr(k->body, "\"holderIdentity\":\"\""));
	answer(k, "", 8);
	fake_run(&b.f, 0);
	assert_int_equal(b.released, 1);
	unmake(&b);
}

static void giving_up_does_not_take_for_ever(void **state UNUSED)
{
	struct bed b;

	acquire(&b);
	bw_kube_lease_release(b.l, on_released, &b);
	fake_run(&b.f, 2 * S);
	assert_int_equal(b.released, 1);
	unmake(&b);
	make(&b);
	(void)fake_next(&b.f, BW_KUBE_GET, NULL);
	bw_kube_lease_release(b.l, on_released, &b); /* a follower has nothing to give up */
	fake_run(&b.f, 0);
	assert_int_equal(b.released, 1);
	unmake(&b);
}

static void a_deadline_beyond_the_duration_is_refused(void **state UNUSED)
{
	struct bw_kube_lease_options o = { .namespace = "n",
					   .name = "l",
					   .identity = "me",
					   .duration_s = 10,
					   .deadline_ms = 10000 };
	struct bw_kube_lease *l = NULL;
	struct bw_err err = { 0 };
	struct fake f;

	fake_init(&f);
	assert_int_equal(bw_kube_lease_new(f.loop, &f.client, NULL, &o, &l, &err), -EINVAL);
	assert_int_equal(err.class, BW_ERR_INVALID);
	assert_null(l);
	fake_done(&f);
}

static void the_metric_says_who_leads(void **state UNUSED)
{
	bw_autobuf struct bw_buf text = { 0 };
	struct bed b;

	acquire(&b);
	assert_int_equal(bw_metrics_text(b.metrics, &text), 0);
	assert_non_null(strstr(text.data,
			       "leader_election_master_status{name=\"barewire-controller\"} 1\n"));
	unmake(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_lease_that_does_not_exist_is_made),
		cmocka_unit_test(a_free_lease_is_taken_by_compare_and_swap),
		cmocka_unit_test(a_lease_that_changes_is_never_taken),
		cmocka_unit_test(a_lease_that_has_not_changed_for_its_duration_is_taken),
		cmocka_unit_test(a_leader_renews_every_four_seconds),
		cmocka_unit_test(leadership_ends_at_the_deadline_whatever_is_in_flight),
		cmocka_unit_test(refused_renewals_end_leadership_at_the_deadline_too),
		cmocka_unit_test(a_lost_answer_is_looked_up),
		cmocka_unit_test(somebody_elses_name_ends_leadership_at_once),
		cmocka_unit_test(a_lease_is_given_up_at_the_end),
		cmocka_unit_test(a_renewal_in_flight_is_waited_for_before_the_lease_is_given_up),
		cmocka_unit_test(giving_up_does_not_take_for_ever),
		cmocka_unit_test(a_deadline_beyond_the_duration_is_refused),
		cmocka_unit_test(the_metric_says_who_leads),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
