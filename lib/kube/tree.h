/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An ordered set of nodes that live in their owners (AVL): stores, indexes and queues walk it in
 * the order of their keys, so that equal runs do equal things.
 */
#pragma once

#include <bw/defs.h>

#define BW_KUBE_TREE_DEPTH_MAX 48 /* an AVL tree of 2^32 nodes is at most 46 deep */

struct bw_kube_node {
	struct bw_kube_node *kid[2];
	int height;
};

struct bw_kube_tree {
	struct bw_kube_node *root;
	size_t count;
};

/* Compares what is looked for with a node: <0, 0, >0. */
typedef int (*bw_kube_tree_cmp)(const void *key, const struct bw_kube_node *n);

/* The node equal to @key; NULL when there is none. */
struct bw_kube_node *bw_kube_tree_find(const struct bw_kube_tree *t, bw_kube_tree_cmp cmp,
				       const void *key);

/* Puts @n in under @key. Return: NULL; the node that is there already, and nothing changed. */
struct bw_kube_node *bw_kube_tree_insert(struct bw_kube_tree *t, bw_kube_tree_cmp cmp,
					 const void *key, struct bw_kube_node *n);

/* Takes the node equal to @key out; NULL when there is none. */
struct bw_kube_node *bw_kube_tree_remove(struct bw_kube_tree *t, bw_kube_tree_cmp cmp,
					 const void *key);

/* A walk in ascending order. The tree must not change meanwhile. */
struct bw_kube_walk {
	struct bw_kube_node *path[BW_KUBE_TREE_DEPTH_MAX];
	int n;
};

/* Begins at the first node that is not smaller than @key; @cmp NULL begins at the smallest. */
void bw_kube_walk_start(struct bw_kube_walk *w, const struct bw_kube_tree *t, bw_kube_tree_cmp cmp,
			const void *key);
/* The next node; NULL at the end. */
struct bw_kube_node *bw_kube_walk_next(struct bw_kube_walk *w);
