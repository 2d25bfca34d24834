/* SPDX-License-Identifier: Apache-2.0 */
/* The model: what is to be decoded, in what order it stands, and when it is told. */
#include <stdio.h>
#include <string.h>

#include <bw/err.h>
#include <bw/ip.h>
#include <bw/kube_controller.h>

#include "model.h"

#define NS_PER_MS 1000000LL
#define NS_PER_S 1000000000LL
#define SOON_MS 30 /* after quiet: what belongs together comes together */
#define POOLS_MS 1000 /* between two pictures of a pool */
#define POOL_COST (PAGE_SLICE / 4) /* a picture looks at every address of its domain */

uint64_t page_hash(const char *a, const char *b)
{
	uint64_t h = bw_fnv64(BW_FNV64_BASIS, a, strlen(a) + 1);

	return bw_fnv64(h, b, strlen(b) + 1);
}

const char *page_id(char kind, uint64_t id, char out[PAGE_ID_MAX])
{
	(void)snprintf(out, PAGE_ID_MAX, "%c%016llx", kind,
		       (unsigned long long)id); /* fits, ignoring */
	return out;
}

/* PIECES AND ENTRIES */

int page_piece_set(struct page_piece *p, struct page_html *h)
{
	uint64_t hash = h->b.size ? bw_fnv64(BW_FNV64_BASIS, h->b.data, h->b.size) | 1 : 0;

	if (h->failed) {
		free(p->html);
		p->html = NULL;
		p->hash = 0;
		return -ENOMEM;
	}
	if (hash == p->hash)
		return 0;
	free(p->html);
	p->size = h->b.size;
	p->html = BW_TAKE_PTR(h->b.data);
	memset(&h->b, 0, sizeof(h->b));
	p->hash = hash;
	return 0;
}

void page_piece_done(struct page_piece *p)
{
	free(p->html);
	memset(p, 0, sizeof(*p)); /* its id too */
}

static void entry_free(struct page_entry *e)
{
	bw_list_del(&e->dirty);
	bw_kube_object_unref(&e->o);
	page_piece_done(&e->row);
	page_piece_done(&e->wait);
	free(e->ns);
	free(e->name);
	free(e->node);
	free(e);
}

static struct page_entry *entry_new(const char *ns, const char *name)
{
	struct page_entry *e = calloc(1, sizeof(*e));

	if (!e)
		return NULL;
	bw_list_init(&e->dirty);
	e->ns = strdup(ns);
	e->name = strdup(name);
	e->node = strdup("");
	if (!e->ns || !e->name || !e->node) {
		entry_free(e);
		return NULL;
	}
	e->row.id = page_hash(ns, name);
	e->wait.id = e->row.id;
	e->moved = 1;
	return e;
}

/* TABLES */

static int compare(const struct page_entry *e, const char *ns, const char *name)
{
	int r = strcmp(e->ns, ns);

	return r ? r : strcmp(e->name, name);
}

/* Where it is or would be. */
static size_t place(const struct page_table *t, const char *ns, const char *name)
{
	size_t low = 0;
	size_t high = t->n;

	/* Stores are walked in order: mostly it comes last. */
	if (t->n && compare(t->v[t->n - 1], ns, name) < 0)
		return t->n;
	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (compare(t->v[mid], ns, name) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static struct page_entry *find(const struct page_table *t, const char *ns, const char *name)
{
	size_t i = place(t, ns, name);

	return i < t->n && compare(t->v[i], ns, name) == 0 ? t->v[i] : NULL;
}

static struct page_entry *insert(struct page_table *t, const char *ns, const char *name)
{
	size_t i = place(t, ns, name);
	struct page_entry *e;

	if (t->n == t->cap) {
		size_t cap = t->cap ? t->cap * 2 : 64;
		struct page_entry **more = reallocarray(t->v, cap, sizeof(struct page_entry *));

		if (!more)
			return NULL;
		t->v = more;
		t->cap = cap;
	}
	e = entry_new(ns, name);
	if (!e)
		return NULL;
	memmove(&t->v[i + 1], &t->v[i], (t->n - i) * sizeof(struct page_entry *));
	t->v[i] = e;
	t->n++;
	return e;
}

static void take_out(struct page_table *t, struct page_entry *e)
{
	size_t i = place(t, e->ns, e->name);

	memmove(&t->v[i], &t->v[i + 1], (t->n - i - 1) * sizeof(struct page_entry *));
	t->n--;
	entry_free(e);
}

static void table_done(struct page_table *t)
{
	for (size_t i = 0; i < t->n; i++)
		entry_free(t->v[i]);
	free(t->v);
	memset(t, 0, sizeof(*t));
}

/* WHEN IT IS TOLD */

static void tell_soon(struct page_model *m)
{
	int64_t at = bw_loop_now_ns(m->loop) + SOON_MS * NS_PER_MS;

	if (!m->active || bw_timer_is_set(&m->flush))
		return;
	if (at < m->told_ns + PAGE_FLUSH_MS * NS_PER_MS)
		at = m->told_ns + PAGE_FLUSH_MS * NS_PER_MS;
	if (bw_timer_set(&m->flush, at) < 0)
		m->n_out++; /* the next change asks again */
}

static void make_dirty(struct page_model *m, struct page_table *t, const char *ns, const char *name,
		       struct bw_kube_object *o)
{
	struct page_entry *e = find(t, ns, name);

	if (!e && o)
		e = insert(t, ns, name);
	if (!e) {
		m->n_out += o != NULL;
		return;
	}
	bw_kube_object_unref(&e->o);
	e->o = o ? bw_kube_object_ref(o) : NULL;
	if (bw_list_empty(&e->dirty))
		bw_list_add_tail(&m->dirty, &e->dirty);
	bw_defer_call(&m->work);
}

/* Claims of which there is nothing to say are most of them, and are not even decoded. */
static int claim_is_quiet(const struct bw_kube_object *o)
{
	return strstr(o->text, "\"Bound\"") && !strstr(o->text, "\"status\":\"False\"") &&
	       !strstr(o->text, "\"Conflict\"");
}

static void on_unit(struct bw_kube_object *old, struct bw_kube_object *now, void *arg)
{
	struct page_model *m = arg;
	const struct bw_kube_object *o = now ? now : old;

	if (m->active && o)
		make_dirty(m, &m->units, o->namespace, o->name, now);
}

static void on_claim(struct bw_kube_object *old, struct bw_kube_object *now, void *arg)
{
	struct page_model *m = arg;
	const struct bw_kube_object *o = now ? now : old;

	if (m->active && o)
		make_dirty(m, &m->claims, o->namespace, o->name,
			   now && !claim_is_quiet(now) ? now : NULL);
}

static void on_pool(struct bw_kube_object *old, struct bw_kube_object *now, void *arg)
{
	struct page_model *m = arg;
	const struct bw_kube_object *o = now ? now : old;

	if (m->active && o)
		make_dirty(m, &m->pools, "", o->name, now);
}

static void on_address(struct bw_kube_object *old, struct bw_kube_object *now, void *arg)
{
	struct page_model *m = arg;

	(void)old;
	(void)now;
	m->pools_stale = 1;
	tell_soon(m);
}

static void on_node(struct bw_kube_object *old, struct bw_kube_object *now, void *arg)
{
	(void)old;
	(void)now;
	page_model_touch(arg);
}

void page_model_touch(struct page_model *m)
{
	m->stale = 1;
	tell_soon(m);
}

static void on_sync(void *arg)
{
	page_model_touch(arg);
}

/* WORK */

static struct page_table *table_of(struct page_model *m, const struct page_entry *e)
{
	struct page_table *const all[] = { &m->units, &m->pools, &m->claims };

	for (size_t i = 0; i < BW_ARRAY_SIZE(all); i++)
		if (find(all[i], e->ns, e->name) == e)
			return all[i];
	return NULL;
}

static int render(struct page_model *m, const struct page_table *t, struct page_entry *e,
		  const struct bw_kube_object *o)
{
	if (t == &m->units)
		return page_render_unit(e, o);
	if (t == &m->pools)
		return page_render_pool(e, o, m->o);
	return page_render_claim(e, o);
}

/* Decodes one entry, or takes it out. */
static void look_at(struct page_model *m, struct page_entry *e)
{
	struct bw_kube_object *o = BW_TAKE_PTR(e->o);
	struct page_table *t = table_of(m, e);

	bw_list_del(&e->dirty);
	m->stale = 1;
	if (!o || !t) {
		m->order_stale = 1;
		if (t)
			take_out(t, e);
		return;
	}
	if (render(m, t, e, o) < 0)
		m->n_out++;
	m->order_stale |= e->moved;
	e->moved = 0;
	bw_kube_object_unref(&o);
}

static void on_work(void *arg)
{
	struct page_model *m = arg;
	unsigned int left = PAGE_SLICE;

	bw_list_for_each (i, &m->dirty) {
		struct page_entry *e = bw_list_entry(i, struct page_entry, dirty);
		unsigned int cost = *e->ns ? 1 : POOL_COST; /* only pools have no namespace */

		if (cost > left)
			break;
		left -= cost;
		look_at(m, e);
	}
	if (!bw_list_empty(&m->dirty)) {
		/* After whatever else is due. */
		if (bw_timer_set(&m->later, bw_loop_now_ns(m->loop)) < 0)
			bw_defer_call(&m->work);
		return;
	}
	tell_soon(m);
	if (!m->loaded) {
		m->loaded = 1;
		m->told(m->arg);
	}
}

/* ORDER */

/* Units without a node come last. */
static int by_node(const void *a, const void *b)
{
	const struct page_entry *x = *(struct page_entry *const *)a;
	const struct page_entry *y = *(struct page_entry *const *)b;
	int r = !*x->node - !*y->node;

	if (!r)
		r = strcmp(x->node, y->node);
	return r ? r : compare(x, y->ns, y->name);
}

static void forget_order(struct page_model *m)
{
	for (size_t i = 0; i < m->n_nodes; i++)
		page_piece_done(&m->nodes[i].head);
	free(m->nodes);
	free(m->by_node);
	m->nodes = NULL;
	m->by_node = NULL;
	m->n_nodes = 0;
}

static int put_in_order(struct page_model *m)
{
	size_t n = 0;

	forget_order(m);
	m->by_node = calloc(m->units.n + 1, sizeof(struct page_entry *));
	m->nodes = calloc(m->units.n + 1, sizeof(*m->nodes));
	if (!m->by_node || !m->nodes) {
		forget_order(m);
		return -ENOMEM;
	}
	if (m->units.n)
		memcpy(m->by_node, m->units.v, m->units.n * sizeof(struct page_entry *));
	qsort(m->by_node, m->units.n, sizeof(struct page_entry *), by_node);
	for (size_t i = 0; i < m->units.n; i++) {
		if (!i || strcmp(m->by_node[i]->node, m->by_node[i - 1]->node) != 0)
			m->nodes[n++].first = i;
		m->nodes[n - 1].n++;
	}
	m->n_nodes = n;
	m->order_stale = 0;
	return 0;
}

static void dirty_pools(struct page_model *m)
{
	int64_t now = bw_loop_now_ns(m->loop);

	if (!m->pools_stale || now < m->pools_ns + POOLS_MS * NS_PER_MS)
		return;
	m->pools_stale = 0;
	m->pools_ns = now;
	for (size_t i = 0; i < m->pools.n; i++) {
		struct page_entry *e = m->pools.v[i];

		/* One that is dirty already has its object, or is gone. */
		if (bw_list_empty(&e->dirty))
			make_dirty(m, &m->pools, "", e->name,
				   bw_kube_store_get(m->o->st.pools, NULL, e->name));
	}
}

void page_model_settle(struct page_model *m)
{
	if (!m->stale || !m->active)
		return;
	m->stale = 0;
	if ((m->order_stale || !m->by_node) && put_in_order(m) < 0) {
		m->stale = 1; /* again with the next change */
		return;
	}
	for (size_t i = 0; i < m->n_nodes; i++)
		if (page_render_node(m, i) < 0)
			m->n_out++;
	if (page_render_summary(m) < 0)
		m->n_out++;
	m->version++;
}

static void on_flush(void *arg)
{
	struct page_model *m = arg;

	m->told_ns = bw_loop_now_ns(m->loop);
	dirty_pools(m);
	if (m->pools_stale)
		tell_soon(m);
	page_model_settle(m);
	if (m->version == m->told_version)
		return;
	m->told_version = m->version;
	m->told(m->arg);
}

/* LIFE */

static int add_unit(struct bw_kube_object *o, void *arg)
{
	on_unit(NULL, o, arg);
	return 0;
}

static int add_claim(struct bw_kube_object *o, void *arg)
{
	on_claim(NULL, o, arg);
	return 0;
}

static int add_pool(struct bw_kube_object *o, void *arg)
{
	on_pool(NULL, o, arg);
	return 0;
}

static void forget(void *arg)
{
	struct page_model *m = arg;

	bw_timer_stop(&m->flush);
	bw_timer_stop(&m->later);
	bw_defer_stop(&m->work);
	forget_order(m);
	table_done(&m->units);
	table_done(&m->claims);
	table_done(&m->pools);
	page_piece_done(&m->summary);
	m->active = 0;
	m->loaded = 0;
	m->n_out = 0;
	m->version++;
}

void page_model_use(struct page_model *m)
{
	m->users++;
	bw_timer_stop(&m->linger);
	if (m->active)
		return;
	m->active = 1;
	m->stale = 1;
	m->pools_stale = 0;
	/* Each of them goes on to its end: what cannot be kept is counted. */
	(void)bw_kube_store_each(m->o->st.units, NULL, add_unit, m);
	(void)bw_kube_store_each(m->o->st.claims, NULL, add_claim, m);
	(void)bw_kube_store_each(m->o->st.pools, NULL, add_pool, m);
	bw_defer_call(&m->work);
}

void page_model_unuse(struct page_model *m)
{
	if (--m->users)
		return;
	if (bw_timer_set(&m->linger, bw_loop_now_ns(m->loop) + PAGE_LINGER_S * NS_PER_S) < 0)
		forget(m);
}

int page_model_init(struct page_model *m, const struct page_options *o, void (*told)(void *arg),
		    void *arg, struct bw_err *err)
{
	const struct {
		struct bw_kube_store *store;
		bw_kube_change_fn fn;
	} all[] = {
		{ o->st.units, on_unit },           { o->st.claims, on_claim },
		{ o->st.pools, on_pool },           { o->st.addresses, on_address },
		{ o->st.reservations, on_address }, { o->st.nodes, on_node },
		{ o->st.node_networks, on_node },
	};
	int r = 0;

	m->loop = o->loop;
	m->o = o;
	m->told = told;
	m->arg = arg;
	m->version = 1;
	bw_list_init(&m->dirty);
	bw_timer_init(&m->flush, o->loop, on_flush, m);
	bw_timer_init(&m->later, o->loop, on_work, m);
	bw_timer_init(&m->linger, o->loop, forget, m);
	bw_defer_init(&m->work, o->loop, on_work, m);
	for (size_t i = 0; r == 0 && i < BW_ARRAY_SIZE(all); i++) {
		r = bw_kube_store_on_change(all[i].store, all[i].fn, m, err);
		if (r == 0)
			r = bw_kube_store_on_sync(all[i].store, on_sync, m, err);
	}
	return r;
}

void page_model_done(struct page_model *m)
{
	if (!m->loop)
		return;
	bw_timer_stop(&m->linger);
	forget(m);
}
