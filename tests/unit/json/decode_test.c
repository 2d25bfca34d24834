/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>

#include <bw/err.h>
#include <bw/ip.h>
#include <bw/json.h>

#include "../failalloc.h"

enum accel { ACCEL_AUTO, ACCEL_EBPF, ACCEL_OFF };

static const struct bw_json_enum accel_names[] = {
	{ "auto", ACCEL_AUTO },
	{ "ebpf", ACCEL_EBPF },
	{ "off", ACCEL_OFF },
	{ NULL, 0 },
};

struct range {
	struct bw_prefix subnet;
	struct bw_ip start;
};

struct inner {
	struct bw_json_list ranges; /* of lists of struct range */
	char *domain;
};

struct conf {
	const char *bridge;
	uint8_t gateway;
	int hairpin;
	uint16_t vlan;
	uint8_t has_vlan;
	int64_t big;
	int8_t tiny;
	enum accel accel;
	struct inner ipam;
	struct bw_json_list names; /* of const char * */
	struct bw_mac mac;
	struct bw_prefix addr;
	const struct cJSON *tree;
	char *custom;
};

static const struct bw_json_field range_fields[] = {
	BW_JSON_FIELD(SUBNET, struct range, subnet, "subnet", .flags = BW_JSON_F_REQUIRED),
	BW_JSON_FIELD(IP, struct range, start, "rangeStart"),
};
static const struct bw_json_table range_table = BW_JSON_TABLE(range_fields);
static const struct bw_json_field range_item =
	BW_JSON_ITEM(OBJECT, struct range, .table = &range_table);
static const struct bw_json_field set_item =
	BW_JSON_ITEM(ARRAY, struct bw_json_list, .item = &range_item, .min = 1, .max = 3);

static const struct bw_json_field inner_fields[] = {
	BW_JSON_FIELD(ARRAY, struct inner, ranges, "ranges", .item = &set_item),
	BW_JSON_FIELD(STRDUP, struct inner, domain, "domain", .min = 1, .max = 63),
};
static const struct bw_json_table inner_table = BW_JSON_TABLE(inner_fields);
static const struct bw_json_field name_item = BW_JSON_ITEM(STR, const char *, .min = 1);

static int not_seven(const struct cJSON *json, const struct bw_json_path *path, void *member,
		     struct bw_err *err)
{
	uint16_t value;

	memcpy(&value, member, sizeof(value));
	return value == 7 ? bw_json_expect(json, path, err, "anything but 7") : 0;
}

static int decode_copy(const struct cJSON *json, const struct bw_json_path *path, void *member,
		       struct bw_err *err)
{
	char *copy;

	if (!cJSON_IsNumber(json))
		return bw_json_refuse(path, err, "is no number");
	copy = strdup("copy");
	if (!copy)
		return bw_fail(err, ENOMEM, "copy");
	*(char **)member = copy;
	return 0;
}

static void free_copy(void *member)
{
	free(*(char **)member);
	*(char **)member = NULL;
}

static const struct bw_json_field conf_fields[] = {
	BW_JSON_FIELD(STR, struct conf, bridge, "bridge", .min = 1, .max = 15),
	BW_JSON_FIELD(BOOL, struct conf, gateway, "isGateway"),
	BW_JSON_FIELD(BOOL, struct conf, hairpin, "hairpinMode"),
	BW_JSON_FIELD(INT, struct conf, vlan, "vlan", .max = 4094, .check = not_seven,
		      BW_JSON_HAS(struct conf, has_vlan)),
	BW_JSON_FIELD(INT, struct conf, big, "big", .min = -BW_JSON_INT_MAX,
		      .max = BW_JSON_INT_MAX),
	BW_JSON_FIELD(INT, struct conf, tiny, "tiny", .min = -128, .max = 127),
	BW_JSON_FIELD(ENUM, struct conf, accel, "accel", .names = accel_names),
	BW_JSON_FIELD(OBJECT, struct conf, ipam, "ipam", .table = &inner_table),
	BW_JSON_FIELD(ARRAY, struct conf, names, "names", .item = &name_item,
		      .flags = BW_JSON_F_ONE),
	BW_JSON_FIELD(MAC, struct conf, mac, "mac"),
	BW_JSON_FIELD(PREFIX, struct conf, addr, "addr"),
	BW_JSON_FIELD(TREE, struct conf, tree, "tree"),
	BW_JSON_FIELD(CUSTOM, struct conf, custom, "custom", .decode = decode_copy,
		      .done = free_copy),
};
static const struct bw_json_table conf_table = BW_JSON_TABLE(conf_fields);

static const char full[] =
	"{\"bridge\":\"br0\",\"isGateway\":true,\"hairpinMode\":true,\"vlan\":4094,"
	"\"big\":-9007199254740992,\"tiny\":-128,\"accel\":\"ebpf\",\"unknown\":{\"a\":[]},"
	"\"ipam\":{\"ranges\":[[{\"subnet\":\"10.1.0.0/24\",\"rangeStart\":\"10.1.0.9\"},"
	"{\"subnet\":\"10.2.0.0/24\"}],[{\"subnet\":\"fd00::/64\"}]],\"domain\":\"lan\"},"
	"\"names\":[\"a\",\"b\"],\"mac\":\"02:00:00:00:00:01\",\"addr\":\"10.1.0.7/24\","
	"\"tree\":[1],\"custom\":5}";

static void decode_fills_every_kind(void **state)
{
	bw_autojson struct cJSON *json = NULL;
	struct conf conf = { 0 };
	struct bw_json_list *sets;
	struct range *ranges;
	char s[BW_PREFIX_STR_MAX];

	(void)state;
	assert_int_equal(bw_json_parse(full, sizeof(full) - 1, &json, NULL), 0);
	assert_int_equal(bw_json_decode(json, &conf_table, NULL, &conf, NULL), 0);
	assert_string_equal(conf.bridge, "br0");
	assert_int_equal(conf.gateway, 1);
	assert_int_equal(conf.hairpin, 1);
	assert_int_equal(conf.vlan, 4094);
	assert_int_equal(conf.has_vlan, 1);
	assert_true(conf.big == -BW_JSON_INT_MAX);
	assert_int_equal(conf.tiny, -128);
	assert_int_equal(conf.accel, ACCEL_EBPF);
	assert_int_equal(conf.ipam.ranges.n, 2);
	sets = conf.ipam.ranges.items;
	assert_int_equal(sets[0].n, 2);
	ranges = sets[0].items;
	assert_string_equal(bw_prefix_str(&ranges[1].subnet, s), "10.2.0.0/24");
	assert_string_equal(bw_ip_str(&ranges[0].start, s), "10.1.0.9");
	assert_string_equal(conf.ipam.domain, "lan");
	assert_string_equal(((const char **)conf.names.items)[1], "b");
	assert_string_equal(bw_prefix_str(&conf.addr, s), "10.1.0.7/24");
	assert_true(cJSON_IsArray(conf.tree));
	assert_string_equal(conf.custom, "copy");
	bw_json_done(&conf_table, &conf);
	assert_null(conf.custom);
	assert_int_equal(conf.ipam.ranges.n, 0);
	bw_json_done(&conf_table, &conf);
	bw_json_done(&conf_table, NULL);
}

static int decode(const char *text, struct conf *conf, struct bw_err *err)
{
	bw_autojson struct cJSON *json = NULL;
	int r = bw_json_parse(text, strlen(text), &json, err);

	if (r == 0)
		r = bw_json_decode(json, &conf_table, NULL, conf, err);
	bw_json_done(&conf_table, conf);
	return r;
}

static void decode_keeps_defaults_of_absent_and_null(void **state)
{
	struct conf conf = { .vlan = 12, .accel = ACCEL_OFF };

	(void)state;
	assert_int_equal(decode("{\"vlan\":null,\"accel\":null,\"ipam\":null}", &conf, NULL), 0);
	assert_int_equal(conf.vlan, 12);
	assert_int_equal(conf.has_vlan, 0);
	assert_int_equal(conf.accel, ACCEL_OFF);
}

static void decode_takes_one_without_brackets(void **state)
{
	bw_autojson struct cJSON *json = NULL;
	struct conf conf = { 0 };

	(void)state;
	assert_int_equal(bw_json_parse("{\"names\":\"x\"}", 13, &json, NULL), 0);
	assert_int_equal(bw_json_decode(json, &conf_table, NULL, &conf, NULL), 0);
	assert_int_equal(conf.names.n, 1);
	assert_string_equal(((const char **)conf.names.items)[0], "x");
	bw_json_done(&conf_table, &conf);
}

static void decode_refuses_and_says_why(void **state)
{
	static const struct {
		const char *text, *msg;
	} bad[] = {
		{ "[]", "document: expected an object, got an empty list" },
		{ "{\"bridge\":5}", "bridge: expected a string of 1 to 15 characters, got 5" },
		{ "{\"bridge\":\"\"}",
		  "bridge: expected a string of 1 to 15 characters, got \"\"" },
		{ "{\"bridge\":\"aaaaaaaaaaaaaaaa\"}",
		  "bridge: expected a string of 1 to 15 characters, got \"aaaaaaaaaaaaaaaa\"" },
		{ "{\"isGateway\":\"yes\"}", "isGateway: expected true or false, got \"yes\"" },
		{ "{\"isGateway\":1}", "isGateway: expected true or false, got 1" },
		{ "{\"vlan\":4095}", "vlan: expected an integer from 0 to 4094, got 4095" },
		{ "{\"vlan\":-1}", "vlan: expected an integer from 0 to 4094, got -1" },
		{ "{\"vlan\":1.5}", "vlan: expected an integer from 0 to 4094, got 1.5" },
		{ "{\"vlan\":1e300}",
		  "vlan: expected an integer from 0 to 4094, got 1.0000000000000001e+300" },
		{ "{\"vlan\":\"5\"}", "vlan: expected an integer from 0 to 4094, got \"5\"" },
		{ "{\"vlan\":7}", "vlan: expected anything but 7, got 7" },
		{ "{\"vlan\":1,\"vlan\":2}", "vlan: the key is given twice" },
		{ "{\"big\":9007199254740994}", "big: expected an integer from -9007199254740992 "
						"to 9007199254740992, got 9007199254740994" },
		{ "{\"tiny\":128}", "tiny: expected an integer from -128 to 127, got 128" },
		{ "{\"accel\":\"fast\"}", "accel: expected one of auto, ebpf, off, got \"fast\"" },
		{ "{\"accel\":{}}", "accel: expected one of auto, ebpf, off, got an object" },
		{ "{\"ipam\":[1]}", "ipam: expected an object, got a list" },
		{ "{\"ipam\":{\"ranges\":{}}}", "ipam.ranges: expected a list, got an object" },
		{ "{\"ipam\":{\"ranges\":[[]]}}",
		  "ipam.ranges[0]: expected a list of 1 to 3 items, got 0" },
		{ "{\"ipam\":{\"ranges\":[[{\"subnet\":\"10.0.0.0/8\"},{\"subnet\":7}]]}}",
		  "ipam.ranges[0][1].subnet: expected a subnet such as 10.1.0.0/24 or fd00::/64, "
		  "got 7" },
		{ "{\"ipam\":{\"ranges\":[[{\"subnet\":\"10.1.0.7/24\"}]]}}",
		  "ipam.ranges[0][0].subnet: expected a subnet without host bits, which is "
		  "10.1.0.0/24, got \"10.1.0.7/24\"" },
		{ "{\"ipam\":{\"ranges\":[[{}]]}}",
		  "ipam.ranges[0][0].subnet: missing, but it is required" },
		{ "{\"ipam\":{\"domain\":\"\"}}",
		  "ipam.domain: expected a string of 1 to 63 characters, got \"\"" },
		{ "{\"names\":[\"a\",\"\"]}",
		  "names[1]: expected a string of 1 to 4096 characters, got \"\"" },
		{ "{\"mac\":\"ff:ff:ff:ff:ff:ff\"}",
		  "mac: expected a unicast MAC such as "
		  "02:00:0a:01:00:07, got \"ff:ff:ff:ff:ff:ff\"" },
		{ "{\"addr\":\"10.1.0.7\"}", "addr: expected an address with its prefix such as "
					     "10.1.0.7/24, got \"10.1.0.7\"" },
		{ "{\"custom\":\"x\"}", "custom: is no number" },
	};

	(void)state;
	for (size_t i = 0; i < BW_ARRAY_SIZE(bad); i++) {
		struct conf conf = { 0 };
		struct bw_err err = { 0 };

		assert_int_equal(decode(bad[i].text, &conf, &err), -EINVAL);
		assert_string_equal(err.msg, bad[i].msg);
		assert_int_equal(err.class, BW_ERR_INVALID);
	}
}

static void decode_cuts_and_cleans_a_long_value(void **state)
{
	struct conf conf = { 0 };
	struct bw_err err = { 0 };
	char text[512];

	(void)state;
	(void)snprintf(text, sizeof(text), "{\"bridge\":\"\\u001b[31m%0300d\"}", 0);
	assert_int_equal(decode(text, &conf, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "got \"?[31m000"));
	assert_non_null(strstr(err.msg, "0...\""));
	assert_true(strlen(err.msg) < 200);
}

static void decode_reports_out_of_memory(void **state)
{
	bw_autojson struct cJSON *json = NULL;
	long n = 0;
	int failed;

	(void)state;
	assert_int_equal(bw_json_parse(full, sizeof(full) - 1, &json, NULL), 0);
	do {
		struct conf conf = { 0 };
		struct bw_err err = { 0 };
		int r;

		fail_alloc_start(n++);
		if (n % 2)
			r = bw_json_decode(json, &conf_table, NULL, &conf, &err);
		else
			r = bw_json_decode_lenient(json, &conf_table, NULL, &conf, &err);
		failed = fail_alloc_stop();
		bw_json_done(&conf_table, &conf);
		assert_int_equal(r, failed ? -ENOMEM : 0);
	} while (failed);
}

struct own {
	uint8_t flag;
	int number;
	int word;
	struct bw_prefix net;
	struct inner inner;
	struct bw_json_list list;
	char *text;
};

static int refuse_all(const struct cJSON *json, const struct bw_json_path *path, void *member,
		      struct bw_err *err)
{
	(void)json;
	(void)member;
	return bw_json_refuse(path, err, "is never right");
}

/* Every type with a text of its own, and checks on what owns memory. */
static const struct bw_json_field own_fields[] = {
	BW_JSON_FIELD(BOOL, struct own, flag, "flag", .expected = "a flag"),
	BW_JSON_FIELD(INT, struct own, number, "number", .max = 9, .expected = "a digit"),
	BW_JSON_FIELD(ENUM, struct own, word, "word", .names = accel_names, .expected = "a word"),
	BW_JSON_FIELD(SUBNET, struct own, net, "net", .expected = "a net"),
	BW_JSON_FIELD(OBJECT, struct own, inner, "inner", .table = &inner_table,
		      .expected = "the inner"),
	BW_JSON_FIELD(ARRAY, struct own, list, "list", .item = &name_item, .max = 1,
		      .expected = "one name", .check = refuse_all),
	BW_JSON_FIELD(STRDUP, struct own, text, "text", .max = 3, .expected = "a short text",
		      .check = refuse_all),
};
static const struct bw_json_table own_table = BW_JSON_TABLE(own_fields);

static void decode_uses_the_fields_own_text(void **state)
{
	static const struct {
		const char *text, *msg;
	} bad[] = {
		{ "{\"flag\":2}", "flag: expected a flag, got 2" },
		{ "{\"number\":10}", "number: expected a digit, got 10" },
		{ "{\"word\":\"x\"}", "word: expected a word, got \"x\"" },
		{ "{\"net\":\"x\"}", "net: expected a net, got \"x\"" },
		{ "{\"inner\":true}", "inner: expected the inner, got true" },
		{ "{\"list\":[\"a\",\"b\"]}", "list: expected one name, got a list" },
		{ "{\"list\":[\"a\"]}", "list: is never right" },
		{ "{\"text\":\"long\"}", "text: expected a short text, got \"long\"" },
		{ "{\"text\":\"a\"}", "text: is never right" },
	};

	(void)state;
	for (size_t i = 0; i < BW_ARRAY_SIZE(bad); i++) {
		bw_autojson struct cJSON *json = NULL;
		struct own own = { 0 };
		struct bw_err err = { 0 };

		assert_int_equal(bw_json_parse(bad[i].text, strlen(bad[i].text), &json, NULL), 0);
		assert_int_equal(bw_json_decode(json, &own_table, NULL, &own, &err), -EINVAL);
		assert_string_equal(err.msg, bad[i].msg);
		assert_int_equal(bw_json_decode_lenient(json, &own_table, NULL, &own, NULL), 1);
		assert_null(own.list.items);
		assert_null(own.text);
		bw_json_done(&own_table, &own);
	}
}

static void refused_values_are_shown_whole_characters(void **state)
{
	bw_autojson struct cJSON *json = NULL;
	struct bw_err err = { 0 };
	char text[256] = "\"a";

	(void)state;
	for (int i = 0; i < 60; i++)
		strcat(text, "\xc3\xa9");
	strcat(text, "\"");
	assert_int_equal(bw_json_parse(text, strlen(text), &json, NULL), 0);
	assert_int_equal(bw_json_expect(json, NULL, &err, "less"), -EINVAL);
	assert_non_null(strstr(err.msg, "\xc3\xa9...\""));
	bw_json_clean(err.msg);
	assert_null(strchr(err.msg, '?'));
	bw_json_free(&json);
	json = cJSON_CreateNull();
	assert_int_equal(bw_json_expect(json, NULL, &err, "more"), -EINVAL);
	assert_string_equal(err.msg, "document: expected more, got null");
	assert_int_equal(bw_json_expect(NULL, NULL, &err, "more"), -EINVAL);
	assert_string_equal(err.msg, "document: expected more, got nothing");
}

static void lenient_takes_what_it_can(void **state)
{
	static const char text[] =
		"{\"bridge\":5,\"vlan\":7,\"accel\":\"fast\",\"isGateway\":true,"
		"\"ipam\":{\"domain\":\"\",\"ranges\":[[{\"subnet\":\"x\"},{\"subnet\":\"10.0.0.0/8\"}],"
		"{}]},\"names\":[1,\"b\"],\"custom\":\"no\"}";
	bw_autojson struct cJSON *json = NULL;
	struct conf conf = { .vlan = 3, .bridge = "cni0" };
	struct bw_err err = { 0 };
	struct bw_json_list *sets;

	(void)state;
	assert_int_equal(bw_json_parse(text, sizeof(text) - 1, &json, NULL), 0);
	assert_int_equal(bw_json_decode_lenient(json, &conf_table, NULL, &conf, &err), 9);
	assert_string_equal(err.msg, "bridge: expected a string of 1 to 15 characters, got 5");
	assert_string_equal(conf.bridge, "cni0");
	assert_int_equal(conf.vlan, 3);
	assert_int_equal(conf.has_vlan, 0);
	assert_int_equal(conf.gateway, 1);
	assert_int_equal(conf.ipam.ranges.n, 1);
	sets = conf.ipam.ranges.items;
	assert_int_equal(sets[0].n, 1);
	assert_int_equal(conf.names.n, 1);
	assert_string_equal(((const char **)conf.names.items)[0], "b");
	bw_json_done(&conf_table, &conf);
	assert_int_equal(bw_json_decode_lenient(NULL, &conf_table, NULL, &conf, &err), 1);
}

static void paths_are_printed_and_cut(void **state)
{
	struct bw_json_path root = { .key = "a" };
	struct bw_json_path item = { .up = &root, .index = 12 };
	struct bw_json_path leaf = { .up = &item, .key = "b" };
	char long_key[400], out[BW_JSON_PATH_STR_MAX];

	(void)state;
	assert_string_equal(bw_json_path_str(NULL, out), "document");
	assert_string_equal(bw_json_path_str(&leaf, out), "a[12].b");
	memset(long_key, 'k', sizeof(long_key) - 1);
	long_key[sizeof(long_key) - 1] = '\0';
	root.key = long_key;
	assert_int_equal(strlen(bw_json_path_str(&leaf, out)), BW_JSON_PATH_STR_MAX - 1);
}

struct rates {
	int64_t in, out;
};

static void keys_of_any_case_are_one_key(void **state)
{
	static const struct bw_json_field fields[] = {
		BW_JSON_FIELD(INT, struct rates, in, "inRate", .max = 9),
		BW_JSON_FIELD(INT, struct rates, out, "outRate", .max = 9),
	};
	static const struct bw_json_table exact = BW_JSON_TABLE(fields);
	static const struct bw_json_table any = BW_JSON_TABLE_ANY_CASE(fields);
	bw_autojson struct cJSON *json = cJSON_Parse("{\"InRate\":1,\"OUTRATE\":2}");
	bw_autojson struct cJSON *twice = cJSON_Parse("{\"inRate\":1,\"InRate\":2}");
	struct rates r = { 0 };
	struct bw_err err = { 0 };

	(void)state;
	assert_int_equal(bw_json_decode(json, &any, NULL, &r, &err), 0);
	assert_true(r.in == 1 && r.out == 2);
	r = (struct rates){ 0 };
	assert_int_equal(bw_json_decode(json, &exact, NULL, &r, &err), 0);
	assert_true(r.in == 0 && r.out == 0);
	assert_int_equal(bw_json_decode(twice, &any, NULL, &r, &err), -EINVAL);
	assert_string_equal(err.msg, "InRate: the key is given twice");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_of_any_case_are_one_key),
		cmocka_unit_test(decode_fills_every_kind),
		cmocka_unit_test(decode_keeps_defaults_of_absent_and_null),
		cmocka_unit_test(decode_takes_one_without_brackets),
		cmocka_unit_test(decode_refuses_and_says_why),
		cmocka_unit_test(decode_cuts_and_cleans_a_long_value),
		cmocka_unit_test(decode_reports_out_of_memory),
		cmocka_unit_test(decode_uses_the_fields_own_text),
		cmocka_unit_test(refused_values_are_shown_whole_characters),
		cmocka_unit_test(lenient_takes_what_it_can),
		cmocka_unit_test(paths_are_printed_and_cut),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
