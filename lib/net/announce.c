/* SPDX-License-Identifier: Apache-2.0 */
/* One burst of gratuitous ARP and unsolicited NA. */
#include <linux/if_arp.h>
#include <linux/if_packet.h>
#include <string.h>
#include <sys/socket.h>

#include <bw/announce.h>
#include <bw/err.h>
#include <bw/netns.h>

#define FRAMES_MAX (2 * BW_ANNOUNCE_ADDRS_MAX)

static const struct bw_mac broadcast = { { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff } };

int bw_announce_open(const struct bw_netns *ns, int *ret_fd, struct bw_err *err)
{
	bw_autoclose int fd = -1;
	int r = 0;

	if (ns)
		r = bw_netns_enter(ns, err);
	if (r < 0)
		return r;
	/* Protocol 0: it sends, and never receives. */
	fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (fd < 0)
		r = bw_fail(err, errno, "open packet socket");
	if (ns) {
		int back = bw_netns_leave(ns, r < 0 ? NULL : err);

		r = r < 0 ? r : back;
	}
	if (r < 0)
		return r;
	*ret_fd = BW_TAKE_FD(fd);
	return 0;
}

static size_t build(struct bw_frame *frames, const struct bw_mac *mac, const struct bw_ip *ips,
		    size_t n)
{
	size_t used = 0;

	for (size_t i = 0; i < n; i++) {
		struct bw_frame_arp arp = { .dst = broadcast,
					    .sha = *mac,
					    .spa = ips[i],
					    .tpa = ips[i],
					    .op = ARPOP_REQUEST };

		if (ips[i].family == AF_INET6) {
			bw_frame_na(&frames[used++], mac, &ips[i], 0);
			continue;
		}
		bw_frame_arp(&frames[used++], &arp);
		/* Some caches take only replies, some only requests (RFC 5944 section 4.6). */
		arp.op = ARPOP_REPLY;
		arp.tha = *mac;
		bw_frame_arp(&frames[used++], &arp);
	}
	return used;
}

int bw_announce_burst(int fd, int ifindex, const struct bw_mac *mac, const struct bw_ip *ips,
		      size_t n, struct bw_err *err)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET,
				  .sll_ifindex = ifindex,
				  .sll_halen = BW_MAC_SIZE };
	struct bw_frame frames[FRAMES_MAX];
	struct mmsghdr m[FRAMES_MAX];
	struct iovec iov[FRAMES_MAX];
	size_t count, sent = 0;

	if (n > BW_ANNOUNCE_ADDRS_MAX)
		return bw_fail(err, E2BIG, "announce %zu addresses", n);
	count = build(frames, mac, ips, n);
	memset(m, 0, sizeof(m));
	for (size_t i = 0; i < count; i++) {
		iov[i] = (struct iovec){ frames[i].data, frames[i].size };
		m[i].msg_hdr = (struct msghdr){ .msg_name = &to,
						.msg_namelen = sizeof(to),
						.msg_iov = &iov[i],
						.msg_iovlen = 1 };
	}
	while (sent < count) {
		int r = sendmmsg(fd, m + sent, (unsigned int)(count - sent), 0);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return bw_fail(err, errno, "announce addresses");
		sent += (size_t)r;
	}
	return 0;
}
