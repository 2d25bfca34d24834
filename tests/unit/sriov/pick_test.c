/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include <bw/err.h>

#include "stock.h"

#define VFS 4 /* of each PF */

/* Two PFs, eth1 on node 0 and eth2 on node 1, with VFs of igbvf that nobody holds. */
static struct sriov_stock *stock_new(void)
{
	struct sriov_stock *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	s->pfs = calloc(2, sizeof(*s->pfs));
	s->vfs = calloc((size_t)2 * VFS, sizeof(*s->vfs));
	assert_true(s->pfs && s->vfs);
	s->n_pfs = 2;
	s->n_vfs = 2 * VFS;
	for (unsigned int p = 0; p < 2; p++) {
		struct bw_pci_dev *pf = &s->pfs[p].pf.dev;

		s->pfs[p].pf.numvfs = VFS;
		(void)snprintf(pf->pci, sizeof(pf->pci), "0000:0%u:00.0", p + 1);
		(void)snprintf(pf->netdevs[0], sizeof(pf->netdevs[0]), "eth%u", p + 1);
		pf->n_netdevs = 1;
		for (unsigned int i = 0; i < VFS; i++) {
			struct sriov_stock_vf *vf = &s->vfs[p * VFS + i];

			(void)snprintf(vf->dev.pci, sizeof(vf->dev.pci), "0000:0%u:10.%u", p + 1,
				       i);
			(void)snprintf(vf->dev.driver, sizeof(vf->dev.driver), "igbvf");
			vf->dev.vendor = 0x8086;
			vf->dev.device = 0x10ca;
			vf->dev.numa_node = (int)p;
			vf->dev.n_netdevs = 1;
			vf->index = i;
			vf->pf = p;
		}
	}
	return s;
}

static void stock_free(struct sriov_stock **s)
{
	sriov_stock_done(*s);
	free(*s);
}
#define autostock BW_CLEANUP(stock_free) struct sriov_stock *

static void hold(struct sriov_stock *s, unsigned int vf, enum sriov_use use)
{
	s->vfs[vf].use = use;
	s->vfs[vf].dev.n_netdevs = 0;
	s->pfs[s->vfs[vf].pf].holds++;
	(void)snprintf(s->vfs[vf].holder, sizeof(s->vfs[vf].holder), "c%u/net1", vf);
}

static const struct sriov_want anything = { .key = "pf", .numa = -1 };

/* The candidates as "1.0 1.1 2.0": PF and index. */
static const char *picked(const struct sriov_stock *s, const struct sriov_want *want, char *out)
{
	struct sriov_candidates *c = calloc(1, sizeof(*c));
	unsigned int found;
	size_t n = 0;

	assert_non_null(c);
	found = sriov_pick(s, want, c);
	assert_int_equal(found, c->n);
	out[0] = '\0';
	for (unsigned int i = 0; i < c->n; i++)
		n += (size_t)sprintf(out + n, "%s%c.%c", n ? " " : "", c->pci[i][6], c->pci[i][11]);
	free(c);
	return out;
}

static void equal_ones_go_by_pf_and_index(void **state)
{
	autostock s = stock_new();
	char out[256];

	(void)state;
	assert_string_equal(picked(s, &anything, out), "1.0 1.1 1.2 1.3 2.0 2.1 2.2 2.3");
	assert_string_equal(picked(s, &anything, out), "1.0 1.1 1.2 1.3 2.0 2.1 2.2 2.3");
}

static void the_pf_with_the_fewest_holds_is_first(void **state)
{
	autostock s = stock_new();
	char out[256];

	(void)state;
	hold(s, 0, SRIOV_HELD);
	assert_string_equal(picked(s, &anything, out), "2.0 2.1 2.2 2.3 1.1 1.2 1.3");
	hold(s, VFS, SRIOV_HELD);
	hold(s, VFS + 1, SRIOV_HELD);
	assert_string_equal(picked(s, &anything, out), "1.1 1.2 1.3 2.2 2.3");
}

static void the_node_comes_before_the_holds(void **state)
{
	struct sriov_want want = { .key = "pf", .numa = 1 };
	autostock s = stock_new();
	char out[256];

	(void)state;
	hold(s, VFS, SRIOV_HELD);
	assert_string_equal(picked(s, &want, out), "2.1 2.2 2.3 1.0 1.1 1.2 1.3");
	want.numa = 7; /* a wish, no condition */
	assert_string_equal(picked(s, &want, out), "1.0 1.1 1.2 1.3 2.1 2.2 2.3");
}

static void pfs_go_by_name_or_address_in_their_order(void **state)
{
	static const struct sriov_pf_name pfs[] = { { "0000:02:00.0" }, { "eth1" }, { "eth9" } };
	struct sriov_want want = { .key = "pf", .numa = -1, .pfs = pfs, .n_pfs = 3 };
	autostock s = stock_new();
	char out[256];

	(void)state;
	assert_string_equal(picked(s, &want, out), "2.0 2.1 2.2 2.3 1.0 1.1 1.2 1.3");
	want.n_pfs = 1;
	assert_string_equal(picked(s, &want, out), "2.0 2.1 2.2 2.3");
	want.not_pf = "0000:02:00.0";
	assert_string_equal(picked(s, &want, out), "");
}

static void a_bonds_second_vf_is_of_another_pf(void **state)
{
	struct sriov_want want = { .key = "bond.pfs[1]", .numa = -1, .not_pf = "0000:01:00.0" };
	autostock s = stock_new();
	char out[256];

	(void)state;
	assert_string_equal(picked(s, &want, out), "2.0 2.1 2.2 2.3");
}

static void selectors_match_every_list_they_have(void **state)
{
	static const struct sriov_pf_range eth1_some = { .pf = { "eth1" },
							 .ranges = { { 0, 1 }, { 3, 3 } },
							 .n_ranges = 2 };
	static const struct sriov_pf_range eth2_all = { .pf = { "eth2" } };
	static const struct sriov_pf_range root2 = { .pf = { "0000:02:00.0" },
						     .ranges = { { 2, 9 } },
						     .n_ranges = 1 };
	static const struct sriov_pci one = { "0000:02:10.3" };
	static const uint16_t intel = 0x8086, mellanox = 0x15b3, igb = 0x10ca;
	static const char *const drivers[] = { "mlx5_core", "igbvf" };
	static const struct {
		struct sriov_selector s;
		const char *out;
	} rows[] = {
#define OF(x) { (void *)(uintptr_t) & (x), 1 }
		{ { .pf_names = OF(eth1_some) }, "1.0 1.1 1.3" },
		{ { .pf_names = OF(eth2_all) }, "2.0 2.1 2.2 2.3" },
		{ { .root_devices = OF(root2) }, "2.2 2.3" },
		{ { .pci_addresses = OF(one) }, "2.3" },
		{ { .pci_addresses = OF(one), .pf_names = OF(eth1_some) }, "" },
		{ { .vendors = OF(intel), .devices = OF(igb), .pf_names = OF(eth2_all) },
		  "2.0 2.1 2.2 2.3" },
		{ { .vendors = OF(mellanox) }, "" },
		{ { .devices = OF(intel) }, "" },
		{ { .drivers = { (void *)(uintptr_t)drivers, 1 } }, "" },
		{ { .drivers = { (void *)(uintptr_t)drivers, 2 }, .pf_names = OF(eth1_some) },
		  "1.0 1.1 1.3" },
	};
	autostock s = stock_new();
	char out[256];

	(void)state;
	for (size_t i = 0; i < BW_ARRAY_SIZE(rows); i++) {
		struct sriov_want want = {
			.key = "resource", .numa = -1, .selectors = &rows[i].s, .n_selectors = 1
		};

		if (strcmp(picked(s, &want, out), rows[i].out) != 0)
			fail_msg("row %zu\nexpected: %s\nactual:   %s", i, rows[i].out, out);
	}
}

static void one_selector_of_several_is_enough(void **state)
{
	static const struct sriov_pci one = { "0000:02:10.3" }, two = { "0000:01:10.2" };
	const struct sriov_selector selectors[] = { { .pci_addresses = OF(one) },
						    { .pci_addresses = OF(two) } };
	struct sriov_want want = {
		.key = "resource", .numa = -1, .selectors = selectors, .n_selectors = 2
	};
	autostock s = stock_new();
	char out[256];

	(void)state;
	assert_string_equal(picked(s, &want, out), "1.2 2.3");
}

static void without_a_driver_or_elsewhere_is_not_taken(void **state)
{
	autostock s = stock_new();
	char out[256];

	(void)state;
	s->vfs[0].dev.driver[0] = '\0';
	s->vfs[1].dev.n_netdevs = 0; /* somebody moved its interface away */
	assert_string_equal(picked(s, &anything, out), "1.2 1.3 2.0 2.1 2.2 2.3");
}

static void user_space_drivers_must_be_named(void **state)
{
	static const char *const driver = "vfio-pci";
	const struct sriov_selector vfio = { .drivers = OF(driver) };
	struct sriov_want want = {
		.key = "resource", .numa = -1, .selectors = &vfio, .n_selectors = 1
	};
	autostock s = stock_new();
	char out[256];

	(void)state;
	(void)strcpy(s->vfs[2].dev.driver, "vfio-pci");
	s->vfs[2].dev.n_netdevs = 0;
	assert_string_equal(picked(s, &anything, out), "1.0 1.1 1.3 2.0 2.1 2.2 2.3");
	assert_string_equal(picked(s, &want, out), "1.2");
	want.needs_netdev = 1;
	assert_string_equal(picked(s, &want, out), "");
	assert_true(sriov_dpdk_is("uio_pci_generic") && sriov_dpdk_is("igb_uio"));
	assert_false(sriov_dpdk_is("igbvf") || sriov_dpdk_is("") || sriov_dpdk_is("vfio"));
}

static void dead_holders_come_only_when_nothing_is_free(void **state)
{
	autostock s = stock_new();
	char out[256];

	(void)state;
	for (unsigned int i = 0; i < 2 * VFS; i++)
		hold(s, i, i == 2 || i == 5 ? SRIOV_STALE : SRIOV_HELD);
	assert_string_equal(picked(s, &anything, out), "1.2 2.1");
	s->vfs[7].use = SRIOV_FREE;
	s->vfs[7].dev.n_netdevs = 1;
	assert_string_equal(picked(s, &anything, out), "2.3");
}

static void more_candidates_than_there_is_room_are_cut(void **state)
{
	struct sriov_stock s = { .n_pfs = 1, .n_vfs = SRIOV_CANDIDATES_MAX + 10 };
	struct sriov_candidates *c = calloc(1, sizeof(*c));

	(void)state;
	s.pfs = calloc(1, sizeof(*s.pfs));
	s.vfs = calloc(s.n_vfs, sizeof(*s.vfs));
	assert_true(c && s.pfs && s.vfs);
	for (unsigned int i = 0; i < s.n_vfs; i++) { /* the best ones last */
		struct sriov_stock_vf *vf = &s.vfs[i];

		vf->index = s.n_vfs - 1 - i;
		vf->dev.n_netdevs = 1;
		(void)strcpy(vf->dev.driver, "igbvf");
		(void)snprintf(vf->dev.pci, sizeof(vf->dev.pci), "%08x", vf->index);
	}
	assert_int_equal(sriov_pick(&s, &anything, c), SRIOV_CANDIDATES_MAX);
	for (unsigned int i = 0; i < c->n; i++)
		assert_int_equal(strtoul(c->pci[i], NULL, 16), i);
	free(c);
	sriov_stock_done(&s);
}

static void explains(const struct sriov_stock *s, const struct sriov_want *want, int r,
		     enum bw_err_class class, const char *msg)
{
	struct bw_err err = { 0 };
	int got = sriov_pick_explain(s, want, &err);

	if (got != r || err.class != class || strcmp(err.msg, msg) != 0)
		fail_msg("expected: %d %s\nactual:   %d %s %s", r, msg, got,
			 bw_err_class_str(err.class), err.msg);
}

static void it_says_why_nothing_fits(void **state)
{
	static const struct sriov_pf_name eth1 = { "eth1" }, eth9 = { "eth9" };
	static const uint16_t mellanox = 0x15b3;
	const struct sriov_selector selector = { .vendors = OF(mellanox) };
	struct sriov_want want = { .key = "pf", .numa = -1, .pfs = &eth9, .n_pfs = 1 };
	struct sriov_stock none = { .pfs = NULL };
	autostock s = stock_new();

	(void)state;
	explains(s, &want, -ENODEV, BW_ERR_INVALID,
		 "pf: expected a PF that is on this node, got \"eth9\"; there are eth1 "
		 "(0000:01:00.0) with 4 VFs, eth2 (0000:02:00.0) with 4 VFs");
	explains(&none, &want, -ENODEV, BW_ERR_INVALID,
		 "pf: expected a PF that is on this node, got \"eth9\"; there is none");
	want.n_pfs = 0;
	want.key = "resource";
	explains(&none, &want, -ENODEV, BW_ERR_INVALID, "resource: no PF on this node, found none");
	want.pfs = &eth1;
	want.n_pfs = 1;
	want.key = "bond.pfs[1]";
	want.not_pf = "0000:01:00.0";
	explains(s, &want, -ENODEV, BW_ERR_INVALID,
		 "bond.pfs[1]: expected a second PF that is on this node, got \"eth1\"; there are "
		 "eth1 (0000:01:00.0) with 4 VFs, eth2 (0000:02:00.0) with 4 VFs");
	want.not_pf = NULL;
	want.key = "pf";
	want.selectors = &selector;
	want.n_selectors = 1;
	explains(s, &want, -ENODEV, BW_ERR_INVALID,
		 "resource: no VF matches; there are 4 of 8086:10ca igbvf on eth1 (0000:01:00.0)");
	want.n_selectors = 0;
	for (unsigned int i = 0; i < VFS; i++)
		s->vfs[i].dev.driver[0] = '\0';
	explains(s, &want, -ENODEV, BW_ERR_INVALID,
		 "pf: 4 VFs have no driver and 0 one for user space that no resource.drivers "
		 "names, expected a VF with an interface; there are 4 of 8086:10ca without a "
		 "driver on eth1 (0000:01:00.0)");
	s->n_vfs = 0;
	s->pfs[0].pf.numvfs = 0;
	s->n_pfs = 1;
	explains(s, &want, -ENODEV, BW_ERR_INVALID,
		 "pf: no VFs have been made, expected some by sriov_numvfs; there is eth1 "
		 "(0000:01:00.0) with 0 VFs");
}

static void it_says_who_holds_them_all(void **state)
{
	static const struct sriov_pf_name eth1 = { "eth1" };
	struct sriov_want want = { .key = "pf", .numa = -1, .pfs = &eth1, .n_pfs = 1 };
	autostock s = stock_new();
	struct bw_err err = { 0 };

	(void)state;
	for (unsigned int i = 0; i < 2 * VFS; i++)
		hold(s, i, SRIOV_HELD);
	explains(s, &want, -EBUSY, BW_ERR_BUSY,
		 "pf: of 4 VFs that fit 4 are held and 0 are in use by others, none is free");
	(void)sriov_pick_explain(s, &want, &err);
	assert_string_equal(err.details,
			    "held: 0000:01:10.0 by c0/net1, 0000:01:10.1 by c1/net1, 0000:01:10.2 "
			    "by c2/net1, 0000:01:10.3 by c3/net1");
	want.n_pfs = 0;
	(void)sriov_pick_explain(s, &want, &err);
	assert_non_null(strstr(err.details, "by c3/net1 and 4 more"));
	s->vfs[0].use = SRIOV_FREE; /* its interface is away all the same */
	want.n_pfs = 1;
	explains(s, &want, -EBUSY, BW_ERR_BUSY,
		 "pf: of 4 VFs that fit 3 are held and 1 are in use by others, none is free");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equal_ones_go_by_pf_and_index),
		cmocka_unit_test(the_pf_with_the_fewest_holds_is_first),
		cmocka_unit_test(the_node_comes_before_the_holds),
		cmocka_unit_test(pfs_go_by_name_or_address_in_their_order),
		cmocka_unit_test(a_bonds_second_vf_is_of_another_pf),
		cmocka_unit_test(selectors_match_every_list_they_have),
		cmocka_unit_test(one_selector_of_several_is_enough),
		cmocka_unit_test(without_a_driver_or_elsewhere_is_not_taken),
		cmocka_unit_test(user_space_drivers_must_be_named),
		cmocka_unit_test(dead_holders_come_only_when_nothing_is_free),
		cmocka_unit_test(more_candidates_than_there_is_room_are_cut),
		cmocka_unit_test(it_says_why_nothing_fits),
		cmocka_unit_test(it_says_who_holds_them_all),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
