/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration: what is refused and by which words, what is taken from where, what DEL takes.
 */
#include <cjson/cJSON.h>

#include <bw/cni_valid.h>

#include "help.h"

#include "conf.h"

#define SUB "\"ranges\":[[{\"subnet\":\"10.1.0.0/24\"}]]"
#define SETS(...) "\"ranges\":[" __VA_ARGS__ "]"
#define RES(...) SUB ",\"reservations\":[" __VA_ARGS__ "]"

static struct bw_ipam_conf *parse(const char *ipam, const char *more, const char *args,
				  struct bw_cni_request **ret_req, struct bw_err *err)
{
	struct bw_ipam_conf *conf = NULL;

	*ret_req = request("/d", BW_CNI_ADD, "c1", ipam, more, args);
	memset(err, 0, sizeof(*err));
	(void)bw_ipam_conf_parse(*ret_req, 0, &conf, err);
	return conf;
}

struct refusal {
	const char *ipam;
	const char *more;
	const char *args;
	const char *text;
};

static const struct refusal refusals[] = {
	/* ranges */
	{ "", "", NULL, "ipam.ranges: expected at least one range set" },
	{ SETS(), "", NULL, "ipam.ranges: expected at least one range set" },
	{ SETS("[]"), "", NULL, "ipam.ranges[0]: expected a list of 1 to 256 items, got 0" },
	{ "\"ranges\":\"10.1.0.0/24\"", "", NULL, "ipam.ranges: expected a list" },
	{ SETS("{\"subnet\":\"10.1.0.0/24\"}"), "", NULL, "ipam.ranges[0]: expected a list" },
	{ SETS("[{}]"), "", NULL, "ipam.ranges[0][0].subnet: missing" },
	{ SETS("[{\"subnet\":5}]"), "", NULL, "ipam.ranges[0][0].subnet: expected" },
	{ SETS("[{\"subnet\":\"10.1.0.0\"}]"), "", NULL, "ipam.ranges[0][0].subnet: expected" },
	{ SETS("[{\"subnet\":\"10.1.0.0/33\"}]"), "", NULL, "10.1.0.0/33" },
	{ SETS("[{\"subnet\":\"10.1.0.1/24\"}]"), "", NULL, "did you mean 10.1.0.0/24" },
	{ SETS("[{\"subnet\":\"10.1.0.0/31\"}]"), "", NULL, "too small to allocate from" },
	{ SETS("[{\"subnet\":\"fd00::/127\"}]"), "", NULL, "too small to allocate from" },
	{ SETS("[{\"subnet\":\"10.1.0.0/24\",\"rangeStart\":\"10.2.0.1\"}]"), "", NULL,
	  "ipam.ranges[0][0].rangeStart: expected an address in 10.1.0.0/24, got 10.2.0.1" },
	{ SETS("[{\"subnet\":\"10.1.0.0/24\",\"rangeEnd\":\"10.1.1.0\"}]"), "", NULL,
	  "ipam.ranges[0][0].rangeEnd: expected" },
	{ SETS("[{\"subnet\":\"10.1.0.0/24\",\"rangeStart\":\"10.1.0.9\",\"rangeEnd\":"
	       "\"10.1.0.8\"}]"),
	  "", NULL, "rangeEnd: expected an address not below rangeStart 10.1.0.9, got 10.1.0.8" },
	{ SETS("[{\"subnet\":\"10.1.0.0/24\",\"rangeStart\":\"010.1.0.9\"}]"), "", NULL,
	  "rangeStart: expected an address such as 10.1.0.7 or fd00::7, got \"010.1.0.9\"" },
	{ SETS("[{\"subnet\":\"10.1.0.0/24\",\"gateway\":true}]"), "", NULL, "gateway: expected" },
	{ SETS("[{\"subnet\":\"10.1.0.0/24\",\"gateway\":\"10.2.0.1\"}]"), "", NULL,
	  "ipam.ranges[0][0].gateway: expected an address in 10.1.0.0/24, or a route" },
	{ SETS("[{\"subnet\":\"10.1.0.0/24\",\"gateway\":\"fd00::1\"}]"), "", NULL,
	  "gateway: expected an address of the family of 10.1.0.0/24" },
	{ SETS("[{\"subnet\":\"10.1.0.0/24\"},{\"subnet\":\"fd00::/64\"}]"), "", NULL,
	  "ipam.ranges[0]: expected ranges of one family" },
	{ SETS("[{\"subnet\":\"10.1.0.0/24\"},{\"subnet\":\"10.1.0.0/25\"}]"), "", NULL,
	  "ipam.ranges[0]: ranges 10.1.0.1-10.1.0.254 and 10.1.0.1-10.1.0.126 overlap" },
	{ SETS("[{\"subnet\":\"10.1.0.0/24\"}],[{\"subnet\":\"10.1.0.128/25\"}]"), "", NULL,
	  "ipam.ranges: range set 0 overlaps with 1" },
	{ "\"subnet\":\"10.1.0.5/24\"", "", NULL, "ipam.subnet: expected a network's address" },
	{ "\"subnet\":\"10.1.0.0/24\",\"rangeStart\":\"10.2.0.1\"", "", NULL,
	  "ipam.rangeStart: expected" },
	{ SUB, "\"runtimeConfig\":{\"ipRanges\":[[{\"subnet\":\"10.1.0.0/16\"}]]}", NULL,
	  "range set 0 overlaps with 1" },
	{ SUB, "\"runtimeConfig\":{\"ipRanges\":5}", NULL, "runtimeConfig.ipRanges: expected" },
	{ SUB, "\"runtimeConfig\":[]", NULL, "runtimeConfig: expected" },
	/* exclude, strategy, cooldown, domain, dataDir */
	{ SUB ",\"exclude\":[\"10.1.0.300\"]", "", NULL, "ipam.exclude[0]: expected an address" },
	{ SUB ",\"exclude\":[\"10.1.0.9-10.1.0.3\"]", "", NULL, "ipam.exclude[0]: expected" },
	{ SUB ",\"exclude\":[7]", "", NULL, "ipam.exclude[0]: expected" },
	{ SUB ",\"strategy\":\"first\"", "", NULL, "ipam.strategy: expected" },
	{ SUB ",\"strategy\":\"Next\"", "", NULL, "ipam.strategy: expected" },
	{ SUB ",\"cooldown\":-1", "", NULL, "ipam.cooldown: expected seconds, 0 to 86400" },
	{ SUB ",\"cooldown\":86401", "", NULL, "ipam.cooldown: expected seconds" },
	{ SUB ",\"cooldown\":1.5", "", NULL, "ipam.cooldown: expected seconds" },
	{ SUB ",\"cooldown\":\"5\"", "", NULL, "ipam.cooldown: expected seconds" },
	{ SUB ",\"domain\":\"\"", "", NULL, "ipam.domain: expected 1 to 63 characters" },
	{ SUB ",\"domain\":\"Lan\"", "", NULL, "ipam.domain: expected 1 to 63 characters" },
	{ SUB ",\"domain\":\"a_b\"", "", NULL, "ipam.domain: expected 1 to 63 characters" },
	{ SUB ",\"domain\":\"0123456789012345678901234567890123456789012345678901234567890123\"",
	  "", NULL, "ipam.domain: expected 1 to 63 characters" },
	{ SUB ",\"domain\":7", "", NULL, "ipam.domain: expected" },
	/* routes */
	{ SUB ",\"routes\":[{}]", "", NULL, "ipam.routes[0].dst: missing" },
	{ SUB ",\"routes\":[{\"dst\":\"10.0.0.1/8\"}]", "", NULL, "ipam.routes[0].dst: expected" },
	{ SUB ",\"routes\":[{\"dst\":\"0.0.0.0/0\",\"gw\":\"fd00::1\"}]", "", NULL,
	  "ipam.routes[0].gw: expected an address of the family of 0.0.0.0/0" },
	{ SUB ",\"routes\":[{\"dst\":\"0.0.0.0/0\",\"gw\":\"x\"}]", "", NULL, "routes[0].gw" },
	{ SUB ",\"routes\":[{\"dst\":\"0.0.0.0/0\",\"mtu\":-1}]", "", NULL, "routes[0].mtu" },
	{ SUB ",\"routes\":[{\"dst\":\"0.0.0.0/0\",\"scope\":256}]", "", NULL, "routes[0].scope" },
	{ SUB ",\"routes\":{}", "", NULL, "ipam.routes: expected a list" },
	/* reservations */
	{ RES("{\"address\":\"10.1.0.7\"}"), "", NULL, "ipam.reservations[0].key: missing" },
	{ RES("{\"key\":\"\",\"address\":\"10.1.0.7\"}"), "", NULL, "reservations[0].key: exp" },
	{ RES("{\"key\":\"pod\",\"address\":\"10.1.0.7\"}"), "", NULL,
	  "ipam.reservations[0].key: expected the pod's namespace/name or a CNI_ARGS pair" },
	{ RES("{\"key\":\"=x\",\"address\":\"10.1.0.7\"}"), "", NULL, "reservations[0].key: exp" },
	{ RES("{\"key\":\"a=\",\"address\":\"10.1.0.7\"}"), "", NULL, "reservations[0].key: exp" },
	{ RES("{\"key\":\"ns/\",\"address\":\"10.1.0.7\"}"), "", NULL, "reservations[0].key: e" },
	{ RES("{\"key\":\"a/b\"}"), "", NULL, "ipam.reservations[0].address: expected" },
	{ RES("{\"key\":\"a/b\",\"address\":\"10.1.0\"}"), "", NULL,
	  "ipam.reservations[0].address: expected an address such as" },
	{ RES("{\"key\":\"a/b\",\"address\":7}"), "", NULL, "reservations[0].address: expected" },
	{ RES("{\"key\":\"a/b\",\"address\":\"10.1.0.7\",\"mac\":\"01:00:00:00:00:01\"}"), "", NULL,
	  "ipam.reservations[0].mac: expected a unicast MAC" },
	{ RES("{\"key\":\"a/b\",\"address\":\"10.1.0.7\",\"mac\":\"00:00:00:00:00:00\"}"), "", NULL,
	  "reservations[0].mac: expected" },
	{ RES("{\"key\":\"a/b\",\"address\":\"10.1.0.7\"},{\"key\":\"a/c\",\"address\":"
	      "\"10.1.0.7/24\"}"),
	  "", NULL, "ipam.reservations[1].address: 10.1.0.7 is reserved for \"a/b\" already" },
	{ RES("{\"key\":\"A=1\",\"address\":\"10.1.0.7\"},{\"key\":\"B=1\",\"address\":"
	      "\"10.1.0.8\"}"),
	  "", "A=1;B=1", "10.1.0.8 are two different addresses of one range set" },
	{ RES("{\"key\":\"A=1\",\"mac\":\"02:00:00:00:00:01\"},{\"key\":\"B=1\",\"mac\":"
	      "\"02:00:00:00:00:02\"}"),
	  "", "A=1;B=1", "another reservation of the same pod says 02:00:00:00:00:01" },
	{ RES("{\"key\":\"A=1\",\"address\":\"10.2.0.7\"}"), "", "A=1",
	  "ipam.reservations[0].address: expected an address in 10.1.0.1-10.1.0.254" },
	{ RES("{\"key\":\"A=1\",\"address\":\"10.1.0.7/16\"}"), "", "A=1",
	  "ipam.reservations[0].address: expected the range's prefix length 24" },
	/* wishes */
	{ SUB, "\"runtimeConfig\":{\"ips\":[\"10.1.0.7/16\"]}", NULL,
	  "runtimeConfig.ips[0]: expected the range's prefix length 24 or none, got 10.1.0.7/16" },
	{ SUB, "\"runtimeConfig\":{\"ips\":[\"10.1.0.1\"]}", NULL,
	  "runtimeConfig.ips[0]: 10.1.0.1 is the gateway's address" },
	{ SUB, "\"runtimeConfig\":{\"ips\":[\"10.1.0.0\"]}", NULL, "runtimeConfig.ips[0]: exp" },
	{ SUB, "\"runtimeConfig\":{\"ips\":[\"fd00::1\"]}", NULL, "runtimeConfig.ips[0]: exp" },
	{ SUB, "\"runtimeConfig\":{\"ips\":[\"x\"]}", NULL, "runtimeConfig.ips[0]: expected" },
	{ SUB, "\"runtimeConfig\":{\"ips\":[7]}", NULL, "runtimeConfig.ips[0]: expected" },
	{ SUB, "\"runtimeConfig\":{\"ips\":[\"10.1.0.7\",\"10.1.0.8\"]}", NULL,
	  "runtimeConfig.ips[0]: 10.1.0.7 and runtimeConfig.ips[1]: 10.1.0.8 are two different" },
	{ SUB, "\"args\":{\"cni\":{\"ips\":[\"10.1.0.8\"]}}", "IP=10.1.0.7",
	  "args.cni.ips[0]: 10.1.0.8 and CNI_ARGS IP: 10.1.0.7 are two different" },
	{ SUB, "\"args\":{\"cni\":{\"ips\":[\"10.1.1.8\"]}}", NULL, "args.cni.ips[0]: expected" },
	{ SUB ",\"exclude\":\"10.1.0.0/28\"", "", "IP=10.1.0.7",
	  "CNI_ARGS IP: 10.1.0.7 is excluded by the pool's exclude" },
	{ SUB, "", "IP=", NULL },
	{ SUB, "", "IP=10.1.0.7/24/3", "CNI_ARGS IP: expected an address such as" },
};

static void bad_configurations_are_refused_by_name(void **state)
{
	(void)state;
	for (size_t i = 0; i < BW_ARRAY_SIZE(refusals); i++) {
		const struct refusal *t = &refusals[i];
		struct bw_cni_request *req = NULL;
		struct bw_err err;
		struct bw_ipam_conf *conf = parse(t->ipam, t->more, t->args, &req, &err);

		if (t->text ? conf || err.class != BW_ERR_INVALID || !strstr(err.msg, t->text)
			    : !conf)
			fail_msg("row %zu: %s %s\ngot %s: %s\nexpected ...%s...", i, t->ipam,
				 t->more, bw_err_class_str(err.class), err.msg,
				 t->text ? t->text : "success");
		bw_ipam_conf_free(&conf);
		bw_cni_request_free(&req);
	}
	assert_true(BW_ARRAY_SIZE(refusals) > 70);
}

/* A whole document, for keys that request() sets itself. */
static int parse_text(const char *text, enum bw_cni_verb verb, int lenient,
		      struct bw_ipam_conf **ret, struct bw_cni_request **ret_req,
		      struct bw_err *err)
{
	struct bw_cni_env env = { .container_id = "c1",
				  .ifname = "eth0",
				  .netns_override = 1,
				  .netns = "/proc/self/ns/net" };

	memset(err, 0, sizeof(*err));
	*ret = NULL;
	*ret_req = NULL;
	assert_int_equal(bw_cni_request_new(&env, verb, text, strlen(text), NULL, ret_req, err), 0);
	return bw_ipam_conf_parse(*ret_req, lenient, ret, err);
}

static const char *const data_dirs[][2] = {
	{ "{\"name\":\"n\",\"type\":\"x\",\"ipam\":{\"type\":\"barewire-ipam\"," SUB "}}",
	  BW_JOURNAL_DIR_DEFAULT },
	{ "{\"name\":\"n\",\"type\":\"x\",\"dataDir\":\"/top\",\"ipam\":{\"type\":"
	  "\"barewire-ipam\"," SUB "}}",
	  "/top" },
	{ "{\"name\":\"n\",\"type\":\"x\",\"dataDir\":\"/top\",\"ipam\":{\"type\":"
	  "\"barewire-ipam\",\"dataDir\":\"/own\"," SUB "}}",
	  "/own" },
	{ "{\"name\":\"n\",\"type\":\"x\",\"dataDir\":\"/top\"}", BW_JOURNAL_DIR_DEFAULT },
	{ "{\"name\":\"n\",\"type\":\"x\",\"ipam\":{\"type\":\"host-local\",\"dataDir\":\"own\"}}",
	  BW_JOURNAL_DIR_DEFAULT },
	{ "{\"name\":\"n\",\"type\":\"x\",\"ipam\":{\"type\":\"barewire-ipam\",\"dataDir\":\"\"," SUB
	  "}}",
	  NULL },
	{ "{\"name\":\"n\",\"type\":\"x\",\"ipam\":{\"type\":\"barewire-ipam\",\"dataDir\":\"a/b\"," SUB
	  "}}",
	  NULL },
	{ "{\"name\":\"n\",\"type\":\"x\",\"dataDir\":\"a\",\"ipam\":{\"type\":\"barewire-ipam\"," SUB
	  "}}",
	  NULL },
};

static void journal_is_where_the_configuration_says(void **state)
{
	(void)state;
	for (size_t i = 0; i < BW_ARRAY_SIZE(data_dirs); i++) {
		struct bw_ipam_conf *conf;
		struct bw_cni_request *req;
		struct bw_err err;

		(void)parse_text(data_dirs[i][0], BW_CNI_ADD, 0, &conf, &req, &err);
		if (data_dirs[i][1]) {
			assert_non_null(conf);
			assert_string_equal(conf->dir, data_dirs[i][1]);
		} else {
			assert_null(conf);
			assert_non_null(strstr(err.msg, "dataDir: expected an absolute path"));
		}
		bw_ipam_conf_free(&conf);
		bw_cni_request_free(&req);
	}
}

static void del_takes_whatever_there_is(void **state)
{
	static const char *const texts[] = {
		"{}",
		"{\"name\":7,\"ipam\":5,\"runtimeConfig\":[],\"args\":\"x\"}",
		("{\"name\":\"n\",\"ipam\":{\"type\":\"barewire-ipam\",\"dataDir\":\"rel\","
		 "\"domain\":\"BAD\",\"cooldown\":\"x\",\"ranges\":[[{\"subnet\":\"no\"}]]}}"),
	};

	(void)state;
	for (size_t i = 0; i < BW_ARRAY_SIZE(texts); i++) {
		struct bw_ipam_conf *conf;
		struct bw_cni_request *req;
		struct bw_err err;

		if (parse_text(texts[i], BW_CNI_DEL, 1, &conf, &req, &err) < 0)
			fail_msg("%s", err.msg);
		assert_string_equal(conf->dir, BW_JOURNAL_DIR_DEFAULT);
		bw_ipam_conf_free(&conf);
		bw_cni_request_free(&req);
	}
}

static void domain_is_the_networks_name_by_default(void **state)
{
	char text[1024];
	char name[BW_CNI_NAME_MAX + 1];
	struct bw_ipam_conf *conf;
	struct bw_cni_request *req;
	struct bw_err err;

	(void)state;
	memset(name, 'a', sizeof(name));
	name[200] = '\0';
	(void)snprintf(text, sizeof(text), "{\"name\":\"%s\",\"type\":\"x\"}", name);
	assert_int_equal(parse_text(text, BW_CNI_ADD, 0, &conf, &req, &err), 0);
	assert_int_equal(strlen(bw_ipam_conf_domain(conf)), 63);
	bw_ipam_conf_free(&conf);
	bw_cni_request_free(&req);
	assert_int_equal(parse_text("{\"name\":\"My_Net\",\"type\":\"x\"}", BW_CNI_ADD, 0, &conf,
				    &req, &err),
			 0);
	assert_string_equal(bw_ipam_conf_domain(conf), "My_Net");
	bw_ipam_conf_free(&conf);
	bw_cni_request_free(&req);
}

static void foreign_ipam_is_not_judged_and_none_takes_no_wish(void **state)
{
	struct bw_ipam_conf *conf;
	struct bw_cni_request *req;
	struct bw_err err;

	(void)state;
	assert_int_equal(parse_text("{\"name\":\"n\",\"type\":\"x\",\"ipam\":{\"type\":\"static\","
				    "\"routes\":7,\"domain\":\"X Y\"},\"runtimeConfig\":{\"ips\":"
				    "[\"1.2.3.4/8\"]}}",
				    BW_CNI_ADD, 0, &conf, &req, &err),
			 0);
	assert_int_equal(conf->n_sets, 0);
	bw_ipam_conf_free(&conf);
	bw_cni_request_free(&req);
	assert_int_equal(parse_text("{\"name\":\"n\",\"type\":\"x\",\"ipam\":{},\"runtimeConfig\":"
				    "{\"ips\":[\"1.2.3.4/8\"]}}",
				    BW_CNI_ADD, 0, &conf, &req, &err),
			 -EINVAL);
	assert_string_equal(err.msg, "runtimeConfig.ips: an address is declared, but network \"n\" "
				     "has no ipam");
	bw_cni_request_free(&req);
	assert_int_equal(parse_text("{\"name\":\"n\",\"type\":\"x\",\"ipam\":7}", BW_CNI_ADD, 0,
				    &conf, &req, &err),
			 -EINVAL);
	bw_cni_request_free(&req);
}

static void gateway_elsewhere_needs_a_route(void **state)
{
	static const char pool[] = SETS(
		"[{\"subnet\":\"10.1.0.0/24\",\"gateway\":\"10.9.0.1\"}]") ",\"routes\":[{\"dst\":\"10.9.0.1/32\"},{\"dst\":\"0.0.0.0/0\"}]";
	struct bw_cni_request *req;
	struct bw_err err;
	struct bw_ipam_conf *conf;

	(void)state;
	conf = parse(pool, "", NULL, &req, &err);
	assert_non_null(conf);
	bw_ipam_conf_free(&conf);
	bw_cni_request_free(&req);
	/* The default route itself leads nowhere without its gateway. */
	conf = parse(
		SETS("[{\"subnet\":\"10.1.0.0/24\",\"gateway\":\"10.9.0.1\"}]") ",\"routes\":[{\"dst\":\"0.0.0.0/0\"}]",
		"", NULL, &req, &err);
	assert_null(conf);
	bw_cni_request_free(&req);
}

static void sets_come_from_runtime_then_legacy_then_ranges(void **state)
{
	static const char pool[] = "\"subnet\":\"10.2.0.0/24\",\"rangeStart\":\"10.2.0.50\","
				   "\"gateway\":\"10.2.0.9\"," SETS("[{\"subnet\":\"10.3.0.0/24\","
								    "\"gateway\":\"\"}]");
	static const char more[] = "\"runtimeConfig\":{\"ipRanges\":[[{\"subnet\":"
				   "\"10.1.0.0/24\"}]]}";
	const struct call c = { .dir = *state, .cid = "c1", .ipam = pool, .more = more };
	const struct outcome *out = ipam_add(&c);

	assert_ips(out, "10.1.0.2/24 10.2.0.50/24 10.3.0.2/24");
}

static void channels_are_merged_and_equal_wishes_are_one(void **state)
{
	const struct call c = {
		.dir = *state,
		.cid = "c1",
		.ipam = SETS(
			"[{\"subnet\":\"10.1.0.0/24\"}],[{\"subnet\":\"fd00::/64\"}]") ",\"reservations\":[{\"key\":\"A=1\",\"address\":[\"10.1.0.7/24\","
										       "\"fd00::7\"]}]",
		.more = "\"runtimeConfig\":{\"ips\":[\"10.1.0.7/24\"]},"
			"\"args\":{\"cni\":{\"ips\":[\"fd00:0::7/64\",\"10.1.0.7\"]}}",
		.args = "A=1;IP=10.1.0.7",
	};

	assert_ips(ipam_add(&c), "10.1.0.7/24 fd00::7/64");
}

static void reservation_brings_a_mac(void **state)
{
	struct bw_cni_request *req;
	struct bw_err err;
	struct bw_mac want;
	struct bw_ipam_conf *conf = parse(RES("{\"key\":\"A=1\",\"mac\":\"02:00:00:00:00:09\"}"),
					  "", "A=1", &req, &err);

	(void)state;
	assert_non_null(conf);
	assert_int_equal(bw_mac_parse("02:00:00:00:00:09", &want), 0);
	assert_true(bw_mac_eq(bw_ipam_conf_mac(conf), &want));
	bw_ipam_conf_free(&conf);
	bw_cni_request_free(&req);
	conf = parse(RES("{\"key\":\"A=1\",\"mac\":\"02:00:00:00:00:09\"}"), "", "A=2", &req, &err);
	assert_null(bw_ipam_conf_mac(conf));
	bw_ipam_conf_free(&conf);
	bw_cni_request_free(&req);
}

static void resolv_conf_becomes_dns(void **state)
{
	struct bw_cni_result res = { 0 };
	struct bw_err err = { 0 };
	char path[512];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/resolv.conf", (char *)*state);
	f = fopen(path, "w");
	assert_non_null(f);
	(void)fputs("# c\n; c\n\nnameserver 10.0.0.1\nnameserver\t10.0.0.2 x\ndomain a.b\n"
		    "search a.b c.d\noptions ndots:2 rotate\nsortlist 1.2.3.4\nnameserver\n",
		    f);
	(void)fclose(f);
	assert_int_equal(ipam_resolv_conf(path, &res, &err), 0);
	assert_int_equal(res.dns.n_nameservers, 2);
	assert_string_equal(res.dns.nameservers[1], "10.0.0.2");
	assert_string_equal(res.dns.domain, "a.b");
	assert_int_equal(res.dns.n_search, 2);
	assert_int_equal(res.dns.n_options, 2);
	bw_cni_result_done(&res);
	assert_int_equal(ipam_resolv_conf("/nonexistent", &res, &err), -ENOENT);
	assert_int_equal(err.class, BW_ERR_INVALID);
	assert_non_null(strstr(err.msg, "ipam.resolvConf"));
}

/* GC, CHECK and STATUS of the handle. */
struct handle {
	struct bw_cni_request *req;
	struct bw_ipam_conf *conf;
	struct bw_ipam *ipam;
};

static void handle_open(struct handle *h, const char *dir, enum bw_cni_verb verb, const char *more)
{
	struct bw_err err = { 0 };

	memset(h, 0, sizeof(*h));
	h->req = request(dir, verb, "c1", SUB, more, NULL);
	if (bw_ipam_conf_parse(h->req, 0, &h->conf, &err) < 0 ||
	    bw_ipam_open(h->conf, &h->ipam, &err) < 0)
		fail_msg("%s", err.msg);
}

static void handle_close(struct handle *h)
{
	bw_ipam_close(&h->ipam);
	bw_ipam_conf_free(&h->conf);
	bw_cni_request_free(&h->req);
}

static int refuse_c2(const struct bw_attachment *a, void *arg, struct bw_err *err)
{
	++*(int *)arg;
	if (strcmp(a->container_id, "c2") == 0)
		return bw_fail(err, EIO, "take down");
	return 0;
}

static void gc_removes_what_is_not_valid_of_this_network_alone(void **state)
{
	struct call c = { .dir = *state, .ipam = SUB };
	struct bw_cni_valid_entry valid[] = { { "c1", "eth0" } };
	const struct bw_cni_valid v = { valid, 1 };
	struct bw_journal *j = NULL;
	struct bw_attachment *a = calloc(1, sizeof(*a));
	struct bw_err err = { 0 };
	unsigned int removed = 0;
	struct handle h;
	int64_t id;
	int asked = 0;

	assert_non_null(a);
	for (int i = 1; i <= 3; i++) {
		char cid[16];

		(void)snprintf(cid, sizeof(cid), "c%d", i);
		c.cid = cid;
		assert_int_equal(ipam_add(&c)->r, 0);
	}
	assert_int_equal(bw_journal_open(*state, 0, &j, &err), 0);
	strcpy(a->container_id, "other");
	strcpy(a->network, "n2");
	assert_int_equal(bw_journal_attach_insert(j, a, &id, &err), 0);
	handle_open(&h, *state, BW_CNI_GC, "\"cni.dev/valid-attachments\":[]");
	assert_int_equal(bw_ipam_gc(h.ipam, &v, refuse_c2, &asked, &removed, &err), -EIO);
	assert_int_equal(asked, 2);
	assert_int_equal(removed, 1);
	assert_string_equal(err.details, "1 attachments could not be collected");
	assert_int_equal(bw_journal_attach_get(j, "c2", "eth0", a, &err), 1);
	assert_int_equal(a->state, BW_ATTACH_DELETING);
	assert_int_equal(bw_ipam_gc(h.ipam, &v, NULL, NULL, &removed, &err), 0);
	assert_int_equal(removed, 1);
	assert_int_equal(bw_journal_attach_get(j, "c1", "eth0", a, &err), 1);
	assert_int_equal(bw_journal_attach_get(j, "other", "", a, &err), 1);
	handle_close(&h);
	bw_journal_close(&j);
	free(a);
}

static void gc_without_a_journal_is_done(void **state)
{
	const struct bw_cni_valid none = { NULL, 0 };
	struct bw_err err = { 0 };
	struct handle h;

	handle_open(&h, *state, BW_CNI_GC, "\"cni.dev/valid-attachments\":[]");
	assert_null(bw_ipam_journal(h.ipam));
	assert_int_equal(bw_ipam_gc(h.ipam, &none, NULL, NULL, NULL, &err), 0);
	handle_close(&h);
}

static void check_compares_with_the_result(void **state)
{
	struct call c = { .dir = *state, .cid = "c1", .ipam = SUB };
	struct bw_cni_result prev = { 0 };
	struct bw_cni_ip ip = { .interface = BW_CNI_NO_IF };
	struct bw_err err = { 0 };
	struct handle h;

	handle_open(&h, *state, BW_CNI_CHECK, "");
	assert_int_equal(bw_ipam_check(h.ipam, "c1", "eth0", &prev, &err), -ENOENT);
	handle_close(&h);
	assert_ips(ipam_add(&c), "10.1.0.2/24");
	c.cid = "c2";
	c.adding = 1;
	assert_ips(ipam_add(&c), "10.1.0.3/24");
	handle_open(&h, *state, BW_CNI_CHECK, "");
	assert_int_equal(bw_ipam_check(h.ipam, "c1", "eth0", &prev, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "holds 10.1.0.2, which prevResult does not have"));
	assert_int_equal(bw_prefix_parse("10.1.0.2/24", &ip.address), 0);
	assert_int_equal(bw_cni_result_add_ip(&prev, &ip, &err), 0);
	assert_int_equal(bw_ipam_check(h.ipam, "c1", "eth0", &prev, &err), 0);
	assert_int_equal(bw_ipam_check(h.ipam, "c2", "eth0", &prev, &err), -ENOENT);
	assert_non_null(strstr(err.msg, "is Adding in the journal, not Live"));
	/* A later plugin's address elsewhere is none of ours; one of our range is. */
	assert_int_equal(bw_prefix_parse("192.0.2.1/24", &ip.address), 0);
	assert_int_equal(bw_cni_result_add_ip(&prev, &ip, &err), 0);
	assert_int_equal(bw_ipam_check(h.ipam, "c1", "eth0", &prev, &err), 0);
	assert_int_equal(bw_prefix_parse("10.1.0.3/24", &ip.address), 0);
	assert_int_equal(bw_cni_result_add_ip(&prev, &ip, &err), 0);
	assert_int_equal(bw_ipam_check(h.ipam, "c1", "eth0", &prev, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "prevResult has 10.1.0.3, which is held by container c2"));
	prev.ips[2].address.ip.b[15] = 200;
	assert_int_equal(bw_ipam_check(h.ipam, "c1", "eth0", &prev, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "which nobody holds"));
	handle_close(&h);
	bw_cni_result_done(&prev);
}

static void status_fails_for_the_journal_alone(void **state)
{
	static const char one[] = "\"ranges\":[[{\"subnet\":\"10.1.0.0/24\",\"rangeStart\":"
				  "\"10.1.0.2\",\"rangeEnd\":\"10.1.0.2\"}]]";
	struct call c = { .dir = *state, .cid = "c1", .ipam = one };
	struct bw_err err = { 0 };
	struct handle h;
	char path[512];

	handle_open(&h, *state, BW_CNI_STATUS, "");
	assert_int_equal(bw_ipam_status(h.ipam, &err), 0);
	handle_close(&h);
	assert_int_equal(ipam_add(&c)->r, 0);
	handle_open(&h, *state, BW_CNI_STATUS, "");
	assert_int_equal(bw_ipam_status(h.ipam, &err), 0);
	bw_ipam_close(&h.ipam);
	(void)snprintf(path, sizeof(path), "%s/journal.db", (char *)*state);
	assert_int_equal(truncate(path, 0), 0);
	assert_int_equal(bw_ipam_open(h.conf, &h.ipam, &err), -EBADMSG);
	assert_int_equal(err.class, BW_ERR_UNAVAILABLE);
	handle_close(&h);
	handle_open(&h, "/proc/none", BW_CNI_STATUS, "");
	assert_true(bw_ipam_status(h.ipam, &err) < 0);
	assert_int_equal(err.class, BW_ERR_UNAVAILABLE);
	handle_close(&h);
}

#define in_dir(f) cmocka_unit_test_setup_teardown(f, make_dir, drop_dir)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bad_configurations_are_refused_by_name),
		cmocka_unit_test(journal_is_where_the_configuration_says),
		cmocka_unit_test(del_takes_whatever_there_is),
		cmocka_unit_test(domain_is_the_networks_name_by_default),
		cmocka_unit_test(foreign_ipam_is_not_judged_and_none_takes_no_wish),
		cmocka_unit_test(gateway_elsewhere_needs_a_route),
		in_dir(sets_come_from_runtime_then_legacy_then_ranges),
		in_dir(channels_are_merged_and_equal_wishes_are_one),
		cmocka_unit_test(reservation_brings_a_mac),
		in_dir(resolv_conf_becomes_dns),
		in_dir(gc_removes_what_is_not_valid_of_this_network_alone),
		in_dir(gc_without_a_journal_is_done),
		in_dir(check_compares_with_the_result),
		in_dir(status_fails_for_the_journal_alone),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
