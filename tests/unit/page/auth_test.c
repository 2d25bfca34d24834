/* SPDX-License-Identifier: Apache-2.0 */
/* Who may see the page: what is asked of the server, what is remembered and for how long. */
#include "failalloc.h"

#include "../../page/feed.h"
#include "auth.h"

#define S 1000000000LL
#define WAITERS_MAX 16

struct waiter {
	struct page_waiter w;
	enum page_verdict verdict;
	unsigned int times;
};

struct bed {
	struct feed feed;
	struct page_auth *auth;
	struct waiter w[WAITERS_MAX];
};

static void on_decided(enum page_verdict v, void *arg)
{
	struct waiter *w = arg;

	w->verdict = v;
	w->times++;
}

static int setup(void **state)
{
	struct bed *b = calloc(1, sizeof(*b));

	if (!b)
		return -1;
	assert_int_equal(bw_loop_new_virtual(1000 * S, 1790000000, &b->feed.loop, NULL), 0);
	assert_int_equal(feed_init(&b->feed, NULL), 0);
	assert_int_equal(feed_wait(&b->feed), 0);
	assert_int_equal(page_auth_new(b->feed.loop, &b->feed.client, NULL, &b->auth, NULL), 0);
	for (size_t i = 0; i < WAITERS_MAX; i++) {
		bw_list_init(&b->w[i].w.node);
		b->w[i].w.decided = on_decided;
		b->w[i].w.arg = &b->w[i];
	}
	*state = b;
	return 0;
}

static int teardown(void **state)
{
	struct bed *b = *state;

	page_auth_free(&b->auth);
	feed_done(&b->feed);
	free(b);
	return 0;
}

static void run(struct bed *b, int64_t ns)
{
	int64_t until = bw_loop_now_ns(b->feed.loop) + ns;

	while (bw_loop_step(b->feed.loop, 0, until, NULL) == 1)
		;
}

/* Asks and waits for what comes of it. */
static enum page_verdict ask(struct bed *b, const char *header)
{
	enum page_verdict v = page_auth_ask(b->auth, header, &b->w[0].w);

	if (v != PAGE_ASKING)
		return v;
	b->w[0].times = 0;
	run(b, S / 1000);
	assert_int_equal(b->w[0].times, 1);
	return b->w[0].verdict;
}

static void tokens_are_told_apart(void **state)
{
	static const struct {
		const char *header;
		enum page_verdict verdict;
		unsigned int asked; /* calls of the server */
	} cases[] = {
		{ NULL, PAGE_UNKNOWN, 0 },
		{ "", PAGE_UNKNOWN, 0 },
		{ "Bearer ", PAGE_UNKNOWN, 0 },
		{ "Basic Z29vZA==", PAGE_UNKNOWN, 0 },
		{ "Bearer go od", PAGE_UNKNOWN, 0 },
		{ "Bearer good\"}", PAGE_UNKNOWN, 0 },
		{ "Bearer good", PAGE_ALLOWED, 2 },
		{ "bearer good", PAGE_ALLOWED, 0 }, /* it is remembered */
		{ "Bearer weak", PAGE_FORBIDDEN, 2 },
		{ "Bearer nobodys", PAGE_UNKNOWN, 1 },
	};
	struct bed *b = *state;

	for (size_t i = 0; i < BW_ARRAY_SIZE(cases); i++) {
		unsigned int before = b->feed.asked;

		assert_int_equal(ask(b, cases[i].header), cases[i].verdict);
		assert_int_equal(b->feed.asked - before, cases[i].asked);
	}
}

static void a_token_that_is_too_long_is_none(void **state)
{
	static char header[7 + PAGE_TOKEN_MAX + 2] = "Bearer ";
	struct bed *b = *state;

	memset(header + 7, 'a', PAGE_TOKEN_MAX + 1);
	assert_int_equal(ask(b, header), PAGE_UNKNOWN);
	assert_int_equal(b->feed.asked, 0);
	header[7 + PAGE_TOKEN_MAX] = '\0';
	assert_int_equal(ask(b, header), PAGE_UNKNOWN);
	assert_int_equal(b->feed.asked, 1);
}

static void what_the_server_said_is_remembered_for_a_while(void **state)
{
	struct bed *b = *state;

	assert_int_equal(ask(b, "Bearer good"), PAGE_ALLOWED);
	assert_int_equal(ask(b, "Bearer weak"), PAGE_FORBIDDEN);
	assert_int_equal(b->feed.asked, 4);
	run(b, (PAGE_REFUSED_S - 1) * S);
	assert_int_equal(ask(b, "Bearer weak"), PAGE_FORBIDDEN);
	assert_int_equal(b->feed.asked, 4);
	run(b, 2 * S);
	assert_int_equal(ask(b, "Bearer weak"), PAGE_FORBIDDEN);
	assert_int_equal(b->feed.asked, 6);
	assert_int_equal(ask(b, "Bearer good"), PAGE_ALLOWED);
	assert_int_equal(b->feed.asked, 6);
	run(b, PAGE_ALLOWED_S * S);
	assert_int_equal(ask(b, "Bearer good"), PAGE_ALLOWED);
	assert_int_equal(b->feed.asked, 8);
}

static void one_review_is_made_for_all_who_come_with_a_token(void **state)
{
	struct bed *b = *state;

	for (size_t i = 0; i < 5; i++)
		assert_int_equal(page_auth_ask(b->auth, "Bearer good", &b->w[i].w), PAGE_ASKING);
	page_waiter_stop(&b->w[2].w); /* its connection is gone */
	run(b, S);
	assert_int_equal(b->feed.asked, 2);
	for (size_t i = 0; i < 5; i++) {
		assert_int_equal(b->w[i].times, i != 2);
		assert_int_equal(b->w[i].verdict, i != 2 ? PAGE_ALLOWED : PAGE_ASKING);
	}
}

static void garbage_pushes_nobody_out(void **state)
{
	struct bed *b = *state;
	char header[64];

	assert_int_equal(ask(b, "Bearer good"), PAGE_ALLOWED);
	for (int i = 0; i < 2 * PAGE_REFUSED_MAX; i++) {
		(void)snprintf(header, sizeof(header), "Bearer no%d", i);
		assert_int_equal(ask(b, header), PAGE_UNKNOWN);
	}
	b->feed.asked = 0;
	assert_int_equal(ask(b, "Bearer good"), PAGE_ALLOWED);
	assert_int_equal(b->feed.asked, 0);
}

static void too_many_at_once_are_sent_away(void **state)
{
	struct bed *b = *state;
	char header[64];

	b->feed.hold = 1;
	for (int i = 0; i < PAGE_REVIEWS_MAX; i++) {
		(void)snprintf(header, sizeof(header), "Bearer good%d", i);
		assert_int_equal(page_auth_ask(b->auth, header, &b->w[i].w), PAGE_ASKING);
	}
	assert_int_equal(page_auth_ask(b->auth, "Bearer goodx", &b->w[15].w), PAGE_BUSY);
	b->feed.hold = 0;
	bw_defer_call(&b->feed.answer);
	run(b, S);
	assert_int_equal(b->w[PAGE_REVIEWS_MAX - 1].verdict, PAGE_ALLOWED);
	assert_int_equal(ask(b, "Bearer goodx"), PAGE_ALLOWED);
}

static void who_may_not_review_decides_nothing_and_asks_again(void **state)
{
	struct bed *b = *state;

	b->feed.deny = 1;
	assert_int_equal(ask(b, "Bearer good"), PAGE_UNDECIDED);
	b->feed.deny = 0;
	assert_int_equal(ask(b, "Bearer good"), PAGE_ALLOWED);
}

static void the_end_tells_everyone(void **state)
{
	struct bed *b = *state;

	b->feed.hold = 1;
	assert_int_equal(page_auth_ask(b->auth, "Bearer good", &b->w[0].w), PAGE_ASKING);
	page_auth_end(b->auth);
	assert_int_equal(b->w[0].verdict, PAGE_UNDECIDED);
	page_auth_end(NULL);
	assert_int_equal(page_auth_ask(b->auth, "Bearer good", &b->w[1].w), PAGE_ASKING);
	/* And teardown cancels what is under way. */
}

static void without_memory_nothing_is_decided(void **state)
{
	struct bed *b = *state;
	enum page_verdict v = PAGE_ASKING;

	for (long i = 0; i < 500; i++) {
		int failed;

		b->w[0].verdict = PAGE_ASKING;
		fail_alloc_start(i);
		v = page_auth_ask(b->auth, "Bearer good", &b->w[0].w);
		run(b, S);
		failed = fail_alloc_stop();
		if (v == PAGE_ASKING)
			v = b->w[0].verdict;
		if (!failed)
			break;
		/* What the test's server could not keep it never answers. */
		page_auth_end(b->auth);
		assert_true(v == PAGE_UNDECIDED || v == PAGE_ASKING || v == PAGE_UNKNOWN ||
			    v == PAGE_ALLOWED);
		run(b, 2 * PAGE_ALLOWED_S * S);
	}
	assert_int_equal(v, PAGE_ALLOWED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(tokens_are_told_apart, setup, teardown),
		cmocka_unit_test_setup_teardown(a_token_that_is_too_long_is_none, setup, teardown),
		cmocka_unit_test_setup_teardown(what_the_server_said_is_remembered_for_a_while,
						setup, teardown),
		cmocka_unit_test_setup_teardown(one_review_is_made_for_all_who_come_with_a_token,
						setup, teardown),
		cmocka_unit_test_setup_teardown(garbage_pushes_nobody_out, setup, teardown),
		cmocka_unit_test_setup_teardown(too_many_at_once_are_sent_away, setup, teardown),
		cmocka_unit_test_setup_teardown(who_may_not_review_decides_nothing_and_asks_again,
						setup, teardown),
		cmocka_unit_test_setup_teardown(the_end_tells_everyone, setup, teardown),
		cmocka_unit_test_setup_teardown(without_memory_nothing_is_decided, setup, teardown),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
