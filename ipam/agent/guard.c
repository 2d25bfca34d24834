/* SPDX-License-Identifier: Apache-2.0 */
/* Holding attachments of Available pools while their node is cut off. */
#include <stdio.h>
#include <string.h>

#include <bw/err.h>
#include <bw/kube_client.h>
#include <bw/log.h>

#include "agent.h"
#include "announce.h"
#include "conflict.h"
#include "cut.h"
#include "guard.h"
#include "inventory.h"
#include "roster.h"
#include "stale.h"

#define NS_PER_MS 1000000LL
#define LINES_MAX 16 /* uplinks of Available pools */
#define DOUBT_MISSED 2 /* of .is_doubted: the doubt is not that of somebody's frame */

/* One uplink that attachments of Available pools use. */
struct line {
	char name[BW_LINK_NAME_MAX + 1];
	uint8_t used; /* by the look under way */
	uint8_t up;
	uint8_t lost; /* no carrier, and no answer since */
	uint8_t noted; /* .downs is */
	uint32_t downs; /* how often the carrier went, as the journal has it */
};

struct agent_guard {
	struct agent *a;
	struct line lines[LINES_MAX];
	size_t n;
	struct bw_kube_call call;
	struct bw_timer ask; /* the API server, again */
	struct bw_timer round; /* the segment, in its place */
	struct bw_timer heard; /* the end of a round's listening */
	int64_t round_ns; /* when the last round began */
	int looked; /* since this daemon's start */
};

static int set_cut(struct agent *a, const struct agent_member *m, int on, struct bw_err *err)
{
	bw_autofree struct bw_attachment *att = malloc(sizeof(*att));
	int r;

	if (!att)
		return bw_fail(err, ENOMEM, "read an attachment");
	r = bw_journal_attach_get_id(a->journal, m->id, att, err);
	if (r <= 0)
		return r < 0 ? r : bw_fail(err, ENOENT, "read an attachment");
	return agent_cut(a->nl, a->journal, att, on, err);
}

static void hold(struct agent_guard *g, struct agent_member *m, const char *why)
{
	struct bw_err err = { 0 };

	if (m->is_cut)
		return;
	if (set_cut(g->a, m, 1, &err) < 0) {
		bw_log_error("cannot hold an attachment", "claim", m->claim, "err", err.msg);
		return;
	}
	m->is_cut = 1;
	m->is_held = 1;
	m->clean = 0;
	g->a->stat.held++;
	bw_log_warn("an attachment is held: its pool is Available and it may be elsewhere", "ns",
		    m->ns, "claim", m->claim, "uplink", m->uplink, "why", why);
	agent_inventory_look(g->a->inventory);
}

static struct line *line_of(struct agent_guard *g, const char *name)
{
	struct line *l;

	for (size_t i = 0; i < g->n; i++)
		if (strcmp(g->lines[i].name, name) == 0)
			return &g->lines[i];
	if (g->n == LINES_MAX)
		return NULL;
	l = &g->lines[g->n++];
	*l = (struct line){ .up = 1 };
	(void)snprintf(l->name, sizeof(l->name), "%s", name); /* fits */
	return l;
}

/* Held, and its uplink has a carrier: whom rounds are for. */
static int waits(struct agent_guard *g, const struct agent_member *m)
{
	const struct line *l = m->is_held ? line_of(g, m->uplink) : NULL;

	return l && l->up;
}

static int any_down(const struct agent_guard *g)
{
	for (size_t i = 0; i < g->n; i++)
		if (!g->lines[i].up && !g->lines[i].lost)
			return 1;
	return 0;
}

static void hold_lost(struct agent_guard *g)
{
	bw_list_for_each (node, agent_roster_list(g->a->roster)) {
		struct agent_member *m = bw_list_entry(node, struct agent_member, node);
		const struct line *l =
			m->is_available && m->uplink[0] ? line_of(g, m->uplink) : NULL;

		if (l && l->lost)
			hold(g, m, "no carrier, and the API server does not answer");
	}
}

static void hold_doubted(struct agent_guard *g)
{
	bw_list_for_each (node, agent_roster_list(g->a->roster)) {
		struct agent_member *m = bw_list_entry(node, struct agent_member, node);

		if (m->is_doubted)
			hold(g, m,
			     m->is_doubted == DOUBT_MISSED
				     ? "the carrier was away while no agent ran, and the API "
				       "server does not answer"
				     : "somebody else has its address, and the API server does "
				       "not answer");
		m->is_doubted = 0;
	}
}

static void forget_doubts(struct agent_guard *g)
{
	bw_list_for_each (node, agent_roster_list(g->a->roster))
		bw_list_entry(node, struct agent_member, node)->is_doubted = 0;
}

static void ask_in(struct agent_guard *g, unsigned int ms)
{
	if (bw_timer_set(&g->ask, bw_loop_now_ns(g->a->loop) + ms * NS_PER_MS) < 0)
		bw_log_error("out of memory: the API server is not asked");
}

static void round_in(struct agent_guard *g, unsigned int ms)
{
	if (bw_timer_set(&g->round, bw_loop_now_ns(g->a->loop) + ms * NS_PER_MS) < 0)
		bw_log_error("out of memory: the segment is not asked");
}

/* I1. What the object says does not matter: the way there and back does, and who we are. */
static void on_answer(const struct bw_kube_answer *answer, void *arg)
{
	struct agent_guard *g = arg;

	if (answer->result == BW_KUBE_OK || answer->result == BW_KUBE_NOT_FOUND) {
		forget_doubts(g); /* their claims are asked for one by one */
		if (any_down(g))
			ask_in(g, AGENT_GUARD_ASK_MS);
		return;
	}
	for (size_t i = 0; i < g->n; i++)
		g->lines[i].lost |= !g->lines[i].up;
	hold_lost(g);
	hold_doubted(g);
	if (!bw_timer_is_set(&g->round))
		round_in(g, AGENT_GUARD_ROUND_MS);
}

static void ask(void *arg)
{
	struct agent_guard *g = arg;
	const struct bw_kube_request req = { .verb = BW_KUBE_GET,
					     .kind = &bw_kind_nodenetwork,
					     .name = g->a->conf->node,
					     .timeout_ms = AGENT_GUARD_ANSWER_MS };
	const struct bw_kube_answer none = { .result = BW_KUBE_REFUSED };
	struct bw_err err = { 0 };

	if (!g->call.client && bw_kube_start(g->a->client, &req, &g->call, &err) < 0)
		on_answer(&none, g);
}

static void ask_now(struct agent_guard *g)
{
	bw_timer_stop(&g->ask);
	ask(g);
}

/* I2. Held or not: while the carrier was away the claim may have gone. */
static void returned(struct agent_guard *g, struct line *l)
{
	bw_log_info("an uplink of Available pools has its carrier again", "uplink", l->name);
	l->lost = 0;
	bw_list_for_each (node, agent_roster_list(g->a->roster)) {
		const struct agent_member *m = bw_list_entry(node, struct agent_member, node);

		if (m->is_available && strcmp(m->uplink, l->name) == 0)
			agent_stale_ask(g->a->stale, m->uid, m->ns, m->claim);
	}
	round_in(g, AGENT_GUARD_ROUND_MS);
}

/* Who had no carrier for a time that nobody watched is doubted as who has a rival. */
static void missed(struct agent_guard *g, const struct line *l)
{
	bw_log_warn("an uplink of Available pools lost its carrier while no agent ran", "uplink",
		    l->name);
	bw_list_for_each (node, agent_roster_list(g->a->roster)) {
		struct agent_member *m = bw_list_entry(node, struct agent_member, node);

		if (!m->is_available || strcmp(m->uplink, l->name) != 0)
			continue;
		agent_guard_doubt(g, m);
		m->is_doubted = DOUBT_MISSED;
	}
}

static void note(struct agent_guard *g, struct line *l, uint32_t downs)
{
	struct agent *a = g->a;
	struct bw_err err = { 0 };
	uint32_t was = 0;
	int r = 0;

	if (l->noted && l->downs == downs)
		return;
	if (!l->noted)
		r = bw_journal_carrier_get(a->journal, l->name, a->boot_id, &was, &err);
	if (r == 1 && was != downs && !g->looked)
		missed(g, l);
	if (r >= 0 && (r == 0 || was != downs))
		r = bw_journal_carrier_put(a->journal, l->name, a->boot_id, downs, &err);
	if (r < 0)
		bw_log_error("cannot remember the carrier of an uplink", "uplink", l->name, "err",
			     err.msg);
	l->noted = 1;
	l->downs = downs;
}

static void look_at(struct agent_guard *g, struct line *l)
{
	const struct agent_dev *dev = agent_node_dev(&g->a->node, l->name);
	int up = dev && dev->up;

	if (dev)
		note(g, l, dev->carrier_downs);
	if (up && !l->up) {
		l->up = 1;
		returned(g, l);
	} else if (!up && l->up) {
		bw_log_warn("an uplink of Available pools has no carrier", "uplink", l->name);
		l->up = 0;
		ask_now(g);
	}
}

/* Held by the daemon before this one, too. */
static void ask_for_waiting(struct agent_guard *g)
{
	int n = 0;

	if (bw_timer_is_set(&g->round) || bw_timer_is_set(&g->heard))
		return;
	bw_list_for_each (node, agent_roster_list(g->a->roster)) {
		const struct agent_member *m = bw_list_entry(node, struct agent_member, node);

		if (!waits(g, m))
			continue;
		n++;
		agent_stale_ask(g->a->stale, m->uid, m->ns, m->claim);
	}
	if (n)
		round_in(g, AGENT_GUARD_ROUND_MS);
}

static void drop_unused(struct agent_guard *g)
{
	size_t n = 0;

	for (size_t i = 0; i < g->n; i++)
		if (g->lines[i].used)
			g->lines[n++] = g->lines[i];
	g->n = n;
}

void agent_guard_look(struct agent_guard *g)
{
	if (!g)
		return;
	for (size_t i = 0; i < g->n; i++)
		g->lines[i].used = 0;
	bw_list_for_each (node, agent_roster_list(g->a->roster)) {
		struct agent_member *m = bw_list_entry(node, struct agent_member, node);
		struct line *l = m->is_available && m->uplink[0] ? line_of(g, m->uplink) : NULL;

		if (l)
			l->used = 1;
	}
	drop_unused(g);
	for (size_t i = 0; i < g->n; i++)
		look_at(g, &g->lines[i]);
	g->looked = 1;
	hold_lost(g); /* what came since */
	ask_for_waiting(g);
}

void agent_guard_doubt(struct agent_guard *g, struct agent_member *m)
{
	m->is_doubted = 1;
	agent_stale_ask(g->a->stale, m->uid, m->ns, m->claim);
	ask_now(g);
}

static void mend(struct agent_guard *g, struct agent_member *m)
{
	struct bw_err err = { 0 };

	if (set_cut(g->a, m, 0, &err) < 0) {
		bw_log_error("cannot let an attachment speak again", "claim", m->claim, "err",
			     err.msg);
		return;
	}
	m->is_cut = 0;
	m->is_held = 0;
	bw_log_warn("a held attachment speaks again: the API server is silent, and nobody on the "
		    "segment has its address",
		    "ns", m->ns, "claim", m->claim);
	agent_announce_defend(g->a->announce, m->id);
	agent_inventory_look(g->a->inventory);
}

/* A round is clean for whom nobody answered since it began. */
static void on_heard(void *arg)
{
	struct agent_guard *g = arg;
	int left = 0;

	bw_list_for_each (node, agent_roster_list(g->a->roster)) {
		struct agent_member *m = bw_list_entry(node, struct agent_member, node);

		if (!waits(g, m))
			continue;
		m->clean = m->conflict_ns >= g->round_ns ? 0 : m->clean + 1;
		if (m->clean >= AGENT_GUARD_ROUNDS)
			mend(g, m);
		else
			left = 1;
	}
	if (left)
		round_in(g, AGENT_GUARD_ROUND_MS);
}

static void on_round(void *arg)
{
	struct agent_guard *g = arg;
	int n = 0;

	g->round_ns = bw_loop_now_ns(g->a->loop);
	bw_list_for_each (node, agent_roster_list(g->a->roster)) {
		struct agent_member *m = bw_list_entry(node, struct agent_member, node);

		if (!waits(g, m))
			continue;
		n++;
		agent_stale_ask(g->a->stale, m->uid, m->ns, m->claim);
		if (agent_conflict_probe(g->a->conflict, m) < 0)
			m->conflict_ns = g->round_ns; /* nobody was asked: not clean */
	}
	if (n && bw_timer_set(&g->heard, g->round_ns + AGENT_GUARD_LISTEN_MS * NS_PER_MS) < 0)
		bw_log_error("out of memory: the segment is not asked");
}

int agent_guard_may_mend(struct agent_guard *g, int64_t id, int live)
{
	const struct agent_member *m = agent_roster_get(g->a->roster, id);

	return !m || !m->is_held || (live && waits(g, m));
}

int agent_guard_settle(struct agent_guard *g, int64_t id)
{
	struct agent_member *m = agent_roster_get(g->a->roster, id);
	int was = m && m->is_held;

	if (m)
		m->is_held = 0;
	return was;
}

int agent_guard_new(struct agent *a, struct agent_guard **ret, struct bw_err *err)
{
	struct agent_guard *g = calloc(1, sizeof(*g));

	if (!g)
		return bw_fail(err, ENOMEM, "prepare to hold attachments");
	g->a = a;
	g->call.done = on_answer;
	g->call.arg = g;
	bw_timer_init(&g->ask, a->loop, ask, g);
	bw_timer_init(&g->round, a->loop, on_round, g);
	bw_timer_init(&g->heard, a->loop, on_heard, g);
	*ret = g;
	return 0;
}

void agent_guard_free(struct agent_guard **g)
{
	if (!*g)
		return;
	bw_kube_cancel(&(*g)->call);
	bw_timer_stop(&(*g)->ask);
	bw_timer_stop(&(*g)->round);
	bw_timer_stop(&(*g)->heard);
	free(*g);
	*g = NULL;
}
