/* SPDX-License-Identifier: Apache-2.0 */
/* All watches of a runtime at once: after a restore, and when one has found the server again. */
#include "bed.h"

static void count(void *arg)
{
	++*(unsigned int *)arg;
}

static struct fake_call *sync_of(struct bed *b, const char *plural)
{
	struct fake_call *k;

	fake_run(&b->f, S);
	k = fake_next(&b->f, BW_KUBE_WATCH, plural);
	assert_true(k->flags & BW_KUBE_F_INITIAL);
	assert_string_equal(k->rv, "");
	return k;
}

static void every_store_is_listed_anew_and_then_it_is_told_once(void **state UNUSED)
{
	struct fake_call *claims_now, *addresses_now;
	unsigned int told = 0;
	struct bed b;

	start(&b, 2);
	bw_kube_runtime_resync(b.rt, count, &told);
	/* Nothing happens inside: whoever asks may be told something by one of the watches. */
	assert_int_equal(b.claim_watch->state, FAKE_WAITING);
	/* What came before the lists does not count as one. */
	assert_int_equal(fake_bookmark(b.claim_watch, 21, 0), 0);
	claims_now = sync_of(&b, "networkclaims");
	addresses_now = sync_of(&b, "networkaddresses");
	assert_int_equal(b.claim_watch->state, FAKE_CANCELLED);
	assert_int_equal(b.address_watch->state, FAKE_CANCELLED);
	assert_int_equal(fake_event(claims_now, "ADDED", "db", "a", 10, ""), 0);
	assert_int_equal(fake_bookmark(claims_now, 30, 1), 0);
	fake_run(&b.f, S);
	assert_int_equal(bw_kube_store_count(b.claims), 1);
	assert_int_equal(told, 0);
	assert_int_equal(fake_bookmark(addresses_now, 30, 1), 0);
	fake_run(&b.f, S);
	assert_int_equal(told, 1);
	assert_int_equal(fake_bookmark(addresses_now, 31, 0), 0);
	fake_run(&b.f, S);
	assert_int_equal(told, 1);
	unmake(&b);
}

static void who_asks_again_meanwhile_is_told_of_the_later_lists(void **state UNUSED)
{
	unsigned int first = 0, second = 0;
	struct fake_call *last;
	struct bed b;

	start(&b, 1);
	bw_kube_runtime_resync(b.rt, count, &first);
	assert_int_equal(fake_bookmark(sync_of(&b, "networkclaims"), 30, 1), 0);
	last = sync_of(&b, "networkaddresses");
	bw_kube_runtime_resync(b.rt, count, &second);
	assert_int_equal(fake_bookmark(last, 30, 1), 0);
	assert_int_equal(fake_bookmark(sync_of(&b, "networkclaims"), 31, 1), 0);
	fake_run(&b.f, S);
	assert_int_equal(first + second, 0);
	assert_int_equal(fake_bookmark(sync_of(&b, "networkaddresses"), 31, 1), 0);
	fake_run(&b.f, S);
	assert_int_equal(first, 0);
	assert_int_equal(second, 1);
	unmake(&b);
}

/* One that may not be read does not hold up who waits. */
static void a_store_that_was_never_read_is_not_waited_for(void **state UNUSED)
{
	unsigned int told = 0;
	struct bed b;

	make(&b, 0);
	fake_run(&b.f, 100 * MS);
	assert_int_equal(fake_bookmark(fake_next(&b.f, BW_KUBE_WATCH, "networkclaims"), 20, 1), 0);
	fake_end(fake_next(&b.f, BW_KUBE_WATCH, "networkaddresses"), BW_KUBE_FORBIDDEN, 0, NULL);
	bw_kube_runtime_resync(b.rt, count, &told);
	assert_int_equal(fake_bookmark(sync_of(&b, "networkclaims"), 20, 1), 0);
	fake_run(&b.f, S);
	assert_int_equal(told, 1);
	unmake(&b);
}

static void answer_probe(struct fake_call *k, unsigned int rv)
{
	char text[128];

	(void)snprintf(text, sizeof(text),
		       "{\"metadata\":{\"resourceVersion\":\"%u\"},\"items\":[]}", rv);
	assert_int_equal(fake_data(k, text), 0);
	fake_end(k, BW_KUBE_OK, 0, NULL);
}

/* Half a minute later than the first would be half a minute of a cache that is behind. */
static void one_that_finds_the_server_wakes_the_others(void **state UNUSED)
{
	struct fake_call *k;
	struct bed b;

	start(&b, 1);
	fake_end(b.claim_watch, BW_KUBE_REFUSED, 0, NULL);
	fake_end(b.address_watch, BW_KUBE_REFUSED, 0, NULL);
	for (int64_t end = fake_now(&b.f) + 300 * S; fake_now(&b.f) < end;) {
		fake_run(&b.f, 100 * MS);
		while ((k = fake_peek(&b.f, BW_KUBE_LIST, NULL)) != NULL)
			fake_end(k, BW_KUBE_REFUSED, 0, NULL);
	}
	while (!(k = fake_peek(&b.f, BW_KUBE_LIST, "networkclaims"))) {
		while ((k = fake_peek(&b.f, BW_KUBE_LIST, "networkaddresses")) != NULL)
			fake_end(k, BW_KUBE_REFUSED, 0, NULL);
		fake_run(&b.f, 100 * MS);
	}
	assert_null(fake_peek(&b.f, BW_KUBE_LIST, "networkaddresses"));
	answer_probe(k, 20);
	fake_run(&b.f, 510 * MS);
	answer_probe(fake_next(&b.f, BW_KUBE_LIST, "networkaddresses"), 20);
	assert_string_equal(fake_next(&b.f, BW_KUBE_WATCH, "networkaddresses")->rv, "20");
	unmake(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_store_is_listed_anew_and_then_it_is_told_once),
		cmocka_unit_test(who_asks_again_meanwhile_is_told_of_the_later_lists),
		cmocka_unit_test(a_store_that_was_never_read_is_not_waited_for),
		cmocka_unit_test(one_that_finds_the_server_wakes_the_others),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
