/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>

#include <bw/cni_prevresult.h>
#include <bw/cni_result.h>
#include <bw/cni_valid.h>
#include <bw/err.h>
#include <bw/json.h>

#include "../failalloc.h"

/* The same attachment in every shape. */
#define IFS_10                                                                                     \
	"\"interfaces\":[{\"name\":\"br0\",\"mac\":\"02:00:00:00:00:01\"},"                        \
	"{\"name\":\"eth0\",\"mac\":\"02:00:00:00:00:02\",\"sandbox\":\"/run/netns/a\"}]"
#define IFS_11                                                                                     \
	"\"interfaces\":[{\"name\":\"br0\",\"mac\":\"02:00:00:00:00:01\",\"mtu\":1500},"           \
	"{\"name\":\"eth0\",\"mac\":\"02:00:00:00:00:02\",\"mtu\":9000,"                           \
	"\"sandbox\":\"/run/netns/a\",\"socketPath\":\"/run/s\",\"pciID\":\"0000:01:10.0\"}]"
#define ROUTES_10 "\"routes\":[{\"dst\":\"0.0.0.0/0\",\"gw\":\"10.1.0.1\"},{\"dst\":\"fd01::/64\"}]"
#define ROUTES_11                                                                                  \
	"\"routes\":[{\"dst\":\"0.0.0.0/0\",\"gw\":\"10.1.0.1\",\"mtu\":1400,\"advmss\":1360,"     \
	"\"priority\":0,\"table\":100,\"scope\":253},{\"dst\":\"fd01::/64\"}]"
#define DNS                                                                                        \
	"\"dns\":{\"nameservers\":[\"10.1.0.1\"],\"domain\":\"lan\",\"search\":[\"a\",\"b\"],"     \
	"\"options\":[\"ndots:2\"]}"

static const char in_110[] =
	"{\"cniVersion\":\"1.1.0\"," IFS_11
	",\"ips\":[{\"interface\":1,\"address\":\"10.1.0.7/24\",\"gateway\":\"10.1.0.1\"},"
	"{\"interface\":1,\"address\":\"fd00::7/64\"}]," ROUTES_11 "," DNS "}";
static const char in_100[] =
	"{\"cniVersion\":\"1.0.0\"," IFS_10
	",\"ips\":[{\"interface\":1,\"address\":\"10.1.0.7/24\",\"gateway\":\"10.1.0.1\"},"
	"{\"interface\":1,\"address\":\"fd00::7/64\"}]," ROUTES_10 "," DNS "}";
static const char in_040[] =
	"{\"cniVersion\":\"0.4.0\"," IFS_10
	",\"ips\":[{\"version\":\"4\",\"interface\":1,\"address\":\"10.1.0.7/24\","
	"\"gateway\":\"10.1.0.1\"},"
	"{\"version\":\"6\",\"interface\":1,\"address\":\"fd00::7/64\"}]," ROUTES_10 "," DNS "}";
static const char in_020[] =
	"{\"cniVersion\":\"0.2.0\",\"ip4\":{\"ip\":\"10.1.0.7/24\",\"gateway\":\"10.1.0.1\","
	"\"routes\":[{\"dst\":\"0.0.0.0/0\",\"gw\":\"10.1.0.1\"}]},"
	"\"ip6\":{\"ip\":\"fd00::7/64\",\"routes\":[{\"dst\":\"fd01::/64\"}]}," DNS "}";

static int convert(const char *in, const char *version, char **ret, struct bw_err *err)
{
	bw_autojson struct cJSON *json = NULL;
	bw_autojson struct cJSON *out = NULL;
	struct bw_cni_result result = { 0 };
	int r = bw_json_parse(in, strlen(in), &json, err);

	if (r == 0)
		r = bw_cni_result_parse(json, "1.1.0", &result, err);
	if (r == 0)
		r = bw_cni_result_to_json(&result, version, &out, err);
	if (r == 0)
		r = bw_json_print(out, 0, ret, err);
	bw_cni_result_done(&result);
	return r;
}

static void results_are_converted_between_versions(void **state)
{
	static const struct {
		const char *in, *version, *out;
	} cases[] = {
		{ in_110, "1.1.0", in_110 }, { in_110, "1.0.0", in_100 },
		{ in_110, "0.4.0", in_040 }, { in_110, "0.2.0", in_020 },
		{ in_100, "1.0.0", in_100 }, { in_100, "0.2.0", in_020 },
		{ in_040, "0.4.0", in_040 }, { in_040, "1.0.0", in_100 },
		{ in_020, "0.2.0", in_020 },
	};

	(void)state;
	for (size_t i = 0; i < BW_ARRAY_SIZE(cases); i++) {
		bw_autofree char *text = NULL;
		struct bw_err err = { 0 };

		if (convert(cases[i].in, cases[i].version, &text, &err) != 0)
			fail_msg("case %zu: %s", i, err.msg);
		assert_string_equal(text, cases[i].out);
	}
}

static void results_only_differ_by_name_in_a_version(void **state)
{
	static const char *const versions[] = { "0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0" };

	(void)state;
	for (size_t i = 0; i < BW_ARRAY_SIZE(versions); i++) {
		bw_autofree char *text = NULL, *again = NULL;
		char head[32];

		assert_int_equal(convert(in_110, versions[i], &text, NULL), 0);
		(void)snprintf(head, sizeof(head), "{\"cniVersion\":\"%s\"", versions[i]);
		assert_memory_equal(text, head, strlen(head));
		assert_int_equal(convert(text, versions[i], &again, NULL), 0);
		assert_string_equal(text, again);
	}
}

static void old_result_becomes_new(void **state)
{
	bw_autofree char *text = NULL;

	(void)state;
	assert_int_equal(convert(in_020, "1.0.0", &text, NULL), 0);
	assert_string_equal(text,
			    "{\"cniVersion\":\"1.0.0\",\"ips\":[{\"address\":\"10.1.0.7/24\","
			    "\"gateway\":\"10.1.0.1\"},{\"address\":\"fd00::7/64\"}]," ROUTES_10
			    "," DNS "}");
}

static void empty_result_has_only_dns(void **state)
{
	bw_autofree char *text = NULL;

	(void)state;
	assert_int_equal(convert("{}", "0.3.1", &text, NULL), 0);
	assert_string_equal(text, "{\"cniVersion\":\"0.3.1\",\"dns\":{}}");
}

static void result_without_version_is_the_configurations(void **state)
{
	static const char text[] = "{\"ip4\":{\"ip\":\"10.1.0.7/24\"}}";
	bw_autojson struct cJSON *json = NULL;
	struct bw_cni_result result = { 0 };

	(void)state;
	assert_int_equal(bw_json_parse(text, strlen(text), &json, NULL), 0);
	assert_int_equal(bw_cni_result_parse(json, "0.2.0", &result, NULL), 0);
	assert_int_equal(result.n_ips, 1);
	assert_int_equal(result.ips[0].interface, BW_CNI_NO_IF);
	bw_cni_result_done(&result);
	assert_int_equal(bw_cni_result_parse(json, "1.0.0", &result, NULL), 0);
	assert_int_equal(result.n_ips, 0);
	bw_cni_result_done(&result);
	bw_cni_result_done(&result);
	bw_cni_result_done(NULL);
	bw_cni_dns_done(NULL);
}

static void result_tolerates_what_others_write(void **state)
{
	bw_autofree char *text = NULL;

	(void)state;
	assert_int_equal(
		convert("{\"cniVersion\":\"1.0.0\",\"interfaces\":[{\"name\":\"ib0\",\"sandbox\":\"\","
			"\"mac\":\"00:00:10:86:fe:80:00:00:00:00:00:00:00:11:22:33:44:55:66:77\"},"
			"{\"name\":\"lo\",\"mac\":\"\"}],\"ips\":[{\"address\":\"10.0.0.1/8\","
			"\"gateway\":\"\",\"interface\":null}],\"routes\":null}",
			"1.0.0", &text, NULL),
		0);
	assert_string_equal(text, "{\"cniVersion\":\"1.0.0\",\"interfaces\":[{\"name\":\"ib0\"},"
				  "{\"name\":\"lo\"}],\"ips\":[{\"address\":\"10.0.0.1/8\"}],"
				  "\"dns\":{}}");
}

static void bad_results_name_their_path(void **state)
{
	static const struct {
		const char *in;
		int r;
		const char *part;
	} bad[] = {
		{ "[]", -EINVAL, "document: expected a CNI result" },
		{ "{\"cniVersion\":7}", -EINVAL, "cniVersion: expected a string, got 7" },
		{ "{\"cniVersion\":\"3.0.0\"}", -EPROTONOSUPPORT, "cniVersion: incompatible" },
		{ "{\"ips\":{}}", -EINVAL, "ips: expected a list" },
		{ "{\"ips\":[{}]}", -EINVAL, "ips[0].address: missing" },
		{ "{\"ips\":[{\"address\":\"10.0.0.1\"}]}", -EINVAL, "ips[0].address: expected" },
		{ "{\"ips\":[{\"address\":\"10.0.0.1/8\",\"gateway\":\"x\"}]}", -EINVAL,
		  "ips[0].gateway: expected" },
		{ "{\"ips\":[{\"address\":\"10.0.0.1/8\",\"interface\":0}]}", -EINVAL,
		  "ips[0]: interface is 0, but there are 0 interfaces" },
		{ "{\"ips\":[{\"address\":\"10.0.0.1/8\",\"interface\":-1}]}", -EINVAL,
		  "ips[0].interface: expected an integer" },
		{ "{\"ips\":[{\"address\":\"10.0.0.1/8\",\"version\":\"6\"}]}", -EINVAL,
		  "ips[0]: version is \"6\" but the address is IPv4" },
		{ "{\"ips\":[{\"address\":\"10.0.0.1/8\",\"version\":\"5\"}]}", -EINVAL,
		  "ips[0].version: expected \"4\" or \"6\"" },
		{ "{\"interfaces\":[{\"mac\":\"\"}]}", -EINVAL, "interfaces[0].name: missing" },
		{ "{\"interfaces\":[{\"name\":\"a\",\"mac\":\"zz\"}]}", -EINVAL,
		  "interfaces[0].mac: expected a MAC" },
		{ "{\"interfaces\":[{\"name\":\"a\",\"mtu\":-1}]}", -EINVAL, "interfaces[0].mtu" },
		{ "{\"routes\":[{\"gw\":\"10.0.0.1\"}]}", -EINVAL, "routes[0].dst: missing" },
		{ "{\"routes\":[{\"dst\":\"0.0.0.0/0\",\"scope\":256}]}", -EINVAL,
		  "routes[0].scope" },
		{ "{\"dns\":{\"nameservers\":[5]}}", -EINVAL,
		  "dns.nameservers[0]: expected a string" },
		{ "{\"cniVersion\":\"0.2.0\",\"ip4\":{}}", -EINVAL, "ip4.ip: missing" },
		{ "{\"cniVersion\":\"0.2.0\",\"ip4\":{\"ip\":\"fd00::1/64\"}}", -EINVAL,
		  "ip4: expected an IPv4 address" },
		{ "{\"cniVersion\":\"0.1.0\",\"ip6\":{\"ip\":\"10.0.0.1/8\"}}", -EINVAL,
		  "ip6: expected an IPv6 address" },
	};

	(void)state;
	for (size_t i = 0; i < BW_ARRAY_SIZE(bad); i++) {
		bw_autofree char *text = NULL;
		struct bw_err err = { 0 };

		assert_int_equal(convert(bad[i].in, "1.1.0", &text, &err), bad[i].r);
		if (!strstr(err.msg, bad[i].part))
			fail_msg("%s lacks %s", err.msg, bad[i].part);
	}
}

static void results_report_out_of_memory(void **state)
{
	static const char *const inputs[] = { in_110, in_020 };

	(void)state;
	for (size_t i = 0; i < BW_ARRAY_SIZE(inputs); i++) {
		long n = 0;
		int failed;

		do {
			bw_autofree char *text = NULL;
			int r;

			fail_alloc_start(n++);
			r = convert(inputs[i], i ? "0.1.0" : "1.1.0", &text, NULL);
			failed = fail_alloc_stop();
			assert_int_equal(r, failed ? -ENOMEM : 0);
		} while (failed);
	}
}

static void lists_of_a_result_are_bounded(void **state)
{
	struct bw_cni_result r = { 0 };
	struct bw_cni_if one_if = { .name = (char *)(uintptr_t) "eth0" };
	struct bw_cni_ip ip = { .interface = BW_CNI_NO_IF };
	struct bw_cni_route route = { .priority = -1 };
	struct bw_err err = { 0 };

	(void)state;
	for (int i = 0; i < BW_CNI_IFS_MAX; i++)
		assert_int_equal(bw_cni_result_add_if(&r, &one_if, &err), 0);
	for (int i = 0; i < BW_CNI_IPS_MAX; i++)
		assert_int_equal(bw_cni_result_add_ip(&r, &ip, &err), 0);
	for (int i = 0; i < BW_CNI_ROUTES_MAX; i++)
		assert_int_equal(bw_cni_result_add_route(&r, &route, &err), 0);
	for (int i = 0; i < BW_CNI_DNS_MAX; i++)
		assert_int_equal(bw_cni_dns_add(&r.dns.search, &r.dns.n_search, "a", &err), 0);
	assert_int_equal(bw_cni_result_add_if(&r, &one_if, &err), -E2BIG);
	assert_int_equal(bw_cni_result_add_ip(&r, &ip, &err), -E2BIG);
	assert_int_equal(bw_cni_result_add_route(&r, &route, &err), -E2BIG);
	assert_int_equal(bw_cni_dns_add(&r.dns.search, &r.dns.n_search, "a", &err), -E2BIG);
	assert_int_equal(r.n_ifs, BW_CNI_IFS_MAX);
	bw_cni_result_done(&r);
	assert_null(r.ifs);
}

static int prevresult(const char *text, int need, struct bw_cni_result *ret, struct bw_err *err)
{
	bw_autojson struct cJSON *json = NULL;
	struct bw_cni_request req = { .verb = BW_CNI_CHECK, .version = "0.2.0" };
	int r = bw_json_parse(text, strlen(text), &json, err);

	req.conf = json;
	if (r < 0)
		return r;
	return need ? bw_cni_prevresult_need(&req, ret, err) : bw_cni_prevresult(&req, ret, err);
}

static void prevresult_is_read_in_its_version(void **state)
{
	struct bw_cni_result r = { 0 };
	struct bw_err err = { 0 };

	(void)state;
	assert_int_equal(prevresult("{}", 0, &r, &err), 0);
	assert_int_equal(prevresult("{\"prevResult\":null}", 0, &r, &err), 0);
	assert_int_equal(
		prevresult("{\"prevResult\":{\"ip4\":{\"ip\":\"10.0.0.1/8\"}}}", 0, &r, &err), 1);
	assert_int_equal(r.n_ips, 1);
	bw_cni_result_done(&r);
	assert_int_equal(
		prevresult("{\"prevResult\":{\"cniVersion\":\"1.0.0\",\"ips\":[{\"address\":"
			   "\"10.0.0.1/8\"},{\"address\":\"10.0.0.2/8\"}]}}",
			   1, &r, &err),
		0);
	assert_int_equal(r.n_ips, 2);
	bw_cni_result_done(&r);
	assert_int_equal(prevresult("{}", 1, &r, &err), -EINVAL);
	assert_string_equal(err.msg, "prevResult: missing, but CHECK needs the result of ADD");
	assert_int_equal(prevresult("{\"prevResult\":5}", 0, &r, &err), -EINVAL);
	assert_string_equal(err.msg,
			    "prevResult: expected a CNI result, which is an object, got 5");
	assert_int_equal(
		prevresult("{\"prevResult\":{\"cniVersion\":\"1.0.0\",\"ips\":[{\"address\":"
			   "1}]}}",
			   0, &r, &err),
		-EINVAL);
	assert_non_null(strstr(err.msg, "prevResult.ips[0].address: expected"));
	assert_int_equal(prevresult("{\"prevResult\":{\"cniVersion\":\"7\"}}", 1, &r, &err),
			 -EPROTONOSUPPORT);
	assert_non_null(strstr(err.msg, "prevResult.cniVersion: incompatible"));
}

static int valid(const char *text, struct bw_cni_valid *ret, struct bw_err *err)
{
	struct cJSON *json = NULL;
	struct bw_cni_request req = { .verb = BW_CNI_GC };
	int r = bw_json_parse(text, strlen(text), &json, err);

	if (r < 0)
		return r;
	req.conf = json;
	r = bw_cni_valid_parse(&req, ret, err);
	if (r == 0 && ret->n > 1) { /* the entries point into the tree */
		assert_true(bw_cni_valid_has(ret, "a", "eth0"));
		assert_true(bw_cni_valid_has(ret, "b", "net1"));
		assert_false(bw_cni_valid_has(ret, "b", "eth0"));
		assert_false(bw_cni_valid_has(ret, "c", "eth0"));
	}
	bw_json_free(&json);
	return r;
}

static void valid_list_is_sorted_and_found(void **state)
{
	static const char list[] = "[{\"containerID\":\"b\",\"ifname\":\"net1\"},"
				   "{\"containerID\":\"a\",\"ifname\":\"eth0\",\"x\":1},"
				   "{\"containerID\":\"a\",\"ifname\":\"net1\"}]";
	static const char *const forms[] = {
		"{\"cni.dev/valid-attachments\":%s}",
		"{\"cni.dev/attachments\":%s}",
		"{\"cni.dev/attachments\":[],\"cni.dev/valid-attachments\":%s}",
	};
	struct bw_cni_valid v = { 0 };
	struct bw_err err = { 0 };
	char text[512];

	(void)state;
	for (size_t i = 0; i < BW_ARRAY_SIZE(forms); i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		(void)snprintf(text, sizeof(text), forms[i], list);
#pragma GCC diagnostic pop
		assert_int_equal(valid(text, &v, &err), 0);
		assert_int_equal(v.n, 3);
		bw_cni_valid_done(&v);
	}
	bw_cni_valid_done(NULL);
}

static void valid_list_may_be_of_none(void **state)
{
	static const char *const none[] = {
		"{\"cni.dev/valid-attachments\":[]}",
		"{\"cni.dev/valid-attachments\":null}",
		"{\"cni.dev/attachments\":null,\"cni.dev/valid-attachments\":null}",
	};

	(void)state;
	for (size_t i = 0; i < BW_ARRAY_SIZE(none); i++) {
		struct bw_cni_valid v = { 0 };
		struct bw_err err = { 0 };

		assert_int_equal(valid(none[i], &v, &err), 0);
		assert_int_equal(v.n, 0);
		assert_false(bw_cni_valid_has(&v, "a", "eth0"));
		bw_cni_valid_done(&v);
	}
}

static void valid_list_is_needed_and_checked(void **state)
{
	static const char *const bad[] = {
		"{}",
		"{\"cni.dev/valid-attachments\":{}}",
		"{\"cni.dev/valid-attachments\":\"a\"}",
		"{\"cni.dev/valid-attachments\":[\"a\"]}",
		"{\"cni.dev/valid-attachments\":[{\"ifname\":\"eth0\"}]}",
		"{\"cni.dev/valid-attachments\":[{\"containerID\":\"a\"}]}",
		"{\"cni.dev/valid-attachments\":[{\"containerID\":\"a\",\"ifname\":\"\"}]}",
		"{\"cni.dev/valid-attachments\":[{\"containerID\":5,\"ifname\":\"eth0\"}]}",
	};

	(void)state;
	for (size_t i = 0; i < BW_ARRAY_SIZE(bad); i++) {
		struct bw_cni_valid v = { 0 };
		struct bw_err err = { 0 };

		assert_int_equal(valid(bad[i], &v, &err), -EINVAL);
		assert_int_equal(err.class, BW_ERR_INVALID);
		assert_non_null(strstr(err.msg, "cni.dev/valid-attachments"));
		assert_null(v.entries);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(results_are_converted_between_versions),
		cmocka_unit_test(results_only_differ_by_name_in_a_version),
		cmocka_unit_test(old_result_becomes_new),
		cmocka_unit_test(empty_result_has_only_dns),
		cmocka_unit_test(result_without_version_is_the_configurations),
		cmocka_unit_test(result_tolerates_what_others_write),
		cmocka_unit_test(bad_results_name_their_path),
		cmocka_unit_test(results_report_out_of_memory),
		cmocka_unit_test(lists_of_a_result_are_bounded),
		cmocka_unit_test(prevresult_is_read_in_its_version),
		cmocka_unit_test(valid_list_is_sorted_and_found),
		cmocka_unit_test(valid_list_may_be_of_none),
		cmocka_unit_test(valid_list_is_needed_and_checked),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
