/* SPDX-License-Identifier: Apache-2.0 */
/* The cache of one kind: objects by (namespace, name), indexes, and who is told of changes. */
#include <assert.h>
#include <string.h>

#include <bw/err.h>
#include <bw/list.h>
#include <bw/loop.h>

#include "index.h"
#include "store.h"

struct key {
	const char *namespace;
	const char *name;
};

struct handler {
	struct handler *next;
	bw_kube_change_fn fn;
	void *arg;
};

struct on_back {
	struct on_back *next;
	void (*fn)(void *arg);
	void *arg;
};

struct on_sync {
	struct on_sync *next;
	struct bw_defer defer;
};

struct bw_kube_store {
	struct bw_loop *loop;
	const struct bw_kube_kind *kind;
	struct bw_kube_tree entries;
	struct bw_kube_index *indexes;
	struct handler *handlers;
	struct on_back *on_back;
	struct on_sync *on_sync;
	size_t bytes;
	int synced;
	char rv[BW_KUBE_RV_MAX + 1];
};

static struct bw_kube_entry *entry_of(const struct bw_kube_node *n)
{
	return n ? BW_CONTAINER_OF(n, struct bw_kube_entry, node) : NULL;
}

static int entry_cmp(const void *key, const struct bw_kube_node *n)
{
	const struct key *k = key;
	const struct bw_kube_object *o = entry_of(n)->object;
	int c = strcmp(k->namespace, o->namespace);

	return c ? c : strcmp(k->name, o->name);
}

int bw_kube_store_new(struct bw_loop *loop, const struct bw_kube_kind *kind,
		      struct bw_kube_store **ret, struct bw_err *err)
{
	struct bw_kube_store *s = calloc(1, sizeof(*s));

	if (!s)
		return bw_fail(err, ENOMEM, "make a store of %s", kind->plural);
	s->loop = loop;
	s->kind = kind;
	*ret = s;
	return 0;
}

static void entry_free(struct bw_kube_entry *e)
{
	bw_kube_object_unref(&e->object);
	free(e);
}

void bw_kube_store_free(struct bw_kube_store **store)
{
	struct bw_kube_store *s = *store;

	if (!s)
		return;
	while (s->entries.root) {
		struct bw_kube_entry *e = entry_of(s->entries.root);
		struct key k = { e->object->namespace, e->object->name };

		(void)bw_kube_tree_remove(&s->entries, entry_cmp, &k); /* e itself, ignoring */
		bw_kube_postings_drop(e);
		entry_free(e);
	}
	bw_kube_indexes_free(&s->indexes);
	while (s->handlers) {
		struct handler *h = s->handlers;

		s->handlers = h->next;
		free(h);
	}
	while (s->on_back) {
		struct on_back *h = s->on_back;

		s->on_back = h->next;
		free(h);
	}
	while (s->on_sync) {
		struct on_sync *h = s->on_sync;

		s->on_sync = h->next;
		bw_defer_stop(&h->defer);
		free(h);
	}
	free(s);
	*store = NULL;
}

const struct bw_kube_kind *bw_kube_store_kind(const struct bw_kube_store *s)
{
	return s->kind;
}

int bw_kube_store_synced(const struct bw_kube_store *s)
{
	return s->synced;
}

const char *bw_kube_store_rv(const struct bw_kube_store *s)
{
	return s->rv;
}

size_t bw_kube_store_count(const struct bw_kube_store *s)
{
	return s->entries.count;
}

size_t bw_kube_store_bytes(const struct bw_kube_store *s)
{
	return s->bytes;
}

static struct bw_kube_entry *find(const struct bw_kube_store *s, const char *namespace,
				  const char *name)
{
	struct key k = { namespace ? namespace : "", name };

	return entry_of(bw_kube_tree_find(&s->entries, entry_cmp, &k));
}

struct bw_kube_object *bw_kube_store_get(const struct bw_kube_store *s, const char *namespace,
					 const char *name)
{
	struct bw_kube_entry *e = find(s, namespace, name);

	return e ? e->object : NULL;
}

int bw_kube_store_each(const struct bw_kube_store *s, const char *namespace, bw_kube_object_fn fn,
		       void *arg)
{
	struct key from = { namespace, "" };
	struct bw_kube_walk w;
	struct bw_kube_entry *e;

	bw_kube_walk_start(&w, &s->entries, namespace ? entry_cmp : NULL, &from);
	while ((e = entry_of(bw_kube_walk_next(&w))) != NULL) {
		int r;

		if (namespace && strcmp(e->object->namespace, namespace) != 0)
			break;
		r = fn(e->object, arg);
		if (r)
			return r;
	}
	return 0;
}

int bw_kube_store_index(struct bw_kube_store *s, const char *index, bw_kube_index_fn keys,
			struct bw_err *err)
{
	assert(!s->entries.count);
	return bw_kube_index_add(&s->indexes, index, keys, err);
}

int bw_kube_store_find(const struct bw_kube_store *s, const char *index, const char *key,
		       bw_kube_object_fn fn, void *arg)
{
	return bw_kube_index_find(s->indexes, index, key, fn, arg);
}

int bw_kube_store_on_change(struct bw_kube_store *s, bw_kube_change_fn fn, void *arg,
			    struct bw_err *err)
{
	struct handler **end = &s->handlers;
	struct handler *h = calloc(1, sizeof(*h));

	if (!h)
		return bw_fail(err, ENOMEM, "hear of changes of %s", s->kind->plural);
	h->fn = fn;
	h->arg = arg;
	while (*end)
		end = &(*end)->next;
	*end = h;
	return 0;
}

int bw_kube_store_on_back(struct bw_kube_store *s, void (*fn)(void *arg), void *arg,
			  struct bw_err *err)
{
	struct on_back *h = calloc(1, sizeof(*h));

	if (!h)
		return bw_fail(err, ENOMEM, "hear of restores of %s", s->kind->plural);
	*h = (struct on_back){ .next = s->on_back, .fn = fn, .arg = arg };
	s->on_back = h;
	return 0;
}

void bw_kube_store_comes(struct bw_kube_store *s, const char *rv)
{
	if (!s->synced || bw_kube_rv_cmp(rv, s->rv) >= 0)
		return;
	for (struct on_back *h = s->on_back; h; h = h->next)
		h->fn(h->arg);
}

int bw_kube_store_on_sync(struct bw_kube_store *s, void (*fn)(void *arg), void *arg,
			  struct bw_err *err)
{
	struct on_sync **end = &s->on_sync;
	struct on_sync *h = calloc(1, sizeof(*h));

	if (!h)
		return bw_fail(err, ENOMEM, "hear of the first sync of %s", s->kind->plural);
	bw_defer_init(&h->defer, s->loop, fn, arg);
	while (*end)
		end = &(*end)->next;
	*end = h;
	if (s->synced)
		bw_defer_call(&h->defer);
	return 0;
}

void bw_kube_store_set_synced(struct bw_kube_store *s)
{
	if (s->synced)
		return;
	s->synced = 1;
	for (struct on_sync *h = s->on_sync; h; h = h->next)
		bw_defer_call(&h->defer);
}

void bw_kube_store_saw(struct bw_kube_store *s, const char *rv, int reset)
{
	size_t len = strnlen(rv, BW_KUBE_RV_MAX);

	if (!reset && bw_kube_rv_cmp(rv, s->rv) <= 0)
		return;
	memcpy(s->rv, rv, len);
	s->rv[len] = '\0';
}

static void tell(struct bw_kube_store *s, struct bw_kube_object *old, struct bw_kube_object *now)
{
	for (struct handler *h = s->handlers; h; h = h->next)
		h->fn(old, now, h->arg);
}

/* Whether anything a reader could see has changed but the resourceVersion. */
static int differs(const struct bw_kube_object *a, const struct bw_kube_object *b)
{
	return a->hash != b->hash || a->generation != b->generation || a->deleting != b->deleting;
}

static int add(struct bw_kube_store *s, struct bw_kube_object *o)
{
	struct bw_kube_entry *e = calloc(1, sizeof(*e));
	struct key k = { o->namespace, o->name };
	int r;

	if (!e)
		return -ENOMEM;
	r = bw_kube_postings_replace(s->indexes, e, o);
	if (r < 0) {
		free(e);
		return r;
	}
	e->object = bw_kube_object_ref(o);
	(void)bw_kube_tree_insert(&s->entries, entry_cmp, &k, &e->node); /* is new, ignoring */
	s->bytes += o->size;
	tell(s, NULL, o);
	return 0;
}

int bw_kube_store_put(struct bw_kube_store *s, struct bw_kube_object *o)
{
	struct bw_kube_entry *e = find(s, o->namespace, o->name);
	struct bw_kube_object *old;
	int r;

	if (e && strcmp(e->object->uid, o->uid) != 0) {
		/* Another object of that name: the old one has gone and nobody told us. */
		bw_kube_store_remove(s, o->namespace, o->name);
		e = NULL;
	}
	if (!e)
		return add(s, o);
	if (!strcmp(e->object->rv, o->rv) && !differs(e->object, o))
		return 0;
	r = bw_kube_postings_replace(s->indexes, e, o);
	if (r < 0)
		return r;
	old = e->object;
	s->bytes += o->size - old->size;
	e->object = bw_kube_object_ref(o);
	if (differs(old, o))
		tell(s, old, o);
	bw_kube_object_unref(&old);
	return 0;
}

void bw_kube_store_remove(struct bw_kube_store *s, const char *namespace, const char *name)
{
	struct key k = { namespace ? namespace : "", name };
	struct bw_kube_entry *e = entry_of(bw_kube_tree_remove(&s->entries, entry_cmp, &k));

	if (!e)
		return;
	bw_kube_postings_drop(e);
	s->bytes -= e->object->size;
	tell(s, e->object, NULL);
	entry_free(e);
}

int bw_kube_shadow_put(struct bw_kube_shadow *sh, struct bw_kube_object *o)
{
	struct key k = { o->namespace, o->name };
	struct bw_kube_entry *e = entry_of(bw_kube_tree_find(&sh->objects, entry_cmp, &k));
	struct bw_kube_object *old;

	if (e) {
		old = e->object;
		e->object = bw_kube_object_ref(o);
		bw_kube_object_unref(&old);
		return 0;
	}
	e = calloc(1, sizeof(*e));
	if (!e)
		return -ENOMEM;
	e->object = bw_kube_object_ref(o);
	(void)bw_kube_tree_insert(&sh->objects, entry_cmp, &k, &e->node); /* is new, ignoring */
	return 0;
}

void bw_kube_shadow_remove(struct bw_kube_shadow *sh, const char *namespace, const char *name)
{
	struct key k = { namespace ? namespace : "", name };
	struct bw_kube_entry *e = entry_of(bw_kube_tree_remove(&sh->objects, entry_cmp, &k));

	if (e)
		entry_free(e);
}

void bw_kube_shadow_done(struct bw_kube_shadow *sh)
{
	while (sh->objects.root) {
		const struct bw_kube_object *o = entry_of(sh->objects.root)->object;

		bw_kube_shadow_remove(sh, o->namespace, o->name);
	}
}

/* The first object of the store that @sh lacks, after the one before; NULL = there is none. */
static const struct bw_kube_object *missing(const struct bw_kube_store *s,
					    const struct bw_kube_shadow *sh, struct key *after)
{
	struct bw_kube_walk w;
	struct bw_kube_entry *e;

	bw_kube_walk_start(&w, &s->entries, after->name ? entry_cmp : NULL, after);
	while ((e = entry_of(bw_kube_walk_next(&w))) != NULL) {
		struct key k = { e->object->namespace, e->object->name };

		if (!bw_kube_tree_find(&sh->objects, entry_cmp, &k))
			return e->object;
	}
	return NULL;
}

int bw_kube_store_replace(struct bw_kube_store *s, struct bw_kube_shadow *sh)
{
	struct bw_kube_object *gone = NULL;
	const struct bw_kube_object *o;
	struct key after = { NULL, NULL };
	struct bw_kube_walk w;
	struct bw_kube_entry *e;

	while ((o = missing(s, sh, &after)) != NULL) {
		/* Keeps the texts of the key alive while the walk begins behind it. */
		bw_kube_object_unref(&gone);
		gone = bw_kube_object_ref((struct bw_kube_object *)(uintptr_t)o);
		after = (struct key){ gone->namespace, gone->name };
		bw_kube_store_remove(s, gone->namespace, gone->name);
	}
	bw_kube_object_unref(&gone);
	bw_kube_walk_start(&w, &sh->objects, NULL, NULL);
	while ((e = entry_of(bw_kube_walk_next(&w))) != NULL) {
		int r = bw_kube_store_put(s, e->object);

		if (r < 0)
			return r;
	}
	bw_kube_shadow_done(sh);
	return 0;
}
