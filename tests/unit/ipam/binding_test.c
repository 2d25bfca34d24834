/* SPDX-License-Identifier: Apache-2.0 */
/* Bindings: what is written is read again, bounds, bridges' names, failed allocations. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <bw/binding.h>
#include <bw/err.h>

#include "failalloc.h"

static const char whole[] =
	"{\"namespace\":\"db\",\"claim\":\"redis-0\",\"uid\":\"5f1c-1\",\"token\":3,\"epoch\":9,"
	"\"interface\":\"eth0\",\"first\":true,\"stale\":true,\"mode\":\"bridge\","
	"\"domain\":\"lan\",\"pool\":\"lan4\",\"uplink\":\"data0\",\"bridge\":\"bw-data0\","
	"\"vlan\":70,\"mtu\":9000,\"mac\":\"02:11:0a:63:02:4d\",\"moveUplinkAddresses\":true,"
	"\"probe\":\"Enforce\",\"fencing\":\"Available\",\"ingressMbps\":100,\"egressMbps\":50,"
	"\"ips\":[{\"address\":\"10.99.2.77/16\",\"gateway\":\"10.99.0.1\"},"
	"{\"address\":\"fd00::77/64\",\"gateway\":\"fe80::1\",\"pool\":\"lan6\"}],"
	"\"routes\":[{\"dst\":\"10.0.0.0/8\",\"gw\":\"10.99.0.2\"},{\"dst\":\"fd01::/16\"}],"
	"\"serviceCIDRs\":[\"10.96.0.0/12\",\"fd96::/108\"],"
	"\"nodeAddresses\":[\"192.0.2.1\",\"2001:db8::1\"]}";

static const char small[] =
	"{\"namespace\":\"db\",\"claim\":\"redis-0\",\"uid\":\"5f1c-1\",\"token\":3,"
	"\"interface\":\"eth0\",\"mode\":\"bridge\",\"domain\":\"lan\",\"probe\":\"Off\","
	"\"fencing\":\"Strict\",\"ips\":[{\"address\":\"10.99.2.77/16\"}]}";

static void decode_and_encode_give_the_same_text(void **state)
{
	static const char *const texts[] = { whole, small };

	(void)state;
	for (size_t i = 0; i < BW_ARRAY_SIZE(texts); i++) {
		bw_autobinding struct bw_binding b = { 0 };
		bw_autofree char *text = NULL;
		struct bw_err err = { 0 };

		if (bw_binding_decode(texts[i], strlen(texts[i]), &b, &err) < 0)
			fail_msg("%s", err.msg);
		assert_int_equal(bw_binding_encode(&b, &text, &err), 0);
		assert_string_equal(text, texts[i]);
	}
}

static void decode_fills_every_member(void **state)
{
	bw_autobinding struct bw_binding b = { 0 };
	const struct bw_binding_ip *ip;
	struct bw_err err = { 0 };
	char s[BW_PREFIX_STR_MAX];

	(void)state;
	assert_int_equal(bw_binding_decode(whole, strlen(whole), &b, &err), 0);
	assert_string_equal(b.ns, "db");
	assert_string_equal(b.claim, "redis-0");
	assert_true(b.token == 3 && b.epoch == 9 && b.first && b.stale);
	assert_int_equal(b.mode, BW_BINDING_BRIDGE);
	assert_int_equal(b.probe, BW_BINDING_PROBE_ENFORCE);
	assert_int_equal(b.fencing, BW_BINDING_AVAILABLE);
	assert_true(b.vlan == 70 && b.mtu == 9000 && b.has_mac);
	assert_true(b.ingress_mbps == 100 && b.egress_mbps == 50);
	assert_true(b.ips.n == 2 && b.routes.n == 2 && b.services.n == 2 && b.node_ips.n == 2);
	ip = b.ips.items;
	assert_string_equal(bw_prefix_str(&ip[0].address, s), "10.99.2.77/16");
	assert_string_equal(bw_ip_str(&ip[1].gateway, s), "fe80::1");
	assert_null(ip[0].pool);
	assert_string_equal(ip[1].pool, "lan6");
}

/* Replaces @from of `small` by @to. Valid until the next call. */
static const char *changed(const char *from, const char *to)
{
	static char out[2048];
	const char *at = strstr(small, from);

	assert_non_null(at);
	(void)snprintf(out, sizeof(out), "%.*s%s%s", (int)(at - small), small, to,
		       at + strlen(from));
	return out;
}

static void decode_refuses_what_is_out_of_bounds(void **state)
{
	static const struct {
		const char *from;
		const char *to;
		const char *says;
	} bad[] = {
		{ "\"token\":3", "\"token\":0", "token: expected" },
		{ "\"token\":3", "\"token\":9007199254740994", "token: expected" },
		{ "\"namespace\":\"db\",", "", "namespace" },
		{ "\"claim\":\"redis-0\"", "\"claim\":\"a b\"", "claim: expected a name" },
		{ "eth0", "eth0/1", "interface: expected" },
		{ "eth0", "an-interface-too-long", "interface: expected" },
		{ "\"mode\":\"bridge\"", "\"mode\":\"ipvlan\"", "mode: expected" },
		{ "\"mode\":\"bridge\"", "\"vlan\":4095", "vlan: expected" },
		{ "\"mode\":\"bridge\"", "\"mtu\":67", "mtu: expected" },
		{ "\"mode\":\"bridge\"", "\"mac\":\"01:00:5e:00:00:01\"", "mac: expected" },
		{ "10.99.2.77/16", "10.99.2.77", "ips[0].address: expected" },
		{ "\"10.99.2.77/16\"", "\"10.99.2.77/16\",\"gateway\":\"fd00::1\"",
		  "ips[0].gateway: expected the address's family" },
		{ "{\"address\":\"10.99.2.77/16\"}", "", "ips: expected" },
		{ "{\"address\":\"10.99.2.77/16\"}",
		  "{\"address\":\"10.99.2.77/16\"},{\"address\":\"10.99.2.78/16\"}",
		  "one address of each family" },
		{ "\"ips\":", "\"routes\":[{\"dst\":\"10.0.0.1/8\"}],\"ips\":", "routes[0].dst" },
		{ "\"ips\":", "\"routes\":[{\"dst\":\"10.0.0.0/8\",\"gw\":\"fd00::1\"}],\"ips\":",
		  "routes[0].gw: expected the family" },
	};

	(void)state;
	for (size_t i = 0; i < BW_ARRAY_SIZE(bad); i++) {
		bw_autobinding struct bw_binding b = { 0 };
		const char *text = changed(bad[i].from, bad[i].to);
		struct bw_err err = { 0 };

		if (bw_binding_decode(text, strlen(text), &b, &err) != -EINVAL ||
		    !strstr(err.msg, bad[i].says))
			fail_msg("%zu: expected %s, got \"%s\"", i, bad[i].says, err.msg);
		assert_int_equal(err.class, BW_ERR_INVALID);
	}
}

static void decode_refuses_what_is_no_json_or_too_long(void **state)
{
	bw_autofree char *big = calloc(1, BW_BINDING_TEXT_MAX + 2);
	bw_autobinding struct bw_binding b = { 0 };
	struct bw_err err = { 0 };

	(void)state;
	if (!big)
		abort();
	assert_int_equal(bw_binding_decode("{", 1, &b, &err), -EBADMSG);
	bw_binding_done(&b);
	assert_int_equal(err.class, BW_ERR_DECODE);
	assert_int_equal(bw_binding_decode("[]", 2, &b, &err), -EINVAL);
	bw_binding_done(&b);
	memset(big, ' ', BW_BINDING_TEXT_MAX + 1);
	assert_int_equal(bw_binding_decode(big, BW_BINDING_TEXT_MAX + 1, &b, &err), -E2BIG);
}

static void an_uplinks_bridge_fits_the_kernel(void **state)
{
	static const struct {
		const char *uplink;
		const char *bridge;
	} cases[] = {
		{ "data0", "bw-data0" },
		{ "enp129s0f0np", "bw-enp129s0f0np" },
		{ "enp129s0f0np0", "bw-enp129b9d7ed" },
		{ "enp129s0f1np1", NULL },
	};
	char a[BW_CNI_IFNAME_MAX + 1], b[BW_CNI_IFNAME_MAX + 1];
	struct bw_binding bind = { .uplink = "data0" };

	(void)state;
	for (size_t i = 0; i < BW_ARRAY_SIZE(cases); i++) {
		assert_true(strlen(bw_binding_bridge(cases[i].uplink, a)) <= BW_CNI_IFNAME_MAX);
		if (cases[i].bridge)
			assert_string_equal(a, cases[i].bridge);
	}
	assert_string_not_equal(bw_binding_bridge("enp129s0f0np0", a),
				bw_binding_bridge("enp129s0f1np1", b));
	assert_string_equal(bw_binding_bridge_of(&bind, a), "bw-data0");
	bind.bridge = "br0";
	assert_string_equal(bw_binding_bridge_of(&bind, a), "br0");
	bind = (struct bw_binding){ 0 };
	assert_string_equal(bw_binding_bridge_of(&bind, a), "");
}

static void names_are_known(void **state)
{
	(void)state;
	assert_string_equal(bw_binding_mode_str(BW_BINDING_SRIOV), "sriov");
	assert_string_equal(bw_binding_mode_str(BW_BINDING_MODE_MAX_), "unknown");
	assert_string_equal(bw_binding_probe_str(BW_BINDING_PROBE_WARN), "Warn");
	assert_string_equal(bw_binding_probe_str(BW_BINDING_PROBE_MAX_), "unknown");
	assert_string_equal(bw_binding_fencing_str(BW_BINDING_STRICT), "Strict");
	assert_string_equal(bw_binding_fencing_str(BW_BINDING_FENCING_MAX_), "unknown");
}

static void failed_allocations_leave_nothing(void **state)
{
	long n = 0;
	int failed;

	(void)state;
	do {
		struct bw_binding b = { 0 };
		struct bw_err err = { 0 };
		char *text = NULL;
		int r;

		fail_alloc_start(n++);
		r = bw_binding_decode(whole, strlen(whole), &b, &err);
		if (r == 0)
			r = bw_binding_encode(&b, &text, &err);
		failed = fail_alloc_stop();
		assert_int_equal(r, failed ? -ENOMEM : 0);
		bw_binding_done(&b);
		free(text);
	} while (failed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decode_and_encode_give_the_same_text),
		cmocka_unit_test(decode_fills_every_member),
		cmocka_unit_test(decode_refuses_what_is_out_of_bounds),
		cmocka_unit_test(decode_refuses_what_is_no_json_or_too_long),
		cmocka_unit_test(an_uplinks_bridge_fits_the_kernel),
		cmocka_unit_test(names_are_known),
		cmocka_unit_test(failed_allocations_leave_nothing),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
