/* SPDX-License-Identifier: Apache-2.0 */
/* Actions of Units that have files, peers and a Service: each waits for what it needs of the other.
 */
#include "actbed.h"

#define CONFIG(template_)                                                                          \
	"\"config\":{\"onChange\":\"Restart\",\"templates\":[{\"name\":\"conf\",\"template\":"     \
	"\"" template_ "\"}]}"
#define PEERS "{{#peers}}{{name}}={{address}} {{/peers}}"
#define ACTION(id_, more_) "\"action\":{\"id\":\"" id_ "\"," more_ "}"
#define CHANGE(fields_) "{\"spec\":{" fields_ "}}"
#define HUSH "aHVzaGh1c2g=" /* hushhush */

/* Every pod of r is born to files with its address in them. */
static void on_birth(const struct sim_version *v, const char *by, void *arg)
{
	char map[256];
	char secret[256];

	on_commit(v, by, arg);
	if (!story_pod_is_born(v) || strcmp(v->key->name, "r") != 0)
		return;
	bed_get(&u->bed, SIM_CONFIGMAP, "db", "r-config", "data.conf", map);
	bed_get(&u->bed, SIM_SECRET, "db", "r-config", "data.conf", secret);
	assert_true(strstr(map, "10.99.2.1") || *secret);
	/* What it mounts is there. */
	assert_true(strstr(v->text, "\"secretName\":\"r-config\"") ? *secret : *map);
}

static int set_up(void **state)
{
	(void)action_set_up(state); /* never fails, ignoring */
	sim_store_on_commit(u->bed.store, on_birth, &u->bed.server);
	bed_put(&u->bed, "{\"kind\":\"Secret\",\"metadata\":{\"name\":\"auth\",\"namespace\":"
			 "\"db\"},\"data\":{\"word\":\"" HUSH "\"}}");
	return 0;
}

static void make_both(void)
{
	bed_put(&u->bed,
		UNIT_JSON("r", "",
			  "," CONFIG("bind {{unit.address}} " PEERS) ",\"peers\":{\"selector\":{"
								     "\"matchLabels\":{\"app\":"
								     "\"redis\"}}}"));
	ubed_live(u, 5000);
	bed_put(&u->bed, UNIT_JSON("s", "", ""));
	ubed_live(u, 15000);
	unit_is("status.phase", "Ready");
	ubed_expect(u, SIM_CONFIGMAP, "r-config", "data.conf", "bind 10.99.2.1 s=10.99.2.2 ");
}

/* It lives on @node with the files that are declared, and its Service leads there. */
static void is_well(const char *node)
{
	char text[256];

	unit_is("status.phase", "Ready");
	unit_is("status.nodeName", node);
	unit_is("status.podIPs.0", "10.99.2.1");
	unit_is("status.task", "");
	bed_get(&u->bed, SIM_UNIT, "db", "r", "status.config.desired", text);
	assert_true(*text);
	unit_is("status.config.delivered", text);
	pod_uid(text);
	unit_is("status.podUID", text);
	ubed_expect(u, SIM_SLICE, "r-ipv4", "endpoints.0.addresses.0", "10.99.2.1");
	ubed_expect(u, SIM_SLICE, "r-ipv4", "endpoints.0.nodeName", node);
	ubed_expect(u, SIM_SLICE, "r-ipv4", "endpoints.0.targetRef.uid", text);
}

static unsigned int writes(void)
{
	unsigned int n = 0;

	for (int k = 0; k < SIM_KIND_MAX_; k++)
		if (k != SIM_LEASE && k != SIM_EPOCH && k != SIM_EVENT)
			n += ubed_versions(u, (enum sim_kind_id)k);
	return n;
}

/* Wherever people without a right to Secrets look, events included. */
static void is_hushed(void)
{
	for (size_t i = 0; i < sim_store_log_size(u->bed.store); i++) {
		const struct sim_version *v = sim_store_log(u->bed.store, i);

		if (v->key->kind != &sim_kinds[SIM_SECRET] && v->text &&
		    (strstr(v->text, "hushhush") || strstr(v->text, HUSH)))
			fail_msg("a secret is in %s %s", v->key->kind->kind.kind, v->text);
	}
}

static void at_rest_nothing_is_written(void **state)
{
	unsigned int n;

	(void)state;
	make_both();
	change(CHANGE(ACTION("1", "\"type\":\"Migrate\"")));
	ubed_live(u, 15000);
	ended("1", "Succeeded");
	n = writes();
	ubed_live(u, 900000);
	assert_int_equal(writes(), n);
	is_well("n2");
}

/* The writes of the test itself: the action, and of the pod its end, its node and its status. */
static void a_restart_costs_what_the_manual_says(void **state)
{
	static const struct {
		enum sim_kind_id kind;
		const char *name;
		unsigned int tests, max;
	} all[] = {
		{ SIM_UNIT, "Unit", 1, 5 },       { SIM_POD, "pod", 3, 2 },
		{ SIM_SLICE, "slice", 0, 3 },     { SIM_SERVICE, "Service", 0, 0 },
		{ SIM_CONFIGMAP, "file", 0, 0 },  { SIM_VOLUME, "volume", 0, 0 },
		{ SIM_ADDRESS, "address", 0, 0 },
	};
	unsigned int was[BW_ARRAY_SIZE(all)];

	(void)state;
	make_both();
	for (size_t i = 0; i < BW_ARRAY_SIZE(all); i++)
		was[i] = ubed_versions(u, all[i].kind);
	change(CHANGE(ACTION("1", "\"type\":\"Restart\"")));
	ubed_live(u, 15000);
	ended("1", "Succeeded");
	for (size_t i = 0; i < BW_ARRAY_SIZE(all); i++) {
		unsigned int n = ubed_versions(u, all[i].kind) - was[i] - all[i].tests;

		print_message("# a restart: %s %u\n", all[i].name, n);
		assert_in_range(n, 0, all[i].max);
	}
}

/* The file is written first, and one pod is made for both. */
static void another_file_and_an_action_at_once_make_one_pod(void **state)
{
	unsigned int pods;

	(void)state;
	make_both();
	pods = ubed_versions(u, SIM_POD);
	change(CHANGE(CONFIG("other {{unit.address}}") "," ACTION("1", "\"type\":\"Migrate\"")));
	ubed_live(u, 15000);
	ended("1", "Succeeded");
	is_well("n2");
	ubed_expect(u, SIM_CONFIGMAP, "r-config", "data.conf", "other 10.99.2.1");
	assert_int_equal(marked, 1);
	/* Its deletion, its end, its creation, its node, its status. */
	assert_int_equal(ubed_versions(u, SIM_POD) - pods, 5);
}

static void files_that_cannot_be_made_keep_nobody_from_an_action(void **state)
{
	(void)state;
	make_both();
	change(CHANGE(CONFIG("{{nothing}}") "," ACTION("1", "\"type\":\"Migrate\"")));
	ubed_live(u, 15000);
	reason_is("ConfigInvalid", "ConfigInvalid");
	ended("1", "Succeeded");
	unit_is("status.nodeName", "n2");
	unit_is("status.phase", "Ready");
	ubed_expect(u, SIM_CONFIGMAP, "r-config", "data.conf", "bind 10.99.2.1 s=10.99.2.2 ");
}

/* Files that are gone and cannot be made again: the pod that runs is worth more than the action. */
static void without_files_nothing_is_touched(void **state)
{
	char uid[256];
	char text[256];

	(void)state;
	make_both();
	pod_uid(uid);
	change(CHANGE(CONFIG("{{nothing}}")));
	ubed_live(u, 2000);
	bed_delete(&u->bed, SIM_CONFIGMAP, "db", "r-config");
	ubed_live(u, 2000);
	change(CHANGE(ACTION("1", "\"type\":\"Restart\"")));
	ubed_live(u, 5000);
	unit_is("status.action.phase", "Running");
	unit_is("status.action.step", "Prepare");
	bed_get(&u->bed, SIM_UNIT, "db", "r", "status.action.message", text);
	assert_non_null(strstr(text, "files"));
	ubed_expect(u, SIM_POD, "r", "metadata.uid", uid);
	unit_is("status.phase", "Ready");
	change(CHANGE(CONFIG("again {{unit.address}}")));
	ubed_live(u, 15000);
	ended("1", "Succeeded");
	is_well("n1");
	assert_int_equal(marked, 1);
}

/* A peer comes while the Unit is on its way: the next pod has it, on the node it goes to. */
static void a_peer_that_comes_while_the_unit_moves_is_in_its_file(void **state)
{
	char node[256] = "";

	(void)state;
	make_both();
	change(CHANGE(ACTION("1", "\"type\":\"Migrate\"")));
	for (int i = 0; i < 100 && strcmp(node, "n2") != 0; i++) {
		ubed_live(u, 100);
		bed_get(&u->bed, SIM_POD, "db", "r", "spec.nodeName", node);
	}
	assert_string_equal(node, "n2");
	bed_put(&u->bed, UNIT_JSON("t", "", ""));
	ubed_live(u, 15000);
	ended("1", "Succeeded");
	is_well("n2");
	ubed_expect(u, SIM_CONFIGMAP, "r-config", "data.conf",
		    "bind 10.99.2.1 s=10.99.2.2 t=10.99.2.3 ");
}

/* CRASHES */

/* Returns how many writes the controllers sent. */
static unsigned int live_once(unsigned int crash_at)
{
	u->crash_at = crash_at;
	u->sent = 0;
	make_both();
	change(CHANGE(CONFIG("pass {{secret.auth.word}} " PEERS) "," ACTION(
		"1", "\"type\":\"Migrate\"")));
	ubed_live(u, 20000);
	ended("1", "Succeeded");
	is_well("n2");
	ubed_expect(u, SIM_POD, "r", "spec.volumes.1.secret.secretName", "r-config");
	ubed_expect(u, SIM_CONFIGMAP, "r-config", "metadata.name", "");
	assert_int_equal(marked, 1);
	bed_merge(&u->bed, SIM_NODE, NULL, "n1", NULL,
		  "{\"spec\":{\"taints\":[{\"key\":\"x\",\"effect\":\"NoSchedule\"}]}}");
	change(CHANGE(CONFIG("open {{unit.address}} " PEERS) "," ACTION(
		"2", "\"type\":\"Rebuild\",\"nodeName\":\"n1\"")));
	ubed_live(u, 20000);
	unit_is("status.action.phase", "Running");
	change(CHANGE("\"action\":{\"cancel\":true}"));
	ubed_live(u, 20000);
	ended("2", "Cancelled");
	is_well("n2");
	unit_is("status.volumes.0.claimName", "data-r");
	assert_int_equal(bed_count(&u->bed, SIM_VOLUME), 3);
	ubed_expect(u, SIM_CONFIGMAP, "r-config", "data.conf", "open 10.99.2.1 s=10.99.2.2 ");
	ubed_expect(u, SIM_SECRET, "r-config", "metadata.name", "");
	assert_int_equal(marked, 2);
	is_hushed();
	return u->sent;
}

static void a_crash_before_any_write_changes_nothing_in_the_end(void **state)
{
	unsigned int all = live_once(0);

	assert_in_range(all, 10, 300);
	print_message("# %u writes with two Units, files and two actions\n", all);
	for (unsigned int n = 1; n <= all; n++) {
		(void)story_tear_down(state); /* never fails, ignoring */
		(void)set_up(state); /* never fails, ignoring */
		(void)live_once(n);
	}
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, story_tear_down)
	const struct CMUnitTest tests[] = {
		TEST(at_rest_nothing_is_written),
		TEST(a_restart_costs_what_the_manual_says),
		TEST(another_file_and_an_action_at_once_make_one_pod),
		TEST(files_that_cannot_be_made_keep_nobody_from_an_action),
		TEST(without_files_nothing_is_touched),
		TEST(a_peer_that_comes_while_the_unit_moves_is_in_its_file),
		TEST(a_crash_before_any_write_changes_nothing_in_the_end),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
