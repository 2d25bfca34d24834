/* SPDX-License-Identifier: Apache-2.0 */
/* The page's pieces from objects: what they say, what hostile texts become, and where they end. */
#include "failalloc.h"

#include "../../page/feed.h"
#include "view.h"

#define MS 1000000LL
#define S 1000000000LL
#define TEXT_MAX 4096

struct bed {
	struct feed feed;
	struct page_options o;
	struct page_model m;
	unsigned int told;
};

static void on_told(void *arg)
{
	((struct bed *)arg)->told++;
}

static void run(struct bed *b, int64_t ns)
{
	int64_t until = bw_loop_now_ns(b->feed.loop) + ns;

	while (bw_loop_step(b->feed.loop, 0, until, NULL) == 1)
		;
}

static int setup(void **state)
{
	struct bed *b = calloc(1, sizeof(*b));

	if (!b)
		return -1;
	assert_int_equal(bw_loop_new_virtual(1000 * S, 1790000000, &b->feed.loop, NULL), 0);
	assert_int_equal(feed_init(&b->feed, NULL), 0);
	assert_int_equal(feed_wait(&b->feed), 0);
	b->o = feed_options(&b->feed);
	assert_int_equal(page_model_init(&b->m, &b->o, on_told, b, NULL), 0);
	*state = b;
	return 0;
}

static int teardown(void **state)
{
	struct bed *b = *state;

	page_model_done(&b->m);
	feed_done(&b->feed);
	free(b);
	return 0;
}

static void put_unit(struct bed *b, const char *type, const char *ns, const char *name,
		     const char *node, const char *status)
{
	char text[TEXT_MAX];

	(void)snprintf(text, sizeof(text),
		       "{\"metadata\":{\"namespace\":\"%s\",\"name\":\"%s\",\"uid\":\"u\","
		       "\"resourceVersion\":\"%u\",\"creationTimestamp\":\"2026-11-22T06:00:00Z\"},"
		       "\"spec\":{\"startup\":true,\"networking\":{\"network\":\"lan\"},"
		       "\"template\":{\"spec\":{\"containers\":[{\"name\":\"c\"}]}}},"
		       "\"status\":{%s%s%s%s}}",
		       ns, name, 100 + b->feed.rv++, node ? "\"nodeName\":\"" : "",
		       node ? node : "", node ? "\"," : "", status);
	assert_int_equal(feed_event(&b->feed, "units", type, text), 0);
}

#define READY "\"phase\":\"Ready\",\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\"}]"

static void put_pool(struct bed *b, const char *name, const char *range)
{
	char text[TEXT_MAX];

	(void)snprintf(
		text, sizeof(text),
		"{\"metadata\":{\"name\":\"%s\",\"uid\":\"u\",\"resourceVersion\":\"%u\"},"
		"\"spec\":{\"domain\":\"lan\",\"prefix\":\"10.0.0.0/16\",\"ranges\":[\"%s\"],"
		"\"mode\":\"bridge\"}}",
		name, 100 + b->feed.rv++, range);
	assert_int_equal(feed_event(&b->feed, "networkpools", "ADDED", text), 0);
}

static void look(struct bed *b)
{
	feed_sync(&b->feed);
	page_model_use(&b->m);
	run(b, 3 * S);
	assert_true(b->m.loaded);
	page_model_settle(&b->m);
}

/* The whole page of a view. */
static struct page_html whole(struct bed *b, const struct page_view *v)
{
	static const struct page_view all = { .page = 1 };
	BW_CLEANUP(page_shot_done) struct page_shot shot = { 0 };
	struct page_html h = { 0 };

	assert_int_equal(page_shot_take(&b->m, v ? v : &all, &shot), 0);
	for (int i = 0; i < PAGE_PART_MAX_; i++)
		page_shot_part(&h, &shot, (enum page_part)i);
	assert_false(h.failed);
	return h;
}

static void html_done(struct page_html *h)
{
	bw_buf_done(&h->b);
}

static void has(const struct page_html *h, const char *what)
{
	if (!strstr(h->b.data, what))
		fail_msg("no \"%s\" in %s", what, h->b.data);
}

static void lacks(const struct page_html *h, const char *what)
{
	if (strstr(h->b.data, what))
		fail_msg("\"%s\" is in %s", what, h->b.data);
}

static void texts_of_others_become_harmless(void **state)
{
	static const struct {
		const char *in;
		const char *out;
	} cases[] = {
		{ "<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;" },
		{ "a\" onclick='x' &amp;", "a&#34; onclick=&#39;x&#39; &amp;amp;" },
		{ "one\r\ndata: two\n\n", "one  data: two  " },
		{ "\x80\xff\xc3(", "??"
				   "?(" },
		{ "gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f" },
		{ "\x7f\x01", "  " },
		{ "", "" },
	};

	(void)state;
	for (size_t i = 0; i < BW_ARRAY_SIZE(cases); i++) {
		BW_CLEANUP(html_done) struct page_html h = { 0 };

		page_text(&h, cases[i].in);
		assert_string_equal(h.b.size ? h.b.data : "", cases[i].out);
	}
}

static void a_text_ends_at_its_bound_and_at_a_character(void **state)
{
	BW_CLEANUP(html_done) struct page_html h = { 0 };
	char text[3 * PAGE_TEXT_MAX];

	(void)state;
	memset(text, 'x', sizeof(text));
	memcpy(text + PAGE_TEXT_MAX - 1, "\xc3\xbc", 2); /* stands across the bound */
	text[sizeof(text) - 1] = '\0';
	page_text(&h, text);
	assert_int_equal(h.b.size, PAGE_TEXT_MAX - 1 + strlen("…"));
	assert_string_equal(h.b.data + PAGE_TEXT_MAX - 1, "…");
	page_text(&h, NULL);
	assert_int_equal(h.b.size, PAGE_TEXT_MAX - 1 + strlen("…"));
}

static void units_stand_by_node_and_say_what_they_do(void **state)
{
	BW_CLEANUP(html_done) struct page_html h = { 0 };
	struct bed *b = *state;

	put_unit(b, "ADDED", "shop", "b", "node-2",
		 READY ",\"claim\":{\"name\":\"c\",\"addresses\":[\"10.0.0.7\"]}");
	put_unit(b, "ADDED", "shop", "a", NULL,
		 "\"phase\":\"Pending\",\"task\":\"waiting for an address\",\"conditions\":[{"
		 "\"type\":\"Ready\",\"status\":\"False\",\"reason\":\"PoolExhausted\","
		 "\"message\":\"0 of 8 free\"},{\"type\":\"ClaimBound\",\"status\":\"False\","
		 "\"reason\":\"PoolExhausted\",\"message\":\"0 of 8 free\"}]");
	look(b);
	h = whole(b, NULL);
	has(&h, "?node=node-2");
	has(&h, "10.0.0.7");
	has(&h, "1 Unit, 1 ready");
	has(&h, "On no node");
	has(&h, "<code>PoolExhausted</code> 0 of 8 free");
	has(&h, "<b>To do</b> barewire pool shows");
	has(&h, "There is no NetworkPool");
	/* One reason once, and who has no node comes last. */
	assert_null(strstr(strstr(h.b.data, "<code>PoolExhausted") + 1, "<code>PoolExhausted"));
	assert_true(strstr(h.b.data, "On no node") > strstr(h.b.data, "?node=node-2"));
}

static void hostile_objects_are_shown_as_texts(void **state)
{
	BW_CLEANUP(html_done) struct page_html h = { 0 };
	struct bed *b = *state;

	put_unit(
		b, "ADDED", "<i>ns", "<b>n&\\\"'", "<img src=x>",
		"\"phase\":\"Pending\",\"task\":\"<script>t()</script>\",\"conditions\":[{"
		"\"type\":\"Ready\",\"status\":\"False\",\"reason\":\"<script>r\","
		"\"lastTransitionTime\":\"\\\"><script>z\","
		"\"message\":\"a\\ndata: <script>m\"}],\"claim\":{\"name\":\"c\",\"addresses\":[\"<u>1\"]}");
	put_pool(b, "<svg onload=p>", "10.0.1.1-<b>");
	look(b);
	h = whole(b, NULL);
	lacks(&h, "<script");
	lacks(&h, "<img");
	lacks(&h, "<i>ns");
	lacks(&h, "<b>n");
	lacks(&h, "<u>");
	lacks(&h, "<svg onload");
	lacks(&h, "\n");
	has(&h, "&lt;script&gt;m");
}

static void what_cannot_be_read_is_shown_as_that(void **state)
{
	BW_CLEANUP(html_done) struct page_html h = { 0 };
	struct bed *b = *state;

	assert_int_equal(feed_event(&b->feed, "units", "ADDED",
				    "{\"metadata\":{\"namespace\":\"shop\",\"name\":\"odd\","
				    "\"uid\":\"u\",\"resourceVersion\":\"7\"},\"spec\":7}"),
			 0);
	look(b);
	h = whole(b, NULL);
	has(&h, "Unreadable");
	has(&h, "odd");
	has(&h, "1</b> in trouble");
}

static void a_pool_shows_what_its_addresses_are(void **state)
{
	BW_CLEANUP(html_done) struct page_html h = { 0 };
	struct bed *b = *state;

	put_pool(b, "lan", "10.0.1.1-10.0.1.10");
	assert_int_equal(
		feed_event(&b->feed, "networkaddresses", "ADDED",
			   "{\"metadata\":{\"name\":\"lan.10-0-1-3\",\"uid\":\"u\","
			   "\"resourceVersion\":\"9\"},\"spec\":{\"domain\":\"lan\",\"address\":"
			   "\"10.0.1.3\",\"pool\":\"lan\",\"state\":\"Quarantined\",\"stateSince\":"
			   "\"2026-11-22T06:00:00Z\"}}"),
		0);
	look(b);
	h = whole(b, NULL);
	has(&h, "<b>9</b> free");
	has(&h, "<b>1</b> quarantined");
	has(&h, "10.0.1.1 – 10.0.1.10");
	has(&h, "one address a cell");
	lacks(&h, "cooling");
}

static void many_units_are_shown_a_page_at_a_time(void **state)
{
	BW_CLEANUP(html_done) struct page_html h = { 0 };
	struct page_view v = { .page = 3 };
	struct bed *b = *state;
	char name[32];

	for (int i = 0; i < 2 * PAGE_ROWS_MAX + 50; i++) {
		(void)snprintf(name, sizeof(name), "u-%04d", i);
		put_unit(b, "ADDED", "shop", name, "node-1",
			 i % 2 ? READY : "\"phase\":\"Failed\",\"conditions\":[]");
	}
	look(b);
	h = whole(b, &v);
	has(&h, "Shown are 401 to 450 of 450 Units.");
	has(&h, "?page=2");
	lacks(&h, "?page=4");
	has(&h, "175 more are not shown");
	has(&h, "u-0449");
	lacks(&h, "/a>u-0399<");
	bw_buf_done(&h.b);
	v.page = 1000; /* beyond the last one is the last one */
	h = whole(b, &v);
	has(&h, "Shown are 401 to 450");
	bw_buf_done(&h.b);
	v.page = 1;
	assert_int_equal(page_view_set(&v, "namespace", "elsewhere"), 0);
	h = whole(b, &v);
	has(&h, "namespace elsewhere: 0 Units.");
	has(&h, "There is no Unit here.");
}

static void addresses_of_the_page_are_checked(void **state)
{
	static const char *const bad[][2] = {
		{ "page", "0" },      { "page", "-1" },  { "page", "9999999" },
		{ "page", "1x" },     { "node", "a b" }, { "node", "<" },
		{ "node", "A" },      { "node", "a/b" }, { "namespace", "'" },
		{ "namespace", "%" },
	};
	struct page_view v = { .page = 1 };
	char text[400];

	(void)state;
	for (size_t i = 0; i < BW_ARRAY_SIZE(bad); i++)
		assert_int_equal(page_view_set(&v, bad[i][0], bad[i][1]), -EINVAL);
	memset(text, 'a', sizeof(text));
	text[BW_KUBE_NAME_MAX + 1] = '\0';
	assert_int_equal(page_view_set(&v, "node", text), -EINVAL);
	text[BW_KUBE_NAME_MAX] = '\0';
	assert_int_equal(page_view_set(&v, "node", text), 0);
	assert_int_equal(page_view_set(&v, "node", NULL), 0);
	assert_int_equal(page_view_set(&v, "else", "<>"), 0);
	assert_int_equal(page_view_set(&v, "page", "17"), 0);
	assert_int_equal(v.page, 17);
}

static void a_change_is_one_line_and_another_order_a_part(void **state)
{
	static const struct page_view all = { .page = 1 };
	BW_CLEANUP(page_shot_done) struct page_shot before = { 0 };
	BW_CLEANUP(page_shot_done) struct page_shot now = { 0 };
	BW_CLEANUP(html_done) struct page_html h = { 0 };
	struct bed *b = *state;

	put_unit(b, "ADDED", "shop", "a", "node-1", READY);
	put_unit(b, "ADDED", "shop", "b", "node-1", READY);
	look(b);
	assert_int_equal(page_shot_take(&b->m, &all, &before), 0);
	assert_int_equal(page_shot_diff(&h, NULL, &before), PAGE_PART_MAX_);
	bw_buf_done(&h.b);
	put_unit(b, "MODIFIED", "shop", "b", "node-1", READY ",\"task\":\"something\"");
	run(b, 2 * S);
	assert_int_equal(page_shot_take(&b->m, &all, &now), 0);
	assert_int_equal(page_shot_diff(&h, &before, &now), 1);
	assert_true(strncmp(h.b.data, "data: <tr id=\"u", 15) == 0);
	has(&h, "something");
	bw_buf_done(&h.b);
	page_shot_done(&before);
	assert_int_equal(page_shot_take(&b->m, &all, &before), 0);
	page_shot_done(&now);
	put_unit(b, "DELETED", "shop", "a", "node-1", READY);
	run(b, 2 * S);
	assert_int_equal(page_shot_take(&b->m, &all, &now), 0);
	assert_int_equal(page_shot_diff(&h, &before, &now), 2); /* the sums and the Units */
	has(&h, "data: <section id=\"part-units\"");
}

static void changes_are_told_twice_a_second_at_most(void **state)
{
	struct bed *b = *state;
	unsigned int told;

	put_unit(b, "ADDED", "shop", "a", "node-1", READY);
	look(b);
	told = b->told;
	for (int i = 0; i < 1000; i++) { /* in ten seconds */
		put_unit(b, "MODIFIED", "shop", "a", "node-1",
			 i % 2 ? READY : "\"phase\":\"Running\"");
		run(b, 10 * MS);
	}
	assert_in_range(b->told - told, 15, 21);
}

static void nobody_looks_and_nothing_is_done(void **state)
{
	struct bed *b = *state;

	put_unit(b, "ADDED", "shop", "a", "node-1", READY);
	feed_sync(&b->feed);
	run(b, 3 * S);
	assert_int_equal(b->m.units.n, 0);
	page_model_use(&b->m);
	run(b, S);
	assert_int_equal(b->m.units.n, 1);
	page_model_unuse(&b->m);
	run(b, (PAGE_LINGER_S - 1) * S);
	assert_true(b->m.active);
	run(b, 2 * S);
	assert_false(b->m.active);
	assert_int_equal(b->m.units.n, 0);
	put_unit(b, "MODIFIED", "shop", "a", "node-1", READY);
	assert_int_equal(b->m.units.n, 0);
	page_model_use(&b->m);
	run(b, S);
	assert_int_equal(b->m.units.n, 1);
	assert_int_equal(b->feed.asked, 0);
}

static void nodes_say_why_they_take_nothing(void **state)
{
	BW_CLEANUP(html_done) struct page_html h = { 0 };
	struct bed *b = *state;

	put_unit(b, "ADDED", "shop", "a", "node-1", READY);
	put_unit(b, "ADDED", "shop", "b", "node-2", READY);
	assert_int_equal(
		feed_event(&b->feed, "nodes", "ADDED",
			   "{\"metadata\":{\"name\":\"node-1\",\"uid\":\"u\","
			   "\"resourceVersion\":\"5\"},\"spec\":{\"taints\":[{\"key\":"
			   "\"node.kubernetes.io/out-of-service\",\"effect\":\"NoExecute\"},"
			   "{\"key\":\"node.kubernetes.io/out-of-service\",\"effect\":"
			   "\"NoSchedule\"}]}}"),
		0);
	assert_int_equal(feed_event(&b->feed, "nodenetworks", "ADDED",
				    "{\"metadata\":{\"name\":\"node-1\",\"uid\":\"u\","
				    "\"resourceVersion\":\"6\"},\"status\":{\"domains\":[{"
				    "\"domain\":\"lan\",\"ready\":false,\"reason\":\"NoUplink\","
				    "\"message\":\"nothing gives one\"}]}}"),
			 0);
	look(b);
	h = whole(b, NULL);
	has(&h, "<span class=\"flag\">out of service</span></h3>");
	has(&h, "<code>NoUplink</code> domain lan: nothing gives one");
	has(&h, "no such node");
}

/* Whatever allocation fails: nothing breaks, and with memory the page is whole again. */
static void without_memory_the_page_lacks_and_comes_back(void **state)
{
	struct bed *b = *state;

	put_pool(b, "lan", "10.0.1.1-10.0.1.10");
	put_unit(b, "ADDED", "shop", "a", "node-1", READY);
	put_unit(b, "ADDED", "shop", "b", NULL, "\"phase\":\"Pending\",\"conditions\":[]");
	feed_sync(&b->feed);
	run(b, 3 * S);
	for (long i = 0; i < 2000; i++) {
		static const struct page_view all = { .page = 1 };
		BW_CLEANUP(page_shot_done) struct page_shot shot = { 0 };
		BW_CLEANUP(html_done) struct page_html h = { 0 };
		int failed;

		fail_alloc_start(i);
		page_model_use(&b->m);
		run(b, S);
		page_model_settle(&b->m);
		if (b->m.loaded && page_shot_take(&b->m, &all, &shot) == 0)
			for (int k = 0; k < PAGE_PART_MAX_; k++)
				page_shot_part(&h, &shot, (enum page_part)k);
		failed = fail_alloc_stop();
		page_model_unuse(&b->m);
		run(b, (PAGE_LINGER_S + 1) * S);
		if (!failed)
			break;
	}
	assert_int_equal(b->m.units.n, 0);
	look(b);
	assert_int_equal(b->m.units.n, 2);
	assert_int_equal(b->m.n_out, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_of_others_become_harmless),
		cmocka_unit_test(a_text_ends_at_its_bound_and_at_a_character),
		cmocka_unit_test(addresses_of_the_page_are_checked),
		cmocka_unit_test_setup_teardown(units_stand_by_node_and_say_what_they_do, setup,
						teardown),
		cmocka_unit_test_setup_teardown(hostile_objects_are_shown_as_texts, setup,
						teardown),
		cmocka_unit_test_setup_teardown(what_cannot_be_read_is_shown_as_that, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_pool_shows_what_its_addresses_are, setup,
						teardown),
		cmocka_unit_test_setup_teardown(many_units_are_shown_a_page_at_a_time, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_change_is_one_line_and_another_order_a_part,
						setup, teardown),
		cmocka_unit_test_setup_teardown(changes_are_told_twice_a_second_at_most, setup,
						teardown),
		cmocka_unit_test_setup_teardown(nobody_looks_and_nothing_is_done, setup, teardown),
		cmocka_unit_test_setup_teardown(nodes_say_why_they_take_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(without_memory_the_page_lacks_and_comes_back, setup,
						teardown),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
