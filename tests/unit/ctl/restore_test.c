/* SPDX-License-Identifier: Apache-2.0 */
/* A restored store that a leader has noticed: whom it waits for before it gives anything. */
#include "story.h"

#define POOL                                                                                       \
	"{\"kind\":\"NetworkPool\",\"metadata\":{\"name\":\"lan\"},\"spec\":{\"domain\":\"lan\","  \
	"\"prefix\":\"10.99.0.0/16\",\"ranges\":[\"10.99.2.1-10.99.2.9\"],\"cooldownSeconds\":0}}"
#define AGENT(more_)                                                                               \
	"{\"kind\":\"NodeNetwork\",\"metadata\":{\"name\":\"n1\"},\"status\":{\"epoch\":1,"        \
	"\"clusterID\":\"c-1\",\"nodeUID\":\"n\"" more_ "}}"
#define SUSPECTS_OF(live_)                                                                         \
	",\"conditions\":[{\"type\":\"RestoreSuspected\",\"status\":\"True\",\"reason\":\"R\","    \
	"\"message\":\"\",\"lastTransitionTime\":\"2023-11-14T22:13:20Z\"}],\"live\":[" live_ "]"

static uint8_t quarantined(void)
{
	struct ctl_ipam_stats s;

	ctl_ipam_stats(b->ipam, &s);
	return s.quarantined;
}

/* A store restored to when n1's agent had seen the epoch, and a leader that has noticed. */
static void restore_with_agent(void)
{
	uint64_t snapshot;
	char text[512];

	bed_put(b, POOL);
	bed_put(b, "{\"kind\":\"Node\",\"metadata\":{\"name\":\"n1\"}}");
	bed_put(b, AGENT(""));
	bed_run(b, 2000);
	snapshot = sim_store_rv(b->store);
	bed_run(b, 130000);
	sim_store_restore(b->store, snapshot, 0);
	sim_server_break(&b->server);
	bed_run(b, 70000);
	bed_boot(b);
	ctl_ipam_lead(b->ipam, 1);
	bed_run(b, 600000);
	assert_int_equal(quarantined(), 1);
	assert_non_null(
		strstr(bed_get(b, SIM_POOL, NULL, "lan", "status.conditions.0.message", text),
		       "node n1 has not said yet what lives on it"));
}

/* An annotation of the epoch; "" = there is none. */
static const char *note(const char *name, char out[256])
{
	const struct cJSON *e = sim_store_tree(b->store, SIM_EPOCH, NULL, "cluster");
	const struct cJSON *notes = bw_json_get(bw_json_get(e, "metadata"), "annotations");
	const struct cJSON *at = bw_json_get(notes, name);

	(void)snprintf(out, 256, "%s", cJSON_IsString(at) ? at->valuestring : "");
	return out;
}

/* Whose watch goes on where the restored server has caught up has missed the note: the object
 * changes. */
static void nodes_are_asked_until_they_have_spoken(void **state)
{
	char first[256];
	char next[256];

	(void)state;
	restore_with_agent();
	assert_true(*note(CTL_ANN_ASKED, first));
	bed_run(b, 130000);
	assert_string_not_equal(note(CTL_ANN_ASKED, next), first);
	bed_delete(b, SIM_NODENETWORK, NULL, "n1");
	bed_put(b, AGENT(SUSPECTS_OF("")));
	bed_run(b, 300000);
	assert_int_equal(quarantined(), 0);
	assert_string_equal(note(CTL_ANN_ASKED, next), "");
}

/* Who comes when all is over must learn of it, too: the word stays, under another name. */
static void what_was_lost_is_told_for_ever(void **state)
{
	char lost[256];
	char text[256];

	(void)state;
	restore_with_agent();
	assert_string_not_equal(note(CTL_ANN_RESTORED, lost), "");
	assert_string_equal(note(CTL_ANN_LAST, text), "");
	bed_delete(b, SIM_NODENETWORK, NULL, "n1");
	bed_put(b, AGENT(SUSPECTS_OF("")));
	bed_run(b, 300000);
	assert_int_equal(quarantined(), 0);
	assert_string_equal(note(CTL_ANN_RESTORED, text), "");
	assert_string_equal(note(CTL_ANN_LAST, text), lost);
	bed_run(b, 130000);
	assert_string_equal(note(CTL_ANN_LAST, text), lost);
	assert_int_equal(b->restarts, 1); /* in restore_with_agent() */
}

/* It does not lead and its watches show nothing else: caches of what never was end with it. */
static void a_replica_that_learns_of_a_restore_begins_anew(void **state)
{
	(void)state;
	bed_run(b, 61000);
	ctl_ipam_lead(b->ipam, 0);
	bed_merge(b, SIM_EPOCH, NULL, "cluster", NULL,
		  "{\"metadata\":{\"annotations\":{\"net.barewire.dev/restored-from\":\"9\"}}}");
	bed_run(b, 1000);
	assert_int_equal(b->restarts, 1);
	/* The next process has read all since: the same word, or its other name, is none to it. */
	bed_boot(b);
	bed_merge(b, SIM_EPOCH, NULL, "cluster", NULL,
		  "{\"metadata\":{\"annotations\":{\"net.barewire.dev/restored-from\":null,"
		  "\"net.barewire.dev/last-restore\":\"9\"}},\"spec\":{\"epoch\":10}}");
	bed_run(b, 130000);
	assert_int_equal(b->restarts, 1);
	/* One that slept through another: the word alone is left of it. */
	bed_merge(b, SIM_EPOCH, NULL, "cluster", NULL,
		  "{\"metadata\":{\"annotations\":{\"net.barewire.dev/last-restore\":\"20\"}},"
		  "\"spec\":{\"epoch\":21}}");
	bed_run(b, 1000);
	assert_int_equal(b->restarts, 2);
}

/*
 * Revisions raised, as etcd's manual has it: every watch is told that its version is gone and lists
 * anew, so no write of ours fails that was built on what never was. The epoch alone goes back.
 */
static void a_leader_that_has_listed_anew_sees_its_epoch_go_back(void **state)
{
	uint64_t snapshot;

	(void)state;
	bed_run(b, 61000);
	snapshot = sim_store_rv(b->store);
	bed_run(b, 125000);
	sim_store_restore(b->store, snapshot, 1000);
	sim_store_compact(b->store, snapshot + 1000);
	sim_server_break(&b->server);
	bed_run(b, 20000); /* the next raise is 40 s away */
	assert_int_equal(quarantined(), 1);
	assert_int_equal(b->restarts, 1);
}

/* Its watch may go on from a future that never was: the leader's word makes it speak. */
static void a_node_that_has_not_noticed_a_restore_is_waited_for(void **state)
{
	(void)state;
	restore_with_agent();
	bed_delete(b, SIM_NODENETWORK, NULL, "n1");
	bed_put(b, AGENT(SUSPECTS_OF("")));
	bed_run(b, 300000);
	assert_int_equal(quarantined(), 0);
}

static void a_fenced_node_is_not_waited_for_after_a_restore(void **state)
{
	(void)state;
	restore_with_agent();
	bed_merge(b, SIM_NODE, NULL, "n1", NULL,
		  "{\"spec\":{\"taints\":[{\"key\":\"node.kubernetes.io/out-of-service\","
		  "\"effect\":\"NoExecute\"}]}}");
	bed_run(b, 300000);
	assert_int_equal(quarantined(), 0);
}

/* Its pod ended, its claim was deleted: what the node says of it is of a moment ago. */
static void what_a_leader_gave_back_is_not_taken_for_lost(void **state)
{
	char uid[256];
	char json[1024];

	(void)state;
	bed_put(b, POOL);
	bed_put(b, "{\"kind\":\"Node\",\"metadata\":{\"name\":\"n1\"}}");
	bed_put(b,
		"{\"kind\":\"NetworkClaim\",\"metadata\":{\"name\":\"a\",\"namespace\":\"db\","
		"\"finalizers\":[\"net.barewire.dev/claim\"]},\"spec\":{\"interfaces\":[{\"name\":"
		"\"eth0\",\"network\":\"lan\"}]}}");
	bed_run(b, 2000);
	(void)bed_get(b, SIM_CLAIM, "db", "a", "metadata.uid", uid);
	(void)snprintf(json, sizeof(json),
		       AGENT(SUSPECTS_OF("{\"namespace\":\"db\",\"name\":\"a\",\"uid\":\"%s\","
					 "\"pool\":\"lan\",\"domain\":\"lan\",\"token\":1,\"ips\":["
					 "\"10.99.2.1\"]}")),
		       uid);
	bed_put(b, json);
	bed_run(b, 1000);
	assert_int_equal(bed_count(b, SIM_ADDRESS), 1);
	bed_delete(b, SIM_CLAIM, "db", "a");
	bed_run(b, 200000);
	assert_int_equal(bed_count(b, SIM_CLAIM), 0);
	assert_int_equal(bed_count(b, SIM_ADDRESS), 0);
}

/* A cache that was behind had the claim, and its lock was made; the claim is lost. */
static void a_lock_of_a_lost_claim_that_lives_is_quarantined(void **state)
{
	char text[256];

	(void)state;
	bed_put(b, POOL);
	bed_put(b, "{\"kind\":\"Node\",\"metadata\":{\"name\":\"n1\"}}");
	bed_put(b,
		"{\"kind\":\"NetworkAddress\",\"metadata\":{\"name\":\"lan.10-99-2-1\"},\"spec\":{"
		"\"domain\":\"lan\",\"address\":\"10.99.2.1\",\"pool\":\"lan\",\"state\":\"Bound\","
		"\"stateSince\":\"2023-11-14T22:13:20Z\","
		"\"claim\":{\"namespace\":\"db\",\"name\":\"late\",\"uid\":\"u-late\"}}}");
	bed_run(b, 2000);
	bed_put(b, AGENT(SUSPECTS_OF("{\"namespace\":\"db\",\"name\":\"late\",\"uid\":\"u-late\","
				     "\"pool\":\"lan\",\"domain\":\"lan\",\"token\":1,\"ips\":["
				     "\"10.99.2.1\"]}")));
	bed_run(b, 5000);
	assert_string_equal(bed_get(b, SIM_ADDRESS, NULL, "lan.10-99-2-1", "spec.state", text),
			    "Quarantined");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORY(nodes_are_asked_until_they_have_spoken),
		STORY(what_was_lost_is_told_for_ever),
		STORY(a_replica_that_learns_of_a_restore_begins_anew),
		STORY(a_leader_that_has_listed_anew_sees_its_epoch_go_back),
		STORY(a_node_that_has_not_noticed_a_restore_is_waited_for),
		STORY(a_fenced_node_is_not_waited_for_after_a_restore),
		STORY(what_a_leader_gave_back_is_not_taken_for_lost),
		STORY(a_lock_of_a_lost_claim_that_lives_is_quarantined),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
