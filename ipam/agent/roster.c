/* SPDX-License-Identifier: Apache-2.0 */
/* Live attachments of claims, and what their bindings say of the wire. */
#include <stdio.h>
#include <string.h>

#include <bw/err.h>
#include <bw/log.h>

#include "agent.h"
#include "roster.h"

struct agent_roster {
	struct agent *a;
	struct bw_list members;
};

static void member_free(struct agent_member *m)
{
	bw_list_del(&m->node);
	free(m->ns);
	free(m->claim);
	free(m);
}

static int fill(struct agent_member *m, const struct bw_binding *b, struct bw_err *err)
{
	const struct bw_binding_ip *ips = b->ips.items;

	m->ns = strdup(b->ns);
	m->claim = strdup(b->claim);
	if (!m->ns || !m->claim)
		return bw_fail(err, ENOMEM, "note a live attachment");
	(void)snprintf(m->uplink, sizeof(m->uplink), "%.15s", b->uplink ? b->uplink : "");
	m->vlan = b->vlan;
	m->is_available = b->fencing == BW_BINDING_AVAILABLE;
	for (size_t i = 0; i < b->ips.n && i < BW_BINDING_IPS_MAX; i++)
		m->ips[m->n_ips++] = ips[i].address.ip;
	return 0;
}

static int add(struct agent_roster *r, const struct bw_attachment *att, struct bw_err *err)
{
	bw_autoclaim struct bw_journal_claim row = { 0 };
	bw_autobinding struct bw_binding b = { 0 };
	struct agent_member *m;
	int n = bw_journal_claim_get(r->a->journal, att->claim_uid, att->ifname, &row, err);

	if (n > 0)
		n = bw_binding_decode(row.binding, strlen(row.binding), &b, err) < 0 ? -EINVAL : 1;
	if (n <= 0)
		return n; /* 0: its binding is gone, and with it what could be said */
	m = calloc(1, sizeof(*m));
	if (!m)
		return bw_fail(err, ENOMEM, "note a live attachment");
	bw_list_add_tail(&r->members, &m->node);
	m->id = att->id;
	m->mac = bw_mac_is_zero(&att->mac) && b.has_mac ? b.mac : att->mac;
	m->seen = 1;
	(void)snprintf(m->uid, sizeof(m->uid), "%s", att->claim_uid); /* fits */
	n = fill(m, &b, err);
	/* Cut off already when this daemon began: by one before it, for a reason it did not tell.
	 */
	m->is_held = m->is_available && (att->flags & BW_ATTACH_F_CUT) != 0;
	if (n < 0)
		member_free(m);
	return n;
}

static int note(const struct bw_attachment *att, void *arg, struct bw_err *err)
{
	struct agent_roster *r = arg;
	struct agent_member *m = agent_roster_get(r, att->id);
	struct bw_err why = { 0 };

	(void)err; /* one row's trouble is no reason not to look at the others */
	if (att->state != BW_ATTACH_LIVE || !att->claim_uid[0])
		return 0;
	if (!m && add(r, att, &why) < 0) /* 0: its binding is gone */
		bw_log_warn("an attachment is not watched over", "pod", att->pod, "err", why.msg);
	m = m ? m : agent_roster_get(r, att->id);
	if (!m)
		return 0;
	m->seen = 1;
	m->is_cut = (att->flags & BW_ATTACH_F_CUT) != 0;
	return 0;
}

void agent_roster_look(struct agent_roster *r)
{
	struct bw_err err = { 0 };

	bw_list_for_each (node, &r->members)
		bw_list_entry(node, struct agent_member, node)->seen = 0;
	if (bw_journal_attach_each(r->a->journal, NULL, note, r, &err) < 0) {
		bw_log_error("cannot list the live attachments", "err", err.msg);
		return; /* what was known stays */
	}
	bw_list_for_each (node, &r->members) {
		struct agent_member *m = bw_list_entry(node, struct agent_member, node);

		if (!m->seen)
			member_free(m);
	}
}

struct bw_list *agent_roster_list(struct agent_roster *r)
{
	return &r->members;
}

struct agent_member *agent_roster_get(struct agent_roster *r, int64_t id)
{
	bw_list_for_each (node, &r->members) {
		struct agent_member *m = bw_list_entry(node, struct agent_member, node);

		if (m->id == id)
			return m;
	}
	return NULL;
}

void agent_roster_cut(struct agent_roster *r, int64_t id, int on)
{
	struct agent_member *m = agent_roster_get(r, id);

	if (m)
		m->is_cut = on != 0;
}

unsigned int agent_roster_held(struct agent_roster *r)
{
	unsigned int n = 0;

	bw_list_for_each (node, &r->members)
		n += bw_list_entry(node, struct agent_member, node)->is_held;
	return n;
}

int agent_roster_new(struct agent *a, struct agent_roster **ret, struct bw_err *err)
{
	struct agent_roster *r = calloc(1, sizeof(*r));

	if (!r)
		return bw_fail(err, ENOMEM, "prepare to watch over attachments");
	r->a = a;
	bw_list_init(&r->members);
	*ret = r;
	return 0;
}

void agent_roster_free(struct agent_roster **r)
{
	if (!*r)
		return;
	bw_list_for_each (node, &(*r)->members)
		member_free(bw_list_entry(node, struct agent_member, node));
	free(*r);
	*r = NULL;
}
