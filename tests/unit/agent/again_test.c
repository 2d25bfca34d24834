/* SPDX-License-Identifier: Apache-2.0 */
/* What an agent says again of its tokens when the claim has forgotten it, and what it does not. */
#include "../kube/fake.h"

#include <bw/journal.h>
#include <bw/journal_claim.h>
#include <bw/kube_store.h>
#include <gen/net.h>

#include "again.h"
#include "agent.h"

#define UID "5f1c0000-0000-4000-8000-000000000001"
#define BOOT "11111111-1111-4111-8111-111111111111"

struct bed {
	struct fake f;
	struct agent_conf conf;
	struct agent a;
	char dir[64];
};

static struct bed bed;

static int setup(void **state)
{
	struct agent_outbox_env e = { 0 };
	struct bw_err err = { 0 };

	(void)state;
	memset(&bed, 0, sizeof(bed));
	(void)snprintf(bed.dir, sizeof(bed.dir), "/tmp/bw-again-XXXXXX");
	assert_non_null(mkdtemp(bed.dir));
	fake_init(&bed.f);
	bed.conf.node = "n1";
	bed.a.conf = &bed.conf;
	bed.a.loop = bed.f.loop;
	(void)snprintf(bed.a.node_uid, sizeof(bed.a.node_uid), "n-1");
	assert_int_equal(bw_journal_open(bed.dir, BW_JOURNAL_F_CREATE, &bed.a.journal, &err), 0);
	e.loop = bed.f.loop;
	e.client = &bed.f.client;
	e.journal = bed.a.journal;
	e.node = "n1";
	assert_int_equal(agent_outbox_new(&e, &bed.a.outbox, &err), 0);
	return 0;
}

static int teardown(void **state)
{
	char cmd[128];

	(void)state;
	agent_outbox_free(&bed.a.outbox);
	bw_journal_close(&bed.a.journal);
	fake_done(&bed.f);
	(void)snprintf(cmd, sizeof(cmd), "rm -rf %s", bed.dir);
	return system(cmd); /* NOLINT(cert-env33-c): a path of our own */
}

/* The claim held by this node; @more of its status begins with a comma. */
static struct bw_kube_object *claim(unsigned int token, const char *more)
{
	struct bw_kube_object *o = NULL;
	struct bw_err err = { 0 };
	char text[1024];

	(void)snprintf(text, sizeof(text),
		       "{\"metadata\":{\"namespace\":\"db\",\"name\":\"redis-0\",\"uid\":\"" UID
		       "\",\"resourceVersion\":\"1\"},\"spec\":{\"interfaces\":[{\"name\":\"eth0\","
		       "\"network\":\"lan\"}]},\"status\":{\"holder\":{\"node\":\"n1\","
		       "\"nodeUID\":\"n-1\",\"token\":%u}%s}}",
		       token, more);
	if (bw_kube_object_new(&bw_kind_networkclaim, text, strlen(text), &o, &err) < 0)
		fail_msg("%s", err.msg);
	return o;
}

static void seen(struct bw_kube_object *old, struct bw_kube_object *now)
{
	agent_again_seen(&bed.a, old, now);
	bw_kube_object_unref(&old);
	bw_kube_object_unref(&now);
}

/* The node has had a binding with that token. */
static void has_bound(unsigned int token)
{
	struct bw_journal_claim c = { .token = token, .epoch = 7 };
	struct bw_err err = { 0 };

	strcpy(c.uid, UID);
	strcpy(c.iface, "eth0");
	strcpy(c.ns, "db");
	strcpy(c.name, "redis-0");
	strcpy(c.resource_version, "1");
	strcpy(c.boot_id, BOOT);
	c.binding = (char *)(uintptr_t) "{}";
	assert_int_equal(bw_journal_claim_put(bed.a.journal, &c, &err), 1);
}

static void attach_live(unsigned int token)
{
	struct bw_attachment *a = calloc(1, sizeof(*a));
	struct bw_err err = { 0 };
	int64_t id = 0;

	assert_non_null(a);
	strcpy(a->container_id, "c1");
	strcpy(a->ifname, "eth0");
	strcpy(a->claim_uid, UID);
	a->token = token;
	assert_int_equal(bw_journal_attach_insert(bed.a.journal, a, &id, &err), 0);
	assert_int_equal(bw_journal_attach_state(bed.a.journal, "c1", "eth0", id, BW_ATTACH_MAX_,
						 BW_ATTACH_LIVE, &err),
			 1);
	free(a);
}

static int send_row(const struct bw_outbox_row *row, void *arg, struct bw_err *err)
{
	*(int64_t *)arg = row->seq;
	(void)err;
	return 1;
}

/* All that waits has arrived. */
static void acknowledged(void)
{
	struct bw_err err = { 0 };
	int64_t seq;

	while (bw_journal_outbox_each(bed.a.journal, 0, send_row, &seq, &err) == 1)
		assert_true(bw_journal_outbox_sent(bed.a.journal, seq, &err) >= 0);
}

static int list_row(const struct bw_outbox_row *row, void *arg, struct bw_err *err)
{
	char *out = arg;

	(void)err;
	(void)snprintf(out + strlen(out), 128 - strlen(out), "%s%s %llu", *out ? ", " : "",
		       bw_outbox_kind_str(row->kind), (unsigned long long)row->token);
	return 0;
}

static void assert_outbox(const char *want)
{
	struct bw_err err = { 0 };
	char got[128] = "";

	assert_int_equal(bw_journal_outbox_each(bed.a.journal, 0, list_row, got, &err), 0);
	assert_string_equal(got, want);
}

/* This node has had @token and given it back, and the cluster has heard it. */
static void gave_back(unsigned int token)
{
	struct bw_err err = { 0 };

	has_bound(token);
	assert_int_equal(bw_journal_claim_leave(bed.a.journal, UID, token, NULL, &err), 1);
	acknowledged();
}

static void a_token_that_was_given_back_is_so_again(void **state)
{
	(void)state;
	gave_back(1);
	seen(claim(1, ",\"detachedToken\":1"), claim(1, ""));
	assert_outbox("detached 1");
	seen(claim(1, ",\"detachedToken\":1"), claim(1, ""));
	assert_outbox("detached 1");
}

/* Listed anew it is the same as before the future that never was: nothing has changed for us. */
static void a_claim_that_is_new_to_us_is_told_too(void **state)
{
	(void)state;
	gave_back(1);
	seen(NULL, claim(1, ""));
	assert_outbox("detached 1");
}

static void a_claim_that_is_just_behind_is_left_alone(void **state)
{
	(void)state;
	gave_back(1);
	seen(claim(1, ""), claim(1, ",\"phase\":\"Bound\""));
	assert_outbox("");
	/* But who asks for it has not got it. */
	seen(claim(1, ""), claim(1, ",\"phase\":\"Releasing\""));
	assert_outbox("detached 1");
}

/* Each answer makes the controller give the next token, until it is one that was never seen. */
static void tokens_of_a_future_that_never_was_are_spent_one_by_one(void **state)
{
	(void)state;
	gave_back(2);
	has_bound(4); /* seen, and never used */
	seen(NULL, claim(1, ""));
	assert_outbox("detached 1");
	acknowledged();
	for (unsigned int token = 2; token <= 3; token++) {
		char want[32];

		seen(claim(token - 1, token == 2 ? ",\"detachedToken\":1" : ",\"detachedToken\":2"),
		     claim(token, token == 2 ? ",\"detachedToken\":1" : ",\"detachedToken\":2"));
		(void)snprintf(want, sizeof(want), "detached %u", token);
		assert_outbox(want);
		acknowledged();
	}
	seen(claim(3, ",\"detachedToken\":3"), claim(4, ",\"detachedToken\":3"));
	assert_outbox("");
}

/* No ADD may use such a token once it is said that nobody does. */
static void a_binding_of_that_future_serves_nobody(void **state)
{
	struct bw_err err = { 0 };

	(void)state;
	has_bound(4);
	seen(NULL, claim(1, ""));
	assert_outbox("detached 1");
	assert_int_equal(bw_journal_claim_take(bed.a.journal, UID, "eth0", 4, BOOT, &err), -ESTALE);
	has_bound(5);
	assert_int_equal(bw_journal_claim_take(bed.a.journal, UID, "eth0", 5, BOOT, &err), 0);
}

/* It lives under a later token: the claim is this node's, and the leader is told so elsewhere. */
static void what_lives_on_a_later_token_gives_nothing_back(void **state)
{
	(void)state;
	gave_back(1);
	has_bound(3);
	attach_live(3);
	seen(NULL, claim(1, ""));
	seen(claim(1, ",\"detachedToken\":1"), claim(1, ""));
	seen(claim(1, ""), claim(1, ",\"phase\":\"Releasing\""));
	assert_outbox("");
}

static void an_attachment_is_told_again(void **state)
{
	struct bw_outbox_row row = { .token = 1,
				     .kind = BW_OUTBOX_ATTACHED,
				     .body = (char *)(uintptr_t) "{}" };
	struct bw_err err = { 0 };

	(void)state;
	strcpy(row.uid, UID);
	has_bound(1);
	attach_live(1);
	seen(NULL, claim(1, "")); /* the first word has not left the node */
	assert_outbox("");
	assert_int_equal(bw_journal_outbox_put(bed.a.journal, &row, &err), 1);
	acknowledged();
	seen(claim(1, ""), claim(1, ",\"phase\":\"Bound\"")); /* just behind */
	assert_outbox("");
	seen(NULL, claim(1, ""));
	assert_outbox("attached 1");
}

static void another_nodes_claim_is_none_of_ours(void **state)
{
	struct bw_err err = { 0 };
	struct bw_kube_object *o = NULL;
	const char *text = "{\"metadata\":{\"namespace\":\"db\",\"name\":\"redis-0\",\"uid\":\"" UID
			   "\",\"resourceVersion\":\"1\"},\"spec\":{\"interfaces\":[]},\"status\":{"
			   "\"holder\":{\"node\":\"n2\",\"nodeUID\":\"n-2\",\"token\":1}}}";

	(void)state;
	gave_back(1);
	assert_int_equal(bw_kube_object_new(&bw_kind_networkclaim, text, strlen(text), &o, &err),
			 0);
	seen(NULL, o);
	assert_outbox("");
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_token_that_was_given_back_is_so_again),
		T(a_claim_that_is_new_to_us_is_told_too),
		T(a_claim_that_is_just_behind_is_left_alone),
		T(tokens_of_a_future_that_never_was_are_spent_one_by_one),
		T(a_binding_of_that_future_serves_nobody),
		T(what_lives_on_a_later_token_gives_nothing_back),
		T(an_attachment_is_told_again),
		T(another_nodes_claim_is_none_of_ours),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
