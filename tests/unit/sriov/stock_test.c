/* SPDX-License-Identifier: Apache-2.0 */
/* The node's VFs out of a made sysfs and a journal of the test's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <bw/clock.h>
#include <bw/err.h>
#include <bw/journal.h>

#include "failalloc.h"
#include "stock.h"
#include "sysfs.h"

#define PF0 "0000:01:00.0"
#define PF1 "0000:02:00.0"
#define HERE "/proc/self/ns/net"

static struct bw_err err;
static char journal_dir[32];
static struct bw_journal *journal;

/* Two PFs with three VFs each; of the second one's, one is of user space. */
static int begin(void **state)
{
	(void)state;
	sysfs_new();
	sysfs_pf(PF0, "eth1", 3);
	sysfs_vf(PF0, 0, "0000:01:10.0", "igbvf", "v10");
	sysfs_vf(PF0, 1, "0000:01:10.2", "igbvf", "v11");
	sysfs_vf(PF0, 2, "0000:01:10.4", "igbvf", NULL);
	sysfs_pf(PF1, "eth2", 3);
	sysfs_vf(PF1, 0, "0000:02:10.0", "igbvf", "v20");
	sysfs_vf(PF1, 1, "0000:02:10.2", "igbvf", "v21");
	sysfs_vf(PF1, 2, "0000:02:10.4", "vfio-pci", NULL);
	(void)strcpy(journal_dir, "/tmp/bw-stock-XXXXXX");
	assert_non_null(mkdtemp(journal_dir));
	return bw_journal_open(journal_dir, BW_JOURNAL_F_CREATE, &journal, &err);
}

static int end(void **state)
{
	(void)state;
	bw_journal_close(&journal);
	assert_int_equal(nftw(journal_dir, sysfs_rm, 16, FTW_DEPTH | FTW_PHYS), 0);
	sysfs_remove();
	return 0;
}

static void hold(const char *pci, const char *pf, const char *cid, const char *netns,
		 const char *boot_id)
{
	struct bw_vf_hold *h = calloc(1, sizeof(*h));

	assert_non_null(h);
	(void)snprintf(h->pci, sizeof(h->pci), "%s", pci);
	(void)snprintf(h->pf, sizeof(h->pf), "%s", pf);
	(void)snprintf(h->container_id, sizeof(h->container_id), "%s", cid);
	(void)snprintf(h->netns, sizeof(h->netns), "%s", netns);
	(void)strcpy(h->ifname, "net1");
	(void)strcpy(h->network, "n");
	if (boot_id)
		(void)snprintf(h->boot_id, sizeof(h->boot_id), "%s", boot_id);
	else
		assert_int_equal(bw_boot_id(h->boot_id, &err), 0);
	(void)strcpy(h->record, "{}");
	if (bw_journal_vf_take(journal, h, NULL, &err) < 0)
		fail_msg("%s", err.msg);
	free(h);
}

/* One VF of the stock; without a driver and an address when it is not in it. */
static struct sriov_stock_vf find(const struct sriov_stock *s, const char *pci)
{
	for (unsigned int i = 0; i < s->n_vfs; i++)
		if (strcmp(s->vfs[i].dev.pci, pci) == 0)
			return s->vfs[i];
	return (struct sriov_stock_vf){ .use = SRIOV_USE_MAX_ };
}

static void load(const struct sriov_pf_name *pfs, size_t n, int with_held, struct sriov_stock *ret)
{
	if (sriov_stock_load(sysfs_root, journal, pfs, n, with_held, ret, &err) < 0)
		fail_msg("%s", err.msg);
}

static void all_PFs_and_their_VFs_are_seen(void **state)
{
	sriov_autostock struct sriov_stock s = { .pfs = NULL };
	struct sriov_stock_vf vf;

	(void)state;
	load(NULL, 0, 0, &s);
	assert_int_equal(s.n_pfs, 2);
	assert_int_equal(s.n_vfs, 6);
	assert_string_equal(s.pfs[0].pf.dev.pci, PF0);
	assert_string_equal(s.pfs[1].pf.dev.netdevs[0], "eth2");
	vf = find(&s, "0000:02:10.2");
	assert_int_equal(vf.index, 1);
	assert_int_equal(vf.pf, 1);
	assert_int_equal(vf.use, SRIOV_FREE);
	assert_int_equal(vf.dev.vendor, 0x8086);
	assert_string_equal(vf.dev.driver, "igbvf");
	assert_int_equal(vf.dev.n_netdevs, 1);
	assert_int_equal(find(&s, "0000:01:10.4").dev.n_netdevs, 0);
}

static void named_PFs_come_in_their_order_and_once(void **state)
{
	static const struct sriov_pf_name pfs[] = { { PF1 }, { "ens9" }, { "eth1" }, { "eth2" } };
	sriov_autostock struct sriov_stock s = { .pfs = NULL };

	(void)state;
	load(pfs, 4, 0, &s);
	assert_int_equal(s.n_pfs, 2);
	assert_string_equal(s.pfs[0].pf.dev.pci, PF1);
	assert_string_equal(s.pfs[1].pf.dev.pci, PF0);
	assert_int_equal(s.n_vfs, 6);
}

static void what_is_no_PF_is_left_out(void **state)
{
	static const struct sriov_pf_name pfs[] = { { "ens9" }, { "v10" }, { "0000:7f:00.0" } };
	sriov_autostock struct sriov_stock s = { .pfs = NULL };

	(void)state;
	load(pfs, 3, 1, &s);
	assert_int_equal(s.n_pfs, 0);
	assert_int_equal(s.n_vfs, 0);
}

static void holds_are_counted_and_left_out(void **state)
{
	sriov_autostock struct sriov_stock s = { .pfs = NULL };

	(void)state;
	hold("0000:01:10.0", PF0, "c1", HERE, NULL);
	hold("0000:01:10.2", PF0, "c2", HERE, NULL);
	load(NULL, 0, 0, &s);
	assert_int_equal(s.pfs[0].holds, 2);
	assert_int_equal(s.pfs[1].holds, 0);
	assert_int_equal(s.n_vfs, 4);
	assert_int_equal(find(&s, "0000:01:10.0").use, SRIOV_USE_MAX_);
}

static void holders_are_judged_and_named(void **state)
{
	sriov_autostock struct sriov_stock s = { .pfs = NULL };

	(void)state;
	hold("0000:01:10.0", PF0, "alive", HERE, NULL);
	hold("0000:01:10.2", PF0, "gone", "/run/netns/nowhere", NULL);
	hold("0000:02:10.0", PF1, "before", HERE, "00000000-0000-0000-0000-000000000000");
	load(NULL, 0, 1, &s);
	assert_int_equal(s.n_vfs, 6);
	assert_int_equal(find(&s, "0000:01:10.0").use, SRIOV_HELD);
	assert_string_equal(find(&s, "0000:01:10.0").holder, "alive/net1");
	assert_int_equal(find(&s, "0000:01:10.2").use, SRIOV_STALE);
	assert_int_equal(find(&s, "0000:02:10.0").use, SRIOV_STALE);
	assert_int_equal(find(&s, "0000:02:10.2").use, SRIOV_FREE);
}

static void many_holds_and_VFs_fit(void **state)
{
	sriov_autostock struct sriov_stock s = { .pfs = NULL };

	(void)state;
	sysfs_pf("0000:03:00.0", "eth3", 100);
	for (unsigned int i = 0; i < 100; i++) {
		char pci[BW_PCI_ADDR_MAX + 1];

		(void)snprintf(pci, sizeof(pci), "0000:04:%02x.%u", i / 8, i % 8);
		sysfs_vf("0000:03:00.0", i, pci, "igbvf", NULL);
		if (i % 2)
			hold(pci, "0000:03:00.0", "c", HERE, NULL);
	}
	load(NULL, 0, 1, &s);
	assert_int_equal(s.n_vfs, 106);
	assert_int_equal(s.pfs[2].holds, 50);
}

static void without_a_journal_nobody_holds_anything(void **state)
{
	sriov_autostock struct sriov_stock s = { .pfs = NULL };

	(void)state;
	assert_int_equal(sriov_stock_load(sysfs_root, NULL, NULL, 0, 0, &s, &err), 0);
	assert_int_equal(s.n_vfs, 6);
	assert_int_equal(s.pfs[0].holds, 0);
}

static void each_allocation_may_fail(void **state)
{
	long n = 0;
	int failed;

	(void)state;
	hold("0000:01:10.0", PF0, "alive", HERE, NULL);
	do {
		sriov_autostock struct sriov_stock s = { .pfs = NULL };
		int r;

		fail_alloc_start(n++);
		r = sriov_stock_load(sysfs_root, NULL, NULL, 0, 1, &s, &err);
		failed = fail_alloc_stop();
		/* a folder that cannot be opened is taken for one that is not there */
		assert_true(r == 0 || (failed && r == -ENOMEM));
	} while (failed);
	assert_true(n > 1 || !FAIL_ALLOC_WORKS);
}

#define T(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(all_PFs_and_their_VFs_are_seen),
		T(named_PFs_come_in_their_order_and_once),
		T(what_is_no_PF_is_left_out),
		T(holds_are_counted_and_left_out),
		T(holders_are_judged_and_named),
		T(many_holds_and_VFs_fit),
		T(without_a_journal_nobody_holds_anything),
		T(each_allocation_may_fail),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
