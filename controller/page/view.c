/* SPDX-License-Identifier: Apache-2.0 */
/* What one visitor looks at. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "view.h"

/* THE ADDRESS */

static int read_name(const char *value, char *out, size_t size)
{
	size_t n = strlen(value);

	if (n >= size || strspn(value, "abcdefghijklmnopqrstuvwxyz0123456789.-") != n)
		return -EINVAL;
	memcpy(out, value, n + 1);
	return 0;
}

static int read_page(const char *value, unsigned int *ret)
{
	size_t n = strlen(value);
	unsigned long page;

	if (!n || n > 6 || strspn(value, "0123456789") != n)
		return -EINVAL;
	page = strtoul(value, NULL, 10);
	if (!page || page > PAGE_NUMBER_MAX)
		return -EINVAL;
	*ret = (unsigned int)page;
	return 0;
}

int page_view_set(struct page_view *v, const char *key, const char *value)
{
	if (!value || !*value)
		return 0;
	if (strcmp(key, "node") == 0)
		return read_name(value, v->node, sizeof(v->node));
	if (strcmp(key, "namespace") == 0)
		return read_name(value, v->ns, sizeof(v->ns));
	return strcmp(key, "page") == 0 ? read_page(value, &v->page) : 0;
}

void page_view_put(struct page_html *h, const struct page_view *v, unsigned int page)
{
	const char *sign = "?";

	if (*v->node) {
		page_put(h, "?node=", v->node, NULL);
		sign = "&amp;";
	}
	if (*v->ns) {
		page_raw(h, sign);
		page_put(h, "namespace=", v->ns, NULL);
		sign = "&amp;";
	}
	if (page) {
		page_raw(h, sign);
		page_raw(h, "page=");
		page_number(h, page);
	}
}

static int shows(const struct page_view *v, const struct page_entry *e)
{
	return (!*v->ns || strcmp(v->ns, e->ns) == 0) &&
	       (!*v->node || strcmp(v->node, e->node) == 0);
}

/* TAKING IT */

void page_shot_done(struct page_shot *s)
{
	for (size_t i = 0; i < PAGE_PART_MAX_; i++)
		free(s->parts[i].v);
	page_piece_done(&s->pager);
	page_piece_done(&s->more_waits);
	page_piece_done(&s->more_pools);
	memset(s, 0, sizeof(*s));
}

static int add(struct page_list *l, const struct page_piece *p, int is_node)
{
	if (!p->hash)
		return 0;
	if (l->n == l->cap) {
		size_t cap = l->cap ? l->cap * 2 : 16;
		struct page_ref *more = reallocarray(l->v, cap, sizeof(*more));

		if (!more)
			return -ENOMEM;
		l->v = more;
		l->cap = cap;
	}
	l->v[l->n++] = (struct page_ref){ p->id, p->hash, p, is_node != 0 };
	return 0;
}

static void html_done(struct page_html *h)
{
	bw_buf_done(&h->b);
}

/* "... and 7 more", or nothing. */
static int put_more(struct page_piece *p, const char *id, size_t n, const char *words)
{
	BW_CLEANUP(html_done) struct page_html h = { 0 };

	p->id = page_hash("more", id);
	if (!n)
		return 0;
	page_put(&h, "<li id=\"", id, "\" class=\"more\">", NULL);
	page_number(&h, n);
	page_raw(&h, words);
	page_raw(&h, "</li>");
	return page_piece_set(p, &h);
}

static int take_waits(const struct page_model *m, const struct page_view *v, struct page_shot *s)
{
	const struct page_table *const all[] = { &m->pools, &m->units, &m->claims };
	struct page_list *to = &s->parts[PAGE_WAITS];
	size_t more = 0;
	int r = 0;

	for (int tone = PAGE_TONE_BAD; tone >= PAGE_TONE_WAIT; tone--)
		for (size_t t = 0; t < BW_ARRAY_SIZE(all); t++)
			for (size_t i = 0; r == 0 && i < all[t]->n; i++) {
				const struct page_entry *e = all[t]->v[i];

				if (!e->wait.hash || e->tone != (enum page_tone)tone ||
				    !shows(v, e))
					continue;
				if (to->n < PAGE_WAITS_MAX)
					r = add(to, &e->wait, 0);
				else
					more++;
			}
	if (r == 0)
		r = put_more(&s->more_waits, "more-waits", more,
			     " more are not shown; barewire unit list -A lists all.");
	return r < 0 ? r : add(to, &s->more_waits, 0);
}

static void put_link(struct page_html *h, const struct page_view *v, unsigned int page,
		     const char *words)
{
	page_raw(h, " <a href=\"./");
	page_view_put(h, v, page);
	page_put(h, "\">", words, "</a>", NULL);
}

/* Which of how many are shown, and the way to the others. */
static int put_pager(struct page_piece *p, const struct page_view *v, size_t first, size_t n)
{
	static const struct page_view all = { .page = 1 };
	BW_CLEANUP(html_done) struct page_html h = { 0 };
	unsigned int page = (unsigned int)(first / PAGE_ROWS_MAX) + 1;
	size_t last = first + PAGE_ROWS_MAX < n ? first + PAGE_ROWS_MAX : n;

	p->id = page_hash("pager", "");
	page_raw(&h, "<p id=\"pager\">");
	if (*v->node || *v->ns) {
		page_put(&h, *v->node ? "Node " : "", v->node, *v->node && *v->ns ? ", " : "", "",
			 *v->ns ? "namespace " : "", v->ns, ": ", NULL);
		page_number(&h, n);
		page_raw(&h, n == 1 ? " Unit." : " Units.");
		put_link(&h, &all, 0, "Show all");
	}
	if (n > PAGE_ROWS_MAX) {
		page_raw(&h, " Shown are ");
		page_number(&h, first + 1);
		page_raw(&h, " to ");
		page_number(&h, last);
		page_raw(&h, " of ");
		page_number(&h, n);
		page_raw(&h, " Units.");
		if (page > 1)
			put_link(&h, v, page - 1, "Before");
		if (last < n)
			put_link(&h, v, page + 1, "Next");
	}
	page_raw(&h, "</p>");
	return page_piece_set(p, &h);
}

static int take_units(const struct page_model *m, const struct page_view *v, struct page_shot *s)
{
	struct page_list *to = &s->parts[PAGE_UNITS];
	const struct page_node *node = NULL;
	size_t n = 0, first, at = 0;
	int r;

	for (size_t i = 0; i < m->units.n; i++)
		n += shows(v, m->units.v[i]) != 0;
	first = (size_t)(v->page - 1) * PAGE_ROWS_MAX;
	if (first >= n)
		first = n ? (n - 1) / PAGE_ROWS_MAX * PAGE_ROWS_MAX : 0;
	r = put_pager(&s->pager, v, first, n);
	if (r == 0)
		r = add(to, &s->pager, 0);
	for (size_t k = 0; r == 0 && k < m->n_nodes; k++)
		for (size_t i = 0; r == 0 && i < m->nodes[k].n; i++) {
			const struct page_entry *e = m->by_node[m->nodes[k].first + i];

			if (!shows(v, e) || at++ < first || at > first + PAGE_ROWS_MAX)
				continue;
			if (node != &m->nodes[k])
				r = add(to, &m->nodes[k].head, 1);
			node = &m->nodes[k];
			if (r == 0)
				r = add(to, &e->row, 0);
		}
	return r;
}

static int take_pools(const struct page_model *m, struct page_shot *s)
{
	struct page_list *to = &s->parts[PAGE_POOLS];
	size_t n = m->pools.n < PAGE_POOLS_MAX ? m->pools.n : PAGE_POOLS_MAX;
	int r = 0;

	for (size_t i = 0; r == 0 && i < n; i++)
		r = add(to, &m->pools.v[i]->row, 0);
	if (r == 0)
		r = put_more(&s->more_pools, "more-pools", m->pools.n - n,
			     " more pools are not shown; barewire pool lists all.");
	return r < 0 ? r : add(to, &s->more_pools, 0);
}

int page_shot_take(const struct page_model *m, const struct page_view *v, struct page_shot *ret)
{
	int r = add(&ret->parts[PAGE_SUMS], &m->summary, 0);

	if (r == 0)
		r = take_waits(m, v, ret);
	if (r == 0)
		r = take_units(m, v, ret);
	return r < 0 ? r : take_pools(m, ret);
}

/* SHOWING IT */

static const struct {
	const char *open;
	const char *close;
	const char *empty;
} parts[] = {
	[PAGE_SUMS] = { "<section id=\"part-sums\" aria-label=\"Sums\">", "</section>", "" },
	[PAGE_WAITS] = { "<section id=\"part-waits\" aria-labelledby=\"h-waits\"><h2 id=\"h-waits\""
			 ">What waits, and why</h2><ul class=\"waits\">",
			 "</ul></section>", "<li class=\"none\">Nothing waits.</li>" },
	[PAGE_UNITS] = { "<section id=\"part-units\" aria-labelledby=\"h-units\"><h2 id=\"h-units\""
			 ">Units by node</h2>",
			 "</section>", "<p class=\"none\">There is no Unit here.</p>" },
	[PAGE_POOLS] = { "<section id=\"part-pools\" aria-labelledby=\"h-pools\"><h2 id=\"h-pools\""
			 ">Pools</h2><div class=\"pools\">",
			 "</div></section>",
			 "<p class=\"none\">There is no NetworkPool: an administrator makes one.</p>" },
};
static_assert(BW_ARRAY_SIZE(parts) == PAGE_PART_MAX_, "a part without its frame");

static void put_units(struct page_html *h, const struct page_list *l)
{
	int open = 0;

	for (size_t i = 0; i < l->n; i++) {
		if (l->v[i].is_node && open)
			page_raw(h, "</tbody></table></section>");
		if (l->v[i].is_node)
			page_raw(h, "<section class=\"node\">");
		page_raw(h, l->v[i].piece->html);
		if (l->v[i].is_node)
			page_raw(h, "<table><thead><tr><th scope=\"col\">Unit</th>"
				    "<th scope=\"col\">Phase</th><th scope=\"col\">Address</th>"
				    "<th scope=\"col\">Task</th><th scope=\"col\">Age</th></tr>"
				    "</thead><tbody>");
		open |= l->v[i].is_node;
	}
	if (open)
		page_raw(h, "</tbody></table></section>");
	else
		page_raw(h, parts[PAGE_UNITS].empty);
}

void page_shot_part(struct page_html *h, const struct page_shot *s, enum page_part part)
{
	const struct page_list *l = &s->parts[part];

	page_raw(h, parts[part].open);
	if (part == PAGE_UNITS)
		put_units(h, l);
	for (size_t i = 0; part != PAGE_UNITS && i < l->n; i++)
		page_raw(h, l->v[i].piece->html);
	if (part != PAGE_UNITS && !l->n)
		page_raw(h, parts[part].empty);
	page_raw(h, parts[part].close);
}

static int same_order(const struct page_list *a, const struct page_list *b)
{
	if (a->n != b->n)
		return 0;
	for (size_t i = 0; i < a->n; i++)
		if (a->v[i].id != b->v[i].id)
			return 0;
	return 1;
}

size_t page_shot_diff(struct page_html *h, const struct page_shot *before,
		      const struct page_shot *now)
{
	size_t lines = 0;

	for (int k = 0; k < PAGE_PART_MAX_; k++) {
		const struct page_list *a = before ? &before->parts[k] : NULL;
		const struct page_list *b = &now->parts[k];

		if (!a || !same_order(a, b)) {
			page_raw(h, "data: ");
			page_shot_part(h, now, (enum page_part)k);
			page_raw(h, "\n");
			lines++;
			continue;
		}
		for (size_t i = 0; i < a->n; i++) {
			if (a->v[i].hash == b->v[i].hash)
				continue;
			page_raw(h, "data: ");
			page_raw(h, b->v[i].piece->html);
			page_raw(h, "\n");
			lines++;
		}
	}
	return lines;
}
