/* SPDX-License-Identifier: Apache-2.0 */
/* Who the agent is: asked again, since the token that says so is renewed while it runs. */
#include "../kube/fake.h"

#include <bw/journal.h>
#include <bw/kube_controller.h>
#include <gen/k8s.h>

#include "agent.h"
#include "cluster.h"

#define SELF "selfsubjectreviews"

struct bed {
	struct fake f;
	struct agent_conf conf;
	struct agent a;
	char dir[64];
	int renamed;
	int suspected;
	int restored;
};

static struct bed bed;

static void on_too_old(const char *why, void *arg)
{
	(void)arg;
	fail_msg("too old: %s", why);
}

static void on_version(unsigned int minor, void *arg)
{
	(void)arg;
	assert_int_equal(minor, 36);
}

static void on_renamed(void *arg)
{
	((struct bed *)arg)->renamed++;
}

static void on_suspects(void *arg)
{
	((struct bed *)arg)->suspected++;
}

static void on_restored(void *arg)
{
	((struct bed *)arg)->restored++;
}

static const struct agent_cluster_ops ops = { on_too_old, on_version, on_renamed, on_suspects,
					      on_restored };

static int setup(void **state)
{
	struct bw_err err = { 0 };

	(void)state;
	memset(&bed, 0, sizeof(bed));
	(void)snprintf(bed.dir, sizeof(bed.dir), "/tmp/bw-cluster-XXXXXX");
	assert_non_null(mkdtemp(bed.dir));
	fake_init(&bed.f);
	bed.conf.node = "n1";
	bed.conf.node_uid = "";
	bed.a.conf = &bed.conf;
	bed.a.loop = bed.f.loop;
	bed.a.client = &bed.f.client;
	assert_int_equal(bw_journal_open(bed.dir, BW_JOURNAL_F_CREATE, &bed.a.journal, &err), 0);
	assert_int_equal(bw_kube_runtime_new(bed.f.loop, &bed.f.client, "m", &bed.a.rt, &err), 0);
	assert_int_equal(
		bw_kube_runtime_watch(bed.a.rt, &bw_kind_networkepoch, NULL, &bed.a.epochs, &err),
		0);
	assert_int_equal(agent_cluster_new(&bed.a, &ops, &bed, &bed.a.cluster_ask, &err), 0);
	fake_end(fake_next(&bed.f, BW_KUBE_RAW, NULL), BW_KUBE_OK, 0,
		 "{\"major\":\"1\",\"minor\":\"36\"}");
	return 0;
}

static int teardown(void **state)
{
	char cmd[128];

	(void)state;
	agent_cluster_free(&bed.a.cluster_ask);
	bw_kube_runtime_free(&bed.a.rt);
	bw_journal_close(&bed.a.journal);
	fake_done(&bed.f);
	(void)snprintf(cmd, sizeof(cmd), "rm -rf %s", bed.dir);
	return system(cmd); /* NOLINT(cert-env33-c): a path of our own */
}

/* The question that waits is answered: @uid of the Node; NULL = the token names none. */
static void answer(const char *uid)
{
	char body[512];

	if (uid)
		(void)snprintf(body, sizeof(body),
			       "{\"status\":{\"userInfo\":{\"extra\":{"
			       "\"authentication.kubernetes.io/node-name\":[\"n1\"],"
			       "\"authentication.kubernetes.io/node-uid\":[\"%s\"]}}}}",
			       uid);
	else
		(void)snprintf(body, sizeof(body), "{\"status\":{\"userInfo\":{\"extra\":{}}}}");
	fake_end(fake_next(&bed.f, BW_KUBE_CREATE, SELF), BW_KUBE_OK, 0, body);
}

static int asks_within(int64_t ns)
{
	fake_run(&bed.f, ns);
	return fake_peek(&bed.f, BW_KUBE_CREATE, SELF) != NULL;
}

static void who_it_is_is_asked_again(void **state)
{
	(void)state;
	answer("u-1");
	assert_string_equal(bed.a.node_uid, "u-1");
	assert_int_equal(bed.renamed, 1);
	assert_false(asks_within(299 * S));
	assert_true(asks_within(2 * S));
	answer("u-1");
	assert_int_equal(bed.renamed, 1);
	assert_true(asks_within(301 * S));
	answer("u-2");
	assert_string_equal(bed.a.node_uid, "u-2");
	assert_string_equal(bed.a.cluster.node_uid, "u-2");
	assert_int_equal(bed.renamed, 2);
}

/* The Node was deleted and registered again: the token comes when the kubelet makes it. */
static void in_doubt_it_is_asked_soon_and_until_the_token_is_new(void **state)
{
	unsigned int asked = 0;

	(void)state;
	answer("u-1");
	fake_run(&bed.f, 100 * S);
	agent_cluster_doubt(bed.a.cluster_ask);
	for (int i = 0; i < 60; i++) {
		agent_cluster_doubt(bed.a.cluster_ask); /* as often as anybody likes */
		if (!asks_within(S))
			continue;
		asked++;
		answer(i < 40 ? "u-1" : "u-2");
		if (i >= 40)
			break;
	}
	assert_in_range(asked, 5, 6);
	assert_string_equal(bed.a.node_uid, "u-2");
	assert_false(asks_within(299 * S));
}

static void a_doubt_ends_by_itself(void **state)
{
	unsigned int asked = 0;

	(void)state;
	answer("u-1");
	agent_cluster_doubt(bed.a.cluster_ask);
	for (int i = 0; i < 2000; i++)
		if (asks_within(S)) {
			asked++;
			answer("u-1");
		}
	assert_in_range(asked, 90, 96); /* each ten seconds for fifteen minutes, then seldom */
}

static void an_answer_that_fails_or_names_no_node_changes_nothing(void **state)
{
	(void)state;
	answer("u-1");
	agent_cluster_doubt(bed.a.cluster_ask);
	assert_true(asks_within(11 * S));
	fake_end(fake_next(&bed.f, BW_KUBE_CREATE, SELF), BW_KUBE_REFUSED, 0, NULL);
	agent_cluster_doubt(bed.a.cluster_ask);
	assert_true(asks_within(11 * S));
	answer(NULL);
	assert_string_equal(bed.a.node_uid, "u-1");
	assert_true(asks_within(11 * S));
	answer("u-2");
	assert_string_equal(bed.a.node_uid, "u-2");
	agent_cluster_doubt(NULL); /* not asked yet */
}

static void see_epoch(struct fake_call *watch, const char *type, unsigned int rv, unsigned int n)
{
	char rest[128];

	(void)snprintf(rest, sizeof(rest), ",\"spec\":{\"epoch\":%u,\"clusterID\":\"c-1\"}", n);
	assert_int_equal(fake_event(watch, type, "", "cluster", rv, rest), 0);
	fake_run(&bed.f, 0);
}

/* A leader that is new since the restore has nobody else to tell it how far the epoch was. */
static void an_epoch_that_went_back_is_told_with_the_highest_seen(void **state)
{
	struct fake_call *watch;

	(void)state;
	fake_run(&bed.f, 100 * MS);
	watch = fake_next(&bed.f, BW_KUBE_WATCH, "networkepochs");
	see_epoch(watch, "ADDED", 10, 5);
	assert_int_equal(fake_bookmark(watch, 20, 1), 0);
	for (unsigned int n = 6; n <= 40; n++)
		see_epoch(watch, "MODIFIED", 20 + n, n);
	assert_int_equal(agent_cluster_epoch(&bed.a), 5); /* no write a minute */
	assert_int_equal(bed.suspected, 0);
	assert_int_equal(bed.restored, 0);
	see_epoch(watch, "MODIFIED", 70, 12);
	assert_int_equal(bed.restored, 1);
	assert_int_equal(bed.suspected, 1);
	assert_true(bed.a.restore_suspected);
	assert_int_equal(agent_cluster_epoch(&bed.a), 40);
	see_epoch(watch, "MODIFIED", 71, 13);
	assert_int_equal(agent_cluster_epoch(&bed.a), 40);
	see_epoch(watch, "MODIFIED", 72, 41);
	assert_int_equal(bed.restored, 1);
	assert_int_equal(bed.suspected, 2);
	assert_false(bed.a.restore_suspected);
	assert_int_equal(agent_cluster_epoch(&bed.a), 5);
}

static struct fake_call *watched_at(unsigned int epoch)
{
	struct fake_call *watch;

	fake_run(&bed.f, 100 * MS);
	watch = fake_next(&bed.f, BW_KUBE_WATCH, "networkepochs");
	see_epoch(watch, "ADDED", 10, epoch);
	assert_int_equal(fake_bookmark(watch, 20, 1), 0);
	return watch;
}

/* The epoch @n with the annotation @note of @lost. */
static void see_note(struct fake_call *watch, unsigned int rv, unsigned int n, const char *note,
		     const char *lost)
{
	char line[512];

	(void)snprintf(line, sizeof(line),
		       "{\"type\":\"MODIFIED\",\"object\":{\"metadata\":{\"name\":\"cluster\","
		       "\"uid\":\"uid-cluster\",\"resourceVersion\":\"%u\",\"annotations\":{"
		       "\"net.barewire.dev/%s\":\"%s\"}},\"spec\":{\"epoch\":%u,"
		       "\"clusterID\":\"c-1\"}}}\n",
		       rv, note, lost, n);
	assert_int_equal(fake_data(watch, line), 0);
	fake_run(&bed.f, 0);
}

/* Its watch came back late, when the epoch was not lower any more: the leader's note tells it. */
static void a_restore_that_a_leader_has_noticed_is_believed(void **state)
{
	struct fake_call *watch;

	(void)state;
	watch = watched_at(5);
	see_note(watch, 21, 6, "restored-from", "9");
	assert_int_equal(bed.restored, 1);
	assert_int_equal(bed.suspected, 1);
	assert_true(bed.a.restore_suspected);
	see_note(watch, 22, 6, "restored-from", "9"); /* it is asked again */
	see_note(watch, 23, 10, "last-restore", "9");
	assert_int_equal(bed.restored, 1);
	assert_int_equal(bed.suspected, 2);
	assert_false(bed.a.restore_suspected);
	see_note(watch, 24, 11, "restored-from", "12");
	assert_int_equal(bed.restored, 2);
}

/* And when all was over: what it has in its stores may still be of the future that never was. */
static void a_restore_that_is_over_is_told_of_all_the_same(void **state)
{
	struct fake_call *watch;

	(void)state;
	watch = watched_at(5);
	see_note(watch, 30, 10, "last-restore", "9");
	assert_int_equal(bed.restored, 1);
	assert_int_equal(bed.suspected, 0);
	see_note(watch, 31, 11, "last-restore", "9");
	assert_int_equal(bed.restored, 1);
	/* One to before that restore, which has its word no more. */
	see_epoch(watch, "MODIFIED", 32, 12);
	assert_int_equal(bed.restored, 2);
}

/* A process that begins has read all anew: an old word tells it nothing, one that holds now may. */
static void who_begins_after_a_restore_has_read_it(void **state)
{
	struct fake_call *watch;

	(void)state;
	fake_run(&bed.f, 100 * MS);
	watch = fake_next(&bed.f, BW_KUBE_WATCH, "networkepochs");
	see_note(watch, 10, 10, "last-restore", "9");
	assert_int_equal(fake_bookmark(watch, 20, 1), 0);
	see_note(watch, 31, 11, "last-restore", "9");
	assert_int_equal(bed.restored, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(who_it_is_is_asked_again, setup, teardown),
		cmocka_unit_test_setup_teardown(
			in_doubt_it_is_asked_soon_and_until_the_token_is_new, setup, teardown),
		cmocka_unit_test_setup_teardown(a_doubt_ends_by_itself, setup, teardown),
		cmocka_unit_test_setup_teardown(
			an_answer_that_fails_or_names_no_node_changes_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(
			an_epoch_that_went_back_is_told_with_the_highest_seen, setup, teardown),
		cmocka_unit_test_setup_teardown(a_restore_that_a_leader_has_noticed_is_believed,
						setup, teardown),
		cmocka_unit_test_setup_teardown(a_restore_that_is_over_is_told_of_all_the_same,
						setup, teardown),
		cmocka_unit_test_setup_teardown(who_begins_after_a_restore_has_read_it, setup,
						teardown),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
