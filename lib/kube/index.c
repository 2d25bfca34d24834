/* SPDX-License-Identifier: Apache-2.0 */
/* What points from a key to objects. Memory first, then changes, so that a failure changes nothing.
 */
#include <string.h>

#include <bw/err.h>

#include "index.h"

struct bw_kube_posting {
	struct bw_kube_node node;
	struct bw_kube_posting *next; /* of the same entry */
	struct bw_kube_index *index;
	struct bw_kube_entry *entry;
	const char *namespace; /* the object's; borrowed, replaced with it */
	const char *name;
	char key[];
};

struct key {
	const char *key;
	const char *namespace;
	const char *name;
};

struct collector {
	struct bw_kube_index *index;
	struct bw_kube_entry *entry;
	const struct bw_kube_object *object;
	struct bw_kube_posting *list;
	unsigned int n;
	int failed;
};

static struct bw_kube_posting *posting_of(const struct bw_kube_node *n)
{
	return n ? BW_CONTAINER_OF(n, struct bw_kube_posting, node) : NULL;
}

static int posting_cmp(const void *key, const struct bw_kube_node *n)
{
	const struct key *k = key;
	const struct bw_kube_posting *p = BW_CONTAINER_OF(n, const struct bw_kube_posting, node);
	int c = strcmp(k->key, p->key);

	if (!c)
		c = strcmp(k->namespace, p->namespace);
	return c ? c : strcmp(k->name, p->name);
}

int bw_kube_index_add(struct bw_kube_index **all, const char *name, bw_kube_index_fn keys,
		      struct bw_err *err)
{
	struct bw_kube_index *ix = calloc(1, sizeof(*ix));

	if (!ix)
		return bw_fail(err, ENOMEM, "make the index %s", name);
	ix->name = name;
	ix->keys = keys;
	ix->next = *all;
	*all = ix;
	return 0;
}

void bw_kube_indexes_free(struct bw_kube_index **all)
{
	while (*all) {
		struct bw_kube_index *ix = *all;

		*all = ix->next;
		free(ix);
	}
}

int bw_kube_index_find(const struct bw_kube_index *all, const char *name, const char *key,
		       bw_kube_object_fn fn, void *arg)
{
	struct key from = { key, "", "" };
	struct bw_kube_posting *p;
	struct bw_kube_walk w;

	while (all && strcmp(all->name, name) != 0)
		all = all->next;
	if (!all)
		return 0;
	bw_kube_walk_start(&w, &all->postings, posting_cmp, &from);
	while ((p = posting_of(bw_kube_walk_next(&w))) != NULL && !strcmp(p->key, key)) {
		int r = fn(p->entry->object, arg);

		if (r)
			return r;
	}
	return 0;
}

static void collect(void *to, const char *key)
{
	struct collector *c = to;
	struct bw_kube_posting *p;
	size_t size = strlen(key) + 1;

	if (c->failed || c->n == BW_KUBE_INDEX_KEYS_MAX)
		return;
	p = malloc(sizeof(*p) + size);
	if (!p) {
		c->failed = 1;
		return;
	}
	*p = (struct bw_kube_posting){ .next = c->list,
				       .index = c->index,
				       .entry = c->entry,
				       .namespace = c->object->namespace,
				       .name = c->object->name };
	memcpy(p->key, key, size);
	c->list = p;
	c->n++;
}

static void free_list(struct bw_kube_posting *list)
{
	while (list) {
		struct bw_kube_posting *p = list;

		list = p->next;
		free(p);
	}
}

int bw_kube_postings_replace(struct bw_kube_index *all, struct bw_kube_entry *e,
			     const struct bw_kube_object *o)
{
	struct collector c = { .entry = e, .object = o };

	for (struct bw_kube_index *ix = all; ix; ix = ix->next) {
		c.index = ix;
		c.n = 0;
		ix->keys(o, collect, &c);
	}
	if (c.failed) {
		free_list(c.list);
		return -ENOMEM;
	}
	bw_kube_postings_drop(e);
	while (c.list) {
		struct bw_kube_posting *p = c.list;
		struct key k = { p->key, p->namespace, p->name };

		c.list = p->next;
		if (bw_kube_tree_insert(&p->index->postings, posting_cmp, &k, &p->node)) {
			free(p); /* a key that was given twice */
			continue;
		}
		p->next = e->postings;
		e->postings = p;
	}
	return 0;
}

void bw_kube_postings_drop(struct bw_kube_entry *e)
{
	for (struct bw_kube_posting *p = e->postings; p; p = p->next) {
		struct key k = { p->key, p->namespace, p->name };

		(void)bw_kube_tree_remove(&p->index->postings, posting_cmp, &k); /* p, ignoring */
	}
	free_list(e->postings);
	e->postings = NULL;
}
