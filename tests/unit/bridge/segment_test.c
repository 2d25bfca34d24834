/* SPDX-License-Identifier: Apache-2.0 */
/* Bridges against a real kernel: made, entered, undone, numbered, locked. */
#include "segment_bed.h"

static void a_bridge_keeps_its_mac_without_ports(void **state)
{
	struct bed *t = *state;
	struct bridge_segment_want want = { .bridge = "br0", .mtu = 1450, .journal = t->journal };
	bridge_autosegment struct bridge_segment seg = BRIDGE_SEGMENT_NONE;
	struct bw_link br, after;

	assert_ok(bridge_segment_enter(t->nl, &want, &seg, &err));
	br = link_of(t, "br0");
	assert_int_equal(seg.bridge, br.ifindex);
	assert_true(br.flags & IFF_UP && seg.is_new && seg.lock >= 0);
	assert_int_equal(br.mtu, 1450);
	assert_int_equal(seg.mtu, 1450);
	add_port(t, "p0", br.ifindex);
	assert_ok(bridge_segment_commit(t->nl, &want, &seg, &err));
	assert_string_equal(link_of(t, "br0").alias, "barewire made");
	assert_ok(bw_link_del(t->nl, 0, "p0", &err));
	after = link_of(t, "br0");
	assert_true(bw_mac_eq(&br.mac, &after.mac) && !bw_mac_is_zero(&after.mac));
}

static void a_bridge_of_others_gets_its_mac_pinned(void **state)
{
	struct bed *t = *state;
	struct bw_link_bridge_new n = { .name = "br0", .vlan_filtering = -1, .default_pvid = -1 };
	struct bridge_segment_want want = { .bridge = "br0", .journal = t->journal };
	bridge_autosegment struct bridge_segment seg = BRIDGE_SEGMENT_NONE;
	struct bw_link br, after;

	bw_link_put_bridge(bw_nl_begin(t->nl), &n);
	assert_ok(bw_nl_talk(t->nl, &t->nl->batch, &err));
	add_port(t, "p0", link_of(t, "br0").ifindex);
	assert_ok(bw_link_del(t->nl, 0, "p0", &err));
	br = link_of(t, "br0");
	assert_true(bw_mac_is_zero(&br.mac)); /* the known defect */
	assert_ok(bridge_segment_enter(t->nl, &want, &seg, &err));
	br = link_of(t, "br0");
	assert_false(bw_mac_is_zero(&br.mac));
	add_port(t, "p0", br.ifindex);
	assert_ok(bw_link_del(t->nl, 0, "p0", &err));
	after = link_of(t, "br0");
	assert_true(bw_mac_eq(&br.mac, &after.mac));
	assert_string_equal(after.alias, "barewire");
}

static void what_is_no_bridge_is_refused(void **state)
{
	struct bed *t = *state;
	struct bridge_segment_want want = { .bridge = "up0" };
	struct bridge_segment seg = BRIDGE_SEGMENT_NONE;

	assert_int_equal(bridge_segment_check(t->nl, &want, &err), -EINVAL);
	assert_int_equal(bridge_segment_enter(t->nl, &want, &seg, &err), -EINVAL);
	assert_int_equal(err.class, BW_ERR_INVALID);
	assert_non_null(strstr(err.msg, "\"up0\" already exists but is not a bridge"));
}

static void a_failed_add_leaves_no_bridge(void **state)
{
	struct bed *t = *state;
	struct bridge_segment_want want = { .bridge = "br0",
					    .uplink = "up0",
					    .journal = t->journal };
	struct bridge_segment a = BRIDGE_SEGMENT_NONE, b = BRIDGE_SEGMENT_NONE;

	assert_ok(bridge_segment_enter(t->nl, &want, &a, &err));
	assert_ok(bridge_segment_enter(t->nl, &want, &b, &err));
	assert_int_equal(link_of(t, "up0").master, a.bridge);
	bridge_segment_done(&b);
	assert_ok(bridge_segment_undo(t->nl, &want, &a, &err));
	assert_int_equal(link_of(t, "br0").ifindex, 0);
	assert_int_equal(link_of(t, "up0").master, 0);
	assert_true(link_of(t, "up0").flags & IFF_UP);
	/* One that somebody uses stays. */
	assert_ok(bridge_segment_enter(t->nl, &want, &a, &err));
	add_port(t, "p0", a.bridge);
	assert_ok(bridge_segment_undo(t->nl, &want, &a, &err));
	assert_true(link_of(t, "br0").ifindex);
	/* And one that an ADD succeeded on stays without ports. */
	assert_ok(bridge_segment_enter(t->nl, &want, &a, &err));
	assert_ok(bridge_segment_commit(t->nl, &want, &a, &err));
	assert_ok(bridge_segment_undo(t->nl, &want, &a, &err));
	assert_ok(bw_link_del(t->nl, 0, "p0", &err));
	assert_ok(bridge_segment_enter(t->nl, &want, &a, &err));
	assert_false(a.is_new);
	assert_ok(bridge_segment_undo(t->nl, &want, &a, &err));
	assert_true(link_of(t, "br0").ifindex);
}

/* One ADD of many: those with an odd number fail after they entered. */
static int entrant(int i)
{
	struct bridge_segment_want want = { .bridge = "br0", .uplink = "up0" };
	bridge_autosegment struct bridge_segment seg = BRIDGE_SEGMENT_NONE;
	bw_autonl struct bw_nl *nl = NULL;
	char name[16], peer[16];
	struct bw_link_veth_new n = { .name = name, .up = 1, .peer_name = peer };
	int r;

	(void)snprintf(name, sizeof(name), "p%d", i);
	(void)snprintf(peer, sizeof(peer), "q%d", i);
	r = bw_nl_open(BW_NL_ROUTE, NULL, &nl, &err);
	if (r >= 0)
		r = bridge_segment_enter(nl, &want, &seg, &err);
	if (r < 0)
		return 1;
	if (i % 2)
		return bridge_segment_undo(nl, &want, &seg, &err) < 0 ? 2 : 0;
	n.master = seg.bridge;
	bw_link_put_veth(bw_nl_begin(nl), &n);
	r = bw_nl_talk(nl, &nl->batch, &err);
	return r < 0 || bridge_segment_commit(nl, &want, &seg, &err) < 0 ? 3 : 0;
}

static void fifty_adds_of_which_half_fail_leave_the_bridge_to_the_rest(void **state)
{
	struct bed *t = *state;
	pid_t pids[50];
	struct bw_link br;

	for (int i = 0; i < 50; i++) {
		pids[i] = fork();
		if (pids[i] == 0)
			_exit(entrant(i));
	}
	for (int i = 0; i < 50; i++) {
		int status = -1;

		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_int_equal(status, 0);
	}
	br = link_of(t, "br0");
	assert_string_equal(br.alias, "barewire made uplink=up0");
	for (int i = 0; i < 50; i += 2) {
		char name[16];

		(void)snprintf(name, sizeof(name), "p%d", i);
		assert_int_equal(link_of(t, name).master, br.ifindex);
		assert_ok(bw_link_del(t->nl, 0, name, &err));
	}
	assert_int_equal(link_of(t, "up0").master, br.ifindex);
}

static void gateways_are_given_once(void **state)
{
	struct bed *t = *state;
	struct bw_prefix gw[2] = { prefix("10.9.0.1/24"), prefix("fd09::1/64") },
			 other = prefix("10.8.0.1/24"), other6 = prefix("fd08::1/64");
	struct bridge_segment_want want = { .bridge = "br0", .gateways = gw, .n_gateways = 2 };
	bridge_autosegment struct bridge_segment seg = BRIDGE_SEGMENT_NONE;
	static struct dump d;

	for (int i = 0; i < 2; i++) {
		assert_ok(bridge_segment_enter(t->nl, &want, &seg, &err));
		assert_int_equal(seg.gateway, seg.bridge);
		assert_string_equal(seg.gateway_name, "br0");
		assert_ok(bridge_segment_commit(t->nl, &want, &seg, &err));
		bridge_segment_done(&seg);
		dump_of(t->nl, seg.bridge, &d);
		assert_int_equal(d.n, 4);
		assert_string_equal(d.lines[0], "addr 10.9.0.1/24");
		assert_string_equal(d.lines[1], "addr fd09::1/64");
	}
	/* IPv6 addresses that do not overlap live together, IPv4 ones do not. */
	want.gateways = &other6;
	want.n_gateways = 1;
	assert_ok(bridge_segment_enter(t->nl, &want, &seg, &err));
	bridge_segment_done(&seg);
	want.gateways = &other;
	assert_int_equal(bridge_segment_enter(t->nl, &want, &seg, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "already has an IP address different from 10.8.0.1/24"));
	want.force_address = 1;
	assert_ok(bridge_segment_enter(t->nl, &want, &seg, &err));
	dump_of(t->nl, seg.bridge, &d);
	assert_string_equal(d.lines[0], "addr 10.8.0.1/24");
	assert_string_equal(d.lines[1], "addr fd08::1/64");
	assert_string_equal(d.lines[2], "addr fd09::1/64");
}

static void one_vlan_by_the_programs_and_no_second(void **state)
{
	struct bed *t = *state;
	struct bridge_segment_want want = { .bridge = "br0", .vlan = 100 };
	bridge_autosegment struct bridge_segment seg = BRIDGE_SEGMENT_NONE;
	uint8_t trunk[512] = { [25] = 1 };
	int r;

	r = bridge_segment_enter(t->nl, &want, &seg, &err);
	if (r == 0) {
		/* This kernel filters: the programs carry nothing. */
		assert_true(seg.filters_vlan && !seg.bpf_vlan);
		return;
	}
	assert_int_equal(r, -EOPNOTSUPP);
	assert_int_equal(err.class, BW_ERR_UNSUPPORTED);
	assert_int_equal(link_of(t, "br0").ifindex, 0);
	want.uplink = "up0";
	assert_ok(bridge_segment_enter(t->nl, &want, &seg, &err));
	assert_true(seg.bpf_vlan && !seg.filters_vlan);
	bridge_segment_done(&seg);
	assert_ok(bridge_segment_enter(t->nl, &want, &seg, &err));
	bridge_segment_done(&seg);
	want.vlan = 101;
	assert_int_equal(bridge_segment_enter(t->nl, &want, &seg, &err), -EOPNOTSUPP);
	assert_non_null(strstr(err.msg, "carries VLAN 100 and no other"));
	want.vlan = 0;
	assert_int_equal(bridge_segment_enter(t->nl, &want, &seg, &err), -EOPNOTSUPP);
	want.trunk = trunk;
	want.bridge = "br1";
	want.uplink = NULL;
	assert_int_equal(bridge_segment_enter(t->nl, &want, &seg, &err), -EOPNOTSUPP);
	assert_int_equal(link_of(t, "br1").ifindex, 0);
}

static void a_vlan_does_not_join_untagged_ports(void **state)
{
	struct bed *t = *state;
	struct bridge_segment_want want = { .bridge = "br0", .uplink = "up0" };
	bridge_autosegment struct bridge_segment seg = BRIDGE_SEGMENT_NONE;

	assert_ok(bridge_segment_enter(t->nl, &want, &seg, &err));
	add_port(t, "p0", seg.bridge);
	bridge_segment_done(&seg);
	want.vlan = 100;
	if (link_of(t, "br0").bridge.has_vlan_filtering)
		return;
	assert_int_equal(bridge_segment_enter(t->nl, &want, &seg, &err), -EOPNOTSUPP);
	assert_non_null(strstr(err.msg, "p0"));
	assert_true(link_of(t, "br0").ifindex);
}

static void the_lock_is_shared_or_exclusive(void **state)
{
	bw_autoclose int a = -1, b = -1, c = -1;
	int ready[2];
	pid_t pid;
	char x;

	(void)state;
	assert_ok(bridge_lock_take("br0", BRIDGE_LOCK_SHARED, &a, &err));
	assert_ok(bridge_lock_take("br0", BRIDGE_LOCK_SHARED, &b, &err));
	bw_autoclose_fn(&b);
	b = -1;
	assert_ok(bridge_lock_take("br0", BRIDGE_LOCK_EXCLUSIVE, &a, &err));
	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (pid == 0) {
		int r;

		bw_autoclose_fn(&a);
		(void)!write(ready[1], "x", 1);
		r = bridge_lock_take("br0", BRIDGE_LOCK_SHARED, &c, &err);
		_exit(r == 0 ? 0 : 1);
	}
	/* The child waits on a file that goes away, and must end up with the new one. */
	assert_int_equal(read(ready[0], &x, 1), 1);
	bridge_lock_remove("br0");
	bw_autoclose_fn(&a);
	a = -1;
	int status = -1;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(access(BRIDGE_LOCK_DIR "/br0.lock", F_OK), 0);
	close(ready[0]);
	close(ready[1]);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_bridge_keeps_its_mac_without_ports),
		T(a_bridge_of_others_gets_its_mac_pinned),
		T(what_is_no_bridge_is_refused),
		T(a_failed_add_leaves_no_bridge),
		T(fifty_adds_of_which_half_fail_leave_the_bridge_to_the_rest),
		T(gateways_are_given_once),
		T(one_vlan_by_the_programs_and_no_second),
		T(a_vlan_does_not_join_untagged_ports),
		T(the_lock_is_shared_or_exclusive),
	};

	if (private_world() < 0) {
		printf("1..0 # SKIP needs the right to make namespaces\n");
		return 0;
	}
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
