/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>

#include <cjson/cJSON.h>

#include <bw/err.h>
#include <bw/json.h>

#include "../failalloc.h"

#define TEXT(s)                                                                                    \
	{                                                                                          \
		(s), sizeof(s) - 1                                                                 \
	}

struct text {
	const char *text;
	size_t size;
};

static void scan_accepts_json(void **state)
{
	static const struct text good[] = {
		TEXT("{}"),
		TEXT("[]"),
		TEXT(" [ ] \n"),
		TEXT("0"),
		TEXT("-0.5e+10"),
		TEXT("1E5"),
		TEXT("true"),
		TEXT("null"),
		TEXT("\"\""),
		TEXT("\"\\u00e9 \\ud83d\\ude00 \\\" \\\\ \\/ \\b\\f\\n\\r\\t\""),
		TEXT("\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\xf4\x8f\xbf\xbf\xed\x9f\xbf\""),
		TEXT("{\"a\":[1,{\"b\":[[],{}]},false],\"c\":{\"d\":null}}"),
		TEXT("[[1],[2,[3]],{\"a\":1}]"),
	};
	struct bw_err err = { 0 };

	(void)state;
	for (size_t i = 0; i < BW_ARRAY_SIZE(good); i++) {
		if (bw_json_scan(good[i].text, good[i].size, &err) != 0)
			fail_msg("%s: %s", good[i].text, err.msg);
	}
}

static const struct text bad[] = {
	TEXT(""),
	TEXT("  "),
	TEXT("{"),
	TEXT("}"),
	TEXT("["),
	TEXT("[1"),
	TEXT("[1,"),
	TEXT("[1,]"),
	TEXT("[,1]"),
	TEXT("[1 2]"),
	TEXT("{\"a\"}"),
	TEXT("{\"a\":}"),
	TEXT("{\"a\":1,}"),
	TEXT("{a:1}"),
	TEXT("{'a':1}"),
	TEXT("{1:1}"),
	TEXT("{\"a\":1]"),
	TEXT("[1}"),
	TEXT("01"),
	TEXT("-"),
	TEXT("1."),
	TEXT(".5"),
	TEXT("1e"),
	TEXT("+1"),
	TEXT("0x10"),
	TEXT("NaN"),
	TEXT("Infinity"),
	TEXT("tru"),
	TEXT("True"),
	TEXT("truefalse"),
	TEXT("{}{}"),
	TEXT("{} x"),
	TEXT("\""),
	TEXT("\"a"),
	TEXT("\"\\\""),
	TEXT("\"\\x\""),
	TEXT("\"\\u12\""),
	TEXT("\"\\u12g4\""),
	TEXT("\"\\u0000\""),
	TEXT("\"\\ud800\""),
	TEXT("\"\\ud800x\""),
	TEXT("\"\\ud800\\u0041\""),
	TEXT("\"\\udc00\""),
	TEXT("\"a\nb\""),
	TEXT("\"a\tb\""),
	TEXT("\"\x80\""),
	TEXT("\"\xc0\x80\""),
	TEXT("\"\xc3\""),
	TEXT("\"\xe0\x80\x80\""),
	TEXT("\"\xed\xa0\x80\""),
	TEXT("\"\xf4\x90\x80\x80\""),
	TEXT("\"\xf8\x88\x80\x80\x80\""),
	TEXT("\xc3\xa9"),
	TEXT("\"\xe2\x82"),
	TEXT("\xef\xbb\xbf{}"),
	TEXT("{}\0"),
	TEXT("\"a\0b\""),
	TEXT("\"\\\0\""),
	TEXT("/* c */ {}"),
	TEXT("\"\\"),
	TEXT("\"\\u"),
	TEXT("nul"),
};

static void scan_refuses_what_is_no_json(void **state)
{
	struct cJSON *json = NULL;

	(void)state;
	for (size_t i = 0; i < BW_ARRAY_SIZE(bad); i++) {
		struct bw_err err = { 0 };

		if (bw_json_parse(bad[i].text, bad[i].size, &json, &err) != -EBADMSG)
			fail_msg("accepted %s", bad[i].text);
		assert_int_equal(err.class, BW_ERR_DECODE);
		assert_null(json);
	}
}

static void scan_names_line_and_column(void **state)
{
	static const char text[] = "{\n  \"a\": 1,\n  \"b\" 2\n}";
	struct bw_err err = { 0 };

	(void)state;
	assert_int_equal(bw_json_scan(text, strlen(text), &err), -EBADMSG);
	assert_string_equal(err.msg,
			    "no valid JSON: line 3, column 7: a colon is missing after a key");
}

static void scan_bounds_the_depth(void **state)
{
	char text[2 * BW_JSON_DEPTH_MAX + 3];
	struct bw_err err = { 0 };

	(void)state;
	memset(text, '[', BW_JSON_DEPTH_MAX);
	memset(text + BW_JSON_DEPTH_MAX, ']', BW_JSON_DEPTH_MAX);
	assert_int_equal(bw_json_scan(text, 2 * BW_JSON_DEPTH_MAX, &err), 0);
	memset(text, '[', BW_JSON_DEPTH_MAX + 1);
	memset(text + BW_JSON_DEPTH_MAX + 1, ']', BW_JSON_DEPTH_MAX + 1);
	assert_int_equal(bw_json_scan(text, 2 * BW_JSON_DEPTH_MAX + 2, &err), -EBADMSG);
	assert_non_null(strstr(err.msg, "nested too deep"));
}

static void scan_bounds_the_size(void **state)
{
	char *text = malloc(BW_JSON_TEXT_MAX + 1);
	struct bw_err err = { 0 };

	(void)state;
	assert_non_null(text);
	memset(text, ' ', BW_JSON_TEXT_MAX + 1);
	memcpy(text, "[]", 2);
	assert_int_equal(bw_json_scan(text, BW_JSON_TEXT_MAX, &err), 0);
	assert_int_equal(bw_json_scan(text, BW_JSON_TEXT_MAX + 1, &err), -EBADMSG);
	free(text);
}

static void clean_leaves_valid_text_alone(void **state)
{
	char good[] = "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80";
	char broken[] = "a\x01\xff\xc3(\xe2\x82 \x7f\xf0\x9f\x98";

	(void)state;
	bw_json_clean(good);
	assert_string_equal(good, "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80");
	bw_json_clean(broken);
	assert_string_equal(broken, "a??"
				    "?(?? ????");
}

static void parse_reads_without_a_terminator(void **state)
{
	static const char text[] = { '{', '"', 'a', '"', ':', '1', '}', '7', '7' };
	bw_autojson struct cJSON *json = NULL;

	(void)state;
	assert_int_equal(bw_json_parse(text, 7, &json, NULL), 0);
	assert_int_equal((int)bw_json_get(json, "a")->valuedouble, 1);
	assert_null(bw_json_get(json, "A"));
	assert_null(bw_json_get_str(json, "a"));
}

static void parse_reports_out_of_memory(void **state)
{
	static const char text[] = "{\"a\":[1,\"b\",{\"c\":null}]}";
	long n = 0;
	int failed;

	(void)state;
	do {
		bw_autojson struct cJSON *json = NULL;
		struct bw_err err = { 0 };
		int r;

		fail_alloc_start(n++);
		r = bw_json_parse(text, sizeof(text) - 1, &json, &err);
		failed = fail_alloc_stop();
		assert_int_equal(r, failed ? -ENOMEM : 0);
		assert_int_equal(err.class, BW_ERR_INTERNAL);
	} while (failed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scan_accepts_json),
		cmocka_unit_test(scan_refuses_what_is_no_json),
		cmocka_unit_test(scan_names_line_and_column),
		cmocka_unit_test(scan_bounds_the_depth),
		cmocka_unit_test(scan_bounds_the_size),
		cmocka_unit_test(clean_leaves_valid_text_alone),
		cmocka_unit_test(parse_reads_without_a_terminator),
		cmocka_unit_test(parse_reports_out_of_memory),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
