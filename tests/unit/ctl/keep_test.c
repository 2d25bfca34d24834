/* SPDX-License-Identifier: Apache-2.0 */
/* What the cache has of Pods and Nodes, and what ten thousand pods cost. */
#include <malloc.h>

#include <bw/io.h>
#include <bw/kube_text.h>

#include "bed.h"

#define FOLDER "tests/unit/ctl/objects/"
#define UNUSED __attribute__((unused))
#define PODS 10000
#define POD_BYTES_MAX 1100 /* of the heap, for a pod with ten labels and annotations */

static struct bw_kube_object *object(const struct bw_kube_kind *kind,
				     const struct bw_kube_keep *keep, const struct bw_buf *text)
{
	const struct bw_kube_answer a = { .body = text->data, .body_size = text->size };
	struct bw_kube_object *o = NULL;

	if (keep)
		assert_int_equal(ctl_live(kind, keep, &a, &o), 0);
	else
		assert_int_equal(bw_kube_object_new(kind, text->data, text->size, &o, NULL), 0);
	return o;
}

static void read_file(const char *name, struct bw_buf *ret)
{
	assert_int_equal(bw_io_read_file(name, 1 << 20, ret, NULL), 0);
}

static void everything_that_is_read_of_a_pod_is_there(void **state UNUSED)
{
	bw_autobuf struct bw_buf text = { 0 };
	BW_CLEANUP(bw_k_pod_done) struct bw_k_pod p = { 0 };
	struct bw_kube_object *o;

	read_file(FOLDER "pod.json", &text);
	o = object(&bw_kind_pod, ctl_keep_pod, &text);
	assert_int_equal(bw_k_pod_decode(o->text, o->size, &p, NULL), 0);
	assert_string_equal(p.meta.name, "redis-00000");
	assert_string_equal(p.meta.namespace, "db");
	assert_string_equal(p.meta.creation_timestamp, "2026-11-21T15:54:39Z");
	assert_string_equal(bw_kube_annotation(&p.meta, "net.barewire.dev/retain"), "ordinal");
	assert_null(bw_kube_annotation(&p.meta, "prometheus.io/port"));
	assert_string_equal(bw_kube_label(&p.meta, "app.kubernetes.io/name"), "redis");
	assert_string_equal(bw_kube_controller_of(&p.meta)->kind, "StatefulSet");
	assert_string_equal(p.spec.node_name, "node1");
	assert_string_equal(p.status.phase, "Running");
	assert_string_equal(p.status.pod_ip, "10.99.2.10");
	bw_kube_object_unref(&o);
}

static void everything_that_is_read_of_a_node_is_there(void **state UNUSED)
{
	bw_autobuf struct bw_buf text = { 0 };
	BW_CLEANUP(bw_k_node_done) struct bw_k_node n = { 0 };
	struct bw_kube_object *o;

	read_file(FOLDER "node.json", &text);
	o = object(&bw_kind_node, ctl_keep_node, &text);
	assert_int_equal(bw_k_node_decode(o->text, o->size, &n, NULL), 0);
	assert_string_equal(n.meta.uid, "aa1f0a3e-6c7d-4e8f-9a0b-1c2d3e4f5a6b");
	assert_string_equal(bw_kube_label(&n.meta, "domain.net.barewire.dev/lan"), "ready");
	assert_int_equal(n.spec.taints.n, 1);
	assert_string_equal(n.spec.taints.items[0].key, CTL_TAINT_FENCED);
	assert_int_equal(n.status.capacity.n, 1);
	assert_string_equal(n.status.capacity.items[0].key, "net.barewire.dev/vf-lan");
	bw_kube_object_unref(&o);
}

static void a_heartbeat_changes_nothing(void **state UNUSED)
{
	bw_autobuf struct bw_buf text = { 0 };
	struct bw_kube_object *before, *after;
	char *at;

	read_file(FOLDER "node.json", &text);
	before = object(&bw_kind_node, ctl_keep_node, &text);
	at = strstr(text.data, "\"lastHeartbeatTime\":\"2026");
	assert_non_null(at);
	at[strlen("\"lastHeartbeatTime\":\"202")] = '7';
	at = strstr(text.data, "\"resourceVersion\":\"1234568\"");
	assert_non_null(at);
	at[strlen("\"resourceVersion\":\"123456")] = '9';
	after = object(&bw_kind_node, ctl_keep_node, &text);
	assert_string_equal(after->rv, "1234569");
	assert_true(before->hash == after->hash);
	bw_kube_object_unref(&before);
	bw_kube_object_unref(&after);
}

/* What a string that nobody reads holds is nobody's business. */
static void a_pod_with_an_odd_environment_can_be_read(void **state UNUSED)
{
	static const char odd[] =
		"{\"metadata\":{\"name\":\"p\",\"namespace\":\"d\",\"uid\":\"u\","
		"\"resourceVersion\":\"1\",\"annotations\":{\"x\":\"\\u0000\"}},"
		"\"spec\":{\"nodeName\":\"n\",\"containers\":[{\"env\":[{\"value\":"
		"\"\\u0000\"}]}]}}";
	BW_CLEANUP(bw_k_pod_done) struct bw_k_pod p = { 0 };
	const struct bw_buf text = { .data = (char *)(uintptr_t)odd, .size = sizeof(odd) - 1 };
	struct bw_kube_object *o = object(&bw_kind_pod, ctl_keep_pod, &text);

	assert_int_equal(bw_k_pod_decode(o->text, o->size, &p, NULL), 0);
	assert_string_equal(p.spec.node_name, "n");
	bw_kube_object_unref(&o);
}

static size_t cost(const struct bw_kube_keep *keep, const struct bw_buf *text)
{
	struct bw_kube_object **all = calloc(PODS, sizeof(struct bw_kube_object *));
	size_t before = mallinfo2().uordblks;
	size_t after;

	assert_non_null(all);
	for (size_t i = 0; i < PODS; i++)
		all[i] = object(&bw_kind_pod, keep, text);
	after = mallinfo2().uordblks;
	for (size_t i = 0; i < PODS; i++)
		bw_kube_object_unref(&all[i]);
	free(all);
	return after - before;
}

static void ten_thousand_pods_are_cheap(void **state UNUSED)
{
	bw_autobuf struct bw_buf text = { 0 };
	size_t whole, kept;

	read_file(FOLDER "pod.json", &text);
	whole = cost(NULL, &text);
	kept = cost(ctl_keep_pod, &text);
	print_message("# %d pods of %zu bytes: %.1f MB whole, %.1f MB as kept\n", PODS, text.size,
		      (double)whole / 1e6, (double)kept / 1e6);
	if (!whole)
		return; /* an allocator that does not count, as the sanitizers' */
	assert_true(kept < (size_t)PODS * POD_BYTES_MAX);
	assert_true(kept * 3 < whole);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everything_that_is_read_of_a_pod_is_there),
		cmocka_unit_test(everything_that_is_read_of_a_node_is_there),
		cmocka_unit_test(a_heartbeat_changes_nothing),
		cmocka_unit_test(a_pod_with_an_odd_environment_can_be_read),
		cmocka_unit_test(ten_thousand_pods_are_cheap),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
