/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every allocation between a watch's event and the second reconcile fails once: nothing leaks, no
 * key is lost, and the claim is Bound in the end.
 */
#include "failalloc.h"

#include "bed.h"

static int claim_is_bound(const struct bed *b)
{
	const struct bw_kube_object *o = bw_kube_store_get(b->claims, "db", "a");

	return o && strstr(o->text, "Bound") != NULL;
}

/* A server that does what it is asked to, and shows it in the watches. */
static void serve(struct bed *b, unsigned int *rv)
{
	struct fake_call *k;

	while ((k = fake_peek(&b->f, BW_KUBE_CREATE, "networkaddresses")) != NULL) {
		fake_wrote(k, "lan.10-0-0-1", ++*rv);
		k = fake_peek(&b->f, BW_KUBE_WATCH, "networkaddresses");
		if (k)
			(void)fake_event(k, "ADDED", "", "lan.10-0-0-1", *rv, "");
	}
	while ((k = fake_peek(&b->f, BW_KUBE_MERGE, "networkclaims")) != NULL) {
		fake_wrote(k, "a", ++*rv);
		k = fake_peek(&b->f, BW_KUBE_WATCH, "networkclaims");
		if (k)
			(void)fake_event(k, "MODIFIED", "db", "a", *rv,
					 ",\"status\":{\"phase\":\"Bound\"}");
	}
	while ((k = fake_peek(&b->f, BW_KUBE_CREATE, "events")) != NULL)
		fake_end(k, BW_KUBE_OK, 0, "{}");
}

static void every_allocation_on_the_way_may_fail_once(void **state UNUSED)
{
	long n = 0;
	int failed;

	do {
		unsigned int rv = 30;
		struct bed b;

		make(&b, 0);
		sync_stores(&b, 0);
		bw_kube_runtime_lead(b.rt, 1);
		fake_run(&b.f, 0);
		b.plan = plan_allocate;
		fail_alloc_start(n++);
		if (fake_event(b.claim_watch, "ADDED", "db", "a", 21, "") < 0) {
			/* It is heard of again: the version was not passed. */
			fake_run(&b.f, 2 * S);
			b.claim_watch = fake_next(&b.f, BW_KUBE_WATCH, "networkclaims");
			assert_string_equal(b.claim_watch->rv, "20");
			assert_int_equal(fake_event(b.claim_watch, "ADDED", "db", "a", 21, ""), 0);
		}
		for (unsigned int i = 0; i < 300 && !claim_is_bound(&b); i++) {
			fake_run(&b.f, 100 * MS);
			serve(&b, &rv);
			if (rv > 31 && !claim_is_bound(&b) &&
			    fake_peek(&b.f, BW_KUBE_WATCH, "networkclaims") != b.claim_watch) {
				/* The event of the write was lost to memory, too. */
				b.claim_watch = fake_peek(&b.f, BW_KUBE_WATCH, "networkclaims");
				if (b.claim_watch)
					(void)fake_event(b.claim_watch, "MODIFIED", "db", "a", rv,
							 ",\"status\":{\"phase\":\"Bound\"}");
			}
		}
		failed = fail_alloc_stop();
		if (!claim_is_bound(&b))
			fail_msg("allocation %ld: the claim is not bound after %u runs", n - 1,
				 b.runs);
		unmake(&b);
	} while (failed);
	assert_true(n > (FAIL_ALLOC_WORKS ? 15 : 0));
	print_message("# %ld allocations failed once each\n", n - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_allocation_on_the_way_may_fail_once),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
