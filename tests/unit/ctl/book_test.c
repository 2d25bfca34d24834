/* SPDX-License-Identifier: Apache-2.0 */
/* Records of addresses, between what the watch shows and what answers say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include <bw/err.h>

#include "book.h"

static struct ctl_book book;
static struct bw_ip address;

static int set_up(void **state)
{
	(void)state;
	assert_int_equal(bw_ip_parse("10.99.0.13", &address), 0);
	return ctl_book_init(&book, NULL);
}

static int tear_down(void **state)
{
	(void)state;
	ctl_book_done(&book);
	return 0;
}

/* What is said of the address at @rv, by @known; the record then. */
static struct ctl_addr *said(const char *rv, enum ctl_known known, int want)
{
	const struct ctl_addr_facts f = { .uid = known == CTL_ASSUMED ? "" : "u-1",
					  .rv = rv,
					  .pool = "lan",
					  .claim_ns = "db",
					  .claim_name = "a",
					  .claim_uid = "u-a",
					  .state = BW_NET_ADDRESS_STATE_BOUND };

	assert_int_equal(ctl_book_put(&book, "lan", &address, &f, known, 1, NULL), want);
	return ctl_book_find(&book, "lan", &address);
}

static void an_answer_is_good_until_the_watch_shows_it(void **state)
{
	(void)state;
	assert_int_equal(said("", CTL_ASSUMED, 1)->known, CTL_ASSUMED);
	(void)said("", CTL_ASSUMED, -EEXIST);
	assert_int_equal(said("7", CTL_LIVE, 1)->known, CTL_LIVE);
	assert_int_equal(said("6", CTL_SEEN, 0)->known, CTL_LIVE); /* older */
	assert_false(bw_list_empty(&book.pending));
	assert_int_equal(said("7", CTL_SEEN, 1)->known, CTL_SEEN);
	assert_true(bw_list_empty(&book.pending));
}

/* No event would ever say again that it is there. */
static void what_the_watch_was_faster_to_show_stays_seen(void **state)
{
	(void)state;
	(void)said("", CTL_ASSUMED, 1);
	assert_int_equal(said("7", CTL_SEEN, 1)->known, CTL_SEEN);
	assert_int_equal(said("7", CTL_LIVE, 1)->known, CTL_SEEN);
	assert_true(bw_list_empty(&book.pending));
	/* Another version is news: its event comes. */
	assert_int_equal(said("8", CTL_LIVE, 1)->known, CTL_LIVE);
	assert_false(bw_list_empty(&book.pending));
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_answer_is_good_until_the_watch_shows_it),
		TEST(what_the_watch_was_faster_to_show_stays_seen),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
