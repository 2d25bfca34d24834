/* SPDX-License-Identifier: Apache-2.0 */
/* Rebuilds of Units: other volumes, the old ones kept, and what a cancelled one gives back. */
#include "actbed.h"

static void claim_of(char out[256])
{
	bed_get(&u->bed, SIM_POD, "db", "r", "spec.volumes.0.persistentVolumeClaim.claimName", out);
}

static void a_rebuild_has_other_volumes_and_keeps_the_old(void **state)
{
	char claim[256];
	char uid[256];
	char last[256];

	(void)state;
	make();
	bed_get(&u->bed, SIM_VOLUME, "db", "data-r", "metadata.uid", uid);
	change("{\"spec\":{\"action\":{\"id\":\"1\",\"type\":\"Rebuild\",\"inPlace\":true}}}");
	ubed_live(u, 8000);
	ended("1", "Succeeded");
	claim_of(claim);
	assert_string_not_equal(claim, "data-r");
	unit_is("status.volumes.0.claimName", claim);
	unit_is("status.volumes.1.claimName", "data-r");
	unit_is("status.nodeName", "n1");
	unit_is("status.podIPs.0", "10.99.2.1");
	ubed_expect(u, SIM_VOLUME, "data-r", "metadata.uid", uid);
	assert_int_equal(bed_count(&u->bed, SIM_VOLUME), 2);
	/* The new ones stay, whatever becomes of the pod. */
	bed_delete(&u->bed, SIM_POD, "db", "r");
	ubed_live(u, 5000);
	claim_of(last);
	assert_string_equal(last, claim);
	change("{\"spec\":{\"action\":{\"id\":\"2\",\"type\":\"Rebuild\",\"inPlace\":null,"
	       "\"nodeName\":\"n2\"}}}");
	ubed_live(u, 8000);
	ended("2", "Succeeded");
	unit_is("status.nodeName", "n2");
	claim_of(last);
	assert_string_not_equal(last, claim);
	assert_int_equal(bed_count(&u->bed, SIM_VOLUME), 3);
	unit_is("status.volumes.0.claimName", last);
	unit_is("status.volumes.3.claimName", "");
	assert_int_equal(marked, 2);
}

static void a_cancelled_rebuild_gives_the_old_volumes_back(void **state)
{
	char claim[256];

	(void)state;
	make();
	bed_merge(&u->bed, SIM_NODE, NULL, "n2", NULL,
		  "{\"spec\":{\"taints\":[{\"key\":\"x\",\"effect\":\"NoSchedule\"}]}}");
	change("{\"spec\":{\"action\":{\"id\":\"1\",\"type\":\"Rebuild\",\"nodeName\":\"n2\"}}}");
	ubed_live(u, 8000);
	unit_is("status.action.phase", "Running");
	claim_of(claim);
	assert_string_not_equal(claim, "data-r");
	change("{\"spec\":{\"action\":{\"cancel\":true}}}");
	ubed_live(u, 8000);
	ended("1", "Cancelled");
	unit_is("status.nodeName", "n1");
	unit_is("status.phase", "Ready");
	claim_of(claim);
	assert_string_equal(claim, "data-r");
	unit_is("status.volumes.0.claimName", "data-r");
	assert_int_equal(bed_count(&u->bed, SIM_VOLUME), 2);
}

static void a_lost_volume_is_what_a_rebuild_is_for(void **state)
{
	char claim[256];

	(void)state;
	make();
	bed_merge(&u->bed, SIM_VOLUME, "db", "data-r", "status",
		  "{\"status\":{\"phase\":\"Lost\"}}");
	ubed_live(u, 1000);
	reason_is("VolumesReady", "VolumeLost");
	change("{\"spec\":{\"action\":{\"id\":\"1\",\"type\":\"Rebuild\",\"inPlace\":true}}}");
	ubed_live(u, 8000);
	ended("1", "Succeeded");
	reason_is("VolumesReady", "Ready");
	claim_of(claim);
	assert_string_not_equal(claim, "data-r");
}

/* A rebuild, and one that goes back; returns how many writes the controllers sent. */
static unsigned int live_once(unsigned int crash_at)
{
	char first[256];
	char last[256];

	u->crash_at = crash_at;
	u->sent = 0;
	make();
	change("{\"spec\":{\"action\":{\"id\":\"1\",\"type\":\"Rebuild\",\"inPlace\":true}}}");
	ubed_live(u, 15000);
	ended("1", "Succeeded");
	claim_of(first);
	assert_string_not_equal(first, "data-r");
	assert_int_equal(bed_count(&u->bed, SIM_VOLUME), 2);
	assert_int_equal(marked, 1);
	bed_merge(&u->bed, SIM_NODE, NULL, "n2", NULL,
		  "{\"spec\":{\"taints\":[{\"key\":\"x\",\"effect\":\"NoSchedule\"}]}}");
	change("{\"spec\":{\"action\":{\"id\":\"2\",\"type\":\"Rebuild\",\"inPlace\":null}}}");
	ubed_live(u, 15000);
	unit_is("status.action.phase", "Running");
	change("{\"spec\":{\"action\":{\"cancel\":true}}}");
	ubed_live(u, 15000);
	ended("2", "Cancelled");
	claim_of(last);
	assert_string_equal(last, first);
	assert_int_equal(bed_count(&u->bed, SIM_VOLUME), 3);
	assert_int_equal(marked, 2);
	unit_is("status.volumes.0.claimName", first);
	unit_is("status.phase", "Ready");
	unit_is("status.podIPs.0", "10.99.2.1");
	return u->sent;
}

static void a_crash_before_any_write_of_a_rebuild_changes_nothing_in_the_end(void **state)
{
	unsigned int all = live_once(0);

	assert_in_range(all, 10, 200);
	print_message("# %u writes with two rebuilds\n", all);
	for (unsigned int n = 1; n <= all; n++) {
		action_begin_again(state);
		(void)live_once(n);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ACTION_STORY(a_rebuild_has_other_volumes_and_keeps_the_old),
		ACTION_STORY(a_cancelled_rebuild_gives_the_old_volumes_back),
		ACTION_STORY(a_lost_volume_is_what_a_rebuild_is_for),
		ACTION_STORY(a_crash_before_any_write_of_a_rebuild_changes_nothing_in_the_end),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
