/* SPDX-License-Identifier: Apache-2.0 */
/* The tree of used addresses against a bitmap, and at both ends of 128 bits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tree.h"

#define N 512
#define ROUNDS 4000

static unsigned int rnd(unsigned int *seed, unsigned int n)
{
	*seed = *seed * 1103515245 + 12345;
	return (*seed >> 16) % n;
}

struct world {
	struct ctl_tree tree;
	struct ctl_tree_node nodes[N];
	uint8_t used[N]; /* 1 used, 2 used and marked */
	unsigned __int128 base;
};

static void check_counts(const struct world *w, unsigned int first, unsigned int last)
{
	size_t used = 0;
	size_t marked = 0;

	for (unsigned int i = first; i <= last; i++) {
		used += w->used[i] != 0;
		marked += w->used[i] == 2;
	}
	assert_int_equal(ctl_tree_count(&w->tree, w->base + first, w->base + last), used);
	assert_int_equal(ctl_tree_count_marked(&w->tree, w->base + first, w->base + last), marked);
}

static void check_kth(const struct world *w, unsigned int first, unsigned int last, unsigned int k)
{
	unsigned __int128 got = 0;
	unsigned int left = k;

	for (unsigned int i = first; i <= last; i++) {
		if (w->used[i] || left-- > 0)
			continue;
		assert_int_equal(
			ctl_tree_kth_free(&w->tree, w->base + first, w->base + last, k, &got), 0);
		assert_true(got == w->base + i);
		return;
	}
	assert_int_equal(ctl_tree_kth_free(&w->tree, w->base + first, w->base + last, k, &got),
			 -ENOENT);
	assert_true(got == 0);
}

static void against_bitmap(unsigned __int128 base, unsigned int seed)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	w->base = base;
	for (unsigned int round = 0; round < ROUNDS; round++) {
		unsigned int i = rnd(&seed, N);
		unsigned int first = rnd(&seed, N);
		unsigned int last = first + rnd(&seed, N - first);

		if (!w->used[i]) {
			w->nodes[i].marked = (uint8_t)rnd(&seed, 2);
			assert_int_equal(ctl_tree_insert(&w->tree, &w->nodes[i], base + i), 0);
			w->used[i] = 1 + w->nodes[i].marked;
		} else if (rnd(&seed, 3) == 0) {
			ctl_tree_mark(&w->tree, &w->nodes[i], w->used[i] == 1);
			w->used[i] = w->used[i] == 1 ? 2 : 1;
		} else if (rnd(&seed, 2) == 0) {
			assert_ptr_equal(ctl_tree_remove(&w->tree, base + i), &w->nodes[i]);
			w->used[i] = 0;
		}
		check_counts(w, first, last);
		check_kth(w, first, last, rnd(&seed, N));
	}
	free(w);
}

static void agrees_with_a_bitmap(void **state)
{
	(void)state;
	against_bitmap(0, 1);
	against_bitmap((unsigned __int128)0xfd << 120, 2);
	against_bitmap(-(unsigned __int128)N, 3); /* up to the all-ones address */
}

static void counts_the_whole_of_ipv6(void **state)
{
	struct ctl_tree t = { 0 };
	struct ctl_tree_node first = { 0 };
	struct ctl_tree_node last = { 0 };
	unsigned __int128 max = -(unsigned __int128)1;
	unsigned __int128 got;

	(void)state;
	assert_int_equal(ctl_tree_kth_free(&t, 0, max, max, &got), 0);
	assert_true(got == max);
	assert_int_equal(ctl_tree_insert(&t, &first, 0), 0);
	assert_int_equal(ctl_tree_insert(&t, &last, max), 0);
	assert_int_equal(ctl_tree_count(&t, 0, max), 2);
	assert_int_equal(ctl_tree_kth_free(&t, 0, max, 0, &got), 0);
	assert_true(got == 1);
	assert_int_equal(ctl_tree_kth_free(&t, 0, max, max - 2, &got), 0);
	assert_true(got == max - 1);
	assert_int_equal(ctl_tree_kth_free(&t, 0, max, max - 1, &got), -ENOENT);
	assert_int_equal(ctl_tree_kth_free(&t, 0, max, max, &got), -ENOENT);
	assert_int_equal(ctl_tree_kth_free(&t, max, max, 0, &got), -ENOENT);
}

static void an_address_is_entered_once(void **state)
{
	struct ctl_tree t = { 0 };
	struct ctl_tree_node a = { 0 };
	struct ctl_tree_node b = { 0 };

	(void)state;
	assert_null(ctl_tree_find(&t, 7));
	assert_null(ctl_tree_remove(&t, 7));
	assert_int_equal(ctl_tree_insert(&t, &a, 7), 0);
	assert_int_equal(ctl_tree_insert(&t, &b, 7), -EEXIST);
	assert_ptr_equal(ctl_tree_find(&t, 7), &a);
	assert_int_equal(ctl_tree_count(&t, 7, 7), 1);
}

static void picks_in_a_deep_tree(void **state)
{
	enum { MANY = 60000 };
	struct ctl_tree_node *nodes = calloc(MANY, sizeof(*nodes));
	struct ctl_tree t = { 0 };
	unsigned __int128 got;

	(void)state;
	assert_non_null(nodes);
	for (unsigned int i = 0; i < MANY; i++) {
		assert_int_equal(ctl_tree_kth_free(&t, 100, 100 + MANY - 1, 0, &got), 0);
		assert_true(got == 100 + i);
		assert_int_equal(ctl_tree_insert(&t, &nodes[i], got), 0);
	}
	assert_int_equal(ctl_tree_kth_free(&t, 100, 100 + MANY - 1, 0, &got), -ENOENT);
	free(nodes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(agrees_with_a_bitmap),
		cmocka_unit_test(counts_the_whole_of_ipv6),
		cmocka_unit_test(an_address_is_entered_once),
		cmocka_unit_test(picks_in_a_deep_tree),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
