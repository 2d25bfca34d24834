/* SPDX-License-Identifier: Apache-2.0 */
/* What is shown of a made sysfs tree and a made journal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include <bw/clock.h>
#include <bw/err.h>
#include <bw/sriov.h>

#include "failalloc.h"
#include "original.h"
#include "sysfs.h"

#define PF1 "0000:01:00.0"
#define PF2 "0000:02:00.0"
#define SEEN_MAX 8
#define ALLOCATIONS_MAX 20000

struct seen {
	char pfs[SEEN_MAX][BW_PCI_ADDR_MAX + 1];
	unsigned int n_pfs;
	struct bw_sriov_vf vfs[SEEN_MAX];
	char drift[SEEN_MAX][256];
	int has_pf[SEEN_MAX];
	unsigned int n_vfs;
};

static void *zeroed(size_t size)
{
	void *p = calloc(1, size);

	if (!p)
		exit(1);
	return p;
}

static int see_pf(const struct bw_sriov_pf *pf, void *arg, struct bw_err *err)
{
	struct seen *s = arg;

	(void)err;
	assert_true(s->n_pfs < SEEN_MAX);
	memcpy(s->pfs[s->n_pfs++], pf->sys.dev.pci, sizeof(s->pfs[0]));
	return 0;
}

static int see_vf(const struct bw_sriov_pf *pf, const struct bw_sriov_vf *vf, void *arg,
		  struct bw_err *err)
{
	struct seen *s = arg;

	(void)err;
	assert_true(s->n_vfs < SEEN_MAX);
	s->vfs[s->n_vfs] = *vf;
	s->has_pf[s->n_vfs] = pf != NULL;
	(void)snprintf(s->drift[s->n_vfs], sizeof(s->drift[0]), "%s",
		       vf->drift.n ? vf->drift.text.data : "");
	s->n_vfs++;
	return 0;
}

static struct seen *look(void)
{
	struct seen *s = zeroed(sizeof(struct seen));
	struct bw_sriov_visitor v = { .pf = see_pf, .vf = see_vf, .arg = s };
	struct bw_err err = { 0 };

	if (bw_sriov_walk(sysfs_root, sysfs_root, &v, &err) < 0)
		fail_msg("%s", err.msg);
	return s;
}

/* Holds a VF in the journal of the made tree. */
static void hold(const char *pci, uint32_t index, const char *container, const char *boot_id,
		 const struct sriov_original *o)
{
	bw_autojournal struct bw_journal *j = NULL;
	bw_autofree struct bw_vf_hold *h = zeroed(sizeof(*h));

	assert_int_equal(bw_journal_open(sysfs_root, BW_JOURNAL_F_CREATE, &j, NULL), 0);
	(void)snprintf(h->pci, sizeof(h->pci), "%s", pci);
	(void)snprintf(h->pf, sizeof(h->pf), PF1);
	h->vf = index;
	(void)snprintf(h->container_id, sizeof(h->container_id), "%s", container);
	(void)snprintf(h->ifname, sizeof(h->ifname), "net1");
	(void)snprintf(h->network, sizeof(h->network), "storage");
	(void)snprintf(h->netns, sizeof(h->netns), "/proc/self/ns/net");
	(void)snprintf(h->boot_id, sizeof(h->boot_id), "%s", boot_id);
	assert_int_equal(sriov_original_text(o, h->record, NULL), 0);
	assert_int_equal(bw_journal_vf_take(j, h, NULL, NULL), 0);
	assert_int_equal(bw_journal_vf_state(j, pci, h->id, BW_VF_HOLD_LIVE, NULL), 1);
}

/* The record of a VF for user space, without settings of the PF. */
static struct sriov_original *record(const char *driver)
{
	struct sriov_original *o = zeroed(sizeof(*o));

	(void)snprintf(o->was.driver, sizeof(o->was.driver), "%s", driver);
	return o;
}

static int setup(void **state)
{
	(void)state;
	sysfs_new();
	sysfs_pf(PF1, "eth1", 2);
	sysfs_vf(PF1, 0, "0000:01:10.0", "igbvf", "eth5");
	sysfs_vf(PF1, 1, "0000:01:10.2", "vfio-pci", NULL);
	sysfs_pf(PF2, "eth2", 0);
	sysfs_dev("0000:03:00.0", "nvme", NULL);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	sysfs_remove();
	return 0;
}

static void without_a_journal_everything_is_free(void **state)
{
	bw_autofree struct seen *s = look();

	(void)state;
	assert_int_equal(s->n_pfs, 2);
	assert_string_equal(s->pfs[0], PF1);
	assert_string_equal(s->pfs[1], PF2);
	assert_int_equal(s->n_vfs, 2);
	assert_string_equal(s->vfs[0].pci, "0000:01:10.0");
	assert_string_equal(s->vfs[0].sys.driver, "igbvf");
	assert_string_equal(s->vfs[0].sys.netdevs[0], "eth5");
	assert_int_equal(s->vfs[0].hold.id, 0);
	assert_int_equal(s->vfs[1].index, 1);
	assert_true(s->vfs[1].exists && !s->vfs[1].has_settings);
	assert_int_equal(access(sysfs_root, F_OK), 0);
}

static void a_holder_and_its_drift_are_shown(void **state)
{
	char boot_id[BW_BOOT_ID_LEN + 1];
	bw_autofree struct sriov_original *sound = record("vfio-pci");
	bw_autofree struct sriov_original *bad = record("vfio-pci");
	bw_autofree struct seen *s = NULL;

	(void)state;
	assert_int_equal(bw_boot_id(boot_id, NULL), 0);
	bad->what = BW_VF_SET_VLAN;
	hold("0000:01:10.0", 0, "a", boot_id, bad);
	hold("0000:01:10.2", 1, "b", boot_id, sound);
	s = look();
	assert_string_equal(s->vfs[0].hold.container_id, "a");
	assert_int_equal(s->vfs[0].is_dead, 0);
	assert_non_null(strstr(s->drift[0], "driver is igbvf, expected vfio-pci"));
	assert_non_null(strstr(s->drift[0], "settings cannot be read"));
	assert_string_equal(s->vfs[1].hold.container_id, "b");
	assert_string_equal(s->drift[1], "");
}

static void a_device_that_is_not_in_its_container_is_drift(void **state)
{
	char boot_id[BW_BOOT_ID_LEN + 1];
	bw_autofree struct sriov_original *o = record("igbvf");
	bw_autofree struct seen *s = NULL;

	(void)state;
	assert_int_equal(bw_boot_id(boot_id, NULL), 0);
	o->was.has_netdev = 1;
	hold("0000:01:10.0", 0, "a", boot_id, o);
	s = look();
	assert_string_equal(s->drift[0], "0000:01:10.0 is not in the container");
	assert_false(s->vfs[0].has_link);
}

static void a_holder_of_another_boot_is_gone_and_has_no_drift(void **state)
{
	bw_autofree struct sriov_original *o = record("none");
	bw_autofree struct seen *s = NULL;

	(void)state;
	hold("0000:01:10.2", 1, "b", "another", o);
	s = look();
	assert_true(s->vfs[1].is_dead);
	assert_string_equal(s->drift[1], "");
}

static void held_vfs_that_are_no_more_come_last(void **state)
{
	bw_autofree struct sriov_original *o = record("igbvf");
	bw_autofree struct seen *s = NULL;

	(void)state;
	hold("0000:01:10.6", 3, "c", "", o);
	s = look();
	assert_int_equal(s->n_vfs, 3);
	assert_false(s->has_pf[2]);
	assert_false(s->vfs[2].exists);
	assert_int_equal(s->vfs[2].index, 3);
	assert_non_null(strstr(s->drift[2], "is gone"));
}

static int stop(const struct bw_sriov_pf *pf, void *arg, struct bw_err *err)
{
	(void)pf;
	++*(int *)arg;
	return bw_fail(err, EPIPE, "stop");
}

static void a_visitor_ends_the_walk(void **state)
{
	int n = 0;
	struct bw_sriov_visitor v = { .pf = stop, .vf = see_vf, .arg = &n };
	struct bw_err err = { 0 };

	(void)state;
	assert_int_equal(bw_sriov_walk(sysfs_root, sysfs_root, &v, &err), -EPIPE);
	assert_int_equal(n, 1);
}

/* Memory that runs out costs the walk, or the text of one VF's drift: never more. */
static void each_allocation_may_fail(void **state)
{
	bw_autofree struct sriov_original *o = record("vfio-pci");
	bw_autofree struct seen *s = zeroed(sizeof(struct seen));
	struct bw_sriov_visitor v = { .pf = see_pf, .vf = see_vf, .arg = s };
	char boot_id[BW_BOOT_ID_LEN + 1];
	int failed, r;

	(void)state;
	assert_int_equal(bw_boot_id(boot_id, NULL), 0);
	o->was.has_netdev = 1;
	hold("0000:01:10.0", 0, "a", boot_id, o);
	hold("0000:01:10.6", 3, "c", boot_id, o);
	for (long n = 0; n < ALLOCATIONS_MAX; n++) {
		struct bw_err err = { 0 };

		memset(s, 0, sizeof(*s));
		fail_alloc_start(n);
		r = bw_sriov_walk(sysfs_root, sysfs_root, &v, &err);
		failed = fail_alloc_stop();
		if (r < 0)
			assert_true(failed && err.msg[0]);
		else
			assert_int_equal(s->n_vfs, 3);
		if (!failed)
			return;
	}
	fail_msg("more than %d allocations", ALLOCATIONS_MAX);
}

#define TREE_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TREE_TEST(without_a_journal_everything_is_free),
		TREE_TEST(a_holder_and_its_drift_are_shown),
		TREE_TEST(a_device_that_is_not_in_its_container_is_drift),
		TREE_TEST(a_holder_of_another_boot_is_gone_and_has_no_drift),
		TREE_TEST(held_vfs_that_are_no_more_come_last),
		TREE_TEST(a_visitor_ends_the_walk),
		TREE_TEST(each_allocation_may_fail),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
