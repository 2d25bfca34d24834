/* SPDX-License-Identifier: Apache-2.0 */
/* Names of pins and which program runs where. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "dir.h"

static void link_pins_are_named_after_device_and_side(void **state)
{
	char pin[DP_PORT_NAME_SIZE + 8];

	(void)state;
	dp_link_pin("bw01", DP_SIDE_IN, pin);
	assert_string_equal(pin, "bw01:in");
	dp_link_pin("up0", DP_SIDE_OUT, pin);
	assert_string_equal(pin, "up0:out");
}

static void link_pins_hold_no_dot(void **state)
{
	char pin[DP_PORT_NAME_SIZE + 8];

	(void)state;
	dp_link_pin("bond0.100", DP_SIDE_IN, pin);
	assert_string_equal(pin, "bond0:100:in");
	assert_null(strchr(pin, '.'));
}

static void link_pins_of_the_longest_name_fit(void **state)
{
	char pin[DP_PORT_NAME_SIZE + 8];

	(void)state;
	dp_link_pin("abcdefghijklmno", DP_SIDE_OUT, pin); /* 15 characters, IFNAMSIZ - 1 */
	assert_string_equal(pin, "abcdefghijklmno:out");
}

static void paths_name_folder_and_pin(void **state)
{
	char path[DP_PATH_MAX];

	(void)state;
	dp_dir_path("0123", NULL, NULL, path);
	assert_string_equal(path, BW_DP_PIN_ROOT "/0123");
	dp_dir_path("0123", "maps", NULL, path);
	assert_string_equal(path, BW_DP_PIN_ROOT "/0123/maps");
	dp_dir_path("0123-next", "maps", "bw_ep", path);
	assert_string_equal(path, BW_DP_PIN_ROOT "/0123-next/maps/bw_ep");
}

static void each_side_of_each_kind_has_its_program(void **state)
{
	(void)state;
	assert_string_equal(dp_prog_str(dp_prog_of(DP_PORT_ENDPOINT, DP_SIDE_IN)), "bw_pod_tx");
	assert_string_equal(dp_prog_str(dp_prog_of(DP_PORT_ENDPOINT, DP_SIDE_OUT)), "bw_pod_rx");
	assert_string_equal(dp_prog_str(dp_prog_of(DP_PORT_UPLINK, DP_SIDE_IN)), "bw_up_rx");
	assert_string_equal(dp_prog_str(dp_prog_of(DP_PORT_UPLINK, DP_SIDE_OUT)), "bw_up_tx");
}

static void only_an_uplink_without_a_tag_lacks_a_side(void **state)
{
	struct dp_port port = { .kind = DP_PORT_UPLINK };

	(void)state;
	assert_true(dp_port_has_side(&port, DP_SIDE_IN));
	assert_false(dp_port_has_side(&port, DP_SIDE_OUT));
	port.vid = 5;
	assert_true(dp_port_has_side(&port, DP_SIDE_OUT));
	port = (struct dp_port){ .kind = DP_PORT_ENDPOINT };
	assert_true(dp_port_has_side(&port, DP_SIDE_OUT));
}

static void names_fit_the_kernels_limit(void **state)
{
	(void)state;
	for (int i = 0; i < DP_MAP_MAX_; i++)
		assert_true(strlen(dp_map_str((enum dp_map)i)) <= 15); /* BPF_OBJ_NAME_LEN - 1 */
	for (int i = 0; i < DP_PROG_MAX_; i++)
		assert_true(strlen(dp_prog_str((enum dp_prog)i)) <= 15);
}

static void a_directory_is_own_by_its_abi_alone(void **state)
{
	char name[BW_DP_ABI_MAX];
	struct dp_dir dir;

	(void)state;
	dp_dir_init(&dir, bw_dp_abi());
	assert_true(dir.is_own);
	(void)snprintf(name, sizeof(name), "%s" DP_SUFFIX_NEXT, bw_dp_abi());
	dp_dir_init(&dir, name);
	assert_true(dir.is_own);
	dp_dir_init(&dir, "ffffffffffffffff");
	assert_false(dir.is_own);
}

static void closing_closes_every_descriptor_and_no_other(void **state)
{
	struct dp_dir dir;
	int between;
	int fds[4];

	(void)state;
	dp_dir_init(&dir, "x");
	for (int i = 0; i < 4; i++)
		fds[i] = dup(0);
	between = fds[2];
	dir.maps[DP_MAP_EP].fd = fds[3];
	dir.maps[DP_MAP_FDB].fd = fds[0];
	dir.progs[DP_PROG_UP_RX] = fds[1];
	dp_dir_done(&dir);
	assert_int_equal(close(between), 0);
	assert_int_equal(close(fds[0]), -1);
	assert_int_equal(close(fds[1]), -1);
	assert_int_equal(close(fds[3]), -1);
	dp_dir_done(&dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(link_pins_are_named_after_device_and_side),
		cmocka_unit_test(link_pins_hold_no_dot),
		cmocka_unit_test(link_pins_of_the_longest_name_fit),
		cmocka_unit_test(paths_name_folder_and_pin),
		cmocka_unit_test(each_side_of_each_kind_has_its_program),
		cmocka_unit_test(only_an_uplink_without_a_tag_lacks_a_side),
		cmocka_unit_test(names_fit_the_kernels_limit),
		cmocka_unit_test(a_directory_is_own_by_its_abi_alone),
		cmocka_unit_test(closing_closes_every_descriptor_and_no_other),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("dir", tests, NULL, NULL);
}
