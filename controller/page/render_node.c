/* SPDX-License-Identifier: Apache-2.0 */
/* The heads of nodes, and the sums at the top. */
#include <string.h>

#include <bw/kube_controller.h>
#include <gen/k8s.h>
#include <gen/net.h>

#include "model.h"

#define WHY_MAX 512

static const struct {
	const char *key;
	const char *word;
} taints[] = {
	{ "node.kubernetes.io/unschedulable", "cordoned" },
	{ "node.kubernetes.io/not-ready", "not ready" },
	{ "node.kubernetes.io/unreachable", "unreachable" },
	{ "node.kubernetes.io/out-of-service", "out of service" },
};

static void html_done(struct page_html *h)
{
	bw_buf_done(&h->b);
}

static void put_flag(struct page_html *h, const char *word)
{
	page_put(h, " <span class=\"flag\">", word, "</span>", NULL);
}

static void put_taints(struct page_html *h, const struct page_options *o, const char *name)
{
	BW_CLEANUP(bw_k_node_done) struct bw_k_node node = { 0 };
	struct bw_kube_object *obj = bw_kube_store_get(o->st.nodes, NULL, name);

	if (!obj) {
		put_flag(h, "no such node");
		return;
	}
	if (bw_k_node_decode(obj->text, obj->size, &node, NULL) < 0)
		return;
	for (size_t t = 0; t < BW_ARRAY_SIZE(taints); t++)
		for (size_t i = 0; i < node.spec.taints.n; i++)
			if (strcmp(node.spec.taints.items[i].key, taints[t].key) == 0) {
				put_flag(h, taints[t].word);
				break; /* one key stands with several effects */
			}
}

/* Segments that the node does not reach. */
static void put_domains(struct page_html *h, const struct page_options *o, const char *name)
{
	BW_CLEANUP(bw_net_node_done) struct bw_net_node n = { 0 };
	struct bw_kube_object *obj = bw_kube_store_get(o->st.node_networks, NULL, name);

	if (!obj || bw_net_node_decode(obj->text, obj->size, &n, NULL) < 0)
		return;
	for (size_t i = 0; i < n.status.domains.n; i++) {
		const struct bw_net_node_status_domain *d = &n.status.domains.items[i];

		if (!d->ready)
			page_put(h, "<p class=\"why\"><code>", page_or(d->reason, "NotReady"),
				 "</code> domain ", d->domain, ": ",
				 page_or(d->message, "this node does not reach it"), "</p>", NULL);
	}
}

/* "3 Units, 2 ready, 1 needs somebody" */
static void put_sum(struct page_html *h, struct page_entry *const *units, size_t n)
{
	static const struct {
		enum page_tone tone;
		const char *words;
	} all[] = { { PAGE_TONE_OK, " ready" },
		    { PAGE_TONE_OFF, " stopped" },
		    { PAGE_TONE_WAIT, " on the way" },
		    { PAGE_TONE_BAD, " in trouble" } };
	size_t by[PAGE_TONE_MAX_] = { 0 };

	for (size_t i = 0; i < n; i++)
		by[units[i]->tone]++;
	page_raw(h, "<span class=\"sum\">");
	page_number(h, n);
	page_raw(h, n == 1 ? " Unit" : " Units");
	for (size_t i = 0; i < BW_ARRAY_SIZE(all); i++) {
		if (!by[all[i].tone])
			continue;
		page_raw(h, ", ");
		page_number(h, by[all[i].tone]);
		page_raw(h, all[i].words);
	}
	page_raw(h, "</span>");
}

int page_render_node(struct page_model *m, size_t i)
{
	BW_CLEANUP(html_done) struct page_html h = { 0 };
	struct page_node *n = &m->nodes[i];
	const char *name = m->by_node[n->first]->node;
	char id[PAGE_ID_MAX];

	n->head.id = page_hash("node", name);
	page_put(&h, "<header id=\"", page_id('n', n->head.id, id), "\"><h3>", NULL);
	if (*name)
		/* No character of a Node's name means anything in a query. */
		page_put(&h, "<a href=\"?node=", name, "\">", name, "</a>", NULL);
	else
		page_raw(&h, "On no node");
	if (*name)
		put_taints(&h, m->o, name);
	page_raw(&h, "</h3>");
	put_sum(&h, m->by_node + n->first, n->n);
	if (*name)
		put_domains(&h, m->o, name);
	page_raw(&h, "</header>");
	return page_piece_set(&n->head, &h);
}

/* THE SUMS */

static void put_tile(struct page_html *h, const char *class, size_t n, const char *words)
{
	page_put(h, "<li class=\"", class, "\"><b>", NULL);
	page_number(h, n);
	page_put(h, "</b> ", words, "</li>", NULL);
}

static void put_tiles(struct page_html *h, const struct page_model *m)
{
	size_t by[PAGE_TONE_MAX_] = { 0 };
	size_t claims = 0, pools = 0;

	for (size_t i = 0; i < m->units.n; i++)
		by[m->units.v[i]->tone]++;
	for (size_t i = 0; i < m->claims.n; i++)
		claims += m->claims.v[i]->wait.hash != 0;
	for (size_t i = 0; i < m->pools.n; i++)
		pools += m->pools.v[i]->wait.hash != 0;
	page_raw(h, "<ul class=\"tiles\">");
	put_tile(h, "", m->units.n, m->units.n == 1 ? "Unit" : "Units");
	put_tile(h, "ok", by[PAGE_TONE_OK], "ready");
	put_tile(h, by[PAGE_TONE_BAD] ? "bad" : "", by[PAGE_TONE_BAD], "in trouble");
	put_tile(h, by[PAGE_TONE_WAIT] ? "wait" : "", by[PAGE_TONE_WAIT], "on the way");
	put_tile(h, "off", by[PAGE_TONE_OFF], "stopped on purpose");
	if (claims)
		put_tile(h, "wait", claims, claims == 1 ? "claim waits" : "claims wait");
	if (pools)
		put_tile(h, "bad", pools, pools == 1 ? "pool in trouble" : "pools in trouble");
	page_raw(h, "</ul>");
}

static int all_synced(const struct page_stores *st)
{
	return bw_kube_store_synced(st->units) && bw_kube_store_synced(st->claims) &&
	       bw_kube_store_synced(st->pools) && bw_kube_store_synced(st->addresses) &&
	       bw_kube_store_synced(st->nodes);
}

static void put_warnings(struct page_html *h, const struct page_model *m)
{
	char why[WHY_MAX];

	if (!all_synced(&m->o->st))
		page_raw(h, "<p class=\"warn\">The cluster is being read: what is missing here may "
			    "come yet.</p>");
	else if (!bw_kube_runtime_ready(m->o->rt, why, sizeof(why)))
		page_put(h, "<p class=\"warn\">What is shown may be old. ", why, "</p>", NULL);
	if (m->n_out)
		page_raw(h, "<p class=\"warn\">The controller ran out of memory: something is "
			    "missing here.</p>");
}

int page_render_summary(struct page_model *m)
{
	BW_CLEANUP(html_done) struct page_html h = { 0 };

	m->summary.id = page_hash("summary", "");
	page_raw(&h, "<div id=\"sums\">");
	put_warnings(&h, m);
	put_tiles(&h, m);
	page_put(&h, "<p class=\"about\">Told by ", m->o->self, NULL);
	if (m->leading)
		page_raw(&h, ", which leads.</p>");
	else if (*m->holder)
		page_put(&h, ", which follows; ", m->holder, " leads.</p>", NULL);
	else
		page_raw(&h, "; nobody leads, so nothing is changed now.</p>");
	page_raw(&h, "</div>");
	return page_piece_set(&m->summary, &h);
}
