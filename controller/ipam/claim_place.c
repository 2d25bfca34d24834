/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a claim is at home: the holder and its token. It moves when the old holder is confirmed
 * gone, never because time has passed.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <bw/err.h>

#include "ctl.h"
#include "stamp.h"

#define QUIET_S 10 /* a move that takes no longer than this needs no condition */

void ctl_claim_put_holder(struct ctl_claim *k, struct bw_json_build *b, struct cJSON *status,
			  int64_t token)
{
	struct cJSON *holder = bw_json_put_object(b, status, "holder");

	bw_json_put_str(b, holder, "node", k->pod_node);
	bw_json_put_str(b, holder, "nodeUID", k->pod_node_uid);
	bw_json_put_int(b, holder, "token", token);
}

int ctl_claim_is_spent(const struct bw_net_claim_status *s)
{
	return s->has_detached_token && s->detached_token >= s->holder.token;
}

int ctl_node_fenced(const struct bw_kube_object *o, const char *uid)
{
	BW_CLEANUP(bw_k_node_done) struct bw_k_node n = { 0 };

	if (!o || strcmp(o->uid, uid) != 0 || bw_k_node_decode(o->text, o->size, &n, NULL) < 0)
		return 0;
	for (size_t i = 0; i < n.spec.taints.n; i++)
		if (strcmp(n.spec.taints.items[i].key, CTL_TAINT_FENCED) == 0)
			return 1;
	return 0;
}

/* The taint is there now: the holder that this plan's compare-and-swap builds on is fenced. */
static enum bw_plan_next done_fenced(const struct bw_kube_answer *a, void *arg)
{
	struct bw_kube_object *o = NULL;
	int fenced;

	if (a->result != BW_KUBE_OK || ctl_live(&bw_kind_node, ctl_keep_node, a, &o) < 0)
		return BW_PLAN_FAIL;
	fenced = ctl_node_fenced(o, arg);
	bw_kube_object_unref(&o);
	return fenced ? BW_PLAN_GO_ON : BW_PLAN_FAIL; /* the cache will see it */
}

/*
 * The cache may show a fence that was lifted before the holder got its token: the taint counts
 * when a live read, before the plan's writes, still finds it.
 */
static int node_is_tainted(struct ctl_claim *k)
{
	const struct bw_net_claim_status_holder *h = &k->claim->status.holder;
	struct bw_kube_request r = { .verb = BW_KUBE_GET, .kind = &bw_kind_node, .name = h->node };
	size_t size = strlen(h->node_uid) + 1;
	char *uid;

	if (!ctl_node_fenced(bw_kube_store_get(k->c->st.nodes, NULL, h->node), h->node_uid))
		return 0;
	uid = bw_plan_alloc(k->plan, size);
	if (!uid)
		return 0;
	memcpy(uid, h->node_uid, size);
	bw_plan_write(k->plan, &r, done_fenced, uid);
	return 1;
}

/* barewire release --token N --confirm-powered-off */
static int is_released_by_hand(const struct bw_net_claim *claim)
{
	const char *token = bw_kube_annotation(&claim->meta, CTL_ANN_RELEASE);
	char want[24];

	(void)snprintf(want, sizeof(want), "%" PRId64, claim->status.holder.token); /* fits */
	return token && strcmp(token, want) == 0;
}

static int all_available(struct ctl_claim *k)
{
	const struct bw_net_claim_status *s = &k->claim->status;

	for (size_t i = 0; i < s->interfaces.n; i++) {
		struct ctl_pool *p = ctl_pools_find(&k->c->pools, s->interfaces.items[i].pool);

		if (!p || p->o.spec.fencing != BW_NET_POOL_FENCING_AVAILABLE)
			return 0;
	}
	return s->interfaces.n > 0;
}

static int known_gone(const struct ctl_ipam *c, const char *uid)
{
	bw_list_for_each (i, (struct bw_list *)&c->gone_nodes)
		if (strcmp(bw_list_entry(i, struct ctl_gone_node, node)->uid, uid) == 0)
			return 1;
	return 0;
}

struct node_ref {
	struct ctl_ipam *c;
	char uid[BW_KUBE_UID_MAX + 1];
};

/* A UID that is gone never comes back, so the answer is good for ever. */
static enum bw_plan_next done_node(const struct bw_kube_answer *a, void *arg)
{
	struct node_ref *ref = arg;
	struct ctl_gone_node *gone;
	struct bw_kube_object *o = NULL;
	int there = 0;

	if (a->result == BW_KUBE_OK) {
		if (ctl_live(&bw_kind_node, ctl_keep_node, a, &o) < 0)
			return BW_PLAN_FAIL;
		there = strcmp(o->uid, ref->uid) == 0;
		bw_kube_object_unref(&o);
	} else if (a->result != BW_KUBE_NOT_FOUND) {
		return BW_PLAN_FAIL;
	}
	if (there)
		return BW_PLAN_FAIL; /* the cache will see it */
	gone = calloc(1, sizeof(*gone) + strlen(ref->uid) + 1);
	if (!gone)
		return BW_PLAN_FAIL;
	memcpy(gone->uid, ref->uid, strlen(ref->uid) + 1);
	bw_list_add_tail(&ref->c->gone_nodes, &gone->node);
	return BW_PLAN_AGAIN;
}

/* The Node is deleted: in pools that accept it, after a live read. */
static int node_is_gone(struct ctl_claim *k, int *ret_asked)
{
	const struct bw_net_claim_status_holder *h = &k->claim->status.holder;
	struct bw_kube_object *o = bw_kube_store_get(k->c->st.nodes, NULL, h->node);
	struct bw_kube_request r = { .verb = BW_KUBE_GET, .kind = &bw_kind_node, .name = h->node };
	struct node_ref *ref;

	if ((o && strcmp(o->uid, h->node_uid) == 0) || !all_available(k))
		return 0;
	if (known_gone(k->c, h->node_uid))
		return 1;
	ref = bw_plan_alloc(k->plan, sizeof(*ref));
	if (!ref)
		return 0;
	ref->c = k->c;
	(void)snprintf(ref->uid, sizeof(ref->uid), "%s", h->node_uid); /* bounded by the decoder */
	bw_plan_write(k->plan, &r, done_node, ref);
	*ret_asked = 1;
	return 0;
}

int ctl_claim_holder_gone(struct ctl_claim *k, int *ret_asked)
{
	const struct bw_net_claim_status *s = &k->claim->status;

	*ret_asked = 0;
	return !s->has_holder || ctl_claim_is_spent(s) || is_released_by_hand(k->claim) ||
	       node_is_tainted(k) || node_is_gone(k, ret_asked);
}

static int64_t next_token(const struct bw_net_claim_status *s)
{
	int64_t token = s->has_holder ? s->holder.token : 0;

	if (s->has_detached_token && s->detached_token > token)
		token = s->detached_token;
	return token + 1;
}

static void plan_holder(struct ctl_claim *k)
{
	bw_autobuild struct bw_json_build b = { 0 };
	struct bw_kube_request r = { .verb = BW_KUBE_MERGE,
				     .kind = &bw_kind_networkclaim,
				     .namespace = k->claim->meta.namespace,
				     .name = k->claim->meta.name,
				     .subresource = "status" };
	struct cJSON *status =
		bw_json_put_object(&b, ctl_body_cas(&b, k->claim->meta.rv), "status");

	bw_json_put_str(&b, status, "phase", "Bound");
	ctl_claim_put_holder(k, &b, status, next_token(&k->claim->status));
	bw_kube_conds_clear(&k->conds, "Placed");
	if (k->conds.changed)
		bw_kube_conds_put(&k->conds, &b, status, ctl_real_s(k->c));
	ctl_write(k->plan, &r, &b, ctl_done_cas, NULL);
}

/* The old holder has the token: ask for it back where it has said nothing of an attachment. */
static void wait_for_old(struct ctl_claim *k)
{
	const struct bw_net_claim_status *s = &k->claim->status;
	int has_attached = s->has_attached && s->attached.token == s->holder.token;
	enum bw_net_claim_status_phase phase = BW_NET_CLAIM_STATUS_PHASE_RELEASING;
	int64_t created = 0;
	int64_t waits_s;

	/* One that has said so is not asked: it tells when the pod's DEL is done. */
	if (has_attached)
		phase = s->phase == BW_NET_CLAIM_STATUS_PHASE_RELEASING
				? BW_NET_CLAIM_STATUS_PHASE_BOUND
				: s->phase;
	ctl_claim_wait_pools(k);
	(void)ctl_stamp_parse(k->pod_created, &created); /* then it waits long, ignoring */
	waits_s = ctl_real_s(k->c) - created;
	if (waits_s >= 0 && waits_s < QUIET_S)
		bw_plan_requeue_after(k->plan, (QUIET_S - waits_s) * 1000);
	else
		bw_kube_conds_set(&k->conds, "Placed", 0, "WaitingForNode",
				  k->claim->meta.generation,
				  "pod %s is on node %s, and node %s has not confirmed that its "
				  "attachment of token %" PRId64 " is gone; if it is powered off: "
				  "taint it %s, or barewire release --token %" PRId64,
				  k->pod->name, k->pod_node, s->holder.node, s->holder.token,
				  CTL_TAINT_FENCED, s->holder.token);
	ctl_claim_status(k, phase);
}

/* A segment that the node does not reach: said once, on the pod, where people look. */
static void warn_segment(struct ctl_claim *k)
{
	struct bw_kube_object *o = bw_kube_store_get(k->c->st.node_networks, NULL, k->pod_node);
	BW_CLEANUP(bw_net_node_done) struct bw_net_node n = { 0 };
	const struct bw_net_claim_status *s = &k->claim->status;
	char said[2 * CTL_KEY_MAX];

	if (!o || bw_net_node_decode(o->text, o->size, &n, NULL) < 0 || n.status.domains.n == 0)
		return;
	for (size_t i = 0; i < s->interfaces.n; i++) {
		struct ctl_pool *p = ctl_pools_find(&k->c->pools, s->interfaces.items[i].pool);
		int ready = 0;

		for (size_t d = 0; p && d < n.status.domains.n; d++)
			ready |= n.status.domains.items[d].ready &&
				 strcmp(n.status.domains.items[d].domain, p->o.spec.domain) == 0;
		(void)snprintf(said, sizeof(said), "segment %s %s", k->pod->uid,
			       s->interfaces.items[i].pool); /* bounded, ignoring */
		if (!p || ready || ctl_said_before(k->c, said))
			continue;
		bw_plan_event(k->plan, k->pod, BW_EVENT_WARNING, "NodeNotOnSegment",
			      "node %s has no ready uplink of domain %s, which pool %s is of; see "
			      "kubectl get nodenet %s",
			      k->pod_node, p->o.spec.domain, p->o.meta.name, k->pod_node);
	}
}

int ctl_claim_place(struct ctl_claim *k, struct bw_err *err)
{
	const struct bw_net_claim_status *s = &k->claim->status;
	int asked;

	(void)err;
	if (!k->pod || !k->pod_node[0]) {
		/* Nobody wants the token back any more. */
		if (s->phase == BW_NET_CLAIM_STATUS_PHASE_RELEASING)
			ctl_claim_status(k, BW_NET_CLAIM_STATUS_PHASE_BOUND);
		return 0;
	}
	if (!k->pod_node_uid[0]) {
		/* The Node is younger than our view of nodes; its event comes, this is the net. */
		bw_plan_requeue_after(k->plan, k->c->opts.retry_ms);
		return 0;
	}
	warn_segment(k);
	if (s->has_holder && !ctl_claim_is_spent(s) && strcmp(s->holder.node, k->pod_node) == 0 &&
	    strcmp(s->holder.node_uid, k->pod_node_uid) == 0) {
		/* At home. A token that was asked for is not wanted back any more. */
		bw_kube_conds_clear(&k->conds, "Placed");
		ctl_claim_status(k, s->phase == BW_NET_CLAIM_STATUS_PHASE_RELEASING
					    ? BW_NET_CLAIM_STATUS_PHASE_BOUND
					    : s->phase);
		return 0;
	}
	if (ctl_claim_holder_gone(k, &asked))
		plan_holder(k);
	else if (!asked)
		wait_for_old(k);
	return 0;
}
