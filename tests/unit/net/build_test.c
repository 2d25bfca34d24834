/* SPDX-License-Identifier: Apache-2.0 */
/* Netlink messages and frames against recorded bytes; parsers against cut and forged messages. */
#include <linux/rtnetlink.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <bw/addr.h>
#include <bw/announce.h>
#include <bw/bridge_port.h>
#include <bw/link.h>
#include <bw/neigh.h>
#include <bw/netns.h>
#include <bw/nl.h>
#include <bw/probe.h>
#include <bw/route.h>

#include "addrs.h"

static struct bw_nl_batch batch;

static struct bw_nl_batch *begin(void)
{
	bw_nl_batch_init(&batch);
	return &batch;
}

static const struct bw_mac mac = { { 0x02, 0, 0, 0, 0, 0x07 } };

/* Prints both as hex on a difference, four bytes a group. */
static void assert_bytes(const void *got, size_t size, const char *want)
{
	static char text[8192];
	const uint8_t *p = got;
	size_t len = 0;

	for (size_t i = 0; i < size && len < sizeof(text) - 4; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%02x",
					i && i % 4 == 0 ? " " : "", p[i]);
	text[len] = '\0';
	assert_string_equal(text, want);
}

static void assert_batch(const char *want)
{
	assert_false(batch.overflow);
	assert_bytes(batch.data, batch.size, want);
}

/* strace of `ip address add 10.9.0.7/24 dev lo`, but for the sequence number. */
static void an_address_is_added_as_ip_does(void **state)
{
	struct bw_prefix p = prefix("10.9.0.7/24");
	struct bw_addr a = bw_addr_plain(1, &p);

	(void)state;
	bw_addr_put_add(begin(), &a);
	assert_batch("28000000 14000506 00000000 00000000 02180000 01000000 08000200 0a090007 "
		     "08000100 0a090007");
	assert_string_equal(batch.ops[0].what, "add address 10.9.0.7/24");
}

static void an_ipv6_address_is_added_without_detection(void **state)
{
	struct bw_prefix p = prefix("fd09::7/64");
	struct bw_addr a = bw_addr_plain(1, &p);

	(void)state;
	bw_addr_put_replace(begin(), &a);
	assert_batch("48000000 14000505 00000000 00000000 0a400000 01000000 14000200 fd090000 "
		     "00000000 00000000 00000007 14000100 fd090000 00000000 00000000 00000007 "
		     "08000800 02000000");
}

/* `ip route add 10.77.0.0/16 via 127.0.0.5 dev lo table 1000 metric 5 onlink`, attributes
 * reordered. */
static void a_route_is_added_as_ip_does(void **state)
{
	struct bw_route r = { .dst = prefix("10.77.0.0/16"),
			      .gw = ip("127.0.0.5"),
			      .ifindex = 1,
			      .table = 1000,
			      .metric = 5,
			      .scope = -1,
			      .onlink = 1 };

	(void)state;
	bw_route_put_add(begin(), &r);
	assert_batch("44000000 18000506 00000000 00000000 02100000 00030001 04000000 08000100 "
		     "0a4d0000 08000500 7f000005 08000400 01000000 08000f00 e8030000 08000600 "
		     "05000000");
}

static void a_bridge_is_one_message(void **state)
{
	struct bw_link_bridge_new n = {
		.name = "br0", .mac = &mac, .mtu = 1400, .vlan_filtering = 1, .default_pvid = -1
	};

	(void)state;
	bw_link_put_bridge(begin(), &n);
	assert_batch("58000000 10000506 00000000 00000000 00000000 00000000 00000000 00000000 "
		     "08000300 62723000 0a000100 02000000 00070000 08000400 78050000 1c001280 "
		     "0b000100 62726964 67650000 0c000280 05000700 01000000");
}

static void a_veth_is_one_message_with_both_ends(void **state)
{
	struct bw_netns ns = { 9, -1 };
	struct bw_link_veth_new n = { .name = "h0",
				      .master = 4,
				      .up = 1,
				      .mtu = 1400,
				      .peer_name = "eth0",
				      .peer_mac = &mac,
				      .peer_ns = &ns };

	(void)state;
	bw_link_put_veth(begin(), &n);
	/* One queue each; the peer's ifinfomsg is all zero: it must not be up here. */
	assert_batch("a8000000 10000506 00000000 00000000 00000000 00000000 01000000 01000000 "
		     "07000300 68300000 08000a00 04000000 08001f00 01000000 08002000 01000000 "
		     "08000400 78050000 60001280 09000100 76657468 00000000 50000280 4c000180 "
		     "00000000 00000000 00000000 00000000 09000300 65746830 00000000 0a000100 "
		     "02000000 00070000 08001c00 09000000 08001f00 01000000 08002000 01000000 "
		     "08000400 78050000");
}

static void netkit_has_a_mode(void **state)
{
	struct bw_link_veth_new n = { .name = "h0", .peer_name = "eth0" };

	(void)state;
	bw_link_put_netkit(begin(), &n);
	assert_batch("84000000 10000506 00000000 00000000 00000000 00000000 00000000 00000000 "
		     "07000300 68300000 08001f00 01000000 08002000 01000000 4c001280 0b000100 "
		     "6e65746b 69740000 3c000280 08000500 00000000 30000180 00000000 00000000 "
		     "00000000 00000000 09000300 65746830 00000000 08001f00 01000000 08002000 "
		     "01000000");
}

static void a_forwarding_entry_is_static(void **state)
{
	(void)state;
	bw_fdb_put_add(begin(), 5, &mac, 100);
	assert_batch("30000000 1c000505 00000000 00000000 07000000 05000000 40004400 0a000200 "
		     "02000000 00070000 06000500 64000000");
}

static void vlans_are_a_range(void **state)
{
	(void)state;
	bw_port_put_vlan_add(begin(), 5, 0, 200, 210, 0);
	assert_batch("3c000000 13000500 00000000 00000000 07000000 05000000 00000000 00000000 "
		     "1c001a80 06000000 01000000 08000200 0800c800 08000200 1000d200");
}

static void attributes_that_do_not_fit_mark_the_batch(void **state)
{
	struct bw_nl_batch *b = begin();
	struct rtgenmsg g = { 0 };
	static uint8_t big[BW_NL_BATCH_SIZE];
	uint32_t size;

	(void)state;
	bw_nl_put_u32(b, 1, 1); /* no message yet */
	assert_true(b->overflow);
	b = begin();
	bw_nl_msg(b, 1, 0, &g, sizeof(g), "x");
	size = b->size;
	bw_nl_put(b, 1, big, BW_NL_BATCH_SIZE - size - 4); /* up to the last byte */
	assert_false(b->overflow);
	assert_int_equal(b->size, BW_NL_BATCH_SIZE);
	bw_nl_put_u8(b, 2, 1);
	assert_true(b->overflow);
	assert_int_equal(b->size, BW_NL_BATCH_SIZE);
	b = begin();
	bw_nl_msg(b, 1, 0, &g, sizeof(g), "x");
	bw_nl_put(b, 1, big, sizeof(big));
	assert_true(b->overflow);
	bw_nl_msg(b, 1, 0, &g, sizeof(g), "y"); /* sticky */
	assert_int_equal(b->n, 1);
}

static void reads_are_bounded(void **state)
{
	struct {
		struct nlattr a;
		uint8_t v[4];
	} one = { { 4 + 3, 1 }, { 'a', 'b', 'c', 'd' } };
	char text[3];
	uint8_t bytes[4];

	(void)state;
	assert_int_equal(bw_nl_u32(&one.a, 77), 77);
	assert_int_equal(bw_nl_u32(NULL, 77), 77);
	assert_int_equal(bw_nl_u8(&one.a, 0), 'a');
	assert_int_equal(bw_nl_bytes(&one.a, bytes, 4), 0);
	bw_nl_str(&one.a, text, sizeof(text));
	assert_string_equal(text, "ab");
	bw_nl_str(NULL, text, sizeof(text));
	assert_string_equal(text, "");
	assert_true(bw_nl_str_eq(&one.a, "abc"));
	assert_false(bw_nl_str_eq(&one.a, "ab") || bw_nl_str_eq(NULL, ""));
}

/* Every parser on a copy that ends exactly with the cut message, so that ASan sees one byte more.
 */
static void parse_all(const struct nlmsghdr *nlh, size_t size)
{
	struct nlmsghdr *copy = malloc(size < sizeof(*copy) ? sizeof(*copy) : size);
	struct bw_link link;
	struct bw_addr addr;
	struct bw_route route;

	assert_non_null(copy);
	memcpy(copy, nlh, size);
	copy->nlmsg_len = (uint32_t)size;
	(void)bw_link_parse(copy, &link);
	(void)bw_addr_parse(copy, &addr);
	(void)bw_route_parse(copy, &route);
	(void)bw_route_put_moved(begin(), copy, 1, 2);
	free(copy);
}

static void cut_messages_are_parsed_within_their_bounds(void **state)
{
	static struct bw_nl_batch src;
	struct bw_netns ns = { 9, -1 };
	struct bw_link_veth_new n = {
		.name = "h0", .peer_name = "eth0", .peer_mac = &mac, .peer_ns = &ns
	};
	struct bw_prefix p = prefix("fd09::7/64");
	struct bw_addr a = bw_addr_plain(1, &p);
	struct bw_route r = {
		.dst = p, .gw = ip("fd09::1"), .ifindex = 1, .mtu = 1280, .scope = -1
	};

	(void)state;
	bw_nl_batch_init(&src);
	bw_link_put_veth(&src, &n);
	bw_addr_put_add(&src, &a);
	bw_route_put_add(&src, &r);
	for (uint32_t i = 0; i < src.n; i++) {
		const struct nlmsghdr *nlh = (void *)(src.data + src.ops[i].offset);

		for (size_t size = sizeof(*nlh); size <= nlh->nlmsg_len; size++)
			parse_all(nlh, size);
	}
}

static void an_address_reads_back(void **state)
{
	struct bw_prefix p = prefix("10.9.0.7/24");
	struct bw_addr a = bw_addr_plain(3, &p), got;

	(void)state;
	a.broadcast = ip("10.9.0.255");
	a.metric = 100;
	a.valid_s = 3600;
	a.preferred_s = 1800;
	memcpy(a.label, "eth0:1", 7);
	bw_addr_put_add(begin(), &a);
	assert_int_equal(bw_addr_parse((void *)batch.data, &got), 0);
	assert_memory_equal(&got.prefix, &a.prefix, sizeof(a.prefix));
	assert_true(bw_ip_eq(&got.broadcast, &a.broadcast));
	assert_int_equal(got.metric, 100);
	assert_int_equal(got.valid_s, 3600);
	assert_int_equal(got.preferred_s, 1800);
	assert_string_equal(got.label, "eth0:1");
	/* A prefix longer than the family's width is no address. */
	batch.data[17] = 33;
	assert_int_equal(bw_addr_parse((void *)batch.data, &got), -EPROTO);
}

/* A multipath route, hop by hop: both devices are looked at, only the wanted one is replaced. */
static void next_hops_move(void **state)
{
	struct {
		struct rtnexthop nh;
		struct nlattr a;
		uint8_t gw[4];
	} hops[2] = {
		{ { sizeof(hops[0]), RTNH_F_DEAD, 3, 7 }, { 8, RTA_GATEWAY }, { 10, 0, 0, 1 } },
		{ { sizeof(hops[0]), RTNH_F_ONLINK, 0, 8 }, { 8, RTA_GATEWAY }, { 10, 1, 0, 1 } },
	};
	static struct bw_nl_batch src;
	struct rtmsg rtm = { .rtm_family = AF_INET, .rtm_table = 254, .rtm_type = RTN_UNICAST };
	const struct nlattr *tb[RTA_MULTIPATH + 1];
	struct rtnexthop got[4];
	struct bw_route r;

	(void)state;
	bw_nl_batch_init(&src);
	bw_nl_msg(&src, RTM_NEWROUTE, 0, &rtm, sizeof(rtm), "x");
	bw_nl_put(&src, RTA_MULTIPATH, hops, sizeof(hops));
	assert_int_equal(bw_route_parse((void *)src.data, &r), 0);
	assert_int_equal(r.ifindex, 7);
	assert_int_equal(bw_route_put_moved(begin(), (void *)src.data, 8, 9), 0);
	bw_nl_attrs((void *)batch.data, sizeof(rtm), tb, RTA_MULTIPATH);
	assert_true(bw_nl_bytes(tb[RTA_MULTIPATH], got, sizeof(hops)));
	assert_int_equal(got[0].rtnh_ifindex, 7);
	assert_int_equal(got[0].rtnh_flags, 0);
	assert_int_equal(got[0].rtnh_hops, 3);
	assert_int_equal(got[2].rtnh_ifindex, 9);
	assert_int_equal(got[2].rtnh_flags, RTNH_F_ONLINK);
	/* A hop that claims more than there is: nothing is put. */
	((struct rtnexthop *)(void *)(src.data + 16 + sizeof(rtm) + 4))->rtnh_len = 64;
	assert_int_equal(bw_route_put_moved(begin(), (void *)src.data, 8, 9), -EPROTO);
	assert_int_equal(batch.n, 0);
	assert_int_equal(batch.size, 0);
}

static void frames_are_as_the_standards_say(void **state)
{
	struct bw_frame_arp arp = { .dst = { { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff } },
				    .sha = mac,
				    .spa = ip("10.9.0.7"),
				    .tpa = ip("10.9.0.7"),
				    .op = 1 };
	struct bw_ip v6 = ip("fd09::7");
	struct bw_frame f;

	(void)state;
	bw_frame_arp(&f, &arp);
	assert_bytes(f.data, f.size,
		     "ffffffff ffff0200 00000007 08060001 08000604 00010200 00000007 0a090007 "
		     "00000000 00000a09 0007");
	arp.vlan = 100;
	bw_frame_arp(&f, &arp);
	assert_int_equal(f.size, 46);
	assert_bytes(f.data + 12, 6, "81000064 0806");
	/* The checksums were computed by another program. */
	bw_frame_na(&f, &mac, &v6, 0);
	assert_bytes(f.data, f.size,
		     "33330000 00010200 00000007 86dd6000 00000020 3afffd09 00000000 00000000 "
		     "00000000 0007ff02 00000000 00000000 00000000 00018800 5a772000 0000fd09 "
		     "00000000 00000000 00000000 00070201 02000000 0007");
	bw_frame_ns_probe(&f, &mac, &v6, 0);
	assert_bytes(f.data, f.size,
		     "3333ff00 00070200 00000007 86dd6000 00000018 3aff0000 00000000 00000000 "
		     "00000000 0000ff02 00000000 00000000 0001ff00 00078700 7d900000 0000fd09 "
		     "00000000 00000000 00000000 0007");
}

static int answers(struct bw_probe *p, const struct bw_frame *f, struct bw_probe_answer *who)
{
	for (size_t size = 0; size < f->size; size++) {
		uint8_t *cut = malloc(size + 1);

		assert_non_null(cut);
		memcpy(cut, f->data, size);
		(void)bw_probe_match(p, cut, size, who);
		free(cut);
	}
	return bw_probe_match(p, f->data, f->size, who);
}

static void a_probe_knows_answers_from_noise(void **state)
{
	struct bw_ip wanted[2] = { ip("10.9.0.7"), ip("fd09::7") };
	struct bw_mac me = { { 2, 0, 0, 0, 0, 1 } };
	struct bw_probe p = { .mac = me, .ips = wanted, .n_ips = 2 };
	struct bw_probe_answer who;
	struct bw_frame_arp arp = { .sha = mac, .spa = wanted[0], .tpa = ip("10.9.0.1"), .op = 2 };
	struct bw_ip other = ip("10.9.0.9"), none = { .family = AF_INET };
	struct bw_frame f;

	(void)state;
	bw_frame_arp(&f, &arp);
	assert_int_equal(answers(&p, &f, &who), 1);
	assert_true(bw_mac_eq(&who.mac, &mac) && bw_ip_eq(&who.ip, &wanted[0]));
	arp.sha = me;
	bw_frame_arp(&f, &arp);
	assert_int_equal(answers(&p, &f, &who), 0);
	arp.sha = mac;
	arp.spa = other;
	bw_frame_arp(&f, &arp);
	assert_int_equal(answers(&p, &f, &who), 0);
	/* Asking for it with an address of one's own is no claim; probing for it is. */
	arp.tpa = wanted[0];
	arp.op = 1;
	bw_frame_arp(&f, &arp);
	assert_int_equal(answers(&p, &f, &who), 0);
	arp.spa = none;
	bw_frame_arp(&f, &arp);
	assert_int_equal(answers(&p, &f, &who), 1);
	bw_frame_na(&f, &mac, &wanted[1], 0);
	assert_int_equal(answers(&p, &f, &who), 1);
	bw_frame_ns_probe(&f, &mac, &wanted[1], 0);
	assert_int_equal(answers(&p, &f, &who), 1);
	bw_frame_ns_probe(&f, &me, &wanted[1], 0);
	assert_int_equal(answers(&p, &f, &who), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_address_is_added_as_ip_does),
		cmocka_unit_test(an_ipv6_address_is_added_without_detection),
		cmocka_unit_test(a_route_is_added_as_ip_does),
		cmocka_unit_test(a_bridge_is_one_message),
		cmocka_unit_test(a_veth_is_one_message_with_both_ends),
		cmocka_unit_test(netkit_has_a_mode),
		cmocka_unit_test(a_forwarding_entry_is_static),
		cmocka_unit_test(vlans_are_a_range),
		cmocka_unit_test(attributes_that_do_not_fit_mark_the_batch),
		cmocka_unit_test(reads_are_bounded),
		cmocka_unit_test(cut_messages_are_parsed_within_their_bounds),
		cmocka_unit_test(an_address_reads_back),
		cmocka_unit_test(next_hops_move),
		cmocka_unit_test(frames_are_as_the_standards_say),
		cmocka_unit_test(a_probe_knows_answers_from_noise),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
