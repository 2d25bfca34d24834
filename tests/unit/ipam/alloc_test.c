/* SPDX-License-Identifier: Apache-2.0 */
/* Range sets and strategies: against a bitmap that does the same the slow way, and at the edges. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <bw/alloc.h>
#include <bw/err.h>
#include <bw/range.h>

#define N 256 /* addresses of the small world: 10.0.0.0 to 10.0.0.255 */

struct world {
	uint8_t used[N];
	uint8_t allowed[N]; /* 0 = no, else 1 + the range's index */
	struct bw_range_set set;
	struct bw_interval holes[64];
	size_t n_holes;
	unsigned int lookups;
};

static unsigned int seed = 1;

static unsigned int rnd(unsigned int n)
{
	seed = seed * 1103515245 + 12345;
	return (seed >> 16) % n;
}

static struct bw_ip ip_of(unsigned int i)
{
	uint8_t b[4] = { 10, 0, 0, (uint8_t)i };

	return bw_ip_from_bytes(AF_INET, b);
}

static unsigned int of_ip(const struct bw_ip *ip)
{
	return bw_ip_bytes(ip)[3];
}

static int run_of(void *arg, const struct bw_ip *ip, struct bw_ip *ret_first,
		  struct bw_ip *ret_last, struct bw_err *err)
{
	struct world *w = arg;
	unsigned int a = of_ip(ip);
	unsigned int b = a;

	(void)err;
	w->lookups++;
	if (!w->used[a])
		return 0;
	while (a > 0 && w->used[a - 1])
		a--;
	while (b + 1 < N && w->used[b + 1])
		b++;
	*ret_first = ip_of(a);
	*ret_last = ip_of(b);
	return 1;
}

/* One to three ranges that do not overlap, in random order, with random holes and gateways. */
static void random_world(struct world *w)
{
	unsigned int n = 1 + rnd(3);
	unsigned int at[3][2];
	unsigned int turn = rnd(3);
	struct bw_err err = { 0 };

	memset(w, 0, sizeof(*w));
	w->set.ranges = calloc(n, sizeof(*w->set.ranges));
	assert_non_null(w->set.ranges);
	for (unsigned int i = 0; i < n; i++) {
		at[i][0] = i * 80 + rnd(30);
		at[i][1] = at[i][0] + rnd(50);
	}
	for (unsigned int i = 0; i < n; i++) {
		unsigned int k = (i + turn) % n;

		w->set.ranges[i].first = ip_of(at[k][0]);
		w->set.ranges[i].last = ip_of(at[k][1]);
		w->set.ranges[i].gateway = ip_of(rnd(N));
	}
	w->set.n = n;
	w->n_holes = rnd(20);
	for (size_t i = 0; i < w->n_holes; i++) {
		unsigned int a = rnd(N);
		unsigned int b = a + rnd(rnd(2) ? 1 : 12);

		w->holes[i] = (struct bw_interval){ ip_of(a), ip_of(b < N ? b : N - 1) };
	}
	for (unsigned int i = 0; i < N; i++) {
		struct bw_ip ip = ip_of(i);
		const struct bw_range *r = bw_range_set_find(&w->set, &ip);

		w->allowed[i] = r ? (uint8_t)(1 + (r - w->set.ranges)) : 0;
		for (size_t k = 0; k < w->n_holes; k++)
			if (bw_interval_has(&w->holes[k], &ip))
				w->allowed[i] = 0;
		if (bw_range_set_is_gateway(&w->set, &ip))
			w->allowed[i] = 0;
	}
	assert_int_equal(bw_range_set_build(&w->set, w->holes, w->n_holes, &err), 0);
}

static void fill(struct world *w, unsigned int percent)
{
	for (unsigned int i = 0; i < N; i++)
		w->used[i] = rnd(100) < percent;
}

static int is_free(const struct world *w, unsigned int i)
{
	return w->allowed[i] && !w->used[i];
}

/* The slow way: every address in the order of the ranges, from the cursor on and around. */
static int next_slowly(const struct world *w, int cursor)
{
	unsigned int order[N];
	unsigned int n = 0;
	unsigned int start = 0;

	for (size_t r = 0; r < w->set.n; r++)
		for (unsigned int i = of_ip(&w->set.ranges[r].first);
		     i <= of_ip(&w->set.ranges[r].last); i++) {
			if ((int)i == cursor)
				start = n + 1;
			order[n++] = i;
		}
	for (unsigned int k = 0; k < n; k++)
		if (is_free(w, order[(start + k) % n]))
			return (int)order[(start + k) % n];
	return -1;
}

static int lowest_slowly(const struct world *w)
{
	for (unsigned int i = 0; i < N; i++)
		if (is_free(w, i))
			return (int)i;
	return -1;
}

static int pick(struct world *w, enum bw_alloc_strategy s, int cursor)
{
	struct bw_alloc a = { .set = &w->set, .strategy = s, .run = run_of, .arg = w };
	struct bw_err err = { 0 };
	struct bw_ip ip;
	int r;

	if (cursor >= 0)
		a.cursor = ip_of((unsigned int)cursor);
	for (size_t i = 0; i < sizeof(a.seed); i++)
		a.seed[i] = (uint8_t)rnd(256);
	w->lookups = 0;
	r = bw_alloc_pick(&a, &ip, &err);
	/* Never more look-ups than there are stretches, whatever is used. */
	assert_true(w->lookups <= w->set.n_free + 1);
	if (r < 0) {
		assert_int_equal(r, -ENOSPC);
		assert_int_equal(err.class, BW_ERR_BUSY);
		return -1;
	}
	return (int)of_ip(&ip);
}

static void strategies_agree_with_the_slow_way(void **state)
{
	static struct world w;

	(void)state;
	for (int i = 0; i < 6000; i++) {
		int cursor = (int)rnd(N + 1) - 1;
		int got;

		seed = (unsigned int)i + 1;
		random_world(&w);
		fill(&w, (unsigned int[]){ 0, 20, 80, 97, 100 }[i % 5]);
		got = pick(&w, BW_ALLOC_LOWEST, -1);
		if (got != lowest_slowly(&w))
			fail_msg("case %d: lowest %d, expected %d", i, got, lowest_slowly(&w));
		got = pick(&w, BW_ALLOC_NEXT, cursor);
		if (got != next_slowly(&w, cursor))
			fail_msg("case %d: next after %d is %d, expected %d", i, cursor, got,
				 next_slowly(&w, cursor));
		got = pick(&w, BW_ALLOC_RANDOM, -1);
		if (got < 0 ? lowest_slowly(&w) >= 0 : !is_free(&w, (unsigned int)got))
			fail_msg("case %d: random %d", i, got);
		bw_range_set_done(&w.set);
	}
}

static void every_strategy_empties_the_set_exactly(void **state)
{
	static struct world w;

	(void)state;
	for (int s = 0; s < BW_ALLOC_MAX_; s++)
		for (int i = 0; i < 50; i++) {
			int cursor = -1;
			unsigned int left = 0;

			seed = (unsigned int)(1000 + i);
			random_world(&w);
			for (unsigned int k = 0; k < N; k++)
				left += is_free(&w, k) ? 1 : 0;
			for (int got; (got = pick(&w, (enum bw_alloc_strategy)s, cursor)) >= 0;) {
				assert_true(is_free(&w, (unsigned int)got));
				w.used[got] = 1;
				cursor = got;
				left--;
			}
			assert_int_equal(left, 0);
			bw_range_set_done(&w.set);
		}
}

static void random_reaches_every_address(void **state)
{
	static struct world w;
	uint8_t seen[N] = { 0 };

	(void)state;
	seed = 77;
	random_world(&w);
	for (int i = 0; i < 20000; i++)
		seen[pick(&w, BW_ALLOC_RANDOM, -1)] = 1;
	for (unsigned int i = 0; i < N; i++)
		assert_int_equal(seen[i], w.allowed[i] != 0);
	bw_range_set_done(&w.set);
}

static int none_used(void *arg, const struct bw_ip *ip, struct bw_ip *ret_first,
		     struct bw_ip *ret_last, struct bw_err *err)
{
	(void)arg;
	(void)ip;
	(void)ret_first;
	(void)ret_last;
	(void)err;
	return 0;
}

static int run_fails(void *arg, const struct bw_ip *ip, struct bw_ip *ret_first,
		     struct bw_ip *ret_last, struct bw_err *err)
{
	(void)arg;
	(void)ip;
	(void)ret_first;
	(void)ret_last;
	return bw_fail(err, EIO, "look");
}

static void range_from(const char *subnet, const char *first, const char *last, const char *gateway,
		       struct bw_range *ret)
{
	memset(ret, 0, sizeof(*ret));
	assert_int_equal(bw_prefix_parse(subnet, &ret->subnet), 0);
	if (first)
		assert_int_equal(bw_ip_parse(first, &ret->first), 0);
	if (last)
		assert_int_equal(bw_ip_parse(last, &ret->last), 0);
	if (gateway)
		assert_int_equal(bw_ip_parse(gateway, &ret->gateway), 0);
}

/* All of IPv6 in one set: its length does not fit 128 bits. */
static void whole_address_space_is_one_range(void **state)
{
	struct bw_range_set set = { 0 };
	struct bw_alloc a = { .set = &set, .run = none_used };
	struct bw_err err = { 0 };
	struct bw_ip ip;
	char s[BW_IP_STR_MAX];

	(void)state;
	set.ranges = calloc(1, sizeof(*set.ranges));
	assert_non_null(set.ranges);
	set.n = 1;
	range_from("::/0", "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "::5", set.ranges);
	assert_int_equal(bw_range_complete(set.ranges, "r", &err), 0);
	assert_int_equal(bw_range_set_build(&set, NULL, 0, &err), 0);
	assert_int_equal(set.n_free, 2);
	memset(a.seed, 0xff, sizeof(a.seed));
	a.strategy = BW_ALLOC_RANDOM;
	assert_int_equal(bw_alloc_pick(&a, &ip, &err), 0);
	a.strategy = BW_ALLOC_NEXT;
	assert_int_equal(bw_ip_parse("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", &a.cursor), 0);
	assert_int_equal(bw_alloc_pick(&a, &ip, &err), 0);
	assert_string_equal(bw_ip_str(&ip, s), "::");
	a.run = run_fails;
	assert_int_equal(bw_alloc_pick(&a, &ip, &err), -EIO);
	/* A set without any gateway or hole: the count of its addresses is 0 in 128 bits. */
	set.free[0] = (struct bw_interval){ set.ranges[0].first, set.ranges[0].last };
	set.n_free = 1;
	a.run = none_used;
	a.strategy = BW_ALLOC_RANDOM;
	assert_int_equal(bw_alloc_pick(&a, &ip, &err), 0);
	assert_string_equal(bw_ip_str(&ip, s), "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
	bw_range_set_done(&set);
}

static void defaults_are_host_locals(void **state)
{
	static const struct {
		const char *subnet, *gateway, *range;
	} cases[] = {
		{ "10.1.0.0/24", "10.1.0.1", "10.1.0.1-10.1.0.254" },
		{ "10.1.0.4/30", "10.1.0.5", "10.1.0.5-10.1.0.6" },
		{ "fd00::/64", "fd00::1", "fd00::1-fd00::ffff:ffff:ffff:ffff" },
		{ "fd00::4/126", "fd00::5", "fd00::5-fd00::7" },
		{ "0.0.0.0/0", "0.0.0.1", "0.0.0.1-255.255.255.254" },
	};

	(void)state;
	for (size_t i = 0; i < BW_ARRAY_SIZE(cases); i++) {
		struct bw_err err = { 0 };
		struct bw_range r;
		char gw[BW_IP_STR_MAX];
		char s[BW_RANGE_STR_MAX];

		range_from(cases[i].subnet, NULL, NULL, NULL, &r);
		assert_int_equal(bw_range_complete(&r, "r", &err), 0);
		assert_string_equal(bw_ip_str(&r.gateway, gw), cases[i].gateway);
		assert_string_equal(bw_range_str(&r, s), cases[i].range);
	}
}

static void bad_ranges_are_refused_by_name(void **state)
{
	static const struct {
		const char *subnet, *first, *last, *gateway, *text;
	} cases[] = {
		{ "10.1.0.0/31", NULL, NULL, NULL,
		  "r.subnet: expected a subnet of at most 30 bits, got 10.1.0.0/31" },
		{ "fd00::/127", NULL, NULL, NULL, "at most 126 bits, got fd00::/127" },
		{ "10.1.0.7/24", NULL, NULL, NULL, "got 10.1.0.7/24; did you mean 10.1.0.0/24" },
		{ "10.1.0.0/24", "10.2.0.1", NULL, NULL,
		  "r.rangeStart: expected an address in 10.1.0.0/24, got 10.2.0.1" },
		{ "10.1.0.0/24", NULL, "10.2.0.1", NULL, "r.rangeEnd: expected an address in" },
		{ "10.1.0.0/24", "10.1.0.9", "10.1.0.8", NULL,
		  "r.rangeEnd: expected an address not below rangeStart 10.1.0.9, got 10.1.0.8" },
		{ "10.1.0.0/24", "fd00::1", NULL, NULL, "r.rangeStart: expected an address in" },
		{ "10.1.0.0/24", NULL, NULL, "fd00::1",
		  "r.gateway: expected an address of the family of 10.1.0.0/24, got fd00::1" },
	};

	(void)state;
	for (size_t i = 0; i < BW_ARRAY_SIZE(cases); i++) {
		struct bw_err err = { 0 };
		struct bw_range r;

		range_from(cases[i].subnet, cases[i].first, cases[i].last, cases[i].gateway, &r);
		assert_int_equal(bw_range_complete(&r, "r", &err), -EINVAL);
		assert_int_equal(err.class, BW_ERR_INVALID);
		if (!strstr(err.msg, cases[i].text))
			fail_msg("\"%s\", expected \"...%s...\"", err.msg, cases[i].text);
	}
}

static void sets_of_two_families_or_with_overlaps_are_refused(void **state)
{
	struct bw_range ranges[2];
	struct bw_range_set set = { .ranges = ranges, .n = 2 };
	struct bw_range_set other = { .ranges = ranges, .n = 1 };
	const struct bw_range *a;
	const struct bw_range *b;
	struct bw_err err = { 0 };

	(void)state;
	range_from("10.1.0.0/24", "10.1.0.2", "10.1.0.9", "10.1.0.1", &ranges[0]);
	range_from("10.1.0.0/24", "10.1.0.9", "10.1.0.20", "10.1.0.1", &ranges[1]);
	assert_int_equal(bw_range_set_check(&set, "s", &err), -EINVAL);
	assert_string_equal(err.msg, "s: ranges 10.1.0.2-10.1.0.9 and 10.1.0.9-10.1.0.20 overlap");
	assert_int_equal(bw_range_set_overlap(&set, &other, &a, &b), 1);
	ranges[1].first = ranges[1].last;
	assert_int_equal(bw_range_set_check(&set, "s", &err), 0);
	range_from("fd00::/64", "fd00::2", "fd00::9", "fd00::1", &ranges[1]);
	assert_int_equal(bw_range_set_check(&set, "s", &err), -EINVAL);
	assert_non_null(strstr(err.msg, "s: expected ranges of one family"));
}

static void intervals_parse_in_three_forms(void **state)
{
	static const char *const bad[] = { "",
					   "-",
					   "10.0.0.1-",
					   "10.0.0.2-10.0.0.1",
					   "x",
					   "10.0.0.0/33",
					   "10.0.0.1-::1",
					   "10.0.0.1-10.0.0.2-",
					   "1-2",
					   "10.0.0.1 - 10.0.0.2" };
	struct bw_interval i;
	char a[BW_IP_STR_MAX];
	char b[BW_IP_STR_MAX];

	(void)state;
	assert_int_equal(bw_interval_parse("10.0.0.7", &i), 0);
	assert_true(bw_ip_eq(&i.first, &i.last));
	assert_int_equal(bw_interval_parse("10.0.0.7/30", &i), 0);
	assert_string_equal(bw_ip_str(&i.first, a), "10.0.0.4");
	assert_string_equal(bw_ip_str(&i.last, b), "10.0.0.7");
	assert_int_equal(bw_interval_parse("fd00::1-fd00::ff", &i), 0);
	assert_string_equal(bw_ip_str(&i.last, b), "fd00::ff");
	for (size_t k = 0; k < BW_ARRAY_SIZE(bad); k++)
		assert_int_equal(bw_interval_parse(bad[k], &i), -EINVAL);
}

static void strategies_have_names(void **state)
{
	(void)state;
	assert_string_equal(bw_alloc_strategy_str(BW_ALLOC_NEXT), "next");
	assert_string_equal(bw_alloc_strategy_str(BW_ALLOC_MAX_), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(strategies_agree_with_the_slow_way),
		cmocka_unit_test(every_strategy_empties_the_set_exactly),
		cmocka_unit_test(random_reaches_every_address),
		cmocka_unit_test(whole_address_space_is_one_range),
		cmocka_unit_test(defaults_are_host_locals),
		cmocka_unit_test(bad_ranges_are_refused_by_name),
		cmocka_unit_test(sets_of_two_families_or_with_overlaps_are_refused),
		cmocka_unit_test(intervals_parse_in_three_forms),
		cmocka_unit_test(strategies_have_names),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
