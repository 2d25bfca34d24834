/* SPDX-License-Identifier: Apache-2.0 */
/* An uplink's own addresses and routes: refuse, record, move to the bridge, bring back. */
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>

#include <libmnl/libmnl.h>

#include <bw/addr.h>
#include <bw/buf.h>
#include <bw/clock.h>
#include <bw/err.h>
#include <bw/journal.h>
#include <bw/link.h>
#include <bw/nl.h>
#include <bw/route.h>
#include <bw/sysctl.h>

#include "uplink.h"

#define RECORD_VERSION 1

/* uplink_original.step */
enum {
	STEP_RECORDED = 1, /* the move may be anywhere */
	STEP_MOVED = 2,
};

/* uplink_original.data: this, then RTM_NEWADDR and RTM_NEWROUTE messages. */
struct head {
	uint32_t version;
	uint32_t ifindex; /* of the uplink, as in the messages */
	uint8_t mac[BW_MAC_SIZE]; /* of the uplink */
	uint8_t was_up;
	uint8_t pad;
};
_Static_assert(sizeof(struct head) == 16, "the messages behind it must be aligned");

struct record {
	struct bw_buf buf; /* head and messages */
	size_t mark; /* a dump that starts again cuts back to here */
	unsigned int n;
	unsigned int mark_n;
	struct bw_nl_batch *scratch;
	const struct bw_link *uplink;
	int has_ipv6;
};

static const struct head *head_of(const struct record *r)
{
	return (const void *)r->buf.data;
}

static const unsigned char *messages_of(const struct record *r)
{
	return (const unsigned char *)r->buf.data + sizeof(struct head);
}

/*
 * BARE OR NOT
 */

static int is_link_local(const struct bw_ip *ip)
{
	const uint8_t *b = bw_ip_bytes(ip);

	return ip->family == AF_INET6 && b[0] == 0xfe && (b[1] & 0xc0) == 0x80; /* fe80::/10 */
}

static int refuse(struct bw_err *err, const struct bw_link *uplink, const char *what)
{
	(void)bw_reject(err, BW_ERR_INVALID, EINVAL,
			"uplink: %s carries %s of this node, which a bridge port cannot keep",
			uplink->name, what);
	bw_err_details(err,
		       "name a free interface as uplink, or set \"moveUplinkAddresses\": true: its "
		       "addresses and routes then move to the bridge, until `barewire net clean`");
	return -EINVAL;
}

static int refuse_addr(const struct bw_addr *a, void *arg, struct bw_err *err)
{
	char text[BW_PREFIX_STR_MAX], what[BW_PREFIX_STR_MAX + 16];

	if (is_link_local(&a->prefix.ip))
		return 0;
	/* Fits, ignoring. */
	(void)snprintf(what, sizeof(what), "address %s", bw_prefix_str(&a->prefix, text));
	return refuse(err, arg, what);
}

static int refuse_default(const struct nlmsghdr *nlh, const struct bw_route *r, void *arg,
			  struct bw_err *err)
{
	(void)nlh;
	if (r->dst.len || bw_route_is_kernels(r))
		return 0;
	return refuse(err, arg,
		      r->dst.ip.family == AF_INET ? "the default route (IPv4)"
						  : "the default route (IPv6)");
}

int bridge_uplink_is_bare(struct bw_nl *nl, const struct bw_link *link, struct bw_err *err)
{
	void *arg = (void *)(uintptr_t)link;
	struct bw_addr_visitor addrs = { NULL, refuse_addr, arg };
	struct bw_route_visitor routes = { NULL, refuse_default, arg };
	int r;

	r = bw_addr_list(nl, link->ifindex, AF_UNSPEC, &addrs, err);
	return r < 0 ? r : bw_route_list(nl, link->ifindex, AF_UNSPEC, &routes, err);
}

/*
 * THE RECORD
 */

/* Whether these very bytes are a message of the record. */
static int has_message(const struct record *rec, const struct nlmsghdr *want)
{
	const unsigned char *p = messages_of(rec);
	size_t left = rec->buf.size - sizeof(struct head);
	const struct nlmsghdr *m;

	while ((m = bw_nl_next(&p, &left)))
		if (m->nlmsg_len == want->nlmsg_len && memcmp(m, want, want->nlmsg_len) == 0)
			return 1;
	return 0;
}

/* Appends the one message that stands in the scratch batch. */
static int append_scratch(struct record *rec, struct bw_err *err)
{
	const struct nlmsghdr *m = (const void *)rec->scratch->data;

	if (rec->scratch->overflow || !rec->scratch->n)
		return bw_fail(err, EMSGSIZE, "record what %s carries", rec->uplink->name);
	if (has_message(rec, m))
		return 0;
	if (rec->n == BRIDGE_UPLINK_ITEMS_MAX)
		return bw_reject(
			err, BW_ERR_INVALID, E2BIG,
			"moveUplinkAddresses: %s carries more than %d addresses and routes",
			rec->uplink->name, BRIDGE_UPLINK_ITEMS_MAX);
	rec->n++;
	/* The batch's size is the message padded, so the next one is aligned. */
	if (bw_buf_append(&rec->buf, m, rec->scratch->size) < 0)
		return bw_fail(err, ENOMEM, "record what %s carries", rec->uplink->name);
	return 0;
}

static void record_reset(void *arg)
{
	struct record *rec = arg;

	rec->buf.size = rec->mark;
	rec->n = rec->mark_n;
}

static int record_addr(const struct bw_addr *a, void *arg, struct bw_err *err)
{
	struct record *rec = arg;
	struct bw_addr copy = *a;

	/* Who renewed it does not find it on the bridge: it stays until it is moved back. */
	copy.valid_s = BW_ADDR_FOREVER;
	copy.preferred_s = BW_ADDR_FOREVER;
	bw_nl_batch_init(rec->scratch);
	bw_addr_put_replace(rec->scratch, &copy);
	return append_scratch(rec, err);
}

static int record_route(const struct nlmsghdr *nlh, const struct bw_route *r, void *arg,
			struct bw_err *err)
{
	struct record *rec = arg;

	if (bw_route_is_kernels(r))
		return 0;
	bw_nl_batch_init(rec->scratch);
	if (bw_route_put_record(rec->scratch, nlh) < 0)
		return bw_fail(err, EPROTO, "record a route of %s", rec->uplink->name);
	return append_scratch(rec, err);
}

static void count(struct record *rec)
{
	const unsigned char *p = messages_of(rec);
	size_t left = rec->buf.size - sizeof(struct head);
	const struct nlmsghdr *m;

	rec->n = 0;
	while ((m = bw_nl_next(&p, &left))) {
		const struct rtgenmsg *g = mnl_nlmsg_get_payload(m);

		rec->n++;
		if (mnl_nlmsg_get_payload_len(m) >= sizeof(*g) && g->rtgen_family == AF_INET6)
			rec->has_ipv6 = 1;
	}
}

/* Takes over what an earlier move of this boot recorded; else starts with an empty record. */
static int record_start(struct record *rec, const struct bw_uplink_original *old,
			struct bw_err *err)
{
	const struct bw_link *u = rec->uplink;
	struct head head = { .version = RECORD_VERSION,
			     .ifindex = (uint32_t)u->ifindex,
			     .was_up = (u->flags & IFF_UP) != 0 };
	const struct head *oh = old ? old->data : NULL;
	int r;

	memcpy(head.mac, u->mac.b, BW_MAC_SIZE);
	/* The device may have come anew under the same name: its messages name the old index. */
	if (oh && old->size >= sizeof(*oh) && oh->version == RECORD_VERSION &&
	    oh->ifindex == head.ifindex)
		r = bw_buf_append(&rec->buf, old->data, old->size);
	else
		r = bw_buf_append(&rec->buf, &head, sizeof(head));
	if (r < 0)
		return bw_fail(err, -r, "record what %s carries", u->name);
	count(rec);
	return 0;
}

/* Turns the messages from @mark on round. */
static int reverse_from(struct record *rec, size_t mark, struct bw_err *err)
{
	size_t left = rec->buf.size - mark, at = rec->buf.size;
	bw_autofree unsigned char *copy = NULL;
	const unsigned char *p;
	const struct nlmsghdr *m;

	if (!left)
		return 0;
	copy = malloc(left);
	if (!copy)
		return bw_fail(err, ENOMEM, "record what %s carries", rec->uplink->name);
	memcpy(copy, rec->buf.data + mark, left);
	p = copy;
	while ((m = bw_nl_next(&p, &left))) {
		size_t size = (size_t)(p - (const unsigned char *)m);

		at -= size;
		memcpy(rec->buf.data + at, m, size);
	}
	return 0;
}

static void set_mark(struct record *rec)
{
	rec->mark = rec->buf.size;
	rec->mark_n = rec->n;
}

/* In the order in which all is to be added again. */
static int record_collect(struct bw_nl *nl, struct record *rec, struct bw_err *err)
{
	struct bw_addr_visitor addrs = { record_reset, record_addr, rec };
	struct bw_route_visitor routes = { record_reset, record_route, rec };
	int index = rec->uplink->ifindex;
	int r;

	set_mark(rec);
	r = bw_addr_list(nl, index, AF_INET, &addrs, err);
	if (r < 0)
		return r;
	set_mark(rec);
	r = bw_addr_list(nl, index, AF_INET6, &addrs, err);
	/* The kernel lists IPv6 addresses last in, first out; it prefers the first as a source. */
	if (r >= 0)
		r = reverse_from(rec, rec->mark, err);
	if (r < 0)
		return r;
	set_mark(rec);
	r = bw_route_list(nl, index, AF_UNSPEC, &routes, err);
	if (r >= 0)
		count(rec);
	return r;
}

/*
 * THE MOVE, in either direction
 */

struct move {
	struct bw_nl *nl;
	const struct record *rec;
	int from; /* ifindex the items are taken from; 0 = it is gone */
	int to;
	int to_bridge;
};

/* Sends what is there when another item might not fit. */
static int flush_if_full(struct bw_nl *nl, struct bw_err *err)
{
	struct bw_nl_batch *b = &nl->batch;
	int r;

	if (b->n + 2 <= BW_NL_OPS_MAX && b->size + 2 * BW_ROUTE_MSG_MAX <= BW_NL_BATCH_SIZE)
		return 0;
	r = bw_nl_talk(nl, b, err);
	bw_nl_batch_init(b);
	return r;
}

static int put_addr(const struct move *m, const struct nlmsghdr *nlh, int take_away)
{
	struct bw_addr a;

	if (bw_addr_parse(nlh, &a) < 0)
		return -EPROTO;
	a.ifindex = take_away ? m->from : m->to;
	if (take_away) {
		bw_addr_put_del(&m->nl->batch, &a);
		return 0;
	}
	/* A label names the device; the bridge makes no temporary addresses by itself. */
	if (m->to_bridge) {
		a.label[0] = '\0';
		a.flags &= ~(uint32_t)IFA_F_MANAGETEMPADDR;
	}
	if (a.prefix.ip.family == AF_INET6 && !(a.flags & IFA_F_NODAD)) {
		struct bw_addr at_once = a;

		/* It was in use a moment ago: nothing to detect. Its own flags follow, in place. */
		at_once.flags |= IFA_F_NODAD;
		bw_addr_put_replace(&m->nl->batch, &at_once);
	}
	bw_addr_put_replace(&m->nl->batch, &a);
	return 0;
}

static int put_route(const struct move *m, const struct nlmsghdr *nlh, int take_away)
{
	int recorded = (int)head_of(m->rec)->ifindex;

	return take_away ? bw_route_put_del_recorded(&m->nl->batch, nlh, recorded, m->from)
			 : bw_route_put_moved(&m->nl->batch, nlh, recorded, m->to);
}

/* Which messages of the record a walk takes. */
enum walk {
	WALK_ADDRS,
	WALK_ROUTES, /* all */
	WALK_ROUTES_NEAR, /* without gateway: what others are reached by */
	WALK_ROUTES_FAR,
};

static int is_taken(enum walk walk, const struct nlmsghdr *nlh)
{
	const struct nlattr *tb[RTA_VIA + 1];
	int far;

	if (walk == WALK_ADDRS)
		return nlh->nlmsg_type == RTM_NEWADDR;
	if (nlh->nlmsg_type != RTM_NEWROUTE)
		return 0;
	bw_nl_attrs(nlh, sizeof(struct rtmsg), tb, RTA_VIA);
	far = tb[RTA_GATEWAY] || tb[RTA_VIA] || tb[RTA_MULTIPATH];
	return walk == WALK_ROUTES || (walk == WALK_ROUTES_FAR) == far;
}

static int put_items(const struct move *m, enum walk walk, int take_away, struct bw_err *err)
{
	const unsigned char *p = messages_of(m->rec);
	size_t left = m->rec->buf.size - sizeof(struct head);
	const struct nlmsghdr *nlh;

	while ((nlh = bw_nl_next(&p, &left))) {
		int r;

		if (!is_taken(walk, nlh))
			continue;
		r = flush_if_full(m->nl, err);
		if (r < 0)
			return r;
		r = walk == WALK_ADDRS ? put_addr(m, nlh, take_away) : put_route(m, nlh, take_away);
		if (r < 0)
			return bw_fail(err, -r, "read the record of an uplink");
	}
	return 0;
}

static int take_items(const struct move *m, struct bw_err *err)
{
	int r;

	if (!m->from)
		return 0;
	r = put_items(m, WALK_ROUTES, 1, err);
	return r < 0 ? r : put_items(m, WALK_ADDRS, 1, err);
}

static int give_items(const struct move *m, struct bw_err *err)
{
	int r;

	r = put_items(m, WALK_ADDRS, 0, err);
	if (r >= 0)
		r = put_items(m, WALK_ROUTES_NEAR, 0, err);
	return r < 0 ? r : put_items(m, WALK_ROUTES_FAR, 0, err);
}

static int allow_ipv6(const struct record *rec, const char *name, struct bw_err *err)
{
	int r;

	if (!rec->has_ipv6)
		return 0;
	r = bw_sysctl_set(err, "0", "ipv6/conf/%s/disable_ipv6", name);
	return r == -ENOENT ? 0 : r;
}

static int carry_over(struct bw_nl *nl, const struct record *rec, const struct bw_link *bridge,
		      struct bw_err *err)
{
	const struct bw_link *u = rec->uplink;
	struct move m = { nl, rec, u->ifindex, bridge->ifindex, 1 };
	struct bw_link_set enslave = { .what = BW_LINK_SET_MASTER | BW_LINK_SET_UP,
				       .master = bridge->ifindex };
	struct bw_link_set mac = { .what = BW_LINK_SET_MAC | BW_LINK_SET_UP };
	int r;

	memcpy(mac.mac.b, head_of(rec)->mac, BW_MAC_SIZE);
	r = allow_ipv6(rec, bridge->name, err);
	if (r < 0)
		return r;
	(void)bw_nl_begin(nl);
	r = take_items(&m, err);
	if (r < 0)
		return r;
	bw_link_put_set(&nl->batch, u->ifindex, u->name, &enslave);
	bw_link_put_set(&nl->batch, bridge->ifindex, bridge->name, &mac);
	r = give_items(&m, err);
	return r < 0 ? r : bw_nl_talk(nl, &nl->batch, err);
}

static int read_old(struct bw_journal *j, const char *uplink, const char *boot_id,
		    struct bw_uplink_original *ret, struct bw_err *err)
{
	int r = bw_journal_uplink_get(j, uplink, ret, err);

	if (r <= 0)
		return r;
	/* A reboot put everything back where the node's own configuration wants it. */
	return strcmp(ret->boot_id, boot_id) == 0;
}

static int store(struct bw_journal *j, struct record *rec, const struct bw_uplink_original *old,
		 const struct bw_link *bridge, const char *boot_id, struct bw_err *err)
{
	struct bw_uplink_original u = { .step = STEP_RECORDED,
					.mac = bridge->mac,
					.data = rec->buf.data,
					.size = rec->buf.size };

	if (old && bw_mac_eq(&rec->uplink->mac, &bridge->mac))
		u.mac = old->mac;
	memcpy(u.uplink, rec->uplink->name, sizeof(u.uplink));
	memcpy(u.bridge, bridge->name, sizeof(u.bridge));
	memcpy(u.boot_id, boot_id, sizeof(u.boot_id));
	return bw_journal_uplink_put(j, &u, err);
}

int bridge_uplink_move(struct bw_nl *nl, struct bw_journal *journal, const struct bw_link *uplink,
		       const struct bw_link *bridge, struct bw_err *err)
{
	BW_CLEANUP(bw_uplink_original_done) struct bw_uplink_original old = { 0 };
	struct record rec = { .scratch = &nl->batch, .uplink = uplink };
	char boot_id[BW_BOOT_ID_LEN + 1];
	int r, again;

	r = bw_boot_id(boot_id, err);
	if (r < 0)
		return r;
	again = read_old(journal, uplink->name, boot_id, &old, err);
	if (again < 0)
		return again;
	r = record_start(&rec, again ? &old : NULL, err);
	if (r >= 0)
		r = record_collect(nl, &rec, err);
	if (r >= 0)
		r = store(journal, &rec, again ? &old : NULL, bridge, boot_id, err);
	if (r >= 0)
		r = carry_over(nl, &rec, bridge, err);
	if (r >= 0)
		r = bw_journal_uplink_step(journal, uplink->name, STEP_MOVED, err);
	bw_buf_done(&rec.buf);
	return r < 0 ? bw_wrap(err, r, "move addresses of %s to %s", uplink->name, bridge->name)
		     : 0;
}

/*
 * BACK
 */

static int bring_back(struct bw_nl *nl, const struct record *rec, const struct bw_link *bridge,
		      const struct bw_mac *bridge_mac, struct bw_err *err)
{
	const struct bw_link *u = rec->uplink;
	struct move m = { nl, rec, bridge->ifindex, u->ifindex, 0 };
	struct bw_link_set release = { .what = BW_LINK_SET_MASTER | BW_LINK_SET_UP };
	struct bw_link_set mac = { .what = BW_LINK_SET_MAC, .mac = *bridge_mac };
	int r;

	if (!head_of(rec)->was_up)
		release.what = BW_LINK_SET_MASTER;
	(void)bw_nl_begin(nl);
	r = take_items(&m, err);
	if (r < 0)
		return r;
	if (bridge->ifindex && !bw_mac_is_zero(bridge_mac))
		bw_link_put_set(&nl->batch, bridge->ifindex, bridge->name, &mac);
	bw_link_put_set(&nl->batch, u->ifindex, u->name, &release);
	r = give_items(&m, err);
	return r < 0 ? r : bw_nl_talk(nl, &nl->batch, err);
}

static int restore_row(struct bw_nl *nl, const struct bw_uplink_original *row, const char *bridge,
		       struct bw_err *err)
{
	struct bw_link uplink = { 0 }, br = { 0 };
	struct record rec = { .buf = { row->data, row->size, row->size }, .uplink = &uplink };
	struct bw_nl_batch *b = bw_nl_begin(nl);
	int r;

	if (row->size < sizeof(struct head) || head_of(&rec)->version != RECORD_VERSION)
		return bw_fail(err, EPROTO, "read the record of uplink %s", row->uplink);
	bw_link_put_get(b, 0, row->uplink, &uplink);
	bw_link_put_get(b, 0, bridge, &br);
	r = bw_nl_talk(nl, b, err);
	if (r < 0)
		return r;
	if (!uplink.ifindex)
		return 0;
	/* Somebody gave it to another master since: its addresses are not ours to place. */
	if (uplink.master && uplink.master != br.ifindex)
		return bw_reject(err, BW_ERR_BUSY, EBUSY,
				 "uplink %s is a port of another device now: take it out first",
				 uplink.name);
	r = bring_back(nl, &rec, &br, &row->mac, err);
	return r < 0 ? r : 1;
}

int bridge_uplink_restore(struct bw_nl *nl, struct bw_journal *journal, const char *bridge,
			  struct bw_err *err)
{
	BW_CLEANUP(bw_uplink_original_done) struct bw_uplink_original row = { 0 };
	char boot_id[BW_BOOT_ID_LEN + 1];
	int r, done = 0, removed;

	r = bw_boot_id(boot_id, err);
	if (r >= 0)
		r = bw_journal_uplink_get_bridge(journal, bridge, &row, err);
	if (r <= 0)
		return r;
	if (strcmp(row.boot_id, boot_id) == 0)
		done = restore_row(nl, &row, bridge, err);
	if (done < 0)
		return bw_wrap(err, done, "give %s its addresses back", row.uplink);
	removed = bw_journal_uplink_remove(journal, row.uplink, err);
	return removed < 0 ? removed : done;
}

int bridge_uplink_salvage(struct bw_nl *nl, const struct bw_link *uplink,
			  const struct bw_link *bridge, struct bw_err *err)
{
	struct record rec = { .scratch = &nl->batch, .uplink = bridge };
	const struct bw_mac none = { { 0 } };
	int r;

	r = record_start(&rec, NULL, err);
	if (r >= 0)
		r = record_collect(nl, &rec, err);
	rec.uplink = uplink;
	if (r >= 0)
		r = bring_back(nl, &rec, bridge, &none, err);
	bw_buf_done(&rec.buf);
	return r < 0 ? bw_wrap(err, r, "give %s the addresses of %s", uplink->name, bridge->name)
		     : 0;
}
