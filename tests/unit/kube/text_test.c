/* SPDX-License-Identifier: Apache-2.0 */
/* Streams cut anywhere, objects stripped, values by their path. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <bw/err.h>
#include <bw/kube_text.h>

#include "failalloc.h"

static struct bw_kube_slice slice(const char *text)
{
	return (struct bw_kube_slice){ text, strlen(text) };
}

/* Pieces are written one behind the other, each followed by a bar. */
static int collect(const char *text, size_t size, void *arg)
{
	struct bw_buf *b = arg;

	assert_int_equal(bw_buf_append(b, text, size), 0);
	assert_int_equal(bw_buf_append(b, "|", 1), 0);
	return 0;
}

/* Feeds @text in pieces of @step bytes; what end() says. */
static int cut(enum bw_kube_cut_mode mode, const char *text, size_t step, struct bw_buf *out,
	       struct bw_buf *rest, struct bw_err *err)
{
	struct bw_kube_cut c;
	size_t size = strlen(text);
	int r = 0;

	bw_kube_cut_init(&c, mode, collect, out);
	for (size_t i = 0; r == 0 && i < size; i += step)
		r = bw_kube_cut_feed(&c, text + i, size - i < step ? size - i : step, err);
	if (r == 0)
		r = bw_kube_cut_end(&c, err);
	if (rest)
		assert_int_equal(
			bw_buf_append(rest, bw_kube_cut_rest(&c).p, bw_kube_cut_rest(&c).size), 0);
	bw_kube_cut_done(&c);
	return r;
}

static void lines_come_whole_wherever_they_are_cut(void **state)
{
	static const char text[] = "{\"a\":1}\n{\"b\":\"x\\ny\"}\n\r\n\n{}\n";

	(void)state;
	for (size_t step = 1; step <= sizeof(text); step++) {
		bw_autobuf struct bw_buf out = { 0 };

		assert_int_equal(cut(BW_KUBE_CUT_LINES, text, step, &out, NULL, NULL), 0);
		assert_string_equal(out.data, "{\"a\":1}|{\"b\":\"x\\ny\"}|{}|");
	}
}

static void line_without_its_end_is_an_error(void **state)
{
	bw_autobuf struct bw_buf out = { 0 };
	struct bw_err err = { 0 };

	(void)state;
	assert_int_equal(cut(BW_KUBE_CUT_LINES, "{}\n{\"a", 3, &out, NULL, &err), -EBADMSG);
	assert_string_equal(out.data, "{}|");
	assert_int_equal(err.class, BW_ERR_DECODE);
}

static void items_come_one_by_one_wherever_they_are_cut(void **state)
{
	static const char text[] =
		" {\"kind\":\"PodList\",\"metadata\":{\"resourceVersion\":\"7\",\"items\":[{}]},"
		"\"x\":\"items\",\"n\":[1,[2]],\n \"items\" : [ {\"a\":\"]}\\\"{\"},\n{\"b\":{\"items\":[{}]}} , {}],"
		"\"z\":null} \n";
	static const char rest[] =
		" {\"kind\":\"PodList\",\"metadata\":{\"resourceVersion\":\"7\",\"items\":[{}]},"
		"\"x\":\"items\",\"n\":[1,[2]],\n \"items\" : [],\"z\":null}";

	(void)state;
	for (size_t step = 1; step <= sizeof(text); step++) {
		bw_autobuf struct bw_buf out = { 0 };
		bw_autobuf struct bw_buf got = { 0 };
		char rv[8];

		assert_int_equal(cut(BW_KUBE_CUT_ITEMS, text, step, &out, &got, NULL), 0);
		assert_string_equal(out.data, "{\"a\":\"]}\\\"{\"}|{\"b\":{\"items\":[{}]}}|{}|");
		assert_string_equal(got.data, rest);
		assert_int_equal(bw_kube_text_copy(got.data, got.size, rv, sizeof(rv), "metadata",
						   "resourceVersion"),
				 0);
		assert_string_equal(rv, "7");
	}
}

static void list_without_items_is_all_rest(void **state)
{
	static const char *const texts[] = {
		"{\"items\":null,\"kind\":\"L\"}",
		"{\"items\":[]}",
		"{}",
		"{\"kind\":\"Status\",\"message\":\"a \\\"}\\\" b\",\"code\":410}",
		"{\"ite\\u006ds\":[{}]}",
		"{\"itemsX\":[{}]}",
		"{\"n\":-1.5e3}",
	};

	(void)state;
	for (size_t i = 0; i < BW_ARRAY_SIZE(texts); i++) {
		for (size_t step = 1; step < 8; step++) {
			bw_autobuf struct bw_buf out = { 0 };
			bw_autobuf struct bw_buf got = { 0 };

			assert_int_equal(cut(BW_KUBE_CUT_ITEMS, texts[i], step, &out, &got, NULL),
					 0);
			assert_int_equal(out.size, 0);
			assert_string_equal(got.data, texts[i]);
		}
	}
}

static void what_is_no_list_is_refused(void **state)
{
	static const char *const texts[] = {
		"[]",  "x",         "{\"items\":[1]}", "{\"items\":[{}]}x", "{\"items\" [",
		"",    "{",         "{\"items\":[{",   "{\"items\":[{}",    "{\"items\":[[]]}",
		"{x}", "{\"a\":{}",
	};

	(void)state;
	for (size_t i = 0; i < BW_ARRAY_SIZE(texts); i++) {
		bw_autobuf struct bw_buf out = { 0 };
		struct bw_err err = { 0 };

		assert_int_equal(cut(BW_KUBE_CUT_ITEMS, texts[i], 1, &out, NULL, &err), -EBADMSG);
		assert_int_equal(err.class, BW_ERR_DECODE);
	}
}

static int refuse(const char *text, size_t size, void *arg)
{
	(void)text;
	(void)size;
	(void)arg;
	return -ECANCELED;
}

static void cutter_hands_on_what_its_function_says(void **state)
{
	struct bw_kube_cut c;

	(void)state;
	bw_kube_cut_init(&c, BW_KUBE_CUT_LINES, refuse, NULL);
	assert_int_equal(bw_kube_cut_feed(&c, "{}\n", 3, NULL), -ECANCELED);
	bw_kube_cut_done(&c);
	bw_kube_cut_init(&c, BW_KUBE_CUT_ITEMS, refuse, NULL);
	assert_int_equal(bw_kube_cut_feed(&c, "{\"items\":[{}", 12, NULL), -ECANCELED);
	bw_kube_cut_done(&c);
	bw_kube_cut_done(NULL);
}

static void line_beyond_the_bound_is_refused(void **state)
{
	enum { CHUNK = 65536 };
	bw_autofree char *chunk = malloc(CHUNK);
	bw_autobuf struct bw_buf out = { 0 };
	struct bw_err err = { 0 };
	struct bw_kube_cut c;
	size_t fed = 0;
	int r = 0;

	(void)state;
	assert_non_null(chunk);
	memset(chunk, 'x', CHUNK);
	bw_kube_cut_init(&c, BW_KUBE_CUT_LINES, collect, &out);
	while (r == 0 && fed < 2 * BW_KUBE_OBJECT_MAX) {
		r = bw_kube_cut_feed(&c, chunk, CHUNK, &err);
		fed += CHUNK;
	}
	assert_int_equal(r, -EFBIG);
	assert_int_equal(fed, BW_KUBE_OBJECT_MAX + CHUNK);
	bw_kube_cut_done(&c);
}

static void strip_takes_out_what_the_cache_does_not_need(void **state)
{
	static const struct {
		const char *in;
		const char *out;
	} cases[] = {
		{ "{ \"a\" : [ 1 , { } , \"x y\" ] }\n", "{\"a\":[1,{},\"x y\"]}" },
		{ "{\"metadata\":{\"managedFields\":[{\"f:a\":{}}],\"name\":\"n\"}}",
		  "{\"metadata\":{\"name\":\"n\"}}" },
		{ "{\"metadata\":{\"name\":\"n\", \"managedFields\":[]}}",
		  "{\"metadata\":{\"name\":\"n\"}}" },
		{ "{\"metadata\":{\"managedFields\":null}}", "{\"metadata\":{}}" },
		{ "{\"metadata\":{\"annotations\":{"
		  "\"kubectl.kubernetes.io/last-applied-configuration\":\"{}\\n\",\"a\":\"b\"}}}",
		  "{\"metadata\":{\"annotations\":{\"a\":\"b\"}}}" },
		{ "{\"metadata\":{\"annotations\":null}}",
		  "{\"metadata\":{\"annotations\":null}}" },
		/* Elsewhere the same names stay. */
		{ "{\"spec\":{\"managedFields\":1,\"metadata\":{\"managedFields\":2}}}",
		  "{\"spec\":{\"managedFields\":1,\"metadata\":{\"managedFields\":2}}}" },
		{ "{\"managedFields\":1,\"metadata\":[{\"managedFields\":2}]}",
		  "{\"managedFields\":1,\"metadata\":[{\"managedFields\":2}]}" },
		/* Numbers, escapes and bytes as they stand. */
		{ "{\"n\":9223372036854775807,\"e\":1.50E+2,\"s\":\"\\u0000\\ud83d\\u00e4\xff\"}",
		  "{\"n\":9223372036854775807,\"e\":1.50E+2,\"s\":\"\\u0000\\ud83d\\u00e4\xff\"}" },
		{ "null", "null" },
	};

	(void)state;
	for (size_t i = 0; i < BW_ARRAY_SIZE(cases); i++) {
		bw_autobuf struct bw_buf out = { 0 };

		assert_int_equal(bw_kube_text_strip(cases[i].in, strlen(cases[i].in), &out, NULL),
				 0);
		assert_string_equal(out.data, cases[i].out);
		assert_int_equal(out.size, strlen(cases[i].out));
	}
}

static void strip_refuses_what_is_no_json(void **state)
{
	static const char *const texts[] = {
		"",
		"{",
		"{\"a\"}",
		"{\"a\":}",
		"{a:1}",
		"[1,]",
		"[1 2]",
		"\"x",
		"\"\n\"",
		"\"\\x\"",
		"\"\\u12g4\"",
		"01",
		"1.",
		"-",
		"1e",
		"tru",
		"{} {}",
		"[1}",
		"{\"a\":1,}",
		"\"\\u12",
		"\"\\",
		"{\"metadata\":{\"managedFields\":[}}",
	};

	(void)state;
	for (size_t i = 0; i < BW_ARRAY_SIZE(texts); i++) {
		bw_autobuf struct bw_buf out = { 0 };
		struct bw_err err = { 0 };

		assert_int_equal(bw_buf_append(&out, "kept", 4), 0);
		assert_int_equal(bw_kube_text_strip(texts[i], strlen(texts[i]), &out, &err),
				 -EBADMSG);
		assert_string_equal(out.data, "kept");
		assert_int_equal(err.class, BW_ERR_DECODE);
	}
}

static void strip_takes_space_away_at_any_depth(void **state)
{
	static const struct {
		const char *text;
		const char *want; /* NULL = no JSON */
	} all[] = {
		{ " { \"spec\" : { \"a\" : [ 1 , [ ] , { } , [ [ \" \" ] ] ] , \"b\" : null } } ",
		  "{\"spec\":{\"a\":[1,[],{},[[\" \"]]],\"b\":null}}" },
		{ "[ { \"a\" : { \"b\" : [ { } , 2 ] } } , true ]",
		  "[{\"a\":{\"b\":[{},2]}},true]" },
		{ "{\"spec\":[1,]}", NULL },
		{ "{\"spec\":[,1]}", NULL },
		{ "{\"spec\":[1 2]}", NULL },
		{ "{\"spec\":{\"a\":1,}}", NULL },
		{ "{\"spec\":{\"a\" 1}}", NULL },
		{ "{\"spec\":{1:1}}", NULL },
		{ "{\"spec\":{\"a\":1]}", NULL },
		{ "{\"spec\":[[1]}", NULL },
	};

	(void)state;
	for (size_t i = 0; i < BW_ARRAY_SIZE(all); i++) {
		bw_autobuf struct bw_buf out = { 0 };

		assert_int_equal(bw_kube_text_strip(all[i].text, strlen(all[i].text), &out, NULL),
				 all[i].want ? 0 : -EBADMSG);
		if (all[i].want)
			assert_string_equal(out.data, all[i].want);
	}
}

static void keep_leaves_what_is_named(void **state)
{
	static const struct bw_kube_keep name[] = { { "name", NULL }, { NULL, NULL } };
	static const struct bw_kube_keep ours[] = { { "a.b/*", NULL }, { NULL, NULL } };
	static const struct bw_kube_keep meta[] = {
		{ "name", NULL }, { "owners", name }, { "notes", ours }, { NULL, NULL }
	};
	static const struct bw_kube_keep what[] = { { "meta", meta },
						    { "all", NULL },
						    { NULL, NULL } };
	static const struct {
		const char *text;
		const char *want; /* NULL = no JSON */
	} all[] = {
		{ "{}", "{}" },
		{ " { \"x\" : { } , \"meta\" : { \"uid\" : 1 , \"name\" : \"n\" } , \"y\" : [ ] } ",
		  "{\"meta\":{\"name\":\"n\"}}" },
		{ "{\"x\":\"\\u0000\",\"all\":[ {\"x\": 1} ]}", "{\"all\":[{\"x\":1}]}" },
		{ "{\"meta\":{\"owners\":[{\"x\":1,\"name\":2},{},{\"name\":3}]}}",
		  "{\"meta\":{\"owners\":[{\"name\":2},{},{\"name\":3}]}}" },
		{ "{\"meta\":{\"notes\":{\"a.b/\":1,\"a.b/c\":2,\"a.b\":3,\"a.bc/\":4,\"xa.b/c\":5}}}",
		  "{\"meta\":{\"notes\":{\"a.b/\":1,\"a.b/c\":2}}}" },
		/* Another type than was thought is for the reader to refuse. */
		{ "{\"meta\":7}", "{\"meta\":7}" },
		{ "{\"meta\":{\"owners\":[[{\"x\":1}],\"s\",null]}}",
		  "{\"meta\":{\"owners\":[[{\"x\":1}],\"s\",null]}}" },
		{ "[1]", "[1]" },
		{ "{\"x\":1,}", NULL },
		{ "{\"meta\":{\"name\":1,}}", NULL },
		{ "{\"meta\":{\"owners\":[1,]}}", NULL },
		{ "{\"meta\":{\"owners\":[1}}", NULL },
		{ "{\"meta\":{\"name\":1}", NULL },
		{ "{} {}", NULL },
		{ "", NULL },
	};

	(void)state;
	for (size_t i = 0; i < BW_ARRAY_SIZE(all); i++) {
		bw_autobuf struct bw_buf out = { 0 };
		int r = bw_kube_text_keep(all[i].text, strlen(all[i].text), what, &out, NULL);

		assert_int_equal(r, all[i].want ? 0 : -EBADMSG);
		if (all[i].want)
			assert_string_equal(out.data, all[i].want);
	}
}

static void depth_is_bounded(void **state)
{
	bw_autofree char *text = malloc(2 * (BW_KUBE_TEXT_DEPTH_MAX + 1) + 1);

	(void)state;
	assert_non_null(text);
	for (size_t depth = BW_KUBE_TEXT_DEPTH_MAX; depth <= BW_KUBE_TEXT_DEPTH_MAX + 1; depth++) {
		bw_autobuf struct bw_buf out = { 0 };
		int want = depth > BW_KUBE_TEXT_DEPTH_MAX ? -EBADMSG : 0;
		struct bw_kube_slice value;
		struct bw_kube_iter it;

		memset(text, '[', depth);
		memset(text + depth, ']', depth);
		text[2 * depth] = '\0';
		assert_int_equal(bw_kube_text_strip(text, 2 * depth, &out, NULL), want);
		assert_int_equal(bw_kube_iter_init(&it, slice(text)), 0);
		if (want == 0)
			assert_int_equal(bw_kube_iter_next(&it, NULL, &value), 1);
	}
}

static void strip_tells_an_allocation_that_fails(void **state)
{
	bw_autobuf struct bw_buf out = { 0 };

	(void)state;
	fail_alloc_start(0);
	if (bw_kube_text_strip("{}", 2, &out, NULL) == 0)
		assert_false(FAIL_ALLOC_WORKS);
	(void)fail_alloc_stop();
	assert_int_equal(bw_kube_text_strip("{}", BW_KUBE_OBJECT_MAX + 1, &out, NULL), -EFBIG);
}

static const char object[] =
	"{\"kind\":\"NetworkClaim\",\"metadata\":{\"name\":\"a\\u00e4\\n\\ud83d\\ude00\\ud83d\","
	"\"annotations\":{\"k8s.io/initial-events-end\":\"true\"},\"generation\":9007199254740993,"
	"\"x\":null,\"nul\":\"a\\u0000\",\"name\":\"second\"},\"spec\":{\"ok\":true,\"no\":false,"
	"\"list\":[1,{\"a\":2},\"three\"],\"min\":-9223372036854775808,\"big\":9223372036854775808,"
	"\"frac\":1.5}}";

static void get_finds_values_by_their_path(void **state)
{
	struct bw_kube_slice v = { 0 };
	char text[32];
	int64_t n = 0;
	int b = -1;

	(void)state;
	assert_int_equal(bw_kube_text_get(slice(object), &v, "metadata", "annotations",
					  "k8s.io/initial-events-end", NULL),
			 0);
	assert_true(bw_kube_text_is(v, "true"));
	assert_false(bw_kube_text_is(v, "tru"));
	assert_false(bw_kube_text_is(v, "truer"));
	assert_int_equal(bw_kube_text_get(slice(object), &v, "metadata", "generation", NULL), 0);
	assert_int_equal(bw_kube_text_int(v, &n), 0);
	assert_true(n == 9007199254740993);
	assert_int_equal(bw_kube_text_get(slice(object), &v, "spec", "min", NULL), 0);
	assert_int_equal(bw_kube_text_int(v, &n), 0);
	assert_true(n == INT64_MIN);
	assert_int_equal(bw_kube_text_get(slice(object), &v, "spec", "big", NULL), 0);
	assert_int_equal(bw_kube_text_int(v, &n), -ERANGE);
	assert_int_equal(bw_kube_text_get(slice(object), &v, "spec", "frac", NULL), 0);
	assert_int_equal(bw_kube_text_int(v, &n), -EINVAL);
	assert_int_equal(bw_kube_text_get(slice(object), &v, "spec", "ok", NULL), 0);
	assert_int_equal(bw_kube_text_bool(v, &b), 0);
	assert_int_equal(b, 1);
	assert_int_equal(bw_kube_text_get(slice(object), &v, "spec", "no", NULL), 0);
	assert_int_equal(bw_kube_text_bool(v, &b), 0);
	assert_int_equal(b, 0);
	assert_int_equal(bw_kube_text_bool(slice("\"true\""), &b), -EINVAL);
	assert_int_equal(bw_kube_text_copy(object, sizeof(object) - 1, text, sizeof(text), "kind"),
			 0);
	assert_string_equal(text, "NetworkClaim");
	assert_int_equal(bw_kube_text_get(slice(object), &v, NULL), 0);
	assert_ptr_equal(v.p, object);
}

static void get_says_what_is_not_there(void **state)
{
	struct bw_kube_slice v = { NULL, 7 };
	char text[8] = "old";

	(void)state;
	assert_int_equal(bw_kube_text_get(slice(object), &v, "metadata", "none", NULL), -ENOENT);
	assert_int_equal(bw_kube_text_get(slice(object), &v, "metadata", "x", NULL), -ENOENT);
	assert_int_equal(bw_kube_text_get(slice(object), &v, "kind", "x", NULL), -ENOENT);
	assert_int_equal(bw_kube_text_get(slice(object), &v, "spec", "list", "x", NULL), -ENOENT);
	assert_int_equal(bw_kube_text_get(slice("{\"a\" 1}"), &v, "b", NULL), -EBADMSG);
	assert_int_equal(bw_kube_text_get(slice("{\"a\":1"), &v, "b", NULL), -EBADMSG);
	assert_int_equal(bw_kube_text_get(slice(""), &v, "b", NULL), -ENOENT);
	assert_int_equal(v.size, 7);
	assert_int_equal(bw_kube_text_copy(object, sizeof(object) - 1, text, sizeof(text), "kind"),
			 -ENAMETOOLONG);
	assert_string_equal(text, "");
}

static void strings_lose_their_escapes(void **state)
{
	bw_autofree char *copy = NULL;
	struct bw_kube_slice v;
	char small[4] = "old";

	(void)state;
	assert_int_equal(bw_kube_text_get(slice(object), &v, "metadata", "name", NULL), 0);
	assert_int_equal(bw_kube_text_strdup(v, &copy), 0);
	assert_string_equal(copy, "a\xc3\xa4\n\xf0\x9f\x98\x80\xef\xbf\xbd");
	assert_true(bw_kube_text_is(v, copy));
	assert_int_equal(bw_kube_text_get(slice(object), &v, "metadata", "nul", NULL), 0);
	assert_int_equal(bw_kube_text_str(v, small, sizeof(small)), -EINVAL);
	assert_string_equal(small, "old");
	assert_false(bw_kube_text_is(v, "a"));
	assert_int_equal(bw_kube_text_str(slice("\"abc\""), small, sizeof(small)), 0);
	assert_int_equal(bw_kube_text_str(slice("\"abcd\""), small, sizeof(small)), -ENAMETOOLONG);
	assert_int_equal(bw_kube_text_str(slice("12"), small, sizeof(small)), -EINVAL);
	assert_int_equal(bw_kube_text_str(slice("\"a"), small, sizeof(small)), -EBADMSG);
	assert_int_equal(bw_kube_text_str(slice("\"\\b\\f\\r\""), small, sizeof(small)), 0);
	assert_string_equal(small, "\b\f\r");
	assert_true(bw_kube_text_is(slice("\"\\t\\/\\\\\\\"\""), "\t/\\\""));
}

static void integers_are_exact_or_refused(void **state)
{
	static const struct {
		const char *text;
		int r;
	} cases[] = {
		{ "0", 0 },
		{ "-", -EINVAL },
		{ "", -EINVAL },
		{ "1e3", -EINVAL },
		{ "\"1\"", -EINVAL },
		{ "9223372036854775807", 0 },
		{ "-9223372036854775809", -ERANGE },
		{ "99999999999999999999", -ERANGE },
	};
	int64_t n;

	(void)state;
	for (size_t i = 0; i < BW_ARRAY_SIZE(cases); i++)
		assert_int_equal(bw_kube_text_int(slice(cases[i].text), &n), cases[i].r);
}

static void walk_goes_over_members_and_elements(void **state)
{
	struct bw_kube_slice v, k;
	struct bw_kube_iter it;

	(void)state;
	assert_int_equal(bw_kube_text_get(slice(object), &v, "spec", "list", NULL), 0);
	assert_int_equal(bw_kube_iter_init(&it, v), 0);
	assert_int_equal(bw_kube_iter_next(&it, &k, &v), 1);
	assert_int_equal(k.size, 0);
	assert_memory_equal(v.p, "1", v.size);
	assert_int_equal(bw_kube_iter_next(&it, NULL, &v), 1);
	assert_memory_equal(v.p, "{\"a\":2}", v.size);
	assert_int_equal(bw_kube_iter_next(&it, NULL, &v), 1);
	assert_int_equal(bw_kube_iter_next(&it, NULL, &v), 0);
	assert_int_equal(bw_kube_iter_next(&it, NULL, &v), 0);
	assert_int_equal(bw_kube_iter_init(&it, slice(" { } ")), 0);
	assert_int_equal(bw_kube_iter_next(&it, NULL, &v), 0);
	assert_int_equal(bw_kube_iter_init(&it, slice("{\"a\":1 \"b\":2}")), 0);
	assert_int_equal(bw_kube_iter_next(&it, &k, &v), 1);
	assert_true(bw_kube_text_is(k, "a"));
	assert_int_equal(bw_kube_iter_next(&it, &k, &v), -EBADMSG);
	assert_int_equal(bw_kube_iter_init(&it, slice("1")), -EINVAL);
	assert_int_equal(bw_kube_iter_init(&it, slice("")), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_come_whole_wherever_they_are_cut),
		cmocka_unit_test(line_without_its_end_is_an_error),
		cmocka_unit_test(items_come_one_by_one_wherever_they_are_cut),
		cmocka_unit_test(list_without_items_is_all_rest),
		cmocka_unit_test(what_is_no_list_is_refused),
		cmocka_unit_test(cutter_hands_on_what_its_function_says),
		cmocka_unit_test(line_beyond_the_bound_is_refused),
		cmocka_unit_test(strip_takes_out_what_the_cache_does_not_need),
		cmocka_unit_test(strip_refuses_what_is_no_json),
		cmocka_unit_test(strip_takes_space_away_at_any_depth),
		cmocka_unit_test(keep_leaves_what_is_named),
		cmocka_unit_test(depth_is_bounded),
		cmocka_unit_test(strip_tells_an_allocation_that_fails),
		cmocka_unit_test(get_finds_values_by_their_path),
		cmocka_unit_test(get_says_what_is_not_there),
		cmocka_unit_test(strings_lose_their_escapes),
		cmocka_unit_test(integers_are_exact_or_refused),
		cmocka_unit_test(walk_goes_over_members_and_elements),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
