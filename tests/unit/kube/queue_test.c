/* SPDX-License-Identifier: Apache-2.0 */
/* The work queue: what is due when, in which order, and how failures hold keys back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "failalloc.h"
#include "queue.h"

#define UNUSED __attribute__((unused))
#define MS 1000000LL
#define S 1000000000LL
#define T0 (1000 * S)
#define KEYS 200

struct bed {
	struct bw_kube_queue q;
	struct bw_kube_item items[KEYS];
	char names[KEYS][8];
};

static void make(struct bed *b)
{
	memset(b, 0, sizeof(*b));
	bw_kube_queue_init(&b->q, 1);
	for (unsigned int i = 0; i < KEYS; i++) {
		(void)snprintf(b->names[i], sizeof(b->names[i]), "k%03u", i);
		b->items[i].namespace = "db";
		b->items[i].name = b->names[i];
		assert_int_equal(bw_kube_queue_join(&b->q, &b->items[i]), 0);
	}
}

static void ask(struct bed *b, unsigned int i, enum bw_key_cause cause, int64_t at, int64_t now)
{
	bw_kube_queue_ask(&b->q, &b->items[i], cause, at, now);
}

/* The number of the key that is taken at @now; -1 = none is due. */
static int take(struct bed *b, int64_t now)
{
	struct bw_kube_item *item = bw_kube_queue_take(&b->q, now);

	return item ? (int)(item - b->items) : -1;
}

static void end(struct bed *b, unsigned int i, enum bw_kube_queue_end how, int64_t now)
{
	bw_kube_queue_end(&b->q, &b->items[i], how, now);
}

static void keys_are_found_by_namespace_and_name(void **state UNUSED)
{
	static struct bed b;

	make(&b);
	assert_ptr_equal(bw_kube_queue_find(&b.q, "db", "k007"), &b.items[7]);
	assert_null(bw_kube_queue_find(&b.q, "", "k007"));
	assert_null(bw_kube_queue_find(&b.q, "db", "k0070"));
	assert_int_equal(bw_kube_queue_idle(&b.items[7]), 1);
	bw_kube_queue_done(&b.q);
}

static void asking_twice_runs_once(void **state UNUSED)
{
	static struct bed b;

	make(&b);
	ask(&b, 1, BW_KEY_OBJECT, T0, T0);
	ask(&b, 1, BW_KEY_OBJECT, T0, T0);
	assert_int_equal(take(&b, T0), 1);
	assert_int_equal(take(&b, T0), -1);
	end(&b, 1, BW_KUBE_QUEUE_OK, T0);
	assert_int_equal(take(&b, T0), -1);
	assert_int_equal(b.q.adds, 1);
	bw_kube_queue_done(&b.q);
}

static void a_running_key_that_is_asked_for_runs_once_more_afterwards(void **state UNUSED)
{
	static struct bed b;

	make(&b);
	ask(&b, 1, BW_KEY_OBJECT, T0, T0);
	assert_int_equal(take(&b, T0), 1);
	ask(&b, 1, BW_KEY_OBJECT, T0, T0);
	ask(&b, 1, BW_KEY_OBJECT, T0, T0);
	assert_int_equal(take(&b, T0), -1);
	end(&b, 1, BW_KUBE_QUEUE_OK, T0);
	assert_int_equal(take(&b, T0), 1);
	end(&b, 1, BW_KUBE_QUEUE_OK, T0);
	assert_int_equal(take(&b, T0), -1);
	bw_kube_queue_done(&b.q);
}

static void the_soonest_of_several_times_counts(void **state UNUSED)
{
	static struct bed b;

	make(&b);
	ask(&b, 1, BW_KEY_OBJECT, T0 + 30 * S, T0);
	assert_int_equal(bw_kube_queue_next(&b.q, T0), T0 + 30 * S);
	ask(&b, 1, BW_KEY_OBJECT, T0 + 10 * S, T0);
	ask(&b, 1, BW_KEY_OBJECT, T0 + 60 * S, T0);
	assert_int_equal(bw_kube_queue_next(&b.q, T0), T0 + 10 * S);
	assert_int_equal(take(&b, T0 + 10 * S - 1), -1);
	assert_int_equal(take(&b, T0 + 10 * S), 1);
	end(&b, 1, BW_KUBE_QUEUE_OK, T0 + 10 * S);
	assert_int_equal(bw_kube_queue_next(&b.q, T0 + 10 * S), BW_KUBE_NEVER);
	bw_kube_queue_done(&b.q);
}

static void equal_keys_run_in_the_order_they_were_asked_for(void **state UNUSED)
{
	static struct bed b;

	make(&b);
	for (unsigned int i = 0; i < KEYS; i++)
		ask(&b, (i * 77) % KEYS, BW_KEY_OBJECT, T0, T0);
	assert_int_equal(bw_kube_queue_depth(&b.q, T0), KEYS);
	for (unsigned int i = 0; i < KEYS; i++)
		assert_int_equal(take(&b, T0), (i * 77) % KEYS);
	bw_kube_queue_done(&b.q);
}

static void many_times_come_out_sorted(void **state UNUSED)
{
	static struct bed b;
	struct bw_kube_rand r = { 5 };
	int64_t last = 0;

	make(&b);
	for (unsigned int i = 0; i < KEYS; i++)
		ask(&b, i, BW_KEY_OBJECT, T0 + bw_kube_rand_below(&r, 100 * S), T0);
	/* Moves and takes out some in the middle of the heap. */
	for (unsigned int i = 0; i < KEYS; i += 3)
		ask(&b, i, BW_KEY_OBJECT, T0 + bw_kube_rand_below(&r, 100 * S), T0);
	for (unsigned int i = 0; i < KEYS; i += 7)
		bw_kube_queue_leave(&b.q, &b.items[i]);
	for (unsigned int i = 0; i < KEYS - (KEYS + 6) / 7; i++) {
		int64_t at = bw_kube_queue_next(&b.q, T0);

		assert_true(at >= last && at < BW_KUBE_NEVER);
		assert_true(take(&b, at) >= 0);
		last = at;
	}
	assert_int_equal(bw_kube_queue_next(&b.q, last), BW_KUBE_NEVER);
	bw_kube_queue_done(&b.q);
}

static void the_back_off_doubles_to_its_cap_with_a_fifth_of_jitter(void **state UNUSED)
{
	static struct bed b;
	int64_t now = T0;

	make(&b);
	ask(&b, 1, BW_KEY_OBJECT, now, now);
	for (unsigned int i = 0; i < 30; i++) {
		int64_t d = i < 15 ? 10 * MS << i : 300 * S;
		int64_t wait;

		d = d < 300 * S ? d : 300 * S;
		assert_int_equal(take(&b, now), 1);
		end(&b, 1, BW_KUBE_QUEUE_FAILED, now);
		wait = bw_kube_queue_next(&b.q, now) - now;
		assert_in_range(wait, d - d / 5, d + d / 5);
		now += wait;
	}
	assert_int_equal(b.q.retries, 30);
	/* A success forgets them. */
	assert_int_equal(take(&b, now), 1);
	end(&b, 1, BW_KUBE_QUEUE_OK, now);
	assert_int_equal(bw_kube_queue_idle(&b.items[1]), 1);
	ask(&b, 1, BW_KEY_OBJECT, now, now);
	assert_int_equal(take(&b, now), 1);
	end(&b, 1, BW_KUBE_QUEUE_FAILED, now);
	assert_in_range(bw_kube_queue_next(&b.q, now) - now, 8 * MS, 12 * MS);
	bw_kube_queue_done(&b.q);
}

/* Fails a key ten times; returns when its back-off is over. */
static int64_t fail_often(struct bed *b, unsigned int i)
{
	int64_t now = T0;

	ask(b, i, BW_KEY_OBJECT, now, now);
	for (unsigned int n = 0; n < 10; n++) {
		now = bw_kube_queue_next(&b->q, now);
		assert_int_equal(take(b, now), i);
		end(b, i, BW_KUBE_QUEUE_FAILED, now);
	}
	return bw_kube_queue_next(&b->q, now);
}

static void events_never_shorten_a_back_off(void **state UNUSED)
{
	static struct bed b;
	int64_t until;

	make(&b);
	until = fail_often(&b, 1);
	ask(&b, 1, BW_KEY_OBJECT, until - 4 * S, until - 4 * S);
	assert_int_equal(take(&b, until - 1), -1);
	assert_int_equal(bw_kube_queue_next(&b.q, until - 1), until);
	assert_int_equal(take(&b, until), 1);
	bw_kube_queue_done(&b.q);
}

static void a_fact_ends_a_back_off_and_early_failures_do_not_raise_it(void **state UNUSED)
{
	static struct bed b;
	unsigned int failures;
	int64_t until;

	make(&b);
	until = fail_often(&b, 1);
	failures = b.items[1].failures;
	for (unsigned int i = 0; i < 5; i++) {
		bw_kube_queue_fact(&b.q, &b.items[1], until - 4 * S);
		assert_int_equal(take(&b, until - 4 * S), 1);
		end(&b, 1, BW_KUBE_QUEUE_FAILED, until - 4 * S);
		/* Once: it waits again for the same moment, no longer. */
		assert_int_equal(bw_kube_queue_next(&b.q, until - 4 * S), until);
		assert_int_equal(b.items[1].failures, failures);
	}
	assert_int_equal(take(&b, until), 1);
	end(&b, 1, BW_KUBE_QUEUE_FAILED, until);
	assert_int_equal(b.items[1].failures, failures + 1);
	bw_kube_queue_done(&b.q);
}

static void a_fact_that_comes_while_the_key_runs_counts_for_the_next_run(void **state UNUSED)
{
	static struct bed b;
	int64_t until;

	make(&b);
	until = fail_often(&b, 1);
	assert_int_equal(take(&b, until), 1);
	ask(&b, 1, BW_KEY_FACT, until, until);
	bw_kube_queue_fact(&b.q, &b.items[1], until);
	end(&b, 1, BW_KUBE_QUEUE_FAILED, until);
	assert_int_equal(take(&b, until), 1);
	end(&b, 1, BW_KUBE_QUEUE_FAILED, until);
	assert_true(bw_kube_queue_next(&b.q, until) > until + 5 * S);
	bw_kube_queue_done(&b.q);
}

static void a_run_that_was_broken_off_is_neither_success_nor_failure(void **state UNUSED)
{
	static struct bed b;
	unsigned int failures;
	int64_t until;

	make(&b);
	until = fail_often(&b, 1);
	failures = b.items[1].failures;
	assert_int_equal(take(&b, until), 1);
	end(&b, 1, BW_KUBE_QUEUE_BROKEN_OFF, until);
	assert_int_equal(b.items[1].failures, failures);
	assert_int_equal(take(&b, until), 1);
	bw_kube_queue_done(&b.q);
}

static void a_held_key_is_not_taken_until_it_is_released(void **state UNUSED)
{
	static struct bed b;

	make(&b);
	ask(&b, 1, BW_KEY_OBJECT, T0, T0);
	bw_kube_queue_hold(&b.q, &b.items[1]);
	ask(&b, 1, BW_KEY_FACT, T0, T0);
	bw_kube_queue_fact(&b.q, &b.items[1], T0);
	assert_int_equal(take(&b, T0 + 60 * S), -1);
	bw_kube_queue_release(&b.q, &b.items[1], T0);
	assert_int_equal(take(&b, T0), 1);
	bw_kube_queue_done(&b.q);
}

static void a_parked_key_is_not_taken_until_it_is_unparked(void **state UNUSED)
{
	static struct bed b;

	make(&b);
	bw_kube_queue_park(&b.q, &b.items[1]);
	ask(&b, 1, BW_KEY_OBJECT, T0, T0);
	assert_int_equal(take(&b, T0 + 3600 * S), -1);
	assert_int_equal(bw_kube_queue_idle(&b.items[1]), 0);
	bw_kube_queue_unpark(&b.q, &b.items[1], T0);
	assert_int_equal(take(&b, T0), 1);
	bw_kube_queue_done(&b.q);
}

static void the_urgent_goes_first(void **state UNUSED)
{
	static struct bed b;

	make(&b);
	ask(&b, 1, BW_KEY_INITIAL, T0, T0);
	ask(&b, 2, BW_KEY_DEPENDENT, T0, T0);
	ask(&b, 3, BW_KEY_OBJECT, T0, T0);
	ask(&b, 4, BW_KEY_INITIAL, T0, T0);
	ask(&b, 4, BW_KEY_FACT, T0, T0); /* the most urgent cause counts */
	assert_int_equal(take(&b, T0), 3);
	assert_int_equal(take(&b, T0), 4);
	assert_int_equal(take(&b, T0), 2);
	assert_int_equal(take(&b, T0), 1);
	bw_kube_queue_done(&b.q);
}

static void the_initial_list_does_not_starve(void **state UNUSED)
{
	static struct bed b;
	int64_t now = T0;
	int waited = 0;

	make(&b);
	ask(&b, 0, BW_KEY_INITIAL, T0, T0);
	/* Somebody changes an object every 10 ms, and a run takes 10 ms. */
	for (;; now += 10 * MS) {
		int got;

		ask(&b, 1 + (unsigned int)waited % 100, BW_KEY_OBJECT, now, now);
		ask(&b, 1 + (unsigned int)(waited + 1) % 100, BW_KEY_OBJECT, now, now);
		got = take(&b, now);
		assert_true(got >= 0);
		end(&b, (unsigned int)got, BW_KUBE_QUEUE_OK, now);
		if (got == 0)
			break;
		assert_true(++waited < 2000);
	}
	assert_in_range(now - T0, 10 * S, 13 * S);
	bw_kube_queue_done(&b.q);
}

static void equal_seeds_give_equal_back_offs(void **state UNUSED)
{
	static struct bed a;
	static struct bed b;

	make(&a);
	make(&b);
	assert_int_equal(fail_often(&a, 1), fail_often(&b, 1));
	bw_kube_queue_done(&a.q);
	bw_kube_queue_done(&b.q);
}

static void only_a_new_key_needs_memory(void **state UNUSED)
{
	struct bw_kube_item one = { .namespace = "", .name = "a" };
	struct bw_kube_queue q;
	long n = 0;
	int failed;
	int r;

	do {
		bw_kube_queue_init(&q, 1);
		one = (struct bw_kube_item){ .namespace = "", .name = "a" };
		fail_alloc_start(n++);
		r = bw_kube_queue_join(&q, &one);
		if (r == 0)
			bw_kube_queue_ask(&q, &one, BW_KEY_OBJECT, T0, T0);
		failed = fail_alloc_stop();
		assert_int_equal(r, failed ? -ENOMEM : 0);
		assert_ptr_equal(bw_kube_queue_take(&q, T0), failed ? NULL : &one);
		bw_kube_queue_done(&q);
	} while (failed);
	assert_true(n >= (FAIL_ALLOC_WORKS ? 3 : 1));
}

static void a_scrape_sees_what_is_due_and_what_runs(void **state UNUSED)
{
	static struct bed b;
	struct bw_kube_queue_stat s;

	make(&b);
	ask(&b, 1, BW_KEY_INITIAL, T0, T0);
	ask(&b, 2, BW_KEY_INITIAL, T0, T0);
	ask(&b, 3, BW_KEY_OBJECT, T0, T0);
	ask(&b, 4, BW_KEY_FACT, T0, T0);
	ask(&b, 5, BW_KEY_OBJECT, T0 + S, T0);
	bw_kube_queue_look(&b.q, T0, &s);
	assert_int_equal(s.due, 2);
	assert_int_equal(s.due_initial, 2);
	assert_int_equal(s.unfinished_ns, 0);
	assert_int_equal(take(&b, T0), 3);
	assert_int_equal(take(&b, T0 + S), 4);
	bw_kube_queue_look(&b.q, T0 + 3 * S, &s);
	assert_int_equal(s.due, 1);
	assert_int_equal(s.unfinished_ns, 5 * S);
	assert_int_equal(s.longest_ns, 3 * S);
	end(&b, 3, BW_KUBE_QUEUE_OK, T0 + 3 * S);
	end(&b, 4, BW_KUBE_QUEUE_OK, T0 + 3 * S);
	bw_kube_queue_look(&b.q, T0 + 4 * S, &s);
	assert_int_equal(s.unfinished_ns, 0);
	assert_int_equal(s.longest_ns, 0);
	bw_kube_queue_done(&b.q);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_scrape_sees_what_is_due_and_what_runs),
		cmocka_unit_test(keys_are_found_by_namespace_and_name),
		cmocka_unit_test(asking_twice_runs_once),
		cmocka_unit_test(a_running_key_that_is_asked_for_runs_once_more_afterwards),
		cmocka_unit_test(the_soonest_of_several_times_counts),
		cmocka_unit_test(equal_keys_run_in_the_order_they_were_asked_for),
		cmocka_unit_test(many_times_come_out_sorted),
		cmocka_unit_test(the_back_off_doubles_to_its_cap_with_a_fifth_of_jitter),
		cmocka_unit_test(events_never_shorten_a_back_off),
		cmocka_unit_test(a_fact_ends_a_back_off_and_early_failures_do_not_raise_it),
		cmocka_unit_test(a_fact_that_comes_while_the_key_runs_counts_for_the_next_run),
		cmocka_unit_test(a_run_that_was_broken_off_is_neither_success_nor_failure),
		cmocka_unit_test(a_held_key_is_not_taken_until_it_is_released),
		cmocka_unit_test(a_parked_key_is_not_taken_until_it_is_unparked),
		cmocka_unit_test(the_urgent_goes_first),
		cmocka_unit_test(the_initial_list_does_not_starve),
		cmocka_unit_test(equal_seeds_give_equal_back_offs),
		cmocka_unit_test(only_a_new_key_needs_memory),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
