/* SPDX-License-Identifier: Apache-2.0 */
/* What the reflector and the runtime do with a store; everybody else reads <bw/kube_store.h>. */
#pragma once

#include <bw/kube_store.h>

#include "tree.h"

struct bw_loop;

/* Objects that are being collected; they replace the store's at once. */
struct bw_kube_shadow {
	struct bw_kube_tree objects;
};

/* @loop is borrowed: bw_kube_store_on_sync() defers in it. 0; -ENOMEM. */
int bw_kube_store_new(struct bw_loop *loop, const struct bw_kube_kind *kind,
		      struct bw_kube_store **ret, struct bw_err *err);
void bw_kube_store_free(struct bw_kube_store **s);

/* Adds or replaces; @o stays the caller's. -ENOMEM: nothing changed. */
int bw_kube_store_put(struct bw_kube_store *s, struct bw_kube_object *o);
/* Harmless when it is not there. @last: its last state, borrowed; NULL = what the store has. */
void bw_kube_store_remove(struct bw_kube_store *s, const char *namespace, const char *name);

/* 0; -ENOMEM. A later object of the same name replaces. */
int bw_kube_shadow_put(struct bw_kube_shadow *sh, struct bw_kube_object *o);
void bw_kube_shadow_remove(struct bw_kube_shadow *sh, const char *namespace, const char *name);
void bw_kube_shadow_done(struct bw_kube_shadow *sh);

/*
 * Makes the store hold exactly what @sh holds, which is empty afterwards. -ENOMEM: a part has been
 * done, every object is one of the two; the same call once more goes on.
 */
int bw_kube_store_replace(struct bw_kube_store *s, struct bw_kube_shadow *sh);

/* Everything up to @rv has been seen; @reset = also when that is less than before. */
void bw_kube_store_saw(struct bw_kube_store *s, const char *rv, int reset);
/* A list of @rv is about to replace everything: handlers of bw_kube_store_on_back() if it goes
 * back. */
void bw_kube_store_comes(struct bw_kube_store *s, const char *rv);
/* The first sync is done: handlers of bw_kube_store_on_sync() are called, once. */
void bw_kube_store_set_synced(struct bw_kube_store *s);

/* Bytes of the objects' texts. */
size_t bw_kube_store_bytes(const struct bw_kube_store *s);
