/* SPDX-License-Identifier: Apache-2.0 */
/* The indexes of a store: for each a tree of (key, namespace, name). Private to the store. */
#pragma once

#include <bw/kube_store.h>

#include "tree.h"

#define BW_KUBE_INDEX_KEYS_MAX 256 /* of one object in one index; more are left out */

struct bw_kube_posting;

/* An object's place in the store. */
struct bw_kube_entry {
	struct bw_kube_node node;
	struct bw_kube_object *object;
	struct bw_kube_posting *postings; /* in all indexes */
};

struct bw_kube_index {
	struct bw_kube_index *next;
	const char *name; /* the caller's, static */
	bw_kube_index_fn keys;
	struct bw_kube_tree postings;
};

int bw_kube_index_add(struct bw_kube_index **all, const char *name, bw_kube_index_fn keys,
		      struct bw_err *err);
void bw_kube_indexes_free(struct bw_kube_index **all);
/* Unknown indexes and keys find nothing. */
int bw_kube_index_find(const struct bw_kube_index *all, const char *name, const char *key,
		       bw_kube_object_fn fn, void *arg);

/* @e will hold @o from now on. -ENOMEM: nothing changed. */
int bw_kube_postings_replace(struct bw_kube_index *all, struct bw_kube_entry *e,
			     const struct bw_kube_object *o);
void bw_kube_postings_drop(struct bw_kube_entry *e);
