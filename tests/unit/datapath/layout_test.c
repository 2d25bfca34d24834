/* SPDX-License-Identifier: Apache-2.0 */
/* Which changes of a map are another ABI. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <bpf/btf.h>
#include <cmocka.h>

#include "layout.h"

/* struct value { u32 MEMBER; u32 second[N]; }, const on request. */
struct shape {
	const char *member;
	uint32_t n;
	int swapped;
	int is_const;
};

static uint64_t hash_of(const struct shape *s)
{
	struct btf *btf = btf__new_empty();
	int u32 = btf__add_int(btf, "unsigned int", 4, 0);
	int array = btf__add_array(btf, u32, u32, s->n);
	int value = btf__add_struct(btf, "value", 4 + 4 * s->n);
	struct dp_layout l = { .name = "bw_x", .type = 1, .key_size = 4, .max_entries = 8 };
	uint64_t h;

	assert_int_equal(btf__add_field(btf, s->member, u32, s->swapped ? 32 * s->n : 0, 0), 0);
	assert_int_equal(btf__add_field(btf, "second", array, s->swapped ? 0 : 32, 0), 0);
	l.value_size = 4 + 4 * s->n;
	l.key_type = (uint32_t)u32;
	l.value_type = (uint32_t)(s->is_const ? btf__add_const(btf, value) : value);
	h = dp_layout_hash(&l, btf);
	btf__free(btf);
	return h;
}

static const struct shape plain = { "first", 2, 0, 0 };

static void the_same_definition_is_the_same_number(void **state)
{
	const struct shape same = { "first", 2, 0, 0 };

	(void)state;
	assert_true(hash_of(&plain) == hash_of(&same));
	assert_true(hash_of(&plain) != 0);
}

static void a_qualifier_changes_nothing(void **state)
{
	const struct shape qualified = { "first", 2, 0, 1 };

	(void)state;
	assert_true(hash_of(&plain) == hash_of(&qualified));
}

static void a_members_name_size_and_place_count(void **state)
{
	const struct shape renamed = { "other", 2, 0, 0 };
	const struct shape grown = { "first", 3, 0, 0 };
	const struct shape swapped = { "first", 2, 1, 0 };

	(void)state;
	assert_true(hash_of(&plain) != hash_of(&renamed));
	assert_true(hash_of(&plain) != hash_of(&grown));
	assert_true(hash_of(&plain) != hash_of(&swapped));
}

static void each_part_of_the_definition_counts(void **state)
{
	const struct dp_layout base = { "bw_x", 1, 4, 8, 16, 0, 0, 0 };
	const struct dp_layout others[] = {
		{ "bw_y", 1, 4, 8, 16, 0, 0, 0 }, { "bw_x", 2, 4, 8, 16, 0, 0, 0 },
		{ "bw_x", 1, 8, 8, 16, 0, 0, 0 }, { "bw_x", 1, 4, 4, 16, 0, 0, 0 },
		{ "bw_x", 1, 4, 8, 17, 0, 0, 0 }, { "bw_x", 1, 4, 8, 16, 1, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < BW_ARRAY_SIZE(others); i++)
		assert_true(dp_layout_hash(&base, NULL) != dp_layout_hash(&others[i], NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_same_definition_is_the_same_number),
		cmocka_unit_test(a_qualifier_changes_nothing),
		cmocka_unit_test(a_members_name_size_and_place_count),
		cmocka_unit_test(each_part_of_the_definition_counts),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("layout", tests, NULL, NULL);
}
