/* SPDX-License-Identifier: Apache-2.0 */
/* A Unit as a row, and why it or a claim waits. */
#include <assert.h>
#include <string.h>

#include <bw/err.h>
#include <bw/view_unit.h>

#include "model.h"

#define REASONS_MAX 4 /* of one object that are told */

static const struct {
	const char *name; /* in classes */
	const char *words;
} tones[] = {
	[PAGE_TONE_OK] = { "ok", "fine" },
	[PAGE_TONE_OFF] = { "off", "stopped on purpose" },
	[PAGE_TONE_WAIT] = { "wait", "on its way" },
	[PAGE_TONE_BAD] = { "bad", "needs somebody" },
};
static_assert(BW_ARRAY_SIZE(tones) == PAGE_TONE_MAX_, "a tone without a name");

void page_mark(struct page_html *h, enum page_tone tone, const char *word)
{
	page_put(h, "<span class=\"mark ", tones[tone].name, "\" title=\"", tones[tone].words,
		 "\"></span>", word, "<span class=\"sr\"> (", tones[tone].words, ")</span>", NULL);
}

void page_time(struct page_html *h, const char *rfc3339)
{
	if (rfc3339 && *rfc3339)
		page_put(h, "<time datetime=\"", rfc3339, "\">", rfc3339, "</time>", NULL);
}

/* Where nobody has to do anything for a while, though something can be done. */
static int is_soft(const char *reason)
{
	return strcmp(reason, "Scheduling") == 0;
}

/* WHY */

struct why {
	const char *reason;
	const char *message;
	const char *since;
	const char *hint; /* NULL = it goes on by itself */
};

static void put_why(struct page_html *h, const struct why *w)
{
	page_put(h, "<p class=\"why\"><code>", page_or(w->reason, "?"), "</code> ",
		 page_or(w->message, "no more is said"), " ", NULL);
	page_time(h, w->since);
	page_raw(h, "</p>");
	if (w->hint)
		page_put(h, "<p class=\"do\"><b>To do</b> ", w->hint, "</p>", NULL);
}

/* The head of an item: @kind is "Unit", "Claim" or "Pool". */
static void open_item(struct page_html *h, const struct page_piece *p, enum page_tone tone,
		      const char *kind, const char *ns, const char *name)
{
	char id[PAGE_ID_MAX];

	page_put(h, "<li id=\"", page_id('w', p->id, id), "\" class=\"", tones[tone].name,
		 "\"><h3>", NULL);
	page_mark(h, tone, kind);
	page_put(h, " <span class=\"ns\">", ns, *ns ? "/</span>" : "</span>", name, "</h3>", NULL);
}

/* One reason is told once, whichever conditions say it. */
static size_t add_why(struct why *all, size_t n, const struct bw_kube_condition *c,
		      const char *hint)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(page_or(all[i].reason, ""), page_or(c->reason, "")) == 0)
			return n;
	if (n == REASONS_MAX)
		return n;
	all[n] = (struct why){ c->reason, c->message, c->last_transition_time, hint };
	return n + 1;
}

/* UNITS */

static enum page_tone tone_of_phase(const struct bw_db_unit *u)
{
	switch (u->status.phase) {
	case BW_DB_UNIT_STATUS_PHASE_READY:
		return PAGE_TONE_OK;
	case BW_DB_UNIT_STATUS_PHASE_STOPPED:
		return PAGE_TONE_OFF;
	case BW_DB_UNIT_STATUS_PHASE_FAILED:
	case BW_DB_UNIT_STATUS_PHASE_UNKNOWN:
		return PAGE_TONE_BAD;
	case BW_DB_UNIT_STATUS_PHASE_NONE:
	case BW_DB_UNIT_STATUS_PHASE_PENDING:
	case BW_DB_UNIT_STATUS_PHASE_RUNNING:
	case BW_DB_UNIT_STATUS_PHASE_DELETING:
	case BW_DB_UNIT_STATUS_PHASE_MAX_:
		break;
	}
	return PAGE_TONE_WAIT;
}

static size_t whys_of(const struct bw_db_unit *u, struct why *all, enum page_tone *tone)
{
	size_t n = 0;

	*tone = tone_of_phase(u);
	if (*tone == PAGE_TONE_OK && bw_view_unit_acts(u))
		*tone = PAGE_TONE_WAIT;
	for (size_t i = 0; i < u->status.conditions.n; i++) {
		const struct bw_kube_condition *c = &u->status.conditions.items[i];
		const char *reason = page_or(c->reason, "");
		const char *hint = bw_view_unit_hint(reason);
		enum page_tone t = hint && !is_soft(reason) ? PAGE_TONE_BAD : PAGE_TONE_WAIT;

		/* That a Unit which shall not run is not ready is as it should be. */
		if (!bw_view_condition_is_bad(c) ||
		    (!u->spec.startup && strcmp(c->type, "Ready") == 0))
			continue;
		n = add_why(all, n, c, hint);
		if (t > *tone)
			*tone = t;
	}
	return n;
}

static void put_row(struct page_html *h, const struct page_entry *e, const struct bw_db_unit *u,
		    const struct why *first)
{
	const char *phase = bw_db_unit_status_phase_str(u->status.phase);
	const char *task = u->status.task;
	char ips[BW_VIEW_IPS_MAX];
	char id[PAGE_ID_MAX];

	page_put(h, "<tr id=\"", page_id('u', e->row.id, id), "\" class=\"", tones[e->tone].name,
		 "\"><th scope=\"row\"><a class=\"ns\" href=\"?namespace=", e->ns, "\">", e->ns,
		 "/</a>", e->name, "</th><td class=\"state\">", NULL);
	page_mark(h, e->tone, page_or(phase, "New"));
	page_put(h, "</td><td class=\"ip\">", bw_view_unit_ips(u, ips), "</td><td class=\"task\">",
		 page_or(task, first ? page_or(first->reason, "") : ""), "</td><td class=\"age\">",
		 NULL);
	page_time(h, u->meta.creation_timestamp);
	page_raw(h, "</td></tr>");
}

static void put_wait(struct page_html *h, const struct page_entry *e, const struct bw_db_unit *u,
		     const struct why *all, size_t n)
{
	if (e->tone < PAGE_TONE_WAIT)
		return;
	open_item(h, &e->wait, e->tone, "Unit", e->ns, e->name);
	if (u->status.task && *u->status.task)
		page_put(h, "<p class=\"task\">", u->status.task, "</p>", NULL);
	for (size_t i = 0; i < n; i++)
		put_why(h, &all[i]);
	if (e->tone == PAGE_TONE_WAIT && !n)
		page_put(h, "<p class=\"why\">Phase ",
			 page_or(bw_db_unit_status_phase_str(u->status.phase), "not known yet"),
			 "; it goes on by itself.</p>", NULL);
	page_raw(h, "</li>");
}

static void html_done(struct page_html *h)
{
	bw_buf_done(&h->b);
}

/* Both pieces, and the Unit's node. */
static int set_unit(struct page_entry *e, const struct bw_db_unit *u)
{
	BW_CLEANUP(html_done) struct page_html h = { 0 };
	struct why all[REASONS_MAX];
	char *node = strdup(page_or(u->status.node_name, ""));
	size_t n;
	int r;

	if (!node)
		return -ENOMEM;
	e->moved |= strcmp(node, e->node) != 0;
	free(e->node);
	e->node = node;
	n = whys_of(u, all, &e->tone);
	put_row(&h, e, u, n ? all : NULL);
	r = page_piece_set(&e->row, &h);
	bw_buf_done(&h.b);
	put_wait(&h, e, u, all, n);
	return page_piece_set(&e->wait, &h) < 0 ? -ENOMEM : r;
}

/* One of another version: it is there, and that is all that can be said. */
static int set_unreadable(struct page_entry *e, const char *kind, const char *why)
{
	BW_CLEANUP(html_done) struct page_html h = { 0 };
	char id[PAGE_ID_MAX];
	int r;

	e->tone = PAGE_TONE_BAD;
	page_put(&h, "<tr id=\"", page_id('u', e->row.id, id),
		 "\" class=\"bad\"><th scope=\"row\"><span class=\"ns\">", e->ns, "/</span>",
		 e->name, "</th><td class=\"state\">", NULL);
	page_mark(&h, PAGE_TONE_BAD, "Unreadable");
	page_raw(&h, "</td><td></td><td></td><td></td></tr>");
	r = page_piece_set(&e->row, &h);
	bw_buf_done(&h.b);
	open_item(&h, &e->wait, PAGE_TONE_BAD, kind, e->ns, e->name);
	put_why(&h, &(struct why){ "Unreadable", why, NULL,
				   "use one version of the controller "
				   "and the CRDs" });
	page_raw(&h, "</li>");
	return page_piece_set(&e->wait, &h) < 0 ? -ENOMEM : r;
}

int page_render_unit(struct page_entry *e, const struct bw_kube_object *o)
{
	BW_CLEANUP(bw_db_unit_done) struct bw_db_unit u = { 0 };
	struct bw_err err = { 0 };
	int r = bw_db_unit_decode(o->text, o->size, &u, &err);

	if (r == -ENOMEM)
		return r;
	return r < 0 ? set_unreadable(e, "Unit", err.msg) : set_unit(e, &u);
}

/* CLAIMS */

static int claim_waits(const struct bw_kube_condition *c)
{
	int good = strcmp(c->type, "Bound") == 0 || strcmp(c->type, "Placed") == 0;

	return strcmp(c->status, good ? "False" : "True") == 0;
}

static void put_claim(struct page_html *h, struct page_entry *e, const struct bw_net_claim *claim)
{
	const struct bw_kube_owner *owner = bw_kube_controller_of(&claim->meta);
	struct why all[REASONS_MAX];
	size_t n = 0;

	/* What a Unit's claim waits for the Unit says. */
	if (owner && owner->kind && strcmp(owner->kind, "Unit") == 0)
		return;
	e->tone = PAGE_TONE_WAIT;
	for (size_t i = 0; i < claim->status.conditions.n; i++) {
		const struct bw_kube_condition *c = &claim->status.conditions.items[i];
		const char *hint = bw_view_unit_hint(c->reason);

		if (!claim_waits(c))
			continue;
		n = add_why(all, n, c, hint);
		if (hint)
			e->tone = PAGE_TONE_BAD;
	}
	if (!n)
		return;
	open_item(h, &e->wait, e->tone, "Claim", e->ns, e->name);
	for (size_t i = 0; i < n; i++)
		put_why(h, &all[i]);
	page_raw(h, "</li>");
}

int page_render_claim(struct page_entry *e, const struct bw_kube_object *o)
{
	BW_CLEANUP(bw_net_claim_done) struct bw_net_claim claim = { 0 };
	BW_CLEANUP(html_done) struct page_html h = { 0 };
	int r = bw_net_claim_decode(o->text, o->size, &claim, NULL);

	if (r == -ENOMEM)
		return r;
	e->tone = PAGE_TONE_OK;
	e->wait.id = page_hash(e->name, e->ns); /* a Unit of that name has another */
	if (r == 0)
		put_claim(&h, e, &claim);
	return page_piece_set(&e->wait, &h);
}

/* POOLS */

int page_render_pool_wait(struct page_entry *e, const struct bw_net_pool *p)
{
	BW_CLEANUP(html_done) struct page_html h = { 0 };
	const struct bw_kube_condition *c = bw_view_pool_trouble(p);

	e->tone = c ? PAGE_TONE_BAD : PAGE_TONE_OK;
	if (c) {
		open_item(&h, &e->wait, e->tone, "Pool", "", e->name);
		put_why(&h, &(struct why){ c->reason, c->message, c->last_transition_time,
					   bw_view_pool_hint(c->reason) });
		page_raw(&h, "</li>");
	}
	return page_piece_set(&e->wait, &h);
}
