/* SPDX-License-Identifier: Apache-2.0 */
/* Requests that are refused before they are sent, Statuses and their meaning, resource versions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <bw/err.h>
#include <bw/kube_client.h>
#include <bw/kube_status.h>

static const struct bw_kube_kind pods = { "", "v1", "pods", "Pod", 1 };
static const struct bw_kube_kind nodes = { "", "v1", "nodes", "Node", 0 };

/* Counts what reaches it. */
struct fake {
	struct bw_kube_client client;
	int started;
	int cancelled;
	int freed;
	int fails;
};

static int fake_start(struct bw_kube_client *c, const struct bw_kube_request *r,
		      struct bw_kube_call *call, struct bw_err *err)
{
	struct fake *f = (struct fake *)c;

	(void)r;
	assert_ptr_equal(call->client, c);
	f->started++;
	return f->fails ? bw_fail(err, ENOMEM, "start") : 0;
}

static void fake_cancel(struct bw_kube_call *call)
{
	((struct fake *)call->client)->cancelled++;
}

static void fake_free(struct bw_kube_client *c)
{
	((struct fake *)c)->freed++;
}

static const struct bw_kube_client_ops fake_ops = { .start = fake_start,
						    .cancel = fake_cancel,
						    .free = fake_free };

static void on_done(const struct bw_kube_answer *a, void *arg)
{
	*(enum bw_kube_result *)arg = a->result;
}

static void request_without_what_its_verb_needs_is_refused(void **state)
{
	static const struct {
		struct bw_kube_request r;
		const char *says; /* NULL = taken */
	} cases[] = {
		{ { .verb = BW_KUBE_GET, .kind = &nodes }, "get of nodes needs a name" },
		{ { .verb = BW_KUBE_GET, .kind = &nodes, .name = "n" }, NULL },
		{ { .verb = BW_KUBE_GET, .kind = &pods, .name = "n" }, "needs a namespace" },
		{ { .verb = BW_KUBE_GET, .kind = &pods, .namespace = "d", .name = "n" }, NULL },
		{ { .verb = BW_KUBE_LIST, .kind = &pods }, NULL },
		{ { .verb = BW_KUBE_LIST }, "list needs a kind" },
		{ { .verb = BW_KUBE_CREATE, .kind = &nodes }, "create of nodes needs a body" },
		{ { .verb = BW_KUBE_CREATE, .kind = &nodes, .body = "{}" }, NULL },
		{ { .verb = BW_KUBE_MERGE, .kind = &nodes, .body = "{}" }, "needs a name" },
		{ { .verb = BW_KUBE_MERGE, .kind = &nodes, .name = "n" }, "needs a body" },
		{ { .verb = BW_KUBE_RAW }, "needs a path" },
		{ { .verb = BW_KUBE_RAW, .path = "x" }, "needs a path" },
		{ { .verb = BW_KUBE_RAW, .path = "/x" }, NULL },
		{ { .verb = BW_KUBE_VERB_MAX_ }, "unknown verb" },
	};

	(void)state;
	for (size_t i = 0; i < BW_ARRAY_SIZE(cases); i++) {
		enum bw_kube_result result = BW_KUBE_RESULT_MAX_;
		struct fake f = { .client.ops = &fake_ops };
		struct bw_kube_call call = { .done = on_done, .arg = &result };
		struct bw_err err = { 0 };
		int r = bw_kube_start(&f.client, &cases[i].r, &call, &err);

		assert_int_equal(r, cases[i].says ? -EINVAL : 0);
		assert_int_equal(f.started, !cases[i].says);
		assert_ptr_equal(call.client, cases[i].says ? NULL : &f.client);
		if (cases[i].says) {
			assert_int_equal(err.class, BW_ERR_INVALID);
			assert_non_null(strstr(err.msg, cases[i].says));
		}
		assert_int_equal(result, BW_KUBE_RESULT_MAX_);
	}
}

static void names_that_change_the_path_are_refused(void **state)
{
	static const char *const bad[] = { "", ".", "..", "a/b", "a%2fb", "%" };
	struct fake f = { .client.ops = &fake_ops };
	struct bw_kube_call call = { .done = on_done };
	char longest[255];

	(void)state;
	memset(longest, 'a', 254);
	longest[254] = '\0';
	for (size_t i = 0; i <= BW_ARRAY_SIZE(bad); i++) {
		const char *name = i < BW_ARRAY_SIZE(bad) ? bad[i] : longest;
		struct bw_kube_request r = {
			.verb = BW_KUBE_GET, .kind = &pods, .namespace = "d", .name = name
		};
		struct bw_err err = { 0 };

		assert_int_equal(bw_kube_start(&f.client, &r, &call, &err), -EINVAL);
		assert_non_null(strstr(err.msg, "cannot stand in a path"));
		r.name = "n";
		r.namespace = name;
		assert_int_equal(bw_kube_start(&f.client, &r, &call, &err), -EINVAL);
		r.namespace = "d";
		r.subresource = name;
		assert_int_equal(bw_kube_start(&f.client, &r, &call, &err), -EINVAL);
	}
	assert_int_equal(f.started, 0);
	longest[253] = '\0';
	assert_int_equal(bw_kube_start(&f.client,
				       &(struct bw_kube_request){ .verb = BW_KUBE_GET,
								  .kind = &nodes,
								  .name = longest },
				       &call, NULL),
			 0);
}

static void call_is_idle_after_its_end(void **state)
{
	struct fake f = { .client.ops = &fake_ops };
	enum bw_kube_result result = BW_KUBE_RESULT_MAX_;
	struct bw_kube_call call = { .done = on_done, .arg = &result };
	struct bw_kube_request r = { .verb = BW_KUBE_RAW, .path = "/version" };
	struct bw_kube_answer a = { .result = BW_KUBE_GONE };
	struct bw_kube_client *c = &f.client;

	(void)state;
	bw_kube_cancel(&call);
	assert_int_equal(bw_kube_start(c, &r, &call, NULL), 0);
	bw_kube_cancel(&call);
	bw_kube_cancel(&call);
	assert_int_equal(f.cancelled, 1);
	assert_int_equal(bw_kube_start(c, &r, &call, NULL), 0);
	bw_kube_finish(&call, &a);
	assert_null(call.client);
	assert_int_equal(result, BW_KUBE_GONE);
	f.fails = 1;
	assert_int_equal(bw_kube_start(c, &r, &call, NULL), -ENOMEM);
	assert_null(call.client);
	bw_kube_client_free(&c);
	assert_null(c);
	assert_int_equal(f.freed, 1);
	bw_kube_client_free(&c);
	bw_kube_client_free(NULL);
}

static void every_answer_has_its_meaning(void **state)
{
	static const struct {
		int http;
		unsigned int retry_ms; /* header */
		const char *body;
		enum bw_kube_result result;
	} cases[] = {
		{ 200, 0, "", BW_KUBE_OK },
		{ 201, 0, "", BW_KUBE_OK },
		{ 409, 0, "{\"kind\":\"Status\",\"reason\":\"AlreadyExists\"}", BW_KUBE_EXISTS },
		{ 409, 0, "{\"kind\":\"Status\",\"reason\":\"Conflict\"}", BW_KUBE_CONFLICT },
		{ 409, 0, "garbage", BW_KUBE_CONFLICT },
		{ 404, 0, "", BW_KUBE_NOT_FOUND },
		{ 410, 0, "{\"kind\":\"Status\",\"reason\":\"Expired\"}", BW_KUBE_GONE },
		{ 504, 0,
		  "{\"kind\":\"Status\",\"reason\":\"Timeout\",\"details\":{\"causes\":[{\"reason\":"
		  "\"ResourceVersionTooLarge\",\"message\":\"Too large resource version\"}],"
		  "\"retryAfterSeconds\":1}}",
		  BW_KUBE_TOO_NEW },
		{ 504, 0, "{\"kind\":\"Status\",\"reason\":\"Timeout\"}", BW_KUBE_UNKNOWN },
		{ 400, 0, "", BW_KUBE_INVALID },
		{ 413, 0, "", BW_KUBE_INVALID },
		{ 415, 0, "", BW_KUBE_INVALID },
		{ 422, 0, "", BW_KUBE_INVALID },
		{ 403, 0, "", BW_KUBE_FORBIDDEN },
		{ 401, 0, "", BW_KUBE_UNAUTHORIZED },
		{ 429, 1000, "", BW_KUBE_THROTTLED },
		{ 429, 0, "", BW_KUBE_THROTTLED },
		{ 503, 1000, "", BW_KUBE_THROTTLED },
		{ 500, 0, "{\"kind\":\"Status\",\"details\":{\"retryAfterSeconds\":2}}",
		  BW_KUBE_THROTTLED },
		{ 500, 0, "", BW_KUBE_UNKNOWN },
		{ 503, 0, "", BW_KUBE_UNKNOWN },
		{ 502, 9, "", BW_KUBE_UNKNOWN },
		{ 301, 0, "", BW_KUBE_INVALID },
		{ 418, 0, "", BW_KUBE_INVALID },
		{ 0, 0, "", BW_KUBE_UNKNOWN },
	};

	(void)state;
	for (size_t i = 0; i < BW_ARRAY_SIZE(cases); i++) {
		struct bw_kube_status s;

		(void)bw_kube_status_decode(cases[i].body, strlen(cases[i].body), &s);
		assert_int_equal(bw_kube_status_result(cases[i].http, &s, cases[i].retry_ms),
				 cases[i].result);
	}
}

static void status_keeps_what_a_person_needs(void **state)
{
	static const char text[] =
		"{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Failure\","
		"\"message\":\"a\\nb\",\"reason\":\"TooManyRequests\",\"details\":{\"causes\":null,"
		"\"retryAfterSeconds\":99999999},\"code\":429}";
	struct bw_kube_status s;

	(void)state;
	assert_int_equal(bw_kube_status_decode(text, sizeof(text) - 1, &s), 0);
	assert_string_equal(s.message, "a?b");
	assert_string_equal(s.reason, "TooManyRequests");
	assert_int_equal(s.code, 429);
	assert_int_equal(s.retry_ms, BW_KUBE_RETRY_MAX_MS);
	assert_int_equal(bw_kube_status_decode("{\"kind\":\"Pod\"}", 14, &s), -EBADMSG);
	assert_string_equal(s.reason, "");
	assert_int_equal(bw_kube_status_decode("404 page not found", 18, &s), -EBADMSG);
	assert_int_equal(
		bw_kube_status_decode("{\"kind\":\"Status\",\"code\":9,\"reason\":3}", 37, &s), 0);
	assert_int_equal(s.code, 0);
}

static void long_message_is_cut_between_characters(void **state)
{
	char text[4096];
	struct bw_kube_status s;
	size_t n = (size_t)snprintf(text, sizeof(text), "{\"kind\":\"Status\",\"message\":\"");

	(void)state;
	for (int i = 0; i < 600; i++) {
		memcpy(text + n, "\xc3\xa4", 2);
		n += 2;
	}
	memcpy(text + n, "\"}", 3);
	assert_int_equal(bw_kube_status_decode(text, n + 2, &s), 0);
	assert_int_equal(strlen(s.message), BW_KUBE_MESSAGE_MAX - 1);
	assert_memory_equal(s.message + BW_KUBE_MESSAGE_MAX - 3, "\xc3\xa4", 3);
}

static void resource_versions_compare_as_numbers(void **state)
{
	static const struct {
		const char *a;
		const char *b;
		int want;
	} cases[] = {
		{ "9", "10", -1 },   { "10", "9", 1 },   { "10", "10", 0 },
		{ "", "1", -1 },     { "007", "8", -1 }, { "18446744073709551616", "2", 1 },
		{ "99", "100", -1 }, { "", "", 0 },
	};

	(void)state;
	for (size_t i = 0; i < BW_ARRAY_SIZE(cases); i++) {
		int r = bw_kube_rv_cmp(cases[i].a, cases[i].b);

		assert_int_equal((r > 0) - (r < 0), cases[i].want);
	}
}

static void verbs_and_results_have_names(void **state)
{
	(void)state;
	for (int i = 0; i < BW_KUBE_VERB_MAX_; i++)
		assert_string_not_equal(bw_kube_verb_str((enum bw_kube_verb)i), "unknown");
	assert_string_equal(bw_kube_verb_str(BW_KUBE_VERB_MAX_), "unknown");
	for (int i = 0; i < BW_KUBE_RESULT_MAX_; i++)
		assert_true(strlen(bw_kube_result_str((enum bw_kube_result)i)) > 1);
	assert_string_equal(bw_kube_result_str(BW_KUBE_OK), "ok");
	assert_string_equal(bw_kube_result_str(BW_KUBE_RESULT_MAX_), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(request_without_what_its_verb_needs_is_refused),
		cmocka_unit_test(names_that_change_the_path_are_refused),
		cmocka_unit_test(call_is_idle_after_its_end),
		cmocka_unit_test(every_answer_has_its_meaning),
		cmocka_unit_test(status_keeps_what_a_person_needs),
		cmocka_unit_test(long_message_is_cut_between_characters),
		cmocka_unit_test(resource_versions_compare_as_numbers),
		cmocka_unit_test(verbs_and_results_have_names),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
