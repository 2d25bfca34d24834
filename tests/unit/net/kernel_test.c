/* SPDX-License-Identifier: Apache-2.0 */
/* lib/net against a real kernel, in a network namespace of the test's own. */
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include <cmocka.h>

#include <bw/addr.h>
#include <bw/announce.h>
#include <bw/bridge_port.h>
#include <bw/err.h>
#include <bw/link.h>
#include <bw/neigh.h>
#include <bw/netns.h>
#include <bw/nft.h>
#include <bw/nl.h>
#include <bw/probe.h>
#include <bw/route.h>
#include <bw/sysctl.h>

/* A second namespace, held by a child that waits for its pipe to close. */
struct bed {
	struct bw_nl *nl;
	struct bw_nl *nl_pod;
	struct bw_netns pod;
	char path[64];
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

static struct bw_mac mac(const char *s)
{
	struct bw_mac r;

	assert_int_equal(bw_mac_parse(s, &r), 0);
	return r;
}

static int setup(void **state)
{
	struct bed *t = calloc(1, sizeof(*t));
	int ready[2], hold[2];
	char c;

	assert_non_null(t);
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
	snprintf(t->path, sizeof(t->path), "/proc/%d/ns/net", (int)t->child);
	t->pod = BW_NETNS_NONE;
	assert_ok(bw_netns_open(t->path, &t->pod, &err));
	assert_ok(bw_nl_open(BW_NL_ROUTE, NULL, &t->nl, &err));
	assert_ok(bw_nl_open(BW_NL_ROUTE, &t->pod, &t->nl_pod, &err));
	*state = t;
	return 0;
}

static int teardown(void **state)
{
	struct bed *t = *state;
	static const char *const names[] = { "br0", "h0", "up0" };

	for (size_t i = 0; i < BW_ARRAY_SIZE(names); i++)
		assert_ok(bw_link_del(t->nl, 0, names[i], &err));
	bw_nl_close(&t->nl);
	bw_nl_close(&t->nl_pod);
	bw_netns_close(&t->pod);
	close(t->hold);
	waitpid(t->child, NULL, 0);
	free(t);
	return 0;
}

static void set_up(struct bw_nl *nl, const char *name)
{
	struct bw_link_set up = { .what = BW_LINK_SET_UP };

	assert_ok(bw_link_set(nl, 0, name, &up, &err));
}

/* br0 with h0, whose other end is eth0 (02:..:07) in the pod, everything up, in two talks. */
static void build(struct bed *t, struct bw_link *br, struct bw_link *host, struct bw_link *pod)
{
	struct bw_mac br_mac = mac("02:00:00:00:00:01"), pod_mac = mac("02:00:00:00:00:07");
	struct bw_link_bridge_new nb = {
		.name = "br0", .mac = &br_mac, .mtu = 1400, .vlan_filtering = -1, .default_pvid = -1
	};
	struct bw_link_veth_new nv = { .name = "h0",
				       .up = 1,
				       .mtu = 1400,
				       .gso_max_size = 60000,
				       .peer_name = "eth0",
				       .peer_mac = &pod_mac,
				       .peer_ns = &t->pod };
	struct bw_link_set set = { .what = BW_LINK_SET_NO_LINK_LOCAL | BW_LINK_SET_UP };
	struct bw_nl_batch *b = bw_nl_begin(t->nl);

	bw_link_put_bridge(b, &nb);
	bw_link_put_set(b, 0, "br0", &set);
	bw_link_put_get(b, 0, "br0", br);
	assert_ok(bw_nl_talk(t->nl, b, &err));
	nv.master = br->ifindex;
	b = bw_nl_begin(t->nl);
	bw_link_put_veth(b, &nv);
	bw_link_put_get(b, 0, "h0", host);
	assert_ok(bw_nl_talk(t->nl, b, &err));
	set_up(t->nl_pod, "eth0");
	assert_ok(bw_link_get(t->nl_pod, 0, "eth0", pod, &err));
}

static void sockets_know_their_namespace(void **state)
{
	struct bed *t = *state;
	uint64_t cookie;

	assert_true(t->nl->netns_cookie != 0);
	assert_true(t->nl->netns_cookie != t->nl_pod->netns_cookie);
	assert_ok(bw_netns_cookie(&t->pod, &cookie, &err));
	assert_true(cookie == t->nl_pod->netns_cookie);
	assert_int_equal(bw_netns_is_own(&t->pod, &err), 0);
	assert_int_equal(bw_netns_alive(t->path, cookie, &err), 1);
	assert_int_equal(bw_netns_alive(t->path, cookie + 1, &err), 0);
	assert_int_equal(bw_netns_alive("/nonexistent", cookie, &err), 0);
	assert_int_equal(bw_netns_alive("/proc/self/ns/net", t->nl->netns_cookie, &err), 1);
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
	assert_ok(bw_link_wait_carrier(&t->pod, pod.ifindex, 2000, &err));
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

struct seen {
	int n;
	int total; /* over all tries */
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

static void routes_move_with_all_they_carry(void **state)
{
	struct bed *t = *state;
	struct bw_link br = { 0 }, host = { 0 }, pod = { 0 };
	struct bw_prefix p4 = prefix("10.9.0.7/24"), all4 = prefix("0.0.0.0/0"),
			 far4 = prefix("10.77.0.0/16"), far6 = prefix("fd77::/64"),
			 p6 = prefix("fd09::7/64");
	struct bw_addr a4, a6;
	static struct recorded rec;
	struct bw_route_visitor v = { recorded_reset, record, &rec };
	struct bw_route r, got;
	struct bw_nl_batch *b;

	build(t, &br, &host, &pod);
	b = bw_nl_begin(t->nl);
	a4 = bw_addr_plain(host.ifindex, &p4);
	a6 = bw_addr_plain(host.ifindex, &p6);
	bw_addr_put_add(b, &a4);
	bw_addr_put_add(b, &a6);
	r = (struct bw_route){ .dst = all4,
			       .gw = ip("192.0.2.1"),
			       .src = p4.ip,
			       .ifindex = host.ifindex,
			       .metric = 7,
			       .mtu = 1280,
			       .scope = -1,
			       .onlink = 1 };
	bw_route_put_add(b, &r);
	r = (struct bw_route){ .dst = far4,
			       .gw = ip("10.9.0.1"),
			       .ifindex = host.ifindex,
			       .table = 1000,
			       .proto = 99,
			       .scope = -1 };
	bw_route_put_add(b, &r);
	r = (struct bw_route){
		.dst = far6, .gw = ip("fd09::1"), .ifindex = host.ifindex, .metric = 5, .scope = -1
	};
	bw_route_put_add(b, &r);
	assert_ok(bw_nl_talk(t->nl, b, &err));
	assert_ok(bw_route_list(t->nl, host.ifindex, AF_UNSPEC, &v, &err));
	assert_int_equal(rec.n, 3);
	b = bw_nl_begin(t->nl);
	bw_addr_put_del(b, &a4);
	bw_addr_put_del(b, &a6);
	a4.ifindex = a6.ifindex = br.ifindex;
	bw_addr_put_add(b, &a4);
	bw_addr_put_add(b, &a6);
	for (int i = 0; i < rec.n; i++)
		assert_ok(bw_route_put_moved(b, (void *)rec.msgs[i], host.ifindex, br.ifindex));
	assert_ok(bw_nl_talk(t->nl, b, &err));
	/* Twice is like once. */
	b = bw_nl_begin(t->nl);
	for (int i = 0; i < rec.n; i++)
		assert_ok(bw_route_put_moved(b, (void *)rec.msgs[i], host.ifindex, br.ifindex));
	assert_ok(bw_nl_talk(t->nl, b, &err));
	assert_ok(bw_route_list(t->nl, br.ifindex, AF_INET, &v, &err));
	assert_int_equal(rec.n, 2);
	for (int i = 0; i < rec.n; i++) {
		assert_ok(bw_route_parse((void *)rec.msgs[i], &got));
		if (got.dst.len == 0) {
			assert_int_equal(got.metric, 7);
			assert_int_equal(got.mtu, 1280);
			assert_true(got.onlink);
			assert_true(bw_ip_eq(&got.src, &p4.ip));
		} else {
			assert_int_equal(got.table, 1000);
			assert_int_equal(got.proto, 99);
		}
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

static int count_links(const struct bw_link *l, void *arg, struct bw_err *e)
{
	(void)l;
	(void)e;
	((struct seen *)arg)->n++;
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
	struct seen seen = { 0 };
	struct bw_link_visitor stop = { NULL, refuse_link, NULL };
	struct bw_link_visitor count = { seen_reset, count_links, &seen };

	build(t, &br, &host, &pod);
	assert_int_equal(bw_link_list(t->nl, 0, &stop, &err), -ECANCELED);
	assert_ok(bw_link_list(t->nl, br.ifindex, &count, &err));
	assert_int_equal(seen.n, 1);
	assert_ok(bw_link_list(t->nl, 0, &count, &err));
	assert_int_equal(seen.n, 3);
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

static void a_probe_finds_who_has_the_address(void **state)
{
	struct bed *t = *state;
	struct bw_link br = { 0 }, host = { 0 }, pod = { 0 };
	struct bw_prefix p4 = prefix("10.9.0.7/24"), p6 = prefix("fd09::7/64");
	struct bw_ip used4 = p4.ip, used6 = p6.ip, unused[2] = { ip("10.9.0.8"), ip("fd09::8") };
	struct bw_probe p = { .listen_ms = 40, .n_ips = 2, .ips = unused };
	struct bw_probe_answer who;
	struct bw_addr a4, a6;
	struct bw_nl_batch *b;
	int fd = -1;

	build(t, &br, &host, &pod);
	assert_ok(bw_link_wait_carrier(&t->pod, pod.ifindex, 2000, &err));
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
	p.ns = &t->pod;
	p.ifindex = pod.ifindex;
	p.mac = pod.mac;
	p.listen_ms = 20;
	assert_int_equal(bw_probe_run(&p, &who, &err), 0);
	assert_ok(bw_announce_open(&t->pod, &fd, &err));
	assert_ok(bw_announce_burst(fd, pod.ifindex, &pod.mac, unused, 2, &err));
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
	assert_ok(bw_nft_masq_add(nf, &a, addrs, 2, &err));
	assert_ok(bw_nft_masq_add(nf, &b, addrs, 2, &err));
	assert_int_equal(bw_nft_masq_count(nf, &a, &err), 2);
	assert_int_equal(bw_nft_masq_count(nf, &b, &err), 2);
	assert_ok(bw_nft_masq_sweep(nf, &v, &err));
	assert_int_equal(bw_nft_masq_count(nf, &b, &err), 0);
	assert_int_equal(bw_nft_masq_count(nf, &a, &err), 2);
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
	assert_ok(bw_netns_enter(&t->pod, &err));
	assert_ok(bw_sysctl_set(&err, "1", "ipv4/conf/%s/arp_notify", "eth0"));
	assert_ok(bw_sysctl_get(&err, text, "ipv4/conf/%s/arp_notify", "eth0"));
	assert_ok(bw_netns_leave(&t->pod, &err));
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
		T(addresses_come_and_go),
		T(routes_move_with_all_they_carry),
		T(forwarding_entries_are_static),
		T(port_flags_hold),
		T(vlan_membership_reads_back_or_is_refused),
		T(a_visitor_that_stops_leaves_the_socket_usable),
		T(carrier_wait_ends),
		T(a_probe_finds_who_has_the_address),
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
