/* SPDX-License-Identifier: Apache-2.0 */
/* Sticky slow flows: what arrived slowly stays slow, both ways; nothing else does. */
#include "kit.h"

#define A_SLOT 3
#define B_SLOT 4
#define LOCAL_FAST (BW_FDB_F_LOCAL | BW_FDB_F_ACCEL)
#define HOSTS 0 /* entered by no device: the host's own */
#define SLOWLY KIT_IF /* by the uplink, then through netfilter */

/* A behind KIT_IF and B elsewhere, X on the uplink; the device KIT_IF is A's port and the uplink.
 */
static void scene(uint32_t a_flags)
{
	struct bw_ep ep = kit_pod('A', A_SLOT, a_flags);

	kit_put_ep(KIT_IF, &ep);
	kit_put_fdb(KIT_IF, 0, 'A', KIT_IF, A_SLOT, LOCAL_FAST);
	kit_put_fdb(KIT_IF, 0, 'B', 2, B_SLOT, LOCAL_FAST);
	kit_put_remote(KIT_IF, 0, 'X', 0);
	kit_put_uplink(KIT_IF, 0, 0);
}

/* What the next frame does: "fast" or "next". */
static const char *out(const char *packet)
{
	return kit_verdict(kit.pod_tx, KIT_IF, A_SLOT, packet);
}

static const char *in(const char *packet)
{
	return kit_verdict(kit.up_rx, KIT_IF, A_SLOT, packet);
}

static void arrive(uint32_t from, const char *packet)
{
	assert_int_equal(kit_run(kit.pod_rx, from, packet).verdict, NEXT);
}

/* One flow of each kind, as it arrives, its answer, and a flow beside it. */
static const struct {
	const char *arrival;
	const char *answer_to_pod;
	const char *answer_to_remote;
	const char *again;
	const char *other;
} flows[] = {
	{ "X>A ip 10.1.0.9>10.1.0.2 tcp 4000>80", "A>B ip 10.1.0.2>10.1.0.9 tcp 80>4000",
	  "A>X ip 10.1.0.2>10.1.0.9 tcp 80>4000", "X>A ip 10.1.0.9>10.1.0.2 tcp 4000>80",
	  "A>X ip 10.1.0.2>10.1.0.9 tcp 80>4001" },
	{ "X>A ip 10.1.0.9>10.1.0.2 udp 53>4000", "A>B ip 10.1.0.2>10.1.0.9 udp 4000>53",
	  "A>X ip 10.1.0.2>10.1.0.9 udp 4000>53", "X>A ip 10.1.0.9>10.1.0.2 udp 53>4000",
	  "A>X ip 10.1.0.2>10.1.0.9 tcp 4000>53" },
	{ "X>A ip6 fd00::9>fd00::2 tcp 4000>80", "A>B ip6 fd00::2>fd00::9 tcp 80>4000",
	  "A>X ip6 fd00::2>fd00::9 tcp 80>4000", "X>A ip6 fd00::9>fd00::2 tcp 4000>80",
	  "A>X ip6 fd00::2>fd00::8 tcp 80>4000" },
	{ "X>A ip 10.1.0.9>10.1.0.2 opt sctp 5>5", "A>B ip 10.1.0.2>10.1.0.9 sctp 5>5",
	  "A>X ip 10.1.0.2>10.1.0.9 sctp 5>5", "X>A ip 10.1.0.9>10.1.0.2 sctp 5>5",
	  "A>X ip 10.1.0.2>10.1.0.8 sctp 5>5" },
};

static void a_slow_arrival_makes_its_flow_slow_both_ways(void **state)
{
	for (size_t i = 0; i < sizeof(flows) / sizeof(flows[0]); i++) {
		kit_reset(state);
		scene(KIT_CHECKED);
		assert_string_equal(out(flows[i].answer_to_remote), "fast");
		assert_string_equal(in(flows[i].again), "fast");
		arrive(SLOWLY, flows[i].arrival);
		assert_int_equal(kit_is_sticky(A_SLOT), 1);
		assert_string_equal(out(flows[i].answer_to_pod), "next");
		assert_string_equal(out(flows[i].answer_to_remote), "next");
		assert_string_equal(in(flows[i].again), "next");
		assert_string_equal(out(flows[i].other), "fast");
	}
}

/* Bridged DNAT keeps the client's MAC, also when it came by the uplink: no MAC is an exception. */
static void whatever_its_source_mac(void **state)
{
	static const char *const macs = "HBXYA";

	for (const char *m = macs; *m; m++) {
		char packet[128];

		kit_reset(state);
		scene(KIT_CHECKED);
		snprintf(packet, sizeof(packet), "%c>A ip 10.1.0.9>10.1.0.2 tcp 4000>80", *m);
		arrive(SLOWLY, packet);
		assert_string_equal(out("A>X ip 10.1.0.2>10.1.0.9 tcp 80>4000"), "next");
	}
}

static void a_pair_whose_other_end_has_sticky_flows_is_looked_up(void **state)
{
	struct bw_slot flagged = { .gen = KIT_GEN, .sticky = 1 }, clear = { .gen = KIT_GEN };
	uint32_t b = B_SLOT, a = A_SLOT;

	(void)state;
	scene(KIT_CHECKED);
	arrive(SLOWLY, "B>A ip 10.1.0.9>10.1.0.2 tcp 4000>80");
	assert_int_equal(bpf_map_update_elem(kit.slot, &a, &clear, BPF_ANY), 0);
	assert_int_equal(bpf_map_update_elem(kit.slot, &b, &flagged, BPF_ANY), 0);
	assert_string_equal(out("A>B ip 10.1.0.2>10.1.0.9 tcp 80>4000"), "next");
	assert_string_equal(out("A>B ip 10.1.0.2>10.1.0.9 tcp 81>4000"), "fast");
}

/* What arrives slowly for a reason that is not NAT's. */
static const struct {
	const char *what;
	uint32_t flags, from;
	const char *packet;
} unsticky[] = {
	{ "the host's own socket", KIT_CHECKED, HOSTS, "H>A ip 10.1.0.1>10.1.0.2 tcp 4000>80" },
	{ "a broadcast", KIT_CHECKED, SLOWLY, "X>* ip 10.1.0.9>255.255.255.255 udp 1>2" },
	{ "a group", KIT_CHECKED, SLOWLY, "X>M ip6 fd00::9>ff02::1 udp 1>2" },
	{ "ARP", KIT_CHECKED, SLOWLY, "X>A arp=2 X@10.1.0.9>10.1.0.2" },
	{ "ping", KIT_CHECKED, SLOWLY, "X>A ip 10.1.0.9>10.1.0.2 icmp=8" },
	{ "a later fragment", KIT_CHECKED, SLOWLY, "X>A ip 10.1.0.9>10.1.0.2 frag=1480 pad=9" },
	{ "flooded, for another", KIT_CHECKED, SLOWLY, "X>Z ip 10.1.0.9>10.1.0.7 tcp 1>2" },
	{ "to a pod that is never fast", BW_EP_F_CHECK_MAC | BW_EP_F_CHECK_IP, SLOWLY,
	  "X>A ip 10.1.0.9>10.1.0.2 tcp 4000>80" },
};

static void no_flow_is_sticky_for_no_reason(void **state)
{
	for (size_t i = 0; i < sizeof(unsticky) / sizeof(unsticky[0]); i++) {
		uint8_t key[64];

		kit_reset(state);
		scene(unsticky[i].flags);
		arrive(unsticky[i].from, unsticky[i].packet);
		if (kit_is_sticky(A_SLOT) || !bpf_map_get_next_key(kit.sticky, NULL, key))
			fail_msg("sticky: %s", unsticky[i].what);
	}
}

static void an_arrival_behind_an_extension_header_slows_such_frames(void **state)
{
	(void)state;
	scene(KIT_CHECKED);
	assert_string_equal(out("A>X ip6 fd00::2>fd00::9 hbh tcp 80>4000"), "fast");
	arrive(SLOWLY, "X>A ip6 fd00::9>fd00::2 hbh tcp 4000>80");
	assert_string_equal(out("A>X ip6 fd00::2>fd00::9 hbh tcp 80>4000"), "next");
	assert_string_equal(out("A>X ip6 fd00::2>fd00::9 tcp 80>4001"), "fast");
}

/* With sticky flows about, the fragments of a datagram take one way, and so does what has no ports.
 */
static void what_has_no_flow_is_slow_beside_sticky_ones(void **state)
{
	static const char *const frames[] = {
		"A>X ip 10.1.0.2>10.1.0.9 frag=0+ udp 1>2 pad=64",
		"A>X ip 10.1.0.2>10.1.0.9 frag=1480 pad=64",
		"A>X ip 10.1.0.2>10.1.0.9 icmp=8",
		"A>X ip6 fd00::2>fd00::9 frag6=0+ udp 1>2",
	};

	(void)state;
	scene(KIT_CHECKED);
	for (size_t i = 0; i < sizeof(frames) / sizeof(frames[0]); i++)
		assert_string_equal(out(frames[i]), "fast");
	arrive(SLOWLY, "X>A ip 10.1.0.9>10.1.0.2 tcp 4000>80");
	for (size_t i = 0; i < sizeof(frames) / sizeof(frames[0]); i++)
		assert_string_equal(out(frames[i]), "next");
}

static void another_segments_flow_is_another(void **state)
{
	struct bw_ep ep = kit_pod('A', A_SLOT, KIT_CHECKED);

	(void)state;
	scene(KIT_CHECKED);
	arrive(SLOWLY, "X>A ip 10.1.0.9>10.1.0.2 tcp 4000>80");
	ep.vid = 10;
	kit_put_ep(KIT_IF, &ep);
	kit_put_remote(KIT_IF, 10, 'X', 0);
	assert_string_equal(out("A>X ip 10.1.0.2>10.1.0.9 tcp 80>4000"), "fast");
}

static void one_entry_serves_both_directions_and_is_refreshed(void **state)
{
	struct bw_flow_key key, next;
	struct bw_sticky old = { .seen_ns = 1 }, now;

	(void)state;
	scene(KIT_CHECKED);
	arrive(SLOWLY, "X>A ip 10.1.0.9>10.1.0.2 tcp 4000>80");
	arrive(SLOWLY, "X>A ip 10.1.0.9>10.1.0.2 tcp 4000>80");
	assert_int_equal(bpf_map_get_next_key(kit.sticky, NULL, &key), 0);
	assert_int_not_equal(bpf_map_get_next_key(kit.sticky, &key, &next), 0);
	assert_int_equal(ntohs(key.port[0]) + ntohs(key.port[1]), 4080);
	assert_int_equal(bpf_map_update_elem(kit.sticky, &key, &old, BPF_ANY), 0);
	arrive(SLOWLY, "X>A ip 10.1.0.9>10.1.0.2 tcp 4000>80");
	assert_int_equal(bpf_map_lookup_elem(kit.sticky, &key, &now), 0);
	assert_true(now.seen_ns > 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_slow_arrival_makes_its_flow_slow_both_ways, kit_reset),
		cmocka_unit_test_setup(whatever_its_source_mac, kit_reset),
		cmocka_unit_test_setup(a_pair_whose_other_end_has_sticky_flows_is_looked_up,
				       kit_reset),
		cmocka_unit_test_setup(no_flow_is_sticky_for_no_reason, kit_reset),
		cmocka_unit_test_setup(an_arrival_behind_an_extension_header_slows_such_frames,
				       kit_reset),
		cmocka_unit_test_setup(what_has_no_flow_is_slow_beside_sticky_ones, kit_reset),
		cmocka_unit_test_setup(another_segments_flow_is_another, kit_reset),
		cmocka_unit_test_setup(one_entry_serves_both_directions_and_is_refreshed,
				       kit_reset),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, kit_open, kit_close);
}
