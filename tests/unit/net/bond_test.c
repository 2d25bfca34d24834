/* SPDX-License-Identifier: Apache-2.0 */
/* A bond's message against what `ip` sends, and its options read back. */
#include <linux/rtnetlink.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include <libmnl/libmnl.h>

#include <bw/bond.h>
#include <bw/nl.h>

static struct bw_nl_batch batch;

static const struct bw_bond_new example = {
	.name = "bondx",
	.mac = { { 0x02, 0, 0, 0, 0, 0x07 } },
	.mtu = 1500,
	.options = { .mode = BW_BOND_MODE_ACTIVE_BACKUP,
		     .fail_over_mac = BW_BOND_MAC_ACTIVE,
		     .miimon = 100 },
};

static const struct nlmsghdr *build(const struct bw_bond_new *n)
{
	bw_nl_batch_init(&batch);
	bw_bond_put_new(&batch, n);
	assert_false(batch.overflow);
	assert_int_equal(batch.n, 1);
	return (const struct nlmsghdr *)(const void *)batch.data;
}

/* strace of `ip link add bondx ... type bond mode active-backup miimon 100 fail_over_mac active` */
static void a_bond_is_made_as_ip_does(void **state)
{
	static const uint8_t info[] = {
		0x2c, 0, 0x12, 0x80, /* IFLA_LINKINFO, nested */
		0x09, 0, 0x01, 0,    'b',  'o', 'n', 'd', 0, 0, 0, 0, /* IFLA_INFO_KIND */
		0x1c, 0, 0x02, 0x80, /* IFLA_INFO_DATA, nested */
		0x05, 0, 0x01, 0,    0x01, 0,   0,   0, /* IFLA_BOND_MODE */
		0x08, 0, 0x03, 0,    0x64, 0,   0,   0, /* IFLA_BOND_MIIMON */
		0x05, 0, 0x0d, 0,    0x01, 0,   0,   0, /* IFLA_BOND_FAIL_OVER_MAC */
	};
	const struct nlmsghdr *nlh = build(&example);

	(void)state;
	assert_int_equal(nlh->nlmsg_type, RTM_NEWLINK);
	assert_int_equal(nlh->nlmsg_flags, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL);
	assert_true(nlh->nlmsg_len > sizeof(info));
	assert_memory_equal(batch.data + nlh->nlmsg_len - sizeof(info), info, sizeof(info));
	assert_string_equal(batch.ops[0].what, "create bond bondx");
}

static void its_options_are_read_back(void **state)
{
	struct bw_bond_new other = example;
	struct bw_bond got = { 0 };

	(void)state;
	assert_int_equal(bw_bond_parse(build(&example), &got), 0);
	assert_int_equal(got.mode, BW_BOND_MODE_ACTIVE_BACKUP);
	assert_int_equal(got.fail_over_mac, BW_BOND_MAC_ACTIVE);
	assert_int_equal(got.miimon, 100);
	assert_int_equal(got.active, 0);
	other.options.mode = BW_BOND_MODE_8023AD;
	other.mtu = 0;
	assert_int_equal(bw_bond_parse(build(&other), &got), 0);
	assert_int_equal(got.mode, BW_BOND_MODE_8023AD);
}

static void what_is_no_bond_is_refused(void **state)
{
	struct ifinfomsg ifi = { .ifi_index = 1 };
	struct bw_bond got = { .miimon = 7 };
	struct nlmsghdr *nlh;

	(void)state;
	bw_nl_batch_init(&batch);
	bw_nl_msg(&batch, RTM_NEWLINK, 0, &ifi, sizeof(ifi), "a device");
	nlh = (struct nlmsghdr *)(void *)batch.data;
	assert_int_equal(bw_bond_parse(nlh, &got), -EPROTO);
	nlh->nlmsg_len = NLMSG_HDRLEN + 4;
	assert_int_equal(bw_bond_parse(nlh, &got), -EPROTO);
	nlh = (struct nlmsghdr *)(uintptr_t)build(&example);
	nlh->nlmsg_type = RTM_DELLINK;
	assert_int_equal(bw_bond_parse(nlh, &got), -EPROTO);
	assert_int_equal(got.miimon, 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_bond_is_made_as_ip_does),
		cmocka_unit_test(its_options_are_read_back),
		cmocka_unit_test(what_is_no_bond_is_refused),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
