/* SPDX-License-Identifier: Apache-2.0 */
/* What is generated from conf/crds: objects as a server sends them become structs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <bw/err.h>
#include <gen/net.h>

#include "failalloc.h"

#define META(name) "\"metadata\":{\"name\":\"" name "\",\"uid\":\"u-1\",\"resourceVersion\":\"7\"}"

static const char pool_text[] =
	"{\"apiVersion\":\"net.barewire.dev/v1alpha1\",\"kind\":\"NetworkPool\"," META(
		"lan") ",\"spec\":{\"domain\":\"lan\",\"prefix\":\"10.99.0.0/16\","
		       "\"ranges\":[\"10.99.2.1-10.99.3.250\",\"10.99.4.0/24\"],\"mtu\":1500,"
		       "\"mode\":\"kube-ovn\",\"default\":true,\"probe\":\"Off\","
		       "\"routes\":[{\"dst\":\"192.168.0.0/16\",\"gw\":\"10.99.0.2\"}],"
		       "\"selectors\":{\"node\":{\"matchLabels\":{\"a\":\"b\"},"
		       "\"matchExpressions\":[{\"key\":\"c\",\"operator\":\"Exists\"}]}},"
		       "\"unheard\":{\"of\":[1]}},"
		       "\"status\":{\"total\":\"506\",\"conditions\":[{\"type\":\"Allocatable\","
		       "\"status\":\"True\",\"reason\":\"Free\",\"message\":\"m\","
		       "\"lastTransitionTime\":\"2026-01-01T00:00:00Z\"}]}}";

static void pool_decodes_every_kind_of_field(void **state)
{
	struct bw_net_pool p = { 0 };
	const struct bw_kube_selector *sel = &p.spec.selectors.node;
	struct bw_err err = { 0 };

	(void)state;
	assert_int_equal(bw_net_pool_decode(pool_text, strlen(pool_text), &p, &err), 0);
	assert_string_equal(p.meta.name, "lan");
	assert_string_equal(p.meta.rv, "7");
	assert_string_equal(p.meta.namespace, "");
	assert_int_equal(p.spec.ranges.n, 2);
	assert_string_equal(p.spec.ranges.items[1], "10.99.4.0/24");
	assert_int_equal(p.spec.mtu, 1500);
	assert_true(p.spec.has_mtu);
	assert_false(p.spec.has_vlan);
	assert_int_equal(p.spec.mode, BW_NET_POOL_MODE_KUBE_OVN);
	assert_string_equal(bw_net_pool_mode_str(p.spec.mode), "kube-ovn");
	assert_int_equal(p.spec.probe, BW_NET_POOL_PROBE_OFF);
	assert_true(p.spec.default_);
	assert_null(p.spec.gateway);
	assert_string_equal(p.spec.routes.items[0].gw, "10.99.0.2");
	assert_true(p.spec.has_selectors && p.spec.selectors.has_node);
	assert_false(p.spec.selectors.has_unit);
	assert_string_equal(sel->labels.items[0].value, "b");
	assert_string_equal(sel->expressions.items[0].op, "Exists");
	assert_true(p.has_status);
	assert_string_equal(p.status.total, "506");
	assert_string_equal(bw_kube_condition_get(p.status.conditions.items, p.status.conditions.n,
						  "Allocatable")
				    ->reason,
			    "Free");
	bw_net_pool_done(&p);
	assert_null(p.doc);
}

static void pool_defaults_hold_where_nothing_is_said(void **state)
{
	static const char text[] = "{" META("p") ",\"spec\":{\"domain\":\"d\",\"prefix\":"
						 "\"fd00::/64\",\"ranges\":[\"fd00::/64\"]}}";
	struct bw_net_pool p = { 0 };

	(void)state;
	assert_int_equal(bw_net_pool_decode(text, strlen(text), &p, NULL), 0);
	assert_int_equal(p.spec.mode, BW_NET_POOL_MODE_BRIDGE);
	assert_int_equal(p.spec.strategy, BW_NET_POOL_STRATEGY_LOWEST_FREE);
	assert_int_equal(p.spec.cooldown_seconds, 30);
	assert_int_equal(p.spec.fencing, BW_NET_POOL_FENCING_STRICT);
	assert_int_equal(p.spec.phase, BW_NET_POOL_PHASE_SERVING);
	assert_false(p.spec.default_);
	assert_false(p.has_status);
	bw_net_pool_done(&p);
}

static void claim_decodes_spec_holder_and_tokens(void **state)
{
	static const char text[] =
		"{\"metadata\":{\"name\":\"db-0\",\"namespace\":\"prod\",\"uid\":\"u\","
		"\"resourceVersion\":\"12\",\"generation\":3,\"deletionTimestamp\":"
		"\"2026-01-01T00:00:00Z\",\"finalizers\":[\"net.barewire.dev/claim\"],"
		"\"annotations\":{\"a\":\"1\"},\"ownerReferences\":[{\"apiVersion\":\"v1\","
		"\"kind\":\"Pod\",\"name\":\"db-0\",\"uid\":\"pu\",\"controller\":true}]},"
		"\"spec\":{\"interfaces\":[{\"name\":\"eth0\",\"network\":\"lan\","
		"\"requestedIPs\":[\"10.99.2.77\"]},{\"name\":\"eth1\",\"networks\":[\"a\",\"b\"],"
		"\"required\":false,\"bandwidth\":{\"ingressMbps\":100}}],"
		"\"unitRef\":{\"name\":\"db-0\"}},"
		"\"status\":{\"phase\":\"Bound\",\"interfaces\":[{\"name\":\"eth0\",\"pool\":\"lan\","
		"\"ips\":[\"10.99.2.77\"],\"mac\":\"02:00:0a:63:02:4d\"}],"
		"\"holder\":{\"node\":\"n1\",\"nodeUID\":\"nu\",\"token\":9007199254740991},"
		"\"detachedToken\":4}}";
	struct bw_net_claim c = { 0 };

	(void)state;
	assert_int_equal(bw_net_claim_decode(text, strlen(text), &c, NULL), 0);
	assert_true(c.meta.deleting);
	assert_true(bw_kube_has_finalizer(&c.meta, "net.barewire.dev/claim"));
	assert_string_equal(bw_kube_annotation(&c.meta, "a"), "1");
	assert_null(bw_kube_label(&c.meta, "a"));
	assert_string_equal(bw_kube_controller_of(&c.meta)->uid, "pu");
	assert_int_equal(c.spec.interfaces.n, 2);
	assert_true(c.spec.interfaces.items[0].required);
	assert_false(c.spec.interfaces.items[1].required);
	assert_string_equal(c.spec.interfaces.items[0].requested_ips.items[0], "10.99.2.77");
	assert_int_equal(c.spec.interfaces.items[1].bandwidth.ingress_mbps, 100);
	assert_false(c.spec.interfaces.items[1].bandwidth.has_egress_mbps);
	assert_int_equal(c.status.phase, BW_NET_CLAIM_STATUS_PHASE_BOUND);
	assert_true(c.status.has_holder && !c.status.has_attached);
	assert_int_equal(c.status.holder.token, 9007199254740991);
	assert_true(c.status.has_detached_token);
	assert_int_equal(c.status.detached_token, 4);
	bw_net_claim_done(&c);
}

static const struct {
	const char *text;
	const char *message;
} poison[] = {
	{ "{" META("p") ",\"spec\":7}", "spec: expected an object, got 7" },
	{ "{" META("p") "}", "spec: missing, but it is required" },
	{ "{\"spec\":{\"domain\":\"d\"}}", "spec.prefix: missing, but it is required" },
	{ "{\"metadata\":{\"name\":\"\"}}",
	  "metadata.name: expected a string of 1 to 253 characters, got \"\"" },
	{ "{\"metadata\":{\"name\":\"p\",\"labels\":{\"a\":1}}}",
	  "metadata.labels.a: expected a string, got 1" },
	{ "{\"metadata\":{\"name\":\"p\",\"labels\":[]}}",
	  "metadata.labels: expected an object of strings, got an empty list" },
	{ "{\"spec\":{\"domain\":\"d\",\"prefix\":\"1.0.0.0/8\",\"ranges\":[1]}}",
	  "spec.ranges[0]: expected a string of 2 to 364 characters, got 1" },
	{ "{\"spec\":{\"domain\":\"d\",\"prefix\":\"1.0.0.0/8\",\"ranges\":[]}}",
	  "spec.ranges: expected a list of 1 to 64 items, got 0" },
	{ "{\"spec\":{\"vlan\":4095}}", "spec.vlan: expected an integer from 1 to 4094, got 4095" },
	{ "{\"spec\":{\"mode\":\"carrier-pigeon\"}}",
	  "spec.mode: expected one of bridge, sriov, macvlan, calico, kube-ovn, external, got "
	  "\"carrier-pigeon\"" },
	{ "[]", "document: expected an object, got an empty list" },
};

static void wrong_types_name_their_path(void **state)
{
	(void)state;
	for (size_t i = 0; i < BW_ARRAY_SIZE(poison); i++) {
		struct bw_net_pool p = { 0 };
		struct bw_err err = { 0 };
		int r = bw_net_pool_decode(poison[i].text, strlen(poison[i].text), &p, &err);

		assert_int_equal(r, -EINVAL);
		assert_int_equal(err.class, BW_ERR_INVALID);
		assert_string_equal(err.msg, poison[i].message);
		assert_null(p.doc);
		bw_net_pool_done(&p);
	}
}

static void what_was_refused_leaves_nothing_for_the_next(void **state)
{
	static const char bad[] = "{\"metadata\":{\"name\":\"a\",\"labels\":{\"k\":\"v\"}},"
				  "\"spec\":{\"domain\":\"d\",\"prefix\":\"10.0.0.0/8\","
				  "\"ranges\":[\"10.0.0.1\"],\"gateway\":\"10.0.0.9\","
				  "\"vlan\":7,\"mtu\":\"x\"}}";
	static const char good[] = "{\"metadata\":{\"name\":\"b\"},\"spec\":{\"domain\":\"d\","
				   "\"prefix\":\"10.0.0.0/8\",\"ranges\":[\"10.0.0.1\"]}}";
	struct bw_net_pool p = { 0 };
	const struct bw_net_pool zero = { 0 };

	(void)state;
	assert_int_equal(bw_net_pool_decode(bad, strlen(bad), &p, NULL), -EINVAL);
	assert_memory_equal(&p, &zero, sizeof(p));
	assert_int_equal(bw_net_pool_decode(good, strlen(good), &p, NULL), 0);
	assert_null(p.spec.gateway);
	assert_int_equal(p.spec.has_vlan, 0);
	assert_int_equal(p.meta.labels.n, 0);
	bw_net_pool_done(&p);
}

static void cut_texts_are_refused(void **state)
{
	(void)state;
	for (size_t n = 0; n < strlen(pool_text); n++) {
		struct bw_net_pool p = { 0 };

		assert_int_equal(bw_net_pool_decode(pool_text, n, &p, NULL), -EBADMSG);
		assert_null(p.doc);
	}
}

static void every_failed_allocation_leaves_nothing_behind(void **state)
{
	long n = 0;
	int failed;

	(void)state;
	do {
		struct bw_net_pool p = { 0 };
		int r;

		fail_alloc_start(n++);
		r = bw_net_pool_decode(pool_text, strlen(pool_text), &p, NULL);
		failed = fail_alloc_stop();
		assert_int_equal(r, failed ? -ENOMEM : 0);
		bw_net_pool_done(&p);
	} while (failed);
}

static void kinds_are_listed_with_their_paths(void **state)
{
	size_t n = 0;

	(void)state;
	while (bw_kinds_net[n])
		n++;
	assert_int_equal(n, 6);
	assert_string_equal(bw_kind_networkclaim.plural, "networkclaims");
	assert_int_equal(bw_kind_networkclaim.namespaced, 1);
	assert_string_equal(bw_kind_nodenetwork.group, "net.barewire.dev");
	assert_int_equal(bw_kind_nodenetwork.namespaced, 0);
}

static void enums_outside_their_values_are_empty(void **state)
{
	(void)state;
	assert_string_equal(bw_net_pool_mode_str(BW_NET_POOL_MODE_NONE), "");
	assert_string_equal(bw_net_pool_mode_str(BW_NET_POOL_MODE_MAX_), "");
	assert_string_equal(bw_net_address_state_str(BW_NET_ADDRESS_STATE_QUARANTINED),
			    "Quarantined");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pool_decodes_every_kind_of_field),
		cmocka_unit_test(pool_defaults_hold_where_nothing_is_said),
		cmocka_unit_test(claim_decodes_spec_holder_and_tokens),
		cmocka_unit_test(wrong_types_name_their_path),
		cmocka_unit_test(what_was_refused_leaves_nothing_for_the_next),
		cmocka_unit_test(cut_texts_are_refused),
		cmocka_unit_test(every_failed_allocation_leaves_nothing_behind),
		cmocka_unit_test(kinds_are_listed_with_their_paths),
		cmocka_unit_test(enums_outside_their_values_are_empty),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
