/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses, routes, forwarding entries and ports against a real kernel. */
#include "bed.h"

struct seen {
	int n;
	struct bw_addr addr;
};

static void seen_reset(void *arg)
{
	((struct seen *)arg)->n = 0;
}

static int see_addr(const struct bw_addr *a, void *arg, struct bw_err *e)
{
	struct seen *s = arg;

	(void)e;
	s->n++;
	s->addr = *a;
	return 0;
}

static void addresses_come_and_go(void **state)
{
	struct bed *t = *state;
	struct bw_link br = { 0 }, host = { 0 }, pod = { 0 };
	struct bw_prefix p4 = prefix("10.9.0.7/24"), p6 = prefix("fd09::7/64");
	struct seen seen = { 0 };
	struct bw_addr_visitor v = { seen_reset, see_addr, &seen };
	struct bw_addr a4, a6;
	struct bw_nl_batch *b;

	build(t, &br, &host, &pod);
	a4 = bw_addr_plain(br.ifindex, &p4);
	a6 = bw_addr_plain(br.ifindex, &p6);
	b = bw_nl_begin(t->nl);
	bw_addr_put_add(b, &a4);
	bw_addr_put_add(b, &a6);
	assert_ok(bw_nl_talk(t->nl, b, &err));
	assert_ok(bw_addr_list(t->nl, br.ifindex, AF_UNSPEC, &v, &err));
	assert_int_equal(seen.n, 2);
	assert_ok(bw_addr_list(t->nl, br.ifindex, AF_INET6, &v, &err));
	assert_int_equal(seen.n, 1);
	assert_true(bw_ip_eq(&seen.addr.prefix.ip, &p6.ip));
	assert_int_equal(seen.addr.prefix.len, 64);
	/* No duplicate detection: usable at once. */
	assert_int_equal(seen.addr.flags & 0x40, 0); /* IFA_F_TENTATIVE */
	b = bw_nl_begin(t->nl);
	bw_addr_put_add(b, &a4);
	assert_int_equal(bw_nl_talk(t->nl, b, &err), -EEXIST);
	b = bw_nl_begin(t->nl);
	bw_addr_put_del(b, &a4);
	bw_addr_put_del(b, &a6);
	bw_addr_put_del(b, &a6);
	assert_ok(bw_nl_talk(t->nl, b, &err));
	assert_ok(bw_addr_list(t->nl, br.ifindex, AF_UNSPEC, &v, &err));
	assert_int_equal(seen.n, 0);
}

/* Routes recorded as messages; one is enough here. */
struct recorded {
	int n;
	unsigned char msgs[16][BW_ROUTE_MSG_MAX];
};

static void recorded_reset(void *arg)
{
	((struct recorded *)arg)->n = 0;
}

static int record(const struct nlmsghdr *nlh, const struct bw_route *r, void *arg, struct bw_err *e)
{
	struct recorded *rec = arg;

	(void)e;
	if (bw_route_is_kernels(r) || r->proto == RTPROT_KERNEL)
		return 0;
	assert_true(rec->n < 16 && nlh->nlmsg_len <= BW_ROUTE_MSG_MAX);
	memcpy(rec->msgs[rec->n++], nlh, nlh->nlmsg_len);
	return 0;
}

/* Two addresses and three routes of different kinds on the host's end of the veth. */
static void equip(struct bed *t, int ifindex, struct bw_addr addrs[2])
{
	struct bw_prefix p4 = prefix("10.9.0.7/24"), p6 = prefix("fd09::7/64");
	struct bw_route routes[] = {
		{ .dst = prefix("0.0.0.0/0"),
		  .gw = ip("192.0.2.1"),
		  .src = p4.ip,
		  .metric = 7,
		  .mtu = 1280,
		  .onlink = 1 },
		{ .dst = prefix("10.77.0.0/16"), .gw = ip("10.9.0.1"), .table = 1000, .proto = 99 },
		{ .dst = prefix("fd77::/64"), .gw = ip("fd09::1"), .metric = 5 },
	};
	struct bw_nl_batch *b = bw_nl_begin(t->nl);

	addrs[0] = bw_addr_plain(ifindex, &p4);
	addrs[1] = bw_addr_plain(ifindex, &p6);
	for (size_t i = 0; i < 2; i++)
		bw_addr_put_add(b, &addrs[i]);
	for (size_t i = 0; i < BW_ARRAY_SIZE(routes); i++) {
		routes[i].ifindex = ifindex;
		routes[i].scope = -1;
		bw_route_put_add(b, &routes[i]);
	}
	assert_ok(bw_nl_talk(t->nl, b, &err));
}

static void assert_carried(const struct bw_route *r)
{
	struct bw_ip src = ip("10.9.0.7");

	if (r->dst.len == 0) {
		assert_int_equal(r->metric, 7);
		assert_int_equal(r->mtu, 1280);
		assert_true(r->onlink);
		assert_true(bw_ip_eq(&r->src, &src));
	} else {
		assert_int_equal(r->table, 1000);
		assert_int_equal(r->proto, 99);
	}
}

static void routes_move_with_all_they_carry(void **state)
{
	struct bed *t = *state;
	struct bw_link br = { 0 }, host = { 0 }, pod = { 0 };
	static struct recorded rec;
	struct bw_route_visitor v = { recorded_reset, record, &rec };
	struct bw_addr addrs[2];
	struct bw_route got;

	build(t, &br, &host, &pod);
	equip(t, host.ifindex, addrs);
	assert_ok(bw_route_list(t->nl, host.ifindex, AF_UNSPEC, &v, &err));
	assert_int_equal(rec.n, 3);
	/* Twice is like once. */
	for (int pass = 0; pass < 2; pass++) {
		struct bw_nl_batch *b = bw_nl_begin(t->nl);

		for (size_t i = 0; i < 2; i++) {
			addrs[i].ifindex = host.ifindex;
			bw_addr_put_del(b, &addrs[i]);
			addrs[i].ifindex = br.ifindex;
			bw_addr_put_replace(b, &addrs[i]);
		}
		for (int i = 0; i < rec.n; i++)
			assert_ok(bw_route_put_moved(b, (void *)rec.msgs[i], host.ifindex,
						     br.ifindex));
		assert_ok(bw_nl_talk(t->nl, b, &err));
	}
	assert_ok(bw_route_list(t->nl, br.ifindex, AF_INET, &v, &err));
	assert_int_equal(rec.n, 2);
	for (int i = 0; i < rec.n; i++) {
		assert_ok(bw_route_parse((void *)rec.msgs[i], &got));
		assert_carried(&got);
	}
	assert_ok(bw_route_list(t->nl, br.ifindex, AF_INET6, &v, &err));
	assert_int_equal(rec.n, 1);
}

static void forwarding_entries_are_static(void **state)
{
	struct bed *t = *state;
	struct bw_link br = { 0 }, host = { 0 }, pod = { 0 };
	struct bw_mac m = mac("02:00:00:00:00:07");
	struct bw_fdb e;
	struct bw_nl_batch *b;

	build(t, &br, &host, &pod);
	assert_int_equal(bw_fdb_get(t->nl, br.ifindex, &m, 0, &e, &err), 0);
	b = bw_nl_begin(t->nl);
	bw_fdb_put_add(b, host.ifindex, &m, 0);
	bw_fdb_put_add(b, host.ifindex, &m, 0);
	assert_ok(bw_nl_talk(t->nl, b, &err));
	assert_int_equal(bw_fdb_get(t->nl, br.ifindex, &m, 0, &e, &err), 1);
	assert_int_equal(e.ifindex, host.ifindex);
	assert_true(e.is_static);
	b = bw_nl_begin(t->nl);
	bw_fdb_put_del(b, host.ifindex, &m, 0);
	bw_fdb_put_del(b, host.ifindex, &m, 0);
	assert_ok(bw_nl_talk(t->nl, b, &err));
	assert_int_equal(bw_fdb_get(t->nl, br.ifindex, &m, 0, &e, &err), 0);
}

static void port_flags_hold(void **state)
{
	struct bed *t = *state;
	struct bw_link br = { 0 }, host = { 0 }, pod = { 0 };
	struct bw_port_flags f = BW_PORT_FLAGS_KEEP;
	struct bw_nl_batch *b;

	build(t, &br, &host, &pod);
	assert_true(host.port.learning && host.port.flood && !host.port.isolated);
	f.isolated = 1;
	f.flood = 0;
	f.learning = 0;
	f.hairpin = 1;
	b = bw_nl_begin(t->nl);
	bw_port_put_flags(b, 0, "h0", &f);
	bw_link_put_get(b, 0, "h0", &host);
	assert_ok(bw_nl_talk(t->nl, b, &err));
	assert_true(!host.port.learning && !host.port.flood && host.port.isolated &&
		    host.port.hairpin);
}

static void vlan_membership_reads_back_or_is_refused(void **state)
{
	struct bed *t = *state;
	struct bw_link br = { 0 }, host = { 0 }, pod = { 0 };
	struct bw_port_vlans v;
	struct bw_nl_batch *b;
	int r;

	build(t, &br, &host, &pod);
	b = bw_nl_begin(t->nl);
	bw_port_put_vlan_add(b, host.ifindex, 0, 100, 100, BW_VLAN_F_PVID | BW_VLAN_F_UNTAGGED);
	bw_port_put_vlan_add(b, host.ifindex, 0, 200, 210, 0);
	r = bw_nl_talk(t->nl, b, &err);
	if (!br.bridge.has_vlan_filtering) {
		assert_int_equal(r, -EOPNOTSUPP);
		return;
	}
	assert_ok(r);
	assert_ok(bw_port_vlans(t->nl, host.ifindex, &v, &err));
	assert_int_equal(v.pvid, 100);
	assert_true(bw_port_vlans_has(v.member, 205) && bw_port_vlans_has(v.untagged, 100));
	assert_false(bw_port_vlans_has(v.member, 211) || bw_port_vlans_has(v.untagged, 205));
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(addresses_come_and_go),
		T(routes_move_with_all_they_carry),
		T(forwarding_entries_are_static),
		T(port_flags_hold),
		T(vlan_membership_reads_back_or_is_refused),
	};

	if (unshare(CLONE_NEWNET) < 0) {
		printf("1..0 # SKIP needs the right to make network namespaces\n");
		return 0;
	}
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
