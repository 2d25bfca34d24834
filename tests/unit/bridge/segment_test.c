/* SPDX-License-Identifier: Apache-2.0 */
/* Bridges and uplinks against a real kernel, in namespaces of the test's own. */
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include <cmocka.h>

#include <bw/addr.h>
#include <bw/err.h>
#include <bw/journal.h>
#include <bw/link.h>
#include <bw/netns.h>
#include <bw/nl.h>
#include <bw/route.h>
#include <bw/segment.h>

#include "lock.h"
#include "segment.h"

/* The node has up0, whose other end x is in a namespace of its own: the real network. */
struct bed {
	struct bw_nl *nl;
	struct bw_nl *nl_x;
	struct bw_netns x;
	struct bw_journal *journal;
	struct bw_link up, wire;
	pid_t child;
	int hold;
};

static struct bw_err err;

#define assert_ok(e)                                                                               \
	do {                                                                                       \
		int r_ = (e);                                                                      \
		if (r_ < 0)                                                                        \
			fail_msg("%s: %d: %s", #e, r_, err.msg);                                   \
	} while (0)

static struct bw_ip ip(const char *s)
{
	struct bw_ip r;

	assert_int_equal(bw_ip_parse(s, &r), 0);
	return r;
}

static struct bw_prefix prefix(const char *s)
{
	struct bw_prefix r;

	assert_int_equal(bw_prefix_parse(s, &r), 0);
	return r;
}

static void new_namespace(struct bed *t)
{
	int ready[2], hold[2];
	char path[64], c;

	assert_int_equal(pipe(ready), 0);
	assert_int_equal(pipe(hold), 0);
	t->child = fork();
	if (t->child == 0) {
		close(hold[1]);
		if (unshare(CLONE_NEWNET) < 0)
			_exit(1);
		(void)!write(ready[1], "x", 1);
		(void)!read(hold[0], &c, 1);
		_exit(0);
	}
	close(hold[0]);
	close(ready[1]);
	assert_int_equal(read(ready[0], &c, 1), 1);
	close(ready[0]);
	t->hold = hold[1];
	snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)t->child);
	t->x = BW_NETNS_NONE;
	assert_ok(bw_netns_open(path, &t->x, &err));
}

static int setup(void **state)
{
	struct bed *t = calloc(1, sizeof(*t));
	struct bw_link_veth_new n = { .name = "up0", .up = 1, .mtu = 1400, .peer_name = "x" };
	struct bw_link_set up = { .what = BW_LINK_SET_UP };

	assert_non_null(t);
	new_namespace(t);
	assert_ok(bw_nl_open(BW_NL_ROUTE, NULL, &t->nl, &err));
	assert_ok(bw_nl_open(BW_NL_ROUTE, &t->x, &t->nl_x, &err));
	n.peer_ns = &t->x;
	bw_link_put_veth(bw_nl_begin(t->nl), &n);
	assert_ok(bw_nl_talk(t->nl, &t->nl->batch, &err));
	assert_ok(bw_link_set(t->nl_x, 0, "x", &up, &err));
	assert_ok(bw_link_get(t->nl, 0, "up0", &t->up, &err));
	assert_ok(bw_link_get(t->nl_x, 0, "x", &t->wire, &err));
	assert_ok(bw_journal_open(BW_JOURNAL_DIR_DEFAULT, BW_JOURNAL_F_CREATE, &t->journal, &err));
	*state = t;
	return 0;
}

static int teardown(void **state)
{
	struct bed *t = *state;
	static const char *const names[] = { "br0", "br1", "up0", "p0", "p1" };

	for (size_t i = 0; i < BW_ARRAY_SIZE(names); i++)
		assert_ok(bw_link_del(t->nl, 0, names[i], &err));
	assert_ok(bw_journal_uplink_remove(t->journal, "up0", &err));
	bw_journal_close(&t->journal);
	bw_nl_close(&t->nl);
	bw_nl_close(&t->nl_x);
	bw_netns_close(&t->x);
	close(t->hold);
	waitpid(t->child, NULL, 0);
	free(t);
	return 0;
}

static void add_addr(struct bw_nl *nl, int ifindex, const char *text)
{
	struct bw_prefix p = prefix(text);
	struct bw_addr a = bw_addr_plain(ifindex, &p);

	bw_addr_put_add(bw_nl_begin(nl), &a);
	assert_ok(bw_nl_talk(nl, &nl->batch, &err));
}

static void add_route(struct bw_nl *nl, int ifindex, const char *dst, const char *gw,
		      uint32_t table)
{
	struct bw_route r = { .dst = prefix(dst), .ifindex = ifindex, .table = table, .scope = -1 };

	if (gw)
		r.gw = ip(gw);
	bw_route_put_add(bw_nl_begin(nl), &r);
	assert_ok(bw_nl_talk(nl, &nl->batch, &err));
}

/* All addresses and routes of a device as sorted text, to compare states. */
struct dump {
	char lines[64][80];
	int n, mark;
};

static void dump_reset(void *arg)
{
	struct dump *d = arg;

	d->n = d->mark;
}

static int dump_addr(const struct bw_addr *a, void *arg, struct bw_err *e)
{
	char text[BW_PREFIX_STR_MAX];
	struct dump *d = arg;

	(void)e;
	assert_true(d->n < 64);
	/* Link-local addresses come and go by themselves. */
	if (a->scope == 0)
		snprintf(d->lines[d->n++], 80, "addr %s", bw_prefix_str(&a->prefix, text));
	return 0;
}

static int dump_route(const struct nlmsghdr *nlh, const struct bw_route *r, void *arg,
		      struct bw_err *e)
{
	char dst[BW_PREFIX_STR_MAX], gw[BW_IP_STR_MAX];
	struct dump *d = arg;

	(void)nlh;
	(void)e;
	assert_true(d->n < 64);
	if (!bw_route_is_kernels(r) && r->dst.ip.b[0] != 0xfe)
		snprintf(d->lines[d->n++], 80, "route %s via %s metric %u table %u",
			 bw_prefix_str(&r->dst, dst), bw_ip_str(&r->gw, gw), r->metric, r->table);
	return 0;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void dump_of(struct bw_nl *nl, int ifindex, struct dump *d)
{
	struct bw_addr_visitor addrs = { dump_reset, dump_addr, d };
	struct bw_route_visitor routes = { dump_reset, dump_route, d };

	d->n = d->mark = 0;
	assert_ok(bw_addr_list(nl, ifindex, AF_UNSPEC, &addrs, &err));
	d->mark = d->n;
	assert_ok(bw_route_list(nl, ifindex, AF_UNSPEC, &routes, &err));
	qsort(d->lines, (size_t)d->n, sizeof(d->lines[0]), by_text);
}

static void assert_same(const struct dump *got, const struct dump *want)
{
	for (int i = 0; i < want->n || i < got->n; i++)
		assert_string_equal(i < got->n ? got->lines[i] : "-",
				    i < want->n ? want->lines[i] : "-");
}

static struct bw_link link_of(struct bed *t, const char *name)
{
	struct bw_link l = { 0 };

	bw_link_put_get(bw_nl_begin(t->nl), 0, name, &l);
	assert_ok(bw_nl_talk(t->nl, &t->nl->batch, &err));
	return l;
}

/* A port as a container's would be. */
static void add_port(struct bed *t, const char *name, int bridge)
{
	struct bw_link_veth_new n = {
		.name = name, .up = 1, .master = bridge, .peer_name = name, .peer_ns = &t->x
	};

	bw_link_put_veth(bw_nl_begin(t->nl), &n);
	assert_ok(bw_nl_talk(t->nl, &t->nl->batch, &err));
}

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

static int private_world(void)
{
	if (unshare(CLONE_NEWNET | CLONE_NEWNS) < 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("tmpfs", "/run", "tmpfs", 0, NULL) < 0 ||
	    mount("tmpfs", "/var/lib", "tmpfs", 0, NULL) < 0 ||
	    mount("sysfs", "/sys", "sysfs", 0, NULL) < 0)
		return -1;
	return mount("bpf", "/sys/fs/bpf", "bpf", 0, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_bridge_keeps_its_mac_without_ports),
		T(a_bridge_of_others_gets_its_mac_pinned),
		T(what_is_no_bridge_is_refused),
		T(a_failed_add_leaves_no_bridge),
		T(a_failed_add_lowers_the_uplink_it_raised),
		T(a_bridge_with_an_uplink_has_no_ipv6_by_itself),
		T(uplinks_that_cannot_be_are_refused),
		T(an_uplink_with_addresses_is_refused),
		T(addresses_move_and_come_back),
		T(many_routes_move_too),
		T(moved_addresses_survive_the_bridge),
		T(gateways_are_given_once),
		T(a_gateway_that_answers_on_the_uplink_is_refused),
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
