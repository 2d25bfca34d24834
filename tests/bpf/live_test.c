/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What BPF_PROG_TEST_RUN cannot show: tags in the device's hands, frames that really arrive, short
 * ones, and who sent what. A bridge with an uplink to the wire W and the pods A and B.
 */
#include "kit.h"

#include <bw/defs.h>

#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <poll.h>
#include <sys/socket.h>

#define TCX_INGRESS 46 /* enum bpf_attach_type since Linux 6.6 */
#define TCX_EGRESS 47
#define WAIT_MS 3000
#define VID 10
#define A_SLOT 3
#define B_SLOT 4
#define LOCAL_FAST (BW_FDB_F_LOCAL | BW_FDB_F_ACCEL)

struct port {
	int ns, sock; /* of the far end */
	int ifindex; /* of the near end */
};

#define LINKS_MAX 6

static struct {
	int home;
	struct port w, a, b;
	int links[LINKS_MAX], n_links; /* tcx: the programs are attached while these are open */
} bed;

static BW_PRINTF(1, 2) void run_command(const char *format, ...)
{
	char command[256];
	va_list ap;

	va_start(ap, format);
	vsnprintf(command, sizeof(command), format, ap);
	va_end(ap);
	if (system(command)) /* a test's own constant text */
		fail_msg("%s", command);
}

/* No frame but ours: the kernel's own IPv6 stays silent in this namespace. */
static void be_quiet(void)
{
	run_command(
		"for c in all default; do echo 1 >/proc/sys/net/ipv6/conf/$c/disable_ipv6; done");
}

static int ns_new(void)
{
	int fd;

	assert_int_equal(unshare(CLONE_NEWNET), 0);
	be_quiet();
	fd = open("/proc/self/ns/net", O_RDONLY);
	assert_true(fd >= 0);
	assert_int_equal(setns(bed.home, CLONE_NEWNET), 0);
	return fd;
}

/* A raw socket at the far end, which tells the tag the device took off. */
static int ns_socket(int ns, const char *dev)
{
	struct sockaddr_ll addr = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
	int on = 1, fd;

	assert_int_equal(setns(ns, CLONE_NEWNET), 0);
	run_command("ip link set %s up", dev);
	fd = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
	assert_true(fd >= 0);
	addr.sll_ifindex = (int)if_nametoindex(dev);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, &on, sizeof(on)), 0);
	assert_int_equal(setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on)), 0);
	assert_int_equal(setns(bed.home, CLONE_NEWNET), 0);
	return fd;
}

static struct port port_new(const char *near, char mac)
{
	struct port p;

	p.ns = ns_new();
	run_command("ip link add %s type veth peer name eth0 address 02:00:00:00:00:%02x "
		    "netns /proc/%d/fd/%d",
		    near, mac, (int)getpid(), p.ns);
	run_command("ip link set %s master br0 up && ip link set %s type bridge_slave learning off",
		    near, near);
	p.sock = ns_socket(p.ns, "eth0");
	p.ifindex = (int)if_nametoindex(near);
	return p;
}

/* By clsact, or by tcx where the kernel has it. */
static void attach(int prog, int ifindex, int is_egress, int is_clsact)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = ifindex,
		    .attach_point = is_egress ? BPF_TC_EGRESS : BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .prog_fd = prog, .handle = 1, .priority = 2);
	int r, type = is_egress ? TCX_EGRESS : TCX_INGRESS;

	r = is_clsact ? -1 : bpf_link_create(prog, ifindex, (enum bpf_attach_type)type, NULL);
	if (r >= 0 && bed.n_links < LINKS_MAX) {
		bed.links[bed.n_links++] = r;
		return;
	}
	libbpf_set_print(NULL); /* the second hook of a device is there already */
	r = bpf_tc_hook_create(&hook);
	assert_true(!r || r == -EEXIST);
	assert_int_equal(bpf_tc_attach(&hook, &opts), 0);
}

static void attach_all(int is_clsact)
{
	while (bed.n_links)
		close(bed.links[--bed.n_links]);
	attach(kit.pod_tx, bed.a.ifindex, 0, is_clsact);
	attach(kit.pod_tx, bed.b.ifindex, 0, is_clsact);
	attach(kit.pod_rx, bed.a.ifindex, 1, is_clsact);
	attach(kit.pod_rx, bed.b.ifindex, 1, is_clsact);
	attach(kit.up_rx, bed.w.ifindex, 0, is_clsact);
	attach(kit.up_tx, bed.w.ifindex, 1, is_clsact);
}

static int bed_open(void **state)
{
	if (kit_open(state))
		return -1;
	bed.home = open("/proc/self/ns/net", O_RDONLY);
	be_quiet();
	run_command("ip link set lo up && ip link add br0 address 02:00:00:00:00:48 type bridge "
		    "mcast_snooping 0 && ip link set br0 up");
	bed.w = port_new("up0", 'X');
	bed.a = port_new("ha", 'A');
	bed.b = port_new("hb", 'B');
	/* as the plugin does: the bridge knows its pods, and nobody else here */
	run_command("bridge fdb add 02:00:00:00:00:41 dev ha master static && "
		    "bridge fdb add 02:00:00:00:00:42 dev hb master static");
	attach_all(0);
	return 0;
}

static void pod_put(char name, const struct port *p, uint32_t slot, uint32_t flags, uint16_t vid)
{
	struct bw_ep ep = kit_pod(name, slot, flags);

	ep.dev = ep.uplink = (uint32_t)bed.w.ifindex;
	ep.vid = vid;
	if (name == 'B')
		ep.v4[0] = kit_net4("10.1.0.3", 32);
	kit_put_ep((uint32_t)p->ifindex, &ep);
	kit_put_fdb(ep.dev, vid, name, (uint32_t)p->ifindex, slot, LOCAL_FAST);
}

static void wire_drain(const struct port *at)
{
	uint8_t b[PK_MAX];

	for (int i = 0; i < 1000 && recv(at->sock, b, sizeof(b), MSG_DONTWAIT) >= 0; i++)
		;
}

/* Fresh maps, both pods, one segment, and nothing left of the test before. */
static void scene(uint16_t vid)
{
	void *state = NULL;

	wire_drain(&bed.w);
	wire_drain(&bed.a);
	wire_drain(&bed.b);
	kit_reset(&state);
	pod_put('A', &bed.a, A_SLOT, KIT_CHECKED, vid);
	pod_put('B', &bed.b, B_SLOT, KIT_CHECKED, vid);
	kit_put_uplink((uint32_t)bed.w.ifindex, vid ? BW_UPLINK_F_VLAN : 0, vid);
}

static void wire_send(const struct port *from, const char *spec)
{
	struct pk p;

	pk_build(&p, spec);
	assert_int_equal(send(from->sock, p.b, p.len, 0), (ssize_t)p.len);
}

struct seen {
	uint8_t b[PK_MAX];
	size_t len;
	int tci, tpid; /* -1: no tag taken off */
};

/* The next frame within the deadline; 0 or -1. */
static int wire_next(const struct port *at, struct seen *ret)
{
	struct pollfd pfd = { .fd = at->sock, .events = POLLIN };
	struct iovec iov = { .iov_base = ret->b, .iov_len = sizeof(ret->b) };
	union {
		struct cmsghdr align;
		uint8_t b[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
	} control;
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = &control,
			      .msg_controllen = sizeof(control) };
	ssize_t n;

	if (poll(&pfd, 1, WAIT_MS) != 1 || (n = recvmsg(at->sock, &msg, 0)) < 0)
		return -1;
	ret->len = (size_t)n;
	ret->tci = ret->tpid = -1;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c)) {
		struct tpacket_auxdata aux;

		memcpy(&aux, CMSG_DATA(c), sizeof(aux));
		if (c->cmsg_type == PACKET_AUXDATA && aux.tp_status & TP_STATUS_VLAN_VALID) {
			ret->tci = aux.tp_vlan_tci;
			ret->tpid = aux.tp_status & TP_STATUS_VLAN_TPID_VALID ? aux.tp_vlan_tpid
									      : 0x8100;
		}
	}
	return 0;
}

/* Waits for exactly @spec; every other frame of a test must have been let through by it. */
static void expect_frame(const struct port *at, const char *spec, int tci)
{
	struct seen s;
	struct pk p;

	pk_build(&p, spec);
	if (wire_next(at, &s))
		fail_msg("not seen: %s", spec);
	if (s.len != p.len || memcmp(s.b, p.b, p.len))
		fail_msg("another frame than %s: %zu bytes to ..%02x from ..%02x", spec, s.len,
			 s.b[5], s.b[11]);
	assert_int_equal(s.tci, tci);
	if (tci >= 0)
		assert_int_equal(s.tpid, 0x8100);
}

static void expect_quiet(const struct port *at)
{
	struct pollfd pfd = { .fd = at->sock, .events = POLLIN };

	assert_int_equal(poll(&pfd, 1, 0), 0);
}

#define A_TO_B "A>B ip 10.1.0.2>10.1.0.3 tcp 4000>80"
#define A_TO_X "A>X ip 10.1.0.2>10.1.0.9 tcp 4000>80"
#define X_TO_A "X>A ip 10.1.0.9>10.1.0.2 tcp 80>4000"

static void frames_arrive_by_the_fast_path(void **state)
{
	(void)state;
	scene(0);
	wire_send(&bed.a, A_TO_B);
	expect_frame(&bed.b, A_TO_B, -1);
	assert_int_equal(kit_stat(B_SLOT).packets[BW_PATH_RX_FAST], 1);
	wire_send(&bed.w, X_TO_A);
	expect_frame(&bed.a, X_TO_A, -1);
	assert_int_equal(kit_stat(A_SLOT).packets[BW_PATH_RX_FAST], 1);
	wire_send(&bed.a, A_TO_X);
	expect_frame(&bed.w, A_TO_X, -1);
	assert_int_equal(kit_stat(A_SLOT).packets[BW_PATH_TX_FAST], 2);
	assert_int_equal(kit_stat(A_SLOT).packets[BW_PATH_RX_SLOW], 0);
	assert_false(kit_is_sticky(A_SLOT));
}

static void slow_frames_arrive_and_are_sticky(void **state)
{
	(void)state;
	scene(0);
	wire_send(&bed.a, A_TO_X); /* X is unknown: flooded by the bridge */
	expect_frame(&bed.w, A_TO_X, -1);
	expect_frame(&bed.b, A_TO_X, -1);
	assert_int_equal(kit_stat(A_SLOT).packets[BW_PATH_TX_SLOW], 1);
	assert_false(kit_is_sticky(B_SLOT)); /* flooded, for another */
	kit_put_fdb((uint32_t)bed.w.ifindex, 0, 'B', (uint32_t)bed.b.ifindex, B_SLOT,
		    0); /* not known as local yet: as a frame that netfilter sends there */
	wire_send(&bed.a, A_TO_B);
	expect_frame(&bed.b, A_TO_B, -1);
	assert_true(kit_is_sticky(B_SLOT));
}

/* "net slow" and back: what was slow by our own choice is not sticky afterwards. */
static void an_operators_slowness_leaves_nothing_behind(void **state)
{
	(void)state;
	scene(0);
	pod_put('A', &bed.a, A_SLOT, KIT_CHECKED | BW_EP_F_SLOW, 0);
	wire_send(&bed.a, A_TO_B);
	expect_frame(&bed.b, A_TO_B, -1);
	assert_int_equal(kit_stat(B_SLOT).packets[BW_PATH_RX_SLOW], 1);
	assert_false(kit_is_sticky(B_SLOT));
	pod_put('A', &bed.a, A_SLOT, KIT_CHECKED, 0);
	wire_send(&bed.a, A_TO_B);
	expect_frame(&bed.b, A_TO_B, -1);
	assert_int_equal(kit_stat(B_SLOT).packets[BW_PATH_RX_FAST], 1);
}

static void the_hosts_own_traffic_is_not_sticky(void **state)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(80) };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct seen s;

	(void)state;
	scene(0);
	run_command("ip addr replace 10.1.0.1/24 dev br0 && "
		    "ip neigh replace 10.1.0.2 lladdr 02:00:00:00:00:41 dev br0");
	assert_int_equal(inet_pton(AF_INET, "10.1.0.2", &to.sin_addr), 1);
	assert_int_equal(sendto(fd, "hello", 5, 0, (struct sockaddr *)&to, sizeof(to)), 5);
	close(fd);
	assert_int_equal(wire_next(&bed.a, &s), 0);
	assert_int_equal(s.b[11], 0x48);
	assert_int_equal(kit_stat(A_SLOT).packets[BW_PATH_RX_SLOW], 1);
	assert_false(kit_is_sticky(A_SLOT));
	run_command("ip addr del 10.1.0.1/24 dev br0");
}

static void a_short_frame_of_a_checked_pod_is_dropped(void **state)
{
	(void)state;
	scene(0);
	wire_send(&bed.a, "A>B ip 10.1.0.2>10.1.0.3 cut=30");
	wire_send(&bed.a, "A>B ip6 fd00::2>fd00::3 cut=50");
	wire_send(&bed.a, "A>B type=0x0806 pad=8");
	wire_send(&bed.a, A_TO_B);
	expect_frame(&bed.b, A_TO_B, -1);
	expect_quiet(&bed.b);
	assert_int_equal(kit_stat(A_SLOT).drops[BW_DROP_PARSE], 3);
}

static void a_forged_frame_reaches_nobody(void **state)
{
	(void)state;
	scene(0);
	wire_send(&bed.a, "A>B vlan=10 ip 10.1.0.2>10.1.0.3 tcp 1>2");
	wire_send(&bed.a, "A>B vlan=10 prio=0 ip 10.1.0.2>10.1.0.3 tcp 1>2");
	wire_send(&bed.a, "A>B prio=0 vlan=10 ip 10.1.0.2>10.1.0.3 tcp 1>2");
	wire_send(&bed.a, "A>B prio=0 prio=0 ip 10.1.0.2>10.1.0.3 tcp 1>2");
	wire_send(&bed.a, "A>B ad=0 ip 10.1.0.2>10.1.0.3 tcp 1>2");
	wire_send(&bed.a, "A>B prio=0 ip 10.1.0.7>10.1.0.3 tcp 1>2");
	wire_send(&bed.a, "A>* prio=0 arp=2 A@10.1.0.7>10.1.0.3");
	wire_send(&bed.a, A_TO_B);
	expect_frame(&bed.b, A_TO_B, -1);
	expect_quiet(&bed.w);
	assert_int_equal(kit_stat(A_SLOT).drops[BW_DROP_VLAN], 5);
	assert_int_equal(kit_stat(A_SLOT).drops[BW_DROP_IP4], 1);
	assert_int_equal(kit_stat(A_SLOT).drops[BW_DROP_ARP], 1);
}

/* VLAN carried by the programs. */
static void every_frame_leaves_with_the_tag(void **state)
{
	(void)state;
	scene(VID);
	kit_put_remote((uint32_t)bed.w.ifindex, VID, 'X', 0);
	wire_send(&bed.a, A_TO_X);
	expect_frame(&bed.w, A_TO_X, VID);
	assert_int_equal(kit_stat(A_SLOT).packets[BW_PATH_TX_FAST], 1);
	wire_send(&bed.a, "A>* arp=1 A@10.1.0.2>10.1.0.9");
	expect_frame(&bed.w, "A>* arp=1 A@10.1.0.2>10.1.0.9", VID);
	expect_frame(&bed.b, "A>* arp=1 A@10.1.0.2>10.1.0.9", -1);
	/* a priority tag becomes the tag's priority: never two tags */
	wire_send(&bed.a, "A>X prio=5 ip 10.1.0.2>10.1.0.9 tcp 4000>80");
	expect_frame(&bed.w, A_TO_X, 5 << 13 | VID);
	expect_quiet(&bed.w);
}

static void only_its_own_vlan_comes_in(void **state)
{
	static const char *const strangers[] = {
		"X>A ip 10.1.0.9>10.1.0.2 tcp 80>1",
		"X>A prio=3 ip 10.1.0.9>10.1.0.2 tcp 80>2",
		"X>A vlan=20 ip 10.1.0.9>10.1.0.2 tcp 80>3",
		"X>A vlan=10 vlan=20 ip 10.1.0.9>10.1.0.2 tcp 80>4",
		"X>A vlan=10 prio=0 ip 10.1.0.9>10.1.0.2 tcp 80>5",
		"X>A vlan=20 vlan=10 ip 10.1.0.9>10.1.0.2 tcp 80>6",
		"X>A ad=10 ip 10.1.0.9>10.1.0.2 tcp 80>7",
		"X>* arp=1 X@10.1.0.9>10.1.0.2",
		"X>* vlan=20 arp=1 X@10.1.0.9>10.1.0.2",
		"X>* vlan=10 ad=20 arp=1 X@10.1.0.9>10.1.0.2",
	};
	size_t n = sizeof(strangers) / sizeof(strangers[0]);

	(void)state;
	scene(VID);
	for (size_t i = 0; i < n; i++)
		wire_send(&bed.w, strangers[i]);
	wire_send(&bed.w, "X>A vlan=10 ip 10.1.0.9>10.1.0.2 tcp 80>4000");
	expect_frame(&bed.a, X_TO_A, -1);
	assert_int_equal(kit_stat(A_SLOT).packets[BW_PATH_RX_FAST], 1);
	wire_send(&bed.w, "X>* vlan=10 arp=1 X@10.1.0.9>10.1.0.2");
	expect_frame(&bed.a, "X>* arp=1 X@10.1.0.9>10.1.0.2", -1);
	expect_frame(&bed.b, "X>* arp=1 X@10.1.0.9>10.1.0.2", -1);
	expect_quiet(&bed.a);
	assert_int_equal(kit_stat(KIT_UPLINK_SLOT).drops[BW_DROP_VLAN], n);
}

/* 01:80:c2:00:00:0x is between neighbours and untagged, whatever the VLAN. */
static void neighbour_protocols_are_left_alone(void **state)
{
	(void)state;
	scene(VID);
	wire_send(&bed.w, "X>S llc=38 pad=46");
	expect_frame(&bed.a, "X>S llc=38 pad=46", -1); /* no spanning tree here: flooded */
	wire_send(&bed.w, "X>A vlan=10 ip 10.1.0.9>10.1.0.2 tcp 80>4000");
	expect_frame(&bed.a, X_TO_A, -1);
	assert_int_equal(kit_stat(KIT_UPLINK_SLOT).drops[BW_DROP_VLAN], 0);
}

/* Linux 6.1 has no tcx: the same programs as filters of a clsact qdisc. Runs last. */
static void the_same_by_clsact(void **state)
{
	if (!bed.n_links)
		return; /* all of it ran by clsact already */
	attach_all(1);
	frames_arrive_by_the_fast_path(state);
	slow_frames_arrive_and_are_sticky(state);
	a_forged_frame_reaches_nobody(state);
	every_frame_leaves_with_the_tag(state);
	only_its_own_vlan_comes_in(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_arrive_by_the_fast_path),
		cmocka_unit_test(slow_frames_arrive_and_are_sticky),
		cmocka_unit_test(an_operators_slowness_leaves_nothing_behind),
		cmocka_unit_test(the_hosts_own_traffic_is_not_sticky),
		cmocka_unit_test(a_short_frame_of_a_checked_pod_is_dropped),
		cmocka_unit_test(a_forged_frame_reaches_nobody),
		cmocka_unit_test(every_frame_leaves_with_the_tag),
		cmocka_unit_test(only_its_own_vlan_comes_in),
		cmocka_unit_test(neighbour_protocols_are_left_alone),
		cmocka_unit_test(the_same_by_clsact),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, bed_open, kit_close);
}
