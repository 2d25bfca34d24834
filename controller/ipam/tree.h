/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The used addresses of one domain and family, ordered, with the size of every subtree: how many
 * are used between two addresses, and which is the k-th free one, in the logarithm of what is used.
 * A treap whose priorities are a hash of the key: the same keys make the same tree.
 */
#pragma once

#include <bw/defs.h>

/* Lives in its owner. */
struct ctl_tree_node {
	struct ctl_tree_node *left;
	struct ctl_tree_node *right;
	unsigned __int128 key; /* bw_ip_value() */
	uint64_t priority;
	uint32_t size; /* of the subtree */
	uint32_t n_marked; /* of the subtree */
	uint8_t marked; /* the owner's: an address that cools */
};

/* Zeroed is empty. Nodes are borrowed. */
struct ctl_tree {
	struct ctl_tree_node *root;
};

/**
 * ctl_tree_insert() - enter a used address
 * @n: idle, .marked set; the tree's until ctl_tree_remove()
 * @key: the address
 *
 * Return: 0; -EEXIST the key is there, nothing was changed.
 */
int ctl_tree_insert(struct ctl_tree *t, struct ctl_tree_node *n, unsigned __int128 key);

/* Takes out the node of this key; NULL when there is none. */
struct ctl_tree_node *ctl_tree_remove(struct ctl_tree *t, unsigned __int128 key);

/* The node of this key; NULL when the address is free. Borrowed. */
struct ctl_tree_node *ctl_tree_find(const struct ctl_tree *t, unsigned __int128 key);

/* Changes the mark of a node that is in the tree. */
void ctl_tree_mark(struct ctl_tree *t, struct ctl_tree_node *n, int marked);

/* How many used addresses, and how many marked ones, lie in [@first, @last]. */
size_t ctl_tree_count(const struct ctl_tree *t, unsigned __int128 first, unsigned __int128 last);
size_t ctl_tree_count_marked(const struct ctl_tree *t, unsigned __int128 first,
			     unsigned __int128 last);

/**
 * ctl_tree_kth_free() - the free address with exactly @k free ones before it
 * @first: first address that counts
 * @last: last one; [0, 2^128 - 1] is allowed
 * @k: from 0
 * @ret: untouched on failure
 *
 * Return: 0; -ENOENT there are no more than @k.
 */
int ctl_tree_kth_free(const struct ctl_tree *t, unsigned __int128 first, unsigned __int128 last,
		      unsigned __int128 k, unsigned __int128 *ret);
