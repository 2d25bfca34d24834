/* SPDX-License-Identifier: Apache-2.0 */
/* Settings on the PF: in which order they are written, what a refusal says, how they go back. */
#include "../net/fake_kernel.h"

#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include <bw/err.h>
#include <bw/nl.h>

#include "pfside.h"

#define PF 4
#define SENT_MAX 32

static const struct bw_mac zero;
static const struct bw_mac mac_a = { { 2, 0, 0, 0, 0, 1 } };
static const struct bw_mac mac_b = { { 2, 0, 0, 0, 0, 2 } };
static const struct bw_mac mac_c = { { 2, 0, 0, 0, 0, 3 } };

static struct bw_err err;
static struct bw_nl *nl;
static int refuse_type; /* IFLA_VF_* that is refused */
static int refuse_errnum;
static int sent[SENT_MAX]; /* IFLA_VF_* as they came */
static unsigned int n_sent;

/* The one setting in a message: PF > IFLA_VFINFO_LIST > IFLA_VF_INFO > setting. */
static int setting_of(const struct nlmsghdr *nlh)
{
	const struct nlattr *list[IFLA_VFINFO_LIST + 1], *a;
	const unsigned char *p;
	size_t left;

	assert_int_equal(nlh->nlmsg_type, RTM_SETLINK);
	bw_nl_attrs(nlh, sizeof(struct ifinfomsg), list, IFLA_VFINFO_LIST);
	assert_non_null(list[IFLA_VFINFO_LIST]);
	p = (const unsigned char *)list[IFLA_VFINFO_LIST] + 2 * NLA_HDRLEN;
	left = (size_t)list[IFLA_VFINFO_LIST]->nla_len - 2 * NLA_HDRLEN;
	a = bw_nl_next_attr(&p, &left);
	assert_non_null(a);
	assert_null(bw_nl_next_attr(&p, &left));
	return a->nla_type & NLA_TYPE_MASK;
}

static void on_request(const struct nlmsghdr *nlh)
{
	int type = setting_of(nlh);

	assert_true(n_sent < SENT_MAX);
	sent[n_sent++] = type;
	fake_ack(nlh, type == refuse_type ? refuse_errnum : 0);
}

static int setup(void **state)
{
	(void)state;
	fake_reset();
	fake.on_request = on_request;
	refuse_type = -1;
	n_sent = 0;
	memset(&err, 0, sizeof(err));
	return bw_nl_open(BW_NL_ROUTE, NULL, &nl, &err);
}

static int teardown(void **state)
{
	(void)state;
	bw_nl_close(&nl);
	return 0;
}

static void assert_sent(const int *types, unsigned int n)
{
	assert_int_equal(n_sent, n);
	for (unsigned int i = 0; i < n; i++)
		assert_int_equal(sent[i], types[i]);
}

#define ASSERT_SENT(...)                                                                           \
	assert_sent((const int[]){ __VA_ARGS__ }, sizeof((int[]){ __VA_ARGS__ }) / sizeof(int))

static const struct bw_vf fresh = { .has = BW_VF_ALL, .proto = BW_VF_PROTO_8021Q, .spoofchk = 1 };
static const struct bw_vf all = { .has = BW_VF_ALL,
				  .mac = { { 2, 0, 0, 0, 0, 2 } },
				  .vlan = 7,
				  .qos = 1,
				  .proto = BW_VF_PROTO_8021Q,
				  .trust = 1,
				  .link_state = BW_VF_LINK_ENABLE,
				  .max_tx_rate = 100 };

static void present_value_is_tried_first_and_the_mac_is_last(void **state)
{
	(void)state;
	assert_int_equal(sriov_pfside_apply(nl, PF, &fresh, &all, BW_VF_ALL, &err), 0);
	ASSERT_SENT(IFLA_VF_LINK_STATE, IFLA_VF_LINK_STATE, IFLA_VF_RATE, IFLA_VF_VLAN,
		    IFLA_VF_SPOOFCHK, IFLA_VF_TRUST, IFLA_VF_MAC);
}

static void what_is_so_already_is_not_written(void **state)
{
	(void)state;
	assert_int_equal(sriov_pfside_apply(nl, PF, &all, &all, BW_VF_ALL, &err), 0);
	assert_int_equal(n_sent, 0);
	assert_int_equal(sriov_pfside_revert(nl, PF, &all, &all, BW_VF_ALL, &err), 0);
	assert_int_equal(n_sent, 0);
}

static void only_what_was_asked_for_is_written(void **state)
{
	(void)state;
	assert_int_equal(sriov_pfside_apply(nl, PF, &fresh, &all, BW_VF_SET_TRUST, &err), 0);
	ASSERT_SENT(IFLA_VF_TRUST);
	n_sent = 0;
	assert_int_equal(sriov_pfside_revert(nl, PF, &all, &fresh, BW_VF_SET_VLAN, &err), 0);
	ASSERT_SENT(IFLA_VF_VLAN);
}

static void link_state_the_driver_has_not_is_found_before_any_change(void **state)
{
	(void)state;
	refuse_type = IFLA_VF_LINK_STATE;
	refuse_errnum = EOPNOTSUPP;
	assert_int_equal(sriov_pfside_apply(nl, PF, &fresh, &all, BW_VF_ALL, &err), -EOPNOTSUPP);
	ASSERT_SENT(IFLA_VF_LINK_STATE);
	assert_int_equal(err.class, BW_ERR_UNSUPPORTED);
	assert_non_null(strstr(err.msg, "link_state"));
}

static void the_mac_is_not_written_after_a_refusal(void **state)
{
	static const int types[] = { IFLA_VF_RATE, IFLA_VF_VLAN, IFLA_VF_SPOOFCHK, IFLA_VF_TRUST };
	static const char *const keys[] = { "max_tx_rate", "vlan", "spoofchk", "trust" };

	(void)state;
	for (size_t i = 0; i < BW_ARRAY_SIZE(types); i++) {
		n_sent = 0;
		refuse_type = types[i];
		refuse_errnum = EINVAL;
		assert_int_equal(sriov_pfside_apply(nl, PF, &fresh, &all, BW_VF_ALL, &err),
				 -EINVAL);
		assert_int_equal(err.class, BW_ERR_INVALID);
		assert_non_null(strstr(err.msg, keys[i]));
		for (unsigned int k = 0; k < n_sent; k++)
			assert_int_not_equal(sent[k], IFLA_VF_MAC);
	}
}

static void refused_values_are_named_as_the_configuration_has_them(void **state)
{
	struct bw_vf want = all;

	(void)state;
	want.min_tx_rate = 10;
	refuse_type = IFLA_VF_RATE;
	refuse_errnum = EINVAL;
	assert_int_equal(sriov_pfside_apply(nl, PF, &fresh, &want, BW_VF_SET_RATE, &err), -EINVAL);
	assert_int_equal(err.class, BW_ERR_UNSUPPORTED);
	assert_non_null(strstr(err.msg, "min_tx_rate"));
	want.proto = BW_VF_PROTO_8021AD;
	refuse_type = IFLA_VF_VLAN_LIST;
	refuse_errnum = EPROTONOSUPPORT;
	assert_int_equal(sriov_pfside_apply(nl, PF, &fresh, &want, BW_VF_SET_VLAN, &err),
			 -EPROTONOSUPPORT);
	assert_int_equal(err.class, BW_ERR_UNSUPPORTED);
	assert_non_null(strstr(err.msg, "vlanProto: 802.1ad"));
	refuse_type = IFLA_VF_MAC;
	refuse_errnum = EBUSY;
	assert_int_equal(sriov_pfside_apply(nl, PF, &fresh, &want, BW_VF_SET_MAC, &err), -EBUSY);
	assert_int_equal(err.class, BW_ERR_BUSY);
	assert_non_null(strstr(err.msg, "mac"));
}

static void going_back_goes_on_after_a_refusal(void **state)
{
	(void)state;
	refuse_type = IFLA_VF_RATE;
	refuse_errnum = EINVAL;
	assert_int_equal(
		sriov_pfside_revert(nl, PF, &all, &fresh, BW_VF_ALL & ~BW_VF_SET_MAC, &err),
		-EINVAL);
	ASSERT_SENT(IFLA_VF_LINK_STATE, IFLA_VF_RATE, IFLA_VF_VLAN, IFLA_VF_SPOOFCHK,
		    IFLA_VF_TRUST);
}

static void setting_that_could_not_be_put_back_is_refused(void **state)
{
	struct bw_vf now = fresh;

	(void)state;
	assert_int_equal(sriov_pfside_check(&now, &all, BW_VF_ALL & ~BW_VF_SET_RSS_QUERY, &err), 0);
	now.has &= ~BW_VF_HAS_TRUST;
	assert_int_equal(sriov_pfside_check(&now, &all, BW_VF_SET_VLAN, &err), 0);
	assert_int_equal(sriov_pfside_check(&now, &all, BW_VF_SET_TRUST, &err), -EOPNOTSUPP);
	assert_int_equal(err.class, BW_ERR_UNSUPPORTED);
	assert_non_null(strstr(err.msg, "trust"));
	assert_int_equal(n_sent, 0);
}

/* Of the administrator's MAC: how it was, what was set, what it is now, was it written already. */
static void every_state_of_the_mac_has_its_step(void **state)
{
	static const struct {
		unsigned int what;
		const struct bw_mac *was, *now;
		uint8_t rebind, has_netdev;
		enum sriov_mac_step step;
	} cases[] = {
		/* This attachment set none. */
		{ 0, &mac_a, &mac_c, 0, 1, SRIOV_MAC_KEEP },
		{ 0, &zero, &mac_c, 0, 1, SRIOV_MAC_KEEP },
		/* It was to, and had not yet; or it is back already. */
		{ BW_VF_SET_MAC, &mac_a, &mac_a, 0, 1, SRIOV_MAC_KEEP },
		{ BW_VF_SET_MAC, &zero, &zero, 0, 1, SRIOV_MAC_KEEP },
		{ BW_VF_SET_MAC, &mac_a, &mac_b, 0, 1, SRIOV_MAC_WRITE },
		{ BW_VF_SET_MAC, &zero, &mac_b, 0, 1, SRIOV_MAC_WRITE_REBIND },
		/* With trust the pod chose another one. */
		{ BW_VF_SET_MAC, &mac_a, &mac_c, 0, 1, SRIOV_MAC_WRITE },
		{ BW_VF_SET_MAC, &zero, &mac_c, 0, 1, SRIOV_MAC_WRITE_REBIND },
		/* Killed between the zero and the driver. */
		{ BW_VF_SET_MAC, &zero, &zero, 1, 1, SRIOV_MAC_REBIND },
		{ BW_VF_SET_MAC, &zero, &mac_b, 1, 1, SRIOV_MAC_WRITE_REBIND },
		/* A driver in user space is nobody to bind anew. */
		{ BW_VF_SET_MAC, &zero, &mac_b, 0, 0, SRIOV_MAC_WRITE },
		{ BW_VF_SET_MAC, &zero, &zero, 1, 0, SRIOV_MAC_KEEP },
	};

	(void)state;
	for (size_t i = 0; i < BW_ARRAY_SIZE(cases); i++) {
		struct sriov_original o = { .what = cases[i].what, .rebind = cases[i].rebind };
		struct bw_vf now = { .mac = *cases[i].now };

		o.was.pf.mac = *cases[i].was;
		o.want.mac = mac_b;
		assert_int_equal(sriov_pfside_mac(&o, &now, cases[i].has_netdev), cases[i].step);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(present_value_is_tried_first_and_the_mac_is_last,
						setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_so_already_is_not_written, setup, teardown),
		cmocka_unit_test_setup_teardown(only_what_was_asked_for_is_written, setup,
						teardown),
		cmocka_unit_test_setup_teardown(
			link_state_the_driver_has_not_is_found_before_any_change, setup, teardown),
		cmocka_unit_test_setup_teardown(the_mac_is_not_written_after_a_refusal, setup,
						teardown),
		cmocka_unit_test_setup_teardown(
			refused_values_are_named_as_the_configuration_has_them, setup, teardown),
		cmocka_unit_test_setup_teardown(going_back_goes_on_after_a_refusal, setup,
						teardown),
		cmocka_unit_test_setup_teardown(setting_that_could_not_be_put_back_is_refused,
						setup, teardown),
		cmocka_unit_test(every_state_of_the_mac_has_its_step),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
