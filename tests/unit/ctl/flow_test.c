/* SPDX-License-Identifier: Apache-2.0 */
/* Stories with a leader: what is in the store afterwards, and how many writes it took. */
#include "flow.h"

static void an_address_costs_two_writes_and_two_families_three(void **state)
{
	uint64_t before;

	(void)state;
	bed_put(b, POOL("lan", "\"ranges\":[\"10.99.2.1-10.99.2.9\"]"));
	bed_put(b,
		"{\"kind\":\"NetworkPool\",\"metadata\":{\"name\":\"lan6\"},\"spec\":{\"domain\":"
		"\"lan\",\"prefix\":\"fd00::/64\",\"ranges\":[\"fd00::/64\"]}}");
	bed_run(b, 5000);
	before = writes();
	bed_put(b, CLAIM("a", "\"network\":\"lan\""));
	bed_run(b, 500);
	claim_is("a", "status.phase", "Bound");
	claim_is("a", "status.interfaces.0.ips.0", "10.99.2.1");
	assert_int_equal(writes() - before, 2);
	bed_run(b, 5000);
	before = writes();
	bed_put(b, CLAIM("d", "\"networks\":[\"lan\",\"lan6\"]"));
	bed_run(b, 500);
	claim_is("d", "status.phase", "Bound");
	claim_is("d", "status.interfaces.1.ips.0", "fd00::1");
	assert_int_equal(writes() - before, 3);
}

static void the_oldest_waits_shortest(void **state)
{
	char name[32];

	(void)state;
	bed_put(b, POOL("lan", "\"ranges\":[\"10.99.2.1-10.99.2.2\"],\"cooldownSeconds\":10"));
	bed_run(b, 2000);
	for (int i = 0; i < 6; i++) {
		char json[512];

		(void)snprintf(json, sizeof(json), CLAIM("c%d", "\"network\":\"lan\""), i);
		bed_put(b, json);
		bed_run(b, 2000);
	}
	claim_is("c1", "status.phase", "Bound");
	for (int i = 2; i < 6; i++) {
		(void)snprintf(name, sizeof(name), "c%d", i);
		claim_is(name, "status.conditions.0.reason", "PoolExhausted");
	}
	bed_delete(b, SIM_CLAIM, "db", "c0");
	bed_run(b, 1000);
	expect(SIM_ADDRESS, NULL, "lan.10-99-2-1", "spec.state", "Cooling");
	claim_is("c2", "status.conditions.0.message",
		 "pool lan: 0 of 2 free, 1 cooling, next in 10 s");
	bed_run(b, 11000);
	claim_is("c2", "status.interfaces.0.ips.0", "10.99.2.1");
	claim_is("c3", "status.phase", "Pending");
	/* Nobody is passed by one that came later. */
	bed_delete(b, SIM_CLAIM, "db", "c2");
	bed_delete(b, SIM_CLAIM, "db", "c1");
	bed_run(b, 15000);
	claim_is("c3", "status.phase", "Bound");
	claim_is("c4", "status.phase", "Bound");
	claim_is("c5", "status.phase", "Pending");
}

static void one_free_address_is_not_enough_for_two(void **state)
{
	(void)state;
	bed_put(b, POOL("lan", "\"ranges\":[\"10.99.2.1\"]"));
	bed_run(b, 2000);
	bed_put(b, CLAIM("two", "\"network\":\"lan\"},{\"name\":\"eth1\",\"network\":\"lan\""));
	bed_run(b, 60000);
	claim_is("two", "status.conditions.0.reason", "PoolExhausted");
	assert_int_equal(bed_count(b, SIM_ADDRESS), 0);
	bed_merge(b, SIM_POOL, NULL, "lan", NULL,
		  "{\"spec\":{\"ranges\":[\"10.99.2.1-10.99.2.2\"]}}");
	bed_run(b, 2000);
	claim_is("two", "status.interfaces.1.ips.0", "10.99.2.2");
}

static void an_address_rests_while_its_pool_cannot_be_read(void **state)
{
	(void)state;
	bed_put(b, POOL("lan", "\"ranges\":[\"10.99.2.1\"],\"cooldownSeconds\":10"));
	bed_put(b, CLAIM("a", "\"network\":\"lan\""));
	bed_run(b, 2000);
	bed_merge(b, SIM_POOL, NULL, "lan", NULL, "{\"spec\":{\"cooldownSeconds\":\"ten\"}}");
	bed_delete(b, SIM_CLAIM, "db", "a");
	bed_run(b, 120000);
	expect(SIM_ADDRESS, NULL, "lan.10-99-2-1", "spec.state", "Cooling");
	bed_merge(b, SIM_POOL, NULL, "lan", NULL, "{\"spec\":{\"cooldownSeconds\":10}}");
	bed_run(b, 40000);
	assert_int_equal(bed_count(b, SIM_ADDRESS), 0);
}

static void a_shorter_cooldown_counts_for_what_cools_already(void **state)
{
	(void)state;
	bed_put(b, POOL("lan", "\"ranges\":[\"10.99.2.1\"],\"cooldownSeconds\":3000"));
	bed_put(b, CLAIM("a", "\"network\":\"lan\""));
	bed_run(b, 2000);
	bed_delete(b, SIM_CLAIM, "db", "a");
	bed_run(b, 20000);
	expect(SIM_ADDRESS, NULL, "lan.10-99-2-1", "spec.state", "Cooling");
	/* A longer one too: what has rested 60 s rests on. */
	bed_merge(b, SIM_POOL, NULL, "lan", NULL, "{\"spec\":{\"cooldownSeconds\":9000}}");
	bed_run(b, 40000);
	bed_merge(b, SIM_POOL, NULL, "lan", NULL, "{\"spec\":{\"cooldownSeconds\":100}}");
	bed_run(b, 30000);
	expect(SIM_ADDRESS, NULL, "lan.10-99-2-1", "spec.state", "Cooling");
	bed_run(b, 15000);
	assert_int_equal(bed_count(b, SIM_ADDRESS), 0);
	bed_put(b, CLAIM("c", "\"network\":\"lan\""));
	bed_run(b, 2000);
	bed_delete(b, SIM_CLAIM, "db", "c");
	bed_run(b, 1000);
	expect(SIM_ADDRESS, NULL, "lan.10-99-2-1", "spec.state", "Cooling");
	bed_merge(b, SIM_POOL, NULL, "lan", NULL, "{\"spec\":{\"cooldownSeconds\":0}}");
	bed_run(b, 2000);
	assert_int_equal(bed_count(b, SIM_ADDRESS), 0);
}

static void a_pod_gets_a_claim_of_its_own(void **state)
{
	(void)state;
	bed_put(b, POOL("lan", "\"ranges\":[\"10.99.2.1-10.99.2.9\"],\"default\":true"));
	bed_put(b, NODE("n1"));
	bed_put(b, POD("web-7", "", "\"nodeName\":\"n1\""));
	bed_put(b, POD("net", "", "\"nodeName\":\"n1\",\"hostNetwork\":true"));
	bed_put(b, POD("redis-1",
		       ",\"annotations\":{\"net.barewire.dev/network\":\"lan\","
		       "\"net.barewire.dev/address\":\"10.99.2.7;10.99.2.8\","
		       "\"net.barewire.dev/retain\":\"ordinal\"},\"ownerReferences\":[{"
		       "\"apiVersion\":\"apps/v1\",\"kind\":\"StatefulSet\",\"name\":\"redis\","
		       "\"uid\":\"s-1\",\"controller\":true}]",
		       "\"nodeName\":\"n1\""));
	bed_run(b, 3000);
	claim_is("web-7", "status.holder.node", "n1");
	claim_is("web-7", "metadata.ownerReferences.0.kind", "Pod");
	claim_is("web-7", "spec.unitRef.name", "web-7");
	claim_is("net", "metadata.name", "");
	claim_is("redis-1", "status.interfaces.0.ips.0", "10.99.2.8");
	claim_is("redis-1", "metadata.ownerReferences.0.uid", "s-1");
}

static void what_a_crash_left_is_found(void **state)
{
	(void)state;
	bed_put(b, POOL("lan", "\"ranges\":[\"10.99.2.1-10.99.2.9\"],\"cooldownSeconds\":5"));
	bed_put(b, CLAIM("a", "\"network\":\"lan\""));
	bed_run(b, 2000);
	/* Of another leader: a second address, and one of a claim that is gone. */
	bed_put(b,
		"{\"kind\":\"NetworkAddress\",\"metadata\":{\"name\":\"lan.10-99-2-9\"},\"spec\":{"
		"\"domain\":\"lan\",\"address\":\"10.99.2.9\",\"pool\":\"lan\",\"claim\":{"
		"\"namespace\":\"db\",\"name\":\"gone\",\"uid\":\"u-9\"},\"state\":\"Bound\","
		"\"stateSince\":\"2023-11-14T22:13:20Z\"}}");
	assert_int_equal(bed_count(b, SIM_ADDRESS), 2);
	bed_run(b, 55000);
	assert_int_equal(bed_count(b, SIM_ADDRESS), 2);
	expect(SIM_ADDRESS, NULL, "lan.10-99-2-9", "spec.state", "Bound");
	bed_run(b, 60000);
	assert_int_equal(bed_count(b, SIM_ADDRESS), 1);
	claim_is("a", "status.phase", "Bound");
}

static void too_many_orphans_stop_the_sweep(void **state)
{
	(void)state;
	bed_put(b, POOL("lan", "\"ranges\":[\"10.99.3.0/24\"],\"cooldownSeconds\":1"));
	for (int i = 1; i <= 30; i++) {
		char json[512];

		(void)snprintf(
			json, sizeof(json),
			"{\"kind\":\"NetworkAddress\",\"metadata\":{\"name\":\"lan.10-99-3-%d\"},"
			"\"spec\":{\"domain\":\"lan\",\"address\":\"10.99.3.%d\",\"pool\":\"lan\","
			"\"claim\":{\"namespace\":\"db\",\"name\":\"g%d\",\"uid\":\"u-%d\"},"
			"\"state\":\"Bound\",\"stateSince\":\"2023-11-14T22:13:20Z\"}}",
			i, i, i, i);
		bed_put(b, json);
	}
	bed_run(b, 400000);
	assert_int_equal(bed_count(b, SIM_ADDRESS), 30);
	expect(SIM_POOL, NULL, "lan", "status.conditions.2.type", "SweepStopped");
	bed_merge(b, SIM_POOL, NULL, "lan", NULL,
		  "{\"metadata\":{\"annotations\":{\"net.barewire.dev/sweep\":\"allow\"}}}");
	bed_run(b, 200000);
	assert_int_equal(bed_count(b, SIM_ADDRESS), 0);
}

static void a_new_leader_adopts_what_was_taken(void **state)
{
	(void)state;
	bed_put(b, POOL("lan", "\"ranges\":[\"10.99.2.1-10.99.2.9\"]"));
	bed_run(b, 2000);
	bed_boot(b); /* nobody leads now */
	bed_put(b, CLAIM("a", "\"network\":\"lan\""));
	{
		char uid[256];
		char json[512];

		(void)snprintf(
			json, sizeof(json),
			"{\"kind\":\"NetworkAddress\",\"metadata\":{\"name\":\"lan.10-99-2-5\"},"
			"\"spec\":{\"domain\":\"lan\",\"address\":\"10.99.2.5\",\"pool\":\"lan\","
			"\"claim\":{\"namespace\":\"db\",\"name\":\"a\",\"uid\":\"%s\"},"
			"\"state\":\"Bound\",\"stateSince\":\"2023-11-14T22:13:20Z\"}}",
			bed_get(b, SIM_CLAIM, "db", "a", "metadata.uid", uid));
		bed_put(b, json);
	}
	bed_run(b, 2000);
	claim_is("a", "status.phase", "");
	ctl_ipam_lead(b->ipam, 1);
	bed_run(b, 2000);
	claim_is("a", "status.interfaces.0.ips.0", "10.99.2.5");
	assert_int_equal(bed_count(b, SIM_ADDRESS), 1);
}

static void a_pool_in_use_goes_with_its_last_address(void **state)
{
	(void)state;
	bed_put(b, POOL("lan", "\"ranges\":[\"10.99.2.1-10.99.2.9\"],\"cooldownSeconds\":1"));
	bed_put(b, CLAIM("a", "\"network\":\"lan\""));
	bed_run(b, 3000);
	bed_delete(b, SIM_POOL, NULL, "lan");
	bed_run(b, 500);
	bed_put(b, CLAIM("late", "\"network\":\"lan\""));
	bed_run(b, 3000);
	claim_is("late", "status.conditions.0.reason", "PoolDeleting");
	assert_int_equal(bed_count(b, SIM_POOL), 1);
	bed_delete(b, SIM_CLAIM, "db", "a");
	bed_run(b, 5000);
	assert_int_equal(bed_count(b, SIM_ADDRESS), 0);
	assert_int_equal(bed_count(b, SIM_POOL), 0);
}

static void a_sticky_address_outlives_its_claim(void **state)
{
	static const char *const claim =
		"{\"kind\":\"NetworkClaim\",\"metadata\":{\"name\":\"%s\",\"namespace\":\"db\","
		"\"finalizers\":[\"net.barewire.dev/claim\"]},\"spec\":{\"stickyKey\":\"k\","
		"\"interfaces\":[{\"name\":\"eth0\",\"network\":\"lan\"}]}}";
	char json[512];

	(void)state;
	bed_put(b, POOL("lan", "\"ranges\":[\"10.99.2.1-10.99.2.9\"],\"strategy\":\"Random\","
			       "\"reclaim\":\"Retain\",\"cooldownSeconds\":1"));
	(void)snprintf(json, sizeof(json), claim, "a");
	bed_put(b, json);
	bed_run(b, 3000);
	{
		char first[256];
		char again[256];

		(void)bed_get(b, SIM_CLAIM, "db", "a", "status.interfaces.0.ips.0", first);
		bed_delete(b, SIM_CLAIM, "db", "a");
		bed_run(b, 60000);
		assert_int_equal(bed_count(b, SIM_CLAIM), 0);
		assert_int_equal(bed_count(b, SIM_ADDRESS), 1);
		(void)snprintf(json, sizeof(json), claim, "b");
		bed_put(b, json);
		bed_run(b, 3000);
		assert_string_equal(
			bed_get(b, SIM_CLAIM, "db", "b", "status.interfaces.0.ips.0", again),
			first);
	}
	assert_int_equal(bed_count(b, SIM_ADDRESS), 1);
}

static void restore_and_heal(void)
{
	uint64_t snapshot;
	char json[1024];
	char uid[256];

	bed_put(b, POOL("lan", "\"ranges\":[\"10.99.2.1-10.99.2.9\"]"));
	bed_put(b, NODE("n1"));
	bed_put(b, CLAIM("a", "\"network\":\"lan\""));
	bed_run(b, 2000);
	snapshot = sim_store_rv(b->store);
	bed_put(b, CLAIM("late", "\"network\":\"lan\""));
	bed_run(b, 130000);
	claim_is("late", "status.interfaces.0.ips.0", "10.99.2.2");
	(void)bed_get(b, SIM_CLAIM, "db", "late", "metadata.uid", uid);
	sim_store_restore(b->store, snapshot, 0);
	sim_server_break(&b->server);
	bed_run(b, 70000);
	assert_int_equal(b->restarts, 1);
	bed_boot(b);
	ctl_ipam_lead(b->ipam, 1);
	bed_run(b, 2000);
	{
		struct ctl_ipam_stats s;

		ctl_ipam_stats(b->ipam, &s);
		assert_int_equal(s.quarantined, 1);
	}
	bed_put(b, CLAIM("new", "\"network\":\"lan\""));
	bed_run(b, 1000);
	claim_is("new", "status.phase", "");
	/* The node that has the late claim's pod says so. */
	(void)snprintf(
		json, sizeof(json),
		"{\"kind\":\"NodeNetwork\",\"metadata\":{\"name\":\"n1\"},\"status\":{\"epoch\":9,"
		"\"clusterID\":\"c-1\",\"nodeUID\":\"n\",\"conditions\":[{\"type\":"
		"\"RestoreSuspected\",\"status\":\"True\",\"reason\":\"R\",\"message\":\"\","
		"\"lastTransitionTime\":\"2023-11-14T22:13:20Z\"}],\"live\":[{\"namespace\":\"db\","
		"\"name\":\"late\",\"uid\":\"%s\",\"pool\":\"lan\",\"domain\":\"lan\",\"token\":1,"
		"\"ips\":[\"10.99.2.2\"]}]}}",
		uid);
	bed_put(b, json);
	bed_run(b, 300000);
	expect(SIM_ADDRESS, NULL, "lan.10-99-2-2", "spec.state", "Quarantined");
	claim_is("new", "status.interfaces.0.ips.0", "10.99.2.3");
	claim_is("a", "status.interfaces.0.ips.0", "10.99.2.1");
}

static void a_restored_store_is_noticed_and_healed(void **state)
{
	(void)state;
	restore_and_heal();
}

/* The cache goes on showing the future that never was: the raise of the epoch meets a conflict. */
static void a_restored_store_that_no_list_shows_is_noticed_too(void **state)
{
	(void)state;
	b->server.lists = 0;
	restore_and_heal();
}

#define LIVE(epoch, items)                                                                         \
	"{\"kind\":\"NodeNetwork\",\"metadata\":{\"name\":\"n1\"},\"status\":{\"epoch\":" epoch    \
	","                                                                                        \
	"\"clusterID\":\"c-1\",\"nodeUID\":\"n\",\"conditions\":[{\"type\":"                       \
	"\"RestoreSuspected\",\"status\":\"True\",\"reason\":\"R\",\"message\":\"\","              \
	"\"lastTransitionTime\":\"2023-11-14T22:13:20Z\"}],\"live\":[" items "]}}"

/* Its owner of then gets it back, but not while the owner of since has it. */
static void an_address_given_to_another_since_the_snapshot_is_waited_for(void **state)
{
	struct ctl_ipam_stats s;
	uint64_t snapshot;
	char text[512];

	(void)state;
	bed_put(b, POOL("lan", "\"ranges\":[\"10.99.2.1-10.99.2.9\"]"));
	bed_put(b, NODE("n1"));
	bed_put(b, CLAIM("a", "\"network\":\"lan\""));
	bed_run(b, 2000);
	claim_is("a", "status.interfaces.0.ips.0", "10.99.2.1");
	snapshot = sim_store_rv(b->store);
	bed_run(b, 130000);
	sim_store_restore(b->store, snapshot, 0);
	sim_server_break(&b->server);
	bed_run(b, 70000);
	bed_boot(b);
	ctl_ipam_lead(b->ipam, 1);
	bed_put(b,
		LIVE("9",
		     "{\"namespace\":\"db\",\"name\":\"late\",\"uid\":\"u-late\",\"pool\":\"lan\","
		     "\"domain\":\"lan\",\"token\":1,\"ips\":[\"10.99.2.1\"]}"));
	bed_run(b, 600000);
	ctl_ipam_stats(b->ipam, &s);
	assert_int_equal(s.quarantined, 1);
	assert_non_null(
		strstr(bed_get(b, SIM_POOL, NULL, "lan", "status.conditions.0.message", text),
		       "node n1 still has 10.99.2.1 for claim db/late"));
	bed_delete(b, SIM_NODENETWORK, NULL, "n1");
	bed_put(b, LIVE("9", ""));
	bed_run(b, 300000);
	ctl_ipam_stats(b->ipam, &s);
	assert_int_equal(s.quarantined, 0);
	claim_is("a", "status.interfaces.0.ips.0", "10.99.2.1");
}

/* A snapshot that is younger than the epoch: only a node notices. */
static void what_lives_for_an_unknown_claim_is_given_to_nobody(void **state)
{
	struct ctl_ipam_stats s;

	(void)state;
	bed_put(b, POOL("lan", "\"ranges\":[\"10.99.2.1-10.99.2.9\"]"));
	bed_put(b, NODE("n1"));
	bed_run(b, 2000);
	bed_put(b, LIVE("1", "{\"namespace\":\"db\",\"name\":\"late\",\"uid\":\"u-late\","
			     "\"pool\":\"lan\",\"domain\":\"lan\",\"token\":1,"
			     "\"ips\":[\"10.99.2.1\"]}"));
	bed_run(b, 1000);
	expect(SIM_ADDRESS, NULL, "lan.10-99-2-1", "spec.state", "Quarantined");
	bed_put(b, CLAIM("a", "\"network\":\"lan\""));
	bed_run(b, 2000);
	claim_is("a", "status.interfaces.0.ips.0", "10.99.2.2");
	ctl_ipam_stats(b->ipam, &s);
	assert_int_equal(s.quarantined, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORY(an_address_costs_two_writes_and_two_families_three),
		STORY(the_oldest_waits_shortest),
		STORY(one_free_address_is_not_enough_for_two),
		STORY(an_address_rests_while_its_pool_cannot_be_read),
		STORY(a_shorter_cooldown_counts_for_what_cools_already),
		STORY(a_pod_gets_a_claim_of_its_own),
		STORY(what_a_crash_left_is_found),
		STORY(too_many_orphans_stop_the_sweep),
		STORY(a_new_leader_adopts_what_was_taken),
		STORY(a_pool_in_use_goes_with_its_last_address),
		STORY(a_sticky_address_outlives_its_claim),
		STORY(a_restored_store_is_noticed_and_healed),
		STORY(a_restored_store_that_no_list_shows_is_noticed_too),
		STORY(what_lives_for_an_unknown_claim_is_given_to_nobody),
		STORY(an_address_given_to_another_since_the_snapshot_is_waited_for),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
