/* SPDX-License-Identifier: Apache-2.0 */
/* What is generated from conf/kinds: objects of the server's own, and selectors over labels. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <bw/err.h>
#include <gen/k8s.h>
#include <gen/net.h>

static void pod_of_a_real_server_decodes(void **state)
{
	static const char text[] =
		"{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"redis-0\","
		"\"namespace\":\"default\",\"uid\":\"u\",\"resourceVersion\":\"9\","
		"\"creationTimestamp\":\"2026-01-01T00:00:00Z\",\"labels\":{\"app\":\"redis\"},"
		"\"managedFields\":[{\"manager\":\"x\"}]},"
		"\"spec\":{\"volumes\":[{\"name\":\"v\"}],\"containers\":[{\"name\":\"redis\"}],"
		"\"nodeName\":\"n1\",\"hostNetwork\":true,\"nodeSelector\":{\"a\":\"b\"},"
		"\"priority\":0},"
		"\"status\":{\"phase\":\"Running\",\"podIP\":\"10.99.2.77\",\"podIPs\":[{\"ip\":"
		"\"10.99.2.77\"},{\"ip\":\"fd00:99::77\"}],\"conditions\":[{\"type\":\"Ready\","
		"\"status\":\"True\",\"lastProbeTime\":null,\"lastTransitionTime\":null}]}}";
	struct bw_k_pod p = { 0 };

	(void)state;
	assert_int_equal(bw_k_pod_decode(text, strlen(text), &p, NULL), 0);
	assert_string_equal(p.meta.creation_timestamp, "2026-01-01T00:00:00Z");
	assert_false(p.meta.deleting);
	assert_string_equal(bw_kube_label(&p.meta, "app"), "redis");
	assert_string_equal(p.spec.node_name, "n1");
	assert_true(p.spec.host_network);
	assert_int_equal(p.status.pod_ips.n, 2);
	assert_string_equal(p.status.pod_ips.items[1].ip, "fd00:99::77");
	assert_null(p.status.conditions.items[0].last_transition_time);
	assert_null(bw_kube_controller_of(&p.meta));
	bw_k_pod_done(&p);
}

static void node_decodes_taints_and_boot(void **state)
{
	static const char text[] =
		"{\"metadata\":{\"name\":\"n1\"},\"spec\":{\"taints\":[{\"key\":"
		"\"node.kubernetes.io/out-of-service\",\"value\":\"nodeshutdown\",\"effect\":"
		"\"NoExecute\"}]},\"status\":{\"capacity\":{\"cpu\":\"4\"},\"nodeInfo\":"
		"{\"bootID\":\"b-1\"}}}";
	struct bw_k_node n = { 0 };

	(void)state;
	assert_int_equal(bw_k_node_decode(text, strlen(text), &n, NULL), 0);
	assert_string_equal(n.spec.taints.items[0].key, "node.kubernetes.io/out-of-service");
	assert_string_equal(n.status.node_info.boot_id, "b-1");
	assert_string_equal(bw_kube_pair_get(n.status.capacity.items, n.status.capacity.n, "cpu"),
			    "4");
	assert_false(n.spec.unschedulable);
	bw_k_node_done(&n);
}

static void absent_and_zero_are_told_apart(void **state)
{
	static const char none[] = "{\"metadata\":{\"name\":\"s\"},\"spec\":{}}";
	static const char zero[] = "{\"metadata\":{\"name\":\"s\"},\"spec\":{\"replicas\":0,"
				   "\"ordinals\":{\"start\":0}}}";
	struct bw_k_stateful_set s = { 0 };

	(void)state;
	assert_int_equal(bw_k_stateful_set_decode(none, strlen(none), &s, NULL), 0);
	assert_false(s.spec.has_replicas || s.spec.has_ordinals);
	bw_k_stateful_set_done(&s);
	assert_int_equal(bw_k_stateful_set_decode(zero, strlen(zero), &s, NULL), 0);
	assert_true(s.spec.has_replicas && s.spec.has_ordinals && s.spec.ordinals.has_start);
	bw_k_stateful_set_done(&s);
}

/* The labels are a=b and n=5. */
static const struct {
	const char *selector; /* JSON */
	int fits;
} selectors[] = {
	{ "{}", 1 },
	{ "{\"matchLabels\":{\"a\":\"b\"}}", 1 },
	{ "{\"matchLabels\":{\"a\":\"b\",\"n\":\"5\"}}", 1 },
	{ "{\"matchLabels\":{\"a\":\"c\"}}", 0 },
	{ "{\"matchLabels\":{\"x\":\"\"}}", 0 },
	{ "{\"matchExpressions\":[{\"key\":\"a\",\"operator\":\"In\",\"values\":[\"x\",\"b\"]}]}",
	  1 },
	{ "{\"matchExpressions\":[{\"key\":\"a\",\"operator\":\"In\",\"values\":[\"x\"]}]}", 0 },
	{ "{\"matchExpressions\":[{\"key\":\"x\",\"operator\":\"In\",\"values\":[\"x\"]}]}", 0 },
	{ "{\"matchExpressions\":[{\"key\":\"a\",\"operator\":\"NotIn\",\"values\":[\"b\"]}]}", 0 },
	{ "{\"matchExpressions\":[{\"key\":\"x\",\"operator\":\"NotIn\",\"values\":[\"b\"]}]}", 1 },
	{ "{\"matchExpressions\":[{\"key\":\"a\",\"operator\":\"Exists\"}]}", 1 },
	{ "{\"matchExpressions\":[{\"key\":\"x\",\"operator\":\"Exists\"}]}", 0 },
	{ "{\"matchExpressions\":[{\"key\":\"x\",\"operator\":\"DoesNotExist\"}]}", 1 },
	{ "{\"matchExpressions\":[{\"key\":\"a\",\"operator\":\"DoesNotExist\"}]}", 0 },
	{ "{\"matchExpressions\":[{\"key\":\"n\",\"operator\":\"Gt\",\"values\":[\"4\"]}]}", 1 },
	{ "{\"matchExpressions\":[{\"key\":\"n\",\"operator\":\"Gt\",\"values\":[\"5\"]}]}", 0 },
	{ "{\"matchExpressions\":[{\"key\":\"n\",\"operator\":\"Lt\",\"values\":[\"6\"]}]}", 1 },
	{ "{\"matchExpressions\":[{\"key\":\"a\",\"operator\":\"Lt\",\"values\":[\"6\"]}]}", 0 },
	{ "{\"matchExpressions\":[{\"key\":\"n\",\"operator\":\"Lt\",\"values\":[\"many\"]}]}", 0 },
	{ "{\"matchExpressions\":[{\"key\":\"a\",\"operator\":\"Resembles\",\"values\":[\"b\"]}]}",
	  0 },
	{ "{\"matchLabels\":{\"a\":\"b\"},\"matchExpressions\":[{\"key\":\"x\",\"operator\":"
	  "\"Exists\"}]}",
	  0 },
};

static void selectors_fit_as_the_api_says(void **state)
{
	static const struct bw_kube_pair labels[] = { { "a", "b" }, { "n", "5" } };

	(void)state;
	for (size_t i = 0; i < BW_ARRAY_SIZE(selectors); i++) {
		struct bw_k_network_policy p = { 0 };
		char text[512];
		int fits;

		(void)snprintf(text, sizeof(text),
			       "{\"metadata\":{\"name\":\"p\"},\"spec\":{\"podSelector\":%s}}",
			       selectors[i].selector);
		assert_int_equal(bw_k_network_policy_decode(text, strlen(text), &p, NULL), 0);
		fits = bw_kube_selector_match(&p.spec.pod_selector, labels, BW_ARRAY_SIZE(labels));
		if (fits != selectors[i].fits)
			fail_msg("%s: got %d", selectors[i].selector, fits);
		bw_k_network_policy_done(&p);
	}
}

static void kinds_of_the_server_have_their_groups(void **state)
{
	(void)state;
	assert_string_equal(bw_kind_pod.group, "");
	assert_string_equal(bw_kind_lease.group, "coordination.k8s.io");
	assert_string_equal(bw_kind_networkpolicy.plural, "networkpolicies");
	assert_int_equal(bw_kind_node.namespaced, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pod_of_a_real_server_decodes),
		cmocka_unit_test(node_decodes_taints_and_boot),
		cmocka_unit_test(absent_and_zero_are_told_apart),
		cmocka_unit_test(selectors_fit_as_the_api_says),
		cmocka_unit_test(kinds_of_the_server_have_their_groups),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
