/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one visitor looks at: which Units, and the pieces that show them at one moment. Two moments
 * differ by pieces; where their order differs, by a whole part of the page.
 */
#pragma once

#include <bw/kube_kind.h>

#include "model.h"

#define PAGE_ROWS_MAX 200 /* Units on one page */
#define PAGE_WAITS_MAX 50
#define PAGE_NUMBER_MAX 100000 /* pages */

struct page_view {
	char node[BW_KUBE_NAME_MAX + 1]; /* "" = all */
	char ns[BW_KUBE_NS_MAX + 1]; /* "" = all */
	unsigned int page; /* from 1 */
};

/**
 * page_view_set() - read one parameter of an address
 * @v: begins zeroed with .page 1
 * @key: node, namespace, page; others mean nothing
 * @value: NULL = none
 *
 * Return: 0; -EINVAL what no node, namespace or page can be called.
 */
int page_view_set(struct page_view *v, const char *key, const char *value);

/* The view as an address: "", or "?node=a&amp;page=2" with another page; 0 leaves it out. */
void page_view_put(struct page_html *h, const struct page_view *v, unsigned int page);

enum page_part { /* of the page, in this order */
		 PAGE_SUMS,
		 PAGE_WAITS,
		 PAGE_UNITS,
		 PAGE_POOLS,
		 PAGE_PART_MAX_,
};

struct page_ref {
	uint64_t id;
	uint64_t hash;
	const struct page_piece *piece; /* borrowed until the model changes */
	uint8_t is_node; /* a node's head: a table begins */
};

struct page_list {
	struct page_ref *v; /* owned */
	size_t n;
	size_t cap;
};

/* Zeroed is what somebody has seen who has seen nothing. */
struct page_shot {
	struct page_list parts[PAGE_PART_MAX_];
	struct page_piece pager; /* owned, as the next two */
	struct page_piece more_waits;
	struct page_piece more_pools;
};

/* NULL-safe. */
void page_shot_done(struct page_shot *s);

/* @m is loaded and settled. 0; -ENOMEM. */
int page_shot_take(const struct page_model *m, const struct page_view *v, struct page_shot *ret);

/* One part whole, without a line break. */
void page_shot_part(struct page_html *h, const struct page_shot *s, enum page_part part);

/* What is in @now and not in @before (NULL = nobody knows what), as lines of an event; how many. */
size_t page_shot_diff(struct page_html *h, const struct page_shot *before,
		      const struct page_shot *now);
