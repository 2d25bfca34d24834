/* SPDX-License-Identifier: Apache-2.0 */
/* The event loop, on the kernel's clock and on its own. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>

#include <cmocka.h>

#include <bw/err.h>
#include <bw/loop.h>

#include "failalloc.h"

#define MS 1000000LL
#define S (1000 * MS)

/* Callbacks write a letter each; what they do beyond that is in .then. */
static char trace[2048];

struct step {
	char letter;
	struct bw_loop *loop;
	struct bw_timer timer;
	struct bw_defer defer;
	struct bw_timer *set; /* set by the callback, at .at */
	int64_t at;
	struct bw_defer *call;
	struct bw_timer *stop;
	struct bw_loop_fd *remove;
	int ends;
};

static void ran(void *arg)
{
	struct step *s = arg;
	size_t len = strlen(trace);

	assert_true(len + 1 < sizeof(trace));
	trace[len] = s->letter;
	trace[len + 1] = '\0';
	if (s->set)
		assert_int_equal(bw_timer_set(s->set, s->at), 0);
	if (s->call)
		bw_defer_call(s->call);
	if (s->stop)
		bw_timer_stop(s->stop);
	if (s->remove)
		bw_loop_fd_remove(s->remove);
	if (s->ends)
		bw_loop_stop(s->loop);
}

static void ran_fd(uint32_t events, void *arg)
{
	assert_true(events & EPOLLIN);
	ran(arg);
}

static void step_init(struct step *s, char letter, struct bw_loop *l)
{
	*s = (struct step){ .letter = letter, .loop = l };
	bw_timer_init(&s->timer, l, ran, s);
	bw_defer_init(&s->defer, l, ran, s);
}

static struct bw_loop *virtual_loop(void)
{
	struct bw_loop *l = NULL;

	trace[0] = '\0';
	assert_int_equal(bw_loop_new_virtual(1000 * S, 1700000000, &l, NULL), 0);
	return l;
}

static struct bw_loop *real_loop(void)
{
	struct bw_loop *l = NULL;

	trace[0] = '\0';
	assert_int_equal(bw_loop_new(&l, NULL), 0);
	return l;
}

static void virtual_time_jumps_to_the_next_timer(void **state)
{
	struct bw_loop *l = virtual_loop();
	struct step a, b;

	(void)state;
	step_init(&a, 'a', l);
	step_init(&b, 'b', l);
	assert_int_equal(bw_timer_set(&a.timer, 5000 * S), 0);
	assert_int_equal(bw_timer_set(&b.timer, 2000 * S), 0);
	assert_true(bw_timer_is_set(&a.timer));
	assert_int_equal(bw_loop_step(l, 0, INT64_MAX, NULL), 1);
	assert_string_equal(trace, "b");
	assert_int_equal(bw_loop_now_ns(l), 2000 * S);
	assert_int_equal(bw_loop_real_s(l), 1700000000 + 1000);
	assert_false(bw_timer_is_set(&b.timer));
	assert_int_equal(bw_loop_run(l, NULL), 0);
	assert_string_equal(trace, "ba");
	assert_int_equal(bw_loop_now_ns(l), 5000 * S);
	bw_loop_free(&l);
	assert_null(l);
}

static void virtual_step_stops_at_its_bound(void **state)
{
	struct bw_loop *l = virtual_loop();
	struct step a;

	(void)state;
	step_init(&a, 'a', l);
	assert_int_equal(bw_timer_set(&a.timer, 1010 * S), 0);
	assert_int_equal(bw_loop_step(l, 0, 1010 * S - 1, NULL), 0);
	assert_int_equal(bw_loop_now_ns(l), 1010 * S - 1);
	assert_int_equal(bw_loop_step(l, 0, 1010 * S, NULL), 1);
	assert_int_equal(bw_loop_step(l, 0, INT64_MAX, NULL), 0);
	assert_int_equal(bw_loop_now_ns(l), 1010 * S);
	bw_loop_free(&l);
}

static void skew_moves_the_wall_clock_alone(void **state)
{
	struct bw_loop *l = virtual_loop();

	(void)state;
	bw_loop_skew(l, -3600);
	assert_int_equal(bw_loop_real_s(l), 1700000000 - 3600);
	assert_int_equal(bw_loop_now_ns(l), 1000 * S);
	bw_loop_free(&l);
}

static void equal_times_fire_in_the_order_they_were_set(void **state)
{
	struct bw_loop *l = virtual_loop();
	struct step s[26];

	(void)state;
	for (int i = 0; i < 26; i++) {
		step_init(&s[i], (char)('a' + i), l);
		assert_int_equal(bw_timer_set(&s[i].timer, 1001 * S), 0);
	}
	/* Set again: now the last of its time. */
	assert_int_equal(bw_timer_set(&s[2].timer, 1001 * S), 0);
	bw_timer_stop(&s[7].timer);
	bw_timer_stop(&s[7].timer);
	assert_int_equal(bw_loop_run(l, NULL), 0);
	assert_string_equal(trace, "abdefgijklmnopqrstuvwxyzc");
	bw_loop_free(&l);
}

/* Against an array that is searched from end to end. */
static void heap_keeps_its_order_through_sets_and_stops(void **state)
{
	enum { N = 200 };
	struct bw_loop *l = virtual_loop();
	static struct step s[N];
	uint32_t seed = 12345;
	int64_t last = 0;
	int left = 0;

	(void)state;
	for (int i = 0; i < N; i++)
		step_init(&s[i], 'x', l);
	for (int i = 0; i < 5000; i++) {
		struct bw_timer *t;

		seed = seed * 1664525 + 1013904223;
		t = &s[(seed >> 8) % N].timer;
		if (seed >> 28 < 5)
			bw_timer_stop(t);
		else
			assert_int_equal(bw_timer_set(t, 1000 * S + (seed >> 4) % 997), 0);
	}
	for (int i = 0; i < N; i++)
		left += bw_timer_is_set(&s[i].timer);
	assert_true(left > 50);
	while (left-- > 0) {
		int64_t first = INT64_MAX;

		for (int i = 0; i < N; i++) {
			if (bw_timer_is_set(&s[i].timer) && s[i].timer.at_ns < first)
				first = s[i].timer.at_ns;
		}
		assert_int_equal(bw_loop_step(l, 0, INT64_MAX, NULL), 1);
		assert_int_equal(bw_loop_now_ns(l), first);
		assert_true(first >= last);
		last = first;
	}
	assert_int_equal(bw_loop_step(l, 0, INT64_MAX, NULL), 0);
	bw_loop_free(&l);
}

static void deferred_calls_run_before_timers_and_once(void **state)
{
	struct bw_loop *l = virtual_loop();
	struct step a, b, c, d;

	(void)state;
	step_init(&a, 'a', l);
	step_init(&b, 'b', l);
	step_init(&c, 'c', l);
	step_init(&d, 'd', l);
	assert_int_equal(bw_timer_set(&a.timer, 0), 0);
	bw_defer_call(&b.defer);
	bw_defer_call(&c.defer);
	bw_defer_call(&b.defer);
	b.call = &d.defer;
	bw_defer_call(&d.defer);
	bw_defer_stop(&d.defer);
	assert_int_equal(bw_loop_run(l, NULL), 0);
	assert_string_equal(trace, "bcda");
	/* The past does not turn the clock back. */
	assert_int_equal(bw_loop_now_ns(l), 1000 * S);
	bw_loop_free(&l);
}

static void stop_ends_a_run_and_only_one(void **state)
{
	struct bw_loop *l = virtual_loop();
	struct step a, b;

	(void)state;
	step_init(&a, 'a', l);
	step_init(&b, 'b', l);
	a.ends = 1;
	assert_int_equal(bw_timer_set(&a.timer, 1001 * S), 0);
	assert_int_equal(bw_timer_set(&b.timer, 1002 * S), 0);
	assert_int_equal(bw_loop_run(l, NULL), 0);
	assert_string_equal(trace, "a");
	assert_int_equal(bw_loop_run(l, NULL), 0);
	assert_string_equal(trace, "ab");
	bw_loop_stop(l);
	assert_int_equal(bw_timer_set(&b.timer, 1002 * S), 0);
	assert_int_equal(bw_loop_run(l, NULL), 0);
	assert_string_equal(trace, "ab");
	bw_loop_free(&l);
}

static void freed_loop_forgets_what_was_set(void **state)
{
	struct bw_loop *l = virtual_loop();
	struct step a;

	(void)state;
	step_init(&a, 'a', l);
	assert_int_equal(bw_timer_set(&a.timer, 1001 * S), 0);
	bw_defer_call(&a.defer);
	bw_loop_free(&l);
	assert_false(bw_timer_is_set(&a.timer));
	bw_timer_stop(&a.timer);
	bw_defer_stop(&a.defer);
	bw_loop_free(&l);
	bw_loop_free(NULL);
}

static void virtual_clock_has_no_descriptors(void **state)
{
	struct bw_loop *l = virtual_loop();
	struct bw_loop_fd f = { 0 };
	struct bw_err err = { 0 };

	(void)state;
	assert_int_equal(bw_loop_fd_add(&f, l, 0, EPOLLIN, ran_fd, NULL, &err), -ENOTSUP);
	assert_non_null(strstr(err.msg, "virtual clock"));
	assert_int_equal(bw_loop_signal(l, SIGHUP, NULL, NULL, &err), -ENOTSUP);
	bw_loop_fd_remove(&f);
	bw_loop_free(&l);
}

static void real_timer_fires_not_before_its_time(void **state)
{
	struct bw_loop *l = real_loop();
	struct step a, b;
	int64_t start = bw_loop_now_ns(l);

	(void)state;
	step_init(&a, 'a', l);
	step_init(&b, 'b', l);
	a.ends = 1;
	assert_int_equal(bw_timer_set(&a.timer, start + 20 * MS), 0);
	assert_int_equal(bw_timer_set(&b.timer, start + 10 * MS), 0);
	assert_int_equal(bw_loop_run(l, NULL), 0);
	assert_string_equal(trace, "ba");
	assert_true(bw_loop_now_ns(l) >= start + 20 * MS);
	assert_true(bw_loop_real_s(l) > 1700000000);
	assert_int_equal(bw_loop_step(l, 0, 0, NULL), 0);
	assert_int_equal(bw_loop_step(l, 5, 0, NULL), 0);
	bw_loop_free(&l);
}

static void descriptor_is_served_until_it_is_removed(void **state)
{
	struct bw_loop *l = real_loop();
	struct bw_loop_fd f = { 0 };
	struct bw_err err = { 0 };
	struct step a;
	int fds[2];

	(void)state;
	step_init(&a, 'a', l);
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(bw_loop_fd_add(&f, l, fds[0], EPOLLIN, ran_fd, &a, NULL), 0);
	assert_int_equal(bw_loop_step(l, 0, 0, NULL), 0);
	assert_int_equal(write(fds[1], "x", 1), 1);
	assert_int_equal(bw_loop_step(l, 1000, 0, NULL), 1);
	assert_int_equal(bw_loop_step(l, 1000, 0, NULL), 1);
	assert_int_equal(bw_loop_fd_change(&f, 0, NULL), 0);
	assert_int_equal(bw_loop_step(l, 0, 0, NULL), 0);
	assert_int_equal(bw_loop_fd_change(&f, EPOLLIN, NULL), 0);
	assert_int_equal(bw_loop_step(l, 1000, 0, NULL), 1);
	bw_loop_fd_remove(&f);
	bw_loop_fd_remove(&f);
	assert_int_equal(bw_loop_step(l, 0, 0, NULL), 0);
	assert_string_equal(trace, "aaa");
	assert_int_equal(bw_loop_fd_add(&f, l, -1, EPOLLIN, ran_fd, &a, &err), -EBADF);
	assert_int_equal(bw_loop_fd_add(&f, l, fds[0], EPOLLIN, ran_fd, &a, NULL), 0);
	bw_loop_free(&l);
	bw_loop_fd_remove(&f);
	close(fds[0]);
	close(fds[1]);
}

/* Both have something; the first one served takes the other away. */
static void event_of_a_removed_descriptor_is_dropped(void **state)
{
	struct bw_loop *l = real_loop();
	struct bw_loop_fd f[2] = { { .fd = -1 }, { .fd = -1 } };
	struct step s[2];
	int fds[2][2];

	(void)state;
	for (int i = 0; i < 2; i++) {
		step_init(&s[i], (char)('a' + i), l);
		s[i].remove = &f[1 - i];
		assert_int_equal(pipe(fds[i]), 0);
		assert_int_equal(write(fds[i][1], "x", 1), 1);
		assert_int_equal(bw_loop_fd_add(&f[i], l, fds[i][0], EPOLLIN, ran_fd, &s[i], NULL),
				 0);
	}
	assert_int_equal(bw_loop_step(l, 1000, 0, NULL), 1);
	assert_int_equal(bw_loop_step(l, 0, 0, NULL), 1);
	assert_int_equal(bw_loop_step(l, 0, 0, NULL), 1);
	assert_true(!strcmp(trace, "aaa") || !strcmp(trace, "bbb"));
	bw_loop_free(&l);
	for (int i = 0; i < 2; i++) {
		close(fds[i][0]);
		close(fds[i][1]);
	}
}

/* A timer that is always due and a call that always asks for itself leave the rest its turn. */
static void nothing_starves_a_descriptor(void **state)
{
	struct bw_loop *l = real_loop();
	struct bw_loop_fd f = { 0 };
	struct step timer, defer, fd;
	int fds[2];

	(void)state;
	step_init(&timer, 't', l);
	step_init(&defer, 'd', l);
	step_init(&fd, 'f', l);
	timer.set = &timer.timer;
	defer.call = &defer.defer;
	fd.ends = 1;
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(write(fds[1], "x", 1), 1);
	assert_int_equal(bw_loop_fd_add(&f, l, fds[0], EPOLLIN, ran_fd, &fd, NULL), 0);
	assert_int_equal(bw_timer_set(&timer.timer, 0), 0);
	bw_defer_call(&defer.defer);
	assert_int_equal(bw_loop_run(l, NULL), 0);
	assert_non_null(strchr(trace, 't'));
	assert_int_equal(trace[strlen(trace) - 1], 'f');
	bw_loop_free(&l);
	close(fds[0]);
	close(fds[1]);
}

static int last_signal;

static void on_signal(int signo, void *arg)
{
	last_signal = signo;
	bw_loop_stop(arg);
}

static void signals_come_through_the_loop(void **state)
{
	struct bw_loop *l = real_loop();
	struct bw_err err = { 0 };

	(void)state;
	assert_int_equal(bw_loop_signal(l, SIGUSR1, on_signal, l, NULL), 0);
	assert_int_equal(bw_loop_signal(l, SIGUSR2, on_signal, l, NULL), 0);
	assert_int_equal(raise(SIGUSR2), 0);
	assert_int_equal(bw_loop_run(l, NULL), 0);
	assert_int_equal(last_signal, SIGUSR2);
	assert_int_equal(raise(SIGUSR1), 0);
	assert_int_equal(bw_loop_run(l, NULL), 0);
	assert_int_equal(last_signal, SIGUSR1);
	assert_int_equal(bw_loop_signal(l, 0, on_signal, l, &err), -EINVAL);
	assert_int_equal(bw_loop_signal(l, 65, on_signal, l, &err), -EINVAL);
	bw_loop_free(&l);
}

static void allocations_that_fail_are_told(void **state)
{
	struct bw_loop *l = NULL;
	struct bw_err err = { 0 };
	long n = 0;
	int failed;

	(void)state;
	do {
		struct step a;
		int r;

		fail_alloc_start(n++);
		r = bw_loop_new_virtual(0, 0, &l, &err);
		if (r == 0) {
			step_init(&a, 'a', l);
			r = bw_timer_set(&a.timer, 1);
		}
		failed = fail_alloc_stop();
		assert_int_equal(r, failed ? -ENOMEM : 0);
		if (r == 0)
			bw_timer_stop(&a.timer);
		bw_loop_free(&l);
	} while (failed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(virtual_time_jumps_to_the_next_timer),
		cmocka_unit_test(virtual_step_stops_at_its_bound),
		cmocka_unit_test(skew_moves_the_wall_clock_alone),
		cmocka_unit_test(equal_times_fire_in_the_order_they_were_set),
		cmocka_unit_test(heap_keeps_its_order_through_sets_and_stops),
		cmocka_unit_test(deferred_calls_run_before_timers_and_once),
		cmocka_unit_test(stop_ends_a_run_and_only_one),
		cmocka_unit_test(freed_loop_forgets_what_was_set),
		cmocka_unit_test(virtual_clock_has_no_descriptors),
		cmocka_unit_test(real_timer_fires_not_before_its_time),
		cmocka_unit_test(descriptor_is_served_until_it_is_removed),
		cmocka_unit_test(event_of_a_removed_descriptor_is_dropped),
		cmocka_unit_test(nothing_starves_a_descriptor),
		cmocka_unit_test(signals_come_through_the_loop),
		cmocka_unit_test(allocations_that_fail_are_told),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
