/* SPDX-License-Identifier: Apache-2.0 */
/* Announcing new attachments' addresses a few times more. */
#include <stdio.h>
#include <string.h>

#include <bw/announce.h>
#include <bw/err.h>
#include <bw/link.h>
#include <bw/log.h>
#include <bw/netns.h>
#include <bw/nl.h>

#include "agent.h"
#include "announce.h"
#include "ns.h"

#define NS_PER_S 1000000000LL
#define FIRST_S 1 /* then each wait is twice the last */

struct item {
	int64_t id; /* row of the attachment */
	int64_t at_ns;
	unsigned int sent;
};

struct agent_announce {
	struct agent *a;
	struct bw_timer timer;
	struct item items[AGENT_ANNOUNCE_MAX];
	size_t n;
	int64_t floor; /* rows up to this one were there when the agent began */
	int64_t seen[AGENT_ANNOUNCE_MAX]; /* the last ones that were noted, a ring */
	size_t n_seen;
};

struct addrs {
	struct bw_ip ips[BW_ANNOUNCE_ADDRS_MAX];
	size_t n;
};

static int add_addr(const struct bw_journal_addr *row, void *arg, struct bw_err *err)
{
	struct addrs *to = arg;

	(void)err; /* what does not fit is not announced */
	if (to->n < BW_ANNOUNCE_ADDRS_MAX)
		to->ips[to->n++] = row->ip;
	return 0;
}

static int burst_in(const struct bw_netns *ns, const struct bw_attachment *att,
		    const struct addrs *addrs, struct bw_err *err)
{
	bw_autonl struct bw_nl *nl = NULL;
	bw_autoclose int fd = -1;
	struct bw_link link = { 0 };
	int r = bw_nl_open(BW_NL_ROUTE, ns, &nl, err);

	if (r == 0)
		r = bw_announce_open(ns, &fd, err);
	if (r == 0)
		r = bw_link_get(nl, 0, att->ifname, &link, err);
	return r < 0 ? r
		     : bw_announce_again(nl, fd, link.ifindex, &link.mac, addrs->ips, addrs->n,
					 err);
}

/* 1 sent; 0 there is nothing to announce any more; -errno. */
static int burst(struct agent *a, int64_t id, struct bw_err *err)
{
	bw_autofree struct bw_attachment *att = malloc(sizeof(*att));
	bw_autonetns struct bw_netns ns = BW_NETNS_NONE;
	char path[BW_JOURNAL_PATH_MAX];
	struct addrs addrs = { 0 };
	int r;

	if (!att)
		return bw_fail(err, ENOMEM, "announce an attachment");
	r = bw_journal_attach_get_id(a->journal, id, att, err);
	if (r <= 0 || att->state != BW_ATTACH_LIVE || att->flags & BW_ATTACH_F_CUT ||
	    !att->netns[0])
		return r < 0 ? r : 0;
	r = bw_journal_addr_of(a->journal, id, add_addr, &addrs, err);
	if (r < 0 || !addrs.n)
		return r;
	r = bw_netns_open(agent_netns_path(att, path), &ns, err);
	if (r == 0)
		r = burst_in(&ns, att, &addrs, err);
	if (r == 0)
		a->stat.announced++;
	return r < 0 ? r : 1;
}

static void set_timer(struct agent_announce *n)
{
	int64_t at = INT64_MAX;

	for (size_t i = 0; i < n->n; i++)
		if (n->items[i].at_ns < at)
			at = n->items[i].at_ns;
	if (n->n && bw_timer_set(&n->timer, at) < 0)
		bw_log_error("out of memory: addresses are not announced again");
}

static void on_timer(void *arg)
{
	struct agent_announce *n = arg;
	int64_t now = bw_loop_now_ns(n->a->loop);
	size_t kept = 0;

	for (size_t i = 0; i < n->n; i++) {
		struct item *it = &n->items[i];
		struct bw_err err = { 0 };
		int r = 1;

		if (it->at_ns <= now) {
			r = burst(n->a, it->id, &err);
			if (r < 0)
				bw_log_debug("cannot announce again", "err", err.msg);
			it->sent++;
			it->at_ns = now + (FIRST_S << it->sent) * NS_PER_S;
		}
		if (r > 0 && it->sent < AGENT_ANNOUNCE_TIMES)
			n->items[kept++] = *it;
	}
	n->n = kept;
	set_timer(n);
}

static int was_seen(const struct agent_announce *n, int64_t id)
{
	for (size_t i = 0; i < BW_ARRAY_SIZE(n->seen); i++)
		if (n->seen[i] == id)
			return 1;
	return 0;
}

static int note(const struct bw_attachment *att, void *arg, struct bw_err *err)
{
	struct agent_announce *n = arg;

	(void)err; /* what does not fit was announced once already */
	if (att->id <= n->floor || !att->claim_uid[0] || att->state != BW_ATTACH_LIVE ||
	    was_seen(n, att->id))
		return 0;
	n->seen[n->n_seen++ % BW_ARRAY_SIZE(n->seen)] = att->id;
	if (n->n < AGENT_ANNOUNCE_MAX)
		n->items[n->n++] = (struct item){
			.id = att->id,
			.at_ns = bw_loop_now_ns(n->a->loop) + FIRST_S * NS_PER_S,
		};
	n->a->promote = 1;
	return 0;
}

void agent_announce_look(struct agent_announce *n)
{
	struct bw_err err = { 0 };

	if (bw_journal_attach_each(n->a->journal, NULL, note, n, &err) < 0)
		bw_log_error("cannot look for new attachments", "err", err.msg);
	set_timer(n);
}

void agent_announce_defend(struct agent_announce *n, int64_t id)
{
	struct bw_err err = { 0 };

	if (burst(n->a, id, &err) < 0)
		bw_log_warn("cannot defend an address", "err", err.msg);
}

static int skip(const struct bw_attachment *att, void *arg, struct bw_err *err)
{
	struct agent_announce *n = arg;

	(void)err; /* nothing can fail */
	if (att->state == BW_ATTACH_LIVE && att->id > n->floor)
		n->floor = att->id;
	return 0;
}

int agent_announce_new(struct agent *a, struct agent_announce **ret, struct bw_err *err)
{
	struct agent_announce *n = calloc(1, sizeof(*n));
	int r;

	if (!n)
		return bw_fail(err, ENOMEM, "prepare announcements");
	n->a = a;
	bw_timer_init(&n->timer, a->loop, on_timer, n);
	/* Those that live already were announced by the agent before this one. */
	r = bw_journal_attach_each(a->journal, NULL, skip, n, err);
	if (r < 0) {
		free(n);
		return r;
	}
	*ret = n;
	return 0;
}

void agent_announce_free(struct agent_announce **n)
{
	if (!*n)
		return;
	bw_timer_stop(&(*n)->timer);
	free(*n);
	*n = NULL;
}
