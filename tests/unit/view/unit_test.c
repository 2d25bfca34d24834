/* SPDX-License-Identifier: Apache-2.0 */
/* Units and pools for people: which conditions are bad and what is said of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>

#include <bw/view_unit.h>

static void conditions_are_bad_by_their_type(void **state)
{
	static const struct {
		const char *type;
		const char *status;
		int bad;
	} cases[] = {
		{ "Ready", "True", 0 },
		{ "Ready", "False", 1 },
		{ "Ready", "Unknown", 1 },
		{ "ClaimBound", "False", 1 },
		{ "VolumesReady", "True", 0 },
		{ "NodeUnschedulable", "True", 1 },
		{ "NodeUnschedulable", "False", 0 },
		{ "SomethingNew", "True", 1 },
		{ "Stopped", "True", 0 },
		{ "Stopped", "False", 1 },
	};

	(void)state;
	for (size_t i = 0; i < BW_ARRAY_SIZE(cases); i++) {
		const struct bw_kube_condition c = { .type = cases[i].type,
						     .status = cases[i].status };

		assert_int_equal(bw_view_condition_is_bad(&c), cases[i].bad);
	}
}

static void a_reason_has_its_remedy_or_none(void **state)
{
	(void)state;
	assert_non_null(strstr(bw_view_unit_hint("NodeBoundVolume"), "barewire unit rebuild"));
	assert_null(bw_view_unit_hint("Starting"));
	assert_null(bw_view_unit_hint(""));
	assert_null(bw_view_unit_hint(NULL));
}

static void addresses_are_parted_by_commas_and_cut_whole(void **state)
{
	const char *many[] = { "10.99.2.77", "fd00::4d", "10.99.2.78" };
	struct bw_db_unit u = { 0 };
	char long_one[BW_VIEW_IPS_MAX];
	char out[BW_VIEW_IPS_MAX];

	(void)state;
	assert_string_equal(bw_view_unit_ips(&u, out), "-");
	u.status.claim.addresses.items = many;
	u.status.claim.addresses.n = 2;
	assert_string_equal(bw_view_unit_ips(&u, out), "10.99.2.77,fd00::4d");
	memset(long_one, 'x', sizeof(long_one) - 1);
	long_one[sizeof(long_one) - 1] = '\0';
	many[2] = long_one;
	u.status.claim.addresses.n = 3;
	assert_true(strncmp(bw_view_unit_ips(&u, out), "10.99.2.77,fd00::4d", 19) == 0);
}

static void a_pool_is_in_trouble_by_its_conditions(void **state)
{
	struct bw_kube_condition c[] = { { .type = "Allocatable", .status = "True" },
					 { .type = "Exhausted", .status = "False" },
					 { .type = "Overlapping", .status = "True" } };
	struct bw_net_pool p = { 0 };

	(void)state;
	p.status.conditions.items = c;
	p.status.conditions.n = 2;
	assert_null(bw_view_pool_trouble(&p));
	p.status.conditions.n = 3;
	assert_ptr_equal(bw_view_pool_trouble(&p), &c[2]);
	c[0].status = "False";
	assert_ptr_equal(bw_view_pool_trouble(&p), &c[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(conditions_are_bad_by_their_type),
		cmocka_unit_test(a_reason_has_its_remedy_or_none),
		cmocka_unit_test(addresses_are_parted_by_commas_and_cut_whole),
		cmocka_unit_test(a_pool_is_in_trouble_by_its_conditions),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
