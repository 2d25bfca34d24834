/* SPDX-License-Identifier: Apache-2.0 */
/* Attachments that outlived their right. */
#include <stdio.h>
#include <string.h>

#include <bw/err.h>
#include <bw/kube_client.h>
#include <bw/log.h>

#include "agent.h"
#include "cut.h"
#include "guard.h"
#include "inventory.h"
#include "monitor.h"
#include "roster.h"
#include "stale.h"

#define NS_PER_MS 1000000LL
#define ASK_MS 3000 /* a connection from before an outage is given up after that */
#define AGAIN_MIN_MS 1000
#define AGAIN_MAX_MS 30000
#define ASKS_MAX 4096

/* One claim to be asked for. */
struct ask {
	struct bw_list node;
	struct agent_stale *stale;
	struct bw_kube_call call;
	struct bw_timer again;
	unsigned int wait_ms;
	char uid[BW_CLAIM_UID_MAX + 1];
	char ns[BW_CLAIM_NS_MAX + 1];
	char name[BW_CLAIM_NAME_MAX + 1];
};

struct agent_stale {
	struct agent *a;
	struct bw_list asks;
	unsigned int n;
	unsigned int in_flight;
};

const char *agent_stale_judge(const struct bw_net_claim *c, const char *node, const char *node_uid,
			      uint64_t token)
{
	const struct bw_net_claim_status_holder *h = &c->status.holder;

	if (!c->status.has_holder)
		return NULL; /* nobody else has it */
	if ((uint64_t)h->token > token)
		return "the claim is held under a higher token";
	if (strcmp(h->node, node) == 0 && node_uid[0] && h->node_uid[0] &&
	    strcmp(h->node_uid, node_uid) != 0)
		return "the Node that held the claim was deleted";
	return NULL;
}

/* A claim against the journal's attachments. */
struct compare {
	struct agent *a;
	const char *uid;
	const struct bw_net_claim *claim; /* NULL = the API server does not know it */
	int fresh; /* .claim was read just now */
	unsigned int live;
};

static void cut_one(struct agent *a, struct bw_attachment *att, const struct bw_net_claim *claim,
		    const char *why)
{
	int was_held = agent_guard_settle(a->guard, att->id);
	struct bw_err err = { 0 };
	int r = 0;

	if (att->flags & BW_ATTACH_F_CUT && !was_held)
		return;
	if (!was_held)
		r = agent_cut(a->nl, a->journal, att, 1, &err);
	if (r < 0) {
		bw_log_error("cannot cut an attachment off", "pod", att->pod, "if", att->ifname,
			     "err", err.msg);
		return;
	}
	agent_roster_cut(a->roster, att->id, 1);
	a->stat.cut++;
	bw_log_error("cut an attachment off: its address may be elsewhere", "pod", att->pod, "if",
		     att->ifname, "cid", att->container_id, "why", why);
	agent_warn_claim(a, claim->meta.namespace, claim->meta.name, claim->meta.uid,
			 "StaleAttachment", why);
	agent_inventory_look(a->inventory);
}

static void mend_one(struct agent *a, struct bw_attachment *att)
{
	struct bw_err err = { 0 };

	if (agent_cut(a->nl, a->journal, att, 0, &err) < 0) {
		bw_log_error("cannot let an attachment speak again", "pod", att->pod, "err",
			     err.msg);
		return;
	}
	(void)agent_guard_settle(a->guard, att->id); /* held or not, it is over */
	bw_log_info("an attachment speaks again: the cluster confirms it", "pod", att->pod, "if",
		    att->ifname);
	agent_roster_cut(a->roster, att->id, 0);
	agent_inventory_look(a->inventory);
}

static int compare_one(const struct bw_attachment *row, void *arg, struct bw_err *err)
{
	struct compare *c = arg;
	bw_autofree struct bw_attachment *att = NULL;
	const char *why;

	if (strcmp(row->claim_uid, c->uid) != 0 || row->state == BW_ATTACH_DELETING)
		return 0;
	c->live++;
	if (!c->claim)
		return 0;
	att = malloc(sizeof(*att));
	if (!att)
		return bw_fail(err, ENOMEM, "compare an attachment with its claim");
	*att = *row;
	why = agent_stale_judge(c->claim, c->a->conf->node, c->a->node_uid, row->token);
	if (why)
		cut_one(c->a, att, c->claim, why);
	else if (row->flags & BW_ATTACH_F_CUT &&
		 (uint64_t)c->claim->status.holder.token == row->token &&
		 strcmp(c->claim->status.holder.node, c->a->conf->node) == 0 &&
		 agent_guard_may_mend(c->a->guard, row->id, c->fresh))
		mend_one(c->a, att);
	return 0;
}

static unsigned int compare(struct agent *a, const char *uid, const struct bw_net_claim *claim,
			    int fresh)
{
	struct compare c = { .a = a, .uid = uid, .claim = claim, .fresh = fresh };
	struct bw_err err = { 0 };

	if (bw_journal_attach_each(a->journal, NULL, compare_one, &c, &err) < 0)
		bw_log_error("cannot compare attachments with their claim", "err", err.msg);
	return c.live;
}

void agent_stale_claim(struct agent_stale *s, const struct bw_net_claim *c)
{
	(void)compare(s->a, c->meta.uid, c, 0); /* how many does not matter here */
}

static void ask_free(struct ask *k)
{
	struct agent_stale *s = k->stale;

	if (k->call.client)
		s->in_flight--;
	bw_kube_cancel(&k->call);
	bw_timer_stop(&k->again);
	bw_list_del(&k->node);
	s->n--;
	free(k);
}

static void ask_start(void *arg);

static void ask_later(struct ask *k)
{
	k->wait_ms = k->wait_ms ? k->wait_ms * 2 : AGAIN_MIN_MS;
	if (k->wait_ms > AGAIN_MAX_MS)
		k->wait_ms = AGAIN_MAX_MS;
	if (bw_timer_set(&k->again, bw_loop_now_ns(k->stale->a->loop) + k->wait_ms * NS_PER_MS) < 0)
		ask_free(k); /* out of memory: the next change asks again */
}

/* Nothing of it lives here and the cluster holds it elsewhere: the rows have done their work. */
static void drop_rows(struct agent *a, const char *uid)
{
	struct bw_err err = { 0 };

	if (bw_journal_claim_remove(a->journal, uid, NULL, &err) < 0)
		bw_log_error("cannot remove old bindings", "err", err.msg);
}

/* The API server does not know the claim of a live attachment: I2. */
static void unknown(struct agent *a, const struct ask *k)
{
	if (compare(a, k->uid, NULL, 1) == 0) {
		drop_rows(a, k->uid);
		return;
	}
	if (!a->restore_suspected)
		bw_log_error("a live attachment's claim is unknown to the API server: was it "
			     "restored from a backup?",
			     "ns", k->ns, "claim", k->name);
	a->restore_suspected = 1;
	agent_inventory_look(a->inventory);
}

static void known(struct agent *a, const struct ask *k, const struct bw_kube_answer *answer)
{
	struct bw_net_claim c = { 0 };
	struct bw_err err = { 0 };

	if (bw_net_claim_decode(answer->body, answer->body_size, &c, &err) < 0)
		bw_log_warn("cannot read a claim, ignoring it", "claim", k->name, "err", err.msg);
	else if (strcmp(c.meta.uid, k->uid) != 0)
		unknown(a, k);
	else if (compare(a, k->uid, &c, 1) == 0)
		drop_rows(a, k->uid);
	bw_net_claim_done(&c);
}

static void next(struct agent_stale *s)
{
	bw_list_for_each (node, &s->asks) {
		struct ask *k = bw_list_entry(node, struct ask, node);

		if (s->in_flight >= AGENT_STALE_ASK_MAX)
			return;
		if (!k->call.client && !bw_timer_is_set(&k->again))
			ask_start(k);
	}
}

static void on_answer(const struct bw_kube_answer *answer, void *arg)
{
	struct ask *k = arg;
	struct agent_stale *s = k->stale;

	s->in_flight--;
	if (answer->result == BW_KUBE_OK) {
		known(s->a, k, answer);
		ask_free(k);
	} else if (answer->result == BW_KUBE_NOT_FOUND) {
		unknown(s->a, k);
		ask_free(k);
	} else {
		ask_later(k);
	}
	next(s);
}

static void ask_start(void *arg)
{
	struct ask *k = arg;
	struct agent_stale *s = k->stale;
	const struct bw_kube_request req = { .verb = BW_KUBE_GET,
					     .kind = &bw_kind_networkclaim,
					     .namespace = k->ns,
					     .name = k->name,
					     .timeout_ms = ASK_MS };
	struct bw_err err = { 0 };

	if (bw_kube_start(s->a->client, &req, &k->call, &err) < 0)
		ask_later(k);
	else
		s->in_flight++;
}

void agent_stale_ask(struct agent_stale *s, const char *uid, const char *ns, const char *name)
{
	struct ask *k;

	bw_list_for_each (node, &s->asks) {
		k = bw_list_entry(node, struct ask, node);
		if (strcmp(k->uid, uid) != 0)
			continue;
		bw_timer_stop(&k->again); /* whoever asks has a reason not to wait */
		k->wait_ms = 0;
		next(s);
		return;
	}
	k = s->n < ASKS_MAX ? calloc(1, sizeof(*k)) : NULL;
	if (!k) {
		bw_log_error("cannot ask for a claim now", "claim", name);
		return;
	}
	k->stale = s;
	(void)snprintf(k->uid, sizeof(k->uid), "%s", uid); /* fit, as the next two */
	(void)snprintf(k->ns, sizeof(k->ns), "%s", ns);
	(void)snprintf(k->name, sizeof(k->name), "%s", name);
	k->call.done = on_answer;
	k->call.arg = k;
	bw_timer_init(&k->again, s->a->loop, ask_start, k);
	bw_list_add_tail(&s->asks, &k->node);
	s->n++;
	next(s);
}

int agent_stale_new(struct agent *a, struct agent_stale **ret, struct bw_err *err)
{
	struct agent_stale *s = calloc(1, sizeof(*s));

	if (!s)
		return bw_fail(err, ENOMEM, "prepare to compare attachments with claims");
	s->a = a;
	bw_list_init(&s->asks);
	*ret = s;
	return 0;
}

void agent_stale_free(struct agent_stale **s)
{
	if (!*s)
		return;
	bw_list_for_each (node, &(*s)->asks)
		ask_free(bw_list_entry(node, struct ask, node));
	free(*s);
	*s = NULL;
}
