/* SPDX-License-Identifier: Apache-2.0 */
/* An IPv6 address is waited for until the kernel takes packets to it. */
#include "net/bed.h"

#include <sys/wait.h>

#include <bw/own.h>
#include <bw/pod.h>

#define TEXT "fd09::7/64"

struct fixture {
	struct bed *bed;
	struct bw_link link;
	struct bw_cni_result result;
	struct bw_own own;
	struct bw_pod pod;
};

static void give(struct fixture *f)
{
	struct bw_link br = { 0 }, host = { 0 };
	struct bw_cni_ip ip = { .interface = BW_CNI_NO_IF };

	build(f->bed, &br, &host, &f->link);
	assert_int_equal(bw_prefix_parse(TEXT, &ip.address), 0);
	assert_ok(bw_cni_result_add_ip(&f->result, &ip, &err));
	f->own.result = &f->result;
	f->pod = BW_POD_NONE;
	f->pod.nl = f->bed->nl_pod;
	f->pod.ifname = "eth0";
	f->pod.ifindex = f->link.ifindex;
}

static struct bw_route local_route(const struct fixture *f)
{
	struct bw_route r = { .dst = f->result.ips[0].address,
			      .ifindex = f->link.ifindex,
			      .table = RT_TABLE_LOCAL,
			      .proto = RTPROT_KERNEL,
			      .type = RTN_LOCAL,
			      .scope = -1 };

	r.dst.len = 128;
	return r;
}

static int is_local(struct bw_nl *nl, const struct bw_ip *ip)
{
	struct bw_nl_batch *b = bw_nl_begin(nl);
	struct bw_route r = { 0 };

	bw_route_put_get(b, ip, &r);
	assert_ok(bw_nl_talk(nl, b, &err));
	return r.type == RTN_LOCAL;
}

static void put_address(struct fixture *f, struct bw_nl *nl, int add)
{
	struct bw_addr a = bw_addr_plain(f->link.ifindex, &f->result.ips[0].address);
	struct bw_nl_batch *b = bw_nl_begin(nl);

	if (add)
		bw_addr_put_add(b, &a);
	else
		bw_addr_put_del(b, &a);
	assert_ok(bw_nl_talk(nl, b, &err));
}

static void an_address_just_added_is_waited_for(void **state)
{
	struct fixture f = { .bed = *state };

	give(&f);
	put_address(&f, f.bed->nl_pod, 1);
	assert_ok(bw_pod_local_wait(&f.pod, &f.own, &err));
	assert_true(is_local(f.bed->nl_pod, &f.result.ips[0].address.ip));
	bw_cni_result_done(&f.result);
}

/* The address is there and its route is not; somebody else makes it while we wait. */
static void the_route_that_is_missing_is_awaited(void **state)
{
	struct fixture f = { .bed = *state };
	struct bw_route local;
	struct bw_nl_batch *b;
	int status;
	pid_t other;

	give(&f);
	put_address(&f, f.bed->nl_pod, 1);
	assert_ok(bw_pod_local_wait(&f.pod, &f.own, &err));
	local = local_route(&f);
	b = bw_nl_begin(f.bed->nl_pod);
	bw_route_put_del(b, &local);
	assert_ok(bw_nl_talk(f.bed->nl_pod, b, &err));
	assert_false(is_local(f.bed->nl_pod, &f.result.ips[0].address.ip));
	other = fork();
	if (other == 0) {
		struct bw_nl *nl = NULL;

		assert_ok(bw_nl_open(BW_NL_ROUTE, &f.bed->pod.ns, &nl, &err));
		put_address(&f, nl, 0);
		put_address(&f, nl, 1);
		_exit(0);
	}
	assert_ok(bw_pod_local_wait(&f.pod, &f.own, &err));
	assert_true(is_local(f.bed->nl_pod, &f.result.ips[0].address.ip));
	assert_int_equal(waitpid(other, &status, 0), other);
	assert_int_equal(status, 0);
	bw_cni_result_done(&f.result);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(an_address_just_added_is_waited_for, setup,
						teardown),
		cmocka_unit_test_setup_teardown(the_route_that_is_missing_is_awaited, setup,
						teardown),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
