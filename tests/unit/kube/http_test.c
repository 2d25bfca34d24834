/* SPDX-License-Identifier: Apache-2.0 */
/* The wire, rule by rule, over plain HTTP against a server that does what it is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "fakeserver.h"

static const struct bw_kube_kind pods = { "", "v1", "pods", "Pod", 1 };

static struct fake server;

static int start(void **state)
{
	(void)state;
	fake_start(&server, NULL);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	fake_stop(&server);
	return 0;
}

static int setup(void **state)
{
	(void)state;
	fake_client(&server, fake_config(&server, "http"), NULL);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fake_forget(&server);
	return 0;
}

static const struct bw_kube_request get_x = {
	.verb = BW_KUBE_GET, .kind = &pods, .namespace = "d", .name = "x"
};
static const struct bw_kube_request create_x = {
	.verb = BW_KUBE_CREATE, .kind = &pods, .namespace = "d", .body = "{\"a\":1}", .manager = "m"
};
static const struct bw_kube_request watch_x = { .verb = BW_KUBE_WATCH,
						.kind = &pods,
						.flags = BW_KUBE_F_BOOKMARKS,
						.resource_version = "7",
						.timeout_ms = 300000 };

/* A client whose limits a test can wait for. */
static void quick_client(unsigned int call_ms, unsigned int idle_s)
{
	struct bw_kube_http_options o = { .call_ms = call_ms,
					  .list_ms = call_ms,
					  .idle_s = idle_s };

	fake_client(&server, fake_config(&server, "http"), &o);
}

static void request_has_the_headers_the_server_needs(void **state)
{
	bw_autocall struct call c = { 0 };
	bw_autoseen struct seen s = { 0 };
	char agent[256];

	(void)state;
	fake_say(&server, "{\"body\":\"{\\\"kind\\\":\\\"Pod\\\"}\"}");
	call_whole(&server, &c, &get_x);
	s = fake_seen(&server);
	assert_seen(&s, "method", "GET");
	assert_seen(&s, "target", "/api/v1/namespaces/d/pods/x");
	assert_header(&s, "accept", "application/json");
	/* Only lists are compressed. */
	assert_header(&s, "accept-encoding", "");
	/* A browser's, curl's or wget's name would make the server pretty-print. */
	seen_text(&s, "headers", "user-agent", agent, sizeof(agent));
	assert_memory_equal(agent, "barewire", 8);
	assert_int_equal(c.reply.result, BW_KUBE_OK);
	assert_string_equal(c.reply.body, "{\"kind\":\"Pod\"}");
}

static void write_sends_its_body_at_once(void **state)
{
	static char large[3 << 20];
	struct bw_kube_request r = create_x;
	bw_autocall struct call c = { 0 };
	bw_autoseen struct seen s = { 0 };
	bw_autoseen struct seen s2 = { 0 };
	int64_t start;

	(void)state;
	fake_say(&server, "{\"status\":201,\"body\":\"{}\"}");
	call_whole(&server, &c, &r);
	s = fake_seen(&server);
	assert_seen(&s, "method", "POST");
	assert_seen(&s, "body", "{\"a\":1}");
	assert_header(&s, "content-type", "application/json");
	assert_header(&s, "content-length", "7");
	assert_header(&s, "expect", "");
	call_end(&c);
	/* Not after the second that waiting for "100 Continue" takes. */
	memset(large, 'x', sizeof(large) - 1);
	r.body = large;
	fake_say(&server, "{\"status\":201,\"body\":\"{}\"}");
	start = bw_loop_now_ns(server.loop);
	call_whole(&server, &c, &r);
	assert_int_equal(c.reply.result, BW_KUBE_OK);
	assert_true(bw_loop_now_ns(server.loop) - start < 900 * MS);
	s2 = fake_seen(&server);
	assert_header(&s2, "expect", "");
}

static void patch_and_delete_have_method_and_body(void **state)
{
	struct bw_kube_request merge = { .verb = BW_KUBE_MERGE,
					 .kind = &pods,
					 .namespace = "d",
					 .name = "x",
					 .subresource = "status",
					 .body = "{\"s\":2}###",
					 .body_size = 7 };
	struct bw_kube_request del = {
		.verb = BW_KUBE_DELETE, .kind = &pods, .namespace = "d", .name = "x", .uid = "u1"
	};
	bw_autocall struct call c = { 0 };
	bw_autocall struct call d = { 0 };
	bw_autoseen struct seen s = { 0 };
	bw_autoseen struct seen s2 = { 0 };

	(void)state;
	fake_say(&server, "{\"body\":\"{}\"}");
	fake_say(&server, "{\"body\":\"{}\"}");
	call_whole(&server, &c, &merge);
	call_whole(&server, &d, &del);
	s = fake_seen(&server);
	s2 = fake_seen(&server);
	assert_seen(&s, "method", "PATCH");
	assert_seen(&s, "body", "{\"s\":2}");
	assert_header(&s, "content-type", "application/merge-patch+json");
	assert_seen(&s2, "method", "DELETE");
	assert_seen(&s2, "body",
		    "{\"apiVersion\":\"v1\",\"kind\":\"DeleteOptions\",\"propagationPolicy\":"
		    "\"Background\",\"preconditions\":{\"uid\":\"u1\"}}");
}

static void lists_come_compressed(void **state)
{
	struct bw_kube_request r = { .verb = BW_KUBE_LIST, .kind = &pods };
	bw_autocall struct call c = { 0 };
	bw_autoseen struct seen s = { 0 };

	(void)state;
	fake_say(&server, "{\"gzip\":true,\"body\":\"{\\\"items\\\":[{}]}\"}");
	call_whole(&server, &c, &r);
	s = fake_seen(&server);
	assert_header(&s, "accept-encoding", "gzip");
	assert_string_equal(c.reply.body, "{\"items\":[{}]}");
}

static void connection_is_kept(void **state)
{
	int64_t conn = 0;

	(void)state;
	for (int i = 0; i < 4; i++) {
		bw_autocall struct call c = { 0 };
		bw_autoseen struct seen s = { 0 };

		fake_say(&server, "{\"body\":\"{}\"}");
		call_whole(&server, &c, &get_x);
		s = fake_seen(&server);
		assert_true(!i || seen_conn(&s) == conn);
		conn = seen_conn(&s);
	}
}

static void watch_hands_on_pieces_as_they_come(void **state)
{
	bw_autocall struct call w = { 0 };
	bw_autocall struct call c = { 0 };
	bw_autoseen struct seen s = { 0 };
	bw_autoseen struct seen s2 = { 0 };

	(void)state;
	fake_say(&server, "{\"chunks\":[\"{\\\"type\\\":\",\"1}\\n\",{\"ms\":300},\"{}\\n\"]}");
	call_start(&server, &w, &watch_x);
	s = fake_seen(&server);
	assert_seen(&s, "target",
		    "/api/v1/pods?watch=true&allowWatchBookmarks=true&resourceVersion=7&"
		    "timeoutSeconds=300");
	fake_until(&server, &w.pieces, 1);
	assert_int_equal(w.done, 0);
	/* Others do not wait for it, and come on another connection. */
	fake_say(&server, "{\"body\":\"{}\"}");
	call_whole(&server, &c, &get_x);
	s2 = fake_seen(&server);
	assert_true(seen_conn(&s2) != seen_conn(&s));
	fake_until(&server, &w.done, 1);
	assert_int_equal(w.reply.result, BW_KUBE_OK);
	assert_string_equal(w.data.data, "{\"type\":1}\n{}\n");
	assert_string_equal(w.reply.body, "");
}

static void watch_that_breaks_is_no_success(void **state)
{
	bw_autocall struct call w = { 0 };

	(void)state;
	fake_say(&server, "{\"chunks\":[\"{}\\n\"],\"after\":\"reset\"}");
	call_whole(&server, &w, &watch_x);
	assert_int_equal(w.reply.result, BW_KUBE_UNKNOWN);
	assert_string_equal(w.data.data, "{}\n");
	assert_true(strlen(w.reply.message) > 0);
}

/* Both at once, since each takes its time. */
static void silent_watch_is_dead_and_one_without_bookmarks_ends_in_time(void **state)
{
	struct bw_kube_request plain = { .verb = BW_KUBE_WATCH, .kind = &pods, .timeout_ms = 1 };
	bw_autocall struct call w = { 0 };
	bw_autocall struct call v = { 0 };
	int64_t start;

	(void)state;
	quick_client(0, 1);
	start = bw_loop_now_ns(server.loop);
	fake_say(&server, "{\"chunks\":[\"{}\\n\"],\"after\":\"hang\"}");
	fake_say(&server, "{\"chunks\":[\"{}\\n\"],\"after\":\"hang\"}");
	call_start(&server, &w, &watch_x);
	call_start(&server, &v, &plain);
	fake_until(&server, &v.done, 1);
	assert_int_equal(v.reply.result, BW_KUBE_UNKNOWN);
	assert_true(bw_loop_now_ns(server.loop) - start >= 4500 * MS);
	fake_until(&server, &w.done, 1);
	assert_int_equal(w.reply.result, BW_KUBE_UNKNOWN);
	assert_int_equal(w.reply.http, 200);
	assert_true(bw_loop_now_ns(server.loop) - start < 12000 * MS);
}

static void refusal_of_a_watch_is_no_piece_of_it(void **state)
{
	bw_autocall struct call w = { 0 };

	(void)state;
	fake_say(&server, "{\"status\":410,\"body\":\"{\\\"kind\\\":\\\"Status\\\",\\\"reason\\\":"
			  "\\\"Expired\\\",\\\"message\\\":\\\"too old\\\"}\"}");
	call_whole(&server, &w, &watch_x);
	assert_int_equal(w.reply.result, BW_KUBE_GONE);
	assert_string_equal(w.reply.reason, "Expired");
	assert_string_equal(w.reply.message, "too old");
	assert_int_equal(w.pieces, 0);
}

static void data_that_is_refused_ends_the_call(void **state)
{
	bw_autocall struct call w = { 0 };

	(void)state;
	fake_say(&server, "{\"chunks\":[\"{}\\n\"],\"after\":\"hang\"}");
	call_start(&server, &w, &watch_x);
	w.data_returns = -EBADMSG;
	fake_until(&server, &w.done, 1);
	assert_int_equal(w.reply.result, BW_KUBE_UNKNOWN);
	assert_int_equal(w.pieces, 1);
	assert_non_null(strstr(w.reply.message, "cannot be taken"));
}

static void answers_become_results(void **state)
{
	static const struct {
		const char *say;
		enum bw_kube_result result;
		unsigned int retry_ms;
		const char *message;
	} cases[] = {
		{ "{\"status\":429,\"headers\":{\"Retry-After\":\"7\"}}", BW_KUBE_THROTTLED, 7000,
		  "the API server answered with HTTP 429" },
		{ "{\"status\":429,\"headers\":{\"Retry-After\":\"99999999\"}}", BW_KUBE_THROTTLED,
		  600000, NULL },
		{ "{\"status\":503,\"headers\":{\"Retry-After\":\"1\"}}", BW_KUBE_THROTTLED, 1000,
		  NULL },
		{ "{\"status\":500,\"body\":\"{\\\"kind\\\":\\\"Status\\\",\\\"details\\\":{"
		  "\\\"retryAfterSeconds\\\":3}}\"}",
		  BW_KUBE_THROTTLED, 3000, NULL },
		{ "{\"status\":500,\"body\":\"oops\"}", BW_KUBE_UNKNOWN, 0, NULL },
		{ "{\"status\":504,\"body\":\"{\\\"kind\\\":\\\"Status\\\",\\\"details\\\":{"
		  "\\\"causes\\\":[{\\\"reason\\\":\\\"ResourceVersionTooLarge\\\"}]}}\"}",
		  BW_KUBE_TOO_NEW, 0, NULL },
		{ "{\"status\":409,\"body\":\"{\\\"kind\\\":\\\"Status\\\",\\\"reason\\\":"
		  "\\\"AlreadyExists\\\"}\"}",
		  BW_KUBE_EXISTS, 0, NULL },
		{ "{\"status\":409,\"body\":\"{\\\"kind\\\":\\\"Status\\\",\\\"reason\\\":"
		  "\\\"Conflict\\\"}\"}",
		  BW_KUBE_CONFLICT, 0, NULL },
		{ "{\"status\":422,\"body\":\"{\\\"kind\\\":\\\"Status\\\",\\\"message\\\":"
		  "\\\"no\\\\nway\\\"}\"}",
		  BW_KUBE_INVALID, 0, "no?way" },
		{ "{\"status\":401}", BW_KUBE_UNAUTHORIZED, 0, NULL },
		/* Redirects are not followed: credentials would go there. */
		{ "{\"status\":302,\"headers\":{\"Location\":\"/x\"}}", BW_KUBE_INVALID, 0, NULL },
	};

	(void)state;
	for (size_t i = 0; i < BW_ARRAY_SIZE(cases); i++) {
		bw_autocall struct call c = { 0 };
		bw_autoseen struct seen s = { 0 };

		fake_say(&server, cases[i].say);
		call_whole(&server, &c, &create_x);
		s = fake_seen(&server);
		assert_int_equal(c.reply.result, cases[i].result);
		assert_int_equal(c.reply.retry_ms, cases[i].retry_ms);
		if (cases[i].message)
			assert_string_equal(c.reply.message, cases[i].message);
	}
	assert_false(fake_sees(&server, 100));
}

static void refused_connection_means_nothing_was_done(void **state)
{
	struct bw_kube_config *config = calloc(1, sizeof(*config));
	bw_autocall struct call c = { 0 };

	(void)state;
	assert_non_null(config);
	/* A port of nobody's: the discard service. */
	config->server = strdup("http://127.0.0.1:9");
	fake_client(&server, config, NULL);
	call_whole(&server, &c, &create_x);
	assert_int_equal(c.reply.result, BW_KUBE_REFUSED);
	assert_int_equal(c.reply.http, 0);
	assert_non_null(strstr(c.reply.message, "http://127.0.0.1:9"));
}

static void broken_write_may_have_been_done(void **state)
{
	static const char *const ways[] = { "{\"before\":\"reset\"}", "{\"before\":\"close\"}",
					    "{\"body\":\"{\\\"kind\\\":1}\",\"cut\":4}" };

	(void)state;
	for (size_t i = 0; i < BW_ARRAY_SIZE(ways); i++) {
		bw_autocall struct call c = { 0 };
		bw_autoseen struct seen s = { 0 };

		/* On a fresh connection, which libcurl does not try again. */
		quick_client(0, 0);
		fake_say(&server, ways[i]);
		call_whole(&server, &c, &create_x);
		s = fake_seen(&server);
		assert_int_equal(c.reply.result, BW_KUBE_UNKNOWN);
		assert_int_equal(c.reply.body_size, 0);
	}
}

static void refusal_counts_though_its_body_breaks(void **state)
{
	bw_autocall struct call c = { 0 };

	(void)state;
	fake_say(&server, "{\"status\":404,\"body\":\"{\\\"kind\\\":1}\",\"cut\":4}");
	call_whole(&server, &c, &create_x);
	assert_int_equal(c.reply.result, BW_KUBE_NOT_FOUND);
}

/* I3 of the header: so a create that succeeds may answer AlreadyExists. */
static void write_on_a_dead_kept_connection_is_sent_again(void **state)
{
	bw_autocall struct call a = { 0 };
	bw_autocall struct call b = { 0 };
	bw_autoseen struct seen s1 = { 0 };
	bw_autoseen struct seen s2 = { 0 };
	bw_autoseen struct seen s3 = { 0 };

	(void)state;
	fake_say(&server, "{\"body\":\"{}\"}");
	call_whole(&server, &a, &get_x);
	s1 = fake_seen(&server);
	fake_say(&server, "{\"before\":\"close\"}");
	fake_say(&server, "{\"status\":201,\"body\":\"{}\"}");
	call_whole(&server, &b, &create_x);
	s2 = fake_seen(&server);
	s3 = fake_seen(&server);
	assert_int_equal(b.reply.result, BW_KUBE_OK);
	assert_int_equal(seen_conn(&s1), seen_conn(&s2));
	assert_int_not_equal(seen_conn(&s3), seen_conn(&s2));
	assert_seen(&s3, "body", "{\"a\":1}");
}

static void call_ends_by_its_deadline(void **state)
{
	bw_autocall struct call c = { 0 };
	bw_autocall struct call d = { 0 };
	struct bw_kube_request r = get_x;
	int64_t start;

	(void)state;
	quick_client(300, 0);
	start = bw_loop_now_ns(server.loop);
	fake_say(&server, "{\"before\":\"hang\"}");
	call_whole(&server, &c, &create_x);
	assert_int_equal(c.reply.result, BW_KUBE_UNKNOWN);
	assert_true(bw_loop_now_ns(server.loop) - start >= 250 * MS);
	assert_true(bw_loop_now_ns(server.loop) - start < 5000 * MS);
	/* Its own wins. */
	r.timeout_ms = 50;
	fake_say(&server, "{\"before\":\"hang\"}");
	start = bw_loop_now_ns(server.loop);
	call_whole(&server, &d, &r);
	assert_true(bw_loop_now_ns(server.loop) - start < 280 * MS);
}

static void writes_in_flight_are_limited(void **state)
{
	enum { N = BW_KUBE_WRITES_MAX + 3 };
	static struct call calls[N];
	struct call watch;
	int done = 0;

	(void)state;
	quick_client(10000, 0);
	for (int i = 0; i < N; i++)
		call_start(&server, &calls[i], &create_x);
	for (int i = 0; i < BW_KUBE_WRITES_MAX; i++) {
		assert_true(fake_sees(&server, 5000));
	}
	assert_false(fake_sees(&server, 200));
	/* Watches pass. */
	call_start(&server, &watch, &watch_x);
	assert_true(fake_sees(&server, 5000));
	/* One answer, one more on the way. */
	for (int i = 0; i < 3; i++) {
		fake_say(&server, "{\"to\":\"/namespaces/d/\",\"status\":404}");
		assert_true(fake_sees(&server, 5000));
	}
	for (int i = 0; i < N; i++)
		done += calls[i].done;
	assert_true(done <= 3);
	call_end(&watch);
	for (int i = 0; i < N; i++)
		call_end(&calls[i]);
}

/* As a leader under load: no lane has room, more wait, nobody has taken the Lease's connection. */
static void a_renewal_waits_for_nobody(void **state)
{
	enum { N = BW_KUBE_WRITES_MAX + BW_KUBE_READS_MAX + 64 };
	struct bw_kube_request renew = create_x;
	static struct call calls[N];
	int64_t conn = 0;

	(void)state;
	quick_client(20000, 0);
	renew.flags = BW_KUBE_F_URGENT;
	renew.namespace = "lease";
	for (int round = 0; round < 3; round++) {
		bw_autocall struct call c = { 0 };
		bw_autoseen struct seen s = { 0 };

		call_start(&server, &c, &renew);
		s = fake_seen(&server);
		assert_seen(&s, "target",
			    "/api/v1/namespaces/lease/pods?fieldManager=m&fieldValidation=Strict");
		fake_say(&server, "{\"to\":\"/namespaces/lease/\",\"body\":\"{}\"}");
		fake_until(&server, &c.done, 1);
		assert_int_equal(c.reply.result, BW_KUBE_OK);
		assert_true(!round || seen_conn(&s) == conn);
		conn = seen_conn(&s);
		for (int i = 0; i < N && !round; i++)
			call_start(&server, &calls[i], i % 3 ? &create_x : &get_x);
		for (int i = 0; i < BW_KUBE_WRITES_MAX + BW_KUBE_READS_MAX && !round; i++) {
			bw_autoseen struct seen other = fake_seen(&server);

			assert_int_not_equal(seen_conn(&other), conn);
		}
	}
	for (int i = 0; i < N; i++) {
		assert_false(calls[i].done);
		call_end(&calls[i]);
	}
}

static void reads_in_flight_are_limited_and_wait_in_vain(void **state)
{
	enum { N = BW_KUBE_READS_MAX + 1 };
	struct bw_kube_request last = get_x;
	static struct call calls[N];

	(void)state;
	quick_client(300, 0);
	last.timeout_ms = 150;
	for (int i = 0; i < N; i++) {
		fake_say(&server, "{\"before\":\"hang\"}");
		call_start(&server, &calls[i], i == N - 1 ? &last : &get_x);
	}
	fake_until(&server, &calls[N - 1].done, 1);
	assert_int_equal(calls[N - 1].reply.result, BW_KUBE_REFUSED);
	assert_non_null(strstr(calls[N - 1].reply.message, "too many others"));
	for (int i = 0; i < N - 1; i++) {
		fake_until(&server, &calls[i].done, 1);
		assert_int_equal(calls[i].reply.result, BW_KUBE_UNKNOWN);
		call_end(&calls[i]);
	}
	call_end(&calls[N - 1]);
}

static void cancelled_call_is_never_told(void **state)
{
	struct call before, flying, inside, other, after;
	bw_autoseen struct seen s = { 0 };
	bw_autoseen struct seen s2 = { 0 };

	(void)state;
	/* Before it is sent. */
	call_start(&server, &before, &get_x);
	bw_kube_cancel(&before.call);
	/* On its way. */
	call_start(&server, &flying, &get_x);
	s = fake_seen(&server);
	bw_kube_cancel(&flying.call);
	fake_say(&server, "{\"before\":\"hang\",\"to\":\"/x\"}");
	/* By its own data. */
	call_start(&server, &inside, &watch_x);
	fake_say(&server, "{\"to\":\"watch=\",\"chunks\":[\"{}\\n\"],\"after\":\"hang\"}");
	inside.cancels = &inside;
	fake_until(&server, &inside.pieces, 1);
	s2 = fake_seen(&server);
	fake_say(&server, "{\"body\":\"{}\"}");
	call_start(&server, &other, &get_x);
	other.cancels = &other;
	fake_until(&server, &other.done, 1);
	assert_true(fake_sees(&server, 5000));
	/* The client is none the worse. */
	fake_say(&server, "{\"body\":\"{}\"}");
	call_whole(&server, &after, &get_x);
	assert_int_equal(after.reply.result, BW_KUBE_OK);
	assert_int_equal(before.done + flying.done + inside.done, 0);
	call_end(&before);
	call_end(&flying);
	call_end(&inside);
	call_end(&other);
	call_end(&after);
}

static void watch_may_cancel_another_from_its_data(void **state)
{
	struct call a, b;

	(void)state;
	fake_say(&server, "{\"before\":\"hang\"}");
	call_start(&server, &b, &watch_x);
	assert_true(fake_sees(&server, 5000));
	fake_say(&server, "{\"chunks\":[\"{}\\n\"]}");
	call_start(&server, &a, &watch_x);
	a.cancels = &b;
	fake_until(&server, &a.done, 1);
	assert_int_equal(b.done, 0);
	assert_null(b.call.client);
	call_end(&a);
	call_end(&b);
}

#define wire_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		wire_test(request_has_the_headers_the_server_needs),
		wire_test(write_sends_its_body_at_once),
		wire_test(patch_and_delete_have_method_and_body),
		wire_test(lists_come_compressed),
		wire_test(connection_is_kept),
		wire_test(watch_hands_on_pieces_as_they_come),
		wire_test(watch_that_breaks_is_no_success),
		wire_test(silent_watch_is_dead_and_one_without_bookmarks_ends_in_time),
		wire_test(refusal_of_a_watch_is_no_piece_of_it),
		wire_test(data_that_is_refused_ends_the_call),
		wire_test(answers_become_results),
		wire_test(refused_connection_means_nothing_was_done),
		wire_test(broken_write_may_have_been_done),
		wire_test(refusal_counts_though_its_body_breaks),
		wire_test(write_on_a_dead_kept_connection_is_sent_again),
		wire_test(call_ends_by_its_deadline),
		wire_test(writes_in_flight_are_limited),
		wire_test(a_renewal_waits_for_nobody),
		wire_test(reads_in_flight_are_limited_and_wait_in_vain),
		wire_test(cancelled_call_is_never_told),
		wire_test(watch_may_cancel_another_from_its_data),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, start, stop);
}
