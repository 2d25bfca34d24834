/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cache of one kind (and selector): compact JSON texts by namespace and name, with indexes,
 * kept up to date by a reflector.
 *
 * I1 What was read once stays readable: after the first sync a store is never empty because a list
 *    failed.
 * I2 An object is immutable; a change replaces it. Who keeps one takes a reference.
 * I3 Handlers see every change after the store and its indexes have it.
 */
#pragma once

#include <bw/defs.h>
#include <bw/kube_kind.h>

struct bw_err;
struct bw_kube_store;

/* Texts lie behind the struct in one block. */
struct bw_kube_object {
	unsigned int refs;
	const struct bw_kube_kind *kind;
	const char *namespace; /* "" = cluster-scoped */
	const char *name;
	const char *uid;
	const char *rv;
	int64_t generation;
	uint8_t deleting; /* deletionTimestamp is set */
	uint64_t hash; /* of the text without resourceVersion */
	const char *text; /* compact JSON without managedFields and last-applied, NUL-terminated */
	size_t size;
};

/* One more reference; returns @o. */
struct bw_kube_object *bw_kube_object_ref(struct bw_kube_object *o);
/* NULL-safe; nulls the pointer. */
void bw_kube_object_unref(struct bw_kube_object **o);

/**
 * bw_kube_object_new() - an object from the server's text
 * @kind: static
 * @text: of one object, as it came
 * @size: bytes
 * @ret: a reference, the caller's
 *
 * Return: 0; -EBADMSG class DECODE no object, or without name and resourceVersion; -ENOMEM.
 */
int bw_kube_object_new(const struct bw_kube_kind *kind, const char *text, size_t size,
		       struct bw_kube_object **ret, struct bw_err *err);

/* What it is a store of. */
const struct bw_kube_kind *bw_kube_store_kind(const struct bw_kube_store *s);
/* Whether the first sync is done; never turns false again. */
int bw_kube_store_synced(const struct bw_kube_store *s);
/* The largest resourceVersion seen, events and bookmarks; "" before the first. Borrowed. */
const char *bw_kube_store_rv(const struct bw_kube_store *s);
size_t bw_kube_store_count(const struct bw_kube_store *s);

/* Borrowed until the next round of the loop; NULL = none. @namespace NULL or "" = cluster-scoped.
 */
struct bw_kube_object *bw_kube_store_get(const struct bw_kube_store *s, const char *namespace,
					 const char *name);

/* Return 0 to go on, anything else ends the walk and is its result. The store must not change. */
typedef int (*bw_kube_object_fn)(struct bw_kube_object *o, void *arg);
/* By (namespace, name) in byte order: equal runs walk equally. @namespace NULL = all. */
int bw_kube_store_each(const struct bw_kube_store *s, const char *namespace, bw_kube_object_fn fn,
		       void *arg);

/* @put is called for every key that @o has under an index, at most 256 of them. */
typedef void (*bw_kube_index_put)(void *to, const char *key);
typedef void (*bw_kube_index_fn)(const struct bw_kube_object *o, bw_kube_index_put put, void *to);
/**
 * bw_kube_store_index() - find objects by something else than their name
 * @s: store without objects
 * @index: the index's name; static
 * @keys: says an object's keys; is called again whenever the object changes
 *
 * Return: 0; -ENOMEM.
 */
int bw_kube_store_index(struct bw_kube_store *s, const char *index, bw_kube_index_fn keys,
			struct bw_err *err);
int bw_kube_store_find(const struct bw_kube_store *s, const char *index, const char *key,
		       bw_kube_object_fn fn, void *arg);

/* @old NULL = added, @now NULL = deleted (then @old is its last state). Both borrowed. */
typedef void (*bw_kube_change_fn)(struct bw_kube_object *old, struct bw_kube_object *now,
				  void *arg);
/* Called for every change, in the order they were registered. 0; -ENOMEM. */
int bw_kube_store_on_change(struct bw_kube_store *s, bw_kube_change_fn fn, void *arg,
			    struct bw_err *err);
/*
 * Called before a list takes the store back to a smaller resourceVersion than it has shown, and so
 * before any change of it: the server was restored from an older state. A list from a server that
 * is merely behind never comes so far (lib/kube/watch.h). 0; -ENOMEM.
 */
int bw_kube_store_on_back(struct bw_kube_store *s, void (*fn)(void *arg), void *arg,
			  struct bw_err *err);
/* Called once when the first sync is done; at once (by defer) when it is already. 0; -ENOMEM. */
int bw_kube_store_on_sync(struct bw_kube_store *s, void (*fn)(void *arg), void *arg,
			  struct bw_err *err);
