/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every object of an API server has: its metadata, conditions, label selectors. The structs
 * of the kinds themselves are generated from conf/crds and conf/kinds (<gen/net.h>, <gen/k8s.h>)
 * and use these.
 *
 * I1 Strings point into the document that was decoded, which the struct of the object owns: they
 *    live until its bw_..._done().
 * I2 A string that was not given is NULL, but namespace, name, uid and rv of the metadata: "".
 */
#pragma once

#include <string.h>

#include <bw/json.h>

struct bw_err;

/* A typed struct bw_json_list: @n of @items, owned by the object. */
#define BW_KUBE_LIST(type)                                                                         \
	struct __attribute__((may_alias)) {                                                        \
		__typeof__(type) *items;                                                           \
		size_t n;                                                                          \
	}

struct bw_kube_pair {
	const char *key;
	const char *value;
};

struct bw_kube_owner {
	const char *api_version;
	const char *kind;
	const char *name;
	const char *uid;
	uint8_t controller;
	uint8_t block_owner_deletion;
};

struct bw_kube_meta {
	const char *namespace;
	const char *name;
	const char *uid;
	const char *rv;
	int64_t generation;
	const char
		*creation_timestamp; /* RFC 3339 in UTC to the second: byte order is time order */
	const char *deletion_timestamp;
	uint8_t deleting; /* deletionTimestamp is set */
	BW_KUBE_LIST(struct bw_kube_pair) labels;
	BW_KUBE_LIST(struct bw_kube_pair) annotations;
	BW_KUBE_LIST(struct bw_kube_owner) owners;
	BW_KUBE_LIST(const char *) finalizers;
};

struct bw_kube_condition {
	const char *type;
	const char *status; /* True, False, Unknown */
	const char *reason;
	const char *message;
	int64_t observed_generation; /* 0 = not given */
	const char *last_transition_time;
};

struct bw_kube_expression {
	const char *key;
	const char *op; /* In, NotIn, Exists, DoesNotExist; of nodes also Gt, Lt */
	BW_KUBE_LIST(const char *) values;
};

struct bw_kube_selector {
	BW_KUBE_LIST(struct bw_kube_pair) labels; /* matchLabels */
	BW_KUBE_LIST(struct bw_kube_expression) expressions;
};

extern const struct bw_json_table bw_kube_meta_table;
extern const struct bw_json_table bw_kube_owner_table;
extern const struct bw_json_table bw_kube_condition_table;
extern const struct bw_json_table bw_kube_selector_table;
extern const struct bw_json_table bw_kube_expression_table;

/*
 * For a CUSTOM field: an object of strings, into a BW_KUBE_LIST(struct bw_kube_pair).
 * Return: 0; -EINVAL class INVALID; -ENOMEM.
 */
int bw_kube_pairs_decode(const struct cJSON *json, const struct bw_json_path *path, void *member,
			 struct bw_err *err);
void bw_kube_pairs_done(void *member);

/* Value of a key; NULL when it is not there. Borrowed. */
const char *bw_kube_pair_get(const struct bw_kube_pair *pairs, size_t n, const char *key);

static inline const char *bw_kube_label(const struct bw_kube_meta *m, const char *key)
{
	return bw_kube_pair_get(m->labels.items, m->labels.n, key);
}

static inline const char *bw_kube_annotation(const struct bw_kube_meta *m, const char *key)
{
	return bw_kube_pair_get(m->annotations.items, m->annotations.n, key);
}

/* Whether the metadata name a finalizer. */
int bw_kube_has_finalizer(const struct bw_kube_meta *m, const char *name);

/* The owner with controller: true; NULL when there is none. Borrowed. */
const struct bw_kube_owner *bw_kube_controller_of(const struct bw_kube_meta *m);

/* The condition of a type; NULL when it is not there. Borrowed. */
const struct bw_kube_condition *bw_kube_condition_get(const struct bw_kube_condition *conditions,
						      size_t n, const char *type);

/**
 * bw_kube_selector_match() - whether labels fit a selector
 * @s: an empty one fits everything
 * @labels: of the object
 * @n: how many
 *
 * Gt and Lt compare as integers. An operator that is not known fits nothing.
 * Source: Kubernetes API, meta/v1 LabelSelector and core/v1 NodeSelectorRequirement.
 */
int bw_kube_selector_match(const struct bw_kube_selector *s, const struct bw_kube_pair *labels,
			   size_t n);
int bw_kube_expression_match(const struct bw_kube_expression *e, const struct bw_kube_pair *labels,
			     size_t n);

/**
 * bw_kube_object_decode() - parse a text and fill the struct of its kind
 * @text: of one object; not kept
 * @size: bytes
 * @table: of the kind
 * @ret_doc: the document that the strings of @ret point into, the caller's
 * @ret: zeroed by the caller
 *
 * Used by what is generated. After a failure nothing is owned and *@ret_doc is NULL.
 * Return: 0; -EBADMSG class DECODE no JSON; -EINVAL class INVALID a wrong type or bound, with its
 * path; -ENOMEM.
 */
int bw_kube_object_decode(const char *text, size_t size, const struct bw_json_table *table,
			  struct cJSON **ret_doc, void *ret, struct bw_err *err);
