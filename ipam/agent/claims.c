/* SPDX-License-Identifier: Apache-2.0 */
/* Claims of this node: bindings into the journal, and what a plugin's request meets there. */
#include <stdio.h>
#include <string.h>

#include <bw/err.h>
#include <bw/log.h>

#include "again.h"
#include "agent.h"
#include "cluster.h"
#include "earlier.h"
#include "stale.h"

#define BY_UNIT "unit" /* index: namespace/name of the Unit */
#define BODY_MAX 384 /* of an acknowledgement: two names */
#define KEY_MAX 320 /* a namespace, a slash, a name */
#define POD_NAME "$(POD_NAME)"
#define SYNC_NS                                                                                    \
	1000000000LL /* so long after the start the journal does not speak for the cluster */

static void unit_keys(const struct bw_kube_object *o, bw_kube_index_put put, void *to)
{
	struct bw_net_claim c = { 0 };
	struct bw_err err = { 0 };
	char key[KEY_MAX];

	if (bw_net_claim_decode(o->text, o->size, &c, &err) < 0)
		return;
	if (c.spec.has_unit_ref &&
	    snprintf(key, sizeof(key), "%s/%s", o->namespace, c.spec.unit_ref.name) < KEY_MAX)
		put(to, key);
	bw_net_claim_done(&c);
}

/* Whether the claim is this node's to serve now. 0; -EAGAIN and why not. */
static int check_holder(struct agent *a, const struct bw_net_claim *c, struct bw_err *err)
{
	const struct bw_net_claim_status_holder *h = &c->status.holder;
	const char *ns = c->meta.namespace, *name = c->meta.name;

	if (c->meta.deleting || c->status.phase == BW_NET_CLAIM_STATUS_PHASE_RELEASING)
		return bw_reject(err, BW_ERR_BUSY, EAGAIN, "claim %.63s/%.200s is being released",
				 ns, name);
	if (!c->status.has_holder || strcmp(h->node, a->conf->node) != 0)
		return bw_reject(err, BW_ERR_BUSY, EAGAIN,
				 "claim %.63s/%.200s is not held by this node", ns, name);
	if (agent_is_other_node(a, h->node_uid)) {
		agent_cluster_doubt(a->cluster_ask);
		return bw_reject(
			err, BW_ERR_BUSY, EAGAIN,
			"claim %.63s/%.100s is held by Node %.63s of UID %.36s, this agent's "
			"token names UID %.36s: was the Node registered again, the kubelet "
			"renews the token",
			ns, name, h->node, h->node_uid, a->node_uid);
	}
	if (c->status.has_detached_token && c->status.detached_token >= h->token)
		return bw_reject(
			err, BW_ERR_BUSY, EAGAIN,
			"claim %.63s/%.150s: this node gave token %lld back; the controller "
			"raises it when the pod is placed",
			ns, name, (long long)h->token);
	return 0;
}

static int put_row(struct agent *a, const struct bw_net_claim *c, const struct agent_bound *bound,
		   struct bw_err *err)
{
	bw_autofree char *text = NULL;
	struct bw_journal_claim row = { .token = bound->b.token, .epoch = bound->b.epoch };
	int r = bw_binding_encode(&bound->b, &text, err);

	if (r < 0)
		return r;
	(void)snprintf(row.uid, sizeof(row.uid), "%s", c->meta.uid);
	(void)snprintf(row.iface, sizeof(row.iface), "%s", bound->b.iface);
	(void)snprintf(row.ns, sizeof(row.ns), "%s", c->meta.namespace);
	(void)snprintf(row.name, sizeof(row.name), "%s", c->meta.name);
	(void)snprintf(row.resource_version, sizeof(row.resource_version), "%s", c->meta.rv);
	(void)snprintf(row.boot_id, sizeof(row.boot_id), "%s", a->boot_id);
	row.binding = text;
	r = bw_journal_claim_put(a->journal, &row, err);
	if (r > 0)
		a->stat.bindings_put++;
	return r < 0 ? r : 0;
}

/* One interface: its binding is in the journal afterwards, or the reason is in @err. */
static int serve_iface(struct agent *a, const struct bw_net_claim *c, const char *iface,
		       struct bw_err *err)
{
	bw_autofree struct agent_bound *bound = calloc(1, sizeof(*bound));
	const struct agent_facts facts = agent_facts(a);
	int r;

	if (!bound)
		return bw_reject(err, BW_ERR_BUSY, ENOMEM, "the agent is out of memory");
	r = check_holder(a, c, err);
	if (r == 0)
		r = agent_bind(&facts, c, iface, bound, err);
	return r < 0 ? r : put_row(a, c, bound, err);
}

/*
 * The controller asks for the token (docs/design/ipam.md, placement): nobody of this node uses it,
 * so it is spent. Where somebody does, nothing is written: the pod's DEL will.
 */
static void give_back(struct agent *a, const struct bw_net_claim *c)
{
	const struct bw_net_claim_status_holder *h = &c->status.holder;
	char body[BODY_MAX];
	struct bw_err err = { 0 };
	int r;

	if (c->status.phase != BW_NET_CLAIM_STATUS_PHASE_RELEASING || !c->status.has_holder ||
	    strcmp(h->node, a->conf->node) != 0 ||
	    (c->status.has_detached_token && c->status.detached_token >= h->token))
		return;
	(void)snprintf(body, sizeof(body), "{\"namespace\":\"%s\",\"name\":\"%s\"}",
		       c->meta.namespace, c->meta.name); /* names need no escapes, and they fit */
	r = bw_journal_claim_leave(a->journal, c->meta.uid, (uint64_t)h->token, body, &err);
	if (r < 0)
		bw_log_error("cannot give a claim back", "claim", c->meta.name, "err", err.msg);
	else if (r > 0)
		agent_outbox_kick(a->outbox);
}

/* All interfaces that have addresses: for pods that come while the API server is away. */
static int bind_claim(struct bw_kube_object *o, void *arg)
{
	struct agent *a = arg;
	struct bw_net_claim c = { 0 };
	struct bw_err err = { 0 };

	if (bw_net_claim_decode(o->text, o->size, &c, &err) < 0) {
		bw_log_warn("cannot read a claim, ignoring it", "ns", o->namespace, "claim",
			    o->name, "err", err.msg);
		return 0;
	}
	for (size_t i = 0; i < c.status.interfaces.n; i++) {
		struct bw_err why = { 0 };

		if (serve_iface(a, &c, c.status.interfaces.items[i].name, &why) < 0)
			bw_log_debug("a claim is not served", "ns", o->namespace, "claim", o->name,
				     "err", why.msg);
	}
	give_back(a, &c);
	agent_stale_claim(a->stale, &c);
	bw_net_claim_done(&c);
	return 0;
}

void agent_claims_rebind(struct agent *a)
{
	a->stat.claims = (unsigned int)bw_kube_store_count(a->claims);
	(void)bw_kube_store_each(a->claims, NULL, bind_claim, a); /* bind_claim() returns 0 */
	agent_serve_look(a->serve);
}

/* Held by another node now, or gone: what the journal has of it is served no more. */
static void forget(struct agent *a, const struct bw_kube_object *o)
{
	struct bw_err err = { 0 };

	if (bw_journal_claim_stale(a->journal, o->uid, 1, &err) < 0)
		bw_log_error("cannot mark a binding stale", "claim", o->name, "err", err.msg);
	agent_stale_ask(a->stale, o->uid, o->namespace, o->name);
}

static void on_claim(struct bw_kube_object *old, struct bw_kube_object *now, void *arg)
{
	struct agent *a = arg;

	a->contact = 1;
	if (old && (!now || strcmp(old->uid, now->uid) != 0))
		forget(a, old);
	if (now) {
		(void)bind_claim(now, a); /* it returns 0 */
		agent_again_seen(a, old, now);
	}
	a->stat.claims = (unsigned int)bw_kube_store_count(a->claims);
	agent_serve_look(a->serve);
	agent_outbox_kick(a->outbox);
}

/* What the journal has and the API server does not: moved or deleted while nobody looked. */
static int check_row(const struct bw_journal_claim *row, void *arg, struct bw_err *err)
{
	struct agent *a = arg;
	struct bw_kube_object *o = bw_kube_store_get(a->claims, row->ns, row->name);
	struct bw_kube_object gone = { .namespace = row->ns, .name = row->name, .uid = row->uid };

	(void)err; /* one row's trouble is logged, the others are looked at */
	if (!o || strcmp(o->uid, row->uid) != 0)
		forget(a, &gone);
	return 0;
}

static int say_again(struct bw_kube_object *o, void *arg)
{
	agent_again_seen(arg, NULL, o);
	return 0;
}

void agent_claims_compare(struct agent *a)
{
	struct bw_err err = { 0 };

	if (!bw_kube_store_synced(a->claims))
		return;
	if (bw_journal_claim_each(a->journal, NULL, check_row, a, &err) < 0)
		bw_log_error("cannot compare the journal with the API server", "err", err.msg);
	(void)bw_kube_store_each(a->claims, NULL, say_again, a); /* it returns 0 */
}

static void on_sync(void *arg)
{
	struct agent *a = arg;

	a->contact = 1;
	agent_claims_compare(a);
	agent_outbox_online(a->outbox);
	agent_claims_rebind(a);
}

int agent_claims_start(struct agent *a, struct bw_err *err)
{
	int r = bw_kube_store_index(a->claims, BY_UNIT, unit_keys, err);

	if (r == 0)
		r = bw_kube_store_on_change(a->claims, on_claim, a, err);
	return r < 0 ? r : bw_kube_store_on_sync(a->claims, on_sync, a, err);
}

/* The name that an annotation gives: $(POD_NAME) is replaced, once. 0; -EINVAL too long. */
static int expand(const char *text, const char *pod, char *out, size_t size)
{
	const char *at = strstr(text, POD_NAME);
	int n = at ? snprintf(out, size, "%.*s%s%s", (int)(at - text), text, pod,
			      at + strlen(POD_NAME))
		   : snprintf(out, size, "%s", text);

	return n < 0 || (size_t)n >= size ? -EINVAL : 0;
}

static int take_first(struct bw_kube_object *o, void *arg)
{
	*(struct bw_kube_object **)arg = o;
	return 1;
}

/* The claim a pod means: named by the annotation, else its Unit's, else named as the pod. */
static struct bw_kube_object *find(struct agent *a, const struct bw_agent_request *req,
				   struct agent_verdict *v)
{
	const char *named = bw_agent_request_annotation(req, "claim");
	struct bw_kube_object *o = NULL;
	char key[KEY_MAX];

	(void)snprintf(v->ns, sizeof(v->ns), "%s", req->ns); /* it was checked */
	if (expand(named ? named : req->name, req->name, v->name, sizeof(v->name)) < 0) {
		v->what = AGENT_NEVER;
		(void)bw_reject(&v->err, BW_ERR_INVALID, EINVAL,
				"the annotation net.barewire.dev/claim names a claim with more "
				"than 253 characters"); /* the verdict is what counts */
		return NULL;
	}
	if (!named && snprintf(key, sizeof(key), "%s/%s", req->ns, req->name) < KEY_MAX)
		(void)bw_kube_store_find(a->claims, BY_UNIT, key, take_first, &o); /* 0 or 1 */
	return o ? o : bw_kube_store_get(a->claims, v->ns, v->name);
}

/* A claim that is owned by a pod serves that pod alone: an older one of the same name may linger.
 */
static int check_owner(const struct bw_net_claim *c, const struct bw_agent_request *req,
		       struct bw_err *err)
{
	for (size_t i = 0; i < c->meta.owners.n && req->uid; i++) {
		const struct bw_kube_owner *o = &c->meta.owners.items[i];

		if (strcmp(o->kind, "Pod") == 0 && strcmp(o->name, req->name) == 0 &&
		    strcmp(o->uid, req->uid) != 0)
			return bw_reject(
				err, BW_ERR_BUSY, EAGAIN,
				"claim %.63s/%.150s is that of an earlier pod of this name "
				"(UID %.36s)",
				c->meta.namespace, c->meta.name, o->uid);
	}
	return 0;
}

static void judge_object(struct agent *a, const struct bw_agent_request *req,
			 const struct bw_kube_object *o, struct agent_verdict *v)
{
	struct bw_net_claim c = { 0 };
	int r;

	(void)snprintf(v->name, sizeof(v->name), "%s", o->name); /* fits: a name of the store */
	(void)snprintf(v->uid, sizeof(v->uid), "%s", o->uid);
	r = bw_net_claim_decode(o->text, o->size, &c, &v->err);
	if (r == 0)
		r = check_owner(&c, req, &v->err);
	if (r == 0)
		r = serve_iface(a, &c, req->ifname, &v->err);
	if (r == 0)
		r = agent_earlier(a, o->uid, req, &v->err);
	v->token = (uint64_t)c.status.holder.token;
	bw_net_claim_done(&c);
	v->what = r == 0                           ? AGENT_SERVED
		  : v->err.class == BW_ERR_INVALID ? AGENT_NEVER
						   : AGENT_NOT_YET;
}

/* A node that started again and another boot: only what the pool's fencing allows (reference). */
static int journal_allows(struct agent *a, struct bw_journal_claim *row, struct bw_err *err)
{
	bw_autobinding struct bw_binding b = { 0 };
	bw_autofree char *text = NULL;
	int r;

	if (row->stale)
		return bw_reject(err, BW_ERR_BUSY, EAGAIN,
				 "the API server has contradicted what the journal says of it");
	if (strcmp(row->boot_id, a->boot_id) == 0)
		return 0;
	r = bw_binding_decode(row->binding, strlen(row->binding), &b, err);
	if (r < 0)
		return r;
	if (b.fencing != BW_BINDING_AVAILABLE)
		return bw_reject(err, BW_ERR_BUSY, EAGAIN,
				 "the node has started again and the API server has not been "
				 "reached since: with fencing Strict its address may be elsewhere");
	b.probe = BW_BINDING_PROBE_ENFORCE;
	r = bw_binding_encode(&b, &text, err);
	if (r < 0)
		return r;
	free(row->binding);
	row->binding = BW_TAKE_PTR(text);
	(void)snprintf(row->boot_id, sizeof(row->boot_id), "%s", a->boot_id); /* fits */
	r = bw_journal_claim_put(a->journal, row, err);
	return r < 0 ? r : 0;
}

/* The API server has not been reached since the start: the journal speaks for it. */
static void judge_offline(struct agent *a, const struct bw_agent_request *req,
			  struct agent_verdict *v)
{
	bw_autoclaim struct bw_journal_claim row = { 0 };
	int r = bw_journal_claim_find(a->journal, v->ns, v->name, req->ifname, &row, &v->err);

	if (r == 1)
		r = journal_allows(a, &row, &v->err);
	else if (r == 0)
		r = bw_reject(&v->err, BW_ERR_BUSY, EAGAIN,
			      "the API server does not answer and the journal has no claim "
			      "%.63s/%.200s %.15s",
			      v->ns, v->name, req->ifname);
	if (r == 0)
		r = agent_earlier(a, row.uid, req, &v->err);
	if (r < 0)
		return;
	v->what = AGENT_SERVED;
	v->token = row.token;
	(void)snprintf(v->uid, sizeof(v->uid), "%s", row.uid);
}

static void say_missing(struct agent *a, const struct bw_agent_request *req,
			struct agent_verdict *v)
{
	(void)bw_reject(&v->err, BW_ERR_BUSY, EAGAIN, "no claim %.63s/%.200s is held by this node",
			v->ns, v->name); /* the verdict is what counts */
	if (!req->has_annotations || bw_agent_request_annotation(req, "claim") ||
	    bw_agent_request_annotation(req, "network"))
		return;
	for (size_t i = 0; i < a->n_pools; i++)
		if (a->pool_list[i].spec.default_)
			return;
	v->no_pool = 1;
}

void agent_claims_judge(const struct bw_agent_request *req, struct agent_verdict *v, void *arg)
{
	struct agent *a = arg;
	struct bw_kube_object *o;

	v->what = AGENT_NOT_YET;
	o = find(a, req, v);
	if (v->what == AGENT_NEVER)
		return;
	if (o)
		judge_object(a, req, o, v);
	else if (!bw_kube_store_synced(a->claims))
		judge_offline(a, req, v);
	else
		say_missing(a, req, v);
}

int agent_claims_wanted(const char *ns, const char *name, const char *uid, void *arg)
{
	struct agent *a = arg;
	struct bw_kube_object *o = bw_kube_store_get(a->claims, ns, name);
	struct bw_net_claim c = { 0 };
	struct bw_err err = { 0 };
	int wanted;

	if (!o || strcmp(o->uid, uid) != 0 || o->deleting)
		return 1;
	if (bw_net_claim_decode(o->text, o->size, &c, &err) < 0)
		return 1;
	wanted = c.status.phase == BW_NET_CLAIM_STATUS_PHASE_RELEASING;
	bw_net_claim_done(&c);
	return wanted;
}
