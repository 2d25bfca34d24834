/* SPDX-License-Identifier: Apache-2.0 */
/* Keeping the NodeNetwork's status up to date: built, compared, written when it differs. */
#include <stdio.h>
#include <string.h>

#include <bw/err.h>
#include <bw/kube_client.h>
#include <bw/log.h>

#include "agent.h"
#include "cluster.h"
#include "conflict.h"
#include "inventory.h"
#include "look.h"
#include "roster.h"

#define NS_PER_MS 1000000LL
#define SETTLE_MS 500 /* at most two writes a second, however much changes */
#define CALL_MS 10000
#define AGAIN_MIN_MS 1000
#define AGAIN_MAX_MS 60000
#define LIVE_MAX 1024 /* the schema's maxItems */

struct agent_inventory {
	struct agent *a;
	struct bw_timer settle;
	struct bw_kube_call call;
	unsigned int wait_ms;
	int creating; /* the call makes the object */
	int again; /* something changed while a call was in flight */
	char *sent; /* the last text the server took; owned */
	char *sending; /* owned */
	struct agent_condition conditions[AGENT_CONDITIONS_MAX];
};

static const char *const types[AGENT_CONDITIONS_MAX] = {
	[AGENT_ADDRESS_CONFLICT] = "AddressConflict",
	[AGENT_READY] = "Ready",
	[AGENT_RESTORE_SUSPECTED] = "RestoreSuspected",
	[AGENT_STALE_ATTACHMENT] = "StaleAttachment",
	[AGENT_UPLINK_MISSING] = "UplinkMissing",
	[AGENT_VLAN_UNSUPPORTED] = "VlanUnsupported",
};

static void look(void *arg);

static void look_in(struct agent_inventory *inv, unsigned int ms)
{
	if (bw_timer_set(&inv->settle, bw_loop_now_ns(inv->a->loop) + ms * NS_PER_MS) < 0)
		bw_log_error("out of memory: the node's status is written later");
}

void agent_inventory_look(struct agent_inventory *inv)
{
	if (!inv)
		return;
	if (inv->call.client)
		inv->again = 1;
	else if (!bw_timer_is_set(&inv->settle))
		look_in(inv, SETTLE_MS);
}

void agent_inventory_again(struct agent_inventory *inv)
{
	free(inv->sent);
	inv->sent = NULL;
	inv->wait_ms = 0;
	if (inv->call.client)
		inv->again = 1;
	else
		look_in(inv, SETTLE_MS);
}

static void set(struct agent_inventory *inv, enum agent_condition_type type, int status,
		const char *reason, const char *message)
{
	struct agent_condition *c = &inv->conditions[type];

	if (!c->type || c->status != status)
		c->since_s = bw_loop_real_s(inv->a->loop);
	c->type = types[type];
	c->status = status;
	c->reason = reason;
	(void)snprintf(c->message, sizeof(c->message), "%.255s", message); /* cut, ignoring */
}

/* Of the domains that need an uplink: is there one, and can the bridge tell their VLANs apart? */
static void judge_segments(struct agent_inventory *inv, const struct agent_facts *f)
{
	const char *domains[AGENT_PFS_MAX];
	struct agent_segment s, other;
	size_t n = agent_domains(f, domains, BW_ARRAY_SIZE(domains));
	const struct agent_dev *bridge;

	set(inv, AGENT_UPLINK_MISSING, 0, "UplinksFound", "");
	set(inv, AGENT_VLAN_UNSUPPORTED, 0, "VlansFit", "");
	for (size_t i = 0; i < n; i++) {
		agent_segment(f, domains[i], &s);
		if (!s.ready && !s.uplink[0])
			set(inv, AGENT_UPLINK_MISSING, 1, s.reason, s.message);
		bridge = s.bridge[0] ? agent_node_dev(f->node, s.bridge) : NULL;
		if (!bridge || bridge->has_vlan_filtering)
			continue;
		for (size_t k = 0; k < i; k++) {
			agent_segment(f, domains[k], &other);
			if (!strcmp(other.bridge, s.bridge) && other.vlan != s.vlan)
				set(inv, AGENT_VLAN_UNSUPPORTED, 1, "NoVlanFiltering",
				    "this kernel's bridges do not filter VLANs: one VLAN an "
				    "uplink");
		}
	}
}

struct count {
	struct agent *a;
	unsigned int live;
	unsigned int cut;
	struct agent_live *list; /* NULL = only count */
	size_t n;
};

static int count_one(const struct bw_attachment *att, void *arg, struct bw_err *err)
{
	struct count *c = arg;

	(void)err; /* counting cannot fail */
	c->live += att->state == BW_ATTACH_LIVE;
	c->cut += (att->flags & BW_ATTACH_F_CUT) != 0;
	return 0;
}

static void count(struct agent_inventory *inv)
{
	struct count c = { .a = inv->a };
	struct bw_err err = { 0 };
	unsigned int held;

	if (bw_journal_attach_each(inv->a->journal, NULL, count_one, &c, &err) < 0) {
		bw_log_error("cannot count attachments", "err", err.msg);
		set(inv, AGENT_READY, 0, "JournalUnreadable", err.msg);
		return;
	}
	inv->a->stat.attachments = c.live;
	inv->a->stat.stale = c.cut;
	held = agent_roster_held(inv->a->roster);
	if (c.cut && c.cut == held)
		set(inv, AGENT_STALE_ATTACHMENT, 1, "Held",
		    "attachments of pools with fencing Available are held: the node was cut off, "
		    "and the API server has not confirmed them since");
	else if (c.cut)
		set(inv, AGENT_STALE_ATTACHMENT, 1, "CutOff",
		    "attachments were cut off because their claims are held elsewhere; delete "
		    "their pods");
	else
		set(inv, AGENT_STALE_ATTACHMENT, 0, "NoneCutOff", "");
}

static void judge(struct agent_inventory *inv, const struct agent_facts *f)
{
	const char *conflict = agent_conflict_last(inv->a->conflict);

	set(inv, AGENT_READY, 1, "Serving", "");
	set(inv, AGENT_ADDRESS_CONFLICT, conflict != NULL, conflict ? "SeenOnTheWire" : "NoneSeen",
	    conflict ? conflict : "");
	judge_segments(inv, f);
	count(inv);
	if (inv->a->restore_suspected)
		set(inv, AGENT_RESTORE_SUSPECTED, 1, "PastDiffers",
		    "the API server knows less than this node's journal: was it restored from a "
		    "backup?");
	else
		set(inv, AGENT_RESTORE_SUSPECTED, 0, "PastFits", "");
}

/* Bindings of live attachments; texts stay in the rows' trees until they are freed. */
struct live {
	struct agent *a;
	struct agent_live *list;
	struct bw_binding *bindings;
	size_t n;
};

static void add_live(struct live *l, const struct bw_attachment *att)
{
	bw_autoclaim struct bw_journal_claim row = { 0 };
	struct bw_binding *b = &l->bindings[l->n];
	struct agent_live *to = &l->list[l->n];

	if (bw_journal_claim_get(l->a->journal, att->claim_uid, att->ifname, &row, NULL) <= 0)
		return;
	if (bw_binding_decode(row.binding, strlen(row.binding), b, NULL) < 0) {
		bw_binding_done(b);
		return;
	}
	*to = (struct agent_live){ .ns = b->ns,
				   .claim = b->claim,
				   .uid = b->uid,
				   .iface = b->iface,
				   .pool = b->pool,
				   .domain = b->domain,
				   .token = att->token };
	for (size_t i = 0; i < b->ips.n && i < BW_BINDING_IPS_MAX; i++)
		(void)bw_ip_str(&((struct bw_binding_ip *)b->ips.items)[i].address.ip,
				to->ips[to->n_ips++]);
	l->n++;
}

static int live_one(const struct bw_attachment *att, void *arg, struct bw_err *err)
{
	struct live *l = arg;

	(void)err; /* what cannot be read is left out */
	/* What was cut off and what died with another boot speaks for no address. */
	if (att->state == BW_ATTACH_LIVE && att->claim_uid[0] && !(att->flags & BW_ATTACH_F_CUT) &&
	    (!att->boot_id[0] || strcmp(att->boot_id, l->a->boot_id) == 0) && l->n < LIVE_MAX)
		add_live(l, att);
	return 0;
}

static int build(struct agent_inventory *inv, struct agent_inventory_in *in, char **ret,
		 struct bw_err *err)
{
	struct live l = { .a = inv->a };
	int r = 0;

	if (inv->a->restore_suspected) {
		l.list = calloc(LIVE_MAX, sizeof(*l.list));
		l.bindings = calloc(LIVE_MAX, sizeof(*l.bindings));
		r = l.list && l.bindings
			    ? bw_journal_attach_each(inv->a->journal, NULL, live_one, &l, err)
			    : bw_fail(err, ENOMEM, "list the live attachments");
		in->live = l.list;
		in->n_live = l.n;
	}
	if (r == 0)
		r = agent_inventory_text(in, ret, err);
	for (size_t i = 0; i < l.n; i++)
		bw_binding_done(&l.bindings[i]);
	free(l.bindings);
	free(l.list);
	return r;
}

static int text(struct agent_inventory *inv, const struct bw_kube_object *o, char **ret,
		struct bw_err *err)
{
	struct agent *a = inv->a;
	const struct agent_facts facts = agent_facts(a);
	struct agent_inventory_in in = { .facts = &facts,
					 .node_uid = a->node_uid,
					 .boot_id = a->boot_id,
					 .version = a->conf->version,
					 .cluster_id = a->cluster.id,
					 .generation = o->generation,
					 .epoch = agent_cluster_epoch(a),
					 .conditions = inv->conditions };

	judge(inv, &facts);
	in.attachments = a->stat.attachments;
	in.differences = agent_look_differences(a->look);
	return build(inv, &in, ret, err);
}

static void again(struct agent_inventory *inv, const struct bw_kube_answer *answer)
{
	inv->wait_ms = inv->wait_ms ? inv->wait_ms * 2 : AGAIN_MIN_MS;
	if (inv->wait_ms > AGAIN_MAX_MS)
		inv->wait_ms = AGAIN_MAX_MS;
	bw_log_warn("cannot write this node's NodeNetwork, will try again", "result",
		    bw_kube_result_str(answer->result), "err", answer->message);
	look_in(inv, inv->wait_ms > answer->retry_ms ? inv->wait_ms : answer->retry_ms);
}

static void on_done(const struct bw_kube_answer *answer, void *arg)
{
	struct agent_inventory *inv = arg;
	int made =
		inv->creating && (answer->result == BW_KUBE_OK || answer->result == BW_KUBE_EXISTS);
	int changed = inv->again;

	inv->again = 0;
	if (!made && answer->result != BW_KUBE_OK) {
		free(inv->sending);
		inv->sending = NULL;
		again(inv, answer);
		return;
	}
	inv->wait_ms = 0;
	if (inv->creating) { /* the watch shows it soon and asks for a look, or has done both */
		if (changed)
			agent_inventory_look(inv);
		return;
	}
	inv->a->stat.status_writes++;
	free(inv->sent);
	inv->sent = BW_TAKE_PTR(inv->sending);
	if (changed)
		agent_inventory_look(inv);
}

static int create(struct agent_inventory *inv, struct bw_err *err)
{
	char body[512];
	struct bw_kube_request req = { .verb = BW_KUBE_CREATE,
				       .kind = &bw_kind_nodenetwork,
				       .manager = AGENT_MANAGER,
				       .timeout_ms = CALL_MS,
				       .body = body };

	req.body_size = (size_t)snprintf(body, sizeof(body),
					 "{\"apiVersion\":\"net.barewire.dev/v1alpha1\","
					 "\"kind\":\"NodeNetwork\",\"metadata\":{\"name\":\"%s\"},"
					 "\"spec\":{}}",
					 inv->a->conf->node); /* a name has at most 253 */
	inv->creating = 1;
	return bw_kube_start(inv->a->client, &req, &inv->call, err);
}

static int patch(struct agent_inventory *inv, char *body, struct bw_err *err)
{
	const struct bw_kube_request req = { .verb = BW_KUBE_MERGE,
					     .kind = &bw_kind_nodenetwork,
					     .name = inv->a->conf->node,
					     .subresource = "status",
					     .manager = AGENT_MANAGER,
					     .timeout_ms = CALL_MS,
					     .body = body,
					     .body_size = strlen(body) };
	int r;

	inv->creating = 0;
	free(inv->sending);
	inv->sending = body;
	r = bw_kube_start(inv->a->client, &req, &inv->call, err);
	if (r < 0) {
		free(inv->sending);
		inv->sending = NULL;
	}
	return r;
}

static void look(void *arg)
{
	struct agent_inventory *inv = arg;
	struct bw_kube_object *o;
	struct bw_err err = { 0 };
	char *body = NULL;
	int r;

	if (inv->call.client || !bw_kube_store_synced(inv->a->mapping) ||
	    !bw_kube_store_synced(inv->a->pools))
		return; /* each of them asks for a look when it has come */
	o = bw_kube_store_get(inv->a->mapping, NULL, inv->a->conf->node);
	if (!o) {
		free(inv->sent); /* a new object has no status */
		inv->sent = NULL;
		r = create(inv, &err);
	} else {
		r = text(inv, o, &body, &err);
		if (r == 0 && inv->sent && strcmp(inv->sent, body) == 0)
			free(body);
		else if (r == 0)
			r = patch(inv, body, &err); /* takes the text */
	}
	if (r < 0)
		bw_log_error("cannot write this node's NodeNetwork", "err", err.msg);
}

int agent_inventory_new(struct agent *a, struct agent_inventory **ret, struct bw_err *err)
{
	struct agent_inventory *inv = calloc(1, sizeof(*inv));

	if (!inv)
		return bw_fail(err, ENOMEM, "prepare the node's status");
	inv->a = a;
	inv->call.done = on_done;
	inv->call.arg = inv;
	bw_timer_init(&inv->settle, a->loop, look, inv);
	*ret = inv;
	return 0;
}

void agent_inventory_free(struct agent_inventory **inv)
{
	if (!*inv)
		return;
	bw_kube_cancel(&(*inv)->call);
	bw_timer_stop(&(*inv)->settle);
	free((*inv)->sent);
	free((*inv)->sending);
	free(*inv);
	*inv = NULL;
}
