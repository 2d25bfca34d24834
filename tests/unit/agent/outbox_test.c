/* SPDX-License-Identifier: Apache-2.0 */
/* Acknowledgements: what is sent, in which order, once, and what an answer does to a row. */
#include "../kube/fake.h"

#include <time.h>

#include <bw/journal.h>
#include <bw/journal_claim.h>

#include "outbox.h"

#define BODY                                                                                       \
	"{\"namespace\":\"db\",\"name\":\"redis-0\",\"interface\":\"eth0\",\"mac\":\"02:00:0a:63:02:4d\"}"

struct bed {
	struct fake f;
	struct bw_journal *j;
	struct agent_outbox *o;
	int wanted;
	char dir[64];
};

static struct bed bed;

static int is_wanted(const char *ns, const char *name, const char *uid, void *arg)
{
	assert_string_equal(ns, "db");
	assert_string_equal(name, "redis-0");
	assert_non_null(uid);
	return ((struct bed *)arg)->wanted;
}

static void begin(void)
{
	const struct agent_outbox_env env = { .loop = bed.f.loop,
					      .client = &bed.f.client,
					      .journal = bed.j,
					      .node = "n1",
					      .is_wanted = is_wanted,
					      .arg = &bed };
	struct bw_err err = { 0 };

	assert_int_equal(agent_outbox_new(&env, &bed.o, &err), 0);
}

static int setup(void **state)
{
	struct bw_err err = { 0 };

	(void)state;
	memset(&bed, 0, sizeof(bed));
	(void)snprintf(bed.dir, sizeof(bed.dir), "/tmp/bw-outbox-XXXXXX");
	assert_non_null(mkdtemp(bed.dir));
	fake_init(&bed.f);
	bw_loop_skew(bed.f.loop, time(NULL) - FAKE_REAL_S);
	assert_int_equal(bw_journal_open(bed.dir, BW_JOURNAL_F_CREATE, &bed.j, &err), 0);
	begin();
	return 0;
}

static int teardown(void **state)
{
	char cmd[128];

	(void)state;
	agent_outbox_free(&bed.o);
	bw_journal_close(&bed.j);
	fake_done(&bed.f);
	(void)snprintf(cmd, sizeof(cmd), "rm -rf %s", bed.dir);
	return system(cmd); /* NOLINT(cert-env33-c): a path of our own */
}

static void put(const char *uid, uint64_t token, enum bw_outbox_kind kind, const char *body)
{
	struct bw_outbox_row row = { .token = token,
				     .kind = kind,
				     .body = (char *)(uintptr_t)body };
	struct bw_err err = { 0 };

	(void)snprintf(row.uid, sizeof(row.uid), "%s", uid);
	assert_int_equal(bw_journal_outbox_put(bed.j, &row, &err), 1);
}

static int count_row(const struct bw_outbox_row *row, void *arg, struct bw_err *err)
{
	(void)row;
	(void)err;
	++*(unsigned int *)arg;
	return 0;
}

static int read_sending(const struct bw_outbox_row *row, void *arg, struct bw_err *err)
{
	(void)err;
	*(int *)arg = row->sending;
	return 0;
}

static unsigned int rows(void)
{
	struct bw_err err = { 0 };
	unsigned int n = 0;

	assert_int_equal(bw_journal_outbox_each(bed.j, 0, count_row, &n, &err), 0);
	return n;
}

/* The next patch; who asks first whether the server is ready is told so. */
static struct fake_call *patch(void)
{
	struct fake_call *k;

	fake_run(&bed.f, 0);
	k = fake_peek(&bed.f, BW_KUBE_RAW, NULL);
	if (k)
		fake_end(k, BW_KUBE_OK, 0, "ok");
	k = fake_next(&bed.f, BW_KUBE_MERGE, "networkclaims");

	assert_string_equal(k->sub, "status");
	assert_string_equal(k->namespace, "db");
	assert_string_equal(k->name, "redis-0");
	return k;
}

static void attached_names_uid_node_and_token_and_nothing_else(void **state)
{
	struct fake_call *k;
	char want[256];

	(void)state;
	put("u-1", 3, BW_OUTBOX_ATTACHED, BODY);
	agent_outbox_kick(bed.o);
	k = patch();
	(void)snprintf(want, sizeof(want), "%s",
		       "{\"metadata\":{\"uid\":\"u-1\"},\"status\":{\"attached\":{\"node\":\"n1\","
		       "\"token\":3,\"mac\":\"02:00:0a:63:02:4d\",\"since\":\"");
	assert_memory_equal(k->body, want, strlen(want));
	fake_end(k, BW_KUBE_OK, 0, "{}");
	assert_int_equal(rows(), 0);
	assert_int_equal(agent_outbox_stat(bed.o)->sent, 1);
}

static void detached_writes_the_token_alone(void **state)
{
	struct fake_call *k;

	(void)state;
	bed.wanted = 1;
	put("u-1", 3, BW_OUTBOX_DETACHED, BODY);
	agent_outbox_kick(bed.o);
	k = patch();
	assert_string_equal(k->body,
			    "{\"metadata\":{\"uid\":\"u-1\"},\"status\":{\"detachedToken\":3}}");
	fake_end(k, BW_KUBE_OK, 0, "{}");
	assert_int_equal(rows(), 0);
}

static void rows_are_sent_one_at_a_time_in_order(void **state)
{
	(void)state;
	bed.wanted = 1;
	put("u-1", 1, BW_OUTBOX_ATTACHED, BODY);
	put("u-1", 1, BW_OUTBOX_DETACHED, BODY);
	put("u-2", 7, BW_OUTBOX_ATTACHED, BODY);
	agent_outbox_kick(bed.o);
	for (unsigned int i = 0; i < 3; i++) {
		struct fake_call *k = patch();

		assert_int_equal(fake_waiting(&bed.f), 1);
		assert_int_equal(strstr(k->body, "detachedToken") != NULL, i == 1);
		assert_int_equal(strstr(k->body, "u-2") != NULL, i == 2);
		fake_end(k, BW_KUBE_OK, 0, "{}");
	}
	fake_run(&bed.f, 0);
	assert_int_equal(fake_waiting(&bed.f), 0);
	assert_int_equal(rows(), 0);
}

static void given_back_waits_a_moment_unless_somebody_waits(void **state)
{
	(void)state;
	put("u-1", 1, BW_OUTBOX_DETACHED, BODY);
	agent_outbox_kick(bed.o);
	fake_run(&bed.f, 0);
	assert_int_equal(fake_waiting(&bed.f), 0);
	fake_run(&bed.f, (AGENT_OUTBOX_HOLD_MS + 1000) * MS);
	fake_end(patch(), BW_KUBE_OK, 0, "{}");
	put("u-1", 2, BW_OUTBOX_DETACHED, BODY);
	bed.wanted = 1;
	bw_loop_skew(bed.f.loop, -3);
	agent_outbox_kick(bed.o);
	fake_end(patch(), BW_KUBE_OK, 0, "{}");
	assert_int_equal(rows(), 0);
}

static void an_outage_loses_nothing_and_drains_once(void **state)
{
	unsigned int tries = 0;

	(void)state;
	bed.wanted = 1;
	for (uint64_t i = 1; i <= 20; i++)
		put("u-1", i, BW_OUTBOX_DETACHED, BODY);
	agent_outbox_kick(bed.o);
	for (int64_t t = 0; t < 120 * S; t += S) {
		fake_run(&bed.f, S);
		if (!fake_peek(&bed.f, BW_KUBE_RAW, NULL))
			continue;
		assert_null(fake_peek(&bed.f, BW_KUBE_MERGE, NULL));
		tries++;
		fake_end(fake_peek(&bed.f, BW_KUBE_RAW, NULL),
			 tries % 2 ? BW_KUBE_REFUSED : BW_KUBE_UNKNOWN, 0, NULL);
		agent_outbox_kick(bed.o); /* a nudge does not end the back-off */
	}
	assert_in_range(tries, 8, 20); /* 0.2 s doubled to 15 s */
	assert_int_equal(rows(), 20);
	agent_outbox_online(bed.o);
	for (unsigned int i = 0; i < 20; i++)
		fake_end(patch(), BW_KUBE_OK, 0, "{}");
	fake_run(&bed.f, S);
	assert_int_equal(fake_waiting(&bed.f), 0);
	assert_int_equal(rows(), 0);
	assert_int_equal(agent_outbox_stat(bed.o)->sent, 20);
}

/* The pod may come back while the server is away, unless the acknowledgement may have arrived. */
static void what_did_not_leave_can_be_taken_back(void **state)
{
	static const struct {
		enum bw_kube_result result;
		int sending;
	} cases[] = {
		{ BW_KUBE_REFUSED, 0 },
		{ BW_KUBE_THROTTLED, 0 },
		{ BW_KUBE_UNKNOWN, 1 },
	};

	for (size_t i = 0; i < BW_ARRAY_SIZE(cases); i++) {
		struct bw_err err = { 0 };
		int sending = -1;

		bed.wanted = 1;
		put("u-1", 1, BW_OUTBOX_DETACHED, BODY);
		agent_outbox_kick(bed.o);
		fake_end(patch(), cases[i].result, 0, NULL);
		assert_int_equal(bw_journal_outbox_each(bed.j, 0, read_sending, &sending, &err), 0);
		assert_int_equal(sending, cases[i].sending);
		(void)teardown(state);
		(void)setup(state);
	}
}

static void an_answer_decides_what_becomes_of_a_row(void **state)
{
	static const struct {
		enum bw_outbox_kind kind;
		enum bw_kube_result result;
		unsigned int left;
	} cases[] = {
		{ BW_OUTBOX_ATTACHED, BW_KUBE_NOT_FOUND, 0 },
		{ BW_OUTBOX_ATTACHED, BW_KUBE_CONFLICT, 0 },
		{ BW_OUTBOX_ATTACHED, BW_KUBE_INVALID, 0 },
		{ BW_OUTBOX_ATTACHED, BW_KUBE_FORBIDDEN, 1 },
		{ BW_OUTBOX_ATTACHED, BW_KUBE_THROTTLED, 1 },
		{ BW_OUTBOX_ATTACHED, BW_KUBE_UNAUTHORIZED, 1 },
		{ BW_OUTBOX_DETACHED, BW_KUBE_INVALID, 0 },
		{ BW_OUTBOX_DETACHED, BW_KUBE_FORBIDDEN, 1 },
		{ BW_OUTBOX_DETACHED, BW_KUBE_UNKNOWN, 1 },
	};

	for (size_t i = 0; i < BW_ARRAY_SIZE(cases); i++) {
		bed.wanted = 1;
		put("u-1", 1, cases[i].kind, BODY);
		agent_outbox_kick(bed.o);
		fake_end(patch(), cases[i].result, 0, NULL);
		fake_run(&bed.f, 0);
		assert_int_equal(rows(), cases[i].left);
		(void)teardown(state);
		(void)setup(state);
	}
}

/* What the policy says to a node that was fenced off its claim. */
#define NOT_HELD                                                                                   \
	"ValidatingAdmissionPolicy 'barewire-agent-claims' denied request: node n1 does not hold " \
	"claim db/redis-0"

static void a_claim_that_went_on_without_us_waits_for_no_word_of_ours(void **state)
{
	static const struct {
		enum bw_kube_result result;
		const char *uid;
		unsigned int token;
		unsigned int left;
	} cases[] = {
		{ BW_KUBE_OK, "u-1", 4, 0 }, /* held elsewhere, under a higher token */
		{ BW_KUBE_OK, "u-1", 3, 1 }, /* somebody waits for it */
		{ BW_KUBE_OK, "u-1", 2, 1 }, /* a store that went back */
		{ BW_KUBE_OK, "u-2", 1, 0 }, /* another claim of its name */
		{ BW_KUBE_NOT_FOUND, "", 0, 0 }, { BW_KUBE_UNKNOWN, "", 0, 1 },
		{ BW_KUBE_FORBIDDEN, "", 0, 1 },
	};

	for (size_t i = 0; i < BW_ARRAY_SIZE(cases); i++) {
		struct fake_call *k;
		char body[512];

		bed.wanted = 1;
		put("u-1", 3, BW_OUTBOX_DETACHED, BODY);
		agent_outbox_kick(bed.o);
		fake_say(patch(), BW_KUBE_FORBIDDEN, 0, NOT_HELD, NULL);
		fake_run(&bed.f, 0);
		k = fake_next(&bed.f, BW_KUBE_GET, "networkclaims");
		assert_string_equal(k->name, "redis-0");
		(void)snprintf(body, sizeof(body),
			       "{\"metadata\":{\"namespace\":\"db\",\"name\":\"redis-0\",\"uid\":"
			       "\"%s\",\"resourceVersion\":\"7\"},\"spec\":{\"interfaces\":[{"
			       "\"name\":\"eth0\",\"network\":\"lan\"}]},\"status\":{\"holder\":{"
			       "\"node\":\"n2\",\"nodeUID\":\"un2\",\"token\":%u}}}",
			       cases[i].uid, cases[i].token);
		fake_end(k, cases[i].result, 0, body);
		fake_run(&bed.f, 0);
		assert_int_equal(rows(), cases[i].left);
		(void)teardown(state);
		(void)setup(state);
	}
}

static void one_refused_row_does_not_hold_up_the_next(void **state)
{
	struct fake_call *k;

	(void)state;
	bed.wanted = 1;
	put("u-1", 1, BW_OUTBOX_DETACHED, BODY);
	put("u-2", 1, BW_OUTBOX_DETACHED, BODY);
	agent_outbox_kick(bed.o);
	fake_end(patch(), BW_KUBE_FORBIDDEN, 0, NULL);
	k = patch();
	assert_non_null(strstr(k->body, "u-2"));
	fake_end(k, BW_KUBE_OK, 0, "{}");
	assert_int_equal(rows(), 1);
	fake_run(&bed.f, AGENT_OUTBOX_REFUSED_MS * MS);
	fake_end(patch(), BW_KUBE_OK, 0, "{}");
	assert_int_equal(rows(), 0);
}

static void an_unreadable_row_is_dropped(void **state)
{
	(void)state;
	put("u-1", 1, BW_OUTBOX_ATTACHED, "{\"namespace\":7}");
	put("u-2", 1, BW_OUTBOX_ATTACHED, BODY);
	agent_outbox_kick(bed.o);
	fake_end(patch(), BW_KUBE_OK, 0, "{}");
	assert_int_equal(rows(), 0);
}

static void a_restart_sends_again_what_was_under_way(void **state)
{
	(void)state;
	bed.wanted = 1;
	put("u-1", 1, BW_OUTBOX_DETACHED, BODY);
	agent_outbox_kick(bed.o);
	(void)patch();
	agent_outbox_free(&bed.o);
	bed.wanted = 0; /* it may have arrived: it is not held any more */
	begin();
	agent_outbox_kick(bed.o);
	fake_end(patch(), BW_KUBE_OK, 0, "{}");
	assert_int_equal(rows(), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(attached_names_uid_node_and_token_and_nothing_else),
		TEST(detached_writes_the_token_alone),
		TEST(rows_are_sent_one_at_a_time_in_order),
		TEST(given_back_waits_a_moment_unless_somebody_waits),
		TEST(an_outage_loses_nothing_and_drains_once),
		TEST(what_did_not_leave_can_be_taken_back),
		TEST(an_answer_decides_what_becomes_of_a_row),
		TEST(a_claim_that_went_on_without_us_waits_for_no_word_of_ours),
		TEST(one_refused_row_does_not_hold_up_the_next),
		TEST(an_unreadable_row_is_dropped),
		TEST(a_restart_sends_again_what_was_under_way),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
