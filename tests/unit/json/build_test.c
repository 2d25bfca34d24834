/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>

#include <bw/err.h>
#include <bw/json.h>

#include "../failalloc.h"

static int build(struct cJSON **ret, struct bw_err *err)
{
	bw_autojson struct cJSON *other = NULL;
	bw_autobuild struct bw_json_build b = { 0 };
	struct cJSON *root = bw_json_build_object(&b);
	struct cJSON *list;
	int r;

	bw_json_put_str(&b, root, "s", "a \"b\"");
	bw_json_put_int(&b, root, "i", -5);
	bw_json_put_int(&b, root, "m", 1000000000000000LL);
	bw_json_put_int(&b, root, "n", INT64_MIN);
	bw_json_put_uint(&b, root, "u", UINT64_MAX);
	bw_json_put_uint(&b, root, "v", 7);
	bw_json_put_bool(&b, root, "t", 1);
	list = bw_json_put_array(&b, root, "l");
	bw_json_put_str(&b, bw_json_put_object(&b, list, NULL), "x", "y");
	bw_json_put_bool(&b, list, NULL, 0);
	r = bw_json_parse("[1,2]", 5, &other, err);
	if (r < 0)
		return r;
	bw_json_put_tree(&b, root, "c", other);
	return bw_json_build_take(&b, ret, err);
}

static void build_writes_every_kind(void **state)
{
	bw_autojson struct cJSON *json = NULL;
	bw_autofree char *text = NULL;

	(void)state;
	assert_int_equal(build(&json, NULL), 0);
	assert_int_equal(bw_json_print(json, 0, &text, NULL), 0);
	assert_string_equal(text, "{\"s\":\"a \\\"b\\\"\",\"i\":-5,\"m\":1000000000000000,"
				  "\"n\":-9223372036854775808,\"u\":18446744073709551615,\"v\":7,"
				  "\"t\":true,\"l\":[{\"x\":\"y\"},false],\"c\":[1,2]}");
}

static void built_texts_are_utf8_whatever_comes_in(void **state)
{
	bw_autobuild struct bw_json_build b = { 0 };
	bw_autojson struct cJSON *json = NULL;
	bw_autofree char *text = NULL;

	(void)state;
	bw_json_put_str(&b, bw_json_build_object(&b), "k\xc3\xa4\xc3",
			"\xa5\xe2\x82\xac\xed\xa0\x80\n");
	assert_int_equal(bw_json_build_take(&b, &json, NULL), 0);
	assert_int_equal(bw_json_print(json, 0, &text, NULL), 0);
	assert_string_equal(text, "{\"k\xc3\xa4?\":\"?\xe2\x82\xac???\\n\"}");
	bw_json_free(&json);
	assert_int_equal(bw_json_parse(text, strlen(text), &json, NULL), 0);
}

static void build_and_print_report_out_of_memory(void **state)
{
	long n = 0;
	int failed;

	(void)state;
	do {
		bw_autojson struct cJSON *json = NULL;
		bw_autofree char *text = NULL;
		struct bw_err err = { 0 };
		int r;

		fail_alloc_start(n++);
		r = build(&json, &err);
		if (r == 0)
			r = bw_json_print(json, 1, &text, &err);
		failed = fail_alloc_stop();
		assert_int_equal(r, failed ? -ENOMEM : 0);
	} while (failed);
}

static void build_of_nothing_is_refused(void **state)
{
	struct bw_json_build b = { 0 };
	struct cJSON *json = NULL;
	struct bw_err err = { 0 };

	(void)state;
	assert_int_equal(bw_json_build_take(&b, &json, &err), -ENOMEM);
	assert_null(json);
	assert_null(bw_json_put_object(&b, NULL, "a"));
	assert_int_equal(b.failed, 1);
	assert_null(bw_json_build_array(&b));
	bw_json_build_done(&b);
	assert_non_null(bw_json_build_array(&b));
	bw_json_build_done(&b);
	bw_json_build_done(NULL);
	bw_json_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(build_writes_every_kind),
		cmocka_unit_test(built_texts_are_utf8_whatever_comes_in),
		cmocka_unit_test(build_and_print_report_out_of_memory),
		cmocka_unit_test(build_of_nothing_is_refused),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
