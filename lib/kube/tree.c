/* SPDX-License-Identifier: Apache-2.0 */
/* An AVL tree of intrusive nodes, without recursion and without pointers upward. */
#include <assert.h>

#include "tree.h"

static int height(const struct bw_kube_node *n)
{
	return n ? n->height : 0;
}

static void measure(struct bw_kube_node *n)
{
	int left = height(n->kid[0]);
	int right = height(n->kid[1]);

	n->height = 1 + (left > right ? left : right);
}

/* The child on side @up takes its parent's place. */
static void rotate(struct bw_kube_node **link, int up)
{
	struct bw_kube_node *n = *link;
	struct bw_kube_node *kid = n->kid[up];

	n->kid[up] = kid->kid[!up];
	kid->kid[!up] = n;
	measure(n);
	measure(kid);
	*link = kid;
}

static void balance(struct bw_kube_node **link)
{
	struct bw_kube_node *n = *link;
	int lean = height(n->kid[1]) - height(n->kid[0]);
	int side = lean > 0;

	if (lean > 1 || lean < -1) {
		struct bw_kube_node *kid = n->kid[side];

		if (height(kid->kid[side]) < height(kid->kid[!side]))
			rotate(&n->kid[side], !side);
		rotate(link, side);
	} else {
		measure(n);
	}
}

struct bw_kube_node *bw_kube_tree_find(const struct bw_kube_tree *t, bw_kube_tree_cmp cmp,
				       const void *key)
{
	struct bw_kube_node *n = t->root;

	while (n) {
		int c = cmp(key, n);

		if (!c)
			return n;
		n = n->kid[c > 0];
	}
	return NULL;
}

struct bw_kube_node *bw_kube_tree_insert(struct bw_kube_tree *t, bw_kube_tree_cmp cmp,
					 const void *key, struct bw_kube_node *n)
{
	struct bw_kube_node **path[BW_KUBE_TREE_DEPTH_MAX];
	struct bw_kube_node **link = &t->root;
	int depth = 0;

	while (*link) {
		int c = cmp(key, *link);

		if (!c)
			return *link;
		assert(depth < BW_KUBE_TREE_DEPTH_MAX);
		path[depth++] = link;
		link = &(*link)->kid[c > 0];
	}
	n->kid[0] = NULL;
	n->kid[1] = NULL;
	n->height = 1;
	*link = n;
	t->count++;
	while (depth)
		balance(path[--depth]);
	return NULL;
}

struct bw_kube_node *bw_kube_tree_remove(struct bw_kube_tree *t, bw_kube_tree_cmp cmp,
					 const void *key)
{
	struct bw_kube_node **path[BW_KUBE_TREE_DEPTH_MAX];
	struct bw_kube_node **link = &t->root;
	struct bw_kube_node *n;
	int depth = 0;
	int c;

	while (*link && (c = cmp(key, *link)) != 0) {
		path[depth++] = link;
		link = &(*link)->kid[c > 0];
	}
	n = *link;
	if (!n)
		return NULL;
	if (!n->kid[1]) {
		*link = n->kid[0];
	} else {
		/* The next larger node takes its place. */
		int here = depth;
		struct bw_kube_node **s = &n->kid[1];
		struct bw_kube_node *next;

		path[depth++] = link;
		while ((*s)->kid[0]) {
			path[depth++] = s;
			s = &(*s)->kid[0];
		}
		next = *s;
		*s = next->kid[1];
		next->kid[0] = n->kid[0];
		next->kid[1] = n->kid[1];
		*link = next;
		if (depth > here + 1)
			path[here + 1] = &next->kid[1];
	}
	while (depth)
		balance(path[--depth]);
	t->count--;
	return n;
}

void bw_kube_walk_start(struct bw_kube_walk *w, const struct bw_kube_tree *t, bw_kube_tree_cmp cmp,
			const void *key)
{
	struct bw_kube_node *n = t->root;

	w->n = 0;
	while (n) {
		int smaller = cmp && cmp(key, n) > 0;

		if (!smaller)
			w->path[w->n++] = n;
		n = n->kid[smaller];
	}
}

struct bw_kube_node *bw_kube_walk_next(struct bw_kube_walk *w)
{
	struct bw_kube_node *n = w->n ? w->path[--w->n] : NULL;

	if (n)
		for (struct bw_kube_node *k = n->kid[1]; k; k = k->kid[0])
			w->path[w->n++] = k;
	return n;
}
