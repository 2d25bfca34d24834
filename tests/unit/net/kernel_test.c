/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets, devices, probes and rules against a real kernel, in a network namespace of the test's
 * own. */
#include "bed.h"

static void sockets_know_their_namespace(void **state)
{
	struct bed *t = *state;
	uint64_t cookie, own = 0, pods = 0;

	assert_ok(bw_nl_netns_cookie(t->nl, &own, &err));
	assert_ok(bw_nl_netns_cookie(t->nl_pod, &pods, &err));
	assert_true(own != 0 && own != pods);
	assert_ok(bw_netns_cookie(&t->pod.ns, &cookie, &err));
	assert_true(cookie == pods);
	assert_int_equal(bw_netns_is_own(&t->pod.ns, &err), 0);
	assert_int_equal(bw_netns_alive(t->pod.path, cookie, &err), 1);
	assert_int_equal(bw_netns_alive(t->pod.path, cookie + 1, &err), 0);
	assert_int_equal(bw_netns_alive("/nonexistent", cookie, &err), 0);
	assert_int_equal(bw_netns_alive("/proc/self/ns/net", own, &err), 1);
}

static void open_refuses_what_is_no_namespace(void **state)
{
	struct bw_netns ns = BW_NETNS_NONE;

	(void)state;
	assert_int_equal(bw_netns_open("/nonexistent", &ns, &err), -ENOENT);
	assert_int_equal(err.class, BW_ERR_NO_CONTAINER);
	assert_int_equal(bw_netns_open("/etc/passwd", &ns, &err), -EINVAL);
	assert_int_equal(err.class, BW_ERR_ENVIRONMENT);
	assert_int_equal(bw_netns_open("/proc/self/ns/uts", &ns, &err), -EINVAL);
	assert_int_equal(bw_netns_open("/proc/self/ns/net", &ns, &err), 0);
	assert_int_equal(bw_netns_is_own(&ns, &err), 1);
	bw_netns_close(&ns);
	assert_int_equal(ns.fd, -1);
}

static void veth_is_built_in_one_message(void **state)
{
	struct bed *t = *state;
	struct bw_link br = { 0 }, host = { 0 }, pod = { 0 };
	struct bw_mac want = mac("02:00:00:00:00:07"), br_mac = mac("02:00:00:00:00:01");

	build(t, &br, &host, &pod);
	assert_true(br.is_bridge);
	assert_true(bw_mac_eq(&br.mac, &br_mac));
	assert_int_equal(br.mtu, 1400);
	assert_int_equal(br.addr_gen_mode, 1);
	assert_true(host.is_port);
	assert_int_equal(host.master, br.ifindex);
	assert_true(host.flags & IFF_UP);
	assert_string_equal(host.kind, "veth");
	assert_int_equal(host.gso_max_size, 60000);
	assert_int_equal(host.peer, pod.ifindex);
	assert_true(bw_mac_eq(&pod.mac, &want));
	assert_int_equal(pod.mtu, 1400);
	assert_int_equal(pod.gso_max_size, 60000);
	assert_ok(bw_link_wait_carrier(&t->pod.ns, pod.ifindex, 2000, &err));
	assert_ok(bw_link_wait_carrier(NULL, host.ifindex, 2000, &err));
}

static void a_batch_tells_which_message_failed(void **state)
{
	struct bed *t = *state;
	struct bw_link br = { 0 }, host = { 0 }, pod = { 0 };
	struct bw_link_set up = { .what = BW_LINK_SET_UP },
			   mtu = { .what = BW_LINK_SET_MTU, .mtu = 1300 };
	struct bw_nl_batch *b;

	build(t, &br, &host, &pod);
	b = bw_nl_begin(t->nl);
	bw_link_put_set(b, host.ifindex, "h0", &up);
	bw_link_put_set(b, 0, "nosuch", &up);
	bw_link_put_set(b, host.ifindex, "h0", &mtu);
	assert_int_equal(bw_nl_talk(t->nl, b, &err), -ENODEV);
	assert_int_equal(b->failed, 1);
	assert_int_equal(b->ops[0].result, 0);
	assert_int_equal(b->ops[1].result, -ENODEV);
	assert_int_equal(b->ops[2].result, 0); /* I2 */
	assert_non_null(strstr(err.msg, "change device nosuch"));
	/* Extack: the kernel's own words are in the text. */
	up.what = BW_LINK_SET_MTU;
	up.mtu = 10;
	assert_int_equal(bw_link_set(t->nl, host.ifindex, "h0", &up, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "mtu less than device minimum"));
}

static void an_overflowing_batch_is_not_sent(void **state)
{
	struct bed *t = *state;
	struct bw_nl_batch *b = bw_nl_begin(t->nl);
	struct bw_link link;

	for (int i = 0; i <= BW_NL_OPS_MAX; i++)
		bw_link_put_get(b, 1, NULL, &link);
	assert_int_equal(bw_nl_talk(t->nl, b, &err), -EMSGSIZE);
	assert_ok(bw_link_get(t->nl, 1, NULL, &link, &err));
	assert_string_equal(link.name, "lo");
	b = bw_nl_begin(t->nl);
	assert_ok(bw_nl_talk(t->nl, b, &err));
	for (int i = 0; i < BW_NL_OPS_MAX; i++)
		bw_link_put_get(b, 1, NULL, &link);
	assert_ok(bw_nl_talk(t->nl, b, &err));
}

static void count_reset(void *arg)
{
	*(int *)arg = 0;
}

static int count_links(const struct bw_link *l, void *arg, struct bw_err *e)
{
	(void)l;
	(void)e;
	++*(int *)arg;
	return 0;
}

static int refuse_link(const struct bw_link *l, void *arg, struct bw_err *e)
{
	(void)l;
	(void)arg;
	return bw_fail(e, ECANCELED, "enough");
}

static void a_visitor_that_stops_leaves_the_socket_usable(void **state)
{
	struct bed *t = *state;
	struct bw_link br = { 0 }, host = { 0 }, pod = { 0 };
	int n = 0;
	struct bw_link_visitor stop = { NULL, refuse_link, NULL };
	struct bw_link_visitor count = { count_reset, count_links, &n };

	build(t, &br, &host, &pod);
	assert_int_equal(bw_link_list(t->nl, 0, &stop, &err), -ECANCELED);
	assert_ok(bw_link_list(t->nl, br.ifindex, &count, &err));
	assert_int_equal(n, 1);
	assert_ok(bw_link_list(t->nl, 0, &count, &err));
	assert_int_equal(n, 3);
}

static void carrier_wait_ends(void **state)
{
	struct bed *t = *state;
	struct bw_link br = { 0 }, host = { 0 }, pod = { 0 };
	struct bw_link_set down = { .what = BW_LINK_SET_DOWN };

	build(t, &br, &host, &pod);
	assert_ok(bw_link_set(t->nl_pod, 0, "eth0", &down, &err));
	assert_int_equal(bw_link_wait_carrier(NULL, host.ifindex, 20, &err), -ETIMEDOUT);
	assert_int_equal(bw_link_wait_carrier(NULL, 99999, 20, &err), -ENODEV);
}

static int count_hop(const struct bw_ip *ip, const struct bw_mac *at, void *arg, struct bw_err *e)
{
	char s[BW_IP_STR_MAX];

	(void)e;
	assert_string_equal(bw_ip_str(ip, s), ip->family == AF_INET ? "169.254.1.1" : "fe80::1");
	assert_int_equal(at->b[5], 9);
	++*(int *)arg;
	return 0;
}

static void an_announcement_keeps_permanent_neighbours_when_asked(void **state)
{
	struct bw_prefix p = { .len = 24 };
	struct bw_ip hops[2];
	struct bed *t = *state;
	struct bw_mac at = mac("02:00:00:00:00:09");
	struct bw_link br = { 0 }, host = { 0 }, pod = { 0 };
	bw_autoclose int fd = -1;
	int n = 0;
	const struct bw_neigh_visitor v = { count_reset, count_hop, &n };
	struct bw_nl_batch *b;
	struct bw_addr a;

	build(t, &br, &host, &pod);
	assert_int_equal(bw_ip_parse("10.7.0.5", &p.ip), 0);
	assert_int_equal(bw_ip_parse("169.254.1.1", &hops[0]), 0);
	assert_int_equal(bw_ip_parse("fe80::1", &hops[1]), 0);
	a = bw_addr_plain(pod.ifindex, &p);
	b = bw_nl_begin(t->nl_pod);
	bw_addr_put_replace(b, &a);
	for (int i = 0; i < 2; i++)
		bw_neigh_put_permanent(b, pod.ifindex, &hops[i], &at);
	assert_ok(bw_nl_talk(t->nl_pod, b, &err));
	assert_ok(bw_announce_open(&t->pod.ns, &fd, &err));
	assert_ok(bw_announce_again(t->nl_pod, fd, pod.ifindex, &pod.mac, &p.ip, 1, &err));
	assert_ok(bw_neigh_list_permanent(t->nl_pod, pod.ifindex, &v, &err));
	assert_int_equal(n, 2);
	/* The plain one is for an interface that has none yet. */
	assert_ok(bw_announce_burst(t->nl_pod, fd, pod.ifindex, &pod.mac, &p.ip, 1, &err));
	assert_ok(bw_neigh_list_permanent(t->nl_pod, pod.ifindex, &v, &err));
	assert_int_equal(n, 0);
	b = bw_nl_begin(t->nl_pod);
	bw_neigh_put_permanent(b, pod.ifindex, &hops[0], &at);
	bw_neigh_put_del(b, pod.ifindex, &hops[0]);
	bw_neigh_put_del(b, pod.ifindex, &hops[0]);
	assert_ok(bw_nl_talk(t->nl_pod, b, &err));
	assert_ok(bw_neigh_list_permanent(t->nl_pod, pod.ifindex, &v, &err));
	assert_int_equal(n, 0);
}

static void a_probe_finds_who_has_the_address(void **state)
{
	struct bed *t = *state;
	struct bw_link br = { 0 }, host = { 0 }, pod = { 0 };
	struct bw_prefix p4 = prefix("10.9.0.7/24"), p6 = prefix("fd09::7/64");
	struct bw_ip used[2] = { p4.ip, p6.ip };
	struct bw_ip used4 = p4.ip, used6 = p6.ip, unused[2] = { ip("10.9.0.8"), ip("fd09::8") };
	struct bw_probe p = { .listen_ms = 40, .n_ips = 2, .ips = unused };
	struct bw_probe_answer who;
	struct bw_addr a4, a6;
	struct bw_nl_batch *b;
	int fd = -1;

	build(t, &br, &host, &pod);
	assert_ok(bw_link_wait_carrier(&t->pod.ns, pod.ifindex, 2000, &err));
	a4 = bw_addr_plain(pod.ifindex, &p4);
	a6 = bw_addr_plain(pod.ifindex, &p6);
	b = bw_nl_begin(t->nl_pod);
	bw_addr_put_add(b, &a4);
	bw_addr_put_add(b, &a6);
	assert_ok(bw_nl_talk(t->nl_pod, b, &err));
	p.ifindex = br.ifindex;
	p.mac = br.mac;
	assert_int_equal(bw_probe_run(&p, &who, &err), 0);
	p.listen_ms = 2000;
	p.n_ips = 1;
	p.ips = &used4;
	assert_int_equal(bw_probe_run(&p, &who, &err), 1);
	assert_true(bw_mac_eq(&who.mac, &pod.mac) && bw_ip_eq(&who.ip, &used4));
	p.ips = &used6;
	assert_int_equal(bw_probe_run(&p, &who, &err), 1);
	assert_true(bw_mac_eq(&who.mac, &pod.mac));
	/* The holder's own probe, in its own namespace, does not count itself. */
	p.ns = &t->pod.ns;
	p.ifindex = pod.ifindex;
	p.mac = pod.mac;
	p.listen_ms = 20;
	assert_int_equal(bw_probe_run(&p, &who, &err), 0);
	assert_ok(bw_announce_open(&t->pod.ns, &fd, &err));
	assert_ok(bw_announce_burst(t->nl_pod, fd, pod.ifindex, &pod.mac, used, 2, &err));
	/* One that is not there cannot be its source. */
	assert_int_equal(
		bw_announce_burst(t->nl_pod, fd, pod.ifindex, &pod.mac, &unused[1], 1, &err),
		-EINVAL);
	close(fd);
}

static int want_network(const struct bw_nft_rule *rule, void *arg, struct bw_err *e)
{
	(void)e;
	return strcmp(rule->network, arg) == 0;
}

static void masquerade_rules_belong_to_an_owner(void **state)
{
	struct bed *t = *state;
	struct bw_prefix addrs[2] = { prefix("10.9.0.7/24"), prefix("fd09::7/64") };
	struct bw_nft_owner a = { "net-a", "container-a", "eth0" };
	struct bw_nft_owner b = { "net-b", NULL, "eth0" };
	struct bw_nft_visitor v = { want_network, (void *)(uintptr_t) "net-b" };
	bw_autonl struct bw_nl *nf = NULL;
	char cid[257];

	(void)t;
	memset(cid, 'c', sizeof(cid) - 1);
	cid[sizeof(cid) - 1] = '\0';
	b.container_id = cid;
	assert_ok(bw_nl_open(BW_NL_NETFILTER, NULL, &nf, &err));
	assert_int_equal(bw_nft_masq_count(nf, &a, &err), 0);
	assert_ok(bw_nft_masq_del(nf, &a, &err));
	assert_ok(bw_nft_masq_add(nf, &a, addrs, 2, &err));
	assert_ok(bw_nft_masq_add(nf, &b, addrs, 2, &err));
	assert_int_equal(bw_nft_masq_count(nf, &a, &err), 2);
	assert_int_equal(bw_nft_masq_count(nf, &b, &err), 2);
	assert_ok(bw_nft_masq_sweep(nf, &v, &err));
	assert_int_equal(bw_nft_masq_count(nf, &b, &err), 0);
	assert_int_equal(bw_nft_masq_count(nf, &a, &err), 2);
	/* As if its row in the journal had been lost between. */
	assert_ok(bw_nft_masq_add(nf, &a, addrs, 2, &err));
	assert_ok(bw_nft_masq_del(nf, &a, &err));
	assert_ok(bw_nft_masq_del(nf, &a, &err));
	assert_int_equal(bw_nft_masq_count(nf, &a, &err), 0);
}

static void sysctls_are_of_the_namespace_entered(void **state)
{
	struct bed *t = *state;
	struct bw_link br = { 0 }, host = { 0 }, pod = { 0 };
	char text[BW_SYSCTL_VALUE_MAX];

	build(t, &br, &host, &pod);
	assert_ok(bw_netns_enter(&t->pod.ns, &err));
	assert_ok(bw_sysctl_set(&err, "1", "ipv4/conf/%s/arp_notify", "eth0"));
	assert_ok(bw_sysctl_get(&err, text, "ipv4/conf/%s/arp_notify", "eth0"));
	assert_ok(bw_netns_leave(&t->pod.ns, &err));
	assert_string_equal(text, "1");
	assert_int_equal(bw_sysctl_get(&err, text, "ipv4/conf/%s/arp_notify", "eth0"), -ENOENT);
	assert_int_equal(bw_sysctl_set(&err, "1", "ipv4/conf/%s/arp_notify", "eth0"), -ENOENT);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(sockets_know_their_namespace),
		T(open_refuses_what_is_no_namespace),
		T(veth_is_built_in_one_message),
		T(a_batch_tells_which_message_failed),
		T(an_overflowing_batch_is_not_sent),
		T(a_visitor_that_stops_leaves_the_socket_usable),
		T(carrier_wait_ends),
		T(a_probe_finds_who_has_the_address),
		T(an_announcement_keeps_permanent_neighbours_when_asked),
		T(masquerade_rules_belong_to_an_owner),
		T(sysctls_are_of_the_namespace_entered),
	};

	if (unshare(CLONE_NEWNET) < 0) {
		printf("1..0 # SKIP needs the right to make network namespaces\n");
		return 0;
	}
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
