/* SPDX-License-Identifier: Apache-2.0 */
/* Requests as method, URL, headers and DeleteOptions; base64. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <bw/kube_base64.h>

#include "failalloc.h"
#include "url.h"

static const struct bw_kube_kind pods = { "", "v1", "pods", "Pod", 1 };
static const struct bw_kube_kind nodes = { "", "v1", "nodes", "Node", 0 };
static const struct bw_kube_kind claims = { "net.barewire.dev", "v1alpha1", "networkclaims",
					    "NetworkClaim", 1 };

static const struct {
	struct bw_kube_request r;
	const char *url;
} cases[] = {
	{ { .verb = BW_KUBE_GET, .kind = &pods, .namespace = "d", .name = "n" },
	  "/api/v1/namespaces/d/pods/n" },
	{ { .verb = BW_KUBE_GET, .kind = &nodes, .name = "n", .resource_version = "0" },
	  "/api/v1/nodes/n?resourceVersion=0" },
	{ { .verb = BW_KUBE_GET, .kind = &nodes, .namespace = "d", .name = "a b+c&d?e=f#\xc3\xa4" },
	  "/api/v1/nodes/a%20b%2Bc%26d%3Fe%3Df%23%C3%A4" },
	{ { .verb = BW_KUBE_LIST, .kind = &claims },
	  "/apis/net.barewire.dev/v1alpha1/networkclaims" },
	{ { .verb = BW_KUBE_LIST,
	    .kind = &claims,
	    .namespace = "d",
	    .limit = 500,
	    .label_selector = "a in (b,c),!x",
	    .field_selector = "status.holder.node=n1",
	    .resource_version = "12",
	    .match = "Exact" },
	  "/apis/net.barewire.dev/v1alpha1/namespaces/d/networkclaims?"
	  "fieldSelector=status.holder.node%3Dn1&labelSelector=a%20in%20%28b%2Cc%29%2C%21x"
	  "&limit=500&resourceVersion=12&resourceVersionMatch=Exact" },
	/* A page after the first names its version by its token alone. */
	{ { .verb = BW_KUBE_LIST,
	    .kind = &pods,
	    .limit = 5,
	    .cont = "eyJ2Ijo=",
	    .resource_version = "12",
	    .match = "Exact" },
	  "/api/v1/pods?limit=5&continue=eyJ2Ijo%3D" },
	{ { .verb = BW_KUBE_WATCH,
	    .kind = &pods,
	    .flags = BW_KUBE_F_BOOKMARKS,
	    .resource_version = "7",
	    .timeout_ms = 300500 },
	  "/api/v1/pods?watch=true&allowWatchBookmarks=true&resourceVersion=7&timeoutSeconds=301" },
	{ { .verb = BW_KUBE_WATCH,
	    .kind = &pods,
	    .flags = BW_KUBE_F_BOOKMARKS | BW_KUBE_F_INITIAL },
	  "/api/v1/pods?watch=true&allowWatchBookmarks=true&sendInitialEvents=true&"
	  "resourceVersionMatch=NotOlderThan&resourceVersion=" },
	{ { .verb = BW_KUBE_CREATE, .kind = &pods, .namespace = "d", .name = "x", .manager = "m" },
	  "/api/v1/namespaces/d/pods?fieldManager=m&fieldValidation=Strict" },
	{ { .verb = BW_KUBE_CREATE,
	    .kind = &pods,
	    .namespace = "d",
	    .name = "x",
	    .subresource = "eviction" },
	  "/api/v1/namespaces/d/pods/x/eviction?fieldValidation=Strict" },
	{ { .verb = BW_KUBE_APPLY,
	    .kind = &claims,
	    .namespace = "d",
	    .name = "x",
	    .subresource = "status",
	    .manager = "m",
	    .flags = BW_KUBE_F_DRY_RUN },
	  "/apis/net.barewire.dev/v1alpha1/namespaces/d/networkclaims/x/status?"
	  "fieldManager=m&fieldValidation=Strict&force=true&dryRun=All" },
	{ { .verb = BW_KUBE_DELETE,
	    .kind = &pods,
	    .namespace = "d",
	    .name = "x",
	    .manager = "m",
	    .flags = BW_KUBE_F_DRY_RUN },
	  "/api/v1/namespaces/d/pods/x?dryRun=All" },
	{ { .verb = BW_KUBE_RAW, .path = "/readyz?verbose" }, "/readyz?verbose" },
};

static void every_segment_and_value_is_encoded(void **state)
{
	(void)state;
	for (size_t i = 0; i < BW_ARRAY_SIZE(cases); i++) {
		bw_autobuf struct bw_buf b = { 0 };

		assert_int_equal(kube_url_build(&cases[i].r, &b), 0);
		assert_string_equal(b.data, cases[i].url);
	}
}

static void url_tells_an_allocation_that_fails(void **state)
{
	long n = 0;
	int failed;

	(void)state;
	do {
		bw_autobuf struct bw_buf b = { 0 };
		int r;

		fail_alloc_start(n++);
		r = kube_url_build(&cases[4].r, &b);
		failed = fail_alloc_stop();
		assert_int_equal(r, failed ? -ENOMEM : 0);
	} while (failed);
}

static void patches_have_their_own_content_types(void **state)
{
	static const struct {
		enum bw_kube_verb verb;
		const char *method;
		const char *type;
	} table[] = {
		{ BW_KUBE_CREATE, "POST", "application/json" },
		{ BW_KUBE_UPDATE, "PUT", "application/json" },
		{ BW_KUBE_APPLY, "PATCH", "application/apply-patch+yaml" },
		{ BW_KUBE_MERGE, "PATCH", "application/merge-patch+json" },
		{ BW_KUBE_STRATEGIC, "PATCH", "application/strategic-merge-patch+json" },
		{ BW_KUBE_JSON_PATCH, "PATCH", "application/json-patch+json" },
		{ BW_KUBE_DELETE, "DELETE", "application/json" },
	};

	(void)state;
	for (size_t i = 0; i < BW_ARRAY_SIZE(table); i++) {
		assert_string_equal(kube_url_method(table[i].verb), table[i].method);
		assert_string_equal(kube_url_content_type(table[i].verb), table[i].type);
		assert_true(kube_url_is_write(table[i].verb));
	}
	assert_string_equal(kube_url_method(BW_KUBE_WATCH), "GET");
	assert_null(kube_url_content_type(BW_KUBE_GET));
	assert_false(kube_url_is_write(BW_KUBE_RAW));
}

static void accept_asks_for_what_is_wanted(void **state)
{
	struct bw_kube_request r = { .verb = BW_KUBE_LIST };

	(void)state;
	assert_string_equal(kube_url_accept(&r), "application/json");
	r.flags = BW_KUBE_F_METADATA;
	assert_non_null(strstr(kube_url_accept(&r), "as=PartialObjectMetadataList;"));
	r.verb = BW_KUBE_WATCH;
	assert_non_null(strstr(kube_url_accept(&r), "as=PartialObjectMetadata;"));
	r.flags = BW_KUBE_F_TABLE;
	assert_non_null(strstr(kube_url_accept(&r), "as=Table;"));
}

static void delete_names_what_it_means(void **state)
{
	static const struct {
		struct bw_kube_request r;
		const char *body;
	} table[] = {
		{ { .verb = BW_KUBE_DELETE },
		  "{\"apiVersion\":\"v1\",\"kind\":\"DeleteOptions\","
		  "\"propagationPolicy\":\"Background\"}" },
		{ { .uid = "u", .resource_version = "7", .grace_s = -1, .propagation = "Orphan" },
		  "{\"apiVersion\":\"v1\",\"kind\":\"DeleteOptions\",\"propagationPolicy\":"
		  "\"Orphan\",\"gracePeriodSeconds\":0,\"preconditions\":{\"uid\":\"u\","
		  "\"resourceVersion\":\"7\"}}" },
		{ { .resource_version = "7", .grace_s = 30 },
		  "{\"apiVersion\":\"v1\",\"kind\":\"DeleteOptions\",\"propagationPolicy\":"
		  "\"Background\",\"gracePeriodSeconds\":30,\"preconditions\":{"
		  "\"resourceVersion\":\"7\"}}" },
		{ { .uid = "a\"b\\c" },
		  "{\"apiVersion\":\"v1\",\"kind\":\"DeleteOptions\",\"propagationPolicy\":"
		  "\"Background\",\"preconditions\":{\"uid\":\"abc\"}}" },
	};

	(void)state;
	for (size_t i = 0; i < BW_ARRAY_SIZE(table); i++) {
		bw_autobuf struct bw_buf b = { 0 };

		assert_int_equal(kube_url_delete_options(&table[i].r, &b), 0);
		assert_string_equal(b.data, table[i].body);
	}
}

static void base64_goes_there_and_back(void **state)
{
	static const char *const pairs[][2] = {
		{ "", "" },        { "f", "Zg==" },        { "fo", "Zm8=" },
		{ "foo", "Zm9v" }, { "foob", "Zm9vYg==" }, { "\xff\xfe\xfd", "//79" },
	};

	(void)state;
	for (size_t i = 0; i < BW_ARRAY_SIZE(pairs); i++) {
		bw_autobuf struct bw_buf to = { 0 };
		bw_autobuf struct bw_buf back = { 0 };

		assert_int_equal(bw_kube_base64_encode(pairs[i][0], strlen(pairs[i][0]), &to), 0);
		assert_int_equal(to.size, strlen(pairs[i][1]));
		assert_memory_equal(to.data, pairs[i][1], to.size);
		assert_int_equal(bw_kube_base64_decode(pairs[i][1], strlen(pairs[i][1]), &back), 0);
		assert_int_equal(back.size, strlen(pairs[i][0]));
		assert_memory_equal(back.data, pairs[i][0], back.size);
	}
}

static void base64_refuses_what_it_is_not(void **state)
{
	static const char *const bad[] = { "Z", "Zg=", "Zg==Zg", "Z*==", "Zm9vY" };
	bw_autobuf struct bw_buf out = { 0 };

	(void)state;
	for (size_t i = 0; i < BW_ARRAY_SIZE(bad); i++)
		assert_int_equal(bw_kube_base64_decode(bad[i], strlen(bad[i]), &out), -EBADMSG);
	/* Lines, and no padding at the end, as some write it. */
	bw_buf_done(&out);
	assert_int_equal(bw_kube_base64_decode("Zm\n9v Yg", 8, &out), 0);
	assert_string_equal(out.data, "foob");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_segment_and_value_is_encoded),
		cmocka_unit_test(url_tells_an_allocation_that_fails),
		cmocka_unit_test(patches_have_their_own_content_types),
		cmocka_unit_test(accept_asks_for_what_is_wanted),
		cmocka_unit_test(delete_names_what_it_means),
		cmocka_unit_test(base64_goes_there_and_back),
		cmocka_unit_test(base64_refuses_what_it_is_not),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
