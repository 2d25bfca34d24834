/* SPDX-License-Identifier: Apache-2.0 */
/* Uplinks against a real kernel: refused, enslaved, their addresses moved and brought back. */
#include "segment_bed.h"

static void a_failed_add_lowers_the_uplink_it_raised(void **state)
{
	struct bed *t = *state;
	struct bridge_segment_want want = { .bridge = "br0",
					    .uplink = "up0",
					    .journal = t->journal };
	struct bridge_segment seg = BRIDGE_SEGMENT_NONE;
	struct bw_link_set down = { .what = BW_LINK_SET_DOWN };

	assert_ok(bw_link_set(t->nl, 0, "up0", &down, &err));
	assert_ok(bridge_segment_enter(t->nl, &want, &seg, &err));
	assert_true(link_of(t, "up0").flags & IFF_UP);
	assert_ok(bridge_segment_undo(t->nl, &want, &seg, &err));
	assert_false(link_of(t, "up0").flags & IFF_UP);
}

static void a_bridge_with_an_uplink_has_no_ipv6_by_itself(void **state)
{
	struct bed *t = *state;
	struct bridge_segment_want want = { .bridge = "br0", .uplink = "up0" };
	bridge_autosegment struct bridge_segment seg = BRIDGE_SEGMENT_NONE;
	static struct dump none, got;

	assert_ok(bridge_segment_enter(t->nl, &want, &seg, &err));
	assert_int_equal(seg.mtu, 1400);
	assert_ok(bw_link_wait_carrier(NULL, seg.bridge, 2000, &err));
	dump_of(t->nl, seg.bridge, &got);
	assert_same(&got, &none);
}

static void uplinks_that_cannot_be_are_refused(void **state)
{
	struct bed *t = *state;
	struct bridge_segment_want want = { .bridge = "br0",
					    .uplink = "up0",
					    .journal = t->journal };
	struct bridge_segment seg = BRIDGE_SEGMENT_NONE;
	static const struct {
		const char *uplink;
		uint32_t mtu;
		const char *text;
	} bad[] = {
		{ "nosuch", 0, "there is no interface nosuch" },
		{ "lo", 0, "loopback" },
		{ "br0", 0, "there is no interface br0" },
		{ "up0", 1401, "1401 is more than the 1400" },
	};

	for (size_t i = 0; i < BW_ARRAY_SIZE(bad); i++) {
		want.uplink = bad[i].uplink;
		want.mtu = bad[i].mtu;
		assert_int_equal(bridge_segment_enter(t->nl, &want, &seg, &err), -EINVAL);
		assert_int_equal(err.class, BW_ERR_INVALID);
		assert_non_null(strstr(err.msg, bad[i].text));
		assert_int_equal(link_of(t, "br0").ifindex, 0);
	}
	want.uplink = "up0";
	want.mtu = 0;
	assert_ok(bridge_segment_enter(t->nl, &want, &seg, &err));
	bridge_segment_done(&seg);
	want.bridge = "br1";
	assert_int_equal(bridge_segment_enter(t->nl, &want, &seg, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "up0 belongs to br0 already"));
	assert_int_equal(link_of(t, "br1").ifindex, 0);
}

static void an_uplink_with_addresses_is_refused(void **state)
{
	struct bed *t = *state;
	struct bridge_segment_want want = { .bridge = "br0", .uplink = "up0" };

	add_route(t->nl, t->up.ifindex, "0.0.0.0/0", NULL, 0);
	assert_int_equal(bridge_segment_check(t->nl, &want, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "carries the default route (IPv4)"));
	add_addr(t->nl, t->up.ifindex, "192.0.2.7/24");
	assert_int_equal(bridge_segment_check(t->nl, &want, &err), -EINVAL);
	assert_int_equal(err.class, BW_ERR_INVALID);
	assert_non_null(strstr(err.msg, "up0 carries address 192.0.2.7/24"));
	assert_non_null(strstr(err.details, "moveUplinkAddresses"));
}

/* Addresses and routes of several tables, as a node has them. */
static void equip(struct bed *t)
{
	add_addr(t->nl, t->up.ifindex, "192.0.2.7/24");
	add_addr(t->nl, t->up.ifindex, "192.0.2.8/24");
	add_addr(t->nl, t->up.ifindex, "fd02::7/64");
	add_route(t->nl, t->up.ifindex, "0.0.0.0/0", "192.0.2.1", 0);
	add_route(t->nl, t->up.ifindex, "10.0.0.0/8", "192.0.2.2", 100);
	add_route(t->nl, t->up.ifindex, "198.51.100.1/32", NULL, 0);
	add_route(t->nl, t->up.ifindex, "203.0.113.0/24", "198.51.100.1", 0);
	add_route(t->nl, t->up.ifindex, "fd77::/48", "fd02::1", 0);
	add_route(t->nl, t->up.ifindex, "::/0", "fd02::1", 200);
}

static void addresses_move_and_come_back(void **state)
{
	struct bed *t = *state;
	struct bridge_segment_want want = {
		.bridge = "br0", .uplink = "up0", .move_addresses = 1, .journal = t->journal
	};
	bridge_autosegment struct bridge_segment seg = BRIDGE_SEGMENT_NONE;
	static struct dump before, after, none;
	struct bw_segment_clean clean;
	struct bw_link br;

	equip(t);
	dump_of(t->nl, t->up.ifindex, &before);
	assert_int_equal(before.n, 11);
	assert_ok(bridge_segment_enter(t->nl, &want, &seg, &err));
	br = link_of(t, "br0");
	assert_true(bw_mac_eq(&br.mac, &t->up.mac));
	dump_of(t->nl, br.ifindex, &after);
	assert_same(&after, &before);
	dump_of(t->nl, t->up.ifindex, &after);
	assert_same(&after, &none);
	/* They stay when the ADD fails: only clean brings them back. */
	assert_ok(bridge_segment_undo(t->nl, &want, &seg, &err));
	assert_int_equal(link_of(t, "br0").ifindex, br.ifindex);
	/* The second ADD finds everything right. */
	assert_ok(bridge_segment_enter(t->nl, &want, &seg, &err));
	add_port(t, "p0", seg.bridge);
	bridge_segment_done(&seg);
	assert_int_equal(bw_segment_clean("br0", &clean, &err), -EBUSY);
	assert_non_null(strstr(err.msg, "p0"));
	assert_ok(bw_link_del(t->nl, 0, "p0", &err));
	assert_ok(bw_segment_clean("br0", &clean, &err));
	assert_true(clean.bridge_removed && clean.uplink_restored);
	assert_int_equal(link_of(t, "br0").ifindex, 0);
	assert_int_equal(link_of(t, "up0").master, 0);
	dump_of(t->nl, t->up.ifindex, &after);
	assert_same(&after, &before);
	assert_ok(bw_segment_clean("br0", &clean, &err));
	assert_false(clean.bridge_removed || clean.uplink_restored);
}

static void many_routes_move_too(void **state)
{
	struct bed *t = *state;
	struct bridge_segment_want want = {
		.bridge = "br0", .uplink = "up0", .move_addresses = 1, .journal = t->journal
	};
	bridge_autosegment struct bridge_segment seg = BRIDGE_SEGMENT_NONE;
	static char text[32];
	struct bw_segment_clean clean;
	static struct dump before, after;

	add_addr(t->nl, t->up.ifindex, "192.0.2.7/24");
	for (int i = 0; i < 55; i++) {
		snprintf(text, sizeof(text), "10.%d.0.0/16", i);
		add_route(t->nl, t->up.ifindex, text, "192.0.2.1", 0);
	}
	dump_of(t->nl, t->up.ifindex, &before);
	assert_ok(bridge_segment_enter(t->nl, &want, &seg, &err));
	dump_of(t->nl, seg.bridge, &after);
	assert_same(&after, &before);
	bridge_segment_done(&seg);
	assert_ok(bw_segment_clean("br0", &clean, &err));
	dump_of(t->nl, t->up.ifindex, &after);
	assert_same(&after, &before);
}

static void moved_addresses_survive_the_bridge(void **state)
{
	struct bed *t = *state;
	struct bridge_segment_want want = {
		.bridge = "br0", .uplink = "up0", .move_addresses = 1, .journal = t->journal
	};
	bridge_autosegment struct bridge_segment seg = BRIDGE_SEGMENT_NONE;
	static struct dump before, after;

	equip(t);
	dump_of(t->nl, t->up.ifindex, &before);
	assert_ok(bridge_segment_enter(t->nl, &want, &seg, &err));
	bridge_segment_done(&seg);
	/* Somebody deletes the bridge, and the node's addresses with it. */
	assert_ok(bw_link_del(t->nl, 0, "br0", &err));
	assert_ok(bridge_segment_enter(t->nl, &want, &seg, &err));
	dump_of(t->nl, seg.bridge, &after);
	assert_same(&after, &before);
}

static void a_lost_journal_does_not_cost_the_node_its_addresses(void **state)
{
	struct bed *t = *state;
	struct bridge_segment_want want = {
		.bridge = "br0", .uplink = "up0", .move_addresses = 1, .journal = t->journal
	};
	bridge_autosegment struct bridge_segment seg = BRIDGE_SEGMENT_NONE;
	static struct dump before, after;
	struct bw_segment_clean clean;

	equip(t);
	dump_of(t->nl, t->up.ifindex, &before);
	assert_ok(bridge_segment_enter(t->nl, &want, &seg, &err));
	bridge_segment_done(&seg);
	assert_ok(bw_journal_uplink_remove(t->journal, "up0", &err));
	assert_ok(bw_segment_clean("br0", &clean, &err));
	assert_true(clean.bridge_removed && clean.uplink_restored);
	dump_of(t->nl, t->up.ifindex, &after);
	assert_same(&after, &before);
}

static void a_gateway_that_answers_on_the_uplink_is_refused(void **state)
{
	struct bed *t = *state;
	struct bw_prefix gw = prefix("192.0.2.1/24"), gw6 = prefix("fd02::1/64"),
			 free_gw = prefix("192.0.2.2/24");
	struct bridge_segment_want want = {
		.bridge = "br0", .uplink = "up0", .gateways = &gw, .n_gateways = 1
	};
	bridge_autosegment struct bridge_segment seg = BRIDGE_SEGMENT_NONE;
	struct bw_link_set down = { .what = BW_LINK_SET_DOWN };
	char mac[BW_MAC_STR_MAX];
	static struct dump d;

	add_addr(t->nl_x, t->wire.ifindex, "192.0.2.1/24");
	add_addr(t->nl_x, t->wire.ifindex, "fd02::1/64");
	assert_ok(bw_link_set(t->nl, 0, "up0", &down, &err));
	for (int i = 0; i < 2; i++) {
		assert_int_equal(bridge_segment_enter(t->nl, &want, &seg, &err), -EINVAL);
		assert_int_equal(err.class, BW_ERR_INVALID);
		assert_non_null(strstr(err.msg, bw_mac_str(&t->wire.mac, mac)));
		assert_int_equal(link_of(t, "br0").ifindex, 0);
		assert_false(link_of(t, "up0").flags & IFF_UP);
		want.gateways = &gw6;
	}
	want.gateways = &free_gw;
	assert_ok(bridge_segment_enter(t->nl, &want, &seg, &err));
	dump_of(t->nl, seg.bridge, &d);
	assert_int_equal(d.n, 2);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_failed_add_lowers_the_uplink_it_raised),
		T(a_bridge_with_an_uplink_has_no_ipv6_by_itself),
		T(uplinks_that_cannot_be_are_refused),
		T(an_uplink_with_addresses_is_refused),
		T(addresses_move_and_come_back),
		T(many_routes_move_too),
		T(moved_addresses_survive_the_bridge),
		T(a_lost_journal_does_not_cost_the_node_its_addresses),
		T(a_gateway_that_answers_on_the_uplink_is_refused),
	};

	if (private_world() < 0) {
		printf("1..0 # SKIP needs the right to make namespaces\n");
		return 0;
	}
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
