/* SPDX-License-Identifier: Apache-2.0 */
/* Acknowledgements that the cluster had and, restored from a backup, has no more. */
#include <stdio.h>
#include <string.h>

#include <bw/err.h>
#include <bw/journal_claim.h>
#include <bw/log.h>

#include "again.h"
#include "agent.h"

#define BODY_MAX 400 /* two names, an interface and a MAC */

struct live {
	const char *uid;
	uint64_t token;
	int any; /* attachments of the claim, under whatever token */
	int found;
	struct bw_mac mac;
};

static int is_live(const struct bw_attachment *at, void *arg, struct bw_err *err)
{
	struct live *l = arg;

	(void)err;
	if (strcmp(at->claim_uid, l->uid) != 0)
		return 0;
	l->any = 1;
	if (at->token != l->token || at->state != BW_ATTACH_LIVE)
		return 0;
	l->found = 1;
	l->mac = at->mac;
	return 1;
}

static void put(struct agent *a, const struct bw_net_claim *c, enum bw_outbox_kind kind,
		const struct bw_mac *mac)
{
	struct bw_outbox_row row = { .token = (uint64_t)c->status.holder.token, .kind = kind };
	int has_mac = mac && !bw_mac_is_zero(mac);
	struct bw_err err = { 0 };
	char text[BW_MAC_STR_MAX];
	char body[BODY_MAX];
	int r;

	/* The schema bounds them; names of the cluster need no escapes, ignoring. */
	(void)snprintf(body, sizeof(body), "{\"namespace\":\"%s\",\"name\":\"%s\"%s%s%s}",
		       c->meta.namespace, c->meta.name, has_mac ? ",\"mac\":\"" : "",
		       has_mac ? bw_mac_str(mac, text) : "", has_mac ? "\"" : "");
	(void)snprintf(row.uid, sizeof(row.uid), "%s", c->meta.uid);
	row.body = body;
	r = bw_journal_outbox_again(a->journal, &row, &err);
	if (r < 0)
		bw_log_error("cannot write an acknowledgement again", "err", err.msg);
	if (r <= 0)
		return;
	bw_log_info("the API server has lost an acknowledgement: it gets it again", "ns",
		    c->meta.namespace, "claim", c->meta.name, "kind", bw_outbox_kind_str(kind));
	agent_outbox_kick(a->outbox);
}

static int says_detached(const struct bw_net_claim_status *s, int64_t token)
{
	return s->has_detached_token && s->detached_token >= token;
}

static int says_attached(const struct bw_net_claim_status *s, int64_t token)
{
	return s->has_attached && s->attached.token >= token;
}

/*
 * Whether the cluster may have had what the journal knows of its token, and has it no more. One
 * that never said it may just be behind; not so where it has given the token only now, or asks for
 * it.
 */
static int may_have_lost(const struct bw_net_claim_status *was, const struct bw_net_claim_status *s)
{
	return !was || !was->has_holder || was->holder.token != s->holder.token ||
	       s->phase == BW_NET_CLAIM_STATUS_PHASE_RELEASING;
}

/*
 * A token that the journal does not serve any more, for it was given back or a higher one was seen
 * in a future that never was, is spent: only that makes the controller give the next, up to one
 * that this node has not seen. An attachment of that future speaks for itself (inventory.c), and
 * nothing that it lives on is given back; nor is one made any more once that is known (the rows are
 * stale).
 */
static void give_again(struct agent *a, const struct bw_net_claim *c, struct live *l,
		       int seen_later)
{
	struct bw_err err = { 0 };

	if (seen_later && bw_journal_claim_stale(a->journal, c->meta.uid, 1, &err) < 0)
		bw_log_error("cannot mark a binding stale", "claim", c->meta.name, "err", err.msg);
	else if (bw_journal_attach_each(a->journal, NULL, is_live, l, &err) == 0 && !l->any)
		put(a, c, BW_OUTBOX_DETACHED, NULL);
}

/* @was: what it said before; NULL = it is new to us. Errors show with the next claim, ignoring. */
static void say_again(struct agent *a, const struct bw_net_claim_status *was,
		      const struct bw_net_claim *c)
{
	const struct bw_net_claim_status *s = &c->status;
	int64_t token = s->holder.token;
	struct live l = { .uid = c->meta.uid, .token = (uint64_t)token };
	int lost = may_have_lost(was, s);
	struct bw_journal_token t;
	struct bw_err err = { 0 };

	if (!s->has_holder || strcmp(s->holder.node, a->conf->node) != 0 ||
	    agent_is_other_node(a, s->holder.node_uid) || says_detached(s, token) ||
	    bw_journal_token_get(a->journal, c->meta.uid, &t, &err) <= 0)
		return;
	if (t.detached >= l.token || t.seen > l.token) {
		if (lost || says_detached(was, token))
			give_again(a, c, &l, t.seen > l.token);
		return;
	}
	if (t.attached < l.token || says_attached(s, token) || !(lost || says_attached(was, token)))
		return;
	(void)bw_journal_attach_each(a->journal, NULL, is_live, &l, &err);
	if (l.found)
		put(a, c, BW_OUTBOX_ATTACHED, &l.mac);
}

void agent_again_seen(struct agent *a, const struct bw_kube_object *old,
		      const struct bw_kube_object *now)
{
	BW_CLEANUP(bw_net_claim_done) struct bw_net_claim was = { 0 };
	BW_CLEANUP(bw_net_claim_done) struct bw_net_claim is = { 0 };
	int known = old && strcmp(old->uid, now->uid) == 0;

	if (bw_net_claim_decode(now->text, now->size, &is, NULL) < 0 ||
	    (known && bw_net_claim_decode(old->text, old->size, &was, NULL) < 0))
		return;
	say_again(a, known ? &was.status : NULL, &is);
}
