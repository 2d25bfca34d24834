/* SPDX-License-Identifier: Apache-2.0 */
/* What is generated from conf/kinds/builtin.yaml: the server's own objects, as far as we read them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <bw/err.h>
#include <gen/k8s.h>

#define META "\"metadata\":{\"name\":\"o\",\"uid\":\"u-1\",\"resourceVersion\":\"7\"}"

/* As a kubelet writes it, with what nobody here reads. */
static void pod_says_how_its_containers_are(void **state)
{
	static const char text[] =
		"{" META
		",\"spec\":{\"containers\":[{\"name\":\"redis\",\"image\":\"redis\",\"tty\":true,"
		"\"resources\":{\"limits\":{\"memory\":\"1Gi\"}}}],\"volumes\":[{\"name\":\"data\","
		"\"persistentVolumeClaim\":{\"claimName\":\"data-o\"}},{\"name\":\"t\",\"emptyDir\":{}}]},"
		"\"status\":{\"phase\":\"Running\",\"qosClass\":\"Burstable\",\"observedGeneration\":3,"
		"\"conditions\":[{\"type\":\"PodResizePending\",\"status\":\"True\",\"reason\":"
		"\"Infeasible\",\"message\":\"m\",\"lastProbeTime\":null}],\"containerStatuses\":[{"
		"\"name\":\"redis\",\"ready\":false,\"started\":true,\"restartCount\":4,\"image\":\"x\","
		"\"imageID\":\"y\",\"lastState\":{\"terminated\":{\"exitCode\":137,\"reason\":"
		"\"OOMKilled\"}},\"state\":{\"waiting\":{\"reason\":\"CrashLoopBackOff\"}},"
		"\"resources\":{\"limits\":{\"memory\":\"2Gi\"}},\"user\":{\"linux\":{}}}]}}";
	const struct bw_k_pod_status_container_status *s;
	struct bw_k_pod p = { 0 };
	struct bw_err err = { 0 };

	(void)state;
	assert_int_equal(bw_k_pod_decode(text, strlen(text), &p, &err), 0);
	assert_int_equal(p.spec.volumes.n, 2);
	assert_string_equal(p.spec.volumes.items[0].persistent_volume_claim.claim_name, "data-o");
	assert_false(p.spec.volumes.items[1].has_persistent_volume_claim);
	assert_string_equal(bw_kube_condition_get(p.status.conditions.items, p.status.conditions.n,
						  "PodResizePending")
				    ->reason,
			    "Infeasible");
	assert_int_equal(p.status.observed_generation, 3);
	s = &p.status.container_statuses.items[0];
	assert_int_equal(s->restart_count, 4);
	assert_true(s->started);
	assert_string_equal(s->state.waiting.reason, "CrashLoopBackOff");
	assert_false(s->state.has_running);
	assert_int_equal(s->last_state.terminated.exit_code, 137);
	assert_string_equal(
		bw_kube_pair_get(s->resources.limits.items, s->resources.limits.n, "memory"),
		"2Gi");
	bw_k_pod_done(&p);
}

static void volumes_say_which_node_they_are_bound_to(void **state)
{
	static const char text[] =
		"{" META
		",\"spec\":{\"capacity\":{\"storage\":\"1Gi\"},\"claimRef\":{\"namespace\":\"db\","
		"\"name\":\"data-o\",\"uid\":\"c-1\"},\"local\":{\"path\":\"/x\"},\"nodeAffinity\":{"
		"\"required\":{\"nodeSelectorTerms\":[{\"matchExpressions\":[{\"key\":"
		"\"kubernetes.io/hostname\",\"operator\":\"In\",\"values\":[\"n1\"]}]}]}}},"
		"\"status\":{\"phase\":\"Bound\"}}";
	struct bw_k_persistent_volume v = { 0 };

	(void)state;
	assert_int_equal(bw_k_persistent_volume_decode(text, strlen(text), &v, NULL), 0);
	assert_string_equal(v.spec.claim_ref.uid, "c-1");
	assert_string_equal(v.spec.node_affinity.required.node_selector_terms.items[0]
				    .match_expressions.items[0]
				    .values.items[0],
			    "n1");
	bw_k_persistent_volume_done(&v);
	assert_string_equal(bw_kind_persistentvolumeclaim.plural, "persistentvolumeclaims");
	assert_int_equal(bw_kind_persistentvolumeclaim.namespaced, 1);
	assert_int_equal(bw_kind_persistentvolume.namespaced, 0);
}

static void slices_say_how_their_endpoints_are(void **state)
{
	static const char text[] =
		"{" META ",\"addressType\":\"IPv4\",\"ports\":[{\"name\":\"r\",\"port\":6379,"
		"\"protocol\":\"TCP\"}],\"endpoints\":[{\"addresses\":[\"10.99.2.77\"],"
		"\"conditions\":{\"ready\":false,\"terminating\":true}}]}";
	struct bw_k_endpoint_slice s = { 0 };

	(void)state;
	assert_int_equal(bw_k_endpoint_slice_decode(text, strlen(text), &s, NULL), 0);
	assert_string_equal(s.address_type, "IPv4");
	assert_string_equal(s.endpoints.items[0].addresses.items[0], "10.99.2.77");
	assert_true(s.endpoints.items[0].conditions.terminating);
	assert_false(s.endpoints.items[0].conditions.ready);
	assert_int_equal(s.ports.items[0].port, 6379);
	bw_k_endpoint_slice_done(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pod_says_how_its_containers_are),
		cmocka_unit_test(volumes_say_which_node_they_are_bound_to),
		cmocka_unit_test(slices_say_how_their_endpoints_are),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
