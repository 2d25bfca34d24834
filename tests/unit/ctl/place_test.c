/* SPDX-License-Identifier: Apache-2.0 */
/* Stories of a claim's node: who gets the token, and when the one before has let go. */
#include "flow.h"

/* The agent's write: the attachment of the holder's token is gone. */
static void detach(const char *name, int token)
{
	char json[128];

	(void)snprintf(json, sizeof(json), "{\"status\":{\"detachedToken\":%d}}", token);
	bed_merge(b, SIM_CLAIM, "db", name, "status", json);
}

static void attach(const char *name, const char *node, int token)
{
	char json[128];

	(void)snprintf(json, sizeof(json),
		       "{\"status\":{\"attached\":{\"node\":\"%s\",\"token\":%d}}}", node, token);
	bed_merge(b, SIM_CLAIM, "db", name, "status", json);
}

static void put_pod(const char *name, const char *node, const char *claim)
{
	char json[512];

	(void)snprintf(json, sizeof(json),
		       POD("%s", ",\"annotations\":{\"net.barewire.dev/claim\":\"%s\"}",
			   "\"nodeName\":\"%s\""),
		       name, claim, node);
	bed_put(b, json);
}

static void placed_bed(void)
{
	bed_put(b, POOL("lan", "\"ranges\":[\"10.99.2.1-10.99.2.9\"],\"cooldownSeconds\":5"));
	bed_put(b, NODE("n1"));
	bed_put(b, NODE("n2"));
	bed_put(b, CLAIM("a", "\"network\":\"lan\""));
	bed_run(b, 2000);
	put_pod("p", "n1", "a");
	bed_run(b, 2000);
	claim_is("a", "status.holder.node", "n1");
	claim_is("a", "status.holder.token", "1");
}

static void an_address_moves_when_the_old_node_has_let_go(void **state)
{
	uint64_t before;

	(void)state;
	placed_bed();
	attach("a", "n1", 1);
	bed_run(b, 1000);
	bed_delete(b, SIM_POD, "db", "p");
	put_pod("p", "n2", "a");
	before = writes();
	bed_run(b, 9000);
	claim_is("a", "status.holder.node", "n1");
	assert_int_equal(writes() - before, 0);
	bed_run(b, 60000);
	claim_is("a", "status.holder.node", "n1");
	claim_is("a", "status.conditions.1.reason", "WaitingForNode");
	detach("a", 1);
	before = writes();
	bed_run(b, 900);
	claim_is("a", "status.holder.node", "n2");
	claim_is("a", "status.holder.token", "2");
	claim_is("a", "status.interfaces.0.ips.0", "10.99.2.1");
	assert_int_equal(writes() - before, 1);
}

static void a_node_that_never_attached_is_asked(void **state)
{
	(void)state;
	placed_bed();
	bed_delete(b, SIM_POD, "db", "p");
	put_pod("p", "n2", "a");
	bed_run(b, 2000);
	claim_is("a", "status.phase", "Releasing");
	claim_is("a", "status.holder.node", "n1");
	detach("a", 1);
	bed_run(b, 1000);
	claim_is("a", "status.phase", "Bound");
	claim_is("a", "status.holder.node", "n2");
}

static void a_fenced_node_has_let_go(void **state)
{
	(void)state;
	placed_bed();
	attach("a", "n1", 1);
	bed_delete(b, SIM_POD, "db", "p");
	put_pod("p", "n2", "a");
	bed_run(b, 30000);
	claim_is("a", "status.holder.node", "n1");
	bed_merge(b, SIM_NODE, NULL, "n1", NULL,
		  "{\"spec\":{\"taints\":[{\"key\":\"node.kubernetes.io/out-of-service\","
		  "\"effect\":\"NoExecute\"}]}}");
	bed_run(b, 1000);
	claim_is("a", "status.holder.node", "n2");
	claim_is("a", "status.holder.token", "2");
}

static void a_deleted_node_counts_where_the_pool_says_so(void **state)
{
	(void)state;
	placed_bed();
	attach("a", "n1", 1);
	bed_delete(b, SIM_POD, "db", "p");
	put_pod("p", "n2", "a");
	bed_delete(b, SIM_NODE, NULL, "n1");
	bed_run(b, 120000);
	claim_is("a", "status.holder.node", "n1");
	bed_merge(b, SIM_POOL, NULL, "lan", NULL, "{\"spec\":{\"fencing\":\"Available\"}}");
	bed_run(b, 60000);
	claim_is("a", "status.holder.node", "n2");
}

static void by_hand_only_the_present_token_is_released(void **state)
{
	(void)state;
	placed_bed();
	attach("a", "n1", 1);
	bed_delete(b, SIM_POD, "db", "p");
	put_pod("p", "n2", "a");
	bed_merge(b, SIM_CLAIM, "db", "a", NULL,
		  "{\"metadata\":{\"annotations\":{\"net.barewire.dev/release-token\":\"7\"}}}");
	bed_run(b, 30000);
	claim_is("a", "status.holder.node", "n1");
	bed_merge(b, SIM_CLAIM, "db", "a", NULL,
		  "{\"metadata\":{\"annotations\":{\"net.barewire.dev/release-token\":\"1\"}}}");
	bed_run(b, 1000);
	claim_is("a", "status.holder.node", "n2");
}

static void a_deleted_claim_waits_for_its_node(void **state)
{
	(void)state;
	placed_bed();
	attach("a", "n1", 1);
	bed_run(b, 1000);
	bed_delete(b, SIM_CLAIM, "db", "a");
	bed_run(b, 600000);
	claim_is("a", "status.phase", "Releasing");
	expect(SIM_ADDRESS, NULL, "lan.10-99-2-1", "spec.state", "Bound");
	detach("a", 1);
	bed_run(b, 1000);
	assert_int_equal(bed_count(b, SIM_CLAIM), 0);
	expect(SIM_ADDRESS, NULL, "lan.10-99-2-1", "spec.state", "Cooling");
	bed_run(b, 7000);
	assert_int_equal(bed_count(b, SIM_ADDRESS), 0);
}

/* Deleted, and there as long as its node has not said that it is gone. */
static void leave(const char *name)
{
	const struct sim_delete opts = { .grace_s = 30 };
	struct sim_reply r;

	sim_store_delete(b->store, &sim_kinds[SIM_POD], "db", name, &opts, &r);
	assert_int_equal(r.http, 200);
}

/* Whether an event about that pod has the text. */
static int was_told(const char *pod, const char *text)
{
	char name[80];
	size_t n;
	struct sim_key *const *keys = sim_store_keys(b->store, &sim_kinds[SIM_EVENT], &n);

	(void)snprintf(name, sizeof(name), "\"name\":\"%s\"", pod);
	for (size_t i = 0; i < n; i++)
		if (keys[i]->tree && strstr(keys[i]->last->text, name) &&
		    strstr(keys[i]->last->text, text))
			return 1;
	return 0;
}

static void a_pod_that_is_deleted_gets_no_token(void **state)
{
	uint64_t before;

	(void)state;
	placed_bed();
	attach("a", "n1", 1);
	leave("p");
	bed_run(b, 1000);
	before = writes();
	detach("a", 1);
	bed_run(b, 30000);
	claim_is("a", "status.holder.token", "1");
	claim_is("a", "status.phase", "Bound");
	assert_int_equal(writes() - before, 0);
	bed_delete(b, SIM_POD, "db", "p");
	put_pod("p", "n2", "a");
	bed_run(b, 1000);
	claim_is("a", "status.holder.node", "n2");
	claim_is("a", "status.holder.token", "2");
}

static void a_pod_that_is_deleted_keeps_what_it_has(void **state)
{
	(void)state;
	placed_bed();
	attach("a", "n1", 1);
	leave("p");
	put_pod("q", "n2", "a");
	bed_run(b, 60000);
	claim_is("a", "status.holder.node", "n1");
	claim_is("a", "status.holder.token", "1");
	claim_is("a", "status.conditions.1.reason", "WaitingForNode");
	assert_true(was_told("q", "claim a is used by pod p"));
}

static void who_comes_after_it_waits_for_the_token_alone(void **state)
{
	(void)state;
	placed_bed();
	attach("a", "n1", 1);
	leave("p");
	put_pod("q", "n2", "a");
	bed_run(b, 1000);
	claim_is("a", "status.holder.node", "n1");
	detach("a", 1);
	bed_run(b, 1000);
	claim_is("a", "status.holder.node", "n2");
	claim_is("a", "status.holder.token", "2");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORY(an_address_moves_when_the_old_node_has_let_go),
		STORY(a_node_that_never_attached_is_asked),
		STORY(a_fenced_node_has_let_go),
		STORY(a_deleted_node_counts_where_the_pool_says_so),
		STORY(by_hand_only_the_present_token_is_released),
		STORY(a_deleted_claim_waits_for_its_node),
		STORY(a_pod_that_is_deleted_gets_no_token),
		STORY(who_comes_after_it_waits_for_the_token_alone),
		STORY(a_pod_that_is_deleted_keeps_what_it_has),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
