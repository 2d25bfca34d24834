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

static int is_retained(const char *claim)
{
	const struct cJSON *v = sim_store_tree(u->bed.store, SIM_VOLUME, "db", claim);
	const struct cJSON *labels = cJSON_GetObjectItemCaseSensitive(
		cJSON_GetObjectItemCaseSensitive(v, "metadata"), "labels");

	return cJSON_HasObjectItem(labels, "db.barewire.dev/retained");
}

/* A rebuild that goes to a node which takes no pods, and is cancelled; the volume that it made. */
static void make_and_cancel(char claim[256])
{
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
}

static void a_cancelled_rebuild_gives_the_old_volumes_back(void **state)
{
	char claim[256];

	(void)state;
	make_and_cancel(claim);
	unit_is("status.nodeName", "n1");
	unit_is("status.phase", "Ready");
	claim_of(claim);
	assert_string_equal(claim, "data-r");
	unit_is("status.volumes.0.claimName", "data-r");
	assert_int_equal(bed_count(&u->bed, SIM_VOLUME), 2);
}

/* Another leader's volume, or one whose creation took its time. */
static void a_volume_that_comes_after_the_cancel_is_not_used(void **state)
{
	char claim[256];
	char uid[256];

	(void)state;
	make_and_cancel(claim);
	pod_uid(uid);
	bed_merge(&u->bed, SIM_VOLUME, "db", claim, NULL,
		  "{\"metadata\":{\"labels\":{\"db.barewire.dev/retained\":null}}}");
	ubed_live(u, 3000);
	assert_true(is_retained(claim));
	assert_false(is_retained("data-r"));
	unit_is("status.volumes.0.claimName", "data-r");
	ubed_expect(u, SIM_POD, "r", "metadata.uid", uid);
	/* Who ended it had seen neither that one replaced nor this one made. */
	bed_merge(&u->bed, SIM_VOLUME, "db", "data-r", NULL,
		  "{\"metadata\":{\"labels\":{\"db.barewire.dev/retained\":\"1\"}}}");
	bed_merge(&u->bed, SIM_VOLUME, "db", claim, NULL,
		  "{\"metadata\":{\"labels\":{\"db.barewire.dev/retained\":null}}}");
	ubed_live(u, 3000);
	assert_true(is_retained(claim));
	assert_false(is_retained("data-r"));
	unit_is("status.volumes.0.claimName", "data-r");
	ubed_expect(u, SIM_POD, "r", "metadata.uid", uid);
	assert_int_equal(bed_count(&u->bed, SIM_VOLUME), 2);
}

/* The pod that is there, as another leader makes it for the action: with that volume. */
static void make_late_pod(const char *claim)
{
	struct cJSON *pod = cJSON_Duplicate(sim_store_tree(u->bed.store, SIM_POD, "db", "r"), 1);
	struct cJSON *meta = cJSON_GetObjectItemCaseSensitive(pod, "metadata");
	struct cJSON *spec = cJSON_GetObjectItemCaseSensitive(pod, "spec");
	struct cJSON *volume =
		cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(spec, "volumes"), 0);
	char *json;

	cJSON_DeleteItemFromObjectCaseSensitive(meta, "uid");
	cJSON_DeleteItemFromObjectCaseSensitive(meta, "resourceVersion");
	cJSON_DeleteItemFromObjectCaseSensitive(pod, "status");
	assert_non_null(
		cJSON_AddStringToObject(cJSON_GetObjectItemCaseSensitive(meta, "annotations"),
					"db.barewire.dev/action", "1"));
	assert_non_null(cJSON_SetValuestring(
		cJSON_GetObjectItemCaseSensitive(
			cJSON_GetObjectItemCaseSensitive(volume, "persistentVolumeClaim"),
			"claimName"),
		claim));
	json = cJSON_PrintUnformatted(pod);
	bed_delete(&u->bed, SIM_POD, "db", "r");
	bed_put(&u->bed, json);
	free(json);
	cJSON_Delete(pod);
}

static void a_pod_that_comes_after_the_cancel_is_made_again(void **state)
{
	char claim[256];
	char late[256];
	char uid[256];

	(void)state;
	make_and_cancel(claim);
	make_late_pod(claim);
	pod_uid(late);
	ubed_live(u, 5000);
	pod_uid(uid);
	assert_string_not_equal(uid, late);
	claim_of(claim);
	assert_string_equal(claim, "data-r");
	unit_is("status.phase", "Ready");
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

#define DELETE "{\"spec\":{\"volumeRetainPolicy\":{\"whenRebuilt\":\"Delete\"}}}"
#define RETAIN "{\"spec\":{\"volumeRetainPolicy\":{\"whenRebuilt\":\"Retain\"}}}"

static int exists(const char *claim)
{
	return sim_store_tree(u->bed.store, SIM_VOLUME, "db", claim) != NULL;
}

static void rebuild(const char *id)
{
	char text[256];

	(void)snprintf(
		text, sizeof(text),
		"{\"spec\":{\"action\":{\"id\":\"%s\",\"type\":\"Rebuild\",\"inPlace\":true}}}",
		id);
	change(text);
}

static void old_volumes_go_when_the_new_pod_is_ready(void **state)
{
	char claim[256];

	(void)state;
	make();
	change(DELETE);
	ubed_live(u, 1000);
	reason_is("NotFollowed", "");
	rebuild("1");
	for (int i = 0; i < 100; i++) {
		char phase[256];

		ubed_live(u, 100);
		bed_get(&u->bed, SIM_UNIT, "db", "r", "status.action.phase", phase);
		if (strcmp(phase, "Succeeded") == 0)
			break;
		assert_true(exists("data-r"));
	}
	ubed_live(u, 3000);
	ended("1", "Succeeded");
	assert_false(exists("data-r"));
	claim_of(claim);
	unit_is("status.volumes.0.claimName", claim);
	unit_is("status.volumes.1.claimName", "");
	/* And those of the next, under the name that is free again. */
	rebuild("2");
	ubed_live(u, 8000);
	ended("2", "Succeeded");
	assert_int_equal(bed_count(&u->bed, SIM_VOLUME), 1);
	assert_false(exists(claim));
	assert_true(exists("data-r"));
	unit_is("status.phase", "Ready");
}

static void what_was_kept_by_then_stays(void **state)
{
	(void)state;
	make();
	rebuild("1");
	ubed_live(u, 8000);
	ended("1", "Succeeded");
	change(DELETE);
	ubed_live(u, 5000);
	assert_true(exists("data-r"));
	/* Who thinks better of it before it is over. */
	bed_merge(&u->bed, SIM_NODE, NULL, "n1", NULL,
		  "{\"spec\":{\"taints\":[{\"key\":\"x\",\"effect\":\"NoSchedule\"}]}}");
	rebuild("2");
	ubed_live(u, 8000);
	unit_is("status.action.phase", "Running");
	change(RETAIN);
	bed_merge(&u->bed, SIM_NODE, NULL, "n1", NULL, "{\"spec\":{\"taints\":null}}");
	ubed_live(u, 8000);
	ended("2", "Succeeded");
	assert_int_equal(bed_count(&u->bed, SIM_VOLUME), 3);
	/* In maintenance nothing goes. */
	change("{\"spec\":{\"maintenance\":true}}");
	change(DELETE);
	ubed_live(u, 5000);
	assert_int_equal(bed_count(&u->bed, SIM_VOLUME), 3);
	change("{\"spec\":{\"maintenance\":false}}");
	ubed_live(u, 5000);
	assert_int_equal(bed_count(&u->bed, SIM_VOLUME), 2);
	assert_true(exists("data-r"));
}

static void a_cancelled_rebuild_deletes_nothing(void **state)
{
	(void)state;
	make();
	change(DELETE);
	bed_merge(&u->bed, SIM_NODE, NULL, "n2", NULL,
		  "{\"spec\":{\"taints\":[{\"key\":\"x\",\"effect\":\"NoSchedule\"}]}}");
	change("{\"spec\":{\"action\":{\"id\":\"1\",\"type\":\"Rebuild\",\"nodeName\":\"n2\"}}}");
	ubed_live(u, 8000);
	unit_is("status.action.phase", "Running");
	change("{\"spec\":{\"action\":{\"cancel\":true}}}");
	ubed_live(u, 8000);
	ended("1", "Cancelled");
	assert_int_equal(bed_count(&u->bed, SIM_VOLUME), 2);
	unit_is("status.volumes.0.claimName", "data-r");
	/* The mark went with the label: a restart, then a migration, take nothing. */
	change("{\"spec\":{\"action\":null}}");
	change("{\"spec\":{\"action\":{\"id\":\"2\",\"type\":\"Restart\"}}}");
	ubed_live(u, 8000);
	ended("2", "Succeeded");
	assert_int_equal(bed_count(&u->bed, SIM_VOLUME), 2);
	unit_is("status.volumes.0.claimName", "data-r");
}

static unsigned int live_and_delete(unsigned int crash_at)
{
	char claim[256];

	u->crash_at = crash_at;
	u->sent = 0;
	make();
	change(DELETE);
	rebuild("1");
	ubed_live(u, 15000);
	ended("1", "Succeeded");
	claim_of(claim);
	assert_true(exists(claim));
	assert_int_equal(bed_count(&u->bed, SIM_VOLUME), 1);
	assert_int_equal(marked, 1);
	unit_is("status.phase", "Ready");
	unit_is("status.volumes.1.claimName", "");
	return u->sent;
}

static void a_crash_before_any_write_deletes_the_old_alone(void **state)
{
	action_crash_everywhere(state, live_and_delete, "a rebuild that deletes");
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
	action_crash_everywhere(state, live_once, "two rebuilds");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ACTION_STORY(a_rebuild_has_other_volumes_and_keeps_the_old),
		ACTION_STORY(a_cancelled_rebuild_gives_the_old_volumes_back),
		ACTION_STORY(a_volume_that_comes_after_the_cancel_is_not_used),
		ACTION_STORY(a_pod_that_comes_after_the_cancel_is_made_again),
		ACTION_STORY(a_lost_volume_is_what_a_rebuild_is_for),
		ACTION_STORY(old_volumes_go_when_the_new_pod_is_ready),
		ACTION_STORY(what_was_kept_by_then_stays),
		ACTION_STORY(a_cancelled_rebuild_deletes_nothing),
		ACTION_STORY(a_crash_before_any_write_deletes_the_old_alone),
		ACTION_STORY(a_crash_before_any_write_of_a_rebuild_changes_nothing_in_the_end),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
