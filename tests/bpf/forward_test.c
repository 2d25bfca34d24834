/* SPDX-License-Identifier: Apache-2.0 */
/* Which way a frame takes, what is counted for it, and what is learned from it. */
#include "kit.h"

#define SECOND 1000000000ULL
#define A_SLOT 3
#define B_SLOT 4
#define LOCAL_FAST (BW_FDB_F_LOCAL | BW_FDB_F_ACCEL)
#define A_TO_B "A>B ip 10.1.0.2>10.1.0.9 tcp 4000>80"
#define A_TO_X "A>X ip 10.1.0.2>10.1.0.9 tcp 4000>80"
#define X_TO_A "X>A ip 10.1.0.9>10.1.0.2 tcp 80>4000"

/* A behind KIT_IF, B elsewhere on the node, the host H, and X seen on the uplink KIT_IF. */
static void scene(uint32_t a_flags, uint32_t b_flags)
{
	struct bw_ep ep = kit_pod('A', A_SLOT, a_flags);

	kit_put_ep(KIT_IF, &ep);
	kit_put_fdb(KIT_IF, 0, 'A', KIT_IF, A_SLOT,
		    BW_FDB_F_LOCAL | (a_flags & (BW_FDB_F_ACCEL | BW_FDB_F_SLOW)));
	kit_put_fdb(KIT_IF, 0, 'B', 2, B_SLOT, b_flags);
	kit_put_fdb(KIT_IF, 0, 'H', KIT_BRIDGE, 0, BW_FDB_F_HOST);
	kit_put_remote(KIT_IF, 0, 'X', 0);
	kit_put_uplink(KIT_IF, 0, 0);
}

static void expect_path(uint32_t slot, enum bw_path path, uint64_t packets, uint64_t bytes)
{
	struct bw_stat s = kit_stat(slot);

	for (int i = 0; i < BW_PATH_MAX_; i++) {
		assert_int_equal(s.packets[i], i == (int)path ? packets : 0);
		assert_int_equal(s.bytes[i], i == (int)path ? bytes : 0);
	}
}

static void pod_to_pod_is_fast_and_counted_on_both_sides(void **state)
{
	struct kit_out out;

	(void)state;
	scene(KIT_CHECKED, LOCAL_FAST);
	out = kit_run(kit.pod_tx, KIT_IF, A_TO_B);
	assert_int_equal(out.verdict, FAST);
	expect_path(A_SLOT, BW_PATH_TX_FAST, 1, out.len);
	expect_path(B_SLOT, BW_PATH_RX_FAST, 1, out.len);
}

static void pod_to_a_known_remote_is_fast(void **state)
{
	struct kit_out out;

	(void)state;
	scene(KIT_CHECKED, LOCAL_FAST);
	out = kit_run(kit.pod_tx, KIT_IF, A_TO_X);
	assert_int_equal(out.verdict, FAST);
	expect_path(A_SLOT, BW_PATH_TX_FAST, 1, out.len);
}

static void outside_to_pod_is_fast(void **state)
{
	struct kit_out out;

	(void)state;
	scene(KIT_CHECKED, LOCAL_FAST);
	out = kit_run(kit.up_rx, KIT_IF, X_TO_A);
	assert_int_equal(out.verdict, FAST);
	expect_path(A_SLOT, BW_PATH_RX_FAST, 1, out.len);
}

static void a_slow_arrival_is_counted_as_such(void **state)
{
	struct kit_out out;

	(void)state;
	scene(KIT_CHECKED, LOCAL_FAST);
	out = kit_run(kit.pod_rx, KIT_BRIDGE, X_TO_A);
	assert_int_equal(out.verdict, NEXT);
	expect_path(A_SLOT, BW_PATH_RX_SLOW, 1, out.len);
}

static const struct kit_line from_pod[] = {
	{ "to a pod", A_TO_B, "fast" },
	{ "to a pod, IPv6", "A>B ip6 fd00::2>fd00::9 udp 4000>53", "fast" },
	{ "to a pod, a fragment", "A>B ip 10.1.0.2>10.1.0.9 frag=1480 pad=64", "fast" },
	{ "to a pod, extension header", "A>B ip6 fd00::2>fd00::9 hbh tcp 1>2", "fast" },
	{ "to a remote", A_TO_X, "fast" },
	{ "to an unknown MAC: a tap, a VM", "A>Y ip 10.1.0.2>10.1.0.9 tcp 4000>80", "next" },
	{ "to the host", "A>H ip 10.1.0.2>10.1.0.9 tcp 4000>80", "next" },
	{ "to itself (hairpin)", "A>A ip 10.1.0.2>10.1.0.2 tcp 4000>80", "next" },
	{ "to all", "A>* ip 10.1.0.2>255.255.255.255 udp 4000>80", "next" },
	{ "to a group", "A>M ip6 fd00::2>ff02::1 udp 4000>80", "next" },
	{ "ARP to a pod", "A>B arp=2 A@10.1.0.2>10.1.0.9", "next" },
	{ "ARP to a remote", "A>X arp=2 A@10.1.0.2>10.1.0.9", "next" },
	{ "priority-tagged", "A>B prio=1 ip 10.1.0.2>10.1.0.9 tcp 4000>80", "next" },
};

static void each_destination_has_its_way(void **state)
{
	(void)state;
	scene(KIT_CHECKED, LOCAL_FAST);
	KIT_TABLE(kit.pod_tx, KIT_IF, A_SLOT, from_pod);
}

static const struct kit_line from_outside[] = {
	{ "to a pod", X_TO_A, "fast" },
	{ "to a pod, IPv6", "X>A ip6 fd00::9>fd00::2 tcp 80>4000", "fast" },
	{ "to a pod, a fragment", "X>A ip 10.1.0.9>10.1.0.2 frag=1480 pad=64", "fast" },
	{ "to another", "X>Z ip 10.1.0.9>10.1.0.2 tcp 80>4000", "next" },
	{ "to the host", "X>H ip 10.1.0.9>10.1.0.2 tcp 80>4000", "next" },
	{ "to all", "X>* ip 10.1.0.9>255.255.255.255 udp 80>4000", "next" },
	{ "to a group", "X>M ip6 fd00::9>ff02::1 udp 80>4000", "next" },
	{ "ARP", "X>A arp=2 X@10.1.0.9>10.1.0.2", "next" },
	{ "another protocol", "X>A type=0x88cc pad=46", "next" },
	{ "a foreign tag", "X>A vlan=10 ip 10.1.0.9>10.1.0.2 tcp 80>4000", "next" },
};

static void each_arrival_has_its_way(void **state)
{
	(void)state;
	scene(KIT_CHECKED, LOCAL_FAST);
	KIT_TABLE(kit.up_rx, KIT_IF, A_SLOT, from_outside);
}

static void an_arrival_is_addressed_to_this_host(void **state)
{
	(void)state;
	scene(KIT_CHECKED, LOCAL_FAST);
	assert_int_equal(kit_run(kit.up_rx, KIT_IF, X_TO_A).ctx.pkt_type, 0 /* PACKET_HOST */);
}

/* Flags on either side that send a pair through the bridge. */
static void what_wants_the_bridge_gets_it(void **state)
{
	static const struct {
		uint32_t a, b;
	} pairs[] = {
		{ KIT_CHECKED | BW_EP_F_SLOW, LOCAL_FAST },
		{ KIT_CHECKED, LOCAL_FAST | BW_FDB_F_SLOW },
		{ KIT_CHECKED & ~BW_EP_F_ACCEL, LOCAL_FAST },
		{ KIT_CHECKED, BW_FDB_F_LOCAL },
		{ KIT_CHECKED, 0 },
	};

	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		kit_reset(state);
		scene(pairs[i].a, pairs[i].b);
		assert_int_equal(kit_run(kit.pod_tx, KIT_IF, A_TO_B).verdict, NEXT);
		assert_int_equal(kit_stat(A_SLOT).packets[BW_PATH_TX_SLOW], 1);
		assert_int_equal(kit_stat(B_SLOT).packets[BW_PATH_RX_FAST], 0);
	}
}

static void a_slow_endpoint_is_slow_to_and_from_outside(void **state)
{
	(void)state;
	scene(KIT_CHECKED | BW_EP_F_SLOW, LOCAL_FAST);
	assert_int_equal(kit_run(kit.pod_tx, KIT_IF, A_TO_X).verdict, NEXT);
	assert_int_equal(kit_run(kit.up_rx, KIT_IF, X_TO_A).verdict, NEXT);
}

static void isolated_ports_do_not_reach_each_other(void **state)
{
	(void)state;
	scene(KIT_CHECKED | BW_EP_F_ISOLATED, LOCAL_FAST | BW_FDB_F_ISOLATED);
	assert_string_equal(kit_verdict(kit.pod_tx, KIT_IF, A_SLOT, A_TO_B), "isolated");
	assert_string_equal(kit_verdict(kit.pod_tx, KIT_IF, A_SLOT, A_TO_X), "fast");
	assert_string_equal(kit_verdict(kit.up_rx, KIT_IF, A_SLOT, X_TO_A), "fast");
	scene(KIT_CHECKED | BW_EP_F_ISOLATED, LOCAL_FAST);
	assert_string_equal(kit_verdict(kit.pod_tx, KIT_IF, A_SLOT, A_TO_B), "fast");
	scene(KIT_CHECKED, LOCAL_FAST | BW_FDB_F_ISOLATED);
	assert_string_equal(kit_verdict(kit.pod_tx, KIT_IF, A_SLOT, A_TO_B), "fast");
}

static void a_blocked_mac_is_not_reached(void **state)
{
	(void)state;
	scene(KIT_CHECKED, BW_FDB_F_BLOCK);
	assert_string_equal(kit_verdict(kit.pod_tx, KIT_IF, A_SLOT, A_TO_B), "policy");
	assert_string_equal(
		kit_verdict(kit.pod_tx, KIT_IF, A_SLOT, "A>B arp=2 A@10.1.0.2>10.1.0.9"), "policy");
}

/* Segments: another bridge is another dev, another VLAN another vid. */
static void a_frame_never_leaves_its_segment(void **state)
{
	struct bw_ep ep = kit_pod('A', A_SLOT, KIT_CHECKED);

	(void)state;
	ep.vid = 10;
	kit_put_ep(KIT_IF, &ep);
	kit_put_fdb(KIT_BRIDGE, 10, 'B', 2, B_SLOT, LOCAL_FAST);
	kit_put_fdb(KIT_IF, 20, 'B', 2, B_SLOT, LOCAL_FAST);
	kit_put_fdb(KIT_IF, 0, 'B', 2, B_SLOT, LOCAL_FAST);
	kit_put_remote(KIT_IF, 20, 'X', 0);
	kit_put_remote(KIT_BRIDGE, 10, 'X', 0);
	assert_int_equal(kit_run(kit.pod_tx, KIT_IF, A_TO_B).verdict, NEXT);
	assert_int_equal(kit_run(kit.pod_tx, KIT_IF, A_TO_X).verdict, NEXT);
	/* of two pods with one MAC in two VLANs, none is reached from the untagged one */
	kit_put_fdb(KIT_IF, 10, 'A', KIT_IF, A_SLOT, LOCAL_FAST);
	assert_int_equal(kit_run(kit.up_rx, KIT_IF, X_TO_A).verdict, NEXT);
	kit_put_fdb(KIT_IF, 10, 'B', 2, B_SLOT, LOCAL_FAST);
	assert_int_equal(kit_run(kit.pod_tx, KIT_IF, A_TO_B).verdict, FAST);
}

static void a_bridge_without_uplink_has_no_fast_way_out(void **state)
{
	struct bw_ep ep = kit_pod('A', A_SLOT, KIT_CHECKED);

	(void)state;
	ep.dev = KIT_BRIDGE;
	ep.uplink = 0;
	kit_put_ep(KIT_IF, &ep);
	kit_put_remote(KIT_BRIDGE, 0, 'X', 0);
	kit_put_fdb(KIT_BRIDGE, 0, 'B', 2, B_SLOT, LOCAL_FAST);
	assert_int_equal(kit_run(kit.pod_tx, KIT_IF, A_TO_X).verdict, NEXT);
	assert_int_equal(kit_run(kit.pod_tx, KIT_IF, A_TO_B).verdict, FAST);
}

static void a_dead_pods_entry_is_not_followed(void **state)
{
	struct bw_slot again = { .gen = KIT_GEN + 1 };
	uint32_t slot = B_SLOT;

	(void)state;
	scene(KIT_CHECKED, LOCAL_FAST);
	assert_int_equal(bpf_map_update_elem(kit.slot, &slot, &again, BPF_ANY), 0);
	assert_int_equal(kit_run(kit.pod_tx, KIT_IF, A_TO_B).verdict, NEXT);
	slot = A_SLOT;
	assert_int_equal(bpf_map_update_elem(kit.slot, &slot, &again, BPF_ANY), 0);
	assert_int_equal(kit_run(kit.up_rx, KIT_IF, X_TO_A).verdict, NEXT);
}

static void a_frame_over_the_mtu_is_the_bridges(void **state)
{
	(void)state;
	scene(KIT_CHECKED, LOCAL_FAST);
	assert_int_equal(kit_run(kit.pod_tx, KIT_IF, A_TO_X " pad=1460").verdict, FAST);
	assert_int_equal(kit_run(kit.pod_tx, KIT_IF, A_TO_X " pad=1461").verdict, NEXT);
}

/* Learning: only what arrived on the uplink, and not for ever. */
static void an_arrival_is_learned(void **state)
{
	(void)state;
	scene(KIT_CHECKED, LOCAL_FAST);
	assert_int_equal(kit_run(kit.up_rx, KIT_IF, "Y>A arp=2 Y@10.1.0.8>10.1.0.2").verdict, NEXT);
	assert_true(kit_has_remote(KIT_IF, 0, 'Y'));
	assert_int_equal(kit_run(kit.pod_tx, KIT_IF, "A>Y ip 10.1.0.2>10.1.0.8 tcp 1>2").verdict,
			 FAST);
}

static void what_is_not_for_a_pod_is_not_learned(void **state)
{
	(void)state;
	scene(KIT_CHECKED, LOCAL_FAST);
	kit_run(kit.up_rx, KIT_IF, "Y>Z ip 10.1.0.8>10.1.0.7 tcp 1>2");
	kit_run(kit.up_rx, KIT_IF, "Y>* arp=1 Y@10.1.0.8>10.1.0.2");
	assert_false(kit_has_remote(KIT_IF, 0, 'Y'));
}

static void a_remote_mac_ages(void **state)
{
	(void)state;
	scene(KIT_CHECKED, LOCAL_FAST);
	kit_put_remote(KIT_IF, 0, 'X', BW_REMOTE_AGE_NS - 2 * SECOND);
	assert_int_equal(kit_run(kit.pod_tx, KIT_IF, A_TO_X).verdict, FAST);
	kit_put_remote(KIT_IF, 0, 'X', BW_REMOTE_AGE_NS + SECOND);
	assert_int_equal(kit_run(kit.pod_tx, KIT_IF, A_TO_X).verdict, NEXT);
	assert_int_equal(kit_run(kit.up_rx, KIT_IF, X_TO_A).verdict, FAST);
	assert_int_equal(kit_run(kit.pod_tx, KIT_IF, A_TO_X).verdict, FAST);
}

static void a_live_remote_is_written_once_a_second(void **state)
{
	struct bw_mac_key key = kit_mac(KIT_IF, 0, 'X');
	struct bw_remote before, after;

	(void)state;
	scene(KIT_CHECKED, LOCAL_FAST);
	kit_put_remote(KIT_IF, 0, 'X', SECOND / 2);
	assert_int_equal(bpf_map_lookup_elem(kit.remote, &key, &before), 0);
	kit_run(kit.up_rx, KIT_IF, X_TO_A);
	assert_int_equal(bpf_map_lookup_elem(kit.remote, &key, &after), 0);
	assert_int_equal(before.seen_ns, after.seen_ns);
	kit_put_remote(KIT_IF, 0, 'X', 2 * SECOND);
	kit_run(kit.up_rx, KIT_IF, X_TO_A);
	assert_int_equal(bpf_map_lookup_elem(kit.remote, &key, &after), 0);
	assert_true(after.seen_ns > before.seen_ns);
}

static void a_mac_seen_elsewhere_is_forgotten(void **state)
{
	(void)state;
	scene(KIT_CHECKED, LOCAL_FAST);
	kit_run(kit.pod_rx, KIT_IF, X_TO_A);
	assert_true(kit_has_remote(KIT_IF, 0, 'X')); /* it came by the uplink */
	kit_run(kit.pod_rx, 77, "X>* arp=1 X@10.1.0.9>10.1.0.2");
	assert_false(kit_has_remote(KIT_IF, 0, 'X'));
	kit_put_remote(KIT_IF, 0, 'X', 0);
	kit_run(kit.up_tx, 77, "X>Y ip 10.1.0.9>10.1.0.8 tcp 1>2");
	assert_false(kit_has_remote(KIT_IF, 0, 'X'));
}

static void a_local_mac_from_outside_is_a_loop(void **state)
{
	(void)state;
	scene(KIT_CHECKED, LOCAL_FAST);
	kit_put_fdb(KIT_IF, 0, 'B', KIT_IF, B_SLOT, LOCAL_FAST); /* alive: its device exists */
	assert_string_equal(
		kit_verdict(kit.up_rx, KIT_IF, B_SLOT, "B>A ip 10.1.0.9>10.1.0.2 tcp 80>4000"),
		"loop");
	assert_false(kit_has_remote(KIT_IF, 0, 'B'));
	assert_string_equal(kit_verdict(kit.up_rx, KIT_IF, B_SLOT, "B>* arp=1 B@0.0.0.0>10.1.0.2"),
			    "next");
}

/* Killed with no DEL, then started on another node: the table must not keep it here. */
static void a_dead_pods_mac_from_outside_is_learned(void **state)
{
	struct bw_mac_key key = kit_mac(KIT_IF, 0, 'B');
	struct bw_fdb e;

	(void)state;
	scene(KIT_CHECKED, LOCAL_FAST);
	kit_put_fdb(KIT_IF, 0, 'B', KIT_GONE, B_SLOT, LOCAL_FAST);
	assert_string_equal(
		kit_verdict(kit.up_rx, KIT_IF, B_SLOT, "B>A ip 10.1.0.9>10.1.0.2 tcp 80>4000"),
		"fast");
	assert_int_not_equal(bpf_map_lookup_elem(kit.fdb, &key, &e), 0);
	assert_true(kit_has_remote(KIT_IF, 0, 'B'));
	assert_int_equal(kit_run(kit.pod_tx, KIT_IF, A_TO_B).verdict, FAST);
	/* its announcement, a broadcast, is enough */
	kit_put_fdb(KIT_IF, 0, 'B', KIT_GONE, B_SLOT, LOCAL_FAST);
	kit_run(kit.up_rx, KIT_IF, "B>* arp=1 B@10.1.0.9>10.1.0.9");
	assert_int_not_equal(bpf_map_lookup_elem(kit.fdb, &key, &e), 0);
}

/* A conversation's frames do not look again, but a changed table is seen soon. */
static void a_destination_is_remembered_for_a_moment(void **state)
{
	struct bw_mac_key key = kit_mac(KIT_IF, 0, 'B');
	uint64_t deadline;
	int verdict = FAST;

	(void)state;
	scene(KIT_CHECKED, LOCAL_FAST);
	kit.keeps_via = 1;
	assert_int_equal(kit_run(kit.pod_tx, KIT_IF, A_TO_B).verdict, FAST);
	assert_int_equal(bpf_map_delete_elem(kit.fdb, &key), 0);
	deadline = kit_now() + SECOND;
	while (verdict == FAST && kit_now() < deadline)
		verdict = kit_run(kit.pod_tx, KIT_IF, A_TO_B).verdict;
	assert_int_equal(verdict, NEXT);
	/* unknown is not remembered: fast at once when the MAC is seen on the uplink */
	kit_put_remote(KIT_IF, 0, 'B', 0);
	assert_int_equal(kit_run(kit.pod_tx, KIT_IF, A_TO_B).verdict, FAST);
	assert_int_equal(kit_run(kit.pod_tx, KIT_IF, A_TO_X).verdict, FAST);
	assert_int_equal(kit_run(kit.pod_tx, KIT_IF, "A>Y ip 10.1.0.2>10.1.0.9 tcp 1>2").verdict,
			 NEXT);
}

/* What is remembered is where a MAC is, not what may be done: flags are read with each frame. */
static void a_remembered_destination_obeys_the_endpoint(void **state)
{
	struct bw_slot again = { .gen = KIT_GEN + 1 };
	uint32_t slot = B_SLOT;

	(void)state;
	scene(KIT_CHECKED, LOCAL_FAST);
	kit.keeps_via = 1;
	assert_int_equal(kit_run(kit.pod_tx, KIT_IF, A_TO_B).verdict, FAST);
	scene(KIT_CHECKED | BW_EP_F_SLOW, LOCAL_FAST);
	assert_int_equal(kit_run(kit.pod_tx, KIT_IF, A_TO_B).verdict, NEXT);
	scene(KIT_CHECKED, LOCAL_FAST);
	assert_int_equal(kit_run(kit.pod_tx, KIT_IF, A_TO_B).verdict, FAST);
	assert_int_equal(bpf_map_update_elem(kit.slot, &slot, &again, BPF_ANY), 0);
	assert_int_equal(kit_run(kit.pod_tx, KIT_IF, A_TO_B).verdict, NEXT);
}

/* Whatever it sends and whichever way something reaches it, and counted under its own name. */
static void a_cut_endpoint_neither_sends_nor_receives(void **state)
{
	static const char *const sends[] = { A_TO_B, A_TO_X, "A>* arp=1 A@10.1.0.2>10.1.0.9" };

	(void)state;
	for (size_t i = 0; i < sizeof(sends) / sizeof(sends[0]); i++) {
		scene(KIT_CHECKED | BW_EP_F_CUT, LOCAL_FAST);
		assert_int_equal(kit_run(kit.pod_tx, KIT_IF, sends[i]).verdict, SHOT);
		assert_int_equal(kit_stat(A_SLOT).drops[BW_DROP_CUT], i + 1);
	}
	assert_int_equal(kit_run(kit.pod_rx, KIT_IF, X_TO_A).verdict, SHOT);
	assert_int_equal(kit_stat(A_SLOT).drops[BW_DROP_CUT], sizeof(sends) / sizeof(sends[0]) + 1);
	scene(KIT_CHECKED, LOCAL_FAST);
	assert_int_equal(kit_run(kit.pod_tx, KIT_IF, A_TO_B).verdict, FAST);
}

static void a_flood_of_macs_evicts_no_local_one(void **state)
{
	struct bw_fdb e;

	(void)state;
	scene(KIT_CHECKED, LOCAL_FAST);
	for (uint32_t i = 0; i < 2 * BW_REMOTES_MAX; i++) {
		struct bw_mac_key key = kit_mac(KIT_IF, 0, 'A');
		struct bw_remote r = { .seen_ns = kit_now() };

		key.mac[0] = 0x0a;
		memcpy(key.mac + 2, &i, sizeof(i));
		assert_int_equal(bpf_map_update_elem(kit.remote, &key, &r, BPF_ANY), 0);
	}
	for (const char *c = "ABH"; *c; c++) {
		struct bw_mac_key key = kit_mac(KIT_IF, 0, *c);

		assert_int_equal(bpf_map_lookup_elem(kit.fdb, &key, &e), 0);
	}
	assert_int_equal(kit_run(kit.up_rx, KIT_IF, X_TO_A).verdict, FAST);
	assert_true(kit_has_remote(KIT_IF, 0, 'X'));
}

static void a_netkit_pod_sends_by_the_port_with_a_note(void **state)
{
	struct kit_out out;

	(void)state;
	scene(KIT_CHECKED | BW_EP_F_NETKIT, LOCAL_FAST);
	out = kit_run(kit.pod_tx, KIT_IF, A_TO_B);
	assert_int_equal(out.verdict, FAST);
	expect_path(B_SLOT, BW_PATH_RX_FAST, 1, out.len);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(pod_to_pod_is_fast_and_counted_on_both_sides, kit_reset),
		cmocka_unit_test_setup(pod_to_a_known_remote_is_fast, kit_reset),
		cmocka_unit_test_setup(outside_to_pod_is_fast, kit_reset),
		cmocka_unit_test_setup(a_slow_arrival_is_counted_as_such, kit_reset),
		cmocka_unit_test_setup(each_destination_has_its_way, kit_reset),
		cmocka_unit_test_setup(each_arrival_has_its_way, kit_reset),
		cmocka_unit_test_setup(an_arrival_is_addressed_to_this_host, kit_reset),
		cmocka_unit_test_setup(what_wants_the_bridge_gets_it, kit_reset),
		cmocka_unit_test_setup(a_slow_endpoint_is_slow_to_and_from_outside, kit_reset),
		cmocka_unit_test_setup(isolated_ports_do_not_reach_each_other, kit_reset),
		cmocka_unit_test_setup(a_blocked_mac_is_not_reached, kit_reset),
		cmocka_unit_test_setup(a_frame_never_leaves_its_segment, kit_reset),
		cmocka_unit_test_setup(a_bridge_without_uplink_has_no_fast_way_out, kit_reset),
		cmocka_unit_test_setup(a_dead_pods_entry_is_not_followed, kit_reset),
		cmocka_unit_test_setup(a_frame_over_the_mtu_is_the_bridges, kit_reset),
		cmocka_unit_test_setup(an_arrival_is_learned, kit_reset),
		cmocka_unit_test_setup(what_is_not_for_a_pod_is_not_learned, kit_reset),
		cmocka_unit_test_setup(a_remote_mac_ages, kit_reset),
		cmocka_unit_test_setup(a_live_remote_is_written_once_a_second, kit_reset),
		cmocka_unit_test_setup(a_mac_seen_elsewhere_is_forgotten, kit_reset),
		cmocka_unit_test_setup(a_local_mac_from_outside_is_a_loop, kit_reset),
		cmocka_unit_test_setup(a_dead_pods_mac_from_outside_is_learned, kit_reset),
		cmocka_unit_test_setup(a_destination_is_remembered_for_a_moment, kit_reset),
		cmocka_unit_test_setup(a_remembered_destination_obeys_the_endpoint, kit_reset),
		cmocka_unit_test_setup(a_cut_endpoint_neither_sends_nor_receives, kit_reset),
		cmocka_unit_test_setup(a_flood_of_macs_evicts_no_local_one, kit_reset),
		cmocka_unit_test_setup(a_netkit_pod_sends_by_the_port_with_a_note, kit_reset),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, kit_open, kit_close);
}
