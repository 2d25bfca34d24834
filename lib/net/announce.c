/* SPDX-License-Identifier: Apache-2.0 */
/* One burst of gratuitous ARP and unsolicited NA. */
#include <linux/if_link.h>
#include <linux/ip.h>
#include <linux/rtnetlink.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <string.h>

#include <bw/announce.h>
#include <bw/err.h>
#include <bw/link.h>
#include <bw/neigh.h>
#include <bw/netns.h>
#include <bw/nl.h>

#define ND_HOPS 255 /* RFC 4861 section 7.1.2: anything less was forwarded and is ignored */

/* RFC 4861 sections 4.4 and 4.6.1; the kernel fills in the checksum. */
struct na {
	struct nd_neighbor_advert head;
	struct nd_opt_hdr opt;
	struct bw_mac mac;
};

union control {
	struct cmsghdr align;
	char data[CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(int))];
};

int bw_announce_open(const struct bw_netns *ns, int *ret_fd, struct bw_err *err)
{
	bw_autoclose int fd = -1;
	int r = 0;

	if (ns)
		r = bw_netns_enter(ns, err);
	if (r < 0)
		return r;
	fd = socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMPV6);
	if (fd < 0 && errno != EAFNOSUPPORT)
		r = bw_fail(err, errno, "open ICMPv6 socket");
	if (ns) {
		int back = bw_netns_leave(ns, r < 0 ? NULL : err);

		r = r < 0 ? r : back;
	}
	if (r < 0)
		return r;
	*ret_fd = BW_TAKE_FD(fd);
	return 0;
}

void bw_announce_put_arp(struct bw_nl_batch *b, int ifindex, const struct bw_mac *mac)
{
	const struct ifinfomsg ifi = { .ifi_family = AF_UNSPEC, .ifi_index = ifindex };
	const struct bw_link_set again = { .what = BW_LINK_SET_MAC, .mac = *mac };
	uint32_t spec, inet, conf;

	bw_nl_msg(b, RTM_SETLINK, NLM_F_ACK, &ifi, sizeof(ifi), "set arp_notify");
	spec = bw_nl_nest(b, IFLA_AF_SPEC | NLA_F_NESTED);
	inet = bw_nl_nest(b, AF_INET | NLA_F_NESTED);
	conf = bw_nl_nest(b, IFLA_INET_CONF | NLA_F_NESTED);
	bw_nl_put_u32(b, IPV4_DEVCONF_ARP_NOTIFY, 1);
	bw_nl_nest_end(b, conf);
	bw_nl_nest_end(b, inet);
	bw_nl_nest_end(b, spec);
	bw_link_put_set(b, ifindex, NULL, &again);
}

static void put_option(union control *control, size_t at, int type, const void *value, size_t size)
{
	const struct cmsghdr c = { .cmsg_level = IPPROTO_IPV6,
				   .cmsg_type = type,
				   .cmsg_len = CMSG_LEN(size) };

	memcpy(control->data + at, &c, sizeof(c));
	memcpy(control->data + at + CMSG_LEN(0), value, size);
}

static void put_control(union control *control, const struct in6_pktinfo *from)
{
	const int hops = ND_HOPS;

	put_option(control, 0, IPV6_PKTINFO, from, sizeof(*from));
	put_option(control, CMSG_SPACE(sizeof(*from)), IPV6_HOPLIMIT, &hops, sizeof(hops));
}

static int send_na(int fd, int ifindex, const struct bw_mac *mac, const struct bw_ip *ip,
		   struct bw_err *err)
{
	struct na na = { .head.nd_na_type = ND_NEIGHBOR_ADVERT,
			 .head.nd_na_flags_reserved = ND_NA_FLAG_OVERRIDE,
			 .opt = { ND_OPT_TARGET_LINKADDR, 1 },
			 .mac = *mac };
	struct sockaddr_in6 to = { .sin6_family = AF_INET6,
				   .sin6_addr = { { { 0xff, 0x02, [15] = 1 } } },
				   .sin6_scope_id = (uint32_t)ifindex };
	struct in6_pktinfo from = { .ipi6_ifindex = (unsigned int)ifindex };
	union control control = { .data = { 0 } };
	struct iovec iov = { &na, sizeof(na) };
	struct msghdr m = { .msg_name = &to,
			    .msg_namelen = sizeof(to),
			    .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = control.data,
			    .msg_controllen = sizeof(control.data) };
	char s[BW_IP_STR_MAX];

	memcpy(&na.head.nd_na_target, ip->b, sizeof(na.head.nd_na_target));
	memcpy(&from.ipi6_addr, ip->b, sizeof(from.ipi6_addr));
	put_control(&control, &from);
	while (sendmsg(fd, &m, 0) < 0)
		if (errno != EINTR)
			return bw_fail(err, errno, "announce %s", bw_ip_str(ip, s));
	return 0;
}

/* Neighbours that must outlive an announcement. */
struct kept {
	struct bw_ip ip[BW_ANNOUNCE_KEEP_MAX];
	struct bw_mac mac[BW_ANNOUNCE_KEEP_MAX];
	size_t n;
};

static void kept_reset(void *arg)
{
	((struct kept *)arg)->n = 0;
}

static int keep(const struct bw_ip *ip, const struct bw_mac *mac, void *arg, struct bw_err *err)
{
	struct kept *k = arg;

	(void)err;
	if (k->n < BW_ANNOUNCE_KEEP_MAX) {
		k->ip[k->n] = *ip;
		k->mac[k->n++] = *mac;
	}
	return 0;
}

/* Advertisements first; @k is put back in the very batch that makes the kernel forget it. */
static int burst(struct bw_nl *nl, int fd, int ifindex, const struct bw_mac *mac,
		 const struct bw_ip *ips, size_t n, const struct kept *k, struct bw_err *err)
{
	struct bw_nl_batch *b;
	int has_v4 = 0;
	int r = 0;

	if (n > BW_ANNOUNCE_ADDRS_MAX)
		return bw_fail(err, E2BIG, "announce %zu addresses", n);
	for (size_t i = 0; i < n && r == 0; i++) {
		if (ips[i].family == AF_INET)
			has_v4 = 1;
		else if (fd >= 0)
			r = send_na(fd, ifindex, mac, &ips[i], err);
	}
	if (r < 0 || !has_v4)
		return r;
	b = bw_nl_begin(nl);
	bw_announce_put_arp(b, ifindex, mac);
	for (size_t i = 0; k && i < k->n; i++)
		bw_neigh_put_permanent(b, ifindex, &k->ip[i], &k->mac[i]);
	return bw_nl_talk(nl, b, err);
}

int bw_announce_burst(struct bw_nl *nl, int fd, int ifindex, const struct bw_mac *mac,
		      const struct bw_ip *ips, size_t n, struct bw_err *err)
{
	return burst(nl, fd, ifindex, mac, ips, n, NULL, err);
}

int bw_announce_again(struct bw_nl *nl, int fd, int ifindex, const struct bw_mac *mac,
		      const struct bw_ip *ips, size_t n, struct bw_err *err)
{
	struct kept k = { .n = 0 };
	const struct bw_neigh_visitor v = { kept_reset, keep, &k };
	int r = bw_neigh_list_permanent(nl, ifindex, &v, err);

	return r < 0 ? r : burst(nl, fd, ifindex, mac, ips, n, &k, err);
}
