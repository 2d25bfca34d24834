/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The epoch: raised when a term begins and once a minute, so that a store that went back in time is
 * noticed by everybody who remembers a higher one. Until the watch has shown this term's write
 * nothing is given; in quarantine nothing is given or taken, and what nodes report is made again.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <bw/err.h>

#include "ctl.h"
#include "stamp.h"

#define NS_PER_MS 1000000LL

static const char *cluster_id(struct ctl_ipam *c)
{
	struct bw_kube_object *o;

	if (!c->cluster_id[0]) {
		o = bw_kube_store_get(c->st.namespaces, NULL, "kube-system");
		if (o)
			(void)snprintf(c->cluster_id, sizeof(c->cluster_id), "%s", o->uid);
	}
	return c->cluster_id;
}

static void quarantine(struct ctl_ipam *c, const char *fmt, ...) BW_PRINTF(2, 3);
static void quarantine(struct ctl_ipam *c, const char *fmt, ...)
{
	va_list ap;

	if (c->quarantined)
		return;
	c->quarantined = 1;
	c->quarantine_ns = ctl_now_ns(c);
	c->ready = 0;
	va_start(ap, fmt);
	(void)vsnprintf(c->quarantine, sizeof(c->quarantine), fmt, ap); /* fits, ignoring */
	va_end(ap);
	ctl_touch_pools(c);
}

/* WHAT IS SEEN */

static int node_epoch(struct bw_kube_object *o, void *arg)
{
	BW_CLEANUP(bw_net_node_done) struct bw_net_node n = { 0 };
	struct ctl_ipam *c = arg;

	if (bw_net_node_decode(o->text, o->size, &n, NULL) < 0 || !n.status.has_epoch)
		return 0;
	if (n.status.cluster_id && c->cluster_id[0] &&
	    strcmp(n.status.cluster_id, c->cluster_id) != 0)
		return 0; /* a node of another cluster's past knows nothing of this one */
	if (n.status.epoch > c->max_epoch)
		c->max_epoch = n.status.epoch;
	return 0;
}

struct seen {
	int64_t epoch; /* 0 = there is none */
	int64_t lost; /* what a leader wrote down: the epoch before the restore; 0 = no quarantine
		       */
	uint8_t same_cluster;
};

static struct seen look(struct ctl_ipam *c, struct bw_kube_object *o)
{
	BW_CLEANUP(bw_net_epoch_done) struct bw_net_epoch e = { 0 };
	struct seen s = { .same_cluster = 1 };
	const char *lost;

	if (!o || bw_net_epoch_decode(o->text, o->size, &e, NULL) < 0)
		return s;
	(void)ctl_past_differs(c, &e); /* the process ends, ignoring */
	s.same_cluster = !cluster_id(c)[0] || strcmp(e.spec.cluster_id, c->cluster_id) == 0;
	s.epoch = e.spec.epoch;
	lost = bw_kube_annotation(&e.meta, CTL_ANN_RESTORED);
	if (lost)
		s.lost = strtoll(lost, NULL, 10);
	return s;
}

void ctl_epoch_seen(struct ctl_ipam *c)
{
	struct bw_kube_object *o = bw_kube_store_get(c->st.epochs, NULL, CTL_EPOCH_NAME);
	struct seen s = look(c, o);
	int went_back;

	(void)bw_kube_store_each(c->st.node_networks, NULL, node_epoch, c); /* never stops */
	if (!bw_kube_store_synced(c->st.epochs))
		return;
	if (s.lost)
		c->went_back = 0;
	else if (!c->leading)
		c->quarantined = 0; /* another one leads and has healed it */
	if (s.lost > c->max_epoch)
		c->max_epoch = s.lost;
	if (s.epoch > c->max_epoch)
		c->max_epoch = s.epoch;
	if (s.lost)
		quarantine(c,
			   "the API server was restored from an older state: its epoch was %" PRId64
			   " and had been %" PRId64,
			   s.epoch, s.lost);
	went_back = s.epoch < c->shown_epoch;
	c->shown_epoch = s.epoch;
	if (went_back)
		c->ready = 0;
	/* A cache may be behind what nodes or we have seen already: that alone says nothing. */
	if ((!s.same_cluster || s.epoch < c->max_epoch) &&
	    (went_back || c->sure_epoch < c->max_epoch) && !c->quarantined && !c->doubt) {
		c->doubt = 1;
		(void)bw_controller_enqueue(c->epoch_ctl, NULL, CTL_EPOCH_NAME, BW_KEY_FACT);
	}
	if (c->leading && !c->quarantined && !c->ready && !c->doubt && c->term_epoch &&
	    s.epoch >= c->term_epoch && !ctl_is_listening(c)) {
		c->ready = 1;
		ctl_enqueue_all(c);
	}
}

/* The live object: has the store really gone back? */
static enum bw_plan_next done_doubt(const struct bw_kube_answer *a, void *arg)
{
	BW_CLEANUP(bw_net_epoch_done) struct bw_net_epoch e = { 0 };
	struct ctl_ipam *c = arg;

	if (a->result != BW_KUBE_OK && a->result != BW_KUBE_NOT_FOUND)
		return BW_PLAN_FAIL;
	if (a->result == BW_KUBE_OK && bw_net_epoch_decode(a->body, a->body_size, &e, NULL) < 0)
		return BW_PLAN_FAIL;
	c->doubt = 0;
	if (a->result == BW_KUBE_OK && ctl_past_differs(c, &e))
		return BW_PLAN_DONE; /* another leader has written it down, or healed it already */
	if (e.spec.cluster_id && cluster_id(c)[0] && strcmp(e.spec.cluster_id, c->cluster_id) != 0)
		quarantine(c, "NetworkEpoch is of another cluster");
	else if (c->went_back || e.spec.epoch < c->max_epoch)
		quarantine(c,
			   "the epoch went back from %" PRId64 " to %" PRId64
			   ": the API server was restored from an older state",
			   c->max_epoch, e.spec.epoch);
	else
		c->sure_epoch = e.spec.epoch;
	c->live_rv[0] = '\0';
	if (e.meta.rv && strlen(e.meta.rv) < sizeof(c->live_rv))
		memcpy(c->live_rv, e.meta.rv, strlen(e.meta.rv) + 1);
	return BW_PLAN_AGAIN;
}

static void plan_doubt(struct ctl_ipam *c, struct bw_plan *plan)
{
	struct bw_kube_request r = { .verb = BW_KUBE_GET,
				     .kind = &bw_kind_networkepoch,
				     .name = CTL_EPOCH_NAME };

	bw_plan_write(plan, &r, done_doubt, c);
}

/* WRITES */

struct raise {
	struct ctl_ipam *c;
	int64_t epoch;
};

static enum bw_plan_next done_raise(const struct bw_kube_answer *a, void *arg)
{
	struct raise *r = arg;

	if (a->result == BW_KUBE_INVALID)
		return BW_PLAN_PARK;
	/* Our view of it may be of a future that never was. */
	if (a->result == BW_KUBE_CONFLICT || a->result == BW_KUBE_NOT_FOUND ||
	    a->result == BW_KUBE_EXISTS)
		r->c->doubt = 1;
	if (a->result != BW_KUBE_OK)
		return BW_PLAN_FAIL;
	if (r->epoch > r->c->sure_epoch)
		r->c->sure_epoch = r->epoch;
	if (!r->c->leading)
		return BW_PLAN_DONE;
	if (r->c->healed) {
		r->c->healed = 0;
		r->c->quarantined = 0;
		r->c->quarantine[0] = '\0';
	}
	r->c->term_epoch = r->epoch;
	r->c->raise_at_ns = ctl_now_ns(r->c) + r->c->opts.epoch_ms * NS_PER_MS;
	ctl_epoch_seen(r->c);
	return BW_PLAN_GO_ON;
}

/* JSON's null: a merge patch takes the member away. */
static void put_null(struct bw_json_build *b, struct cJSON *parent, const char *key)
{
	bw_autojson struct cJSON *null = NULL;

	if (bw_json_parse("null", 4, &null, NULL) == 0)
		bw_json_put_tree(b, parent, key, null);
	else
		b->failed = 1;
}

static enum bw_plan_next done_persist(const struct bw_kube_answer *a, void *arg)
{
	struct ctl_ipam *c = arg;

	if (a->result == BW_KUBE_CONFLICT || a->result == BW_KUBE_EXISTS) {
		/* Somebody else was faster; look again. */
		c->quarantined = 0;
		c->doubt = 1;
		return BW_PLAN_FAIL;
	}
	if (a->result != BW_KUBE_OK)
		return BW_PLAN_FAIL;
	(void)ctl_begin_anew(c, c->quarantine); /* without .restart the stores are trusted */
	return BW_PLAN_DONE;
}

/* The quarantine outlives this process: the next one begins with stores of the restored state. */
static void plan_persist(struct ctl_ipam *c, struct bw_plan *plan)
{
	bw_autobuild struct bw_json_build b = { 0 };
	struct cJSON *root = bw_json_build_object(&b);
	struct cJSON *meta = bw_json_put_object(&b, root, "metadata");
	struct bw_kube_request r = { .verb = c->live_rv[0] ? BW_KUBE_MERGE : BW_KUBE_CREATE,
				     .kind = &bw_kind_networkepoch,
				     .name = CTL_EPOCH_NAME };
	struct cJSON *spec;
	char lost[24];

	(void)snprintf(lost, sizeof(lost), "%" PRId64, c->max_epoch); /* fits, ignoring */
	bw_json_put_str(&b, bw_json_put_object(&b, meta, "annotations"), CTL_ANN_RESTORED, lost);
	if (c->live_rv[0]) {
		bw_json_put_str(&b, meta, "resourceVersion", c->live_rv);
	} else {
		bw_json_put_str(&b, root, "apiVersion", "net.barewire.dev/v1alpha1");
		bw_json_put_str(&b, root, "kind", "NetworkEpoch");
		bw_json_put_str(&b, meta, "name", CTL_EPOCH_NAME);
		spec = bw_json_put_object(&b, root, "spec");
		bw_json_put_int(&b, spec, "epoch", 1);
		bw_json_put_str(&b, spec, "clusterID", cluster_id(c));
	}
	ctl_write(plan, &r, &b, done_persist, c);
}

static void plan_raise(struct ctl_ipam *c, struct bw_kube_object *o, struct bw_plan *plan)
{
	bw_autobuild struct bw_json_build b = { 0 };
	struct raise *raise = bw_plan_alloc(plan, sizeof(*raise));
	struct cJSON *root = bw_json_build_object(&b);
	struct cJSON *meta = bw_json_put_object(&b, root, "metadata");
	struct cJSON *spec = bw_json_put_object(&b, root, "spec");
	struct bw_kube_request r = { .verb = o ? BW_KUBE_MERGE : BW_KUBE_CREATE,
				     .kind = &bw_kind_networkepoch,
				     .name = CTL_EPOCH_NAME };
	char stamp[CTL_STAMP_MAX];
	struct cJSON *ann;

	if (!raise)
		return;
	raise->c = c;
	raise->epoch = c->max_epoch + 1;
	bw_json_put_int(&b, spec, "epoch", raise->epoch);
	ann = bw_json_put_object(&b, meta, "annotations");
	if (c->healed) {
		bw_json_put_str(&b, ann, CTL_ANN_LAST, c->past);
		put_null(&b, ann, CTL_ANN_RESTORED);
		put_null(&b, ann, CTL_ANN_ASKED);
	}
	/* Who comes after one that ends while it listens must listen, too. */
	if (!ctl_is_listening(c))
		bw_json_put_str(&b, ann, CTL_ANN_RAISED, ctl_stamp(ctl_real_s(c), stamp));
	if (o) {
		bw_json_put_str(&b, meta, "resourceVersion", o->rv);
	} else {
		bw_json_put_str(&b, root, "apiVersion", "net.barewire.dev/v1alpha1");
		bw_json_put_str(&b, root, "kind", "NetworkEpoch");
		bw_json_put_str(&b, meta, "name", CTL_EPOCH_NAME);
		bw_json_put_str(&b, spec, "clusterID", cluster_id(c));
	}
	ctl_write(plan, &r, &b, done_raise, raise);
}

/* HEALING */

struct heal {
	struct ctl_ipam *c;
	struct bw_plan *plan;
	int64_t epoch; /* of the store */
	size_t open; /* what the end waits for */
	size_t planned;
	char waits[sizeof(((struct ctl_ipam *)0)->heal_waits)]; /* the first of these, in words */
};

#define HEAL_STEPS_MAX 64 /* of one plan; the rest comes in the next round */

/* Somebody made it meanwhile; the watch will show it. */
static enum bw_plan_next done_heal(const struct bw_kube_answer *a, void *arg)
{
	const struct ctl_addr_ref *ref = arg;

	if (a->result == BW_KUBE_OK)
		(void)ctl_addr_answer(ref, a);
	return a->result == BW_KUBE_OK || a->result == BW_KUBE_EXISTS ? BW_PLAN_GO_ON
								      : BW_PLAN_FAIL;
}

static int knows_claim(const struct heal *h, const struct bw_net_node_status_live *v)
{
	const struct bw_kube_object *o = bw_kube_store_get(h->c->st.claims, v->namespace, v->name);

	return o && strcmp(o->uid, v->uid) == 0;
}

/* The lock of an address that lives on a node, and which the restored store does not have. */
static void make_lock(struct heal *h, const struct bw_net_node_status_live *v,
		      const struct bw_ip *ip)
{
	bw_autobuild struct bw_json_build b = { 0 };
	struct cJSON *root = bw_json_build_object(&b);
	struct ctl_addr_ref *ref = ctl_addr_ref(h->c, h->plan, v->domain, ip, v->uid);
	struct bw_kube_request r = { .verb = BW_KUBE_CREATE, .kind = &bw_kind_networkaddress };
	struct cJSON *spec;
	struct cJSON *claim;
	char name[CTL_NAME_MAX];
	char text[CTL_ADDRESS_MAX];
	char stamp[CTL_STAMP_MAX];

	if (!ref || ctl_address_name(v->domain, ip, name) < 0)
		return;
	r.name = name;
	bw_json_put_str(&b, root, "apiVersion", "net.barewire.dev/v1alpha1");
	bw_json_put_str(&b, root, "kind", "NetworkAddress");
	bw_json_put_str(&b, bw_json_put_object(&b, root, "metadata"), "name", name);
	spec = bw_json_put_object(&b, root, "spec");
	bw_json_put_str(&b, spec, "domain", v->domain);
	bw_json_put_str(&b, spec, "address", ctl_address_text(ip, text));
	bw_json_put_str(&b, spec, "pool", v->pool);
	claim = bw_json_put_object(&b, spec, "claim");
	bw_json_put_str(&b, claim, "namespace", v->namespace);
	bw_json_put_str(&b, claim, "name", v->name);
	bw_json_put_str(&b, claim, "uid", v->uid);
	if (v->interface && *v->interface)
		bw_json_put_str(&b, claim, "interface", v->interface);
	/* A claim that was made after the snapshot is gone: nobody may have its address. */
	bw_json_put_str(&b, spec, "state", knows_claim(h, v) ? "Bound" : "Quarantined");
	bw_json_put_str(&b, spec, "stateSince", ctl_stamp(ctl_real_s(h->c), stamp));
	ctl_write(h->plan, &r, &b, done_heal, ref);
	h->planned++;
}

/* The node has a higher token than the restored claim: it is the holder, with that token. */
static void make_holder(struct heal *h, const struct bw_net_node *n,
			const struct bw_net_node_status_live *v)
{
	struct bw_kube_object *o = bw_kube_store_get(h->c->st.claims, v->namespace, v->name);
	BW_CLEANUP(bw_net_claim_done) struct bw_net_claim claim = { 0 };
	bw_autobuild struct bw_json_build b = { 0 };
	struct bw_kube_request r = { .verb = BW_KUBE_MERGE,
				     .kind = &bw_kind_networkclaim,
				     .namespace = v->namespace,
				     .name = v->name,
				     .subresource = "status" };
	struct cJSON *holder;

	if (!o || strcmp(o->uid, v->uid) != 0 || !n->status.node_uid ||
	    bw_net_claim_decode(o->text, o->size, &claim, NULL) < 0 ||
	    (claim.status.has_holder && claim.status.holder.token >= v->token) || v->token < 1)
		return;
	holder = bw_json_put_object(
		&b, bw_json_put_object(&b, ctl_body_cas(&b, claim.meta.rv), "status"), "holder");
	bw_json_put_str(&b, holder, "node", n->meta.name);
	bw_json_put_str(&b, holder, "nodeUID", n->status.node_uid);
	bw_json_put_int(&b, holder, "token", v->token);
	ctl_write(h->plan, &r, &b, ctl_done_cas, NULL);
	h->planned++;
}

static void wait_for(struct heal *h, const char *fmt, ...) BW_PRINTF(2, 3);
static void wait_for(struct heal *h, const char *fmt, ...)
{
	va_list ap;

	if (h->open++)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(h->waits, sizeof(h->waits), fmt, ap); /* cut is fine, ignoring */
	va_end(ap);
}

/*
 * An address that lives on a node. Without a lock it gets one; with the lock of another claim it
 * lives for somebody whom the restored store does not know, and its owner of then must not have it
 * before that attachment is gone.
 */
static void heal_live(struct heal *h, const struct bw_net_node *n,
		      const struct bw_net_node_status_live *v, const char *text)
{
	const struct ctl_addr *a;
	struct bw_ip ip;

	if (!v->domain || !*v->domain || !v->pool || !*v->pool || bw_ip_parse(text, &ip) < 0)
		return;
	a = ctl_book_find(&h->c->book, v->domain, &ip);
	if (!a)
		make_lock(h, v, &ip);
	else if (strcmp(a->claim_uid, v->uid) != 0 && a->state != BW_NET_ADDRESS_STATE_QUARANTINED)
		wait_for(h,
			 "node %s still has %s for claim %s/%s, which is not known any more: "
			 "its pod there must end first",
			 n->meta.name, text, v->namespace, v->name);
	else if (strcmp(a->claim_uid, v->uid) == 0 && a->state == BW_NET_ADDRESS_STATE_BOUND &&
		 a->known != CTL_ASSUMED && !knows_claim(h, v)) {
		/* Made while the cache still had the claim, or older than the claim's loss. */
		ctl_write_state(h->c, h->plan, a, BW_NET_ADDRESS_STATE_QUARANTINED);
		h->planned++;
	}
}

static int suspects(const struct bw_net_node *n)
{
	const struct bw_kube_condition *said = bw_kube_condition_get(
		n->status.conditions.items, n->status.conditions.n, "RestoreSuspected");

	return said && said->status && strcmp(said->status, "True") == 0;
}

/*
 * A node alone has noticed: the snapshot was of this very epoch. What lives there for a claim that
 * nobody knows is nobody's to give.
 */
static int shield_node(struct bw_kube_object *o, void *arg)
{
	BW_CLEANUP(bw_net_node_done) struct bw_net_node n = { 0 };
	struct heal *h = arg;

	if (bw_net_node_decode(o->text, o->size, &n, NULL) < 0 || !suspects(&n))
		return 0;
	for (size_t i = 0; i < n.status.live.n; i++) {
		const struct bw_net_node_status_live *v = &n.status.live.items[i];
		struct bw_ip ip;

		for (size_t k = 0; k < v->ips.n && h->planned < HEAL_STEPS_MAX; k++)
			if (bw_ip_parse(v->ips.items[k], &ip) == 0 &&
			    !ctl_was_returned(h->c, v->uid, &ip))
				heal_live(h, &n, v, v->ips.items[k]);
	}
	return 0;
}

void ctl_epoch_node_seen(struct ctl_ipam *c, const struct bw_kube_object *o)
{
	BW_CLEANUP(bw_net_node_done) struct bw_net_node n = { 0 };

	ctl_epoch_seen(c);
	if (c->quarantined || (bw_net_node_decode(o->text, o->size, &n, NULL) == 0 && suspects(&n)))
		(void)bw_controller_enqueue(c->epoch_ctl, NULL, CTL_EPOCH_NAME, BW_KEY_FACT);
}

static int heal_node(struct bw_kube_object *o, void *arg)
{
	BW_CLEANUP(bw_net_node_done) struct bw_net_node n = { 0 };
	struct heal *h = arg;
	struct bw_kube_object *node = bw_kube_store_get(h->c->st.nodes, NULL, o->name);

	if (!node || bw_net_node_decode(o->text, o->size, &n, NULL) < 0)
		return 0;
	if (!suspects(&n)) {
		/* Its agent was there before; what a fenced node has is dead. */
		if (n.status.has_epoch && !ctl_node_fenced(node, node->uid))
			wait_for(h, "node %s has not said yet what lives on it", n.meta.name);
		return 0;
	}
	for (size_t i = 0; i < n.status.live.n; i++) {
		const struct bw_net_node_status_live *v = &n.status.live.items[i];

		for (size_t k = 0; k < v->ips.n && h->planned < HEAL_STEPS_MAX; k++)
			heal_live(h, &n, v, v->ips.items[k]);
		if (h->planned < HEAL_STEPS_MAX)
			make_holder(h, &n, v);
	}
	return 0;
}

/* A claim that lists an address whose lock the restored store does not have. */
static int heal_claim(struct bw_kube_object *o, void *arg)
{
	BW_CLEANUP(bw_net_claim_done) struct bw_net_claim claim = { 0 };
	struct heal *h = arg;

	if (bw_net_claim_decode(o->text, o->size, &claim, NULL) < 0)
		return 0;
	for (size_t i = 0; i < claim.status.interfaces.n && h->planned < HEAL_STEPS_MAX; i++) {
		const struct bw_net_claim_status_interface *f = &claim.status.interfaces.items[i];
		struct ctl_pool *p = ctl_pools_find(&h->c->pools, f->pool);
		struct bw_net_node_status_live v = { .namespace = claim.meta.namespace,
						     .name = claim.meta.name,
						     .uid = claim.meta.uid,
						     .interface = f->name,
						     .pool = f->pool };

		for (size_t k = 0; p && k < f->ips.n; k++) {
			struct bw_ip ip;

			v.domain = p->o.spec.domain;
			if (bw_ip_parse(f->ips.items[k], &ip) == 0 &&
			    !ctl_book_find(&h->c->book, v.domain, &ip))
				make_lock(h, &v, &ip);
		}
	}
	return 0;
}

/*
 * What claims list and nodes have gets its lock back; then the epoch is raised beyond all that was
 * ever seen, which ends the quarantine and the nodes' suspicion.
 */
static void heal(struct ctl_ipam *c, struct bw_kube_object *o, struct bw_plan *plan)
{
	struct heal h = { .c = c, .plan = plan };
	int64_t since_ms = (ctl_now_ns(c) - c->quarantine_ns) / NS_PER_MS;
	struct seen s = look(c, o);

	h.epoch = s.epoch;
	if (!s.lost) {
		plan_persist(c, plan);
		return;
	}
	(void)bw_kube_store_each(c->st.claims, NULL, heal_claim, &h); /* never stop, ignoring */
	(void)bw_kube_store_each(c->st.node_networks, NULL, heal_node, &h);
	bw_plan_requeue_after(plan, c->opts.retry_ms < c->opts.epoch_ms ? c->opts.retry_ms
									: c->opts.epoch_ms);
	if (h.waits[0])
		ctl_listen_ask(c, o, plan);
	c->healed = 0;
	if (strcmp(c->heal_waits, h.waits) != 0) {
		memcpy(c->heal_waits, h.waits, sizeof(c->heal_waits));
		ctl_touch_pools(c);
	}
	/* Nodes notice by the epoch, which they see once a minute. */
	if (h.planned || h.open || since_ms < 2 * c->opts.epoch_ms)
		return;
	c->healed = 1;
	plan_raise(c, o, plan);
	ctl_touch_pools(c);
}

int ctl_epoch_reconcile(const char *ns, const char *name, struct bw_kube_object *o,
			struct bw_plan *plan, void *ipam, struct bw_err *err)
{
	struct ctl_ipam *c = ipam;
	int64_t left_ms;

	(void)ns;
	(void)err;
	if (strcmp(name, CTL_EPOCH_NAME) != 0 || !c->leading)
		return 0;
	ctl_settle(c); /* nothing may have changed since a bookmark made it certain */
	ctl_epoch_seen(c);
	if (c->doubt) {
		plan_doubt(c, plan);
		return 0;
	}
	if (c->quarantined) {
		heal(c, o, plan);
		return 0;
	}
	if (!cluster_id(c)[0]) {
		bw_plan_requeue_after(plan, 1000);
		return 0;
	}
	if (ctl_listen_weigh(c, o, plan) < 0)
		return 0; /* its change asks again */
	if (c->ready) {
		struct heal h = { .c = c, .plan = plan };

		(void)bw_kube_store_each(c->st.node_networks, NULL, shield_node, &h); /* 0 */
	}
	left_ms = (c->raise_at_ns - ctl_now_ns(c)) / NS_PER_MS;
	if (!c->term_epoch || left_ms <= 0) {
		plan_raise(c, o, plan);
		left_ms = c->opts.epoch_ms;
	}
	if (ctl_is_listening(c) && (c->listen_until_ns - ctl_now_ns(c)) / NS_PER_MS < left_ms)
		left_ms = (c->listen_until_ns - ctl_now_ns(c)) / NS_PER_MS;
	bw_plan_requeue_after(plan, left_ms + 1);
	return 0;
}
