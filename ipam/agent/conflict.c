/* SPDX-License-Identifier: Apache-2.0 */
/* Packet sockets on the uplinks of live attachments. */
#include <arpa/inet.h>

#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <bw/announce.h>
#include <bw/err.h>
#include <bw/log.h>
#include <bw/probe.h>

#include "agent.h"
#include "announce.h"
#include "conflict.h"
#include "guard.h"
#include "inventory.h"
#include "monitor.h"
#include "roster.h"
#include "stale.h"

#define NS_PER_MS 1000000LL
#define RX_SIZE 256 /* bytes of a frame looked at */
#define BURST_MAX 64 /* frames in one turn of the loop */

/* One uplink that is listened to. */
struct wire {
	struct bw_list node;
	struct agent_conflict *c;
	struct bw_loop_fd watch;
	char name[BW_LINK_NAME_MAX + 1];
	int ifindex;
	int fd;
	uint64_t sum; /* of the addresses in the filter */
	int seen; /* by the look under way */
};

struct agent_conflict {
	struct agent *a;
	struct bw_list wires;
	int64_t last_ns; /* 0 = never */
	char last[AGENT_WHY_MAX];
	struct bw_ip ips[AGENT_CONFLICT_IPS_MAX]; /* scratch of a look */
	struct sock_filter filter[AGENT_CONFLICT_INSNS_MAX]; /* likewise */
};

static void wire_free(struct wire *w)
{
	bw_list_del(&w->node);
	bw_loop_fd_remove(&w->watch);
	if (w->fd >= 0)
		(void)close(w->fd); /* nothing to do about a failed close, ignoring */
	free(w);
}

/* What is known of a member is enough to tell its own frames from others'. */
static int can_listen(const struct agent_member *m)
{
	return m->uplink[0] && m->n_ips && !bw_mac_is_zero(&m->mac);
}

static void tell(struct agent_conflict *c, struct agent_member *m, const struct wire *w,
		 const struct bw_probe_answer *who)
{
	char ip[BW_IP_STR_MAX], mac[BW_MAC_STR_MAX];
	int64_t now = bw_loop_now_ns(c->a->loop);

	c->a->stat.conflicts++;
	c->last_ns = now;
	if (m->told_ns && now - m->told_ns < AGENT_CONFLICT_TELL_MS * NS_PER_MS)
		return;
	m->told_ns = now;
	(void)bw_ip_str(&who->ip, ip); /* they return their buffer */
	(void)bw_mac_str(&who->mac, mac);
	(void)snprintf(c->last, sizeof(c->last), "%s of claim %.63s/%.80s is used by %s on %s, too",
		       ip, m->ns, m->claim, mac, w->name); /* cut, ignoring */
	bw_log_error("somebody else uses an address of this node", "ns", m->ns, "claim", m->claim,
		     "ip", ip, "mac", mac, "uplink", w->name);
	agent_warn_claim(c->a, m->ns, m->claim, m->uid, "AddressConflict", c->last);
	agent_inventory_look(c->a->inventory);
	agent_stale_ask(c->a->stale, m->uid, m->ns, m->claim);
	if (!m->is_available) /* whose address may be another's by right: the answer decides */
		agent_announce_defend(c->a->announce, m->id);
}

/* Whose frames they are is told by the MAC, but a claim that moved took its MAC along. */
static void judge(struct wire *w, struct agent_member *m, const uint8_t *frame, size_t size,
		  uint16_t vlan)
{
	const struct bw_probe anybody = { .ips = m->ips, .n_ips = m->n_ips };
	int64_t now = bw_loop_now_ns(w->c->a->loop);
	struct bw_probe_answer who;

	if (!can_listen(m) || strcmp(m->uplink, w->name) != 0 || m->vlan != vlan ||
	    !bw_probe_match(&anybody, frame, size, &who))
		return;
	m->conflict_ns = now;
	if (m->is_cut)
		return; /* it is known that the address may be elsewhere */
	if (m->is_available && now - m->doubted_ns >= AGENT_CONFLICT_DOUBT_MS * NS_PER_MS) {
		m->doubted_ns = now;
		agent_guard_doubt(w->c->a->guard, m);
	}
	if (!bw_mac_eq(&who.mac, &m->mac)) /* else some switches send our own frames back */
		tell(w->c, m, w, &who);
}

/* The VLAN a frame came with; 0 = untagged or priority-tagged. */
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

/* One frame. 1 there may be more; 0 there is none. */
static int take(struct wire *w)
{
	_Alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
	uint8_t frame[RX_SIZE];
	struct iovec iov = { frame, sizeof(frame) };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = control,
			      .msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(w->fd, &msg, MSG_DONTWAIT);

	if (n < 0)
		return errno == EINTR || errno == ENETDOWN; /* told once when a device goes down */
	bw_list_for_each (node, agent_roster_list(w->c->a->roster))
		judge(w, bw_list_entry(node, struct agent_member, node), frame, (size_t)n,
		      vlan_of(&msg));
	return 1;
}

static void on_frames(uint32_t events, void *arg)
{
	(void)events; /* reading tells */
	for (int i = 0; i < BURST_MAX; i++)
		if (!take(arg))
			return;
}

static int attach(struct wire *w, size_t n_insns, struct bw_err *err)
{
	const struct sock_fprog prog = { (unsigned short)n_insns, w->c->filter };

	if (setsockopt(w->fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog)) < 0)
		return bw_fail(err, errno, "filter what is heard on %s", w->name);
	return 0;
}

/*
 * Bound only after the filter is there: nothing unfiltered is queued. What the node sends is left
 * out by the kernel (PACKET_IGNORE_OUTGOING, Linux 4.20): else it would clone every frame of every
 * pod.
 */
static int listen_on(struct wire *w, size_t n_insns, struct bw_err *err)
{
	const struct sockaddr_ll at = { .sll_family = AF_PACKET,
					.sll_protocol = htons(ETH_P_ALL),
					.sll_ifindex = w->ifindex };
	int on = 1, r;

	w->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (w->fd < 0)
		return bw_fail(err, errno, "open packet socket");
	r = attach(w, n_insns, err);
	if (r < 0)
		return r;
	if (setsockopt(w->fd, SOL_PACKET, PACKET_AUXDATA, &on, sizeof(on)) < 0 ||
	    setsockopt(w->fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on)) < 0 ||
	    bind(w->fd, (const struct sockaddr *)&at, sizeof(at)) < 0)
		return bw_fail(err, errno, "listen on %s", w->name);
	return bw_loop_fd_add(&w->watch, w->c->a->loop, w->fd, EPOLLIN, on_frames, w, err);
}

static struct wire *find(struct agent_conflict *c, const char *name)
{
	bw_list_for_each (node, &c->wires) {
		struct wire *w = bw_list_entry(node, struct wire, node);

		if (strcmp(w->name, name) == 0)
			return w;
	}
	return NULL;
}

static uint64_t mix(uint64_t sum, const void *data, size_t size)
{
	const uint8_t *p = data;

	while (size--)
		sum = (sum ^ *p++) * 0x100000001b3ULL; /* FNV-1a */
	return sum;
}

/* The addresses of an uplink, in c->ips; how many there are, more than the room too. */
static size_t collect(struct agent_conflict *c, const char *uplink, uint64_t *ret_sum)
{
	size_t n = 0;

	*ret_sum = 0xcbf29ce484222325ULL; /* FNV offset basis */
	bw_list_for_each (node, agent_roster_list(c->a->roster)) {
		const struct agent_member *m = bw_list_entry(node, struct agent_member, node);

		if (!can_listen(m) || strcmp(m->uplink, uplink) != 0)
			continue;
		for (size_t i = 0; i < m->n_ips; i++, n++) {
			*ret_sum = mix(*ret_sum, bw_ip_bytes(&m->ips[i]), bw_ip_size(&m->ips[i]));
			if (n < AGENT_CONFLICT_IPS_MAX)
				c->ips[n] = m->ips[i];
		}
	}
	return n;
}

static int renew(struct wire *w, size_t n, uint64_t sum, struct bw_err *err)
{
	size_t insns;
	int r;

	if (w->fd >= 0 && w->sum == sum)
		return 0;
	insns = agent_conflict_filter(w->c->ips, n, w->c->filter);
	r = w->fd >= 0 ? attach(w, insns, err) : listen_on(w, insns, err);
	if (r == 0)
		w->sum = sum;
	return r;
}

static void look_at(struct agent_conflict *c, const char *uplink)
{
	const struct agent_dev *dev = agent_node_dev(&c->a->node, uplink);
	struct wire *w = find(c, uplink);
	struct bw_err err = { 0 };
	uint64_t sum;
	size_t n;

	if ((w && w->seen) || !dev)
		return;
	if (w && w->ifindex != dev->ifindex) {
		wire_free(w); /* another device of the same name */
		w = NULL;
	}
	if (!w) {
		w = calloc(1, sizeof(*w));
		if (!w)
			return; /* the next look tries again */
		bw_list_add_tail(&c->wires, &w->node);
		w->c = c;
		w->fd = -1;
		w->ifindex = dev->ifindex;
		(void)snprintf(w->name, sizeof(w->name), "%s", uplink); /* fits */
	}
	w->seen = 1;
	n = collect(c, uplink, &sum);
	if (renew(w, n, sum, &err) < 0) {
		bw_log_warn("conflicts on an uplink are not seen", "uplink", uplink, "err",
			    err.msg);
		wire_free(w);
	}
}

void agent_conflict_look(struct agent_conflict *c)
{
	if (!c)
		return;
	bw_list_for_each (node, &c->wires)
		bw_list_entry(node, struct wire, node)->seen = 0;
	bw_list_for_each (node, agent_roster_list(c->a->roster)) {
		const struct agent_member *m = bw_list_entry(node, struct agent_member, node);

		if (can_listen(m))
			look_at(c, m->uplink);
	}
	bw_list_for_each (node, &c->wires) {
		struct wire *w = bw_list_entry(node, struct wire, node);

		if (!w->seen)
			wire_free(w);
	}
	if (c->last_ns && !agent_conflict_last(c)) { /* the condition ends */
		c->last_ns = 0;
		agent_inventory_look(c->a->inventory);
	}
}

int agent_conflict_probe(struct agent_conflict *c, const struct agent_member *m)
{
	static const struct bw_mac broadcast = { { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff } };
	const struct agent_dev *dev = agent_node_dev(&c->a->node, m->uplink);
	const struct wire *w = can_listen(m) ? find(c, m->uplink) : NULL;

	if (!w || !dev)
		return -ENODEV;
	for (size_t i = 0; i < m->n_ips; i++) {
		/* Not from the address's own MAC: an answer to that one would not come here. */
		const struct bw_frame_arp arp = { .dst = broadcast,
						  .sha = dev->mac,
						  .spa = { .family = AF_INET },
						  .tpa = m->ips[i],
						  .op = ARPOP_REQUEST,
						  .vlan = m->vlan };
		struct bw_frame f;

		if (m->ips[i].family == AF_INET)
			bw_frame_arp(&f, &arp);
		else
			bw_frame_ns_probe(&f, &dev->mac, &m->ips[i], m->vlan);
		if (send(w->fd, f.data, f.size, 0) < 0)
			return -errno;
	}
	return 0;
}

const char *agent_conflict_last(struct agent_conflict *c)
{
	int64_t age_ns = bw_loop_now_ns(c->a->loop) - c->last_ns;

	return c->last_ns && age_ns < AGENT_CONFLICT_LAST_MS * NS_PER_MS ? c->last : NULL;
}

int agent_conflict_new(struct agent *a, struct agent_conflict **ret, struct bw_err *err)
{
	struct agent_conflict *c = calloc(1, sizeof(*c));

	if (!c)
		return bw_fail(err, ENOMEM, "prepare to listen for conflicts");
	c->a = a;
	bw_list_init(&c->wires);
	*ret = c;
	return 0;
}

void agent_conflict_free(struct agent_conflict **c)
{
	if (!*c)
		return;
	bw_list_for_each (node, &(*c)->wires)
		wire_free(bw_list_entry(node, struct wire, node));
	free(*c);
	*c = NULL;
}
