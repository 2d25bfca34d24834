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
	int found;
	struct bw_mac mac;
};

static int is_live(const struct bw_attachment *at, void *arg, struct bw_err *err)
{
	struct live *l = arg;

	(void)err;
	if (strcmp(at->claim_uid, l->uid) != 0 || at->token != l->token ||
	    at->state != BW_ATTACH_LIVE)
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

/* @was: what it said before; NULL = it is new to us. One that never said it may just be behind. */
static void say_again(struct agent *a, const struct bw_net_claim_status *was,
		      const struct bw_net_claim *c)
{
	const struct bw_net_claim_status *s = &c->status;
	int64_t token = s->holder.token;
	struct live l = { .uid = c->meta.uid, .token = (uint64_t)token };
	struct bw_journal_token t;
	struct bw_err err = { 0 };

	if (!s->has_holder || strcmp(s->holder.node, a->conf->node) != 0 ||
	    agent_is_other_node(a, s->holder.node_uid) || says_detached(s, token))
		return;
	if (bw_journal_token_get(a->journal, c->meta.uid, &t, &err) <= 0)
		return; /* nothing is known of it; an error shows with the next claim, ignoring */
	if (t.detached >= l.token) {
		if (!was || says_detached(was, token))
			put(a, c, BW_OUTBOX_DETACHED, NULL);
		return;
	}
	if (t.attached < l.token || says_attached(s, token) || (was && !says_attached(was, token)))
		return;
	/* an error shows with the next claim, ignoring */
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
