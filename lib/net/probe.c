/* SPDX-License-Identifier: Apache-2.0 */
/* Is an address in use on the segment: ask, listen, say who answered. */
#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_arp.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/icmp6.h>
#include <netinet/ip6.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include <bw/announce.h>
#include <bw/clock.h>
#include <bw/err.h>
#include <bw/netns.h>
#include <bw/probe.h>

#define NS_PER_MS 1000000ULL
#define RX_SIZE 256 /* bytes of a frame looked at: headers, one ND message, options */
#define SENDS 2 /* one frame may be lost */
#define ND_OPTS_MAX 8

static const struct bw_mac broadcast = { { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff } };

/* Only ARP and neighbour discovery reach us, however busy the device is. */
static const struct sock_filter arp_or_nd[] = {
	BPF_STMT(BPF_LD | BPF_H | BPF_ABS, offsetof(struct ethhdr, h_proto)),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_ARP, 5, 0),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IPV6, 0, 5),
	BPF_STMT(BPF_LD | BPF_B | BPF_ABS, ETH_HLEN + offsetof(struct ip6_hdr, ip6_nxt)),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_ICMPV6, 0, 3),
	BPF_STMT(BPF_LD | BPF_B | BPF_ABS, ETH_HLEN + sizeof(struct ip6_hdr)),
	BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, ND_NEIGHBOR_SOLICIT, 0, 1),
	BPF_STMT(BPF_RET | BPF_K, RX_SIZE),
	BPF_STMT(BPF_RET | BPF_K, 0),
};

static int match(const struct bw_probe *p, const struct bw_ip *ip, const uint8_t mac[6],
		 struct bw_probe_answer *ret)
{
	/* Our own frames come back from some switches and from emulated ones. */
	if (memcmp(mac, p->mac.b, BW_MAC_SIZE) == 0)
		return 0;
	for (size_t i = 0; i < p->n_ips; i++) {
		if (!bw_ip_eq(&p->ips[i], ip))
			continue;
		ret->ip = *ip;
		memcpy(ret->mac.b, mac, BW_MAC_SIZE);
		return 1;
	}
	return 0;
}

/* The other of two probes, which some switches send back. */
static int is_also(const struct bw_probe *p, const uint8_t mac[6])
{
	return !bw_mac_is_zero(&p->also) && memcmp(mac, p->also.b, BW_MAC_SIZE) == 0;
}

static int match_arp(const struct bw_probe *p, const uint8_t *a, size_t size,
		     struct bw_probe_answer *ret)
{
	static const uint8_t zero[4];
	const size_t sha = 8, spa = 14, tpa = 24; /* RFC 826, Ethernet and IPv4 */
	struct bw_ip ip;

	if (size < tpa + 4 || a[0] != 0 || a[1] != ARPHRD_ETHER || a[4] != 6 || a[5] != 4)
		return 0;
	ip = bw_ip_from_bytes(AF_INET, a + spa);
	if (match(p, &ip, a + sha, ret))
		return 1;
	/* A probe of somebody else for the same address (RFC 5227 section 2.1.1). */
	if (memcmp(a + spa, zero, sizeof(zero)) != 0 || a[7] != ARPOP_REQUEST ||
	    is_also(p, a + sha))
		return 0;
	ip = bw_ip_from_bytes(AF_INET, a + tpa);
	return match(p, &ip, a + sha, ret);
}

/* The link-layer address an option of this kind carries; else the frame's source. */
static const uint8_t *nd_mac(const uint8_t *opts, size_t left, uint8_t kind, const uint8_t *src)
{
	for (int i = 0; i < ND_OPTS_MAX && left >= 8; i++) {
		size_t len = (size_t)opts[1] * 8;

		if (len == 0 || len > left)
			break;
		if (opts[0] == kind)
			return opts + 2;
		opts += len;
		left -= len;
	}
	return src;
}

static int match_nd(const struct bw_probe *p, const uint8_t *src_mac, const uint8_t *ip6,
		    size_t size, struct bw_probe_answer *ret)
{
	static const uint8_t unspecified[16];
	const size_t nd = sizeof(struct ip6_hdr), target = nd + 8, opts = target + 16;
	const uint8_t *src = ip6 + offsetof(struct ip6_hdr, ip6_src);
	struct bw_ip ip;

	if (size < opts || ip6[offsetof(struct ip6_hdr, ip6_nxt)] != IPPROTO_ICMPV6)
		return 0;
	ip = bw_ip_from_bytes(AF_INET6, ip6 + target);
	if (ip6[nd] == ND_NEIGHBOR_ADVERT)
		return match(p, &ip,
			     nd_mac(ip6 + opts, size - opts, ND_OPT_TARGET_LINKADDR, src_mac), ret);
	if (ip6[nd] != ND_NEIGHBOR_SOLICIT)
		return 0;
	if (memcmp(src, unspecified, sizeof(unspecified)) == 0) /* duplicate detection */
		return !is_also(p, src_mac) && match(p, &ip, src_mac, ret);
	ip = bw_ip_from_bytes(AF_INET6, src);
	return match(p, &ip, src_mac, ret);
}

int bw_probe_match(const struct bw_probe *p, const void *frame, size_t size,
		   struct bw_probe_answer *ret)
{
	const uint8_t *f = frame;
	uint16_t proto;

	if (size < ETH_HLEN)
		return 0;
	proto = (uint16_t)(f[12] << 8 | f[13]);
	if (proto == ETH_P_ARP)
		return match_arp(p, f + ETH_HLEN, size - ETH_HLEN, ret);
	if (proto == ETH_P_IPV6)
		return match_nd(p, f + ETH_ALEN, f + ETH_HLEN, size - ETH_HLEN, ret);
	return 0;
}

static int open_here(const struct bw_probe *p, int *ret_fd, struct bw_err *err)
{
	struct sock_filter filter[BW_ARRAY_SIZE(arp_or_nd)];
	struct sock_fprog prog = { BW_ARRAY_SIZE(filter), filter };
	struct sockaddr_ll at = { .sll_family = AF_PACKET,
				  .sll_protocol = htons(ETH_P_ALL),
				  .sll_ifindex = p->ifindex };
	struct packet_mreq all = { .mr_ifindex = p->ifindex, .mr_type = PACKET_MR_ALLMULTI };
	bw_autoclose int fd = -1;
	int on = 1;

	memcpy(filter, arp_or_nd, sizeof(filter));
	/* Bound only after the filter is there: nothing unfiltered is queued. */
	fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return bw_fail(err, errno, "open packet socket");
	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog)) < 0 ||
	    setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, &on, sizeof(on)) < 0 ||
	    setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all, sizeof(all)) < 0)
		return bw_fail(err, errno, "prepare packet socket");
	if (bind(fd, (const struct sockaddr *)&at, sizeof(at)) < 0)
		return bw_fail(err, errno, "bind packet socket to device %d", p->ifindex);
	*ret_fd = BW_TAKE_FD(fd);
	return 0;
}

static int open_socket(const struct bw_probe *p, int *ret_fd, struct bw_err *err)
{
	int r, back;

	if (!p->ns)
		return open_here(p, ret_fd, err);
	r = bw_netns_enter(p->ns, err);
	if (r < 0)
		return r;
	r = open_here(p, ret_fd, err);
	back = bw_netns_leave(p->ns, r < 0 ? NULL : err);
	if (r >= 0 && back < 0)
		bw_autoclose_fn(ret_fd);
	return r < 0 ? r : back;
}

static int send_probes(const struct bw_probe *p, int fd, struct bw_err *err)
{
	uint16_t vlan = p->untagged_out ? 0 : p->vlan;

	for (size_t i = 0; i < p->n_ips; i++) {
		const struct bw_ip *ip = &p->ips[i];
		struct bw_frame_arp arp = { .dst = broadcast,
					    .sha = p->mac,
					    .spa = { .family = AF_INET },
					    .tpa = *ip,
					    .op = ARPOP_REQUEST,
					    .vlan = vlan };
		struct bw_frame f;

		if (ip->family == AF_INET)
			bw_frame_arp(&f, &arp);
		else
			bw_frame_ns_probe(&f, &p->mac, ip, vlan);
		if (send(fd, f.data, f.size, 0) < 0 && errno != EAGAIN && errno != ENOBUFS)
			return bw_fail(err, errno, "probe for an address");
	}
	return 0;
}

/* The VLAN a received frame came with; 0 = untagged or priority-tagged. */
static uint16_t vlan_of(struct msghdr *msg)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(msg);
	struct tpacket_auxdata aux;

	if (!c || c->cmsg_level != SOL_PACKET || c->cmsg_type != PACKET_AUXDATA ||
	    c->cmsg_len < CMSG_LEN(sizeof(aux)))
		return 0;
	memcpy(&aux, CMSG_DATA(c), sizeof(aux));
	return aux.tp_status & TP_STATUS_VLAN_VALID ? aux.tp_vlan_tci & 0xfff : 0;
}

/* Reads what is queued. 1 = a conflict, 0 = nothing of interest; -errno. */
static int take(const struct bw_probe *p, int fd, struct bw_probe_answer *ret, struct bw_err *err)
{
	for (;;) {
		_Alignas(struct cmsghdr)
			uint8_t control[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
		struct sockaddr_ll from;
		uint8_t frame[RX_SIZE];
		struct iovec iov = { frame, sizeof(frame) };
		struct msghdr msg = { .msg_name = &from,
				      .msg_namelen = sizeof(from),
				      .msg_iov = &iov,
				      .msg_iovlen = 1,
				      .msg_control = control,
				      .msg_controllen = sizeof(control) };
		ssize_t n = recvmsg(fd, &msg, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : bw_fail(err, errno, "listen for answers");
		if (from.sll_pkttype == PACKET_OUTGOING || vlan_of(&msg) != p->vlan)
			continue;
		if (bw_probe_match(p, frame, (size_t)n, ret))
			return 1;
	}
}

/* All of them at once. 1 = a conflict, 0 = the time is over; -errno. */
static int listen_until(const struct bw_probe *ps, struct pollfd *fds, size_t n, uint64_t deadline,
			struct bw_probe_answer *ret, struct bw_err *err)
{
	for (;;) {
		uint64_t now = bw_clock_boot_ns();
		int r;

		if (now >= deadline)
			return 0;
		r = poll(fds, n, (int)((deadline - now + NS_PER_MS - 1) / NS_PER_MS));
		if (r < 0 && errno != EINTR)
			return bw_fail(err, errno, "listen for answers");
		for (size_t i = 0; i < n && r > 0; i++) {
			int found = fds[i].revents ? take(&ps[i], fds[i].fd, ret, err) : 0;

			if (found)
				return found;
		}
	}
}

static int ask(const struct bw_probe *ps, struct pollfd *fds, size_t n, int ms,
	       struct bw_probe_answer *ret, struct bw_err *err)
{
	uint64_t start = bw_clock_boot_ns();
	int r = 0;

	for (uint64_t round = 1; r == 0 && round <= SENDS; round++) {
		for (size_t i = 0; i < n && r == 0; i++)
			r = send_probes(&ps[i], fds[i].fd, err);
		if (r == 0)
			r = listen_until(ps, fds, n,
					 start + (uint64_t)ms * NS_PER_MS * round / SENDS, ret,
					 err);
	}
	return r;
}

int bw_probe_run_all(const struct bw_probe *ps, size_t n, struct bw_probe_answer *ret,
		     struct bw_err *err)
{
	struct pollfd fds[BW_PROBES_MAX];
	size_t open = 0;
	int ms = 0, r = 0;

	if (!n || n > BW_PROBES_MAX)
		return bw_fail(err, EINVAL, "probe in %zu places", n);
	for (size_t i = 0; i < n; i++) {
		int own = ps[i].listen_ms ? ps[i].listen_ms : BW_PROBE_MS_DEFAULT;

		ms = own > ms ? own : ms;
		if (ps[i].n_ips > BW_PROBE_ADDRS_MAX || own < 1 || own > BW_PROBE_MS_MAX)
			return bw_fail(err, EINVAL, "probe for %zu addresses within %d ms",
				       ps[i].n_ips, own);
	}
	for (; open < n && r == 0; open++) {
		fds[open] = (struct pollfd){ .fd = -1, .events = POLLIN };
		r = open_socket(&ps[open], &fds[open].fd, err);
	}
	if (r == 0)
		r = ask(ps, fds, n, ms, ret, err);
	for (size_t i = 0; i < open; i++)
		bw_autoclose_fn(&fds[i].fd);
	return r;
}

int bw_probe_run(const struct bw_probe *p, struct bw_probe_answer *ret, struct bw_err *err)
{
	return bw_probe_run_all(p, 1, ret, err);
}
