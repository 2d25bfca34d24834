/* SPDX-License-Identifier: Apache-2.0 */
/* A pool: its numbers, and its range as a picture whose states differ by shape, not by colour
 * alone. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include <bw/err.h>
#include <bw/view_map.h>
#include <bw/view_unit.h>

#include "model.h"

#define CELLS_A_ROW 64
#define CELL 10 /* units of the picture, the gap included */

/* A cell's shape, drawn from its upper left corner in a square of 8. */
static const struct {
	const char *class;
	const char *path;
} shapes[] = {
	[BW_MAP_FREE] = { "free", "h8v8h-8zm1 1v6h6v-6z" },
	[BW_MAP_EXCLUDED] = { "excluded", "m0 3h8v2h-8z" },
	[BW_MAP_RESERVED] = { "reserved", "h8v8h-8zm2 2v4h4v-4z" },
	[BW_MAP_RETAINED] = { "retained", "h8v3h-8zm0 5h8v3h-8z" },
	[BW_MAP_COOLING] = { "cooling", "m0 4h8v4h-8z" },
	[BW_MAP_BOUND] = { "bound", "h8v8h-8z" },
	[BW_MAP_QUARANTINED] = { "quarantined",
				 "l1 0l3 3l3-3l1 0v1l-3 3l3 3v1l-1 0l-3-3l-3 3l-1 0v-1l3-3l-3-3z" },
};
static_assert(BW_ARRAY_SIZE(shapes) == BW_MAP_MAX_, "a state without a shape");

static uint64_t count_of(const struct bw_map *m, enum bw_map_state s)
{
	return s == BW_MAP_FREE ? m->total - bw_map_taken(m) : m->counts[s];
}

static void put_state(struct page_html *h, const struct bw_map *m, enum bw_map_state state)
{
	char at[48];
	int any = 0;

	for (size_t i = 0; i < m->n_cells; i++) {
		if (m->cells[i] != state)
			continue;
		if (!any++)
			page_put(h, "<path class=\"", shapes[state].class, "\" d=\"", NULL);
		(void)snprintf(at, sizeof(at), "M%zu %zu", i % CELLS_A_ROW * CELL,
			       i / CELLS_A_ROW * CELL); /* fits, ignoring */
		page_raw(h, at);
		page_raw(h, shapes[state].path);
	}
	if (any)
		page_raw(h, "\"/>");
}

/* Over each row lies its title: which addresses it has. */
static void put_titles(struct page_html *h, const struct bw_map *m)
{
	char first[BW_IP_STR_MAX], last[BW_IP_STR_MAX], at[96];

	for (size_t i = 0; i < m->n_cells; i += CELLS_A_ROW) {
		size_t end = i + CELLS_A_ROW < m->n_cells ? i + CELLS_A_ROW : m->n_cells;
		uint64_t n = end * m->per_cell;
		struct bw_ip a = bw_map_address(m, i * m->per_cell);
		struct bw_ip b = bw_map_address(m, (n < m->total ? n : m->total) - 1);

		(void)snprintf(at, sizeof(at),
			       "<rect class=\"over\" y=\"%zu\" width=\"%zu\" height=\"%d\"><title>",
			       i / CELLS_A_ROW * CELL, (end - i) * CELL, CELL); /* fits, ignoring */
		page_raw(h, at);
		page_put(h, "", bw_ip_str(&a, first), " – ", bw_ip_str(&b, last), "</title></rect>",
			 NULL);
	}
}

static void put_picture(struct page_html *h, const struct bw_map *m, const char *name)
{
	size_t rows = (m->n_cells + CELLS_A_ROW - 1) / CELLS_A_ROW;
	char first[BW_IP_STR_MAX], last[BW_IP_STR_MAX], box[96];
	struct bw_ip a = bw_map_address(m, 0);
	struct bw_ip b = bw_map_address(m, m->total - 1);

	(void)snprintf(box, sizeof(box), "<svg viewBox=\"0 0 %d %zu\" role=\"img\" aria-label=\"",
		       CELLS_A_ROW * CELL, rows * CELL); /* fits, ignoring */
	page_raw(h, box);
	page_put(h, "The range of pool ", name, "; the numbers above say the same\">", NULL);
	for (int s = 0; s < BW_MAP_MAX_; s++)
		put_state(h, m, (enum bw_map_state)s);
	put_titles(h, m);
	page_put(h, "</svg><p class=\"range\"><span>", bw_ip_str(&a, first), "</span><span>", NULL);
	if (m->per_cell == 1) {
		page_raw(h, "one address a cell");
	} else {
		page_number(h, m->per_cell);
		page_raw(h, " addresses a cell");
	}
	page_put(h, "</span><span>", bw_ip_str(&b, last), "</span></p>", NULL);
}

/* Used and free always, the others where there are any: with the shape they have in the picture. */
static void put_counts(struct page_html *h, const struct bw_map *m)
{
	static const enum bw_map_state order[] = {
		BW_MAP_BOUND,    BW_MAP_FREE,     BW_MAP_COOLING,     BW_MAP_RESERVED,
		BW_MAP_RETAINED, BW_MAP_EXCLUDED, BW_MAP_QUARANTINED,
	};

	page_raw(h, "<ul class=\"counts\">");
	for (size_t i = 0; i < BW_ARRAY_SIZE(order); i++) {
		uint64_t n = count_of(m, order[i]);

		if (!n && i > 1)
			continue;
		page_put(h, "<li><svg viewBox=\"0 0 8 8\" aria-hidden=\"true\"><path class=\"",
			 shapes[order[i]].class, "\" d=\"M0 0", NULL);
		page_raw(h, shapes[order[i]].path);
		page_raw(h, "\"/></svg><b>");
		if (n == UINT64_MAX)
			page_raw(h, "2<sup>64</sup> or more");
		else
			page_number(h, n);
		page_put(h, "</b> ", order[i] == BW_MAP_BOUND ? "used" : bw_map_state_str(order[i]),
			 "</li>", NULL);
	}
	if (m->out_of_range) {
		page_raw(h, "<li><b>");
		page_number(h, m->out_of_range);
		page_raw(h, "</b> out of range</li>");
	}
	page_raw(h, "</ul>");
}

static void put_head(struct page_html *h, const struct page_entry *e, const struct bw_net_pool *p)
{
	const struct bw_kube_condition *c = bw_view_pool_trouble(p);
	char id[PAGE_ID_MAX];

	page_put(h, "<article id=\"", page_id('p', e->row.id, id), "\"><h3>", NULL);
	page_mark(h, e->tone, e->name);
	if (c)
		page_put(h, " <span class=\"flag\">", page_or(c->reason, c->type), "</span>", NULL);
	page_put(h, "</h3><p class=\"about\">domain ", p->spec.domain, ", ", p->spec.prefix, ", ",
		 bw_net_pool_mode_str(p->spec.mode), NULL);
	if (p->spec.default_)
		page_raw(h, ", the default");
	page_raw(h, "</p>");
}

static void map_free(struct bw_map **m)
{
	if (*m)
		bw_map_done(*m);
	free(*m);
}

static int put_pool(struct page_html *h, const struct page_entry *e, const struct bw_net_pool *p,
		    const struct page_options *o)
{
	BW_CLEANUP(map_free) struct bw_map *m = calloc(1, sizeof(*m));
	struct bw_err err = { 0 };
	int r = m ? bw_map_begin(m, p, PAGE_CELLS_MAX, &err) : -ENOMEM;

	if (r == -ENOMEM)
		return r;
	put_head(h, e, p);
	if (r < 0) {
		page_put(h, "<p class=\"why\">", err.msg, "</p>", NULL);
	} else if (!m->total) {
		page_raw(h, "<p class=\"why\">It has no range.</p>");
	} else {
		o->fill(m, p, o->arg);
		put_counts(h, m);
		put_picture(h, m, p->meta.name);
	}
	page_raw(h, "</article>");
	return 0;
}

static void html_done(struct page_html *h)
{
	bw_buf_done(&h->b);
}

int page_render_pool(struct page_entry *e, const struct bw_kube_object *o,
		     const struct page_options *opts)
{
	BW_CLEANUP(bw_net_pool_done) struct bw_net_pool p = { 0 };
	BW_CLEANUP(html_done) struct page_html h = { 0 };
	int r = bw_net_pool_decode(o->text, o->size, &p, NULL);

	if (r == -ENOMEM)
		return r;
	e->wait.id = page_hash("pool", e->name);
	if (r < 0)
		return page_piece_set(&e->row, &h);
	r = page_render_pool_wait(e, &p);
	if (r == 0)
		r = put_pool(&h, e, &p, opts);
	return r < 0 ? r : page_piece_set(&e->row, &h);
}
