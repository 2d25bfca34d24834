/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small YAML documents read by path. Nothing is walked as a whole, so an alias that points to its
 * own ancestor costs nothing.
 */
#pragma once

#include <yaml.h>

#include <bw/defs.h>

struct bw_err;

#define KUBE_YAML_ITEMS_MAX 10000 /* of one list */

struct kube_yaml {
	yaml_document_t doc;
	int loaded;
};

typedef const yaml_node_t *kube_yaml_node;

/* @what names the document in an error. 0; -EINVAL class INVALID with line and column; -ENOMEM. */
int kube_yaml_load(struct kube_yaml *y, const char *text, size_t size, const char *what,
		   struct bw_err *err);
void kube_yaml_done(struct kube_yaml *y);

/* NULL = an empty document. */
kube_yaml_node kube_yaml_root(struct kube_yaml *y);
/* Value of a mapping's key; NULL when absent or @n is no mapping. NULL-safe. */
kube_yaml_node kube_yaml_get(struct kube_yaml *y, kube_yaml_node n, const char *key);
/* Text of a scalar; NULL when it is none, null or empty. NULL-safe. */
const char *kube_yaml_str(kube_yaml_node n);
/* The same of a key's value. */
const char *kube_yaml_get_str(struct kube_yaml *y, kube_yaml_node n, const char *key);
/* Whether a key's value is true. */
int kube_yaml_get_bool(struct kube_yaml *y, kube_yaml_node n, const char *key);
/* Element @i of a list; NULL behind the end, or when @n is no list. */
kube_yaml_node kube_yaml_at(struct kube_yaml *y, kube_yaml_node n, size_t i);
