/* SPDX-License-Identifier: Apache-2.0 */
/* A treap by split and merge; depth is a few times log2 of the count, so recursion is bounded. */
#include "tree.h"

/* Source: Vigna, "splitmix64", the finalizer. */
static uint64_t mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15ULL;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
	return x ^ (x >> 31);
}

static uint32_t size_of(const struct ctl_tree_node *n)
{
	return n ? n->size : 0;
}

static uint32_t marked_of(const struct ctl_tree_node *n)
{
	return n ? n->n_marked : 0;
}

static void update(struct ctl_tree_node *n)
{
	n->size = 1 + size_of(n->left) + size_of(n->right);
	n->n_marked = n->marked + marked_of(n->left) + marked_of(n->right);
}

/* Keys below @key to @ret_low, the others to @ret_high. */
static void split(struct ctl_tree_node *n, unsigned __int128 key, struct ctl_tree_node **ret_low,
		  struct ctl_tree_node **ret_high)
{
	if (!n) {
		*ret_low = NULL;
		*ret_high = NULL;
		return;
	}
	if (n->key < key) {
		split(n->right, key, &n->right, ret_high);
		*ret_low = n;
	} else {
		split(n->left, key, ret_low, &n->left);
		*ret_high = n;
	}
	update(n);
}

static struct ctl_tree_node *merge(struct ctl_tree_node *low, struct ctl_tree_node *high)
{
	if (!low || !high)
		return low ? low : high;
	if (low->priority > high->priority) {
		low->right = merge(low->right, high);
		update(low);
		return low;
	}
	high->left = merge(low, high->left);
	update(high);
	return high;
}

int ctl_tree_insert(struct ctl_tree *t, struct ctl_tree_node *n, unsigned __int128 key)
{
	struct ctl_tree_node **at = &t->root;

	if (ctl_tree_find(t, key))
		return -EEXIST;
	n->key = key;
	n->priority = mix((uint64_t)key ^ mix((uint64_t)(key >> 64)));
	/* From here down every subtree has one more. */
	while (*at && (*at)->priority >= n->priority) {
		(*at)->size++;
		(*at)->n_marked += n->marked;
		at = key < (*at)->key ? &(*at)->left : &(*at)->right;
	}
	split(*at, key, &n->left, &n->right);
	update(n);
	*at = n;
	return 0;
}

struct ctl_tree_node *ctl_tree_remove(struct ctl_tree *t, unsigned __int128 key)
{
	struct ctl_tree_node *n = ctl_tree_find(t, key);
	struct ctl_tree_node **at = &t->root;

	if (!n)
		return NULL;
	while (*at != n) {
		(*at)->size--;
		(*at)->n_marked -= n->marked;
		at = key < (*at)->key ? &(*at)->left : &(*at)->right;
	}
	*at = merge(n->left, n->right);
	n->left = NULL;
	n->right = NULL;
	return n;
}

struct ctl_tree_node *ctl_tree_find(const struct ctl_tree *t, unsigned __int128 key)
{
	struct ctl_tree_node *n = t->root;

	while (n && n->key != key)
		n = key < n->key ? n->left : n->right;
	return n;
}

void ctl_tree_mark(struct ctl_tree *t, struct ctl_tree_node *n, int marked)
{
	struct ctl_tree_node *at = t->root;

	if (n->marked == !!marked)
		return;
	for (;;) {
		at->n_marked += marked ? 1U : -1U;
		if (at == n)
			break;
		at = n->key < at->key ? at->left : at->right;
	}
	n->marked = !!marked;
}

struct below {
	size_t used;
	size_t marked;
};

/* What lies below @key; with @too what lies at it as well. */
static struct below below(const struct ctl_tree *t, unsigned __int128 key, int too)
{
	struct below b = { 0 };

	for (const struct ctl_tree_node *n = t->root; n;) {
		if (n->key < key || (too && n->key == key)) {
			b.used += 1 + size_of(n->left);
			b.marked += n->marked + marked_of(n->left);
			n = n->right;
		} else {
			n = n->left;
		}
	}
	return b;
}

size_t ctl_tree_count(const struct ctl_tree *t, unsigned __int128 first, unsigned __int128 last)
{
	return below(t, last, 1).used - below(t, first, 0).used;
}

size_t ctl_tree_count_marked(const struct ctl_tree *t, unsigned __int128 first,
			     unsigned __int128 last)
{
	return below(t, last, 1).marked - below(t, first, 0).marked;
}

/*
 * Going right past a used address means that it comes before the answer: it does when no more than
 * @k free ones lie before it. That is monotonic, so one descent counts them all.
 */
int ctl_tree_kth_free(const struct ctl_tree *t, unsigned __int128 first, unsigned __int128 last,
		      unsigned __int128 k, unsigned __int128 *ret)
{
	size_t base = below(t, first, 0).used;
	size_t rank = 0; /* used ones below the present subtree */
	unsigned __int128 passed = 0;

	for (const struct ctl_tree_node *n = t->root; n;) {
		size_t at = rank + size_of(n->left);
		int right = n->key < first;

		if (!right && n->key <= last && n->key - first - (at - base) <= k) {
			right = 1;
			passed = at - base + 1;
		}
		if (right)
			rank = at + 1;
		n = right ? n->right : n->left;
	}
	if (k > last - first || passed > last - first - k)
		return -ENOENT;
	*ret = first + k + passed;
	return 0;
}
